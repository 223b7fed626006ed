//! What these tests share: where the fetched files are, and the Python script.

use serde::de::DeserializeOwned;
use std::{
	path::{Path, PathBuf},
	process::{Command, Stdio},
	sync::OnceLock,
};

/// Root of the repository.
fn repository() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file that `scripts/setup` makes. Its absence fails the test: nothing is skipped.
fn from_setup(path: &str) -> PathBuf {
	let path = repository().join(".assay").join(path);
	assert!(path.exists(), "{} is absent: run scripts/setup first", path.display());
	path
}

/// The published file.
pub fn model_path() -> PathBuf {
	from_setup("models/smollm2/model.gguf")
}

/// Its bytes.
pub fn published() -> &'static [u8] {
	static FILE: OnceLock<Vec<u8>> = OnceLock::new();
	FILE.get_or_init(|| std::fs::read(model_path()).unwrap())
}

/// Text of a file of the corpus.
pub fn corpus(name: &str) -> String {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
	std::fs::read_to_string(path).unwrap()
}

/// What `scripts/py/smollm2_reference.py` answers about texts.
pub fn reference<T: DeserializeOwned>(what: &str, texts: &[String]) -> T {
	ask(&[what], &serde_json::json!(texts))
}

/// What it answers about lists of token ids; `steps` counts where it makes tokens.
pub fn reference_steps<T: DeserializeOwned>(what: &str, steps: u32, lists: &[Vec<i32>]) -> T {
	ask(&[what, &steps.to_string()], &serde_json::json!(lists))
}

fn ask<T: DeserializeOwned>(arguments: &[&str], request: &serde_json::Value) -> T {
	let mut child = Command::new(from_setup("venv/bin/python"))
		.arg(repository().join("scripts/py/smollm2_reference.py"))
		.arg(model_path())
		.args(arguments)
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.unwrap();
	serde_json::to_writer(child.stdin.take().unwrap(), request).unwrap();
	let output = child.wait_with_output().unwrap();
	assert!(output.status.success(), "the reference failed (is scripts/setup up to date?)");
	serde_json::from_slice(&output.stdout).unwrap()
}
