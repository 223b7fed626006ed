//! Clients that are slow, at every point at which one can be.

use crate::common::{blob_files, soon, Executor};
use assay_program::merkle;
use reqwest::Method;
use std::{
	net::Ipv4Addr,
	time::{Duration, Instant},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpSocket, TcpStream},
};

async fn connect(executor: &Executor) -> TcpStream {
	TcpStream::connect(&executor.handle.control_url()["http://".len()..]).await.unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
	let executor = Executor::limited(|limits| limits.head = Duration::from_millis(100)).await;
	let mut stream = connect(&executor).await;
	stream.write_all(b"GET /v1/health HTTP/1.1\r\nhost: ").await.unwrap();
	let mut answer = Vec::new();
	let _ = soon(stream.read_to_end(&mut answer)).await;
	let answer = String::from_utf8(answer).unwrap();
	assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut_off() {
	let executor = Executor::limited(|limits| limits.head = Duration::from_millis(100)).await;
	let mut stream = connect(&executor).await;
	let mut answer = Vec::new();
	let _ = soon(stream.read_to_end(&mut answer)).await;
}

#[tokio::test]
async fn the_first_byte_has_a_time_of_its_own() {
	let executor = Executor::limited(|limits| {
		limits.first_byte = Duration::from_millis(100);
		limits.head = Duration::from_secs(3600);
	})
	.await;
	let mut stream = connect(&executor).await;
	let mut answer = Vec::new();
	let _ = soon(stream.read_to_end(&mut answer)).await;
	assert!(answer.is_empty());
}

/// A connection to the data listener from one of this machine's own addresses.
async fn connect_from(executor: &Executor, last: u8) -> TcpStream {
	let socket = TcpSocket::new_v4().unwrap();
	socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
	let url = executor.handle.data_url().unwrap();
	socket.connect(url["http://".len()..].parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn an_address_that_takes_all_it_can_leaves_places_to_others() {
	let executor = Executor::limited(|limits| {
		limits.connections = 8;
		limits.connections_per_address = 4;
		limits.first_byte = Duration::from_secs(3600);
	})
	.await;
	let mut greedy = Vec::new();
	for _ in 0..8 {
		greedy.push(connect_from(&executor, 2).await);
	}
	let answer = executor.data(Method::GET, "/v1/health").send().await.unwrap();
	assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn connections_on_which_nothing_happens_make_room() {
	let executor = Executor::limited(|limits| {
		limits.connections = 4;
		limits.first_byte = Duration::from_secs(3600);
		limits.head = Duration::from_secs(3600);
	})
	.await;
	let mut idle = Vec::new();
	for last in 2..6 {
		idle.push(connect_from(&executor, last).await);
	}
	// One of them was served, and is kept open.
	idle[0].write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
	idle[0].read_exact(&mut [0; 12]).await.unwrap();
	let served = async {
		while executor.data(Method::GET, "/v1/health").send().await.unwrap().status() != 200 {
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
	};
	soon(served).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
	let executor = Executor::new().await;
	let mut stream = connect(&executor).await;
	let head = format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nx-large: {}", "x".repeat(20_000));
	stream.write_all(head.as_bytes()).await.unwrap();
	let mut status = [0; 12];
	soon(stream.read_exact(&mut status)).await.unwrap();
	assert_eq!(&status, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_body_that_pauses_is_refused_and_not_kept() {
	let executor = Executor::limited(|limits| limits.pause = Duration::from_millis(200)).await;
	let bytes = vec![1; 100_000];
	let mut stream = connect(&executor).await;
	let head = format!(
		"PUT /v1/blobs/input/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 content-length: {}\r\nconnection: close\r\n\r\n",
		hex::encode(merkle::blob(&bytes)),
		executor.handle.token(),
		bytes.len(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	stream.write_all(&bytes[..50_000]).await.unwrap();
	let mut answer = String::new();
	soon(stream.read_to_string(&mut answer)).await.unwrap();
	assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
	assert!(answer.contains("\"code\":\"too_slow\""), "{answer}");
	assert!(blob_files(executor.folder.path()).is_empty());
}

#[tokio::test]
async fn a_body_may_take_longer_than_any_pause_of_it() {
	let pause = Duration::from_secs(1);
	let executor = Executor::limited(|limits| limits.pause = pause).await;
	let bytes = vec![1; 100_000];
	let digest = merkle::blob(&bytes);
	let began = Instant::now();
	let mut stream = connect(&executor).await;
	let head = format!(
		"PUT /v1/blobs/weights/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 content-length: {}\r\nconnection: close\r\n\r\n",
		hex::encode(digest),
		executor.handle.token(),
		bytes.len(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	let mut tick = tokio::time::interval(pause / 5);
	for piece in bytes.chunks(bytes.len() / 15) {
		tick.tick().await;
		stream.write_all(piece).await.unwrap();
	}
	assert!(began.elapsed() > 2 * pause);
	let mut answer = String::new();
	soon(stream.read_to_string(&mut answer)).await.unwrap();
	assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn a_body_that_crawls_is_refused() {
	let executor = Executor::limited(|limits| {
		limits.pause = Duration::from_secs(1);
		limits.slowest_bytes_per_second = 1 << 30;
	})
	.await;
	let mut stream = connect(&executor).await;
	let head = format!(
		"PUT /v1/blobs/input/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
		hex::encode([1; 32]),
		executor.handle.token(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	// Never a pause, and never fast enough: each answer-less tenth of a second brings one byte.
	let mut tick = tokio::time::interval(Duration::from_millis(100));
	let mut answer = [0; 12];
	let began = Instant::now();
	loop {
		tokio::select! {
			_ = tick.tick() => if stream.write_all(b"1\r\nx\r\n").await.is_err() { break },
			read = stream.peek(&mut answer) => {
				assert_eq!(read.unwrap(), answer.len());
				assert_eq!(&answer, b"HTTP/1.1 408");
				break;
			},
		}
		assert!(began.elapsed() < Duration::from_secs(30));
	}
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_let_go() {
	let executor = Executor::limited(|limits| {
		limits.pause = Duration::from_millis(300);
		limits.drain = Duration::from_secs(50);
	})
	.await;
	let control = executor.control();
	// More than the buffers of two sockets take.
	let bytes = vec![1; 32 << 20];
	let digest = merkle::blob(&bytes);
	assert_eq!(control.put_blob("weights", &digest, &bytes).await.status(), 201);
	let mut stream = connect(&executor).await;
	let head = format!(
		"GET /v1/blobs/weights/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
		hex::encode(digest),
		executor.handle.token(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	let mut byte = [0; 1];
	stream.read_exact(&mut byte).await.unwrap();
	// A graceful stop waits for connections: it ends because this one was given up.
	let began = Instant::now();
	soon(executor.stop()).await;
	assert!(began.elapsed() < Duration::from_secs(40), "only the end of draining helped");
}
