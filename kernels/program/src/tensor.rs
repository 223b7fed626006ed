//! What is known of a tensor before a program runs.

use crate::{limits, OperatorError, Parameters};
use alloc::vec::Vec;
use codec::{Decode, Encode};

/// Number of the operator that makes the tensor; the first operator makes tensor 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct TensorId(pub u16);

/// Number of a tensor of the weights blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct WeightId(pub u16);

/// One dimension of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
	/// The same in every run.
	Fixed(u32),
	/// The batch of the parameters.
	Batch,
	/// Positions of the step.
	Sequence,
	/// Positions of the step and of all steps before it.
	Context,
}

impl Dim {
	/// Its size in a step.
	pub fn size(self, shape: StepShape) -> u32 {
		match self {
			Self::Fixed(size) => size,
			Self::Batch => shape.batch,
			Self::Sequence => shape.sequence,
			Self::Context => shape.context(),
		}
	}
}

/// What the sizes of a step's tensors depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepShape {
	/// Inputs that are computed together.
	pub batch: u32,
	/// Positions of the step.
	pub sequence: u32,
	/// Positions of the steps before it.
	pub past: u32,
}

impl StepShape {
	/// A first step: nothing is before it.
	pub fn first(batch: u32, sequence: u32) -> Self {
		Self { batch, sequence, past: 0 }
	}

	/// Step `step` of a job: the whole input first, then one position at a time.
	pub fn of(parameters: &Parameters, step: u32) -> Self {
		let Parameters { batch, sequence, .. } = *parameters;
		match step.checked_sub(1) {
			None => Self::first(batch, sequence),
			Some(later) => Self { batch, sequence: 1, past: sequence.saturating_add(later) },
		}
	}

	/// Positions of the step and of all steps before it.
	pub fn context(self) -> u32 {
		self.past.saturating_add(self.sequence)
	}
}

/// What the elements of a tensor are. Elements are stored little-endian, row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// int32 token ids, each below `vocabulary`, or -1 for padding.
	Tokens {
		/// Number of tokens.
		vocabulary: u32,
	},
	/// int32 fixed point: the real value is the element divided by `2^fraction`.
	Fixed {
		/// Fraction bits.
		fraction: u8,
	},
	/// int8. What an element stands for is its distance from a zero point, times a scale, and both
	/// are known to the importer alone.
	Affine,
	/// int16, each within `-Q..=Q` with `Q = 2^(bits-1) - 1`.
	Quantised {
		/// 8 or 12.
		bits: u8,
	},
}

impl Kind {
	/// Bytes of one element.
	pub fn element_bytes(self) -> u32 {
		match self {
			Self::Tokens { .. } | Self::Fixed { .. } => 4,
			Self::Quantised { .. } => 2,
			Self::Affine => 1,
		}
	}
}

/// `Q = 2^(bits-1) - 1`, the largest magnitude of a quantised element: 127 or 2047.
pub fn quantised_limit(bits: u8) -> i64 {
	match bits {
		8 => 127,
		_ => 2047,
	}
}

/// Kind and dimensions of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
	/// What its elements are.
	pub kind: Kind,
	/// Its dimensions, the last one contiguous.
	pub dims: Vec<Dim>,
}

impl TensorInfo {
	/// The last dimension.
	pub fn width(&self) -> Option<Dim> {
		self.dims.last().copied()
	}

	/// Elements in a step.
	pub fn elements(&self, shape: StepShape) -> u64 {
		self.dims.iter().fold(1u64, |count, dim| count.saturating_mul(dim.size(shape).into()))
	}

	/// Bytes in a step.
	pub fn bytes(&self, shape: StepShape) -> u64 {
		self.elements(shape).saturating_mul(self.kind.element_bytes().into())
	}

	pub(crate) fn check(&self) -> Result<(), OperatorError> {
		let too_wide = |dim: &Dim| matches!(dim, Dim::Fixed(size) if *size > limits::MAX_WIDTH);
		let empty = self.dims.contains(&Dim::Fixed(0));
		if self.dims.is_empty() || self.dims.len() > limits::MAX_RANK || empty {
			return Err(OperatorError::TooLarge);
		}
		if self.dims.iter().any(too_wide) {
			return Err(OperatorError::TooLarge);
		}
		Polynomial::of(&self.dims).map(|_| ())
	}
}

/// A count that depends on the shape of a step: `c0 + c1 * batch + c2 * batch * sequence +
/// c3 * batch * sequence * context`.
pub type Coefficients = [u64; 4];

/// Saturating arithmetic on [`Coefficients`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polynomial(pub(crate) Coefficients);

impl Polynomial {
	/// Number of elements of a tensor.
	pub(crate) fn of(dims: &[Dim]) -> Result<Self, OperatorError> {
		let mut count = 1u64;
		let (mut batches, mut sequences, mut contexts) = (0u32, 0u32, 0u32);
		for dim in dims {
			match dim {
				Dim::Fixed(size) => count = count.saturating_mul(u64::from(*size)),
				Dim::Batch => batches = batches.saturating_add(1),
				Dim::Sequence => sequences = sequences.saturating_add(1),
				Dim::Context => contexts = contexts.saturating_add(1),
			}
		}
		match (batches, sequences, contexts) {
			(0, 0, 0) => Ok(Self([count, 0, 0, 0])),
			(1, 0, 0) => Ok(Self([0, count, 0, 0])),
			(1, 1, 0) => Ok(Self([0, 0, count, 0])),
			(1, 1, 1) => Ok(Self([0, 0, 0, count])),
			_ => Err(OperatorError::Shape),
		}
	}

	pub(crate) fn plus(self, other: Self) -> Self {
		let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
		Self([a.saturating_add(e), b.saturating_add(f), c.saturating_add(g), d.saturating_add(h)])
	}

	pub(crate) fn times(self, factor: u64) -> Self {
		Self(self.0.map(|coefficient| coefficient.saturating_mul(factor)))
	}

	/// The value for one step, saturating.
	pub(crate) fn at(self, shape: StepShape) -> u64 {
		let batch = u64::from(shape.batch);
		let positions = batch.saturating_mul(shape.sequence.into());
		self.weighted([1, batch, positions, positions.saturating_mul(shape.context().into())])
	}

	/// The sum over the first `count` steps of a job, saturating: `sequence` positions in the
	/// first one, and one in each of the others.
	pub(crate) fn over_steps(self, batch: u32, sequence: u32, count: u32) -> u64 {
		let (batch, sequence, count) = (u64::from(batch), u64::from(sequence), u64::from(count));
		let Some(later) = count.checked_sub(1) else { return 0 };
		let positions = sequence.saturating_add(later);
		// Step `t` has one position for each of `sequence + t`: the sum of 1 to `later`, besides.
		let triangle = count.saturating_mul(later).div_euclid(2);
		let pairs = sequence.saturating_mul(positions).saturating_add(triangle);
		self.weighted([
			count,
			batch.saturating_mul(count),
			batch.saturating_mul(positions),
			batch.saturating_mul(pairs),
		])
	}

	fn weighted(self, weights: Coefficients) -> u64 {
		let products = self.0.into_iter().zip(weights);
		products.fold(0u64, |sum, (coefficient, weight)| {
			sum.saturating_add(coefficient.saturating_mul(weight))
		})
	}
}
