//! Golden vectors: programs with weights, inputs and the only right answers.
//!
//! The files under `golden/` are complete, so that a backend or an implementation in another
//! language needs nothing else. Each is the SCALE encoding of a [`Vector`]. They change only with
//! the semantics; `ASSAY_GOLDEN=write cargo nextest run -p assay-reference golden` writes them.

use alloc::{string::String, vec::Vec};
use assay_program::{merkle, Hash, Outcome, Parameters, Program};
use codec::{Decode, DecodeAll, Encode};
use core::fmt;

/// One program, one input, one right answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Vector {
	/// What it is about.
	pub name: String,
	/// Bytes of the program.
	pub program: Vec<u8>,
	/// The weights blob.
	pub weights: Vec<u8>,
	/// The input blob.
	pub input: Vec<u8>,
	/// Shape of the input.
	pub parameters: Parameters,
	/// Blob digest of what each operator of each step makes, in order; none for an invalid input.
	pub tensors: Vec<Hash>,
	/// The answer.
	pub outcome: Outcome,
}

impl Vector {
	/// The vector for an input, by the reference.
	pub fn compute(
		name: &str,
		program: &Program,
		weights: Vec<u8>,
		input: Vec<u8>,
		parameters: Parameters,
	) -> Result<Self, crate::HostError> {
		let mut tensors = Vec::new();
		let outcome = crate::trace(program, &weights, &input, &parameters, |_, _, bytes| {
			tensors.push(merkle::blob(bytes));
		})?;
		let program = program.encode();
		let name = name.into();
		Ok(Self { name, program, weights, input, parameters, tensors, outcome })
	}
}

/// The files under `golden/`, by name.
pub const FILES: [(&str, &[u8]); 25] = [
	("layer", include_bytes!("../golden/layer.scale")),
	("eight_bits", include_bytes!("../golden/eight_bits.scale")),
	("two_layers", include_bytes!("../golden/two_layers.scale")),
	("one_token", include_bytes!("../golden/one_token.scale")),
	("random_weights", include_bytes!("../golden/random_weights.scale")),
	("extreme_weights", include_bytes!("../golden/extreme_weights.scale")),
	("extreme_eight_bits", include_bytes!("../golden/extreme_eight_bits.scale")),
	("invalid_shape", include_bytes!("../golden/invalid_shape.scale")),
	("invalid_token", include_bytes!("../golden/invalid_token.scale")),
	("invalid_padding", include_bytes!("../golden/invalid_padding.scale")),
	("decoder_greedy", include_bytes!("../golden/decoder_greedy.scale")),
	("decoder_sampled", include_bytes!("../golden/decoder_sampled.scale")),
	("decoder_batch", include_bytes!("../golden/decoder_batch.scale")),
	("decoder_long", include_bytes!("../golden/decoder_long.scale")),
	("decoder_random", include_bytes!("../golden/decoder_random.scale")),
	("decoder_extreme", include_bytes!("../golden/decoder_extreme.scale")),
	("decoder_padding", include_bytes!("../golden/decoder_padding.scale")),
	("network", include_bytes!("../golden/network.scale")),
	("network_random", include_bytes!("../golden/network_random.scale")),
	("network_extreme", include_bytes!("../golden/network_extreme.scale")),
	("network_shape", include_bytes!("../golden/network_shape.scale")),
	("causal", include_bytes!("../golden/causal.scale")),
	("decoder_wide", include_bytes!("../golden/decoder_wide.scale")),
	("decoder_shifted", include_bytes!("../golden/decoder_shifted.scale")),
	("decoder_unusual", include_bytes!("../golden/decoder_unusual.scale")),
];

/// All golden vectors. An entry is `None` where a file is damaged.
pub fn vectors() -> impl Iterator<Item = (&'static str, Option<Vector>)> {
	FILES.iter().map(|(name, bytes)| (*name, Vector::decode_all(&mut &**bytes).ok()))
}

/// Why a backend may not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelfTestError {
	/// A golden file is damaged.
	Damaged {
		/// The vector's name.
		vector: &'static str,
	},
	/// The backend gave another answer.
	Differs {
		/// The vector's name.
		vector: &'static str,
		/// The right output digest.
		expected: Hash,
		/// The backend's.
		actual: Hash,
	},
	/// The backend gave no answer.
	Failed {
		/// The vector's name.
		vector: &'static str,
		/// What it said.
		message: String,
	},
}

impl fmt::Display for SelfTestError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Damaged { vector } => write!(f, "golden vector {vector} is damaged"),
			Self::Differs { vector, .. } => {
				write!(f, "the backend's answer to golden vector {vector} is wrong")
			},
			Self::Failed { vector, message } => {
				write!(f, "the backend has no answer to golden vector {vector}: {message}")
			},
		}
	}
}

impl core::error::Error for SelfTestError {}

/// Runs every golden vector on a backend. A backend that fails must not serve.
#[cfg(feature = "std")]
pub fn self_test(backend: &dyn assay_program::Backend) -> Result<(), SelfTestError> {
	for (name, vector) in vectors() {
		let vector = vector.ok_or(SelfTestError::Damaged { vector: name })?;
		self_test_vector(backend, name, &vector)?;
	}
	Ok(())
}

#[cfg(feature = "std")]
fn self_test_vector(
	backend: &dyn assay_program::Backend,
	name: &'static str,
	vector: &Vector,
) -> Result<(), SelfTestError> {
	use alloc::string::ToString;

	let program = Program::decode_validated(&vector.program)
		.map_err(|_| SelfTestError::Damaged { vector: name })?;
	let failed = |error: assay_program::BackendError| SelfTestError::Failed {
		vector: name,
		message: error.to_string(),
	};
	let model = backend.load(program.into(), vector.weights.clone().into()).map_err(failed)?;
	let outcome = model.run(&vector.input, &vector.parameters).map_err(failed)?;
	if outcome != vector.outcome {
		let (expected, actual) = (vector.outcome.digest(), outcome.digest());
		return Err(SelfTestError::Differs { vector: name, expected, actual });
	}
	Ok(())
}
