//! Authorisation of an opening: cheap checks on state first, then the path, then the tenant's
//! signature and the worker's.

use crate::*;
use assay_primitives::{trap_statement, JobDigest, Trap, TrapJobs, WorkerSignature};
use codec::Encode;
use frame_support::{pallet_prelude::*, traits::PalletError};
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityWithRefund, ValidTransaction,
	},
	RuntimeAppPublic,
};

/// Blocks for which an opening is worth keeping.
const LONGEVITY_BLOCKS: u64 = 16;
/// As a move of a game: few blocks are left for it, and a pledge is at stake.
const PRIORITY: u64 = 1 << 61;

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_open(
		_source: TransactionSource,
		job: &JobDigest,
		trap: &Trap,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let root = Self::check_root(trap).map_err(Self::refusal)?;
		// What the jobs pallet refuses is too early or too late.
		let found = T::Jobs::trap_job(*job, &trap.claim).map_err(|_| InvalidTransaction::Stale)?;
		Self::check_leaf(job, &found.party, found.submitted_at, trap, &root)
			.map_err(Self::refusal)?;
		Self::check_consent(job, &found.tenant, trap).map_err(Self::refusal)?;
		let output = trap.claim.output().into();
		let statement = trap_statement(&Self::genesis(), job, found.slot, &output);
		if !found.worker.verify(&statement, signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		ValidTransaction::with_tag_prefix("AssayTraps")
			.priority(PRIORITY)
			.and_provides(job)
			.longevity(LONGEVITY_BLOCKS)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// What the pool is told: stale when the leaf is open or its root forgotten, a bad proof where the
	/// tenant has not agreed, and otherwise the index of the pallet's error.
	fn refusal(error: Error<T>) -> TransactionValidityError {
		match error {
			Error::AlreadyOpen | Error::RootUnknown => InvalidTransaction::Stale.into(),
			Error::NoConsent => InvalidTransaction::BadProof.into(),
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
