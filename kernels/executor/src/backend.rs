//! Which backend computes, and what this machine has.

use crate::{config::BackendChoice, error::StartError};
use assay_cpu::CpuBackend;
use assay_program::Backend;
use assay_reference::{golden, ReferenceBackend};
use serde::Serialize;
use std::{fmt, fs, sync::Arc, thread};

/// What [`probe`] finds on a machine.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
	/// The backends that can run here, the best first.
	pub backends: Vec<&'static str>,
	/// What there is to compute on.
	pub devices: Vec<Device>,
	/// What is to be said about GPUs.
	pub gpu: GpuState,
}

/// Something to compute on.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
	/// `cpu` or `cuda`.
	pub kind: &'static str,
	/// As its maker calls it.
	pub name: String,
	/// Its memory.
	pub memory_mib: u64,
	/// Cores of a CPU.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub threads: Option<usize>,
	/// Compute capability of a GPU.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub compute_capability: Option<String>,
}

/// Whether there is a GPU, and why not.
#[derive(Clone, Debug, Serialize)]
pub struct GpuState {
	/// Whether driver, compiler and a device are there.
	pub found: bool,
	/// Versions, or what is missing.
	pub message: String,
}

/// Looks at the machine: its processor, and its GPUs without risk where there are none.
pub fn probe() -> Probe {
	let mut devices = vec![cpu()];
	let gpu = match assay_cuda::probe() {
		Ok(gpu) => {
			devices.extend(gpu.devices.iter().map(|device| Device {
				kind: "cuda",
				name: device.name.clone(),
				memory_mib: device.memory_mib,
				threads: None,
				compute_capability: Some(device.compute_capability.to_string()),
			}));
			let message = format!(
				"CUDA driver {}, NVRTC {}; this version has no CUDA backend yet, so the CPU serves",
				gpu.driver, gpu.nvrtc
			);
			GpuState { found: true, message }
		},
		Err(reason) => GpuState { found: false, message: reason.to_string() },
	};
	// The CUDA backend goes in front of these once it exists and `gpu` is found.
	Probe { backends: vec!["cpu", "reference"], devices, gpu }
}

fn cpu() -> Device {
	let name = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "processor".into());
	let memory_kib = field("/proc/meminfo", "MemTotal")
		.and_then(|total| total.split_whitespace().next()?.parse::<u64>().ok());
	Device {
		kind: "cpu",
		name,
		memory_mib: memory_kib.unwrap_or(0) / 1024,
		threads: Some(thread::available_parallelism().map_or(1, usize::from)),
		compute_capability: None,
	}
}

/// The first value of a field in one of the system's `name : value` files.
fn field(file: &str, name: &str) -> Option<String> {
	let text = fs::read_to_string(file).ok()?;
	let mut fields = text.lines().filter_map(|line| line.split_once(':'));
	fields.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The backend that computes, tested.
pub(crate) struct Chosen {
	pub(crate) backend: Arc<dyn Backend>,
	pub(crate) probe: Probe,
}

impl fmt::Debug for Chosen {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Chosen")
			.field("backend", &self.backend.name())
			.field("probe", &self.probe)
			.finish()
	}
}

/// Chooses a backend and holds it against the golden vectors. Computes: not for async threads.
pub(crate) fn choose(choice: BackendChoice, threads: Option<usize>) -> Result<Chosen, StartError> {
	let probe = probe();
	let backend: Arc<dyn Backend> = match choice {
		BackendChoice::Auto | BackendChoice::Cpu => Arc::new(CpuBackend::new(threads)),
		BackendChoice::Reference => Arc::new(ReferenceBackend),
		BackendChoice::Custom(backend) => backend,
	};
	tracing::info!(backend = backend.name(), gpu = %probe.gpu.message, "backend chosen");
	golden::self_test(backend.as_ref()).map_err(|error| StartError::SelfTest {
		backend: backend.name(),
		reason: error.to_string(),
	})?;
	tracing::info!(backend = backend.name(), "self-test against the golden vectors passed");
	Ok(Chosen { backend, probe })
}
