// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Flags and subcommands.

use std::path::PathBuf;

/// The command line.
#[derive(Debug, clap::Parser)]
pub struct Cli {
	/// What to do instead of running the node.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	/// Flags of the SDK's nodes.
	#[command(flatten)]
	pub run: sc_cli::RunCmd,

	/// Flags of ours.
	#[command(flatten)]
	pub executor: ExecutorParams,
}

/// Where jobs are computed.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ExecutorParams {
	/// Which executor the off-chain worker hands jobs to: one inside this process, or none. Where
	/// neither this nor `--executor-url` is given, `--dev` means `embedded` and everything else
	/// `none`.
	#[arg(
		long,
		value_name = "WHICH",
		value_enum,
		conflicts_with_all = ["executor_url", "executor_token_file"],
	)]
	pub executor: Option<ExecutorKind>,

	/// Address of the control listener of an executor that runs by itself, such as
	/// `http://127.0.0.1:9955`.
	#[arg(long, value_name = "URL", requires = "executor_token_file")]
	pub executor_url: Option<String>,

	/// File with the bearer token of that executor.
	#[arg(long, value_name = "FILE", requires = "executor_url")]
	pub executor_token_file: Option<PathBuf>,

	/// Address that the embedded executor takes inputs and gives outputs at. Providers register it.
	/// By default the one of the last start, or a free port on loopback.
	#[arg(long, value_name = "ADDRESS")]
	pub executor_data_listen: Option<std::net::SocketAddr>,

	/// Watch: compute on this node's executor what others claim of models that it holds, and
	/// challenge what is wrong in the name of the provider whose worker key is here, with bonds of
	/// at most so many ASY at the same time.
	#[arg(long, value_name = "ASY")]
	pub watch: Option<u32>,

	/// Threads that the embedded executor computes with. By default one per core.
	#[arg(long, value_name = "COUNT")]
	pub executor_threads: Option<std::num::NonZeroUsize>,
}

/// An executor that needs no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
	/// Inside this process.
	Embedded,
	/// None: the off-chain worker does nothing.
	None,
}

/// What the node can do beside running.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
	/// Make, inspect and insert keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Build a chain specification.
	#[deprecated(note = "kept for tools that call it; `export-chain-spec` takes its place")]
	BuildSpec(sc_cli::BuildSpecCmd),

	/// Export a chain specification.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Validate blocks.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Export blocks.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Export the state of a block into a chain specification.
	ExportState(sc_cli::ExportStateCmd),

	/// Import blocks.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Remove the whole chain.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Revert the chain to a block before.
	Revert(sc_cli::RevertCmd),

	/// Say what the database holds.
	ChainInfo(sc_cli::ChainInfoCmd),
}
