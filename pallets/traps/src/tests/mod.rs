//! Tests, by what they are about.

mod games;
mod licences;
mod opening;
mod random;
mod worker;

use crate::{mock::*, types::ROOTS_MAX, Error, Event};
use assay_primitives::{Audits, Balance, JobDigest, SlotId, Stake, Trap, TRAPS_MAX};
use frame_support::{assert_noop, assert_ok};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	DispatchError, DispatchResult,
};

/// Coins of the tenant's lease that no job holds.
fn escrow() -> Balance {
	let lease = assay_primitives::LeaseId(0);
	<Leases as assay_primitives::Leases<_, _>>::open_lease(lease).unwrap().free
}

fn price_of(job: JobDigest) -> Balance {
	pallet_jobs::Jobs::<Test>::get(job).unwrap().price_max
}

/// The number by which the pool names an error.
fn custom(error: Error<Test>) -> InvalidTransaction {
	use codec::Encode;
	InvalidTransaction::Custom(error.encode()[0])
}
