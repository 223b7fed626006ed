//! Segments of weights, as a provider shows them on chain.

use crate::common::{assert_rejected, soon, Executor};
use assay_program::{merkle, Hash, SEGMENT};
use assay_trace::{blob_tree, Opening};
use codec::DecodeAll;
use futures::future::{select, Either};
use reqwest::StatusCode;
use std::{fs, time::Duration};

/// Five segments and a part of one, of which no two are the same.
fn blob() -> Vec<u8> {
	(0..5 * SEGMENT + 9).map(|index| (index / 64) as u8 ^ (index / SEGMENT) as u8).collect()
}

fn path(weights: &Hash, segment: &str) -> String {
	format!("/v1/models/{}/segments/{segment}", hex::encode(weights))
}

/// What the chain makes of an answer.
fn holds(opening: &Opening, segment: u32, length: u64, weights: &Hash) -> bool {
	let tree = blob_tree(length).unwrap();
	let root = tree.root_of(segment, merkle::leaf(&opening.bytes), &opening.path);
	opening.bytes.len() == SEGMENT
		&& root.is_ok_and(|root| merkle::sized(length, &root) == *weights)
}

async fn asked(executor: &Executor, weights: &Hash, segment: u32) -> Opening {
	let path = path(weights, &segment.to_string());
	let answer = executor.control().get(&path).send().await.unwrap();
	assert_eq!(answer.status(), StatusCode::OK);
	assert_eq!(answer.headers()["content-type"], "application/octet-stream");
	Opening::decode_all(&mut &answer.bytes().await.unwrap()[..]).unwrap()
}

#[tokio::test]
async fn every_segment_leads_to_the_digest() {
	let executor = Executor::new().await;
	let control = executor.control();
	let whole = blob();
	for length in [1, SEGMENT, SEGMENT + 1, whole.len()] {
		let bytes = &whole[..length];
		let weights = merkle::blob(bytes);
		assert!(control.put_blob("weights", &weights, bytes).await.status().is_success());
		for segment in 0..length.div_ceil(SEGMENT) as u32 {
			let opening = asked(&executor, &weights, segment).await;
			assert!(holds(&opening, segment, length as u64, &weights), "{segment} of {length}");
			let start = segment as usize * SEGMENT;
			let end = length.min(start + SEGMENT);
			assert_eq!(opening.bytes[..end - start], bytes[start..end]);
		}
	}
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
	let executor = Executor::new().await;
	let control = executor.control();
	let bytes = blob();
	let weights = merkle::blob(&bytes);
	let get = |segment: &'static str| control.get(&path(&weights, segment)).send();
	assert_rejected(get("0").await.unwrap(), 404, "blob_unknown").await;
	control.put_blob("weights", &weights, &bytes).await;
	let body = assert_rejected(get("6").await.unwrap(), 404, "segment_unknown").await;
	assert_eq!(body["detail"]["segments"], 6);
	let most = "18446744073709551615";
	assert_rejected(get(most).await.unwrap(), 404, "segment_unknown").await;
	for no_number in ["-1", "x", "18446744073709551616"] {
		assert_rejected(get(no_number).await.unwrap(), 404, "route_unknown").await;
	}
	let bad = control.get("/v1/models/12/segments/0").send().await.unwrap();
	assert_rejected(bad, 400, "digest_malformed").await;
	let url = format!("{}{}", control.url, path(&weights, "0"));
	assert_rejected(control.http.get(url).send().await.unwrap(), 401, "token_missing").await;
}

#[tokio::test]
async fn a_lost_list_of_segments_is_made_again() {
	let executor = Executor::new().await;
	let bytes = blob();
	let weights = merkle::blob(&bytes);
	executor.control().put_blob("weights", &weights, &bytes).await;
	let file = executor.folder.path().join("blobs/weights").join(hex::encode(weights));
	fs::remove_file(file.with_extension("segments")).unwrap();
	let opening = asked(&executor, &weights, 5).await;
	assert!(holds(&opening, 5, bytes.len() as u64, &weights));
	assert!(file.with_extension("segments").exists());
}

#[tokio::test]
async fn a_lost_list_is_made_again_though_nobody_waits_for_it() {
	let executor = Executor::new().await;
	let control = executor.control();
	// Enough that a refusal is here long before they are read.
	let bytes = vec![1; 64 << 20];
	let weights = merkle::blob(&bytes);
	control.put_blob("weights", &weights, &bytes).await;
	let file = executor.folder.path().join("blobs/weights").join(hex::encode(weights));
	let list = file.with_extension("segments");
	fs::remove_file(&list).unwrap();
	let path = path(&weights, "0");
	let [first, second] = [(), ()].map(|()| Box::pin(control.get(&path).send()));
	// One of them makes the list; the other is told to come again.
	let (refused, waits) = match select(first, second).await {
		Either::Left(one) | Either::Right(one) => one,
	};
	let refused = refused.unwrap();
	assert_rejected(refused, 503, "segments_busy").await;
	drop(waits);
	soon(async {
		while !list.exists() {
			tokio::time::sleep(Duration::from_millis(10)).await;
		}
	})
	.await;
	assert!(holds(&asked(&executor, &weights, 0).await, 0, bytes.len() as u64, &weights));
}

#[tokio::test]
async fn damaged_weights_are_not_shown() {
	let executor = Executor::new().await;
	let control = executor.control();
	let mut bytes = blob();
	let weights = merkle::blob(&bytes);
	control.put_blob("weights", &weights, &bytes).await;
	let file = executor.folder.path().join("blobs/weights").join(hex::encode(weights));
	bytes[2 * SEGMENT + 3] ^= 1;
	fs::write(&file, &bytes).unwrap();
	// Another segment is still what it was.
	assert!(holds(&asked(&executor, &weights, 1).await, 1, bytes.len() as u64, &weights));
	let answer = control.get(&path(&weights, "2")).send().await.unwrap();
	assert_rejected(answer, 404, "blob_unknown").await;
	assert!(!file.exists(), "it was looked through, and removed");
}
