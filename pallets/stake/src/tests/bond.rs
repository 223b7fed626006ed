use super::*;
use sp_runtime::{DispatchError, TokenError};

#[test]
fn holds_funds_in_the_owners_account() {
	build_and_execute(|| {
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), 500));

		assert_eq!(events(), [Event::Bonded { who: ALICE, amount: 500, active: 500 }]);
		assert_eq!(held(ALICE), 500);
		assert_eq!(Balances::total_balance(&ALICE), ENDOWMENT);
		assert_eq!(
			bond_of(ALICE),
			BondView { active: 500, free: 500, pledged: 0, unbonding: vec![] }
		);
		assert_eq!((Stake::bonded(&ALICE), Stake::free(&ALICE)), (500, 500));
	});
}

#[test]
fn adds_to_the_bond_there_is() {
	build_and_execute(|| {
		bond(ALICE, MIN_BOND);
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), 1));
		assert_eq!(events(), [Event::Bonded { who: ALICE, amount: 1, active: MIN_BOND + 1 }]);
		assert_eq!(held(ALICE), MIN_BOND + 1);
	});
}

#[test]
fn boundary_minimum_is_enough() {
	build_and_execute(|| {
		assert_noop!(Stake::bond(RuntimeOrigin::signed(ALICE), MIN_BOND - 1), Error::BondTooLow);
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), MIN_BOND));
	});
}

#[test]
fn boundary_existential_deposit_stays_free() {
	build_and_execute(|| {
		assert_noop!(
			Stake::bond(RuntimeOrigin::signed(ALICE), ENDOWMENT - ED + 1),
			TokenError::FundsUnavailable
		);
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), ENDOWMENT - ED));
		assert_eq!(Balances::free_balance(ALICE), ED);
	});
}

#[test]
fn fails_for_zero() {
	build_and_execute(|| {
		assert_noop!(Stake::bond(RuntimeOrigin::signed(ALICE), 0), Error::AmountIsZero);
	});
}

#[test]
fn fails_for_an_account_without_funds() {
	build_and_execute(|| {
		assert!(Stake::bond(RuntimeOrigin::signed(NOBODY), MIN_BOND).is_err());
		assert_eq!(Stake::bond_of(NOBODY), None);
		assert_eq!(Stake::bonded(&NOBODY), 0);
	});
}

#[test]
fn fails_when_the_sum_does_not_fit() {
	build_and_execute(|| {
		bond(ALICE, MIN_BOND);
		assert_noop!(
			Stake::bond(RuntimeOrigin::signed(ALICE), Balance::MAX),
			sp_runtime::ArithmeticError::Overflow
		);
	});
}

#[test]
fn fails_unless_signed() {
	build_and_execute(|| {
		assert_noop!(Stake::bond(RuntimeOrigin::root(), MIN_BOND), DispatchError::BadOrigin);
	});
}
