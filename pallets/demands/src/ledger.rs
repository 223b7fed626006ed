//! The only door to what demanders have paid in advance.

use crate::{Config, HoldReason};
use assay_primitives::{AccountId, Balance};
use core::marker::PhantomData;
use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{
		fungible::{InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use sp_runtime::DispatchResult;

/// Movements of prepayments.
pub(crate) struct Ledger<T>(PhantomData<T>);

impl<T: Config> Ledger<T> {
	fn reason() -> T::RuntimeHoldReason {
		HoldReason::Demand.into()
	}

	/// Whether a prepayment could be held now.
	pub(crate) fn can_hold(demander: &AccountId, amount: Balance) -> bool {
		T::Currency::can_hold(&Self::reason(), demander, amount)
	}

	/// Hold a prepayment.
	pub(crate) fn hold(demander: &AccountId, amount: Balance) -> DispatchResult {
		T::Currency::hold(&Self::reason(), demander, amount)
	}

	/// Give a prepayment back.
	pub(crate) fn release(demander: &AccountId, amount: Balance) {
		let released = T::Currency::release(&Self::reason(), demander, amount, Precision::Exact);
		if released.is_err() {
			defensive!("a prepayment is not held");
		}
	}

	/// Pay for a chunk: the provider its share, rounded down, the treasury the rest, which pays for
	/// the block space. What the provider cannot be paid is the treasury's too. Never fails. Returns
	/// what the provider got.
	pub(crate) fn pay(demander: &AccountId, provider: &AccountId, amount: Balance) -> Balance {
		let share = T::ProviderShare::get().mul_floor(amount);
		let paid = match Self::transfer(demander, provider, share) {
			Ok(()) => share,
			Err(_) => 0,
		};
		let left = amount.saturating_sub(paid);
		if Self::transfer(demander, &T::Treasury::get(), left).is_err() {
			// The treasury is endowed at genesis and can always be paid. Were it not, what block space
			// has cost must not come back.
			defensive!("the treasury could not be paid");
			let burnt = T::Currency::burn_held(
				&Self::reason(),
				demander,
				left,
				Precision::BestEffort,
				Fortitude::Force,
			);
			if burnt.is_err() {
				defensive!("a prepayment is not held");
			}
		}
		paid
	}

	/// Move held funds to another account's free balance, all or nothing. Forced: a freeze elsewhere
	/// must not keep back what was delivered for.
	fn transfer(from: &AccountId, to: &AccountId, amount: Balance) -> DispatchResult {
		if amount == 0 {
			return Ok(());
		}
		with_storage_layer(|| {
			T::Currency::transfer_on_hold(
				&Self::reason(),
				from,
				to,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)
			.map(|_| ())
		})
	}

	/// What is held of an account.
	#[cfg(any(feature = "try-runtime", feature = "std", test))]
	pub(crate) fn held(who: &AccountId) -> Balance {
		T::Currency::balance_on_hold(&Self::reason(), who)
	}
}
