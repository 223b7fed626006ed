//! # Assay runtime
//!
//! The state transition of the Assay chain: which pallets there are, in which order, and with which
//! constants. No logic of its own but for the list of authorities ([`authorities`]).
//!
//! | where | what |
//! |---|---|
//! | [`configs`] | one file per concern with the pallets' `Config` implementations |
//! | [`apis`] | the runtime API that nodes and clients call |
//! | [`reads`] | APIs of ours that only read |
//! | [`genesis`] | the presets `development` and `local_testnet` |
//! | `invariants` | what must hold between the pallets; for tests and try-runtime |
//! | [`weights`] | what block space costs, and the weights of our own calls |

#![cfg_attr(not(feature = "std"), no_std)]
// `construct_runtime` expands to long tuples of every pallet.
#![recursion_limit = "512"]
// The SDK's macros put undocumented items and fallible genesis code into every module they expand
// in.
#![allow(missing_docs, missing_debug_implementations, clippy::expect_used)]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

pub mod apis;
pub mod authorities;
#[cfg(feature = "runtime-benchmarks")]
mod benches;
pub mod configs;
pub mod genesis;
#[cfg(any(feature = "std", feature = "try-runtime"))]
pub mod invariants;
pub mod reads;
pub mod transaction;
pub mod weights;

use alloc::{borrow::Cow, vec::Vec};

use sp_runtime::{
	generic, impl_opaque_keys,
	traits::{BlakeTwo256, IdentifyAccount, Verify},
	MultiAddress, MultiSignature,
};
use sp_version::RuntimeVersion;

#[cfg(feature = "std")]
pub use apis::api;
pub use apis::RuntimeApi;

/// Any of the signature schemes people sign transactions with.
pub type Signature = MultiSignature;
/// An account: 32 bytes, also the public key for sr25519 and ed25519 keys.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An amount of ASY in its smallest unit.
pub type Balance = u128;
/// A block's height.
pub type BlockNumber = u32;
/// How many transactions an account has signed.
pub type Nonce = u32;
/// Output of the chain's hash function, blake2-256.
pub type Hash = sp_core::H256;
/// How transactions name an account.
pub type Address = MultiAddress<AccountId, ()>;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// A block as nodes handle it: its transactions are bytes, which JSON shows as hex digits.
pub type OpaqueBlock = generic::Block<Header, sp_runtime::OpaqueExtrinsic>;
/// A block with its justification.
pub type SignedBlock = generic::SignedBlock<Block>;
/// A block's id.
pub type BlockId = generic::BlockId<Block>;
/// A transaction as it travels.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, transaction::TxExtension>;
/// What is signed by a transaction's author.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, transaction::TxExtension>;
/// Executes blocks and dispatches transactions to the pallets.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

/// One slot of block production.
pub const MILLISECONDS_PER_SLOT: u64 = 3_000;
/// Slots of an epoch, which is also a session. It can never change after genesis; a short one would
/// make the epoch's randomness predictable.
pub const EPOCH_DURATION_IN_SLOTS: u64 = 2_400;
/// Blocks of a minute and longer times, counted in slots.
pub const MINUTES: BlockNumber = (60_000 / MILLISECONDS_PER_SLOT) as BlockNumber;
/// Blocks of an hour.
pub const HOURS: BlockNumber = MINUTES * 60;
/// Blocks of a day.
pub const DAYS: BlockNumber = HOURS * 24;

/// One ASY in its smallest unit: twelve decimals.
pub const ASY: Balance = 1_000_000_000_000;
/// A thousandth of an ASY.
pub const MILLI_ASY: Balance = ASY / 1_000;
/// A millionth of an ASY.
pub const MICRO_ASY: Balance = MILLI_ASY / 1_000;
/// The least an account must hold to exist.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLI_ASY;
/// The SS58 prefix of addresses.
pub const SS58_PREFIX: u16 = 42;

/// The price of keeping state: a deposit for `items` entries and `bytes` of content.
pub const fn deposit(items: u32, bytes: u32) -> Balance {
	items as Balance * 10 * MILLI_ASY + bytes as Balance * 100 * MICRO_ASY
}

impl_opaque_keys! {
	/// What an authority signs blocks and finality votes with.
	pub struct SessionKeys {
		/// Block production.
		pub babe: Babe,
		/// Finality.
		pub grandpa: Grandpa,
	}
}

/// The runtime's name and version.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: Cow::Borrowed("assay"),
	impl_name: Cow::Borrowed("assay"),
	authoring_version: 1,
	spec_version: 100,
	impl_version: 0,
	apis: apis::RUNTIME_API_VERSIONS,
	transaction_version: 1,
	system_version: 1,
};

#[frame_support::runtime]
mod runtime {
	/// The runtime.
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Timestamp = pallet_timestamp;
	// Babe and Authorship initialise before Session, which asks Babe whether the epoch is over.
	#[runtime::pallet_index(2)]
	pub type Babe = pallet_babe;
	#[runtime::pallet_index(3)]
	pub type Authorship = pallet_authorship;
	#[runtime::pallet_index(4)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(5)]
	pub type TransactionPayment = pallet_transaction_payment;
	#[runtime::pallet_index(6)]
	pub type Offences = pallet_offences;
	#[runtime::pallet_index(7)]
	pub type Session = pallet_session;
	#[runtime::pallet_index(8)]
	pub type Historical = pallet_session::historical;
	#[runtime::pallet_index(9)]
	pub type Grandpa = pallet_grandpa;
	#[runtime::pallet_index(10)]
	pub type Authorities = crate::authorities;

	#[runtime::pallet_index(20)]
	pub type Utility = pallet_utility;
	#[runtime::pallet_index(21)]
	pub type Proxy = pallet_proxy;
	#[runtime::pallet_index(22)]
	pub type Multisig = pallet_multisig;
	#[runtime::pallet_index(23)]
	pub type Preimage = pallet_preimage;
	#[runtime::pallet_index(24)]
	pub type Scheduler = pallet_scheduler;
	#[runtime::pallet_index(29)]
	pub type Sudo = pallet_sudo;

	#[runtime::pallet_index(40)]
	pub type ProviderStake = pallet_stake<Instance1>;
	#[runtime::pallet_index(41)]
	pub type Providers = pallet_providers;
	#[runtime::pallet_index(42)]
	pub type Models = pallet_models;
	#[runtime::pallet_index(43)]
	pub type Leases = pallet_leases;
	#[runtime::pallet_index(44)]
	pub type Jobs = pallet_jobs;
	#[runtime::pallet_index(45)]
	pub type Disputes = pallet_disputes;
	#[runtime::pallet_index(46)]
	pub type AuditStake = pallet_stake<Instance2>;
	#[runtime::pallet_index(47)]
	pub type Audits = pallet_audits;
	#[runtime::pallet_index(48)]
	pub type Traps = pallet_traps;
	#[runtime::pallet_index(49)]
	pub type Demands = pallet_demands;
}
