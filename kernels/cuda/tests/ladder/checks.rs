//! The backend on a device against the reference: every tensor of every step, then the output.

use assay_cuda::{Device, DeviceBackend};
use assay_program::{
	EmbedBy, Limits, Mask, Model, Operator, Outcome, Parameters, Program, Rescale, Sampling,
	TableBase, WeightKind,
};
use assay_reference::{
	golden,
	sample::{self, Builder, DecoderShape, NetworkShape, Shape, Style},
};
use bytes::Bytes;
use proptest::prelude::*;
use std::{ops::ControlFlow, sync::Arc};

/// One program, weights and input.
pub(crate) struct Case<'a> {
	pub(crate) program: &'a Program,
	pub(crate) weights: &'a [u8],
	pub(crate) input: &'a [u8],
	pub(crate) parameters: &'a Parameters,
}

impl Case<'_> {
	/// The first tensor that differs from the reference's, or that the output does.
	pub(crate) fn difference<D: Device>(&self, backend: &DeviceBackend<D>) -> Option<String> {
		self.compare(backend, true)
	}

	/// The first tensor that differs; also runs the job as jobs are run, where it should.
	fn compare<D: Device>(&self, backend: &DeviceBackend<D>, runs: bool) -> Option<String> {
		let Case { program, weights, input, parameters } = *self;
		let mut expected = Vec::new();
		let note = |step, number, bytes: &[u8]| expected.push((step, number, bytes.to_vec()));
		let outcome = assay_reference::trace(program, weights, input, parameters, note).unwrap();
		let program = Arc::new(program.clone());
		let weights = Bytes::copy_from_slice(weights);
		let model = backend.load_model(program.clone(), &weights).unwrap();
		let (mut place, mut wrong) = (0, None);
		let mut compare = |step: u32, number: usize, bytes: &[u8]| {
			let same = expected
				.get(place)
				.is_some_and(|(s, n, b)| (*s, *n, &**b) == (step, number, bytes));
			place += 1;
			if !same && wrong.is_none() {
				let name = program.operators[number].name();
				wrong = Some(format!("step {step}, operator {number}, {name}"));
			}
		};
		let traced = model.trace(input, parameters, &mut compare).unwrap();
		if wrong.is_some() {
			return wrong;
		}
		if place != expected.len() || traced != outcome {
			return Some(format!("the trace has {place} tensors of {}", expected.len()));
		}
		if !runs {
			return None;
		}
		// Again, as jobs run: without what the output does not need, later steps as recordings, in
		// memory that the trace has left.
		let mut emitted = Vec::new();
		let mut emit = |bytes: &[u8]| {
			emitted.extend_from_slice(bytes);
			ControlFlow::Continue(())
		};
		let streamed = model.stream(input, parameters, &mut emit).unwrap();
		let whole = match &outcome {
			Outcome::Output { data, .. } => data.as_slice(),
			Outcome::Invalid(_) => &[],
		};
		if streamed != outcome || emitted != whole {
			return Some("the output".into());
		}
		None
	}

	/// Every tensor and nothing more, for where that takes long.
	pub(crate) fn check_tensors<D: Device>(&self, backend: &DeviceBackend<D>) {
		assert_eq!(self.compare(backend, false), None);
	}

	pub(crate) fn check<D: Device>(&self, backend: &DeviceBackend<D>) {
		if let Some(what) = self.difference(backend) {
			let products = backend.devices().next().map(Device::products);
			panic!("{what} differs: {products:?}, {:?}, {:?}", self.parameters, self.program);
		}
	}
}

/// A program of any kind with made-up weights and an encoder's input.
pub(crate) fn program<D: Device>(
	backend: &DeviceBackend<D>,
	program: &Program,
	style: Style,
	parameters: &Parameters,
	seed: u64,
) {
	let weights = sample::weights(program, style, seed);
	let Some(Operator::Tokens { vocabulary }) = program.operators.first() else {
		panic!("a program begins with its input")
	};
	let input = sample::input(*vocabulary, parameters.batch, parameters.sequence, seed ^ 1);
	Case { program, weights: &weights, input: &input, parameters }.check(backend);
}

/// A sample encoder.
pub(crate) fn encoder<D: Device>(
	backend: &DeviceBackend<D>,
	shape: &Shape,
	style: Style,
	parameters: &Parameters,
	seed: u64,
) {
	program(backend, &sample::encoder(shape), style, parameters, seed);
}

/// A sample decoder. Parameters beyond its limits are brought within them.
pub(crate) fn decoder<D: Device>(
	backend: &DeviceBackend<D>,
	shape: &DecoderShape,
	style: Style,
	parameters: &Parameters,
	seed: u64,
) {
	let program = sample::decoder(shape);
	program.validate().unwrap();
	let weights = sample::weights(&program, style, seed);
	let sequence = parameters.sequence.min(shape.max_sequence);
	let steps = parameters.max_steps.min(shape.max_steps).min(shape.max_sequence - sequence + 1);
	let parameters = Parameters { sequence, max_steps: steps, ..parameters.clone() };
	let input = sample::prompt(shape, parameters.batch, sequence, seed ^ 1);
	Case { program: &program, weights: &weights, input: &input, parameters: &parameters }
		.check(backend);
}

/// A sample network that is int8 throughout.
pub(crate) fn network<D: Device>(
	backend: &DeviceBackend<D>,
	shape: &NetworkShape,
	style: Style,
	(batch, sequence): (u32, u32),
	seed: u64,
) {
	let program = sample::network(shape);
	program.validate().unwrap();
	let weights = sample::weights(&program, style, seed);
	let input = sample::samples(shape, batch, sequence, seed ^ 1);
	let parameters = &Parameters::encoder(batch, sequence);
	Case { program: &program, weights: &weights, input: &input, parameters }.check(backend);
}

/// A convolution without products whose sums lie on and beside the middle between two bytes, with
/// its weights. Its input is one byte.
pub(crate) fn ties() -> (Program, Vec<u8>) {
	// Sums of 25 bits: a float32 has one less, and so makes ties of some that are none.
	let sums: Vec<i32> = (-130..130)
		.flat_map(|half: i32| [-1, 0, 1].map(|beside| ((2 * half + 1) << 17) + beside))
		.collect();
	let mut builder = Builder::new(Limits::encoder(1, 1));
	let value = builder.push(Operator::Samples { width: 1 });
	let count = sums.len() as u32;
	let weights = builder.weight(WeightKind::Int8, vec![count, 1, 1]);
	let (scales, bias) = (builder.vector(count), builder.vector(count));
	let rescale = Rescale { scales, bias, shift: 18, zero: 0, least: i8::MIN };
	let value = builder.push(Operator::Convolution { value, zero: 0, weights, rescale });
	let table = builder.vector(256);
	let value = builder.push(Operator::Lookup { value, table, fraction: 0 });
	let program = builder.finish(value);
	program.validate().unwrap();
	let mut blob = vec![0; program.weights_length() as usize];
	let integers = [(scales, vec![1; sums.len()]), (bias, sums), (table, (-128..128).collect())];
	for (id, values) in integers {
		let range = program.weight_range(id).unwrap();
		let bytes: Vec<u8> = values.iter().flat_map(|value: &i32| value.to_le_bytes()).collect();
		blob[range.start as usize..range.end as usize].copy_from_slice(&bytes);
	}
	(program, blob)
}

/// Every golden vector, tensor by tensor, and its stored answer; where `as_jobs` as jobs run, too.
pub(crate) fn golden<D: Device>(backend: &DeviceBackend<D>, as_jobs: bool) {
	for (name, vector) in golden::vectors() {
		let vector = vector.unwrap();
		let program = Program::decode_validated(&vector.program).unwrap();
		let (weights, input, parameters) = (&vector.weights, &vector.input, &vector.parameters);
		let case = Case { program: &program, weights, input, parameters };
		assert_eq!(case.compare(backend, as_jobs), None, "golden vector {name}");
		let own = assay_reference::run(&program, weights, input, parameters).unwrap();
		assert_eq!(own, vector.outcome, "golden vector {name}");
	}
}

/// Operators in places where no importer puts them: over attention's rows, with maxima that are
/// none, with bits mixed, on every rank.
pub(crate) fn odd_program() -> Program {
	let mut b = Builder::new(Limits::encoder(3, 20));
	let (width, heads, fraction) = (12, 3, 16);
	let ids = b.push(Operator::Tokens { vocabulary: 30 });
	let embed = |b: &mut Builder, by| {
		let (table, scales) = (b.matrix(30, width), b.vector(30));
		b.push(Operator::Embed { ids, table, scales, by, fraction })
	};
	let (left, right) = (embed(&mut b, EmbedBy::Token), embed(&mut b, EmbedBy::Position));
	let sum = b.push(Operator::Add { left, right });
	let (query, query_max) = b.quantise(sum, heads, 12);
	let (key, key_max) = b.quantise(left, heads, 8);
	let shift = 12;
	let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction };
	let scores = b.push(scores);
	let twice = b.push(Operator::Add { left: scores, right: scores });
	let table = b.vector(9);
	let base = TableBase::Relu;
	let bent = b.push(Operator::Table { value: twice, table, shift: 14, base, fraction });
	let largest = b.push(Operator::RowMax { value: bent, groups: 1 });
	b.push(Operator::Quantise { value: bent, max: largest, bits: 8 });
	let scores = b.push(Operator::L2Normalise { value: bent, norm: largest, fraction });
	let (value, value_max) = b.quantise(right, heads, 8);
	let mut contexts = Vec::new();
	for mask in [Mask::Causal, Mask::None, Mask::Padding { ids }] {
		let max = b.push(Operator::SoftmaxMax { scores, mask });
		let exponentials = b.push(Operator::SoftmaxExp { scores, max, mask });
		let sum = b.push(Operator::SoftmaxSum { exponentials });
		let by_head = b.push(Operator::RowMax { value: sum, groups: 1 });
		b.push(Operator::Quantise { value: sum, max: by_head, bits: 12 });
		let probabilities = b.push(Operator::SoftmaxNormalise { exponentials, sum });
		let weight = b.push(Operator::ContextWeight { probabilities, value_max, fraction: 12 });
		let (weight, weight_max) = b.quantise(weight, 1, 12);
		let (groups, shift) = (heads, 3);
		let context = Operator::Context { weight, weight_max, value, groups, shift, fraction };
		contexts.push(b.push(context));
	}
	let product = b.push(Operator::Multiply { left: contexts[0], right: contexts[1], fraction });
	b.push(Operator::Quantise { value: product, max: contexts[2], bits: 12 });
	let mask = Mask::None;
	let max = b.push(Operator::SoftmaxMax { scores: product, mask });
	let exponentials = b.push(Operator::SoftmaxExp { scores: product, max, mask });
	b.push(Operator::SoftmaxSum { exponentials });
	let normal = b.layer_norm(product, width, fraction);
	let normal = b.rms_norm(normal, width, fraction, 6);
	let tables = [b.integers(20, 2), b.integers(20, 2)];
	let turned =
		b.push(Operator::Rotate { value: normal, heads, cosine: tables[0], sine: tables[1] });
	let last = b.push(Operator::Last { value: turned });
	let pooled = b.push(Operator::MeanPool { value: turned, ids });
	let both = b.push(Operator::Add { left: last, right: pooled });
	let row = b.quantise(both, 1, 8);
	let wide = b.linear(row, 70, width, fraction);
	let norm = b.push(Operator::L2Norm { value: wide });
	let unit = b.push(Operator::L2Normalise { value: wide, norm, fraction });
	let program = b.finish(unit);
	program.validate().unwrap();
	program
}

/// A decoder whose contexts may be of any length.
pub(crate) fn small_decoder() -> DecoderShape {
	DecoderShape {
		width: 8,
		heads: 2,
		key_heads: 1,
		inner: 8,
		context_shift: 6,
		..DecoderShape::SMALL
	}
}

pub(crate) fn styles() -> impl Strategy<Value = Style> {
	prop_oneof![Just(Style::Plausible), Just(Style::Random), Just(Style::Extreme)]
}

pub(crate) fn shapes() -> impl Strategy<Value = Shape> {
	let sizes = (1_u32..3, 1_u32..40, 1_u32..4, 1_u32..90);
	let rest = (1_u32..50, 1_u32..5, 1_u32..40, any::<bool>(), 8_u8..=20, 1_u32..40);
	(sizes, rest).prop_map(|(sizes, rest)| {
		let (layers, part, heads, inner) = sizes;
		let (vocabulary, max_batch, max_sequence, twelve, fraction, intervals) = rest;
		let bits = if twelve { 12 } else { 8 };
		let (width, intervals) = (part * heads, intervals * 2);
		Shape {
			layers,
			width,
			heads,
			inner,
			vocabulary,
			max_batch,
			max_sequence,
			bits,
			fraction,
			intervals,
		}
	})
}

pub(crate) fn decoder_shapes() -> impl Strategy<Value = DecoderShape> {
	let sizes = (1_u32..3, 1_u32..10, 1_u32..4, 1_u32..4, 1_u32..50);
	let rest = (3_u32..700, 0_u32..3, 1_u32..4, any::<bool>(), 8_u8..=20, 0_u8..8);
	(sizes, rest).prop_map(|(sizes, rest)| {
		let (layers, half, key_heads, times, inner) = sizes;
		let (vocabulary, ends, max_batch, twelve, fraction, context_shift) = rest;
		let heads = key_heads * times;
		DecoderShape {
			layers,
			width: 2 * half * heads,
			heads,
			key_heads,
			inner,
			vocabulary,
			ends,
			max_batch,
			bits: if twelve { 12 } else { 8 },
			fraction,
			square_shift: fraction.min(6),
			context_shift,
			..DecoderShape::SMALL
		}
	})
}

pub(crate) fn network_shapes() -> impl Strategy<Value = NetworkShape> {
	// Windows beyond a warp's lanes and beyond a long row; weights of every kind of row's end.
	let sizes = (0_u32..3, 1_u32..50, 1_u32..40, 1_u32..20);
	(sizes, 1_u8..=62, any::<i8>()).prop_map(|((layers, features, channels, taps), shift, zero)| {
		NetworkShape { layers, features, channels, taps, shift, zero, ..NetworkShape::SMALL }
	})
}

pub(crate) fn samplings() -> impl Strategy<Value = Option<Sampling>> {
	let sampling = (1_u32..=100 << 16, 0_u32..60, 1_u32..=65_536, any::<[u8; 32]>());
	prop::option::weighted(
		0.7,
		sampling.prop_map(|(temperature_q16, top_k, top_p_q16, seed)| Sampling {
			temperature_q16,
			top_k,
			top_p_q16,
			seed,
		}),
	)
}
