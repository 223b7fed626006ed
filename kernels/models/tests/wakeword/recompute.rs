//! Whether a whole network is small enough for a runtime to recompute: one call of it and three
//! seconds of sound, by the reference alone, as Wasm without std or imports, in the engine that
//! runs the runtime's.
//!
//! Instructions are what the engine's fuel counts, so bounds on them hold on any machine. Time is
//! printed, and bounded loosely. A block has a second of time and four MiB of extrinsics; an
//! allocation of a runtime has at most 32 MiB, all of them 128.

use crate::common::{self, NAMES, ROW};
use assay_models::Imported;
use assay_program::{Outcome, Parameters};
use codec::{Decode, Encode};
use std::{
	env, fs,
	path::{Path, PathBuf},
	process::Command,
	time::{Duration, Instant},
};
use wasmtime::{Config, Engine, Instance, Module, Store};

/// One call, and as many as three seconds have.
const CALLS: [u32; 2] = [1, 100];
/// Most compute units and instructions of each.
const UNITS: [u64; 2] = [1, 5];
const INSTRUCTIONS: [u64; 2] = [4_000_000, 450_000_000];
/// Most bytes of memory, stack included and nothing ever freed.
const MEMORY: usize = 2 << 20;
/// Most bytes of program, weights and input together.
const BYTES: usize = 192 << 10;
/// Half of a block's time, for what takes 35 ms where nothing else runs.
const TIME: Duration = Duration::from_millis(500);

/// Builds the module, with the versions that the workspace's lock file pins.
fn module() -> PathBuf {
	let here = Path::new(env!("CARGO_MANIFEST_DIR"));
	let kernels = here.parent().unwrap();
	let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recompute");
	fs::create_dir_all(folder.join("src")).unwrap();
	let own = |name: &str| {
		let path = kernels.join(name);
		format!("assay-{name} = {{ path = {path:?}, default-features = false }}\n")
	};
	let manifest = format!(
		"[workspace]\n[package]\nname = \"recompute\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
		 [lib]\ncrate-type = [\"cdylib\"]\n[profile.release]\npanic = \"abort\"\n\
		 [dependencies]\n{}{}codec = {{ package = \"parity-scale-codec\", version = \"3\", \
		 default-features = false }}\n",
		own("program"),
		own("reference"),
	);
	fs::write(folder.join("Cargo.toml"), manifest).unwrap();
	fs::copy(here.join("tests/wakeword/module/lib.rs"), folder.join("src/lib.rs")).unwrap();
	// Cargo drops from it what the module does not need.
	fs::copy(kernels.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
	// The toolchain that builds the runtime, where `scripts/setup` chose one.
	let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
	if let Some(toolchain) = env::var_os("WASM_BUILD_TOOLCHAIN") {
		cargo = Command::new("cargo");
		cargo.env("RUSTUP_TOOLCHAIN", toolchain);
	}
	let output = cargo
		.args(["build", "--release", "--offline", "--target", "wasm32v1-none"])
		.current_dir(&folder)
		.env("CARGO_TARGET_DIR", folder.join("target"))
		.env_remove("RUSTFLAGS")
		.env_remove("CARGO_ENCODED_RUSTFLAGS")
		.output()
		.unwrap();
	let said = String::from_utf8_lossy(&output.stderr);
	assert!(output.status.success(), "the module does not build: {said}");
	folder.join("target/wasm32v1-none/release/recompute.wasm")
}

/// What a run took.
#[derive(Debug)]
struct Cost {
	instructions: u64,
	memory: usize,
	time: Duration,
}

/// Runs a job in a fresh instance.
fn run(module: &Module, job: &[u8]) -> (Outcome, Cost) {
	let mut store = Store::new(module.engine(), ());
	store.set_fuel(u64::MAX).unwrap();
	// An instance without imports: the module asks for nothing of its host.
	let instance = Instance::new(&mut store, module, &[]).unwrap();
	let memory = instance.get_memory(&mut store, "memory").unwrap();
	let allocate = instance.get_typed_func::<u32, u32>(&mut store, "allocate").unwrap();
	let recompute = instance.get_typed_func::<(u32, u32), u64>(&mut store, "recompute").unwrap();
	let length = u32::try_from(job.len()).unwrap();
	let place = allocate.call(&mut store, length).unwrap();
	memory.write(&mut store, place as usize, job).unwrap();
	let (fuel, begun) = (store.get_fuel().unwrap(), Instant::now());
	let made = recompute.call(&mut store, (place, length)).unwrap();
	let time = begun.elapsed();
	let instructions = fuel - store.get_fuel().unwrap();
	let (start, length) = ((made >> 32) as usize, made as u32 as usize);
	let bytes = memory.data(&store)[start..start + length].to_vec();
	let outcome = Outcome::decode(&mut &*bytes).unwrap();
	(outcome, Cost { instructions, memory: memory.data_size(&store), time })
}

#[test]
fn a_runtime_recomputes_whole_networks() {
	let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
	let module = Module::from_file(&engine, module()).unwrap();
	for name in NAMES {
		let Imported { program, program_bytes, weights, .. } = &common::import(name);
		let spoken = common::spoken(name);
		for (at, calls) in CALLS.into_iter().enumerate() {
			// The end, where the word is.
			let input = &spoken[spoken.len() - calls as usize * ROW..];
			let parameters = &Parameters::encoder(1, calls);
			let job = (program_bytes, weights, input, parameters).encode();
			let units = program.cost_form().units(parameters, 1);
			let (outcome, cost) = run(&module, &job);
			println!("{name}, {calls} calls: {} bytes, {units} units, {cost:?}", job.len());
			let expected = assay_reference::run(program, weights, input, parameters).unwrap();
			assert_eq!(outcome, expected, "{name}: another outcome as Wasm");
			assert!(job.len() <= BYTES && units <= UNITS[at], "{name}");
			let Cost { instructions, memory, time } = cost;
			assert!(instructions <= INSTRUCTIONS[at] && memory <= MEMORY, "{name}");
			assert!(time <= TIME, "{name}: {time:?}");
		}
	}
}
