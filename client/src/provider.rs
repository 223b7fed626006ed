//! Providers: who may work, with which worker key, where tenants reach them.

use crate::{
	account::{parse_digest, Account},
	chain::{Chain, Included},
	encode,
	error::{mismatch, Error, Kind, Result},
	value,
};
use assay_program::Hash;
use serde::Serialize;
use subxt::dynamic::Value;

const PALLET: &str = "Providers";

/// A device of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
	/// What it calls itself.
	pub name: String,
	/// Its memory.
	pub memory_mib: u32,
	/// `Cpu` or `Cuda`.
	pub kind: String,
}

/// A registered provider.
#[derive(Clone, Debug, Serialize)]
pub struct Provider {
	/// Its worker key.
	#[serde(serialize_with = "crate::account::as_hex")]
	pub worker: Hash,
	/// What it computes on.
	pub devices: Vec<Device>,
	/// Where tenants reach it.
	pub endpoint: String,
	/// Whether it takes no new lease.
	pub draining: bool,
	/// Whether its worker has been heard of lately.
	pub alive: bool,
	/// Offers and leases that bind it.
	pub engagements: u32,
}

/// What is on record of a provider. Numbers fade with time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
	/// Jobs whose claim was paid.
	pub settled: u32,
	/// Slots that it accepted and did not claim.
	pub lapsed: u32,
	/// Convictions.
	pub convictions: u32,
	/// Distinct tenants lately, or a few more.
	pub tenants: u32,
	/// What its jobs cost their tenants and nobody got back, in planck.
	pub fees: u128,
	/// How far it is trusted, in parts per billion.
	pub trust_ppb: u32,
	/// The least audit rate of its audited jobs, in parts per billion.
	pub lambda_min_ppb: u32,
}

/// What is on record of an account as a provider, if anything can be.
pub async fn record(chain: &Chain, owner: &Hash) -> Result<Option<Record>> {
	let answer = chain.api("ProvidersApi", "provider_record", vec![encode::hash(owner)]).await?;
	value::option(&answer)?.map(decode_record).transpose()
}

fn decode_record(record: &Value) -> Result<Record> {
	Ok(Record {
		settled: value::u32_field(record, "settled")?,
		lapsed: value::u32_field(record, "lapsed")?,
		convictions: value::u32_field(record, "convictions")?,
		tenants: value::u32_field(record, "tenants")?,
		fees: value::number_field(record, "fees")?,
		trust_ppb: value::u32_field(record, "trust_ppb")?,
		lambda_min_ppb: value::u32_field(record, "lambda_min_ppb")?,
	})
}

/// A worker key with the proof that its holder agreed to work for an owner.
#[derive(Clone, Debug)]
pub struct WorkerKey {
	/// The public key.
	pub key: Hash,
	/// Its signature over the statement.
	pub proof: [u8; 64],
}

/// The provider that an account is, if it is one.
pub async fn of(chain: &Chain, owner: &Hash) -> Result<Option<Provider>> {
	let answer = chain.view(PALLET, "provider", vec![encode::hash(owner)]).await?;
	value::option(&answer)?.map(decode).transpose()
}

fn decode(provider: &Value) -> Result<Provider> {
	let text = |value: &Value| {
		String::from_utf8(value::bytes(value)?).map_err(|_| mismatch("a name is not UTF-8"))
	};
	let devices = value::list(value::field(provider, "devices")?)
		.into_iter()
		.map(|device| {
			Ok(Device {
				name: text(value::field(device, "name")?)?,
				memory_mib: value::u32_field(device, "memory_mib")?,
				kind: value::variant(value::field(device, "kind")?)?.into(),
			})
		})
		.collect::<Result<_>>()?;
	Ok(Provider {
		worker: value::hash_field(provider, "worker")?,
		devices,
		endpoint: text(value::field(provider, "endpoint")?)?,
		draining: value::boolean_field(provider, "draining")?,
		alive: value::boolean_field(provider, "alive")?,
		engagements: value::u32_field(provider, "engagements")?,
	})
}

/// Has the node make a worker key for `owner` in its keystore. The node must allow unsafe methods,
/// as it does for callers on its own machine.
pub async fn rotate_worker_key(chain: &Chain, owner: &Account) -> Result<WorkerKey> {
	let reply = chain
		.request("assay_rotateWorkerKey", &[serde_json::json!(owner.address())])
		.await
		.map_err(|e| match e.kind() {
			Kind::Refused => e.next(
				"ask the provider's own node, on its own machine (--rpc-methods unsafe \
					 elsewhere)",
			),
			_ => e,
		})?;
	let text = |name: &str| {
		reply[name]
			.as_str()
			.ok_or_else(|| mismatch(format!("assay_rotateWorkerKey answered without \"{name}\"")))
	};
	let key = parse_digest(text("public")?)?;
	let proof = parse_signature(text("proof")?)?;
	Ok(WorkerKey { key, proof })
}

/// What a node says of its executor.
#[derive(Clone, Debug)]
pub struct ExecutorStatus {
	/// Its control listener.
	pub url: String,
	/// Its data listener, where the node knows it.
	pub data_url: Option<String>,
	/// What it is and has.
	pub capabilities: serde_json::Value,
}

/// Asks the node for its executor.
pub async fn executor_status(chain: &Chain) -> Result<ExecutorStatus> {
	let status = chain.request("assay_executorStatus", &[]).await?;
	if status["reachable"].as_bool() != Some(true) {
		let why = status["error"].as_str().unwrap_or("the node has none");
		return Err(Error::new(Kind::Unreachable, format!("no executor at this node: {why}"))
			.next("start the node with --executor embedded, or with --executor-url"));
	}
	let url = status["url"].as_str().unwrap_or_default().to_string();
	let data_url = status["dataUrl"].as_str().map(str::to_string);
	Ok(ExecutorStatus { url, data_url, capabilities: status["capabilities"].clone() })
}

/// Reads a signature: 128 hexadecimal digits after `0x`.
pub fn parse_signature(text: &str) -> Result<[u8; 64]> {
	let mut proof = [0; 64];
	hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut proof)
		.map_err(|e| Error::new(Kind::Usage, format!("not a signature: {e}")))?;
	Ok(proof)
}

fn encode_devices(devices: &[Device]) -> Value {
	encode::list(devices.iter().map(|device| {
		Value::named_composite([
			("name", encode::bytes(&device.name)),
			("memory_mib", encode::number(device.memory_mib)),
			("kind", encode::unit(&device.kind)),
		])
	}))
}

/// Registers the account as a provider.
pub async fn register(
	chain: &Chain,
	account: &Account,
	devices: &[Device],
	endpoint: &str,
	worker: &WorkerKey,
) -> Result<Included> {
	let arguments = vec![
		("devices", encode_devices(devices)),
		("endpoint", encode::bytes(endpoint)),
		("worker", encode::hash(&worker.key)),
		("proof", encode::bytes(worker.proof)),
	];
	chain.submit(account, PALLET, "register", arguments).await
}

/// Changes devices, endpoint or both.
pub async fn update(
	chain: &Chain,
	account: &Account,
	devices: Option<&[Device]>,
	endpoint: Option<&str>,
) -> Result<Included> {
	let arguments = vec![
		("maybe_devices", encode::option(devices.map(encode_devices))),
		("maybe_endpoint", encode::option(endpoint.map(encode::bytes))),
	];
	chain.submit(account, PALLET, "update", arguments).await
}

/// Registers another worker key.
pub async fn rotate_worker(
	chain: &Chain,
	account: &Account,
	worker: &WorkerKey,
) -> Result<Included> {
	let arguments =
		vec![("worker", encode::hash(&worker.key)), ("proof", encode::bytes(worker.proof))];
	chain.submit(account, PALLET, "rotate_worker", arguments).await
}

/// Takes no new lease from now on.
pub async fn drain(chain: &Chain, account: &Account) -> Result<Included> {
	chain.submit(account, PALLET, "drain", vec![]).await
}

/// Takes leases again.
pub async fn resume(chain: &Chain, account: &Account) -> Result<Included> {
	chain.submit(account, PALLET, "resume", vec![]).await
}

/// Stops being a provider.
pub async fn leave(chain: &Chain, account: &Account) -> Result<Included> {
	chain.submit(account, PALLET, "leave", vec![]).await
}
