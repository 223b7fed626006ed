//! The reference against its formulas, written a second time in int128, over whole programs and
//! over the worst operands there are.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod oracle;

use assay_program::{merkle, EmbedBy, Limits, Operator, Outcome, Parameters, Program, TableBase};
use assay_reference::{
	arithmetic, element, run,
	sample::{self, Builder, Shape, Style},
	trace,
};
use codec::Encode;
use oracle::check::{check, hostile, style};
use proptest::prelude::*;
use std::time::Instant;

const README: &str = include_str!("../../README.md");

fn shape() -> impl Strategy<Value = Shape> {
	let heads = prop_oneof![Just(1u32), Just(2), Just(3)];
	let bits = prop_oneof![Just(8u8), Just(12)];
	(heads, 1u32..6, 1u32..20, bits, 8u8..=20, 1u32..20).prop_map(
		|(heads, depth, inner, bits, fraction, half)| Shape {
			heads,
			width: heads * depth,
			inner,
			bits,
			fraction,
			intervals: 2 * half,
			..Shape::SMALL
		},
	)
}

fn wide(value: impl Into<i128>) -> i128 {
	value.into()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn programs_follow_their_formulas(
		shape in shape(),
		style in style(),
		batch in 1u32..4,
		sequence in 1u32..8,
		seed in any::<u64>(),
	) {
		let program = sample::encoder(&shape);
		let weights = sample::weights(&program, style, seed);
		let input = sample::input(shape.vocabulary, batch, sequence, seed);
		check(&program, &weights, &input, &Parameters::encoder(batch, sequence));
	}

	/// Every input has an outcome, whatever its bytes and parameters are.
	#[test]
	fn any_input_has_an_outcome(
		input in prop::collection::vec(any::<u8>(), 0..80),
		batch in 0u32..6,
		sequence in 0u32..20,
	) {
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 3);
		let parameters = Parameters::encoder(batch, sequence);
		let outcome = run(&program, &weights, &input, &parameters).unwrap();
		let valid = program.validate_input(&input, &parameters);
		prop_assert_eq!(valid.err(), match outcome {
			Outcome::Invalid(code) => Some(code),
			Outcome::Output { .. } => None,
		});
	}

	/// A mutated program that is still valid runs to an end.
	#[test]
	fn mutated_programs_run(
		changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
	) {
		let mut bytes = sample::encoder(&Shape::SMALL).encode();
		for (index, byte) in changes {
			let index = index.index(bytes.len());
			bytes[index] = byte;
		}
		if let Ok(program) = Program::decode_validated(&bytes) {
			prop_assume!(program.weights_length() < 1 << 22);
			let Some(Operator::Tokens { vocabulary }) = program.operators.first() else {
				panic!("a valid program begins with its input");
			};
			let weights = sample::weights(&program, Style::Random, 1);
			let input = sample::input(*vocabulary, 1, 1, 1);
			let parameters = Parameters::encoder(1, 1);
			let outcome = run(&program, &weights, &input, &parameters).unwrap();
			let longest = program.cost_form().output_length(&parameters);
			let Outcome::Output { count: 1, data } = outcome else { panic!("{outcome:?}") };
			prop_assert_eq!(data.len() as u64, longest);
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(4_096))]

	#[test]
	fn rounding(value in any::<i64>(), shift in 1u32..=62, divisor in 1i64..=i64::MAX) {
		let halved = value >> 1;
		prop_assert_eq!(
			wide(arithmetic::round_shift(halved, shift)),
			oracle::round_shift(halved.into(), shift.into())
		);
		prop_assert_eq!(
			wide(arithmetic::round_div(value, divisor)),
			oracle::round_div(value.into(), divisor.into())
		);
	}

	#[test]
	fn roots_are_exact(value in 0..=i64::MAX) {
		let root = wide(arithmetic::root(value));
		prop_assert!(root * root <= value.into() && (root + 1) * (root + 1) > value.into());
	}

	#[test]
	fn linear_for_any_operands(
		products in hostile(),
		scale in hostile(),
		bias in hostile(),
		max in hostile(),
		eight in any::<bool>(),
		shifts in (1u32..=62, 1u32..=62),
	) {
		let (bits, limit) = if eight { (8u8, 127) } else { (12, 2_047) };
		let factor = oracle::round_div(wide(max.max(1)) << (bits - 1), limit);
		prop_assert_eq!(wide(element::factor(max, bits)), factor);
		let scaled = wide(products) * wide(scale.max(0));
		let middle = oracle::sat(oracle::round_shift(scaled, shifts.0.into()));
		let value = oracle::round_shift(middle * factor, shifts.1.into()) + wide(bias);
		let actual =
			element::linear_finish(products, scale, bias, element::factor(max, bits), shifts);
		prop_assert_eq!(wide(actual), oracle::sat(value));
		let by_factor = oracle::sat(oracle::round_shift(wide(products) * factor, shifts.0.into()));
		let value = oracle::sat(oracle::round_shift(by_factor * factor, shifts.1.into()));
		let factor = element::factor(max, bits);
		prop_assert_eq!(wide(element::scores_finish(products, factor, factor, shifts)), value);
	}

	#[test]
	fn context_for_any_operands(
		products in hostile(),
		max in hostile(),
		probability in hostile(),
		shift in 1u32..=62,
	) {
		for (bits, limit) in [(8u8, 127), (12, 2_047)] {
			let factor = oracle::round_div(wide(max.max(1)) << (2 * bits - 2), limit * limit);
			for first in 0..=10u32 {
				let products = i64::from(products) << first;
				let middle = oracle::round_shift_or_none(wide(products), first.into());
				let value = oracle::round_shift(oracle::sat(middle) * factor, shift.into());
				let factor = element::context_factor(max, bits, bits);
				let actual = element::context_finish(products, factor, (first, shift));
				prop_assert_eq!(wide(actual), oracle::sat(value));
			}
		}
		let value = oracle::sat(oracle::round_shift(wide(probability) * wide(max), shift.into()));
		prop_assert_eq!(wide(element::context_weight(probability, max, shift)), value);
	}

	#[test]
	fn softmax_for_any_operands(score in hostile(), max in hostile(), sum in hostile()) {
		let expected = oracle::exponential(wide(max) - wide(score));
		prop_assert_eq!(wide(element::softmax_exp(score, max, true)), expected);
		prop_assert!((0..=65_556).contains(&expected));
		prop_assert_eq!(element::softmax_exp(score, max, false), 0);
		let part = wide(score).clamp(0, 1 << 17) << 15;
		let expected = oracle::round_div(part, wide(sum).max(1)).min(32_767);
		prop_assert_eq!(wide(element::softmax_normalise(score, sum)), expected);
	}

	#[test]
	fn normalise_for_any_operands(
		value in hostile(),
		row in (hostile(), hostile()),
		gain in hostile(),
		bias in hostile(),
		guard in 0u32..=6,
		shift in 10u32..=36,
	) {
		let (mean, deviation) = row;
		let distance = (wide(value) - wide(mean)).clamp(1 - (1 << 25), (1 << 25) - 1);
		let raised = distance << (20 + guard);
		let ratio = oracle::sat(oracle::round_div(raised, wide(deviation).max(1)));
		let gained = oracle::round_shift(ratio * wide(gain), shift.into());
		let normal = element::Normal { mean, deviation, guard, shift };
		let actual = element::normalise(value, &normal, gain, bias);
		prop_assert_eq!(wide(actual), oracle::sat(gained + wide(bias)));
		// What a backend may rely on to divide in float64: 2n + d stays exact there.
		prop_assert!(2 * raised.abs() + wide(deviation).max(1) < 1 << 53);
	}

	#[test]
	fn tables_for_any_operands(
		value in hostile(),
		entries in prop::collection::vec(hostile(), 3..40),
		shift in 1u8..=24,
	) {
		let entries = &entries[..entries.len() - (entries.len() + 1) % 2];
		for base in [TableBase::Zero, TableBase::Relu] {
			let entry = |index: usize| wide(entries[index]);
			let expected =
				oracle::interpolate(value.into(), entries.len(), entry, shift.into(), base);
			prop_assert_eq!(wide(element::table(value, entries, shift, base)), expected);
		}
	}

	#[test]
	fn quantised_rows_stay_within_their_limit(value in hostile(), max in hostile()) {
		for (bits, limit) in [(8u8, 127i128), (12, 2_047)] {
			let ratio = oracle::round_div(wide(value) * limit, wide(max).max(1));
			let actual = wide(element::quantise(value, max, bits));
			prop_assert_eq!(actual, ratio.clamp(-limit, limit));
		}
	}
}

/// The longest rows of the worst elements: sums that come closest to the end of int64.
#[test]
fn longest_rows_of_the_worst_elements() {
	let width = 8_192i64;
	for (value, mean) in [(i32::MIN, i32::MAX), (i32::MAX, i32::MIN), (1 << 25, 0)] {
		let squares = (0..width).fold(0, |sum, _| element::deviation_fold(sum, value, mean));
		let exact = i128::from(width) * ((1i128 << 25) - 1).pow(2);
		assert_eq!(i128::from(squares), exact);
		for guard in 0..=6u32 {
			let square = oracle::round_div(exact, width.into()) + i128::from(u32::MAX);
			let expected = oracle::sat(oracle::root(square << (2 * guard)));
			let actual = element::deviation_finish(squares, width, u32::MAX, guard);
			assert_eq!(i128::from(actual), expected, "guard {guard}");
		}
		let squares = (0..width).fold(0, |sum, _| element::l2_norm_fold(sum, value));
		assert_eq!(i128::from(squares), exact);
		assert_eq!(i128::from(element::l2_norm_finish(squares)), oracle::sat(oracle::root(exact)));
	}
	let longest = 131_072i64;
	for value in [i32::MIN, i32::MAX] {
		let sum = (0..longest).fold(0, |sum, _| element::mean_fold(sum, value));
		assert_eq!(element::mean_finish(sum, longest), value);
		let sum = (0..longest).fold(0, |sum, _| element::softmax_sum_fold(sum, value));
		assert_eq!(element::softmax_sum_finish(sum), value);
	}
	let max = [i32::MIN, 0].iter().fold(0, |max, x| element::row_max_fold(max, *x));
	assert_eq!(element::row_max_finish(max), i32::MAX);
	assert_eq!(element::row_max_finish(0), 1);
}

/// The longest product there is, of the worst weights, comes out exact: 8196 * 2047 * 128.
#[test]
fn longest_products_of_the_worst_weights() {
	let columns = 8_196u32;
	let mut builder = Builder::new(Limits::encoder(1, 1));
	let ids = builder.push(Operator::Tokens { vocabulary: 1 });
	let (table, scales) = (builder.matrix(1, columns), builder.vector(1));
	let by = assay_program::EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	let rows = builder.quantise(value, 1, 12);
	let product = builder.linear(rows, 3, columns, 16);
	let program = builder.finish(product);
	program.validate().unwrap();
	let mut weights = sample::weights(&program, Style::Extreme, 5);
	// Same signs everywhere, so that nothing cancels: a row of -128, and three of them.
	for id in [0, 2] {
		let range = program.weight_range(assay_program::WeightId(id)).unwrap();
		weights[range.start as usize..range.end as usize].fill(0x80);
	}
	let scales = program.weight_range(assay_program::WeightId(1)).unwrap().start as usize;
	for multiplier in [1, 1 << 20, i32::MAX] {
		weights[scales..scales + 4].copy_from_slice(&multiplier.to_le_bytes());
		check(&program, &weights, &0i32.to_le_bytes(), &Parameters::encoder(1, 1));
	}
}

/// A batch is its entries side by side, and padding never reaches what is not padding.
#[test]
fn entries_and_padding_do_not_mix() {
	let shape = Shape { layers: 2, ..Shape::SMALL };
	let program = sample::encoder(&shape);
	let weights = sample::weights(&program, Style::Plausible, 11);
	let embed = |ids: &[i32], batch, sequence| {
		let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
		let parameters = Parameters::encoder(batch, sequence);
		match run(&program, &weights, &input, &parameters).unwrap() {
			Outcome::Output { data, .. } => data,
			Outcome::Invalid(code) => panic!("{code}"),
		}
	};
	let (first, second) = (embed(&[3, 7, 9], 1, 3), embed(&[5], 1, 1));
	assert_ne!(first, second);
	let both = embed(&[3, 7, 9, -1, -1, 5, -1, -1, -1, -1], 2, 5);
	assert_eq!(both, [first, second].concat());
}

/// Largest distance of the exponential from the real one, as `kernels/README.md` states it.
#[test]
fn exponential_is_near_the_real_one() {
	let worst = (0..=24 * 45_426)
		.map(|below| {
			let exact = (-f64::from(below) / 65_536.0).exp();
			(f64::from(element::softmax_exp(-below, 0, true)) / 65_536.0 - exact).abs()
		})
		.fold(0.0, f64::max);
	assert!((0.0021..0.0022).contains(&worst), "{worst}");
	assert!(README.contains("| `exp(-z)` | 0.0022 |"));
}

/// Largest distance of a table of gelu from the real one, as `kernels/README.md` states it.
#[test]
fn gelu_by_table_is_near_the_real_one() {
	// Gelu by its series for the error function, which converges well within these bounds.
	let erf = |x: f64| {
		let (mut term, mut sum) = (x, x);
		for n in 1..200 {
			term *= -x * x / f64::from(n);
			sum += term / f64::from(2 * n + 1);
		}
		sum * 2.0 / std::f64::consts::PI.sqrt()
	};
	let gelu =
		|x: f64| if x.abs() > 5.0 { x.max(0.0) } else { x * (1.0 + erf(x / 2f64.sqrt())) / 2.0 };
	let entries: Vec<i32> = (-2_048..=2_048)
		.map(|entry| {
			let x = f64::from(entry) / 256.0;
			((gelu(x) - x.max(0.0)) * 65_536.0).round() as i32
		})
		.collect();
	let worst = (-600_000..600_000)
		.step_by(7)
		.map(|x| {
			let actual = element::table(x, &entries, 8, TableBase::Relu);
			(f64::from(actual) / 65_536.0 - gelu(f64::from(x) / 65_536.0)).abs()
		})
		.fold(0.0, f64::max);
	assert!((0.00001..0.00002).contains(&worst), "{worst}");
	assert!(README.contains("| `gelu(x)` | 0.00002 |"));
}

/// Digests of a tensor are of its little-endian bytes.
#[test]
fn traces_show_the_output_last() {
	let program = sample::encoder(&Shape::SMALL);
	let weights = sample::weights(&program, Style::Plausible, 2);
	let input = sample::input(Shape::SMALL.vocabulary, 2, 3, 2);
	let mut last = Vec::new();
	let parameters = Parameters::encoder(2, 3);
	let outcome =
		trace(&program, &weights, &input, &parameters, |_, _, bytes| last = bytes.to_vec());
	let Outcome::Output { data, .. } = outcome.unwrap() else { panic!("a valid input") };
	assert_eq!(merkle::blob(&data), merkle::blob(&last));
}

#[test]
fn weights_of_another_length_are_the_hosts_error() {
	let program = sample::encoder(&Shape::SMALL);
	let weights = sample::weights(&program, Style::Plausible, 2);
	let parameters = Parameters::encoder(1, 1);
	let expected = weights.len() as u64;
	for actual in [0, weights.len() - 1, weights.len() + 1] {
		let mut other = weights.clone();
		other.resize(actual, 0);
		let error = assay_reference::HostError::WeightsLength { expected, actual: actual as u64 };
		assert_eq!(run(&program, &other, &[0; 4], &parameters), Err(error));
	}
}

/// What an operator does not use of a long tensor is not in its price, and must not take its time.
#[test]
fn long_tables_are_read_in_place() {
	let (rows, operators) = (1 << 20, 2_000);
	let mut builder = Builder::new(Limits::encoder(1, 1));
	let ids = builder.push(Operator::Tokens { vocabulary: rows });
	let (table, scales) = (builder.matrix(rows, 1), builder.vector(rows));
	let by = EmbedBy::Token;
	let embed = Operator::Embed { ids, table, scales, by, fraction: 16 };
	let value = (0..operators).fold(ids, |_, _| builder.push(embed.clone()));
	let program = builder.finish(value);
	let parameters = Parameters::encoder(1, 1);
	// Little more than 4096 multiply-accumulates for each operator.
	assert_eq!(program.cost_form().units(&parameters, 1), 8);
	let weights = vec![1; program.weights_length() as usize];
	let began = Instant::now();
	let outcome = run(&program, &weights, &7i32.to_le_bytes(), &parameters).unwrap();
	assert!(matches!(outcome, Outcome::Output { count: 1, .. }));
	// Copied for each operator, they would be gigabytes.
	let seconds = began.elapsed().as_secs_f64();
	assert!(seconds < 1.0, "{seconds} seconds");
}
