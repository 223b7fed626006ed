// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Which executor the flags choose.

use assay_node::{
	cli::{ExecutorKind, ExecutorParams},
	executor::{start_embedded, Embedded, ExecutorChoice, ExecutorChoiceError, ExecutorLink},
	metrics::WorkerMetrics,
	worker::ensure_worker_key,
};
use assay_primitives::offchain::ExecutorSettings;
use prometheus_endpoint::Registry;
use sp_core::H256;
use sp_keystore::{testing::MemoryKeystore, KeystorePtr};
use std::{io::Write, net::TcpListener, num::NonZeroUsize, sync::Arc};

fn params() -> ExecutorParams {
	ExecutorParams::default()
}

#[test]
fn development_embeds_and_everything_else_computes_nothing() {
	assert!(matches!(
		ExecutorChoice::from_params(&params(), true),
		Ok(ExecutorChoice::Embedded { data: None, threads: None })
	));
	assert!(matches!(ExecutorChoice::from_params(&params(), false), Ok(ExecutorChoice::None)));
	let none = ExecutorParams { executor: Some(ExecutorKind::None), ..params() };
	assert!(matches!(ExecutorChoice::from_params(&none, true), Ok(ExecutorChoice::None)));
}

#[test]
fn an_external_executor_needs_http_and_a_token() {
	let mut file = tempfile::NamedTempFile::new().unwrap();
	let external = |url: &str, path: &std::path::Path| {
		let params = ExecutorParams {
			executor_url: Some(url.into()),
			executor_token_file: Some(path.into()),
			..params()
		};
		ExecutorChoice::from_params(&params, true)
	};
	assert!(matches!(
		external("http://127.0.0.1:1", file.path()),
		Err(ExecutorChoiceError::EmptyToken(_))
	));
	file.write_all(b"secret\n").unwrap();
	let settings =
		ExecutorSettings { url: b"http://127.0.0.1:1".to_vec(), token: b"secret".to_vec() };
	assert_eq!(
		external("http://127.0.0.1:1/", file.path()).unwrap(),
		ExecutorChoice::External(settings)
	);
	assert!(matches!(
		external("https://127.0.0.1:1", file.path()),
		Err(ExecutorChoiceError::NotHttp(_))
	));
	assert!(matches!(
		external("http://127.0.0.1:1", &file.path().join("absent")),
		Err(ExecutorChoiceError::TokenFile(..))
	));
}

#[test]
fn flags_of_the_embedded_executor_need_one() {
	let params = ExecutorParams { executor_threads: std::num::NonZeroUsize::new(1), ..params() };
	assert!(matches!(
		ExecutorChoice::from_params(&params, false),
		Err(ExecutorChoiceError::NotEmbedded)
	));
	assert!(ExecutorChoice::from_params(&params, true).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_executor_keeps_the_address_that_was_registered() {
	let folder = tempfile::tempdir().unwrap();
	let start = || start_embedded(folder.path().into(), H256::zero(), None, NonZeroUsize::new(1));
	let first = start().await.unwrap();
	let url = first.data_url().unwrap();
	drop(Embedded::new(first, tokio::runtime::Handle::current()));

	// The first has stopped and given everything back: its folder's lock and its port.
	let second = start().await.unwrap();
	assert_eq!(second.data_url().unwrap(), url);
	second.shutdown().await;

	let _taken = TcpListener::bind(url.trim_start_matches("http://")).unwrap();
	let third = start().await.unwrap();
	assert_ne!(third.data_url().unwrap(), url);
	third.shutdown().await;
}

/// What is measured, by name.
fn gauges(registry: &Registry) -> Vec<(String, f64)> {
	let families = registry.gather();
	families
		.iter()
		.map(|family| {
			(family.get_name().to_string(), family.get_metric()[0].get_gauge().get_value())
		})
		.collect()
}

fn measured(keys: f64, ready: f64) -> Vec<(String, f64)> {
	vec![("assay_executor_ready".into(), ready), ("assay_worker_keys".into(), keys)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_a_wrong_token_and_a_dead_executor_are_measured() {
	let registry = Registry::new();
	let metrics = WorkerMetrics::register(&registry).unwrap();
	let keystore: KeystorePtr = Arc::new(MemoryKeystore::new());
	metrics.update(&keystore, &ExecutorLink::none()).await;
	assert_eq!(gauges(&registry), measured(0., 0.));

	let folder = tempfile::tempdir().unwrap();
	let executor = start_embedded(folder.path().into(), H256::zero(), None, NonZeroUsize::new(1))
		.await
		.unwrap();
	let link = |token: &str| {
		let settings = ExecutorSettings { url: executor.control_url().into(), token: token.into() };
		ExecutorLink { settings: Some(settings), data_url: None, is_embedded: false }
	};
	let (right, wrong) = (link(executor.token()), link("another"));
	ensure_worker_key(&keystore).unwrap();
	metrics.update(&keystore, &right).await;
	assert_eq!(gauges(&registry), measured(1., 1.));
	metrics.update(&keystore, &wrong).await;
	assert_eq!(gauges(&registry), measured(1., 0.));
	metrics.update(&keystore, &right).await;
	executor.shutdown().await;
	metrics.update(&keystore, &right).await;
	assert_eq!(gauges(&registry), measured(1., 0.));
}
