//! Weights of `pallet_traps`, by analogy with those of `pallet_audits`: not measured yet.
//! `cargo xtask weights` overwrites this file.

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Estimated times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_traps::WeightInfo for WeightInfo<T> {
	// `Traps.Licences`: r 1, w 1.
	fn license() -> Weight {
		Weight::from_parts(20_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Traps.Licences`: r 1, w 1.
	fn revoke() -> Weight {
		Weight::from_parts(20_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Traps.Periods`: r 1, w 1.
	// `Traps.Roots`: r 1, w 2.
	fn post() -> Weight {
		Weight::from_parts(40_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jackpots`: r 1, w 1.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	// `Traps.Licences`: r 1, w 1.
	// `Traps.Periods`: r 1, w 0.
	// `Traps.Roots`: r 1, w 1.
	fn open() -> Weight {
		Weight::from_parts(150_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 4))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jackpots`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	// `Traps.Licences`: r 1, w 0.
	// `Traps.Periods`: r 1, w 0.
	// `Traps.Roots`: r 1, w 0.
	fn authorize_open() -> Weight {
		Weight::from_parts(280_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 0))
	}
}
