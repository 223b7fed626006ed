//! What the command prints: text for people or one JSON document on standard output; progress and
//! errors on standard error.

use assay_client::{amount, chain::Included, Error};
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
			let hash = assay_client::account::hex32(&included.block_hash);
			map.insert("block_hash".into(), json!(hash));
		}
		self.result(format!("{} (block {})", text.as_ref(), included.block), &value);
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

/// Prints an error where it belongs.
pub(crate) fn failure(error: &Error, json: bool) {
	let text = if json {
		json!({
			"error": error.message(),
			"kind": error.kind().name(),
			"next": error.next_step(),
		})
		.to_string()
	} else {
		format!("error: {error}")
	};
	let _ = writeln!(io::stderr().lock(), "{text}");
}
