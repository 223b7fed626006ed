//! The off-chain worker: finds the duties of the worker keys in this node's keystore, hands work to
//! the executor, sends what the chain waits for. It never computes and never waits long.
//!
//! It runs on every new best block, also on blocks that are reverted later, so everything here may
//! happen twice: work is keyed by job digest at the executor, submissions by duty on chain. Nothing
//! is remembered between runs but, per duty, the block in which it was sent last; done means seen
//! on chain.

use crate::{types::SlotState, *};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	format,
	vec::Vec,
};
use assay_primitives::{
	accept_statement,
	apis::SlotRole,
	claim_statement, commit_statement, commitment,
	offchain::{
		executor_settings, finalized, hex, is_due_to_send, node_secret, request, Answer,
		ExecutorSettings, Finalized, RequestError,
	},
	salt, AccountId, Anchor, JobDigest, Leases, Providers, SlotId, WorkerKey,
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
/// Slots for which one run asks the executor; the rest has its turn in the next blocks.
const TASKS_PER_RUN: usize = 64;
/// Where it is noted what was sent when.
const SENT_PREFIX: &[u8] = b"assay/sent/";
/// Blocks after which a submission that is not on chain is sent again.
pub(crate) const RESEND_BLOCKS: u32 = 2;
/// Blocks after which it is said again that this node has a worker key but no executor.
pub(crate) const REMIND_BLOCKS: u32 = 1_200;
/// The lock that one run at a time holds.
pub(crate) const LOCK_KEY: &[u8] = b"assay/worker/lock";
/// Where it is noted when the missing executor was spoken of last.
const REMINDED_KEY: &[u8] = b"assay/worker/reminded";
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

/// A slot of ours that needs the executor.
struct Task {
	slot_id: SlotId,
	slot: Slot<AccountId>,
	job: Job<AccountId>,
	/// To be revealed on this block; to be computed where there is none.
	anchor: Option<Anchor>,
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

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let keys = WorkerKey::all();
		if keys.is_empty() {
			return;
		}
		let now: u32 = now.saturated_into();
		let Some(settings) = executor_settings() else {
			if is_time_to_remind(now) {
				log::info!(
					target: TARGET,
					"a worker key is here but no executor: start the node with --executor-url"
				);
			}
			return;
		};
		let Some(secret) = node_secret() else {
			log::error!(target: TARGET, "the node has stored no secret: nothing can be committed");
			return;
		};
		let mut lock = StorageLock::<Time>::with_deadline(
			LOCK_KEY,
			Duration::from_millis(RUN_MILLIS.saturating_mul(2)),
		);
		let Ok(_guard) = lock.try_lock() else { return };
		let run = Run {
			block: now,
			genesis: Self::genesis(),
			settings,
			secret,
			finalized: finalized(),
			deadline: sp_io::offchain::timestamp().add(Duration::from_millis(RUN_MILLIS)),
		};
		Self::serve(&run, &keys);
	}

	/// Do what all keys of this node owe now: first what costs a pledge if it is late.
	fn serve(run: &Run, keys: &[WorkerKey]) {
		let duties = Self::duties_at_hand(keys);
		let serving = keys.iter().filter_map(T::Providers::provider_of);
		let parties: BTreeSet<AccountId> =
			serving.chain(duties.values().map(|slot| slot.party.clone())).collect();
		if parties.is_empty() {
			return;
		}
		Self::tell_tenants(run, &parties, &duties);
		let mut computing = Vec::new();
		for task in Self::agenda(run, keys, duties) {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				break;
			}
			let Task { slot_id, slot, job, anchor } = task;
			if let Some(anchor) = anchor {
				Self::reveal_slot(run, slot_id, &slot, &job, anchor);
			} else if let Some(state) = Self::compute(run, slot_id, &slot, &job) {
				computing.push((slot_id, state));
			}
		}
		// All work is handed over before any is waited for: the executor's queue is never idle.
		for (slot_id, state) in computing {
			Self::await_slot(run, slot_id, state);
		}
	}

	/// Open slots that keys of this node have a part in: those bound to one of them, also to one
	/// that its provider has replaced, and those that wait for a worker of a provider whose key is
	/// here.
	fn duties_at_hand(keys: &[WorkerKey]) -> BTreeMap<SlotId, Slot<AccountId>> {
		let bound = keys.iter().flat_map(WorkerDuties::<T>::iter_key_prefix);
		let providers = keys.iter().filter_map(T::Providers::provider_of);
		let waiting = providers.flat_map(|provider| Self::duties_of(&provider));
		bound
			.chain(waiting)
			.filter_map(|slot_id| Some((slot_id, Slots::<T>::get(slot_id)?)))
			.collect()
	}

	/// Send what needs no executor; choose from the rest by what is at stake.
	fn agenda(
		run: &Run,
		keys: &[WorkerKey],
		duties: BTreeMap<SlotId, Slot<AccountId>>,
	) -> Vec<Task> {
		// Silence costs a part of the pledge; so does a late commitment; a new job may lapse.
		let (mut reveals, mut accepted, mut new) = (Vec::new(), Vec::new(), Vec::new());
		for (slot_id, slot) in duties {
			// No key is needed to end what is due: also not that of a node that is gone.
			if Self::settle_or_lapse(run, slot_id, &slot) {
				continue;
			}
			if slot.worker.as_ref().is_some_and(|worker| !keys.contains(worker)) {
				continue;
			}
			let Some(job) = Jobs::<T>::get(slot.job) else { continue };
			match Self::work_of(run, &slot, &job) {
				Work::Wait => (),
				Work::Reveal(anchor) => {
					reveals.push(Task { slot_id, slot, job, anchor: Some(anchor) })
				},
				Work::Compute if slot.worker.is_some() => {
					accepted.push(Task { slot_id, slot, job, anchor: None })
				},
				Work::Compute => new.push(Task { slot_id, slot, job, anchor: None }),
			}
		}
		// First what has to be there first.
		accepted.sort_by_key(|task| match task.slot.state {
			SlotState::Assigned { due, .. } => due,
			_ => u32::MAX,
		});
		let shares = shares([reveals.len(), accepted.len(), new.len()]);
		let lists = [reveals, accepted, new].into_iter().zip(shares);
		lists.flat_map(|(list, share)| take_turns(list, share, run.block)).collect()
	}

	/// The executor's data listener serves those who have an open lease with a provider of this
	/// node, and those whose jobs one does as a replica.
	fn tell_tenants(
		run: &Run,
		parties: &BTreeSet<AccountId>,
		duties: &BTreeMap<SlotId, Slot<AccountId>>,
	) {
		let replicas = duties.values().filter(|slot| slot.role == SlotRole::Replica);
		let others = replicas.filter_map(|slot| Some(Jobs::<T>::get(slot.job)?.tenant));
		let leased = parties.iter().flat_map(T::Leases::tenants_of);
		let tenants: BTreeSet<AccountId> = leased.chain(others).collect();
		let tenants = tenants.into_iter().map(Into::into).collect();
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

	/// Wait for a job that was handed over in this run; accept it when its deadline nears.
	fn await_slot(run: &Run, slot_id: SlotId, before: JobState) {
		let Some(slot) = Slots::<T>::get(slot_id) else { return };
		let answer = if run.is_over() { None } else { run.await_job(&slot.job).ok() };
		match answer.and_then(Self::read_state).unwrap_or(before) {
			JobState::Done { claim } => Self::commit_slot(run, slot_id, &slot, claim),
			JobState::Failed { code } => Self::tell_failure(&slot, code),
			JobState::Running => Self::accept_late(run, slot_id, &slot),
			// The time for a commitment counts each job alone, but they run one after the other,
			// and nobody here knows how much lies before it: it is left to lapse, which costs
			// nothing.
			JobState::Queued => (),
		}
	}

	fn tell_failure(slot: &Slot<AccountId>, code: u32) {
		log::error!(
			target: TARGET,
			"the executor failed job {:?} with code {code}: the slot will lapse",
			slot.job.0,
		);
	}

	/// Send what is due to end of a job; whether this slot's own end is.
	fn settle_or_lapse(run: &Run, slot_id: SlotId, slot: &Slot<AccountId>) -> bool {
		if Self::check_settle(slot.job).is_ok() {
			let call = Call::settle { job: slot.job };
			Self::send(run, (slot_id, b'S'), call);
			return true;
		}
		// Also what others owe: a job with a party that is gone would wait for it for ever.
		let job = Jobs::<T>::get(slot.job);
		let awaited = job.filter(|job| !matches!(job.phase, Phase::Window { .. }));
		let slots = awaited.map(|job| job.slots).unwrap_or_default();
		for id in slots.into_iter().filter(|id| Self::check_lapse(*id).is_ok()) {
			Self::send(run, (id, b'L'), Call::lapse { slot: id });
		}
		Self::check_lapse(slot_id).is_ok()
	}

	fn work_of(run: &Run, slot: &Slot<AccountId>, job: &Job<AccountId>) -> Work {
		// Another may still be drawn in its place.
		let is_drawing = job.replicas.is_drawing(Self::now_of(job));
		if slot.role == SlotRole::Replica && is_drawing {
			return Work::Wait;
		}
		match (slot.state, job.phase) {
			(SlotState::Assigned { .. }, _) => Work::Compute,
			(SlotState::Committed { .. }, Phase::Revealing { .. }) => {
				let revealing = job.revealing(&JobClock::<T>::get(), Self::block());
				let Some((closed_at, reveal_by)) = revealing else { return Work::Wait };
				// Where nobody else has a slot there is nothing to copy: rather than lose a pledge
				// to a stall of finality, the last quarter of the time does not wait for it. Of an
				// audited job that is long after the last notice.
				let alone = job.slots.len() == 1;
				let urgent = alone && Self::now_of(job) >= last_quarter(reveal_by, &Self::timing());
				let anchor = Self::final_anchor(run, closed_at)
					.or_else(|| urgent.then(|| Self::anchor(closed_at)).flatten());
				anchor.map_or(Work::Wait, Work::Reveal)
			},
			_ => Work::Wait,
		}
	}

	/// The block that closed the commit phase, once it is final on this very chain: a reveal that
	/// leaves earlier could be copied on another fork.
	fn final_anchor(run: &Run, closed_at: u32) -> Option<Anchor> {
		let last = run.finalized?;
		// Where finality has overtaken this run, the run on a later block tells on which chain.
		if last.number < closed_at || last.number > run.block {
			return None;
		}
		let known = Self::anchor_hash(last.number)?;
		if known != last.hash && known != H256::zero() {
			return None;
		}
		Self::anchor(closed_at)
	}

	fn anchor(number: u32) -> Option<Anchor> {
		Some(Anchor { number, hash: Self::anchor_hash(number)? })
	}

	/// Hand a job over and commit to its result if that is there. Where it stands, if it is
	/// computed now.
	fn compute(
		run: &Run,
		slot_id: SlotId,
		slot: &Slot<AccountId>,
		job: &Job<AccountId>,
	) -> Option<JobState> {
		if matches!(slot.state, SlotState::Assigned { accepted: false, .. })
			&& Self::free_stake(slot) < slot.pledge
		{
			log::warn!(
				target: TARGET,
				"slot {} needs a pledge of {} but the free bond does not cover it: bond more",
				slot_id.0,
				slot.pledge,
			);
			return None;
		}
		match Self::state_at_executor(run, &slot.job, job) {
			Some(state @ (JobState::Queued | JobState::Running)) => return Some(state),
			Some(JobState::Done { claim }) => Self::commit_slot(run, slot_id, slot, claim),
			Some(JobState::Failed { code }) => Self::tell_failure(slot, code),
			None => (),
		}
		None
	}

	/// Where the executor stands with a job, which it is given if it does not have it.
	fn state_at_executor(run: &Run, digest: &JobDigest, job: &Job<AccountId>) -> Option<JobState> {
		let request = job.request(&run.genesis);
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

	/// Accept before the result is there, when the deadline nears.
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
		let Ok(((_, job), worker)) = Self::check_commit(slot_id) else { return };
		if !job.may_claim(&claim) {
			// It could never be revealed.
			log::error!(
				target: TARGET,
				"the executor claims a number of steps that job {:?} cannot have",
				slot.job.0,
			);
			return;
		}
		let claim = Self::claim_to_commit(&job, slot, claim);
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
		let claim = Self::claim_to_reveal(slot_id, slot, claim, &salt, &anchor);
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

	/// Send a call unless it was sent within the last blocks.
	fn send(run: &Run, duty: (SlotId, u8), call: Call<T>) {
		if !is_due_to_send(SENT_PREFIX, duty, run.block, RESEND_BLOCKS) {
			return;
		}
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => log::debug!(target: TARGET, "sent {} of slot {}", duty.1 as char, duty.0 .0),
			// The one that was sent before may still be there.
			Err(()) => log::info!(
				target: TARGET,
				"the pool does not take {} of slot {} now: it is tried again",
				duty.1 as char,
				duty.0 .0,
			),
		}
	}
}

/// Whether to speak of the missing executor: at first, and then now and again.
pub(crate) fn is_time_to_remind(block: u32) -> bool {
	StorageValueRef::persistent(REMINDED_KEY)
		.mutate(|last: Result<Option<u32>, _>| match last {
			// A block number above ours is from another chain in the same database.
			Ok(Some(at)) if at <= block && block.saturating_sub(at) < REMIND_BLOCKS => Err(()),
			_ => Ok(block),
		})
		.is_ok()
}

/// Clock time from which a reveal does not wait for finality any more.
pub(crate) fn last_quarter(reveal_by: u32, timing: &Timing) -> u32 {
	reveal_by.saturating_sub(timing.commit_base.div_ceil(4))
}

/// How many tasks of each list a run takes, the most urgent list first. Each has a quarter of the
/// run in any case: a flood of one kind starves no other.
fn shares(lengths: [usize; 3]) -> [usize; 3] {
	let mut shares = lengths.map(|length| length.min(TASKS_PER_RUN / 4));
	let mut left = TASKS_PER_RUN.saturating_sub(shares.iter().sum());
	for (share, length) in shares.iter_mut().zip(lengths) {
		let more = length.saturating_sub(*share).min(left);
		*share = share.saturating_add(more);
		left = left.saturating_sub(more);
	}
	shares
}

/// A share of a list. Where the list is longer, each run begins where the last one ended.
fn take_turns<E>(mut list: Vec<E>, share: usize, block: u32) -> impl Iterator<Item = E> {
	if list.len() > share {
		let start = (block as usize).wrapping_mul(share).checked_rem(list.len());
		list.rotate_left(start.unwrap_or(0));
	}
	list.into_iter().take(share)
}

#[cfg(test)]
mod tests {
	use super::{shares, take_turns, TASKS_PER_RUN};

	#[test]
	fn no_list_starves_another() {
		assert_eq!(shares([0, 0, 3]), [0, 0, 3]);
		assert_eq!(shares([500, 0, 0]), [TASKS_PER_RUN, 0, 0]);
		assert_eq!(shares([500, 500, 500]), [32, 16, 16]);
		assert_eq!(shares([10, 500, 500]), [10, 38, 16]);
		assert_eq!(shares([500, 5, 0]), [59, 5, 0]);
	}

	#[test]
	fn everyone_has_a_turn_within_the_shortest_number_of_blocks() {
		for (length, share) in [(1, 64), (64, 64), (65, 64), (256, 64), (128, 34), (60, 24), (9, 2)]
		{
			let mut served = vec![0; length];
			let blocks = length.div_ceil(share);
			for block in 1_000..1_000 + blocks as u32 {
				let list: Vec<usize> = (0..length).collect();
				take_turns(list, share, block).for_each(|slot| served[slot] += 1);
			}
			assert!(served.iter().all(|times| *times > 0), "{length} by {share}: {served:?}");
		}
	}
}
