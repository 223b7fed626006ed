//! Operators one at a time against the reference: every tensor of every step, of all golden vectors
//! and of random programs.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use assay_cpu::{CpuBackend, Processor, Unfused};
use assay_program::{
	merkle, BackendError, Bytes, Limits, Mask, Operator, Outcome, Parameters, Program, Sampling,
	TensorId,
};
use assay_reference::{
	golden,
	sample::{self, Builder, DecoderShape, NetworkShape, Shape, Style},
};
use proptest::prelude::*;
use std::{ops::ControlFlow, sync::Arc};

const STYLES: [Style; 3] = [Style::Plausible, Style::Random, Style::Extreme];

/// What is shown of a run: step, operator, bytes.
type Shown = Vec<(u32, usize, Vec<u8>)>;

fn shown(unfused: &Unfused, input: &[u8], parameters: &Parameters) -> (Shown, Outcome) {
	let mut shown = Vec::new();
	let outcome = unfused.trace(input, parameters, &mut |step, operator, bytes| {
		shown.push((step, operator, bytes.to_vec()));
		ControlFlow::Continue(())
	});
	(shown, outcome.unwrap())
}

/// By every instruction set, with one to three threads; whether kernels ran.
fn check(program: &Program, weights: &[u8], input: &[u8], parameters: &Parameters) -> bool {
	let mut expected = Vec::new();
	let outcome =
		assay_reference::trace(program, weights, input, parameters, |step, operator, bytes| {
			expected.push((step, operator, bytes.to_vec()));
		})
		.unwrap();
	let (program, weights) = (Arc::new(program.clone()), Bytes::copy_from_slice(weights));
	let mut has_kernels = false;
	for (number, processor) in Processor::all().enumerate() {
		let threads = number % 3 + 1;
		let backend = CpuBackend::with_processor(Some(threads), processor);
		let unfused = backend.unfused(program.clone(), weights.clone()).unwrap();
		has_kernels = unfused.has_kernels();
		// Twice: what the first run leaves behind must not be seen in the second.
		for _ in 0..2 {
			let (shown, found) = shown(&unfused, input, parameters);
			assert_eq!(found, outcome, "{}", processor.set());
			let same = shown.iter().zip(&expected).take_while(|(one, other)| one == other).count();
			assert!(
				shown.len() == expected.len() && same == shown.len(),
				"{}, {threads} threads, {parameters:?}: {:?} of step {:?}",
				processor.set(),
				shown.get(same).map(|(_, operator, _)| &program.operators[*operator]),
				shown.get(same).map(|(step, ..)| step),
			);
		}
	}
	has_kernels
}

#[test]
fn every_tensor_of_the_golden_vectors_comes_out() {
	let mut by_kernels = 0;
	for (name, vector) in golden::vectors() {
		let vector = vector.unwrap();
		let program = Arc::new(Program::decode_validated(&vector.program).unwrap());
		for threads in [1, 3] {
			let backend = CpuBackend::new(Some(threads));
			let unfused = backend.unfused(program.clone(), vector.weights.clone().into()).unwrap();
			by_kernels += usize::from(unfused.has_kernels());
			assert!(unfused.has_kernels() || name.starts_with("network"), "{name}");
			let (shown, outcome) = shown(&unfused, &vector.input, &vector.parameters);
			let digests: Vec<_> = shown.iter().map(|(.., bytes)| merkle::blob(bytes)).collect();
			assert_eq!((digests, outcome), (vector.tensors.clone(), vector.outcome.clone()));
		}
	}
	assert!(by_kernels > 30, "{by_kernels}");
}

#[test]
fn the_self_test_passes() {
	for processor in Processor::all() {
		CpuBackend::with_processor(Some(2), processor).unfused_self_test().unwrap();
	}
}

fn shapes() -> impl Strategy<Value = Shape> {
	let sizes = (1_u32..3, 1_u32..40, 1_u32..4, 1_u32..60);
	let rest = (1_u32..50, 1_u32..5, 1_u32..90, any::<bool>(), 8_u8..=20, 1_u32..40);
	(sizes, rest).prop_map(|(sizes, rest)| {
		let (layers, part, heads, inner) = sizes;
		let (vocabulary, max_batch, max_sequence, twelve, fraction, intervals) = rest;
		Shape {
			layers,
			width: part * heads,
			heads,
			inner,
			vocabulary,
			max_batch,
			max_sequence,
			bits: if twelve { 12 } else { 8 },
			fraction,
			intervals: intervals * 2,
		}
	})
}

fn decoders() -> impl Strategy<Value = DecoderShape> {
	let sizes = (1_u32..3, 1_u32..4, 1_u32..4, 1_u32..20, 1_u32..30);
	let rest = (8_u32..700, 0_u32..8, 0_u8..3, any::<bool>());
	(sizes, rest).prop_map(|((layers, key_heads, each, half, inner), rest)| {
		let (vocabulary, ends, context_shift, twelve) = rest;
		DecoderShape {
			layers,
			heads: key_heads * each,
			key_heads,
			width: key_heads * each * half * 2,
			inner,
			vocabulary,
			ends: ends.min(vocabulary - 1),
			max_batch: 3,
			max_sequence: 90,
			max_steps: 8,
			context_shift,
			bits: if twelve { 12 } else { 8 },
			..DecoderShape::SMALL
		}
	})
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn random_encoders_equal_the_reference(
		shape in shapes(),
		style in 0..3_usize,
		batch in any::<prop::sample::Index>(),
		sequence in any::<prop::sample::Index>(),
		seed in any::<u64>(),
	) {
		let program = sample::encoder(&shape);
		prop_assume!(program.validate().is_ok());
		let batch = batch.index(shape.max_batch as usize) as u32 + 1;
		let sequence = sequence.index(shape.max_sequence as usize) as u32 + 1;
		let weights = sample::weights(&program, STYLES[style], seed);
		let input = sample::input(shape.vocabulary, batch, sequence, seed ^ 1);
		prop_assert!(check(&program, &weights, &input, &Parameters::encoder(batch, sequence)));
	}

	#[test]
	fn random_decoders_equal_the_reference(
		shape in decoders(),
		style in 0..3_usize,
		(batch, sequence, max_steps) in (1_u32..4, 1_u32..80, 1_u32..8),
		draws in any::<Option<(u32, u32, u32)>>(),
		seed in any::<u64>(),
	) {
		let program = sample::decoder(&shape);
		prop_assume!(program.validate().is_ok());
		let sampling = draws.map(|(temperature, top_k, top_p)| Sampling {
			temperature_q16: 1 + temperature % (3 << 16),
			top_k: top_k % 30,
			top_p_q16: 1 + top_p % (1 << 16),
			seed: [seed as u8; 32],
		});
		let parameters = Parameters { batch, sequence, max_steps, sampling };
		let weights = sample::weights(&program, STYLES[style], seed);
		let prompt = sample::prompt(&shape, batch, sequence, seed ^ 1);
		prop_assert!(check(&program, &weights, &prompt, &parameters));
	}
}

/// More than one block of positions of the second product, at once and one after the other.
#[test]
fn a_long_context_equals_the_reference() {
	let shape = DecoderShape {
		width: 24,
		heads: 6,
		key_heads: 2,
		ends: 0,
		max_batch: 1,
		max_sequence: 1_100,
		max_steps: 9,
		context_shift: 3,
		..DecoderShape::SMALL
	};
	let program = sample::decoder(&shape);
	for (style, sequence) in [(Style::Plausible, 510), (Style::Extreme, 1_050)] {
		let parameters = Parameters { batch: 1, sequence, max_steps: 6, sampling: None };
		let weights = sample::weights(&program, style, 3);
		assert!(check(&program, &weights, &sample::prompt(&shape, 1, sequence, 4), &parameters));
	}
}

/// Softmax over rows that are no attention, causal attention in an encoder, and rows `[B, S]` whose
/// last is not to be taken for all: what importers do not make is right all the same.
#[test]
fn unusual_programs_equal_the_reference() {
	let limits = Limits::encoder(2, 9);
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary: 30 });
	let (table, scales) = (builder.matrix(30, 12), builder.vector(30));
	let by = assay_program::EmbedBy::Token;
	let scores = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	let max = builder.push(Operator::SoftmaxMax { scores, mask: Mask::None });
	builder.push(Operator::SoftmaxExp { scores, max, mask: Mask::None });
	let (query, query_max) = builder.quantise(scores, 3, 8);
	let (key, key_max, shift) = (query, query_max, 8);
	let attention =
		builder.push(Operator::Scores { query, query_max, key, key_max, shift, fraction: 16 });
	let mask = Mask::Causal;
	let largest = builder.push(Operator::SoftmaxMax { scores: attention, mask });
	builder.push(Operator::SoftmaxExp { scores: attention, max: largest, mask });
	let by_kernels = builder.clone().finish(scores);
	let parameters = Parameters::encoder(2, 7);
	let weights = sample::weights(&by_kernels, Style::Plausible, 8);
	let input = sample::input(30, 2, 7, 9);
	assert!(check(&by_kernels, &weights, &input, &parameters));

	// `[B, S]` to `[B, 1]`: left to the reference.
	builder.push(Operator::RowMax { value: max, groups: 1 });
	let by_reference = builder.finish(scores);
	assert!(!check(&by_reference, &weights, &input, &parameters));
}

#[test]
fn what_has_no_kernel_is_run_by_the_reference() {
	let shape = NetworkShape::SMALL;
	let program = sample::network(&shape);
	let weights = sample::weights(&program, Style::Plausible, 1);
	let input = sample::samples(&shape, 1, 5, 1);
	assert!(!check(&program, &weights, &input, &Parameters::encoder(1, 5)));
}

#[test]
fn a_break_ends_a_run_and_an_invalid_input_shows_nothing() {
	let program = Arc::new(sample::encoder(&Shape::SMALL));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 1).into();
	let unfused = CpuBackend::new(Some(2)).unfused(program.clone(), weights.clone()).unwrap();
	let parameters = Parameters::encoder(1, 4);
	let input = sample::input(Shape::SMALL.vocabulary, 1, 4, 1);
	let mut count = 0;
	let stopped = unfused.trace(&input, &parameters, &mut |_, _, _| {
		count += 1;
		if count == 5 {
			ControlFlow::Break(())
		} else {
			ControlFlow::Continue(())
		}
	});
	assert_eq!((stopped, count), (Err(BackendError::Stopped), 5));
	let (shown, outcome) = shown(&unfused, &[0xff; 16], &parameters);
	assert!(shown.is_empty() && matches!(outcome, Outcome::Invalid(_)));
	let short = weights.slice(1..);
	assert!(CpuBackend::new(Some(1)).unfused(program, short).is_err());
}

#[test]
fn work_side_by_side_is_all_done() {
	let program = Arc::new(sample::encoder(&Shape::SMALL));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 1).into();
	let unfused = CpuBackend::new(Some(3)).unfused(program, weights).unwrap();
	let sum = std::sync::atomic::AtomicUsize::new(0);
	unfused.side_by_side(100, &|number| {
		sum.fetch_add(number, std::sync::atomic::Ordering::Relaxed);
	});
	assert_eq!(sum.into_inner(), 4_950);
}

#[test]
fn runs_side_by_side_do_not_touch_each_other() {
	let program = Arc::new(sample::decoder(&DecoderShape::SMALL));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 5).into();
	let backend = CpuBackend::new(Some(2));
	let unfused = backend.unfused(program.clone(), weights.clone()).unwrap();
	std::thread::scope(|scope| {
		for seed in 0..4 {
			let (unfused, program, weights) = (&unfused, &program, &weights);
			scope.spawn(move || {
				let parameters =
					Parameters { batch: 1, sequence: 3 + seed, max_steps: 5, sampling: None };
				let prompt = sample::prompt(&DecoderShape::SMALL, 1, 3 + seed, seed.into());
				let mut expected = Vec::new();
				let outcome = assay_reference::trace(
					program,
					weights,
					&prompt,
					&parameters,
					|step, operator, bytes| expected.push((step, operator, bytes.to_vec())),
				)
				.unwrap();
				for _ in 0..5 {
					assert_eq!(
						shown(unfused, &prompt, &parameters),
						(expected.clone(), outcome.clone())
					);
				}
			});
		}
	});
}

/// A tensor that nobody reads is shown too.
#[test]
fn what_nobody_reads_is_shown() {
	let mut builder = Builder::new(Limits::encoder(2, 4));
	let ids = builder.push(Operator::Tokens { vocabulary: 9 });
	let (table, scales) = (builder.matrix(9, 6), builder.vector(9));
	let by = assay_program::EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	builder.push(Operator::Add { left: value, right: value });
	let program = builder.finish(TensorId(value.0));
	let weights = sample::weights(&program, Style::Plausible, 2);
	let input = sample::input(9, 2, 4, 3);
	assert!(check(&program, &weights, &input, &Parameters::encoder(2, 4)));
}
