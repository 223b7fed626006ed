//! What block space costs, and what the calls of our pallets were measured to cost: the modules
//! here are written by `cargo xtask weights`.

use frame_support::weights::{
	constants::{WEIGHT_REF_TIME_PER_NANOS, WEIGHT_REF_TIME_PER_SECOND},
	Weight,
};
use sp_runtime::Perbill;

pub mod audits;
pub mod authorities;
pub mod demands;
pub mod disputes;
pub mod jobs;
pub mod leases;
pub mod models;
pub mod providers;
pub mod stake;
pub mod traps;

/// The time a block may take to execute: a third of a slot. Proof size is of no account on a chain
/// whose nodes hold the state.
pub const MAXIMUM_BLOCK_WEIGHT: Weight = Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND, u64::MAX);
/// The bytes of a block: what the block proposer fills at most.
pub const MAXIMUM_BLOCK_LENGTH: u32 = 4 * 1024 * 1024;
/// The share of a block that normal transactions may use.
pub const NORMAL_DISPATCH_RATIO: Perbill = Perbill::from_percent(75);
/// The share of a block that hooks are expected to use.
pub const AVERAGE_ON_INITIALIZE_RATIO: Perbill = Perbill::from_percent(5);
/// Executing a block that holds no transactions.
pub const BLOCK_EXECUTION_WEIGHT: Weight =
	Weight::from_parts(WEIGHT_REF_TIME_PER_NANOS.saturating_mul(400_000), 0);
/// Executing a transaction that does nothing.
pub const EXTRINSIC_BASE_WEIGHT: Weight =
	Weight::from_parts(WEIGHT_REF_TIME_PER_NANOS.saturating_mul(110_000), 0);
