//! What agents may do, and what of it moves which coins.
//!
//! Each unit (a job, an audit, a challenge) is played twice with the same chance: as an honest
//! agent would, and as the strategy says. The difference is what the deviation earns.

use crate::{
	dice::{Dice, Threshold},
	ledger::{Account, Ledger},
	market::{Market, AUDIT_PAY, CAPTURED_BLOCKS_PPB, JACKPOT, PRICE},
};
use assay_primitives::{
	economics::{PPB, TRAP_CHANCE_PPB},
	Balance,
};

/// How often a watcher's provider cheats, and one that cheats only sometimes.
pub const SOMETIMES_PPB: u32 = PPB / 10;

/// An agent's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
	/// A provider that computes every job.
	Honest,
	/// A provider that returns garbage, to save the computation. Nobody is worth anything by it.
	Skimp,
	/// A provider that claims what is worth the value at risk to it, on one job in ten.
	CheatSometimes,
	/// The same on every job.
	Cheat,
	/// The same, and all audit stake that is not honest agrees with it; a confederate challenger
	/// takes as much of each slash as anybody can.
	Collude,
	/// The same, with validators that throw away blocks: of two draws of the randomness it takes the
	/// one that calls more of its own auditors, since it can see no other's.
	Validator,
	/// Not our rules: what the same validators would gain if everybody could see who is called.
	PublicDuties,
	/// A provider whose confederate disputes its wrong claim itself, for the reward.
	Convict,
	/// A tenant, a provider and auditors that are one, which run a worthless job for the audit pay.
	Farm,
	/// An auditor that repeats what the provider tells it.
	LazyAudit,
	/// An auditor that gives notice and does nothing.
	ShamNotice,
	/// An outsider that disputes what is right.
	ShamChallenge,
	/// An outsider that computes jobs of a provider which cheats sometimes, and disputes them.
	Watch,
}

/// What a strategy is, to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// What the rules ask for.
	Honest,
	/// What must lose.
	Deviation,
	/// A service that the rules pay for.
	Service,
	/// Other rules than ours, for comparison.
	Control,
}

impl Strategy {
	/// Every one.
	pub const ALL: [Self; 13] = [
		Self::Honest,
		Self::Skimp,
		Self::CheatSometimes,
		Self::Cheat,
		Self::Collude,
		Self::Validator,
		Self::PublicDuties,
		Self::Convict,
		Self::Farm,
		Self::LazyAudit,
		Self::ShamNotice,
		Self::ShamChallenge,
		Self::Watch,
	];

	/// Its name in tables.
	pub fn name(self) -> &'static str {
		match self {
			Self::Honest => "honest",
			Self::Skimp => "lazy provider",
			Self::CheatSometimes => "cheat, 1 in 10",
			Self::Cheat => "cheat",
			Self::Collude => "collude",
			Self::Validator => "collude, validators",
			Self::PublicDuties => "(if duties were public)",
			Self::Convict => "self-conviction",
			Self::Farm => "farm audit pay",
			Self::LazyAudit => "lazy auditor",
			Self::ShamNotice => "sham notice",
			Self::ShamChallenge => "sham challenge",
			Self::Watch => "(watcher)",
		}
	}

	/// What one of its units is.
	pub fn unit(self) -> &'static str {
		match self {
			Self::LazyAudit | Self::ShamNotice => "audit",
			Self::ShamChallenge => "challenge",
			_ => "job",
		}
	}

	/// What a verdict makes of it.
	pub fn kind(self) -> Kind {
		match self {
			Self::Honest => Kind::Honest,
			Self::Watch => Kind::Service,
			Self::PublicDuties => Kind::Control,
			_ => Kind::Deviation,
		}
	}

	/// Whose gains and losses count.
	pub fn actors(self) -> &'static [Account] {
		match self {
			Self::Honest | Self::Skimp | Self::CheatSometimes | Self::Cheat => &[Account::Provider],
			Self::Collude | Self::Validator | Self::PublicDuties | Self::Convict => {
				&[Account::Provider, Account::Others]
			},
			Self::Farm => &[Account::Tenant, Account::Provider, Account::Others],
			Self::LazyAudit | Self::ShamNotice => &[Account::Others],
			Self::ShamChallenge | Self::Watch => &[Account::Outsider],
		}
	}
}

/// What became of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
	/// Whether anything was done that an honest agent would not do.
	pub deviates: bool,
	/// Whether that was found out.
	pub is_detected: bool,
}

/// Chances of a market, ready to be drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Chances {
	duty: Threshold,
	trap: Threshold,
	captured: Threshold,
	sometimes: Threshold,
}

impl Chances {
	/// Of a market.
	pub fn of(market: &Market) -> Self {
		Self {
			duty: Threshold::of(market.duty_ppb),
			trap: Threshold::of(TRAP_CHANCE_PPB),
			captured: Threshold::of(CAPTURED_BLOCKS_PPB),
			sometimes: Threshold::of(SOMETIMES_PPB),
		}
	}
}

/// Auditors that a draw of the randomness calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Called {
	honest: u32,
	others: u32,
}

/// How a job's parties behave.
#[derive(Clone, Copy, Debug)]
struct Conduct {
	/// What the provider spends on its claim.
	cost: Balance,
	/// Whether the claim is wrong, and what it is then worth to the provider.
	maybe_loot: Option<Balance>,
	/// Whether auditors that are not honest agree with it without computing.
	others_agree: bool,
	/// Whether a confederate gets the reward, all that there can be.
	is_rewarded: bool,
}

/// One party of the market, its chance and two worlds: in the first everybody is honest.
#[derive(Debug)]
pub struct Game<'a> {
	/// Prices and pledges.
	pub market: &'a Market,
	/// Its chances.
	pub chances: Chances,
	/// Chance.
	pub dice: Dice,
	/// Accounts if the agent were honest, and as it is.
	pub worlds: [Ledger; 2],
}

impl Game<'_> {
	/// Plays one unit in both worlds.
	pub fn play(&mut self, strategy: Strategy) -> Played {
		match strategy {
			Strategy::LazyAudit => self.audit(false),
			Strategy::ShamNotice => self.audit(true),
			Strategy::ShamChallenge => self.sham_challenge(),
			Strategy::Watch => self.watch(),
			Strategy::Convict => self.self_conviction(),
			_ => self.job(strategy),
		}
	}

	fn call(&mut self) -> Called {
		Called {
			honest: self.dice.count(self.market.honest_seats, self.chances.duty),
			others: self.dice.count(self.market.other_seats, self.chances.duty),
		}
	}

	fn job(&mut self, strategy: Strategy) -> Played {
		let market = *self.market;
		let first = self.call();
		let called = self.biased(strategy, first);
		let deviates = match strategy {
			Strategy::Honest => false,
			Strategy::CheatSometimes => self.dice.happens(self.chances.sometimes),
			_ => true,
		};
		let [honest, deviating] = &mut self.worlds;
		if strategy != Strategy::Farm {
			run_job(honest, &market, first, honestly(&market));
		}
		let conduct = if deviates { conduct_of(strategy, &market) } else { honestly(&market) };
		Played { deviates, is_detected: run_job(deviating, &market, called, conduct) }
	}

	/// The draw that a strategy's validators let through.
	fn biased(&mut self, strategy: Strategy, first: Called) -> Called {
		let sees_all = strategy == Strategy::PublicDuties;
		if !sees_all && strategy != Strategy::Validator {
			return first;
		}
		if !self.dice.happens(self.chances.captured) {
			return first;
		}
		let second = self.call();
		let is_better = match sees_all {
			true => second.honest < first.honest,
			false => second.others > first.others,
		};
		if is_better {
			second
		} else {
			first
		}
	}

	/// One audit of a right claim, or of a trap. The pool has the fees of as many jobs as there are
	/// to an audit: one price.
	fn audit(&mut self, is_sham: bool) -> Played {
		let is_trap = self.dice.happens(self.chances.trap);
		let (pledge, cost) = (self.market.audit_pledge, self.market.cost);
		let [honest, deviating] = &mut self.worlds;
		for ledger in [&mut *honest, &mut *deviating] {
			ledger.transfer(Account::Tenant, Account::Pool, AUDIT_PAY);
			ledger.transfer(Account::Others, Account::Held, pledge);
		}
		honest.transfer(Account::Others, Account::World, cost);
		pay_audits(honest, Account::Others, 1);
		honest.transfer(Account::Held, Account::Others, pledge);
		if is_trap {
			honest.transfer(Account::Treasury, Account::Others, JACKPOT);
		}
		if is_sham || is_trap {
			deviating.transfer(Account::Held, Account::Treasury, pledge);
		} else {
			pay_audits(deviating, Account::Others, 1);
			deviating.transfer(Account::Held, Account::Others, pledge);
		}
		Played { deviates: true, is_detected: is_sham || is_trap }
	}

	/// A game that the challenger must lose: the claimant is repaid from its bond.
	fn sham_challenge(&mut self) -> Played {
		let (bond, cost) = (self.market.bond, self.market.game_cost);
		let ledger = &mut self.worlds[1];
		ledger.transfer(Account::Outsider, Account::Held, bond);
		ledger.transfer(Account::Provider, Account::World, cost);
		let repaid = bond.div_ceil(2);
		ledger.transfer(Account::Held, Account::Provider, repaid);
		ledger.transfer(Account::Held, Account::Treasury, bond - repaid);
		Played { deviates: true, is_detected: true }
	}

	/// An outsider computes a job, and disputes it if it is wrong. Nobody else looks.
	fn watch(&mut self) -> Played {
		let market = *self.market;
		let is_wrong = self.dice.happens(self.chances.sometimes);
		let ledger = &mut self.worlds[1];
		begin(ledger, &market);
		ledger.transfer(Account::Outsider, Account::World, market.cost);
		if is_wrong {
			challenge(ledger, &market, Account::Outsider);
			fall(ledger, &market, Account::Outsider, market.reward());
		} else {
			ledger.transfer(Account::Provider, Account::World, market.cost);
			settle(ledger, &market, None);
		}
		Played { deviates: is_wrong, is_detected: is_wrong }
	}

	/// A confederate knows where the claim is wrong, so its game costs it nothing.
	fn self_conviction(&mut self) -> Played {
		let market = *self.market;
		let [honest, deviating] = &mut self.worlds;
		run_job(honest, &market, Called { honest: 0, others: 0 }, honestly(&market));
		begin(deviating, &market);
		deviating.transfer(Account::Others, Account::Held, market.bond);
		deviating.transfer(Account::Held, Account::Others, market.bond);
		fall(deviating, &market, Account::Others, market.reward_max());
		Played { deviates: true, is_detected: true }
	}
}

fn honestly(market: &Market) -> Conduct {
	Conduct { cost: market.cost, maybe_loot: None, others_agree: false, is_rewarded: false }
}

fn conduct_of(strategy: Strategy, market: &Market) -> Conduct {
	let honest = honestly(market);
	let wrong = |loot| Conduct { cost: 0, maybe_loot: Some(loot), ..honest };
	let confederates = Conduct { others_agree: true, is_rewarded: true, ..wrong(market.value) };
	match strategy {
		Strategy::Skimp => wrong(0),
		Strategy::CheatSometimes | Strategy::Cheat => {
			Conduct { others_agree: true, ..wrong(market.value) }
		},
		Strategy::Collude | Strategy::Validator | Strategy::PublicDuties => confederates,
		// Its own job may be as cheap as it likes, and its auditors know the result.
		Strategy::Farm => Conduct { cost: 0, others_agree: true, ..honest },
		_ => honest,
	}
}

/// One job from submission to its end. Returns whether the claim fell.
fn run_job(ledger: &mut Ledger, market: &Market, called: Called, conduct: Conduct) -> bool {
	begin(ledger, market);
	ledger.transfer(Account::Provider, Account::World, conduct.cost);
	let falls = conduct.maybe_loot.is_some() && called.honest > 0;
	audit_honestly(ledger, market, Account::Auditors, called.honest);
	if conduct.others_agree {
		agree(ledger, market, called.others, falls);
	} else {
		audit_honestly(ledger, market, Account::Others, called.others);
	}
	if !falls {
		settle(ledger, market, conduct.maybe_loot);
		return false;
	}
	ledger.transfer(Account::Auditors, Account::World, market.game_cost);
	if conduct.is_rewarded {
		fall(ledger, market, Account::Others, market.reward_max());
	} else {
		fall(ledger, market, Account::Auditors, market.reward());
	}
	true
}

/// Price into escrow, fee into the pool, a pledge from the bond.
fn begin(ledger: &mut Ledger, market: &Market) {
	ledger.transfer(Account::Tenant, Account::Held, PRICE);
	ledger.transfer(Account::Tenant, Account::Pool, market.fee);
	ledger.transfer(Account::Provider, Account::Held, market.pledge);
	ledger.transfer(Account::Provider, Account::World, market.rent);
}

/// The claim stands: the provider is paid. A wrong one takes from the tenant what it is worth.
fn settle(ledger: &mut Ledger, market: &Market, maybe_loot: Option<Balance>) {
	ledger.transfer(Account::Held, Account::Treasury, market.protocol);
	ledger.transfer(Account::Held, Account::Provider, PRICE - market.protocol);
	ledger.transfer(Account::Held, Account::Provider, market.pledge);
	ledger.transfer(Account::Tenant, Account::Provider, maybe_loot.unwrap_or(0));
}

/// The claim fell: price back to the tenant, and of the pledge its fee; then the winner's reward;
/// the rest to the treasury.
fn fall(ledger: &mut Ledger, market: &Market, winner: Account, reward: Balance) {
	ledger.transfer(Account::Held, Account::Tenant, PRICE);
	let fee = market.fee.min(market.pledge - reward);
	ledger.transfer(Account::Held, Account::Tenant, fee);
	ledger.transfer(Account::Held, winner, reward);
	ledger.transfer(Account::Held, Account::Treasury, market.pledge - reward - fee);
}

/// A bond that comes back, and what the game costs.
fn challenge(ledger: &mut Ledger, market: &Market, challenger: Account) {
	ledger.transfer(challenger, Account::Held, market.bond);
	ledger.transfer(challenger, Account::World, market.game_cost);
	ledger.transfer(Account::Held, challenger, market.bond);
}

fn audit_honestly(ledger: &mut Ledger, market: &Market, auditors: Account, count: u32) {
	let pledges = market.audit_pledge * Balance::from(count);
	ledger.transfer(auditors, Account::Held, pledges);
	ledger.transfer(auditors, Account::World, market.cost * Balance::from(count));
	pay_audits(ledger, auditors, count);
	ledger.transfer(Account::Held, auditors, pledges);
}

/// Audits that say what the claim says. If it falls they fall with it.
fn agree(ledger: &mut Ledger, market: &Market, count: u32, falls: bool) {
	let pledges = market.audit_pledge * Balance::from(count);
	ledger.transfer(Account::Others, Account::Held, pledges);
	if falls {
		ledger.transfer(Account::Held, Account::Treasury, pledges);
	} else {
		pay_audits(ledger, Account::Others, count);
		ledger.transfer(Account::Held, Account::Others, pledges);
	}
}

/// Pay from the pool, as far as it reaches.
fn pay_audits(ledger: &mut Ledger, auditors: Account, count: u32) {
	let left = u128::try_from(ledger.balance(Account::Pool)).unwrap_or(0);
	ledger.transfer(Account::Pool, auditors, left.min(AUDIT_PAY * Balance::from(count)));
}
