//! # Authorities
//!
//! Who makes and finalises blocks.
//!
//! ## Overview
//!
//! A list of accounts, set at genesis and changed by root. Each must have session keys. A change
//! made in session `n` takes effect in session `n + 2`, as every change of session keys does. An
//! authority that equivocates is disabled for the rest of the session; taking it off the list is
//! root's decision, for there is no stake yet to take instead.
//!
//! The pallet also keeps the history that proofs of past equivocations need: a root of each
//! session's set, for [`Config::SessionHistory`] sessions.
//!
//! ## Invariants
//!
//! - INV-1: the list is not empty once genesis named an authority.
//! - INV-2: the list is sorted and names nobody twice.

use alloc::vec::Vec;

use frame_support::{pallet_prelude::*, traits::EnsureOrigin};
use frame_system::pallet_prelude::*;
use pallet_session::historical;
use sp_runtime::Perbill;
use sp_staking::{
	offence::{OffenceDetails, OffenceSeverity, OnOffenceHandler},
	SessionIndex,
};

pub use pallet::*;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;

/// Weights of the pallet's calls.
pub trait WeightInfo {
	/// Setting a list of `count` authorities.
	fn set_authorities(count: u32) -> Weight;
}

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	/// The layout of the pallet's storage.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs.
	#[pallet::config]
	pub trait Config:
		frame_system::Config
		+ pallet_session::Config<ValidatorId = <Self as frame_system::Config>::AccountId>
		+ historical::Config<FullIdentification = ()>
	{
		/// Who changes the list.
		type ChangeOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// More authorities than this cannot be.
		#[pallet::constant]
		type MaxAuthorities: Get<u32>;

		/// Sessions in whose past an equivocation can still be proven.
		#[pallet::constant]
		type SessionHistory: Get<SessionIndex>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// The accounts whose keys make up sessions from the one after the next.
	///
	/// A value, read whole once a session: no hasher.
	#[pallet::storage]
	pub type Authorities<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, T::MaxAuthorities>, ValueQuery>;

	/// Genesis takes the authorities from the session pallet's keys and so has no field of its own.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			let mut list = pallet_session::Pallet::<T>::validators();
			if list.is_empty() {
				return;
			}
			list.sort();
			Authorities::<T>::put(
				BoundedVec::try_from(list).expect("genesis names at most `MaxAuthorities`; qed"),
			);
			// The session pallet was built before this one and could not ask for the list, so the
			// roots of the first two sessions are noted here.
			for session in 0..2 {
				<NoteHistoricalRoot<T> as pallet_session::SessionManager<_>>::new_session_genesis(
					session,
				);
			}
		}
	}

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// The list of authorities changed; it counts from `session` on.
		AuthoritiesSet {
			/// The first session that these authorities serve.
			session: SessionIndex,
			/// The accounts, sorted.
			authorities: BoundedVec<T::AccountId, T::MaxAuthorities>,
		},
		/// An authority was proven to have equivocated.
		OffenceNoted {
			/// The offender.
			authority: T::AccountId,
			/// The session of its offence.
			session: SessionIndex,
		},
	}

	/// Why a call was refused.
	#[pallet::error]
	pub enum Error<T> {
		/// A chain without authorities stops for ever: name at least one.
		NoAuthorities,
		/// An account is named twice.
		DuplicateAuthority,
		/// An account has no session keys: let it call `session.set_keys` first.
		NoSessionKeys,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(T::MaxAuthorities::get() > 0, "a chain needs an authority");
			assert!(
				T::SessionHistory::get() > 2,
				"the present session and the two before it must stay provable, for reports to land"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Replace the list of authorities.
		///
		/// ## Dispatch Origin
		///
		/// [`Config::ChangeOrigin`], which is root.
		///
		/// ## Details
		///
		/// The new set makes blocks from the session after the next: the next one's keys are
		/// already queued.
		///
		/// ## Parameters
		///
		/// - `authorities`: the accounts, in any order, each with session keys.
		///
		/// ## Errors
		///
		/// - `NoAuthorities`: the list is empty.
		/// - `DuplicateAuthority`: an account is named twice.
		/// - `NoSessionKeys`: an account has not set its keys.
		///
		/// ## Events
		///
		/// - `AuthoritiesSet`
		#[pallet::call_index(0)]
		#[pallet::weight((
			<T as Config>::WeightInfo::set_authorities(authorities.len() as u32),
			DispatchClass::Operational,
		))]
		pub fn set_authorities(
			origin: OriginFor<T>,
			mut authorities: BoundedVec<T::AccountId, T::MaxAuthorities>,
		) -> DispatchResult {
			T::ChangeOrigin::ensure_origin(origin)?;
			ensure!(!authorities.is_empty(), Error::<T>::NoAuthorities);
			authorities.sort();
			ensure!(
				authorities.windows(2).all(|pair| pair.first() != pair.last()),
				Error::<T>::DuplicateAuthority
			);
			ensure!(
				authorities.iter().all(pallet_session::NextKeys::<T>::contains_key),
				Error::<T>::NoSessionKeys
			);

			Authorities::<T>::put(&authorities);
			let session = pallet_session::Pallet::<T>::current_index().saturating_add(2);
			Self::deposit_event(Event::AuthoritiesSet { session, authorities });
			Ok(())
		}
	}

	impl<T: Config> Pallet<T> {
		/// Check the pallet's invariants.
		#[cfg(any(feature = "try-runtime", feature = "std", test))]
		pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
			let list = Authorities::<T>::get();
			ensure!(
				!list.is_empty() || pallet_session::Pallet::<T>::validators().is_empty(),
				"INV-1: sessions have authorities and the list has none"
			);
			ensure!(
				list.windows(2).all(|pair| pair.first() < pair.last()),
				"INV-2: the list is not sorted or names an account twice"
			);
			Ok(())
		}
	}
}

/// The session manager that a runtime installs: this pallet, with roots noted.
pub type NoteHistoricalRoot<T> = historical::NoteHistoricalRoot<T, Pallet<T>>;

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	// Always an answer, also when nothing changed: a root is stored for each set that is returned,
	// and a set that counts as new lets disabled authorities return.
	fn new_session(_: SessionIndex) -> Option<Vec<T::AccountId>> {
		let list = Authorities::<T>::get();
		(!list.is_empty()).then(|| list.into_inner())
	}

	fn start_session(_: SessionIndex) {}

	fn end_session(session: SessionIndex) {
		let keep_from = session.saturating_add(1).saturating_sub(T::SessionHistory::get());
		if keep_from > 0 {
			historical::Pallet::<T>::prune_up_to(keep_from);
		}
	}
}

impl<T: Config> historical::SessionManager<T::AccountId, ()> for Pallet<T> {
	fn new_session(session: SessionIndex) -> Option<Vec<(T::AccountId, ())>> {
		<Self as pallet_session::SessionManager<_>>::new_session(session)
			.map(|list| list.into_iter().map(|account| (account, ())).collect())
	}

	fn start_session(session: SessionIndex) {
		<Self as pallet_session::SessionManager<_>>::start_session(session)
	}

	fn end_session(session: SessionIndex) {
		<Self as pallet_session::SessionManager<_>>::end_session(session)
	}
}

impl<T: Config> OnOffenceHandler<T::AccountId, historical::IdentificationTuple<T>, Weight>
	for Pallet<T>
{
	fn on_offence(
		offenders: &[OffenceDetails<T::AccountId, historical::IdentificationTuple<T>>],
		slash_fraction: &[Perbill],
		session: SessionIndex,
	) -> Weight {
		for (details, fraction) in offenders.iter().zip(slash_fraction) {
			let (authority, ()) = &details.offender;
			// The session pallet refuses by itself to disable an account that is no authority any
			// more, or more authorities than finality can spare.
			pallet_session::Pallet::<T>::report_offence(
				authority.clone(),
				OffenceSeverity(*fraction),
			);
			Self::deposit_event(Event::OffenceNoted { authority: authority.clone(), session });
		}
		T::DbWeight::get()
			.reads_writes(2, 1)
			.saturating_mul(offenders.len().try_into().unwrap_or(u64::MAX))
	}
}
