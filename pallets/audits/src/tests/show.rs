//! Showing that one holds the weights, and when that counts.

use crate::{mock::*, Error, Event};
use assay_primitives::{AccountId, ModelId, Opening, Providers as _};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	DispatchError,
};

/// A member with five units in the first period, who shows nothing unless it is told to.
fn with_member(test: impl FnOnce(AccountId)) {
	build_and_execute(|| {
		Idle::set(&true);
		make_auditor(&auditor(0), 5 * UNIT);
		roll_by(1);
		test(auditor(0));
	});
}

fn refused(call: RuntimeCall, error: Error<Test>) {
	assert!(dispatch_authorized(call.clone()).is_err());
	assert_noop!(dispatch_unchecked(call), error);
}

fn due(who: &AccountId) -> u32 {
	segment_of(who, MODEL).expect("the period's first author has drawn")
}

#[test]
fn counts_from_the_first_to_the_last_block_of_the_next_period() {
	with_member(|who| {
		System::reset_events();
		show(&who, MODEL);
		let (provider, segment) = (who.clone(), due(&who));
		let shown = Event::WeightsShown { provider, model: MODEL, segment, period: 1 };
		assert_eq!(events(), [shown]);
		let total = || Audits::pool_view(MODEL).total;
		for block in 3..3 * PERIOD {
			roll_to(block);
			let counts = (PERIOD..2 * PERIOD).contains(&block);
			assert_eq!(total(), if counts { 5 * UNIT } else { 0 }, "block {block}");
			try_state();
		}
		// Late is too late for the period, and counts in the next one all the same.
		show(&who, MODEL);
		roll_by(1);
		assert_eq!(total(), 5 * UNIT);
	});
}

#[test]
fn a_duty_falls_only_to_who_has_shown_before_the_period_of_the_commitment() {
	with_member(|who| {
		register_provider(&account(30));
		let marked = |job| {
			roll_by(DRAWN);
			let call = mark_call(job, anchor_of(job), &account(30));
			assert_ok!(dispatch_authorized(call).unwrap());
		};
		// Shown in period 0, in none after it.
		show(&who, MODEL);
		roll_to(PERIOD - 1);
		let early = commit_job(0, u32::MAX);
		marked(early);
		refused(notice_call(early, &who), Error::NotAMember);
		let first = commit_job(1, u32::MAX);
		marked(first);
		assert_ok!(dispatch_authorized(notice_call(first, &who)).unwrap());
		roll_to(2 * PERIOD - 1);
		let last = commit_job(2, u32::MAX);
		marked(last);
		assert_eq!(Audits::period(), 2);
		assert_ok!(dispatch_authorized(notice_call(last, &who)).unwrap());
		let late = commit_job(3, u32::MAX);
		marked(late);
		refused(notice_call(late, &who), Error::NotShown);
	});
}

#[test]
fn is_taken_once_a_period() {
	with_member(|who| {
		show(&who, MODEL);
		let again = show_call(&who, MODEL);
		refused(again.clone(), Error::AlreadyShown);
		let stale = InvalidTransaction::Stale.into();
		assert_eq!(dispatch_authorized(again).unwrap_err(), stale);
		next_period();
		roll_by(1);
		show(&who, MODEL);
	});
}

#[test]
fn is_of_the_segment_that_chance_names() {
	with_member(|who| {
		let segment = due(&who);
		for other in (0..5).filter(|other| *other != segment) {
			let call = show_call_with(&who, MODEL, segment, opening(MODEL, other));
			refused(call, Error::SegmentWrong);
			// The right bytes on the way of others.
			let Opening { bytes, .. } = opening(MODEL, segment);
			let Opening { path, .. } = opening(MODEL, other);
			let call = show_call_with(&who, MODEL, segment, Opening { bytes, path });
			let is_same = opening(MODEL, other).path == opening(MODEL, segment).path;
			assert!(is_same || dispatch_authorized(call).is_err());
		}
		let foreign = show_call_with(&who, MODEL, segment, opening(MODELS[1], segment));
		refused(foreign, Error::SegmentWrong);
		let mut short = opening(MODEL, segment);
		short.bytes.pop();
		refused(show_call_with(&who, MODEL, segment, short), Error::SegmentWrong);
		let mut damaged = opening(MODEL, segment);
		damaged.bytes[4_095] ^= 1;
		refused(show_call_with(&who, MODEL, segment, damaged), Error::SegmentWrong);
		assert_ok!(dispatch_authorized(show_call(&who, MODEL)).unwrap());
	});
}

#[test]
fn is_decided_by_the_first_author_of_the_period_that_draws() {
	with_member(|_| {
		Mute::set(&vec![PERIOD, PERIOD + 1]);
		roll_to(PERIOD);
		for _ in 0..3 {
			assert_eq!(Audits::period_randomness(), None);
			roll_by(1);
		}
		for _ in PERIOD + 3..2 * PERIOD {
			assert_eq!(Audits::period_randomness(), Some(drawn(PERIOD + 2)));
			roll_by(1);
		}
		assert_eq!(Audits::period_randomness(), None, "another period, another segment");
		roll_by(1);
		assert_eq!(Audits::period_randomness(), Some(drawn(2 * PERIOD)));
	});
}

#[test]
fn waits_for_the_author_of_the_period() {
	with_member(|who| {
		next_period();
		let call = show_call(&who, MODEL);
		refused(call.clone(), Error::PeriodDrawPending);
		let early: TransactionValidityError = InvalidTransaction::Future.into();
		assert_eq!(dispatch_authorized(call).unwrap_err(), early);
	});
}

#[test]
fn is_of_members_with_a_key() {
	with_member(|who| {
		let other = auditor(1);
		refused(show_call(&other, MODEL), Error::NotAProvider);
		register_provider(&other);
		refused(show_call(&other, MODEL), Error::NotAMember);
		refused(show_call(&who, MODELS[1]), Error::NotAMember);
		refused(show_call(&who, ModelId(99)), Error::NotAMember);
		assert_ok!(Audits::join(signed(other.clone()), MODEL));
		refused(show_call(&other, MODEL), Error::NoDutyKey);
		assert_ok!(set_duty_key(&other));
		// In the period in which it joins.
		show(&other, MODEL);
		assert!(Providers::worker_key(&other).is_some());
		// Who leaves counts in the next period no more, and has nothing to show.
		show(&who, MODEL);
		assert_ok!(Audits::leave(signed(who.clone()), MODEL));
		refused(show_call(&who, MODEL), Error::NotAMember);
		next_period();
		assert_eq!(Audits::pool_view(MODEL).total, 0);
	});
}

#[test]
fn the_signature_is_the_workers_over_period_and_segment() {
	with_member(|who| {
		let segment = due(&who);
		let wrong = [show_call_with(&who, MODEL, (segment + 1) % 5, opening(MODEL, segment)), {
			let (mut call, other) = (show_call(&who, MODEL), show_call(&auditor(1), MODEL));
			let RuntimeCall::Audits(crate::Call::show { signature: foreign, .. }) = other else {
				panic!("another call")
			};
			if let RuntimeCall::Audits(crate::Call::show { signature, .. }) = &mut call {
				*signature = foreign;
			}
			call
		}];
		for call in wrong {
			let refusal = dispatch_authorized(call).unwrap_err();
			assert_eq!(refusal, InvalidTransaction::BadProof.into());
		}
	});
}

#[test]
fn needs_an_authorisation() {
	with_member(|who| {
		let RuntimeCall::Audits(call) = show_call(&who, MODEL) else { panic!("another call") };
		let crate::Call::show { model, bytes, path, worker, signature } = call else {
			panic!("another call")
		};
		let done = Audits::show(signed(who), model, bytes, path, worker, signature);
		assert_noop!(done, DispatchError::BadOrigin);
	});
}
