//! What a decoder does to rows besides what an encoder does.

use crate::arithmetic::{clamp25, round_div, round_shift, round_shift_or_none, saturate, scale_up};
use assay_program::limits::{NORMAL_FRACTION, ROTATION_FRACTION};

/// `RootMeanSquare`, fold; zero is 0. It finishes as `Deviation` does.
#[inline]
pub fn root_mean_square_fold(partial: i64, value: i32, shift: u32) -> i64 {
	let value = clamp25(round_shift_or_none(value.into(), shift));
	partial.saturating_add(value.saturating_mul(value))
}

/// `RmsNormalise`.
#[inline]
pub fn rms_normalise(value: i32, rms: i32, gain: i32, shift: u32) -> i32 {
	let raised = scale_up(value.into(), NORMAL_FRACTION.into());
	let ratio = i64::from(saturate(round_div(raised, rms.into())));
	saturate(round_shift(ratio.saturating_mul(gain.into()), shift))
}

/// An entry of a table of `Rotate`: at most 1.
#[inline]
fn entry(value: i32) -> i64 {
	let one = scale_up(1, ROTATION_FRACTION.into());
	i64::from(value).clamp(one.saturating_neg(), one)
}

/// `Rotate`, for the lower one of a pair of elements.
#[inline]
pub fn rotate_low(low: i32, high: i32, cosine: i32, sine: i32) -> i32 {
	let (along, across) = (entry(cosine), entry(sine));
	let turned =
		i64::from(low).saturating_mul(along).saturating_sub(i64::from(high).saturating_mul(across));
	saturate(round_shift(turned, ROTATION_FRACTION.into()))
}

/// `Rotate`, for the upper one of a pair of elements.
#[inline]
pub fn rotate_high(low: i32, high: i32, cosine: i32, sine: i32) -> i32 {
	let (along, across) = (entry(cosine), entry(sine));
	let turned =
		i64::from(high).saturating_mul(along).saturating_add(i64::from(low).saturating_mul(across));
	saturate(round_shift(turned, ROTATION_FRACTION.into()))
}

/// `Multiply`.
#[inline]
pub fn multiply(left: i32, right: i32, shift: u32) -> i32 {
	saturate(round_shift(i64::from(left).saturating_mul(right.into()), shift))
}
