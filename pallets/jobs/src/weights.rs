//! Weights of the jobs pallet: estimates, for tests. A runtime uses what was measured with its own
//! database.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What a runtime charges for each call.
pub trait WeightInfo {
	/// `b`: bytes of the inline input.
	fn submit_job(b: u32) -> Weight;
	/// Dispatch of `accept`.
	fn accept() -> Weight;
	/// Dispatch of `commit` in a job of `s` slots.
	fn commit(s: u32) -> Weight;
	/// Dispatch of `reveal` in a job of `s` slots.
	fn reveal(s: u32) -> Weight;
	/// Dispatch of `lapse`, with which a job of `s` slots ends.
	fn lapse(s: u32) -> Weight;
	/// Dispatch of `settle` of a job of `s` slots.
	fn settle(s: u32) -> Weight;
	/// Dispatch of `set_paused`.
	fn set_paused() -> Weight;
	/// Authorisation of `accept`.
	fn authorize_accept() -> Weight;
	/// Authorisation of `commit`.
	fn authorize_commit() -> Weight;
	/// Authorisation of `reveal`.
	fn authorize_reveal() -> Weight;
	/// Authorisation of `lapse`.
	fn authorize_lapse() -> Weight;
	/// Authorisation of `settle` of a job of `s` slots.
	fn authorize_settle(s: u32) -> Weight;
	/// End of a block with `n` receipts.
	fn on_finalize_receipts(n: u32) -> Weight;
}

fn weight(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(microseconds.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// Estimates, rounded up.
impl WeightInfo for () {
	fn submit_job(b: u32) -> Weight {
		weight(120, 15, 15).saturating_add(Weight::from_parts(3_000, 0).saturating_mul(b.into()))
	}
	fn accept() -> Weight {
		weight(50, 7, 3)
	}
	fn commit(s: u32) -> Weight {
		weight(60, 8, 4).saturating_add(weight(5, 1, 0).saturating_mul(s.into()))
	}
	fn reveal(s: u32) -> Weight {
		weight(60, 8, 4).saturating_add(weight(5, 1, 0).saturating_mul(s.into()))
	}
	fn lapse(s: u32) -> Weight {
		weight(100, 15, 15).saturating_add(weight(30, 5, 7).saturating_mul(s.into()))
	}
	fn settle(s: u32) -> Weight {
		weight(200, 21, 21).saturating_add(weight(110, 7, 10).saturating_mul(s.into()))
	}
	fn set_paused() -> Weight {
		weight(10, 1, 1)
	}
	fn authorize_accept() -> Weight {
		weight(90, 7, 0)
	}
	fn authorize_commit() -> Weight {
		weight(90, 7, 0)
	}
	fn authorize_reveal() -> Weight {
		weight(95, 6, 0)
	}
	fn authorize_lapse() -> Weight {
		weight(15, 4, 0)
	}
	fn authorize_settle(s: u32) -> Weight {
		weight(15, 5, 0).saturating_add(weight(5, 1, 0).saturating_mul(s.into()))
	}
	fn on_finalize_receipts(n: u32) -> Weight {
		weight(5, 1, 1).saturating_add(Weight::from_parts(2_000_000, 0).saturating_mul(n.into()))
	}
}
