//! Decoders against their formulas, and what must hold of their steps.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod oracle;
mod unusual;

use assay_program::{
	Backend, BackendError, Bytes, InvalidCode, Kind, Limits, Operator, Outcome, Parameters,
	Program, Sampling, TensorId,
};
use assay_reference::{
	element, run,
	sample::{self, DecoderShape, Style},
	trace, HostError, ReferenceBackend,
};
use codec::Encode;
use oracle::check::{check, hostile, style};
use proptest::prelude::*;
use std::ops::ControlFlow;
use unusual::unusual;

const SMALL: DecoderShape = DecoderShape::SMALL;

fn steps(batch: u32, sequence: u32, max_steps: u32) -> Parameters {
	Parameters { max_steps, ..Parameters::encoder(batch, sequence) }
}

fn bytes(ids: &[i32]) -> Vec<u8> {
	ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<i32> {
	bytes.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap())).collect()
}

fn tokens(outcome: Outcome) -> Vec<i32> {
	match outcome {
		Outcome::Output { count, data } => {
			let tokens = words(&data);
			assert_eq!(tokens.len() % count as usize, 0);
			tokens
		},
		Outcome::Invalid(code) => panic!("{code}"),
	}
}

fn shape() -> impl Strategy<Value = DecoderShape> {
	let heads = (1u32..3, 1u32..4, 1u32..4);
	let sizes = (1u32..3, 1u32..20, prop_oneof![2u32..40, 250u32..600], 0u32..5);
	let weight_shift = prop_oneof![Just(None), (1u8..=16).prop_map(Some)];
	let numbers = (any::<bool>(), 8u8..=20, 0u8..=6, 0u8..=8, 1u32..20, weight_shift);
	(heads, sizes, numbers).prop_map(|(heads, sizes, numbers)| {
		let (key_heads, each, half) = heads;
		let (layers, inner, vocabulary, ends) = sizes;
		let (twelve, fraction, square_shift, context_shift, intervals, weight_shift) = numbers;
		DecoderShape {
			layers,
			width: key_heads * each * half * 2,
			heads: key_heads * each,
			key_heads,
			inner,
			vocabulary,
			ends: ends.min(vocabulary - 1),
			bits: if twelve { 12 } else { 8 },
			fraction,
			square_shift,
			context_shift,
			intervals: intervals * 2,
			weight_shift,
			..SMALL
		}
	})
}

/// What is wrong with an input of the small sample: its shape, or the first bad id.
fn code(input: &[u8], parameters: &Parameters) -> Option<InvalidCode> {
	let Parameters { batch, sequence, max_steps, sampling } = parameters;
	let (batch, sequence, max_steps) = (*batch as usize, *sequence as usize, *max_steps as usize);
	let shaped = (1..=4).contains(&batch)
		&& (1..=24).contains(&sequence)
		&& (1..=16).contains(&max_steps)
		&& sequence + max_steps <= 25
		&& input.len() == 4 * batch * sequence;
	let drawn = sampling.as_ref().is_none_or(|sampling| {
		(1..=100 << 16).contains(&sampling.temperature_q16)
			&& sampling.top_k <= 1 << 20
			&& (1..=65_536).contains(&sampling.top_p_q16)
	});
	if !shaped || !drawn {
		return Some(InvalidCode::Shape);
	}
	words(input).into_iter().find_map(|id| match id {
		0..40 => None,
		-1 => Some(InvalidCode::Padding),
		_ => Some(InvalidCode::Token),
	})
}

fn sampling() -> impl Strategy<Value = Option<Sampling>> {
	let temperature = prop_oneof![Just(1u32), Just(100 << 16), 1u32..200_000];
	let top_k = prop_oneof![0u32..10, Just(1 << 20)];
	let top_p = prop_oneof![Just(1u32), Just(1 << 16), 1u32..=65_536];
	prop::option::of((temperature, top_k, top_p, any::<[u8; 32]>()).prop_map(
		|(temperature_q16, top_k, top_p_q16, seed)| Sampling {
			temperature_q16,
			top_k,
			top_p_q16,
			seed,
		},
	))
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn programs_follow_their_formulas(
		shape in shape(),
		style in style(),
		(batch, sequence, max_steps) in (1u32..4, 1u32..8, 1u32..6),
		sampling in sampling(),
		seed in any::<u64>(),
	) {
		let program = sample::decoder(&shape);
		prop_assert_eq!(program.validate(), Ok(()));
		let weights = sample::weights(&program, style, seed);
		let input = sample::prompt(&shape, batch, sequence, seed);
		let parameters = Parameters { sampling, ..steps(batch, sequence, max_steps) };
		check(&program, &weights, &input, &parameters);
	}

	#[test]
	fn an_unusual_program_follows_its_formulas(
		style in style(),
		(batch, ids) in (1usize..4, 1usize..7).prop_flat_map(|(batch, sequence)| {
			(Just(batch as u32), prop::collection::vec(0i32..9, batch * sequence))
		}),
		max_steps in 1u32..6,
		seed in any::<u64>(),
	) {
		let program = unusual();
		prop_assert_eq!(program.validate(), Ok(()));
		let weights = sample::weights(&program, style, seed);
		let parameters = steps(batch, ids.len() as u32 / batch, max_steps);
		check(&program, &weights, &bytes(&ids), &parameters);
	}

	/// What a step computes is what the first step of a longer prompt computes: held rows are the
	/// rows that a prompt would make.
	#[test]
	fn a_step_is_the_end_of_a_longer_prompt(
		shape in shape(),
		style in style(),
		(batch, sequence) in (1u32..4, 1u32..8),
		seed in any::<u64>(),
	) {
		// No token ends a row, so that all steps run.
		let shape = DecoderShape { ends: 0, ..shape };
		let program = sample::decoder(&shape);
		let weights = sample::weights(&program, style, seed);
		let logits = program.operators.iter().find_map(|operator| match operator {
			Operator::ArgMax { value } => Some(usize::from(value.0)),
			_ => None,
		});
		let run = |rows: &[Vec<i32>], max_steps| {
			let mut seen = Vec::new();
			let parameters = steps(batch, rows[0].len() as u32, max_steps);
			let input = bytes(&rows.concat());
			let outcome = trace(&program, &weights, &input, &parameters, |_, number, bytes| {
				if Some(number) == logits {
					seen.push(bytes.to_vec());
				}
			});
			(tokens(outcome.unwrap()), seen)
		};
		let prompt = words(&sample::prompt(&shape, batch, sequence, seed));
		let mut rows: Vec<Vec<i32>> =
			prompt.chunks_exact(sequence as usize).map(<[i32]>::to_vec).collect();
		let (text, seen) = run(&rows, 9);
		prop_assert_eq!(seen.len(), 9);
		for (chosen, seen) in text.chunks_exact(batch as usize).zip(seen) {
			prop_assert_eq!(run(&rows, 1), (chosen.to_vec(), vec![seen]));
			rows.iter_mut().zip(chosen).for_each(|(row, token)| row.push(*token));
		}
	}

	/// Inputs of a batch do not touch each other, whenever each of them ends.
	#[test]
	fn a_row_of_a_batch_is_a_run_of_its_own(
		shape in shape(),
		style in style(),
		(batch, sequence) in (2u32..4, 1u32..6),
		sampling in sampling(),
		seed in any::<u64>(),
	) {
		let program = sample::decoder(&shape);
		let weights = sample::weights(&program, style, seed);
		let input = sample::prompt(&shape, batch, sequence, seed);
		let run = |input: &[u8], batch| {
			let parameters =
				Parameters { sampling: sampling.clone(), ..steps(batch, sequence, 10) };
			tokens(run(&program, &weights, input, &parameters).unwrap())
		};
		let all = run(&input, batch);
		// Another row draws other numbers.
		let rows = if sampling.is_some() { 1 } else { batch as usize };
		for (row, input) in input.chunks_exact(sequence as usize * 4).enumerate().take(rows) {
			let own = run(input, 1);
			let text: Vec<i32> = all.iter().skip(row).step_by(batch as usize).copied().collect();
			prop_assert_eq!(&text[..own.len()], &own[..]);
			prop_assert!(text[own.len()..].iter().all(|token| *token == -1));
		}
	}

	/// Every input has an outcome, whatever its bytes and parameters are.
	#[test]
	fn any_input_has_an_outcome(
		ids in prop::collection::vec(prop_oneof![4 => 0i32..40, 1 => any::<i32>()], 0..12),
		cut in 0usize..2,
		(batch, sequence, max_steps) in (0u32..6, 0u32..26, 0u32..20),
		temperature_q16 in prop_oneof![Just(0u32), Just((100 << 16) + 1), 1u32..70_000],
		top_p_q16 in prop_oneof![Just(0u32), Just(65_537), 1u32..65_536],
		samples in any::<bool>(),
	) {
		let program = sample::decoder(&SMALL);
		let weights = sample::weights(&program, Style::Plausible, 3);
		let mut input = bytes(&ids);
		input.truncate(input.len().saturating_sub(cut));
		let sampling = Sampling { temperature_q16, top_k: 0, top_p_q16, seed: [1; 32] };
		let sampling = samples.then_some(sampling);
		// Half of the time of the right length, so that other rules count too.
		let sequence = if cut == 0 && batch > 0 { ids.len() as u32 / batch } else { sequence };
		let parameters = Parameters { sampling, ..steps(batch, sequence, max_steps) };
		let outcome = run(&program, &weights, &input, &parameters).unwrap();
		let expected = code(&input, &parameters);
		prop_assert_eq!(program.validate_input(&input, &parameters).err(), expected);
		prop_assert_eq!(expected, match outcome {
			Outcome::Invalid(code) => Some(code),
			Outcome::Output { .. } => None,
		});
	}

	/// A mutated program that is still valid runs to an end.
	#[test]
	fn mutated_programs_run(
		changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
	) {
		let mut encoded = sample::decoder(&SMALL).encode();
		for (index, byte) in changes {
			let index = index.index(encoded.len());
			encoded[index] = byte;
		}
		if let Ok(program) = Program::decode_validated(&encoded) {
			prop_assume!(program.weights_length() < 1 << 22);
			let weights = sample::weights(&program, Style::Random, 1);
			let Limits { max_sequence, max_steps, .. } = program.limits;
			let parameters = steps(1, 1, 3.min(max_steps).min(max_sequence));
			let outcome = run(&program, &weights, &[0; 4], &parameters).unwrap();
			let longest = program.cost_form().output_length(&parameters);
			let Outcome::Output { count, data } = outcome else { panic!("{outcome:?}") };
			prop_assert!((1..=parameters.max_steps).contains(&count));
			prop_assert!(data.len() as u64 <= longest);
		}
	}
}

fn wide(value: impl Into<i128>) -> i128 {
	value.into()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(4_096))]

	#[test]
	fn norms_for_any_operands(
		value in hostile(),
		rms in hostile(),
		gain in hostile(),
		shift in 10u32..=36,
		drop in 0u32..=26,
	) {
		let ratio = oracle::sat(oracle::round_div(wide(value) << 20, wide(rms).max(1)));
		let expected = oracle::sat(oracle::round_shift(ratio * wide(gain), shift.into()));
		prop_assert_eq!(wide(element::rms_normalise(value, rms, gain, shift)), expected);
		// What a backend may rely on to divide in float64: 2n + d stays exact there.
		prop_assert!(2 * (wide(value).abs() << 20) + wide(rms).max(1) < 1 << 53);
		let kept = oracle::round_shift_or_none(value.into(), drop.into());
		let square = kept.clamp(1 - (1 << 25), (1 << 25) - 1).pow(2);
		prop_assert_eq!(wide(element::root_mean_square_fold(5, value, drop)), 5 + square);
	}

	#[test]
	fn products_for_any_operands(
		(low, high) in (hostile(), hostile()),
		(cosine, sine) in (hostile(), hostile()),
		shift in 1u32..=62,
	) {
		let (c, s) = (wide(cosine).clamp(-16_384, 16_384), wide(sine).clamp(-16_384, 16_384));
		let (x, y) = (wide(low), wide(high));
		let turned = |value| oracle::sat(oracle::round_shift(value, 14));
		prop_assert_eq!(wide(element::rotate_low(low, high, cosine, sine)), turned(x * c - y * s));
		prop_assert_eq!(wide(element::rotate_high(low, high, cosine, sine)), turned(y * c + x * s));
		let expected = oracle::sat(oracle::round_shift(x * y, shift.into()));
		prop_assert_eq!(wide(element::multiply(low, high, shift)), expected);
	}

	#[test]
	fn temperatures_for_any_operands(
		(value, max) in (hostile(), hostile()),
		temperature in 1u32..=100 << 16,
	) {
		let distance = wide(value) - wide(max);
		let expected = oracle::sat(oracle::round_div(distance << 16, temperature.into()));
		prop_assert_eq!(wide(element::temper(value, max, temperature)), expected);
		let neutral = element::temper(value, max, element::NEUTRAL_TEMPERATURE);
		prop_assert_eq!(wide(neutral), oracle::sat(distance));
		prop_assert_eq!(element::temper(max, max, temperature), 0);
		// What a backend may rely on to divide in float64: 2n + d stays exact there.
		prop_assert!(2 * (distance.abs() << 16) + wide(temperature as i32) < 1 << 53);
	}

	/// Weights that no exponential makes: still a number, and no panic.
	#[test]
	fn choices_are_total(
		numbers in prop::collection::vec(hostile(), 0..300),
		(first, second) in (hostile(), hostile()),
		random in any::<u64>(),
		shift in 0u8..=16,
		need in any::<i64>(),
	) {
		for number in &numbers {
			let _ = element::tally_bin(*number, None);
			let _ = element::tally_bin(*number, Some(first));
			let by = assay_program::TallyBy::Mass { shift };
			let _ = element::tally_finish(element::tally_fold(need, *number, by));
			let _ = element::block_sum_finish(element::block_sum_fold(need, *number, shift));
			let _ = element::keep(*number, first);
		}
		let _ = element::cut(&numbers, need);
		let _ = element::cut(&numbers, element::top_p_need(&numbers, 65_536));
		let _ = element::threshold(&numbers, first, second);
		let _ = element::draw(&numbers, random);
		let _ = element::pick(&numbers, first, second, shift);
	}
}

/// The largest vocabulary of the largest weights: no sum leaves int32, and the last number drawn
/// is still inside.
#[test]
fn largest_vocabulary_of_the_worst_weights() {
	let (width, weight) = (131_072i64, 65_556);
	let shift = sample::weight_shift(131_072);
	assert_eq!(shift, 3);
	assert_eq!((sample::weight_shift(49_152), sample::weight_shift(32_758)), (1, 0));
	assert_eq!(sample::weight_shift(32_759), 1);
	let by = assay_program::TallyBy::Mass { shift };
	let mass = (0..width).fold(0, |sum, _| element::tally_fold(sum, weight, by));
	assert_eq!(i64::from(element::tally_finish(mass)), mass);
	assert_eq!(element::tally_bin(weight, None), Some(256));
	assert_eq!(element::tally_bin(weight, Some(256)), Some(20));
	let block = (0..256).fold(0, |sum, _| element::block_sum_fold(sum, weight, shift));
	let block = element::block_sum_finish(block);
	let sums = vec![block; 512];
	assert_eq!(i64::from(block) * 512, mass);
	assert_eq!(element::draw(&sums, 0), [0, 0]);
	assert_eq!(element::draw(&sums, u64::MAX), [511, block - 1]);
	assert_eq!(element::pick(&[weight; 256], 511, block - 1, shift), 131_071);
	// A sum of bins whose product with top-p is the largest.
	let bins = vec![i32::MAX; 257];
	let total = 257 * i128::from(i32::MAX);
	for top_p in [1, 2, 32_768, 65_535, 65_536] {
		let expected = oracle::round_div(total * i128::from(top_p), 1 << 16).max(1);
		assert_eq!(i128::from(element::top_p_need(&bins, top_p)), expected);
	}
}

/// More than 512 positions of the worst weights: parts of sums in int32, their sum beyond it.
#[test]
fn long_contexts_follow_their_formulas() {
	let shape = DecoderShape {
		width: 2,
		heads: 1,
		key_heads: 1,
		inner: 2,
		vocabulary: 6,
		max_sequence: 560,
		context_shift: 1,
		ends: 0,
		..SMALL
	};
	let program = sample::decoder(&shape);
	for (style, seed) in [(Style::Extreme, 1), (Style::Plausible, 2), (Style::Extreme, 3)] {
		let weights = sample::weights(&program, style, seed);
		let input = sample::prompt(&shape, 1, 514, seed);
		check(&program, &weights, &input, &steps(1, 514, 3));
	}
}

/// The largest sums of the longest context, at the ends of what validation admits.
#[test]
fn longest_context_of_the_worst_weights() {
	let positions = 8_192i64;
	let (weight, value) = (2_047i16, -2_047i16);
	let sum = (0..positions).fold(0, |sum, _| element::context_fold(sum, weight, value));
	assert_eq!(sum, -positions * 2_047 * 2_047);
	// 2^13 * 2047^2 < 2^(31 + 4).
	for max in [i32::MIN, 0, 1, i32::MAX] {
		let factor = element::context_factor(max, 12, 12);
		for sum in [sum, -sum] {
			let middle = oracle::round_shift(sum.into(), 4);
			assert_eq!(middle, oracle::sat(middle));
			let expected = oracle::sat(oracle::round_shift(middle * wide(factor), 18));
			assert_eq!(wide(element::context_finish(sum, factor, (4, 18))), expected);
		}
	}
}

#[test]
fn every_step_is_shown_as_it_comes() {
	let program = sample::decoder(&DecoderShape { ends: 0, ..SMALL });
	let weights = Bytes::from(sample::weights(&program, Style::Plausible, 4));
	let input = sample::prompt(&SMALL, 2, 3, 4);
	let model = ReferenceBackend.load(program.clone().into(), weights.clone()).unwrap();
	let parameters = steps(2, 3, 5);
	let mut seen = Vec::new();
	let mut emit = |bytes: &[u8]| {
		seen.push(bytes.to_vec());
		ControlFlow::Continue(())
	};
	let outcome = model.stream(&input, &parameters, &mut emit).unwrap();
	assert_eq!(outcome, model.run(&input, &parameters).unwrap());
	assert_eq!(outcome, run(&program, &weights, &input, &parameters).unwrap());
	assert_eq!(seen.len(), 5);
	assert!(seen.iter().all(|step| step.len() == 8));
	assert_eq!(outcome, Outcome::Output { count: 5, data: seen.concat() });

	for last in 1..=5 {
		let mut steps = 0;
		let mut emit = |_: &[u8]| {
			steps += 1;
			if steps == last {
				ControlFlow::Break(())
			} else {
				ControlFlow::Continue(())
			}
		};
		let result = model.stream(&input, &parameters, &mut emit);
		assert_eq!((result, steps), (Err(BackendError::Stopped), last));
	}
	let mut emit = |_: &[u8]| panic!("an invalid input emits nothing");
	let outcome = model.stream(&input[1..], &parameters, &mut emit).unwrap();
	assert_eq!(outcome, Outcome::Invalid(InvalidCode::Shape));
	assert_eq!(BackendError::from(HostError::Stopped), BackendError::Stopped);
}

#[test]
fn steps_end_with_the_last_that_is_allowed_or_with_an_end() {
	let shape = DecoderShape { ends: 8, ..SMALL };
	let program = sample::decoder(&shape);
	let weights = sample::weights(&program, Style::Plausible, 9);
	let (mut ended, mut ran_out) = (0, 0);
	for seed in 0..40 {
		let input = sample::prompt(&shape, 1, 4, seed);
		let outcome = run(&program, &weights, &input, &steps(1, 4, 6)).unwrap();
		let count = outcome.count();
		let text = tokens(outcome);
		let is_end = |token: &i32| (0..8).contains(token);
		assert!(!text[..text.len() - 1].iter().any(is_end), "{text:?}");
		if text.last().is_some_and(is_end) {
			ended += 1;
		} else {
			assert_eq!(count, 6);
			ran_out += 1;
		}
	}
	assert!(ended > 3 && ran_out > 3, "{ended} {ran_out}");
}

/// A prompt may end with what would end a text.
#[test]
fn an_end_in_a_prompt_ends_nothing() {
	let program = sample::decoder(&SMALL);
	let weights = sample::weights(&program, Style::Plausible, 9);
	let outcome = run(&program, &weights, &bytes(&[7, 1]), &steps(1, 2, 1)).unwrap();
	assert!(tokens(outcome)[0] >= 0);
}

#[test]
fn the_kinds_of_held_tensors_are_those_of_keys_and_values() {
	let program = sample::decoder(&DecoderShape { layers: 3, ..SMALL });
	let (tensors, held) = (program.tensors().unwrap(), program.held());
	let held: Vec<usize> = (0..tensors.len()).filter(|number| held[*number]).collect();
	assert_eq!(held.len(), 3 * 4);
	for number in held {
		let quantised = matches!(tensors[number].kind, Kind::Quantised { .. });
		let name = program.operators[number].name();
		assert_eq!(name, if quantised { "Quantise" } else { "RowMax" });
	}
	assert_eq!(program.next(), Some(TensorId(program.operators.len() as u16 - 3)));
	let encoder = sample::encoder(&sample::Shape::SMALL);
	assert!(!encoder.is_decoder() && !encoder.held().contains(&true));
}
