//! `assay trap`.

use super::{
	job::{data, percent},
	Context, ExecutorArgs,
};
use assay_client::{
	account::{address, hex32, parse_id},
	amount, job, lease, model,
	trap::{self, Plan},
	Error, Kind, Result,
};
use assay_program::Parameters;
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
	fs::OpenOptions,
	io::Write,
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Trap {
	/// Plan traps as their tenant: an executor computes each job, and what is right goes to a file,
	/// which stays secret.
	Plan(Planning),
	/// Let a provider open traps. Signed by the chain's root.
	License {
		/// Address, public key in hex, or development path.
		provider: String,
		/// Most traps that it opens of each root.
		#[arg(long)]
		allowance: u32,
	},
	/// Post the root of a plan, one in each duty period. Signed by the chain's root.
	Post {
		/// The plan's file; the period is noted in it.
		plan: PathBuf,
	},
	/// Arm the provider's node with a plan that was posted: its worker claims something wrong in the
	/// plan's jobs and amends it in time. `--url` names that node.
	Arm {
		/// The plan's file.
		plan: PathBuf,
	},
	/// Submit the jobs of a plan, as their tenant, once the provider's node is armed.
	Submit {
		/// The plan's file.
		plan: PathBuf,
		/// Audit rate in percent of the price, such as 2.5.
		#[arg(long, value_parser = percent)]
		audit_rate: u32,
		/// What a wrong result could cost, in ASY.
		#[arg(long, default_value = "0")]
		value_at_risk: String,
	},
}

#[derive(Debug, Args)]
pub(crate) struct Planning {
	/// The lease under which the jobs will run.
	#[arg(long)]
	lease: u64,
	/// Files with input tensors, in program order: one trap each.
	#[arg(long, required = true, num_args = 1..)]
	input: Vec<PathBuf>,
	/// Rows of each input.
	#[arg(long, default_value_t = 1)]
	batch: u32,
	/// Length of a row.
	#[arg(long)]
	sequence: u32,
	/// File to write the plan to.
	#[arg(long)]
	to: PathBuf,
	#[command(flatten)]
	executor: ExecutorArgs,
}

impl Trap {
	pub(crate) async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		match self {
			Self::Plan(planning) => planning.run(context).await,
			Self::License { provider, allowance } => {
				let id = parse_id(&provider)?;
				let included = trap::license(chain, account, &id, allowance).await?;
				let text = format!("{} may open {allowance} traps of each root", address(&id));
				let value = json!({ "provider": address(&id), "allowance": allowance });
				output.included(text, &included, value);
				Ok(())
			},
			Self::Post { plan: file } => {
				let mut plan = read(&file)?;
				let included = trap::post(chain, account, &mut plan).await?;
				write(&plan, &file)?;
				let (root, period, count) = (&plan.root, plan.period, plan.traps.len());
				let shown = period.unwrap_or_default();
				let text = format!("root {root} over {count} traps is that of duty period {shown}");
				let value = json!({ "root": root, "period": period, "traps": count });
				output.included(text, &included, value);
				Ok(())
			},
			Self::Arm { plan } => {
				let plan = read(&plan)?;
				trap::arm(chain, &plan).await?;
				let count = plan.traps.len();
				let text = format!("the node at {} is armed with {count} traps", chain.url());
				output.result(text, &json!({ "armed": count, "url": chain.url() }));
				Ok(())
			},
			Self::Submit { plan, audit_rate, value_at_risk } => {
				submit(context, &read(&plan)?, audit_rate, &value_at_risk).await
			},
		}
	}
}

impl Planning {
	async fn run(self, context: &Context) -> Result<()> {
		let Context { chain, account, output } = context;
		// Where the plan cannot be kept nothing is computed for it.
		if self.to.exists() {
			let said = format!("{} exists", self.to.display());
			return Err(Error::new(Kind::Local, said).next("name another file with --to"));
		}
		let executor = self.executor.open(chain).await?;
		let lease = lease::of(chain, self.lease).await?;
		let model = model::of(chain, lease.model).await?;
		let first = job::next_nonce(chain, &account.id()).await?;
		let parameters = Parameters::encoder(self.batch, self.sequence);
		let mut jobs = Vec::new();
		for (nonce, file) in (first..).zip(&self.input) {
			let input = std::fs::read(file).map_err(|e| {
				Error::new(Kind::Local, format!("cannot read {}: {e}", file.display()))
			})?;
			let (genesis, parameters) = (chain.genesis(), parameters.clone());
			jobs.push(job::Job::new(&genesis, &lease, &model, input, parameters, nonce));
		}
		let bar = output.spinner("planning");
		let count = jobs.len();
		let tell = |done| bar.set_message(format!("{done} of {count} jobs are computed"));
		let plan = trap::plan(&executor, account, &jobs, tell).await?;
		bar.finish_and_clear();
		write(&plan, &self.to)?;
		let text = format!("{count} traps planned, root {}: {}", plan.root, self.to.display());
		output.result(text, &json!({ "root": plan.root, "traps": count, "plan": self.to }));
		Ok(())
	}
}

async fn submit(context: &Context, plan: &Plan, rate: u32, at_risk: &str) -> Result<()> {
	let Context { chain, account, output } = context;
	if plan.period.is_none() {
		return Err(Error::new(Kind::Usage, "the plan was not posted").next("assay trap post"));
	}
	let jobs = plan.jobs(amount::parse(at_risk)?, rate)?;
	// What an earlier call has submitted is not submitted again.
	let next = job::next_nonce(chain, &account.id()).await?;
	let mut digests = Vec::new();
	for job in &jobs {
		if job.request.nonce < next {
			digests.push(hex32(&job.digest));
			continue;
		}
		if job.is_stored() {
			data(context, job.lease).await?.put_input(&job.request.input, &job.input).await?;
		}
		let failed = |e: Error| {
			let done = format!("{} of {} jobs are submitted", digests.len(), jobs.len());
			e.about(job.digest).during(&done).next("the same command again goes on from there")
		};
		let sent = job.send(chain, account).await.map_err(failed)?;
		sent.included().await.map_err(failed)?;
		digests.push(hex32(&job.digest));
	}
	let text = format!("submitted:\n  {}", digests.join("\n  "));
	output.result(text, &json!({ "jobs": digests }));
	Ok(())
}

fn read(file: &Path) -> Result<Plan> {
	let text = std::fs::read(file)
		.map_err(|e| Error::new(Kind::Local, format!("cannot read {}: {e}", file.display())))?;
	serde_json::from_slice(&text)
		.map_err(|e| Error::new(Kind::Local, format!("{} is no plan: {e}", file.display())))
}

/// Whoever reads a plan knows its traps, so nobody else may; and a plan is never half there.
fn write(plan: &Plan, file: &Path) -> Result<()> {
	let failed = |e: std::io::Error| {
		Error::new(Kind::Local, format!("cannot write {}: {e}", file.display()))
	};
	let text = serde_json::to_vec_pretty(plan)
		.map_err(|e| Error::new(Kind::Local, format!("a plan cannot be written: {e}")))?;
	let mut name = file.as_os_str().to_owned();
	name.push(".part");
	let part = PathBuf::from(name);
	// One that was left behind may be readable by others.
	if part.exists() {
		std::fs::remove_file(&part).map_err(failed)?;
	}
	let mut options = OpenOptions::new();
	let mut opened =
		options.write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
	opened.write_all(&text).and_then(|()| opened.sync_all()).map_err(failed)?;
	std::fs::rename(&part, file).map_err(failed)
}
