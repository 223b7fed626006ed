//! Audited jobs: submission, mark, notices, and what becomes of the slots that these open. Who
//! draws the duty to audit is the business of another pallet.

mod a_notice;
mod pauses;
mod submission;
mod the_end;
mod the_mark;
mod traps;

use super::*;
use crate::{
	types::{audit_fee, job_pledge, AuditState, SlotState, LAMBDA_ONE, SLOTS_MAX},
	Clock,
};
use assay_primitives::{
	apis::{AuditView, JobPhase, SlotRole},
	AccountId, AuditedJob, AuditedJobs, Audits, Balance, Claims, JobDigest, OutputDigest,
	WorkerKey,
};
use frame_support::traits::fungible::Inspect;
use frame_system::RawOrigin;
use sp_core::Pair;
use sp_runtime::{DispatchError, DispatchResult};

const HALF: u32 = LAMBDA_ONE / 2;
const NOTICE_BLOCKS: u32 = 6;
const WRONG: Claim = Claim::Invalid { code: 2 };

/// Run the test with auditors at hand, then all invariants of all pallets.
fn audited(test: impl FnOnce()) {
	build_and_execute(|| {
		enlist_auditors();
		test();
	});
}

fn job(digest: JobDigest) -> crate::Job<AccountId> {
	crate::Jobs::<Test>::get(digest).expect("the job is open")
}

fn state(slot: SlotId) -> SlotState {
	crate::Slots::<Test>::get(slot).expect("the slot is open").state
}

fn mark(digest: JobDigest) -> Result<u32, DispatchError> {
	frame_support::storage::with_storage_layer(|| Jobs::mark_final(digest, NOTICE_BLOCKS))
}

fn notice(digest: JobDigest, auditor: &AccountId) -> Result<SlotId, DispatchError> {
	let worker = WorkerKey::from(audit_worker(auditor).public());
	frame_support::storage::with_storage_layer(|| Jobs::open_audit(digest, auditor.clone(), worker))
}

fn commit_audit(slot: SlotId, claim: Claim) -> Result<DispatchResult, TransactionValidityError> {
	let party = crate::Slots::<Test>::get(slot).unwrap().party;
	commit_by(&audit_worker(&party), slot, &claim)
}

fn reveal_audit(slot: SlotId, claim: Claim) -> Result<DispatchResult, TransactionValidityError> {
	let party = crate::Slots::<Test>::get(slot).unwrap().party;
	reveal_by(&audit_worker(&party), slot, claim)
}

/// A job at half the highest rate whose slot has committed in the first block.
fn committed() -> (JobDigest, SlotId) {
	let (digest, slot) = submit_audited(0, HALF);
	assert_ok!(commit(slot).unwrap());
	(digest, slot)
}

/// The same, marked in block 3: notices are taken until block 9.
fn marked() -> (JobDigest, SlotId) {
	let (digest, slot) = committed();
	roll_to(3);
	assert_eq!(mark(digest), Ok(3 + NOTICE_BLOCKS));
	(digest, slot)
}

/// The same, with the slot of an auditor that has committed to a claim.
fn noticed(claim: Claim) -> (JobDigest, SlotId, SlotId) {
	let (digest, slot) = marked();
	let audit = notice(digest, &auditors()[0]).unwrap();
	assert_ok!(commit_audit(audit, claim).unwrap());
	(digest, slot, audit)
}

/// The same, both revealed: in its window.
fn revealed(claim: Claim) -> (JobDigest, SlotId, SlotId) {
	let (digest, slot, audit) = noticed(claim);
	roll_to(10);
	assert_ok!(reveal(slot).unwrap());
	assert_ok!(reveal_audit(audit, claim).unwrap());
	(digest, slot, audit)
}

fn roll_past_window(digest: JobDigest) {
	let Phase::Window { closes, .. } = job(digest).phase else { panic!("the window is not open") };
	roll_to(closes + 1);
}

fn receipt() -> crate::Receipt<AccountId> {
	let mut receipts = events().into_iter().filter_map(|event| match event {
		Event::JobSettled { receipt, .. } => Some(receipt),
		_ => None,
	});
	receipts.next_back().expect("a receipt")
}

fn pool() -> Balance {
	Balances::total_balance(&PlainAudits::pool())
}

fn error(error: Error<Test>) -> DispatchError {
	error.into()
}

#[test]
fn two_auditors_of_which_one_is_silent() {
	audited(|| {
		let [honest, silent, ..] = auditors();
		let (free, pool_before) = (lease().free, pool());
		let (digest, slot) = submit_audited(0, LAMBDA_ONE);
		let record = job(digest);
		assert_ok!(accept(slot).unwrap());
		roll_to(4);
		assert_ok!(commit(slot).unwrap());
		roll_to(7);
		assert_ok!(mark(digest));
		roll_to(8);
		let first = notice(digest, &honest).unwrap();
		try_state();
		roll_to(10);
		let second = notice(digest, &silent).unwrap();
		assert_ok!(commit_audit(first, true_claim()).unwrap());
		assert_eq!(job(digest).phase, Phase::Claiming, "the second is awaited");
		try_state();

		let SlotState::Assigned { due, .. } = state(second) else { unreachable!() };
		assert!(due > 7 + NOTICE_BLOCKS);
		roll_to(due + 1);
		assert_ok!(dispatch_authorized(Call::lapse { slot: second }.into()).unwrap());
		let reveal_by = due + 1 + TIMING.commit_base;
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: due + 1, reveal_by });
		try_state();
		roll_by(2);
		assert_ok!(reveal_audit(first, true_claim()).unwrap());
		assert_ok!(reveal(slot).unwrap());
		try_state();
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));

		let pledge = record.price_max * AUDIT_PLEDGE_FACTOR;
		assert_eq!(AuditStake::free(&honest), BOND);
		assert_eq!(AuditStake::free(&silent), BOND - pledge);
		assert_eq!(AuditStake::bonded(&silent), BOND - pledge);
		assert_eq!(lease().free, free - record.price_max - record.fee_max);
		assert_eq!(record.fee_max, record.price_max, "at the highest rate");
		assert_eq!(pool(), pool_before, "one job's fee pays one audit");
		assert_eq!(receipt().audits, 1);
		for who in [&honest, &silent] {
			assert!(Jobs::duties_of(who).is_empty());
		}
	});
}

#[test]
fn the_timeline_of_the_audit_docs_is_true() {
	audited(|| {
		jump_to(100);
		beat();
		let (digest, slot) = submit_audited(0, HALF);
		assert_eq!(TIMING.span(0, job(digest).units_max), 1, "the units of this job take a block");
		roll_to(102);
		assert_ok!(commit(slot).unwrap());
		roll_to(109);
		assert_eq!(mark(digest), Ok(115));
		frame_support::hypothetically!({
			roll_to(116);
			assert_noop!(notice(digest, &auditors()[0]), error(Error::NoticesClosed));
			assert_ok!(reveal(slot).unwrap());
		});
		assert_eq!(
			events().last(),
			Some(&Event::CommitPhaseClosed { job: digest, reveal_by: 135 })
		);

		roll_to(112);
		let audit = notice(digest, &auditors()[0]).unwrap();
		assert!(matches!(events().last(), Some(Event::AuditOpened { commit_by: 133, .. })));
		frame_support::hypothetically!({
			roll_to(113);
			assert_ok!(commit_audit(audit, true_claim()).unwrap());
			let phase = Phase::Revealing { closed_at: 115, reveal_by: 135 };
			assert_eq!(job(digest).phase, phase);
		});
		roll_to(124);
		assert_ok!(commit_audit(audit, true_claim()).unwrap());
		assert_eq!(
			events().last(),
			Some(&Event::CommitPhaseClosed { job: digest, reveal_by: 144 })
		);
	});
}

#[test]
fn the_period_is_that_of_the_providers() {
	build_and_execute(|| {
		for block in [1, 19, 20, 21, 100] {
			jump_to(block.max(2));
			assert_eq!(<Jobs as AuditedJobs<_>>::period(), Providers::duty_period());
		}
	});
}
