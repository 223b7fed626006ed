//! Weights of the audits pallet: estimates, for tests. A runtime uses what was measured with its
//! own database.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What a runtime charges for each call.
pub trait WeightInfo {
	/// Begin of a block.
	fn on_initialize() -> Weight;
	/// Dispatch of `set_duty_key` with all pools that one can have.
	fn set_duty_key() -> Weight;
	/// Dispatch of `join`, the last pool that one can have.
	fn join() -> Weight;
	/// Dispatch of `leave`, of the last of these.
	fn leave() -> Weight;
	/// Dispatch of `refresh` with all pools that one can have.
	fn refresh() -> Weight;
	/// Dispatch of `mark_final`.
	fn mark_final() -> Weight;
	/// Dispatch of `notice`.
	fn notice() -> Weight;
	/// Dispatch of `set_lambda_floor`.
	fn set_lambda_floor() -> Weight;
	/// Dispatch of `show`, of a segment of the longest weights.
	fn show() -> Weight;
	/// Dispatch of `replicate`, in place of another replica.
	fn replicate() -> Weight;
	/// Authorisation of `replicate`, without the attempt of what it does.
	fn authorize_replicate() -> Weight;
	/// Authorisation of `refresh`.
	fn authorize_refresh() -> Weight;
	/// Authorisation of `show`, of a segment of the longest weights.
	fn authorize_show() -> Weight;
	/// Authorisation of `mark_final`, without the attempt of what it does.
	fn authorize_mark_final() -> Weight;
	/// Authorisation of `notice`, without the attempt of what it does.
	fn authorize_notice() -> Weight;
}

fn weight(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(microseconds.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// Estimates, rounded up.
impl WeightInfo for () {
	fn on_initialize() -> Weight {
		weight(10, 3, 2)
	}
	fn set_duty_key() -> Weight {
		weight(200, 40, 40)
	}
	fn join() -> Weight {
		weight(150, 44, 40)
	}
	fn leave() -> Weight {
		weight(150, 40, 40)
	}
	fn refresh() -> Weight {
		weight(150, 42, 40)
	}
	fn mark_final() -> Weight {
		weight(100, 10, 4)
	}
	fn notice() -> Weight {
		weight(150, 24, 12)
	}
	fn replicate() -> Weight {
		weight(200, 60, 16)
	}
	fn authorize_replicate() -> Weight {
		weight(150, 20, 0)
	}
	fn set_lambda_floor() -> Weight {
		weight(15, 1, 1)
	}
	fn authorize_refresh() -> Weight {
		weight(50, 6, 0)
	}
	fn show() -> Weight {
		weight(150, 10, 2)
	}
	fn authorize_show() -> Weight {
		weight(250, 10, 0)
	}
	fn authorize_mark_final() -> Weight {
		weight(150, 24, 0)
	}
	fn authorize_notice() -> Weight {
		weight(400, 28, 0)
	}
}
