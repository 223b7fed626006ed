//! Our side: the CPU backend with a mapped weights file, asked line by line.

use crate::Result;
use assay_cpu::CpuBackend;
use assay_models::{PROGRAM_FILE, WEIGHTS_FILE};
use assay_program::{Backend, Bytes, Model, Outcome, Parameters, Program};
use memmap2::Mmap;
use serde::Deserialize;
use serde_json::{json, Value};
use std::{
	fs::{self, File},
	io::BufRead,
	ops::ControlFlow,
	path::Path,
	sync::Arc,
	time::Instant,
};

/// A request: a prompt with steps, or rows to embed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
	Generate { batch: u32, prompt: Vec<i32>, steps: u32 },
	Embed { ids: Vec<Vec<i32>>, runs: usize },
}

/// Seconds that all threads of this process ran.
fn processor_seconds() -> f64 {
	let nanoseconds = |entry: std::io::Result<fs::DirEntry>| -> Option<f64> {
		let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
		text.split(' ').next()?.parse().ok()
	};
	let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
	threads.filter_map(nanoseconds).sum::<f64>() / 1e9
}

fn peak_resident_bytes() -> u64 {
	let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
	let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
	kib.unwrap_or(0) * 1024
}

/// Serves the model in `folder` until its input ends.
pub(crate) fn run(folder: &Path, threads: &str) -> Result<()> {
	let threads: usize = threads.parse()?;
	let base = peak_resident_bytes();
	let start = Instant::now();
	let program = Program::decode_validated(&fs::read(folder.join(PROGRAM_FILE))?)
		.map_err(|error| error.to_string())?;
	let file = File::open(folder.join(WEIGHTS_FILE))?;
	// SAFETY: the file is this run's own, written before by renaming, and nobody changes it.
	let weights = Bytes::from_owner(unsafe { Mmap::map(&file) }?);
	let backend = CpuBackend::new(Some(threads));
	let model = backend.load(Arc::new(program), weights).map_err(|error| error.to_string())?;
	let ready = json!({
		"ready": true, "threads": threads, "instruction_set": backend.instruction_set().name(),
		"load_seconds": start.elapsed().as_secs_f64(), "base_resident_bytes": base,
	});
	println!("{ready}");
	for line in std::io::stdin().lock().lines() {
		let answer = match serde_json::from_str(&line?)? {
			Request::Generate { batch, prompt, steps } => generate(&*model, batch, &prompt, steps)?,
			Request::Embed { ids, runs } => embed(&*model, &ids, runs)?,
		};
		println!("{answer}");
	}
	Ok(())
}

fn generate(model: &dyn Model, batch: u32, prompt: &[i32], max_steps: u32) -> Result<Value> {
	let one: Vec<u8> = prompt.iter().flat_map(|id| id.to_le_bytes()).collect();
	let input = one.repeat(batch as usize);
	let sequence = u32::try_from(prompt.len())?;
	let parameters = Parameters { batch, sequence, max_steps, sampling: None };
	let now = || (Instant::now(), processor_seconds());
	let start = now();
	let mut first = None;
	let outcome = model.stream(&input, &parameters, &mut |_| {
		first.get_or_insert_with(now);
		ControlFlow::Continue(())
	});
	let end = now();
	let (Some(first), Outcome::Output { count, .. }) = (first, outcome.map_err(|e| e.to_string())?)
	else {
		return Err("the model refused the prompt".into());
	};
	Ok(json!({
		"count": count,
		"prompt_seconds": (first.0 - start.0).as_secs_f64(),
		"steps_seconds": (end.0 - first.0).as_secs_f64(),
		"prompt_processor_seconds": first.1 - start.1,
		"steps_processor_seconds": end.1 - first.1,
		"peak_resident_bytes": peak_resident_bytes(),
	}))
}

fn embed(model: &dyn Model, ids: &[Vec<i32>], runs: usize) -> Result<Value> {
	let (input, parameters) = assay_models::input_blob(ids);
	let mut seconds = Vec::new();
	for run in 0..runs.max(1) {
		let start = Instant::now();
		let outcome = model.run(&input, &parameters).map_err(|error| error.to_string())?;
		if let Outcome::Invalid(code) = outcome {
			return Err(format!("the model refused the rows: {code:?}").into());
		}
		if run < runs {
			seconds.push(start.elapsed().as_secs_f64());
		}
	}
	Ok(json!({ "seconds": seconds, "peak_resident_bytes": peak_resident_bytes() }))
}
