//! The only door to the bonds that this pallet holds.

use crate::{Config, Event, HoldReason, Pallet};
use assay_primitives::{AccountId, Balance, SlotId};
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

/// Movements of bonds.
pub(crate) struct Ledger<T>(PhantomData<T>);

impl<T: Config> Ledger<T> {
	fn reason() -> T::RuntimeHoldReason {
		HoldReason::ChallengeBond.into()
	}

	/// Whether a bond could be held now.
	pub(crate) fn can_hold(challenger: &AccountId, bond: Balance) -> bool {
		T::Currency::can_hold(&Self::reason(), challenger, bond)
	}

	/// Hold the bond of a challenge.
	pub(crate) fn hold(challenger: &AccountId, bond: Balance) -> DispatchResult {
		T::Currency::hold(&Self::reason(), challenger, bond)
	}

	/// Give a bond back.
	pub(crate) fn release(challenger: &AccountId, bond: Balance) {
		let released = T::Currency::release(&Self::reason(), challenger, bond, Precision::Exact);
		if released.is_err() {
			defensive!("a bond is not held");
		}
	}

	/// Take a lost bond: half of it repays the winner, if there is one that can be paid; the rest is
	/// the treasury's. Never fails.
	pub(crate) fn forfeit(
		game: SlotId,
		challenger: &AccountId,
		bond: Balance,
		winner: Option<&AccountId>,
	) {
		let mut left = bond;
		if let Some(winner) = winner {
			let repaid = bond.div_euclid(2);
			if Self::transfer(challenger, winner, repaid).is_ok() {
				left = left.saturating_sub(repaid);
				let beneficiary = winner.clone();
				Pallet::<T>::deposit_event(Event::WinnerRepaid {
					game,
					beneficiary,
					amount: repaid,
				});
			}
		}
		let treasury = T::Treasury::get();
		if Self::transfer(challenger, &treasury, left).is_err() {
			// The treasury is endowed at genesis and can always be paid. Were it not, a lost bond
			// must not come back.
			defensive!("the treasury could not be paid");
			let reason = Self::reason();
			let burnt = T::Currency::burn_held(
				&reason,
				challenger,
				left,
				Precision::BestEffort,
				Fortitude::Force,
			);
			if burnt.is_err() {
				defensive!("a lost bond is not held");
			}
		}
	}

	/// Move held funds to another account's free balance, all or nothing. Forced: a freeze elsewhere
	/// must not keep back what a game has lost.
	fn transfer(from: &AccountId, to: &AccountId, amount: Balance) -> DispatchResult {
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
