//! `cargo xtask net`: four nodes by zombienet (two validators, a provider, a tenant), and a job
//! submitted at one that is computed at another.

use crate::{
	node::{self, Node},
	paths,
	stage::{self, Cast},
};
use anyhow::{bail, ensure, Context, Result};
use assay_client::{
	embed::{self, Embedder, Step},
	job, Chain,
};
use assay_models::{minilm, Tokenizer};
use clap::Args;
use serde_json::{json, Value};
use std::{
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};
use tokio::process::Command;

/// Time for the whole test.
const PATIENCE: Duration = Duration::from_secs(520);
/// Time for the job, once the nodes are up.
const JOB_PATIENCE: Duration = Duration::from_secs(300);
/// The log line of a node that did not have to execute the chain's blocks.
const WARPED: &str = "Warp sync is complete";

/// Runs the network test.
pub(crate) async fn run() -> Result<()> {
	let root = paths::root()?;
	let zombienet = root.join("zombienet/node_modules/.bin/zombienet");
	ensure!(zombienet.is_file(), "{} is missing; run scripts/setup", zombienet.display());
	let folder = tempfile::Builder::new().prefix("assay-net-").tempdir()?;
	let spec = folder.path().join("spec.json");
	write_spec(folder.path(), "local", &short_periods().await?, &spec).await?;
	let networks = folder.path().join("network");
	let mut child = Command::new(&zombienet)
		.args(["--provider", "native", "--dir"])
		.arg(&networks)
		.args(["test", "smoke.zndsl"])
		.current_dir(root.join("zombienet"))
		.env("ASSAY_NODE", paths::sibling("assay-node")?)
		.env("ASSAY_SPEC", &spec)
		.env("ASSAY_XTASK", std::env::current_exe()?)
		.stdin(Stdio::null())
		.kill_on_drop(true)
		// Its nodes are its children: a group of their own makes them stoppable together.
		.process_group(0)
		.spawn()
		.context("cannot start zombienet")?;
	let group = Group(child.id());
	let status = tokio::time::timeout(PATIENCE, child.wait()).await;
	drop(group);
	match status {
		Err(_) => bail!("the network test did not end in {} s", PATIENCE.as_secs()),
		Ok(status) => {
			let status = status?;
			ensure!(status.success(), "the network test failed: {status}");
			Ok(())
		},
	}
}

/// A process group that ends with this value.
struct Group(Option<u32>);

impl Drop for Group {
	fn drop(&mut self) {
		if let Some(group) = self.0 {
			// Whatever of it is left: zombienet stops its nodes itself when it ends in peace.
			let _ = std::process::Command::new("kill")
				.args(["-KILL", "--", &format!("-{group}")])
				.stderr(Stdio::null())
				.status();
		}
	}
}

/// Writes the raw specification of a chain with these periods: those of a `local_testnet` are for
/// networks that last, its window alone takes five minutes.
pub(crate) async fn write_spec(
	folder: &Path,
	chain: &str,
	timing: &Value,
	raw: &Path,
) -> Result<()> {
	let mut spec = build_spec(&["--chain", chain]).await?;
	let config = spec
		.pointer_mut("/genesis/runtimeGenesis/patch")
		.context("the specification has no genesis patch")?;
	config["jobs"]["timing"] = timing.clone();
	let plain = folder.join(format!("plain-{chain}.json"));
	std::fs::write(&plain, spec.to_string())?;
	let plain = plain.to_str().context("the temporary folder's name is not UTF-8")?;
	let done = build_spec(&["--chain", plain, "--raw"]).await?;
	ensure!(done["genesis"]["raw"].is_object(), "the specification is not raw");
	std::fs::write(raw, done.to_string())?;
	Ok(())
}

/// The periods of a development chain.
async fn short_periods() -> Result<Value> {
	let spec = build_spec(&["--chain", "dev"]).await?;
	let timing = spec.pointer("/genesis/runtimeGenesis/patch/jobs/timing");
	Ok(timing.context("the specification has no periods")?.clone())
}

async fn build_spec(arguments: &[&str]) -> Result<Value> {
	let output = Command::new(paths::sibling("assay-node")?)
		.args(["build-spec", "--disable-default-bootnode"])
		.args(arguments)
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await
		.context("cannot run assay-node")?;
	ensure!(
		output.status.success(),
		"assay-node build-spec failed: {}",
		String::from_utf8_lossy(&output.stderr)
	);
	serde_json::from_slice(&output.stdout).context("the specification is no JSON")
}

/// Flags of the job.
#[derive(Debug, Args)]
pub(crate) struct NetJob {
	/// The provider's node.
	#[arg(long)]
	provider_url: String,
	/// Its base path.
	#[arg(long)]
	provider_base: PathBuf,
	/// The tenant's node.
	#[arg(long)]
	tenant_url: String,
	/// A node of the network, once for each: peers of one that joins late.
	#[arg(long)]
	peer_url: Vec<String>,
	/// The chain's raw specification.
	#[arg(long, env = "ASSAY_SPEC")]
	spec: String,
}

impl NetJob {
	pub(crate) async fn run(&self) -> Result<()> {
		let work = self.work();
		tokio::time::timeout(JOB_PATIENCE, work)
			.await
			.with_context(|| format!("not settled after {} s", JOB_PATIENCE.as_secs()))?
	}

	async fn work(&self) -> Result<()> {
		let root = paths::root()?;
		let say = |line: String| eprintln!("{line}");
		let provider = Chain::connect(&self.provider_url).await?;
		let tenant = Chain::connect(&self.tenant_url).await?;
		ensure!(provider.genesis() == tenant.genesis(), "two chains");
		let cast = Cast::new()?;
		let imported = stage::import(&root)?;
		let token = node::executor_token(&self.provider_base)?;
		let offered = stage::provide(&provider, &token, &cast, &imported, &say).await?;
		// From here on everything goes by the tenant's node, once it has the offer's block.
		self.wait_for_offer(&tenant, offered.offer).await?;
		let lease = stage::lease(&tenant, &cast, offered.offer, &say).await?;
		let tokenizer = Tokenizer::from_file(&paths::minilm(&root).join(minilm::TOKENIZER_FILE))?;
		let embedder = Embedder::new(&tenant, &cast.tenant, Some(lease)).await?;
		let texts = ["A job that crosses the network.".to_string()];
		let done = embedder
			.embed(&tokenizer, &texts, |step| {
				if let Step::Block { number, revealed, settled } = step {
					eprintln!("block {number}: {revealed} revealed, {settled} settled");
				}
			})
			.await?;
		let done = embed::complete(done)?;
		let [one] = done.as_slice() else { bail!("no result") };
		let receipt = &one.history.receipt;
		ensure!(receipt.is_some(), "no receipt");
		println!("{}", json!({ "receipt": receipt, "history": one.history }));
		self.join_late(&tenant, &cast).await
	}

	/// A node that was not there joins by warp sync: it has the state without having executed the
	/// blocks.
	async fn join_late(&self, tenant: &Chain, cast: &Cast) -> Result<()> {
		let mut flags = vec!["--chain".to_string(), self.spec.clone()];
		flags.extend(["--sync", "warp", "--executor", "none", "--bootnodes"].map(String::from));
		for url in &self.peer_url {
			let peer = Chain::connect(url).await?;
			let addresses = peer.request("system_localListenAddresses", &[]).await?;
			let mut addresses =
				addresses.as_array().into_iter().flatten().filter_map(Value::as_str);
			let local = addresses.find(|address| address.starts_with("/ip4/127.0.0.1/"));
			flags.push(local.with_context(|| format!("{url} has no local address"))?.to_string());
		}
		let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
		let folder = tempfile::Builder::new().prefix("assay-late-").tempdir()?;
		let late = Node::start_with(folder.path(), &flags).await?;
		let nonce = job::next_nonce(tenant, &cast.tenant.id()).await?;
		let chain = Chain::connect(late.url()).await?;
		let mut blocks = chain.follow().await?;
		// The state is there when the tenant's jobs are counted as they are at its own node.
		while job::next_nonce(&chain, &cast.tenant.id()).await.ok() != Some(nonce) {
			blocks.next().await.with_context(|| late.failure())?;
		}
		ensure!(late.log().contains(WARPED), "not by warp sync; {}", late.failure());
		eprintln!("a node joined by warp sync and has the state");
		late.kill().await
	}

	async fn wait_for_offer(&self, tenant: &Chain, offer: u64) -> Result<()> {
		let mut blocks = tenant.follow().await?;
		while assay_client::lease::offer(tenant, offer).await?.is_none() {
			blocks.next().await?;
		}
		Ok(())
	}
}
