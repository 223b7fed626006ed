//! The data listener: signatures, tenants, quotas, outputs.

use crate::common::{
	assert_rejected, soon, with_headers, Account, Control, Executor, Gated, Sample, LONG_MS,
};
use assay_program::{merkle, wire::JobState, Hash, Outcome};
use codec::{Decode, Encode};
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;

const BLOCK: u32 = 100;
const EXPIRY: u32 = 110;

async fn put(executor: &Executor, account: &Account, input: &[u8]) -> Response {
	let digest = merkle::blob(input);
	let request = executor.data(Method::PUT, &format!("/v1/inputs/{}", hex::encode(digest)));
	let headers = account.headers("PUT", &digest, EXPIRY);
	with_headers(request.body(input.to_vec()), &headers).send().await.unwrap()
}

async fn get(executor: &Executor, account: &Account, job: &Hash, wait_ms: u64) -> Response {
	let path = format!("/v1/outputs/{}?wait_ms={wait_ms}", hex::encode(job));
	let headers = account.headers("GET", job, EXPIRY);
	with_headers(executor.data(Method::GET, &path), &headers).send().await.unwrap()
}

/// An executor with a model and two tenants.
async fn prepared(executor: &Executor) -> (Control, Sample, Account, Account) {
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let (alice, bob) = (Account::new(1), Account::new(2));
	control.set_tenants(BLOCK, &[alice.id(), bob.id()]).await;
	(control, sample, alice, bob)
}

#[tokio::test]
async fn a_tenant_brings_an_input_and_takes_the_output() {
	let executor = Executor::new().await;
	let (control, sample, alice, bob) = prepared(&executor).await;
	let input = sample.input(1);
	assert_eq!(put(&executor, &alice, &input).await.status(), StatusCode::CREATED);
	assert_eq!(put(&executor, &alice, &input).await.status(), StatusCode::OK);
	let job = sample.job(&input, alice.id(), 1);
	control.submit(&job).await;
	let answer = get(&executor, &alice, &job.digest(), LONG_MS).await;
	assert_eq!(answer.status(), StatusCode::OK);
	let expected = sample.outcome(&input);
	let digest = format!("0x{}", hex::encode(expected.digest()));
	assert_eq!(answer.headers()["x-assay-output-digest"], digest.as_str());
	let bytes = answer.bytes().await.unwrap();
	assert_eq!(Outcome::decode(&mut &bytes[..]).unwrap(), expected);
	// Nobody else takes it.
	assert_rejected(get(&executor, &bob, &job.digest(), 0).await, 403, "job_foreign").await;
}

#[tokio::test]
async fn wallets_that_bracket_raw_bytes_are_understood() {
	let executor = Executor::new().await;
	let (_, sample, alice, _) = prepared(&executor).await;
	let input = sample.input(2);
	let digest = merkle::blob(&input);
	let request = executor.data(Method::PUT, &format!("/v1/inputs/{}", hex::encode(digest)));
	let headers = alice.bracketed("PUT", &digest, EXPIRY);
	let answer = with_headers(request.body(input), &headers).send().await.unwrap();
	assert_eq!(answer.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_job_may_be_asked_for_before_it_is_known() {
	let executor = Executor::new().await;
	let (control, sample, alice, _) = prepared(&executor).await;
	let input = sample.input(3);
	control.put_input(&input).await;
	let job = sample.job(&input, alice.id(), 1);
	assert_rejected(get(&executor, &alice, &job.digest(), 0).await, 404, "job_unknown").await;
	let digest = job.digest();
	let early = get(&executor, &alice, &digest, 25_000);
	let submit = control.submit(&job);
	let (answer, _) = soon(futures::future::join(early, submit)).await;
	assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_output_that_is_not_there_yet_is_202() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |_| {}).await;
	let (control, sample, alice, _) = prepared(&executor).await;
	let input = sample.input(4);
	control.put_input(&input).await;
	gate.close();
	let job = sample.job(&input, alice.id(), 1);
	control.submit(&job).await;
	soon(gate.until_entered(1)).await;
	let answer = get(&executor, &alice, &job.digest(), 20).await;
	assert_eq!(answer.status(), StatusCode::ACCEPTED);
	assert_eq!(answer.json::<JobState>().await.unwrap(), JobState::Running);
	gate.open();
	let answer = get(&executor, &alice, &job.digest(), LONG_MS).await;
	assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_failed_job_and_a_gone_output_say_so() {
	let gate = Gated::new();
	let executor = Executor::gated(&gate, |limits| {
		limits.keep = Duration::ZERO;
		limits.store_bytes = 400_000;
	})
	.await;
	let (control, sample, alice, _) = prepared(&executor).await;
	let input = sample.input(5);
	control.put_input(&input).await;
	let job = sample.job(&input, alice.id(), 1);
	control.submit(&job).await;
	control.end(&job.digest()).await;
	// So much that the input does not make room enough.
	let held = control.metric("assay_executor_blob_bytes").await as usize;
	let large = Outcome::Output { count: 1, data: vec![0; 400_000 - held + 1_900] };
	let answer = control.put_blob("output", &large.digest(), &large.encode()).await;
	assert_eq!(answer.status(), StatusCode::CREATED);
	let body = get(&executor, &alice, &job.digest(), 0).await;
	let body = assert_rejected(body, 410, "output_gone").await;
	let digest = format!("0x{}", hex::encode(sample.outcome(&input).digest()));
	assert_eq!(body["detail"]["output"], digest);
	gate.panic_from_now_on();
	control.put_input(&input).await;
	let job = sample.job(&input, alice.id(), 2);
	control.submit(&job).await;
	control.end(&job.digest()).await;
	let body = get(&executor, &alice, &job.digest(), 0).await;
	assert_eq!(assert_rejected(body, 409, "job_failed").await["detail"]["failure"], 5);
}

#[tokio::test]
async fn signatures_are_checked_in_every_part() {
	let executor = Executor::new().await;
	let (_, sample, alice, bob) = prepared(&executor).await;
	let input = sample.input(6);
	let digest = merkle::blob(&input);
	let path = format!("/v1/inputs/{}", hex::encode(digest));
	let send = |headers: Vec<(&'static str, String)>| {
		let request = executor.data(Method::PUT, &path).body(input.clone());
		let request = with_headers(request, &headers);
		async move { request.send().await.unwrap() }
	};
	let good = alice.headers("PUT", &digest, EXPIRY).to_vec();
	for left_out in 0..3 {
		let mut headers = good.clone();
		let (name, _) = headers.remove(left_out);
		let body = assert_rejected(send(headers).await, 401, "signature_missing").await;
		assert_eq!(body["detail"]["header"], name);
		let mut headers = good.clone();
		headers[left_out].1 = "0xzz".into();
		let body = assert_rejected(send(headers).await, 400, "signature_malformed").await;
		assert_eq!(body["detail"]["header"], name);
	}
	let wrong = [
		alice.headers("GET", &digest, EXPIRY),
		alice.headers("PUT", &[0; 32], EXPIRY),
		[good[0].clone(), ("x-assay-expiry", "111".into()), good[2].clone()],
		[bob.headers("PUT", &digest, EXPIRY)[0].clone(), good[1].clone(), good[2].clone()],
		[good[0].clone(), good[1].clone(), (good[2].0, format!("0x{}", "00".repeat(64)))],
	];
	for headers in wrong {
		assert_rejected(send(headers.to_vec()).await, 401, "signature_wrong").await;
	}
	let expired = alice.headers("PUT", &digest, BLOCK - 1).to_vec();
	let body = assert_rejected(send(expired).await, 401, "signature_expired").await;
	assert_eq!(body["detail"]["block"], BLOCK);
	let far = alice.headers("PUT", &digest, BLOCK + 1_201).to_vec();
	let body = assert_rejected(send(far).await, 401, "expiry_too_far").await;
	assert_eq!(body["detail"]["latest"], BLOCK + 1_200);
	let stranger = Account::new(3).headers("PUT", &digest, EXPIRY).to_vec();
	assert_rejected(send(stranger).await, 403, "tenant_unknown").await;
	assert_eq!(send(good).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn time_passes_and_leases_end() {
	let executor = Executor::new().await;
	let (control, sample, alice, bob) = prepared(&executor).await;
	let input = sample.input(7);
	control.set_tenants(EXPIRY, &[alice.id(), bob.id()]).await;
	assert_eq!(put(&executor, &alice, &input).await.status(), StatusCode::CREATED);
	control.set_tenants(EXPIRY + 1, &[bob.id()]).await;
	assert_rejected(put(&executor, &bob, &input).await, 401, "signature_expired").await;
	control.set_tenants(EXPIRY, &[bob.id()]).await;
	assert_rejected(put(&executor, &alice, &input).await, 403, "tenant_unknown").await;
}

#[tokio::test]
async fn nobody_is_a_tenant_before_the_node_has_spoken() {
	let executor = Executor::new().await;
	let answer = put(&executor, &Account::new(1), b"input").await;
	assert_rejected(answer, 503, "tenants_not_set").await;
	let health = executor.data(Method::GET, "/v1/health").send().await.unwrap();
	assert_eq!(health.status(), StatusCode::OK);
	// Control is not to be had here, token or not.
	let token = executor.handle.token();
	let answer = executor.data(Method::GET, "/v1/capabilities").bearer_auth(token);
	assert_rejected(answer.send().await.unwrap(), 404, "route_unknown").await;
	let answer = executor.data(Method::POST, "/v1/inputs/00").send().await.unwrap();
	assert_rejected(answer, 405, "method_not_allowed").await;
	let answer = executor.data(Method::PUT, "/v1/inputs/00").send().await.unwrap();
	assert_rejected(answer, 400, "digest_malformed").await;
}

#[tokio::test]
async fn web_pages_may_ask() {
	let executor = Executor::new().await;
	let path = format!("/v1/outputs/{}", hex::encode([1; 32]));
	let answer = executor.data(Method::OPTIONS, &path).send().await.unwrap();
	assert_eq!(answer.status(), StatusCode::NO_CONTENT);
	let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap();
	for header in ["x-assay-account", "x-assay-expiry", "x-assay-signature"] {
		assert!(allowed.contains(header), "{allowed}");
	}
	let answer = executor.data(Method::GET, &path).send().await.unwrap();
	assert_eq!(answer.headers()["access-control-allow-origin"], "*");
	assert_rejected(answer, 401, "signature_missing").await;
	// Control is for the node and its operator only.
	let answer = executor.control().get("/v1/health").send().await.unwrap();
	assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn bytes_per_window_are_bounded_per_tenant() {
	// The bytes of two files count with those of an input.
	let executor = Executor::limited(|limits| limits.tenant_window_bytes = 20_000).await;
	let (_, _, alice, bob) = prepared(&executor).await;
	assert_eq!(put(&executor, &alice, &[1; 6_000]).await.status(), StatusCode::CREATED);
	let answer = put(&executor, &alice, &[2; 6_000]).await;
	assert!(answer.headers().contains_key("retry-after"));
	assert_rejected(answer, 429, "quota_window").await;
	assert_eq!(put(&executor, &bob, &[3; 6_000]).await.status(), StatusCode::CREATED);
	// The same bytes again cost again: what is counted is what moves.
	assert_rejected(put(&executor, &alice, &[1; 6_000]).await, 429, "quota_window").await;
}

#[tokio::test]
async fn a_window_ends() {
	let executor = Executor::limited(|limits| {
		limits.tenant_window_bytes = 20_000;
		limits.tenant_window = Duration::from_millis(1);
	})
	.await;
	let (_, _, alice, _) = prepared(&executor).await;
	// Each request takes longer than the window.
	for byte in 1..6 {
		loop {
			let answer = put(&executor, &alice, &[byte; 9_000]).await;
			if answer.status() == StatusCode::CREATED {
				break;
			}
			assert_rejected(answer, 429, "quota_window").await;
		}
	}
}

#[tokio::test]
async fn bytes_kept_are_bounded_per_tenant_even_after_a_restart() {
	let limit = |limits: &mut assay_executor::Limits| limits.tenant_total_bytes = 27_000;
	let executor = Executor::limited(limit).await;
	let (_, _, alice, bob) = prepared(&executor).await;
	assert_eq!(put(&executor, &alice, &[1; 6_000]).await.status(), StatusCode::CREATED);
	assert_rejected(put(&executor, &alice, &[2; 6_000]).await, 429, "quota_total").await;
	assert_eq!(put(&executor, &bob, &[3; 6_000]).await.status(), StatusCode::CREATED);
	// A refused upload gives back what it had set aside.
	assert_eq!(put(&executor, &alice, &[4; 4_000]).await.status(), StatusCode::CREATED);
	let folder = executor.stop().await;
	let executor = Executor::again(folder, |config| limit(&mut config.limits)).await;
	let (_, _, alice, _) = prepared(&executor).await;
	assert_rejected(put(&executor, &alice, &[5; 1_000]).await, 429, "quota_total").await;
}

#[tokio::test]
async fn a_wrong_digest_from_a_tenant_is_not_kept() {
	let executor = Executor::new().await;
	let (control, sample, alice, _) = prepared(&executor).await;
	let input = sample.input(8);
	let digest = merkle::blob(&input);
	let request = executor.data(Method::PUT, &format!("/v1/inputs/{}", hex::encode(digest)));
	let headers = alice.headers("PUT", &digest, EXPIRY);
	let answer = with_headers(request.body(b"something else".to_vec()), &headers).send().await;
	assert_rejected(answer.unwrap(), 422, "digest_mismatch").await;
	let path = format!("/v1/blobs/input/{}", hex::encode(digest));
	assert_rejected(control.get(&path).send().await.unwrap(), 404, "blob_unknown").await;
}
