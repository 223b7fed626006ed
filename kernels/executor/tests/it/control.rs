//! The control listener: token, routes, health, capabilities, tenants, metrics.

use crate::common::{assert_rejected, Control, Executor, Sample, GENESIS};
use assay_executor::{start, Config, StartError};
use assay_program::{
	program_digest,
	wire::{JobRequest, Tenants},
	Parameters,
};
use codec::Encode;
use reqwest::{header, Method, StatusCode};
use std::os::unix::fs::PermissionsExt;
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpStream,
};

fn guarded() -> Vec<(Method, String)> {
	let digest = hex::encode([1; 32]);
	let mut routes = vec![
		(Method::GET, "/v1/capabilities".to_owned()),
		(Method::GET, "/metrics".to_owned()),
		(Method::PUT, "/v1/tenants".to_owned()),
		(Method::PUT, "/v1/jobs/pinned".to_owned()),
		(Method::GET, "/v1/duty-key".to_owned()),
		(Method::POST, "/v1/duty-key/proof".to_owned()),
		(Method::POST, "/v1/duty".to_owned()),
		(Method::GET, format!("/v1/jobs/{digest}")),
		(Method::PUT, format!("/v1/jobs/{digest}")),
		(Method::POST, format!("/v1/traces/{digest}")),
		(Method::POST, format!("/v1/traces/{digest}/answers")),
		(Method::GET, "/no/such/route".to_owned()),
	];
	for kind in ["program", "weights", "input", "output"] {
		routes.push((Method::GET, format!("/v1/blobs/{kind}/{digest}")));
		routes.push((Method::PUT, format!("/v1/blobs/{kind}/{digest}")));
	}
	routes
}

#[tokio::test]
async fn everything_but_health_wants_the_token() {
	let executor = Executor::new().await;
	let Control { http, url, token } = executor.control();
	for (method, path) in guarded() {
		let request = || http.request(method.clone(), format!("{url}{path}"));
		assert_rejected(request().send().await.unwrap(), 401, "token_missing").await;
		let basic = request().header(header::AUTHORIZATION, format!("Basic {token}"));
		assert_rejected(basic.send().await.unwrap(), 401, "token_missing").await;
		let mut wrong = vec!["0".repeat(64), format!("{token}0"), "x".into()];
		wrong.push(token[..token.len() - 1].into());
		for wrong in wrong {
			let answer = request().bearer_auth(wrong).send().await.unwrap();
			assert_rejected(answer, 401, "token_wrong").await;
		}
		let right = request().bearer_auth(&token).send().await.unwrap();
		assert_ne!(right.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
	}
	let health = http.get(format!("{url}/v1/health")).send().await.unwrap();
	assert_eq!(health.status(), StatusCode::OK);
	let health: serde_json::Value = health.json().await.unwrap();
	assert_eq!(health["status"], "ok");
	assert_eq!(health["genesis"], serde_json::Value::Null);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_apart() {
	let executor = Executor::new().await;
	let control = executor.control();
	let answer = control.get("/v1/nothing").send().await.unwrap();
	assert_rejected(answer, 404, "route_unknown").await;
	let answer = control.put("/v1/capabilities").send().await.unwrap();
	assert_rejected(answer, 405, "method_not_allowed").await;
	let answer = control.put("/v1/health").send().await.unwrap();
	assert_rejected(answer, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn token_is_kept_private_and_kept() {
	let executor = Executor::new().await;
	let token = executor.handle.token().to_owned();
	let file = executor.folder.path().join("token");
	assert_eq!(token.len(), 64);
	assert_eq!(std::fs::read_to_string(&file).unwrap(), token);
	let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
	assert_eq!(mode(), 0o600);
	let folder = executor.stop().await;
	std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
	let executor = Executor::again(folder, |_| {}).await;
	assert_eq!(executor.handle.token(), token);
	assert_eq!(mode(), 0o600);
}

#[tokio::test]
async fn a_weak_token_is_refused() {
	let folder = tempfile::tempdir().unwrap();
	for token in ["", "short", "with a space in the middle of it"] {
		let config = Config { token: Some(token.into()), ..Config::new(folder.path()) };
		assert!(matches!(start(config).await, Err(StartError::Token { .. })), "{token:?}");
	}
}

#[tokio::test]
async fn capabilities_tell_backend_devices_models_and_queue() {
	let executor = Executor::new().await;
	let control = executor.control();
	let sample = Sample::small();
	control.put_model(&sample).await;
	let input = sample.input(1);
	control.put_input(&input).await;
	let job = sample.job(&input, [1; 32], 1);
	assert_eq!(control.submit(&job).await.status(), StatusCode::ACCEPTED);
	control.end(&job.digest()).await;
	control.set_tenants(1, &[]).await;
	let answer = control.get("/v1/capabilities").send().await.unwrap();
	let told: serde_json::Value = answer.json().await.unwrap();
	let hash = |bytes: &[u8; 32]| format!("0x{}", hex::encode(bytes));
	assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
	assert_eq!(told["genesis"], hash(&GENESIS));
	assert_eq!(told["backend"], "reference");
	assert!(told["backends"].as_array().unwrap().iter().any(|b| b == "cpu"));
	assert_eq!(told["devices"][0]["kind"], "cpu");
	assert!(told["devices"][0]["memory_mib"].as_u64().unwrap() > 0);
	assert!(!told["gpu"]["message"].as_str().unwrap().is_empty());
	assert_eq!(told["models"][0]["program"], hash(&job.program));
	assert_eq!(told["models"][0]["weights"], hash(&job.weights));
	assert_eq!(told["programs"][0], hash(&program_digest(&sample.program_bytes)));
	assert_eq!(told["queue"]["len"], 0);
	assert_eq!(told["queue"]["bound"], 256);
}

#[tokio::test]
async fn the_first_word_of_the_node_fixes_the_chain() {
	let executor = Executor::new().await;
	let control = executor.control();
	let tenants = |genesis| Tenants { genesis, block: 3, tenants: vec![[1; 32]] };
	// In SCALE, as a worker sends it.
	let put = |told: Tenants| {
		let scale = (header::CONTENT_TYPE, "application/octet-stream");
		control.put("/v1/tenants").header(scale.0, scale.1).body(told.encode()).send()
	};
	assert_eq!(put(tenants(GENESIS)).await.unwrap().status(), StatusCode::NO_CONTENT);
	assert_rejected(put(tenants([8; 32])).await.unwrap(), 409, "genesis_mismatch").await;
	let parameters = Parameters::encoder(1, 1);
	let other = JobRequest {
		genesis: [8; 32],
		program: [1; 32],
		weights: [1; 32],
		input: [1; 32],
		parameters,
		tenant: [1; 32],
		nonce: 1,
	};
	assert_rejected(control.submit(&other).await, 409, "genesis_mismatch").await;
	assert_eq!(control.metric("assay_executor_tenants").await, 1.0);
	assert_eq!(control.metric("assay_executor_block").await, 3.0);
}

#[tokio::test]
async fn a_configured_chain_is_the_only_one() {
	let executor = Executor::with(|config| config.genesis = Some([8; 32])).await;
	let told = Tenants { genesis: GENESIS, block: 1, tenants: vec![] };
	let answer = executor.control().put("/v1/tenants").json(&told).send().await.unwrap();
	let body = assert_rejected(answer, 409, "genesis_mismatch").await;
	assert_eq!(body["detail"]["expected"], format!("0x{}", hex::encode([8; 32])));
}

#[tokio::test]
async fn too_many_tenants_change_nothing() {
	let executor = Executor::limited(|limits| limits.tenants = 2).await;
	let control = executor.control();
	control.set_tenants(1, &[[1; 32], [2; 32]]).await;
	let told = Tenants { genesis: GENESIS, block: 2, tenants: vec![[3; 32]; 3] };
	let answer = control.put("/v1/tenants").json(&told).send().await.unwrap();
	assert_rejected(answer, 413, "tenants_too_many").await;
	assert_eq!(control.metric("assay_executor_block").await, 1.0);
	let answer = control.put("/v1/tenants").body("{").send().await.unwrap();
	assert_rejected(answer, 400, "body_malformed").await;
	let answer = control.put("/v1/tenants").body(vec![b' '; 2_000]).send().await.unwrap();
	assert_rejected(answer, 413, "too_large").await;
}

#[tokio::test]
async fn connections_are_bounded_and_whoever_comes_late_is_told() {
	let executor = Executor::limited(|limits| limits.connections = 1).await;
	let Control { url, token, .. } = executor.control();
	let address = &url["http://".len()..];
	// Holds the only place: the answer shows that it is being served.
	let mut first = TcpStream::connect(address).await.unwrap();
	let ask =
		format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
	first.write_all(ask.as_bytes()).await.unwrap();
	let mut byte = [0; 1];
	first.read_exact(&mut byte).await.unwrap();
	let answer = executor.http.get(format!("{url}/v1/health")).send().await.unwrap();
	assert_rejected(answer, 503, "busy").await;
	drop(first);
	// The place is free once the executor has seen the end of the first connection.
	loop {
		let answer = executor.http.get(format!("{url}/v1/health")).send().await.unwrap();
		if answer.status() == StatusCode::OK {
			break;
		}
		assert_rejected(answer, 503, "busy").await;
	}
}

#[tokio::test]
async fn metrics_count_answers_and_rejections() {
	let executor = Executor::new().await;
	let control = executor.control();
	control.get("/v1/nothing").send().await.unwrap();
	assert_eq!(
		control.metric("assay_executor_rejections_total{code=\"route_unknown\"}").await,
		1.0
	);
	let requests = "assay_executor_requests_total{listener=\"control\",status=\"404\"}";
	assert_eq!(control.metric(requests).await, 1.0);
	let info = format!(
		"assay_executor_info{{backend=\"reference\",version=\"{}\"}}",
		env!("CARGO_PKG_VERSION")
	);
	assert_eq!(control.metric(&info).await, 1.0);
}

#[tokio::test]
async fn a_busy_address_is_named() {
	let executor = Executor::new().await;
	let address = executor.handle.control_url()["http://".len()..].parse().unwrap();
	let folder = tempfile::tempdir().unwrap();
	let config = Config { control: address, ..crate::common::config(folder.path()) };
	let error = start(config).await.unwrap_err();
	assert_eq!(error.exit_code(), 5);
	assert!(error.to_string().contains("--control"), "{error}");
}

#[tokio::test]
async fn limits_that_serve_nothing_are_refused() {
	let folder = tempfile::tempdir().unwrap();
	let mut config = crate::common::config(folder.path());
	config.limits.queue = 0;
	let error = start(config).await.unwrap_err();
	assert!(matches!(error, StartError::Limit { name: "queue", .. }), "{error}");
}
