//! Decoders against the reference: random shapes, prompts and jobs, extreme weights, every
//! instruction set of the machine and several numbers of threads.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use assay_cpu::{CpuBackend, Processor};
use assay_program::{
	Backend, BackendError, Bytes, InvalidCode, Model, Operator, Outcome, Parameters, Program,
	Sampling, TensorId,
};
use assay_reference::sample::{self, DecoderShape, Style};
use proptest::prelude::*;
use std::{ops::ControlFlow, sync::Arc};

const STYLES: [Style; 3] = [Style::Plausible, Style::Random, Style::Extreme];

/// A job of `max_steps` steps that samples nothing.
fn job(batch: u32, sequence: u32, max_steps: u32) -> Parameters {
	Parameters { batch, sequence, max_steps, sampling: None }
}

fn sampling(temperature_q16: u32, top_k: u32, top_p_q16: u32) -> Option<Sampling> {
	Some(Sampling { temperature_q16, top_k, top_p_q16, seed: [7; 32] })
}

/// A program, its weights and a prompt for a job.
struct Case {
	program: Program,
	weights: Bytes,
	prompt: Vec<u8>,
	parameters: Parameters,
}

impl Case {
	fn new(shape: &DecoderShape, style: Style, parameters: &Parameters, seed: u64) -> Self {
		let program = sample::decoder(shape);
		let weights = sample::weights(&program, style, seed).into();
		let prompt = sample::prompt(shape, parameters.batch, parameters.sequence, seed ^ 1);
		Self { program, weights, prompt, parameters: parameters.clone() }
	}

	fn expected(&self) -> Outcome {
		let Self { program, weights, prompt, parameters } = self;
		assay_reference::run(program, weights, prompt, parameters).unwrap()
	}

	fn load(&self, processor: Processor, threads: usize) -> Arc<dyn Model> {
		let backend = CpuBackend::with_processor(Some(threads), processor);
		backend.load(Arc::new(self.program.clone()), self.weights.clone()).unwrap()
	}

	/// By every instruction set, with one to three threads.
	fn check(&self) {
		let expected = self.expected();
		for (number, processor) in Processor::all().enumerate() {
			let threads = number % 3 + 1;
			let model = self.load(processor, threads);
			// Twice: what the first run leaves behind must not be seen in the second.
			for _ in 0..2 {
				let outcome = model.run(&self.prompt, &self.parameters).unwrap();
				let (set, parameters) = (processor.set(), &self.parameters);
				assert!(
					outcome == expected,
					"{set}, {threads} threads, {parameters:?}: {outcome:?} for {expected:?}"
				);
			}
		}
	}
}

fn tokens(outcome: &Outcome) -> Vec<u8> {
	match outcome {
		Outcome::Output { data, .. } => data.clone(),
		Outcome::Invalid(code) => panic!("an output, not {code:?}"),
	}
}

#[test]
fn a_small_decoder_equals_the_reference() {
	for style in STYLES {
		for (batch, sequence, steps) in [(1, 1, 1), (1, 7, 1), (1, 7, 9), (3, 5, 16), (4, 9, 16)] {
			let mut parameters = job(batch, sequence, steps);
			Case::new(&DecoderShape::SMALL, style, &parameters, 3).check();
			parameters.sampling = sampling(1 << 16, 0, 1 << 16);
			Case::new(&DecoderShape::SMALL, style, &parameters, 4).check();
		}
	}
}

/// More than one block of positions of an attention's second product, many of them at once and
/// one after the other, and a vocabulary of many blocks.
#[test]
fn a_long_context_equals_the_reference() {
	let shape = DecoderShape {
		layers: 2,
		width: 24,
		heads: 6,
		key_heads: 2,
		vocabulary: 5_000,
		ends: 0,
		max_batch: 2,
		max_sequence: 1_200,
		max_steps: 300,
		context_shift: 3,
		..DecoderShape::SMALL
	};
	for (style, parameters) in [
		(Style::Plausible, job(1, 1_000, 40)),
		(Style::Extreme, job(2, 505, 12)),
		(Style::Plausible, Parameters { sampling: sampling(50_000, 40, 60_000), ..job(2, 30, 9) }),
	] {
		Case::new(&shape, style, &parameters, 5).check();
	}
}

#[test]
fn the_number_of_threads_does_not_matter() {
	let shape = DecoderShape { layers: 2, max_sequence: 400, ends: 0, ..DecoderShape::SMALL };
	for parameters in [job(1, 300, 12), job(4, 60, 12)] {
		let case = Case::new(&shape, Style::Plausible, &parameters, 6);
		let expected = case.expected();
		for threads in [1, 2, 3, 8] {
			let model = case.load(Processor::detect(), threads);
			assert_eq!(model.run(&case.prompt, &parameters).unwrap(), expected, "{threads}");
		}
	}
}

#[test]
fn tokens_come_one_step_at_a_time_until_somebody_has_heard_enough() {
	let shape = DecoderShape { ends: 0, ..DecoderShape::SMALL };
	let case = Case::new(&shape, Style::Plausible, &job(2, 5, 10), 8);
	let expected = case.expected();
	let model = case.load(Processor::detect(), 2);
	let mut steps: Vec<Vec<u8>> = Vec::new();
	let outcome = model.stream(&case.prompt, &case.parameters, &mut |bytes| {
		steps.push(bytes.to_vec());
		ControlFlow::Continue(())
	});
	assert_eq!(outcome.unwrap(), expected);
	assert!(steps.len() == 10 && steps.iter().all(|step| step.len() == 8));
	assert_eq!(steps.concat(), tokens(&expected));

	let mut heard = 0;
	let outcome = model.stream(&case.prompt, &case.parameters, &mut |_| {
		heard += 1;
		if heard == 3 {
			ControlFlow::Break(())
		} else {
			ControlFlow::Continue(())
		}
	});
	assert_eq!((outcome, heard), (Err(BackendError::Stopped), 3));
	// Nothing of it is left.
	assert_eq!(model.run(&case.prompt, &case.parameters).unwrap(), expected);
}

#[test]
fn a_prompt_that_breaks_the_rules_emits_nothing() {
	let case = Case::new(&DecoderShape::SMALL, Style::Plausible, &job(1, 2, 3), 1);
	let model = case.load(Processor::detect(), 1);
	let ids = |ids: &[i32]| -> Vec<u8> { ids.iter().flat_map(|id| id.to_le_bytes()).collect() };
	for (prompt, parameters, code) in [
		(ids(&[3, -1]), job(1, 2, 3), InvalidCode::Padding),
		(ids(&[3, 40]), job(1, 2, 3), InvalidCode::Token),
		(ids(&[3]), job(1, 2, 3), InvalidCode::Shape),
		(ids(&[3; 20]), job(1, 20, 6), InvalidCode::Shape),
	] {
		let outcome = model.stream(&prompt, &parameters, &mut |_| panic!("nothing is emitted"));
		assert_eq!(outcome.unwrap(), Outcome::Invalid(code));
	}
}

/// What a decoder's layers make of a text, all positions at once: an encoder with causal masks and
/// several heads of queries for one of keys.
#[test]
fn the_layers_of_a_decoder_make_an_encoder() {
	let shape = DecoderShape { layers: 2, max_sequence: 150, ..DecoderShape::SMALL };
	let mut program = sample::decoder(&shape);
	let last = program.operators.iter().position(|o| matches!(o, Operator::Last { .. })).unwrap();
	let Operator::Last { value } = program.operators[last] else { unreachable!() };
	program.operators.truncate(last);
	let stop = TensorId(last as u16);
	program.operators.push(Operator::Stop { next: None, ends: Vec::new() });
	program.operators.push(Operator::Emit { value, stop });
	program.limits.max_steps = 1;
	program.validate().unwrap();
	for (style, batch, sequence) in [(STYLES[0], 3, 150), (STYLES[2], 4, 20), (STYLES[1], 1, 1)] {
		let weights = sample::weights(&program, style, 9).into();
		let prompt = sample::input(shape.vocabulary, batch, sequence, 10);
		let parameters = Parameters::encoder(batch, sequence);
		Case { program: program.clone(), weights, prompt, parameters }.check();
	}
}

fn shapes() -> impl Strategy<Value = DecoderShape> {
	let heads = (1_u32..4, 1_u32..4, 1_u32..5);
	let sizes = (1_u32..3, 1_u32..40, 1_u32..300, 0_u32..4);
	let limits = (1_u32..5, 2_u32..50, 1_u32..20);
	let shifts = (0_u8..=6, 0_u8..=4, prop::option::of(0_u8..=16));
	let numbers = (any::<bool>(), 8_u8..=20, shifts, 1_u32..20);
	(heads, sizes, limits, numbers).prop_map(|(heads, sizes, limits, numbers)| {
		let (key_heads, each, half) = heads;
		let (layers, inner, vocabulary, ends) = sizes;
		let (max_batch, max_sequence, max_steps) = limits;
		let (twelve, fraction, shifts, intervals) = numbers;
		let (square_shift, context_shift, weight_shift) = shifts;
		let heads = key_heads * each;
		DecoderShape {
			layers,
			width: heads * half * 2,
			heads,
			key_heads,
			inner,
			vocabulary: vocabulary + ends,
			ends,
			max_batch,
			max_sequence,
			max_steps,
			bits: if twelve { 12 } else { 8 },
			fraction,
			square_shift,
			context_shift,
			weight_shift,
			intervals: intervals * 2,
		}
	})
}

fn samplings() -> impl Strategy<Value = Option<Sampling>> {
	let temperature = prop_oneof![Just(1_u32), Just(65_536), Just(100 << 16), 1_u32..400_000];
	let top_k = prop_oneof![Just(0_u32), Just(1), Just(1 << 20), 0_u32..50];
	let top_p = prop_oneof![Just(1_u32), Just(65_536), 1_u32..=65_536];
	let some = (temperature, top_k, top_p, any::<[u8; 32]>());
	prop::option::of(some.prop_map(|(temperature_q16, top_k, top_p_q16, seed)| Sampling {
		temperature_q16,
		top_k,
		top_p_q16,
		seed,
	}))
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn random_decoders_equal_the_reference(
		shape in shapes(),
		style in 0..3_usize,
		[batch, sequence, steps] in any::<[prop::sample::Index; 3]>(),
		sampling in samplings(),
		seed in any::<u64>(),
	) {
		prop_assume!(sample::decoder(&shape).validate().is_ok());
		let batch = batch.index(shape.max_batch as usize) as u32 + 1;
		let sequence = sequence.index(shape.max_sequence as usize) as u32 + 1;
		let most = shape.max_steps.min(shape.max_sequence - sequence + 1);
		let max_steps = steps.index(most as usize) as u32 + 1;
		let parameters = Parameters { batch, sequence, max_steps, sampling };
		Case::new(&shape, STYLES[style], &parameters, seed).check();
	}

	/// What a step chose can as well be part of the prompt.
	#[test]
	fn any_split_of_the_text_gives_the_same_tokens(
		shape in shapes(),
		style in 0..3_usize,
		split in any::<prop::sample::Index>(),
		seed in any::<u64>(),
	) {
		let shape = DecoderShape { ends: 0, max_batch: 1, ..shape };
		prop_assume!(sample::decoder(&shape).validate().is_ok() && shape.max_sequence > 1);
		let steps = shape.max_steps.min(shape.max_sequence - 1);
		let parameters = job(1, shape.max_sequence - steps, steps);
		let case = Case::new(&shape, STYLES[style], &parameters, seed);
		let model = case.load(Processor::detect(), 2);
		let whole = tokens(&model.run(&case.prompt, &parameters).unwrap());
		let split = split.index(steps as usize);
		let longer = [&case.prompt[..], &whole[..split * 4]].concat();
		let rest = job(1, parameters.sequence + split as u32, steps - split as u32);
		prop_assert_eq!(&tokens(&model.run(&longer, &rest).unwrap()), &whole[split * 4..]);
	}
}
