//! Jobs over HTTP, computed by the reference.

use crate::common::{assert_rejected, soon, Executor, Gated, GatedBackend, Sample, LONG_MS};
use assay_executor::{start, BackendChoice, Config, Failure, StartError};
use assay_program::{
	merkle, program_digest,
	wire::{JobRequest, JobState},
	Claim, InvalidCode, Outcome, Parameters,
};
use codec::Decode;
use reqwest::StatusCode;
use std::{os::unix::fs::FileExt, sync::Arc, time::Duration};

const TENANT: [u8; 32] = [1; 32];

/// Whatever a sampled program has to say about its own reach.
async fn with_model(executor: &Executor) -> Sample {
	let sample = Sample::small();
	executor.control().put_model(&sample).await;
	sample
}

#[tokio::test]
async fn a_job_is_computed_to_the_bytes_of_the_reference() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	let answer = control.submit(&job).await;
	assert_eq!(answer.status(), StatusCode::ACCEPTED);
	assert_eq!(answer.headers()["content-type"], "application/octet-stream");
	let expected = sample.outcome(&input);
	let done = JobState::Done { claim: expected.claim() };
	assert_eq!(control.state(&job.digest(), LONG_MS).await, done);
	// The output is a blob like any other.
	let path = format!("/v1/blobs/output/{}", hex::encode(expected.digest()));
	let bytes = control.get(&path).send().await.unwrap().bytes().await.unwrap();
	assert_eq!(Outcome::decode(&mut &bytes[..]).unwrap(), expected);
	// Handed in again, it is done at once.
	let answer = control.submit(&job).await;
	assert_eq!(answer.status(), StatusCode::OK);
	let state = JobState::decode(&mut &answer.bytes().await.unwrap()[..]).unwrap();
	assert_eq!(state, done);
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 1.0);
	let counted = "assay_executor_jobs_finished_total{result=\"done\"}";
	assert_eq!(control.metric(counted).await, 1.0);
}

#[tokio::test]
async fn json_says_the_same() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(2);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	let path = format!("/v1/jobs/0x{}", hex::encode(job.digest()));
	let answer = control.put(&path).json(&job).send().await.unwrap();
	assert_eq!(answer.status(), StatusCode::ACCEPTED);
	let state: JobState = answer.json().await.unwrap();
	assert_eq!(state, JobState::Queued);
	control.end(&job.digest()).await;
	let state: serde_json::Value = control
		.get(&format!("{path}?wait_ms={LONG_MS}"))
		.send()
		.await
		.unwrap()
		.json()
		.await
		.unwrap();
	let claim = sample.outcome(&input).claim();
	assert_eq!(state, serde_json::to_value(JobState::Done { claim }).unwrap());
}

#[tokio::test]
async fn an_invalid_input_has_an_outcome_of_its_own() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let cases = [
		(Vec::new(), InvalidCode::Shape),
		(vec![0xff; 2 * 8 * 4], InvalidCode::Padding),
		(999_999i32.to_le_bytes().repeat(16), InvalidCode::Token),
	];
	for (nonce, (input, code)) in cases.into_iter().enumerate() {
		control.put_input(&input).await;
		let job = sample.job(&input, TENANT, nonce as u64);
		control.submit(&job).await;
		let claim = Claim::Invalid { code: code.code() };
		assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
		assert_eq!(claim.output(), merkle::invalid(code.code()));
		let path = format!("/v1/blobs/output/{}", hex::encode(claim.output()));
		let bytes = control.get(&path).send().await.unwrap().bytes().await.unwrap();
		assert_eq!(Outcome::decode(&mut &bytes[..]).unwrap(), Outcome::Invalid(code));
	}
}

#[tokio::test]
async fn a_missing_blob_is_named_and_once_put_the_job_runs() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let input = sample.input(3);
	let job = sample.job(&input, TENANT, 1);
	let blobs = [
		("program", job.program, sample.program_bytes.clone()),
		("weights", job.weights, sample.weights.clone()),
		("input", job.input, input.clone()),
	];
	for (kind, digest, bytes) in &blobs {
		let body = assert_rejected(control.submit(&job).await, 409, "blob_missing").await;
		assert_eq!(body["detail"]["kind"], *kind);
		assert_eq!(body["detail"]["digest"], format!("0x{}", hex::encode(digest)));
		assert_eq!(control.put_blob(kind, digest, bytes).await.status(), StatusCode::CREATED);
	}
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let claim = sample.outcome(&input).claim();
	assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
}

#[tokio::test]
async fn what_is_not_a_job_is_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(4);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	let unknown = format!("/v1/jobs/{}", hex::encode(job.digest()));
	assert_rejected(control.get(&unknown).send().await.unwrap(), 404, "job_unknown").await;
	let bad = control.get(&format!("{unknown}?wait_ms=soon")).send().await.unwrap();
	assert_rejected(bad, 400, "query_malformed").await;
	let other = control.put("/v1/jobs/00").json(&job).send().await.unwrap();
	assert_rejected(other, 400, "digest_malformed").await;
	let path = format!("/v1/jobs/{}", hex::encode([5; 32]));
	let other = control.put(&path).json(&job).send().await.unwrap();
	let body = assert_rejected(other, 422, "job_digest_mismatch").await;
	assert_eq!(body["detail"]["actual"], format!("0x{}", hex::encode(job.digest())));
	for body in [&b"{}"[..], b"", b"\xff\xff"] {
		let answer = control.put(&unknown).body(body).send().await.unwrap();
		assert_rejected(answer, 400, "body_malformed").await;
	}
	let answer = control.put(&unknown).body(vec![b' '; 20_000]).send().await.unwrap();
	assert_rejected(answer, 413, "too_large").await;
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 0.0);
}

#[tokio::test]
async fn jobs_whose_parts_do_not_fit_are_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(5);
	control.put_input(&input).await;
	let good = sample.job(&input, TENANT, 1);
	let reach = &sample.program.cost_form();
	for parameters in [
		Parameters::encoder(0, 8),
		Parameters::encoder(reach.max_batch + 1, 8),
		Parameters::encoder(2, reach.max_sequence + 1),
		Parameters { max_steps: 2, ..Parameters::encoder(2, 8) },
	] {
		let job = JobRequest { parameters, ..good.clone() };
		assert_rejected(control.submit(&job).await, 422, "parameters_invalid").await;
	}
	let short = &sample.weights[..sample.weights.len() - 1];
	control.put_blob("weights", &merkle::blob(short), short).await;
	let job = JobRequest { weights: merkle::blob(short), ..good };
	let body = assert_rejected(control.submit(&job).await, 422, "weights_length_wrong").await;
	assert_eq!(body["detail"]["expected"], sample.weights.len());
}

#[tokio::test]
async fn jobs_larger_than_this_machine_takes_are_refused() {
	let sample = Sample::small();
	let input = sample.input(6);
	let job = sample.job(&input, TENANT, 1);
	let cases =
		[("models", "model_too_large"), ("output", "job_too_large"), ("memory", "job_too_large")];
	for (what, code) in cases {
		let executor = Executor::limited(|limits| match what {
			"models" => limits.models_bytes = sample.weights.len() as u64 - 1,
			"memory" => limits.job_bytes = 1_000,
			_ => limits.output_bytes = 100,
		})
		.await;
		let control = executor.control();
		control.put_model(&sample).await;
		control.put_input(&input).await;
		assert_rejected(control.submit(&job).await, 422, code).await;
	}
}

#[tokio::test]
async fn a_full_queue_says_so_and_takes_jobs_again() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.queue = 3).await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(7);
	control.put_input(&input).await;
	gate.close();
	let jobs: Vec<_> = (0..4).map(|nonce| sample.job(&input, TENANT, nonce)).collect();
	for job in &jobs[..3] {
		assert_eq!(control.submit(job).await.status(), StatusCode::ACCEPTED);
	}
	let answer = control.submit(&jobs[3]).await;
	assert_eq!(answer.headers()["retry-after"], "1");
	assert_rejected(answer, 503, "queue_full").await;
	// A job that is known needs no place.
	assert_eq!(control.submit(&jobs[0]).await.status(), StatusCode::ACCEPTED);
	soon(gate.until_entered(1)).await;
	assert_eq!(control.state(&jobs[0].digest(), 0).await, JobState::Running);
	assert_eq!(control.state(&jobs[2].digest(), 0).await, JobState::Queued);
	assert_eq!(control.metric("assay_executor_queue_jobs").await, 3.0);
	gate.open();
	control.end(&jobs[0].digest()).await;
	assert_eq!(control.submit(&jobs[3]).await.status(), StatusCode::ACCEPTED);
	control.end(&jobs[3].digest()).await;
}

#[tokio::test]
async fn a_job_handed_in_many_times_at_once_computes_once() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |_| {}).await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(8);
	control.put_input(&input).await;
	gate.close();
	let job = sample.job(&input, TENANT, 1);
	let answers = futures::future::join_all((0..16).map(|_| control.submit(&job))).await;
	assert!(answers.iter().all(|answer| answer.status() == StatusCode::ACCEPTED));
	gate.open();
	control.end(&job.digest()).await;
	assert_eq!(*gate.entered.borrow(), 1);
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 1.0);
}

#[tokio::test]
async fn a_long_poll_is_bounded() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.wait = Duration::from_millis(50)).await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(9);
	control.put_input(&input).await;
	gate.close();
	let job = sample.job(&input, TENANT, 1);
	control.submit(&job).await;
	soon(gate.until_entered(1)).await;
	let state = soon(control.state(&job.digest(), u64::MAX)).await;
	assert_eq!(state, JobState::Running);
	gate.open();
}

#[tokio::test]
async fn a_backend_that_panics_fails_the_job_and_nothing_else() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.attempts = 2).await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(10);
	control.put_input(&input).await;
	gate.panic_from_now_on();
	let job = sample.job(&input, TENANT, 1);
	let failed = JobState::Failed { code: Failure::BackendPanicked.code() };
	// It may be tried again as often as configured, then it stays failed.
	for status in [StatusCode::ACCEPTED, StatusCode::ACCEPTED, StatusCode::OK] {
		assert_eq!(control.submit(&job).await.status(), status);
		assert_eq!(control.end(&job.digest()).await, failed);
	}
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 2.0);
	let counted = "assay_executor_jobs_finished_total{result=\"backend_panicked\"}";
	assert_eq!(control.metric(counted).await, 2.0);
	// That it failed is known after a restart as well.
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	assert_eq!(executor.control().end(&job.digest()).await, failed);
}

#[tokio::test]
async fn models_make_room_for_each_other() {
	let (first, second) = (Sample::small(), {
		let mut sample = Sample::small();
		sample.weights[0] ^= 1;
		sample
	});
	let executor =
		Executor::limited(|limits| limits.models_bytes = first.weights.len() as u64).await;
	let control = executor.control();
	for (nonce, sample) in [&first, &second, &second, &first].into_iter().enumerate() {
		control.put_model(sample).await;
		let input = sample.input(11);
		control.put_input(&input).await;
		let job = sample.job(&input, TENANT, nonce as u64);
		control.submit(&job).await;
		let claim = sample.outcome(&input).claim();
		assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
	}
	assert_eq!(control.metric("assay_executor_models_loaded_total").await, 3.0);
	let bytes = first.weights.len() as f64;
	assert_eq!(control.metric("assay_executor_models_bytes").await, bytes);
}

#[tokio::test]
async fn weights_damaged_on_disk_are_found_and_removed() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(12);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	let file = executor.folder.path().join("blobs/weights").join(hex::encode(job.weights));
	let mut bytes = std::fs::read(&file).unwrap();
	bytes[100] ^= 1;
	std::fs::write(&file, bytes).unwrap();
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let failed = JobState::Failed { code: Failure::BlobCorrupt.code() };
	assert_eq!(control.end(&job.digest()).await, failed);
	assert!(!file.exists());
	assert_rejected(control.submit(&job).await, 409, "blob_missing").await;
	control.put_model(&sample).await;
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	let claim = sample.outcome(&input).claim();
	assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
}

#[tokio::test]
async fn weights_damaged_after_their_first_use_are_found_before_the_next_run() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |_| {}).await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(14);
	control.put_input(&input).await;
	let done = JobState::Done { claim: sample.outcome(&input).claim() };
	let failed = JobState::Failed { code: Failure::BlobCorrupt.code() };
	let jobs: Vec<_> = (0..4).map(|nonce| sample.job(&input, TENANT, nonce)).collect();
	control.submit(&jobs[0]).await;
	assert_eq!(control.end(&jobs[0].digest()).await, done);
	let file = executor.folder.path().join("blobs/weights").join(hex::encode(jobs[0].weights));
	let write = |byte: u8| {
		let file = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
		file.write_all_at(&[byte], 100).unwrap();
	};
	// Written, and not changed: it is loaded anew, and that is all.
	write(sample.weights[100]);
	control.submit(&jobs[1]).await;
	assert_eq!(control.end(&jobs[1].digest()).await, done);
	assert_eq!(control.metric("assay_executor_models_loaded_total").await, 2.0);
	// While it runs nobody knows what it has read; the next try does.
	gate.close();
	control.submit(&jobs[2]).await;
	soon(gate.until_entered(1)).await;
	write(sample.weights[100]);
	gate.open();
	assert_eq!(control.end(&jobs[2].digest()).await, failed);
	assert_eq!(control.submit(&jobs[2]).await.status(), StatusCode::ACCEPTED);
	assert_eq!(control.end(&jobs[2].digest()).await, done);
	write(sample.weights[100] ^ 1);
	control.submit(&jobs[3]).await;
	assert_eq!(control.end(&jobs[3].digest()).await, failed);
	assert!(!file.exists());
	assert_rejected(control.submit(&jobs[3]).await, 409, "blob_missing").await;
}

#[tokio::test]
async fn a_backend_that_differs_from_the_reference_never_serves() {
	let folder = tempfile::tempdir().unwrap();
	let backend = BackendChoice::Custom(Arc::new(GatedBackend(Gated::wrong())));
	let error = start(Config { backend, ..Config::new(folder.path()) }).await.unwrap_err();
	assert!(matches!(error, StartError::SelfTest { backend: "gated", .. }), "{error}");
	assert_eq!(error.exit_code(), 3);
	assert!(error.to_string().contains("--backend reference"), "{error}");
}

#[tokio::test]
async fn the_cpu_backend_passes_the_self_test_and_agrees() {
	let executor = Executor::with(|config| {
		config.backend = BackendChoice::Auto;
		config.threads = Some(2);
	})
	.await;
	let control = executor.control();
	let sample = with_model(&executor).await;
	let input = sample.input(13);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	control.submit(&job).await;
	let claim = sample.outcome(&input).claim();
	assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
	assert_eq!(program_digest(&sample.program_bytes), job.program);
	assert_eq!(executor.handle.backend(), "cpu");
}
