//! Checks, counted and printed.

use anyhow::{ensure, Result};
use std::sync::atomic::{AtomicU32, Ordering};

/// What was checked so far.
#[derive(Default)]
pub(crate) struct Checks {
	passed: AtomicU32,
	failed: AtomicU32,
}

impl Checks {
	/// Notes whether something holds.
	pub(crate) fn check(&self, holds: bool, what: &str) {
		let (counter, word) =
			if holds { (&self.passed, "ok    ") } else { (&self.failed, "FAILED") };
		counter.fetch_add(1, Ordering::Relaxed);
		println!("{word}  {what}");
	}

	/// Prints the sum; an error if a check failed or none ran.
	pub(crate) fn conclude(&self) -> Result<()> {
		let (passed, failed) =
			(self.passed.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
		println!("{passed} passed, {failed} failed");
		ensure!(failed == 0, "{failed} checks failed");
		ensure!(passed > 0, "no check ran");
		Ok(())
	}
}
