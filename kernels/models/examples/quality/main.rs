//! Measures what the integer program of SmolLM2 loses against the float model.
//!
//! ```text
//! cargo run --release -p assay-models --example quality [-- [chunks] [prompts] [backend]]
//! ```
//!
//! - Perplexity on `corpus/english.txt`, in chunks of 512 tokens that know nothing of each other.
//! - Greedy answers to the prompts of `corpus/prompts.txt`, each of them alone, and to those of
//!   `corpus/choosing.txt`, by which the precision of matrices was chosen.
//!
//! The float model is `scripts/py/smollm2_reference.py`; what it computed is kept under `.assay`.
//! The two numbers limit how much is measured; the backend is `cpu` or `reference`, which compute
//! the same bytes, the second slowly. It fails where quality misses its bounds.

mod reference;

use assay_cpu::CpuBackend;
use assay_models::{
	smollm2::{self, Head},
	ChatTokenizer, Imported, Message,
};
use assay_program::{Backend, Model, Outcome, Parameters};
use assay_reference::ReferenceBackend;
use reference::Reference;
use std::{
	error::Error,
	path::{Path, PathBuf},
	process::ExitCode,
	sync::Arc,
	time::Instant,
};

/// Tokens of text that are read at once.
const CHUNK: usize = 512;
/// Tokens of an answer that are compared.
const COMPARED: usize = 16;
/// Tokens of an answer that are made: a few more show how answers go on.
const STEPS: u32 = 24;
/// How much worse perplexity may be.
const WORST_RATIO: f64 = 1.01;
/// Which part of the answers must agree.
const LEAST_AGREEMENT: f64 = 0.8;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
	match run() {
		Ok(true) => ExitCode::SUCCESS,
		Ok(false) => {
			eprintln!("quality: a bound is missed");
			ExitCode::FAILURE
		},
		Err(error) => {
			eprintln!("quality: {error}");
			ExitCode::FAILURE
		},
	}
}

fn run() -> Result<bool> {
	let mut arguments = std::env::args().skip(1);
	let chunks = arguments.next().map_or(Ok(usize::MAX), |text| text.parse())?;
	let prompts = arguments.next().map_or(Ok(usize::MAX), |text| text.parse())?;
	let backend: Box<dyn Backend> = match arguments.next().as_deref() {
		None | Some("cpu") => Box::new(CpuBackend::new(None)),
		Some("reference") => Box::new(ReferenceBackend),
		Some(other) => return Err(format!("no backend is called {other}").into()),
	};
	let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
	let root = crate_root.join("../..");
	let folder = root.join(".assay/models/smollm2");
	let corpus = crate_root.join("corpus");
	let reference = Reference::new(&root, &folder.join(smollm2::MODEL_FILE))?;
	let setting = Setting { folder, corpus, reference, backend };
	let tokenizer = ChatTokenizer::from_file(
		&setting.folder.join(smollm2::MODEL_FILE),
		smollm2::MAX_SEQUENCE as usize * CHUNK,
	)?;
	let perplexity = setting.perplexity(&tokenizer, chunks)?;
	let (_, model) = setting.load(Head::Generate)?;
	// Those by which precision was chosen flatter it, so they are shown and bound nothing.
	setting.agreement(&*model, &tokenizer, "choosing.txt", prompts)?;
	let agreement = setting.agreement(&*model, &tokenizer, "prompts.txt", prompts)?;
	Ok(perplexity && agreement)
}

struct Setting {
	folder: PathBuf,
	corpus: PathBuf,
	reference: Reference,
	backend: Box<dyn Backend>,
}

impl Setting {
	fn load(&self, head: Head) -> Result<(Imported, Arc<dyn Model>)> {
		let imported = smollm2::convert(&smollm2::read(&self.folder)?, head)?;
		let program = Arc::new(imported.program.clone());
		let model = self.backend.load(program, imported.weights.clone().into());
		Ok((imported, model.map_err(|error| error.to_string())?))
	}

	fn perplexity(&self, tokenizer: &ChatTokenizer, limit: usize) -> Result<bool> {
		let text = std::fs::read_to_string(self.corpus.join("english.txt"))?;
		let ids = tokenizer.encode(&text)?;
		// A chunk of one token has nothing to predict.
		let chunks: Vec<&[i32]> =
			ids.chunks(CHUNK).filter(|chunk| chunk.len() > 1).take(limit).collect();
		if chunks.is_empty() {
			return Ok(true);
		}
		let float: Vec<Vec<f64>> = self.reference.ask("score", None, &chunks)?;
		let (imported, model) = self.load(Head::Logits)?;
		let start = Instant::now();
		let mut integer = Vec::new();
		for chunk in &chunks {
			let data = output(&*model, chunk, 1)?;
			integer.push(log_probabilities(&data, chunk, imported.output_fraction_bits));
		}
		let seconds = start.elapsed().as_secs_f64();
		let perplexity = |scores: &[Vec<f64>]| {
			let (sum, count) = scores
				.iter()
				.flatten()
				.fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
			f64::exp(-sum / count)
		};
		let (float, integer, count) =
			(perplexity(&float), perplexity(&integer), float.iter().flatten().count());
		let ratio = integer / float;
		println!("perplexity on {count} tokens of english.txt, {seconds:.0} s:");
		println!("  float   {float:.3}");
		println!("  integer {integer:.3}  ({:+.2} %)", (ratio - 1.0) * 100.0);
		Ok(ratio <= WORST_RATIO)
	}

	fn agreement(
		&self,
		model: &dyn Model,
		tokenizer: &ChatTokenizer,
		file: &str,
		limit: usize,
	) -> Result<bool> {
		let text = std::fs::read_to_string(self.corpus.join(file))?;
		let prompts: Vec<&str> = text.lines().take(limit).collect();
		if prompts.is_empty() {
			return Ok(true);
		}
		let inputs = prompts
			.iter()
			.map(|prompt| tokenizer.encode_chat(&[Message::user(*prompt)]))
			.collect::<std::result::Result<Vec<_>, _>>()?;
		let float: Vec<Vec<(i32, f64)>> = self.reference.ask("greedy", Some(STEPS), &inputs)?;
		let start = Instant::now();
		let mut agree = 0;
		for ((prompt, input), float) in prompts.iter().zip(&inputs).zip(&float) {
			let integer: Vec<i32> = integers(&output(model, input, STEPS)?).collect();
			let pairs = integer.iter().zip(float);
			let same = pairs.take_while(|(integer, (float, _))| **integer == *float).count();
			if same >= COMPARED.min(float.len()) {
				agree += 1;
			} else {
				let (_, margin) = float[same];
				println!("  apart after {same:2} tokens, margin {margin:.3}: {prompt}");
			}
		}
		let seconds = start.elapsed().as_secs_f64();
		println!(
			"greedy answers to {file}, {seconds:.0} s: {agree} of {} agree for {COMPARED} tokens",
			prompts.len()
		);
		Ok(f64::from(agree) >= LEAST_AGREEMENT * prompts.len() as f64)
	}
}

fn output(model: &dyn Model, ids: &[i32], max_steps: u32) -> Result<Vec<u8>> {
	let input: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
	let sequence = ids.len() as u32;
	let parameters = Parameters { batch: 1, sequence, max_steps, sampling: None };
	match model.run(&input, &parameters) {
		Ok(Outcome::Output { data, .. }) => Ok(data),
		Ok(other) => Err(format!("the input is refused: {other:?}").into()),
		Err(error) => Err(error.to_string().into()),
	}
}

fn integers(data: &[u8]) -> impl Iterator<Item = i32> + '_ {
	data.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes))
}

/// Natural logarithm of the probability of each token but the first.
fn log_probabilities(data: &[u8], ids: &[i32], fraction: u8) -> Vec<f64> {
	let one = 2f64.powi(i32::from(fraction));
	let logits: Vec<f64> = integers(data).map(|logit| f64::from(logit) / one).collect();
	let next = ids.iter().skip(1);
	logits
		.chunks_exact(smollm2::VOCABULARY)
		.zip(next)
		.map(|(row, id)| {
			let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
			let total: f64 = row.iter().map(|logit| (logit - most).exp()).sum();
			row[*id as usize] - most - total.ln()
		})
		.collect()
}
