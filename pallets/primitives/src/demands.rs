//! Demands: what a party of a job owes to those who cannot fetch it, and how it gets on chain.

use crate::{JobDigest, SlotId, WorkerKey};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult};

/// Most bytes of an item that can be demanded. No audited job has a larger input or output.
pub const DEMAND_BYTES_MAX: u32 = 262_144;
/// Bytes of a chunk: a segment of a blob, so that its path to the blob's digest proves it.
pub const CHUNK_BYTES: u32 = 4_096;

/// What can be demanded.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Item {
	/// The input of a job, where it did not travel with it.
	#[codec(index = 0)]
	Input,
	/// The output that the assigned slot claims.
	#[codec(index = 1)]
	Output,
}

/// Something that is owed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed<AccountId> {
	/// The slot that owes it.
	pub slot: SlotId,
	/// Whose slot that is.
	pub provider: AccountId,
	/// The key that acts for it there.
	pub worker: WorkerKey,
	/// Blob digest of the item.
	pub digest: H256,
	/// Its length in bytes, if it has the shape that its job says: 1 to [`DEMAND_BYTES_MAX`].
	pub length: u32,
}

/// An input that an auditor cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedInput {
	/// Of which job.
	pub job: JobDigest,
	/// The auditor's slot.
	pub slot: SlotId,
	/// Its blob digest.
	pub digest: H256,
	/// Its length in bytes, if it has the shape that its job says.
	pub length: u32,
}

/// Jobs, as those who demand something of them see them.
pub trait OwedItems<AccountId> {
	/// The clock that deadlines of demands count by. It stands still while jobs are paused.
	fn now() -> u32;
	/// The block in which the clock shows a time, if it is not stopped before.
	fn block_of(time: u32) -> u32;
	/// Whether jobs are paused: no chunk is taken and no deadline passes.
	fn is_paused() -> bool;
	/// What a demand for an item of a job would be about. Fails where nobody owes it now, a demand
	/// or a dispute about the job is open, or the item was demanded before.
	fn owed(job: JobDigest, item: Item) -> Result<Owed<AccountId>, DispatchError>;
	/// A demand begins: the job's own clock stands still, nothing about it lapses, settles or is
	/// disputed. Fails where [`OwedItems::owed`] does.
	fn hold(job: JobDigest, item: Item) -> DispatchResult;
	/// A demand was answered: the job's clock goes on.
	fn resume(job: JobDigest);
	/// A demand has shown that the input is of another length than its job says: the job's clock goes
	/// on, and auditors that have not committed are free. Returns the number of the job's slots.
	fn bar(job: JobDigest) -> u32;
	/// A demand was not answered: the slot loses its whole pledge and lapses, auditors that have not
	/// committed are free, and the job goes on, or ends, without them. Returns the number of the job's
	/// slots.
	fn withhold(job: JobDigest, slot: SlotId) -> u32;
	/// Under which digest an executor keeps what a slot owes.
	fn stored_as(slot: SlotId, item: Item) -> Option<H256>;
	/// Jobs that this key claims the results of.
	fn duties(worker: &WorkerKey) -> Vec<JobDigest>;
	/// Inputs of jobs that this key has to audit, and that are not on chain.
	fn wanted_inputs(worker: &WorkerKey) -> Vec<WantedInput>;
	/// Jobs whose clocks stand still. Walks all jobs: for checks of the state only.
	fn held() -> Vec<JobDigest>;
}

/// A demand that a provider's worker makes, to be paid by its provider.
pub fn demand_statement(genesis: &H256, job: &JobDigest, item: Item) -> Vec<u8> {
	("assay/demand/1", genesis, job, item).encode()
}

/// Where nodes with off-chain indexing keep a chunk that was delivered: its bytes, the last one's
/// without filling. A node that is asked for it after its job is gone may have it still.
pub fn chunk_key(job: &JobDigest, item: Item, index: u32) -> Vec<u8> {
	(b"assay/chunk/", job, item, index).encode()
}
