//! Authorisation of what workers send: cheap checks on state first, the signature last.
//!
//! Every transaction provides one tag for its duty, so the pool keeps one of each; each is
//! propagated, since a provider's node is rarely a validator; each dies soon, since its worker
//! looks again every block and sends again what is still missing.

use crate::*;
use assay_primitives::{
	accept_statement, claim_statement, commit_statement, Anchor, Commitment, JobDigest, SlotId,
	WorkerKey, WorkerSignature,
};
use codec::Encode;
use frame_support::{pallet_prelude::*, traits::PalletError};
use sp_core::H256;
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityWithRefund, ValidTransaction,
	},
	RuntimeAppPublic,
};

/// Blocks for which an authorised transaction is worth keeping.
const LONGEVITY_BLOCKS: u64 = 16;
/// Above anything that pays a tip of less than all there is: deadlines cost pledges.
const PRIORITY: u64 = 1 << 60;

/// What a duty is called in the pool.
#[derive(Encode)]
enum Duty {
	Accept(SlotId),
	Commit(SlotId),
	Reveal(SlotId),
	Lapse(SlotId),
	Settle(JobDigest),
}

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_accept(
		_source: TransactionSource,
		slot_id: &SlotId,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let ((slot, _), worker) = Self::check_accept(*slot_id).map_err(Self::refusal)?;
		let statement = accept_statement(&Self::genesis(), &slot.job, *slot_id);
		Self::ensure_worker_signed(&worker, &statement, signature)?;
		Self::valid(Duty::Accept(*slot_id))
	}

	pub(crate) fn authorize_commit(
		_source: TransactionSource,
		slot_id: &SlotId,
		commitment: &Commitment,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let ((slot, _), worker) = Self::check_commit(*slot_id).map_err(Self::refusal)?;
		let statement = commit_statement(&Self::genesis(), &slot.job, *slot_id, commitment);
		Self::ensure_worker_signed(&worker, &statement, signature)?;
		Self::valid(Duty::Commit(*slot_id))
	}

	pub(crate) fn authorize_reveal(
		_source: TransactionSource,
		slot_id: &SlotId,
		claim: &Claim,
		salt: &H256,
		anchor: &Anchor,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let ((slot, _), worker, _) =
			Self::check_reveal(*slot_id, claim, salt, anchor).map_err(Self::refusal)?;
		let output = claim.output().into();
		let statement = claim_statement(&Self::genesis(), &slot.job, *slot_id, &output, anchor);
		Self::ensure_worker_signed(&worker, &statement, signature)?;
		Self::valid(Duty::Reveal(*slot_id))
	}

	pub(crate) fn authorize_lapse(
		_source: TransactionSource,
		slot_id: &SlotId,
	) -> TransactionValidityWithRefund {
		Self::check_lapse(*slot_id).map_err(Self::refusal)?;
		Self::valid(Duty::Lapse(*slot_id))
	}

	pub(crate) fn authorize_settle(
		_source: TransactionSource,
		job: &JobDigest,
	) -> TransactionValidityWithRefund {
		let (_, slots) = Self::check_settle(*job).map_err(Self::refusal)?;
		let count = u32::try_from(slots.len()).unwrap_or(types::SLOTS_MAX);
		let most = T::WeightInfo::authorize_settle(types::SLOTS_MAX);
		let unspent = most.saturating_sub(T::WeightInfo::authorize_settle(count));
		Self::valid(Duty::Settle(*job)).map(|(valid, _)| (valid, unspent))
	}

	fn ensure_worker_signed(
		worker: &WorkerKey,
		statement: &[u8],
		signature: &WorkerSignature,
	) -> Result<(), TransactionValidityError> {
		if worker.verify(&statement, signature) {
			Ok(())
		} else {
			Err(InvalidTransaction::BadProof.into())
		}
	}

	fn valid(duty: Duty) -> TransactionValidityWithRefund {
		ValidTransaction::with_tag_prefix("AssayJobs")
			.priority(PRIORITY)
			.and_provides(duty)
			.longevity(LONGEVITY_BLOCKS)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// What the pool is told: stale when the duty is done or too late, future when it is not due
	/// yet, and otherwise the index of the pallet's error.
	fn refusal(error: Error<T>) -> TransactionValidityError {
		match error {
			Error::AlreadyAccepted
			| Error::AlreadyCommitted
			| Error::AlreadyRevealed
			| Error::SlotClosed
			| Error::SlotUnknown
			| Error::JobUnknown
			| Error::DeadlinePassed => InvalidTransaction::Stale.into(),
			Error::NotDue
			| Error::NotSettleable
			| Error::Disputed
			| Error::CommitPhaseOpen
			| Error::DrawOpen
			| Error::Held
			| Error::Paused => InvalidTransaction::Future.into(),
			Error::ReceiptsFull => InvalidTransaction::ExhaustsResources.into(),
			other => {
				let index = other.encode().first().copied().unwrap_or(u8::MAX);
				InvalidTransaction::Custom(index).into()
			},
		}
	}
}

// The refusal's number is the variant's index: it must be the first byte of the encoding.
const _: () = assert!(<Error<()> as ErrorSize>::SIZE == 1);

trait ErrorSize {
	const SIZE: usize;
}

impl<T> ErrorSize for Error<T> {
	const SIZE: usize = <Error<T> as PalletError>::MAX_ENCODED_SIZE;
}
