//! `cargo xtask live`: everything that needs running nodes, side by side. They wait for blocks most
//! of the time, so together they take little longer than the longest of them.

use crate::{demo, e2e, faults, net};
use anyhow::{ensure, Result};

pub(crate) async fn run() -> Result<()> {
	let (e2e, faults, net, demo) =
		tokio::join!(e2e::run(), faults::run(), net::run(), demo::run(true));
	let mut failed = Vec::new();
	for (part, outcome) in [("e2e", e2e), ("faults", faults), ("net", net), ("demo", demo)] {
		if let Err(error) = outcome {
			eprintln!("{part} failed: {error:#}");
			failed.push(part);
		}
	}
	ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
	Ok(())
}
