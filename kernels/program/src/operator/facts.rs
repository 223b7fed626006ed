//! Names, prices and operands of the operators.

use super::Operator;
use crate::tensor::TensorId;

impl Operator {
	/// Names of all operators, by index.
	pub const NAMES: [&'static str; 41] = [
		"Tokens",
		"Embed",
		"Add",
		"RowMax",
		"Quantise",
		"Linear",
		"Scores",
		"SoftmaxMax",
		"SoftmaxExp",
		"SoftmaxSum",
		"SoftmaxNormalise",
		"ContextWeight",
		"Context",
		"Mean",
		"Deviation",
		"Normalise",
		"Table",
		"MeanPool",
		"L2Norm",
		"L2Normalise",
		"Stop",
		"Emit",
		"RootMeanSquare",
		"RmsNormalise",
		"Rotate",
		"Multiply",
		"Last",
		"ArgMax",
		"Temper",
		"Tally",
		"Cut",
		"Threshold",
		"Keep",
		"BlockSum",
		"Draw",
		"Pick",
		"Choose",
		"Samples",
		"Convolution",
		"Depthwise",
		"Lookup",
	];

	/// Prices by index, in multiply-accumulates: per element of the operand for the operators that
	/// reduce along a row (`RowMax`, `SoftmaxMax`, `SoftmaxSum`, `Mean`, `Deviation`, `MeanPool`,
	/// `L2Norm`, `RootMeanSquare`, `ArgMax`, `Tally`, `Cut`, `Threshold`, `BlockSum`, `Draw`), per
	/// element of the output for all others. `Linear`, `Scores`, `Context`, `Convolution` and
	/// `Depthwise` cost their products besides: one for each byte of an operand's bits, bytes of
	/// both multiplied. `Tally` costs 1 for each bin besides, `Draw`
	/// [`DRAW_MACS`](crate::DRAW_MACS) for each row, and every operator
	/// [`OPERATOR_MACS`](crate::OPERATOR_MACS) in each step.
	pub const PRICES: [u64; 41] = [
		0, 4, 1, 1, 8, 8, 8, 1, 8, 1, 8, 4, 8, 1, 2, 12, 8, 1, 2, 8, 1, 1, 2, 12, 4, 4, 1, 1, 8, 2,
		1, 1, 1, 1, 8, 256, 1, 0, 8, 8, 1,
	];

	/// Its price, see [`Self::PRICES`].
	pub fn price(&self) -> u64 {
		Self::PRICES.get(usize::from(self.index())).copied().unwrap_or(0)
	}

	/// Its index in the encoding.
	pub fn index(&self) -> u8 {
		match self {
			Self::Tokens { .. } => 0,
			Self::Embed { .. } => 1,
			Self::Add { .. } => 2,
			Self::RowMax { .. } => 3,
			Self::Quantise { .. } => 4,
			Self::Linear { .. } => 5,
			Self::Scores { .. } => 6,
			Self::SoftmaxMax { .. } => 7,
			Self::SoftmaxExp { .. } => 8,
			Self::SoftmaxSum { .. } => 9,
			Self::SoftmaxNormalise { .. } => 10,
			Self::ContextWeight { .. } => 11,
			Self::Context { .. } => 12,
			Self::Mean { .. } => 13,
			Self::Deviation { .. } => 14,
			Self::Normalise { .. } => 15,
			Self::Table { .. } => 16,
			Self::MeanPool { .. } => 17,
			Self::L2Norm { .. } => 18,
			Self::L2Normalise { .. } => 19,
			Self::Stop { .. } => 20,
			Self::Emit { .. } => 21,
			Self::RootMeanSquare { .. } => 22,
			Self::RmsNormalise { .. } => 23,
			Self::Rotate { .. } => 24,
			Self::Multiply { .. } => 25,
			Self::Last { .. } => 26,
			Self::ArgMax { .. } => 27,
			Self::Temper { .. } => 28,
			Self::Tally { .. } => 29,
			Self::Cut { .. } => 30,
			Self::Threshold { .. } => 31,
			Self::Keep { .. } => 32,
			Self::BlockSum { .. } => 33,
			Self::Draw { .. } => 34,
			Self::Pick { .. } => 35,
			Self::Choose { .. } => 36,
			Self::Samples { .. } => 37,
			Self::Convolution { .. } => 38,
			Self::Depthwise { .. } => 39,
			Self::Lookup { .. } => 40,
		}
	}

	/// Its name.
	pub fn name(&self) -> &'static str {
		Self::NAMES.get(usize::from(self.index())).copied().unwrap_or("")
	}

	/// The tensors it reads, in the order of its fields.
	pub fn reads(&self) -> impl Iterator<Item = TensorId> {
		let slots: [Option<TensorId>; 4] = match self {
			Self::Tokens { .. } | Self::Samples { .. } => [None; 4],
			Self::Stop { next, .. } => [*next, None, None, None],
			Self::Embed { ids: only, .. }
			| Self::RowMax { value: only, .. }
			| Self::SoftmaxSum { exponentials: only }
			| Self::Mean { value: only }
			| Self::Table { value: only, .. }
			| Self::L2Norm { value: only }
			| Self::RootMeanSquare { value: only, .. }
			| Self::Rotate { value: only, .. }
			| Self::Last { value: only }
			| Self::ArgMax { value: only }
			| Self::Cut { tally: only, .. }
			| Self::BlockSum { weights: only, .. }
			| Self::Draw { sums: only }
			| Self::Convolution { value: only, .. }
			| Self::Depthwise { value: only, .. }
			| Self::Lookup { value: only, .. } => [Some(*only), None, None, None],
			Self::Add { left: first, right: second }
			| Self::Quantise { value: first, max: second, .. }
			| Self::Linear { input: first, max: second, .. }
			| Self::SoftmaxNormalise { exponentials: first, sum: second }
			| Self::ContextWeight { probabilities: first, value_max: second, .. }
			| Self::Deviation { value: first, mean: second, .. }
			| Self::MeanPool { value: first, ids: second }
			| Self::L2Normalise { value: first, norm: second, .. }
			| Self::RmsNormalise { value: first, rms: second, .. }
			| Self::Multiply { left: first, right: second, .. }
			| Self::Threshold { cut: first, tally: second }
			| Self::Keep { weights: first, threshold: second }
			| Self::Temper { value: first, max: second }
			| Self::Pick { weights: first, draw: second, .. }
			| Self::Emit { value: first, stop: second } => [Some(*first), Some(*second), None, None],
			Self::SoftmaxMax { scores, mask } => [Some(*scores), mask.ids(), None, None],
			Self::SoftmaxExp { scores, max, mask } => [Some(*scores), Some(*max), mask.ids(), None],
			Self::Context { weight: first, weight_max: second, value: third, .. }
			| Self::Normalise { value: first, mean: second, deviation: third, .. }
			| Self::Choose { ids: first, greedy: second, sampled: third } => {
				[Some(*first), Some(*second), Some(*third), None]
			},
			Self::Tally { weights, cut, .. } => [Some(*weights), *cut, None, None],
			Self::Scores { query, query_max, key, key_max, .. } => {
				[Some(*query), Some(*query_max), Some(*key), Some(*key_max)]
			},
		};
		slots.into_iter().flatten()
	}

	/// The tensors of which it reads the rows of every step so far, not only of its own: keys,
	/// values and their maxima.
	pub fn reads_held(&self) -> impl Iterator<Item = TensorId> {
		let slots: [Option<TensorId>; 2] = match self {
			Self::Scores { key, key_max, .. } => [Some(*key), Some(*key_max)],
			Self::ContextWeight { value_max, .. } => [Some(*value_max), None],
			Self::Context { value, .. } => [Some(*value), None],
			_ => [None; 2],
		};
		slots.into_iter().flatten()
	}
}
