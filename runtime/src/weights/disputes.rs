//! Weights of `pallet_disputes`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_disputes::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Disputes.ChallengerGames`: r 1, w 1.
	// `Disputes.Challenges`: r 1, w 3.
	// `Disputes.ClaimGames`: r 1, w 1.
	// `Disputes.Disputes`: r 0, w 1.
	// `Disputes.Games`: r 0, w 1.
	// `Disputes.KeyBlocks`: r 2, w 2.
	// `Disputes.LostChallenges`: r 2, w 2.
	// `Disputes.LostRange`: r 1, w 1.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.Slots`: r 3, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn challenge() -> Weight {
		// The fastest run took 296_129 ns.
		Weight::from_parts(299_184_000, 0).saturating_add(T::DbWeight::get().reads_writes(23, 19))
	}
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyBlocks`: r 2, w 0.
	// `Disputes.OpenGames`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn answer_children() -> Weight {
		// The fastest run took 62_483 ns.
		Weight::from_parts(65_807_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 2))
	}
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyBlocks`: r 2, w 0.
	// `Disputes.OpenGames`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.ProgramBytes`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn answer_bytes() -> Weight {
		// The fastest run took 3_130_505 ns.
		Weight::from_parts(3_146_820_000, 0).saturating_add(T::DbWeight::get().reads_writes(13, 2))
	}
	// `AuditStake.Ledgers`: r 62, w 0.
	// `AuditStake.Pledges`: r 62, w 0.
	// `Balances.Holds`: r 4, w 4.
	// `Disputes.ClaimGames`: r 2, w 2.
	// `Disputes.Convictions`: r 2, w 2.
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyBlocks`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.Oppositions`: r 0, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 2, w 2.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.WorkerDuties`: r 0, w 2.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 1, w 1.
	// `Models.Programs`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 2, w 2.
	// `ProviderStake.Pledges`: r 2, w 2.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 21, w 21.
	// `System.BlockHash`: r 1, w 0.
	// `n` was tried from 2 to 33.
	fn answer_openings(n: u32) -> Weight {
		// The fastest run took 6_608_646 ns.
		Weight::from_parts(6_560_430_842, 0)
			// Standard error: 1_629_464 ps.
			.saturating_add(Weight::from_parts(46_644_434, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(301, 247))
	}
	// `AuditStake.Ledgers`: r 62, w 0.
	// `AuditStake.Pledges`: r 62, w 0.
	// `Balances.Holds`: r 4, w 4.
	// `Disputes.ClaimGames`: r 2, w 2.
	// `Disputes.Convictions`: r 2, w 2.
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyBlocks`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.Oppositions`: r 0, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 2, w 2.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.WorkerDuties`: r 0, w 2.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.Reservations`: r 1, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 1.
	// `Models.ProgramBytes`: r 0, w 1.
	// `Models.Programs`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 2, w 2.
	// `ProviderStake.Pledges`: r 2, w 2.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 21, w 21.
	// `System.BlockHash`: r 1, w 0.
	fn timeout() -> Weight {
		// The fastest run took 3_327_387 ns.
		Weight::from_parts(3_413_015_000, 0)
			.saturating_add(T::DbWeight::get().reads_writes(300, 247))
	}
	// `Disputes.ClaimGames`: r 2, w 2.
	// `Disputes.Disputes`: r 0, w 1.
	// `Disputes.Games`: r 0, w 1.
	// `Disputes.KeyBlocks`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.Oppositions`: r 1, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.Slots`: r 2, w 2.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 2, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn oppose() -> Weight {
		// The fastest run took 183_492 ns.
		Weight::from_parts(183_893_000, 0).saturating_add(T::DbWeight::get().reads_writes(17, 13))
	}
	// `Balances.Holds`: r 1, w 0.
	// `Disputes.ChallengerGames`: r 1, w 0.
	// `Disputes.Challenges`: r 1, w 0.
	// `Disputes.ClaimGames`: r 1, w 0.
	// `Disputes.OpenGames`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.Account`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_challenge() -> Weight {
		// The fastest run took 155_841 ns.
		Weight::from_parts(173_267_000, 0).saturating_add(T::DbWeight::get().reads_writes(15, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_answer_children() -> Weight {
		// The fastest run took 86_628 ns.
		Weight::from_parts(97_154_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.ProgramBytes`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_answer_bytes() -> Weight {
		// The fastest run took 3_162_553 ns.
		Weight::from_parts(3_174_962_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.ProgramBytes`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	// `n` was tried from 2 to 33.
	fn authorize_answer_openings(n: u32) -> Weight {
		// The fastest run took 3_164_146 ns.
		Weight::from_parts(3_369_209_404, 0)
			// Standard error: 6_142_238 ps.
			.saturating_add(Weight::from_parts(54_126_822, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_timeout() -> Weight {
		// The fastest run took 23_825 ns.
		Weight::from_parts(25_487_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
	// `Disputes.Oppositions`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.Slots`: r 2, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 2, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_oppose() -> Weight {
		// The fastest run took 94_831 ns.
		Weight::from_parts(99_748_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
}
