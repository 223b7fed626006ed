// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Puts the node together: first what works without a network ([`partial`]), then network,
//! off-chain workers, JSON-RPC, block production and finality.

use std::{sync::Arc, time::Duration};

use assay_runtime::{Hash, OpaqueBlock as Block};
use futures::FutureExt;
use prometheus_endpoint::Registry;
use sc_client_api::{Backend, HeaderBackend};
use sc_consensus_babe::{BabeLink, SlotProportion};
use sc_consensus_grandpa::SharedVoterState;
use sc_consensus_slots::BackoffAuthoringOnFinalizedHeadLagging;
use sc_network::{
	config::{FullNetworkConfiguration, Role},
	service::{traits::NetworkService, NotificationMetrics},
	NetworkBackend, NotificationService, ProtocolName,
};
use sc_network_sync::SyncingService;
use sc_service::{
	error::Error as ServiceError, Configuration, PartialComponents, TaskManager, WarpSyncConfig,
};
use sc_telemetry::{Telemetry, TelemetryHandle};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_keystore::KeystorePtr;

use crate::{
	rpc,
	worker::{self, Work},
};

pub mod partial;

pub use partial::*;

/// A round waits two and four times as long for votes, so blocks of 3 seconds are finalised before
/// the next but one is made.
const GRANDPA_GOSSIP_DURATION: Duration = Duration::from_millis(333);
/// Where finality stalls, authors slow down to one block in so many slots, no further.
const BACKOFF_MAX_INTERVAL: u32 = 10;

/// What several parts of a running node share.
pub(crate) struct Shared {
	pub(crate) client: Arc<FullClient>,
	pub(crate) backend: Arc<FullBackend>,
	pub(crate) pool: Arc<FullPool>,
	pub(crate) keystore: KeystorePtr,
	pub(crate) select_chain: FullSelectChain,
	telemetry: Option<TelemetryHandle>,
	registry: Option<Registry>,
	role: Role,
	name: String,
	force_authoring: bool,
	disable_grandpa: bool,
}

/// GRANDPA's protocol, as the network knows it.
struct Voting {
	protocol: ProtocolName,
	notifications: Box<dyn NotificationService>,
}

/// Build and start a whole node.
pub async fn new_full<N: NetworkBackend<Block, Hash>>(
	mut config: Configuration,
	work: Work,
) -> Result<TaskManager, ServiceError> {
	// A worker reads from its own store the chunks that demands have brought into blocks.
	config.offchain_worker.indexing_enabled |= config.offchain_worker.enabled;
	let partial = new_partial(&config)?;
	let shared = Shared::new(&config, &partial);
	let PartialComponents { mut task_manager, import_queue, other, .. } = partial;
	let Consensus { block_import, babe_link, babe_worker, grandpa_link, mut telemetry } = other;

	let (net_config, metrics, voting) = network_config::<N>(&config, &shared.client)?;
	let warp_sync = Arc::new(sc_consensus_grandpa::warp_proof::NetworkProvider::new(
		Arc::clone(&shared.backend),
		grandpa_link.shared_authority_set().clone(),
		Vec::new(),
	));
	let (network, system_rpc_tx, tx_handler_controller, sync, _) =
		sc_service::build_network(sc_service::BuildNetworkParams {
			config: &config,
			net_config,
			client: Arc::clone(&shared.client),
			transaction_pool: Arc::clone(&shared.pool),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue,
			block_announce_validator_builder: None,
			warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
			block_relay: None,
			metrics,
			gap_sync_body_policy: None,
		})?;

	// The settings are in place before the first worker runs.
	let executor = worker::prepare(&config, work, &shared, &mut task_manager).await?;
	if config.offchain_worker.enabled {
		shared.start_offchain_workers(&network, &task_manager)?;
	}
	let voter_state = SharedVoterState::empty();
	let rpc_builder =
		rpc::builder(&shared, &config, babe_worker, &voter_state, &grandpa_link, executor);
	sc_service::spawn_tasks(sc_service::SpawnTasksParams {
		config,
		client: Arc::clone(&shared.client),
		backend: Arc::clone(&shared.backend),
		task_manager: &mut task_manager,
		keystore: Arc::clone(&shared.keystore),
		transaction_pool: Arc::clone(&shared.pool),
		rpc_builder: Box::new(rpc_builder),
		network: Arc::clone(&network),
		system_rpc_tx,
		tx_handler_controller,
		sync_service: Arc::clone(&sync),
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;

	if shared.role.is_authority() {
		shared.start_authoring(block_import, babe_link, &sync, &task_manager)?;
	}
	if !shared.disable_grandpa {
		shared.start_voting(grandpa_link, voter_state, voting, network, sync, &task_manager)?;
	}
	Ok(task_manager)
}

type NetworkParts<N> = (FullNetworkConfiguration<Block, Hash, N>, NotificationMetrics, Voting);

fn network_config<N: NetworkBackend<Block, Hash>>(
	config: &Configuration,
	client: &FullClient,
) -> Result<NetworkParts<N>, ServiceError> {
	let registry = config.prometheus_registry();
	let mut net_config =
		FullNetworkConfiguration::<_, _, N>::new(&config.network, registry.cloned());
	let metrics = N::register_notification_metrics(registry);
	let genesis = client.info().genesis_hash;
	let protocol = sc_consensus_grandpa::protocol_standard_name(&genesis, &config.chain_spec);
	let (protocol_config, notifications) = sc_consensus_grandpa::grandpa_peers_set_config::<_, N>(
		protocol.clone(),
		metrics.clone(),
		net_config.peer_store_handle(),
	);
	net_config.add_notification_protocol(protocol_config);
	Ok((net_config, metrics, Voting { protocol, notifications }))
}

impl Shared {
	fn new(config: &Configuration, partial: &Partial) -> Self {
		Self {
			client: Arc::clone(&partial.client),
			backend: Arc::clone(&partial.backend),
			pool: Arc::clone(&partial.transaction_pool),
			keystore: partial.keystore_container.keystore(),
			select_chain: partial.select_chain.clone(),
			telemetry: partial.other.telemetry.as_ref().map(Telemetry::handle),
			registry: config.prometheus_registry().cloned(),
			role: config.role,
			name: config.network.node_name.clone(),
			force_authoring: config.force_authoring,
			disable_grandpa: config.disable_grandpa,
		}
	}

	fn start_offchain_workers(
		&self,
		network: &Arc<dyn NetworkService>,
		task_manager: &TaskManager,
	) -> Result<(), ServiceError> {
		let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
			runtime_api_provider: Arc::clone(&self.client),
			keystore: Some(Arc::clone(&self.keystore)),
			offchain_db: self.backend.offchain_storage(),
			transaction_pool: Some(OffchainTransactionPoolFactory::new(Arc::clone(&self.pool))),
			network_provider: Arc::new(Arc::clone(network)),
			is_validator: self.role.is_authority(),
			enable_http_requests: true,
			custom_extensions: |_| Vec::new(),
		})?;
		task_manager.spawn_handle().spawn(
			"offchain-workers-runner",
			"offchain-worker",
			workers.run(Arc::clone(&self.client), task_manager.spawn_handle()).boxed(),
		);
		Ok(())
	}

	fn start_authoring(
		&self,
		block_import: FullBlockImport,
		babe_link: BabeLink<Block>,
		sync: &Arc<SyncingService<Block>>,
		task_manager: &TaskManager,
	) -> Result<(), ServiceError> {
		let proposer = sc_basic_authorship::ProposerFactory::new(
			task_manager.spawn_handle(),
			Arc::clone(&self.client),
			Arc::clone(&self.pool),
			self.registry.as_ref(),
			self.telemetry.clone(),
		);
		let babe = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
			keystore: Arc::clone(&self.keystore),
			client: Arc::clone(&self.client),
			select_chain: self.select_chain.clone(),
			env: proposer,
			block_import,
			sync_oracle: Arc::clone(sync),
			justification_sync_link: Arc::clone(sync),
			create_inherent_data_providers: system_clock(babe_link.config().slot_duration()),
			force_authoring: self.force_authoring,
			backoff_authoring_blocks: Some(BackoffAuthoringOnFinalizedHeadLagging {
				max_interval: BACKOFF_MAX_INTERVAL,
				..Default::default()
			}),
			babe_link,
			block_proposal_slot_portion: SlotProportion::new(2f32 / 3f32),
			max_block_proposal_slot_portion: None,
			telemetry: self.telemetry.clone(),
		})?;
		task_manager.spawn_essential_handle().spawn_blocking("babe", Some("authoring"), babe);
		Ok(())
	}

	fn start_voting(
		self,
		link: GrandpaLink,
		shared_voter_state: SharedVoterState,
		voting: Voting,
		network: Arc<dyn NetworkService>,
		sync: Arc<SyncingService<Block>>,
		task_manager: &TaskManager,
	) -> Result<(), ServiceError> {
		let voter = sc_consensus_grandpa::run_grandpa_voter(sc_consensus_grandpa::GrandpaParams {
			config: sc_consensus_grandpa::Config {
				gossip_duration: GRANDPA_GOSSIP_DURATION,
				justification_generation_period: JUSTIFICATION_PERIOD,
				name: Some(self.name),
				observer_enabled: false,
				// Who does not vote needs no keys.
				keystore: self.role.is_authority().then_some(self.keystore),
				local_role: self.role,
				telemetry: self.telemetry.clone(),
				protocol_name: voting.protocol,
			},
			link,
			network,
			sync,
			notification_service: voting.notifications,
			voting_rule: sc_consensus_grandpa::VotingRulesBuilder::default().build(),
			prometheus_registry: self.registry,
			shared_voter_state,
			telemetry: self.telemetry,
			offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(self.pool),
		})?;
		task_manager.spawn_essential_handle().spawn_blocking("grandpa-voter", None, voter);
		Ok(())
	}
}
