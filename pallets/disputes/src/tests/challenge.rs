//! Opening a game.

use crate::{mock::*, Error, Event};
use assay_primitives::{AccountId, Item, OwedItems, SlotId};
use assay_program::Claim;
use assay_trace::Question;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::transaction_validity::InvalidTransaction;

#[test]
fn works() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &liar);
		let bond = Disputes::bond_for(slot).unwrap();
		let game = challenge(&challenger(), slot, honest.claim()).unwrap();
		let view = Disputes::game_view(game).unwrap();
		assert_eq!(view.dispute.purse, crate::Purse::Bond(bond));
		assert!(matches!(view.question, Question::Children { position: 0, .. }));
		assert_eq!(view.owes, [true, true]);
		assert_eq!(
			events(),
			vec![Event::GameOpened {
				game,
				slot,
				job,
				challenger: challenger(),
				output: honest.claim().output().into(),
				bond,
				question: view.question,
				due_at: view.due_at,
				rival: None,
			}]
		);
		assert_eq!(Disputes::games_of(key_of(&challenger())), vec![game]);
		assert_eq!(Disputes::games_of(key_of(&provider())), vec![game]);
	});
}

#[test]
fn the_job_waits_for_the_game() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (job, slot) = claimed_by(0, &liar);
		challenge(&challenger(), slot, honest.claim()).unwrap();
		roll_by(30);
		assert_noop!(Jobs::settle(signed(tenant()), job), pallet_jobs::Error::<Test>::Disputed);
	});
}

#[test]
fn fails_for_the_same_claim_or_an_impossible_one() {
	build_and_execute(|| {
		let honest = Run::honest();
		let (_, slot) = claimed_by(0, &honest);
		let Claim::Output { data, .. } = honest.claim() else { panic!() };
		for (claim, error) in [
			(honest.claim(), Error::<Test>::SameClaim),
			(Claim::Output { count: 0, data }, Error::<Test>::CountOutOfRange),
			(Claim::Output { count: 1_000, data }, Error::<Test>::CountOutOfRange),
		] {
			assert_eq!(challenge(&challenger(), slot, claim), Err(error.into()));
		}
		let missing = SlotId(77);
		let error = Error::<Test>::ClaimUnknown;
		assert_eq!(challenge(&challenger(), missing, honest.claim()), Err(error.into()));
	});
}

#[test]
fn fails_after_the_window() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		roll_by(30);
		assert_eq!(
			challenge(&challenger(), slot, honest.claim()),
			Err(pallet_jobs::Error::<Test>::NotDisputable.into())
		);
	});
}

#[test]
fn fails_while_something_is_demanded_and_loses_no_time_by_it() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		let (job, slot) = claimed_by(0, &liar);
		assert_ok!(<Jobs as OwedItems<AccountId>>::hold(job, Item::Output));
		let claim = honest.claim();
		let held = pallet_jobs::Error::<Test>::Held;
		assert_eq!(challenge(&challenger(), slot, claim), Err(held.into()));
		let call = challenge_call(&challenger(), slot, claim);
		assert_eq!(dispatch_authorized(call.clone()), Err(InvalidTransaction::Stale.into()));
		// Far longer than the window.
		roll_by(30);
		<Jobs as OwedItems<AccountId>>::resume(job);
		assert_ok!(dispatch_authorized(call).unwrap());
		assert_noop!(
			<Jobs as OwedItems<AccountId>>::hold(job, Item::Input),
			sp_runtime::DispatchError::from(pallet_jobs::Error::<Test>::NotOwed)
		);
	});
}

#[test]
fn fails_without_funds_or_with_too_many_games() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		assert!(challenge(&account(77), slot, honest.claim()).is_err(), "it has no funds");
		let (_, second) = claimed_by(1, &liar);
		let (_, third) = claimed_by(2, &liar);
		challenge(&challenger(), slot, honest.claim()).unwrap();
		challenge(&challenger(), second, honest.claim()).unwrap();
		assert_eq!(
			challenge(&challenger(), third, honest.claim()),
			Err(Error::<Test>::TooManyGames.into())
		);
		// The limit counts for each challenger alone; the bond has grown.
		assert!(Disputes::bond_for(slot).unwrap() > 2 * UNIT);
		challenge(&other_challenger(), slot, honest.claim()).unwrap();
	});
}

#[test]
fn a_worker_challenges_free_of_charge_for_its_provider_only() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		let call = challenge_call(&challenger(), slot, honest.claim());
		assert!(dispatch_authorized(call.clone()).is_err(), "not a provider");
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		assert_ok!(dispatch_authorized(call.clone()).unwrap());
		let mut stolen = call;
		if let RuntimeCall::Disputes(crate::Call::challenge { challenger, .. }) = &mut stolen {
			*challenger = provider();
		}
		assert!(dispatch_authorized(stolen).is_err(), "a key bonds its own provider only");
	});
}

#[test]
fn fails_with_a_signature_of_another_claim() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		let mut call = challenge_call(&challenger(), slot, honest.claim());
		if let RuntimeCall::Disputes(crate::Call::challenge { claim, .. }) = &mut call {
			*claim = Claim::Invalid { code: 1 };
		}
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::BadProof.into()));
	});
}

#[test]
fn an_account_disputes_a_claim_once() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &honest);
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		let call = challenge_call(&challenger(), slot, liar.claim());
		assert_ok!(dispatch_authorized(call.clone()).unwrap());
		// While the game is open, and after it was lost, whoever carries the call and for nothing.
		let again = Error::<Test>::AlreadyChallenged;
		assert!(dispatch_authorized(call.clone()).is_err());
		assert_noop!(dispatch_unchecked(call.clone()), again);
		let game = Disputes::games_of(key_of(&challenger()))[0];
		assert_ok!(answer(game, assay_trace::Side::Claimant, &honest).unwrap());
		let due = Disputes::game_view(game).unwrap().due_at;
		crate::Disputes::<Test>::mutate(game, |dispute| dispute.as_mut().unwrap().due = 0);
		assert!(due > 0);
		assert_ok!(Disputes::timeout(signed(tenant()), game));
		assert!(dispatch_authorized(call).is_err());
		let other = Run::cheating(9).claim();
		let again = Error::<Test>::AlreadyChallenged;
		assert_eq!(challenge(&challenger(), slot, other), Err(again.into()));
		assert_ok!(challenge(&other_challenger(), slot, other).map(|_| ()));
	});
}

/// A challenge that is lost at once.
fn lose(nonce: u64, who: &AccountId) -> (SlotId, RuntimeCall) {
	let (honest, liar) = (Run::honest(), Run::cheating(1));
	let (_, slot) = claimed_by(nonce, &honest);
	let call = challenge_call(who, slot, liar.claim());
	let game = challenge(who, slot, liar.claim()).unwrap();
	assert_ok!(answer(game, assay_trace::Side::Claimant, &honest).unwrap());
	crate::Disputes::<Test>::mutate(game, |dispute| dispute.as_mut().unwrap().due = 0);
	assert_ok!(Disputes::timeout(signed(tenant()), game));
	try_state();
	(slot, call)
}

#[test]
fn a_lost_challenge_is_forgotten_once_its_claim_cannot_be_challenged() {
	use crate::{Challenges, LostChallenges};
	let kept = || (Challenges::<Test>::iter().count(), LostChallenges::<Test>::iter().count());
	build_and_execute(|| {
		let who = challenger();
		let lost = [0, 1, 2].map(|nonce| lose(nonce, &who));
		assert_eq!(kept(), (3, 3), "their windows are open");
		jump_to(System::block_number() + 30);
		settle_all();
		assert_eq!(kept(), (3, 3), "nothing walks over them");
		// The next one forgets two, and is kept itself.
		let (slot, call) = lose(3, &who);
		assert_eq!(kept(), (2, 2));
		let (_, other) = claimed_by(4, &Run::honest());
		challenge(&other_challenger(), other, Run::cheating(1).claim()).unwrap();
		assert_eq!(kept(), (2, 1), "the last of the old ones; the new one can be challenged");
		assert!(Challenges::<Test>::contains_key(slot, &who));
		let again = Error::<Test>::AlreadyChallenged;
		assert_noop!(dispatch_signed(&who, call), again);
		// What is forgotten is refused all the same.
		for (_, call) in lost {
			assert_noop!(dispatch_signed(&who, call), Error::<Test>::ClaimUnknown);
		}
	});
}

fn dispatch_signed(who: &AccountId, call: RuntimeCall) -> sp_runtime::DispatchResult {
	use sp_runtime::traits::Dispatchable;
	call.dispatch(signed(who.clone())).map(|_| ()).map_err(|error| error.error)
}

#[test]
fn holds_no_more_than_the_challenger_allowed() {
	build_and_execute(|| {
		let (liar, honest) = (Run::cheating(1), Run::honest());
		let (_, slot) = claimed_by(0, &liar);
		assert_ok!(ProviderStake::bond(signed(challenger()), BOND));
		assert_ok!(register_provider(challenger()));
		let bond = Disputes::bond_for(slot).unwrap();
		let call = challenge_call_for(&challenger(), slot, honest.claim(), bond);
		// Somebody else is quicker, and the bond grows.
		challenge(&other_challenger(), slot, honest.claim()).unwrap();
		assert!(dispatch_authorized(call.clone()).is_err());
		assert_noop!(dispatch_unchecked(call), Error::<Test>::BondTooHigh);
	});
}

#[test]
fn a_party_with_many_games_has_time_for_each() {
	build_and_execute(|| {
		let honest = Run::honest();
		let due = |nonce, who: &AccountId| {
			let (_, slot) = claimed_by(nonce, &honest);
			let game = challenge(who, slot, Run::cheating(1).claim()).unwrap();
			Disputes::game_view(game).unwrap().due_at - System::block_number()
		};
		let first = due(0, &challenger());
		let second = due(1, &challenger());
		let run = first - MOVE_BLOCKS;
		assert!(run > 0, "a run takes some blocks");
		assert_eq!(second, MOVE_BLOCKS + 2 * run);
		// Two games of one key count it once, also where it plays both sides.
		assert_eq!(crate::KeyBlocks::<Test>::get(key_of(&provider())), 2 * run);
		assert_eq!(crate::KeyBlocks::<Test>::get(key_of(&challenger())), 2 * run);
	});
}
