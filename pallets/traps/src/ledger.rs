//! The only door to the money of traps: what the treasury pays.

use crate::*;
use assay_primitives::{AccountId, Balance};
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	tokens::{Fortitude, Preservation},
	Get,
};

impl<T: Config> Pallet<T> {
	/// Pay out of the treasury what it has above its existential deposit. Returns what was paid.
	pub(crate) fn pay_out(auditor: &AccountId, asked: Balance) -> Balance {
		let treasury = T::Treasury::get();
		let (keep, polite) = (Preservation::Preserve, Fortitude::Polite);
		let amount = asked.min(T::Currency::reducible_balance(&treasury, keep, polite));
		// A payee that cannot be paid, for it has no account and the amount is too small for one,
		// gets nothing: the treasury keeps it.
		if amount == 0 || T::Currency::transfer(&treasury, auditor, amount, keep).is_err() {
			return 0;
		}
		amount
	}
}
