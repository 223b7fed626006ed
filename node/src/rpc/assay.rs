// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! The methods of ours: what only this node can answer.

use std::sync::Arc;

use assay_primitives::AccountId;
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
	types::ErrorObjectOwned,
	Extensions,
};
use sc_rpc_api::check_if_safe;
use serde::{Deserialize, Serialize};
use sc_client_api::HeaderBackend;
use sp_core::{sr25519, Bytes};
use sp_keystore::KeystorePtr;

use crate::{executor::ExecutorLink, service::FullClient, worker};

/// The keystore refused.
const KEYSTORE_ERROR: i32 = 7_001;

/// A new worker key, with what its provider needs to register it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWorkerKey {
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
	fn rotate_worker_key(&self, owner: AccountId) -> RpcResult<NewWorkerKey>;
}

/// Serves [`AssayApi`].
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

	fn rotate_worker_key(
		&self,
		extensions: &Extensions,
		owner: AccountId,
	) -> RpcResult<NewWorkerKey> {
		check_if_safe(extensions)?;
		let genesis = self.client.info().genesis_hash;
		let public = worker::new_worker_key(&self.keystore).map_err(keystore_error)?;
		let proof: sr25519::Signature =
			worker::prove_worker_key(&self.keystore, &public, &genesis, &owner)
				.map_err(keystore_error)?
				.ok_or_else(|| keystore_error("the key that was just made is not there"))?;
		Ok(NewWorkerKey { public: public.to_vec().into(), proof: proof.to_vec().into() })
	}
}

fn keystore_error(error: impl ToString) -> ErrorObjectOwned {
	ErrorObjectOwned::owned(KEYSTORE_ERROR, error.to_string(), None::<()>)
}
