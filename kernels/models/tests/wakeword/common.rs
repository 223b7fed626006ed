//! What the tests share: the fetched files, spoken words, and the published interpreter.

use assay_models::{wakeword, Imported};
use std::{
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

/// Bytes of one row of the input.
pub const ROW: usize = wakeword::FRAMES * wakeword::FEATURES;
/// Names of the networks.
pub const NAMES: [&str; 4] = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"];

/// Root of the repository.
fn repository() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file or folder that `scripts/setup` makes. Its absence fails the test: nothing is skipped.
fn from_setup(path: &str) -> PathBuf {
	let path = repository().join(".assay").join(path);
	assert!(path.exists(), "{} is absent: run scripts/setup first", path.display());
	path
}

/// Folder with the published networks.
pub fn folder() -> PathBuf {
	from_setup("models/wakeword")
}

/// The published file of a network.
pub fn file(name: &str) -> Vec<u8> {
	std::fs::read(folder().join(format!("{name}.tflite"))).unwrap()
}

/// A network as a program.
pub fn import(name: &str) -> Imported {
	wakeword::import(&folder(), &format!("{name}.tflite")).unwrap()
}

/// Features of a network's word, see `scripts/py/wakeword_features.py`.
pub fn spoken(name: &str) -> Vec<u8> {
	let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/wakeword");
	std::fs::read(corpus.join(format!("{name}.features"))).unwrap()
}

/// What `scripts/py/wakeword_reference.py` says about rows.
pub fn published(name: &str, rows: &[u8], options: &[&str]) -> Vec<u8> {
	let mut child = Command::new(from_setup("venv/bin/python"))
		.arg(repository().join("scripts/py/wakeword_reference.py"))
		.arg(folder().join(format!("{name}.tflite")))
		.args(options)
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.stderr(Stdio::null())
		.spawn()
		.unwrap();
	let mut stdin = child.stdin.take().unwrap();
	let rows = rows.to_vec();
	// On a thread of its own, or both sides could wait for the other to read.
	let writer = std::thread::spawn(move || stdin.write_all(&rows));
	let output = child.wait_with_output().unwrap();
	// With options the rows are not read.
	let _ = writer.join().unwrap();
	assert!(output.status.success(), "the interpreter failed (is scripts/setup up to date?)");
	output.stdout
}
