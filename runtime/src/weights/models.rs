//! Weights of `pallet_models`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_models::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Models.Models`: r 0, w 1.
	// `Models.NextModelId`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	// `l` was tried from 100 to 46000.
	fn register(l: u32) -> Weight {
		// The fastest run took 149_322 ns.
		Weight::from_parts(138_186_687, 0)
			// Standard error: 311 ps.
			.saturating_add(Weight::from_parts(126_906, 0).saturating_mul(l.into()))
			.saturating_add(T::DbWeight::get().reads_writes(4, 6))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Models.Models`: r 0, w 1.
	// `Models.NextModelId`: r 1, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn register_existing() -> Weight {
		// The fastest run took 66_048 ns.
		Weight::from_parts(68_612_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Models.Models`: r 1, w 1.
	fn set_terms() -> Weight {
		// The fastest run took 11_728 ns.
		Weight::from_parts(12_739_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Models.Models`: r 1, w 1.
	fn transfer_ownership() -> Weight {
		// The fastest run took 11_548 ns.
		Weight::from_parts(12_638_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 2, w 2.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 2, w 2.
	fn retire() -> Weight {
		// The fastest run took 110_584 ns.
		Weight::from_parts(114_640_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 7))
	}
}
