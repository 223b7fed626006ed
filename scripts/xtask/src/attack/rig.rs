//! A network of a provider and watchers, each with a node, a real executor, and an adversary
//! between the two, that run a small model.

use super::{
	books::{Books, Expected},
	pool,
	report::Report,
	trouble::Troubles,
};
use crate::{
	faults::executor::{self, Process},
	node::Node,
};
use anyhow::{bail, Context, Result};
use assay_adversary::{small::Small, Adversary, Plan, Task};
use assay_client::{
	amount::ASY,
	chain::Event,
	data::DataClient,
	job::{self, Job},
	lease::{self, Lease, Opening, Terms},
	model::{self, Model},
	provider,
	stake::{self, Purpose},
	transfer, value, Account, Chain, Executor,
};
use assay_program::{merkle, Hash};
use futures::future::try_join_all;
use serde_json::Value;
use std::{
	collections::{BTreeMap, BTreeSet},
	net::SocketAddr,
	path::{Path, PathBuf},
	time::Duration,
};

/// What a watcher may bond in challenges, in ASY.
const BUDGET: &str = "1000000";
/// What provider and watchers bond.
const BOND: u128 = 100_000 * ASY;
/// What the tenant puts into each lease.
const ESCROW: u128 = 1_000 * ASY;
/// Price of a compute unit.
const PRICE: u128 = ASY;
/// What is at risk in each job.
pub(super) const AT_RISK: u128 = 20 * ASY;
/// Open jobs that a lease takes.
const JOBS_PER_LEASE: usize = 32;
/// Accounts that may watch. The first three have funds at genesis.
const WATCHERS: [&str; 5] = ["//Dave", "//Eve", "//Ferdie", "//Alice//Eve", "//Alice//Dave"];
/// What is given to the others.
const FUNDS: u128 = 1_000_000 * ASY;
/// By which name a keystore has worker keys.
const WORKER_KEYS: &[u8] = b"gpuw";
/// Longest lease.
const DURATION_BLOCKS: u32 = 1_200;

/// A party: a node, its executor, and what stands between the two.
pub(super) struct Site {
	folder: PathBuf,
	flags: Vec<String>,
	node: Option<Node>,
	executor: Option<Process>,
	data: SocketAddr,
	control: Executor,
	pub(super) chain: Chain,
	pub(super) adversary: Adversary,
	pub(super) account: Account,
}

/// The network.
pub(super) struct Rig {
	pub(super) small: Small,
	/// The provider's, then the watchers'.
	pub(super) sites: Vec<Site>,
	pub(super) tenant: Account,
	pub(super) owner: Account,
	model: Model,
	leases: Vec<Lease>,
	nonce: u64,
	submitted: usize,
	jobs: BTreeMap<Hash, Job>,
	/// Accounts that challenge without a node.
	pub(super) hired: Vec<Account>,
}

impl Rig {
	/// Starts it with so many watchers, for so many jobs at once.
	pub(super) async fn start(
		folder: &Path,
		spec: &Path,
		watchers: usize,
		jobs: usize,
	) -> Result<Self> {
		let small = Small::new();
		let home = folder.join("provider");
		let mut sites = vec![Site::start(&home, spec, "//Bob", &["--dev"], &small).await?];
		let boot = sites[0].address().await?;
		let flags = ["--bootnodes", &boot, "--watch", BUDGET];
		let starts = WATCHERS.iter().take(watchers).map(|name| {
			let home = folder.join(name.replace("//", "watcher-"));
			let small = &small;
			async move { Site::start(&home, spec, name, &flags, small).await }
		});
		sites.extend(try_join_all(starts).await?);
		let (owner, tenant) = (Account::from_suri("//Alice")?, Account::from_suri("//Charlie")?);
		let chain = &sites[0].chain;
		let weights = merkle::blob(&small.weights);
		let register = model::register(chain, &owner, &small.program_bytes, &weights, PRICE / 10);
		let registered = async {
			let registered = register.await?;
			for site in sites.iter().skip(4) {
				transfer::transfer(chain, &owner, &site.account.id(), FUNDS).await?;
			}
			Ok(registered)
		};
		let (rich, poor) = sites.split_at(sites.len().min(4));
		let parties = try_join_all(rich.iter().map(Site::register));
		let ((id, _), _) = tokio::try_join!(registered, parties)?;
		try_join_all(poor.iter().map(Site::register)).await?;
		let model = model::of(chain, id).await?;
		let terms = Terms {
			price_per_unit: PRICE,
			rate_units_per_block: 1_000_000,
			duration_blocks_max: DURATION_BLOCKS,
			min_escrow: ASY,
			risk_factor_max: 100,
			reservation: None,
		};
		let (offer, _) = lease::create_offer(chain, &sites[0].account, id, &terms).await?;
		let mut leases = Vec::new();
		for _ in 0..jobs.div_ceil(JOBS_PER_LEASE) {
			let opening = Opening {
				offer,
				escrow: ESCROW,
				duration_blocks: DURATION_BLOCKS,
				price_limit: PRICE,
				reservation: None,
			};
			let (id, _) = lease::open(chain, &tenant, &opening).await?;
			leases.push(lease::of(chain, id).await?);
		}
		let nonce = job::next_nonce(chain, &tenant.id()).await?;
		let (submitted, jobs, hired) = (0, BTreeMap::new(), Vec::new());
		Ok(Self { small, sites, tenant, owner, model, leases, nonce, submitted, jobs, hired })
	}

	pub(super) fn chain(&self) -> &Chain {
		&self.sites[0].chain
	}

	/// Lets the first watcher, and nobody else, audit jobs; waits until it counts.
	pub(super) async fn audit(&self) -> Result<()> {
		let (auditor, model) = (&self.sites[1], self.model.id);
		pool::join(&auditor.chain, &auditor.account, model).await?;
		pool::open(self.chain(), &self.owner, model).await
	}

	/// A job that is audited.
	pub(super) fn audited_job(&mut self, seed: u64) -> Result<Job> {
		let mut job = self.job(seed)?;
		job.lambda_ppb = pool::ALWAYS;
		Ok(job)
	}

	/// Brings the input of a job to the provider.
	pub(super) async fn bring_input(&self, job: &Job) -> Result<()> {
		let site = &self.sites[0];
		let data = DataClient::new(&site.chain, &self.tenant, &site.endpoint())?;
		Ok(data.put_input(&job.request.input, &job.input).await?)
	}

	/// The next job, on prompt number `seed`.
	pub(super) fn job(&mut self, seed: u64) -> Result<Job> {
		let lease = &self.leases[self.submitted / JOBS_PER_LEASE % self.leases.len()];
		let (genesis, input) = (self.sites[0].chain.genesis(), self.small.prompt(seed)?);
		let mut job =
			Job::new(&genesis, lease, &self.model, input, Small::parameters(), self.nonce);
		job.value_at_risk = AT_RISK;
		self.nonce += 1;
		self.submitted += 1;
		self.jobs.insert(job.digest, job.clone());
		Ok(job)
	}

	/// Everything that running a job takes.
	pub(super) fn task(&self, job: &Job) -> Task {
		Task {
			program: self.small.program.clone().into(),
			weights: self.small.weights.clone().into(),
			input: job.input.clone(),
			parameters: job.request.parameters.clone(),
		}
	}

	/// A job that was made here.
	pub(super) fn job_of(&self, digest: &Hash) -> Result<&Job> {
		self.jobs.get(digest).context("a job of somebody else")
	}

	/// Accounts of the parties with their names.
	pub(super) fn parties(&self) -> Vec<(String, Hash)> {
		let mut parties = vec![("tenant".into(), self.tenant.id())];
		for (number, site) in self.sites.iter().enumerate() {
			let name = match number {
				0 => "provider".into(),
				number => format!("watcher {number}"),
			};
			parties.push((name, site.account.id()));
		}
		let hired = self.hired.iter().enumerate();
		parties.extend(hired.map(|(number, account)| (format!("hired {number}"), account.id())));
		parties
	}

	/// The end of what all nodes have logged of disputes, for an error message.
	pub(super) fn logs(&self) -> String {
		let mut text = String::new();
		for (site, (name, _)) in self.sites.iter().zip(self.parties().iter().skip(1)) {
			let log = site.node.as_ref().map(Node::log).unwrap_or_default();
			let lines: Vec<&str> = log.lines().filter(|line| line.contains("worker::")).collect();
			let tail = lines[lines.len().saturating_sub(15)..].join("\n");
			text.push_str(&format!("{name}:\n{tail}\n"));
		}
		text
	}
}

impl Site {
	async fn start(
		folder: &Path,
		spec: &Path,
		account: &str,
		flags: &[&str],
		small: &Small,
	) -> Result<Self> {
		let executor = Process::start(&folder.join("executor")).await?;
		let addresses = executor.addresses();
		let token = executor::token(&folder.join("executor"));
		let control = Executor::new(&format!("http://{}", addresses.control), &token)?;
		control.put_program(small.program_bytes.clone()).await?;
		control.put_weights(small.weights.clone()).await?;
		let any = SocketAddr::from(([127, 0, 0, 1], 0));
		let adversary = Adversary::start(any, addresses.control).await?;
		let (spec, token, url) =
			(spec.display().to_string(), token.display().to_string(), adversary.url());
		let chain = ["--chain", &spec, "--executor-url", &url, "--executor-token-file", &token];
		let log = ["--log", "worker::disputes=debug"];
		let flags: Vec<String> =
			[flags, &chain, &log].concat().into_iter().map(String::from).collect();
		let node = start_node(folder, &flags).await?;
		let chain = Chain::connect(node.url()).await?;
		let (data, folder) = (addresses.data, folder.into());
		let (node, executor) = (Some(node), Some(executor));
		let account = Account::from_suri(account)?;
		Ok(Self { folder, flags, node, executor, data, control, chain, adversary, account })
	}

	/// Where tenants reach its executor.
	fn endpoint(&self) -> String {
		format!("http://{}", self.data)
	}

	/// The worker key that its node has made, to sign by hand what no worker would.
	pub(super) fn worker_key(&self) -> Result<Account> {
		let chains = std::fs::read_dir(self.folder.join("node/chains"))?;
		let stores = chains.filter_map(|chain| Some(chain.ok()?.path().join("keystore")));
		let keys = stores.filter_map(|store| std::fs::read_dir(store).ok()).flatten();
		let mut keys = keys.filter_map(|key| Some(key.ok()?.path()));
		let kind = hex::encode(WORKER_KEYS);
		let key = keys.find(|key| {
			key.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&kind))
		});
		let phrase = std::fs::read(key.context("the node has no worker key")?)?;
		Ok(Account::from_suri(&serde_json::from_slice::<String>(&phrase)?)?)
	}

	/// Makes its account a provider with a bond, whose worker key is at its node.
	async fn register(&self) -> Result<()> {
		stake::bond(&self.chain, &self.account, Purpose::Jobs, BOND).await?;
		let key = provider::rotate_worker_key(&self.chain, &self.account).await?;
		let (endpoint, cores) = (self.endpoint(), self.control.devices().await?);
		provider::register(&self.chain, &self.account, &cores, &endpoint, &key).await?;
		Ok(())
	}

	/// Kills node and executor, as a power cut would, and starts them where they were.
	pub(super) async fn restart(&mut self) -> Result<()> {
		// Other nodes look for this one where it was.
		let address = self.address().await?;
		let place = address.split("/p2p/").next().unwrap_or(&address).to_string();
		if !self.flags.contains(&place) {
			self.flags.extend(["--listen-addr".into(), place]);
		}
		self.node.take().context("no node runs")?.kill().await?;
		let addresses = self.executor.take().context("no executor runs")?.kill().await?;
		let folder = self.folder.join("executor");
		self.executor = Some(Process::start_at(&folder, addresses).await?);
		let node = start_node(&self.folder, &self.flags).await?;
		self.chain = Chain::connect(node.url()).await?;
		self.node = Some(node);
		Ok(())
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

/// Whether an event is about a job.
pub(super) fn is_about(event: &Event, job: &Hash) -> bool {
	value::hash_field(&event.fields, "job").is_ok_and(|found| found == *job)
}

/// Waits for an event since a block; the first one for which something holds.
pub(super) async fn await_event(
	chain: &Chain,
	since: u32,
	holds: impl Fn(&Event) -> bool,
) -> Result<Event> {
	let mut blocks = chain.follow_from(since).await?;
	loop {
		if let Some(event) = blocks.next().await?.events.into_iter().find(&holds) {
			return Ok(event);
		}
	}
}

/// A game, as far as events tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
	pub(super) job: Hash,
	pub(super) challenger: Hash,
	pub(super) questions: usize,
	pub(super) verdict: String,
	pub(super) reason: String,
}

/// What has happened since a block, by block: a re-organisation takes back what it replaces.
pub(super) struct Story {
	before: Books,
	blocks: BTreeMap<u32, Vec<Event>>,
}

/// What follows from a story.
#[derive(Debug, Default)]
pub(super) struct Facts {
	pub(super) games: BTreeMap<u64, Played>,
	/// How each job ended: the name of its event.
	pub(super) ended: BTreeMap<Hash, String>,
	pub(super) moves: usize,
	expected: Expected,
}

impl Facts {
	fn take(&mut self, event: &Event, tenant: &Hash) -> Result<()> {
		self.expected.take(event, tenant)?;
		let fields = &event.fields;
		match (event.pallet.as_str(), event.name.as_str()) {
			("Jobs", "JobSettled" | "JobRefuted" | "JobExpired") => {
				self.ended.insert(value::hash_field(fields, "job")?, event.name.clone());
			},
			("Disputes", "GameOpened") => {
				let played = Played {
					job: value::hash_field(fields, "job")?,
					challenger: value::hash_field(fields, "challenger")?,
					questions: 1,
					..Played::default()
				};
				self.games.insert(value::u64_field(fields, "game")?, played);
			},
			("Disputes", "Answered") => self.moves += 1,
			("Disputes", "Asked") => {
				self.moves += 1;
				let game = self.games.get_mut(&value::u64_field(fields, "game")?);
				game.context("a question of no game")?.questions += 1;
			},
			("Disputes", "GameClosed") => {
				let game = self.games.get_mut(&value::u64_field(fields, "game")?);
				let game = game.context("the end of no game")?;
				game.verdict = value::variant(value::field(fields, "verdict")?)?.into();
				game.reason = value::variant(value::field(fields, "reason")?)?.into();
				self.moves += usize::from(game.reason == "Refereed");
			},
			_ => {},
		}
		Ok(())
	}

	/// Whether all jobs have ended and all games are over.
	fn is_over(&self, jobs: &BTreeSet<Hash>) -> bool {
		jobs.iter().all(|job| self.ended.contains_key(job))
			&& self.games.values().all(|game| !game.verdict.is_empty())
	}
}

impl Story {
	/// Begins with the present block.
	pub(super) async fn begin(chain: &Chain) -> Result<Self> {
		let before = Books::read(chain, chain.best_number().await?).await?;
		Ok(Self { before, blocks: BTreeMap::new() })
	}

	/// What has happened so far.
	pub(super) fn facts(&self, tenant: &Hash) -> Result<Facts> {
		let mut facts = Facts::default();
		for event in self.blocks.values().flatten() {
			facts.take(event, tenant)?;
		}
		Ok(facts)
	}

	/// What happened of a kind to a job, with the blocks in which it did.
	pub(super) fn about<'a>(
		&'a self,
		job: &'a Hash,
		pallet: &'a str,
		name: &'a str,
	) -> impl Iterator<Item = (u32, &'a Event)> {
		let all = self
			.blocks
			.iter()
			.flat_map(|(number, events)| events.iter().map(|event| (*number, event)));
		all.filter(move |(_, event)| event.is(pallet, name) && is_about(event, job))
	}

	/// What happened once to a job.
	pub(super) fn one<'a>(
		&'a self,
		job: &'a Hash,
		pallet: &'a str,
		name: &'a str,
	) -> Result<(u32, &'a Event)> {
		let all: Vec<_> = self.about(job, pallet, name).collect();
		let [one] = all[..] else { bail!("{} times {pallet}.{name} of a job", all.len()) };
		Ok(one)
	}

	/// What happened once to a slot of a job.
	pub(super) fn one_of_slot<'a>(
		&'a self,
		job: &'a Hash,
		slot: u64,
		name: &'a str,
	) -> Result<&'a Event> {
		let is_of = |event: &Event| value::u64_field(&event.fields, "slot").ok() == Some(slot);
		let mut all = self.about(job, "Jobs", name).filter(|(_, event)| is_of(event));
		let (_, event) = all.next().with_context(|| format!("no Jobs.{name} of slot {slot}"))?;
		Ok(event)
	}

	/// Takes in a block.
	pub(super) fn add(&mut self, number: u32, events: Vec<Event>) {
		self.blocks.retain(|block, _| *block < number);
		if number > self.before.block {
			self.blocks.insert(number, events);
		}
	}

	/// Follows until all jobs have ended and all games are over. Troubles come on the way.
	pub(super) async fn follow(
		&mut self,
		rig: &mut Rig,
		jobs: &BTreeSet<Hash>,
		troubles: &mut Troubles,
		patience: Duration,
	) -> Result<Facts> {
		let follow = async {
			let mut blocks = rig.chain().follow_from(self.next()).await?;
			loop {
				let block = blocks.next().await?;
				self.add(block.number, block.events.clone());
				let facts = self.facts(&rig.tenant.id())?;
				if facts.is_over(jobs) {
					return anyhow::Ok(facts);
				}
				if troubles.take(rig, &block.events).await? {
					// The node may be another one, and have lost its last block.
					let best = rig.chain().best_number().await?;
					blocks = rig.chain().follow_from(self.next().min(best)).await?;
				}
			}
		};
		match tokio::time::timeout(patience, follow).await {
			Ok(facts) => facts,
			Err(_) => {
				let facts = self.facts(&rig.tenant.id())?;
				let left = jobs.iter().filter(|job| !facts.ended.contains_key(*job)).count();
				let open: Vec<_> = facts
					.games
					.values()
					.filter(|game| game.verdict.is_empty())
					.map(|game| (hex::encode(&game.job[..4]), game.questions))
					.collect();
				bail!(
					"expected the end of {} jobs in {} s; {left} are left, open games {open:?}\n{}",
					jobs.len(),
					patience.as_secs(),
					rig.logs()
				)
			},
		}
	}

	/// The block to go on with.
	fn next(&self) -> u32 {
		let last = self.blocks.keys().next_back().copied();
		last.unwrap_or(self.before.block).saturating_sub(1)
	}

	/// Checks that every coin is where the events say, and notes it in a report.
	pub(super) async fn audit(&self, rig: &Rig, facts: &Facts, report: &mut Report) -> Result<()> {
		let last = *self.blocks.keys().next_back().context("no block")?;
		let after = Books::read(rig.chain(), last).await?;
		report.blocks = last - self.before.block;
		report.moves = facts.moves;
		report.games = facts.games.len();
		report
			.check(self.before.is_whole() && after.is_whole(), "all that is issued is somebody's");
		report.equal(
			after.burnt_since(&self.before),
			facts.expected.burnt,
			"what is missing was burnt",
		);
		for (name, id) in rig.parties() {
			let change = after.of(&id) - self.before.of(&id);
			report.equal(
				change,
				facts.expected.of(&id),
				&format!("{name} has what it earned, paid and lost, {change}"),
			);
			report.parties.insert(name, change);
		}
		Ok(())
	}
}

/// Submits jobs and tells everybody their plans beforehand: the provider's, then each watcher's.
pub(super) async fn submit(rig: &Rig, jobs: &[(Job, Vec<Plan>)]) -> Result<()> {
	let mut sent = Vec::new();
	for (job, plans) in jobs {
		for (site, plan) in rig.sites.iter().zip(plans) {
			site.adversary.set(job.digest, *plan);
		}
		sent.push(job.send(rig.chain(), &rig.tenant).await?);
	}
	for sent in sent {
		sent.included().await?;
	}
	Ok(())
}
