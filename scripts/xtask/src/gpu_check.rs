//! `cargo xtask gpu-check`: on a machine with a GPU, every golden vector, all models end to end
//! against the reference, and times against the device's peaks. One JSON object.
//!
//! The check is the example `gpu_check` of `assay-cuda`, which needs nothing of the chain, so it is
//! built and run by itself.

use crate::paths;
use anyhow::Result;
use serde_json::{json, Value};
use std::{path::Path, process::Stdio};
use tokio::process::Command;

/// How the process ends where something is wrong.
const FAILED: i32 = 1;

/// Runs all checks, prints what they found, and ends the process as they did: with 3 where there is
/// no GPU.
pub(crate) async fn run() -> Result<()> {
	let (code, report) = check(&paths::root()?).await;
	println!("{report}");
	std::process::exit(code);
}

async fn check(root: &Path) -> (i32, Value) {
	let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
	let output = Command::new(cargo)
		.args(["run", "--release", "--locked", "--quiet", "-p", "assay-cuda"])
		.args(["--example", "gpu_check"])
		.current_dir(root)
		.stderr(Stdio::inherit())
		.kill_on_drop(true)
		.output()
		.await;
	match output {
		Ok(output) => told(output.status.code(), &output.stdout),
		Err(error) => failed(format!("cannot start cargo: {error}")),
	}
}

/// What the check said, or that it said nothing that can be read.
fn told(code: Option<i32>, said: &[u8]) -> (i32, Value) {
	match (serde_json::from_slice(said), code) {
		(Ok(report), Some(code)) => (code, report),
		(Ok(Value::Object(mut report)), None) => {
			report.insert("ok".into(), json!(false));
			(FAILED, Value::Object(report))
		},
		_ => failed(format!("the check ended with {code:?} and without a report")),
	}
}

fn failed(error: String) -> (i32, Value) {
	(FAILED, json!({ "ok": false, "error": error }))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_check_that_says_nothing_is_an_object_too() {
		for (code, said) in [(Some(101), ""), (None, ""), (Some(0), "half a {")] {
			let (ends, report) = told(code, said.as_bytes());
			assert_eq!((ends, &report["ok"]), (FAILED, &json!(false)), "{report}");
			assert!(report["error"].is_string(), "{report}");
		}
	}

	#[test]
	fn what_a_check_says_is_passed_on_with_its_code() {
		let said = json!({ "ok": false, "gpu": false });
		assert_eq!(told(Some(3), said.to_string().as_bytes()), (3, said.clone()));
		assert_eq!(told(None, json!({ "ok": true }).to_string().as_bytes()).0, FAILED);
	}
}
