//! What the command prints: text for people or one JSON document on standard output; progress and
//! errors on standard error.

use assay_client::{account::hex32, amount, chain::Included, Error};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};
use std::{
	io::{self, Write},
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
	value
}

/// Prints an error where it belongs.
pub(crate) fn failure(error: &Error, json: bool) {
	let text = if json { error_json(error).to_string() } else { format!("error: {error}") };
	let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
	use super::*;
	use assay_client::Kind;

	#[test]
	fn jobs_are_in_an_error_that_is_about_some() {
		let error = Error::new(Kind::Late, "no answer").next("wait");
		let plain = json!({"error": "no answer", "kind": "late", "next": "wait"});
		assert_eq!(error_json(&error), plain);
		let error = error_json(&error.about([7; 32]));
		assert_eq!(error["jobs"], json!([hex32(&[7; 32])]));
	}
}
