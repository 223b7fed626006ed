//! # assay-cuda: the CUDA backend
//!
//! Computes programs on NVIDIA GPUs, byte for byte as `assay-reference` does. Kernels lie in
//! `kernels/` in a subset of C that four compilers take; they are compiled by NVRTC when the
//! executor starts, so no build needs a CUDA toolkit.
//!
//! ```text
//! program -> Plan -> Schedule: launches, slots of memory            (plan, lower)
//! job     -> Workspace: a queue, buffers, the state of the steps    (workspace, state)
//!         -> Device, Queue: allocate, copy, launch, record, replay  (device)
//!              a GPU through cudarc; in tests the shim and OpenCL
//! ```
//!
//! - Weights stay on the device, keys and values too: an operator that reads rows of earlier steps
//!   finds them where those steps put them.
//! - Nothing waits for the device within a step. Every step of a decoder after the first is one
//!   recording (a CUDA graph) that is replayed; what differs between them lies in device memory.
//! - Jobs of an encoder that wait for a device are computed together ([`batch`](DeviceModel)).
//! - Running out of memory is an error of one job, [`BackendError::OutOfMemory`], after idle memory
//!   has been freed and the job tried again.
//!
//! ## The probe
//!
//! Nothing may call the driver before [`probe()`] says that there is one.
//!
//! ```
//! match assay_cuda::probe() {
//!     Ok(gpu) => assert!(!gpu.devices.is_empty()),
//!     Err(reason) => assert!(!reason.to_string().is_empty()),
//! }
//! ```
//!
//! [`BackendError::OutOfMemory`]: assay_program::BackendError::OutOfMemory

mod backend;
mod batch;
mod compiler;
mod device;
mod gpu;
mod lower;
mod model;
mod plan;
mod probe;
mod products;
mod report;
mod source;
mod state;
mod workspace;

pub use backend::DeviceBackend;
pub use compiler::{
	compile, compile_source, load_compiler, supported, target_for, CompileError, Compiled, Target,
};
pub use device::{Argument, Device, DeviceError, Launch, Queue};
pub use gpu::{
	start, start_devices, CudaBackend, GpuBuffer, GpuDevice, GpuQueue, GpuRecording, StartError,
};
pub use model::DeviceModel;
pub use probe::{probe, Device as ProbedDevice, Gpu, NoGpu, Version, MAX_DEVICES};
pub use products::{products, Product, Workload};
pub use report::{facts, peaks, report, Facts, Peaks, ReportError};
pub use source::{source, Kernel, Products, FILES};
