//! Benchmarks of every call, each on its longest path.

use super::*;
use alloc::{vec, vec::Vec};
use assay_primitives::{ModelId, ProgramDigest, WeightsRoot};
use assay_program::{
	program_digest, EmbedBy, Limits, Operator, Program, TensorId, WeightId, WeightKind,
	WeightShape, SEMANTICS_DRAFT,
};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::RawOrigin;
use sp_runtime::{traits::Bounded, Saturating};

/// Bytes of one more operator and one more weight tensor, in [`program`].
const STEP_BYTES: u32 = 23;
/// Most of these steps, within the limits on operators and weights.
const STEPS_MAX: u32 = 2_000;

/// A well-formed program with as many operators and weights as fit `length` bytes, so that
/// validation has as much to look at as the bytes allow.
fn program(length: u32) -> Vec<u8> {
	let steps = (length / STEP_BYTES).min(STEPS_MAX);
	let mut weights = vec![
		WeightShape { kind: WeightKind::Int8, dims: vec![8, 8] },
		WeightShape { kind: WeightKind::Int32, dims: vec![8] },
	];
	let mut operators = vec![
		Operator::Tokens { vocabulary: 8 },
		Operator::Embed {
			ids: TensorId(0),
			table: WeightId(0),
			scales: WeightId(1),
			by: EmbedBy::Token,
			fraction: 12,
		},
	];
	for _ in 0..steps {
		weights.push(WeightShape { kind: WeightKind::Int8, dims: vec![1, 1, 1, 1] });
		operators.push(Operator::Add { left: TensorId(1), right: TensorId(1) });
	}
	// Two operators are there and `steps`, at most 2,000, were added.
	let stop = TensorId(steps.saturating_add(2) as u16);
	operators.push(Operator::Stop { next: None, ends: vec![] });
	operators.push(Operator::Emit { value: TensorId(1), stop });
	let limits = Limits::encoder(1, 8);
	Program { semantics: SEMANTICS_DRAFT, limits, weights, operators }.encode()
}

fn fund<T: Config>(who: &T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let minimum = <T::Currency as Inspect<T::AccountId>>::minimum_balance();
	let longest = assay_program::MAX_PROGRAM_BYTES.into();
	let amount = T::ProgramDepositPerByte::get()
		.saturating_mul(longest)
		.saturating_add(T::ProgramDepositBase::get())
		.saturating_add(T::ModelDeposit::get())
		.saturating_add(minimum)
		.saturating_mul(4u32.into());
	T::Currency::set_balance(who, amount);
}

fn owner<T: Config>() -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let owner: T::AccountId = account("owner", 0, 0);
	fund::<T>(&owner);
	owner
}

/// A model of a program of `length` bytes.
fn registered<T: Config>(
	length: u32,
) -> Result<(T::AccountId, ModelId, ProgramDigest), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let owner = owner::<T>();
	let bytes = program(length);
	let digest = ProgramDigest::from(program_digest(&bytes));
	let id = NextModelId::<T>::get();
	Pallet::<T>::register(
		RawOrigin::Signed(owner.clone()).into(),
		bytes.try_into().map_err(|_| BenchmarkError::Stop("the program is short enough"))?,
		WeightsRoot::default(),
		BalanceOf::<T>::max_value(),
	)?;
	Ok((owner, id, digest))
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register(l: Linear<100, 46_000>) -> Result<(), BenchmarkError> {
		let owner = owner::<T>();
		let bytes = program(l);
		let digest = ProgramDigest::from(program_digest(&bytes));
		let bytes: ProgramBytesVec =
			bytes.try_into().map_err(|_| BenchmarkError::Stop("the program is short enough"))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), bytes, WeightsRoot::default(), BalanceOf::<T>::max_value());

		assert!(Programs::<T>::contains_key(digest));
		Ok(())
	}

	#[benchmark]
	fn register_existing() -> Result<(), BenchmarkError> {
		let (owner, id, digest) = registered::<T>(1_000)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), digest, WeightsRoot::default(), BalanceOf::<T>::max_value());

		assert!(id.next().is_some_and(Models::<T>::contains_key));
		Ok(())
	}

	#[benchmark]
	fn set_terms() -> Result<(), BenchmarkError> {
		let (owner, id, _) = registered::<T>(1_000)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), id, 1u32.into());

		let royalty = Models::<T>::get(id).map(|model| model.royalty_per_unit);
		assert_eq!(royalty, Some(1u32.into()));
		Ok(())
	}

	#[benchmark]
	fn transfer_ownership() -> Result<(), BenchmarkError> {
		let (owner, id, _) = registered::<T>(1_000)?;
		let new_owner: T::AccountId = account("new owner", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), id, new_owner.clone());

		assert_eq!(Models::<T>::get(id).map(|model| model.owner), Some(new_owner));
		Ok(())
	}

	#[benchmark]
	fn retire() -> Result<(), BenchmarkError> {
		let (owner, first, digest) = registered::<T>(46_000)?;
		// The last model of a program that another account has stored: two depositors are paid
		// back.
		let other: T::AccountId = account("other owner", 0, 0);
		fund::<T>(&other);
		let id = NextModelId::<T>::get();
		Pallet::<T>::register_existing(
			RawOrigin::Signed(other.clone()).into(),
			digest,
			WeightsRoot::default(),
			BalanceOf::<T>::max_value(),
		)?;
		Pallet::<T>::retire(RawOrigin::Signed(owner).into(), first)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(other), id);

		assert!(!Programs::<T>::contains_key(digest));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
