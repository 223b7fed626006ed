//! A chain with a provider, a tenant and a watcher at nodes of their own, one of which lies.

use super::{
	liar::{Liar, Swap},
	pool, World,
};
use crate::{
	faults::executor::{self, Process},
	node::Node,
	stage::{self, Cast},
};
use anyhow::{bail, Context, Result};
use assay_client::{
	amount::ASY,
	chain::Event,
	lease, provider,
	stake::{self, Purpose},
	transfer, trap, value, Account, Chain, Executor,
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

/// How the second party comes to know of a wrong result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finds {
	/// It computes what it likes again.
	Watching,
	/// It is drawn to.
	Audit,
	/// It is drawn to do each job as well.
	Replica,
}

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
	/// There is no game: nobody lies.
	NoGame,
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
	/// Notices of audits.
	pub(super) notices: u32,
	/// Audits that the receipt states.
	pub(super) audits: u32,
	/// What auditors were paid.
	pub(super) audit_pay: u128,
	/// What they earned on top because a trap was opened.
	pub(super) jackpot: u128,
	/// Replicas that the receipt states.
	pub(super) replicas: u32,
	/// What the receipt says was paid in all.
	pub(super) price: u128,
	/// Whether what was paid is the claim of the second party.
	pub(super) is_watchers: bool,
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
	model: u32,
	lambda_ppb: u32,
	replicas: u8,
}

impl<'a> Ring<'a> {
	/// Starts all of it.
	pub(super) async fn start(
		world: &'a World,
		name: &str,
		lies: Lies,
		finds: Finds,
	) -> Result<Self> {
		let ring = async {
			let mut ring = Self::prepare(world, name, lies, finds).await?;
			match finds {
				Finds::Watching => {},
				Finds::Audit => {
					ring.audit().await?;
					ring.lambda_ppb = pool::ALWAYS;
				},
				Finds::Replica => {
					ring.audit().await?;
					// Under an offer of its own it says that it would do such jobs.
					stage::offer(&ring.watcher.chain, &ring.challenger, ring.model).await?;
					ring.replicas = 1;
				},
			}
			anyhow::Ok(ring)
		};
		ring.await.with_context(|| format!("scenario {name}"))
	}

	async fn prepare(world: &'a World, name: &str, lies: Lies, finds: Finds) -> Result<Self> {
		let folder = world.folder.join(name);
		let claimant =
			Party::start(world, &folder.join("claimant"), lies == Lies::Claimant, &["--dev"])
				.await?;
		let boot = claimant.address().await?;
		let flags = ["--bootnodes", &boot, "--watch", BUDGET];
		let flags = if finds == Finds::Watching { &flags[..] } else { &flags[..2] };
		let watcher =
			Party::start(world, &folder.join("watcher"), lies == Lies::Challenger, flags).await?;
		let (cast, quiet) = (Cast::new()?, |_: String| {});
		let endpoint = format!("http://{}", claimant.data);
		let cores = claimant.control.devices().await?;
		let chain = &claimant.chain;
		let (model, offer) =
			stage::register(chain, &cast, &world.imported, &cores, &endpoint, &quiet).await?;
		let lease = stage::lease(chain, &cast, offer, &quiet).await?;

		let challenger = Account::from_suri("//Dave")?;
		stake::bond(&watcher.chain, &challenger, Purpose::Jobs, 1_000 * ASY).await?;
		let key = provider::rotate_worker_key(&watcher.chain, &challenger).await?;
		let endpoint = format!("http://{}", watcher.data);
		let cores = watcher.control.devices().await?;
		provider::register(&watcher.chain, &challenger, &cores, &endpoint, &key).await?;
		let (lambda_ppb, replicas) = (0, 0);
		Ok(Self { world, claimant, watcher, cast, challenger, lease, model, lambda_ppb, replicas })
	}

	/// Lets the second party audit; waits until what it has counts.
	async fn audit(&self) -> Result<()> {
		let (chain, auditor) = (&self.watcher.chain, &self.challenger);
		pool::join(chain, auditor, self.model).await?;
		pool::open(chain, &self.cast.owner, self.model).await?;
		Ok(())
	}

	/// Whether the liar tells the truth about jobs to come.
	pub(super) fn set_honest(&self, is_honest: bool) {
		for party in [&self.claimant, &self.watcher] {
			if let Some(liar) = &party.liar {
				liar.set_honest(is_honest);
			}
		}
	}

	/// What the second party has bonded for audits.
	pub(super) async fn audit_stake(&self) -> Result<u128> {
		let (chain, who) = (&self.claimant.chain, self.challenger.id());
		let bond = stake::of(chain, Purpose::Audits, &who).await?;
		Ok(bond.context("the auditor has no bond")?.active)
	}

	pub(super) async fn bond_of_claimant(&self) -> Result<u128> {
		let (chain, who) = (&self.claimant.chain, self.cast.provider.id());
		let bond = stake::of(chain, Purpose::Jobs, &who).await?;
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
		let mut job = stage::job(chain, &lease, &rows).await?;
		job.lambda_ppb = self.lambda_ppb;
		job.replicas = self.replicas;
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
						Trouble::NoGame => bail!("a game is opened about a right claim"),
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
					("Audits", "NoticeTaken") => end.notices += 1,
					("Audits", "AuditPaid") => {
						end.audit_pay += value::number_field(&event.fields, "paid")?;
					},
					("Jobs", "JobSettled") if trouble == Trouble::NoGame => {
						return self.settled(end, event)
					},
					("Jobs", "JobSettled" | "JobExpired") if end.verdict.is_empty() => {
						bail!("the job ended and nobody disputed its claim: {}", event.name)
					},
					("Jobs", "JobSettled") => return self.settled(end, event),
					("Jobs", "JobExpired") => return Ok(end),
					_ => {},
				}
			}
		}
	}

	/// What the receipt says.
	fn settled(&self, end: End, event: &Event) -> Result<End> {
		let receipt = value::field(&event.fields, "receipt")?;
		Ok(End {
			audits: value::u32_field(receipt, "audits")?,
			replicas: value::u32_field(receipt, "replicas")?,
			price: value::number_field(receipt, "price")?,
			is_watchers: value::bytes32(value::field(receipt, "provider")?)?
				== self.challenger.id(),
			..end
		})
	}

	/// Has the claimant licensed and armed with a trap, submits its job, and follows that to its end.
	pub(super) async fn spring(&mut self, text: &str) -> Result<End> {
		match tokio::time::timeout(PATIENCE, self.follow_trap(text)).await {
			Ok(end) => end.with_context(|| self.logs()),
			Err(_) => bail!("no trap opened in {} s\n{}", PATIENCE.as_secs(), self.logs()),
		}
	}

	async fn follow_trap(&mut self, text: &str) -> Result<End> {
		let (chain, root) = (&self.claimant.chain, &self.cast.owner);
		let rows = [self.world.tokenizer.encode(text)?];
		let lease = lease::of(chain, self.lease).await?;
		let job = stage::job(chain, &lease, &rows).await?;
		let tenant = &self.cast.tenant;
		let mut plan = trap::plan(&self.watcher.control, tenant, &[job], |_| ()).await?;
		trap::license(chain, root, &self.cast.provider.id(), 1).await?;
		trap::post(chain, root, &mut plan).await?;
		trap::arm(chain, &plan).await?;
		let [job] = &plan.jobs(0, self.lambda_ppb)?[..] else { bail!("a plan of one trap") };
		let mut blocks = chain.follow().await?;
		job.send(chain, tenant).await?.included().await?;
		let (mut end, mut is_open) = (End::default(), false);
		loop {
			for event in &blocks.next().await?.events {
				match (event.pallet.as_str(), event.name.as_str()) {
					("Traps", "Opened") => is_open = true,
					("Disputes", "GameOpened") => bail!("a game about a trap that was opened"),
					("Audits", "AuditPaid") => {
						end.audit_pay += value::number_field(&event.fields, "paid")?;
					},
					("Jobs", "JackpotPaid") => {
						end.jackpot += value::number_field(&event.fields, "amount")?;
					},
					("Jobs", "JobSettled") if is_open => return Ok(end),
					("Jobs", "JobSettled" | "JobExpired" | "JobRefuted") => {
						bail!("the job ended before its trap was opened: {}", event.name)
					},
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
