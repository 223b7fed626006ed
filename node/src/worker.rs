// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! What the node does for its off-chain workers: the settings they read from local storage, the
//! finalised block they wait for, a secret for their salts and a key to sign with.

use std::{
	fs, io,
	path::{Path, PathBuf},
	sync::Arc,
};

use assay_primitives::{
	offchain::{
		ExecutorSettings, Finalized, Watch, EXECUTOR_SETTINGS_KEY, FINALIZED_KEY, NODE_SECRET_KEY,
		WATCH_KEY,
	},
	worker_statement, AccountId, WORKER_KEY_TYPE,
};
use codec::Encode;
use futures::StreamExt;
use sc_client_api::{Backend, BlockchainEvents, HeaderBackend};
use sc_service::{error::Error as ServiceError, Configuration, TaskManager};
use sp_core::{
	offchain::{OffchainStorage, STORAGE_PREFIX},
	sr25519, Pair, H256,
};
use sp_keystore::KeystorePtr;
use sp_runtime::traits::Header;

use crate::{
	executor::{start_embedded, Embedded, ExecutorChoice, ExecutorLink},
	metrics::WorkerMetrics,
	service::Shared,
};

/// Name of the file with the node's secret, beside the database: it outlives `purge-chain`.
pub const SECRET_FILE: &str = "worker-secret";
/// Name of the embedded executor's folder, beside the database.
const EXECUTOR_FOLDER: &str = "executor";

/// What this node's off-chain workers are to do.
#[derive(Debug)]
pub struct Work {
	/// Where jobs are computed.
	pub executor: ExecutorChoice,
	/// Whether the claims of others are looked at.
	pub watch: Option<Watch>,
}

/// Put everything that off-chain workers read into its place, and keep it up to date.
pub(crate) async fn prepare(
	config: &Configuration,
	work: Work,
	shared: &Shared,
	task_manager: &mut TaskManager,
) -> Result<Arc<ExecutorLink>, ServiceError> {
	let mut storage = shared
		.backend
		.offchain_storage()
		.ok_or_else(|| ServiceError::Other("the database has no off-chain storage".into()))?;
	let folder = config.base_path.config_dir(config.chain_spec.id());
	let info = shared.client.info();

	let secret = node_secret(&folder)?;
	storage.set(STORAGE_PREFIX, NODE_SECRET_KEY, &secret.encode());
	if config.dev_key_seed.is_some() {
		ensure_worker_key(&shared.keystore)?;
	}

	let folder = folder.join(EXECUTOR_FOLDER);
	let runtime = config.tokio_handle.clone();
	let link =
		link_executor(work.executor, folder, info.genesis_hash, runtime, task_manager).await?;
	// Values survive restarts: what was true for the last run is replaced or removed.
	match &link.settings {
		Some(settings) => storage.set(STORAGE_PREFIX, EXECUTOR_SETTINGS_KEY, &settings.encode()),
		None => storage.remove(STORAGE_PREFIX, EXECUTOR_SETTINGS_KEY),
	}

	match &work.watch {
		Some(watch) => storage.set(STORAGE_PREFIX, WATCH_KEY, &watch.encode()),
		None => storage.remove(STORAGE_PREFIX, WATCH_KEY),
	}

	if link.settings.is_some() && shared.keystore.sr25519_public_keys(WORKER_KEY_TYPE).is_empty() {
		log::warn!(
			"🔑 No worker key: the executor gets no jobs. Make one with assay_rotateWorkerKey, as \
			 `assay provider register` does"
		);
	}
	if let Some(registry) = config.prometheus_registry() {
		WorkerMetrics::register(registry)?.spawn(
			&task_manager.spawn_handle(),
			Arc::clone(&shared.keystore),
			Arc::clone(&link),
		);
	}

	note_finalized(&mut storage, info.finalized_number, info.finalized_hash);
	let mut finality = shared.client.finality_notification_stream();
	task_manager.spawn_handle().spawn("worker-finality", "offchain-worker", async move {
		while let Some(notification) = finality.next().await {
			note_finalized(&mut storage, *notification.header.number(), notification.hash);
		}
	});
	Ok(link)
}

fn note_finalized(storage: &mut impl OffchainStorage, number: u32, hash: H256) {
	storage.set(STORAGE_PREFIX, FINALIZED_KEY, &Finalized { number, hash }.encode());
}

async fn link_executor(
	choice: ExecutorChoice,
	folder: PathBuf,
	genesis: H256,
	runtime: tokio::runtime::Handle,
	task_manager: &mut TaskManager,
) -> Result<Arc<ExecutorLink>, ServiceError> {
	match choice {
		ExecutorChoice::None => {
			log::info!("🖥️  No executor: this node computes no jobs");
			Ok(ExecutorLink::none())
		},
		ExecutorChoice::External(settings) => {
			log::info!("🖥️  Executor at {}", String::from_utf8_lossy(&settings.url));
			let settings = Some(settings);
			Ok(Arc::new(ExecutorLink { settings, data_url: None, is_embedded: false }))
		},
		ExecutorChoice::Embedded { data, threads } => {
			let handle = start_embedded(folder, genesis, data, threads)
				.await
				.map_err(|error| ServiceError::Application(Box::new(error)))?;
			let settings =
				ExecutorSettings { url: handle.control_url().into(), token: handle.token().into() };
			let data_url = handle.data_url();
			log::info!(
				"🖥️  Embedded executor: control {}, data {}",
				handle.control_url(),
				data_url.as_deref().unwrap_or("none"),
			);
			task_manager.keep_alive(Embedded::new(handle, runtime));
			Ok(Arc::new(ExecutorLink { settings: Some(settings), data_url, is_embedded: true }))
		},
	}
}

/// The node's secret, made once. Salts derive from it, so a node that lost it could not reveal what
/// it committed to; hence a file of its own and not only a value in a database that can be purged.
pub fn node_secret(folder: &Path) -> Result<[u8; 32], ServiceError> {
	let path = folder.join(SECRET_FILE);
	match fs::read(&path) {
		Ok(bytes) => bytes
			.try_into()
			.map_err(|_| ServiceError::Other(format!("{}: not 32 bytes long", path.display()))),
		Err(error) if error.kind() == io::ErrorKind::NotFound => {
			fs::create_dir_all(folder)?;
			let (_, secret) = sr25519::Pair::generate();
			write_private(&path, &secret)?;
			Ok(secret)
		},
		Err(error) => Err(error.into()),
	}
}

/// Write a file that only its owner reads, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
	use io::Write;

	let draft = path.with_extension("new");
	let mut options = fs::OpenOptions::new();
	options.write(true).create(true).truncate(true);
	#[cfg(unix)]
	std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
	let mut file = options.open(&draft)?;
	file.write_all(bytes)?;
	file.sync_all()?;
	fs::rename(draft, path)
}

/// Make a worker key where there is none.
pub fn ensure_worker_key(keystore: &KeystorePtr) -> Result<(), ServiceError> {
	if keystore.sr25519_public_keys(WORKER_KEY_TYPE).is_empty() {
		new_worker_key(keystore).map_err(|error| ServiceError::Other(error.to_string()))?;
	}
	Ok(())
}

/// Make a worker key in the keystore.
pub fn new_worker_key(keystore: &KeystorePtr) -> Result<sr25519::Public, sp_keystore::Error> {
	keystore.sr25519_generate_new(WORKER_KEY_TYPE, None)
}

/// Prove that this node holds a worker key: for `owner` and no one else, on this chain alone.
pub fn prove_worker_key(
	keystore: &KeystorePtr,
	key: &sr25519::Public,
	genesis: &H256,
	owner: &AccountId,
) -> Result<Option<sr25519::Signature>, sp_keystore::Error> {
	keystore.sr25519_sign(WORKER_KEY_TYPE, key, &worker_statement(genesis, owner))
}
