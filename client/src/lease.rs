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
	/// At what price a lease may reserve a rate, if at all.
	pub reservation: Option<ReservationTerms>,
}

/// What a provider asks for keeping a rate free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReservationTerms {
	/// Price per block of all units per block of a lease, in planck. A part of them costs its part.
	pub price_per_block: u128,
	/// Units per block that leases may reserve in all.
	pub capacity_units_per_block: u64,
}

/// What a lease is to reserve, or has reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reservation {
	/// Units per block.
	pub rate_units_per_block: u64,
	/// Price per block of all of them, in planck; of what is to be reserved, the highest.
	pub price_per_block: u128,
}

impl Terms {
	/// The price per block, in planck, of reserving so many units per block: as the chain computes
	/// it, in proportion and rounded up. None where that cannot be reserved.
	pub fn price_of(&self, units_per_block: u64) -> Option<u128> {
		let price = self.reservation?.price_per_block;
		let (rate, units) = (u128::from(self.rate_units_per_block), u128::from(units_per_block));
		if units > rate {
			return None;
		}
		// Whole prices of a unit first: their product is at most the price.
		let (whole, rest) = (price.checked_div(rate)?, price.checked_rem(rate)?);
		Some(whole * units + (rest * units).div_ceil(rate))
	}
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
	/// Units per block that leases have reserved of it.
	pub reserved_units_per_block: u64,
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
	/// Escrow that no job holds, less what is due, in planck.
	pub free: u128,
	/// Escrow that open jobs hold, in planck.
	pub reserved: u128,
	/// The rate that it reserves, if it does.
	pub reservation: Option<Reservation>,
	/// What it owes for that rate now, in planck.
	pub due: u128,
	/// Whether it owes more than it has free: whoever settles it earns a fee.
	pub is_overdrawn: bool,
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
			reservation: value::option(value::field(terms, "reservation")?)?
				.map(decode_reservation_terms)
				.transpose()?,
		},
		reserved_units_per_block: value::u64_field(offer, "reserved_units_per_block")?,
	})
}

fn decode_reservation_terms(terms: &Value) -> Result<ReservationTerms> {
	Ok(ReservationTerms {
		price_per_block: value::number_field(terms, "price_per_block")?,
		capacity_units_per_block: value::u64_field(terms, "capacity_units_per_block")?,
	})
}

fn decode_reservation(reservation: &Value) -> Result<Reservation> {
	Ok(Reservation {
		rate_units_per_block: value::u64_field(reservation, "rate_units_per_block")?,
		price_per_block: value::number_field(reservation, "price_per_block")?,
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
		reservation: value::option(value::field(lease, "reservation")?)?
			.map(decode_reservation)
			.transpose()?,
		due: value::number_field(lease, "due")?,
		is_overdrawn: value::boolean_field(lease, "is_overdrawn")?,
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
	let reservation = terms.reservation.map(|terms| {
		Value::named_composite([
			("price_per_block", encode::number(terms.price_per_block)),
			("capacity_units_per_block", encode::number(terms.capacity_units_per_block)),
		])
	});
	Value::named_composite([
		("price_per_unit", encode::number(terms.price_per_unit)),
		("rate_units_per_block", encode::number(terms.rate_units_per_block)),
		("duration_blocks_max", encode::number(terms.duration_blocks_max)),
		("min_escrow", encode::number(terms.min_escrow)),
		("risk_factor_max", encode::number(terms.risk_factor_max)),
		("reservation", encode::option(reservation)),
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

/// How a lease is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
	/// On which offer.
	pub offer: u64,
	/// What is held to begin with, in planck.
	pub escrow: u128,
	/// How long it takes jobs.
	pub duration_blocks: u32,
	/// Highest price of a compute unit, in planck.
	pub price_limit: u128,
	/// What it reserves, if anything.
	pub reservation: Option<Reservation>,
}

/// Opens a lease on an offer, unless a price has gone above its limit; returns its id.
pub async fn open(chain: &Chain, account: &Account, opening: &Opening) -> Result<(u64, Included)> {
	let reservation = opening.reservation.map(|reservation| {
		Value::named_composite([
			("rate_units_per_block", encode::number(reservation.rate_units_per_block)),
			("price_limit", encode::number(reservation.price_per_block)),
		])
	});
	let arguments = vec![
		("offer", encode::number(opening.offer)),
		("escrow", encode::number(opening.escrow)),
		("duration_blocks", encode::number(opening.duration_blocks)),
		("price_limit", encode::number(opening.price_limit)),
		("maybe_reservation", encode::option(reservation)),
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

/// What a lease that reserves a rate sets aside of its escrow, in planck.
pub async fn overdraft_fee(chain: &Chain) -> Result<u128> {
	value::number(&chain.constant(PALLET, "OverdraftFee").await?)
}

/// Pays what a lease owes for its reserved rate. Returns what the caller earned, in planck, if it
/// was overdrawn.
pub async fn settle_reservation(
	chain: &Chain,
	account: &Account,
	lease: u64,
) -> Result<(Option<u128>, Included)> {
	let arguments = vec![("lease", encode::number(lease))];
	let included = chain.submit(account, PALLET, "settle_reservation", arguments).await?;
	let earned = included
		.event(PALLET, "OverdraftFeePaid")
		.ok()
		.map(|event| value::number_field(&event.fields, "amount"))
		.transpose()?;
	Ok((earned, included))
}

/// Ends a lease; open jobs still end properly.
pub async fn close(chain: &Chain, account: &Account, lease: u64) -> Result<Included> {
	chain.submit(account, PALLET, "close_lease", vec![("lease", encode::number(lease))]).await
}

#[cfg(test)]
mod tests {
	use super::*;

	fn terms(rate: u64, price_per_block: u128) -> Terms {
		let reservation = ReservationTerms { price_per_block, capacity_units_per_block: rate };
		Terms {
			price_per_unit: 7,
			rate_units_per_block: rate,
			duration_blocks_max: 100,
			min_escrow: 50,
			risk_factor_max: 3,
			reservation: Some(reservation),
		}
	}

	#[test]
	fn a_part_of_a_rate_costs_what_the_chain_asks() {
		assert_eq!(terms(20, 30).price_of(20), Some(30));
		assert_eq!(terms(20, 30).price_of(7), Some(11));
		assert_eq!(terms(20, 30).price_of(21), None);
		assert_eq!(terms(u64::MAX, 1).price_of(1), Some(1));
		assert_eq!(terms(u64::MAX, u128::MAX).price_of(u64::MAX), Some(u128::MAX));
		assert_eq!(terms(2, u128::MAX).price_of(1), Some(u128::MAX / 2 + 1));
		assert_eq!(Terms { reservation: None, ..terms(20, 30) }.price_of(1), None);
	}
}
