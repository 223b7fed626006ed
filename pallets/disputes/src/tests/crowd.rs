//! Three and ten parties of one job, each of which claims what it likes, and challengers beside
//! them.

use super::arena::{
	assert_nothing_left, fields, jobs, refill, settle, Books, Field, Player, Seen, Truth,
};
use crate::mock::*;
use assay_primitives::{AccountId, OutputDigest, SlotId};
use assay_reference::sample::Generator;
use assay_trace::{testing::tamper, Question, Side};
use frame_support::assert_ok;
use pallet_jobs::types::SlotState;

/// Jobs with three parties, and with ten.
const CROWDS: [(usize, u64); 2] = [(3, 60), (10, 12)];

/// A game with who plays both sides.
type Game<'a> = (SlotId, [&'a Player<'a>; 2]);

/// A job's parties: the provider of the lease, and others.
fn parties(number: usize) -> Vec<AccountId> {
	(0..number as u8).map(|n| if n == 0 { provider() } else { account(100 + n) }).collect()
}

/// Every game between two slots, in any order, and up to two challenges of each of some slots.
fn open_all<'a>(
	slots: &[SlotId],
	who: &[&'a Player<'a>],
	all: &'a [Player<'a>],
	generator: &mut Generator,
) -> Vec<Game<'a>> {
	let mut games = Vec::new();
	for right in (0..slots.len()).rev() {
		for left in 0..right {
			if who[left].claim != who[right].claim {
				let [lower, higher] = [left, right].map(|at| slots[at]);
				games.push((oppose(higher, lower), [who[left], who[right]]));
			}
		}
	}
	for (slot, player) in slots.iter().zip(who) {
		for challenger in [challenger(), other_challenger()] {
			let other = &all[generator.below(all.len() as u32) as usize];
			// Refused where it says the same, or has its two games.
			if let Ok(game) = challenge(&challenger, *slot, other.claim) {
				games.push((game, [player, other]));
			}
		}
	}
	games
}

/// Whether a party of a game moved. Liars fall silent by chance, and send what is wrong.
fn moves(field: &Field<'_>, game: &Game<'_>, side: Side, generator: &mut Generator) -> bool {
	let (id, players) = game;
	let player = side.of(players);
	let Some(view) = Disputes::game_view(*id) else { return false };
	if !side.of(&view.owes) || (!player.honest && generator.below(8) == 0) {
		return false;
	}
	let Some(answer) = player.answer(&field.layout, &view.question, generator) else {
		return false;
	};
	let party = player.party().filter(|_| !player.honest && generator.below(4) == 0);
	let other = party.and_then(|party| tamper(party, &field.layout, &answer, generator));
	let sent = other.map_or(answer, |(other, _)| other);
	let taken =
		dispatch_authorized(answer_call(*id, side, sent)).map(|done| assert_eq!(done, Ok(())));
	// The first offence may have been shown by the other one.
	let is_shown = view.question == Question::Offence;
	assert!(taken.is_ok() || !player.honest || is_shown, "an honest party can always answer");
	taken.is_ok()
}

/// Plays all games to their ends, side by side.
fn play_all(field: &Field<'_>, mut games: Vec<Game<'_>>, generator: &mut Generator) {
	while !games.is_empty() {
		let mut moved = false;
		for game in &games {
			for side in Side::BOTH {
				moved |= moves(field, game, side, generator);
			}
		}
		if moved {
			roll_by(1);
		} else {
			let due = |game| Disputes::game_view(game).map_or(0, |view| view.due_at);
			let last = games.iter().map(|(game, _)| due(*game)).max().unwrap_or_default();
			jump_to(last.max(System::block_number()) + 1);
			for (game, _) in &games {
				let _ = Disputes::timeout(signed(tenant()), *game);
			}
		}
		games.retain(|(game, _)| Disputes::game_view(*game).is_some());
	}
}

/// What is left of the slots of a job after all games about it, and what the job settles to.
fn check_slots(slots: &[SlotId], who: &[&Player<'_>]) {
	let is_honest = |player: &&Player<'_>| player.honest;
	let one_is = who.iter().any(is_honest);
	let states = slots.iter().map(pallet_jobs::Slots::<Test>::get);
	for (slot, player) in states.zip(who) {
		let state = slot.map(|slot| slot.state);
		let is_guilty = matches!(state, Some(SlotState::Guilty { .. }));
		assert!(state.is_some() || !one_is, "a right claim is never refuted");
		assert!(!is_guilty || !player.honest, "an honest slot is never convicted");
		assert!(is_guilty || player.honest || !one_is, "who is wrong beside one always is");
	}
}

fn play_crowd(
	(nonce, number): (u64, usize),
	field: &Field<'_>,
	generator: &mut Generator,
	seen: &mut Seen,
) {
	let mut all = vec![field.honest.clone()];
	while all.len() < 5 {
		all.push(field.liar(generator, seen));
	}
	let who: Vec<&Player<'_>> =
		(0..number).map(|_| &all[generator.below(all.len() as u32) as usize]).collect();
	let parties = parties(number);
	refill(&parties);
	let books = Books::open();
	let claims: Vec<_> =
		parties.iter().cloned().zip(who.iter().map(|player| player.claim)).collect();
	let (_, slots) = field.claimed(nonce, &claims, UNIT);
	let games = open_all(&slots, &who, &all, generator);
	try_state();
	for _ in &games {
		seen.note(format!("games of {number}"));
	}
	play_all(field, games, generator);
	try_state();
	check_slots(&slots, &who);
	let outputs = settle();
	assert_nothing_left();
	let change = books.balance(nonce);
	let honest = parties.iter().zip(&who).filter(|(_, player)| player.honest);
	assert!(honest.clone().all(|(party, _)| change(party) >= 0), "who is honest has lost");
	if honest.count() > 0 {
		assert_eq!(outputs, [OutputDigest::from(field.honest.claim.output())]);
		seen.note(format!("settled of {number}"));
	}
}

#[test]
fn no_crowd_of_liars_harms_an_honest_party() {
	let all = jobs();
	let truths: Vec<Truth> = all.iter().map(Truth::of).collect();
	new_test_ext().execute_with(|| {
		let (mut generator, mut seen) = (Generator::new(15), Seen::default());
		for who in parties(10).iter().skip(1) {
			refill(core::slice::from_ref(who));
			assert_ok!(register_provider(who.clone()));
		}
		let fields = fields(&all, &truths, &mut generator);
		let mut fields = fields.iter().cycle();
		let mut nonces = 0..;
		for (number, jobs) in CROWDS {
			for _ in 0..jobs {
				let (nonce, field) = nonces.next().zip(fields.next()).unwrap();
				play_crowd((nonce, number), field, &mut generator, &mut seen);
			}
			assert!(seen.count(&format!("games of {number}")) > 3 * jobs as u32, "{seen:?}");
			assert!(seen.count(&format!("settled of {number}")) * 4 > jobs as u32, "{seen:?}");
		}
	});
}
