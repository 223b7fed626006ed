//! What an executor is told at start, with a bound on everything.

use assay_program::{Backend, Hash, MAX_PROGRAM_BYTES};
use std::{
	fmt,
	net::{Ipv4Addr, SocketAddr},
	path::PathBuf,
	sync::Arc,
	time::Duration,
};

use crate::error::StartError;

/// What an executor is told at start.
#[derive(Clone, Debug)]
pub struct Config {
	/// Where blobs, journal, token and lock live. Made when absent.
	pub folder: PathBuf,
	/// Address of the control listener. Port 0 takes a free one.
	pub control: SocketAddr,
	/// Address of the data listener; none, no data listener.
	pub data: Option<SocketAddr>,
	/// The bearer token. Without one the token of the folder is used, made when absent.
	pub token: Option<String>,
	/// Threads for computing; none, one per core.
	pub threads: Option<usize>,
	/// What computes.
	pub backend: BackendChoice,
	/// The chain that is served. Without one, the chain that the node first names.
	pub genesis: Option<Hash>,
	/// Bounds.
	pub limits: Limits,
}

impl Config {
	/// Control on a free loopback port, no data listener, everything else as it comes.
	pub fn new(folder: impl Into<PathBuf>) -> Self {
		Self {
			folder: folder.into(),
			control: loopback(),
			data: None,
			token: None,
			threads: None,
			backend: BackendChoice::Auto,
			genesis: None,
			limits: Limits::default(),
		}
	}

	/// As [`Config::new`], with a data listener on a free loopback port: what `--dev` means.
	pub fn dev(folder: impl Into<PathBuf>) -> Self {
		Self { data: Some(loopback()), ..Self::new(folder) }
	}
}

fn loopback() -> SocketAddr {
	SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// What computes.
#[derive(Clone, Default)]
pub enum BackendChoice {
	/// The best this machine has.
	#[default]
	Auto,
	/// The CPU backend.
	Cpu,
	/// The reference: slow, and the truth.
	Reference,
	/// A backend of the embedding program. It takes the same self-test as the others.
	Custom(Arc<dyn Backend>),
}

impl fmt::Debug for BackendChoice {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Auto => f.write_str("Auto"),
			Self::Cpu => f.write_str("Cpu"),
			Self::Reference => f.write_str("Reference"),
			Self::Custom(backend) => write!(f, "Custom({})", backend.name()),
		}
	}
}

/// Bounds on sizes, counts and times. Whatever exceeds one is refused with a code of its own.
#[derive(Clone, Debug)]
pub struct Limits {
	/// Largest weights blob.
	pub weights_bytes: u64,
	/// Largest input blob.
	pub input_bytes: u64,
	/// Largest output blob.
	pub output_bytes: u64,
	/// Disk that blobs may use together.
	pub store_bytes: u64,
	/// For how long inputs and outputs stay at least once their job is finished.
	pub keep: Duration,
	/// Memory for loaded models, counted by their weights.
	pub models_bytes: u64,
	/// Largest job, in compute units.
	pub job_units: u64,
	/// Jobs that wait at most.
	pub queue: usize,
	/// Finished jobs that are remembered.
	pub finished: usize,
	/// How often a job may fail, or take the executor down, before it stays failed.
	pub attempts: u32,
	/// Connections per listener.
	pub connections: usize,
	/// Longest long-poll; longer ones are cut to it.
	pub wait: Duration,
	/// Time for the head of a request.
	pub head: Duration,
	/// Longest pause inside a body, and of a client that does not read its answer.
	pub pause: Duration,
	/// Slowest body that is still taken, in bytes per second on average.
	pub slowest_bytes_per_second: u64,
	/// Time for work at hand when the executor stops.
	pub drain: Duration,
	/// Tenants that may be known.
	pub tenants: usize,
	/// How many blocks ahead a signed request may expire.
	pub expiry_blocks: u32,
	/// Bytes a tenant may send, and as many it may fetch, per window.
	pub tenant_window_bytes: u64,
	/// Length of that window.
	pub tenant_window: Duration,
	/// Bytes of inputs a tenant may keep on disk.
	pub tenant_total_bytes: u64,
	/// Length of the journal at which it is compacted, if it has also doubled since.
	pub journal_bytes: u64,
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
	fn default() -> Self {
		Self {
			weights_bytes: 4096 * MIB,
			input_bytes: 16 * MIB,
			output_bytes: 64 * MIB,
			store_bytes: 16 * 1024 * MIB,
			keep: Duration::from_secs(3600),
			models_bytes: 2048 * MIB,
			job_units: 100_000_000,
			queue: 256,
			finished: 65_536,
			attempts: 3,
			connections: 256,
			wait: Duration::from_secs(25),
			head: Duration::from_secs(15),
			pause: Duration::from_secs(10),
			slowest_bytes_per_second: 4096,
			drain: Duration::from_secs(10),
			tenants: 65_536,
			expiry_blocks: 1_200,
			tenant_window_bytes: 256 * MIB,
			tenant_window: Duration::from_secs(60),
			tenant_total_bytes: 1024 * MIB,
			journal_bytes: 4 * MIB,
		}
	}
}

impl Limits {
	/// Largest program blob: the bound of the protocol.
	pub const PROGRAM_BYTES: u64 = MAX_PROGRAM_BYTES as u64;
	/// Largest body of a job request.
	pub const REQUEST_BYTES: u64 = 16 * 1024;
	/// Largest head of a request.
	pub const HEAD_BYTES: usize = 16 * 1024;
	/// Most headers of a request.
	pub const HEADERS: usize = 64;

	/// Largest body of a list of tenants: in JSON each has 66 characters, quotes, comma and space.
	pub fn tenants_body_bytes(&self) -> u64 {
		(self.tenants as u64).saturating_mul(80).saturating_add(1024)
	}

	/// Refuses limits under which nothing could be served.
	pub(crate) fn check(&self) -> Result<(), StartError> {
		let least = [
			("queue", self.queue as u64),
			("finished", self.finished as u64),
			("attempts", u64::from(self.attempts)),
			("connections", self.connections as u64),
			("slowest_bytes_per_second", self.slowest_bytes_per_second),
			("store_bytes", self.store_bytes),
			("head", self.head.as_millis() as u64),
			("pause", self.pause.as_millis() as u64),
			("tenant_window", self.tenant_window.as_millis() as u64),
		];
		match least.into_iter().find(|(_, value)| *value == 0) {
			Some((name, _)) => Err(StartError::Limit { name, least: 1 }),
			None => Ok(()),
		}
	}
}
