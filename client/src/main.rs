//! `assay`: the command of tenants, providers and model owners.

mod cli;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
	let command = match cli::parse(std::env::args_os()) {
		Ok(command) => command,
		Err(code) => return code,
	};
	let json = command.global.json;
	match cli::run(command).await {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			cli::output::failure(&error, json);
			ExitCode::from(error.kind().exit_code())
		},
	}
}
