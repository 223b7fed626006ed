//! What the two HTTP clients share: an executor's rejections and their next steps.

use crate::error::{mismatch, Error, Kind, Result};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use std::time::Duration;

/// A client for a service that answers within `timeout`.
pub(crate) fn client(timeout: Duration) -> Result<Client> {
	Client::builder()
		.timeout(timeout)
		.build()
		.map_err(|e| Error::new(Kind::Local, format!("cannot make an HTTP client: {e}")))
}

/// What a service answered.
pub(crate) enum Answer {
	/// 2xx.
	Done(Response),
	/// A rejection, with its stable code.
	Rejected { code: String, error: Error },
}

/// Sends a request.
pub(crate) async fn send(request: RequestBuilder, whom: &str, url: &str) -> Result<Answer> {
	let response = request.send().await.map_err(|e| {
		Error::new(Kind::Unreachable, format!("{whom} at {url} does not answer: {}", innermost(&e)))
			.next(format!("is {whom} running, and reachable from here?"))
	})?;
	if response.status().is_success() {
		return Ok(Answer::Done(response));
	}
	let status = response.status();
	let body: serde_json::Value = response.json().await.unwrap_or_default();
	let code = body["code"].as_str().unwrap_or("unknown").to_string();
	let message = body["message"].as_str().map_or_else(|| status.to_string(), str::to_string);
	let error = rejection(whom, status, &code, &message);
	Ok(Answer::Rejected { code, error })
}

// The outermost error of the HTTP client only says that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
	error.source().map_or_else(|| error.to_string(), innermost)
}

fn rejection(whom: &str, status: StatusCode, code: &str, message: &str) -> Error {
	let error = Error::new(
		Kind::Refused,
		format!("{whom} refused ({}, {code}): {message}", status.as_u16()),
	);
	match code {
		"token_missing" | "token_wrong" => {
			error.next("give the file with the executor's token by --executor-token-file")
		},
		"tenant_unknown" => error.next("open a lease with this provider first"),
		"tenants_not_set" => error.next("the provider's node has not spoken to it yet; try again"),
		"too_large" => error.next("send a smaller one"),
		"store_full" | "queue_full" | "busy" | "quota_window" | "quota_total" => {
			error.next("try again later, or use another provider")
		},
		"output_gone" => error.next("the provider keeps outputs for a limited time; submit again"),
		_ => error,
	}
}

/// The body of a response, at most `max` bytes.
pub(crate) async fn bounded_body(mut response: Response, max: usize) -> Result<Vec<u8>> {
	let mut body = Vec::new();
	while let Some(chunk) = response
		.chunk()
		.await
		.map_err(|e| Error::new(Kind::Unreachable, format!("the answer broke off: {e}")))?
	{
		if body.len() + chunk.len() > max {
			return Err(mismatch(format!("the answer is longer than {max} bytes")));
		}
		body.extend_from_slice(&chunk);
	}
	Ok(body)
}
