//! A liar in front of an executor, for a network by hand.

use anyhow::Result;
use assay_adversary::{Adversary, Plan};
use clap::Parser;
use std::{future, net::SocketAddr};

/// Stands before an executor's control listener and answers by a plan.
#[derive(Debug, Parser)]
struct Arguments {
	/// The executor's control listener.
	#[arg(long, value_name = "ADDRESS")]
	upstream: SocketAddr,
	/// Where to listen for the node.
	#[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
	listen: SocketAddr,
	/// What is done with every job: `LIE[+shape|+silent:QUESTIONS][#SEED]`.
	#[arg(long, default_value = "honest")]
	plan: Plan,
}

#[tokio::main]
async fn main() -> Result<()> {
	let arguments = Arguments::parse();
	let adversary = Adversary::start(arguments.listen, arguments.upstream).await?;
	adversary.set_default(arguments.plan);
	println!("{}", adversary.url());
	future::pending().await
}
