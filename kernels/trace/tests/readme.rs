//! The bounds that `kernels/README.md` states of disputes, compared with the code.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::SEGMENT;
use assay_trace::{Game, MAX_LEAVES, MOVES_MAX, OPENED_BYTES_MAX, QUESTIONS_MAX};
use codec::MaxEncodedLen;

const README: &str = include_str!("../../README.md");

#[test]
fn bounds_of_disputes_are_those_of_the_code() {
	assert!(MAX_LEAVES.is_power_of_two());
	let leaves = format!("2^{}, of at most {SEGMENT} bytes", MAX_LEAVES.ilog2());
	let moves = format!("{} and {}", QUESTIONS_MAX, MOVES_MAX);
	let opened = format!("{} KiB; ", OPENED_BYTES_MAX >> 10);
	let kept = format!("{} bytes", Game::max_encoded_len());
	let rows = [
		("leaves of a trace", leaves),
		("questions and answers of a game", moves),
		("openings of one answer", opened),
		("a game between two moves", kept),
	];
	for (name, value) in rows {
		let row = format!("| {name} | {value}");
		let stated = README.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
		assert!(stated.starts_with(&row), "{stated} is not {row}");
	}
}
