//! The command itself.

use crate::common::Control;
use reqwest::Client;
use std::{
	io::{BufRead, BufReader},
	path::Path,
	process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_assay-executor");

/// A running `assay-executor run`. Killed when dropped.
pub struct Process {
	child: Child,
	pub ready: serde_json::Value,
	token: String,
}

impl Process {
	/// Starts one and waits until it says that it is ready.
	pub fn start(folder: &Path, arguments: &[&str]) -> Self {
		let mut child = Command::new(BINARY)
			.args(["run", "--json", "--dev", "--backend", "reference"])
			.args(["--control", "127.0.0.1:0", "--folder"])
			.arg(folder)
			.args(arguments)
			.stdout(Stdio::piped())
			.spawn()
			.unwrap();
		let mut line = String::new();
		BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
		let ready: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
		let token = std::fs::read_to_string(ready["token_file"].as_str().unwrap()).unwrap();
		Self { child, ready, token: token.trim().into() }
	}

	pub fn control(&self) -> Control {
		let url = self.ready["control"].as_str().unwrap().to_owned();
		Control { http: Client::new(), url, token: self.token.clone() }
	}

	/// As `kill -9` does it.
	pub fn kill(&mut self) {
		self.child.kill().unwrap();
		self.child.wait().unwrap();
	}

	/// As `kill` does it; returns the exit code.
	pub fn terminate(mut self) -> Option<i32> {
		let id = self.child.id().to_string();
		assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
		self.child.wait().unwrap().code()
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		// It may have ended by itself.
		let _ = self.child.kill();
		let _ = self.child.wait();
	}
}

fn command(arguments: &[&str]) -> Output {
	Command::new(BINARY).args(arguments).output().unwrap()
}

#[tokio::test]
async fn says_where_it_listens_and_stops_on_a_signal() {
	let folder = TempDir::new().unwrap();
	let process = Process::start(folder.path(), &["--log-json"]);
	assert_eq!(process.ready["backend"], "reference");
	for listener in ["control", "data"] {
		let url = format!("{}/v1/health", process.ready[listener].as_str().unwrap());
		let health: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
		assert_eq!((&health["status"], &health["listener"]), (&"ok".into(), &listener.into()));
	}
	assert_eq!(process.terminate(), Some(0));
}

#[test]
fn probe_tells_what_the_machine_has() {
	let output = command(&["probe", "--json"]);
	assert!(output.status.success());
	let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!(found["devices"][0]["kind"], "cpu");
	assert!(found["gpu"]["found"].is_boolean());
	let text = String::from_utf8(command(&["probe"]).stdout).unwrap();
	assert!(text.contains("cpu") && text.contains("gpu:"), "{text}");
}

#[test]
fn digest_is_that_of_the_blob() {
	let folder = TempDir::new().unwrap();
	let file = folder.path().join("input");
	std::fs::write(&file, b"some input").unwrap();
	let file = file.to_str().unwrap();
	let output = command(&["digest", "--kind", "input", file]);
	let expected = format!("0x{}\n", hex::encode(assay_program::merkle::blob(b"some input")));
	assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
	let output = command(&["digest", "--kind", "program", file]);
	assert_eq!(output.status.code(), Some(1));
	let complaint = String::from_utf8(output.stderr).unwrap();
	assert!(complaint.starts_with("error: the program is not valid"), "{complaint}");
}

#[test]
fn says_why_it_does_not_start() {
	let folder = TempDir::new().unwrap();
	let path = folder.path().to_str().unwrap();
	let _first = Process::start(folder.path(), &[]);
	let output = command(&["run", "--folder", path, "--control", "127.0.0.1:0"]);
	assert_eq!(output.status.code(), Some(4));
	let complaint = String::from_utf8(output.stderr).unwrap();
	assert!(complaint.contains("another executor works in"), "{complaint}");

	let other = TempDir::new().unwrap();
	let token = other.path().join("weak");
	std::fs::write(&token, "weak").unwrap();
	let arguments = ["run", "--folder", other.path().to_str().unwrap(), "--token-file"];
	let output = command(&[&arguments[..], &[token.to_str().unwrap()]].concat());
	assert_eq!(output.status.code(), Some(1));
	let complaint = String::from_utf8(output.stderr).unwrap();
	assert!(complaint.contains("16 to 256"), "{complaint}");
}
