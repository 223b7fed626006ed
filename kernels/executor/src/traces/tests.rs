//! Traces by kernels that are wrong or fail: the reference has the last word.

use super::{
	rerun::{Maker, Runner},
	*,
};
use crate::{
	jobs::Class,
	journal::{Journal, Ledger},
	models::Models,
};
use assay_program::{merkle, program_digest, BackendError, Outcome, Parameters};
use assay_reference::{
	golden::SelfTestError,
	sample::{self, Shape, Style},
	ReferenceBackend,
};
use assay_trace::{ReferenceSteps, Tracer, Visit, Work};
use bytes::Bytes;
use codec::Encode;
use futures::stream;
use std::sync::atomic::AtomicUsize;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

/// What kernels do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
	Right,
	/// They have the weights wrong.
	Wrong,
	Fail,
	Panic,
	PanicSideBySide,
	PanicInLoad,
	FailSelfTest,
	PanicInSelfTest,
}

/// Kernels that do what a test says.
#[derive(Clone)]
struct Told {
	way: Arc<Mutex<Way>>,
	/// How many runs they began.
	runs: Arc<AtomicUsize>,
}

impl Told {
	fn to(way: Way) -> Self {
		Self { way: Arc::new(Mutex::new(way)), runs: Arc::default() }
	}

	fn tell(&self, way: Way) {
		*lock(&self.way) = way;
	}

	fn is(&self, way: Way) -> bool {
		*lock(&self.way) == way
	}

	fn runs(&self) -> usize {
		self.runs.load(Ordering::SeqCst)
	}
}

impl Maker for Told {
	fn self_test(&self) -> Result<(), SelfTestError> {
		assert!(!self.is(Way::PanicInSelfTest), "told to panic by the test");
		match self.is(Way::FailSelfTest) {
			true => Err(SelfTestError::Damaged { vector: "one" }),
			false => Ok(()),
		}
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Box<dyn Runner>, BackendError> {
		assert!(!self.is(Way::PanicInLoad), "told to panic by the test");
		Ok(Box::new(Run { told: self.clone(), program, weights }))
	}
}

struct Run {
	told: Told,
	program: Arc<Program>,
	weights: Bytes,
}

impl Runner for Run {
	fn trace(
		&self,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut Visit<'_>,
	) -> Result<Outcome, BackendError> {
		self.told.runs.fetch_add(1, Ordering::SeqCst);
		assert!(!self.told.is(Way::Panic), "told to panic by the test");
		if self.told.is(Way::Fail) {
			return Err(BackendError::Device("told to fail by the test".into()));
		}
		let flip = if self.told.is(Way::Wrong) { 0x55 } else { 0 };
		let weights: Vec<u8> = self.weights.iter().map(|byte| byte ^ flip).collect();
		assay_reference::trace_while(&self.program, &weights, input, parameters, visit)
			.map_err(BackendError::from)
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		assert!(!self.told.is(Way::PanicSideBySide), "told to panic by the test");
		(0..count).for_each(work);
	}
}

/// Traces by some kernels, and what jobs are made of.
struct Scene {
	traces: Arc<Traces>,
	program: Program,
	weights: Vec<u8>,
	parameters: Parameters,
	_folder: TempDir,
}

impl Scene {
	async fn new(told: &Told) -> Self {
		let folder = TempDir::new().unwrap();
		let (limits, metrics) = (Limits::default(), Arc::new(Metrics::new("test").unwrap()));
		let blobs = Blobs::open(folder.path(), limits.clone(), metrics.clone()).await.unwrap();
		let (journal, _, _) = Journal::open(folder.path(), None, &limits).unwrap();
		let models = Models::new(Arc::new(ReferenceBackend), 1 << 20, metrics.clone());
		let (blobs, models, stop) = (Arc::new(blobs), Arc::new(models), CancellationToken::new());
		let (ledger, for_jobs) = (Ledger::new(8), (limits.clone(), metrics.clone()));
		let jobs = Jobs::resume(
			ledger,
			journal,
			blobs.clone(),
			models,
			for_jobs.0,
			for_jobs.1,
			stop.clone(),
		);
		let mut traces = Traces::new(Arc::new(jobs.await), blobs, limits, metrics, stop, Some(1));
		traces.kernels = Arc::new(Kernels::of(told.clone()));
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 1);
		let parameters = Parameters::encoder(1, 4);
		Self { traces: Arc::new(traces), program, weights, parameters, _folder: folder }
	}

	fn input(&self, seed: u64) -> Vec<u8> {
		let Parameters { batch, sequence, .. } = self.parameters;
		sample::input(Shape::SMALL.vocabulary, batch, sequence, seed)
	}

	/// A job whose blobs are held.
	async fn job(&self, seed: u64) -> JobRequest {
		let (program, input) = (self.program.encode(), self.input(seed));
		let request = JobRequest {
			genesis: [0; 32],
			program: program_digest(&program),
			weights: merkle::blob(&self.weights),
			input: merkle::blob(&input),
			parameters: self.parameters.clone(),
			tenant: [1; 32],
			nonce: seed,
		};
		for (kind, digest, bytes) in [
			(BlobKind::Program, request.program, program),
			(BlobKind::Weights, request.weights, self.weights.clone()),
			(BlobKind::Input, request.input, input),
		] {
			let body = stream::once(async { Ok(Bytes::from(bytes)) });
			self.traces.blobs.put(kind, digest, body, None, None).await.unwrap();
		}
		request
	}

	/// Has it that a job came to this here.
	async fn done(&self, request: &JobRequest, claim: Claim) {
		let (jobs, job) = (&self.traces.jobs, request.digest());
		jobs.submit(job, request.clone(), Class::Paid).await.unwrap();
		assert!(jobs.begin(&job).is_some());
		jobs.end(job, Ok(claim)).await;
	}

	async fn trace(&self, request: &JobRequest) -> TraceState {
		self.traces.submit(request.digest(), request.clone(), LONG).await.unwrap()
	}

	async fn ask(&self, request: &JobRequest, question: Question) -> Result<Answer, Error> {
		let answer = self.traces.ask(&request.digest(), question, LONG).await;
		answer.map(Option::unwrap)
	}

	/// What a question comes to by the reference.
	fn by_reference<T>(&self, seed: u64, of: impl Fn(&Tracer<'_, ReferenceSteps<'_>>) -> T) -> T {
		let (input, Self { program, weights, parameters, .. }) = (self.input(seed), self);
		of(&Tracer::reference(program, weights, &input, parameters).unwrap())
	}

	fn truth(&self, seed: u64) -> TraceState {
		self.by_reference(seed, |tracer| TraceState::Ready {
			claim: tracer.claim(),
			body: tracer.body(),
		})
	}

	fn claim(&self, seed: u64) -> Claim {
		self.by_reference(seed, |tracer| tracer.claim())
	}
}

#[tokio::test]
async fn kernels_that_are_wrong_are_counted_and_make_no_trace_any_more() {
	let told = Told::to(Way::Wrong);
	let scene = Scene::new(&told).await;
	let (unknown, known, later) = (scene.job(1).await, scene.job(2).await, scene.job(3).await);
	// Nothing to hold it against.
	assert_ne!(scene.trace(&unknown).await, scene.truth(1));
	assert_eq!(scene.traces.metrics.traces_unlike.get(), 0);
	scene.done(&known, scene.claim(2)).await;
	assert_eq!(scene.trace(&known).await, scene.truth(2));
	assert_eq!(scene.traces.metrics.traces_unlike.get(), 1);
	let runs = told.runs();
	// What they made before is not answered from.
	let question = Question::Leaf { index: 0 };
	assert_eq!(scene.ask(&unknown, question).await, Err(Error::TraceUnknown));
	assert_eq!(scene.traces.metrics.traces.get(), 1);
	assert_eq!(scene.trace(&unknown).await, scene.truth(1));
	assert_eq!(scene.trace(&later).await, scene.truth(3));
	for (seed, job) in [(1, &unknown), (2, &known), (3, &later)] {
		let truth = scene.by_reference(seed, |tracer| tracer.answer(&question).unwrap());
		assert_eq!(scene.ask(job, question).await, Ok(truth));
	}
	assert_eq!(told.runs(), runs);
}

#[tokio::test]
async fn a_backend_that_is_wrong_leaves_kernels_that_are_right() {
	let told = Told::to(Way::Right);
	let scene = Scene::new(&told).await;
	let (wrong, later) = (scene.job(1).await, scene.job(2).await);
	scene.done(&wrong, Claim::Invalid { code: 1 }).await;
	assert_eq!(scene.trace(&wrong).await, scene.truth(1));
	assert_eq!(scene.traces.metrics.traces_unlike.get(), 1);
	assert_eq!(scene.trace(&later).await, scene.truth(2));
	assert_eq!(told.runs(), 2);
}

#[tokio::test]
async fn a_job_that_ends_while_it_is_traced_is_compared() {
	let told = Told::to(Way::Wrong);
	let scene = Scene::new(&told).await;
	let rerun = Rerun {
		program: Arc::new(scene.program.clone()),
		weights: scene.weights.clone().into(),
		input: scene.input(1),
		parameters: scene.parameters.clone(),
		gone: CancellationToken::new(),
	};
	let (claim, kernels) = (scene.claim(1), Kernels::of(told.clone()));
	let made = rerun.trace(&kernels, || (told.runs() > 0).then_some(claim)).unwrap();
	assert_eq!((made.traced.claim(), made.known), (claim, Some(claim)));
	assert!(made.maybe_wrong.is_some_and(|wrong| wrong != claim));
}

#[tokio::test]
async fn where_kernels_fail_the_reference_traces() {
	for way in [
		Way::Fail,
		Way::Panic,
		Way::PanicSideBySide,
		Way::PanicInLoad,
		Way::FailSelfTest,
		Way::PanicInSelfTest,
	] {
		let told = Told::to(way);
		let scene = Scene::new(&told).await;
		let (first, second) = (scene.job(1).await, scene.job(2).await);
		assert_eq!(scene.trace(&first).await, scene.truth(1), "{way:?}");
		told.tell(Way::Right);
		assert_eq!(scene.trace(&second).await, scene.truth(2), "{way:?}");
		// A self-test is taken once; all else is a matter of one trace.
		let is_for_good = matches!(way, Way::FailSelfTest | Way::PanicInSelfTest);
		let tried = usize::from(matches!(way, Way::Fail | Way::Panic | Way::PanicSideBySide));
		assert_eq!(told.runs(), tried + usize::from(!is_for_good), "{way:?}");
		assert_eq!(scene.traces.metrics.traces_unlike.get(), 0, "{way:?}");
	}
}

#[tokio::test]
async fn where_kernels_fail_the_reference_answers() {
	for way in [Way::Fail, Way::Panic] {
		let told = Told::to(Way::Right);
		let scene = Scene::new(&told).await;
		let job = scene.job(1).await;
		assert_eq!(scene.trace(&job).await, scene.truth(1));
		told.tell(way);
		for index in [0, 1] {
			let question = Question::Leaf { index };
			let truth = scene.by_reference(1, |tracer| tracer.answer(&question).unwrap());
			assert_eq!(scene.ask(&job, question).await, Ok(truth), "{way:?}");
		}
		// One to trace, and one that failed: it is not tried again with this trace.
		assert_eq!(told.runs(), 2, "{way:?}");
	}
}
