//! Agents that deviate over many jobs, and what it costs them.
//!
//! The chain's economics are inequalities (`assay_primitives::economics`). Here agents play against
//! them: every pledge, fee, bond and reward is computed by the functions that the chain uses,
//! chance decides who is called to audit, and coins move between accounts without being made or
//! lost. What a strategy earns is compared with what the same agent would have earned by honesty
//! **under the same chance**, and with a formula for the average.
//!
//! | module | what |
//! |---|---|
//! | [`ledger`] | who has how much |
//! | [`dice`] | chance, reproducible from a seed |
//! | [`market`] | what things cost in one cell of the grid |
//! | [`strategy`] | what agents do, and what of it moves which coins |
//! | [`formula`] | the same on average, computed |
//! | [`mod@run`] | cells, units, means, intervals, findings |
//! | [`table`], [`plots`] | how that is shown |
//!
//! ## What is not modelled
//!
//! One provider, one model, jobs one after the other; auditors have equal stakes and are never
//! offline. Parties can always pay: what a bond allows to be pledged at the same time is no limit
//! here. A game is won by who is right and costs what `BondTerms` says. Validators that throw a
//! block away pay nothing for it. An audit deviates on every one of its units: units of such
//! strategies are audits, not jobs, since an auditor of a twentieth sees few jobs in 100,000.

pub mod dice;
pub mod formula;
pub mod ledger;
pub mod market;
pub mod plots;
pub mod run;
pub mod strategy;
pub mod table;

pub use run::{Row, Settings};

use anyhow::{Context, Result};
use serde::Serialize;
use std::{
	path::PathBuf,
	sync::atomic::{AtomicUsize, Ordering},
};

/// What `cargo xtask simulate` was asked for.
#[derive(Clone, Debug)]
pub struct Options {
	/// Units of each strategy in each cell.
	pub jobs: u32,
	/// Where chance starts.
	pub seed: u64,
	/// Print one JSON object as the last line.
	pub json: bool,
	/// Folder for all rows and the pictures.
	pub maybe_out: Option<PathBuf>,
}

/// Everything, as JSON.
#[derive(Debug, Serialize)]
struct Summary<'a> {
	jobs: u32,
	seed: u64,
	seconds: f64,
	findings: &'a [String],
	rows: &'a [Row],
}

/// Plays the grid and the defaults, prints tables, writes pictures. Returns what is not as it must
/// be: a deviation that wins at the defaults, a played mean that is not the formula's.
pub fn simulate(options: &Options) -> Result<Vec<String>> {
	let started = std::time::Instant::now();
	let rows = play_all(options);
	let findings: Vec<_> = rows.iter().filter_map(Row::finding).collect();
	println!("What the formulas say (money in prices of a job):\n\n{}", table::formulas());
	println!("At the defaults, as played:\n\n{}", table::played(at_the_defaults(&rows)));
	for finding in &findings {
		eprintln!("{finding}");
	}
	let seconds = started.elapsed().as_secs_f64();
	let summary = Summary {
		jobs: options.jobs,
		seed: options.seed,
		seconds,
		findings: &findings,
		rows: &rows,
	};
	if let Some(folder) = &options.maybe_out {
		let pictures = plots::write(folder, &rows)?;
		let path = folder.join("simulate.json");
		std::fs::write(&path, serde_json::to_string_pretty(&summary)?)
			.with_context(|| format!("cannot write {}", path.display()))?;
		println!("{}: simulate.json {}", folder.display(), pictures.join(" "));
	}
	println!("{} rows of {} units in {seconds:.1} s", rows.len(), options.jobs);
	if options.json {
		println!("{}", serde_json::to_string(&summary)?);
	}
	Ok(findings)
}

/// What the documentation shows of a run: the default rate, all honest stake that is assumed.
pub fn at_the_defaults(rows: &[Row]) -> impl Iterator<Item = &Row> {
	let cell = market::Cell::DEFAULT;
	rows.iter().filter(move |row| {
		row.is_default
			&& row.lambda == formula::fraction(cell.lambda_ppb)
			&& row.honest_share == formula::fraction(cell.honest_ppb)
	})
}

fn play_all(options: &Options) -> Vec<Row> {
	let cells = [run::grid(), run::defaults()].concat();
	let all = cells.len() * strategy::Strategy::ALL.len();
	let played = AtomicUsize::new(0);
	let progress = || {
		let count = played.fetch_add(1, Ordering::Relaxed) + 1;
		if count.is_multiple_of(100) || count == all {
			eprintln!("simulate: {count} of {all}");
		}
	};
	run::play(&cells, Settings { units: options.jobs, seed: options.seed }, progress)
}
