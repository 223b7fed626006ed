//! What parties disclose on the way down and open at the end, and the checks of both.

use crate::{
	source::elements, tree::length, DisclosureError, Layout, Need, Part, Position, Tree, Truth,
};
use alloc::vec::Vec;
use assay_program::{merkle, Hash, SEGMENT};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// The bytes of a null leaf: none. No other leaf is empty.
pub const NULL: &[u8] = &[];

/// The root of a trace: over its body and the output digest, which is the node of `Emit`.
pub fn trace_root(body: &Hash, output: &Hash) -> Hash {
	merkle::node(body, output)
}

/// Something opened: its bytes, and the siblings on the way to its root, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Opening {
	/// The bytes of a leaf, empty where it is null, or all 4096 of a segment.
	pub bytes: Vec<u8>,
	/// The siblings.
	pub path: Vec<Hash>,
}

impl Opening {
	/// What it weighs: bytes and hashes.
	pub fn size(&self) -> u64 {
		let hashes = (self.path.len() as u64).saturating_mul(32);
		hashes.saturating_add(self.bytes.len() as u64)
	}
}

/// The roots that openings are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
	/// The body of either party's trace.
	pub body: Hash,
	/// The job's input digest.
	pub input: Hash,
	/// The model's weights digest.
	pub weights: Hash,
}

impl Layout<'_> {
	/// Whether a leaf of a disclosure with this hash may have these bytes.
	pub fn check_leaf(&self, index: u32, hash: &Hash, bytes: &[u8]) -> Result<(), DisclosureError> {
		let leaf =
			self.leaf(index).ok_or(DisclosureError::NoSuchNode { level: 0, position: index })?;
		self.check_length(index, bytes)?;
		if merkle::leaf(bytes) != *hash {
			return Err(DisclosureError::LeafHash);
		}
		let all = 0..leaf.elements as usize;
		match elements(bytes, leaf.element_bytes as usize, all) {
			Some(elements) => self.check_range(leaf.operator, &elements),
			None => Ok(()),
		}
	}

	fn check_length(&self, index: u32, bytes: &[u8]) -> Result<(), DisclosureError> {
		let leaf =
			self.leaf(index).ok_or(DisclosureError::NoSuchNode { level: 0, position: index })?;
		let (expected, actual) = (leaf.bytes(), length(bytes.len()));
		match actual == 0 || actual == expected {
			true => Ok(()),
			false => Err(DisclosureError::LeafLength { expected, actual }),
		}
	}

	/// Where two leaves differ that passed [`Self::check_leaf`]: at the first element that is not
	/// the same, or in that one of them is null.
	pub fn difference(&self, index: u32, left: &[u8], right: &[u8]) -> Option<Position> {
		let leaf = self.leaf(index)?;
		let first = self.first_element(&leaf)?;
		let at = |place: u64, part| Position {
			step: leaf.step,
			operator: leaf.operator,
			element: first.saturating_add(place),
			part,
		};
		if left == right {
			return None;
		}
		if left.is_empty() || right.is_empty() {
			return Some(at(0, Part::Null));
		}
		let size = (leaf.element_bytes as usize).max(1);
		let mut pairs = left.chunks(size).zip(right.chunks(size));
		let place = pairs.position(|(left, right)| left != right)?;
		Some(at(place as u64, self.first_part(leaf.step, leaf.operator)))
	}

	/// Whether a leaf's bytes say at a position what is true there. For a block's partial, compare
	/// the partials.
	pub fn agrees(&self, position: &Position, truth: &Truth, bytes: &[u8]) -> bool {
		match truth {
			Truth::Null => bytes.is_empty(),
			Truth::Live => !bytes.is_empty(),
			Truth::Element(value) => self.element_in(position, bytes) == Some(*value),
			Truth::Partial(_) => false,
		}
	}

	/// The element of a position in the bytes of its leaf.
	pub fn element_in(&self, position: &Position, bytes: &[u8]) -> Option<i32> {
		let (index, place) = self.leaf_of(position.step, position.operator, position.element)?;
		let size = self.leaf(index)?.element_bytes as usize;
		let place = place as usize;
		elements(bytes, size, place..place.checked_add(1)?)?.first().copied()
	}

	/// The body that the opening of a leaf leads to.
	pub(crate) fn opened_root(
		&self,
		index: u32,
		opening: &Opening,
	) -> Result<Hash, DisclosureError> {
		self.check_length(index, &opening.bytes)?;
		self.tree().root_of(index, merkle::leaf(&opening.bytes), &opening.path)
	}

	/// Whether an opening is what it says, against the root it belongs to.
	pub fn check_opening(
		&self,
		need: Need,
		opening: &Opening,
		roots: &Roots,
	) -> Result<(), DisclosureError> {
		match need {
			Need::Leaf(index) => match self.opened_root(index, opening)? == roots.body {
				true => Ok(()),
				false => Err(DisclosureError::Root),
			},
			Need::Input(segment) => {
				check_segment(segment, self.input_length(), &roots.input, opening)
			},
			Need::Weights(segment) => {
				check_segment(segment, self.program().weights_length(), &roots.weights, opening)
			},
		}
	}
}

/// Checks a segment of a blob against the blob's digest.
fn check_segment(
	segment: u32,
	blob: u64,
	digest: &Hash,
	opening: &Opening,
) -> Result<(), DisclosureError> {
	if opening.bytes.len() != SEGMENT {
		let (expected, actual) = (length(SEGMENT), length(opening.bytes.len()));
		return Err(DisclosureError::LeafLength { expected, actual });
	}
	let tree =
		blob_tree(blob).ok_or(DisclosureError::NoSuchNode { level: 0, position: segment })?;
	let root = tree.root_of(segment, merkle::leaf(&opening.bytes), &opening.path)?;
	match merkle::sized(blob, &root) == *digest {
		true => Ok(()),
		false => Err(DisclosureError::Root),
	}
}

/// The tree over the segments of a blob; `None` where it is empty.
pub fn blob_tree(length: u64) -> Option<Tree> {
	Tree::new(length.div_ceil(SEGMENT as u64)).ok()
}
