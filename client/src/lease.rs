//! Offers and leases.

use crate::{
	account::Account,
	chain::{Chain, Included},
	encode,
	error::{mismatch, Error, Kind, Result},
	value,
};
use assay_program::Hash;
use serde::Serialize;
use subxt::dynamic::Value;

const PALLET: &str = "Leases";

/// What a provider asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
	/// Price of a compute unit in planck, the model's royalty included.
	pub price_per_unit: u128,
	/// Units per block of each lease.
	pub rate_units_per_block: u64,
	/// Longest lease.
	pub duration_blocks_max: u32,
	/// Smallest escrow, in planck.
	pub min_escrow: u128,
	/// How many times its price a job may put at risk.
	pub risk_factor_max: u32,
}

/// A standing offer.
#[derive(Clone, Debug, Serialize)]
pub struct Offer {
	/// Its id.
	pub id: u64,
	/// Who computes.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub provider: Hash,
	/// What is run.
	pub model: u32,
	/// For what.
	#[serde(flatten)]
	pub terms: Terms,
}

/// A lease that has not ended.
#[derive(Clone, Debug, Serialize)]
pub struct Lease {
	/// Its id.
	pub id: u64,
	/// Who pays.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub tenant: Hash,
	/// Who computes.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub provider: Hash,
	/// What is run.
	pub model: u32,
	/// Price of a compute unit in planck.
	pub price_per_unit: u128,
	/// Whether it takes jobs.
	pub open: bool,
	/// Escrow that no job holds, in planck.
	pub free: u128,
	/// Escrow that open jobs hold, in planck.
	pub reserved: u128,
	/// Last block in which it takes jobs.
	pub expires_at: u32,
	/// Everything the chain says of it.
	pub details: serde_json::Value,
}

/// One offer.
pub async fn offer(chain: &Chain, id: u64) -> Result<Option<Offer>> {
	let answer = chain.view(PALLET, "offer", vec![encode::number(id)]).await?;
	value::option(&answer)?.map(|offer| decode_offer(id, offer)).transpose()
}

/// Offers of a provider.
pub async fn offers_of(chain: &Chain, provider: &Hash) -> Result<Vec<Offer>> {
	let answer = chain.view(PALLET, "offers_of_provider", vec![encode::hash(provider)]).await?;
	pairs(&answer)?.into_iter().map(|(id, offer)| decode_offer(id, offer)).collect()
}

fn decode_offer(id: u64, offer: &Value) -> Result<Offer> {
	let terms = value::field(offer, "terms")?;
	Ok(Offer {
		id,
		provider: value::hash_field(offer, "provider")?,
		model: value::u32_field(offer, "model")?,
		terms: Terms {
			price_per_unit: value::number_field(terms, "price_per_unit")?,
			rate_units_per_block: value::u64_field(terms, "rate_units_per_block")?,
			duration_blocks_max: value::u32_field(terms, "duration_blocks_max")?,
			min_escrow: value::number_field(terms, "min_escrow")?,
			risk_factor_max: value::u32_field(terms, "risk_factor_max")?,
		},
	})
}

/// One lease.
pub async fn of(chain: &Chain, id: u64) -> Result<Lease> {
	let answer = chain.view(PALLET, "lease", vec![encode::number(id)]).await?;
	let lease = value::option(&answer)?.ok_or_else(|| {
		Error::new(Kind::Refused, format!("there is no lease {id}, or it has ended"))
			.next("list yours with `assay lease list`")
	})?;
	decode_lease(id, lease)
}

/// Leases of a tenant.
pub async fn leases_of(chain: &Chain, tenant: &Hash) -> Result<Vec<Lease>> {
	let answer = chain.view(PALLET, "leases_of_tenant", vec![encode::hash(tenant)]).await?;
	pairs(&answer)?.into_iter().map(|(id, lease)| decode_lease(id, lease)).collect()
}

/// Leases of a provider.
pub async fn leases_of_provider(chain: &Chain, provider: &Hash) -> Result<Vec<Lease>> {
	let answer = chain.view(PALLET, "leases_of_provider", vec![encode::hash(provider)]).await?;
	pairs(&answer)?.into_iter().map(|(id, lease)| decode_lease(id, lease)).collect()
}

fn decode_lease(id: u64, lease: &Value) -> Result<Lease> {
	Ok(Lease {
		id,
		tenant: value::hash_field(lease, "tenant")?,
		provider: value::hash_field(lease, "provider")?,
		model: value::u32_field(lease, "model")?,
		price_per_unit: value::number_field(lease, "price_per_unit")?,
		open: value::boolean_field(lease, "takes_jobs")?,
		free: value::number_field(lease, "free")?,
		reserved: value::number_field(lease, "reserved")?,
		expires_at: value::u32_field(lease, "expires_at")?,
		details: value::json(lease),
	})
}

/// Elements of a list of pairs of an id and a struct.
fn pairs(answer: &Value) -> Result<Vec<(u64, &Value)>> {
	value::tuples(answer)
		.into_iter()
		.map(|items| match items.as_slice() {
			[id, item] => {
				let id = u64::try_from(value::number(id)?)
					.map_err(|_| mismatch("an id does not fit 64 bits"))?;
				Ok((id, *item))
			},
			_ => Err(mismatch("expected a list of pairs")),
		})
		.collect()
}

fn encode_terms(terms: &Terms) -> Value {
	Value::named_composite([
		("price_per_unit", encode::number(terms.price_per_unit)),
		("rate_units_per_block", encode::number(terms.rate_units_per_block)),
		("duration_blocks_max", encode::number(terms.duration_blocks_max)),
		("min_escrow", encode::number(terms.min_escrow)),
		("risk_factor_max", encode::number(terms.risk_factor_max)),
	])
}

/// Puts up an offer; returns its id.
pub async fn create_offer(
	chain: &Chain,
	account: &Account,
	model: u32,
	terms: &Terms,
) -> Result<(u64, Included)> {
	let all = vec![("model", encode::number(model)), ("terms", encode_terms(terms))];
	let included = chain.submit(account, PALLET, "create_offer", all).await?;
	let event = included.event(PALLET, "OfferCreated")?;
	Ok((value::u64_field(&event.fields, "offer")?, included))
}

/// Changes an offer's terms for later leases.
pub async fn update_offer(
	chain: &Chain,
	account: &Account,
	offer: u64,
	terms: &Terms,
) -> Result<Included> {
	let all = vec![("offer", encode::number(offer)), ("terms", encode_terms(terms))];
	chain.submit(account, PALLET, "update_offer", all).await
}

/// Withdraws an offer.
pub async fn close_offer(chain: &Chain, account: &Account, offer: u64) -> Result<Included> {
	chain.submit(account, PALLET, "close_offer", vec![("offer", encode::number(offer))]).await
}

/// Opens a lease on an offer, unless the price has gone above `price_limit`; returns its id.
pub async fn open(
	chain: &Chain,
	account: &Account,
	offer: u64,
	escrow: u128,
	duration_blocks: u32,
	price_limit: u128,
) -> Result<(u64, Included)> {
	let arguments = vec![
		("offer", encode::number(offer)),
		("escrow", encode::number(escrow)),
		("duration_blocks", encode::number(duration_blocks)),
		("price_limit", encode::number(price_limit)),
	];
	let included = chain.submit(account, PALLET, "open_lease", arguments).await?;
	let event = included.event(PALLET, "LeaseOpened")?;
	Ok((value::u64_field(&event.fields, "lease")?, included))
}

/// Adds to a lease's escrow.
pub async fn top_up(
	chain: &Chain,
	account: &Account,
	lease: u64,
	amount: u128,
) -> Result<Included> {
	let arguments = vec![("lease", encode::number(lease)), ("amount", encode::number(amount))];
	chain.submit(account, PALLET, "top_up", arguments).await
}

/// Ends a lease; open jobs still end properly.
pub async fn close(chain: &Chain, account: &Account, lease: u64) -> Result<Included> {
	chain.submit(account, PALLET, "close_lease", vec![("lease", encode::number(lease))]).await
}
