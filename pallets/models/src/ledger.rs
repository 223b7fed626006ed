//! The only door to the deposits this pallet holds.
//!
//! A [`Deposit`] is made by holding funds and unmade by releasing them, in this file alone: that is
//! INV-1.

use crate::{BalanceOf, Config, HoldReason};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
#[cfg(any(feature = "try-runtime", feature = "std", test))]
use frame_support::traits::fungible::InspectHold;
use frame_support::traits::{fungible::MutateHold, tokens::Precision, Get};
use scale_info::TypeInfo;
use sp_runtime::{
	traits::{CheckedAdd, CheckedMul},
	ArithmeticError, DispatchError, DispatchResult,
};

/// Funds held of an account for something it has stored.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Deposit<AccountId, Balance> {
	depositor: AccountId,
	amount: Balance,
}

impl<AccountId, Balance: Copy> Deposit<AccountId, Balance> {
	/// Whose they are.
	pub fn depositor(&self) -> &AccountId {
		&self.depositor
	}

	/// How much.
	pub fn amount(&self) -> Balance {
		self.amount
	}
}

/// [`Deposit`] of a runtime.
pub type DepositOf<T> = Deposit<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// Movements of deposits.
pub(crate) struct Ledger<T>(PhantomData<T>);

impl<T: Config> Ledger<T> {
	/// Hold the deposit of a model.
	pub(crate) fn hold_model(depositor: &T::AccountId) -> Result<DepositOf<T>, DispatchError> {
		Self::hold(HoldReason::ModelDeposit, depositor, T::ModelDeposit::get())
	}

	/// Hold the deposit of a program of `length` bytes.
	pub(crate) fn hold_program(
		depositor: &T::AccountId,
		length: u32,
	) -> Result<DepositOf<T>, DispatchError> {
		let amount = T::ProgramDepositPerByte::get()
			.checked_mul(&length.into())
			.and_then(|bytes| bytes.checked_add(&T::ProgramDepositBase::get()))
			.ok_or(ArithmeticError::Overflow)?;
		Self::hold(HoldReason::ProgramDeposit, depositor, amount)
	}

	/// Give the deposit of a model back to whoever paid it.
	pub(crate) fn release_model(deposit: &DepositOf<T>) -> DispatchResult {
		Self::release(HoldReason::ModelDeposit, deposit)
	}

	/// Give the deposit of a program back to whoever paid it.
	pub(crate) fn release_program(deposit: &DepositOf<T>) -> DispatchResult {
		Self::release(HoldReason::ProgramDeposit, deposit)
	}

	fn hold(
		reason: HoldReason,
		depositor: &T::AccountId,
		amount: BalanceOf<T>,
	) -> Result<DepositOf<T>, DispatchError> {
		T::Currency::hold(&reason.into(), depositor, amount)?;
		Ok(Deposit { depositor: depositor.clone(), amount })
	}

	fn release(reason: HoldReason, deposit: &DepositOf<T>) -> DispatchResult {
		let reason = reason.into();
		T::Currency::release(&reason, &deposit.depositor, deposit.amount, Precision::Exact)?;
		Ok(())
	}

	/// What is held of an account for a purpose.
	#[cfg(any(feature = "try-runtime", feature = "std", test))]
	pub(crate) fn held(reason: HoldReason, who: &T::AccountId) -> BalanceOf<T> {
		T::Currency::balance_on_hold(&reason.into(), who)
	}
}
