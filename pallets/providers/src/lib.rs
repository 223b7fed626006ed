//! # Providers
//!
//! Who may work: the accounts that run GPUs, the keys that act for them, and whether they are
//! alive.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for the calls, storage, events and errors, and
//! [`assay_primitives::Providers`] for what other pallets ask of this one.
//!
//! ## Overview
//!
//! A provider is an account that owns bonded stake and lets a machine work for it. The account
//! stays where it is safe; the machine holds a *worker key* in its node's keystore and signs
//! everything that its off-chain worker submits. At registration the provider names its devices and
//! the address where tenants bring inputs and fetch outputs, and shows by a signature that the key
//! agrees to act for it.
//!
//! Once in each duty period the off-chain worker sends a heartbeat. A provider that misses two in a
//! row gets no new work until the next one. That costs it nothing else: a power cut must not ruin
//! anybody.
//!
//! What a provider says of its devices is a claim that nobody checks. What is checked are its
//! results.
//!
//! ## Terminology
//!
//! - **provider**: an account with a registration.
//! - **worker key**: the key that acts for a provider. One for each provider, and a key acts for
//!   one provider only.
//! - **duty period**: a fixed number of blocks; block `n` is in period `n / DutyPeriod`.
//! - **alive**: heard of in this duty period or in one of the two before it.
//! - **draining**: gets no new work and finishes what it has.
//! - **engagement**: a lease or a slot that binds the provider. With one it cannot leave.
//! - **record**: what became of its slots: paid, lapsed, convicted; its distinct tenants, and what
//!   its jobs cost them that nobody gets back.
//! - **trust**: how far a record lowers the least audit rate of the provider's jobs.
//! - **half-life**: a fixed number of duty periods; with each end the numbers of a record are
//!   halved.
//!
//! ## Life of a provider
//!
//! ```text
//!            register               two periods missed
//!  account ----------> takes work ----------------------> gets no new work
//!     ^                 |     ^   <----------------------
//!     |           drain |     |          heartbeat
//!     |                 v     | resume
//!     +------------- draining
//!        leave, with no engagement left (draining first is not needed, but helps)
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `register` | owner with enough bond | deposit held, worker key bound, counts as heartbeat |
//! | `update` | owner | other devices or endpoint, deposit adjusted |
//! | `rotate_worker` | owner | another worker key, the old one is free at once |
//! | `heartbeat` | worker key, without fee | heard of in this duty period |
//! | `drain`, `resume` | owner | no new work, and work again |
//! | `engage`, `disengage` | another pallet | a lease or slot begins and ends to bind |
//! | `note` | another pallet | what became of a slot is on record |
//! | `leave` | owner | all removed but guilt, deposit returned, worker key free |
//!
//! A timeline, with `DutyPeriod = 20`:
//!
//! ```text
//!  block 47  register                       heard of in period 2
//!  block 60  period 3 begins                heartbeat due, none comes
//!  block 80  period 4 begins                period 3 was missed, still takes work
//!  block 100 period 5 begins                periods 3 and 4 were missed: no new work
//!  block 104 heartbeat of period 5          takes work again
//!  block 105 another heartbeat of period 5  refused as stale
//! ```
//!
//! ## Invariants
//!
//! - INV-1: every provider has a standing and a profile, and their number is what the counter says.
//! - INV-2: worker keys and providers lead to each other, one to one.
//! - INV-3: every profile has an endpoint that is an address and at least one device with a name.
//! - INV-4: nobody was heard of in a period that has not come.
//! - INV-5: what is on hold for records is for each provider what its ticket says, and for anybody
//!   else nothing.
//! - INV-6: a record is of a provider, or says nothing but guilt; it says something, and of no
//!   period that has not come.
//!
//! ## Low level / Design
//!
//! 1. *Split by reader*: what every assignment of work reads (`Standing`) is small and apart from
//!    what only clients read (`Profile`).
//! 2. *Nothing runs for absent providers*: whether one is alive is computed when somebody asks, so
//!    no hook walks over anybody.
//! 3. *Free calls are ordered*: authorisation looks at numbers, then at the record, and at the
//!    signature last; one tag for each provider and period keeps copies out of the pool.
//! 4. *A record fades when somebody looks*: halvings are counted from the period that it was
//!    written in, so the result does not depend on when or how often that happens.
//! 5. *A clean record is worth nothing.* What [`assay_primitives::record`] calls trust is zero
//!    without fees and tenants, so an account that is new, or leaves and comes back, gains nothing
//!    over one that stays, but to have lost its guilt by losing its name. Under the same name guilt
//!    stays: it is all that `leave` leaves, without a deposit, and a whole pledge was its price.
//! 6. A worker key that was rotated out serves the slots that it accepted, in the pallet that has
//!    them; here it means nothing any more.

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
#[cfg(test)]
mod mock;
mod offchain;
#[cfg(test)]
mod tests;
pub mod types;
pub mod weights;

pub use authorize::NOT_A_PROVIDER;
#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::{Device, DeviceKind, DeviceName, Endpoint, ProviderView};
pub use weights::WeightInfo;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use crate::types::{Profile, Standing};
	use assay_primitives::{Record, WorkerKey, WorkerSignature};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::InspectHold, tokens::Balance as BalanceBound, Consideration, Footprint,
		},
	};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{traits::Zero, SaturatedConversion};

	/// Layout of the stored records.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// Providers.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What a runtime decides.
	#[pallet::config]
	pub trait Config:
		CreateAuthorizedTransaction<Call<Self>> + frame_system::Config<Hash = H256>
	{
		/// Balances that bonds are counted in.
		type Balance: BalanceBound;

		/// Hold reasons of the runtime.
		type RuntimeHoldReason: From<HoldReason>;

		/// Where deposits are on hold. [`Config::Consideration`] moves them; here they are looked
		/// at (INV-5).
		type Currency: InspectHold<
			Self::AccountId,
			Balance = Self::Balance,
			Reason = Self::RuntimeHoldReason,
		>;

		/// Where providers bond.
		type Stake: assay_primitives::Stake<Self::AccountId, Self::Balance>;

		/// Least active bond at registration.
		#[pallet::constant]
		type MinProviderBond: Get<Self::Balance>;

		/// Deposit for the bytes of a provider's records: on hold in [`Config::Currency`] for
		/// [`HoldReason::Record`], with the amount as its ticket.
		type Consideration: Consideration<Self::AccountId, Footprint>;

		/// Blocks in a duty period.
		#[pallet::constant]
		type DutyPeriod: Get<u32>;

		/// Duty periods after which the numbers of every record are halved.
		#[pallet::constant]
		type RecordHalving: Get<u32>;

		/// What a provider's jobs must have cost their tenants, and nobody got back, for full
		/// trust, in planck.
		#[pallet::constant]
		type RecordFeesFull: Get<assay_primitives::Balance>;

		/// Distinct tenants that full trust takes.
		#[pallet::constant]
		type RecordTenantsFull: Get<u32>;

		/// Most devices of a provider.
		#[pallet::constant]
		type MaxDevices: Get<u32>;

		/// Priority of heartbeats in the transaction pool.
		#[pallet::constant]
		type HeartbeatPriority: Get<TransactionPriority>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;

		/// What benchmarks need of the runtime.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// Why funds are on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit for a provider's records.
		#[codec(index = 0)]
		Record,
	}

	/// What decides whether a provider may work.
	// Accounts are chosen by outsiders: a hasher that resists crafted keys. Apart from the profile,
	// because every assignment of work reads this and none reads that.
	#[pallet::storage]
	pub(crate) type Standings<T: Config> =
		CountedStorageMap<_, Blake2_128Concat, T::AccountId, Standing>;

	/// Devices, endpoint and deposit of a provider.
	// As above.
	#[pallet::storage]
	pub(crate) type Profiles<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Profile<T>>;

	/// The provider that a worker key acts for.
	// Keys are chosen by outsiders too.
	#[pallet::storage]
	pub(crate) type Owners<T: Config> = StorageMap<_, Blake2_128Concat, WorkerKey, T::AccountId>;

	/// What became of a provider's work, as it was when it was changed last.
	// Accounts again. Apart from the standing, since every piece of work reads that.
	#[pallet::storage]
	pub(crate) type Records<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Record>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider registered.
		#[codec(index = 0)]
		Registered {
			/// Who.
			owner: T::AccountId,
			/// The key that acts for it.
			worker: WorkerKey,
			/// Where tenants find it.
			endpoint: Endpoint,
		},
		/// A provider changed its devices or its endpoint.
		#[codec(index = 1)]
		Updated {
			/// Who.
			owner: T::AccountId,
			/// Where tenants find it since.
			endpoint: Endpoint,
		},
		/// Another key acts for a provider.
		#[codec(index = 2)]
		WorkerRotated {
			/// For whom.
			owner: T::AccountId,
			/// The key that acted before.
			old_worker: WorkerKey,
			/// The key that acts since.
			new_worker: WorkerKey,
		},
		/// A provider takes no new work.
		#[codec(index = 3)]
		Draining {
			/// Who.
			owner: T::AccountId,
		},
		/// A provider takes work again.
		#[codec(index = 4)]
		Resumed {
			/// Who.
			owner: T::AccountId,
		},
		/// A provider is none any more.
		#[codec(index = 5)]
		Left {
			/// Who.
			owner: T::AccountId,
			/// The key that acted for it, free since.
			worker: WorkerKey,
		},
		/// A provider was heard of.
		#[codec(index = 6)]
		HeartbeatReceived {
			/// Who.
			owner: T::AccountId,
			/// The key that signed.
			worker: WorkerKey,
			/// In which duty period.
			period: u32,
		},
	}

	/// Why a call was refused. New errors are added at the end.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is not registered as a provider. Register first.
		#[codec(index = 0)]
		NotRegistered,
		/// The account is registered already. Use `update` or `rotate_worker`.
		#[codec(index = 1)]
		AlreadyRegistered,
		/// The active bond is below `MinProviderBond`. Bond more.
		#[codec(index = 2)]
		BondTooLow,
		/// No device is named. Name at least one.
		#[codec(index = 3)]
		NoDevices,
		/// The name of a device is empty, is not UTF-8, or has control characters.
		#[codec(index = 4)]
		DeviceNameInvalid,
		/// The endpoint is not of the form `http(s)://host[:port][/path]` in ASCII, without user,
		/// query, fragment or slash at the end.
		#[codec(index = 5)]
		EndpointInvalid,
		/// The worker key acts for a provider already. Make another one.
		#[codec(index = 6)]
		WorkerKeyInUse,
		/// The proof is not the worker key's signature over this chain and this account. Ask the
		/// node that holds the key for one.
		#[codec(index = 7)]
		WorkerProofInvalid,
		/// Neither devices nor endpoint are given. Give one.
		#[codec(index = 8)]
		NothingToUpdate,
		/// The provider is draining already.
		#[codec(index = 9)]
		AlreadyDraining,
		/// The provider is not draining.
		#[codec(index = 10)]
		NotDraining,
		/// Leases or slots bind the provider. Drain and let them end.
		#[codec(index = 11)]
		StillEngaged,
		/// The heartbeat is not for the present duty period.
		#[codec(index = 12)]
		WrongPeriod,
		/// The provider was heard of in this duty period already.
		#[codec(index = 13)]
		AlreadyHeard,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(
				T::DutyPeriod::get() >= 4,
				"DutyPeriod is zero, or too short to lose a heartbeat and send it again"
			);
			assert!(T::MaxDevices::get() > 0, "MaxDevices is zero: nobody can register");
			assert!(
				T::RecordHalving::get() > 0,
				"RecordHalving is zero: no record would ever fade"
			);
			assert!(
				T::RecordFeesFull::get() > 0,
				"RecordFeesFull is zero: trust would cost nothing"
			);
			assert!(
				(1..=64).contains(&T::RecordTenantsFull::get()),
				"RecordTenantsFull is zero, or more than records of so many bits tell apart"
			);
			assert!(
				!T::MinProviderBond::get().is_zero(),
				"MinProviderBond is zero: providers without stake"
			);
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::send_heartbeats(now);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Become a provider.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by the account that bonds.
		///
		/// ## Details
		///
		/// Holds a deposit for the bytes of the records. Counts as a heartbeat of this duty period.
		///
		/// ## Parameters
		///
		/// - `devices`: what the provider computes on, at least one.
		/// - `endpoint`: base address of its data listener, `http(s)://host[:port][/path]`.
		/// - `worker`: the key that acts for it.
		/// - `proof`: signature of that key over `worker_statement(genesis, owner)`.
		///
		/// ## Errors
		///
		/// - [`Error::AlreadyRegistered`]
		/// - [`Error::NoDevices`], [`Error::DeviceNameInvalid`], [`Error::EndpointInvalid`]
		/// - [`Error::BondTooLow`]: less active bond than `MinProviderBond`.
		/// - [`Error::WorkerKeyInUse`], [`Error::WorkerProofInvalid`]
		/// - `Token::FundsUnavailable`: the deposit cannot be held.
		///
		/// ## Events
		///
		/// - [`Event::Registered`]
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register(devices.len() as u32))]
		pub fn register(
			origin: OriginFor<T>,
			devices: BoundedVec<Device, T::MaxDevices>,
			endpoint: Endpoint,
			worker: WorkerKey,
			proof: WorkerSignature,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_register(owner, devices, endpoint, worker, proof)
		}

		/// Change devices, endpoint, or both.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Details
		///
		/// The deposit follows the bytes of the records, up or down.
		///
		/// ## Parameters
		///
		/// - `maybe_devices`: all devices since, or none to leave them.
		/// - `maybe_endpoint`: the endpoint since, or none to leave it.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`], [`Error::NothingToUpdate`]
		/// - [`Error::NoDevices`], [`Error::DeviceNameInvalid`], [`Error::EndpointInvalid`]
		/// - `Token::FundsUnavailable`: the larger deposit cannot be held.
		///
		/// ## Events
		///
		/// - [`Event::Updated`]
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::update(
			maybe_devices.as_ref().map_or(T::MaxDevices::get(), |devices| devices.len() as u32)
		))]
		pub fn update(
			origin: OriginFor<T>,
			maybe_devices: Option<BoundedVec<Device, T::MaxDevices>>,
			maybe_endpoint: Option<Endpoint>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_update(owner, maybe_devices, maybe_endpoint)
		}

		/// Let another key act for the provider.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Details
		///
		/// The old key is free at once. Slots that it accepted stay with it.
		///
		/// ## Parameters
		///
		/// - `worker`: the new key.
		/// - `proof`: signature of that key over `worker_statement(genesis, owner)`.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`]
		/// - [`Error::WorkerKeyInUse`]: by this provider or by another one.
		/// - [`Error::WorkerProofInvalid`]
		///
		/// ## Events
		///
		/// - [`Event::WorkerRotated`]
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::rotate_worker())]
		pub fn rotate_worker(
			origin: OriginFor<T>,
			worker: WorkerKey,
			proof: WorkerSignature,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_rotate_worker(owner, worker, proof)
		}

		/// Take no new work.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Details
		///
		/// What binds the provider already goes on to its end.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`]
		/// - [`Error::AlreadyDraining`]
		///
		/// ## Events
		///
		/// - [`Event::Draining`]
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::drain())]
		pub fn drain(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_drain(owner)
		}

		/// Take work again.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`]
		/// - [`Error::NotDraining`]
		///
		/// ## Events
		///
		/// - [`Event::Resumed`]
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::resume())]
		pub fn resume(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_resume(owner)
		}

		/// Be a provider no more.
		///
		/// ## Dispatch Origin
		///
		/// Signed, by a provider that no lease and no slot binds.
		///
		/// ## Details
		///
		/// The deposit returns and the worker key is free. The bond stays until it is unbonded.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`]
		/// - [`Error::StillEngaged`]
		///
		/// ## Events
		///
		/// - [`Event::Left`]
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::leave())]
		pub fn leave(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_leave(owner)
		}

		/// A sign of life, sent by the provider's off-chain worker.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: a general transaction without fee, carried by anybody.
		///
		/// ## Details
		///
		/// One for each provider and duty period, and only in that period.
		///
		/// ## Parameters
		///
		/// - `owner`: the provider.
		/// - `period`: the present duty period.
		/// - `signature`: of the provider's worker key over
		///   `heartbeat_statement(genesis, owner, period)`; checked when the call is authorised.
		///
		/// ## Errors
		///
		/// - [`Error::NotRegistered`]
		/// - [`Error::WrongPeriod`]
		/// - [`Error::AlreadyHeard`]
		///
		/// ## Events
		///
		/// - [`Event::HeartbeatReceived`]
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::heartbeat())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_heartbeat())]
		#[pallet::authorize(Self::authorize_heartbeat)]
		pub fn heartbeat(
			origin: OriginFor<T>,
			owner: T::AccountId,
			period: u32,
			// Checked by the authorisation that `ensure_authorized` asks for.
			_signature: WorkerSignature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_heartbeat(owner, period)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A provider; none if the account is not registered.
		pub fn provider(owner: T::AccountId) -> Option<ProviderView> {
			let standing = Standings::<T>::get(&owner)?;
			let profile = Profiles::<T>::get(&owner)?;
			Some(ProviderView {
				alive: standing.is_alive(Self::duty_period_now()),
				worker: standing.worker,
				devices: profile.devices.into_inner(),
				endpoint: profile.endpoint.into_inner(),
				draining: standing.draining,
				heard_period: standing.heard_period,
				engagements: standing.engagements,
			})
		}

		/// The key that acts for a provider.
		pub fn worker_of(owner: T::AccountId) -> Option<WorkerKey> {
			Standings::<T>::get(owner).map(|standing| standing.worker)
		}

		/// The provider that a worker key acts for.
		pub fn owner_of(worker: WorkerKey) -> Option<T::AccountId> {
			Owners::<T>::get(worker)
		}

		/// Whether a provider was heard of in this duty period or in one of the two before it.
		pub fn is_alive(owner: T::AccountId) -> bool {
			Standings::<T>::get(owner)
				.is_some_and(|standing| standing.is_alive(Self::duty_period_now()))
		}

		/// What is on record of a provider, as it counts now; none of an account that is no
		/// provider and was never guilty as one.
		pub fn record_of(owner: T::AccountId) -> Option<Record> {
			Self::record_now(&owner)
		}

		/// The present duty period.
		pub fn duty_period() -> u32 {
			Self::duty_period_now()
		}
	}

	impl<T: Config> Pallet<T> {
		pub(crate) fn duty_period_now() -> u32 {
			Self::duty_period_at(frame_system::Pallet::<T>::block_number().saturated_into())
		}

		/// Blocks in which a call for this period can still be included, the present one counted.
		pub(crate) fn blocks_left_in_period() -> TransactionLongevity {
			let now: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
			let length = T::DutyPeriod::get();
			// The divisor is above zero, `integrity_test` says so; a remainder is below it.
			let passed = now.checked_rem(length).unwrap_or_default();
			length.saturating_sub(passed).into()
		}

		/// Hash of the first block: it tells chains apart, and the system pallet keeps it for ever.
		pub(crate) fn genesis() -> H256 {
			frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
		}
	}
}
