//! Bodies of the calls.

use crate::{
	types::{is_device, is_endpoint, Device, Endpoint, Profile, Standing},
	Config, Error, Event, Owners, Pallet, Profiles, Standings,
};
use assay_primitives::{worker_statement, Record, Stake, WorkerKey, WorkerSignature};
use codec::{Encode, MaxEncodedLen};
use frame_support::{
	ensure,
	traits::{Consideration, Footprint, Get},
	BoundedVec,
};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register(
		owner: T::AccountId,
		devices: BoundedVec<Device, T::MaxDevices>,
		endpoint: Endpoint,
		worker: WorkerKey,
		proof: WorkerSignature,
	) -> DispatchResult {
		ensure!(!Standings::<T>::contains_key(&owner), Error::<T>::AlreadyRegistered);
		Self::ensure_devices(&devices)?;
		Self::ensure_endpoint(&endpoint)?;
		ensure!(T::Stake::bonded(&owner) >= T::MinProviderBond::get(), Error::<T>::BondTooLow);
		Self::ensure_worker(&owner, &worker, &proof)?;

		let ticket = T::Consideration::new(&owner, Self::footprint(&devices, &endpoint))?;
		let heard_period = Self::duty_period_now();
		let standing =
			Standing { worker: worker.clone(), draining: false, heard_period, engagements: 0 };
		Standings::<T>::insert(&owner, standing);
		Owners::<T>::insert(&worker, &owner);
		Profiles::<T>::insert(&owner, Profile { devices, endpoint: endpoint.clone(), ticket });
		Self::deposit_event(Event::Registered { owner, worker, endpoint });
		Ok(())
	}

	pub(crate) fn do_update(
		owner: T::AccountId,
		maybe_devices: Option<BoundedVec<Device, T::MaxDevices>>,
		maybe_endpoint: Option<Endpoint>,
	) -> DispatchResult {
		let old = Profiles::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		ensure!(maybe_devices.is_some() || maybe_endpoint.is_some(), Error::<T>::NothingToUpdate);
		let devices = maybe_devices.unwrap_or(old.devices);
		let endpoint = maybe_endpoint.unwrap_or(old.endpoint);
		Self::ensure_devices(&devices)?;
		Self::ensure_endpoint(&endpoint)?;

		let ticket = old.ticket.update(&owner, Self::footprint(&devices, &endpoint))?;
		let profile = Profile { devices, endpoint: endpoint.clone(), ticket };
		Profiles::<T>::insert(&owner, profile);
		Self::deposit_event(Event::Updated { owner, endpoint });
		Ok(())
	}

	pub(crate) fn do_rotate_worker(
		owner: T::AccountId,
		worker: WorkerKey,
		proof: WorkerSignature,
	) -> DispatchResult {
		let mut standing = Standings::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		Self::ensure_worker(&owner, &worker, &proof)?;

		let old_worker = core::mem::replace(&mut standing.worker, worker.clone());
		Standings::<T>::insert(&owner, standing);
		Owners::<T>::remove(&old_worker);
		Owners::<T>::insert(&worker, &owner);
		Self::deposit_event(Event::WorkerRotated { owner, old_worker, new_worker: worker });
		Ok(())
	}

	pub(crate) fn do_drain(owner: T::AccountId) -> DispatchResult {
		let mut standing = Standings::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		ensure!(!standing.draining, Error::<T>::AlreadyDraining);
		standing.draining = true;
		Standings::<T>::insert(&owner, standing);
		Self::deposit_event(Event::Draining { owner });
		Ok(())
	}

	pub(crate) fn do_resume(owner: T::AccountId) -> DispatchResult {
		let mut standing = Standings::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		ensure!(standing.draining, Error::<T>::NotDraining);
		standing.draining = false;
		Standings::<T>::insert(&owner, standing);
		Self::deposit_event(Event::Resumed { owner });
		Ok(())
	}

	pub(crate) fn do_leave(owner: T::AccountId) -> DispatchResult {
		let standing = Standings::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		ensure!(standing.engagements == 0, Error::<T>::StillEngaged);
		// INV-1: whoever has a standing has a profile.
		let profile = Profiles::<T>::take(&owner).ok_or(Error::<T>::NotRegistered)?;

		profile.ticket.drop(&owner)?;
		Standings::<T>::remove(&owner);
		Owners::<T>::remove(&standing.worker);
		Self::leave_record(&owner);
		Self::deposit_event(Event::Left { owner, worker: standing.worker });
		Ok(())
	}

	pub(crate) fn do_heartbeat(owner: T::AccountId, period: u32) -> DispatchResult {
		// The state may have changed since the call was authorised: period, registration and key.
		let mut standing = Standings::<T>::get(&owner).ok_or(Error::<T>::NotRegistered)?;
		ensure!(period == Self::duty_period_now(), Error::<T>::WrongPeriod);
		ensure!(standing.is_due(period), Error::<T>::AlreadyHeard);
		standing.heard_period = period;
		let worker = standing.worker.clone();
		Standings::<T>::insert(&owner, standing);
		Self::deposit_event(Event::HeartbeatReceived { owner, worker, period });
		Ok(())
	}

	fn ensure_devices(devices: &BoundedVec<Device, T::MaxDevices>) -> DispatchResult {
		ensure!(!devices.is_empty(), Error::<T>::NoDevices);
		ensure!(devices.iter().all(is_device), Error::<T>::DeviceNameInvalid);
		Ok(())
	}

	fn ensure_endpoint(endpoint: &Endpoint) -> DispatchResult {
		ensure!(is_endpoint(endpoint), Error::<T>::EndpointInvalid);
		Ok(())
	}

	/// That the key is free and agrees to act for this owner. Checked last of all, it is dear.
	fn ensure_worker(
		owner: &T::AccountId,
		worker: &WorkerKey,
		proof: &WorkerSignature,
	) -> DispatchResult {
		ensure!(!Owners::<T>::contains_key(worker), Error::<T>::WorkerKeyInUse);
		let statement = worker_statement(&Self::genesis(), owner);
		ensure!(worker.verify(&statement, proof), Error::<T>::WorkerProofInvalid);
		Ok(())
	}

	/// What is stored of a provider: standing, profile, the entry of its key, and its record, which
	/// others write.
	pub(crate) fn footprint(
		devices: &BoundedVec<Device, T::MaxDevices>,
		endpoint: &Endpoint,
	) -> Footprint {
		let key_bytes =
			WorkerKey::max_encoded_len().saturating_add(T::AccountId::max_encoded_len());
		let bytes = Standing::max_encoded_len()
			.saturating_add(Record::max_encoded_len())
			.saturating_add(key_bytes)
			.saturating_add(devices.encoded_size())
			.saturating_add(endpoint.encoded_size());
		Footprint::from_parts(1, bytes)
	}
}
