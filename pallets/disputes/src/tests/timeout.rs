//! Silence.

use crate::{mock::*, EndReason, Error, Verdict};
use assay_primitives::SlotId;
use assay_trace::Side;
use frame_support::{assert_noop, assert_ok};

fn game() -> (SlotId, Run, Run) {
	let (liar, honest) = (Run::cheating(1), Run::honest());
	let (_, slot) = claimed_by(0, &liar);
	let game = challenge(&challenger(), slot, honest.claim()).unwrap();
	(game, liar, honest)
}

/// Let the time of the present question pass; the verdict.
fn verdict_of_silence(game: SlotId) -> Verdict {
	let due = Disputes::game_view(game).unwrap().due_at;
	roll_by(due - System::block_number());
	assert_noop!(Disputes::timeout(signed(tenant()), game), Error::<Test>::NotDue);
	time_out(game);
	let End { verdict, reason, .. } = closed().unwrap();
	assert_eq!(reason, EndReason::TimedOut);
	assert_noop!(Disputes::timeout(signed(tenant()), game), Error::<Test>::GameUnknown);
	verdict
}

#[test]
fn who_never_answers_is_guilty() {
	for (silent, verdict) in
		[(Side::Claimant, Verdict::ClaimantGuilty), (Side::Challenger, Verdict::ChallengerGuilty)]
	{
		build_and_execute(|| {
			let (game, liar, honest) = game();
			let answered = match silent {
				Side::Claimant => answer(game, Side::Challenger, &honest),
				Side::Challenger => answer(game, Side::Claimant, &liar),
			};
			assert_ok!(answered.unwrap());
			assert_eq!(verdict_of_silence(game), verdict);
		});
	}
}

#[test]
fn both_are_guilty_where_neither_answers() {
	build_and_execute(|| {
		let (game, ..) = game();
		assert_eq!(verdict_of_silence(game), Verdict::BothGuilty);
	});
}

/// A party may fall silent at any move; the one that goes on is never convicted.
#[test]
fn silence_at_any_move_loses() {
	for last in 0.. {
		let mut over = false;
		build_and_execute(|| {
			let (game, liar, honest) = game();
			for _ in 0..last {
				for (side, run) in [(Side::Claimant, &liar), (Side::Challenger, &honest)] {
					let view = Disputes::game_view(game);
					if view.is_some_and(|view| *side.of(&view.owes)) {
						let answered = answer(game, side, run);
						assert!(side == Side::Claimant || answered.is_ok());
					}
				}
				if closed().is_some() {
					over = true;
					return;
				}
				roll_by(1);
			}
			let Some(view) = Disputes::game_view(game) else {
				over = true;
				return;
			};
			// From here on the liar is silent.
			if view.owes == [true, true] {
				assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
			}
			if Disputes::game_view(game).is_some() {
				assert_eq!(
					verdict_of_silence(game),
					Verdict::ClaimantGuilty,
					"silent at move {last}"
				);
			}
		});
		if over {
			assert!(last > 3);
			return;
		}
	}
}

#[test]
fn an_input_that_breaks_no_rule_convicts_who_says_it_does() {
	build_and_execute(|| {
		let honest = Run::honest();
		let claim = assay_program::Claim::Invalid { code: 2 };
		let (_, slot) = claimed(0, honest.input.clone(), claim);
		let game = challenge(&challenger(), slot, honest.claim()).unwrap();
		assert_eq!(verdict_of_silence(game), Verdict::ClaimantGuilty);
	});
}

#[test]
fn an_input_that_breaks_a_rule_convicts_who_claims_an_output() {
	build_and_execute(|| {
		let honest = Run::honest();
		let mut input = honest.input.clone();
		input[..4].copy_from_slice(&i32::MAX.to_le_bytes());
		let (_, slot) = claimed(0, input.clone(), honest.claim());
		let outcome =
			assay_reference::run(&honest.program, &honest.weights, &input, &honest.parameters)
				.unwrap();
		let game = challenge(&challenger(), slot, outcome.claim()).unwrap();
		let offence = assay_trace::offence(&honest.program, &honest.parameters, &input).unwrap();
		assert_ok!(dispatch_authorized(answer_call(game, Side::Challenger, offence)).unwrap());
		// No offence comes before the first token: nothing is waited for.
		let End { verdict, reason, .. } = closed().unwrap();
		assert_eq!((verdict, reason), (Verdict::ClaimantGuilty, EndReason::Refereed));
	});
}
