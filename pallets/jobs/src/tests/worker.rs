//! The off-chain worker against a scripted executor at the HTTP border of the host; the worker's
//! own code, keystore, storage and transaction pool are the real ones. The real executor is met in
//! the end-to-end test.

mod traps;

use super::*;
use assay_primitives::{
	offchain::{
		ExecutorSettings, Finalized, EXECUTOR_SETTINGS_KEY, FINALIZED_KEY, NODE_SECRET_KEY,
	},
	worker::WorkerPair,
	WORKER_KEY_TYPE,
};
use assay_program::wire::JobState;
use codec::{Decode, Encode};
use frame_system::RawOrigin;
use sp_core::{
	offchain::{
		testing::{PendingRequest, PoolState, TestOffchainExt, TestTransactionPoolExt},
		Duration, OffchainDbExt, OffchainWorkerExt, Timestamp, TransactionPoolExt,
	},
	Pair,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use sp_runtime::offchain::storage_lock::{StorageLock, Time};
use std::sync::Arc;

type Offchain = Arc<parking_lot::RwLock<sp_core::offchain::testing::OffchainState>>;
type Pool = Arc<parking_lot::RwLock<PoolState>>;

fn with_worker(test: impl FnOnce(Offchain, Pool)) {
	let keystore = MemoryKeystore::new();
	let seed = format!("0x{}", "07".repeat(32));
	keystore.sr25519_generate_new(WORKER_KEY_TYPE, Some(&seed)).unwrap();
	with_keystore(keystore, test);
}

fn with_keystore(keystore: MemoryKeystore, test: impl FnOnce(Offchain, Pool)) {
	let mut ext = new_test_ext();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt::new(keystore));
	ext.execute_with(|| {
		test(state, pool_state);
		try_state();
	});
}

fn set<V: Encode>(key: &[u8], value: V) {
	sp_runtime::offchain::storage::StorageValueRef::persistent(key).set(&value);
}

fn settings() {
	set(
		EXECUTOR_SETTINGS_KEY,
		ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() },
	);
	set(NODE_SECRET_KEY, [3u8; 32]);
}

fn expect(state: &Offchain, method: &str, path: String, body: Vec<u8>, status_body: Vec<u8>) {
	let mut headers = vec![("authorization".into(), "Bearer secret".into())];
	headers.push(("content-type".into(), "application/octet-stream".into()));
	state.write().expect_request(PendingRequest {
		method: method.into(),
		uri: format!("http://127.0.0.1:1{path}"),
		headers,
		body,
		response: Some(status_body),
		sent: true,
		..Default::default()
	});
}

fn expect_tenants(state: &Offchain) {
	let body = assay_program::wire::Tenants {
		genesis: Jobs::genesis().0,
		block: System::block_number(),
		tenants: vec![tenant().into()],
	};
	expect(state, "PUT", "/v1/tenants".into(), body.encode(), Vec::new());
}

fn expect_job(state: &Offchain, job: &assay_primitives::JobDigest, answer: JobState) {
	let record = crate::Jobs::<Test>::get(job).unwrap();
	let request = assay_program::wire::JobRequest {
		genesis: Jobs::genesis().0,
		program: record.program.into(),
		weights: record.weights.into(),
		input: record.input.into(),
		parameters: record.parameters,
		tenant: record.tenant.into(),
		nonce: record.nonce,
	};
	assert_eq!(&assay_primitives::JobDigest::from(request.digest()), job);
	let hex: String = job.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
	let path = format!("/v1/jobs/{hex}");
	expect(state, "PUT", path, request.encode(), answer.encode());
}

/// The worker waits for a job that it has handed over.
fn expect_wait(state: &Offchain, job: &assay_primitives::JobDigest, answer: JobState) {
	let hex: String = job.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
	state.write().expect_request(PendingRequest {
		method: "GET".into(),
		uri: format!("http://127.0.0.1:1/v1/jobs/{hex}?wait_ms=400"),
		headers: vec![
			("authorization".into(), "Bearer secret".into()),
			("accept".into(), "application/octet-stream".into()),
		],
		response: Some(answer.encode()),
		sent: true,
		..Default::default()
	});
}

/// Take what is in the pool, check it as the pool would, dispatch it.
fn drain(pool: &Pool) -> usize {
	let transactions = std::mem::take(&mut pool.write().transactions);
	let count = transactions.len();
	for bytes in transactions {
		let extrinsic = Extrinsic::decode(&mut &bytes[..]).unwrap();
		let call = extrinsic.function;
		assert_ok!(dispatch_authorized(call).unwrap());
	}
	count
}

fn run() {
	let now = System::block_number();
	// As `Executive` does: the worker of a block knows its hash.
	frame_system::BlockHash::<Test>::insert(now, hash_of(now));
	Jobs::run_worker(now);
	frame_system::BlockHash::<Test>::remove(now);
}

#[test]
fn does_nothing_without_an_executor() {
	with_worker(|_, pool| {
		submit(0);
		run();
		assert!(pool.read().transactions.is_empty());
	});
}

#[test]
fn does_nothing_without_a_key() {
	with_keystore(MemoryKeystore::new(), |state, pool| {
		settings();
		settlement_due();
		run();
		// What is due for anybody is left to nodes that have a key, and the executor is not asked.
		assert!(state.read().requests.is_empty());
		assert!(pool.read().transactions.is_empty());
	});
}

#[test]
fn the_missing_executor_is_spoken_of_once_and_then_now_and_again() {
	use crate::offchain::{is_time_to_remind, REMIND_BLOCKS};
	with_worker(|_, _| {
		assert!(is_time_to_remind(10));
		for block in [10, 11, 10 + REMIND_BLOCKS - 1] {
			assert!(!is_time_to_remind(block), "block {block}");
		}
		assert!(is_time_to_remind(10 + REMIND_BLOCKS));
		assert!(!is_time_to_remind(11 + REMIND_BLOCKS));
		// Another chain in the same database.
		assert!(is_time_to_remind(1));
	});
}

/// A settlement is due: to be sent by a run at once, without an executor.
fn settlement_due() {
	let (_, slot) = submit(0);
	assert_ok!(commit(slot).unwrap());
	roll_by(2);
	assert_ok!(reveal(slot).unwrap());
	roll_by(20);
}

fn lock() -> StorageLock<'static, Time> {
	StorageLock::with_deadline(crate::offchain::LOCK_KEY, Duration::from_millis(4_000))
}

#[test]
fn a_run_does_nothing_while_another_holds_the_lock() {
	with_worker(|state, pool| {
		settings();
		settlement_due();
		let mut lock = lock();
		let other_run = lock.try_lock().unwrap();
		run();
		assert!(state.read().requests.is_empty(), "the executor is not asked");
		assert!(pool.read().transactions.is_empty());

		drop(other_run);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn the_lock_of_a_run_that_died_ends_by_itself() {
	with_worker(|state, pool| {
		settings();
		settlement_due();
		let mut lock = lock();
		lock.try_lock().unwrap().forget();
		state.write().timestamp = Timestamp::from_unix_millis(3_999);
		run();
		assert!(pool.read().transactions.is_empty());
		state.write().timestamp = Timestamp::from_unix_millis(4_001);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn plays_a_job_from_submission_to_settlement() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		let done = JobState::Done { claim: true_claim() };

		expect_tenants(&state);
		expect_job(&state, &job, done.clone());
		run();
		assert_eq!(drain(&pool), 1);
		assert!(matches!(
			crate::Jobs::<Test>::get(job).unwrap().phase,
			Phase::Revealing { closed_at: 1, .. }
		));

		// Not final: the worker waits.
		roll_by(1);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 0);

		// Final on another fork: the worker waits.
		set(FINALIZED_KEY, Finalized { number: 1, hash: H256([1; 32]) });
		roll_by(1);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 0);

		set(FINALIZED_KEY, Finalized { number: 1, hash: hash_of(1) });
		roll_by(1);
		expect_tenants(&state);
		expect_job(&state, &job, done);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(matches!(crate::Jobs::<Test>::get(job).unwrap().phase, Phase::Window { .. }));

		roll_by(20);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(crate::Jobs::<Test>::get(job).is_none());
		assert!(crate::Slots::<Test>::get(slot).is_none());
	});
}

#[test]
fn sends_again_what_the_pool_lost() {
	with_worker(|state, pool| {
		settings();
		let (job, _) = submit(0);
		let done = JobState::Done { claim: true_claim() };
		for sent in [1, 1, 2] {
			expect_tenants(&state);
			expect_job(&state, &job, done.clone());
			run();
			assert_eq!(pool.read().transactions.len(), sent, "one submission in two blocks");
			roll_by(1);
		}
		pool.write().transactions.clear();
	});
}

#[test]
fn a_wrong_digest_after_the_commitment_is_not_revealed() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1);
		set(FINALIZED_KEY, Finalized { number: 1, hash: hash_of(1) });
		roll_by(2);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: Claim::Invalid { code: 1 } });
		run();
		assert_eq!(drain(&pool), 0, "a claim that was not committed to stays at home");
		assert!(crate::Slots::<Test>::get(slot).is_some());
	});
}

#[test]
fn hands_all_jobs_over_before_it_waits_for_one() {
	with_worker(|state, pool| {
		settings();
		let jobs = [submit(0).0, submit(1).0];
		expect_tenants(&state);
		for job in &jobs {
			expect_job(&state, job, JobState::Queued);
		}
		for job in &jobs {
			expect_wait(&state, job, JobState::Done { claim: true_claim() });
		}
		run();
		assert_eq!(drain(&pool), 2);
	});
}

#[test]
fn accepts_ahead_when_the_result_takes_long() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Running);
		expect_wait(&state, &job, JobState::Running);
		run();
		assert_eq!(drain(&pool), 0, "there is time yet");
		roll_to(7);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Queued);
		expect_wait(&state, &job, JobState::Running);
		run();
		assert_eq!(drain(&pool), 1);
		assert!(matches!(
			crate::Slots::<Test>::get(slot).unwrap().state,
			crate::types::SlotState::Assigned { accepted: true, .. }
		));
	});
}

#[test]
fn never_accepts_what_failed() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		roll_to(9);
		expect_tenants(&state);
		// Tried once more on request, and failed again while the worker waits.
		expect_job(&state, &job, JobState::Queued);
		expect_wait(&state, &job, JobState::Failed { code: 4 });
		run();
		assert_eq!(drain(&pool), 0);
		assert!(crate::Slots::<Test>::get(slot).unwrap().worker.is_none());
	});
}

#[test]
fn never_accepts_what_only_waits() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		roll_to(9);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Queued);
		expect_wait(&state, &job, JobState::Queued);
		run();
		assert_eq!(drain(&pool), 0);
		assert!(crate::Slots::<Test>::get(slot).unwrap().worker.is_none());
	});
}

#[test]
fn ends_what_a_key_of_another_node_left() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		let other = WorkerPair::from_seed(&[8; 32]);
		let key = assay_primitives::WorkerKey::from(other.public());
		// The slot is bound to a key that is not here, the provider has rotated to the one that is.
		assert_ok!(accept(slot).unwrap());
		crate::WorkerDuties::<Test>::remove(worker_key(), slot);
		crate::WorkerDuties::<Test>::insert(&key, slot, ());
		crate::Slots::<Test>::mutate(slot, |slot| slot.as_mut().unwrap().worker = Some(key));
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 0);
		let units = crate::Jobs::<Test>::get(job).unwrap().units_max;
		roll_by(TIMING.span(TIMING.commit_base, units) + 1);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 1, "a lapse needs no key");
		assert!(crate::Jobs::<Test>::get(job).is_none());
	});
}

#[test]
fn a_stall_of_finality_costs_no_pledge() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		commit_with_own_salt(slot);
		roll_to(1 + TIMING.commit_base - TIMING.commit_base / 4 - 1);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 0, "there is time to wait for finality");
		roll_by(1);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1);
		let pledge = crate::Jobs::<Test>::get(job).unwrap().pledge;
		assert_eq!(ProviderStake::pledged(&provider(), slot), pledge, "and it is not late");
	});
}

#[test]
fn where_another_slot_could_copy_only_finality_opens_a_claim() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		assert_ok!(ProviderStake::bond(signed(other_provider()), BOND));
		assert_ok!(register_provider(other_provider(), &other_worker()));
		let second = add_slot(job, other_provider());
		assert_ok!(commit(slot).unwrap());
		assert_ok!(commit_by(&other_worker(), second, &true_claim()).unwrap());
		commit_with_own_salt(slot);
		// The last block on time.
		roll_to(1 + TIMING.commit_base);
		expect_tenants(&state);
		run();
		assert_eq!(drain(&pool), 0, "better late than copied");
		set(FINALIZED_KEY, Finalized { number: 1, hash: hash_of(1) });
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn reveals_after_a_pause_longer_than_the_known_hashes() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		commit_with_own_salt(slot);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		roll_by(4_200);
		frame_system::BlockHash::<Test>::remove(1);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
		let last = System::block_number() - 2;
		set(FINALIZED_KEY, Finalized { number: last, hash: hash_of(last) });
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn a_replaced_key_finishes_what_it_accepted() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		assert_ok!(accept(slot).unwrap());
		let new = WorkerPair::from_seed(&[8; 32]);
		let statement = assay_primitives::worker_statement(&Jobs::genesis(), &provider());
		let key = assay_primitives::WorkerKey::from(new.public());
		let proof = new.sign(&statement);
		assert_ok!(Providers::rotate_worker(signed(provider()), key, proof));
		let (later, _) = submit(1);
		expect_tenants(&state);
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1, "the new job is for the new key: {later:?}");
		assert!(matches!(crate::Jobs::<Test>::get(job).unwrap().phase, Phase::Revealing { .. }));
	});
}

#[test]
fn commits_to_nothing_that_cannot_be_revealed() {
	with_worker(|state, pool| {
		settings();
		let (job, _) = submit(0);
		expect_tenants(&state);
		let claim = Claim::Output { count: parameters().max_steps + 1, data: [1; 32] };
		expect_job(&state, &job, JobState::Done { claim });
		run();
		assert_eq!(drain(&pool), 0);
	});
}

#[test]
fn an_audit_slot_is_served_like_any_other() {
	use assay_primitives::AuditedJobs;
	with_worker(|state, pool| {
		settings();
		enlarge_market();
		// The provider whose key is in this keystore audits what the other one does.
		assert_ok!(AuditStake::bond(signed(provider()), BOND));
		let slot = crate::NextSlot::<Test>::get();
		let (lease, rate) = (LeaseId(3), types::LAMBDA_ONE);
		let (input, origin) = (inline_input(), signed(tenant()));
		assert_ok!(Jobs::submit_job(origin, lease, 0, input, parameters(), 0, rate, 0));
		let job = crate::Slots::<Test>::get(slot).unwrap().job;
		assert_ok!(commit_by(&other_worker(), slot, &true_claim()).unwrap());
		roll_to(3);
		assert_ok!(Jobs::mark_final(job, 4));
		let audit = Jobs::open_audit(job, provider(), worker_key()).unwrap();

		let expect_both_tenants = || {
			let tenants = vec![tenant().into(), other_tenant().into()];
			let (genesis, block) = (Jobs::genesis().0, System::block_number());
			let body = assay_program::wire::Tenants { genesis, block, tenants };
			expect(&state, "PUT", "/v1/tenants".into(), body.encode(), Vec::new());
		};
		let done = JobState::Done { claim: true_claim() };
		expect_both_tenants();
		expect_job(&state, &job, done.clone());
		run();
		assert_eq!(drain(&pool), 1);
		let record = crate::Slots::<Test>::get(audit).unwrap();
		assert!(matches!(record.state, crate::types::SlotState::Committed { .. }));

		// The block that closes the phase lies ahead, whatever is final.
		for block in [6, 7] {
			roll_to(block);
			set(FINALIZED_KEY, Finalized { number: 6, hash: hash_of(6) });
			expect_both_tenants();
			run();
			assert_eq!(drain(&pool), 0, "block {block}");
		}
		roll_to(9);
		set(FINALIZED_KEY, Finalized { number: 7, hash: hash_of(7) });
		expect_both_tenants();
		expect_job(&state, &job, done);
		run();
		assert_eq!(drain(&pool), 1);
		let record = crate::Slots::<Test>::get(audit).unwrap();
		assert!(matches!(record.state, crate::types::SlotState::Revealed { .. }));
	});
}

/// Replaces the commitment by that of the worker's own salt.
fn commit_with_own_salt(slot: SlotId) {
	crate::Slots::<Test>::mutate(slot, |slot_state| {
		let record = slot_state.as_mut().unwrap();
		let salt = assay_primitives::salt(&[3; 32], &record.job, slot);
		let output = true_claim().output().into();
		let commitment = assay_primitives::commitment(
			&Jobs::genesis(),
			&record.job,
			slot,
			&worker_key(),
			&salt,
			&output,
		);
		record.state = crate::types::SlotState::Committed { commitment };
	});
}

#[test]
fn salt_is_derived_and_never_the_same_twice() {
	let (job, other) = ([1; 32].into(), [2; 32].into());
	let salts = [
		assay_primitives::salt(&[3; 32], &job, SlotId(0)),
		assay_primitives::salt(&[3; 32], &job, SlotId(1)),
		assay_primitives::salt(&[3; 32], &other, SlotId(0)),
		assay_primitives::salt(&[4; 32], &job, SlotId(0)),
	];
	for (i, salt) in salts.iter().enumerate() {
		assert!(salts[..i].iter().all(|other| other != salt));
	}
	assert_eq!(salts[0], assay_primitives::salt(&[3; 32], &job, SlotId(0)));
}

#[test]
fn a_replica_is_computed_when_the_draw_is_over_and_its_tenant_may_fetch() {
	use assay_primitives::AuditedJobs;
	with_worker(|state, pool| {
		settings();
		enlarge_market();
		enlist_auditors();
		// The provider whose key is in this keystore does what the other one was asked for.
		let slot = crate::NextSlot::<Test>::get();
		let (input, origin) = (inline_input(), signed(other_tenant()));
		assert_ok!(Jobs::submit_job(origin, LeaseId(2), 0, input, parameters(), 0, 0, 1));
		let job = crate::Slots::<Test>::get(slot).unwrap().job;
		assert_eq!(crate::Slots::<Test>::get(slot).unwrap().party, other_provider());
		assert_ok!(commit_by(&other_worker(), slot, &true_claim()).unwrap());
		roll_to(6);
		let replica = Jobs::open_replica(job, provider(), worker_key(), 1).unwrap();
		let expect_tenants = || {
			let tenants = vec![tenant().into(), other_tenant().into()];
			let (genesis, block) = (Jobs::genesis().0, System::block_number());
			let body = assay_program::wire::Tenants { genesis, block, tenants };
			expect(&state, "PUT", "/v1/tenants".into(), body.encode(), Vec::new());
		};
		let end = crate::Jobs::<Test>::get(job).unwrap().replicas.until;
		roll_to(end);
		expect_tenants();
		run();
		assert_eq!(drain(&pool), 0, "another may take its place");
		roll_to(end + 1);
		expect_tenants();
		expect_job(&state, &job, JobState::Done { claim: true_claim() });
		run();
		assert_eq!(drain(&pool), 1);
		let record = crate::Slots::<Test>::get(replica).unwrap();
		assert!(matches!(record.state, crate::types::SlotState::Committed { .. }));
	});
}

#[test]
fn what_others_owe_is_ended_too() {
	with_worker(|state, pool| {
		settings();
		enlarge_market();
		let (job, slot) = submit(0);
		let silent = add_slot(job, other_provider());
		commit_with_own_salt(slot);
		roll_to(2 + TIMING.accept);
		let tenants = vec![tenant().into(), other_tenant().into()];
		let (genesis, block) = (Jobs::genesis().0, System::block_number());
		let body = assay_program::wire::Tenants { genesis, block, tenants };
		expect(&state, "PUT", "/v1/tenants".into(), body.encode(), Vec::new());
		run();
		let sent = std::mem::take(&mut pool.write().transactions);
		let call = Extrinsic::decode(&mut &sent[0][..]).unwrap().function;
		assert_eq!(call, Call::lapse { slot: silent }.into());
		assert_eq!(sent.len(), 1);
		crate::Slots::<Test>::mutate(slot, |slot| {
			let slot = slot.as_mut().unwrap();
			slot.state = crate::types::SlotState::Assigned { accepted: false, due: 11 };
		});
	});
}
