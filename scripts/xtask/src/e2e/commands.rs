//! The node's subcommands, on the database that an end-to-end test has left.

use crate::{checks::Checks, paths};
use anyhow::{Context, Result};
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
	let reverted = node(&["revert", "1"], &on(&base)).await?;
	checks.check(reverted.status.success(), "revert: leaves what is final");
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
