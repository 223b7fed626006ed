//! A device whose memory is full.

use crate::{
	classes::{all_end, begun, jobs, paid},
	common::{soon, Control, Executor, Sample},
};
use assay_executor::{BackendChoice, Failure, Limits};
use assay_program::{
	wire::{JobRequest, JobState},
	Backend, BackendError, Bytes, Hash, Model, Outcome, Parameters, Program,
};
use assay_reference::ReferenceBackend;
use reqwest::StatusCode;
use std::{
	fs,
	ops::ControlFlow,
	sync::{Arc, Condvar, Mutex},
	time::Duration,
};
use tokio::sync::watch;

const TENANT: Hash = [1; 32];

/// Memory of a device, in places: a model takes one, and so does a run.
#[derive(Clone)]
struct Places(Arc<Mutex<usize>>);

impl Places {
	fn new(count: usize) -> Self {
		Self(Arc::new(Mutex::new(count)))
	}

	fn take(&self) -> Result<Place, BackendError> {
		let mut free = self.0.lock().unwrap();
		*free = free.checked_sub(1).ok_or(BackendError::OutOfMemory)?;
		Ok(Place(self.clone()))
	}
}

/// A place that is taken, until it is dropped.
struct Place(Places);

impl Drop for Place {
	fn drop(&mut self) {
		*self.0 .0.lock().unwrap() += 1;
	}
}

/// The reference on a device with so much memory.
struct Tight(Places);

struct TightModel {
	inner: Arc<dyn Model>,
	_place: Place,
	places: Places,
}

impl Backend for Tight {
	fn name(&self) -> &'static str {
		"tight"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		let (place, places) = (self.0.take()?, self.0.clone());
		let inner = ReferenceBackend.load(program, weights)?;
		Ok(Arc::new(TightModel { inner, _place: place, places }))
	}
}

impl Model for TightModel {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		let _place = self.places.take()?;
		self.inner.stream(input, parameters, emit)
	}
}

async fn executor(places: &Places, limit: impl FnOnce(&mut Limits)) -> Executor {
	let backend = BackendChoice::Custom(Arc::new(Tight(places.clone())));
	Executor::with(|config| {
		config.backend = backend;
		limit(&mut config.limits);
	})
	.await
}

/// Two models that differ in their weights.
fn samples() -> [Sample; 2] {
	let mut other = Sample::small();
	other.weights[0] ^= 1;
	[Sample::small(), other]
}

/// A job of a model that is held, with its input.
async fn job(control: &Control, sample: &Sample, nonce: u64) -> JobRequest {
	control.put_model(sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	sample.job(&input, TENANT, nonce)
}

async fn assert_computed(control: &Control, sample: &Sample, job: &JobRequest) {
	assert_eq!(control.submit(job).await.status(), StatusCode::ACCEPTED);
	let claim = sample.outcome(&sample.input(1)).claim();
	assert_eq!(soon(control.end(&job.digest())).await, JobState::Done { claim });
}

#[tokio::test]
async fn other_models_make_room_for_one_that_is_loaded() {
	// A place for a model, and one for its run.
	let places = Places::new(2);
	let executor = executor(&places, |_| {}).await;
	let control = executor.control();
	let [first, second] = samples();
	assert_computed(&control, &first, &job(&control, &first, 1).await).await;
	// Whoever else uses the device leaves room for one model alone.
	let theirs = places.take().unwrap();
	let next = job(&control, &second, 2).await;
	assert_eq!(control.submit(&next).await.status(), StatusCode::ACCEPTED);
	// It found a place, in that of the first; its run did not.
	let failed = JobState::Failed { code: Failure::OutOfMemory.code() };
	assert_eq!(soon(control.end(&next.digest())).await, failed);
	assert_eq!(control.metric("assay_executor_models_loaded_total").await, 2.0);
	let bytes = second.weights.len() as f64;
	assert_eq!(control.metric("assay_executor_models_bytes").await, bytes);
	drop(theirs);
	assert_computed(&control, &second, &job(&control, &second, 3).await).await;
}

#[tokio::test]
async fn other_models_make_room_for_a_run() {
	let places = Places::new(2);
	let executor = executor(&places, |_| {}).await;
	let control = executor.control();
	for (nonce, sample) in samples().iter().chain(&samples()).enumerate() {
		assert_computed(&control, sample, &job(&control, sample, nonce as u64).await).await;
	}
	// Each time the other one went.
	assert_eq!(control.metric("assay_executor_models_loaded_total").await, 4.0);
}

#[tokio::test]
async fn lack_of_memory_costs_no_attempt_and_the_executor_goes_on() {
	let places = Places::new(2);
	let executor = executor(&places, |limits| {
		limits.attempts = 1;
		limits.retry = Duration::ZERO;
	})
	.await;
	let control = executor.control();
	let [sample, _] = samples();
	let job = job(&control, &sample, 1).await;
	let failed = JobState::Failed { code: Failure::OutOfMemory.code() };
	// No room for the model, then none for its run.
	for theirs in [2, 1] {
		let theirs: Vec<_> = (0..theirs).map(|_| places.take().unwrap()).collect();
		for _ in 0..2 {
			assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
			assert_eq!(soon(control.end(&job.digest())).await, failed);
		}
		drop(theirs);
	}
	let counted = "assay_executor_jobs_finished_total{result=\"out_of_memory\"}";
	assert_eq!(control.metric(counted).await, 4.0);
	assert_computed(&control, &sample, &job).await;
}

#[tokio::test]
async fn a_job_that_lacked_memory_is_not_tried_again_at_once() {
	let places = Places::new(2);
	let executor = executor(&places, |limits| limits.retry = Duration::from_secs(3600)).await;
	let control = executor.control();
	let [sample, _] = samples();
	let job = job(&control, &sample, 1).await;
	let _theirs = [places.take().unwrap(), places.take().unwrap()];
	let failed = JobState::Failed { code: Failure::OutOfMemory.code() };
	for status in [StatusCode::ACCEPTED, StatusCode::OK] {
		assert_eq!(control.submit(&job).await.status(), status);
		assert_eq!(soon(control.end(&job.digest())).await, failed);
	}
	assert_eq!(control.metric("assay_executor_jobs_taken_total").await, 1.0);
}

/// The reference on a device with room for one model and one run, which wants two jobs at once.
#[derive(Clone)]
struct Crowded(Arc<Crowd>);

struct Crowd {
	places: Places,
	/// Whether a run keeps its place.
	holds: Mutex<bool>,
	changed: Condvar,
	/// How many runs and models found no place.
	refused: watch::Sender<usize>,
	/// An input whose run takes more than there is.
	large: Vec<u8>,
}

struct CrowdedModel {
	inner: Arc<dyn Model>,
	_place: Place,
	crowd: Arc<Crowd>,
}

impl Crowded {
	/// An executor with that device, on which runs keep their places, and its jobs: a sample's, of
	/// which one with nonce 9 is too large.
	async fn start() -> (Self, Executor, [JobRequest; 3], JobRequest) {
		let (sample, large) = (Sample::small(), Sample::small().input(9));
		let (places, holds) = (Places::new(2), Mutex::new(false));
		let (changed, refused) = (Condvar::new(), watch::Sender::new(0));
		let crowded = Self(Arc::new(Crowd { places, holds, changed, refused, large }));
		let backend = BackendChoice::Custom(Arc::new(crowded.clone()));
		let executor = Executor::with(|config| {
			config.backend = backend;
			config.limits.attempts = 1;
		})
		.await;
		*crowded.0.holds.lock().unwrap() = true;
		let jobs = jobs(&executor.control(), &sample).await;
		executor.control().put_input(&crowded.0.large).await;
		let too_large = sample.job(&crowded.0.large, TENANT, 9);
		(crowded, executor, jobs, too_large)
	}

	fn let_go(&self) {
		*self.0.holds.lock().unwrap() = false;
		self.0.changed.notify_all();
	}

	/// Waits until the first run has its place.
	async fn until_full(&self) {
		while *self.0.places.0.lock().unwrap() > 0 {
			tokio::time::sleep(Duration::from_millis(1)).await;
		}
	}

	async fn until_refused(&self) {
		self.0.refused.subscribe().wait_for(|refused| *refused > 0).await.unwrap();
	}
}

impl Backend for Crowded {
	fn name(&self) -> &'static str {
		"crowded"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		let place = self.0.places.take();
		let place = place.inspect_err(|_| self.0.refused.send_modify(|refused| *refused += 1))?;
		let crowd = self.0.clone();
		let inner = ReferenceBackend.load(program, weights)?;
		Ok(Arc::new(CrowdedModel { inner, _place: place, crowd }))
	}

	fn jobs_at_once(&self) -> usize {
		2
	}
}

impl Model for CrowdedModel {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		let Crowd { places, holds, changed, refused, large } = &*self.crowd;
		let is_small = input != large;
		let place = places.take().ok().filter(|_| is_small);
		let Some(_place) = place else {
			refused.send_modify(|refused| *refused += 1);
			return Err(BackendError::OutOfMemory);
		};
		drop(changed.wait_while(holds.lock().unwrap(), |holds| *holds).unwrap());
		self.inner.stream(input, parameters, emit)
	}
}

#[tokio::test]
async fn a_job_that_others_left_no_memory_runs_alone_and_next() {
	let (crowded, executor, jobs, _) = Crowded::start().await;
	let control = executor.control();
	paid(&control, &jobs[0]).await;
	soon(crowded.until_full()).await;
	paid(&control, &jobs[1]).await;
	// Until the journal has it that its start does not count.
	let (journal, stopped) =
		(executor.folder.path().join("journal"), hex::encode(jobs[1].digest()));
	let stopped = format!(" 04{stopped}");
	while !fs::read_to_string(&journal).unwrap().contains(&stopped) {
		tokio::time::sleep(Duration::from_millis(1)).await;
	}
	paid(&control, &jobs[2]).await;
	crowded.let_go();
	// Nor did it cost its only attempt.
	all_end(&control, &jobs).await;
	assert_eq!(begun(executor.folder.path(), &jobs), [0, 1, 1, 2]);
}

#[tokio::test]
async fn a_job_that_lacks_memory_alone_fails() {
	let (crowded, executor, jobs, too_large) = Crowded::start().await;
	let control = executor.control();
	paid(&control, &jobs[0]).await;
	soon(crowded.until_full()).await;
	paid(&control, &too_large).await;
	soon(crowded.until_refused()).await;
	crowded.let_go();
	let failed = JobState::Failed { code: Failure::OutOfMemory.code() };
	assert_eq!(soon(control.end(&too_large.digest())).await, failed);
	let [first, next, _] = jobs;
	paid(&control, &next).await;
	all_end(&control, &[first, next]).await;
	let order = begun(executor.folder.path(), &[too_large]);
	assert_eq!(order, [9, 9]);
}

#[tokio::test]
async fn a_model_that_others_left_no_memory_is_loaded_when_they_have_ended() {
	let (crowded, executor, [first, ..], _) = Crowded::start().await;
	let control = executor.control();
	paid(&control, &first).await;
	soon(crowded.until_full()).await;
	let [_, other] = samples();
	let second = job(&control, &other, 7).await;
	paid(&control, &second).await;
	soon(crowded.until_refused()).await;
	crowded.let_go();
	all_end(&control, &[first, second]).await;
}
