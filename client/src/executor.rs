//! A provider's own executor, by its control listener.

use crate::{
	account::hex32,
	error::{mismatch, Error, Kind, Result},
	http::{self, Answer},
	provider::Device,
	upload,
};
use assay_program::{
	merkle, program_digest,
	wire::{JobRequest, JobState},
	Bytes, Claim, Hash,
};
use reqwest::Client;
use std::{
	path::Path,
	time::{Duration, Instant},
};

/// Time for a request without a body, and for a connection.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a blob is sent at most, where the executor breaks off or has no time.
const TRIES: u32 = 4;
/// Time before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest list of capabilities, in bytes.
const CAPABILITIES_BYTES_MAX: usize = 1 << 20;
/// Longest state of a job, in bytes.
const STATE_BYTES_MAX: usize = 1 << 12;
/// Time for a job, waiting in the queue included.
const JOB_TIME: Duration = Duration::from_secs(600);
/// How long the executor is asked to wait with one answer, in milliseconds.
const WAIT_MS: u64 = 20_000;
const WHOM: &str = "the executor";

/// A connection to an executor.
#[derive(Clone)]
pub struct Executor {
	client: Client,
	uploading: Client,
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
		let (client, uploading) = (http::client(TIMEOUT)?, http::upload_client(TIMEOUT)?);
		Ok(Self { client, uploading, url, token: token.trim().into() })
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
		self.put("program", &digest, bytes.into(), |_| {}).await?;
		Ok(digest)
	}

	/// Gives it a weights blob; returns its root.
	pub async fn put_weights(&self, bytes: Vec<u8>) -> Result<Hash> {
		self.put_weights_telling(bytes, |_| {}).await
	}

	/// As [`Self::put_weights`]; `tell` hears how many bytes were taken so far, from the beginning
	/// again where they have to be sent again.
	pub async fn put_weights_telling(&self, bytes: Vec<u8>, tell: impl Fn(u64)) -> Result<Hash> {
		let bytes = Bytes::from(bytes);
		let hashed = bytes.clone();
		// Seconds of work, in which whatever else this thread does would stand still.
		let digest = tokio::task::spawn_blocking(move || merkle::blob(&hashed));
		let digest = digest.await.map_err(|e| Error::new(Kind::Local, e.to_string()))?;
		self.put("weights", &digest, bytes, tell).await?;
		Ok(digest)
	}

	/// Has it compute a job, whose model it must hold, and returns what may be claimed of it.
	pub async fn claim(&self, request: &JobRequest, input: Vec<u8>) -> Result<Claim> {
		self.put("input", &request.input, input.into(), |_| {}).await?;
		let url = format!("{}/v1/jobs/{}", self.url, hex::encode(request.digest()));
		let begun = Instant::now();
		let mut call = self.client.put(&url).json(request);
		loop {
			let state = match http::send(call.bearer_auth(&self.token), WHOM, &self.url).await? {
				Answer::Rejected { error, .. } => return Err(error),
				Answer::Done(response) => http::bounded_body(response, STATE_BYTES_MAX).await?,
			};
			let state: JobState = serde_json::from_slice(&state)
				.map_err(|e| mismatch(format!("the executor's answer is no state: {e}")))?;
			match state {
				JobState::Done { claim } => return Ok(claim),
				JobState::Failed { code } => {
					let said = format!("the executor could not compute the job, code {code}");
					return Err(Error::new(Kind::Refused, said).next("does it hold the model?"));
				},
				JobState::Queued | JobState::Running if begun.elapsed() > JOB_TIME => {
					return Err(Error::new(Kind::Late, "the executor has not computed it in time"));
				},
				JobState::Queued | JobState::Running => {
					call = self.client.get(format!("{url}?wait_ms={WAIT_MS}"));
				},
			}
		}
	}

	/// Gives it a blob. What it holds already is not sent; what does not get through is sent again,
	/// as often as [`TRIES`] says: a blob goes by its digest, so twice does no harm.
	async fn put(&self, kind: &str, digest: &Hash, bytes: Bytes, tell: impl Fn(u64)) -> Result<()> {
		let url = format!("{}/v1/blobs/{kind}/{}", self.url, hex::encode(digest));
		let mut pause = PAUSE;
		for tries in 1.. {
			let error = match self.put_once(&url, &bytes, &tell).await {
				Ok(Answer::Done(_)) => return Ok(()),
				Ok(Answer::Rejected { code, error }) if http::is_passing(&code) => error,
				Ok(Answer::Rejected { error, .. }) => return Err(error.during(&hex32(digest))),
				Err(error) => error,
			};
			if tries == TRIES {
				return Err(error.during(&format!("{}, sent {tries} times", hex32(digest))));
			}
			tokio::time::sleep(pause).await;
			pause = pause.saturating_mul(2);
		}
		Ok(())
	}

	async fn put_once(&self, url: &str, bytes: &Bytes, tell: &impl Fn(u64)) -> Result<Answer> {
		let whom = (WHOM, self.url.as_str());
		let held = self.client.head(url).bearer_auth(&self.token);
		let held = http::send(held, WHOM, &self.url).await?;
		if matches!(held, Answer::Done(_)) {
			return Ok(held);
		}
		let request = self.uploading.put(url).bearer_auth(&self.token);
		upload::send(request, bytes.clone(), upload::IDLE, whom, tell).await
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
	use assay_executor::{BackendChoice, Config, Handle};
	use assay_reference::sample::{self, Shape, Style};
	use serde_json::json;
	use std::{
		io::{Read, Write},
		net::TcpListener,
		sync::atomic::{AtomicU64, Ordering::Relaxed},
		thread,
		time::Instant,
	};
	use tempfile::TempDir;

	/// A real executor, and a client of it.
	async fn started(head: Duration) -> (Handle, TempDir, Executor) {
		let folder = TempDir::new().unwrap();
		let backend = BackendChoice::Reference;
		let mut config = Config { backend, ..Config::new(folder.path()) };
		config.limits.head = head;
		let handle = assay_executor::start(config).await.unwrap();
		let token = assay_executor::token_file(folder.path());
		let executor = Executor::new(&handle.control_url(), &token).unwrap();
		(handle, folder, executor)
	}

	#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
	async fn a_client_that_was_busy_meets_no_connection_that_is_about_to_close() {
		let head = Duration::from_millis(500);
		let (handle, _folder, executor) = started(head).await;
		let url = executor.url.clone();
		// One thread, as busy with work of its own as one that reads and hashes weights: meanwhile
		// it sees nothing of what the executor does.
		let client = move || {
			let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
			runtime.unwrap().block_on(async {
				for seed in 0..2 {
					let input = vec![seed; 10_000];
					let digest = hex::encode(merkle::blob(&input));
					let url = format!("{url}/v1/blobs/input/{digest}");
					let answer = executor.put_once(&url, &input.into(), &|_| {}).await;
					assert!(matches!(answer, Ok(Answer::Done(_))), "{:?}", answer.err());
					let began = Instant::now();
					while began.elapsed() < 2 * head {
						std::hint::spin_loop();
					}
				}
			});
		};
		tokio::task::spawn_blocking(client).await.unwrap();
		handle.shutdown().await;
	}

	#[tokio::test]
	async fn what_is_held_is_not_sent_again() {
		let (handle, _folder, executor) = started(Duration::from_secs(10)).await;
		let program = sample::encoder(&Shape::SMALL);
		let weights = sample::weights(&program, Style::Plausible, 1);
		for is_new in [true, false] {
			let sent = AtomicU64::new(0);
			let tell = |bytes| sent.store(bytes, Relaxed);
			let digest = executor.put_weights_telling(weights.clone(), tell).await.unwrap();
			assert_eq!(digest, merkle::blob(&weights));
			let expected = if is_new { weights.len() as u64 } else { 0 };
			assert_eq!(sent.into_inner(), expected);
		}
		handle.shutdown().await;
	}

	#[tokio::test]
	async fn a_blob_is_sent_again_where_it_did_not_get_through() {
		let listener = TcpListener::bind("127.0.0.1:0").unwrap();
		let url = format!("http://{}", listener.local_addr().unwrap());
		let service = thread::spawn(move || {
			drop(listener.accept().unwrap());
			let (mut stream, _) = listener.accept().unwrap();
			let _ = stream.read(&mut [0; 4096]).unwrap();
			stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
		});
		let folder = TempDir::new().unwrap();
		let token = folder.path().join("token");
		std::fs::write(&token, "token").unwrap();
		Executor::new(&url, &token).unwrap().put_program(vec![1]).await.unwrap();
		service.join().unwrap();
	}

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
