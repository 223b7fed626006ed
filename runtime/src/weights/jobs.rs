//! Weights of `pallet_jobs`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: Intel(R) Xeon(R) Processor
//! - date: 2026-11-22
//! - values tried of each component: 16
//! - runs with each value: 10, and for 5 s

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
		// The fastest run took 198_210 ns.
		Weight::from_parts(351_890_267, 0)
			// Standard error: 626 ps.
			.saturating_add(Weight::from_parts(10_214, 0).saturating_mul(b.into()))
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
		// The fastest run took 80_383 ns.
		Weight::from_parts(105_042_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 4))
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
		// The fastest run took 111_740 ns.
		Weight::from_parts(228_455_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 5))
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
		// The fastest run took 320_227 ns.
		Weight::from_parts(403_443_000, 0).saturating_add(T::DbWeight::get().reads_writes(13, 7))
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
		// The fastest run took 465_545 ns.
		Weight::from_parts(835_430_000, 0).saturating_add(T::DbWeight::get().reads_writes(20, 24))
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
		// The fastest run took 590_469 ns.
		Weight::from_parts(1_085_852_000, 0).saturating_add(T::DbWeight::get().reads_writes(19, 24))
	}
	// `Jobs.JobClock`: r 1, w 1.
	fn set_paused() -> Weight {
		// The fastest run took 13_755 ns.
		Weight::from_parts(27_953_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_accept() -> Weight {
		// The fastest run took 157_155 ns.
		Weight::from_parts(207_575_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_commit() -> Weight {
		// The fastest run took 167_776 ns.
		Weight::from_parts(222_246_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_reveal() -> Weight {
		// The fastest run took 156_951 ns.
		Weight::from_parts(223_300_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn authorize_lapse() -> Weight {
		// The fastest run took 40_847 ns.
		Weight::from_parts(58_636_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	fn authorize_settle() -> Weight {
		// The fastest run took 26_966 ns.
		Weight::from_parts(51_556_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `n` was tried from 0 to 256.
	fn on_finalize_receipts(n: u32) -> Weight {
		// The fastest run took 7_854 ns.
		Weight::from_parts(16_508_527, 0)
			// Standard error: 2_087 ps.
			.saturating_add(Weight::from_parts(1_544_183, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
}
