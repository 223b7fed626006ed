//! Which points are measured, and how often.

use crate::runtime::{Runtime, State};
use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use frame_benchmarking::{
	BenchmarkConfig, BenchmarkList, BenchmarkMetadata, BenchmarkParameter, BenchmarkResult,
};
use frame_support::traits::StorageInfo;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Effort {
	/// Values that are tried of each component.
	#[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..))]
	pub(crate) steps: u32,
	/// Runs with each value, at least.
	#[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
	pub(crate) repeat: u32,
	/// Seconds that each benchmark is run for, at least.
	#[arg(long, default_value_t = 10)]
	pub(crate) seconds: u64,
}

/// What came out of one benchmark.
#[derive(Debug)]
pub(crate) struct Measured {
	/// Its name: that of a function of the pallet's `WeightInfo`.
	pub(crate) name: String,
	/// Components with the lowest and highest value that were tried.
	pub(crate) components: Vec<(BenchmarkParameter, u32, u32)>,
	/// Runs on a state that does nothing but answer: their times count.
	pub(crate) times: Vec<BenchmarkResult>,
	/// One run with each value on a state that counts: its reads and writes count.
	pub(crate) accesses: Vec<BenchmarkResult>,
}

type Point = Vec<(BenchmarkParameter, u32)>;

/// Runs all benchmarks of a pallet.
pub(crate) fn pallet(
	runtime: &Runtime,
	pallet: &str,
	effort: &Effort,
) -> Result<(Vec<Measured>, Vec<StorageInfo>)> {
	let (plain, counting) = (state(runtime, false)?, state(runtime, true)?);
	let (list, storage) = benchmarks(runtime, &plain, pallet, false)?;
	ensure!(!list.benchmarks.is_empty(), "{pallet} has no benchmarks");
	let mut all = Vec::new();
	for benchmark in &list.benchmarks {
		let name = String::from_utf8_lossy(&benchmark.name).into_owned();
		let measured = measure(runtime, &plain, &counting, &list, benchmark, effort)
			.with_context(|| format!("benchmark {pallet}::{name}"))?;
		println!("{pallet}::{name}: {} runs", measured.times.len());
		all.push(measured);
	}
	Ok((all, storage))
}

/// The fastest run of an extra benchmark with each value of its one component, in nanoseconds.
pub(crate) fn each(
	runtime: &Runtime,
	pallet: &str,
	name: &str,
	effort: &Effort,
) -> Result<Vec<u128>> {
	let plain = state(runtime, false)?;
	let (list, _) = benchmarks(runtime, &plain, pallet, true)?;
	let benchmark = list
		.benchmarks
		.iter()
		.find(|benchmark| benchmark.name == name.as_bytes())
		.with_context(|| format!("{pallet} has no benchmark {name}"))?;
	let [(component, low, high)] = *benchmark.components else {
		bail!("{pallet}::{name} has not one component");
	};
	let fastest = |value| {
		let config = |verify, repeats| BenchmarkConfig {
			pallet: list.pallet.clone(),
			instance: list.instance.clone(),
			benchmark: benchmark.name.clone(),
			selected_components: vec![(component, value)],
			verify,
			internal_repeats: repeats,
		};
		runtime.run(&plain, &config(true, 1))?;
		let times = runtime.run(&plain, &config(false, effort.repeat))?;
		let fastest = times.iter().map(|result| result.extrinsic_time).min();
		fastest.context("there was no run")
	};
	(low..=high).map(fastest).collect()
}

fn state(runtime: &Runtime, counting: bool) -> Result<State> {
	State::new(runtime.genesis()?, None, false, counting)
		.map_err(|error| anyhow::anyhow!("no state: {error}"))
}

fn benchmarks(
	runtime: &Runtime,
	state: &State,
	pallet: &str,
	extra: bool,
) -> Result<(BenchmarkList, Vec<StorageInfo>)> {
	let (lists, storage) = runtime.benchmarks(state, extra)?;
	let mut lists = lists.into_iter();
	let list = lists
		.find(|list| list.pallet == pallet.as_bytes())
		.with_context(|| format!("the runtime has no benchmarks of {pallet}"))?;
	Ok((list, storage))
}

fn measure(
	runtime: &Runtime,
	plain: &State,
	counting: &State,
	list: &BenchmarkList,
	benchmark: &BenchmarkMetadata,
	effort: &Effort,
) -> Result<Measured> {
	let config = |point: &Point, verify, repeats| BenchmarkConfig {
		pallet: list.pallet.clone(),
		instance: list.instance.clone(),
		benchmark: benchmark.name.clone(),
		selected_components: point.clone(),
		verify,
		internal_repeats: repeats,
	};
	let points = points(&benchmark.components, effort.steps);
	let (mut times, mut accesses) = (Vec::new(), Vec::new());
	for point in &points {
		// The checks at a benchmark's end cost time, so this run is not measured.
		runtime.run(plain, &config(point, true, 1))?;
		accesses.extend(runtime.run(counting, &config(point, false, 1))?);
	}
	let begun = Instant::now();
	loop {
		for point in &points {
			times.extend(runtime.run(plain, &config(point, false, effort.repeat))?);
		}
		if begun.elapsed() >= Duration::from_secs(effort.seconds) {
			break;
		}
	}
	Ok(Measured {
		name: String::from_utf8(benchmark.name.clone()).context("names are text")?,
		components: benchmark.components.clone(),
		times,
		accesses,
	})
}

/// Each component from its lowest to its highest value, while all others are at their highest.
fn points(components: &[(BenchmarkParameter, u32, u32)], steps: u32) -> Vec<Point> {
	if components.is_empty() {
		return vec![Vec::new()];
	}
	let mut points = Vec::new();
	for (moving, low, high) in components {
		let last = u64::from(steps.max(2) - 1);
		for step in 0..=last {
			let value = u64::from(*low) + u64::from(high.saturating_sub(*low)) * step / last;
			let value = u32::try_from(value).unwrap_or(*high);
			let at = |name, high| if name == *moving { value } else { high };
			points
				.push(components.iter().map(|(name, _, high)| (*name, at(*name, *high))).collect());
		}
	}
	points
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn one_component_moves_at_a_time() {
		use BenchmarkParameter::{a, b};
		assert_eq!(points(&[], 5), [Point::new()]);
		assert_eq!(points(&[(a, 0, 10)], 3), [[(a, 0)], [(a, 5)], [(a, 10)]]);
		assert_eq!(
			points(&[(a, 1, 2), (b, 3, 4)], 2),
			[[(a, 1), (b, 4)], [(a, 2), (b, 4)], [(a, 2), (b, 3)], [(a, 2), (b, 4)]]
		);
	}
}
