//! A loaded program, and how it runs.

use crate::{
	isa::Processor,
	plan::{Plan, Step},
	rows::Place,
	whole::Whole,
	workspace::{Layout, Pool, Scratch, Store, Workspace},
};
use assay_program::{BackendError, Model, Outcome, Parameters};
use rayon::{prelude::*, ThreadPool};
use std::{ops::ControlFlow, sync::Arc};

/// Rows that a part of a batch has at least: enough for every thread's rows to pay for widening
/// weights, few enough that what is between two steps stays in its cache.
const PART_ROWS: usize = 128;

/// Threads, and the memory that runs on them use again, whichever model they are of: what is kept
/// is bounded by the number of threads, not by that of loaded models.
#[derive(Debug)]
pub(crate) struct Machine {
	threads: ThreadPool,
	workspaces: Pool<Workspace>,
	scratch: Pool<Scratch>,
}

impl Machine {
	pub(crate) fn new(threads: ThreadPool) -> Self {
		let count = threads.current_num_threads();
		Self { threads, workspaces: Pool::new(count), scratch: Pool::new(count) }
	}
}

/// A program with its weights, planned for this processor.
#[derive(Debug)]
pub(crate) struct CpuModel {
	plan: Plan,
	processor: Processor,
	machine: Arc<Machine>,
}

impl CpuModel {
	pub(crate) fn new(plan: Plan, processor: Processor, machine: Arc<Machine>) -> Self {
		Self { plan, processor, machine }
	}

	/// Runs a checked input. Inputs of a batch do not touch each other, so each part of it runs on
	/// its own, several of them side by side.
	fn run_batch(&self, input: &[u8], parameters: &Parameters) -> Result<Vec<u8>, BackendError> {
		let sequence = parameters.sequence as usize;
		let at_once = PART_ROWS.div_ceil(sequence);
		let parts: Vec<&[u8]> = input.chunks(at_once * sequence * 4).collect();
		let all = self.machine.threads.current_num_threads();
		// Where parts fall evenly on threads, each part has its own; else they help each other.
		let even = parts.len().is_multiple_of(all) || parts.len() >= 4 * all;
		let threads = if even { 1 } else { all };
		let run = |part: &[u8]| {
			self.machine.workspaces.lend(|w| self.run_part(part, sequence, threads, w))
		};
		let outputs: Result<Vec<Vec<u8>>, BackendError> = if parts.len() > 1 {
			parts.into_par_iter().map(run).collect()
		} else {
			parts.into_iter().map(run).collect()
		};
		outputs.map(|outputs| outputs.concat())
	}

	fn run_part(
		&self,
		input: &[u8],
		sequence: usize,
		threads: usize,
		workspace: &mut Workspace,
	) -> Result<Vec<u8>, BackendError> {
		let plan = &self.plan;
		let layout = Layout::new(input, sequence, plan.skips_padding);
		workspace.reset(plan.tensors.len());
		let place = Place { processor: self.processor, threads, scratch: &self.machine.scratch };
		for scheduled in &plan.steps {
			match &scheduled.step {
				Step::Rows(stage) => stage.run(plan, place, &layout, workspace),
				Step::Attention(attention) => attention.run(plan, place, &layout, workspace),
				Step::Whole(number) => self.run_whole(*number, &layout, workspace)?,
			}
			for tensor in &scheduled.releases {
				workspace.release(*tensor);
			}
		}
		let output = workspace.tensor(plan.output).words();
		// Bytes that are not the output must never be taken for it: they would be committed.
		if output.is_empty() || output.len() != layout.elements(&plan.tensors[plan.output].dims) {
			return Err(BackendError::Unsupported(format!("output of tensor {}", plan.output)));
		}
		let bytes = output.iter().flat_map(|value| value.to_le_bytes()).collect();
		workspace.release(plan.output);
		Ok(bytes)
	}

	fn run_whole(
		&self,
		number: usize,
		layout: &Layout,
		workspace: &mut Workspace,
	) -> Result<(), BackendError> {
		let plan = &self.plan;
		let info = &plan.tensors[number];
		let mut out = workspace.make(info, layout.count(&info.dims));
		let whole = Whole { processor: self.processor, plan, layout, workspace };
		let done = match &mut out {
			Store::Words(words) => whole.run(number, words),
			_ => None,
		};
		workspace.tensors[number] = out;
		done.ok_or_else(|| BackendError::Unsupported(format!("operator {number}")))
	}
}

impl Model for CpuModel {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		if let Err(code) = self.plan.program.validate_input(input, parameters) {
			return Ok(Outcome::Invalid(code));
		}
		let data = self.machine.threads.install(|| self.run_batch(input, parameters))?;
		if emit(&data).is_break() {
			return Err(BackendError::Stopped);
		}
		Ok(Outcome::Output { count: 1, data })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_reference::sample::{self, Shape, Style};
	use rayon::ThreadPoolBuilder;

	/// What a small encoder comes to when its plan was changed.
	fn run(change: impl FnOnce(&mut Plan)) -> Result<Outcome, BackendError> {
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 1);
		let mut plan = Plan::compile(Arc::new(program), weights.into()).unwrap();
		change(&mut plan);
		let threads = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
		let model = CpuModel::new(plan, Processor::detect(), Arc::new(Machine::new(threads)));
		model.run(&sample::input(Shape::SMALL.vocabulary, 3, 7, 1), &Parameters::encoder(3, 7))
	}

	#[test]
	fn an_output_that_is_not_there_or_of_another_length_is_an_error() {
		assert!(matches!(run(|_| {}), Ok(Outcome::Output { count: 1, .. })));
		// Made by no step, as `Stop` is, and gone after its last use.
		for output in [|plan: &Plan| plan.tensors.len() - 2, |_: &Plan| 5] {
			let outcome = run(|plan| plan.output = output(plan));
			assert!(matches!(outcome, Err(BackendError::Unsupported(_))), "{outcome:?}");
		}
		let outcome = run(|plan| {
			let output = plan.output;
			plan.tensors[output].dims.pop();
		});
		assert!(outcome.is_err(), "{outcome:?}");
	}
}
