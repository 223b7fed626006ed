//! What the compiled kernels say of themselves, and what published peaks would make of them. A
//! model and no measurement: it needs the compiler and no GPU.

use crate::{
	compiler::{compile, CompileError, Compiled, Target},
	probe::{Device, Version},
	products::{products, Product, Workload},
	source::Kernel,
};
use assay_program::BackendError;
use std::{collections::BTreeMap, fmt::Write};

/// A device with its published figures.
struct Card {
	name: &'static str,
	architecture: Version,
	/// Multiprocessors.
	multiprocessors: f64,
	/// Boost clock, in 10^9 a second.
	clock_ghz: f64,
	/// int8 operations (two for a multiply-add) of tensor cores in a multiprocessor and clock,
	/// dense.
	tensor_ops: f64,
	/// Bandwidth of its memory, in 10^9 bytes a second.
	bandwidth_gb: f64,
}

const fn version(major: u32, minor: u32) -> Version {
	Version { major, minor }
}

const CARDS: [Card; 5] = [
	Card {
		name: "RTX 3060",
		architecture: version(8, 6),
		multiprocessors: 28.0,
		clock_ghz: 1.777,
		tensor_ops: 2_048.0,
		bandwidth_gb: 360.0,
	},
	Card {
		name: "RTX 4090",
		architecture: version(8, 9),
		multiprocessors: 128.0,
		clock_ghz: 2.52,
		tensor_ops: 2_048.0,
		bandwidth_gb: 1_008.0,
	},
	Card {
		name: "L4",
		architecture: version(8, 9),
		multiprocessors: 58.0,
		clock_ghz: 2.04,
		tensor_ops: 2_048.0,
		bandwidth_gb: 300.0,
	},
	Card {
		name: "A100 SXM 80 GB",
		architecture: version(8, 0),
		multiprocessors: 108.0,
		clock_ghz: 1.41,
		tensor_ops: 4_096.0,
		bandwidth_gb: 2_039.0,
	},
	Card {
		name: "H100 SXM",
		architecture: version(9, 0),
		multiprocessors: 132.0,
		clock_ghz: 1.83,
		tensor_ops: 8_192.0,
		bandwidth_gb: 3_350.0,
	},
];

impl Card {
	/// Peak int8 operations of tensor cores, in 10^12 a second.
	fn tensor_tops(&self) -> f64 {
		self.multiprocessors * self.clock_ghz * self.tensor_ops / 1_000.0
	}

	/// Peak operations of plain products, 64 multiply-adds a multiprocessor and clock.
	fn plain_tops(&self) -> f64 {
		self.multiprocessors * self.clock_ghz * 64.0 * 2.0 / 1_000.0
	}

	/// Peak operations of `dp2a`, 64 instructions of two multiply-adds a multiprocessor and clock.
	fn dot_tops(&self) -> f64 {
		self.multiprocessors * self.clock_ghz * 64.0 * 4.0 / 1_000.0
	}
}

/// What a device could do at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaks {
	/// int8 operations of tensor cores, in 10^12 a second; 0 where it has none that are used.
	pub tensor_tops: f64,
	/// Bandwidth of its memory, in 10^9 bytes a second.
	pub bandwidth_gb: f64,
}

/// The peaks of a device, from its own figures.
pub fn peaks(device: &Device) -> Peaks {
	let ops = match (device.compute_capability.major, device.compute_capability.minor) {
		(..8, _) => 0.0,
		(8, 0) => 4_096.0,
		(9 | 10, _) => 8_192.0,
		_ => 2_048.0,
	};
	let clocks = f64::from(device.multiprocessors) * f64::from(device.clock_mhz);
	// Memory moves data at both edges of its clock.
	let bits = 2.0 * f64::from(device.memory_clock_mhz) * f64::from(device.memory_bus_bits);
	Peaks { tensor_tops: clocks * ops / 1e6, bandwidth_gb: bits / 8.0 / 1e3 }
}

/// What bounds how many blocks a multiprocessor holds.
struct Limits {
	threads: u32,
	blocks: u32,
	shared_bytes: u32,
}

fn limits(architecture: Version) -> Limits {
	let (threads, blocks, shared_kib) = match (architecture.major, architecture.minor) {
		(7, _) => (1_024, 16, 64),
		(8, 0) | (9 | 10, _) => (2_048, 32, if architecture.major == 8 { 164 } else { 228 }),
		(8, 6) => (1_536, 16, 100),
		_ => (1_536, 24, 100),
	};
	Limits { threads, blocks, shared_bytes: shared_kib << 10 }
}

/// Registers of a multiprocessor, and how many of them a warp takes at least.
const REGISTERS: u32 = 65_536;
const REGISTER_UNIT: u32 = 256;
/// Memory of a block that the system takes, from 8.0 on.
const SYSTEM_SHARED: u32 = 1_024;

/// What is known of one kernel on one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
	/// Registers of a thread.
	pub registers: u32,
	/// Bytes that a block shares.
	pub shared_bytes: u32,
	/// Bytes that a thread writes to memory for want of registers.
	pub spill_bytes: u32,
	/// Tensor-core instructions in its code (`IMMA`).
	pub tensor_instructions: u32,
	/// Dot products in its code (`IDP`: `dp4a`, `dp2a`).
	pub dot_instructions: u32,
	/// Instructions of its code.
	pub instructions: u32,
}

impl Facts {
	/// Warps that a multiprocessor holds at once, of those it could.
	pub fn occupancy(&self, architecture: Version, threads: u32) -> (u32, u32) {
		let limits = limits(architecture);
		let warps = threads.div_ceil(32).max(1);
		let of_warp = (self.registers * 32).next_multiple_of(REGISTER_UNIT).max(REGISTER_UNIT);
		let by_registers = REGISTERS / of_warp / warps;
		let system = if architecture.major >= 8 { SYSTEM_SHARED } else { 0 };
		let by_shared = limits.shared_bytes / (self.shared_bytes + system).max(1);
		let by_threads = limits.threads / threads.max(1);
		let blocks = by_registers.min(by_shared).min(by_threads).min(limits.blocks);
		(blocks * warps, limits.threads / 32)
	}
}

/// Opcodes in the lowest bits of an instruction of 16 bytes.
const OPCODE: u64 = 0xfff;
const TENSOR_OPCODE: u64 = 0x237;
const DOT_OPCODE: u64 = 0x226;

/// Facts of every kernel of a cubin, by name.
pub fn facts(compiled: &Compiled) -> BTreeMap<String, Facts> {
	let mut all = BTreeMap::new();
	for section in sections(&compiled.image) {
		let Some(kernel) = section.name.strip_prefix(".text.") else { continue };
		let facts: &mut Facts = all.entry(kernel.to_owned()).or_default();
		// Where the linker looks for it.
		facts.registers = section.info >> 24;
		for instruction in section.bytes.as_chunks::<16>().0 {
			let [a, b, c, d, e, f, g, h, ..] = *instruction;
			let opcode = u64::from_le_bytes([a, b, c, d, e, f, g, h]) & OPCODE;
			facts.instructions += 1;
			facts.tensor_instructions += u32::from(opcode == TENSOR_OPCODE);
			facts.dot_instructions += u32::from(opcode == DOT_OPCODE);
		}
	}
	let mut kernel = String::new();
	for line in compiled.log.lines() {
		if let Some((_, rest)) = line.split_once("entry function '") {
			rest.split('\'').next().unwrap_or_default().clone_into(&mut kernel);
		}
		if let Some(facts) = all.get_mut(&kernel) {
			// Objects of 9.0 and later have them elsewhere; the compiler says them of every one.
			facts.registers = number_before(line, " registers").unwrap_or(facts.registers);
			facts.shared_bytes = number_before(line, " bytes smem").unwrap_or(facts.shared_bytes);
			facts.spill_bytes =
				number_before(line, " bytes spill stores").unwrap_or(facts.spill_bytes);
		}
	}
	all
}

fn number_before(line: &str, unit: &str) -> Option<u32> {
	let (before, _) = line.split_once(unit)?;
	before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A section of an ELF object.
struct Section<'a> {
	name: &'a str,
	info: u32,
	bytes: &'a [u8],
}

fn word(image: &[u8], at: usize, bytes: usize) -> Option<usize> {
	let field = image.get(at..at.checked_add(bytes)?)?;
	let value = field.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
	usize::try_from(value).ok()
}

/// The sections of a 64-bit little-endian ELF object that have bytes in the file.
fn sections(image: &[u8]) -> Vec<Section<'_>> {
	read_sections(image).unwrap_or_default()
}

fn read_sections(image: &[u8]) -> Option<Vec<Section<'_>>> {
	let (table, size) = (word(image, 0x28, 8)?, word(image, 0x3a, 2)?);
	let (count, names) = (word(image, 0x3c, 2)?, word(image, 0x3e, 2)?);
	let header = |number: usize| table.checked_add(number.checked_mul(size)?);
	let names = word(image, header(names)?.checked_add(0x18)?, 8)?;
	let mut sections = Vec::new();
	for number in 0..count {
		let at = header(number)?;
		let name = image.get(names.checked_add(word(image, at, 4)?)?..)?;
		let name = name.split(|byte| *byte == 0).next()?;
		let (start, length) = (word(image, at + 0x18, 8)?, word(image, at + 0x20, 8)?);
		let no_bytes = word(image, at + 4, 4)? == 8;
		let bytes = image.get(start..start.checked_add(length)?).filter(|_| !no_bytes);
		sections.push(Section {
			name: std::str::from_utf8(name).ok()?,
			info: u32::try_from(word(image, at + 0x2c, 4)?).ok()?,
			bytes: bytes.unwrap_or_default(),
		});
	}
	Some(sections)
}

/// Threads of a block of a kernel.
fn threads(kernel: Kernel) -> u32 {
	if kernel.is_tensor() {
		128
	} else {
		256
	}
}

impl Card {
	/// Peak operations of a kernel's products, in 10^12 a second.
	fn tops(&self, kernel: Kernel) -> f64 {
		match kernel {
			kernel if kernel.is_tensor() => self.tensor_tops(),
			Kernel::Convolution => self.plain_tops(),
			_ => self.dot_tops(),
		}
	}

	/// The least time of a product in microseconds, and whether memory is what bounds it.
	fn least_us(&self, product: &Product) -> (f64, bool) {
		let computing = product.operations() as f64 / self.tops(product.kernel) / 1e6;
		let reading = product.bytes as f64 / self.bandwidth_gb / 1e3;
		(computing.max(reading), reading > computing)
	}
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
	/// The kernels could not be compiled.
	#[error(transparent)]
	Compile(#[from] CompileError),
	/// A program has no launches.
	#[error("{name}: {reason}")]
	Program {
		/// The workload.
		name: String,
		/// Why not.
		reason: BackendError,
	},
}

/// The report: of all kernels, and of the products of some programs' steps.
pub fn report(workloads: &[Workload]) -> Result<String, ReportError> {
	let mut text = String::from(
		"A model, not a measurement: counts are of compiled code, times the least that published\n\
		 peaks allow. Nothing here ran on a GPU.\n",
	);
	let mut architectures: Vec<Version> = CARDS.iter().map(|card| card.architecture).collect();
	architectures.extend([version(7, 5), version(12, 0)]);
	architectures.sort_unstable();
	architectures.dedup();
	for architecture in architectures {
		let facts = facts(&compile(Target::Cubin(architecture))?);
		let _ = writeln!(text, "\nsm_{}{}", architecture.major, architecture.minor);
		kernel_table(&mut text, &facts, architecture);
	}
	cards(&mut text);
	for workload in workloads {
		let products = products(workload)
			.map_err(|reason| ReportError::Program { name: workload.name.clone(), reason })?;
		roofline(&mut text, &workload.name, &products);
	}
	Ok(text)
}

fn kernel_table(text: &mut String, all: &BTreeMap<String, Facts>, architecture: Version) {
	let _ = writeln!(
		text,
		"  {:<18} {:>9} {:>6} {:>6} {:>9} {:>5} {:>5} {:>12}",
		"kernel", "registers", "shared", "spills", "warps", "IMMA", "IDP", "instructions"
	);
	for kernel in Kernel::ALL {
		let Some(facts) = all.get(kernel.name()) else { continue };
		let (warps, most) = facts.occupancy(architecture, threads(*kernel));
		let _ = writeln!(
			text,
			"  {:<18} {:>9} {:>6} {:>6} {:>9} {:>5} {:>5} {:>12}",
			kernel.name(),
			facts.registers,
			facts.shared_bytes,
			facts.spill_bytes,
			format!("{warps} of {most}"),
			facts.tensor_instructions,
			facts.dot_instructions,
			facts.instructions
		);
	}
}

fn cards(text: &mut String) {
	let _ =
		writeln!(text, "\nPublished peaks\n  {:<16} {:>14} {:>10}", "card", "int8 TOPS", "GB/s");
	for card in &CARDS {
		let (tops, bandwidth) = (card.tensor_tops(), card.bandwidth_gb);
		let _ = writeln!(text, "  {:<16} {tops:>14.0} {bandwidth:>10.0}", card.name);
	}
	let _ = writeln!(
		text,
		"\nLeast time of one product in microseconds; m: memory bounds it, c: computing. Sizes are\n\
		 rows x columns x depth, by heads; intensity is operations a byte, every operand read once."
	);
}

fn roofline(text: &mut String, name: &str, products: &[Product]) {
	let _ = write!(text, "\n{name}\n  {:<12} {:<12} {:>5} ", "product", "kernel", "times");
	let _ = write!(text, "{:<26} {:>9}", "size", "intensity");
	for card in &CARDS {
		let _ = write!(text, " {:>15}", card.name);
	}
	for product in products {
		let Product { operator, times, rows, columns, depth, heads, .. } = product;
		let mut size = format!("{rows} x {columns} x {depth}");
		if *heads > 1 {
			let _ = write!(size, ", {heads}");
		}
		let (kernel, intensity) = (product.kernel.name(), product.intensity());
		let _ = write!(text, "\n  {operator:<12} {kernel:<12} {times:>5} {size:<26} ");
		let _ = write!(text, "{intensity:>9.1}");
		for card in &CARDS {
			let (least, by_memory) = card.least_us(product);
			let _ = write!(text, " {least:>13.2} {}", if by_memory { 'm' } else { 'c' });
		}
	}
	text.push('\n');
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn peaks_are_those_that_nvidia_publishes() {
		let tops = CARDS.map(|card| card.tensor_tops().round());
		assert_eq!(tops, [102.0, 661.0, 242.0, 624.0, 1_979.0]);
	}

	#[test]
	fn peaks_of_a_device_are_those_of_its_card() {
		// What the driver says of an A100.
		let device = Device {
			ordinal: 0,
			name: "A100".into(),
			memory_mib: 81_920,
			compute_capability: version(8, 0),
			multiprocessors: 108,
			clock_mhz: 1_410,
			memory_clock_mhz: 1_593,
			memory_bus_bits: 5_120,
		};
		let peaks = peaks(&device);
		assert_eq!((peaks.tensor_tops.round(), peaks.bandwidth_gb.round()), (624.0, 2_039.0));
	}

	#[test]
	fn the_roof_is_what_takes_longer() {
		let [.., card] = CARDS;
		let of = |kernel, depth, bytes| {
			let (rows, columns, heads, parts) = (1_000, 1_000, 1, 2);
			let (operator, times) = ("linear", 1);
			let product =
				Product { operator, kernel, times, rows, columns, depth, heads, parts, bytes };
			card.least_us(&product)
		};
		// 4 * 10^9 operations of 1979 * 10^12 a second; 3.35 * 10^9 bytes of 3350 * 10^9.
		let (computing, by_memory) = of(Kernel::LinearMma, 1_000, 1);
		assert!((computing - 2.021).abs() < 0.001 && !by_memory, "{computing}");
		let (reading, by_memory) = of(Kernel::LinearMma, 1_000, 3_350_000_000);
		assert!((reading - 1_000.0).abs() < 1e-6 && by_memory, "{reading}");
		// A plain product has half the operations a clock that `dp2a` has.
		let (dot, plain) = (of(Kernel::LinearFew, 1_000, 1), of(Kernel::Convolution, 1_000, 1));
		assert!((plain.0 / dot.0 - 2.0).abs() < 1e-9, "{plain:?} {dot:?}");
	}

	#[test]
	fn occupancy_is_bounded_by_what_is_scarcest() {
		let of = |registers, shared_bytes, threads| {
			let facts = Facts { registers, shared_bytes, ..Facts::default() };
			facts.occupancy(version(8, 6), threads)
		};
		assert_eq!(of(32, 0, 256), (48, 48));
		// 65536 / (128 * 32) warps of registers.
		assert_eq!(of(128, 0, 128), (16, 48));
		// Two blocks of 40 KiB.
		assert_eq!(of(32, 40 << 10, 256), (16, 48));
		// Sixteen blocks of one warp.
		assert_eq!(of(16, 0, 32), (16, 48));
	}

	#[test]
	fn numbers_are_read_from_what_the_compiler_says() {
		let line = "Used 96 registers, used 1 barriers, 15360 bytes smem, 428 bytes cmem[0]";
		assert_eq!(number_before(line, " bytes smem"), Some(15_360));
		assert_eq!(number_before(line, " bytes spill stores"), None);
		assert_eq!(
			number_before("0 bytes stack frame, 12 bytes spill stores", " bytes spill stores"),
			Some(12)
		);
	}

	#[test]
	fn an_object_that_is_none_has_no_sections() {
		for image in [&b""[..], b"\x7fELF", &[0xff; 100]] {
			assert!(sections(image).is_empty());
		}
	}
}
