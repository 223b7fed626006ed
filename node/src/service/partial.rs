// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! The first half of a node: client, transaction pool, and the checks that blocks pass. Subcommands
//! that work on the database need no more.

use std::sync::Arc;

use assay_runtime::{OpaqueBlock as Block, RuntimeApi};
use sc_consensus_babe::{BabeLink, BabeWorkerHandle};
use sc_consensus_grandpa::GrandpaPruningFilter;
use sc_executor::WasmExecutor;
use sc_service::{
	error::Error as ServiceError, Configuration, PartialComponents, TFullBackend, TFullClient,
	TaskManager,
};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus_babe::{
	inherents::{BabeCreateInherentDataProviders, InherentDataProvider as SlotInherent},
	SlotDuration,
};

/// Runs the Wasm runtime. No host functions but the SDK's: stock tools must run this runtime too.
pub type RuntimeExecutor = WasmExecutor<sp_io::SubstrateHostFunctions>;
/// The client of a full node.
pub type FullClient = TFullClient<Block, RuntimeApi, RuntimeExecutor>;
/// Its database.
pub type FullBackend = TFullBackend<Block>;
/// Takes the longest of the chains that contain the last finalised block.
pub type FullSelectChain = sc_consensus::LongestChain<FullBackend, Block>;
/// The pool of transactions.
pub type FullPool = sc_transaction_pool::TransactionPoolHandle<Block, FullClient>;
type GrandpaBlockImport =
	sc_consensus_grandpa::GrandpaBlockImport<FullBackend, Block, FullClient, FullSelectChain>;
/// Tells slot and time to authors and importers.
pub type Clock = BabeCreateInherentDataProviders<Block>;
/// Checks and imports blocks: BABE first, then GRANDPA.
pub type FullBlockImport = sc_consensus_babe::BabeBlockImport<
	Block,
	FullClient,
	GrandpaBlockImport,
	Clock,
	FullSelectChain,
>;

/// What finality hands from imports to the voter.
pub type GrandpaLink = sc_consensus_grandpa::LinkHalf<Block, FullClient, FullSelectChain>;

/// Finality is proven at least every so many blocks.
pub(super) const JUSTIFICATION_PERIOD: u32 = 512;

/// What consensus needs of the first half of the node.
#[allow(missing_debug_implementations)]
pub struct Consensus {
	/// Imports blocks.
	pub block_import: FullBlockImport,
	/// BABE's shared state.
	pub babe_link: BabeLink<Block>,
	/// Answers questions about epochs.
	pub babe_worker: BabeWorkerHandle<Block>,
	/// GRANDPA's shared state.
	pub grandpa_link: GrandpaLink,
	/// Reports to telemetry servers, if any are named.
	pub telemetry: Option<Telemetry>,
}

/// The first half of the node: what also works without a network.
pub type Partial = PartialComponents<
	FullClient,
	FullBackend,
	FullSelectChain,
	sc_consensus::DefaultImportQueue<Block>,
	FullPool,
	Consensus,
>;

/// The clock of a real node.
pub fn system_clock(slot_duration: SlotDuration) -> Clock {
	Arc::new(move |_, ()| async move {
		let timestamp = sp_timestamp::InherentDataProvider::from_system_time();
		let slot = SlotInherent::from_timestamp_and_slot_duration(*timestamp, slot_duration);
		Ok((slot, timestamp))
	})
}

/// Build the first half of a node.
pub fn new_partial(config: &Configuration) -> Result<Partial, ServiceError> {
	let clock = |client: &Arc<FullClient>| {
		let slot_duration = sc_consensus_babe::configuration(&**client)?.slot_duration();
		Ok(system_clock(slot_duration))
	};
	new_partial_with_clock(config, Box::new(clock))
}

/// Makes the clock of a node once its client is there.
pub type ClockMaker<'a> = Box<dyn FnOnce(&Arc<FullClient>) -> Result<Clock, ServiceError> + 'a>;

/// As [`new_partial`], with another clock: tests let time run faster than it does.
pub fn new_partial_with_clock(
	config: &Configuration,
	clock: ClockMaker<'_>,
) -> Result<Partial, ServiceError> {
	let telemetry = start_telemetry(config)?;
	let executor = sc_service::new_wasm_executor(&config.executor);
	let (client, backend, keystore_container, task_manager) =
		sc_service::new_full_parts::<Block, RuntimeApi, _>(
			config,
			telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
			executor,
			// Warp sync serves these blocks also after others are pruned.
			vec![Arc::new(GrandpaPruningFilter)],
		)?;
	let client = Arc::new(client);
	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager.spawn_handle().spawn("telemetry", None, worker.run());
		telemetry
	});

	let select_chain = sc_consensus::LongestChain::new(Arc::clone(&backend));
	let transaction_pool = new_pool(config, &client, &task_manager);
	let (grandpa_block_import, grandpa_link) = sc_consensus_grandpa::block_import(
		Arc::clone(&client),
		JUSTIFICATION_PERIOD,
		&client,
		select_chain.clone(),
		telemetry.as_ref().map(Telemetry::handle),
	)?;
	let babe_config = sc_consensus_babe::configuration(&*client)?;
	let slot_duration = babe_config.slot_duration();
	let (block_import, babe_link) = sc_consensus_babe::block_import(
		babe_config,
		grandpa_block_import.clone(),
		Arc::clone(&client),
		clock(&client)?,
		select_chain.clone(),
		OffchainTransactionPoolFactory::new(Arc::clone(&transaction_pool)),
	)?;
	let (import_queue, babe_worker) =
		sc_consensus_babe::import_queue(sc_consensus_babe::ImportQueueParams {
			link: babe_link.clone(),
			block_import: block_import.clone(),
			justification_import: Some(Box::new(grandpa_block_import)),
			client: Arc::clone(&client),
			slot_duration,
			spawner: &task_manager.spawn_essential_handle(),
			registry: config.prometheus_registry(),
			telemetry: telemetry.as_ref().map(Telemetry::handle),
		})?;

	Ok(PartialComponents {
		client,
		backend,
		task_manager,
		import_queue,
		keystore_container,
		select_chain,
		transaction_pool,
		other: Consensus { block_import, babe_link, babe_worker, grandpa_link, telemetry },
	})
}

fn new_pool(
	config: &Configuration,
	client: &Arc<FullClient>,
	task_manager: &TaskManager,
) -> Arc<FullPool> {
	let pool = sc_transaction_pool::Builder::new(
		task_manager.spawn_essential_handle(),
		Arc::clone(client),
		config.role.is_authority().into(),
	);
	Arc::from(
		pool.with_options(config.transaction_pool.clone())
			.with_prometheus(config.prometheus_registry())
			.build(),
	)
}

fn start_telemetry(
	config: &Configuration,
) -> Result<Option<(TelemetryWorker, Telemetry)>, ServiceError> {
	let Some(endpoints) = config.telemetry_endpoints.clone().filter(|list| !list.is_empty()) else {
		return Ok(None);
	};
	let worker = TelemetryWorker::new(16)?;
	let telemetry = worker.handle().new_telemetry(endpoints);
	Ok(Some((worker, telemetry)))
}
