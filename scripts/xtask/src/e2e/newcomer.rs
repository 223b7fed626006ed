//! A second provider on the same node, and its tenant, by the `assay` command alone: from the first
//! coin bonded to the last call of a provider that leaves.

use super::Assay;
use crate::{checks::Checks, node::Node, paths};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

const PROVIDER: &str = "//Dave";
const TENANT: &str = "//Eve";
/// Price of a compute unit, in ASY.
const PRICE: &str = "0.002";

/// The command, as one account uses it.
struct As<'a> {
	assay: &'a Assay,
	suri: &'a str,
	checks: &'a Checks,
}

impl As<'_> {
	/// Runs a command that must end well, and returns what it printed.
	async fn does(&self, arguments: &[&str]) -> Result<Value> {
		let (code, done) = self.assay.run(&[&["--suri", self.suri], arguments].concat()).await?;
		let words = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
		self.checks.check(code == 0, &format!("{}: {words}", self.suri));
		anyhow::ensure!(code == 0, "`assay {}` as {}: {done}", arguments.join(" "), self.suri);
		Ok(done)
	}
}

/// A number that a command printed, as an argument for the next.
fn number(value: &Value, name: &str) -> Result<String> {
	value[name].as_u64().map(|n| n.to_string()).with_context(|| format!("no {name} in {value}"))
}

pub(super) async fn run(root: &Path, node: &Node, assay: &Assay, checks: &Checks) -> Result<()> {
	let provider = As { assay, suri: PROVIDER, checks };
	let tenant = As { assay, suri: TENANT, checks };
	tenant.does(&["account", "transfer", PROVIDER, "10"]).await?;
	provider.does(&["stake", "bond", "1000"]).await?;
	provider.does(&["stake", "unbond", "10"]).await?;
	provider.does(&["stake", "rebond", "4"]).await?;
	let bond = provider.does(&["stake", "show"]).await?;
	let chunks = bond["bond"]["unbonding"].as_array().map_or(0, Vec::len);
	checks.check(chunks == 1, "stake show: one part is leaving");
	provider.does(&["provider", "register"]).await?;

	let model = register(root, node, &provider).await?;
	let offer = provider.does(&["lease", "offer", "--model", &model, "--price", "0.003"]).await?;
	let offer = number(&offer, "offer")?;
	provider.does(&["lease", "update-offer", &offer, "--price", PRICE]).await?;
	let lease = tenant.does(&["lease", "open", "--offer", &offer, "--escrow", "20"]).await?;
	let lease = number(&lease, "lease")?;
	tenant.does(&["lease", "top-up", &lease, "5"]).await?;
	embed(root, &tenant, &provider, &lease, checks).await?;
	leave(&provider, &tenant, &lease, &offer, &model).await
}

/// Imports, uploads and registers the model; returns its id.
async fn register(root: &Path, node: &Node, provider: &As<'_>) -> Result<String> {
	let folder = tempfile::tempdir()?;
	let (from, to) = (paths::minilm(root), folder.path());
	let path = |path: &Path| path.display().to_string();
	let token = path(&node.executor_token()?);
	let done =
		provider.does(&["model", "import", "--from", &path(&from), "--to", &path(to)]).await?;
	let file = |name: &str| done[name].as_str().with_context(|| format!("no {name} in {done}"));
	let files = ["--program", file("program_file")?, "--weights", file("weights_file")?];
	let upload = [&["model", "upload"], &files[..], &["--executor-token-file", &token]].concat();
	provider.does(&upload).await?;
	let done = [&["model", "register"], &files[..], &["--royalty", "0.0001"]].concat();
	let model = number(&provider.does(&done).await?, "model")?;
	provider.does(&["model", "set-terms", &model, "--royalty", "0.0002"]).await?;
	refused(provider, folder.path(), [files[1], files[3]]).await?;
	Ok(model)
}

/// Files that are no program, or are cut short: an error with its cause, and nothing on chain.
async fn refused(provider: &As<'_>, folder: &Path, [program, weights]: [&str; 2]) -> Result<()> {
	let file = folder.join("broken");
	std::fs::write(&file, b"this is no program")?;
	let broken = file.display().to_string();
	let register = ["model", "register", "--program", &broken, "--weights", weights];
	let arguments = [&["--suri", PROVIDER], &register[..]].concat();
	let (code, error) = provider.assay.run(&arguments).await?;
	let said = error["error"].as_str().unwrap_or_default();
	provider.checks.check(code == 4, &format!("a file that is no program is refused: {said}"));
	let short = folder.join("short");
	std::fs::write(&short, &std::fs::read(weights)?[..4_096])?;
	let short = short.display().to_string();
	let cut = ["model", "register", "--program", program, "--weights", &short];
	let arguments = [&["--suri", PROVIDER], &cut[..]].concat();
	let (code, error) = provider.assay.run(&arguments).await?;
	let said = error["error"].as_str().unwrap_or_default();
	let next = error["next"].is_string();
	provider.checks.check(code == 1 && next, &format!("weights that are cut short: {said}"));
	let missing = ["model", "register", "--program", "/nowhere", "--weights", weights];
	let (code, error) = provider.assay.run(&missing).await?;
	let told = error["next"].is_string();
	provider.checks.check(code == 1 && told, "a file that is not there: exit code 1, a next step");
	Ok(())
}

async fn embed(
	root: &Path,
	tenant: &As<'_>,
	provider: &As<'_>,
	lease: &str,
	checks: &Checks,
) -> Result<()> {
	let folder = paths::minilm(root).display().to_string();
	let text = ["--text", "Two providers, one node."];
	let arguments = [&["embed", "--lease", lease, "--model-folder", &folder], &text[..]].concat();
	let done = tenant.does(&arguments).await?;
	let shown = provider.does(&["account", "show"]).await?;
	let receipt = &done["receipts"][0];
	checks.check(
		receipt["provider"] == shown["public_key"] || receipt["provider"] == shown["address"],
		&format!("the second provider's key signed the receipt: {}", receipt["provider"]),
	);
	let job = done["jobs"][0].as_str().unwrap_or_default();
	let (code, _) = tenant.assay.run(&["job", "show", job]).await?;
	checks.check(code == 4, "job show: a settled job is gone");
	Ok(())
}

/// Everything is ended in order; what it bound is free again.
async fn leave(
	provider: &As<'_>,
	tenant: &As<'_>,
	lease: &str,
	offer: &str,
	model: &str,
) -> Result<()> {
	provider.does(&["provider", "update", "--devices"]).await?;
	provider.does(&["provider", "rotate-worker"]).await?;
	provider.does(&["provider", "drain"]).await?;
	provider.does(&["provider", "resume"]).await?;
	tenant.does(&["lease", "close", lease]).await?;
	provider.does(&["lease", "close-offer", offer]).await?;
	provider.does(&["provider", "leave"]).await?;
	let shown = provider.does(&["provider", "show"]).await?;
	provider.checks.check(shown["provider"].is_null(), "provider show: it has left");
	provider.does(&["stake", "unbond", "994"]).await?;
	provider.does(&["model", "transfer", model, TENANT]).await?;
	tenant.does(&["model", "retire", model]).await?;
	let listed = tenant.does(&["lease", "list"]).await?;
	let none = listed["as_tenant"].as_array().is_some_and(Vec::is_empty);
	tenant.checks.check(none, "lease list: a lease that was closed without open jobs is gone");
	Ok(())
}
