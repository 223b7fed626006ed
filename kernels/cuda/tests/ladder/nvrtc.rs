//! Every kernel by the real compiler, for every architecture and to PTX. No GPU is needed.

use crate::kept::kept;
use assay_cuda::{compile, load_compiler, source, supported, Compiled, Kernel, Target, Version};
use std::{
	fs,
	path::{Path, PathBuf},
	sync::Once,
};

/// Architectures of Turing, Ampere (both), Ada, Hopper and Blackwell.
const ARCHITECTURES: [(u32, u32); 6] = [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)];

/// What makes images of the source: its options are among what images depend on.
const COMPILER: &str = include_str!("../../src/compiler.rs");

/// The kernels for a target, compiled once. The path of NVRTC tells its version.
fn compiled(target: Target) -> Compiled {
	load();
	let key = (source(), COMPILER, format!("{target:?}"), fs::canonicalize(library()).ok());
	let file = kept("nvrtc", key, |made| {
		let Compiled { image, log } = compile(target).unwrap();
		let length = (image.len() as u64).to_le_bytes();
		fs::write(made, [&length[..], &*image, log.as_bytes()].concat()).unwrap();
	});
	let bytes = fs::read(file).unwrap();
	let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
	let (image, log) = rest.split_at(u64::from_le_bytes(*length) as usize);
	Compiled { image: image.to_vec(), log: String::from_utf8(log.to_vec()).unwrap() }
}

/// The wheel that `scripts/setup` installs, where no other is named.
fn library() -> PathBuf {
	let wheel = "../../.assay/cuda/nvidia/cuda_nvrtc/lib/libnvrtc.so.12";
	let named = std::env::var_os("ASSAY_NVRTC").map(PathBuf::from);
	named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(wheel))
}

fn load() {
	static LOADED: Once = Once::new();
	LOADED.call_once(|| load_compiler(&library()).expect("NVRTC is missing; run scripts/setup"));
}

fn version((major, minor): (u32, u32)) -> Version {
	Version { major, minor }
}

/// Names of the kernels that a compilation made.
fn kernels(log: &str) -> Vec<&str> {
	let lines = log.lines().filter_map(|line| line.split_once("Compiling entry function '"));
	lines.filter_map(|(_, rest)| rest.split_once('\'').map(|(name, _)| name)).collect()
}

#[test]
fn every_kernel_compiles_for_every_architecture_without_spills() {
	for architecture in ARCHITECTURES {
		let compiled = compiled(Target::Cubin(version(architecture)));
		assert_eq!(compiled.image.get(..4), Some(b"\x7fELF".as_slice()), "{architecture:?}");
		let mut made = kernels(&compiled.log);
		made.sort_unstable();
		let has = |kernel: &&Kernel| architecture.0 >= 8 || !kernel.is_tensor();
		let mut wanted: Vec<&str> =
			Kernel::ALL.iter().filter(has).map(|kernel| kernel.name()).collect();
		wanted.sort_unstable();
		assert_eq!(made, wanted, "{architecture:?}");
		// A spill is no error, but it is a surprise worth a look.
		let spills = compiled.log.lines().filter(|line| line.contains("spill stores"));
		for line in spills {
			assert!(line.contains(" 0 bytes spill stores"), "{architecture:?}: {line}");
		}
		assert!(!compiled.log.contains("warning"), "{}", compiled.log);
		for (kernel, facts) in assay_cuda::facts(&compiled) {
			assert!(facts.registers > 0, "{architecture:?}, {kernel}: no registers are told");
			let (warps, most) = facts.occupancy(version(architecture), 256);
			assert!((8..=most).contains(&warps), "{architecture:?}, {kernel}: {warps} warps");
		}
	}
}

/// What the compiler says of registers stands in the object too; the fast products are what they
/// are
/// called.
#[test]
fn the_report_counts_what_is_in_the_code() {
	let compiled = compiled(Target::Cubin(version((8, 6))));
	let facts = assay_cuda::facts(&compiled);
	assert_eq!(facts.len(), Kernel::ALL.len());
	for kernel in Kernel::ALL {
		let facts = &facts[kernel.name()];
		let said = format!("Used {} registers", facts.registers);
		assert!(facts.registers > 0 && compiled.log.contains(&said), "{}: {said}", kernel.name());
		assert_eq!(facts.tensor_instructions > 0, kernel.is_tensor(), "{}", kernel.name());
	}
	// Two parts, two tiles of rows, four of columns, two steps of 32 in a tile's depth.
	assert_eq!(facts["linear_mma"].tensor_instructions, 32);
	assert!(facts["linear_few"].dot_instructions > 0 && facts["linear_dot8"].dot_instructions > 0);
}

#[test]
fn ptx_has_the_instructions_that_the_fast_products_are_for() {
	let ptx = |architecture| {
		let compiled = compiled(Target::Ptx(version(architecture)));
		String::from_utf8(compiled.image).unwrap()
	};
	let (turing, ampere) = (ptx((7, 5)), ptx((8, 0)));
	for text in [&turing, &ampere] {
		assert!(text.contains("dp4a.s32.s32"), "no dp4a");
		assert!(text.contains("dp2a.lo.s32.s32") && text.contains("dp2a.hi.s32.s32"), "no dp2a");
		assert!(!text.contains(".f32") && !text.contains(".f64"), "floating point");
		assert!(!text.contains("satfinite"));
	}
	let mma = "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32";
	assert!(ampere.contains(mma) && !turing.contains("mma.sync"));
}

#[test]
fn the_compiler_knows_the_architectures_and_says_what_is_wrong() {
	load();
	let known = supported().unwrap();
	assert!(ARCHITECTURES.iter().all(|architecture| known.contains(&version(*architecture))));
	let target = Target::Cubin(version((8, 0)));
	let error = assay_cuda::compile_source("KERNEL nothing() {}", target).unwrap_err();
	assert!(error.to_string().contains("KERNEL"), "{error}");
}
