//! A job that is run again: for the upper part of its trace, and for every answer.

use assay_cpu::{CpuBackend, Unfused};
use assay_program::{BackendError, Bytes, Claim, InvalidCode, Outcome, Parameters, Program};
use assay_trace::{
	offence, Answer, Layout, Question, ReferenceSteps, Steps, Tracer, TracerError, Upper, Visit,
	Work,
};
use std::{
	ops::ControlFlow,
	sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;

/// The CPU backend's kernels, which run operators one at a time: on every machine, for a GPU shows
/// no tensors.
#[derive(Debug)]
pub(super) struct Kernels {
	backend: CpuBackend,
	/// Whether they have made every tensor of the golden vectors.
	are_right: OnceLock<bool>,
}

impl Kernels {
	/// On so many threads, or as many as there are cores.
	pub(super) fn new(threads: Option<usize>) -> Self {
		Self { backend: CpuBackend::new(threads), are_right: OnceLock::new() }
	}

	/// A program ready to run; `None` where the reference has to.
	fn load(&self, program: &Arc<Program>, weights: &Bytes) -> Option<Unfused> {
		let are_right = self.are_right.get_or_init(|| {
			let tested = self.backend.unfused_self_test();
			if let Err(error) = &tested {
				tracing::error!(%error, "traces are left to the reference");
			}
			tested.is_ok()
		});
		if !are_right {
			return None;
		}
		let loaded = self.backend.unfused(program.clone(), weights.clone());
		loaded.inspect_err(|error| tracing::warn!(%error, "a trace is left to the reference")).ok()
	}
}

/// Everything that running a job takes.
#[derive(Debug)]
pub(super) struct Rerun {
	pub(super) program: Arc<Program>,
	/// A mapped file.
	pub(super) weights: Bytes,
	pub(super) input: Vec<u8>,
	pub(super) parameters: Parameters,
	/// Ends runs between two operators.
	pub(super) gone: CancellationToken,
	/// What runs it; the reference where there is nothing.
	pub(super) maybe_kernels: Option<Unfused>,
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
	found: Found,
}

impl Rerun {
	/// Runs the job, by kernels where there are some. Computes for long: not for async threads.
	///
	/// Where it was run here and came to another `known` claim, one of the two is wrong; then the
	/// reference decides.
	pub(super) fn trace(
		mut self,
		kernels: &Kernels,
		known: Option<Claim>,
	) -> Result<Traced, TracerError> {
		self.maybe_kernels = kernels.load(&self.program, &self.weights);
		let mut found = self.find()?;
		if self.maybe_kernels.is_some() && known.is_some_and(|claim| claim != found.claim()) {
			self.maybe_kernels = None;
			found = self.find()?;
		}
		Ok(Traced { rerun: self, found })
	}

	fn find(&self) -> Result<Found, TracerError> {
		match self.tracer() {
			Ok(tracer) => Ok(Found::Traced(tracer.upper().clone())),
			Err(TracerError::Invalid(code)) => {
				let shown = offence(&self.program, &self.parameters, &self.input);
				Ok(Found::Broken(code, shown.ok_or(TracerError::NoOffence)?))
			},
			Err(error) => Err(error),
		}
	}

	fn tracer(&self) -> Result<Tracer<'_, Ended<'_>>, TracerError> {
		Tracer::new(self.layout()?, self.steps(), &self.weights, &self.input)
	}

	fn layout(&self) -> Result<Layout<'_>, TracerError> {
		Ok(Layout::new(&self.program, &self.parameters)?)
	}

	fn steps(&self) -> Ended<'_> {
		Ended(self)
	}

	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let Self { program, weights, input, parameters, .. } = self;
		let Some(kernels) = &self.maybe_kernels else {
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
				let Rerun { weights, input, .. } = &self.rerun;
				let (layout, steps) = (self.rerun.layout()?, self.rerun.steps());
				Tracer::resume(layout, steps, weights, input, upper.clone()).answer(question)
			},
			(Found::Broken(_, shown), Question::Offence) => Ok(shown.clone()),
			(Found::Broken(code, _), _) => Err(TracerError::Invalid(*code)),
		}
	}
}

/// Steps that nobody waits for any more once the job's token says so.
struct Ended<'a>(&'a Rerun);

impl Steps for Ended<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let mut ended = false;
		let outcome = self.0.run(&mut |step, operator, bytes| {
			ended = self.0.gone.is_cancelled();
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
		match &self.0.maybe_kernels {
			Some(kernels) => kernels.side_by_side(count, work),
			None => (0..count).for_each(work),
		}
	}
}
