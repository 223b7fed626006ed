//! `assay account`.

use super::{output::asy, Context};
use assay_client::{
	account::{address, hex32, parse_id},
	amount, transfer, Result,
};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
	/// Show an account's balances; without one, the signing account's.
	Show {
		/// Address, public key in hex, or development path.
		account: Option<String>,
	},
	/// Send money.
	Transfer {
		/// To whom.
		to: String,
		/// How much, in ASY.
		amount: String,
	},
}

impl Account {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		match self {
			Self::Show { account } => {
				let id = context.id_or_own(account.as_deref())?;
				let balance = transfer::balance(&context.chain, &id).await?;
				let text = format!(
					"{}\n  free     {}\n  held     {}",
					address(&id),
					asy(balance.free),
					asy(balance.held)
				);
				let value = json!({
					"address": address(&id),
					"public_key": hex32(&id),
					"free": balance.free.to_string(),
					"held": balance.held.to_string(),
				});
				context.output.result(text, &value);
			},
			Self::Transfer { to, amount } => {
				let (to, amount) = (parse_id(&to)?, amount::parse(&amount)?);
				let included =
					transfer::transfer(&context.chain, &context.account, &to, amount).await?;
				let text = format!("sent {} to {}", asy(amount), address(&to));
				let value = json!({ "to": address(&to), "amount": amount.to_string() });
				context.output.included(text, &included, value);
			},
		}
		Ok(())
	}
}
