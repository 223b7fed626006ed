//! A job that is run again: for the upper part of its trace, and for every answer.

use assay_cpu::{CpuBackend, Unfused};
use assay_program::{BackendError, Bytes, Claim, InvalidCode, Outcome, Parameters, Program};
use assay_reference::golden::SelfTestError;
use assay_trace::{
	offence, Answer, Layout, Question, ReferenceSteps, Steps, Tracer, TracerError, Upper, Visit,
	Work,
};
use std::{
	fmt,
	ops::ControlFlow,
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, OnceLock,
	},
};
use tokio_util::sync::CancellationToken;

/// A program that kernels run operator by operator.
pub(super) trait Runner: Send + Sync {
	/// See [`Unfused::trace`].
	fn trace(
		&self,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut Visit<'_>,
	) -> Result<Outcome, BackendError>;

	/// See [`Steps::side_by_side`].
	fn side_by_side(&self, count: usize, work: Work<'_>);
}

impl Runner for Unfused {
	fn trace(
		&self,
		input: &[u8],
		parameters: &Parameters,
		visit: &mut Visit<'_>,
	) -> Result<Outcome, BackendError> {
		self.trace(input, parameters, visit)
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		self.side_by_side(count, work);
	}
}

/// Where kernels are from; tests have some of their own.
pub(super) trait Maker: Send + Sync {
	/// Whether they make every tensor of the golden vectors.
	fn self_test(&self) -> Result<(), SelfTestError>;

	/// Makes a program ready to run.
	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Box<dyn Runner>, BackendError>;
}

impl Maker for CpuBackend {
	fn self_test(&self) -> Result<(), SelfTestError> {
		self.unfused_self_test()
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Box<dyn Runner>, BackendError> {
		Ok(Box::new(self.unfused(program, weights)?))
	}
}

/// The CPU backend's kernels, which run operators one at a time: on every machine, for a GPU shows
/// no tensors.
pub(super) struct Kernels {
	maker: Box<dyn Maker>,
	/// Whether they have made every tensor of the golden vectors.
	are_right: OnceLock<bool>,
	/// Whether they made something wrong since.
	were_wrong: AtomicBool,
}

impl fmt::Debug for Kernels {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Kernels")
			.field("are_right", &self.are_right)
			.field("were_wrong", &self.were_wrong)
			.finish_non_exhaustive()
	}
}

/// What work comes to; `None` where it panics. What a panic leaves half-made is not used again.
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
	catch_unwind(AssertUnwindSafe(work)).ok()
}

impl Kernels {
	/// On so many threads, or as many as there are cores.
	pub(super) fn new(threads: Option<usize>) -> Self {
		Self::of(CpuBackend::new(threads))
	}

	pub(super) fn of(maker: impl Maker + 'static) -> Self {
		let (are_right, were_wrong) = (OnceLock::new(), AtomicBool::new(false));
		Self { maker: Box::new(maker), are_right, were_wrong }
	}

	/// They made something wrong, and make no trace any more.
	pub(super) fn distrust(&self) {
		self.were_wrong.store(true, Ordering::SeqCst);
	}

	fn pass_self_test(&self) -> bool {
		match caught(|| self.maker.self_test()) {
			Some(Ok(())) => true,
			Some(Err(error)) => {
				tracing::error!(%error, "traces are left to the reference");
				false
			},
			None => {
				tracing::error!("the self-test panicked: traces are left to the reference");
				false
			},
		}
	}

	/// A program ready to run; `None` where the reference has to.
	fn load(&self, program: &Arc<Program>, weights: &Bytes) -> Option<Box<dyn Runner>> {
		let are_right = *self.are_right.get_or_init(|| self.pass_self_test());
		if !are_right || self.were_wrong.load(Ordering::SeqCst) {
			return None;
		}
		match caught(|| self.maker.load(program.clone(), weights.clone())) {
			Some(Ok(runner)) => Some(runner),
			Some(Err(error)) => {
				tracing::warn!(%error, "a trace is left to the reference");
				None
			},
			None => {
				tracing::error!("kernels panicked: a trace is left to the reference");
				None
			},
		}
	}
}

/// Everything that running a job takes.
pub(super) struct Rerun {
	pub(super) program: Arc<Program>,
	/// A mapped file.
	pub(super) weights: Bytes,
	pub(super) input: Vec<u8>,
	pub(super) parameters: Parameters,
	/// Ends runs between two operators.
	pub(super) gone: CancellationToken,
}

impl fmt::Debug for Rerun {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Rerun").field("parameters", &self.parameters).finish_non_exhaustive()
	}
}

/// What a job was found to be.
#[derive(Debug)]
enum Found {
	/// It has a trace.
	Traced(Arc<Upper>),
	/// Its input breaks a rule, which this answer shows.
	Broken(InvalidCode, Answer),
}

/// A job whose questions can be answered.
#[derive(Debug)]
pub(super) struct Traced {
	rerun: Rerun,
	by: By,
	found: Found,
}

/// What a job was traced by, and goes on to be.
struct By {
	/// The reference where there is nothing.
	maybe_kernels: Option<Box<dyn Runner>>,
	/// Whether they failed, and the reference has to go on.
	have_failed: AtomicBool,
}

impl fmt::Debug for By {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("By")
			.field("has_kernels", &self.maybe_kernels.is_some())
			.field("have_failed", &self.have_failed)
			.finish()
	}
}

impl By {
	fn kernels(&self) -> Option<&dyn Runner> {
		let maybe_kernels = self.maybe_kernels.as_deref();
		maybe_kernels.filter(|_| !self.have_failed.load(Ordering::SeqCst))
	}

	/// Works by kernels where there are some, and by the reference where they fail: a machine's
	/// fault is no reason to lose a game.
	fn work<T>(
		&self,
		gone: &CancellationToken,
		work: impl Fn(Option<&dyn Runner>) -> Result<T, TracerError>,
	) -> Result<T, TracerError> {
		let Some(kernels) = self.kernels() else { return work(None) };
		let reason = match caught(|| work(Some(kernels))) {
			Some(Err(error)) if is_of_a_run(&error) => error.to_string(),
			Some(result) => return result,
			None => "they panicked".into(),
		};
		if gone.is_cancelled() {
			return Err(TracerError::Run(reason));
		}
		tracing::error!(reason, "kernels fail: a trace is left to the reference");
		self.have_failed.store(true, Ordering::SeqCst);
		work(None)
	}
}

/// Whether a run is to blame, and not what was asked. An input that was found to break a rule and
/// does not is a run's fault, too.
fn is_of_a_run(error: &TracerError) -> bool {
	matches!(error, TracerError::Run(_) | TracerError::NoOffence)
}

/// What came of running a job again.
#[derive(Debug)]
pub(super) struct Made {
	pub(super) traced: Traced,
	/// What the job came to here, as it was known when the kernels had run.
	pub(super) known: Option<Claim>,
	/// What the kernels claimed, where the reference found that to be wrong.
	pub(super) maybe_wrong: Option<Claim>,
}

impl Rerun {
	/// Runs the job, by kernels where there are some. Computes for long: not for async threads.
	///
	/// Where it was run here and came to another claim than the kernels, one of the two is wrong;
	/// then the reference decides. `known` is asked after the kernels' run, during which the job
	/// may have ended.
	pub(super) fn trace(
		self,
		kernels: &Kernels,
		known: impl Fn() -> Option<Claim>,
	) -> Result<Made, TracerError> {
		let maybe_kernels = kernels.load(&self.program, &self.weights);
		let mut by = By { maybe_kernels, have_failed: AtomicBool::new(false) };
		let mut found = by.work(&self.gone, |maybe_kernels| self.find(maybe_kernels))?;
		let (known, mut maybe_wrong) = (known(), None);
		if by.kernels().is_none() {
			by.maybe_kernels = None;
		} else if known.is_some_and(|claim| claim != found.claim()) {
			let claimed = found.claim();
			found = self.find(None)?;
			by.maybe_kernels = None;
			maybe_wrong = Some(claimed).filter(|claimed| *claimed != found.claim());
		}
		Ok(Made { traced: Traced { rerun: self, by, found }, known, maybe_wrong })
	}

	fn find(&self, maybe_kernels: Option<&dyn Runner>) -> Result<Found, TracerError> {
		let steps = Ended { rerun: self, maybe_kernels };
		match Tracer::new(self.layout()?, steps, &self.weights, &self.input) {
			Ok(tracer) => Ok(Found::Traced(tracer.upper().clone())),
			Err(TracerError::Invalid(code)) => {
				let shown = offence(&self.program, &self.parameters, &self.input);
				Ok(Found::Broken(code, shown.ok_or(TracerError::NoOffence)?))
			},
			Err(error) => Err(error),
		}
	}

	fn layout(&self) -> Result<Layout<'_>, TracerError> {
		Ok(Layout::new(&self.program, &self.parameters)?)
	}

	fn run(
		&self,
		maybe_kernels: Option<&dyn Runner>,
		visit: &mut Visit<'_>,
	) -> Result<Option<Outcome>, String> {
		let Self { program, weights, input, parameters, .. } = self;
		let Some(kernels) = maybe_kernels else {
			return ReferenceSteps { program, weights, input, parameters }.run(visit);
		};
		match kernels.trace(input, parameters, visit) {
			Ok(outcome) => Ok(Some(outcome)),
			Err(BackendError::Stopped) => Ok(None),
			Err(error) => Err(error.to_string()),
		}
	}
}

impl Found {
	fn claim(&self) -> Claim {
		match self {
			Self::Traced(upper) => upper.claim(),
			Self::Broken(code, _) => Claim::Invalid { code: code.code() },
		}
	}
}

impl Traced {
	/// Whether kernels made it, and no reference.
	pub(super) fn is_by_kernels(&self) -> bool {
		self.by.maybe_kernels.is_some()
	}

	/// What the job comes to.
	pub(super) fn claim(&self) -> Claim {
		self.found.claim()
	}

	/// The upper part of the trace, or the rule that the input breaks.
	pub(super) fn upper(&self) -> Result<&Upper, InvalidCode> {
		match &self.found {
			Found::Traced(upper) => Ok(upper),
			Found::Broken(code, _) => Err(*code),
		}
	}

	/// Answers a question. Most take a run: not for async threads.
	pub(super) fn answer(&self, question: &Question) -> Result<Answer, TracerError> {
		match (&self.found, question) {
			(Found::Traced(upper), _) => {
				let rerun = &self.rerun;
				let Rerun { weights, input, gone, .. } = rerun;
				self.by.work(gone, |maybe_kernels| {
					let (layout, steps) = (rerun.layout()?, Ended { rerun, maybe_kernels });
					Tracer::resume(layout, steps, weights, input, upper.clone()).answer(question)
				})
			},
			(Found::Broken(_, shown), Question::Offence) => Ok(shown.clone()),
			(Found::Broken(code, _), _) => Err(TracerError::Invalid(*code)),
		}
	}
}

/// Steps that nobody waits for any more once the job's token says so.
struct Ended<'a> {
	rerun: &'a Rerun,
	maybe_kernels: Option<&'a dyn Runner>,
}

impl Steps for Ended<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let mut ended = false;
		let outcome = self.rerun.run(self.maybe_kernels, &mut |step, operator, bytes| {
			ended = self.rerun.gone.is_cancelled();
			match ended {
				true => ControlFlow::Break(()),
				false => visit(step, operator, bytes),
			}
		});
		// Half a run would be taken for one that had seen enough.
		match ended {
			true => Err("nobody waits for it any more".into()),
			false => outcome,
		}
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		match self.maybe_kernels {
			Some(kernels) => kernels.side_by_side(count, work),
			None => (0..count).for_each(work),
		}
	}
}
