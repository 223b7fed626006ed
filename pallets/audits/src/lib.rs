//! # Audits pallet
//!
//! Decides who has to audit a job, so that nobody else knows before it is too late to cheat.
//!
//! ## Pallet API
//!
//! See [`pallet::Call`] for what can be submitted, [`pallet::Config`] for what a runtime provides,
//! and [`assay_primitives::Audits`] for what the jobs pallet asks of this one.
//!
//! ## Overview
//!
//! A job that pays for audits is computed a second time now and then, by somebody whom its
//! provider cannot know beforehand. Providers that are ready to do so put up an audit stake,
//! register a *duty key*, join the pools of the models they hold, and show in each period, by a
//! segment that nobody chooses, that they do hold the weights. Once a job's commitment is
//! final, each member of the pool asks its duty key, in private, whether the job is its to audit:
//! the more stake, the more often. Whoever has the duty says so by a *notice* with a proof, which
//! opens a slot of its own in the job. What follows is the jobs pallet's: the auditor commits
//! before anything is revealed, and two different results are a game.
//!
//! ## Terminology
//!
//! - **duty period**: a fixed number of blocks. What is told in one counts from the next one on.
//! - **audit stake**: a provider's bond in the stake pallet's instance for audits.
//! - **counted stake**: what of it counts in this period: the bond as it was told last before.
//! - **duty key**: sr25519 key that the provider's executor holds, and that signs nothing but VRFs.
//! - **pool**: the providers that audit jobs of a model. Its total is the sum of counted stakes.
//! - **to show**: to open the segment of a model's weights that chance names for a provider and a
//!   period. Counted is the stake of members that have shown, in period `p` for the whole of `p +
//!   1` and for no other: who does not show in `p` counts nothing from the first to the last
//!   block of `p + 1`.
//! - **auditable**: of a job, that [`Config::MinHolders`] others than its party count at its
//!   submission, with [`Config::MinHeldStake`] in all, and one with as much as its audit pledges.
//!   Any other job is `Unaudited`.
//! - **randomness** of a job: a hash over the VRFs of the authors of the
//!   [`assay_primitives::DUTY_BLOCKS`] blocks after the first commitment; where one has none, of
//!   the first blocks after it that have, among [`types::DRAW_BLOCKS`].
//! - **final mark**: the word of a worker that the commitment is final. Notices are taken from then
//!   on, for [`Config::NoticeBlocks`].
//! - **ticket**: of a member and a job that pays for replicas, which its tenant asks for beside the
//!   provider of its lease: what the randomness of the blocks after its commitment and the member's
//!   stake make of it. The lowest are drawn.
//! - **threshold**: 2^64 times audit rate times share of the stake. A number below is a duty.
//!
//! ## Life of an audit
//!
//! ```text
//!   the first commitment       final mark                  notices are over
//!  ----------------------> waits --------> notices are taken -------------> (jobs) reveal
//!                                             | notice
//!                                             v
//!                                  (jobs) a slot of the auditor: committed, revealed, paid
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `set_duty_key` | provider | another duty key from the next period on |
//! | `join`, `leave` | provider | member of a pool, or not, from the next period on |
//! | `refresh` | anyone | the bond as it is now counts from the next period on |
//! | `replicate` | a member's worker key | a slot in a job with replicas, pledged from the bond |
//! | `show` | a member's worker key | its stake counts in the next period |
//! | `mark_final` | any worker key but the party's | notices are taken |
//! | `notice` | the auditor's worker key | a slot in the job, pledged from the audit stake |
//! | `set_lambda_floor` | root | the smallest audit rate of jobs that are submitted from now on |
//!
//! A timeline, with duty periods of 20 blocks, `MarkDelay = 20` and `NoticeBlocks = 10`:
//!
//! ```text
//!  block 21  the first author of the period of blocks 20 to 39 has drawn: segments are shown
//!  block 39  the last in which one is: the stake of who has shown counts in blocks 40 to 59
//!  block 45  the first commitment
//!  block 49  the last of the four blocks whose authors' VRFs decide who audits; it is written down
//!            when block 50 begins
//!  block 51  GRANDPA finalises block 49
//!  block 52  final mark with the hash of block 49; notices until block 62
//!  block 53  a notice; its sender's key, stake and membership count since block 40
//!  block 63  no notice any more: reveals may follow
//!  block 65  without any mark, the party itself could have sent it from here on
//! ```
//!
//! ## Invariants
//!
//! - INV-1: the total of a pool is the sum of its members' shares, in this period and in the next;
//!   only who has shown has any.
//! - INV-2: memberships and pools' members lead to each other, one to one.
//! - INV-3: an entry of the ring lies in its place, and is of a block before this one.
//! - INV-4: what does not count yet counts from the next period on; no key is of a block to come.
//! - INV-5: the account of the pool of money exists.
//! - INV-6: the floor of audit rates is one at most.
//! - INV-7: no member of a pool has more than what is stated as the largest, nor than the second if
//!   it is not the largest itself.
//!
//! ## Low level / Design
//!
//! 1. *No hook walks over anybody.* What changes with a period is a pair of values and the period
//!    in which the second one begins to count ([`types::Counted`]); nothing is rolled over. What
//!    has to be shown again ends by itself ([`types::Renewed`]).
//! 2. *What is counted was known before the randomness.* Key, membership, stake and total are
//!    those of the duty period of the commitment, also where notices reach into the next one:
//!    nothing that is done after a draw changes it, neither one's own nor that of others. A key
//!    that was registered after the job was submitted decides nothing about it: else its owner
//!    could try keys.
//! 3. *A bond that has shrunk counts less at once*: the threshold is computed with the smaller of
//!    counted stake and present bond, and divided by the counted total. It only rounds down.
//! 4. *Finality is not visible here.* The mark is a worker's word: its anchor shows the chain it is
//!    on, not that this is final. A party of the job, or a key that acts for it, may not send it
//!    before [`Config::MarkDelay`] blocks have passed; then it may, so that an honest provider is
//!    never stuck, and then no worker waits for finality any more: the job is marked while the ring
//!    still knows its randomness. What trust remains: in a stall of finality a confederate provider
//!    can mark early. It gains that notices are given on a fork that may be reverted: these show
//!    who audits there, and on another fork as well if the blocks that decide are the same.
//! 5. *A provider that nobody's duty finds is not audited*: the notice is a right of its sender,
//!    and silence costs nothing. The detection that is counted on is that of honest stake.
//! 6. *Free calls are bounded*: one mark for each job, one notice for each duty, one refresh for
//!    each change of a bond. Authorisation looks at state first, then at the signature, then at the
//!    VRF; at last it tries, and undoes, what the jobs pallet would do, so that nothing is included
//!    for free that then fails.
//! 7. *What a captured author gains.* An author knows its own VRF long before, and chooses which
//!    commitments it includes. What decides is therefore of [`assay_primitives::DUTY_BLOCKS`]
//!    authors: no single one knows the result when a commitment is included, and the last one,
//!    who does when its turn comes, can but make no block. That is one more throw, paid for with
//!    a block: with provider and an auditor in league it raises the chance `p` that the job falls
//!    to that auditor to less than `2 * p`, and lowers the chance that it falls to one whose duty
//!    key it has stolen to no less than its square; of auditors whose keys it does not know it
//!    learns nothing. Only who makes all of these blocks, and the one with the commitment,
//!    chooses as it likes. All auditors of a job together are paid one run, so what a league
//!    draws out of the pool is bounded by that for each job it pays for.
//! 8. *The ring forgets.* A pause of jobs longer than it leaves jobs without randomness: no notice
//!    is taken for these, and the mark still is.
//! 9. *Who has shown a segment has it, or gets it within a period.* Of weights of `n` segments one
//!    who keeps the share `x` can show one with chance `x`, and counts so often. One that fetches
//!    from another what it is asked for is not found out; nor does that help it with an audit, for
//!    which it needs all of them within the time to commit.
//! 10. *What is stated as the largest only rises.* So that neither submission nor leaving looks
//!     through a pool, a member that shrinks after it has shown is overstated for one period. That
//!     makes no job safer to forge: a member that is large and idle would do the same for ever.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod errors;
mod events;
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

use frame_support::pallet_macros::import_section;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::{Auditor, Counted, Draw, Drawn, KnownKey, Membership, Renewed, Share, Total};
pub use weights::WeightInfo;

/// Where the randomness of blocks comes from.
pub trait AuthorRandomness {
	/// While a block begins: what the author of the block before it drew by its VRF; none if it
	/// drew nothing.
	///
	/// BABE stores the VRF of a block when that ends, so in `on_initialize` of the next block
	/// `pallet_babe::AuthorVrfRandomness` holds exactly this. It is not reset by a block without
	/// VRF: a runtime whose secondary slots have none must not hand out the last value again.
	fn author_vrf() -> Option<sp_core::H256>;
}

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use assay_primitives::{
		apis::PoolView, AccountId, Anchor, Balance, DutyKey, DutyKeyProof, DutyOutput, DutyProof,
		JobDigest, ModelId, SegmentBytes, SegmentPath, SlotId, WorkerKey, WorkerSignature,
	};
	use frame_support::{pallet_prelude::*, traits::fungible, PalletId};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::SaturatedConversion;

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
		/// Where audits are paid.
		type Currency: fungible::Mutate<AccountId, Balance = Balance>;
		/// Bonds that are set aside for audits.
		type AuditStake: assay_primitives::Stake<AccountId, Balance>;
		/// Jobs that may be audited.
		type Jobs: assay_primitives::AuditedJobs<AccountId>;
		/// Whose worker keys may speak.
		type Providers: assay_primitives::Providers<AccountId>;
		/// What can be run.
		type Models: assay_primitives::Models<AccountId, Balance>;
		/// What authors draw.
		type AuthorRandomness: AuthorRandomness;
		/// The account that audits are paid from.
		#[pallet::constant]
		type PalletId: Get<PalletId>;
		/// Most pools of a provider.
		#[pallet::constant]
		type MaxPools: Get<u32>;
		/// Blocks whose randomness is remembered.
		#[pallet::constant]
		type RingSize: Get<u32>;
		/// Blocks for which notices are taken after the final mark.
		#[pallet::constant]
		type NoticeBlocks: Get<u32>;
		/// Blocks after the first commitment from which its party itself may mark it.
		#[pallet::constant]
		type MarkDelay: Get<u32>;
		/// Lowest audit rate that the floor can be set to, in parts per billion; the floor until it is
		/// set. Below it too little is found for a pledge to deter.
		#[pallet::constant]
		type LambdaMin: Get<u32>;
		/// Fewest providers beside its party that hold the weights of a job that is to be audited.
		#[pallet::constant]
		type MinHolders: Get<u32>;
		/// Least audit stake of these in all.
		#[pallet::constant]
		type MinHeldStake: Get<Balance>;
		/// How many times the price of a job its auditors pledge.
		#[pallet::constant]
		type AuditPledgeFactor: Get<u32>;
		/// The least that an auditor pledges.
		#[pallet::constant]
		type AuditPledgeMin: Get<Balance>;
		/// Measured weights.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// What is recorded of each provider that audits.
	// Accounts are chosen by outsiders: a hasher that resists crafted keys, here and below.
	#[pallet::storage]
	pub(crate) type Auditors<T: Config> =
		StorageMap<_, Blake2_128Concat, AccountId, Auditor<T::MaxPools>>;

	/// What all members of a pool bring into it.
	// Model ids are counted by the chain: a fast hasher will do.
	#[pallet::storage]
	pub(crate) type Pools<T: Config> =
		StorageMap<_, Twox64Concat, ModelId, Renewed<Total>, ValueQuery>;

	/// Providers with a membership in a pool that counts, now or in the next period.
	#[pallet::storage]
	pub(crate) type Members<T: Config> =
		StorageDoubleMap<_, Twox64Concat, ModelId, Blake2_128Concat, AccountId, ()>;

	/// The ring of randomness, by block number modulo [`Config::RingSize`].
	// Few keys, counted by the chain: no hash is needed.
	#[pallet::storage]
	pub(crate) type Ring<T: Config> = StorageMap<_, Identity, u32, Draw>;

	/// What decides which segments of weights are to be shown: the last duty period in which an author
	/// drew something, and what the first of these drew.
	#[pallet::storage]
	pub(crate) type PeriodDraw<T: Config> = StorageValue<_, (u32, H256)>;

	/// Smallest audit rate of a job that is to be audited, in parts per billion, once it was set.
	#[pallet::storage]
	pub(crate) type LambdaFloor<T: Config> = StorageValue<_, u32>;

	/// The account that audits are paid from exists from the beginning.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		#[serde(skip)]
		_config: PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			Pallet::<T>::endow_pool();
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::remember_randomness(now.saturated_into());
			T::WeightInfo::on_initialize()
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::run_worker(now);
		}

		fn integrity_test() {
			assert!(T::MaxPools::get() > 0, "MaxPools is zero: nobody could audit");
			assert!(T::MinHolders::get() > 0, "a job that nobody could audit is not audited");
			assert!(
				T::NoticeBlocks::get() >= 8,
				"blocks that rotate a session carry no notice, and one may have to be sent again"
			);
			let lambda = T::LambdaMin::get();
			assert!(
				lambda > 0 && lambda <= types::RATE_PARTS,
				"LambdaMin must be a rate: above zero, and one at most"
			);
			assert!(T::AuditPledgeFactor::get() > 0, "an auditor must have something to lose");
			// The mark may come as late as the party's own, and be sent again some times.
			let marked = T::MarkDelay::get().saturating_add(types::MARK_SLACK_BLOCKS);
			let longest =
				marked.saturating_add(types::DRAW_BLOCKS).saturating_add(T::NoticeBlocks::get());
			assert!(
				T::RingSize::get() > longest,
				"the ring must remember a job's randomness until its notices are over"
			);
			let kept: u32 = T::BlockHashCount::get().saturated_into();
			assert!(
				kept > marked.saturating_add(types::DRAW_BLOCKS),
				"the chain must remember the hash that a mark names"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Register the key that decides about one's audits.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Details
		///
		/// Counts from the next duty period on; until then the one before does. It decides nothing
		/// about jobs whose first commitment is older than it.
		///
		/// ## Parameters
		///
		/// - `key`: the key that the provider's executor holds.
		/// - `proof`: signature of that key over `duty_key_statement(genesis, provider)`.
		///
		/// ## Errors
		///
		/// `NotAProvider`, `DutyKeyInvalid`, `DutyKeyProofInvalid`, `StakeOverflow`.
		///
		/// ## Events
		///
		/// `DutyKeySet`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::set_duty_key())]
		pub fn set_duty_key(
			origin: OriginFor<T>,
			key: DutyKey,
			proof: DutyKeyProof,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_set_duty_key(who, key, &proof)
		}

		/// Audit jobs of a model.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Details
		///
		/// Counts from the next duty period on, with what is bonded for audits now. The provider's
		/// executor should hold the model's weights by then: whoever gives notice and does not commit
		/// loses its pledge.
		///
		/// ## Parameters
		///
		/// - `model`: the model.
		///
		/// ## Errors
		///
		/// `NotAProvider`, `ModelUnknown`, `ModelRetired`, `AlreadyMember`, `TooManyPools`,
		/// `StakeOverflow`.
		///
		/// ## Events
		///
		/// `Joined`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::join())]
		pub fn join(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_join(who, model)
		}

		/// Audit jobs of a model no more.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a member of its pool.
		///
		/// ## Details
		///
		/// The membership counts until the duty period ends.
		///
		/// ## Parameters
		///
		/// - `model`: the model.
		///
		/// ## Errors
		///
		/// `NotAMember`.
		///
		/// ## Events
		///
		/// `Left`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::leave())]
		pub fn leave(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_leave(who, model)
		}

		/// Let what a provider has bonded for audits count.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Details
		///
		/// Counts from the next duty period on. Who is no provider any more loses key and memberships
		/// with the period, and its record by another refresh in a later one.
		///
		/// ## Parameters
		///
		/// - `provider`: whose.
		///
		/// ## Errors
		///
		/// `NothingToRefresh`, `StakeOverflow`.
		///
		/// ## Events
		///
		/// `Refreshed`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::refresh())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_refresh())]
		#[pallet::authorize(Self::authorize_refresh)]
		pub fn refresh(origin: OriginFor<T>, provider: AccountId) -> DispatchResult {
			if ensure_signed(origin.clone()).is_err() {
				frame_system::ensure_authorized(origin)?;
			}
			Self::do_refresh(provider)
		}

		/// Say that the first commitment of a job is final: notices are taken from now on.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the worker key of a provider; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// The chain cannot see finality: it takes a provider's word, but for `MarkDelay` blocks not
		/// that of the job's party. See the crate's documentation for what trust that leaves.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		/// - `anchor`: a final block, not below the last one whose author decides.
		/// - `worker`: the key that signs.
		/// - `signature`: of that key over `final_statement(genesis, job, anchor)`; checked when the
		///   call is authorised.
		///
		/// ## Errors
		///
		/// `JobUnknown`, `AlreadyMarked`, `RandomnessPending`, `AnchorWrong`, `NotAProvider`,
		/// `PartyMarksLater`; what the jobs pallet says.
		///
		/// ## Events
		///
		/// `MarkedFinal`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::mark_final())]
		#[pallet::weight_of_authorize(
			T::WeightInfo::authorize_mark_final().saturating_add(T::WeightInfo::mark_final())
		)]
		#[pallet::authorize(Self::authorize_mark_final)]
		pub fn mark_final(
			origin: OriginFor<T>,
			job: JobDigest,
			anchor: Anchor,
			worker: WorkerKey,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_mark_final(job, anchor, &worker)
		}

		/// Say that one has the duty to audit a job.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the auditor's worker key; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Opens a slot in the job that is bound to the worker key, and pledges audit stake. Whoever
		/// gives notice and does not commit loses that.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		/// - `worker`: the auditor's worker key.
		/// - `output`, `proof`: what its duty key makes of the job.
		/// - `signature`: of the worker key over `notice_statement(genesis, job, slot, output)`; like
		///   the proof checked when the call is authorised.
		///
		/// ## Errors
		///
		/// `JobUnknown`, `NotMarked`, `NoticesOver`, `NotAProvider`, `OwnJob`, `NotAMember`,
		/// `NoDutyKey`, `DutyKeyTooNew`, `RandomnessPending`, `RandomnessGone`, `NotShown`, `NoDuty`;
		/// what the jobs pallet says, where the auditor has a slot already or its stake does not
		/// cover the pledge.
		///
		/// ## Events
		///
		/// `NoticeTaken`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::notice())]
		#[pallet::weight_of_authorize(
			T::WeightInfo::authorize_notice().saturating_add(T::WeightInfo::notice())
		)]
		#[pallet::authorize(Self::authorize_notice)]
		pub fn notice(
			origin: OriginFor<T>,
			job: JobDigest,
			worker: WorkerKey,
			output: DutyOutput,
			// Both are checked by the authorisation that `ensure_authorized` asks for.
			_proof: DutyProof,
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_notice(job, worker, output)
		}

		/// Set the smallest audit rate of jobs that are to be audited.
		///
		/// ## Dispatch Origin
		///
		/// Root.
		///
		/// ## Details
		///
		/// Concerns jobs that are submitted from now on. Not below [`Config::LambdaMin`], at which the
		/// chance of detection just suffices for a pledge to deter, and not above one, which no job
		/// can exceed. A higher floor makes each audited job dearer and its pledge smaller.
		///
		/// ## Parameters
		///
		/// - `lambda_ppb`: the rate, in parts per billion.
		///
		/// ## Errors
		///
		/// `LambdaFloorOutOfRange`.
		///
		/// ## Events
		///
		/// `LambdaFloorSet`.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::set_lambda_floor())]
		pub fn set_lambda_floor(
			origin: OriginFor<T>,
			#[pallet::compact] lambda_ppb: u32,
		) -> DispatchResult {
			ensure_root(origin)?;
			Self::do_set_lambda_floor(lambda_ppb)
		}

		/// Show that one holds the weights of a model whose jobs one audits.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the provider's worker key; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Taken once in each duty period of a provider that will be a member of the pool, with a duty
		/// key, in the next one; counts in that one alone. Which segment is to be shown is decided by
		/// what the first author of the period drew, by the provider and by the model.
		///
		/// ## Parameters
		///
		/// - `model`: the model.
		/// - `bytes`: the segment, 4,096 bytes.
		/// - `path`: the siblings on the way to the root of all segments, lowest first.
		/// - `worker`: the provider's worker key.
		/// - `signature`: of that key over `show_statement(genesis, model, period, segment)`; checked
		///   when the call is authorised.
		///
		/// ## Errors
		///
		/// `NotAProvider`, `NotAMember`, `NoDutyKey`, `AlreadyShown`, `PeriodDrawPending`,
		/// `ModelUnknown`, `NothingToShow`, `SegmentWrong`, `StakeOverflow`.
		///
		/// ## Events
		///
		/// `WeightsShown`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::show())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_show())]
		#[pallet::authorize(Self::authorize_show)]
		pub fn show(
			origin: OriginFor<T>,
			model: ModelId,
			bytes: SegmentBytes,
			path: SegmentPath,
			worker: WorkerKey,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_show(model, &bytes, &path, &worker)
		}

		/// Say that one would do a job as well whose tenant pays for replicas.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the provider's worker key; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Taken of members of the model's pool that counted when the job's assigned slot
		/// committed, for [`assay_primitives::DUTY_BLOCKS`] and `NoticeBlocks` blocks after that.
		/// The lower its ticket the likelier a candidate is drawn: see [`types::ticket`]. Opens a
		/// slot in the job that is bound to the worker key, and pledges bond, until a lower
		/// ticket takes its place.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		/// - `worker`: the provider's worker key.
		/// - `signature`: of that key over `replica_statement(genesis, job)`; checked when the call is
		///   authorised.
		///
		/// ## Errors
		///
		/// `JobUnknown`, `NotAProvider`, `NotAMember`, `NotShown`, `RandomnessPending`,
		/// `RandomnessGone`, `NothingAtStake`; what the jobs pallet says, where others have lower
		/// tickets, the provider has a slot already, no offer under which it would do such a job, or
		/// too little free bond.
		///
		/// ## Events
		///
		/// `ReplicaDrawn` of the jobs pallet.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::replicate())]
		#[pallet::weight_of_authorize(
			T::WeightInfo::authorize_replicate().saturating_add(T::WeightInfo::replicate())
		)]
		#[pallet::authorize(Self::authorize_replicate)]
		pub fn replicate(
			origin: OriginFor<T>,
			job: JobDigest,
			worker: WorkerKey,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			Self::do_replicate(job, worker)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The providers that audit jobs of a model, at most 256 of them.
		pub fn pool(model: ModelId) -> PoolView {
			Self::pool_view(model)
		}

		/// The duty key of a provider that counts in this duty period.
		pub fn duty_key(provider: AccountId) -> Option<DutyKey> {
			Self::duty_key_of(&provider)
		}

		/// The author's randomness of exactly this block, while it is remembered.
		pub fn randomness(block: u32) -> Option<H256> {
			Self::randomness_at(block)
		}

		/// What is recorded of a provider that audits.
		pub fn auditor(provider: AccountId) -> Option<Auditor<T::MaxPools>> {
			Auditors::<T>::get(provider)
		}

		/// What decides which segments of weights are to be shown in this duty period.
		pub fn period_randomness() -> Option<H256> {
			Self::draw_of_period(Self::period())
		}

		/// The account that audits are paid from.
		pub fn pool_account() -> AccountId {
			Self::money_account()
		}
	}
}
