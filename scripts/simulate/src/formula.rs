//! What each deviation earns on average, computed instead of played: what a simulation must agree
//! with, and what a verdict rests on where chance blurs the played figures.

use crate::{
	market::{Market, AUDIT_PAY, CAPTURED_BLOCKS_PPB, JACKPOT, PRICE},
	strategy::{Strategy, SOMETIMES_PPB},
};
use assay_primitives::{
	economics::{PPB, TRAP_CHANCE_PPB},
	Balance,
};

/// Coins, in prices.
pub fn prices(amount: Balance) -> f64 {
	amount as f64 / PRICE as f64
}

/// A share or chance, as a fraction.
pub fn fraction(ppb: u32) -> f64 {
	f64::from(ppb) / f64::from(PPB)
}

/// What a unit of a strategy earns more than an honest one, in prices.
pub fn advantage(market: &Market, strategy: Strategy) -> f64 {
	let d = fraction(market.detection_ppb);
	let (value, pledge) = (prices(market.value), prices(market.pledge));
	let (cost, pay, jackpot) = (prices(market.cost), prices(AUDIT_PAY), prices(JACKPOT));
	let paid = prices(PRICE - market.protocol);
	let audit_pledge = prices(market.audit_pledge);
	let p_trap = fraction(TRAP_CHANCE_PPB);
	let alone = |loot: f64| cost + (1.0 - d) * loot - d * (paid + pledge);
	match strategy {
		Strategy::Honest => 0.0,
		Strategy::Skimp => alone(0.0),
		Strategy::Cheat => alone(value),
		Strategy::CheatSometimes => fraction(SOMETIMES_PPB) * alone(value),
		Strategy::Collude | Strategy::Validator | Strategy::PublicDuties => {
			together(market, strategy)
		},
		Strategy::Convict => cost - paid - pledge + prices(market.reward_max()),
		Strategy::Farm => {
			others_called(market) * pay
				- prices(market.fee)
				- prices(market.protocol)
				- prices(market.rent)
		},
		Strategy::LazyAudit => cost - p_trap * (audit_pledge + pay + jackpot),
		Strategy::ShamNotice => cost - audit_pledge - pay - p_trap * jackpot,
		Strategy::ShamChallenge => -prices(market.bond),
		Strategy::Watch => {
			let won = prices(market.reward()) - prices(market.game_cost);
			fraction(SOMETIMES_PPB) * won - cost
		},
	}
}

/// Chance that a deviation is found out; none where that is not a matter of chance.
pub fn detection(market: &Market, strategy: Strategy) -> Option<f64> {
	let d = fraction(market.detection_ppb);
	let captured = fraction(CAPTURED_BLOCKS_PPB);
	match strategy {
		Strategy::Skimp
		| Strategy::Cheat
		| Strategy::CheatSometimes
		| Strategy::Collude
		| Strategy::Validator => Some(d),
		// Both draws must call somebody.
		Strategy::PublicDuties => Some((1.0 - captured) * d + captured * d * d),
		Strategy::LazyAudit => Some(fraction(TRAP_CHANCE_PPB)),
		_ => None,
	}
}

/// A provider with auditors and a challenger of its own.
fn together(market: &Market, strategy: Strategy) -> f64 {
	let d = detection(market, strategy).unwrap_or_default();
	let (cost, pay) = (prices(market.cost), prices(AUDIT_PAY));
	let lost = prices(market.pledge) - prices(market.reward_max());
	let provider =
		cost + (1.0 - d) * prices(market.value) - d * (prices(PRICE - market.protocol) + lost);
	let called = others_called(market);
	let captured = fraction(CAPTURED_BLOCKS_PPB);
	let chosen = match strategy {
		Strategy::Validator => {
			(1.0 - captured) * called
				+ captured * larger_of_two(market.other_seats, fraction(market.duty_ppb))
		},
		_ => called,
	};
	let auditors = chosen * ((1.0 - d) * pay - d * prices(market.audit_pledge));
	provider + auditors - called * (pay - cost)
}

/// Audits of a job by auditors that are not honest.
fn others_called(market: &Market) -> f64 {
	f64::from(market.other_seats) * fraction(market.duty_ppb)
}

/// Expected larger one of two draws of a binomial distribution.
fn larger_of_two(of: u32, chance: f64) -> f64 {
	let mut term = (1.0 - chance).powi(of.try_into().unwrap_or(i32::MAX));
	let (mut below, mut sum) = (0.0, 0.0);
	for k in 0..of {
		below += term;
		// That at least one of both is above `k`.
		sum += 1.0 - below * below;
		term *= f64::from(of - k) / f64::from(k + 1) * chance / (1.0 - chance);
	}
	sum
}

/// Smallest honest share with which colluding does not pay, while the pledge stays what it is; in
/// steps of a thousandth.
pub fn honest_share_needed(market: &Market) -> Option<f64> {
	(1..=1_000u32).map(|n| n * (PPB / 1_000)).find_map(|share| {
		let detection_ppb = assay_primitives::economics::detection(market.lambda_ppb, share);
		let market = Market { detection_ppb, ..*market };
		(together(&market, Strategy::Collude) < 0.0).then_some(fraction(share))
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_larger_of_two_draws() {
		assert!((larger_of_two(1, 0.5) - 0.75).abs() < 1e-12);
		// Of two coins each: 0, 1, 2 heads at 1/4, 1/2, 1/4.
		assert!((larger_of_two(2, 0.5) - (15.0 / 16.0 + 7.0 / 16.0)).abs() < 1e-12);
		assert_eq!(larger_of_two(0, 0.5), 0.0);
	}
}
