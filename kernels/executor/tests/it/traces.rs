//! Traces: built for whoever asks, and answered from, like a tracer of the test's own.

use crate::common::{assert_rejected, blob_files, soon, Control, Executor, Sample, LONG_MS};
use assay_executor::{BackendChoice, Failure};
use assay_program::{
	merkle,
	wire::{JobRequest, JobState, TraceState},
	Backend, BackendError, Bytes, Claim, InvalidCode, Model, Parameters, Program,
};
use assay_reference::ReferenceBackend;
use assay_trace::{offence, Answer, Part, Position, Question, ReferenceSteps, Tracer};
use codec::{Decode, Encode};
use reqwest::{header, Response, StatusCode};
use std::{
	fs,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
};

const TENANT: [u8; 32] = [1; 32];
const SCALE: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/octet-stream");
const ANSWERED: &str = "assay_executor_answers_total{result=\"answered\"}";

fn post(control: &Control, path: &str, wait_ms: u64) -> reqwest::RequestBuilder {
	let url = format!("{}{path}?wait_ms={wait_ms}", control.url);
	control.http.post(url).bearer_auth(&control.token)
}

fn path(job: &JobRequest) -> String {
	format!("/v1/traces/{}", hex::encode(job.digest()))
}

/// Posts a job's request, and waits for the trace at most `wait_ms`.
async fn trace(control: &Control, job: &JobRequest, wait_ms: u64) -> Response {
	let (name, value) = SCALE;
	let request = post(control, &path(job), wait_ms).header(name, value).body(job.encode());
	request.send().await.unwrap()
}

async fn state(control: &Control, job: &JobRequest, wait_ms: u64) -> TraceState {
	let answer = trace(control, job, wait_ms).await;
	let status = answer.status();
	let body = answer.bytes().await.unwrap();
	assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
	TraceState::decode(&mut &body[..]).unwrap()
}

/// Posts until the trace is no longer being built.
async fn built(control: &Control, job: &JobRequest) -> TraceState {
	loop {
		let state = state(control, job, LONG_MS).await;
		if state != TraceState::Building {
			return state;
		}
	}
}

async fn ask(control: &Control, job: &JobRequest, question: &Question, wait_ms: u64) -> Response {
	let path = format!("{}/answers", path(job));
	post(control, &path, wait_ms).body(question.encode()).send().await.unwrap()
}

/// Asks until there is an answer.
async fn answer(control: &Control, job: &JobRequest, question: &Question) -> Answer {
	loop {
		let answer = ask(control, job, question, LONG_MS).await;
		if answer.status() == StatusCode::ACCEPTED {
			continue;
		}
		let (status, body) = (answer.status(), answer.bytes().await.unwrap());
		assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
		return Answer::decode(&mut &body[..]).unwrap();
	}
}

fn tracer<'a>(sample: &'a Sample, input: &'a [u8]) -> Tracer<'a, ReferenceSteps<'a>> {
	Tracer::reference(&sample.program, &sample.weights, input, &sample.parameters).unwrap()
}

/// Holds model and input of a sample, and gives the job that runs it.
async fn put(control: &Control, sample: &Sample, nonce: u64) -> JobRequest {
	control.put_model(sample).await;
	let input = sample.input(nonce);
	control.put_input(&input).await;
	sample.job(&input, TENANT, nonce)
}

/// A question of every kind that a trace answers, about its beginning and its end.
fn questions(tracer: &Tracer<'_, ReferenceSteps<'_>>) -> Vec<Question> {
	let layout = tracer.layout();
	let tree = layout.tree();
	let mut all = vec![
		Question::Counts { counts: [1, tracer.claim().count()] },
		Question::OutputChildren { level: 1, position: 0 },
		Question::OutputSegment { segment: 0 },
		Question::OutputOpening { element: tracer.output().len() as u64 / 4 - 1 },
		Question::Leaf { index: tree.leaves() / 2 },
		Question::Leaf { index: tree.leaves() - 1 },
	];
	all.extend((1..=tree.levels()).map(|level| Question::Children { level, position: 0 }));
	let last = tracer.claim().count() - 1;
	for operator in 0..layout.operators() {
		let element = layout.elements(last, operator) - 1;
		let part = layout.first_part(last, operator);
		let position = Position { step: last, operator, element, part };
		if part == Part::Finish {
			all.push(Question::Partials { position });
			let part = Part::Block(layout.blocks(last, operator) - 1);
			all.push(Question::Openings { position: Position { part, ..position } });
		}
		all.push(Question::Openings { position });
	}
	let null = Position { step: last, operator: 0, element: 0, part: Part::Null };
	all.push(Question::Openings { position: null });
	all
}

#[tokio::test]
async fn answers_are_those_of_a_tracer() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (mut asked, mut finishes) = (0, 0);
	for sample in [Sample::small(), Sample::decoder(), Sample::wide()] {
		let job = put(&control, &sample, 1).await;
		let input = sample.input(1);
		let tracer = tracer(&sample, &input);
		let ready = TraceState::Ready { claim: tracer.claim(), body: tracer.body() };
		assert_eq!(soon(built(&control, &job)).await, ready);
		for question in questions(&tracer) {
			let expected = tracer.answer(&question).unwrap();
			assert_eq!(soon(answer(&control, &job, &question)).await, expected, "{question:?}");
			finishes += u32::from(matches!(question, Question::Partials { .. }));
			asked += 1;
		}
	}
	assert!(asked > 60 && finishes > 0, "{asked} {finishes}");
	assert_eq!(control.metric(ANSWERED).await, f64::from(asked));
	assert_eq!(control.metric("assay_executor_answer_seconds_count").await, f64::from(asked));
	let built = "assay_executor_traces_built_total{result=\"ready\"}";
	assert_eq!(control.metric(built).await, 3.0);
	assert_eq!(control.metric("assay_executor_trace_seconds_count").await, 3.0);
	// It traced what it never ran.
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 0.0);
}

#[tokio::test]
async fn an_input_that_breaks_a_rule_is_answered_with_its_offence() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::decoder();
	control.put_model(&sample).await;
	let whole = sample.input(1);
	let mut padded = whole.clone();
	padded[8..12].copy_from_slice(&(-1i32).to_le_bytes());
	let mut outside = whole.clone();
	outside[16..20].copy_from_slice(&i32::MAX.to_le_bytes());
	let short = whole[4..].to_vec();
	let inputs = [
		(padded, InvalidCode::Padding),
		(outside, InvalidCode::Token),
		(short, InvalidCode::Shape),
	];
	for (input, code) in inputs {
		control.put_input(&input).await;
		let job = sample.job(&input, TENANT, 1);
		let invalid = TraceState::Invalid { code: code.code() };
		assert_eq!(soon(built(&control, &job)).await, invalid);
		let expected = offence(&sample.program, &sample.parameters, &input).unwrap();
		assert_eq!(soon(answer(&control, &job, &Question::Offence)).await, expected);
		let refused = ask(&control, &job, &Question::Leaf { index: 0 }, LONG_MS).await;
		assert_rejected(refused, 422, "question_unanswerable").await;
	}
}

#[tokio::test]
async fn what_a_trace_does_not_have_is_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let job = put(&control, &sample, 1).await;
	soon(built(&control, &job)).await;
	let outside = Position { step: 9, operator: 0, element: 0, part: Part::Whole };
	for question in [
		Question::Offence,
		Question::Leaf { index: u32::MAX },
		Question::Children { level: 0, position: 0 },
		Question::OutputSegment { segment: u32::MAX },
		Question::OutputOpening { element: u64::MAX },
		Question::Counts { counts: [0, u32::MAX] },
		Question::Openings { position: outside },
		Question::Partials { position: outside },
	] {
		let refused = ask(&control, &job, &question, LONG_MS).await;
		let body = assert_rejected(refused, 422, "question_unanswerable").await;
		assert!(!body["detail"]["reason"].as_str().unwrap().is_empty());
	}
}

#[tokio::test]
async fn each_missing_blob_is_named() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let input = sample.input(1);
	let job = sample.job(&input, TENANT, 1);
	let blobs = [
		("program", job.program, &sample.program_bytes),
		("weights", job.weights, &sample.weights),
		("input", job.input, &input),
	];
	for (kind, digest, bytes) in blobs {
		let body = assert_rejected(trace(&control, &job, 0).await, 409, "blob_missing").await;
		assert_eq!(body["detail"]["kind"], kind);
		assert_eq!(body["detail"]["digest"], format!("0x{}", hex::encode(digest)));
		assert!(control.put_blob(kind, &digest, bytes).await.status().is_success());
	}
	assert!(matches!(soon(built(&control, &job)).await, TraceState::Ready { .. }));
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let job = put(&control, &sample, 1).await;
	let question = Question::Leaf { index: 0 };
	let unknown = ask(&control, &job, &question, 0).await;
	assert_rejected(unknown, 404, "trace_unknown").await;

	let send = |path: String, body: Vec<u8>| {
		let (name, value) = SCALE;
		post(&control, &path, 0).header(name, value).body(body).send()
	};
	let answers = format!("{}/answers", path(&job));
	let other = format!("/v1/traces/{}", hex::encode([9; 32]));
	for (path, body, status, code) in [
		(path(&job), vec![0; 16 * 1024 + 1], 413, "too_large"),
		(path(&job), vec![0; 9], 400, "body_malformed"),
		(path(&job), [job.encode(), vec![0]].concat(), 400, "body_malformed"),
		(other, job.encode(), 422, "job_digest_mismatch"),
		("/v1/traces/0x12".into(), job.encode(), 400, "digest_malformed"),
		("/v1/traces/0x12/answers".into(), question.encode(), 400, "digest_malformed"),
		(answers.clone(), vec![0; 257], 413, "too_large"),
		(answers.clone(), vec![99], 400, "body_malformed"),
		(answers.clone(), [question.encode(), vec![0]].concat(), 400, "body_malformed"),
	] {
		assert_rejected(send(path, body).await.unwrap(), status, code).await;
	}
	let get = control.get(&path(&job)).send().await.unwrap();
	assert_rejected(get, 405, "method_not_allowed").await;
	assert_eq!(control.metric("assay_executor_traces").await, 0.0);

	control.set_tenants(1, &[]).await;
	let foreign = JobRequest { genesis: [8; 32], ..job.clone() };
	assert_rejected(trace(&control, &foreign, 0).await, 409, "genesis_mismatch").await;
	let parameters = Parameters { sequence: 1 << 20, ..job.parameters.clone() };
	let outside = JobRequest { parameters, ..job };
	assert_rejected(trace(&control, &outside, 0).await, 422, "parameters_invalid").await;
}

#[tokio::test]
async fn a_job_without_games_has_no_trace() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::patient();
	let job = put(&control, &sample, 1).await;
	let body = assert_rejected(trace(&control, &job, 0).await, 422, "trace_impossible").await;
	assert!(body["detail"]["reason"].as_str().unwrap().contains("operator 2"), "{body}");
}

#[tokio::test]
async fn a_client_without_scale_reads_json() {
	let executor = Executor::new().await;
	let control = executor.control();
	let job = put(&control, &Sample::small(), 1).await;
	let TraceState::Ready { body, .. } = soon(built(&control, &job)).await else { panic!() };
	let told = post(&control, &path(&job), 0).json(&job).send().await.unwrap();
	let told: serde_json::Value = told.json().await.unwrap();
	assert_eq!(told["state"], "ready");
	assert_eq!(told["body"], format!("0x{}", hex::encode(body)));
	assert_eq!(told["claim"]["kind"], "output");
}

/// The chain's worker reads these bytes.
#[test]
fn states_have_their_numbers() {
	let claim = Claim::Invalid { code: 5 };
	let (ready, body) = (TraceState::Ready { claim, body: [7; 32] }, [7; 32]);
	assert_eq!(TraceState::Building.encode(), [0]);
	assert_eq!(ready.encode(), [&[1, 1, 5, 0, 0, 0], &body[..]].concat());
	assert_eq!(TraceState::Invalid { code: 3 }.encode(), [2, 3, 0, 0, 0]);
	assert_eq!(TraceState::Failed { code: 4 }.encode(), [3, 4, 0, 0, 0]);
}

#[tokio::test]
async fn the_trace_that_was_used_least_recently_makes_room() {
	let executor = Executor::limited(|limits| limits.traces = 2).await;
	let control = executor.control();
	let sample = Sample::small();
	let mut jobs = Vec::new();
	for nonce in 1..=3 {
		jobs.push(put(&control, &sample, nonce).await);
	}
	let question = Question::OutputSegment { segment: 0 };
	soon(built(&control, &jobs[0])).await;
	soon(built(&control, &jobs[1])).await;
	// From now on the second is the older one.
	soon(answer(&control, &jobs[0], &question)).await;
	soon(built(&control, &jobs[2])).await;
	let gone = ask(&control, &jobs[1], &question, 0).await;
	assert_rejected(gone, 404, "trace_unknown").await;
	soon(answer(&control, &jobs[0], &question)).await;
	soon(answer(&control, &jobs[2], &question)).await;
	assert_eq!(control.metric("assay_executor_traces").await, 2.0);
	// It comes back in the place of the first.
	soon(built(&control, &jobs[1])).await;
	soon(answer(&control, &jobs[1], &question)).await;
	let gone = ask(&control, &jobs[0], &question, 0).await;
	assert_rejected(gone, 404, "trace_unknown").await;
	let built = "assay_executor_traces_built_total{result=\"ready\"}";
	assert_eq!(control.metric(built).await, 4.0);
}

#[tokio::test]
async fn a_trace_is_built_once_however_often_it_is_asked_for() {
	let executor = Executor::new().await;
	let control = executor.control();
	let job = put(&control, &Sample::heavy(), 1).await;
	assert_eq!(state(&control, &job, 0).await, TraceState::Building);
	let all = (0..6).map(|_| built(&control, &job));
	let all = soon(futures::future::join_all(all)).await;
	assert!(all.iter().all(|state| matches!(state, TraceState::Ready { .. })), "{all:?}");
	let built = "assay_executor_traces_built_total{result=\"ready\"}";
	assert_eq!(control.metric(built).await, 1.0);
}

#[tokio::test]
async fn jobs_and_answers_go_on_while_a_trace_is_built() {
	let executor = Executor::limited(|limits| limits.traces = 2).await;
	let control = executor.control();
	let small = put(&control, &Sample::small(), 1).await;
	soon(built(&control, &small)).await;
	let (heavy, other) = (put(&control, &Sample::heavy(), 1).await, Sample::decoder());
	let other = put(&control, &other, 1).await;
	assert_eq!(state(&control, &heavy, 0).await, TraceState::Building);
	assert_eq!(control.submit(&other).await.status(), StatusCode::ACCEPTED);
	assert!(matches!(soon(control.end(&other.digest())).await, JobState::Done { .. }));
	soon(answer(&control, &small, &Question::Leaf { index: 0 })).await;
	let early = ask(&control, &heavy, &Question::Leaf { index: 0 }, 0).await;
	assert_eq!(early.status(), StatusCode::ACCEPTED);
	// The small one goes; of two that are in use none does.
	assert_eq!(state(&control, &other, 0).await, TraceState::Building);
	let third = JobRequest { nonce: 2, ..small };
	let full = trace(&control, &third, 0).await;
	assert_eq!(full.headers()[header::RETRY_AFTER], "1");
	assert_rejected(full, 503, "traces_full").await;
	assert_eq!(state(&control, &heavy, 0).await, TraceState::Building);
	assert!(matches!(soon(built(&control, &heavy)).await, TraceState::Ready { .. }));
	assert!(matches!(soon(built(&control, &third)).await, TraceState::Ready { .. }));
}

#[tokio::test]
async fn an_answer_is_made_once_and_so_many_may_wait() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::heavy();
	let job = put(&control, &sample, 1).await;
	let input = sample.input(1);
	let tracer = tracer(&sample, &input);
	soon(built(&control, &job)).await;
	let last = tracer.layout().tree().leaves() - 1;
	let question = |number| Question::Leaf { index: last - number };
	for number in 0..8 {
		let early = ask(&control, &job, &question(number), 0).await;
		assert_eq!(early.status(), StatusCode::ACCEPTED);
		assert!(early.bytes().await.unwrap().is_empty());
	}
	let full = ask(&control, &job, &question(8), 0).await;
	assert_rejected(full, 503, "questions_full").await;
	// The same question waits for the same answer.
	assert_eq!(ask(&control, &job, &question(7), 0).await.status(), StatusCode::ACCEPTED);
	for number in 0..8 {
		let expected = Answer::Bytes(tracer.leaf(last - number).unwrap());
		assert_eq!(soon(answer(&control, &job, &question(number))).await, expected);
	}
	assert_eq!(control.metric(ANSWERED).await, 8.0);
	// Once there is a place, an old answer makes room, and is made again when it is asked for.
	soon(answer(&control, &job, &question(8))).await;
	soon(answer(&control, &job, &question(1))).await;
	assert_eq!(control.metric(ANSWERED).await, 9.0);
	soon(answer(&control, &job, &question(0))).await;
	assert_eq!(control.metric(ANSWERED).await, 10.0);
}

/// The question of whose answer a run is longest in coming.
fn last_leaf(sample: &Sample) -> Question {
	let input = sample.input(1);
	Question::Leaf { index: tracer(sample, &input).layout().tree().leaves() - 1 }
}

/// Waits until so many answers were made.
async fn until_answered(control: &Control, answers: f64) {
	while control.metric(ANSWERED).await < answers {
		tokio::task::yield_now().await;
	}
}

#[tokio::test]
async fn a_trace_makes_no_room_before_its_answer_is_fetched() {
	let executor = Executor::limited(|limits| limits.traces = 1).await;
	let control = executor.control();
	let first = put(&control, &Sample::heavy(), 1).await;
	let second = put(&control, &Sample::small(), 2).await;
	// Built, but nobody has been told.
	assert_eq!(state(&control, &first, 0).await, TraceState::Building);
	let built_ones = "assay_executor_traces_built_total{result=\"ready\"}";
	let ready = async { while control.metric(built_ones).await < 1.0 {} };
	soon(ready).await;
	assert_rejected(trace(&control, &second, 0).await, 503, "traces_full").await;
	soon(built(&control, &first)).await;
	// Answered, but nobody came for it.
	let question = last_leaf(&Sample::heavy());
	assert_eq!(ask(&control, &first, &question, 0).await.status(), StatusCode::ACCEPTED);
	soon(until_answered(&control, 1.0)).await;
	assert_rejected(trace(&control, &second, 0).await, 503, "traces_full").await;
	let fetched = ask(&control, &first, &question, 0).await;
	assert_eq!(fetched.status(), StatusCode::OK);
	soon(built(&control, &second)).await;
	assert_eq!(control.metric(ANSWERED).await, 1.0);
}

#[tokio::test]
async fn an_answer_that_nobody_comes_for_makes_room_in_the_end() {
	let executor = Executor::limited(|limits| {
		limits.traces = 1;
		limits.unfetched = std::time::Duration::ZERO;
	})
	.await;
	let control = executor.control();
	let first = put(&control, &Sample::heavy(), 1).await;
	let second = put(&control, &Sample::small(), 2).await;
	let pin = |job: &JobRequest| control.put("/v1/jobs/pinned").body(vec![job.digest()].encode());
	soon(built(&control, &first)).await;
	let question = last_leaf(&Sample::heavy());
	assert_eq!(ask(&control, &first, &question, 0).await.status(), StatusCode::ACCEPTED);
	soon(until_answered(&control, 1.0)).await;
	// Not for a job that nobody asked about, where somebody asks about this one.
	assert_eq!(pin(&first).send().await.unwrap().status(), StatusCode::NO_CONTENT);
	assert_rejected(trace(&control, &second, 0).await, 503, "traces_full").await;
	assert_eq!(pin(&second).send().await.unwrap().status(), StatusCode::NO_CONTENT);
	soon(built(&control, &second)).await;
	assert_rejected(ask(&control, &first, &question, 0).await, 404, "trace_unknown").await;
}

#[tokio::test]
async fn traces_of_jobs_that_are_not_pinned_make_room_first() {
	let executor = Executor::limited(|limits| limits.traces = 2).await;
	let control = executor.control();
	let sample = Sample::small();
	let mut jobs = Vec::new();
	for nonce in 1..=3 {
		jobs.push(put(&control, &sample, nonce).await);
	}
	let pin = control.put("/v1/jobs/pinned").body(vec![jobs[0].digest()].encode());
	assert_eq!(pin.send().await.unwrap().status(), StatusCode::NO_CONTENT);
	for job in &jobs {
		soon(built(&control, job)).await;
	}
	// The first was used least recently, and stayed.
	let question = Question::Leaf { index: 0 };
	soon(answer(&control, &jobs[0], &question)).await;
	assert_rejected(ask(&control, &jobs[1], &question, 0).await, 404, "trace_unknown").await;
}

#[tokio::test]
async fn after_a_restart_everything_can_be_asked_again() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::decoder();
	let job = put(&control, &sample, 1).await;
	let (state, question) = (soon(built(&control, &job)).await, Question::Leaf { index: 7 });
	let before = soon(answer(&control, &job, &question)).await;
	let executor = Executor::again(soon(executor.stop()).await, |_| {}).await;
	let control = executor.control();
	assert_rejected(ask(&control, &job, &question, 0).await, 404, "trace_unknown").await;
	assert_eq!(soon(built(&control, &job)).await, state);
	assert_eq!(soon(answer(&control, &job, &question)).await, before);
}

#[tokio::test]
async fn a_stop_waits_for_no_trace() {
	let executor = Executor::new().await;
	let control = executor.control();
	let job = put(&control, &Sample::heavy(), 1).await;
	assert_eq!(state(&control, &job, 0).await, TraceState::Building);
	// Those who wait are answered, and the trace is broken off.
	let waits = state(&control, &job, LONG_MS);
	let (waited, folder) = soon(futures::future::join(waits, async {
		while control.metric("assay_executor_connections{listener=\"control\"}").await < 2.0 {}
		executor.stop().await
	}))
	.await;
	assert_eq!(waited, TraceState::Building);
	let executor = Executor::again(folder, |_| {}).await;
	let state = soon(built(&executor.control(), &job)).await;
	assert!(matches!(state, TraceState::Ready { .. }));
}

#[tokio::test]
async fn damaged_weights_fail_the_trace_and_are_missing_then() {
	let executor = Executor::new().await;
	let sample = Sample::small();
	let job = put(&executor.control(), &sample, 1).await;
	let folder = executor.stop().await;
	let name = hex::encode(merkle::blob(&sample.weights));
	let files = blob_files(folder.path());
	let file = files.iter().find(|file| file.file_name().unwrap() == name.as_str()).unwrap();
	let mut damaged = sample.weights.clone();
	damaged[0] ^= 1;
	fs::write(file, damaged).unwrap();

	let executor = Executor::again(folder, |_| {}).await;
	let control = executor.control();
	let code = Failure::BlobCorrupt.code();
	assert_eq!(soon(built(&control, &job)).await, TraceState::Failed { code });
	let refused = ask(&control, &job, &Question::Leaf { index: 0 }, 0).await;
	let body = assert_rejected(refused, 409, "trace_failed").await;
	assert_eq!(body["detail"]["failure"], code);
	assert_rejected(trace(&control, &job, 0).await, 409, "blob_missing").await;
	control.put_model(&sample).await;
	assert!(matches!(soon(built(&control, &job)).await, TraceState::Ready { .. }));
}

/// The reference on weights that are not those of the job, once it is told so.
#[derive(Default)]
struct Corrupt(Arc<AtomicBool>);

impl Backend for Corrupt {
	fn name(&self) -> &'static str {
		"corrupt"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		let flip = if self.0.load(Ordering::SeqCst) { 0x55 } else { 0 };
		let weights: Vec<u8> = weights.iter().map(|byte| byte ^ flip).collect();
		ReferenceBackend.load(program, weights.into())
	}
}

#[tokio::test]
async fn a_backend_that_differs_from_the_reference_is_found_out() {
	let backend = Corrupt::default();
	let is_corrupt = backend.0.clone();
	let executor =
		Executor::with(|config| config.backend = BackendChoice::Custom(Arc::new(backend))).await;
	let control = executor.control();
	for (sample, corrupt) in [(Sample::small(), true), (Sample::wide(), false)] {
		is_corrupt.store(corrupt, Ordering::SeqCst);
		let job = put(&control, &sample, 1).await;
		control.submit(&job).await;
		let JobState::Done { claim } = soon(control.end(&job.digest())).await else { panic!() };
		let truth = sample.outcome(&sample.input(1)).claim();
		assert_eq!(claim != truth, corrupt);
		let TraceState::Ready { claim, .. } = soon(built(&control, &job)).await else { panic!() };
		assert_eq!(claim, truth);
		assert_eq!(control.metric("assay_executor_traces_unlike_total").await, 1.0);
	}
}
