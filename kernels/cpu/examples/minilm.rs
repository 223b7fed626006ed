//! Prints how long a forward pass of a network of MiniLM's size takes, with made-up weights: by the
//! clock, and by the time that this process had a processor, which other processes disturb less.
//!
//! Arguments: number of threads (default 1), runs of each shape (default 10), milliseconds between
//! runs (default 0).

use assay_cpu::{CpuBackend, Processor};
use assay_program::{Backend, Bytes, Model, Parameters};
use assay_reference::sample::{self, Shape, Style};
use std::{error::Error, fs, sync::Arc, thread, time::Duration, time::Instant};

/// Seconds that all threads of this process ran, where Linux tells.
fn processor_seconds() -> f64 {
	let nanoseconds = |entry: std::io::Result<fs::DirEntry>| -> Option<f64> {
		let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
		text.split(' ').next()?.parse().ok()
	};
	let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
	threads.filter_map(nanoseconds).sum::<f64>() / 1e9
}

/// Seconds that each run took, in order of length, and a processor's seconds for one of them.
fn time(
	model: &dyn Model,
	input: &[u8],
	parameters: &Parameters,
	runs: usize,
	pause: Duration,
) -> Result<(Vec<f64>, f64), Box<dyn Error>> {
	model.run(input, parameters)?;
	let (mut seconds, mut own) = (Vec::new(), Vec::new());
	for _ in 0..runs {
		thread::sleep(pause);
		let (start, before) = (Instant::now(), processor_seconds());
		model.run(input, parameters)?;
		seconds.push(start.elapsed().as_secs_f64());
		own.push(processor_seconds() - before);
	}
	seconds.sort_by(f64::total_cmp);
	own.sort_by(f64::total_cmp);
	Ok((seconds, own[runs / 2]))
}

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
	let mut argument = |default| arguments.next().transpose().map(|given| given.unwrap_or(default));
	let (threads, runs, pause) = (argument(1)?, argument(10)?.max(1), argument(0)?);
	let pause = Duration::from_millis(pause as u64);
	let program = Arc::new(sample::encoder(&Shape::MINILM));
	let weights: Bytes = sample::weights(&program, Style::Plausible, 1).into();
	let form = program.cost_form();
	for processor in Processor::all().collect::<Vec<_>>().into_iter().rev() {
		let backend = CpuBackend::with_processor(Some(threads), processor);
		let model = backend.load(program.clone(), weights.clone())?;
		for batch in [1, 16] {
			let parameters = Parameters::encoder(batch, 128);
			// No padding: every position is work.
			let ids = (0..batch * 128).map(|place| (place * 7919) % Shape::MINILM.vocabulary);
			let input: Vec<u8> = ids.flat_map(|id| (id as i32).to_le_bytes()).collect();
			let (seconds, own) = time(&*model, &input, &parameters, runs, pause)?;
			let (best, median) = (seconds[0], seconds[runs / 2]);
			let macs = form.units(&parameters, 1) as f64 * assay_program::MACS_PER_UNIT as f64;
			println!(
				"{}, {threads} threads, batch {batch}: best {:.1} ms, median {:.1} ms, processors \
				 {:.1} ms, {:.1} sentences/s at best, {:.1} priced GMAC/s",
				processor.set(),
				best * 1e3,
				median * 1e3,
				own * 1e3,
				f64::from(batch) / best,
				macs / best / 1e9,
			);
		}
	}
	Ok(())
}
