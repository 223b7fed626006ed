//! Audits: who may be drawn to compute others' jobs again, and what decides it.

use crate::{
	account::{as_hex, parse_digest, Account},
	chain::{Chain, Included},
	encode,
	error::{mismatch, Kind, Result},
	provider::parse_signature,
	value,
};
use assay_program::Hash;
use serde::Serialize;
use subxt::dynamic::Value;

const PALLET: &str = "Audits";
const API: &str = "AuditsApi";

/// The key by which an executor decides about its provider's audits, with the proof that it agreed
/// to.
#[derive(Clone, Debug)]
pub struct DutyKey {
	/// The public key.
	pub key: Hash,
	/// Its signature over the owner's account and the chain's genesis hash.
	pub proof: [u8; 64],
}

/// A provider that audits jobs of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
	/// Who.
	#[serde(serialize_with = "as_hex")]
	pub provider: Hash,
	/// Its audit stake that counts in this duty period, in planck.
	pub stake: u128,
	/// Its audit stake that will count in the next one.
	pub stake_next: u128,
	/// Whether a duty key of it counts in this duty period.
	pub has_duty_key: bool,
}

/// The providers that audit jobs of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Pool {
	/// Some of them, at most 256.
	pub members: Vec<Member>,
	/// Audit stake of all that counts in this duty period, in planck.
	pub total: u128,
	/// Audit stake of all that will count in the next one.
	pub total_next: u128,
}

/// The pool of a model.
pub async fn pool(chain: &Chain, model: u32) -> Result<Pool> {
	let answer = chain.api(API, "pool", vec![encode::number(model)]).await?;
	Ok(Pool {
		members: value::list(value::field(&answer, "members")?)
			.into_iter()
			.map(member)
			.collect::<Result<_>>()?,
		total: value::number_field(&answer, "total")?,
		total_next: value::number_field(&answer, "total_next")?,
	})
}

fn member(member: &Value) -> Result<Member> {
	Ok(Member {
		provider: value::hash_field(member, "provider")?,
		stake: value::number_field(member, "stake")?,
		stake_next: value::number_field(member, "stake_next")?,
		has_duty_key: value::boolean_field(member, "has_duty_key")?,
	})
}

/// The duty key of a provider that counts in this duty period.
pub async fn duty_key(chain: &Chain, provider: &Hash) -> Result<Option<Hash>> {
	let answer = chain.api(API, "duty_key", vec![encode::hash(provider)]).await?;
	value::option(&answer)?.map(value::bytes32).transpose()
}

/// Asks the provider's own node for the duty key of its executor.
pub async fn executor_duty_key(chain: &Chain, owner: &Account) -> Result<DutyKey> {
	let reply = chain
		.request("assay_dutyKey", &[serde_json::json!(owner.address())])
		.await
		.map_err(|e| match e.kind() {
			Kind::Refused => e.next(
				"ask the provider's own node, on its own machine, with an executor \
				 (--rpc-methods unsafe elsewhere)",
			),
			_ => e,
		})?;
	let text = |name: &str| {
		reply[name]
			.as_str()
			.ok_or_else(|| mismatch(format!("assay_dutyKey answered without \"{name}\"")))
	};
	Ok(DutyKey { key: parse_digest(text("public")?)?, proof: parse_signature(text("proof")?)? })
}

/// Registers a duty key.
pub async fn set_duty_key(chain: &Chain, account: &Account, key: &DutyKey) -> Result<Included> {
	let arguments = vec![("key", encode::hash(&key.key)), ("proof", encode::bytes(key.proof))];
	chain.submit(account, PALLET, "set_duty_key", arguments).await
}

/// Joins the pool of a model.
pub async fn join(chain: &Chain, account: &Account, model: u32) -> Result<Included> {
	chain.submit(account, PALLET, "join", vec![("model", encode::number(model))]).await
}

/// Leaves the pool of a model.
pub async fn leave(chain: &Chain, account: &Account, model: u32) -> Result<Included> {
	chain.submit(account, PALLET, "leave", vec![("model", encode::number(model))]).await
}

/// Lets what a provider has bonded for audits count from the next duty period on.
pub async fn refresh(chain: &Chain, account: &Account, provider: &Hash) -> Result<Included> {
	let arguments = vec![("provider", encode::hash(provider))];
	chain.submit(account, PALLET, "refresh", arguments).await
}
