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
use std::sync::Arc;

/// Rows that a part of a batch has at least: enough for every thread's rows to pay for widening
/// weights, few enough that what is between two steps stays in its cache.
const PART_ROWS: usize = 128;

/// A program with its weights, planned for this processor.
#[derive(Debug)]
pub(crate) struct CpuModel {
	plan: Plan,
	processor: Processor,
	threads: Arc<ThreadPool>,
	workspaces: Pool<Workspace>,
	scratch: Pool<Scratch>,
}

impl CpuModel {
	pub(crate) fn new(plan: Plan, processor: Processor, threads: Arc<ThreadPool>) -> Self {
		let count = threads.current_num_threads();
		let (workspaces, scratch) = (Pool::new(count), Pool::new(count));
		Self { plan, processor, threads, workspaces, scratch }
	}

	/// Runs a checked input. Inputs of a batch do not touch each other, so each part of it runs on
	/// its own, several of them side by side.
	fn run_batch(&self, input: &[u8], parameters: &Parameters) -> Result<Vec<u8>, BackendError> {
		let sequence = parameters.sequence as usize;
		let at_once = PART_ROWS.div_ceil(sequence);
		let parts: Vec<&[u8]> = input.chunks(at_once * sequence * 4).collect();
		let all = self.threads.current_num_threads();
		// Where parts fall evenly on threads, each part has its own; else they help each other.
		let even = parts.len().is_multiple_of(all) || parts.len() >= 4 * all;
		let threads = if even { 1 } else { all };
		let run = |part: &[u8]| self.workspaces.lend(|w| self.run_part(part, sequence, threads, w));
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
		let place = Place { processor: self.processor, threads, scratch: &self.scratch };
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
	fn run(&self, input: &[u8], parameters: &Parameters) -> Result<Outcome, BackendError> {
		if let Err(code) = self.plan.program.validate_input(input, parameters) {
			return Ok(Outcome::Invalid(code));
		}
		let data = self.threads.install(|| self.run_batch(input, parameters))?;
		Ok(Outcome::Output { count: 1, data })
	}
}
