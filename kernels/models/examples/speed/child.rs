//! One side of the comparison: a process that is asked line by line.

use crate::Result;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
	io::{BufRead, BufReader, Write},
	process::{self, ChildStdin, ChildStdout, Command, Stdio},
	thread,
	time::Duration,
};

/// Between an answer and the next question, whoever is asked.
///
/// onnxruntime's threads spin after a run in case another follows: with two of them one kept a
/// core busy for 38 ms after each answer, three times as long as our whole run of one sentence
/// takes on two cores. In their own turns neither side has another's threads beside it.
const REST: Duration = Duration::from_millis(200);

/// A process that answers each line of JSON with one.
pub(crate) struct Child {
	name: String,
	process: process::Child,
	input: ChildStdin,
	output: BufReader<ChildStdout>,
	/// What it took before it had a model.
	pub(crate) base_resident_bytes: u64,
}

impl Child {
	/// Starts it and waits until it is ready.
	pub(crate) fn start(name: &str, mut command: Command) -> Result<Self> {
		let mut process = command
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.spawn()
			.map_err(|error| format!("cannot start {name}: {error}"))?;
		let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
			return Err(format!("{name} has no input or no output").into());
		};
		let output = BufReader::new(output);
		let mut child = Self { name: name.into(), process, input, output, base_resident_bytes: 0 };
		let ready: Value = child.line()?;
		println!("{name}: {ready}");
		let base = ready.get("base_resident_bytes").and_then(Value::as_u64);
		child.base_resident_bytes =
			base.ok_or_else(|| format!("{name} does not say what it took without a model"))?;
		Ok(child)
	}

	/// Asks, once the machine has come to rest, and waits for the answer.
	pub(crate) fn ask<T: DeserializeOwned>(&mut self, request: &Value) -> Result<T> {
		thread::sleep(REST);
		writeln!(self.input, "{request}")?;
		self.input.flush()?;
		self.line()
	}

	fn line<T: DeserializeOwned>(&mut self) -> Result<T> {
		let mut line = String::new();
		if self.output.read_line(&mut line)? == 0 {
			return Err(format!("{} ended", self.name).into());
		}
		serde_json::from_str(&line)
			.map_err(|error| format!("{} said {line}: {error}", self.name).into())
	}
}

impl Drop for Child {
	fn drop(&mut self) {
		// It may have ended by itself.
		let _ = self.process.kill();
		let _ = self.process.wait();
	}
}
