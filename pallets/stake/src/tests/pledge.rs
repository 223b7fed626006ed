use super::*;

#[test]
fn locks_free_bond_to_a_slot() {
	build_and_execute(|| {
		bond(ALICE, 500);
		assert_ok!(Stake::pledge(&ALICE, SlotId(7), 200));

		assert_eq!(events(), [Event::Pledged { who: ALICE, slot: SlotId(7), amount: 200 }]);
		assert_eq!(
			bond_of(ALICE),
			BondView { active: 500, free: 300, pledged: 200, unbonding: vec![] }
		);
		assert_eq!(Stake::pledged(&ALICE, SlotId(7)), 200);
		assert_eq!(Stake::pledge_of(ALICE, SlotId(8)), 0);
	});
}

#[test]
fn pledges_add_and_are_not_shared() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		pledge(ALICE, 8, 200);
		pledge(ALICE, 7, 50);
		assert_eq!(Stake::pledged(&ALICE, SlotId(7)), 250);
		assert_eq!(Stake::pledged(&ALICE, SlotId(8)), 200);
		assert_eq!(Stake::free(&ALICE), 50);
		assert_noop!(Stake::pledge(&ALICE, SlotId(9), 51), Error::FreeBondTooLow);
		assert_ok!(Stake::pledge(&ALICE, SlotId(9), 50));
	});
}

#[test]
fn fails_without_a_bond_or_with_one_on_its_way_out() {
	build_and_execute(|| {
		assert_noop!(Stake::pledge(&ALICE, SlotId(1), 1), Error::FreeBondTooLow);
		bond(ALICE, 500);
		unbond(ALICE, 500);
		assert_noop!(Stake::pledge(&ALICE, SlotId(1), 1), Error::FreeBondTooLow);
	});
}

#[test]
fn a_pledge_of_nothing_changes_nothing() {
	build_and_execute(|| {
		assert_ok!(Stake::pledge(&ALICE, SlotId(1), 0));
		assert_eq!(events(), []);
		assert_eq!(Stake::bond_of(ALICE), None);
	});
}

#[test]
fn release_gives_the_whole_pledge_back_once() {
	build_and_execute(|| {
		bond(ALICE, 500);
		pledge(ALICE, 7, 200);
		pledge(ALICE, 8, 100);
		assert_eq!(Stake::release(&ALICE, SlotId(7)), 200);

		assert_eq!(events(), [Event::Released { who: ALICE, slot: SlotId(7), amount: 200 }]);
		assert_eq!(Stake::free(&ALICE), 400);

		System::reset_events();
		assert_eq!(Stake::release(&ALICE, SlotId(7)), 0);
		assert_eq!(Stake::release(&BOB, SlotId(8)), 0);
		assert_eq!(events(), []);
	});
}
