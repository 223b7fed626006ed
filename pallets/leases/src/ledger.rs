//! The only door to the funds this pallet holds, and to the records that say whose they are.
//!
//! [`Escrow`] can be changed in this file alone, and every change of it here goes with the movement
//! of funds it describes: that is INV-1.

use crate::{
	BalanceOf, Config, DefensiveError, Error, Event, HoldReason, LeaseOf, Pallet, Reservations,
};
use alloc::vec::Vec;
use assay_primitives::{JobDigest, LeaseId, Payment, PaymentKind};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
#[cfg(any(feature = "try-runtime", feature = "std", test))]
use frame_support::traits::fungible::InspectHold;
use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use scale_info::TypeInfo;
use sp_runtime::{
	traits::{CheckedAdd, CheckedSub, Saturating, Zero},
	DispatchError, DispatchResult,
};

/// A tenant's funds in one lease. Both parts together are held on the tenant's account.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Escrow<Balance> {
	free: Balance,
	reserved: Balance,
}

impl<Balance: CheckedAdd + CheckedSub + Saturating + Copy> Escrow<Balance> {
	/// What no job holds.
	pub fn free(&self) -> Balance {
		self.free
	}

	/// What open jobs hold.
	pub fn reserved(&self) -> Balance {
		self.reserved
	}

	/// All of it. Saturating is exact: both parts are held of one account, whose total fits.
	pub fn total(&self) -> Balance {
		self.free.saturating_add(self.reserved)
	}

	fn add(self, amount: Balance) -> Option<Self> {
		Some(Self { free: self.free.checked_add(&amount)?, ..self })
	}

	fn reserve(self, amount: Balance) -> Option<Self> {
		Some(Self {
			free: self.free.checked_sub(&amount)?,
			reserved: self.reserved.checked_add(&amount)?,
		})
	}

	/// The end of a reservation of `reserved`, of which `paid` has left.
	fn settle(self, reserved: Balance, paid: Balance) -> Option<Self> {
		Some(Self {
			free: self.free.checked_add(&reserved.checked_sub(&paid)?)?,
			reserved: self.reserved.checked_sub(&reserved)?,
		})
	}
}

/// Movements of funds, each with its record.
pub(crate) struct Ledger<T>(PhantomData<T>);

impl<T: Config> Ledger<T> {
	fn reason(reason: HoldReason) -> T::RuntimeHoldReason {
		reason.into()
	}

	/// Hold the deposit of an offer. Returns what is held.
	pub(crate) fn hold_deposit(provider: &T::AccountId) -> Result<BalanceOf<T>, DispatchError> {
		let deposit = T::OfferDeposit::get();
		T::Currency::hold(&Self::reason(HoldReason::OfferDeposit), provider, deposit)?;
		Ok(deposit)
	}

	/// Give the deposit of an offer back.
	pub(crate) fn release_deposit(
		provider: &T::AccountId,
		deposit: BalanceOf<T>,
	) -> DispatchResult {
		let reason = Self::reason(HoldReason::OfferDeposit);
		T::Currency::release(&reason, provider, deposit, Precision::Exact)?;
		Ok(())
	}

	/// Hold the escrow of a new lease.
	pub(crate) fn hold_escrow(
		tenant: &T::AccountId,
		amount: BalanceOf<T>,
	) -> Result<Escrow<BalanceOf<T>>, DispatchError> {
		T::Currency::hold(&Self::reason(HoldReason::Escrow), tenant, amount)?;
		Ok(Escrow { free: amount, reserved: Zero::zero() })
	}

	/// Hold more.
	pub(crate) fn top_up(lease: &mut LeaseOf<T>, amount: BalanceOf<T>) -> DispatchResult {
		let escrow = lease.escrow.add(amount).ok_or(Error::<T>::EscrowTooHigh)?;
		T::Currency::hold(&Self::reason(HoldReason::Escrow), &lease.tenant, amount)?;
		lease.escrow = escrow;
		Ok(())
	}

	/// Bind a part of the free escrow to a job.
	pub(crate) fn reserve(
		id: LeaseId,
		lease: &mut LeaseOf<T>,
		job: JobDigest,
		amount: BalanceOf<T>,
	) -> DispatchResult {
		let escrow = lease.escrow.reserve(amount).ok_or(Error::<T>::FreeEscrowTooLow)?;
		Reservations::<T>::insert(id, job, amount);
		lease.escrow = escrow;
		Ok(())
	}

	/// End a job's reservation and pay out of it, in the order of `payments`. What is not paid is
	/// free again. Returns what was paid; `None`, and nothing is changed, without a reservation.
	pub(crate) fn settle(
		id: LeaseId,
		lease: &mut LeaseOf<T>,
		job: JobDigest,
		stated: BalanceOf<T>,
		payments: Vec<Payment<T::AccountId, BalanceOf<T>>>,
	) -> Option<BalanceOf<T>> {
		let reserved = Reservations::<T>::get(id, job)?;
		if reserved != stated {
			// The record decides; the job's own copy can only have gone wrong.
			defensive!("a job states another reservation than its lease");
		}
		// Checked before anything moves: with something paid the same step can only be easier.
		if lease.escrow.settle(reserved, Zero::zero()).is_none() {
			defensive!("a lease holds less than one of its reservations");
			return None;
		}
		let mut left = reserved;
		for payment in payments {
			let due = payment.amount.min(left);
			if due < payment.amount {
				defensive!("payments of a job exceed its reservation");
			}
			let paid = Self::pay(id, lease, job, &payment.to, due, payment.kind);
			// `paid` is at most `due`, which is at most `left`.
			left = left.saturating_sub(paid);
		}
		let paid = reserved.saturating_sub(left);
		lease.escrow = lease.escrow.settle(reserved, paid)?;
		Reservations::<T>::remove(id, job);
		Some(paid)
	}

	/// Pay one share, to its payee or else to the treasury. Returns what has left the escrow.
	fn pay(
		id: LeaseId,
		lease: &LeaseOf<T>,
		job: JobDigest,
		to: &T::AccountId,
		amount: BalanceOf<T>,
		kind: PaymentKind,
	) -> BalanceOf<T> {
		if amount.is_zero() {
			return amount;
		}
		let to = to.clone();
		if Self::transfer(&lease.tenant, &to, amount).is_ok() {
			Pallet::<T>::deposit_event(Event::Paid { lease: id, job, to, amount, kind });
			return amount;
		}
		if Self::transfer(&lease.tenant, &T::Treasury::get(), amount).is_ok() {
			let redirected = Event::PaymentRedirected { lease: id, job, to, amount, kind };
			Pallet::<T>::deposit_event(redirected);
			return amount;
		}
		Pallet::<T>::deposit_event(Event::PaymentKept { lease: id, job, to, amount, kind });
		Zero::zero()
	}

	/// Move held funds of a tenant to another account's free balance, all or nothing. Forced, since
	/// a tenant's freeze elsewhere must not keep back what a job has earned.
	fn transfer(tenant: &T::AccountId, to: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let reason = Self::reason(HoldReason::Escrow);
		with_storage_layer(|| {
			T::Currency::transfer_on_hold(
				&reason,
				tenant,
				to,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)
			.map(|_| ())
		})
	}

	/// Give the free escrow of a lease without open jobs back. Returns how much that was.
	pub(crate) fn refund(lease: &mut LeaseOf<T>) -> Result<BalanceOf<T>, DispatchError> {
		if !lease.escrow.reserved.is_zero() {
			defensive!("a lease without open jobs has reservations");
			return Err(Error::<T>::Defensive(DefensiveError::EscrowReserved).into());
		}
		let amount = lease.escrow.free;
		let reason = Self::reason(HoldReason::Escrow);
		T::Currency::release(&reason, &lease.tenant, amount, Precision::Exact)?;
		lease.escrow = Escrow { free: Zero::zero(), reserved: Zero::zero() };
		Ok(amount)
	}

	/// What is held of an account for a purpose.
	#[cfg(any(feature = "try-runtime", feature = "std", test))]
	pub(crate) fn held(reason: HoldReason, who: &T::AccountId) -> BalanceOf<T> {
		T::Currency::balance_on_hold(&Self::reason(reason), who)
	}
}
