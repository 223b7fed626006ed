//! A device whose memory is full.

use crate::common::{soon, Control, Executor, Sample};
use assay_executor::{BackendChoice, Failure, Limits};
use assay_program::{
	wire::{JobRequest, JobState},
	Backend, BackendError, Bytes, Hash, Model, Outcome, Parameters, Program,
};
use assay_reference::ReferenceBackend;
use reqwest::StatusCode;
use std::{
	ops::ControlFlow,
	sync::{Arc, Mutex},
	time::Duration,
};

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
