//! Whole games, to the last coin.

use crate::{mock::*, EndReason, Verdict};
use assay_primitives::{AccountId, Balance};
use assay_trace::Side;
use frame_support::assert_ok;
use pallet_jobs::types::SlotState;

fn bond_of(who: &AccountId) -> Balance {
	<ProviderStake as assay_primitives::Stake<_, _>>::bonded(who)
}

#[test]
fn a_wrong_claim_costs_its_pledge() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &liar);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge;
		let lease = assay_primitives::LeaseId(0);
		let price = pallet_jobs::Jobs::<Test>::get(job).unwrap().price_max;
		let free = || {
			<Leases as assay_primitives::Leases<AccountId, Balance>>::open_lease(lease)
				.unwrap()
				.free
		};
		let free_before = free();
		let [before_challenger, before_treasury] =
			[challenger(), Treasury::get()].map(|who| wealth(&who));

		let game = challenge(&challenger(), slot, honest.claim()).unwrap();
		let (End { verdict, reason, slashed, forfeited }, _) = play_out(game, [&liar, &honest]);

		assert_eq!((verdict, reason), (Verdict::ClaimantGuilty, EndReason::Refereed));
		assert_eq!((slashed, forfeited), (pledge, 0));
		// The last coin: half of the pledge to who was right, since its run with traces costs more than
		// that; the rest to the treasury, the price back to the tenant's lease.
		let earned = pledge / 2;
		assert_eq!(wealth(&challenger()), before_challenger + earned);
		assert_eq!(wealth(&Treasury::get()), before_treasury + pledge - earned);
		assert_eq!(bond_of(&provider()), BOND - pledge);
		assert!(pallet_jobs::Jobs::<Test>::get(job).is_none(), "a job without a claim is over");
		assert_eq!(free(), free_before + price);
	});
}

#[test]
fn a_wrong_challenge_costs_its_bond_and_the_job_settles() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &honest);
		let bond = Disputes::bond_for(slot).unwrap();
		let [before, before_treasury, before_provider] =
			[challenger(), Treasury::get(), provider()].map(|who| wealth(&who));

		let game = challenge(&challenger(), slot, liar.claim()).unwrap();
		let (End { verdict, reason, slashed, forfeited }, _) = play_out(game, [&honest, &liar]);

		assert_eq!((verdict, reason), (Verdict::ChallengerGuilty, EndReason::Refereed));
		assert_eq!((slashed, forfeited), (0, bond));
		assert_eq!(wealth(&challenger()), before - bond);
		assert_eq!(wealth(&provider()), before_provider + bond / 2);
		assert_eq!(wealth(&Treasury::get()), before_treasury + bond - bond / 2);
		// The window was over while the game went on; nothing keeps the settlement now.
		roll_by(20);
		assert_ok!(Jobs::settle(signed(tenant()), job));
	});
}

#[test]
fn two_liars_both_pay() {
	build_and_execute(|| {
		let (one, other) = (Run::cheating(1), Run::cheating(5));
		assert_ne!(one.claim(), other.claim());
		let (job, slot) = claimed_by(0, &one);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge;
		let bond = Disputes::bond_for(slot).unwrap();
		let all = || [challenger(), Treasury::get(), provider()].map(|who| wealth(&who));
		let before = all();

		let game = challenge(&challenger(), slot, other.claim()).unwrap();
		let (End { verdict, slashed, forfeited, .. }, _) = play_out(game, [&one, &other]);

		assert_eq!(verdict, Verdict::BothGuilty);
		assert_eq!((slashed, forfeited), (pledge, bond));
		assert_eq!(all(), [before[0] - bond, before[1] + bond + pledge, before[2] - pledge]);
		assert!(pallet_jobs::Jobs::<Test>::get(job).is_none());
	});
}

#[test]
fn a_second_honest_challenger_keeps_its_bond_though_the_pledge_is_gone() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &liar);
		let games = [challenger(), other_challenger()]
			.map(|who| challenge(&who, slot, honest.claim()).unwrap());
		let before = wealth(&other_challenger());
		let (end, _) = play_out(games[0], [&liar, &honest]);
		assert_eq!(end.verdict, Verdict::ClaimantGuilty);
		roll_by(1);
		// The job waits for the other game, with its claim convicted.
		let state = pallet_jobs::Slots::<Test>::get(slot).unwrap().state;
		assert!(matches!(state, SlotState::Guilty { .. }));
		let (End { verdict, slashed, forfeited, .. }, _) = play_out(games[1], [&liar, &honest]);
		assert_eq!((verdict, slashed, forfeited), (Verdict::ClaimantGuilty, 0, 0));
		assert_eq!(wealth(&other_challenger()), before);
		assert!(pallet_jobs::Jobs::<Test>::get(job).is_none());
	});
}

#[test]
fn the_first_who_was_right_earns_the_reward_though_another_game_is_quicker() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &liar);
		let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge;
		let first = challenge(&challenger(), slot, honest.claim()).unwrap();
		// The liar hurries to convict itself by an account of its own.
		let own = challenge(&other_challenger(), slot, Run::cheating(9).claim()).unwrap();
		for game in [first, own] {
			assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
		}
		let [before, before_own] = [challenger(), other_challenger()].map(|who| wealth(&who));
		time_out(own);
		let end = closed().unwrap();
		assert_eq!((end.verdict, end.slashed), (Verdict::ClaimantGuilty, pledge));
		assert_eq!(wealth(&other_challenger()), before_own, "nothing is paid yet");
		assert_ok!(Disputes::timeout(signed(tenant()), first));
		assert_eq!(wealth(&challenger()), before + pledge / 2);
		assert_eq!(wealth(&other_challenger()), before_own);
		assert!(pallet_jobs::Jobs::<Test>::get(job).is_none());
	});
}

/// Three challengers are right; the last of them is the first to be told so.
#[test]
fn every_winner_is_repaid_while_the_pot_lasts_and_the_first_is_rewarded() {
	for (risk, paid) in [(10 * UNIT, 3), (5 * UNIT, 2), (3 * UNIT, 1)] {
		build_and_execute(|| {
			let (liar, honest) = (Run::cheating(1), Run::honest());
			let (job, slot) = claimed_at_risk(0, liar.input.clone(), liar.claim(), risk);
			let pledge = pallet_jobs::Jobs::<Test>::get(job).unwrap().pledge;
			let third = account(6);
			assert_ok!(Balances::transfer_allow_death(signed(tenant()), third.clone(), BOND));
			let who = [challenger(), other_challenger(), third];
			let before = who.each_ref().map(wealth);
			let treasury = wealth(&Treasury::get());
			let games = who.each_ref().map(|who| challenge(who, slot, honest.claim()).unwrap());
			let cost = Disputes::game_view(games[0]).unwrap().dispute.cost;
			for game in games.into_iter().rev() {
				assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
			}
			let over =
				games.map(|game| Disputes::game_view(game).unwrap().due_at).into_iter().max();
			jump_to(over.unwrap() + 1);
			for game in games.into_iter().rev() {
				assert_ok!(Disputes::timeout(signed(tenant()), game));
				try_state();
			}

			let pot = pledge / 2;
			assert_eq!(Balance::from(pot / cost >= 3) + Balance::from(pot / cost >= 2) + 1, paid);
			let mut left = pot;
			let mut due = [0; 3].map(|_: Balance| {
				let repaid = cost.min(left);
				left -= repaid;
				repaid
			});
			due[0] += (pledge / 5).saturating_sub(due[0]).min(left);
			let earned =
				who.each_ref().map(wealth).into_iter().zip(before).map(|(now, was)| now - was);
			assert_eq!(earned.collect::<Vec<_>>(), due);
			let rest = pledge - due.iter().sum::<Balance>();
			assert_eq!(wealth(&Treasury::get()), treasury + rest);
			assert_eq!(bond_of(&provider()), BOND - pledge);
			assert_eq!(crate::Convictions::<Test>::iter().count(), 0);
		});
	}
}

#[test]
fn a_liar_that_beats_a_liar_still_loses_to_the_next_honest_challenger() {
	build_and_execute(|| {
		let (liar, sybil, honest) = (Run::cheating(1), Run::cheating(9), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		let sham = challenge(&challenger(), slot, sybil.claim()).unwrap();
		let game = challenge(&other_challenger(), slot, honest.claim()).unwrap();
		let (end, _) = play_out(game, [&liar, &honest]);
		assert_eq!(end.verdict, Verdict::ClaimantGuilty);
		roll_by(1);
		let (End { verdict, slashed, .. }, _) = play_out(sham, [&liar, &sybil]);
		assert!(matches!(verdict, Verdict::ChallengerGuilty | Verdict::BothGuilty));
		assert_eq!(slashed, 0, "a pledge is taken once");
	});
}

#[test]
fn an_output_beside_a_right_trace_is_refereed_too() {
	build_and_execute(|| {
		// The claimant ran the job rightly and claims another result: nothing supports it.
		let honest = Run::honest();
		let assay_program::Claim::Output { count, .. } = honest.claim() else { panic!() };
		let claim = assay_program::Claim::Output { count, data: [7; 32] };
		let (job, slot) = claimed(0, honest.input.clone(), claim);
		let game = challenge(&challenger(), slot, honest.claim()).unwrap();
		assert_ok!(answer(game, Side::Claimant, &honest).unwrap());
		assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
		// Bodies are equal: now it is about the output, for which the liar has no disclosure.
		assert!(answer(game, Side::Claimant, &honest).is_err());
		assert_ok!(answer(game, Side::Challenger, &honest).unwrap());
		time_out(game);
		let End { verdict, reason, .. } = closed().unwrap();
		assert_eq!((verdict, reason), (Verdict::ClaimantGuilty, EndReason::TimedOut));
		assert!(pallet_jobs::Jobs::<Test>::get(job).is_none());
	});
}

#[test]
fn a_game_takes_few_moves() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		let game = challenge(&challenger(), slot, honest.claim()).unwrap();
		let (_, moves) = play_out(game, [&liar, &honest]);
		assert!((4..=assay_trace::MOVES_MAX).contains(&moves), "{moves}");
	});
}
