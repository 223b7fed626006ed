//! Tests, one file for each call or phase.

mod deliver;
mod demand;
mod invariants;
mod show_length;
mod timeout;
mod worker;

use crate::{mock::*, Call, Error, Event};
use assay_primitives::{chunk_key, Item, JobDigest, DEMAND_BYTES_MAX};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// Assert that the pool refuses and that a dispatch without the pool fails, changing nothing.
fn assert_refused(call: RuntimeCall, refusal: InvalidTransaction, error: Error<Test>) {
	let pool = dispatch_authorized(call.clone());
	assert_eq!(pool, Err(TransactionValidityError::Invalid(refusal)), "{error:?}");
	assert_noop!(dispatch_unchecked(call), error);
}

#[test]
fn the_timeline_of_the_crate_docs_is_true() {
	build_and_execute(|| {
		roll_to(100);
		let (job, blob) = demanded(10_000);
		let demand = Demands::demand_of(job).unwrap();
		assert_eq!((demand.chunks(), demand.due), (3, 120));
		roll_to(103);
		assert_ok!(deliver(job, &blob, 0).unwrap());
		assert_eq!(Demands::demand_of(job).unwrap().due, 123);
		roll_to(104);
		assert_ok!(deliver(job, &blob, 1).unwrap());
		frame_support::hypothetically!({
			roll_to(124);
			assert_noop!(Demands::timeout(signed(stranger()), job), Error::<Test>::NotDue);
			roll_to(125);
			assert_ok!(Demands::timeout(signed(stranger()), job));
			let Some(Event::Withheld { returned, .. }) = events().pop() else { unreachable!() };
			assert_eq!(returned, 1_808 * PRICE_PER_BYTE);
		});
		assert_ok!(deliver(job, &blob, 2).unwrap());
		assert_eq!(events().last(), Some(&Event::Answered { job, item: Item::Input }));
		assert!(!MockJobs::get(job).unwrap().is_held);
	});
}
