//! Providers, as the other pallets see them.

use crate::{Config, Error, Owners, Pallet, Records, Standings};
use assay_primitives::{Outcome, Providers, Record, TrustTerms, WorkerKey};
use frame_support::{defensive, traits::Get};
use sp_runtime::{ArithmeticError, DispatchResult};

impl<T: Config> Providers<T::AccountId> for Pallet<T> {
	fn may_take_work(who: &T::AccountId) -> bool {
		Standings::<T>::get(who)
			.is_some_and(|standing| standing.may_take_work(Self::duty_period_now()))
	}

	fn worker_key(who: &T::AccountId) -> Option<WorkerKey> {
		Standings::<T>::get(who).map(|standing| standing.worker)
	}

	fn provider_of(key: &WorkerKey) -> Option<T::AccountId> {
		Owners::<T>::get(key)
	}

	fn engage(who: &T::AccountId) -> DispatchResult {
		Standings::<T>::try_mutate(who, |maybe_standing| {
			let standing = maybe_standing.as_mut().ok_or(Error::<T>::NotRegistered)?;
			standing.engagements =
				standing.engagements.checked_add(1).ok_or(ArithmeticError::Overflow)?;
			Ok(())
		})
	}

	fn disengage(who: &T::AccountId) {
		Standings::<T>::mutate(who, |maybe_standing| {
			// A provider with engagements cannot leave, so both branches are somebody's bug.
			let Some(standing) = maybe_standing.as_mut() else {
				defensive!("the end of an engagement of a provider that is not registered");
				return;
			};
			match standing.engagements.checked_sub(1) {
				Some(left) => standing.engagements = left,
				None => {
					defensive!("more engagements ended than began");
				},
			}
		});
	}

	fn note(who: &T::AccountId, outcome: Outcome<'_, T::AccountId>) {
		if !Standings::<T>::contains_key(who) {
			// A slot binds its provider, so it cannot have left.
			defensive!("an outcome for a provider that is not registered");
			return;
		}
		Records::<T>::mutate_exists(who, |maybe_record| {
			let record = maybe_record
				.unwrap_or_default()
				.at(Self::duty_period_now(), T::RecordHalving::get());
			*maybe_record = Some(record.with(who, &outcome)).filter(|record| !record.is_empty());
		});
	}

	fn record(who: &T::AccountId) -> Option<Record> {
		Self::record_now(who)
	}

	fn trust(who: &T::AccountId) -> u32 {
		let terms = TrustTerms {
			fees_full: T::RecordFeesFull::get(),
			tenants_full: T::RecordTenantsFull::get(),
		};
		Self::record_now(who).map_or(0, |record| record.trust(&terms))
	}
}

impl<T: Config> Pallet<T> {
	/// What is on record of a provider, as it counts now.
	pub(crate) fn record_now(who: &T::AccountId) -> Option<Record> {
		let kept = Records::<T>::get(who);
		if kept.is_none() && !Standings::<T>::contains_key(who) {
			return None;
		}
		let period = Self::duty_period_now();
		Some(kept.unwrap_or_default().at(period, T::RecordHalving::get()))
	}

	/// Forget a record when its provider leaves, all but guilt.
	pub(crate) fn leave_record(who: &T::AccountId) {
		let (period, half_life) = (Self::duty_period_now(), T::RecordHalving::get());
		Records::<T>::mutate_exists(who, |maybe_record| {
			let guilt = maybe_record.map(|record| record.at(period, half_life).guilt());
			*maybe_record = guilt.filter(|guilt| !guilt.is_empty());
		});
	}
}
