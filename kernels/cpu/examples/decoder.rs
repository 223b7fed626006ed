//! Times a decoder of the sizes of SmolLM2-135M with made-up weights, prompt and text apart.
//!
//! Arguments: threads (1), batch (1), positions of the prompt (128), steps (128), runs (3).
//! Prints for each run the tokens a second of prompt and of later steps, by the clock and, in
//! brackets, by the time that this process had a processor, which other processes disturb less.

use assay_cpu::CpuBackend;
use assay_program::{Backend, Bytes, Parameters};
use assay_reference::sample::{self, DecoderShape, Style};
use std::{error::Error, fs, ops::ControlFlow, sync::Arc, time::Instant};

/// Seconds that all threads of this process ran, where Linux tells.
fn processor_seconds() -> f64 {
	let nanoseconds = |entry: std::io::Result<fs::DirEntry>| -> Option<f64> {
		let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
		text.split(' ').next()?.parse().ok()
	};
	let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
	threads.filter_map(nanoseconds).sum::<f64>() / 1e9
}

/// Both clocks.
fn now(start: Instant) -> [f64; 2] {
	[start.elapsed().as_secs_f64(), processor_seconds()]
}

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
	let mut argument = |default| arguments.next().transpose().map(|given| given.unwrap_or(default));
	let (threads, batch, sequence) = (argument(1)?, argument(1)?, argument(128)?);
	let (max_steps, runs) = (argument(128)?, argument(3)?);
	let shape = DecoderShape {
		layers: 30,
		width: 576,
		heads: 9,
		key_heads: 3,
		inner: 1_536,
		vocabulary: 49_152,
		ends: 0,
		max_batch: batch,
		max_sequence: sequence + max_steps,
		max_steps,
		context_shift: 3,
		intervals: 4_096,
		..DecoderShape::SMALL
	};
	let program = Arc::new(sample::decoder(&shape));
	program.validate()?;
	let weights: Bytes = sample::weights(&program, Style::Plausible, 1).into();
	let start = Instant::now();
	let backend = CpuBackend::new(Some(threads as usize));
	let model = backend.load(program, weights)?;
	println!("load {:.2} s, {}", start.elapsed().as_secs_f64(), backend.instruction_set());
	let parameters = Parameters { batch, sequence, max_steps, sampling: None };
	let prompt = sample::prompt(&shape, batch, sequence, 2);
	for _ in 0..runs {
		let mut times = vec![now(start)];
		model.stream(&prompt, &parameters, &mut |_| {
			times.push(now(start));
			ControlFlow::Continue(())
		})?;
		let (began, first) = (times[0], times[1]);
		let last = times[times.len() - 1];
		let [prefill, prefill_own] =
			[0, 1].map(|clock| f64::from(batch * sequence) / (first[clock] - began[clock]));
		let [decode, decode_own] =
			[0, 1].map(|clock| f64::from(batch * (max_steps - 1)) / (last[clock] - first[clock]));
		println!("prompt {prefill:.1}/s ({prefill_own:.1}), steps {decode:.1}/s ({decode_own:.1})");
	}
	Ok(())
}
