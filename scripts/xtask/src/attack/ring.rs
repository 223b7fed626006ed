//! A chain with a provider, a tenant and a watcher at nodes of their own, one of which lies.

use super::{
	liar::{Liar, Swap},
	World,
};
use crate::{
	faults::executor::{self, Process},
	node::Node,
	stage::{self, Cast},
};
use anyhow::{bail, Context, Result};
use assay_client::{
	amount::ASY, chain::Event, lease, provider, stake, transfer, value, Account, Chain, Executor,
};
use assay_program::{merkle, Hash};
use serde_json::Value;
use std::{
	fmt,
	net::SocketAddr,
	path::{Path, PathBuf},
	time::Duration,
};

/// Time for a game and everything before it.
const PATIENCE: Duration = Duration::from_secs(400);
/// What the watcher may bond in challenges.
const BUDGET: &str = "100";

/// Whose executor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lies {
	/// The provider's.
	Claimant,
	/// The watcher's.
	Challenger,
}

/// What happens as soon as the game is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
	/// Nothing.
	None,
	/// Node and executor of the watcher are killed and started again.
	PowerCut,
	/// The claimant's executor is gone and stays away.
	Silence,
}

/// A party: a node, its executor, and what stands between the two.
struct Party {
	folder: PathBuf,
	flags: Vec<String>,
	node: Option<Node>,
	chain: Chain,
	data: SocketAddr,
	control: Executor,
	executor: Option<Process>,
	liar: Option<Liar>,
}

/// How a game ended, and what it took.
#[derive(Debug, Default)]
pub(super) struct End {
	pub(super) verdict: String,
	pub(super) reason: String,
	pub(super) slashed: u128,
	pub(super) forfeited: u128,
	/// Blocks from the reveal to the verdict.
	pub(super) blocks: u32,
	/// Moves that were taken.
	moves: u32,
	/// Whether the job ended without a result.
	pub(super) is_refuted: bool,
}

impl fmt::Display for End {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{} moves, {} blocks", self.moves, self.blocks)
	}
}

/// Everything that a scenario works with.
pub(super) struct Ring<'a> {
	world: &'a World,
	claimant: Party,
	watcher: Party,
	cast: Cast,
	challenger: Account,
	lease: u64,
}

impl<'a> Ring<'a> {
	/// Starts all of it.
	pub(super) async fn start(world: &'a World, name: &str, lies: Lies) -> Result<Self> {
		Self::prepare(world, name, lies).await.with_context(|| format!("scenario {name}"))
	}

	async fn prepare(world: &'a World, name: &str, lies: Lies) -> Result<Self> {
		let folder = world.folder.join(name);
		let claimant =
			Party::start(world, &folder.join("claimant"), lies == Lies::Claimant, &["--dev"])
				.await?;
		let boot = claimant.address().await?;
		let flags = ["--bootnodes", &boot, "--watch", BUDGET];
		let watcher =
			Party::start(world, &folder.join("watcher"), lies == Lies::Challenger, &flags).await?;
		let (cast, quiet) = (Cast::new()?, |_: String| {});
		let endpoint = format!("http://{}", claimant.data);
		let cores = claimant.control.devices().await?;
		let chain = &claimant.chain;
		let (_, offer) =
			stage::register(chain, &cast, &world.imported, &cores, &endpoint, &quiet).await?;
		let lease = stage::lease(chain, &cast, offer, &quiet).await?;

		let challenger = Account::from_suri("//Dave")?;
		stake::bond(&watcher.chain, &challenger, 1_000 * ASY).await?;
		let key = provider::rotate_worker_key(&watcher.chain, &challenger).await?;
		let endpoint = format!("http://{}", watcher.data);
		let cores = watcher.control.devices().await?;
		provider::register(&watcher.chain, &challenger, &cores, &endpoint, &key).await?;
		Ok(Self { world, claimant, watcher, cast, challenger, lease })
	}

	pub(super) async fn bond_of_claimant(&self) -> Result<u128> {
		let bond = stake::of(&self.claimant.chain, &self.cast.provider.id()).await?;
		Ok(bond.context("the claimant has no bond")?.active)
	}

	/// Free and held funds of the challenger.
	pub(super) async fn wealth_of_watcher(&self) -> Result<u128> {
		let balance = transfer::balance(&self.claimant.chain, &self.challenger.id()).await?;
		Ok(balance.free + balance.held)
	}

	pub(super) async fn escrow(&self) -> Result<u128> {
		Ok(lease::of(&self.claimant.chain, self.lease).await?.free)
	}

	/// Submits a sentence and follows what becomes of it until nothing is open.
	pub(super) async fn play(&mut self, text: &str, trouble: Trouble) -> Result<End> {
		match tokio::time::timeout(PATIENCE, self.follow(text, trouble)).await {
			Ok(end) => end.with_context(|| self.logs()),
			Err(_) => bail!("it did not end in {} s\n{}", PATIENCE.as_secs(), self.logs()),
		}
	}

	async fn follow(&mut self, text: &str, trouble: Trouble) -> Result<End> {
		let chain = self.claimant.chain.clone();
		let chain = &chain;
		let rows = [self.world.tokenizer.encode(text)?];
		let lease = lease::of(chain, self.lease).await?;
		let job = stage::job(chain, &lease, &rows).await?;
		let mut blocks = chain.follow().await?;
		job.send(chain, &self.cast.tenant).await?.included().await?;
		let (mut end, mut revealed) = (End::default(), None);
		loop {
			let block = blocks.next().await?;
			for event in &block.events {
				match (event.pallet.as_str(), event.name.as_str()) {
					("Jobs", "SlotRevealed") => revealed = Some(block.number),
					("Disputes", "GameOpened") => match trouble {
						Trouble::None => {},
						Trouble::PowerCut => self.watcher.restart().await?,
						Trouble::Silence => self.claimant.liar = None,
					},
					("Disputes", "Answered" | "Asked") => end.moves += 1,
					("Disputes", "GameClosed") => {
						end.blocks = block.number - revealed.context("a game before the reveal")?;
						end.close(event)?;
					},
					("Jobs", "JobRefuted") => {
						end.is_refuted = true;
						return Ok(end);
					},
					("Jobs", "JobSettled" | "JobExpired") if end.verdict.is_empty() => {
						bail!("the job ended and nobody disputed its claim: {}", event.name)
					},
					("Jobs", "JobSettled" | "JobExpired") => return Ok(end),
					_ => {},
				}
			}
		}
	}

	fn logs(&self) -> String {
		let lines = |party: &Party| {
			let log = party.node.as_ref().map(Node::log).unwrap_or_default();
			let lines: Vec<&str> = log.lines().filter(|line| line.contains("worker::")).collect();
			lines[lines.len().saturating_sub(30)..].join("\n")
		};
		format!("claimant:\n{}\nwatcher:\n{}", lines(&self.claimant), lines(&self.watcher))
	}
}

impl End {
	fn close(&mut self, event: &Event) -> Result<()> {
		self.moves += 1;
		self.verdict = value::variant(value::field(&event.fields, "verdict")?)?.into();
		self.reason = value::variant(value::field(&event.fields, "reason")?)?.into();
		self.slashed = value::number_field(&event.fields, "slashed")?;
		self.forfeited = value::number_field(&event.fields, "forfeited")?;
		Ok(())
	}
}

impl Party {
	async fn start(world: &World, folder: &Path, lies: bool, flags: &[&str]) -> Result<Self> {
		let executor = Process::start(&folder.join("executor")).await?;
		let addresses = executor.addresses();
		let token = executor::token(&folder.join("executor"));
		let control = Executor::new(&format!("http://{}", addresses.control), &token)?;
		stage::hold(&control, &world.imported).await?;
		let liar = match lies {
			true => Some(Self::swap(world, &control, addresses.control).await?),
			false => None,
		};
		let url = liar.as_ref().map_or_else(|| control.url().to_string(), Liar::url);
		let (spec, token) = (world.spec.display().to_string(), token.display().to_string());
		let chain = ["--chain", &spec, "--executor-url", &url, "--executor-token-file", &token];
		let log = ["--log", "worker::disputes=debug"];
		let flags: Vec<String> =
			[flags, &chain, &log].concat().into_iter().map(String::from).collect();
		let node = start_node(folder, &flags).await?;
		let chain = Chain::connect(node.url()).await?;
		let (data, folder) = (addresses.data, folder.into());
		let (node, executor) = (Some(node), Some(executor));
		Ok(Self { folder, flags, node, chain, data, control, executor, liar })
	}

	/// Kills node and executor, as a power cut would, and starts them where they were.
	async fn restart(&mut self) -> Result<()> {
		self.node.take().context("no node runs")?.kill().await?;
		let addresses = self.executor.take().context("no executor runs")?.kill().await?;
		let folder = self.folder.join("executor");
		self.executor = Some(Process::start_at(&folder, addresses).await?);
		let node = start_node(&self.folder, &self.flags).await?;
		self.chain = Chain::connect(node.url()).await?;
		self.node = Some(node);
		Ok(())
	}

	/// Puts a liar before an executor, which gets the weights that it lies with.
	async fn swap(world: &World, control: &Executor, upstream: SocketAddr) -> Result<Liar> {
		let to: Hash = control.put_weights(world.wrong_weights.clone()).await?;
		let from = merkle::blob(&world.imported.weights);
		Liar::start(upstream, Swap { from, to }).await
	}

	/// Where other nodes reach this one.
	async fn address(&self) -> Result<String> {
		let listens = self.chain.request("system_localListenAddresses", &[]).await?;
		let own = listens.as_array().into_iter().flatten().filter_map(Value::as_str);
		let mut local = own.filter(|address| address.starts_with("/ip4/127.0.0.1/tcp/"));
		Ok(local.next().context("the node listens nowhere")?.to_string())
	}
}

async fn start_node(folder: &Path, flags: &[String]) -> Result<Node> {
	let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
	Node::start_with(&folder.join("node"), &flags).await
}
