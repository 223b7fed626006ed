//! The reference behind the executor's seam: slow, and right by definition.

use crate::{stream, HostError};
use assay_program::{Backend, BackendError, Bytes, Model, Outcome, Parameters, Program};
use std::{ops::ControlFlow, sync::Arc};

/// Runs programs by [`run()`](crate::run()).
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceBackend;

struct Loaded {
	program: Arc<Program>,
	weights: Bytes,
}

impl Backend for ReferenceBackend {
	fn name(&self) -> &'static str {
		"reference"
	}

	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError> {
		program.validate()?;
		let (expected, actual) = (program.weights_length(), weights.len() as u64);
		if expected != actual {
			return Err(BackendError::WeightsLength { expected, actual });
		}
		Ok(Arc::new(Loaded { program, weights }))
	}
}

impl Model for Loaded {
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError> {
		stream(&self.program, &self.weights, input, parameters, emit).map_err(BackendError::from)
	}
}

impl From<HostError> for BackendError {
	fn from(error: HostError) -> Self {
		match error {
			HostError::Program(error) => Self::Program(error),
			HostError::WeightsLength { expected, actual } => {
				Self::WeightsLength { expected, actual }
			},
			HostError::Stopped => Self::Stopped,
			HostError::Inconsistent { .. } => Self::Device(error.to_string()),
		}
	}
}
