//! Weights of `pallet_stake`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: AMD EPYC
//! - date: 2026-11-24
//! - values tried of each component: 16
//! - runs with each value: 10, and for 2 s

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Measured times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_stake::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn bond() -> Weight {
		// The fastest run took 64_055 ns.
		Weight::from_parts(67_450_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn unbond() -> Weight {
		// The fastest run took 15_894 ns.
		Weight::from_parts(22_363_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn rebond() -> Weight {
		// The fastest run took 15_272 ns.
		Weight::from_parts(17_195_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn withdraw() -> Weight {
		// The fastest run took 56_394 ns.
		Weight::from_parts(61_151_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn force_slash() -> Weight {
		// The fastest run took 55_813 ns.
		Weight::from_parts(62_503_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
}
