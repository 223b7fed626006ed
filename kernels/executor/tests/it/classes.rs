//! Jobs that somebody pays for come before those that are only watched.

use crate::common::{assert_rejected, soon, Control, Executor, Gated, Sample};
use assay_executor::{Failure, Limits};
use assay_program::{
	wire::{JobRequest, JobState},
	Hash, Outcome, Parameters,
};
use codec::Encode;
use reqwest::{header, Response, StatusCode};
use std::{fs, path::Path, sync::Arc, time::Duration};

const TENANT: Hash = [1; 32];

async fn watch(control: &Control, job: &JobRequest) -> Response {
	control.submit_as(job, "?class=watch").await
}

pub async fn watched(control: &Control, job: &JobRequest) {
	assert_eq!(watch(control, job).await.status(), StatusCode::ACCEPTED);
}

pub async fn paid(control: &Control, job: &JobRequest) {
	assert_eq!(control.submit(job).await.status(), StatusCode::ACCEPTED);
}

/// Holds a sample's model and an input, and gives jobs that run it.
pub async fn jobs<const N: usize>(control: &Control, sample: &Sample) -> [JobRequest; N] {
	control.put_model(sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	std::array::from_fn(|nonce| sample.job(&input, TENANT, nonce as u64))
}

/// A sample whose output takes more than a twentieth of a mebibyte.
fn large() -> Sample {
	let mut sample = Sample::long();
	sample.parameters = Parameters::encoder(256, 2);
	sample
}

/// Fills a store of a mebibyte with outputs, as far as it lets one.
async fn flood(control: &Control) {
	for number in 0..40u8 {
		let outcome = Outcome::Output { count: 1, data: vec![number; 30_000] };
		control.put_blob("output", &outcome.digest(), &outcome.encode()).await;
	}
}

/// An executor whose gate is closed.
async fn closed(gate: &Arc<Gated>, limit: impl FnOnce(&mut Limits)) -> Executor {
	let executor = Executor::gated(gate, limit).await;
	gate.close();
	executor
}

/// The numbers of the jobs in the order in which the journal says they were begun.
pub fn begun(folder: &Path, jobs: &[JobRequest]) -> Vec<u64> {
	let journal = fs::read_to_string(folder.join("journal")).unwrap();
	let payloads = journal.lines().skip(1).filter_map(|line| line.split_once(' '));
	let job_of = |payload: &str| {
		let started = |job: &&JobRequest| payload == format!("01{}", hex::encode(job.digest()));
		jobs.iter().find(started).map(|job| job.nonce)
	};
	payloads.filter_map(|(_, payload)| job_of(payload)).collect()
}

pub async fn all_end(control: &Control, jobs: &[JobRequest]) {
	for job in jobs {
		let end = soon(control.end(&job.digest())).await;
		assert!(matches!(end, JobState::Done { .. }), "{end:?}");
	}
}

#[tokio::test]
async fn paid_jobs_overtake_watched_ones() {
	let gate = Gated::new();
	let executor = closed(&gate, |_| {}).await;
	let control = executor.control();
	let jobs: [_; 5] = jobs(&control, &Sample::small()).await;
	// One that nobody pays for is begun where there is nothing else, and then goes on.
	watched(&control, &jobs[0]).await;
	soon(gate.until_entered(1)).await;
	watched(&control, &jobs[1]).await;
	watched(&control, &jobs[2]).await;
	paid(&control, &jobs[3]).await;
	paid(&control, &jobs[4]).await;
	assert_eq!(control.metric("assay_executor_queue_jobs").await, 5.0);
	assert_eq!(control.metric("assay_executor_watched_jobs").await, 3.0);
	gate.open();
	all_end(&control, &jobs).await;
	assert_eq!(begun(executor.folder.path(), &jobs), [0, 3, 4, 1, 2]);
	assert_eq!(control.metric("assay_executor_watched_jobs").await, 0.0);
}

#[tokio::test]
async fn each_class_has_places_of_its_own() {
	let gate = Gated::new();
	let executor = closed(&gate, |limits| (limits.queue, limits.watched) = (2, 1)).await;
	let control = executor.control();
	let jobs: [_; 5] = jobs(&control, &Sample::small()).await;
	watched(&control, &jobs[0]).await;
	let full = watch(&control, &jobs[1]).await;
	assert_eq!(full.headers()[header::RETRY_AFTER], "1");
	let body = assert_rejected(full, 503, "queue_full").await;
	assert_eq!(body["detail"]["bound"], 1);
	// That is no reason to refuse a paid one.
	paid(&control, &jobs[2]).await;
	paid(&control, &jobs[3]).await;
	assert_rejected(control.submit(&jobs[4]).await, 503, "queue_full").await;
	// Nor is there a way around the bound.
	assert_rejected(control.submit(&jobs[0]).await, 503, "queue_full").await;
	gate.open();
	let [first, _, rest @ .., _] = jobs;
	all_end(&control, &[&[first][..], &rest].concat()).await;
}

#[tokio::test]
async fn watched_jobs_make_room_for_the_output_of_a_paid_one() {
	let gate = Gated::new();
	let executor = closed(&gate, |limits| limits.store_bytes = 1 << 20).await;
	let control = executor.control();
	let jobs: [_; 40] = jobs(&control, &large()).await;
	let mut taken = 0;
	let full = loop {
		let answer = watch(&control, &jobs[taken]).await;
		if answer.status() != StatusCode::ACCEPTED {
			break answer;
		}
		taken += 1;
	};
	assert_rejected(full, 507, "store_full").await;
	assert!((3..18).contains(&taken), "{taken}");
	soon(gate.until_entered(1)).await;
	paid(&control, &jobs[39]).await;
	// The last one went, and no other.
	let displaced = JobState::Failed { code: Failure::Displaced.code() };
	assert_eq!(control.state(&jobs[taken - 1].digest(), 0).await, displaced);
	assert_eq!(control.state(&jobs[taken - 2].digest(), 0).await, JobState::Queued);
	assert_rejected(watch(&control, &jobs[taken - 1]).await, 507, "store_full").await;
	// Until none is left but the one that runs.
	for job in &jobs[39 - taken..38] {
		control.submit(job).await;
	}
	assert_eq!(control.metric("assay_executor_watched_jobs").await, 1.0);
	assert_rejected(control.submit(&jobs[38]).await, 507, "store_full").await;
	gate.open();
	all_end(&control, &[jobs[0].clone(), jobs[39].clone()]).await;
}

#[tokio::test]
async fn a_watched_job_that_is_handed_in_again_is_paid() {
	let gate = Gated::new();
	let executor = closed(&gate, |limits| limits.drain = Duration::from_millis(50)).await;
	let control = executor.control();
	let jobs: [_; 4] = jobs(&control, &Sample::small()).await;
	paid(&control, &jobs[0]).await;
	soon(gate.until_entered(1)).await;
	for job in &jobs[1..] {
		watched(&control, job).await;
	}
	paid(&control, &jobs[3]).await;
	// And stays so.
	watched(&control, &jobs[3]).await;
	assert_eq!(control.metric("assay_executor_watched_jobs").await, 2.0);
	paid(&control, &jobs[2]).await;
	// Over a restart as well.
	let folder = soon(executor.stop()).await;
	gate.open();
	let executor = Executor::gated_again(folder, &gate, |_| {}).await;
	all_end(&executor.control(), &jobs).await;
	// In the order in which they were taken, but for the one that is only watched.
	assert_eq!(begun(executor.folder.path(), &jobs), [0, 2, 3, 1]);
}

#[tokio::test]
async fn the_output_of_a_watched_job_goes_when_room_is_wanted() {
	let executor = Executor::limited(|limits| limits.store_bytes = 1 << 20).await;
	let control = executor.control();
	let jobs: [_; 1] = jobs(&control, &large()).await;
	watched(&control, &jobs[0]).await;
	all_end(&control, &jobs).await;
	let JobState::Done { claim } = control.state(&jobs[0].digest(), 0).await else { panic!() };
	let path = format!("/v1/blobs/output/{}", hex::encode(claim.output()));
	assert_eq!(control.get(&path).send().await.unwrap().status(), StatusCode::OK);
	flood(&control).await;
	assert_rejected(control.get(&path).send().await.unwrap(), 404, "blob_unknown").await;
	// Whoever watches knows all he wants to.
	assert_eq!(watch(&control, &jobs[0]).await.status(), StatusCode::OK);
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 1.0);
}

#[tokio::test]
async fn a_watched_job_whose_output_is_gone_is_computed_for_whoever_pays() {
	let executor = Executor::limited(|limits| {
		limits.store_bytes = 1 << 20;
		limits.keep = Duration::ZERO;
	})
	.await;
	let control = executor.control();
	let jobs: [_; 2] = jobs(&control, &large()).await;
	watched(&control, &jobs[0]).await;
	all_end(&control, &jobs[..1]).await;
	// Not as long as it is there.
	assert_eq!(control.submit(&jobs[0]).await.status(), StatusCode::OK);
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 1.0);
	watched(&control, &jobs[1]).await;
	all_end(&control, &jobs[1..]).await;
	flood(&control).await;
	// The input went as well.
	control.put_input(&large().input(1)).await;
	paid(&control, &jobs[1]).await;
	all_end(&control, &jobs[1..]).await;
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 3.0);
	let JobState::Done { claim } = control.state(&jobs[1].digest(), 0).await else { panic!() };
	let path = format!("/v1/blobs/output/{}", hex::encode(claim.output()));
	assert_eq!(control.get(&path).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_class_that_is_none_is_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let jobs: [_; 1] = jobs(&control, &Sample::small()).await;
	for query in ["?class=free", "?class=", "?class=watch&class=paid"] {
		let answer = control.submit_as(&jobs[0], query).await;
		assert_rejected(answer, 400, "query_malformed").await;
	}
	assert_eq!(control.submit_as(&jobs[0], "?class=paid").await.status(), StatusCode::ACCEPTED);
}
