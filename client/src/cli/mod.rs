//! The command line.

mod account;
mod audit;
mod chat;
mod demand;
mod embed;
mod job;
mod lease;
mod model;
pub(crate) mod output;
mod provider;
mod stake;
mod trap;

use assay_client::{Account, Chain, Error, Executor, Kind, Result};
use clap::{error::ErrorKind, Args, Parser, Subcommand};
use output::Output;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

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
	Stake(stake::Stake),
	/// Audits of others' jobs: duty key, pools.
	#[command(subcommand)]
	Audit(audit::Audit),
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
	/// Traps for auditors that do not compute: plan, post, arm, submit.
	#[command(subcommand)]
	Trap(trap::Trap),
	/// Turn texts into vectors, with a receipt for each.
	Embed(embed::Embed),
	/// Talk to a chat model: answers as they are made, with a receipt for each.
	Chat(Box<chat::Chat>),
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

/// Reads the command line. Where that is all there is to do, as with `--help`, or where it makes no
/// sense, it says so and returns the exit code.
pub(crate) fn parse(
	arguments: impl IntoIterator<Item = OsString>,
) -> std::result::Result<Command, ExitCode> {
	let arguments: Vec<_> = arguments.into_iter().collect();
	Command::try_parse_from(&arguments).map_err(|error| {
		let is_asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
		if !is_asked && wants_json(&arguments) {
			output::failure(&usage(&error), true);
			return ExitCode::from(Kind::Usage.exit_code());
		}
		// A closed pipe is no error of ours.
		let _ = error.print();
		if is_asked {
			ExitCode::SUCCESS
		} else {
			ExitCode::from(Kind::Usage.exit_code())
		}
	})
}

/// Whether `--json` is among arguments that do not parse.
fn wants_json(arguments: &[OsString]) -> bool {
	arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// What the parser says at length, in a sentence.
fn usage(error: &clap::Error) -> Error {
	let said = error.to_string();
	let first: Vec<_> = said.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
	let message = match error.kind() {
		ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing".into(),
		_ => first.join(" ").trim_start_matches("error: ").to_string(),
	};
	Error::new(Kind::Usage, message).next("look at the same command with --help")
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
		Noun::Audit(audit) => audit.run(&context).await,
		Noun::Provider(provider) => provider.run(&context).await,
		Noun::Model(model) => model.run(&context).await,
		Noun::Lease(lease) => lease.run(&context).await,
		Noun::Job(job) => job.run(&context).await,
		Noun::Trap(trap) => trap.run(&context).await,
		Noun::Embed(embed) => embed.run(&context).await,
		Noun::Chat(chat) => chat.run(&context).await,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn error(arguments: &[&str]) -> Error {
		let arguments = ["assay"].iter().chain(arguments);
		usage(&Command::try_parse_from(arguments).unwrap_err())
	}

	#[test]
	fn bad_usage_is_told_in_a_sentence() {
		let missing = error(&["--json", "embed"]);
		assert_eq!(missing.kind().exit_code(), 2);
		assert!(missing.message().contains("--text") && !missing.message().contains('\n'));
		assert!(!missing.message().starts_with("error"));
		let number = error(&["job", "wait", "0x00", "--since", "yesterday"]);
		assert!(number.message().contains("yesterday"));
		assert_eq!(error(&["job"]).message(), "a command is missing");
		let both = ["job", "output", "0x", "--lease", "1", "--to", "f", "--since", "1"];
		assert!(error(&[&both[..], &["--expect", "0x"]].concat()).message().contains("--expect"));
	}

	#[test]
	fn ways_to_draw_need_a_temperature() {
		for way in [["--top-k", "5"], ["--top-p", "0.9"], ["--seed", "7"]] {
			let chat = ["chat", "--prompt", "hello"];
			let missing = error(&[&chat[..], &way].concat());
			assert!(missing.message().contains("--temperature"), "{missing}");
			let all = [&["assay"], &chat[..], &way, &["--temperature", "0.5"]].concat();
			assert!(Command::try_parse_from(all).is_ok());
		}
	}

	#[test]
	fn both_models_can_be_imported() {
		for model in [&[][..], &["minilm"], &["smollm2"]] {
			let all = [&["assay", "model", "import"], model, &["--to", "x"]].concat();
			assert!(Command::try_parse_from(all).is_ok(), "{model:?}");
		}
		let other = error(&["model", "import", "gpt9", "--to", "x"]);
		assert!(other.message().contains("gpt9"));
	}

	#[cfg(unix)]
	#[test]
	fn a_text_that_is_not_utf8_is_bad_usage() {
		use std::os::unix::ffi::OsStringExt;
		let text = OsString::from_vec(b"wo\xffrd".to_vec());
		for command in [["embed", "--text"], ["chat", "--prompt"]] {
			let words = ["assay", "--json"].iter().chain(&command).map(OsString::from);
			let arguments: Vec<_> = words.chain([text.clone()]).collect();
			let error = usage(&Command::try_parse_from(&arguments).unwrap_err());
			assert!(error.message().contains("UTF-8"), "{error}");
			assert!(parse(arguments).is_err());
		}
	}

	#[test]
	fn json_is_seen_where_it_is_a_flag() {
		let wants = |arguments: &[&str]| {
			wants_json(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
		};
		assert!(wants(&["assay", "--json", "embed"]));
		assert!(wants(&["assay", "embed", "--json"]));
		assert!(!wants(&["assay", "embed", "--", "--json"]));
	}
}
