//! The seam between the backend and what runs kernels: a GPU or, in tests, the shim and OpenCL.
//!
//! Everything that can be wrong about a plan (shapes, grids, arguments, buffers, steps) is on this
//! side of it and runs in tests on any machine. On the other side are only allocation, copies and
//! launches.

use crate::source::{Kernel, Products};
use std::fmt;

/// A device that allocates memory and takes work.
pub trait Device: Send + Sync + 'static {
	/// Memory on the device, freed when dropped.
	type Buffer: Send + Sync;
	/// Where work is put in order.
	type Queue: Queue<Buffer = Self::Buffer>;

	/// As its maker calls it.
	fn name(&self) -> String;

	/// How it computes products best.
	fn products(&self) -> Products;

	/// Memory for that many bytes. What it holds is not defined.
	fn allocate(&self, bytes: usize) -> Result<Self::Buffer, DeviceError>;

	/// A queue of its own: work in several of them may run side by side.
	fn queue(&self) -> Result<Self::Queue, DeviceError>;
}

/// Work that runs in order. Nothing but [`Queue::download`] waits for the device.
pub trait Queue: Send {
	/// Memory on the device.
	type Buffer;
	/// Launches that can be made again at once.
	type Recording: Send;

	/// Copies bytes to the start of a buffer. They may be changed when this returns.
	fn upload(&mut self, buffer: &Self::Buffer, bytes: &[u8]) -> Result<(), DeviceError>;

	/// Launches a kernel.
	fn launch(&mut self, launch: &Launch<'_, Self::Buffer>) -> Result<(), DeviceError>;

	/// Waits for all work, and copies bytes from the start of a buffer.
	fn download(&mut self, buffer: &Self::Buffer, bytes: &mut [u8]) -> Result<(), DeviceError>;

	/// Waits for all work.
	fn finish(&mut self) -> Result<(), DeviceError>;

	/// Notes launches without making them. They name the same buffers whenever they are replayed,
	/// so those must live as long.
	fn record(
		&mut self,
		launches: &[Launch<'_, Self::Buffer>],
	) -> Result<Self::Recording, DeviceError>;

	/// Makes the launches of a recording.
	fn replay(&mut self, recording: &Self::Recording) -> Result<(), DeviceError>;
}

/// One launch of a kernel.
#[derive(Debug)]
pub struct Launch<'a, B> {
	/// The kernel.
	pub kernel: Kernel,
	/// Blocks in x and y.
	pub blocks: [u32; 2],
	/// Threads of a block in x and y.
	pub threads: [u32; 2],
	/// Arguments, in the order of the kernel's declaration.
	pub arguments: Vec<Argument<'a, B>>,
}

/// An argument of a launch.
#[derive(Debug)]
pub enum Argument<'a, B> {
	/// A pointer to the start of a buffer.
	Buffer(&'a B),
	/// An int32.
	Int(i32),
}

/// Why a device could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
	/// There is not enough memory on the device.
	#[error("the device has no {bytes} bytes left")]
	OutOfMemory {
		/// Bytes asked for; 0 where the device ran out in some other call.
		bytes: usize,
	},
	/// A call failed.
	#[error("{call} failed: {reason}")]
	Failed {
		/// The call.
		call: &'static str,
		/// The library's own words.
		reason: String,
	},
}

impl DeviceError {
	/// An error of a call.
	pub fn failed(call: &'static str, reason: impl fmt::Display) -> Self {
		Self::Failed { call, reason: reason.to_string() }
	}
}

impl From<DeviceError> for assay_program::BackendError {
	fn from(error: DeviceError) -> Self {
		match error {
			DeviceError::OutOfMemory { .. } => Self::OutOfMemory,
			DeviceError::Failed { .. } => Self::Device(error.to_string()),
		}
	}
}
