//! Benchmarks of every call, each at its worst: with queues as long as they can be.

use super::*;
use assay_primitives::{SlotId, Stake};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Balanced, Inspect},
	EnsureOrigin, Get,
};
use frame_system::{pallet_prelude::BlockNumberFor, Pallet as System, RawOrigin};
use sp_runtime::traits::{Bounded, Saturating, StaticLookup};

// Amount of one chunk: any that is above zero will do, this one is above the minimum too.
fn unit<T: Config<I>, I: 'static>() -> BalanceOf<T, I> {
	T::MinBond::get().max(T::Currency::minimum_balance())
}

// An account with bond for a full queue of `chunks` and two units besides.
fn bonded<T: Config<I>, I: 'static>(chunks: u32) -> Result<T::AccountId, BenchmarkError> {
	let who: T::AccountId = whitelisted_caller();
	let bond = unit::<T, I>().saturating_mul((chunks.saturating_add(2)).into());
	let credit = T::Currency::issue(bond.saturating_mul(4u32.into()));
	T::Currency::resolve(&who, credit).map_err(|_| BenchmarkError::Stop("cannot be endowed"))?;
	Pallet::<T, I>::bond(RawOrigin::Signed(who.clone()).into(), bond)?;
	for _ in 0..chunks {
		Pallet::<T, I>::unbond(RawOrigin::Signed(who.clone()).into(), unit::<T, I>())?;
		let next = System::<T>::block_number().saturating_add(1u32.into());
		System::<T>::set_block_number(next);
	}
	Ok(who)
}

fn chunk_count<T: Config<I>, I: 'static>(who: &T::AccountId) -> usize {
	Pallet::<T, I>::bond_of(who.clone()).map_or(0, |bond| bond.unbonding.len())
}

#[instance_benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn bond() -> Result<(), BenchmarkError> {
		let who = bonded::<T, I>(T::MaxUnbondingChunks::get())?;
		let before = Pallet::<T, I>::bonded(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), unit::<T, I>());

		assert_eq!(Pallet::<T, I>::bonded(&who), before.saturating_add(unit::<T, I>()));
		Ok(())
	}

	#[benchmark]
	fn unbond() -> Result<(), BenchmarkError> {
		let chunks = T::MaxUnbondingChunks::get();
		let who = bonded::<T, I>(chunks.saturating_sub(1))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), unit::<T, I>());

		assert_eq!(chunk_count::<T, I>(&who), chunks as usize);
		Ok(())
	}

	#[benchmark]
	fn rebond() -> Result<(), BenchmarkError> {
		let chunks = T::MaxUnbondingChunks::get();
		let who = bonded::<T, I>(chunks)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), unit::<T, I>().saturating_mul(chunks.into()));

		assert_eq!(chunk_count::<T, I>(&who), 0);
		Ok(())
	}

	#[benchmark]
	fn withdraw() -> Result<(), BenchmarkError> {
		let who = bonded::<T, I>(T::MaxUnbondingChunks::get())?;
		System::<T>::set_block_number(BlockNumberFor::<T>::max_value());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_eq!(chunk_count::<T, I>(&who), 0);
		Ok(())
	}

	#[benchmark]
	fn force_slash() -> Result<(), BenchmarkError> {
		let who = bonded::<T, I>(T::MaxUnbondingChunks::get())?;
		let pledge = unit::<T, I>();
		Pallet::<T, I>::pledge(&who, SlotId(0), pledge)?;
		let origin = T::ForceOrigin::try_successful_origin()
			.map_err(|_| BenchmarkError::Stop("nobody may order a slash"))?;
		let lookup = T::Lookup::unlookup(who.clone());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, lookup, BalanceOf::<T, I>::max_value());

		assert_eq!(Pallet::<T, I>::bonded(&who), pledge);
		assert_eq!(chunk_count::<T, I>(&who), 0);
		Ok(())
	}
}
