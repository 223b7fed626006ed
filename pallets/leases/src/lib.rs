//! # Leases pallet
//!
//! Providers offer compute, tenants lease it, and this pallet holds the money in between.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module: its calls, events, errors, view functions and configuration. Other
//! pallets use [`assay_primitives::Leases`], which [`Pallet`] implements.
//!
//! The rest of this page is `src/design.md`, so that this file is the interface and little else.
//!
#![doc = include_str!("design.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
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

// What the macro makes has no `Debug` and expects what it has itself put in place.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::vec::Vec;
	use assay_primitives::{CloseReason, JobDigest, LeaseId, ModelId, OfferId, PaymentKind};
	use frame_support::{pallet_prelude::*, traits::fungible};
	use frame_system::pallet_prelude::*;
	use sp_runtime::Permill;

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

		/// Gets the protocol's share, and what a payee cannot receive. An account that exists.
		type Treasury: Get<Self::AccountId>;

		/// The protocol's share of what is paid for reserved rates: that of a job's price.
		#[pallet::constant]
		type ProtocolFee: Get<Permill>;

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

		/// Set aside of the escrow of a lease with a reserved rate. Whoever settles the lease when it
		/// is overdrawn earns it; it should be more than the fee of those who come second.
		#[pallet::constant]
		type OverdraftFee: Get<BalanceOf<Self>>;

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
			/// The rate that it reserves, if it does.
			reservation: Option<RateReservationOf<T>>,
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
		/// A share of the price of a reserved rate was paid out of the free escrow.
		ReservationPaid {
			/// The lease.
			lease: LeaseId,
			/// Who got it: the treasury, where the provider could not receive its share.
			to: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// Whose share it is.
			kind: PaymentKind,
			/// Last block that is paid for.
			paid_until: BlockNumberFor<T>,
		},
		/// A lease reserves no rate any more: it takes no job.
		ReservationEnded {
			/// The lease.
			lease: LeaseId,
			/// The offer that has the capacity back.
			offer: OfferId,
			/// How much, in units per block.
			rate_units_per_block: u64,
			/// Why.
			reason: CloseReason,
		},
		/// Somebody settled an overdrawn lease and was paid what had been set aside.
		OverdraftFeePaid {
			/// The lease.
			lease: LeaseId,
			/// Who settled it.
			to: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
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
		/// At a price of zero anybody could take the capacity and leave it unused.
		ReservationPriceZero,
		/// A capacity of zero sells no reserved rate. Offer none instead.
		CapacityZero,
		/// Leases have reserved more of this offer. Lower the capacity to what they have; it sells no
		/// more then.
		CapacityBelowReserved,
		/// The offer sells no reserved rate.
		ReservationNotOffered,
		/// The rate to reserve is above the offer's rate.
		ReservedRateTooHigh,
		/// The offer has not so much capacity left. Reserve less, or take another offer.
		CapacityExceeded,
		/// The free escrow does not pay for the reserved rate: the lease ends, and takes no job and
		/// no funds. `settle_reservation` ends it now.
		LeaseOverdrawn,
		/// The lease owes nothing: it reserves no rate, or has paid for it up to this block.
		NothingDue,
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
			assert!(!T::OverdraftFee::get().is_zero(), "nobody settles a lease for nothing");
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
		///   how many times its price a job may put at risk, and at what price a lease may reserve
		///   a rate.
		///
		/// ## Errors
		///
		/// - [`Error::RateZero`], [`Error::DurationZero`], [`Error::PriceZero`],
		///   [`Error::RiskFactorZero`], [`Error::ReservationPriceZero`], [`Error::CapacityZero`]: A
		///   term that runs nothing.
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
		///   [`Error::RiskFactorZero`], [`Error::ReservationPriceZero`], [`Error::CapacityZero`]: A
		///   term that runs nothing.
		/// - [`Error::CapacityBelowReserved`]: Open leases have reserved more.
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
		///   [`Config::MinEscrow`], and [`Config::OverdraftFee`] more where a rate is reserved.
		/// - `duration_blocks`: How long it takes jobs.
		/// - `price_limit`: Highest price of one compute unit that the caller agrees to, should the
		///   offer change while the transaction is under way.
		/// - `maybe_reservation`: Units per block to reserve, at most the offer's rate and what is
		///   left of its capacity, and the highest price per block of them.
		///
		/// ## Errors
		///
		/// - [`Error::OfferNotFound`]: No such offer.
		/// - [`Error::DurationZero`], [`Error::DurationTooLong`]: Not a duration of this offer.
		/// - [`Error::PriceAboveLimit`]: The offer asks for more than a limit.
		/// - [`Error::ReservationNotOffered`], [`Error::RateZero`], [`Error::ReservedRateTooHigh`],
		///   [`Error::CapacityExceeded`]: The offer has no such rate to reserve.
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
			maybe_reservation: Option<ReservationRequestOf<T>>,
		) -> DispatchResult {
			let tenant = ensure_signed(origin)?;
			let reservation = maybe_reservation;
			Self::do_open_lease(tenant, offer, escrow, duration_blocks, price_limit, reservation)
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
		/// - [`Error::LeaseClosing`], [`Error::LeaseExpired`], [`Error::LeaseOverdrawn`]: It takes no
		///   further job.
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

		/// Pay what a lease owes for its reserved rate.
		///
		/// ## Dispatch Origin
		///
		/// Signed by anyone.
		///
		/// ## Details
		///
		/// Pays the price of every block since the last payment, out of the free escrow. Where that
		/// does not suffice it pays what is there and closes the lease; the caller then pays no fee
		/// and earns what the lease has set aside.
		///
		/// ## Parameters
		///
		/// - `lease`: The lease.
		///
		/// ## Errors
		///
		/// - [`Error::LeaseNotFound`]: No such lease.
		/// - [`Error::NothingDue`]: No rate is reserved, or it is paid for up to this block.
		///
		/// ## Events
		///
		/// - [`Event::ReservationPaid`]: For each share.
		/// - [`Event::OverdraftFeePaid`], [`Event::ReservationEnded`], and [`Event::LeaseClosed`] or
		///   [`Event::LeaseClosing`]: It was overdrawn.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::settle_reservation())]
		pub fn settle_reservation(
			origin: OriginFor<T>,
			lease: LeaseId,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_settle_reservation(who, lease)
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
