//! Games from their beginning to their end.

use super::*;

/// Let both sides answer by their runs, for as long as either has an answer that is taken, and end
/// the game when its time is over. How it ended, and how many answers were taken.
pub(crate) fn play_out(game: SlotId, runs: [&Run; 2]) -> (End, u32) {
	let mut moves = 0;
	loop {
		let question = Disputes::game_view(game).unwrap().question;
		let before = moves;
		for (side, run) in Side::BOTH.into_iter().zip(runs) {
			let asked = Disputes::game_view(game)
				.is_some_and(|now| now.question == question && *side.of(&now.owes));
			// A liar has no right answer to the last question: its weights are not the model's.
			if asked && answer(game, side, run).is_ok_and(|dispatched| dispatched.is_ok()) {
				moves += 1;
			}
		}
		try_state();
		if moves == before {
			time_out(game);
		}
		if let Some(end) = closed() {
			return (end, moves);
		}
		roll_by(1);
	}
}

/// Let the time of the present question pass and end the game.
pub(crate) fn time_out(game: SlotId) {
	jump_to(Disputes::game_view(game).unwrap().due_at + 1);
	assert_ok!(Disputes::timeout(signed(tenant()), game));
	try_state();
}

/// How a game ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
	pub verdict: Verdict,
	pub reason: EndReason,
	pub slashed: Balance,
	pub forfeited: Balance,
}

/// The end of a game in this block.
pub(crate) fn closed() -> Option<End> {
	events().into_iter().find_map(|event| match event {
		crate::Event::GameClosed { verdict, reason, slashed, forfeited, .. } => {
			Some(End { verdict, reason, slashed, forfeited })
		},
		_ => None,
	})
}
