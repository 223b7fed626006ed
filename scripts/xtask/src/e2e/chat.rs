//! `cargo xtask chat`: a real chat model, leased, streamed, settled. It has a chain of its own,
//! whose window is short for so much work.

use super::Assay;
use crate::{
	checks::Checks,
	net,
	node::Node,
	paths,
	stage::{self, Cast},
};
use anyhow::{Context, Result};
use assay_client::Chain;
use assay_models::smollm2;
use serde_json::{json, Value};
use std::path::Path;

/// Runs it.
pub(crate) async fn run() -> Result<()> {
	let root = paths::root()?;
	let folder = tempfile::Builder::new().prefix("assay-chat-").tempdir()?;
	let timing = json!({
		"duty_period": 20,
		"accept": 10,
		"commit_base": 20,
		"window_base": 4,
		"reveal_grace": 20,
		"min_rate": 10_000,
	});
	let spec = folder.path().join("chat.json");
	net::write_spec(folder.path(), "dev", &timing, &spec).await?;
	let spec = spec.display().to_string();
	let node = Node::start_with(folder.path(), &["--dev", "--chain", &spec]).await?;
	let checks = Checks::default();
	let outcome = talk(&root, &node, &checks).await;
	outcome.with_context(|| node.failure())?;
	checks.conclude()
}

async fn talk(root: &Path, node: &Node, checks: &Checks) -> Result<()> {
	let chain = Chain::connect(node.url()).await?;
	let cast = Cast::new()?;
	let say = |line: String| println!("        {line}");
	let imported =
		smollm2::import(&paths::smollm2(root)).context("cannot import the chat model")?;
	let offered = stage::provide(&chain, &node.executor_token()?, &cast, &imported, &say).await?;
	let lease = stage::lease(&chain, &cast, offered.offer, &say).await?.to_string();
	let assay = Assay { url: node.url().into(), program: paths::sibling("assay")? };
	let folder = paths::smollm2(root).display().to_string();
	let chat = ["chat", "--lease", &lease, "--model-folder", &folder];
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
	// One after the other: they take the account's next number from the chain.
	let (first, second) = (assay.run(&seeded).await?, assay.run(&seeded).await?);
	let tokens = |done: &(i32, Value)| done.1["tokens"].clone();
	checks.check(
		first.0 == 0 && second.0 == 0 && tokens(&first) == tokens(&second),
		&format!("chat --seed: the same tokens in two jobs: {}", first.1["text"]),
	);
	checks.check(first.1["job"] != second.1["job"], "chat --seed: two jobs all the same");
	refusals(&assay, &chat, checks).await
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
