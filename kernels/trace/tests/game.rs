//! Whole games in memory: who is wrong anywhere is convicted, and who is right never is.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_program::{merkle, Claim, InvalidCode};
use assay_reference::sample::Generator;
use assay_trace::{
	testing::{cheat, Cheat, Party},
	trace_root, Answer, Game, GameError, Ground, Layout, LeafForm, Outline, Question, Refusal,
	Side, Turn, MOVES_MAX,
};
use common::{
	play::{play, Manner, Player, Seen},
	Full, Job,
};
use std::collections::BTreeMap;

const NOBODY: [bool; 2] = [false; 2];

fn ground<'a>(layout: &'a Layout<'a>, full: &Full) -> Ground<'a> {
	Ground { layout, input: full.roots.input, weights: full.roots.weights }
}

fn straight<'a>(party: &'a Party<'a>) -> Player<'a> {
	Player { party, manner: Manner::Straight }
}

fn wild<'a>(party: &'a Party<'a>) -> Player<'a> {
	Player { party, manner: Manner::Wild }
}

/// A cheater whose claim is another one than the truth.
fn dissenter<'a>(job: &Job, full: &'a Full, generator: &mut Generator) -> (Party<'a>, Cheat) {
	let (mut cheater, what) = cheat(job, full, generator);
	cheater.dissent(generator);
	(cheater, what)
}

fn check_games(job: &Job, games: u32, generator: &mut Generator, met: &mut BTreeMap<Cheat, u32>) {
	let (layout, full) = (job.layout(), Full::of(job));
	let (ground, mut seen) = (ground(&layout, &full), Seen::default());
	for _ in 0..games {
		let honest = Party::honest(&full);
		let (cheater, what) = dissenter(job, &full, generator);
		let context = || format!("{} {:?}: {what}", job.name, job.parameters);
		let guilty = play(&ground, [straight(&honest), straight(&cheater)], generator, &mut seen);
		assert_eq!(guilty, [false, true], "{}", context());
		let guilty = play(&ground, [straight(&cheater), straight(&honest)], generator, &mut seen);
		assert_eq!(guilty, [true, false], "{}", context());
		let (other, _) = dissenter(job, &full, generator);
		if other.claim != cheater.claim {
			let guilty =
				play(&ground, [straight(&cheater), straight(&other)], generator, &mut seen);
			assert_ne!(guilty, NOBODY, "{}", context());
		}
		*met.entry(what).or_default() += 1;
	}
}

#[test]
fn who_changes_anything_is_convicted_and_who_is_honest_never() {
	let mut generator = Generator::new(7);
	let mut met = BTreeMap::new();
	for seed in 0..48 {
		check_games(&common::any(seed), 40, &mut generator, &mut met);
	}
	assert!(met.values().sum::<u32>() > 1_500, "{met:?}");
	assert!(met.len() >= 10 && met.values().all(|games| *games > 5), "{met:?}");
}

/// An adversary that alters what it sends, stays silent, repeats itself and answers what nobody
/// asked, against a party that knows nothing but the question.
#[test]
fn no_adversary_convicts_an_honest_party_or_escapes() {
	let mut generator = Generator::new(11);
	let mut seen = Seen::default();
	for seed in 0..56 {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		let ground = ground(&layout, &full);
		for _ in 0..40 {
			let honest = Party::honest(&full);
			let (cheater, what) = dissenter(&job, &full, &mut generator);
			let context = || format!("{} {:?}: {what}", job.name, job.parameters);
			let players = [straight(&honest), wild(&cheater)];
			let guilty = play(&ground, players, &mut generator, &mut seen);
			assert_eq!(guilty, [false, true], "{}", context());
			let players = [wild(&cheater), straight(&honest)];
			let guilty = play(&ground, players, &mut generator, &mut seen);
			assert_eq!(guilty, [true, false], "{}", context());
			let (other, _) = dissenter(&job, &full, &mut generator);
			if other.claim != cheater.claim {
				let players = [wild(&cheater), wild(&other)];
				let guilty = play(&ground, players, &mut generator, &mut seen);
				assert_ne!(guilty, NOBODY, "{}", context());
			}
		}
	}
	assert!(seen.games > 6_000, "{seen:?}");
	assert!(seen.longest > 6 && seen.longest <= MOVES_MAX, "{seen:?}");
	let both = ["children", "leaf", "partials", "output children", "output segment"];
	assert!(both.iter().all(|question| seen.ends.contains_key(&(question, true))), "{seen:?}");
	let either = ["openings", "counts", "output opening"];
	assert!(either.iter().all(|question| seen.ends.contains_key(&(question, false))), "{seen:?}");
	let refusals = ["Stale", "Kind", "Answered", "Disclosure", "Order", "Missing", "Surplus"];
	let refusals = refusals.iter().chain(&["Opening", "Referee", "Element"]);
	for refusal in refusals {
		assert!(seen.refusals.contains(*refusal), "{refusal}: {seen:?}");
	}
}

/// Every operator: a changed element of each, at the ends of its first and last row.
#[test]
fn who_changes_one_element_of_any_operator_is_convicted() {
	let mut generator = Generator::new(8);
	let mut seen = Seen::default();
	for seed in 0..22 {
		let job = common::any(seed);
		let (layout, full) = (job.layout(), Full::of(&job));
		let (ground, honest) = (ground(&layout, &full), Party::honest(&full));
		for step in [0, full.claim.count() - 1] {
			for operator in 0..layout.operators() {
				let leaves = layout.leaves_of(step, operator).unwrap();
				for index in [leaves.start, leaves.end - 1] {
					let mut bytes = full.leaves[index as usize].clone();
					// The lowest bit of the last element, so that it stays in range mostly.
					let size = layout.leaf(index).unwrap().element_bytes as usize;
					let at = bytes.len() - size;
					bytes[at] ^= 1;
					let mut cheater = Party::honest(&full);
					cheater.change([(index, bytes)]);
					cheater.dissent(&mut generator);
					let name = layout.operator(operator).unwrap().name();
					let players = [straight(&cheater), straight(&honest)];
					let guilty = play(&ground, players, &mut generator, &mut seen);
					assert_eq!(guilty, [true, false], "{} {name}, step {step}", job.name);
				}
			}
		}
	}
}

/// Three levels of disclosures, and openings out of steps long past.
#[test]
fn a_long_run_is_judged_like_a_short_one() {
	let mut generator = Generator::new(10);
	let job = common::endless();
	let (layout, full) = (job.layout(), Full::of(&job));
	let (ground, honest) = (ground(&layout, &full), Party::honest(&full));
	let mut seen = Seen::default();
	for _ in 0..60 {
		let (cheater, what) = dissenter(&job, &full, &mut generator);
		let players = [straight(&honest), straight(&cheater)];
		let guilty = play(&ground, players, &mut generator, &mut seen);
		assert_eq!(guilty, [false, true], "{what}");
	}
	// And the longest game that there can be: an element that reduces, in the last step.
	let step = full.claim.count() - 1;
	let reduces = |operator: &u32| layout.blocks(step, *operator) > 1;
	let operator = (0..layout.operators()).find(reduces).unwrap();
	let index = layout.first_leaf(step, operator).unwrap();
	let mut bytes = full.leaves[index as usize].clone();
	bytes[0] ^= 1;
	let mut cheater = Party::honest(&full);
	cheater.change([(index, bytes)]);
	cheater.dissent(&mut generator);
	for _ in 0..60 {
		let players = [straight(&honest), straight(&cheater)];
		let guilty = play(&ground, players, &mut generator, &mut seen);
		assert_eq!(guilty, [false, true]);
	}
	assert_eq!(seen.longest, MOVES_MAX);
}

/// A party that runs other weights, or another prompt, with a trace that is right for them.
#[test]
fn who_runs_something_else_is_convicted() {
	let mut generator = Generator::new(9);
	let (mut games, mut seen) = (0, Seen::default());
	for seed in 0..24 {
		let job = common::any(seed);
		let mut other = common::any(seed);
		if seed.is_multiple_of(2) {
			let end = other.weights.len();
			other.weights[end - 64..].iter_mut().for_each(|byte| *byte ^= 0x55);
		} else {
			other.input[..4].copy_from_slice(&3u32.to_le_bytes());
		}
		let (layout, full, false_full) = (job.layout(), Full::of(&job), Full::of(&other));
		let honest = Party::honest(&full);
		let changed = (0u32..).zip(&false_full.leaves).zip(&full.leaves);
		let changed = changed.filter(|((_, new), old)| new != old);
		let mut cheater = Party::honest(&full);
		cheater.change(changed.map(|((index, new), _)| (index, new.clone())).collect::<Vec<_>>());
		cheater.claims(false_full.claim.count(), false_full.output.clone());
		if cheater.body() == honest.body() {
			continue;
		}
		cheater.dissent(&mut generator);
		games += 1;
		let players = [straight(&honest), straight(&cheater)];
		let guilty = play(&ground(&layout, &full), players, &mut generator, &mut seen);
		assert_eq!(guilty, [false, true]);
	}
	assert!(games > 12);
}

#[test]
fn the_output_digest_is_the_node_of_emit() {
	let full = Full::of(&common::decoder(5));
	let Claim::Output { count, data } = full.claim else { panic!() };
	assert_eq!(data, merkle::blob(&full.output));
	assert_eq!(full.claim.output(), merkle::node(&merkle::leaf(&count.to_le_bytes()), &data));
	let root = trace_root(&full.roots.body, &full.claim.output());
	assert_eq!(root, merkle::node(&full.roots.body, &full.claim.output()));
}

#[test]
fn one_claim_makes_no_game() {
	let job = common::decoder(5);
	let (claim, outline) = (Full::of(&job).claim, job.layout().outline());
	assert_eq!(Game::new([claim; 2], outline), Err(GameError::SameClaim));
	let claim = Claim::Invalid { code: InvalidCode::Token.code() };
	assert_eq!(Game::new([claim; 2], outline), Err(GameError::SameClaim));
}

/// A chain makes the outline without the program.
#[test]
fn the_outline_of_the_forms_is_that_of_the_layout() {
	for seed in 0..64 {
		let job = common::any(seed);
		let form = LeafForm::of(&job.program).unwrap();
		let outline = Outline::of(&form, &job.program.cost_form(), &job.parameters).unwrap();
		assert_eq!(outline, job.layout().outline());
	}
}

/// A run stops once: whoever says that it did twice is wrong, wherever he says that it ended.
#[test]
fn two_counts_of_a_trace_that_stops_twice_are_both_wrong() {
	let mut generator = Generator::new(13);
	let endings: Vec<Job> = (0..200).map(common::decoder).collect();
	let job = endings.iter().find(|job| Full::of(job).claim.count() > 3).unwrap();
	let (layout, full) = (job.layout(), Full::of(job));
	let per_step = full.output.len() / full.claim.count() as usize;
	let ends_after = |count: u32| {
		let mut party = Party::honest(&full);
		let one = 1i32.to_le_bytes().to_vec();
		party.change([1, 2].map(|step| (layout.stop_leaf(step).unwrap(), one.clone())));
		party.claims(count, full.output[..per_step * count as usize].to_vec());
		party
	};
	let (left, right, mut seen) = (ends_after(1), ends_after(2), Seen::default());
	let players = [straight(&left), straight(&right)];
	let guilty = play(&ground(&layout, &full), players, &mut generator, &mut seen);
	assert_eq!(guilty, [true; 2]);
	assert_eq!(seen.ends, BTreeMap::from([(("counts", false), 1)]));
}

/// Who shows the true output under another claim has not shown what it claims.
#[test]
fn an_output_that_is_not_the_claimed_one_is_refused() {
	let mut generator = Generator::new(14);
	let job = common::decoder(5);
	let (layout, full) = (job.layout(), Full::of(&job));
	let (honest, mut liar) = (Party::honest(&full), Party::honest(&full));
	liar.dissent(&mut generator);
	liar.output = full.output.clone();
	for (players, guilty) in [
		([straight(&honest), straight(&liar)], [false, true]),
		([straight(&liar), straight(&honest)], [true, false]),
	] {
		let mut seen = Seen::default();
		assert_eq!(play(&ground(&layout, &full), players, &mut generator, &mut seen), guilty);
		assert_eq!(seen.ends, BTreeMap::from([(("output children", true), 1)]));
		assert!(seen.refusals.contains("Disclosure"), "{seen:?}");
	}
}

/// One move after the other, with the reason why each wrong one is refused.
#[test]
fn a_move_out_of_turn_is_refused_and_silence_convicts() {
	let (job, other) = (common::decoder(5), common::encoder(5));
	let (layout, full) = (job.layout(), Full::of(&job));
	let ground = ground(&layout, &full);
	let mut liar = Party::honest(&full);
	liar.change([(0, Vec::new())]);
	liar.dissent(&mut Generator::new(1));
	let honest = Party::honest(&full);
	let game = Game::new([honest.claim, liar.claim], layout.outline()).unwrap();
	assert_eq!(game.timeout(), [true; 2]);
	let question = game.question();
	let top = Question::Children { level: layout.tree().levels(), position: 0 };
	assert_eq!(question, top);
	let [claimant, challenger] = Side::BOTH;
	let move_of = |game: &Game, side, question: &Question, party: &Party<'_>| {
		let answer = party.answer(&layout, question, &mut Generator::new(1)).unwrap();
		game.play(&ground, side, question, &answer)
	};

	let leaf = Question::Leaf { index: 0 };
	assert_eq!(move_of(&game, claimant, &leaf, &honest), Err(Refusal::Stale));
	let wrong = Answer::Bytes(Vec::new());
	assert_eq!(game.play(&ground, claimant, &question, &wrong), Err(Refusal::Kind));
	let children = honest.children(layout.tree().levels(), 0);
	let refused = game.play_children(claimant, &question, &children[1..]);
	assert!(matches!(refused, Err(Refusal::Disclosure(_))));

	let Ok(Turn::Waits(game)) = game.play_children(claimant, &question, children) else { panic!() };
	assert_eq!((game.question(), game.timeout()), (question, [false, true]));
	assert_eq!((game.owes(claimant), game.owes(challenger)), (false, true));
	assert_eq!(game.play_children(claimant, &question, children), Err(Refusal::Answered));
	let Ok(Turn::Next(mut game)) = move_of(&game, challenger, &question, &liar) else { panic!() };
	assert_eq!(game.bodies(), Some(&[honest.body(), liar.body()]));
	assert_eq!(game.play_children(claimant, &question, children), Err(Refusal::Stale));

	while game.question() != leaf {
		let question = game.question();
		assert_eq!(game.timeout(), [true; 2]);
		let Ok(Turn::Waits(next)) = move_of(&game, challenger, &question, &liar) else { panic!() };
		assert_eq!(next.timeout(), [true, false]);
		let Ok(Turn::Next(next)) = move_of(&next, claimant, &question, &honest) else { panic!() };
		game = next;
	}
	let other_layout = other.layout();
	let elsewhere = Ground { layout: &other_layout, ..ground };
	let answer = Answer::Bytes(honest.leaf(0).to_vec());
	assert_eq!(game.play(&elsewhere, claimant, &leaf, &answer), Err(Refusal::Ground));
	assert!(matches!(game.play(&ground, claimant, &leaf, &answer), Ok(Turn::Waits(_))));
}
