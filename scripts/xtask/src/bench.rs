//! `cargo xtask bench embed`: embeddings a second on this machine's processor, ours and
//! onnxruntime's, in turns, in one run.

use crate::{compare, paths, stage};
use anyhow::{ensure, Context, Result};
use assay_cpu::CpuBackend;
use assay_models::{embeddings, input_blob, minilm, Tokenizer};
use assay_program::{Backend, Model, Outcome, Parameters};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::{
	path::Path,
	process::Stdio,
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{
	io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
	process::{Child, ChildStdin, ChildStdout, Command},
	time::sleep,
};

/// Tokens of a row.
const TOKENS: usize = 128;
/// Rows of a run.
const BATCHES: [usize; 2] = [1, 16];
/// Between two turns, whoever has the next one: onnxruntime's threads spin for some 40 ms after a
/// run, which is longer than a run of one row takes us.
const REST: Duration = Duration::from_millis(200);

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct Embed {
	/// Threads of both. Default: one per core.
	#[arg(long)]
	threads: Option<usize>,
	/// Timed runs of each, taken in turns.
	#[arg(long, default_value_t = 7)]
	runs: usize,
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
}

/// onnxruntime in a process of its own, asked line by line.
struct Onnx {
	_child: Child,
	input: ChildStdin,
	lines: Lines<BufReader<ChildStdout>>,
}

#[derive(Deserialize)]
struct Timed {
	seconds: Vec<f64>,
	embeddings: Vec<Vec<f32>>,
}

impl Onnx {
	async fn start(root: &Path, threads: usize) -> Result<Self> {
		let mut child = Command::new(paths::python(root)?)
			.arg(root.join("scripts/py/bench_onnx.py"))
			.arg("--model")
			.arg(root.join(".assay/models/minilm-int8/model.onnx"))
			.args(["--threads", &threads.to_string()])
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.kill_on_drop(true)
			.spawn()
			.context("cannot start onnxruntime")?;
		let input = child.stdin.take().context("onnxruntime takes no input")?;
		let output = child.stdout.take().context("onnxruntime gives no output")?;
		let mut this = Self { _child: child, input, lines: BufReader::new(output).lines() };
		let ready: serde_json::Value = this.line().await?;
		println!("onnxruntime {}, {} threads", ready["onnxruntime"], ready["threads"]);
		Ok(this)
	}

	async fn line<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T> {
		let line = self.lines.next_line().await?.context("onnxruntime ended")?;
		serde_json::from_str(&line).with_context(|| format!("onnxruntime said {line}"))
	}

	async fn run(&mut self, rows: &[Vec<i32>], runs: usize) -> Result<Timed> {
		let request = json!({ "ids": rows, "runs": runs });
		self.input.write_all(format!("{request}\n").as_bytes()).await?;
		self.line().await
	}
}

impl Embed {
	pub(crate) async fn run(&self) -> Result<()> {
		let root = paths::root()?;
		let cores = std::thread::available_parallelism().map_or(1, usize::from);
		let threads = self.threads.unwrap_or(cores);
		let imported = stage::import(&root)?;
		let bits = imported.output_fraction_bits;
		let backend = CpuBackend::new(Some(threads));
		let model = backend
			.load(Arc::new(imported.program), imported.weights.into())
			.map_err(|e| anyhow::anyhow!("{e}"))?;
		let mut onnx = Onnx::start(&root, threads).await?;
		let mut results = Vec::new();
		for batch in BATCHES {
			let rows = rows(&root, batch)?;
			let (input, parameters) = input_blob(&rows);
			// One run of each that is not timed: caches, first touches, lazy set-up.
			let ours = embeddings(&run(&*model, &input, &parameters)?.0, minilm::WIDTH, bits)?;
			let theirs = onnx.run(&rows, 0).await?.embeddings;
			let (mean, _) = compare::agreement(&ours, &theirs);
			ensure!(mean > 0.9, "the two models do not embed the same: cosine {mean}");
			let (mut mine, mut other) = (Vec::new(), Vec::new());
			for _ in 0..self.runs.max(1) {
				sleep(REST).await;
				mine.push(run(&*model, &input, &parameters)?.1);
				sleep(REST).await;
				other.extend(onnx.run(&rows, 1).await?.seconds);
			}
			let (mine, other) = (batch as f64 / median(mine), batch as f64 / median(other));
			println!(
				"batch {batch:>2} of {TOKENS} tokens: assay {mine:.1} a second, onnxruntime \
				 {other:.1}, ratio {:.2} (cosine between them {mean:.4})",
				mine / other
			);
			results.push(json!({
				"batch": batch,
				"tokens": TOKENS,
				"assay_per_second": mine,
				"onnxruntime_per_second": other,
				"ratio": mine / other,
			}));
		}
		if self.json {
			println!("{}", json!({ "threads": threads, "runs": self.runs, "results": results }));
		}
		Ok(())
	}
}

/// `cargo xtask bench cpu`: MiniLM and SmolLM2 on this machine's processor, beside onnxruntime and
/// llama.cpp.
///
/// The measurement is the example `speed` of `assay-models`, which needs nothing of the chain, so
/// it is built and run by itself.
#[derive(Debug, Args)]
pub(crate) struct Cpu {
	/// Threads of all, one count after the other. Default: one, and one per core.
	#[arg(long, value_delimiter = ',')]
	threads: Vec<usize>,
	/// Timed runs of each, taken in turns.
	#[arg(long, default_value_t = 5)]
	runs: usize,
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
}

impl Cpu {
	pub(crate) async fn run(&self) -> Result<()> {
		let mut threads = self.threads.clone();
		if threads.is_empty() {
			threads = vec![1, std::thread::available_parallelism().map_or(1, usize::from)];
			threads.dedup();
		}
		let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
		let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
		let status = Command::new(cargo)
			.args(["run", "--release", "--locked", "--quiet", "-p", "assay-models"])
			.args(["--example", "speed", "--"])
			.args([threads.join(","), self.runs.to_string()])
			.args(self.json.then_some("json"))
			.current_dir(paths::root()?)
			.kill_on_drop(true)
			.status()
			.await
			.context("cannot start cargo")?;
		ensure!(status.success(), "the measurement ended with {status}");
		Ok(())
	}
}

fn run(model: &dyn Model, input: &[u8], parameters: &Parameters) -> Result<(Vec<u8>, f64)> {
	let begun = Instant::now();
	let outcome = model.run(input, parameters).map_err(|e| anyhow::anyhow!("{e}"))?;
	let seconds = begun.elapsed().as_secs_f64();
	match outcome {
		Outcome::Output { data, .. } => Ok((data, seconds)),
		Outcome::Invalid(code) => anyhow::bail!("the model refused the input: {code:?}"),
	}
}

/// Rows of exactly [`TOKENS`] tokens, made of real sentences, one after the other.
fn rows(root: &Path, batch: usize) -> Result<Vec<Vec<i32>>> {
	let tokenizer = Tokenizer::from_file(&paths::minilm(root).join(minilm::TOKENIZER_FILE))?;
	let text = std::fs::read_to_string(root.join("kernels/models/corpus/english.txt"))?;
	let mut sentences = text.lines().filter(|line| !line.trim().is_empty()).cycle();
	let mut rows = Vec::new();
	while rows.len() < batch {
		let mut row: Vec<i32> = Vec::new();
		let mut last = None;
		while row.len() < TOKENS {
			let ids = tokenizer.encode(sentences.next().context("the corpus is empty")?)?;
			// Each text is framed by its own first and last token; the row keeps one of each.
			let (frame, inner) = ids.split_at(1);
			let (inner, end) = inner.split_at(inner.len() - 1);
			if row.is_empty() {
				row.extend_from_slice(frame);
			}
			row.extend_from_slice(inner);
			last = end.first().copied();
		}
		row.truncate(TOKENS - 1);
		row.extend(last);
		rows.push(row);
	}
	Ok(rows)
}

fn median(mut seconds: Vec<f64>) -> f64 {
	seconds.sort_by(f64::total_cmp);
	seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}
