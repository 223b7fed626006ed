//! Who may take work: draining and the duty periods.

use super::*;

#[test]
fn draining_stops_new_work_until_resumed() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		assert_ok!(Providers::drain(RuntimeOrigin::signed(ALICE)));
		assert_eq!(events(), [Event::Draining { owner: ALICE }]);
		assert!(!Providers::may_take_work(&ALICE));
		assert!(Providers::is_alive(ALICE));
		// What binds it may begin to bind all the same: others ask before they engage.
		assert_ok!(Providers::engage(&ALICE));
		assert_noop!(
			Providers::drain(RuntimeOrigin::signed(ALICE)),
			Error::<Test>::AlreadyDraining
		);

		System::reset_events();
		assert_ok!(Providers::resume(RuntimeOrigin::signed(ALICE)));
		assert_eq!(events(), [Event::Resumed { owner: ALICE }]);
		assert!(Providers::may_take_work(&ALICE));
		assert_noop!(Providers::resume(RuntimeOrigin::signed(ALICE)), Error::<Test>::NotDraining);
	});
}

#[test]
fn draining_fails_for_strangers() {
	build_and_execute(|| {
		let signed = || RuntimeOrigin::signed(ALICE);
		assert_noop!(Providers::drain(signed()), Error::<Test>::NotRegistered);
		assert_noop!(Providers::resume(signed()), Error::<Test>::NotRegistered);
		assert_noop!(Providers::drain(RuntimeOrigin::root()), DispatchError::BadOrigin);
		assert_noop!(Providers::resume(RuntimeOrigin::root()), DispatchError::BadOrigin);
	});
}

#[test]
fn boundary_two_missed_periods_stop_new_work() {
	build_and_execute(|| {
		// The timeline of the crate docs.
		roll_to(47);
		register(ALICE, &pair(1));
		for (block, takes_work) in [(59, true), (60, true), (99, true), (100, false), (999, false)]
		{
			roll_to(block);
			assert_eq!(Providers::may_take_work(&ALICE), takes_work, "block {block}");
			assert_eq!(Providers::is_alive(ALICE), takes_work, "block {block}");
			assert_eq!(provider(ALICE).alive, takes_work, "block {block}");
		}
		roll_to(104);
		assert_eq!(Providers::duty_period(), 5);
		assert_ok!(Providers::do_heartbeat(ALICE, 5));
		assert!(Providers::may_take_work(&ALICE));
	});
}

#[test]
fn a_new_record_is_unknown_to_every_reader() {
	build_and_execute(|| {
		assert_eq!(Providers::provider(ALICE), None);
		assert_eq!(Providers::worker_of(ALICE), None);
		assert_eq!(Providers::owner_of(pair(1).public()), None);
		assert_eq!(Providers::provider_of(&pair(1).public()), None);
		assert!(!Providers::is_alive(ALICE));
	});
}

#[test]
fn call_and_error_indices_are_stable() {
	use codec::Encode;
	type Call = crate::Call<Test>;
	let (worker, signature) = (pair(1).public(), proof(&pair(1), ALICE));
	let calls: [Call; 7] = [
		Call::register {
			devices: devices(1),
			endpoint: endpoint("http://host"),
			worker: worker.clone(),
			proof: signature.clone(),
		},
		Call::update { maybe_devices: None, maybe_endpoint: None },
		Call::rotate_worker { worker, proof: signature.clone() },
		Call::drain {},
		Call::resume {},
		Call::leave {},
		Call::heartbeat { owner: ALICE, period: 0, signature },
	];
	for (index, call) in calls.iter().enumerate() {
		assert_eq!(usize::from(call.encode()[0]), index);
	}
	let errors: [Error<Test>; 14] = [
		Error::NotRegistered,
		Error::AlreadyRegistered,
		Error::BondTooLow,
		Error::NoDevices,
		Error::DeviceNameInvalid,
		Error::EndpointInvalid,
		Error::WorkerKeyInUse,
		Error::WorkerProofInvalid,
		Error::NothingToUpdate,
		Error::AlreadyDraining,
		Error::NotDraining,
		Error::StillEngaged,
		Error::WrongPeriod,
		Error::AlreadyHeard,
	];
	for (index, error) in errors.into_iter().enumerate() {
		let DispatchError::Module(module) = error.into() else { panic!("not a module error") };
		assert_eq!(usize::from(module.error[0]), index);
	}
}
