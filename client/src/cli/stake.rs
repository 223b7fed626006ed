//! `assay stake`.

use super::{output::asy, Context};
use assay_client::{account::address, amount, stake, Result};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Stake {
	/// Show an account's bond; without one, the signing account's.
	Show {
		/// Address, public key in hex, or development path.
		account: Option<String>,
	},
	/// Bond more.
	Bond {
		/// How much, in ASY.
		amount: String,
	},
	/// Begin to take out a part.
	Unbond {
		/// How much, in ASY.
		amount: String,
	},
	/// Take back a part of what is leaving.
	Rebond {
		/// How much, in ASY.
		amount: String,
	},
	/// Take out what has matured.
	Withdraw,
}

impl Stake {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let (verb, amount, included) = match self {
			Self::Show { account } => return show(context, account.as_deref()).await,
			Self::Bond { amount } => {
				let amount = amount::parse(&amount)?;
				("bonded", Some(amount), stake::bond(chain, account, amount).await?)
			},
			Self::Unbond { amount } => {
				let amount = amount::parse(&amount)?;
				("unbonding", Some(amount), stake::unbond(chain, account, amount).await?)
			},
			Self::Rebond { amount } => {
				let amount = amount::parse(&amount)?;
				("rebonded", Some(amount), stake::rebond(chain, account, amount).await?)
			},
			Self::Withdraw => ("withdrawn", None, stake::withdraw(chain, account).await?),
		};
		let text = match amount {
			Some(amount) => format!("{verb} {}", asy(amount)),
			None => format!("{verb} what had matured"),
		};
		let value = json!({ "action": verb, "amount": amount.map(|a| a.to_string()) });
		output.included(text, &included, value);
		Ok(())
	}
}

async fn show(context: &Context, account: Option<&str>) -> Result<()> {
	let id = context.id_or_own(account)?;
	let bond = stake::of(&context.chain, &id).await?;
	let text = match &bond {
		None => format!("{} has no bond", address(&id)),
		Some(bond) => {
			let mut text = format!(
				"{}\n  active   {}\n  free     {}\n  pledged  {}",
				address(&id),
				asy(bond.active),
				asy(bond.free),
				asy(bond.pledged)
			);
			for chunk in &bond.unbonding {
				text += &format!("\n  leaving  {} from block {}", asy(chunk.amount), chunk.due_at);
			}
			text
		},
	};
	context.output.result(text, &json!({ "address": address(&id), "bond": bond }));
	Ok(())
}
