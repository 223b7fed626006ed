//! What the integration tests share: where the fetched files are, and the float reference.

use std::{
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

/// Root of the repository.
pub fn repository() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file or folder that `scripts/setup` makes. Its absence fails the test: nothing is skipped.
fn from_setup(path: &str) -> PathBuf {
	let path = repository().join(".assay").join(path);
	assert!(path.exists(), "{} is absent: run scripts/setup first", path.display());
	path
}

/// Folder with the published MiniLM files.
pub fn minilm_folder() -> PathBuf {
	from_setup("models/minilm/model.safetensors");
	from_setup("models/minilm/tokenizer.json");
	from_setup("models/minilm")
}

/// Lines of a file of the corpus.
pub fn corpus(name: &str) -> Vec<String> {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
	std::fs::read_to_string(path).unwrap().lines().map(String::from).collect()
}

/// What `scripts/py/float_reference.py` says about sentences.
pub fn float_reference(sentences: &[String], options: &[&str]) -> serde_json::Value {
	let mut child = Command::new(from_setup("venv/bin/python"))
		.arg(repository().join("scripts/py/float_reference.py"))
		.arg("--model")
		.arg(minilm_folder())
		.args(options)
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.unwrap();
	let mut stdin = child.stdin.take().unwrap();
	for sentence in sentences {
		writeln!(stdin, "{sentence}").unwrap();
	}
	drop(stdin);
	let output = child.wait_with_output().unwrap();
	assert!(output.status.success(), "the float reference failed (is scripts/setup up to date?)");
	serde_json::from_slice(&output.stdout).unwrap()
}
