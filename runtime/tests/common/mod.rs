//! A chain in memory: genesis from a preset, blocks in whichever slots a test wants.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use assay_runtime::{
	genesis, AccountId, Authorities, Demands, Disputes, Executive, Header, Jobs, Leases, Models,
	ProviderStake, Providers, Runtime, RuntimeCall, RuntimeGenesisConfig, RuntimeOrigin,
	SessionKeys, System, Timestamp, UncheckedExtrinsic, EPOCH_DURATION_IN_SLOTS,
	MILLISECONDS_PER_SLOT,
};
use codec::Encode;
use frame_support::{dispatch::DispatchResult, genesis_builder_helper::build_state};
use serde_json::Value;
use sp_consensus_babe::{
	digests::{PreDigest, SecondaryPlainPreDigest},
	BABE_ENGINE_ID,
};
use sp_core::{Pair, H256};
use sp_io::TestExternalities;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::{
	traits::{Dispatchable, Header as _},
	Digest, DigestItem,
};

/// The slot of block 1.
pub const FIRST_SLOT: u64 = 600_000_000;

/// A chain at genesis, from a preset by name.
pub fn chain(preset: &str) -> TestExternalities {
	let patch = genesis::get_preset(&preset.into()).expect("the preset exists");
	chain_from(serde_json::from_slice(&patch).unwrap())
}

/// A chain at genesis, from a patch of the default genesis.
pub fn chain_from(patch: Value) -> TestExternalities {
	let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
	merge(&mut config, patch);
	let mut chain = TestExternalities::default();
	chain.register_extension(sp_keystore::KeystoreExt::new(
		sp_keystore::testing::MemoryKeystore::new(),
	));
	chain.execute_with(|| {
		build_state::<RuntimeGenesisConfig>(serde_json::to_vec(&config).unwrap()).unwrap();
	});
	chain
}

/// A chain with more authorities than any preset has.
pub fn chain_of_four() -> TestExternalities {
	let keys = [
		(Sr25519Keyring::Alice, Ed25519Keyring::Alice),
		(Sr25519Keyring::Bob, Ed25519Keyring::Bob),
		(Sr25519Keyring::Charlie, Ed25519Keyring::Charlie),
		(Sr25519Keyring::Dave, Ed25519Keyring::Dave),
	]
	.map(|(babe, grandpa)| {
		let account = babe.to_account_id();
		let keys = SessionKeys { babe: babe.public().into(), grandpa: grandpa.public().into() };
		(account.clone(), account, keys)
	});
	let patch = genesis::get_preset(&"local_testnet".into()).unwrap();
	let mut patch: Value = serde_json::from_slice(&patch).unwrap();
	patch["session"]["keys"] = serde_json::to_value(keys).unwrap();
	chain_from(patch)
}

fn merge(base: &mut Value, patch: Value) {
	match (base, patch) {
		(Value::Object(base), Value::Object(patch)) => {
			for (key, value) in patch {
				merge(base.entry(key).or_insert(Value::Null), value);
			}
		},
		(base, patch) => *base = patch,
	}
}

/// Digest of a block that authority 0 makes in a slot.
pub fn pre_digest(slot: u64) -> DigestItem {
	let digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
		authority_index: 0,
		slot: slot.into(),
	});
	DigestItem::PreRuntime(BABE_ENGINE_ID, digest.encode())
}

/// Begin the next block, in this slot.
pub fn begin_block(slot: u64) {
	let number = System::block_number() + 1;
	let parent = if number == 1 { H256::zero() } else { last_header_hash() };
	let header = Header::new(
		number,
		H256::zero(),
		H256::zero(),
		parent,
		Digest { logs: vec![pre_digest(slot)] },
	);
	Executive::initialize_block(&header);
	let now = slot * MILLISECONDS_PER_SLOT;
	let set = RuntimeCall::Timestamp(pallet_timestamp::Call::set { now });
	Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(set)).unwrap().unwrap();
	assert_eq!(Timestamp::get(), now);
}

/// Finish the block that was begun.
pub fn end_block() -> Header {
	let header = Executive::finalize_block();
	sp_io::storage::set(b":test:parent", &header.hash().encode());
	header
}

/// All invariants of all pallets of ours, and those between them.
pub fn try_state() {
	Authorities::do_try_state().expect("invariants hold");
	ProviderStake::do_try_state().expect("invariants hold");
	Providers::do_try_state().expect("invariants hold");
	Models::do_try_state().expect("invariants hold");
	Leases::do_try_state().expect("invariants hold");
	Jobs::do_try_state().expect("invariants hold");
	Disputes::do_try_state().expect("invariants hold");
	Demands::do_try_state().expect("invariants hold");
	assay_runtime::invariants::do_try_state().expect("invariants hold");
}

/// Hash of the last block that was finished.
pub fn last_header_hash() -> H256 {
	let bytes = sp_io::storage::get(b":test:parent").expect("a block was made");
	H256::from_slice(&bytes)
}

/// A whole block with these transactions in it; each must be applied, whatever comes of its call.
pub fn block(slot: u64, transactions: Vec<UncheckedExtrinsic>) {
	begin_block(slot);
	for transaction in transactions {
		Executive::apply_extrinsic(transaction).expect("the transaction is valid").ok();
	}
	end_block();
}

/// The first slot of an epoch.
pub fn epoch_start(epoch: u64) -> u64 {
	FIRST_SLOT + epoch * EPOCH_DURATION_IN_SLOTS
}

/// Dispatch a call in the name of root.
pub fn as_root(call: impl Into<RuntimeCall>) -> DispatchResult {
	call.into().dispatch(RuntimeOrigin::root()).map(|_| ()).map_err(|error| error.error)
}

/// Dispatch a call in the name of an account.
pub fn signed(who: &AccountId, call: impl Into<RuntimeCall>) -> DispatchResult {
	call.into()
		.dispatch(RuntimeOrigin::signed(who.clone()))
		.map(|_| ())
		.map_err(|error| error.error)
}

/// A signature by a well-known BABE key, as a block's seal.
pub fn seal(signer: Sr25519Keyring, hash: &H256) -> DigestItem {
	let signature = signer.pair().sign(hash.as_ref());
	DigestItem::Seal(BABE_ENGINE_ID, signature.encode())
}

/// Marks the runtime as used, so that helpers of one test file do not warn in another.
pub type Chain = Runtime;
