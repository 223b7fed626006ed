//! A proxy between a node and a real executor. What the node asks about a job is answered by the
//! job's plan; all else is passed on.

use crate::{Cheat, Lie, Manner, Plan, Task};
use anyhow::{ensure, Context, Result};
use assay_program::{
	wire::{JobRequest, JobState, TraceState},
	Hash, Program,
};
use assay_trace::{Answer, Question};
use axum::{
	body::{to_bytes, Body},
	extract::{Request, State},
	http::{request::Parts, HeaderMap, Method, StatusCode},
	response::{IntoResponse, Response},
	Router,
};
use codec::{DecodeAll, Encode};
use std::{
	collections::{BTreeMap, BTreeSet},
	net::SocketAddr,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, sync::OnceCell, task::AbortHandle};

/// Longest request or answer that is passed on.
const BYTES_MAX: usize = 256 << 20;
/// What a request tells in its head, and an answer.
const HEADERS: [&str; 4] = ["authorization", "content-type", "accept", "x-assay-error"];

/// A running adversary. It ends with this value.
#[derive(Debug)]
pub struct Adversary {
	address: SocketAddr,
	mind: Arc<Mind>,
	task: AbortHandle,
}

/// What it knows of a job.
#[derive(Debug, Default)]
struct Known {
	plan: Plan,
	request: Option<JobRequest>,
	cheat: Arc<OnceCell<Arc<Cheat>>>,
	/// What was asked about it, each question once.
	asked: Vec<Question>,
}

#[derive(Debug)]
struct Mind {
	upstream: SocketAddr,
	client: reqwest::Client,
	default: Mutex<Plan>,
	jobs: Mutex<BTreeMap<Hash, Known>>,
	/// Programs and weights by their path at the executor.
	blobs: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
	/// Jobs that are never done.
	stalled: Mutex<BTreeSet<Hash>>,
	/// Blobs that are not handed out.
	withheld: Mutex<BTreeSet<Hash>>,
}

/// What a path is about.
enum Route {
	Job(Hash),
	Trace(Hash),
	Answers(Hash),
	Blob(Hash),
	Other,
}

impl Adversary {
	/// Listens at `address` for what is meant for `upstream`, and is honest until it is told a plan.
	pub async fn start(address: SocketAddr, upstream: SocketAddr) -> Result<Self> {
		let listener = TcpListener::bind(address).await?;
		let address = listener.local_addr()?;
		let (client, default) = (reqwest::Client::new(), Mutex::default());
		let (jobs, blobs) = (Mutex::default(), Mutex::default());
		let (stalled, withheld) = (Mutex::default(), Mutex::default());
		let mind = Mind { upstream, client, default, jobs, blobs, stalled, withheld };
		let mind = Arc::new(mind);
		let router = Router::new().fallback(pass).with_state(Arc::clone(&mind));
		let serve = async move { axum::serve(listener, router).await };
		Ok(Self { address, mind, task: tokio::spawn(serve).abort_handle() })
	}

	/// What it does with a job from now on.
	pub fn set(&self, job: Hash, plan: Plan) {
		lock(&self.mind.jobs).insert(job, Known { plan, ..Known::default() });
	}

	/// What it does with jobs that it has not heard of yet.
	pub fn set_default(&self, plan: Plan) {
		*lock(&self.mind.default) = plan;
	}

	/// Says of a job from now on that it waits its turn.
	pub fn stall(&self, job: Hash) {
		lock(&self.mind.stalled).insert(job);
	}

	/// Hands a blob out no more: neither to those who demand it nor to anybody else.
	pub fn withhold(&self, digest: Hash) {
		lock(&self.mind.withheld).insert(digest);
	}

	/// What it lied about in a job, where it has.
	pub fn lie_of(&self, job: &Hash) -> Option<String> {
		let jobs = lock(&self.mind.jobs);
		jobs.get(job)?.cheat.get().map(|cheat| cheat.what().to_string())
	}

	/// Questions that were asked about a job.
	pub fn asked(&self, job: &Hash) -> usize {
		lock(&self.mind.jobs).get(job).map_or(0, |known| known.asked.len())
	}

	/// Where it listens.
	pub fn url(&self) -> String {
		format!("http://{}", self.address)
	}
}

impl Drop for Adversary {
	fn drop(&mut self) {
		self.task.abort();
	}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Route {
	fn of(method: &Method, path: &str) -> Self {
		let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
		let (route, digest): (fn(Hash) -> Self, _) = match &parts[..] {
			["v1", "jobs", digest] => (Self::Job, digest),
			["v1", "traces", digest] if *method == Method::POST => (Self::Trace, digest),
			["v1", "traces", digest, "answers"] => (Self::Answers, digest),
			["v1", "blobs", _, digest] if *method == Method::GET => (Self::Blob, digest),
			_ => return Self::Other,
		};
		let mut hash = Hash::default();
		match hex::decode_to_slice(digest, &mut hash) {
			Ok(()) => route(hash),
			Err(_) => Self::Other,
		}
	}
}

impl Mind {
	/// What is known of a job, after hearing a request about it.
	fn hear(&self, job: Hash, body: &[u8]) -> Plan {
		let default = *lock(&self.default);
		let mut jobs = lock(&self.jobs);
		let known = jobs.entry(job).or_insert(Known { plan: default, ..Known::default() });
		if let Ok(request) = JobRequest::decode_all(&mut &*body) {
			known.request = Some(request);
		}
		known.plan
	}

	/// Notes a question; whether it is to be answered.
	fn ask(&self, job: &Hash, question: &Question) -> bool {
		let mut jobs = lock(&self.jobs);
		let Some(known) = jobs.get_mut(job) else { return true };
		let place = known.asked.iter().position(|asked| asked == question);
		let place = place.unwrap_or_else(|| {
			known.asked.push(*question);
			known.asked.len() - 1
		});
		!matches!(known.plan.manner, Manner::Silent(from) if place >= from as usize)
	}

	/// The wrong trace of a job, made once; none where there is nothing wrong with it.
	async fn cheat(&self, job: &Hash, head: &Parts) -> Result<Option<Arc<Cheat>>> {
		let (plan, request, cell) = {
			let jobs = lock(&self.jobs);
			let known = jobs.get(job).context("the job is unknown")?;
			(known.plan, known.request.clone(), Arc::clone(&known.cheat))
		};
		if plan.lie == Lie::None {
			return Ok(None);
		}
		let make = || async {
			let request = request.context("the job was not handed in")?;
			let task = self.task(&request, head).await?;
			let made = tokio::task::spawn_blocking(move || Cheat::new(task, &plan));
			anyhow::Ok(Arc::new(made.await??))
		};
		cell.get_or_try_init(make).await.map(|cheat| Some(Arc::clone(cheat)))
	}

	/// Everything that running a job takes, from the executor.
	async fn task(&self, request: &JobRequest, head: &Parts) -> Result<Task> {
		let program = self.blob("program", &request.program, head).await?;
		let program = Program::decode_validated(&program).ok().context("an invalid program")?;
		let weights = self.blob("weights", &request.weights, head).await?;
		let input = self.blob("input", &request.input, head).await?.to_vec();
		let parameters = request.parameters.clone();
		Ok(Task { program: program.into(), weights, input, parameters })
	}

	async fn blob(&self, kind: &str, digest: &Hash, head: &Parts) -> Result<Arc<Vec<u8>>> {
		let path = format!("/v1/blobs/{kind}/{}", hex::encode(digest));
		if let Some(known) = lock(&self.blobs).get(&path) {
			return Ok(Arc::clone(known));
		}
		let mut request = self.client.get(format!("http://{}{path}", self.upstream));
		if let Some(token) = head.headers.get("authorization") {
			request = request.header("authorization", token);
		}
		let answer = request.send().await?;
		ensure!(answer.status().is_success(), "no {kind}: {}", answer.status());
		let bytes = Arc::new(answer.bytes().await?.to_vec());
		lock(&self.blobs).insert(path, Arc::clone(&bytes));
		Ok(bytes)
	}

	async fn serve(&self, request: Request<Body>) -> Result<Response> {
		let (head, body) = request.into_parts();
		let body = to_bytes(body, BYTES_MAX).await?.to_vec();
		match Route::of(&head.method, head.uri.path()) {
			Route::Job(job) => {
				self.hear(job, &body);
				if lock(&self.stalled).contains(&job) {
					return Ok(scale(&JobState::Queued));
				}
				let answer = self.forward(&head, body).await?;
				self.claim(&job, &head, answer).await
			},
			Route::Trace(job) => {
				self.hear(job, &body);
				match self.cheat(&job, &head).await {
					Ok(Some(cheat)) => {
						let (claim, body) = (cheat.claim(), cheat.body());
						Ok(scale(&TraceState::Ready { claim, body }))
					},
					// Without the input it cannot lie either: the executor says what it lacks.
					Ok(None) | Err(_) => self.forward(&head, body).await.map(Into::into),
				}
			},
			Route::Answers(job) => {
				let question = Question::decode_all(&mut &body[..])?;
				let plan = self.hear(job, &[]);
				if !self.ask(&job, &question) {
					return Ok(StatusCode::ACCEPTED.into_response());
				}
				self.answer(&job, &head, body, question, plan).await
			},
			Route::Blob(digest) if lock(&self.withheld).contains(&digest) => {
				Ok((StatusCode::NOT_FOUND, [("x-assay-error", "blob_unknown")]).into_response())
			},
			Route::Blob(_) | Route::Other => self.forward(&head, body).await.map(Into::into),
		}
	}

	/// The state of a job, with the claim that its plan wants.
	async fn claim(&self, job: &Hash, head: &Parts, mut answer: Passed) -> Result<Response> {
		if let Ok(JobState::Done { .. }) = JobState::decode_all(&mut &answer.body[..]) {
			if let Some(cheat) = self.cheat(job, head).await? {
				answer.body = JobState::Done { claim: cheat.claim() }.encode();
			}
		}
		Ok(answer.into())
	}

	async fn answer(
		&self,
		job: &Hash,
		head: &Parts,
		body: Vec<u8>,
		question: Question,
		plan: Plan,
	) -> Result<Response> {
		let answer = match self.cheat(job, head).await? {
			None => {
				let answer = self.forward(head, body).await?;
				if plan.manner == Manner::Straight || answer.status != StatusCode::OK {
					return Ok(answer.into());
				}
				Some(Answer::decode_all(&mut &answer.body[..])?)
			},
			Some(cheat) => tokio::task::spawn_blocking(move || cheat.answer(&question)).await??,
		};
		Ok(match answer {
			None => StatusCode::ACCEPTED.into_response(),
			Some(answer) if plan.manner == Manner::Shape => scale(&misshapen(answer)),
			Some(answer) => scale(&answer),
		})
	}

	async fn forward(&self, head: &Parts, body: Vec<u8>) -> Result<Passed> {
		let target = head.uri.path_and_query().context("no path")?.as_str();
		let url = format!("http://{}{target}", self.upstream);
		let mut onward = self.client.request(head.method.clone(), url).body(body);
		for name in HEADERS {
			if let Some(value) = head.headers.get(name) {
				onward = onward.header(name, value);
			}
		}
		let answer = onward.send().await?;
		let (status, mut headers) = (answer.status(), HeaderMap::new());
		for name in HEADERS {
			if let Some(value) = answer.headers().get(name) {
				headers.insert(name, value.clone());
			}
		}
		Ok(Passed { status, headers, body: answer.bytes().await?.to_vec() })
	}
}

/// An answer on its way.
struct Passed {
	status: StatusCode,
	headers: HeaderMap,
	body: Vec<u8>,
}

impl From<Passed> for Response {
	fn from(passed: Passed) -> Self {
		(passed.status, passed.headers, passed.body).into_response()
	}
}

fn scale(value: &impl Encode) -> Response {
	([("content-type", "application/octet-stream")], value.encode()).into_response()
}

/// The same answer in another shape.
fn misshapen(answer: Answer) -> Answer {
	match answer {
		Answer::Children(mut hashes) => {
			hashes.pop();
			Answer::Children(hashes)
		},
		Answer::Bytes(mut bytes) => {
			bytes.push(0);
			Answer::Bytes(bytes)
		},
		Answer::Partials(mut partials, openings) => {
			partials.pop();
			Answer::Partials(partials, openings)
		},
		Answer::Openings(mut openings) | Answer::Offence(_, mut openings) => {
			openings.pop();
			Answer::Openings(openings)
		},
	}
}

async fn pass(State(mind): State<Arc<Mind>>, request: Request<Body>) -> Response {
	mind.serve(request)
		.await
		.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
}
