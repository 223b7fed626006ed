//! What the pallet refuses, and why.

use frame_support::pallet_macros::pallet_section;

/// What the pallet refuses, and why.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// Jobs are paused; try again when they are resumed.
		Paused,
		/// The lease belongs to another tenant.
		NotTheTenant,
		/// The nonce does not exceed the tenant's last one: choose a higher one.
		NonceTooLow,
		/// The model is retired.
		ModelRetired,
		/// The lease's model is not registered.
		ModelUnknown,
		/// The program does not take this batch, sequence, step count or sampling.
		ShapeRefused,
		/// The inline input does not have the length that program and parameters give it.
		InputLengthWrong,
		/// The provider drains, or was not heard of for two duty periods.
		ProviderUnavailable,
		/// The provider has as many open slots as it may have.
		TooManyOpenSlots,
		/// Units times price exceeds what a balance can hold.
		PriceOverflow,
		/// More is declared to be at risk than the lease allows for a job of this price: declare
		/// less, or open a lease on an offer with a higher risk factor.
		ValueAtRiskTooHigh,
		/// The provider's free bond does not cover the pledge of this job.
		BondTooLow,
		/// A job with this digest is open.
		JobExists,
		/// No open job has this digest.
		JobUnknown,
		/// No open slot has this id.
		SlotUnknown,
		/// No slot id is left.
		SlotIdsSpent,
		/// The slot has been accepted already.
		AlreadyAccepted,
		/// The slot has committed already.
		AlreadyCommitted,
		/// The slot has revealed already.
		AlreadyRevealed,
		/// The slot has ended.
		SlotClosed,
		/// The slot has not committed: commit first.
		NotCommitted,
		/// Other slots of the job have not committed yet: wait until the commit phase closes.
		CommitPhaseOpen,
		/// The deadline has passed.
		DeadlinePassed,
		/// Nothing is due yet.
		NotDue,
		/// The provider has no worker key.
		WorkerKeyMissing,
		/// The signature is not one of the slot's worker key over this statement.
		BadSignature,
		/// The reveal does not match its commitment.
		CommitmentMismatch,
		/// The reveal rests on another block than the one that closed the commit phase.
		AnchorWrong,
		/// More steps are claimed than the job allows, or none.
		CountOutOfRange,
		/// The block has as many receipts as it can carry; the settlement stays due.
		ReceiptsFull,
		/// The job's window is still open, or its claims are not in.
		NotSettleable,
		/// A dispute about a claim of the job is open, or two claims contradict each other; the
		/// settlement waits for the end of that.
		Disputed,
		/// The slot has no revealed claim, or its challenge window is over.
		NotDisputable,
		/// The trace of this shape would have too many leaves to be disputed: take a smaller batch, a
		/// shorter sequence or fewer steps.
		TraceTooLarge,
		/// The audit rate is below the smallest one of this provider: raise it to what the view
		/// function `provider_record` says of it, or take zero for no audit.
		LambdaTooLow,
		/// The audit rate exceeds one: 10^9 parts per billion are the most.
		LambdaTooHigh,
		/// Input or output of a job of this shape are longer than what can be demanded, so auditors
		/// could be kept from them: take a smaller shape, or an audit rate of zero.
		TooLargeToAudit,
		/// The job has no first commitment that waits for its mark.
		NoMarkAwaited,
		/// No notice is taken for the job: not yet, not any more, or never.
		NoticesClosed,
		/// The auditor has a slot of the job already.
		AlreadyAParty,
		/// The auditor's free audit stake does not cover the pledge.
		AuditStakeTooLow,
		/// The job has as many slots as it can have.
		TooManySlots,
		/// A demand about the job is open: its clock stands still until that is over.
		Held,
		/// Nobody owes this now: the input travelled with the job, or the assigned slot has not come
		/// so far, has claimed that there is no output, has ended, or is due to end.
		NotOwed,
		/// This item of the job was demanded before, and is public.
		AlreadyDemanded,
		/// The item is empty, or longer than what can be demanded.
		LengthNotDemandable,
		/// No trap of the job can be opened: not yet, not any more, or never.
		TrapsClosed,
		/// The job's trap was opened.
		TrapIsOpen,
		/// The slot claims this already.
		NothingToAmend,
		/// A trap of the job may still be opened; disputes about its claims follow.
		TrapsComeFirst,
		/// More replicas are asked for than a job can have: 7 are the most.
		TooManyReplicas,
		/// The input of a job with replicas travels with it: submit it inline, up to 16 KiB, or ask
		/// for none.
		InputNotInline,
		/// Fewer other providers show that they hold the model's weights than replicas are asked for:
		/// ask for fewer.
		TooFewHolders,
		/// No candidate is taken for the job: not any more, or never.
		DrawClosed,
		/// Candidates for the job are still taken: replicas commit when that is over.
		DrawOpen,
		/// The draw has fallen on others: their tickets are lower.
		NotDrawn,
		/// The provider has no standing offer for the model under which it would do such a job: for
		/// what it earns or less, at a risk factor that covers what is at risk.
		NoSuchOffer,
		/// The output of a job of this shape is longer than what can be demanded, so a replica could
		/// keep it: take a smaller shape, or ask for no replicas.
		TooLargeToReplicate,
	}
}
