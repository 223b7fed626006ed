//! Bodies of the calls. What a call needs is checked by a `check_*` function that the authorisation
//! of the call shares, then everything is written.

use crate::{
	types::{jackpot, Root, ROOTS_MAX},
	*,
};
use assay_primitives::{
	trap_consent, AccountId, Balance, JobDigest, Trap, TrapJob, TrapJobs, TRAPS_MAX,
};
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use sp_core::H256;
use sp_runtime::{traits::Verify, SaturatedConversion};

impl<T: Config> Pallet<T> {
	/// Hash of the first block: it tells chains apart, and the system pallet keeps it for ever.
	pub(crate) fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(0u32))
	}

	pub(crate) fn block() -> u32 {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	// --- licences ---

	pub(crate) fn do_license(provider: AccountId, allowance: u32) -> DispatchResult {
		ensure!((1..=TRAPS_MAX).contains(&allowance), Error::<T>::AllowanceOutOfRange);
		// What was opened counts on.
		let licence = Licences::<T>::get(&provider).unwrap_or_default();
		Licences::<T>::insert(&provider, Licence { allowance, ..licence });
		Self::deposit_event(Event::Licensed { provider, allowance });
		Ok(())
	}

	pub(crate) fn do_revoke(provider: AccountId) -> DispatchResult {
		ensure!(Licences::<T>::contains_key(&provider), Error::<T>::NotLicensed);
		Licences::<T>::remove(&provider);
		Self::deposit_event(Event::Revoked { provider });
		Ok(())
	}

	// --- roots ---

	pub(crate) fn do_post(root: H256, count: u32) -> DispatchResult {
		let period = T::Jobs::period();
		ensure!(!Roots::<T>::contains_key(period), Error::<T>::AlreadyPosted);
		let record = Root::new(root, count, Self::block()).ok_or(Error::<T>::CountOutOfRange)?;
		let mut kept = Periods::<T>::get();
		// Duty periods never fall, so the list stays in order.
		if kept.len() >= ROOTS_MAX as usize {
			Roots::<T>::remove(kept.remove(0));
		}
		kept.try_push(period).map_err(|_| Error::<T>::AlreadyPosted)?;
		Periods::<T>::put(kept);
		Roots::<T>::insert(period, record);
		Self::deposit_event(Event::Posted { period, root, count });
		Ok(())
	}

	// --- open ---

	/// The root of a trap whose leaf was not opened.
	pub(crate) fn check_root(trap: &Trap) -> Result<Root, Error<T>> {
		let root = Roots::<T>::get(trap.period).ok_or(Error::<T>::RootUnknown)?;
		ensure!(!root.is_open(trap.index), Error::<T>::AlreadyOpen);
		Ok(root)
	}

	/// Whether the trap of a job of this party lies under a root that is older than the job, and its
	/// allowance is not spent. The licence of the party, as it will be.
	pub(crate) fn check_leaf(
		job: &JobDigest,
		party: &AccountId,
		submitted_at: u32,
		trap: &Trap,
		root: &Root,
	) -> Result<Licence, Error<T>> {
		ensure!(root.posted_at < submitted_at, Error::<T>::RootTooYoung);
		let licence = Licences::<T>::get(party).ok_or(Error::<T>::NotLicensed)?;
		let licence = licence
			.with_one_more(trap.period, &Periods::<T>::get())
			.ok_or(Error::<T>::AllowanceSpent)?;
		let is_under = trap.is_under(&Self::genesis(), job, &root.root, root.count);
		ensure!(is_under, Error::<T>::NotUnderRoot);
		Ok(licence)
	}

	/// Whether the tenant has agreed that its job may be a trap.
	pub(crate) fn check_consent(
		job: &JobDigest,
		tenant: &AccountId,
		trap: &Trap,
	) -> Result<(), Error<T>> {
		let genesis = Self::genesis();
		let statement = trap_consent(&genesis, &trap.leaf(&genesis, job));
		ensure!(trap.consent.verify(&statement[..], tenant), Error::<T>::NoConsent);
		Ok(())
	}

	/// What a trap promises.
	pub(crate) fn jackpot_of(found: &TrapJob<AccountId, Balance>) -> Balance {
		jackpot(found.price_max, T::JackpotFactor::get(), T::JackpotMax::get())
	}

	pub(crate) fn do_open(job: JobDigest, trap: Trap) -> DispatchResult {
		// State may have changed since the call was authorised; both signatures have not.
		let root = Self::check_root(&trap)?;
		let found = T::Jobs::trap_job(job, &trap.claim)?;
		let licence = Self::check_leaf(&job, &found.party, found.submitted_at, &trap, &root)?;
		let jackpot = Self::jackpot_of(&found);
		let Trap { period, index, claim, .. } = trap;
		let slot = T::Jobs::amend(job, claim, jackpot)?;
		let provider = found.party;
		Roots::<T>::insert(period, root.with_open(index));
		Licences::<T>::insert(&provider, licence);
		Self::deposit_event(Event::Opened { job, slot, provider, period, index, jackpot });
		Ok(())
	}
}
