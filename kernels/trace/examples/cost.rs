//! What tracing costs beside running: the whole trace, its parts, and the answers of a game.
//!
//! ```text
//! cargo run --release -p assay-trace --example cost -- <model> [tokens] [steps] [threads] [pairs]
//! ```
//!
//! The model is `minilm` or `smollm2`, a program of its sizes with made-up weights, which cost the
//! same, or a folder with `program.bin` and `weights.bin`, as an importer of `assay-models` writes
//! them. Defaults: 128 tokens, 1 step, 1 thread, 9 pairs.
//!
//! A pair is a plain run and then the same with its trace, on the same backend and threads. Printed
//! are medians over pairs, by the clock and, in brackets, in seconds of the processor, of which
//! other work on the machine takes little away (Linux); ratios are medians of each pair's ratio.

use assay_cpu::{CpuBackend, Unfused};
use assay_program::{Backend, BackendError, Bytes, Model, Operator, Outcome, Parameters, Program};
use assay_reference::sample::{self, DecoderShape, Shape, Style};
use assay_trace::{Layout, Position, Question, Steps, Tracer, Visit, Work};
use std::{
	error::Error, fs, hint::black_box, ops::ControlFlow, path::Path, sync::Arc, time::Instant,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Seconds by the clock, and of the processor.
type Seconds = [f64; 2];

/// What all threads of this process have used of the processor.
fn processor_seconds() -> Result<f64> {
	let mut nanoseconds = 0.0;
	for thread in fs::read_dir("/proc/self/task")? {
		let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
		nanoseconds += stat.split(' ').next().ok_or("no number")?.parse::<f64>()?;
	}
	Ok(nanoseconds / 1e9)
}

fn timed(run: impl FnOnce() -> Result<()>) -> Result<Seconds> {
	let (clock, processor) = (Instant::now(), processor_seconds()?);
	run()?;
	Ok([clock.elapsed().as_secs_f64(), processor_seconds()? - processor])
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
	let mut numbers: Vec<f64> = of.collect();
	numbers.sort_by(f64::total_cmp);
	numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

fn medians(of: &[Seconds]) -> Seconds {
	[0, 1].map(|clock| median(of.iter().map(|seconds| seconds[clock])))
}

/// The medians of a list, and those of its ratios to another.
fn print(name: &str, of: &[Seconds], plain: &[Seconds]) {
	let [clock, processor] = medians(of);
	let ratio = |clock: usize| median(of.iter().zip(plain).map(|(of, to)| of[clock] / to[clock]));
	println!(
		"{name}: {:.1} ms ({:.1}), {:.2} times ({:.2})",
		clock * 1e3,
		processor * 1e3,
		ratio(0),
		ratio(1)
	);
}

/// A job, ready to run both ways.
struct Job {
	program: Arc<Program>,
	weights: Bytes,
	input: Vec<u8>,
	parameters: Parameters,
	plain: Arc<dyn Model>,
	unfused: Unfused,
}

fn smollm2(tokens: u32, steps: u32) -> Program {
	sample::decoder(&DecoderShape {
		layers: 30,
		width: 576,
		heads: 9,
		key_heads: 3,
		inner: 1_536,
		vocabulary: 49_152,
		ends: 0,
		max_batch: 1,
		max_sequence: tokens + steps,
		max_steps: steps,
		context_shift: 3,
		intervals: 4_096,
		..DecoderShape::SMALL
	})
}

fn model(name: &str, tokens: u32, steps: u32) -> Result<(Program, Bytes)> {
	let program = match name {
		"minilm" => sample::encoder(&Shape::MINILM),
		"smollm2" => smollm2(tokens, steps),
		folder => {
			let folder = Path::new(folder);
			let program = Program::decode_validated(&fs::read(folder.join("program.bin"))?)?;
			return Ok((program, fs::read(folder.join("weights.bin"))?.into()));
		},
	};
	let weights = sample::weights(&program, Style::Plausible, 1);
	Ok((program, weights.into()))
}

impl Job {
	fn new(name: &str, tokens: u32, steps: u32, threads: usize) -> Result<Self> {
		let (program, weights) = model(name, tokens, steps)?;
		let program = Arc::new(program);
		let max_steps = if program.is_decoder() { steps } else { 1 };
		let parameters = Parameters { batch: 1, sequence: tokens, max_steps, sampling: None };
		let Some(Operator::Tokens { vocabulary }) = program.operators.first() else {
			return Err("a model of text".into());
		};
		let input =
			(0..tokens).flat_map(|place| (1_000 + place * 7 % (vocabulary - 1_000)).to_le_bytes());
		let input = input.collect();
		let backend = CpuBackend::new(Some(threads));
		let plain = backend.load(program.clone(), weights.clone())?;
		let unfused = backend.unfused(program.clone(), weights.clone())?;
		Ok(Self { program, weights, input, parameters, plain, unfused })
	}

	fn layout(&self) -> Result<Layout<'_>> {
		Ok(Layout::new(&self.program, &self.parameters)?)
	}

	fn tracer<S: Steps>(&self, steps: S) -> Result<Tracer<'_, S>> {
		Ok(Tracer::new(self.layout()?, steps, &self.weights, &self.input)?)
	}
}

/// Runs operators one at a time.
struct Kernels<'a>(&'a Job);

impl Steps for Kernels<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> std::result::Result<Option<Outcome>, String> {
		match self.0.unfused.trace(&self.0.input, &self.0.parameters, visit) {
			Ok(outcome) => Ok(Some(outcome)),
			Err(BackendError::Stopped) => Ok(None),
			Err(error) => Err(error.to_string()),
		}
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		self.0.unfused.side_by_side(count, work);
	}
}

/// Shows zeros of the right sizes: what is left is hashing.
struct Zeros<'a> {
	job: &'a Job,
	/// Bytes of every tensor of every step.
	sizes: &'a [(u32, usize, usize)],
	outcome: &'a Outcome,
}

impl Steps for Zeros<'_> {
	fn run(&self, visit: &mut Visit<'_>) -> std::result::Result<Option<Outcome>, String> {
		let largest = self.sizes.iter().map(|(.., size)| *size).max().unwrap_or(0);
		let zeros = vec![0; largest];
		for (step, operator, size) in self.sizes {
			if visit(*step, *operator, &zeros[..*size]).is_break() {
				return Ok(None);
			}
		}
		Ok(Some(self.outcome.clone()))
	}

	fn side_by_side(&self, count: usize, work: Work<'_>) {
		self.job.unfused.side_by_side(count, work);
	}
}

fn main() -> Result<()> {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	let name = arguments.first().map_or("minilm", String::as_str);
	let number = |at: usize, default: u32| {
		arguments.get(at).map_or(Ok(default), |argument| argument.parse::<u32>())
	};
	let (tokens, steps, threads, pairs) =
		(number(1, 128)?, number(2, 1)?, number(3, 1)?, number(4, 9)?);
	let job = Job::new(name, tokens, steps, threads as usize)?;
	println!("{name}, {tokens} tokens, {steps} steps, {threads} threads, {pairs} pairs");

	let mut sizes = Vec::new();
	let outcome =
		job.unfused.trace(&job.input, &job.parameters, &mut |step, operator, bytes| {
			sizes.push((step, operator, bytes.len()));
			ControlFlow::Continue(())
		})?;
	if outcome != job.plain.run(&job.input, &job.parameters)? {
		return Err("the two ways to run it differ".into());
	}
	let bytes: usize = sizes.iter().map(|(.., size)| *size).sum();
	let units = job.program.cost_form().units(&job.parameters, outcome.claim().count());
	let leaves = job.layout()?.tree().leaves();
	println!("{units:?} units, {:.1} MB in {leaves} leaves", bytes as f64 / 1e6);
	let zeros = Zeros { job: &job, sizes: &sizes, outcome: &outcome };

	let [mut plain, mut apart, mut traced, mut hashed] = [(); 4].map(|()| Vec::new());
	for _ in 0..pairs {
		plain.push(timed(|| {
			black_box(job.plain.run(&job.input, &job.parameters)?);
			Ok(())
		})?);
		traced.push(timed(|| job.tracer(Kernels(&job)).map(drop))?);
		apart.push(timed(|| {
			job.unfused.trace(&job.input, &job.parameters, &mut |_, _, bytes| {
				black_box(bytes);
				ControlFlow::Continue(())
			})?;
			Ok(())
		})?);
		hashed.push(timed(|| job.tracer(Zeros { ..zeros }).map(|tracer| drop(black_box(tracer))))?);
	}
	print("plain run", &plain, &plain);
	print("operators one at a time", &apart, &plain);
	print("hashing alone", &hashed, &plain);
	print("trace", &traced, &plain);
	let gigabytes = bytes as f64 / 1e9;
	println!("hashed {:.2} GB a processor second", gigabytes / medians(&hashed)[1]);
	game(&job, &plain)
}

/// The questions of a game that goes to the last row of the last wide tensor, in their order.
fn game(job: &Job, plain: &[Seconds]) -> Result<()> {
	let tracer = job.tracer(Kernels(job))?;
	let layout = tracer.layout();
	let tree = layout.tree();
	let last = job.parameters.max_steps - 1;
	let operator = layout.operators() - 2;
	let element = layout.elements(last, operator) - 1;
	let part = layout.first_part(last, operator);
	let position = Position { step: last, operator, element, part };
	let (index, _) = layout.leaf_of(last, operator, element).ok_or("no such leaf")?;
	let node = |level: u32| index / 256_u32.pow(level);
	let levels = (1..=tree.levels()).rev();
	let mut questions: Vec<Question> =
		levels.map(|level| Question::Children { level, position: node(level) }).collect();
	questions.push(Question::Leaf { index });
	questions.push(Question::Openings { position });
	for question in questions {
		let seconds = timed(|| {
			black_box(tracer.answer(&question)?);
			Ok(())
		})?;
		print(&format!("answer, {question:?}"), &[seconds], &[medians(plain)]);
	}
	Ok(())
}
