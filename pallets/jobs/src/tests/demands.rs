//! What becomes of a job while something of it is demanded. Chunks and money are the business of
//! another pallet.

use super::*;
use crate::types::{AuditState, SlotState, LAMBDA_ONE};
use assay_primitives::{
	AccountId, AuditedJobs, Balance, Claims, Item, JobDigest, OwedItems, WorkerKey,
};
use assay_program::Outcome;
use frame_system::RawOrigin;
use sp_core::Pair;
use sp_runtime::DispatchError;

const NOTICE_BLOCKS: u32 = 6;
const INVALID: Claim = Claim::Invalid { code: 2 };

/// A job whose input did not travel with it.
fn submit_stored(lambda_ppb: u32) -> (JobDigest, SlotId) {
	let slot = crate::NextSlot::<Test>::get();
	let input = JobInput::Stored([5; 32].into());
	let origin = signed(tenant());
	assert_ok!(Jobs::submit_job(origin, LeaseId(0), 0, input, parameters(), 0, lambda_ppb, 0));
	(crate::Slots::<Test>::get(slot).unwrap().job, slot)
}

/// The same, committed to the true claim in block 1.
fn committed() -> (JobDigest, SlotId) {
	let (digest, slot) = submit_stored(0);
	assert_ok!(commit(slot).unwrap());
	(digest, slot)
}

/// The same, revealed in block 3: its window closes with block 14.
fn revealed() -> (JobDigest, SlotId) {
	let (digest, slot) = committed();
	roll_to(3);
	assert_ok!(reveal(slot).unwrap());
	(digest, slot)
}

/// An audited job, committed in block 1, marked in block 3: notices are taken until block 9.
fn marked() -> (JobDigest, SlotId) {
	enlist_auditors();
	let (digest, slot) = submit_stored(LAMBDA_ONE);
	assert_ok!(commit(slot).unwrap());
	roll_to(3);
	assert_eq!(Jobs::mark_final(digest, NOTICE_BLOCKS), Ok(9));
	(digest, slot)
}

fn notice(digest: JobDigest, n: usize) -> Result<SlotId, DispatchError> {
	let auditor = auditors()[n].clone();
	let worker = WorkerKey::from(audit_worker(&auditor).public());
	frame_support::storage::with_storage_layer(|| Jobs::open_audit(digest, auditor, worker))
}

fn commit_audit(slot: SlotId, n: usize, claim: &Claim) {
	assert_ok!(commit_by(&audit_worker(&auditors()[n]), slot, claim).unwrap());
}

fn reveal_audit(slot: SlotId, n: usize, claim: Claim) {
	assert_ok!(reveal_by(&audit_worker(&auditors()[n]), slot, claim).unwrap());
}

fn hold(digest: JobDigest, item: Item) -> Result<(), DispatchError> {
	frame_support::storage::with_storage_layer(|| {
		let owed = <Jobs as OwedItems<_>>::owed(digest, item)?;
		assert_eq!(owed.provider, provider());
		assert_eq!(owed.worker, worker_key());
		<Jobs as OwedItems<AccountId>>::hold(digest, item)
	})
}

fn resume(digest: JobDigest) {
	<Jobs as OwedItems<AccountId>>::resume(digest);
}

fn withhold(digest: JobDigest, slot: SlotId) -> u32 {
	<Jobs as OwedItems<AccountId>>::withhold(digest, slot)
}

fn job(digest: JobDigest) -> crate::Job<AccountId> {
	crate::Jobs::<Test>::get(digest).expect("the job is open")
}

fn refused(digest: JobDigest, item: Item, error: Error<Test>) {
	assert_noop!(hold(digest, item), DispatchError::from(error));
}

fn treasury() -> Balance {
	Balances::free_balance(Treasury::get())
}

#[test]
fn what_is_owed_follows_from_the_slot() {
	build_and_execute(|| {
		let (inline, _) = submit(1);
		let origin = signed(tenant());
		let (slot, input) = (crate::NextSlot::<Test>::get(), JobInput::Stored([5; 32].into()));
		assert_ok!(Jobs::submit_job(origin, LeaseId(0), 2, input, parameters(), 0, 0, 0));
		let digest = crate::Slots::<Test>::get(slot).unwrap().job;
		refused(digest, Item::Input, Error::NotOwed);
		assert_ok!(accept(slot).unwrap());
		refused(digest, Item::Input, Error::NotOwed);
		assert_ok!(commit(slot).unwrap());
		refused(digest, Item::Output, Error::NotOwed);
		let owed = <Jobs as OwedItems<_>>::owed(digest, Item::Input).unwrap();
		assert_eq!((owed.slot, owed.digest), (slot, H256([5; 32])));
		assert_eq!(owed.length as usize, sample().input.len());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		let Claim::Output { data, .. } = true_claim() else { panic!("the sample is valid") };
		let owed = <Jobs as OwedItems<_>>::owed(digest, Item::Output).unwrap();
		assert_eq!((owed.slot, owed.digest.0), (slot, data));
		let Outcome::Output { data: output, .. } = sample().outcome else { unreachable!() };
		assert_eq!(owed.length as usize, output.len());

		refused(inline, Item::Input, Error::NotOwed);
		refused(JobDigest::default(), Item::Input, Error::JobUnknown);
	});
}

#[test]
fn an_invalid_input_has_no_output() {
	build_and_execute(|| {
		let (digest, slot) = submit_stored(0);
		assert_ok!(commit_by(&worker(), slot, &INVALID).unwrap());
		roll_by(2);
		assert_ok!(reveal_by(&worker(), slot, INVALID).unwrap());
		refused(digest, Item::Output, Error::NotOwed);
		assert_ok!(hold(digest, Item::Input));
	});
}

#[test]
fn each_item_is_demanded_once_and_one_at_a_time() {
	build_and_execute(|| {
		let (digest, _) = revealed();
		assert_ok!(hold(digest, Item::Input));
		for item in [Item::Input, Item::Output] {
			refused(digest, item, Error::Held);
		}
		assert_eq!(<Jobs as OwedItems<AccountId>>::held(), vec![digest]);
		try_state();
		resume(digest);
		refused(digest, Item::Input, Error::AlreadyDemanded);
		assert_ok!(hold(digest, Item::Output));
		resume(digest);
		refused(digest, Item::Output, Error::AlreadyDemanded);
		assert!(<Jobs as OwedItems<AccountId>>::held().is_empty());
	});
}

#[test]
fn nobody_is_late_while_a_job_is_held() {
	build_and_execute(|| {
		let (digest, slot) = committed();
		roll_to(3);
		assert_ok!(hold(digest, Item::Input));
		roll_to(200);
		assert_refused(Call::lapse { slot }.into(), InvalidTransaction::Future, Error::Held);
		frame_support::hypothetically!({
			assert_ok!(reveal(slot).unwrap());
			assert_eq!(ProviderStake::pledged(&provider(), slot), job(digest).pledge, "on time");
		});
		resume(digest);
		// Two blocks of the time to reveal had passed: it was to end with block 21.
		roll_by(TIMING.commit_base - 2);
		frame_support::hypothetically!({
			assert_ok!(reveal(slot).unwrap());
			assert_eq!(ProviderStake::pledged(&provider(), slot), job(digest).pledge, "on time");
		});
		roll_by(TIMING.reveal_grace);
		assert_refused(Call::lapse { slot }.into(), InvalidTransaction::Future, Error::NotDue);
		roll_by(1);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
	});
}

#[test]
fn a_window_is_as_long_as_without_a_demand() {
	build_and_execute(|| {
		let (digest, slot) = revealed();
		let Phase::Window { closes, length } = job(digest).phase else { panic!("no window") };
		assert_eq!(closes, 3 + length);
		roll_to(closes);
		assert_ok!(hold(digest, Item::Output));
		roll_by(100);
		assert_refused(
			Call::settle { job: digest }.into(),
			InvalidTransaction::Future,
			Error::Held,
		);
		assert_noop!(
			<Jobs as Claims<_, _>>::ensure_disputable(slot),
			DispatchError::from(Error::<Test>::Held)
		);
		assert_noop!(
			<Jobs as Claims<_, _>>::open_dispute(slot),
			DispatchError::from(Error::<Test>::Held)
		);
		assert_eq!(<Jobs as Claims<_, _>>::disputable(8), vec![slot], "work on it may go on");
		resume(digest);
		assert_ok!(<Jobs as Claims<_, _>>::ensure_disputable(slot));
		assert_refused(
			Call::settle { job: digest }.into(),
			InvalidTransaction::Future,
			Error::NotSettleable,
		);
		let view = Jobs::job_view(digest).unwrap();
		let closes_at = closes + 100;
		assert_eq!(view.phase, assay_primitives::apis::JobPhase::Window { closes_at });
		roll_to(closes_at + 1);
		assert_noop!(
			<Jobs as Claims<_, _>>::ensure_disputable(slot),
			DispatchError::from(Error::<Test>::NotDisputable)
		);
		assert_ok!(dispatch_authorized(Call::settle { job: digest }.into()).unwrap());
	});
}

#[test]
fn what_is_due_stays_due() {
	build_and_execute(|| {
		let (digest, slot) = committed();
		roll_to(1 + TIMING.commit_base + TIMING.reveal_grace);
		frame_support::hypothetically!({
			assert_ok!(hold(digest, Item::Input));
		});
		roll_by(1);
		refused(digest, Item::Input, Error::NotOwed);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));

		let (slot, input) = (crate::NextSlot::<Test>::get(), JobInput::Stored([5; 32].into()));
		assert_ok!(Jobs::submit_job(signed(tenant()), LeaseId(0), 1, input, parameters(), 0, 0, 0));
		let digest = crate::Slots::<Test>::get(slot).unwrap().job;
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
		roll_to(closes + 1);
		for item in [Item::Input, Item::Output] {
			refused(digest, item, Error::NotOwed);
		}
	});
}

#[test]
fn no_demand_while_a_claim_is_disputed() {
	build_and_execute(|| {
		let (digest, slot) = revealed();
		assert_ok!(<Jobs as Claims<_, _>>::open_dispute(slot));
		refused(digest, Item::Output, Error::Disputed);
		<Jobs as Claims<_, _>>::close_dispute(slot);
		assert_ok!(hold(digest, Item::Output));
	});
}

#[test]
fn what_is_withheld_costs_the_whole_pledge() {
	for item in [Item::Input, Item::Output] {
		build_and_execute(|| {
			let (free, treasury_before) = (lease().free, treasury());
			let (digest, slot) = match item {
				Item::Input => committed(),
				Item::Output => revealed(),
			};
			let pledge = job(digest).pledge;
			assert_ok!(hold(digest, item));
			roll_by(50);
			assert_eq!(withhold(digest, slot), 1);
			let reason = LapseReason::Withheld;
			assert_eq!(
				events(),
				vec![
					Event::SlotLapsed { slot, job: digest, reason, penalty: pledge },
					Event::JobExpired { job: digest, reason, refund: free - lease_before(free) },
				]
			);
			assert!(crate::Jobs::<Test>::get(digest).is_none());
			assert_eq!(lease().free, free, "the tenant has its price back");
			assert_eq!(ProviderStake::bonded(&provider()), BOND - pledge);
			assert_eq!(treasury(), treasury_before + pledge, "as after any silence");
		});
	}

	/// What the lease had free before the refund, which is the price of the sample job.
	fn lease_before(free: Balance) -> Balance {
		let Some(Event::JobExpired { refund, .. }) = events().pop() else { panic!("not ended") };
		free - refund
	}
}

#[test]
fn an_auditor_is_paid_where_the_audited_withholds() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &true_claim());
		roll_to(10);
		assert_ok!(hold(digest, Item::Input));
		roll_to(60);
		assert_eq!(withhold(digest, slot), 2);
		assert!(matches!(job(digest).phase, Phase::Revealing { .. }));
		try_state();
		reveal_audit(audit, 0, true_claim());
		let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
		roll_to(closes + 51);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert!(matches!(
			events()[..],
			[Event::AuditPaid { .. }, Event::JobExpired { reason: LapseReason::Withheld, .. }]
		));
	});
}

/// What an auditor has at stake: not pledged, and in all.
fn audit_stake(n: usize) -> (Balance, Balance) {
	let who = &auditors()[n];
	(AuditStake::free(who), AuditStake::bonded(who))
}

#[test]
fn an_auditor_that_cannot_compute_loses_nothing() {
	for is_withheld in [true, false] {
		build_and_execute(|| {
			let (digest, slot) = marked();
			let before = audit_stake(0);
			let audit = notice(digest, 0).unwrap();
			assert!(audit_stake(0).0 < before.0);
			assert_ok!(hold(digest, Item::Input));
			roll_to(6);
			match is_withheld {
				true => assert_eq!(withhold(digest, slot), 2),
				false => assert_eq!(<Jobs as OwedItems<AccountId>>::bar(digest), 2),
			}
			assert_eq!(audit_stake(0), before);
			assert_eq!(crate::Jobs::<Test>::contains_key(digest), !is_withheld);
			let freed = |event: &Event<Test>| {
				let reason = LapseReason::NotAccepted;
				let penalty = 0;
				*event == Event::SlotLapsed { slot: audit, job: digest, reason, penalty }
			};
			assert_eq!(events().iter().filter(|event| freed(event)).count(), 1);
			try_state();
			if is_withheld {
				return;
			}
			assert_noop!(notice(digest, 1), DispatchError::from(Error::<Test>::NoticesClosed));
			assert_eq!(Jobs::auditable(JobDigest::default(), 10), []);
			roll_by(10);
			assert_ok!(reveal(slot).unwrap());
			let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
			roll_to(closes + 10);
			assert_ok!(Jobs::settle(signed(stranger()), digest));
			let settled = events().into_iter().find_map(|event| match event {
				Event::JobSettled { receipt, .. } => Some(receipt),
				_ => None,
			});
			assert_eq!(settled.unwrap().assurance, crate::types::Assurance::Unaudited);
		});
	}
}

#[test]
fn what_is_barred_before_its_mark_is_marked_all_the_same() {
	build_and_execute(|| {
		enlist_auditors();
		let (digest, slot) = submit_stored(LAMBDA_ONE);
		assert_ok!(commit(slot).unwrap());
		assert_ok!(hold(digest, Item::Input));
		roll_to(3);
		<Jobs as OwedItems<AccountId>>::bar(digest);
		assert!(Jobs::audited(digest).is_some());
		assert_ok!(Jobs::mark_final(digest, NOTICE_BLOCKS));
		try_state();
		assert_noop!(notice(digest, 0), DispatchError::from(Error::<Test>::NoticesClosed));
		roll_by(10);
		assert_ok!(reveal(slot).unwrap());
	});
}

#[test]
fn a_held_job_stays_listed_for_as_long_as_notices_are_taken() {
	build_and_execute(|| {
		enlist_auditors();
		let (digest, slot) = submit_stored(LAMBDA_ONE);
		assert_ok!(commit(slot).unwrap());
		assert_ok!(hold(digest, Item::Input));
		// By the chain's clock the notices of this mark would be over before it.
		roll_to(30);
		assert_ok!(Jobs::mark_final(digest, NOTICE_BLOCKS));
		assert_eq!(Jobs::auditable(JobDigest::default(), 10), [digest]);
		try_state();
		resume(digest);
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &true_claim());
		assert_eq!(Jobs::auditable(JobDigest::default(), 10), [digest]);
		assert_ok!(notice(digest, 1));
		try_state();
	});
}

#[test]
fn what_was_held_does_not_shorten_the_time_of_traps() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &INVALID);
		assert_ok!(hold(digest, Item::Input));
		roll_by(20);
		resume(digest);
		roll_by(10);
		assert_ok!(reveal(slot).unwrap());
		reveal_audit(audit, 0, INVALID);
		let rivals = [slot, audit];
		assert_eq!(
			<Jobs as Claims<_, _>>::ensure_opposable(rivals),
			Err(DispatchError::from(Error::<Test>::TrapsComeFirst))
		);
		roll_by(TIMING.trap_blocks);
		assert_ok!(<Jobs as Claims<_, _>>::ensure_opposable(rivals));
	});
}

#[test]
fn a_jackpot_ends_with_the_claim_that_it_was_promised_for() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &true_claim());
		roll_to(10);
		assert_ok!(reveal(slot).unwrap());
		reveal_audit(audit, 0, true_claim());
		crate::Jackpots::<Test>::insert(digest, UNIT);
		roll_by(TIMING.trap_blocks);
		assert_ok!(hold(digest, Item::Output));
		withhold(digest, slot);
		try_state();
	});
}

#[test]
fn a_job_ends_where_all_others_are_guilty() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &INVALID);
		roll_to(10);
		assert_ok!(reveal(slot).unwrap());
		reveal_audit(audit, 0, INVALID);
		// A trap would make it another output.
		refused(digest, Item::Output, Error::TrapsComeFirst);
		roll_by(TIMING.trap_blocks);
		assert_ok!(<Jobs as Claims<_, _>>::open_dispute(audit));
		<Jobs as Claims<_, _>>::convict(audit, 0);
		<Jobs as Claims<_, _>>::close_dispute(audit);
		assert_ok!(hold(digest, Item::Output));
		withhold(digest, slot);
		assert!(matches!(events().last(), Some(Event::JobExpired { .. })));
		assert!(crate::Jobs::<Test>::get(digest).is_none());
	});
}

#[test]
fn notices_are_taken_meanwhile_and_no_reveal_comes_before_their_end() {
	for held_at in [4, 9] {
		build_and_execute(|| {
			let (digest, slot) = marked();
			roll_to(held_at);
			assert_ok!(hold(digest, Item::Input));
			roll_to(30);
			// Notices go on for ever, so no block may be named that lies before their end.
			for number in [held_at, 9, 10, 29, 30, 30 + 9 - held_at] {
				let anchor = Anchor { number, hash: hash_of(number) };
				let call = reveal_call(slot, true_claim(), SALT, anchor, &worker());
				assert!(dispatch_authorized(call).is_err(), "held at {held_at}, named {number}");
			}
			let audited = <Jobs as AuditedJobs<_>>::audited(digest).unwrap();
			assert_eq!(audited.notices_until, Some(30 + 9 - held_at), "by the chain's clock");
			let audit = notice(digest, 0).unwrap();
			roll_to(35);
			commit_audit(audit, 0, &true_claim());
			let Phase::Revealing { closed_at, .. } = job(digest).phase else { panic!("open") };
			assert_eq!(closed_at, 35 + 9 - held_at);
			roll_to(40);
			resume(digest);
			roll_by(9 - held_at);
			assert_ok!(notice(digest, 1).map(|late| {
				commit_audit(late, 1, &true_claim());
			}));
			let last = 40 + 9 - held_at;
			assert_eq!(anchor_of(slot).number, last);
			roll_to(last + 1);
			assert_noop!(notice(digest, 2), DispatchError::from(Error::<Test>::NoticesClosed));
			assert_ok!(reveal(slot).unwrap());
			try_state();
		});
	}
}

#[test]
fn reveals_are_taken_meanwhile_on_a_block_that_does_not_move() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &true_claim());
		roll_to(11);
		assert_ok!(hold(digest, Item::Input));
		for block in [12, 20, 40] {
			roll_to(block);
			assert_eq!(anchor_of(slot).number, 9);
		}
		assert_ok!(reveal(slot).unwrap());
		roll_to(45);
		resume(digest);
		// As after a pause: a later block, in which nothing happened to the slots.
		assert_eq!(anchor_of(audit).number, 43);
		reveal_audit(audit, 0, true_claim());
		assert!(matches!(job(digest).phase, Phase::Window { .. }));
	});
}

#[test]
fn a_commitment_that_comes_meanwhile_closes_the_phase_in_its_own_block() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		roll_to(9);
		let audit = notice(digest, 0).unwrap();
		roll_to(12);
		assert_ok!(hold(digest, Item::Input));
		roll_to(90);
		assert_refused(Call::lapse { slot: audit }.into(), InvalidTransaction::Future, Error::Held);
		commit_audit(audit, 0, &true_claim());
		let reveal_by = 12 + TIMING.commit_base;
		// A block before the commitment would prove nothing about the chain that it is on.
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 90, reveal_by });
		roll_to(91);
		assert_ok!(reveal(slot).unwrap());
		resume(digest);
		reveal_audit(audit, 0, true_claim());
	});
}

#[test]
fn the_mark_may_come_meanwhile() {
	build_and_execute(|| {
		enlist_auditors();
		let (digest, slot) = submit_stored(LAMBDA_ONE);
		assert_ok!(commit(slot).unwrap());
		assert_ok!(hold(digest, Item::Input));
		roll_to(20);
		assert_eq!(Jobs::mark_final(digest, NOTICE_BLOCKS), Ok(20 + NOTICE_BLOCKS));
		let marked = AuditState::Marked { committed_at: 1, slot, until: 1 + NOTICE_BLOCKS };
		assert_eq!(job(digest).audit, marked);
		roll_to(30);
		assert_ok!(notice(digest, 0));
		try_state();
		frame_support::hypothetically!({
			withhold(digest, slot);
			try_state();
		});
		resume(digest);
	});
}

#[test]
fn a_pause_within_a_hold_moves_nothing_twice() {
	build_and_execute(|| {
		let (digest, slot) = revealed();
		let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
		roll_to(5);
		assert_ok!(hold(digest, Item::Input));
		roll_to(10);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		refused(digest, Item::Output, Error::Paused);
		roll_to(110);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
		roll_to(120);
		resume(digest);
		// Held from 5 to 120, of which jobs were paused for a hundred.
		assert_eq!(Jobs::clock_view(), (false, 20));
		roll_to(closes + 115);
		assert_ok!(<Jobs as Claims<_, _>>::ensure_disputable(slot));
		roll_by(1);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
	});
}

#[test]
fn a_slot_that_lapsed_owes_nothing() {
	build_and_execute(|| {
		let (digest, slot) = marked();
		let audit = notice(digest, 0).unwrap();
		commit_audit(audit, 0, &true_claim());
		roll_to(10);
		reveal_audit(audit, 0, true_claim());
		roll_to(9 + TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert!(matches!(crate::Slots::<Test>::get(slot).unwrap().state, SlotState::Lapsed { .. }));
		// The auditor's claim stands, but it never promised to show anything.
		for item in [Item::Input, Item::Output] {
			refused(digest, item, Error::NotOwed);
		}
	});
}
