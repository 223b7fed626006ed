//! # Models pallet
//!
//! Models are registered by content: a program that says what is computed, and the root of the
//! weights it is computed with.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module: its calls, events, errors, view functions and configuration. Other
//! pallets use [`assay_primitives::Models`], which [`Pallet`] implements.
//!
//! ## Overview
//!
//! Anyone may register a model. The chain keeps the model's program, a list of integer operators,
//! and checks once that it is well formed; of the weights, which are far too large, it keeps the
//! root digest alone. Both together decide every result bit by bit, so a model cannot change:
//! another program or other weights are another model. What can change is its owner, and the
//! royalty the owner asks for each unit of work. An owner who is done with a model retires it; jobs
//! that run on it still end properly, and then it is forgotten and its deposit returned.
//!
//! ## Terminology
//!
//! - **Program**: integer operators and their shapes, as bytes; known by the hash of those bytes.
//! - **Model**: a program, a weights root, an owner and terms.
//! - **Terms**: the royalty for each compute unit.
//! - **Cost form**: the little that submitting a job needs to know of a program, kept beside it.
//! - **Semantics**: the numbered, frozen meaning that a program names in its first field.
//!
//! ## Life of a model
//!
//! ```text
//!      register, register_existing               retire (no job open)
//!  ---------------------------------> registered ----------------------> (removed, deposit back)
//!                                         |                                        ^
//!                                         | retire (jobs open)                     |
//!                                         v                                        |
//!                                      retired ------------------------------------+
//!                                                the last job ends
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `register` | anyone | stores the program unless it is there, holds the deposits |
//! | `register_existing` | anyone | another model of a stored program |
//! | `set_terms` | owner | the royalty of jobs that begin from now on |
//! | `transfer_ownership` | owner | another account owns it; deposits stay whose they are |
//! | `retire` | owner | no new lease, no new job |
//!
//! A program is stored with the first model that uses it and removed with the last one.
//!
//! ## Invariants
//!
//! - **INV-1**: what is held of each account is the sum of its deposits, for models and for
//!   programs.
//! - **INV-2**: a program is stored exactly while a model uses it, and counts its models.
//! - **INV-3**: stored bytes hash to their digest, are well formed, and have the cost form and the
//!   length of their record.
//! - **INV-4**: every id is below the next one to be given.
//! - **INV-5**: a retired model has open jobs.
//!
//! ## Example
//!
//! The tests in `src/tests/register.rs` and `src/tests/retire.rs` show two models of one program
//! come and go, with what is held of whom at each step.
//!
//! ## Low level / Design
//!
//! 1. *A job never reads a program.* It reads the cost form: some hundred bytes instead of up to 64
//!    KiB.
//! 2. *Validated once.* Bytes are validated before they are stored, and their hash is their name;
//!    so whatever is stored is well formed for ever.
//! 3. *One payer for the bytes.* The deposit of a program is that of its first registrant, also
//!    while only models of others use it: whoever makes a program public carries it. It is a price
//!    for storage, not a stake: it is never taken, and comes back with the last model.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

pub use ledger::{Deposit, DepositOf};
pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod impls;
#[cfg(any(feature = "try-runtime", feature = "std", test))]
mod invariants;
mod ledger;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod types;
pub mod weights;

// What the macro makes has no `Debug` and expects what it has itself put in place.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::vec::Vec;
	use assay_primitives::{ModelId, ProgramDigest, WeightsRoot};
	use frame_support::{
		pallet_prelude::*,
		traits::{fungible, Contains},
	};
	use frame_system::pallet_prelude::*;

	/// Layout of the storage below.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// Most ids that one answer of a view function looks at.
	pub const VIEW_ENTRIES_MAX: u32 = 256;

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What a runtime chooses.
	#[pallet::config]
	pub trait Config: frame_system::Config {
		/// Reasons of holds, this pallet's among them.
		type RuntimeHoldReason: From<HoldReason>;

		/// What deposits are paid in.
		type Currency: fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// Semantics that a new model's program may name.
		type AcceptedSemantics: Contains<u32>;

		/// Held for each model.
		#[pallet::constant]
		type ModelDeposit: Get<BalanceOf<Self>>;

		/// Held for each program, whatever its length.
		#[pallet::constant]
		type ProgramDepositBase: Get<BalanceOf<Self>>;

		/// Held for each byte of a program.
		#[pallet::constant]
		type ProgramDepositPerByte: Get<BalanceOf<Self>>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// What this pallet holds funds for.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit of a registered model.
		#[codec(index = 0)]
		ModelDeposit,
		/// Deposit of a stored program.
		#[codec(index = 1)]
		ProgramDeposit,
	}

	/// The next model's id.
	#[pallet::storage]
	pub type NextModelId<T: Config> = StorageValue<_, ModelId, ValueQuery>;

	/// Registered models.
	// Ids are counted by this pallet, so nobody can choose keys: a cheap hasher does.
	#[pallet::storage]
	pub type Models<T: Config> = StorageMap<_, Twox64Concat, ModelId, ModelOf<T>, OptionQuery>;

	/// What is kept of each program beside its bytes.
	// The key is a blake2-256 hash already, here and below.
	#[pallet::storage]
	pub type Programs<T: Config> =
		StorageMap<_, Identity, ProgramDigest, ProgramRecordOf<T>, OptionQuery>;

	/// Bytes of each program. Read by nothing on chain but checks.
	#[pallet::storage]
	pub type ProgramBytes<T: Config> =
		StorageMap<_, Identity, ProgramDigest, ProgramBytesVec, OptionQuery>;

	/// What happens to models and programs.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A program was validated and stored.
		ProgramStored {
			/// Its digest.
			program: ProgramDigest,
			/// Whose deposit it is stored under.
			depositor: T::AccountId,
			/// How many bytes.
			length: u32,
			/// What is held for them.
			deposit: BalanceOf<T>,
		},
		/// A model was registered.
		ModelRegistered {
			/// The model.
			model: ModelId,
			/// Who sets its terms and earns its royalty.
			owner: T::AccountId,
			/// Its program.
			program: ProgramDigest,
			/// Root of its weights.
			weights: WeightsRoot,
			/// Royalty for each compute unit.
			royalty_per_unit: BalanceOf<T>,
		},
		/// The royalty changed, for jobs that begin from now on.
		TermsSet {
			/// The model.
			model: ModelId,
			/// What it was.
			old_royalty_per_unit: BalanceOf<T>,
			/// What it is.
			new_royalty_per_unit: BalanceOf<T>,
		},
		/// A model has another owner.
		OwnershipTransferred {
			/// The model.
			model: ModelId,
			/// Who owned it.
			old_owner: T::AccountId,
			/// Who owns it.
			new_owner: T::AccountId,
		},
		/// A model takes no new lease and no new job.
		ModelRetired {
			/// The model.
			model: ModelId,
			/// Jobs that are open still. Without any it is removed at once.
			open_jobs: u32,
		},
		/// A retired model that no job uses was forgotten and its deposit returned.
		ModelRemoved {
			/// The model.
			model: ModelId,
		},
		/// A program that no model uses was forgotten and its deposit returned.
		ProgramRemoved {
			/// The program.
			program: ProgramDigest,
		},
	}

	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// There is no such model: it was never registered, or it is retired and forgotten.
		ModelNotFound,
		/// The caller does not own this model.
		NotOwner,
		/// The model is retired.
		ModelRetired,
		/// No model uses such a program. Register one with the program's bytes.
		ProgramNotFound,
		/// This chain does not accept new models of the program's semantics.
		SemanticsNotAccepted,
		/// The program has more bytes than one may have.
		ProgramTooLong,
		/// The bytes are not the encoding of a program, or something follows it.
		ProgramNotDecodable,
		/// This runtime does not know the program's semantics.
		SemanticsUnknown,
		/// The program's largest batch or sequence is zero or too large.
		ProgramLimitsOutOfRange,
		/// The program has more operators than one may have.
		TooManyOperators,
		/// The program has more weight tensors than one may have.
		TooManyWeights,
		/// A weight tensor has impossible dimensions.
		WeightInvalid {
			/// Its number in the program.
			weight: u16,
		},
		/// The weights together are larger than they may be.
		WeightsTooLarge,
		/// An operator is not well formed.
		OperatorInvalid {
			/// Its number in the program.
			operator: u16,
			/// What is wrong with it.
			fault: OperatorFault,
		},
		/// The program does not begin with its input and end with `Stop` and `Emit`.
		ProgramFrameInvalid,
		/// The program's largest shape costs more compute units than a job may have.
		TooMuchWork,
		/// The program's largest shape needs more memory than a job may have.
		TooMuchMemory,
		/// The program breaks a rule this pallet has no word for.
		ProgramInvalid,
		/// No id is left to give.
		IdsExhausted,
		/// The model has as many open jobs as can be counted.
		TooManyOpenJobs,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			use sp_runtime::traits::{CheckedAdd, CheckedMul, Zero};
			assert!(!T::ModelDeposit::get().is_zero(), "a model without deposit is free storage");
			let longest = assay_program::MAX_PROGRAM_BYTES.into();
			let deposit = T::ProgramDepositPerByte::get()
				.checked_mul(&longest)
				.and_then(|bytes| bytes.checked_add(&T::ProgramDepositBase::get()));
			assert!(
				deposit.is_some_and(|deposit| !deposit.is_zero()),
				"the longest program must have a deposit, and one that fits a balance"
			);
			assert!(
				assay_program::limits::MAX_OPERATORS <= usize::from(u16::MAX)
					&& assay_program::limits::MAX_WEIGHTS <= usize::from(u16::MAX),
				"errors name operators and weights by 16 bits"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Register a model.
		///
		/// ## Dispatch Origin
		///
		/// Signed by anyone, who becomes the owner.
		///
		/// ## Details
		///
		/// The program is validated and stored, unless a model uses the same one already; then its
		/// bytes are not stored again and cost no deposit. Holds [`Config::ModelDeposit`], and for
		/// a program that is stored [`Config::ProgramDepositBase`] and
		/// [`Config::ProgramDepositPerByte`] for each byte, until no model uses it.
		///
		/// ## Parameters
		///
		/// - `program`: Bytes of the program.
		/// - `weights`: Root digest of the weights blob.
		/// - `royalty_per_unit`: What the owner earns of each compute unit.
		///
		/// ## Errors
		///
		/// - [`Error::SemanticsNotAccepted`]: This chain takes no new models of these semantics.
		/// - [`Error::ProgramNotDecodable`], [`Error::OperatorInvalid`] and others that say what is
		///   wrong with the program.
		///
		/// ## Events
		///
		/// - [`Event::ProgramStored`]: Unless it was there.
		/// - [`Event::ModelRegistered`]
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register(program.len().try_into().unwrap_or(u32::MAX)))]
		pub fn register(
			origin: OriginFor<T>,
			program: ProgramBytesVec,
			weights: WeightsRoot,
			royalty_per_unit: BalanceOf<T>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_register(owner, program, weights, royalty_per_unit)
		}

		/// Register another model of a program that is stored.
		///
		/// ## Dispatch Origin
		///
		/// Signed by anyone, who becomes the owner.
		///
		/// ## Details
		///
		/// Holds [`Config::ModelDeposit`].
		///
		/// ## Parameters
		///
		/// - `program`: Digest of the program.
		/// - `weights`: Root digest of the weights blob.
		/// - `royalty_per_unit`: What the owner earns of each compute unit.
		///
		/// ## Errors
		///
		/// - [`Error::ProgramNotFound`]: No model uses such a program.
		/// - [`Error::SemanticsNotAccepted`]: This chain takes no new models of its semantics.
		///
		/// ## Events
		///
		/// - [`Event::ModelRegistered`]
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::register_existing())]
		pub fn register_existing(
			origin: OriginFor<T>,
			program: ProgramDigest,
			weights: WeightsRoot,
			royalty_per_unit: BalanceOf<T>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_register_existing(owner, program, weights, royalty_per_unit)
		}

		/// Change the royalty of a model.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the owner.
		///
		/// ## Details
		///
		/// Concerns offers, leases and jobs that begin from now on. Open jobs keep what they began
		/// with. The price of a lease stays: the royalty is a part of it.
		///
		/// ## Parameters
		///
		/// - `model`: The model.
		/// - `royalty_per_unit`: What the owner earns of each compute unit from now on.
		///
		/// ## Errors
		///
		/// - [`Error::ModelNotFound`], [`Error::NotOwner`]: Not a model of the caller.
		/// - [`Error::ModelRetired`]: No job begins on it any more.
		///
		/// ## Events
		///
		/// - [`Event::TermsSet`]
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::set_terms())]
		pub fn set_terms(
			origin: OriginFor<T>,
			model: ModelId,
			royalty_per_unit: BalanceOf<T>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_set_terms(who, model, royalty_per_unit)
		}

		/// Give a model to another account.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the owner.
		///
		/// ## Details
		///
		/// The new owner sets its terms, earns its royalty and may retire it. Deposits stay those
		/// of the accounts that paid them, and return to these when the new owner retires it.
		///
		/// ## Parameters
		///
		/// - `model`: The model.
		/// - `new_owner`: Who owns it from now on.
		///
		/// ## Errors
		///
		/// - [`Error::ModelNotFound`], [`Error::NotOwner`]: Not a model of the caller.
		///
		/// ## Events
		///
		/// - [`Event::OwnershipTransferred`]
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::transfer_ownership())]
		pub fn transfer_ownership(
			origin: OriginFor<T>,
			model: ModelId,
			new_owner: T::AccountId,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_transfer_ownership(who, model, new_owner)
		}

		/// Retire a model.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the owner.
		///
		/// ## Details
		///
		/// It takes no new lease and no new job. When no job uses it, now or later, it is forgotten
		/// and its deposit returned; with the last model of a program, so is the program.
		///
		/// ## Parameters
		///
		/// - `model`: The model.
		///
		/// ## Errors
		///
		/// - [`Error::ModelNotFound`], [`Error::NotOwner`]: Not a model of the caller.
		/// - [`Error::ModelRetired`]: It is retired already.
		///
		/// ## Events
		///
		/// - [`Event::ModelRetired`]
		/// - [`Event::ModelRemoved`]: No job uses it.
		/// - [`Event::ProgramRemoved`]: It was the last model of its program.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::retire())]
		pub fn retire(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_retire(who, model)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A model by id.
		pub fn model(model: ModelId) -> Option<ModelOf<T>> {
			Models::<T>::get(model)
		}

		/// Models with the 256 ids from `first` on, in their order.
		pub fn models_from(first: ModelId) -> Vec<(ModelId, ModelOf<T>)> {
			let next = NextModelId::<T>::get().0;
			let end = first.0.saturating_add(VIEW_ENTRIES_MAX).min(next);
			(first.0..end).map(ModelId).filter_map(|id| Some((id, Models::<T>::get(id)?))).collect()
		}

		/// What is kept of a program beside its bytes.
		pub fn program(program: ProgramDigest) -> Option<ProgramRecordOf<T>> {
			Programs::<T>::get(program)
		}

		/// Bytes of a program.
		pub fn program_bytes(program: ProgramDigest) -> Option<Vec<u8>> {
			ProgramBytes::<T>::get(program).map(Into::into)
		}
	}
}
