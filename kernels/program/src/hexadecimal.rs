//! JSON form of 32 bytes: `0x` and 64 hexadecimal digits.

use alloc::string::String;
use core::fmt;
use serde::{de, Deserializer, Serializer};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn digit(nibble: u8) -> char {
	DIGITS.get(usize::from(nibble & 15)).map_or('0', |digit| char::from(*digit))
}

/// Writes 32 bytes.
pub(crate) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
	let mut text = String::from("0x");
	for byte in bytes {
		text.push(digit(byte >> 4));
		text.push(digit(*byte));
	}
	serializer.serialize_str(&text)
}

/// Reads 32 bytes, with or without `0x`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
	deserializer: D,
) -> Result<[u8; 32], D::Error> {
	deserializer.deserialize_str(Visitor)
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
	type Value = [u8; 32];

	fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("64 hexadecimal digits, with or without 0x")
	}

	fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 32], E> {
		parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
	}
}

pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
	let digits = text.strip_prefix("0x").unwrap_or(text);
	if digits.len() != 64 {
		return None;
	}
	let mut bytes = [0u8; 32];
	for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
		for digit in pair {
			let nibble = char::from(*digit).to_digit(16)?;
			*byte = (*byte << 4) | u8::try_from(nibble).ok()?;
		}
	}
	Some(bytes)
}

/// The same for lists of 32 bytes.
pub(crate) mod list {
	use alloc::vec::Vec;
	use serde::{Deserialize, Deserializer, Serialize, Serializer};

	#[derive(Serialize, Deserialize)]
	struct Entry(#[serde(with = "super")] [u8; 32]);

	pub(crate) fn serialize<S: Serializer>(
		hashes: &[[u8; 32]],
		serializer: S,
	) -> Result<S::Ok, S::Error> {
		serializer.collect_seq(hashes.iter().map(|hash| Entry(*hash)))
	}

	pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
		deserializer: D,
	) -> Result<Vec<[u8; 32]>, D::Error> {
		Ok(Vec::<Entry>::deserialize(deserializer)?.into_iter().map(|entry| entry.0).collect())
	}
}
