//! The tables in the crate documentation are the code's.

use assay_executor::{Error, Failure};

const DOCS: &str = include_str!("../../src/lib.rs");

/// The rows of the table under a heading, by column.
fn table(heading: &str) -> Vec<Vec<String>> {
	let docs = DOCS.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
	docs.skip_while(|line| *line != heading)
		.skip(1)
		.take_while(|line| !line.starts_with("## "))
		.filter(|line| line.starts_with('|'))
		.skip(2)
		.map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`').into()).collect())
		.collect()
}

#[test]
fn table_of_rejections_is_complete() {
	let documented: Vec<(String, String)> =
		table("## Rejections").into_iter().map(|row| (row[1].clone(), row[2].clone())).collect();
	let codes: Vec<(String, String)> = Error::CODES
		.iter()
		.map(|(code, status)| ((*code).into(), status.as_str().into()))
		.collect();
	assert_eq!(documented, codes);
}

#[test]
fn codes_are_unique() {
	let mut codes: Vec<_> = Error::CODES.iter().map(|(code, _)| code).collect();
	codes.sort_unstable();
	codes.dedup();
	assert_eq!(codes.len(), Error::CODES.len());
}

#[test]
fn table_of_failures_is_complete() {
	let documented: Vec<(String, String)> =
		table("## Failures").into_iter().map(|row| (row[1].clone(), row[2].clone())).collect();
	let failures: Vec<(String, String)> = Failure::ALL
		.iter()
		.map(|(failure, word)| (failure.code().to_string(), (*word).into()))
		.collect();
	assert_eq!(documented, failures);
}

#[test]
fn a_rejection_names_its_values() {
	let error = Error::WeightsLengthWrong { expected: 10, actual: 12 };
	let body: serde_json::Value = serde_json::from_slice(&error.body()).unwrap();
	assert_eq!(body["code"], "weights_length_wrong");
	assert_eq!(body["detail"]["expected"], 10);
	assert!(body["message"].as_str().unwrap().contains("12"));
}
