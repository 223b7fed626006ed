//! Networks that are int8 throughout.

use crate::arithmetic::{multiplier, round_even, round_significant, saturate};

/// `Convolution` and `Depthwise`, fold; zero is 0. Validation proved that the sum fits.
#[inline]
pub fn convolution_fold(partial: i32, value: i8, zero: i8, weight: i8) -> i32 {
	let distance = i32::from(value).wrapping_sub(zero.into());
	partial.wrapping_add(distance.wrapping_mul(weight.into()))
}

/// What a sum becomes besides its channel's scale and bias.
#[derive(Clone, Copy, Debug)]
pub struct Rescaling {
	/// Bits dropped.
	pub shift: u32,
	/// Added at the end.
	pub zero: i8,
	/// Least result.
	pub least: i8,
}

/// `Convolution` and `Depthwise`, finish: bias and scale, rounded as float32 rounds.
#[inline]
pub fn convolution_finish(products: i32, scale: i32, bias: i32, rescaling: &Rescaling) -> i8 {
	let sum = saturate(i64::from(products).saturating_add(bias.into()));
	let scale = round_significant(multiplier(scale));
	let scaled = round_significant(round_significant(sum.into()).saturating_mul(scale));
	let value = round_even(scaled, rescaling.shift).saturating_add(rescaling.zero.into());
	let limited = value.max(rescaling.least.into()).min(i8::MAX.into());
	i8::try_from(limited).unwrap_or(i8::MAX)
}

/// `Lookup`: which entry of the table.
#[inline]
pub fn lookup_index(value: i8) -> usize {
	usize::from(value.to_le_bytes()[0] ^ 0x80)
}
