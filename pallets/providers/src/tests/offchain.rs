//! The off-chain worker: what it asks, what it submits, and when it keeps still.

use super::*;
use crate::offchain::Attempt;
use assay_primitives::{worker_statement, WorkerKey};
use codec::Decode;
use frame_support::traits::{Authorize, Hooks};
use sp_application_crypto::RuntimeAppPublic;
use sp_core::offchain::testing::PendingRequest;
use sp_runtime::{traits::Dispatchable, transaction_validity::TransactionSource};

const EXECUTOR: &str = "http://127.0.0.1:9944";

fn register_local(node: &Node, owner: AccountId) -> WorkerKey {
	let worker = node.worker_key();
	let proof = worker.sign(&worker_statement(&genesis(), &owner)).expect("in the keystore");
	assert_ok!(Providers::register(
		RuntimeOrigin::signed(owner),
		devices(1),
		endpoint("http://127.0.0.1:9955"),
		worker.clone(),
		proof
	));
	System::reset_events();
	worker
}

fn expect_health_request(node: &Node) {
	node.offchain.0.write().expect_request(PendingRequest {
		method: "GET".into(),
		uri: format!("{EXECUTOR}/v1/health"),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("accept".into(), "application/octet-stream".into()),
		],
		response: Some(br#"{"status":"ok"}"#.to_vec()),
		sent: true,
		..Default::default()
	});
}

/// The heartbeats that the worker submitted, dispatched as a block would.
fn dispatch_submitted(node: &Node) -> usize {
	let submitted = node.take_submitted();
	for bytes in &submitted {
		let extrinsic = Extrinsic::decode(&mut &bytes[..]).expect("what was encoded");
		let call = extrinsic.function;
		call.authorize(TransactionSource::Local)
			.expect("a heartbeat")
			.expect("authorised by the chain");
		assert_ok!(call.dispatch(frame_system::RawOrigin::Authorized.into()));
	}
	submitted.len()
}

fn run_at(block: u32) {
	roll_to(block);
	Providers::offchain_worker(block);
}

#[test]
fn sends_one_heartbeat_for_each_period_and_key() {
	build_and_execute_with_node(|node| {
		set_executor(EXECUTOR.as_bytes());
		let workers = [register_local(node, ALICE), register_local(node, BOB)];
		// The registration was the heartbeat of this period.
		run_at(2);
		assert_eq!(node.take_submitted().len(), 0);

		expect_health_request(node);
		run_at(PERIOD);
		assert_eq!(dispatch_submitted(node), 2);
		let mut heard: Vec<_> = events()
			.into_iter()
			.map(|event| match event {
				Event::HeartbeatReceived { owner, worker, period: 1 } => (owner, worker),
				other => panic!("{other:?}"),
			})
			.collect();
		heard.sort();
		let [alice, bob] = workers;
		assert_eq!(heard, [(ALICE, alice), (BOB, bob)]);

		for block in PERIOD + 1..PERIOD * 2 - 1 {
			run_at(block);
			assert_eq!(node.take_submitted().len(), 0, "block {block}");
		}
	});
}

#[test]
fn aims_at_the_period_of_the_next_block() {
	build_and_execute_with_node(|node| {
		set_executor(EXECUTOR.as_bytes());
		register_local(node, ALICE);
		// The last block of period 0: what is sent now lands in period 1.
		expect_health_request(node);
		run_at(PERIOD - 1);
		roll_to(PERIOD);
		assert_eq!(dispatch_submitted(node), 1);
		assert_eq!(provider(ALICE).heard_period, 1);
	});
}

#[test]
fn sends_again_after_two_blocks_unless_seen_on_chain() {
	build_and_execute_with_node(|node| {
		set_executor(EXECUTOR.as_bytes());
		register_local(node, ALICE);
		expect_health_request(node);
		run_at(PERIOD);
		assert_eq!(node.take_submitted().len(), 1);

		// The same block again, as after a re-org, and the next one: too early.
		run_at(PERIOD);
		run_at(PERIOD + 1);
		assert_eq!(node.take_submitted().len(), 0);

		expect_health_request(node);
		run_at(PERIOD + 2);
		assert_eq!(dispatch_submitted(node), 1);
		run_at(PERIOD + 4);
		assert_eq!(node.take_submitted().len(), 0);
	});
}

#[test]
fn keeps_still_while_the_executor_is_not_healthy() {
	build_and_execute_with_node(|node| {
		// An address that cannot be asked. No request is expected, so one would fail the test.
		set_executor(b"\xff\xfe");
		register_local(node, ALICE);
		for block in PERIOD..PERIOD + 6 {
			run_at(block);
			assert_eq!(node.take_submitted().len(), 0, "block {block}");
		}
		// As soon as it is healthy again, and no later than the next attempt.
		set_executor(EXECUTOR.as_bytes());
		expect_health_request(node);
		run_at(PERIOD + 6);
		run_at(PERIOD + 7);
		assert_eq!(dispatch_submitted(node), 1);
	});
}

#[test]
fn returns_at_once_without_executor_key_or_registration() {
	build_and_execute_with_node(|node| {
		// No key at all.
		set_executor(EXECUTOR.as_bytes());
		run_at(PERIOD);
		// A key that acts for nobody.
		node.worker_key();
		run_at(PERIOD * 2);
		// A key that was rotated out.
		register_local(node, ALICE);
		assert_ok!(Providers::rotate_worker(
			RuntimeOrigin::signed(ALICE),
			pair(1).public(),
			proof(&pair(1), ALICE)
		));
		run_at(PERIOD * 3);
		assert_eq!(node.take_submitted().len(), 0);
	});
	build_and_execute_with_node(|node| {
		// A registered key, and no executor.
		register_local(node, ALICE);
		run_at(PERIOD);
		assert_eq!(node.take_submitted().len(), 0);
	});
}

#[test]
fn an_attempt_is_recent_for_two_blocks_either_way() {
	let attempt = Attempt { period: 3, tried_at: 60 };
	for (now, recent) in [(58, false), (59, true), (60, true), (61, true), (62, false)] {
		assert_eq!(attempt.is_recent(3, now), recent, "block {now}");
	}
	assert!(!attempt.is_recent(4, 60));
}
