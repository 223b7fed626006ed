//! The kernels built by g++ with `shim.h`, as a device; and the backend on it against the
//! reference.

use crate::{checks, kept::kept};
use assay_cuda::{
	Argument, Device, DeviceBackend, DeviceError, Kernel, Launch, Products, Queue, FILES,
};
use assay_program::Parameters;
use assay_reference::sample::{DecoderShape, NetworkShape, Shape, Style};
use libloading::Library;
use proptest::prelude::*;
use std::{
	ffi::c_void,
	fs,
	path::{Path, PathBuf},
	process::Command,
	sync::Arc,
};

const FLAGS: [&str; 10] = [
	"-std=c++20",
	"-g1",
	"-Wall",
	"-Wno-unused-function",
	"-fno-strict-aliasing",
	"-U_FORTIFY_SOURCE",
	"-fsanitize=undefined",
	"-fno-sanitize-recover=undefined",
	"-shared",
	"-fPIC",
];

/// Builds a source, once. The kernels as they are run in every test; others run once, and are built
/// in a fifth of the time.
fn build(source: &str) -> PathBuf {
	let optimised = if source == assay_cuda::source() { "-O2" } else { "-O0" };
	let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladder/shim.h");
	kept("shim", (source, fs::read(&header).unwrap(), FLAGS, optimised), |made| {
		let input = made.with_extension("cc");
		fs::write(&input, source).unwrap();
		let mut compiler = Command::new("g++");
		let paths = [&*header, Path::new("-o"), made, &*input];
		compiler.args(FLAGS).args([optimised, "-include"]).args(paths);
		let output = compiler.output().expect("g++ is missing; run scripts/setup");
		let said = String::from_utf8_lossy(&output.stderr);
		assert!(output.status.success(), "g++ refuses the kernels: {said}");
		assert!(said.is_empty(), "g++ warns of the kernels: {said}");
	})
}

type LaunchFn = unsafe extern "C" fn(*const c_void, *const u64, *const u32, *const u32, i32, i32);

struct Built {
	launch: LaunchFn,
	allocate: unsafe extern "C" fn(usize) -> *mut c_void,
	release: unsafe extern "C" fn(*mut c_void, usize),
	kernels: Vec<*const c_void>,
	_library: Library,
}

// SAFETY: addresses of code, which does not change.
unsafe impl Send for Built {}
// SAFETY: as above; what the code keeps between launches is of each thread.
unsafe impl Sync for Built {}

/// A processor as a device.
#[derive(Clone)]
pub(crate) struct Shim {
	built: Arc<Built>,
	products: Products,
	reversed: bool,
	/// Bytes that may be allocated; what is in use.
	pub(crate) memory: Arc<Memory>,
}

/// How much memory a device has.
pub(crate) struct Memory {
	pub(crate) limit: usize,
	pub(crate) used: std::sync::atomic::AtomicUsize,
}

impl Shim {
	/// The kernels as they are.
	pub(crate) fn new(products: Products, reversed: bool) -> Self {
		Self::of(&assay_cuda::source(), products, reversed)
	}

	/// Any source with the same kernels.
	pub(crate) fn of(source: &str, products: Products, reversed: bool) -> Self {
		let path = build(source);
		// SAFETY: the object was made by g++ from our own source; loading it runs no code of it.
		let library = unsafe { Library::new(path) }.unwrap();
		// SAFETY: the signatures are those of shim.h, and kernels are only called through it.
		let built = unsafe {
			let address = |name: &str| {
				let symbol = library.get::<unsafe extern "C" fn()>(name).unwrap();
				*symbol as *const c_void
			};
			Built {
				launch: *library.get::<LaunchFn>("shim_launch").unwrap(),
				allocate: *library.get("shim_allocate").unwrap(),
				release: *library.get("shim_release").unwrap(),
				kernels: Kernel::ALL.iter().map(|kernel| address(kernel.name())).collect(),
				_library: library,
			}
		};
		let memory = Memory { limit: usize::MAX, used: 0.into() };
		Self { built: Arc::new(built), products, reversed, memory: Arc::new(memory) }
	}

	/// The same with another amount of memory.
	pub(crate) fn with_memory(self, limit: usize) -> Self {
		Self { memory: Arc::new(Memory { limit, used: 0.into() }), ..self }
	}
}

pub(crate) struct ShimBuffer {
	pointer: *mut c_void,
	bytes: usize,
	built: Arc<Built>,
	memory: Arc<Memory>,
}

// SAFETY: plain memory, owned.
unsafe impl Send for ShimBuffer {}
// SAFETY: it is written by launches and copies of one queue at a time.
unsafe impl Sync for ShimBuffer {}

impl Drop for ShimBuffer {
	fn drop(&mut self) {
		// SAFETY: from `shim_allocate`, with the same size, and nobody's any more.
		unsafe { (self.built.release)(self.pointer, self.bytes) };
		self.memory.used.fetch_sub(self.bytes, std::sync::atomic::Ordering::Relaxed);
	}
}

pub(crate) struct ShimQueue(Shim);

/// A launch with its arguments as words.
pub(crate) struct Bound {
	kernel: Kernel,
	blocks: [u32; 2],
	threads: [u32; 2],
	words: [u64; 18],
}

impl Device for Shim {
	type Buffer = ShimBuffer;
	type Queue = ShimQueue;

	fn name(&self) -> String {
		"shim".into()
	}

	fn products(&self) -> Products {
		self.products
	}

	fn allocate(&self, bytes: usize) -> Result<ShimBuffer, DeviceError> {
		use std::sync::atomic::Ordering::Relaxed;
		assert!(bytes > 0, "an empty buffer");
		if self.memory.used.fetch_add(bytes, Relaxed).saturating_add(bytes) > self.memory.limit {
			self.memory.used.fetch_sub(bytes, Relaxed);
			return Err(DeviceError::OutOfMemory { bytes });
		}
		// SAFETY: any size will do.
		let pointer = unsafe { (self.built.allocate)(bytes) };
		assert!(!pointer.is_null(), "this machine has no {bytes} bytes");
		let (built, memory) = (self.built.clone(), self.memory.clone());
		Ok(ShimBuffer { pointer, bytes, built, memory })
	}

	fn queue(&self) -> Result<ShimQueue, DeviceError> {
		Ok(ShimQueue(self.clone()))
	}
}

impl ShimQueue {
	fn bind(launch: &Launch<'_, ShimBuffer>) -> Bound {
		let mut words = [0; 18];
		assert!(launch.arguments.len() <= words.len(), "{launch:?}", launch = launch.kernel);
		for (word, argument) in words.iter_mut().zip(&launch.arguments) {
			*word = match argument {
				Argument::Buffer(buffer) => buffer.pointer as u64,
				Argument::Int(value) => *value as u32 as u64,
			};
		}
		let Launch { kernel, blocks, threads, .. } = *launch;
		Bound { kernel, blocks, threads, words }
	}

	fn call(&self, bound: &Bound) {
		let built = &self.0.built;
		let kernel = built.kernels[bound.kernel as usize];
		let (barriers, reversed) = (bound.kernel.has_barriers().into(), self.0.reversed.into());
		let (words, blocks, threads) = (&bound.words, &bound.blocks, &bound.threads);
		assert!(blocks.iter().all(|count| *count > 0), "{}: no block", bound.kernel.name());
		// The limits of a grid.
		assert!(blocks[0] < 1 << 31 && blocks[1] < 1 << 16, "{}", bound.kernel.name());
		// SAFETY: a kernel of the same source; pointers are of live buffers, which end at a page
		// that cannot be touched.
		unsafe {
			let (words, blocks, threads) = (words.as_ptr(), blocks.as_ptr(), threads.as_ptr());
			(built.launch)(kernel, words, blocks, threads, barriers, reversed);
		}
	}
}

impl Queue for ShimQueue {
	type Buffer = ShimBuffer;
	type Recording = Vec<Bound>;

	fn upload(&mut self, buffer: &ShimBuffer, bytes: &[u8]) -> Result<(), DeviceError> {
		assert!(bytes.len() <= buffer.bytes, "{} into {}", bytes.len(), buffer.bytes);
		// SAFETY: the buffer is that long, and no launch runs.
		unsafe { buffer.pointer.cast::<u8>().copy_from(bytes.as_ptr(), bytes.len()) };
		Ok(())
	}

	fn launch(&mut self, launch: &Launch<'_, ShimBuffer>) -> Result<(), DeviceError> {
		self.call(&Self::bind(launch));
		Ok(())
	}

	fn download(&mut self, buffer: &ShimBuffer, bytes: &mut [u8]) -> Result<(), DeviceError> {
		assert!(bytes.len() <= buffer.bytes, "{} of {}", bytes.len(), buffer.bytes);
		// SAFETY: the buffer is that long, and no launch runs.
		unsafe { buffer.pointer.cast::<u8>().copy_to(bytes.as_mut_ptr(), bytes.len()) };
		Ok(())
	}

	fn finish(&mut self) -> Result<(), DeviceError> {
		Ok(())
	}

	fn record(&mut self, launches: &[Launch<'_, ShimBuffer>]) -> Result<Vec<Bound>, DeviceError> {
		Ok(launches.iter().map(Self::bind).collect())
	}

	fn replay(&mut self, recording: &Vec<Bound>) -> Result<(), DeviceError> {
		recording.iter().for_each(|bound| self.call(bound));
		Ok(())
	}
}

pub(crate) const PRODUCTS: [Products; 3] = [Products::Plain, Products::Dot, Products::Tensor];

/// Every way of products, in rising and falling thread order by turns.
fn ways() -> impl Iterator<Item = DeviceBackend<Shim>> {
	let ways = PRODUCTS.into_iter().flat_map(|products| [(products, false), (products, true)]);
	ways.map(|(products, reversed)| DeviceBackend::new([Shim::new(products, reversed)]))
}

fn the_golden_vectors_come_out(products: Products) {
	checks::golden(&DeviceBackend::new([Shim::new(products, false)]), true);
	checks::golden(&DeviceBackend::new([Shim::new(products, true)]), false);
}

#[test]
fn the_golden_vectors_come_out_of_plain_products() {
	the_golden_vectors_come_out(Products::Plain);
}

#[test]
fn the_golden_vectors_come_out_of_dot_products() {
	the_golden_vectors_come_out(Products::Dot);
}

#[test]
fn the_golden_vectors_come_out_of_tensor_products() {
	the_golden_vectors_come_out(Products::Tensor);
}

/// What an executor runs before it serves.
#[test]
fn the_self_test_passes() {
	let backend = DeviceBackend::new([Shim::new(Products::Tensor, false)]);
	assay_reference::golden::self_test(&backend).unwrap();
}

#[test]
fn widths_beyond_a_tile_and_sequences_beyond_a_block() {
	let shape =
		Shape { width: 144, heads: 2, inner: 200, max_batch: 2, max_sequence: 140, ..Shape::SMALL };
	for backend in ways() {
		checks::encoder(&backend, &shape, Style::Plausible, &Parameters::encoder(2, 137), 3);
		checks::encoder(&backend, &shape, Style::Extreme, &Parameters::encoder(1, 66), 4);
	}
}

#[test]
fn widths_that_are_no_multiple_of_anything() {
	let shape = Shape { width: 35, heads: 5, inner: 13, max_batch: 3, ..Shape::SMALL };
	for bits in [8, 12] {
		let shape = Shape { bits, ..shape };
		for backend in ways() {
			checks::encoder(&backend, &shape, Style::Random, &Parameters::encoder(3, 11), 5);
		}
	}
}

#[test]
fn operators_where_no_importer_puts_them() {
	let program = checks::odd_program();
	for backend in ways() {
		for (batch, sequence) in [(1, 1), (3, 7), (2, 20)] {
			let parameters = Parameters::encoder(batch, sequence);
			checks::program(&backend, &program, Style::Random, &parameters, 6);
		}
	}
}

#[test]
fn contexts_longer_than_a_block_of_products() {
	let shape = DecoderShape { max_sequence: 600, ..checks::small_decoder() };
	for products in PRODUCTS {
		let backend = DeviceBackend::new([Shim::new(products, products == Products::Dot)]);
		let parameters = Parameters { batch: 1, sequence: 590, max_steps: 2, sampling: None };
		checks::decoder(&backend, &shape, Style::Plausible, &parameters, 7);
	}
}

#[test]
fn sums_between_two_bytes_round_as_float32_does() {
	let (program, weights) = checks::ties();
	let (input, parameters) = (&[0], &Parameters::encoder(1, 1));
	let case = checks::Case { program: &program, weights: &weights, input, parameters };
	case.check(&DeviceBackend::new([Shim::new(Products::Plain, false)]));
}

#[test]
fn windows_longer_than_a_sequence_and_than_a_warp() {
	// Sums of 672 products in a block each; the last product's window is most of the sequence.
	let shape = NetworkShape { layers: 1, channels: 48, taps: 14, ..NetworkShape::SMALL };
	for reversed in [false, true] {
		let backend = DeviceBackend::new([Shim::new(Products::Plain, reversed)]);
		for style in [Style::Plausible, Style::Random, Style::Extreme] {
			checks::network(&backend, &shape, style, (3, 16), 8);
			checks::network(&backend, &shape, style, (2, 5), 9);
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn random_encoders_equal_the_reference(
		shape in checks::shapes(),
		style in checks::styles(),
		(batch, sequence) in (any::<u32>(), any::<u32>()),
		(way, reversed) in (0..3_usize, any::<bool>()),
		seed in any::<u64>(),
	) {
		let backend = DeviceBackend::new([Shim::new(PRODUCTS[way], reversed)]);
		let (batch, sequence) = (batch % shape.max_batch + 1, sequence % shape.max_sequence + 1);
		checks::encoder(&backend, &shape, style, &Parameters::encoder(batch, sequence), seed);
	}

	#[test]
	fn random_decoders_equal_the_reference(
		shape in checks::decoder_shapes(),
		style in checks::styles(),
		(batch, sequence, steps) in (any::<u32>(), 1..12_u32, 1..8_u32),
		sampling in checks::samplings(),
		(way, reversed) in (0..3_usize, any::<bool>()),
		seed in any::<u64>(),
	) {
		let backend = DeviceBackend::new([Shim::new(PRODUCTS[way], reversed)]);
		let batch = batch % shape.max_batch + 1;
		let parameters = Parameters { batch, sequence, max_steps: steps, sampling };
		checks::decoder(&backend, &shape, style, &parameters, seed);
	}

	#[test]
	fn random_networks_equal_the_reference(
		shape in checks::network_shapes(),
		style in checks::styles(),
		(batch, sequence) in (1..=4_u32, 1..=16_u32),
		reversed in any::<bool>(),
		seed in any::<u64>(),
	) {
		let backend = DeviceBackend::new([Shim::new(Products::Plain, reversed)]);
		checks::network(&backend, &shape, style, (batch, sequence), seed);
	}
}

/// What the folder of kernels holds is what is compiled.
#[test]
fn no_kernel_file_is_left_out() {
	let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
	let mut found: Vec<String> = fs::read_dir(folder)
		.unwrap()
		.map(|entry| entry.unwrap().file_name().into_string().unwrap())
		.collect();
	let mut listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
	found.sort();
	listed.sort_unstable();
	assert_eq!(found, listed);
}
