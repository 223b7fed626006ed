//! A party of a game: an honest trace with changes, and the cheats it may try.

use super::{Full, Job};
use assay_program::{merkle, Claim, Hash, Kind, SEGMENT};
use assay_reference::sample::Generator;
use assay_trace::{
	parents, path, Answer, Layout, Need, Opening, Openings, Part, Partial, Position, Question,
	RefereeError, Roots, Source, Truth,
};
use std::collections::{BTreeMap, BTreeSet};

pub struct Party<'a> {
	pub full: &'a Full,
	pub changes: BTreeMap<u32, Vec<u8>>,
	/// Nodes by level, leaves first.
	pub levels: Vec<Vec<Hash>>,
	pub claim: Claim,
	pub output: Vec<u8>,
	pub honest: bool,
}

fn segments(blob: &[u8]) -> Vec<Vec<u8>> {
	let filled = |bytes: &[u8]| [bytes, &vec![0; SEGMENT - bytes.len()]].concat();
	blob.chunks(SEGMENT).map(filled).collect()
}

impl<'a> Party<'a> {
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

	pub fn body(&self) -> Hash {
		self.levels.last().unwrap()[0]
	}

	pub fn roots(&self) -> Roots {
		Roots { body: self.body(), ..self.full.roots }
	}

	pub fn children(&self, level: u32, position: u32) -> &[Hash] {
		let below = &self.levels[level as usize - 1];
		let first = position as usize * 256;
		&below[first..below.len().min(first + 256)]
	}

	pub fn leaf(&self, index: u32) -> &[u8] {
		self.changes.get(&index).unwrap_or(&self.full.leaves[index as usize])
	}

	pub fn open(&self, need: Need) -> Opening {
		let blob = |segments: &[Vec<u8>], segment: u32| {
			let hashes: Vec<Hash> = segments.iter().map(|bytes| merkle::leaf(bytes)).collect();
			let bytes = segments[segment as usize].clone();
			Opening { bytes, path: path(&hashes, segment) }
		};
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
			Need::Input(segment) => blob(&self.full.input, segment),
			Need::Weights(segment) => blob(&self.full.weights, segment),
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

fn random_bytes(generator: &mut Generator, length: u32) -> Vec<u8> {
	(0..length).map(|_| generator.below(256) as u8).collect()
}

/// Random elements that the leaf's kind may hold.
fn possible(layout: &Layout<'_>, index: u32, generator: &mut Generator) -> Vec<u8> {
	let leaf = layout.leaf(index).unwrap();
	let kind = layout.tensor(leaf.operator).unwrap().kind;
	let element = |_| match kind {
		Kind::Tokens { vocabulary } => generator.below(vocabulary).to_le_bytes().to_vec(),
		Kind::Fixed { .. } => generator.within(100_000).to_le_bytes().to_vec(),
		Kind::Quantised { .. } => (generator.within(127) as i16).to_le_bytes().to_vec(),
		Kind::Affine => (generator.within(127) as i8).to_le_bytes().to_vec(),
	};
	(0..leaf.elements).flat_map(element).collect()
}

fn of_step(layout: &Layout<'_>, step: u32) -> std::ops::Range<u32> {
	let first = layout.first_leaf(step, 0).unwrap();
	first..first + layout.leaves_in_step(step) as u32
}

fn stop_of(layout: &Layout<'_>, step: u32) -> u32 {
	layout.stop_leaf(step + 1).unwrap_or(layout.tree().leaves() - 1)
}

/// Makes step `last` the last one.
fn stop_early(party: &mut Party<'_>, job: &Job, full: &Full, last: u32) {
	let layout = job.layout();
	let per_step = full.output.len() / full.claim.count() as usize;
	let null = (last + 1..job.parameters.max_steps).flat_map(|step| of_step(&layout, step));
	party.change(null.map(|index| (index, Vec::new())).collect::<Vec<_>>());
	party.change([(stop_of(&layout, last), 1i32.to_le_bytes().to_vec())]);
	party.claims(last + 1, full.output[..per_step * (last as usize + 1)].to_vec());
}

/// Adds a step after the last one.
fn go_on(party: &mut Party<'_>, job: &Job, full: &Full, generator: &mut Generator) {
	let (layout, count) = (job.layout(), full.claim.count());
	let per_step = full.output.len() / count as usize;
	let more: Vec<_> =
		of_step(&layout, count).map(|index| (index, possible(&layout, index, generator))).collect();
	party.change(more);
	if generator.below(2) == 0 {
		party.change([(stop_of(&layout, count - 1), 0i32.to_le_bytes().to_vec())]);
	}
	let token = full.output[..per_step].to_vec();
	party.claims(count + 1, [full.output.clone(), token].concat());
}

/// A party that cheats in some way; what it did.
pub fn cheat<'a>(job: &Job, full: &'a Full, generator: &mut Generator) -> (Party<'a>, String) {
	let layout = job.layout();
	let mut party = Party::honest(full);
	let (leaves, count) = (layout.tree().leaves(), full.claim.count());
	let index = generator.below(leaves);
	let mut bytes = full.leaves[index as usize].clone();
	let what = match generator.below(12) {
		0..=2 if !bytes.is_empty() => {
			let at = generator.below(bytes.len() as u32) as usize;
			bytes[at] ^= 1 << generator.below(8);
			party.change([(index, bytes)]);
			"a bit"
		},
		3 => {
			party.change([(index, possible(&layout, index, generator))]);
			"a whole leaf"
		},
		4 => {
			let length = [0, 1, 4, 4096, 5000][generator.below(5) as usize];
			party.change([(index, random_bytes(generator, length))]);
			"a leaf of some length"
		},
		5 if count > 1 => {
			stop_early(&mut party, job, full, generator.below(count - 1));
			"an early stop"
		},
		6 if count < job.parameters.max_steps => {
			go_on(&mut party, job, full, generator);
			"a step after the stop"
		},
		7 => {
			let step = generator.below(count);
			let index = layout.leaves_of(step, 0).unwrap().start;
			party.change([(index, possible(&layout, index, generator))]);
			"other tokens"
		},
		8 => {
			let mut output = full.output.clone();
			let at = generator.below(output.len() as u32) as usize;
			output[at] ^= 1 << generator.below(8);
			party.claims(count, output);
			"another output"
		},
		9 => {
			let count = generator.below(job.parameters.max_steps + 2);
			party.claims(count, full.output.clone());
			"another count"
		},
		10 => {
			let length = generator.below(2 * full.output.len() as u32 + 2);
			party.claims(count, random_bytes(generator, length));
			"an output of another length"
		},
		_ => {
			let some: Vec<_> = (0..1 + generator.below(20))
				.map(|_| {
					let index = generator.below(leaves);
					(index, possible(&layout, index, generator))
				})
				.collect();
			party.change(some);
			"many leaves"
		},
	};
	// It may have changed nothing.
	party.honest = party.body() == full.roots.body && party.claim == full.claim;
	(party, what.into())
}
