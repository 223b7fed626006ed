//! Who may use the data listener, and how much.
//!
//! The node says who the tenants are and at which block the chain is. A request is checked from
//! cheap to dear: headers, expiry, membership, and only then the signature.

use crate::{
	blobs::{digest_from_hex, hex},
	config::Limits,
	error::Error,
	metrics::Metrics,
};
use assay_program::{
	wire::{data_statement, Tenants},
	Hash,
};
use axum::http::HeaderMap;
use schnorrkel::{signing_context, PublicKey, Signature};
use std::{
	collections::{HashMap, HashSet},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::Instant,
};

/// The account that signed.
pub const ACCOUNT_HEADER: &str = "x-assay-account";
/// The last block at which the signature counts.
pub const EXPIRY_HEADER: &str = "x-assay-expiry";
/// The signature over the data statement.
pub const SIGNATURE_HEADER: &str = "x-assay-signature";

/// The context under which accounts of the chain sign.
const CONTEXT: &[u8] = b"substrate";
const SIGNATURE_BYTES: usize = 64;

/// Which way bytes move. Each way has a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
	In,
	Out,
}

#[derive(Debug)]
struct Window {
	began: Instant,
	bytes: u64,
}

#[derive(Debug, Default)]
struct Known {
	genesis: Option<Hash>,
	/// `None` until the node has spoken.
	block: Option<u32>,
	tenants: HashSet<Hash>,
	windows: HashMap<(Hash, Way), Window>,
}

/// The tenants and what they have moved.
#[derive(Debug)]
pub(crate) struct Register {
	known: Mutex<Known>,
	limits: Limits,
	metrics: Arc<Metrics>,
}

impl Register {
	pub(crate) fn new(genesis: Option<Hash>, limits: Limits, metrics: Arc<Metrics>) -> Self {
		let known = Known { genesis, ..Known::default() };
		Self { known: Mutex::new(known), limits, metrics }
	}

	fn known(&self) -> MutexGuard<'_, Known> {
		// Nothing panics while it is held.
		self.known.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// The chain that is served, once it is known.
	pub(crate) fn genesis(&self) -> Option<Hash> {
		self.known().genesis
	}

	/// Refuses what belongs to another chain.
	pub(crate) fn check_genesis(&self, genesis: &Hash) -> Result<(), Error> {
		match self.genesis() {
			Some(expected) if expected != *genesis => {
				Err(Error::GenesisMismatch { expected: hex(&expected) })
			},
			_ => Ok(()),
		}
	}

	/// Takes the node's word.
	pub(crate) fn set(&self, told: Tenants) -> Result<(), Error> {
		let limit = self.limits.tenants;
		if told.tenants.len() > limit {
			return Err(Error::TenantsTooMany { limit });
		}
		self.check_genesis(&told.genesis)?;
		let mut known = self.known();
		known.genesis = Some(told.genesis);
		known.block = Some(told.block);
		known.tenants = told.tenants.into_iter().collect();
		// A window outlives its tenant's membership, or else leaving and coming back would empty
		// it; it goes when it is over.
		let length = self.limits.tenant_window;
		known.windows.retain(|_, window| window.began.elapsed() < length);
		self.metrics.tenants.set(i64::try_from(known.tenants.len()).unwrap_or(i64::MAX));
		self.metrics.block.set(i64::from(told.block));
		Ok(())
	}

	/// The tenant that signed this request, if it may make it.
	pub(crate) fn authenticate(
		&self,
		headers: &HeaderMap,
		method: &str,
		digest: &Hash,
	) -> Result<Hash, Error> {
		let account = digest_from_hex(header(headers, ACCOUNT_HEADER)?)
			.ok_or(Error::SignatureMalformed { header: ACCOUNT_HEADER })?;
		let expiry: u32 = header(headers, EXPIRY_HEADER)?
			.parse()
			.map_err(|_| Error::SignatureMalformed { header: EXPIRY_HEADER })?;
		let mut signature = [0u8; SIGNATURE_BYTES];
		let digits = header(headers, SIGNATURE_HEADER)?;
		hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut signature)
			.map_err(|_| Error::SignatureMalformed { header: SIGNATURE_HEADER })?;
		let genesis = {
			let known = self.known();
			let (Some(genesis), Some(block)) = (known.genesis, known.block) else {
				return Err(Error::TenantsNotSet);
			};
			let latest = block.saturating_add(self.limits.expiry_blocks);
			if expiry < block {
				return Err(Error::SignatureExpired { expiry, block });
			}
			if expiry > latest {
				return Err(Error::ExpiryTooFar { expiry, latest });
			}
			if !known.tenants.contains(&account) {
				return Err(Error::TenantUnknown);
			}
			genesis
		};
		let statement = data_statement(&genesis, method, digest, expiry);
		match verifies(&account, &signature, &statement) {
			true => Ok(account),
			false => Err(Error::SignatureWrong),
		}
	}

	/// Charges bytes to a tenant's window.
	pub(crate) fn charge(&self, tenant: &Hash, way: Way, bytes: u64) -> Result<(), Error> {
		let (limit, length) = (self.limits.tenant_window_bytes, self.limits.tenant_window);
		let mut known = self.known();
		let now = Instant::now();
		let window = known.windows.entry((*tenant, way)).or_insert(Window { began: now, bytes: 0 });
		if now.duration_since(window.began) >= length {
			*window = Window { began: now, bytes: 0 };
		}
		let moved = window.bytes.saturating_add(bytes);
		if moved > limit {
			return Err(Error::QuotaWindow { limit, seconds: length.as_secs() });
		}
		window.bytes = moved;
		Ok(())
	}
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Error> {
	let value = headers.get(name).ok_or(Error::SignatureMissing { header: name })?;
	value.to_str().map_err(|_| Error::SignatureMalformed { header: name })
}

/// Whether the account signed the statement, plain or in the brackets that wallets put around raw
/// bytes.
fn verifies(account: &Hash, signature: &[u8; SIGNATURE_BYTES], statement: &[u8]) -> bool {
	let (Ok(key), Ok(signature)) =
		(PublicKey::from_bytes(account), Signature::from_bytes(signature))
	else {
		return false;
	};
	let verifies =
		|message: &[u8]| key.verify(signing_context(CONTEXT).bytes(message), &signature).is_ok();
	verifies(statement) || verifies(&[b"<Bytes>", statement, b"</Bytes>"].concat())
}
