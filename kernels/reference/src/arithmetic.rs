//! The two rounding rules, the one of float32, saturation, the exact root: all that operators are
//! made of.
//!
//! Everything is total. Where a bound is proved by validation, arithmetic saturates all the same,
//! so that a caller who skips validation gets a number and no panic.

use assay_program::limits::{MAX_SHIFT, SQUARE_LIMIT};

/// Bits of a float32's significand.
const SIGNIFICANT_BITS: u32 = 24;

/// `(x + 2^(s-1)) >> s`, arithmetic: half rounds up. `s` is 1 to 62.
#[inline]
pub fn round_shift(value: i64, shift: u32) -> i64 {
	let shift = shift.clamp(1, MAX_SHIFT);
	let half = 1i64.wrapping_shl(shift.saturating_sub(1));
	value.saturating_add(half).wrapping_shr(shift)
}

/// [`round_shift`], and the value itself where `s` is 0.
#[inline]
pub fn round_shift_or_none(value: i64, shift: u32) -> i64 {
	if shift == 0 {
		value
	} else {
		round_shift(value, shift)
	}
}

/// `floor((2n + d) / (2d))`: half rounds up. A divisor below 1 counts as 1.
#[inline]
pub fn round_div(numerator: i64, divisor: i64) -> i64 {
	let divisor = divisor.max(1);
	// floor(n/d + 1/2) without the sum 2n + d, which could leave int64.
	let quotient = numerator.div_euclid(divisor);
	let rest = numerator.rem_euclid(divisor);
	let up = rest >= divisor.saturating_sub(rest);
	quotient.saturating_add(i64::from(up))
}

/// `x / 2^s`, half to the even neighbour. `s` is 0 to 62. Only for what rounds as float32 does.
#[inline]
pub fn round_even(value: i64, shift: u32) -> i64 {
	let shift = shift.min(MAX_SHIFT);
	let floor = value.wrapping_shr(shift);
	let Some(below_half) = shift.checked_sub(1) else { return value };
	let half = 1i64.wrapping_shl(below_half);
	let rest = value.wrapping_sub(floor.wrapping_shl(shift));
	let up = rest > half || (rest == half && floor & 1 == 1);
	floor.saturating_add(i64::from(up))
}

/// Rounds to the 24 significant bits of a float32, half to the even neighbour.
#[inline]
pub fn round_significant(value: i64) -> i64 {
	let bits = u64::BITS.saturating_sub(value.unsigned_abs().leading_zeros());
	let dropped = bits.saturating_sub(SIGNIFICANT_BITS);
	round_even(value, dropped).wrapping_shl(dropped)
}

/// Into int32, the nearest value.
#[inline]
pub fn saturate(value: i64) -> i32 {
	i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

/// Into `-(2^25-1)..=2^25-1`, where squares of a row of 8192 elements sum below 2^63.
#[inline]
pub fn clamp25(value: i64) -> i64 {
	value.clamp(SQUARE_LIMIT.saturating_neg(), SQUARE_LIMIT)
}

/// `value * 2^bits`, saturating.
#[inline]
pub fn scale_up(value: i64, bits: u32) -> i64 {
	value.saturating_mul(1i64.wrapping_shl(bits.min(MAX_SHIFT)))
}

/// The exact floor square root; 0 for a negative value.
#[inline]
pub fn root(value: i64) -> i64 {
	value.checked_isqrt().unwrap_or(0)
}

/// `max(0, m)`: the multiplier of a row of weights.
#[inline]
pub fn multiplier(scale: i32) -> i64 {
	i64::from(scale.max(0))
}
