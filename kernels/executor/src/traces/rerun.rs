//! A job that is run again: for the upper part of its trace, and for every answer.

use assay_program::{Bytes, InvalidCode, Outcome, Parameters, Program};
use assay_trace::{
	offence, Answer, Layout, Question, ReferenceSteps, Steps, Tracer, TracerError, Upper, Visit,
};
use std::{ops::ControlFlow, sync::Arc};
use tokio_util::sync::CancellationToken;

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
	/// Runs the job. Computes for as long as the reference takes: not for async threads.
	pub(super) fn trace(self) -> Result<Traced, TracerError> {
		let found = match self.tracer() {
			Ok(tracer) => Found::Traced(tracer.upper().clone()),
			Err(TracerError::Invalid(code)) => {
				let shown = offence(&self.program, &self.parameters, &self.input);
				Found::Broken(code, shown.ok_or(TracerError::NoOffence)?)
			},
			Err(error) => return Err(error),
		};
		Ok(Traced { rerun: self, found })
	}

	fn tracer(&self) -> Result<Tracer<'_, Ended<'_>>, TracerError> {
		Tracer::new(self.layout()?, self.steps(), &self.weights, &self.input)
	}

	fn layout(&self) -> Result<Layout<'_>, TracerError> {
		Ok(Layout::new(&self.program, &self.parameters)?)
	}

	fn steps(&self) -> Ended<'_> {
		let Self { program, weights, input, parameters, gone } = self;
		Ended { steps: ReferenceSteps { program, weights, input, parameters }, gone }
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

/// Steps that nobody waits for any more once a token says so.
struct Ended<'a> {
	steps: ReferenceSteps<'a>,
	gone: &'a CancellationToken,
}

impl Steps for Ended<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let mut ended = false;
		let outcome = self.steps.run(&mut |step, operator, bytes| {
			ended = self.gone.is_cancelled();
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
}
