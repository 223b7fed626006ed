//! An executor that runs by itself.

use crate::paths;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
	net::SocketAddr,
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};
use tokio::{
	io::{AsyncBufReadExt, BufReader},
	process::{Child, Command},
};

/// Time for its self-test and the models it holds.
const START: Duration = Duration::from_secs(60);

/// Where an executor listens.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
	pub(crate) control: SocketAddr,
	pub(crate) data: SocketAddr,
}

/// A running `assay-executor`. It ends with this value.
pub(crate) struct Process {
	child: Child,
	addresses: Addresses,
}

impl Process {
	/// Starts one on free ports.
	pub(crate) async fn start(folder: &Path) -> Result<Self> {
		let any = SocketAddr::from(([127, 0, 0, 1], 0));
		Self::start_at(folder, Addresses { control: any, data: any }).await
	}

	/// Starts one on these ports: a former one's, whose endpoint is on chain.
	pub(crate) async fn start_at(folder: &Path, addresses: Addresses) -> Result<Self> {
		std::fs::create_dir_all(folder)?;
		let log = std::fs::File::options().create(true).append(true).open(folder.join("log"))?;
		let mut child = Command::new(paths::sibling("assay-executor")?)
			.args(["run", "--json", "--threads", "1", "--folder"])
			.arg(folder)
			.args(["--control", &addresses.control.to_string()])
			.args(["--data", &addresses.data.to_string()])
			.stdin(Stdio::null())
			.stdout(Stdio::piped())
			.stderr(log)
			.kill_on_drop(true)
			.spawn()
			.context("cannot start assay-executor")?;
		let stdout = child.stdout.take().context("the executor has no standard output")?;
		let mut lines = BufReader::new(stdout).lines();
		let ready = tokio::time::timeout(START, lines.next_line()).await;
		let line = ready.context("the executor did not start")??.with_context(|| {
			let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
			format!("the executor ended before it was ready:\n{said}")
		})?;
		let ready: Value = serde_json::from_str(&line)?;
		let address = |name: &str| -> Result<SocketAddr> {
			let url = ready[name].as_str().with_context(|| format!("no address: {line}"))?;
			Ok(url.trim_start_matches("http://").parse()?)
		};
		let addresses = Addresses { control: address("control")?, data: address("data")? };
		Ok(Self { child, addresses })
	}

	pub(crate) fn addresses(&self) -> Addresses {
		self.addresses
	}

	/// Kills it, as a power cut would; returns where it listened.
	pub(crate) async fn kill(mut self) -> Result<Addresses> {
		self.child.kill().await.context("cannot kill the executor")?;
		Ok(self.addresses)
	}
}

/// The token that an executor wrote into its folder.
pub(crate) fn token(folder: &Path) -> PathBuf {
	folder.join("token")
}
