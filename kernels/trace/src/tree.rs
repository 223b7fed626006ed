//! Binary Merkle trees by the law of [`assay_program::merkle`], seen in levels of 256.
//!
//! The tree over `n` leaves has at height `h` a node for every `2^h` leaves, and a last one over
//! what is left; an odd last node moves up unchanged. So every node at height `8 * level` is the
//! root over its at most 256 children at height `8 * (level - 1)`, and the shape of the whole is a
//! function of `n` alone. Level 0 are the leaves; [`Tree::levels`] is the level of the root.

use crate::{DisclosureError, LayoutError, MAX_LEAVES};
use alloc::vec::Vec;
use assay_program::{merkle, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most children of a node.
pub const FAN_OUT: u32 = 256;
/// Binary levels between a node and its children.
pub const LEVEL_HEIGHT: u32 = 8;

/// The shape of a tree over a number of leaves.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Tree {
	leaves: u32,
}

impl Tree {
	/// A tree over so many leaves, at most [`MAX_LEAVES`] and not none.
	pub fn new(leaves: u64) -> Result<Self, LayoutError> {
		match u32::try_from(leaves) {
			Ok(count) if (1..=MAX_LEAVES).contains(&count) => Ok(Self { leaves: count }),
			_ => Err(LayoutError::Leaves { leaves }),
		}
	}

	/// Number of its leaves.
	pub fn leaves(&self) -> u32 {
		self.leaves
	}

	/// The level of the root, 1 to 3: so many disclosures of children lead from root to leaf.
	pub fn levels(&self) -> u32 {
		let mut level = 1;
		while self.width(level) > 1 {
			level = level.saturating_add(1);
		}
		level
	}

	/// Nodes at a level.
	pub fn width(&self, level: u32) -> u32 {
		self.width_at(level.saturating_mul(LEVEL_HEIGHT))
	}

	/// Nodes at a height of the binary tree.
	pub(crate) fn width_at(&self, height: u32) -> u32 {
		match 1u32.checked_shl(height) {
			Some(size) => self.leaves.div_ceil(size),
			None => 1,
		}
	}

	/// Children of a node; none for a leaf or where there is no such node.
	pub fn children(&self, level: u32, position: u32) -> u32 {
		if level == 0 || level > self.levels() || position >= self.width(level) {
			return 0;
		}
		let first = position.saturating_mul(FAN_OUT);
		self.width(level.saturating_sub(1)).saturating_sub(first).min(FAN_OUT)
	}

	/// Hashes in the opening of a leaf.
	pub fn path_length(&self, index: u32) -> u32 {
		self.siblings(index).fold(0, |count, _| count.saturating_add(1))
	}

	/// Whether the node on the way from a leaf to the root is a right one, for every height where
	/// it has a sibling.
	fn siblings(&self, index: u32) -> impl Iterator<Item = bool> {
		let tree = *self;
		let heights = (0..u32::BITS).take_while(move |height| tree.width_at(*height) > 1);
		heights.filter_map(move |height| {
			let position = index.checked_shr(height).unwrap_or(0);
			((position ^ 1) < tree.width_at(height)).then_some(position & 1 == 1)
		})
	}

	/// The root that a leaf and its path lead to.
	pub fn root_of(&self, index: u32, leaf: Hash, path: &[Hash]) -> Result<Hash, DisclosureError> {
		if index >= self.leaves {
			return Err(DisclosureError::NoSuchNode { level: 0, position: index });
		}
		let (expected, actual) = (self.path_length(index), path.len());
		if usize::try_from(expected) != Ok(actual) {
			return Err(DisclosureError::PathLength { expected, actual: length(actual) });
		}
		let steps = self.siblings(index).zip(path);
		Ok(steps.fold(leaf, |hash, (is_right, sibling)| match is_right {
			true => merkle::node(sibling, &hash),
			false => merkle::node(&hash, sibling),
		}))
	}

	/// Whether a node has so many children.
	pub(crate) fn check_width(
		&self,
		level: u32,
		position: u32,
		children: usize,
	) -> Result<(), DisclosureError> {
		let expected = self.children(level, position);
		if expected == 0 {
			return Err(DisclosureError::NoSuchNode { level, position });
		}
		match usize::try_from(expected) == Ok(children) {
			true => Ok(()),
			false => Err(DisclosureError::Children { expected, actual: length(children) }),
		}
	}

	/// Whether hashes are the children of a node with a given hash.
	pub fn check_children(
		&self,
		level: u32,
		position: u32,
		parent: &Hash,
		children: &[Hash],
	) -> Result<(), DisclosureError> {
		self.check_width(level, position, children.len())?;
		if merkle::root(children.iter().copied()) != *parent {
			return Err(DisclosureError::Parent);
		}
		Ok(())
	}
}

/// A length for an error.
pub(crate) fn length(length: usize) -> u32 {
	u32::try_from(length).unwrap_or(u32::MAX)
}

/// The first child that differs. Both disclosures passed [`Tree::check_children`].
pub fn first_difference(left: &[Hash], right: &[Hash]) -> Option<u32> {
	let differs =
		|(number, (left, right)): (u32, (&Hash, &Hash))| (left != right).then_some(number);
	(0u32..).zip(left.iter().zip(right)).find_map(differs)
}

/// Parents of the nodes of one level: a root over every 256.
pub fn parents(nodes: &[Hash]) -> Vec<Hash> {
	nodes.chunks(FAN_OUT as usize).map(|chunk| merkle::root(chunk.iter().copied())).collect()
}

/// The path of node `index` among `nodes` to their root, by the same law.
pub fn path(nodes: &[Hash], index: u32) -> Vec<Hash> {
	let mut path = Vec::new();
	let mut level: Vec<Hash> = nodes.to_vec();
	let mut position = index as usize;
	while level.len() > 1 {
		path.extend(level.get(position ^ 1).copied());
		position >>= 1;
		level = level
			.chunks(2)
			.filter_map(|pair| match pair {
				[left, right] => Some(merkle::node(left, right)),
				[odd] => Some(*odd),
				_ => None,
			})
			.collect();
	}
	path
}
