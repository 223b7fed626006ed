//! What a run costs its provider more because a claim about it can be disputed.
//!
//! Traces are made when a game asks, by running a job again: a run itself keeps nothing. All that
//! it does for the chain is the digest of its output.

use assay_cpu::CpuBackend;
use assay_models::{input_blob, minilm};
use assay_program::{Backend, Bytes};
use std::{hint::black_box, path::Path, sync::Arc, time::Instant};

const RUNS: usize = 21;
const TOKENS: usize = 128;

pub(crate) struct Honest {
	pub(crate) run_ms: f64,
	pub(crate) claim_ms: f64,
}

impl Honest {
	/// The digest's time as a share of the run's.
	pub(crate) fn share(&self) -> f64 {
		self.claim_ms / self.run_ms
	}
}

fn median(mut values: Vec<f64>) -> f64 {
	values.sort_by(f64::total_cmp);
	values[values.len() / 2]
}

fn milliseconds<R>(work: impl FnOnce() -> R) -> (R, f64) {
	let begun = Instant::now();
	let made = black_box(work());
	(made, begun.elapsed().as_secs_f64() * 1e3)
}

/// Medians over runs of MiniLM by the CPU backend.
pub(crate) fn measure(models: &Path) -> Honest {
	let imported = minilm::import(&models.join("minilm")).expect("scripts/setup fetches it");
	let (input, parameters) = input_blob(&[super::row(TOKENS)]);
	let backend = CpuBackend::new(None);
	let weights = Bytes::from(imported.weights);
	let model = backend.load(Arc::new(imported.program), weights).expect("the model loads");
	let mut times = [Vec::new(), Vec::new()];
	for _ in 0..RUNS {
		let (outcome, run) = milliseconds(|| model.run(&input, &parameters).expect("it runs"));
		let (_, claim) = milliseconds(|| outcome.claim());
		times[0].push(run);
		times[1].push(claim);
	}
	let [run_ms, claim_ms] = times.map(median);
	Honest { run_ms, claim_ms }
}
