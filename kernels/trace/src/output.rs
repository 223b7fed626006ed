//! The game about `Emit`: bodies are equal, outputs are not.
//!
//! The output digest is `node(leaf(count), data)`, and `data` the digest of the output as a blob,
//! so that both are known from the [`Claim`]s. The count goes first: it is right where the `Stop`
//! row of the last step counted is 1. With equal counts both parties disclose children as for the
//! body, the first of which make the root under their claim's data, down to a segment, and the
//! first element that differs must be what `Emit` copies. Where the last segment is not full, the
//! rest is zeros.

use crate::{
	source::elements, source::Reader, DisclosureError, Layout, Need, Outline, RefereeError, Source,
	Tree,
};
use assay_program::{merkle, Claim, Hash, Operator, SEGMENT};

impl Layout<'_> {
	/// Elements that `Emit` copies in one step, of the tensor it names.
	fn emitted(&self) -> Option<(assay_program::TensorId, u64)> {
		let emit = self.operators();
		let Operator::Emit { value, .. } = self.operator(emit)? else { return None };
		Some((*value, self.elements(0, emit)))
	}

	/// What of it a game knows without the program.
	pub fn outline(&self) -> Outline {
		let elements = self.emitted().map_or(0, |(_, elements)| elements);
		Outline::new(self.tree(), self.parameters().max_steps, elements.saturating_mul(4))
	}

	/// Bytes of an output of so many steps.
	pub fn output_length(&self, count: u32) -> u64 {
		self.outline().output_length(count)
	}

	/// Whether a count is one that any run could have.
	pub fn check_count(&self, count: u32) -> Result<(), DisclosureError> {
		self.outline().check_count(count)
	}

	/// What a count depends on: the `Stop` row of its last step.
	pub fn count_need(&self, count: u32) -> Option<Need> {
		self.check_count(count).ok()?;
		self.stop_leaf(count).map(Need::Leaf)
	}

	/// Whether the run ended with this count. Only one count is right where one party is honest.
	pub fn judge_count(&self, count: u32, open: &dyn Source) -> Result<bool, RefereeError> {
		let need = self.count_need(count).ok_or(RefereeError::Position)?;
		match open.bytes(need) {
			None => Err(RefereeError::Missing(need)),
			// The run had ended before.
			Some([]) => Ok(false),
			Some([a, b, c, d]) => Ok(i32::from_le_bytes([*a, *b, *c, *d]) != 0),
			Some(_) => Err(RefereeError::Length(need)),
		}
	}

	/// The tree over the segments of the output.
	pub fn output_tree(&self, count: u32) -> Option<Tree> {
		self.outline().output_tree(count)
	}

	/// Whether a root is that of a claim's data, with the length that its count demands.
	pub fn check_output_root(&self, claim: &Claim, root: &Hash) -> Result<(), DisclosureError> {
		self.outline().check_output_root(claim, root)
	}

	/// Whether a segment of the output has this hash, its length, and zeros after its end.
	pub fn check_output_segment(
		&self,
		count: u32,
		segment: u32,
		hash: &Hash,
		bytes: &[u8],
	) -> Result<(), DisclosureError> {
		let (expected, actual) = (crate::tree::length(SEGMENT), crate::tree::length(bytes.len()));
		if expected != actual {
			return Err(DisclosureError::LeafLength { expected, actual });
		}
		if merkle::leaf(bytes) != *hash {
			return Err(DisclosureError::LeafHash);
		}
		let start = u64::from(segment).saturating_mul(SEGMENT as u64);
		let held = self.output_length(count).saturating_sub(start).min(SEGMENT as u64);
		let fill = bytes.get(held as usize..).unwrap_or(&[]);
		match fill.iter().all(|byte| *byte == 0) {
			true => Ok(()),
			false => Err(DisclosureError::Fill),
		}
	}

	/// The first element of the output that differs, in two segments that were checked.
	pub fn output_difference(&self, segment: u32, left: &[u8], right: &[u8]) -> Option<u64> {
		let mut pairs = left.chunks(4).zip(right.chunks(4));
		let place = pairs.position(|(left, right)| left != right)?;
		let before = u64::from(segment).saturating_mul(SEGMENT as u64 / 4);
		Some(before.saturating_add(place as u64))
	}

	/// What an element of the output depends on: the leaf it is copied from.
	pub fn output_need(&self, element: u64) -> Option<Need> {
		let (value, elements) = self.emitted()?;
		let step = u32::try_from(element.checked_div(elements)?).ok()?;
		let inside = element.checked_rem(elements)?;
		self.leaf_of(step, value.0.into(), inside).map(|(index, _)| Need::Leaf(index))
	}

	/// What an element of the output must be, where the count is common ground.
	pub fn judge_output(&self, element: u64, open: &dyn Source) -> Result<i32, RefereeError> {
		let parts = self.emitted().and_then(|(value, elements)| {
			let step = u32::try_from(element.checked_div(elements)?).ok()?;
			let inside = element.checked_rem(elements)?;
			let width = self.rows(step, value.0.into())?.width;
			Some((step, value, inside.checked_div(width)?, inside.checked_rem(width)?))
		});
		let (step, value, row, column) = parts.ok_or(RefereeError::Position)?;
		let mut reader = Reader::new(self, open);
		let element = reader.element(step, value, row, column);
		let (_, fault) = reader.finish();
		element.ok_or(fault.unwrap_or(RefereeError::Position))
	}

	/// The element of the output that a segment's bytes say.
	pub fn output_element_in(&self, element: u64, bytes: &[u8]) -> Option<i32> {
		let place = element.rem_euclid(SEGMENT as u64 / 4) as usize;
		elements(bytes, 4, place..place.checked_add(1)?)?.first().copied()
	}
}
