//! Weights of `pallet_stake`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_stake::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn bond() -> Weight {
		// The fastest run took 101_353 ns.
		Weight::from_parts(181_784_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn unbond() -> Weight {
		// The fastest run took 28_167 ns.
		Weight::from_parts(51_122_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn rebond() -> Weight {
		// The fastest run took 39_359 ns.
		Weight::from_parts(47_436_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn withdraw() -> Weight {
		// The fastest run took 86_774 ns.
		Weight::from_parts(151_004_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn force_slash() -> Weight {
		// The fastest run took 142_475 ns.
		Weight::from_parts(161_678_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
}
