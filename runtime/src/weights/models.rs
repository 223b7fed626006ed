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
		// The fastest run took 150_303 ns.
		Weight::from_parts(147_696_906, 0)
			// Standard error: 385 ps.
			.saturating_add(Weight::from_parts(132_140, 0).saturating_mul(l.into()))
			.saturating_add(T::DbWeight::get().reads_writes(4, 6))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Models.Models`: r 0, w 1.
	// `Models.NextModelId`: r 1, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn register_existing() -> Weight {
		// The fastest run took 65_847 ns.
		Weight::from_parts(68_943_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Models.Models`: r 1, w 1.
	fn set_terms() -> Weight {
		// The fastest run took 11_987 ns.
		Weight::from_parts(13_349_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Models.Models`: r 1, w 1.
	fn transfer_ownership() -> Weight {
		// The fastest run took 11_998 ns.
		Weight::from_parts(13_370_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 2, w 2.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `System.Account`: r 2, w 2.
	fn retire() -> Weight {
		// The fastest run took 116_784 ns.
		Weight::from_parts(124_465_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 7))
	}
}
