//! # Jobs pallet
//!
//! The life of a job, from submission to receipt, and the off-chain worker that serves it.
//!
//! ## Pallet API
//! See [`pallet::Call`] for what can be submitted, [`pallet::Config`] for what a runtime provides.
//!
//! ## Overview
//!
//! A tenant submits a job under a lease. The lease's provider owes a claim: it commits to a result
//! while nobody can see it, reveals it once the commitment is final, and is paid when the challenge
//! window has passed. All the while a part of its bond is pledged to the job. Whoever does not keep
//! a deadline loses some of that pledge and the tenant gets its money back. A tenant may have its
//! job audited at some rate, for a fee on top of the price: then providers that draw the duty open
//! slots of their own between commitment and reveal, and are paid by the pool of those fees. Or it
//! may have more providers do the job, for the price of a run each: these are drawn.
//!
//! ## Terminology
//!
//! - **Job**: one run of a model on one input under a lease. Its digest is known before it is sent.
//! - **Slot**: one party's duty to claim the result of a job.
//!   *Assigned* to do the job, drawn to do it as well as a *replica*, or opened by a notice to
//!   *audit* it.
//! - **Claim**: the attested result, signed by a worker key.
//! - **Audit rate**, or lambda: how many audits of a job are to be expected, at most one.
//! - **Clock**: block number less the blocks that jobs were paused. Deadlines count by it.
//! - **Hold**: the time of a demand about a job. Its own clock stands still meanwhile: see
//!   `demands.rs`.
//! - **Receipt**: the final record of a settled job.
//!
//! ## Life of a job
//!
//! ```text
//!  submit_job          commit                reveal                 settle
//! ----------> Claiming ------> Revealing ------------> Window ----------------> receipt, gone
//!                |    (all slots)   |     (all slots)         after the window
//!                | lapse            | lapse, after the grace
//!                v                  v
//!             refund, gone      refund, gone
//!
//!  audited: the phase closes only after the first commitment was marked final and the time for
//!  notices is over; a notice opens a slot, and where the phase was to close opens it again
//!
//!  with replicas: the phase closes only after the time for candidates, which begins when the
//!  assigned slot has committed; one that is drawn opens a slot, and where the phase was to close
//!  opens it again
//!
//!  settle waits for disputes; a guilty slot is never paid, and a job whose slots all lapsed or are
//!  guilty is refunded when the last dispute is over. Where only audit slots have a claim left the
//!  job is refunded too, at `settle`: an auditor never earns the price
//!
//!  a demand holds a job, whose own clock stands still meanwhile; an assigned slot that does not
//!  deliver what is demanded lapses, also where its claim is open
//!
//!  slot:  Assigned --accept--> Assigned(accepted) --commit--> Committed --reveal--> Revealed
//!             |  \___________________commit (accepts too)_____^   |
//!             +---- lapse: nothing lost / a fifth of the pledge --+---> Lapsed
//! ```
//!
//! A worked timeline on a development chain (accept 10, commit base 20, window base 10, grace 20)
//! for a job whose units take a block: submitted in block 100, the slot must be accepted or
//! committed by block 110; committed in 102, the commit phase closes there; block 102 is final in
//! 104 and the reveal lands in 105 (on time until 122, late until 142 at a tenth of the pledge);
//! the window is over after block 116, `settle` may land in 117. The test
//! `the_timeline_of_the_crate_docs_is_true` walks it. That of an audited job is in `audits.rs`,
//! that of one with replicas in `replicas.rs`, and what a window has before challenges in
//! `traps.rs`.
//!
//! ## Invariants
//!
//! - INV-1: every job's slots exist and name it; every slot belongs to exactly one job.
//! - INV-2: the duties of a provider are exactly its slots, and their number is counted; those of a
//!   worker key are exactly the slots that are bound to it.
//! - INV-3: what a slot has pledged is what the bond holds for it, or the audit stake for an audit
//!   slot; no other slot holds any, so a pledge never outlives its slot.
//! - INV-4: a job is claiming exactly while a slot awaits a commitment or the first commitment of
//!   an audited job awaits its mark, and in its window exactly when none awaits a reveal.
//! - INV-5: price, fee and pledge of a job follow from its units, its audit rate and its value at
//!   risk; its lease holds fee and price for it, the price once more for each replica it wants.
//! - INV-6: slot ids in use lie below the next id.
//! - INV-7: at most [`types::RECEIPTS_MAX`] receipts wait for the end of a block.
//! - INV-8: a dispute is about a revealed claim only; a convicted slot has a pledge only while
//!   others dispute its claim.
//! - INV-9: only a job with an audit rate has an audit; that names a slot which has committed, as
//!   soon as one has; audit slots exist from the mark on, none of a party of another slot.
//! - INV-10: every job that awaits its mark, notices or candidates is listed; what is listed has
//!   awaited them.
//! - INV-11: a job is held only for an item that was demanded of a slot that has committed and
//!   stands, and never while a dispute about it is open.
//! - INV-12: only of a job with an audit rate, in its window, whose audited slot has revealed is a
//!   jackpot recorded: its trap was opened.
//! - INV-13: what a job has drawn are its replica slots, no more than it wants, none before its
//!   assigned slot has committed; none of them commits while candidates are taken, and no two slots
//!   that do it have one party.
//!
//! ## Design
//!
//! 1. *Commit before reveal*: a commitment names the worker key inside, so a copied one cannot be
//!    revealed. A reveal is signed together with the finalised block that closed the commit phase,
//!    so a reveal copied from the pool cannot be moved to another fork.
//! 2. *Deadlines are facts of block number*: a late call is refused whether or not anybody has
//!    called `lapse`; no hook walks over jobs.
//! 3. *Two doors to `lapse` and `settle`*: both do only what is due, so the worker may send them
//!    free of charge and anybody may sign them.
//! 4. *A stall of finality ruins nobody*: a job with one slot may be revealed before its commitment
//!    is final, when its time runs out; the claim still names the block it rests on.
//! 5. *Slots are one mechanism*: every transition is a function of all slots of a job; nothing here
//!    assumes that there is one.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

mod audits;
mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod demands;
mod disputes;
mod errors;
mod events;
mod impls;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod ledger;
mod offchain;
mod record;
mod replicas;
mod traps;
pub mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

use frame_support::pallet_macros::import_section;

pub use assay_program::Claim;
#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use demands::Hold;
pub use pallet::*;
pub use replicas::Replicas;
pub use types::{Assurance, Clock, InlineInput, Job, JobInput, Phase, Receipt, Slot, Timing};
pub use weights::WeightInfo;

/// Log target.
pub const LOG_TARGET: &str = "runtime::jobs";
/// Engine id of the header digest that carries the receipts root.
pub const RECEIPTS_ENGINE_ID: [u8; 4] = *b"ASAY";
/// Version of the header digest's payload: `(1u8, root)`.
pub const RECEIPTS_VERSION: u8 = 1;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use assay_primitives::{
		AccountId, Anchor, Balance, Commitment, JobDigest, LapseReason, LeaseId, OutputDigest,
		Parameters, SlotId, WorkerKey, WorkerSignature,
	};
	use frame_support::{pallet_prelude::*, traits::fungible};
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
		/// The coin that nonce fees are burnt in.
		type Currency: fungible::Mutate<AccountId, Balance = Balance>;
		/// Bonds of providers.
		type Stake: assay_primitives::Stake<AccountId, Balance>;
		/// What audit slots pledge: stake of its own, never pledged to jobs.
		type AuditStake: assay_primitives::Stake<AccountId, Balance>;
		/// Who may audit, what for, and who pays it.
		type Audits: assay_primitives::Audits<AccountId, Balance>;
		/// Which audits are tests, and who pays those that pass.
		type Traps: assay_primitives::Traps<AccountId, Balance>;
		/// Who may work.
		type Providers: assay_primitives::Providers<AccountId>;
		/// Registered models.
		type Models: assay_primitives::Models<AccountId, Balance>;
		/// Leases and their escrow.
		type Leases: assay_primitives::Leases<AccountId, Balance>;
		/// Where the protocol's share goes.
		#[pallet::constant]
		type Treasury: Get<AccountId>;
		/// Burnt at a tenant's first job: its nonce entry stays for ever.
		#[pallet::constant]
		type NonceFee: Get<Balance>;
		/// The protocol's share of every price, rounded down.
		#[pallet::constant]
		type ProtocolFee: Get<Permill>;
		/// Most open slots of a provider.
		#[pallet::constant]
		type MaxOpenSlots: Get<u32>;
		/// Least pledge of an audited job: half of it repays whoever proves the claim wrong.
		#[pallet::constant]
		type AuditedPledgeMin: Get<Balance>;
		/// Measured weights.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// The spans of protocol time of this chain. Set at genesis.
	#[pallet::storage]
	pub type TimingParameters<T: Config> = StorageValue<_, Timing, ValueQuery>;

	/// The clock that deadlines count by.
	#[pallet::storage]
	pub type JobClock<T: Config> = StorageValue<_, Clock, ValueQuery>;

	/// Open jobs. Keys are digests already, so they need no further hash.
	#[pallet::storage]
	pub type Jobs<T: Config> = StorageMap<_, Identity, JobDigest, Job<AccountId>>;

	/// Jobs that await their final mark, notices or candidates: all that a worker has to look at for
	/// audits and replicas. One that awaits none any more is removed with its next step.
	#[pallet::storage]
	pub type AwaitingAudit<T: Config> = StorageMap<_, Identity, JobDigest, ()>;

	/// Inputs that travelled with their jobs; removed with them.
	#[pallet::storage]
	pub type InlineInputs<T: Config> = StorageMap<_, Identity, JobDigest, InlineInput>;

	/// Slots of open jobs. Ids are ours, not chosen: a fast hash will do.
	#[pallet::storage]
	pub type Slots<T: Config> = StorageMap<_, Twox64Concat, SlotId, Slot<AccountId>>;

	/// The id of the next slot. Ids are never reused.
	#[pallet::storage]
	pub type NextSlot<T: Config> = StorageValue<_, SlotId, ValueQuery>;

	/// Slots by provider: how a worker finds its duties.
	#[pallet::storage]
	pub type Duties<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, AccountId, Twox64Concat, SlotId, ()>;

	/// Accepted slots by the worker key that they are bound to: after a rotation the old key still
	/// has to finish them. Keys prove themselves when they are registered, but a provider may try
	/// many, so the hash is a safe one.
	#[pallet::storage]
	pub type WorkerDuties<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, WorkerKey, Twox64Concat, SlotId, ()>;

	/// How many open slots a provider has.
	#[pallet::storage]
	pub type OpenSlots<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

	/// The last nonce a tenant has used. Stays for ever: a pruned job can never be replayed.
	#[pallet::storage]
	pub type TenantNonces<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u64>;

	/// What a trap that was opened promises to the auditors of its job, all together. Removed with the
	/// job. Keys are digests already.
	#[pallet::storage]
	pub type Jackpots<T: Config> = StorageMap<_, Identity, JobDigest, Balance>;

	/// Leaves of this block's receipts root. Empty between blocks.
	#[pallet::storage]
	pub type BlockReceipts<T: Config> =
		StorageValue<_, BoundedVec<H256, ConstU32<{ types::RECEIPTS_MAX }>>, ValueQuery>;

	/// Timing of the chain.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// The spans of protocol time.
		pub timing: Timing,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			let known = <T as frame_system::Config>::BlockHashCount::get();
			self.timing.assert_sound(known.try_into().unwrap_or(u32::MAX));
			TimingParameters::<T>::put(self.timing);
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_now: BlockNumberFor<T>) -> Weight {
			// What `on_finalize` will spend at most.
			T::WeightInfo::on_finalize_receipts(types::RECEIPTS_MAX)
		}

		fn on_finalize(_now: BlockNumberFor<T>) {
			Self::seal_receipts();
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::run_worker(now);
		}

		fn integrity_test() {
			Self::assert_constants();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Submit a job under a lease.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the lease's tenant.
		///
		/// ## Details
		///
		/// Units are computed by the chain from program, parameters and step limit; their price
		/// moves from the lease's escrow to the job. The digest of the job is known beforehand, so
		/// a retry is harmless: the second one fails with `NonceTooLow`.
		///
		/// An audit costs its rate times the price, rounded up, on top of the price: what a tenant
		/// wants to know of a result must not eat what its provider has asked for. The most it can
		/// cost is reserved, what the price paid comes to is charged, and nothing where the job is
		/// refunded. Where nobody could audit the job it runs without audit and fee: see the event.
		///
		/// A replica costs the price of one more run, reserved as that is; who agrees with the claim
		/// that is paid is paid as well.
		///
		/// ## Parameters
		///
		/// - `lease`: the agreement to run under.
		/// - `nonce`: any number above the tenant's last one; gaps are allowed.
		/// - `input`: the input blob itself, up to 16 KiB, or its digest.
		/// - `parameters`: batch, sequence, step limit and sampling: the shape of the job.
		/// - `value_at_risk`: what a wrong result may cost the tenant; the pledge follows it.
		/// - `lambda_ppb`: audit rate in parts per billion; zero for no audit. The least other one
		///   follows from the provider's record: see the view function `provider_record`.
		/// - `replicas`: how many more providers are to do the job, 7 at most. Its input is inline, and
		///   its output no longer than what can be demanded.
		///
		/// ## Errors
		///
		/// Everything that would make the job impossible: see the error type.
		///
		/// ## Events
		///
		/// `JobSubmitted`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::submit_job(input.inline_length()))]
		// What a client signs is flat: each argument has a name of its own there.
		#[allow(clippy::too_many_arguments)]
		pub fn submit_job(
			origin: OriginFor<T>,
			lease: LeaseId,
			#[pallet::compact] nonce: u64,
			input: JobInput,
			parameters: Parameters,
			#[pallet::compact] value_at_risk: Balance,
			#[pallet::compact] lambda_ppb: u32,
			replicas: u8,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			let stakes = calls::Stakes { value_at_risk, lambda_ppb, replicas };
			Self::do_submit_job(who, lease, nonce, input, parameters, stakes)
		}

		/// Accept a slot before its result is there: pledges bond, binds the worker key, and starts
		/// the time for the commitment.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the provider's worker key. No fee.
		///
		/// ## Parameters
		///
		/// - `slot`: the slot.
		/// - `signature`: of the worker key over the acceptance statement.
		///
		/// ## Errors
		///
		/// `DeadlinePassed`, `AlreadyAccepted`, and those of the stake pallet.
		///
		/// ## Events
		///
		/// `SlotAccepted`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::accept())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_accept())]
		#[pallet::authorize(Self::authorize_accept)]
		pub fn accept(
			origin: OriginFor<T>,
			slot: SlotId,
			signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			let _ = signature;
			Self::do_accept(slot)
		}

		/// Commit to a result. Accepts the slot too where that has not happened.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the slot's worker key. No fee.
		///
		/// ## Parameters
		///
		/// - `slot`: the slot.
		/// - `commitment`: the hidden claim.
		/// - `signature`: of the worker key over the commitment statement.
		///
		/// ## Errors
		///
		/// `DeadlinePassed`, `AlreadyCommitted`, and those of the stake pallet.
		///
		/// ## Events
		///
		/// `SlotAccepted` where it does, `SlotCommitted`, `CommitPhaseClosed` with the last slot.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::commit(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_commit())]
		#[pallet::authorize(Self::authorize_commit)]
		pub fn commit(
			origin: OriginFor<T>,
			slot: SlotId,
			commitment: Commitment,
			signature: WorkerSignature,
		) -> DispatchResultWithPostInfo {
			frame_system::ensure_authorized(origin)?;
			let _ = signature;
			let slots = Self::do_commit(slot, commitment)?;
			Ok(Some(T::WeightInfo::commit(slots)).into())
		}

		/// Open a claim.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the slot's worker key; anybody may carry it. No fee.
		///
		/// ## Details
		///
		/// Taken as soon as every slot has committed or closed and no notice can follow. After its
		/// deadline it costs a tenth of the pledge; after the grace it is refused.
		///
		/// ## Parameters
		///
		/// - `slot`: the slot.
		/// - `claim`: count and digest of the output, or the code of an invalid input.
		/// - `salt`: of the commitment.
		/// - `anchor`: the finalised block that closed the commit phase.
		/// - `signature`: of the worker key over the claim statement.
		///
		/// ## Errors
		///
		/// `CommitPhaseOpen`, `AnchorWrong`, `CommitmentMismatch`, `CountOutOfRange`,
		/// `DeadlinePassed`.
		///
		/// ## Events
		///
		/// `SlotRevealed`, `WindowOpened` with the last slot.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::reveal(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal())]
		#[pallet::authorize(Self::authorize_reveal)]
		pub fn reveal(
			origin: OriginFor<T>,
			slot: SlotId,
			claim: Claim,
			salt: H256,
			anchor: Anchor,
			signature: WorkerSignature,
		) -> DispatchResultWithPostInfo {
			frame_system::ensure_authorized(origin)?;
			let _ = signature;
			let slots = Self::do_reveal(slot, claim, salt, anchor)?;
			Ok(Some(T::WeightInfo::reveal(slots)).into())
		}

		/// End a slot whose deadline has passed; with the last one the job ends and is refunded.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Parameters
		///
		/// - `slot`: the slot.
		///
		/// ## Errors
		///
		/// `NotDue`, `SlotClosed`, `Held`.
		///
		/// ## Events
		///
		/// `SlotLapsed`; `JobExpired`, `CommitPhaseClosed` or `WindowOpened` where that follows.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::lapse(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_lapse())]
		#[pallet::authorize(Self::authorize_lapse)]
		pub fn lapse(origin: OriginFor<T>, slot: SlotId) -> DispatchResultWithPostInfo {
			Self::ensure_signed_or_authorized(origin)?;
			let slots = Self::do_lapse(slot)?;
			Ok(Some(T::WeightInfo::lapse(slots)).into())
		}

		/// Pay a job whose window is over, release its pledges, write its receipt. Where only
		/// auditors have a claim left they are paid, and the tenant is refunded.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Parameters
		///
		/// - `job`: the job.
		///
		/// ## Errors
		///
		/// `NotSettleable`, `Disputed`, `Held`, `ReceiptsFull`.
		///
		/// ## Events
		///
		/// `JobSettled`, or `JobExpired` or `JobRefuted`; `AuditPaid` for each auditor.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::settle(types::SLOTS_MAX))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_settle(types::SLOTS_MAX))]
		#[pallet::authorize(Self::authorize_settle)]
		pub fn settle(origin: OriginFor<T>, job: JobDigest) -> DispatchResultWithPostInfo {
			Self::ensure_signed_or_authorized(origin)?;
			let slots = Self::do_settle(job)?;
			Ok(Some(T::WeightInfo::settle(slots)).into())
		}

		/// Pause or resume jobs. While paused no call on jobs is taken and their clock stands
		/// still.
		///
		/// ## Dispatch Origin
		///
		/// Root.
		///
		/// ## Parameters
		///
		/// - `paused`: whether jobs are to be paused.
		///
		/// ## Events
		///
		/// `PausedSet`.
		#[pallet::call_index(6)]
		// Operational: a pause must get through where blocks are full.
		#[pallet::weight((T::WeightInfo::set_paused(), DispatchClass::Operational))]
		pub fn set_paused(origin: OriginFor<T>, paused: bool) -> DispatchResult {
			ensure_root(origin)?;
			Self::do_set_paused(paused);
			Ok(())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// An open job.
		pub fn job(digest: JobDigest) -> Option<assay_primitives::apis::JobView> {
			Self::job_view(digest)
		}

		/// Open slots of a provider.
		pub fn duties(provider: AccountId) -> alloc::vec::Vec<SlotId> {
			Self::duties_of(&provider)
		}

		/// The lowest nonce that a tenant's next job may state.
		pub fn next_nonce(tenant: AccountId) -> u64 {
			Self::nonce_after(&tenant)
		}

		/// What is on record of a provider, and the least audit rate of its audited jobs; none of
		/// an account that is no provider and was never guilty as one.
		pub fn provider_record(provider: AccountId) -> Option<assay_primitives::apis::RecordView> {
			Self::record_view(&provider)
		}
	}
}
