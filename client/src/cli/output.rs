//! What the command prints: text for people or one JSON document on standard output; progress and
//! errors on standard error.

use assay_client::{account::hex32, amount, chain::Included, Error};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};
use std::{
	io::{self, IsTerminal, Write},
	time::Duration,
};

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
	json: bool,
}

impl Output {
	pub(crate) fn new(json: bool) -> Self {
		Self { json }
	}

	/// Whether results are JSON.
	pub(crate) fn is_json(&self) -> bool {
		self.json
	}

	/// A piece of text that comes bit by bit; nothing with `--json`. Somebody else's words must not
	/// steer the terminal, so it gets none of their control characters but ends of lines and tabs.
	pub(crate) fn piece(&self, text: &str) {
		if !self.json && !text.is_empty() {
			let mut out = io::stdout().lock();
			let text = if out.is_terminal() { printable(text) } else { text.to_string() };
			// As in `result`.
			let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
		}
	}

	/// The end of a text that came in pieces: its document, or a line about it on standard error.
	pub(crate) fn confirmed(&self, line: &str, value: &Value) {
		match self.json {
			true => self.result("", value),
			false => say(line),
		}
	}

	/// The result of a command, as text or as JSON.
	pub(crate) fn result(&self, text: impl AsRef<str>, value: &Value) {
		let line = if self.json { value.to_string() } else { text.as_ref().to_string() };
		// A reader that closed the pipe early, like `head`, is no error of ours.
		let _ = writeln!(io::stdout().lock(), "{line}");
	}

	/// The result of a call: what was done, in which block, and its values.
	pub(crate) fn included(&self, text: impl AsRef<str>, included: &Included, mut value: Value) {
		if let Some(map) = value.as_object_mut() {
			map.insert("block".into(), json!(included.block));
			let hash = hex32(&included.block_hash);
			map.insert("block_hash".into(), json!(hash));
		}
		self.result(format!("{} (block {})", text.as_ref(), included.block), &value);
	}

	/// A line of progress that must not get lost, on standard error. With `--json` that is kept for
	/// the one document of an error.
	pub(crate) fn note(&self, bar: &ProgressBar, line: &str) {
		if !self.json {
			bar.suspend(|| {
				let _ = writeln!(io::stderr().lock(), "{line}");
			});
		}
	}

	/// A spinner on standard error; shows nothing where that is no terminal.
	pub(crate) fn spinner(&self, message: impl Into<String>) -> ProgressBar {
		let bar = ProgressBar::new_spinner();
		if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
			bar.set_style(style);
		}
		bar.set_message(message.into());
		bar.enable_steady_tick(Duration::from_millis(120));
		bar
	}
}

/// A text without control characters, but for ends of lines and tabs.
fn printable(text: &str) -> String {
	text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Planck as ASY.
pub(crate) fn asy(planck: u128) -> String {
	amount::format(planck)
}

/// An error as JSON.
pub(crate) fn error_json(error: &Error) -> Value {
	let mut value = json!({
		"error": error.message(),
		"kind": error.kind().name(),
		"next": error.next_step(),
	});
	if !error.jobs().is_empty() {
		value["jobs"] = json!(error.jobs().iter().map(hex32).collect::<Vec<_>>());
	}
	if let Some(evidence) = error.evidence() {
		value["evidence"] = json!(evidence);
	}
	if let Some(seed) = error.seed() {
		value["seed"] = json!(hex32(seed));
	}
	value
}

/// A line on standard error.
pub(crate) fn say(line: &str) {
	let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints an error where it belongs.
pub(crate) fn failure(error: &Error, json: bool) {
	if json {
		return say(&error_json(error).to_string());
	}
	say(&format!("error: {error}"));
	if let Some(evidence) = error.evidence() {
		say(&format!("  evidence: {}", json!(evidence)));
	}
	if let Some(seed) = error.seed() {
		say(&format!("  seed: {}", hex32(seed)));
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_steers_a_terminal_is_left_out() {
		assert_eq!(printable("a\u{1b}]52;c;eA==\u{7}b\r\u{9b}2Jc\n\td"), "a]52;c;eA==b2Jc\n\td");
	}
	use assay_client::{Evidence, Kind};

	#[test]
	fn jobs_are_in_an_error_that_is_about_some() {
		let error = Error::new(Kind::Late, "no answer").next("wait");
		let plain = json!({"error": "no answer", "kind": "late", "next": "wait"});
		assert_eq!(error_json(&error), plain);
		let error = error_json(&error.about([7; 32]));
		assert_eq!(error["jobs"], json!([hex32(&[7; 32])]));
	}

	#[test]
	fn a_seed_is_in_an_error_of_a_job_that_drew() {
		let error = Error::new(Kind::Late, "no answer");
		assert_eq!(error_json(&error.clone().with_seed(None)).get("seed"), None);
		let seed = error_json(&error.with_seed(Some([7; 32])))["seed"].clone();
		assert_eq!(seed, json!(hex32(&[7; 32])));
	}

	#[test]
	fn evidence_is_in_an_error_that_has_some() {
		let evidence =
			Evidence { job: [7; 32], tokens: vec![1, 2], told: Some([8; 32]), revealed: None };
		let error = Error::new(Kind::Mismatch, "other tokens").with_evidence(evidence);
		let told = hex32(&[8; 32]);
		assert_eq!(
			error_json(&error)["evidence"],
			json!({"job": hex32(&[7; 32]), "tokens": [1, 2], "told": told, "revealed": null})
		);
	}
}
