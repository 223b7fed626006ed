//! Networks that are int8 throughout: against their formulas in int128, against float32, and what
//! must hold of positions and batches.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod oracle;

use assay_program::{Limits, Operator, Outcome, Parameters, Program, Rescale, WeightKind};
use assay_reference::{
	arithmetic, element, run,
	sample::{self, Builder, NetworkShape, Style},
};
use oracle::{
	check::{check, hostile, style},
	network,
};
use proptest::prelude::*;

fn shape() -> impl Strategy<Value = NetworkShape> {
	let sizes = (0u32..3, 1u32..9, 1u32..7, 1u32..9);
	(sizes, 20u8..=50, any::<i8>()).prop_map(|((layers, features, channels, taps), shift, zero)| {
		NetworkShape { layers, features, channels, taps, shift, zero, ..NetworkShape::SMALL }
	})
}

fn output(program: &Program, weights: &[u8], input: &[u8], batch: u32, sequence: u32) -> Vec<u8> {
	let parameters = Parameters::encoder(batch, sequence);
	match run(program, weights, input, &parameters).unwrap() {
		Outcome::Output { count: 1, data } => data,
		other => panic!("{other:?}"),
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn networks_follow_their_formulas(
		shape in shape(),
		style in style(),
		batch in 1u32..4,
		sequence in 1u32..12,
		seed in any::<u64>(),
	) {
		let program = sample::network(&shape);
		let weights = sample::weights(&program, style, seed);
		let input = sample::samples(&shape, batch, sequence, seed ^ 1);
		check(&program, &weights, &input, &Parameters::encoder(batch, sequence));
	}

	/// Of samples only the number can be wrong.
	#[test]
	fn any_samples_have_an_output(
		input in prop::collection::vec(any::<u8>(), 0..120),
		batch in 0u32..6,
		sequence in 0u32..20,
	) {
		let program = sample::network(&NetworkShape::SMALL);
		let weights = sample::weights(&program, Style::Random, 3);
		let parameters = Parameters::encoder(batch, sequence);
		let outcome = run(&program, &weights, &input, &parameters).unwrap();
		let fits = (1..=4).contains(&batch)
			&& (1..=16).contains(&sequence)
			&& input.len() == (batch * sequence * 12) as usize;
		prop_assert_eq!(fits, matches!(outcome, Outcome::Output { count: 1, .. }));
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16_384))]

	#[test]
	fn rescaling_for_any_operands(
		products in hostile(),
		scale in hostile(),
		bias in hostile(),
		shift in 1u32..=62,
		zero in any::<i8>(),
		least in any::<i8>(),
	) {
		let rescaling = element::Rescaling { shift, zero, least };
		let actual = element::convolution_finish(products, scale, bias, &rescaling);
		let [products, scale, bias] = [products, scale, bias].map(i128::from);
		let expected =
			network::rescaled(products, scale, bias, shift.into(), zero.into(), least.into());
		prop_assert_eq!(i128::from(actual), expected);
	}

	/// The formula is what float32 hardware does with the same operands.
	#[test]
	fn rescaling_is_a_float32_product(sum in hostile(), scale in hostile(), shift in 1u32..=62) {
		let rescaling = element::Rescaling { shift, zero: 0, least: i8::MIN };
		let actual = element::convolution_finish(sum, scale, 0, &rescaling);
		let product = sum as f32 * scale.max(0) as f32 * f32::from_bits((127 - shift) << 23);
		prop_assert_eq!(f32::from(actual), product.round_ties_even().clamp(-128.0, 127.0));
	}

	#[test]
	fn rounding_to_even(value in any::<i64>(), shift in 0u32..=62) {
		let expected = network::even(value.into(), shift.into());
		prop_assert_eq!(i128::from(arithmetic::round_even(value, shift)), expected);
	}

	#[test]
	fn rounding_to_significant_bits(value in -(1i64 << 62)..=1 << 62) {
		let rounded = arithmetic::round_significant(value);
		prop_assert_eq!(i128::from(rounded), network::near(value.into()));
		prop_assert_eq!(rounded as f32 as i64, rounded);
		prop_assert_eq!(value as f32, rounded as f32);
	}
}

#[test]
fn halves_go_to_even() {
	let halves = [(-3, -2), (-1, 0), (1, 0), (3, 2), (5, 2), (7, 4), (-5, -2), (-7, -4)];
	for (value, expected) in halves {
		assert_eq!(arithmetic::round_even(value, 1), expected);
	}
	assert_eq!(arithmetic::round_significant((1 << 24) + 1), 1 << 24);
	assert_eq!(arithmetic::round_significant((1 << 24) + 3), (1 << 24) + 4);
	assert_eq!(arithmetic::round_significant(-(1 << 24) - 3), -(1 << 24) - 4);
	assert_eq!(arithmetic::round_significant((1 << 25) - 1), 1 << 25);
}

/// A sum of the first network that float32 rounds up to a half and so to the even neighbour, where
/// the plain rule, given the exact product, rounds down.
#[test]
fn float32_differs_from_round_shift_where_it_should() {
	let scale = 0.000_260_963_8f32;
	let multiplier = (f64::from(scale) * 2f64.powi(42)) as i32;
	let differing = (1..1_000_000).filter(|sum| {
		let rescaling = element::Rescaling { shift: 42, zero: -128, least: i8::MIN };
		let float = element::convolution_finish(*sum, multiplier, 0, &rescaling);
		let plain = arithmetic::round_shift(i64::from(*sum) * i64::from(multiplier), 42) - 128;
		i64::from(float) != plain.clamp(-128, 127)
	});
	let differing: Vec<i32> = differing.collect();
	assert!((1..20).contains(&differing.len()), "{differing:?}");
}

/// The longest sum there is, of the worst operands, comes out exact: 2048 * 255 * 128.
#[test]
fn longest_sums_of_the_worst_operands() {
	let mut builder = Builder::new(Limits::encoder(1, 4));
	let value = builder.push(Operator::Samples { width: 512 });
	let weights = builder.weight(WeightKind::Int8, vec![1, 4, 512]);
	let (scales, bias) = (builder.vector(1), builder.vector(1));
	let rescale = Rescale { scales, bias, shift: 20, zero: 0, least: i8::MIN };
	let made = builder.push(Operator::Convolution { value, zero: i8::MIN, weights, rescale });
	let table = builder.vector(256);
	let output = builder.push(Operator::Lookup { value: made, table, fraction: 0 });
	let program = builder.finish(output);
	program.validate().unwrap();
	let mut blob = sample::weights(&program, Style::Extreme, 5);
	let range = program.weight_range(weights).unwrap();
	blob[range.start as usize..range.end as usize].fill(0x80);
	for scale in [0, 1, 1 << 20, i32::MAX] {
		for bias_value in [i32::MIN, 0, i32::MAX] {
			for (id, value) in [(scales, scale), (bias, bias_value)] {
				let start = program.weight_range(id).unwrap().start as usize;
				blob[start..start + 4].copy_from_slice(&i32::to_le_bytes(value));
			}
			check(&program, &blob, &[127; 2_048], &Parameters::encoder(1, 4));
		}
	}
}

#[test]
fn a_position_depends_on_none_after_it() {
	let shape = NetworkShape::SMALL;
	let program = sample::network(&shape);
	let weights = sample::weights(&program, Style::Plausible, 8);
	let input = sample::samples(&shape, 1, 16, 9);
	let whole = output(&program, &weights, &input, 1, 16);
	let distinct: std::collections::BTreeSet<&[u8]> = whole.chunks(4).collect();
	assert!(distinct.len() > 4, "the outputs of the sample hardly differ: {whole:?}");
	for length in 1..16 {
		let part = output(&program, &weights, &input[..length * 12], 1, length as u32);
		assert_eq!(part, whole[..length * 4]);
	}
}

#[test]
fn inputs_of_a_batch_do_not_mix() {
	let shape = NetworkShape::SMALL;
	let program = sample::network(&shape);
	let weights = sample::weights(&program, Style::Plausible, 10);
	let input = sample::samples(&shape, 4, 7, 11);
	let together = output(&program, &weights, &input, 4, 7);
	let alone: Vec<u8> =
		input.chunks(7 * 12).flat_map(|part| output(&program, &weights, part, 1, 7)).collect();
	assert_eq!(together, alone);
}
