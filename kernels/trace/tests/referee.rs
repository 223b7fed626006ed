//! The referee, given exactly what an element depends on, says what the reference made; given
//! less, it says what is missing.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{Limits, Operator, Parameters};
use assay_reference::sample::{weights, Generator, Style};
use assay_trace::{
	Layout, LayoutError, LeafForm, Need, Part, Partial, Position, RefereeError, Source, Truth,
	OPENINGS_MAX,
};
use common::{Full, Job};
use std::collections::BTreeMap;

/// Opens what a position depends on, until nothing is missing.
fn opened(layout: &Layout<'_>, full: &Full, position: &Position) -> BTreeMap<Need, Vec<u8>> {
	let mut open = BTreeMap::new();
	for _ in 0..3 {
		let needs = layout.needs(position, &open).unwrap();
		if needs.iter().all(|need| open.contains_key(need)) {
			assert_eq!(needs, open.keys().copied().collect::<Vec<_>>(), "nothing is superfluous");
			return open;
		}
		for need in needs {
			open.insert(need, full.bytes(need).unwrap().to_vec());
		}
	}
	panic!("needs of {position:?} do not end");
}

/// Checks one part of an element, and that none of its needs can be left out.
fn check(
	layout: &Layout<'_>,
	full: &Full,
	position: &Position,
	judge: impl Fn(&dyn Source) -> Result<Truth, RefereeError>,
) -> Truth {
	let mut open = opened(layout, full, position);
	let (own, _) = layout.leaf_of(position.step, position.operator, position.element).unwrap();
	let truth = judge(&open).unwrap();
	for need in open.keys().copied().collect::<Vec<_>>() {
		if let Need::Leaf(index) = need {
			assert!(index < own, "{position:?} depends on what comes after it");
		}
		let bytes = open.remove(&need).unwrap();
		assert_eq!(judge(&open), Err(RefereeError::Missing(need)), "{position:?}");
		open.insert(need, [&bytes[..], &[0]].concat());
		assert_eq!(judge(&open), Err(RefereeError::Length(need)), "{position:?}");
		open.insert(need, bytes);
	}
	truth
}

/// Checks an element and, where it has some, all its partials.
fn check_element(layout: &Layout<'_>, full: &Full, step: u32, operator: u32, element: u64) {
	let part = layout.first_part(step, operator);
	let position = Position { step, operator, element, part };
	let (leaf, _) = layout.leaf_of(step, operator, element).unwrap();
	let bytes = &full.leaves[leaf as usize];
	let blocks = layout.blocks(step, operator);
	let truth = if part == Part::Finish {
		let partials: Vec<Partial> = (0..blocks)
			.map(|block| {
				let position = Position { part: Part::Block(block), ..position };
				let judge = |open: &dyn Source| layout.judge(&position, open);
				match check(layout, full, &position, judge) {
					Truth::Partial(partial) => partial,
					truth => panic!("{position:?}: {truth:?}"),
				}
			})
			.collect();
		layout.check_partials(&position, &partials).unwrap();
		assert!(layout.check_partials(&position, &partials[1..]).is_err());
		let judge = |open: &dyn Source| layout.judge_partials(&position, &partials, open);
		check(layout, full, &position, judge)
	} else {
		check(layout, full, &position, |open: &dyn Source| layout.judge(&position, open))
	};
	let name = layout.operator(operator).unwrap().name();
	assert!(layout.agrees(&position, &truth, bytes), "{name} {position:?}: {truth:?}");
	// Nobody who says something else agrees.
	let other = match truth {
		Truth::Element(value) => Truth::Element(value.wrapping_add(1)),
		_ => panic!("{position:?}: {truth:?}"),
	};
	assert!(!layout.agrees(&position, &other, bytes));
}

fn check_job(job: &Job, generator: &mut Generator, seen: &mut BTreeMap<&'static str, (u32, u32)>) {
	let (layout, full) = (job.layout(), Full::of(job));
	for step in 0..full.claim.count() {
		for operator in 0..layout.operators() {
			let elements = layout.elements(step, operator);
			let random = |generator: &mut Generator| {
				u64::from(generator.below(u32::try_from(elements).unwrap()))
			};
			let some = [0, elements - 1, random(generator), random(generator)];
			for element in some {
				check_element(&layout, &full, step, operator, element);
			}
			let entry = seen.entry(layout.operator(operator).unwrap().name()).or_default();
			entry.0 += 1;
			entry.1 = entry.1.max(layout.blocks(step, operator));
		}
	}
}

#[test]
fn elements_and_partials_of_every_operator_are_what_the_reference_made() {
	let mut generator = Generator::new(1);
	let mut seen = BTreeMap::new();
	let jobs = (0..8).map(common::encoder).chain((0..12).map(common::decoder));
	let jobs = jobs.chain((0..4).map(common::restless)).chain((0..4).map(common::wide));
	let jobs = jobs.chain((0..24).map(common::network)).chain((0..4).map(common::broad));
	for job in jobs.chain((0..4).map(common::long)) {
		check_job(&job, &mut generator, &mut seen);
	}
	for name in Operator::NAMES.iter().filter(|name| **name != "Emit") {
		assert!(seen.contains_key(name), "{name} was not met");
	}
	// Every reduction that can be long was met with several blocks.
	for name in ["RowMax", "Linear", "Context", "Mean", "Deviation", "MeanPool", "L2Norm"] {
		assert!(seen[name].1 > 1, "{name}");
	}
	for name in ["RootMeanSquare", "ArgMax", "Tally", "SoftmaxMax"] {
		assert!(seen[name].1 > 1, "{name}");
	}
}

/// Held rows of two thousand steps, and attention over more positions than a block has.
#[test]
fn long_contexts_are_judged_by_blocks() {
	let job = common::endless();
	let (layout, full) = (job.layout(), Full::of(&job));
	assert_eq!((full.claim.count(), layout.tree().levels()), (2_048, 3));
	let mut blocks = BTreeMap::new();
	for operator in 0..layout.operators() {
		let step = 2_047;
		check_element(&layout, &full, step, operator, layout.elements(step, operator) - 1);
		let name = layout.operator(operator).unwrap().name();
		blocks.insert(name, layout.blocks(step, operator));
	}
	assert_eq!((blocks["SoftmaxSum"], blocks["Context"]), (2, 65));
}

#[test]
fn a_step_after_the_end_is_null_and_needs_no_more_than_the_stop_before_it() {
	let mut met = 0;
	for seed in 0..30 {
		let job = common::restless(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		for step in full.claim.count()..job.parameters.max_steps {
			for operator in 0..layout.operators() {
				let part = Part::Null;
				let position = Position { step, operator, element: 0, part };
				let truth = layout.judge(&position, &full);
				assert_eq!(truth, Ok(Truth::Null));
				assert_eq!(layout.needs(&position, &full).unwrap().len(), 1);
				let part = layout.first_part(step, operator);
				let position = Position { part, ..position };
				assert_eq!(layout.judge(&position, &full), Ok(Truth::Null));
				assert_eq!(layout.needs(&position, &full).unwrap().len(), 1);
				met += 1;
			}
		}
	}
	assert!(met > 100);
}

#[test]
fn positions_outside_are_refused() {
	let job = common::decoder(3);
	let (layout, full) = (job.layout(), Full::of(&job));
	let good = Position { step: 0, operator: 1, element: 0, part: Part::Whole };
	assert!(layout.judge(&good, &full).is_ok());
	let elements = layout.elements(0, 1);
	for bad in [
		Position { step: job.parameters.max_steps, ..good },
		Position { operator: layout.operators(), ..good },
		Position { operator: u32::MAX, ..good },
		Position { element: elements, ..good },
		Position { element: u64::MAX, ..good },
		Position { part: Part::Finish, ..good },
		Position { part: Part::Block(0), ..good },
	] {
		assert_eq!(layout.judge(&bad, &full), Err(RefereeError::Position), "{bad:?}");
		assert!(layout.needs(&bad, &full).is_err());
	}
}

/// Every element of a network, at all positions: those before a whole window too.
#[test]
fn every_element_of_a_network_is_what_the_reference_made() {
	let mut elements = 0;
	for seed in 0..6 {
		let job = common::network(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		for operator in 0..layout.operators() {
			assert_eq!(layout.blocks(0, operator), 1);
			for element in 0..layout.elements(0, operator) {
				let position = Position { step: 0, operator, element, part: Part::Whole };
				let truth = layout.judge(&position, &full).unwrap();
				let (leaf, _) = layout.leaf_of(0, operator, element).unwrap();
				let bytes = &full.leaves[leaf as usize];
				let name = layout.operator(operator).unwrap().name();
				assert!(layout.agrees(&position, &truth, bytes), "{name} {position:?}: {truth:?}");
				elements += 1;
			}
		}
	}
	assert!(elements > 10_000, "{elements}");
}

/// Filters of as many positions as a question can open, and of one more.
#[test]
fn a_filter_that_sees_too_many_positions_is_refused() {
	let limits = Limits { max_batch: 1, max_sequence: 2_048, max_steps: 1 };
	for convolves in [false, true] {
		let program = |taps| common::programs::patient(taps, convolves, limits);
		let is_allowed = |taps: &u32| LeafForm::of(&program(*taps)).is_ok();
		let most = (1..2_048).take_while(is_allowed).last().unwrap();
		// Beside the rows: two segments of the filter, a multiplier, a bias, a `Stop` row.
		assert_eq!(most, OPENINGS_MAX - 5);
		let parameters = Parameters::encoder(1, most);
		let refused = program(most + 1);
		refused.validate().unwrap();
		let error = LeafForm::of(&refused).unwrap_err();
		assert!(matches!(error, LayoutError::Openings { operator: 1, .. }), "{error}");
		assert_eq!(Layout::new(&refused, &parameters).map(|_| ()), Err(error));

		let program = program(most);
		let input: Vec<u8> = (0..most).map(|place| (place * 7 % 256) as u8).collect();
		let weights = weights(&program, Style::Random, 1);
		let job = Job { name: "patient", program, weights, input, parameters };
		let (layout, full) = (job.layout(), Full::of(&job));
		check_element(&layout, &full, 0, 1, layout.elements(0, 1) - 1);
	}
}
