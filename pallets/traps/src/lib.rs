//! # Traps pallet
//!
//! Tests auditors by answers that are known beforehand.
//!
//! ## Pallet API
//!
//! See [`pallet::Call`] for what can be submitted, [`pallet::Config`] for what a runtime provides,
//! and [`assay_primitives::Traps`] for what the jobs pallet asks of this one.
//!
//! ## Overview
//!
//! An auditor that agrees with a provider without computing is never found out where providers are
//! honest. So now and then one lies on purpose. A provider with a licence computes the right result
//! beforehand, and the treasury posts a Merkle root over such results, each with the digest of a
//! job that is yet to come and a salt. Then the job is submitted like any other, by an account that
//! the treasury has funded, and the provider claims something wrong. Once all claims are there, and
//! before anybody can dispute one, it opens the leaf: from then on it claims what is right. Whoever
//! has agreed with it contradicts it now. Whoever has not earns a *jackpot*.
//!
//! **A trap is the right, shown beforehand, to amend one's claim.** That is all it is. Nobody is
//! convicted because the treasury says that something was a trap: two claims of a job that differ
//! are a game, as always, and computation decides it.
//!
//! The attack that this closes: treasury and licensee call a right result a trap, so that honest
//! auditors who agreed with it seem to be caught. Here the licensee has then exchanged its right
//! claim for a wrong one. The auditors stand for what is right, win their games, and the licensee
//! loses its pledge. The test `calling_a_right_claim_a_trap_convicts_the_licensee` plays it. Nor
//! can a licensee hedge, claim what is wrong where no audit comes and amend it where one does, at
//! the cost of somebody who relies on the result: the tenant has to have agreed, by its signature
//! over the leaf. So nobody has to trust treasury or licensee who does not act with them.
//!
//! ## Terminology
//!
//! - **trap**: a job's digest, a salt and its right claim: a leaf under a root.
//! - **root** of a duty period: what the treasury posts, at most one in each. A job can be a trap
//!   of it only if it is younger.
//! - **licence**: that a provider may open so many traps of each root, its *allowance*.
//! - **to spring** a trap: to claim something wrong in its job.
//! - **to open** it: to replace that by the right claim, in the first blocks of the job's window.
//! - **consent**: the tenant's signature over the leaf.
//! - **jackpot**: what those auditors of the job that claim the same earn together.
//!
//! ## Life of a trap
//!
//! ```text
//!  plan          post           submit, commit, reveal          open             settle
//! ------> leaf -------> under a ----------------------> sprung ------> opened ----------> jackpot
//!                       root                              |                |
//!                                                         v                v who agreed
//!                                           disputed like any wrong claim    plays, and loses
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `license`, `revoke` | root | a provider may open traps, or no more |
//! | `post` | root | the traps of a duty period; the oldest root may go |
//! | `open` | the worker key of the job's slot | the slot claims what is right, once |
//!
//! A timeline, with duty periods of 20 blocks, and 5 blocks for traps:
//!
//! ```text
//!  block 40  the root of period 2 is posted
//!  block 45  the job is submitted; it could have been in block 41, but not in block 40
//!  block 70  the last claim of the job is revealed, its window begins
//!  block 74  last block for an opening
//!  block 75  first block for a challenge, or for a game between two claims
//! ```
//!
//! ## Invariants
//!
//! - INV-1: the roots that are kept are those that are listed, in the order of their periods, none
//!   of a period to come.
//! - INV-2: a root has leaves, no more than it may, and only leaves are open; it is of no later
//!   block.
//! - INV-3: of each root no more is counted as opened by licensees than is open. What a licensee
//!   has opened that has none any more is not counted.
//! - INV-4: a licence allows something; it counts each period once, and no period for nothing.
//!
//! ## Low level / Design
//!
//! 1. *What it costs to be caught* is the pledge of an audit, which is so large that agreeing
//!    without computing loses where one audited job in a hundred is a trap
//!    ([`assay_primitives::economics::TRAP_CHANCE_PPB`], `audit_pledge`). The jackpot is a part of
//!    that ([`assay_primitives::economics::jackpot`]): on average it pays whoever computes a
//!    quarter of the price of an audit on top of that.
//! 2. *What a league gains.* A licensee can tell auditors of its own what is right, and they earn
//!    the jackpot without computing. That is bounded: by [`Config::JackpotMax`] for each trap,
//!    shared by all auditors of its job, and by allowances for each root. The treasury is never
//!    emptied.
//! 3. *A leaf opens once*: a bit for each leaf is kept with its root, and a job's claim is amended
//!    once. A root that is forgotten takes its leaves along.
//! 4. *Nothing is free*: an opening is authorised by the worker key of a licensee, once for each
//!    leaf; authorisation looks at state first, then at the path, then at both signatures.
//! 5. *What a licensee risks.* A licence that ends, or an allowance that is lowered, counts at
//!    once: a trap that is sprung then cannot be opened, and its pledge is lost. A worker springs
//!    none that could not be opened when it commits. What lies between is a licensee's trust in its
//!    treasury.
//! 6. *Traps are told from other jobs by nothing on chain*, as long as the accounts of their
//!    tenants are not: whoever plans them has to see to that.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod impls;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod ledger;
mod offchain;
pub mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::{Licence, Root};
pub use weights::WeightInfo;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::boxed::Box;
	use assay_primitives::{AccountId, Balance, JobDigest, SlotId, Trap, WorkerSignature};
	use frame_support::{pallet_prelude::*, traits::fungible};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What a runtime provides. Requires `frame_system::AuthorizeCall` among its extensions.
	#[pallet::config]
	pub trait Config:
		CreateAuthorizedTransaction<Call<Self>>
		+ frame_system::Config<AccountId = AccountId, Hash = H256>
	{
		/// Where jackpots are paid.
		type Currency: fungible::Mutate<AccountId, Balance = Balance>;
		/// Jobs that may be traps.
		type Jobs: assay_primitives::TrapJobs<AccountId, Balance>;
		/// The account that jackpots are paid from.
		#[pallet::constant]
		type Treasury: Get<AccountId>;
		/// Who gives licences and posts roots.
		type TreasuryOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// How many times the price of its job a trap promises.
		#[pallet::constant]
		type JackpotFactor: Get<u32>;
		/// The most that a trap promises.
		#[pallet::constant]
		type JackpotMax: Get<Balance>;
		/// Measured weights.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// Who may open traps.
	// Root chooses the accounts, and they have chosen their keys: a hasher that resists crafted ones.
	#[pallet::storage]
	pub(crate) type Licences<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Licence>;

	/// The roots that are kept, by duty period.
	// Periods are counted by the chain: a fast hasher will do.
	#[pallet::storage]
	pub(crate) type Roots<T: Config> = StorageMap<_, Twox64Concat, u32, Root>;

	/// The duty periods of these, the oldest first.
	#[pallet::storage]
	pub(crate) type Periods<T: Config> =
		StorageValue<_, BoundedVec<u32, ConstU32<{ types::ROOTS_MAX }>>, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider may open traps.
		#[codec(index = 0)]
		Licensed {
			/// Who.
			provider: AccountId,
			/// So many of each root.
			allowance: u32,
		},
		/// A provider may open traps no more.
		#[codec(index = 1)]
		Revoked {
			/// Who.
			provider: AccountId,
		},
		/// The traps of a duty period are fixed.
		#[codec(index = 2)]
		Posted {
			/// Which.
			period: u32,
			/// The root over them.
			root: H256,
			/// How many there are.
			count: u32,
		},
		/// A job was a trap: its slot claims what is right from now on.
		#[codec(index = 3)]
		Opened {
			/// The job.
			job: JobDigest,
			/// The slot.
			slot: SlotId,
			/// Who claims.
			provider: AccountId,
			/// Of which root the leaf is.
			period: u32,
			/// Its place under it.
			index: u32,
			/// What is promised to auditors that were not caught.
			jackpot: Balance,
		},
	}

	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// An allowance is one trap at least, and no more than a root has.
		#[codec(index = 0)]
		AllowanceOutOfRange,
		/// The provider has no licence.
		#[codec(index = 1)]
		NotLicensed,
		/// The duty period has its root.
		#[codec(index = 2)]
		AlreadyPosted,
		/// A root is over one leaf at least, and over 1,024 at most.
		#[codec(index = 3)]
		CountOutOfRange,
		/// No root of this duty period is kept.
		#[codec(index = 4)]
		RootUnknown,
		/// The leaf was opened.
		#[codec(index = 5)]
		AlreadyOpen,
		/// The root was not posted before the job was submitted.
		#[codec(index = 6)]
		RootTooYoung,
		/// The provider has opened as many traps of this root as it may.
		#[codec(index = 7)]
		AllowanceSpent,
		/// Job, salt and claim are no leaf of the root, or not in this place.
		#[codec(index = 8)]
		NotUnderRoot,
		/// The tenant has not agreed that its job is a trap.
		#[codec(index = 9)]
		NoConsent,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::run_worker(now);
		}

		fn integrity_test() {
			assert!(T::JackpotFactor::get() > 0, "who computes must win more than who does not");
			assert!(
				T::JackpotMax::get() >= <T::Currency as fungible::Inspect<_>>::minimum_balance(),
				"a jackpot must be payable"
			);
			const {
				assert!(
					assay_primitives::TRAPS_MAX <= 1 << assay_primitives::TRAP_PATH_MAX,
					"the longest path must fit"
				);
			}
			let weights = T::BlockWeights::get();
			let longest = weights.get(DispatchClass::Normal).max_extrinsic;
			let open = T::WeightInfo::open().saturating_add(T::WeightInfo::authorize_open());
			assert!(
				open.all_lt(longest.unwrap_or(weights.max_block)),
				"an opening must fit into a block"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Let a provider open traps.
		///
		/// ## Dispatch Origin
		///
		/// Root, for the treasury.
		///
		/// ## Details
		///
		/// Where the provider has a licence its allowance is changed at once, and what it has opened
		/// counts.
		///
		/// ## Parameters
		///
		/// - `provider`: who.
		/// - `allowance`: most traps that it opens of each root.
		///
		/// ## Errors
		///
		/// `AllowanceOutOfRange`.
		///
		/// ## Events
		///
		/// `Licensed`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::license())]
		pub fn license(
			origin: OriginFor<T>,
			provider: AccountId,
			#[pallet::compact] allowance: u32,
		) -> DispatchResult {
			T::TreasuryOrigin::ensure_origin(origin)?;
			Self::do_license(provider, allowance)
		}

		/// Let a provider open no more traps.
		///
		/// ## Dispatch Origin
		///
		/// Root, for the treasury.
		///
		/// ## Details
		///
		/// At once: a trap that is sprung and not opened costs the provider its pledge.
		///
		/// ## Parameters
		///
		/// - `provider`: who.
		///
		/// ## Errors
		///
		/// `NotLicensed`.
		///
		/// ## Events
		///
		/// `Revoked`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::revoke())]
		pub fn revoke(origin: OriginFor<T>, provider: AccountId) -> DispatchResult {
			T::TreasuryOrigin::ensure_origin(origin)?;
			Self::do_revoke(provider)
		}

		/// Fix the traps of this duty period.
		///
		/// ## Dispatch Origin
		///
		/// Root, for the treasury.
		///
		/// ## Details
		///
		/// The 64 youngest roots are kept: where there are as many the oldest goes, and with it what
		/// was not opened of it.
		///
		/// ## Parameters
		///
		/// - `root`: Merkle root over the leaves ([`assay_primitives::trap_leaf`]).
		/// - `count`: how many there are.
		///
		/// ## Errors
		///
		/// `AlreadyPosted`, `CountOutOfRange`.
		///
		/// ## Events
		///
		/// `Posted`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::post())]
		pub fn post(
			origin: OriginFor<T>,
			root: H256,
			#[pallet::compact] count: u32,
		) -> DispatchResult {
			T::TreasuryOrigin::ensure_origin(origin)?;
			Self::do_post(root, count)
		}

		/// Open a trap: the assigned slot of its job claims what is right from now on.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the slot's worker key; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// In the first blocks of the window of an audited job, before any dispute about it. If what
		/// is claimed now is wrong the slot is disputed and loses like any other.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		/// - `trap`: its leaf, what leads from there to the root, and the tenant's consent, which is
		///   checked when the call is authorised.
		/// - `signature`: of the worker key over the opening statement; checked then as well.
		///
		/// ## Errors
		///
		/// `RootUnknown`, `AlreadyOpen`, `RootTooYoung`, `NotLicensed`, `AllowanceSpent`,
		/// `NotUnderRoot`; what the jobs pallet says, where no trap of the job can be opened now or its
		/// slot claims this already.
		///
		/// ## Events
		///
		/// `Opened`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::open())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_open())]
		#[pallet::authorize(|source, job, trap, signature| {
			Self::authorize_open(source, job, trap, signature)
		})]
		pub fn open(
			origin: OriginFor<T>,
			job: JobDigest,
			trap: Box<Trap>,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_open(job, *trap)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The licence of a provider.
		pub fn licence(provider: AccountId) -> Option<Licence> {
			Licences::<T>::get(provider)
		}

		/// The root of a duty period, while it is kept.
		pub fn root(period: u32) -> Option<Root> {
			Roots::<T>::get(period)
		}
	}
}
