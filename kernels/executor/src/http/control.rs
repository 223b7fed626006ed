//! The control listener: for the node and its operator, who hold the token.

use super::{
	count, digest_in_path, health, no_method, no_route, whole, Listener, Shared, WaitQuery,
};
use crate::{
	blobs::{hex, BlobKind},
	config::Limits,
	error::Error,
	jobs::{ended, Class},
	metrics::Metrics,
};
use assay_program::{
	wire::{DutyKeyRequest, DutyRequest, JobRequest, Tenants},
	Hash,
};
use assay_trace::Question;
use axum::{
	body::Body,
	extract::{rejection::QueryRejection, Path, Query, Request, State},
	http::{header, HeaderMap, StatusCode},
	middleware::{from_fn_with_state, Next},
	response::{IntoResponse, Response},
	routing::{get, post, put},
	Json, Router,
};
use codec::{DecodeAll, Encode};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;

const SCALE: &str = "application/octet-stream";
/// Most digests of a kind that are listed.
const LISTED: usize = 1_024;

/// The routes of the control listener.
pub(crate) fn router(listener: Listener) -> Router {
	let guarded = Router::new()
		.route("/v1/capabilities", get(capabilities))
		.route("/v1/blobs/{kind}/{digest}", get(get_blob).put(put_blob))
		.route("/v1/models/{weights}/segments/{segment}", get(get_segment))
		.route("/v1/jobs/pinned", put(put_pinned))
		.route("/v1/jobs/{digest}", get(get_job).put(put_job))
		.route("/v1/traces/{digest}", post(post_trace))
		.route("/v1/traces/{digest}/answers", post(post_question))
		.route("/v1/tenants", put(put_tenants))
		.route("/v1/duty-key", get(get_duty_key))
		.route("/v1/duty-key/proof", post(post_duty_key_proof))
		.route("/v1/duty", post(post_duty))
		.route("/metrics", get(metrics))
		.fallback(no_route)
		.method_not_allowed_fallback(no_method)
		.layer(from_fn_with_state(listener.clone(), check_token));
	Router::new()
		.route("/v1/health", get(health))
		.method_not_allowed_fallback(no_method)
		.merge(guarded)
		.layer(from_fn_with_state(listener.clone(), count))
		.with_state(listener)
}

/// Lets a request pass that brings the token.
async fn check_token(State(listener): State<Listener>, request: Request, next: Next) -> Response {
	match has_token(request.headers(), &listener.shared.token) {
		Ok(()) => next.run(request).await,
		Err(error) => error.into_response(),
	}
}

fn has_token(headers: &HeaderMap, token: &str) -> Result<(), Error> {
	let value = headers.get(header::AUTHORIZATION).ok_or(Error::TokenMissing)?;
	let (scheme, given) =
		value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or(Error::TokenMissing)?;
	if !scheme.eq_ignore_ascii_case("bearer") {
		return Err(Error::TokenMissing);
	}
	// In constant time: how much of a guess was right must not show.
	match bool::from(given.trim().as_bytes().ct_eq(token.as_bytes())) {
		true => Ok(()),
		false => Err(Error::TokenWrong),
	}
}

/// Whether the client speaks SCALE.
fn speaks_scale(headers: &HeaderMap) -> bool {
	let says = |name| {
		let value = headers.get(name).and_then(|value| value.to_str().ok());
		value.is_some_and(|value| value.split(';').next().unwrap_or("").trim() == SCALE)
	};
	says(header::CONTENT_TYPE) || says(header::ACCEPT)
}

/// Reads a body in the client's language.
async fn read<T: DecodeAll + DeserializeOwned>(
	shared: &Shared,
	headers: &HeaderMap,
	body: Body,
	what: &'static str,
	limit: u64,
) -> Result<T, Error> {
	let bytes = whole(shared, body, what, limit).await?;
	let malformed = |reason: String| Error::BodyMalformed { reason };
	let is_scale = headers.get(header::CONTENT_TYPE).is_some() && speaks_scale(headers);
	match is_scale {
		true => T::decode_all(&mut bytes.as_slice()).map_err(|e| malformed(e.to_string())),
		false => serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string())),
	}
}

/// Reads a body that is in SCALE alone, as the chain's worker sends it.
async fn read_scale<T: DecodeAll>(
	shared: &Shared,
	body: Body,
	what: &'static str,
	limit: u64,
) -> Result<T, Error> {
	let bytes = whole(shared, body, what, limit).await?;
	T::decode_all(&mut bytes.as_slice())
		.map_err(|error| Error::BodyMalformed { reason: error.to_string() })
}

/// An answer in SCALE.
fn scale(value: &impl Encode) -> Response {
	([(header::CONTENT_TYPE, SCALE)], value.encode()).into_response()
}

/// Answers with the state of a job or trace in the client's language.
fn answer(headers: &HeaderMap, state: &(impl Encode + Serialize)) -> Response {
	match speaks_scale(headers) {
		true => scale(state),
		false => Json(state).into_response(),
	}
}

async fn capabilities(State(listener): State<Listener>) -> Response {
	let shared = &listener.shared;
	let list = |kind| shared.blobs.list(kind, LISTED).iter().map(hex).collect::<Vec<_>>();
	let models = shared.models.list();
	let models: Vec<_> = models
		.iter()
		.map(|(program, weights)| json!({ "program": hex(program), "weights": hex(weights) }))
		.collect();
	Json(json!({
		"version": env!("CARGO_PKG_VERSION"),
		"genesis": shared.register.genesis().as_ref().map(hex),
		"backend": shared.chosen.backend.name(),
		"backends": shared.chosen.probe.backends,
		"devices": shared.chosen.probe.devices,
		"gpu": shared.chosen.probe.gpu,
		"models": models,
		"programs": list(BlobKind::Program),
		"weights": list(BlobKind::Weights),
		"queue": { "len": shared.jobs.open(Class::Paid), "bound": shared.limits.queue },
		"watched": { "len": shared.jobs.open(Class::Watch), "bound": shared.limits.watched },
	}))
	.into_response()
}

async fn put_blob(
	State(listener): State<Listener>,
	Path((kind, digest)): Path<(String, String)>,
	headers: HeaderMap,
	body: Body,
) -> Result<StatusCode, Error> {
	let (kind, digest) = (kind.parse::<BlobKind>()?, digest_in_path(&digest)?);
	listener.shared.put_blob(kind, digest, &headers, body, None, |_| Ok(())).await
}

async fn get_blob(
	State(listener): State<Listener>,
	Path((kind, digest)): Path<(String, String)>,
) -> Result<Response, Error> {
	let (kind, digest) = (kind.parse::<BlobKind>()?, digest_in_path(&digest)?);
	listener.shared.get_blob(kind, &digest).await
}

/// In SCALE alone, as the chain takes it.
async fn get_segment(
	State(listener): State<Listener>,
	Path((weights, segment)): Path<(String, String)>,
) -> Result<Response, Error> {
	let weights = digest_in_path(&weights)?;
	let segment = segment.parse().map_err(|_| Error::RouteUnknown)?;
	Ok(scale(&listener.shared.segment(weights, segment).await?))
}

/// The query of a job that is handed in.
#[derive(Debug, Deserialize)]
struct HandedIn {
	#[serde(default)]
	class: Class,
}

async fn put_job(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	query: Result<Query<HandedIn>, QueryRejection>,
	headers: HeaderMap,
	body: Body,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let job = digest_in_path(&digest)?;
	let Query(HandedIn { class }) = query.map_err(|_| Error::QueryMalformed)?;
	let request: JobRequest =
		read(shared, &headers, body, "job request", Limits::REQUEST_BYTES).await?;
	shared.register.check_genesis(&request.genesis)?;
	let state = shared.jobs.submit(job, request, class).await?;
	let status = match ended(&state) {
		true => StatusCode::OK,
		false => StatusCode::ACCEPTED,
	};
	Ok((status, answer(&headers, &state)).into_response())
}

async fn put_pinned(State(listener): State<Listener>, body: Body) -> Result<StatusCode, Error> {
	let shared = &listener.shared;
	let jobs: Vec<Hash> =
		read_scale(shared, body, "list of pinned jobs", Limits::PINNED_BYTES).await?;
	shared.jobs.pin(jobs.into_iter().collect()).await?;
	Ok(StatusCode::NO_CONTENT)
}

async fn get_job(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	query: WaitQuery,
	headers: HeaderMap,
) -> Result<Response, Error> {
	let job = digest_in_path(&digest)?;
	let wait = listener.shared.wait(query)?;
	let state = listener.shared.jobs.state(&job, wait).await?;
	Ok(answer(&headers, &state))
}

async fn post_trace(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	query: WaitQuery,
	headers: HeaderMap,
	body: Body,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let (job, wait) = (digest_in_path(&digest)?, shared.wait(query)?);
	let request: JobRequest =
		read(shared, &headers, body, "job request", Limits::REQUEST_BYTES).await?;
	shared.register.check_genesis(&request.genesis)?;
	let state = shared.traces.submit(job, request, wait).await?;
	Ok(answer(&headers, &state))
}

/// In SCALE alone, as the chain takes it.
async fn post_question(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	query: WaitQuery,
	body: Body,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let (job, wait) = (digest_in_path(&digest)?, shared.wait(query)?);
	let question: Question = read_scale(shared, body, "question", Limits::QUESTION_BYTES).await?;
	match shared.traces.ask(&job, question, wait).await? {
		Some(answer) => Ok(scale(&answer)),
		None => Ok(StatusCode::ACCEPTED.into_response()),
	}
}

async fn put_tenants(
	State(listener): State<Listener>,
	headers: HeaderMap,
	body: Body,
) -> Result<StatusCode, Error> {
	let shared = &listener.shared;
	let limit = shared.limits.tenants_body_bytes();
	let tenants: Tenants = read(shared, &headers, body, "list of tenants", limit).await?;
	shared.register.set(tenants)?;
	Ok(StatusCode::NO_CONTENT)
}

async fn get_duty_key(State(listener): State<Listener>, headers: HeaderMap) -> Response {
	let public = listener.shared.duty_key.public();
	match speaks_scale(&headers) {
		true => scale(&public),
		false => Json(json!({ "public": hex(&public) })).into_response(),
	}
}

async fn post_duty_key_proof(
	State(listener): State<Listener>,
	body: Body,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let request: DutyKeyRequest =
		read_scale(shared, body, "duty key request", Limits::DUTY_KEY_REQUEST_BYTES).await?;
	shared.register.check_genesis(&request.genesis)?;
	shared.metrics.duty_proofs.inc();
	Ok(scale(&shared.duty_key.agree(&request)))
}

async fn post_duty(State(listener): State<Listener>, body: Body) -> Result<Response, Error> {
	let shared = &listener.shared;
	let request: DutyRequest =
		read_scale(shared, body, "duty request", Limits::DUTY_REQUEST_BYTES).await?;
	shared.register.check_genesis(&request.genesis)?;
	shared.metrics.duties.inc();
	Ok(scale(&shared.duty_key.evaluate(&request)))
}

async fn metrics(State(listener): State<Listener>) -> Response {
	let text = listener.shared.metrics.text();
	([(header::CONTENT_TYPE, Metrics::TEXT)], text).into_response()
}
