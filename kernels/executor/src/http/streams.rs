//! The steps of a job as server-sent events.

use super::{digest_in_path, places::Seat, Listener, Shared};
use crate::{
	blobs::{hex, BlobKind},
	emitted::steps,
	error::Error,
	jobs::Watched,
	tenants::Way,
};
use assay_program::{
	wire::{JobState, EVENT_BYTES_MAX},
	Claim, Hash, Outcome,
};
use axum::{
	extract::{rejection::QueryRejection, Extension, Path, Query, State},
	http::{HeaderMap, HeaderName},
	response::{
		sse::{Event, KeepAlive, Sse},
		IntoResponse, Response,
	},
};
use codec::DecodeAll;
use futures::{stream, Stream};
use serde::Deserialize;
use serde_json::json;
use std::{
	collections::{hash_map::Entry, VecDeque},
	convert::Infallible,
	sync::{Arc, PoisonError},
	time::Duration,
};
use tokio::time::{sleep_until, Instant};

/// The number of the last step that a client has.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Most streams of one tenant at once: as many as a lease's jobs that are likely read at once.
const TENANT_STREAMS_MAX: u32 = 8;
/// What an event has beside its data: names of fields, ends of lines, and its id.
const EVENT_BYTES: u64 = 48;

/// The query of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
	wait_ms: Option<u64>,
	from: Option<u32>,
}

/// Streams the steps of a job, from the first one that the client has not.
pub(super) async fn get_stream(
	State(listener): State<Listener>,
	Extension(seat): Extension<Arc<Seat>>,
	Path(digest): Path<String>,
	query: Result<Query<Begin>, QueryRejection>,
	headers: HeaderMap,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let job = digest_in_path(&digest)?;
	let tenant = shared.register.authenticate(&headers, "GET", &job)?;
	let Query(begin) = query.map_err(|_| Error::QueryMalformed)?;
	let next = first_step(&headers, begin.from)?;
	let wait = Duration::from_millis(begin.wait_ms.unwrap_or(0)).min(shared.limits.wait);
	if shared.jobs.tenant(&job, wait).await? != tenant {
		return Err(Error::JobForeign);
	}
	let watched = shared.jobs.watch(&job)?;
	if let JobState::Failed { code } = *watched.state.borrow() {
		return Err(Error::JobFailed { failure: code });
	}
	if let Some(bytes) = watched.output_bytes {
		check_length(shared, bytes)?;
	}
	let (shared_too, ready) = (shared.clone(), VecDeque::new());
	let until = Instant::now() + shared.limits.stream;
	let steps = Steps { shared: shared_too, tenant, watched, next, ready, until };
	// It waits for the job, not for its client: no other connection may take its place.
	let open = (seat.serve(), Open::new(shared, tenant)?);
	let events = steps.events(open);
	let alive = KeepAlive::new().interval(shared.limits.heartbeat);
	Ok(Sse::new(events).keep_alive(alive).into_response())
}

/// The step to begin with. What the client has already counts for more than where it once began.
fn first_step(headers: &HeaderMap, from: Option<u32>) -> Result<u32, Error> {
	let Some(last) = headers.get(LAST_EVENT_ID) else { return Ok(from.unwrap_or(0)) };
	let last = last.to_str().ok().and_then(|last| last.parse::<u32>().ok());
	last.and_then(|last| last.checked_add(1)).ok_or(Error::QueryMalformed)
}

fn check_length(shared: &Shared, bytes: u64) -> Result<(), Error> {
	let limit = shared.limits.stream_bytes;
	match bytes > limit {
		true => Err(Error::NotStreamed { bytes, limit }),
		false => Ok(()),
	}
}

/// Counts a stream until it is dropped.
struct Open {
	shared: Arc<Shared>,
	tenant: Hash,
}

impl Open {
	/// Each stream keeps a connection for as long as its job takes, so nobody has all of them.
	fn new(shared: &Arc<Shared>, tenant: Hash) -> Result<Self, Error> {
		let mut streams = shared.streams.lock().unwrap_or_else(PoisonError::into_inner);
		let own = streams.entry(tenant).or_default();
		if *own >= TENANT_STREAMS_MAX {
			return Err(Error::StreamsTooMany { limit: TENANT_STREAMS_MAX });
		}
		*own = own.saturating_add(1);
		shared.metrics.streams.inc();
		Ok(Self { shared: shared.clone(), tenant })
	}
}

impl Drop for Open {
	fn drop(&mut self) {
		let mut streams = self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner);
		if let Entry::Occupied(mut own) = streams.entry(self.tenant) {
			match own.get().saturating_sub(1) {
				0 => drop(own.remove()),
				rest => drop(own.insert(rest)),
			}
		}
		self.shared.metrics.streams.dec();
	}
}

/// One client's way through the steps of a job.
struct Steps {
	shared: Arc<Shared>,
	tenant: Hash,
	watched: Watched,
	/// The next step that the client gets.
	next: u32,
	/// Events to be sent before anything else is looked at.
	ready: VecDeque<Next>,
	/// When it breaks off.
	until: Instant,
}

/// What comes next on a stream.
enum Next {
	Step(Vec<u8>),
	/// The last event: its name and data.
	Last(&'static str, String),
}

impl Steps {
	/// The events. `open` is dropped with them.
	fn events<T: Send + 'static>(
		self,
		open: T,
	) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
		stream::unfold(Some((self, open)), |state| async move {
			let (mut steps, open) = state?;
			match steps.next().await? {
				Next::Step(bytes) => match steps.step(&bytes) {
					Ok(event) => Some((Ok(event), Some((steps, open)))),
					Err(error) => Some((Ok(last("error", rejection(&error))), None)),
				},
				Next::Last(name, data) => Some((Ok(last(name, data)), None)),
			}
		})
	}

	/// The event of a step. Only what is sent is charged. No client takes an event that is longer
	/// than [`EVENT_BYTES_MAX`], so none is sent.
	fn step(&mut self, bytes: &[u8]) -> Result<Event, Error> {
		let ids: Vec<i32> =
			bytes.as_chunks::<4>().0.iter().map(|id| i32::from_le_bytes(*id)).collect();
		let data = json!({ "step": self.next, "ids": ids }).to_string();
		let length = EVENT_BYTES.saturating_add(data.len() as u64);
		let limit = EVENT_BYTES_MAX as u64;
		if length > limit {
			return Err(Error::NotStreamed { bytes: length, limit });
		}
		self.shared.register.charge(&self.tenant, Way::Out, length)?;
		let event = Event::default().id(self.next.to_string()).event("step").data(data);
		self.next = self.next.saturating_add(1);
		Ok(event)
	}

	/// What comes next; `None` where the stream breaks off: the executor stops, or it is too old.
	async fn next(&mut self) -> Option<Next> {
		loop {
			if Instant::now() >= self.until {
				return None;
			}
			if let Some(next) = self.ready.pop_front() {
				return Some(next);
			}
			// The state first: steps go only after it has become an end.
			let state = self.watched.state.borrow_and_update().clone();
			let new = self.watched.emitted.borrow_and_update().from(self.next);
			if !new.is_empty() {
				self.ready.extend(new.into_iter().map(Next::Step));
				continue;
			}
			match &state {
				JobState::Done { claim } => match self.rest(claim).await {
					Ok(rest) => self.ready.extend(rest),
					Err(error) => return Some(Next::Last("error", rejection(&error))),
				},
				JobState::Failed { .. } => {
					return Some(Next::Last("failed", json!(state).to_string()))
				},
				JobState::Queued | JobState::Running => self.wait(&state).await?,
			}
		}
	}

	/// Waits for something new; `None` when there will be nothing.
	async fn wait(&mut self, state: &JobState) -> Option<()> {
		let Watched { state: changing, emitted, .. } = &mut self.watched;
		tokio::select! {
			changed = changing.changed() => changed.ok(),
			changed = emitted.changed() => changed.ok(),
			() = sleep_until(self.until) => None,
			// A run at hand may still end in the time to drain.
			() = self.shared.stop.cancelled(), if *state != JobState::Running => None,
		}
	}

	/// The rest of a job that is done, from its output, and the end.
	async fn rest(&self, claim: &Claim) -> Result<Vec<Next>, Error> {
		let output = claim.output();
		let gone = || Error::OutputGone { output: hex(&output) };
		let bytes = self.shared.blobs.length(BlobKind::Output, &output).ok_or_else(gone)?;
		check_length(&self.shared, bytes)?;
		let blob = self.shared.blobs.read(BlobKind::Output, &output).await.map_err(|_| gone())?;
		let outcome = Outcome::decode_all(&mut blob.as_slice()).map_err(|_| gone())?;
		let mut rest = match &outcome {
			Outcome::Output { count, data } => {
				let step_bytes = data.len().checked_div(*count as usize).unwrap_or(0);
				steps(data, step_bytes, self.next).into_iter().map(Next::Step).collect()
			},
			Outcome::Invalid(_) => Vec::new(),
		};
		let mut end = json!(JobState::Done { claim: *claim });
		end["output"] = hex(&output).into();
		rest.push(Next::Last("done", end.to_string()));
		Ok(rest)
	}
}

fn last(name: &'static str, data: String) -> Event {
	Event::default().event(name).data(data)
}

fn rejection(error: &Error) -> String {
	String::from_utf8(error.body()).unwrap_or_default()
}
