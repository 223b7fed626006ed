use super::*;
use sp_runtime::DispatchError;

fn slashed(amount: Balance) -> Event<Test, frame_support::instances::Instance1> {
	Event::Slashed { who: ALICE, maybe_slot: None, amount, reason: SlashReason::Ordered }
}

#[test]
fn takes_free_bond_first_then_the_newest_chunk() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		unbond(ALICE, 300);
		advance(1);
		unbond(ALICE, 200);
		let issuance = Balances::total_issuance();

		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 600));

		assert_eq!(events(), [slashed(600)]);
		assert_eq!(
			bond_of(ALICE),
			BondView {
				active: 0,
				free: 0,
				pledged: 0,
				unbonding: vec![
					Chunk { amount: 300, due_at: 1 + UNBONDING },
					Chunk { amount: 100, due_at: 2 + UNBONDING }
				]
			}
		);
		assert_eq!(Balances::free_balance(SINK), ENDOWMENT + 600);
		assert_eq!(Balances::total_issuance(), issuance);

		System::reset_events();
		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 150));
		assert_eq!(events(), [slashed(150)]);
		assert_eq!(bond_of(ALICE).unbonding, [Chunk { amount: 250, due_at: 1 + UNBONDING }]);
	});
}

#[test]
fn takes_what_there_is_and_leaves_pledges() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, Balance::MAX));

		assert_eq!(events(), [slashed(300)]);
		assert_eq!(
			bond_of(ALICE),
			BondView { active: 200, free: 0, pledged: 200, unbonding: vec![] }
		);
		assert_noop!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 1), Error::NothingToSlash);
	});
}

#[test]
fn a_bond_taken_whole_leaves_no_record() {
	build_and_execute(|| {
		bond(ALICE, ENDOWMENT - ED);
		unbond(ALICE, 1_000);
		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, ENDOWMENT));
		assert_eq!(Stake::bond_of(ALICE), None);
		assert_eq!(Balances::total_balance(&ALICE), ED);
	});
}

#[test]
fn a_bond_below_the_minimum_can_be_raised_or_unbonded_whole() {
	build_and_execute(|| {
		bond(ALICE, MIN_BOND);
		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 40));
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 10), Error::RemainderTooLow);
		assert_noop!(Stake::bond(RuntimeOrigin::signed(ALICE), 39), Error::BondTooLow);
		frame_support::hypothetically!({
			assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), 40));
		});
		assert_ok!(Stake::unbond(RuntimeOrigin::signed(ALICE), 60));
	});
}

#[test]
fn fails_without_the_origin_a_bond_or_an_amount() {
	build_and_execute(|| {
		assert_noop!(
			Stake::force_slash(RuntimeOrigin::signed(ALICE), ALICE, 1),
			DispatchError::BadOrigin
		);
		assert_noop!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 1), Error::NotBonded);
		assert_noop!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 0), Error::AmountIsZero);
	});
}
