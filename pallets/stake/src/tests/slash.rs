use super::*;

const SLOT: SlotId = SlotId(7);

fn slashed(amount: Balance) -> Event<Test, frame_support::instances::Instance1> {
	Event::Slashed { who: ALICE, maybe_slot: Some(SLOT), amount, reason: SlashReason::Guilty }
}

fn slash(amount: Balance, compensation: Option<(&AccountId, Balance)>) -> Balance {
	Stake::slash(&ALICE, SLOT, amount, compensation, SlashReason::Guilty)
}

#[test]
fn takes_from_the_slots_pledge_alone() {
	build_and_execute(|| {
		bond(ALICE, 1_000);
		unbond(ALICE, 300);
		pledge(ALICE, 7, 200);
		pledge(ALICE, 8, 100);

		assert_eq!(slash(500, None), 200);

		assert_eq!(events(), [slashed(200)]);
		assert_eq!(Balances::free_balance(SINK), ENDOWMENT + 200);
		let bond = bond_of(ALICE);
		assert_eq!((bond.active, bond.free, bond.pledged), (500, 400, 100));
		assert_eq!(bond.unbonding[0].amount, 300);
		assert_eq!(Stake::pledged(&ALICE, SLOT), 0);
		assert_eq!(Stake::pledged(&ALICE, SlotId(8)), 100);
	});
}

#[test]
fn takes_nothing_twice() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(200, None), 200);
		System::reset_events();
		assert_eq!(slash(200, None), 0);
		assert_eq!(Stake::release(&ALICE, SLOT), 0);
		assert_eq!(events(), []);
	});
}

#[test]
fn what_a_small_slash_leaves_can_be_released() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(20, None), 20);
		assert_eq!(Stake::pledged(&ALICE, SLOT), 180);
		assert_eq!(Stake::release(&ALICE, SLOT), 180);
		assert_eq!(Stake::free(&ALICE), 480);
	});
}

#[test]
fn pays_compensation_and_sends_the_rest_to_the_sink() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(200, Some((&BOB, 150))), 200);

		assert_eq!(
			events(),
			[
				Event::Compensated {
					who: ALICE,
					maybe_slot: Some(SLOT),
					beneficiary: BOB,
					amount: 150
				},
				slashed(200),
			]
		);
		assert_eq!(Balances::free_balance(BOB), ENDOWMENT + 150);
		assert_eq!(Balances::free_balance(SINK), ENDOWMENT + 50);
	});
}

#[test]
fn compensation_is_never_above_what_was_taken() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(120, Some((&BOB, 1_000))), 120);
		assert_eq!(Balances::free_balance(BOB), ENDOWMENT + 120);
		assert_eq!(Balances::free_balance(SINK), ENDOWMENT);
	});
}

#[test]
fn a_beneficiary_that_cannot_be_paid_leaves_its_part_to_the_sink() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		// Below the existential deposit of an account that does not exist.
		assert_eq!(slash(200, Some((&NOBODY, ED - 1))), 200);

		assert_eq!(
			events(),
			[
				Event::CompensationNotPaid {
					who: ALICE,
					maybe_slot: Some(SLOT),
					beneficiary: NOBODY,
					amount: ED - 1
				},
				slashed(200),
			]
		);
		assert_eq!(Balances::total_balance(&NOBODY), 0);
		assert_eq!(Balances::free_balance(SINK), ENDOWMENT + 200);
	});
}

#[test]
fn compensation_may_open_an_account() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(200, Some((&NOBODY, ED))), 200);
		assert_eq!(Balances::free_balance(NOBODY), ED);
	});
}

#[test]
fn zero_amount_or_compensation_is_silent() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		assert_eq!(slash(0, Some((&BOB, 10))), 0);
		assert_eq!(events(), []);
		assert_eq!(slash(10, Some((&BOB, 0))), 10);
		assert_eq!(events(), [slashed(10)]);
	});
}

#[test]
fn takes_a_whole_bond_down_to_the_existential_deposit() {
	build_and_execute(|| {
		bond(ALICE, ENDOWMENT - ED);
		pledge(ALICE, 7, ENDOWMENT - ED);
		assert_eq!(slash(ENDOWMENT, None), ENDOWMENT - ED);
		assert_eq!(Stake::bond_of(ALICE), None);
		assert_eq!(Balances::total_balance(&ALICE), ED);
	});
}
