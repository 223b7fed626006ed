//! The off-chain worker: says that commitments are final, asks the executor whether a job is one's
//! own to audit, and gives notice where it is. What the executor said is noted in local storage, so
//! it is asked once for each job; done means seen on chain.

use crate::{calls::Candidate, types::is_duty, *};
use alloc::vec::Vec;
use assay_primitives::{
	final_statement, notice_statement,
	offchain::{
		executor_settings, finalized, is_due_to_send, request, ExecutorSettings, Finalized,
		RequestError,
	},
	AccountId, Anchor, AuditedJob, AuditedJobs, Duty, JobDigest, Providers, SlotId, WorkerKey,
};
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

const TARGET: &str = "worker::audits";
/// A whole run: less than a block, since the next block starts the next run.
const RUN_MILLIS: u64 = 2_000;
/// Jobs that await marks or notices among which one run looks for some to audit.
const JOBS_LOOKED_AT: usize = 1_024;
/// Members of each of its pools whose stake one run looks at.
const MEMBERS_LOOKED_AT: usize = 64;
/// Refreshes that one run sends.
const REFRESHES_PER_RUN: usize = 4;
/// Blocks before the end of notices in which nothing is waited for any more.
const LAST_BLOCKS: u32 = 4;
/// Jobs about which one run asks its executor; the rest has its turn in the next blocks.
const QUESTIONS_PER_RUN: usize = 32;
/// Blocks after which what is not on chain is sent again.
pub(crate) const RESEND_BLOCKS: u32 = 2;
/// The lock that one run at a time holds.
const LOCK_KEY: &[u8] = b"assay/worker/audits/lock";
/// Where it is noted what was sent when, for each worker key.
const SENT_PREFIX: &[u8] = b"assay/audits/sent/";
/// Where it is noted what the executor said.
const ANSWER_PREFIX: &[u8] = b"assay/audits/answer/";
/// Places for what it said: a job that takes another's place makes it be asked once more.
const ANSWER_PLACES: u64 = 4_096;
/// Longest answer: an output and a proof.
const ANSWER_BYTES_MAX: usize = 96;

/// One run's view of the node.
struct Run {
	block: u32,
	genesis: H256,
	settings: Option<ExecutorSettings>,
	finalized: Option<Finalized>,
	deadline: Timestamp,
}

/// A provider whose worker key is here.
struct Party {
	account: AccountId,
	worker: WorkerKey,
}

impl Run {
	fn is_over(&self) -> bool {
		sp_io::offchain::timestamp() >= self.deadline
	}
}

/// After which digest a run looks for jobs: where there are more than it looks at, each node begins
/// elsewhere in each block, so that none is overlooked by all or for ever.
fn start_of(run: &Run, parties: &[Party]) -> JobDigest {
	let worker = parties.first().map(|party| &party.worker);
	JobDigest(H256(sp_io::hashing::blake2_256(&("audits", worker, run.block).encode())))
}

/// What was said about a job: by which key about what, as a hash, and what it was.
type Answered = (H256, Duty);

/// By which hash an answer is known: another key, fork or block makes it another question.
fn question_of(candidate: &Candidate) -> H256 {
	H256(sp_io::hashing::blake2_256(&(&candidate.input, candidate.key).encode()))
}

/// Where it is noted what a duty key said about a job.
fn answer_key(candidate: &Candidate) -> Vec<u8> {
	let name = (candidate.input.job, candidate.key).encode();
	let hash = sp_io::hashing::twox_64(&name);
	let place = u64::from_le_bytes(hash).checked_rem(ANSWER_PLACES).unwrap_or_default();
	let mut key = ANSWER_PREFIX.to_vec();
	place.encode_to(&mut key);
	key
}

fn noted_answer(candidate: &Candidate) -> Option<Duty> {
	let noted = StorageValueRef::persistent(&answer_key(candidate)).get::<Answered>();
	let (question, duty) = noted.ok().flatten()?;
	(question == question_of(candidate)).then_some(duty)
}

fn note_answer(candidate: &Candidate, duty: &Duty) {
	let answered: Answered = (question_of(candidate), *duty);
	StorageValueRef::persistent(&answer_key(candidate)).set(&answered);
}

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let keys = WorkerKey::all();
		if keys.is_empty() {
			return;
		}
		let parties: Vec<Party> = keys
			.into_iter()
			.filter_map(|worker| {
				let account = T::Providers::provider_of(&worker)?;
				Some(Party { account, worker })
			})
			.collect();
		if parties.is_empty() {
			return;
		}
		let mut lock = StorageLock::<Time>::with_deadline(
			LOCK_KEY,
			Duration::from_millis(RUN_MILLIS.saturating_mul(2)),
		);
		let Ok(_guard) = lock.try_lock() else { return };
		let run = Run {
			block: now.saturated_into(),
			genesis: Self::genesis(),
			settings: executor_settings(),
			finalized: finalized(),
			deadline: sp_io::offchain::timestamp().add(Duration::from_millis(RUN_MILLIS)),
		};
		Self::serve(&run, &parties);
	}

	/// What needs no executor first.
	fn serve(run: &Run, parties: &[Party]) {
		for party in parties {
			Self::refresh_stake(run, party);
		}
		let mut marked = Vec::new();
		for job in T::Jobs::auditable(start_of(run, parties), JOBS_LOOKED_AT) {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				return;
			}
			match T::Jobs::audited(job) {
				Some(audited) if audited.notices_until.is_none() => {
					Self::mark(run, parties, job, &audited);
				},
				Some(_) => marked.push(job),
				None => (),
			}
		}
		Self::answer_duties(run, parties, marked);
	}

	/// What is bonded by now is to count from the next period on.
	///
	/// Of all members of its own pools: stake that is gone and counts on makes its duties fewer.
	fn refresh_stake(run: &Run, party: &Party) {
		let models = Self::auditor_of(&party.account).pools.into_iter().map(|pool| pool.model);
		let members =
			models.flat_map(|model| Members::<T>::iter_key_prefix(model).take(MEMBERS_LOOKED_AT));
		let own = core::iter::once(party.account.clone());
		let is_due = |who: &AccountId| Self::check_refresh(who).is_ok();
		for provider in own.chain(members).filter(is_due).take(REFRESHES_PER_RUN) {
			let tag = sp_io::hashing::twox_64(provider.as_ref());
			let duty = (SlotId(u64::from_le_bytes(tag)), b'F');
			Self::send(run, &party.worker, duty, Call::refresh { provider });
		}
	}

	// --- final marks ---

	fn mark(run: &Run, parties: &[Party], job: JobDigest, audited: &AuditedJob<AccountId>) {
		let Some(anchor) = Self::anchor_for(run, audited.committed_at) else { return };
		let may_mark = |party: &&Party| Self::check_mark_final(job, &anchor, &party.worker).is_ok();
		let Some(party) = parties.iter().find(may_mark) else { return };
		let statement = final_statement(&run.genesis, &job, &anchor);
		let Some(signature) = party.worker.sign(&statement) else { return };
		let worker = party.worker.clone();
		let call = Call::mark_final { job, anchor, worker, signature };
		Self::send(run, &party.worker, (audited.slot, b'M'), call);
	}

	/// The last block whose author decides, once it is final on this very chain. When the party
	/// itself may mark, there is nothing to wait for any more.
	fn anchor_for(run: &Run, committed_at: u32) -> Option<Anchor> {
		let number = Self::lowest_anchor(committed_at).ok()?;
		let anchor = Anchor { number, hash: Self::past_hash(number)? };
		let is_due = Self::is_final(run, number) || Self::party_may_mark(committed_at);
		is_due.then_some(anchor)
	}

	/// Whether a block is final on the chain of this run.
	fn is_final(run: &Run, number: u32) -> bool {
		// Where finality has overtaken this run, the run on a later block tells on which chain.
		run.finalized.is_some_and(|last| {
			last.number >= number && Self::past_hash(last.number) == Some(last.hash)
		})
	}

	// --- duties ---

	/// Ask about jobs that notices are taken of, and give notice.
	fn answer_duties(run: &Run, parties: &[Party], jobs: Vec<JobDigest>) {
		let mut unknown = Vec::new();
		for job in jobs {
			// On a fork that may be left behind, a notice would tell block authors who audits.
			if !Self::may_speak(run, job) {
				continue;
			}
			for party in parties {
				let Ok(candidate) = Self::check_candidate(job, &party.worker) else { continue };
				match noted_answer(&candidate) {
					Some(duty) => Self::give_notice(run, party, &candidate, duty),
					// Without stake there is nothing to ask.
					None if candidate.threshold > 0 => unknown.push((party, candidate)),
					None => (),
				}
			}
		}
		let Some(settings) = &run.settings else { return };
		if unknown.len() > QUESTIONS_PER_RUN {
			let start = (run.block as usize).wrapping_mul(QUESTIONS_PER_RUN);
			let start = start.checked_rem(unknown.len()).unwrap_or(0);
			unknown.rotate_left(start);
			unknown.truncate(QUESTIONS_PER_RUN);
		}
		for (party, candidate) in unknown {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				return;
			}
			// Providers of one node have one executor, and so one duty key.
			let answer = match noted_answer(&candidate) {
				Some(duty) => Ok(Some(duty)),
				None => Self::ask(run, settings, &candidate),
			};
			match answer {
				Ok(Some(duty)) => {
					note_answer(&candidate, &duty);
					Self::give_notice(run, party, &candidate, duty);
				},
				Ok(None) => (),
				Err(error) => {
					log::warn!(target: TARGET, "the executor does not answer: {error:?}");
					return;
				},
			}
		}
	}

	/// Whether the blocks that decide about a job are final, whoever has marked it; in the last blocks
	/// for notices nothing is waited for, so that a stall of finality costs no audit.
	fn may_speak(run: &Run, job: JobDigest) -> bool {
		T::Jobs::audited(job).is_some_and(|audited| {
			let is_final = Self::lowest_anchor(audited.committed_at)
				.is_ok_and(|number| Self::is_final(run, number));
			let last = T::Jobs::now().saturating_add(LAST_BLOCKS);
			is_final || audited.notices_until.is_some_and(|until| last >= until)
		})
	}

	/// What the executor's duty key makes of a job; none where it says nothing that holds.
	fn ask(
		run: &Run,
		settings: &ExecutorSettings,
		candidate: &Candidate,
	) -> Result<Option<Duty>, RequestError> {
		let body = candidate.input.encode();
		let answer =
			request(settings, Method::Post, "/v1/duty", body, run.deadline, ANSWER_BYTES_MAX)?;
		if !answer.is_success() {
			log::warn!(
				target: TARGET,
				"the executor does not say whether job {:?} is to be audited: status {}, {}",
				candidate.input.job.0,
				answer.status,
				answer.error.as_deref().unwrap_or("no code"),
			);
			return Ok(None);
		}
		let duty = Duty::decode(&mut &answer.body[..])
			.ok()
			.filter(|duty| candidate.input.verify(&candidate.key, duty));
		if duty.is_none() {
			log::error!(
				target: TARGET,
				"the executor's duty key is not the one that is registered for {:?}: register it",
				candidate.auditor,
			);
		}
		Ok(duty)
	}

	fn give_notice(run: &Run, party: &Party, candidate: &Candidate, duty: Duty) {
		if !is_duty(duty.output.number(), candidate.threshold) {
			return;
		}
		let (job, slot, worker) = (candidate.input.job, candidate.input.slot, &party.worker);
		// It has a slot already, or its stake does not cover the pledge.
		let opens = || T::Jobs::open_audit(job, candidate.auditor.clone(), worker.clone());
		if !Self::would_work(opens) {
			log::debug!(target: TARGET, "no slot of job {:?} opens for a notice", job.0);
			return;
		}
		let Duty { output, proof } = duty;
		let statement = notice_statement(&run.genesis, &job, slot, &output);
		let Some(signature) = worker.sign(&statement) else { return };
		let call = Call::notice { job, worker: worker.clone(), output, proof, signature };
		Self::send(run, worker, (slot, b'N'), call);
	}

	/// Send a call unless it was sent within the last blocks.
	fn send(run: &Run, worker: &WorkerKey, duty: (SlotId, u8), call: Call<T>) {
		let prefix = [SENT_PREFIX, worker.as_ref()].concat();
		if !is_due_to_send(&prefix, duty, run.block, RESEND_BLOCKS) {
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
