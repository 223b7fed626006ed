//! The off-chain worker: says that commitments are final, asks the executor whether a job is one's
//! own to audit, and gives notice where it is; shows once a period that its providers hold the
//! weights of their pools. What the executor said is noted in local storage, so
//! it is asked once for each job; done means seen on chain.

use crate::{
	calls::{Candidate, DueShow, Volunteer},
	types::is_duty,
	*,
};
use alloc::{format, vec::Vec};
use assay_primitives::{
	final_statement, notice_statement,
	offchain::{
		executor_settings, finalized, hex, is_due_to_send, request, ExecutorSettings, Finalized,
		RequestError,
	},
	replica_statement, show_statement, AccountId, Anchor, AuditedJob, AuditedJobs, Duty, JobDigest,
	ModelId, Opening, Providers, SegmentBytes, SegmentPath, SlotId, WorkerKey,
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
/// Segments of weights for which one run asks its executor.
const SHOWS_PER_RUN: usize = 4;
/// Longest answer with a segment: 4 KiB, the longest path, and both lengths.
const SEGMENT_BYTES_MAX: usize = 5 * 1_024;
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
/// Jobs for which one run says that it would do them as well.
const REPLICAS_PER_RUN: usize = 4;
/// Longest answer about the executor's health.
const HEALTH_BYTES_MAX: usize = 4_096;
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
		Self::volunteer(run, parties);
		// Last: they have the whole period.
		Self::show_weights(run, parties);
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

	// --- weights ---

	/// Show the weights of one's own pools, once in each period.
	fn show_weights(run: &Run, parties: &[Party]) {
		let Some(settings) = &run.settings else { return };
		let due = |party: &'_ Party| {
			let models = Self::auditor_of(&party.account).pools.into_iter().map(|pool| pool.model);
			models
				.filter_map(|model| Some((model, Self::check_due_show(model, &party.worker).ok()?)))
				.collect::<Vec<_>>()
		};
		let all =
			parties.iter().flat_map(|party| due(party).into_iter().map(move |due| (party, due)));
		let sent = |(party, (model, due)): &(&Party, (ModelId, DueShow))| {
			let tag = (&due.provider, model, due.period).encode();
			let tag = SlotId(u64::from_le_bytes(sp_io::hashing::twox_64(&tag)));
			Self::is_due(run, &party.worker, (tag, b'S'))
		};
		for (party, (model, due)) in all.filter(sent).take(SHOWS_PER_RUN) {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				return;
			}
			match Self::ask_segment(run, settings, &due) {
				Ok(Some(opening)) => Self::show_segment(run, party, model, &due, opening),
				Ok(None) => (),
				Err(error) => {
					log::warn!(target: TARGET, "the executor does not answer: {error:?}");
					return;
				},
			}
		}
	}

	/// A segment from the executor; none where it has none that holds.
	fn ask_segment(
		run: &Run,
		settings: &ExecutorSettings,
		due: &DueShow,
	) -> Result<Option<Opening>, RequestError> {
		let path = format!("/v1/models/{}/segments/{}", hex(due.weights.as_ref()), due.segment);
		let (method, body) = (Method::Get, Vec::new());
		let answer = request(settings, method, &path, body, run.deadline, SEGMENT_BYTES_MAX)?;
		if !answer.is_success() {
			log::warn!(
				target: TARGET,
				"the executor does not show the weights {:?} of {:?}, which counts no more for their \
				 audits: status {}, {}",
				due.weights.0,
				due.provider,
				answer.status,
				answer.error.as_deref().unwrap_or("no code"),
			);
			return Ok(None);
		}
		let opening = Opening::decode(&mut &answer.body[..]).ok();
		if opening.is_none() {
			log::error!(target: TARGET, "the executor's answer is no segment of weights");
		}
		Ok(opening)
	}

	fn show_segment(run: &Run, party: &Party, model: ModelId, due: &DueShow, opening: Opening) {
		let path: Vec<H256> = opening.path.into_iter().map(H256).collect();
		let (Ok(bytes), Ok(path)) =
			(SegmentBytes::try_from(opening.bytes), SegmentPath::try_from(path))
		else {
			log::error!(target: TARGET, "the executor's segment of weights is too long");
			return;
		};
		if let Err(error) = Self::check_show(model, &bytes, &path, &party.worker) {
			log::error!(
				target: TARGET,
				"the executor's segment {} of {:?} is not to be shown: {error:?}",
				due.segment,
				due.weights.0,
			);
			return;
		}
		let statement = show_statement(&run.genesis, model, due.period, due.segment);
		let Some(signature) = party.worker.sign(&statement) else { return };
		let worker = party.worker.clone();
		Self::submit(
			(SlotId(due.segment.into()), b'S'),
			Call::show { model, bytes, path, worker, signature },
		);
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

	/// Say that one would do jobs as well that replicas are drawn for, where the draw falls on one. In
	/// another order at each node and block: nobody knows which jobs are overlooked where there are
	/// many.
	fn volunteer(run: &Run, parties: &[Party]) {
		let jobs = T::Jobs::drawing(start_of(run, parties), JOBS_LOOKED_AT).into_iter();
		let mut pairs: Vec<_> =
			jobs.flat_map(|job| parties.iter().map(move |party| (job, party))).collect();
		pairs.sort_by_cached_key(|(job, party)| {
			sp_io::hashing::blake2_256(&(run.block, job, &party.worker).encode())
		});
		let (mut is_well, mut sent) = (None, Vec::new());
		for (job, party) in pairs {
			if run.is_over() || sent.len() >= REPLICAS_PER_RUN {
				return;
			}
			let tag = SlotId(u64::from_le_bytes(sp_io::hashing::twox_64(job.as_ref())));
			// What is sent now will be to be done as well.
			sent.push(job);
			if !Self::is_drawn(job, party, &sent) {
				sent.pop();
				continue;
			}
			// Without an executor nothing could be computed, and silence costs a replica its pledge.
			if !*is_well.get_or_insert_with(|| Self::is_executor_well(run)) {
				return;
			}
			// What was sent a block ago is not on chain yet: it stays among what is to be done.
			if !Self::is_due(run, &party.worker, (tag, b'V')) {
				continue;
			}
			let Some(signature) = party.worker.sign(&replica_statement(&run.genesis, &job)) else {
				return;
			};
			let call = Call::replicate { job, worker: party.worker.clone(), signature };
			Self::submit((tag, b'V'), call);
		}
	}

	/// Whether the draw falls on a provider as it is now, and it can do the job.
	fn is_drawn(job: JobDigest, party: &Party, with: &[JobDigest]) -> bool {
		let Ok(Volunteer { provider, ticket }) = Self::check_replicate(job, &party.worker) else {
			return false;
		};
		if !T::Jobs::has_room_for(with, &provider) {
			log::debug!(target: TARGET, "too much is to be done to do job {:?} as well", job.0);
			return false;
		}
		// It may have fallen on others, or the terms are not those of this provider.
		Self::would_work(|| T::Jobs::open_replica(job, provider, party.worker.clone(), ticket))
	}

	fn is_executor_well(run: &Run) -> bool {
		let Some(settings) = &run.settings else { return false };
		let (method, path) = (Method::Get, "/v1/health");
		match request(settings, method, path, Vec::new(), run.deadline, HEALTH_BYTES_MAX) {
			Ok(answer) if answer.is_success() => true,
			Ok(answer) => {
				log::warn!(
					target: TARGET,
					"the executor is not well, so no job is done for others: status {}",
					answer.status,
				);
				false
			},
			Err(error) => {
				log::warn!(target: TARGET, "the executor does not answer: {error:?}");
				false
			},
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

	/// Whether something was not sent within the last blocks, and notes that it is sent now.
	fn is_due(run: &Run, worker: &WorkerKey, duty: (SlotId, u8)) -> bool {
		let prefix = [SENT_PREFIX, worker.as_ref()].concat();
		is_due_to_send(&prefix, duty, run.block, RESEND_BLOCKS)
	}

	/// Send a call unless it was sent within the last blocks.
	fn send(run: &Run, worker: &WorkerKey, duty: (SlotId, u8), call: Call<T>) {
		if Self::is_due(run, worker, duty) {
			Self::submit(duty, call);
		}
	}

	fn submit(duty: (SlotId, u8), call: Call<T>) {
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
