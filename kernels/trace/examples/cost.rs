//! What tracing MiniLM costs beside running it: the whole trace, and answers about its end.
//!
//! ```text
//! cargo run --release -p assay-trace --example cost [-- folder [tokens]]
//! ```
//!
//! The folder has `program.bin` and `weights.bin`, as an importer of `assay-models` writes them.
//! Without one, a program of the same sizes and made-up weights, which cost the same. Figures are
//! medians, each with one thread, in seconds of the processor, of which other work on the machine
//! takes nothing away (Linux).

use assay_cpu::CpuBackend;
use assay_program::{Backend, Bytes, Parameters, Program};
use assay_reference::sample::{self, Shape, Style};
use assay_trace::{Position, Question, Tracer};
use std::{error::Error, fs, path::Path, sync::Arc};

fn median(
	runs: usize,
	mut run: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
	let mut seconds = Vec::new();
	for _ in 0..runs {
		let start = processor_seconds()?;
		run()?;
		seconds.push(processor_seconds()? - start);
	}
	seconds.sort_by(f64::total_cmp);
	seconds.get(runs / 2).copied().ok_or_else(|| "no runs".into())
}

/// What all threads of this process have used.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
	let mut nanoseconds = 0.0;
	for thread in fs::read_dir("/proc/self/task")? {
		let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
		nanoseconds += stat.split(' ').next().ok_or("no number")?.parse::<f64>()?;
	}
	Ok(nanoseconds / 1e9)
}

fn model(maybe_folder: Option<&Path>) -> Result<(Arc<Program>, Bytes), Box<dyn Error>> {
	let Some(folder) = maybe_folder else {
		let program = sample::encoder(&Shape::MINILM);
		let weights = sample::weights(&program, Style::Plausible, 1);
		return Ok((Arc::new(program), weights.into()));
	};
	let program = Program::decode_validated(&fs::read(folder.join("program.bin"))?)?;
	Ok((Arc::new(program), fs::read(folder.join("weights.bin"))?.into()))
}

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let folder = arguments.next();
	let tokens: u32 = arguments.next().map_or(Ok(128), |tokens| tokens.parse())?;
	let (program, weights) = model(folder.as_deref().map(Path::new))?;
	let parameters = Parameters::encoder(1, tokens);
	let input: Vec<u8> =
		(0..tokens).flat_map(|place| (1_000 + place * 7 % 20_000).to_le_bytes()).collect();

	let fast = CpuBackend::new(Some(1)).load(program.clone(), weights.clone())?;
	let plain = median(9, || Ok(fast.run(&input, &parameters).map(drop)?))?;
	let reference = || assay_reference::run(&program, &weights, &input, &parameters);
	let reference = median(3, || Ok(reference().map(drop)?))?;
	let trace = || Tracer::reference(&program, &weights, &input, &parameters);
	let traced = median(3, || Ok(trace().map(drop)?))?;
	println!("{tokens} tokens: CPU backend {:.1} ms", plain * 1e3);
	println!("reference {:.0} ms, {:.1} times as long", reference * 1e3, reference / plain);
	println!("trace {:.0} ms, {:.1} times as long", traced * 1e3, traced / plain);

	let tracer = trace()?;
	let layout = tracer.layout();
	let last = layout.operators() - 1;
	let position = |operator, element| {
		let part = layout.first_part(0, operator);
		Position { step: 0, operator, element, part }
	};
	let norm = position(last - 1, layout.elements(0, last - 1) - 1);
	for (name, question) in [
		("top", Question::Children { level: layout.tree().levels(), position: 0 }),
		("last leaf", Question::Leaf { index: layout.tree().leaves() - 1 }),
		("last leaves", Question::Children { level: 1, position: layout.tree().width(1) - 1 }),
		("openings of the last row", Question::Openings { position: norm }),
	] {
		let seconds = median(3, || Ok(tracer.answer(&question).map(drop)?))?;
		println!("answer, {name}: {:.1} ms, {:.1} times", seconds * 1e3, seconds / plain);
	}
	Ok(())
}
