//! The pool of money, and what jobs ask.

use crate::{mock::*, Error, Event};
use assay_primitives::Audits as _;
use frame_support::{
	assert_noop, assert_ok,
	traits::fungible::{Inspect, Mutate},
};
use frame_system::RawOrigin;
use sp_runtime::DispatchError;

type Asked = Audits;

fn free(who: &assay_primitives::AccountId) -> u128 {
	Balances::balance(who)
}

#[test]
fn the_account_exists_from_the_beginning() {
	build_and_execute(|| {
		let pool = <Asked as assay_primitives::Audits<_, _>>::pool();
		assert_eq!(pool, Audits::pool_account());
		assert_eq!(free(&pool), EXISTENTIAL_DEPOSIT);
		// So the smallest fee can be paid into it.
		assert_ok!(Balances::transfer_keep_alive(signed(owner()), pool.clone(), 1));
		assert_eq!(free(&pool), EXISTENTIAL_DEPOSIT + 1);
	});
}

#[test]
fn pays_what_is_asked() {
	build_and_execute(|| {
		Balances::set_balance(&Audits::pool_account(), 10 * UNIT);
		let before = free(&auditor(0));
		assert_eq!(Asked::pay(&auditor(0), 4 * UNIT), 4 * UNIT);
		assert_eq!(free(&auditor(0)), before + 4 * UNIT);
		let (asked, paid) = (4 * UNIT, 4 * UNIT);
		assert_eq!(events(), [Event::AuditPaid { auditor: auditor(0), asked, paid }]);
	});
}

#[test]
fn pays_as_far_as_it_reaches_and_stays_alive() {
	build_and_execute(|| {
		let pool = Audits::pool_account();
		Balances::set_balance(&pool, 3 * UNIT);
		let (asked, paid) = (4 * UNIT, 3 * UNIT - EXISTENTIAL_DEPOSIT);
		assert_eq!(Asked::pay(&auditor(0), asked), paid);
		assert_eq!(free(&pool), EXISTENTIAL_DEPOSIT);
		assert_eq!(Asked::pay(&auditor(0), asked), 0);
		assert_eq!(
			events(),
			[
				Event::AuditPaid { auditor: auditor(0), asked, paid },
				Event::AuditPaid { auditor: auditor(0), asked, paid: 0 },
			]
		);
	});
}

#[test]
fn a_payee_that_cannot_be_paid_gets_nothing() {
	build_and_execute(|| {
		let pool = Audits::pool_account();
		Balances::set_balance(&pool, 10 * UNIT);
		let nobody = account(200);
		assert_eq!(Asked::pay(&nobody, EXISTENTIAL_DEPOSIT - 1), 0);
		assert_eq!(free(&pool), 10 * UNIT);
		assert_eq!(Asked::pay(&nobody, EXISTENTIAL_DEPOSIT), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn jobs_are_told_rate_and_pledge() {
	build_and_execute(|| {
		assert_eq!(Asked::lambda_min(), LAMBDA_MIN);
		assert_eq!(Asked::pledge(0), UNIT);
		assert_eq!(Asked::pledge(UNIT), u128::from(PLEDGE_FACTOR) * UNIT);
		assert_eq!(Asked::pledge(u128::MAX), u128::MAX);
	});
}

#[test]
fn governance_sets_the_floor_of_audit_rates() {
	build_and_execute(|| {
		let set = |rate| Audits::set_lambda_floor(RawOrigin::Root.into(), rate);
		assert_eq!(Asked::lambda_min(), LAMBDA_MIN);
		for out_of_range in [0, LAMBDA_MIN - 1, ALL + 1, u32::MAX] {
			assert_noop!(set(out_of_range), Error::<Test>::LambdaFloorOutOfRange);
		}
		for rate in [LAMBDA_MIN, ALL, 3 * LAMBDA_MIN] {
			let old_ppb = Asked::lambda_min();
			System::reset_events();
			assert_ok!(set(rate));
			assert_eq!(events(), [Event::LambdaFloorSet { old_ppb, new_ppb: rate }]);
			assert_eq!(Asked::lambda_min(), rate);
		}
		let origin = signed(owner());
		assert_noop!(Audits::set_lambda_floor(origin, ALL), DispatchError::BadOrigin);
	});
}
