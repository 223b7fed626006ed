//! An adversary drawn by chance against an honest party, through the calls of the pallet: whatever
//! it computes, discloses, distorts, delays or leaves out, it loses, and the honest party never
//! does; a claim that it makes and somebody honest disputes never settles; and no coin is made or
//! lost on the way.

use super::{
	arena::{assert_nothing_left, fields, jobs, refill, settle, Books, Field, Player, Seen, Truth},
	duel::{expected, Duel, Seat},
};
use crate::{mock::*, Verdict};
use assay_primitives::{AccountId, OutputDigest, SlotId};
use assay_reference::sample::Generator;
use assay_trace::{testing::Cheat, Side};

/// Games that are played, in four tests that run side by side.
const GAMES: u64 = 10_000;
/// Each so many-th is between two slots of a job.
const OPPOSED_EVERY: u64 = 4;
/// Each so many-th is between two parties of which neither is honest.
const LIARS_EVERY: u64 = 9;
/// Which of the jobs games are about, one after the other: those without a trace less often.
const ORDER: [usize; 13] = [0, 1, 2, 3, 4, 1, 4, 5, 0, 2, 3, 6, 1];
/// Games after which what they changed is written to the state below.
const WRITTEN_EVERY: usize = 16;

/// A game about a new job, and its parties: between two slots, or of a slot with a challenger.
fn begin(
	(nonce, is_opposed): (u64, bool),
	field: &Field<'_>,
	players: [&Player<'_>; 2],
	generator: &mut Generator,
) -> (SlotId, [AccountId; 2]) {
	let [left, right] = players.map(|player| player.claim);
	let value = if generator.below(2) == 0 { 0 } else { UNIT };
	if is_opposed {
		let parties = [provider(), other_provider()];
		let claims = [(provider(), left), (other_provider(), right)];
		let (_, slots) = field.claimed(nonce, &claims, value);
		let [slot, rival] = slots[..] else { unreachable!("each claim has a slot") };
		return (oppose(rival, slot), parties);
	}
	let (_, slots) = field.claimed(nonce, &[(provider(), left)], value);
	(challenge(&challenger(), slots[0], right).unwrap(), [provider(), challenger()])
}

/// Plays one game to its end, settles the job and looks at everybody's funds.
fn game(nonce: u64, field: &Field<'_>, generator: &mut Generator, seen: &mut Seen) {
	let liar = field.liar(generator, seen);
	let rival = match nonce.is_multiple_of(LIARS_EVERY) {
		true => field.liar(generator, seen),
		false => field.honest.clone(),
	};
	if rival.claim == liar.claim {
		return;
	}
	let players = if generator.below(2) == 0 { [&liar, &rival] } else { [&rival, &liar] };
	for player in [&liar, &rival].into_iter().filter(|player| !player.honest) {
		seen.note(format!("cheat: {}", player.what));
	}
	seen.note(format!("job: {}", field.job.name));
	let is_opposed = nonce.is_multiple_of(OPPOSED_EVERY);
	seen.note(if is_opposed { "two slots" } else { "slot and challenger" });

	refill(&[provider(), other_provider()]);
	let books = Books::open();
	let (game, parties) = begin((nonce, is_opposed), field, players, generator);
	let seats = players.map(|player| Seat::new(player, generator));
	let honest = players.map(|player| player.honest);
	let end = Duel { game, layout: &field.layout, seats, generator, seen }.play();
	let context = || format!("game {nonce} of {}: {}", field.job.name, liar.what);
	match expected(honest) {
		Some(verdict) => assert_eq!(end.verdict, verdict, "{}", context()),
		None => assert_ne!(end.verdict, Verdict::NobodyGuilty, "{}", context()),
	}

	let outputs = settle();
	assert_nothing_left();
	check_funds(&books.balance(nonce), &end, (&parties, honest));
	// A job with a right claim settles to it, whichever of two slots it was; one without does not.
	let slots = if is_opposed { &honest[..] } else { &honest[..1] };
	let right = OutputDigest::from(field.honest.claim.output());
	match slots.contains(&true) {
		true => assert_eq!(outputs, [right], "{}", context()),
		false if honest.contains(&true) => assert!(outputs.is_empty(), "{}", context()),
		false => {},
	}
}

/// Who is honest has not less than before, and who is not has lost what the game took.
fn check_funds(
	change: &impl Fn(&AccountId) -> i128,
	end: &End,
	(parties, honest): (&[AccountId; 2], [bool; 2]),
) {
	for side in Side::BOTH {
		let gain = change(side.of(parties));
		let lost = *side.of(&[end.slashed, end.forfeited]) as i128;
		match (*side.of(&honest), honest.contains(&true)) {
			(true, _) => assert!(gain >= 0 && lost == 0, "who is honest has lost {gain}"),
			(false, true) => assert_eq!(gain, -lost, "a liar has lost something else"),
			_ => {},
		}
	}
}

/// Whoever lies loses, and who is honest never does.
fn play_a_quarter(seed: u64) {
	let (all, mut ext) = (jobs(), new_test_ext());
	let truths: Vec<Truth> = all.iter().map(Truth::of).collect();
	let (mut generator, mut seen) = (Generator::new(seed), Seen::default());
	let fields = ext.execute_with(|| fields(&all, &truths, &mut generator));
	let mut games = (0..).zip(ORDER.into_iter().cycle());
	while u64::from(seen.count("job: ")) < GAMES / 4 {
		ext.execute_with(|| {
			for (nonce, number) in games.by_ref().take(WRITTEN_EVERY) {
				game(nonce, &fields[number], &mut generator, &mut seen);
			}
			try_state();
		});
		// Every block walks over all keys that were ever touched since.
		ext.commit_all().unwrap();
	}
	check_seen(&seen, &all);
}

/// Nothing that can happen was left out, and nothing was rare.
fn check_seen(seen: &Seen, all: &[assay_trace::testing::Job]) {
	if std::env::var_os("ASSAY_SEEN").is_some() {
		println!("{seen:#?}");
	}
	seen.check(100, all.iter().map(|job| format!("job: {}", job.name)));
	seen.check(15, Cheat::ALL.iter().map(|cheat| format!("cheat: {cheat}")));
	let others = ["other weights", "an invalid input"];
	seen.check(40, others.map(|what| format!("cheat: {what}")));
	let others = ["a valid input", "a later offence", "another code"];
	seen.check(20, others.map(|what| format!("cheat: {what}")));
	let manners = ["honest", "straight", "silent", "wild"];
	seen.check(200, manners.map(|manner| format!("manner: {manner}")));
	seen.check(500, ["slot and challenger", "two slots"]);

	let moments = ["at once", "later", "at the deadline"];
	for who in ["honest", "adversary"] {
		seen.check(500, moments.map(|moment| format!("{who}: {moment}")));
	}
	seen.check(100, ["adversary: late", "adversary: never", "a pause", "refused: too late"]);
	seen.check(200, ["refused: an end before the deadline"]);

	for verdict in ["ClaimantGuilty", "ChallengerGuilty"] {
		seen.check(200, ["silence", "referee"].map(|by| format!("verdict: {verdict} by {by}")));
	}
	seen.check(5, ["silence", "referee"].map(|by| format!("verdict: BothGuilty by {by}")));
	let by_referee = ["offence", "openings", "counts", "output opening"];
	seen.check(20, by_referee.map(|question| format!("end: {question} by referee")));
	let by_silence = ["offence", "children", "leaf", "output children", "output segment"];
	seen.check(10, by_silence.map(|question| format!("end: {question} by silence")));
	seen.check(5, ["end: partials by silence"]);
	check_refused(seen);
}

/// Answers with changes of every kind were sent to every kind of question, and refused; those that
/// nothing contradicts yet were taken.
fn check_refused(seen: &Seen) {
	let old = ["an old answer", "an answer to an old question", "in the other's name"];
	seen.check(40, old.map(|what| format!("refused: {what}")));
	seen.check(40, ["refused: an old answer to a new question", "refused: any bytes"]);
	let changes = ["one is missing", "one is there twice", "none", "one is another"];
	for of in ["children", "bytes"] {
		seen.check(20, changes.map(|change| format!("refused: {of}: {change}")));
		seen.check(20, [format!("refused: {of}: in another order")]);
	}
	seen.check(3, ["refused: partials: one is another"]);
	let [partials, openings] =
		["partials", "openings"].map(|of| seen.count(&format!("refused: {of}: ")));
	assert!(partials >= 10 && openings >= 100, "{partials} {openings}");
	let changes = ["one is missing", "one is there twice", "none", "one more", "without bytes"];
	seen.check(1, changes.map(|change| format!("refused: openings: {change}")));
	let changes = ["a longer path", "another path", "other bytes", "in another place"];
	seen.check(1, changes.map(|change| format!("refused: openings: {change}")));
	seen.check(20, ["taken: children: one is another"]);
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
