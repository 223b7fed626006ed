//! The operators, each with its formula.
//!
//! `rs(x, s)` is `round_shift`, `rd(n, d)` is `round_div`, `sat` saturates to int32 and
//! `clamp25(x)` limits `x` to `-(2^25-1)..=2^25-1`. `f_x` is the number of fraction bits of tensor
//! `x`, `f` that of the output. For a quantised tensor with `bits` and a maximum `A` over the same
//! rows, `Q = 2^(bits-1) - 1` and
//!
//! ```text
//! factor(A) = rd(max(1, A) * 2^(bits-1), Q)      (A / Q, with bits-1 more fraction bits)
//! ```
//!
//! All sums and products below are exact in int64 for any operand; nothing wraps.

use crate::tensor::{TensorId, WeightId};
use codec::{Decode, Encode};

/// One operator. It makes the tensor that has its own number in the program, and reads only
/// tensors with lower numbers.
///
/// `B` is the batch, `S` the sequence, `..` any leading dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Operator {
	/// The input: token ids `[B, S]`, int32; -1 pads a row after its last token.
	///
	/// Always the first operator, and never another one.
	#[codec(index = 0)]
	Tokens {
		/// Number of tokens.
		vocabulary: u32,
	},
	/// Rows of an int8 table, times the row's scale. Output `[B, S, D]`.
	///
	/// `y[b,s,d] = sat(rs(table[i,d] * m[i], 30 - f))`, `m = max(0, scales[i])`, where `i` is the
	/// token id or the position `s`; 0 where the id is padding.
	/// Depends on: one id, one table element, one scale.
	#[codec(index = 1)]
	Embed {
		/// Token ids `[B, S]`.
		ids: TensorId,
		/// int8 `[rows, D]`.
		table: WeightId,
		/// int32 `[rows]`, the multiplier of each row, 30 fraction bits.
		scales: WeightId,
		/// What selects the row.
		by: EmbedBy,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Sum of two tensors of one shape and one number of fraction bits: `y = sat(left + right)`.
	/// Depends on: one element of each.
	#[codec(index = 2)]
	Add {
		/// One summand.
		left: TensorId,
		/// The other.
		right: TensorId,
	},
	/// Largest magnitude of each of `groups` equal parts of a row `[.., K]`. Output `[.., groups]`.
	///
	/// `y = min(2^31 - 1, max(1, max|x|))`.
	/// Depends on: one part of a row. Reduces in blocks of 2048 elements: zero 0, fold
	/// `max(a, |x|)` in int64, finish `min(2^31 - 1, max(1, a))`.
	#[codec(index = 3)]
	RowMax {
		/// `[.., K]`.
		value: TensorId,
		/// Parts of a row; divides `K`. One where the row is a sequence.
		groups: u32,
	},
	/// Rows quantised against their maxima. Output of the shape of `value`, quantised to `bits`.
	///
	/// `q = clamp(rd(x * Q, max(1, A)), -Q, Q)`, `A` the maximum of the part that `x` is in.
	/// Depends on: one element, one maximum.
	#[codec(index = 4)]
	Quantise {
		/// `[.., K]`.
		value: TensorId,
		/// `[.., groups]`, from [`Operator::RowMax`].
		max: TensorId,
		/// 12, or 8 where quality allows.
		bits: u8,
	},
	/// Product with int8 weights. Output `[.., N]`.
	///
	/// ```text
	/// acc = sum over k of q[k] * w[n,k]                            (int32; K * Q * 128 < 2^31)
	/// t   = sat(rs(acc * m[n], shift)),      m = max(0, scales[n])
	/// y   = sat(rs(t * factor(A), 30 + f_max + bits - 1 - f - shift) + bias[n])
	/// ```
	///
	/// `shift` is 1 or more and leaves 1 or more for the second step. A `shift` with
	/// `Q * m[n] * sum|w[n,k]| < 2^(31 + shift)` for all `n` never saturates `t`.
	/// Depends on: one row of `input`, one row of `weights`, one maximum, scale and bias. Reduces
	/// in blocks of 2048 elements: zero 0, fold `a + q * w`, finish the two last lines.
	#[codec(index = 5)]
	Linear {
		/// `[.., K]`, quantised in one part per row.
		input: TensorId,
		/// `[.., 1]`, the maxima that `input` was quantised against.
		max: TensorId,
		/// int8 `[N, K]`.
		weights: WeightId,
		/// int32 `[N]`, the multiplier of each row of weights, 30 fraction bits.
		scales: WeightId,
		/// int32 `[N]` with the fraction bits of the output.
		bias: Option<WeightId>,
		/// Bits dropped after the product with the multiplier.
		shift: u8,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Attention scores of every pair of positions, per head. Output `[B, heads, S, S]`: query
	/// position, then key position. Heads are the parts that queries and keys were quantised in;
	/// each has `D = K / heads` elements.
	///
	/// ```text
	/// acc = sum over d of q[b,i,h*D+d] * k[b,j,h*D+d]              (int32; D * Qq * Qk < 2^31)
	/// t   = sat(rs(acc * factor(Aq), shift))
	/// y   = sat(rs(t * factor(Ak), bits_q - 1 + bits_k - 1 + f_q + f_k - f - shift))
	/// ```
	///
	/// The factor `1 / sqrt(D)` belongs into the weights that make the queries.
	/// Depends on: one head of a query row, one of a key row, two maxima. `D` is at most 512, so
	/// one block: zero 0, fold `a + q * k`, finish the two last lines.
	#[codec(index = 6)]
	Scores {
		/// `[B, S, K]`, quantised in `heads` parts per row.
		query: TensorId,
		/// `[B, S, heads]`.
		query_max: TensorId,
		/// `[B, S, K]`, quantised in `heads` parts per row.
		key: TensorId,
		/// `[B, S, heads]`.
		key_max: TensorId,
		/// Bits dropped after the first product.
		shift: u8,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Row maximum of scores `[B, heads, S, S]` over key positions that are no padding. Output
	/// `[B, heads, S]`.
	///
	/// `y = max over valid j of x[j]`, -2^31 where none is valid.
	/// Depends on: one row, one row of ids. Reduces in blocks of 2048 elements: zero -2^31, fold
	/// `max(a, x)` for valid elements, finish the identity.
	#[codec(index = 7)]
	SoftmaxMax {
		/// 16 fraction bits.
		scores: TensorId,
		/// Token ids `[B, S]`: a key position is valid where its id is no padding. Without them
		/// every position is.
		ids: Option<TensorId>,
	},
	/// Exponential of scores below their row maximum. Output of the shape of `scores`, 16 fraction
	/// bits, within `0..=65556`; 0 at padding.
	///
	/// ```text
	/// z = clamp(max - x, 0, 2^31 - 1);  n = floor(z / 45426);  r = z - n * 45426
	/// p = rs(rs((88670 - r)^2, 16) * 23495, 16) + 22546
	/// y = 0 if n > 23,  p if n = 0,  rs(p, n) else
	/// ```
	///
	/// Depends on: one score, one maximum, one id.
	#[codec(index = 8)]
	SoftmaxExp {
		/// `[B, heads, S, S]`, 16 fraction bits.
		scores: TensorId,
		/// `[B, heads, S]`, from [`Operator::SoftmaxMax`].
		max: TensorId,
		/// As for [`Operator::SoftmaxMax`].
		ids: Option<TensorId>,
	},
	/// Row sum of exponentials: `y = sat(sum x)`. Output `[B, heads, S]`.
	///
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero 0, fold `a + x` in int64,
	/// finish `sat(a)`.
	#[codec(index = 9)]
	SoftmaxSum {
		/// `[B, heads, S, S]`, from [`Operator::SoftmaxExp`].
		exponentials: TensorId,
	},
	/// Probabilities with 15 fraction bits, at most 32767. Output of the shape of `exponentials`.
	///
	/// `y = min(32767, rd(clamp(e, 0, 2^17) * 2^15, max(1, sum)))`.
	/// Depends on: one exponential, one sum.
	#[codec(index = 10)]
	SoftmaxNormalise {
		/// `[B, heads, S, S]`, from [`Operator::SoftmaxExp`].
		exponentials: TensorId,
		/// `[B, heads, S]`, from [`Operator::SoftmaxSum`].
		sum: TensorId,
	},
	/// Probabilities times the scale of the value at their key position. Output of the shape of
	/// `probabilities`.
	///
	/// `y[b,h,i,j] = sat(rs(p[b,h,i,j] * A[b,j,h], 15 + f_A - f))`.
	/// Depends on: one probability, one maximum.
	#[codec(index = 11)]
	ContextWeight {
		/// `[B, heads, S, S]`, 15 fraction bits.
		probabilities: TensorId,
		/// `[B, S, heads]`, the maxima that the values were quantised against.
		value_max: TensorId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Weighted sum of values over key positions. Output `[B, S, K]`, heads side by side.
	///
	/// ```text
	/// acc = sum over j of w[b,h,i,j] * v[b,j,h*D+d]                (int32; S * Qw * Qv < 2^31)
	/// F   = rd(max(1, A[b,h,i]) * 2^(bits_w - 1 + bits_v - 1), Qw * Qv)
	/// y   = sat(rs(acc * F, bits_w - 1 + bits_v - 1 + f_A - f))
	/// ```
	///
	/// The scale of each value is already inside the weights.
	/// Depends on: one row of weights, one maximum, one element of each position of the values.
	/// Reduces in blocks of 32 positions: zero 0, fold `a + w * v`, finish the two last lines.
	#[codec(index = 12)]
	Context {
		/// `[B, heads, S, S]`, [`Operator::ContextWeight`] quantised in one part per row.
		weight: TensorId,
		/// `[B, heads, S, 1]`, the maxima that `weight` was quantised against.
		weight_max: TensorId,
		/// `[B, S, K]`, quantised in `heads` parts per row.
		value: TensorId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Mean of each row: `y = rd(sum x, K)`. Output `[.., 1]`.
	///
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero 0, fold `a + x` in int64,
	/// finish `rd(a, K)`.
	#[codec(index = 13)]
	Mean {
		/// `[.., K]`.
		value: TensorId,
	},
	/// Root mean square distance of each row from its mean. Output `[.., 1]`.
	///
	/// `y = sat(isqrt((rd(sum clamp25(x - mean)^2, K) + epsilon) * 4^(f - f_x)))`, isqrt the exact
	/// floor square root, `f_x <= f <= f_x + 6`, `K <= 8192`.
	/// Depends on: one row, one mean. Reduces in blocks of 2048 elements: zero 0, fold
	/// `a + clamp25(x - mean)^2`, finish the rest.
	#[codec(index = 14)]
	Deviation {
		/// `[.., K]`.
		value: TensorId,
		/// `[.., 1]`, from [`Operator::Mean`].
		mean: TensorId,
		/// Added to the mean square, `2 * f_x` fraction bits.
		epsilon: u32,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Distance from the mean over deviation, times gain, plus bias. Output of the shape of
	/// `value`.
	///
	/// ```text
	/// t = sat(rd(clamp25(x - mean) * 2^(20 + f_deviation - f_x), max(1, deviation)))
	/// y = sat(rs(t * gain[k], 36 - f) + bias[k])
	/// ```
	///
	/// Depends on: one element, one mean, one deviation, one gain, one bias.
	#[codec(index = 15)]
	Normalise {
		/// `[.., K]`.
		value: TensorId,
		/// `[.., 1]`, from [`Operator::Mean`].
		mean: TensorId,
		/// `[.., 1]`, from [`Operator::Deviation`].
		deviation: TensorId,
		/// int32 `[K]`, 16 fraction bits.
		gain: WeightId,
		/// int32 `[K]` with the fraction bits of the output.
		bias: WeightId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// A function of one variable by a table with linear interpolation. Output of the shape of
	/// `value`. The table has `n + 1` entries for `n` intervals of `2^shift`, `n` even, the middle
	/// entry for `x = 0`; beyond it the end entries hold.
	///
	/// ```text
	/// u = clamp(x + (n / 2) * 2^shift, 0, n * 2^shift);  i = u >> shift;  r = u - i * 2^shift
	/// y = sat(base(x) + table[i] + rs((table[i+1] - table[i]) * r, shift))   (no rs if i = n)
	/// ```
	///
	/// `base` is 0, or `max(0, x)` for functions that follow it far from 0: for gelu the table
	/// holds `gelu(x) - max(0, x)`, which is 0 at both ends.
	/// Depends on: one element, two table entries.
	#[codec(index = 16)]
	Table {
		/// Any fixed-point tensor.
		value: TensorId,
		/// int32 `[n + 1]` with the fraction bits of the output.
		table: WeightId,
		/// Width of an interval is `2^shift`; 1 to 24.
		shift: u8,
		/// What the table is added to.
		base: TableBase,
		/// Fraction bits of the output; those of `value` for [`TableBase::Relu`].
		fraction: u8,
	},
	/// Mean over the positions that are no padding. Output `[B, D]`.
	///
	/// `y[b,d] = rd(sum over valid s of x[b,s,d], max(1, number of valid s))`.
	/// Depends on: one element of each position, one row of ids. Reduces in blocks of 32
	/// positions: zero (0, 0), fold `(a + x, n + 1)` for valid positions in int64, finish
	/// `rd(a, max(1, n))`.
	#[codec(index = 17)]
	MeanPool {
		/// `[B, S, D]`.
		value: TensorId,
		/// Token ids `[B, S]`.
		ids: TensorId,
	},
	/// Euclidean norm of each row: `y = sat(isqrt(sum clamp25(x)^2))`. Output `[.., 1]`;
	/// `K <= 8192`.
	///
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero 0, fold `a + clamp25(x)^2`,
	/// finish the root.
	#[codec(index = 18)]
	L2Norm {
		/// `[.., K]`.
		value: TensorId,
	},
	/// Row over its norm: `y = sat(rd(clamp25(x) * 2^f, max(1, norm)))`. Output of the shape of
	/// `value`.
	///
	/// Depends on: one element, one norm.
	#[codec(index = 19)]
	L2Normalise {
		/// `[.., K]`.
		value: TensorId,
		/// `[.., 1]`, from [`Operator::L2Norm`].
		norm: TensorId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Whether the step was the last: `[1]`, and always 1 for an encoder, which has one step.
	///
	/// Always the last operator but one. Depends on nothing.
	#[codec(index = 20)]
	Stop,
	/// The output: `value`, copied out of each step until the first that stopped.
	///
	/// Always the last operator. Depends on: one element, one `Stop` element.
	#[codec(index = 21)]
	Emit {
		/// Any fixed-point tensor whose first dimension is the batch.
		value: TensorId,
		/// From [`Operator::Stop`].
		stop: TensorId,
	},
}

/// What selects a row of an embedding table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum EmbedBy {
	/// The token id; the table has a row for every token.
	#[codec(index = 0)]
	Token,
	/// The position in the sequence; the table has a row for every position.
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

impl Operator {
	/// Names of all operators, by index.
	pub const NAMES: [&'static str; 22] = [
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
	];

	/// Prices by index, in multiply-accumulates: per element of the operand for the operators that
	/// reduce along a row (`RowMax`, `SoftmaxMax`, `SoftmaxSum`, `Mean`, `Deviation`, `MeanPool`,
	/// `L2Norm`), per element of the output for all others. `Linear`, `Scores` and `Context` cost
	/// their products besides: one for each byte of an operand's bits, bytes of both multiplied.
	pub const PRICES: [u64; 22] =
		[0, 4, 1, 1, 8, 8, 8, 1, 8, 1, 8, 4, 8, 1, 2, 12, 8, 1, 2, 8, 1, 1];

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
			Self::Stop => 20,
			Self::Emit { .. } => 21,
		}
	}

	/// Its name.
	pub fn name(&self) -> &'static str {
		Self::NAMES.get(usize::from(self.index())).copied().unwrap_or("")
	}

	/// The tensors it reads.
	pub fn reads(&self) -> impl Iterator<Item = TensorId> {
		let slots: [Option<TensorId>; 4] = match self {
			Self::Tokens { .. } | Self::Stop => [None; 4],
			Self::Embed { ids: only, .. }
			| Self::RowMax { value: only, .. }
			| Self::SoftmaxSum { exponentials: only }
			| Self::Mean { value: only }
			| Self::Table { value: only, .. }
			| Self::L2Norm { value: only } => [Some(*only), None, None, None],
			Self::Add { left: first, right: second }
			| Self::Quantise { value: first, max: second, .. }
			| Self::Linear { input: first, max: second, .. }
			| Self::SoftmaxNormalise { exponentials: first, sum: second }
			| Self::ContextWeight { probabilities: first, value_max: second, .. }
			| Self::Deviation { value: first, mean: second, .. }
			| Self::MeanPool { value: first, ids: second }
			| Self::L2Normalise { value: first, norm: second, .. }
			| Self::Emit { value: first, stop: second } => [Some(*first), Some(*second), None, None],
			Self::SoftmaxMax { scores, ids } => [Some(*scores), *ids, None, None],
			Self::SoftmaxExp { scores, max, ids } => [Some(*scores), Some(*max), *ids, None],
			Self::Context { weight, weight_max, value, .. } => {
				[Some(*weight), Some(*weight_max), Some(*value), None]
			},
			Self::Normalise { value, mean, deviation, .. } => {
				[Some(*value), Some(*mean), Some(*deviation), None]
			},
			Self::Scores { query, query_max, key, key_max, .. } => {
				[Some(*query), Some(*query_max), Some(*key), Some(*key_max)]
			},
		};
		slots.into_iter().flatten()
	}
}
