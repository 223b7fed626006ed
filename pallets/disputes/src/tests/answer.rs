//! Moves that are refused, and what they change: nothing.

use crate::{mock::*, AnswerFault, Error, Event};
use assay_primitives::SlotId;
use assay_trace::{Answer, Question, Side};
use frame_support::{assert_noop, assert_ok, traits::Authorize};
use sp_core::Pair;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionSource};

fn game() -> (SlotId, Run, Run) {
	let (liar, honest) = (Run::cheating(1), Run::honest());
	let (_, slot) = claimed_by(0, &liar);
	let game = challenge(&challenger(), slot, honest.claim()).unwrap();
	(game, liar, honest)
}

#[test]
fn works() {
	build_and_execute(|| {
		let (game, liar, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
		let side = Side::Challenger;
		assert_eq!(events().pop(), Some(Event::Answered { game, side, question }));
		assert_eq!(Disputes::game_view(game).unwrap().owes, [true, false]);
		assert_ok!(answer(game, Side::Claimant, &liar).unwrap());
		let next = Disputes::game_view(game).unwrap();
		assert_ne!(next.question, question);
		let asked = Event::Asked { game, question: next.question, due_at: next.due_at };
		assert_eq!(events().pop(), Some(asked));
	});
}

#[test]
fn a_side_answers_once_and_only_the_present_question() {
	build_and_execute(|| {
		let (game, liar, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let early = honest.tracer().answer(&question).unwrap();
		let replay = answer_call(game, Side::Challenger, early);
		assert_ok!(dispatch_authorized(replay.clone()).unwrap());
		assert_eq!(dispatch_authorized(replay.clone()), Err(InvalidTransaction::Stale.into()));
		assert_noop!(dispatch_unchecked(replay.clone()), Error::<Test>::NotAsked);
		assert_ok!(answer(game, Side::Claimant, &liar).unwrap());
		assert_eq!(dispatch_authorized(replay.clone()), Err(InvalidTransaction::Stale.into()));
		assert_noop!(dispatch_unchecked(replay), Error::<Test>::Stale);
	});
}

#[test]
fn nobody_answers_for_another() {
	build_and_execute(|| {
		let (game, _, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let right = honest.tracer().answer(&question).unwrap();
		let mut call = answer_call(game, Side::Challenger, right);
		if let RuntimeCall::Disputes(crate::Call::answer { side, .. }) = &mut call {
			*side = Side::Claimant;
		}
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::BadProof.into()));
	});
}

#[test]
fn a_wrong_answer_changes_nothing() {
	build_and_execute(|| {
		let (game, _, honest) = game();
		let question = Disputes::game_view(game).unwrap().question;
		let Answer::Children(hashes) = honest.tracer().answer(&question).unwrap() else { panic!() };
		let mut longer = hashes.clone();
		longer.push([0; 32]);
		for (wrong, fault) in [
			(Answer::Bytes(vec![1, 2, 3]), AnswerFault::Kind),
			(Answer::Openings(vec![]), AnswerFault::Kind),
			(Answer::Children(longer), AnswerFault::Disclosure),
			(Answer::Children(vec![]), AnswerFault::Disclosure),
			(Answer::Children(hashes[1..].to_vec()), AnswerFault::Disclosure),
		] {
			let call = answer_call(game, Side::Challenger, wrong);
			assert!(dispatch_authorized(call.clone()).is_err());
			assert_noop!(dispatch_unchecked(call), Error::<Test>::AnswerWrong(fault));
		}
		assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
	});
}

#[test]
fn a_late_answer_is_refused_whether_or_not_the_timeout_was_called() {
	build_and_execute(|| {
		let (game, _, honest) = game();
		let due = Disputes::game_view(game).unwrap().due_at;
		let question = Disputes::game_view(game).unwrap().question;
		let right = answer_call(game, Side::Challenger, honest.tracer().answer(&question).unwrap());
		roll_by(due - System::block_number());
		let validity = right.clone().authorize(TransactionSource::External);
		assert!(validity.is_some_and(|validity| validity.is_ok()));
		roll_by(1);
		assert_noop!(dispatch_unchecked(right), Error::<Test>::DeadlinePassed);
	});
}

#[test]
fn a_pause_stops_the_clock_of_games() {
	build_and_execute(|| {
		let (game, _, honest) = game();
		let before = Disputes::game_view(game).unwrap().due_at;
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), true));
		let question = Disputes::game_view(game).unwrap().question;
		let right = answer_call(game, Side::Challenger, honest.tracer().answer(&question).unwrap());
		assert_noop!(dispatch_unchecked(right.clone()), Error::<Test>::Paused);
		roll_by(500);
		assert_noop!(Disputes::timeout(signed(tenant()), game), Error::<Test>::Paused);
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), false));
		assert_eq!(Disputes::game_view(game).unwrap().due_at, before + 500);
		assert_ok!(dispatch_authorized(right).unwrap());
	});
}

#[test]
fn an_unknown_game_is_no_game() {
	build_and_execute(|| {
		let call = crate::Call::answer {
			game: SlotId(9),
			side: Side::Claimant,
			question: Question::Offence,
			answer: Answer::Bytes(vec![]),
			signature: worker_of(&provider()).sign(b""),
		};
		let call = RuntimeCall::from(call);
		assert_eq!(dispatch_authorized(call.clone()), Err(InvalidTransaction::Stale.into()));
		assert_noop!(dispatch_unchecked(call), Error::<Test>::GameUnknown);
	});
}

/// Ids are given anew on every fork. A move that was signed for a game about one job is none in a
/// game about another, though question and id are the same.
#[test]
fn a_move_of_a_game_on_another_fork_is_none_here() {
	let on_the_other_fork = {
		let mut ext = new_test_ext();
		ext.execute_with(|| {
			let (liar, honest) = (Run::cheating(1), Run::honest());
			let (_, slot) = claimed_by(7, &liar);
			let game = challenge(&challenger(), slot, honest.claim()).unwrap();
			let question = Disputes::game_view(game).unwrap().question;
			let right = honest.tracer().answer(&question).unwrap();
			(game, answer_call(game, Side::Challenger, right))
		})
	};
	build_and_execute(|| {
		let (game, _, _) = game();
		let (same_id, call) = on_the_other_fork;
		assert_eq!(game, same_id);
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::BadProof.into()));
	});
}

#[test]
fn an_answer_of_absurd_length_is_refused_unread() {
	build_and_execute(|| {
		let (game, ..) = game();
		let call = answer_call(game, Side::Challenger, Answer::Children(vec![[0; 32]; 20_000]));
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::ExhaustsResources.into()));
	});
}

/// Of more openings than any question needs nobody knows the weight.
#[test]
fn an_answer_with_more_openings_than_any_program_needs_is_refused_at_once() {
	use assay_trace::{Need, Opening};
	build_and_execute(|| {
		let (_, slot) = claimed_by(0, &Run::cheating(1));
		let game = challenge(&challenger(), slot, Run::honest().claim()).unwrap();
		let refused = |number| {
			let empty = || Opening { bytes: Vec::new(), path: Vec::new() };
			let openings = (0..number).map(|leaf| (Need::Leaf(leaf), empty())).collect();
			let call = answer_call(game, Side::Claimant, Answer::Openings(openings));
			dispatch_authorized(call).unwrap_err()
		};
		let exhausts = InvalidTransaction::ExhaustsResources.into();
		assert_eq!(refused(crate::types::OPENINGS_MAX + 1), exhausts);
		assert_ne!(refused(crate::types::OPENINGS_MAX), exhausts, "that is of another kind");
	});
}
