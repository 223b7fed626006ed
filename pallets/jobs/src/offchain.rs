//! The off-chain worker: finds the duties of the worker keys in this node's keystore, hands work to
//! the executor, sends what the chain waits for. It never computes and never waits long.
//!
//! It runs on every new best block, also on blocks that are reverted later, so everything here may
//! happen twice: work is keyed by job digest at the executor, submissions by duty on chain. Nothing
//! is remembered between runs but, per duty, the block in which it was sent last; done means seen on
//! chain.

use crate::{types::SlotState, *};
use alloc::{format, string::String, vec::Vec};
use assay_primitives::{
	accept_statement, claim_statement, commit_statement, commitment,
	offchain::{
		executor_settings, finalized, node_secret, request, Answer, ExecutorSettings, Finalized,
		RequestError,
	},
	salt, AccountId, Anchor, JobDigest, Leases, Providers, SlotId, Stake, WorkerKey,
};
use assay_program::wire::{JobRequest, JobState, Tenants};
use codec::{Decode, Encode};
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_core::{
	offchain::{Duration, Timestamp},
	H256,
};
use sp_runtime::{
	offchain::{
		http::Method,
		storage::StorageValueRef,
		storage_lock::{StorageLock, Time},
	},
	RuntimeAppPublic, SaturatedConversion,
};

const TARGET: &str = "worker::jobs";
/// A whole run: less than a block, since the next block starts the next run.
const RUN_MILLIS: u64 = 2_000;
/// How long one run waits for one job that the executor has just been given.
const JOB_WAIT_MILLIS: u64 = 400;
/// Duties looked at in one run; the rest has its turn in the next blocks.
const DUTIES_PER_RUN: usize = 64;
/// Blocks after which a submission that is not on chain is sent again.
const RESEND_BLOCKS: u32 = 2;
/// Longest answer of a job endpoint.
const ANSWER_BYTES_MAX: usize = 1_024;

/// One run's view of the node.
struct Run {
	block: u32,
	genesis: H256,
	settings: ExecutorSettings,
	secret: [u8; 32],
	finalized: Option<Finalized>,
	deadline: Timestamp,
}

/// What a slot of ours needs now.
enum Work {
	/// Give the job to the executor; accept or commit.
	Compute,
	/// Reveal on this block.
	Reveal(Anchor),
	/// Nothing from this worker now.
	Wait,
}

impl Run {
	fn is_over(&self) -> bool {
		sp_io::offchain::timestamp() >= self.deadline
	}

	fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, RequestError> {
		request(&self.settings, method, path, body, self.deadline, ANSWER_BYTES_MAX)
	}

	/// Put a blob; the executor checks it and knows it by digest.
	fn put_input(&self, digest: &[u8; 32], bytes: Vec<u8>) -> Result<Answer, RequestError> {
		let path = format!("/v1/blobs/input/{}", hex(digest));
		self.ask(Method::Put, &path, bytes)
	}

	/// Hand a job over, or ask where it stands: the same request, since it is idempotent.
	fn put_job(&self, job: &JobRequest, digest: &JobDigest) -> Result<Answer, RequestError> {
		let path = format!("/v1/jobs/{}", hex(digest.as_ref()));
		self.ask(Method::Put, &path, job.encode())
	}

	/// Wait a little for a job that was handed over.
	fn await_job(&self, digest: &JobDigest) -> Result<Answer, RequestError> {
		let path = format!("/v1/jobs/{}?wait_ms={JOB_WAIT_MILLIS}", hex(digest.as_ref()));
		self.ask(Method::Get, &path, Vec::new())
	}
}

fn hex(bytes: &[u8; 32]) -> String {
	const DIGITS: &[u8; 16] = b"0123456789abcdef";
	let digit =
		|nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
	bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let keys = WorkerKey::all();
		if keys.is_empty() {
			return;
		}
		let Some(settings) = executor_settings() else {
			log::info!(
				target: TARGET,
				"a worker key is here but no executor: start the node with --executor-url"
			);
			return;
		};
		let Some(secret) = node_secret() else {
			log::error!(target: TARGET, "the node has stored no secret: nothing can be committed");
			return;
		};
		let mut lock = StorageLock::<Time>::with_deadline(
			b"assay/worker/lock",
			Duration::from_millis(RUN_MILLIS.saturating_mul(2)),
		);
		let Ok(_guard) = lock.try_lock() else { return };
		let run = Run {
			block: now.saturated_into(),
			genesis: Self::genesis(),
			settings,
			secret,
			finalized: finalized(),
			deadline: sp_io::offchain::timestamp().add(Duration::from_millis(RUN_MILLIS)),
		};
		for key in keys {
			if let Some(provider) = T::Providers::provider_of(&key) {
				Self::serve_provider(&run, &provider);
			}
		}
	}

	fn serve_provider(run: &Run, provider: &AccountId) {
		Self::tell_tenants(run, provider);
		// Begin where the last run of a busy provider ended, by block number.
		let duties = Self::duties_of(provider);
		let start = (run.block as usize).checked_rem(duties.len().max(1)).unwrap_or(0);
		let start = if duties.len() > DUTIES_PER_RUN { start } else { 0 };
		let mut computing = Vec::new();
		for slot_id in duties.iter().cycle().skip(start).take(duties.len().min(DUTIES_PER_RUN)) {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				break;
			}
			if Self::serve_slot(run, *slot_id) {
				computing.push(*slot_id);
			}
		}
		// All work is handed over before any is waited for: the executor's queue is never idle.
		for slot_id in computing {
			Self::await_slot(run, slot_id);
		}
	}

	/// The executor's data listener serves those who have an open lease.
	fn tell_tenants(run: &Run, provider: &AccountId) {
		let tenants = T::Leases::tenants_of(provider).into_iter().map(Into::into).collect();
		let body = Tenants { genesis: run.genesis.0, block: run.block, tenants }.encode();
		match run.ask(Method::Put, "/v1/tenants", body) {
			Ok(answer) if answer.is_success() => (),
			Ok(answer) => log::warn!(
				target: TARGET,
				"the executor refuses the list of tenants: status {}, {}",
				answer.status,
				answer.error.as_deref().unwrap_or("no code"),
			),
			Err(error) => log::warn!(
				target: TARGET,
				"the executor does not answer ({error:?}): check that it runs and its address"
			),
		}
	}

	/// Do what a slot needs. Whether the executor computes its job now.
	fn serve_slot(run: &Run, slot_id: SlotId) -> bool {
		let Some(slot) = Slots::<T>::get(slot_id) else { return false };
		let Some(job) = Jobs::<T>::get(slot.job) else { return false };
		if Self::settle_or_lapse(run, slot_id, &slot) {
			return false;
		}
		match Self::work_of(run, &slot, &job) {
			Work::Wait => false,
			Work::Compute => Self::compute(run, slot_id, &slot, &job),
			Work::Reveal(anchor) => {
				Self::reveal_slot(run, slot_id, &slot, &job, anchor);
				false
			},
		}
	}

	/// Wait for a job that was handed over in this run; accept it when its deadline nears.
	fn await_slot(run: &Run, slot_id: SlotId) {
		let Some(slot) = Slots::<T>::get(slot_id) else { return };
		let answer = if run.is_over() { None } else { run.await_job(&slot.job).ok() };
		match answer.and_then(Self::read_state) {
			Some(JobState::Done { claim }) => Self::commit_slot(run, slot_id, &slot, claim),
			_ => Self::accept_late(run, slot_id, &slot),
		}
	}

	/// Send what is due of a job that this worker has no more part in.
	fn settle_or_lapse(run: &Run, slot_id: SlotId, slot: &Slot<AccountId>) -> bool {
		if Self::check_settle(slot.job).is_ok() {
			let call = Call::settle { job: slot.job };
			Self::send(run, (slot_id, b'S'), call);
			return true;
		}
		if Self::check_lapse(slot_id).is_ok() {
			Self::send(run, (slot_id, b'L'), Call::lapse { slot: slot_id });
			return true;
		}
		false
	}

	fn work_of(run: &Run, slot: &Slot<AccountId>, job: &Job<AccountId>) -> Work {
		match (slot.state, job.phase) {
			(SlotState::Assigned { .. }, _) => Work::Compute,
			(SlotState::Committed { .. }, Phase::Revealing { closed_at, .. }) => {
				match Self::final_anchor(run, closed_at) {
					Some(anchor) => Work::Reveal(anchor),
					None => Work::Wait,
				}
			},
			_ => Work::Wait,
		}
	}

	/// The block that closed the commit phase, once it is final on this very chain: a reveal that
	/// leaves earlier could be copied on another fork.
	fn final_anchor(run: &Run, closed_at: u32) -> Option<Anchor> {
		let last = run.finalized?;
		if last.number < closed_at {
			return None;
		}
		let hash_of = |number: u32| {
			let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(number));
			(hash != H256::zero()).then_some(hash)
		};
		// The present block's own hash is not in its state; a final block always lies below it.
		if last.number < run.block && hash_of(last.number)? != last.hash {
			return None;
		}
		Some(Anchor { number: closed_at, hash: hash_of(closed_at)? })
	}

	/// Hand a job over and commit to its result if that is there. Whether it is computed now.
	fn compute(run: &Run, slot_id: SlotId, slot: &Slot<AccountId>, job: &Job<AccountId>) -> bool {
		if matches!(slot.state, SlotState::Assigned { accepted: false, .. })
			&& T::Stake::free(&slot.party) < job.pledge
		{
			log::warn!(
				target: TARGET,
				"slot {} needs a pledge of {} but the free bond does not cover it: bond more",
				slot_id.0,
				job.pledge,
			);
			return false;
		}
		match Self::state_at_executor(run, &slot.job, job) {
			Some(JobState::Queued | JobState::Running) => return true,
			Some(JobState::Done { claim }) => Self::commit_slot(run, slot_id, slot, claim),
			Some(JobState::Failed { code }) => log::error!(
				target: TARGET,
				"the executor failed job {:?} with code {code}: the slot will lapse",
				slot.job.0,
			),
			None => (),
		}
		false
	}

	/// Where the executor stands with a job, which it is given if it does not have it.
	fn state_at_executor(run: &Run, digest: &JobDigest, job: &Job<AccountId>) -> Option<JobState> {
		let request = Self::request_of(run, job);
		let mut answer = run.put_job(&request, digest);
		let lacks_blob =
			matches!(&answer, Ok(answer) if answer.error.as_deref() == Some("blob_missing"));
		if lacks_blob {
			if let Some(bytes) = InlineInputs::<T>::get(digest) {
				let put = run.put_input(&request.input, bytes.into_inner());
				if matches!(&put, Ok(put) if put.is_success()) {
					answer = run.put_job(&request, digest);
				}
			}
		}
		match answer {
			Ok(answer) if answer.is_success() => Self::read_state(answer),
			Ok(answer) => {
				log::warn!(
					target: TARGET,
					"the executor does not take job {:?}: status {}, {}",
					digest.0,
					answer.status,
					answer.error.as_deref().unwrap_or("no code"),
				);
				None
			},
			Err(error) => {
				log::warn!(target: TARGET, "the executor does not answer: {error:?}");
				None
			},
		}
	}

	fn read_state(answer: Answer) -> Option<JobState> {
		if !answer.is_success() {
			return None;
		}
		JobState::decode(&mut &answer.body[..])
			.inspect_err(|_| log::error!(target: TARGET, "the executor's answer is unreadable"))
			.ok()
	}

	fn request_of(run: &Run, job: &Job<AccountId>) -> JobRequest {
		JobRequest {
			genesis: run.genesis.0,
			program: job.program.into(),
			weights: job.weights.into(),
			input: job.input.into(),
			parameters: job.parameters.clone(),
			tenant: job.tenant.clone().into(),
			nonce: job.nonce,
		}
	}

	/// Accept before the result is there, when the executor has the job and the deadline nears.
	fn accept_late(run: &Run, slot_id: SlotId, slot: &Slot<AccountId>) {
		let SlotState::Assigned { accepted: false, due } = slot.state else { return };
		let left = due.saturating_sub(Self::now());
		if left > Self::timing().accept.div_ceil(2) {
			return;
		}
		let Ok((_, worker)) = Self::check_accept(slot_id) else { return };
		let statement = accept_statement(&run.genesis, &slot.job, slot_id);
		let Some(signature) = worker.sign(&statement) else { return };
		Self::send(run, (slot_id, b'A'), Call::accept { slot: slot_id, signature });
	}

	fn commit_slot(run: &Run, slot_id: SlotId, slot: &Slot<AccountId>, claim: Claim) {
		let Ok((_, worker)) = Self::check_commit(slot_id) else { return };
		let salt = salt(&run.secret, &slot.job, slot_id);
		let output = claim.output().into();
		let commitment = commitment(&run.genesis, &slot.job, slot_id, &worker, &salt, &output);
		let statement = commit_statement(&run.genesis, &slot.job, slot_id, &commitment);
		let Some(signature) = worker.sign(&statement) else {
			log::warn!(
				target: TARGET,
				"slot {} is bound to a worker key that is not in this keystore",
				slot_id.0
			);
			return;
		};
		let call = Call::commit { slot: slot_id, commitment, signature };
		Self::send(run, (slot_id, b'C'), call);
	}

	fn reveal_slot(
		run: &Run,
		slot_id: SlotId,
		slot: &Slot<AccountId>,
		job: &Job<AccountId>,
		anchor: Anchor,
	) {
		let Some(JobState::Done { claim }) = Self::state_at_executor(run, &slot.job, job) else {
			return;
		};
		let salt = salt(&run.secret, &slot.job, slot_id);
		let worker = match Self::check_reveal(slot_id, &claim, &salt, &anchor) {
			Ok((_, worker, _)) => worker,
			Err(error) => {
				log::error!(
					target: TARGET,
					"slot {} cannot be revealed ({error:?}): the executor's answer or the node's \
					 secret is not what it was at the commitment",
					slot_id.0,
				);
				return;
			},
		};
		let output = claim.output().into();
		let statement = claim_statement(&run.genesis, &slot.job, slot_id, &output, &anchor);
		let Some(signature) = worker.sign(&statement) else { return };
		let call = Call::reveal { slot: slot_id, claim, salt, anchor, signature };
		Self::send(run, (slot_id, b'R'), call);
	}

	/// Send a call unless it was sent within the last blocks. The pool may take it and lose it: what
	/// is not on chain after [`RESEND_BLOCKS`] is sent again.
	fn send(run: &Run, duty: (SlotId, u8), call: Call<T>) {
		let key = (b"assay/sent/", &duty).encode();
		let marker = StorageValueRef::persistent(&key);
		let sent_before = marker.mutate(|sent: Result<Option<u32>, _>| match sent {
			// A block number above ours is from a branch that was reverted.
			Ok(Some(at)) if at <= run.block && run.block.saturating_sub(at) < RESEND_BLOCKS => {
				Err(())
			},
			_ => Ok(run.block),
		});
		if sent_before.is_err() {
			return;
		}
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => log::debug!(target: TARGET, "sent {} of slot {}", duty.1 as char, duty.0 .0),
			Err(()) => log::warn!(
				target: TARGET,
				"the pool refused {} of slot {}: it is tried again",
				duty.1 as char,
				duty.0 .0,
			),
		}
	}
}
