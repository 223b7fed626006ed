//! The off-chain worker: plays the games of the worker keys in this node's keystore by the
//! answers of its executor, and opens those between their claims and others of the same jobs; and
//! where the node is told to watch, computes what others claim and challenges what is wrong, and
//! opens and ends the games of others that are due: a job whose parties are all silent would hold
//! its tenant's money for ever. It remembers nothing: what a game waits for is on chain, what is
//! right the executor computes again.

use crate::*;
use alloc::{collections::BTreeSet, format, vec::Vec};
use assay_primitives::{
	challenge_statement, move_statement,
	offchain::{
		executor_settings, finalized, hex, is_due_to_send, request, watch, Answer as Reply,
		ExecutorSettings, RequestError, Watch,
	},
	AccountId, Balance, Claims, Providers, SlotId, WorkerKey,
};
use assay_program::{
	wire::{JobRequest, JobState, TraceState},
	Claim,
};
use assay_trace::{Answer, Game, Question, Side};
use codec::{Decode, Encode};
use frame_support::traits::GetCallName;
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

const TARGET: &str = "worker::disputes";
/// A whole run: less than a block, since the next block starts the next run.
const RUN_MILLIS: u64 = 2_000;
/// Games that one run serves; the rest has its turn in the next blocks.
const GAMES_PER_RUN: usize = 16;
/// Jobs about which one run asks its executor: it keeps as many traces.
const TRACES_PER_RUN: usize = 4;
/// Open jobs among which one run looks for claims.
const JOBS_LOOKED_AT: usize = 1_024;
/// Open games among which one run looks for those whose time is over.
const GAMES_LOOKED_AT: usize = 1_024;
/// How many times its present bond a challenge may cost when it lands.
const BOND_ROOM: Balance = 4;
/// Places in which it is noted which claims were disputed.
const DISPUTED_PLACES: u64 = 4_096;
/// Claims of others that one run looks at.
const CLAIMS_PER_RUN: usize = 16;
/// Blocks after which a move that is not on chain is sent again.
const RESEND_BLOCKS: u32 = 2;
/// Duties from here on are to open a game with a rival.
const OPPOSE_TAGS: u8 = 0x80;
/// The lock that one run at a time holds.
const LOCK_KEY: &[u8] = b"assay/worker/disputes/lock";
/// Where it is noted what was sent when.
const SENT_PREFIX: &[u8] = b"assay/disputes/sent/";
/// Jobs whose inputs an executor is asked to keep: as many as it does.
const PINNED_MAX: usize = 4_096;
/// Where it is noted whether it keeps any.
const PINNED_KEY: &[u8] = b"assay/disputes/pinned";
/// Longest answer about the state of a trace.
const STATE_BYTES_MAX: usize = 1_024;
/// Longest answer to a question: openings, their paths and lengths.
const REPLY_BYTES_MAX: usize = assay_trace::ANSWER_BYTES_MAX as usize;

/// One run's view of the node.
struct Run {
	block: u32,
	genesis: H256,
	settings: ExecutorSettings,
	deadline: Timestamp,
}

impl Run {
	fn is_over(&self) -> bool {
		sp_io::offchain::timestamp() >= self.deadline
	}

	fn ask(
		&self,
		method: Method,
		path: &str,
		body: Vec<u8>,
		bytes_max: usize,
	) -> Result<Reply, RequestError> {
		request(&self.settings, method, path, body, self.deadline, bytes_max)
	}

	/// Ask for the trace of a job, or where it stands: the same request, since it is idempotent.
	fn put_trace(&self, job: &JobRequest) -> Result<Reply, RequestError> {
		let path = format!("/v1/traces/{}", hex(&job.digest()));
		self.ask(Method::Post, &path, job.encode(), STATE_BYTES_MAX)
	}

	/// Hand a job over, or ask where it stands.
	fn put_job(&self, job: &JobRequest) -> Result<Reply, RequestError> {
		// Only what is watched is computed here, and paid jobs come first.
		let path = format!("/v1/jobs/{}?class=watch", hex(&job.digest()));
		self.ask(Method::Put, &path, job.encode(), STATE_BYTES_MAX)
	}

	fn put_input(&self, digest: &[u8; 32], bytes: Vec<u8>) -> Result<Reply, RequestError> {
		let path = format!("/v1/blobs/input/{}", hex(digest));
		self.ask(Method::Put, &path, bytes, STATE_BYTES_MAX)
	}

	fn put_question(&self, job: &[u8; 32], question: &Question) -> Result<Reply, RequestError> {
		let path = format!("/v1/traces/{}/answers", hex(job));
		self.ask(Method::Post, &path, question.encode(), REPLY_BYTES_MAX)
	}
}

/// Where it is noted that this node has disputed the claim of a slot. Few places for all slots
/// there will ever be: the claim of a slot that lost its place may be disputed once more.
fn disputed_key(slot: SlotId) -> Vec<u8> {
	(b"assay/disputed/", slot.0.checked_rem(DISPUTED_PLACES).unwrap_or_default()).encode()
}

fn note_disputed(slot: SlotId) {
	StorageValueRef::persistent(&disputed_key(slot)).set(&slot);
}

fn was_disputed(slot: SlotId) -> bool {
	let last = StorageValueRef::persistent(&disputed_key(slot)).get::<SlotId>();
	matches!(last, Ok(Some(last)) if last == slot)
}

/// Whether a side would lose if its time were over now. It need not answer where it merely may: who
/// claims an output has nothing to show of an input that breaks no rule.
fn must_answer(game: &Game, side: Side) -> bool {
	*side.of(&game.timeout())
}

impl<T: Config> Pallet<T> {
	/// One run, on one block.
	pub(crate) fn run_worker(now: BlockNumberFor<T>) {
		let keys = WorkerKey::all();
		if keys.is_empty() {
			return;
		}
		let Some(settings) = executor_settings() else { return };
		let mut lock = StorageLock::<Time>::with_deadline(
			LOCK_KEY,
			Duration::from_millis(RUN_MILLIS.saturating_mul(2)),
		);
		let Ok(_guard) = lock.try_lock() else { return };
		let run = Run {
			block: now.saturated_into(),
			genesis: Self::genesis(),
			settings,
			deadline: sp_io::offchain::timestamp().add(Duration::from_millis(RUN_MILLIS)),
		};
		Self::pin_inputs(&run, &keys);
		let opposed: BTreeSet<_> = keys.iter().flat_map(T::Claims::opposed).collect();
		Self::oppose_rivals(&run, &opposed);
		let watch = watch();
		if watch.is_some() {
			Self::watch_games(&run);
		}
		for (key, id) in Self::games_at_hand(&keys) {
			if run.is_over() {
				log::debug!(target: TARGET, "the run's time is over: the rest follows next block");
				return;
			}
			Self::serve_game(&run, &key, id);
		}
		if let Some(watch) = watch {
			Self::watch_claims(&run, &keys, watch, &opposed);
		}
	}

	/// Tell the executor which jobs it may be asked about until their last game is over: what it
	/// was given for these it must keep. Inputs that travelled with their jobs are on chain.
	fn pin_inputs(run: &Run, keys: &[WorkerKey]) {
		let claimed = keys.iter().flat_map(T::Claims::stored_jobs);
		let played = keys.iter().flat_map(Self::games_by);
		let disputed = played.filter(|dispute| T::Claims::inline_input(&dispute.slot).is_none());
		let jobs: BTreeSet<_> =
			claimed.chain(disputed.map(|dispute| dispute.job)).take(PINNED_MAX).collect();
		let pinned = StorageValueRef::persistent(PINNED_KEY);
		let before = matches!(pinned.get::<bool>(), Ok(Some(true)));
		if jobs.is_empty() && !before {
			return;
		}
		let reply = run.ask(Method::Put, "/v1/jobs/pinned", jobs.encode(), STATE_BYTES_MAX);
		match reply {
			Ok(reply) if reply.is_success() => pinned.set(&!jobs.is_empty()),
			Ok(reply) => log::warn!(
				target: TARGET,
				"the executor does not keep inputs that are still needed: status {}",
				reply.status,
			),
			Err(error) => log::debug!(target: TARGET, "the executor does not answer: {error:?}"),
		}
	}

	/// Open games between claims of the same jobs. Another's worker may be quicker.
	fn oppose_rivals(run: &Run, opposed: &BTreeSet<[SlotId; 2]>) {
		let is_due = |slots: &&[SlotId; 2]| Self::check_oppose(**slots).is_ok();
		for [slot, other] in opposed.iter().filter(is_due).take(GAMES_PER_RUN).copied() {
			// Each rival is a duty of its own, and more than a job has slots can be told apart.
			let tag = OPPOSE_TAGS | (other.0.to_le_bytes()[0] & !OPPOSE_TAGS);
			Self::send(run, (slot, tag), Call::oppose { slot, other });
		}
	}

	// --- watching ---

	/// Open games between claims of others, and end those of others whose time is over. Both are free,
	/// and take no executor.
	fn watch_games(run: &Run) {
		Self::oppose_rivals(run, &T::Claims::rivals(JOBS_LOOKED_AT).into_iter().collect());
		for id in Self::overdue(run).into_iter().take(GAMES_PER_RUN) {
			Self::send(run, (id, b'T'), Call::timeout { game: id });
		}
	}

	/// Games whose time is over, among so many that one run looks at.
	fn overdue(run: &Run) -> BTreeSet<SlotId> {
		// Where there are more, each block begins elsewhere.
		let seed = sp_io::hashing::twox_64(&run.block.encode());
		let first = Disputes::<T>::hashed_key_for(SlotId(u64::from_le_bytes(seed)));
		Disputes::<T>::iter_from(first)
			.chain(Disputes::<T>::iter())
			.take(GAMES_LOOKED_AT)
			.map(|(id, _)| id)
			.filter(|id| Self::check_timeout(*id).is_ok())
			.collect()
	}

	/// Compute what others claim, and challenge what is wrong.
	fn watch_claims(run: &Run, keys: &[WorkerKey], watch: Watch, opposed: &BTreeSet<[SlotId; 2]>) {
		let mut parties = keys.iter().filter_map(|key| {
			T::Providers::provider_of(key).map(|who| Party { account: who, worker: key.clone() })
		});
		let Some(party) = parties.next() else {
			log::debug!(target: TARGET, "a watcher needs the worker key of a provider");
			return;
		};
		let mut slots = T::Claims::disputable(JOBS_LOOKED_AT);
		// What a slot of this node opposes needs no bond.
		slots.retain(|slot| !opposed.iter().flatten().any(|other| other == slot));
		if slots.len() > CLAIMS_PER_RUN {
			let start = (run.block as usize).wrapping_mul(CLAIMS_PER_RUN).checked_rem(slots.len());
			slots.rotate_left(start.unwrap_or(0));
			slots.truncate(CLAIMS_PER_RUN);
		}
		// A run may begin several games, of which none is on chain yet.
		let held = |sum: Balance, dispute: &Dispute<_>| sum.saturating_add(dispute.bond());
		let held = Self::games_by(&party.worker).iter().fold(0, held);
		let mut left = watch.budget.saturating_sub(held);
		for slot in slots {
			if run.is_over() {
				return;
			}
			Self::watch_claim(run, &party, slot, &mut left);
		}
	}

	fn watch_claim(run: &Run, party: &Party<AccountId>, slot: SlotId, left: &mut Balance) {
		let Some(info) = T::Claims::claim(slot) else { return };
		let is_mine = info.party == party.account || info.worker == party.worker;
		// One game about a claim is enough: who lost it would lose the next as well.
		let is_challenged = Challenges::<T>::contains_key(slot, &party.account);
		if is_mine || is_challenged || was_disputed(slot) {
			return;
		}
		let Some(claim) = Self::compute(run, slot, &info.request) else { return };
		if claim.output() == info.claim.output() {
			return;
		}
		let Some(bond) = Self::bond_for(slot) else { return };
		if bond > *left {
			log::warn!(
				target: TARGET,
				"the claim of slot {} is wrong, but a bond of {bond} is beyond the budget",
				slot.0,
			);
			return;
		}
		// Others may be quicker, and the bond grows with each: room for some of them.
		let bond_max = bond.saturating_mul(BOND_ROOM).min(*left);
		*left = left.saturating_sub(bond_max);
		let (job, output) = (info.request.digest().into(), claim.output().into());
		let (challenger, worker) = (party.account.clone(), party.worker.clone());
		let statement =
			challenge_statement(&run.genesis, &job, slot, &challenger, &output, bond_max);
		let Some(signature) = worker.sign(&statement) else { return };
		log::warn!(target: TARGET, "the claim of slot {} is wrong: challenging it", slot.0);
		let call = Call::challenge { slot, claim, challenger, worker, bond_max, signature };
		Self::send(run, (slot, b'W'), call);
	}

	/// Games that a worker key plays as the challenger.
	fn games_by(worker: &WorkerKey) -> Vec<Dispute<AccountId>> {
		WorkerGames::<T>::iter_key_prefix(worker)
			.filter_map(Disputes::<T>::get)
			.filter(|dispute| dispute.challenger.worker == *worker)
			.collect()
	}

	/// What this node's executor says of a job, once it has computed it.
	fn compute(run: &Run, slot: SlotId, request: &JobRequest) -> Option<Claim> {
		let reply = Self::with_input(run, slot, request, || run.put_job(request));
		let reply = reply.ok().filter(Reply::is_success);
		let Some(reply) = reply else {
			log::debug!(target: TARGET, "slot {} cannot be watched: no model or no input", slot.0);
			return None;
		};
		match JobState::decode(&mut &reply.body[..]) {
			Ok(JobState::Done { claim }) => Some(claim),
			_ => None,
		}
	}

	// --- games ---

	/// Games in which a key of this node owes an answer or the time is over, the most urgent
	/// first, and of no more jobs than an executor keeps traces of: else each would push out
	/// another's.
	fn games_at_hand(keys: &[WorkerKey]) -> Vec<(WorkerKey, SlotId)> {
		let mut games: Vec<_> = keys
			.iter()
			.flat_map(|key| WorkerGames::<T>::iter_key_prefix(key).map(|id| (key.clone(), id)))
			.filter_map(|(key, id)| {
				let (dispute, game) = Disputes::<T>::get(id).zip(Games::<T>::get(id))?;
				let must =
					|side: Side| dispute.party(side).worker == key && must_answer(&game, side);
				let is_over = T::Claims::now() > dispute.due;
				let is_due = is_over || Side::BOTH.into_iter().any(must);
				is_due.then_some((dispute.due, dispute.job, key, id, is_over))
			})
			.collect();
		games.sort_by_key(|(due, job, _, id, _)| (*due, *job, *id));
		let mut jobs = BTreeSet::new();
		for (_, job, _, _, is_over) in &games {
			// To end a game takes no trace.
			if !is_over && jobs.len() < TRACES_PER_RUN {
				jobs.insert(*job);
			}
		}
		let chosen =
			games.into_iter().filter(|(_, job, _, _, is_over)| *is_over || jobs.contains(job));
		chosen.map(|(_, _, key, id, _)| (key, id)).take(GAMES_PER_RUN).collect()
	}

	/// Send what a key owes in a game, or end it where its time is over.
	fn serve_game(run: &Run, key: &WorkerKey, id: SlotId) {
		if Self::check_timeout(id).is_ok() {
			Self::send(run, (id, b'T'), Call::timeout { game: id });
			return;
		}
		let Some((dispute, game)) = Disputes::<T>::get(id).zip(Games::<T>::get(id)) else { return };
		// What is only on a branch may vanish, and has to be disputed again.
		let is_final = finalized().is_some_and(|last| last.number >= dispute.opened_at);
		for (side, other, tag) in
			[(Side::Claimant, Side::Challenger, b'D'), (Side::Challenger, Side::Claimant, b'C')]
		{
			if let Purse::Pledge(slot) = dispute.purse(other) {
				if is_final && dispute.party(side).worker == *key {
					note_disputed(slot);
				}
			}
			if must_answer(&game, side)
				&& dispute.party(side).worker == *key
				&& Self::check_turn(id, side, &game.question()).is_ok()
			{
				Self::answer_for(run, (id, tag), &dispute, &game, side);
			}
		}
	}

	/// Answer the present question for a side.
	fn answer_for(
		run: &Run,
		duty: (SlotId, u8),
		dispute: &Dispute<AccountId>,
		game: &Game,
		side: Side,
	) {
		let Some(info) = T::Claims::claim(dispute.slot) else { return };
		let question = game.question();
		if !Self::is_trace_ready(run, dispute, &info.request, *side.of(game.claims())) {
			return;
		}
		let reply = run.put_question(dispute.job.as_ref(), &question);
		let Some(answer) = Self::read_answer(dispute, &question, reply) else { return };
		if let Err(error) = Self::play(dispute, game, side, &question, &answer) {
			log::error!(
				target: TARGET,
				"game {}: the executor's answer to {question:?} is refused ({error:?}): it does not \
				 support the claim, which will be lost",
				duty.0 .0,
			);
			return;
		}
		let worker = &dispute.party(side).worker;
		let board = Self::board(duty.0, dispute, game);
		let statement = move_statement(&run.genesis, &board, &side, &question, &answer);
		let Some(signature) = worker.sign(&statement) else { return };
		let call = Call::answer { game: duty.0, side, question, answer, signature };
		Self::send(run, duty, call);
	}

	/// Whether the executor can answer questions about a job by now. It is asked to if it cannot.
	fn is_trace_ready(
		run: &Run,
		dispute: &Dispute<AccountId>,
		request: &JobRequest,
		claimed: Claim,
	) -> bool {
		let reply = Self::with_input(run, dispute.slot, request, || run.put_trace(request));
		match Self::read_state(dispute, reply) {
			Some(TraceState::Ready { claim, .. }) => Self::compare(dispute, claim, claimed),
			Some(TraceState::Invalid { code }) => {
				Self::compare(dispute, Claim::Invalid { code }, claimed)
			},
			Some(TraceState::Failed { code }) => {
				log::error!(
					target: TARGET,
					"the executor failed to run job {:?} again, code {code}: a game about it will be \
					 lost",
					dispute.job.0,
				);
				return false;
			},
			Some(TraceState::Building) | None => return false,
		}
		true
	}

	/// Say so where the executor computes something else than what was claimed. The party plays on all
	/// the same: silence loses too, and the other side may fail first.
	fn compare(dispute: &Dispute<AccountId>, computed: Claim, claimed: Claim) {
		if computed.output() != claimed.output() {
			log::error!(
				target: TARGET,
				"the executor computes another result of job {:?} than what was claimed: check its \
				 machine",
				dispute.job.0,
			);
		}
	}

	/// Ask the executor about a job, and once more with the job's input where it lacks that.
	fn with_input(
		run: &Run,
		slot: SlotId,
		request: &JobRequest,
		ask: impl Fn() -> Result<Reply, RequestError>,
	) -> Result<Reply, RequestError> {
		let reply = ask()?;
		let lacks_blob = reply.error.as_deref() == Some("blob_missing");
		let bytes = lacks_blob.then(|| T::Claims::inline_input(&slot)).flatten();
		let Some(bytes) = bytes else { return Ok(reply) };
		match run.put_input(&request.input, bytes)?.is_success() {
			true => ask(),
			false => Ok(reply),
		}
	}

	fn read_state(
		dispute: &Dispute<AccountId>,
		reply: Result<Reply, RequestError>,
	) -> Option<TraceState> {
		let body = Self::read(dispute, reply)?;
		TraceState::decode(&mut &body[..])
			.inspect_err(|_| log::error!(target: TARGET, "the executor's answer is unreadable"))
			.ok()
	}

	fn read_answer(
		dispute: &Dispute<AccountId>,
		question: &Question,
		reply: Result<Reply, RequestError>,
	) -> Option<Answer> {
		if matches!(&reply, Ok(reply) if reply.status == 202) {
			log::debug!(target: TARGET, "the executor works on {question:?}");
			return None;
		}
		let body = Self::read(dispute, reply)?;
		Answer::decode(&mut &body[..])
			.inspect_err(|_| log::error!(target: TARGET, "the executor's answer is unreadable"))
			.ok()
	}

	fn read(dispute: &Dispute<AccountId>, reply: Result<Reply, RequestError>) -> Option<Vec<u8>> {
		match reply {
			Ok(reply) if reply.is_success() => Some(reply.body),
			Ok(reply) => {
				log::warn!(
					target: TARGET,
					"the executor does not trace job {:?}: status {}, {}",
					dispute.job.0,
					reply.status,
					reply.error.as_deref().unwrap_or("no code"),
				);
				None
			},
			Err(error) => {
				log::warn!(target: TARGET, "the executor does not answer: {error:?}");
				None
			},
		}
	}

	/// Send a call unless it was sent within the last blocks.
	fn send(run: &Run, duty: (SlotId, u8), call: Call<T>) {
		if !is_due_to_send(SENT_PREFIX, duty, run.block, RESEND_BLOCKS) {
			return;
		}
		let name = call.get_call_name();
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => log::info!(target: TARGET, "sent {name} of slot or game {}", duty.0 .0),
			// The one that was sent before may still be there.
			Err(()) => log::info!(
				target: TARGET,
				"the pool does not take {name} of slot or game {} now: it is tried again",
				duty.0 .0,
			),
		}
	}
}
