//! The `assay job` commands against a node: an input that travels with its job, and one that is too
//! long for that.

use super::Assay;
use crate::{
	checks::Checks,
	paths,
	stage::{self, Cast},
};
use anyhow::{Context, Result};
use assay_client::{
	account::hex32,
	job::{Watch, INLINE_BYTES_MAX},
	lease, provider, Chain, DataClient,
};
use assay_models::{input_blob, minilm, Tokenizer};
use std::{path::Path, time::Duration};

/// Time for the long input to be computed and revealed.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows of the long input, and the words of each.
const ROWS: usize = 40;
const WORDS: usize = 120;

pub(super) async fn run(
	root: &Path,
	assay: &Assay,
	chain: &Chain,
	cast: &Cast,
	lease: u64,
	checks: &Checks,
) -> Result<()> {
	let tokenizer = Tokenizer::from_file(&paths::minilm(root).join(minilm::TOKENIZER_FILE))?;
	inline(assay, chain, &tokenizer, lease, checks).await?;
	stored(chain, cast, &tokenizer, lease, checks).await
}

/// Submitted, waited for and fetched with the command alone.
async fn inline(
	assay: &Assay,
	chain: &Chain,
	tokenizer: &Tokenizer,
	lease: u64,
	checks: &Checks,
) -> Result<()> {
	let folder = tempfile::tempdir()?;
	let (input, parameters) = input_blob(&[tokenizer.encode("By hand.")?]);
	let path = |name: &str| folder.path().join(name).display().to_string();
	std::fs::write(path("input"), &input)?;
	let (lease, sequence) = (lease.to_string(), parameters.sequence.to_string());
	let since = chain.best_number().await?.to_string();
	let (file, to) = (path("input"), path("output"));
	let submit = ["job", "submit", "--lease", &lease, "--input", &file, "--sequence", &sequence];
	let (code, done) = assay.run(&[&submit[..], &["--to", &to]].concat()).await?;
	let digest = done["job"].as_str().unwrap_or_default().to_string();
	let bytes = std::fs::read(&to).unwrap_or_default();
	checks.check(code == 0 && !bytes.is_empty(), &format!("job submit: {} bytes", bytes.len()));

	let (code, waited) = assay.run(&["job", "wait", &digest, "--since", &since]).await?;
	checks.check(
		code == 0 && waited["history"]["settled_at"].is_number(),
		"job wait --since: finds a job that has ended",
	);
	let (code, _) = assay.run(&["job", "wait", &digest]).await?;
	checks.check(code == 4, "job wait: says that no such job is open");
	let (code, _) = assay.run(&["job", "finish", &digest]).await?;
	checks.check(code == 4, "job finish: nothing is due of a job that has ended");

	let again = path("again");
	let output = ["job", "output", &digest, "--lease", &lease, "--to", &again];
	let (code, _) = assay.run(&[&output[..], &["--since", &since]].concat()).await?;
	checks.check(
		code == 0 && std::fs::read(&again).unwrap_or_default() == bytes,
		"job output: the same bytes, checked against the chain",
	);
	let wrong = hex32(&[7; 32]);
	let (code, _) = assay.run(&[&output[..], &["--expect", &wrong]].concat()).await?;
	checks.check(code == 5, "job output --expect: another digest is refused");
	Ok(())
}

/// Too long for the call: it goes to the provider's data listener first. Its window lasts as long
/// as the job is large, so the settlement is not waited for.
async fn stored(
	chain: &Chain,
	cast: &Cast,
	tokenizer: &Tokenizer,
	lease: u64,
	checks: &Checks,
) -> Result<()> {
	lease::top_up(chain, &cast.tenant, lease, stage::ESCROW).await?;
	let lease = lease::of(chain, lease).await?;
	let rows = vec![tokenizer.encode(&"harbour ".repeat(WORDS))?; ROWS];
	let job = stage::job(chain, &lease, &rows).await?;
	checks.check(
		job.is_stored(),
		&format!("an input of {} bytes does not fit {INLINE_BYTES_MAX}", job.input.len()),
	);
	let endpoint = provider::of(chain, &lease.provider).await?.context("no provider")?.endpoint;
	let data = DataClient::new(chain, &cast.tenant, &endpoint)?;
	data.put_input(&job.request.input, &job.input).await?;
	let mut watch = Watch::new(chain, [job.digest]).await?;
	job.send(chain, &cast.tenant).await?.included().await?;
	let revealed = async {
		loop {
			watch.next_block().await?;
			let history = watch.history(&job.digest).cloned().unwrap_or_default();
			if let Some(output) = history.output {
				return anyhow::Ok(output);
			}
			anyhow::ensure!(history.expired.is_none(), "the job expired: {:?}", history.expired);
		}
	};
	let output = tokio::time::timeout(PATIENCE, revealed).await.context("no reveal in time")??;
	let outcome = data.output(&job.digest).await?;
	checks.check(
		outcome.digest() == output,
		&format!("a stored input of {ROWS} rows: computed, fetched, as revealed"),
	);
	let escrow = lease::of(chain, lease.id).await?;
	checks.check(
		escrow.reserved > 0 && escrow.free + escrow.reserved == lease.free + lease.reserved,
		"its price stays reserved until its window is over",
	);
	Ok(())
}
