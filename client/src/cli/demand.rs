//! `assay job demand`.

use super::Context;
use assay_client::{
	account::{hex32, parse_digest},
	demand::{other_length, withheld, Demand, Expected, Item, Progress},
	Error, Kind, Result,
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

/// What is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
	/// The input, where it did not travel with the job.
	Input,
	/// The output that the job's provider has revealed.
	Output,
}

#[derive(Debug, Args)]
pub(crate) struct Demands {
	/// The job digest.
	job: String,
	/// What of it.
	#[arg(long, value_enum, default_value = "output")]
	item: What,
	/// File to write it to.
	#[arg(long)]
	to: PathBuf,
	/// A block before the demand, for one that was made already, by whomever: nothing is demanded
	/// and nothing paid then. At most 1,024 blocks back.
	#[arg(long)]
	since: Option<u32>,
}

impl Demands {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, .. } = context;
		let job = parse_digest(&self.job)?;
		let item = match self.item {
			What::Input => Item::Input,
			What::Output => Item::Output,
		};
		let expected = Expected::of(chain, &job, item).await?;
		let mut demand = Demand::follow(chain, self.since, &job, item).await?;
		let prepaid = match self.since {
			None => Some(demand.send(account).await?),
			Some(_) => None,
		};
		let bar = context.output.spinner("demanded");
		let bytes = loop {
			let (block, progress) = demand.next_block().await?;
			match progress {
				Progress::Whole(bytes) => break bytes,
				Progress::Withheld => return Err(withheld(&job, item)),
				Progress::OtherLength(length) => return Err(other_length(&job, length)),
				Progress::Open { delivered, chunks } => {
					let all = chunks.map_or_else(|| "?".into(), |chunks| chunks.to_string());
					bar.set_message(format!("block {block}: {delivered} of {all} chunks"));
				},
			}
			demand.end_if_overdue(account, block).await?;
		};
		bar.finish_and_clear();
		expected.check(&bytes).map_err(|e| e.about(job))?;
		std::fs::write(&self.to, &bytes).map_err(|e| {
			Error::new(Kind::Local, format!("cannot write {}: {e}", self.to.display()))
		})?;
		let cost = prepaid
			.map_or_else(String::new, |planck| format!(", for {}", super::output::asy(planck)));
		context.output.result(
			format!(
				"{} bytes written to {}, with the expected digest{cost}",
				bytes.len(),
				self.to.display()
			),
			&json!({
				"job": hex32(&job),
				"item": item.name().to_lowercase(),
				"bytes": bytes.len(),
				"file": self.to,
				"paid": prepaid.map(|planck| planck.to_string()),
			}),
		);
		Ok(())
	}
}
