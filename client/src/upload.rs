//! Bodies on their way out: a piece at a time, for as long as somebody takes them.

use crate::{
	error::{Error, Kind, Result},
	http::{self, Answer},
};
use assay_program::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::RequestBuilder;
use std::{
	convert::Infallible,
	future::Future,
	pin::Pin,
	task::{Context, Poll},
	time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Longest time in which a service takes no piece of a body, nor answers after the last one: by
/// then it has to have written all of it to its disk.
pub(crate) const IDLE: Duration = Duration::from_secs(120);

/// A body that tells how much of it was taken.
#[derive(Debug)]
struct Told {
	rest: Bytes,
	/// Bytes that were taken so far.
	taken: watch::Sender<u64>,
}

impl Body for Told {
	type Data = Bytes;
	type Error = Infallible;

	fn poll_frame(
		mut self: Pin<&mut Self>,
		_: &mut Context<'_>,
	) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
		if self.rest.is_empty() {
			return Poll::Ready(None);
		}
		let length = PIECE.min(self.rest.len());
		let piece = self.rest.split_to(length);
		self.taken.send_modify(|taken| *taken = taken.saturating_add(length as u64));
		Poll::Ready(Some(Ok(Frame::data(piece))))
	}

	fn is_end_stream(&self) -> bool {
		self.rest.is_empty()
	}

	fn size_hint(&self) -> SizeHint {
		SizeHint::with_exact(self.rest.len() as u64)
	}
}

/// Sends a request with a body, which may take as long as it likes while some of it is taken every
/// `idle`. `tell` hears how many bytes are taken. The request must have no time of its own.
pub(crate) async fn send(
	request: RequestBuilder,
	bytes: Bytes,
	idle: Duration,
	(whom, url): (&str, &str),
	tell: impl Fn(u64),
) -> Result<Answer> {
	let (taken, mut hear) = watch::channel(0);
	let body = reqwest::Body::wrap(Told { rest: bytes, taken });
	let answer = http::send(request.body(body), whom, url);
	let mut answer = std::pin::pin!(answer);
	loop {
		match timeout(idle, progress(&mut answer, &mut hear)).await {
			Ok(Progress::Answer(answer)) => return answer,
			Ok(Progress::Taken(bytes)) => tell(bytes),
			Err(_) => return Err(stalled(whom, url, idle)),
		}
	}
}

/// What happens next to a body that is on its way.
enum Progress {
	Answer(Result<Answer>),
	Taken(u64),
}

async fn progress(
	answer: &mut (impl Future<Output = Result<Answer>> + Unpin),
	hear: &mut watch::Receiver<u64>,
) -> Progress {
	tokio::select! {
		biased;
		answer = &mut *answer => Progress::Answer(answer),
		Ok(()) = hear.changed() => Progress::Taken(*hear.borrow_and_update()),
		// The body is gone: only the answer is still to come.
		else => Progress::Answer(answer.await),
	}
}

fn stalled(whom: &str, url: &str, idle: Duration) -> Error {
	let seconds = idle.as_secs();
	Error::new(Kind::Unreachable, format!("{whom} at {url} took nothing for {seconds} seconds"))
		.next(format!("is {whom} running, and has its disk room? then try again"))
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{
		io::{Read, Write},
		net::{TcpListener, TcpStream},
		sync::{atomic::AtomicU64, atomic::Ordering::Relaxed, mpsc},
		thread::JoinHandle,
	};

	/// Far more than connections buffer: Linux lets a receiver's buffer grow to 32 MiB.
	const BYTES: usize = 64 << 20;
	/// Parts in which a slow service takes them.
	const PARTS: usize = 64;
	/// Parts that it takes slowly: while it does, some are still to be sent.
	const SLOW_PARTS: usize = 24;

	/// A service that treats its first connection as it is told to.
	fn service(treat: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
		let listener = TcpListener::bind("127.0.0.1:0").unwrap();
		let url = format!("http://{}", listener.local_addr().unwrap());
		(url, std::thread::spawn(move || treat(listener.accept().unwrap().0)))
	}

	fn read_head(stream: &mut TcpStream) {
		let mut head = Vec::new();
		while !head.ends_with(b"\r\n\r\n") {
			let mut byte = [0];
			stream.read_exact(&mut byte).unwrap();
			head.push(byte[0]);
		}
	}

	async fn put(url: &str, idle: Duration, tell: impl Fn(u64)) -> Result<Answer> {
		let request = http::upload_client(idle).unwrap().put(url);
		send(request, vec![1; BYTES].into(), idle, ("the service", url), tell).await
	}

	#[tokio::test]
	async fn a_body_takes_longer_than_its_service_may_rest() {
		let idle = Duration::from_secs(2);
		let (url, service) = service(move |mut stream| {
			// All of the request is read, heads too: a connection closed with something unread is
			// reset, and its answer may be lost.
			read_head(&mut stream);
			for part in 0..PARTS {
				stream.read_exact(&mut vec![0; BYTES / PARTS]).unwrap();
				// As slow as a busy disk, never as slow as one that has stopped. What is buffered is
				// taken at once: its sender waits for the answer and sees nothing taken.
				if part < SLOW_PARTS {
					std::thread::sleep(idle / 16);
				}
			}
			stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").unwrap();
		});
		let told = AtomicU64::new(0);
		let answer = put(&url, idle, |bytes| told.store(bytes, Relaxed)).await;
		assert!(matches!(answer, Ok(Answer::Done(_))));
		assert_eq!(told.into_inner(), BYTES as u64);
		service.join().unwrap();
	}

	#[tokio::test]
	async fn a_service_that_takes_nothing_more_is_given_up() {
		let (done, until) = mpsc::channel::<()>();
		let (url, service) = service(move |_stream| {
			let _ = until.recv();
		});
		let Err(error) = put(&url, Duration::from_millis(300), |_| {}).await else { panic!() };
		assert_eq!(error.kind(), Kind::Unreachable);
		assert!(error.message().contains("took nothing"), "{error}");
		drop(done);
		service.join().unwrap();
	}
}
