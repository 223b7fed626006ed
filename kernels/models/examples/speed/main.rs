//! Measures the CPU backend on MiniLM and SmolLM2 beside onnxruntime and llama.cpp, in one run,
//! with the same inputs and threads, in turns.
//!
//! ```text
//! cargo run --release -p assay-models --example speed [-- [threads] [runs] [json]]
//! ```
//!
//! `threads` is a list such as `1,2`: all of it is measured with each in one run.
//!
//! Before, once: `scripts/setup`. The first run fetches llama.cpp, about 700 MB, by npm. Each side
//! is a process of its own that answers line by line, so that their memory can be told apart; ours
//! is this program started again as `speed serve <folder> <threads>`. Figures are medians over
//! runs. Beside rates by the clock stand those by the time that the processes had a processor, of
//! which other work on the machine takes nothing away.

mod child;
mod peer;
mod serve;

use assay_models::{minilm, smollm2, Imported};
use child::Child;
use serde::Deserialize;
use serde_json::{json, Value};
use std::{
	error::Error,
	path::{Path, PathBuf},
	process::{Command, ExitCode},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tokens of a prompt that is followed by many steps, and how many.
const PROMPT: usize = 128;
const STEPS: usize = 128;
/// Tokens of a prompt of which the time to the first token is taken.
const LONG_PROMPT: usize = 512;
/// Tokens of a row that is embedded, and rows at once.
const ROW: usize = 128;
const BATCHES: [usize; 5] = [1, 2, 4, 8, 16];
/// Context lengths at which a step is timed.
const CONTEXTS: [usize; 4] = [256, 512, 1024, 2032];
/// Steps at each of them.
const STEPS_AT_CONTEXT: usize = 16;

fn main() -> ExitCode {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	let done = match &arguments[..] {
		[serve, folder, threads] if serve == "serve" => serve::run(Path::new(folder), threads),
		_ => measure(&arguments),
	};
	match done {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("speed: {error}");
			ExitCode::FAILURE
		},
	}
}

/// What either side says of a generation.
#[derive(Clone, Debug, Deserialize)]
struct Generated {
	/// Tokens made; a text may end early.
	count: usize,
	prompt_seconds: f64,
	steps_seconds: f64,
	prompt_processor_seconds: f64,
	steps_processor_seconds: f64,
	peak_resident_bytes: u64,
}

impl Generated {
	/// Tokens a second after the first one, by the clock and by processor time.
	fn steps(&self) -> [f64; 2] {
		let steps = self.count.saturating_sub(1) as f64;
		[steps / self.steps_seconds, steps / self.steps_processor_seconds]
	}
}

/// What either side says of embeddings.
#[derive(Debug, Deserialize)]
struct Embedded {
	seconds: Vec<f64>,
	peak_resident_bytes: u64,
}

struct Setting {
	root: PathBuf,
	threads: usize,
	runs: usize,
}

fn measure(arguments: &[String]) -> Result<()> {
	let cores = std::thread::available_parallelism().map_or(1, usize::from);
	let number = |text: &str| match text.parse::<usize>() {
		Ok(number) if number > 0 => Ok(number),
		_ => Err(format!("{text} is no number above 0")),
	};
	let threads = match arguments.first() {
		Some(list) => list.split(',').map(number).collect::<std::result::Result<Vec<_>, _>>()?,
		None => vec![cores],
	};
	let runs = arguments.get(1).map_or(Ok(5), |text| number(text))?;
	let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
	peer::install(&root.join("scripts/bench"))?;
	let mut measured = Vec::new();
	for threads in threads {
		println!("{threads} threads, medians of {runs}");
		let setting = Setting { root: root.clone(), threads, runs };
		let (embed, generate) = (setting.embed()?, setting.generate()?);
		measured.push(json!({ "threads": threads, "embed": embed, "generate": generate }));
	}
	if arguments.get(2).is_some_and(|word| word == "json") {
		println!("{}", json!({ "runs": runs, "measured": measured }));
	}
	Ok(())
}

impl Setting {
	fn models(&self) -> PathBuf {
		self.root.join(".assay/models")
	}

	/// Our side, with an imported model.
	fn ours(&self, name: &str, imported: &Imported) -> Result<Child> {
		let folder = self.root.join(".assay/bench").join(name);
		imported.write(&folder)?;
		let mut command = Command::new(std::env::current_exe()?);
		command.arg("serve").arg(folder).arg(self.threads.to_string());
		Child::start("assay", command)
	}

	fn llama(&self, name: &str, model: &Path) -> Result<Child> {
		let mut command = Command::new("node");
		command.arg(self.root.join("scripts/bench/llama.mjs")).arg("--model").arg(model);
		command.args(["--threads", &self.threads.to_string()]);
		Child::start(name, command)
	}

	fn python(&self) -> Command {
		Command::new(self.root.join(".assay/venv/bin/python"))
	}

	fn embed(&self) -> Result<Value> {
		let mut ours = self.ours("minilm", &minilm::import(&self.models().join("minilm"))?)?;
		let mut command = self.python();
		command.arg(self.root.join("scripts/py/bench_onnx.py"));
		command.arg("--model").arg(self.models().join("minilm-int8/model.onnx"));
		command.args(["--threads", &self.threads.to_string()]);
		let mut theirs = Child::start("onnxruntime", command)?;
		let mut results = Vec::new();
		let mut peaks = [0, 0];
		for batch in BATCHES {
			let row = |number: usize| -> Vec<usize> {
				(0..ROW).map(|at| (at * 7_919 + number * 104_729) % 29_000 + 1_000).collect()
			};
			let rows: Vec<Vec<usize>> = (0..batch).map(row).collect();
			let mut sides = [Vec::new(), Vec::new()];
			for run in 0..=self.runs {
				for (at, side) in [&mut ours, &mut theirs].into_iter().enumerate() {
					// The first run of each is for caches and first touches.
					let request = json!({ "ids": rows, "runs": usize::from(run > 0) });
					let answer: Embedded = side.ask(&request)?;
					sides[at].extend(answer.seconds);
					peaks[at] = answer.peak_resident_bytes.max(peaks[at]);
				}
			}
			let [assay, other] = sides.map(|seconds| batch as f64 / median(seconds));
			println!(
				"embed {ROW} tokens, batch {batch:>2}: assay {assay:.1}/s, onnxruntime {other:.1}/s, \
				 ratio {:.2}, peaks so far {} and {} MiB",
				assay / other,
				peaks[0] >> 20,
				peaks[1] >> 20,
			);
			results.push(json!({
				"batch": batch, "assay_per_second": assay, "onnxruntime_per_second": other,
				"ratio": assay / other, "assay_peak_resident_bytes": peaks[0],
				"onnxruntime_peak_resident_bytes": peaks[1],
			}));
		}
		let bases = [ours.base_resident_bytes, theirs.base_resident_bytes];
		println!("without a model: {} and {} MiB", bases[0] >> 20, bases[1] >> 20);
		Ok(json!({
			"batches": results, "assay_base_resident_bytes": bases[0],
			"onnxruntime_base_resident_bytes": bases[1],
		}))
	}

	fn generate(&self) -> Result<Value> {
		let folder = self.models().join("smollm2");
		let shipped = folder.join(smollm2::MODEL_FILE);
		let q8 = self.root.join(".assay/bench/smollm2-q8_0.gguf");
		let mut ours = self.ours("smollm2", &smollm2::import(&folder)?)?;
		let mut command = self.python();
		command.arg(self.root.join("scripts/py/requantise_gguf.py")).arg(&shipped).arg(&q8);
		if !command.status()?.success() {
			return Err("the weights could not be written as Q8_0".into());
		}
		let mut eight = self.llama("llama.cpp Q8_0", &q8)?;
		let mut four = self.llama("llama.cpp Q4_1", &shipped)?;
		let mut runs: [Vec<[Generated; 2]>; 3] = Default::default();
		for run in 0..=self.runs {
			for (side, runs) in [&mut ours, &mut eight, &mut four].into_iter().zip(&mut runs) {
				let steps: Generated = side.ask(&request(1, PROMPT, STEPS))?;
				let prompt: Generated = side.ask(&request(1, LONG_PROMPT, 1))?;
				if run > 0 {
					runs.push([steps, prompt]);
				}
			}
		}
		let names = ["assay", "llama.cpp Q8_0", "llama.cpp Q4_1"];
		let sides = runs.map(|runs| Rates::of(&runs));
		let mut results = Vec::new();
		for (name, side) in names.iter().zip(&sides) {
			results.push(side.report(name, &sides[0]));
		}
		Ok(json!({ "sides": results, "batches": self.batches(&mut ours)?,
			"contexts": self.contexts(&mut ours)? }))
	}

	/// How tokens a second grow with the batch.
	fn batches(&self, ours: &mut Child) -> Result<Vec<Value>> {
		let mut results = Vec::new();
		for batch in [1, 2, smollm2::MAX_BATCH as usize] {
			let mut rates = [Vec::new(), Vec::new()];
			for _ in 0..self.runs {
				let run: Generated = ours.ask(&request(batch, PROMPT, STEPS / 4))?;
				for (all, rate) in rates.iter_mut().zip(run.steps()) {
					all.push(batch as f64 * rate);
				}
			}
			let [clock, processor] = rates.map(median);
			println!(
				"batch {batch}: {clock:.1} tokens a second, {processor:.1} a processor second"
			);
			results.push(json!({
				"batch": batch, "tokens_per_second": clock, "tokens_per_processor_second": processor,
			}));
		}
		Ok(results)
	}

	/// What a token costs by the length of its context.
	fn contexts(&self, ours: &mut Child) -> Result<Vec<Value>> {
		let mut results = Vec::new();
		for context in CONTEXTS {
			let mut milliseconds = [Vec::new(), Vec::new()];
			let mut resident = 0;
			for _ in 0..self.runs {
				let run: Generated = ours.ask(&request(1, context, STEPS_AT_CONTEXT + 1))?;
				for (all, rate) in milliseconds.iter_mut().zip(run.steps()) {
					all.push(1e3 / rate);
				}
				resident = run.peak_resident_bytes.max(resident);
			}
			let [clock, processor] = milliseconds.map(median);
			println!(
				"context {context}: {clock:.2} ms a token, {processor:.2} of a processor, peak {} MiB",
				resident >> 20
			);
			results.push(json!({
				"context": context, "milliseconds_per_token": clock,
				"processor_milliseconds_per_token": processor, "peak_resident_bytes": resident,
			}));
		}
		Ok(results)
	}
}

/// A generation of the same made-up prompt on every side.
fn request(batch: usize, prompt: usize, steps: usize) -> Value {
	let ids: Vec<usize> = (0..prompt).map(|at| (at * 7_919 + 13) % 49_000 + 20).collect();
	json!({ "batch": batch, "prompt": ids, "steps": steps })
}

/// Tokens a second: of steps and of the prompt, by the clock and by processor time.
struct Rates {
	steps: [f64; 2],
	prompt: [f64; 2],
	resident: u64,
}

impl Rates {
	fn of(runs: &[[Generated; 2]]) -> Self {
		let steps = |clock: usize| median(runs.iter().map(|run| run[0].steps()[clock]).collect());
		let prompt = |seconds: &dyn Fn(&Generated) -> f64| {
			LONG_PROMPT as f64 / median(runs.iter().map(|run| seconds(&run[1])).collect())
		};
		Self {
			steps: [0, 1].map(steps),
			prompt: [
				prompt(&|run| run.prompt_seconds),
				prompt(&|run| run.prompt_processor_seconds),
			],
			resident: runs.iter().map(|run| run[1].peak_resident_bytes).max().unwrap_or(0),
		}
	}

	fn report(&self, name: &str, ours: &Self) -> Value {
		let Self { steps, prompt, resident } = self;
		println!(
			"{name}: steps {:.1}/s ({:.1} by processor time), prompt of {LONG_PROMPT} {:.1}/s \
			 ({:.1}), peak {} MiB; assay's ratio: steps {:.2} ({:.2}), prompt {:.2} ({:.2})",
			steps[0],
			steps[1],
			prompt[0],
			prompt[1],
			resident >> 20,
			ours.steps[0] / steps[0],
			ours.steps[1] / steps[1],
			ours.prompt[0] / prompt[0],
			ours.prompt[1] / prompt[1],
		);
		json!({
			"name": name, "steps_per_second": steps[0], "steps_per_processor_second": steps[1],
			"prompt_per_second": prompt[0], "prompt_per_processor_second": prompt[1],
			"peak_resident_bytes": resident,
			"steps_ratio": ours.steps[0] / steps[0], "prompt_ratio": ours.prompt[0] / prompt[0],
			"steps_processor_ratio": ours.steps[1] / steps[1],
			"prompt_processor_ratio": ours.prompt[1] / prompt[1],
		})
	}
}

fn median(mut values: Vec<f64>) -> f64 {
	values.sort_by(f64::total_cmp);
	values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
