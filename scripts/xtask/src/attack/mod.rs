//! `cargo xtask attack`: nodes and executors of which some lie, and what becomes of claims, pledges
//! and bonds. Each scenario has a chain of its own.
//!
//! | attack | where |
//! |---|---|
//! | wrong output, from one byte up; tokens; early and late stop; count; trace | `lies`, `games` |
//! | random operator, row, element, partial | `games` |
//! | the same lies as challenges of a right result | `shams`, `games` |
//! | right output over a wrong trace; both wrong in different places | `crossed` |
//! | disclosures of another shape; silence at every move | `silence`, `invalid` |
//! | three claims, one of them right | `auditors` |
//! | ten claims: sybils around a right and a wrong result | `sham-crowd`, `crowd-around-liar` |
//! | moves out of turn, for another position, of another side | `sham-crowd` |
//! | replay after pruning | `sham-crowd`, `crowd-around-liar` |
//! | copied commitment; reveal copied from the pool, on another fork | `auditors` |
//! | a commitment that is lost with its branch | `cargo xtask faults` |
//! | notice without commitment | `auditors` |
//! | lazy auditor and trap | `minilm` opens a trap; `cargo xtask simulate`: what laziness costs |
//! | wrong result found by watching and by audit | `minilm` |
//! | node and executor killed at every stage; power cut in many jobs | `restarts`, `power` |
//! | a block author who is a party | `author-restarts`; the provider makes all blocks |
//! | worker key rotated; provider unbonding and leaving | `rotation`, `leaving` |
//! | input withheld, output withheld, demand that cannot be paid | `withheld` |
//! | blocks full; jobs paused; runtime upgraded | `spam`, `paused`, `upgrade` |
//!
//! A runtime is upgraded while jobs are paused, as the clocks of jobs and games stand still then:
//! nothing is due when it is back. The runtime that `upgrade` puts in place has another hash and no
//! higher version, which would take a second build; that the chain forgets which one it ran makes
//! all hooks and migrations of an upgrade run.

mod auditors;
mod books;
mod bouts;
mod hired;
mod liar;
mod pool;
mod report;
mod rig;
mod ring;
mod trouble;
mod withheld;

use crate::{checks::Checks, net, paths, stage};
use anyhow::{ensure, Result};
use assay_client::amount::ASY;
use assay_models::{minilm, Imported, Tokenizer};
use clap::Args;
use report::Report;
use ring::{Finds, Lies, Ring, Trouble};
use serde_json::json;
use std::{path::PathBuf, time::Instant};

/// Most blocks from the reveal to the verdict, where both parties answer at once.
const BLOCKS_TO_VERDICT_MAX: u32 = 60;

/// What all scenarios share.
struct World {
	folder: PathBuf,
	spec: PathBuf,
	imported: Imported,
	/// The model's weights with some that are wrong.
	wrong_weights: Vec<u8>,
	tokenizer: Tokenizer,
	checks: Checks,
}

/// Flags of the attack.
#[derive(Debug, Args)]
pub(crate) struct Attack {
	/// Print one JSON object as the last line.
	#[arg(long)]
	json: bool,
	/// Only the scenarios of these names; more than once for several.
	#[arg(long, value_name = "NAME")]
	only: Vec<String>,
	/// Games of the scenario `games`.
	#[arg(long, value_name = "COUNT", default_value_t = 100)]
	games: usize,
	/// Chooses what is lied about.
	#[arg(long, default_value_t = 1)]
	seed: u64,
}

/// All scenarios in the order in which they run.
const SCENARIOS: [&str; 19] = [
	"minilm",
	"games",
	"lies",
	"shams",
	"crossed",
	"invalid",
	"silence",
	"sham-crowd",
	"crowd-around-liar",
	"restarts",
	"author-restarts",
	"power",
	"paused",
	"upgrade",
	"spam",
	"rotation",
	"leaving",
	"auditors",
	"withheld",
];

impl Attack {
	/// Runs the scenarios one after the other.
	pub(crate) async fn run(&self) -> Result<()> {
		for name in &self.only {
			ensure!(SCENARIOS.contains(&name.as_str()), "no scenario {name}: {SCENARIOS:?}");
		}
		let is_wanted =
			|name: &&&str| self.only.is_empty() || self.only.iter().any(|only| only == **name);
		let mut reports = Vec::new();
		for name in SCENARIOS.iter().filter(is_wanted) {
			let (mut report, begun) = (Report::new(name), Instant::now());
			if let Err(error) = self.play(name, &mut report).await {
				report.check(false, &format!("{error:#}"));
			}
			report.conclude(begun.elapsed().as_secs_f64());
			reports.push(report);
		}
		let failed: Vec<&str> =
			reports.iter().filter(|report| !report.ok).map(|report| report.name.as_str()).collect();
		if self.json {
			let (ok, seed) = (failed.is_empty(), self.seed);
			println!("{}", json!({ "ok": ok, "seed": seed, "scenarios": reports }));
		}
		ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
		Ok(())
	}

	async fn play(&self, name: &str, report: &mut Report) -> Result<()> {
		let seed = self.seed;
		match name {
			"minilm" => {
				run().await?;
				report.check(true, "each of six chains with MiniLM ends as it must");
				Ok(())
			},
			"games" => bouts::games(report, self.games, seed).await,
			"lies" => bouts::lies(report, seed).await,
			"shams" => bouts::shams(report, seed).await,
			"crossed" => bouts::crossed(report, seed).await,
			"invalid" => bouts::invalid(report, seed).await,
			"silence" => bouts::silence(report, seed).await,
			"sham-crowd" => bouts::crowd(report, false, seed).await,
			"crowd-around-liar" => bouts::crowd(report, true, seed).await,
			"restarts" => bouts::restarts(report, 1, seed).await,
			"author-restarts" => bouts::restarts(report, 0, seed).await,
			"power" => bouts::power(report, seed).await,
			"paused" => bouts::paused(report, seed).await,
			"upgrade" => bouts::upgrade(report, seed).await,
			"spam" => bouts::spam(report, seed).await,
			"rotation" => bouts::rotation(report, seed).await,
			"leaving" => bouts::leaving(report, seed).await,
			"auditors" => auditors::auditors(report, seed).await,
			"withheld" => withheld::withheld(report, seed).await,
			_ => anyhow::bail!("no scenario {name}"),
		}
	}
}

/// Runs the scenarios with MiniLM, side by side.
pub(crate) async fn run() -> Result<()> {
	let root = paths::root()?;
	let folder = tempfile::Builder::new().prefix("assay-attack-").tempdir()?;
	let timing = json!({
		"duty_period": 10,
		"accept": 10,
		"commit_base": 10,
		"window_base": 20,
		"reveal_grace": 4,
		"trap_blocks": 4,
		"min_rate": 1_000,
	});
	let spec = folder.path().join("spec.json");
	net::write_spec(folder.path(), "dev", &timing, &spec).await?;
	let imported = stage::import(&root)?;
	let world = World {
		folder: folder.path().into(),
		spec,
		wrong_weights: spoil(&imported.weights),
		imported,
		tokenizer: Tokenizer::from_file(&paths::minilm(&root).join(minilm::TOKENIZER_FILE))?,
		checks: Checks::default(),
	};
	let outcome = tokio::try_join!(
		wrong_claim(&world),
		wrong_challenge(&world),
		power_cut(&world),
		silence(&world),
		audited(&world),
		replicated(&world),
	);
	let sum = world.checks.conclude();
	outcome?;
	sum
}

/// A few rows of the last layer: the embedding table lies first, most of whose rows no sentence
/// reads.
fn spoil(weights: &[u8]) -> Vec<u8> {
	let mut wrong = weights.to_vec();
	let start = wrong.len() * 15 / 16;
	wrong[start..start + 4096].iter_mut().for_each(|byte| *byte ^= 0x15);
	wrong
}

/// A provider computes on other weights and defends its result with a trace that is right for them.
async fn wrong_claim(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut ring = Ring::start(world, "wrong-claim", Lies::Claimant, Finds::Watching).await?;
	let (bob, dave, escrow) =
		(ring.bond_of_claimant().await?, ring.wealth_of_watcher().await?, ring.escrow().await?);
	let end = ring.play("A wrong result is found.", Trouble::None).await?;
	checks.check(
		end.verdict == "ClaimantGuilty" && end.reason == "Refereed",
		&format!("wrong weights: {} by {}, {end}", end.verdict, end.reason),
	);
	checks.check(
		end.blocks <= BLOCKS_TO_VERDICT_MAX,
		&format!("wrong weights: the verdict is {} blocks after the reveal", end.blocks),
	);
	checks.check(end.is_refuted, "wrong weights: the job is refuted");
	checks.check(ring.escrow().await? == escrow, "wrong weights: the tenant has its price back");
	let lost = bob - ring.bond_of_claimant().await?;
	checks.check(
		lost == end.slashed && lost > 0,
		&format!("wrong weights: the pledge is gone, {lost}"),
	);
	let earned = ring.wealth_of_watcher().await?.saturating_sub(dave);
	// A run with traces costs more than a fifth of so small a pledge; half of it is the most.
	checks.check(earned == lost / 2, &format!("wrong weights: the challenger earns {earned}"));
	Ok(())
}

/// A challenger computes on other weights and takes a right result for wrong.
async fn wrong_challenge(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut ring = Ring::start(world, "wrong-challenge", Lies::Challenger, Finds::Watching).await?;
	let (bob, dave) = (ring.bond_of_claimant().await?, ring.wealth_of_watcher().await?);
	let end = ring.play("A right result stands.", Trouble::None).await?;
	checks.check(
		end.verdict == "ChallengerGuilty" && end.reason == "Refereed",
		&format!("false challenge: {} by {}, {end}", end.verdict, end.reason),
	);
	checks.check(!end.is_refuted, "false challenge: the job is settled all the same");
	checks.check(ring.bond_of_claimant().await? == bob, "false challenge: the pledge is whole");
	let lost = dave.saturating_sub(ring.wealth_of_watcher().await?);
	checks.check(
		lost == end.forfeited && lost >= 2 * ASY,
		&format!("false challenge: the challenger's bond is gone, {lost}"),
	);
	Ok(())
}

/// The watcher loses power in the middle of its game.
async fn power_cut(world: &World) -> Result<()> {
	let mut ring = Ring::start(world, "power-cut", Lies::Claimant, Finds::Watching).await?;
	let end = ring.play("The lights go out.", Trouble::PowerCut).await?;
	world.checks.check(
		end.verdict == "ClaimantGuilty" && end.reason == "Refereed" && end.is_refuted,
		&format!("node and executor killed in a game: {} by {}, {end}", end.verdict, end.reason),
	);
	Ok(())
}

/// The claimant's executor disappears once its claim is disputed.
async fn silence(world: &World) -> Result<()> {
	let mut ring = Ring::start(world, "silence", Lies::Claimant, Finds::Watching).await?;
	let end = ring.play("Nobody answers any more.", Trouble::Silence).await?;
	world.checks.check(
		end.verdict == "ClaimantGuilty" && end.reason == "TimedOut" && end.is_refuted,
		&format!("silence: {} by {}, {end}", end.verdict, end.reason),
	);
	Ok(())
}

/// Nobody watches, but the tenant pays for audits: the provider is right once and wrong once.
async fn audited(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut ring = Ring::start(world, "audited", Lies::Claimant, Finds::Audit).await?;
	let (stake, bob) = (ring.audit_stake().await?, ring.bond_of_claimant().await?);
	ring.set_honest(true);
	let end = ring.play("A right result is computed twice.", Trouble::NoGame).await?;
	checks.check(
		end.notices == 1 && end.audits == 1 && end.audit_pay > 0,
		&format!(
			"audit of a right result: {} notice, {} audit on the receipt, paid {}",
			end.notices, end.audits, end.audit_pay
		),
	);
	checks.check(
		ring.audit_stake().await? == stake && ring.bond_of_claimant().await? == bob,
		"audit of a right result: both bonds are whole",
	);

	let end = ring.spring("A trap is opened in time.").await?;
	checks.check(
		end.jackpot > 0 && end.audit_pay > 0,
		&format!("trap: opened, the auditor that computed earns {}", end.audit_pay + end.jackpot),
	);
	checks.check(
		ring.audit_stake().await? == stake && ring.bond_of_claimant().await? == bob,
		"trap: settled without a game, and both bonds are whole",
	);

	ring.set_honest(false);
	let escrow = ring.escrow().await?;
	let end = ring.play("A wrong result is computed twice.", Trouble::None).await?;
	checks.check(
		end.notices == 1 && end.verdict == "ClaimantGuilty" && end.reason == "Refereed",
		&format!("audit of a wrong result: {} by {}, {end}", end.verdict, end.reason),
	);
	checks.check(
		end.is_refuted && ring.escrow().await? == escrow && end.audit_pay > 0,
		"audit of a wrong result: refuted, the tenant has its price back, the auditor is paid",
	);
	checks.check(ring.audit_stake().await? == stake, "audit of a wrong result: its stake is whole");
	let lost = bob - ring.bond_of_claimant().await?;
	checks.check(lost > 0, &format!("audit of a wrong result: the pledge is gone, {lost}"));
	Ok(())
}

/// A job has a replica: the provider is right once, and wrong once.
async fn replicated(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut ring = Ring::start(world, "replicated", Lies::Claimant, Finds::Replica).await?;
	let (dave, escrow) = (ring.wealth_of_watcher().await?, ring.escrow().await?);
	ring.set_honest(true);
	let end = ring.play("Two compute what one was asked for.", Trouble::NoGame).await?;
	let earned = ring.wealth_of_watcher().await?.saturating_sub(dave);
	checks.check(
		end.replicas == 1 && earned > 0 && !end.is_watchers,
		&format!("replica: one on the receipt, it earns {earned}"),
	);
	checks.check(
		ring.escrow().await? == escrow - end.price,
		&format!("replica: the tenant pays two runs, {}", end.price),
	);

	ring.set_honest(false);
	let (bob, dave, escrow) =
		(ring.bond_of_claimant().await?, ring.wealth_of_watcher().await?, ring.escrow().await?);
	let end = ring.play("One of two is wrong.", Trouble::None).await?;
	checks.check(
		end.verdict == "ClaimantGuilty" && end.reason == "Refereed",
		&format!("replica against a wrong result: {} by {}, {end}", end.verdict, end.reason),
	);
	let lost = bob - ring.bond_of_claimant().await?;
	// What a job without audits pledges: twice its price, where no more is at risk.
	checks.check(
		!end.is_refuted && end.is_watchers && end.replicas == 0 && end.price == lost / 2,
		"replica against a wrong result: it is paid in the provider's place, for one run",
	);
	checks.check(
		ring.escrow().await? == escrow - end.price,
		"replica: the tenant pays that run alone",
	);
	checks.check(
		lost == end.slashed && lost > 0 && ring.wealth_of_watcher().await? > dave,
		&format!("replica against a wrong result: the pledge is gone, {lost}"),
	);
	Ok(())
}
