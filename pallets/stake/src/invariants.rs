//! What must hold in every state, one function for each numbered invariant of the crate docs.

use crate::{Config, HoldReason, Ledgers, Pallet, Pledges};
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold, traits::Get};
use sp_runtime::{
	traits::{CheckedAdd, Zero},
	DispatchError, DispatchResult,
};

fn broken(what: &'static str) -> DispatchError {
	DispatchError::Other(what)
}

impl<T: Config<I>, I: 'static> Pallet<T, I> {
	/// Check every invariant of the pallet.
	pub fn do_try_state() -> DispatchResult {
		Self::check_held_funds()?;
		Self::check_pledged_sums()?;
		Self::check_pledges()?;
		Self::check_queues()?;
		Self::check_nothing_empty()
	}

	fn check_held_funds() -> DispatchResult {
		let reason = HoldReason::<I>::Bonded.into();
		for (who, ledger) in Ledgers::<T, I>::iter() {
			let mut sum = ledger.active();
			for chunk in ledger.chunks() {
				sum = sum
					.checked_add(&chunk.amount)
					.ok_or(broken("INV-1: active and unbonding bond do not fit a balance"))?;
			}
			ensure!(
				T::Currency::balance_on_hold(&reason, &who) == sum,
				broken("INV-1: held funds are not the sum of active and unbonding bond")
			);
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let is_clear = T::Currency::balance_on_hold(&reason, &who).is_zero();
			ensure!(
				is_clear || Ledgers::<T, I>::contains_key(&who),
				broken("INV-1: funds are held without a ledger")
			);
		}
		Ok(())
	}

	fn check_pledged_sums() -> DispatchResult {
		let mut sums = BTreeMap::new();
		for (who, _, amount) in Pledges::<T, I>::iter() {
			let sum = sums.entry(who).or_insert_with(Zero::zero);
			*sum = amount
				.checked_add(sum)
				.ok_or(broken("INV-2: the pledges of an account do not fit a balance"))?;
		}
		for (who, ledger) in Ledgers::<T, I>::iter() {
			let sum = sums.remove(&who).unwrap_or_else(Zero::zero);
			ensure!(ledger.pledged() == sum, broken("INV-2: pledged is not the sum of pledges"));
			ensure!(ledger.pledged() <= ledger.active(), broken("INV-2: pledged is above active"));
		}
		Ok(())
	}

	fn check_pledges() -> DispatchResult {
		for (who, _, amount) in Pledges::<T, I>::iter() {
			ensure!(!amount.is_zero(), broken("INV-3: a pledge is zero"));
			ensure!(
				Ledgers::<T, I>::contains_key(&who),
				broken("INV-3: a pledge has no bond behind it")
			);
		}
		Ok(())
	}

	fn check_queues() -> DispatchResult {
		for ledger in Ledgers::<T, I>::iter_values() {
			let chunks = ledger.chunks();
			ensure!(
				chunks.len() <= T::MaxUnbondingChunks::get() as usize,
				broken("INV-4: an unbonding queue is too long")
			);
			ensure!(
				chunks.iter().all(|chunk| !chunk.amount.is_zero()),
				broken("INV-4: an unbonding chunk is empty")
			);
			ensure!(
				chunks.iter().zip(chunks.iter().skip(1)).all(|(a, b)| a.due_at < b.due_at),
				broken("INV-4: an unbonding queue is not sorted by maturity")
			);
		}
		Ok(())
	}

	fn check_nothing_empty() -> DispatchResult {
		for ledger in Ledgers::<T, I>::iter_values() {
			ensure!(!ledger.is_empty(), broken("INV-5: a ledger records nothing"));
		}
		ensure!(
			Ledgers::<T, I>::iter_keys().count() == Ledgers::<T, I>::count() as usize,
			broken("INV-5: the count of ledgers is wrong")
		);
		Ok(())
	}
}
