//! The first commitment of an audited job, until it is marked final and after.

use super::*;

#[test]
fn is_awaited_for_as_long_as_finality_takes() {
	audited(|| {
		let (digest, slot) = committed();
		assert_eq!(job(digest).phase, Phase::Claiming);
		assert_eq!(job(digest).audit, AuditState::Awaiting { committed_at: 1, slot });
		assert!(!events().iter().any(|event| matches!(event, Event::CommitPhaseClosed { .. })));
		let expected = AuditedJob {
			model: assay_primitives::ModelId(0),
			slot,
			party: provider(),
			worker: worker_key(),
			submitted_at: job(digest).submitted_at,
			committed_at: 1,
			period: 0,
			lambda_ppb: HALF,
			notices_until: None,
		};
		assert_eq!(Jobs::audited(digest), Some(expected));
		try_state();

		roll_to(500);
		let anchor = Anchor { number: 1, hash: hash_of(1) };
		assert_refused(
			reveal_call(slot, true_claim(), SALT, anchor, &worker()),
			InvalidTransaction::Future,
			Error::CommitPhaseOpen,
		);
		let lapse = Call::lapse { slot }.into();
		assert_refused(lapse, InvalidTransaction::Future, Error::NotDue);
		assert_noop!(notice(digest, &auditors()[0]), error(Error::NoticesClosed));
		assert_eq!(mark(digest), Ok(500 + NOTICE_BLOCKS));
		roll_to(500 + NOTICE_BLOCKS + 1);
		assert_ok!(reveal(slot).unwrap());
	});
}

#[test]
fn closes_the_commit_phase_ahead() {
	audited(|| {
		let (digest, slot) = marked();
		let (until, reveal_by) = (9, 9 + TIMING.commit_base);
		assert_eq!(job(digest).audit, AuditState::Marked { committed_at: 1, slot, until });
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: until, reveal_by });
		assert_eq!(
			events(),
			vec![
				Event::NoticesOpened { job: digest, notices_until: until },
				Event::CommitPhaseClosed { job: digest, reveal_by },
			]
		);
		assert_eq!(Jobs::audited(digest).unwrap().notices_until, Some(until));
		let view = Jobs::job_view(digest).unwrap();
		assert_eq!(view.phase, JobPhase::Revealing { closed_at: until });
		let audit = AuditView::Marked { slot, committed_at: 1, notices_until: until };
		assert_eq!((view.audit, view.lambda_ppb), (audit, HALF));

		let call = |number| {
			let anchor = Anchor { number, hash: hash_of(number) };
			reveal_call(slot, true_claim(), SALT, anchor, &worker())
		};
		for block in 3..until {
			roll_to(block);
			for number in [1, 2, block - 1, until] {
				assert_refused(call(number), InvalidTransaction::Future, Error::CommitPhaseOpen);
			}
		}
		// Nothing can name the block that is being made.
		roll_to(until);
		assert_refused(call(until), custom(Error::AnchorWrong), Error::AnchorWrong);
		roll_to(until + 1);
		assert_refused(call(until - 1), custom(Error::AnchorWrong), Error::AnchorWrong);
		assert_eq!(Jobs::audited(digest), None);
		assert_ok!(dispatch_authorized(call(until)).unwrap());
	});
}

#[test]
fn fails_where_none_is_awaited() {
	audited(|| {
		assert_noop!(mark(JobDigest::default()), error(Error::JobUnknown));
		let (unaudited, slot) = submit_audited(0, 0);
		assert_noop!(mark(unaudited), error(Error::NoMarkAwaited));
		assert_ok!(commit(slot).unwrap());
		assert_noop!(mark(unaudited), error(Error::NoMarkAwaited));
		let (digest, slot) = submit_audited(1, HALF);
		assert_noop!(mark(digest), error(Error::NoMarkAwaited));
		assert_ok!(accept(slot).unwrap());
		assert_noop!(mark(digest), error(Error::NoMarkAwaited));
		assert_ok!(commit(slot).unwrap());
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		assert_noop!(mark(digest), error(Error::Paused));
		assert_eq!(Jobs::audited(digest), None);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
		assert_ok!(mark(digest));
		assert_noop!(mark(digest), error(Error::NoMarkAwaited));
	});
}

#[test]
fn waits_for_a_second_slot_too() {
	audited(|| {
		enlarge_market();
		let (digest, slot) = submit_audited(0, HALF);
		let second = add_slot(digest, other_provider());
		assert_ok!(commit(slot).unwrap());
		roll_to(3);
		assert_ok!(mark(digest));
		assert_eq!(job(digest).phase, Phase::Claiming, "the second may still commit");
		try_state();
		assert_ok!(commit_by(&other_worker(), second, &true_claim()).unwrap());
		assert_eq!(job(digest).audit, AuditState::Marked { committed_at: 1, slot, until: 9 });
		assert!(matches!(job(digest).phase, Phase::Revealing { closed_at: 9, .. }));
	});
}

#[test]
fn is_not_awaited_of_a_job_that_nobody_committed() {
	audited(|| {
		let free = lease().free;
		let (digest, slot) = submit_audited(0, HALF);
		roll_to(2 + TIMING.accept);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		let refund = events().into_iter().find_map(|event| match event {
			Event::JobExpired { job, refund, .. } if job == digest => Some(refund),
			_ => None,
		});
		assert!(refund.is_some());
		assert_eq!(lease().free, free, "price and fee are back");
	});
}

#[test]
fn a_few_of_those_who_await_it_are_named() {
	audited(|| {
		let (first, _) = committed();
		submit_audited(1, HALF);
		let (second, slot) = submit_audited(2, HALF);
		assert_ok!(commit(slot).unwrap());
		let mut open = vec![first, second];
		open.sort();
		let listed = |count| Jobs::auditable(JobDigest::default(), count);
		assert_eq!(listed(16), open);
		assert_eq!(listed(1), open[..1]);
		assert_eq!(listed(0), vec![]);
		// Another start, another first one; those before it come last.
		assert_eq!(Jobs::auditable(open[0], 1), open[1..]);
		assert_eq!(Jobs::auditable(open[0], 2), open);
		assert_eq!(Jobs::auditable(open[1], 1), open[..1]);
		roll_to(3);
		assert_ok!(mark(first));
		assert_eq!(listed(16), open);
		roll_to(10);
		assert_eq!(listed(16), vec![second], "no notice is taken any more");
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		assert_eq!(listed(16), vec![]);
	});
}

#[test]
fn is_looked_for_only_where_it_or_notices_are_awaited() {
	audited(|| {
		let listed = |digest| crate::AwaitingAudit::<Test>::contains_key(digest);
		let (unaudited, plain) = submit_audited(7, 0);
		let (digest, slot) = submit_audited(8, HALF);
		assert_ok!(commit(plain).unwrap());
		assert!(!listed(unaudited) && !listed(digest));
		assert_ok!(commit(slot).unwrap());
		assert!(listed(digest));
		roll_to(3);
		assert_ok!(mark(digest));
		assert!(listed(digest));
		try_state();
		// Nothing happens when notices are over: its next step is what ends it.
		roll_to(3 + NOTICE_BLOCKS + 1);
		assert!(listed(digest));
		try_state();
		assert_ok!(reveal(slot).unwrap());
		assert!(!listed(digest));
		// One that ends before anybody marked it leaves nothing either.
		let (other, slot) = submit_audited(9, HALF);
		assert_ok!(commit(slot).unwrap());
		assert!(listed(other));
		crate::Pallet::<Test>::refund(other, &job(other));
		assert!(!listed(other));
	});
}
