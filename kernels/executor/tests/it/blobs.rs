//! The blob store over HTTP.

use crate::common::{assert_rejected, blob_files, Executor, Sample};
use assay_program::{merkle, program_digest, InvalidCode, Outcome};
use codec::Encode;
use reqwest::StatusCode;
use std::time::Duration;
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpStream,
};

#[tokio::test]
async fn keeps_blobs_of_every_kind_and_gives_them_back() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let output = Outcome::Invalid(InvalidCode::Token);
	let input = sample.input(1);
	let blobs = [
		("program", program_digest(&sample.program_bytes), sample.program_bytes.clone()),
		("weights", merkle::blob(&sample.weights), sample.weights.clone()),
		("input", merkle::blob(&input), input),
		("output", output.digest(), output.encode()),
	];
	for (kind, digest, bytes) in &blobs {
		let answer = control.put_blob(kind, digest, bytes).await;
		assert_eq!(answer.status(), StatusCode::CREATED, "{kind}");
		let answer = control.put_blob(kind, digest, bytes).await;
		assert_eq!(answer.status(), StatusCode::OK, "{kind} a second time");
		let path = format!("/v1/blobs/{kind}/0x{}", hex::encode(digest));
		let answer = control.get(&path).send().await.unwrap();
		assert_eq!(answer.status(), StatusCode::OK);
		assert_eq!(answer.bytes().await.unwrap(), *bytes, "{kind}");
		let url = format!("{}{path}", control.url);
		let head = control.http.head(url).bearer_auth(&control.token).send().await.unwrap();
		assert_eq!(head.status(), StatusCode::OK);
		assert_eq!(head.headers()["content-length"], bytes.len().to_string().as_str());
	}
	// Weights have a list of their segments beside them.
	assert_eq!(blob_files(executor.folder.path()).len(), blobs.len() + 1);
}

#[tokio::test]
async fn empty_input_has_a_digest_too() {
	let executor = Executor::new().await;
	let control = executor.control();
	let answer = control.put_blob("input", &merkle::blob(&[]), &[]).await;
	assert_eq!(answer.status(), StatusCode::CREATED);
	let answer = control.put_blob("input", &merkle::blob(&[0]), &[]).await;
	assert_rejected(answer, 422, "digest_mismatch").await;
}

#[tokio::test]
async fn refuses_bytes_of_another_digest_and_keeps_nothing() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	let (program, other) = (&sample.program_bytes, [9; 32]);
	assert_rejected(control.put_blob("program", &other, program).await, 422, "digest_mismatch")
		.await;
	for kind in ["weights", "input"] {
		let mut bytes = sample.weights.clone();
		let digest = merkle::blob(&bytes);
		*bytes.last_mut().unwrap() ^= 1;
		let answer = control.put_blob(kind, &digest, &bytes).await;
		let body = assert_rejected(answer, 422, "digest_mismatch").await;
		assert_eq!(body["detail"]["expected"], format!("0x{}", hex::encode(digest)));
		// A byte less is another blob, even a byte of padding.
		bytes.pop();
		let answer = control.put_blob(kind, &digest, &bytes).await;
		assert_rejected(answer, 422, "digest_mismatch").await;
		let path = format!("/v1/blobs/{kind}/{}", hex::encode(digest));
		let answer = control.get(&path).send().await.unwrap();
		assert_rejected(answer, 404, "blob_unknown").await;
	}
	let outcome = Outcome::Invalid(InvalidCode::Token).encode();
	let answer = control.put_blob("output", &other, &outcome).await;
	assert_rejected(answer, 422, "digest_mismatch").await;
	let answer = control.put_blob("output", &other, b"\xffno outcome").await;
	assert_rejected(answer, 422, "output_malformed").await;
	assert_eq!(blob_files(executor.folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn refuses_programs_that_do_not_validate() {
	let executor = Executor::new().await;
	let control = executor.control();
	let whole = Sample::small().program_bytes;
	let mut trailing = whole.clone();
	trailing.push(0);
	let broken: [&[u8]; 5] =
		[b"", b"not a program", &whole[..whole.len() - 1], &trailing, &[0xff; 65_536]];
	for bytes in broken {
		let answer = control.put_blob("program", &program_digest(bytes), bytes).await;
		assert_rejected(answer, 422, "program_invalid").await;
	}
	let large = vec![0; 65_537];
	let answer = control.put_blob("program", &program_digest(&large), &large).await;
	assert_rejected(answer, 413, "too_large").await;
	assert!(blob_files(executor.folder.path()).is_empty());
}

#[tokio::test]
async fn refuses_what_is_too_large_announced_or_not() {
	let executor = Executor::limited(|limits| limits.input_bytes = 10_000).await;
	let control = executor.control();
	let bytes = vec![1; 10_001];
	let digest = merkle::blob(&bytes);
	let body = assert_rejected(control.put_blob("input", &digest, &bytes).await, 413, "too_large");
	assert_eq!(body.await["detail"]["limit"], 10_000);
	// The same without saying how much is to come.
	let mut stream = TcpStream::connect(&control.url["http://".len()..]).await.unwrap();
	let head = format!(
		"PUT /v1/blobs/input/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n",
		hex::encode(digest),
		control.token,
		bytes.len(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	stream.write_all(&bytes).await.unwrap();
	stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
	let mut answer = String::new();
	stream.read_to_string(&mut answer).await.unwrap();
	assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
	assert!(answer.contains("\"code\":\"too_large\""), "{answer}");
	assert!(blob_files(executor.folder.path()).is_empty());
	// At the limit it is taken.
	let answer = control.put_blob("input", &merkle::blob(&bytes[..10_000]), &bytes[..10_000]).await;
	assert_eq!(answer.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
	let executor = Executor::new().await;
	let control = executor.control();
	let bytes = vec![1; 600_000];
	let mut stream = TcpStream::connect(&control.url["http://".len()..]).await.unwrap();
	let head = format!(
		"PUT /v1/blobs/input/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
		 content-length: {}\r\n\r\n",
		hex::encode(merkle::blob(&bytes)),
		control.token,
		bytes.len(),
	);
	stream.write_all(head.as_bytes()).await.unwrap();
	stream.write_all(&bytes[..500_000]).await.unwrap();
	stream.shutdown().await.unwrap();
	// To the end of whatever comes.
	let mut answer = Vec::new();
	let _ = stream.read_to_end(&mut answer).await;
	let folder = executor.stop().await;
	assert!(blob_files(folder.path()).is_empty(), "{:?}", blob_files(folder.path()));
}

#[tokio::test]
async fn paths_that_name_no_blob_are_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let digest = hex::encode([1; 32]);
	for (path, status, code) in [
		("/v1/blobs/input/abc".to_owned(), 400, "digest_malformed"),
		(format!("/v1/blobs/input/{digest}00"), 400, "digest_malformed"),
		("/v1/blobs/input/..%2F..%2Ftoken".to_owned(), 400, "digest_malformed"),
		(format!("/v1/blobs/model/{digest}"), 404, "kind_unknown"),
		(format!("/v1/blobs/weights/{digest}"), 404, "blob_unknown"),
	] {
		assert_rejected(control.get(&path).send().await.unwrap(), status, code).await;
	}
}

#[tokio::test]
async fn inputs_make_room_and_weights_do_not() {
	// Room for four weights of 40,000 bytes with the cost of their files, inputs not more than three
	// quarters of it.
	let executor = Executor::limited(|limits| {
		limits.store_bytes = 4 * 49_000;
		limits.keep = Duration::ZERO;
	})
	.await;
	let control = executor.control();
	let blob = |byte: u8| (merkle::blob(&[byte; 40_000]), [byte; 40_000]);
	let (weights, bytes) = blob(0);
	assert_eq!(control.put_blob("weights", &weights, &bytes).await.status(), 201);
	for byte in 1..=3 {
		let (digest, bytes) = blob(byte);
		assert_eq!(control.put_blob("input", &digest, &bytes).await.status(), 201, "{byte}");
	}
	let held = |kind: &'static str, byte: u8| {
		let path = format!("/v1/blobs/{kind}/{}", hex::encode(blob(byte).0));
		let get = control.get(&path);
		async move { get.send().await.unwrap().status().is_success() }
	};
	assert!(held("weights", 0).await);
	assert!(!held("input", 1).await, "the oldest input should have made room");
	assert!(held("input", 2).await);
	assert!(held("input", 3).await);
	for byte in 4..=6 {
		let (digest, bytes) = blob(byte);
		assert_eq!(control.put_blob("weights", &digest, &bytes).await.status(), 201);
	}
	let (digest, bytes) = blob(7);
	let answer = control.put_blob("input", &digest, &bytes).await;
	assert_rejected(answer, 507, "store_full").await;
	assert!(!held("input", 3).await);
	assert!(held("weights", 5).await);
	assert_eq!(blob_files(executor.folder.path()).len(), 2 * 4);
}

#[tokio::test]
async fn recent_inputs_do_not_make_room() {
	let executor = Executor::limited(|limits| limits.store_bytes = 70_000).await;
	let control = executor.control();
	let (first, second) = ([1; 40_000], [2; 40_000]);
	assert_eq!(control.put_blob("input", &merkle::blob(&first), &first).await.status(), 201);
	let answer = control.put_blob("input", &merkle::blob(&second), &second).await;
	assert_rejected(answer, 507, "store_full").await;
}

#[tokio::test]
async fn many_uploads_of_one_blob_keep_it_once() {
	let executor = Executor::new().await;
	let control = executor.control();
	let bytes = vec![3; 300_000];
	let digest = merkle::blob(&bytes);
	let uploads = (0..8).map(|_| control.put_blob("input", &digest, &bytes));
	for answer in futures::future::join_all(uploads).await {
		assert!(answer.status().is_success());
	}
	assert_eq!(blob_files(executor.folder.path()).len(), 1);
	assert_eq!(control.metric("assay_executor_blobs").await, 1.0);
	assert_eq!(control.metric("assay_executor_blob_bytes").await, 304_096.0);
}

#[tokio::test]
async fn blobs_survive_a_restart() {
	let executor = Executor::new().await;
	let input = Sample::small().input(5);
	executor.control().put_input(&input).await;
	let executor = Executor::again(executor.stop().await, |_| {}).await;
	let path = format!("/v1/blobs/input/{}", hex::encode(merkle::blob(&input)));
	let answer = executor.control().get(&path).send().await.unwrap();
	assert_eq!(answer.bytes().await.unwrap(), input);
}
