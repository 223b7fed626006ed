//! What a party may say instead of the truth.

use super::{Full, Job, Party};
use crate::Layout;
use assay_program::Kind;
use assay_reference::sample::Generator;
use std::{fmt, ops::Range};

/// A way to cheat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cheat {
	/// One bit of any leaf.
	Bit,
	/// All elements of any leaf, within what they may be.
	Leaf,
	/// A leaf of any length.
	LeafLength,
	/// One element that is reduced from several blocks.
	Reduced,
	/// Up to twenty leaves.
	ManyLeaves,
	/// The run ends early: every later leaf is null.
	EarlyStop,
	/// A step after the one that ended the run.
	ExtraStep,
	/// Other tokens at the begin of a step.
	Tokens,
	/// A right trace, and another output.
	Output,
	/// A right trace, and another count of steps.
	Count,
	/// A right trace, and an output of another length.
	OutputLength,
}

impl Cheat {
	/// All of them.
	pub const ALL: [Self; 11] = [
		Self::Bit,
		Self::Leaf,
		Self::LeafLength,
		Self::Reduced,
		Self::ManyLeaves,
		Self::EarlyStop,
		Self::ExtraStep,
		Self::Tokens,
		Self::Output,
		Self::Count,
		Self::OutputLength,
	];

	/// One of those that a job has room for.
	pub fn draw(job: &Job, full: &Full, generator: &mut Generator) -> Self {
		// Few leaves of few jobs are so, and only such games ask for partials.
		if generator.below(3) == 0 && Self::Reduced.is_possible(job, full) {
			return Self::Reduced;
		}
		loop {
			// A bit of a leaf is drawn thrice as often as any other: most of what can be wrong is so.
			let number = generator.below(Self::ALL.len() as u32 + 2) as usize;
			let cheat = Self::ALL.get(number).copied().unwrap_or(Self::Bit);
			if cheat.is_possible(job, full) {
				return cheat;
			}
		}
	}

	/// Whether a job has room for it.
	pub fn is_possible(self, job: &Job, full: &Full) -> bool {
		let (count, max_steps) = (full.claim.count(), job.parameters.max_steps);
		match self {
			Self::EarlyStop => count > 1,
			Self::Reduced => !reduced(&job.layout(), count).is_empty(),
			Self::ExtraStep => count < max_steps,
			_ => true,
		}
	}

	/// A party that does it. What it drew may be what is right: see [`Party::honest`].
	pub fn party<'a>(self, job: &Job, full: &'a Full, generator: &mut Generator) -> Party<'a> {
		let layout = job.layout();
		let mut party = Party::honest(full);
		match self {
			Self::Bit => bit(&mut party, generator),
			Self::Leaf => leaves(&mut party, &layout, 1, generator),
			Self::LeafLength => {
				let index = generator.below(layout.tree().leaves());
				let length = [0, 1, 4, 4096, 5000][generator.below(5) as usize];
				party.change([(index, random_bytes(generator, length))]);
			},
			Self::Reduced => {
				let all = reduced(&layout, full.claim.count());
				let (step, operator) = all[generator.below(all.len() as u32) as usize];
				let range = layout.leaves_of(step, operator).unwrap();
				element(&mut party, &layout, range, generator);
			},
			Self::ManyLeaves => {
				let number = 1 + generator.below(20);
				leaves(&mut party, &layout, number, generator);
			},
			Self::EarlyStop => {
				let last = generator.below(full.claim.count() - 1);
				stop_early(&mut party, job, full, last);
			},
			Self::ExtraStep => go_on(&mut party, job, full, generator),
			Self::Tokens => {
				let step = generator.below(full.claim.count());
				let index = layout.leaves_of(step, 0).unwrap().start;
				party.change([(index, possible(&layout, index, generator))]);
			},
			Self::Output => {
				let mut output = full.output.clone();
				let at = generator.below(output.len() as u32) as usize;
				output[at] ^= 1 << generator.below(8);
				party.claims(full.claim.count(), output);
			},
			Self::Count => {
				let count = generator.below(job.parameters.max_steps + 2);
				party.claims(count, full.output.clone());
			},
			Self::OutputLength => {
				let length = generator.below(2 * full.output.len() as u32 + 2);
				party.claims(full.claim.count(), random_bytes(generator, length));
			},
		}
		party.honest = party.body() == full.roots.body && party.claim == full.claim;
		party
	}
}

impl fmt::Display for Cheat {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Bit => "a bit",
			Self::Leaf => "a whole leaf",
			Self::LeafLength => "a leaf of some length",
			Self::Reduced => "a reduced element",
			Self::ManyLeaves => "many leaves",
			Self::EarlyStop => "an early stop",
			Self::ExtraStep => "a step after the stop",
			Self::Tokens => "other tokens",
			Self::Output => "another output",
			Self::Count => "another count",
			Self::OutputLength => "an output of another length",
		})
	}
}

/// A party that cheats in some way; what it did.
pub fn cheat<'a>(job: &Job, full: &'a Full, generator: &mut Generator) -> (Party<'a>, Cheat) {
	let cheat = Cheat::draw(job, full, generator);
	(cheat.party(job, full, generator), cheat)
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

/// Changes a bit of a leaf that is not null.
fn bit(party: &mut Party<'_>, generator: &mut Generator) {
	let leaves = &party.full.leaves;
	let filled = leaves.iter().take_while(|leaf| !leaf.is_empty()).count();
	let index = generator.below(filled as u32);
	let mut bytes = leaves[index as usize].clone();
	let at = generator.below(bytes.len() as u32) as usize;
	bytes[at] ^= 1 << generator.below(8);
	party.change([(index, bytes)]);
}

/// Steps and operators whose elements are reduced from several blocks.
fn reduced(layout: &Layout<'_>, count: u32) -> Vec<(u32, u32)> {
	let all = (0..count).flat_map(|step| (0..layout.operators()).map(move |at| (step, at)));
	all.filter(|(step, operator)| layout.blocks(*step, *operator) > 1).collect()
}

/// Adds a little to an element of some leaf.
fn element(
	party: &mut Party<'_>,
	layout: &Layout<'_>,
	range: Range<u32>,
	generator: &mut Generator,
) {
	let index = range.start + generator.below(range.end - range.start);
	let size = layout.leaf(index).unwrap().element_bytes as usize;
	let mut bytes = party.full.leaves[index as usize].clone();
	let at = generator.below((bytes.len() / size) as u32) as usize * size;
	bytes[at] ^= 1 << generator.below(3);
	party.change([(index, bytes)]);
}

fn leaves(party: &mut Party<'_>, layout: &Layout<'_>, number: u32, generator: &mut Generator) {
	for _ in 0..number {
		let index = generator.below(layout.tree().leaves());
		party.change([(index, possible(layout, index, generator))]);
	}
}

fn of_step(layout: &Layout<'_>, step: u32) -> Range<u32> {
	let first = layout.first_leaf(step, 0).unwrap();
	first..first + layout.leaves_in_step(step) as u32
}

fn stop_of(layout: &Layout<'_>, step: u32) -> u32 {
	layout.stop_leaf(step + 1).unwrap_or(layout.tree().leaves() - 1)
}

/// Makes step `last` the last one.
fn stop_early(party: &mut Party<'_>, job: &Job, full: &Full, last: u32) {
	let layout = job.layout();
	let null = (last + 1..job.parameters.max_steps).flat_map(|step| of_step(&layout, step));
	party.change(null.map(|index| (index, Vec::new())).collect::<Vec<_>>());
	party.change([(stop_of(&layout, last), 1i32.to_le_bytes().to_vec())]);
	party.claims(last + 1, full.output[..full.step_bytes() * (last as usize + 1)].to_vec());
}

/// Adds a step after the last one.
fn go_on(party: &mut Party<'_>, job: &Job, full: &Full, generator: &mut Generator) {
	let (layout, count) = (job.layout(), full.claim.count());
	let more: Vec<_> =
		of_step(&layout, count).map(|index| (index, possible(&layout, index, generator))).collect();
	party.change(more);
	if generator.below(2) == 0 {
		party.change([(stop_of(&layout, count - 1), 0i32.to_le_bytes().to_vec())]);
	}
	let token = full.output[..full.step_bytes()].to_vec();
	party.claims(count + 1, [full.output.clone(), token].concat());
}
