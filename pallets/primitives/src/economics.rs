//! What parties have to lock up, so that no deviation pays: pure functions of integers, which the
//! runtime, the simulator (`cargo xtask simulate`) and `docs/economics.md` share.
//!
//! Rates, shares and chances are in parts per billion (`_ppb`), money is in [`Balance`]. Every
//! rounding goes against whoever deviates: a chance of detection is never overstated, a pledge and
//! a fee are never too small.
//!
//! A wrong claim is worth at most what is at risk plus the computation it saves. It stands with
//! chance `1 - d` and costs the pledge with chance `d`, of which confederates get the share `r`
//! back. So it loses by a margin `m` where
//!
//! ```text
//! pledge * (1 - r) * d >= (value_at_risk + cost) * (1 + m) * (1 - d)
//! ```
//!
//! and an audit that only repeats what it was told, where `pledge * p_trap >= cost * (1 + m)`. The
//! third inequality, of a challenger's bond, is `pallet_disputes::types::BondTerms`.

use crate::Balance;
use sp_core::U256;

/// One, in parts per billion.
pub const PPB: u32 = 1_000_000_000;

/// Audits per job where a tenant asks for no other rate, and the fewest of a provider without a
/// record: five in a hundred, which is also what they add to its price. Less makes pledges too
/// large for small providers, more is paid by every tenant.
pub const LAMBDA_DEFAULT_PPB: u32 = 50_000_000;

/// Smallest rate of a job that is to be audited, for the providers with the best record: with
/// [`HONEST_SHARE_PPB`] the smallest full per cent whose detection is not below
/// [`DETECTION_MIN_PPB`].
pub const LAMBDA_MIN_PPB: u32 = 20_000_000;

/// Share of a model's audit stake that is taken to be honest: pledges are right where it is at
/// least that. Low, because nobody can measure it, and because collusion is cheap to try.
pub const HONEST_SHARE_PPB: u32 = 300_000_000;

/// Smallest chance of detection for which there is a pledge. At it a job pledges about 500 times
/// what is at stake; beyond, an error in the assumed honest share weighs more than any margin.
pub const DETECTION_MIN_PPB: u32 = 5_000_000;

/// By how much a deviation loses, relative to what it gains: a fifth less honest stake than assumed
/// still leaves every deviation without profit.
pub const MARGIN_PPB: u32 = 250_000_000;

/// Share of a slash that confederates may get back: `pallet_disputes::types::reward` pays a
/// challenger half of a pledge at most, and what small jobs' challengers spend reaches that.
pub const RECOVERED_PPB: u32 = 500_000_000;

/// Chance that a job which is audited is a trap. The treasury pays for as many jobs.
pub const TRAP_CHANCE_PPB: u32 = 10_000_000;

/// What a trap promises to those who saw through it, all together: so many times the price of its
/// job. What [`jackpot`] gives for [`TRAP_CHANCE_PPB`] and [`MARGIN_PPB`].
pub const JACKPOT_FACTOR: Balance = 25;

/// An audit pledges so many times the price of its job, which bounds what the audit costs: what
/// [`audit_pledge`] gives for [`TRAP_CHANCE_PPB`] and [`MARGIN_PPB`].
pub const AUDIT_PLEDGE_FACTOR: Balance = 125;

/// Terms of the series of [`detection`]; beyond them its terms are below a part in 10^18 for every
/// rate that a `u32` can hold.
const SERIES_TERMS_MAX: u128 = 48;

/// Chance that an honest auditor is drawn: `d = 1 - exp(-lambda * h)`, in parts per billion,
/// rounded down.
///
/// Never above the exact value, at most 2 ppb below it, and never falling as either argument rises:
/// a truncated series of terms rounded down gives a lower bound `e` of `exp(lambda * h)`, and
/// `1 - 1 / e` rises with it. A share above one counts as one.
pub fn detection(lambda_ppb: u32, honest_share_ppb: u32) -> u32 {
	const ONE: u128 = 1_000_000_000_000_000_000;
	let exponent = u128::from(lambda_ppb).saturating_mul(honest_share_ppb.min(PPB).into());
	let (mut term, mut tail) = (ONE, 0u128);
	for n in 1..=SERIES_TERMS_MAX {
		// Below 10^20 * 10^19: nothing saturates.
		term = term.saturating_mul(exponent).div_euclid(ONE.saturating_mul(n));
		tail = tail.saturating_add(term);
		if term == 0 {
			break;
		}
	}
	let chance = tail.saturating_mul(PPB.into()).div_euclid(ONE.saturating_add(tail));
	u32::try_from(chance).unwrap_or(PPB)
}

/// Chance with which a share of a model's audit stake draws the duty to audit a job, in parts per
/// billion, rounded up.
///
/// `1 - exp(-lambda * share)`: that none of several shares is drawn then has the same chance as
/// that one share of their sum is not, so splitting a stake changes nothing, and all honest shares
/// together detect with [`detection`] at least.
pub fn duty_chance(lambda_ppb: u32, share_ppb: u32) -> u32 {
	if lambda_ppb == 0 || share_ppb == 0 {
		return 0;
	}
	// More than `detection` can be below the exact value.
	detection(lambda_ppb, share_ppb).saturating_add(2).min(PPB)
}

/// Smallest pledge with `pledge * (1 - r) >= (value_at_risk + cost) * (1 + margin) * (1 - d) / d`.
///
/// `d_ppb` is the chance of detection, `margin_ppb` by how much a deviation is to lose, `r_ppb` the
/// share of a slash that confederates get back. None where `d` is below [`DETECTION_MIN_PPB`],
/// where a slash takes nothing, and where the pledge is more than any balance.
pub fn collateral(
	value_at_risk: Balance,
	cost: Balance,
	d_ppb: u32,
	margin_ppb: u32,
	r_ppb: u32,
) -> Option<Balance> {
	if d_ppb < DETECTION_MIN_PPB {
		return None;
	}
	collateral_of_any_chance(value_at_risk, cost, d_ppb, margin_ppb, r_ppb)
}

/// [`collateral`] without the bound on detection, for tables of what lies beyond it. None also
/// where `d` is zero.
pub fn collateral_of_any_chance(
	value_at_risk: Balance,
	cost: Balance,
	d_ppb: u32,
	margin_ppb: u32,
	r_ppb: u32,
) -> Option<Balance> {
	let gain = U256::from(value_at_risk).checked_add(cost.into())?;
	let taken = PPB.checked_sub(r_ppb)?;
	let missed = PPB.checked_sub(d_ppb)?;
	let weighted = gain.checked_mul(with_margin(margin_ppb))?.checked_mul(missed.into())?;
	div_ceil(weighted, U256::from(taken).checked_mul(d_ppb.into())?)
}

/// Smallest pledge of an audit with `pledge * p_trap >= audit_cost * (1 + margin)`: who agrees
/// without computing loses it in a trap. None without traps, and beyond any balance.
pub fn audit_pledge(audit_cost: Balance, p_trap_ppb: u32, margin_ppb: u32) -> Option<Balance> {
	div_ceil(U256::from(audit_cost).checked_mul(with_margin(margin_ppb))?, p_trap_ppb.into())
}

/// Smallest jackpot with `jackpot * p_trap >= audit_cost * margin`: on average it pays an auditor
/// that computes the margin on top of what the computation costs, which is what it is paid for any
/// audit. Far below [`audit_pledge`]: who does not compute still loses more in a trap than anybody
/// wins there. None without traps, and beyond any balance.
pub fn jackpot(audit_cost: Balance, p_trap_ppb: u32, margin_ppb: u32) -> Option<Balance> {
	div_ceil(U256::from(audit_cost).checked_mul(margin_ppb.into())?, p_trap_ppb.into())
}

/// What a job pays into the audit pool: `lambda * price`, rounded up. None beyond any balance,
/// which takes a rate above one.
pub fn audit_fee(price: Balance, lambda_ppb: u32) -> Option<Balance> {
	div_ceil(U256::from(price).checked_mul(lambda_ppb.into())?, PPB.into())
}

/// The least audit rate of a provider that is trusted so far, in parts per billion: from `full`,
/// which nobody needs a record for, down to `floor`, which the best record leads to. Rounded up,
/// so against the provider, and never below `floor`.
pub fn lambda_least(floor_ppb: u32, full_ppb: u32, trust_ppb: u32) -> u32 {
	let missing = u64::from(PPB.saturating_sub(trust_ppb));
	let above = u64::from(full_ppb.saturating_sub(floor_ppb));
	// The product is below 2^64, and the quotient is not above `full - floor`.
	let least = above.saturating_mul(missing).div_ceil(PPB.into());
	floor_ppb.saturating_add(u32::try_from(least).unwrap_or(u32::MAX))
}

/// `1 + margin`, in parts per billion.
fn with_margin(margin_ppb: u32) -> U256 {
	U256::from(u64::from(PPB).saturating_add(margin_ppb.into()))
}

/// `dividend / divisor`, rounded up, where that is a balance.
fn div_ceil(dividend: U256, divisor: U256) -> Option<Balance> {
	let quotient = dividend.checked_div(divisor)?;
	let is_exact = dividend.checked_rem(divisor)?.is_zero();
	let rounded = if is_exact { quotient } else { quotient.checked_add(U256::one())? };
	Balance::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	/// `1 - exp(-lambda * h)` in parts per billion, to about 10^-7 of one.
	fn exact(lambda_ppb: u32, share_ppb: u32) -> f64 {
		let ppb = f64::from(PPB);
		-f64::exp_m1(-(f64::from(lambda_ppb) / ppb) * (f64::from(share_ppb) / ppb)) * ppb
	}

	fn assert_close(lambda_ppb: u32, share_ppb: u32) {
		let (found, exact) = (detection(lambda_ppb, share_ppb), exact(lambda_ppb, share_ppb));
		let below = exact - f64::from(found);
		assert!(below > -1e-6, "{lambda_ppb} {share_ppb}: {found} overstates {exact}");
		assert!(below < 2.0, "{lambda_ppb} {share_ppb}: {found} is far below {exact}");
	}

	/// Whether a pledge satisfies the inequality of [`collateral`], multiplied out.
	fn holds(pledge: Balance, gain: U256, [d, margin, r]: [u32; 3]) -> bool {
		let kept = U256::from(pledge) * U256::from(PPB - r) * U256::from(d);
		kept >= gain * U256::from(u64::from(PPB) + u64::from(margin)) * U256::from(PPB - d)
	}

	#[test]
	fn detection_of_known_rates() {
		assert_eq!(detection(0, PPB), 0);
		assert_eq!(detection(PPB, 0), 0);
		assert_eq!(detection(1, PPB), 0, "below one part per billion");
		assert_eq!(detection(50_000_000, PPB), 48_770_575);
		assert_eq!(detection(PPB, PPB), 632_120_558);
		assert_eq!(detection(PPB, u32::MAX), detection(PPB, PPB), "no share is above one");
		assert_eq!(detection(u32::MAX, PPB), 986_362_982);
	}

	#[test]
	fn detection_is_never_overstated_on_a_grid() {
		for lambda in (0..=1_000).map(|n| n * 4_294_967) {
			for share in (0..=50).map(|n| n * 20_000_000) {
				assert_close(lambda, share);
			}
		}
	}

	#[test]
	fn an_audit_fee_rounds_up() {
		assert_eq!(audit_fee(1_000, 50_000_000), Some(50));
		assert_eq!(audit_fee(1_001, 50_000_000), Some(51));
		assert_eq!(audit_fee(1, 1), Some(1));
		assert_eq!(audit_fee(0, PPB), Some(0));
		assert_eq!(audit_fee(1_000, 0), Some(0));
		assert_eq!(audit_fee(Balance::MAX, PPB), Some(Balance::MAX));
		assert_eq!(audit_fee(Balance::MAX, PPB + 1), None);
	}

	#[test]
	fn pledges_of_simple_terms() {
		// With one job in two found out, a pledge as large as the gain; twice that where half of it
		// comes back.
		assert_eq!(collateral(60, 40, PPB / 2, 0, 0), Some(100));
		assert_eq!(collateral(60, 40, PPB / 2, 0, PPB / 2), Some(200));
		assert_eq!(collateral(60, 40, PPB / 2, PPB / 10, 0), Some(110));
		assert_eq!(collateral(60, 40, PPB / 100, 0, 0), Some(9_900));
		assert_eq!(collateral(60, 40, PPB, 0, 0), Some(0), "who is always found out gains nothing");
		assert_eq!(audit_pledge(3, TRAP_CHANCE_PPB, 0), Some(300));
	}

	#[test]
	fn there_is_no_pledge_beyond_the_bounds() {
		assert_eq!(collateral(1, 1, DETECTION_MIN_PPB - 1, MARGIN_PPB, RECOVERED_PPB), None);
		assert!(collateral(1, 1, DETECTION_MIN_PPB, MARGIN_PPB, RECOVERED_PPB).is_some());
		assert_eq!(collateral_of_any_chance(1, 1, 0, 0, 0), None, "nobody looks");
		assert_eq!(collateral(1, 1, PPB / 2, 0, PPB), None, "a slash takes nothing");
		assert_eq!(collateral(1, 1, PPB / 2, 0, PPB + 1), None);
		assert_eq!(collateral(1, 1, PPB + 1, 0, 0), None);
		assert_eq!(collateral(Balance::MAX, 1, PPB / 2, 0, 0), None, "more than there is");
		assert_eq!(audit_pledge(1, 0, 0), None);
		assert_eq!(audit_pledge(Balance::MAX, TRAP_CHANCE_PPB, 0), None);
	}

	#[test]
	fn the_least_rate_falls_with_trust_to_the_floor() {
		let least = |trust| lambda_least(LAMBDA_MIN_PPB, LAMBDA_DEFAULT_PPB, trust);
		assert_eq!(least(0), LAMBDA_DEFAULT_PPB);
		assert_eq!(least(PPB / 2), 35_000_000);
		assert_eq!(least(PPB), LAMBDA_MIN_PPB);
		assert_eq!(least(u32::MAX), LAMBDA_MIN_PPB);
		assert_eq!(least(PPB - 1), LAMBDA_MIN_PPB + 1, "rounded up");
		assert_eq!(lambda_least(7, 3, 0), 7, "never below the floor");
		assert_eq!(lambda_least(0, u32::MAX, 0), u32::MAX);
	}

	#[test]
	fn at_the_floor_a_wrong_result_loses_as_it_does_at_the_default() {
		for lambda in [LAMBDA_MIN_PPB, 35_000_000, LAMBDA_DEFAULT_PPB] {
			let d = detection(lambda, HONEST_SHARE_PPB);
			let pledge = collateral(1_000, 1_000, d, MARGIN_PPB, RECOVERED_PPB).unwrap();
			assert!(holds(pledge, U256::from(2_000), [d, MARGIN_PPB, RECOVERED_PPB]));
		}
	}

	#[test]
	fn the_defaults_agree_with_each_other() {
		let least = detection(LAMBDA_MIN_PPB, HONEST_SHARE_PPB);
		assert!(least >= DETECTION_MIN_PPB, "the smallest rate has a pledge");
		let below = detection(LAMBDA_MIN_PPB - PPB / 100, HONEST_SHARE_PPB);
		assert!(below < DETECTION_MIN_PPB, "no smaller full per cent has one");
		const { assert!(LAMBDA_MIN_PPB <= LAMBDA_DEFAULT_PPB) };
		let price = 1_000_000_007;
		let pledge = audit_pledge(price, TRAP_CHANCE_PPB, MARGIN_PPB);
		assert_eq!(pledge, Some(AUDIT_PLEDGE_FACTOR * price));
		let won = jackpot(price, TRAP_CHANCE_PPB, MARGIN_PPB);
		assert_eq!(won, Some(JACKPOT_FACTOR * price));
		const { assert!(JACKPOT_FACTOR < AUDIT_PLEDGE_FACTOR) };
		assert_eq!(jackpot(1, 0, 1), None, "without traps nothing is won");
		let most = collateral(1_000, 0, DETECTION_MIN_PPB, MARGIN_PPB, RECOVERED_PPB);
		assert_eq!(most, Some(497_500), "about 500 times what is at stake");
	}

	proptest! {
		#[test]
		fn the_least_rate_never_rises_with_trust(
			floor: u32,
			full: u32,
			trust: u32,
			more in 0u32..1_000,
		) {
			let least = lambda_least(floor, full, trust);
			prop_assert!((floor..=full.max(floor)).contains(&least));
			prop_assert!(lambda_least(floor, full, trust.saturating_add(more)) <= least);
		}

		#[test]
		fn detection_is_never_overstated(lambda: u32, share in 0..=PPB) {
			assert_close(lambda, share);
		}

		#[test]
		fn detection_never_falls(lambda: u32, share in 0..=PPB, more in 0u32..1_000) {
			let found = detection(lambda, share);
			prop_assert!(detection(lambda.saturating_add(more), share) >= found);
			prop_assert!(detection(lambda, share.saturating_add(more)) >= found);
		}

		#[test]
		fn shares_together_detect_what_their_sum_does(
			lambda in 0..=PPB,
			shares in prop::collection::vec(0..=PPB / 20, 1..20),
		) {
			let chance = |share: &u32| f64::from(duty_chance(lambda, *share)) / f64::from(PPB);
			let missed: f64 = shares.iter().map(|share| 1.0 - chance(share)).product();
			let together = (1.0 - missed) * f64::from(PPB);
			prop_assert!(together > f64::from(detection(lambda, shares.iter().sum())) - 1e-6);
		}

		#[test]
		fn a_pledge_is_the_smallest_that_holds(
			value in 0..Balance::MAX >> 64,
			cost in 0..Balance::MAX >> 64,
			d in DETECTION_MIN_PPB..=PPB,
			margin: u32,
			r in 0..PPB,
		) {
			let pledge = collateral(value, cost, d, margin, r).unwrap();
			let gain = U256::from(value) + U256::from(cost);
			prop_assert!(holds(pledge, gain, [d, margin, r]));
			if let Some(less) = pledge.checked_sub(1) {
				prop_assert!(!holds(less, gain, [d, margin, r]));
			}
		}

		#[test]
		fn a_pledge_of_huge_values_is_right_or_none(
			value: Balance,
			cost: Balance,
			d in DETECTION_MIN_PPB..=PPB,
			r in 0..PPB,
		) {
			let gain = U256::from(value) + U256::from(cost);
			let terms = [d, MARGIN_PPB, r];
			match collateral(value, cost, d, MARGIN_PPB, r) {
				Some(pledge) => prop_assert!(
					holds(pledge, gain, terms)
						&& pledge.checked_sub(1).is_none_or(|less| !holds(less, gain, terms))
				),
				None => prop_assert!(!holds(Balance::MAX, gain, terms)),
			}
		}

		#[test]
		fn an_audit_pledge_is_the_smallest_that_holds(
			cost in 0..Balance::MAX >> 64,
			p_trap in 1..=PPB,
			margin: u32,
		) {
			let pledge = audit_pledge(cost, p_trap, margin).unwrap();
			let due = U256::from(cost) * U256::from(u64::from(PPB) + u64::from(margin));
			prop_assert!(U256::from(pledge) * U256::from(p_trap) >= due);
			let is_least = pledge == 0 || U256::from(pledge - 1) * U256::from(p_trap) < due;
			prop_assert!(is_least);
		}
	}
}
