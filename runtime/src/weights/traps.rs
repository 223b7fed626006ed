//! Weights of `pallet_traps`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: AMD EPYC
//! - date: 2026-11-25
//! - values tried of each component: 12
//! - runs with each value: 8, and for 1 s

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Measured times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_traps::WeightInfo for WeightInfo<T> {
	// `Traps.Licences`: r 1, w 1.
	fn license() -> Weight {
		// The fastest run took 13_640 ns.
		Weight::from_parts(15_943_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Traps.Licences`: r 1, w 1.
	fn revoke() -> Weight {
		// The fastest run took 12_248 ns.
		Weight::from_parts(14_692_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Traps.Periods`: r 1, w 1.
	// `Traps.Roots`: r 1, w 2.
	fn post() -> Weight {
		// The fastest run took 22_754 ns.
		Weight::from_parts(25_688_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Jobs.Jackpots`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	// `Traps.Licences`: r 1, w 1.
	// `Traps.Periods`: r 1, w 0.
	// `Traps.Roots`: r 1, w 1.
	fn open() -> Weight {
		// The fastest run took 106_327 ns.
		Weight::from_parts(110_885_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 4))
	}
	// `Jobs.Jackpots`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	// `Traps.Licences`: r 1, w 0.
	// `Traps.Periods`: r 1, w 0.
	// `Traps.Roots`: r 1, w 0.
	fn authorize_open() -> Weight {
		// The fastest run took 150_994 ns.
		Weight::from_parts(154_209_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 0))
	}
}
