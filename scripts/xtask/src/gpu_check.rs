//! `cargo xtask gpu-check`: on a machine with a GPU, every golden vector by every way of products,
//! models end to end against the reference, and times against the device's peaks. One JSON object.

use crate::{cuda_report::load_compiler, paths};
use anyhow::{bail, ensure, Context, Result};
use assay_cuda::{peaks, start, start_devices, DeviceBackend, Gpu, ProbedDevice, Products};
use assay_models::{minilm, smollm2, Imported};
use assay_program::{Backend, Model, Outcome, Parameters, Sampling};
use assay_reference::{golden, sample, ReferenceBackend};
use serde_json::{json, Value};
use std::{path::Path, sync::Arc, time::Instant};

/// How the process ends where there is no GPU: neither well nor because something is wrong.
const NO_GPU: i32 = 3;
/// Timed runs, of which the median counts.
const RUNS: usize = 15;

/// Runs all checks and prints what they found.
pub(crate) fn run() -> Result<()> {
	let root = paths::root()?;
	load_compiler(&root)?;
	let gpu = match assay_cuda::probe() {
		Ok(gpu) => gpu,
		Err(reason) => {
			println!("{}", json!({ "gpu": false, "reason": reason.to_string() }));
			std::process::exit(NO_GPU);
		},
	};
	let devices: Vec<Value> = gpu.devices.iter().map(describe).collect();
	let vectors = vectors(&gpu)?;
	let models = models(&root, &gpu)?;
	println!(
		"{}",
		json!({
			"gpu": true,
			"driver": gpu.driver.to_string(),
			"nvrtc": gpu.nvrtc.to_string(),
			"devices": devices,
			"vectors": vectors,
			"models": models,
		})
	);
	Ok(())
}

fn describe(device: &ProbedDevice) -> Value {
	let peaks = peaks(device);
	json!({
		"name": device.name,
		"compute_capability": device.compute_capability.to_string(),
		"memory_mib": device.memory_mib,
		"peak_tensor_tops": peaks.tensor_tops,
		"peak_bandwidth_gb": peaks.bandwidth_gb,
	})
}

/// The golden vectors, tensor by tensor, on every device by every way of products it has.
fn vectors(gpu: &Gpu) -> Result<Vec<Value>> {
	let mut passed = Vec::new();
	for way in [Products::Plain, Products::Dot, Products::Tensor] {
		for (device, probed) in start_devices(gpu, Some(way))?.into_iter().zip(&gpu.devices) {
			if Products::of(probed.compute_capability) < way {
				continue;
			}
			let backend = DeviceBackend::new([device]);
			golden::self_test(&backend)
				.with_context(|| format!("golden vectors on {} by {way:?}", probed.name))?;
			passed.push(json!({ "device": probed.name, "products": format!("{way:?}") }));
		}
	}
	Ok(passed)
}

fn models(root: &Path, gpu: &Gpu) -> Result<Vec<Value>> {
	let backend: Arc<dyn Backend> = Arc::new(start(gpu)?);
	let device = gpu.devices.first().context("a probe without a device")?;
	let minilm = minilm::import(&paths::minilm(root)).context("MiniLM; run scripts/setup")?;
	let chat = smollm2::import(&root.join(".assay/models/smollm2"))
		.context("SmolLM2; run scripts/setup")?;
	let encoder = Subject::load("minilm", &*backend, minilm)?;
	encoder.compare(&Parameters::encoder(2, 24))?;
	let decoder = Subject::load("smollm2", &*backend, chat)?;
	let steps =
		|sequence, max_steps, sampling| Parameters { batch: 1, sequence, max_steps, sampling };
	decoder.compare(&steps(8, 6, None))?;
	let sampling =
		Sampling { temperature_q16: 52_429, top_k: 40, top_p_q16: 62_259, seed: [7; 32] };
	decoder.compare(&steps(5, 4, Some(sampling)))?;
	Ok(vec![
		encoder.time(&Parameters::encoder(1, 128), device)?,
		encoder.time(&Parameters::encoder(16, 128), device)?,
		decoder.time(&steps(256, 1, None), device)?,
		decoder.time(&steps(16, 64, None), device)?,
	])
}

/// A model on the GPUs, and by the reference.
struct Subject {
	name: &'static str,
	imported: Imported,
	model: Arc<dyn Model>,
	reference: Arc<dyn Model>,
}

impl Subject {
	fn load(name: &'static str, backend: &dyn Backend, imported: Imported) -> Result<Self> {
		let program = Arc::new(imported.program.clone());
		let weights: bytes::Bytes = imported.weights.clone().into();
		let model = backend.load(program.clone(), weights.clone()).context(name)?;
		let reference = ReferenceBackend.load(program, weights).context(name)?;
		Ok(Self { name, imported, model, reference })
	}

	/// Tokens that no padding interrupts.
	fn input(&self, parameters: &Parameters) -> Vec<u8> {
		let mut generator = sample::Generator::new(11);
		let count = parameters.batch * parameters.sequence;
		(0..count).flat_map(|_| (generator.below(20_000) + 1_000).to_le_bytes()).collect()
	}

	fn compare(&self, parameters: &Parameters) -> Result<()> {
		let input = self.input(parameters);
		let actual = self.model.run(&input, parameters).context(self.name)?;
		let expected = self.reference.run(&input, parameters).context(self.name)?;
		ensure!(actual == expected, "{} differs from the reference: {parameters:?}", self.name);
		Ok(())
	}

	fn time(&self, parameters: &Parameters, device: &ProbedDevice) -> Result<Value> {
		let input = self.input(parameters);
		let mut seconds = Vec::with_capacity(RUNS);
		let mut count = 0;
		for run in 0..=RUNS {
			let begun = Instant::now();
			match self.model.run(&input, parameters).context(self.name)? {
				Outcome::Output { count: steps, .. } => count = steps,
				Outcome::Invalid(code) => bail!("{}: {code}", self.name),
			}
			// The first run allocates.
			if run > 0 {
				seconds.push(begun.elapsed().as_secs_f64());
			}
		}
		seconds.sort_by(f64::total_cmp);
		let median = seconds.get(RUNS / 2).copied().unwrap_or(f64::INFINITY);
		let form = self.imported.program.cost_form();
		// A unit is 2^20 int8 multiply-accumulates, each two operations.
		let operations = 2.0 * form.units(parameters, count) as f64 * f64::from(1u32 << 20);
		// Every step reads the weights.
		let bytes = self.imported.weights.len() as f64 * f64::from(count);
		let peaks = peaks(device);
		Ok(json!({
			"model": self.name,
			"equal_to_reference": true,
			"batch": parameters.batch,
			"sequence": parameters.sequence,
			"steps": count,
			"median_seconds": median,
			"part_of_peak_operations": operations / median / 1e12 / peaks.tensor_tops.max(1e-9),
			"part_of_peak_bandwidth": bytes / median / 1e9 / peaks.bandwidth_gb.max(1e-9),
		}))
	}
}
