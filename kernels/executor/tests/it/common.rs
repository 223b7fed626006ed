//! An executor in a temporary folder, a small real model, and a client that speaks HTTP.

use assay_executor::{start, BackendChoice, Config, Handle, Limits};
use assay_program::{
	merkle, program_digest,
	wire::{data_statement, JobRequest, JobState, Tenants},
	Backend, BackendError, Bytes, EmbedBy, Hash, Limits as Shape, Model, Operator, Outcome,
	Parameters, Program,
};
use assay_reference::{sample, ReferenceBackend};
use codec::{Decode, Encode};
use reqwest::{header, Client, RequestBuilder, Response, StatusCode};
use schnorrkel::{signing_context, ExpansionMode, Keypair, MiniSecretKey};
use std::{
	ops::ControlFlow,
	path::{Path, PathBuf},
	sync::{Arc, Condvar, Mutex},
	time::Duration,
};
use tempfile::TempDir;
use tokio::sync::watch;

pub const GENESIS: Hash = [7; 32];
/// Longer than anything here takes; a test that reaches it has failed.
pub const LONG_MS: u64 = 60_000;

/// A program with weights, and inputs for it.
pub struct Sample {
	pub program: Program,
	pub program_bytes: Vec<u8>,
	pub weights: Vec<u8>,
	pub parameters: Parameters,
	vocabulary: u32,
}

impl Sample {
	/// One that the reference computes in no time.
	pub fn small() -> Self {
		Self::of(&sample::Shape::SMALL, Parameters::encoder(2, 8))
	}

	/// One that keeps the reference busy for a good part of a second.
	pub fn slow() -> Self {
		let shape = sample::Shape {
			layers: 2,
			width: 192,
			heads: 4,
			inner: 768,
			max_batch: 1,
			max_sequence: 64,
			..sample::Shape::SMALL
		};
		Self::of(&shape, Parameters::encoder(1, 64))
	}

	/// One that keeps the reference busy for longer than a few requests take.
	pub fn heavy() -> Self {
		let shape = sample::Shape {
			layers: 8,
			width: 384,
			heads: 6,
			inner: 1536,
			max_batch: 1,
			max_sequence: 128,
			..sample::Shape::SMALL
		};
		Self::of(&shape, Parameters::encoder(1, 128))
	}

	/// One whose rows are reduced in several blocks.
	pub fn wide() -> Self {
		let (vocabulary, width, fraction) = (30, 3000, 16);
		let mut builder = sample::Builder::new(Shape::encoder(1, 70));
		let ids = builder.push(Operator::Tokens { vocabulary });
		let (table, scales) = (builder.matrix(vocabulary, width), builder.vector(vocabulary));
		let by = EmbedBy::Token;
		let value = builder.push(Operator::Embed { ids, table, scales, by, fraction });
		let value = builder.layer_norm(value, width, fraction);
		let rows = builder.quantise(value, 1, 12);
		builder.linear(rows, 5, width, fraction);
		let value = builder.push(Operator::MeanPool { value, ids });
		Self::with(builder.finish(value), vocabulary, Parameters::encoder(1, 70))
	}

	/// One with a filter over so many positions that no answer of a game could open them.
	pub fn patient() -> Self {
		let shape = sample::NetworkShape {
			layers: 1,
			features: 2,
			channels: 1,
			taps: 1_500,
			max_batch: 1,
			max_sequence: 2_000,
			..sample::NetworkShape::SMALL
		};
		let program = sample::network(&shape);
		Self::with(program, 2, Parameters::encoder(1, 4))
	}

	/// One of many rows, so that its output is long.
	pub fn long() -> Self {
		let shape = sample::Shape { width: 64, inner: 16, max_batch: 256, ..sample::Shape::SMALL };
		Self::of(&shape, Parameters::encoder(1, 2))
	}

	/// A decoder whose next token follows from the last one alone. It runs all steps it may.
	pub fn decoder() -> Self {
		let (vocabulary, width) = (64, 32);
		let mut builder =
			sample::Builder::new(Shape { max_batch: 2, max_sequence: 64, max_steps: 40 });
		let ids = builder.push(Operator::Tokens { vocabulary });
		let (table, scales) = (builder.matrix(vocabulary, width), builder.vector(vocabulary));
		let by = EmbedBy::Token;
		let embedded = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
		let last = builder.push(Operator::Last { value: embedded });
		let row = builder.quantise(last, 1, 12);
		let logits = builder.linear(row, vocabulary, width, 16);
		let greedy = builder.push(Operator::ArgMax { value: logits });
		let next = builder.push(Operator::Choose { ids, greedy, sampled: greedy });
		let mut program = builder.finish(next);
		let stop = program.operators.len() - 2;
		program.operators[stop] = Operator::Stop { next: Some(next), ends: Vec::new() };
		program.validate().unwrap();
		let parameters = Parameters { batch: 2, sequence: 5, max_steps: 12, sampling: None };
		Self::with(program, vocabulary, parameters)
	}

	fn of(shape: &sample::Shape, parameters: Parameters) -> Self {
		Self::with(sample::encoder(shape), shape.vocabulary, parameters)
	}

	fn with(program: Program, vocabulary: u32, parameters: Parameters) -> Self {
		let weights = sample::weights(&program, sample::Style::Plausible, 1);
		let program_bytes = program.encode();
		Self { program, program_bytes, weights, parameters, vocabulary }
	}

	pub fn input(&self, seed: u64) -> Vec<u8> {
		let Parameters { batch, sequence, max_steps, .. } = self.parameters;
		if max_steps > 1 {
			// Without padding, which a decoder does not take.
			let id = |at: u32| ((u64::from(at) * 7 + seed) % u64::from(self.vocabulary)) as u32;
			return (0..batch * sequence).flat_map(|at| id(at).to_le_bytes()).collect();
		}
		sample::input(self.vocabulary, batch, sequence, seed)
	}

	/// The job that runs `input`.
	pub fn job(&self, input: &[u8], tenant: Hash, nonce: u64) -> JobRequest {
		JobRequest {
			genesis: GENESIS,
			program: program_digest(&self.program_bytes),
			weights: merkle::blob(&self.weights),
			input: merkle::blob(input),
			parameters: self.parameters.clone(),
			tenant,
			nonce,
		}
	}

	/// What the reference says.
	pub fn outcome(&self, input: &[u8]) -> Outcome {
		assay_reference::run(&self.program, &self.weights, input, &self.parameters).unwrap()
	}
}

/// The reference behind a gate, so that a test decides when a job may compute, and how it ends.
#[derive(Default)]
pub struct Gated {
	state: Mutex<GateState>,
	changed: Condvar,
	/// How many runs reached the gate.
	pub entered: watch::Sender<usize>,
	/// How many steps were made.
	pub made: watch::Sender<u32>,
	/// How many jobs it wants at once; 0 is one, too.
	at_once: usize,
}

#[derive(Default)]
struct GateState {
	closed: bool,
	/// The only input that the gate is for, if it is not for all.
	only: Option<Vec<u8>>,
	panics: bool,
	wrong: bool,
	/// Steps that a run may tell; the next one waits. Without a number, all.
	steps: Option<u32>,
}

impl Gated {
	pub fn new() -> Arc<Self> {
		Arc::default()
	}

	/// One that wants so many jobs at once.
	pub fn at_once(jobs: usize) -> Arc<Self> {
		Arc::new(Self { at_once: jobs, ..Self::default() })
	}

	/// A backend that gives answers of its own.
	pub fn wrong() -> Arc<Self> {
		let gated = Self::new();
		gated.be_wrong_from_now_on();
		gated
	}

	pub fn be_wrong_from_now_on(&self) {
		self.state.lock().unwrap().wrong = true;
	}

	pub fn be_right_again(&self) {
		self.state.lock().unwrap().wrong = false;
	}

	/// Lets each run tell so many steps, and the next one wait.
	pub fn hold_after(&self, steps: u32) {
		self.state.lock().unwrap().steps = Some(steps);
		self.changed.notify_all();
	}

	/// Lets runs tell all steps.
	pub fn let_go(&self) {
		self.state.lock().unwrap().steps = None;
		self.changed.notify_all();
	}

	fn wait_for_step(&self, step: u32) {
		let state = self.state.lock().unwrap();
		let waits = |state: &mut GateState| state.steps.is_some_and(|steps| step >= steps);
		let panics = self.changed.wait_while(state, waits).unwrap().panics;
		assert!(!panics, "told to panic by the test");
	}

	pub fn close(&self) {
		self.entered.send_replace(0);
		self.state.lock().unwrap().closed = true;
	}

	/// From now on it is for one input only, so that an executor can start and take its self-test
	/// meanwhile.
	pub fn is_only_for(&self, input: &[u8]) {
		self.state.lock().unwrap().only = Some(input.into());
	}

	/// Closes for one input.
	pub fn close_for(&self, input: &[u8]) {
		self.is_only_for(input);
		self.close();
	}

	pub fn open(&self) {
		self.state.lock().unwrap().closed = false;
		self.changed.notify_all();
	}

	pub fn panic_from_now_on(&self) {
		self.state.lock().unwrap().panics = true;
	}

	pub fn calm_down(&self) {
		self.state.lock().unwrap().panics = false;
	}

	/// Waits until `runs` runs have reached the gate.
	pub async fn until_entered(&self, runs: usize) {
		self.entered.subscribe().wait_for(|entered| *entered >= runs).await.unwrap();
	}
}

/// What the executor sees of a gate.
pub struct GatedBackend(pub Arc<Gated>);

struct GatedModel {
	gate: Arc<Gated>,
	inner: Arc<dyn Model>,
}

impl Backend for GatedBackend {
	fn name(&self) -> &'static str {
		"gated"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		let inner = ReferenceBackend.load(program, weights)?;
		Ok(Arc::new(GatedModel { gate: self.0.clone(), inner }))
	}

	fn jobs_at_once(&self) -> usize {
		self.0.at_once
	}
}

impl Model for GatedModel {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		let state = self.gate.state.lock().unwrap();
		let is_meant = state.only.as_ref().is_none_or(|only| only == input);
		if is_meant {
			self.gate.entered.send_modify(|entered| *entered += 1);
		}
		let waits = |state: &mut GateState| state.closed && is_meant;
		let state = self.gate.changed.wait_while(state, waits).unwrap();
		let (panics, wrong) = (state.panics, state.wrong);
		drop(state);
		assert!(!panics, "told to panic by the test");
		let mut step = 0;
		let mut told = |bytes: &[u8]| {
			if is_meant {
				self.gate.wait_for_step(step);
			}
			step += 1;
			let flow = emit(bytes);
			self.gate.made.send_replace(step);
			flow
		};
		match self.inner.stream(input, parameters, &mut told)? {
			Outcome::Output { count, mut data } if wrong => {
				data[0] ^= 1;
				Ok(Outcome::Output { count, data })
			},
			outcome => Ok(outcome),
		}
	}
}

/// A running executor and a client of it.
pub struct Executor {
	pub handle: Handle,
	pub folder: TempDir,
	pub http: Client,
}

/// A configuration for tests: the reference computes, so that no test depends on the processor.
pub fn config(folder: &Path) -> Config {
	Config { backend: BackendChoice::Reference, genesis: None, ..Config::dev(folder) }
}

impl Executor {
	pub async fn new() -> Self {
		Self::with(|_| {}).await
	}

	pub async fn limited(limit: impl FnOnce(&mut Limits)) -> Self {
		Self::with(|config| limit(&mut config.limits)).await
	}

	pub async fn gated(gate: &Arc<Gated>, limit: impl FnOnce(&mut Limits)) -> Self {
		Self::gated_again(TempDir::new().unwrap(), gate, limit).await
	}

	pub async fn gated_again(
		folder: TempDir,
		gate: &Arc<Gated>,
		limit: impl FnOnce(&mut Limits),
	) -> Self {
		let backend = BackendChoice::Custom(Arc::new(GatedBackend(gate.clone())));
		Self::again(folder, |config| {
			config.backend = backend;
			limit(&mut config.limits);
		})
		.await
	}

	pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
		Self::again(TempDir::new().unwrap(), change).await
	}

	/// Starts in a folder that was used before.
	pub async fn again(folder: TempDir, change: impl FnOnce(&mut Config)) -> Self {
		let mut config = config(folder.path());
		change(&mut config);
		let handle = start(config).await.unwrap();
		Self { handle, folder, http: Client::new() }
	}

	/// Stops and gives the folder back.
	pub async fn stop(self) -> TempDir {
		self.handle.shutdown().await;
		self.folder
	}

	pub fn control(&self) -> Control {
		let http = self.http.clone();
		Control { http, url: self.handle.control_url(), token: self.handle.token().into() }
	}

	pub fn data(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
		self.http.request(method, format!("{}{path}", self.handle.data_url().unwrap()))
	}
}

/// A client of a control listener.
#[derive(Clone)]
pub struct Control {
	pub http: Client,
	pub url: String,
	pub token: String,
}

impl Control {
	pub fn get(&self, path: &str) -> RequestBuilder {
		self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token)
	}

	pub fn put(&self, path: &str) -> RequestBuilder {
		self.http.put(format!("{}{path}", self.url)).bearer_auth(&self.token)
	}

	pub fn post(&self, path: &str) -> RequestBuilder {
		self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token)
	}

	pub async fn put_blob(&self, kind: &str, digest: &Hash, bytes: &[u8]) -> Response {
		let path = format!("/v1/blobs/{kind}/{}", hex::encode(digest));
		self.put(&path).body(bytes.to_vec()).send().await.unwrap()
	}

	/// Puts program and weights.
	pub async fn put_model(&self, sample: &Sample) {
		let program = program_digest(&sample.program_bytes);
		let answer = self.put_blob("program", &program, &sample.program_bytes).await;
		assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
		let answer =
			self.put_blob("weights", &merkle::blob(&sample.weights), &sample.weights).await;
		assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
	}

	pub async fn put_input(&self, input: &[u8]) {
		let answer = self.put_blob("input", &merkle::blob(input), input).await;
		assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
	}

	/// Submits a job in SCALE.
	pub async fn submit(&self, request: &JobRequest) -> Response {
		self.submit_as(request, "").await
	}

	/// Submits a job with a query.
	pub async fn submit_as(&self, request: &JobRequest, query: &str) -> Response {
		let path = format!("/v1/jobs/{}{query}", hex::encode(request.digest()));
		let scale = (header::CONTENT_TYPE, "application/octet-stream");
		let put = self.put(&path).header(scale.0, scale.1).body(request.encode());
		put.send().await.unwrap()
	}

	/// A job's state, in SCALE, at its end or after `wait_ms`.
	pub async fn state(&self, job: &Hash, wait_ms: u64) -> JobState {
		let path = format!("/v1/jobs/{}?wait_ms={wait_ms}", hex::encode(job));
		let get = self.get(&path).header(header::ACCEPT, "application/octet-stream");
		let answer = get.send().await.unwrap();
		assert_eq!(answer.status(), StatusCode::OK);
		JobState::decode(&mut &answer.bytes().await.unwrap()[..]).unwrap()
	}

	/// Waits for a job's end, however many polls that takes.
	pub async fn end(&self, job: &Hash) -> JobState {
		loop {
			let state = self.state(job, LONG_MS).await;
			if matches!(state, JobState::Done { .. } | JobState::Failed { .. }) {
				return state;
			}
		}
	}

	pub async fn set_tenants(&self, block: u32, tenants: &[Hash]) {
		let told = Tenants { genesis: GENESIS, block, tenants: tenants.to_vec() };
		let answer = self.put("/v1/tenants").json(&told).send().await.unwrap();
		assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{}", answer.text().await.unwrap());
	}

	/// The value of a metric, with its labels as they are written; 0 when it is not there.
	pub async fn metric(&self, name: &str) -> f64 {
		let text = self.get("/metrics").send().await.unwrap().text().await.unwrap();
		let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
		lines.find(|(metric, _)| *metric == name).map_or(0.0, |(_, value)| value.parse().unwrap())
	}
}

/// Asserts that an answer is a rejection with this status and code, in body and header.
pub async fn assert_rejected(answer: Response, status: u16, code: &str) -> serde_json::Value {
	let header = answer.headers().get("x-assay-error").map(|h| h.to_str().unwrap().to_owned());
	let got = answer.status();
	let body = answer.text().await.unwrap();
	assert_eq!((got.as_u16(), header.as_deref()), (status, Some(code)), "{body}");
	let body: serde_json::Value = serde_json::from_str(&body).unwrap();
	assert_eq!(body["code"], code);
	assert!(body["message"].as_str().unwrap().len() > 20, "{body}");
	body
}

/// An account that signs data requests.
pub struct Account(Keypair);

impl Account {
	pub fn new(seed: u8) -> Self {
		let secret = MiniSecretKey::from_bytes(&[seed; 32]).unwrap();
		Self(secret.expand_to_keypair(ExpansionMode::Ed25519))
	}

	pub fn id(&self) -> Hash {
		self.0.public.to_bytes()
	}

	fn sign(&self, message: &[u8]) -> String {
		let signature = self.0.sign(signing_context(b"substrate").bytes(message));
		format!("0x{}", hex::encode(signature.to_bytes()))
	}

	/// The headers of a signed request.
	pub fn headers(&self, method: &str, digest: &Hash, expiry: u32) -> [(&'static str, String); 3] {
		let statement = data_statement(&GENESIS, method, digest, expiry);
		self.headers_over(&statement, expiry)
	}

	/// As a wallet does it that brackets raw bytes.
	pub fn bracketed(
		&self,
		method: &str,
		digest: &Hash,
		expiry: u32,
	) -> [(&'static str, String); 3] {
		let statement = data_statement(&GENESIS, method, digest, expiry);
		self.headers_over(&[b"<Bytes>", &statement[..], b"</Bytes>"].concat(), expiry)
	}

	fn headers_over(&self, message: &[u8], expiry: u32) -> [(&'static str, String); 3] {
		[
			("x-assay-account", format!("0x{}", hex::encode(self.id()))),
			("x-assay-expiry", expiry.to_string()),
			("x-assay-signature", self.sign(message)),
		]
	}
}

pub fn with_headers(
	mut request: RequestBuilder,
	headers: &[(&'static str, String)],
) -> RequestBuilder {
	for (name, value) in headers {
		request = request.header(*name, value);
	}
	request
}

/// Every file below the blob store.
pub fn blob_files(folder: &Path) -> Vec<PathBuf> {
	let mut folders = vec![folder.join("blobs")];
	let mut files = Vec::new();
	while let Some(folder) = folders.pop() {
		for entry in std::fs::read_dir(folder).unwrap() {
			let path = entry.unwrap().path();
			match path.is_dir() {
				true => folders.push(path),
				false => files.push(path),
			}
		}
	}
	files
}

/// Fails a test that would hang.
pub async fn soon<T>(future: impl std::future::Future<Output = T>) -> T {
	tokio::time::timeout(Duration::from_millis(LONG_MS), future).await.expect("took too long")
}
