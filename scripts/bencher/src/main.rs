//! Runs the benchmarks of one pallet in the runtime's Wasm, and writes weights. `cargo xtask
//! weights` builds it and calls it for each pallet of ours.
//!
//! What to run, and how often, follows the SDK's own command, and so do the regression and the
//! state that counts accesses, which are the SDK's libraries. The command itself is not used: it
//! brings along crates of a relay chain whose licence has no linking exception.

mod measure;
mod report;
mod runtime;

use anyhow::{Context, Result};
use clap::Parser;
use std::path::PathBuf;

/// Measures what the calls of a pallet cost.
#[derive(Debug, Parser)]
#[command(name = "assay-bencher")]
struct Bencher {
	/// The runtime's Wasm, built with its benchmarks.
	#[arg(long)]
	runtime: PathBuf,
	/// The pallet, as the runtime's list of benchmarks names it.
	#[arg(long)]
	pallet: String,
	#[command(flatten)]
	effort: measure::Effort,
	/// Where to write the weights. Without it nothing is written.
	#[arg(long)]
	output: Option<PathBuf>,
	/// Instead of what calls cost, measure this extra benchmark with each value of its component, and
	/// write the fastest run of each, in nanoseconds: a list in JSON.
	#[arg(long)]
	each: Option<String>,
}

fn main() -> Result<()> {
	let Bencher { runtime, pallet, effort, output, each } = Bencher::parse();
	let runtime = runtime::Runtime::load(&runtime)?;
	let text = if let Some(name) = each {
		serde_json::to_string(&measure::each(&runtime, &pallet, &name, &effort)?)?
	} else {
		let (measured, storage) = measure::pallet(&runtime, &pallet, &effort)?;
		report::weights(&pallet, &effort, &measured, &storage)?
	};
	if let Some(path) = output {
		std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
	}
	Ok(())
}
