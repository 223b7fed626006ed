use super::*;
use crate::{types::Standing, Device, DeviceKind, ProviderView};
use codec::{Encode, MaxEncodedLen};
use sp_runtime::TokenError;

const URL: &str = "https://gpu.example.org:9955/assay";

fn try_register(owner: AccountId, worker: u8) -> sp_runtime::DispatchResult {
	let pair = pair(worker);
	Providers::register(
		RuntimeOrigin::signed(owner),
		devices(2),
		endpoint(URL),
		pair.public(),
		proof(&pair, owner),
	)
}

#[test]
fn binds_key_and_owner_and_takes_work_at_once() {
	build_and_execute(|| {
		roll_to(PERIOD * 2 + 3);
		assert_ok!(try_register(ALICE, 1));

		let worker = pair(1).public();
		assert_eq!(
			events(),
			[Event::Registered { owner: ALICE, worker: worker.clone(), endpoint: endpoint(URL) }]
		);
		assert_eq!(
			Providers::provider(ALICE),
			Some(ProviderView {
				worker: worker.clone(),
				devices: devices(2).into_inner(),
				endpoint: URL.as_bytes().to_vec(),
				draining: false,
				heard_period: 2,
				alive: true,
				engagements: 0,
			})
		);
		assert_eq!(Providers::worker_of(ALICE), Some(worker.clone()));
		assert_eq!(Providers::worker_key(&ALICE), Some(worker.clone()));
		assert_eq!(Providers::owner_of(worker.clone()), Some(ALICE));
		assert_eq!(Providers::provider_of(&worker), Some(ALICE));
		assert!(Providers::may_take_work(&ALICE));
		assert!(!Providers::may_take_work(&BOB));
	});
}

#[test]
fn holds_a_deposit_for_the_bytes_of_the_records() {
	build_and_execute(|| {
		assert_ok!(try_register(ALICE, 1));
		let bytes = Standing::max_encoded_len()
			+ assay_primitives::Record::max_encoded_len()
			+ 32 + ALICE.encoded_size()
			+ devices(2).encoded_size()
			+ endpoint(URL).encoded_size();
		assert_eq!(deposit(ALICE), DEPOSIT_BASE + DEPOSIT_PER_BYTE * bytes as Balance);
	});
}

#[test]
fn a_deposit_that_is_not_what_its_ticket_says_is_found() {
	use frame_support::{
		hypothetically,
		traits::{
			fungible::{MutateHold, UnbalancedHold},
			tokens::Precision,
		},
	};
	build_and_execute(|| {
		let reason = RecordHoldReason::get();
		assert_ok!(try_register(ALICE, 1));
		assert_ok!(Providers::do_try_state());
		hypothetically!({
			assert_ok!(Balances::release(&reason, &ALICE, 1, Precision::Exact));
			assert!(Providers::do_try_state().is_err(), "one unit too little");
		});
		hypothetically!({
			assert_ok!(Balances::increase_balance_on_hold(&reason, &ALICE, 1, Precision::Exact));
			assert!(Providers::do_try_state().is_err(), "one unit too much");
		});
		hypothetically!({
			assert_ok!(Balances::hold(&reason, &BOB, 1));
			assert!(Providers::do_try_state().is_err(), "Bob is no provider");
		});
	});
}

#[test]
fn fails_when_the_deposit_cannot_be_held() {
	build_and_execute(|| {
		let rest = Balances::free_balance(ALICE) - ED;
		assert_ok!(Stake::bond(RuntimeOrigin::signed(ALICE), rest));
		assert_noop!(try_register(ALICE, 1), TokenError::FundsUnavailable);
	});
}

#[test]
fn fails_twice() {
	build_and_execute(|| {
		assert_ok!(try_register(ALICE, 1));
		assert_noop!(try_register(ALICE, 2), Error::<Test>::AlreadyRegistered);
	});
}

#[test]
fn boundary_active_bond_counts_and_nothing_else() {
	build_and_execute(|| {
		assert_noop!(try_register(CHARLIE, 1), Error::<Test>::BondTooLow);
		assert_ok!(Stake::bond(RuntimeOrigin::signed(CHARLIE), MIN_PROVIDER_BOND - 1));
		assert_noop!(try_register(CHARLIE, 1), Error::<Test>::BondTooLow);

		// Bond on its way out does not count.
		assert_ok!(Stake::bond(RuntimeOrigin::signed(CHARLIE), 1));
		frame_support::hypothetically!({
			assert_ok!(Stake::unbond(RuntimeOrigin::signed(CHARLIE), 1));
			assert_noop!(try_register(CHARLIE, 1), Error::<Test>::BondTooLow);
		});
		assert_ok!(try_register(CHARLIE, 1));
	});
}

#[test]
fn fails_for_a_key_that_acts_for_somebody() {
	build_and_execute(|| {
		assert_ok!(try_register(ALICE, 1));
		assert_noop!(try_register(BOB, 1), Error::<Test>::WorkerKeyInUse);
	});
}

#[test]
fn fails_without_the_keys_consent() {
	build_and_execute(|| {
		let pair = pair(1);
		let other_chain = assay_primitives::worker_statement(&Default::default(), &ALICE);
		let forged = [
			proof(&pair, BOB),
			proof(&super::pair(2), ALICE),
			pair.sign(&other_chain),
			pair.sign(&assay_primitives::heartbeat_statement(&genesis(), &ALICE, 0)),
		];
		for signature in forged {
			assert_noop!(
				Providers::register(
					RuntimeOrigin::signed(ALICE),
					devices(1),
					endpoint(URL),
					pair.public(),
					signature,
				),
				Error::<Test>::WorkerProofInvalid
			);
		}
	});
}

#[test]
fn fails_without_devices_with_names() {
	build_and_execute(|| {
		let pair = pair(1);
		let with = |devices| {
			Providers::register(
				RuntimeOrigin::signed(ALICE),
				devices,
				endpoint(URL),
				pair.public(),
				proof(&pair, ALICE),
			)
		};
		assert_noop!(with(devices(0)), Error::<Test>::NoDevices);
		for name in [&b""[..], b"  ", b"H100\n", b"\xff\xfe"] {
			let device = Device {
				name: name.to_vec().try_into().expect("short"),
				memory_mib: 1,
				kind: DeviceKind::Cuda,
			};
			assert_noop!(
				with(vec![device].try_into().expect("one")),
				Error::<Test>::DeviceNameInvalid
			);
		}
	});
}

#[test]
fn fails_for_an_endpoint_that_is_no_address_and_unless_signed() {
	build_and_execute(|| {
		let pair = pair(1);
		let with = |origin, text| {
			Providers::register(
				origin,
				devices(1),
				endpoint(text),
				pair.public(),
				proof(&pair, ALICE),
			)
		};
		let signed = RuntimeOrigin::signed(ALICE);
		assert_noop!(with(signed.clone(), ""), Error::<Test>::EndpointInvalid);
		assert_noop!(with(signed, "ftp://host"), Error::<Test>::EndpointInvalid);
		assert_noop!(with(RuntimeOrigin::root(), URL), DispatchError::BadOrigin);
	});
}
