//! Weights of `pallet_demands`: estimates by analogy with what was measured of jobs and audits, until
//! `cargo xtask weights` overwrites this file.

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Estimated times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_demands::WeightInfo for WeightInfo<T> {
	fn demand() -> Weight {
		Weight::from_parts(400_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(76, 4))
	}
	fn demand_for() -> Weight {
		Weight::from_parts(420_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(78, 4))
	}
	fn deliver() -> Weight {
		Weight::from_parts(350_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(9, 6))
	}
	/// The range of component `s` is `[1, 64]`.
	fn show_length(s: u32) -> Weight {
		Weight::from_parts(300_000_000, 0)
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(10, 8))
			.saturating_add(T::DbWeight::get().reads_writes(6, 5).saturating_mul(s.into()))
	}
	/// The range of component `s` is `[1, 64]`.
	fn timeout(s: u32) -> Weight {
		Weight::from_parts(400_000_000, 0)
			.saturating_add(Weight::from_parts(40_000_000, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(16, 14))
			.saturating_add(T::DbWeight::get().reads_writes(6, 5).saturating_mul(s.into()))
	}
	fn authorize_demand_for() -> Weight {
		Weight::from_parts(480_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(78, 0))
	}
	fn authorize_deliver() -> Weight {
		Weight::from_parts(80_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	fn authorize_show_length() -> Weight {
		Weight::from_parts(40_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	fn authorize_timeout() -> Weight {
		Weight::from_parts(30_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
}
