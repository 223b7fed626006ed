// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! The methods of ours: what only this node can answer.

use std::sync::Arc;

use assay_primitives::{AccountId, JobDigest};
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
	types::ErrorObjectOwned,
	Extensions, PendingSubscriptionSink,
};
use sc_client_api::HeaderBackend;
use sc_rpc::utils::{spawn_subscription_task, BoundedVecDeque, PendingSubscription};
use sc_rpc_api::check_if_safe;
use serde::{Deserialize, Serialize};
use sp_core::{sr25519, Bytes};
use sp_keystore::KeystorePtr;

use super::job::{self, JobUpdate};
use crate::{executor::ExecutorLink, service::FullClient, worker};

/// The keystore refused.
const KEYSTORE_ERROR: i32 = 7_001;
/// The executor did not answer, or refused.
const EXECUTOR_ERROR: i32 = 7_002;
/// Updates of a job that wait for a slow client.
const UPDATES_WAITING_MAX: usize = 64;

/// A worker key or a duty key, with what its provider needs to register it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenKey {
	/// The public key.
	pub public: Bytes,
	/// Its signature over the owner's account and the chain's genesis hash.
	pub proof: Bytes,
}

/// Methods of the node's own.
#[rpc(server, client)]
pub trait AssayApi {
	/// How the executor of this node is.
	#[method(name = "assay_executorStatus", with_extensions)]
	async fn executor_status(&self) -> RpcResult<serde_json::Value>;

	/// Make a worker key in this node's keystore, for `owner` to register. The keys before it stay:
	/// slots that they accepted are still theirs to finish.
	#[method(name = "assay_rotateWorkerKey", with_extensions)]
	fn rotate_worker_key(&self, owner: AccountId) -> RpcResult<ProvenKey>;

	/// The duty key of this node's executor, with the executor's proof that it decides about the
	/// audits of `owner`, who registers it.
	#[method(name = "assay_dutyKey", with_extensions)]
	async fn duty_key(&self, owner: AccountId) -> RpcResult<ProvenKey>;

	/// Push each state of a job as it reaches the best and the finalised chain, the present one first.
	/// Ends when the job is over on the finalised chain.
	#[subscription(
		name = "assay_subscribeJob" => "assay_job",
		unsubscribe = "assay_unsubscribeJob",
		item = JobUpdate,
	)]
	fn subscribe_job(&self, digest: JobDigest);
}

/// Serves the methods of [`AssayApiServer`].
#[allow(missing_debug_implementations)]
pub struct Assay {
	/// The client.
	pub client: Arc<FullClient>,
	/// The node's keys.
	pub keystore: KeystorePtr,
	/// The executor that this node uses.
	pub executor: Arc<ExecutorLink>,
	/// Where subscriptions run.
	pub tasks: sc_rpc::SubscriptionTaskExecutor,
}

#[async_trait]
impl AssayApiServer for Assay {
	async fn executor_status(&self, extensions: &Extensions) -> RpcResult<serde_json::Value> {
		check_if_safe(extensions)?;
		Ok(self.executor.status().await)
	}

	fn rotate_worker_key(&self, extensions: &Extensions, owner: AccountId) -> RpcResult<ProvenKey> {
		check_if_safe(extensions)?;
		let genesis = self.client.info().genesis_hash;
		let public = worker::new_worker_key(&self.keystore).map_err(keystore_error)?;
		let proof: sr25519::Signature =
			worker::prove_worker_key(&self.keystore, &public, &genesis, &owner)
				.map_err(keystore_error)?
				.ok_or_else(|| keystore_error("the key that was just made is not there"))?;
		Ok(ProvenKey { public: public.to_vec().into(), proof: proof.to_vec().into() })
	}

	async fn duty_key(&self, extensions: &Extensions, owner: AccountId) -> RpcResult<ProvenKey> {
		check_if_safe(extensions)?;
		let genesis = self.client.info().genesis_hash;
		let (public, proof) = self
			.executor
			.duty_key(genesis, &owner)
			.await
			.map_err(|error| ErrorObjectOwned::owned(EXECUTOR_ERROR, error, None::<()>))?;
		Ok(ProvenKey { public: public.into(), proof: proof.into() })
	}

	fn subscribe_job(&self, pending: PendingSubscriptionSink, digest: JobDigest) {
		let updates = Box::pin(job::updates(Arc::clone(&self.client), digest));
		// A client that does not read loses its subscription, not the node its memory.
		let push = PendingSubscription::from(pending)
			.pipe_from_stream(updates, BoundedVecDeque::new(UPDATES_WAITING_MAX));
		spawn_subscription_task(&self.tasks, push);
	}
}

fn keystore_error(error: impl ToString) -> ErrorObjectOwned {
	ErrorObjectOwned::owned(KEYSTORE_ERROR, error.to_string(), None::<()>)
}
