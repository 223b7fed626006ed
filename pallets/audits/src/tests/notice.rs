//! Notices: real VRFs through authorisation and dispatch.

use crate::{mock::*, Error, Event};
use assay_primitives::{Duty, DutyProof, JobDigest, Providers as _, SlotId, Stake as _};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	DispatchError,
};

/// Two auditors whose stake counts: the first has three quarters of it.
fn with_auditors(test: impl FnOnce()) {
	build_and_execute(|| {
		make_auditor(&auditor(0), 30 * UNIT);
		make_auditor(&auditor(1), 10 * UNIT);
		next_period();
		roll_by(1);
		test();
	});
}

/// A job that an auditor has, or has not, to audit.
fn job_with(duty: bool) -> JobDigest {
	for seed in 0.. {
		let job = marked_job(seed, ALL / 2);
		let number = duty_of(job, &auditor(0)).number();
		// The first auditor's share is three quarters, the rate is a half.
		if (number < (1 << 62) + (1 << 61)) == duty {
			return job;
		}
		MockJobs::remove(job);
		if System::block_number() % PERIOD > 5 {
			next_period();
			roll_by(1);
		}
	}
	unreachable!("one of so many")
}

fn refused(job: JobDigest, error: Error<Test>) {
	let call = notice_call(job, &auditor(0));
	assert!(dispatch_authorized(call.clone()).is_err());
	assert_noop!(dispatch_unchecked(call), error);
}

fn refusal(call: RuntimeCall) -> TransactionValidityError {
	dispatch_authorized(call).unwrap_err()
}

fn bad_proof() -> TransactionValidityError {
	InvalidTransaction::BadProof.into()
}

#[test]
fn opens_a_slot_for_who_has_the_duty() {
	with_auditors(|| {
		let job = job_with(true);
		let next = MockNextSlot::get();
		System::reset_events();
		assert_ok!(dispatch_authorized(notice_call(job, &auditor(0))).unwrap());
		assert_eq!(
			events(),
			[Event::NoticeTaken {
				job,
				audited_slot: MockJobs::get(job).unwrap().slot,
				slot: next,
				auditor: auditor(0),
				output: duty_of(job, &auditor(0)).output,
			}]
		);
		assert_eq!(MockSlots::get(job, auditor(0)), Some(next));
		assert_eq!(AuditStake::pledged(&auditor(0), next), 2 * PRICE);
	});
}

#[test]
fn is_refused_of_who_has_not() {
	with_auditors(|| {
		let job = job_with(false);
		refused(job, Error::NoDuty);
	});
}

#[test]
fn is_taken_once() {
	with_auditors(|| {
		let job = job_with(true);
		let call = notice_call(job, &auditor(0));
		assert_ok!(dispatch_authorized(call.clone()).unwrap());
		// Not let in again: it would fail, free of charge, for ever.
		let again = refusal(notice_call(job, &auditor(0)));
		assert_eq!(again, InvalidTransaction::Custom(u8::MAX).into());
		assert_noop!(dispatch_unchecked(call), DispatchError::from("a party already"));
	});
}

#[test]
fn is_not_let_in_where_the_pledge_is_not_covered() {
	with_auditors(|| {
		let job = job_with(true);
		let free = AuditStake::free(&auditor(0));
		assert_ok!(AuditStake::pledge(&auditor(0), SlotId(999), free - 2 * PRICE + 1));
		let call = notice_call(job, &auditor(0));
		assert_eq!(refusal(call.clone()), InvalidTransaction::Custom(u8::MAX).into());
		assert!(dispatch_unchecked(call).is_err());
		AuditStake::release(&auditor(0), SlotId(999));
		assert_ok!(dispatch_authorized(notice_call(job, &auditor(0))).unwrap());
	});
}

#[test]
fn an_attempt_leaves_nothing_behind() {
	use frame_support::{assert_storage_noop, traits::Authorize};
	with_auditors(|| {
		let job = job_with(true);
		let source = sp_runtime::transaction_validity::TransactionSource::External;
		let call = notice_call(job, &auditor(0));
		// One for each job and auditor, whichever way it is signed.
		let other = notice_call(job, &auditor(0));
		assert_ne!(call, other);
		assert_storage_noop!({
			let (valid, _) = call.authorize(source).unwrap().unwrap();
			assert!(valid.propagate);
			let (other, _) = other.authorize(source).unwrap().unwrap();
			assert_eq!(valid.provides, other.provides);
		});
	});
}

#[test]
fn is_taken_from_the_mark_until_notices_end() {
	with_auditors(|| {
		let job = commit_job(0, u32::MAX);
		roll_by(DRAWN);
		refused(job, Error::NotMarked);
		let early = refusal(notice_call(job, &auditor(0)));
		assert_eq!(early, InvalidTransaction::Future.into());
		let marker = account(30);
		register_provider(&marker);
		assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &marker)).unwrap());
		roll_by(NOTICE_BLOCKS);
		assert_ok!(dispatch_authorized(notice_call(job, &auditor(0))).unwrap());
		roll_by(1);
		let late = notice_call(job, &auditor(1));
		assert_eq!(refusal(late.clone()), InvalidTransaction::Stale.into());
		assert_noop!(dispatch_unchecked(late), Error::<Test>::NoticesOver);
		roll_by(1);
		refused(job, Error::JobUnknown);
	});
}

#[test]
fn the_clock_of_jobs_counts() {
	with_auditors(|| {
		let job = job_with(true);
		Paused::set(&true);
		refused(job, Error::JobUnknown);
		roll_by(2);
		Paused::set(&false);
		StoodStill::set(&2);
		let until = MockJobs::get(job).unwrap().notices_until.unwrap();
		roll_to(until + 2);
		assert_ok!(dispatch_authorized(notice_call(job, &auditor(0))).unwrap());
	});
}

#[test]
fn no_party_audits_itself() {
	with_auditors(|| {
		let job = job_with(true);
		MockJobs::mutate(job, |entry| entry.as_mut().unwrap().party = auditor(0));
		refused(job, Error::OwnJob);
		MockJobs::mutate(job, |entry| {
			let entry = entry.as_mut().unwrap();
			(entry.party, entry.worker) = (party(), key_of(&auditor(0)));
		});
		refused(job, Error::OwnJob);
	});
}

#[test]
fn only_members_with_a_key_audit() {
	with_auditors(|| {
		let job = job_with(true);
		let outsider = auditor(5);
		let call = notice_call(job, &outsider);
		assert_noop!(dispatch_unchecked(call.clone()), Error::<Test>::NotAProvider);
		register_provider(&outsider);
		assert_noop!(dispatch_unchecked(call.clone()), Error::<Test>::NotAMember);
		assert_ok!(AuditStake::bond(signed(outsider.clone()), 30 * UNIT));
		assert_ok!(Audits::join(signed(outsider.clone()), MODEL));
		assert_noop!(dispatch_unchecked(call), Error::<Test>::NotAMember);
		next_period();
		let job = marked_job(1_000, ALL);
		let call = notice_call(job, &outsider);
		assert_noop!(dispatch_unchecked(call), Error::<Test>::NoDutyKey);
	});
}

#[test]
fn what_is_done_after_the_commitment_decides_nothing() {
	with_auditors(|| {
		next_period();
		roll_by(PERIOD - 7);
		let job = commit_job(0, u32::MAX);
		// All of it counts while notices are still taken, but for later jobs only.
		assert_ok!(set_duty_key(&auditor(0)));
		assert_ok!(Audits::leave(signed(auditor(1)), MODEL));
		make_auditor(&auditor(2), 50 * UNIT);
		roll_by(DRAWN);
		assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &auditor(1))).unwrap());
		let candidate = |n| Audits::check_candidate(job, &key_of(&auditor(n)));
		let thresholds = || [0, 1].map(|n| candidate(n).unwrap().threshold);
		let before = thresholds();
		next_period();
		// Neither do changes of the period after it.
		assert_ok!(AuditStake::bond(signed(auditor(0)), 100 * UNIT));
		assert_ok!(Audits::refresh(signed(auditor(0)), auditor(0)));
		assert_eq!(thresholds(), before);
		assert!(matches!(candidate(2), Err(Error::NotAMember)));
	});
}

#[test]
fn a_key_younger_than_the_job_decides_nothing() {
	with_auditors(|| {
		let job = marked_job(0, u32::MAX);
		let set_at = MockJobs::get(job).unwrap().submitted_at;
		assert!(Audits::check_candidate(job, &key_of(&auditor(0))).is_ok());
		MockJobs::mutate(job, |job| job.as_mut().unwrap().submitted_at = 0);
		assert!(set_at > 0);
		refused(job, Error::DutyKeyTooNew);
	});
}

#[test]
fn a_proof_holds_for_its_job_slot_worker_and_block_alone() {
	with_auditors(|| {
		let job = commit_job(0, u32::MAX);
		let other = commit_job(1, u32::MAX);
		roll_by(DRAWN);
		for job in [job, other] {
			assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &auditor(1))).unwrap());
		}
		let right = MockJobs::get(job).unwrap();
		let duty = duty_of(job, &auditor(0));
		let call = |job| notice_call_with(job, &auditor(0), duty);
		assert_eq!(refusal(call(other)), bad_proof(), "another job");
		type Change = fn(&mut MockJob);
		let changes: [(&str, Change); 3] = [
			("another slot", |entry| entry.slot = SlotId(77)),
			("another worker", |entry| entry.worker = key_of(&account(25))),
			("another block", |entry| entry.committed_at -= 1),
		];
		for (what, change) in changes {
			let mut entry = right.clone();
			change(&mut entry);
			MockJobs::insert(job, entry);
			assert_eq!(refusal(call(job)), bad_proof(), "{what}");
		}
		MockJobs::insert(job, right);
		// Of another auditor.
		let foreign = notice_call_with(job, &auditor(1), duty);
		assert_eq!(refusal(foreign), bad_proof());
		assert_ok!(dispatch_authorized(call(job)).unwrap());
	});
}

#[test]
fn a_forged_proof_is_refused() {
	with_auditors(|| {
		let job = marked_job(0, u32::MAX);
		let right = duty_of(job, &auditor(0));
		let mut output = right.output;
		output.0 = H256([3; 32]);
		for duty in [
			Duty { output, proof: right.proof },
			Duty { output: right.output, proof: DutyProof([7; 64]) },
			duty_of(job, &auditor(1)),
		] {
			assert_eq!(refusal(notice_call_with(job, &auditor(0), duty)), bad_proof());
		}
	});
}

#[test]
fn the_signature_is_the_workers() {
	with_auditors(|| {
		let job = marked_job(0, u32::MAX);
		let mut call = notice_call(job, &auditor(0));
		let RuntimeCall::Audits(crate::Call::notice { signature: other, .. }) =
			notice_call(job, &auditor(1))
		else {
			panic!("another call")
		};
		if let RuntimeCall::Audits(crate::Call::notice { signature, .. }) = &mut call {
			*signature = other;
		}
		assert_eq!(refusal(call), bad_proof());
	});
}

#[test]
fn nobody_is_found_once_the_ring_has_forgotten() {
	with_auditors(|| {
		let job = marked_job(0, u32::MAX);
		// A pause that is longer than the ring.
		StoodStill::set(&RING);
		roll_by(RING);
		refused(job, Error::RandomnessGone);
	});
}

#[test]
fn a_bond_that_has_shrunk_counts_less_at_once() {
	with_auditors(|| {
		let job = marked_job(0, ALL);
		let threshold =
			|| Audits::check_candidate(job, &key_of(&auditor(0))).ok().unwrap().threshold;
		assert_eq!(threshold(), 3 << 62);
		assert_ok!(AuditStake::unbond(signed(auditor(0)), 20 * UNIT));
		assert_eq!(threshold(), 1 << 62);
		// What is bonded beyond what counts does not count.
		assert_ok!(AuditStake::bond(signed(auditor(0)), 900 * UNIT));
		assert_eq!(threshold(), 3 << 62);
	});
}

#[test]
fn the_partys_own_stake_is_not_part_of_the_total() {
	build_and_execute(|| {
		make_auditor(&auditor(0), 30 * UNIT);
		make_auditor(&auditor(1), 30 * UNIT);
		assert_ok!(AuditStake::bond(signed(party()), 960 * UNIT));
		assert_ok!(set_duty_key(&party()));
		assert_ok!(Audits::join(signed(party()), MODEL));
		next_period();
		let job = marked_job(0, ALL);
		let candidate = Audits::check_candidate(job, &key_of(&auditor(0))).ok().unwrap();
		assert_eq!(candidate.threshold, 1 << 63);
	});
}

#[test]
fn needs_an_authorisation() {
	with_auditors(|| {
		let job = marked_job(0, u32::MAX);
		let RuntimeCall::Audits(crate::Call::notice { worker, output, proof, signature, .. }) =
			notice_call(job, &auditor(0))
		else {
			panic!("another call")
		};
		assert!(Providers::provider_of(&worker).is_some());
		let origin = signed(auditor(0));
		let done = Audits::notice(origin, job, worker, output, proof, signature);
		assert_noop!(done, DispatchError::BadOrigin);
	});
}
