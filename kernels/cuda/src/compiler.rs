//! The run-time compiler: from the source to code for one architecture. Needs NVRTC and no GPU.

use crate::{source::source, Version};
use cudarc::nvrtc::{
	result::{self, NvrtcError},
	sys,
};
use std::{
	ffi::{c_char, c_int, CString},
	panic::catch_unwind,
	path::Path,
	sync::Mutex,
};

/// Libraries that were loaded by path. They stay loaded, so that the loader finds them by name.
static LOADED: Mutex<Vec<libloading::Library>> = Mutex::new(Vec::new());

/// Options that are the same for all. The kernels have no floating point; were one to come in, its
/// products and sums would not be fused.
const OPTIONS: [&str; 4] =
	["--std=c++17", "--fmad=false", "--ptxas-options=-v", "--diag-suppress=177"];

/// What source is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
	/// Machine code of one architecture.
	Cubin(Version),
	/// Portable code, which drivers translate for this and later architectures.
	Ptx(Version),
}

/// What the compiler made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
	/// An ELF object or the text of PTX, ended by a zero.
	pub image: Vec<u8>,
	/// What the compiler said: registers, memory and spills of each kernel.
	pub log: String,
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
	/// NVRTC is not there.
	#[error("NVRTC could not be loaded; run scripts/setup, or name the library in ASSAY_NVRTC")]
	Missing,
	/// The library named could not be loaded.
	#[error("{path} could not be loaded: {reason}")]
	Unloadable {
		/// The library.
		path: String,
		/// The loader's own words.
		reason: String,
	},
	/// A call failed.
	#[error("{call} failed: {reason}")]
	Failed {
		/// The call.
		call: &'static str,
		/// The library's own words.
		reason: String,
	},
	/// The source does not compile for the target.
	#[error("the kernels do not compile for {target:?}: {log}")]
	Source {
		/// The target.
		target: Target,
		/// What the compiler said.
		log: String,
	},
}

/// Loads NVRTC from a file, for where it is not on the library path.
pub fn load_compiler(path: &Path) -> Result<(), CompileError> {
	// SAFETY: runs the initialisers of NVIDIA's library, which have no precondition.
	let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
		CompileError::Unloadable { path: path.display().to_string(), reason: error.to_string() }
	})?;
	LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(library);
	Ok(())
}

/// Loads NVRTC from where `ASSAY_NVRTC` says, if it says.
pub(crate) fn load_named_compiler() -> Result<(), CompileError> {
	match std::env::var_os("ASSAY_NVRTC") {
		Some(path) => load_compiler(Path::new(&path)),
		None => Ok(()),
	}
}

/// Compiles the kernels.
pub fn compile(target: Target) -> Result<Compiled, CompileError> {
	compile_source(&source(), target)
}

/// Compiles any source with the options of the kernels.
pub fn compile_source(source: &str, target: Target) -> Result<Compiled, CompileError> {
	present()?;
	let text = CString::new(source).map_err(failed("CString::new"))?;
	let name = c"assay.cu";
	let program =
		result::create_program(&text, Some(name)).map_err(failed("nvrtcCreateProgram"))?;
	let compiled = compile_program(program, target);
	// SAFETY: made above, and destroyed only here.
	let destroyed = unsafe { result::destroy_program(program) };
	let compiled = compiled?;
	destroyed.map_err(failed("nvrtcDestroyProgram"))?;
	Ok(compiled)
}

/// The architectures that the compiler knows, such as 9.0.
pub fn supported() -> Result<Vec<Version>, CompileError> {
	present()?;
	let mut count: c_int = 0;
	// SAFETY: the pointer is to a live integer, which is all the call writes.
	unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }
		.result()
		.map_err(failed("nvrtcGetNumSupportedArchs"))?;
	let mut numbers = vec![0 as c_int; usize::try_from(count).unwrap_or(0)];
	// SAFETY: there is room for as many as the library said.
	unsafe { sys::nvrtcGetSupportedArchs(numbers.as_mut_ptr()) }
		.result()
		.map_err(failed("nvrtcGetSupportedArchs"))?;
	let version = |number: c_int| {
		let number = number.unsigned_abs();
		Version { major: number / 10, minor: number % 10 }
	};
	Ok(numbers.into_iter().map(version).collect())
}

/// The best target for an architecture: its own code, or else the latest portable code before it.
pub fn target_for(architecture: Version) -> Result<Target, CompileError> {
	let known = supported()?;
	if known.contains(&architecture) {
		return Ok(Target::Cubin(architecture));
	}
	let latest = known.into_iter().filter(|known| *known < architecture).max();
	latest.map(Target::Ptx).ok_or(CompileError::Failed {
		call: "nvrtcGetSupportedArchs",
		reason: format!("nothing known runs on compute capability {architecture}"),
	})
}

/// Whether the library is there and has what is called; `cudarc` panics where not.
fn present() -> Result<(), CompileError> {
	load_named_compiler()?;
	// SAFETY: only tries to open a shared library by name.
	if !unsafe { sys::is_culib_present() } {
		return Err(CompileError::Missing);
	}
	let version = || {
		let (mut major, mut minor): (c_int, c_int) = (0, 0);
		// SAFETY: both pointers are to live integers, which is all the call writes.
		unsafe { sys::nvrtcVersion(&mut major, &mut minor) }.result()
	};
	match catch_unwind(version) {
		Ok(version) => version.map_err(failed("nvrtcVersion")),
		Err(_) => Err(CompileError::Missing),
	}
}

fn failed<E: std::fmt::Display>(call: &'static str) -> impl Fn(E) -> CompileError {
	move |error| CompileError::Failed { call, reason: error.to_string() }
}

fn compile_program(program: sys::nvrtcProgram, target: Target) -> Result<Compiled, CompileError> {
	let architecture = match target {
		Target::Cubin(Version { major, minor }) => format!("sm_{major}{minor}"),
		Target::Ptx(Version { major, minor }) => format!("compute_{major}{minor}"),
	};
	let mut options = vec![format!("--gpu-architecture={architecture}")];
	options.extend(OPTIONS.map(String::from));
	// SAFETY: the caller's program is alive.
	let outcome = unsafe { result::compile_program(program, &options) };
	// SAFETY: as above.
	let log = unsafe { result::get_program_log(program) }.map_err(failed("nvrtcGetProgramLog"))?;
	let log = text(&log);
	if outcome.is_err() {
		return Err(CompileError::Source { target, log });
	}
	let image = match target {
		Target::Cubin(_) => cubin(program).map_err(failed("nvrtcGetCUBIN"))?,
		Target::Ptx(_) => {
			// SAFETY: as above.
			let ptx = unsafe { result::get_ptx(program) }.map_err(failed("nvrtcGetPTX"))?;
			ptx.into_iter().map(|c| c.to_le_bytes()[0]).collect()
		},
	};
	Ok(Compiled { image, log })
}

fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>, NvrtcError> {
	let mut size = 0usize;
	// SAFETY: the program is alive, the pointer is to a live integer.
	unsafe { sys::nvrtcGetCUBINSize(program, &mut size) }.result()?;
	let mut image = vec![0u8; size];
	// SAFETY: there is room for as many bytes as the library said.
	unsafe { sys::nvrtcGetCUBIN(program, image.as_mut_ptr().cast::<c_char>()) }.result()?;
	Ok(image)
}

fn text(chars: &[c_char]) -> String {
	let bytes: Vec<u8> = chars.iter().map(|c| c.to_le_bytes()[0]).collect();
	String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().to_owned()
}
