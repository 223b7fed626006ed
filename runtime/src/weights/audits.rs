//! Weights of `pallet_audits`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_audits::WeightInfo for WeightInfo<T> {
	// `Audits.PeriodDraw`: r 1, w 1.
	// `Audits.Ring`: r 0, w 1.
	// `Babe.AuthorVrfRandomness`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn on_initialize() -> Weight {
		// The fastest run took 9_404 ns.
		Weight::from_parts(10_195_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 2))
	}
	// `Audits.Auditors`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn set_duty_key() -> Weight {
		// The fastest run took 81_280 ns.
		Weight::from_parts(84_906_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 1))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Members`: r 0, w 1.
	// `Audits.Pools`: r 15, w 15.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn join() -> Weight {
		// The fastest run took 164_765 ns.
		Weight::from_parts(169_080_000, 0).saturating_add(T::DbWeight::get().reads_writes(21, 17))
	}
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Pools`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn leave() -> Weight {
		// The fastest run took 40_680 ns.
		Weight::from_parts(43_063_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 2))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Pools`: r 16, w 16.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn refresh() -> Weight {
		// The fastest run took 159_557 ns.
		Weight::from_parts(164_294_000, 0).saturating_add(T::DbWeight::get().reads_writes(20, 17))
	}
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 63, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn mark_final() -> Weight {
		// The fastest run took 272_394 ns.
		Weight::from_parts(280_176_000, 0).saturating_add(T::DbWeight::get().reads_writes(72, 2))
	}
	// `AuditStake.Ledgers`: r 1, w 1.
	// `AuditStake.Pledges`: r 1, w 1.
	// `Audits.Auditors`: r 2, w 0.
	// `Audits.Pools`: r 1, w 0.
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.Duties`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.Slots`: r 63, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 1.
	// `Providers.Owners`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn notice() -> Weight {
		// The fastest run took 320_616 ns.
		Weight::from_parts(328_447_000, 0).saturating_add(T::DbWeight::get().reads_writes(79, 8))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 0.
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.Duties`: r 0, w 2.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.OpenSlots`: r 2, w 2.
	// `Jobs.Slots`: r 64, w 2.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Jobs.WorkerDuties`: r 0, w 2.
	// `Leases.Offers`: r 64, w 0.
	// `Leases.ProviderOffers`: r 65, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Ledgers`: r 2, w 2.
	// `ProviderStake.Pledges`: r 2, w 2.
	// `Providers.Owners`: r 1, w 0.
	// `Providers.Standings`: r 2, w 2.
	fn replicate() -> Weight {
		// The fastest run took 678_176 ns.
		Weight::from_parts(710_925_000, 0).saturating_add(T::DbWeight::get().reads_writes(214, 16))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 0.
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_replicate() -> Weight {
		// The fastest run took 102_642 ns.
		Weight::from_parts(108_521_000, 0).saturating_add(T::DbWeight::get().reads_writes(11, 0))
	}
	// `Audits.LambdaFloor`: r 1, w 1.
	fn set_lambda_floor() -> Weight {
		// The fastest run took 6_890 ns.
		Weight::from_parts(7_421_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.PeriodDraw`: r 1, w 0.
	// `Audits.Pools`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	fn show() -> Weight {
		// The fastest run took 113_668 ns.
		Weight::from_parts(117_544_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 2))
	}
	// `Audits.Auditors`: r 1, w 0.
	// `Audits.PeriodDraw`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_show() -> Weight {
		// The fastest run took 126_859 ns.
		Weight::from_parts(130_303_000, 0).saturating_add(T::DbWeight::get().reads_writes(7, 0))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn authorize_refresh() -> Weight {
		// The fastest run took 23_195 ns.
		Weight::from_parts(24_487_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 63, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_mark_final() -> Weight {
		// The fastest run took 317_792 ns.
		Weight::from_parts(324_041_000, 0).saturating_add(T::DbWeight::get().reads_writes(73, 0))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 2, w 0.
	// `Audits.Pools`: r 1, w 0.
	// `Audits.Ring`: r 4, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_notice() -> Weight {
		// The fastest run took 467_093 ns.
		Weight::from_parts(471_229_000, 0).saturating_add(T::DbWeight::get().reads_writes(14, 0))
	}
}
