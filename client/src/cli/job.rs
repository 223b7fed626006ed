//! `assay job`.

use super::Context;
use assay_client::{
	account::{hex32, parse_digest},
	job::{self, Claims, History, Watch},
	lease, model,
	provider::{self},
	DataClient, Deadline, Error, Kind, Result,
};
use assay_program::{Hash, Outcome, Parameters};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
	/// Submit an input and wait for its result and receipt.
	Submit(Submit),
	/// Show an open job. Settled jobs leave the chain's state; their receipts are events.
	Show {
		/// The job digest.
		job: String,
	},
	/// Wait until a job ends.
	Wait {
		/// The job digest.
		job: String,
		/// A block before its submission, for a job that may have ended already: at most 1,024
		/// blocks back, and no further than the node keeps states.
		#[arg(long)]
		since: Option<u32>,
	},
	/// End a job that its provider has left lying, once its deadline has passed; what was not
	/// earned returns to the lease.
	Finish {
		/// The job digest.
		job: String,
	},
	/// Fetch the output of a job of yours from its provider, and check it against the chain.
	Output(Fetch),
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
	/// The job digest.
	job: String,
	/// The lease it ran under.
	#[arg(long)]
	lease: u64,
	/// File to write the output tensor to.
	#[arg(long)]
	to: PathBuf,
	/// A block before the reveal, for a job that has ended: at most 1,024 blocks back, and no
	/// further than the node keeps states.
	#[arg(long)]
	since: Option<u32>,
	/// The output digest that the chain has, as the job's receipt states it.
	#[arg(long, conflicts_with = "since")]
	expect: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
	/// The lease to run under.
	#[arg(long)]
	lease: u64,
	/// File with the input tensors, in program order.
	#[arg(long)]
	input: PathBuf,
	/// Rows of the input.
	#[arg(long, default_value_t = 1)]
	batch: u32,
	/// Length of a row.
	#[arg(long)]
	sequence: u32,
	/// What a wrong result could cost, in ASY: the pledge follows it.
	#[arg(long, default_value = "0")]
	value_at_risk: String,
	/// File to write the output tensor to.
	#[arg(long)]
	to: Option<PathBuf>,
}

impl Job {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		match self {
			Self::Submit(submit) => submit.run(context).await,
			Self::Show { job } => show(context, &parse_digest(&job)?).await,
			Self::Finish { job } => finish(context, &parse_digest(&job)?).await,
			Self::Wait { job, since } => {
				let digest = parse_digest(&job)?;
				let watch = watch(context, &digest, since).await?;
				// Looked up after the watch began, so that its end cannot fall between the two.
				if !watch.history(&digest).is_some_and(History::is_over) {
					require_open(context, &digest).await?;
				}
				let history = wait(context, watch, &digest).await?;
				report(context, &digest, &history, None);
				Ok(())
			},
			Self::Output(fetch) => fetch.run(context).await,
		}
	}
}

async fn finish(context: &Context, digest: &Hash) -> Result<()> {
	let done = job::finish(&context.chain, &context.account, digest).await?;
	let has_ended = job::has_ended(&done);
	let what = if has_ended { "the job has ended" } else { "a slot has lapsed, the job goes on" };
	let value = json!({ "job": hex32(digest), "ended": has_ended });
	context.output.included(format!("job {}: {what}", hex32(digest)), &done, value);
	Ok(())
}

/// Follows a job from now on, or from a block of the past.
async fn watch(context: &Context, digest: &Hash, since: Option<u32>) -> Result<Watch> {
	let Some(first) = since else { return Watch::new(&context.chain, [*digest]).await };
	let mut watch = Watch::since(&context.chain, first, [*digest]).await?;
	watch.catch_up().await?;
	Ok(watch)
}

impl Fetch {
	async fn run(self, context: &Context) -> Result<()> {
		let digest = parse_digest(&self.job)?;
		// What the chain says comes first: without it an output proves nothing.
		let expected = match &self.expect {
			Some(expected) => parse_digest(expected)?,
			None => self.revealed(context, &digest).await.map_err(|e| e.about(digest))?,
		};
		let outcome = data(context, self.lease).await?.output(&digest).await;
		let outcome = outcome.map_err(|e| e.about(digest))?;
		if self.expect.is_some() && outcome.digest() != expected {
			return Err(unexpected(&outcome).about(digest));
		}
		job::check_answer(&digest, &outcome, Some(expected))?;
		let length = write(&outcome, &self.to)?;
		context.output.result(
			format!("{length} bytes written to {}, with the expected digest", self.to.display()),
			&json!({
				"job": hex32(&digest),
				"bytes": length,
				"file": self.to,
				"output": hex32(&expected),
			}),
		);
		Ok(())
	}

	/// The output digest on chain; waits for it while the job is open.
	async fn revealed(&self, context: &Context, digest: &Hash) -> Result<Hash> {
		let mut watch = watch(context, digest, self.since).await?;
		let bar = context.output.spinner("waiting for the reveal");
		let mut deadline = Deadline::default();
		let found = loop {
			let history = watch.history(digest).cloned().unwrap_or_default();
			if let Some(reason) = &history.expired {
				break Err(job::expired(digest, reason));
			}
			if let Some(output) = history.output {
				break Ok(output);
			}
			match job::claims(&context.chain, digest).await? {
				Claims::Revealed(output) => break Ok(output),
				Claims::NotOpen => break Err(unchecked(self.since)),
				Claims::Hidden => {},
			}
			let block = watch.next_block().await?;
			deadline.check(&context.chain, digest, &history, block.number).await?;
			bar.set_message(format!("block {}: waiting for the reveal", block.number));
		};
		bar.finish_and_clear();
		found
	}
}

/// The error of an output that is not what a person named.
fn unexpected(outcome: &Outcome) -> Error {
	let digest = hex32(&outcome.digest());
	Error::new(Kind::Mismatch, format!("the provider's answer has the digest {digest}"))
		.next("do not use it, unless --expect was wrong: the job's receipt says what it must be")
}

/// The error of an output that there is nothing to compare with.
fn unchecked(since: Option<u32>) -> Error {
	let (why, next) = match since {
		None => (
			"the job is not open any more".into(),
			"name a block before its reveal with --since, or the output digest of its receipt with \
			 --expect",
		),
		Some(first) => (
			format!("the job is not open, and there is no reveal from block {first} on"),
			"name an earlier block, or the output digest of its receipt with --expect",
		),
	};
	Error::new(Kind::Mismatch, format!("its output cannot be checked: {why}")).next(next)
}

async fn data(context: &Context, lease: u64) -> Result<DataClient> {
	let lease = lease::of(&context.chain, lease).await?;
	let provider = provider::of(&context.chain, &lease.provider).await?.ok_or_else(|| {
		Error::new(Kind::Refused, "the lease's provider is not registered any more")
	})?;
	DataClient::new(&context.chain, &context.account, &provider.endpoint)
}

fn write(outcome: &Outcome, to: &PathBuf) -> Result<usize> {
	match outcome {
		Outcome::Invalid(code) => {
			Err(Error::new(Kind::Refused, format!("the model refused the input: {code:?}")))
		},
		Outcome::Output { data, .. } => {
			std::fs::write(to, data).map_err(|e| {
				Error::new(Kind::Local, format!("cannot write {}: {e}", to.display()))
			})?;
			Ok(data.len())
		},
	}
}

async fn require_open(context: &Context, digest: &Hash) -> Result<serde_json::Value> {
	job::of(&context.chain, digest).await?.ok_or_else(|| job::unknown(digest))
}

async fn show(context: &Context, digest: &Hash) -> Result<()> {
	let view = require_open(context, digest).await?;
	let text = serde_json::to_string_pretty(&view).unwrap_or_default();
	context.output.result(text, &json!({ "job": hex32(digest), "view": view }));
	Ok(())
}

async fn wait(context: &Context, mut watch: Watch, digest: &Hash) -> Result<History> {
	let bar = context.output.spinner("waiting for the chain");
	let mut deadline = Deadline::default();
	while !watch.is_over() {
		let block = watch.next_block().await?;
		let history = watch.history(digest).cloned().unwrap_or_default();
		deadline.check(&context.chain, digest, &history, block.number).await?;
		let is_over = history.is_over();
		let what = if is_over { "over, not final yet" } else { "open" };
		bar.set_message(format!("block {}: the job is {what}", block.number));
	}
	bar.finish_and_clear();
	let history = watch.history(digest).cloned().unwrap_or_default();
	match &history.expired {
		Some(reason) => Err(job::expired(digest, reason)),
		None => Ok(history),
	}
}

fn report(context: &Context, digest: &Hash, history: &History, bytes: Option<usize>) {
	let at = |block: Option<u32>| block.map_or_else(|| "?".into(), |b| b.to_string());
	let text = format!(
		"job {}\n  submitted  block {}\n  committed  block {}\n  revealed   block {}\n  settled    \
		 block {}\n  paid       {}",
		hex32(digest),
		at(history.submitted_at),
		at(history.committed_at),
		at(history.revealed_at),
		at(history.settled_at),
		super::output::asy(history.price())
	);
	let value = json!({ "job": hex32(digest), "history": history, "output_bytes": bytes });
	context.output.result(text, &value);
}

impl Submit {
	async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, .. } = context;
		let input = std::fs::read(&self.input).map_err(|e| {
			Error::new(Kind::Local, format!("cannot read {}: {e}", self.input.display()))
		})?;
		let lease = lease::of(chain, self.lease).await?;
		let model = model::of(chain, lease.model).await?;
		let nonce = job::next_nonce(chain, &account.id()).await?;
		let parameters = Parameters::encoder(self.batch, self.sequence);
		let mut job = job::Job::new(&chain.genesis(), &lease, &model, input, parameters, nonce);
		job.value_at_risk = assay_client::amount::parse(&self.value_at_risk)?;
		let data = data(context, self.lease).await?;
		if job.is_stored() {
			data.put_input(&job.request.input, &job.input).await?;
		}
		let watch = Watch::new(chain, [job.digest]).await?;
		let named = |error: Error| error.about(job.digest);
		let sent = job.send(chain, account).await.map_err(named)?;
		sent.included().await.map_err(named)?;
		let bar = context.output.spinner("submitted");
		context.output.note(&bar, &format!("job {} is submitted", hex32(&job.digest)));
		bar.finish_and_clear();
		let answer = data.output(&job.digest);
		let work = futures::future::try_join(answer, wait(context, watch, &job.digest));
		let (outcome, history) = work.await.map_err(named)?;
		job::check_answer(&job.digest, &outcome, history.output)?;
		let bytes = self.to.as_ref().map(|to| write(&outcome, to)).transpose()?;
		report(context, &job.digest, &history, bytes);
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_output_that_was_not_expected_is_no_success() {
		let outcome = Outcome::Output { count: 1, data: vec![1] };
		let error = unexpected(&outcome);
		assert_eq!(error.kind().exit_code(), 5);
		assert!(error.message().contains(&hex32(&outcome.digest())));
	}

	#[test]
	fn an_output_without_a_reveal_is_no_success() {
		for since in [None, Some(7)] {
			let error = unchecked(since).about([1; 32]);
			assert_eq!(error.kind().exit_code(), 5);
			assert!(error.next_step().is_some_and(|next| next.contains("--expect")));
		}
	}
}
