//! Benchmarks of every call, of every authorisation and of the end of a block, each on its
//! longest path: the input travels with the job, everybody has a share in the price, and lease
//! and model end with the job. Jobs are audited at the highest rate; where work grows with the
//! slots of a job all but the first are those of auditors, or of as many replicas as a job can
//! have where these are dearer: when they are paid.

use super::{
	types::{AuditState, SlotState, LAMBDA_ONE, REPLICAS_MAX, SLOTS_MAX},
	*,
};
use alloc::vec;
use assay_primitives::{
	accept_statement, apis::SlotRole, claim_statement, commit_statement, AccountId, Anchor, Audits,
	Balance, Commitment, JobDigest, LapseReason, LeaseId, LeaseInfo, Leases, Models, OutputDigest,
	Parameters, Providers, SlotId, WorkerKey, WorkerSignature,
};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{Authorize, ConstU32, Hooks},
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, Pallet as System, RawOrigin};
use sp_core::H256;
use sp_runtime::{transaction_validity::TransactionSource, RuntimeAppPublic};

const SALT: H256 = H256([5; 32]);
const CLAIM: Claim = Claim::Output { count: 1, data: [3; 32] };
/// What the others of a job have revealed.
const REVEALED: SlotState = SlotState::Revealed { claim: CLAIM, units: 1 };
/// What the others of a job have committed to.
const COMMITTED: SlotState = SlotState::Committed { commitment: Commitment(H256([4; 32])) };
/// What a trap promises: for each auditor more than an account needs to exist.
const JACKPOT: Balance = 1_000_000_000_000;
/// Hash of the block that closes the commit phase.
const CLOSING_HASH: H256 = H256([9; 32]);

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper {
	/// A funded tenant's lease at a provider that may take work and whose worker key is in the
	/// keystore. Its model earns a royalty and takes inputs of any length that may be inline, and
	/// others have audit stake that counts for it.
	fn lease() -> LeaseId;
	/// The `n`th of those: a registered provider and its worker key, with free audit stake for an
	/// audit of any job under such a lease, and free bond for doing it.
	fn auditor(n: u32) -> (AccountId, WorkerKey);
	/// Let a lease and its model end with their last job.
	fn wind_down(lease: LeaseId);
}

/// All that a job of `bytes` of inline input is submitted with.
struct Request {
	lease: LeaseId,
	tenant: AccountId,
	input: JobInput,
	parameters: Parameters,
}

fn request<T: Config>(bytes: u32) -> Result<Request, BenchmarkError> {
	// A benchmark is set up in the block of genesis, whose hash the closing block must not take.
	skip::<T>(1);
	let lease = T::BenchmarkHelper::lease();
	let LeaseInfo { tenant, model, .. } = T::Leases::open_lease(lease)?;
	let cost = T::Models::model(model).ok_or(BenchmarkError::Stop("no model"))?.cost;
	let position = cost.input_length(&Parameters::encoder(1, 1)).max(1);
	// An input has one position at least.
	let positions = u64::from(bytes).div_euclid(position).max(1);
	let positions =
		u32::try_from(positions).map_err(|_| BenchmarkError::Stop("too many positions"))?;
	let parameters = Parameters::encoder(1, positions);
	let length = usize::try_from(cost.input_length(&parameters))
		.map_err(|_| BenchmarkError::Stop("the input is too long"))?;
	let input = InlineInput::try_from(vec![0; length])
		.map_err(|_| BenchmarkError::Stop("the input cannot be inline"))?;
	Ok(Request { lease, tenant, input: JobInput::Inline(input), parameters })
}

fn submitted<T: Config>() -> Result<(JobDigest, SlotId), BenchmarkError> {
	let Request { lease, tenant, input, parameters } = request::<T>(types::INLINE_BYTES_MAX)?;
	let slot = NextSlot::<T>::get();
	let origin = RawOrigin::Signed(tenant).into();
	Pallet::<T>::submit_job(origin, lease, 0, input, parameters, 0, LAMBDA_ONE, 1)?;
	T::BenchmarkHelper::wind_down(lease);
	let job = Slots::<T>::get(slot).ok_or(BenchmarkError::Stop("no slot"))?.job;
	Ok((job, slot))
}

// A job of `slots` slots, whose notices end in this block: the first slot has not committed, the
// others are auditors' and in some later state.
fn audited<T: Config>(slots: u32, state: SlotState) -> Result<(JobDigest, SlotId), BenchmarkError> {
	let (digest, first) = submitted::<T>()?;
	let mut job = Jobs::<T>::get(digest).ok_or(BenchmarkError::Stop("no job"))?;
	if job.lambda_ppb == 0 {
		return Err(BenchmarkError::Stop("nobody can audit the job"));
	}
	for n in 1..slots {
		let slot_id = NextSlot::<T>::get();
		NextSlot::<T>::put(slot_id.next().ok_or(BenchmarkError::Stop("no slot id"))?);
		let (party, worker) = T::BenchmarkHelper::auditor(n);
		WorkerDuties::<T>::insert(&worker, slot_id, ());
		let is_replica = state == REVEALED && n <= REPLICAS_MAX;
		let slot = Slot {
			job: digest,
			party,
			worker: Some(worker),
			role: if is_replica { SlotRole::Replica } else { SlotRole::Audit },
			pledge: if is_replica { job.pledge } else { T::Audits::pledge(job.price_max) },
			state,
			disputes: 0,
		};
		if state.is_pledged() {
			Pallet::<T>::pledge_slot(slot_id, &slot)?;
		}
		Pallet::<T>::open_slot(slot_id, slot)?;
		job.slots.try_push(slot_id).map_err(|_| BenchmarkError::Stop("too many slots"))?;
	}
	let (committed_at, until) = (Pallet::<T>::block(), Pallet::<T>::now());
	job.audit = AuditState::Marked { committed_at, slot: first, until };
	Jobs::<T>::insert(digest, job);
	Ok((digest, first))
}

// The same, with the first slot committed, so that its commit phase is closed.
fn committed<T: Config>(
	slots: u32,
	state: SlotState,
) -> Result<(JobDigest, SlotId, Anchor), BenchmarkError> {
	let (job, slot) = audited::<T>(slots, state)?;
	Pallet::<T>::do_commit(slot, commitment::<T>(&job, slot)?)?;
	let (now, clock) = (Pallet::<T>::block(), JobClock::<T>::get());
	let (number, _) = Jobs::<T>::get(job)
		.and_then(|job| job.revealing(&clock, now))
		.ok_or(BenchmarkError::Stop("the commit phase is open"))?;
	// When no candidate for a replica can come any more.
	skip::<T>(number.saturating_sub(now));
	frame_system::BlockHash::<T>::insert(BlockNumberFor::<T>::from(number), CLOSING_HASH);
	Ok((job, slot, Anchor { number, hash: CLOSING_HASH }))
}

// A job that waits for one more reveal, which costs a penalty.
fn late<T: Config>(slots: u32) -> Result<(JobDigest, SlotId, Anchor), BenchmarkError> {
	let (job, slot, anchor) = committed::<T>(slots, REVEALED)?;
	skip::<T>(Pallet::<T>::timing().commit_base.saturating_add(1));
	Ok((job, slot, anchor))
}

// A slot whose provider has broken its word, after all others have.
fn overdue<T: Config>(slots: u32) -> Result<SlotId, BenchmarkError> {
	let lapsed = SlotState::Lapsed { reason: LapseReason::NotRevealed };
	let (_, slot, _) = committed::<T>(slots, lapsed)?;
	let Timing { commit_base, reveal_grace, .. } = Pallet::<T>::timing();
	skip::<T>(commit_base.saturating_add(reveal_grace).saturating_add(1));
	Ok(slot)
}

// A job that was a trap: auditors that agree are paid twice.
fn payable<T: Config>(slots: u32) -> Result<JobDigest, BenchmarkError> {
	let (job, slot, anchor) = committed::<T>(slots, REVEALED)?;
	Pallet::<T>::do_reveal(slot, CLAIM, SALT, anchor)?;
	match Jobs::<T>::get(job).map(|job| job.phase) {
		Some(Phase::Window { closes, .. }) => {
			skip::<T>(closes.saturating_sub(Pallet::<T>::now()).saturating_add(1));
		},
		_ => return Err(BenchmarkError::Stop("the window is not open")),
	}
	Jackpots::<T>::insert(job, JACKPOT);
	Ok(job)
}

fn skip<T: Config>(blocks: u32) {
	System::<T>::set_block_number(Pallet::<T>::block().saturating_add(blocks).into());
}

fn worker<T: Config>(slot: SlotId) -> Result<WorkerKey, BenchmarkError> {
	Slots::<T>::get(slot)
		.and_then(|slot| T::Providers::worker_key(&slot.party))
		.ok_or(BenchmarkError::Stop("no worker key"))
}

fn sign<T: Config>(slot: SlotId, statement: &[u8]) -> Result<WorkerSignature, BenchmarkError> {
	worker::<T>(slot)?.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))
}

fn commitment<T: Config>(job: &JobDigest, slot: SlotId) -> Result<Commitment, BenchmarkError> {
	let output: OutputDigest = CLAIM.output().into();
	let (genesis, worker) = (Pallet::<T>::genesis(), worker::<T>(slot)?);
	Ok(assay_primitives::commitment(&genesis, job, slot, &worker, &SALT, &output))
}

fn accept_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let (job, slot) = submitted::<T>()?;
	let signature = sign::<T>(slot, &accept_statement(&Pallet::<T>::genesis(), &job, slot))?;
	Ok(Call::accept { slot, signature })
}

fn commit_call<T: Config>(slots: u32) -> Result<Call<T>, BenchmarkError> {
	let (job, slot) = audited::<T>(slots, COMMITTED)?;
	let commitment = commitment::<T>(&job, slot)?;
	let statement = commit_statement(&Pallet::<T>::genesis(), &job, slot, &commitment);
	Ok(Call::commit { slot, commitment, signature: sign::<T>(slot, &statement)? })
}

fn reveal_call<T: Config>(slots: u32) -> Result<Call<T>, BenchmarkError> {
	let (job, slot, anchor) = late::<T>(slots)?;
	let output: OutputDigest = CLAIM.output().into();
	let statement = claim_statement(&Pallet::<T>::genesis(), &job, slot, &output, &anchor);
	let signature = sign::<T>(slot, &statement)?;
	Ok(Call::reveal { slot, claim: CLAIM, salt: SALT, anchor, signature })
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
	fn submit_job(b: Linear<0, { types::INLINE_BYTES_MAX }>) -> Result<(), BenchmarkError> {
		let Request { lease, tenant, input, parameters } = request::<T>(b)?;
		let slot = NextSlot::<T>::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(tenant), lease, 0, input, parameters, 1, LAMBDA_ONE, 1);

		assert!(Slots::<T>::contains_key(slot));
		Ok(())
	}

	#[benchmark]
	fn accept() -> Result<(), BenchmarkError> {
		let Call::accept { slot, signature } = accept_call::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot, signature);

		assert!(Slots::<T>::get(slot).is_some_and(|slot| slot.state.is_pledged()));
		Ok(())
	}

	#[benchmark]
	fn commit(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let Call::commit { slot, commitment, signature } = commit_call::<T>(s)? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot, commitment, signature);

		assert!(Slots::<T>::get(slot).is_some_and(|slot| !slot.state.awaits_commitment()));
		Ok(())
	}

	#[benchmark]
	fn reveal(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let Call::reveal { slot, claim, salt, anchor, signature } = reveal_call::<T>(s)? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot, claim, salt, anchor, signature);

		assert!(Slots::<T>::get(slot).is_some_and(|slot| !slot.state.awaits_reveal()));
		Ok(())
	}

	#[benchmark]
	fn lapse(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let slot = overdue::<T>(s)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot);

		assert!(!Slots::<T>::contains_key(slot));
		Ok(())
	}

	#[benchmark]
	fn settle(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let job = payable::<T>(s)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, job);

		assert!(!Jobs::<T>::contains_key(job));
		assert_eq!(BlockReceipts::<T>::decode_len(), Some(1));
		Ok(())
	}

	#[benchmark]
	fn set_paused() -> Result<(), BenchmarkError> {
		#[extrinsic_call]
		_(RawOrigin::Root, true);

		assert!(JobClock::<T>::get().paused_since.is_some());
		Ok(())
	}

	#[benchmark]
	fn authorize_accept() -> Result<(), BenchmarkError> {
		let call = accept_call::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_commit() -> Result<(), BenchmarkError> {
		let call = commit_call::<T>(SLOTS_MAX)?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_reveal() -> Result<(), BenchmarkError> {
		let call = reveal_call::<T>(SLOTS_MAX)?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_lapse() -> Result<(), BenchmarkError> {
		let call = Call::<T>::lapse { slot: overdue::<T>(SLOTS_MAX)? };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_settle(s: Linear<1, SLOTS_MAX>) -> Result<(), BenchmarkError> {
		let call = Call::<T>::settle { job: payable::<T>(s)? };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn on_finalize_receipts(n: Linear<0, { types::RECEIPTS_MAX }>) -> Result<(), BenchmarkError> {
		let leaves = vec![H256([7; 32]); n as usize];
		let leaves: BoundedVec<_, ConstU32<{ types::RECEIPTS_MAX }>> =
			leaves.try_into().map_err(|_| BenchmarkError::Stop("too many receipts"))?;
		BlockReceipts::<T>::put(leaves);
		let now = System::<T>::block_number();

		#[block]
		{
			<Pallet<T> as Hooks<_>>::on_finalize(now);
		}

		assert!(!BlockReceipts::<T>::exists());
		assert_eq!(System::<T>::digest().logs().len(), usize::from(n > 0));
		Ok(())
	}
}
