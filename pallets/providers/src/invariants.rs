//! What must hold in every state, one function for each numbered invariant of the crate docs.

use crate::{
	types::{is_device, is_endpoint},
	Config, HoldReason, Owners, Pallet, Profiles, Records, Standings,
};
use codec::Encode;
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::{traits::Zero, DispatchError, DispatchResult};

fn broken(what: &'static str) -> DispatchError {
	DispatchError::Other(what)
}

impl<T: Config> Pallet<T> {
	/// Check every invariant of the pallet.
	pub fn do_try_state() -> DispatchResult {
		Self::check_records()?;
		Self::check_worker_keys()?;
		Self::check_profiles()?;
		Self::check_periods()?;
		Self::check_deposits()?;
		Self::check_outcomes()
	}

	fn check_records() -> DispatchResult {
		for owner in Standings::<T>::iter_keys() {
			ensure!(
				Profiles::<T>::contains_key(&owner),
				broken("INV-1: a provider has no profile")
			);
		}
		let count = Standings::<T>::iter_keys().count();
		ensure!(
			Profiles::<T>::iter_keys().count() == count,
			broken("INV-1: a profile has no provider")
		);
		ensure!(
			Standings::<T>::count() as usize == count,
			broken("INV-1: the count of providers is wrong")
		);
		Ok(())
	}

	fn check_worker_keys() -> DispatchResult {
		for (owner, standing) in Standings::<T>::iter() {
			ensure!(
				Owners::<T>::get(&standing.worker) == Some(owner),
				broken("INV-2: a worker key does not lead back to its provider")
			);
		}
		ensure!(
			Owners::<T>::iter_keys().count() == Standings::<T>::iter_keys().count(),
			broken("INV-2: a worker key acts for nobody")
		);
		Ok(())
	}

	fn check_profiles() -> DispatchResult {
		for profile in Profiles::<T>::iter_values() {
			ensure!(is_endpoint(&profile.endpoint), broken("INV-3: an endpoint is not an address"));
			ensure!(!profile.devices.is_empty(), broken("INV-3: a provider has no devices"));
			ensure!(
				profile.devices.iter().all(is_device),
				broken("INV-3: a device has no proper name")
			);
		}
		Ok(())
	}

	fn check_periods() -> DispatchResult {
		let now = Self::duty_period_now();
		for standing in Standings::<T>::iter_values() {
			ensure!(
				standing.heard_period <= now,
				broken("INV-4: a provider was heard of in a period that has not come")
			);
		}
		Ok(())
	}

	fn check_deposits() -> DispatchResult {
		let reason = HoldReason::Record.into();
		for (owner, profile) in Profiles::<T>::iter() {
			let held = T::Currency::balance_on_hold(&reason, &owner);
			// A ticket of held funds is their amount, and tells it by its encoding alone.
			ensure!(
				profile.ticket.encode() == held.encode(),
				broken("INV-5: the deposit on hold is not what the ticket says")
			);
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let is_clear = T::Currency::balance_on_hold(&reason, &who).is_zero();
			ensure!(
				is_clear || Profiles::<T>::contains_key(&who),
				broken("INV-5: a deposit is on hold of an account that is no provider")
			);
		}
		Ok(())
	}

	fn check_outcomes() -> DispatchResult {
		let now = Self::duty_period_now();
		for (owner, record) in Records::<T>::iter() {
			ensure!(!record.is_empty(), broken("INV-6: a record says nothing"));
			ensure!(
				record.period <= now,
				broken("INV-6: a record is of a period that has not come")
			);
			ensure!(
				Standings::<T>::contains_key(&owner) || record == record.guilt(),
				broken("INV-6: more than guilt is on record of an account that is no provider")
			);
		}
		Ok(())
	}
}
