//! One cell of the grid: what things cost there, by the functions that the chain uses.

use assay_primitives::{
	economics::{
		audit_fee, audit_pledge, collateral, collateral_of_any_chance, detection, duty_chance,
		DETECTION_MIN_PPB, HONEST_SHARE_PPB, LAMBDA_DEFAULT_PPB, MARGIN_PPB, PPB, RECOVERED_PPB,
		TRAP_CHANCE_PPB,
	},
	Balance, SlotId,
};
use pallet_disputes::types::{BondTerms, Conviction, Winner};
use sp_runtime::{Perbill, Permill};

/// Price of a job: one ASY. All results are relative to it.
pub const PRICE: Balance = 1_000_000_000_000;
/// What computing a job costs who does it, where nothing else is said.
const COST: Balance = PRICE * 6 / 10;
/// Pay of an audit: that of the job, whose computation it repeats.
pub const AUDIT_PAY: Balance = PRICE;
/// What an auditor earns by disagreeing with a trap, beside its pay.
pub const JACKPOT: Balance = PRICE;
/// Auditors of a model, with equal stakes.
pub const SEATS: u32 = 20;
/// Audit stake of each.
pub const SEAT_SHARE_PPB: u32 = PPB / SEATS;
/// Share of blocks of validators that sell their randomness: as many as finality survives.
pub const CAPTURED_BLOCKS_PPB: u32 = PPB / 3;
/// Blocks for which a job locks its pledge: an hour.
pub const LOCKED_BLOCKS: u32 = 1_200;
/// Blocks of the longest game: six questions.
const GAME_BLOCKS: u32 = 240;
/// As the runtime has it: the protocol's share of a price.
const PROTOCOL_FEE: Permill = Permill::from_percent(1);
/// As the runtime has it: least share of a pledge for the challenger that was right.
const CHALLENGE_REWARD: Permill = Permill::from_percent(20);
/// As the runtime has it: rent of locked funds for each block, a tenth a year.
const PLEDGE_RENT: Perbill = Perbill::from_parts(10);
/// As the runtime has it: bytes and weight of the dearest game.
const GAME_COST: Balance = 1_000_000_000_000;

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
	/// Audits per job, in parts per billion.
	pub lambda_ppb: u32,
	/// Honest share of the audit stake, a multiple of [`SEAT_SHARE_PPB`].
	pub honest_ppb: u32,
	/// The honest share that the pledge was computed for.
	pub assumed_ppb: u32,
	/// Value at risk, in prices.
	pub value_factor: u32,
	/// Whether there is no pledge by the formula where detection is below its bound.
	pub is_bounded: bool,
}

impl Cell {
	/// The default rate and the assumed honest share, the price at risk.
	pub const DEFAULT: Self = Self {
		lambda_ppb: LAMBDA_DEFAULT_PPB,
		honest_ppb: HONEST_SHARE_PPB,
		assumed_ppb: HONEST_SHARE_PPB,
		value_factor: 1,
		is_bounded: true,
	};
}

/// Prices, pledges, bonds and chances of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
	/// Audits per job, in parts per billion.
	pub lambda_ppb: u32,
	/// What a wrong result is worth to who claims it, and costs the tenant.
	pub value: Balance,
	/// What computing the job costs who does it.
	pub cost: Balance,
	/// What the tenant pays into the pool.
	pub fee: Balance,
	/// The protocol's share of the price.
	pub protocol: Balance,
	/// What a claim pledges.
	pub pledge: Balance,
	/// What an audit pledges.
	pub audit_pledge: Balance,
	/// What locking the pledge costs.
	pub rent: Balance,
	/// What the winner of a game spends.
	pub game_cost: Balance,
	/// What a challenger locks up.
	pub bond: Balance,
	/// Auditors that compute.
	pub honest_seats: u32,
	/// All others.
	pub other_seats: u32,
	/// Chance of each to be drawn, in parts per billion.
	pub duty_ppb: u32,
	/// Chance that an honest one is drawn, by the formula, in parts per billion.
	pub detection_ppb: u32,
}

impl Market {
	/// The market of a cell; none where the rules know no pledge: such a job is not audited.
	pub fn of(cell: Cell) -> Option<Self> {
		let value = PRICE.checked_mul(cell.value_factor.into())?;
		let assumed = detection(cell.lambda_ppb, cell.assumed_ppb);
		let smallest = if cell.is_bounded { collateral } else { collateral_of_any_chance };
		// The chain does not know what a run costs, but that it is not above the price.
		let pledge = smallest(value, PRICE, assumed, MARGIN_PPB, RECOVERED_PPB)?;
		let bond = terms(PRICE, pledge);
		let honest_seats = cell.honest_ppb.checked_div(SEAT_SHARE_PPB)?;
		Some(Self {
			lambda_ppb: cell.lambda_ppb,
			value,
			cost: COST,
			fee: audit_fee(PRICE, cell.lambda_ppb)?,
			protocol: PROTOCOL_FEE.mul_floor(PRICE),
			pledge,
			audit_pledge: audit_pledge(PRICE, TRAP_CHANCE_PPB, MARGIN_PPB)?,
			rent: PLEDGE_RENT.mul_ceil(pledge).checked_mul(LOCKED_BLOCKS.into())?,
			game_cost: bond.cost()?,
			bond: bond.bond()?,
			honest_seats,
			other_seats: SEATS.checked_sub(honest_seats)?,
			duty_ppb: duty_chance(cell.lambda_ppb, SEAT_SHARE_PPB),
			detection_ppb: detection(cell.lambda_ppb, cell.honest_ppb),
		})
	}

	/// What an honest winner earns of the pledge that its game took.
	pub fn reward(&self) -> Balance {
		reward(CHALLENGE_REWARD, self.pledge, self.game_cost)
	}

	/// The most that anybody can earn of it, whatever it spent.
	pub fn reward_max(&self) -> Balance {
		reward(CHALLENGE_REWARD, self.pledge, Balance::MAX)
	}
}

/// What the only winner of games about a claim gets of its pledge, having spent so much.
fn reward(share: Permill, pledge: Balance, cost: Balance) -> Balance {
	let mut conviction = Conviction::new(pledge);
	conviction.note(Winner { game: SlotId(0), account: (), cost });
	conviction.shares(share).map(|share| share.repaid + share.reward).sum()
}

/// What the bond of the first challenger depends on.
fn terms(price: Balance, pledge: Balance) -> BondTerms {
	BondTerms {
		price,
		pledge,
		blocks: GAME_BLOCKS,
		game_cost: GAME_COST,
		rent: PLEDGE_RENT,
		games_on_claim: 0,
		games_open: 0,
	}
}

/// Whether a detection has a pledge, for tables.
pub fn is_audited(lambda_ppb: u32, honest_ppb: u32) -> bool {
	detection(lambda_ppb, honest_ppb) >= DETECTION_MIN_PPB
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_bond_covers_what_the_winner_spends_twice() {
		for lambda_ppb in [20_000_000, 50_000_000, 100_000_000] {
			for value_factor in [1, 10, 100] {
				let cell = Cell { lambda_ppb, value_factor, ..Cell::DEFAULT };
				let market = Market::of(cell).unwrap();
				let rent = PLEDGE_RENT.mul_ceil(market.pledge) * Balance::from(GAME_BLOCKS);
				assert!(market.bond >= 2 * (3 * PRICE + GAME_COST + rent));
				// Half of it goes to the winner.
				assert!(market.bond / 2 >= market.game_cost);
			}
		}
	}

	#[test]
	fn confederates_get_no_larger_share_than_the_pledge_counts_with() {
		let market = Market::of(Cell::DEFAULT).unwrap();
		let recovered = market.reward_max() * Balance::from(PPB);
		assert!(recovered <= market.pledge * Balance::from(RECOVERED_PPB));
		assert!(market.reward() <= market.reward_max());
	}

	#[test]
	fn what_the_runtime_says_is_what_is_played() {
		let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../runtime/src/configs/compute.rs");
		let text = std::fs::read_to_string(path).unwrap();
		for line in [
			"ProtocolFee: Permill = Permill::from_percent(1);",
			"ChallengeReward: Permill = Permill::from_percent(20);",
			"PledgeRent: Perbill = Perbill::from_parts(10);",
			"type GameCost = ConstU128<ASY>;",
		] {
			assert!(text.contains(line), "{line}");
		}
	}

	/// What a game costs its winner does not shrink with the price, half of a pledge does.
	#[test]
	fn the_pledge_of_a_very_cheap_job_repays_nobody() {
		let assumed = detection(LAMBDA_DEFAULT_PPB, HONEST_SHARE_PPB);
		let repays = |price| {
			let pledge = collateral(price, price, assumed, MARGIN_PPB, RECOVERED_PPB).unwrap();
			let cost = terms(price, pledge).cost().unwrap();
			reward(CHALLENGE_REWARD, pledge, cost) >= cost
		};
		assert!(repays(PRICE / 160));
		assert!(!repays(PRICE / 170));
	}

	#[test]
	fn who_is_right_is_repaid_from_a_pledge() {
		let market = Market::of(Cell::DEFAULT).unwrap();
		assert!(market.reward() >= market.game_cost);
	}

	#[test]
	fn a_rate_with_too_little_detection_has_no_market() {
		let cell = Cell { lambda_ppb: 10_000_000, ..Cell::DEFAULT };
		assert_eq!(Market::of(cell), None);
		assert!(Market::of(Cell { is_bounded: false, ..cell }).is_some());
	}
}
