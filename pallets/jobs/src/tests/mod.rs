//! Tests, one file for each call or phase.

mod audits;
mod commit;
mod demands;
mod docs;
mod genesis;
mod invariants;
mod lapse;
mod pause;
mod pool;
mod record;
mod replicas;
mod reveal;
mod settle;
mod submit_job;
mod two_slots;
mod worker;

use crate::{
	mock::*, types, Assurance, Call, Claim, Error, Event, JobInput, Phase, RECEIPTS_ENGINE_ID,
	RECEIPTS_VERSION,
};
use assay_primitives::{Anchor, LapseReason, LeaseId, Leases as _, SlotId, Stake};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// Assert that the pool refuses and that a dispatch without the pool fails, changing nothing.
fn assert_refused(call: RuntimeCall, refusal: InvalidTransaction, error: Error<Test>) {
	let pool = dispatch_authorized(call.clone());
	assert_eq!(pool, Err(TransactionValidityError::Invalid(refusal)), "{error:?}");
	assert_noop!(dispatch_unchecked(call), error);
}

/// The number by which the pool names an error.
fn custom(error: Error<Test>) -> InvalidTransaction {
	use codec::Encode;
	InvalidTransaction::Custom(error.encode()[0])
}
