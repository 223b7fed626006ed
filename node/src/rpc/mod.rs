// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! The node's JSON-RPC methods beside those that the SDK serves on its own.

use std::sync::Arc;

use assay_runtime::{BlockNumber, Hash, OpaqueBlock as Block};
use jsonrpsee::RpcModule;
use sc_consensus_babe::BabeWorkerHandle;
use sc_consensus_grandpa::{
	FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
};
use sc_rpc::SubscriptionTaskExecutor;
use sc_service::{error::Error as ServiceError, Configuration};
use sp_keystore::KeystorePtr;

use crate::{
	executor::ExecutorLink,
	service::{FullBackend, FullClient, FullPool, FullSelectChain, GrandpaLink, Shared},
};

pub mod assay;
pub mod job;

/// What the methods work with.
struct Deps {
	client: Arc<FullClient>,
	backend: Arc<FullBackend>,
	pool: Arc<FullPool>,
	select_chain: FullSelectChain,
	chain_spec: Box<dyn sc_chain_spec::ChainSpec>,
	keystore: KeystorePtr,
	babe_worker: BabeWorkerHandle<Block>,
	voter_state: SharedVoterState,
	authority_set: SharedAuthoritySet<Hash, BlockNumber>,
	justifications: GrandpaJustificationStream<Block>,
	executor: Arc<ExecutorLink>,
}

/// A function that makes the methods: it is called for the server and once more for in-process use.
pub(crate) fn builder(
	shared: &Shared,
	config: &Configuration,
	babe_worker: BabeWorkerHandle<Block>,
	voter_state: &SharedVoterState,
	grandpa_link: &GrandpaLink,
	executor: Arc<ExecutorLink>,
) -> impl Fn(SubscriptionTaskExecutor) -> Result<RpcModule<()>, ServiceError> {
	let deps = Deps {
		client: Arc::clone(&shared.client),
		backend: Arc::clone(&shared.backend),
		pool: Arc::clone(&shared.pool),
		select_chain: shared.select_chain.clone(),
		chain_spec: config.chain_spec.cloned_box(),
		keystore: Arc::clone(&shared.keystore),
		babe_worker,
		voter_state: voter_state.clone(),
		authority_set: grandpa_link.shared_authority_set().clone(),
		justifications: grandpa_link.justification_stream(),
		executor,
	};
	move |tasks| methods(&deps, tasks).map_err(ServiceError::Application)
}

fn methods(
	deps: &Deps,
	tasks: SubscriptionTaskExecutor,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
	use assay::{Assay, AssayApiServer};
	use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
	use sc_consensus_babe_rpc::{Babe, BabeApiServer};
	use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
	use sc_sync_state_rpc::{SyncState, SyncStateApiServer};
	use substrate_frame_rpc_system::{System, SystemApiServer};

	let finality_proofs = FinalityProofProvider::new_for_service(
		Arc::clone(&deps.backend),
		Some(deps.authority_set.clone()),
	);
	let mut module = RpcModule::new(());
	module.merge(System::new(Arc::clone(&deps.client), Arc::clone(&deps.pool)).into_rpc())?;
	module.merge(TransactionPayment::new(Arc::clone(&deps.client)).into_rpc())?;
	module.merge(
		Babe::new(
			Arc::clone(&deps.client),
			deps.babe_worker.clone(),
			Arc::clone(&deps.keystore),
			deps.select_chain.clone(),
		)
		.into_rpc(),
	)?;
	module.merge(
		Grandpa::new(
			Arc::clone(&tasks),
			deps.authority_set.clone(),
			deps.voter_state.clone(),
			deps.justifications.clone(),
			finality_proofs,
		)
		.into_rpc(),
	)?;
	module.merge(
		SyncState::new(
			deps.chain_spec.cloned_box(),
			Arc::clone(&deps.client),
			deps.authority_set.clone(),
			deps.babe_worker.clone(),
		)?
		.into_rpc(),
	)?;
	module.merge(
		Assay {
			client: Arc::clone(&deps.client),
			keystore: Arc::clone(&deps.keystore),
			executor: Arc::clone(&deps.executor),
			tasks,
		}
		.into_rpc(),
	)?;
	Ok(module)
}
