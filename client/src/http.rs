//! What the two HTTP clients share: bounds, an executor's rejections and their next steps.

use crate::error::{mismatch, Error, Kind, Result};
use reqwest::{redirect, Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use std::time::Duration;

/// Longest body of a rejection that is read, in bytes.
const REJECTION_BYTES_MAX: usize = 64 << 10;
/// Longest part of what a service says that is shown, in characters.
const SAID_CHARS_MAX: usize = 400;

/// A client for a service that answers within `timeout`.
pub(crate) fn client(timeout: Duration) -> Result<Client> {
	build(Client::builder().timeout(timeout))
}

// An endpoint is somebody else's word: a redirect would send a signed request, or one with a token,
// to wherever it likes, hosts of this network included.
//
// And each request has a connection of its own. A service closes one on which nothing was asked for
// some seconds, such as while a client reads and hashes the weights that it sends next; a request
// that meets the close on its way fails, and nobody can say whether it was heard.
fn build(builder: ClientBuilder) -> Result<Client> {
	builder
		.redirect(redirect::Policy::none())
		.pool_max_idle_per_host(0)
		.build()
		.map_err(|e| Error::new(Kind::Local, format!("cannot make an HTTP client: {e}")))
}

/// A client for answers that go on for as long as something of them comes every `pause`.
pub(crate) fn streaming_client(pause: Duration) -> Result<Client> {
	build(Client::builder().connect_timeout(pause).read_timeout(pause))
}

/// A client for bodies that take as long as they take: whoever sends one sees to its end.
pub(crate) fn upload_client(connect: Duration) -> Result<Client> {
	build(Client::builder().connect_timeout(connect))
}

/// Whether a rejection is of the moment: the same request may be taken later.
pub(crate) fn is_passing(code: &str) -> bool {
	matches!(code, "busy" | "stopping" | "too_slow" | "body_broken")
}

/// What a service answered.
pub(crate) enum Answer {
	/// 2xx.
	Done(Response),
	/// A rejection, with its stable code.
	Rejected { code: String, error: Error },
}

/// Sends a request. An error is a service that cannot be reached.
pub(crate) async fn send(request: RequestBuilder, whom: &str, url: &str) -> Result<Answer> {
	let response = request.send().await.map_err(|e| {
		Error::new(Kind::Unreachable, format!("{whom} at {url} does not answer: {}", innermost(&e)))
			.next(format!("is {whom} running, and reachable from here?"))
	})?;
	if response.status().is_success() {
		return Ok(Answer::Done(response));
	}
	let status = response.status();
	// A body that is too long, or breaks off, explains nothing; the status still does.
	let body = bounded_body(response, REJECTION_BYTES_MAX).await.unwrap_or_default();
	let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
	let code = body["code"].as_str().map_or_else(|| "unknown".into(), shown);
	let message = body["message"].as_str().map_or_else(|| status.to_string(), shown);
	let error = rejection(whom, status, &code, &message);
	Ok(Answer::Rejected { code, error })
}

/// What a service said, fit for a terminal: short, and without control characters.
pub(crate) fn shown(said: &str) -> String {
	said.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
}

// The outermost error of the HTTP client only says that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
	error.source().map_or_else(|| error.to_string(), innermost)
}

fn rejection(whom: &str, status: StatusCode, code: &str, message: &str) -> Error {
	let said = format!("{whom} refused ({}, {code}): {message}", status.as_u16());
	let error = Error::new(Kind::Refused, said);
	if status.is_redirection() {
		return error.next("redirects are not followed; the endpoint must be the service itself");
	}
	advised(error, code)
}

/// A rejection that comes inside of an answer.
pub(crate) fn told(whom: &str, code: &str, message: &str) -> Error {
	let (code, message) = (shown(code), shown(message));
	advised(Error::new(Kind::Refused, format!("{whom} refused ({code}): {message}")), &code)
}

/// Adds what to do about a code.
fn advised(error: Error, code: &str) -> Error {
	match code {
		"token_missing" | "token_wrong" => {
			error.next("give the file with the executor's token by --executor-token-file")
		},
		"tenant_unknown" => error.next("open a lease with this provider first"),
		"tenants_not_set" => error.next("the provider's node has not spoken to it yet; try again"),
		"too_large" => error.next("send a smaller one"),
		"store_full" | "queue_full" | "busy" | "stopping" | "too_slow" | "quota_window"
		| "quota_total" => error.next("try again later, or use another provider"),
		"job_foreign" => error.next("ask with the account that submitted the job, by --suri"),
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

#[cfg(test)]
mod tests {
	use super::*;
	use std::{
		io::{Read, Write},
		net::TcpListener,
		thread::JoinHandle,
	};

	/// A service that answers its first connection with `head`, and with zeros as long as they are
	/// read where `is_endless`. Tells how many bytes it could send.
	fn serve(head: String, is_endless: bool) -> (String, JoinHandle<usize>) {
		let listener = TcpListener::bind("127.0.0.1:0").unwrap();
		let url = format!("http://{}", listener.local_addr().unwrap());
		let thread = std::thread::spawn(move || {
			let (mut stream, _) = listener.accept().unwrap();
			let mut request = [0; 4096];
			let _ = stream.read(&mut request).unwrap();
			stream.write_all(head.as_bytes()).unwrap();
			let mut sent = 0;
			while is_endless && stream.write_all(&[b'0'; 4096]).is_ok() {
				sent += 4096;
			}
			sent
		});
		(url, thread)
	}

	async fn ask(url: &str) -> Answer {
		let client = client(Duration::from_secs(20)).unwrap();
		send(client.get(url), "the provider", url).await.unwrap()
	}

	fn rejected(answer: Answer) -> (String, Error) {
		match answer {
			Answer::Rejected { code, error } => (code, error),
			Answer::Done(response) => panic!("taken: {response:?}"),
		}
	}

	// The connection is closed by another thread than the one that waits for the service.
	#[tokio::test(flavor = "multi_thread")]
	async fn the_body_of_a_rejection_is_bounded() {
		let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 999999999999\r\n\r\n";
		let (url, thread) = serve(head.into(), true);
		let (code, error) = rejected(ask(&url).await);
		assert_eq!((code.as_str(), error.kind()), ("unknown", Kind::Refused));
		// What the sockets hold comes on top; without a bound it would never end.
		assert!(thread.join().unwrap() < 64 << 20);
	}

	#[tokio::test]
	async fn a_redirect_is_not_followed() {
		let inside = TcpListener::bind("127.0.0.1:0").unwrap();
		let to = inside.local_addr().unwrap();
		let head = format!(
			"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n"
		);
		let (url, _) = serve(head, false);
		let (_, error) = rejected(ask(&url).await);
		assert!(error.message().contains("307"));
		inside.set_nonblocking(true).unwrap();
		assert!(inside.accept().is_err());
	}

	#[tokio::test]
	async fn what_a_service_says_is_fit_for_a_terminal() {
		let said = format!(r#"{{"code":"busy","message":"\u001b[2J{}"}}"#, "x".repeat(1_000));
		let head = format!(
			"HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n{said}",
			said.len()
		);
		let (url, _) = serve(head, false);
		let (code, error) = rejected(ask(&url).await);
		assert_eq!(code, "busy");
		assert!(error.message().len() < 500 && !error.message().contains('\u{1b}'));
	}
}
