//! Benchmarks of every call, each on its longest path: leases reserve a rate and owe for it.

use super::*;
use assay_primitives::{LeaseId, ModelId, OfferId};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::RawOrigin;
use sp_runtime::{traits::Bounded, Permill, Saturating};

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper<AccountId> {
	/// A funded provider that may take work. The same at each call.
	fn provider() -> AccountId;
	/// A registered model that is not retired, with a royalty of at most 1,000 planck per unit.
	fn model() -> ModelId;
}

const RATE: u64 = 1_000;
const DURATION_BLOCKS: u32 = 1_000;

fn fund<T: Config>(who: &T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let minimum = <T::Currency as Inspect<T::AccountId>>::minimum_balance();
	let amount = T::MinEscrow::get()
		.saturating_add(T::OfferDeposit::get())
		.saturating_add(T::OverdraftFee::get())
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
		reservation: Some(ReservationTerms {
			price_per_block: price_per_block::<T>(),
			capacity_units_per_block: RATE,
		}),
	}
}

/// A tenth of the smallest escrow, so that a lease that opens with it is overdrawn after ten
/// blocks.
fn price_per_block<T: Config>() -> BalanceOf<T> {
	Permill::from_percent(10).mul_floor(T::MinEscrow::get())
}

fn request<T: Config>() -> Option<ReservationRequestOf<T>> {
	let price_limit = BalanceOf::<T>::max_value();
	Some(ReservationRequest { rate_units_per_block: RATE, price_limit })
}

fn escrow<T: Config>() -> BalanceOf<T> {
	T::MinEscrow::get().saturating_add(T::OverdraftFee::get())
}

fn pass<T: Config>(blocks: u32) {
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(blocks.into()));
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
		escrow::<T>(),
		DURATION_BLOCKS,
		BalanceOf::<T>::max_value(),
		request::<T>(),
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
			escrow::<T>(),
			DURATION_BLOCKS,
			BalanceOf::<T>::max_value(),
			request::<T>(),
		);

		assert!(Leases::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn top_up() -> Result<(), BenchmarkError> {
		let (tenant, lease) = open::<T>()?;
		let amount = T::MinEscrow::get();
		pass::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Signed(tenant), lease, amount);

		let free = Leases::<T>::get(lease).map(|lease| lease.escrow.free());
		let sum = amount.saturating_add(T::MinEscrow::get());
		assert_eq!(free, Some(sum.saturating_sub(price_per_block::<T>())));
		Ok(())
	}

	#[benchmark]
	fn close_lease() -> Result<(), BenchmarkError> {
		let (tenant, lease) = open::<T>()?;
		pass::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Signed(tenant), lease);

		assert!(!Leases::<T>::contains_key(lease));
		Ok(())
	}

	#[benchmark]
	fn expire_lease() -> Result<(), BenchmarkError> {
		let (_, lease) = open::<T>()?;
		pass::<T>(DURATION_BLOCKS.saturating_add(1));
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), lease);

		assert!(!Leases::<T>::contains_key(lease));
		Ok(())
	}

	#[benchmark]
	fn settle_reservation() -> Result<(), BenchmarkError> {
		let (_, lease) = open::<T>()?;
		pass::<T>(11);
		let caller: T::AccountId = account("caller", 0, 0);
		fund::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), lease);

		assert!(!Leases::<T>::contains_key(lease));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
