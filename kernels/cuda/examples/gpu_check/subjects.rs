//! The models that are checked, and their jobs.

use super::check::{attempt, Job, Subject};
use assay_models::{minilm, smollm2, wakeword, Imported};
use assay_program::{Parameters, Sampling};
use assay_reference::sample::Generator;
use std::{fs, path::Path};

/// Rows of a wake word that are run: three seconds.
const CALLS: u32 = 100;

/// All models that are imported, by name.
pub(crate) fn all(root: &Path) -> Vec<(String, Result<Subject, String>)> {
	let models = root.join(".assay/models");
	let told = |error: &dyn std::fmt::Display| format!("{error}; run scripts/setup");
	let mut all = Vec::new();
	let encoder = attempt(|| minilm::import(&models.join("minilm")).map_err(|e| told(&e)));
	all.push(("minilm".to_owned(), encoder.map(of_minilm)));
	let decoder = attempt(|| smollm2::import(&models.join("smollm2")).map_err(|e| told(&e)));
	all.push(("smollm2".to_owned(), decoder.map(of_smollm2)));
	for (file, _) in wakeword::MODELS {
		let name = file.trim_end_matches(".tflite");
		let network = attempt(|| {
			let imported = wakeword::import(&models.join("wakeword"), file);
			of_wake_word(root, name, imported.map_err(|e| told(&e))?)
		});
		all.push((name.to_owned(), network));
	}
	all
}

/// Tokens that no padding interrupts.
fn tokens(parameters: Parameters) -> Job {
	let mut generator = Generator::new(11);
	let count = parameters.batch * parameters.sequence;
	let input = (0..count).flat_map(|_| (generator.below(20_000) + 1_000).to_le_bytes()).collect();
	Job { parameters, input }
}

fn of_minilm(imported: Imported) -> Subject {
	// The second row ends early.
	let mut padded = tokens(Parameters::encoder(2, 24));
	let end = padded.input.len().saturating_sub(20);
	padded.input.truncate(end);
	padded.input.resize(end + 20, 0xff);
	let timed = [(1, 128), (16, 128)].map(|(batch, sequence)| Parameters::encoder(batch, sequence));
	let Imported { program, weights, .. } = imported;
	Subject::new("minilm", program, weights, vec![padded], timed.map(tokens).into())
}

fn of_smollm2(imported: Imported) -> Subject {
	let job = |sequence, max_steps, sampling| {
		tokens(Parameters { batch: 1, sequence, max_steps, sampling })
	};
	let sampling =
		Sampling { temperature_q16: 52_429, top_k: 40, top_p_q16: 62_259, seed: [7; 32] };
	let compared = vec![job(12, 6, None), job(5, 4, Some(sampling))];
	let timed = vec![job(256, 1, None), job(16, 64, None)];
	let Imported { program, weights, .. } = imported;
	Subject::new("smollm2", program, weights, compared, timed)
}

/// The spoken word, once and for as many listeners as a batch has.
fn of_wake_word(root: &Path, name: &str, imported: Imported) -> Result<Subject, String> {
	let file = format!("kernels/models/corpus/wakeword/{name}.features");
	let file = root.join(file);
	let spoken = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
	let bytes = CALLS as usize * wakeword::FRAMES * wakeword::FEATURES;
	let start = spoken.len().checked_sub(bytes).ok_or("the spoken word is too short")?;
	let word = spoken.get(start..).unwrap_or_default();
	let job = |batch: u32| Job {
		parameters: Parameters::encoder(batch, CALLS),
		input: word.repeat(batch as usize),
	};
	let Imported { program, weights, .. } = imported;
	let timed = vec![job(1), job(wakeword::MAX_BATCH)];
	Ok(Subject::new(name, program, weights, vec![job(2)], timed))
}
