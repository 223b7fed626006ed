//! The HTTP interface: two listeners with a router each, and what they share.

pub(crate) mod control;
pub(crate) mod data;
mod places;
pub(crate) mod serve;
mod streams;

use crate::{
	backend::Chosen,
	blobs::{digest_from_hex, hex, BlobKind, Blobs, Kept},
	config::Limits,
	duty::DutyKey,
	error::{Error, Rejected},
	jobs::Jobs,
	metrics::Metrics,
	models::Models,
	tenants::Register,
	traces::Traces,
};
use assay_program::Hash;
use assay_trace::Opening;
use axum::{
	body::{Body, BodyDataStream},
	extract::{rejection::QueryRejection, Query, Request, State},
	http::{header, HeaderMap, StatusCode},
	middleware::Next,
	response::{IntoResponse, Response},
	Json,
};
use bytes::Bytes;
use futures::{stream, Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use std::{
	collections::HashMap,
	pin::Pin,
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What is still read of a body that is refused, so that its sender sees the answer.
const LINGER_BYTES: u64 = 1 << 20;

/// What both listeners work with.
#[derive(Debug)]
pub(crate) struct Shared {
	pub(crate) blobs: Arc<Blobs>,
	pub(crate) jobs: Arc<Jobs>,
	pub(crate) models: Arc<Models>,
	pub(crate) traces: Arc<Traces>,
	pub(crate) register: Register,
	pub(crate) duty_key: DutyKey,
	pub(crate) metrics: Arc<Metrics>,
	pub(crate) limits: Limits,
	pub(crate) chosen: Chosen,
	pub(crate) token: String,
	/// Nothing new is taken.
	pub(crate) stop: CancellationToken,
	/// Nothing is waited for any more.
	pub(crate) cut: CancellationToken,
	/// How many streams each tenant has open.
	pub(crate) streams: Mutex<HashMap<Hash, u32>>,
	/// Uploads run as tasks of their own: one whose client leaves must still clean up.
	pub(crate) uploads: TaskTracker,
}

/// The state of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
	pub(crate) shared: Arc<Shared>,
	/// Its name in metrics.
	pub(crate) name: &'static str,
	/// Whether anybody may reach it.
	pub(crate) public: bool,
}

/// The query of a long-poll.
#[derive(Debug, Deserialize)]
pub(crate) struct Wait {
	wait_ms: Option<u64>,
}

/// A long-poll's query as it arrives.
pub(crate) type WaitQuery = Result<Query<Wait>, QueryRejection>;

impl Shared {
	/// How long a long-poll may wait.
	fn wait(&self, query: WaitQuery) -> Result<Duration, Error> {
		let Query(wait) = query.map_err(|_| Error::QueryMalformed)?;
		Ok(Duration::from_millis(wait.wait_ms.unwrap_or(0)).min(self.limits.wait))
	}

	/// A segment of weights. Where their list of segments has to be made again that goes on when the
	/// client does not wait for it: it takes longer than a worker may.
	async fn segment(self: &Arc<Self>, weights: Hash, segment: u64) -> Result<Opening, Error> {
		if let Some(opening) = self.blobs.segment(&weights, segment).await? {
			return Ok(opening);
		}
		let repair = self.blobs.repair(weights)?;
		self.uploads.spawn(repair).await.map_err(|error| {
			tracing::error!(%error, "a list of segments is not made again");
			Error::StoreFailed { reason: "see the log".into() }
		})??;
		let gone = || Error::BlobUnknown { kind: BlobKind::Weights.word(), digest: hex(&weights) };
		self.blobs.segment(&weights, segment).await?.ok_or_else(gone)
	}

	/// Keeps the body of a request as a blob. `charge` is asked for every piece.
	async fn put_blob(
		self: &Arc<Self>,
		kind: BlobKind,
		digest: Hash,
		headers: &HeaderMap,
		body: Body,
		owner: Option<Hash>,
		charge: impl Fn(u64) -> Result<(), Error> + Send + Sync + 'static,
	) -> Result<StatusCode, Error> {
		let limit = kind.limit(&self.limits);
		let announced = content_length(headers);
		let shared = self.clone();
		let upload = async move {
			let mut body = Box::pin(pieces(body, shared.limits.clone(), kind.word(), limit));
			let kept = match announced {
				Some(bytes) if bytes > limit => Err(Error::TooLarge { what: kind.word(), limit }),
				_ => {
					let charged = body.as_mut().map(|piece| {
						piece.and_then(|piece| charge(piece.len() as u64).map(|()| piece))
					});
					shared.blobs.put(kind, digest, charged, announced, owner).await
				},
			};
			if kept.is_err() {
				linger(body).await;
			}
			kept
		};
		match self.uploads.spawn(upload).await {
			Ok(Ok(Kept::New)) => Ok(StatusCode::CREATED),
			Ok(Ok(Kept::Already)) => Ok(StatusCode::OK),
			Ok(Err(error)) => Err(error),
			Err(error) => {
				tracing::error!(%error, "an upload ended without an answer");
				Err(Error::StoreFailed { reason: "see the log".into() })
			},
		}
	}

	/// A blob as a response.
	async fn get_blob(&self, kind: BlobKind, digest: &Hash) -> Result<Response, Error> {
		let (bytes, body) = self.blobs.stream(kind, digest).await?;
		let head = [
			(header::CONTENT_TYPE, "application/octet-stream".to_owned()),
			(header::CONTENT_LENGTH, bytes.to_string()),
		];
		Ok((head, Body::from_stream(body)).into_response())
	}
}

/// Reads what is left of a refused body, up to [`LINGER_BYTES`].
async fn linger(mut body: impl Stream<Item = Result<Bytes, Error>> + Unpin) {
	let mut read = 0u64;
	while let Some(Ok(piece)) = body.next().await {
		read = read.saturating_add(piece.len() as u64);
		if read > LINGER_BYTES {
			break;
		}
	}
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
	headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

struct Pieces {
	body: BodyDataStream,
	/// Time spent waiting for the sender. What the executor does with a piece is not its fault: a
	/// busy disk must not make an upload slow.
	waited: Duration,
	bytes: u64,
	limits: Limits,
	what: &'static str,
	limit: u64,
}

/// A body in pieces, bounded in size, in pauses and in how slowly it comes; not in time: a body
/// may take as long as it likes while something of it comes.
fn pieces(
	body: Body,
	limits: Limits,
	what: &'static str,
	limit: u64,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
	let (body, waited) = (body.into_data_stream(), Duration::ZERO);
	let pieces = Pieces { body, waited, bytes: 0, limits, what, limit };
	stream::unfold(pieces, |mut pieces| async move {
		let piece = pieces.next().await.transpose()?;
		Some((piece, pieces))
	})
	.fuse()
}

impl Pieces {
	async fn next(&mut self) -> Result<Option<Bytes>, Error> {
		let (limit, what) = (self.limit, self.what);
		let asked = Instant::now();
		let next = timeout(self.limits.pause, self.body.next()).await;
		self.waited = self.waited.saturating_add(asked.elapsed());
		let piece = match next.map_err(|_| Error::TooSlow)? {
			None => return Ok(None),
			Some(Err(_)) => return Err(Error::BodyBroken),
			Some(Ok(piece)) => piece,
		};
		self.bytes = self.bytes.saturating_add(piece.len() as u64);
		if self.bytes > limit {
			return Err(Error::TooLarge { what, limit });
		}
		// The first pause is free: it is also the time in which the connection gets going.
		let late = self.waited.saturating_sub(self.limits.pause);
		let least = self.limits.slowest_bytes_per_second.saturating_mul(late.as_secs());
		match self.bytes < least {
			true => Err(Error::TooSlow),
			false => Ok(Some(piece)),
		}
	}
}

/// A whole body of at most `limit` bytes.
async fn whole(
	shared: &Shared,
	body: Body,
	what: &'static str,
	limit: u64,
) -> Result<Vec<u8>, Error> {
	let mut body: Pin<Box<_>> = Box::pin(pieces(body, shared.limits.clone(), what, limit));
	let mut all = Vec::new();
	while let Some(piece) = body.next().await {
		all.extend_from_slice(&piece?);
	}
	Ok(all)
}

fn digest_in_path(text: &str) -> Result<Hash, Error> {
	digest_from_hex(text).ok_or(Error::DigestMalformed)
}

/// What a listener says of itself to anybody.
async fn health(State(listener): State<Listener>) -> Result<Response, Error> {
	let shared = &listener.shared;
	if shared.stop.is_cancelled() {
		return Err(Error::Stopping);
	}
	let genesis = shared.register.genesis().as_ref().map(hex);
	Ok(Json(json!({
		"status": "ok",
		"version": env!("CARGO_PKG_VERSION"),
		"listener": listener.name,
		"genesis": genesis,
	}))
	.into_response())
}

async fn no_route() -> Error {
	Error::RouteUnknown
}

async fn no_method() -> Error {
	Error::MethodNotAllowed
}

/// Counts every answer.
async fn count(State(listener): State<Listener>, request: Request, next: Next) -> Response {
	let (method, path) = (request.method().clone(), request.uri().path().to_owned());
	let began = Instant::now();
	let response = next.run(request).await;
	let status = response.status();
	let metrics = &listener.shared.metrics;
	metrics.requests.with_label_values(&[listener.name, status.as_str()]).inc();
	let code = response.extensions().get::<Rejected>().map(|rejected| rejected.0);
	if let Some(code) = code {
		metrics.rejections.with_label_values(&[code]).inc();
	}
	let micros = began.elapsed().as_micros() as u64;
	let name = listener.name;
	tracing::debug!(listener = name, %method, path, %status, code, micros, "answered");
	response
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{convert::Infallible, thread};

	#[tokio::test]
	async fn only_the_time_in_which_a_body_is_waited_for_makes_it_slow() {
		let pause = Duration::from_millis(50);
		let limits = Limits { pause, slowest_bytes_per_second: 1 << 40, ..Limits::default() };
		let sent = vec![Ok::<_, Infallible>(Bytes::from_static(b"x")); 3];
		let body = Body::from_stream(stream::iter(sent));
		let mut taken = Box::pin(pieces(body, limits, "input", 3));
		while let Some(piece) = taken.next().await {
			piece.unwrap();
			// A busy disk, or a busy machine.
			thread::sleep(Duration::from_millis(700));
		}
	}
}
