//! Weights of `pallet_stake`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_stake::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn bond() -> Weight {
		// The fastest run took 63_594 ns.
		Weight::from_parts(66_269_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn unbond() -> Weight {
		// The fastest run took 15_954 ns.
		Weight::from_parts(16_975_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn rebond() -> Weight {
		// The fastest run took 15_213 ns.
		Weight::from_parts(16_534_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	fn withdraw() -> Weight {
		// The fastest run took 55_963 ns.
		Weight::from_parts(58_737_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Balances.Holds`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn force_slash() -> Weight {
		// The fastest run took 56_193 ns.
		Weight::from_parts(58_437_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
}
