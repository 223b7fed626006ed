//! A provider's own executor, by its control listener.

use crate::{
	account::hex32,
	error::{mismatch, Error, Kind, Result},
	http::{self, Answer},
	provider::Device,
};
use assay_program::{merkle, program_digest, Hash};
use reqwest::Client;
use std::{path::Path, time::Duration};

/// Time for one request: a model's weights over a slow disk.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Longest list of capabilities, in bytes.
const CAPABILITIES_BYTES_MAX: usize = 1 << 20;
const WHOM: &str = "the executor";

/// A connection to an executor.
#[derive(Clone)]
pub struct Executor {
	client: Client,
	url: String,
	token: String,
}

// The token stays out of logs.
impl std::fmt::Debug for Executor {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Executor").field("url", &self.url).finish_non_exhaustive()
	}
}

impl Executor {
	/// An executor at `url`, whose token is in a file.
	pub fn new(url: &str, token_file: &Path) -> Result<Self> {
		let token = std::fs::read_to_string(token_file).map_err(|e| {
			Error::new(Kind::Local, format!("cannot read {}: {e}", token_file.display()))
				.next("the executor writes its token to the file `token` in its folder")
		})?;
		let url = url.trim_end_matches('/').to_string();
		Ok(Self { client: http::client(TIMEOUT)?, url, token: token.trim().into() })
	}

	/// Where it is.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// What it is and has.
	pub async fn capabilities(&self) -> Result<serde_json::Value> {
		let url = format!("{}/v1/capabilities", self.url);
		let request = self.client.get(url).bearer_auth(&self.token);
		match http::send(request, WHOM, &self.url).await? {
			Answer::Rejected { error, .. } => Err(error),
			Answer::Done(response) => {
				let body = http::bounded_body(response, CAPABILITIES_BYTES_MAX).await?;
				serde_json::from_slice(&body)
					.map_err(|e| mismatch(format!("the executor's answer is no JSON: {e}")))
			},
		}
	}

	/// Its devices, as a provider registers them.
	pub async fn devices(&self) -> Result<Vec<Device>> {
		devices(&self.capabilities().await?)
	}

	/// Gives it a program; returns its digest.
	pub async fn put_program(&self, bytes: Vec<u8>) -> Result<Hash> {
		let digest = program_digest(&bytes);
		self.put("program", &digest, bytes).await?;
		Ok(digest)
	}

	/// Gives it a weights blob; returns its root.
	pub async fn put_weights(&self, bytes: Vec<u8>) -> Result<Hash> {
		let digest = merkle::blob(&bytes);
		self.put("weights", &digest, bytes).await?;
		Ok(digest)
	}

	async fn put(&self, kind: &str, digest: &Hash, bytes: Vec<u8>) -> Result<()> {
		let url = format!("{}/v1/blobs/{kind}/{}", self.url, hex::encode(digest));
		let request = self.client.put(url).bearer_auth(&self.token).body(bytes);
		match http::send(request, WHOM, &self.url).await? {
			Answer::Rejected { error, .. } => Err(error.during(&hex32(digest))),
			Answer::Done(_) => Ok(()),
		}
	}
}

/// The devices in an executor's capabilities.
pub fn devices(capabilities: &serde_json::Value) -> Result<Vec<Device>> {
	let list = capabilities["devices"]
		.as_array()
		.ok_or_else(|| mismatch("the executor's capabilities name no devices"))?;
	list.iter()
		.map(|device| {
			let name = device["name"].as_str().unwrap_or("device");
			let memory = device["memory_mib"].as_u64().unwrap_or_default();
			let kind = device["kind"].as_str().unwrap_or("cpu");
			Ok(Device {
				name: bounded_name(name),
				memory_mib: u32::try_from(memory).unwrap_or(u32::MAX),
				kind: if kind.eq_ignore_ascii_case("cuda") { "Cuda" } else { "Cpu" }.into(),
			})
		})
		.collect()
}

/// The chain takes at most 64 bytes of a name, without control characters.
fn bounded_name(name: &str) -> String {
	let mut short = String::new();
	for character in name.trim().chars().filter(|c| !c.is_control()) {
		if short.len() + character.len_utf8() > 64 {
			break;
		}
		short.push(character);
	}
	short
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn device_names_fit_the_chain() {
		let list = devices(&json!({"devices": [
			{"name": "ä".repeat(40), "memory_mib": 8, "kind": "cuda"},
			{"name": "a\nb", "memory_mib": 1_u64 << 40},
		]}))
		.unwrap();
		assert_eq!(list[0].name.len(), 64);
		assert_eq!(list[0].kind, "Cuda");
		assert_eq!(list[1].name, "ab");
		assert_eq!((list[1].memory_mib, list[1].kind.as_str()), (u32::MAX, "Cpu"));
		assert_eq!(devices(&json!({})).unwrap_err().kind(), Kind::Mismatch);
	}
}
