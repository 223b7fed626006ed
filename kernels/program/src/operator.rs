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
//! All sums and products below are exact in int64 for any operand; nothing wraps. `rs0(x, s)` is
//! `x` where `s = 0`, else `rs(x, s)`.
//!
//! `B` is the batch, `S` the positions of the present step, `P` the positions of the steps before
//! it and `T = P + S` the context. An encoder has one step, in which `P = 0`. Where `Scores`,
//! `ContextWeight` and `Context` read keys, values and their maxima, these are *held*: position
//! `j < T` is row `j` of the rows that all steps so far made, one step after the other.
//!
//! # The rounding of `Convolution` and `Depthwise`
//!
//! These two do not round by `rs` and `rd`. They say what the kernels of TensorFlow Lite's default
//! delegate (XNNPACK) say, which multiply a sum by its scale as float32 numbers. That is exact
//! integer arithmetic all the same:
//!
//! ```text
//! even(x, s) = x / 2^s, rounded to the nearest integer, half to the even one
//! near(x)    = x, rounded to 24 significant bits: even(x, d) * 2^d, d = max(0, bits of |x| - 24)
//! m          = near(max(0, scale)),  a = near(sat(acc + bias))
//! y          = clamp(even(near(a * m), shift) + zero, least, 127)
//! ```
//!
//! `near(a * m)` is what an IEEE 754 multiplication of `a` and `m` gives, and `near(x)` what a
//! conversion of an int32 to float32 gives, so a backend may use either.

mod facts;
mod modes;

pub use modes::{CutBy, EmbedBy, Mask, Rescale, TableBase, TallyBy};

use crate::tensor::{TensorId, WeightId};
use alloc::vec::Vec;
use codec::{Decode, Encode};

/// One operator. It makes the tensor that has its own number in the program, and reads only
/// tensors with lower numbers. `..` stands for any leading dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Operator {
	/// The input: token ids `[B, S]`, int32. -1 pads a row of an encoder after its last token.
	///
	/// In a decoder's step `t >= 1`, where `S = 1`, they are what `next` of its [`Operator::Stop`]
	/// was in step `t - 1`, and -1 where that was one of the `ends`: a row that has ended stays
	/// ended. Always the first operator, and never another one.
	/// Depends on: one element of the input, and in later steps one of `next` in the step before.
	#[codec(index = 0)]
	Tokens {
		/// Number of tokens.
		vocabulary: u32,
	},
	/// Rows of an int8 table, times the row's scale. Output `[B, S, D]`.
	///
	/// `y[b,s,d] = sat(rs(table[i,d] * m[i], 30 - f))`, `m = max(0, scales[i])`, where `i` is the
	/// token id or the position `P + s`; 0 where the id is -1.
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
	/// Attention scores of queries with all keys so far, per head. Output `[B, heads, S, T]`: query
	/// position, then key position, those included that a mask leaves out later. Heads are the
	/// parts that queries were quantised in, `D` elements each. Keys have as many or fewer, a
	/// divisor of `heads`, also of `D` elements: query head `h` reads key head
	/// `g = h / (heads / key heads)`.
	///
	/// ```text
	/// acc = sum over d of q[b,i,h*D+d] * k[b,j,g*D+d]              (int32; D * Qq * Qk < 2^31)
	/// t   = sat(rs(acc * factor(Aq), shift))
	/// y   = sat(rs(t * factor(Ak), bits_q - 1 + bits_k - 1 + f_q + f_k - f - shift))
	/// ```
	///
	/// The factor `1 / sqrt(D)` belongs into the weights that make the queries.
	/// Depends on: one head of a query row, one of a key row, two maxima. `D` is at most 512, so
	/// one block: zero 0, fold `a + q * k`, finish the two last lines.
	#[codec(index = 6)]
	Scores {
		/// `[B, S, heads * D]`, quantised in `heads` parts per row.
		query: TensorId,
		/// `[B, S, heads]`.
		query_max: TensorId,
		/// `[B, S, key heads * D]`, quantised in that many parts per row; held.
		key: TensorId,
		/// `[B, S, key heads]`; held.
		key_max: TensorId,
		/// Bits dropped after the first product.
		shift: u8,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Maximum of each row over the positions that its mask leaves. Output: the dimensions of
	/// `scores` but for the last.
	///
	/// `y = max over valid j of x[j]`, -2^31 where none is valid.
	/// Depends on: one row, one row of ids where the mask has some. Reduces in blocks of 2048
	/// elements: zero -2^31, fold `max(a, x)` for valid elements, finish the identity.
	#[codec(index = 7)]
	SoftmaxMax {
		/// `[B, heads, S, T]`, or any `[.., N]` without a mask; 16 fraction bits.
		scores: TensorId,
		/// Which positions of a row are valid.
		mask: Mask,
	},
	/// Exponential of scores below their row maximum. Output of the shape of `scores`, 16 fraction
	/// bits, within `0..=65556`; 0 where the mask leaves a position out.
	///
	/// ```text
	/// z = clamp(max - x, 0, 2^31 - 1);  n = floor(z / 45426);  r = z - n * 45426
	/// p = rs(rs((88670 - r)^2, 16) * 23495, 16) + 22546
	/// y = 0 if n > 23,  p if n = 0,  rs(p, n) else
	/// ```
	///
	/// Depends on: one score, one maximum, one id where the mask has some.
	#[codec(index = 8)]
	SoftmaxExp {
		/// `[B, heads, S, T]`, or any `[.., N]` without a mask; 16 fraction bits.
		scores: TensorId,
		/// One maximum a row, from [`Operator::SoftmaxMax`].
		max: TensorId,
		/// As for [`Operator::SoftmaxMax`].
		mask: Mask,
	},
	/// Row sum of exponentials: `y = sat(sum x)`. Output: the dimensions of `exponentials` but for
	/// the last.
	///
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero 0, fold `a + x` in int64,
	/// finish `sat(a)`.
	#[codec(index = 9)]
	SoftmaxSum {
		/// Any `[.., N]`, from [`Operator::SoftmaxExp`].
		exponentials: TensorId,
	},
	/// Probabilities with 15 fraction bits, at most 32767. Output of the shape of `exponentials`.
	///
	/// `y = min(32767, rd(clamp(e, 0, 2^17) * 2^15, max(1, sum)))`.
	/// Depends on: one exponential, one sum.
	#[codec(index = 10)]
	SoftmaxNormalise {
		/// `[B, heads, S, T]`, from [`Operator::SoftmaxExp`].
		exponentials: TensorId,
		/// `[B, heads, S]`, from [`Operator::SoftmaxSum`].
		sum: TensorId,
	},
	/// Probabilities times the scale of the value at their key position. Output of the shape of
	/// `probabilities`.
	///
	/// `y[b,h,i,j] = sat(rs(p[b,h,i,j] * A[b,j,g], 15 + f_A - f))`, where
	/// `g = h / (heads / value heads)`.
	/// Depends on: one probability, one maximum.
	#[codec(index = 11)]
	ContextWeight {
		/// `[B, heads, S, T]`, 15 fraction bits.
		probabilities: TensorId,
		/// `[B, S, value heads]`, the maxima that the values were quantised against; held. The
		/// number of value heads divides `heads`.
		value_max: TensorId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Weighted sum of values over key positions. Output `[B, S, heads * D]`, heads side by side;
	/// `g = h / (heads / groups)`.
	///
	/// ```text
	/// acc = sum over j of w[b,h,i,j] * v[b,j,g*D+d]          (int64; T * Qw * Qv < 2^(31 + shift))
	/// t   = sat(rs0(acc, shift))
	/// F   = rd(max(1, A[b,h,i]) * 2^(bits_w - 1 + bits_v - 1), Qw * Qv)
	/// y   = sat(rs(t * F, bits_w - 1 + bits_v - 1 + f_A - f - shift))
	/// ```
	///
	/// The scale of each value is already inside the weights. Any 512 positions sum up within
	/// int32, so a backend may add such parts in int64. `shift` leaves 1 or more for the second
	/// step.
	/// Depends on: one row of weights, one maximum, one element of each position of the values.
	/// Reduces in blocks of 32 positions: zero 0, fold `a + w * v`, finish the three last lines.
	#[codec(index = 12)]
	Context {
		/// `[B, heads, S, T]`, [`Operator::ContextWeight`] quantised in one part per row.
		weight: TensorId,
		/// `[B, heads, S, 1]`, the maxima that `weight` was quantised against.
		weight_max: TensorId,
		/// `[B, S, groups * D]`, quantised in `groups` parts per row; held.
		value: TensorId,
		/// Value heads; a divisor of `heads`.
		groups: u32,
		/// Bits dropped from the sum; 0 where it fits int32.
		shift: u8,
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
	/// Whether the step was the last: `[1]`.
	///
	/// 1 in an encoder, which has no `next`. In a decoder 1 if each row of `next` is -1 or one of
	/// `ends`, or the step is the last that `max_steps` of the parameters allows; else 0.
	/// Always the last operator but one. Depends on: `next`.
	#[codec(index = 20)]
	Stop {
		/// Tokens `[B]` that the next step begins with, from [`Operator::Choose`], which keeps ended
		/// rows ended. A program that names them is a decoder.
		next: Option<TensorId>,
		/// Tokens that end a row, at most 8 of the vocabulary.
		ends: Vec<u32>,
	},
	/// The output: `value`, copied out of each step until the first that stopped.
	///
	/// Always the last operator. Depends on: one element, one `Stop` element.
	#[codec(index = 21)]
	Emit {
		/// Fixed-point tensor whose first dimension is the batch, or tokens `[B]`; `next` in a
		/// decoder.
		value: TensorId,
		/// From [`Operator::Stop`].
		stop: TensorId,
	},
	/// Root mean square of each row. Output `[.., 1]`.
	///
	/// `y = sat(isqrt((rd(sum clamp25(rs0(x, shift))^2, K) + epsilon) * 4^(f - (f_x - shift))))`,
	/// `f_x - shift <= f <= f_x - shift + 6`, `K <= 8192`.
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero 0, fold
	/// `a + clamp25(rs0(x, shift))^2`, finish the rest.
	#[codec(index = 22)]
	RootMeanSquare {
		/// `[.., K]`.
		value: TensorId,
		/// Bits dropped before squaring, at most `f_x`: what is squared is exact below
		/// `2^(25 + shift)`.
		shift: u8,
		/// Added to the mean square, `2 * (f_x - shift)` fraction bits.
		epsilon: u32,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Row over its root mean square, times gain. Output of the shape of `value`.
	///
	/// ```text
	/// t = sat(rd(x * 2^20, max(1, rms)))
	/// y = sat(rs(t * gain[k], 36 - f))
	/// ```
	///
	/// Depends on: one element, one root, one gain.
	#[codec(index = 23)]
	RmsNormalise {
		/// `[.., K]`.
		value: TensorId,
		/// `[.., 1]`, from [`Operator::RootMeanSquare`], with the fraction bits of `value`.
		rms: TensorId,
		/// int32 `[K]`, 16 fraction bits.
		gain: WeightId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Rotary position embedding. Output of the shape of `value`. Each head of `D = K / heads`
	/// elements, `D` even, turns element `d < H = D / 2` with element `d + H`, by the angle of
	/// position `p = P + s`:
	///
	/// ```text
	/// y[d]     = sat(rs(x[d] * c[p,d] - x[d+H] * s[p,d], 14))
	/// y[d + H] = sat(rs(x[d+H] * c[p,d] + x[d] * s[p,d], 14))
	/// ```
	///
	/// where entries `c` and `s` of the tables are clamped to `-16384..=16384`.
	/// Depends on: two elements, two table entries.
	#[codec(index = 24)]
	Rotate {
		/// `[B, S, K]`.
		value: TensorId,
		/// Parts of a row that turn alike.
		heads: u32,
		/// int32 `[rows, H]`, 14 fraction bits, a row for every position of the longest context.
		cosine: WeightId,
		/// The same for the sine.
		sine: WeightId,
	},
	/// Product of two tensors of one shape: `y = sat(rs(left * right, f_left + f_right - f))`, of
	/// which the shift is 1 or more. Depends on: one element of each.
	#[codec(index = 25)]
	Multiply {
		/// One factor.
		left: TensorId,
		/// The other.
		right: TensorId,
		/// Fraction bits of the output.
		fraction: u8,
	},
	/// Row of the step's last position: `y[b,k] = x[b,S-1,k]`. Output `[B, K]`.
	/// Depends on: one element.
	#[codec(index = 26)]
	Last {
		/// `[B, S, K]`.
		value: TensorId,
	},
	/// The likeliest token: the lowest index of the largest element. Output: tokens `[B]` of a
	/// vocabulary of `V`.
	///
	/// Depends on: one row. Reduces in blocks of 2048 elements: zero `(-2^31, 0)`, fold takes an
	/// element and its index where it is larger, finish the index.
	#[codec(index = 27)]
	ArgMax {
		/// `[B, V]`.
		value: TensorId,
	},
	/// Distance of scores from the largest of their row, over the temperature of the job's
	/// sampling. Output of the shape of `value`, 16 fraction bits.
	///
	/// `y = sat(rd((x - max) * 2^16, temperature))`. The temperature, 16 fraction bits, is 65536
	/// where the job samples nothing. The maximum goes first, so that what a low temperature
	/// saturates are the scores far below it, and never the likeliest ones.
	/// Depends on: one element, one maximum.
	#[codec(index = 28)]
	Temper {
		/// `[B, V]`, 16 fraction bits.
		value: TensorId,
		/// `[B]`, from [`Operator::SoftmaxMax`] of `value`.
		max: TensorId,
	},
	/// Histogram of the weights `e` of a vocabulary, in two levels of digits: the high digit of a
	/// weight is `e >> 8`, within `0..=256`, the low one `e & 255`.
	///
	/// Without `cut` the output is `[B, 257]`, and bin `i` is over the elements with high digit
	/// `i`. With it, it is `[B, 256]`, and bin `i` is over those with high digit `cut[0]` and low
	/// digit `i`. Elements that are 0 are in no bin. A bin is `sat(number of elements)` or
	/// `sat(sum rs0(e, shift))`; `V * 65556 < 2^(31 + shift)`.
	/// Depends on: one row, one element of `cut`. Reduces in blocks of 2048 elements: zero 0, fold
	/// `a + 1` or `a + rs0(e, shift)` for elements of the bin, finish `sat(a)`.
	#[codec(index = 29)]
	Tally {
		/// `[B, V]`, from [`Operator::SoftmaxExp`] or [`Operator::Keep`].
		weights: TensorId,
		/// `[B, 2]`, from [`Operator::Cut`].
		cut: Option<TensorId>,
		/// What a bin holds.
		by: TallyBy,
	},
	/// Where the tokens that may be drawn end, as a high digit and what is still needed there.
	/// Output `[B, 2]`.
	///
	/// From bin 256 down, the first bin where the running sum reaches the need `n` gives
	/// `(bin, n - sum of the bins above)`. Where it is never reached, or `n = 0`, it is
	/// `(0, 2^31 - 1)`. By [`CutBy::TopK`], `n = top_k`; by [`CutBy::TopP`],
	/// `n = max(1, rd(total * top_p, 2^16))`, `total` the sum of all bins. A job that samples
	/// nothing has `top_k = 0` and `top_p = 65536`.
	/// Depends on: one row of 257.
	#[codec(index = 30)]
	Cut {
		/// `[B, 257]`, from [`Operator::Tally`]: numbers for top-k, masses for top-p.
		tally: TensorId,
		/// Which need.
		by: CutBy,
	},
	/// The least weight that may be drawn. Output `[B, 1]`, 16 fraction bits.
	///
	/// From bin 255 down, the first bin `j` where the running sum reaches `cut[1]` gives
	/// `cut[0] * 256 + j`; `cut[0] * 256` where it is never reached. All tokens whose weight equals
	/// the least one may be drawn.
	/// Depends on: one row of 256, both elements of `cut`.
	#[codec(index = 31)]
	Threshold {
		/// `[B, 2]`, from [`Operator::Cut`].
		cut: TensorId,
		/// `[B, 256]`, from the [`Operator::Tally`] that was made with this cut.
		tally: TensorId,
	},
	/// Weights that may be drawn: `e` where `e >= threshold`, else 0. Output of the shape of
	/// `weights`. Depends on: one element, one threshold.
	#[codec(index = 32)]
	Keep {
		/// `[B, V]`, from [`Operator::SoftmaxExp`] or [`Operator::Keep`].
		weights: TensorId,
		/// `[B, 1]`, from [`Operator::Threshold`].
		threshold: TensorId,
	},
	/// Sums of 256 weights each: `y[b,n] = sum of rs0(e[b,i], shift)` over `i` within
	/// `256 n..256 (n + 1)`. Output `[B, ceil(V / 256)]`; `V * 65556 < 2^(31 + shift)`.
	/// Depends on: 256 elements, one block: zero 0, fold `a + rs0(e, shift)`, finish `sat(a)`.
	#[codec(index = 33)]
	BlockSum {
		/// `[B, V]`, from [`Operator::SoftmaxExp`] or [`Operator::Keep`].
		weights: TensorId,
		/// Bits dropped of each weight.
		shift: u8,
	},
	/// A block drawn in proportion to its sum, and a place in it. Output `[B, 2]`.
	///
	/// ```text
	/// r = first 8 bytes, little-endian, of H(H("assay/sample/1" ++ seed) ++ u32le step ++ u32le b)
	/// u = floor(r * total / 2^64),           total the sum of all blocks, H blake2-256
	/// ```
	///
	/// The first block whose running sum exceeds `u` gives `(block, u - sum of the blocks before)`;
	/// `(0, 0)` where there is none, as `total` is 0. A job that samples nothing has a seed of 32
	/// zero bytes. A program has one such operator at most: two would draw the same numbers.
	/// Depends on: one row.
	#[codec(index = 34)]
	Draw {
		/// `[B, N]`, from [`Operator::BlockSum`].
		sums: TensorId,
	},
	/// The token drawn: in block `draw[0]`, the first element whose running sum of `rs0(e, shift)`
	/// exceeds `draw[1]`; the block's first where there is none. Output: tokens `[B]` of a
	/// vocabulary of `V`.
	/// Depends on: 256 elements, both elements of `draw`.
	#[codec(index = 35)]
	Pick {
		/// `[B, V]`, what was summed for `draw`.
		weights: TensorId,
		/// `[B, 2]`, from [`Operator::Draw`].
		draw: TensorId,
		/// As it was summed for `draw`.
		shift: u8,
	},
	/// The next token of each row. Output: tokens `[B]`.
	///
	/// -1 where the id of the step's last position is -1, else `sampled` if the job samples, else
	/// `greedy`.
	/// Depends on: one id, one token.
	#[codec(index = 36)]
	Choose {
		/// Token ids `[B, S]`.
		ids: TensorId,
		/// Tokens `[B]` for a job that samples nothing.
		greedy: TensorId,
		/// Tokens `[B]` for a job that samples.
		sampled: TensorId,
	},
	/// The input: int8 `[B, S, width]`, any values. Always the first operator, and never another
	/// one; not of a decoder.
	#[codec(index = 37)]
	Samples {
		/// Elements of a position.
		width: u32,
	},
	/// Causal convolution over positions, all channels with all. Output: int8 `[B, S, N]`.
	///
	/// ```text
	/// acc = sum over t, k of (x[b, s-(T-1)+t, k] - zero) * w[n,t,k]      (int32; T * K <= 2048)
	/// ```
	///
	/// and `y` by the row's scale and bias, see above. Positions before the first count as `zero`.
	/// Depends on: the last `T` positions, one row of weights, one scale and bias. One block: zero
	/// 0, fold `a + (x - zero) * w`, finish the rescaling.
	#[codec(index = 38)]
	Convolution {
		/// int8 `[B, S, K]`.
		value: TensorId,
		/// The element of `value` that stands for 0.
		zero: i8,
		/// int8 `[N, T, K]`.
		weights: WeightId,
		/// From sums to int8.
		rescale: Rescale,
	},
	/// Causal convolution over positions, each channel by itself. Output: int8 `[B, S, K]`.
	///
	/// ```text
	/// acc = sum over t of (x[b, s-(T-1)+t, k] - zero) * w[t,k]           (int32; T <= 2048)
	/// ```
	///
	/// and `y` by the channel's scale and bias, see above. Positions before the first count as
	/// `zero`.
	/// Depends on: one channel of the last `T` positions, one column of weights, one scale and
	/// bias. One block: zero 0, fold `a + (x - zero) * w`, finish the rescaling.
	#[codec(index = 39)]
	Depthwise {
		/// int8 `[B, S, K]`.
		value: TensorId,
		/// The element of `value` that stands for 0.
		zero: i8,
		/// int8 `[T, K]`.
		weights: WeightId,
		/// From sums to int8.
		rescale: Rescale,
	},
	/// A function of a byte: `y = table[x + 128]`. Output: fixed point of the shape of `value`.
	/// Depends on: one element, one entry.
	#[codec(index = 40)]
	Lookup {
		/// Any int8 tensor.
		value: TensorId,
		/// int32 `[256]` with the fraction bits of the output.
		table: WeightId,
		/// Fraction bits of the output.
		fraction: u8,
	},
}
