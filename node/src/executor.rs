// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Which executor the off-chain workers of this node use.

use std::{
	fs, io,
	net::SocketAddr,
	num::NonZeroUsize,
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};

use assay_primitives::{offchain::ExecutorSettings, AccountId};
use assay_program::wire::DutyKeyRequest;
use codec::Encode;
use serde_json::{json, Value};
use sp_core::H256;

use crate::cli::{ExecutorKind, ExecutorParams};

/// Name of the file that keeps the address of the data listener, in the executor's folder.
const DATA_ADDRESS_FILE: &str = "data-address";
/// Longest wait for the executor when somebody asks for its status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers to that question are short.
const STATUS_BYTES_MAX: usize = 256 * 1024;

/// Which executor to use, as decided from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutorChoice {
	/// None: this node computes nothing.
	None,
	/// One inside this process.
	Embedded {
		/// Address of its data listener; none is that of its last start, or a free port on loopback.
		data: Option<SocketAddr>,
		/// Threads; none is one per core.
		threads: Option<NonZeroUsize>,
	},
	/// One that runs by itself.
	External(ExecutorSettings),
}

/// Why the flags name no usable executor.
#[derive(Debug)]
pub enum ExecutorChoiceError {
	/// The address is not one of plain HTTP.
	NotHttp(String),
	/// The token file cannot be read.
	TokenFile(PathBuf, io::Error),
	/// The token file holds no token.
	EmptyToken(PathBuf),
	/// A flag concerns an executor that is not started.
	NotEmbedded,
}

impl std::fmt::Display for ExecutorChoiceError {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		match self {
			Self::NotHttp(url) => write!(
				f,
				"--executor-url {url}: give the control listener as http://<address>:<port>"
			),
			Self::TokenFile(path, error) => {
				write!(f, "--executor-token-file {}: {error}", path.display())
			},
			Self::EmptyToken(path) => {
				write!(f, "--executor-token-file {}: the file holds no token", path.display())
			},
			Self::NotEmbedded => write!(
				f,
				"--executor-data-listen and --executor-threads concern the embedded executor, and \
				none is started: add --executor embedded"
			),
		}
	}
}

impl std::error::Error for ExecutorChoiceError {}

impl ExecutorChoice {
	/// Decide from the command line.
	pub fn from_params(params: &ExecutorParams, is_dev: bool) -> Result<Self, ExecutorChoiceError> {
		let default = if is_dev { ExecutorKind::Embedded } else { ExecutorKind::None };
		let choice = match (&params.executor_url, &params.executor_token_file) {
			(Some(url), Some(file)) => Self::External(external(url, file)?),
			_ => match params.executor.unwrap_or(default) {
				ExecutorKind::Embedded => Self::Embedded {
					data: params.executor_data_listen,
					threads: params.executor_threads,
				},
				ExecutorKind::None => Self::None,
			},
		};
		let for_embedded =
			params.executor_data_listen.is_some() || params.executor_threads.is_some();
		if for_embedded && !matches!(choice, Self::Embedded { .. }) {
			return Err(ExecutorChoiceError::NotEmbedded);
		}
		Ok(choice)
	}
}

fn external(url: &str, file: &PathBuf) -> Result<ExecutorSettings, ExecutorChoiceError> {
	// The token travels in the clear, so the control listener stays on this machine or in a tunnel.
	if !url.starts_with("http://") {
		return Err(ExecutorChoiceError::NotHttp(url.into()));
	}
	let token = fs::read_to_string(file)
		.map_err(|error| ExecutorChoiceError::TokenFile(file.clone(), error))?;
	let token = token.trim();
	if token.is_empty() {
		return Err(ExecutorChoiceError::EmptyToken(file.clone()));
	}
	Ok(ExecutorSettings { url: url.trim_end_matches('/').into(), token: token.into() })
}

/// An executor inside this process. It is given time to finish when this value goes: work that was
/// cut off instead would count as work that crashed it.
#[derive(Debug)]
pub struct Embedded {
	handle: Option<assay_executor::Handle>,
	runtime: tokio::runtime::Handle,
}

impl Embedded {
	/// Keeps an executor that runs on `runtime`.
	pub fn new(handle: assay_executor::Handle, runtime: tokio::runtime::Handle) -> Self {
		Self { handle: Some(handle), runtime }
	}
}

impl Drop for Embedded {
	fn drop(&mut self) {
		let Some(handle) = self.handle.take() else { return };
		let runtime = self.runtime.clone();
		// A thread of its own: nobody may wait inside a task of the runtime.
		let stopping = std::thread::spawn(move || runtime.block_on(handle.shutdown()));
		if stopping.join().is_err() {
			log::error!("the embedded executor panicked while it stopped");
		}
	}
}

/// The address at which an embedded executor served tenants last, if it is free now. A provider has
/// registered it, so it should not change from start to start.
fn former_address(file: &Path) -> Option<SocketAddr> {
	let address: SocketAddr = fs::read_to_string(file).ok()?.trim().parse().ok()?;
	match std::net::TcpListener::bind(address) {
		Ok(_) => Some(address),
		Err(error) => {
			log::warn!(
				"{address}, where tenants reached the executor last, is taken ({error}): another \
				 port is used, and a provider has to register it anew"
			);
			None
		},
	}
}

/// Start an executor inside this process. It stops when the handle is dropped or shut down.
pub async fn start_embedded(
	folder: PathBuf,
	genesis: H256,
	data: Option<SocketAddr>,
	threads: Option<NonZeroUsize>,
) -> Result<assay_executor::Handle, assay_executor::StartError> {
	let mut config = assay_executor::Config::dev(folder);
	config.genesis = Some(genesis.0);
	// A driver that crashes must not take the node down: GPUs are for executors of their own.
	config.backend = assay_executor::BackendChoice::Cpu;
	config.threads = threads.map(NonZeroUsize::get);
	let file = config.folder.join(DATA_ADDRESS_FILE);
	if let Some(data) = data.or_else(|| former_address(&file)) {
		config.data = Some(data);
	}
	let handle = assay_executor::start(config).await?;
	let address = handle.data_url().unwrap_or_default();
	if let Err(error) = fs::write(&file, address.trim_start_matches("http://")) {
		log::warn!("{}: {error}: the next start may use another port", file.display());
	}
	Ok(handle)
}

/// What the node knows of the executor it uses.
#[derive(Debug, Clone)]
pub struct ExecutorLink {
	/// Where it is; none, there is no executor.
	pub settings: Option<ExecutorSettings>,
	/// Where tenants reach it, if the node knows.
	pub data_url: Option<String>,
	/// Whether it runs inside this process.
	pub is_embedded: bool,
}

impl ExecutorLink {
	/// No executor.
	pub fn none() -> Arc<Self> {
		Arc::new(Self { settings: None, data_url: None, is_embedded: false })
	}

	/// Ask the executor how it is.
	pub async fn status(&self) -> Value {
		let Some(settings) = &self.settings else {
			return json!({ "kind": "none", "reachable": false });
		};
		let health = get(settings, "/v1/health").await;
		let capabilities = get(settings, "/v1/capabilities").await;
		let error = health.as_ref().err().or(capabilities.as_ref().err()).cloned();
		json!({
			"kind": if self.is_embedded { "embedded" } else { "external" },
			"url": String::from_utf8_lossy(&settings.url),
			"dataUrl": self.data_url,
			"reachable": error.is_none(),
			"error": error,
			"health": health.ok(),
			"capabilities": capabilities.ok(),
		})
	}

	/// Whether it answers this node, that is with the right token too.
	pub async fn is_ready(&self) -> bool {
		match &self.settings {
			Some(settings) => get(settings, "/v1/capabilities").await.is_ok(),
			None => false,
		}
	}

	/// The public duty key of the executor, 32 bytes, and its signature by which it agrees to decide
	/// for `owner`, 64 bytes.
	pub async fn duty_key(
		&self,
		genesis: H256,
		owner: &AccountId,
	) -> Result<(Vec<u8>, Vec<u8>), String> {
		let Some(settings) = &self.settings else {
			return Err("this node has no executor: start it with --executor-url".into());
		};
		let answer = get(settings, "/v1/duty-key").await?;
		let public = answer["public"].as_str().unwrap_or_default();
		let public = sp_core::bytes::from_hex(public).map_err(|error| error.to_string())?;
		let request = DutyKeyRequest { genesis: genesis.0, owner: (*owner).clone().into() };
		let proof =
			ask(settings, reqwest::Method::POST, "/v1/duty-key/proof", request.encode()).await?;
		Ok((public, proof))
	}
}

/// One JSON document of the control listener.
async fn get(settings: &ExecutorSettings, path: &str) -> Result<Value, String> {
	let body = ask(settings, reqwest::Method::GET, path, Vec::new()).await?;
	serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
}

/// What the control listener answers, where it agrees.
async fn ask(
	settings: &ExecutorSettings,
	method: reqwest::Method,
	path: &str,
	body: Vec<u8>,
) -> Result<Vec<u8>, String> {
	let url = format!("{}{path}", String::from_utf8_lossy(&settings.url));
	let client = reqwest::Client::builder()
		.timeout(STATUS_TIMEOUT)
		.build()
		.map_err(|error| error.to_string())?;
	let mut response = client
		.request(method, &url)
		.bearer_auth(String::from_utf8_lossy(&settings.token))
		.body(body)
		.send()
		.await
		.map_err(|error| format!("{url}: {error}"))?;
	let status = response.status();
	let mut body = Vec::new();
	while let Some(chunk) = response.chunk().await.map_err(|error| format!("{url}: {error}"))? {
		if body.len().saturating_add(chunk.len()) > STATUS_BYTES_MAX {
			return Err(format!("{url}: the answer is longer than {STATUS_BYTES_MAX} bytes"));
		}
		body.extend_from_slice(&chunk);
	}
	if !status.is_success() {
		return Err(format!("{url}: {status}: {}", String::from_utf8_lossy(&body)));
	}
	Ok(body)
}
