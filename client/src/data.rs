//! A provider's endpoint, as a tenant sees it: inputs in, outputs out, every request signed.

use crate::{
	account::{hex32, Account},
	chain::{Chain, Follower},
	error::{mismatch, Error, Kind, Result},
	http::{self, Answer},
};
use assay_program::{wire::data_statement, Hash, Outcome};
use codec::DecodeAll;
use reqwest::{Client, RequestBuilder, StatusCode};
use std::time::Duration;

/// Time for one request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long the provider holds a request for an output that is not there yet.
const WAIT_MS: u32 = 20_000;
/// Blocks for which a signature is good.
const EXPIRY_BLOCKS: u32 = 100;
/// Longest output taken, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 << 20;
/// Blocks that a provider's node gets for telling its executor of a new lease, and for handing a
/// new job over.
const PATIENCE_BLOCKS: u32 = 40;
const WHOM: &str = "the provider";

/// A tenant's way to one provider.
#[derive(Clone, Debug)]
pub struct DataClient {
	client: Client,
	chain: Chain,
	account: Account,
	endpoint: String,
}

impl DataClient {
	/// For requests of `account` to a provider's registered endpoint.
	pub fn new(chain: &Chain, account: &Account, endpoint: &str) -> Result<Self> {
		Ok(Self {
			client: http::client(TIMEOUT)?,
			chain: chain.clone(),
			account: account.clone(),
			endpoint: endpoint.trim_end_matches('/').into(),
		})
	}

	/// Brings an input.
	pub async fn put_input(&self, digest: &Hash, bytes: &[u8]) -> Result<()> {
		let url = format!("{}/v1/inputs/{}", self.endpoint, hex::encode(digest));
		let mut patience = None;
		loop {
			let request = self.client.put(&url).body(bytes.to_vec());
			let request = self.sign(request, "PUT", digest).await?;
			match http::send(request, WHOM, &self.endpoint).await? {
				Answer::Done(_) => return Ok(()),
				Answer::Rejected { code, error } => {
					self.be_patient(&mut patience, &code, error).await?;
				},
			}
		}
	}

	/// Fetches a job's outcome as soon as the provider has it.
	pub async fn output(&self, job: &Hash) -> Result<Outcome> {
		let url = format!("{}/v1/outputs/{}?wait_ms={WAIT_MS}", self.endpoint, hex::encode(job));
		let mut patience = None;
		loop {
			let request = self.sign(self.client.get(&url), "GET", job).await?;
			match http::send(request, WHOM, &self.endpoint).await? {
				Answer::Done(response) if response.status() == StatusCode::ACCEPTED => {},
				Answer::Done(response) => {
					let body = http::bounded_body(response, OUTPUT_BYTES_MAX).await?;
					return Outcome::decode_all(&mut body.as_slice()).map_err(|e| {
						mismatch(format!("the output of {} does not decode: {e}", hex32(job)))
					});
				},
				Answer::Rejected { code, error } => {
					self.be_patient(&mut patience, &code, error).await?;
				},
			}
		}
	}

	/// Headers that say who asks, and prove it.
	async fn sign(
		&self,
		request: RequestBuilder,
		method: &str,
		digest: &Hash,
	) -> Result<RequestBuilder> {
		let expiry = self.chain.best_number().await?.saturating_add(EXPIRY_BLOCKS);
		let statement = data_statement(&self.chain.genesis(), method, digest, expiry);
		let signature = hex::encode(self.account.sign(&statement));
		Ok(request
			.header("x-assay-account", hex32(&self.account.id()))
			.header("x-assay-expiry", expiry.to_string())
			.header("x-assay-signature", format!("0x{signature}")))
	}

	/// A lease or a job that was just made reaches the provider's executor through its node, at one
	/// of the next blocks: such a rejection waits for the next block, a bounded number of times.
	async fn be_patient(
		&self,
		patience: &mut Option<(Follower, u32)>,
		code: &str,
		error: Error,
	) -> Result<()> {
		if !matches!(code, "tenant_unknown" | "tenants_not_set" | "job_unknown") {
			return Err(error);
		}
		if patience.is_none() {
			*patience = Some((self.chain.follow().await?, 0));
		}
		let Some((follower, blocks)) = patience else { return Err(error) };
		if *blocks == PATIENCE_BLOCKS {
			return Err(Error::new(Kind::Late, error.message())
				.next("is the provider's node running, with its off-chain worker?"));
		}
		*blocks += 1;
		follower.next().await.map(|_| ())
	}
}
