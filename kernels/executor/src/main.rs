//! `assay-executor`: the executor as a process.

use assay_executor::{
	digest_of, probe, read_token, start, token_file, BackendChoice, BlobKind, Config, Limits,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::json;
use std::{
	io::Write,
	net::{Ipv4Addr, SocketAddr},
	path::PathBuf,
	process::ExitCode,
	time::Duration,
};
use tokio::signal::unix::{signal, SignalKind};
use tracing_subscriber::EnvFilter;

/// Computes jobs for an Assay node.
#[derive(Parser)]
#[command(name = "assay-executor", version, about, max_term_width = 100)]
struct Cli {
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand)]
enum Command {
	/// Serve jobs until stopped.
	Run(Box<Run>),
	/// Show what this machine computes on.
	Probe {
		/// As one line of JSON.
		#[arg(long)]
		json: bool,
	},
	/// Print the digest under which a file is put.
	Digest {
		/// The kind of blob.
		#[arg(long, value_enum)]
		kind: Kind,
		/// The file.
		file: PathBuf,
	},
}

#[derive(Args)]
struct Run {
	/// Folder for blobs, journal and token.
	#[arg(long, env = "ASSAY_EXECUTOR_FOLDER")]
	folder: PathBuf,
	/// Address for the node and its operator; keep it on loopback.
	#[arg(long, default_value = "127.0.0.1:9955")]
	control: SocketAddr,
	/// Address for tenants: the endpoint the provider registers.
	#[arg(long)]
	data: Option<SocketAddr>,
	/// File with the bearer token; without it, `token` in the folder, made when absent.
	#[arg(long)]
	token_file: Option<PathBuf>,
	/// Threads for computing; one per core by default.
	#[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
	threads: Option<u16>,
	/// What computes.
	#[arg(long, value_enum, default_value_t = BackendName::Auto)]
	backend: BackendName,
	/// Genesis hash of the chain; by default the chain the node names first.
	#[arg(long, value_parser = genesis)]
	genesis: Option<[u8; 32]>,
	/// For development: opens the data listener on a free loopback port.
	#[arg(long)]
	dev: bool,
	/// Disk for blobs.
	#[arg(long, default_value_t = 16 * 1024, value_parser = mib())]
	store_mib: u64,
	/// Memory for the weights of loaded models.
	#[arg(long, default_value_t = 2048, value_parser = mib())]
	models_mib: u64,
	/// Memory for the tensors of one job.
	#[arg(long, default_value_t = 2048, value_parser = mib())]
	job_mib: u64,
	/// Connections of tenants from one address; more where a proxy stands in front.
	#[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
	connections_per_address: u16,
	/// Jobs that wait at most.
	#[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
	queue: u32,
	/// Traces that are kept for games.
	#[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
	traces: u16,
	/// Seconds for work at hand when stopped.
	#[arg(long, default_value_t = 10)]
	drain_seconds: u32,
	/// Print the addresses as one line of JSON once ready.
	#[arg(long)]
	json: bool,
	/// Log as JSON.
	#[arg(long)]
	log_json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackendName {
	/// The best this machine has.
	Auto,
	/// The CPU backend.
	Cpu,
	/// The reference: slow, and the truth.
	Reference,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
	Program,
	Weights,
	Input,
	Output,
}

impl From<Kind> for BlobKind {
	fn from(kind: Kind) -> Self {
		match kind {
			Kind::Program => Self::Program,
			Kind::Weights => Self::Weights,
			Kind::Input => Self::Input,
			Kind::Output => Self::Output,
		}
	}
}

/// From one mebibyte to what certainly can be counted in bytes.
fn mib() -> clap::builder::RangedU64ValueParser {
	clap::value_parser!(u64).range(1..=1 << 30)
}

fn genesis(text: &str) -> Result<[u8; 32], String> {
	let mut hash = [0u8; 32];
	hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut hash)
		.map(|()| hash)
		.map_err(|_| "a genesis hash is 64 hexadecimal digits, with or without 0x".into())
}

fn main() -> ExitCode {
	match Cli::parse().command {
		Command::Run(run) => run_command(*run),
		Command::Probe { json } => probe_command(json),
		Command::Digest { kind, file } => digest_command(kind.into(), &file),
	}
}

/// Prints a line, unless nobody reads any more.
fn say(line: &str) {
	let mut out = std::io::stdout().lock();
	let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn complain(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
	let _ = writeln!(std::io::stderr(), "error: {error}");
	ExitCode::from(code)
}

fn probe_command(json: bool) -> ExitCode {
	let found = probe();
	if json {
		say(&json!(found).to_string());
		return ExitCode::SUCCESS;
	}
	say(&format!("backends: {}", found.backends.join(", ")));
	for device in &found.devices {
		say(&format!("{}: {}, {} MiB", device.kind, device.name, device.memory_mib));
	}
	say(&format!("gpu: {}", found.gpu.message));
	ExitCode::SUCCESS
}

fn digest_command(kind: BlobKind, file: &PathBuf) -> ExitCode {
	let bytes = match std::fs::read(file) {
		Ok(bytes) => bytes,
		Err(error) => return complain(&format!("cannot read {}: {error}", file.display()), 1),
	};
	match digest_of(kind, &bytes) {
		Ok(digest) => {
			say(&format!("0x{}", hex::encode(digest)));
			ExitCode::SUCCESS
		},
		Err(error) => complain(&error, 1),
	}
}

fn log(json: bool) {
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
	let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
	match json {
		true => log.json().init(),
		false => log.init(),
	}
}

fn run_command(run: Run) -> ExitCode {
	log(run.log_json);
	let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
		Ok(runtime) => runtime,
		Err(error) => return complain(&format!("cannot start: {error}"), 1),
	};
	let code = runtime.block_on(serve(run));
	// A run that outlasted its time to drain is in the journal; it must not hold up the exit.
	runtime.shutdown_background();
	code
}

async fn serve(run: Run) -> ExitCode {
	let json = run.json;
	let (mut interrupt, mut terminate) =
		match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
			(Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
			(Err(error), _) | (_, Err(error)) => {
				return complain(&format!("cannot listen for signals: {error}"), 1)
			},
		};
	let token = match run.token_file.as_deref().map(read_token).transpose() {
		Ok(token) => token,
		Err(error) => return complain(&error, error.exit_code()),
	};
	let token_path = run.token_file.clone().unwrap_or_else(|| token_file(&run.folder));
	let starting = start(config(run, token));
	let executor = tokio::select! {
		_ = interrupt.recv() => return ExitCode::SUCCESS,
		_ = terminate.recv() => return ExitCode::SUCCESS,
		started = starting => match started {
			Ok(executor) => executor,
			Err(error) => return complain(&error, error.exit_code()),
		},
	};
	let (control, data) = (executor.control_url(), executor.data_url());
	let token_file = token_path.display().to_string();
	if json {
		let ready = json!({
			"control": control,
			"data": data,
			"token_file": token_file,
			"backend": executor.backend(),
		});
		say(&ready.to_string());
	} else {
		say(&format!("control: {control}"));
		if let Some(data) = data {
			say(&format!("data:    {data}"));
		}
		say(&format!("token:   {token_file}"));
	}
	tokio::select! {
		_ = interrupt.recv() => {},
		_ = terminate.recv() => {},
	}
	tracing::info!("stopping; a second signal stops at once");
	tokio::select! {
		() = executor.shutdown() => ExitCode::SUCCESS,
		_ = interrupt.recv() => ExitCode::from(130),
		_ = terminate.recv() => ExitCode::from(143),
	}
}

fn config(run: Run, token: Option<String>) -> Config {
	let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
	let limits = Limits {
		store_bytes: run.store_mib << 20,
		models_bytes: run.models_mib << 20,
		job_bytes: run.job_mib << 20,
		connections_per_address: run.connections_per_address.into(),
		queue: run.queue as usize,
		traces: run.traces.into(),
		drain: Duration::from_secs(u64::from(run.drain_seconds)),
		..Limits::default()
	};
	Config {
		folder: run.folder,
		control: run.control,
		data: run.data.or(run.dev.then_some(free)),
		token,
		threads: run.threads.map(usize::from),
		backend: match run.backend {
			BackendName::Auto => BackendChoice::Auto,
			BackendName::Cpu => BackendChoice::Cpu,
			BackendName::Reference => BackendChoice::Reference,
		},
		genesis: run.genesis,
		limits,
	}
}
