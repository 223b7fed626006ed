//! What must hold after every block and every call, one function for each numbered invariant.

use crate::{ledger::Ledger, *};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::{AccountId, Balance, OwedItems, DEMAND_BYTES_MAX};
use frame_support::{ensure, traits::Get};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// All invariants; see the crate documentation.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_prepayments_are_held()?;
		Self::inv_2_jobs_are_held()?;
		Self::inv_3_something_is_awaited()
	}

	fn inv_1_prepayments_are_held() -> Result<(), TryRuntimeError> {
		let mut sums = BTreeMap::<AccountId, Balance>::new();
		for demand in Demands::<T>::iter_values() {
			let unspent = demand.unspent();
			let sum = sums.entry(demand.demander).or_default();
			*sum = sum.saturating_add(unspent);
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let sum = sums.remove(&who).unwrap_or_default();
			ensure!(Ledger::<T>::held(&who) == sum, "INV-1: a prepayment is not what is held");
		}
		ensure!(sums.values().all(|sum| *sum == 0), "INV-1: a prepayment without an account");
		Ok(())
	}

	fn inv_2_jobs_are_held() -> Result<(), TryRuntimeError> {
		let held: BTreeSet<_> = T::Jobs::held().into_iter().collect();
		let demanded: BTreeSet<_> = Demands::<T>::iter_keys().collect();
		ensure!(held == demanded, "INV-2: a job is held without a demand, or not held with one");
		Ok(())
	}

	fn inv_3_something_is_awaited() -> Result<(), TryRuntimeError> {
		for demand in Demands::<T>::iter_values() {
			let lengths = 1..=DEMAND_BYTES_MAX;
			ensure!(lengths.contains(&demand.length), "INV-3: a length that nobody may demand");
			ensure!(!demand.is_answered(), "INV-3: an answered demand is open");
			let latest = T::Jobs::now().saturating_add(T::AnswerBlocks::get());
			ensure!(demand.due <= latest, "INV-3: a chunk has more time than chunks have");
		}
		Ok(())
	}
}
