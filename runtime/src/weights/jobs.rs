//! Weights of `pallet_jobs`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_jobs::WeightInfo for WeightInfo<T> {
	// `Audits.Auditors`: r 1, w 0.
	// `Audits.Pools`: r 1, w 0.
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
		// The fastest run took 166_357 ns.
		Weight::from_parts(166_885_664, 0)
			// Standard error: 191 ps.
			.saturating_add(Weight::from_parts(6_777, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(16, 12))
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
		// The fastest run took 59_218 ns.
		Weight::from_parts(63_745_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 4))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 0.
	// `s` was tried from 1 to 64.
	fn commit(s: u32) -> Weight {
		// The fastest run took 77_104 ns.
		Weight::from_parts(83_162_098, 0)
			// Standard error: 40_891 ps.
			.saturating_add(Weight::from_parts(3_940_076, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(6, 5))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `System.Account`: r 2, w 2.
	// `System.BlockHash`: r 2, w 0.
	// `s` was tried from 1 to 64.
	fn reveal(s: u32) -> Weight {
		// The fastest run took 130_924 ns.
		Weight::from_parts(149_772_630, 0)
			// Standard error: 82_172 ps.
			.saturating_add(Weight::from_parts(3_815_730, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(12, 7))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `AuditStake.Ledgers`: r 63, w 0.
	// `AuditStake.Pledges`: r 63, w 0.
	// `Balances.Holds`: r 3, w 3.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 64.
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
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 4, w 4.
	// `s` was tried from 1 to 64.
	fn lapse(s: u32) -> Weight {
		// The fastest run took 318_232 ns.
		Weight::from_parts(292_401_640, 0)
			// Standard error: 152_746 ps.
			.saturating_add(Weight::from_parts(23_612_193, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(16, 20))
			.saturating_add(T::DbWeight::get().reads(4).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(4).saturating_mul(s.into()))
	}
	// `AuditStake.Ledgers`: r 63, w 63.
	// `AuditStake.Pledges`: r 63, w 63.
	// `Balances.Holds`: r 2, w 2.
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 1, w 1.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.WorkerDuties`: r 0, w 64.
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
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 68, w 68.
	// `s` was tried from 1 to 64.
	fn settle(s: u32) -> Weight {
		// The fastest run took 478_039 ns.
		Weight::from_parts(328_496_116, 0)
			// Standard error: 835_596 ps.
			.saturating_add(Weight::from_parts(96_330_156, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(15, 18))
			.saturating_add(T::DbWeight::get().reads(5).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(s.into()))
	}
	// `Jobs.JobClock`: r 1, w 1.
	fn set_paused() -> Weight {
		// The fastest run took 7_762 ns.
		Weight::from_parts(8_482_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_accept() -> Weight {
		// The fastest run took 79_037 ns.
		Weight::from_parts(85_436_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_commit() -> Weight {
		// The fastest run took 97_755 ns.
		Weight::from_parts(101_260_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_reveal() -> Weight {
		// The fastest run took 91_486 ns.
		Weight::from_parts(96_924_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn authorize_lapse() -> Weight {
		// The fastest run took 28_503 ns.
		Weight::from_parts(32_158_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 64, w 0.
	// `s` was tried from 1 to 64.
	fn authorize_settle(s: u32) -> Weight {
		// The fastest run took 18_888 ns.
		Weight::from_parts(16_148_469, 0)
			// Standard error: 21_339 ps.
			.saturating_add(Weight::from_parts(5_840_025, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(3, 0))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `n` was tried from 0 to 256.
	fn on_finalize_receipts(n: u32) -> Weight {
		// The fastest run took 3_435 ns.
		Weight::from_parts(5_594_604, 0)
			// Standard error: 255 ps.
			.saturating_add(Weight::from_parts(1_082_584, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
}
