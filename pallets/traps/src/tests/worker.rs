//! The off-chain worker, with real keystore, storage and pool at the border of the host.

use super::*;
use assay_primitives::{offchain::trap_key, WORKER_KEY_TYPE};
use codec::Decode;
use sp_core::offchain::{
	testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::Arc;

type Pool = Arc<parking_lot::RwLock<PoolState>>;

fn with_worker(test: impl FnOnce(Pool)) {
	let mut ext = new_test_ext();
	let (offchain, _) = TestOffchainExt::new();
	let (pool, state) = TestTransactionPoolExt::new();
	let keystore = MemoryKeystore::new();
	// The key of the provider.
	let seed = format!("0x{}", "01".repeat(32));
	keystore.sr25519_generate_new(WORKER_KEY_TYPE, Some(&seed)).unwrap();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.register_extension(KeystoreExt::new(keystore));
	ext.execute_with(|| {
		test(state);
		try_state();
	});
}

fn arm(job: &JobDigest, trap: &Trap) {
	sp_runtime::offchain::storage::StorageValueRef::persistent(&trap_key(job)).set(trap);
}

/// Run on this block; dispatch what is in the pool then. How much that was.
fn run(pool: &Pool) -> usize {
	Traps::run_worker(frame_system::Pallet::<Test>::block_number());
	drain(pool)
}

fn drain(pool: &Pool) -> usize {
	let transactions = std::mem::take(&mut pool.write().transactions);
	for bytes in &transactions {
		let extrinsic = Extrinsic::decode(&mut &bytes[..]).unwrap();
		assert_ok!(dispatch_authorized(extrinsic.function).unwrap());
	}
	transactions.len()
}

#[test]
fn opens_a_trap_that_was_sprung_and_is_done() {
	with_worker(|pool| {
		let traps = post(&[(0, right())]);
		arm(&digest_of(0), &traps[0]);
		assert_eq!(run(&pool), 0, "there is no job yet");
		let (_, slots) = sprung(0, &traps[0], &[right()]);
		assert_eq!(run(&pool), 1);
		let pallet_jobs::types::SlotState::Revealed { claim, .. } = state_of(slots[0]) else {
			panic!("it stands")
		};
		assert_eq!(claim, right());
		roll_by(3);
		assert_eq!(run(&pool), 0);
	});
}

#[test]
fn sends_again_what_the_pool_lost() {
	with_worker(|pool| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		arm(&job, &traps[0]);
		for sent in [1, 1, 2] {
			Traps::run_worker(frame_system::Pallet::<Test>::block_number());
			assert_eq!(pool.read().transactions.len(), sent);
			roll_by(1);
		}
		pool.write().transactions.truncate(1);
		assert_eq!(drain(&pool), 1);
	});
}

#[test]
fn opens_nothing_that_is_not_armed_not_sprung_or_not_its_own() {
	with_worker(|pool| {
		let traps = post(&[(0, right()), (1, right())]);
		sprung(0, &traps[0], &[]);
		assert_eq!(run(&pool), 0, "not armed");
		let (job, _) = claimed(1, right(), &[right()]);
		arm(&job, &traps[1]);
		assert_eq!(run(&pool), 0, "not sprung");
	});
	with_worker(|pool| {
		// Its key has no part in the job but as an auditor's.
		let traps = post(&[(0, right())]);
		let (job, slots) = sprung(0, &traps[0], &[]);
		arm(&job, &traps[0]);
		let other = key_of(&auditors()[0]);
		pallet_jobs::WorkerDuties::<Test>::remove(key_of(&provider()), slots[0]);
		pallet_jobs::WorkerDuties::<Test>::insert(&other, slots[0], ());
		pallet_jobs::Slots::<Test>::mutate(slots[0], |slot| {
			slot.as_mut().unwrap().worker = Some(other);
		});
		assert_eq!(run(&pool), 0);
	});
}

#[test]
fn sends_nothing_that_would_be_refused() {
	with_worker(|pool| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		arm(&job, &traps[0]);
		assert_ok!(Traps::revoke(RawOrigin::Root.into(), provider()));
		assert_eq!(run(&pool), 0);
	});
}

/// What the jobs pallet asks before a worker commits to something wrong.
#[test]
fn a_trap_may_be_opened_where_the_chain_will_take_it() {
	use assay_primitives::Traps as _;
	build_and_execute(|| {
		let traps = post(&[(0, right()), (1, right())]);
		let may = |trap: &Trap, submitted_at| {
			Traps::may_open(&digest_of(0), &tenant(), &provider(), submitted_at, trap)
		};
		assert!(may(&traps[0], 3));
		assert!(!may(&traps[0], 2), "not younger than the root");
		assert!(!may(&traps[1], 3), "another job's");
		assert!(!Traps::may_open(&digest_of(0), &stranger(), &provider(), 3, &traps[0]));
		assert!(!Traps::may_open(&digest_of(0), &tenant(), &stranger(), 3, &traps[0]));
		let (job, _) = sprung(0, &traps[0], &[]);
		assert_ok!(open(job, traps[0].clone()));
		assert!(!may(&traps[0], 3), "open");
	});
}
