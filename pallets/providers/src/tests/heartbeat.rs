//! Authorisation of heartbeats, and what their dispatch checks again.

use super::*;
use crate::NOT_A_PROVIDER;
use assay_primitives::{heartbeat_statement, worker::WorkerPair, WorkerSignature};
use codec::Encode;
use frame_support::{dispatch::GetDispatchInfo, traits::Authorize};
use sp_runtime::transaction_validity::{
	InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
};

fn sign(pair: &WorkerPair, owner: AccountId, period: u32) -> WorkerSignature {
	pair.sign(&heartbeat_statement(&genesis(), &owner, period))
}

fn authorize(
	owner: AccountId,
	period: u32,
	signature: WorkerSignature,
) -> Result<ValidTransaction, TransactionValidityError> {
	let call = crate::Call::<Test>::heartbeat { owner, period, signature };
	[TransactionSource::External, TransactionSource::Local, TransactionSource::InBlock]
		.map(|source| {
			let authorized = call.authorize(source).expect("heartbeats are authorised");
			authorized.map(|(valid, _)| valid)
		})
		.into_iter()
		.reduce(|first, next| {
			assert_eq!(first, next, "every source is treated alike");
			first
		})
		.expect("three sources")
}

fn refused(reason: InvalidTransaction) -> Result<ValidTransaction, TransactionValidityError> {
	Err(reason.into())
}

#[test]
fn is_heard_once_in_each_period() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		roll_to(PERIOD);
		let signature = sign(&pair(1), ALICE, 1);
		assert!(authorize(ALICE, 1, signature.clone()).is_ok());

		let origin = || RuntimeOrigin::from(frame_system::RawOrigin::Authorized);
		assert_ok!(Providers::heartbeat(origin(), ALICE, 1, signature.clone()));
		let worker = pair(1).public();
		assert_eq!(events(), [Event::HeartbeatReceived { owner: ALICE, worker, period: 1 }]);
		assert_eq!(provider(ALICE).heard_period, 1);

		assert_noop!(
			Providers::heartbeat(origin(), ALICE, 1, signature.clone()),
			Error::<Test>::AlreadyHeard
		);
		assert_eq!(authorize(ALICE, 1, signature), refused(InvalidTransaction::Stale));
	});
}

#[test]
fn is_tagged_by_duty_and_lives_as_long_as_the_period() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		for (block, longevity) in [(20, 20), (21, 19), (39, 1)] {
			roll_to(block);
			let valid = authorize(ALICE, 1, sign(&pair(1), ALICE, 1)).expect("due");
			assert_eq!(valid.longevity, longevity, "block {block}");
			assert_eq!(valid.provides, [("AssayHeartbeat", (ALICE, 1u32)).encode()]);
			assert_eq!(valid.priority, PRIORITY);
			assert!(valid.propagate);
			assert!(valid.requires.is_empty());
		}
	});
}

#[test]
fn is_refused_for_another_period() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		roll_to(PERIOD * 3);
		for (period, reason) in [(2, InvalidTransaction::Stale), (4, InvalidTransaction::Future)] {
			assert_eq!(
				authorize(ALICE, period, sign(&pair(1), ALICE, period)),
				refused(reason),
				"period {period}"
			);
			assert_noop!(Providers::do_heartbeat(ALICE, period), Error::<Test>::WrongPeriod);
		}
	});
}

#[test]
fn is_refused_for_strangers() {
	build_and_execute(|| {
		roll_to(PERIOD);
		assert_eq!(
			authorize(ALICE, 1, sign(&pair(1), ALICE, 1)),
			refused(InvalidTransaction::Custom(NOT_A_PROVIDER))
		);
		assert_noop!(Providers::do_heartbeat(ALICE, 1), Error::<Test>::NotRegistered);
	});
}

#[test]
fn a_registration_is_the_heartbeat_of_its_period() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert_eq!(
			authorize(ALICE, 0, sign(&pair(1), ALICE, 0)),
			refused(InvalidTransaction::Stale)
		);
	});
}

#[test]
fn is_refused_without_the_present_keys_signature() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		register(BOB, &pair(2));
		assert_ok!(Providers::rotate_worker(
			RuntimeOrigin::signed(ALICE),
			pair(3).public(),
			proof(&pair(3), ALICE)
		));
		roll_to(PERIOD);
		let other_chain = pair(3).sign(&heartbeat_statement(&Default::default(), &ALICE, 1));
		let forged = [
			sign(&pair(1), ALICE, 1),
			sign(&pair(2), ALICE, 1),
			sign(&pair(3), BOB, 1),
			sign(&pair(3), ALICE, 2),
			proof(&pair(3), ALICE),
			other_chain,
		];
		for signature in forged {
			assert_eq!(authorize(ALICE, 1, signature), refused(InvalidTransaction::BadProof));
		}
		assert!(authorize(ALICE, 1, sign(&pair(3), ALICE, 1)).is_ok());
	});
}

#[test]
fn only_an_authorised_origin_dispatches_it() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		roll_to(PERIOD);
		for origin in [RuntimeOrigin::signed(ALICE), RuntimeOrigin::root(), RuntimeOrigin::none()] {
			assert_noop!(
				Providers::heartbeat(origin, ALICE, 1, sign(&pair(1), ALICE, 1)),
				DispatchError::BadOrigin
			);
		}
	});
}

#[test]
fn no_other_call_is_authorised_and_the_check_has_a_weight() {
	build_and_execute(|| {
		let heartbeat = crate::Call::<Test>::heartbeat {
			owner: ALICE,
			period: 0,
			signature: sign(&pair(1), ALICE, 0),
		};
		use crate::WeightInfo;
		let authorize_weight = <Test as crate::Config>::WeightInfo::authorize_heartbeat();
		assert_eq!(heartbeat.weight_of_authorize(), authorize_weight);
		assert!(heartbeat.get_dispatch_info().call_weight.ref_time() > 0);
		for call in [crate::Call::<Test>::drain {}, crate::Call::<Test>::leave {}] {
			assert!(call.authorize(TransactionSource::Local).is_none());
		}
	});
}
