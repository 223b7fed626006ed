//! Genesis presets: the states that a chain of this runtime can start from.
//!
//! Chain specifications are made from these by name, so a preset is the only place that says who
//! has what at genesis.

use alloc::{vec, vec::Vec};

use frame_support::build_struct_json_patch;
use pallet_jobs::Timing;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

use crate::{
	configs::TreasuryAccount, AccountId, Balance, BalancesConfig, JobsConfig, RuntimeGenesisConfig,
	SessionConfig, SessionKeys, SudoConfig, ASY,
};

/// What each well-known account starts with.
pub const ENDOWMENT: Balance = 10_000_000 * ASY;
/// What the treasury starts with.
pub const TREASURY_ENDOWMENT: Balance = 100_000_000 * ASY;

/// An authority of a test network: a well-known account with well-known keys.
fn authority(
	account: Sr25519Keyring,
	finality: Ed25519Keyring,
) -> (AccountId, AccountId, SessionKeys) {
	let keys = SessionKeys { babe: account.public().into(), grandpa: finality.public().into() };
	(account.to_account_id(), account.to_account_id(), keys)
}

/// Alice is root and an authority; Bob means to provide, Charlie to rent. All of them, and the
/// treasury, have funds.
fn test_network(timing: Timing, authorities: Vec<(AccountId, AccountId, SessionKeys)>) -> Value {
	let endowed = [
		Sr25519Keyring::Alice,
		Sr25519Keyring::Bob,
		Sr25519Keyring::Charlie,
		Sr25519Keyring::Dave,
		Sr25519Keyring::Eve,
		Sr25519Keyring::Ferdie,
	]
	.into_iter()
	.map(|account| (account.to_account_id(), ENDOWMENT))
	.chain([(TreasuryAccount::get(), TREASURY_ENDOWMENT)])
	.collect::<Vec<_>>();

	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances: endowed },
		jobs: JobsConfig { timing },
		session: SessionConfig { keys: authorities },
		sudo: SudoConfig { key: Some(Sr25519Keyring::Alice.to_account_id()) },
	})
}

/// One authority and short periods: for a developer's machine.
fn development() -> Value {
	let timing = Timing {
		duty_period: 20,
		accept: 10,
		commit_base: 20,
		window_base: 10,
		reveal_grace: 20,
		min_rate: 100,
		trap_blocks: 5,
	};
	test_network(timing, vec![authority(Sr25519Keyring::Alice, Ed25519Keyring::Alice)])
}

/// Two authorities and periods of the length that a real network has.
fn local_testnet() -> Value {
	let timing = Timing {
		duty_period: 100,
		accept: 20,
		commit_base: 40,
		window_base: 100,
		reveal_grace: 100,
		min_rate: 100,
		trap_blocks: 20,
	};
	let authorities = vec![
		authority(Sr25519Keyring::Alice, Ed25519Keyring::Alice),
		authority(Sr25519Keyring::Bob, Ed25519Keyring::Bob),
	];
	test_network(timing, authorities)
}

/// The preset of this name, as a JSON patch of the default genesis.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => development(),
		LOCAL_TESTNET_RUNTIME_PRESET => local_testnet(),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names of all presets.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
