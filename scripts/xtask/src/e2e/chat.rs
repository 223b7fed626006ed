//! `assay chat` against a node: a real chat model, leased, streamed, settled.

use super::Assay;
use crate::{
	checks::Checks,
	node::Node,
	paths,
	stage::{self, Cast},
};
use anyhow::{Context, Result};
use assay_client::{
	amount::ASY,
	lease::{self, Terms},
	model, provider, Account, Chain, Executor,
};
use assay_models::smollm2;
use assay_program::merkle;
use serde_json::Value;
use std::path::Path;

/// Who talks: an account that does nothing else on this chain.
const TENANT: &str = "//Ferdie";
/// Price of a compute unit; a token of this model takes about 150.
const PRICE_PER_UNIT: u128 = ASY / 100_000;

pub(super) async fn run(
	root: &Path,
	node: &Node,
	assay: &Assay,
	chain: &Chain,
	cast: &Cast,
	checks: &Checks,
) -> Result<()> {
	let lease = lease_model(root, node, chain, cast).await?;
	let folder = paths::smollm2(root).display().to_string();
	let chat = ["--suri", TENANT, "chat", "--lease", &lease, "--model-folder", &folder];

	let question = "What is the capital of France?";
	let (code, done) =
		assay.run(&with(&chat, &["--prompt", question, "--max-tokens", "8"])).await?;
	let said = done["text"].as_str().unwrap_or_default();
	checks.check(code == 0 && said.contains("Paris"), &format!("chat: \"{said}\""));
	let count = done["tokens"].as_array().map_or(0, Vec::len);
	let receipt = &done["receipt"];
	checks.check(
		count > 0 && receipt["count"] == count && receipt["job"] == done["job"],
		&format!("chat: {count} tokens, and a receipt for as many: {receipt}"),
	);

	// The same seed draws the same tokens in another job; another seed need not.
	let drawn = ["--prompt", "Name a colour.", "--max-tokens", "6", "--temperature", "1.5"];
	let seeded = with(&with(&chat, &drawn), &["--seed", "7"]);
	let (first, second) = tokio::try_join!(assay.run(&seeded), assay.run(&seeded))?;
	let tokens = |done: &(i32, Value)| done.1["tokens"].clone();
	checks.check(
		first.0 == 0 && second.0 == 0 && tokens(&first) == tokens(&second),
		&format!("chat --seed: the same tokens in two jobs: {}", first.1["text"]),
	);
	checks.check(first.1["job"] != second.1["job"], "chat --seed: two jobs all the same");
	refusals(assay, &chat, checks).await
}

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
	[first, more].concat()
}

/// Everything absurd is told before a job is sent.
async fn refusals(assay: &Assay, chat: &[&str], checks: &Checks) -> Result<()> {
	let long = "word ".repeat(3_000);
	let cases: [(&str, &[&str]); 4] = [
		("a prompt longer than the context", &["--prompt", &long]),
		("a temperature that is none", &["--prompt", "x", "--temperature", "-1"]),
		(
			"a share of more than everything",
			&["--prompt", "x", "--temperature", "1", "--top-p", "2"],
		),
		("more tokens than the model makes", &["--prompt", "x", "--max-tokens", "100000"]),
	];
	for (what, arguments) in cases {
		let (code, error) = assay.run(&[chat, arguments].concat()).await?;
		let said = error["error"].as_str().unwrap_or_default();
		checks.check(code == 2, &format!("chat: {what}: exit code {code}, \"{said}\""));
	}
	Ok(())
}

/// Brings the model to the provider, registers and offers it, and leases it; returns the lease.
async fn lease_model(root: &Path, node: &Node, chain: &Chain, cast: &Cast) -> Result<String> {
	let imported =
		smollm2::import(&paths::smollm2(root)).context("cannot import the chat model")?;
	let status = provider::executor_status(chain).await?;
	let executor = Executor::new(&status.url, &node.executor_token()?)?;
	stage::hold(&executor, &imported).await?;
	let tenant = Account::from_suri(TENANT)?;
	let weights = merkle::blob(&imported.weights);
	let (model, _) = model::register(chain, &tenant, &imported.program_bytes, &weights, 0).await?;
	let terms = Terms {
		price_per_unit: PRICE_PER_UNIT,
		rate_units_per_block: 1_000_000,
		duration_blocks_max: 1_200,
		min_escrow: ASY,
		risk_factor_max: 10,
	};
	let (offer, _) = lease::create_offer(chain, &cast.provider, model, &terms).await?;
	let (lease, _) = lease::open(chain, &tenant, offer, 10 * ASY, 1_200, PRICE_PER_UNIT).await?;
	Ok(lease.to_string())
}
