//! A store that is full, or a disk that refuses.

use crate::common::{assert_rejected, soon, with_headers, Account, Control, Executor, Sample};
use assay_executor::Failure;
use assay_program::{
	merkle,
	wire::{JobRequest, JobState},
	Outcome,
};
use codec::Encode;
use reqwest::{Method, Response, StatusCode};
use std::{fs, time::Duration};

const TENANT: [u8; 32] = [1; 32];
const MIB: u64 = 1 << 20;

/// A model and an input, and the job that runs it.
async fn prepared(control: &Control, sample: &Sample) -> JobRequest {
	control.put_model(sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	sample.job(&input, TENANT, 1)
}

async fn put_output(control: &Control, number: u32, bytes: usize) -> Response {
	let mut data = number.to_le_bytes().to_vec();
	data.resize(bytes, 0);
	let outcome = Outcome::Output { count: 1, data };
	control.put_blob("output", &outcome.digest(), &outcome.encode()).await
}

async fn put_as(executor: &Executor, account: &Account, input: &[u8]) -> Response {
	let digest = merkle::blob(input);
	let request = executor.data(Method::PUT, &format!("/v1/inputs/{}", hex::encode(digest)));
	let headers = account.headers("PUT", &digest, 10);
	with_headers(request.body(input.to_vec()), &headers).send().await.unwrap()
}

#[tokio::test]
async fn inputs_that_fill_the_store_keep_no_job_from_its_result() {
	let executor = Executor::limited(|limits| limits.store_bytes = MIB).await;
	let (control, sample) = (executor.control(), Sample::small());
	let job = prepared(&control, &sample).await;
	let mut number = 0u32;
	let full = loop {
		let bytes = number.to_le_bytes();
		let answer = control.put_blob("input", &merkle::blob(&bytes), &bytes).await;
		if answer.status() != StatusCode::CREATED {
			break answer;
		}
		number += 1;
	};
	assert_rejected(full, 507, "store_full").await;
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let claim = sample.outcome(&sample.input(1)).claim();
	assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
}

/// Hands a job in as a worker does, again and again, until it is taken.
async fn taken(control: &Control, job: &JobRequest) {
	let taken = async {
		while control.submit(job).await.status() != StatusCode::ACCEPTED {
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	};
	soon(taken).await;
}

#[tokio::test]
async fn a_job_without_room_for_its_output_is_taken_when_there_is_some() {
	let executor = Executor::limited(|limits| {
		limits.store_bytes = MIB;
		limits.keep = Duration::from_secs(8);
	})
	.await;
	let (control, sample) = (executor.control(), Sample::small());
	let job = prepared(&control, &sample).await;
	let mut number = 0;
	for bytes in [100_000, 4] {
		while put_output(&control, number, bytes).await.status() == StatusCode::CREATED {
			number += 1;
		}
	}
	assert_rejected(control.submit(&job).await, 507, "store_full").await;
	let path = format!("/v1/jobs/{}", hex::encode(job.digest()));
	assert_rejected(control.get(&path).send().await.unwrap(), 404, "job_unknown").await;
	taken(&control, &job).await;
	assert!(matches!(control.end(&job.digest()).await, JobState::Done { .. }));
}

#[tokio::test]
async fn an_output_that_could_not_be_kept_costs_no_attempt() {
	let executor = Executor::limited(|limits| {
		limits.attempts = 1;
		limits.retry = Duration::from_secs(3);
	})
	.await;
	let (control, sample) = (executor.control(), Sample::small());
	let job = prepared(&control, &sample).await;
	// No output can be written where a file stands in the place of their folder.
	let outputs = executor.folder.path().join("blobs/output");
	fs::write(&outputs, b"").unwrap();
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let failed = JobState::Failed { code: Failure::OutputNotKept.code() };
	assert_eq!(control.end(&job.digest()).await, failed);
	// Not again at once: it would only be computed in vain.
	assert_eq!(control.submit(&job).await.status(), StatusCode::OK);
	fs::remove_file(&outputs).unwrap();
	taken(&control, &job).await;
	assert!(matches!(control.end(&job.digest()).await, JobState::Done { .. }));
}

#[tokio::test]
async fn small_inputs_count_with_their_files() {
	let executor = Executor::limited(|limits| limits.tenant_total_bytes = 100_000).await;
	let alice = Account::new(1);
	executor.control().set_tenants(1, &[alice.id()]).await;
	for number in 0u32..12 {
		let answer = put_as(&executor, &alice, &number.to_le_bytes()).await;
		assert_eq!(answer.status(), StatusCode::CREATED, "{number}");
	}
	assert_rejected(put_as(&executor, &alice, b"more").await, 429, "quota_total").await;
}

#[tokio::test]
async fn a_tenant_that_fills_the_store_makes_room_for_others() {
	let executor = Executor::limited(|limits| limits.store_bytes = MIB).await;
	let (alice, bob) = (Account::new(1), Account::new(2));
	executor.control().set_tenants(1, &[alice.id(), bob.id()]).await;
	let mut number = 0;
	let full = loop {
		let answer = put_as(&executor, &alice, &[number; 60_000]).await;
		if answer.status() != StatusCode::CREATED {
			break answer;
		}
		number += 1;
	};
	assert_rejected(full, 507, "store_full").await;
	for number in 0..3 {
		let answer = put_as(&executor, &bob, &[number + 100; 60_000]).await;
		assert_eq!(answer.status(), StatusCode::CREATED);
	}
}
