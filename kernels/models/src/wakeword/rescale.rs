//! From TensorFlow Lite's scales to multipliers.

/// Bits of a float32's significand.
const SIGNIFICANT: u32 = 24;
/// Bits a multiplier has to spare beside a significand.
const SPARE: i32 = 31 - SIGNIFICANT as i32;

/// Multipliers and the shift they share, such that `multiplier / 2^shift` is exactly the float32
/// that the published kernels multiply accumulators with: `input * weights / output`, each step
/// rounded.
///
/// None where that number is not a normal one, or the shift leaves `1..=62`, or the scales of the
/// rows differ by so much that one shift does not serve all.
pub(super) fn multipliers(input: f32, weights: &[f32], output: f32) -> Option<(Vec<i32>, u8)> {
	let parts = weights
		.iter()
		.map(|weight| significand(input * weight / output))
		.collect::<Option<Vec<(i32, i32)>>>()?;
	let largest = parts.iter().map(|(_, exponent)| *exponent).max()?;
	let shift = u8::try_from(SPARE - largest).ok().filter(|shift| (1..=62).contains(shift))?;
	let multiplier = |(significand, exponent): &(i32, i32)| {
		let room = u32::try_from(SPARE + exponent - largest).ok()?;
		significand.checked_shl(room)
	};
	Some((parts.iter().map(multiplier).collect::<Option<_>>()?, shift))
}

/// A positive, normal float32 as an integer of 24 bits and a power of two.
fn significand(value: f32) -> Option<(i32, i32)> {
	if !value.is_normal() || value < 0.0 {
		return None;
	}
	let bits = value.to_bits();
	let exponent = (bits >> (SIGNIFICANT - 1)) as i32 - 127 - (SIGNIFICANT as i32 - 1);
	let leading = 1 << (SIGNIFICANT - 1);
	Some((((bits & (leading - 1)) | leading) as i32, exponent))
}

/// `round(256 / (1 + exp(-x)))` for the 256 values that `x = scale * (byte - zero)` can have, at
/// most 255.
///
/// Entries of the published networks are at least 0.003 away from the middle between two integers,
/// so it does not matter how exactly the exponential is computed.
pub(super) fn logistic(scale: f32, zero: i8) -> Vec<i32> {
	let entry = |byte: i32| {
		let x = f64::from(scale) * f64::from(byte - i32::from(zero));
		let value = 256.0 / (1.0 + libm::exp(-x));
		libm::round(value).clamp(0.0, 255.0) as i32
	};
	(-128..128).map(entry).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test panics to fail")]
mod tests {
	use super::*;

	#[test]
	fn multipliers_are_the_scales_exactly() {
		let (input, output) = (0.019_263_77f32, 0.037_182_35f32);
		let weights = [0.001_801_29f32, 0.014_5, 0.000_9, 0.05];
		let (multipliers, shift) = multipliers(input, &weights, output).unwrap();
		assert!(multipliers.iter().max().unwrap() >= &(1 << 30));
		for (weight, multiplier) in weights.iter().zip(multipliers) {
			let back = f64::from(multiplier) / 2f64.powi(shift.into());
			assert_eq!(back, f64::from(input * weight / output));
		}
	}

	#[test]
	fn one_shift_serves_scales_that_differ_by_two_to_the_seven() {
		assert_eq!(multipliers(1.0, &[0.5, 0.5 / 128.0], 1.0), Some((vec![1 << 30, 1 << 23], 31)));
		assert_eq!(multipliers(1.0, &[0.5, 0.5 / 256.0], 1.0), None);
	}

	#[test]
	fn fails_when_a_scale_is_no_ordinary_number() {
		for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 1e30, 1e-30] {
			assert_eq!(multipliers(1.0, &[scale], 1.0), None, "{scale}");
		}
		assert_eq!(multipliers(1.0, &[], 1.0), None);
		assert_eq!(multipliers(1.0, &[1.0], 0.0), None);
	}

	#[test]
	fn the_logistic_table_rises_from_zero_to_255() {
		let table = logistic(0.1, -3);
		assert_eq!(table.len(), 256);
		assert!(table.is_sorted());
		assert_eq!((table[0], table[125], table[255]), (0, 128, 255));
	}
}
