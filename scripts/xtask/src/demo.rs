//! `cargo xtask demo`: the main job, shown.

use crate::{
	compare,
	node::Node,
	paths, python,
	stage::{self, Cast, Offered},
};
use anyhow::{ensure, Context, Result};
use assay_client::{
	account::hex32,
	amount,
	embed::{self, Embedded, Embedder, Step},
	transfer, Chain,
};
use assay_models::{minilm, Tokenizer};
use serde_json::json;
use std::{
	path::Path,
	time::{Duration, Instant},
};

/// The smallest cosine to the float model with which the demo succeeds.
const COSINE_MIN: f64 = 0.998;
/// Most blocks from a submission to its reveal, in the median: acceptance travels with the
/// commitment, and the reveal waits until that is final.
const BLOCKS_TO_REVEAL: u32 = 6;
/// Time for all jobs to be settled.
const PATIENCE: Duration = Duration::from_secs(300);
/// What the model is called where it is published.
const MODEL: &str = "all-MiniLM-L6-v2";

/// Figures of a run.
struct Figures {
	embedded: Vec<Embedded>,
	backend: String,
	block_seconds: f64,
	/// Jobs whose answer came only after the chain had its reveal.
	late_answers: usize,
	mean_cosine: f64,
	min_cosine: f64,
}

/// Runs it.
pub(crate) async fn run(json: bool) -> Result<()> {
	let started = Instant::now();
	let root = paths::root()?;
	let sentences = sentences(&root)?;
	let folder = tempfile::Builder::new().prefix("assay-demo-").tempdir()?;
	let say = |line: String| println!("[{:>5.1} s] {line}", started.elapsed().as_secs_f64());
	say(format!("starting a development chain in {}", folder.path().display()));
	let node = Node::start(folder.path()).await?;
	let figures = match play(&root, &node, &sentences, &say).await {
		Ok(figures) => figures,
		// The folder goes with this process, so the log is shown now.
		Err(error) => return Err(error.context(node.failure())),
	};
	let settled = figures.embedded.iter().filter(|e| e.history.settled_at.is_some()).count();
	let seconds_total = started.elapsed().as_secs_f64();
	conclude(&figures, &sentences, seconds_total);
	if json {
		println!("{}", summary(&figures, settled, seconds_total));
	}
	ensure!(settled == sentences.len(), "{settled} of {} jobs settled", sentences.len());
	ensure!(
		figures.min_cosine >= COSINE_MIN,
		"the smallest cosine is {:.5}, below {COSINE_MIN}",
		figures.min_cosine
	);
	ensure!(
		to_reveal(&figures).is_some_and(|blocks| blocks <= BLOCKS_TO_REVEAL),
		"{} blocks from submission to reveal in the median, more than {BLOCKS_TO_REVEAL}",
		optional(to_reveal(&figures))
	);
	ensure!(
		figures.late_answers == 0,
		"{} answers came only after their reveal: the provider's data listener was late",
		figures.late_answers
	);
	Ok(())
}

/// The sentences that the repository ships for this.
pub(crate) fn sentences(root: &Path) -> Result<Vec<String>> {
	let file = root.join("kernels/models/corpus/demo.txt");
	let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
	let sentences: Vec<String> =
		text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_string).collect();
	ensure!(!sentences.is_empty(), "{} is empty", file.display());
	Ok(sentences)
}

async fn play(
	root: &Path,
	node: &Node,
	sentences: &[String],
	say: &dyn Fn(String),
) -> Result<Figures> {
	let chain = Chain::connect(node.url()).await?;
	say(format!("node at {}, genesis {}", node.url(), hex32(&chain.genesis())));
	let cast = Cast::new()?;
	let imported = stage::import(root)?;
	say(format!("imported {MODEL} from its published float weights"));
	let offered = stage::provide(&chain, &node.executor_token()?, &cast, &imported, say).await?;
	let lease = stage::lease(&chain, &cast, offered.offer, say).await?;
	let before = balances(&chain, &cast).await?;
	let (embedded, block_seconds, late_answers) =
		submit(root, &chain, &cast, lease, sentences, say).await?;
	tell_money(&chain, &cast, before, &embedded, say).await?;
	say("computing the same sentences with the float model, in Python".into());
	let float = python::float_reference(root, sentences).await?;
	let vectors: Vec<Vec<f32>> = embedded.iter().map(|e| e.embedding.clone()).collect();
	let (mean_cosine, min_cosine) = compare::agreement(&vectors, &float);
	let Offered { backend, .. } = offered;
	Ok(Figures { embedded, backend, block_seconds, late_answers, mean_cosine, min_cosine })
}

async fn submit(
	root: &Path,
	chain: &Chain,
	cast: &Cast,
	lease: u64,
	sentences: &[String],
	say: &dyn Fn(String),
) -> Result<(Vec<Embedded>, f64, usize)> {
	let tokenizer = Tokenizer::from_file(&paths::minilm(root).join(minilm::TOKENIZER_FILE))?;
	let embedder = Embedder::new(chain, &cast.tenant, Some(lease)).await?;
	let begun = Instant::now();
	let mut submitted = 0;
	let mut answered = 0;
	let mut late = 0;
	let mut blocks: Vec<(u32, Instant)> = Vec::new();
	let total = sentences.len();
	let work = embedder.embed(&tokenizer, sentences, |step| match step {
		Step::Submitted(_) => {
			submitted += 1;
			if submitted == total {
				say(format!("{total} jobs are in blocks"));
			}
		},
		Step::Answered(_) => {
			answered += 1;
			if answered == total {
				say(format!(
					"all answers are here, {:.1} s after the first submission",
					begun.elapsed().as_secs_f64()
				));
			}
		},
		Step::Block { number, revealed, settled } => {
			blocks.push((number, Instant::now()));
			late = late.max(revealed.saturating_sub(answered));
			say(format!("block {number}: {revealed} of {total} revealed, {settled} settled"));
		},
	});
	let embedded = tokio::time::timeout(PATIENCE, work)
		.await
		.with_context(|| format!("not settled after {} s", PATIENCE.as_secs()))??;
	let block_seconds = match (blocks.first(), blocks.last()) {
		(Some(first), Some(last)) if last.0 > first.0 => {
			(last.1 - first.1).as_secs_f64() / f64::from(last.0 - first.0)
		},
		_ => f64::NAN,
	};
	Ok((embed::complete(embedded)?, block_seconds, late))
}

/// What provider, model owner and tenant have in all, in this order.
async fn balances(chain: &Chain, cast: &Cast) -> Result<[u128; 3]> {
	let mut all = [0; 3];
	for (sum, account) in all.iter_mut().zip([&cast.provider, &cast.owner, &cast.tenant]) {
		let balance = transfer::balance(chain, &account.id()).await?;
		*sum = balance.free + balance.held;
	}
	Ok(all)
}

async fn tell_money(
	chain: &Chain,
	cast: &Cast,
	before: [u128; 3],
	embedded: &[Embedded],
	say: &dyn Fn(String),
) -> Result<()> {
	let after = balances(chain, cast).await?;
	let names = ["the provider (Bob)", "the model's owner (Alice)", "the tenant (Charlie)"];
	for ((name, before), after) in names.iter().zip(before).zip(after) {
		let (word, by) =
			if after >= before { ("gained", after - before) } else { ("spent", before - after) };
		say(format!("{name} {word} {}", amount::format(by)));
	}
	let mut kinds = std::collections::BTreeMap::<&str, u128>::new();
	for (kind, planck) in embedded.iter().flat_map(|e| &e.history.paid) {
		*kinds.entry(kind).or_default() += planck;
	}
	for (kind, planck) in kinds {
		say(format!("  paid out of the escrow for {kind}: {}", amount::format(planck)));
	}
	Ok(())
}

fn conclude(figures: &Figures, sentences: &[String], seconds: f64) {
	println!("\nNearest sentences, by the embeddings that were settled on chain:");
	let vectors: Vec<Vec<f32>> = figures.embedded.iter().map(|e| e.embedding.clone()).collect();
	for (i, j, cosine) in compare::nearest_pairs(&vectors).into_iter().take(5) {
		println!("  {cosine:.3}  {}\n         {}", sentences[i], sentences[j]);
	}
	println!(
		"\nAgainst the float model: cosine {:.5} on average, {:.5} at worst.",
		figures.mean_cosine, figures.min_cosine
	);
	println!(
		"Blocks from submission, median: {} to the reveal, {} to the settlement.",
		optional(to_reveal(figures)),
		optional(to_settle(figures))
	);
	println!("Paid: {}. Total time: {seconds:.0} s.", amount::format(paid(figures)));
}

fn optional(number: Option<u32>) -> String {
	number.map_or_else(|| "?".into(), |n| n.to_string())
}

fn to_reveal(figures: &Figures) -> Option<u32> {
	compare::median(
		figures
			.embedded
			.iter()
			.filter_map(|e| e.history.revealed_at?.checked_sub(e.history.submitted_at?))
			.collect(),
	)
}

fn to_settle(figures: &Figures) -> Option<u32> {
	compare::median(
		figures
			.embedded
			.iter()
			.filter_map(|e| e.history.settled_at?.checked_sub(e.history.submitted_at?))
			.collect(),
	)
}

fn paid(figures: &Figures) -> u128 {
	figures.embedded.iter().map(|e| e.history.price()).sum()
}

fn summary(figures: &Figures, settled: usize, seconds_total: f64) -> serde_json::Value {
	let rounded = |x: f64, digits: i32| {
		let scale = 10f64.powi(digits);
		(x * scale).round() / scale
	};
	json!({
		"model": MODEL,
		"backend": figures.backend,
		"jobs": figures.embedded.len(),
		"settled": settled,
		"mean_cosine": rounded(figures.mean_cosine, 6),
		"min_cosine": rounded(figures.min_cosine, 6),
		"blocks_to_reveal_median": to_reveal(figures),
		"blocks_to_settle_median": to_settle(figures),
		"block_seconds": rounded(figures.block_seconds, 2),
		// In ASY, exact to the planck at these amounts.
		"paid": paid(figures) as f64 / amount::ASY as f64,
		"seconds_total": rounded(seconds_total, 1),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_summary_has_what_is_promised() {
		let figures = Figures {
			embedded: Vec::new(),
			backend: "cpu".into(),
			block_seconds: 2.999,
			late_answers: 0,
			mean_cosine: 0.999_612_34,
			min_cosine: 0.999_5,
		};
		let summary = summary(&figures, 0, 12.34);
		let mut keys: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
		keys.sort_unstable();
		let promised = [
			"backend",
			"block_seconds",
			"blocks_to_reveal_median",
			"blocks_to_settle_median",
			"jobs",
			"mean_cosine",
			"min_cosine",
			"model",
			"paid",
			"seconds_total",
			"settled",
		];
		assert_eq!(keys, promised);
		assert_eq!(summary["block_seconds"], 3.0);
		assert_eq!(summary["mean_cosine"], 0.999_612);
	}
}
