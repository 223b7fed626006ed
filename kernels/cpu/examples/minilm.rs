//! Prints how long a forward pass of a network of MiniLM's size takes, with made-up weights.
//!
//! Arguments: number of threads (default 1), runs of each shape (default 10).

use assay_cpu::{CpuBackend, Processor};
use assay_program::{Backend, Bytes, Parameters};
use assay_reference::sample::{self, Shape, Style};
use std::{sync::Arc, time::Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
	let threads = arguments.next().transpose()?.unwrap_or(1);
	let runs = arguments.next().transpose()?.unwrap_or(10).max(1);
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
			let mut seconds = Vec::new();
			for _ in 0..runs {
				let start = Instant::now();
				model.run(&input, &parameters)?;
				seconds.push(start.elapsed().as_secs_f64());
			}
			seconds.sort_by(f64::total_cmp);
			let (best, median) = (seconds[0], seconds[seconds.len() / 2]);
			let macs = form.units(&parameters, 1) as f64 * assay_program::MACS_PER_UNIT as f64;
			println!(
				"{}, {threads} threads, batch {batch}: best {:.1} ms, median {:.1} ms, \
				 {:.1} sentences/s at best, {:.1} priced GMAC/s",
				processor.set(),
				best * 1e3,
				median * 1e3,
				f64::from(batch) / best,
				macs / best / 1e9,
			);
		}
	}
	Ok(())
}
