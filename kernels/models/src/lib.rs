//! Import of real models into integer programs, and their tokenizers.
//!
//! An import turns the published float weights of a model into a [`Program`] and a weights blob.
//! It may use floats: what counts on chain is the bytes that come out and their digests, which are
//! the same on every machine. Tokenizers live here too, because programs take token ids and text
//! never leaves the client.
//!
//! ```no_run
//! use assay_models::{embeddings, input_blob, minilm, Tokenizer};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = std::path::Path::new(".assay/models/minilm");
//! let model = minilm::import(folder)?;
//! let tokenizer = Tokenizer::from_file(&folder.join(minilm::TOKENIZER_FILE))?;
//! let rows = [tokenizer.encode("A sentence.")?, tokenizer.encode("Another one.")?];
//! let (input, parameters) = input_blob(&rows);
//! # let data = Vec::new();
//! // ... run `model.program` on `input` with `parameters`, which gives `data` ...
//! let vectors = embeddings(&data, minilm::WIDTH, model.output_fraction_bits)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What an import loses
//!
//! Measured against the float model, which Python computes from the same dequantised weights:
//!
//! | SmolLM2-135M-Instruct | bound | float | integer |
//! |---|---|---|---|
//! | perplexity, 4,950 tokens of `corpus/english.txt` | at most 1.0 % worse | 37.727 | 37.731 |
//! | answers to `corpus/prompts.txt` equal for 16 tokens | 40 of 50 | | 43 of 50 |
//! | answers to `corpus/choosing.txt`, by which precision was chosen | | | 39 of 50 |
//!
//! Where the logits of the float model's answers change if only some matrices have one table and
//! all else stays float (mean divergence, in millionths; the last column are prompts of
//! `corpus/choosing.txt` that still agree):
//!
//! | one table | divergence | agree |
//! |---|---|---|
//! | all | 4,577 | 28 |
//! | embeddings and output | 875 | 40 |
//! | queries | 165 | 47 |
//! | keys | 215 | 48 |
//! | values | 747 | 41 |
//! | outputs of attention | 193 | 46 |
//! | gates | 261 | 46 |
//! | inner layers' inputs | 484 | 38 |
//! | inner layers' outputs | 1,681 | 36 |
//! | the whole of layer 29 | 529 | 43 |
//!
//! Those of the seven kinds and of the embeddings sum to 4,621, nearly what all together lose.
//!
//! `cargo xtask quality` repeats both.
//!
//! # Speed
//!
//! `cargo run --release -p assay-models --example speed`, which `cargo xtask bench cpu` runs, times
//! MiniLM and SmolLM2 on `assay-cpu` beside onnxruntime and llama.cpp in turns. Figures, and on
//! what machine they were taken, are in `kernels/README.md` and nowhere else, so that they age
//! together.
#![forbid(unsafe_code)]

mod builder;
pub mod chat;
mod checkpoint;
mod error;
mod flatbuffer;
pub mod gguf;
pub mod minilm;
mod quantise;
pub mod smollm2;
mod table;
mod tflite;
pub mod tokenizer;
pub mod wakeword;

pub use chat::{ChatTokenizer, Message, Role};
pub use error::{ImportError, OutputError, TfliteError, TokenizeError};
pub use gguf::GgufError;
pub use tokenizer::Tokenizer;

use assay_program::{Parameters, Program};
use std::path::{Path, PathBuf};

/// What an import makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
	/// The program, valid.
	pub program: Program,
	/// Its encoding, whose digest is its id.
	pub program_bytes: Vec<u8>,
	/// Its weights blob.
	pub weights: Vec<u8>,
	/// Fraction bits of the output.
	pub output_fraction_bits: u8,
}

/// File name of a program that [`Imported::write`] wrote.
pub const PROGRAM_FILE: &str = "program.bin";
/// File name of a weights blob that [`Imported::write`] wrote.
pub const WEIGHTS_FILE: &str = "weights.bin";

impl Imported {
	/// Writes program and weights into a folder, each complete or not at all.
	pub fn write(&self, folder: &Path) -> Result<(PathBuf, PathBuf), ImportError> {
		let create = |source| ImportError::Write { path: folder.into(), source };
		std::fs::create_dir_all(folder).map_err(create)?;
		let program = folder.join(PROGRAM_FILE);
		let weights = folder.join(WEIGHTS_FILE);
		write_whole(&weights, &self.weights)?;
		write_whole(&program, &self.program_bytes)?;
		Ok((program, weights))
	}
}

/// Writes beside the target first, so that a full disk or a crash leaves no half file there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ImportError> {
	let partial = path.with_extension("partial");
	std::fs::write(&partial, bytes)
		.and_then(|()| std::fs::rename(&partial, path))
		.map_err(|source| ImportError::Write { path: path.into(), source })
}

/// The id that pads rows.
pub const PADDING: i32 = -1;

/// The input blob of a batch of token rows, padded to the longest, and its parameters.
///
/// Without rows the batch is 0, which no program takes.
pub fn input_blob(rows: &[Vec<i32>]) -> (Vec<u8>, Parameters) {
	let sequence = rows.iter().map(Vec::len).max().unwrap_or(0);
	let mut blob = Vec::with_capacity(rows.len() * sequence * 4);
	for row in rows {
		let padding = std::iter::repeat_n(&PADDING, sequence - row.len());
		blob.extend(row.iter().chain(padding).flat_map(|id| id.to_le_bytes()));
	}
	(blob, Parameters::encoder(rows.len() as u32, sequence as u32))
}

/// The embeddings in the output data of a run: rows of `width` int32 with `fraction_bits`.
pub fn embeddings(
	data: &[u8],
	width: usize,
	fraction_bits: u8,
) -> Result<Vec<Vec<f32>>, OutputError> {
	let row_bytes = width.saturating_mul(4);
	if row_bytes == 0 || !data.len().is_multiple_of(row_bytes) {
		return Err(OutputError::Length { bytes: data.len(), width });
	}
	let one = 2f64.powi(i32::from(fraction_bits));
	let value = |bytes: &[u8; 4]| (f64::from(i32::from_le_bytes(*bytes)) / one) as f32;
	Ok(data
		.chunks_exact(row_bytes)
		.map(|row| row.as_chunks::<4>().0.iter().map(value).collect())
		.collect())
}

/// Cosine of the angle between two vectors, 0 where one of them is zero.
pub fn cosine(left: &[f32], right: &[f32]) -> f64 {
	let dot = |a: &[f32], b: &[f32]| -> f64 {
		a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
	};
	let norms = (dot(left, left) * dot(right, right)).sqrt();
	if norms == 0.0 {
		0.0
	} else {
		dot(left, right) / norms
	}
}
