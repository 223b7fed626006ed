//! The data listener: for tenants, who sign every request.

use super::{
	count, digest_in_path, health, no_method, no_route, streams::get_stream, Listener, WaitQuery,
};
use crate::{
	blobs::{cost, hex, BlobKind},
	error::Error,
	tenants::Way,
};
use assay_program::wire::JobState;
use axum::{
	body::Body,
	extract::{Path, Request, State},
	http::{header, HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
	middleware::{from_fn, from_fn_with_state, Next},
	response::{IntoResponse, Response},
	routing::{get, put},
	Json, Router,
};
use std::time::Instant;

/// The digest of the output in the body.
pub const OUTPUT_DIGEST_HEADER: HeaderName = HeaderName::from_static("x-assay-output-digest");

/// The routes of the data listener.
pub(crate) fn router(listener: Listener) -> Router {
	Router::new()
		.route("/v1/health", get(health))
		.route("/v1/inputs/{digest}", put(put_input))
		.route("/v1/outputs/{digest}", get(get_output))
		.route("/v1/streams/{digest}", get(get_stream))
		.fallback(no_route)
		.method_not_allowed_fallback(no_method)
		.layer(from_fn(open_to_browsers))
		.layer(from_fn_with_state(listener.clone(), count))
		.with_state(listener)
}

/// Lets web pages of any origin use this listener: a request counts by its signature, and nothing
/// that a browser adds by itself has a meaning here.
async fn open_to_browsers(request: Request, next: Next) -> Response {
	let mut response = match request.method() {
		&Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
		_ => next.run(request).await,
	};
	let headers = [
		(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
		(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, PUT"),
		(
			header::ACCESS_CONTROL_ALLOW_HEADERS,
			"content-type, last-event-id, x-assay-account, x-assay-expiry, x-assay-signature",
		),
		(header::ACCESS_CONTROL_EXPOSE_HEADERS, "x-assay-error, x-assay-output-digest"),
		(header::ACCESS_CONTROL_MAX_AGE, "86400"),
	];
	for (name, value) in headers {
		response.headers_mut().insert(name, HeaderValue::from_static(value));
	}
	response
}

async fn put_input(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	headers: HeaderMap,
	body: Body,
) -> Result<StatusCode, Error> {
	let shared = &listener.shared;
	let digest = digest_in_path(&digest)?;
	let tenant = shared.register.authenticate(&headers, "PUT", &digest)?;
	// What a blob costs beside its bytes: many small ones are not free.
	shared.register.charge(&tenant, Way::In, cost(BlobKind::Input, true, 0))?;
	let charging = shared.clone();
	let charge = move |bytes| charging.register.charge(&tenant, Way::In, bytes);
	shared.put_blob(BlobKind::Input, digest, &headers, body, Some(tenant), charge).await
}

async fn get_output(
	State(listener): State<Listener>,
	Path(digest): Path<String>,
	query: WaitQuery,
	headers: HeaderMap,
) -> Result<Response, Error> {
	let shared = &listener.shared;
	let job = digest_in_path(&digest)?;
	let tenant = shared.register.authenticate(&headers, "GET", &job)?;
	let wait = shared.wait(query)?;
	let began = Instant::now();
	if shared.jobs.tenant(&job, wait).await? != tenant {
		return Err(Error::JobForeign);
	}
	let state = shared.jobs.state(&job, wait.saturating_sub(began.elapsed())).await?;
	let output = match state {
		JobState::Done { claim } => claim.output(),
		JobState::Failed { code } => return Err(Error::JobFailed { failure: code }),
		// Not a rejection: ask again.
		JobState::Queued | JobState::Running => {
			return Ok((StatusCode::ACCEPTED, Json(state)).into_response())
		},
	};
	let gone = || Error::OutputGone { output: hex(&output) };
	let bytes = shared.blobs.length(BlobKind::Output, &output).ok_or_else(gone)?;
	shared.register.charge(&tenant, Way::Out, bytes)?;
	let mut response = shared.get_blob(BlobKind::Output, &output).await?;
	if let Ok(value) = HeaderValue::from_str(&hex(&output)) {
		response.headers_mut().insert(OUTPUT_DIGEST_HEADER, value);
	}
	Ok(response)
}
