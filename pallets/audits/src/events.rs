//! What the pallet tells.

use frame_support::pallet_macros::pallet_section;

/// What the pallet tells.
#[pallet_section]
mod events {
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider registered a duty key.
		#[codec(index = 0)]
		DutyKeySet {
			/// Who.
			provider: AccountId,
			/// Which.
			key: DutyKey,
			/// First duty period in which it counts.
			period: u32,
		},
		/// A provider joined a pool.
		#[codec(index = 1)]
		Joined {
			/// Who.
			provider: AccountId,
			/// Whose pool.
			model: ModelId,
			/// First duty period in which it counts.
			period: u32,
		},
		/// A provider left a pool.
		#[codec(index = 2)]
		Left {
			/// Who.
			provider: AccountId,
			/// Whose pool.
			model: ModelId,
			/// First duty period in which it counts no more.
			period: u32,
		},
		/// What counts of a provider follows what it has bonded.
		#[codec(index = 3)]
		Refreshed {
			/// Who.
			provider: AccountId,
			/// Stake that counts from then on.
			stake: Balance,
			/// First duty period in which it does.
			period: u32,
		},
		/// The first commitment of a job is final: notices are taken.
		#[codec(index = 4)]
		MarkedFinal {
			/// The job.
			job: JobDigest,
			/// The block that is said to be final.
			anchor: Anchor,
			/// Whose word it is.
			provider: AccountId,
			/// Clock time until which notices are taken.
			notices_until: u32,
		},
		/// A provider has the duty to audit a job.
		#[codec(index = 5)]
		NoticeTaken {
			/// The job.
			job: JobDigest,
			/// The slot whose claim is audited.
			audited_slot: SlotId,
			/// The slot of the auditor.
			slot: SlotId,
			/// Who audits.
			auditor: AccountId,
			/// What decided it.
			output: DutyOutput,
		},
		/// An auditor was paid for its claim.
		#[codec(index = 6)]
		AuditPaid {
			/// Who.
			auditor: AccountId,
			/// What it was to get.
			asked: Balance,
			/// What it got: as much as the pool reached for.
			paid: Balance,
		},
		/// The smallest audit rate of jobs that are to be audited is another one, for jobs that are
		/// submitted from now on.
		#[codec(index = 7)]
		LambdaFloorSet {
			/// What it was, in parts per billion.
			old_ppb: u32,
			/// What it is.
			new_ppb: u32,
		},
		/// A provider has shown that it holds a model's weights: it may audit in the next period.
		#[codec(index = 8)]
		WeightsShown {
			/// Who.
			provider: AccountId,
			/// Whose weights.
			model: ModelId,
			/// The number of the segment that it opened.
			segment: u32,
			/// The duty period in which that counts.
			period: u32,
		},
	}
}
