//! The largest questions that there are: genuine, and judged within what an answer may take.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{limits::MAX_OPERATORS, Operator, Program};
use assay_trace::{
	testing::{blocks, Case, CASES},
	Answer, Ground, Layout, Openings, Turn, MAX_LEAVES, OPENED_BYTES_MAX, OPENINGS_MAX,
};
use codec::Encode;
use std::collections::BTreeSet;

/// Blocks to hash for the longest leaf in the tallest tree: what a chain charges an opening for.
const OPENING_BLOCKS: u64 = 33 + MAX_LEAVES.ilog2() as u64;

/// Judges the last answer of a case as a chain does, from the bytes of the program.
fn judge(case: &Case) -> (Openings, Turn) {
	let program = Program::decode_validated(&case.program.encode()).unwrap();
	let layout = Layout::new(&program, &case.parameters).unwrap();
	let last = case.last(&layout);
	let ground = Ground { layout: &layout, input: last.input, weights: last.weights };
	let turn = last.game.play(&ground, last.side, &last.question, &last.answer).unwrap();
	match last.answer {
		Answer::Openings(openings) | Answer::Partials(_, openings) => (openings, turn),
		other => panic!("{other:?}"),
	}
}

#[test]
fn every_operator_is_judged_at_its_largest() {
	let (mut met, mut bytes_most, mut things_most) = (BTreeSet::new(), 0, 0);
	for number in 0..CASES {
		let case = Case::new(number);
		let name = format!("{} {}", case.name, case.way);
		let operator = &case.program.operators[case.operator as usize];
		assert_eq!(operator.name(), case.name);
		assert!(met.insert(name.clone()), "{name} is there twice");
		let (openings, turn) = judge(&case);
		match turn {
			Turn::Over(guilty) => assert_eq!(guilty, [true, false], "{name}"),
			Turn::Next(_) => assert_eq!(case.way, "partials", "{name}"),
			turn @ Turn::Waits(_) => panic!("{name}: {turn:?}"),
		}
		let bytes: u64 = openings.iter().map(|opening| opening.encoded_size() as u64).sum();
		let things = openings.len() as u64;
		let bound = assay_trace::opened(&case.program).unwrap()[case.operator as usize];
		assert!(bytes <= bound.bytes && things <= bound.things, "{name}: {bytes}, {things}");
		assert!(blocks(&openings) <= things * OPENING_BLOCKS, "{name}: more than is charged");
		(bytes_most, things_most) = (bytes_most.max(bytes), things_most.max(things));
	}
	assert!(Operator::NAMES.iter().all(|name| met.contains(&format!("{name} "))));
	// There is little room for more.
	assert!(bytes_most > OPENED_BYTES_MAX * 95 / 100, "{bytes_most}");
	assert!(things_most > u64::from(OPENINGS_MAX) * 85 / 100, "{things_most}");
}

/// What answers are weighed with: no opening takes more, and no program takes longer to read.
#[test]
fn a_pooled_block_opens_the_dearest_things() {
	for positions in [1, 2, 32] {
		let case = Case::pooled(positions);
		assert_eq!(case.program.operators.len(), MAX_OPERATORS);
		let (openings, turn) = judge(&case);
		assert_eq!(turn, Turn::Over([true; 2]), "both are wrong");
		assert_eq!(openings.len(), positions as usize + 1);
		// All but the ids are whole leaves in a tree that is as tall as any.
		let [.., last] = &*openings else { panic!("there are openings") };
		assert_eq!(blocks(&vec![last.clone()]), OPENING_BLOCKS);
	}
}
