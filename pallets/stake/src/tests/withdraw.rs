use super::*;
use sp_runtime::DispatchError;

#[test]
fn boundary_matures_in_the_named_block_and_no_earlier() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 300);
		advance(UNBONDING - 1);
		assert_noop!(Stake::withdraw(RuntimeOrigin::signed(ALICE)), Error::NothingMatured);
		advance(1);
		assert_ok!(Stake::withdraw(RuntimeOrigin::signed(ALICE)));

		assert_eq!(events(), [Event::Withdrawn { who: ALICE, amount: 300 }]);
		assert_eq!(held(ALICE), 200);
		assert_eq!(Balances::free_balance(ALICE), ENDOWMENT - 200);
	});
}

#[test]
fn leaves_what_has_not_matured() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 100);
		advance(3);
		unbond(ALICE, 50);
		advance(UNBONDING - 3);
		assert_ok!(Stake::withdraw(RuntimeOrigin::signed(ALICE)));
		assert_eq!(bond_of(ALICE).unbonding, [Chunk { amount: 50, due_at: 4 + UNBONDING }]);
	});
}

#[test]
fn the_record_goes_with_the_last_of_the_bond() {
	build_and_execute(|| {
		bond(ALICE, 500);
		unbond(ALICE, 500);
		assert_eq!(bond_of(ALICE).active, 0);
		advance(UNBONDING);
		assert_ok!(Stake::withdraw(RuntimeOrigin::signed(ALICE)));
		assert_eq!(Stake::bond_of(ALICE), None);
		assert_eq!(held(ALICE), 0);
		// Nothing of the pallet keeps the account from leaving altogether.
		assert_eq!(System::consumers(&ALICE), 0);
	});
}

#[test]
fn fails_without_a_bond() {
	build_and_execute(|| {
		assert_noop!(Stake::withdraw(RuntimeOrigin::signed(ALICE)), Error::NotBonded);
		assert_noop!(Stake::withdraw(RuntimeOrigin::root()), DispatchError::BadOrigin);
	});
}
