//! `cargo xtask`: tools of the repository.

mod attack;
mod bench;
mod checks;
mod compare;
mod cuda_report;
mod demo;
mod disputes;
mod e2e;
mod faults;
mod gpu_check;
mod live;
mod net;
mod node;
mod paths;
mod python;
mod quality;
mod simulate;
mod stage;
mod tidy;
mod weights;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::signal::unix::{signal, SignalKind};

/// Tools of the repository.
#[derive(Debug, Parser)]
#[command(name = "xtask")]
enum Command {
	/// The main job on a chain of its own, compared with the float model.
	Demo {
		/// Print one JSON object as the last line.
		#[arg(long)]
		json: bool,
	},
	/// A real node, spoken to by the `assay` command and by the stock JavaScript client.
	E2e,
	/// Executors and nodes that die, stall and lie; a chain that forks.
	Faults,
	/// Providers and challengers that lie, each with a trace for it, and what it costs them.
	Attack(attack::Attack),
	/// A chat model on a chain of its own.
	Chat,
	/// `demo`, `e2e`, `faults`, `net` and `attack` side by side.
	Live,
	/// A network of four nodes: a job submitted at one is computed at another.
	Net,
	/// What the network test runs once its nodes are up.
	#[command(hide = true)]
	NetJob(net::NetJob),
	/// Measure.
	#[command(subcommand)]
	Bench(Bench),
	/// What the integer program of the chat model loses against the float model.
	Quality(quality::Quality),
	/// What the compiled CUDA kernels take, and what published peaks would make of them.
	CudaReport,
	/// Run everything on this machine's GPUs and print one JSON object; ends with 3 without a GPU.
	GpuCheck,
	/// Agents that cheat, collude, grief and idle over many jobs, and what it costs them.
	Simulate(simulate::Simulate),
	/// Check the house style of every file.
	Tidy,
	/// Measure what the calls of our pallets cost, and write the runtime's weights.
	Weights(weights::Weights),
}

#[derive(Debug, Subcommand)]
enum Bench {
	/// Embeddings a second, against onnxruntime in the same run.
	Embed(bench::Embed),
	/// Embeddings and tokens a second, against onnxruntime and llama.cpp in the same run.
	Cpu(bench::Cpu),
	/// Moves, bytes, weight and state of games about each model.
	Disputes(disputes::Disputes),
}

#[tokio::main]
async fn main() -> ExitCode {
	let command = Command::parse();
	// Dropping the work stops every process that it started.
	let outcome = tokio::select! {
		outcome = run(command) => outcome,
		signal = interrupted() => Err(anyhow::anyhow!("stopped by {signal}")),
	};
	match outcome {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("xtask: {error:#}");
			ExitCode::FAILURE
		},
	}
}

async fn run(command: Command) -> anyhow::Result<()> {
	match command {
		Command::Demo { json } => demo::run(json).await,
		Command::Attack(attack) => attack.run().await,
		Command::Chat => e2e::chat::run().await,
		Command::E2e => e2e::run().await,
		Command::Faults => faults::run().await,
		Command::Live => live::run().await,
		Command::Net => net::run().await,
		Command::NetJob(job) => job.run().await,
		Command::Bench(Bench::Embed(embed)) => embed.run().await,
		Command::Bench(Bench::Cpu(cpu)) => cpu.run().await,
		Command::Bench(Bench::Disputes(disputes)) => disputes.run().await,
		Command::Quality(quality) => quality.run().await,
		Command::CudaReport => cuda_report::run(),
		Command::GpuCheck => gpu_check::run().await,
		Command::Simulate(simulate) => simulate.run(),
		Command::Tidy => tidy::run(),
		Command::Weights(weights) => weights.run().await,
	}
}

async fn interrupted() -> &'static str {
	let (Ok(mut interrupt), Ok(mut terminate)) =
		(signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
	else {
		return std::future::pending().await;
	};
	tokio::select! {
		_ = interrupt.recv() => "an interrupt",
		_ = terminate.recv() => "a request to terminate",
	}
}
