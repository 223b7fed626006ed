//! Who has how much. Coins move, they are never made: the sum over all accounts stays what it was.

/// Whose coins these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
	/// Pays for jobs, and loses what a wrong result is worth.
	Tenant,
	/// Claims results.
	Provider,
	/// Auditors that compute.
	Auditors,
	/// Auditors that do not: lazy ones, or confederates of the provider.
	Others,
	/// Challenges from outside: a watcher or a griefer.
	Outsider,
	/// Audit fees come in, audits are paid.
	Pool,
	/// Protocol's share, slashes; pays for traps.
	Treasury,
	/// Escrow, pledges and bonds, while they are held.
	Held,
	/// What computing, transactions and locked funds cost.
	World,
}

/// Number of accounts.
const ACCOUNTS: usize = Account::World as usize + 1;

/// Balances, in planck. Parties have deep pockets: a balance below zero is a loss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
	balances: [i128; ACCOUNTS],
}

impl Ledger {
	/// What an account has.
	pub fn balance(&self, account: Account) -> i128 {
		self.balances[account as usize]
	}

	/// Moves coins.
	pub fn transfer(&mut self, from: Account, to: Account, amount: u128) {
		// Sums of jobs are far below: 2^127 planck are 10^26 ASY.
		let amount = i128::try_from(amount).unwrap_or(i128::MAX);
		self.balances[from as usize] -= amount;
		self.balances[to as usize] += amount;
	}

	/// Sum over all accounts.
	pub fn total(&self) -> i128 {
		self.balances.iter().sum()
	}
}
