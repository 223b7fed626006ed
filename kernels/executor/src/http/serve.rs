//! Connections: how many, how slow, and how they end.

use super::{
	places::{Place, Places, Seat},
	Listener,
};
use crate::error::Error;
use axum::Router;
use hyper::{
	body::Incoming,
	server::conn::http1,
	service::{service_fn, Service},
	Request,
};
use hyper_util::{
	rt::{TokioIo, TokioTimer},
	service::TowerToHyperService,
};
use std::{
	future::Future,
	io,
	pin::{pin, Pin},
	sync::Arc,
	task::{Context, Poll},
	time::Duration,
};
use tokio::{
	io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
	net::{TcpListener, TcpStream},
	sync::{OwnedSemaphorePermit, Semaphore},
	time::{sleep, timeout, Instant, Sleep},
};
use tokio_util::task::TaskTracker;

use crate::config::Limits;

/// How many connections above the bound are told so at the same time; more are just closed.
const TURNED_AWAY: usize = 32;
/// How long one of those has to take the answer.
const TURNED_AWAY_TIME: Duration = Duration::from_secs(2);
/// How long to wait when the system has no more sockets.
const NO_SOCKET_PAUSE: Duration = Duration::from_millis(100);

/// Serves a listener until the executor stops; its connections are tasks of `tracker`.
pub(crate) async fn serve(
	socket: TcpListener,
	router: Router,
	listener: Listener,
	tracker: TaskTracker,
) {
	let shared = listener.shared.clone();
	let per_address = listener.public.then_some(shared.limits.connections_per_address);
	let places = Places::new(shared.limits.connections, per_address);
	let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
	loop {
		let (stream, peer) = tokio::select! {
			biased;
			() = shared.stop.cancelled() => return,
			accepted = socket.accept() => match accepted {
				Ok(accepted) => accepted,
				Err(error) => {
					tracing::warn!(listener = listener.name, %error, "no connection taken");
					sleep(NO_SOCKET_PAUSE).await;
					continue;
				},
			},
		};
		// Answers are small and waited for.
		let _ = stream.set_nodelay(true);
		match places.take(peer.ip()) {
			Ok(place) => {
				tracker.spawn(connection(stream, router.clone(), listener.clone(), place));
			},
			Err(connections) => {
				shared.metrics.rejections.with_label_values(&["busy"]).inc();
				if let Ok(place) = turned_away.clone().try_acquire_owned() {
					tracker.spawn(turn_away(stream, Error::Busy { connections }, place));
				}
			},
		}
	}
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, router: Router, listener: Listener, place: Place) {
	let (shared, seat) = (&listener.shared, place.seat.clone());
	let open = shared.metrics.connections.with_label_values(&[listener.name]);
	open.inc();
	let stream = TokioIo::new(Patient::new(stream, &shared.limits, seat.clone()));
	let (service, serving) = (TowerToHyperService::new(router), seat.clone());
	let service = service_fn(move |mut request: Request<Incoming>| {
		// An answer that goes on after its head keeps the place busy by itself.
		request.extensions_mut().insert(serving.clone());
		let (at_work, answer) = (serving.serve(), service.call(request));
		async move {
			let answer = answer.await;
			drop(at_work);
			answer
		}
	});
	let connection = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(shared.limits.head)
		.max_headers(Limits::HEADERS)
		.max_buf_size(Limits::HEAD_BYTES)
		.serve_connection(stream, service);
	let mut connection = pin!(connection);
	let result = tokio::select! {
		result = connection.as_mut() => result,
		// Nothing is under way on it, and somebody else needs the place.
		() = seat.leave.cancelled() => Ok(()),
		() = shared.stop.cancelled() => {
			// The request at hand is answered, then the connection ends.
			connection.as_mut().graceful_shutdown();
			tokio::select! {
				result = connection => result,
				() = shared.cut.cancelled() => Ok(()),
			}
		},
	};
	if let Err(error) = result {
		tracing::debug!(listener = listener.name, %error, "connection ended early");
	}
	open.dec();
	drop(place);
}

/// Tells a client that there is no place, whatever it wants.
async fn turn_away(mut stream: TcpStream, error: Error, place: OwnedSemaphorePermit) {
	let body = error.body();
	let head = format!(
		"HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
		 x-assay-error: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n",
		error.status(),
		body.len(),
		error.code(),
	);
	let answer = async {
		// Clients take an answer only to something they have asked.
		let mut unread = [0u8; 1024];
		if stream.read(&mut unread).await? == 0 {
			return Ok(());
		}
		stream.write_all(head.as_bytes()).await?;
		stream.write_all(&body).await?;
		stream.shutdown().await?;
		// Closing with bytes unread would take the answer back.
		while stream.read(&mut unread).await? > 0 {}
		io::Result::Ok(())
	};
	// A client that does not take it gets nothing.
	let _ = timeout(TURNED_AWAY_TIME, answer).await;
	drop(place);
}

/// A stream that gives up on a peer that says nothing at first, or does not take what is written.
struct Patient {
	stream: TcpStream,
	pause: Duration,
	/// Runs until the first byte has come.
	silent: Option<Pin<Box<Sleep>>>,
	/// Runs while a write waits.
	stuck: Option<Pin<Box<Sleep>>>,
	seat: Arc<Seat>,
}

impl Patient {
	fn new(stream: TcpStream, limits: &Limits, seat: Arc<Seat>) -> Self {
		let silent = Some(Box::pin(sleep(limits.first_byte)));
		Self { stream, pause: limits.pause, silent, stuck: None, seat }
	}

	/// Passes on what a write came to, unless it has waited for too long.
	fn watch<T>(
		&mut self,
		context: &mut Context<'_>,
		written: Poll<io::Result<T>>,
	) -> Poll<io::Result<T>> {
		if written.is_ready() {
			self.stuck = None;
			self.seat.moved(false);
			return written;
		}
		self.seat.moved(true);
		let until = Instant::now() + self.pause;
		let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
		match stuck.as_mut().poll(context) {
			Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
			Poll::Pending => Poll::Pending,
		}
	}
}

impl AsyncRead for Patient {
	fn poll_read(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		buffer: &mut ReadBuf<'_>,
	) -> Poll<io::Result<()>> {
		let read = Pin::new(&mut self.stream).poll_read(context, buffer);
		if read.is_ready() {
			self.silent = None;
			self.seat.moved(self.stuck.is_some());
			return read;
		}
		match self.silent.as_mut().map(|silent| silent.as_mut().poll(context)) {
			Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
			_ => Poll::Pending,
		}
	}
}

impl AsyncWrite for Patient {
	fn poll_write(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		bytes: &[u8],
	) -> Poll<io::Result<usize>> {
		let written = Pin::new(&mut self.stream).poll_write(context, bytes);
		self.watch(context, written)
	}

	fn poll_write_vectored(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		bytes: &[io::IoSlice<'_>],
	) -> Poll<io::Result<usize>> {
		let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
		self.watch(context, written)
	}

	fn is_write_vectored(&self) -> bool {
		self.stream.is_write_vectored()
	}

	fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let flushed = Pin::new(&mut self.stream).poll_flush(context);
		self.watch(context, flushed)
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let shut = Pin::new(&mut self.stream).poll_shutdown(context);
		self.watch(context, shut)
	}
}
