//! `assay job`.

use super::Context;
use assay_client::{
	account::{hex32, parse_digest},
	job::{self, History, Watch},
	lease, model,
	provider::{self},
	DataClient, Error, Kind, Result,
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
	/// Wait until an open job is settled.
	Wait {
		/// The job digest.
		job: String,
	},
	/// Fetch the output of a job of yours from its provider.
	Output {
		/// The job digest.
		job: String,
		/// The lease it ran under.
		#[arg(long)]
		lease: u64,
		/// File to write the output tensor to.
		#[arg(long)]
		to: PathBuf,
	},
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
			Self::Wait { job } => {
				let digest = parse_digest(&job)?;
				let watch = Watch::new(&context.chain, [digest]).await?;
				// Looked up after the watch began, so that its end cannot fall between the two.
				require_open(context, &digest).await?;
				let history = wait(context, watch, &digest).await?;
				report(context, &digest, &history, None);
				Ok(())
			},
			Self::Output { job, lease, to } => {
				let digest = parse_digest(&job)?;
				let outcome = data(context, lease).await?.output(&digest).await?;
				let length = write(&outcome, &to)?;
				context.output.result(
					format!("{length} bytes written to {}", to.display()),
					&json!({ "job": hex32(&digest), "bytes": length, "file": to }),
				);
				Ok(())
			},
		}
	}
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
	job::of(&context.chain, digest).await?.ok_or_else(|| {
		Error::new(Kind::Refused, format!("there is no open job {}", hex32(digest)))
			.next("it was never submitted, or it has been settled: look for its JobSettled event")
	})
}

async fn show(context: &Context, digest: &Hash) -> Result<()> {
	let view = require_open(context, digest).await?;
	let text = serde_json::to_string_pretty(&view).unwrap_or_default();
	context.output.result(text, &json!({ "job": hex32(digest), "view": view }));
	Ok(())
}

async fn wait(context: &Context, mut watch: Watch, digest: &Hash) -> Result<History> {
	let bar = context.output.spinner("waiting for the chain");
	while !watch.is_over() {
		let block = watch.next_block().await?;
		bar.set_message(format!("block {}", block.number));
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
		job.send(chain, account).await?.included().await?;
		let (outcome, history) =
			futures::future::try_join(data.output(&job.digest), wait(context, watch, &job.digest))
				.await?;
		if history.output != Some(outcome.digest()) {
			return Err(Error::new(
				Kind::Mismatch,
				"the provider's answer is not what it revealed on chain",
			)
			.next("do not use the answer; keep it as evidence"));
		}
		let bytes = self.to.as_ref().map(|to| write(&outcome, to)).transpose()?;
		report(context, &job.digest, &history, bytes);
		Ok(())
	}
}
