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
	// `Audits.LambdaFloor`: r 1, w 0.
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
	// `Providers.Records`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	// `b` was tried from 0 to 16384.
	fn submit_job(b: u32) -> Weight {
		// The fastest run took 192_466 ns.
		Weight::from_parts(199_095_542, 0)
			// Standard error: 202 ps.
			.saturating_add(Weight::from_parts(6_868, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(18, 13))
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
		// The fastest run took 64_806 ns.
		Weight::from_parts(73_939_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 4))
	}
	// `Jobs.AwaitingAudit`: r 0, w 1.
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
		// The fastest run took 91_486 ns.
		Weight::from_parts(96_577_849, 0)
			// Standard error: 63_627 ps.
			.saturating_add(Weight::from_parts(4_202_132, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(6, 6))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.AwaitingAudit`: r 0, w 1.
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
		// The fastest run took 139_497 ns.
		Weight::from_parts(150_549_632, 0)
			// Standard error: 48_544 ps.
			.saturating_add(Weight::from_parts(4_191_988, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(12, 8))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `AuditStake.Ledgers`: r 63, w 0.
	// `AuditStake.Pledges`: r 63, w 0.
	// `Balances.Holds`: r 3, w 3.
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.Jackpots`: r 0, w 1.
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
	// `Providers.Records`: r 1, w 1.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 4, w 4.
	// `s` was tried from 1 to 64.
	fn lapse(s: u32) -> Weight {
		// The fastest run took 339_484 ns.
		Weight::from_parts(310_432_102, 0)
			// Standard error: 166_078 ps.
			.saturating_add(Weight::from_parts(23_979_414, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(17, 23))
			.saturating_add(T::DbWeight::get().reads(4).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(4).saturating_mul(s.into()))
	}
	// `AuditStake.Ledgers`: r 56, w 56.
	// `AuditStake.Pledges`: r 56, w 56.
	// `Balances.Holds`: r 2, w 2.
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.Jackpots`: r 1, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 8, w 8.
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
	// `ProviderStake.Ledgers`: r 8, w 8.
	// `ProviderStake.Pledges`: r 8, w 8.
	// `Providers.Records`: r 2, w 2.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 62, w 62.
	// `s` was tried from 1 to 64.
	fn settle(s: u32) -> Weight {
		// The fastest run took 506_792 ns.
		Weight::from_parts(508_084_000, 0)
			// Standard error: 1_245_796 ps.
			.saturating_add(Weight::from_parts(127_315_616, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(19, 22))
			.saturating_add(T::DbWeight::get().reads(5).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(s.into()))
	}
	// `Jobs.JobClock`: r 1, w 1.
	fn set_paused() -> Weight {
		// The fastest run took 7_822 ns.
		Weight::from_parts(8_412_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_accept() -> Weight {
		// The fastest run took 75_853 ns.
		Weight::from_parts(82_943_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_commit() -> Weight {
		// The fastest run took 104_065 ns.
		Weight::from_parts(108_601_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_reveal() -> Weight {
		// The fastest run took 95_932 ns.
		Weight::from_parts(123_303_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 0))
	}
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn authorize_lapse() -> Weight {
		// The fastest run took 27_401 ns.
		Weight::from_parts(31_026_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Jobs.BlockReceipts`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 64, w 0.
	// `s` was tried from 1 to 64.
	fn authorize_settle(s: u32) -> Weight {
		// The fastest run took 22_163 ns.
		Weight::from_parts(16_773_420, 0)
			// Standard error: 34_008 ps.
			.saturating_add(Weight::from_parts(5_974_513, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads_writes(3, 0))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(s.into()))
	}
	// `Jobs.BlockReceipts`: r 1, w 1.
	// `n` was tried from 0 to 256.
	fn on_finalize_receipts(n: u32) -> Weight {
		// The fastest run took 3_405 ns.
		Weight::from_parts(5_555_474, 0)
			// Standard error: 283 ps.
			.saturating_add(Weight::from_parts(1_084_775, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
}
