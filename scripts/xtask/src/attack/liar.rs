//! An executor that lies: everything that a node asks of it for one model it does on other weights,
//! and it stands by it in every game with a trace that is right for those.
//!
//! It is a proxy before a real executor. Nothing of it is in what is released.

use anyhow::{Context, Result};
use assay_program::{wire::JobRequest, Hash};
use axum::{
	body::{to_bytes, Body},
	extract::{Request, State},
	http::{HeaderMap, StatusCode},
	response::{IntoResponse, Response},
	Router,
};
use codec::{DecodeAll, Encode};
use std::{
	collections::BTreeMap,
	net::SocketAddr,
	sync::{
		atomic::{AtomicBool, Ordering::Relaxed},
		Arc, Mutex, PoisonError,
	},
};
use tokio::{net::TcpListener, task::AbortHandle};

/// Longest request or answer that is passed on.
const BYTES_MAX: usize = 64 << 20;
/// What an answer tells in its head.
const HEADERS: [&str; 2] = ["content-type", "x-assay-error"];

/// Which weights are taken for which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swap {
	/// Those of the model.
	pub(super) from: Hash,
	/// Those that are used.
	pub(super) to: Hash,
}

/// A running liar. It ends with this value.
pub(super) struct Liar {
	address: SocketAddr,
	lies: Arc<Lies>,
	task: AbortHandle,
}

struct Lies {
	upstream: SocketAddr,
	swap: Swap,
	client: reqwest::Client,
	/// Whether new jobs are computed as they should be.
	is_honest: AtomicBool,
	/// Digests of jobs as the executor knows them, by those that the node knows.
	jobs: Mutex<BTreeMap<String, String>>,
}

impl Liar {
	/// Listens on a free port for what is meant for `upstream`.
	pub(super) async fn start(upstream: SocketAddr, swap: Swap) -> Result<Self> {
		let listener = TcpListener::bind("127.0.0.1:0").await?;
		let address = listener.local_addr()?;
		let (client, jobs) = (reqwest::Client::new(), Mutex::default());
		let lies = Arc::new(Lies { upstream, swap, client, is_honest: false.into(), jobs });
		let router = Router::new().fallback(pass).with_state(Arc::clone(&lies));
		let serve = async move { axum::serve(listener, router).await };
		Ok(Self { address, lies, task: tokio::spawn(serve).abort_handle() })
	}

	/// Whether it tells the truth about jobs that it has not heard of yet.
	pub(super) fn set_honest(&self, is_honest: bool) {
		self.lies.is_honest.store(is_honest, Relaxed);
	}

	/// Where it listens.
	pub(super) fn url(&self) -> String {
		format!("http://{}", self.address)
	}
}

impl Drop for Liar {
	fn drop(&mut self) {
		self.task.abort();
	}
}

impl Lies {
	/// The path by which the executor knows what the node asks for.
	fn path(&self, path: &str) -> String {
		let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
		let known = jobs.iter().find(|(digest, _)| path.contains(digest.as_str()));
		known.map_or_else(|| path.into(), |(digest, other)| path.replace(digest, other))
	}

	/// The body, with a job on the right weights turned into the same on the wrong ones.
	fn body(&self, body: Vec<u8>) -> Vec<u8> {
		let Ok(mut job) = JobRequest::decode_all(&mut &body[..]) else { return body };
		if job.weights != self.swap.from {
			return body;
		}
		let digest = hex::encode(job.digest());
		let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
		if self.is_honest.load(Relaxed) && !jobs.contains_key(&digest) {
			return body;
		}
		job.weights = self.swap.to;
		jobs.insert(digest, hex::encode(job.digest()));
		job.encode()
	}

	async fn forward(&self, request: Request<Body>) -> Result<Response> {
		let (head, body) = request.into_parts();
		let body = self.body(to_bytes(body, BYTES_MAX).await?.to_vec());
		let target = head.uri.path_and_query().context("no path")?.as_str();
		let url = format!("http://{}{}", self.upstream, self.path(target));
		let mut onward = self.client.request(head.method, url).body(body);
		for name in ["authorization", "content-type", "accept"] {
			if let Some(value) = head.headers.get(name) {
				onward = onward.header(name, value);
			}
		}
		let answer = onward.send().await?;
		let (status, mut headers) = (answer.status(), HeaderMap::new());
		for name in HEADERS {
			if let Some(value) = answer.headers().get(name) {
				headers.insert(name, value.clone());
			}
		}
		Ok((status, headers, answer.bytes().await?).into_response())
	}
}

async fn pass(State(lies): State<Arc<Lies>>, request: Request<Body>) -> Response {
	lies.forward(request)
		.await
		.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
}
