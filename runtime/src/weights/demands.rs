//! Weights of `pallet_demands`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_demands::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Demands.Demands`: r 1, w 1.
	// `Jobs.InlineInputs`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	fn demand() -> Weight {
		// The fastest run took 470_008 ns.
		Weight::from_parts(479_852_000, 0).saturating_add(T::DbWeight::get().reads_writes(73, 4))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Demands.Demands`: r 1, w 1.
	// `Jobs.InlineInputs`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	fn demand_for() -> Weight {
		// The fastest run took 506_622 ns.
		Weight::from_parts(540_763_000, 0).saturating_add(T::DbWeight::get().reads_writes(74, 4))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Demands.Demands`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `System.Account`: r 3, w 3.
	fn deliver() -> Weight {
		// The fastest run took 179_897 ns.
		Weight::from_parts(189_461_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 6))
	}
	// `AuditStake.Ledgers`: r 63, w 63.
	// `AuditStake.Pledges`: r 63, w 63.
	// `Balances.Holds`: r 1, w 1.
	// `Demands.Demands`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 63.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	// `s` was tried from 1 to 64.
	fn show_length(s: u32) -> Weight {
		// The fastest run took 95_051 ns.
		Weight::from_parts(99_592_343, 0)
			// Standard error: 185_461 ps.
			.saturating_add(Weight::from_parts(27_798_799, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(4, 1))
			.saturating_add(T::DbWeight::get().reads(3).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(3).saturating_mul(s.into()))
	}
	// `AuditStake.Ledgers`: r 63, w 63.
	// `AuditStake.Pledges`: r 63, w 63.
	// `Balances.Holds`: r 2, w 2.
	// `Demands.Demands`: r 1, w 1.
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.Jackpots`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Models.Models`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Records`: r 1, w 1.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 3, w 3.
	// `s` was tried from 1 to 64.
	fn timeout(s: u32) -> Weight {
		// The fastest run took 221_779 ns.
		Weight::from_parts(219_086_640, 0)
			// Standard error: 368_869 ps.
			.saturating_add(Weight::from_parts(41_822_494, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(14, 16))
			.saturating_add(T::DbWeight::get().reads(4).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(s.into()))
	}
	// `Balances.Holds`: r 1, w 0.
	// `Demands.Demands`: r 1, w 0.
	// `Jobs.InlineInputs`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 64, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.Account`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_demand_for() -> Weight {
		// The fastest run took 326_405 ns.
		Weight::from_parts(341_347_000, 0).saturating_add(T::DbWeight::get().reads_writes(75, 0))
	}
	// `Demands.Demands`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_deliver() -> Weight {
		// The fastest run took 49_493 ns.
		Weight::from_parts(52_348_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 0))
	}
	// `Demands.Demands`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_show_length() -> Weight {
		// The fastest run took 12_959 ns.
		Weight::from_parts(14_172_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 0))
	}
	// `Demands.Demands`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_timeout() -> Weight {
		// The fastest run took 11_447 ns.
		Weight::from_parts(12_189_000, 0).saturating_add(T::DbWeight::get().reads_writes(2, 0))
	}
}
