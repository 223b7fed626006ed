// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! What each subcommand does.

use assay_primitives::offchain::Watch;
use assay_runtime::{Balance, OpaqueBlock as Block, ASY};
use clap::builder::OsStr;
use sc_cli::SubstrateCli;
use sc_network::config::NetworkBackendType;
use sc_service::PartialComponents;

use crate::{
	chain_spec,
	cli::{Cli, Subcommand},
	executor::ExecutorChoice,
	service,
	worker::Work,
};

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"Assay Node".into()
	}

	fn impl_version() -> String {
		env!("CARGO_PKG_VERSION").into()
	}

	fn description() -> String {
		env!("CARGO_PKG_DESCRIPTION").into()
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		"the repository's issue tracker".into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
		Ok(match id {
			"dev" | "development" => Box::new(chain_spec::development()?),
			"" | "local" | "local_testnet" => Box::new(chain_spec::local_testnet()?),
			path => Box::new(chain_spec::ChainSpec::from_json_file(path.into())?),
		})
	}

	// The SDK runs off-chain workers on authorities only. Here a provider's node is the one that
	// needs them, and it is seldom an authority; without a worker key a run returns at once.
	fn setup_command(command: clap::Command) -> clap::Command {
		let always: OsStr = "always".into();
		let mut version = Self::impl_version();
		version.push('\n');
		command
			.name(Self::executable_name())
			.version(version)
			.author(Self::author())
			.about(Self::description())
			.propagate_version(true)
			.args_conflicts_with_subcommands(true)
			.subcommand_negates_reqs(true)
			.mut_arg("enabled", |arg| arg.default_value(always))
	}
}

/// Parse the command line and do what it says.
pub fn run() -> sc_cli::Result<()> {
	let cli = Cli::from_args();
	match &cli.subcommand {
		None => run_node(&cli),
		Some(subcommand) => run_subcommand(&cli, subcommand),
	}
}

fn run_node(cli: &Cli) -> sc_cli::Result<()> {
	let runner = cli.create_runner(&cli.run)?;
	let is_dev = runner.config().chain_spec.chain_type() == sc_chain_spec::ChainType::Development;
	let executor = ExecutorChoice::from_params(&cli.executor, is_dev)
		.map_err(|error| sc_cli::Error::Input(error.to_string()))?;
	let watch = cli.executor.watch.map(|asy| Watch { budget: Balance::from(asy) * ASY });
	let work = Work { executor, watch };
	runner.run_node_until_exit(|config| async move {
		let node = match config.network.network_backend {
			NetworkBackendType::Libp2p => {
				service::new_full::<sc_network::NetworkWorker<_, _>>(config, work).await
			},
			NetworkBackendType::Litep2p => {
				service::new_full::<sc_network::Litep2pNetworkBackend>(config, work).await
			},
		};
		node.map_err(sc_cli::Error::Service)
	})
}

fn run_subcommand(cli: &Cli, subcommand: &Subcommand) -> sc_cli::Result<()> {
	match subcommand {
		Subcommand::Key(command) => command.run(cli),
		#[allow(deprecated)]
		Subcommand::BuildSpec(command) => {
			let runner = cli.create_runner(command)?;
			runner.sync_run(|config| command.run(config.chain_spec, config.network))
		},
		Subcommand::ExportChainSpec(command) => {
			let chain_spec = cli.load_spec(&command.chain)?;
			command.run(chain_spec)
		},
		Subcommand::CheckBlock(command) => cli.create_runner(command)?.async_run(|config| {
			let PartialComponents { client, task_manager, import_queue, .. } =
				service::new_partial(&config)?;
			Ok((command.run(client, import_queue), task_manager))
		}),
		Subcommand::ExportBlocks(command) => cli.create_runner(command)?.async_run(|config| {
			let PartialComponents { client, task_manager, .. } = service::new_partial(&config)?;
			Ok((command.run(client, config.database), task_manager))
		}),
		Subcommand::ExportState(command) => cli.create_runner(command)?.async_run(|config| {
			let PartialComponents { client, task_manager, .. } = service::new_partial(&config)?;
			Ok((command.run(client, config.chain_spec), task_manager))
		}),
		Subcommand::ImportBlocks(command) => cli.create_runner(command)?.async_run(|config| {
			let PartialComponents { client, task_manager, import_queue, .. } =
				service::new_partial(&config)?;
			Ok((command.run(client, import_queue), task_manager))
		}),
		Subcommand::PurgeChain(command) => {
			cli.create_runner(command)?.sync_run(|config| command.run(config.database))
		},
		Subcommand::Revert(command) => cli.create_runner(command)?.async_run(|config| {
			let PartialComponents { client, task_manager, backend, .. } =
				service::new_partial(&config)?;
			let revert_consensus = Box::new(|client: std::sync::Arc<_>, backend, blocks| {
				sc_consensus_babe::revert(std::sync::Arc::clone(&client), backend, blocks)?;
				sc_consensus_grandpa::revert(client, blocks)?;
				Ok(())
			});
			Ok((command.run(client, backend, Some(revert_consensus)), task_manager))
		}),
		Subcommand::ChainInfo(command) => {
			cli.create_runner(command)?.sync_run(|config| command.run::<Block>(&config))
		},
	}
}
