//! What the tracer answers is the whole trace, a part at a time.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::Outcome;
use assay_reference::sample::Generator;
use assay_trace::{
	testing::Party, DisclosureError, Need, Part, Position, ReferenceSteps, Steps, Tracer,
	TracerError, Truth, Visit,
};
use common::Full;
use std::{cell::Cell, ops::ControlFlow};

#[test]
fn answers_are_those_of_the_whole_trace() {
	let mut generator = Generator::new(5);
	for seed in 0..16 {
		let job = common::any(seed);
		let full = Full::of(&job);
		let party = Party::honest(&full);
		let tracer =
			Tracer::reference(&job.program, &job.weights, &job.input, &job.parameters).unwrap();
		assert_eq!((tracer.body(), tracer.claim()), (full.roots.body, full.claim));
		assert_eq!(tracer.roots(), party.roots());
		let layout = tracer.layout();
		let tree = layout.tree();
		for level in 1..=tree.levels() {
			let position = generator.below(tree.width(level));
			for position in [0, position, tree.width(level) - 1] {
				let children = tracer.children(level, position).unwrap();
				assert_eq!(children, party.children(level, position));
			}
		}
		for index in [0, generator.below(tree.leaves()), tree.leaves() - 1] {
			assert_eq!(tracer.leaf(index).unwrap(), full.leaves[index as usize]);
		}
		for _ in 0..6 {
			let step = generator.below(full.claim.count());
			let operator = generator.below(layout.operators());
			let element =
				u64::from(generator.below(layout.elements(step, operator).try_into().unwrap()));
			let part = layout.first_part(step, operator);
			let position = Position { step, operator, element, part };
			let mut open = std::collections::BTreeMap::new();
			for (need, opening) in tracer.openings(&position).unwrap() {
				layout.check_opening(need, &opening, &tracer.roots()).unwrap();
				assert_eq!(opening, party.open(need));
				open.insert(need, opening.bytes);
			}
			let truth = match part {
				Part::Finish => {
					let (partials, _) = tracer.partials(&position).unwrap();
					assert_eq!(partials, party.partials(layout, &position, &mut generator));
					layout.judge_partials(&position, &partials, &open).unwrap()
				},
				_ => layout.judge(&position, &open).unwrap(),
			};
			let (leaf, _) = layout.leaf_of(step, operator, element).unwrap();
			assert!(layout.agrees(&position, &truth, &full.leaves[leaf as usize]));
			assert!(matches!(truth, Truth::Element(_)));
		}
		let levels = party.output_levels();
		assert_eq!(tracer.output_root(), levels.last().unwrap()[0]);
		assert_eq!(tracer.output_children(1, 0).unwrap(), levels[0]);
		assert_eq!(tracer.output_segment(0).unwrap(), party.output_segment(0));
		assert_eq!(tracer.output(), full.output);
	}
}

#[test]
fn what_there_is_not_is_refused() {
	let job = common::decoder(2);
	let tracer =
		Tracer::reference(&job.program, &job.weights, &job.input, &job.parameters).unwrap();
	let tree = tracer.layout().tree();
	for (level, position) in [(0, 0), (1, tree.width(1)), (tree.levels() + 1, 0)] {
		let missing = DisclosureError::NoSuchNode { level, position };
		assert_eq!(tracer.children(level, position), Err(TracerError::Disclosure(missing)));
	}
	let position = tree.leaves();
	let missing = DisclosureError::NoSuchNode { level: 0, position };
	assert_eq!(tracer.leaf(position), Err(TracerError::Disclosure(missing)));
	assert!(tracer.open(&[Need::Weights(1 << 30)].into()).is_err());
	assert!(tracer.output_children(2, 0).is_err());
	let outside = Position { step: 0, operator: u32::MAX, element: 0, part: Part::Whole };
	assert!(matches!(tracer.openings(&outside), Err(TracerError::Referee(_))));
	let input = vec![0xff; job.input.len()];
	let refused = Tracer::reference(&job.program, &job.weights, &input, &job.parameters);
	assert!(matches!(refused, Err(TracerError::Invalid(_))));
}

/// Counts how far runs go.
struct Counting<'a> {
	steps: ReferenceSteps<'a>,
	shown: &'a Cell<u32>,
	skip: bool,
}

impl Steps for Counting<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		self.shown.set(0);
		self.steps.run(&mut |step, operator, bytes| {
			self.shown.set(self.shown.get() + 1);
			if self.skip && operator == 2 {
				return ControlFlow::Continue(());
			}
			visit(step, operator, bytes)
		})
	}
}

#[test]
fn a_run_goes_no_further_than_the_question() {
	let job = common::decoder(2);
	let common::Job { program, weights, input, parameters, .. } = &job;
	let steps = ReferenceSteps { program, weights, input, parameters };
	let shown = Cell::new(0);
	let counting = Counting { steps, shown: &shown, skip: false };
	let tracer = Tracer::new(job.layout(), counting, weights, input).unwrap();
	let all = shown.get();
	tracer.leaf(0).unwrap();
	assert_eq!(shown.get(), 1);
	tracer.children(1, 0).unwrap();
	assert!(shown.get() < all);
	tracer.children(2, 0).unwrap();
	assert!(shown.get() < all);

	let counting = Counting { steps, shown: &shown, skip: true };
	let refused = Tracer::new(job.layout(), counting, weights, input);
	assert!(matches!(refused, Err(TracerError::Run(_))));
}
