//! Authorisation of what needs no account: cheap checks on state first, hashes or the signature
//! last.

use crate::{
	types::{Chunk, Path},
	*,
};
use assay_primitives::{demand_statement, Item, JobDigest, WorkerKey, WorkerSignature};
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
/// As what other workers send: a chunk that comes late costs a pledge.
const PRIORITY: u64 = 1 << 60;
/// Below what other workers send: nobody's deadline has to make room for it.
const LOW_PRIORITY: u64 = 1 << 59;
/// Prefix of what transactions provide and require.
const TAG: &str = "AssayDemands";

/// What is done, as the pool calls it.
#[derive(Encode)]
enum Duty {
	Demand(JobDigest, Item),
	Deliver(JobDigest, Item, u32),
	ShowLength(JobDigest),
	Timeout(JobDigest),
}

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_demand_for(
		_source: TransactionSource,
		job: &JobDigest,
		item: &Item,
		worker: &WorkerKey,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		let demander = Self::provider_of(worker).map_err(Self::refusal)?;
		// Errors of neighbours mean that nobody owes it now.
		Self::check_demand(&demander, *job, *item).map_err(|_| InvalidTransaction::Stale)?;
		let statement = demand_statement(&Self::genesis(), job, *item);
		if !worker.verify(&statement, signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		Self::valid(Duty::Demand(*job, *item), None, LOW_PRIORITY)
	}

	pub(crate) fn authorize_deliver(
		_source: TransactionSource,
		job: &JobDigest,
		item: &Item,
		index: &u32,
		bytes: &Chunk,
		path: &Path,
	) -> TransactionValidityWithRefund {
		let demand = Self::check_chunk(*job, *item, *index, bytes, path).map_err(Self::refusal)?;
		// Chunks may be sent together: the pool keeps them in their order.
		let before = u32::checked_sub(*index, 1).filter(|before| *before >= demand.next);
		let requires = before.map(|before| Duty::Deliver(*job, *item, before));
		Self::valid(Duty::Deliver(*job, *item, *index), requires, PRIORITY)
	}

	pub(crate) fn authorize_show_length(
		_source: TransactionSource,
		job: &JobDigest,
		length: &u64,
		root: &H256,
	) -> TransactionValidityWithRefund {
		Self::check_show_length(*job, *length, root).map_err(Self::refusal)?;
		Self::valid(Duty::ShowLength(*job), None, PRIORITY)
	}

	pub(crate) fn authorize_timeout(
		_source: TransactionSource,
		job: &JobDigest,
	) -> TransactionValidityWithRefund {
		Self::check_timeout(*job).map_err(Self::refusal)?;
		Self::valid(Duty::Timeout(*job), None, LOW_PRIORITY)
	}

	fn valid(duty: Duty, requires: Option<Duty>, priority: u64) -> TransactionValidityWithRefund {
		let valid = ValidTransaction::with_tag_prefix(TAG)
			.priority(priority)
			.and_provides(duty)
			.longevity(LONGEVITY_BLOCKS)
			.propagate(true);
		let valid = match requires {
			Some(before) => valid.and_requires(before),
			None => valid,
		};
		valid.build().map(|valid| (valid, Weight::zero()))
	}

	/// What the pool is told: stale when it is done or too late, future when it is not due yet, and
	/// otherwise the index of the pallet's error.
	fn refusal(error: Error<T>) -> TransactionValidityError {
		match error {
			Error::DemandUnknown | Error::AlreadyDelivered | Error::DeadlinePassed => {
				InvalidTransaction::Stale.into()
			},
			Error::NotDue | Error::Paused => InvalidTransaction::Future.into(),
			Error::ChunkWrong | Error::LengthNotShown => InvalidTransaction::BadProof.into(),
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
