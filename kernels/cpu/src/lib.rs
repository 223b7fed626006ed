//! Fast CPU backend, bit-equal to the reference.
//!
//! [`CpuBackend`] runs every valid program and gives the bytes of `assay-reference` for every
//! input; its tests compare the two over random programs, with every instruction set that the
//! machine has and several numbers of threads.
//!
//! ```text
//! load:    program -> plan: stages of rows, attention, single operators; weights stay in place
//! encoder: batch -> parts of about 128 rows, side by side
//!          part  -> stage after stage; within a stage, rows over threads
//! decoder: prompt, then one position at a time -> stage after stage; within a stage, rows or
//!          columns of products over threads; keys and values of all positions kept in panels
//! ```
//!
//! - [`isa`]: which instruction set the processor has, or which one a test holds it to.
//! - [`product`]: products of quantised rows by int8 weights and by quantised rows.
//! - `vector`, `table`: everything else that is done to rows.
//! - `team`: the threads, and whose turn it is.
//! - `plan`, `rows`, `linear`, `attention`, `choice`, `whole`: what a program becomes, and how its
//!   steps run.
//! - `unfused`: operators one at a time, for traces.
//!
//! Memory: the weights as they were given, which may be a mapped file, the tensors that validation
//! counted, and a bounded amount per thread. A program whose tables or stages would take more is
//! left to the reference, and so is one of a form that no importer makes.
//!
//! `unsafe` is in the inner loops of `product` and `table`, where code compiled for an instruction
//! set is called, for which there must be a [`Processor`] that has it, and in one place of `team`,
//! which lends threads what lives no longer than their round.

mod attention;
mod choice;
mod cores;
pub mod isa;
mod linear;
mod model;
mod plan;
pub mod product;
mod rows;
mod table;
mod team;
mod unfused;
mod vector;
mod whole;
mod workspace;

pub use isa::{InstructionSet, Processor};
pub use unfused::{Unfused, Visit};

use assay_program::{Backend, BackendError, Bytes, Limits, Model, Parameters, Program};
use assay_reference::ReferenceBackend;
use model::{CpuModel, Machine};
use plan::Plan;
use std::{
	sync::{Arc, OnceLock},
	thread,
};
use team::Team;

/// Function tables of this size are never too large, whatever the size of the weights.
const TABLE_BYTES: usize = 64 << 20;
/// Tensors of this size are never too large, whatever a program promised.
const TENSOR_BYTES: u64 = 64 << 20;

/// Computes programs on this machine's processor.
#[derive(Debug)]
pub struct CpuBackend {
	processor: Processor,
	maybe_threads: Option<usize>,
	machine: OnceLock<Arc<Machine>>,
}

impl CpuBackend {
	/// A backend that uses `threads` threads, or as many as there are cores. The thread that asks
	/// for a run is one of them.
	pub fn new(threads: Option<usize>) -> Self {
		Self::with_processor(threads, Processor::detect())
	}

	/// A backend that keeps to one instruction set.
	pub fn with_processor(threads: Option<usize>, processor: Processor) -> Self {
		let maybe_threads = threads.map(|threads| threads.max(1));
		Self { processor, maybe_threads, machine: OnceLock::new() }
	}

	/// The instruction set in use.
	pub fn instruction_set(&self) -> InstructionSet {
		self.processor.set()
	}

	/// The threads, started when they are first needed.
	fn machine(&self) -> Result<Arc<Machine>, BackendError> {
		if let Some(machine) = self.machine.get() {
			return Ok(machine.clone());
		}
		let cores = || thread::available_parallelism().map_or(1, usize::from);
		let size = self.maybe_threads.unwrap_or_else(cores);
		let team = Team::new(size).map_err(|error| BackendError::Device(error.to_string()))?;
		Ok(self.machine.get_or_init(|| Arc::new(Machine::new(team))).clone())
	}
}

/// Whether a plan's tensors take more than validation promised of the program: a plan runs
/// operators together, and so holds some operands for longer.
fn is_greedy(plan: &Plan) -> Result<bool, BackendError> {
	let Limits { max_batch, max_sequence, .. } = plan.program.limits;
	let promised = plan.program.live_bytes(&Parameters::encoder(max_batch, max_sequence))?;
	Ok(plan.live_bytes(max_batch, max_sequence) > promised.max(TENSOR_BYTES))
}

impl Backend for CpuBackend {
	fn name(&self) -> &'static str {
		"cpu"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		program.validate()?;
		if plan::table_bytes(&program) > weights.len().saturating_mul(2).max(TABLE_BYTES) {
			// A program made so that its tables do not pack well: not worth its memory.
			return ReferenceBackend.load(program, weights);
		}
		let plan = match Plan::compile(program.clone(), weights.clone()) {
			Err(BackendError::Unsupported(_)) => return ReferenceBackend.load(program, weights),
			plan => plan?,
		};
		if is_greedy(&plan)? {
			return ReferenceBackend.load(program, weights);
		}
		Ok(Arc::new(CpuModel::new(plan, self.processor, self.machine()?)))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_program::{EmbedBy, Mask, Operator, TensorId};
	use assay_reference::sample::{self, Builder, Shape, Style};

	fn plan(program: Program) -> Plan {
		let weights = sample::weights(&program, Style::Plausible, 1);
		Plan::compile(Arc::new(program), weights.into()).unwrap()
	}

	#[test]
	fn an_encoder_takes_no_more_than_it_promises() {
		let small = Shape { vocabulary: 1_000, ..Shape::MINILM };
		for shape in [Shape::SMALL, small, Shape { max_batch: 1, ..small }] {
			let plan = plan(sample::encoder(&shape));
			let (batch, sequence) = (shape.max_batch, shape.max_sequence);
			let promised = plan.program.live_bytes(&Parameters::encoder(batch, sequence)).unwrap();
			let planned = plan.live_bytes(batch, sequence);
			assert!(planned <= promised, "{planned} of {promised}: {shape:?}");
		}
	}

	#[test]
	fn a_decoder_is_planned_and_takes_no_more_than_it_promises() {
		use assay_reference::sample::DecoderShape;
		let long = DecoderShape {
			max_sequence: 2_048,
			context_shift: 3,
			layers: 3,
			..DecoderShape::SMALL
		};
		for shape in [DecoderShape::SMALL, long] {
			let program = sample::decoder(&shape);
			let plan = plan(program);
			assert!(!is_greedy(&plan).unwrap());
			let (batch, sequence) = (shape.max_batch, shape.max_sequence);
			let promised = plan.program.live_bytes(&Parameters::encoder(batch, sequence)).unwrap();
			let planned = plan.live_bytes(batch, sequence);
			assert!(planned <= promised.max(1 << 20), "{planned} of {promised}: {shape:?}");
		}
	}

	/// Many attentions whose scores come first, each from queries of its own, and whose
	/// contexts come last.
	fn hoarder(count: usize) -> Program {
		let (width, heads) = (65_536, 16);
		let mut builder = Builder::new(Limits::encoder(1, 16));
		let ids = builder.push(Operator::Tokens { vocabulary: 3 });
		let (table, scales) = (builder.matrix(3, width), builder.vector(3));
		let by = EmbedBy::Token;
		let embedded = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
		let scored: Vec<TensorId> = (0..count)
			.map(|_| {
				let (query, query_max) = builder.quantise(embedded, heads, 8);
				let (key, key_max) = (query, query_max);
				let (shift, fraction) = (8, 16);
				let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction };
				builder.push(scores)
			})
			.collect();
		let (value, value_max) = builder.quantise(embedded, heads, 8);
		let mut output = embedded;
		for scores in scored {
			let max = builder.push(Operator::SoftmaxMax { scores, mask: Mask::None });
			let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask: Mask::None });
			let sum = builder.push(Operator::SoftmaxSum { exponentials });
			let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
			let weight =
				builder.push(Operator::ContextWeight { probabilities, value_max, fraction: 16 });
			let (weight, weight_max) = builder.quantise(weight, 1, 8);
			output = builder.push(Operator::Context {
				weight,
				weight_max,
				value,
				groups: heads,
				shift: 0,
				fraction: 16,
			});
		}
		builder.finish(output)
	}

	#[test]
	fn a_program_whose_plan_would_hoard_operands_is_not_planned() {
		let few = plan(hoarder(2));
		assert!(!is_greedy(&few).unwrap());
		let many = hoarder(60);
		// One after the other its queries take 2 MiB; the plan would hold all of them.
		assert!(many.live_bytes(&Parameters::encoder(1, 16)).unwrap() < 32 << 20);
		assert!(is_greedy(&plan(many)).unwrap());
	}

	#[test]
	fn every_copy_of_a_function_table_counts() {
		let mut builder = Builder::new(Limits::encoder(1, 1));
		let ids = builder.push(Operator::Tokens { vocabulary: 3 });
		let (rows, scales) = (builder.matrix(3, 4), builder.vector(3));
		let by = EmbedBy::Token;
		let mut value =
			builder.push(Operator::Embed { ids, table: rows, scales, by, fraction: 16 });
		let tables: Vec<_> = (0..8).map(|_| builder.vector(65_537)).collect();
		for shift in 1..=24 {
			for table in &tables {
				let base = assay_program::TableBase::Zero;
				let table = *table;
				value = builder.push(Operator::Table { value, table, shift, base, fraction: 16 });
			}
		}
		let program = builder.finish(value);
		program.validate().unwrap();
		assert!(plan::table_bytes(&program) > TABLE_BYTES);
	}
}
