//! `cargo xtask bench disputes`: what games about real models take of a chain.

use crate::paths;
use anyhow::{ensure, Context, Result};
use clap::Args;
use tokio::process::Command;

/// The measurement is the example `disputes` of the runtime: the runtime itself, without a node.
#[derive(Debug, Args)]
pub(crate) struct Disputes {
	/// The longest context of the chat model too, which takes minutes.
	#[arg(long)]
	full: bool,
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
}

impl Disputes {
	pub(crate) async fn run(&self) -> Result<()> {
		let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
		// By example, not by package: features are those of the whole workspace, and compiled.
		let status = Command::new(cargo)
			.args([
				"run",
				"--profile",
				"bench",
				"--locked",
				"--quiet",
				"--example",
				"disputes",
				"--",
			])
			.args(self.full.then_some("full"))
			.args(self.json.then_some("json"))
			.current_dir(paths::root()?)
			.kill_on_drop(true)
			.status()
			.await
			.context("cannot start cargo")?;
		ensure!(status.success(), "the measurement ended with {status}");
		Ok(())
	}
}
