//! The backend against the reference: random encoders, random programs, extreme weights, every
//! instruction set of the machine and several numbers of threads.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use assay_cpu::{CpuBackend, Processor};
use assay_program::{
	Backend, Bytes, Dim, EmbedBy, InvalidCode, Kind, Limits, Mask, Operator, Outcome, Parameters,
	Program, TableBase, TensorId, TensorInfo, WeightId,
};
use assay_reference::sample::{self, Builder, Generator, Shape, Style};
use proptest::prelude::*;
use std::sync::Arc;

const STYLES: [Style; 3] = [Style::Plausible, Style::Random, Style::Extreme];

/// Runs a program by the reference, and by every instruction set with one to three threads.
fn check(program: &Program, style: Style, parameters: &Parameters, seed: u64) {
	let weights = sample::weights(program, style, seed);
	let Some(Operator::Tokens { vocabulary }) = program.operators.first() else {
		panic!("a program begins with its input")
	};
	let input = sample::input(*vocabulary, parameters.batch, parameters.sequence, seed ^ 1);
	check_input(program, &weights, &input, parameters);
}

fn check_input(program: &Program, weights: &[u8], input: &[u8], parameters: &Parameters) {
	let expected = assay_reference::run(program, weights, input, parameters).unwrap();
	let (program, weights) = (Arc::new(program.clone()), Bytes::copy_from_slice(weights));
	for (number, processor) in Processor::all().enumerate() {
		let threads = number % 3 + 1;
		let backend = CpuBackend::with_processor(Some(threads), processor);
		let model = backend.load(program.clone(), weights.clone()).unwrap();
		// Twice: what the first run leaves behind must not be seen in the second.
		for _ in 0..2 {
			let outcome = model.run(input, parameters).unwrap();
			let set = processor.set();
			assert!(outcome == expected, "{set}, {threads} threads: {program:?} {parameters:?}");
		}
	}
}

#[test]
fn the_golden_vectors_come_out() {
	for processor in Processor::all() {
		for threads in [1, 2, 3] {
			let backend = CpuBackend::with_processor(Some(threads), processor);
			assay_reference::golden::self_test(&backend).unwrap();
		}
	}
}

#[test]
fn the_number_of_threads_does_not_matter() {
	let shape = Shape { max_batch: 7, max_sequence: 60, layers: 2, ..Shape::SMALL };
	let program = Arc::new(sample::encoder(&shape));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 5).into();
	for (batch, sequence) in [(1, 60), (7, 60), (7, 1), (3, 33)] {
		let parameters = Parameters::encoder(batch, sequence);
		let input = sample::input(shape.vocabulary, batch, sequence, 6);
		let expected = assay_reference::run(&program, &weights, &input, &parameters).unwrap();
		for threads in [Some(1), Some(2), Some(3), Some(8), None] {
			let backend = CpuBackend::new(threads);
			let model = backend.load(program.clone(), weights.clone()).unwrap();
			assert_eq!(model.run(&input, &parameters).unwrap(), expected);
		}
	}
}

#[test]
fn concurrent_runs_do_not_touch_each_other() {
	let shape = Shape { max_batch: 5, ..Shape::SMALL };
	let program = Arc::new(sample::encoder(&shape));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 5).into();
	let model = CpuBackend::new(Some(2)).load(program.clone(), weights.clone()).unwrap();
	std::thread::scope(|scope| {
		for seed in 0..6 {
			let (model, program, weights) = (model.clone(), program.clone(), weights.clone());
			scope.spawn(move || {
				let parameters = Parameters::encoder(seed % 5 + 1, 16 - seed);
				let (batch, sequence) = (parameters.batch, parameters.sequence);
				let input = sample::input(shape.vocabulary, batch, sequence, seed.into());
				let expected =
					assay_reference::run(&program, &weights, &input, &parameters).unwrap();
				for _ in 0..20 {
					assert_eq!(model.run(&input, &parameters).unwrap(), expected);
				}
			});
		}
	});
}

#[test]
fn inputs_that_break_the_rules_are_invalid_as_in_the_reference() {
	let program = sample::encoder(&Shape::SMALL);
	let weights = sample::weights(&program, Style::Plausible, 1);
	let ids = |ids: &[i32]| -> Vec<u8> { ids.iter().flat_map(|id| id.to_le_bytes()).collect() };
	let two = Parameters::encoder(1, 2);
	let cases = [
		(ids(&[1, 2, 3]), two.clone(), InvalidCode::Shape),
		(ids(&[]), two.clone(), InvalidCode::Shape),
		(ids(&[]), Parameters::encoder(0, 2), InvalidCode::Shape),
		(ids(&[]), Parameters::encoder(u32::MAX, u32::MAX), InvalidCode::Shape),
		(ids(&[1, 2]), Parameters { max_steps: 2, ..two.clone() }, InvalidCode::Shape),
		(ids(&[1, 40]), two.clone(), InvalidCode::Token),
		(ids(&[-2, 1]), two.clone(), InvalidCode::Token),
		(ids(&[-1, -1]), two.clone(), InvalidCode::Padding),
		(ids(&[1, -1, 2, -1, 3, -1]), Parameters::encoder(1, 6), InvalidCode::Padding),
	];
	for (input, parameters, code) in cases {
		let expected = assay_reference::run(&program, &weights, &input, &parameters).unwrap();
		assert_eq!(expected, Outcome::Invalid(code));
		check_input(&program, &weights, &input, &parameters);
	}
}

#[test]
fn weights_of_a_wrong_length_are_refused() {
	let program = Arc::new(sample::encoder(&Shape::SMALL));
	let weights = sample::weights(&program, Style::Plausible, 1);
	for length in [0, weights.len() - 1, weights.len() + 1] {
		let mut wrong = weights.clone();
		wrong.resize(length, 0);
		assert!(CpuBackend::new(Some(1)).load(program.clone(), wrong.into()).is_err());
	}
	let broken = Program { operators: Vec::new(), ..(*program).clone() };
	assert!(CpuBackend::new(Some(1)).load(broken.into(), weights.into()).is_err());
}

/// A program with a tensor as its output, where validation admits that.
fn emitting(program: &Program, value: usize) -> Option<Program> {
	let mut program = program.clone();
	let stop = TensorId(program.operators.len() as u16 - 2);
	*program.operators.last_mut()? = Operator::Emit { value: TensorId(value as u16), stop };
	program.validate().is_ok().then_some(program)
}

/// Also what no importer would emit: whatever validation admits has one answer.
#[test]
fn every_tensor_that_may_be_emitted_equals_the_reference() {
	let mut bare = Builder::new(Limits::encoder(3, 2));
	bare.push(Operator::Tokens { vocabulary: 3 });
	let programs = [sample::encoder(&Shape::SMALL), bare.finish(TensorId(1))];
	let mut emitted = 0;
	for program in &programs {
		for value in 0..program.operators.len() {
			if let Some(program) = emitting(program, value) {
				check(&program, Style::Plausible, &Parameters::encoder(3, 2), value as u64);
				emitted += 1;
			}
		}
	}
	assert!(emitted > 20, "{emitted}");
}

#[test]
fn more_heads_than_are_packed_at_once() {
	// Some 400 bytes a head: 12 inputs of 16,384 heads go in several groups, 65,536 heads of one
	// input too.
	for (heads, max_batch) in [(16_384, 12), (98_304, 2)] {
		let shape = Shape { heads, width: heads, inner: 4, max_batch, ..Shape::SMALL };
		let program = attention_of(&shape);
		check(&program, Style::Plausible, &Parameters::encoder(max_batch, 3), 8);
	}
}

/// Attention alone: a whole layer of this width would take too long.
fn attention_of(shape: &Shape) -> Program {
	let Shape { heads, width, bits, fraction, .. } = *shape;
	let Shape { max_batch, max_sequence, .. } = *shape;
	let mut builder = Builder::new(Limits::encoder(max_batch, max_sequence));
	let ids = builder.push(Operator::Tokens { vocabulary: shape.vocabulary });
	let (table, scales) = (builder.matrix(shape.vocabulary, width), builder.vector(40));
	let by = EmbedBy::Token;
	let embedded = builder.push(Operator::Embed { ids, table, scales, by, fraction });
	let (query, query_max) = builder.quantise(embedded, heads, bits);
	let (value, value_max) = (query, query_max);
	let (key, key_max, shift) = (query, query_max, bits);
	let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction: 16 };
	let scores = builder.push(scores);
	let mask = Mask::Padding { ids };
	let max = builder.push(Operator::SoftmaxMax { scores, mask });
	let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask });
	let sum = builder.push(Operator::SoftmaxSum { exponentials });
	let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
	let weight = builder.push(Operator::ContextWeight { probabilities, value_max, fraction });
	let (weight, weight_max) = builder.quantise(weight, 1, bits);
	let context = builder.push(Operator::Context {
		weight,
		weight_max,
		value,
		groups: heads,
		shift: 0,
		fraction,
	});
	builder.finish(context)
}

#[test]
fn a_long_sequence_and_the_widths_of_minilm() {
	let shape = Shape {
		layers: 1,
		width: 384,
		heads: 12,
		inner: 1_536,
		vocabulary: 100,
		max_batch: 2,
		max_sequence: 150,
		intervals: 4_096,
		..Shape::SMALL
	};
	let program = sample::encoder(&shape);
	check(&program, Style::Plausible, &Parameters::encoder(2, 149), 3);
	check(&program, Style::Extreme, &Parameters::encoder(1, 20), 4);
}

#[test]
fn weights_that_do_not_pack_well_are_not_packed() {
	let limits = Limits::encoder(1, 2);
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary: 3 });
	let (table, scales) = (builder.matrix(3, 8_000), builder.vector(3));
	let by = EmbedBy::Token;
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction: 16 });
	let rows = builder.quantise(value, 1, 12);
	// Each a single row, which a panel holds like sixteen.
	let products: Vec<TensorId> = (0..600).map(|_| builder.linear(rows, 1, 8_000, 16)).collect();
	let program = builder.finish(products[599]);
	check(&program, Style::Plausible, &Parameters::encoder(1, 2), 9);
}

fn shapes() -> impl Strategy<Value = Shape> {
	let sizes = (1_u32..3, 1_u32..40, 1_u32..4, 1_u32..60);
	let rest = (1_u32..50, 1_u32..5, 1_u32..40, any::<bool>(), 8_u8..=20, 1_u32..40);
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
		check(&program, STYLES[style], &Parameters::encoder(batch, sequence), seed);
	}

	#[test]
	fn random_programs_equal_the_reference(seed in any::<u64>(), style in 0..3_usize) {
		let mut generator = Generator::new(seed);
		let program = random_program(&mut generator);
		let batch = generator.below(program.limits.max_batch) + 1;
		let sequence = generator.below(program.limits.max_sequence) + 1;
		check(&program, STYLES[style], &Parameters::encoder(batch, sequence), seed);
	}
}

/// A program of random operators. Half of the attention is a whole chain, and half of those chains
/// have a reader in their middle.
fn random_program(generator: &mut Generator) -> Program {
	let limits = Limits::encoder(generator.below(4) + 1, generator.below(20) + 1);
	let mut maker = Maker { builder: Builder::new(limits), generator, limits };
	let vocabulary = 30;
	let ids = maker.builder.push(Operator::Tokens { vocabulary });
	let heads = maker.generator.below(3) + 1;
	let width = heads * (maker.generator.below(7) + 1);
	for by in [EmbedBy::Token, EmbedBy::Position] {
		let table = maker.builder.matrix(vocabulary.max(limits.max_sequence), width);
		let scales = maker.builder.vector(vocabulary.max(limits.max_sequence));
		let fraction = maker.fraction();
		maker.builder.push(Operator::Embed { ids, table, scales, by, fraction });
	}
	for _ in 0..maker.generator.below(25) + 3 {
		if maker.generator.below(5) == 0 {
			maker.attention(ids);
		} else {
			maker.any_operator(ids);
		}
	}
	maker.finish()
}

struct Maker<'a> {
	builder: Builder,
	generator: &'a mut Generator,
	limits: Limits,
}

impl Maker<'_> {
	fn fraction(&mut self) -> u8 {
		[16, 16, 12, 8, 20][self.generator.below(5) as usize]
	}

	/// The program so far, ended with a tensor as its output.
	fn ended(&self, value: TensorId) -> Program {
		self.builder.clone().finish(value)
	}

	fn tensors(&self) -> Vec<(TensorId, TensorInfo)> {
		// Any fixed-point tensor ends a program; the first embedding is one.
		let mut tensors = self.ended(TensorId(1)).tensors().unwrap();
		tensors.truncate(tensors.len() - 2);
		tensors.into_iter().enumerate().map(|(id, info)| (TensorId(id as u16), info)).collect()
	}

	/// A random tensor that `fits`, the latest ones more often.
	fn pick(&mut self, fits: impl Fn(&TensorInfo) -> bool) -> Option<(TensorId, TensorInfo)> {
		let mut fitting = self.tensors();
		fitting.retain(|(_, info)| fits(info));
		let back = self.generator.below(fitting.len() as u32);
		let back = self.generator.below(back + 1) as usize;
		fitting.into_iter().rev().nth(back)
	}

	fn pick_fixed(&mut self) -> Option<(TensorId, TensorInfo)> {
		self.pick(|info| matches!(info.kind, Kind::Fixed { .. }))
	}

	/// Adds an operator if the program is still valid with it.
	fn push(&mut self, operator: Operator) -> Option<TensorId> {
		let mut longer = self.builder.clone();
		let id = longer.push(operator);
		longer.clone().finish(TensorId(1)).validate().ok()?;
		self.builder = longer;
		Some(id)
	}

	fn width(&self, info: &TensorInfo) -> Option<u32> {
		match info.width()? {
			Dim::Fixed(width) => Some(width),
			_ => None,
		}
	}

	fn quantise(&mut self, value: TensorId, groups: u32) -> Option<(TensorId, TensorId)> {
		let bits = if self.generator.below(3) == 0 { 8 } else { 12 };
		let max = self.push(Operator::RowMax { value, groups })?;
		Some((self.push(Operator::Quantise { value, max, bits })?, max))
	}

	fn attention(&mut self, ids: TensorId) -> Option<()> {
		let by_position = |info: &TensorInfo| {
			matches!(info.kind, Kind::Fixed { .. })
				&& matches!(info.dims[..], [Dim::Batch, Dim::Sequence, Dim::Fixed(_)])
		};
		let (query, info) = self.pick(by_position)?;
		let (key, _) = self.pick(|other| by_position(other) && other.dims == info.dims)?;
		let (value, value_info) = self.pick(by_position)?;
		let width = self.width(&info)?;
		let heads = (1..=3).rev().find(|heads| {
			width % heads == 0 && self.width(&value_info).is_some_and(|width| width % heads == 0)
		})?;
		let (query, query_max) = self.quantise(query, heads)?;
		let (key, key_max) = self.quantise(key, heads)?;
		let (value, value_max) = self.quantise(value, heads)?;
		let shift = self.generator.below(20) as u8 + 1;
		let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction: 16 };
		let scores = self.push(scores)?;
		let padded = self.generator.below(2) == 0;
		let mask = if padded { Mask::Padding { ids } } else { Mask::None };
		let max = self.push(Operator::SoftmaxMax { scores, mask })?;
		let exponentials = self.push(Operator::SoftmaxExp { scores, max, mask })?;
		let sum = self.push(Operator::SoftmaxSum { exponentials })?;
		let probabilities = self.push(Operator::SoftmaxNormalise { exponentials, sum })?;
		let fraction = self.fraction();
		let weight = self.push(Operator::ContextWeight { probabilities, value_max, fraction })?;
		if self.generator.below(2) == 0 {
			// Somebody else reads one of the tensors inside.
			let inside = [scores, max, exponentials, sum, probabilities, weight];
			let left = inside[self.generator.below(6) as usize];
			self.push(Operator::Add { left, right: left })?;
		}
		let (weight, weight_max) = self.quantise(weight, 1)?;
		let fraction = self.fraction();
		self.push(Operator::Context {
			weight,
			weight_max,
			value,
			groups: heads,
			shift: 0,
			fraction,
		})?;
		Some(())
	}

	fn any_operator(&mut self, ids: TensorId) -> Option<()> {
		let (value, info) = self.pick_fixed()?;
		let own = info.kind.fraction()?;
		let fraction = self.fraction();
		match self.generator.below(8) {
			0 => {
				let (right, _) = self.pick(|other| *other == info)?;
				self.push(Operator::Add { left: value, right })?;
			},
			1 => {
				let groups = self.generator.below(3) + 1;
				let (input, max) = self.quantise(value, groups)?;
				if groups == 1 {
					self.linear(input, max, self.width(&info)?, fraction)?;
				}
			},
			2 => {
				// Maxima that are none.
				let width = self.width(&info)?;
				let leading = &info.dims[..info.dims.len() - 1];
				let (max, _) = self.pick(|other| {
					let fits = |dim: &Dim| matches!(dim, Dim::Fixed(n) if width % n == 0);
					other.kind == info.kind
						&& other
							.dims
							.split_last()
							.is_some_and(|(last, dims)| dims == leading && fits(last))
				})?;
				self.push(Operator::Quantise { value, max, bits: 12 })?;
			},
			3 => self.layer_norm(value, &info, own)?,
			4 => {
				let intervals = self.generator.below(20) * 2 + 2;
				let shift = self.generator.below(24) as u8 + 1;
				let table = self.builder.vector(intervals + 1);
				let (base, fraction) = match self.generator.below(2) {
					0 => (TableBase::Zero, fraction),
					_ => (TableBase::Relu, own),
				};
				self.push(Operator::Table { value, table, shift, base, fraction })?;
			},
			5 => {
				let norm = self.push(Operator::L2Norm { value })?;
				self.push(Operator::L2Normalise { value, norm, fraction })?;
			},
			6 => {
				self.push(Operator::MeanPool { value, ids })?;
			},
			_ => {
				self.push(Operator::RowMax { value, groups: 1 })?;
			},
		}
		Some(())
	}

	fn linear(&mut self, input: TensorId, max: TensorId, width: u32, fraction: u8) -> Option<()> {
		let rows = self.generator.below(70) + 1;
		let weights: WeightId = self.builder.matrix(rows, width);
		let scales = self.builder.vector(rows);
		let bias = (self.generator.below(2) == 0).then(|| self.builder.vector(rows));
		let shift = self.generator.below(24) as u8 + 1;
		self.push(Operator::Linear { input, max, weights, scales, bias, shift, fraction })?;
		Some(())
	}

	fn layer_norm(&mut self, value: TensorId, info: &TensorInfo, own: u8) -> Option<()> {
		let width = self.width(info)?;
		let mean = self.push(Operator::Mean { value })?;
		let fraction = own + self.generator.below(7) as u8;
		let epsilon = self.generator.below(1 << 20);
		let deviation = self.push(Operator::Deviation { value, mean, epsilon, fraction })?;
		let (gain, bias) = (self.builder.vector(width), self.builder.vector(width));
		let fraction = self.fraction();
		self.push(Operator::Normalise { value, mean, deviation, gain, bias, fraction })?;
		Some(())
	}

	fn finish(mut self) -> Program {
		let (value, _) = self.pick_fixed().unwrap();
		let program = self.ended(value);
		assert!(program.validate().is_ok() && program.limits == self.limits);
		let stop = program.operators.len() - 2;
		assert!(emitting(&program, stop).is_none(), "`Stop` is no output");
		program
	}
}
