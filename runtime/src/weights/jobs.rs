//! Weights of `pallet_jobs`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_jobs::WeightInfo for WeightInfo<T> {
	// `Jobs.Duties`: r 0, w 1.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 0, w 1.
	// `Jobs.TenantNonces`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Models.Models`: r 1, w 1.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	// `b` was tried from 0 to 16384.
	fn submit_job(b: u32) -> Weight {
		// The fastest run took 151_024 ns.
		Weight::from_parts(150_512_230, 0)
			// Standard error: 102 ps.
			.saturating_add(Weight::from_parts(6_980, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(14, 12))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 0.
	fn accept() -> Weight {
		// The fastest run took 57_475 ns.
		Weight::from_parts(63_133_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 4))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 0.
	fn commit() -> Weight {
		// The fastest run took 75_682 ns.
		Weight::from_parts(84_125_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `System.Account`: r 2, w 2.
	// `System.BlockHash`: r 2, w 0.
	fn reveal() -> Weight {
		// The fastest run took 128_991 ns.
		Weight::from_parts(140_909_000, 0).saturating_add(T::DbWeight::get().reads_writes(13, 7))
	}
	// `Balances.Holds`: r 3, w 3.
	// `Jobs.Duties`: r 0, w 1.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 4, w 4.
	fn lapse() -> Weight {
		// The fastest run took 318_944 ns.
		Weight::from_parts(327_356_000, 0).saturating_add(T::DbWeight::get().reads_writes(20, 24))
	}
	// `Balances.Holds`: r 2, w 2.
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `Jobs.Duties`: r 0, w 1.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 4, w 4.
	fn settle() -> Weight {
		// The fastest run took 421_055 ns.
		Weight::from_parts(432_151_000, 0).saturating_add(T::DbWeight::get().reads_writes(19, 24))
	}
	// `Jobs.JobClock`: r 1, w 1.
	fn set_paused() -> Weight {
		// The fastest run took 7_752 ns.
		Weight::from_parts(8_392_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_accept() -> Weight {
		// The fastest run took 71_776 ns.
		Weight::from_parts(77_385_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_commit() -> Weight {
		// The fastest run took 78_156 ns.
		Weight::from_parts(83_063_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_reveal() -> Weight {
		// The fastest run took 76_474 ns.
		Weight::from_parts(81_622_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn authorize_lapse() -> Weight {
		// The fastest run took 17_656 ns.
		Weight::from_parts(20_090_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	fn authorize_settle() -> Weight {
		// The fastest run took 15_693 ns.
		Weight::from_parts(17_567_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `n` was tried from 0 to 256.
	fn on_finalize_receipts(n: u32) -> Weight {
		// The fastest run took 3_476 ns.
		Weight::from_parts(5_124_236, 0)
			// Standard error: 2_637 ps.
			.saturating_add(Weight::from_parts(1_123_019, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
}
