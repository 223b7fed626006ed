//! # assay-executor: the daemon that owns the accelerator
//!
//! A provider's machine computes jobs here. The node's off-chain worker hands jobs in over
//! loopback and fetches their results; tenants bring inputs and take outputs. The executor knows
//! nothing of the chain beyond what the node tells it, and trusts nothing it is sent: every blob
//! is checked against its digest, every program validated, every size and time bounded.
//!
//! ## Use
//!
//! As a process, `assay-executor run --folder DIR`. Inside another program:
//!
//! ```no_run
//! # async fn example() -> Result<(), assay_executor::StartError> {
//! let executor = assay_executor::start(assay_executor::Config::dev("/var/lib/assay")).await?;
//! println!("{} {:?}", executor.control_url(), executor.data_url());
//! executor.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ## Life of a job
//!
//! ```text
//!  PUT /v1/jobs      fetch          run             keep
//!  -------------> Queued --------> Running ------------------> Done
//!    journal: queued               started          output blob, then journal: done
//! ```
//!
//! A job is known by its digest: handing it in again, after a re-org or a restart, returns its
//! state and never computes twice. It is in the journal before it is promised, and its output on
//! disk before it is `Done`, so a process killed at any point resumes. A job that failed may be
//! handed in again until it was begun [`Limits::attempts`] times. A start that a stop of the
//! executor ended does not count, nor does a failure that the job had no part in (`blob_gone`,
//! `output_not_kept`, `displaced`, `out_of_memory`). Room for its output is set aside before a job
//! is taken. A stop gives a run [`Limits::drain`] to end; one that is longer is broken off between
//! two steps.
//!
//! As many jobs run at once as the backend is best given
//! ([`Backend::jobs_at_once`](assay_program::Backend::jobs_at_once)): one on the processor, whose
//! threads share every job; several on GPUs, which compute on each of them, and those that wait
//! together. A job that was begun when the process was killed runs alone after the restart: were
//! it the one that does the killing, it would take others down with it, whose starts count too.
//!
//! Whoever is told `Running` counts on the job to have the machine, and to take as long as it takes
//! alone. So of those that run at once only the one that was begun first is told to run; the others
//! are told to be `Queued`, until those that were begun before them have ended. Their streams tell
//! steps all the same, and they may be `Done` without ever having been told to run.
//!
//! A device that lacks memory for a model, or for a run that has told no step yet, is given another
//! try without any other model. Where other jobs ran beside it, the job is then put back, to run
//! next and alone; else it fails with `out_of_memory`, and may be handed in again after
//! [`Limits::retry`].
//!
//! ## Classes
//!
//! A node that watches has the jobs of others computed, to compare their claims: `?class=watch`. A
//! watched job is begun only when no paid one waits or is at hand, and only where it runs at once,
//! so that a paid job waits for at most one of them, the first of those that run to end. Each class
//! has a bound of its own, [`Limits::queue`] and [`Limits::watched`]. Where there is no room for
//! the output of a paid job, watched jobs that have not begun fail with `displaced`, the last one
//! first, and may be handed in again; their outputs make room for others at any time. A watched job
//! that is handed in without `class` is paid from then on; if its output is gone, it is computed
//! again.
//!
//! ## Control listener
//!
//! `authorization: Bearer <token>` on everything but health. Job endpoints speak SCALE to a client
//! that sends or accepts `application/octet-stream`, JSON to others. Kinds of blobs: program,
//! weights, input, output.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/health` | 200, JSON |
//! | `GET /v1/capabilities` | 200, JSON: version, genesis, backends, devices, models, queue |
//! | `PUT /v1/blobs/{kind}/{digest}` | 201 kept, 200 already held |
//! | `GET`, `HEAD /v1/blobs/{kind}/{digest}` | 200, the bytes |
//! | `PUT /v1/jobs/{digest}?class=` | 202 taken or open, 200 ended; the job's state |
//! | `GET /v1/jobs/{digest}?wait_ms=` | 200, the job's state at its end or after the wait |
//! | `GET /v1/models/{weights}/segments/{number}` | 200, a segment of held weights and its path |
//! | `PUT /v1/jobs/pinned` | 204, the blobs of these jobs stay |
//! | `POST /v1/traces/{digest}?wait_ms=` | 200, the trace's state at its end or after the wait |
//! | `POST /v1/traces/{digest}/answers?wait_ms=` | 200, the answer; 202, it is being made |
//! | `PUT /v1/tenants` | 204 |
//! | `GET /v1/duty-key` | 200, the public key: JSON, or its 32 bytes |
//! | `POST /v1/duty-key/proof` | 200, the key's agreement to decide for a provider |
//! | `POST /v1/duty` | 200, pre-output and proof of a duty |
//! | `GET /metrics` | 200, Prometheus text |
//!
//! ## Pinned jobs
//!
//! As long as a claim can be disputed, its job's input has to be here, or the game is lost. So the
//! node names the jobs that it asks about, at most [`Limits::PINNED`], again and again: a SCALE
//! list of digests, which takes the place of the last one and is in the journal before it is
//! promised. Inputs and outputs of these jobs never make room for others; when a job leaves the
//! list, their time to keep begins anew. A job may be named before it is known here: its input
//! stays from when it is handed in or traced. Where pinned inputs fill the store, new ones are
//! `store_full`.
//!
//! ## Traces
//!
//! In a game about a job each party answers questions about its trace. A trace is made only for
//! whoever asks, by running the job again, operator by operator, by the CPU backend's kernels; by
//! the reference where there are none for a program, where they fail or panic, and for good where
//! they do not pass their self-test:
//!
//! ```text
//!  POST /v1/traces/{job}       run again
//!  ---------------------> Building ------> Ready     questions are answered
//!    body: the job request            ---> Invalid   the offence of the input is answered
//!                                     ---> Failed    posted again, it is built again
//! ```
//!
//! The body is the job's request, as for a job, and it is the same request as often as it comes:
//! the worker posts it in every block and reads the state. This executor need not have run the job.
//! It needs program, weights and input in its store; the first that is missing is `blob_missing`
//! with kind and digest. A job that is over the bounds of this executor is not traced either. A
//! trace that failed is built [`Limits::attempts`] times, failures that the job had no part in not
//! counted, and then stays failed until it makes room for another or the executor starts anew.
//!
//! `POST /v1/traces/{job}/answers` takes a [`Question`](assay_trace::Question) of at most
//! [`Limits::QUESTION_BYTES`] bytes and answers with an [`Answer`](assay_trace::Answer), both in
//! SCALE. Nearly every answer takes another run, as far as what is asked for. With 202 it is being
//! made: ask the same again. The last [`Limits::QUESTIONS`] answers of a trace are kept, and as
//! many questions may wait.
//!
//! One run at a time builds and one at a time answers, each beside the run of a job. The kernels
//! have threads of their own, as many as the configuration gives or the machine has cores, and all
//! of them work on one operator; a run by the reference has one thread. [`Limits::traces`] traces
//! are kept; another one takes the place of that which was used least recently, first among those
//! of jobs that are not pinned, then among all. While it is run, and until what was asked has been
//! fetched, or for [`Limits::unfetched`], a trace makes no room.
//!
//! Of a trace the hashes of every 256 leaves are kept, 2 MiB at most, input, output, the last
//! answers and what they opened; and what the kernels made of the program: copies of the weights
//! that are vectors of 32 bits, and tables of functions, which take at most twice the weights or
//! 64 MiB. Matrices stay in the mapped file. A run holds one step beside that. Nothing of it is on
//! disk: after a restart, or after another trace took the place, questions are `trace_unknown`, and
//! the request brings the trace back.
//!
//! The kernels' claim is held against what the job came to here, if it was run here, also where it
//! ended meanwhile. Where the two differ the reference runs the job and decides. A difference is in
//! the log as an error, and `assay_executor_traces_unlike_total` counts it. Where the job's claim
//! is wrong, the backend is; where the kernels' is, the reference makes all traces from then on,
//! and those that the kernels made are `trace_unknown`.
//!
//! ## Duty key
//!
//! An sr25519 key that is made here, once, and never leaves: it decides by a VRF which claims of
//! others its provider has to audit, so that nobody knows that before. It does two things, both in
//! SCALE, and signs nothing else:
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/duty-key/proof` | [`DutyKeyRequest`] | signature over [`duty_key_statement`] |
//! | `POST /v1/duty` | [`DutyRequest`] | [`DutyEvaluation`], which `sp_core::sr25519` verifies |
//!
//! [`DutyKeyRequest`]: assay_program::wire::DutyKeyRequest
//! [`duty_key_statement`]: assay_program::wire::duty_key_statement
//! [`DutyRequest`]: assay_program::wire::DutyRequest
//! [`DutyEvaluation`]: assay_program::wire::DutyEvaluation
//!
//! The key is in the file `duty-key`. One that is damaged keeps the executor from starting and
//! stays as it is; without the file another key is made, which has to be registered anew.
//!
//! ## Data listener
//!
//! Every request but health carries `x-assay-account`, `x-assay-expiry` (a block number) and
//! `x-assay-signature`: the tenant's sr25519 signature over
//! [`data_statement`](assay_program::wire::data_statement) of genesis, method, digest and expiry,
//! plain or between `<Bytes>` and `</Bytes>`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/health` | 200, JSON |
//! | `PUT /v1/inputs/{input digest}` | 201 kept, 200 already held |
//! | `GET /v1/outputs/{job digest}?wait_ms=` | 200, the encoded outcome; 202, the state |
//! | `GET /v1/streams/{job digest}?wait_ms=&from=` | 200, the steps as they are made |
//!
//! An answer with an output has its digest in `x-assay-output-digest`; 202 means that the job is
//! not done yet. A tenant may ask before the node has handed the job over: the wait covers that.
//! Web pages of any origin may use this listener.
//!
//! ## Streams
//!
//! A stream is server-sent events, signed for like an output. A step of a program is one event:
//!
//! ```text
//! id: 0
//! event: step
//! data: {"ids":[42],"step":0}
//! ```
//!
//! `ids` are the elements of what the step emitted, for each input of the batch one token. One
//! more event ends the stream:
//!
//! | event | data |
//! |---|---|
//! | `done` | `{"state":"done","claim":{…},"output":"0x…"}`: what is claimed, and its digest |
//! | `failed` | `{"state":"failed","code":…}`; the job may be handed in again |
//! | `error` | a rejection, as below |
//!
//! A stream without one of them broke off, because the executor stops or the stream is older than
//! [`Limits::stream`], whether somebody reads it or not: ask again, with the number of the last
//! step in `last-event-id`, or with the one of the next in `?from=`. A job that is done streams its
//! output at once; one that begins anew after a crash emits the same steps again, because a job has
//! one outcome. Steps one after another are the data of the claim, so whoever was shown some can
//! check, when the claim is on chain, that they are how its data begins.
//!
//! ## Rejections
//!
//! Each has a status, a code that never changes (also in the header `x-assay-error`), a sentence,
//! and the values in it: `{"code":…,"message":…,"detail":…}`. What is not even HTTP is
//! refused below this interface, with a status alone.
//!
//! | code | status | when |
//! |---|---|---|
//! | `token_missing` | 401 | no bearer token |
//! | `token_wrong` | 401 | another bearer token |
//! | `route_unknown` | 404 | nothing at this path |
//! | `method_not_allowed` | 405 | not with this method |
//! | `busy` | 503 | all connections in use, or all of this address |
//! | `stopping` | 503 | the executor is stopping |
//! | `too_slow` | 408 | a body that pauses or crawls; how long it takes in all does not count |
//! | `body_broken` | 400 | the connection broke inside the body |
//! | `body_malformed` | 400 | a body that cannot be read |
//! | `query_malformed` | 400 | a query that cannot be read |
//! | `digest_malformed` | 400 | a digest that is none |
//! | `kind_unknown` | 404 | no such kind of blob |
//! | `too_large` | 413 | a body over its bound |
//! | `digest_mismatch` | 422 | bytes that are not those of the digest; nothing kept |
//! | `program_invalid` | 422 | a program that does not validate; nothing kept |
//! | `output_malformed` | 422 | an output that is no outcome; nothing kept |
//! | `blob_unknown` | 404 | a blob that is not held is asked for |
//! | `segment_unknown` | 404 | a segment beyond the end of the weights is asked for |
//! | `segments_busy` | 503 | the list of segments of weights was lost and is being made again |
//! | `store_full` | 507 | disk budget used up |
//! | `store_failed` | 500 | the disk refused |
//! | `job_digest_mismatch` | 422 | a request that is another job |
//! | `genesis_mismatch` | 409 | another chain |
//! | `job_unknown` | 404 | no such job |
//! | `blob_missing` | 409 | a job whose program, weights or input is not held |
//! | `parameters_invalid` | 422 | parameters outside the program's limits |
//! | `weights_length_wrong` | 422 | weights of another length than the program's |
//! | `model_too_large` | 422 | a model over the memory for models |
//! | `job_too_large` | 422 | a job over the bounds of this executor |
//! | `queue_full` | 503 | no place in the queue |
//! | `journal_failed` | 503 | the journal cannot be written |
//! | `signature_missing` | 401 | a signed request without one of its headers |
//! | `signature_malformed` | 400 | a header that cannot be read |
//! | `signature_wrong` | 401 | not this account's signature over this request |
//! | `signature_expired` | 401 | signed until a block that has passed |
//! | `expiry_too_far` | 401 | signed for too long |
//! | `tenant_unknown` | 403 | no open lease |
//! | `tenants_not_set` | 503 | the node has not spoken yet |
//! | `tenants_too_many` | 413 | too long a list of tenants |
//! | `job_foreign` | 403 | another tenant's job |
//! | `quota_window` | 429 | too many bytes of late |
//! | `quota_total` | 429 | too many bytes kept |
//! | `output_gone` | 410 | done, and its bytes made room for others |
//! | `not_streamed` | 409 | an output, or a step of one, too large to be streamed |
//! | `streams_too_many` | 429 | a tenant with eight streams open |
//! | `job_failed` | 409 | the job failed |
//! | `trace_impossible` | 422 | a job that can have no trace: too many leaves, too long a filter |
//! | `trace_unknown` | 404 | no trace of the job is kept |
//! | `traces_full` | 503 | all traces that may be kept are in use |
//! | `trace_failed` | 409 | the trace could not be built |
//! | `question_unanswerable` | 422 | a question about what the trace does not have |
//! | `questions_full` | 503 | eight questions about a trace wait for answers |
//! | `answer_failed` | 500 | the run that would have answered failed |
//!
//! ## Failures
//!
//! `JobState::Failed` and `TraceState::Failed` carry one of these numbers.
//!
//! | number | word | when |
//! |---|---|---|
//! | 1 | `blob_gone` | a blob of the job went away |
//! | 2 | `blob_corrupt` | a blob of the job was damaged on disk, and removed, or changed |
//! | 3 | `model_refused` | the backend does not take program or weights |
//! | 4 | `backend_failed` | the backend reported an error |
//! | 5 | `backend_panicked` | the backend panicked |
//! | 6 | `output_not_kept` | the output found no place on disk |
//! | 7 | `crashed` | the executor died each time it ran the job |
//! | 8 | `displaced` | it was only watched, and made room for a paid job |
//! | 9 | `out_of_memory` | the device lacks memory for the model or the job |
//!
//! ## Weights
//!
//! Weights are mapped into memory from their file, once, and shared by all programs and backends
//! that use them. They are checked against their digest as they come, and again whenever a model is
//! loaded from them; the log shows how far that is. A blob that was damaged in between is removed,
//! its jobs fail with `blob_corrupt`, and the log names the segment of 4096 bytes: the digests of a
//! blob's segments are kept beside it.
//!
//! A model stays loaded, so before and after each run the file is looked at: another inode, length
//! or time of change than when it was checked, and the model is loaded anew, with a check. A run
//! during which that happened counts as `blob_corrupt`, and its job may be handed in again. What is
//! not found before the next load is a byte that a disk changes by itself, without the system
//! writing it, and that is read again after it was dropped from memory.
//!
//! `GET /v1/models/{weights}/segments/{number}` answers with an [`Opening`](assay_trace::Opening)
//! in SCALE, 4,096 bytes and the siblings on the way to the root, by which a provider shows on
//! chain that it holds the weights. It reads that segment and the list of all, one request at a
//! time, and gives nothing that does not lead to the digest. Where the list is lost or does not
//! fit, all of the weights are read and it is made again, to the end even where nobody waits for
//! that; meanwhile other requests are `segments_busy`.
//!
//! ## Folder
//!
//! `token` and `duty-key` (mode 0600), `lock`, `journal`, `blobs/{kind}/{digest}`, for weights the
//! list `{digest}.segments` beside it, `blobs/coming` for what is half-written.

mod backend;
mod blobs;
mod config;
mod duty;
mod emitted;
mod error;
mod folder;
mod http;
mod jobs;
mod journal;
mod metrics;
mod models;
mod pinned;
mod stages;
mod tenants;
mod traces;

pub use backend::{probe, Device, GpuState, Probe};
pub use blobs::{digest_of, BlobKind};
pub use config::{BackendChoice, Config, Limits};
pub use error::{Error, Failure, StartError, ERROR_HEADER};
pub use folder::{read_token, token_file};
pub use http::data::OUTPUT_DIGEST_HEADER;
pub use tenants::{ACCOUNT_HEADER, EXPIRY_HEADER, SIGNATURE_HEADER};

use crate::{
	blobs::Blobs,
	duty::DutyKey,
	folder::Lock,
	http::{control, data, serve::serve, Listener, Shared},
	jobs::Jobs,
	journal::{written, Journal, Written},
	metrics::Metrics,
	models::Models,
	stages::Stages,
	tenants::Register,
	traces::Traces,
};
use std::{
	net::SocketAddr,
	sync::{Arc, Mutex},
	thread,
	time::{Duration, Instant},
};
use tokio::{
	net::TcpListener,
	sync::oneshot::error::TryRecvError,
	task::{spawn_blocking, JoinHandle},
	time::timeout,
};
use tokio_util::{
	sync::{CancellationToken, DropGuard},
	task::TaskTracker,
};

/// A running executor. Dropping it stops it without waiting for the work at hand, which then is
/// taken up again at the next start.
#[derive(Debug)]
pub struct Handle {
	control: SocketAddr,
	data: Option<SocketAddr>,
	token: String,
	backend: &'static str,
	kept: JoinHandle<()>,
	connections: TaskTracker,
	uploads: TaskTracker,
	drain: Duration,
	// Dropped in this order: nothing begins, nothing goes on, the journal knows, the folder is
	// free.
	stop: DropGuard,
	cut: DropGuard,
	closing: Closing,
	lock: Lock,
}

/// Tells the journal that what runs was stopped, once, however the executor is stopped.
#[derive(Debug)]
struct Closing {
	jobs: Arc<Jobs>,
	journal: Journal,
	closed: bool,
}

impl Closing {
	/// The receiver hears when the journal is on disk to its end.
	fn close(&mut self) -> Written {
		self.closed = true;
		self.jobs.close();
		self.journal.sync()
	}
}

impl Drop for Closing {
	fn drop(&mut self) {
		if self.closed {
			return;
		}
		// Whoever drops an executor may end the process next, and cannot wait for a future.
		let (mut on_disk, until) = (self.close(), Instant::now() + CLOSE_TIME);
		while matches!(on_disk.try_recv(), Err(TryRecvError::Empty)) && Instant::now() < until {
			thread::sleep(Duration::from_millis(1));
		}
	}
}

/// Longest time in which a dropped executor waits for its journal.
const CLOSE_TIME: Duration = Duration::from_secs(2);

impl Handle {
	/// Base of the control listener's addresses, without a slash at its end.
	pub fn control_url(&self) -> String {
		format!("http://{}", self.control)
	}

	/// Base of the data listener's addresses, if there is one.
	pub fn data_url(&self) -> Option<String> {
		self.data.map(|address| format!("http://{address}"))
	}

	/// The bearer token of the control listener.
	pub fn token(&self) -> &str {
		&self.token
	}

	/// Name of the backend that computes.
	pub fn backend(&self) -> &'static str {
		self.backend
	}

	/// Stops: takes nothing more, answers what it was asked, finishes the run at hand if that is
	/// possible in [`Limits::drain`], and leaves the rest to the journal.
	pub async fn shutdown(self) {
		let Self { kept, connections, uploads, drain, stop, cut, mut closing, lock, .. } = self;
		drop(stop);
		connections.close();
		uploads.close();
		let finished = async {
			connections.wait().await;
			uploads.wait().await;
			// It ends when the last result is kept; a panic in it has been reported already.
			let _ = kept.await;
		};
		if timeout(drain, finished).await.is_err() {
			tracing::warn!("work at hand is left to the journal");
		}
		drop(cut);
		if written(closing.close()).await.is_err() {
			tracing::warn!("the journal could not be written to the end");
		}
		drop(lock);
		tracing::info!("executor stopped");
	}
}

/// Starts an executor within a Tokio runtime. It computes on threads of its own.
pub async fn start(config: Config) -> Result<Handle, StartError> {
	let Config { folder, control, data, token, threads, backend, genesis, limits } = config;
	limits.check()?;
	let (lock, token, duty_key) = blocking({
		let folder = folder.clone();
		move || {
			let lock = folder::lock(&folder)?;
			let token = match token {
				Some(token) => folder::check_token(&token).map(|()| token).map_err(|reason| {
					StartError::Token { file: "the configuration".into(), reason }
				})?,
				None => folder::token(&folder)?,
			};
			let duty_key = DutyKey::open(&folder)?;
			Ok((lock, token, duty_key))
		}
	})
	.await?;
	let chosen = blocking(move || backend::choose(backend, threads)).await?;
	let metrics = Metrics::new(chosen.backend.name()).map_err(system)?;
	let metrics = Arc::new(metrics);
	let blobs = Arc::new(Blobs::open(&folder, limits.clone(), metrics.clone()).await?);
	let (journal, ledger, replay) = blocking({
		let limits = limits.clone();
		move || Journal::open(&folder, genesis.as_ref(), &limits)
	})
	.await?;
	if replay.damaged > 0 {
		tracing::warn!(damaged = replay.damaged, "lines of the journal were damaged and dropped");
		metrics.journal_damaged.inc_by(replay.damaged);
	}
	let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
	let models = Models::new(chosen.backend.clone(), limits.models_bytes, metrics.clone());
	let models = Arc::new(models);
	let jobs = Jobs::resume(
		ledger,
		journal.clone(),
		blobs.clone(),
		models.clone(),
		limits.clone(),
		metrics.clone(),
		stop.clone(),
	);
	let jobs = Arc::new(jobs.await);
	let traces = Traces::new(
		jobs.clone(),
		blobs.clone(),
		limits.clone(),
		metrics.clone(),
		stop.clone(),
		threads,
	);
	let shared = Arc::new(Shared {
		traces: Arc::new(traces),
		register: Register::new(genesis, limits.clone(), metrics.clone()),
		duty_key,
		blobs,
		jobs,
		models,
		metrics,
		limits,
		chosen,
		token,
		stop,
		cut,
		streams: Mutex::default(),
		uploads: TaskTracker::new(),
	});
	listen(shared, control, data, journal, lock).await
}

/// Opens the listeners and starts the stages: from here on there is work.
async fn listen(
	shared: Arc<Shared>,
	control: SocketAddr,
	data: Option<SocketAddr>,
	journal: Journal,
	lock: Lock,
) -> Result<Handle, StartError> {
	let (control_socket, control) = bind(control, "control").await?;
	let data_socket = match data {
		Some(address) => Some(bind(address, "data").await?),
		None => None,
	};
	if !control.ip().is_loopback() {
		tracing::warn!(%control, "the control listener can be reached from other machines");
	}
	let stages = Stages {
		jobs: shared.jobs.clone(),
		blobs: shared.blobs.clone(),
		models: shared.models.clone(),
		metrics: shared.metrics.clone(),
		stop: shared.stop.clone(),
		cut: shared.cut.clone(),
	};
	let kept = stages.start().map_err(system)?;
	let connections = TaskTracker::new();
	let listener = Listener { shared: shared.clone(), name: "control", public: false };
	let router = control::router(listener.clone());
	connections.spawn(serve(control_socket, router, listener, connections.clone()));
	let data = data_socket.map(|(socket, address)| {
		let listener = Listener { shared: shared.clone(), name: "data", public: true };
		let router = data::router(listener.clone());
		connections.spawn(serve(socket, router, listener, connections.clone()));
		address
	});
	tracing::info!(%control, ?data, "executor ready");
	Ok(Handle {
		control,
		data,
		token: shared.token.clone(),
		backend: shared.chosen.backend.name(),
		kept,
		connections,
		uploads: shared.uploads.clone(),
		drain: shared.limits.drain,
		stop: shared.stop.clone().drop_guard(),
		cut: shared.cut.clone().drop_guard(),
		closing: Closing { jobs: shared.jobs.clone(), journal, closed: false },
		lock,
	})
}

async fn bind(
	address: SocketAddr,
	option: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
	let failed = |source| StartError::Listen { address, option, source };
	let socket = TcpListener::bind(address).await.map_err(failed)?;
	let bound = socket.local_addr().map_err(failed)?;
	Ok((socket, bound))
}

async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
	spawn_blocking(work).await.map_err(system)?
}

fn system(error: impl std::fmt::Display) -> StartError {
	StartError::System(error.to_string())
}
