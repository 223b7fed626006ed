//! A provider's endpoint, as a tenant sees it: inputs in, outputs out, every request signed.

mod stream;

pub use stream::Received;

use crate::{
	account::{hex32, Account},
	chain::Chain,
	error::{mismatch, Error, Kind, Result},
	http::{self, Answer},
	job::{self, Claims},
	upload,
};
use assay_program::{wire::data_statement, Bytes, Hash, Outcome};
use codec::DecodeAll;
use reqwest::{Client, RequestBuilder, StatusCode};
use std::time::{Duration, Instant};

/// Time for one request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest pause of a stream; a provider that is alive shows it more often.
const PAUSE: Duration = Duration::from_secs(45);
/// How long the provider holds a request for an output that is not there yet.
const WAIT_MS: u32 = 20_000;
/// An answer that has nothing and comes before this did not wait as it was asked to.
const EARLY: Duration = Duration::from_millis(WAIT_MS as u64 / 2);
/// Blocks for which a signature is good.
const EXPIRY_BLOCKS: u32 = 100;
/// Longest output taken, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 << 20;
/// Blocks that a provider's node gets for telling its executor of a new lease, and for handing a
/// new job over.
const UNTOLD_BLOCKS: u32 = 40;
/// Blocks for which a provider that is busy, stopping or away is asked again.
const AWAY_BLOCKS: u32 = 10;
/// Blocks for which a provider is asked for the output of a job that is not open: it has just been
/// submitted, or is over, and what was not handed out by now will not be.
const CLOSED_BLOCKS: u32 = 20;
const WHOM: &str = "the provider";

/// A tenant's way to one provider.
#[derive(Clone, Debug)]
pub struct DataClient {
	client: Client,
	/// For answers that go on for as long as they are alive.
	streaming: Client,
	/// For inputs.
	uploading: Client,
	chain: Chain,
	account: Account,
	endpoint: String,
}

impl DataClient {
	/// For requests of `account` to a provider's registered endpoint.
	pub fn new(chain: &Chain, account: &Account, endpoint: &str) -> Result<Self> {
		Ok(Self {
			client: http::client(TIMEOUT)?,
			streaming: http::streaming_client(PAUSE)?,
			uploading: http::upload_client(TIMEOUT)?,
			chain: chain.clone(),
			account: account.clone(),
			endpoint: endpoint.trim_end_matches('/').into(),
		})
	}

	/// Brings an input.
	pub async fn put_input(&self, digest: &Hash, bytes: &[u8]) -> Result<()> {
		let url = format!("{}/v1/inputs/{}", self.endpoint, hex::encode(digest));
		let (mut patience, bytes) = (Patience::default(), Bytes::copy_from_slice(bytes));
		loop {
			let request = self.sign(self.uploading.put(&url), "PUT", digest).await?;
			let whom = (WHOM, self.endpoint.as_str());
			match upload::send(request, bytes.clone(), upload::IDLE, whom, |_| {}).await {
				Ok(Answer::Done(_)) => return Ok(()),
				Ok(Answer::Rejected { code, error }) => patience.rejected(&code, error)?,
				Err(error) => patience.away(error)?,
			}
			self.chain.new_block().await?;
		}
	}

	/// Fetches a job's outcome as soon as the provider has it. Goes on while the job is open, and
	/// for some blocks before and after.
	pub async fn output(&self, job: &Hash) -> Result<Outcome> {
		let mut patience = Patience::default();
		loop {
			let begun = Instant::now();
			match self.ask(job).await {
				Ok(Asked::Outcome(outcome)) => return Ok(outcome),
				Ok(Asked::NotYet) => {
					let is_open = job::claims(&self.chain, job).await? != Claims::NotOpen;
					patience.not_yet(is_open, self.chain.best_number().await?)?;
					if begun.elapsed() >= EARLY {
						continue;
					}
				},
				Ok(Asked::Rejected { code, error }) => patience.rejected(&code, error)?,
				Err(error) if error.kind() == Kind::Unreachable => patience.away(error)?,
				Err(error) => return Err(error),
			}
			self.chain.new_block().await?;
		}
	}

	/// Asks for an outcome once.
	async fn ask(&self, job: &Hash) -> Result<Asked> {
		let url = format!("{}/v1/outputs/{}?wait_ms={WAIT_MS}", self.endpoint, hex::encode(job));
		let request = self.sign(self.client.get(&url), "GET", job).await?;
		match http::send(request, WHOM, &self.endpoint).await? {
			Answer::Done(response) if response.status() == StatusCode::ACCEPTED => {
				Ok(Asked::NotYet)
			},
			Answer::Done(response) => {
				let body = http::bounded_body(response, OUTPUT_BYTES_MAX).await?;
				let outcome = Outcome::decode_all(&mut body.as_slice()).map_err(|e| {
					mismatch(format!("the output of {} does not decode: {e}", hex32(job)))
				})?;
				Ok(Asked::Outcome(outcome))
			},
			Answer::Rejected { code, error } => Ok(Asked::Rejected { code, error }),
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
}

/// What a provider said of an output.
enum Asked {
	/// Here it is.
	Outcome(Outcome),
	/// The job is not done yet.
	NotYet,
	/// It says no, with a stable code.
	Rejected { code: String, error: Error },
}

/// How often a request was made in vain, and whether it may be made once more.
#[derive(Debug, Default)]
struct Patience {
	untold: u32,
	away: u32,
	/// The block at which the job was first seen not to be open.
	closed_since: Option<u32>,
}

impl Patience {
	/// A lease or a job that was just made reaches the provider's executor through its node, at one
	/// of the next blocks; an executor that is busy or stopping is back after a while.
	fn rejected(&mut self, code: &str, error: Error) -> Result<()> {
		match code {
			"tenant_unknown" | "tenants_not_set" | "job_unknown" if self.untold < UNTOLD_BLOCKS => {
				self.untold += 1;
				Ok(())
			},
			"tenant_unknown" | "tenants_not_set" | "job_unknown" => {
				Err(Error::new(Kind::Late, error.message())
					.next("is the provider's node running, with its off-chain worker?"))
			},
			// A job that has failed is handed in again by the worker, at one of the next blocks.
			"job_failed" => self.away(error),
			code if http::is_passing(code) => self.away(error),
			_ => Err(error),
		}
	}

	/// The provider cannot be reached, or has no time.
	fn away(&mut self, error: Error) -> Result<()> {
		if self.away == AWAY_BLOCKS {
			return Err(error);
		}
		self.away += 1;
		Ok(())
	}

	/// Something came.
	fn progress(&mut self) {
		*self = Self { closed_since: self.closed_since, ..Self::default() };
	}

	/// The provider knows the job and has no output yet.
	fn not_yet(&mut self, is_open: bool, best: u32) -> Result<()> {
		self.away = 0;
		if is_open {
			self.closed_since = None;
			return Ok(());
		}
		let since = *self.closed_since.get_or_insert(best);
		if best.saturating_sub(since) < CLOSED_BLOCKS {
			return Ok(());
		}
		Err(Error::new(Kind::Late, "the job is over and the provider still has no output for it")
			.next("lease from another provider; the chain's word on the job is its receipt"))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn refusal() -> Error {
		Error::new(Kind::Refused, "no")
	}

	fn times(mut step: impl FnMut() -> Result<()>) -> (u32, Error) {
		let mut count = 0;
		loop {
			match step() {
				Ok(()) => count += 1,
				Err(error) => return (count, error),
			}
			assert!(count < 1_000, "without a bound");
		}
	}

	#[test]
	fn a_busy_or_absent_provider_is_asked_a_bounded_number_of_times() {
		for code in ["busy", "stopping", "too_slow"] {
			let mut patience = Patience::default();
			let (count, error) = times(|| patience.rejected(code, refusal()));
			assert_eq!((count, error.kind()), (AWAY_BLOCKS, Kind::Refused));
		}
		let mut patience = Patience::default();
		let (count, error) = times(|| patience.away(Error::new(Kind::Unreachable, "gone")));
		assert_eq!((count, error.kind()), (AWAY_BLOCKS, Kind::Unreachable));
	}

	#[test]
	fn a_provider_that_is_not_told_yet_has_some_blocks() {
		for code in ["tenant_unknown", "tenants_not_set", "job_unknown"] {
			let mut patience = Patience::default();
			let (count, error) = times(|| patience.rejected(code, refusal()));
			assert_eq!((count, error.kind()), (UNTOLD_BLOCKS, Kind::Late));
		}
		let mut patience = Patience::default();
		assert_eq!(patience.rejected("job_foreign", refusal()).unwrap_err().kind(), Kind::Refused);
	}

	#[test]
	fn asking_goes_on_while_the_job_is_open_and_ends_after_it() {
		let mut patience = Patience::default();
		// Not in a block yet.
		patience.not_yet(false, 8).unwrap();
		for block in 10..500 {
			patience.not_yet(true, block).unwrap();
		}
		let mut block = 500;
		let (count, error) = times(|| {
			block += 1;
			patience.not_yet(false, block)
		});
		assert_eq!((count, error.kind()), (CLOSED_BLOCKS, Kind::Late));
	}

	#[test]
	fn trouble_in_between_is_forgiven() {
		let mut patience = Patience::default();
		for _ in 0..3 * AWAY_BLOCKS {
			patience.rejected("busy", refusal()).unwrap();
			patience.not_yet(true, 1).unwrap();
		}
	}
}
