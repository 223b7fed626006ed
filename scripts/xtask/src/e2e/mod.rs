//! `cargo xtask e2e`: a real node, spoken to by our library, by the `assay` command and by the
//! stock JavaScript client.

pub(crate) mod chat;
mod commands;
mod jobs;
mod newcomer;

use crate::{
	checks::Checks,
	compare,
	node::Node,
	paths, python,
	stage::{self, Cast},
};
use anyhow::{Context, Result};
use assay_client::{
	account::parse_digest,
	job::{self, Job},
	lease, model, provider, Chain, DataClient, Kind,
};
use assay_models::{input_blob, minilm, Tokenizer};
use assay_program::Parameters;
use serde_json::Value;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// Cosine to the float model below which an embedding is wrong.
const COSINE_MIN: f64 = 0.998;

/// Runs it.
pub(crate) async fn run() -> Result<()> {
	let root = paths::root()?;
	let folder = tempfile::Builder::new().prefix("assay-e2e-").tempdir()?;
	let node = Node::start(folder.path()).await?;
	let checks = Checks::default();
	let outcome = all(&root, &node, &checks).await;
	outcome.with_context(|| node.failure())?;
	node.kill().await?;
	commands::run(folder.path(), &checks).await?;
	checks.conclude()
}

async fn all(root: &Path, node: &Node, checks: &Checks) -> Result<()> {
	let chain = Chain::connect(node.url()).await?;
	let cast = Cast::new()?;
	let say = |line: String| println!("        {line}");
	let imported = stage::import(root)?;
	let offered = stage::provide(&chain, &node.executor_token()?, &cast, &imported, &say).await?;
	let lease = stage::lease(&chain, &cast, offered.offer, &say).await?;
	let assay = Assay { url: node.url().into(), program: paths::sibling("assay")? };
	let regulars = async {
		reads(&assay, lease, offered.model, checks).await?;
		let settled = embeds(root, &assay, checks).await?;
		refusals(&assay, checks).await?;
		library(root, &chain, &cast, lease, checks).await?;
		stranger(&chain, &cast, offered.offer, &settled, checks).await?;
		javascript(root, &chain, node, lease, checks).await?;
		// Last: the window of its long job outlives this test.
		jobs::run(root, &assay, &chain, &cast, lease, checks).await
	};
	// Two sets of accounts on one chain.
	tokio::try_join!(regulars, newcomer::run(root, node, &assay, checks)).map(drop)
}

/// The `assay` command.
struct Assay {
	url: String,
	program: std::path::PathBuf,
}

impl Assay {
	/// Runs it with `--json`; returns its exit code and what it printed.
	async fn run(&self, arguments: &[&str]) -> Result<(i32, Value)> {
		self.run_at(&self.url, arguments).await
	}

	async fn run_at(&self, url: &str, arguments: &[&str]) -> Result<(i32, Value)> {
		let output = Command::new(&self.program)
			.args(["--json", "--url", url])
			.args(arguments)
			.stdin(Stdio::null())
			.kill_on_drop(true)
			.output()
			.await
			.context("cannot run assay")?;
		let code = output.status.code().unwrap_or(-1);
		let printed = if code == 0 { &output.stdout } else { &output.stderr };
		let value = serde_json::from_slice(printed).with_context(|| {
			format!("`assay {}` printed {}", arguments.join(" "), String::from_utf8_lossy(printed))
		})?;
		Ok((code, value))
	}
}

async fn reads(assay: &Assay, lease: u64, model: u32, checks: &Checks) -> Result<()> {
	let (code, account) = assay.run(&["account", "show", "//Charlie"]).await?;
	let held: u128 = account["held"].as_str().unwrap_or_default().parse().unwrap_or(0);
	checks.check(code == 0 && held >= stage::ESCROW, "account show: the escrow is held");
	let (_, stake) = assay.run(&["stake", "show", "//Bob"]).await?;
	checks.check(stake["bond"]["active"].is_number(), "stake show: Bob has a bond");
	let (_, shown) = assay.run(&["provider", "show", "//Bob"]).await?;
	checks.check(shown["provider"]["alive"] == true, "provider show: Bob is alive");
	let (_, leases) = assay.run(&["lease", "list"]).await?;
	checks.check(leases["as_tenant"][0]["id"] == lease, "lease list: Charlie's lease");
	let (_, shown) = assay.run(&["model", "show", &model.to_string()]).await?;
	checks.check(shown["program"].is_string(), "model show: the program's digest");
	let (_, listed) = assay.run(&["model", "list"]).await?;
	checks.check(listed["models"][0]["id"] == model, "model list: the model");
	let (_, offers) = assay.run(&["lease", "offers", "--provider", "//Bob"]).await?;
	checks.check(offers["offers"].as_array().map(Vec::len) == Some(1), "lease offers: one");
	Ok(())
}

/// Returns the digest of a settled job.
async fn embeds(root: &Path, assay: &Assay, checks: &Checks) -> Result<String> {
	let texts = ["The harbour was quiet at dawn.", "At daybreak nothing moved in the port."];
	let folder = paths::minilm(root);
	let folder = folder.to_str().context("the model's path is not UTF-8")?;
	let arguments = ["embed", "--model-folder", folder, "--text", texts[0], "--text", texts[1]];
	let (code, done) = assay.run(&arguments).await?;
	checks.check(code == 0, "embed ends well");
	let vectors: Vec<Vec<f32>> = serde_json::from_value(done["embeddings"].clone())?;
	let float = python::float_reference(root, &texts.map(str::to_string)).await?;
	let (_, min) = compare::agreement(&vectors, &float);
	checks.check(min >= COSINE_MIN, &format!("embed: cosine to the float model is {min:.5}"));
	let jobs = done["jobs"].as_array().map_or(0, Vec::len);
	checks.check(jobs == 2, "embed: two jobs");
	let receipts = done["receipts"].as_array().cloned().unwrap_or_default();
	let named = receipts.iter().zip(done["jobs"].as_array().into_iter().flatten());
	let matching = named.filter(|(receipt, job)| receipt["job"] == **job).count();
	checks.check(matching == 2, "embed: two receipts, each of its job");
	Ok(done["jobs"][0].as_str().context("embed: no job")?.into())
}

/// Every way to go wrong has its exit code, its cause and its next step.
async fn refusals(assay: &Assay, checks: &Checks) -> Result<()> {
	let long = "word ".repeat(600);
	let cases: [(&str, &[&str], i32); 7] = [
		("a lease that is not there", &["lease", "show", "4000000000"], 4),
		("an amount that is none", &["account", "transfer", "//Bob", "1.2.3"], 2),
		("an address that is none", &["account", "show", "5Grw"], 2),
		("a text over the model's length", &["embed", "--text", &long], 2),
		("a text that is empty", &["embed", "--text", ""], 2),
		("a withdrawal of nothing", &["stake", "withdraw"], 4),
		("money that is not there", &["account", "transfer", "//Bob", "99999999999"], 4),
	];
	for (what, arguments, expected) in cases {
		let (code, error) = assay.run(arguments).await?;
		let said = error["error"].as_str().unwrap_or_default().to_string();
		checks.check(code == expected, &format!("{what}: exit code {code}, \"{said}\""));
	}
	let (code, error) = assay.run_at("ws://127.0.0.1:1", &["account", "show"]).await?;
	checks.check(code == 3 && error["next"].is_string(), "no node: exit code 3, and a next step");
	Ok(())
}

/// What only the library can do wrong: replays, foreign requests, inputs of a wrong shape.
async fn library(
	root: &Path,
	chain: &Chain,
	cast: &Cast,
	lease: u64,
	checks: &Checks,
) -> Result<()> {
	let lease = lease::of(chain, lease).await?;
	let model = model::of(chain, lease.model).await?;
	let tenant = &cast.tenant;
	let tokenizer = Tokenizer::from_file(&paths::minilm(root).join(minilm::TOKENIZER_FILE))?;
	let (input, parameters) = input_blob(&[tokenizer.encode("Replay me.")?]);
	let nonce = job::next_nonce(chain, &tenant.id()).await?;
	let old =
		Job::new(&chain.genesis(), &lease, &model, input.clone(), parameters.clone(), nonce - 1);
	let error = old.send(chain, tenant).await?.included().await.err();
	let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
	checks.check(
		error.is_some_and(|e| e.kind() == Kind::Refused && e.message().contains("Jobs::")),
		&format!("a settled job's nonce is refused: {said}"),
	);
	let mut short = input.clone();
	short.truncate(input.len() - 4);
	let wrong = Job::new(&chain.genesis(), &lease, &model, short, parameters, nonce);
	let error = wrong.send(chain, tenant).await?.included().await.err();
	let refused = error.is_some_and(|e| e.kind() == Kind::Refused);
	checks.check(refused, "an input of another length than its shape is refused");
	let huge = Parameters::encoder(1_000_000, 1);
	let wrong = Job::new(&chain.genesis(), &lease, &model, input, huge, nonce);
	let error = wrong.send(chain, tenant).await?.included().await.err();
	let refused = error.is_some_and(|e| e.kind() == Kind::Refused);
	checks.check(refused, "a shape over the program's limits is refused");
	Ok(())
}

/// A tenant of the same provider does not get the output of another's job; who submitted it does.
async fn stranger(
	chain: &Chain,
	cast: &Cast,
	offer: u64,
	settled: &str,
	checks: &Checks,
) -> Result<()> {
	let digest = parse_digest(settled)?;
	let (lease, _) = lease::open(chain, &cast.owner, &stage::opening(offer)).await?;
	let provider = lease::of(chain, lease).await?.provider;
	let endpoint = provider::of(chain, &provider).await?.context("no provider")?.endpoint;
	let own = DataClient::new(chain, &cast.tenant, &endpoint)?.output(&digest).await;
	checks.check(own.is_ok(), &format!("the tenant gets the output of {settled} again"));
	let stranger = DataClient::new(chain, &cast.owner, &endpoint)?;
	// The executor hears of the new lease with one of the next blocks.
	let answer = tokio::time::timeout(Duration::from_secs(30), stranger.output(&digest)).await;
	let error = answer.context("no answer to a stranger")?.err();
	let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
	checks.check(
		error.is_some_and(|e| e.kind() == Kind::Refused && e.message().contains("job_foreign")),
		&format!("another tenant of the provider does not: {said}"),
	);
	Ok(())
}

async fn javascript(
	root: &Path,
	chain: &Chain,
	node: &Node,
	lease: u64,
	checks: &Checks,
) -> Result<()> {
	let tokenizer = Tokenizer::from_file(&paths::minilm(root).join(minilm::TOKENIZER_FILE))?;
	let (input, parameters) = input_blob(&[tokenizer.encode("JavaScript was here.")?]);
	let before = chain.best_number().await?;
	let status = Command::new("node")
		.arg(root.join("scripts/js/e2e.mjs"))
		.args(["--url", node.url(), "--lease", &lease.to_string()])
		.args(["--input", &format!("0x{}", hex::encode(&input))])
		.args(["--sequence", &parameters.sequence.to_string()])
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.status()
		.await
		.context("cannot run node")?;
	checks.check(status.success(), &format!("the JavaScript client, from block {before} on"));
	Ok(())
}
