//! Games between two slots of one job.

use crate::{mock::*, EndReason, Error, Event, Verdict};
use assay_primitives::{AccountId, Balance, JobDigest, SlotId};
use assay_program::Claim;
use assay_trace::{Answer, Need, Question, Side};
use frame_support::{assert_noop, assert_ok};
use pallet_jobs::types::SlotState;
use sp_runtime::transaction_validity::InvalidTransaction;

/// What a wrong result of the job may cost: so much that a pledge repays a winner.
const RISK: Balance = 8 * UNIT;

fn parties() -> [AccountId; 2] {
	[provider(), other_provider()]
}

/// A game between two slots that claim what these runs say.
fn game_of(runs: [&Run; 2]) -> (JobDigest, [SlotId; 2], SlotId) {
	let (job, slots) = opposed(0, runs.map(Run::claim), RISK);
	let [slot, other] = slots;
	(job, slots, oppose(slot, other))
}

fn bond_of(who: &AccountId) -> Balance {
	<ProviderStake as assay_primitives::Stake<_, _>>::bonded(who)
}

fn pledge_of(job: JobDigest) -> Balance {
	pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge
}

fn state_of(slot: SlotId) -> SlotState {
	pallet_jobs::Slots::<Test>::get(slot).unwrap().state
}

fn free_escrow() -> Balance {
	<Leases as assay_primitives::Leases<AccountId, Balance>>::open_lease(assay_primitives::LeaseId(
		0,
	))
	.unwrap()
	.free
}

#[test]
fn works() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let (job, [slot, other]) = opposed(0, runs.map(Run::claim), RISK);
		let before = parties().each_ref().map(wealth);
		let game = oppose(slot, other);
		let view = Disputes::game_view(game).unwrap();
		assert_eq!(
			events(),
			vec![Event::GameOpened {
				game,
				slot,
				job,
				challenger: other_provider(),
				output: Run::honest().claim().output().into(),
				bond: 0,
				question: view.question,
				due_at: view.due_at,
				rival: Some(other),
			}]
		);
		assert_eq!(view.owes, [true, true]);
		assert_eq!(parties().each_ref().map(wealth), before, "nothing but the pledges is at stake");
		for (who, slot) in parties().iter().zip([slot, other]) {
			assert_eq!(Disputes::games_of(key_of(who)), vec![game]);
			assert_eq!(crate::ClaimGames::<Test>::get(slot), 1);
			assert_eq!(crate::ChallengerGames::<Test>::get(who), 0);
		}
	});
}

#[test]
fn anyone_opens_it_once_and_in_either_order() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let (_, [slot, other]) = opposed(0, runs.map(Run::claim), RISK);
		assert_ok!(Disputes::oppose(signed(account(77)), other, slot));
		for (slot, other) in [(slot, other), (other, slot)] {
			let call = RuntimeCall::from(crate::Call::oppose { slot, other });
			assert_eq!(dispatch_authorized(call.clone()), Err(InvalidTransaction::Stale.into()));
			assert_noop!(dispatch_unchecked(call), Error::<Test>::AlreadyOpposed);
		}
	});
}

fn assert_refused(slot: SlotId, other: SlotId, error: pallet_jobs::Error<Test>) {
	let call = RuntimeCall::from(crate::Call::oppose { slot, other });
	assert_eq!(dispatch_authorized(call.clone()), Err(InvalidTransaction::Stale.into()));
	assert_noop!(dispatch_unchecked(call), error);
}

#[test]
fn fails_where_no_two_claims_of_one_job_differ() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, [one, same]) = opposed(0, [honest.claim(), honest.claim()], 0);
		let (_, [elsewhere, _]) = opposed(1, [liar.claim(), liar.claim()], 0);
		use pallet_jobs::Error::{NotDisputable, SlotUnknown};
		assert_refused(one, same, NotDisputable);
		assert_refused(one, one, NotDisputable);
		assert_refused(one, elsewhere, NotDisputable);
		assert_refused(one, SlotId(77), SlotUnknown);
	});
}

#[test]
fn fails_while_a_claim_is_hidden_and_when_one_has_fallen() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest(), &Run::honest()];
		let (_, slots) = committed(0, runs.map(Run::claim), RISK);
		let closed_at = System::block_number();
		roll_by(2);
		use pallet_jobs::Error::NotDisputable;
		let [liar, other, last] = slots;
		for (slot, run) in [(liar, runs[0]), (other, runs[1])] {
			assert_refused(liar, other, NotDisputable);
			reveal(slot, run.claim(), closed_at);
		}
		assert_refused(liar, other, NotDisputable);
		reveal(last, runs[2].claim(), closed_at);
		let game = oppose(liar, other);
		play_out(game, [runs[0], runs[1]]);
		assert!(matches!(state_of(liar), SlotState::Guilty { .. }));
		assert_refused(liar, last, NotDisputable);
	});
}

#[test]
fn fails_while_jobs_are_paused() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let (_, [slot, other]) = opposed(0, runs.map(Run::claim), RISK);
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), true));
		let call = RuntimeCall::from(crate::Call::oppose { slot, other });
		assert_noop!(dispatch_unchecked(call), Error::<Test>::Paused);
	});
}

/// A job whose claims differ waits for ever if the game cannot be opened any more.
#[test]
fn the_game_can_be_opened_after_the_window() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let (job, [slot, other]) = opposed(0, runs.map(Run::claim), RISK);
		roll_by(100);
		assert_eq!(
			challenge(&challenger(), slot, runs[1].claim()),
			Err(pallet_jobs::Error::<Test>::NotDisputable.into()),
			"the window is over"
		);
		let game = oppose(slot, other);
		let disputed = pallet_jobs::Error::<Test>::Disputed;
		assert_noop!(Jobs::settle(signed(tenant()), job), disputed);
		let (end, _) = play_out(game, runs);
		assert_eq!(end.verdict, Verdict::ClaimantGuilty);
		assert_ok!(Jobs::settle(signed(tenant()), job));
	});
}

/// What everybody had before a game, to the last coin.
struct Books {
	bonds: [Balance; 2],
	wealth: [Balance; 2],
	treasury: Balance,
	escrow: Balance,
	pledge: Balance,
	price: Balance,
	cost: Balance,
}

impl Books {
	fn open(job: JobDigest, game: SlotId) -> Self {
		Self {
			bonds: parties().each_ref().map(bond_of),
			wealth: parties().each_ref().map(wealth),
			treasury: wealth(&Treasury::get()),
			escrow: free_escrow(),
			pledge: pledge_of(job),
			price: pallet_jobs::Jobs::<Test>::get(job).unwrap().price_max,
			cost: Disputes::game_view(game).unwrap().dispute.cost,
		}
	}

	/// What a verdict moves: the loser's pledge, of which the winner has what it spent, or the fifth
	/// that is promised to the first, but never more than half.
	fn check(&self, guilty: [bool; 2]) {
		let earned = self.cost.max(self.pledge / 5).min(self.pledge / 2);
		let lost = guilty.map(|is_guilty| if is_guilty { self.pledge } else { 0 });
		let won = match guilty {
			[true, true] => [0, 0],
			_ => guilty.map(|is_guilty| if is_guilty { 0 } else { earned }),
		};
		for side in 0..2 {
			let who = &parties()[side];
			assert_eq!(bond_of(who), self.bonds[side] - lost[side]);
			assert_eq!(wealth(who), self.wealth[side] + won[side] - lost[side]);
		}
		let all = |sums: [Balance; 2]| sums.iter().sum::<Balance>();
		assert_eq!(wealth(&Treasury::get()), self.treasury + all(lost) - all(won));
	}

	/// A job without a claim is refunded; another one settles to the claim that stands.
	fn check_job(&self, job: JobDigest, slots: [SlotId; 2], guilty: [bool; 2]) {
		if guilty == [true, true] {
			assert!(pallet_jobs::Jobs::<Test>::get(job).is_none());
			assert_eq!(free_escrow(), self.escrow + self.price);
			return;
		}
		for (slot, is_guilty) in slots.into_iter().zip(guilty) {
			assert_eq!(matches!(state_of(slot), SlotState::Guilty { .. }), is_guilty);
			assert_eq!(matches!(state_of(slot), SlotState::Revealed { .. }), !is_guilty);
		}
		jump_to(System::block_number() + 100);
		assert_ok!(Jobs::settle(signed(tenant()), job));
		let standing = slots[usize::from(guilty[0])];
		assert_eq!(settled(), Some((job, standing)));
		assert!(parties().iter().all(|who| Jobs::duties_of(who).is_empty()));
		for (who, side) in parties().iter().zip(0..) {
			let lost = if guilty[side] { self.pledge } else { 0 };
			let stake = <ProviderStake as assay_primitives::Stake<_, _>>::free(who);
			assert_eq!(stake, self.bonds[side] - lost, "no pledge outlives its job");
		}
		try_state();
	}
}

/// The job that settled in this block, and to which slot.
fn settled() -> Option<(JobDigest, SlotId)> {
	System::events().into_iter().find_map(|record| match record.event {
		RuntimeEvent::Jobs(pallet_jobs::Event::JobSettled { job, receipt, .. }) => {
			Some((job, receipt.slot))
		},
		_ => None,
	})
}

/// Both answer by their runs all that both are asked.
fn play_to_the_openings(game: SlotId, runs: [&Run; 2]) {
	let question = || Disputes::game_view(game).unwrap().question;
	while !matches!(question(), Question::Openings { .. }) {
		for (side, run) in Side::BOTH.into_iter().zip(runs) {
			assert_ok!(answer(game, side, run).unwrap());
		}
		try_state();
	}
}

/// The claimant opens what the referee needs: of its trace what comes before, and the weights as
/// they are, which it may know though it ran on others.
fn open_by(game: SlotId, run: &Run) {
	let question = Disputes::game_view(game).unwrap().question;
	let opened = [run, &Run::honest()].map(|run| match run.tracer().answer(&question) {
		Ok(Answer::Openings(openings)) => openings,
		other => panic!("{other:?}"),
	});
	let [own, right] = opened;
	let openings = own.into_iter().zip(right).map(|(own, right)| {
		assert_eq!(own.0, right.0);
		if matches!(own.0, Need::Leaf(_)) {
			own
		} else {
			right
		}
	});
	let call = answer_call(game, Side::Claimant, Answer::Openings(openings.collect()));
	assert_ok!(dispatch_authorized(call).unwrap());
}

#[test]
fn the_referee_convicts_whoever_is_wrong() {
	let (one, two, honest) = (Run::cheating(1), Run::cheating(5), Run::honest());
	for (runs, guilty) in [
		([&one, &honest], [true, false]),
		([&honest, &one], [false, true]),
		([&one, &two], [true, true]),
	] {
		build_and_execute(|| {
			let (job, slots, game) = game_of(runs);
			let books = Books::open(job, game);
			play_to_the_openings(game, runs);
			open_by(game, runs[0]);
			let End { verdict, reason, slashed, forfeited } = closed().unwrap();
			assert_eq!((verdict, reason), (Verdict::of(guilty), EndReason::Refereed));
			let lost = guilty.map(|is_guilty| if is_guilty { books.pledge } else { 0 });
			assert_eq!([slashed, forfeited], lost);
			books.check(guilty);
			books.check_job(job, slots, guilty);
		});
	}
}

/// Plays so many questions, then lets the time of the next one pass: `answers` says who still
/// answers that. None where the game is over before.
fn silence(runs: [&Run; 2], questions: u32, answers: [bool; 2]) -> Option<()> {
	let mut seen = None;
	build_and_execute(|| {
		let (job, slots, game) = game_of(runs);
		let books = Books::open(job, game);
		for _ in 0..questions {
			Side::BOTH.into_iter().zip(runs).for_each(|(side, run)| {
				let view = Disputes::game_view(game);
				if view.is_some_and(|view| *side.of(&view.owes)) {
					let _ = answer(game, side, run);
				}
			});
		}
		let Some(view) = Disputes::game_view(game) else { return };
		let both_asked = !matches!(view.question, Question::Openings { .. });
		for ((side, run), answers) in Side::BOTH.into_iter().zip(runs).zip(answers) {
			if answers && Disputes::game_view(game).is_some() {
				assert_ok!(answer(game, side, run).unwrap());
			}
		}
		// Where either may answer, the answer of an honest party ends the game at once.
		let guilty = match (both_asked, answers) {
			(true, answers) => answers.map(|answers| !answers),
			(false, [false, false]) => [true, true],
			(false, _) => runs.map(|run| run.claim() != Run::honest().claim()),
		};
		if Disputes::game_view(game).is_some() {
			time_out(game);
		}
		assert_eq!(closed().unwrap().verdict, Verdict::of(guilty), "{:?}", view.question);
		books.check(guilty);
		books.check_job(job, slots, guilty);
		seen = Some(());
	});
	seen
}

#[test]
fn silence_convicts_at_every_question_one_side_or_both() {
	let (liar, honest) = (Run::cheating(1), Run::honest());
	for runs in [[&liar, &honest], [&honest, &liar]] {
		let mut asked = 0;
		// At the last question the liar has no right answer: only silence or the other's is left.
		while silence(runs, asked, [false, false]).is_some() {
			silence(runs, asked, runs.map(|run| run.claim() == honest.claim())).unwrap();
			asked += 1;
		}
		assert!(asked > 3, "{asked}");
		// The liar goes on where the honest party would not: silence convicts that, too.
		for questions in 0..asked - 1 {
			silence(runs, questions, runs.map(|run| run.claim() != honest.claim())).unwrap();
		}
	}
}

#[test]
fn a_claim_that_the_input_is_invalid_is_opposed_like_another() {
	for (claims, guilty) in [
		([Claim::Invalid { code: 2 }, Run::honest().claim()], [true, false]),
		([Run::honest().claim(), Claim::Invalid { code: 2 }], [false, true]),
		([Claim::Invalid { code: 1 }, Claim::Invalid { code: 2 }], [true, true]),
	] {
		build_and_execute(|| {
			let (job, slots @ [slot, other]) = opposed(0, claims, RISK);
			let game = oppose(slot, other);
			let books = Books::open(job, game);
			assert_eq!(Disputes::game_view(game).unwrap().question, Question::Offence);
			time_out(game);
			assert_eq!(closed().unwrap().verdict, Verdict::of(guilty));
			books.check(guilty);
			books.check_job(job, slots, guilty);
		});
	}
}

/// A liar between two honest parties loses two games, and repays both winners in the order of
/// games.
#[test]
fn a_liar_among_three_repays_both_others() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, [first, wrong, last]) =
			opposed(0, [honest.claim(), liar.claim(), honest.claim()], RISK);
		// The winner of the later game, told so first, is the claimant of the other.
		let later = oppose(last, wrong);
		let game = oppose(first, wrong);
		let pledge = pledge_of(job);
		let cost = Disputes::game_view(game).unwrap().dispute.cost;
		let who = [provider(), other_provider(), challenger()];
		let before = who.each_ref().map(wealth);
		let (end, _) = play_out(game, [&honest, &liar]);
		assert_eq!((end.verdict, end.forfeited), (Verdict::ChallengerGuilty, pledge));
		assert_eq!(wealth(&provider()), before[0], "nothing is paid yet");
		roll_by(1);
		let (end, _) = play_out(later, [&liar, &honest]);
		assert_eq!((end.verdict, end.slashed), (Verdict::ClaimantGuilty, 0), "taken once");
		assert!(pledge / 2 >= 2 * cost && pledge / 5 > cost);
		let reward = (pledge / 5).min(pledge / 2 - cost);
		let after = who.each_ref().map(wealth);
		assert_eq!(after, [before[0] + cost, before[1] - pledge, before[2] + reward]);
		jump_to(System::block_number() + 100);
		assert_ok!(Jobs::settle(signed(tenant()), job));
		assert_eq!(settled(), Some((job, first)));
	});
}

/// A challenger with a bond beside the rival: each game is of its own, and the liar pays for both.
#[test]
fn a_slot_is_opposed_and_challenged_at_once() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let (job, slots @ [slot, _]) = opposed(0, runs.map(Run::claim), RISK);
		let challenged = challenge(&challenger(), slot, runs[1].claim()).unwrap();
		let game = oppose(slots[0], slots[1]);
		let (pledge, before) = (pledge_of(job), wealth(&challenger()));
		assert_eq!(pallet_jobs::Slots::<Test>::get(slot).unwrap().disputes, 2);
		let cost = Disputes::game_view(challenged).unwrap().dispute.cost;
		assert_eq!(play_out(game, runs).0.slashed, pledge);
		roll_by(1);
		assert_eq!(play_out(challenged, runs).0.slashed, 0);
		// The challenge was the first.
		let earned = cost.max(pledge / 5);
		assert_eq!(wealth(&challenger()), before + earned);
		assert_eq!(crate::Convictions::<Test>::iter().count(), 0);
		jump_to(System::block_number() + 100);
		assert_ok!(Jobs::settle(signed(tenant()), job));
	});
}

/// Who has a slot of its own needs no bond, and no count of its challenges refuses it.
#[test]
fn a_party_without_free_funds_and_with_many_games_is_opposed_all_the_same() {
	build_and_execute(|| {
		let runs = [&Run::cheating(1), &Run::honest()];
		let honest = Run::honest();
		for nonce in 0..2 {
			let (_, slot) = claimed_by(nonce, &honest);
			challenge(&other_provider(), slot, Run::cheating(9).claim()).unwrap();
		}
		let (_, [slot, other]) = opposed(2, runs.map(Run::claim), RISK);
		let too_many = Error::<Test>::TooManyGames;
		assert_eq!(challenge(&other_provider(), slot, honest.claim()), Err(too_many.into()));
		oppose(slot, other);
	});
}
