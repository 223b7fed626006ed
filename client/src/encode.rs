//! Building the arguments of calls.

use assay_program::{Hash, Parameters, Sampling};
use subxt::dynamic::Value;

/// A number of any width.
pub fn number(number: impl Into<u128>) -> Value {
	Value::u128(number.into())
}

/// Bytes of any length.
pub fn bytes(bytes: impl AsRef<[u8]>) -> Value {
	Value::from_bytes(bytes)
}

/// A hash, a digest, a key or an account id.
pub fn hash(hash: &Hash) -> Value {
	Value::from_bytes(hash)
}

/// An account where a call takes an address.
pub fn address(id: &Hash) -> Value {
	Value::unnamed_variant("Id", [hash(id)])
}

/// A list.
pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
	Value::unnamed_composite(items)
}

/// An optional argument.
pub fn option(value: Option<Value>) -> Value {
	match value {
		Some(value) => Value::unnamed_variant("Some", [value]),
		None => Value::unnamed_variant("None", Vec::new()),
	}
}

/// A variant without fields.
pub fn unit(name: &str) -> Value {
	Value::unnamed_variant(name, Vec::new())
}

/// Parameters of a job.
pub fn parameters(parameters: &Parameters) -> Value {
	let Parameters { batch, sequence, max_steps, sampling } = parameters;
	Value::named_composite([
		("batch", number(*batch)),
		("sequence", number(*sequence)),
		("max_steps", number(*max_steps)),
		("sampling", option(sampling.as_ref().map(self::sampling))),
	])
}

fn sampling(sampling: &Sampling) -> Value {
	Value::named_composite([
		("temperature_q16", number(sampling.temperature_q16)),
		("top_k", number(sampling.top_k)),
		("top_p_q16", number(sampling.top_p_q16)),
		("seed", hash(&sampling.seed)),
	])
}
