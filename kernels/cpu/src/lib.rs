//! Fast CPU backend, bit-equal to the reference.
//!
//! [`CpuBackend`] runs every valid program and gives the bytes of `assay-reference` for every
//! input; its tests compare the two over random programs, with every instruction set that the
//! machine has and several numbers of threads.
//!
//! ```text
//! load: program -> plan: stages of rows, attention, single operators; weights packed
//! run:  batch -> parts of about 128 rows, side by side
//!       part  -> step after step; within a step, rows over threads
//! ```
//!
//! - [`isa`]: which instruction set the processor has, or which one a test holds it to.
//! - [`product`]: products of quantised rows by int8 weights and by quantised rows.
//! - `vector`, `table`: everything else that is done to rows.
//! - `plan`, `rows`, `attention`, `whole`: what a program becomes, and how its steps run.
//!
//! `unsafe` is in the inner loops of `product` and `table`, and where code compiled for an
//! instruction set is called, for which there must be a [`Processor`] that has it.

mod attention;
pub mod isa;
mod model;
mod plan;
pub mod product;
mod rows;
mod table;
mod vector;
mod whole;
mod workspace;

pub use isa::{InstructionSet, Processor};

use assay_program::{Backend, BackendError, Model, Program};
use assay_reference::ReferenceBackend;
use model::CpuModel;
use plan::Plan;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, OnceLock};

/// Packed weights of this size are never too large, whatever the size of the weights.
const PACKED_BYTES: usize = 64 << 20;

/// Computes programs on this machine's processor.
#[derive(Debug)]
pub struct CpuBackend {
	processor: Processor,
	maybe_threads: Option<usize>,
	pool: OnceLock<Arc<ThreadPool>>,
}

impl CpuBackend {
	/// A backend that uses `threads` threads, or as many as there are cores.
	pub fn new(threads: Option<usize>) -> Self {
		Self::with_processor(threads, Processor::detect())
	}

	/// A backend that keeps to one instruction set.
	pub fn with_processor(threads: Option<usize>, processor: Processor) -> Self {
		let maybe_threads = threads.map(|threads| threads.max(1));
		Self { processor, maybe_threads, pool: OnceLock::new() }
	}

	/// The instruction set in use.
	pub fn instruction_set(&self) -> InstructionSet {
		self.processor.set()
	}

	/// The threads, started when they are first needed.
	fn pool(&self) -> Result<Arc<ThreadPool>, BackendError> {
		if let Some(pool) = self.pool.get() {
			return Ok(pool.clone());
		}
		let builder = ThreadPoolBuilder::new()
			.num_threads(self.maybe_threads.unwrap_or(0))
			.thread_name(|number| format!("assay-cpu-{number}"));
		let pool = builder.build().map_err(|error| BackendError::Device(error.to_string()))?;
		Ok(self.pool.get_or_init(|| Arc::new(pool)).clone())
	}
}

impl Backend for CpuBackend {
	fn name(&self) -> &'static str {
		"cpu"
	}

	fn load(
		&self,
		program: Arc<Program>,
		weights: Arc<[u8]>,
	) -> Result<Arc<dyn Model>, BackendError> {
		program.validate()?;
		if plan::packed_bytes(&program) > weights.len().saturating_mul(2).max(PACKED_BYTES) {
			// A program made so that its weights do not pack well: not worth its memory.
			return ReferenceBackend.load(program, weights);
		}
		let plan = Plan::compile(program, weights)?;
		Ok(Arc::new(CpuModel::new(plan, self.processor, self.pool()?)))
	}
}
