// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! A real client, database and block import, with a clock that runs ahead: epochs pass in seconds.

use std::sync::Arc;

use assay_node::{
	cli::Cli,
	service::{self, Partial},
};
use assay_runtime::{Hash, OpaqueBlock as Block, EPOCH_DURATION_IN_SLOTS};
use futures::{
	channel::{mpsc, oneshot},
	SinkExt,
};
use sc_cli::SubstrateCli;
use sc_client_api::HeaderBackend;
use sc_consensus_manual_seal::{
	consensus::{babe::BabeConsensusDataProvider, timestamp::SlotTimestampProvider},
	run_manual_seal, EngineCommand, ManualSealParams,
};
use sc_service::{PartialComponents, TaskManager};
use sp_api::ProvideRuntimeApi;
use sp_consensus_babe::{
	inherents::{BabeCreateInherentDataProviders, InherentDataProvider as SlotInherent},
	BabeApi,
};
use sp_inherents::{InherentData, InherentDataProvider};

/// How far the clock runs from block to block. Every slot is Alice's, so none needs to be made. A
/// few blocks are enough: each waits a second for a transaction pool that nobody maintains here.
const SLOTS_PER_BLOCK: u64 = 400;

/// Reads the fake clock.
fn read(clock: Arc<SlotTimestampProvider>) -> BabeCreateInherentDataProviders<Block> {
	Arc::new(move |_, ()| {
		let slot = SlotInherent::new(clock.slot());
		let time = sp_timestamp::InherentDataProvider::new(clock.timestamp());
		async move { Ok((slot, time)) }
	})
}

/// Starts to make blocks on command, with slots that Alice claims by the fake clock.
fn start_sealing(
	partial: Partial,
	clock: &Arc<SlotTimestampProvider>,
) -> (mpsc::Sender<EngineCommand<Hash>>, TaskManager) {
	let PartialComponents {
		client,
		task_manager,
		keystore_container,
		select_chain,
		transaction_pool,
		other,
		..
	} = partial;
	let keystore = keystore_container.keystore();
	let genesis = client.info().genesis_hash;
	sp_session::generate_initial_session_keys(
		Arc::clone(&client),
		genesis,
		vec!["//Alice".into()],
		Arc::clone(&keystore),
	)
	.unwrap();
	let authorities = client.runtime_api().configuration(genesis).unwrap().authorities;
	let digests = BabeConsensusDataProvider::new(
		Arc::clone(&client),
		keystore,
		other.babe_link.epoch_changes().clone(),
		authorities,
	)
	.unwrap();
	let proposer = sc_basic_authorship::ProposerFactory::new(
		task_manager.spawn_handle(),
		Arc::clone(&client),
		Arc::clone(&transaction_pool),
		None,
		None,
	);
	let (commands, commands_stream) = mpsc::channel(1);
	tokio::spawn(run_manual_seal(ManualSealParams {
		block_import: other.block_import,
		env: proposer,
		client,
		pool: transaction_pool,
		commands_stream,
		select_chain,
		consensus_data_provider: Some(Box::new(digests)),
		create_inherent_data_providers: read(Arc::clone(clock)),
	}));
	(commands, task_manager)
}

/// Has one more block made and finalised.
async fn seal(commands: &mut mpsc::Sender<EngineCommand<Hash>>) -> Hash {
	let (sender, sealed) = oneshot::channel();
	let seal = EngineCommand::SealNewBlock {
		create_empty: true,
		finalize: true,
		parent_hash: None,
		sender: Some(sender),
	};
	commands.send(seal).await.unwrap();
	sealed.await.unwrap().expect("the block is made and imports").hash
}

#[tokio::test(flavor = "multi_thread")]
async fn two_epochs_pass_and_every_block_imports() {
	let folder = tempfile::tempdir().unwrap();
	let base = folder.path().to_str().unwrap();
	let cli = Cli::try_from_iter(["assay-node", "--dev", "--base-path", base]).unwrap();
	let config = cli.create_configuration(&cli.run, tokio::runtime::Handle::current()).unwrap();

	let mut clock = None;
	let partial = service::new_partial_with_clock(
		&config,
		Box::new(|client| {
			let provider = SlotTimestampProvider::new_babe::<Block, _>(Arc::clone(client))
				.map(Arc::new)
				.map_err(|error| sc_service::Error::Other(error.to_string()))?;
			clock = Some(Arc::clone(&provider));
			Ok(read(provider))
		}),
	)
	.unwrap();
	let clock = clock.expect("the clock was made with the client");
	let client = Arc::clone(&partial.client);
	let (mut commands, _task_manager) = start_sealing(partial, &clock);

	let epoch = |hash| client.runtime_api().current_epoch(hash).unwrap().epoch_index;
	let mut epochs_seen = vec![];
	for number in 1..=(2 * EPOCH_DURATION_IN_SLOTS / SLOTS_PER_BLOCK + 2) {
		let hash = seal(&mut commands).await;
		assert_eq!(client.info().best_number as u64, number);
		assert_eq!(client.info().finalized_number as u64, number);
		if epochs_seen.last() != Some(&epoch(hash)) {
			epochs_seen.push(epoch(hash));
		}
		for _ in 0..SLOTS_PER_BLOCK {
			// The provider runs one slot ahead with every reading.
			clock.provide_inherent_data(&mut InherentData::new()).await.unwrap();
		}
	}
	assert_eq!(epochs_seen, [0, 1, 2]);
}
