//! Games about an input: who says that it broke a rule shows where, and the first place counts.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{merkle, Claim, InvalidCode};
use assay_reference::sample::Generator;
use assay_trace::{
	input::Offence, Answer, BlobTree, Game, Ground, Layout, Need, Question, Refusal, Side, Turn,
};
use common::{length_of, play::stored, Job};
use std::collections::BTreeSet;

/// An input that breaks some rules, or none.
fn damaged(job: &Job, generator: &mut Generator) -> Vec<u8> {
	let mut input = job.input.clone();
	for _ in 0..generator.below(4) {
		let at = 4 * generator.below(input.len() as u32 / 4) as usize;
		let token = [-1, -2, i32::MIN, 0, 5, 5_000][generator.below(6) as usize];
		input[at..at + 4].copy_from_slice(&token.to_le_bytes());
	}
	match generator.below(12) {
		0 => input.truncate(input.len() - 4),
		1 => input.extend([0; 4]),
		_ => {},
	}
	input
}

/// An offence with what it depends on.
fn answer(layout: &Layout<'_>, input: &[u8], offence: Offence) -> Answer {
	let tree = BlobTree::new(input);
	let open = |need| match need {
		Need::Input(segment) => Some((need, tree.open(input, segment).ok()?)),
		_ => None,
	};
	let needs = layout.offence_needs(&offence);
	Answer::Offence(offence, needs.into_iter().filter_map(open).collect())
}

/// Anything that a liar may show.
fn wild(layout: &Layout<'_>, input: &[u8], generator: &mut Generator) -> Answer {
	let tokens = layout.input_length() as u32 / 4;
	let offence = match (length_of(input), generator.below(12)) {
		(Offence::Length { length, root }, 0) => Offence::Length { length: length + 4, root },
		(length, 1) => length,
		(_, 2) => Offence::Token(u64::MAX - u64::from(generator.below(2))),
		_ => Offence::Token(generator.below(tokens + 1).into()),
	};
	match (answer(layout, input, offence), generator.below(8)) {
		(Answer::Offence(offence, _), 0) => Answer::Offence(offence, Vec::new()),
		(Answer::Offence(offence, mut openings), 1) => {
			openings.iter_mut().for_each(|(_, opening)| opening.bytes[0] ^= 1);
			Answer::Offence(offence, openings)
		},
		(_, 2) => Answer::Openings(Vec::new()),
		(answer, _) => answer,
	}
}

/// Plays until the deadline. The honest party sends at most one thing, at some time.
fn play(
	ground: &Ground<'_>,
	input: &[u8],
	claims: [Claim; 2],
	honest: Side,
	generator: &mut Generator,
	refusals: &mut BTreeSet<String>,
) -> [bool; 2] {
	let layout = ground.layout;
	let mut game = stored(&Game::new(claims, layout.outline()).unwrap());
	let liar = if honest == Side::Claimant { Side::Challenger } else { Side::Claimant };
	let (own, moves) = (common::first_offence(layout, input), generator.below(7));
	let turn = generator.below(moves + 1);
	for number in 0..=moves {
		assert_eq!(game.question(), Question::Offence);
		// Each party shows one.
		let owed = game.owes(liar);
		let shows = number == turn && matches!(honest.of(&claims), Claim::Invalid { .. });
		let (side, answer) = match (own, shows) {
			(Some((offence, _)), true) if game.shown() != own => {
				(honest, answer(layout, input, offence))
			},
			_ => (liar, wild(layout, input, generator)),
		};
		match game.play(ground, side, &Question::Offence, &answer) {
			Ok(Turn::Waits(next)) => {
				assert!(!next.owes(side));
				game = stored(&next);
			},
			Ok(Turn::Over(guilty)) => return guilty,
			Ok(Turn::Next(_)) => panic!("there is but one question"),
			Err(refusal) => {
				assert_eq!(side, liar, "{refusal}");
				assert!(owed || matches!(refusal, Refusal::Answered), "{refusal}");
				let cause = format!("{refusal:?}");
				refusals.insert(cause.split('(').next().unwrap().into());
			},
		}
	}
	game.timeout()
}

#[test]
fn who_says_of_an_input_what_is_true_is_never_guilty_and_no_other_escapes() {
	let mut generator = Generator::new(4);
	let (mut met, mut refusals) = (BTreeSet::new(), BTreeSet::new());
	for seed in 0..4_000u64 {
		let job = [common::encoder, common::decoder, common::network][(seed % 3) as usize];
		let job = job(seed / 100);
		let (layout, input) = (job.layout(), damaged(&job, &mut generator));
		let truth = job.program.validate_input(&input, &job.parameters).err();
		let output = Claim::Output { count: 1, data: [generator.below(256) as u8; 32] };
		let claim = |code: Option<u32>| code.map_or(output, |code| Claim::Invalid { code });
		let right = claim(truth.map(InvalidCode::code));
		let code = generator.below(6);
		let wrong = claim((code > 0 || truth.is_none()).then_some(code));
		if wrong == right {
			continue;
		}
		let input_digest = merkle::blob(&input);
		let ground = Ground { layout: &layout, input: input_digest, weights: [0; 32] };
		let honest = Side::BOTH[generator.below(2) as usize];
		let claims = match honest {
			Side::Claimant => [right, wrong],
			Side::Challenger => [wrong, right],
		};
		let guilty = play(&ground, &input, claims, honest, &mut generator, &mut refusals);
		let expected = Side::BOTH.map(|side| side != honest);
		assert_eq!(guilty, expected, "{} {right:?} {wrong:?}", job.name);
		met.insert((truth.map(InvalidCode::code), matches!(wrong, Claim::Output { .. })));
	}
	// Each rule and none; against another rule and against an output. Samples have but one rule.
	assert_eq!(met.len(), 7, "{met:?}");
	for cause in ["Kind", "Missing", "Opening", "Referee", "NoOffence", "Beaten"] {
		assert!(refusals.contains(cause), "{cause}: {refusals:?}");
	}
}

#[test]
fn where_nobody_shows_anything_an_output_stands() {
	let (output, outline) =
		(Claim::Output { count: 1, data: [1; 32] }, common::decoder(5).layout().outline());
	let game = |claims| Game::new(claims, outline).unwrap();
	let token = Claim::Invalid { code: InvalidCode::Token.code() };
	let padding = Claim::Invalid { code: InvalidCode::Padding.code() };
	assert_eq!(game([output, token]).timeout(), [false, true]);
	assert_eq!(game([token, output]).timeout(), [true, false]);
	assert_eq!(game([token, padding]).timeout(), [true, true]);
	let refused = game([output, token]).play_children(Side::Claimant, &Question::Offence, &[]);
	assert_eq!(refused, Err(Refusal::Kind));
}
