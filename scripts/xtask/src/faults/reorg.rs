//! A commitment that is lost in a re-organisation: two authorities that do not see each other make
//! two branches, and the provider's node has to change from one to the other.

use super::World;
use crate::{
	node::{self, Node},
	stage::{self, Cast},
};
use anyhow::{bail, ensure, Context, Result};
use assay_client::{account::hex32, job::Watch, lease, Chain};
use assay_program::Hash;
use serde_json::{json, Value};
use std::{path::PathBuf, time::Duration};

/// Time for one of the steps: a branch outgrows another only by the luck of its author.
const PATIENCE: Duration = Duration::from_secs(300);
/// Network keys of the nodes: each a byte, repeated.
const KEYS: [(&str, &str); 3] = [("alice", "a1"), ("bob", "b0"), ("provider", "cc")];

pub(super) async fn run(world: &World) -> Result<()> {
	let outcome = tokio::time::timeout(3 * PATIENCE, play(world)).await;
	outcome.context("the re-organisation did not end")?.context("re-organisation")
}

async fn play(world: &World) -> Result<()> {
	let checks = &world.checks;
	let alice = Peer::start(world, "alice").await?;
	let bob = Peer::start(world, "bob").await?;
	let provider = Peer::start(world, "provider").await?;
	alice.link(&bob).await?;
	alice.link(&provider).await?;
	let chain = &provider.chain;
	let token = node::executor_token(&provider.base)?;
	let (cast, quiet) = (Cast::new()?, |_: String| {});
	let offered = stage::provide(chain, &token, &cast, &world.imported, &quiet).await?;
	let lease = stage::lease(chain, &cast, offered.offer, &quiet).await?;
	settle_down(chain, lease).await?;

	// Without Bob nothing becomes final; what happens now, happens on Alice's branch alone.
	bob.node.kill().await?;
	let rows = [world.tokenizer.encode("Which branch is it?")?];
	let job = stage::job(chain, &lease::of(chain, lease).await?, &rows).await?;
	let since = chain.best_number().await?;
	let mut watch = Watch::new(chain, [job.digest]).await?;
	job.send(chain, &cast.tenant).await?.included().await?;
	let first = committed(&mut watch).await?;
	alice.node.kill().await?;

	let bob = Peer::start(world, "bob").await?;
	outgrow(&bob.chain, chain).await?;
	bob.link(&provider).await?;
	let lost = async {
		let mut blocks = chain.follow().await?;
		while hash_of(chain, first.0).await? == Some(hex32(&first.1)) {
			blocks.next().await?;
		}
		anyhow::Ok(())
	};
	tokio::time::timeout(PATIENCE, lost).await.context("the provider's node kept its branch")??;
	checks.check(true, "re-org: the block of the commitment is not on the best chain any more");

	// The better branch may be the shorter one.
	let since = since.min(chain.best_number().await?);
	let mut watch = Watch::since(chain, since, [job.digest]).await?;
	let again = tokio::time::timeout(PATIENCE, committed(&mut watch)).await;
	let again = again.context("no second commitment")??;
	checks.check(
		again.1 != first.1,
		&format!(
			"re-org between commit and reveal: committed in block {}, and in another block {}",
			first.0, again.0
		),
	);

	// With Alice back, her branch may outgrow the other one in its turn: either will do.
	let alice = Peer::start(world, "alice").await?;
	alice.link(&bob).await?;
	alice.link(&provider).await?;
	let settled = async {
		while !watch.is_over() {
			watch.next_block().await?;
		}
		anyhow::Ok(())
	};
	tokio::time::timeout(PATIENCE, settled).await.context("no settlement after the re-org")??;
	let history = watch.history(&job.digest).cloned().unwrap_or_default();
	checks.check(
		history.settled_at.is_some(),
		&format!("re-org: revealed in block {}, settled", history.revealed_at.unwrap_or_default()),
	);
	Ok(())
}

/// Waits until a lease is final: two authorities may fork without anybody's help, and a block that
/// is left behind takes its lease with it for a while.
async fn settle_down(chain: &Chain, lease: u64) -> Result<()> {
	let mut blocks = chain.follow().await?;
	let mut opened = chain.best_number().await?;
	loop {
		if lease::of(chain, lease).await.is_err() {
			opened = chain.best_number().await? + 1;
		} else if chain.final_number().await? >= opened {
			return Ok(());
		}
		blocks.next().await?;
	}
}

/// The next block with a commitment.
async fn committed(watch: &mut Watch) -> Result<(u32, Hash)> {
	loop {
		let block = watch.next_block().await?;
		if block.events.iter().any(|event| event.name == "SlotCommitted") {
			return Ok((block.number, block.hash));
		}
	}
}

/// A node that speaks only to whom it is told.
struct Peer {
	node: Node,
	chain: Chain,
	base: PathBuf,
}

impl Peer {
	async fn start(world: &World, name: &str) -> Result<Self> {
		let (_, key) = KEYS.iter().find(|(of, _)| *of == name).context("no such node")?;
		let base = world.folder.join("reorg").join(name);
		let (key, spec) = (key.repeat(32), world.spec_of_two.display().to_string());
		let mut flags = vec!["--chain", &spec, "--node-key", &key, "--reserved-only"];
		let role = format!("--{name}");
		match name {
			"provider" => flags.extend(["--executor", "embedded", "--executor-threads", "1"]),
			_ => flags.extend([role.as_str(), "--validator", "--force-authoring"]),
		}
		let node = Node::start_with(&base, &flags).await?;
		let chain = Chain::connect(node.url()).await?;
		Ok(Self { node, chain, base })
	}

	/// Lets two nodes speak to each other.
	async fn link(&self, other: &Self) -> Result<()> {
		for (one, two) in [(self, other), (other, self)] {
			let address = json!(two.address().await?);
			one.chain.request("system_addReservedPeer", &[address]).await?;
		}
		Ok(())
	}

	async fn address(&self) -> Result<String> {
		let listens = self.chain.request("system_localListenAddresses", &[]).await?;
		let own = listens.as_array().into_iter().flatten().filter_map(Value::as_str);
		let mut local = own.filter(|address| address.starts_with("/ip4/127.0.0.1/tcp/"));
		Ok(local.next().context("the node listens nowhere")?.to_string())
	}
}

/// Waits until `one` has a better chain than `other`, to which it does not speak.
async fn outgrow(one: &Chain, other: &Chain) -> Result<()> {
	let wait = async {
		let theirs = other.best_number().await?;
		let mut common = theirs;
		while hash_of(one, common).await? != hash_of(other, common).await? {
			common = common.checked_sub(1).context("two chains")?;
		}
		let theirs = (primaries(other, common, theirs).await?, theirs);
		let mut blocks = one.follow().await?;
		loop {
			let ours = blocks.next().await?.number;
			if (primaries(one, common, ours).await?, ours) > theirs {
				return anyhow::Ok(());
			}
		}
	};
	tokio::time::timeout(PATIENCE, wait).await.context("the other branch did not outgrow")?
}

/// Blocks of a branch that were made by the lot and not by turns: those count first.
async fn primaries(chain: &Chain, after: u32, last: u32) -> Result<u32> {
	let mut count = 0;
	for number in after + 1..=last {
		let hash = hash_of(chain, number).await?.context("a block has gone")?;
		let header = chain.request("chain_getHeader", &[json!(hash)]).await?;
		let logs = header["digest"]["logs"].as_array().context("a header without digest")?;
		let Some(kind) = logs.iter().filter_map(Value::as_str).find_map(babe_kind) else {
			bail!("a block without a slot");
		};
		count += u32::from(kind == PRIMARY);
	}
	Ok(count)
}

/// Number of a primary slot among BABE's pre-digests.
const PRIMARY: u8 = 1;

/// The kind of slot that a digest item claims, if it claims one.
fn babe_kind(log: &str) -> Option<u8> {
	let bytes = hex::decode(log.strip_prefix("0x")?).ok()?;
	// A pre-runtime item is number 6; then engine, length in one byte or two, the claim.
	let claim = bytes.strip_prefix(b"\x06BABE")?;
	let skip = if claim.first()? & 3 == 0 { 1 } else { 2 };
	claim.get(skip).copied()
}

async fn hash_of(chain: &Chain, number: u32) -> Result<Option<String>> {
	let hash = chain.request("chain_getBlockHash", &[json!(number)]).await?;
	ensure!(hash.is_null() || hash.is_string(), "chain_getBlockHash answered {hash}");
	Ok(hash.as_str().map(str::to_string))
}

#[cfg(test)]
mod tests {
	use super::babe_kind;

	#[test]
	fn kinds_of_slots_are_told_apart() {
		// A secondary claim is 13 bytes long, or 117 with its proof; a primary one is 117.
		assert_eq!(babe_kind("0x064241424534020000000011223344"), Some(2));
		assert_eq!(babe_kind("0x0642414245b5010100000000"), Some(1));
		assert_eq!(babe_kind("0x0642414245b5010300000000"), Some(3));
		assert_eq!(babe_kind("0x054241424501"), None);
		assert_eq!(babe_kind("0x"), None);
	}
}
