//! Benchmarks of every call and of every authorisation, each at its worst: the largest item, and
//! jobs with as many slots as they can have.

use super::*;
use crate::types::{Chunk, Demand, Path, CHUNKS_MAX, SLOTS_MAX};
use alloc::{vec, vec::Vec};
use assay_primitives::{
	demand_statement, AccountId, Item, JobDigest, WorkerKey, CHUNK_BYTES, DEMAND_BYTES_MAX,
};
use assay_program::merkle;
use frame_benchmarking::v2::*;
use frame_support::traits::{Authorize, Get};
use frame_system::{Pallet as System, RawOrigin};
use sp_core::H256;
use sp_runtime::{
	traits::SaturatedConversion, transaction_validity::TransactionSource, RuntimeAppPublic,
};

/// Length that the input of a misshapen job has.
const OTHER_LENGTH: u64 = 1;
/// Root of its segments: of nothing that anybody knows.
const OTHER_ROOT: H256 = H256([5; 32]);

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper {
	/// A job with so many slots, all of which have lapsed but the first: that one owes an input with
	/// this digest, of the greatest length for which there is a program.
	fn owed(digest: H256, slots: u32) -> JobDigest;
	/// A provider that can prepay anything, and its worker key, which is in the keystore.
	fn demander() -> (AccountId, WorkerKey);
}

fn largest() -> Vec<u8> {
	vec![7; DEMAND_BYTES_MAX as usize]
}

/// The segments of a blob that are all alike: its root, and the path of the last one.
fn alike(blob: &[u8]) -> (H256, Vec<H256>) {
	let mut node = merkle::leaf(blob.get(..CHUNK_BYTES as usize).unwrap_or_default());
	let (mut width, mut path) = (CHUNKS_MAX, Vec::new());
	while width > 1 {
		path.push(H256(node));
		node = merkle::node(&node, &node);
		width = width.div_ceil(2);
	}
	(H256(merkle::sized(blob.len() as u64, &node)), path)
}

/// A job with so many slots whose input is demanded.
fn demanded<T: Config>(digest: H256, slots: u32) -> Result<JobDigest, BenchmarkError> {
	let (who, _) = T::BenchmarkHelper::demander();
	let job = T::BenchmarkHelper::owed(digest, slots);
	Pallet::<T>::do_demand(who, job, Item::Input)?;
	Ok(job)
}

/// The delivery of the last chunk of the largest item. Neighbours have no job of that size, so the
/// record is made for it.
fn deliver_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let blob = largest();
	let (digest, path) = alike(&blob);
	let job = demanded::<T>(digest, 1)?;
	let index = CHUNKS_MAX.saturating_sub(1);
	let held = Pallet::<T>::load(job).map_err(|_| BenchmarkError::Stop("no demand"))?;
	let length = DEMAND_BYTES_MAX;
	// Of what was held so much is left as the last chunk costs.
	let price_per_byte = held.unspent().div_euclid(CHUNK_BYTES.into());
	Demands::<T>::insert(job, Demand { length, digest, price_per_byte, next: index, ..held });
	let bytes = Chunk::try_from(blob.get(..CHUNK_BYTES as usize).unwrap_or_default().to_vec())
		.map_err(|_| BenchmarkError::Stop("too long a chunk"))?;
	let path = Path::try_from(path).map_err(|_| BenchmarkError::Stop("too long a path"))?;
	Ok(Call::deliver { job, item: Item::Input, index, bytes, path })
}

fn misshapen<T: Config>(slots: u32) -> Result<JobDigest, BenchmarkError> {
	demanded::<T>(H256(merkle::sized(OTHER_LENGTH, &OTHER_ROOT.0)), slots)
}

fn overdue<T: Config>(slots: u32) -> Result<JobDigest, BenchmarkError> {
	let job = demanded::<T>(H256([9; 32]), slots)?;
	let now: u32 = System::<T>::block_number().saturated_into();
	let late = now.saturating_add(T::AnswerBlocks::get()).saturating_add(1);
	System::<T>::set_block_number(late.into());
	Ok(job)
}

fn authorize<T: Config>(call: &Call<T>) -> Result<(), BenchmarkError> {
	call.authorize(TransactionSource::InBlock)
		.ok_or(BenchmarkError::Stop("no authorisation for this call"))?
		.map_err(|_| BenchmarkError::Stop("the call is refused"))?;
	Ok(())
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn demand() -> Result<(), BenchmarkError> {
		let (who, _) = T::BenchmarkHelper::demander();
		let job = T::BenchmarkHelper::owed(H256([9; 32]), SLOTS_MAX);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), job, Item::Input);

		assert!(Demands::<T>::contains_key(job));
		Ok(())
	}

	#[benchmark]
	fn demand_for() -> Result<(), BenchmarkError> {
		let (_, worker) = T::BenchmarkHelper::demander();
		let job = T::BenchmarkHelper::owed(H256([9; 32]), SLOTS_MAX);
		let statement = demand_statement(&Pallet::<T>::genesis(), &job, Item::Input);
		let signature =
			worker.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, Item::Input, worker, signature);

		assert!(Demands::<T>::contains_key(job));
		Ok(())
	}

	#[benchmark]
	fn deliver() -> Result<(), BenchmarkError> {
		let Call::deliver { job, item, index, bytes, path } = deliver_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, item, index, bytes, path);

		assert!(!Demands::<T>::contains_key(job));
		Ok(())
	}

	#[benchmark]
	fn show_length(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let job = misshapen::<T>(s)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, OTHER_LENGTH, OTHER_ROOT);

		assert!(!Demands::<T>::contains_key(job));
		Ok(())
	}

	#[benchmark]
	fn timeout(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let job = overdue::<T>(s)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, job);

		assert!(!Demands::<T>::contains_key(job));
		Ok(())
	}

	#[benchmark]
	fn authorize_demand_for() -> Result<(), BenchmarkError> {
		let (_, worker) = T::BenchmarkHelper::demander();
		let job = T::BenchmarkHelper::owed(H256([9; 32]), SLOTS_MAX);
		let statement = demand_statement(&Pallet::<T>::genesis(), &job, Item::Input);
		let signature =
			worker.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
		let call = Call::<T>::demand_for { job, item: Item::Input, worker, signature };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_deliver() -> Result<(), BenchmarkError> {
		let call = deliver_call::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_show_length() -> Result<(), BenchmarkError> {
		let job = misshapen::<T>(1)?;
		let call = Call::<T>::show_length { job, length: OTHER_LENGTH, root: OTHER_ROOT };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_timeout() -> Result<(), BenchmarkError> {
		let job = overdue::<T>(1)?;
		let call = Call::<T>::timeout { job };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_benchmark_ext(), crate::mock::Test);
}
