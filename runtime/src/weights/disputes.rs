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
		// The fastest run took 314_657 ns.
		Weight::from_parts(327_166_000, 0).saturating_add(T::DbWeight::get().reads_writes(23, 19))
	}
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyBlocks`: r 2, w 0.
	// `Disputes.OpenGames`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn answer_children() -> Weight {
		// The fastest run took 613_291 ns.
		Weight::from_parts(634_121_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 2))
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
		// The fastest run took 6_436_771 ns.
		Weight::from_parts(6_508_048_000, 0).saturating_add(T::DbWeight::get().reads_writes(13, 2))
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
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.Jackpots`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 2, w 2.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.TimingParameters`: r 1, w 0.
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
	// `Providers.Records`: r 2, w 2.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 21, w 21.
	// `System.BlockHash`: r 1, w 0.
	// `n` was tried from 2 to 33.
	fn answer_openings(n: u32) -> Weight {
		// The fastest run took 10_212_074 ns.
		Weight::from_parts(10_399_071_206, 0)
			// Standard error: 9_413_668 ps.
			.saturating_add(Weight::from_parts(71_000_578, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(304, 251))
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
	// `Jobs.AwaitingAudit`: r 0, w 1.
	// `Jobs.Duties`: r 0, w 64.
	// `Jobs.InlineInputs`: r 0, w 1.
	// `Jobs.Jackpots`: r 0, w 1.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 1.
	// `Jobs.OpenSlots`: r 2, w 2.
	// `Jobs.Slots`: r 64, w 64.
	// `Jobs.TimingParameters`: r 1, w 0.
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
	// `Providers.Records`: r 2, w 2.
	// `Providers.Standings`: r 64, w 64.
	// `System.Account`: r 21, w 21.
	// `System.BlockHash`: r 1, w 0.
	fn timeout() -> Weight {
		// The fastest run took 3_586_182 ns.
		Weight::from_parts(3_689_966_000, 0)
			.saturating_add(T::DbWeight::get().reads_writes(303, 251))
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
		// The fastest run took 188_911 ns.
		Weight::from_parts(195_310_000, 0).saturating_add(T::DbWeight::get().reads_writes(17, 13))
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
		// The fastest run took 159_327 ns.
		Weight::from_parts(165_105_000, 0).saturating_add(T::DbWeight::get().reads_writes(15, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_answer_children() -> Weight {
		// The fastest run took 674_170 ns.
		Weight::from_parts(703_084_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
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
		// The fastest run took 6_517_000 ns.
		Weight::from_parts(6_608_357_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
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
		// The fastest run took 6_631_841 ns.
		Weight::from_parts(6_535_802_058, 0)
			// Standard error: 589_049 ps.
			.saturating_add(Weight::from_parts(79_349_429, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_timeout() -> Weight {
		// The fastest run took 23_615 ns.
		Weight::from_parts(25_328_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
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
		// The fastest run took 97_094 ns.
		Weight::from_parts(103_073_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
}
