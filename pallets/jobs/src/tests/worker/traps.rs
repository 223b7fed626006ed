//! The worker of a provider that is armed with a trap: it claims something wrong, and always the
//! same. The one that opens the trap is another pallet's.

use super::*;
use assay_primitives::{offchain::trap_key, wrong_claim, AuditedJobs, JobDigest, Trap};

fn arm(job: &JobDigest, claim: Claim) -> Trap {
	let consent = sp_runtime::MultiSignature::Sr25519(Default::default());
	let (salt, path) = ([6; 32], Default::default());
	let trap = Trap { period: 0, index: 0, salt, claim, path, consent };
	set(&trap_key(job), trap.clone());
	trap
}

/// An audited job whose result the executor has.
fn audited_job() -> (JobDigest, SlotId) {
	enlist_auditors();
	submit_audited(0, types::LAMBDA_ONE)
}

/// One run in which the executor is asked for the job.
fn run_with(state: &Offchain, pool: &Pool, job: &JobDigest) -> usize {
	expect_tenants(state);
	expect_job(state, job, JobState::Done { claim: true_claim() });
	run();
	drain(pool)
}

/// What the worker commits to and reveals when this happens before and after the commitment.
fn claimed(before: impl FnOnce(&JobDigest), after: impl FnOnce(&JobDigest)) -> Option<Claim> {
	let mut claim = None;
	with_worker(|state, pool| {
		settings();
		let (job, slot) = audited_job();
		before(&job);
		assert_eq!(run_with(&state, &pool, &job), 1);
		roll_to(3);
		let until = Jobs::mark_final(job, 2).unwrap();
		after(&job);
		roll_to(until + 2);
		set(FINALIZED_KEY, Finalized { number: until, hash: hash_of(until) });
		run_with(&state, &pool, &job);
		claim = crate::Slots::<Test>::get(slot).unwrap().state.claim();
		MayOpenTraps::set(true);
	});
	claim
}

fn wrong() -> Claim {
	wrong_claim(&true_claim(), &[6; 32])
}

#[test]
fn springs_the_trap_that_it_is_armed_with() {
	let arm = |job: &JobDigest| drop(arm(job, true_claim()));
	assert_eq!(claimed(arm, |_| ()), Some(wrong()));
	assert_ne!(wrong(), true_claim());
	assert_eq!(claimed(|_| (), |_| ()), Some(true_claim()));
}

#[test]
fn reveals_what_it_has_committed_to_whatever_becomes_of_the_trap() {
	let arm = |job: &JobDigest| drop(arm(job, true_claim()));
	assert_eq!(claimed(|_| (), arm), Some(true_claim()), "armed too late");
	assert_eq!(claimed(arm, |_| MayOpenTraps::set(false)), Some(wrong()), "a licence that ended");
}

#[test]
fn leaves_a_trap_alone_that_could_not_be_opened() {
	let unlicensed = |job: &JobDigest| {
		arm(job, true_claim());
		MayOpenTraps::set(false);
	};
	assert_eq!(claimed(unlicensed, |_| ()), Some(true_claim()));
	// Its executor says something else than the trap.
	let other = |job: &JobDigest| drop(arm(job, Claim::Invalid { code: 3 }));
	assert_eq!(claimed(other, |_| ()), Some(true_claim()));
}

#[test]
fn claims_nothing_wrong_of_a_job_without_audit() {
	with_worker(|state, pool| {
		settings();
		let (job, slot) = submit(0);
		arm(&job, true_claim());
		assert_eq!(run_with(&state, &pool, &job), 1);
		set(FINALIZED_KEY, Finalized { number: 1, hash: hash_of(1) });
		roll_by(2);
		assert_eq!(run_with(&state, &pool, &job), 1);
		let claim = crate::Slots::<Test>::get(slot).unwrap().state.claim();
		assert_eq!(claim, Some(true_claim()));
	});
}
