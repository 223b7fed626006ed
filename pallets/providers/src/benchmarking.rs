//! Benchmarks of every call and of the authorisation of heartbeats, each at its worst.

use super::*;
use crate::types::{Standing, DEVICE_NAME_BYTES_MAX, ENDPOINT_BYTES_MAX};
use alloc::vec;
use assay_primitives::{heartbeat_statement, worker_statement, WorkerKey, WorkerSignature};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{Authorize, Consideration, Get},
	BoundedVec,
};
use frame_system::{Pallet as System, RawOrigin};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::transaction_validity::TransactionSource;

/// What benchmarks need of the runtime.
pub trait BenchmarkHelper<AccountId> {
	/// Endow an account and bond enough for it to register.
	fn bond(who: &AccountId);
}

type Devices<T> = BoundedVec<Device, <T as Config>::MaxDevices>;

fn devices<T: Config>(count: u32) -> Result<Devices<T>, BenchmarkError> {
	let name: DeviceName = vec![b'd'; DEVICE_NAME_BYTES_MAX as usize]
		.try_into()
		.map_err(|_| BenchmarkError::Stop("the name is too long"))?;
	let device = Device { name, memory_mib: u32::MAX, kind: DeviceKind::Cuda };
	vec![device; count as usize].try_into().map_err(|_| BenchmarkError::Stop("too many devices"))
}

fn endpoint() -> Result<Endpoint, BenchmarkError> {
	let mut url = b"https://".to_vec();
	url.resize(ENDPOINT_BYTES_MAX as usize, b'h');
	url.try_into().map_err(|_| BenchmarkError::Stop("the endpoint is too long"))
}

fn worker<T: Config>(owner: &T::AccountId) -> Result<(WorkerKey, WorkerSignature), BenchmarkError> {
	let key = WorkerKey::generate_pair(None);
	let proof = key
		.sign(&worker_statement(&Pallet::<T>::genesis(), owner))
		.ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
	Ok((key, proof))
}

// A bonded account with funds for the largest deposit.
fn bonded<T: Config>() -> Result<T::AccountId, BenchmarkError> {
	let owner: T::AccountId = whitelisted_caller();
	T::BenchmarkHelper::bond(&owner);
	let footprint = Pallet::<T>::footprint(&devices::<T>(T::MaxDevices::get())?, &endpoint()?);
	T::Consideration::ensure_successful(&owner, footprint);
	Ok(owner)
}

fn registered<T: Config>(count: u32) -> Result<T::AccountId, BenchmarkError> {
	let owner = bonded::<T>()?;
	let (key, proof) = worker::<T>(&owner)?;
	let origin = RawOrigin::Signed(owner.clone()).into();
	Pallet::<T>::register(origin, devices::<T>(count)?, endpoint()?, key, proof)?;
	Ok(owner)
}

// A provider that is due in the present period, and its signature.
fn due<T: Config>() -> Result<(T::AccountId, u32, WorkerSignature), BenchmarkError> {
	let owner = registered::<T>(1)?;
	System::<T>::set_block_number(T::DutyPeriod::get().into());
	let period = Pallet::<T>::duty_period_now();
	let standing = standing::<T>(&owner)?;
	let signature = standing
		.worker
		.sign(&heartbeat_statement(&Pallet::<T>::genesis(), &owner, period))
		.ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
	Ok((owner, period, signature))
}

fn standing<T: Config>(owner: &T::AccountId) -> Result<Standing, BenchmarkError> {
	Standings::<T>::get(owner).ok_or(BenchmarkError::Stop("not registered"))
}

#[benchmarks(where <T as frame_system::Config>::RuntimeCall: From<Call<T>>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register(d: Linear<1, { T::MaxDevices::get() }>) -> Result<(), BenchmarkError> {
		let owner = bonded::<T>()?;
		let (key, proof) = worker::<T>(&owner)?;
		let (devices, endpoint) = (devices::<T>(d)?, endpoint()?);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), devices, endpoint, key.clone(), proof);

		assert_eq!(Owners::<T>::get(&key), Some(owner));
		Ok(())
	}

	#[benchmark]
	fn update(d: Linear<1, { T::MaxDevices::get() }>) -> Result<(), BenchmarkError> {
		let owner = registered::<T>(T::MaxDevices::get())?;
		let (devices, endpoint) = (devices::<T>(d)?, endpoint()?);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), Some(devices), Some(endpoint));

		assert_eq!(Profiles::<T>::get(&owner).map(|p| p.devices.len()), Some(d as usize));
		Ok(())
	}

	#[benchmark]
	fn rotate_worker() -> Result<(), BenchmarkError> {
		let owner = registered::<T>(1)?;
		let (key, proof) = worker::<T>(&owner)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), key.clone(), proof);

		assert_eq!(Owners::<T>::get(&key), Some(owner));
		Ok(())
	}

	#[benchmark]
	fn drain() -> Result<(), BenchmarkError> {
		let owner = registered::<T>(1)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		assert!(standing::<T>(&owner)?.draining);
		Ok(())
	}

	#[benchmark]
	fn resume() -> Result<(), BenchmarkError> {
		let owner = registered::<T>(1)?;
		Pallet::<T>::drain(RawOrigin::Signed(owner.clone()).into())?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		assert!(!standing::<T>(&owner)?.draining);
		Ok(())
	}

	#[benchmark]
	fn leave() -> Result<(), BenchmarkError> {
		let owner = registered::<T>(T::MaxDevices::get())?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		assert!(!Standings::<T>::contains_key(&owner));
		Ok(())
	}

	#[benchmark]
	fn heartbeat() -> Result<(), BenchmarkError> {
		let (owner, period, signature) = due::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, owner.clone(), period, signature);

		assert_eq!(standing::<T>(&owner)?.heard_period, period);
		Ok(())
	}

	#[benchmark]
	fn authorize_heartbeat() -> Result<(), BenchmarkError> {
		let (owner, period, signature) = due::<T>()?;
		let call: <T as frame_system::Config>::RuntimeCall =
			Call::heartbeat { owner, period, signature }.into();

		#[block]
		{
			call.authorize(TransactionSource::InBlock)
				.ok_or(BenchmarkError::Stop("no authorisation for heartbeats"))?
				.map_err(|_| BenchmarkError::Stop("the heartbeat is refused"))?;
		}

		Ok(())
	}
}
