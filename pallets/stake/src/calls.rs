//! Bodies of the calls.

use crate::{ledger::Bond, types::CreditOf, BalanceOf, Config, Error, Event, Pallet};
use assay_primitives::{SlashReason, SlotId};
use frame_support::{
	ensure,
	traits::{fungible::Balanced, Imbalance, OnUnbalanced},
};
use sp_runtime::{traits::Zero, DispatchResult};

impl<T: Config<I>, I: 'static> Pallet<T, I> {
	pub(crate) fn do_bond(who: T::AccountId, amount: BalanceOf<T, I>) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T, I>::AmountIsZero);
		let active = Bond::<T, I>::open(&who).bond(amount)?;
		Self::deposit_event(Event::Bonded { who, amount, active });
		Ok(())
	}

	pub(crate) fn do_unbond(who: T::AccountId, amount: BalanceOf<T, I>) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T, I>::AmountIsZero);
		let due_at = Bond::<T, I>::load(&who)?.unbond(amount)?;
		Self::deposit_event(Event::Unbonding { who, amount, due_at });
		Ok(())
	}

	pub(crate) fn do_rebond(who: T::AccountId, amount: BalanceOf<T, I>) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T, I>::AmountIsZero);
		let active = Bond::<T, I>::load(&who)?.rebond(amount)?;
		Self::deposit_event(Event::Rebonded { who, amount, active });
		Ok(())
	}

	pub(crate) fn do_withdraw(who: T::AccountId) -> DispatchResult {
		let amount = Bond::<T, I>::load(&who)?.withdraw()?;
		ensure!(!amount.is_zero(), Error::<T, I>::NothingMatured);
		Self::deposit_event(Event::Withdrawn { who, amount });
		Ok(())
	}

	pub(crate) fn do_force_slash(who: T::AccountId, amount: BalanceOf<T, I>) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T, I>::AmountIsZero);
		let credit = Bond::<T, I>::load(&who)?.slash_unpledged(amount);
		ensure!(!credit.peek().is_zero(), Error::<T, I>::NothingToSlash);
		Self::settle_slash(&who, None, credit, None, SlashReason::Ordered);
		Ok(())
	}

	/// Hand out what a slash took. Cannot fail: a beneficiary that cannot be paid leaves its part to
	/// the sink.
	pub(crate) fn settle_slash(
		who: &T::AccountId,
		maybe_slot: Option<SlotId>,
		credit: CreditOf<T, I>,
		maybe_compensation: Option<(&T::AccountId, BalanceOf<T, I>)>,
		reason: SlashReason,
	) {
		let amount = credit.peek();
		let rest = match maybe_compensation {
			Some((beneficiary, part)) => {
				Self::compensate(who, maybe_slot, credit, beneficiary, part)
			},
			None => credit,
		};
		if !rest.peek().is_zero() {
			T::Slash::on_unbalanced(rest);
		}
		Self::deposit_event(Event::Slashed { who: who.clone(), maybe_slot, amount, reason });
	}

	/// Pay up to `part` of a slash to a beneficiary. Returns what is left of it.
	fn compensate(
		who: &T::AccountId,
		maybe_slot: Option<SlotId>,
		credit: CreditOf<T, I>,
		beneficiary: &T::AccountId,
		part: BalanceOf<T, I>,
	) -> CreditOf<T, I> {
		let (due, rest) = credit.split(part);
		let amount = due.peek();
		if amount.is_zero() {
			return rest;
		}
		let (who, beneficiary) = (who.clone(), beneficiary.clone());
		match T::Currency::resolve(&beneficiary, due) {
			Ok(()) => {
				Self::deposit_event(Event::Compensated { who, maybe_slot, beneficiary, amount });
				rest
			},
			Err(unpaid) => {
				Self::deposit_event(Event::CompensationNotPaid {
					who,
					maybe_slot,
					beneficiary,
					amount,
				});
				rest.merge(unpaid)
			},
		}
	}
}
