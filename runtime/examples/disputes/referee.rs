//! What the referee takes in Wasm, for each operator at its largest, and what a call is charged.

use assay_runtime::{weights, Runtime};
use assay_trace::{
	testing::{Case, CASES},
	Answer, Layout,
};
use codec::Encode;
use frame_support::weights::Weight;
use pallet_disputes::WeightInfo as _;
use serde_json::{json, Value};
use std::{fmt, path::Path};

type Weights = weights::disputes::WeightInfo<Runtime>;

fn milliseconds(weight: Weight) -> f64 {
	weight.ref_time() as f64 / 1e9
}

/// An operator at its largest, opened and judged.
pub(crate) struct Judged {
	case: Case,
	things: u32,
	bytes: usize,
	ms: f64,
}

impl Judged {
	/// What a call is charged with so many openings.
	fn charged(&self) -> Weight {
		Weights::answer_openings(self.things)
	}

	/// The same without the end of the game, which a timeout has too: what is left for the referee.
	fn share_ms(&self) -> f64 {
		milliseconds(self.charged().saturating_sub(Weights::timeout()))
	}

	/// Whether it takes longer than all that its call is charged, or than a tenth of a block.
	pub(crate) fn exceeds(&self) -> bool {
		let tenth = weights::MAXIMUM_BLOCK_WEIGHT.saturating_div(10);
		self.ms > milliseconds(self.charged().min(tenth))
	}

	pub(crate) fn json(&self) -> Value {
		json!({
			"operator": self.case.name, "way": self.case.way, "openings": self.things,
			"bytes": self.bytes, "ms": self.ms, "share_ms": self.share_ms(),
			"charged_ms": milliseconds(self.charged()),
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
			self.share_ms()
		)
	}
}

/// The heads of [`Judged`]'s columns.
pub(crate) const HEADS: &str =
	"| operator | openings | bytes | referee in Wasm, ms | charged for it, ms |";

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
