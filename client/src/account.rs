//! Accounts: keys made from a secret URI, addresses as people write them.

use crate::error::{Error, Kind, Result};
use assay_program::Hash;
use std::str::FromStr;
use subxt::utils::AccountId32;
use subxt_signer::{sr25519::Keypair, SecretUri};

/// A key pair of an account.
#[derive(Clone)]
pub struct Account {
	pair: Keypair,
}

// The secret stays out of logs.
impl std::fmt::Debug for Account {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Account").field("address", &self.address()).finish_non_exhaustive()
	}
}

impl Account {
	/// From a secret URI: `//Alice`, a phrase, or a seed in hex, each with a derivation path.
	pub fn from_suri(suri: &str) -> Result<Self> {
		// The text itself is a secret, so no message repeats it.
		let bad = |why: String| {
			Error::new(Kind::Usage, format!("the secret URI cannot be used: {why}")).next(
				"give a development account such as //Alice, a phrase of 12 words, or a seed as \
				 0x and 64 hexadecimal digits",
			)
		};
		let uri = SecretUri::from_str(suri).map_err(|e| bad(e.to_string()))?;
		let pair = Keypair::from_uri(&uri).map_err(|e| bad(e.to_string()))?;
		Ok(Self { pair })
	}

	/// The public key, which is the account's id.
	pub fn id(&self) -> Hash {
		self.pair.public_key().0
	}

	/// The account's address (SS58, prefix 42).
	pub fn address(&self) -> String {
		address(&self.id())
	}

	/// Signs a statement.
	pub fn sign(&self, statement: &[u8]) -> [u8; 64] {
		self.pair.sign(statement).0
	}

	pub(crate) fn pair(&self) -> &Keypair {
		&self.pair
	}
}

/// Address of an account id (SS58, prefix 42).
pub fn address(id: &Hash) -> String {
	AccountId32(*id).to_string()
}

/// Reads an account id: an address, 64 hexadecimal digits after `0x`, or a development account by
/// its derivation path, like `//Bob`.
pub fn parse_id(text: &str) -> Result<Hash> {
	if text.starts_with("//") {
		return Account::from_suri(text).map(|account| account.id());
	}
	if text.starts_with("0x") {
		return parse_digest(text);
	}
	AccountId32::from_str(text).map(|id| id.0).map_err(|e| {
		Error::new(Kind::Usage, format!("\"{text}\" is not an address: {e}"))
			.next("give an SS58 address, 0x and 64 hexadecimal digits, or a path such as //Bob")
	})
}

/// Reads a digest written as 64 hexadecimal digits, with or without `0x`.
pub fn parse_digest(text: &str) -> Result<Hash> {
	let digits = text.strip_prefix("0x").unwrap_or(text);
	let mut bytes = [0; 32];
	hex::decode_to_slice(digits, &mut bytes).map_err(|e| {
		Error::new(Kind::Usage, format!("\"{text}\" is not a digest: {e}"))
			.next("a digest is 0x and 64 hexadecimal digits")
	})?;
	Ok(bytes)
}

/// Writes a digest with `0x`.
pub fn hex32(digest: &Hash) -> String {
	format!("0x{}", hex::encode(digest))
}

/// Serialises 32 bytes the way [`hex32`] writes them.
pub(crate) fn as_hex<S: serde::Serializer>(
	bytes: &Hash,
	serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
	serializer.serialize_str(&hex32(bytes))
}

/// As [`as_hex`], for what may be absent.
pub(crate) fn as_optional_hex<S: serde::Serializer>(
	digest: &Option<Hash>,
	serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
	match digest {
		Some(digest) => serializer.serialize_some(&hex32(digest)),
		None => serializer.serialize_none(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn knows_the_development_accounts() {
		let alice = Account::from_suri("//Alice").unwrap();
		assert_eq!(alice.address(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
		assert_eq!(parse_id(&alice.address()).unwrap(), alice.id());
		assert_eq!(parse_id("//Alice").unwrap(), alice.id());
		assert_eq!(parse_id(&hex32(&alice.id())).unwrap(), alice.id());
	}

	#[test]
	fn refuses_what_is_no_account_and_keeps_secrets_out_of_messages() {
		let error = Account::from_suri("bottom drive secret").unwrap_err();
		assert_eq!(error.kind(), Kind::Usage);
		assert!(!error.to_string().contains("bottom drive secret"));
		assert_eq!(parse_id("5Grwva").unwrap_err().kind(), Kind::Usage);
		assert_eq!(parse_digest("0x1234").unwrap_err().kind(), Kind::Usage);
	}

	#[test]
	fn debug_shows_no_secret() {
		let text = format!("{:?}", Account::from_suri("//Alice").unwrap());
		assert!(text.contains("5GrwvaEF") && !text.contains("pair"));
	}
}
