//! What the referee takes in Wasm, for each operator at its largest, and what a call is charged.

use assay_runtime::{weights, Runtime};
use assay_trace::{
	testing::{Case, CASES},
	Answer, Layout,
};
use codec::Encode;
use pallet_disputes::WeightInfo as _;
use serde_json::{json, Value};
use std::{fmt, path::Path};

type Weights = weights::disputes::WeightInfo<Runtime>;

/// An operator at its largest, opened and judged.
pub(crate) struct Judged {
	case: Case,
	things: u32,
	bytes: usize,
	ms: f64,
}

impl Judged {
	/// What a call is charged for with so many openings, in milliseconds of a block.
	fn charged_ms(&self) -> f64 {
		Weights::answer_openings(self.things).ref_time() as f64 / 1e9
	}

	/// Whether it takes longer than its call is charged for, or than a tenth of a block.
	pub(crate) fn exceeds(&self) -> bool {
		let tenth = weights::MAXIMUM_BLOCK_WEIGHT.ref_time() as f64 / 1e10;
		self.ms > self.charged_ms().min(tenth)
	}

	pub(crate) fn json(&self) -> Value {
		json!({
			"operator": self.case.name, "way": self.case.way, "openings": self.things,
			"bytes": self.bytes, "ms": self.ms, "charged_ms": self.charged_ms(),
		})
	}
}

impl fmt::Display for Judged {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let comma = if self.case.way.is_empty() { "" } else { ", " };
		write!(
			f,
			"| {}{comma}{} | {} | {} | {:.2} | {:.2} |",
			self.case.name,
			self.case.way,
			self.things,
			self.bytes,
			self.ms,
			self.charged_ms()
		)
	}
}

/// The heads of [`Judged`]'s columns.
pub(crate) const HEADS: &str =
	"| operator | openings | bytes | referee in Wasm, ms | charged, ms |";

/// What the bencher measured, with what it is of.
pub(crate) fn judged(times: &Path) -> Vec<Judged> {
	let times = std::fs::read(times).expect("the bencher wrote it");
	let times: Vec<u64> = serde_json::from_slice(&times).expect("it is a list of numbers");
	assert_eq!(times.len(), CASES as usize, "each case was measured");
	let judged = |(number, ns): (u32, u64)| {
		let case = Case::new(number);
		let layout = Layout::new(&case.program, &case.parameters).expect("it has a trace");
		let (Answer::Openings(openings) | Answer::Partials(_, openings)) =
			case.last(&layout).answer
		else {
			panic!("openings are judged")
		};
		let bytes = openings.iter().map(Encode::encoded_size).sum();
		Judged { things: openings.len() as u32, bytes, ms: ns as f64 / 1e6, case }
	};
	(0..CASES).zip(times).map(judged).collect()
}
