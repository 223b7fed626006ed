//! Results as text: Markdown that a terminal shows as well.

use crate::{
	formula::{self, fraction, prices},
	market::{Cell, Market},
	run::{Row, HONEST_PPB, LAMBDAS_PPB, VALUE_FACTORS},
	strategy::Strategy,
};
use std::fmt::Write;

/// What follows from the formulas alone, for the whole grid: detection, cost to tenants, pledge,
/// and what the strongest deviation loses.
pub fn formulas() -> String {
	let mut text = String::from(
		"| lambda = fee | honest share | detection | pledge, 1x | 10x | 100x at risk | rent, 1x | \
		 collude, 1x | 10x | 100x |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
	);
	for lambda_ppb in LAMBDAS_PPB {
		for honest_ppb in HONEST_PPB {
			formula_line(&mut text, lambda_ppb, honest_ppb);
		}
	}
	text
}

fn formula_line(text: &mut String, lambda_ppb: u32, honest_ppb: u32) {
	let markets: Vec<_> = VALUE_FACTORS
		.iter()
		.filter_map(|&value_factor| {
			Market::of(Cell {
				lambda_ppb,
				honest_ppb,
				assumed_ppb: honest_ppb,
				value_factor,
				is_bounded: true,
			})
		})
		.collect();
	let d = assay_primitives::economics::detection(lambda_ppb, honest_ppb);
	let _ = write!(
		text,
		"| {:.1} % | {:.0} % | {:.4} % |",
		100.0 * fraction(lambda_ppb),
		100.0 * fraction(honest_ppb),
		100.0 * fraction(d)
	);
	let Some(first) = markets.first() else {
		text.push_str(" not audited | | | | | | |\n");
		return;
	};
	for market in &markets {
		let _ = write!(text, " {:.0} |", prices(market.pledge));
	}
	let _ = write!(text, " {:.2} % |", 100.0 * prices(first.rent));
	for market in &markets {
		let _ = write!(text, " {:+.2} |", formula::advantage(market, Strategy::Collude));
	}
	text.push('\n');
}

/// Strategies as they were played: first what the formulas say, then what was measured.
pub fn played<'a>(rows: impl IntoIterator<Item = &'a Row>) -> String {
	let mut text = String::from(
		"| strategy | lambda | honest | at risk | unit | by formula | detection by formula | \
		 played | 95 % | detection | profit | if honest |\n\
		 |---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|\n",
	);
	for row in rows {
		text.push_str(&computed_part(row));
		let _ = writeln!(
			text,
			" {:+.4} | {:.4} | {} | {:+.3} | {:+.3} |",
			row.advantage,
			row.advantage_ci95,
			percent(row.detection),
			row.profit,
			row.profit_honest
		);
	}
	text
}

/// The columns of a row that do not depend on chance.
pub fn computed_part(row: &Row) -> String {
	format!(
		"| {} | {:.1} % | {:.0} % | {}x | {} | {:+.4} | {} |",
		row.strategy,
		100.0 * row.lambda,
		100.0 * row.honest_share,
		row.value,
		row.unit,
		row.advantage_formula,
		percent(row.detection_formula)
	)
}

fn percent(maybe_fraction: Option<f64>) -> String {
	maybe_fraction.map_or_else(|| "-".into(), |fraction| format!("{:.3} %", 100.0 * fraction))
}
