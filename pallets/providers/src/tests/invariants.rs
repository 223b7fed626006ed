//! Random sequences of everything that can happen to providers, every invariant checked after each
//! step.

use super::*;
use assay_primitives::{heartbeat_statement, Outcome};
use codec::{Encode, MaxEncodedLen};
use frame_support::traits::Authorize;
use proptest::prelude::*;
use sp_runtime::{traits::Dispatchable, transaction_validity::TransactionSource};

#[derive(Clone, Debug)]
enum Op {
	Register {
		owner: AccountId,
		worker: u8,
		proof_for: AccountId,
		devices: usize,
		url: &'static str,
	},
	Update {
		owner: AccountId,
		devices: Option<usize>,
		url: Option<&'static str>,
	},
	Rotate {
		owner: AccountId,
		worker: u8,
		proof_for: AccountId,
	},
	Drain(AccountId),
	Resume(AccountId),
	Leave(AccountId),
	Heartbeat {
		owner: AccountId,
		worker: u8,
		late: u32,
	},
	Engage(AccountId),
	Disengage(AccountId),
	Note {
		owner: AccountId,
		kind: u8,
		tenant: AccountId,
		fee: Balance,
	},
	Unbond(AccountId),
	Rebond(AccountId),
	Advance(u32),
}

fn owner() -> impl Strategy<Value = AccountId> + Clone {
	// Charlie has no bond at first.
	prop_oneof![4 => Just(ALICE), 4 => Just(BOB), 1 => Just(CHARLIE)]
}

fn worker() -> impl Strategy<Value = u8> {
	1u8..4
}

fn url() -> impl Strategy<Value = &'static str> {
	prop_oneof![
		4 => Just("http://127.0.0.1:9955"),
		4 => Just("https://gpu.example.org/a/longer/path"),
		1 => Just("gopher://host"),
	]
}

fn op() -> impl Strategy<Value = Op> {
	let proof = (owner(), prop_oneof![6 => Just(true), 1 => Just(false)])
		.prop_map(|(who, good)| (who, if good { who } else { CHARLIE + ALICE + BOB - who }));
	let count = 0usize..=MAX_DEVICES as usize;
	prop_oneof![
		4 => (proof.clone(), worker(), count.clone(), url()).prop_map(
			|((owner, proof_for), worker, devices, url)| {
				Op::Register { owner, worker, proof_for, devices, url }
			}
		),
		2 => (owner(), proptest::option::of(count), proptest::option::of(url()))
			.prop_map(|(owner, devices, url)| Op::Update { owner, devices, url }),
		2 => (proof, worker())
			.prop_map(|((owner, proof_for), worker)| Op::Rotate { owner, worker, proof_for }),
		1 => owner().prop_map(Op::Drain),
		1 => owner().prop_map(Op::Resume),
		2 => owner().prop_map(Op::Leave),
		4 => (owner(), worker(), 0u32..2)
			.prop_map(|(owner, worker, late)| Op::Heartbeat { owner, worker, late }),
		1 => owner().prop_map(Op::Engage),
		2 => owner().prop_map(Op::Disengage),
		5 => (owner(), 0u8..4, 10u64..20, prop_oneof![Just(0), 1..FEES_FULL])
			.prop_map(|(owner, kind, tenant, fee)| Op::Note { owner, kind, tenant, fee }),
		1 => owner().prop_map(Op::Unbond),
		1 => owner().prop_map(Op::Rebond),
		3 => (1..=PERIOD * 2).prop_map(Op::Advance),
	]
}

fn apply(op: Op) {
	let signed = RuntimeOrigin::signed;
	match op {
		Op::Register { owner, worker, proof_for, devices: count, url } => {
			let pair = pair(worker);
			let done = Providers::register(
				signed(owner),
				devices(count),
				endpoint(url),
				pair.public(),
				proof(&pair, proof_for),
			);
			if done.is_ok() {
				assert!(Providers::may_take_work(&owner), "a registration is a heartbeat");
				assert_eq!(owner, proof_for, "INV-2: the key agreed to act for its owner");
			}
		},
		Op::Update { owner, devices: maybe_count, url } => {
			let _ = Providers::update(signed(owner), maybe_count.map(devices), url.map(endpoint));
		},
		Op::Rotate { owner, worker, proof_for } => {
			let pair = pair(worker);
			let _ = Providers::rotate_worker(signed(owner), pair.public(), proof(&pair, proof_for));
		},
		Op::Drain(owner) => {
			let _ = Providers::drain(signed(owner));
			assert!(!Providers::may_take_work(&owner), "whoever drains takes no work");
		},
		Op::Resume(owner) => {
			let _ = Providers::resume(signed(owner));
		},
		Op::Leave(owner) => {
			let engaged = Providers::provider(owner).map_or(0, |view| view.engagements);
			let guilt = Providers::record_of(owner).map_or(0, |record| record.guilty);
			let done = Providers::leave(signed(owner));
			let left = Providers::record_of(owner).map_or(0, |record| record.guilty);
			assert_eq!(left, guilt, "nobody sheds guilt by leaving");
			assert!(done.is_err() || engaged == 0, "an engaged provider left");
		},
		Op::Heartbeat { owner, worker, late } => heartbeat(owner, worker, late),
		Op::Engage(owner) => {
			let _ = Providers::engage(&owner);
		},
		Op::Disengage(owner) => {
			// Others end only what they began.
			if Providers::provider(owner).is_some_and(|view| view.engagements > 0) {
				Providers::disengage(&owner);
			}
		},
		Op::Note { owner, kind, tenant, fee } => note(owner, kind, tenant, fee),
		Op::Unbond(owner) => {
			let _ = Stake::unbond(signed(owner), MIN_PROVIDER_BOND);
		},
		Op::Rebond(owner) => {
			let _ = Stake::rebond(signed(owner), MIN_PROVIDER_BOND);
		},
		Op::Advance(blocks) => roll_to(System::block_number() + blocks),
	}
}

fn note(owner: AccountId, kind: u8, tenant: AccountId, fee: Balance) {
	let (trust, before) = (Providers::trust(&owner), Providers::record_of(owner));
	// Others note what became of slots, which bind their providers.
	if Providers::provider(owner).is_none() {
		assert_eq!(trust, 0, "an account that is no provider is not trusted");
		return;
	}
	let before = before.expect("a provider has a record");
	let outcome = match kind {
		0 => Outcome::Settled { tenant: &tenant, fee },
		1 => Outcome::Lapsed,
		2 => Outcome::Guilty,
		_ => Outcome::Burnt(fee),
	};
	Providers::note(&owner, outcome);
	let after = Providers::record_of(owner).expect("a provider has a record");
	assert_eq!(after, before.with(&owner, &outcome));
	match outcome {
		Outcome::Settled { .. } | Outcome::Burnt(_) => assert!(Providers::trust(&owner) >= trust),
		Outcome::Lapsed => assert!(Providers::trust(&owner) <= trust),
		Outcome::Guilty => assert_eq!(Providers::trust(&owner), 0),
	}
}

fn heartbeat(owner: AccountId, worker: u8, late: u32) {
	let Some(period) = Providers::duty_period().checked_sub(late) else { return };
	let signature = pair(worker).sign(&heartbeat_statement(&genesis(), &owner, period));
	let call: RuntimeCall = crate::Call::heartbeat { owner, period, signature }.into();
	let authorized = call.authorize(TransactionSource::InBlock).expect("a heartbeat");
	if authorized.is_ok() {
		assert_eq!(Providers::worker_of(owner), Some(pair(worker).public()), "INV-2");
		// What was authorised in this state is dispatched in it without an error.
		assert_ok!(call.dispatch(frame_system::RawOrigin::Authorized.into()));
		assert!(Providers::is_alive(owner));
	}
}

/// What the records of a provider cost, by what the outside sees of them.
fn deposit_of(view: &crate::ProviderView) -> Balance {
	let key_bytes = 32 + ALICE.encoded_size();
	let bytes = crate::types::Standing::max_encoded_len()
		+ assay_primitives::Record::max_encoded_len()
		+ key_bytes
		+ view.devices.encoded_size()
		+ view.endpoint.encoded_size();
	DEPOSIT_BASE + DEPOSIT_PER_BYTE * bytes as Balance
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

	#[test]
	fn every_sequence_keeps_the_invariants(ops in prop::collection::vec(op(), 1..60)) {
		build_and_execute(|| {
			for op in ops {
				let told = format!("{op:?}");
				apply(op);
				if let Err(broken) = Providers::do_try_state() {
					panic!("{broken:?} after {told}");
				}
				for who in [ALICE, BOB, CHARLIE] {
					let due = Providers::provider(who).map_or(0, |view| deposit_of(&view));
					assert_eq!(deposit(who), due, "INV-5: a deposit for the bytes, after {told}");
				}
			}
		});
	}
}
