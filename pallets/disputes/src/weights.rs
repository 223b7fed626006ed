//! Weights of the disputes pallet: estimates, for tests. A runtime uses what was measured with its
//! own database.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What a runtime charges for each call.
pub trait WeightInfo {
	/// Dispatch of `challenge`.
	fn challenge() -> Weight;
	/// Dispatch of `answer` with 256 hashes.
	fn answer_children() -> Weight;
	/// Dispatch of `answer` with a leaf or a segment.
	fn answer_bytes() -> Weight;
	/// Dispatch of `answer` with `n` openings, and the referee's verdict.
	fn answer_openings(n: u32) -> Weight;
	/// Dispatch of `timeout`.
	fn timeout() -> Weight;
	/// Dispatch of `oppose`.
	fn oppose() -> Weight;
	/// Authorisation of `challenge`.
	fn authorize_challenge() -> Weight;
	/// Authorisation of `answer` with 256 hashes.
	fn authorize_answer_children() -> Weight;
	/// Authorisation of `answer` with a leaf or a segment.
	fn authorize_answer_bytes() -> Weight;
	/// Authorisation of `answer` with `n` openings.
	fn authorize_answer_openings(n: u32) -> Weight;
	/// Authorisation of `timeout`.
	fn authorize_timeout() -> Weight;
	/// Authorisation of `oppose`.
	fn authorize_oppose() -> Weight;
}

fn weight(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(microseconds.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// Estimates, rounded up.
impl WeightInfo for () {
	fn challenge() -> Weight {
		weight(200, 18, 15)
	}
	fn answer_children() -> Weight {
		weight(600, 8, 10)
	}
	fn answer_bytes() -> Weight {
		weight(8_000, 10, 10)
	}
	fn answer_openings(n: u32) -> Weight {
		weight(14_000, 74, 74)
			.saturating_add(Weight::from_parts(80_000_000, 0).saturating_mul(n.into()))
	}
	fn timeout() -> Weight {
		weight(2_000, 74, 74)
	}
	fn oppose() -> Weight {
		weight(200, 18, 14)
	}
	fn authorize_challenge() -> Weight {
		weight(200, 10, 0)
	}
	fn authorize_answer_children() -> Weight {
		weight(600, 8, 0)
	}
	fn authorize_answer_bytes() -> Weight {
		weight(8_000, 10, 0)
	}
	fn authorize_answer_openings(n: u32) -> Weight {
		weight(12_000, 10, 0)
			.saturating_add(Weight::from_parts(80_000_000, 0).saturating_mul(n.into()))
	}
	fn authorize_timeout() -> Weight {
		weight(50, 4, 0)
	}
	fn authorize_oppose() -> Weight {
		weight(100, 10, 0)
	}
}
