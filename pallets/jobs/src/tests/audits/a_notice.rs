//! The slot that a notice opens, and when none is opened.

use super::*;

#[test]
fn opens_a_pledged_slot_and_the_commit_phase_again() {
	audited(|| {
		let (digest, slot) = marked();
		let auditor = auditors()[0].clone();
		roll_by(1);
		let audit = notice(digest, &auditor).unwrap();
		let record = job(digest);
		assert_eq!(record.phase, Phase::Claiming);
		assert_eq!(record.slots.to_vec(), vec![slot, audit]);
		let pledge = record.price_max * AUDIT_PLEDGE_FACTOR;
		let due = 4 + TIMING.span(TIMING.commit_base, record.units_max);
		let opened = crate::Slots::<Test>::get(audit).unwrap();
		assert_eq!(opened.state, SlotState::Assigned { accepted: true, due });
		assert_eq!((opened.role, opened.pledge), (SlotRole::Audit, pledge));
		assert_eq!(AuditStake::pledged(&auditor, audit), pledge);
		assert_eq!(ProviderStake::free(&auditor), BOND, "its bond is for jobs");
		let worker = WorkerKey::from(audit_worker(&auditor).public());
		assert!(crate::WorkerDuties::<Test>::contains_key(&worker, audit));
		assert_eq!(Jobs::duties_of(&auditor), vec![audit]);
		assert_eq!(crate::OpenSlots::<Test>::get(&auditor), 0, "and costs it no job");
		let event = Event::AuditOpened {
			slot: audit,
			job: digest,
			auditor: auditor.clone(),
			worker,
			pledge,
			commit_by: due,
		};
		assert_eq!(events(), vec![event]);
		let view = Jobs::job_view(digest).unwrap();
		assert_eq!(view.phase, JobPhase::Claiming);
		let roles: Vec<_> = view.slots.iter().map(|slot| (slot.role, slot.pledge)).collect();
		assert_eq!(roles, vec![(SlotRole::Assigned, record.pledge), (SlotRole::Audit, pledge)]);
		// Bound like any other.
		assert_eq!(
			Providers::leave(signed(auditor)),
			Err(pallet_providers::Error::<Test>::StillEngaged.into())
		);
	});
}

#[test]
fn is_taken_until_the_last_block() {
	audited(|| {
		let (digest, _) = marked();
		roll_to(9);
		frame_support::hypothetically!({
			assert_ok!(notice(digest, &auditors()[0]));
		});
		roll_to(10);
		assert_noop!(notice(digest, &auditors()[0]), error(Error::NoticesClosed));
	});
}

#[test]
fn fails_for_a_job_that_takes_none() {
	audited(|| {
		let auditor = &auditors()[0];
		assert_noop!(notice(JobDigest::default(), auditor), error(Error::JobUnknown));
		let (unaudited, slot) = submit_audited(0, 0);
		assert_ok!(commit(slot).unwrap());
		assert_noop!(notice(unaudited, auditor), error(Error::NoticesClosed));
		let (digest, slot) = submit_audited(1, HALF);
		assert_noop!(notice(digest, auditor), error(Error::NoticesClosed));
		assert_ok!(commit(slot).unwrap());
		assert_noop!(notice(digest, auditor), error(Error::NoticesClosed));
		assert_ok!(mark(digest));
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		assert_noop!(notice(digest, auditor), error(Error::Paused));
	});
}

#[test]
fn fails_for_a_party_of_the_job() {
	audited(|| {
		let (digest, _) = marked();
		assert_ok!(AuditStake::bond(signed(provider()), BOND));
		assert_noop!(notice(digest, &provider()), error(Error::AlreadyAParty));
		assert_ok!(notice(digest, &auditors()[0]));
		assert_noop!(notice(digest, &auditors()[0]), error(Error::AlreadyAParty));
		assert_ok!(notice(digest, &auditors()[1]));
	});
}

#[test]
fn fails_when_the_audit_stake_does_not_cover_the_pledge() {
	audited(|| {
		let (digest, _) = marked();
		let pledge = job(digest).price_max * AUDIT_PLEDGE_FACTOR;
		let [auditor, ..] = auditors();
		let elsewhere = SlotId(u64::MAX);
		assert_ok!(AuditStake::pledge(&auditor, elsewhere, BOND - pledge + 1));
		assert_noop!(notice(digest, &auditor), error(Error::AuditStakeTooLow));
		AuditStake::release(&auditor, elsewhere);
		assert_ok!(AuditStake::pledge(&auditor, elsewhere, BOND - pledge));
		assert_ok!(notice(digest, &auditor));
		AuditStake::release(&auditor, elsewhere);
	});
}

#[test]
fn fails_beyond_the_bound_that_is_never_met() {
	audited(|| {
		let (digest, slot) = marked();
		crate::Jobs::<Test>::mutate(digest, |job| {
			let job = job.as_mut().unwrap();
			job.slots = vec![slot; SLOTS_MAX as usize].try_into().unwrap();
		});
		assert_noop!(notice(digest, &auditors()[0]), error(Error::TooManySlots));
		crate::Jobs::<Test>::mutate(digest, |job| job.as_mut().unwrap().slots.pop());
		frame_support::hypothetically!({
			assert_ok!(notice(digest, &auditors()[0]));
		});
		crate::Jobs::<Test>::mutate(digest, |job| job.as_mut().unwrap().slots.truncate(1));
	});
}

#[test]
fn costs_the_whole_pledge_where_no_commitment_follows() {
	audited(|| {
		let (digest, slot) = marked();
		let [auditor, ..] = auditors();
		let audit = notice(digest, &auditor).unwrap();
		let SlotState::Assigned { due, .. } = state(audit) else { unreachable!() };
		let treasury = Balances::free_balance(Treasury::get());
		roll_to(due);
		assert_noop!(Jobs::lapse(signed(stranger()), audit), Error::<Test>::NotDue);
		roll_to(due + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), audit));
		let pledge = job(digest).price_max * AUDIT_PLEDGE_FACTOR;
		let reason = LapseReason::NotCommitted;
		let reveal_by = due + 1 + TIMING.commit_base;
		assert_eq!(
			events(),
			vec![
				Event::SlotLapsed { slot: audit, job: digest, reason, penalty: pledge },
				Event::CommitPhaseClosed { job: digest, reveal_by },
			]
		);
		assert_eq!(AuditStake::bonded(&auditor), BOND - pledge);
		assert_eq!(AuditStake::free(&auditor), BOND - pledge);
		assert_eq!(Balances::free_balance(Treasury::get()), treasury + pledge);
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: due + 1, reveal_by });
		roll_by(1);
		assert_ok!(reveal(slot).unwrap());
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert_eq!((receipt().audits, receipt().assurance), (0, Assurance::Audited));
	});
}

#[test]
fn does_not_close_the_phase_early_where_the_auditor_is_quick() {
	audited(|| {
		let (digest, _, _) = noticed(true_claim());
		let reveal_by = 9 + TIMING.commit_base;
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 9, reveal_by });
		// Another may follow all the same.
		roll_to(9);
		let second = notice(digest, &auditors()[1]).unwrap();
		assert_eq!(job(digest).phase, Phase::Claiming);
		roll_to(15);
		assert_ok!(commit_audit(second, true_claim()).unwrap());
		let reveal_by = 15 + TIMING.commit_base;
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 15, reveal_by });
	});
}
