//! What was measured, as a Rust module.

use crate::measure::{Effort, Measured};
use anyhow::{ensure, Result};
use frame_benchmarking::{Analysis, BenchmarkResult, BenchmarkSelector};
use frame_support::traits::StorageInfo;
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt::Write,
	time::{SystemTime, UNIX_EPOCH},
};

/// Bytes at the beginning of a key that name its storage item.
const PREFIX: usize = 32;

/// A constant part and one factor for each component that matters, with its standard error.
struct Line {
	base: u128,
	slopes: Vec<(String, u128, u128)>,
	least: u128,
}

impl Line {
	fn through(results: &Vec<BenchmarkResult>, selector: BenchmarkSelector) -> Result<Self> {
		let analysis = Analysis::min_squares_iqr(results, selector)?;
		let errors = analysis.errors.unwrap_or_default().into_iter().chain(std::iter::repeat(0));
		let slopes = analysis
			.names
			.into_iter()
			.zip(analysis.slopes)
			.zip(errors)
			.map(|((name, slope), error)| (name, slope, error))
			.filter(|(_, slope, _)| *slope > 0)
			.collect();
		Ok(Self { base: analysis.base, slopes, least: analysis.minimum })
	}
}

/// The text of a module with the weights of a pallet.
pub(crate) fn weights(
	pallet: &str,
	effort: &Effort,
	all: &[Measured],
	storage: &[StorageInfo],
) -> Result<String> {
	let mut text = format!(
		"//! Weights of `{pallet}`, measured by `cargo xtask weights`, which overwrites this file.\n\
		 //!\n\
		 //! - processor: {}\n\
		 //! - date: {}\n\
		 //! - values tried of each component: {}\n\
		 //! - runs with each value: {}, and for {} s\n\
		 \n\
		 use core::marker::PhantomData;\n\
		 \n\
		 use frame_support::{{traits::Get, weights::Weight}};\n\
		 \n\
		 /// Measured times, and reads and writes at the cost of a runtime's database.\n\
		 #[derive(Debug)]\n\
		 pub struct WeightInfo<T>(PhantomData<T>);\n\
		 \n\
		 impl<T: frame_system::Config> {pallet}::WeightInfo for WeightInfo<T> {{\n",
		processor(),
		today(),
		effort.steps,
		effort.repeat,
		effort.seconds,
	);
	for measured in all {
		function(&mut text, measured, storage)?;
	}
	text.push_str("}\n");
	Ok(text)
}

fn function(text: &mut String, measured: &Measured, storage: &[StorageInfo]) -> Result<()> {
	let time = Line::through(&measured.times, BenchmarkSelector::ExtrinsicTime)?;
	let reads = Line::through(&measured.accesses, BenchmarkSelector::Reads)?;
	let writes = Line::through(&measured.accesses, BenchmarkSelector::Writes)?;
	ensure!(time.base > 0 || !time.slopes.is_empty(), "{} takes no time", measured.name);

	for (item, (reads, writes)) in items(&measured.accesses, storage) {
		writeln!(text, "\t// {item}: r {reads}, w {writes}.")?;
	}
	for (name, low, high) in &measured.components {
		writeln!(text, "\t// `{name}` was tried from {low} to {high}.")?;
	}
	let used: BTreeSet<&str> = [&time, &reads, &writes]
		.into_iter()
		.flat_map(|line| line.slopes.iter().map(|(name, ..)| name.as_str()))
		.collect();
	let parameters: Vec<String> = measured
		.components
		.iter()
		.map(|(name, ..)| name.to_string())
		.map(|name| format!("{}{name}: u32", if used.contains(&*name) { "" } else { "_" }))
		.collect();
	writeln!(text, "\tfn {}({}) -> Weight {{", measured.name, parameters.join(", "))?;
	writeln!(text, "\t\t// The fastest run took {} ns.", digits(time.least))?;
	writeln!(text, "\t\tWeight::from_parts({}, 0)", digits(time.base))?;
	for (name, slope, error) in &time.slopes {
		writeln!(text, "\t\t\t// Standard error: {} ps.", digits(*error))?;
		let slope = digits(*slope);
		writeln!(
			text,
			"\t\t\t.saturating_add(Weight::from_parts({slope}, 0).saturating_mul({name}.into()))"
		)?;
	}
	let database = "\t\t\t.saturating_add(T::DbWeight::get()";
	writeln!(text, "{database}.reads_writes({}, {}))", reads.base, writes.base)?;
	for (line, method) in [(&reads, "reads"), (&writes, "writes")] {
		for (name, slope, _) in &line.slopes {
			writeln!(text, "{database}.{method}({slope}).saturating_mul({name}.into()))")?;
		}
	}
	writeln!(text, "\t}}")?;
	Ok(())
}

/// Storage items of the run with most accesses, with the keys of each that were read and written.
fn items(accesses: &[BenchmarkResult], storage: &[StorageInfo]) -> BTreeMap<String, (u32, u32)> {
	let mut items = BTreeMap::<String, (u32, u32)>::new();
	let most = accesses.iter().max_by_key(|result| result.reads.saturating_add(result.writes));
	for (key, reads, writes, free) in most.map(|result| &result.keys[..]).unwrap_or_default() {
		// Some keys are in memory in every block, and cost nothing.
		if *free || (*reads, *writes) == (0, 0) {
			continue;
		}
		let prefix = &key[..key.len().min(PREFIX)];
		let name = storage.iter().find(|info| info.prefix == prefix).map_or_else(
			|| "A key of no pallet".to_string(),
			|info| {
				let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
				format!("`{}.{}`", text(&info.pallet_name), text(&info.storage_name))
			},
		);
		let (all_reads, all_writes) = items.entry(name).or_default();
		*all_reads += reads;
		*all_writes += writes;
	}
	items
}

/// A number with its digits in groups of three.
fn digits(number: u128) -> String {
	let plain = number.to_string();
	let mut grouped = String::new();
	for (index, digit) in plain.chars().enumerate() {
		if index > 0 && (plain.len() - index) % 3 == 0 {
			grouped.push('_');
		}
		grouped.push(digit);
	}
	grouped
}

fn processor() -> String {
	std::fs::read_to_string("/proc/cpuinfo")
		.ok()
		.and_then(|text| {
			let line = text.lines().find(|line| line.starts_with("model name"))?;
			Some(line.split_once(':')?.1.trim().to_string())
		})
		.unwrap_or_else(|| "unknown".to_string())
}

fn today() -> String {
	let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
	let (year, month, day) = date(seconds / 86_400);
	format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970, counted in years that begin in March: their leap day is
/// the last.
fn date(day: u64) -> (u64, u64, u64) {
	let day = day + 719_468;
	let (era, day) = (day / 146_097, day % 146_097);
	let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
	let day = day - (365 * year + year / 4 - year / 100);
	let month = (5 * day + 2) / 153;
	let day = day - (153 * month + 2) / 5 + 1;
	let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
	(era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn dates() {
		assert_eq!(date(0), (1970, 1, 1));
		assert_eq!(date(11_016), (2000, 2, 29));
		assert_eq!(date(20_454), (2026, 1, 1));
		assert_eq!(date(20_789), (2026, 12, 2));
	}

	#[test]
	fn digits_come_in_threes() {
		assert_eq!(digits(0), "0");
		assert_eq!(digits(999), "999");
		assert_eq!(digits(1_000), "1_000");
		assert_eq!(digits(1_234_567), "1_234_567");
	}
}
