//! Weights of `pallet_models`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: Intel(R) Xeon(R) Processor
//! - date: 2026-11-22
//! - values tried of each component: 20
//! - runs with each value: 5, and for 2 s

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Measured times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_models::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Models.Models`: r 0, w 1.
	// `Models.NextModelId`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	// `l` was tried from 100 to 46000.
	fn register(l: u32) -> Weight {
		// The fastest run took 191_104 ns.
		Weight::from_parts(304_773_000, 0)
			// Standard error: 2_940 ps.
			.saturating_add(Weight::from_parts(121_639, 0).saturating_mul(l.into()))
			.saturating_add(T::DbWeight::get().reads_writes(4, 6))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Models.Models`: r 0, w 1.
	// `Models.NextModelId`: r 1, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn register_existing() -> Weight {
		// The fastest run took 100_463 ns.
		Weight::from_parts(168_078_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Models.Models`: r 1, w 1.
	fn set_terms() -> Weight {
		// The fastest run took 19_235 ns.
		Weight::from_parts(35_673_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Models.Models`: r 1, w 1.
	fn transfer_ownership() -> Weight {
		// The fastest run took 18_138 ns.
		Weight::from_parts(32_486_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 2, w 2.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 2, w 2.
	fn retire() -> Weight {
		// The fastest run took 161_994 ns.
		Weight::from_parts(241_490_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 7))
	}
}
