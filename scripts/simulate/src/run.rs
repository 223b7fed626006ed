//! Plays every strategy in every cell, and sums up.

use crate::{
	dice::Dice,
	formula::{self, fraction, prices},
	ledger::{Account, Ledger},
	market::{Cell, Market, PRICE},
	strategy::{Chances, Game, Kind, Strategy},
};
use assay_primitives::economics::{HONEST_SHARE_PPB, LAMBDA_DEFAULT_PPB, LAMBDA_MIN_PPB, PPB};
use rayon::prelude::*;
use serde::Serialize;

/// Rates of the grid.
pub const LAMBDAS_PPB: [u32; 5] = [5_000_000, 10_000_000, 20_000_000, 50_000_000, 100_000_000];
/// Honest shares of the grid.
pub const HONEST_PPB: [u32; 3] = [300_000_000, 500_000_000, 800_000_000];
/// Values at risk of the grid, in prices.
pub const VALUE_FACTORS: [u32; 3] = [1, 10, 100];
/// What a deviation loses at least at the defaults, in prices for each unit that deviates, also
/// where computing a job costs all of its price.
pub const STATED_MARGIN: f64 = 0.25;
/// What farming audit pay loses at least: nothing is staked for it, so only fees are lost.
pub const STATED_MARGIN_FARM: f64 = 0.02;
/// Prices in the audit pool at the start.
const POOL_FLOAT: u128 = 1_000;
/// Standard errors within which a played mean must lie of its formula.
const AGREEMENT: f64 = 4.5;
/// Detections that a row must expect before its mean says anything.
const DETECTIONS_MIN: f64 = 100.0;

/// What to play.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
	/// Units of each strategy in each cell.
	pub units: u32,
	/// Where chance starts.
	pub seed: u64,
}

/// One strategy in one cell. Money is in prices of a job, chances are fractions.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
	/// Whether the rules know a pledge here; if not, the formula's is played all the same.
	pub is_audited: bool,
	/// Whether this is one of the cells that the defaults must hold in.
	pub is_default: bool,
	/// Audits per job.
	pub lambda: f64,
	/// Honest share of the audit stake.
	pub honest_share: f64,
	/// Value at risk.
	pub value: u32,
	/// Name of the strategy.
	pub strategy: &'static str,
	/// Whether a verdict counts it.
	pub is_deviation: bool,
	/// What one unit is.
	pub unit: &'static str,
	/// Units played.
	pub units: u32,
	/// Of these, those on which the agent deviated.
	pub deviations: u32,
	/// Mean profit of the agent, of a unit.
	pub profit: f64,
	/// The same if it were honest.
	pub profit_honest: f64,
	/// What deviating earns more, of a unit: mean.
	pub advantage: f64,
	/// Half of its 95 % interval.
	pub advantage_ci95: f64,
	/// The same by the formula.
	pub advantage_formula: f64,
	/// Share of deviations that were found out.
	pub detection: Option<f64>,
	/// The same by the formula.
	pub detection_formula: Option<f64>,
	/// What a tenant pays beside the price.
	pub fee: f64,
	/// Pledge of the job.
	pub pledge: f64,
	/// What locking that costs the provider.
	pub rent: f64,
	/// What an outsider's game leaves its victim with, for sham challenges.
	pub victim: f64,
	/// Change of the audit pool, of a unit.
	pub pool: f64,
	/// Sum over all accounts at the end: zero.
	pub imbalance: String,
}

impl Row {
	/// Whether so much was found out that the mean says something.
	pub fn is_measured(&self) -> bool {
		let detections = |chance| chance * f64::from(self.deviations);
		self.detection_formula.is_none_or(|chance| detections(chance) >= DETECTIONS_MIN)
	}

	/// Whether the played mean and the formula agree.
	pub fn agrees(&self) -> bool {
		let error = self.advantage_ci95 / 1.96;
		(self.advantage - self.advantage_formula).abs() <= AGREEMENT * error + 1e-6
	}

	/// What the deviation loses, for each unit that deviates, by the formula.
	pub fn margin(&self) -> f64 {
		-self.advantage_formula * f64::from(self.units) / f64::from(self.deviations.max(1))
	}

	/// What is not as it must be at the defaults.
	pub fn finding(&self) -> Option<String> {
		let place = format!(
			"{} at lambda {}, honest share {}, value {}x",
			self.strategy, self.lambda, self.honest_share, self.value
		);
		if self.is_measured() && !self.agrees() {
			return Some(format!(
				"{place}: played {} +- {}, computed {}",
				self.advantage, self.advantage_ci95, self.advantage_formula
			));
		}
		if !self.is_default || !self.is_deviation {
			return None;
		}
		let least = stated_margin(self.strategy);
		if self.margin() < least {
			return Some(format!("{place}: loses {}, stated are {least}", self.margin()));
		}
		(self.is_measured() && self.advantage > self.advantage_ci95)
			.then(|| format!("{place}: won {} when played", self.advantage))
	}
}

/// What is stated of a strategy, by its name.
pub fn stated_margin(strategy: &str) -> f64 {
	if strategy == Strategy::Farm.name() {
		STATED_MARGIN_FARM
	} else {
		STATED_MARGIN
	}
}

/// The whole grid: a pledge that fits each cell, also where the rules know none.
pub fn grid() -> Vec<Cell> {
	cells(&LAMBDAS_PPB, |honest_ppb| honest_ppb, false)
}

/// The cells that the defaults must hold in: rates that the rules know, at least as much honest
/// stake as they assume.
pub fn defaults() -> Vec<Cell> {
	cells(&[LAMBDA_MIN_PPB, LAMBDA_DEFAULT_PPB, PPB / 10], |_| HONEST_SHARE_PPB, true)
}

fn cells(lambdas_ppb: &[u32], assumed: fn(u32) -> u32, is_bounded: bool) -> Vec<Cell> {
	let mut cells = Vec::new();
	for &lambda_ppb in lambdas_ppb {
		for honest_ppb in HONEST_PPB {
			let assumed_ppb = assumed(honest_ppb);
			cells.extend(VALUE_FACTORS.map(|value_factor| Cell {
				lambda_ppb,
				honest_ppb,
				assumed_ppb,
				value_factor,
				is_bounded,
			}));
		}
	}
	cells
}

/// Plays every strategy in every cell, on all processors. `done` is told after each; what comes out
/// depends on cells and settings alone.
pub fn play(cells: &[Cell], settings: Settings, done: impl Fn() + Sync) -> Vec<Row> {
	let pairs: Vec<_> = cells
		.iter()
		.flat_map(|cell| Strategy::ALL.map(|strategy| (*cell, strategy)))
		.enumerate()
		.collect();
	pairs
		.into_par_iter()
		.filter_map(|(stream, (cell, strategy))| {
			let row = play_one(cell, strategy, settings, stream.try_into().unwrap_or(u64::MAX));
			done();
			row
		})
		.collect()
}

/// Plays one strategy in one cell; none where there is no market.
pub fn play_one(cell: Cell, strategy: Strategy, settings: Settings, stream: u64) -> Option<Row> {
	let market = Market::of(cell)?;
	let mut endowed = Ledger::default();
	endowed.transfer(Account::Treasury, Account::Pool, POOL_FLOAT * PRICE);
	let mut game = Game {
		market: &market,
		chances: Chances::of(&market),
		dice: Dice::new(settings.seed, stream),
		worlds: [endowed.clone(), endowed],
	};
	let (mut advantage, mut before) = (Moments::default(), 0);
	let (mut deviations, mut detected) = (0u32, 0u32);
	for _ in 0..settings.units {
		let played = game.play(strategy);
		debug_assert!(game.worlds.iter().all(|world| world.total() == 0), "coins were made");
		deviations += u32::from(played.deviates);
		detected += u32::from(played.is_detected);
		let ahead = wealth(&game.worlds[1], strategy) - wealth(&game.worlds[0], strategy);
		advantage.add((ahead - before) as f64 / PRICE as f64);
		before = ahead;
	}
	let tally = Tally { advantage, deviations, detected, units: settings.units };
	Some(row(cell, &market, strategy, &tally, &game.worlds))
}

/// What was counted.
#[derive(Debug)]
struct Tally {
	advantage: Moments,
	deviations: u32,
	detected: u32,
	units: u32,
}

fn row(
	cell: Cell,
	market: &Market,
	strategy: Strategy,
	tally: &Tally,
	worlds: &[Ledger; 2],
) -> Row {
	let units = f64::from(tally.units);
	let of_unit = |amount: i128| amount as f64 / PRICE as f64 / units;
	let detection_formula = formula::detection(market, strategy);
	let detection =
		detection_formula.map(|_| f64::from(tally.detected) / f64::from(tally.deviations.max(1)));
	Row {
		is_audited: cell.is_bounded || crate::market::is_audited(cell.lambda_ppb, cell.assumed_ppb),
		is_default: cell.is_bounded,
		lambda: fraction(cell.lambda_ppb),
		honest_share: fraction(cell.honest_ppb),
		value: cell.value_factor,
		strategy: strategy.name(),
		is_deviation: strategy.kind() == Kind::Deviation,
		unit: strategy.unit(),
		units: tally.units,
		deviations: tally.deviations,
		profit: of_unit(wealth(&worlds[1], strategy)),
		profit_honest: of_unit(wealth(&worlds[0], strategy)),
		advantage: tally.advantage.mean(),
		advantage_ci95: 1.96 * tally.advantage.standard_error(),
		advantage_formula: formula::advantage(market, strategy),
		detection,
		detection_formula,
		fee: prices(market.fee),
		pledge: prices(market.pledge),
		rent: prices(market.rent),
		victim: match strategy {
			Strategy::ShamChallenge => of_unit(worlds[1].balance(Account::Provider)),
			_ => 0.0,
		},
		pool: of_unit(worlds[1].balance(Account::Pool)) - POOL_FLOAT as f64 / units,
		imbalance: (worlds[0].total().abs()
			+ worlds[1].total().abs()
			+ worlds[0].balance(Account::Held).abs()
			+ worlds[1].balance(Account::Held).abs())
		.to_string(),
	}
}

fn wealth(ledger: &Ledger, strategy: Strategy) -> i128 {
	strategy.actors().iter().map(|account| ledger.balance(*account)).sum()
}

/// Mean and variance of a stream of numbers, by Welford's recurrence.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
	count: f64,
	mean: f64,
	squares: f64,
}

impl Moments {
	fn add(&mut self, value: f64) {
		self.count += 1.0;
		let distance = value - self.mean;
		self.mean += distance / self.count;
		self.squares += distance * (value - self.mean);
	}

	fn mean(&self) -> f64 {
		self.mean
	}

	fn standard_error(&self) -> f64 {
		(self.squares / (self.count - 1.0).max(1.0) / self.count.max(1.0)).sqrt()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn moments_of_a_few_numbers() {
		let mut moments = Moments::default();
		[1.0, 2.0, 3.0, 4.0].into_iter().for_each(|value| moments.add(value));
		assert_eq!(moments.mean(), 2.5);
		// Variance 5/3 of a sample of four.
		assert!((moments.standard_error() - (5.0f64 / 12.0).sqrt()).abs() < 1e-12);
	}
}
