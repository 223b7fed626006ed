//! What a scenario came to.

use serde::Serialize;
use std::collections::BTreeMap;

/// One scenario, played to its end.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
	pub(super) name: String,
	pub(super) ok: bool,
	/// Blocks from the first job to the last settlement.
	pub(super) blocks: u32,
	/// The whole of it, with the network's start.
	pub(super) seconds: f64,
	pub(super) games: usize,
	/// Answers that the chain took.
	pub(super) moves: usize,
	/// What each party has more or less than before, in planck.
	pub(super) parties: BTreeMap<String, i128>,
	pub(super) passed: usize,
	/// What did not hold: what was expected, and what was there.
	pub(super) failed: Vec<String>,
}

impl Report {
	pub(super) fn new(name: &str) -> Self {
		Self { name: name.into(), ..Self::default() }
	}

	/// Notes whether something holds.
	pub(super) fn check(&mut self, holds: bool, what: &str) {
		let word = if holds { "ok    " } else { "FAILED" };
		println!("{word}  {}: {what}", self.name);
		match holds {
			true => self.passed += 1,
			false => self.failed.push(what.into()),
		}
	}

	/// Notes whether two things are the same.
	pub(super) fn equal<T: PartialEq + std::fmt::Debug>(
		&mut self,
		found: T,
		expected: T,
		what: &str,
	) {
		match found == expected {
			true => self.check(true, what),
			false => self.check(false, &format!("{what}: expected {expected:?}, found {found:?}")),
		}
	}

	/// Takes in what another chain of the same scenario came to, played beside this one.
	pub(super) fn add(&mut self, other: Self) {
		self.blocks = self.blocks.max(other.blocks);
		self.games += other.games;
		self.moves += other.moves;
		self.passed += other.passed;
		self.failed.extend(other.failed);
		for (name, change) in other.parties {
			*self.parties.entry(name).or_default() += change;
		}
	}

	/// Whether all of it held.
	pub(super) fn conclude(&mut self, seconds: f64) {
		self.seconds = seconds;
		self.ok = self.failed.is_empty() && self.passed > 0;
		println!(
			"{}  {}: {} passed, {} failed; {} games, {} moves, {} blocks, {seconds:.0} s",
			if self.ok { "DONE  " } else { "FAILED" },
			self.name,
			self.passed,
			self.failed.len(),
			self.games,
			self.moves,
			self.blocks,
		);
	}
}
