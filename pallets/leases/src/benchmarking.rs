//! Benchmarks of every call, each on its longest path.

use super::*;
use assay_primitives::{LeaseId, OfferId};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::RawOrigin;
use sp_runtime::{traits::Bounded, Saturating};

const RATE: u64 = 1_000;
const DURATION_BLOCKS: u32 = 1_000;

fn fund<T: Config>(who: &T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let minimum = <T::Currency as Inspect<T::AccountId>>::minimum_balance();
	let amount = T::MinEscrow::get()
		.saturating_add(T::OfferDeposit::get())
		.saturating_add(minimum)
		.saturating_mul(10u32.into());
	T::Currency::set_balance(who, amount);
}

fn terms<T: Config>(price_per_unit: BalanceOf<T>) -> OfferTermsOf<T> {
	OfferTerms {
		price_per_unit,
		rate_units_per_block: RATE,
		duration_blocks_max: DURATION_BLOCKS,
		min_escrow: T::MinEscrow::get(),
		risk_factor_max: 10,
	}
}

/// Terms that cover any royalty the helper's model may have.
fn create<T: Config>() -> Result<(T::AccountId, OfferId), BenchmarkError> {
	let provider = T::BenchmarkHelper::provider();
	let model = T::BenchmarkHelper::model();
	let id = NextOfferId::<T>::get();
	Pallet::<T>::create_offer(
		RawOrigin::Signed(provider.clone()).into(),
		model,
		terms::<T>(1_000u32.into()),
	)?;
	Ok((provider, id))
}

fn open<T: Config>() -> Result<(T::AccountId, LeaseId), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (_, offer) = create::<T>()?;
	let tenant: T::AccountId = account("tenant", 0, 0);
	fund::<T>(&tenant);
	let id = NextLeaseId::<T>::get();
	Pallet::<T>::open_lease(
		RawOrigin::Signed(tenant.clone()).into(),
		offer,
		T::MinEscrow::get(),
		DURATION_BLOCKS,
		BalanceOf::<T>::max_value(),
	)?;
	Ok((tenant, id))
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn create_offer() -> Result<(), BenchmarkError> {
		let provider = T::BenchmarkHelper::provider();
		let model = T::BenchmarkHelper::model();
		let id = NextOfferId::<T>::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), model, terms::<T>(1_000u32.into()));

		assert!(Offers::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn update_offer() -> Result<(), BenchmarkError> {
		let (provider, offer) = create::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), offer, terms::<T>(2_000u32.into()));

		let price = Offers::<T>::get(offer).map(|offer| offer.terms.price_per_unit);
		assert_eq!(price, Some(2_000u32.into()));
		Ok(())
	}

	#[benchmark]
	fn close_offer() -> Result<(), BenchmarkError> {
		let (provider, offer) = create::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), offer);

		assert!(!Offers::<T>::contains_key(offer));
		Ok(())
	}

	#[benchmark]
	fn open_lease() -> Result<(), BenchmarkError> {
		let (_, offer) = create::<T>()?;
		let tenant: T::AccountId = account("tenant", 0, 0);
		fund::<T>(&tenant);
		let id = NextLeaseId::<T>::get();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(tenant),
			offer,
			T::MinEscrow::get(),
			DURATION_BLOCKS,
			BalanceOf::<T>::max_value(),
		);

		assert!(Leases::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn top_up() -> Result<(), BenchmarkError> {
		let (tenant, lease) = open::<T>()?;
		let amount = T::MinEscrow::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(tenant), lease, amount);

		let free = Leases::<T>::get(lease).map(|lease| lease.escrow.free());
		assert_eq!(free, Some(amount.saturating_add(T::MinEscrow::get())));
		Ok(())
	}

	#[benchmark]
	fn close_lease() -> Result<(), BenchmarkError> {
		let (tenant, lease) = open::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Signed(tenant), lease);

		assert!(!Leases::<T>::contains_key(lease));
		Ok(())
	}

	#[benchmark]
	fn expire_lease() -> Result<(), BenchmarkError> {
		let (_, lease) = open::<T>()?;
		let after = Leases::<T>::get(lease)
			.map(|lease| lease.expires_at)
			.ok_or(BenchmarkError::Stop("the lease was opened"))?
			.saturating_add(1u32.into());
		frame_system::Pallet::<T>::set_block_number(after);
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), lease);

		assert!(!Leases::<T>::contains_key(lease));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
