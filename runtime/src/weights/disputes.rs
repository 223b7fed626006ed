//! Weights of `pallet_disputes`, measured by `cargo xtask weights`, which overwrites this file.
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

impl<T: frame_system::Config> pallet_disputes::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Disputes.ChallengerGames`: r 1, w 1.
	// `Disputes.Challenges`: r 1, w 1.
	// `Disputes.ClaimGames`: r 1, w 1.
	// `Disputes.Disputes`: r 0, w 1.
	// `Disputes.Games`: r 0, w 1.
	// `Disputes.KeyGames`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
	// `Jobs.JobClock`: r 1, w 0.
	// `Jobs.Jobs`: r 1, w 0.
	// `Jobs.NextSlot`: r 1, w 1.
	// `Jobs.Slots`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `ProviderStake.Pledges`: r 1, w 0.
	// `Providers.Owners`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	// `System.BlockHash`: r 1, w 0.
	fn challenge() -> Weight {
		// The fastest run took 231_273 ns.
		Weight::from_parts(246_055_000, 0).saturating_add(T::DbWeight::get().reads_writes(18, 14))
	}
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyGames`: r 2, w 0.
	// `Disputes.OpenGames`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn answer_children() -> Weight {
		// The fastest run took 53_399 ns.
		Weight::from_parts(62_984_000, 0).saturating_add(T::DbWeight::get().reads_writes(6, 2))
	}
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyGames`: r 2, w 0.
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
		// The fastest run took 3_143_975 ns.
		Weight::from_parts(3_202_482_000, 0).saturating_add(T::DbWeight::get().reads_writes(13, 2))
	}
	// `Balances.Holds`: r 4, w 4.
	// `Disputes.ChallengerGames`: r 1, w 1.
	// `Disputes.Challenges`: r 0, w 1.
	// `Disputes.ClaimGames`: r 1, w 1.
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyGames`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.Winners`: r 1, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
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
	// `Models.ProgramBytes`: r 1, w 1.
	// `Models.Programs`: r 1, w 1.
	// `ProviderStake.Ledgers`: r 1, w 1.
	// `ProviderStake.Pledges`: r 1, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 5, w 5.
	// `System.BlockHash`: r 1, w 0.
	// `n` was tried from 2 to 33.
	fn answer_openings(n: u32) -> Weight {
		// The fastest run took 3_672_530 ns.
		Weight::from_parts(3_775_146_777, 0)
			// Standard error: 1_741_240 ps.
			.saturating_add(Weight::from_parts(43_069_676, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(31, 37))
	}
	// `Balances.Holds`: r 4, w 4.
	// `Disputes.ChallengerGames`: r 1, w 1.
	// `Disputes.Challenges`: r 0, w 1.
	// `Disputes.ClaimGames`: r 1, w 1.
	// `Disputes.Disputes`: r 1, w 1.
	// `Disputes.Games`: r 1, w 1.
	// `Disputes.KeyGames`: r 2, w 2.
	// `Disputes.OpenGames`: r 1, w 1.
	// `Disputes.Winners`: r 1, w 1.
	// `Disputes.WorkerGames`: r 0, w 2.
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
	// `System.Account`: r 5, w 5.
	// `System.BlockHash`: r 1, w 0.
	fn timeout() -> Weight {
		// The fastest run took 537_838 ns.
		Weight::from_parts(554_763_000, 0).saturating_add(T::DbWeight::get().reads_writes(30, 37))
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
		// The fastest run took 123_083 ns.
		Weight::from_parts(127_369_000, 0).saturating_add(T::DbWeight::get().reads_writes(15, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	// `System.BlockHash`: r 1, w 0.
	fn authorize_answer_children() -> Weight {
		// The fastest run took 72_938 ns.
		Weight::from_parts(75_412_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 0))
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
		// The fastest run took 3_165_618 ns.
		Weight::from_parts(3_228_941_000, 0).saturating_add(T::DbWeight::get().reads_writes(10, 0))
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
		// The fastest run took 3_230_714 ns.
		Weight::from_parts(3_205_736_091, 0)
			// Standard error: 1_265_367 ps.
			.saturating_add(Weight::from_parts(64_124_396, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(10, 0))
	}
	// `Disputes.Disputes`: r 1, w 0.
	// `Disputes.Games`: r 1, w 0.
	// `Jobs.JobClock`: r 1, w 0.
	fn authorize_timeout() -> Weight {
		// The fastest run took 20_230 ns.
		Weight::from_parts(21_442_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
}
