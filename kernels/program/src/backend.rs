//! The seam between the executor and whatever computes.

use crate::{Outcome, Parameters, Program};
use bytes::Bytes;
use std::{fmt, ops::ControlFlow, sync::Arc};

/// Something that computes programs, byte for byte as the reference does.
pub trait Backend: Send + Sync {
	/// Short name: `reference`, `cpu`, `cuda`.
	fn name(&self) -> &'static str;

	/// Makes a program and its weights ready to run. The weights may be a mapped file
	/// ([`Bytes::from_owner`]).
	fn load(&self, program: Arc<Program>, weights: Bytes) -> Result<Arc<dyn Model>, BackendError>;

	/// How many jobs it is best given at once, at least one. A backend that has all of a machine
	/// work on one job has nothing to gain from a second.
	fn jobs_at_once(&self) -> usize {
		1
	}
}

/// A program with its weights, ready to run.
pub trait Model: Send + Sync {
	/// Runs one input, and calls `emit` with what each step emits as soon as it is there. Every
	/// input of a valid program has an outcome; errors are the machine's.
	///
	/// [`ControlFlow::Break`] ends the run with [`BackendError::Stopped`]. An invalid input emits
	/// nothing.
	fn stream(
		&self,
		input: &[u8],
		parameters: &Parameters,
		emit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
	) -> Result<Outcome, BackendError>;

	/// [`Self::stream`] to the end.
	fn run(&self, input: &[u8], parameters: &Parameters) -> Result<Outcome, BackendError> {
		self.stream(input, parameters, &mut |_| ControlFlow::Continue(()))
	}
}

/// Why a backend could not compute. It never says anything about the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendError {
	/// The program does not pass validation.
	Program(crate::ProgramError),
	/// The weights blob has another length than the program says.
	WeightsLength {
		/// Bytes that the program asks for.
		expected: u64,
		/// Bytes that are there.
		actual: u64,
	},
	/// The program uses something this backend does not have.
	Unsupported(String),
	/// The machine lacks memory for it.
	OutOfMemory,
	/// The device failed.
	Device(String),
	/// Whoever listened to the run ended it.
	Stopped,
}

impl fmt::Display for BackendError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Program(error) => write!(f, "the program is not valid: {error}"),
			Self::WeightsLength { expected, actual } => {
				write!(f, "the weights blob has {actual} bytes, the program asks for {expected}")
			},
			Self::Unsupported(what) => write!(f, "this backend does not support {what}"),
			Self::OutOfMemory => f.write_str("not enough memory"),
			Self::Device(what) => write!(f, "the device failed: {what}"),
			Self::Stopped => f.write_str("the run was ended before its last step"),
		}
	}
}

impl std::error::Error for BackendError {}

impl From<crate::ProgramError> for BackendError {
	fn from(error: crate::ProgramError) -> Self {
		Self::Program(error)
	}
}
