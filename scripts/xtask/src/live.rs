//! `cargo xtask live`: everything that needs running nodes, side by side. They wait for blocks most
//! of the time, so together they take little longer than the longest of them.

use crate::{attack, demo, e2e, faults, net};
use anyhow::{ensure, Result};

pub(crate) async fn run() -> Result<()> {
	let (e2e, faults, net, demo, attack) =
		tokio::join!(e2e::run(), faults::run(), net::run(), demo::run(true), attack::run());
	let mut failed = Vec::new();
	let parts =
		[("e2e", e2e), ("faults", faults), ("net", net), ("demo", demo), ("attack", attack)];
	for (part, outcome) in parts {
		if let Err(error) = outcome {
			eprintln!("{part} failed: {error:#}");
			failed.push(part);
		}
	}
	ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
	Ok(())
}
