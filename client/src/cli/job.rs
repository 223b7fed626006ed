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
use serde_json::{json, Value};
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
	/// End a job that its parties have left lying, once a deadline has passed; what was not earned
	/// returns to the lease. Where claims differ a game between them is begun, and games whose time
	/// is over are ended.
	Finish {
		/// The job digest.
		job: String,
	},
	/// Fetch the output of a job of yours from its provider, and check it against the chain.
	Output(Fetch),
	/// Demand on chain what a provider does not hand out, and pay for its bytes: it has to put them
	/// into blocks, or loses its pledge.
	Demand(super::demand::Demands),
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
	/// Another provider than the lease's, in hexadecimal: a replica that has computed the job, as
	/// `assay job show` names it. It hands out what it has until the job is settled.
	#[arg(long)]
	from: Option<String>,
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
	/// Audit rate in percent of the price, such as 2.5: that much more is paid, and the job is
	/// computed again by others so often. 0: not audited.
	#[arg(long, default_value = "0", value_parser = percent)]
	audit_rate: u32,
	/// How many more providers are drawn to do the job, for the same price each, 7 at most. The input
	/// is 16 KiB at most then.
	#[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=7))]
	replicas: u8,
	/// File to write the output tensor to.
	#[arg(long)]
	to: Option<PathBuf>,
}

/// Parts per billion of a number in percent, with at most seven places after the point.
pub(super) fn percent(text: &str) -> std::result::Result<u32, String> {
	let (whole, places) = text.split_once('.').unwrap_or((text, ""));
	let digits = format!("{whole}{places:0<7}");
	let is_number = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
	let rate = digits.parse().ok().filter(|rate| is_number && *rate <= 1_000_000_000);
	rate.filter(|_| places.len() <= 7)
		.ok_or_else(|| "give a rate from 0 to 100, in percent, such as 2.5".into())
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
			Self::Demand(demand) => demand.run(context).await,
		}
	}
}

async fn finish(context: &Context, digest: &Hash) -> Result<()> {
	let steps = job::finish(&context.chain, &context.account, digest).await?;
	let has_ended = job::has_ended(&steps);
	let end = if has_ended { "the job has ended" } else { "the job goes on" };
	let mut text = format!("job {}: {end}", hex32(digest));
	let mut told = Vec::new();
	for step in &steps {
		text += &format!("\n  {} (block {})", step.due.done(), step.included.block);
		let mut value = step.due.json();
		value["block"] = json!(step.included.block);
		value["block_hash"] = json!(hex32(&step.included.block_hash));
		told.push(value);
	}
	let mut value = json!({ "job": hex32(digest), "ended": has_ended, "steps": told });
	if let Some(last) = steps.last() {
		value["block"] = json!(last.included.block);
		value["block_hash"] = json!(hex32(&last.included.block_hash));
	}
	context.output.result(text, &value);
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
		let source = match &self.from {
			Some(provider) => data_of(context, &parse_digest(provider)?).await?,
			None => data(context, self.lease).await?,
		};
		let outcome = source.output(&digest).await;
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

pub(super) async fn data(context: &Context, lease: u64) -> Result<DataClient> {
	data_of(context, &lease::of(&context.chain, lease).await?.provider).await
}

/// The data listener of a provider.
async fn data_of(context: &Context, provider: &Hash) -> Result<DataClient> {
	let provider = provider::of(&context.chain, provider).await?.ok_or_else(|| {
		let who = hex32(provider);
		Error::new(Kind::Refused, format!("the provider {who} is not registered, or no more"))
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

async fn require_open(context: &Context, digest: &Hash) -> Result<Value> {
	job::of(&context.chain, digest).await?.ok_or_else(|| job::unknown(digest))
}

async fn show(context: &Context, digest: &Hash) -> Result<()> {
	let view = require_open(context, digest).await?;
	context.output.result(describe(digest, &view), &document(digest, view));
	Ok(())
}

/// What `--json` prints of an open job.
fn document(digest: &Hash, view: Value) -> Value {
	json!({ "job": hex32(digest), "view": view })
}

/// An open job as text: where it stands, and the slots of its parties.
fn describe(digest: &Hash, view: &Value) -> String {
	let mut lines =
		vec![format!("job {}", hex32(digest)), format!("  phase   {}", words(&view["phase"]))];
	for field in ["lease", "model", "input", "tenant"] {
		lines.push(format!("  {field:<7} {}", words(&view[field])));
	}
	lines.push(format!("  price   at most {}", price(&view["price_max"])));
	for slot in view["slots"].as_array().into_iter().flatten() {
		let (id, party, state) = (words(&slot["id"]), words(&slot["party"]), words(&slot["state"]));
		lines.push(format!("  slot {id}  {state}; of {party}"));
	}
	lines.join("\n")
}

/// A value of the chain in a line: the name of a variant before its fields.
fn words(value: &Value) -> String {
	match value {
		Value::String(text) => text.clone(),
		Value::Object(fields) => {
			let words = fields.iter().map(|(name, value)| {
				let is_variant = name.starts_with(char::is_uppercase);
				let name = name.replace('_', " ");
				format!("{name}{}{}", if is_variant { ": " } else { " " }, words(value))
			});
			words.collect::<Vec<_>>().join(", ")
		},
		other => other.to_string(),
	}
}

/// Planck as the chain's JSON has them: large numbers are text.
fn price(planck: &Value) -> String {
	match words(planck).parse() {
		Ok(planck) => super::output::asy(planck),
		Err(_) => "?".into(),
	}
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
		job.lambda_ppb = self.audit_rate;
		job.replicas = self.replicas;
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

	/// An open job as the chain's answer comes in.
	fn view() -> Value {
		use subxt::dynamic::Value as Said;
		let slot = |id: u128, party: u8, state| {
			let id = Said::unnamed_composite([Said::u128(id)]);
			let party = Said::unnamed_composite([Said::from_bytes([party; 32])]);
			Said::named_composite([("id", id), ("party", party), ("state", state)])
		};
		let due = [("accepted", Said::bool(true)), ("due_at", Said::u128(99))];
		let slots = [
			slot(7, 4, Said::named_variant("Assigned", due)),
			slot(8, 5, Said::unnamed_variant("Guilty", [])),
		];
		assay_client::value::json(&Said::named_composite([
			("tenant", Said::unnamed_composite([Said::from_bytes([1; 32])])),
			("lease", Said::unnamed_composite([Said::u128(3)])),
			("model", Said::unnamed_composite([Said::u128(0)])),
			("input", Said::unnamed_composite([Said::from_bytes([2; 32])])),
			("price_max", Said::u128(1 << 60)),
			("phase", Said::named_variant("Revealing", [("closed_at", Said::u128(40))])),
			("slots", Said::unnamed_composite(slots)),
		]))
	}

	#[test]
	fn an_open_job_is_shown_with_its_phase_and_its_slots() {
		let text = describe(&[9; 32], &view());
		let lines: Vec<_> = text.lines().map(str::trim).collect();
		assert_eq!(lines[0], format!("job {}", hex32(&[9; 32])));
		let slots = [
			format!("slot 7  Assigned: accepted true, due at 99; of {}", hex32(&[4; 32])),
			format!("slot 8  Guilty; of {}", hex32(&[5; 32])),
		];
		let fields = ["phase   Revealing: closed at 40", "lease   3", "model   0"];
		let price = format!("price   at most {}", crate::cli::output::asy(1 << 60));
		for line in fields.into_iter().chain(slots.iter().map(String::as_str)).chain([&*price]) {
			assert!(lines.contains(&line), "{line} is not in\n{text}");
		}
	}

	#[test]
	fn an_open_job_as_a_document_is_the_chains_word() {
		let document = document(&[9; 32], view());
		assert_eq!(document["job"], hex32(&[9; 32]));
		let view = &document["view"];
		assert_eq!((&view["lease"], &view["tenant"]), (&json!(3), &json!(hex32(&[1; 32]))));
		assert_eq!(view["phase"], json!({"Revealing": {"closed_at": 40}}));
		assert_eq!(view["slots"][0]["state"]["Assigned"]["due_at"], 99);
		assert_eq!(view["slots"][1]["state"], "Guilty");
		assert_eq!(view["price_max"], (1_u128 << 60).to_string());
	}

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
