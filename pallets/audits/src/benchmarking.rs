//! Benchmarks of every call and of every authorisation, each at its worst: of a provider with all
//! the pools that it may have.

use super::*;
use crate::types::{Auditor, Counted, KnownKey, Membership, Renewed, Share, Total};
use alloc::vec::Vec;
use assay_primitives::{
	duty_key_statement, final_statement, notice_statement, replica_statement, rows::forged_segment,
	segment_to_show, show_statement, AccountId, Anchor, AuditedJobs, Balance, DutyKey,
	DutyKeyProof, DutyOutput, DutyProof, JobDigest, ModelId, Stake, WeightsRoot, WorkerKey,
	WorkerSignature, DUTY_BLOCKS,
};
use frame_benchmarking::v2::*;
use frame_support::traits::{Authorize, Get};
use frame_system::{pallet_prelude::BlockNumberFor, Pallet as System, RawOrigin};
use sp_core::{crypto::KeyTypeId, H256};
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionSource},
	BoundedVec, RuntimeAppPublic,
};

/// Type of the keys that stand for duty keys.
const DUTY_KEY_TYPE: KeyTypeId = KeyTypeId(*b"bnch");

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper {
	/// A registered provider that has bonded for audits what the largest pledge needs, and its
	/// worker key, which is in the keystore. Another one for each seed.
	fn provider(seed: u32) -> (AccountId, WorkerKey);
	/// A model that can be audited. Another one for each seed.
	fn model(seed: u32) -> ModelId;
	/// A new model whose weights have paths as long as they may be. Their root is what is made of its
	/// id and of their length, in bytes.
	fn largest_model(weights: impl FnOnce(ModelId, u64) -> WeightsRoot) -> ModelId;
	/// A job of this model with audit rate one, whose first commitment is this party's, by this key
	/// and in this block, with as many slots as a notice can find.
	fn committed(model: ModelId, party: &AccountId, worker: &WorkerKey) -> JobDigest;
	/// A job of this model that was committed in this block and takes candidates, all of whose places
	/// are taken by the highest tickets, with as many slots as it can have. This provider may take a
	/// place, and has as many offers as it can.
	fn drawing(model: ModelId, candidate: &AccountId) -> JobDigest;
}

fn duty_key<T: Config>(who: &AccountId) -> Result<(DutyKey, DutyKeyProof), BenchmarkError> {
	let key = sp_io::crypto::sr25519_generate(DUTY_KEY_TYPE, None);
	let statement = duty_key_statement(&Pallet::<T>::genesis(), who);
	let proof = sp_io::crypto::sr25519_sign(DUTY_KEY_TYPE, &key, &statement)
		.ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
	Ok((key, proof))
}

impl<T: Config> Pallet<T> {
	/// As if a provider had shown in this period that it holds the weights of a model.
	pub fn assume_shown(who: &AccountId, model: ModelId) -> Result<(), Error<T>> {
		let old = Self::auditor_of(who);
		let mut new = old.clone();
		new.show(model, Self::period());
		Self::store_auditor(who, &old, new)
	}
}

/// A provider that is a member of so many pools, alone in each, since when there are periods, with
/// a stake that is not what it has bonded.
fn member<T: Config>(pools: u32) -> Result<(AccountId, WorkerKey), BenchmarkError> {
	let (who, worker) = T::BenchmarkHelper::provider(0);
	let (key, _) = duty_key::<T>(&who)?;
	let now = Pallet::<T>::period();
	let stake = T::AuditStake::bonded(&who).saturating_sub(1);
	let models: Vec<_> = (0..pools).map(T::BenchmarkHelper::model).collect();
	let sum = Share { stake, holders: 1 };
	for model in &models {
		let total = Total { sum, largest: Some((who.clone(), stake)), second: 0 };
		Pools::<T>::insert(model, Renewed::around(now, total));
		Members::<T>::insert(model, &who, ());
	}
	let counts = Counted::always(true);
	let memberships: Vec<_> = models
		.into_iter()
		.map(|model| Membership { model, counts, shown: Renewed::around(now, true) })
		.collect();
	let pools =
		BoundedVec::try_from(memberships).map_err(|_| BenchmarkError::Stop("too many pools"))?;
	let auditor = Auditor {
		key: Counted::always(Some(KnownKey { key, set_at: 0 })),
		stake: Counted::always(stake),
		pools,
	};
	Auditors::<T>::insert(&who, auditor);
	Ok((who, worker))
}

/// A showing of the weights with the longest paths, by a provider with as many pools as it may
/// have.
fn show_call<T: Config>() -> Result<(AccountId, Call<T>), BenchmarkError> {
	let (who, worker) = member::<T>(T::MaxPools::get().saturating_sub(1))?;
	let (period, randomness) = (Pallet::<T>::period(), H256([5; 32]));
	PeriodDraw::<T>::put((period, randomness));
	let mut opened = None;
	let model = T::BenchmarkHelper::largest_model(|model, weights_bytes| {
		let segment = segment_to_show(&randomness, &who, model, weights_bytes).unwrap_or_default();
		let (root, bytes, path) = forged_segment(weights_bytes, segment);
		opened = Some((segment, bytes, path));
		root
	});
	let (segment, bytes, path) = opened.ok_or(BenchmarkError::Stop("no root was asked for"))?;
	Auditors::<T>::mutate(&who, |auditor| {
		let counts = Counted::always(true);
		let membership = Membership { model, counts, shown: Renewed::default() };
		auditor.as_mut().and_then(|auditor| auditor.pools.try_push(membership).ok())
	})
	.ok_or(BenchmarkError::Stop("no place for one more pool"))?;
	Members::<T>::insert(model, &who, ());
	let statement = show_statement(&Pallet::<T>::genesis(), model, period, segment);
	let signature = sign(&worker, statement)?;
	Ok((who, Call::show { model, bytes, path, worker, signature }))
}

/// A job of another provider, as soon as it can be marked, and the last block that decides.
fn committed<T: Config>() -> (JobDigest, Anchor) {
	let (party, worker) = T::BenchmarkHelper::provider(1);
	let job = T::BenchmarkHelper::committed(T::BenchmarkHelper::model(0), &party, &worker);
	let committed_at = Pallet::<T>::block();
	let number = committed_at.saturating_add(DUTY_BLOCKS);
	System::<T>::set_block_number(number.saturating_add(1).into());
	let hash = H256([7; 32]);
	frame_system::BlockHash::<T>::insert(BlockNumberFor::<T>::from(number), hash);
	for drawn in 1..=DUTY_BLOCKS {
		Pallet::<T>::remember(committed_at.saturating_add(drawn), H256([8; 32]));
	}
	(job, Anchor { number, hash })
}

fn sign(worker: &WorkerKey, statement: Vec<u8>) -> Result<WorkerSignature, BenchmarkError> {
	worker.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))
}

fn mark_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let (_, worker) = member::<T>(T::MaxPools::get())?;
	let (job, anchor) = committed::<T>();
	let signature = sign(&worker, final_statement(&Pallet::<T>::genesis(), &job, &anchor))?;
	Ok(Call::mark_final { job, anchor, worker, signature })
}

/// A notice that is due. Where proofs cannot be made, in Wasm, there is only a wrong one: it takes
/// as long to refuse as a right one to accept.
fn notice_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let (who, worker) = member::<T>(T::MaxPools::get())?;
	let (job, _) = committed::<T>();
	T::Jobs::mark_final(job, T::NoticeBlocks::get())?;
	let slot = T::Jobs::audited(job).ok_or(BenchmarkError::Stop("no job"))?.slot;
	// Bytes that are a point, and scalars.
	let key = Pallet::<T>::duty_key_of(&who).ok_or(BenchmarkError::Stop("no duty key"))?;
	let (output, proof) = (DutyOutput(H256(key.0)), DutyProof([0; 64]));
	let signature = sign(&worker, notice_statement(&Pallet::<T>::genesis(), &job, slot, &output))?;
	Ok(Call::notice { job, worker, output, proof, signature })
}

/// A candidacy that takes the place of another.
fn replicate_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let (who, worker) = member::<T>(T::MaxPools::get())?;
	let job = T::BenchmarkHelper::drawing(T::BenchmarkHelper::model(0), &who);
	let committed_at = Pallet::<T>::block();
	System::<T>::set_block_number(committed_at.saturating_add(DUTY_BLOCKS + 1).into());
	for drawn in 1..=DUTY_BLOCKS {
		Pallet::<T>::remember(committed_at.saturating_add(drawn), H256([8; 32]));
	}
	let signature = sign(&worker, replica_statement(&Pallet::<T>::genesis(), &job))?;
	Ok(Call::replicate { job, worker, signature })
}

fn authorize<T: Config>(call: &Call<T>) -> Result<(), BenchmarkError> {
	call.authorize(TransactionSource::InBlock)
		.ok_or(BenchmarkError::Stop("no authorisation for this call"))?
		.map_err(|_| BenchmarkError::Stop("the call is refused"))?;
	Ok(())
}

fn bonded<T: Config>(who: &AccountId) -> Balance {
	T::AuditStake::bonded(who)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn on_initialize() -> Result<(), BenchmarkError> {
		let size = T::RingSize::get();
		// In its place there is an older one.
		Pallet::<T>::remember(0, H256([1; 32]));

		#[block]
		{
			let _ = T::AuthorRandomness::author_vrf();
			Pallet::<T>::remember(size, H256([2; 32]));
			// Once a period.
			Pallet::<T>::remember_of_period(T::Jobs::period_of(size), H256([2; 32]));
		}

		assert_eq!(Pallet::<T>::randomness_at(size), Some(H256([2; 32])));
		Ok(())
	}

	#[benchmark]
	fn set_duty_key() -> Result<(), BenchmarkError> {
		let (who, _) = member::<T>(T::MaxPools::get())?;
		let (key, proof) = duty_key::<T>(&who)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), key, proof);

		let next = Pallet::<T>::period().saturating_add(1);
		assert_eq!(Pallet::<T>::auditor_of(&who).key.at(next).map(|known| known.key), Some(key));
		Ok(())
	}

	#[benchmark]
	fn join() -> Result<(), BenchmarkError> {
		let others = T::MaxPools::get().saturating_sub(1);
		let (who, _) = member::<T>(others)?;
		let model = T::BenchmarkHelper::model(others);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), model);

		assert!(Members::<T>::contains_key(model, &who));
		Ok(())
	}

	#[benchmark]
	fn leave() -> Result<(), BenchmarkError> {
		let (who, _) = member::<T>(T::MaxPools::get())?;
		let model = T::BenchmarkHelper::model(0);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), model);

		let next = Pallet::<T>::period().saturating_add(1);
		assert!(!Pallet::<T>::auditor_of(&who).is_member(model, next));
		Ok(())
	}

	#[benchmark]
	fn refresh() -> Result<(), BenchmarkError> {
		let (who, _) = member::<T>(T::MaxPools::get())?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, who.clone());

		let next = Pallet::<T>::period().saturating_add(1);
		assert_eq!(*Pallet::<T>::auditor_of(&who).stake.at(next), bonded::<T>(&who));
		Ok(())
	}

	#[benchmark]
	fn mark_final() -> Result<(), BenchmarkError> {
		let Call::mark_final { job, anchor, worker, signature } = mark_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, anchor, worker, signature);

		assert!(T::Jobs::audited(job).is_some_and(|job| job.notices_until.is_some()));
		Ok(())
	}

	#[benchmark]
	fn notice() -> Result<(), BenchmarkError> {
		let Call::notice { job, worker, output, proof, signature } = notice_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, worker.clone(), output, proof, signature);

		// Who is a party already has no second slot.
		assert!(Pallet::<T>::do_notice(job, worker, output).is_err());
		Ok(())
	}

	#[benchmark]
	fn set_lambda_floor() -> Result<(), BenchmarkError> {
		let floor = T::LambdaMin::get();
		LambdaFloor::<T>::put(floor);

		#[extrinsic_call]
		_(RawOrigin::Root, crate::types::RATE_PARTS);

		assert_eq!(Pallet::<T>::lambda_floor(), crate::types::RATE_PARTS);
		Ok(())
	}

	#[benchmark]
	fn show() -> Result<(), BenchmarkError> {
		let (who, call) = show_call::<T>()?;
		let Call::show { model, bytes, path, worker, signature } = call else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, model, bytes, path, worker, signature);

		let next = Pallet::<T>::period().saturating_add(1);
		assert!(Pallet::<T>::auditor_of(&who).has_shown(model, next));
		Ok(())
	}

	#[benchmark]
	fn replicate() -> Result<(), BenchmarkError> {
		let Call::replicate { job, worker, signature } = replicate_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, worker.clone(), signature);

		// Who is a party already has no second slot.
		assert!(Pallet::<T>::do_replicate(job, worker).is_err());
		Ok(())
	}

	#[benchmark]
	fn authorize_replicate() -> Result<(), BenchmarkError> {
		let Call::replicate { job, worker, .. } = replicate_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};
		let signature = sign(&worker, b"another".to_vec())?;
		let call = Call::<T>::replicate { job, worker, signature };
		let refusal;

		#[block]
		{
			refusal = call.authorize(TransactionSource::InBlock);
		}

		// The signature is looked at last of all that is not measured with the dispatch.
		let bad_proof = InvalidTransaction::BadProof.into();
		assert!(matches!(refusal, Some(Err(error)) if error == bad_proof));
		Ok(())
	}

	#[benchmark]
	fn authorize_show() -> Result<(), BenchmarkError> {
		let (_, call) = show_call::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_refresh() -> Result<(), BenchmarkError> {
		let (provider, _) = member::<T>(T::MaxPools::get())?;
		let call = Call::<T>::refresh { provider };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_mark_final() -> Result<(), BenchmarkError> {
		let call = mark_call::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_notice() -> Result<(), BenchmarkError> {
		let call = notice_call::<T>()?;
		let refusal;

		#[block]
		{
			refusal = call.authorize(TransactionSource::InBlock);
		}

		// The VRF is looked at last of all that is not measured with the dispatch.
		let bad_proof = InvalidTransaction::BadProof.into();
		assert!(matches!(refusal, Some(Err(error)) if error == bad_proof));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_benchmark_ext(), crate::mock::Test);
}
