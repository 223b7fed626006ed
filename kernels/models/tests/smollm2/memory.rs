//! What the longest context takes of memory, told by a process that does nothing else.

use crate::common;
use assay_cpu::CpuBackend;
use assay_models::{
	smollm2::{self, Head},
	PROGRAM_FILE, WEIGHTS_FILE,
};
use assay_program::{Backend, Bytes, Outcome, Parameters, Program};
use memmap2::Mmap;
use std::{
	env,
	fs::{self, File},
	path::Path,
	process::Command,
	sync::Arc,
};

/// Names the folder of the imported model to the process that measures itself.
const FOLDER: &str = "ASSAY_TEST_MODEL";
/// What that process says before its peak in KiB.
const PEAK: &str = "peak KiB:";

/// Tokens of the prompt.
const PROMPT: u32 = 2_032;
/// Steps: the prompt's own and 16 more, which fill the context.
const STEPS: u32 = smollm2::MAX_SEQUENCE - PROMPT + 1;
/// Most memory that may be resident at once, the mapped weights included.
const BOUND_KIB: u64 = 1 << 20;

/// The most memory that was ever resident, as the system counts it.
fn peak_kib() -> u64 {
	let status = fs::read_to_string("/proc/self/status").unwrap();
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
	line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Fills the context once, with the weights mapped as the executor maps them.
fn fill_context(folder: &Path) {
	let program = fs::read(folder.join(PROGRAM_FILE)).unwrap();
	let program = Arc::new(Program::decode_validated(&program).unwrap());
	let file = File::open(folder.join(WEIGHTS_FILE)).unwrap();
	// SAFETY: the file is this test's own, and nobody changes it.
	let weights = Bytes::from_owner(unsafe { Mmap::map(&file) }.unwrap());
	let model = CpuBackend::new(None).load(program, weights).unwrap();
	let ids = (0..PROMPT).map(|at| (at * 7_919 + 13) % 49_000 + 20);
	let input: Vec<u8> = ids.flat_map(u32::to_le_bytes).collect();
	let parameters = Parameters { batch: 1, sequence: PROMPT, max_steps: STEPS, sampling: None };
	let outcome = model.run(&input, &parameters).unwrap();
	assert!(matches!(outcome, Outcome::Output { count: STEPS, .. }), "the answer ended early");
}

#[test]
fn a_full_context_takes_less_than_a_gibibyte() {
	if let Some(folder) = env::var_os(FOLDER) {
		fill_context(Path::new(&folder));
		println!("{PEAK} {}", peak_kib());
		return;
	}
	let folder = tempfile::tempdir().unwrap();
	let imported = smollm2::convert(common::published(), Head::Generate).unwrap();
	imported.write(folder.path()).unwrap();
	let weights_kib = imported.weights.len() as u64 >> 10;
	// Neither this import nor other tests are in the process that is measured.
	let own = "memory::a_full_context_takes_less_than_a_gibibyte";
	let mut measured = Command::new(env::current_exe().unwrap());
	measured.args([own, "--exact", "--nocapture"]).env(FOLDER, folder.path());
	let output = measured.output().unwrap();
	let said = String::from_utf8(output.stdout).unwrap();
	assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
	let (_, peak) = said.split_once(PEAK).expect("the process ran this test");
	let peak: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
	println!("peak of a context of {}: {} MiB", smollm2::MAX_SEQUENCE, peak >> 10);
	// Less than the weights would mean that something else was measured.
	assert!((weights_kib / 2..BOUND_KIB).contains(&peak), "{peak} KiB, weights {weights_kib}");
}
