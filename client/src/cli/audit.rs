//! `assay audit`.

use super::{output::asy, Context};
use assay_client::{
	account::{address, hex32},
	audit::{self, Pool},
	stake::{self, Purpose},
	Result,
};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
	/// Show the providers that audit jobs of a model.
	Pool {
		/// The model's number.
		model: u32,
	},
	/// Show what an account has for audits; without one, the signing account.
	Show {
		/// Address, public key in hex, or development path.
		account: Option<String>,
	},
	/// Register the duty key of the executor of the provider's own node.
	DutyKey,
	/// Audit jobs of a model from the next duty period on.
	Join {
		/// The model's number.
		model: u32,
	},
	/// Audit jobs of a model no more from the next duty period on.
	Leave {
		/// The model's number.
		model: u32,
	},
	/// Let what is bonded for audits count from the next duty period on.
	Refresh {
		/// Whose; without one, the signing account's.
		account: Option<String>,
	},
}

impl Audit {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		let (text, included, value) = match self {
			Self::Pool { model } => return show_pool(context, model).await,
			Self::Show { account } => return show(context, account.as_deref()).await,
			Self::DutyKey => {
				let key = audit::executor_duty_key(chain, account).await?;
				let included = audit::set_duty_key(chain, account, &key).await?;
				let digits = hex32(&key.key);
				let value = json!({ "action": "duty key set", "key": digits });
				(format!("duty key {digits} registered"), included, value)
			},
			Self::Join { model } => (
				format!("joined the pool of model {model}, from the next duty period on"),
				audit::join(chain, account, model).await?,
				json!({ "action": "joined", "model": model }),
			),
			Self::Leave { model } => (
				format!("left the pool of model {model}, from the next duty period on"),
				audit::leave(chain, account, model).await?,
				json!({ "action": "left", "model": model }),
			),
			Self::Refresh { account: named } => {
				let id = context.id_or_own(named.as_deref())?;
				let included = audit::refresh(chain, account, &id).await?;
				let value = json!({ "action": "refreshed", "address": address(&id) });
				(format!("the bond of {} counts", address(&id)), included, value)
			},
		};
		output.included(text, &included, value);
		Ok(())
	}
}

async fn show_pool(context: &Context, model: u32) -> Result<()> {
	let pool: Pool = audit::pool(&context.chain, model).await?;
	let mut text = format!(
		"model {model}\n  counts now     {}\n  in next period {}",
		asy(pool.total),
		asy(pool.total_next)
	);
	for member in &pool.members {
		let key = if member.has_duty_key { "" } else { ", no duty key counts yet" };
		text += &format!(
			"\n  {}  {}, next {}{key}",
			address(&member.provider),
			asy(member.stake),
			asy(member.stake_next)
		);
	}
	context.output.result(text, &json!({ "model": model, "pool": pool }));
	Ok(())
}

async fn show(context: &Context, account: Option<&str>) -> Result<()> {
	let id = context.id_or_own(account)?;
	let key = audit::duty_key(&context.chain, &id).await?;
	let bond = stake::of(&context.chain, Purpose::Audits, &id).await?;
	let mut text = address(&id);
	text += &match &key {
		Some(key) => format!("\n  duty key  {}", hex32(key)),
		None => "\n  duty key  none that counts in this duty period".into(),
	};
	text += &match &bond {
		Some(bond) => format!("\n  bonded    {}, free {}", asy(bond.active), asy(bond.free)),
		None => "\n  bonded    nothing".into(),
	};
	let key = key.as_ref().map(hex32);
	let value = json!({ "address": address(&id), "duty_key": key, "bond": bond });
	context.output.result(text, &value);
	Ok(())
}
