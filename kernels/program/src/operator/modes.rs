//! What operators are told besides their operands.

use crate::tensor::{TensorId, WeightId};
use codec::{Decode, Encode};

/// What selects a row of an embedding table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum EmbedBy {
	/// The token id; the table has a row for every token.
	#[codec(index = 0)]
	Token,
	/// The position in the context; the table has a row for every position.
	#[codec(index = 1)]
	Position,
}

/// What the entries of a function table are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TableBase {
	/// Nothing.
	#[codec(index = 0)]
	Zero,
	/// `max(0, x)`.
	#[codec(index = 1)]
	Relu,
}

/// Which positions of a row of a softmax are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Mask {
	/// All of them.
	#[codec(index = 0)]
	None,
	/// Key positions that are no padding. Not in a decoder.
	#[codec(index = 1)]
	Padding {
		/// Token ids `[B, S]`.
		ids: TensorId,
	},
	/// Key positions up to the query's own: `j <= P + s`.
	#[codec(index = 2)]
	Causal,
}

impl Mask {
	/// The token ids it looks at.
	pub fn ids(self) -> Option<TensorId> {
		match self {
			Self::Padding { ids } => Some(ids),
			Self::None | Self::Causal => None,
		}
	}
}

/// What a bin of [`Operator::Tally`](crate::Operator::Tally) holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TallyBy {
	/// The number of elements.
	#[codec(index = 0)]
	Count,
	/// Their sum.
	#[codec(index = 1)]
	Mass {
		/// Bits dropped of each element.
		shift: u8,
	},
}

/// What [`Operator::Cut`](crate::Operator::Cut) needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CutBy {
	/// As many tokens as `top_k` of the job's sampling says; all of them for 0.
	#[codec(index = 0)]
	TopK,
	/// As much of the mass as `top_p` says.
	#[codec(index = 1)]
	TopP,
}

/// How sums of products become int8 again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rescale {
	/// int32, the multiplier of each output channel, `shift` fraction bits.
	pub scales: WeightId,
	/// int32, added to each output channel's sum.
	pub bias: WeightId,
	/// Bits dropped after the product with the multiplier; 1 to 62.
	pub shift: u8,
	/// The element of the output that stands for 0.
	pub zero: i8,
	/// Least element of the output: `zero` makes a rectifier of it.
	pub least: i8,
}
