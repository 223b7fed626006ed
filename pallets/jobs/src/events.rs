//! What the pallet tells.

use frame_support::pallet_macros::pallet_section;

/// What the pallet tells.
#[pallet_section]
mod events {
	// An event lives from its making to its encoding: a box would cost more than the copy.
	#[allow(clippy::large_enum_variant)]
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A tenant submitted a job; its slot is assigned.
		JobSubmitted {
			/// The job.
			job: JobDigest,
			/// Its lease.
			lease: LeaseId,
			/// Who pays.
			tenant: AccountId,
			/// Who is to compute.
			provider: AccountId,
			/// The slot.
			slot: SlotId,
			/// The most that can be charged.
			price_max: Balance,
			/// What the pledge has to cover.
			value_at_risk: Balance,
			/// Last block for acceptance.
			accept_by: u32,
			/// Audit rate in parts per billion: zero where the tenant asked for one, but nobody
			/// could audit a job of this model now.
			lambda_ppb: u32,
			/// The most that the audit can cost, on top of the price.
			fee_max: Balance,
			/// How many more providers are drawn to do it, at the same price each.
			replicas: u8,
		},
		/// A worker accepted a slot, and its provider's bond is pledged.
		SlotAccepted {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// The key that is bound.
			worker: WorkerKey,
			/// What is pledged.
			pledge: Balance,
			/// Last block for the commitment.
			commit_by: u32,
		},
		/// A worker posted a commitment.
		SlotCommitted {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// The commitment.
			commitment: Commitment,
		},
		/// Every slot has committed or closed: reveals may follow when this block is final, or of an
		/// audited job the last one for a notice, if that lies ahead and none comes.
		CommitPhaseClosed {
			/// The job.
			job: JobDigest,
			/// Last block of an on-time reveal.
			reveal_by: u32,
		},
		/// A claim is open.
		SlotRevealed {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// The claimed output.
			output: OutputDigest,
			/// Steps claimed; zero for an invalid input.
			count: u32,
			/// What being late cost; zero when on time.
			penalty: Balance,
		},
		/// All claims are open; the challenge window runs.
		WindowOpened {
			/// The job.
			job: JobDigest,
			/// Last block of the window.
			closes_at: u32,
		},
		/// A slot ended without a claim.
		SlotLapsed {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Why.
			reason: LapseReason,
			/// What it cost the provider.
			penalty: Balance,
		},
		/// A job is paid and gone. The receipt is leaf `leaf_index` of this block's receipts root.
		JobSettled {
			/// The job.
			job: JobDigest,
			/// Place among the block's receipts.
			leaf_index: u32,
			/// The final record.
			receipt: Receipt<AccountId>,
		},
		/// A job ended without a claim; its price went back to the lease.
		JobExpired {
			/// The job.
			job: JobDigest,
			/// Why its last slot ended.
			reason: LapseReason,
			/// What went back.
			refund: Balance,
		},
		/// A party was found guilty of a wrong claim; its pledge is taken.
		SlotConvicted {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Whose pledge.
			party: AccountId,
			/// What was taken.
			slashed: Balance,
		},
		/// All claims of a job were wrong; its price went back to the lease.
		JobRefuted {
			/// The job.
			job: JobDigest,
			/// What went back.
			refund: Balance,
		},
		/// Jobs were paused or resumed.
		PausedSet {
			/// Whether they are paused now.
			paused: bool,
		},
		/// The first commitment of an audited job is final.
		NoticesOpened {
			/// The job.
			job: JobDigest,
			/// Last block for a notice.
			notices_until: u32,
		},
		/// A notice opened the slot of an auditor, and its audit stake is pledged.
		AuditOpened {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Who audits.
			auditor: AccountId,
			/// The key that is bound.
			worker: WorkerKey,
			/// What is pledged.
			pledge: Balance,
			/// Last block for the commitment.
			commit_by: u32,
		},
		/// An auditor was paid for its claim, as far as the pool reached.
		AuditPaid {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Who audited.
			auditor: AccountId,
			/// How much.
			amount: Balance,
		},
		/// The party of a slot has shown that it meant to test auditors: its claim is another one.
		TrapOpened {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// The output that is claimed from now on.
			output: OutputDigest,
			/// Steps claimed; zero for an invalid input.
			count: u32,
			/// What auditors that claim the same earn together.
			jackpot: Balance,
		},
		/// An auditor that a trap has not caught was paid its part of the jackpot, as far as the
		/// treasury reached.
		JackpotPaid {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Who audited.
			auditor: AccountId,
			/// How much.
			amount: Balance,
		},
		/// The draw of a job's replicas has fallen on a provider, and its bond is pledged. Until the draw
		/// closes a candidate with a lower ticket takes its place.
		ReplicaDrawn {
			/// The slot.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Whose it is.
			provider: AccountId,
			/// The key that is bound.
			worker: WorkerKey,
			/// What is pledged.
			pledge: Balance,
			/// The slot that has made room: it is gone, and its pledge free.
			instead: Option<SlotId>,
			/// Last block for the commitment.
			commit_by: u32,
		},
	}
}
