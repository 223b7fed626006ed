//! What the last runs were asked for. The questions of a game lead down one path, so the next one
//! is mostly about it again: a leaf of the node that was disclosed, openings that came with
//! partials.

use crate::{Need, Opening, FAN_OUT};
use assay_program::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of openings that are kept. One answer has at most 192 KiB, all that a list of
/// partials depends on some times as much.
const OPENINGS: usize = 4 << 20;

/// A node of level 1 and its leaves, of which there are at most 1 MiB.
#[derive(Debug)]
pub(super) struct Node {
	pub(super) position: u32,
	pub(super) hashes: Vec<Hash>,
	pub(super) leaves: Vec<Vec<u8>>,
}

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Recent {
	/// The last node that was disclosed.
	maybe_node: Option<Node>,
	/// Leaves that were opened.
	openings: BTreeMap<Need, Opening>,
	/// Bytes of those.
	bytes: usize,
}

impl Recent {
	/// The hashes of the leaves under a node.
	pub(super) fn hashes(&self, position: u32) -> Option<Vec<Hash>> {
		self.maybe_node.as_ref().filter(|node| node.position == position).map(|n| n.hashes.clone())
	}

	/// The bytes of a leaf.
	pub(super) fn leaf(&self, index: u32) -> Option<Vec<u8>> {
		if let Some(opening) = self.openings.get(&Need::Leaf(index)) {
			return Some(opening.bytes.clone());
		}
		let position = index.div_euclid(FAN_OUT);
		let node = self.maybe_node.as_ref().filter(|node| node.position == position)?;
		node.leaves.get(index.rem_euclid(FAN_OUT) as usize).cloned()
	}

	/// Those of some leaves that are open.
	pub(super) fn openings(&self, needs: &BTreeSet<Need>) -> BTreeMap<Need, Opening> {
		let open = needs.iter().filter_map(|need| Some((*need, self.openings.get(need)?.clone())));
		open.collect()
	}

	/// Keeps a node in the place of the last one.
	pub(super) fn keep_node(&mut self, node: Node) {
		self.maybe_node = Some(node);
	}

	/// Keeps openings, in the place of all earlier ones where they would be too many.
	pub(super) fn keep_openings(&mut self, openings: &BTreeMap<Need, Opening>) {
		let size = |opening: &Opening| {
			opening.bytes.len().saturating_add(opening.path.len().saturating_mul(size_of::<Hash>()))
		};
		let more = openings.values().map(size).fold(0, usize::saturating_add);
		if more > OPENINGS {
			return;
		}
		if self.bytes.saturating_add(more) > OPENINGS {
			self.openings.clear();
			self.bytes = 0;
		}
		self.bytes = self.bytes.saturating_add(more);
		self.openings.extend(openings.iter().map(|(need, opening)| (*need, opening.clone())));
	}
}
