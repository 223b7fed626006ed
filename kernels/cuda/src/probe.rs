//! Whether there is a GPU, asked safely on any machine.
//!
//! `cudarc` binds driver and run-time compiler when they are first called and panics when one is
//! absent. So nothing in this workspace may call into it before [`probe`] has returned `Ok`.

use cudarc::{
	driver::{
		result::{self, device},
		sys,
	},
	nvrtc,
};
use std::{ffi::c_int, panic::catch_unwind};

/// How many devices are looked at; a box with more shows its first ones.
pub const MAX_DEVICES: u32 = 64;

/// What a machine with a usable GPU has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
	/// Highest CUDA version the driver supports.
	pub driver: Version,
	/// Version of the run-time compiler.
	pub nvrtc: Version,
	/// The devices, by ordinal; never empty.
	pub devices: Vec<Device>,
}

/// A version as NVIDIA libraries state theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
	/// First number.
	pub major: u32,
	/// Second number.
	pub minor: u32,
}

impl std::fmt::Display for Version {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "{}.{}", self.major, self.minor)
	}
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
	/// Number by which the driver knows it.
	pub ordinal: u32,
	/// Name, as the driver tells it.
	pub name: String,
	/// Memory on the device.
	pub memory_mib: u64,
	/// What kernels may be compiled for, such as 9.0.
	pub compute_capability: Version,
	/// Multiprocessors.
	pub multiprocessors: u32,
	/// Highest clock of the multiprocessors.
	pub clock_mhz: u32,
	/// Highest clock of its memory.
	pub memory_clock_mhz: u32,
	/// Width of the way to its memory.
	pub memory_bus_bits: u32,
}

/// Why there is no GPU to work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
	/// The driver's library cannot be loaded.
	#[error("no CUDA driver: libcuda could not be loaded; install the NVIDIA driver to use a GPU")]
	DriverMissing,
	/// The run-time compiler cannot be loaded.
	#[error(
		"a CUDA driver is there but not NVRTC: libnvrtc could not be loaded; install the CUDA \
		 run-time compiler and put it on the library path"
	)]
	CompilerMissing,
	/// A library answered with an error.
	#[error("{call} failed: {reason}")]
	Refused {
		/// The call that failed.
		call: &'static str,
		/// The library's own words.
		reason: String,
	},
	/// The driver works and has no device.
	#[error(
		"the CUDA driver is there and shows no device; check the machine's GPU and permissions"
	)]
	NoDevice,
	/// A library lacks a function, so that the binding gave up.
	#[error("the CUDA libraries on this machine do not fit this build; update the NVIDIA driver")]
	Incompatible,
}

/// Looks for a usable GPU. Touches neither library before it is known to be there, and leaves no
/// context behind.
pub fn probe() -> Result<Gpu, NoGpu> {
	// Where the library that is named cannot be loaded, the answer below is that it is missing.
	let _ = crate::compiler::load_named_compiler();
	// SAFETY: both only try to open a shared library by name. Opening runs the initialisers of
	// NVIDIA's libraries, which have no precondition.
	let (driver, compiler) = unsafe { (sys::is_culib_present(), nvrtc::sys::is_culib_present()) };
	if !driver {
		return Err(NoGpu::DriverMissing);
	}
	if !compiler {
		return Err(NoGpu::CompilerMissing);
	}
	// A library that is there and lacks a symbol makes the binding panic: a very old driver must
	// not take the executor down.
	catch_unwind(look).unwrap_or(Err(NoGpu::Incompatible))
}

/// The part of the probe that calls the libraries.
fn look() -> Result<Gpu, NoGpu> {
	result::init().map_err(refused("cuInit"))?;
	let count = device::get_count().map_err(refused("cuDeviceGetCount"))?;
	let count = u32::try_from(count).unwrap_or(0).min(MAX_DEVICES);
	if count == 0 {
		return Err(NoGpu::NoDevice);
	}
	let devices = (0..count).map(look_at).collect::<Result<_, _>>()?;
	Ok(Gpu { driver: driver_version()?, nvrtc: nvrtc_version()?, devices })
}

fn look_at(ordinal: u32) -> Result<Device, NoGpu> {
	let number = c_int::try_from(ordinal).unwrap_or(c_int::MAX);
	let handle = device::get(number).map_err(refused("cuDeviceGet"))?;
	let name = device::get_name(handle).map_err(refused("cuDeviceGetName"))?;
	// SAFETY: `handle` was returned by `device::get` above.
	let memory = unsafe { device::total_mem(handle) }.map_err(refused("cuDeviceTotalMem"))?;
	let attribute = |which| {
		// SAFETY: as above.
		unsafe { device::get_attribute(handle, which) }.map_err(refused("cuDeviceGetAttribute"))
	};
	use sys::CUdevice_attribute::{
		CU_DEVICE_ATTRIBUTE_CLOCK_RATE as CLOCK_KHZ,
		CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
		CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
		CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH as MEMORY_BUS_BITS,
		CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE as MEMORY_CLOCK_KHZ,
		CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT as MULTIPROCESSORS,
	};
	Ok(Device {
		ordinal,
		name,
		memory_mib: (memory as u64) >> 20,
		compute_capability: Version {
			major: attribute(MAJOR)?.unsigned_abs(),
			minor: attribute(MINOR)?.unsigned_abs(),
		},
		multiprocessors: attribute(MULTIPROCESSORS)?.unsigned_abs(),
		clock_mhz: attribute(CLOCK_KHZ)?.unsigned_abs() / 1_000,
		memory_clock_mhz: attribute(MEMORY_CLOCK_KHZ)?.unsigned_abs() / 1_000,
		memory_bus_bits: attribute(MEMORY_BUS_BITS)?.unsigned_abs(),
	})
}

fn driver_version() -> Result<Version, NoGpu> {
	let mut version: c_int = 0;
	// SAFETY: the pointer is to a live integer, which is all the call writes.
	unsafe { sys::cuDriverGetVersion(&mut version) }
		.result()
		.map_err(refused("cuDriverGetVersion"))?;
	let version = version.unsigned_abs();
	Ok(Version { major: version / 1000, minor: version % 1000 / 10 })
}

fn nvrtc_version() -> Result<Version, NoGpu> {
	let (mut major, mut minor): (c_int, c_int) = (0, 0);
	// SAFETY: both pointers are to live integers, which is all the call writes.
	unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) }
		.result()
		.map_err(|e| NoGpu::Refused { call: "nvrtcVersion", reason: format!("{e:?}") })?;
	Ok(Version { major: major.unsigned_abs(), minor: minor.unsigned_abs() })
}

fn refused(call: &'static str) -> impl Fn(result::DriverError) -> NoGpu {
	move |error| NoGpu::Refused { call, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Whether a library of this name can be loaded, asked without the crate under test.
	fn loadable(name: &str) -> bool {
		std::process::Command::new("ldconfig")
			.arg("-p")
			.output()
			.map(|o| String::from_utf8_lossy(&o.stdout).contains(name))
			.unwrap_or(false)
	}

	#[test]
	fn probe_never_panics_and_tells_why_there_is_no_gpu() {
		match probe() {
			Ok(gpu) => {
				assert!(!gpu.devices.is_empty());
				for device in &gpu.devices {
					assert!(device.memory_mib > 0, "{device:?}");
					assert!(device.compute_capability.major >= 3, "{device:?}");
				}
			},
			Err(reason @ (NoGpu::DriverMissing | NoGpu::CompilerMissing)) => {
				let both = loadable("libcuda.so") && loadable("libnvrtc.so");
				assert!(!both, "both libraries are on the path, and yet: {reason}");
			},
			Err(reason) => eprintln!("skipped: {reason}"),
		}
	}

	#[test]
	fn probe_answers_the_same_twice() {
		assert_eq!(probe(), probe());
	}
}
