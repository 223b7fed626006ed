//! `cargo xtask simulate`: does any deviation pay at the defaults?

use anyhow::{ensure, Result};
use clap::{value_parser, Args};
use std::path::PathBuf;

/// What to play, and where to put it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Simulate {
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
	/// Jobs (or audits, or challenges) of each strategy in each cell of the grid. Fewer than a
	/// thousand say nothing.
	#[arg(long, value_name = "N", default_value_t = 100_000)]
	#[arg(value_parser = value_parser!(u32).range(1_000..))]
	jobs: u32,
	/// Where chance starts.
	#[arg(long, value_name = "S", default_value_t = 1)]
	seed: u64,
	/// Folder for all rows, as JSON, and for the pictures.
	#[arg(long, value_name = "DIR")]
	out: Option<PathBuf>,
}

impl Simulate {
	/// Fails where a deviation wins at the defaults, or play and formula disagree.
	pub(crate) fn run(self) -> Result<()> {
		let findings = assay_simulate::simulate(&assay_simulate::Options {
			jobs: self.jobs,
			seed: self.seed,
			json: self.json,
			maybe_out: self.out,
		})?;
		ensure!(findings.is_empty(), "{} findings", findings.len());
		Ok(())
	}
}
