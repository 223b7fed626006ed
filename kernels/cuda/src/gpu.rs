//! A GPU as a device: the only part that no test without one can run.

use crate::{
	compiler::{compile, target_for, CompileError, Target},
	device::{Argument, Device, DeviceError, Launch, Queue},
	probe::Gpu,
	source::{Kernel, Products},
	DeviceBackend,
};
use cudarc::{
	driver::{
		result::{self, DriverError},
		sys, CudaContext, CudaFunction, CudaGraph, CudaStream,
	},
	nvrtc::Ptx,
};
use std::{collections::BTreeMap, ffi::c_void, fmt, sync::Arc};

/// The backend on GPUs.
pub type CudaBackend = DeviceBackend<GpuDevice>;

/// Why a GPU that is there cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
	/// The kernels could not be compiled for it.
	#[error("{device}: {reason}")]
	Compile {
		/// The device.
		device: String,
		/// Why not.
		reason: CompileError,
	},
	/// The driver refused.
	#[error("{device}: {reason}")]
	Device {
		/// The device.
		device: String,
		/// Why.
		reason: DeviceError,
	},
}

/// Makes all devices of a machine ready: one compilation for each architecture, and one module for
/// each device. A [`Gpu`] comes from [`probe`](crate::probe()) alone, so the driver is there.
pub fn start(gpu: &Gpu) -> Result<CudaBackend, StartError> {
	Ok(DeviceBackend::new(start_devices(gpu, None)?))
}

/// [`start`] for the devices alone, with products computed in one way where `products` says so.
pub fn start_devices(gpu: &Gpu, products: Option<Products>) -> Result<Vec<GpuDevice>, StartError> {
	let mut images = BTreeMap::new();
	let mut devices = Vec::new();
	for probed in &gpu.devices {
		let device = probed.name.clone();
		let architecture = probed.compute_capability;
		let image = match images.get(&architecture) {
			Some(image) => Arc::clone(image),
			None => {
				let image = target_for(architecture)
					.and_then(|target| Ok((target, compile(target)?.image)))
					.map_err(|reason| StartError::Compile { device: device.clone(), reason })?;
				let image = Arc::new(image);
				images.insert(architecture, Arc::clone(&image));
				image
			},
		};
		let best = Products::of(architecture);
		let products = products.map_or(best, |products| products.min(best));
		let started = GpuDevice::new(probed.ordinal, device.clone(), products, &image)
			.map_err(|reason| StartError::Device { device, reason })?;
		devices.push(started);
	}
	Ok(devices)
}

/// One GPU with the kernels loaded.
pub struct GpuDevice {
	context: Arc<CudaContext>,
	/// By number of the kernel; none where the architecture lacks it.
	functions: Arc<Vec<Option<CudaFunction>>>,
	name: String,
	products: Products,
}

impl fmt::Debug for GpuDevice {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("GpuDevice").field("name", &self.name).finish_non_exhaustive()
	}
}

/// What an error of the driver means.
fn failed(call: &'static str, bytes: usize) -> impl Fn(DriverError) -> DeviceError {
	move |error| match error.0 {
		sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => DeviceError::OutOfMemory { bytes },
		_ => DeviceError::failed(call, error),
	}
}

impl GpuDevice {
	fn new(
		ordinal: u32,
		name: String,
		products: Products,
		(target, image): &(Target, Vec<u8>),
	) -> Result<Self, DeviceError> {
		let context =
			CudaContext::new(ordinal as usize).map_err(failed("cuDevicePrimaryCtxRetain", 0))?;
		let module = Ptx::from_binary(image.clone());
		let module = context.load_module(module).map_err(failed("cuModuleLoadData", 0))?;
		let architecture = match target {
			Target::Cubin(version) | Target::Ptx(version) => *version,
		};
		let has_tensor = Products::of(architecture) == Products::Tensor;
		let load = |kernel: &Kernel| {
			if kernel.is_tensor() && !has_tensor {
				return Ok(None);
			}
			module.load_function(kernel.name()).map(Some)
		};
		let functions = Kernel::ALL.iter().map(load).collect::<Result<Vec<_>, _>>();
		let functions = functions.map_err(failed("cuModuleGetFunction", 0))?;
		// Code of an older architecture has only that one's products.
		let products = products.min(Products::of(architecture));
		Ok(Self { context, functions: Arc::new(functions), name, products })
	}

	/// The same device with products computed in a way no better than its own.
	pub fn with_products(&self, products: Products) -> Self {
		let (context, functions) = (self.context.clone(), self.functions.clone());
		let products = products.min(self.products);
		Self { context, functions, name: self.name.clone(), products }
	}
}

/// Memory on a GPU.
#[derive(Debug)]
pub struct GpuBuffer {
	pointer: sys::CUdeviceptr,
	bytes: usize,
	context: Arc<CudaContext>,
}

impl Drop for GpuBuffer {
	fn drop(&mut self) {
		if self.context.bind_to_thread().is_ok() {
			// SAFETY: from `malloc_sync`, freed only here. The call waits for work that uses it. An
			// error means that the context is lost, and the memory with it.
			let _ = unsafe { result::free_sync(self.pointer) };
		}
	}
}

/// A stream of a GPU.
#[derive(Debug)]
pub struct GpuQueue {
	stream: Arc<CudaStream>,
	functions: Arc<Vec<Option<CudaFunction>>>,
}

/// A CUDA graph, ready to be launched.
pub struct GpuRecording(CudaGraph);

impl fmt::Debug for GpuRecording {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("GpuRecording")
	}
}

// SAFETY: a graph may be used by any thread as long as no two use it at once; a recording is owned
// by one job, which replays it through `&mut` of its queue.
unsafe impl Send for GpuRecording {}

impl Device for GpuDevice {
	type Buffer = GpuBuffer;
	type Queue = GpuQueue;

	fn name(&self) -> String {
		self.name.clone()
	}

	fn products(&self) -> Products {
		self.products
	}

	fn allocate(&self, bytes: usize) -> Result<GpuBuffer, DeviceError> {
		let context = Arc::clone(&self.context);
		context.bind_to_thread().map_err(failed("cuCtxSetCurrent", 0))?;
		// SAFETY: the context is current; the memory is freed by `GpuBuffer` alone.
		let pointer = unsafe { result::malloc_sync(bytes) }.map_err(failed("cuMemAlloc", bytes))?;
		Ok(GpuBuffer { pointer, bytes, context })
	}

	fn queue(&self) -> Result<GpuQueue, DeviceError> {
		let stream = self.context.new_stream().map_err(failed("cuStreamCreate", 0))?;
		Ok(GpuQueue { stream, functions: Arc::clone(&self.functions) })
	}
}

impl GpuQueue {
	fn bind(&self) -> Result<(), DeviceError> {
		self.stream.context().bind_to_thread().map_err(failed("cuCtxSetCurrent", 0))
	}

	fn make(&self, launch: &Launch<'_, GpuBuffer>) -> Result<(), DeviceError> {
		let function = self.functions.get(launch.kernel as usize).and_then(Option::as_ref);
		let function = function.ok_or_else(|| {
			DeviceError::failed("launch", format!("no kernel {}", launch.kernel.name()))
		})?;
		// Pointers to the values of the arguments, which the driver copies during the call.
		let mut arguments: Vec<*mut c_void> = launch
			.arguments
			.iter()
			.map(|argument| match argument {
				Argument::Buffer(buffer) => (&raw const buffer.pointer).cast_mut().cast(),
				Argument::Int(value) => (&raw const *value).cast_mut().cast(),
			})
			.collect();
		let ([blocks_x, blocks_y], [threads_x, threads_y]) = (launch.blocks, launch.threads);
		// SAFETY: the function is of a loaded module; number and types of arguments are those of
		// the kernel, which the tests check on OpenCL; buffers live longer than the queue's work,
		// because freeing one waits for it.
		unsafe {
			result::launch_kernel(
				function.cu_function(),
				(blocks_x, blocks_y, 1),
				(threads_x, threads_y, 1),
				0,
				self.stream.cu_stream(),
				&mut arguments,
			)
		}
		.map_err(failed("cuLaunchKernel", 0))
	}
}

fn fits(bytes: usize, buffer: &GpuBuffer) -> Result<(), DeviceError> {
	if bytes <= buffer.bytes {
		return Ok(());
	}
	Err(DeviceError::failed("copy", format!("{bytes} bytes, {} in the buffer", buffer.bytes)))
}

impl Queue for GpuQueue {
	type Buffer = GpuBuffer;
	type Recording = GpuRecording;

	fn upload(&mut self, buffer: &GpuBuffer, bytes: &[u8]) -> Result<(), DeviceError> {
		fits(bytes.len(), buffer)?;
		self.bind()?;
		let stream = self.stream.cu_stream();
		// SAFETY: both are that long. Memory that is not page-locked is copied to a buffer of the
		// driver before the call returns.
		unsafe { result::memcpy_htod_async(buffer.pointer, bytes, stream) }
			.map_err(failed("cuMemcpyHtoDAsync", 0))
	}

	fn launch(&mut self, launch: &Launch<'_, GpuBuffer>) -> Result<(), DeviceError> {
		self.bind()?;
		self.make(launch)
	}

	fn download(&mut self, buffer: &GpuBuffer, bytes: &mut [u8]) -> Result<(), DeviceError> {
		fits(bytes.len(), buffer)?;
		self.bind()?;
		let stream = self.stream.cu_stream();
		// SAFETY: both are that long, and the copy is waited for before `bytes` is used.
		unsafe { result::memcpy_dtoh_async(bytes, buffer.pointer, stream) }
			.map_err(failed("cuMemcpyDtoHAsync", 0))?;
		self.finish()
	}

	fn finish(&mut self) -> Result<(), DeviceError> {
		self.stream.synchronize().map_err(failed("cuStreamSynchronize", 0))
	}

	fn record(&mut self, launches: &[Launch<'_, GpuBuffer>]) -> Result<GpuRecording, DeviceError> {
		self.bind()?;
		let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
		self.stream.begin_capture(mode).map_err(failed("cuStreamBeginCapture", 0))?;
		let made = launches.iter().try_for_each(|launch| self.make(launch));
		// Ends also where a launch failed: the stream must be usable again.
		let graph = self.stream.end_capture(sys::CUgraphInstantiate_flags(0));
		made?;
		let graph = graph.map_err(failed("cuStreamEndCapture", 0))?;
		graph.map(GpuRecording).ok_or_else(|| DeviceError::failed("cuStreamEndCapture", "no graph"))
	}

	fn replay(&mut self, recording: &GpuRecording) -> Result<(), DeviceError> {
		recording.0.launch().map_err(failed("cuGraphLaunch", 0))
	}
}
