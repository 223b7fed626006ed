//! Attacks by name, and what becomes of each.

use super::arena::{
	assert_nothing_left, fields, jobs, refill, settle, Books, Field, Player, Seen, Truth,
};
use crate::{mock::*, EndReason, Error, Event, Verdict};
use assay_primitives::{worker_statement, AccountId, Balance, OutputDigest, SlotId, WorkerKey};
use assay_reference::sample::Generator;
use assay_trace::{
	testing::{Cheat, Party},
	Question, Side,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::Pair;
use sp_runtime::transaction_validity::InvalidTransaction;
use std::collections::BTreeMap;

/// A test about one of the jobs, in which all invariants hold at the end.
fn with_field(name: &str, test: impl FnOnce(&Field<'_>, &mut Generator)) {
	let all: Vec<_> = jobs().into_iter().filter(|job| job.name == name).collect();
	let truths: Vec<Truth> = all.iter().map(Truth::of).collect();
	build_and_execute(|| {
		let mut generator = Generator::new(21);
		let fields = fields(&all, &truths, &mut generator);
		refill(&[provider(), other_provider()]);
		test(&fields[0], &mut generator);
	});
}

/// Liars that all claim something else.
fn liars<'a>(field: &Field<'a>, number: usize, generator: &mut Generator) -> Vec<Player<'a>> {
	let mut liars: Vec<Player<'a>> = Vec::new();
	while liars.len() < number {
		let liar = field.liar(generator, &mut Seen::default());
		if liars.iter().all(|other| other.claim != liar.claim) {
			liars.push(liar);
		}
	}
	liars
}

/// One answer of a side, if it owes one and has one that is taken.
fn answers(field: &Field<'_>, game: SlotId, side: Side, player: &Player<'_>) -> bool {
	let Some(view) = Disputes::game_view(game) else { return false };
	let mut generator = Generator::new(1);
	let answer = player.answer(&field.layout, &view.question, &mut generator);
	let Some(answer) = answer.filter(|_| *side.of(&view.owes)) else { return false };
	let taken = dispatch_authorized(answer_call(game, side, answer));
	assert!(taken.is_ok() || !player.honest, "{:?}", view.question);
	taken.is_ok()
}

/// Both sides defend their claims; how it ended, and with which question.
fn defended(field: &Field<'_>, game: SlotId, players: [&Player<'_>; 2]) -> (End, Question) {
	loop {
		let question = Disputes::game_view(game).unwrap().question;
		let moved = Side::BOTH.map(|side| answers(field, game, side, players[side as usize]));
		if moved == [false; 2] {
			time_out(game);
		}
		if let Some(end) = closed() {
			return (end, question);
		}
		roll_by(1);
	}
}

/// All sides of games defend their claims, side by side; how the games ended.
fn all_defended(
	field: &Field<'_>,
	games: &[(SlotId, [&Player<'_>; 2])],
) -> BTreeMap<SlotId, (Verdict, Balance)> {
	let mut ends = BTreeMap::new();
	while ends.len() < games.len() {
		let mut moved = false;
		for (game, players) in games {
			for side in Side::BOTH {
				moved |= answers(field, *game, side, players[side as usize]);
			}
		}
		let views = games.iter().filter_map(|(game, _)| Disputes::game_view(*game));
		if let (false, Some(due)) = (moved, views.map(|view| view.due_at).min()) {
			jump_to(due + 1);
			// Those whose time is not over yet stay.
			games.iter().for_each(|(game, _)| {
				let _ = Disputes::timeout(signed(tenant()), *game);
			});
		}
		for event in events() {
			if let Event::GameClosed { game, verdict, forfeited, .. } = event {
				ends.insert(game, (verdict, forfeited));
			}
		}
		roll_by(1);
	}
	ends
}

fn account_of(number: usize) -> AccountId {
	account(100 + number as u8)
}

/// There are no two results, so there is nothing to dispute: what was computed on the way is of no
/// consequence to anybody.
#[test]
fn a_wrong_trace_of_the_right_output_makes_no_game() {
	with_field("restless", |field, generator| {
		let full = field.full().unwrap();
		let mut liar = Party::honest(full);
		let leaf = generator.below(field.layout.tree().leaves());
		liar.change([(leaf, Vec::new())]);
		assert!(liar.claim == full.claim && liar.body() != full.roots.body);
		let claims = [(provider(), liar.claim), (other_provider(), full.claim)];
		let (_, slots) = field.claimed(0, &claims, 0);
		for slot in &slots {
			let same = challenge(&challenger(), *slot, full.claim);
			assert_eq!(same, Err(Error::<Test>::SameClaim.into()));
		}
		let oppose = RuntimeCall::from(crate::Call::oppose { slot: slots[0], other: slots[1] });
		assert_noop!(dispatch_unchecked(oppose), pallet_jobs::Error::<Test>::NotDisputable);
		assert_eq!(settle(), [OutputDigest::from(full.claim.output())]);
	});
}

#[test]
fn of_ten_claims_the_right_one_settles_and_all_others_fall() {
	with_field("layer", |field, generator| {
		let parties: Vec<_> =
			(0..10).map(|n| if n == 0 { provider() } else { account_of(n) }).collect();
		refill(&parties);
		let mut players = liars(field, 9, generator);
		players.insert(6, field.honest.clone());
		let claims = parties.iter().cloned().zip(players.iter().map(|player| player.claim));
		let books = Books::open();
		let (job, slots) = field.claimed(0, &claims.collect::<Vec<_>>(), 8 * UNIT);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge as i128;
		for place in (0..10).filter(|place| *place != 6) {
			let game = oppose(slots[6], slots[place]);
			let (low, high) = (place.min(6), place.max(6));
			let (end, _) = defended(field, game, [&players[low], &players[high]]);
			let guilty = match place < 6 {
				true => Verdict::ClaimantGuilty,
				false => Verdict::ChallengerGuilty,
			};
			assert_eq!(end.verdict, guilty, "{}", players[place].what);
			// Whoever has fallen needs no further game.
			roll_by(1);
		}
		assert_eq!(settle(), [OutputDigest::from(field.honest.claim.output())]);
		assert_nothing_left();
		let change = books.balance(0);
		for (place, party) in parties.iter().enumerate().filter(|(place, _)| *place != 6) {
			assert_eq!(change(party), -pledge, "slot {place}");
		}
		assert!(change(&parties[6]) > 0, "it is repaid nine times, and paid");
	});
}

/// Challenges by so many accounts, each of which finds a higher bond; the games and bonds.
fn sybils(slot: SlotId, liars: &[Player<'_>]) -> Vec<(SlotId, Balance)> {
	let first = Disputes::bond_for(slot).unwrap();
	let open = |(number, liar): (usize, &Player<'_>)| {
		let bond = Disputes::bond_for(slot).unwrap();
		assert_eq!(bond, first * (number as Balance + 1), "each open game makes the next dearer");
		(challenge(&account_of(number), slot, liar.claim).unwrap(), bond)
	};
	liars.iter().enumerate().map(open).collect()
}

fn fund(number: usize) {
	(0..number).for_each(|number| refill(&[account_of(number)]));
}

#[test]
fn many_challenges_of_a_right_claim_repay_its_party_one_by_one() {
	with_field("network", |field, generator| {
		fund(8);
		let liars = liars(field, 8, generator);
		let books = Books::open();
		let (_, slots) = field.claimed(0, &[(provider(), field.honest.claim)], 0);
		let games = sybils(slots[0], &liars);
		let played: Vec<_> = games
			.iter()
			.zip(&liars)
			.map(|((game, _), liar)| (*game, [&field.honest, liar]))
			.collect();
		let ends = all_defended(field, &played);
		for (game, bond) in &games {
			assert_eq!(ends[game], (Verdict::ChallengerGuilty, *bond));
		}
		assert_eq!(settle(), [OutputDigest::from(field.honest.claim.output())]);
		assert_nothing_left();
		let change = books.balance(0);
		for (number, (_, bond)) in games.iter().enumerate() {
			assert_eq!(change(&account_of(number)), -(*bond as i128));
		}
		let repaid: i128 = games.iter().map(|(_, bond)| (*bond / 2) as i128).sum();
		assert!(change(&provider()) > repaid, "each game is repaid, and the job paid");
	});
}

/// A liar surrounds its claim with challenges of its own, so that others find it dear to challenge:
/// an honest one is not kept away, and loses nothing.
#[test]
fn challenges_around_a_wrong_claim_do_not_protect_it() {
	with_field("layer", |field, generator| {
		fund(6);
		let mut liars = liars(field, 7, generator);
		let claimant = liars.pop().unwrap();
		let books = Books::open();
		let (job, slots) = field.claimed(0, &[(provider(), claimant.claim)], 8 * UNIT);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge as i128;
		let games = sybils(slots[0], &liars);
		let honest = challenge(&challenger(), slots[0], field.honest.claim).unwrap();
		let mut played: Vec<_> =
			games.iter().zip(&liars).map(|((game, _), liar)| (*game, [&claimant, liar])).collect();
		played.push((honest, [&claimant, &field.honest]));
		let ends = all_defended(field, &played);
		assert_eq!(ends[&honest], (Verdict::ClaimantGuilty, 0));
		assert!(ends.values().all(|(verdict, _)| *verdict != Verdict::NobodyGuilty));
		assert!(settle().is_empty(), "a wrong claim never settles");
		assert_nothing_left();
		let change = books.balance(0);
		assert!(change(&challenger()) >= 0);
		let lost: i128 = (0..6).map(account_of).chain([provider()]).map(|who| change(&who)).sum();
		assert!(lost <= -pledge / 2, "together they get back at most half of the pledge: {lost}");
	});
}

/// The key that claimed plays: a new one binds new slots alone.
#[test]
fn a_worker_key_that_is_rotated_in_a_game_plays_on() {
	with_field("restless", |field, generator| {
		let liar = field.cheating(Cheat::EarlyStop, generator);
		for (nonce, honest_claims) in [(0, true), (1, false)] {
			refill(&[provider()]);
			let players = match honest_claims {
				true => [&field.honest, &liar],
				false => [&liar, &field.honest],
			};
			let (_, slots) = field.claimed(nonce, &[(provider(), players[0].claim)], 0);
			let game = challenge(&challenger(), slots[0], players[1].claim).unwrap();
			assert!(answers(field, game, Side::Challenger, players[1]));

			let new = worker_of(&account(77 + nonce as u8));
			let proof = new.sign(&worker_statement(&Jobs::genesis(), &provider()));
			let key: WorkerKey = new.public();
			assert_ok!(Providers::rotate_worker(signed(provider()), key.clone(), proof));
			assert_eq!(Disputes::games_of(key), vec![]);
			let question = Disputes::game_view(game).unwrap().question;
			let answer = players[0].answer(&field.layout, &question, generator).unwrap();
			let mut call = answer_call(game, Side::Claimant, answer);
			let old = call.clone();
			if let RuntimeCall::Disputes(crate::Call::answer { signature, .. }) = &mut call {
				*signature = new.sign(b"any");
			}
			assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::BadProof.into()));
			assert_ok!(dispatch_authorized(old).unwrap());

			let (end, _) = defended(field, game, players);
			let guilty = match honest_claims {
				true => Verdict::ChallengerGuilty,
				false => Verdict::ClaimantGuilty,
			};
			assert_eq!(end.verdict, guilty);
			settle();
			assert_nothing_left();
			let back = worker_of(&provider());
			let proof = back.sign(&worker_statement(&Jobs::genesis(), &provider()));
			assert_ok!(Providers::rotate_worker(signed(provider()), back.public(), proof));
		}
	});
}

#[test]
fn who_would_leave_or_unbond_in_a_game_still_pays() {
	with_field("restless", |field, generator| {
		let liar = field.cheating(Cheat::ExtraStep, generator);
		let books = Books::open();
		let (job, slots) = field.claimed(0, &[(provider(), liar.claim)], 8 * UNIT);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge;
		let game = challenge(&challenger(), slots[0], field.honest.claim).unwrap();
		assert_ok!(Providers::drain(signed(provider())));
		let engaged = pallet_providers::Error::<Test>::StillEngaged;
		assert_noop!(Providers::leave(signed(provider())), engaged);
		let bond = <ProviderStake as assay_primitives::Stake<_, _>>::bonded(&provider());
		assert!(ProviderStake::unbond(signed(provider()), bond).is_err(), "a part is pledged");
		assert_ok!(ProviderStake::unbond(signed(provider()), bond - pledge));
		roll_by(1);
		let (end, _) = defended(field, game, [&liar, &field.honest]);
		assert_eq!((end.verdict, end.slashed), (Verdict::ClaimantGuilty, pledge));
		assert!(settle().is_empty());
		assert_nothing_left();
		assert_eq!(books.balance(0)(&provider()), -(pledge as i128));
	});
}

/// A bond is held: who spends everything else loses it all the same.
#[test]
fn a_challenger_that_empties_its_account_still_pays() {
	with_field("restless", |field, generator| {
		let liar = field.cheating(Cheat::Tokens, generator);
		let (_, slots) = field.claimed(0, &[(provider(), field.honest.claim)], 0);
		let bond = Disputes::bond_for(slots[0]).unwrap();
		let game = challenge(&challenger(), slots[0], liar.claim).unwrap();
		assert_ok!(Balances::transfer_all(signed(challenger()), account(88), false));
		let left = wealth(&challenger());
		assert!((bond..bond + UNIT).contains(&left), "{left}");
		let (end, _) = defended(field, game, [&field.honest, &liar]);
		assert_eq!((end.verdict, end.forfeited), (Verdict::ChallengerGuilty, bond));
		assert_eq!(wealth(&challenger()), left - bond);
		settle();
	});
}

/// Somebody who cheats so, with a claim that a run can have.
fn cheater<'a>(field: &Field<'a>, cheat: Cheat, generator: &mut Generator) -> Player<'a> {
	let counts = 1..=field.job.parameters.max_steps;
	loop {
		let liar = field.cheating(cheat, generator);
		let differs = cheat != Cheat::Count || liar.claim.count() != field.honest.claim.count();
		if differs && counts.contains(&liar.claim.count()) {
			return liar;
		}
	}
}

/// Plays a cheat from both sides, with a bond and between slots; the last questions.
fn every_way(cheat: Cheat) -> Vec<(Question, EndReason)> {
	let mut ends = Vec::new();
	with_field("restless", |field, generator| {
		for nonce in 0..16 {
			let liar = cheater(field, cheat, generator);
			let (liar_claims, is_opposed) = (nonce % 2 == 0, nonce % 4 > 1);
			let (players, guilty) = match liar_claims {
				true => ([&liar, &field.honest], Verdict::ClaimantGuilty),
				false => ([&field.honest, &liar], Verdict::ChallengerGuilty),
			};
			refill(&[provider(), other_provider()]);
			let claims = [(provider(), players[0].claim), (other_provider(), players[1].claim)];
			let (_, slots) = field.claimed(nonce, &claims[..if is_opposed { 2 } else { 1 }], 0);
			let game = match is_opposed {
				true => oppose(slots[0], slots[1]),
				false => challenge(&challenger(), slots[0], players[1].claim).unwrap(),
			};
			let (end, question) = defended(field, game, players);
			assert_eq!(end.verdict, guilty, "{question:?}");
			ends.push((question, end.reason));
			settle();
			assert_nothing_left();
		}
	});
	ends
}

#[test]
fn who_changes_the_count_is_told_by_the_stop_rows() {
	let by_counts = |end: &_| matches!(end, (Question::Counts { .. }, EndReason::Refereed));
	let ends = every_way(Cheat::Count);
	assert!(ends.iter().all(by_counts), "{ends:?}");
}

#[test]
fn who_stops_early_is_told_by_the_stop_row() {
	let by_row = |end: &_| matches!(end, (Question::Openings { .. }, EndReason::Refereed));
	let ends = every_way(Cheat::EarlyStop);
	assert!(ends.iter().all(by_row), "{ends:?}");
}

#[test]
fn who_adds_steps_after_the_stop_is_told_by_the_stop_row() {
	let by_row = |end: &_| matches!(end, (Question::Openings { .. }, EndReason::Refereed));
	let ends = every_way(Cheat::ExtraStep);
	assert!(ends.iter().all(by_row), "{ends:?}");
}

#[test]
fn who_changes_the_tokens_of_a_right_trace_is_told_by_what_they_are_copied_from() {
	let by_copy = |end: &_| matches!(end, (Question::OutputOpening { .. }, EndReason::Refereed));
	let ends = every_way(Cheat::Output);
	assert!(ends.iter().all(by_copy), "{ends:?}");
}
