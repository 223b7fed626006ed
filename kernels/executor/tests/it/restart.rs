//! What survives a stop, a kill, and damage to the journal.

use crate::{
	binary::Process,
	common::{blob_files, config, soon, Executor, Gated, Sample},
};
use assay_executor::{start, Failure, StartError};
use assay_program::{merkle, wire::JobState};
use reqwest::StatusCode;
use std::{fs, time::Duration};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream};

const TENANT: [u8; 32] = [1; 32];

#[tokio::test]
async fn a_stop_leaves_open_jobs_to_the_next_start() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.drain = Duration::from_millis(50)).await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	gate.close();
	let jobs: Vec<_> = (0..3).map(|nonce| sample.job(&input, TENANT, nonce)).collect();
	for job in &jobs {
		assert_eq!(control.submit(job).await.status(), StatusCode::ACCEPTED);
	}
	soon(gate.until_entered(1)).await;
	// A long-poll ends with the executor, not after its time.
	let digest = jobs[2].digest();
	let poll = control.state(&digest, 25_000);
	let (state, folder) = soon(futures::future::join(poll, async {
		while control.metric("assay_executor_connections{listener=\"control\"}").await < 2.0 {}
		executor.stop().await
	}))
	.await;
	assert_eq!(state, JobState::Queued);
	gate.open();
	let executor = Executor::again(folder, |_| {}).await;
	let control = executor.control();
	let claim = sample.outcome(&input).claim();
	for job in &jobs {
		assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
	}
	assert_eq!(control.metric("assay_executor_jobs_resumed_total").await, 3.0);
}

#[tokio::test]
async fn a_run_that_a_stop_ended_does_not_count_as_an_attempt() {
	let (gate, sample) = (Gated::new(), Sample::small());
	let limit = |limits: &mut assay_executor::Limits| {
		limits.drain = Duration::from_millis(50);
		limits.attempts = 1;
	};
	let input = sample.input(1);
	let job = sample.job(&input, TENANT, 1);
	gate.close_for(&input);
	let mut executor = Executor::gated(&gate, limit).await;
	executor.control().put_model(&sample).await;
	executor.control().put_input(&input).await;
	assert_eq!(executor.control().submit(&job).await.status(), StatusCode::ACCEPTED);
	for stop in 1..=4 {
		soon(gate.until_entered(stop)).await;
		assert_eq!(executor.control().state(&job.digest(), 0).await, JobState::Running);
		let folder = if stop % 2 == 1 {
			soon(executor.stop()).await
		} else {
			// A program that embeds an executor may just drop it.
			let Executor { handle, folder, .. } = executor;
			drop(handle);
			folder
		};
		executor = Executor::gated_again(folder, &gate, limit).await;
	}
	gate.open();
	let claim = sample.outcome(&input).claim();
	assert_eq!(executor.control().end(&job.digest()).await, JobState::Done { claim });
}

#[tokio::test]
async fn a_run_that_a_kill_ended_counts_as_an_attempt() {
	let (gate, sample) = (Gated::new(), Sample::small());
	let input = sample.input(1);
	let job = sample.job(&input, TENANT, 1);
	gate.close_for(&input);
	let executor = Executor::gated(&gate, |_| {}).await;
	executor.control().put_model(&sample).await;
	executor.control().put_input(&input).await;
	executor.control().submit(&job).await;
	soon(gate.until_entered(1)).await;
	// A header, and that the job was taken and begun.
	let journal = executor.folder.path().join("journal");
	while fs::read_to_string(&journal).unwrap().lines().count() < 3 {
		tokio::task::yield_now().await;
	}
	// What a kill would leave behind.
	let killed = TempDir::new().unwrap();
	fs::copy(&journal, killed.path().join("journal")).unwrap();
	let other = Executor::again(killed, |config| config.limits.attempts = 1).await;
	let crashed = JobState::Failed { code: Failure::Crashed.code() };
	assert_eq!(other.control().state(&job.digest(), 0).await, crashed);
	gate.open();
}

#[tokio::test]
async fn jobs_of_another_chain_are_not_resumed() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.drain = Duration::from_millis(50)).await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	gate.close();
	let job = sample.job(&input, TENANT, 1);
	control.submit(&job).await;
	let folder = soon(executor.stop()).await;
	gate.open();
	let executor = Executor::again(folder, |config| config.genesis = Some([8; 32])).await;
	let control = executor.control();
	assert_eq!(control.metric("assay_executor_jobs_resumed_total").await, 0.0);
	let path = format!("/v1/jobs/{}", hex::encode(job.digest()));
	assert_eq!(control.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn finished_jobs_are_known_after_a_restart() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(2);
	control.put_input(&input).await;
	let job = sample.job(&input, TENANT, 1);
	control.submit(&job).await;
	let done = control.end(&job.digest()).await;
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	let control = executor.control();
	assert_eq!(control.state(&job.digest(), 0).await, done);
	assert_eq!(control.submit(&job).await.status(), StatusCode::OK);
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 0.0);
}

#[tokio::test]
async fn only_so_many_finished_jobs_are_remembered() {
	let limit = |limits: &mut assay_executor::Limits| limits.finished = 2;
	let executor = Executor::limited(limit).await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(3);
	control.put_input(&input).await;
	let jobs: Vec<_> = (0..3).map(|nonce| sample.job(&input, TENANT, nonce)).collect();
	for job in &jobs {
		control.submit(job).await;
		control.end(&job.digest()).await;
	}
	let folder = executor.stop().await;
	let executor = Executor::again(folder, |config| limit(&mut config.limits)).await;
	let control = executor.control();
	let path = format!("/v1/jobs/{}", hex::encode(jobs[0].digest()));
	assert_eq!(control.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
	for job in &jobs[1..] {
		assert!(matches!(control.state(&job.digest(), 0).await, JobState::Done { .. }));
	}
}

#[tokio::test]
async fn a_cut_off_and_a_damaged_line_cost_themselves_only() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(4);
	control.put_input(&input).await;
	let jobs: Vec<_> = (0..3).map(|nonce| sample.job(&input, TENANT, nonce)).collect();
	for job in &jobs {
		control.submit(job).await;
		control.end(&job.digest()).await;
	}
	let folder = executor.stop().await;
	let journal = folder.path().join("journal");
	let text = fs::read_to_string(&journal).unwrap();
	let mut lines: Vec<String> = text.lines().map(Into::into).collect();
	// A header, and taken, begun and done for each.
	assert_eq!(lines.len(), 10);
	// The first job's end is damaged; the last job's is cut off in the middle.
	lines[3].replace_range(20..21, "x");
	let mut text = lines.join("\n");
	text.truncate(text.len() - 30);
	fs::write(&journal, text).unwrap();
	let executor = Executor::again(folder, |_| {}).await;
	let control = executor.control();
	assert_eq!(control.metric("assay_executor_journal_damaged_total").await, 2.0);
	let claim = sample.outcome(&input).claim();
	for job in &jobs {
		assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
	}
	assert_eq!(control.metric("assay_executor_jobs_resumed_total").await, 2.0);
	// The damage is gone with the next start.
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	let control = executor.control();
	assert_eq!(control.metric("assay_executor_journal_damaged_total").await, 0.0);
	assert_eq!(control.metric("assay_executor_jobs_resumed_total").await, 0.0);
}

#[tokio::test]
async fn the_journal_of_another_version_is_left_alone() {
	let folder = TempDir::new().unwrap();
	let journal = folder.path().join("journal");
	fs::write(&journal, "assay-journal 9\nsomething\n").unwrap();
	let error = start(config(folder.path())).await.unwrap_err();
	assert!(matches!(error, StartError::Journal { .. }), "{error}");
	assert!(error.to_string().contains("version"), "{error}");
	assert_eq!(fs::read_to_string(&journal).unwrap(), "assay-journal 9\nsomething\n");
}

#[tokio::test]
async fn a_resumed_job_whose_input_is_gone_fails_with_a_reason() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| limits.drain = Duration::from_millis(50)).await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(5);
	control.put_input(&input).await;
	gate.close();
	let job = sample.job(&input, TENANT, 1);
	control.submit(&job).await;
	let folder = soon(executor.stop()).await;
	gate.open();
	let file = folder.path().join("blobs/input").join(hex::encode(merkle::blob(&input)));
	fs::remove_file(file).unwrap();
	let executor = Executor::again(folder, |_| {}).await;
	let control = executor.control();
	let failed = JobState::Failed { code: Failure::BlobGone.code() };
	assert_eq!(control.end(&job.digest()).await, failed);
	control.put_input(&input).await;
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	assert!(matches!(control.end(&job.digest()).await, JobState::Done { .. }));
}

#[tokio::test]
async fn two_executors_do_not_share_a_folder() {
	let executor = Executor::new().await;
	let error = start(config(executor.folder.path())).await.unwrap_err();
	assert!(matches!(error, StartError::FolderLocked(_)), "{error}");
	assert_eq!(error.exit_code(), 4);
	let folder = executor.stop().await;
	Executor::again(folder, |_| {}).await;
}

#[tokio::test]
async fn a_process_killed_in_the_middle_resumes() {
	let folder = TempDir::new().unwrap();
	let mut process = Process::start(folder.path(), &[]);
	let control = process.control();
	let (small, slow) = (Sample::small(), Sample::slow());
	control.put_model(&small).await;
	control.put_model(&slow).await;
	// Ten that are done in no time, and three that are not.
	let jobs: Vec<_> = (0..13u64)
		.map(|nonce| {
			let sample = if nonce < 10 { &small } else { &slow };
			let input = sample.input(nonce);
			let job = sample.job(&input, TENANT, nonce);
			(sample, input, job)
		})
		.collect();
	for (_, input, job) in &jobs {
		control.put_input(input).await;
		assert_eq!(control.submit(job).await.status(), StatusCode::ACCEPTED);
	}
	control.end(&jobs[0].2.digest()).await;
	process.kill();
	// A file cut off in the middle of an upload, too: the kill may have come at any point.
	fs::write(folder.path().join("blobs/coming/half"), b"half").unwrap();

	let process = Process::start(folder.path(), &[]);
	let control = process.control();
	assert_eq!(control.metric("assay_executor_journal_damaged_total").await, 0.0);
	let resumed = control.metric("assay_executor_jobs_resumed_total").await;
	assert!((1.0..13.0).contains(&resumed), "{resumed} jobs were open at the kill");
	for (sample, input, job) in &jobs {
		let claim = sample.outcome(input).claim();
		assert_eq!(control.end(&job.digest()).await, JobState::Done { claim });
	}
	let done = control.metric("assay_executor_jobs_finished_total{result=\"done\"}").await;
	assert_eq!(done, resumed, "a finished job was computed again");
	let coming = folder.path().join("blobs/coming");
	assert!(blob_files(folder.path()).iter().all(|file| !file.starts_with(&coming)));
}

#[tokio::test]
async fn a_process_killed_in_an_upload_keeps_nothing_of_it() {
	let folder = TempDir::new().unwrap();
	let mut process = Process::start(folder.path(), &[]);
	let control = process.control();
	let bytes = vec![1; 3 << 20];
	let digest = merkle::blob(&bytes);
	let mut stream = TcpStream::connect(&control.url["http://".len()..]).await.unwrap();
	let head = format!(
		"PUT /v1/blobs/weights/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 content-length: {}\r\n\r\n",
		hex::encode(digest),
		control.token,
		bytes.len(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	stream.write_all(&bytes[..2 << 20]).await.unwrap();
	let coming = folder.path().join("blobs/coming");
	let written = || {
		let files = fs::read_dir(&coming).unwrap();
		files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
	};
	while written() < 1 << 20 {
		tokio::task::yield_now().await;
	}
	process.kill();
	let process = Process::start(folder.path(), &[]);
	assert!(blob_files(folder.path()).is_empty());
	let control = process.control();
	let path = format!("/v1/blobs/weights/{}", hex::encode(digest));
	assert_eq!(control.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
	assert_eq!(control.put_blob("weights", &digest, &bytes).await.status(), StatusCode::CREATED);
}
