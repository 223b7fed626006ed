//! An adversary drawn by chance against an honest party, through the calls of the pallet:
//! whatever it computes, discloses, distorts or leaves out, it loses, and the honest party never
//! does.

use crate::{mock::*, Verdict};
use assay_primitives::SlotId;
use assay_program::Claim;
use assay_reference::sample::Generator;
use assay_trace::{Answer, Question, ReferenceSteps, Side, Tracer};
use codec::Encode;
use frame_support::traits::fungible::Mutate;
use pallet_jobs::types::SlotState;
use sp_runtime::transaction_validity::TransactionValidityError;
use std::{cell::RefCell, collections::BTreeMap};

/// Games that are played, in four tests that run side by side.
const GAMES: u64 = 10_000;
/// Jobs whose slots and challengers say this and that.
const CROWDS: u64 = 100;
/// Each so many-th is between two slots of a job.
const OPPOSED_EVERY: u64 = 5;
/// Wrong runs that adversaries of one test defend.
const RUNS: usize = 48;

/// A run with its answers, each of which is computed once: it is the same in every game.
struct Player<'a> {
	tracer: Tracer<'a, ReferenceSteps<'a>>,
	known: RefCell<BTreeMap<Vec<u8>, Option<Answer>>>,
}

impl<'a> Player<'a> {
	fn new(run: &'a Run) -> Self {
		Self { tracer: run.tracer(), known: RefCell::default() }
	}

	fn answer(&self, question: &Question) -> Option<Answer> {
		let mut known = self.known.borrow_mut();
		let compute = || self.tracer.answer(question).ok();
		known.entry(question.encode()).or_insert_with(compute).clone()
	}
}

/// What an adversary does beside computing something else.
#[derive(Clone, Copy, Debug)]
enum Habit {
	/// Nothing: it defends what it has computed.
	Consistent,
	/// It answers nothing from its so many-th answer on.
	Silent(u32),
	/// It changes a byte of its so many-th answer, and answers rightly when that is refused.
	Distorting(u32),
	/// It first answers what was asked before.
	Stale,
	/// It first answers in the name of the other side.
	Impersonating,
}

struct Adversary<'a> {
	player: &'a Player<'a>,
	habit: Habit,
	answers: u32,
	last: Option<(Question, Answer)>,
}

impl Adversary<'_> {
	fn draw(generator: &mut Generator) -> Habit {
		let moment = generator.below(7);
		match generator.below(5) {
			0 => Habit::Consistent,
			1 => Habit::Silent(moment),
			2 => Habit::Distorting(moment),
			3 => Habit::Stale,
			_ => Habit::Impersonating,
		}
	}

	/// Makes its move; whether something was taken.
	fn play(&mut self, game: SlotId, side: Side, generator: &mut Generator) -> bool {
		let question = Disputes::game_view(game).unwrap().question;
		let Some(right) = self.player.answer(&question) else { return false };
		match self.habit {
			Habit::Silent(from) if self.answers >= from => return false,
			Habit::Distorting(moment) if self.answers == moment => {
				let distorted = distort(&right, generator);
				// Where it is taken it is a disclosure like any other, and will be found out.
				if send(game, side, distorted).is_ok() {
					self.answers += 1;
					return true;
				}
			},
			Habit::Stale => {
				if let Some((old, answer)) = self.last.clone() {
					let mut call = answer_call(game, side, answer);
					if let RuntimeCall::Disputes(crate::Call::answer { question, .. }) = &mut call {
						*question = old;
					}
					assert!(dispatch_authorized(call).is_err(), "the signature names the question");
				}
			},
			Habit::Impersonating => {
				let mut call = answer_call(game, side, right.clone());
				let other = if side == Side::Claimant { Side::Challenger } else { Side::Claimant };
				if let RuntimeCall::Disputes(crate::Call::answer { side, .. }) = &mut call {
					*side = other;
				}
				assert!(dispatch_authorized(call).is_err(), "the signature is the other's");
			},
			_ => {},
		}
		self.answers += 1;
		self.last = Some((question, right.clone()));
		send(game, side, right).is_ok()
	}
}

/// Changes one byte or one length.
fn distort(answer: &Answer, generator: &mut Generator) -> Answer {
	let mut answer = answer.clone();
	let place = |length: usize, generator: &mut Generator| {
		generator.below(u32::try_from(length.max(1)).unwrap()) as usize
	};
	match &mut answer {
		Answer::Children(hashes) => {
			let at = place(hashes.len(), generator);
			hashes[at][3] ^= 1;
		},
		Answer::Bytes(bytes) if bytes.is_empty() => bytes.push(0),
		Answer::Bytes(bytes) => {
			let at = place(bytes.len(), generator);
			bytes[at] ^= 1;
		},
		Answer::Partials(partials, _) => {
			let at = place(partials.len(), generator);
			partials[at].value ^= 1;
		},
		Answer::Openings(openings) | Answer::Offence(_, openings) => {
			let at = place(openings.len(), generator);
			if let Some((_, opening)) = openings.get_mut(at) {
				opening.bytes.push(0);
			}
		},
	}
	answer
}

fn send(game: SlotId, side: Side, answer: Answer) -> Result<(), TransactionValidityError> {
	dispatch_authorized(answer_call(game, side, answer)).map(|done| assert_eq!(done, Ok(())))
}

/// A run on weights that are wrong by chance, from one bit to many bytes, and so that its result
/// is.
fn spoiled(right: &Claim, generator: &mut Generator) -> Run {
	loop {
		let mut run = Run::honest();
		spoil(&mut run, generator);
		if run.claim() != *right {
			return run;
		}
	}
}

fn spoil(run: &mut Run, generator: &mut Generator) {
	let length = u32::try_from(run.weights.len()).unwrap();
	for _ in 0..=generator.below(4) {
		let at = generator.below(length) as usize;
		let reach = 1 << generator.below(9);
		let end = (at + reach).min(run.weights.len());
		let bits = 1 << generator.below(8);
		run.weights[at..end].iter_mut().for_each(|byte| *byte ^= bits);
	}
}

/// Plays one game to its end.
fn game(nonce: u64, honest: &Player<'_>, player: &Player<'_>, generator: &mut Generator) {
	let habit = Adversary::draw(generator);
	let mut adversary = Adversary { player, habit, answers: 0, last: None };
	let (right, wrong) = (honest.tracer.claim(), player.tracer.claim());
	let liar = if generator.below(2) == 0 { Side::Claimant } else { Side::Challenger };
	let (claim, other) = if liar == Side::Claimant { (wrong, right) } else { (right, wrong) };
	let id = if nonce.is_multiple_of(OPPOSED_EVERY) {
		let (_, [slot, rival]) = opposed(nonce, [claim, other], 0);
		oppose(slot, rival)
	} else {
		let (_, slot) = claimed(nonce, sample().input, claim);
		challenge(&challenger(), slot, other).unwrap()
	};
	let first = generator.below(2) == 0;
	loop {
		let mut moved = false;
		for liar_moves in [first, !first] {
			let side = match (liar_moves, liar) {
				(true, side) => side,
				(false, Side::Claimant) => Side::Challenger,
				(false, Side::Challenger) => Side::Claimant,
			};
			let Some(view) = Disputes::game_view(id) else { break };
			if !side.of(&view.owes) {
				continue;
			}
			moved |= match liar_moves {
				true => adversary.play(id, side, generator),
				false => {
					let answer = honest.answer(&view.question).unwrap();
					send(id, side, answer).expect("an honest party can always answer");
					true
				},
			};
		}
		if Disputes::game_view(id).is_some() && !moved {
			time_out(id);
		}
		if let Some(end) = closed() {
			let expected = match liar {
				Side::Claimant => Verdict::ClaimantGuilty,
				Side::Challenger => Verdict::ChallengerGuilty,
			};
			assert_eq!(end.verdict, expected, "game {nonce}: {:?}", adversary.habit);
			return;
		}
	}
}

/// What jobs settled to in this block.
fn settled() -> Vec<assay_primitives::OutputDigest> {
	let receipt = |event| match event {
		RuntimeEvent::Jobs(pallet_jobs::Event::JobSettled { receipt, .. }) => Some(receipt.output),
		_ => None,
	};
	System::events().into_iter().filter_map(|record| receipt(record.event)).collect()
}

/// Whoever lies loses, and who is honest never does.
fn play_a_quarter(seed: u64) {
	new_test_ext().execute_with(|| {
		let mut generator = Generator::new(seed);
		let right = Run::honest();
		let honest = Player::new(&right);
		let claim = honest.tracer.claim();
		let runs: Vec<Run> = (0..RUNS).map(|_| spoiled(&claim, &mut generator)).collect();
		let players: Vec<Player<'_>> = runs.iter().map(Player::new).collect();
		for (nonce, player) in (0..GAMES / 4).zip(players.iter().cycle()) {
			// Nobody runs dry: this is not about funds.
			for who in [challenger(), tenant(), provider(), other_provider()] {
				Balances::set_balance(&who, 10 * BOND);
			}
			for who in [provider(), other_provider()] {
				let _ = ProviderStake::bond(signed(who), BOND);
			}
			keep_alive();
			game(nonce, &honest, player, &mut generator);
			if nonce % 64 == 0 {
				try_state();
			}
			jump_to(System::block_number() + 30);
			settle_all();
			// A job with a right claim settles to it, whichever of two slots it was.
			let outputs = settled();
			assert!(outputs.iter().all(|output| *output == claim.output().into()));
			assert!(outputs.len() == 1 || !nonce.is_multiple_of(OPPOSED_EVERY));
		}
		try_state();
	});
}

#[test]
fn whoever_lies_loses_1() {
	play_a_quarter(11);
}

#[test]
fn whoever_lies_loses_2() {
	play_a_quarter(12);
}

#[test]
fn whoever_lies_loses_3() {
	play_a_quarter(13);
}

#[test]
fn whoever_lies_loses_4() {
	play_a_quarter(14);
}

/// Games of one job, each with the players of both sides; the first player is honest.
type Games = Vec<(SlotId, [usize; 2])>;

/// Every game that three slots and a challenger with a bond can have about their claims.
fn open_all(
	nonce: u64,
	players: &[Player<'_>],
	generator: &mut Generator,
) -> ([SlotId; 3], [usize; 3], Games) {
	let mut draw = || generator.below(u32::try_from(players.len()).unwrap()) as usize;
	let who = [draw(), draw(), draw()];
	let claims = who.map(|player| players[player].tracer.claim());
	let (_, slots) = opposed(nonce, claims, 8 * UNIT);
	let mut games = Games::new();
	for (left, right) in [(1, 2), (0, 2), (0, 1)] {
		if claims[left] != claims[right] {
			games.push((oppose(slots[right], slots[left]), [who[left], who[right]]));
		}
	}
	for (slot, player) in slots.into_iter().zip(who) {
		let other = draw();
		// Refused where it says the same, or has its two games.
		let claim = players[other].tracer.claim();
		if let Ok(game) = challenge(&other_challenger(), slot, claim) {
			games.push((game, [player, other]));
		}
	}
	(slots, who, games)
}

/// Plays a round of each game; whether anybody moved. Liars fall silent by chance.
fn play_round(games: &Games, players: &[Player<'_>], generator: &mut Generator) -> bool {
	let mut moved = false;
	for (game, sides) in games {
		for (side, player) in Side::BOTH.into_iter().zip(*sides) {
			let Some(view) = Disputes::game_view(*game) else { break };
			let is_silent = player != 0 && generator.below(8) == 0;
			if !side.of(&view.owes) || is_silent {
				continue;
			}
			let Some(answer) = players[player].answer(&view.question) else { continue };
			let is_taken = send(*game, side, answer).is_ok();
			assert!(is_taken || player != 0, "an honest party can always answer");
			moved |= is_taken;
		}
	}
	moved
}

/// Plays all games to their ends, side by side.
fn play_all(mut games: Games, players: &[Player<'_>], generator: &mut Generator) {
	while !games.is_empty() {
		if play_round(&games, players, generator) {
			roll_by(1);
		} else {
			let due = |game| Disputes::game_view(game).map_or(0, |view| view.due_at);
			let last = games.iter().map(|(game, _)| due(*game)).max().unwrap_or_default();
			jump_to(last.max(System::block_number()) + 1);
			for (game, _) in &games {
				let _ = Disputes::timeout(signed(tenant()), *game);
			}
		}
		try_state();
		games.retain(|(game, _)| Disputes::game_view(*game).is_some());
	}
}

fn play_crowd(nonce: u64, players: &[Player<'_>], generator: &mut Generator) {
	let right = players[0].tracer.claim();
	let (slots, who, games) = open_all(nonce, players, generator);
	let issued = Balances::total_issuance();
	play_all(games, players, generator);
	assert_eq!(Balances::total_issuance(), issued, "games make no coin and lose none");
	assert_eq!(crate::Convictions::<Test>::iter().count(), 0);
	assert_eq!(crate::Oppositions::<Test>::iter().count(), 0);
	let states = slots.map(|slot| pallet_jobs::Slots::<Test>::get(slot).map(|slot| slot.state));
	let is_guilty = states.map(|state| matches!(state, Some(SlotState::Guilty { .. })));
	for (is_guilty, player) in is_guilty.into_iter().zip(who) {
		let is_right = player == 0;
		assert!(!is_guilty || !is_right, "an honest slot is never convicted");
		assert!(is_guilty || is_right || !who.contains(&0), "who is wrong beside one always is");
	}
	let is_open = states[0].is_some();
	assert!(is_open || !who.contains(&0), "a right claim is never refuted");
	jump_to(System::block_number() + 30);
	settle_all();
	let outputs = settled();
	assert_eq!(outputs.len(), usize::from(is_open));
	if who.contains(&0) {
		assert_eq!(outputs, [right.output().into()]);
	}
}

#[test]
fn no_crowd_of_liars_harms_an_honest_party() {
	new_test_ext().execute_with(|| {
		let mut generator = Generator::new(15);
		let right = Run::honest();
		let claim = right.claim();
		let liars = (0..3).map(|_| spoiled(&claim, &mut generator)).collect::<Vec<_>>();
		let players: Vec<_> = core::iter::once(&right).chain(&liars).map(Player::new).collect();
		for nonce in 0..CROWDS {
			for who in [provider(), other_provider(), challenger(), other_challenger(), tenant()] {
				Balances::set_balance(&who, 10 * BOND);
			}
			for who in [provider(), other_provider(), challenger()] {
				let _ = ProviderStake::bond(signed(who), BOND);
			}
			keep_alive();
			play_crowd(nonce, &players, &mut generator);
		}
	});
}
