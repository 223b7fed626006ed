//! Models on chain: a program, the root of its weights, an owner's terms.

use crate::{
	account::Account,
	chain::{Chain, Included},
	encode,
	error::{mismatch, Error, Kind, Result},
	value,
};
use assay_program::{program_digest, Hash, Program};
use serde::Serialize;
use subxt::dynamic::Value;

const PALLET: &str = "Models";

/// A registered model.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
	/// Its id.
	pub id: u32,
	/// Digest of its program.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub program: Hash,
	/// Root of its weights.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub weights: Hash,
	/// Who earns the royalty.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub owner: Hash,
	/// Planck per compute unit.
	pub royalty_per_unit: u128,
	/// Everything the chain says of it.
	pub details: serde_json::Value,
}

/// A model by its id.
pub async fn of(chain: &Chain, id: u32) -> Result<Model> {
	let answer = chain.view(PALLET, "model", vec![encode::number(id)]).await?;
	let model = value::option(&answer)?.ok_or_else(|| {
		Error::new(Kind::Refused, format!("there is no model {id}, or it was retired"))
			.next("register one with `assay model register`")
	})?;
	decode(id, model)
}

/// Models with the 256 ids from `first` on.
pub async fn list_from(chain: &Chain, first: u32) -> Result<Vec<Model>> {
	let answer = chain.view(PALLET, "models_from", vec![encode::number(first)]).await?;
	value::tuples(&answer)
		.into_iter()
		.map(|items| match items.as_slice() {
			[id, model] => {
				let id = u32::try_from(value::number(id)?)
					.map_err(|_| mismatch("a model's id does not fit 32 bits"))?;
				decode(id, model)
			},
			_ => Err(mismatch("expected a list of pairs")),
		})
		.collect()
}

fn decode(id: u32, model: &Value) -> Result<Model> {
	Ok(Model {
		id,
		program: value::hash_field(model, "program")?,
		weights: value::hash_field(model, "weights")?,
		owner: value::hash_field(model, "owner")?,
		royalty_per_unit: value::number_field(model, "royalty_per_unit")?,
		details: value::json(model),
	})
}

/// The program of a model, fetched from the chain, checked against its digest and validated.
pub async fn program(chain: &Chain, digest: &Hash) -> Result<Program> {
	let answer = chain.view(PALLET, "program_bytes", vec![encode::hash(digest)]).await?;
	let bytes = value::option(&answer)?
		.ok_or_else(|| mismatch("the chain does not hold the model's program"))?;
	let bytes = value::bytes(bytes)?;
	if program_digest(&bytes) != *digest {
		return Err(mismatch("the node returned another program than the model's")
			.next("do not trust this node"));
	}
	Program::decode_validated(&bytes).map_err(|e| {
		mismatch(format!("the model's program is not valid here: {e}"))
			.next("use a client of the chain's version")
	})
}

/// Registers a model; stores its program first where the chain has it not. Returns the model's id.
pub async fn register(
	chain: &Chain,
	account: &Account,
	program: &[u8],
	weights: &Hash,
	royalty_per_unit: u128,
) -> Result<(u32, Included)> {
	let digest = program_digest(program);
	let stored = chain.view(PALLET, "program_bytes", vec![encode::hash(&digest)]).await?;
	let mut arguments = match value::option(&stored)? {
		None => vec![("program", encode::bytes(program))],
		Some(_) => vec![("program", encode::hash(&digest))],
	};
	let call = if value::option(&stored)?.is_none() { "register" } else { "register_existing" };
	arguments.push(("weights", encode::hash(weights)));
	arguments.push(("royalty_per_unit", encode::number(royalty_per_unit)));
	let included = chain.submit(account, PALLET, call, arguments).await?;
	let event = included.event(PALLET, "ModelRegistered")?;
	Ok((value::u32_field(&event.fields, "model")?, included))
}

/// Changes the royalty.
pub async fn set_terms(
	chain: &Chain,
	account: &Account,
	model: u32,
	royalty_per_unit: u128,
) -> Result<Included> {
	let arguments = vec![
		("model", encode::number(model)),
		("royalty_per_unit", encode::number(royalty_per_unit)),
	];
	chain.submit(account, PALLET, "set_terms", arguments).await
}

/// Gives the model to another account.
pub async fn transfer_ownership(
	chain: &Chain,
	account: &Account,
	model: u32,
	new_owner: &Hash,
) -> Result<Included> {
	let arguments = vec![("model", encode::number(model)), ("new_owner", encode::hash(new_owner))];
	chain.submit(account, PALLET, "transfer_ownership", arguments).await
}

/// Takes the model out of the market; open jobs still end properly.
pub async fn retire(chain: &Chain, account: &Account, model: u32) -> Result<Included> {
	chain.submit(account, PALLET, "retire", vec![("model", encode::number(model))]).await
}
