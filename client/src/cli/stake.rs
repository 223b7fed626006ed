//! `assay stake`.

use super::{output::asy, Context};
use assay_client::{
	account::address,
	amount,
	stake::{self, Purpose},
	Result,
};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Stake {
	/// The bond for audits of others' jobs, instead of the one for own jobs.
	#[arg(long, global = true)]
	audits: bool,
	#[command(subcommand)]
	verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
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
		let purpose = if self.audits { Purpose::Audits } else { Purpose::Jobs };
		let (verb, amount, included) = match self.verb {
			Verb::Show { account } => return show(context, purpose, account.as_deref()).await,
			Verb::Bond { amount } => {
				let amount = amount::parse(&amount)?;
				("bonded", Some(amount), stake::bond(chain, account, purpose, amount).await?)
			},
			Verb::Unbond { amount } => {
				let amount = amount::parse(&amount)?;
				("unbonding", Some(amount), stake::unbond(chain, account, purpose, amount).await?)
			},
			Verb::Rebond { amount } => {
				let amount = amount::parse(&amount)?;
				("rebonded", Some(amount), stake::rebond(chain, account, purpose, amount).await?)
			},
			Verb::Withdraw => ("withdrawn", None, stake::withdraw(chain, account, purpose).await?),
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

async fn show(context: &Context, purpose: Purpose, account: Option<&str>) -> Result<()> {
	let id = context.id_or_own(account)?;
	let bond = stake::of(&context.chain, purpose, &id).await?;
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
