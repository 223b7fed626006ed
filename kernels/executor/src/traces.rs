//! The traces that games ask about, made when somebody asks, by running the job again.
//!
//! A trace is known by its job's digest. Nothing of it is on disk and nothing of it is in the
//! journal: whoever needs it after a restart asks again. One run builds and one answers at a time,
//! each on a thread of its own beside the one that runs jobs, with the threads of a CPU backend
//! that is there for traces alone.

mod rerun;
#[cfg(test)]
mod tests;

use self::rerun::{Kernels, Made, Rerun, Traced};
use crate::{
	blobs::{hex, BlobKind, Blobs},
	config::Limits,
	error::{Error, Failure},
	jobs::{Jobs, Pins},
	metrics::Metrics,
	models::{failure, mapped},
	pinned::Parts,
};
use assay_program::{
	wire::{JobRequest, TraceState},
	Claim, Hash, Program,
};
use assay_trace::{Answer, Layout, Question, TracerError};
use std::{
	collections::VecDeque,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, Mutex, MutexGuard, OnceLock, PoisonError,
	},
	thread,
	time::{Duration, Instant},
};
use tokio::{
	sync::{oneshot, watch, Semaphore},
	time::{timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// What a question came to; nothing while it is being answered.
type Reply = Option<Result<Answer, Error>>;

/// A question that was asked.
#[derive(Debug)]
struct Asked {
	question: Question,
	reply: watch::Receiver<Reply>,
	/// Whether somebody was given the reply.
	fetched: bool,
}

impl Asked {
	fn is_answered(&self) -> bool {
		self.reply.borrow().is_some()
	}
}

/// The trace of one job.
#[derive(Debug)]
struct Trace {
	job: Hash,
	/// How often it was begun.
	starts: u32,
	state: watch::Sender<TraceState>,
	/// What answers; there before the state says so.
	traced: OnceLock<Arc<Traced>>,
	/// Least recently asked first.
	asked: Mutex<VecDeque<Asked>>,
	/// Whether somebody was told that it is built.
	told: AtomicBool,
	/// When somebody last wanted something of it.
	wanted: Mutex<Instant>,
	/// It made room for another one, or the executor stops.
	gone: CancellationToken,
}

/// How readily a trace makes room: the first ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
	/// Everything that was asked has been fetched.
	Idle,
	/// Nobody came for what was asked.
	Abandoned,
	/// The node asks about its job, and has fetched everything.
	Pinned,
	/// The node asks about its job, but did not come for what it asked.
	PinnedAbandoned,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	// Nothing panics while one of them is held.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_built(state: &TraceState) -> bool {
	!matches!(state, TraceState::Building)
}

impl Trace {
	fn new(job: Hash, starts: u32, gone: CancellationToken) -> Self {
		Self {
			job,
			starts,
			state: watch::Sender::new(TraceState::Building),
			traced: OnceLock::new(),
			asked: Mutex::default(),
			told: AtomicBool::new(false),
			wanted: Mutex::new(Instant::now()),
			gone,
		}
	}

	/// Whether somebody waits for a run of it.
	fn is_in_use(&self) -> bool {
		!is_built(&self.state.borrow()) || !lock(&self.asked).iter().all(Asked::is_answered)
	}

	/// Whether there is something that nobody has fetched yet.
	fn is_awaited(&self) -> bool {
		let is_told = self.told.load(Ordering::Relaxed);
		!is_told || !lock(&self.asked).iter().all(|asked| asked.fetched)
	}

	/// How readily it makes room; `None` where it must not: it is being run, or what a run came to
	/// was not fetched, and whoever asked still has time to come for it.
	fn rank(&self, is_pinned: bool, unfetched: Duration) -> Option<Rank> {
		if self.is_in_use() {
			return None;
		}
		match (self.is_awaited(), is_pinned) {
			(true, _) if lock(&self.wanted).elapsed() < unfetched => None,
			(false, false) => Some(Rank::Idle),
			(true, false) => Some(Rank::Abandoned),
			(false, true) => Some(Rank::Pinned),
			(true, true) => Some(Rank::PinnedAbandoned),
		}
	}

	/// Where it stands, at its end or after `wait`, whichever is first.
	async fn state(&self, wait: Duration) -> TraceState {
		let mut state = self.state.subscribe();
		tokio::select! {
			// Whatever ends the wait, the state at that moment is the answer.
			_ = timeout(wait, state.wait_for(is_built)) => {},
			() = self.gone.cancelled() => {},
		}
		let state = state.borrow().clone();
		if is_built(&state) {
			self.told.store(true, Ordering::Relaxed);
		}
		state
	}

	/// Whether it failed and may be begun again.
	fn may_begin_again(&self, attempts: u32) -> bool {
		let TraceState::Failed { code } = *self.state.borrow() else { return false };
		let is_innocent = |(failure, _): &(Failure, _)| failure.code() == code && !failure.counts();
		self.starts < attempts || Failure::ALL.iter().any(is_innocent)
	}
}

/// All traces of one executor.
#[derive(Debug)]
pub(crate) struct Traces {
	/// Least recently used first.
	kept: Mutex<Vec<Arc<Trace>>>,
	jobs: Arc<Jobs>,
	blobs: Arc<Blobs>,
	limits: Limits,
	metrics: Arc<Metrics>,
	stop: CancellationToken,
	kernels: Arc<Kernels>,
	/// Turns to build.
	builds: Semaphore,
	/// Turns to answer: an answer has a deadline, and does not wait for what is being built.
	answers: Semaphore,
}

impl Traces {
	pub(crate) fn new(
		jobs: Arc<Jobs>,
		blobs: Arc<Blobs>,
		limits: Limits,
		metrics: Arc<Metrics>,
		stop: CancellationToken,
		threads: Option<usize>,
	) -> Self {
		let (builds, answers) = (Semaphore::new(1), Semaphore::new(1));
		let (kept, kernels) = (Mutex::default(), Arc::new(Kernels::new(threads)));
		Self { kept, jobs, blobs, limits, metrics, stop, kernels, builds, answers }
	}

	/// A trace that is kept; from now on the last one used.
	fn used(kept: &mut Vec<Arc<Trace>>, job: &Hash) -> Option<Arc<Trace>> {
		let at = kept.iter().position(|trace| trace.job == *job)?;
		let trace = kept.remove(at);
		*lock(&trace.wanted) = Instant::now();
		kept.push(trace.clone());
		Some(trace)
	}

	/// A trace that is kept and need not be begun again.
	fn settled(&self, kept: &mut Vec<Arc<Trace>>, job: &Hash) -> Option<Arc<Trace>> {
		Self::used(kept, job).filter(|trace| !trace.may_begin_again(self.limits.attempts))
	}

	/// Begins to build the trace of a job, unless it is known, and says where it stands at its end
	/// or after `wait`.
	pub(crate) async fn submit(
		self: &Arc<Self>,
		job: Hash,
		request: JobRequest,
		wait: Duration,
	) -> Result<TraceState, Error> {
		let actual = request.digest();
		if actual != job {
			return Err(Error::JobDigestMismatch { actual: hex(&actual) });
		}
		// Even where it cannot be traced yet: its input may come, and has to stay then.
		self.jobs.pinned.learn(&job, Parts { input: Some(request.input), output: None });
		let known = self.settled(&mut lock(&self.kept), &job);
		let trace = match known {
			Some(trace) => trace,
			None => self.begin(job, request).await?,
		};
		Ok(trace.state(wait).await)
	}

	async fn begin(self: &Arc<Self>, job: Hash, request: JobRequest) -> Result<Arc<Trace>, Error> {
		if self.stop.is_cancelled() {
			return Err(Error::Stopping);
		}
		let pins = Pins::take(&self.blobs, &request)?;
		let program = self.jobs.admit(&request, &pins).await?;
		Layout::new(&program, &request.parameters)
			.map_err(|error| Error::TraceImpossible { reason: error.to_string() })?;
		let trace = {
			let mut kept = lock(&self.kept);
			if let Some(known) = self.settled(&mut kept, &job) {
				// Somebody else was faster with the same job.
				return Ok(known);
			}
			self.insert(&mut kept, job)?
		};
		tokio::spawn(self.clone().build(trace.clone(), request, program, pins));
		Ok(trace)
	}

	/// Keeps a new trace, in the place of the same one that failed or of another one.
	fn insert(&self, kept: &mut Vec<Arc<Trace>>, job: Hash) -> Result<Arc<Trace>, Error> {
		let failed = kept.iter().position(|trace| trace.job == job).map(|at| kept.remove(at));
		while kept.len() >= self.limits.traces {
			let full = Error::TracesFull { bound: self.limits.traces };
			let dropped = kept.remove(self.readiest(kept, &job).ok_or(full)?);
			dropped.gone.cancel();
			tracing::info!(job = %hex(&dropped.job), "trace dropped to make room");
		}
		let starts = failed.map_or(0, |failed| failed.starts).saturating_add(1);
		let trace = Arc::new(Trace::new(job, starts, self.stop.child_token()));
		kept.push(trace.clone());
		self.metrics.traces.set(i64::try_from(kept.len()).unwrap_or(i64::MAX));
		Ok(trace)
	}

	/// The trace that makes room for that of a job.
	fn readiest(&self, kept: &[Arc<Trace>], job: &Hash) -> Option<usize> {
		let pinned = &self.jobs.pinned;
		let is_pinned = pinned.contains(job);
		let ranks = kept.iter().enumerate().filter_map(|(at, trace)| {
			let rank = trace.rank(pinned.contains(&trace.job), self.limits.unfetched)?;
			// A job about which the node does not ask takes no answer from one about which it does.
			(is_pinned || rank != Rank::PinnedAbandoned).then_some((rank, at))
		});
		// Of the same rank the one that was used least recently.
		ranks.min().map(|(_, at)| at)
	}

	/// Builds a trace when its turn has come, and tells everybody who waits for it.
	async fn build(
		self: Arc<Self>,
		trace: Arc<Trace>,
		request: JobRequest,
		program: Arc<Program>,
		pins: Pins,
	) {
		let _turn = tokio::select! {
			turn = self.builds.acquire() => turn,
			() = trace.gone.cancelled() => return,
		};
		let (job, began) = (hex(&trace.job), Instant::now());
		tracing::info!(job, starts = trace.starts, "trace begun");
		let made = self.make(&trace, &request, program).await;
		// Input and weights are in memory now, whatever becomes of their files.
		drop(pins);
		if let Ok(Made { traced, maybe_wrong: Some(wrong), .. }) = &made {
			// Whether or not anybody still waits for this one.
			self.distrust(&trace.job, *wrong, traced.claim());
		}
		if trace.gone.is_cancelled() {
			tracing::info!(job, "trace broken off");
			return;
		}
		let state = match made {
			Ok(Made { traced, known, .. }) => {
				let state = state_of(&traced);
				self.compare(&trace.job, known, traced.claim());
				// There is one build of a trace, and so nothing there yet.
				let _ = trace.traced.set(Arc::new(traced));
				state
			},
			Err(failure) => TraceState::Failed { code: failure.code() },
		};
		let (seconds, result) = (began.elapsed().as_secs_f64(), word(&state));
		self.metrics.traces_built.with_label_values(&[result]).inc();
		self.metrics.trace_seconds.observe(seconds);
		tracing::info!(job, result, seconds, "trace ended");
		trace.state.send_replace(state);
	}

	async fn make(
		&self,
		trace: &Trace,
		request: &JobRequest,
		program: Arc<Program>,
	) -> Result<Made, Failure> {
		let weights = mapped(&self.blobs, &request.weights).await?;
		let input = self.blobs.read(BlobKind::Input, &request.input).await;
		let input = input.map_err(|error| {
			tracing::warn!(job = %hex(&trace.job), %error, "the input cannot be read");
			failure(&error)
		})?;
		let (parameters, gone) = (request.parameters.clone(), trace.gone.clone());
		let rerun = Rerun { program, weights, input, parameters, gone };
		let (kernels, jobs, job) = (self.kernels.clone(), self.jobs.clone(), trace.job);
		match on_a_thread(move || rerun.trace(&kernels, || jobs.claim(&job))).await {
			Some(Ok(made)) => Ok(made),
			Some(Err(error)) => {
				tracing::warn!(job = %hex(&trace.job), %error, "the job cannot be run again");
				Err(Failure::BackendFailed)
			},
			None => Err(Failure::BackendPanicked),
		}
	}

	/// Holds the trace against what the job came to here, if it was run here: a difference is the
	/// backend's, and would be slashed.
	fn compare(&self, job: &Hash, known: Option<Claim>, truth: Claim) {
		let Some(claim) = known.filter(|claim| *claim != truth) else { return };
		self.metrics.traces_unlike.inc();
		tracing::error!(
			job = %hex(job), ?claim, ?truth,
			"the backend's result is not that of the reference: report this machine"
		);
	}

	/// The kernels that make traces were found to be wrong: from now on the reference makes them,
	/// and none that is theirs is answered from.
	fn distrust(&self, job: &Hash, claim: Claim, truth: Claim) {
		self.metrics.traces_unlike.inc();
		tracing::error!(
			job = %hex(job), ?claim, ?truth,
			"the kernels' trace is not that of the reference, which makes all traces from now on: \
			 report this machine"
		);
		self.kernels.distrust();
		// This one has the turn to build, so that no other is on its way.
		let mut kept = lock(&self.kept);
		kept.retain(|trace| {
			let is_theirs = trace.traced.get().is_some_and(|traced| traced.is_by_kernels());
			if is_theirs {
				trace.gone.cancel();
				tracing::warn!(job = %hex(&trace.job), "trace dropped, as kernels made it");
			}
			!is_theirs
		});
		self.metrics.traces.set(i64::try_from(kept.len()).unwrap_or(i64::MAX));
	}

	/// Answers a question about a trace that is kept. None where it is still being answered after
	/// `wait`.
	pub(crate) async fn ask(
		self: &Arc<Self>,
		job: &Hash,
		question: Question,
		wait: Duration,
	) -> Result<Option<Answer>, Error> {
		let until = tokio::time::Instant::now() + wait;
		let trace = Self::used(&mut lock(&self.kept), job).ok_or(Error::TraceUnknown)?;
		match trace.state(wait).await {
			TraceState::Building => return Ok(None),
			TraceState::Failed { code } => return Err(Error::TraceFailed { failure: code }),
			TraceState::Ready { .. } | TraceState::Invalid { .. } => {},
		}
		let mut reply = self.reply(&trace, question)?;
		tokio::select! {
			_ = timeout_at(until, reply.wait_for(Option::is_some)) => {},
			() = trace.gone.cancelled() => {},
		}
		let reply = reply.borrow().clone();
		if reply.is_some() {
			let mut asked = lock(&trace.asked);
			let same = asked.iter_mut().filter(|asked| asked.question == question);
			same.for_each(|asked| asked.fetched = true);
		}
		reply.transpose()
	}

	/// What a question comes to. It is asked once, however many wait for its answer.
	fn reply(
		self: &Arc<Self>,
		trace: &Arc<Trace>,
		question: Question,
	) -> Result<watch::Receiver<Reply>, Error> {
		let traced = trace.traced.get().ok_or(Error::TraceUnknown)?.clone();
		let mut asked = lock(&trace.asked);
		if let Some(at) = asked.iter().position(|asked| asked.question == question) {
			let known = asked.remove(at);
			let reply = known.as_ref().map(|known| known.reply.clone());
			asked.extend(known);
			return reply.ok_or(Error::TraceUnknown);
		}
		if asked.len() >= Limits::QUESTIONS {
			// One that was fetched, or else one that was not: it can be made again.
			let fetched = asked.iter().position(|asked| asked.fetched);
			let answered = fetched.or_else(|| asked.iter().position(Asked::is_answered));
			let full = Error::QuestionsFull { bound: Limits::QUESTIONS };
			asked.remove(answered.ok_or(full)?);
		}
		let (tell, reply) = watch::channel(None);
		asked.push_back(Asked { question, reply: reply.clone(), fetched: false });
		tokio::spawn(self.clone().answer(trace.clone(), traced, question, tell));
		Ok(reply)
	}

	/// Answers a question when its turn has come, and tells everybody who waits for it.
	async fn answer(
		self: Arc<Self>,
		trace: Arc<Trace>,
		traced: Arc<Traced>,
		question: Question,
		tell: watch::Sender<Reply>,
	) {
		let _turn = tokio::select! {
			turn = self.answers.acquire() => turn,
			() = trace.gone.cancelled() => return,
		};
		let began = Instant::now();
		let answer = on_a_thread(move || traced.answer(&question)).await;
		let reply = match answer {
			_ if trace.gone.is_cancelled() => Err(Error::TraceUnknown),
			Some(Ok(answer)) => Ok(answer),
			Some(Err(TracerError::Run(reason))) => {
				tracing::error!(job = %hex(&trace.job), reason, "a question is not answered");
				Err(Error::AnswerFailed)
			},
			Some(Err(error)) => Err(Error::QuestionUnanswerable { reason: error.to_string() }),
			None => Err(Error::AnswerFailed),
		};
		let (seconds, code) =
			(began.elapsed().as_secs_f64(), reply.as_ref().err().map(Error::code));
		self.metrics.answers.with_label_values(&[code.unwrap_or("answered")]).inc();
		self.metrics.answer_seconds.observe(seconds);
		tracing::info!(job = %hex(&trace.job), ?question, code, seconds, "question answered");
		if reply == Err(Error::AnswerFailed) {
			// It may go better next time.
			lock(&trace.asked).retain(|asked| asked.question != question);
		}
		tell.send_replace(Some(reply));
	}
}

fn state_of(traced: &Traced) -> TraceState {
	match traced.upper() {
		Ok(upper) => TraceState::Ready { claim: upper.claim(), body: upper.body() },
		Err(code) => TraceState::Invalid { code: code.code() },
	}
}

/// A word for logs and metrics.
fn word(state: &TraceState) -> &'static str {
	match state {
		TraceState::Building => "building",
		TraceState::Ready { .. } => "ready",
		TraceState::Invalid { .. } => "invalid",
		TraceState::Failed { code } => {
			let found = Failure::ALL.iter().find(|(failure, _)| failure.code() == *code);
			found.map_or("unknown", |(_, word)| word)
		},
	}
}

/// Computes on a thread that nothing else waits for; `None` where it panics, which is reported, or
/// cannot be started.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
	let (done, result) = oneshot::channel();
	let thread = thread::Builder::new().name("assay-trace".into()).spawn(move || {
		// Nobody may wait for it any more.
		let _ = done.send(work());
	});
	if let Err(error) = thread {
		tracing::error!(%error, "no thread for a trace");
	}
	result.await.ok()
}
