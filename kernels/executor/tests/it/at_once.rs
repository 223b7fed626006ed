//! Several jobs at the same time, where the backend is best given several.

use crate::{
	classes::{all_end, begun, jobs, paid, watched},
	common::{soon, Control, Executor, Gated, Sample},
};
use assay_executor::{Failure, Limits};
use assay_program::{
	wire::{JobRequest, JobState},
	Hash,
};
use codec::Decode;
use std::{fs, path::Path, time::Duration};

const TENANT: Hash = [1; 32];

/// How many of these jobs are told to run.
async fn running(control: &Control, jobs: &[JobRequest]) -> usize {
	let mut count = 0;
	for job in jobs {
		count += usize::from(control.state(&job.digest(), 0).await == JobState::Running);
	}
	count
}

/// Little time to stop.
fn hasty(limits: &mut Limits) {
	limits.drain = Duration::from_millis(50);
}

#[tokio::test]
async fn as_many_jobs_run_as_the_backend_wants_at_once() {
	let gate = Gated::at_once(2);
	let executor = Executor::gated(&gate, |_| {}).await;
	let (control, sample) = (executor.control(), Sample::small());
	control.put_model(&sample).await;
	gate.close();
	let inputs = [1, 2, 3].map(|seed| sample.input(seed));
	let jobs = [0, 1, 2].map(|at| sample.job(&inputs[at], TENANT, at as u64));
	for (job, input) in jobs.iter().zip(&inputs) {
		control.put_input(input).await;
		paid(&control, job).await;
	}
	// Nobody has left the gate: both are behind it at the same time.
	soon(gate.until_entered(2)).await;
	// Whoever asks counts on one that runs to have the machine, which is true of one of them.
	assert_eq!(running(&control, &jobs[..2]).await, 1);
	assert_eq!(control.state(&jobs[2].digest(), 0).await, JobState::Queued);
	let mut handed_in_again = Vec::new();
	for job in &jobs {
		let answer = control.submit(job).await.bytes().await.unwrap();
		handed_in_again.push(JobState::decode(&mut &answer[..]).unwrap());
	}
	let run = handed_in_again.iter().filter(|state| **state == JobState::Running);
	assert_eq!(run.count(), 1, "{handed_in_again:?}");
	gate.open();
	for (job, input) in jobs.iter().zip(&inputs) {
		let claim = sample.outcome(input).claim();
		assert_eq!(soon(control.end(&job.digest())).await, JobState::Done { claim });
	}
	// They began together, and one of them loaded the model for both.
	assert_eq!(control.metric("assay_executor_models_loaded_total").await, 1.0);
}

#[tokio::test]
async fn a_panic_of_one_run_leaves_the_others() {
	let gate = Gated::at_once(2);
	let executor = Executor::gated(&gate, |_| {}).await;
	let (control, sample) = (executor.control(), Sample::small());
	let jobs: [_; 3] = jobs(&control, &sample).await;
	gate.close();
	paid(&control, &jobs[0]).await;
	paid(&control, &jobs[1]).await;
	soon(gate.until_entered(2)).await;
	gate.panic_from_now_on();
	gate.open();
	let failed = JobState::Failed { code: Failure::BackendPanicked.code() };
	for job in &jobs[..2] {
		assert_eq!(soon(control.end(&job.digest())).await, failed);
	}
	gate.calm_down();
	// Both threads are still there.
	gate.close();
	paid(&control, &jobs[0]).await;
	paid(&control, &jobs[2]).await;
	soon(gate.until_entered(2)).await;
	gate.open();
	all_end(&control, &[jobs[0].clone(), jobs[2].clone()]).await;
}

#[tokio::test]
async fn paid_jobs_overtake_watched_ones_also_where_several_run() {
	let gate = Gated::at_once(2);
	let executor = Executor::gated(&gate, |_| {}).await;
	let control = executor.control();
	let jobs: [_; 6] = jobs(&control, &Sample::small()).await;
	gate.close();
	for job in &jobs[..4] {
		watched(&control, job).await;
	}
	soon(gate.until_entered(2)).await;
	assert_eq!(running(&control, &jobs[..4]).await, 1);
	paid(&control, &jobs[4]).await;
	paid(&control, &jobs[5]).await;
	gate.open();
	all_end(&control, &jobs).await;
	let order = begun(executor.folder.path(), &jobs);
	let parts = [0..2, 2..4, 4..6].map(|part| {
		let mut part = order[part].to_vec();
		part.sort_unstable();
		part
	});
	assert_eq!(parts, [[0, 1], [4, 5], [2, 3]]);
}

#[tokio::test]
async fn all_that_run_when_the_executor_stops_are_taken_up_again() {
	let gate = Gated::at_once(2);
	let limit = |limits: &mut Limits| {
		hasty(limits);
		limits.attempts = 1;
	};
	let sample = Sample::small();
	gate.is_only_for(&sample.input(1));
	let executor = Executor::gated(&gate, limit).await;
	let jobs: [_; 3] = jobs(&executor.control(), &sample).await;
	gate.close();
	for job in &jobs {
		paid(&executor.control(), job).await;
	}
	soon(gate.until_entered(2)).await;
	let folder = soon(executor.stop()).await;
	let executor = Executor::gated_again(folder, &gate, limit).await;
	// A stop is no crash: they run side by side again, and nothing counts.
	soon(gate.until_entered(4)).await;
	gate.open();
	all_end(&executor.control(), &jobs).await;
}

/// Numbers of the lines of a journal that name a job.
fn lines_of(journal: &Path, job: &JobRequest) -> Vec<usize> {
	let (text, digest) = (fs::read_to_string(journal).unwrap(), hex::encode(job.digest()));
	let lines = text.lines().enumerate().filter(|(_, line)| line.contains(&digest));
	lines.map(|(number, _)| number).collect()
}

#[tokio::test]
async fn what_ran_when_the_process_was_killed_runs_alone() {
	let gate = Gated::at_once(2);
	let sample = Sample::small();
	gate.is_only_for(&sample.input(1));
	let executor = Executor::gated(&gate, hasty).await;
	let jobs: [_; 2] = jobs(&executor.control(), &sample).await;
	gate.close();
	for job in &jobs {
		paid(&executor.control(), job).await;
	}
	soon(gate.until_entered(2)).await;
	let journal = executor.folder.path().join("journal");
	// A header, two jobs taken and two begun.
	while fs::read_to_string(&journal).unwrap().lines().count() < 5 {
		tokio::task::yield_now().await;
	}
	let killed = fs::read(&journal).unwrap();
	let folder = soon(executor.stop()).await;
	// What a kill would have left behind.
	fs::write(&journal, killed).unwrap();
	gate.open();
	let executor = Executor::gated_again(folder, &gate, |_| {}).await;
	all_end(&executor.control(), &jobs).await;
	// Taken, begun, and after the restart begun and done: the second began when the first was done.
	let [first, second] = [0, 1].map(|at| lines_of(&journal, &jobs[at]));
	let (last_of_first, begun_again) = (first[first.len() - 1], second[second.len() - 2]);
	assert!(last_of_first < begun_again, "{first:?} {second:?}");
}

#[tokio::test]
async fn what_failed_before_and_only_waited_runs_beside_others_after_a_restart() {
	let gate = Gated::at_once(2);
	let sample = Sample::small();
	let [first, second] = [1, 2].map(|seed| sample.input(seed));
	gate.is_only_for(&first);
	let executor = Executor::gated(&gate, hasty).await;
	let control = executor.control();
	let waiting: [_; 2] = jobs(&control, &sample).await;
	gate.panic_from_now_on();
	for job in &waiting {
		paid(&control, job).await;
		let failed = JobState::Failed { code: Failure::BackendPanicked.code() };
		assert_eq!(soon(control.end(&job.digest())).await, failed);
	}
	gate.calm_down();
	control.put_input(&second).await;
	gate.close_for(&second);
	let running = [3, 4].map(|nonce| sample.job(&second, TENANT, nonce));
	for job in running.iter().chain(&waiting) {
		paid(&control, job).await;
	}
	soon(gate.until_entered(2)).await;
	let folder = soon(executor.stop()).await;
	gate.close_for(&first);
	let executor = Executor::gated_again(folder, &gate, |_| {}).await;
	// Both are begun, though each was begun before.
	soon(gate.until_entered(2)).await;
	gate.open();
	all_end(&executor.control(), &running).await;
	all_end(&executor.control(), &waiting).await;
}
