//! One output element of each operator, or one step of its reduction, as a pure function. The
//! formulas are written at [`assay_program::Operator`].

mod choice;
mod convolution;
mod decoder;

pub use choice::*;
pub use convolution::*;
pub use decoder::*;

use crate::arithmetic::{
	clamp25, multiplier, root, round_div, round_shift, round_shift_or_none, saturate, scale_up,
};
use assay_program::{
	limits::{NORMAL_FRACTION, PROBABILITY_FRACTION},
	quantised_limit, TableBase,
};

/// ln 2 with 16 fraction bits.
const LN2: i64 = 45_426;
/// Constants of the second-degree polynomial for `exp(-r)`, `0 <= r < ln 2`, 16 fraction bits:
/// `0.3585 * (1.353 - r)^2 + 0.344`.
const EXP_VERTEX: i64 = 88_670;
const EXP_SLOPE: i64 = 23_495;
const EXP_FLOOR: i64 = 22_546;
/// Halvings after which an exponential is 0.
const EXP_HALVINGS: i64 = 23;

/// `Embed`: a table element times its row's multiplier.
#[inline]
pub fn embed(entry: i8, scale: i32, shift: u32) -> i32 {
	saturate(round_shift(i64::from(entry).saturating_mul(multiplier(scale)), shift))
}

/// `Add`.
#[inline]
pub fn add(left: i32, right: i32) -> i32 {
	left.saturating_add(right)
}

/// `RowMax`, fold; zero is 0.
#[inline]
pub fn row_max_fold(partial: i64, value: i32) -> i64 {
	partial.max(i64::from(value.unsigned_abs()))
}

/// `RowMax`, finish.
#[inline]
pub fn row_max_finish(partial: i64) -> i32 {
	saturate(partial.max(1))
}

/// `Quantise`. The result fits int16 because `Q` does.
#[inline]
pub fn quantise(value: i32, max: i32, bits: u8) -> i16 {
	let limit = quantised_limit(bits);
	let ratio = round_div(i64::from(value).saturating_mul(limit), max.into());
	let clamped = ratio.clamp(limit.saturating_neg(), limit);
	i16::try_from(clamped).unwrap_or(0)
}

/// `max(1, A) * 2^(bits-1) / Q`: the scale of a quantised row.
#[inline]
pub fn factor(max: i32, bits: u8) -> i64 {
	let max = i64::from(max.max(1));
	round_div(scale_up(max, u32::from(bits).saturating_sub(1)), quantised_limit(bits))
}

/// `Linear`, finish: the accumulated products times both scales, plus bias.
#[inline]
pub fn linear_finish(products: i32, scale: i32, bias: i32, factor: i64, shifts: (u32, u32)) -> i32 {
	let scaled = i64::from(products).saturating_mul(multiplier(scale));
	let middle = i64::from(saturate(round_shift(scaled, shifts.0)));
	let value = round_shift(middle.saturating_mul(factor), shifts.1);
	saturate(value.saturating_add(bias.into()))
}

/// `Scores`, finish: the accumulated products times both scales.
#[inline]
pub fn scores_finish(products: i32, query_factor: i64, key_factor: i64, shifts: (u32, u32)) -> i32 {
	let scaled = i64::from(products).saturating_mul(query_factor);
	let middle = i64::from(saturate(round_shift(scaled, shifts.0)));
	saturate(round_shift(middle.saturating_mul(key_factor), shifts.1))
}

/// `SoftmaxMax`, zero of the fold.
pub const SOFTMAX_MAX_ZERO: i32 = i32::MIN;

/// `SoftmaxMax`, fold.
#[inline]
pub fn softmax_max_fold(partial: i32, score: i32, valid: bool) -> i32 {
	if valid {
		partial.max(score)
	} else {
		partial
	}
}

/// `SoftmaxExp`.
#[inline]
pub fn softmax_exp(score: i32, max: i32, valid: bool) -> i32 {
	if !valid {
		return 0;
	}
	let below = i64::from(max).saturating_sub(score.into()).clamp(0, i64::from(i32::MAX));
	let halvings = below.div_euclid(LN2);
	if halvings > EXP_HALVINGS {
		return 0;
	}
	let base = EXP_VERTEX.saturating_sub(below.rem_euclid(LN2));
	let square = round_shift(base.saturating_mul(base), 16);
	let value = round_shift(square.saturating_mul(EXP_SLOPE), 16).saturating_add(EXP_FLOOR);
	match u32::try_from(halvings) {
		Ok(shift) if shift > 0 => saturate(round_shift(value, shift)),
		_ => saturate(value),
	}
}

/// `SoftmaxSum`, fold; zero is 0.
#[inline]
pub fn softmax_sum_fold(partial: i64, exponential: i32) -> i64 {
	partial.saturating_add(exponential.into())
}

/// `SoftmaxSum`, finish.
#[inline]
pub fn softmax_sum_finish(partial: i64) -> i32 {
	saturate(partial)
}

/// `SoftmaxNormalise`.
#[inline]
pub fn softmax_normalise(exponential: i32, sum: i32) -> i32 {
	let part = scale_up(i64::from(exponential.clamp(0, 1 << 17)), PROBABILITY_FRACTION.into());
	saturate(round_div(part, sum.into()).min(32_767))
}

/// `ContextWeight`.
#[inline]
pub fn context_weight(probability: i32, max: i32, shift: u32) -> i32 {
	saturate(round_shift(i64::from(probability).saturating_mul(max.into()), shift))
}

/// The scale of a row of context weights, and the constant part of the scale of the values.
#[inline]
pub fn context_factor(max: i32, weight_bits: u8, value_bits: u8) -> i64 {
	let bits = u32::from(weight_bits).saturating_add(value_bits.into()).saturating_sub(2);
	let limits = quantised_limit(weight_bits).saturating_mul(quantised_limit(value_bits));
	round_div(scale_up(i64::from(max.max(1)), bits), limits)
}

/// `Context`, fold; zero is 0.
#[inline]
pub fn context_fold(partial: i64, weight: i16, value: i16) -> i64 {
	partial.saturating_add(i64::from(weight).saturating_mul(value.into()))
}

/// `Context`, finish.
#[inline]
pub fn context_finish(products: i64, factor: i64, shifts: (u32, u32)) -> i32 {
	let middle = i64::from(saturate(round_shift_or_none(products, shifts.0)));
	saturate(round_shift(middle.saturating_mul(factor), shifts.1))
}

/// `Mean`, fold; zero is 0.
#[inline]
pub fn mean_fold(partial: i64, value: i32) -> i64 {
	partial.saturating_add(value.into())
}

/// `Mean` and `MeanPool`, finish.
#[inline]
pub fn mean_finish(partial: i64, count: i64) -> i32 {
	saturate(round_div(partial, count))
}

/// `Deviation`, fold; zero is 0.
#[inline]
pub fn deviation_fold(partial: i64, value: i32, mean: i32) -> i64 {
	let distance = clamp25(i64::from(value).saturating_sub(mean.into()));
	partial.saturating_add(distance.saturating_mul(distance))
}

/// `Deviation` and `RootMeanSquare`, finish; `guard` is the number of fraction bits the output has
/// more.
#[inline]
pub fn deviation_finish(partial: i64, count: i64, epsilon: u32, guard: u32) -> i32 {
	let square = round_div(partial, count).saturating_add(epsilon.into());
	saturate(root(scale_up(square, guard.saturating_mul(2))))
}

/// `Normalise`: what an element needs besides itself.
#[derive(Clone, Copy, Debug)]
pub struct Normal {
	/// Mean of the row.
	pub mean: i32,
	/// Deviation of the row.
	pub deviation: i32,
	/// Fraction bits that the deviation has more than the value.
	pub guard: u32,
	/// Shift after the gain.
	pub shift: u32,
}

/// `Normalise`.
#[inline]
pub fn normalise(value: i32, normal: &Normal, gain: i32, bias: i32) -> i32 {
	let distance = clamp25(i64::from(value).saturating_sub(normal.mean.into()));
	let raised = scale_up(distance, u32::from(NORMAL_FRACTION).saturating_add(normal.guard));
	let ratio = i64::from(saturate(round_div(raised, normal.deviation.into())));
	let gained = round_shift(ratio.saturating_mul(gain.into()), normal.shift);
	saturate(gained.saturating_add(bias.into()))
}

/// `Table`. `entries` is the whole table; at most two of them are read.
#[inline]
pub fn table(value: i32, entries: &[i32], shift: u8, base: TableBase) -> i32 {
	table_by(value, entries.len(), |index| entries.get(index).copied(), shift, base)
}

/// [`table`] with `length` entries that lie anywhere.
#[inline]
pub fn table_by(
	value: i32,
	length: usize,
	entry: impl Fn(usize) -> Option<i32>,
	shift: u8,
	base: TableBase,
) -> i32 {
	let shift = u32::from(shift);
	let intervals = i64::try_from(length.saturating_sub(1)).unwrap_or(0);
	let end = scale_up(intervals, shift);
	let middle = scale_up(intervals.div_euclid(2), shift);
	let offset = i64::from(value).saturating_add(middle).clamp(0, end);
	let interval = offset.wrapping_shr(shift);
	let rest = offset.saturating_sub(scale_up(interval, shift));
	let index = usize::try_from(interval).unwrap_or(0);
	let entry = |index: usize| entry(index).map_or(0, i64::from);
	let from = entry(index);
	let step = if interval < intervals {
		let slope = entry(index.saturating_add(1)).saturating_sub(from);
		round_shift(slope.saturating_mul(rest), shift)
	} else {
		0
	};
	let start = match base {
		TableBase::Zero => 0,
		TableBase::Relu => i64::from(value.max(0)),
	};
	saturate(start.saturating_add(from).saturating_add(step))
}

/// `L2Norm`, fold; zero is 0.
#[inline]
pub fn l2_norm_fold(partial: i64, value: i32) -> i64 {
	let value = clamp25(value.into());
	partial.saturating_add(value.saturating_mul(value))
}

/// `L2Norm`, finish.
#[inline]
pub fn l2_norm_finish(partial: i64) -> i32 {
	saturate(root(partial))
}

/// `L2Normalise`.
#[inline]
pub fn l2_normalise(value: i32, norm: i32, fraction: u8) -> i32 {
	saturate(round_div(scale_up(clamp25(value.into()), fraction.into()), norm.into()))
}
