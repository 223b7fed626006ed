//! The only door to the funds this pallet holds, and to the records that say whose they are.
//!
//! [`Escrow`] can be changed in this file alone, and every change of it here goes with the movement
//! of funds it describes: that is INV-1.

use crate::{
	BalanceOf, Config, DefensiveError, Error, Event, HoldReason, LeaseOf, Pallet, RateDue,
	Reservations,
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
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::{
	traits::{CheckedAdd, CheckedSub, Saturating, Zero},
	DispatchError, DispatchResult,
};

/// A tenant's funds in one lease. All parts together are held on the tenant's account.
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
	set_aside: Balance,
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

	/// What settling the lease when it is overdrawn earns. Nothing else is paid out of it.
	pub fn set_aside(&self) -> Balance {
		self.set_aside
	}

	/// All of it. Saturating is exact: all parts are held of one account, whose total fits.
	pub fn total(&self) -> Balance {
		self.free.saturating_add(self.reserved).saturating_add(self.set_aside)
	}

	fn add(self, amount: Balance) -> Option<Self> {
		Some(Self { free: self.free.checked_add(&amount)?, ..self })
	}

	fn reserve(self, amount: Balance) -> Option<Self> {
		Some(Self {
			free: self.free.checked_sub(&amount)?,
			reserved: self.reserved.checked_add(&amount)?,
			..self
		})
	}

	/// `amount` of the free part has left.
	fn pay(self, amount: Balance) -> Option<Self> {
		Some(Self { free: self.free.checked_sub(&amount)?, ..self })
	}

	/// The end of a reservation of `reserved`, of which `paid` has left.
	fn settle(self, reserved: Balance, paid: Balance) -> Option<Self> {
		Some(Self {
			free: self.free.checked_add(&reserved.checked_sub(&paid)?)?,
			reserved: self.reserved.checked_sub(&reserved)?,
			..self
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

	/// Hold the escrow of a new lease, `set_aside` of which is not free.
	pub(crate) fn hold_escrow(
		tenant: &T::AccountId,
		amount: BalanceOf<T>,
		set_aside: BalanceOf<T>,
	) -> Result<Escrow<BalanceOf<T>>, DispatchError> {
		let free = amount.checked_sub(&set_aside).ok_or(Error::<T>::EscrowTooLow)?;
		T::Currency::hold(&Self::reason(HoldReason::Escrow), tenant, amount)?;
		Ok(Escrow { free, reserved: Zero::zero(), set_aside })
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

	/// Pay for a reserved rate out of the free escrow: the protocol's share, rounded down as that of
	/// a job's price is, and the rest to the provider. What nobody can receive stays free.
	pub(crate) fn pay_rate(
		id: LeaseId,
		lease: &mut LeaseOf<T>,
		due: RateDue<BalanceOf<T>, BlockNumberFor<T>>,
	) {
		let paid_until = due.until;
		let fee = T::ProtocolFee::get().mul_floor(due.payable);
		let shares = [
			(lease.provider.clone(), due.payable.saturating_sub(fee), PaymentKind::Provider),
			(T::Treasury::get(), fee, PaymentKind::Treasury),
		];
		for (to, amount, kind) in shares {
			if amount.is_zero() {
				continue;
			}
			let Some(escrow) = lease.escrow.pay(amount) else {
				defensive!("more is payable for a rate than is free");
				continue;
			};
			let Some(to) = Self::send(&lease.tenant, &to, amount) else { continue };
			lease.escrow = escrow;
			let paid = Event::ReservationPaid { lease: id, to, amount, kind, paid_until };
			Pallet::<T>::deposit_event(paid);
		}
		if let Some(reservation) = lease.reservation.as_mut() {
			reservation.paid_until = paid_until;
		}
	}

	/// Pay what was set aside to whoever settled an overdrawn lease. What cannot be paid goes back
	/// to the tenant with the rest.
	pub(crate) fn pay_overdraft_fee(id: LeaseId, lease: &mut LeaseOf<T>, to: &T::AccountId) {
		let amount = lease.escrow.set_aside;
		if amount.is_zero() || Self::transfer(&lease.tenant, to, amount).is_err() {
			return;
		}
		lease.escrow.set_aside = Zero::zero();
		Pallet::<T>::deposit_event(Event::OverdraftFeePaid { lease: id, to: to.clone(), amount });
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
		let (paid, event) = match Self::send(&lease.tenant, &to, amount) {
			Some(payee) if payee == to => {
				(amount, Event::Paid { lease: id, job, to, amount, kind })
			},
			Some(_) => (amount, Event::PaymentRedirected { lease: id, job, to, amount, kind }),
			None => (Zero::zero(), Event::PaymentKept { lease: id, job, to, amount, kind }),
		};
		Pallet::<T>::deposit_event(event);
		paid
	}

	/// Send held funds of a tenant to an account, or to the treasury where that account cannot
	/// receive them. Returns who got them; `None`, and they stay, if neither can.
	fn send(
		tenant: &T::AccountId,
		to: &T::AccountId,
		amount: BalanceOf<T>,
	) -> Option<T::AccountId> {
		[to.clone(), T::Treasury::get()]
			.into_iter()
			.find(|payee| Self::transfer(tenant, payee, amount).is_ok())
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

	/// Give the escrow of a lease without open jobs back. Returns how much that was.
	pub(crate) fn refund(lease: &mut LeaseOf<T>) -> Result<BalanceOf<T>, DispatchError> {
		if !lease.escrow.reserved.is_zero() {
			defensive!("a lease without open jobs has reservations");
			return Err(Error::<T>::Defensive(DefensiveError::EscrowReserved).into());
		}
		let amount = lease.escrow.total();
		let reason = Self::reason(HoldReason::Escrow);
		T::Currency::release(&reason, &lease.tenant, amount, Precision::Exact)?;
		lease.escrow = Escrow::default();
		Ok(amount)
	}

	/// What is held of an account for a purpose.
	#[cfg(any(feature = "try-runtime", feature = "std", test))]
	pub(crate) fn held(reason: HoldReason, who: &T::AccountId) -> BalanceOf<T> {
		T::Currency::balance_on_hold(&Self::reason(reason), who)
	}
}
