//! The rules hold where agents play against them, and the documentation says what they give.

use assay_primitives::economics::PPB;
use assay_simulate::{
	at_the_defaults, formula,
	market::{Cell, Market, PRICE, SEATS, SEAT_SHARE_PPB},
	run::{defaults, play, play_one, stated_margin, Row, Settings},
	strategy::{Kind, Strategy, SOMETIMES_PPB},
	table,
};
use std::{fs, path::Path};

const SETTINGS: Settings = Settings { units: 40_000, seed: 1 };

fn one(cell: Cell, strategy: Strategy) -> Row {
	let Some(row) = play_one(cell, strategy, SETTINGS, 0) else { panic!("no market: {cell:?}") };
	row
}

/// Five standard deviations of a share that was counted.
fn spread(chance: f64, count: u32) -> f64 {
	5.0 * (chance * (1.0 - chance) / f64::from(count)).sqrt()
}

#[test]
fn the_defaults_make_every_deviation_lose() {
	let rows = play(&defaults(), SETTINGS, || {});
	assert_eq!(rows.len(), 27 * Strategy::ALL.len());
	let findings: Vec<_> = rows.iter().filter_map(Row::finding).collect();
	assert!(findings.is_empty(), "{findings:#?}");
}

/// What a strategy loses by the formula each time it deviates, in prices.
fn margin(market: &Market, strategy: Strategy) -> f64 {
	let often = match strategy {
		Strategy::CheatSometimes => formula::fraction(SOMETIMES_PPB),
		_ => 1.0,
	};
	-formula::advantage(market, strategy) / often
}

#[test]
fn they_lose_at_any_rate_any_value_any_cost_and_any_honest_share_from_the_assumed_on() {
	let lambdas = (2..=100).map(|percent| percent * (PPB / 100));
	let shares = || (6..=SEATS).map(|seats| seats * SEAT_SHARE_PPB);
	for (lambda_ppb, honest_ppb) in lambdas.flat_map(|l| shares().map(move |h| (l, h))) {
		for value_factor in [1, 2, 5, 10, 100, 1_000] {
			let cell = Cell { lambda_ppb, honest_ppb, value_factor, ..Cell::DEFAULT };
			let market = Market::of(cell).unwrap();
			for cost in [0, PRICE / 2, PRICE] {
				let market = Market { cost, ..market };
				for strategy in Strategy::ALL {
					let is_enough = margin(&market, strategy) >= stated_margin(strategy.name());
					let is_judged = strategy.kind() == Kind::Deviation;
					assert!(is_enough || !is_judged, "{strategy:?} {cell:?} {cost}");
				}
			}
		}
	}
}

#[test]
fn coins_are_neither_made_nor_lost_and_none_stays_held() {
	for row in play(&defaults(), Settings { units: 5_000, seed: 2 }, || {}) {
		assert_eq!(row.imbalance, "0", "{}", row.strategy);
	}
}

#[test]
fn as_many_are_found_out_as_the_formula_says() {
	for lambda_ppb in [20_000_000, 100_000_000] {
		for strategy in [Strategy::Cheat, Strategy::Collude, Strategy::Validator] {
			let row = one(Cell { lambda_ppb, ..Cell::DEFAULT }, strategy);
			let (found, chance) = (row.detection.unwrap(), row.detection_formula.unwrap());
			assert!((found - chance).abs() < spread(chance, row.deviations), "{row:?}");
		}
	}
}

#[test]
fn validators_that_choose_the_randomness_hide_nothing() {
	let cell = Cell { lambda_ppb: 100_000_000, ..Cell::DEFAULT };
	let (biased, plain) = (one(cell, Strategy::Validator), one(cell, Strategy::Collude));
	let chance = plain.detection_formula.unwrap();
	assert!((biased.detection.unwrap() - chance).abs() < spread(chance, biased.deviations));
	// They would, if they could see who is called: the test above is able to tell.
	let public = one(cell, Strategy::PublicDuties);
	assert!(public.detection.unwrap() < chance - spread(chance, public.deviations));
}

#[test]
fn with_less_honest_stake_than_assumed_colluding_pays() {
	let cell = Cell { assumed_ppb: 800_000_000, ..Cell::DEFAULT };
	let row = one(cell, Strategy::Collude);
	assert!(row.advantage > row.advantage_ci95, "{row:?}");
	assert!(row.finding().is_some());
}

#[test]
fn a_fifth_less_honest_stake_leaves_no_profit() {
	let needed = |value_factor| {
		let market = Market::of(Cell { value_factor, ..Cell::DEFAULT }).unwrap();
		formula::honest_share_needed(&market).unwrap()
	};
	// As documented: 24 % where much is at risk, 19 % where the price is.
	assert!((0.235..=0.24).contains(&needed(100)), "{}", needed(100));
	assert!((0.185..=0.195).contains(&needed(1)), "{}", needed(1));
}

#[test]
fn a_griefed_provider_is_no_worse_off() {
	for cell in defaults() {
		assert!(one(cell, Strategy::ShamChallenge).victim >= 0.0);
	}
}

#[test]
fn the_audit_pool_pays_for_itself() {
	let row = one(Cell::DEFAULT, Strategy::Honest);
	// Pay of so many audits as fees pay for; five standard deviations of their count.
	let spread = 5.0 * (row.lambda / f64::from(row.units)).sqrt();
	assert!(row.pool.abs() < spread + row.lambda * row.lambda, "{row:?}");
	assert!(row.profit > 0.0);
}

#[test]
fn a_seed_decides_everything() {
	let text = |seed| {
		let rows = play(&[Cell::DEFAULT], Settings { units: 2_000, seed }, || {});
		table::played(&rows)
	};
	assert_eq!(text(1), text(1));
	assert_ne!(text(1), text(2));
}

#[test]
fn the_documented_tables_are_what_the_code_gives() {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/economics.md");
	let text = fs::read_to_string(path).unwrap();
	assert!(text.contains(&table::formulas()), "the table of formulas:\n{}", table::formulas());
	let rows = play(&defaults(), Settings { units: 1, seed: 1 }, || {});
	let shown: Vec<_> = at_the_defaults(&rows).map(table::computed_part).collect();
	assert_eq!(shown.len(), 3 * Strategy::ALL.len());
	for line in shown {
		assert!(text.contains(&line), "the table of strategies: {line}");
	}
}
