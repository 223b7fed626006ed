//! Weights of `pallet_providers`, measured by `cargo xtask weights`, which overwrites this file.
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
		// The fastest run took 134_049 ns.
		Weight::from_parts(142_614_241, 0)
			// Standard error: 10_375 ps.
			.saturating_add(Weight::from_parts(354_034, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(7, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `d` was tried from 1 to 64.
	fn update(d: u32) -> Weight {
		// The fastest run took 51_746 ns.
		Weight::from_parts(83_936_267, 0)
			// Standard error: 39_603 ps.
			.saturating_add(Weight::from_parts(44_637, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Providers.Owners`: r 1, w 2.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn rotate_worker() -> Weight {
		// The fastest run took 74_581 ns.
		Weight::from_parts(80_520_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Providers.Standings`: r 1, w 1.
	fn drain() -> Weight {
		// The fastest run took 15_723 ns.
		Weight::from_parts(18_668_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Providers.Standings`: r 1, w 1.
	fn resume() -> Weight {
		// The fastest run took 15_443 ns.
		Weight::from_parts(18_657_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.CounterForStandings`: r 1, w 1.
	// `Providers.Owners`: r 0, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `Providers.Records`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	fn leave() -> Weight {
		// The fastest run took 89_292 ns.
		Weight::from_parts(96_403_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 6))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	fn heartbeat() -> Weight {
		// The fastest run took 19_729 ns.
		Weight::from_parts(25_318_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_heartbeat() -> Weight {
		// The fastest run took 58_737 ns.
		Weight::from_parts(62_302_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
}
