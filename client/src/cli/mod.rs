//! The command line.

mod account;
mod embed;
mod job;
mod lease;
mod model;
pub(crate) mod output;
mod provider;
mod stake;

use assay_client::{Account, Chain, Executor, Result};
use clap::{Args, Parser, Subcommand};
use output::Output;
use std::path::PathBuf;

/// Lease verified compute, run models, provide machines.
#[derive(Debug, Parser)]
#[command(
	name = "assay",
	version,
	after_help = "Exit codes: 0 done, 1 local trouble, 2 bad usage, 3 node, executor or provider \
	              unreachable, 4 refused, 5 an answer that is not what was promised, 6 not in time."
)]
pub(crate) struct Command {
	#[command(flatten)]
	pub(crate) global: Global,
	#[command(subcommand)]
	noun: Noun,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
	/// The node.
	#[arg(long, global = true, env = "ASSAY_URL", default_value = "ws://127.0.0.1:9944")]
	pub(crate) url: String,
	/// The account that signs: a development path, a phrase, or a seed in hex.
	#[arg(
		long,
		global = true,
		env = "ASSAY_SURI",
		hide_env_values = true,
		default_value = "//Charlie"
	)]
	pub(crate) suri: String,
	/// Print one JSON document instead of text.
	#[arg(long, global = true)]
	pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Noun {
	/// Balances and transfers.
	#[command(subcommand)]
	Account(account::Account),
	/// Bonded stake of a provider.
	#[command(subcommand)]
	Stake(stake::Stake),
	/// Providers: register, change, leave.
	#[command(subcommand)]
	Provider(provider::Provider),
	/// Models: import, upload, register.
	#[command(subcommand)]
	Model(model::Model),
	/// Offers and leases.
	#[command(subcommand)]
	Lease(lease::Lease),
	/// Jobs: submit, look at, wait for.
	#[command(subcommand)]
	Job(job::Job),
	/// Turn texts into vectors, with a receipt for each.
	Embed(embed::Embed),
}

/// What every command works with.
pub(crate) struct Context {
	pub(crate) chain: Chain,
	pub(crate) account: Account,
	pub(crate) output: Output,
}

impl Context {
	async fn new(global: &Global) -> Result<Self> {
		let account = Account::from_suri(&global.suri)?;
		let chain = Chain::connect(&global.url).await?;
		Ok(Self { chain, account, output: Output::new(global.json) })
	}

	/// An account named on the command line, or the signing one.
	fn id_or_own(&self, named: Option<&str>) -> Result<assay_program::Hash> {
		named.map_or_else(|| Ok(self.account.id()), assay_client::account::parse_id)
	}
}

/// Where the provider's own executor is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExecutorArgs {
	/// Control listener of the provider's own executor. Default: the node's, where it says.
	#[arg(long, env = "ASSAY_EXECUTOR_URL")]
	executor_url: Option<String>,
	/// File with the executor's token.
	#[arg(long, env = "ASSAY_EXECUTOR_TOKEN_FILE")]
	executor_token_file: PathBuf,
}

impl ExecutorArgs {
	pub(crate) async fn open(&self, chain: &Chain) -> Result<Executor> {
		let url = match &self.executor_url {
			Some(url) => url.clone(),
			None => assay_client::provider::executor_status(chain).await?.url,
		};
		Executor::new(&url, &self.executor_token_file)
	}
}

/// Runs a command.
pub(crate) async fn run(command: Command) -> Result<()> {
	let Command { global, noun } = command;
	// What needs no node first.
	if let Noun::Model(model::Model::Import(import)) = &noun {
		return import.run(&Output::new(global.json));
	}
	let context = Context::new(&global).await?;
	match noun {
		Noun::Account(account) => account.run(&context).await,
		Noun::Stake(stake) => stake.run(&context).await,
		Noun::Provider(provider) => provider.run(&context).await,
		Noun::Model(model) => model.run(&context).await,
		Noun::Lease(lease) => lease.run(&context).await,
		Noun::Job(job) => job.run(&context).await,
		Noun::Embed(embed) => embed.run(&context).await,
	}
}
