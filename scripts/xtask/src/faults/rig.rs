//! A chain of one node, its executor as a process of its own, and a proxy between the two.

use super::{
	executor::{self, Process},
	proxy::Proxy,
	World,
};
use crate::{
	node::Node,
	stage::{self, Cast},
};
use anyhow::{bail, Context, Result};
use assay_client::{
	job::{History, Watch},
	lease::{self, Lease},
	Chain, Executor,
};
use assay_program::Hash;
use std::{
	path::{Path, PathBuf},
	time::Duration,
};

/// Time for anything on chain that is waited for.
const PATIENCE: Duration = Duration::from_secs(150);

/// Blocks in which jobs that were as good as over must be.
const IDLE_BLOCKS: u32 = 20;

/// A job in a block.
#[derive(Clone, Copy)]
pub(super) struct Submitted {
	pub(super) digest: Hash,
	/// The block before it.
	pub(super) since: u32,
}

/// Everything that a scenario works with.
pub(super) struct Rig {
	folder: PathBuf,
	spec: String,
	node: Option<Node>,
	executor: Option<Process>,
	pub(super) proxy: Proxy,
	pub(super) chain: Chain,
	pub(super) cast: Cast,
	lease: u64,
}

impl Rig {
	/// Starts all of it; the provider has an open lease with the tenant, and no model at its
	/// executor.
	pub(super) async fn start(world: &World, name: &str) -> Result<Self> {
		let folder = world.folder.join(name);
		let spec = world.spec.display().to_string();
		let executor = Process::start(&folder.join("executor")).await?;
		let proxy = Proxy::start(executor.addresses().control).await?;
		let token = executor::token(&folder.join("executor"));
		let node = start_node(&folder, &spec, &proxy, &token).await?;
		let chain = Chain::connect(node.url()).await?;
		let cast = Cast::new()?;
		let control = Executor::new(&proxy.url(), &token)?;
		let endpoint = format!("http://{}", executor.addresses().data);
		let devices = control.devices().await?;
		let quiet = |_: String| {};
		let (_, offer) =
			stage::register(&chain, &cast, &world.imported, &devices, &endpoint, &quiet).await?;
		let lease = stage::lease(&chain, &cast, offer, &quiet).await?;
		let (node, executor) = (Some(node), Some(executor));
		Ok(Self { folder, spec, node, executor, proxy, chain, cast, lease })
	}

	/// Brings the model to the executor.
	pub(super) async fn hold(&self, world: &World) -> Result<()> {
		let executor = self.executor.as_ref().context("no executor runs")?;
		let url = format!("http://{}", executor.addresses().control);
		stage::hold(&Executor::new(&url, &self.token())?, &world.imported).await
	}

	pub(super) fn token(&self) -> PathBuf {
		executor::token(&self.folder.join("executor"))
	}

	/// Where the node keeps its worker key, among others.
	pub(super) fn keystore(&self) -> Result<PathBuf> {
		let chains = self.folder.join("node/chains");
		let mut entries = std::fs::read_dir(&chains).context("the node has no folder")?;
		let chain = entries.next().context("the node has no chain")??;
		Ok(chain.path().join("keystore"))
	}

	pub(super) async fn lease(&self) -> Result<Lease> {
		Ok(lease::of(&self.chain, self.lease).await?)
	}

	/// What the tenant has in the lease: free, and reserved for jobs.
	pub(super) async fn escrow(&self) -> Result<(u128, u128)> {
		let lease = self.lease().await?;
		Ok((lease.free, lease.reserved))
	}

	/// [`Self::escrow`] once nothing is reserved. A node that was killed may have lost its last block,
	/// and with it a settlement, which then happens again.
	pub(super) async fn idle_escrow(&self) -> Result<(u128, u128)> {
		for _ in 0..IDLE_BLOCKS {
			let escrow = self.escrow().await?;
			if escrow.1 == 0 {
				return Ok(escrow);
			}
			self.blocks(1).await?;
		}
		bail!("something is still reserved after {IDLE_BLOCKS} blocks")
	}

	/// Submits a sentence.
	pub(super) async fn submit(&self, world: &World, text: &str) -> Result<Submitted> {
		let rows = [world.tokenizer.encode(text)?];
		let job = stage::job(&self.chain, &self.lease().await?, &rows).await?;
		let since = self.chain.best_number().await?;
		job.send(&self.chain, &self.cast.tenant).await?.included().await?;
		Ok(Submitted { digest: job.digest, since })
	}

	/// Follows a job until something holds of what has happened to it.
	pub(super) async fn until(
		&self,
		job: Submitted,
		holds: impl Fn(&History) -> bool,
	) -> Result<History> {
		let follow = async {
			let mut watch = Watch::since(&self.chain, job.since, [job.digest]).await?;
			loop {
				watch.next_block().await?;
				let history = watch.history(&job.digest).cloned().unwrap_or_default();
				if holds(&history) {
					return Ok(history);
				}
				if history.is_over() {
					bail!("the job ended otherwise than expected: {history:?}");
				}
			}
		};
		match tokio::time::timeout(PATIENCE, follow).await {
			Ok(outcome) => outcome,
			Err(_) => bail!("it did not happen in {} s", PATIENCE.as_secs()),
		}
	}

	/// Until a job is settled.
	pub(super) async fn settled(&self, job: Submitted) -> Result<History> {
		self.until(job, |history| history.settled_at.is_some()).await
	}

	/// Until a job ends without a result; returns the reason.
	pub(super) async fn expired(&self, job: Submitted) -> Result<String> {
		let history = self.until(job, |history| history.expired.is_some()).await?;
		Ok(history.expired.map(|reason| reason.to_string()).unwrap_or_default())
	}

	/// Waits for blocks.
	pub(super) async fn blocks(&self, count: u32) -> Result<()> {
		let mut follower = self.chain.follow().await?;
		for _ in 0..count {
			follower.next().await?;
		}
		Ok(())
	}

	/// Kills the executor, as a power cut would.
	pub(super) async fn kill_executor(&mut self) -> Result<executor::Addresses> {
		self.executor.take().context("no executor runs")?.kill().await
	}

	/// Starts it again where it was.
	pub(super) async fn start_executor(&mut self, at: executor::Addresses) -> Result<()> {
		self.executor = Some(Process::start_at(&self.folder.join("executor"), at).await?);
		Ok(())
	}

	/// Kills the node.
	pub(super) async fn kill_node(&mut self) -> Result<()> {
		self.node.take().context("no node runs")?.kill().await
	}

	/// Starts it again, with a token from this file.
	pub(super) async fn start_node(&mut self, token: &Path) -> Result<()> {
		let node = start_node(&self.folder, &self.spec, &self.proxy, token).await?;
		self.chain = Chain::connect(node.url()).await?;
		self.node = Some(node);
		Ok(())
	}

	/// The node's log, of all its runs.
	pub(super) fn log(&self) -> String {
		self.node.as_ref().map(Node::log).unwrap_or_default()
	}
}

async fn start_node(folder: &Path, spec: &str, proxy: &Proxy, token: &Path) -> Result<Node> {
	let (url, token) = (proxy.url(), token.display().to_string());
	let flags = ["--dev", "--chain", spec, "--executor-url", &url, "--executor-token-file", &token];
	Node::start_with(&folder.join("node"), &flags).await
}
