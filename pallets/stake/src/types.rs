//! What a bond is made of, and every way in which it may change. No storage here: transitions work
//! on values, so they are tested without a chain.

use crate::{BalanceOf, Config, Error};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible::Credit, tokens::Balance as BalanceBound, Get},
	BoundedVec, CloneNoBound, DebugNoBound, DefaultNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_runtime::{ArithmeticError, DispatchError};

/// Imbalance of slashed funds on its way to whoever gets them.
pub type CreditOf<T, I = ()> =
	Credit<<T as frame_system::Config>::AccountId, <T as Config<I>>::Currency>;
/// The ledger as this pallet stores it.
pub(crate) type LedgerOf<T, I> =
	Ledger<BalanceOf<T, I>, BlockNumberFor<T>, <T as Config<I>>::MaxUnbondingChunks>;

/// A part of a bond on its way out.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Chunk<Balance, BlockNumber> {
	/// How much.
	pub amount: Balance,
	/// First block in which it may be withdrawn.
	pub due_at: BlockNumber,
}

/// A bond, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct BondView<Balance, BlockNumber> {
	/// Active bond: pledged and free.
	pub active: Balance,
	/// Active bond that no slot holds.
	pub free: Balance,
	/// Active bond that slots hold.
	pub pledged: Balance,
	/// What is on its way out, the next to mature first.
	pub unbonding: Vec<Chunk<Balance, BlockNumber>>,
}

/// Why a transition is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
	BondTooLow,
	RemainderTooLow,
	FreeBondTooLow,
	UnbondingQueueFull,
	UnbondingTooLow,
	Overflow,
}

impl Refusal {
	/// As the error that a caller sees.
	pub(crate) fn into_error<T: Config<I>, I: 'static>(self) -> DispatchError {
		match self {
			Self::BondTooLow => Error::<T, I>::BondTooLow.into(),
			Self::RemainderTooLow => Error::<T, I>::RemainderTooLow.into(),
			Self::FreeBondTooLow => Error::<T, I>::FreeBondTooLow.into(),
			Self::UnbondingQueueFull => Error::<T, I>::UnbondingQueueFull.into(),
			Self::UnbondingTooLow => Error::<T, I>::UnbondingTooLow.into(),
			Self::Overflow => ArithmeticError::Overflow.into(),
		}
	}
}

/// Record of one account's bond. `pledged` is a part of `active`; `unbonding` is apart from it and
/// sorted by maturity.
#[derive(
	CloneNoBound,
	DebugNoBound,
	DefaultNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	TypeInfo,
	MaxEncodedLen,
)]
#[scale_info(skip_type_params(MaxChunks))]
#[codec(mel_bound(Balance: MaxEncodedLen, BlockNumber: MaxEncodedLen))]
pub struct Ledger<Balance: BalanceBound, BlockNumber: Copy + Ord + core::fmt::Debug, MaxChunks>
where
	MaxChunks: Get<u32>,
{
	active: Balance,
	pledged: Balance,
	unbonding: BoundedVec<Chunk<Balance, BlockNumber>, MaxChunks>,
}

impl<Balance, BlockNumber, MaxChunks> Ledger<Balance, BlockNumber, MaxChunks>
where
	Balance: BalanceBound,
	BlockNumber: Copy + Ord + core::fmt::Debug,
	MaxChunks: Get<u32>,
{
	/// Pledged or free bond.
	pub fn active(&self) -> Balance {
		self.active
	}

	/// Bond that slots hold.
	pub fn pledged(&self) -> Balance {
		self.pledged
	}

	/// Bond that no slot holds.
	pub fn free(&self) -> Balance {
		// INV-2: pledged is a part of active.
		self.active.saturating_sub(self.pledged)
	}

	/// What is on its way out, the next to mature first.
	pub fn chunks(&self) -> &[Chunk<Balance, BlockNumber>] {
		&self.unbonding
	}

	/// Sum of what is on its way out.
	pub fn unbonding(&self) -> Balance {
		// Every part is held in one balance of the same type, so the sum fits (INV-1).
		self.unbonding.iter().fold(Balance::zero(), |sum, chunk| sum.saturating_add(chunk.amount))
	}

	/// Everything the account has bonded, active or on its way out.
	pub fn total(&self) -> Balance {
		self.active.saturating_add(self.unbonding())
	}

	/// Whether nothing is left to record.
	pub fn is_empty(&self) -> bool {
		self.active.is_zero() && self.unbonding.is_empty()
	}

	/// Add to the active bond.
	pub(crate) fn bond(&mut self, amount: Balance, bond_min: Balance) -> Result<(), Refusal> {
		let active = self.active.checked_add(&amount).ok_or(Refusal::Overflow)?;
		if active < bond_min {
			return Err(Refusal::BondTooLow);
		}
		self.active = active;
		Ok(())
	}

	/// Send free bond on its way out. Chunks that mature in the same block are one chunk.
	pub(crate) fn unbond(
		&mut self,
		amount: Balance,
		bond_min: Balance,
		due_at: BlockNumber,
	) -> Result<(), Refusal> {
		if amount > self.free() {
			return Err(Refusal::FreeBondTooLow);
		}
		let active = self.active.saturating_sub(amount);
		if !active.is_zero() && active < bond_min {
			return Err(Refusal::RemainderTooLow);
		}
		match self.unbonding.binary_search_by_key(&due_at, |chunk| chunk.due_at) {
			Ok(index) => {
				let chunk = self.unbonding.get_mut(index).ok_or(Refusal::UnbondingQueueFull)?;
				chunk.amount = chunk.amount.checked_add(&amount).ok_or(Refusal::Overflow)?;
			},
			Err(index) => self
				.unbonding
				.try_insert(index, Chunk { amount, due_at })
				.map_err(|_| Refusal::UnbondingQueueFull)?,
		}
		self.active = active;
		Ok(())
	}

	/// Bring bond back that is on its way out, what would mature last first.
	pub(crate) fn rebond(&mut self, amount: Balance, bond_min: Balance) -> Result<(), Refusal> {
		if amount > self.unbonding() {
			return Err(Refusal::UnbondingTooLow);
		}
		let active = self.active.checked_add(&amount).ok_or(Refusal::Overflow)?;
		if active < bond_min {
			return Err(Refusal::BondTooLow);
		}
		self.take_newest(amount);
		self.active = active;
		Ok(())
	}

	/// Drop the chunks that have matured. Returns their sum.
	pub(crate) fn withdraw(&mut self, now: BlockNumber) -> Balance {
		let before = self.unbonding();
		self.unbonding.retain(|chunk| chunk.due_at > now);
		before.saturating_sub(self.unbonding())
	}

	/// Lock free bond.
	pub(crate) fn pledge(&mut self, amount: Balance) -> Result<(), Refusal> {
		if amount > self.free() {
			return Err(Refusal::FreeBondTooLow);
		}
		self.pledged = self.pledged.checked_add(&amount).ok_or(Refusal::Overflow)?;
		Ok(())
	}

	/// Unlock pledged bond.
	pub(crate) fn release(&mut self, amount: Balance) {
		// The caller read `amount` from a pledge, and pledged is their sum (INV-2).
		self.pledged = self.pledged.saturating_sub(amount);
	}

	/// Forget pledged bond that was taken: it is neither pledged nor active any more.
	pub(crate) fn slash_pledged(&mut self, amount: Balance) {
		// As in `release`; and active is not below pledged (INV-2).
		self.pledged = self.pledged.saturating_sub(amount);
		self.active = self.active.saturating_sub(amount);
	}

	/// Forget bond that was taken and that no slot holds: free bond first, then what is on its way
	/// out, newest first.
	pub(crate) fn slash_unpledged(&mut self, amount: Balance) {
		let from_free = amount.min(self.free());
		self.active = self.active.saturating_sub(from_free);
		self.take_newest(amount.saturating_sub(from_free));
	}

	fn take_newest(&mut self, amount: Balance) {
		let mut rest = amount;
		while !rest.is_zero() {
			let Some(mut chunk) = self.unbonding.pop() else { return };
			let taken = chunk.amount.min(rest);
			rest = rest.saturating_sub(taken);
			chunk.amount = chunk.amount.saturating_sub(taken);
			if !chunk.amount.is_zero() {
				// There is room: this chunk was just popped.
				let _ = self.unbonding.try_push(chunk);
			}
		}
	}
}
