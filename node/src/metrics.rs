// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! What an operator wants to be woken for: a node that should compute and cannot.

use std::{sync::Arc, time::Duration};

use assay_primitives::WORKER_KEY_TYPE;
use prometheus_endpoint::{register, Gauge, PrometheusError, Registry, U64};
use sc_service::SpawnTaskHandle;
use sp_keystore::KeystorePtr;

use crate::executor::ExecutorLink;

/// Between two looks at the executor. Prometheus asks every fifteen seconds by default.
const INTERVAL: Duration = Duration::from_secs(15);

/// Gauges beside those of the SDK.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
	worker_keys: Gauge<U64>,
	executor_ready: Gauge<U64>,
}

impl WorkerMetrics {
	/// Registers `assay_worker_keys` and `assay_executor_ready`.
	pub fn register(registry: &Registry) -> Result<Self, PrometheusError> {
		let worker_keys = Gauge::new(
			"assay_worker_keys",
			"Worker keys in the keystore; without one the off-chain worker does nothing",
		)?;
		let executor_ready = Gauge::new(
			"assay_executor_ready",
			"1 if the executor answered this node, 0 if it did not or there is none",
		)?;
		Ok(Self {
			worker_keys: register(worker_keys, registry)?,
			executor_ready: register(executor_ready, registry)?,
		})
	}

	/// Looks once.
	pub async fn update(&self, keystore: &KeystorePtr, executor: &ExecutorLink) {
		let keys = keystore.sr25519_public_keys(WORKER_KEY_TYPE).len();
		self.worker_keys.set(u64::try_from(keys).unwrap_or(u64::MAX));
		self.executor_ready.set(u64::from(executor.is_ready().await));
	}

	/// Looks now and again, for as long as the node runs.
	pub(crate) fn spawn(
		self,
		tasks: &SpawnTaskHandle,
		keystore: KeystorePtr,
		executor: Arc<ExecutorLink>,
	) {
		tasks.spawn("worker-metrics", "offchain-worker", async move {
			loop {
				self.update(&keystore, &executor).await;
				tokio::time::sleep(INTERVAL).await;
			}
		});
	}
}
