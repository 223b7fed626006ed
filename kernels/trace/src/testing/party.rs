//! A party of a game: an honest trace with changes.

use super::{segments, Full};
use crate::{
	parents, path, Answer, Layout, Need, Opening, Openings, Part, Partial, Position, Question,
	RefereeError, Roots, Source, Truth,
};
use assay_program::{merkle, Claim, Hash};
use assay_reference::sample::Generator;
use std::collections::{BTreeMap, BTreeSet};

/// Who has a trace, and claims something.
#[derive(Clone, Debug)]
pub struct Party<'a> {
	/// The right trace.
	pub full: &'a Full,
	/// Leaves that are others than those of the right trace.
	pub changes: BTreeMap<u32, Vec<u8>>,
	/// Nodes by level, leaves first.
	pub levels: Vec<Vec<Hash>>,
	/// What it claims.
	pub claim: Claim,
	/// The output that it discloses.
	pub output: Vec<u8>,
	/// Whether it changed nothing.
	pub honest: bool,
}

impl<'a> Party<'a> {
	/// Who has the right trace and claims what it says.
	pub fn honest(full: &'a Full) -> Self {
		let mut levels = vec![full.hashes.clone()];
		while levels.last().unwrap().len() > 1 {
			levels.push(parents(levels.last().unwrap()));
		}
		if levels.len() == 1 {
			levels.push(parents(&levels[0]));
		}
		let (claim, output) = (full.claim, full.output.clone());
		Self { full, changes: BTreeMap::new(), levels, claim, output, honest: true }
	}

	/// The same with other leaves.
	pub fn change(&mut self, changes: impl IntoIterator<Item = (u32, Vec<u8>)>) {
		let mut nodes = BTreeSet::new();
		for (index, bytes) in changes {
			self.levels[0][index as usize] = merkle::leaf(&bytes);
			self.changes.insert(index, bytes);
			nodes.insert(index as usize / 256);
		}
		for level in 1..self.levels.len() {
			for node in std::mem::take(&mut nodes) {
				let below = &self.levels[level - 1];
				let children = &below[node * 256..below.len().min(node * 256 + 256)];
				self.levels[level][node] = merkle::root(children.iter().copied());
				nodes.insert(node / 256);
			}
		}
		self.honest = false;
	}

	/// Claims this output.
	pub fn claims(&mut self, count: u32, output: Vec<u8>) {
		self.claim = Claim::Output { count, data: merkle::blob(&output) };
		self.output = output;
		self.honest = false;
	}

	/// Claims an output that no honest party does, where it has not yet.
	pub fn dissent(&mut self, generator: &mut Generator) {
		if self.claim == self.full.claim {
			let mut output = self.output.clone();
			let at = generator.below(output.len() as u32) as usize;
			output[at] ^= 1 << generator.below(8);
			self.claims(self.claim.count(), output);
		}
	}

	/// The digest of its body.
	pub fn body(&self) -> Hash {
		self.levels.last().unwrap()[0]
	}

	/// What its openings lead to.
	pub fn roots(&self) -> Roots {
		Roots { body: self.body(), ..self.full.roots }
	}

	/// The children of a node of its body.
	pub fn children(&self, level: u32, position: u32) -> &[Hash] {
		let below = &self.levels[level as usize - 1];
		let first = position as usize * 256;
		&below[first..below.len().min(first + 256)]
	}

	/// The bytes of a leaf.
	pub fn leaf(&self, index: u32) -> &[u8] {
		self.changes.get(&index).unwrap_or(&self.full.leaves[index as usize])
	}

	/// Opens something.
	pub fn open(&self, need: Need) -> Opening {
		let blob = |segments: &[Vec<u8>], hashes: &[Hash], segment: u32| {
			let bytes = segments[segment as usize].clone();
			Opening { bytes, path: path(hashes, segment) }
		};
		let full = self.full;
		match need {
			Need::Leaf(index) => {
				let mut siblings = Vec::new();
				for level in 1..self.levels.len() as u32 {
					let node = index >> (8 * level);
					let place = (index >> (8 * (level - 1))) % 256;
					siblings.extend(path(self.children(level, node), place));
				}
				Opening { bytes: self.leaf(index).to_vec(), path: siblings }
			},
			Need::Input(segment) => blob(&full.input, &full.input_hashes, segment),
			Need::Weights(segment) => blob(&full.weights, &full.weights_hashes, segment),
		}
	}

	/// The partials it discloses: right ones, or some attempt.
	pub fn partials(
		&self,
		layout: &Layout<'_>,
		position: &Position,
		generator: &mut Generator,
	) -> Vec<Partial> {
		let blocks = layout.blocks(position.step, position.operator);
		let partial = |block| {
			let position = Position { part: Part::Block(block), ..*position };
			match layout.judge(&position, self.full) {
				Ok(Truth::Partial(partial)) => partial,
				// The step is null, and the party says that it is not.
				other => {
					assert!(!self.honest, "{position:?}: {other:?}");
					Partial::default()
				},
			}
		};
		let mut partials: Vec<Partial> = (0..blocks).map(partial).collect();
		if self.honest {
			return partials;
		}
		let own = self
			.leaf(layout.leaf_of(position.step, position.operator, position.element).unwrap().0);
		let own = i64::from(layout.element_in(position, own).unwrap_or(0));
		let at = generator.below(blocks) as usize;
		match generator.below(6) {
			0 => {},
			1 => {
				partials[at].value = partials[at].value.wrapping_add(i64::from(generator.within(9)))
			},
			2 => partials[at].value = [i64::MAX, i64::MIN, own][generator.below(3) as usize],
			3 => partials[at].count = own,
			// What makes a sum or a maximum come out right.
			4 => {
				let others: i64 = partials.iter().map(|partial| partial.value).sum();
				partials[at].value = own - (others - partials[at].value);
			},
			_ => partials = vec![Partial { value: own, count: own }; blocks as usize],
		}
		partials
	}

	/// Nodes over the segments of its output, by level.
	pub fn output_levels(&self) -> Vec<Vec<Hash>> {
		let leaves: Vec<Hash> =
			segments(&self.output).iter().map(|bytes| merkle::leaf(bytes)).collect();
		if self.output.is_empty() {
			return vec![leaves, vec![merkle::root(std::iter::empty())]];
		}
		let mut levels: Vec<Vec<Hash>> = vec![leaves];
		while levels.last().unwrap().len() > 1 || levels.len() == 1 {
			levels.push(parents(levels.last().unwrap()));
		}
		levels
	}

	/// A segment of its output, empty where there is none.
	pub fn output_segment(&self, segment: u32) -> Vec<u8> {
		segments(&self.output).get(segment as usize).cloned().unwrap_or_default()
	}

	fn output_children(&self, level: u32, position: u32) -> Vec<Hash> {
		let levels = self.output_levels();
		let Some(below) = levels.get(level as usize - 1) else { return Vec::new() };
		below.chunks(256).nth(position as usize).unwrap_or(&[]).to_vec()
	}

	fn openings(&self, needs: Vec<Need>) -> Openings {
		needs.into_iter().map(|need| (need, self.open(need))).collect()
	}

	/// What follows from its trace. Nothing where that is so wrong that there is no answer.
	pub fn answer(
		&self,
		layout: &Layout<'_>,
		question: &Question,
		generator: &mut Generator,
	) -> Option<Answer> {
		let needs = |needs: Result<Vec<Need>, RefereeError>| {
			assert!(needs.is_ok() || !self.honest, "{question:?}: {needs:?}");
			Some(self.openings(needs.ok()?))
		};
		Some(match *question {
			Question::Offence => return None,
			Question::Children { level, position } => {
				Answer::Children(self.children(level, position).to_vec())
			},
			Question::Leaf { index } => Answer::Bytes(self.leaf(index).to_vec()),
			Question::Partials { position } => {
				let openings = needs(layout.needs(&position, self))?;
				Answer::Partials(self.partials(layout, &position, generator), openings)
			},
			Question::Openings { position } => {
				Answer::Openings(needs(layout.needs(&position, self))?)
			},
			Question::Counts { mut counts } => {
				counts.sort_unstable();
				let list = counts.iter().filter_map(|count| layout.count_need(*count));
				Answer::Openings(self.openings(list.collect()))
			},
			Question::OutputChildren { level, position } => {
				Answer::Children(self.output_children(level, position))
			},
			Question::OutputSegment { segment } => Answer::Bytes(self.output_segment(segment)),
			Question::OutputOpening { element } => {
				Answer::Openings(self.openings(layout.output_need(element).into_iter().collect()))
			},
		})
	}
}

impl Source for Party<'_> {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		match need {
			Need::Leaf(index) => Some(self.leaf(index)),
			_ => self.full.bytes(need),
		}
	}
}
