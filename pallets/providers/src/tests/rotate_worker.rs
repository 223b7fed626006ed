use super::*;

#[test]
fn the_new_key_acts_and_the_old_one_is_free() {
	build_and_execute(|| {
		let (old, new) = (pair(1), pair(2));
		register(ALICE, &old);
		assert_ok!(Providers::rotate_worker(
			RuntimeOrigin::signed(ALICE),
			new.public(),
			proof(&new, ALICE)
		));

		assert_eq!(
			events(),
			[Event::WorkerRotated {
				owner: ALICE,
				old_worker: old.public(),
				new_worker: new.public()
			}]
		);
		assert_eq!(Providers::worker_of(ALICE), Some(new.public()));
		assert_eq!(Providers::owner_of(new.public()), Some(ALICE));
		assert_eq!(Providers::owner_of(old.public()), None);
		register(BOB, &old);
		assert_eq!(Providers::owner_of(old.public()), Some(BOB));
	});
}

#[test]
fn fails_for_a_key_in_use_a_false_proof_or_a_stranger() {
	build_and_execute(|| {
		let rotate = |owner, to: u8, proof| {
			Providers::rotate_worker(RuntimeOrigin::signed(owner), pair(to).public(), proof)
		};
		assert_noop!(rotate(ALICE, 2, proof(&pair(2), ALICE)), Error::<Test>::NotRegistered);
		register(ALICE, &pair(1));
		register(BOB, &pair(2));
		assert_noop!(rotate(ALICE, 1, proof(&pair(1), ALICE)), Error::<Test>::WorkerKeyInUse);
		assert_noop!(rotate(ALICE, 2, proof(&pair(2), ALICE)), Error::<Test>::WorkerKeyInUse);
		assert_noop!(rotate(ALICE, 3, proof(&pair(3), BOB)), Error::<Test>::WorkerProofInvalid);
		assert_noop!(
			Providers::rotate_worker(
				RuntimeOrigin::root(),
				pair(3).public(),
				proof(&pair(3), ALICE)
			),
			DispatchError::BadOrigin
		);
	});
}
