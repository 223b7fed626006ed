//! `cargo xtask faults`: real processes that die, stall and lie, and what becomes of jobs and
//! money.
//!
//! Each scenario has a chain of its own, with short periods; all run side by side.

pub(crate) mod executor;
mod proxy;
mod reorg;
mod rig;

use crate::{checks::Checks, net, paths, stage};
use anyhow::{Context, Result};
use assay_client::{job, provider, Error, Kind};
use assay_models::{minilm, Imported, Tokenizer};
use proxy::Fault;
use rig::Rig;
use serde_json::json;
use std::path::PathBuf;

/// What all scenarios share.
struct World {
	folder: PathBuf,
	/// Specification of a chain with one authority and short periods.
	spec: PathBuf,
	/// The same with two.
	spec_of_two: PathBuf,
	imported: Imported,
	tokenizer: Tokenizer,
	checks: Checks,
}

/// Runs it.
pub(crate) async fn run() -> Result<()> {
	let root = paths::root()?;
	let folder = tempfile::Builder::new().prefix("assay-faults-").tempdir()?;
	let timing = json!({
		"duty_period": 20,
		"accept": 8,
		"commit_base": 8,
		"window_base": 2,
		"reveal_grace": 4,
		"min_rate": 1_000,
	});
	let (spec, spec_of_two) = (folder.path().join("one.json"), folder.path().join("two.json"));
	net::write_spec(folder.path(), "dev", &timing, &spec).await?;
	net::write_spec(folder.path(), "local", &timing, &spec_of_two).await?;
	let world = World {
		folder: folder.path().into(),
		spec,
		spec_of_two,
		imported: stage::import(&root)?,
		tokenizer: Tokenizer::from_file(&paths::minilm(&root).join(minilm::TOKENIZER_FILE))?,
		checks: Checks::default(),
	};
	let outcome = tokio::try_join!(
		lost_and_found(&world),
		bad_answers(&world),
		broken_nodes(&world),
		reorg::run(&world),
	);
	let sum = world.checks.conclude();
	outcome?;
	sum
}

/// The executor lacks the model, is gone, dies between commitment and reveal.
async fn lost_and_found(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut rig = Rig::start(world, "lost").await.context("lost and found")?;
	let before = rig.escrow().await?;
	let job = rig.submit(world, "Nobody holds the model.").await?;
	let reason = rig.expired(job).await.context("no model blob")?;
	checks.check(reason.contains("NotAccepted"), &format!("no model blob: lapses, {reason}"));
	checks.check(rig.escrow().await? == before, "no model blob: the escrow is whole again");
	checks.check(rig.log().contains("blob_missing"), "no model blob: the node's log says so");

	rig.hold(world).await?;
	let job = rig.submit(world, "Now it is there.").await?;
	let done = rig.settled(job).await.context("the model arrived")?;
	checks.check(done.price() > 0, "the model arrives: the next job settles and is paid");

	let addresses = rig.kill_executor().await?;
	let job = rig.submit(world, "Nobody is listening.").await?;
	rig.blocks(2).await?;
	rig.start_executor(addresses).await?;
	rig.settled(job).await.context("executor down")?;
	checks.check(true, "executor down at submission, back in time: the job settles");

	let job = rig.submit(world, "It dies after the commitment.").await?;
	rig.until(job, |history| history.committed_at.is_some()).await.context("commitment")?;
	let addresses = rig.kill_executor().await?;
	rig.blocks(2).await?;
	rig.start_executor(addresses).await?;
	let done = rig.settled(job).await.context("executor restarted")?;
	checks.check(
		done.revealed_at > done.committed_at,
		"executor killed between commitment and reveal: its journal has the result",
	);
	Ok(())
}

/// The executor answers late, or with a digest that is not that of its result.
async fn bad_answers(world: &World) -> Result<()> {
	let checks = &world.checks;
	let rig = Rig::start(world, "bad").await.context("bad answers")?;
	rig.hold(world).await?;
	rig.proxy.set(Fault::Slow);
	let job = rig.submit(world, "Every answer is late.").await?;
	rig.blocks(3).await?;
	let open = job::of(&rig.chain, &job.digest).await?;
	checks.check(
		open.is_some_and(|view| view["phase"] == "Claiming"),
		"slow executor: the chain goes on, the job waits",
	);
	rig.proxy.set(Fault::None);
	rig.settled(job).await.context("slow executor")?;
	checks.check(true, "slow executor: the job settles once it answers in time");

	// The commitment is to one result, the reveal would be of another.
	let before = rig.escrow().await?;
	rig.proxy.set(Fault::WrongDigest);
	let job = rig.submit(world, "A false commitment.").await?;
	rig.until(job, |history| history.committed_at.is_some()).await?;
	rig.proxy.set(Fault::None);
	let reason = rig.expired(job).await.context("false commitment")?;
	checks.check(
		reason.contains("NotRevealed"),
		&format!("a digest that changes after the commitment: never revealed, {reason}"),
	);
	checks.check(rig.escrow().await?.0 >= before.0, "and the tenant has its escrow back");
	checks.check(rig.log().contains("cannot be revealed"), "and the node's log says why");

	// A lie from beginning to end is paid for: nobody audits yet. But the tenant can tell.
	rig.proxy.set(Fault::WrongDigest);
	let error = embed(world, &rig, "A lie.").await.err();
	let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
	checks.check(
		error.is_some_and(|error| error.kind() == Kind::Mismatch),
		&format!("a wrong digest on chain: the client refuses the answer: {said}"),
	);
	Ok(())
}

async fn embed(world: &World, rig: &Rig, text: &str) -> assay_client::Result<()> {
	let lease = rig.lease().await.map_err(|e| Error::new(Kind::Local, e.to_string()))?;
	let embedder =
		assay_client::embed::Embedder::new(&rig.chain, &rig.cast.tenant, Some(lease.id)).await?;
	let done = embedder.embed(&world.tokenizer, &[text.to_string()], |_| {}).await?;
	assay_client::embed::complete(done).map(drop)
}

/// The node dies, has a wrong token, has lost its worker key.
async fn broken_nodes(world: &World) -> Result<()> {
	let checks = &world.checks;
	let mut rig = Rig::start(world, "broken").await.context("broken nodes")?;
	rig.hold(world).await?;
	let right = rig.token();
	let job = rig.submit(world, "The node dies after the commitment.").await?;
	rig.until(job, |history| history.committed_at.is_some()).await?;
	rig.blocks(2).await?;
	rig.kill_node().await?;
	rig.start_node(&right).await?;
	let done = rig.settled(job).await.context("node restarted")?;
	checks.check(
		done.receipt.is_some(),
		"node killed between commitment and reveal: the same salt opens it",
	);

	let wrong = world.folder.join("wrong-token");
	std::fs::write(&wrong, "0123456789abcdef0123456789abcdef")?;
	rig.kill_node().await?;
	rig.start_node(&wrong).await?;
	let before = rig.idle_escrow().await?;
	let job = rig.submit(world, "The token is wrong.").await?;
	let reason = rig.expired(job).await.context("wrong token")?;
	checks.check(reason.contains("NotAccepted"), &format!("wrong token: lapses, {reason}"));
	checks.check(rig.escrow().await? == before, "wrong token: the escrow is whole again");
	checks.check(rig.log().contains("status 401"), "wrong token: the node's log says so");

	rig.kill_node().await?;
	for entry in std::fs::read_dir(rig.keystore()?)? {
		// File names begin with the key type in hex: "gpuw".
		let path = entry?.path();
		if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("67707577")) {
			std::fs::remove_file(path)?;
		}
	}
	rig.start_node(&right).await?;
	let job = rig.submit(world, "The worker key is gone.").await?;
	let early = job::finish(&rig.chain, &rig.cast.tenant, &job.digest).await.err();
	checks.check(
		early.is_some_and(|error| error.message().contains("NotDue")),
		"worker key missing: the tenant cannot end the job before its deadline",
	);
	rig.blocks(9).await?;
	job::finish(&rig.chain, &rig.cast.tenant, &job.digest).await.context("finish")?;
	let reason = rig.expired(job).await.context("worker key missing")?;
	checks.check(
		reason.contains("NotAccepted"),
		&format!("worker key missing: the tenant ends the job itself, {reason}"),
	);
	let key = provider::rotate_worker_key(&rig.chain, &rig.cast.provider).await?;
	provider::rotate_worker(&rig.chain, &rig.cast.provider, &key).await?;
	let job = rig.submit(world, "A new key.").await?;
	rig.settled(job).await.context("new worker key")?;
	checks.check(true, "a new worker key, registered: the next job settles");
	Ok(())
}
