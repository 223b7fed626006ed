use super::*;

#[test]
fn one_instance_does_not_see_the_bonds_of_another() {
	build_and_execute(|| {
		bond(ALICE, 500);
		assert_noop!(
			OtherStake::unbond(RuntimeOrigin::signed(ALICE), 1),
			crate::Error::<Test, frame_support::instances::Instance2>::NotBonded
		);
		assert_ok!(OtherStake::bond(RuntimeOrigin::signed(ALICE), 300));
		assert_eq!(held(ALICE), 500);
		assert_eq!(Balances::free_balance(ALICE), ENDOWMENT - 800);

		assert_ok!(OtherStake::force_slash(RuntimeOrigin::root(), ALICE, 1_000));
		assert_eq!(held(ALICE), 500);
		assert_eq!(bond_of(ALICE).active, 500);
	});
}

#[test]
fn call_event_and_error_indices_are_stable() {
	use codec::Encode;
	use sp_runtime::DispatchError;
	type Call = crate::Call<Test, frame_support::instances::Instance1>;
	let calls: [Call; 5] = [
		Call::bond { amount: 1 },
		Call::unbond { amount: 1 },
		Call::rebond { amount: 1 },
		Call::withdraw {},
		Call::force_slash { who: ALICE, amount: 1 },
	];
	for (index, call) in calls.iter().enumerate() {
		assert_eq!(usize::from(call.encode()[0]), index);
	}
	let errors = [
		Error::AmountIsZero,
		Error::NotBonded,
		Error::BondTooLow,
		Error::RemainderTooLow,
		Error::FreeBondTooLow,
		Error::UnbondingQueueFull,
		Error::UnbondingTooLow,
		Error::NothingMatured,
		Error::NothingToSlash,
	];
	for (index, error) in errors.into_iter().enumerate() {
		let DispatchError::Module(module) = error.into() else { panic!("not a module error") };
		assert_eq!(usize::from(module.error[0]), index);
	}
}

#[test]
fn the_timeline_of_the_crate_docs_is_true() {
	build_and_execute(|| {
		UnbondingBlocks::set(100);
		System::set_block_number(10);
		bond(ALICE, 500);
		System::set_block_number(20);
		pledge(ALICE, 7, 200);
		System::set_block_number(21);
		unbond(ALICE, 300);
		assert_eq!(bond_of(ALICE).unbonding, [Chunk { amount: 300, due_at: 121 }]);
		System::set_block_number(22);
		assert_noop!(Stake::unbond(RuntimeOrigin::signed(ALICE), 1), Error::FreeBondTooLow);
		System::set_block_number(60);
		assert_eq!(Stake::release(&ALICE, SlotId(7)), 200);
		unbond(ALICE, 200);
		System::set_block_number(90);
		assert_ok!(Stake::force_slash(RuntimeOrigin::root(), ALICE, 250));
		assert_eq!(bond_of(ALICE).unbonding, [Chunk { amount: 250, due_at: 121 }]);
		System::set_block_number(121);
		assert_ok!(Stake::withdraw(RuntimeOrigin::signed(ALICE)));
		assert_eq!(Stake::bond_of(ALICE), None);
		assert_eq!(Balances::free_balance(ALICE), ENDOWMENT - 250);
	});
}
