//! How long it takes until a model that is on disk can be asked.

use crate::common;
use assay_cpu::CpuBackend;
use assay_models::{
	smollm2::{self, Head},
	PROGRAM_FILE, WEIGHTS_FILE,
};
use assay_program::{merkle, Backend, Bytes, Hash, Parameters, Program};
use memmap2::Mmap;
use std::{
	fs::{self, File},
	path::Path,
	sync::Arc,
	time::{Duration, Instant},
};

/// What a warm load may take: files that the system has in memory.
const BOUND: Duration = Duration::from_secs(2);
/// Loads, of which the fastest counts, as other tests run beside this one.
const LOADS: usize = 5;

/// Reads and validates the program, maps the weights, looks through them by digest, loads them, and
/// times that; then computes a token, to have loaded indeed.
fn load(folder: &Path, digest: &Hash) -> (Duration, Duration) {
	let begun = Instant::now();
	let program = fs::read(folder.join(PROGRAM_FILE)).unwrap();
	let program = Arc::new(Program::decode_validated(&program).unwrap());
	let file = File::open(folder.join(WEIGHTS_FILE)).unwrap();
	// SAFETY: the file is this test's own, and nobody changes it.
	let weights = Bytes::from_owner(unsafe { Mmap::map(&file) }.unwrap());
	assert_eq!(merkle::blob(&weights), *digest);
	let verified = begun.elapsed();
	let model = CpuBackend::new(None).load(program, weights).unwrap();
	let loaded = begun.elapsed();
	let parameters = Parameters { batch: 1, sequence: 1, max_steps: 1, sampling: None };
	let outcome = model.run(&1_000u32.to_le_bytes(), &parameters).unwrap();
	assert_eq!(outcome.count(), 1);
	(verified, loaded)
}

#[test]
fn a_warm_load_takes_less_than_two_seconds() {
	let folder = tempfile::tempdir().unwrap();
	let imported = smollm2::convert(common::published(), Head::Generate).unwrap();
	imported.write(folder.path()).unwrap();
	let digest = merkle::blob(&imported.weights);
	drop(imported);
	let loads: Vec<_> = (0..LOADS).map(|_| load(folder.path(), &digest)).collect();
	println!("verified and loaded after: {loads:?}");
	let (_, fastest) = loads.iter().min_by_key(|(_, loaded)| *loaded).unwrap();
	assert!(*fastest < BOUND, "{loads:?}");
}
