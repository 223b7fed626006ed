//! A small decoder, as an importer writes one.

use super::{Builder, Generator};
use alloc::vec::Vec;
use assay_program::{
	limits::{EXP_FRACTION, MAX_EXPONENTIAL},
	CutBy, EmbedBy, Limits, Mask, Operator, Program, TableBase, TallyBy, TensorId, WeightId,
};

/// Sizes of a sample decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderShape {
	/// Layers.
	pub layers: u32,
	/// Width of a position.
	pub width: u32,
	/// Query heads; divide the width into parts of an even number of elements.
	pub heads: u32,
	/// Key and value heads; divide the number of query heads.
	pub key_heads: u32,
	/// Width between the products of the feed-forward part.
	pub inner: u32,
	/// Number of tokens.
	pub vocabulary: u32,
	/// How many of the tokens, beginning with 0, end a row.
	pub ends: u32,
	/// Largest batch.
	pub max_batch: u32,
	/// Longest context.
	pub max_sequence: u32,
	/// Most steps.
	pub max_steps: u32,
	/// Bits of quantised rows, 8 or 12.
	pub bits: u8,
	/// Fraction bits of values, 8 to 20.
	pub fraction: u8,
	/// Bits dropped before values are squared, at most 6.
	pub square_shift: u8,
	/// Bits dropped from sums over positions.
	pub context_shift: u8,
	/// Intervals of the function table, even.
	pub intervals: u32,
	/// Bits dropped of each weight that is summed; the fewest that fit where it is `None`.
	pub weight_shift: Option<u8>,
}

impl DecoderShape {
	/// A layer that is computed in no time.
	pub const SMALL: Self = Self {
		layers: 1,
		width: 16,
		heads: 4,
		key_heads: 2,
		inner: 24,
		vocabulary: 40,
		ends: 2,
		max_batch: 4,
		max_sequence: 24,
		max_steps: 16,
		bits: 12,
		fraction: 16,
		square_shift: 6,
		context_shift: 0,
		intervals: 32,
		weight_shift: None,
	};

	fn depth(&self) -> u32 {
		self.width.checked_div(self.heads).unwrap_or(0)
	}
}

/// The fewest bits to drop of each weight of a vocabulary so that their sums fit int32.
pub fn weight_shift(vocabulary: u32) -> u8 {
	let total = i64::from(vocabulary).saturating_mul(MAX_EXPONENTIAL);
	(0u8..16).find(|shift| total.wrapping_shr((*shift).into()) < 1 << 31).unwrap_or(16)
}

/// A whole decoder: embedding, layers, logits by the embedding's own rows, a token.
pub fn decoder(shape: &DecoderShape) -> Program {
	let DecoderShape { width, vocabulary, fraction, .. } = *shape;
	let mut builder = Builder::new(Limits {
		max_batch: shape.max_batch,
		max_sequence: shape.max_sequence,
		max_steps: shape.max_steps,
	});
	let ids = builder.push(Operator::Tokens { vocabulary });
	let (table, scales) = (builder.matrix(vocabulary, width), builder.vector(vocabulary));
	let by = EmbedBy::Token;
	let mut value = builder.push(Operator::Embed { ids, table, scales, by, fraction });
	let half = shape.depth().div_euclid(2);
	let turns = [(); 2].map(|()| builder.integers(shape.max_sequence, half));
	for _ in 0..shape.layers {
		value = layer(&mut builder, shape, turns, value);
	}
	let last = builder.push(Operator::Last { value });
	let last = builder.rms_norm(last, width, fraction, shape.square_shift);
	let (input, max) = builder.quantise(last, 1, shape.bits);
	let logits = builder.push(Operator::Linear {
		input,
		max,
		weights: table,
		scales,
		bias: None,
		shift: 16,
		fraction: EXP_FRACTION,
	});
	let greedy = builder.push(Operator::ArgMax { value: logits });
	let shift = shape.weight_shift.unwrap_or_else(|| weight_shift(vocabulary));
	let sampled = sample(&mut builder, logits, shift);
	let next = builder.push(Operator::Choose { ids, greedy, sampled });
	builder.finish_decoder(next, (0..shape.ends).collect())
}

fn layer(
	builder: &mut Builder,
	shape: &DecoderShape,
	[cosine, sine]: [WeightId; 2],
	value: TensorId,
) -> TensorId {
	let DecoderShape { width, heads, key_heads, inner, bits, fraction, .. } = *shape;
	let key_width = shape.depth().saturating_mul(key_heads);
	let normal = builder.rms_norm(value, width, fraction, shape.square_shift);
	let rows = builder.quantise(normal, 1, bits);
	let turned = |builder: &mut Builder, width, heads| {
		let value = builder.project(rows, width, shape.width, fraction);
		let value = builder.push(Operator::Rotate { value, heads, cosine, sine });
		builder.quantise(value, heads, bits)
	};
	let (query, query_max) = turned(builder, width, heads);
	let (key, key_max) = turned(builder, key_width, key_heads);
	let values = builder.project(rows, key_width, width, fraction);
	let values = builder.quantise(values, key_heads, bits);
	let scores = Operator::Scores { query, query_max, key, key_max, shift: bits, fraction: 16 };
	let scores = builder.push(scores);
	let attended = attend(builder, shape, scores, values);
	let rows = builder.quantise(attended, 1, bits);
	let right = builder.project(rows, width, width, fraction);
	let value = builder.push(Operator::Add { left: value, right });

	let normal = builder.rms_norm(value, width, fraction, shape.square_shift);
	let rows = builder.quantise(normal, 1, bits);
	let gate = builder.project(rows, inner, width, fraction);
	let table = builder.vector(shape.intervals.saturating_add(1));
	let gate = builder.push(Operator::Table {
		value: gate,
		table,
		shift: fraction.saturating_sub(4).max(1),
		base: TableBase::Relu,
		fraction,
	});
	let up = builder.project(rows, inner, width, fraction);
	let hidden = builder.push(Operator::Multiply { left: gate, right: up, fraction });
	let rows = builder.quantise(hidden, 1, bits);
	let right = builder.project(rows, width, inner, fraction);
	builder.push(Operator::Add { left: value, right })
}

fn attend(
	builder: &mut Builder,
	shape: &DecoderShape,
	scores: TensorId,
	(value, value_max): (TensorId, TensorId),
) -> TensorId {
	let (mask, fraction) = (Mask::Causal, shape.fraction);
	let max = builder.push(Operator::SoftmaxMax { scores, mask });
	let exponentials = builder.push(Operator::SoftmaxExp { scores, max, mask });
	let sum = builder.push(Operator::SoftmaxSum { exponentials });
	let probabilities = builder.push(Operator::SoftmaxNormalise { exponentials, sum });
	let weight = builder.push(Operator::ContextWeight { probabilities, value_max, fraction });
	let (weight, weight_max) = builder.quantise(weight, 1, shape.bits);
	let (groups, shift) = (shape.key_heads, shape.context_shift);
	builder.push(Operator::Context { weight, weight_max, value, groups, shift, fraction })
}

/// A token drawn by logits, with temperature, top-k and top-p.
pub fn sample(builder: &mut Builder, logits: TensorId, shift: u8) -> TensorId {
	let mask = Mask::None;
	let max = builder.push(Operator::SoftmaxMax { scores: logits, mask });
	let scores = builder.push(Operator::Temper { value: logits, max });
	let max = builder.push(Operator::SoftmaxMax { scores, mask });
	let weights = builder.push(Operator::SoftmaxExp { scores, max, mask });
	let weights = cut(builder, weights, TallyBy::Count, CutBy::TopK);
	let weights = cut(builder, weights, TallyBy::Mass { shift }, CutBy::TopP);
	let sums = builder.push(Operator::BlockSum { weights, shift });
	let draw = builder.push(Operator::Draw { sums });
	builder.push(Operator::Pick { weights, draw, shift })
}

/// The weights that one cut leaves.
fn cut(builder: &mut Builder, weights: TensorId, by: TallyBy, cut_by: CutBy) -> TensorId {
	let tally = builder.push(Operator::Tally { weights, cut: None, by });
	let cut = builder.push(Operator::Cut { tally, by: cut_by });
	let tally = builder.push(Operator::Tally { weights, cut: Some(cut), by });
	let threshold = builder.push(Operator::Threshold { cut, tally });
	builder.push(Operator::Keep { weights, threshold })
}

/// Rows of random tokens without padding, and without any of the first `ends` tokens.
pub fn prompt(shape: &DecoderShape, batch: u32, sequence: u32, seed: u64) -> Vec<u8> {
	let mut generator = Generator::new(seed);
	let mut token = || {
		let others = shape.vocabulary.saturating_sub(shape.ends);
		generator.below(others).saturating_add(shape.ends)
	};
	(0..batch.saturating_mul(sequence)).flat_map(|_| token().to_le_bytes()).collect()
}
