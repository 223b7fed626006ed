use super::*;

#[test]
fn changes_what_is_given_and_the_deposit_with_it() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		let before = deposit(ALICE);

		assert_ok!(Providers::update(RuntimeOrigin::signed(ALICE), Some(devices(3)), None));
		assert_eq!(
			events(),
			[Event::Updated { owner: ALICE, endpoint: endpoint("http://127.0.0.1:9955") }]
		);
		assert_eq!(provider(ALICE).devices.len(), 3);
		let larger = deposit(ALICE);
		assert!(larger > before);

		let url = "http://[::1]:80";
		assert_ok!(Providers::update(
			RuntimeOrigin::signed(ALICE),
			Some(devices(1)),
			Some(endpoint(url))
		));
		assert_eq!(provider(ALICE).endpoint, url.as_bytes());
		let fewer_bytes = "http://127.0.0.1:9955".len() - url.len();
		assert_eq!(deposit(ALICE), before - DEPOSIT_PER_BYTE * fewer_bytes as Balance);
	});
}

#[test]
fn fails_for_what_registration_refuses_too() {
	build_and_execute(|| {
		let signed = || RuntimeOrigin::signed(ALICE);
		assert_noop!(
			Providers::update(signed(), Some(devices(1)), None),
			Error::<Test>::NotRegistered
		);
		register(ALICE, &pair(1));
		assert_noop!(Providers::update(signed(), None, None), Error::<Test>::NothingToUpdate);
		assert_noop!(Providers::update(signed(), Some(devices(0)), None), Error::<Test>::NoDevices);
		assert_noop!(
			Providers::update(signed(), Some(vec![device("")].try_into().expect("one")), None),
			Error::<Test>::DeviceNameInvalid
		);
		assert_noop!(
			Providers::update(signed(), None, Some(endpoint("https://"))),
			Error::<Test>::EndpointInvalid
		);
		assert_noop!(
			Providers::update(RuntimeOrigin::none(), None, None),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn fails_when_the_larger_deposit_cannot_be_held() {
	build_and_execute(|| {
		register(ALICE, &pair(1));
		let rest = Balances::free_balance(ALICE) - ED;
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), rest));
		assert_noop!(
			Providers::update(RuntimeOrigin::signed(ALICE), Some(devices(2)), None),
			sp_runtime::TokenError::FundsUnavailable
		);
	});
}
