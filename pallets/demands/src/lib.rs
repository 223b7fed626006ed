//! # Demands pallet
//!
//! Who cannot fetch the input or the output of a job demands it on chain, and gets it or the pledge
//! of who kept it back.
//!
//! ## Pallet API
//! See [`pallet::Call`] for what can be submitted, [`pallet::Config`] for what a runtime provides.
//!
//! ## Overview
//!
//! A provider that has committed to a result owes the input to whoever wants to check it, and
//! once its claim is open the output to whoever paid for it. Both travel between machines, as a
//! rule, and the chain sees only digests. Where a party does not hand them out, anybody may
//! demand an item and prepay its bytes. The provider then has to put it into blocks, chunk by
//! chunk, each within a deadline. The answer is public, so one demand for an item of a job is
//! enough for everybody. While it is open the job's own clock stands still: nobody loses time.
//!
//! ## Terminology
//!
//! - **Item**: the input or the output of a job.
//! - **Chunk**: a segment of 4 KiB of an item, the last one shorter; its Merkle path proves it.
//! - **Demander**: who prepays. Its prepayment is held and spent with the chunks.
//! - **Held**: a job whose clock stands still. See the jobs pallet.
//!
//! ## Life of a demand
//!
//! ```text
//!             demand                deliver, of the last chunk
//!  (nothing) --------> open(chunk) -----------------------------> answered, gone
//!                       ^  |  |  \__show_length__________________> nothing to deliver, gone
//!                       |  |  |
//!              deliver -+--+  +---- timeout, past a chunk's deadline -> withheld, gone
//! ```
//!
//! | end | prepayment | slot and job |
//! |---|---|---|
//! | answered | spent: a share to the provider, the rest to the treasury | go on |
//! | length shown | returned | go on, without auditors that have not committed |
//! | withheld | returned, but for chunks that came | the slot lapses and loses its whole pledge |
//!
//! A job goes on without a slot that lapsed, if others are left, and is refunded otherwise. In the
//! last two cases nobody can compute the job from what is public, so auditors that have not
//! committed lose nothing, and no notice is taken any more.
//!
//! A worked timeline with twenty blocks for each chunk, the first one too: the input of a job,
//! 10,000 bytes, three chunks, is demanded in block 100. The first chunk has to come until 120;
//! it does so in 103, so the second has until 123. Both others come in block 104, and the job has
//! been held for four blocks. Had the third not come until block 124, `timeout` could have landed
//! in 125, and the prepayment of 1,808 bytes would have gone back. The test
//! `the_timeline_of_the_crate_docs_is_true` walks it.
//!
//! ## Invariants
//!
//! - INV-1: what is held of an account is the sum of what its open demands have not spent.
//! - INV-2: a job is held exactly while a demand about it is open.
//! - INV-3: an open demand waits for a chunk, and for no longer than a chunk may take.
//!
//! ## Where the bytes are
//!
//! A chunk's bytes are in the body of the block that carries its `deliver` call; the event names
//! the chunk only. Whoever wants the item reads the calls of the blocks from the demand to its
//! answer, and checks the whole against its digest. Nodes with off-chain indexing keep each chunk
//! under [`assay_primitives::chunk_key`] as well, and off-chain workers read it there.
//!
//! ## Design
//!
//! 1. *A proof needs no signature*: a chunk proves itself, so anybody who has it may carry it; the
//!    provider is paid whoever does. It is checked before it is let into the pool.
//! 2. *Block space is never free*: `deliver` costs no fee, and a provider could demand from itself.
//!    So a part of the price goes to the treasury.
//! 3. *An input of another length than its job says* is one that no chunk can be proven of. Its
//!    digest says so, and that is the answer: the result is known to be `Invalid`. An output of
//!    another length is a wrong claim, and no answer.
//! 4. *Bounded*: one demand at a time, one for each item and job, so a job is held for twice its
//!    [`Config::AnswerBlocks`] and [`Config::ChunkBlocks`] for each other chunk at most.
//! 5. *Deadlines are facts of block number*: a late chunk is refused whether or not anybody has
//!    called `timeout`.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
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
pub use types::{Chunk, Demand, Path};
pub use weights::WeightInfo;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use assay_primitives::{
		AccountId, Balance, Item, JobDigest, SlotId, WorkerKey, WorkerSignature,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Mutate, MutateHold},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::Permill;

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
		/// Where prepayments are held.
		type Currency: Mutate<AccountId, Balance = Balance>
			+ MutateHold<AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>;
		/// Why funds are held.
		type RuntimeHoldReason: From<HoldReason>;
		/// Jobs, and who owes what of them.
		type Jobs: assay_primitives::OwedItems<AccountId>;
		/// Whose worker keys may demand.
		type Providers: assay_primitives::Providers<AccountId>;
		/// What block space is paid to.
		#[pallet::constant]
		type Treasury: Get<AccountId>;
		/// Price of a byte that is demanded.
		#[pallet::constant]
		type PricePerByte: Get<Balance>;
		/// The provider's share of it, rounded down; the rest pays for the block space.
		#[pallet::constant]
		type ProviderShare: Get<Permill>;
		/// Blocks for the first chunk: nobody knew that it would be asked for.
		#[pallet::constant]
		type AnswerBlocks: Get<u32>;
		/// Blocks for each one after it.
		#[pallet::constant]
		type ChunkBlocks: Get<u32>;
		/// Measured weights.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// Why funds are held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The prepayment of a demand.
		#[codec(index = 0)]
		Demand,
	}

	/// Open demands, one for each job at most. Keys are digests already, so they need no further
	/// hash.
	#[pallet::storage]
	pub type Demands<T: Config> = StorageMap<_, Identity, JobDigest, Demand<AccountId>>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An item is demanded, and its job is held.
		#[codec(index = 0)]
		Demanded {
			/// The job.
			job: JobDigest,
			/// What.
			item: Item,
			/// The slot that owes it.
			slot: SlotId,
			/// Whose slot that is.
			provider: AccountId,
			/// Who pays.
			demander: AccountId,
			/// Length of the item in bytes.
			length: u32,
			/// Its chunks.
			chunks: u32,
			/// What is held for them.
			prepaid: Balance,
			/// Last block for the first of them.
			due_at: u32,
		},
		/// A chunk is in this block.
		#[codec(index = 1)]
		ChunkDelivered {
			/// The job.
			job: JobDigest,
			/// Of what.
			item: Item,
			/// Which, counted from zero.
			index: u32,
			/// What the provider got for it.
			paid: Balance,
		},
		/// All chunks were delivered; the job goes on.
		#[codec(index = 2)]
		Answered {
			/// The job.
			job: JobDigest,
			/// What.
			item: Item,
		},
		/// The item has another length than its job says: there is nothing to deliver. The job goes
		/// on, the prepayment is returned.
		#[codec(index = 3)]
		LengthShown {
			/// The job.
			job: JobDigest,
			/// What.
			item: Item,
			/// Its length in bytes.
			length: u64,
			/// The root of its segments.
			root: H256,
		},
		/// A chunk did not come in time: the slot has lost its pledge and its claim.
		#[codec(index = 4)]
		Withheld {
			/// The job.
			job: JobDigest,
			/// What.
			item: Item,
			/// The slot that owed it.
			slot: SlotId,
			/// Whose slot that was.
			provider: AccountId,
			/// Chunks that did come.
			delivered: u32,
			/// What was returned to the demander for those that did not.
			returned: Balance,
		},
	}

	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// Jobs are paused; try again when they are resumed.
		#[codec(index = 0)]
		Paused,
		/// A demand about this job is open: wait for its end.
		#[codec(index = 1)]
		DemandOpen,
		/// The price of the item exceeds what a balance can hold.
		#[codec(index = 2)]
		PriceOverflow,
		/// The account cannot prepay the item.
		#[codec(index = 3)]
		CannotPrepay,
		/// The key is no provider's.
		#[codec(index = 4)]
		NotAProvider,
		/// No demand for this is open.
		#[codec(index = 5)]
		DemandUnknown,
		/// The chunk was delivered.
		#[codec(index = 6)]
		AlreadyDelivered,
		/// A chunk before this one has not been delivered.
		#[codec(index = 7)]
		OutOfOrder,
		/// The deadline has passed.
		#[codec(index = 8)]
		DeadlinePassed,
		/// Bytes and path are not those of this chunk.
		#[codec(index = 9)]
		ChunkWrong,
		/// Length and root are not those of an input of another length than its job says.
		#[codec(index = 10)]
		LengthNotShown,
		/// Nothing is due yet.
		#[codec(index = 11)]
		NotDue,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::run_worker(now);
		}

		fn integrity_test() {
			assert!(
				T::ChunkBlocks::get() >= 8,
				"blocks that rotate a session carry no chunk, and one may have to be sent again"
			);
			assert!(
				T::AnswerBlocks::get() >= T::ChunkBlocks::get(),
				"the first chunk must have as much time as the others"
			);
			assert!(
				T::ProviderShare::get() < Permill::one(),
				"who demands from itself would fill blocks for nothing"
			);
			assert!(
				Self::price_of(assay_primitives::DEMAND_BYTES_MAX).is_some(),
				"the largest item must have a price"
			);
			let tree = assay_trace::blob_tree(assay_primitives::DEMAND_BYTES_MAX.into());
			assert!(
				tree.is_some_and(|tree| tree.path_length(0) <= types::PATH_MAX),
				"the path of a chunk must be one that a call can carry"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Demand the input or the output of a job.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by anyone.
		///
		/// ## Details
		///
		/// Its whole price is held. The job's clock stands still until the demand has ended.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		/// - `item`: what of it.
		///
		/// ## Errors
		///
		/// `DemandOpen`, `CannotPrepay`; what the jobs pallet says, where nobody owes it now.
		///
		/// ## Events
		///
		/// `Demanded`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::demand())]
		pub fn demand(origin: OriginFor<T>, job: JobDigest, item: Item) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_demand(who, job, item)
		}

		/// The same, by the worker of a provider, which pays for it.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the worker key of a provider; anybody may carry it. No fee.
		///
		/// ## Parameters
		///
		/// - `job`, `item`: as of `demand`.
		/// - `worker`: the key.
		/// - `signature`: of that key over `demand_statement(genesis, job, item)`; checked when the
		///   call is authorised.
		///
		/// ## Errors
		///
		/// `NotAProvider`, and those of `demand`.
		///
		/// ## Events
		///
		/// `Demanded`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::demand_for())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_demand_for())]
		#[pallet::authorize(Self::authorize_demand_for)]
		pub fn demand_for(
			origin: OriginFor<T>,
			job: JobDigest,
			item: Item,
			worker: WorkerKey,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			let demander = Self::provider_of(&worker)?;
			Self::do_demand(demander, job, item)
		}

		/// Deliver a chunk of what is demanded.
		///
		/// ## Dispatch Origin
		///
		/// Authorised without signature: the path proves the bytes; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Chunks come in their order, several in a block if need be. Each is paid for at once; with
		/// the last one the job goes on.
		///
		/// ## Parameters
		///
		/// - `job`, `item`: of what.
		/// - `index`: which chunk, counted from zero.
		/// - `bytes`: 4 KiB, of the last chunk what is left.
		/// - `path`: the siblings on the way to the root of the item's segments, lowest first.
		///
		/// ## Errors
		///
		/// `DemandUnknown`, `AlreadyDelivered`, `OutOfOrder`, `DeadlinePassed`, `ChunkWrong`.
		///
		/// ## Events
		///
		/// `ChunkDelivered`, and `Answered` with the last one.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::deliver())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_deliver())]
		#[pallet::authorize(Self::authorize_deliver)]
		pub fn deliver(
			origin: OriginFor<T>,
			job: JobDigest,
			item: Item,
			#[pallet::compact] index: u32,
			bytes: Chunk,
			path: Path,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_deliver(job, item, index, &bytes, &path)
		}

		/// Show that the input that is demanded has another length than its job says.
		///
		/// ## Dispatch Origin
		///
		/// Authorised without signature: the digest proves it; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Auditors of the job that have not committed are free of their duty, and no other comes.
		///
		/// ## Parameters
		///
		/// - `job`: of which.
		/// - `length`, `root`: length in bytes and root of the segments, whose sized digest the input
		///   digest is.
		///
		/// ## Errors
		///
		/// `DemandUnknown`, `DeadlinePassed`, `LengthNotShown`.
		///
		/// ## Events
		///
		/// `LengthShown`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::show_length(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_show_length())]
		#[pallet::authorize(Self::authorize_show_length)]
		pub fn show_length(
			origin: OriginFor<T>,
			job: JobDigest,
			#[pallet::compact] length: u64,
			root: H256,
		) -> DispatchResultWithPostInfo {
			frame_system::ensure_authorized(origin)?;
			let slots = Self::do_show_length(job, length, root)?;
			Ok(Some(T::WeightInfo::show_length(slots)).into())
		}

		/// End a demand whose next chunk did not come in time: the slot that owed it lapses and loses
		/// its whole pledge.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Parameters
		///
		/// - `job`: of which.
		///
		/// ## Errors
		///
		/// `DemandUnknown`, `NotDue`.
		///
		/// ## Events
		///
		/// `Withheld`; what the jobs pallet says of the slot and the job.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::timeout(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_timeout())]
		#[pallet::authorize(Self::authorize_timeout)]
		pub fn timeout(origin: OriginFor<T>, job: JobDigest) -> DispatchResultWithPostInfo {
			if ensure_signed(origin.clone()).is_err() {
				frame_system::ensure_authorized(origin)?;
			}
			let slots = Self::do_timeout(job)?;
			Ok(Some(T::WeightInfo::timeout(slots)).into())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The demand about a job that is open.
		pub fn demand_of(job: JobDigest) -> Option<Demand<AccountId>> {
			Demands::<T>::get(job)
		}

		/// What a demand for so many bytes has to be paid in advance.
		pub fn price(length: u32) -> Option<Balance> {
			Self::price_of(length)
		}
	}
}
