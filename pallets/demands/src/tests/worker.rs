//! The off-chain worker against a scripted executor at the HTTP border of the host; the worker's
//! own code, keystore, storage and transaction pool are the real ones.

use super::*;
use crate::{
	offchain::{CHUNKS_PER_RUN, RESEND_BLOCKS},
	types::Demand,
};
use assay_primitives::{
	offchain::{hex, ExecutorSettings, EXECUTOR_SETTINGS_KEY},
	AccountId, WORKER_KEY_TYPE,
};
use assay_program::Outcome;
use codec::{Decode, Encode};
use sp_core::offchain::{
	testing::{OffchainState, PendingRequest, PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, StorageKind, TransactionPoolExt,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::Arc;

type Offchain = Arc<parking_lot::RwLock<OffchainState>>;
type Pool = Arc<parking_lot::RwLock<PoolState>>;

/// A node with the worker key of an account.
fn with_worker(of: &AccountId, test: impl FnOnce(Offchain, Pool)) {
	let mut ext = new_test_ext();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	let keystore = MemoryKeystore::new();
	let seed: &[u8; 32] = of.as_ref();
	let seed = format!("0x{}", seed.map(|byte| format!("{byte:02x}")).concat());
	keystore.sr25519_generate_new(WORKER_KEY_TYPE, Some(&seed)).unwrap();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt::new(keystore));
	ext.execute_with(|| {
		let settings =
			ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() };
		sp_runtime::offchain::storage::StorageValueRef::persistent(EXECUTOR_SETTINGS_KEY)
			.set(&settings);
		test(state, pool_state);
		try_state();
	});
}

/// The executor is asked whether it has an input, and has not.
fn expect_unknown(state: &Offchain, digest: H256) {
	state.write().expect_request(PendingRequest {
		method: "HEAD".into(),
		uri: format!("http://127.0.0.1:1/v1/blobs/input/{}", hex(&digest.0)),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("accept".into(), "application/octet-stream".into()),
		],
		response: Some(Vec::new()),
		response_headers: vec![("x-assay-error".into(), "blob_unknown".into())],
		sent: true,
		..Default::default()
	});
}

/// What the executor is asked about a blob, and what it answers.
fn expect(state: &Offchain, method: &str, (kind, digest): (&str, H256), body: &[u8], reply: &[u8]) {
	let format = match body.is_empty() {
		true => ("accept".into(), "application/octet-stream".into()),
		false => ("content-type".into(), "application/octet-stream".into()),
	};
	state.write().expect_request(PendingRequest {
		method: method.into(),
		uri: format!("http://127.0.0.1:1/v1/blobs/{kind}/{}", hex(&digest.0)),
		headers: vec![("authorization".into(), "Bearer secret".into()), format],
		body: body.to_vec(),
		response: Some(reply.to_vec()),
		sent: true,
		..Default::default()
	});
}

/// Take what is in the pool, check it as the pool would, dispatch it.
fn drain(pool: &Pool) -> usize {
	let transactions = std::mem::take(&mut pool.write().transactions);
	for bytes in &transactions {
		let call = Extrinsic::decode(&mut &bytes[..]).unwrap().function;
		assert_ok!(dispatch_authorized(call).unwrap());
	}
	transactions.len()
}

fn run() {
	Demands::run_worker(System::block_number());
}

#[test]
fn delivers_an_input_in_runs() {
	with_worker(&provider(), |state, pool| {
		let chunks = CHUNKS_PER_RUN + 2;
		let (job, blob) = demanded(chunks as usize * 4_096 - 1);
		let digest = digest_of(&blob);
		expect(&state, "GET", ("input", digest), &[], &blob);
		run();
		assert_eq!(pool.read().transactions.len(), CHUNKS_PER_RUN as usize);
		// Nothing is sent twice within the next block.
		roll_by(1);
		run();
		assert_eq!(drain(&pool), CHUNKS_PER_RUN as usize);
		roll_by(RESEND_BLOCKS);
		expect(&state, "GET", ("input", digest), &[], &blob);
		run();
		assert_eq!(drain(&pool), 2);
		assert_eq!(events().last(), Some(&Event::Answered { job, item: Item::Input }));
	});
}

#[test]
fn delivers_the_data_of_an_output() {
	with_worker(&provider(), |state, pool| {
		let data = blob(5_000);
		let digest = digest_of(&data);
		let job = add_job(1, [None, Some((digest, 5_000))]);
		assert_ok!(Demands::demand(signed(demander()), job, Item::Output));
		let outcome = Outcome::Output { count: 1, data }.encode();
		let name = H256(output_digest(&digest));
		expect(&state, "GET", ("output", name), &[], &outcome);
		run();
		assert_eq!(drain(&pool), 2);
		assert_eq!(events().last(), Some(&Event::Answered { job, item: Item::Output }));
	});
}

#[test]
fn shows_the_length_of_an_input_that_has_another() {
	with_worker(&provider(), |state, pool| {
		let blob = blob(10_000);
		let job = add_job(1, [Some((digest_of(&blob), 5_000)), None]);
		assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
		expect(&state, "GET", ("input", digest_of(&blob)), &[], &blob);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(matches!(events().last(), Some(Event::LengthShown { length: 10_000, .. })));
	});
}

#[test]
fn finds_what_it_owes_behind_any_number_of_others() {
	with_worker(&provider(), |state, pool| {
		let (job, blob) = demanded(100);
		let open = Demands::load(job).unwrap();
		let others: Vec<JobDigest> =
			(0..1_500u32).map(|n| sp_io::hashing::blake2_256(&n.encode()).into()).collect();
		for other in &others {
			let demand = Demand { worker: key_of(&stranger()), ..open.clone() };
			crate::Demands::<Test>::insert(other, demand);
		}
		expect(&state, "GET", ("input", digest_of(&blob)), &[], &blob);
		run();
		for other in &others {
			crate::Demands::<Test>::remove(other);
		}
		assert_eq!(drain(&pool), 1);
		assert_eq!(events().last(), Some(&Event::Answered { job, item: Item::Input }));
	});
}

#[test]
fn ends_what_others_owe_too_long() {
	with_worker(&stranger(), |_, pool| {
		let (job, _) = demanded(5_000);
		roll_by(CHUNK_BLOCKS);
		run();
		assert_eq!(drain(&pool), 0);
		roll_by(1);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(MockJobs::get(job).unwrap().is_withheld);
	});
}

#[test]
fn looks_for_nothing_where_the_executor_has_the_input() {
	with_worker(&demander(), |state, pool| {
		register_provider(&demander());
		let (_, blob) = job_of(5_000);
		expect(&state, "HEAD", ("input", digest_of(&blob)), &[], &[]);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn demands_what_an_audit_lacks_and_hands_it_to_the_executor() {
	with_worker(&demander(), |state, pool| {
		register_provider(&demander());
		let (job, blob) = job_of(5_000);
		let digest = digest_of(&blob);
		expect_unknown(&state, digest);
		run();
		assert_eq!(drain(&pool), 1);
		let demand = Demands::demand_of(job).expect("it is demanded");
		assert_eq!(demand.demander, demander());
		for index in 0..2 {
			assert_ok!(deliver(job, &blob, index).unwrap());
		}
		// As the node does with what a block has indexed.
		for (index, bytes) in (0..).zip(blob.chunks(4_096)) {
			let key = chunk_key(&job, Item::Input, index);
			sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, bytes);
		}
		roll_by(1);
		expect_unknown(&state, digest);
		expect(&state, "PUT", ("input", digest), &blob, &[]);
		run();
		assert_eq!(drain(&pool), 0, "no second demand");
	});
}

#[test]
fn collects_what_was_delivered() {
	with_worker(&demander(), |_, _| {
		let (job, blob) = job_of(5_000);
		assert_eq!(Demands::delivered(job, Item::Input, 5_000), None);
		for (index, bytes) in (0..).zip(blob.chunks(4_096)) {
			assert_eq!(Demands::delivered(job, Item::Input, 5_000), None, "a chunk is missing");
			let key = chunk_key(&job, Item::Input, index);
			sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, &key, bytes);
		}
		assert_eq!(Demands::delivered(job, Item::Input, 5_000), Some(blob));
		MockJobs::remove(job);
	});
}
