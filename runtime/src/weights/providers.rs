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
		// The fastest run took 131_084 ns.
		Weight::from_parts(137_581_760, 0)
			// Standard error: 6_855 ps.
			.saturating_add(Weight::from_parts(368_917, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(7, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `d` was tried from 1 to 64.
	fn update(d: u32) -> Weight {
		// The fastest run took 53_149 ns.
		Weight::from_parts(82_444_095, 0)
			// Standard error: 38_932 ps.
			.saturating_add(Weight::from_parts(61_899, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Providers.Owners`: r 1, w 2.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn rotate_worker() -> Weight {
		// The fastest run took 67_781 ns.
		Weight::from_parts(72_397_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Providers.Standings`: r 1, w 1.
	fn drain() -> Weight {
		// The fastest run took 14_231 ns.
		Weight::from_parts(16_364_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Providers.Standings`: r 1, w 1.
	fn resume() -> Weight {
		// The fastest run took 14_422 ns.
		Weight::from_parts(16_395_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.CounterForStandings`: r 1, w 1.
	// `Providers.Owners`: r 0, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	fn leave() -> Weight {
		// The fastest run took 79_538 ns.
		Weight::from_parts(83_084_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	fn heartbeat() -> Weight {
		// The fastest run took 19_289 ns.
		Weight::from_parts(21_973_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_heartbeat() -> Weight {
		// The fastest run took 53_299 ns.
		Weight::from_parts(55_772_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
}
