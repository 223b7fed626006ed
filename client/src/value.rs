//! Reading what the chain says. The client knows the chain by its metadata, so values arrive with
//! names; here they are taken apart, or turned into JSON as they are.

use crate::{
	account::hex32,
	error::{mismatch, Result},
};
use assay_program::Hash;
use serde_json::{json, Map};
use subxt::{
	dynamic::{At, Value},
	ext::scale_value::{Composite, Primitive, ValueDef},
};

/// The field `name` of a struct, an event or a variant.
pub fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
	value.at(name).ok_or_else(|| mismatch(format!("the chain's answer has no field \"{name}\"")))
}

/// A number, also inside newtypes.
pub fn number(value: &Value) -> Result<u128> {
	inner(value).as_u128().ok_or_else(|| mismatch(format!("expected a number, got {value}")))
}

/// The number in field `name`.
pub fn number_field(value: &Value, name: &str) -> Result<u128> {
	number(field(value, name)?).map_err(|e| e.during(name))
}

/// The number in field `name`, which must fit 64 bits.
pub fn u64_field(value: &Value, name: &str) -> Result<u64> {
	u64::try_from(number_field(value, name)?)
		.map_err(|_| mismatch(format!("{name} does not fit 64 bits")))
}

/// The number in field `name`, which must fit 32 bits.
pub fn u32_field(value: &Value, name: &str) -> Result<u32> {
	u32::try_from(number_field(value, name)?)
		.map_err(|_| mismatch(format!("{name} does not fit 32 bits")))
}

/// The truth value in field `name`.
pub fn boolean_field(value: &Value, name: &str) -> Result<bool> {
	field(value, name)?.as_bool().ok_or_else(|| mismatch(format!("{name} is not a truth value")))
}

/// A string of bytes of any length.
pub fn bytes(value: &Value) -> Result<Vec<u8>> {
	as_bytes(value).ok_or_else(|| mismatch(format!("expected bytes, got {value}")))
}

/// Exactly 32 bytes: an account, a hash, a digest.
pub fn bytes32(value: &Value) -> Result<Hash> {
	bytes(value)?.try_into().map_err(|_| mismatch("expected 32 bytes".to_string()))
}

/// The 32 bytes in field `name`.
pub fn hash_field(value: &Value, name: &str) -> Result<Hash> {
	bytes32(field(value, name)?).map_err(|e| e.during(name))
}

/// Name of an enum's variant.
pub fn variant(value: &Value) -> Result<&str> {
	match &value.value {
		ValueDef::Variant(variant) => Ok(&variant.name),
		_ => Err(mismatch(format!("expected a variant, got {value}"))),
	}
}

/// The first field of an enum's variant.
pub fn payload(value: &Value) -> Option<&Value> {
	match &value.value {
		ValueDef::Variant(variant) => variant.values.values().next(),
		_ => None,
	}
}

/// What an `Option` holds.
pub fn option(value: &Value) -> Result<Option<&Value>> {
	match &value.value {
		ValueDef::Variant(v) if v.name == "None" => Ok(None),
		ValueDef::Variant(v) if v.name == "Some" => Ok(v.values.values().next()),
		_ => Err(mismatch(format!("expected an option, got {value}"))),
	}
}

/// Elements of a list of structs or bytes, also inside a bounded list's wrapper.
pub fn list(value: &Value) -> Vec<&Value> {
	match &value.value {
		ValueDef::Composite(Composite::Unnamed(items)) => match items.as_slice() {
			[wrapper] if is_unnamed(wrapper) => list(wrapper),
			items => items.iter().collect(),
		},
		_ => Vec::new(),
	}
}

/// Elements of a plain list of tuples, each as its own elements. (A list of one tuple looks like a
/// wrapper around a list, so [`list`] cannot read it.)
pub fn tuples(value: &Value) -> Vec<Vec<&Value>> {
	let items = |value| match value {
		&Value { value: ValueDef::Composite(Composite::Unnamed(ref items)), .. } => {
			items.iter().collect()
		},
		_ => Vec::new(),
	};
	items(value).into_iter().map(items).collect()
}

fn is_unnamed(value: &Value) -> bool {
	matches!(value.value, ValueDef::Composite(Composite::Unnamed(_)))
}

fn inner(value: &Value) -> &Value {
	match &value.value {
		ValueDef::Composite(composite) if composite.len() == 1 => {
			composite.values().next().map_or(value, inner)
		},
		_ => value,
	}
}

fn as_bytes(value: &Value) -> Option<Vec<u8>> {
	match &value.value {
		ValueDef::Composite(Composite::Unnamed(items)) => {
			if let [only] = items.as_slice() {
				if let Some(bytes) = as_bytes(only) {
					return Some(bytes);
				}
			}
			items.iter().map(|item| item.as_u128().and_then(|n| u8::try_from(n).ok())).collect()
		},
		ValueDef::Primitive(Primitive::U256(bytes)) => Some(bytes.to_vec()),
		_ => None,
	}
}

/// The value as JSON: 32-byte strings and longer ones as hex, numbers above 2^53 as strings, unit
/// variants by name, others as an object with the name as key.
pub fn json(value: &Value) -> serde_json::Value {
	match &value.value {
		ValueDef::Composite(composite) => composite_json(value, composite),
		ValueDef::Variant(v) if v.values.is_empty() && v.name == "None" => json!(null),
		ValueDef::Variant(v) if v.values.is_empty() => json!(v.name),
		ValueDef::Variant(v) if v.name == "Some" && v.values.len() == 1 => {
			v.values.values().next().map_or(json!(null), json)
		},
		ValueDef::Variant(v) => {
			let fields = Value::without_context(ValueDef::Composite(v.values.clone()));
			json!({ v.name.clone(): json(&fields) })
		},
		ValueDef::Primitive(primitive) => primitive_json(primitive),
		ValueDef::BitSequence(bits) => {
			json!(bits.iter().map(|b| if b { '1' } else { '0' }).collect::<String>())
		},
	}
}

fn composite_json(value: &Value, composite: &Composite<()>) -> serde_json::Value {
	// Anything of 32 bytes or more that is all small numbers is a hash, an account or a blob.
	if let Some(bytes) = as_bytes(value).filter(|bytes| bytes.len() >= 32) {
		return match <Hash>::try_from(bytes.as_slice()) {
			Ok(hash) => json!(hex32(&hash)),
			Err(_) => json!(format!("0x{}", hex::encode(bytes))),
		};
	}
	match composite {
		Composite::Named(fields) => json!(fields
			.iter()
			.map(|(name, value)| (name.clone(), json(value)))
			.collect::<Map<String, serde_json::Value>>()),
		Composite::Unnamed(items) => match items.as_slice() {
			[only] => json(only),
			items => json!(items.iter().map(json).collect::<Vec<_>>()),
		},
	}
}

fn primitive_json(primitive: &Primitive) -> serde_json::Value {
	// JavaScript loses digits above 2^53.
	const EXACT: u128 = 1 << 53;
	match primitive {
		Primitive::Bool(b) => json!(b),
		Primitive::Char(c) => json!(c.to_string()),
		Primitive::String(s) => json!(s),
		Primitive::U128(n) if *n <= EXACT => json!(*n as u64),
		Primitive::U128(n) => json!(n.to_string()),
		Primitive::I128(n) if n.unsigned_abs() <= EXACT => json!(*n as i64),
		Primitive::I128(n) => json!(n.to_string()),
		Primitive::U256(bytes) | Primitive::I256(bytes) => {
			json!(format!("0x{}", hex::encode(bytes)))
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn digest(byte: u8) -> Value {
		// As the chain's newtypes arrive: JobDigest(H256([u8; 32])).
		Value::unnamed_composite([Value::unnamed_composite([Value::from_bytes([byte; 32])])])
	}

	#[test]
	fn takes_newtypes_apart() {
		assert_eq!(bytes32(&digest(7)).unwrap(), [7; 32]);
		assert_eq!(number(&Value::unnamed_composite([Value::u128(9)])).unwrap(), 9);
		let event = Value::named_composite([("job", digest(1)), ("slot", Value::u128(3))]);
		assert_eq!(hash_field(&event, "job").unwrap(), [1; 32]);
		assert_eq!(u32_field(&event, "slot").unwrap(), 3);
		assert!(field(&event, "lease").is_err());
		assert!(u32_field(&Value::named_composite([("n", Value::u128(1 << 40))]), "n").is_err());
	}

	#[test]
	fn lists_with_and_without_wrapper() {
		let device = |n| Value::named_composite([("memory_mib", Value::u128(n))]);
		assert_eq!(list(&Value::unnamed_composite([device(1), device(2)])).len(), 2);
		assert_eq!(list(&Value::unnamed_composite([device(1)])).len(), 1);
		assert_eq!(list(&Value::unnamed_composite(Vec::new())).len(), 0);
		let bounded = Value::unnamed_composite([Value::unnamed_composite([device(1)])]);
		assert_eq!(list(&bounded).len(), 1);
		let pair = || Value::unnamed_composite([Value::u128(1), device(1)]);
		assert_eq!(tuples(&Value::unnamed_composite([pair()]))[0].len(), 2);
		assert_eq!(tuples(&Value::unnamed_composite([pair(), pair()])).len(), 2);
	}

	#[test]
	fn json_keeps_names_and_digits() {
		let value = Value::named_composite([
			("job", digest(0xab)),
			("price", Value::u128(u128::MAX)),
			("count", Value::unnamed_composite([Value::u128(1)])),
			("late", Value::bool(false)),
			("reason", Value::unnamed_variant("Expired", Vec::new())),
			("phase", Value::named_variant("Window", [("closes_at", Value::u128(12))])),
			("worker", Value::unnamed_variant("None", Vec::new())),
			("by", Value::unnamed_variant("Some", [Value::u128(5)])),
		]);
		assert_eq!(
			json(&value),
			json!({
				"job": format!("0x{}", "ab".repeat(32)),
				"price": u128::MAX.to_string(),
				"count": 1,
				"late": false,
				"reason": "Expired",
				"phase": {"Window": {"closes_at": 12}},
				"worker": null,
				"by": 5,
			})
		);
	}
}
