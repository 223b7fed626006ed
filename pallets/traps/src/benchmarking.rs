//! Benchmarks of every call and of the authorisation of an opening, each at its worst: as many
//! roots as are kept, each with as many leaves as it can have.

use super::*;
use crate::types::ROOTS_MAX;
use alloc::{boxed::Box, vec::Vec};
use assay_primitives::{
	trap_consent, trap_leaf, trap_statement, AccountId, JobDigest, Trap, TrapJobs, WorkerKey,
	WorkerSignature, TRAPS_MAX, TRAP_PATH_MAX,
};
use assay_program::{merkle, Claim, Hash};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{Authorize, EnsureOrigin},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::{crypto::KeyTypeId, H256};
use sp_runtime::{transaction_validity::TransactionSource, MultiSignature, RuntimeAppPublic};

/// Type of the key that stands for the tenant's.
const TENANT_KEY_TYPE: KeyTypeId = KeyTypeId(*b"tnnt");
const SALT: [u8; 32] = [7; 32];
const CLAIM: Claim = Claim::Output { count: 1, data: [3; 32] };

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper {
	/// An audited job of this tenant, with as many slots as it can have, in the first blocks of its
	/// window: its assigned slot claims something else than this. Its provider, and the worker key of
	/// the slot, which is in the keystore.
	fn revealed(tenant: &AccountId, claim: &Claim) -> (JobDigest, AccountId, WorkerKey);
}

/// The last leaf of the largest tree, in which all others are the same: its path and the root.
fn path_and_root(leaf: Hash) -> (Vec<H256>, H256) {
	let (mut other, mut own, mut path) = ([0; 32], leaf, Vec::new());
	for _ in 0..TRAP_PATH_MAX {
		path.push(H256(other));
		own = merkle::node(&other, &own);
		other = merkle::node(&other, &other);
	}
	(path, H256(own))
}

/// Fill all periods that are kept but one with roots and a licensee's openings.
fn fill<T: Config>(provider: &AccountId, roots: u32) -> Result<(), BenchmarkError> {
	let now = T::Jobs::period();
	let first = now.saturating_sub(roots);
	let mut licence = Licence { allowance: TRAPS_MAX, ..Default::default() };
	let mut periods = Vec::new();
	for period in first..now {
		let root = Root::new(H256([1; 32]), TRAPS_MAX, 0);
		Roots::<T>::insert(period, root.ok_or(BenchmarkError::Stop("no root"))?.with_open(0));
		periods.push(period);
		licence = licence
			.with_one_more(period, &periods)
			.ok_or(BenchmarkError::Stop("no allowance is left"))?;
	}
	let periods =
		BoundedVec::try_from(periods).map_err(|_| BenchmarkError::Stop("too many roots"))?;
	Periods::<T>::put(periods);
	Licences::<T>::insert(provider, licence);
	Ok(())
}

/// Let so many duty periods have passed.
fn skip_periods<T: Config>(count: u32) {
	while T::Jobs::period() < count {
		let now = Pallet::<T>::block();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(1).into());
	}
}

fn open_call<T: Config>() -> Result<(JobDigest, Trap, WorkerSignature), BenchmarkError> {
	skip_periods::<T>(ROOTS_MAX);
	let key = sp_io::crypto::sr25519_generate(TENANT_KEY_TYPE, None);
	let (job, provider, worker) = T::BenchmarkHelper::revealed(&key.into(), &CLAIM);
	fill::<T>(&provider, ROOTS_MAX.saturating_sub(1))?;
	let genesis = Pallet::<T>::genesis();
	let leaf = trap_leaf(&genesis, &job, &SALT, &CLAIM);
	let (path, root) = path_and_root(leaf);
	let period = T::Jobs::period();
	let record = Root::new(root, TRAPS_MAX, 0).ok_or(BenchmarkError::Stop("no root"))?;
	Roots::<T>::insert(period, record);
	Periods::<T>::mutate(|periods| periods.try_push(period))
		.map_err(|_| BenchmarkError::Stop("too many roots"))?;

	let statement = trap_consent(&genesis, &leaf);
	let consent = sp_io::crypto::sr25519_sign(TENANT_KEY_TYPE, &key, &statement)
		.ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
	let path = path.try_into().map_err(|_| BenchmarkError::Stop("the path is too long"))?;
	let (index, consent) = (TRAPS_MAX.saturating_sub(1), MultiSignature::Sr25519(consent));
	let trap = Trap { period, index, salt: SALT, claim: CLAIM, path, consent };
	let slot = T::Jobs::trap_job(job, &CLAIM)?.slot;
	let statement = trap_statement(&genesis, &job, slot, &CLAIM.output().into());
	let signature =
		worker.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
	Ok((job, trap, signature))
}

fn root_origin<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
	T::TreasuryOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn license() -> Result<(), BenchmarkError> {
		skip_periods::<T>(ROOTS_MAX);
		let provider = AccountId::new([1; 32]);
		fill::<T>(&provider, ROOTS_MAX)?;
		let origin = root_origin::<T>()?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, provider.clone(), 1);

		assert!(Licences::<T>::get(provider).is_some_and(|licence| licence.allowance == 1));
		Ok(())
	}

	#[benchmark]
	fn revoke() -> Result<(), BenchmarkError> {
		skip_periods::<T>(ROOTS_MAX);
		let provider = AccountId::new([1; 32]);
		fill::<T>(&provider, ROOTS_MAX)?;
		let origin = root_origin::<T>()?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, provider.clone());

		assert!(!Licences::<T>::contains_key(provider));
		Ok(())
	}

	#[benchmark]
	fn post() -> Result<(), BenchmarkError> {
		skip_periods::<T>(ROOTS_MAX);
		fill::<T>(&AccountId::new([1; 32]), ROOTS_MAX)?;
		let (period, origin) = (T::Jobs::period(), root_origin::<T>()?);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, H256([2; 32]), TRAPS_MAX);

		assert!(Roots::<T>::contains_key(period));
		assert_eq!(Periods::<T>::get().len(), ROOTS_MAX as usize);
		Ok(())
	}

	#[benchmark]
	fn open() -> Result<(), BenchmarkError> {
		let (job, trap, signature) = open_call::<T>()?;
		let (period, index) = (trap.period, trap.index);

		#[extrinsic_call]
		_(RawOrigin::Authorized, job, Box::new(trap), signature);

		assert!(Roots::<T>::get(period).is_some_and(|root| root.is_open(index)));
		Ok(())
	}

	#[benchmark]
	fn authorize_open() -> Result<(), BenchmarkError> {
		let (job, trap, signature) = open_call::<T>()?;
		let call = Call::<T>::open { job, trap: Box::new(trap), signature };
		let authorized;

		#[block]
		{
			authorized = call.authorize(TransactionSource::InBlock);
		}

		assert!(matches!(authorized, Some(Ok(_))));
		Ok(())
	}
}
