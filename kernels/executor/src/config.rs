//! What an executor is told at start, with a bound on everything.

use assay_program::{limits::MAX_LIVE_BYTES, Backend, Hash, MAX_PROGRAM_BYTES};
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
	/// For how long an input stays at least that no job has used.
	pub keep_unused: Duration,
	/// Memory for loaded models, counted by their weights.
	pub models_bytes: u64,
	/// Largest job, in compute units.
	pub job_units: u64,
	/// Largest job, in bytes of the tensors that it holds at once.
	pub job_bytes: u64,
	/// Paid jobs that wait or run at most.
	pub queue: usize,
	/// Watched jobs that wait or run at most, beside them.
	pub watched: usize,
	/// Finished jobs that are remembered.
	pub finished: usize,
	/// How often a job may fail, or take the executor down, before it stays failed.
	pub attempts: u32,
	/// Time after which a job may be tried again whose output found no place on disk, or that
	/// found none in a device's memory.
	pub retry: Duration,
	/// Traces that are kept, those that are being built included.
	pub traces: usize,
	/// Time to come for an answer about a trace, or for the word that it is built; until then it
	/// makes room for no other.
	pub unfetched: Duration,
	/// Connections per listener.
	pub connections: usize,
	/// Connections of the data listener from one address.
	pub connections_per_address: usize,
	/// Longest long-poll; longer ones are cut to it.
	pub wait: Duration,
	/// Most bytes that the output of a job may have for its steps to be streamed; as many are kept
	/// in memory while it runs.
	pub stream_bytes: u64,
	/// Pause of a stream after which it shows that it is alive.
	pub heartbeat: Duration,
	/// Longest stream, whether somebody reads it or not: one that is not over by then breaks off,
	/// and its client asks for the rest.
	pub stream: Duration,
	/// Time for the first byte of a connection.
	pub first_byte: Duration,
	/// Time for the head of a request, and between two requests of a connection.
	pub head: Duration,
	/// Longest pause inside a body, and of a client that does not read its answer.
	pub pause: Duration,
	/// Slowest body that is still taken, in bytes per second of the time it is waited for.
	pub slowest_bytes_per_second: u64,
	/// Time for work at hand when the executor stops.
	pub drain: Duration,
	/// Tenants that may be known.
	pub tenants: usize,
	/// How many blocks ahead a signed request may expire.
	pub expiry_blocks: u32,
	/// Bytes a tenant may send, the cost of files included, and as many it may fetch, per window.
	pub tenant_window_bytes: u64,
	/// Length of that window.
	pub tenant_window: Duration,
	/// Bytes of inputs a tenant may keep on disk, the cost of their files included.
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
			keep_unused: Duration::from_secs(300),
			models_bytes: 2048 * MIB,
			job_units: 100_000_000,
			job_bytes: MAX_LIVE_BYTES,
			queue: 256,
			watched: 64,
			finished: 65_536,
			attempts: 3,
			retry: Duration::from_secs(15),
			traces: 4,
			// Ten blocks of three seconds, of the 32 that the shortest move has: a worker asks in
			// every block, and a game that nobody plays on must not cost another one its time.
			unfetched: Duration::from_secs(30),
			connections: 256,
			connections_per_address: 32,
			wait: Duration::from_secs(25),
			stream_bytes: MIB,
			heartbeat: Duration::from_secs(5),
			stream: Duration::from_secs(600),
			first_byte: Duration::from_secs(3),
			head: Duration::from_secs(10),
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
	/// Largest body of a question about a trace.
	pub const QUESTION_BYTES: u64 = 256;
	/// The body of a request for a duty key's agreement: genesis hash and owner.
	pub const DUTY_KEY_REQUEST_BYTES: u64 = 64;
	/// The body of a request to evaluate a duty: four hashes and a slot.
	pub const DUTY_REQUEST_BYTES: u64 = 136;
	/// Jobs that the node may pin.
	pub const PINNED: usize = 4_096;
	/// Largest body of a list of pinned jobs: so many digests, and their number in two bytes.
	pub const PINNED_BYTES: u64 = Self::PINNED as u64 * 32 + 2;
	/// Questions about a trace whose answers are made or kept.
	pub const QUESTIONS: usize = 8;
	/// Largest head of a request.
	pub const HEAD_BYTES: usize = 16 * 1024;
	/// Most headers of a request.
	pub const HEADERS: usize = 64;

	/// Largest body of a list of tenants: in JSON each has 66 characters, quotes, comma and space.
	pub fn tenants_body_bytes(&self) -> u64 {
		(self.tenants as u64).saturating_mul(80).saturating_add(1024)
	}

	/// Disk that inputs may use together with programs and weights: a quarter stays free for
	/// outputs, so that no tenant can keep another one's job from its result.
	pub fn inputs_bytes(&self) -> u64 {
		self.store_bytes - self.store_bytes / 4
	}

	/// Refuses limits under which nothing could be served.
	pub(crate) fn check(&self) -> Result<(), StartError> {
		let least = [
			("queue", self.queue as u64),
			("finished", self.finished as u64),
			("attempts", u64::from(self.attempts)),
			("traces", self.traces as u64),
			("connections", self.connections as u64),
			("connections_per_address", self.connections_per_address as u64),
			("slowest_bytes_per_second", self.slowest_bytes_per_second),
			("store_bytes", self.store_bytes),
			("heartbeat", self.heartbeat.as_millis() as u64),
			("stream", self.stream.as_millis() as u64),
			("first_byte", self.first_byte.as_millis() as u64),
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
