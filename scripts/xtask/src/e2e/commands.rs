//! The node's subcommands, on the database that an end-to-end test has left.

use crate::{checks::Checks, node::Node, paths, stage::Cast};
use anyhow::{Context, Result};
use assay_client::{provider, Chain};
use serde_json::Value;
use std::{
	path::Path,
	process::{Output, Stdio},
};
use tokio::process::Command;

/// Blocks that are exported and imported again.
const BLOCKS: &str = "20";

pub(super) async fn run(base: &Path, checks: &Checks) -> Result<()> {
	let folder = tempfile::tempdir()?;
	let path = |name: &str| folder.path().join(name).display().to_string();
	let (base, copy, file) = (base.display().to_string(), path("copy"), path("blocks"));
	let on = |base: &str| ["--dev".to_string(), "--base-path".to_string(), base.to_string()];

	let exported = node(&["export-blocks", "--to", BLOCKS, "--binary", &file], &on(&base)).await?;
	let length = std::fs::metadata(&file).map_or(0, |file| file.len());
	checks.check(exported.status.success() && length > 0, "export-blocks: writes blocks");
	let imported = node(&["import-blocks", "--binary", &file], &on(&copy)).await?;
	let said = String::from_utf8_lossy(&imported.stderr).into_owned();
	checks.check(
		imported.status.success() && said.contains(BLOCKS),
		"import-blocks: a new database takes them, every block executed again",
	);
	let checked = node(&["check-block", BLOCKS], &on(&base)).await?;
	checks.check(checked.status.success(), "check-block: a block with all its calls holds");
	guards(Path::new(&base), checks).await?;
	revert(&on(&base), checks).await?;
	let purged = node(&["purge-chain", "-y"], &on(&copy)).await?;
	let again = node(&["check-block", BLOCKS], &on(&copy)).await?;
	checks.check(
		purged.status.success() && !again.status.success(),
		"purge-chain: the database is gone",
	);

	let spec = node(&["export-chain-spec", "--chain", "dev"], &[]).await?;
	let spec: Value = serde_json::from_slice(&spec.stdout).unwrap_or_default();
	checks.check(
		spec["properties"]["tokenSymbol"] == "ASY" && spec["properties"]["tokenDecimals"] == 12,
		"export-chain-spec: JSON with symbol and decimals",
	);
	let key = node(&["key", "generate", "--output-type", "json"], &[]).await?;
	let key: Value = serde_json::from_slice(&key.stdout).unwrap_or_default();
	checks.check(key["ss58Address"].is_string(), "key generate: a key as JSON");
	Ok(())
}

/// A node that the world can ask does nothing for it that concerns keys or the executor.
async fn guards(base: &Path, checks: &Checks) -> Result<()> {
	let node = Node::start_with(base, &["--dev", "--rpc-methods", "safe"]).await?;
	let chain = Chain::connect(node.url()).await?;
	let status = provider::executor_status(&chain).await.err();
	let key = provider::rotate_worker_key(&chain, &Cast::new()?.provider).await.err();
	for (method, error) in [("executorStatus", status), ("rotateWorkerKey", key)] {
		let said = error.map(|error| error.to_string()).unwrap_or_default();
		checks.check(
			said.contains("unsafe"),
			&format!("assay_{method} with --rpc-methods safe is refused: {said}"),
		);
	}
	node.kill().await
}

/// Best and final block of a database, by the node's own account.
async fn heads(on: &[String]) -> Result<(u64, u64)> {
	let shown = node(&["chain-info"], on).await?;
	let shown: Value = serde_json::from_slice(&shown.stdout).context("chain-info is no JSON")?;
	let number = |name: &str| shown[name].as_u64().with_context(|| format!("{name}: {shown}"));
	Ok((number("best_number")?, number("finalized_number")?))
}

async fn revert(on: &[String], checks: &Checks) -> Result<()> {
	let before = heads(on).await?;
	let reverted = node(&["revert", "1000"], on).await?;
	let after = heads(on).await?;
	checks.check(
		reverted.status.success() && before.0 > before.1 && after == (before.1, before.1),
		&format!("revert: {before:?} to {after:?}, best and final: it leaves what is final"),
	);
	Ok(())
}

async fn node(arguments: &[&str], more: &[String]) -> Result<Output> {
	Command::new(paths::sibling("assay-node")?)
		.args(arguments)
		.args(more)
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await
		.context("cannot run assay-node")
}
