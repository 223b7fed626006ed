//! The simulation without the rest of `xtask`: folder for the pictures, units, seed.

use assay_simulate::{simulate, Options};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
	let mut arguments = std::env::args().skip(1);
	let maybe_out = arguments.next().map(Into::into);
	let jobs = arguments.next().map_or(Ok(100_000), |jobs| jobs.parse())?;
	let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
	let findings = simulate(&Options { jobs, seed, json: false, maybe_out })?;
	Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
