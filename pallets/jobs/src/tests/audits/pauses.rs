//! What a pause makes of the time for notices and of the block that reveals name.

use super::*;

fn pause_for(blocks: u32) {
	assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
	roll_by(blocks);
	assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));
}

#[test]
fn in_the_middle_of_notices_moves_their_end() {
	audited(|| {
		let (digest, slot) = marked();
		roll_to(5);
		pause_for(100);
		// Clock 5 in block 105: four more blocks for notices.
		assert_eq!(crate::JobClock::<Test>::get(), Clock { offset: 100, paused_since: None });
		let view = Jobs::job_view(digest).unwrap();
		assert_eq!(view.phase, JobPhase::Revealing { closed_at: 109 });
		let audit = AuditView::Marked { slot, committed_at: 1, notices_until: 109 };
		assert_eq!(view.audit, audit);
		let call = |number| {
			let anchor = Anchor { number, hash: hash_of(number) };
			reveal_call(slot, true_claim(), SALT, anchor, &worker())
		};
		for number in [9, 105, 109] {
			assert_refused(call(number), InvalidTransaction::Future, Error::CommitPhaseOpen);
		}
		roll_to(109);
		frame_support::hypothetically!({
			assert_ok!(notice(digest, &auditors()[0]));
			try_state();
		});
		assert_refused(call(9), custom(Error::AnchorWrong), Error::AnchorWrong);
		roll_to(110);
		assert_noop!(notice(digest, &auditors()[0]), error(Error::NoticesClosed));
		// The block in which notices would have ended is before those that followed the pause.
		assert_refused(call(9), custom(Error::AnchorWrong), Error::AnchorWrong);
		let late = 109 + TIMING.commit_base;
		roll_to(late);
		frame_support::hypothetically!({
			assert_ok!(dispatch_authorized(call(109)).unwrap());
			assert_eq!(ProviderStake::pledged(&provider(), slot), job(digest).pledge);
		});
		roll_to(late + 1);
		assert_ok!(dispatch_authorized(call(109)).unwrap());
		assert!(ProviderStake::pledged(&provider(), slot) < job(digest).pledge, "late");
	});
}

#[test]
fn after_notices_a_later_block_is_named() {
	audited(|| {
		let (digest, slot, audit) = noticed(true_claim());
		roll_to(11);
		assert_ok!(reveal(slot).unwrap());
		pause_for(50);
		assert_eq!(anchor_of(audit).number, 59);
		let anchor = Anchor { number: 9, hash: hash_of(9) };
		let stale = reveal_call(audit, true_claim(), SALT, anchor, &audit_worker(&auditors()[0]));
		assert_refused(stale, custom(Error::AnchorWrong), Error::AnchorWrong);
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		assert!(matches!(job(digest).phase, Phase::Window { .. }));
	});
}

#[test]
fn in_the_last_block_for_notices() {
	audited(|| {
		let (_, slot) = marked();
		roll_to(9);
		pause_for(10);
		assert_eq!(anchor_of(slot).number, 19);
		let call = reveal_call(slot, true_claim(), SALT, anchor_of(slot), &worker());
		assert_refused(call, custom(Error::AnchorWrong), Error::AnchorWrong);
		roll_by(1);
		assert_ok!(reveal(slot).unwrap());
	});
}
