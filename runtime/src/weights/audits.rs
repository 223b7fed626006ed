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
	// `Audits.Ring`: r 0, w 1.
	// `Babe.AuthorVrfRandomness`: r 1, w 0.
	fn on_initialize() -> Weight {
		// The fastest run took 5_017 ns.
		// Estimated: the randomness of the period is looked at too, and once a period written.
		Weight::from_parts(10_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 2))
	}
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Pools`: r 16, w 16.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn set_duty_key() -> Weight {
		// The fastest run took 191_915 ns.
		Weight::from_parts(205_304_000, 0).saturating_add(T::DbWeight::get().reads_writes(20, 17))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Members`: r 0, w 1.
	// `Audits.Pools`: r 16, w 16.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn join() -> Weight {
		// The fastest run took 165_305 ns.
		Weight::from_parts(179_617_000, 0).saturating_add(T::DbWeight::get().reads_writes(22, 18))
	}
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Pools`: r 16, w 16.
	// `Jobs.TimingParameters`: r 1, w 0.
	fn leave() -> Weight {
		// The fastest run took 141_750 ns.
		Weight::from_parts(151_716_000, 0).saturating_add(T::DbWeight::get().reads_writes(18, 17))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 1.
	// `Audits.Pools`: r 16, w 16.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn refresh() -> Weight {
		// The fastest run took 153_818 ns.
		Weight::from_parts(162_972_000, 0).saturating_add(T::DbWeight::get().reads_writes(20, 17))
	}
	// `Audits.Ring`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.Slots`: r 63, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn mark_final() -> Weight {
		// The fastest run took 267_667 ns.
		Weight::from_parts(283_941_000, 0).saturating_add(T::DbWeight::get().reads_writes(69, 1))
	}
	// `AuditStake.Ledgers`: r 1, w 1.
	// `AuditStake.Pledges`: r 1, w 1.
	// `Audits.Auditors`: r 2, w 0.
	// `Audits.Pools`: r 1, w 0.
	// `Audits.Ring`: r 1, w 0.
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
		// The fastest run took 321_167 ns.
		Weight::from_parts(339_854_000, 0).saturating_add(T::DbWeight::get().reads_writes(76, 8))
	}
	// Estimated, not measured.
	fn show() -> Weight {
		Weight::from_parts(150_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 2))
	}
	// Estimated, not measured.
	fn authorize_show() -> Weight {
		Weight::from_parts(250_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
	// Estimated, not measured.
	fn set_lambda_floor() -> Weight {
		Weight::from_parts(15_000_000, 0).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	fn authorize_refresh() -> Weight {
		// The fastest run took 23_244 ns.
		Weight::from_parts(25_728_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Audits.Ring`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 63, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 2, w 0.
	fn authorize_mark_final() -> Weight {
		// The fastest run took 308_037 ns.
		Weight::from_parts(326_064_000, 0).saturating_add(T::DbWeight::get().reads_writes(70, 0))
	}
	// `AuditStake.Ledgers`: r 1, w 0.
	// `Audits.Auditors`: r 2, w 0.
	// `Audits.Pools`: r 1, w 0.
	// `Audits.Ring`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_notice() -> Weight {
		// The fastest run took 456_677 ns.
		Weight::from_parts(469_757_000, 0).saturating_add(T::DbWeight::get().reads_writes(11, 0))
	}
}
