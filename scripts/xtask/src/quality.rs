//! `cargo xtask quality`: what the integer program of SmolLM2 loses against the float model.
//!
//! The measurement is the example `quality` of `assay-models`, which needs nothing of the chain, so
//! it is built and run by itself.

use crate::paths;
use anyhow::{ensure, Context, Result};
use tokio::process::Command;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Quality {
	/// Chunks of 512 tokens of text; all by default.
	#[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
	chunks: usize,
	/// Prompts; all by default.
	#[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
	prompts: usize,
}

impl Quality {
	pub(crate) async fn run(self) -> Result<()> {
		let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
		let status = Command::new(cargo)
			.args(["run", "--release", "--locked", "--quiet", "-p", "assay-models"])
			.args(["--example", "quality", "--"])
			.args([self.chunks.to_string(), self.prompts.to_string()])
			.current_dir(paths::root()?)
			.kill_on_drop(true)
			.status()
			.await
			.context("cannot start cargo")?;
		ensure!(status.success(), "the measurement ended with {status}");
		Ok(())
	}
}
