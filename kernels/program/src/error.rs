//! Why a program or a shape is refused.

use core::fmt;

/// Why a program is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
	/// The encoding is longer than [`MAX_PROGRAM_BYTES`](crate::MAX_PROGRAM_BYTES).
	TooLong,
	/// The bytes are not the SCALE encoding of a program, or more follow it.
	Encoding,
	/// Its semantics are unknown here.
	Semantics(u32),
	/// A limit on batch, sequence or steps is zero or above what is allowed: one step for an
	/// encoder.
	Limits,
	/// It has more operators than [`MAX_OPERATORS`](crate::limits::MAX_OPERATORS).
	TooManyOperators,
	/// It has more weight tensors than [`MAX_WEIGHTS`](crate::limits::MAX_WEIGHTS).
	TooManyWeights,
	/// A weight tensor has no dimension, too many, a zero one or one that is too large.
	Weight {
		/// Its number.
		weight: u32,
	},
	/// The weights blob would exceed [`MAX_WEIGHTS_BYTES`](crate::limits::MAX_WEIGHTS_BYTES).
	WeightsTooLarge,
	/// An operator is not well formed.
	Operator {
		/// Its number.
		operator: u32,
		/// What is wrong.
		reason: OperatorError,
	},
	/// It does not begin with its input and end with `Stop` and `Emit`.
	Frame,
	/// The largest shape costs more than [`MAX_UNITS`](crate::limits::MAX_UNITS).
	TooMuchWork,
	/// The largest shape needs more than [`MAX_LIVE_BYTES`](crate::limits::MAX_LIVE_BYTES).
	TooMuchMemory,
}

/// Why an operator is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorError {
	/// It reads a tensor that no earlier operator makes.
	UnknownTensor,
	/// It reads a weight tensor that is not declared.
	UnknownWeight,
	/// An operand is of another kind: tokens, fixed point, quantised, or int8 and int32 weights.
	Kind,
	/// Dimensions of the operands do not fit each other.
	Shape,
	/// A dimension is too large, or a tensor has too many.
	TooLarge,
	/// Fraction bits of operands or output do not fit.
	Fraction,
	/// A row is quantised to something else than 8 or 12 bits.
	Bits,
	/// A shift count is outside its range.
	Shift,
	/// A sum of products could leave int32.
	Overflow,
	/// A table of embeddings has fewer rows than there are tokens or positions.
	Rows,
	/// A function table does not have an even number of intervals within its limit.
	Table,
	/// An input, `Stop` or `Emit` stands where it may not, or a decoder emits something else than
	/// the token it goes on with.
	Frame,
	/// A decoder has an operator for padding, which its input cannot have, or a softmax without a
	/// causal mask over its context. Other operators along the context are not looked at: they
	/// have defined results, if not those of a longer prompt.
	Decoder,
	/// The token that a decoder goes on with is not made by `Choose`, which keeps ended rows ended.
	Next,
	/// Tokens are drawn twice. The numbers that they are drawn by would be the same.
	Draws,
	/// There are too many end tokens, one is outside the vocabulary, or nothing they could end.
	Ends,
	/// The referee would have to open too many bytes for one element or block.
	Opening,
}

/// Why parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
	/// The batch is zero or above the program's limit.
	Batch,
	/// The sequence is zero or above the program's limit.
	Sequence,
	/// The number of steps is zero or above the program's limit, or the last step's position is.
	Steps,
	/// The program draws no tokens, or not with such numbers.
	Sampling,
}

impl fmt::Display for ProgramError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::TooLong => f.write_str("the program is too long"),
			Self::Encoding => f.write_str("the bytes are not a program"),
			Self::Semantics(number) => write!(f, "semantics {number} are unknown"),
			Self::Limits => f.write_str("a limit of batch, sequence or steps is zero or too large"),
			Self::TooManyOperators => f.write_str("the program has too many operators"),
			Self::TooManyWeights => f.write_str("the program has too many weight tensors"),
			Self::Weight { weight } => {
				write!(f, "weight tensor {weight} has impossible dimensions")
			},
			Self::WeightsTooLarge => f.write_str("the weights are too large"),
			Self::Operator { operator, reason } => write!(f, "operator {operator}: {reason}"),
			Self::Frame => {
				f.write_str("the program lacks an input, or `Stop` and `Emit` at its end")
			},
			Self::TooMuchWork => f.write_str("the largest shape costs too many compute units"),
			Self::TooMuchMemory => f.write_str("the largest shape needs too much memory"),
		}
	}
}

impl fmt::Display for OperatorError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::UnknownTensor => "it reads a tensor that no earlier operator makes",
			Self::UnknownWeight => "it reads a weight tensor that is not declared",
			Self::Kind => "an operand is of another kind",
			Self::Shape => "the dimensions of its operands do not fit",
			Self::TooLarge => "a tensor is too large",
			Self::Fraction => "fraction bits do not fit",
			Self::Bits => "rows are quantised to 8 or 12 bits only",
			Self::Shift => "a shift count is out of range",
			Self::Overflow => "a sum of products could leave int32",
			Self::Rows => "an embedding table has too few rows",
			Self::Table => "a function table has a wrong number of entries",
			Self::Frame => "it stands in the wrong place",
			Self::Decoder => "a decoder has causal attention and no padding",
			Self::Next => "a decoder goes on with a token of `Choose`",
			Self::Draws => "a program draws once",
			Self::Ends => "end tokens are too many, outside the vocabulary or of no use",
			Self::Opening => "one element would open too many bytes",
		})
	}
}

impl fmt::Display for ShapeError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Batch => "the batch is zero or above the program's limit",
			Self::Sequence => "the sequence is zero or above the program's limit",
			Self::Steps => {
				"the number of steps is zero, or with the input above the program's limit"
			},
			Self::Sampling => "the program draws no tokens, or not with such numbers",
		})
	}
}

impl core::error::Error for ProgramError {}
impl core::error::Error for OperatorError {}
impl core::error::Error for ShapeError {}
