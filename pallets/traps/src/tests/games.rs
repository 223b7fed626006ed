//! What becomes of those who claim something else than an opened trap: games, played to their end.

use super::*;
use assay_primitives::{move_statement, Board};
use assay_trace::{Answer, Side};
use pallet_disputes::{EndReason, Verdict};
use pallet_jobs::types::SlotState;
use sp_core::Pair;

fn answer_call(game: SlotId, side: Side, answer: Answer) -> RuntimeCall {
	let view = Disputes::game_view(game).unwrap();
	let pair = worker_of(&view.dispute.party(side).account);
	let (question, claims) =
		(view.question, *pallet_disputes::Games::<Test>::get(game).unwrap().claims());
	let outputs = claims.map(|claim| claim.output().into());
	let board = Board { game, slot: view.dispute.slot, job: view.dispute.job, outputs };
	let statement = move_statement(&genesis(), &board, &side, &question, &answer);
	let signature = pair.sign(&statement);
	pallet_disputes::Call::answer { game, side, question, answer, signature }.into()
}

/// Let a side answer by its run.
fn answer(game: SlotId, side: Side, run: &Run) -> Result<DispatchResult, TransactionValidityError> {
	let view = Disputes::game_view(game).unwrap();
	let answer = run.tracer().answer(&view.question).unwrap();
	dispatch_authorized(answer_call(game, side, answer))
}

/// Let both sides answer by their runs, for as long as either has an answer that is taken, and end
/// the game when its time is over. How it ended, and how many answers were taken.
fn play_out(game: SlotId, runs: [&Run; 2]) -> (End, u32) {
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
fn time_out(game: SlotId) {
	jump_to(Disputes::game_view(game).unwrap().due_at + 1);
	assert_ok!(Disputes::timeout(signed(tenant()), game));
	try_state();
}

/// How a game ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
	verdict: Verdict,
	reason: EndReason,
	slashed: Balance,
	forfeited: Balance,
}

/// The end of a game in this block.
fn closed() -> Option<End> {
	disputes_events().into_iter().find_map(|event| match event {
		pallet_disputes::Event::GameClosed { verdict, reason, slashed, forfeited, .. } => {
			Some(End { verdict, reason, slashed, forfeited })
		},
		_ => None,
	})
}

/// Open the game between two slots; the game.
fn oppose(slot: SlotId, other: SlotId) -> SlotId {
	let game = pallet_jobs::NextSlot::<Test>::get();
	let call = pallet_disputes::Call::oppose { slot, other };
	assert_ok!(dispatch_authorized(call.into()).unwrap());
	game
}

/// The events of disputes in this block.
fn disputes_events() -> Vec<pallet_disputes::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Disputes(event) => Some(event),
			_ => None,
		})
		.collect()
}

fn pledge_of(slot: SlotId) -> Balance {
	pallet_jobs::Slots::<Test>::get(slot).unwrap().pledge
}

fn is_guilty(slot: SlotId) -> bool {
	matches!(state_of(slot), SlotState::Guilty { .. })
}

/// The attack that an amendment in place of a verdict closes: the treasury posts a wrong result as
/// the right one, and the licensee, which has claimed what is right, opens it against auditors that
/// have computed.
#[test]
fn calling_a_right_claim_a_trap_convicts_the_licensee() {
	build_and_execute(|| {
		let (honest, liar) = (Run::honest(), Run::cheating(1));
		let traps = post(&[(0, liar.claim())]);
		let (job, slots) = claimed(0, right(), &[right(), right()]);
		let [framer, one, other] = slots[..] else { unreachable!() };
		assert_ok!(open(job, traps[0].clone()));
		roll_past_traps();
		let first = oppose(framer, one);
		let second = oppose(framer, other);
		let before = [provider(), auditors()[0].clone(), auditors()[1].clone()];
		let before = before.map(|who| (wealth(&who), who));
		let (treasury, escrow) = (wealth(&Treasury::get()), escrow());
		let (pledge, price) = (pledge_of(framer), price_of(job));
		let cost = Disputes::game_view(first).unwrap().dispute.cost;

		let (end, moves) = play_out(first, [&liar, &honest]);
		assert_eq!((end.verdict, end.slashed), (Verdict::ClaimantGuilty, pledge));
		assert_eq!(end.reason, EndReason::Refereed);
		assert!(moves > 3, "computation decides: {moves}");
		roll_by(1);
		assert_eq!(play_out(second, [&liar, &honest]).0.verdict, Verdict::ClaimantGuilty);
		assert!(is_guilty(framer) && !is_guilty(one) && !is_guilty(other));
		settle(job);

		// What auditors are paid for their claims, and what their games have brought in.
		let share = price / 2;
		let won: Vec<_> =
			before.iter().map(|(was, who)| wealth(who) as i128 - *was as i128).collect();
		assert_eq!(won[0], -(pledge as i128), "the licensee pays for its claim");
		assert!(won[1] >= (share + cost) as i128 && won[2] >= (share + cost) as i128, "{won:?}");
		let paid_out = (won[1] + won[2]) as Balance - 2 * share;
		// The first has a fifth of the pledge at least, the second what it has spent.
		assert_eq!(paid_out, (pledge / 5).min(pledge / 2 - cost).max(cost) + cost);
		assert_eq!(wealth(&Treasury::get()), treasury + pledge - paid_out, "and no jackpot");
		assert_eq!(self::escrow(), escrow + 2 * price, "the tenant gets price and fee back");
		for who in auditors() {
			assert_eq!(<AuditStake as Stake<_, _>>::free(&who), BOND, "no pledge is lost");
		}
	});
}

/// An auditor that has asked the provider, or has only repeated what it was told.
#[test]
fn a_lazy_auditor_loses_its_pledge_and_the_one_that_computed_wins() {
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let wrong = assay_primitives::wrong_claim(&right(), &traps[0].salt);
		let (job, slots) = sprung(0, &traps[0], &[wrong, right()]);
		let [licensee, lazy, diligent] = slots[..] else { unreachable!() };
		assert_ok!(open(job, traps[0].clone()));
		roll_past_traps();
		let before = [provider(), auditors()[0].clone(), auditors()[1].clone(), tenant()]
			.map(|who| (wealth(&who), who));
		let (treasury, pool) = (wealth(&Treasury::get()), wealth(&PlainAudits::pool()));
		let (pledge, price) = (pledge_of(lazy), price_of(job));
		let honest = Run::honest();
		let ours = oppose(licensee, lazy);
		let theirs = oppose(lazy, diligent);
		// A game between auditors has more at stake, and so costs more.
		let [cost, their_cost] =
			[ours, theirs].map(|game| Disputes::game_view(game).unwrap().dispute.cost);
		// It has nothing to answer with: it never computed.
		assert_ok!(answer(ours, Side::Claimant, &honest).unwrap());
		assert_ok!(answer(theirs, Side::Challenger, &honest).unwrap());
		let due = |game| Disputes::game_view(game).unwrap().due_at;
		jump_to(due(ours).max(due(theirs)) + 1);
		let call = pallet_disputes::Call::timeout { game: ours };
		assert_ok!(dispatch_authorized(call.into()).unwrap());
		let end = closed().unwrap();
		assert_eq!((end.verdict, end.forfeited), (Verdict::ChallengerGuilty, pledge));
		assert_ok!(Disputes::timeout(signed(tenant()), theirs));
		try_state();
		assert!(is_guilty(lazy) && !is_guilty(licensee) && !is_guilty(diligent));
		settle(job);

		let jackpot = price * Balance::from(JACKPOT_FACTOR);
		let won = before.map(|(was, who)| wealth(&who) as i128 - was as i128);
		let reward = (pledge / 5).max(cost).min(pledge / 2 - their_cost);
		let (fee, royalty) = (price / 100, ROYALTY_PER_UNIT);
		let earned = price - fee - royalty;
		assert_eq!(won[1], -(pledge as i128), "it has agreed without computing");
		let repaid = won[0] as Balance - earned;
		assert_eq!(
			won[2] as Balance,
			price + jackpot + their_cost,
			"paid, repaid, and the jackpot"
		);
		assert_eq!(repaid, reward, "the licensee was the first to oppose");
		let out = royalty as i128 - (price + price) as i128;
		assert_eq!(won[3], out, "the tenant, which owns the model, pays price and fee");
		assert_eq!(wealth(&PlainAudits::pool()), pool, "a fee comes in, an audit goes out");
		let slashed = pledge - repaid - their_cost;
		assert_eq!(wealth(&Treasury::get()), treasury + fee + slashed - jackpot);
		assert_eq!(<ProviderStake as Stake<_, _>>::free(&provider()), BOND);
	});
}

/// A watcher that computes while traps are pending has nothing to challenge afterwards.
#[test]
fn nobody_can_challenge_a_claim_that_is_still_to_be_amended() {
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, slots) = sprung(0, &traps[0], &[right()]);
		let pending: DispatchError = pallet_jobs::Error::<Test>::TrapsComeFirst.into();
		let challenge = || {
			let (slot, claim) = (slots[0], right());
			let pair = worker_of(&auditors()[2]);
			let output = claim.output().into();
			let challenger = auditors()[2].clone();
			let statement = assay_primitives::challenge_statement(
				&genesis(),
				&job,
				slot,
				&challenger,
				&output,
				Balance::MAX,
			);
			let (signature, worker) = (pair.sign(&statement), pair.public());
			let bond_max = Balance::MAX;
			let call = pallet_disputes::Call::challenge {
				slot,
				claim,
				challenger,
				worker,
				bond_max,
				signature,
			};
			RuntimeCall::from(call)
		};
		let stale = InvalidTransaction::Stale.into();
		assert_eq!(dispatch_authorized(challenge()), Err(stale));
		assert_noop!(dispatch_unchecked(challenge()), pending);
		let oppose: RuntimeCall =
			pallet_disputes::Call::oppose { slot: slots[0], other: slots[1] }.into();
		assert_eq!(dispatch_authorized(oppose.clone()), Err(stale));
		assert_noop!(dispatch_unchecked(oppose), pending);
		frame_support::hypothetically!({
			roll_past_traps();
			assert_ok!(dispatch_authorized(challenge()).unwrap());
		});
		assert_ok!(open(job, traps[0].clone()));
		roll_past_traps();
		assert_noop!(dispatch_unchecked(challenge()), pallet_disputes::Error::<Test>::SameClaim);
	});
}
