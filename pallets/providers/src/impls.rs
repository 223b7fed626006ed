//! Providers, as the other pallets see them.

use crate::{Config, Error, Owners, Pallet, Standings};
use assay_primitives::{Providers, WorkerKey};
use frame_support::defensive;
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
}
