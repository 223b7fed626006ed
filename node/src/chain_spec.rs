// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Chains that can be named on the command line. Their genesis comes from the runtime's presets:
//! the node knows nothing of who owns what.

use assay_runtime::{OpaqueBlock as Block, SS58_PREFIX, WASM_BINARY};
use sc_chain_spec::{ChainSpecExtension, ChainType, Properties};
use serde::{Deserialize, Serialize};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};

/// What a specification carries beside the SDK's fields.
#[derive(Debug, Default, Clone, Serialize, Deserialize, ChainSpecExtension)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
	/// Blocks with known hashes.
	pub fork_blocks: sc_client_api::ForkBlocks<Block>,
	/// Blocks that are never to be imported.
	pub bad_blocks: sc_client_api::BadBlocks<Block>,
	/// State from which a light client starts.
	pub light_sync_state: sc_sync_state_rpc::LightSyncStateExtension,
}

/// A chain specification.
pub type ChainSpec = sc_chain_spec::GenericChainSpec<Extensions>;

/// One authority, Alice, and short periods.
pub fn development() -> Result<ChainSpec, String> {
	preset("Assay Development", "assay_dev", ChainType::Development, DEV_RUNTIME_PRESET)
}

/// Two authorities, Alice and Bob.
pub fn local_testnet() -> Result<ChainSpec, String> {
	preset("Assay Local Testnet", "assay_local", ChainType::Local, LOCAL_TESTNET_RUNTIME_PRESET)
}

fn preset(name: &str, id: &str, kind: ChainType, preset: &str) -> Result<ChainSpec, String> {
	let code = WASM_BINARY.ok_or(
		"this node was built without its Wasm runtime (SKIP_WASM_BUILD) and knows no chain by name",
	)?;
	Ok(ChainSpec::builder(code, Extensions::default())
		.with_name(name)
		.with_id(id)
		.with_protocol_id("assay")
		.with_chain_type(kind)
		.with_genesis_config_preset_name(preset)
		.with_properties(properties())
		.build())
}

/// How user interfaces show amounts and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), "ASY".into());
	properties.insert("tokenDecimals".into(), 12.into());
	properties.insert("ss58Format".into(), SS58_PREFIX.into());
	properties
}
