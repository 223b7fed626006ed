//! The off-chain worker against a scripted executor at the HTTP border of the host; the worker's
//! own code, keystore, storage and transaction pool are the real ones.

use crate::{mock::*, offchain::RESEND_BLOCKS};
use assay_primitives::{
	duty_key_statement,
	offchain::{ExecutorSettings, Finalized, EXECUTOR_SETTINGS_KEY, FINALIZED_KEY},
	AccountId, Duty, JobDigest, SlotId, Stake as _, DUTY_BLOCKS, WORKER_KEY_TYPE,
};
use codec::{Decode, Encode};
use frame_support::assert_ok;
use sp_core::{
	offchain::{
		testing::{
			OffchainState, PendingRequest, PoolState, TestOffchainExt, TestTransactionPoolExt,
		},
		OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
	},
	Pair,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use sp_runtime::offchain::storage::StorageValueRef;
use std::sync::Arc;

type Offchain = Arc<parking_lot::RwLock<OffchainState>>;
type Pool = Arc<parking_lot::RwLock<PoolState>>;

/// A node with the worker keys of some accounts.
fn with_workers(of: &[AccountId], test: impl FnOnce(Offchain, Pool)) {
	let mut ext = new_test_ext();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	let keystore = MemoryKeystore::new();
	for who in of {
		let seed: &[u8; 32] = who.as_ref();
		let seed = format!("0x{}", seed.map(|byte| format!("{byte:02x}")).concat());
		keystore.sr25519_generate_new(WORKER_KEY_TYPE, Some(&seed)).unwrap();
	}
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt::new(keystore));
	ext.execute_with(|| {
		let settings =
			ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() };
		set(EXECUTOR_SETTINGS_KEY, settings);
		test(state, pool_state);
		try_state();
	});
}

/// A node of the first auditor, whose stake counts and is all there is.
fn with_auditor(test: impl FnOnce(Offchain, Pool)) {
	with_workers(&[auditor(0)], |state, pool| {
		make_auditor(&auditor(0), 30 * UNIT);
		next_period();
		show(&auditor(0), MODEL);
		test(state, pool);
	});
}

fn set<V: Encode>(key: &[u8], value: V) {
	sp_runtime::offchain::storage::StorageValueRef::persistent(key).set(&value);
}

/// The node says that a block is final.
fn finalize(number: u32) {
	set(FINALIZED_KEY, Finalized { number, hash: hash_of(number) });
}

/// What the executor is asked about a job, and what it answers.
fn expect(state: &Offchain, job: JobDigest, reply: Result<Vec<u8>, &str>) {
	let (response, response_headers) = match reply {
		Ok(body) => (body, vec![]),
		Err(code) => (Vec::new(), vec![("x-assay-error".into(), code.into())]),
	};
	state.write().expect_request(PendingRequest {
		method: "POST".into(),
		uri: "http://127.0.0.1:1/v1/duty".into(),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("content-type".into(), "application/octet-stream".into()),
		],
		body: duty_input(job).encode(),
		response: Some(response),
		response_headers,
		sent: true,
		..Default::default()
	});
}

/// Take what is in the pool.
fn take(pool: &Pool) -> Vec<RuntimeCall> {
	let transactions = std::mem::take(&mut pool.write().transactions);
	transactions.iter().map(|bytes| Extrinsic::decode(&mut &bytes[..]).unwrap().function).collect()
}

/// Take what is in the pool, check it as the pool would, dispatch it.
fn drain(pool: &Pool) -> usize {
	let calls = take(pool);
	let count = calls.len();
	for call in calls {
		assert_ok!(dispatch_authorized(call).unwrap());
	}
	count
}

fn run() {
	Audits::run_worker(System::block_number());
}

/// A job that is marked, of which every auditor knows for certain that it has the duty, or not.
fn marked(seed: u32, has_duty: bool) -> JobDigest {
	let job = commit_job(seed, if has_duty { u32::MAX } else { 1 });
	roll_by(DRAWN);
	finalize(System::block_number() - 1);
	// In tests that are about other things.
	show_all();
	MockJobs::mutate(job, |entry| {
		entry.as_mut().unwrap().notices_until = Some(System::block_number() + NOTICE_BLOCKS)
	});
	job
}

// --- final marks ---

#[test]
fn marks_what_is_final_once() {
	with_workers(&[account(30)], |_, pool| {
		register_provider(&account(30));
		let job = commit_job(0, ALL);
		let committed = System::block_number();
		roll_by(DRAWN);
		run();
		assert_eq!(drain(&pool), 0, "nothing is known to be final");
		finalize(committed + DUTY_BLOCKS - 1);
		run();
		assert_eq!(drain(&pool), 0, "the last block that decides is not final");
		finalize(committed + DUTY_BLOCKS);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(MockJobs::get(job).unwrap().notices_until.is_some());
		roll_by(RESEND_BLOCKS);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn does_not_mark_on_another_chain() {
	with_workers(&[account(30)], |_, pool| {
		register_provider(&account(30));
		commit_job(0, ALL);
		let committed = System::block_number();
		roll_by(DRAWN);
		set(FINALIZED_KEY, Finalized { number: committed + DUTY_BLOCKS, hash: hash_of(9_999) });
		run();
		assert_eq!(drain(&pool), 0);
		// Finality has overtaken this run.
		finalize(committed + 50);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn the_partys_own_worker_waits_and_then_marks_without_finality() {
	with_workers(&[party()], |_, pool| {
		let job = commit_job(0, ALL);
		let committed = System::block_number();
		roll_by(MARK_DELAY - 1);
		finalize(committed + DUTY_BLOCKS);
		run();
		assert_eq!(drain(&pool), 0);
		sp_runtime::offchain::storage::StorageValueRef::persistent(FINALIZED_KEY).clear();
		roll_by(1);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(MockJobs::get(job).unwrap().notices_until.is_some());
	});
}

#[test]
fn a_mark_that_the_pool_lost_is_sent_again() {
	with_workers(&[account(30)], |_, pool| {
		register_provider(&account(30));
		commit_job(0, ALL);
		let committed = System::block_number();
		roll_by(DRAWN);
		finalize(committed + DUTY_BLOCKS);
		for (block, sent) in [(0, 1), (1, 0), (2, 1)] {
			run();
			assert_eq!(take(&pool).len(), sent, "{block} blocks later");
			roll_by(1);
		}
	});
}

#[test]
fn marks_need_no_executor() {
	with_workers(&[account(30)], |_, pool| {
		register_provider(&account(30));
		commit_job(0, ALL);
		let committed = System::block_number();
		roll_by(DRAWN);
		finalize(committed + DUTY_BLOCKS);
		sp_runtime::offchain::storage::StorageValueRef::persistent(EXECUTOR_SETTINGS_KEY).clear();
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn a_key_of_nobody_does_nothing() {
	with_workers(&[account(25)], |_, pool| {
		commit_job(0, ALL);
		roll_by(DRAWN);
		finalize(System::block_number() - 1);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

// --- duties ---

#[test]
fn gives_notice_of_a_duty_once() {
	with_auditor(|state, pool| {
		let job = marked(0, true);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		run();
		assert_eq!(drain(&pool), 1);
		assert!(MockSlots::contains_key(job, auditor(0)));
		// It has its slot: nobody is asked anything any more.
		roll_by(RESEND_BLOCKS);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn asks_once_where_there_is_no_duty() {
	with_auditor(|state, pool| {
		let job = marked(0, false);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		for _ in 0..4 {
			// A second question would find no answer in the script, and fail the test.
			run();
			assert_eq!(drain(&pool), 0);
			roll_by(1);
		}
	});
}

#[test]
fn a_notice_that_the_pool_lost_is_sent_again_without_asking() {
	with_auditor(|state, pool| {
		let job = marked(0, true);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		for (block, sent) in [(0, 1), (1, 0), (2, 1)] {
			run();
			assert_eq!(take(&pool).len(), sent, "{block} blocks later");
			roll_by(1);
		}
	});
}

#[test]
fn another_fork_is_another_question() {
	with_auditor(|state, pool| {
		roll_by(1);
		let job = marked(0, false);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		run();
		// The commitment is in another block of another branch.
		MockJobs::mutate(job, |entry| entry.as_mut().unwrap().committed_at -= 1);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn never_sends_what_would_be_refused() {
	with_auditor(|state, pool| {
		let job = marked(0, true);
		let right = duty_of(job, &auditor(0));
		let foreign: Duty = duty_of(job, &auditor(1));
		let replies = [
			// Of another key than the registered one: its owner is told, and it is asked again.
			Ok(foreign.encode()),
			Ok(vec![1, 2, 3]),
			Ok(vec![0; 500]),
			Err("no_duty_key"),
		];
		for reply in replies {
			expect(&state, job, reply);
			run();
			assert_eq!(drain(&pool), 0);
			roll_by(1);
		}
		expect(&state, job, Ok(right.encode()));
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn gives_no_notice_that_its_stake_does_not_cover() {
	with_auditor(|state, pool| {
		let job = marked(0, true);
		let free = AuditStake::free(&auditor(0));
		assert_ok!(AuditStake::pledge(&auditor(0), SlotId(999), free));
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn asks_nothing_of_what_is_not_its_own() {
	with_auditor(|_, pool| {
		// Over, of a party of its own, of a model that it does not audit, of no rate.
		for (seed, change) in [
			(1, (|entry| entry.notices_until = Some(1)) as fn(&mut MockJob)),
			(2, |entry| entry.party = auditor(0)),
			(3, |entry| entry.model = MODELS[1]),
			(4, |entry| entry.lambda_ppb = 0),
		] {
			let job = marked(seed, true);
			MockJobs::mutate(job, |entry| change(entry.as_mut().unwrap()));
			run();
		}
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn serves_every_provider_of_its_node() {
	with_workers(&[auditor(0), auditor(1)], |state, pool| {
		make_auditor(&auditor(0), 30 * UNIT);
		make_auditor(&auditor(1), 30 * UNIT);
		// They have one executor, and so one duty key.
		let pair = duty_pair(&auditor(0));
		let proof = pair.sign(&duty_key_statement(&genesis(), &auditor(1)));
		assert_ok!(Audits::set_duty_key(signed(auditor(1)), pair.public(), proof));
		next_period();
		// Both have the duty for certain. It is asked once.
		let job = marked(0, true);
		expect(&state, job, Ok(duty_of(job, &auditor(0)).encode()));
		run();
		assert_eq!(drain(&pool), 2);
	});
}

// --- stake ---

#[test]
fn tells_what_is_bonded_once() {
	with_auditor(|_, pool| {
		run();
		assert_eq!(drain(&pool), 0, "nothing has changed");
		assert_ok!(AuditStake::bond(signed(auditor(0)), 5 * UNIT));
		for (block, sent) in [(0, 1), (1, 0), (2, 1)] {
			run();
			assert_eq!(take(&pool).len(), sent, "{block} blocks later");
			roll_by(1);
		}
		roll_by(1);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(Audits::pool_view(MODEL).total_next, 35 * UNIT);
		roll_by(RESEND_BLOCKS);
		run();
		assert_eq!(drain(&pool), 0);
	});
}

// --- weights ---

/// A node of an auditor that counts in this period, and has not shown yet what counts in the next.
fn with_member(test: impl FnOnce(Offchain, Pool)) {
	with_workers(&[auditor(0)], |state, pool| {
		make_auditor(&auditor(0), 30 * UNIT);
		next_period();
		run();
		assert_eq!(drain(&pool), 0, "the period's first author has drawn, and nobody knows what");
		roll_by(1);
		test(state, pool);
	});
}

/// What the executor is asked of the weights, and what it answers.
fn expect_segment(state: &Offchain, reply: Result<Vec<u8>, &str>) {
	let (response, response_headers) = match reply {
		Ok(body) => (body, vec![]),
		Err(code) => (Vec::new(), vec![("x-assay-error".into(), code.into())]),
	};
	let root: [u8; 32] = weights(MODEL).into();
	let segment = segment_of(&auditor(0), MODEL).unwrap();
	let root = root.map(|byte| format!("{byte:02x}")).concat();
	state.write().expect_request(PendingRequest {
		method: "GET".into(),
		uri: format!("http://127.0.0.1:1/v1/models/{root}/segments/{segment}"),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("accept".into(), "application/octet-stream".into()),
		],
		response: Some(response),
		response_headers,
		sent: true,
		..Default::default()
	});
}

fn due() -> Vec<u8> {
	opening(MODEL, segment_of(&auditor(0), MODEL).unwrap()).encode()
}

#[test]
fn shows_weights_once_in_each_period() {
	with_member(|state, pool| {
		for _ in 0..2 {
			expect_segment(&state, Ok(due()));
			run();
			assert_eq!(drain(&pool), 1);
			assert_eq!(Audits::pool_view(MODEL).total_next, 30 * UNIT);
			roll_by(RESEND_BLOCKS);
			// A second question would find no answer in the script, and fail the test.
			run();
			assert_eq!(drain(&pool), 0);
			next_period();
			roll_by(1);
		}
	});
}

#[test]
fn a_showing_that_the_pool_lost_is_sent_again() {
	with_member(|state, pool| {
		for (block, sent) in [(0, 1), (1, 0), (2, 1)] {
			if sent > 0 {
				expect_segment(&state, Ok(due()));
			}
			run();
			assert_eq!(take(&pool).len(), sent, "{block} blocks later");
			roll_by(1);
		}
	});
}

#[test]
fn never_shows_what_would_be_refused() {
	with_member(|state, pool| {
		let segment = segment_of(&auditor(0), MODEL).unwrap();
		let mut damaged = opening(MODEL, segment);
		damaged.bytes[7] ^= 1;
		let mut long = opening(MODEL, segment);
		long.bytes.push(0);
		let replies = [
			Ok(damaged.encode()),
			Ok(long.encode()),
			Ok(opening(MODEL, (segment + 1) % 5).encode()),
			Ok(vec![1, 2, 3]),
			Ok(vec![0; 9_000]),
			Err("blob_unknown"),
		];
		for reply in replies {
			expect_segment(&state, reply);
			run();
			assert_eq!(drain(&pool), 0);
			roll_by(RESEND_BLOCKS);
		}
		expect_segment(&state, Ok(due()));
		run();
		assert_eq!(drain(&pool), 1);
	});
}

// --- replicas ---

/// The executor says that it is well.
fn expect_health(state: &Offchain) {
	state.write().expect_request(PendingRequest {
		method: "GET".into(),
		uri: "http://127.0.0.1:1/v1/health".into(),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("accept".into(), "application/octet-stream".into()),
		],
		response: Some(Vec::new()),
		sent: true,
		..Default::default()
	});
}

#[test]
fn volunteers_for_what_it_can_do_and_while_the_draw_may_fall_on_it() {
	with_auditor(|state, pool| {
		next_period();
		show(&auditor(0), MODEL);
		let job = draw_job(0, MODEL, 1, vec![]);
		run();
		assert_eq!(drain(&pool), 0, "nobody is drawn yet");
		roll_by(DRAWN);
		let mut settings = StorageValueRef::persistent(EXECUTOR_SETTINGS_KEY);
		let known = settings.get::<ExecutorSettings>().unwrap().unwrap();
		settings.clear();
		run();
		assert_eq!(drain(&pool), 0, "it has no executor");
		settings.set(&known);
		MockFull::put(vec![job]);
		run();
		assert_eq!(drain(&pool), 0, "it has too much to do");
		MockFull::kill();
		expect_health(&state);
		run();
		assert_eq!(drain(&pool), 1);
		assert_eq!(MockDraws::get(job).unwrap().2[0].0, auditor(0));
		// It has a slot; and of another job the draw has fallen on others.
		MockDraws::insert(job, (System::block_number() + 9, 1, vec![(auditor(1), 0)]));
		run();
		assert_eq!(drain(&pool), 0);
	});
}
