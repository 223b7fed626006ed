//! Trees of which only some leaves are there: as tall as trees can be, in no memory.

use crate::{Tree, FAN_OUT, LEVEL_HEIGHT};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use assay_program::{merkle, Hash};

/// What stands for a node that nobody looks into, at the heights that parties disclose.
const ANY: Hash = [0x5a; 32];

/// A tree over leaves that nobody made but for some, with the paths of those.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
	tree: Tree,
	/// Nodes with such leaves below, by height.
	nodes: Vec<BTreeMap<u32, Hash>>,
	/// What is above such nodes at the heights between.
	full: Vec<Hash>,
}

impl Sparse {
	/// A tree that has these leaves.
	pub(super) fn new(tree: Tree, leaves: impl Iterator<Item = (u32, Hash)>) -> Self {
		let above = |below: &Hash| Some(merkle::node(below, below));
		let full = core::iter::successors(Some(ANY), above).take(LEVEL_HEIGHT as usize).collect();
		let mut sparse = Self { tree, nodes: vec![leaves.collect()], full };
		let mut height = 0;
		while tree.width_at(height) > 1 {
			let below = &sparse.nodes[height as usize];
			let parents = below.keys().map(|place| place / 2);
			let above = parents.map(|place| (place, sparse.parent(height, place))).collect();
			sparse.nodes.push(above);
			height += 1;
		}
		sparse
	}

	fn parent(&self, height: u32, place: u32) -> Hash {
		let left = self.node(height, place * 2);
		match place * 2 + 1 < self.tree.width_at(height) {
			true => merkle::node(&left, &self.node(height, place * 2 + 1)),
			false => left,
		}
	}

	fn node(&self, height: u32, place: u32) -> Hash {
		if let Some(node) = self.nodes.get(height as usize).and_then(|nodes| nodes.get(&place)) {
			return *node;
		}
		let above = height % LEVEL_HEIGHT;
		let is_full = (place + 1) << above <= self.tree.width_at(height - above);
		match above == 0 || is_full {
			true => self.full[above as usize],
			false => self.parent(height - 1, place),
		}
	}

	pub(super) fn root(&self) -> Hash {
		self.node(self.nodes.len() as u32 - 1, 0)
	}

	/// The siblings on the way from a leaf to the root.
	pub(super) fn path(&self, leaf: u32) -> Vec<Hash> {
		let mut path = Vec::new();
		for height in 0..self.nodes.len() as u32 - 1 {
			let sibling = (leaf >> height) ^ 1;
			if sibling < self.tree.width_at(height) {
				path.push(self.node(height, sibling));
			}
		}
		path
	}

	/// The children of a node, as a party discloses them.
	pub(super) fn children(&self, level: u32, position: u32) -> Vec<Hash> {
		let height = (level - 1) * LEVEL_HEIGHT;
		let first = position * FAN_OUT;
		let children = self.tree.children(level, position);
		(first..first + children).map(|place| self.node(height, place)).collect()
	}
}
