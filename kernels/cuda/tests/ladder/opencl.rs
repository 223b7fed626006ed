//! The kernels as OpenCL: PoCL in this process, Oclgrind in a process of its own.

use crate::{checks, shim::PRODUCTS};
use assay_cuda::{Argument, Device, DeviceBackend, DeviceError, Kernel, Launch, Products, Queue};
use assay_program::{EmbedBy, Limits, Operator, Parameters, Sampling};
use assay_reference::sample::{self, Builder, DecoderShape, NetworkShape, Shape, Style};
use opencl3::{
	command_queue::CommandQueue,
	context::Context,
	device::{Device as ClDevice, CL_DEVICE_TYPE_ALL},
	kernel::Kernel as ClKernel,
	memory::{Buffer, ClMem, CL_MEM_READ_WRITE},
	platform::get_platforms,
	program::Program,
	types::{CL_FALSE, CL_TRUE},
};
use proptest::prelude::*;
use std::{
	collections::HashSet,
	fs,
	path::Path,
	process::Command,
	ptr,
	sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// An OpenCL platform as a device.
pub(crate) struct OpenCl {
	context: Arc<Context>,
	program: Arc<Program>,
	products: Products,
	/// The kernels that were launched so far.
	launched: Arc<Mutex<HashSet<Kernel>>>,
}

// SAFETY: OpenCL's objects may be used by any thread, but for kernels, which each queue has its
// own.
unsafe impl Send for OpenCl {}
// SAFETY: as above.
unsafe impl Sync for OpenCl {}

impl OpenCl {
	/// Builds a source on the platform whose name begins so.
	pub(crate) fn new(platform: &str, source: &str, products: Products) -> Self {
		// PoCL has no devices for whoever asks while another thread is the first to ask.
		static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
		let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
		let platforms = get_platforms().expect("no OpenCL; run scripts/setup");
		let named = |name: &str| name.starts_with(platform);
		let found = platforms.iter().find(|p| p.name().is_ok_and(|name| named(&name)));
		let found =
			found.unwrap_or_else(|| panic!("no OpenCL platform {platform}; run scripts/setup"));
		let device = *found.get_devices(CL_DEVICE_TYPE_ALL).unwrap().first().unwrap();
		let context = Context::from_device(&ClDevice::new(device)).unwrap();
		// Oclgrind has no kernel whose code LLVM has turned into saturating or rotating
		// instructions,
		// so it gets the code as written.
		let options = match platform {
			OCLGRIND => "-cl-std=CL1.2 -cl-opt-disable",
			_ => "-cl-std=CL1.2",
		};
		let program = Program::create_and_build_from_source(&context, source, options);
		let program = program.unwrap_or_else(|log| panic!("{platform} refuses the kernels: {log}"));
		let (context, program) = (Arc::new(context), Arc::new(program));
		Self { context, program, products, launched: Arc::default() }
	}
}

pub(crate) struct ClBuffer(Buffer<u8>, usize);

// SAFETY: memory objects may be used by any thread.
unsafe impl Send for ClBuffer {}
// SAFETY: as above.
unsafe impl Sync for ClBuffer {}

pub(crate) struct ClQueue {
	queue: CommandQueue,
	kernels: Vec<Option<ClKernel>>,
	launched: Arc<Mutex<HashSet<Kernel>>>,
}

// SAFETY: used by one thread at a time.
unsafe impl Send for ClQueue {}

/// A launch with its arguments: memory objects and numbers.
pub(crate) struct Bound {
	kernel: Kernel,
	blocks: [u32; 2],
	threads: [u32; 2],
	arguments: Vec<Result<usize, i32>>,
}

impl Device for OpenCl {
	type Buffer = ClBuffer;
	type Queue = ClQueue;

	fn name(&self) -> String {
		"OpenCL".into()
	}

	fn products(&self) -> Products {
		self.products
	}

	fn allocate(&self, bytes: usize) -> Result<ClBuffer, DeviceError> {
		// SAFETY: no host memory is given.
		let buffer =
			unsafe { Buffer::create(&self.context, CL_MEM_READ_WRITE, bytes, ptr::null_mut()) };
		Ok(ClBuffer(buffer.unwrap(), bytes))
	}

	fn queue(&self) -> Result<ClQueue, DeviceError> {
		let device = self.context.default_device();
		// SAFETY: the device is of the context. Oclgrind has no later call than this one.
		#[allow(deprecated, reason = "see above")]
		let queue = unsafe { CommandQueue::create(&self.context, device, 0) }.unwrap();
		let kernel = |kernel: &Kernel| {
			(!kernel.is_tensor()).then(|| ClKernel::create(&self.program, kernel.name()).unwrap())
		};
		let kernels = Kernel::ALL.iter().map(kernel).collect();
		Ok(ClQueue { queue, kernels, launched: self.launched.clone() })
	}
}

impl ClQueue {
	fn bind(launch: &Launch<'_, ClBuffer>) -> Bound {
		let argument = |argument: &Argument<'_, ClBuffer>| match argument {
			Argument::Buffer(buffer) => Ok(buffer.0.get() as usize),
			Argument::Int(value) => Err(*value),
		};
		let Launch { kernel, blocks, threads, .. } = *launch;
		let arguments = launch.arguments.iter().map(argument).collect();
		Bound { kernel, blocks, threads, arguments }
	}

	fn call(&self, bound: &Bound) {
		let name = bound.kernel.name();
		let kernel = self.kernels[bound.kernel as usize].as_ref().expect(name);
		// Number and kinds of arguments: OpenCL knows those of the source, and refuses others.
		assert_eq!(kernel.num_args().unwrap() as usize, bound.arguments.len(), "{name}");
		for (place, argument) in (0..).zip(&bound.arguments) {
			// SAFETY: the runtime checks size and kind; memory objects are alive.
			let set = unsafe {
				match argument {
					Ok(buffer) => kernel.set_arg(place, buffer),
					Err(value) => kernel.set_arg(place, value),
				}
			};
			set.unwrap_or_else(|error| panic!("argument {place} of {name}: {error}"));
		}
		let global = [0, 1].map(|d| bound.blocks[d] as usize * bound.threads[d] as usize);
		let local = bound.threads.map(|threads| threads as usize);
		// SAFETY: all arguments are set, memory objects are alive until the queue is finished.
		let launched = unsafe {
			let (global, local) = (global.as_ptr(), local.as_ptr());
			self.queue.enqueue_nd_range_kernel(kernel.get(), 2, ptr::null(), global, local, &[])
		};
		launched.unwrap_or_else(|error| panic!("{name}: {error}"));
		self.launched.lock().unwrap().insert(bound.kernel);
	}
}

impl Queue for ClQueue {
	type Buffer = ClBuffer;
	type Recording = Vec<Bound>;

	fn upload(&mut self, buffer: &ClBuffer, bytes: &[u8]) -> Result<(), DeviceError> {
		assert!(bytes.len() <= buffer.1);
		// A second handle of the same object, because the binding wants to change it.
		// SAFETY: retained, and released when dropped.
		let mut target = unsafe {
			opencl3::memory::retain_mem_object(buffer.0.get()).unwrap();
			Buffer::<u8>::new(buffer.0.get())
		};
		// SAFETY: both are that long, and the call waits.
		unsafe { self.queue.enqueue_write_buffer(&mut target, CL_TRUE, 0, bytes, &[]) }.unwrap();
		Ok(())
	}

	fn launch(&mut self, launch: &Launch<'_, ClBuffer>) -> Result<(), DeviceError> {
		self.call(&Self::bind(launch));
		Ok(())
	}

	fn download(&mut self, buffer: &ClBuffer, bytes: &mut [u8]) -> Result<(), DeviceError> {
		assert!(bytes.len() <= buffer.1);
		// SAFETY: both are that long, and the queue is finished before `bytes` is used.
		unsafe { self.queue.enqueue_read_buffer(&buffer.0, CL_FALSE, 0, bytes, &[]) }.unwrap();
		self.finish()
	}

	fn finish(&mut self) -> Result<(), DeviceError> {
		self.queue.finish().map_err(|error| DeviceError::failed("clFinish", error))
	}

	fn record(&mut self, launches: &[Launch<'_, ClBuffer>]) -> Result<Vec<Bound>, DeviceError> {
		Ok(launches.iter().map(Self::bind).collect())
	}

	fn replay(&mut self, recording: &Vec<Bound>) -> Result<(), DeviceError> {
		recording.iter().for_each(|bound| self.call(bound));
		Ok(())
	}
}

const POCL: &str = "Portable Computing Language";
const OCLGRIND: &str = "Oclgrind";

pub(crate) fn pocl(products: Products) -> DeviceBackend<OpenCl> {
	DeviceBackend::new([OpenCl::new(POCL, &assay_cuda::source(), products)])
}

/// Where nothing needs tensor cores.
fn portable() -> impl Iterator<Item = Products> {
	PRODUCTS.into_iter().filter(|products| *products != Products::Tensor)
}

#[test]
fn pocl_gives_the_golden_vectors() {
	for products in portable() {
		checks::golden(&pocl(products), true);
	}
}

#[test]
fn pocl_agrees_on_other_shapes() {
	let shape = Shape { width: 144, heads: 2, inner: 100, max_sequence: 80, ..Shape::SMALL };
	let decoder = DecoderShape { vocabulary: 700, ..DecoderShape::SMALL };
	let sampling =
		Sampling { temperature_q16: 90_000, top_k: 40, top_p_q16: 60_000, seed: [7; 32] };
	for products in portable() {
		let backend = pocl(products);
		checks::encoder(&backend, &shape, Style::Random, &Parameters::encoder(2, 73), 11);
		let odd = checks::odd_program();
		checks::program(&backend, &odd, Style::Extreme, &Parameters::encoder(3, 20), 12);
		let sampling = Some(sampling.clone());
		let parameters = Parameters { batch: 3, sequence: 4, max_steps: 6, sampling };
		checks::decoder(&backend, &decoder, Style::Plausible, &parameters, 13);
	}
}

#[test]
fn pocl_agrees_on_other_networks() {
	let shape = NetworkShape { channels: 35, features: 17, taps: 16, ..NetworkShape::SMALL };
	let backend = pocl(Products::Plain);
	for style in [Style::Plausible, Style::Random, Style::Extreme] {
		checks::network(&backend, &shape, style, (3, 16), 14);
	}
}

#[test]
fn pocl_agrees_on_the_widths_of_real_models() {
	let minilm =
		Shape { layers: 1, vocabulary: 200, max_batch: 2, max_sequence: 80, ..Shape::MINILM };
	let smollm2 = DecoderShape {
		width: 576,
		heads: 9,
		key_heads: 3,
		inner: 1_536,
		vocabulary: 3_000,
		max_sequence: 90,
		..DecoderShape::SMALL
	};
	let backend = pocl(Products::Dot);
	checks::encoder(&backend, &minilm, Style::Plausible, &Parameters::encoder(2, 77), 21);
	let parameters = Parameters { batch: 1, sequence: 70, max_steps: 3, sampling: None };
	checks::decoder(&backend, &smollm2, Style::Plausible, &parameters, 22);
}

/// Plain and dot products on PoCL, built once for all cases.
static RANDOM: LazyLock<[DeviceBackend<OpenCl>; 2]> =
	LazyLock::new(|| [Products::Plain, Products::Dot].map(pocl));

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn pocl_agrees_on_random_encoders(
		shape in checks::shapes(),
		style in checks::styles(),
		(batch, sequence) in (any::<u32>(), any::<u32>()),
		way in 0..2_usize,
		seed in any::<u64>(),
	) {
		let (batch, sequence) = (batch % shape.max_batch + 1, sequence % shape.max_sequence + 1);
		checks::encoder(&RANDOM[way], &shape, style, &Parameters::encoder(batch, sequence), seed);
	}

	#[test]
	fn pocl_agrees_on_random_decoders(
		shape in checks::decoder_shapes(),
		style in checks::styles(),
		(batch, sequence, steps) in (any::<u32>(), 1..12_u32, 1..8_u32),
		sampling in checks::samplings(),
		way in 0..2_usize,
		seed in any::<u64>(),
	) {
		let batch = batch % shape.max_batch + 1;
		let parameters = Parameters { batch, sequence, max_steps: steps, sampling };
		checks::decoder(&RANDOM[way], &shape, style, &parameters, seed);
	}

	#[test]
	fn pocl_agrees_on_random_networks(
		shape in checks::network_shapes(),
		style in checks::styles(),
		(batch, sequence) in (1..=4_u32, 1..=16_u32),
		seed in any::<u64>(),
	) {
		checks::network(&RANDOM[0], &shape, style, (batch, sequence), seed);
	}
}

/// What a run under Oclgrind must not say.
const COMPLAINTS: [&str; 5] = ["data race", "Uninitialized", "Invalid ", "divergence", "Error"];

/// The environment variables that tell a child what to run.
const SOURCE: &str = "ASSAY_OCLGRIND_SOURCE";
const PART: &str = "ASSAY_OCLGRIND_PART";

/// What runs under Oclgrind, which takes long: as little as meets every kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
	/// An encoder by plain products.
	Plain,
	/// Each of the dot products.
	Dot,
	/// Two steps of a decoder.
	Decoder,
	/// A network that is int8 throughout.
	Network,
}

impl Part {
	const ALL: [Self; 4] = [Self::Plain, Self::Dot, Self::Decoder, Self::Network];

	/// Computes it on a platform, and names the kernels that did.
	fn compute(self, platform: &str, source: &str) -> HashSet<Kernel> {
		let products = if self == Self::Dot { Products::Dot } else { Products::Plain };
		let device = OpenCl::new(platform, source, products);
		let launched = device.launched.clone();
		let backend = DeviceBackend::new([device]);
		match self {
			Self::Plain => tiny_encoder(&backend),
			Self::Dot => dot_products(&backend),
			Self::Decoder => tiny_decoder(&backend),
			Self::Network => tiny_network(&backend),
		}
		let launched = launched.lock().unwrap();
		launched.clone()
	}
}

/// What Oclgrind says while the kernels of a source compute: whether the process ended well, and
/// its
/// messages. Oclgrind is found as the only platform of a process.
pub(crate) fn oclgrind(source: &str, part: Part) -> (bool, String) {
	let folder = tempfile::tempdir().unwrap();
	let library = ["/usr/lib/oclgrind", "/usr/lib/x86_64-linux-gnu/oclgrind"]
		.map(|folder| Path::new(folder).join("liboclgrind-rt-icd.so"))
		.into_iter()
		.find(|path| path.exists())
		.expect("Oclgrind is missing; run scripts/setup");
	fs::write(folder.path().join("oclgrind.icd"), library.display().to_string()).unwrap();
	let file = folder.path().join("source.cl");
	fs::write(&file, source).unwrap();
	let output = Command::new(std::env::current_exe().unwrap())
		.args(["--exact", "opencl::in_a_process_with_oclgrind", "--ignored", "--nocapture"])
		.env("OCL_ICD_VENDORS", folder.path())
		.env("OCLGRIND_DATA_RACES", "1")
		.env("OCLGRIND_UNINITIALIZED", "1")
		.env("OCLGRIND_CHECK_API", "1")
		.env(SOURCE, &file)
		.env(PART, format!("{part:?}"))
		.output()
		.unwrap();
	let said =
		[output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
	(output.status.success(), said.concat())
}

/// Whether Oclgrind found something.
pub(crate) fn complains(said: &str) -> bool {
	COMPLAINTS.iter().any(|complaint| said.contains(complaint))
}

/// An encoder by plain products, as traces and as jobs run it.
fn tiny_encoder(backend: &DeviceBackend<OpenCl>) {
	let shape = Shape { width: 4, heads: 2, inner: 3, intervals: 4, vocabulary: 9, ..Shape::SMALL };
	// More rows than are multiplied without tiles.
	let (program, parameters) = (sample::encoder(&shape), Parameters::encoder(1, 9));
	let input = sample::input(9, 1, 9, 2);
	check(backend, &program, &input, &parameters, true);
}

/// Each of the dot products once. A launch of tiles takes seconds, so no sample program will do.
fn dot_products(backend: &DeviceBackend<OpenCl>) {
	let (fraction, shift, groups) = (16, 12, 2);
	let mut builder = Builder::new(Limits::encoder(1, 9));
	let ids = builder.push(Operator::Tokens { vocabulary: 9 });
	let (table, scales, by) = (builder.matrix(9, 4), builder.vector(9), EmbedBy::Token);
	let value = builder.push(Operator::Embed { ids, table, scales, by, fraction });
	// A tile of rows with 12 bits and one with 8.
	let rows = builder.quantise(value, 1, 12);
	let twelve = builder.linear(rows, 4, 4, fraction);
	let rows = builder.quantise(twelve, 1, 8);
	let eight = builder.linear(rows, 4, 4, fraction);
	// Two heads, a block each.
	let (query, query_max) = builder.quantise(twelve, groups, 12);
	let (key, key_max) = builder.quantise(eight, groups, 12);
	let scores = Operator::Scores { query, query_max, key, key_max, shift, fraction };
	let scores = builder.push(scores);
	let (weight, weight_max) = builder.quantise(scores, 1, 12);
	let context = Operator::Context { weight, weight_max, value: key, groups, shift: 1, fraction };
	let context = builder.push(context);
	// One row, as a step of a decoder has.
	let last = builder.push(Operator::Last { value: context });
	let rows = builder.quantise(last, 1, 12);
	let few = builder.linear(rows, 9, 4, fraction);
	let (program, parameters) = (builder.finish(few), Parameters::encoder(1, 9));
	program.validate().unwrap();
	let input = sample::input(9, 1, 9, 2);
	check(backend, &program, &input, &parameters, false);
}

/// Two steps that draw their tokens.
fn tiny_decoder(backend: &DeviceBackend<OpenCl>) {
	let shape = DecoderShape {
		width: 4,
		heads: 2,
		key_heads: 1,
		inner: 3,
		intervals: 4,
		vocabulary: 7,
		ends: 0,
		..DecoderShape::SMALL
	};
	let sampling = Sampling { temperature_q16: 90_000, top_k: 4, top_p_q16: 60_000, seed: [3; 32] };
	let parameters = Parameters { batch: 1, sequence: 2, max_steps: 2, sampling: Some(sampling) };
	let input: Vec<u8> = [2i32, 3].iter().flat_map(|id| id.to_le_bytes()).collect();
	check(backend, &sample::decoder(&shape), &input, &parameters, false);
}

/// A network whose convolutions take more than one block each.
fn tiny_network(backend: &DeviceBackend<OpenCl>) {
	let shape =
		NetworkShape { layers: 1, features: 3, channels: 3, taps: 3, ..NetworkShape::SMALL };
	let (program, parameters) = (sample::network(&shape), Parameters::encoder(2, 5));
	let input = sample::samples(&shape, 2, 5, 2);
	check(backend, &program, &input, &parameters, false);
}

/// Every tensor, and where `as_job` the launches of a job too, which fuse some.
fn check(
	backend: &DeviceBackend<OpenCl>,
	program: &assay_program::Program,
	input: &[u8],
	parameters: &Parameters,
	as_job: bool,
) {
	let weights = sample::weights(program, Style::Plausible, 1);
	let case = checks::Case { program, weights: &weights, input, parameters };
	if as_job {
		case.check(backend);
	} else {
		case.check_tensors(backend);
	}
}

#[test]
#[ignore = "runs in a process of its own, started by `oclgrind`"]
fn in_a_process_with_oclgrind() {
	let source = fs::read_to_string(std::env::var_os(SOURCE).unwrap()).unwrap();
	let named = std::env::var(PART).unwrap();
	let part = Part::ALL.into_iter().find(|part| format!("{part:?}") == named);
	part.expect("a part's name").compute(OCLGRIND, &source);
}

/// On PoCL, where it takes no time, what Oclgrind computes below: that it meets every kernel.
#[test]
fn the_parts_for_oclgrind_have_every_kernel() {
	let source = assay_cuda::source();
	let launched: HashSet<Kernel> =
		Part::ALL.into_iter().flat_map(|part| part.compute(POCL, &source)).collect();
	let portable = Kernel::ALL.iter().filter(|kernel| !kernel.is_tensor());
	let missing: Vec<_> = portable.filter(|kernel| !launched.contains(kernel)).collect();
	assert!(missing.is_empty(), "no part launches {missing:?}");
}

fn finds_nothing(part: Part) {
	let (ended_well, said) = oclgrind(&assay_cuda::source(), part);
	assert!(ended_well && !complains(&said), "{said}");
	assert!(said.contains("1 passed"), "nothing ran: {said}");
}

#[test]
fn oclgrind_finds_nothing_in_an_encoder_of_plain_products() {
	finds_nothing(Part::Plain);
}

#[test]
fn oclgrind_finds_nothing_in_dot_products() {
	finds_nothing(Part::Dot);
}

#[test]
fn oclgrind_finds_nothing_in_a_decoder() {
	finds_nothing(Part::Decoder);
}

#[test]
fn oclgrind_finds_nothing_in_a_network() {
	finds_nothing(Part::Network);
}
