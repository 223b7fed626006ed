//! Final marks and the randomness that they rest on.

use crate::{mock::*, Drawn, Error, Event};
use assay_primitives::{duty_randomness, Anchor, JobDigest, DUTY_BLOCKS};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	DispatchError,
};

fn custom(error: Error<Test>) -> TransactionValidityError {
	use codec::Encode;
	InvalidTransaction::Custom(error.encode()[0]).into()
}

/// A provider that is no party of any job.
fn with_marker(test: impl FnOnce()) {
	build_and_execute(|| {
		register_provider(&account(30));
		test();
	});
}

fn refused(job: JobDigest, anchor: Anchor, by: u8, error: Error<Test>) {
	let call = mark_call(job, anchor, &account(by));
	assert!(dispatch_authorized(call.clone()).is_err());
	assert_noop!(dispatch_unchecked(call), error);
}

#[test]
fn opens_the_time_for_notices() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(DRAWN);
		let anchor = anchor_of(job);
		assert_ok!(dispatch_authorized(mark_call(job, anchor, &account(30))).unwrap());
		let notices_until = System::block_number() + NOTICE_BLOCKS;
		let provider = account(30);
		assert_eq!(events(), [Event::MarkedFinal { job, anchor, provider, notices_until }]);
		assert_eq!(MockJobs::get(job).unwrap().notices_until, Some(notices_until));
		refused(job, anchor, 30, Error::AlreadyMarked);
	});
}

#[test]
fn an_attempt_leaves_nothing_behind() {
	use frame_support::{assert_storage_noop, traits::Authorize};
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(DRAWN);
		let call = mark_call(job, anchor_of(job), &account(30));
		let source = sp_runtime::transaction_validity::TransactionSource::External;
		assert_storage_noop!({
			let (valid, _) = call.authorize(source).unwrap().unwrap();
			assert!(valid.propagate);
			assert_eq!(valid.provides.len(), 1);
		});
	});
}

#[test]
fn rests_on_a_block_of_this_chain_above_all_that_decide() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		let committed = System::block_number();
		let last = committed + DUTY_BLOCKS;
		let at = |number| Anchor { number, hash: hash_of(number) };
		for _ in 0..DUTY_BLOCKS {
			roll_by(1);
			// Randomness is written down when the next block begins.
			refused(job, at(committed), 30, Error::RandomnessPending);
		}
		roll_by(1);
		for early in committed..last {
			refused(job, at(early), 30, Error::AnchorWrong);
		}
		// The present block has no hash yet.
		refused(job, at(last + 1), 30, Error::AnchorWrong);
		refused(job, at(last + 2), 30, Error::AnchorWrong);
		let elsewhere = Anchor { number: last, hash: hash_of(7_777) };
		refused(job, elsewhere, 30, Error::AnchorWrong);
		let forgotten = Anchor { number: last, hash: Default::default() };
		refused(job, forgotten, 30, Error::AnchorWrong);
		roll_by(1);
		assert_ok!(dispatch_authorized(mark_call(job, at(last + 1), &account(30))).unwrap());
	});
}

#[test]
fn is_a_providers_word() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(DRAWN);
		refused(job, anchor_of(job), 25, Error::NotAProvider);
		let unknown = JobDigest::from([9; 32]);
		refused(unknown, anchor_of(job), 30, Error::JobUnknown);
		Paused::set(&true);
		refused(job, anchor_of(job), 30, Error::JobUnknown);
	});
}

#[test]
fn the_signature_is_over_job_and_anchor() {
	with_marker(|| {
		let (job, other) = (commit_job(0, ALL), commit_job(1, ALL));
		roll_by(DRAWN + 1);
		let anchor = anchor_of(job);
		let later = Anchor { number: anchor.number + 1, hash: hash_of(anchor.number + 1) };
		let right = mark_call(job, anchor, &account(30));
		for (a_job, an_anchor) in [(other, anchor), (job, later)] {
			let mut call = right.clone();
			if let RuntimeCall::Audits(crate::Call::mark_final { job, anchor, .. }) = &mut call {
				(*job, *anchor) = (a_job, an_anchor);
			}
			let refusal = dispatch_authorized(call).unwrap_err();
			assert_eq!(refusal, InvalidTransaction::BadProof.into());
		}
		assert_ok!(dispatch_authorized(right).unwrap());
	});
}

#[test]
fn the_party_waits() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(MARK_DELAY - 1);
		refused(job, anchor_of(job), 1, Error::PartyMarksLater);
		let early = dispatch_authorized(mark_call(job, anchor_of(job), &party())).unwrap_err();
		assert_eq!(early, InvalidTransaction::Future.into());
		roll_by(1);
		assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &party())).unwrap());
	});
}

#[test]
fn a_key_that_acts_in_the_slot_waits_whoever_has_it_now() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		MockJobs::mutate(job, |entry| {
			// The party has rotated its key, and a confederate has registered the old one.
			entry.as_mut().unwrap().worker = key_of(&account(30));
		});
		roll_by(DRAWN);
		refused(job, anchor_of(job), 30, Error::PartyMarksLater);
	});
}

#[test]
fn randomness_is_that_of_the_blocks_after_the_commitment() {
	build_and_execute(|| {
		let committed = System::block_number();
		for _ in 0..DRAWN {
			assert_eq!(Audits::draw_for(committed), Drawn::Pending);
			roll_by(1);
		}
		for _ in 0..RING - DUTY_BLOCKS {
			let Drawn::Found(draw) = Audits::draw_for(committed) else { panic!("forgotten") };
			assert_eq!(draw.number, committed + DUTY_BLOCKS);
			assert_eq!(draw.randomness, drawn_after(committed));
			assert_eq!(Audits::randomness_at(committed + 1), Some(drawn(committed + 1)));
			roll_by(1);
		}
		// The last block in which its first place is its own.
		assert!(matches!(Audits::draw_for(committed), Drawn::Found(_)));
		roll_by(1);
		assert_eq!(Audits::draw_for(committed), Drawn::Gone);
		assert_eq!(Audits::randomness_at(committed + 1), None);
		try_state();
	});
}

#[test]
fn blocks_without_randomness_are_skipped() {
	build_and_execute(|| {
		let committed = System::block_number();
		Mute::set(&vec![committed + 1, committed + 3]);
		roll_by(6);
		assert_eq!(Audits::draw_for(committed), Drawn::Pending);
		roll_by(1);
		let Drawn::Found(draw) = Audits::draw_for(committed) else { panic!("not found") };
		let authors = [2, 4, 5, 6].map(|after| drawn(committed + after));
		assert_eq!((draw.number, draw.randomness), (committed + 6, duty_randomness(&authors)));
		assert_eq!(Audits::randomness_at(committed + 1), None);
		// The same for whoever asks later, also when places of the blocks between are taken.
		roll_by(RING - 6);
		let Drawn::Found(later) = Audits::draw_for(committed) else { panic!("not found") };
		assert_eq!(later, draw);
	});
}

#[test]
fn a_mark_is_not_below_the_last_block_that_decides() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		let committed = System::block_number();
		Mute::set(&vec![committed + 1, committed + 2]);
		roll_by(8);
		let at = |number| Anchor { number, hash: hash_of(number) };
		refused(job, at(committed + 5), 30, Error::AnchorWrong);
		let refusal = dispatch_authorized(mark_call(job, at(committed + 5), &account(30)));
		assert_eq!(refusal.unwrap_err(), custom(Error::AnchorWrong));
		assert_ok!(dispatch_authorized(mark_call(job, at(committed + 6), &account(30))).unwrap());
	});
}

#[test]
fn a_job_whose_randomness_is_gone_is_marked_all_the_same() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		let committed = System::block_number();
		Mute::set(&(committed + 1..committed + 30).collect());
		roll_by(16);
		assert_eq!(Audits::draw_for(committed), Drawn::Pending);
		refused(job, anchor_of(job), 30, Error::RandomnessPending);
		roll_by(1);
		assert_eq!(Audits::draw_for(committed), Drawn::Gone);
		assert_ok!(dispatch_authorized(mark_call(job, anchor_of(job), &account(30))).unwrap());
	});
}

#[test]
fn what_jobs_refuse_is_not_let_in() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(DRAWN);
		let call = mark_call(job, anchor_of(job), &account(30));
		RefuseMarks::set(&true);
		let refusal = dispatch_authorized(call.clone()).unwrap_err();
		assert_eq!(refusal, InvalidTransaction::Custom(u8::MAX).into());
		assert_noop!(dispatch_unchecked(call), DispatchError::from("marks are refused"));
	});
}

#[test]
fn needs_an_authorisation() {
	with_marker(|| {
		let job = commit_job(0, ALL);
		roll_by(DRAWN);
		let anchor = anchor_of(job);
		let RuntimeCall::Audits(crate::Call::mark_final { worker, signature, .. }) =
			mark_call(job, anchor, &account(30))
		else {
			panic!("another call")
		};
		for origin in [signed(account(30)), frame_system::RawOrigin::None.into()] {
			let done = Audits::mark_final(origin, job, anchor, worker.clone(), signature.clone());
			assert_noop!(done, DispatchError::BadOrigin);
		}
	});
}
