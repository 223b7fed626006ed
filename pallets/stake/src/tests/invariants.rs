//! Random sequences of everything that can happen to bonds, every invariant checked after each
//! step.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
	Bond(AccountId, Balance),
	Unbond(AccountId, Balance),
	Rebond(AccountId, Balance),
	Withdraw(AccountId),
	ForceSlash(AccountId, Balance),
	Pledge(AccountId, u64, Balance),
	Release(AccountId, u64),
	Slash(AccountId, u64, Balance, Option<(AccountId, Balance)>),
	Advance(u32),
}

fn account() -> impl Strategy<Value = AccountId> {
	prop_oneof![Just(ALICE), Just(BOB), Just(CHARLIE)]
}

fn beneficiary() -> impl Strategy<Value = AccountId> {
	prop_oneof![Just(ALICE), Just(BOB), Just(NOBODY)]
}

// Small amounts around the existential deposit and the minimum, and now and then far too much.
fn amount() -> impl Strategy<Value = Balance> {
	prop_oneof![
		8 => 0..=3 * MIN_BOND,
		4 => 0..=ENDOWMENT,
		2 => 0..=ED + 1,
		1 => Just(Balance::MAX),
	]
}

fn op() -> impl Strategy<Value = Op> {
	let slot = 0u64..4;
	prop_oneof![
		4 => (account(), amount()).prop_map(|(who, amount)| Op::Bond(who, amount)),
		3 => (account(), amount()).prop_map(|(who, amount)| Op::Unbond(who, amount)),
		2 => (account(), amount()).prop_map(|(who, amount)| Op::Rebond(who, amount)),
		2 => account().prop_map(Op::Withdraw),
		1 => (account(), amount()).prop_map(|(who, amount)| Op::ForceSlash(who, amount)),
		4 => (account(), slot.clone(), amount())
			.prop_map(|(who, slot, amount)| Op::Pledge(who, slot, amount)),
		2 => (account(), slot.clone()).prop_map(|(who, slot)| Op::Release(who, slot)),
		2 => (account(), slot, amount(), proptest::option::of((beneficiary(), amount())))
			.prop_map(|(who, slot, amount, pay)| Op::Slash(who, slot, amount, pay)),
		2 => (1..=UNBONDING).prop_map(Op::Advance),
	]
}

/// What an op has to do with everybody's bonds, besides keeping the invariants.
fn apply(op: &Op) {
	let bonded = |who: &AccountId| Stake::bond_of(*who).map_or(0, |b| b.active + chunk_sum(&b));
	let signed = |who: &AccountId| RuntimeOrigin::signed(*who);
	match op {
		Op::Bond(who, amount) => {
			let before = bonded(who);
			if Stake::bond(signed(who), *amount).is_ok() {
				assert_eq!(bonded(who), before + amount, "INV-1: a bond adds its amount");
			}
		},
		Op::Unbond(who, amount) => {
			let before = bonded(who);
			let _ = Stake::unbond(signed(who), *amount);
			assert_eq!(bonded(who), before, "INV-1: unbonding keeps the sum");
		},
		Op::Rebond(who, amount) => {
			let before = bonded(who);
			let _ = Stake::rebond(signed(who), *amount);
			assert_eq!(bonded(who), before, "INV-1: rebonding keeps the sum");
		},
		Op::Withdraw(who) => {
			let before = Balances::total_balance(who);
			let _ = Stake::withdraw(signed(who));
			assert_eq!(Balances::total_balance(who), before, "INV-1: withdrawing moves no funds");
		},
		Op::ForceSlash(who, amount) => {
			let pledged = Stake::bond_of(*who).map_or(0, |bond| bond.pledged);
			let _ = Stake::force_slash(RuntimeOrigin::root(), *who, *amount);
			let after = Stake::bond_of(*who).map_or(0, |bond| bond.pledged);
			assert_eq!(pledged, after, "INV-2: an ordered slash leaves pledges");
		},
		Op::Pledge(who, slot, amount) => {
			let free = Stake::free(who);
			let done = Stake::pledge(who, SlotId(*slot), *amount);
			assert_eq!(done.is_ok(), *amount <= free, "INV-2: free bond can be pledged, no more");
		},
		Op::Release(who, slot) => {
			let (free, pledge) = (Stake::free(who), Stake::pledged(who, SlotId(*slot)));
			assert_eq!(Stake::release(who, SlotId(*slot)), pledge);
			assert_eq!(Stake::free(who), free + pledge, "INV-2: a released pledge is free");
		},
		Op::Slash(who, slot, amount, pay) => {
			let slot = SlotId(*slot);
			let (free, pledge) = (Stake::free(who), Stake::pledged(who, slot));
			let pay = pay.as_ref().map(|(to, amount)| (to, *amount));
			let taken = Stake::slash(who, slot, *amount, pay, SlashReason::NotRevealed);
			assert_eq!(taken, pledge.min(*amount), "INV-2: a slash takes what the slot holds");
			assert_eq!(Stake::pledged(who, slot), pledge - taken);
			assert_eq!(Stake::free(who), free, "INV-2: a slash leaves free bond alone");
		},
		Op::Advance(blocks) => advance(*blocks),
	}
}

fn chunk_sum(bond: &BondView<Balance, u32>) -> Balance {
	bond.unbonding.iter().map(|chunk| chunk.amount).sum()
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

	#[test]
	fn every_sequence_keeps_the_invariants(ops in prop::collection::vec(op(), 1..80)) {
		build_and_execute(|| {
			let issuance = Balances::total_issuance();
			for op in &ops {
				apply(op);
				if let Err(broken) = Stake::do_try_state() {
					panic!("{broken:?} after {op:?}");
				}
				// Slashes move funds, they neither make nor burn any.
				assert_eq!(Balances::total_issuance(), issuance, "after {op:?}");
			}
		});
	}
}
