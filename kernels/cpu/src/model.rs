//! A loaded program, and how it runs.

use crate::{
	attention::Cache,
	isa::Processor,
	plan::{Plan, Step},
	rows::Place,
	team::Team,
	whole::Whole,
	workspace::{Head, Layout, Pool, Scratch, Store, Workspace},
};
use assay_program::{BackendError, Model, Outcome, Parameters};
use assay_reference::element;
use core::ops::Range;
use std::{ops::ControlFlow, sync::Arc};

/// Rows that a part of a batch has at least: enough for every thread's rows to pay for widening
/// weights, few enough that what is between two steps stays in its cache.
const PART_ROWS: usize = 128;

/// Rows that a decoder's step has at once, at most where an input has no more by itself.
const STEP_ROWS: usize = 1024;

/// Threads, and the memory that runs on them use again, whichever model they are of: what is kept
/// is bounded by the number of threads, not by that of loaded models.
#[derive(Debug)]
pub(crate) struct Machine {
	team: Team,
	workspaces: Pool<Workspace>,
	scratch: Pool<Scratch>,
}

impl Machine {
	pub(crate) fn new(team: Team) -> Self {
		let count = team.size();
		Self { team, workspaces: Pool::new(count), scratch: Pool::new(count) }
	}

	pub(crate) fn team(&self) -> &Team {
		&self.team
	}

	pub(crate) fn workspaces(&self) -> &Pool<Workspace> {
		&self.workspaces
	}

	pub(crate) fn scratch(&self) -> &Pool<Scratch> {
		&self.scratch
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

	/// Runs a checked input of an encoder. Inputs of a batch do not touch each other, so each part
	/// of it runs on its own, several of them side by side.
	fn encode(&self, input: &[i32], parameters: &Parameters) -> Result<Vec<u8>, BackendError> {
		let sequence = parameters.sequence as usize;
		let at_once = PART_ROWS.div_ceil(sequence);
		let parts: Vec<&[i32]> = input.chunks(at_once * sequence).collect();
		let (team, all) = (&self.machine.team, self.machine.team.size());
		// Where parts fall evenly on threads, each part has its own; at the rest all work together.
		let many = parts.len() >= 4 * all;
		let even = if many { parts.len() } else { parts.len() / all * all };
		let (beside, rest) = parts.split_at(even);
		let skips_padding = self.plan.greedy.skips_padding;
		let run = |part: &[i32], threads: usize| {
			let layout = Layout::of_encoder(part, parameters, skips_padding);
			self.machine
				.workspaces
				.lend(|workspace| self.run_step(false, &layout, threads, workspace, None, to_bytes))
		};
		let mut outputs = team.map(beside.to_vec(), |part| run(part, 1));
		outputs.extend(rest.iter().map(|part| run(part, all)));
		let outputs: Result<Vec<Vec<u8>>, BackendError> = outputs.into_iter().collect();
		outputs.map(|outputs| outputs.concat())
	}

	/// Runs a checked input of a decoder, and emits the tokens of each step.
	fn decode(
		&self,
		input: Vec<i32>,
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		let program = &self.plan.program;
		let (batch, sequence) = (parameters.batch as usize, parameters.sequence as usize);
		let capacity = sequence + parameters.max_steps.saturating_sub(1) as usize;
		let samples = parameters.sampling.is_some();
		let attentions = self.plan.attentions(samples);
		let mut run = Decoding {
			caches: attentions.map(|attention| attention.cache(batch, capacity)).collect(),
			layout: Layout { sampling: parameters.sampling.clone(), ..Layout::default() },
			ids: input,
			tokens: Vec::with_capacity(batch),
		};
		let mut data = Vec::new();
		for step in 0..parameters.max_steps {
			let (positions, past) = match step {
				0 => (sequence, 0),
				later => (1, sequence + later as usize - 1),
			};
			run.layout.step = step;
			let turn = self.machine.team.turn();
			self.decode_step(&mut run, samples, positions, past)?;
			drop(turn);
			let bytes = to_bytes(&run.tokens);
			data.extend_from_slice(&bytes);
			if emit(&bytes).is_break() {
				return Err(BackendError::Stopped);
			}
			let next = |token: &i32| element::next_id(*token, program.ends());
			run.ids.clear();
			run.ids.extend(run.tokens.iter().map(next));
			let count = step + 1;
			if count == parameters.max_steps || run.ids.iter().all(|id| *id < 0) {
				return Ok(Outcome::Output { count, data });
			}
		}
		// There is a step, and the last one ends the run.
		Err(BackendError::Unsupported("a job of no steps".into()))
	}

	/// A step of a decoder for all inputs, from `run.ids` to `run.tokens`.
	fn decode_step(
		&self,
		run: &mut Decoding,
		samples: bool,
		positions: usize,
		past: usize,
	) -> Result<(), BackendError> {
		let Decoding { caches, layout, ids, tokens } = run;
		let threads = self.machine.team.size();
		let at_once = (STEP_ROWS / positions).max(1);
		tokens.clear();
		self.machine.workspaces.lend(|workspace| {
			for (number, ids) in ids.chunks(at_once * positions).enumerate() {
				layout.first = number * at_once;
				layout.relay(ids, positions, past);
				let entries = layout.first..layout.first + layout.batch();
				let held = Some(Held { caches: &mut *caches, entries });
				self.run_step(samples, layout, threads, workspace, held, |chosen| {
					tokens.extend_from_slice(chosen);
				})?;
			}
			Ok(())
		})
	}

	/// Runs a step of the program, and gives its output to `take`.
	fn run_step<T>(
		&self,
		samples: bool,
		layout: &Layout,
		threads: usize,
		workspace: &mut Workspace,
		mut maybe_held: Option<Held<'_>>,
		take: impl FnOnce(&[i32]) -> T,
	) -> Result<T, BackendError> {
		let plan = &self.plan;
		workspace.reset(plan.tensors.len());
		let Machine { team, scratch, .. } = &*self.machine;
		let place = Place { processor: self.processor, threads, team, scratch };
		let mut attentions = 0;
		for scheduled in &plan.schedule(samples).steps {
			match &scheduled.step {
				Step::Rows(stage) => stage.run(plan, place, layout, workspace),
				Step::Attention(attention) => {
					let maybe_cache = maybe_held.as_mut().and_then(|held| held.heads(attentions));
					attention.run(plan, place, layout, workspace, maybe_cache);
					attentions += 1;
				},
				Step::Whole(number) => self.run_whole(*number, layout, workspace)?,
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
		let taken = take(output);
		workspace.release(plan.output);
		Ok(taken)
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
		let (words, _) = input.as_chunks::<4>();
		let ids: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
		if self.plan.program.is_decoder() {
			return self.decode(ids, parameters, emit);
		}
		let turn = self.machine.team.turn();
		let data = self.encode(&ids, parameters)?;
		drop(turn);
		if emit(&data).is_break() {
			return Err(BackendError::Stopped);
		}
		Ok(Outcome::Output { count: 1, data })
	}
}

/// What a decoder's run takes from step to step.
struct Decoding {
	/// For each attention of the schedule.
	caches: Vec<Cache>,
	layout: Layout,
	/// What the step begins with.
	ids: Vec<i32>,
	/// What the step chose.
	tokens: Vec<i32>,
}

/// What earlier steps left for some inputs of the batch.
struct Held<'a> {
	caches: &'a mut [Cache],
	entries: Range<usize>,
}

impl Held<'_> {
	/// That of an attention.
	fn heads(&mut self, attention: usize) -> Option<&mut [Head]> {
		Some(self.caches.get_mut(attention)?.of(self.entries.clone()))
	}
}

/// Little-endian bytes.
fn to_bytes(words: &[i32]) -> Vec<u8> {
	words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_reference::sample::{self, Shape, Style};

	/// What a small encoder comes to when its plan was changed.
	fn run(change: impl FnOnce(&mut Plan)) -> Result<Outcome, BackendError> {
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 1);
		let mut plan = Plan::compile(Arc::new(program), weights.into()).unwrap();
		change(&mut plan);
		let machine = Machine::new(Team::new(1).unwrap());
		let model = CpuModel::new(plan, Processor::detect(), Arc::new(machine));
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
