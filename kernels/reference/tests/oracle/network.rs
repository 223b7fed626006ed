//! Networks that are int8 throughout.

use super::{power, sat, Scene};
use assay_program::{Operator, Rescale};

/// `numerator / 2^shift`, half to even: by looking at both neighbours.
pub fn even(value: i128, shift: i128) -> i128 {
	let below = value.div_euclid(power(shift));
	let to_below = value - below * power(shift);
	let to_above = (below + 1) * power(shift) - value;
	match to_below.cmp(&to_above) {
		std::cmp::Ordering::Less => below,
		std::cmp::Ordering::Greater => below + 1,
		std::cmp::Ordering::Equal => below + below.rem_euclid(2),
	}
}

/// The nearest number of 24 significant bits.
pub fn near(value: i128) -> i128 {
	let mut dropped = 0;
	while value.abs() >= power(24 + dropped) {
		dropped += 1;
	}
	even(value, dropped) * power(dropped)
}

/// What a sum becomes.
pub fn rescaled(sum: i128, scale: i128, bias: i128, shift: i128, zero: i128, least: i128) -> i128 {
	let product = near(near(sat(sum + bias)) * near(scale.max(0)));
	(even(product, shift) + zero).clamp(least, 127)
}

impl Scene<'_> {
	pub(super) fn network(&self, operator: &Operator, at: &[usize]) -> i128 {
		match operator {
			Operator::Samples { .. } => panic!("an input is not computed"),
			Operator::Convolution { value, zero, weights, rescale } => {
				let (value, [b, s, n]) = (self.tensor(value), at) else { panic!() };
				let (taps, width) = (self.weight_dim(weights, 1), self.weight_dim(weights, 2));
				let mut sum = 0;
				for t in 0..taps {
					for k in 0..width {
						let Some(place) = (s + t + 1).checked_sub(taps) else { continue };
						let distance = value.at(&[*b, place, k]) - i128::from(*zero);
						sum += distance * self.weight(weights, (n * taps + t) * width + k);
					}
				}
				self.rescale(sum, rescale, *n)
			},
			Operator::Depthwise { value, zero, weights, rescale } => {
				let (value, [b, s, k]) = (self.tensor(value), at) else { panic!() };
				let (taps, width) = (self.weight_dim(weights, 0), self.weight_dim(weights, 1));
				let mut sum = 0;
				for t in 0..taps {
					let Some(place) = (s + t + 1).checked_sub(taps) else { continue };
					let distance = value.at(&[*b, place, *k]) - i128::from(*zero);
					sum += distance * self.weight(weights, t * width + k);
				}
				self.rescale(sum, rescale, *k)
			},
			Operator::Lookup { value, table, .. } => {
				self.weight(table, (self.tensor(value).at(at) + 128) as usize)
			},
			_ => panic!("{} has no formula here", operator.name()),
		}
	}

	fn rescale(&self, sum: i128, rescale: &Rescale, channel: usize) -> i128 {
		assert_eq!(sum, sat(sum));
		let Rescale { scales, bias, shift, zero, least } = rescale;
		let (scale, bias) = (self.weight(scales, channel), self.weight(bias, channel));
		rescaled(sum, scale, bias, (*shift).into(), (*zero).into(), (*least).into())
	}
}
