use super::*;
use sp_runtime::DispatchError;

#[test]
fn keeps_funds_on_hold_until_withdrawn() {
	build_and_execute(|| {
		bond(ALICE, 500);
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 300));

		let due_at = 1 + UNBONDING;
		assert_eq!(events(), [Event::Unbonding { who: ALICE, amount: 300, due_at }]);
		assert_eq!(held(ALICE), 500);
		assert_eq!(
			bond_of(ALICE),
			BondView {
				active: 200,
				free: 200,
				pledged: 0,
				unbonding: vec![Chunk { amount: 300, due_at }]
			}
		);
	});
}

#[test]
fn merges_chunks_of_one_block_only() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		unbond(ALICE, 100);
		unbond(ALICE, 50);
		advance(1);
		unbond(ALICE, 25);
		assert_eq!(
			bond_of(ALICE).unbonding,
			[
				Chunk { amount: 150, due_at: 1 + UNBONDING },
				Chunk { amount: 25, due_at: 2 + UNBONDING }
			]
		);
	});
}

#[test]
fn stays_sorted_when_the_delay_gets_shorter() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		unbond(ALICE, 100);
		UnbondingBlocks::set(UNBONDING - 5);
		unbond(ALICE, 50);
		assert_eq!(
			bond_of(ALICE).unbonding,
			[
				Chunk { amount: 50, due_at: UNBONDING - 4 },
				Chunk { amount: 100, due_at: 1 + UNBONDING }
			]
		);
	});
}

#[test]
fn fails_when_the_queue_is_full_but_merges_still() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		for _ in 0..MAX_CHUNKS {
			advance(1);
			unbond(ALICE, 10);
		}
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 10));
		advance(1);
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 10), Error::UnbondingQueueFull);

		// Room again once the oldest has left.
		advance(UNBONDING - MAX_CHUNKS);
		assert_ok!(Stake::withdraw(RuntimeOrigin::signed(ALICE)));
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 10));
	});
}

#[test]
fn fails_when_slots_hold_the_bond() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 301), Error::FreeBondTooLow);
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 300));
	});
}

#[test]
fn boundary_remainder_is_nothing_or_the_minimum() {
	build_and_execute(|| {
		bond(ALICE, 500);
		for amount in [500 - MIN_BOND + 1, 499] {
			assert_noop!(
				Stake::unbond(RuntimeOrigin::signed(ALICE), amount),
				Error::RemainderTooLow
			);
		}
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 500 - MIN_BOND));
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), MIN_BOND));
		assert_eq!(bond_of(ALICE).active, 0);
	});
}

#[test]
fn fails_for_more_than_is_bonded() {
	build_and_execute(|| {
		bond(ALICE, 500);
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 501), Error::FreeBondTooLow);
	});
}

#[test]
fn fails_without_a_bond_or_an_amount() {
	build_and_execute(|| {
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 1), Error::NotBonded);
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 0), Error::AmountIsZero);
		assert_noop!(Stake::unbond(RuntimeOrigin::none(), 1), DispatchError::BadOrigin);
	});
}
