//! The only door to bonds: whoever changes a ledger or a pledge changes the held funds with it.

use crate::{
	types::{CreditOf, LedgerOf},
	BalanceOf, Config, Error, HoldReason, Ledgers, Pledges,
};
use assay_primitives::SlotId;
use frame_support::{
	defensive,
	traits::{
		fungible::{BalancedHold, MutateHold},
		tokens::Precision,
		Get, Imbalance,
	},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{CheckedAdd, Saturating, Zero},
	ArithmeticError, DispatchError, DispatchResult,
};

/// One account's bond, loaded. Every method that changes it consumes it and writes it back.
pub(crate) struct Bond<T: Config<I>, I: 'static = ()> {
	who: T::AccountId,
	ledger: LedgerOf<T, I>,
}

impl<T: Config<I>, I: 'static> Bond<T, I> {
	/// The account's bond; an empty one if it has none.
	pub(crate) fn open(who: &T::AccountId) -> Self {
		Self { who: who.clone(), ledger: Ledgers::<T, I>::get(who).unwrap_or_default() }
	}

	/// The account's bond, which must exist.
	pub(crate) fn load(who: &T::AccountId) -> Result<Self, Error<T, I>> {
		let ledger = Ledgers::<T, I>::get(who).ok_or(Error::<T, I>::NotBonded)?;
		Ok(Self { who: who.clone(), ledger })
	}

	/// What a slot holds of the account's bond.
	pub(crate) fn pledge_of(who: &T::AccountId, slot: SlotId) -> BalanceOf<T, I> {
		Pledges::<T, I>::get(who, slot).unwrap_or_else(Zero::zero)
	}

	/// The record, to read.
	pub(crate) fn ledger(&self) -> &LedgerOf<T, I> {
		&self.ledger
	}

	/// Hold `amount` more of the account's funds. Returns the active bond.
	pub(crate) fn bond(
		mut self,
		amount: BalanceOf<T, I>,
	) -> Result<BalanceOf<T, I>, DispatchError> {
		self.ledger.bond(amount, T::MinBond::get()).map_err(|no| no.into_error::<T, I>())?;
		T::Currency::hold(&Self::reason(), &self.who, amount)?;
		let active = self.ledger.active();
		self.save();
		Ok(active)
	}

	/// Send `amount` on its way out. Returns the block in which it matures.
	pub(crate) fn unbond(
		mut self,
		amount: BalanceOf<T, I>,
	) -> Result<BlockNumberFor<T>, DispatchError> {
		let due_at = frame_system::Pallet::<T>::block_number()
			.checked_add(&T::UnbondingBlocks::get())
			.ok_or(ArithmeticError::Overflow)?;
		self.ledger
			.unbond(amount, T::MinBond::get(), due_at)
			.map_err(|no| no.into_error::<T, I>())?;
		self.save();
		Ok(due_at)
	}

	/// Bring `amount` back that is on its way out. Returns the active bond.
	pub(crate) fn rebond(
		mut self,
		amount: BalanceOf<T, I>,
	) -> Result<BalanceOf<T, I>, DispatchError> {
		self.ledger.rebond(amount, T::MinBond::get()).map_err(|no| no.into_error::<T, I>())?;
		let active = self.ledger.active();
		self.save();
		Ok(active)
	}

	/// Give back what has matured. Returns how much, zero if nothing has.
	pub(crate) fn withdraw(mut self) -> Result<BalanceOf<T, I>, DispatchError> {
		let amount = self.ledger.withdraw(frame_system::Pallet::<T>::block_number());
		if !amount.is_zero() {
			T::Currency::release(&Self::reason(), &self.who, amount, Precision::Exact)?;
			self.save();
		}
		Ok(amount)
	}

	/// Lock `amount` of free bond to a slot, on top of what the slot holds.
	pub(crate) fn pledge(mut self, slot: SlotId, amount: BalanceOf<T, I>) -> DispatchResult {
		self.ledger.pledge(amount).map_err(|no| no.into_error::<T, I>())?;
		// Not above `pledged`, which was added up just now.
		let pledge = Self::pledge_of(&self.who, slot).saturating_add(amount);
		Self::save_pledge(&self.who, slot, pledge);
		self.save();
		Ok(())
	}

	/// Unlock all that a slot holds. Returns it.
	pub(crate) fn release(mut self, slot: SlotId) -> BalanceOf<T, I> {
		let pledge = Self::pledge_of(&self.who, slot);
		if !pledge.is_zero() {
			self.ledger.release(pledge);
			Self::save_pledge(&self.who, slot, Zero::zero());
			self.save();
		}
		pledge
	}

	/// Take up to `amount` of what a slot holds.
	pub(crate) fn slash_pledge(mut self, slot: SlotId, amount: BalanceOf<T, I>) -> CreditOf<T, I> {
		let pledge = Self::pledge_of(&self.who, slot);
		let credit = self.seize(amount.min(pledge));
		let taken = credit.peek();
		if !taken.is_zero() {
			self.ledger.slash_pledged(taken);
			Self::save_pledge(&self.who, slot, pledge.saturating_sub(taken));
			self.save();
		}
		credit
	}

	/// Take up to `amount` of what no slot holds: free bond first, then what is on its way out.
	pub(crate) fn slash_unpledged(mut self, amount: BalanceOf<T, I>) -> CreditOf<T, I> {
		let reach = self.ledger.free().saturating_add(self.ledger.unbonding());
		let credit = self.seize(amount.min(reach));
		let taken = credit.peek();
		if !taken.is_zero() {
			self.ledger.slash_unpledged(taken);
			self.save();
		}
		credit
	}

	// The ledger follows what was really taken, so that a broken INV-1 is not made worse.
	fn seize(&self, amount: BalanceOf<T, I>) -> CreditOf<T, I> {
		let (credit, missing) = T::Currency::slash(&Self::reason(), &self.who, amount);
		if !missing.is_zero() {
			defensive!("INV-1: less is held than the ledger says");
		}
		credit
	}

	fn save(self) {
		if self.ledger.is_empty() {
			Ledgers::<T, I>::remove(&self.who);
		} else {
			Ledgers::<T, I>::insert(&self.who, self.ledger);
		}
	}

	fn save_pledge(who: &T::AccountId, slot: SlotId, amount: BalanceOf<T, I>) {
		if amount.is_zero() {
			Pledges::<T, I>::remove(who, slot);
		} else {
			Pledges::<T, I>::insert(who, slot, amount);
		}
	}

	fn reason() -> T::RuntimeHoldReason {
		HoldReason::<I>::Bonded.into()
	}
}
