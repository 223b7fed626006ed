//! Jobs that the node asks about: their blobs stay.

use crate::common::{assert_rejected, soon, Control, Executor, Sample};
use assay_executor::Limits;
use assay_program::{
	merkle,
	wire::{JobRequest, JobState},
	Hash,
};
use codec::Encode;
use reqwest::{header, Response, StatusCode};
use std::{fs, time::Duration};

const TENANT: Hash = [1; 32];
const PINNED: &str = "assay_executor_jobs_pinned";

/// A small store in which everything may go at once.
fn hasty(limits: &mut Limits) {
	limits.store_bytes = 1 << 20;
	limits.keep = Duration::ZERO;
	limits.keep_unused = Duration::ZERO;
}

async fn pin(control: &Control, jobs: &[Hash]) -> Response {
	control.put("/v1/jobs/pinned").body(jobs.to_vec().encode()).send().await.unwrap()
}

async fn pinned(control: &Control, jobs: &[Hash]) {
	assert_eq!(pin(control, jobs).await.status(), StatusCode::NO_CONTENT);
}

/// Holds a job's model and input.
async fn prepared(control: &Control, sample: &Sample, nonce: u64) -> JobRequest {
	control.put_model(sample).await;
	let input = sample.input(nonce);
	control.put_input(&input).await;
	sample.job(&input, TENANT, nonce)
}

/// Runs a job. Returns it and its output.
async fn run(control: &Control, nonce: u64) -> (JobRequest, Hash) {
	let job = prepared(control, &Sample::small(), nonce).await;
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let JobState::Done { claim } = soon(control.end(&job.digest())).await else { panic!() };
	(job, claim.output())
}

async fn is_held(control: &Control, kind: &str, digest: &Hash) -> bool {
	let path = format!("/v1/blobs/{kind}/{}", hex::encode(digest));
	control.get(&path).send().await.unwrap().status() == StatusCode::OK
}

async fn put_large(control: &Control, number: u8) -> Response {
	let bytes = vec![number; 100_000];
	control.put_blob("input", &merkle::blob(&bytes), &bytes).await
}

/// Puts more than the store holds, so that everything goes that may: inputs where other inputs
/// want room, outputs where all of the store is wanted.
async fn flood(control: &Control) {
	for number in 0..20 {
		assert_eq!(put_large(control, number).await.status(), StatusCode::CREATED);
	}
	let mut taken = 0;
	for number in 0..20u8 {
		let outcome = assay_program::Outcome::Output { count: 1, data: vec![number; 90_000] };
		let put = control.put_blob("output", &outcome.digest(), &outcome.encode()).await;
		taken += u32::from(put.status() == StatusCode::CREATED);
	}
	assert_eq!(taken, 20);
}

#[tokio::test]
async fn blobs_of_pinned_jobs_stay_and_others_go() {
	let executor = Executor::limited(hasty).await;
	let control = executor.control();
	let ((kept, output), (other, gone)) = (run(&control, 1).await, run(&control, 2).await);
	pinned(&control, &[kept.digest()]).await;
	flood(&control).await;
	assert!(is_held(&control, "input", &kept.input).await);
	assert!(is_held(&control, "output", &output).await);
	assert!(!is_held(&control, "input", &other.input).await);
	assert!(!is_held(&control, "output", &gone).await);
	assert_eq!(control.metric(PINNED).await, 1.0);
	// The next list takes the place of that one.
	let (next, _) = run(&control, 3).await;
	pinned(&control, &[next.digest()]).await;
	flood(&control).await;
	assert!(!is_held(&control, "input", &kept.input).await);
	assert!(is_held(&control, "input", &next.input).await);
	pinned(&control, &[]).await;
	flood(&control).await;
	assert!(!is_held(&control, "input", &next.input).await);
	assert_eq!(control.metric(PINNED).await, 0.0);
}

#[tokio::test]
async fn pinned_jobs_are_known_after_a_restart() {
	let executor = Executor::limited(hasty).await;
	let control = executor.control();
	let mut jobs = vec![run(&control, 1).await, run(&control, 2).await];
	let digests: Vec<_> = jobs.iter().map(|(job, _)| job.digest()).collect();
	pinned(&control, &[digests[0], [9; 32]]).await;
	pinned(&control, &digests).await;
	// Twice, so that the journal was written anew in between.
	let executor = Executor::again(executor.stop().await, |config| hasty(&mut config.limits)).await;
	let folder = executor.stop().await;
	let executor = Executor::again(folder, |config| hasty(&mut config.limits)).await;
	let control = executor.control();
	assert_eq!(control.metric(PINNED).await, 2.0);
	flood(&control).await;
	for (job, output) in jobs.drain(..) {
		assert!(is_held(&control, "input", &job.input).await);
		assert!(is_held(&control, "output", &output).await);
	}
}

#[tokio::test]
async fn a_job_that_ended_before_a_restart_may_be_pinned_after_it() {
	let executor = Executor::limited(hasty).await;
	let (job, output) = run(&executor.control(), 1).await;
	let mut folder = executor.stop().await;
	for _ in 0..2 {
		let executor = Executor::again(folder, |config| hasty(&mut config.limits)).await;
		folder = executor.stop().await;
	}
	let executor = Executor::again(folder, |config| hasty(&mut config.limits)).await;
	let control = executor.control();
	pinned(&control, &[job.digest()]).await;
	flood(&control).await;
	assert!(is_held(&control, "input", &job.input).await);
	assert!(is_held(&control, "output", &output).await);
}

#[tokio::test]
async fn a_job_may_be_pinned_before_it_is_known() {
	let executor = Executor::limited(hasty).await;
	let control = executor.control();
	let sample = Sample::small();
	let [handed_in, traced] = [1, 2].map(|nonce| sample.job(&sample.input(nonce), TENANT, nonce));
	pinned(&control, &[handed_in.digest(), traced.digest()]).await;
	// Even before its input is here.
	control.put_model(&sample).await;
	assert_rejected(control.submit(&handed_in).await, 409, "blob_missing").await;
	control.put_input(&sample.input(1)).await;
	flood(&control).await;
	assert!(is_held(&control, "input", &handed_in.input).await);
	control.put_input(&sample.input(2)).await;
	let trace = || {
		let path = format!("/v1/traces/{}?wait_ms=60000", hex::encode(traced.digest()));
		let post = control.post(&path).body(traced.encode());
		post.header(header::CONTENT_TYPE, "application/octet-stream").send()
	};
	assert_eq!(soon(trace()).await.unwrap().status(), StatusCode::OK);
	let executor = Executor::again(executor.stop().await, |config| hasty(&mut config.limits)).await;
	let control = executor.control();
	flood(&control).await;
	// Neither of them was ever computed.
	assert!(is_held(&control, "input", &handed_in.input).await);
	assert!(is_held(&control, "input", &traced.input).await);
}

#[tokio::test]
async fn pinned_inputs_that_fill_the_store_keep_new_ones_out() {
	let executor = Executor::limited(hasty).await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let mut jobs = Vec::new();
	for number in 0..20 {
		let bytes = vec![number; 100_000];
		let job = sample.job(&bytes, TENANT, number.into());
		jobs.push(job.digest());
		pinned(&control, &jobs).await;
		// It is not an input of the program, but that is found out when it runs.
		control.submit(&job).await;
		let answer = put_large(&control, number).await;
		if answer.status() != StatusCode::CREATED {
			assert_rejected(answer, 507, "store_full").await;
			break;
		}
	}
	assert!((4..10).contains(&jobs.len()), "{}", jobs.len());
	assert_rejected(put_large(&control, 99).await, 507, "store_full").await;
	pinned(&control, &jobs[1..]).await;
	assert_eq!(put_large(&control, 99).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn the_same_list_again_costs_nothing() {
	let executor = Executor::new().await;
	let control = executor.control();
	let (job, _) = run(&control, 1).await;
	let journal = executor.folder.path().join("journal");
	let length = || fs::metadata(&journal).unwrap().len();
	let before = length();
	pinned(&control, &[job.digest(), [9; 32], job.digest()]).await;
	let after = length();
	assert!(after > before);
	for _ in 0..3 {
		pinned(&control, &[[9; 32], job.digest()]).await;
	}
	assert_eq!(length(), after);
	pinned(&control, &[job.digest()]).await;
	assert!(length() > after);
}

#[tokio::test]
async fn a_list_that_is_none_or_too_long_changes_nothing() {
	let executor = Executor::new().await;
	let control = executor.control();
	let most: Vec<Hash> =
		(0..4_096u32).map(|n| assay_program::merkle::blake2_256(&n.encode())).collect();
	pinned(&control, &most).await;
	assert_eq!(control.metric(PINNED).await, 4_096.0);
	let more = [most.clone(), vec![[9; 32]]].concat();
	assert_rejected(pin(&control, &more).await, 413, "too_large").await;
	let send = |bytes: Vec<u8>| control.put("/v1/jobs/pinned").body(bytes).send();
	for bytes in [vec![], vec![4; 32], [most[..2].to_vec().encode(), vec![0]].concat()] {
		assert_rejected(send(bytes).await.unwrap(), 400, "body_malformed").await;
	}
	assert_eq!(control.metric(PINNED).await, 4_096.0);
	let get = control.get("/v1/jobs/pinned").send().await.unwrap();
	assert_rejected(get, 405, "method_not_allowed").await;
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	assert_eq!(executor.control().metric(PINNED).await, 4_096.0);
}
