//! `cargo xtask bench disputes`: what games about real models take of a chain, and what the referee
//! takes for each operator at its largest.

use crate::{paths, weights};
use anyhow::{ensure, Context, Result};
use clap::Args;
use tokio::process::Command;

/// Runs of the referee with each operator.
const REPEAT: u32 = 10;

/// The measurement is the example `disputes` of the runtime: the runtime itself, without a node.
/// The referee's time is that of the runtime's Wasm, measured by the bencher.
#[derive(Debug, Args)]
pub(crate) struct Disputes {
	/// The longest context of the chat model too, which takes minutes.
	#[arg(long)]
	full: bool,
	/// Only the referee, operator by operator.
	#[arg(long)]
	referee: bool,
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
}

impl Disputes {
	pub(crate) async fn run(&self) -> Result<()> {
		let folder = tempfile::tempdir().context("no folder for what is measured")?;
		let times = folder.path().join("referee.json");
		weights::each("pallet_disputes", "referee", REPEAT, &times).await?;
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
			.arg(&times)
			.args(self.referee.then_some("referee"))
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
