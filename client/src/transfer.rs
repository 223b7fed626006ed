//! Balances and transfers.

use crate::{
	account::Account,
	chain::{Chain, Included},
	encode,
	error::Result,
	value,
};
use assay_program::Hash;

/// What an account has, in planck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
	/// What it can spend, the existential deposit included.
	pub free: u128,
	/// What is held: stake, escrow, deposits.
	pub held: u128,
}

/// The balances of an account; an account that does not exist has none.
pub async fn balance(chain: &Chain, id: &Hash) -> Result<Balance> {
	let Some(info) = chain.storage("System", "Account", vec![encode::hash(id)]).await? else {
		return Ok(Balance { free: 0, held: 0 });
	};
	let data = value::field(&info, "data")?;
	Ok(Balance {
		free: value::number_field(data, "free")?,
		held: value::number_field(data, "reserved")?,
	})
}

/// Sends money; the sender's account stays alive.
pub async fn transfer(chain: &Chain, from: &Account, to: &Hash, amount: u128) -> Result<Included> {
	let arguments = vec![("dest", encode::address(to)), ("value", encode::number(amount))];
	chain.submit(from, "Balances", "transfer_keep_alive", arguments).await
}
