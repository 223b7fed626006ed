//! Traces of runs whose operators go one at a time by kernels are those of the reference, with any
//! number of threads.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod common;

use assay_cpu::{CpuBackend, Unfused};
use assay_program::{BackendError, Outcome};
use assay_reference::sample::Generator;
use assay_trace::{Position, Question, Steps, Tracer, Visit, Work};
use common::{Full, Job};
use std::{
	ops::ControlFlow,
	sync::atomic::{AtomicUsize, Ordering},
	sync::Arc,
};

/// Runs by kernels, and counts what is done side by side.
struct Kernels<'a> {
	job: &'a Job,
	unfused: &'a Unfused,
	pieces: &'a AtomicUsize,
}

impl Steps for Kernels<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		match self.unfused.trace(&self.job.input, &self.job.parameters, visit) {
			Ok(outcome) => Ok(Some(outcome)),
			Err(BackendError::Stopped) => Ok(None),
			Err(error) => Err(error.to_string()),
		}
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		self.pieces.fetch_add(count, Ordering::Relaxed);
		self.unfused.side_by_side(count, work);
	}
}

fn unfused(job: &Job, threads: usize) -> Unfused {
	let (program, weights) = (Arc::new(job.program.clone()), job.weights.clone().into());
	CpuBackend::new(Some(threads)).unfused(program, weights).unwrap()
}

#[test]
fn a_trace_by_kernels_is_that_of_the_reference() {
	let mut generator = Generator::new(11);
	let (pieces, mut by_kernels) = (AtomicUsize::new(0), 0);
	for seed in 0..44 {
		let job = common::any(seed);
		let Job { program, weights, input, parameters, .. } = &job;
		let full = Full::of(&job);
		let unfused = unfused(&job, 1 + seed as usize % 3);
		by_kernels += usize::from(unfused.has_kernels());
		let kernels = Kernels { job: &job, unfused: &unfused, pieces: &pieces };
		let tracer = Tracer::new(job.layout(), kernels, weights, input).unwrap();
		assert_eq!((tracer.body(), tracer.claim()), (full.roots.body, full.claim), "{}", job.name);
		assert_eq!((tracer.roots(), tracer.output()), (full.roots, &full.output[..]));

		let reference = Tracer::reference(program, weights, input, parameters).unwrap();
		let layout = tracer.layout();
		for _ in 0..3 {
			let step = generator.below(full.claim.count());
			let operator = generator.below(layout.operators());
			let element = u64::from(generator.below(layout.elements(step, operator) as u32));
			let part = layout.first_part(step, operator);
			let position = Position { step, operator, element, part };
			let (index, _) = layout.leaf_of(step, operator, element).unwrap();
			for question in [
				Question::Children { level: 1, position: index >> 8 },
				Question::Leaf { index },
				Question::Openings { position },
			] {
				assert_eq!(tracer.answer(&question), reference.answer(&question), "{question:?}");
			}
		}
	}
	assert!(by_kernels > 25 && pieces.into_inner() > 100, "{by_kernels}");
}

/// Steps that are shown in another order, or not all of them.
struct Shuffled<'a>(Kernels<'a>, usize);

impl Steps for Shuffled<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> Result<Option<Outcome>, String> {
		let mut held = None;
		self.0.run(&mut |step, operator, bytes| {
			if operator == self.1 {
				held = Some(bytes.to_vec());
				return ControlFlow::Continue(());
			}
			if visit(step, operator, bytes).is_break() {
				return ControlFlow::Break(());
			}
			match held.take() {
				Some(bytes) => visit(step, operator - 1, &bytes),
				None => ControlFlow::Continue(()),
			}
		})
	}
}

#[test]
fn tensors_out_of_order_have_no_trace() {
	let job = common::encoder(3);
	let (unfused, pieces) = (unfused(&job, 2), AtomicUsize::new(0));
	for operator in [1, 2, job.program.operators.len() - 4] {
		let kernels = Kernels { job: &job, unfused: &unfused, pieces: &pieces };
		let shuffled = Shuffled(kernels, operator);
		assert!(Tracer::new(job.layout(), shuffled, &job.weights, &job.input).is_err());
	}
}
