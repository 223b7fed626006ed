//! `kernels/README.md` states figures; here they are compared with the code.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use assay_program::{limits, Operator, Parameters};
use assay_reference::sample::{self, Shape};

const README: &str = include_str!("../../README.md");

/// Cells of the rows under a table's heading.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
	let rows = README.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
	let rows = rows.take_while(|line| line.starts_with('|'));
	rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim()).collect()).collect()
}

#[test]
fn operators_are_those_of_the_code() {
	let rows = table("| index | operator |");
	assert_eq!(rows.len(), Operator::NAMES.len());
	for (number, row) in rows.iter().enumerate() {
		assert_eq!(row.len(), 5, "{row:?}");
		assert_eq!(row[0], number.to_string());
		assert_eq!(row[1], format!("`{}`", Operator::NAMES[number]));
		let price = row[3].split_whitespace().next().unwrap();
		assert_eq!(price, Operator::PRICES[number].to_string(), "{}", row[1]);
		assert!(!row[2].is_empty() && !row[4].is_empty(), "{}", row[1]);
	}
}

#[test]
fn limits_are_those_of_the_code() {
	let expected = [
		("MAX_PROGRAM_BYTES", limits::MAX_PROGRAM_BYTES.into()),
		("MAX_OPERATORS", limits::MAX_OPERATORS as u64),
		("MAX_WEIGHTS", limits::MAX_WEIGHTS as u64),
		("MAX_RANK", limits::MAX_RANK as u64),
		("MAX_WIDTH", limits::MAX_WIDTH.into()),
		("MAX_VOCABULARY", limits::MAX_VOCABULARY.into()),
		("MAX_BATCH", limits::MAX_BATCH.into()),
		("MAX_SEQUENCE", limits::MAX_SEQUENCE.into()),
		("MAX_STEPS", limits::MAX_STEPS.into()),
		("MAX_ENDS", limits::MAX_ENDS as u64),
		("MAX_WEIGHTS_BYTES", limits::MAX_WEIGHTS_BYTES),
		("MAX_LIVE_BYTES", limits::MAX_LIVE_BYTES),
		("MAX_UNITS", limits::MAX_UNITS),
		("MAX_TABLE_INTERVALS", limits::MAX_TABLE_INTERVALS.into()),
		("MAX_SQUARES_WIDTH", limits::MAX_SQUARES_WIDTH.into()),
		("MAX_OPENING_BYTES", limits::MAX_OPENING_BYTES),
	];
	let rows = table("| limit | value |");
	assert_eq!(rows.len(), expected.len());
	for (row, (name, value)) in rows.iter().zip(expected) {
		assert_eq!(*row, [format!("`{name}`"), value.to_string()]);
	}
}

#[test]
fn units_are_those_of_the_code() {
	let form = sample::encoder(&Shape::MINILM).cost_form();
	let rows = table("| batch | sequence | units |");
	assert!(!rows.is_empty());
	for row in rows {
		let numbers: Vec<u64> = row.iter().map(|cell| cell.parse().unwrap()).collect();
		let parameters = Parameters::encoder(numbers[0] as u32, numbers[1] as u32);
		assert_eq!(form.check(&parameters), Ok(()));
		assert_eq!(form.units(&parameters, 1), numbers[2], "{row:?}");
	}
}
