//! Bonded stake of providers: for their own jobs, and for audits of others' jobs.

use crate::{
	account::Account,
	chain::{Chain, Included},
	encode,
	error::Result,
	value,
};
use assay_program::Hash;
use serde::Serialize;

/// What a bond answers for. The two are apart: no coin is in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
	/// The provider's own jobs.
	#[default]
	Jobs,
	/// Audits of others' jobs.
	Audits,
}

impl Purpose {
	fn pallet(self) -> &'static str {
		match self {
			Self::Jobs => "ProviderStake",
			Self::Audits => "AuditStake",
		}
	}
}

/// An account's bond.
#[derive(Clone, Debug, Serialize)]
pub struct Bond {
	/// What counts, in planck.
	pub active: u128,
	/// The part of it that no slot pledges.
	pub free: u128,
	/// The part that slots pledge.
	pub pledged: u128,
	/// What is leaving.
	pub unbonding: Vec<Unbonding>,
}

/// A part of a bond that is leaving.
#[derive(Clone, Debug, Serialize)]
pub struct Unbonding {
	/// How much, in planck.
	pub amount: u128,
	/// From which block on it can be withdrawn.
	pub due_at: u32,
}

/// The bond of an account for a purpose, if it has one.
pub async fn of(chain: &Chain, purpose: Purpose, who: &Hash) -> Result<Option<Bond>> {
	let answer = chain.view(purpose.pallet(), "bond_of", vec![encode::hash(who)]).await?;
	let Some(bond) = value::option(&answer)? else { return Ok(None) };
	let chunks = value::list(value::field(bond, "unbonding")?);
	let unbonding = chunks
		.into_iter()
		.map(|chunk| {
			Ok(Unbonding {
				amount: value::number_field(chunk, "amount")?,
				due_at: value::u32_field(chunk, "due_at")?,
			})
		})
		.collect::<Result<_>>()?;
	Ok(Some(Bond {
		active: value::number_field(bond, "active")?,
		free: value::number_field(bond, "free")?,
		pledged: value::number_field(bond, "pledged")?,
		unbonding,
	}))
}

/// Bonds more.
pub async fn bond(
	chain: &Chain,
	account: &Account,
	purpose: Purpose,
	amount: u128,
) -> Result<Included> {
	change(chain, account, purpose, "bond", amount).await
}

/// Begins to take out a part of the bond.
pub async fn unbond(
	chain: &Chain,
	account: &Account,
	purpose: Purpose,
	amount: u128,
) -> Result<Included> {
	change(chain, account, purpose, "unbond", amount).await
}

/// Takes back a part of what is leaving.
pub async fn rebond(
	chain: &Chain,
	account: &Account,
	purpose: Purpose,
	amount: u128,
) -> Result<Included> {
	change(chain, account, purpose, "rebond", amount).await
}

/// Takes out what has matured.
pub async fn withdraw(chain: &Chain, account: &Account, purpose: Purpose) -> Result<Included> {
	chain.submit(account, purpose.pallet(), "withdraw", vec![]).await
}

async fn change(
	chain: &Chain,
	account: &Account,
	purpose: Purpose,
	call: &str,
	amount: u128,
) -> Result<Included> {
	let arguments = vec![("amount", encode::number(amount))];
	chain.submit(account, purpose.pallet(), call, arguments).await
}
