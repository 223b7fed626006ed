//! Weights of the demands pallet: estimates, for tests. A runtime uses what was measured with its
//! own database.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// What a runtime charges for each call.
pub trait WeightInfo {
	/// Dispatch of `demand`.
	fn demand() -> Weight;
	/// Dispatch of `demand_for`.
	fn demand_for() -> Weight;
	/// Dispatch of `deliver`: the last chunk of the largest item.
	fn deliver() -> Weight;
	/// Dispatch of `show_length` of a demand about a job of so many slots.
	fn show_length(slots: u32) -> Weight;
	/// Dispatch of `timeout` of a demand about a job of so many slots.
	fn timeout(slots: u32) -> Weight;
	/// Authorisation of `demand_for`.
	fn authorize_demand_for() -> Weight;
	/// Authorisation of `deliver`.
	fn authorize_deliver() -> Weight;
	/// Authorisation of `show_length`.
	fn authorize_show_length() -> Weight;
	/// Authorisation of `timeout`.
	fn authorize_timeout() -> Weight;
}

fn weight(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(microseconds.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// Estimates, rounded up.
impl WeightInfo for () {
	fn demand() -> Weight {
		weight(150, 76, 4)
	}
	fn demand_for() -> Weight {
		weight(160, 77, 4)
	}
	fn deliver() -> Weight {
		weight(250, 8, 6)
	}
	fn show_length(slots: u32) -> Weight {
		let each = weight(30, 6, 5).saturating_mul(slots.into());
		weight(200, 10, 8).saturating_add(each)
	}
	fn timeout(slots: u32) -> Weight {
		let each = weight(20, 6, 5).saturating_mul(slots.into());
		weight(300, 16, 14).saturating_add(each)
	}
	fn authorize_demand_for() -> Weight {
		weight(200, 77, 0)
	}
	fn authorize_deliver() -> Weight {
		weight(60, 4, 0)
	}
	fn authorize_show_length() -> Weight {
		weight(30, 4, 0)
	}
	fn authorize_timeout() -> Weight {
		weight(25, 4, 0)
	}
}
