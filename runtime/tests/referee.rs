//! What the referee takes is what calls are charged for. Times are those of the table in
//! `docs/disputes.md`, which `cargo xtask bench disputes` prints; all else is made here anew.

#![allow(
	missing_docs,
	clippy::unwrap_used,
	clippy::expect_used,
	reason = "a test panics to fail, and nobody reads its documentation"
)]

use assay_runtime::{weights, Runtime};
use assay_trace::{
	testing::{Case, CASES},
	Answer, Layout,
};
use codec::Encode;
use pallet_disputes::WeightInfo as _;

type Weights = weights::disputes::WeightInfo<Runtime>;

const PAGE: &str = include_str!("../../docs/disputes.md");
const HEAD: &str = "| operator | openings | bytes | referee in Wasm, ms |";

/// The rows of the table: name, openings, bytes, and the time in picoseconds.
fn rows() -> impl Iterator<Item = (&'static str, usize, usize, u64)> {
	let lines = PAGE.lines().skip_while(|line| !line.starts_with(HEAD)).skip(2);
	lines.take_while(|line| line.starts_with('|')).map(|line| {
		let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
		let ms: f64 = cells[3].parse().unwrap();
		(cells[0], cells[1].parse().unwrap(), cells[2].parse().unwrap(), (ms * 1e9) as u64)
	})
}

#[test]
fn every_operator_at_its_largest_is_paid_for() {
	let tenth = weights::MAXIMUM_BLOCK_WEIGHT.ref_time() / 10;
	let mut rows = rows();
	for number in 0..CASES {
		let case = Case::new(number);
		let name = format!("{}, {}", case.name, case.way);
		let layout = Layout::new(&case.program, &case.parameters).unwrap();
		let (Answer::Openings(openings) | Answer::Partials(_, openings)) =
			case.last(&layout).answer
		else {
			panic!("{name}: openings are judged")
		};
		let bytes = openings.iter().map(Encode::encoded_size).sum::<usize>();
		let (listed, listed_openings, listed_bytes, time) =
			rows.next().unwrap_or_else(|| panic!("{name} is not in the table"));
		assert_eq!(listed, name.trim_end_matches(", "), "the order of operators");
		assert_eq!((listed_openings, listed_bytes), (openings.len(), bytes), "{name}");
		let count = openings.len() as u32;
		// The end of the game is what a timeout has, too.
		let end = Weights::timeout();
		let charged = Weights::answer_openings(count).saturating_sub(end).ref_time();
		assert!(time <= charged, "{name} takes {time} ps of {charged}");
		let authorisation = Weights::authorize_answer_openings(count).ref_time();
		assert!(time <= authorisation, "{name} takes {time} ps of {authorisation} to authorise");
		assert!(time <= tenth, "{name} takes more than a tenth of a block");
	}
	assert_eq!(rows.next(), None, "the table has more than there is");
}
