//! The reference behind the executor's seam: slow, and right by definition.

use crate::{run, HostError};
use assay_program::{Backend, BackendError, Model, Outcome, Parameters, Program};
use std::sync::Arc;

/// Runs programs by [`run()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceBackend;

struct Loaded {
	program: Arc<Program>,
	weights: Arc<[u8]>,
}

impl Backend for ReferenceBackend {
	fn name(&self) -> &'static str {
		"reference"
	}

	fn load(
		&self,
		program: Arc<Program>,
		weights: Arc<[u8]>,
	) -> Result<Arc<dyn Model>, BackendError> {
		program.validate()?;
		let (expected, actual) = (program.weights_length(), weights.len() as u64);
		if expected != actual {
			return Err(BackendError::WeightsLength { expected, actual });
		}
		Ok(Arc::new(Loaded { program, weights }))
	}
}

impl Model for Loaded {
	fn run(&self, input: &[u8], parameters: &Parameters) -> Result<Outcome, BackendError> {
		run(&self.program, &self.weights, input, parameters).map_err(BackendError::from)
	}
}

impl From<HostError> for BackendError {
	fn from(error: HostError) -> Self {
		match error {
			HostError::Program(error) => Self::Program(error),
			HostError::WeightsLength { expected, actual } => {
				Self::WeightsLength { expected, actual }
			},
			HostError::Inconsistent { .. } => Self::Device(error.to_string()),
		}
	}
}
