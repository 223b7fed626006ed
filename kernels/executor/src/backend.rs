//! Which backend computes, and what this machine has.

use crate::{config::BackendChoice, error::StartError};
use assay_cpu::CpuBackend;
use assay_cuda::{DeviceBackend, Gpu, NoGpu};
use assay_program::Backend;
use assay_reference::{golden, ReferenceBackend};
use serde::Serialize;
use std::{
	fmt, fs,
	panic::{catch_unwind, AssertUnwindSafe},
	sync::Arc,
	thread,
};

/// The backend on GPUs, by its name.
const CUDA: &str = "cuda";

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
	/// Versions, and why GPUs that are there do not serve; or what is missing.
	pub message: String,
}

impl Probe {
	/// Tells of a machine whose GPUs are there and cannot serve.
	fn leave_out_gpus(&mut self, reason: &str) {
		self.backends.retain(|backend| *backend != CUDA);
		self.devices.retain(|device| device.kind != CUDA);
		self.gpu.message = format!("{}; not used: {reason}", self.gpu.message);
	}
}

/// Looks at the machine: its processor, and its GPUs without risk where there are none.
pub fn probe() -> Probe {
	describe(&assay_cuda::probe())
}

/// What is told of a machine with these GPUs, or with none for this reason.
fn describe(found: &Result<Gpu, NoGpu>) -> Probe {
	let (mut backends, mut devices) = (vec!["cpu", "reference"], vec![cpu()]);
	let gpu = match found {
		Ok(gpu) => {
			backends.insert(0, CUDA);
			devices.extend(gpu.devices.iter().map(|device| Device {
				kind: CUDA,
				name: device.name.clone(),
				memory_mib: device.memory_mib,
				threads: None,
				compute_capability: Some(device.compute_capability.to_string()),
			}));
			let message = format!("CUDA driver {}, NVRTC {}", gpu.driver, gpu.nvrtc);
			GpuState { found: true, message }
		},
		Err(reason) => GpuState { found: false, message: reason.to_string() },
	};
	Probe { backends, devices, gpu }
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
	choose_on(&assay_cuda::probe(), choice, threads, &start_gpus)
}

/// Starts GPUs, or says why they cannot serve.
type StartGpus<'a> = &'a dyn Fn(&Gpu) -> Result<Arc<dyn Backend>, String>;

fn start_gpus(gpu: &Gpu) -> Result<Arc<dyn Backend>, String> {
	tested(assay_cuda::start(gpu).map_err(|error| error.to_string())?)
}

/// A backend whose devices have each passed the self-test by itself: a job may run on any of them.
fn tested<D: assay_cuda::Device>(backend: DeviceBackend<D>) -> Result<Arc<dyn Backend>, String> {
	for (device, alone) in backend.devices().zip(backend.alone()) {
		golden::self_test(&alone).map_err(|error| format!("{}: {error}", device.name()))?;
	}
	Ok(Arc::new(backend))
}

/// The GPUs that come before the processor; none where there are none or something else is asked
/// for.
fn preferred<'a>(choice: &BackendChoice, found: &'a Result<Gpu, NoGpu>) -> Option<&'a Gpu> {
	match choice {
		BackendChoice::Auto => found.as_ref().ok(),
		BackendChoice::Cpu | BackendChoice::Reference | BackendChoice::Custom(_) => None,
	}
}

/// [`choose`] on a machine where this was found.
fn choose_on(
	found: &Result<Gpu, NoGpu>,
	choice: BackendChoice,
	threads: Option<usize>,
	start: StartGpus<'_>,
) -> Result<Chosen, StartError> {
	let mut probe = describe(found);
	if let Some(gpu) = preferred(&choice, found) {
		// A driver's binding panics where a library lacks a function; the processor is still there.
		let started = catch_unwind(AssertUnwindSafe(|| start(gpu)));
		match started.unwrap_or_else(|_| Err("starting it panicked".into())) {
			Ok(backend) => {
				let devices = gpu.devices.len();
				tracing::info!(backend = CUDA, devices, gpu = %probe.gpu.message, "backend chosen");
				return Ok(Chosen { backend, probe });
			},
			Err(reason) => {
				tracing::warn!(%reason, "no GPU serves, so the CPU does");
				probe.leave_out_gpus(&reason);
			},
		}
	}
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

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

	use super::*;
	use assay_cuda::{DeviceError, Launch, ProbedDevice, Products, Queue, Version};

	fn machine(names: &[&str]) -> Result<Gpu, NoGpu> {
		let version = Version { major: 12, minor: 9 };
		let device = |(ordinal, name): (u32, &&str)| ProbedDevice {
			ordinal,
			name: (*name).into(),
			memory_mib: 24_576,
			compute_capability: Version { major: 8, minor: 9 },
			multiprocessors: 58,
			clock_mhz: 2_040,
			memory_clock_mhz: 6_251,
			memory_bus_bits: 192,
		};
		let devices = (0..).zip(names).map(device).collect();
		Ok(Gpu { driver: version, nvrtc: version, devices })
	}

	/// A device whose memory is all in use.
	struct Full;

	impl assay_cuda::Device for Full {
		type Buffer = ();
		type Queue = Self;

		fn name(&self) -> String {
			"L4".into()
		}

		fn products(&self) -> Products {
			Products::Tensor
		}

		fn allocate(&self, bytes: usize) -> Result<(), DeviceError> {
			Err(DeviceError::OutOfMemory { bytes })
		}

		fn queue(&self) -> Result<Self, DeviceError> {
			Ok(Self)
		}
	}

	impl Queue for Full {
		type Buffer = ();
		type Recording = ();

		fn upload(&mut self, (): &(), _: &[u8]) -> Result<(), DeviceError> {
			Ok(())
		}

		fn launch(&mut self, _: &Launch<'_, ()>) -> Result<(), DeviceError> {
			Ok(())
		}

		fn download(&mut self, (): &(), _: &mut [u8]) -> Result<(), DeviceError> {
			Ok(())
		}

		fn finish(&mut self) -> Result<(), DeviceError> {
			Ok(())
		}

		fn record(&mut self, _: &[Launch<'_, ()>]) -> Result<(), DeviceError> {
			Ok(())
		}

		fn replay(&mut self, (): &()) -> Result<(), DeviceError> {
			Ok(())
		}
	}

	#[test]
	fn gpus_come_first_where_they_are_and_nothing_else_is_asked_for() {
		let (none, some) = (Err(NoGpu::DriverMissing), machine(&["L4", "L4"]));
		let custom = BackendChoice::Custom(Arc::new(ReferenceBackend));
		for choice in [BackendChoice::Cpu, BackendChoice::Reference, custom] {
			assert_eq!(preferred(&choice, &some), None, "{choice:?}");
		}
		assert_eq!(preferred(&BackendChoice::Auto, &none), None);
		assert_eq!(preferred(&BackendChoice::Auto, &some), some.as_ref().ok());
	}

	#[test]
	fn a_gpu_that_starts_serves_and_is_told_of() {
		let found = machine(&["L4", "RTX 4090"]);
		let start = |gpu: &Gpu| {
			assert_eq!(gpu.devices.len(), 2);
			Ok(Arc::new(ReferenceBackend) as Arc<dyn Backend>)
		};
		let chosen = choose_on(&found, BackendChoice::Auto, None, &start).unwrap();
		assert_eq!(chosen.backend.name(), "reference");
		assert_eq!(chosen.probe.backends, ["cuda", "cpu", "reference"]);
		let names: Vec<_> = chosen.probe.devices.iter().skip(1).map(|d| &*d.name).collect();
		assert_eq!(names, ["L4", "RTX 4090"]);
		assert!(chosen.probe.gpu.found);
	}

	#[test]
	fn a_gpu_that_cannot_serve_leaves_the_processor() {
		let found = machine(&["L4"]);
		let starts: [(StartGpus<'_>, &str); 3] = [
			(&|_| Err("no kernels".into()), "no kernels"),
			(&|_| tested(DeviceBackend::new([Full])), "L4: the backend has no answer"),
			(&|_| panic!("as a binding does"), "panicked"),
		];
		for (start, reason) in starts {
			let chosen = choose_on(&found, BackendChoice::Auto, Some(1), start).unwrap();
			assert_eq!(chosen.backend.name(), "cpu");
			assert_eq!(chosen.probe.backends, ["cpu", "reference"]);
			assert_eq!(chosen.probe.devices.len(), 1);
			let GpuState { found, message } = &chosen.probe.gpu;
			assert!(*found && message.contains(reason), "{message}");
		}
	}

	#[test]
	fn without_a_driver_nothing_is_started() {
		let never = |_: &Gpu| panic!("there is no GPU to start");
		let found = Err(NoGpu::DriverMissing);
		let chosen = choose_on(&found, BackendChoice::Auto, Some(1), &never).unwrap();
		assert_eq!(chosen.backend.name(), "cpu");
		assert_eq!(chosen.probe.backends, ["cpu", "reference"]);
		assert_eq!(chosen.probe.gpu.message, NoGpu::DriverMissing.to_string());
	}
}
