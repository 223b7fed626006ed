//! Authorisation of what workers send: cheap checks on state first, then the signature, then the
//! VRF. What would fail in the jobs pallet is not let in either: it would cost nothing and could be
//! sent for ever.

use crate::{
	calls::{DueShow, Volunteer},
	*,
};
use assay_primitives::{
	final_statement, notice_statement, replica_statement, show_statement, AccountId, Anchor,
	AuditedJobs, Duty, DutyOutput, DutyProof, JobDigest, ModelId, SegmentBytes, SegmentPath,
	WorkerKey, WorkerSignature,
};
use codec::Encode;
use frame_support::{pallet_prelude::*, storage::with_transaction, traits::PalletError};
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityWithRefund, ValidTransaction,
	},
	DispatchError, RuntimeAppPublic, TransactionOutcome,
};

/// Blocks for which an authorised transaction is worth keeping.
const LONGEVITY_BLOCKS: u64 = 16;
/// As what other workers send: a notice that comes late is none.
const PRIORITY: u64 = 1 << 60;
/// Below what other workers send: it has a whole period.
const REFRESH_PRIORITY: u64 = 1 << 59;
/// Code of what the jobs pallet refuses.
pub const REFUSED_BY_JOBS: u8 = u8::MAX;

/// What is done, as the pool calls it.
#[derive(Encode)]
enum Purpose {
	Refresh(AccountId),
	MarkFinal(JobDigest),
	Notice(JobDigest, AccountId),
	Show(ModelId, AccountId, u32),
	Replicate(JobDigest, AccountId),
}

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_refresh(
		_source: TransactionSource,
		provider: &AccountId,
	) -> TransactionValidityWithRefund {
		Self::check_refresh(provider).map_err(Self::refusal)?;
		Self::valid(Purpose::Refresh(provider.clone()), REFRESH_PRIORITY)
	}

	pub(crate) fn authorize_mark_final(
		_source: TransactionSource,
		job: &JobDigest,
		anchor: &Anchor,
		worker: &WorkerKey,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		Self::check_mark_final(*job, anchor, worker).map_err(Self::refusal)?;
		let statement = final_statement(&Self::genesis(), job, anchor);
		Self::ensure_signed_by(worker, &statement, signature)?;
		Self::ensure_works(|| T::Jobs::mark_final(*job, T::NoticeBlocks::get()))?;
		Self::valid(Purpose::MarkFinal(*job), PRIORITY)
	}

	pub(crate) fn authorize_notice(
		_source: TransactionSource,
		job: &JobDigest,
		worker: &WorkerKey,
		output: &DutyOutput,
		proof: &DutyProof,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let candidate = Self::check_notice(*job, worker, output).map_err(Self::refusal)?;
		let statement = notice_statement(&Self::genesis(), job, candidate.input.slot, output);
		Self::ensure_signed_by(worker, &statement, signature)?;
		let duty = Duty { output: *output, proof: *proof };
		if !candidate.input.verify(&candidate.key, &duty) {
			return Err(InvalidTransaction::BadProof.into());
		}
		let auditor = candidate.auditor;
		Self::ensure_works(|| T::Jobs::open_audit(*job, auditor.clone(), worker.clone()))?;
		Self::valid(Purpose::Notice(*job, auditor), PRIORITY)
	}

	pub(crate) fn authorize_show(
		_source: TransactionSource,
		model: &ModelId,
		bytes: &SegmentBytes,
		path: &SegmentPath,
		worker: &WorkerKey,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let due = Self::check_show(*model, bytes, path, worker).map_err(Self::refusal)?;
		let DueShow { provider, period, segment, .. } = due;
		let statement = show_statement(&Self::genesis(), *model, period, segment);
		Self::ensure_signed_by(worker, &statement, signature)?;
		Self::valid(Purpose::Show(*model, provider, period), REFRESH_PRIORITY)
	}

	pub(crate) fn authorize_replicate(
		_source: TransactionSource,
		job: &JobDigest,
		worker: &WorkerKey,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let Volunteer { provider, ticket } =
			Self::check_replicate(*job, worker).map_err(Self::refusal)?;
		let statement = replica_statement(&Self::genesis(), job);
		Self::ensure_signed_by(worker, &statement, signature)?;
		Self::ensure_works(|| {
			T::Jobs::open_replica(*job, provider.clone(), worker.clone(), ticket)
		})?;
		Self::valid(Purpose::Replicate(*job, provider), PRIORITY)
	}

	fn ensure_signed_by(
		worker: &WorkerKey,
		statement: &[u8],
		signature: &WorkerSignature,
	) -> Result<(), TransactionValidityError> {
		match worker.verify(&statement, signature) {
			true => Ok(()),
			false => Err(InvalidTransaction::BadProof.into()),
		}
	}

	fn ensure_works<V>(
		call: impl FnOnce() -> Result<V, DispatchError>,
	) -> Result<(), TransactionValidityError> {
		match Self::would_work(call) {
			true => Ok(()),
			false => Err(InvalidTransaction::Custom(REFUSED_BY_JOBS).into()),
		}
	}

	/// Whether something would work: it is done and undone.
	pub(crate) fn would_work<V>(call: impl FnOnce() -> Result<V, DispatchError>) -> bool {
		let done = with_transaction(|| TransactionOutcome::Rollback(call()));
		done.is_ok()
	}

	fn valid(purpose: Purpose, priority: u64) -> TransactionValidityWithRefund {
		ValidTransaction::with_tag_prefix("AssayAudits")
			.priority(priority)
			.and_provides(purpose)
			.longevity(LONGEVITY_BLOCKS)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// What the pool is told: stale when it is done or too late, future when it is too early, and
	/// otherwise the index of the pallet's error.
	fn refusal(error: Error<T>) -> TransactionValidityError {
		match error {
			Error::NothingToRefresh
			| Error::AlreadyShown
			| Error::JobUnknown
			| Error::AlreadyMarked
			| Error::NoticesOver
			| Error::RandomnessGone => InvalidTransaction::Stale.into(),
			Error::RandomnessPending
			| Error::PeriodDrawPending
			| Error::PartyMarksLater
			| Error::NotMarked => InvalidTransaction::Future.into(),
			other => {
				let index = other.encode().first().copied().unwrap_or(REFUSED_BY_JOBS);
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
