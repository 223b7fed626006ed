//! Ids, digests and the small traits by which the pallets of Assay talk. No storage.
//!
//! One pallet never names another's `Config`: what it needs of a neighbour is a trait here, so each
//! can be replaced and tested alone. Byte-level statements that are signed or hashed live here and
//! in `assay-program`, which chain, node, executor and client share.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

pub mod apis;
pub mod demands;
pub mod duty;
pub mod economics;
pub mod ids;
pub mod offchain;
pub mod reasons;
pub mod record;
pub mod rows;
pub mod statements;
pub mod traits;
pub mod traps;
pub mod worker;

pub use assay_program::{CostForm, Parameters};
pub use assay_trace::{LeafForm, Opening, Outline};
pub use demands::{
	chunk_key, demand_statement, Item, Owed, OwedItems, WantedInput, CHUNK_BYTES, DEMAND_BYTES_MAX,
};
pub use duty::{duty_randomness, Duty, DutyInput, DutyKey, DutyKeyProof, DutyProof, DUTY_BLOCKS};
pub use ids::*;
pub use reasons::*;
pub use record::{Outcome, Record, TrustTerms};
pub use rows::{is_segment, segment_to_show, SegmentBytes, SegmentPath, SEGMENT_PATH_MAX};
pub use statements::*;
pub use traits::*;
pub use traps::{
	trap_consent, trap_leaf, trap_statement, wrong_claim, Trap, TrapPath, TRAPS_MAX, TRAP_PATH_MAX,
};
pub use worker::{WorkerKey, WorkerSignature, WORKER_KEY_TYPE};

/// Account of a person, a tenant or a provider.
pub type AccountId = sp_runtime::AccountId32;
/// Planck: 10^12 make one ASY.
pub type Balance = u128;
/// Height of a block, and every span of protocol time.
pub type BlockNumber = u32;
