//! Weights of `pallet_providers`, measured by `cargo xtask weights`, which overwrites this file.
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
		// The fastest run took 218_378 ns.
		Weight::from_parts(347_079_561, 0)
			// Standard error: 156_130 ps.
			.saturating_add(Weight::from_parts(925_778, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(7, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `d` was tried from 1 to 64.
	fn update(d: u32) -> Weight {
		// The fastest run took 129_644 ns.
		Weight::from_parts(214_674_532, 0)
			// Standard error: 150_706 ps.
			.saturating_add(Weight::from_parts(539_303, 0).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 2))
	}
	// `Providers.Owners`: r 1, w 2.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn rotate_worker() -> Weight {
		// The fastest run took 115_655 ns.
		Weight::from_parts(168_946_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Providers.Standings`: r 1, w 1.
	fn drain() -> Weight {
		// The fastest run took 27_302 ns.
		Weight::from_parts(51_364_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Providers.Standings`: r 1, w 1.
	fn resume() -> Weight {
		// The fastest run took 34_040 ns.
		Weight::from_parts(53_550_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Providers.CounterForStandings`: r 1, w 1.
	// `Providers.Owners`: r 0, w 1.
	// `Providers.Profiles`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	fn leave() -> Weight {
		// The fastest run took 118_585 ns.
		Weight::from_parts(215_278_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	fn heartbeat() -> Weight {
		// The fastest run took 52_441 ns.
		Weight::from_parts(78_857_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_heartbeat() -> Weight {
		// The fastest run took 85_723 ns.
		Weight::from_parts(139_294_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
}
