//! Down both trees: from the body to a leaf, from the output to a segment of it.

use super::{Asked, AtMost, Disclosed, Game, Ground, Node, Side, Turn, NOBODY};
use crate::{first_difference, Question, Refusal, Tree};
use assay_program::{merkle, Hash};

impl Game {
	/// A party's children of the node that is asked for. Needs no program.
	pub fn play_children(
		&self,
		side: Side,
		question: &Question,
		children: &[Hash],
	) -> Result<Turn, Refusal> {
		self.check_move(side, question)?;
		match &self.asked {
			Asked::Body(node) if node.level > 0 => self.body_children(side, node, children),
			Asked::Output(node) if node.level > 0 => self.output_children(side, node, children),
			_ => Err(Refusal::Kind),
		}
	}

	fn body_children(&self, side: Side, node: &Node, children: &[Hash]) -> Result<Turn, Refusal> {
		check_children(self.outline.tree(), side, node, children)?;
		let Some(both) = self.both_children(side, children) else {
			return Ok(self.waits(side, Disclosed::Children(AtMost::of(children)?)));
		};
		// Nothing but the parties' first answers says what their bodies are.
		let bodies = self.bodies.unwrap_or_else(|| both.map(root));
		let game = Self { bodies: Some(bodies), ..self.clone() };
		let [left, right] = bodies;
		if left == right {
			return Ok(game.begin_output());
		}
		// Digests that differ are of children that do.
		Ok(node.below(both).map_or(NOBODY, |node| game.next(Asked::Body(node))))
	}

	/// The bodies are equal, so the outputs are not what they say.
	fn begin_output(&self) -> Turn {
		let counts = self.claims.map(|claim| claim.count());
		let is_impossible = counts.map(|count| self.outline.check_count(count).is_err());
		if is_impossible != [false; 2] {
			return Turn::Over(is_impossible);
		}
		let [count, other] = counts;
		if count != other {
			return self.next(Asked::Counts);
		}
		// No step's output is empty, so there is a tree.
		let tree = self.outline.output_tree(count);
		tree.map_or(NOBODY, |tree| self.next(Asked::Output(Node::top(tree.levels()))))
	}

	fn output_children(&self, side: Side, node: &Node, children: &[Hash]) -> Result<Turn, Refusal> {
		let claim = side.of(&self.claims);
		// Both counts are the same here, and possible.
		let Some(tree) = self.outline.output_tree(claim.count()) else { return Ok(NOBODY) };
		check_children(tree, side, node, children)?;
		if node.digests.is_none() {
			self.outline.check_output_root(claim, &root(children))?;
		}
		let Some(both) = self.both_children(side, children) else {
			return Ok(self.waits(side, Disclosed::Children(AtMost::of(children)?)));
		};
		// Data digests of one length differ, so their roots do, and so on down.
		Ok(node.below(both).map_or(NOBODY, |node| self.next(Asked::Output(node))))
	}

	fn both_children<'a>(&'a self, side: Side, own: &'a [Hash]) -> Option<[&'a [Hash]; 2]> {
		match &self.first {
			Some((_, Disclosed::Children(other))) => Some(side.pair(own, other.as_slice())),
			_ => None,
		}
	}

	fn both_bytes<'a>(&'a self, side: Side, own: &'a [u8]) -> Option<[&'a [u8]; 2]> {
		match &self.first {
			Some((_, Disclosed::Bytes(other))) => Some(side.pair(own, other.as_slice())),
			_ => None,
		}
	}

	/// A leaf. Of two that differ nothing is kept but the first element that does.
	pub(super) fn leaf(
		&self,
		ground: &Ground<'_>,
		side: Side,
		node: &Node,
		bytes: &[u8],
	) -> Result<Turn, Refusal> {
		let (index, digest) = (node.position, node.leaf_of(side)?);
		ground.layout.check_leaf(index, digest, bytes)?;
		let Some(both @ [left, right]) = self.both_bytes(side, bytes) else {
			return Ok(self.waits(side, Disclosed::Bytes(AtMost::of(bytes)?)));
		};
		// Their digests differ, so they do, and each is null or of the leaf's length.
		let Some(position) = ground.layout.difference(index, left, right) else {
			return Ok(NOBODY);
		};
		let said = both.map(|bytes| ground.layout.element_in(&position, bytes));
		Ok(self.next(Asked::of(position, said)))
	}

	/// A segment of the output.
	pub(super) fn segment(
		&self,
		ground: &Ground<'_>,
		side: Side,
		node: &Node,
		bytes: &[u8],
	) -> Result<Turn, Refusal> {
		let (segment, digest) = (node.position, node.leaf_of(side)?);
		let count = side.of(&self.claims).count();
		ground.layout.check_output_segment(count, segment, digest, bytes)?;
		let Some(both @ [left, right]) = self.both_bytes(side, bytes) else {
			return Ok(self.waits(side, Disclosed::Bytes(AtMost::of(bytes)?)));
		};
		// Both are as long, end in the same zeros, and their digests differ.
		let Some(element) = ground.layout.output_difference(segment, left, right) else {
			return Ok(NOBODY);
		};
		let said = both.map(|bytes| ground.layout.output_element_in(element, bytes));
		Ok(self.next(Asked::Copy(element, said)))
	}
}

impl Node {
	/// The first child that differs.
	fn below(&self, [left, right]: [&[Hash]; 2]) -> Option<Self> {
		let first = first_difference(left, right)?;
		let child = |children: &[Hash]| children.get(first as usize).copied();
		Some(Self {
			level: self.level.checked_sub(1)?,
			position: self.position.checked_mul(crate::FAN_OUT)?.checked_add(first)?,
			digests: Some([child(left)?, child(right)?]),
		})
	}

	/// A party's digest, where the node is a leaf.
	fn leaf_of(&self, side: Side) -> Result<&Hash, Refusal> {
		match &self.digests {
			Some(digests) if self.level == 0 => Ok(side.of(digests)),
			_ => Err(Refusal::Kind),
		}
	}
}

fn root(children: &[Hash]) -> Hash {
	merkle::root(children.iter().copied())
}

/// Whether children are those of a node, or could be those of a root.
fn check_children(tree: Tree, side: Side, node: &Node, children: &[Hash]) -> Result<(), Refusal> {
	let Node { level, position, digests } = node;
	match digests {
		Some(digests) => tree.check_children(*level, *position, side.of(digests), children)?,
		None => tree.check_width(*level, *position, children.len())?,
	}
	Ok(())
}
