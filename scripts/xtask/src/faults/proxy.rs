//! Stands between a node and its executor and does what a bad network or a bad executor does.

use anyhow::{bail, ensure, Context, Result};
use assay_program::{wire::JobState, Claim};
use codec::{DecodeAll, Encode};
use std::{net::SocketAddr, time::Duration};
use tokio::{
	io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
	net::{TcpListener, TcpStream},
	sync::watch,
	task::AbortHandle,
};

/// Longer than the off-chain worker waits for an answer.
const DELAY: Duration = Duration::from_secs(3);
/// Longest answer that is passed on: those of the control listener are short.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What is done to answers on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
	/// Nothing.
	None,
	/// They come too late.
	Slow,
	/// Results carry another digest than what was computed.
	WrongDigest,
}

/// A running proxy. It ends with this value.
pub(super) struct Proxy {
	address: SocketAddr,
	fault: watch::Sender<Fault>,
	task: AbortHandle,
}

impl Proxy {
	/// Listens on a free port for what is meant for `upstream`.
	pub(super) async fn start(upstream: SocketAddr) -> Result<Self> {
		let listener = TcpListener::bind("127.0.0.1:0").await?;
		let address = listener.local_addr()?;
		let (fault, seen) = watch::channel(Fault::None);
		let serve = async move {
			while let Ok((client, _)) = listener.accept().await {
				let seen = seen.clone();
				// A connection that breaks is what this is for.
				tokio::spawn(async move { pass(client, upstream, seen).await.ok() });
			}
		};
		Ok(Self { address, fault, task: tokio::spawn(serve).abort_handle() })
	}

	/// Where it listens.
	pub(super) fn url(&self) -> String {
		format!("http://{}", self.address)
	}

	/// What happens from now on.
	pub(super) fn set(&self, fault: Fault) {
		self.fault.send_replace(fault);
	}
}

impl Drop for Proxy {
	fn drop(&mut self) {
		self.task.abort();
	}
}

async fn pass(
	client: TcpStream,
	upstream: SocketAddr,
	fault: watch::Receiver<Fault>,
) -> Result<()> {
	let server = TcpStream::connect(upstream).await?;
	let (mut from_client, to_client) = client.into_split();
	let (from_server, mut to_server) = server.into_split();
	let requests = async {
		tokio::io::copy(&mut from_client, &mut to_server).await?;
		// The client has no more requests, but may still wait for an answer.
		to_server.shutdown().await?;
		Ok(())
	};
	tokio::try_join!(requests, answers(BufReader::new(from_server), to_client, fault))?;
	Ok(())
}

/// Passes on one answer after the other.
async fn answers(
	mut from: BufReader<tokio::net::tcp::OwnedReadHalf>,
	mut to: tokio::net::tcp::OwnedWriteHalf,
	fault: watch::Receiver<Fault>,
) -> Result<()> {
	loop {
		let mut head = Vec::new();
		let mut length = 0usize;
		loop {
			let begun = head.len();
			if from.read_until(b'\n', &mut head).await? == 0 {
				return Ok(());
			}
			ensure!(head.len() < ANSWER_BYTES_MAX, "the head has no end");
			let line = std::str::from_utf8(&head[begun..])?.trim().to_ascii_lowercase();
			ensure!(!line.starts_with("transfer-encoding"), "answers in chunks are not understood");
			if let Some(value) = line.strip_prefix("content-length:") {
				length = value.trim().parse().context("the length is no number")?;
			}
			if line.is_empty() {
				break;
			}
		}
		if length > ANSWER_BYTES_MAX {
			bail!("an answer of {length} bytes");
		}
		let mut body = vec![0; length];
		from.read_exact(&mut body).await?;
		let fault = *fault.borrow();
		match fault {
			Fault::None => {},
			Fault::Slow => tokio::time::sleep(DELAY).await,
			Fault::WrongDigest => falsify(&mut body),
		}
		to.write_all(&head).await?;
		to.write_all(&body).await?;
	}
}

/// Turns a result into another one of the same size; leaves everything else alone.
fn falsify(body: &mut [u8]) {
	if let Ok(JobState::Done { claim: Claim::Output { count, mut data } }) =
		JobState::decode_all(&mut &*body)
	{
		data[0] ^= 1;
		let claim = Claim::Output { count, data };
		body.copy_from_slice(&JobState::Done { claim }.encode());
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_results_are_falsified() {
		let claim = Claim::Output { count: 1, data: [7; 32] };
		let honest = JobState::Done { claim }.encode();
		let mut body = honest.clone();
		falsify(&mut body);
		assert_ne!(body, honest);
		falsify(&mut body);
		assert_eq!(body, honest);
		let mut text = b"{\"code\":\"job_unknown\"}".to_vec();
		falsify(&mut text);
		assert_eq!(text, b"{\"code\":\"job_unknown\"}");
	}
}
