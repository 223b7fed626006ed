//! # Stake
//!
//! Bonded stake: funds that an account sets aside so that others can hold it to its word.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for the calls, storage, events and errors, and
//! [`assay_primitives::Stake`] for what other pallets ask of this one.
//!
//! ## Overview
//!
//! Whoever wants to earn with work that others rely on bonds funds first. The funds stay in the
//! owner's account, on hold. When a provider accepts a piece of work, a part of its bond is
//! *pledged* to that one duty; if it breaks its word the pledge is taken, and if it keeps it the
//! pledge is free again. Free bond may leave, after a delay that is longer than anything it could
//! still have to answer for.
//!
//! The pallet knows nothing of jobs: those who pledge and slash do it through a trait. It is
//! instantiable, so one chain may have several kinds of stake side by side.
//!
//! ## Terminology
//!
//! - **active bond**: what is bonded and not on its way out.
//! - **pledge**: a part of the active bond, locked to one slot. Pledges add up; two slots never
//!   share one.
//! - **free bond**: active bond that no slot holds. Only this can be pledged or unbonded.
//! - **chunk**: an amount on its way out, and the block in which it matures.
//! - **slash**: taking bond for a stated reason. A part may go to somebody as compensation, the
//!   rest goes to the sink that the runtime names.
//!
//! ## Life of a bond
//!
//! ```text
//!             bond                    unbond                     withdraw
//!  balance ---------> active (free) ----------> unbonding chunk -----------> balance
//!                      |        ^   <----------   |    matured after
//!               pledge |        |     rebond      |    UnbondingBlocks
//!                      v        | release         |
//!                  active (pledged)               | force_slash
//!                      |                          | (free first, then
//!                slash |                          |  newest chunk first)
//!                      v                          v
//!               compensation, rest to the sink   sink
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `bond` | owner | funds go on hold, active bond grows |
//! | `unbond` | owner | free bond becomes a chunk |
//! | `rebond` | owner | newest chunks become free bond again |
//! | `withdraw` | owner | matured chunks are released from hold |
//! | `pledge`, `release` | another pallet | free bond becomes a slot's pledge, and free again |
//! | `slash` | another pallet | a slot's pledge is taken |
//! | `force_slash` | force origin | free bond, then chunks are taken; pledges are not touched |
//!
//! A timeline, with `UnbondingBlocks = 100`:
//!
//! ```text
//!  block   10  bond 500                      active 500
//!  block   20  pledge 200 to slot 7          active 500, pledged 200
//!  block   21  unbond 300                    active 200, chunk of 300 due in block 121
//!  block   22  unbond 1                      FreeBondTooLow: the rest is pledged
//!  block   60  slot 7 is settled, release    active 200, pledged 0
//!  block   60  unbond 200                    active 0, chunks due in blocks 121 and 160
//!  block   90  force_slash 250               200 from the newer chunk, 50 from the older one
//!  block  121  withdraw                      250 are free funds again, no record is left
//! ```
//!
//! ## Invariants
//!
//! - INV-1: for each account the funds on hold are its active bond and its chunks, to the last
//!   unit; an account without ledger has nothing on hold.
//! - INV-2: `pledged` is the sum of the account's pledges and never above the active bond, before
//!   and after any slash.
//! - INV-3: no pledge is zero, none is without a bond behind it.
//! - INV-4: a queue has at most `MaxUnbondingChunks` chunks, none empty, one for each block, sorted
//!   by maturity.
//! - INV-5: no ledger is empty, and their number is what the counter says.
//!
//! ## Low level / Design
//!
//! 1. *One door*: ledgers, pledges and held funds change only in `ledger.rs`, together.
//! 2. *A slash cannot fail.* It runs inside the settlement of somebody else's job. A beneficiary
//!    that cannot be paid leaves its part to the sink, with an event.
//! 3. *An ordered slash leaves pledges alone*: each of them covers a duty that a third party relies
//!    on, and is taken for that duty or not at all.
//! 4. A slash may leave an active bond below `MinBond`. Such a bond can be raised to the minimum or
//!    unbonded as a whole, not in parts.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod impls;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod ledger;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod types;
pub mod weights;

pub use pallet::*;
pub use types::{BondView, Chunk, CreditOf, Ledger};
pub use weights::WeightInfo;

/// Balances as the pallet's currency counts them.
pub type BalanceOf<T, I = ()> =
	<<T as Config<I>>::Currency as frame_support::traits::fungible::Inspect<
		<T as frame_system::Config>::AccountId,
	>>::Balance;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use crate::{ledger::Bond, types::LedgerOf};
	use assay_primitives::{SlashReason, SlotId};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, Inspect, InspectHold, MutateHold},
			OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::traits::{StaticLookup, Zero};

	/// Layout of the stored records.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// Bonded stake.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T, I = ()>(_);

	/// What a runtime decides.
	#[pallet::config]
	pub trait Config<I: 'static = ()>: frame_system::Config {
		/// Hold reasons of the runtime.
		type RuntimeHoldReason: From<HoldReason<I>>;

		/// The currency that is bonded.
		type Currency: Inspect<Self::AccountId>
			+ InspectHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ MutateHold<Self::AccountId>
			+ BalancedHold<Self::AccountId>;

		/// Where slashed funds go that compensate nobody.
		type Slash: OnUnbalanced<CreditOf<Self, I>>;

		/// Who may order a slash.
		type ForceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Blocks between unbonding and withdrawal: longer than anything a bond can still have to
		/// answer for.
		#[pallet::constant]
		type UnbondingBlocks: Get<BlockNumberFor<Self>>;

		/// Most chunks on their way out at the same time, for each account.
		#[pallet::constant]
		type MaxUnbondingChunks: Get<u32>;

		/// Least active bond.
		#[pallet::constant]
		type MinBond: Get<BalanceOf<Self, I>>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why funds are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason<I: 'static = ()> {
		/// Bonded, active or on its way out.
		#[codec(index = 0)]
		Bonded,
	}

	/// Bonds by account.
	// Accounts are chosen by outsiders: a hasher that resists crafted keys.
	#[pallet::storage]
	pub(crate) type Ledgers<T: Config<I>, I: 'static = ()> =
		CountedStorageMap<_, Blake2_128Concat, T::AccountId, LedgerOf<T, I>>;

	/// What each slot holds of an account's bond.
	// Accounts as above; slot ids are counted up by the chain, so a fast hasher will do.
	#[pallet::storage]
	pub(crate) type Pledges<T: Config<I>, I: 'static = ()> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, SlotId, BalanceOf<T, I>>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config<I>, I: 'static = ()> {
		/// Funds were bonded.
		#[codec(index = 0)]
		Bonded {
			/// Whose.
			who: T::AccountId,
			/// How much was added.
			amount: BalanceOf<T, I>,
			/// The active bond since.
			active: BalanceOf<T, I>,
		},
		/// Free bond is on its way out.
		#[codec(index = 1)]
		Unbonding {
			/// Whose.
			who: T::AccountId,
			/// How much.
			amount: BalanceOf<T, I>,
			/// First block in which it may be withdrawn.
			due_at: BlockNumberFor<T>,
		},
		/// Bond came back that was on its way out.
		#[codec(index = 2)]
		Rebonded {
			/// Whose.
			who: T::AccountId,
			/// How much came back.
			amount: BalanceOf<T, I>,
			/// The active bond since.
			active: BalanceOf<T, I>,
		},
		/// Matured bond was given back.
		#[codec(index = 3)]
		Withdrawn {
			/// Whose.
			who: T::AccountId,
			/// How much.
			amount: BalanceOf<T, I>,
		},
		/// Free bond was locked to a slot.
		#[codec(index = 4)]
		Pledged {
			/// Whose.
			who: T::AccountId,
			/// To which slot.
			slot: SlotId,
			/// How much, on top of what the slot held.
			amount: BalanceOf<T, I>,
		},
		/// A slot gave back what it held.
		#[codec(index = 5)]
		Released {
			/// Whose.
			who: T::AccountId,
			/// Which slot.
			slot: SlotId,
			/// How much.
			amount: BalanceOf<T, I>,
		},
		/// Bond was taken.
		#[codec(index = 6)]
		Slashed {
			/// Whose.
			who: T::AccountId,
			/// Out of which slot's pledge; none for an ordered slash.
			maybe_slot: Option<SlotId>,
			/// How much, compensation included.
			amount: BalanceOf<T, I>,
			/// Why.
			reason: SlashReason,
		},
		/// A part of a slash was paid to somebody.
		#[codec(index = 7)]
		Compensated {
			/// Whose bond it was.
			who: T::AccountId,
			/// Out of which slot's pledge.
			maybe_slot: Option<SlotId>,
			/// Who got it.
			beneficiary: T::AccountId,
			/// How much.
			amount: BalanceOf<T, I>,
		},
		/// A beneficiary could not be paid, and its part went where the rest of the slash goes.
		#[codec(index = 8)]
		CompensationNotPaid {
			/// Whose bond it was.
			who: T::AccountId,
			/// Out of which slot's pledge.
			maybe_slot: Option<SlotId>,
			/// Who was to get it.
			beneficiary: T::AccountId,
			/// How much.
			amount: BalanceOf<T, I>,
		},
	}

	/// Why a call was refused. New errors are added at the end.
	#[pallet::error]
	pub enum Error<T, I = ()> {
		/// The amount is zero. Name one above it.
		#[codec(index = 0)]
		AmountIsZero,
		/// The account has no bond, active or on its way out. Bond first.
		#[codec(index = 1)]
		NotBonded,
		/// The active bond would be below `MinBond`. Bond more.
		#[codec(index = 2)]
		BondTooLow,
		/// What stays bonded would be below `MinBond`. Leave more, or unbond everything.
		#[codec(index = 3)]
		RemainderTooLow,
		/// The bond that no slot holds is below the amount. Bond more, ask for less, or wait until
		/// slots release theirs.
		#[codec(index = 4)]
		FreeBondTooLow,
		/// Too many chunks are on their way out. Withdraw matured ones, or wait for the next.
		#[codec(index = 5)]
		UnbondingQueueFull,
		/// Less than the amount is on its way out. Ask for less.
		#[codec(index = 6)]
		UnbondingTooLow,
		/// No chunk has matured yet. Try again in the block that the last `Unbonding` event names.
		#[codec(index = 7)]
		NothingMatured,
		/// All of the bond is pledged, and an ordered slash does not touch pledges.
		#[codec(index = 8)]
		NothingToSlash,
	}

	#[pallet::hooks]
	impl<T: Config<I>, I: 'static> Hooks<BlockNumberFor<T>> for Pallet<T, I> {
		fn integrity_test() {
			assert!(
				!T::UnbondingBlocks::get().is_zero(),
				"UnbondingBlocks is zero: bond could leave in the block of the misdeed"
			);
			assert!(T::MaxUnbondingChunks::get() > 0, "MaxUnbondingChunks is zero: no way out");
			assert!(
				T::MinBond::get() >= T::Currency::minimum_balance(),
				"MinBond is below the existential deposit: bonds would be dust"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config<I>, I: 'static> Pallet<T, I> {
		/// Bond funds, or add to the bond there is.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by the owner of the funds.
		///
		/// ## Details
		///
		/// The funds stay in the account, on hold; the existential deposit has to stay free. The
		/// active bond must reach `MinBond`.
		///
		/// ## Parameters
		///
		/// - `amount`: how much to add to the active bond.
		///
		/// ## Errors
		///
		/// - [`Error::AmountIsZero`]
		/// - [`Error::BondTooLow`]: old and new bond together are below `MinBond`.
		/// - `Token::FundsUnavailable`: the account has less than that to put on hold.
		///
		/// ## Events
		///
		/// - [`Event::Bonded`]
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::bond())]
		pub fn bond(
			origin: OriginFor<T>,
			#[pallet::compact] amount: BalanceOf<T, I>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_bond(who, amount)
		}

		/// Send free bond on its way out.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by the owner of the bond.
		///
		/// ## Details
		///
		/// Only bond that no slot holds can leave. It matures after `UnbondingBlocks` and can be
		/// slashed by order until it is withdrawn. Amounts of the same block mature as one chunk.
		///
		/// ## Parameters
		///
		/// - `amount`: how much. What stays must be nothing, or `MinBond` and more.
		///
		/// ## Errors
		///
		/// - [`Error::AmountIsZero`]
		/// - [`Error::NotBonded`]
		/// - [`Error::FreeBondTooLow`]: slots hold what the amount asks for, or there is less.
		/// - [`Error::RemainderTooLow`]: something would stay, but less than `MinBond`.
		/// - [`Error::UnbondingQueueFull`]: withdraw matured chunks first.
		///
		/// ## Events
		///
		/// - [`Event::Unbonding`]
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::unbond())]
		pub fn unbond(
			origin: OriginFor<T>,
			#[pallet::compact] amount: BalanceOf<T, I>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_unbond(who, amount)
		}

		/// Bring bond back that is on its way out.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by the owner of the bond.
		///
		/// ## Details
		///
		/// What would mature last comes back first. Matured chunks that were not withdrawn count
		/// too.
		///
		/// ## Parameters
		///
		/// - `amount`: how much to make active again.
		///
		/// ## Errors
		///
		/// - [`Error::AmountIsZero`]
		/// - [`Error::NotBonded`]
		/// - [`Error::UnbondingTooLow`]: less than the amount is on its way out.
		/// - [`Error::BondTooLow`]: the active bond would be below `MinBond`.
		///
		/// ## Events
		///
		/// - [`Event::Rebonded`]
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::rebond())]
		pub fn rebond(
			origin: OriginFor<T>,
			#[pallet::compact] amount: BalanceOf<T, I>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_rebond(who, amount)
		}

		/// Get matured bond back.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by the owner of the bond.
		///
		/// ## Details
		///
		/// Releases every chunk that has matured by this block. The record goes with the last of
		/// the bond.
		///
		/// ## Errors
		///
		/// - [`Error::NotBonded`]
		/// - [`Error::NothingMatured`]
		///
		/// ## Events
		///
		/// - [`Event::Withdrawn`]
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw(who)
		}

		/// Take bond by order.
		///
		/// ## Dispatch Origin
		///
		/// `ForceOrigin`.
		///
		/// ## Details
		///
		/// Takes free bond first, then chunks that are on their way out, newest first. Pledged bond
		/// is not touched: it answers for its slots. Takes what there is when that is less than the
		/// amount. All of it goes to the sink of slashes.
		///
		/// ## Parameters
		///
		/// - `who`: whose bond.
		/// - `amount`: the most to take.
		///
		/// ## Errors
		///
		/// - [`Error::AmountIsZero`]
		/// - [`Error::NotBonded`]
		/// - [`Error::NothingToSlash`]: all of the bond is pledged.
		///
		/// ## Events
		///
		/// - [`Event::Slashed`] with the reason `Ordered`
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::force_slash())]
		pub fn force_slash(
			origin: OriginFor<T>,
			who: <T::Lookup as StaticLookup>::Source,
			#[pallet::compact] amount: BalanceOf<T, I>,
		) -> DispatchResult {
			T::ForceOrigin::ensure_origin(origin)?;
			let who = T::Lookup::lookup(who)?;
			Self::do_force_slash(who, amount)
		}
	}

	#[pallet::view_functions]
	impl<T: Config<I>, I: 'static> Pallet<T, I> {
		/// The bond of an account; none if it has none.
		pub fn bond_of(who: T::AccountId) -> Option<BondView<BalanceOf<T, I>, BlockNumberFor<T>>> {
			let bond = Bond::<T, I>::load(&who).ok()?;
			let ledger = bond.ledger();
			Some(BondView {
				active: ledger.active(),
				free: ledger.free(),
				pledged: ledger.pledged(),
				unbonding: ledger.chunks().to_vec(),
			})
		}

		/// What a slot holds of an account's bond.
		pub fn pledge_of(who: T::AccountId, slot: SlotId) -> BalanceOf<T, I> {
			Bond::<T, I>::pledge_of(&who, slot)
		}
	}
}
