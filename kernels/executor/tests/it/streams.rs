//! Streams: steps as they are made, from any of them on, and what they have to do with a claim.

use crate::common::{
	assert_rejected, soon, with_headers, Account, Control, Executor, Gated, Sample,
};
use assay_executor::{Failure, Limits};
use assay_program::{
	wire::{JobRequest, JobState, EVENT_BYTES_MAX},
	Claim, InvalidCode, Outcome,
};
use codec::Encode;
use reqwest::{Method, Response, StatusCode};
use serde_json::{json, Value};
use std::time::Duration;

const BLOCK: u32 = 100;
const EXPIRY: u32 = 110;

/// An event of a stream.
#[derive(Debug, PartialEq)]
struct Event {
	id: Option<u32>,
	name: String,
	data: Value,
}

/// A stream as a client reads it.
struct Events {
	response: Response,
	text: String,
	/// Comments that came.
	heartbeats: usize,
	/// Bytes of the longest event.
	longest: usize,
}

impl Events {
	/// The next event; none at the end of the stream, however that comes about.
	async fn next(&mut self) -> Option<Event> {
		loop {
			while let Some((block, rest)) = self.text.split_once("\n\n") {
				let (block, rest) = (block.to_owned(), rest.to_owned());
				self.text = rest;
				self.longest = self.longest.max(block.len());
				match parse(&block) {
					Some(event) => return Some(event),
					None => self.heartbeats += 1,
				}
			}
			let chunk = self.response.chunk().await.ok().flatten()?;
			self.text.push_str(std::str::from_utf8(&chunk).unwrap());
		}
	}

	/// The next event, which must be step `number`; returns the bytes that it stands for.
	async fn step(&mut self, number: u32) -> Vec<u8> {
		let event = soon(self.next()).await.expect("a step");
		assert_eq!((event.id, event.name.as_str()), (Some(number), "step"), "{event:?}");
		assert_eq!(event.data["step"], number);
		let ids = event.data["ids"].as_array().unwrap();
		ids.iter().flat_map(|id| (id.as_i64().unwrap() as i32).to_le_bytes()).collect()
	}

	/// Steps from `first` to before `end`, one after another.
	async fn steps(&mut self, first: u32, end: u32) -> Vec<u8> {
		let mut data = Vec::new();
		for number in first..end {
			data.extend(self.step(number).await);
		}
		data
	}

	/// The last event, which must be `name`.
	async fn last(&mut self, name: &str) -> Value {
		let event = soon(self.next()).await.expect("a last event");
		assert_eq!((event.id, event.name.as_str()), (None, name), "{event:?}");
		assert_eq!(soon(self.next()).await, None);
		event.data
	}

	async fn done(&mut self, outcome: &Outcome) {
		let state = JobState::Done { claim: outcome.claim() };
		let mut expected = serde_json::to_value(state).unwrap();
		expected["output"] = format!("0x{}", hex::encode(outcome.digest())).into();
		assert_eq!(self.last("done").await, expected);
	}
}

fn parse(block: &str) -> Option<Event> {
	let field = |name: &str| {
		block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(String::from)
	};
	Some(Event {
		id: field("id").map(|id| id.parse().unwrap()),
		name: field("event")?,
		data: serde_json::from_str(&field("data")?).unwrap(),
	})
}

/// An executor with a decoder, a tenant, and a job of it that was handed in.
struct Prepared {
	control: Control,
	alice: Account,
	job: JobRequest,
	outcome: Outcome,
	/// Bytes of one step.
	step: usize,
}

async fn prepared(executor: &Executor, sample: &Sample) -> Prepared {
	let (control, alice) = (executor.control(), Account::new(1));
	control.put_model(sample).await;
	control.set_tenants(BLOCK, &[alice.id(), Account::new(2).id()]).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	let job = sample.job(&input, alice.id(), 1);
	let outcome = sample.outcome(&input);
	let Outcome::Output { count, data } = &outcome else { panic!("{outcome:?}") };
	let step = data.len() / *count as usize;
	assert_eq!(*count, sample.parameters.max_steps);
	Prepared { control, alice, job, outcome, step }
}

impl Prepared {
	fn data(&self) -> &[u8] {
		match &self.outcome {
			Outcome::Output { data, .. } => data,
			Outcome::Invalid(_) => &[],
		}
	}

	async fn submit(&self) {
		assert_eq!(self.control.submit(&self.job).await.status(), StatusCode::ACCEPTED);
	}

	async fn ask(&self, executor: &Executor, query: &str, last: Option<&str>) -> Response {
		ask(executor, &self.alice, &self.job, query, last).await
	}

	async fn stream(&self, executor: &Executor, query: &str, last: Option<&str>) -> Events {
		let response = self.ask(executor, query, last).await;
		assert_eq!(response.status(), StatusCode::OK);
		assert_eq!(response.headers()["content-type"], "text/event-stream");
		Events { response, text: String::new(), heartbeats: 0, longest: 0 }
	}
}

async fn ask(
	executor: &Executor,
	account: &Account,
	job: &JobRequest,
	query: &str,
	last: Option<&str>,
) -> Response {
	let job = job.digest();
	let path = format!("/v1/streams/{}{query}", hex::encode(job));
	let mut request = executor.data(Method::GET, &path);
	if let Some(last) = last {
		request = request.header("last-event-id", last);
	}
	with_headers(request, &account.headers("GET", &job, EXPIRY)).send().await.unwrap()
}

#[tokio::test]
async fn steps_come_while_the_job_runs_and_are_how_its_claim_begins() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(3);
	prepared.submit().await;
	let mut first = prepared.stream(&executor, "", None).await;
	let shown = first.steps(0, 3).await;
	assert_eq!(prepared.control.state(&prepared.job.digest(), 0).await, JobState::Running);
	assert_eq!(shown, prepared.data()[..3 * prepared.step]);
	// Whoever comes later sees the same.
	let mut second = prepared.stream(&executor, "", None).await;
	assert_eq!(second.steps(0, 3).await, shown);
	gate.let_go();
	for events in [&mut first, &mut second] {
		let rest = events.steps(3, 12).await;
		let all = [&shown[..], &rest].concat();
		assert_eq!(all, prepared.data());
		events.done(&prepared.outcome).await;
		let whole = Outcome::Output { count: 12, data: all };
		let done = JobState::Done { claim: whole.claim() };
		assert_eq!(prepared.control.end(&prepared.job.digest()).await, done);
	}
	// Both readers, one run.
	assert_eq!(prepared.control.metric("assay_executor_run_seconds_count").await, 1.0);
}

#[tokio::test]
async fn a_stream_begins_where_it_is_asked_to() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(6);
	prepared.submit().await;
	soon(gate.made.subscribe().wait_for(|made| *made == 6)).await.unwrap();
	let cases = [
		("?from=4", None, 4),
		("", Some("4"), 5),
		("?from=1", Some("8"), 9),
		("?from=12", None, 12),
	];
	let mut streams = Vec::new();
	for (query, last, _) in cases {
		streams.push(prepared.stream(&executor, query, last).await);
	}
	gate.let_go();
	for (events, (_, _, first)) in streams.iter_mut().zip(cases) {
		let bytes = events.steps(first, 12).await;
		assert_eq!(bytes, prepared.data()[first as usize * prepared.step..]);
		events.done(&prepared.outcome).await;
	}
	// The same of a job that is done, and beyond its end.
	for (query, last, first) in cases.into_iter().chain([("?from=4000000000", None, 12)]) {
		let mut events = prepared.stream(&executor, query, last).await;
		assert_eq!(
			events.steps(first, 12).await,
			prepared.data()[first as usize * prepared.step..]
		);
		events.done(&prepared.outcome).await;
	}
	for (query, last) in [("?from=-1", None), ("", Some("x")), ("", Some("4294967295"))] {
		let answer = prepared.ask(&executor, query, last).await;
		assert_rejected(answer, 400, "query_malformed").await;
	}
}

#[tokio::test]
async fn a_done_job_streams_at_once_even_after_a_restart() {
	let sample = Sample::decoder();
	let executor = Executor::new().await;
	let prepared = prepared(&executor, &sample).await;
	prepared.submit().await;
	prepared.control.end(&prepared.job.digest()).await;
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	executor.control().set_tenants(BLOCK, &[prepared.alice.id()]).await;
	let mut events = prepared.stream(&executor, "", None).await;
	assert_eq!(events.steps(0, 12).await, prepared.data());
	events.done(&prepared.outcome).await;
}

#[tokio::test]
async fn a_stream_may_be_asked_for_before_the_job_is_known() {
	let sample = Sample::decoder();
	let executor = Executor::new().await;
	let prepared = prepared(&executor, &sample).await;
	assert_rejected(prepared.ask(&executor, "", None).await, 404, "job_unknown").await;
	let early = prepared.stream(&executor, "?wait_ms=25000", None);
	let (mut events, ()) = soon(futures::future::join(early, prepared.submit())).await;
	assert_eq!(events.steps(0, 12).await, prepared.data());
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_stream_and_one_that_lags_gets_all_of_it() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(2);
	prepared.submit().await;
	let mut leaves = prepared.stream(&executor, "", None).await;
	leaves.steps(0, 2).await;
	let mut lags = prepared.stream(&executor, "", None).await;
	assert_eq!(prepared.control.metric("assay_executor_streams").await, 2.0);
	drop(leaves);
	soon(async { while prepared.control.metric("assay_executor_streams").await > 1.0 {} }).await;
	gate.let_go();
	let done = JobState::Done { claim: prepared.outcome.claim() };
	assert_eq!(prepared.control.end(&prepared.job.digest()).await, done);
	// Nothing of it was read before the job was done.
	assert_eq!(lags.steps(0, 12).await, prepared.data());
	lags.done(&prepared.outcome).await;
	soon(async { while prepared.control.metric("assay_executor_streams").await > 0.0 {} }).await;
}

#[tokio::test]
async fn a_stream_breaks_off_when_it_is_old_whether_it_is_read_or_not() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |limits| {
		limits.stream = Duration::from_millis(500);
		limits.heartbeat = Duration::from_millis(50);
	})
	.await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(3);
	prepared.submit().await;
	let _unread = prepared.stream(&executor, "", None).await;
	let mut read = prepared.stream(&executor, "", None).await;
	assert_eq!(read.steps(0, 3).await, prepared.data()[..3 * prepared.step]);
	// No last event: the client asks again, and the job knows nothing of it.
	assert_eq!(soon(read.next()).await, None);
	soon(async { while prepared.control.metric("assay_executor_streams").await > 0.0 {} }).await;
	assert_eq!(prepared.control.state(&prepared.job.digest(), 0).await, JobState::Running);
	gate.let_go();
	prepared.control.end(&prepared.job.digest()).await;
	let mut rest = prepared.stream(&executor, "", Some("2")).await;
	assert_eq!(rest.steps(3, 12).await, prepared.data()[3 * prepared.step..]);
	rest.done(&prepared.outcome).await;
}

#[tokio::test]
async fn a_stop_breaks_a_long_run_off_which_costs_nothing_and_streams_the_same_again() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let limit = |limits: &mut Limits| {
		limits.drain = Duration::from_millis(50);
		limits.attempts = 1;
	};
	let mut executor = Executor::gated(&gate, limit).await;
	let prepared = prepared(&executor, &sample).await;
	gate.is_only_for(&sample.input(1));
	gate.hold_after(4);
	prepared.submit().await;
	let mut shown = Vec::new();
	for stop in 1..=2u32 {
		let from = format!("?from={}", (stop - 1) * 4);
		let mut events = prepared.stream(&executor, &from, None).await;
		shown.extend(events.steps((stop - 1) * 4, stop * 4).await);
		let folder = soon(executor.stop()).await;
		// No last event: the client asks again.
		assert_eq!(soon(events.next()).await, None);
		// The run that was broken off hears of it at its next step, and no more of it is made.
		gate.hold_after(stop * 4 + 1);
		soon(gate.made.subscribe().wait_for(|made| *made == stop * 4 + 1)).await.unwrap();
		gate.hold_after((stop + 1) * 4);
		executor = Executor::gated_again(folder, &gate, limit).await;
		executor.control().set_tenants(BLOCK, &[prepared.alice.id()]).await;
	}
	gate.let_go();
	let mut events = prepared.stream(&executor, "", Some("7")).await;
	shown.extend(events.steps(8, 12).await);
	assert_eq!(shown, prepared.data());
	events.done(&prepared.outcome).await;
	let mut whole = prepared.stream(&executor, "", None).await;
	assert_eq!(whole.steps(0, 12).await, shown);
}

#[tokio::test]
async fn a_run_that_ends_in_the_time_to_drain_streams_to_its_end() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(5);
	prepared.submit().await;
	let mut events = prepared.stream(&executor, "", None).await;
	events.steps(0, 5).await;
	let rest = async {
		tokio::time::sleep(Duration::from_millis(50)).await;
		gate.let_go();
		let rest = events.steps(5, 12).await;
		events.done(&prepared.outcome).await;
		rest
	};
	let (rest, _) = soon(futures::future::join(rest, executor.stop())).await;
	assert_eq!(rest, prepared.data()[5 * prepared.step..]);
}

#[tokio::test]
async fn a_job_that_fails_ends_its_streams_with_the_reason() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(3);
	prepared.submit().await;
	let mut events = prepared.stream(&executor, "", None).await;
	events.steps(0, 3).await;
	gate.panic_from_now_on();
	gate.let_go();
	let code = Failure::BackendPanicked.code();
	assert_eq!(events.last("failed").await, json!({ "state": "failed", "code": code }));
	let answer = prepared.ask(&executor, "", None).await;
	assert_eq!(assert_rejected(answer, 409, "job_failed").await["detail"]["failure"], code);
}

#[tokio::test]
async fn steps_that_are_not_the_output_are_never_claimed() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	gate.be_wrong_from_now_on();
	prepared.submit().await;
	let failed = JobState::Failed { code: Failure::BackendFailed.code() };
	assert_eq!(prepared.control.end(&prepared.job.digest()).await, failed);
}

#[tokio::test]
async fn an_invalid_input_has_no_steps() {
	let sample = Sample::decoder();
	let executor = Executor::new().await;
	let mut prepared = prepared(&executor, &sample).await;
	for (nonce, (id, code)) in
		[(-1, InvalidCode::Padding), (64, InvalidCode::Token)].into_iter().enumerate()
	{
		let input = i32::to_le_bytes(id).repeat(10);
		prepared.control.put_input(&input).await;
		prepared.job = sample.job(&input, prepared.alice.id(), nonce as u64);
		prepared.submit().await;
		let mut events = prepared.stream(&executor, "", None).await;
		events.done(&Outcome::Invalid(code)).await;
		let claim = Claim::Invalid { code: code.code() };
		assert_eq!(prepared.control.end(&prepared.job.digest()).await, JobState::Done { claim });
	}
}

#[tokio::test]
async fn an_encoder_has_one_step() {
	let sample = Sample::small();
	let executor = Executor::new().await;
	let prepared = prepared(&executor, &sample).await;
	prepared.submit().await;
	let mut events = prepared.stream(&executor, "", None).await;
	assert_eq!(events.step(0).await, prepared.data());
	events.done(&prepared.outcome).await;
}

#[tokio::test]
async fn outputs_that_are_too_large_are_not_streamed() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |limits| limits.stream_bytes = 100).await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(3);
	prepared.submit().await;
	let answer = prepared.ask(&executor, "", None).await;
	assert_eq!(assert_rejected(answer, 409, "not_streamed").await["detail"]["limit"], 100);
	gate.let_go();
	let done = JobState::Done { claim: prepared.outcome.claim() };
	assert_eq!(prepared.control.end(&prepared.job.digest()).await, done);
	let refused = prepared.stream(&executor, "", None).await.last("error").await;
	assert_eq!(refused["code"], "not_streamed");
}

#[tokio::test]
async fn an_output_that_is_gone_ends_the_stream_with_a_rejection() {
	let sample = Sample::decoder();
	let executor = Executor::limited(|limits| {
		limits.keep = Duration::ZERO;
		limits.store_bytes = 400_000;
	})
	.await;
	let prepared = prepared(&executor, &sample).await;
	prepared.submit().await;
	prepared.control.end(&prepared.job.digest()).await;
	// So much that the input does not make room enough.
	let held = prepared.control.metric("assay_executor_blob_bytes").await as usize;
	let large = Outcome::Output { count: 1, data: vec![0; 400_000 - held + 1_900] };
	let answer = prepared.control.put_blob("output", &large.digest(), &large.encode()).await;
	assert_eq!(answer.status(), StatusCode::CREATED);
	let gone = prepared.stream(&executor, "", None).await.last("error").await;
	assert_eq!(gone["code"], "output_gone");
}

#[tokio::test]
async fn only_the_tenant_of_a_job_may_see_it() {
	let sample = Sample::decoder();
	let executor = Executor::new().await;
	let prepared = prepared(&executor, &sample).await;
	prepared.submit().await;
	let bob = ask(&executor, &Account::new(2), &prepared.job, "", None).await;
	assert_rejected(bob, 403, "job_foreign").await;
	let stranger = ask(&executor, &Account::new(3), &prepared.job, "", None).await;
	assert_rejected(stranger, 403, "tenant_unknown").await;
	let path = format!("/v1/streams/{}", hex::encode(prepared.job.digest()));
	let unsigned = executor.data(Method::GET, &path).send().await.unwrap();
	assert_rejected(unsigned, 401, "signature_missing").await;
	let allowed = executor.data(Method::OPTIONS, &path).send().await.unwrap();
	let headers = allowed.headers()["access-control-allow-headers"].to_str().unwrap();
	assert!(headers.contains("last-event-id"), "{headers}");
}

#[tokio::test]
async fn a_stream_costs_its_bytes() {
	let sample = Sample::decoder();
	// The input was put by the node, so nothing else counts.
	let executor = Executor::limited(|limits| limits.tenant_window_bytes = 500).await;
	let prepared = prepared(&executor, &sample).await;
	prepared.submit().await;
	prepared.control.end(&prepared.job.digest()).await;
	let mut events = prepared.stream(&executor, "", None).await;
	let mut steps = 0;
	let refused = loop {
		let event = soon(events.next()).await.unwrap();
		if event.name == "error" {
			break event.data;
		}
		steps += 1;
	};
	assert_eq!(refused["code"], "quota_window");
	assert!((1..12).contains(&steps), "{steps} steps");
}

#[tokio::test]
async fn a_stream_that_waits_shows_that_it_is_alive_and_keeps_its_place() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |limits| {
		limits.heartbeat = Duration::from_millis(100);
		limits.connections_per_address = 1;
	})
	.await;
	let prepared = prepared(&executor, &sample).await;
	gate.hold_after(1);
	prepared.submit().await;
	let mut events = prepared.stream(&executor, "", None).await;
	events.step(0).await;
	// Longer than a connection may be idle that has to make room.
	tokio::time::sleep(Duration::from_millis(1_500)).await;
	let other = reqwest::Client::new();
	let health = format!("{}/v1/health", executor.handle.data_url().unwrap());
	assert_rejected(other.get(health).send().await.unwrap(), 503, "busy").await;
	gate.let_go();
	events.steps(1, 12).await;
	events.done(&prepared.outcome).await;
	assert!(events.heartbeats >= 5, "{} heartbeats", events.heartbeats);
}

#[tokio::test]
async fn a_job_handed_in_again_goes_on_streaming_where_its_client_was() {
	let (gate, sample) = (Gated::new(), Sample::decoder());
	let executor = Executor::gated(&gate, |_| {}).await;
	let prepared = prepared(&executor, &sample).await;
	// The first run fails after all steps: what it showed is what the next one comes to.
	gate.be_wrong_from_now_on();
	gate.hold_after(5);
	prepared.submit().await;
	let mut events = prepared.stream(&executor, "", None).await;
	let mut shown = events.steps(0, 5).await;
	gate.let_go();
	// The end of a run that failed comes at once, perhaps before steps that were not sent yet.
	let failed = loop {
		let event = soon(events.next()).await.expect("the end of the run");
		if event.name == "failed" {
			break event.data;
		}
		assert_eq!(event.name, "step");
	};
	assert_eq!(failed["code"], Failure::BackendFailed.code());
	gate.be_right_again();
	gate.hold_after(8);
	prepared.submit().await;
	let mut again = prepared.stream(&executor, "", Some("4")).await;
	shown.extend(again.steps(5, 8).await);
	assert_eq!(prepared.control.state(&prepared.job.digest(), 0).await, JobState::Running);
	gate.let_go();
	shown.extend(again.steps(8, 12).await);
	assert_eq!(shown, prepared.data());
	again.done(&prepared.outcome).await;
}

#[tokio::test]
async fn no_event_is_longer_than_a_client_takes() {
	let executor = Executor::new().await;
	for (batch, is_streamed) in [(64, true), (256, false)] {
		let mut sample = Sample::long();
		sample.parameters.batch = batch;
		let prepared = prepared(&executor, &sample).await;
		prepared.submit().await;
		prepared.control.end(&prepared.job.digest()).await;
		let mut events = prepared.stream(&executor, "", None).await;
		if is_streamed {
			assert_eq!(events.step(0).await, prepared.data());
			events.done(&prepared.outcome).await;
			let longest = events.longest;
			assert!((EVENT_BYTES_MAX / 8..=EVENT_BYTES_MAX).contains(&longest), "{longest}");
			continue;
		}
		let refused = events.last("error").await;
		assert_eq!(refused["code"], "not_streamed");
		assert_eq!(refused["detail"]["limit"], EVENT_BYTES_MAX);
	}
}
