//! The pool of those who audit jobs of a model.

use anyhow::Result;
use assay_client::{
	amount::ASY,
	audit,
	stake::{self, Purpose},
	transfer, value, Account, Chain,
};
use serde_json::{json, Value};

/// The rate at which every job is audited by a pool's only member.
pub(super) const ALWAYS: u32 = 1_000_000_000;
/// What an auditor bonds: enough for several audits at once.
const STAKE: u128 = 5_000 * ASY;
/// What the pool begins with that audits are paid from.
const MONEY: u128 = 10 * ASY;

/// Periods of the chains on which jobs are audited.
pub(super) fn timing() -> Value {
	json!({
		"duty_period": 10,
		"accept": 20,
		"commit_base": 20,
		"window_base": 20,
		"reveal_grace": 4,
		"trap_blocks": 4,
		"min_rate": 1_000,
	})
}

/// Has a provider audit jobs of a model, by the duty key of its node's executor.
pub(super) async fn join(chain: &Chain, auditor: &Account, model: u32) -> Result<()> {
	stake::bond(chain, auditor, Purpose::Audits, STAKE).await?;
	let key = audit::executor_duty_key(chain, auditor).await?;
	audit::set_duty_key(chain, auditor, &key).await?;
	audit::join(chain, auditor, model).await?;
	Ok(())
}

/// Pays for the first audits, and waits until somebody counts.
pub(super) async fn open(chain: &Chain, from: &Account, model: u32) -> Result<()> {
	let pool = chain.view("Audits", "pool_account", vec![]).await?;
	transfer::transfer(chain, from, &value::bytes32(&pool)?, MONEY).await?;
	let mut blocks = chain.follow().await?;
	loop {
		let members = audit::pool(chain, model).await?.members;
		if members.iter().any(|member| member.has_duty_key && member.stake > 0) {
			return Ok(());
		}
		blocks.next().await?;
	}
}
