//! Weights of the traps pallet: estimates, for tests. A runtime uses what was measured with its own
//! database.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What a runtime charges for each call.
pub trait WeightInfo {
	/// Dispatch of `license`.
	fn license() -> Weight;
	/// Dispatch of `revoke`.
	fn revoke() -> Weight;
	/// Dispatch of `post` where the oldest root goes.
	fn post() -> Weight;
	/// Dispatch of `open` with the longest path.
	fn open() -> Weight;
	/// Authorisation of `open`.
	fn authorize_open() -> Weight;
}

fn weight(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(microseconds.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// Estimates, rounded up.
impl WeightInfo for () {
	fn license() -> Weight {
		weight(20, 1, 1)
	}
	fn revoke() -> Weight {
		weight(20, 1, 1)
	}
	fn post() -> Weight {
		weight(40, 4, 3)
	}
	fn open() -> Weight {
		weight(150, 12, 4)
	}
	fn authorize_open() -> Weight {
		weight(250, 9, 0)
	}
}
