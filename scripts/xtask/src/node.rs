//! A node of our own, in a folder of its own, on ports that were free.

use crate::paths;
use anyhow::{bail, Context, Result};
use std::{
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};
use tokio::{
	fs::File,
	io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
	process::{Child, ChildStderr, Command},
};

/// The log line by which a node says where it answers.
const READY: &str = "Running JSON-RPC server: addr=";
/// Time for a node to say so: its first start compiles the runtime.
const START: Duration = Duration::from_secs(120);
/// Name of the log in the base path.
const LOG: &str = "node.log";
/// Lines of the log shown when a node fails.
const TAIL: usize = 20;

/// A running node. It ends with this value.
pub(crate) struct Node {
	child: Child,
	url: String,
	base: PathBuf,
}

impl Node {
	/// Starts `assay-node --dev` with its database and log under `base`.
	pub(crate) async fn start(base: &Path) -> Result<Self> {
		Self::start_with(base, &["--dev"]).await
	}

	/// Starts `assay-node` with these flags, its database and log under `base`.
	pub(crate) async fn start_with(base: &Path, flags: &[&str]) -> Result<Self> {
		let program = paths::sibling("assay-node")?;
		let mut child = Command::new(&program)
			.args(flags)
			.args(["--rpc-port", "0", "--listen-addr", "/ip4/127.0.0.1/tcp/0"])
			.args(["--no-prometheus", "--no-telemetry", "--no-mdns"])
			.arg("--base-path")
			.arg(base)
			.stdin(Stdio::null())
			.stdout(Stdio::null())
			.stderr(Stdio::piped())
			.kill_on_drop(true)
			.spawn()
			.with_context(|| format!("cannot start {}", program.display()))?;
		let stderr = child.stderr.take().context("the node has no standard error")?;
		let log = base.join(LOG);
		std::fs::create_dir_all(base)?;
		let opened = File::options().create(true).append(true).open(&log).await;
		let mut file = opened.context("cannot write the node's log")?;
		let mut lines = BufReader::new(stderr).lines();
		let ready = tokio::time::timeout(START, ready(&mut lines, &mut file)).await;
		let address = match ready {
			Ok(Ok(address)) => address,
			Ok(Err(error)) => bail!("{error}\n{}", tail(&log)),
			Err(_) => bail!("the node did not start in {} s\n{}", START.as_secs(), tail(&log)),
		};
		// Somebody must go on reading, or the node would block on a full pipe.
		tokio::spawn(async move {
			while let Ok(Some(line)) = lines.next_line().await {
				if file.write_all(format!("{line}\n").as_bytes()).await.is_err() {
					break;
				}
			}
		});
		Ok(Self { child, url: format!("ws://{address}"), base: base.into() })
	}

	/// Kills it, as a power cut would.
	pub(crate) async fn kill(mut self) -> Result<()> {
		self.child.kill().await.context("cannot kill the node")
	}

	/// Everything that it has logged, in this and former runs.
	pub(crate) fn log(&self) -> String {
		std::fs::read_to_string(self.base.join(LOG)).unwrap_or_default()
	}

	/// Its WebSocket address.
	pub(crate) fn url(&self) -> &str {
		&self.url
	}

	/// The token of its embedded executor.
	pub(crate) fn executor_token(&self) -> Result<PathBuf> {
		executor_token(&self.base)
	}

	/// The end of its log, for an error message.
	pub(crate) fn failure(&self) -> String {
		format!("the node's log ends with\n{}\n", tail(&self.base.join(LOG)))
	}
}

/// The token of the executor embedded in a node with this base path.
pub(crate) fn executor_token(base: &Path) -> Result<PathBuf> {
	let chains = base.join("chains");
	let entries = std::fs::read_dir(&chains).with_context(|| format!("no {}", chains.display()))?;
	entries
		.filter_map(|entry| Some(entry.ok()?.path().join("executor/token")))
		.find(|token| token.is_file())
		.with_context(|| format!("no executor's token under {}", chains.display()))
}

async fn ready(lines: &mut Lines<BufReader<ChildStderr>>, log: &mut File) -> Result<String> {
	while let Some(line) = lines.next_line().await.context("the node's log broke off")? {
		log.write_all(format!("{line}\n").as_bytes()).await.context("cannot write the log")?;
		if let Some((_, addresses)) = line.split_once(READY) {
			let first = addresses.split(',').next().unwrap_or(addresses);
			return Ok(first.trim().to_string());
		}
	}
	bail!("the node ended before it was ready")
}

fn tail(log: &Path) -> String {
	let text = std::fs::read_to_string(log).unwrap_or_default();
	let lines: Vec<&str> = text.lines().collect();
	lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
