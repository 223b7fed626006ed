use super::*;
use sp_runtime::DispatchError;

#[test]
fn brings_the_newest_back_first() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		unbond(ALICE, 300);
		advance(1);
		unbond(ALICE, 200);
		System::reset_events();

		assert_ok!(Stake::rebond(RuntimeOrigin::signed(ALICE), 250));

		assert_eq!(events(), [Event::Rebonded { who: ALICE, amount: 250, active: 750 }]);
		assert_eq!(bond_of(ALICE).unbonding, [Chunk { amount: 250, due_at: 1 + UNBONDING }]);
		assert_eq!(held(ALICE), 1_000);
	});
}

#[test]
fn takes_matured_chunks_back_too() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 500);
		advance(UNBONDING * 2);
		assert_ok!(Stake::rebond(RuntimeOrigin::signed(ALICE), 500));
		assert_noop!(Stake::withdraw(RuntimeOrigin::signed(ALICE)), Error::NothingMatured);
	});
}

#[test]
fn fails_for_more_than_is_on_its_way_out() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 300);
		assert_noop!(Stake::rebond(RuntimeOrigin::signed(ALICE), 301), Error::UnbondingTooLow);
		assert_ok!(Stake::rebond(RuntimeOrigin::signed(ALICE), 300));
		assert_noop!(Stake::rebond(RuntimeOrigin::signed(ALICE), 1), Error::UnbondingTooLow);
	});
}

#[test]
fn fails_when_the_active_bond_would_be_below_the_minimum() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 500);
		assert_noop!(Stake::rebond(RuntimeOrigin::signed(ALICE), MIN_BOND - 1), Error::BondTooLow);
		assert_ok!(Stake::rebond(RuntimeOrigin::signed(ALICE), MIN_BOND));
	});
}

#[test]
fn fails_without_a_bond_or_an_amount() {
	build_and_execute(|| {
		assert_noop!(Stake::rebond(RuntimeOrigin::signed(ALICE), 1), Error::NotBonded);
		assert_noop!(Stake::rebond(RuntimeOrigin::signed(ALICE), 0), Error::AmountIsZero);
		assert_noop!(Stake::rebond(RuntimeOrigin::root(), 1), DispatchError::BadOrigin);
	});
}
