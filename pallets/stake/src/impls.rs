//! Bonded stake, as the other pallets see it.

use crate::{ledger::Bond, BalanceOf, Config, Error, Event, Pallet};
use assay_primitives::{SlashReason, SlotId, Stake};
use frame_support::traits::Imbalance;
use sp_runtime::{traits::Zero, DispatchResult};

impl<T: Config<I>, I: 'static> Stake<T::AccountId, BalanceOf<T, I>> for Pallet<T, I> {
	fn bonded(who: &T::AccountId) -> BalanceOf<T, I> {
		Bond::<T, I>::open(who).ledger().active()
	}

	fn free(who: &T::AccountId) -> BalanceOf<T, I> {
		Bond::<T, I>::open(who).ledger().free()
	}

	fn pledge(who: &T::AccountId, slot: SlotId, amount: BalanceOf<T, I>) -> DispatchResult {
		// Nothing to lock, nothing to record (INV-3), and no bond needed for it.
		if amount.is_zero() {
			return Ok(());
		}
		Bond::<T, I>::load(who).map_err(|_| Error::<T, I>::FreeBondTooLow)?.pledge(slot, amount)?;
		Self::deposit_event(Event::Pledged { who: who.clone(), slot, amount });
		Ok(())
	}

	fn pledged(who: &T::AccountId, slot: SlotId) -> BalanceOf<T, I> {
		Bond::<T, I>::pledge_of(who, slot)
	}

	fn release(who: &T::AccountId, slot: SlotId) -> BalanceOf<T, I> {
		let amount = Bond::<T, I>::open(who).release(slot);
		if !amount.is_zero() {
			Self::deposit_event(Event::Released { who: who.clone(), slot, amount });
		}
		amount
	}

	fn slash(
		who: &T::AccountId,
		slot: SlotId,
		amount: BalanceOf<T, I>,
		compensation: Option<(&T::AccountId, BalanceOf<T, I>)>,
		reason: SlashReason,
	) -> BalanceOf<T, I> {
		let credit = Bond::<T, I>::open(who).slash_pledge(slot, amount);
		let taken = credit.peek();
		if !taken.is_zero() {
			Self::settle_slash(who, Some(slot), credit, compensation, reason);
		}
		taken
	}
}
