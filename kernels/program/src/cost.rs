//! Sizes and compute units as a function of the parameters.

use crate::{
	limits,
	tensor::{Coefficients, Polynomial, StepShape},
	Parameters, Sampling, ShapeError,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Multiply-accumulates in one compute unit.
pub const MACS_PER_UNIT: u64 = 1 << 20;
/// What an operator costs in each step beside its elements, in multiply-accumulates: a backend
/// has to get to it, however small its tensors are.
pub const OPERATOR_MACS: u64 = 4_096;
/// What the hash of [`Operator::Draw`](crate::Operator::Draw) costs for each row.
pub const DRAW_MACS: u64 = 1_024;

/// All that the chain needs to know of a program when a job comes in. Kept beside the program.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CostForm {
	/// Number of the program's semantics.
	pub semantics: u32,
	/// Largest batch.
	pub max_batch: u32,
	/// Longest context: positions of the input, and of all steps after the first.
	pub max_sequence: u32,
	/// Most steps; one for an encoder.
	pub max_steps: u32,
	/// Whether tokens are drawn.
	pub sampling: bool,
	/// Price of one step in multiply-accumulates.
	pub macs: Coefficients,
	/// Bytes of the input blob.
	pub input_bytes: Coefficients,
	/// Bytes of the output tensor of one step.
	pub output_bytes: Coefficients,
}

impl CostForm {
	/// Whether parameters are within the program's limits.
	pub fn check(&self, parameters: &Parameters) -> Result<(), ShapeError> {
		let within = |value: u32, limit: u32| (1..=limit).contains(&value);
		if !within(parameters.batch, self.max_batch) {
			return Err(ShapeError::Batch);
		}
		if !within(parameters.sequence, self.max_sequence) {
			return Err(ShapeError::Sequence);
		}
		if !within(parameters.max_steps, self.max_steps) {
			return Err(ShapeError::Steps);
		}
		let later_steps = parameters.max_steps.saturating_sub(1);
		if parameters.sequence.saturating_add(later_steps) > self.max_sequence {
			return Err(ShapeError::Steps);
		}
		match &parameters.sampling {
			Some(sampling) if !self.sampling || !sampling.is_possible() => {
				Err(ShapeError::Sampling)
			},
			_ => Ok(()),
		}
	}

	/// Exact length of the input blob, in bytes.
	pub fn input_length(&self, parameters: &Parameters) -> u64 {
		Polynomial(self.input_bytes).at(StepShape::of(parameters, 0))
	}

	/// Largest length of the output data, in bytes.
	pub fn output_length(&self, parameters: &Parameters) -> u64 {
		Polynomial(self.output_bytes)
			.at(StepShape::of(parameters, 0))
			.saturating_mul(parameters.max_steps.into())
	}

	/// Compute units of a run of `count` steps, rounded up, never less than one.
	pub fn units(&self, parameters: &Parameters, count: u32) -> u64 {
		Polynomial(self.macs)
			.over_steps(parameters.batch, parameters.sequence, count)
			.div_ceil(MACS_PER_UNIT)
			.max(1)
	}

	/// Number of the program's semantics.
	pub fn semantics(&self) -> u32 {
		self.semantics
	}
}

impl Sampling {
	/// Whether its numbers are within the limits of the operators that use them.
	fn is_possible(&self) -> bool {
		let Self { temperature_q16, top_k, top_p_q16, seed: _ } = self;
		(1..=limits::MAX_TEMPERATURE).contains(temperature_q16)
			&& *top_k <= limits::MAX_VOCABULARY
			&& (1..=limits::ALL_OF_THE_MASS).contains(top_p_q16)
	}
}
