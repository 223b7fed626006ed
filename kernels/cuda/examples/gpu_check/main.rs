//! Runs everything on this machine's GPUs: every golden vector, all models end to end against the
//! reference, and times against the devices' peaks; on each device by each way of products.
//!
//! ```text
//! cargo run --release -p assay-cuda --example gpu_check
//! ```
//!
//! Prints one JSON object, also where something fails: `ok` says whether nothing did, and `error`
//! stands where it did. Ends with 0 where all went well, 1 where something failed, and 3 where
//! there is no GPU. Before, once: `scripts/setup`.

mod check;
mod subjects;

use assay_cuda::{peaks, start_devices, Gpu, Peaks, ProbedDevice};
use check::{attempt, ways, Checked, Subject};
use serde_json::{json, Map, Value};
use std::{path::Path, process::ExitCode};

/// How the process ends where there is no GPU: neither well nor because something is wrong.
const NO_GPU: u8 = 3;

fn main() -> ExitCode {
	let (code, report) = match attempt(|| Ok(run())) {
		Ok(done) => done,
		Err(error) => (1, json!({ "ok": false, "error": error })),
	};
	println!("{report}");
	code.into()
}

fn run() -> (u8, Value) {
	let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
	let library = root.join(".assay/cuda/nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
	let mut compiler = None;
	if std::env::var_os("ASSAY_NVRTC").is_none() && library.is_file() {
		compiler = assay_cuda::load_compiler(&library).err().map(|error| error.to_string());
	}
	let gpu = match assay_cuda::probe() {
		Ok(gpu) => gpu,
		Err(reason) => {
			let reason = reason.to_string();
			let report = json!({ "ok": false, "gpu": false, "reason": reason, "error": compiler });
			return (NO_GPU, report);
		},
	};
	let (mut ok, mut missing) = (compiler.is_none(), Map::new());
	let mut subjects = Vec::new();
	for (name, subject) in subjects::all(&root) {
		match subject {
			Ok(subject) => subjects.push(subject),
			Err(error) => {
				ok = false;
				missing.insert(name, json!({ "error": error }));
			},
		}
	}
	let mut devices = Vec::new();
	for probed in &gpu.devices {
		let (fine, device) = check_device(&gpu, probed, &subjects);
		ok &= fine;
		devices.push(device);
	}
	let report = json!({
		"ok": ok,
		"gpu": true,
		"driver": gpu.driver.to_string(),
		"nvrtc": gpu.nvrtc.to_string(),
		"error": compiler,
		"models_missing": missing,
		"devices": devices,
	});
	(u8::from(!ok), report)
}

/// One device, whatever becomes of the others.
fn check_device(gpu: &Gpu, probed: &ProbedDevice, subjects: &[Subject]) -> Checked {
	let Peaks { tensor_tops, bandwidth_gb } = peaks(probed);
	let alone = Gpu { devices: vec![probed.clone()], ..gpu.clone() };
	let started = attempt(|| {
		let devices = start_devices(&alone, None).map_err(|error| error.to_string())?;
		devices.into_iter().next().ok_or_else(|| "no device was started".into())
	});
	let (ok, ways, error) = match started {
		Ok(device) => {
			use assay_cuda::Device;
			let best = device.products();
			let make = |products| device.with_products(products);
			let (ok, ways) = ways(best, make, subjects, peaks(probed));
			(ok, ways, None)
		},
		Err(error) => (false, json!({}), Some(error)),
	};
	let report = json!({
		"ok": ok,
		"ordinal": probed.ordinal,
		"name": probed.name,
		"compute_capability": probed.compute_capability.to_string(),
		"memory_mib": probed.memory_mib,
		"peak_tensor_tops": tensor_tops,
		"peak_bandwidth_gb": bandwidth_gb,
		"error": error,
		"products": ways,
	});
	(ok, report)
}
