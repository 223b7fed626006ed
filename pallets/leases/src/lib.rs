//! # Leases pallet
//!
//! Providers offer compute, tenants lease it, and this pallet holds the money in between.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module: its calls, events, errors, view functions and configuration. Other
//! pallets use [`assay_primitives::Leases`], which [`Pallet`] implements.
//!
//! ## Overview
//!
//! A provider puts up an offer: this model, at this price for a unit of work, at most this fast,
//! for at most this long. A tenant who likes it opens a lease and puts money into the lease's
//! escrow. Each job that runs under the lease first binds a part of that escrow, the most it may
//! cost; when the job ends, what was earned is paid out of it and the rest is free again. Either
//! side may close the lease at any time. Jobs that are open then still end properly, and after the
//! last of them the tenant gets back whatever is left. Nobody but the tenant is ever paid back, and
//! nothing is paid that no job has earned.
//!
//! ## Terminology
//!
//! - **Offer**: a provider's ask. A deposit is held while it stands.
//! - **Lease**: an agreement on the terms that the offer had when the lease was opened.
//! - **Escrow**: the tenant's funds in a lease, held on the tenant's own account: a *free* part and
//!   a part *reserved* by open jobs.
//! - **Reservation**: what one open job holds of the escrow.
//! - **Rate**: compute units per block, counted by a bucket that holds the units of
//!   [`Config::RateBurstBlocks`] blocks and starts full.
//! - **Royalty**: what the model's owner earns of each unit. It is part of the price.
//!
//! ## Life of a lease
//!
//! ```text
//!            open_lease                 close_lease, expire_lease (no job open)
//!  (offer) ------------> Open -----------------------------------------------> (removed, refunded)
//!                         |                                                         ^
//!                         | close_lease, expire_lease (jobs open)                   |
//!                         v                                                         |
//!                      Closing -----------------------------------------------------+
//!                                  the last job ends
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `open_lease` | tenant | holds the escrow, copies the terms, engages the provider |
//! | `top_up` | tenant | holds more |
//! | reserve | jobs pallet | free to reserved, units out of the bucket |
//! | settle | jobs pallet | reserved to the payees, the rest to free |
//! | `close_lease` | tenant or provider | ends it, or lets no further job begin |
//! | `expire_lease` | anyone, after the last block | the same |
//!
//! The end of the last open job of a lease that is closing, or whose last block has passed, ends
//! the lease without another call.
//!
//! ## Invariants
//!
//! - **INV-1**: what is held for escrow on each account is the sum of its leases' escrows, free and
//!   reserved.
//! - **INV-2**: what is held for offers on each account is the sum of its offers' deposits.
//! - **INV-3**: the reserved part of each lease is the sum of its reservations, and its open jobs
//!   are as many as they are; there is no reservation without a lease.
//! - **INV-4**: the indexes by provider and by tenant name exactly the offers and leases that
//!   exist.
//! - **INV-5**: the counts of each provider are those of its offers and leases, and within the
//!   bounds.
//! - **INV-6**: every id is below the next one to be given.
//! - **INV-7**: a lease that is closing has open jobs.
//! - **INV-8**: every offer and lease has a price and takes the risk of it; an offer has a rate and
//!   a duration, and the price of a lease covers its royalty.
//!
//! ## Example
//!
//! The test `a_lease_from_offer_to_refund` in `src/tests/story.rs` walks one lease from its offer
//! to the last refund, with every balance stated.
//!
//! ## Low level / Design
//!
//! 1. *No job can take more than its lease holds.* The most a job may cost is reserved before it
//!    begins; a settlement is bounded by the record of that reservation, whatever the caller
//!    states.
//! 2. *A settlement never fails.* A share whose payee cannot receive it (no account, and the share
//!    is below the existential deposit) goes to the treasury, and if even that cannot receive it,
//!    back to the tenant.
//! 3. *Terms do not change under a lease.* It copies them, the model's royalty too: `update_offer`,
//!    `close_offer` and the model's `set_terms` concern later leases only. Otherwise a model's
//!    owner could take the provider's part of a price that was agreed.
//! 4. *Whoever is bound can get out.* A provider may always close a lease, so leases that nobody
//!    uses neither block its bounded slots nor keep it from leaving.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

pub use ledger::Escrow;
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

/// What benchmarks need of neighbouring pallets.
#[cfg(feature = "runtime-benchmarks")]
pub trait BenchmarkHelper<AccountId> {
	/// A funded provider that may take work. The same at each call.
	fn provider() -> AccountId;
	/// A registered model that is not retired, with a royalty of at most 1,000 planck per unit.
	fn model() -> assay_primitives::ModelId;
}

// What the macro makes has no `Debug` and expects what it has itself put in place.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::vec::Vec;
	use assay_primitives::{CloseReason, JobDigest, LeaseId, ModelId, OfferId, PaymentKind};
	use frame_support::{pallet_prelude::*, traits::fungible};
	use frame_system::pallet_prelude::*;

	/// Layout of the storage below.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// Most entries in the answer of a view function.
	pub const VIEW_ENTRIES_MAX: usize = 256;

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What a runtime chooses.
	#[pallet::config]
	pub trait Config: frame_system::Config {
		/// Reasons of holds, this pallet's among them.
		type RuntimeHoldReason: From<HoldReason>;

		/// What is paid in.
		type Currency: fungible::MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// Who may work, and whom a lease binds.
		type Providers: assay_primitives::Providers<Self::AccountId>;

		/// What can be run.
		type Models: assay_primitives::Models<Self::AccountId, BalanceOf<Self>>;

		/// Gets what a payee cannot receive. An account that exists.
		type Treasury: Get<Self::AccountId>;

		/// Most standing offers of one provider.
		#[pallet::constant]
		type MaxOffersPerProvider: Get<u32>;

		/// Most leases of one provider at a time.
		#[pallet::constant]
		type MaxLeasesPerProvider: Get<u32>;

		/// Most open jobs of one lease.
		#[pallet::constant]
		type MaxOpenJobsPerLease: Get<u32>;

		/// Smallest escrow any lease opens with, whatever its offer says.
		#[pallet::constant]
		type MinEscrow: Get<BalanceOf<Self>>;

		/// Held of a provider for each standing offer.
		#[pallet::constant]
		type OfferDeposit: Get<BalanceOf<Self>>;

		/// How many blocks' worth of its rate a lease may spend at once.
		#[pallet::constant]
		type RateBurstBlocks: Get<u32>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;

		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// What this pallet holds funds for.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit of a provider's standing offers.
		#[codec(index = 0)]
		OfferDeposit,
		/// A tenant's funds in its leases.
		#[codec(index = 1)]
		Escrow,
	}

	/// The next offer's id.
	#[pallet::storage]
	pub type NextOfferId<T: Config> = StorageValue<_, OfferId, ValueQuery>;

	/// The next lease's id.
	#[pallet::storage]
	pub type NextLeaseId<T: Config> = StorageValue<_, LeaseId, ValueQuery>;

	/// Standing offers.
	// Ids are counted by this pallet, so nobody can choose keys: a cheap hasher does. The same
	// holds for every map below that is keyed by an id.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageMap<_, Twox64Concat, OfferId, OfferOf<T>, OptionQuery>;

	/// Standing offers by provider.
	#[pallet::storage]
	pub type ProviderOffers<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, OfferId, (), OptionQuery>;

	/// Leases that have not ended.
	#[pallet::storage]
	pub type Leases<T: Config> = StorageMap<_, Twox64Concat, LeaseId, LeaseOf<T>, OptionQuery>;

	/// Leases by provider, each with its tenant.
	// The tenant is stored again so that the list of a provider's tenants, which its node reads at
	// every block, needs no lease.
	#[pallet::storage]
	pub type ProviderLeases<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		Twox64Concat,
		LeaseId,
		T::AccountId,
		OptionQuery,
	>;

	/// Leases by tenant.
	#[pallet::storage]
	pub type TenantLeases<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, LeaseId, (), OptionQuery>;

	/// How much of its bounds each provider uses. No entry where it uses none.
	#[pallet::storage]
	pub type Counts<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, ProviderCounts, ValueQuery>;

	/// What each open job holds of its lease's escrow.
	// A tenant can try inputs until a job digest has a prefix it likes: hence the strong hasher.
	#[pallet::storage]
	pub type Reservations<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		LeaseId,
		Blake2_128Concat,
		JobDigest,
		BalanceOf<T>,
		OptionQuery,
	>;

	/// What happens to offers, leases and escrow.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider put up an offer.
		OfferCreated {
			/// The offer.
			offer: OfferId,
			/// Whose it is.
			provider: T::AccountId,
			/// What it runs.
			model: ModelId,
			/// On which terms.
			terms: OfferTermsOf<T>,
		},
		/// The terms of an offer changed, for leases opened from now on.
		OfferUpdated {
			/// The offer.
			offer: OfferId,
			/// The new terms.
			terms: OfferTermsOf<T>,
		},
		/// An offer was withdrawn. Its leases go on.
		OfferClosed {
			/// The offer.
			offer: OfferId,
			/// Whose it was.
			provider: T::AccountId,
		},
		/// A tenant opened a lease.
		LeaseOpened {
			/// The lease.
			lease: LeaseId,
			/// On which offer.
			offer: OfferId,
			/// Who pays.
			tenant: T::AccountId,
			/// Who computes.
			provider: T::AccountId,
			/// What is run.
			model: ModelId,
			/// Price of one compute unit, royalty included.
			price_per_unit: BalanceOf<T>,
			/// Units per block.
			rate_units_per_block: u64,
			/// What is held of the tenant.
			escrow: BalanceOf<T>,
			/// Last block in which it takes jobs.
			expires_at: BlockNumberFor<T>,
		},
		/// A tenant added to the escrow.
		LeaseToppedUp {
			/// The lease.
			lease: LeaseId,
			/// By how much.
			amount: BalanceOf<T>,
			/// What no job holds now.
			free: BalanceOf<T>,
		},
		/// A lease takes no job any more and ends with its last open one.
		LeaseClosing {
			/// The lease.
			lease: LeaseId,
			/// Why.
			reason: CloseReason,
			/// Jobs that are open still.
			open_jobs: u32,
		},
		/// A lease ended.
		LeaseClosed {
			/// The lease.
			lease: LeaseId,
			/// Who paid.
			tenant: T::AccountId,
			/// Who computed.
			provider: T::AccountId,
			/// Why.
			reason: CloseReason,
			/// What the tenant got back.
			refunded: BalanceOf<T>,
		},
		/// A share of a job's price was paid out of the escrow.
		Paid {
			/// The lease.
			lease: LeaseId,
			/// The job.
			job: JobDigest,
			/// Who got it.
			to: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// What for.
			kind: PaymentKind,
		},
		/// A share could not be paid to its payee and went to the treasury: the payee has no
		/// account and the share is below the existential deposit.
		PaymentRedirected {
			/// The lease.
			lease: LeaseId,
			/// The job.
			job: JobDigest,
			/// Who should have got it.
			to: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// What for.
			kind: PaymentKind,
		},
		/// A share could be paid neither to its payee nor to the treasury and stays in the escrow.
		PaymentKept {
			/// The lease.
			lease: LeaseId,
			/// The job.
			job: JobDigest,
			/// Who should have got it.
			to: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// What for.
			kind: PaymentKind,
		},
	}

	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// There is no such offer: it was never made, or it is closed.
		OfferNotFound,
		/// There is no such lease: it was never opened, or it has ended.
		LeaseNotFound,
		/// The caller is not the provider of this offer.
		NotProvider,
		/// The caller is not the tenant of this lease.
		NotTenant,
		/// The caller is neither tenant nor provider of this lease.
		NotParty,
		/// The provider may not take work: it is not registered, is leaving, or was not heard of in
		/// the last duty periods. A heartbeat of its worker helps in the last case.
		ProviderNotReady,
		/// There is no such model.
		ModelNotFound,
		/// The model is retired: it takes no new offer and no new lease.
		ModelRetired,
		/// The price does not cover the model's royalty. The provider must ask for more.
		PriceBelowRoyalty,
		/// A rate of zero units per block runs nothing.
		RateZero,
		/// A duration of zero blocks runs nothing.
		DurationZero,
		/// The duration is longer than the offer allows, or ends beyond the last block number.
		DurationTooLong,
		/// The offer's price is above the tenant's limit: it was raised, or the limit is too low.
		PriceAboveLimit,
		/// The escrow is below the offer's or the chain's minimum.
		EscrowTooLow,
		/// The escrow does not fit a balance.
		EscrowTooHigh,
		/// An amount of zero changes nothing.
		AmountZero,
		/// The provider has as many offers as one may have. Close one first.
		TooManyOffers,
		/// The provider has as many leases as one may have. Take another provider, or try later.
		TooManyLeases,
		/// The lease is closing: it takes no job and no funds, and ends with its last job.
		LeaseClosing,
		/// The last block of the lease has passed. Open a new one.
		LeaseExpired,
		/// The last block of the lease has not passed: only its parties may close it.
		LeaseNotExpired,
		/// The lease has as many open jobs as one may have. Wait for one to end.
		TooManyOpenJobs,
		/// The job has a reservation in this lease already.
		JobReserved,
		/// The escrow that no job holds does not cover the most that the job may cost. Top up.
		FreeEscrowTooLow,
		/// The agreed rate does not allow that many units yet. Wait some blocks.
		RateExceeded,
		/// The agreed rate never allows that many units in one job. Take a smaller job, or a lease
		/// with a higher rate.
		UnitsAboveBurst,
		/// No id is left to give.
		IdsExhausted,
		/// Something happened that cannot happen. Please report it.
		Defensive(DefensiveError),
		/// A price of zero: its jobs would be accepted without a bond. Ask for at least one planck.
		PriceZero,
		/// A risk factor of zero would allow no job: one is the price itself.
		RiskFactorZero,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			use sp_runtime::traits::Zero;
			let minimum = <T::Currency as fungible::Inspect<T::AccountId>>::minimum_balance();
			assert!(T::MaxOffersPerProvider::get() > 0, "without offers there is no lease");
			assert!(T::MaxLeasesPerProvider::get() > 0, "without leases there is no job");
			assert!(T::MaxOpenJobsPerLease::get() > 0, "a lease must be able to hold a job");
			assert!(T::RateBurstBlocks::get() > 0, "a bucket without room never gives a unit");
			assert!(T::MinEscrow::get() >= minimum, "an escrow must be worth its storage");
			assert!(!T::OfferDeposit::get().is_zero(), "an offer without deposit is free storage");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Put up an offer.
		///
		/// ## Dispatch Origin
		///
		/// Signed by a provider that may take work.
		///
		/// ## Details
		///
		/// Holds [`Config::OfferDeposit`] of the caller until the offer is closed. The price of one
		/// compute unit includes the model's royalty and must cover it. Tenants open leases on the
		/// offer without a further word of the provider, as long as it may take work.
		///
		/// ## Parameters
		///
		/// - `model`: What is run.
		/// - `terms`: Price of one compute unit, units per block, longest lease, smallest escrow,
		///   and how many times its price a job may put at risk.
		///
		/// ## Errors
		///
		/// - [`Error::RateZero`], [`Error::DurationZero`], [`Error::PriceZero`],
		///   [`Error::RiskFactorZero`]: A term that runs nothing.
		/// - [`Error::ProviderNotReady`]: The caller may not take work.
		/// - [`Error::ModelNotFound`], [`Error::ModelRetired`]: The model cannot be offered.
		/// - [`Error::PriceBelowRoyalty`]: The price does not cover the royalty.
		/// - [`Error::TooManyOffers`]: The caller has [`Config::MaxOffersPerProvider`] offers.
		///
		/// ## Events
		///
		/// - [`Event::OfferCreated`]
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::create_offer())]
		pub fn create_offer(
			origin: OriginFor<T>,
			model: ModelId,
			terms: OfferTermsOf<T>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_create_offer(provider, model, terms)
		}

		/// Change the terms of an offer.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the provider of the offer.
		///
		/// ## Details
		///
		/// Concerns leases that are opened from now on. Open leases keep their terms.
		///
		/// ## Parameters
		///
		/// - `offer`: The offer.
		/// - `terms`: The new terms, as in `create_offer`.
		///
		/// ## Errors
		///
		/// - [`Error::OfferNotFound`], [`Error::NotProvider`]: Not an offer of the caller.
		/// - [`Error::RateZero`], [`Error::DurationZero`], [`Error::PriceZero`],
		///   [`Error::RiskFactorZero`]: A term that runs nothing.
		/// - [`Error::ModelNotFound`], [`Error::ModelRetired`]: The model has been retired since.
		/// - [`Error::PriceBelowRoyalty`]: The price does not cover the royalty.
		///
		/// ## Events
		///
		/// - [`Event::OfferUpdated`]
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::update_offer())]
		pub fn update_offer(
			origin: OriginFor<T>,
			offer: OfferId,
			terms: OfferTermsOf<T>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_update_offer(provider, offer, terms)
		}

		/// Withdraw an offer.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the provider of the offer.
		///
		/// ## Details
		///
		/// Gives the deposit back. Leases that were opened on the offer go on.
		///
		/// ## Parameters
		///
		/// - `offer`: The offer.
		///
		/// ## Errors
		///
		/// - [`Error::OfferNotFound`], [`Error::NotProvider`]: Not an offer of the caller.
		///
		/// ## Events
		///
		/// - [`Event::OfferClosed`]
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::close_offer())]
		pub fn close_offer(origin: OriginFor<T>, offer: OfferId) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_close_offer(provider, offer)
		}

		/// Open a lease on an offer.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the tenant.
		///
		/// ## Details
		///
		/// Holds `escrow` of the caller. The lease has the offer's terms of this block for its
		/// whole life, takes jobs up to and including block now + `duration_blocks`, and binds the
		/// provider until it ends.
		///
		/// ## Parameters
		///
		/// - `offer`: The offer.
		/// - `escrow`: What is held to begin with. At least the offer's minimum and
		///   [`Config::MinEscrow`].
		/// - `duration_blocks`: How long it takes jobs.
		/// - `price_limit`: Highest price of one compute unit that the caller agrees to, should the
		///   offer change while the transaction is under way.
		///
		/// ## Errors
		///
		/// - [`Error::OfferNotFound`]: No such offer.
		/// - [`Error::DurationZero`], [`Error::DurationTooLong`]: Not a duration of this offer.
		/// - [`Error::PriceAboveLimit`]: The offer asks for more than `price_limit`.
		/// - [`Error::EscrowTooLow`]: Below a minimum.
		/// - [`Error::ProviderNotReady`]: The provider may not take work now.
		/// - [`Error::ModelNotFound`], [`Error::ModelRetired`]: The model has been retired since.
		/// - [`Error::PriceBelowRoyalty`]: The royalty has risen above the offer's price.
		/// - [`Error::TooManyLeases`]: The provider has [`Config::MaxLeasesPerProvider`] leases.
		///
		/// ## Events
		///
		/// - [`Event::LeaseOpened`]
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::open_lease())]
		pub fn open_lease(
			origin: OriginFor<T>,
			offer: OfferId,
			escrow: BalanceOf<T>,
			duration_blocks: u32,
			price_limit: BalanceOf<T>,
		) -> DispatchResult {
			let tenant = ensure_signed(origin)?;
			Self::do_open_lease(tenant, offer, escrow, duration_blocks, price_limit)
		}

		/// Add to the escrow of a lease.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the tenant.
		///
		/// ## Details
		///
		/// Holds `amount` more of the caller. It does not make the lease longer.
		///
		/// ## Parameters
		///
		/// - `lease`: The lease.
		/// - `amount`: How much more.
		///
		/// ## Errors
		///
		/// - [`Error::LeaseNotFound`], [`Error::NotTenant`]: Not a lease of the caller.
		/// - [`Error::AmountZero`]: Nothing to add.
		/// - [`Error::LeaseClosing`], [`Error::LeaseExpired`]: It takes no further job.
		/// - [`Error::EscrowTooHigh`]: The sum does not fit a balance.
		///
		/// ## Events
		///
		/// - [`Event::LeaseToppedUp`]
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::top_up())]
		pub fn top_up(
			origin: OriginFor<T>,
			lease: LeaseId,
			amount: BalanceOf<T>,
		) -> DispatchResult {
			let tenant = ensure_signed(origin)?;
			Self::do_top_up(tenant, lease, amount)
		}

		/// Close a lease.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the tenant or the provider.
		///
		/// ## Details
		///
		/// Without open jobs the lease ends and its escrow goes back to the tenant. Otherwise it
		/// takes no further job, and ends in the same way with its last open one.
		///
		/// ## Parameters
		///
		/// - `lease`: The lease.
		///
		/// ## Errors
		///
		/// - [`Error::LeaseNotFound`]: No such lease.
		/// - [`Error::NotParty`]: The caller is neither tenant nor provider.
		/// - [`Error::LeaseClosing`]: It is closing already.
		///
		/// ## Events
		///
		/// - [`Event::LeaseClosed`]: It has ended.
		/// - [`Event::LeaseClosing`]: It ends with its last open job.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::close_lease())]
		pub fn close_lease(origin: OriginFor<T>, lease: LeaseId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_close_lease(who, lease)
		}

		/// Close a lease whose last block has passed.
		///
		/// ## Dispatch Origin
		///
		/// Signed by anyone.
		///
		/// ## Details
		///
		/// Does what `close_lease` does, for leases that their parties have forgotten. Costs no fee
		/// when it succeeds.
		///
		/// ## Parameters
		///
		/// - `lease`: The lease.
		///
		/// ## Errors
		///
		/// - [`Error::LeaseNotFound`]: No such lease.
		/// - [`Error::LeaseNotExpired`]: Its last block has not passed.
		/// - [`Error::LeaseClosing`]: It is closing already.
		///
		/// ## Events
		///
		/// - [`Event::LeaseClosed`]: It has ended.
		/// - [`Event::LeaseClosing`]: It ends with its last open job.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::expire_lease())]
		pub fn expire_lease(origin: OriginFor<T>, lease: LeaseId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_expire_lease(lease)?;
			Ok(Pays::No.into())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// An offer by id.
		pub fn offer(offer: OfferId) -> Option<OfferOf<T>> {
			Offers::<T>::get(offer)
		}

		/// Standing offers of a provider.
		pub fn offers_of_provider(provider: T::AccountId) -> Vec<(OfferId, OfferOf<T>)> {
			ProviderOffers::<T>::iter_key_prefix(&provider)
				.filter_map(|id| Some((id, Offers::<T>::get(id)?)))
				.take(VIEW_ENTRIES_MAX)
				.collect()
		}

		/// A lease by id.
		pub fn lease(lease: LeaseId) -> Option<LeaseViewOf<T>> {
			let now = frame_system::Pallet::<T>::block_number();
			Leases::<T>::get(lease).map(|it| LeaseView::of(it, now, T::RateBurstBlocks::get()))
		}

		/// Leases of a provider: at most 256 of them.
		pub fn leases_of_provider(provider: T::AccountId) -> Vec<(LeaseId, LeaseViewOf<T>)> {
			ProviderLeases::<T>::iter_key_prefix(&provider)
				.filter_map(|id| Some((id, Self::lease(id)?)))
				.take(VIEW_ENTRIES_MAX)
				.collect()
		}

		/// Leases of a tenant: at most 256 of them.
		pub fn leases_of_tenant(tenant: T::AccountId) -> Vec<(LeaseId, LeaseViewOf<T>)> {
			TenantLeases::<T>::iter_key_prefix(&tenant)
				.filter_map(|id| Some((id, Self::lease(id)?)))
				.take(VIEW_ENTRIES_MAX)
				.collect()
		}

		/// What each open job of a lease holds of its escrow: at most 256 of them.
		pub fn reservations_of_lease(lease: LeaseId) -> Vec<(JobDigest, BalanceOf<T>)> {
			Reservations::<T>::iter_prefix(lease).take(VIEW_ENTRIES_MAX).collect()
		}
	}
}
