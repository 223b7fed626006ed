//! Small encoders and decoders with made-up weights, for golden vectors, property tests and
//! benchmarks.
//!
//! A sample program is a whole network as an importer writes one, of any size; its weights come
//! from a counter-based generator, either plausible or as hostile as bytes can be.

mod decoder;
mod network;

pub use decoder::{decoder, prompt, sample, weight_shift, DecoderShape};
pub use network::{network, samples, NetworkShape};

use alloc::{vec, vec::Vec};
use assay_program::{
	limits::ROTATION_FRACTION, EmbedBy, Limits, Mask, Operator, Program, TableBase, TensorId,
	WeightId, WeightKind, WeightShape, SEMANTICS_DRAFT,
};

/// Sizes of a sample encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
	/// Layers.
	pub layers: u32,
	/// Width of a position.
	pub width: u32,
	/// Heads; divide the width.
	pub heads: u32,
	/// Width between the two products of the feed-forward part.
	pub inner: u32,
	/// Number of tokens.
	pub vocabulary: u32,
	/// Largest batch.
	pub max_batch: u32,
	/// Longest sequence.
	pub max_sequence: u32,
	/// Bits of quantised rows, 8 or 12.
	pub bits: u8,
	/// Fraction bits of values, 8 to 20.
	pub fraction: u8,
	/// Intervals of the function table, even.
	pub intervals: u32,
}

impl Shape {
	/// The sizes of MiniLM-L6, for measurements.
	pub const MINILM: Self = Self {
		layers: 6,
		width: 384,
		heads: 12,
		inner: 1_536,
		vocabulary: 30_522,
		max_batch: 16,
		max_sequence: 512,
		bits: 12,
		fraction: 16,
		intervals: 4_096,
	};

	/// A layer that is computed in no time.
	pub const SMALL: Self = Self {
		layers: 1,
		width: 16,
		heads: 2,
		inner: 24,
		vocabulary: 40,
		max_batch: 4,
		max_sequence: 16,
		bits: 12,
		fraction: 16,
		intervals: 32,
	};
}

/// What a sample's weights are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
	/// Of the size that trained weights have, so that values stay in range.
	Plausible,
	/// Any bytes.
	Random,
	/// The ends of every range: -128, 127, `i32::MIN`, `i32::MAX`.
	Extreme,
}

/// A counter-based generator (splitmix64): number `n` of a seed is always the same.
#[derive(Clone, Debug)]
pub struct Generator(u64);

impl Generator {
	/// Begins a sequence.
	pub fn new(seed: u64) -> Self {
		Self(seed)
	}

	/// The next 64 bits.
	pub fn next_u64(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut bits = self.0;
		bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		bits ^ (bits >> 31)
	}

	/// A number below `bound`, which counts as 1 when it is 0.
	pub fn below(&mut self, bound: u32) -> u32 {
		let high = self.next_u64() >> 32;
		// The product of two 32-bit numbers, and its upper half.
		let scaled = high.saturating_mul(u64::from(bound.max(1))) >> 32;
		u32::try_from(scaled).unwrap_or(0)
	}

	/// A number within `-limit..=limit`.
	pub fn within(&mut self, limit: i32) -> i32 {
		let span = limit.unsigned_abs().saturating_mul(2).saturating_add(1);
		i32::try_from(self.below(span)).unwrap_or(0).saturating_sub(limit)
	}
}

/// Puts operators and weights into a program, in order.
#[derive(Clone, Debug)]
pub struct Builder {
	program: Program,
}

impl Builder {
	/// An empty program.
	pub fn new(limits: Limits) -> Self {
		let program = Program {
			semantics: SEMANTICS_DRAFT,
			limits,
			weights: Vec::new(),
			operators: Vec::new(),
		};
		Self { program }
	}

	/// Adds an operator and gives the tensor it makes.
	pub fn push(&mut self, operator: Operator) -> TensorId {
		let id = u16::try_from(self.program.operators.len()).unwrap_or(u16::MAX);
		self.program.operators.push(operator);
		TensorId(id)
	}

	/// Declares an int8 matrix.
	pub fn matrix(&mut self, rows: u32, columns: u32) -> WeightId {
		self.weight(WeightKind::Int8, vec![rows, columns])
	}

	/// Declares an int32 vector.
	pub fn vector(&mut self, length: u32) -> WeightId {
		self.weight(WeightKind::Int32, vec![length])
	}

	/// Declares an int32 matrix.
	pub fn integers(&mut self, rows: u32, columns: u32) -> WeightId {
		self.weight(WeightKind::Int32, vec![rows, columns])
	}

	/// Declares a tensor.
	pub fn weight(&mut self, kind: WeightKind, dims: Vec<u32>) -> WeightId {
		let id = u16::try_from(self.program.weights.len()).unwrap_or(u16::MAX);
		self.program.weights.push(WeightShape { kind, dims });
		WeightId(id)
	}

	/// Ends an encoder with `value` as its output.
	pub fn finish(mut self, value: TensorId) -> Program {
		let stop = self.push(Operator::Stop { next: None, ends: Vec::new() });
		self.push(Operator::Emit { value, stop });
		self.program
	}

	/// Ends a decoder that goes on with `next`.
	pub fn finish_decoder(mut self, next: TensorId, ends: Vec<u32>) -> Program {
		let stop = self.push(Operator::Stop { next: Some(next), ends });
		self.push(Operator::Emit { value: next, stop });
		self.program
	}

	/// Row maxima, and the rows quantised against them.
	pub fn quantise(&mut self, value: TensorId, groups: u32, bits: u8) -> (TensorId, TensorId) {
		let max = self.push(Operator::RowMax { value, groups });
		(self.push(Operator::Quantise { value, max, bits }), max)
	}

	/// A product with new weights, `rows` of `columns`.
	pub fn linear(
		&mut self,
		(input, max): (TensorId, TensorId),
		rows: u32,
		columns: u32,
		fraction: u8,
	) -> TensorId {
		let weights = self.matrix(rows, columns);
		let (scales, bias) = (self.vector(rows), Some(self.vector(rows)));
		self.push(Operator::Linear { input, max, weights, scales, bias, shift: 16, fraction })
	}

	/// [`Self::linear`] without a bias.
	pub fn project(
		&mut self,
		(input, max): (TensorId, TensorId),
		rows: u32,
		columns: u32,
		fraction: u8,
	) -> TensorId {
		let (weights, scales) = (self.matrix(rows, columns), self.vector(rows));
		self.push(Operator::Linear { input, max, weights, scales, bias: None, shift: 16, fraction })
	}

	/// Root mean square norm with new gain; `shift` bits are dropped before squaring.
	pub fn rms_norm(&mut self, value: TensorId, width: u32, fraction: u8, shift: u8) -> TensorId {
		let rms = self.push(Operator::RootMeanSquare { value, shift, epsilon: 1, fraction });
		let gain = self.vector(width);
		self.push(Operator::RmsNormalise { value, rms, gain, fraction })
	}

	/// Layer norm with new gain and bias.
	pub fn layer_norm(&mut self, value: TensorId, width: u32, fraction: u8) -> TensorId {
		let mean = self.push(Operator::Mean { value });
		let guarded = fraction.saturating_add(4);
		let deviation =
			self.push(Operator::Deviation { value, mean, epsilon: 1, fraction: guarded });
		let (gain, bias) = (self.vector(width), self.vector(width));
		self.push(Operator::Normalise { value, mean, deviation, gain, bias, fraction })
	}
}

/// A whole encoder: embeddings, layers, mean pool, l2 normalise.
pub fn encoder(shape: &Shape) -> Program {
	let Shape { width, fraction, .. } = *shape;
	let limits = Limits::encoder(shape.max_batch, shape.max_sequence);
	let mut builder = Builder::new(limits);
	let ids = builder.push(Operator::Tokens { vocabulary: shape.vocabulary });
	let mut embed = |by, rows| {
		let (table, scales) = (builder.matrix(rows, width), builder.vector(rows));
		builder.push(Operator::Embed { ids, table, scales, by, fraction })
	};
	let left = embed(EmbedBy::Token, shape.vocabulary);
	let right = embed(EmbedBy::Position, shape.max_sequence);
	let sum = builder.push(Operator::Add { left, right });
	let mut value = builder.layer_norm(sum, width, fraction);
	for _ in 0..shape.layers {
		value = layer(&mut builder, shape, ids, value);
	}
	let pooled = builder.push(Operator::MeanPool { value, ids });
	let norm = builder.push(Operator::L2Norm { value: pooled });
	let unit = builder.push(Operator::L2Normalise { value: pooled, norm, fraction });
	builder.finish(unit)
}

fn layer(builder: &mut Builder, shape: &Shape, ids: TensorId, value: TensorId) -> TensorId {
	let Shape { width, heads, inner, bits, fraction, .. } = *shape;
	let rows = builder.quantise(value, 1, bits);
	let heads_of = |builder: &mut Builder| {
		let product = builder.linear(rows, width, width, fraction);
		builder.quantise(product, heads, bits)
	};
	let (query, query_max) = heads_of(builder);
	let (key, key_max) = heads_of(builder);
	let values = heads_of(builder);
	let scores = builder.push(Operator::Scores {
		query,
		query_max,
		key,
		key_max,
		shift: bits,
		fraction: 16,
	});
	let attended = attend(builder, shape, ids, scores, values);
	let rows = builder.quantise(attended, 1, bits);
	let right = builder.linear(rows, width, width, fraction);
	let sum = builder.push(Operator::Add { left: value, right });
	let value = builder.layer_norm(sum, width, fraction);

	let rows = builder.quantise(value, 1, bits);
	let hidden = builder.linear(rows, inner, width, fraction);
	let table = builder.vector(shape.intervals.saturating_add(1));
	let hidden = builder.push(Operator::Table {
		value: hidden,
		table,
		shift: fraction.saturating_sub(4).max(1),
		base: TableBase::Relu,
		fraction,
	});
	let rows = builder.quantise(hidden, 1, bits);
	let right = builder.linear(rows, width, inner, fraction);
	let sum = builder.push(Operator::Add { left: value, right });
	builder.layer_norm(sum, width, fraction)
}

fn attend(
	builder: &mut Builder,
	shape: &Shape,
	ids: TensorId,
	scores: TensorId,
	(value, value_max): (TensorId, TensorId),
) -> TensorId {
	let (mask, fraction) = (Mask::Padding { ids }, shape.fraction);
	let max = builder.push(Operator::SoftmaxMax { scores, mask });
	let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask });
	let sum = builder.push(Operator::SoftmaxSum { exponentials });
	let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
	let weight = builder.push(Operator::ContextWeight { probabilities, value_max, fraction });
	let (weight, weight_max) = builder.quantise(weight, 1, shape.bits);
	let (groups, shift) = (shape.heads, 0);
	builder.push(Operator::Context { weight, weight_max, value, groups, shift, fraction })
}

/// What a tensor of the weights blob is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
	Matrix,
	/// Multipliers of a matrix with rows of this length.
	Scale(u32),
	Bias,
	Gain,
	Table,
	/// Cosines or sines.
	Turn,
}

fn roles(program: &Program) -> Vec<Role> {
	let mut roles = vec![Role::Matrix; program.weights.len()];
	let mut assign = |id: WeightId, role| {
		if let Some(slot) = roles.get_mut(usize::from(id.0)) {
			*slot = role;
		}
	};
	let columns = |id: WeightId| {
		let shape = program.weights.get(usize::from(id.0));
		shape.and_then(|shape| shape.dims.last().copied()).unwrap_or(1)
	};
	// Products that a sum has: the channels of a filter are sums of their own.
	let terms = |id: WeightId, first: usize| {
		let dims = program.weights.get(usize::from(id.0)).map_or(&[][..], |shape| &shape.dims);
		let counted = if first == 0 { dims.get(..1) } else { dims.get(first..) };
		counted.unwrap_or(&[]).iter().fold(1u32, |terms, dim| terms.saturating_mul(*dim))
	};
	for operator in &program.operators {
		match operator {
			Operator::Embed { scales, .. } => assign(*scales, Role::Scale(1)),
			Operator::Linear { weights, scales, bias, .. } => {
				assign(*scales, Role::Scale(columns(*weights)));
				if let Some(bias) = bias {
					assign(*bias, Role::Bias);
				}
			},
			Operator::Normalise { gain, bias, .. } => {
				assign(*gain, Role::Gain);
				assign(*bias, Role::Bias);
			},
			Operator::RmsNormalise { gain, .. } => assign(*gain, Role::Gain),
			Operator::Rotate { cosine, sine, .. } => {
				assign(*cosine, Role::Turn);
				assign(*sine, Role::Turn);
			},
			Operator::Table { table, .. } | Operator::Lookup { table, .. } => {
				assign(*table, Role::Table);
			},
			Operator::Convolution { weights, rescale, .. } => {
				assign(rescale.scales, Role::Scale(terms(*weights, 1)));
				assign(rescale.bias, Role::Bias);
			},
			Operator::Depthwise { weights, rescale, .. } => {
				assign(rescale.scales, Role::Scale(terms(*weights, 0)));
				assign(rescale.bias, Role::Bias);
			},
			_ => {},
		}
	}
	roles
}

/// Made-up weights for any program.
pub fn weights(program: &Program, style: Style, seed: u64) -> Vec<u8> {
	let mut generator = Generator::new(seed);
	let mut blob = Vec::with_capacity(usize::try_from(program.weights_length()).unwrap_or(0));
	for (number, (shape, role)) in program.weights.iter().zip(roles(program)).enumerate() {
		let start = u16::try_from(number).ok().and_then(|id| program.weight_range(WeightId(id)));
		let start = start.and_then(|range| usize::try_from(range.start).ok()).unwrap_or(0);
		blob.resize(start.max(blob.len()), 0);
		let count = shape.dims.iter().fold(1u64, |count, dim| count.saturating_mul((*dim).into()));
		for index in 0..count {
			match shape.kind {
				WeightKind::Int8 => blob.push(byte(&mut generator, style)),
				WeightKind::Int32 => {
					let word = word(&mut generator, style, role, index, count);
					blob.extend_from_slice(&word.to_le_bytes());
				},
			}
		}
	}
	blob
}

fn byte(generator: &mut Generator, style: Style) -> u8 {
	let value = match style {
		Style::Plausible => generator.within(127),
		Style::Random => generator.below(256).cast_signed().saturating_sub(128),
		Style::Extreme if generator.below(4) == 0 => 127,
		Style::Extreme => -128,
	};
	value.to_le_bytes()[0]
}

fn word(generator: &mut Generator, style: Style, role: Role, index: u64, count: u64) -> i32 {
	match (style, role) {
		(Style::Random, _) => generator.below(u32::MAX).cast_signed(),
		(Style::Extreme, _) => match generator.below(4) {
			0 => i32::MIN,
			1 => generator.within(1),
			_ => i32::MAX,
		},
		// A product of `columns` random terms grows as their root; 2^30 / 74 is 1 for a random byte.
		(_, Role::Scale(columns)) => {
			let one = (1i32 << 30).div_euclid(74);
			let root = i32::try_from(columns.isqrt()).unwrap_or(1).max(1);
			let base = one.div_euclid(root);
			base.saturating_add(generator.within(base.div_euclid(4)))
		},
		(_, Role::Turn) => generator.within(1 << ROTATION_FRACTION),
		(_, Role::Gain) => generator.within(16_384).saturating_add(65_536),
		(_, Role::Bias | Role::Matrix) => generator.within(6_000),
		// A dip around zero, as gelu's table has.
		(_, Role::Table) => {
			let distance = index.abs_diff(count.div_euclid(2));
			let depth = 12_000u64.saturating_sub(distance.saturating_mul(24_000).div_euclid(count));
			i32::try_from(depth).unwrap_or(0).saturating_neg()
		},
	}
}

/// Rows of random tokens, each padded after a random length.
pub fn input(vocabulary: u32, batch: u32, sequence: u32, seed: u64) -> Vec<u8> {
	let mut generator = Generator::new(seed);
	let mut blob = Vec::new();
	for _ in 0..batch {
		let length = generator.below(sequence).saturating_add(1);
		for position in 0..sequence {
			let token = generator.below(vocabulary).cast_signed();
			let id = if position < length { token } else { -1 };
			blob.extend_from_slice(&id.to_le_bytes());
		}
	}
	blob
}
