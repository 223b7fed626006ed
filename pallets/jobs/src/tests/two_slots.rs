//! Jobs with two slots, as replicas and audits will have them. No call opens a second slot yet, so
//! these tests push one into a submitted job.

use super::*;
use crate::types::SlotState;
use assay_primitives::{Balance, JobDigest};
use sp_runtime::DispatchResult;

/// A job with a slot of each provider.
fn submit_two() -> (JobDigest, SlotId, SlotId) {
	enlarge_market();
	let (job, first) = submit(0);
	(job, first, add_slot(job, other_provider()))
}

/// Both commit in block 1, so reveals may follow.
fn commit_two() -> (JobDigest, SlotId, SlotId) {
	let (job, first, second) = submit_two();
	assert_ok!(commit(first).unwrap());
	assert_ok!(commit_second(second).unwrap());
	roll_by(2);
	(job, first, second)
}

fn commit_second(slot: SlotId) -> Result<DispatchResult, TransactionValidityError> {
	commit_by(&other_worker(), slot, &true_claim())
}

fn reveal_second(slot: SlotId) -> Result<DispatchResult, TransactionValidityError> {
	reveal_by(&other_worker(), slot, true_claim())
}

fn phase(job: JobDigest) -> Phase {
	crate::Jobs::<Test>::get(job).unwrap().phase
}

fn pledge_of(job: JobDigest) -> Balance {
	crate::Jobs::<Test>::get(job).unwrap().pledge
}

fn treasury() -> Balance {
	Balances::free_balance(Treasury::get())
}

/// The block after the window.
fn roll_past_window(job: JobDigest) {
	let Phase::Window { closes, .. } = phase(job) else { panic!("the window is not open") };
	roll_to(closes + 1);
}

fn receipt() -> crate::Receipt<assay_primitives::AccountId> {
	let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
	receipt
}

#[test]
fn the_commit_phase_closes_with_the_last_commitment() {
	build_and_execute(|| {
		let (job, first, second) = submit_two();
		assert_ok!(commit(first).unwrap());
		assert_eq!(phase(job), Phase::Claiming);
		try_state();
		roll_by(4);
		assert_ok!(commit_second(second).unwrap());
		let reveal_by = 5 + TIMING.commit_base;
		assert_eq!(phase(job), Phase::Revealing { closed_at: 5, reveal_by });
		assert_eq!(events().pop(), Some(Event::CommitPhaseClosed { job, reveal_by }));
		for (who, slot) in [(provider(), first), (other_provider(), second)] {
			assert_eq!(ProviderStake::pledged(&who, slot), pledge_of(job), "each pledges in full");
		}
	});
}

#[test]
fn nothing_is_revealed_and_nobody_is_late_while_the_commit_phase_is_open() {
	build_and_execute(|| {
		let (_, first, _) = submit_two();
		assert_ok!(commit(first).unwrap());
		roll_by(2);
		let anchor = Anchor { number: 1, hash: hash_of(1) };
		assert_refused(
			reveal_call(first, true_claim(), SALT, anchor, &worker()),
			InvalidTransaction::Future,
			Error::CommitPhaseOpen,
		);
		// However long the other takes: its own deadline runs, not that of the first.
		roll_by(TIMING.commit_base + TIMING.reveal_grace + 10);
		assert_refused(
			Call::lapse { slot: first }.into(),
			InvalidTransaction::Future,
			Error::NotDue,
		);
	});
}

#[test]
fn a_commitment_cannot_be_copied_to_another_slot() {
	build_and_execute(|| {
		let (job, first, second) = submit_two();
		let copied = commitment_of(&job, first, &true_claim());
		assert_ok!(commit(first).unwrap());
		assert_ok!(dispatch_authorized(commit_call(second, copied, &other_worker())).unwrap());
		roll_by(2);
		assert_ok!(reveal(first).unwrap());
		// The copier sees claim and salt, and still cannot open what it has posted.
		assert_refused(
			reveal_call(second, true_claim(), SALT, anchor_of(second), &other_worker()),
			custom(Error::CommitmentMismatch),
			Error::CommitmentMismatch,
		);
	});
}

#[test]
fn a_slot_that_nobody_accepted_closes_the_phase_by_lapsing() {
	build_and_execute(|| {
		let (job, first, second) = submit_two();
		assert_ok!(commit(first).unwrap());
		roll_to(2 + TIMING.accept);
		let paid = treasury();
		assert_ok!(Jobs::lapse(signed(stranger()), second));
		assert_eq!(treasury(), paid, "nothing is lost before acceptance");
		let closed_at = 2 + TIMING.accept;
		let reveal_by = closed_at + TIMING.commit_base;
		assert_eq!(phase(job), Phase::Revealing { closed_at, reveal_by });
		assert_refused(
			Call::lapse { slot: second }.into(),
			InvalidTransaction::Stale,
			Error::SlotClosed,
		);
		assert_eq!(
			commit_second(second),
			Err(InvalidTransaction::Stale.into()),
			"no slot opens again"
		);
		try_state();

		roll_by(2);
		assert_ok!(reveal(first).unwrap());
		roll_past_window(job);
		assert_ok!(Jobs::settle(signed(stranger()), job));
		assert_eq!(receipt().slot, first);
	});
}

#[test]
fn an_accepted_slot_without_commitment_loses_all_where_another_relies_on_it() {
	build_and_execute(|| {
		let (job, first, second) = submit_two();
		let (pledge, paid) = (pledge_of(job), treasury());
		assert_ok!(dispatch_authorized(accept_call(second, &other_worker())).unwrap());
		assert_ok!(commit(first).unwrap());
		let units = crate::Jobs::<Test>::get(job).unwrap().units_max;
		roll_to(2 + TIMING.span(TIMING.commit_base, units));
		assert_ok!(Jobs::lapse(signed(stranger()), second));
		let reason = LapseReason::NotCommitted;
		assert_eq!(
			events()[0],
			Event::SlotLapsed { slot: second, job, reason, penalty: pledge },
			"the whole pledge"
		);
		assert_eq!(treasury(), paid + pledge);
		assert_eq!(ProviderStake::bonded(&other_provider()), BOND - pledge);
		assert_eq!(ProviderStake::free(&other_provider()), BOND - pledge);
		assert_eq!(ProviderStake::pledged(&provider(), first), pledge, "the other keeps its own");
	});
}

#[test]
fn a_committed_slot_without_reveal_loses_all_where_another_relies_on_it() {
	build_and_execute(|| {
		let (job, first, second) = commit_two();
		let (pledge, paid) = (pledge_of(job), treasury());
		assert_ok!(reveal_second(second).unwrap());
		assert!(matches!(phase(job), Phase::Revealing { .. }), "one reveal is missing");
		roll_to(1 + TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), first));
		let reason = LapseReason::NotRevealed;
		assert_eq!(events()[0], Event::SlotLapsed { slot: first, job, reason, penalty: pledge });
		assert!(matches!(events()[1], Event::WindowOpened { .. }), "the claim of the other stands");
		assert_eq!(treasury(), paid + pledge);
		try_state();

		let earned = Balances::free_balance(other_provider());
		roll_past_window(job);
		assert_ok!(Jobs::settle(signed(stranger()), job));
		let receipt = receipt();
		assert_eq!((receipt.slot, receipt.provider), (second, other_provider()));
		assert!(Balances::free_balance(other_provider()) > earned, "who revealed is paid");
	});
}

#[test]
fn a_late_reveal_costs_a_tenth_there_too() {
	build_and_execute(|| {
		let (job, first, second) = commit_two();
		assert_ok!(reveal(first).unwrap());
		roll_to(1 + TIMING.commit_base + 1);
		assert_ok!(reveal_second(second).unwrap());
		let (pledge, penalty) = (pledge_of(job), types::late_penalty(pledge_of(job)));
		assert_eq!(ProviderStake::pledged(&other_provider(), second), pledge - penalty);
		assert_eq!(ProviderStake::pledged(&provider(), first), pledge);
		assert!(matches!(phase(job), Phase::Window { .. }));
	});
}

#[test]
fn nothing_settles_while_one_slot_is_open() {
	build_and_execute(|| {
		let (job, first, second) = commit_two();
		assert_ok!(reveal(first).unwrap());
		// Longer than the window would be if the first reveal had opened it.
		roll_to(1 + TIMING.commit_base);
		assert_refused(
			Call::settle { job }.into(),
			InvalidTransaction::Future,
			Error::NotSettleable,
		);
		assert_ok!(reveal_second(second).unwrap());
		assert_refused(
			Call::settle { job }.into(),
			InvalidTransaction::Future,
			Error::NotSettleable,
		);
		roll_past_window(job);
		assert_ok!(Jobs::settle(signed(stranger()), job));
	});
}

#[test]
fn a_settlement_pays_one_claim_and_frees_both_pledges() {
	build_and_execute(|| {
		let (job, first, second) = commit_two();
		let record = crate::Jobs::<Test>::get(job).unwrap();
		// The second is the first to reveal; the first slot is paid all the same.
		assert_ok!(reveal_second(second).unwrap());
		assert_ok!(reveal(first).unwrap());
		roll_past_window(job);
		let before = [provider(), other_provider()].map(Balances::free_balance);
		assert_ok!(Jobs::settle(signed(stranger()), job));

		let receipt = receipt();
		assert_eq!((receipt.slot, receipt.provider), (first, provider()));
		assert_eq!(receipt.price, record.price_max, "the price is paid once");
		let after = [provider(), other_provider()].map(Balances::free_balance);
		assert!(after[0] > before[0]);
		assert_eq!(after[1], before[1]);
		for who in [provider(), other_provider()] {
			assert_eq!(ProviderStake::free(&who), BOND);
			assert!(Jobs::duties_of(&who).is_empty());
		}
		for slot in [first, second] {
			assert!(crate::Slots::<Test>::get(slot).is_none());
		}
	});
}

#[test]
fn a_job_ends_with_its_last_slot() {
	build_and_execute(|| {
		let free = lease().free;
		let (job, first, second) = submit_two();
		roll_to(2 + TIMING.accept);
		assert_ok!(Jobs::lapse(signed(stranger()), first));
		assert_eq!(
			crate::Slots::<Test>::get(first).unwrap().state,
			SlotState::Lapsed { reason: LapseReason::NotAccepted }
		);
		assert_eq!(phase(job), Phase::Claiming, "one slot is left");
		try_state();
		assert_ok!(Jobs::lapse(signed(stranger()), second));
		assert!(matches!(events().pop(), Some(Event::JobExpired { .. })));
		assert_eq!(lease().free, free);
		assert!(crate::Slots::<Test>::iter().next().is_none());
	});
}
