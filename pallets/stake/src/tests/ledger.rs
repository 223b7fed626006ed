//! Transitions of the record alone, without a chain.

use crate::types::{Chunk, Ledger, Refusal};
use frame_support::traits::ConstU32;

type Record = Ledger<u128, u32, ConstU32<3>>;

fn record(active: u128, chunks: &[(u128, u32)]) -> Record {
	let mut ledger = Record::default();
	let sum: u128 = chunks.iter().map(|(amount, _)| amount).sum();
	ledger.bond(active + sum, 0).expect("fits");
	for (amount, due_at) in chunks {
		ledger.unbond(*amount, 0, *due_at).expect("fits");
	}
	ledger
}

fn chunks(ledger: &Record) -> Vec<(u128, u32)> {
	ledger.chunks().iter().map(|Chunk { amount, due_at }| (*amount, *due_at)).collect()
}

#[test]
fn slash_of_unpledged_bond_reaches_chunks_from_the_end() {
	// active, pledged, amount -> active left, chunks left
	let table = [
		(100, 0, 0, 100, vec![(10, 1), (20, 2), (30, 3)]),
		(100, 0, 100, 0, vec![(10, 1), (20, 2), (30, 3)]),
		(100, 40, 60, 40, vec![(10, 1), (20, 2), (30, 3)]),
		(100, 40, 65, 40, vec![(10, 1), (20, 2), (25, 3)]),
		(100, 40, 110, 40, vec![(10, 1)]),
		(100, 40, 999, 40, vec![]),
	];
	for (active, pledged, amount, active_left, chunks_left) in table {
		let mut ledger = record(active, &[(10, 1), (20, 2), (30, 3)]);
		ledger.pledge(pledged).expect("enough is free");
		ledger.slash_unpledged(amount);
		assert_eq!(ledger.active(), active_left, "slash of {amount}");
		assert_eq!(ledger.pledged(), pledged, "slash of {amount}");
		assert_eq!(chunks(&ledger), chunks_left, "slash of {amount}");
	}
}

#[test]
fn a_refused_transition_changes_nothing() {
	let ledger = record(100, &[(10, 1), (20, 2), (30, 3)]);
	type Step = fn(&mut Record) -> Result<(), Refusal>;
	let steps: [(Step, Refusal); 8] = [
		(|l| l.bond(1, 102), Refusal::BondTooLow),
		(|l| l.bond(u128::MAX, 0), Refusal::Overflow),
		(|l| l.unbond(101, 0, 4), Refusal::FreeBondTooLow),
		(|l| l.unbond(50, 51, 4), Refusal::RemainderTooLow),
		(|l| l.unbond(50, 0, 4), Refusal::UnbondingQueueFull),
		(|l| l.rebond(61, 0), Refusal::UnbondingTooLow),
		(|l| l.rebond(1, 102), Refusal::BondTooLow),
		(|l| l.pledge(101), Refusal::FreeBondTooLow),
	];
	for (step, refusal) in steps {
		let mut changed = ledger.clone();
		assert_eq!(step(&mut changed), Err(refusal));
		assert_eq!(changed, ledger, "{refusal:?}");
	}
}

#[test]
fn withdraw_takes_what_is_due_and_no_more() {
	for (now, sum, left) in [(0, 0, 3), (1, 10, 2), (2, 30, 1), (3, 60, 0), (9, 60, 0)] {
		let mut ledger = record(100, &[(10, 1), (20, 2), (30, 3)]);
		assert_eq!(ledger.withdraw(now), sum, "block {now}");
		assert_eq!(ledger.chunks().len(), left, "block {now}");
		assert_eq!(ledger.active(), 100);
	}
}

#[test]
fn rebond_splits_a_chunk_at_most_once() {
	for (amount, left) in [
		(30, vec![(10, 1), (20, 2)]),
		(29, vec![(10, 1), (20, 2), (1, 3)]),
		(31, vec![(10, 1), (19, 2)]),
		(60, vec![]),
	] {
		let mut ledger = record(100, &[(10, 1), (20, 2), (30, 3)]);
		ledger.rebond(amount, 0).expect("there is that much");
		assert_eq!(chunks(&ledger), left);
		assert_eq!(ledger.total(), 160);
	}
}
