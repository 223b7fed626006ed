//! The stages of a job: fetch, run, keep. Each is a task or threads of its own, joined by short
//! channels, so that the next input is read and the last output written while one job computes.
//! As many threads run jobs as the backend is best given at once.

use crate::{
	blobs::{hex, BlobKind, Blobs},
	emitted::Emitter,
	error::Failure,
	jobs::Jobs,
	metrics::Metrics,
	models::{failure, Models},
};
use assay_program::{wire::JobRequest, BackendError, Claim, Hash, Model, Outcome};
use codec::Encode;
use std::{
	ops::ControlFlow,
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{Arc, Mutex, PoisonError},
	thread,
	time::Instant,
};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Jobs between two stages.
const BETWEEN: usize = 1;

/// A job whose input is in memory.
struct Fetched {
	job: Hash,
	request: Arc<JobRequest>,
	input: Vec<u8>,
}

/// A job that was run.
struct Ran {
	job: Hash,
	result: Result<Output, Failure>,
}

struct Output {
	claim: Claim,
	bytes: Vec<u8>,
}

/// What the stages work with.
#[derive(Clone, Debug)]
pub(crate) struct Stages {
	pub(crate) jobs: Arc<Jobs>,
	pub(crate) blobs: Arc<Blobs>,
	pub(crate) models: Arc<Models>,
	pub(crate) metrics: Arc<Metrics>,
	pub(crate) stop: CancellationToken,
	pub(crate) cut: CancellationToken,
}

impl Stages {
	/// Starts all stages. The task ends when the last job at hand has been kept.
	pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
		let (fetched, to_run) = mpsc::channel(BETWEEN);
		let (ran, to_keep) = mpsc::channel(BETWEEN);
		let to_run = Arc::new(Mutex::new(to_run));
		let at_once = self.models.jobs_at_once();
		for number in 0..at_once {
			let (run, runtime) = (self.clone(), Handle::current());
			let (to_run, ran) = (to_run.clone(), ran.clone());
			thread::Builder::new()
				.name(format!("assay-run-{number}"))
				.spawn(move || run.run(&runtime, &to_run, &ran))?;
		}
		tracing::info!(at_once, "jobs are run");
		let fetch = self.clone();
		tokio::spawn(async move { fetch.fetch(fetched, ran).await });
		Ok(tokio::spawn(async move {
			let cut = self.cut.clone();
			tokio::select! {
				() = self.keep(to_keep) => {},
				// Another executor may work in the folder from now on.
				() = cut.cancelled() => {},
			}
		}))
	}

	async fn fetch(self, fetched: mpsc::Sender<Fetched>, ran: mpsc::Sender<Ran>) {
		while let Some((job, request)) = self.jobs.next().await {
			let next = match self.blobs.read(BlobKind::Input, &request.input).await {
				Ok(input) => fetched.send(Fetched { job, request, input }).await.is_ok(),
				Err(error) => {
					tracing::warn!(job = %hex(&job), %error, "the input cannot be read");
					ran.send(Ran { job, result: Err(failure(&error)) }).await.is_ok()
				},
			};
			if !next {
				break;
			}
		}
	}

	/// Runs jobs until there are no more or the executor stops. What is not begun by then stands
	/// in the journal.
	fn run(
		&self,
		runtime: &Handle,
		to_run: &Mutex<mpsc::Receiver<Fetched>>,
		ran: &mpsc::Sender<Ran>,
	) {
		// One thread waits for the next job, the others wait for that one to have it.
		let next = || to_run.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
		while let Some(fetched) = next() {
			let job = fetched.job;
			if self.stop.is_cancelled() {
				break;
			}
			let Some(emitter) = self.jobs.begin(&job) else { break };
			// A run that was broken off is in the journal like one that was never begun.
			let Some(result) = self.run_one(runtime, &fetched, &emitter) else { break };
			let lacks_memory = matches!(result, Err(Failure::OutOfMemory));
			if lacks_memory && !emitter.has_told() && self.jobs.put_back(&job) {
				continue;
			}
			if ran.blocking_send(Ran { job, result }).is_err() {
				break;
			}
		}
	}

	/// Runs a job; `None` when the executor's time to drain was over before the run was.
	fn run_one(
		&self,
		runtime: &Handle,
		fetched: &Fetched,
		emitter: &Emitter,
	) -> Option<Result<Output, Failure>> {
		let Fetched { job, request, .. } = fetched;
		let began = Instant::now();
		let compute = || self.compute(runtime, fetched, emitter).transpose();
		let outcome = catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|_| {
			tracing::error!(job = %hex(job), "the backend panicked");
			self.models.forget(&request.program, &request.weights);
			Some(Err(Failure::BackendPanicked))
		})?;
		Some(outcome.map(|outcome| {
			self.metrics.run_seconds.observe(began.elapsed().as_secs_f64());
			Output { claim: outcome.claim(), bytes: outcome.encode() }
		}))
	}

	fn compute(
		&self,
		runtime: &Handle,
		fetched: &Fetched,
		emitter: &Emitter,
	) -> Result<Option<Outcome>, Failure> {
		let Fetched { job, request, .. } = fetched;
		let model = self.models.load(runtime, &self.blobs, &request.program, &request.weights)?;
		match self.stream(&*model, fetched, emitter) {
			// What was shown to a tenant would be held against a claim that is something else.
			Ok(outcome) if !emitter.agrees(&outcome) => {
				tracing::error!(job = %hex(job), "the backend's steps are not its output");
				Err(Failure::BackendFailed)
			},
			Ok(outcome) => {
				self.models.confirm(&self.blobs, &request.weights).map(|()| Some(outcome))
			},
			Err(BackendError::Stopped) if self.cut.is_cancelled() => {
				tracing::info!(job = %hex(job), "run broken off, to be taken up at the next start");
				Ok(None)
			},
			Err(error) => {
				tracing::error!(job = %hex(job), %error, "the backend failed");
				Err(match error {
					BackendError::OutOfMemory => Failure::OutOfMemory,
					_ => Failure::BackendFailed,
				})
			},
		}
	}

	/// Runs a model. Where its device lacks memory, once more with no other model in it, unless a
	/// step was told already: a step is told once.
	fn stream(
		&self,
		model: &dyn Model,
		fetched: &Fetched,
		emitter: &Emitter,
	) -> Result<Outcome, BackendError> {
		let Fetched { request, input, .. } = fetched;
		let JobRequest { program, weights, parameters, .. } = &**request;
		let mut emit = |step: &[u8]| {
			emitter.push(step);
			match self.cut.is_cancelled() {
				true => ControlFlow::Break(()),
				false => ControlFlow::Continue(()),
			}
		};
		match model.stream(input, parameters, &mut emit) {
			Err(BackendError::OutOfMemory)
				if !emitter.has_told() && self.models.drop_others(program, weights) =>
			{
				model.stream(input, parameters, &mut emit)
			},
			outcome => outcome,
		}
	}

	async fn keep(self, mut to_keep: mpsc::Receiver<Ran>) {
		while let Some(Ran { job, result }) = to_keep.recv().await {
			let result = match result {
				Ok(Output { claim, bytes }) => {
					let (room, is_spare) = self.jobs.output_room(&job);
					match self.blobs.put_output(claim.output(), bytes, room, is_spare).await {
						Ok(_) => Ok(claim),
						Err(error) => {
							tracing::error!(job = %hex(&job), %error, "an output is not kept");
							Err(Failure::OutputNotKept)
						},
					}
				},
				Err(failure) => Err(failure),
			};
			self.jobs.end(job, result).await;
		}
	}
}
