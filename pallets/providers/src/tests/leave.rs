use super::*;

#[test]
fn returns_the_deposit_and_frees_the_key() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert!(deposit(ALICE) > 0);
		assert_ok!(Providers::leave(RuntimeOrigin::signed(ALICE)));

		assert_eq!(events(), [Event::Left { owner: ALICE, worker: pair(1).public() }]);
		assert_eq!(deposit(ALICE), 0);
		assert_eq!(Providers::provider(ALICE), None);
		assert_eq!(Providers::worker_key(&ALICE), None);
		assert!(!Providers::may_take_work(&ALICE));
		assert!(!Providers::is_alive(ALICE));
		register(BOB, &pair(1));
	});
}

#[test]
fn fails_while_anything_binds_the_provider() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert_ok!(Providers::engage(&ALICE));
		assert_ok!(Providers::engage(&ALICE));
		assert_eq!(provider(ALICE).engagements, 2);
		for _ in 0..2 {
			assert_noop!(
				Providers::leave(RuntimeOrigin::signed(ALICE)),
				Error::<Test>::StillEngaged
			);
			Providers::disengage(&ALICE);
		}
		assert_ok!(Providers::leave(RuntimeOrigin::signed(ALICE)));
	});
}

#[test]
fn fails_for_strangers() {
	build_and_execute(|| {
		assert_noop!(Providers::leave(RuntimeOrigin::signed(ALICE)), Error::<Test>::NotRegistered);
		assert_noop!(Providers::leave(RuntimeOrigin::root()), DispatchError::BadOrigin);
		assert_noop!(Providers::engage(&ALICE), Error::<Test>::NotRegistered);
	});
}
