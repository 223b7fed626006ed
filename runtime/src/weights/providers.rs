//! Weights of `pallet_providers`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_providers::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.CounterForStandings`: r 1, w 1.
	// `Providers.Owners`: r 1, w 1.
	// `Providers.Profiles`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	// `d` was tried from 1 to 64.
	fn register(d: u32) -> Weight {
		// The fastest run took 131_805 ns.
		Weight::from_parts(162_416_055, 0)
			// Standard error: 44_167 ps.
			.saturating_add(Weight::from_parts(186_833, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(7, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `d` was tried from 1 to 64.
	fn update(d: u32) -> Weight {
		// The fastest run took 54_411 ns.
		Weight::from_parts(99_984_117, 0)
			// Standard error: 65_364 ps.
			.saturating_add(Weight::from_parts(247_298, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Providers.Owners`: r 1, w 2.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn rotate_worker() -> Weight {
		// The fastest run took 73_339 ns.
		Weight::from_parts(93_609_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Providers.Standings`: r 1, w 1.
	fn drain() -> Weight {
		// The fastest run took 15_553 ns.
		Weight::from_parts(33_730_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Providers.Standings`: r 1, w 1.
	fn resume() -> Weight {
		// The fastest run took 14_632 ns.
		Weight::from_parts(23_666_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.CounterForStandings`: r 1, w 1.
	// `Providers.Owners`: r 0, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	fn leave() -> Weight {
		// The fastest run took 80_389 ns.
		Weight::from_parts(127_410_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	fn heartbeat() -> Weight {
		// The fastest run took 20_020 ns.
		Weight::from_parts(27_030_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_heartbeat() -> Weight {
		// The fastest run took 53_740 ns.
		Weight::from_parts(58_957_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
}
