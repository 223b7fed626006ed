//! Games between two parties, each move by each of them through the state machine.

use assay_reference::sample::Generator;
use assay_trace::{
	testing::{tamper, Party},
	Answer, Game, Ground, Question, Refusal, Side, Turn, MOVES_MAX, QUESTIONS_MAX,
};
use codec::{Decode, Encode, MaxEncodedLen};
use std::collections::{BTreeMap, BTreeSet};

/// How a party behaves.
#[derive(Clone, Copy, PartialEq)]
pub enum Manner {
	/// Answers each question once, with what its trace says. If the trace is right, honest.
	Straight,
	/// Sends whatever it likes, and sometimes nothing.
	Wild,
}

pub struct Player<'a> {
	pub party: &'a Party<'a>,
	pub manner: Manner,
}

/// What was seen in many games.
#[derive(Default, Debug)]
pub struct Seen {
	pub games: u32,
	/// How games ended: the last question, and whether by its deadline.
	pub ends: BTreeMap<(&'static str, bool), u32>,
	/// Causes of refusals.
	pub refusals: BTreeSet<String>,
	pub longest: u32,
}

fn name(question: &Question) -> &'static str {
	match question {
		Question::Offence => "offence",
		Question::Children { .. } => "children",
		Question::Leaf { .. } => "leaf",
		Question::Partials { .. } => "partials",
		Question::Openings { .. } => "openings",
		Question::Counts { .. } => "counts",
		Question::OutputChildren { .. } => "output children",
		Question::OutputSegment { .. } => "output segment",
		Question::OutputOpening { .. } => "output opening",
	}
}

/// The outermost word of a refusal.
fn cause(refusal: &Refusal) -> String {
	format!("{refusal:?}").split(['(', ' ']).next().unwrap().into()
}

/// What a chain does between two moves: it stores the game.
pub fn stored(game: &Game) -> Game {
	let bytes = game.encode();
	assert!(bytes.len() <= Game::max_encoded_len(), "{}", bytes.len());
	assert_eq!(Game::decode(&mut &bytes[..]).as_ref(), Ok(game));
	game.clone()
}

/// Plays a game to its end: who is guilty.
pub fn play(
	ground: &Ground<'_>,
	players: [Player<'_>; 2],
	generator: &mut Generator,
	seen: &mut Seen,
) -> [bool; 2] {
	let claims = players.each_ref().map(|player| player.party.claim);
	let mut game = stored(&Game::new(claims, ground.layout.outline()).unwrap());
	let (mut questions, mut moves) = (0, 0);
	let mut past: [Vec<(Question, Answer)>; 2] = Default::default();
	seen.games += 1;
	loop {
		let question = game.question();
		questions += 1;
		assert!(questions <= QUESTIONS_MAX);
		let mut sides = Side::BOTH;
		if generator.below(2) == 0 {
			sides.reverse();
		}
		let mut turn = Turn::Waits(game);
		for side in sides {
			let player = side.of(&players);
			let past = &mut past[side as usize];
			for (asked, answer) in player.moves(ground, &turn, side, past, generator) {
				let Turn::Waits(game) = &turn else { break };
				match game.play(ground, side, &asked, &answer) {
					Ok(next) => {
						moves += 1;
						turn = next;
						past.push((asked, answer));
					},
					Err(refusal) => {
						assert!(!player.is_honest(), "{asked:?}: {refusal}");
						seen.refusals.insert(cause(&refusal));
					},
				}
			}
		}
		assert!(moves <= MOVES_MAX);
		let (guilty, by_deadline) = match turn {
			Turn::Next(next) => {
				game = stored(&next);
				continue;
			},
			Turn::Waits(game) => (stored(&game).timeout(), true),
			Turn::Over(guilty) => (guilty, false),
		};
		*seen.ends.entry((name(&question), by_deadline)).or_default() += 1;
		seen.longest = seen.longest.max(moves);
		return guilty;
	}
}

impl Player<'_> {
	fn is_honest(&self) -> bool {
		self.party.honest && self.manner == Manner::Straight
	}

	/// What it sends until the deadline, as long as the game does not go on.
	fn moves(
		&self,
		ground: &Ground<'_>,
		turn: &Turn,
		side: Side,
		past: &[(Question, Answer)],
		generator: &mut Generator,
	) -> Vec<(Question, Answer)> {
		let Turn::Waits(game) = turn else { return Vec::new() };
		let question = game.question();
		let answer = self.party.answer(ground.layout, &question, generator);
		if self.manner == Manner::Straight {
			let owed = answer.filter(|_| game.owes(side));
			return owed.map(|answer| (question, answer)).into_iter().collect();
		}
		let mut moves = Vec::new();
		for _ in 0..generator.below(4) {
			let one_of = |list: &[(Question, Answer)], generator: &mut Generator| {
				(!list.is_empty())
					.then(|| list[generator.below(list.len() as u32) as usize].clone())
			};
			let wild = match (generator.below(6), &answer) {
				(0, _) => one_of(past, generator),
				(1, _) => one_of(past, generator).map(|(_, answer)| (question, answer)),
				(2, Some(answer)) => one_of(past, generator).map(|(old, _)| (old, answer.clone())),
				(_, Some(answer)) => {
					let other = tamper(self.party, ground.layout, answer, generator);
					other.map(|(answer, _)| (question, answer))
				},
				_ => None,
			};
			moves.extend(wild);
		}
		if generator.below(8) > 0 {
			moves.extend(answer.map(|answer| (question, answer)));
		}
		moves
	}
}
