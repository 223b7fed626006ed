//! Function tables.

use crate::quantise::fixed_value;

/// Intervals of the table of [`gelu`].
pub(crate) const GELU_INTERVALS: u32 = 4096;
/// An interval is `2^8` wide at 16 fraction bits, so the table reaches from -8 to 8.
pub(crate) const GELU_SHIFT: u8 = 8;
const GELU_FRACTION: u8 = 16;

/// `gelu(x) - max(0, x)` at the ends of all intervals, 16 fraction bits.
///
/// Linear interpolation is off by at most a quarter of the last bit, since the second derivative
/// stays below 0.8: `(2^-8)^2 / 8 * 0.8 < 2^-19`. The corner at 0 lies on the end of an interval.
pub(crate) fn gelu() -> Vec<i32> {
	let half = f64::from(GELU_INTERVALS / 2);
	let width = f64::from(1u32 << GELU_SHIFT) / f64::from(1u32 << GELU_FRACTION);
	(0..=GELU_INTERVALS)
		.map(|index| {
			let x = (f64::from(index) - half) * width;
			let gelu = x * 0.5 * (1.0 + libm::erf(x / core::f64::consts::SQRT_2));
			// Within -0.2..=0, so it always fits.
			fixed_value(gelu - x.max(0.0), GELU_FRACTION).unwrap_or(0)
		})
		.collect()
}

/// Intervals of the table of [`silu`].
const SILU_INTERVALS: u32 = 8192;
/// An interval is `2^8` wide at 16 fraction bits, so the table reaches from -16 to 16.
pub(crate) const SILU_SHIFT: u8 = 8;
const SILU_FRACTION: u8 = 16;

/// `silu(x) - max(0, x)` at the ends of all intervals, 16 fraction bits.
///
/// Linear interpolation is off by less than the last bit: the second derivative is at most 0.5, and
/// `(2^-8)^2 / 8 * 0.5 = 2^-20`. Beyond the ends the function is below half of the last bit.
pub(crate) fn silu() -> Vec<i32> {
	let half = f64::from(SILU_INTERVALS / 2);
	let width = f64::from(1u32 << SILU_SHIFT) / f64::from(1u32 << SILU_FRACTION);
	(0..=SILU_INTERVALS)
		.map(|index| {
			let x = ((f64::from(index) - half) * width).abs();
			// For positive and negative x alike. Within -0.3..=0, so it always fits.
			fixed_value(-x / (1.0 + libm::exp(x)), SILU_FRACTION).unwrap_or(0)
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn gelu_table_is_zero_at_both_ends_and_at_the_corner() {
		let table = gelu();
		assert_eq!(table.len(), 4097);
		assert_eq!((table[0], table[2048], table[4096]), (0, 0, 0));
	}

	#[test]
	fn gelu_table_holds_the_function() {
		let table = gelu();
		// gelu(1) = 0.841344746..., gelu(-1) = -0.158655254...
		assert_eq!(table[2048 + 256], (-0.158_655_254_f64 * 65536.0).round() as i32);
		assert_eq!(table[2048 - 256], (-0.158_655_254_f64 * 65536.0).round() as i32);
	}

	#[test]
	fn silu_table_holds_the_function() {
		let table = silu();
		assert_eq!(table.len(), 8193);
		assert_eq!((table[0], table[4096], table[8192]), (0, 0, 0));
		// silu(1) = 0.731058578..., silu(-1) = -0.268941421...
		assert_eq!(table[4096 + 256], (-0.268_941_421_f64 * 65536.0).round() as i32);
		assert_eq!(table[4096 - 256], (-0.268_941_421_f64 * 65536.0).round() as i32);
	}
}
