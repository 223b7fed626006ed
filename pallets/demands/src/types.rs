//! What is recorded of a demand, and how it changes. No storage here.

use assay_primitives::{Balance, Item, SlotId, WorkerKey, CHUNK_BYTES, DEMAND_BYTES_MAX};
use assay_program::merkle;
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_core::H256;

/// Most hashes of a path: of a chunk of the largest item there are as many as of its tree's levels.
pub const PATH_MAX: u32 = 16;
/// Most slots of a job, as the jobs pallet has it: whose demand ends is charged for all.
pub const SLOTS_MAX: u32 = 64;
/// Most chunks of an item.
pub const CHUNKS_MAX: u32 = DEMAND_BYTES_MAX.div_ceil(CHUNK_BYTES);

/// Bytes of a chunk, the last one's without filling.
pub type Chunk = BoundedVec<u8, ConstU32<CHUNK_BYTES>>;
/// The siblings from a chunk to the root of its item, lowest first.
pub type Path = BoundedVec<H256, ConstU32<PATH_MAX>>;

/// A demand that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Demand<AccountId> {
	/// What is demanded.
	pub item: Item,
	/// Who has paid for it in advance.
	pub demander: AccountId,
	/// The slot that owes it.
	pub slot: SlotId,
	/// Whose slot that is: who is paid for it.
	pub provider: AccountId,
	/// The key that acts for it there.
	pub worker: WorkerKey,
	/// Blob digest of the item.
	pub digest: H256,
	/// Its length in bytes.
	pub length: u32,
	/// Price of each of these.
	pub price_per_byte: Balance,
	/// The chunk that has to come next; all before it have come.
	pub next: u32,
	/// Clock time until which it is taken.
	pub due: u32,
}

impl<AccountId> Demand<AccountId> {
	/// Chunks of the item.
	pub fn chunks(&self) -> u32 {
		self.length.div_ceil(CHUNK_BYTES)
	}

	/// Bytes of a chunk; zero past the last one.
	pub fn chunk_length(&self, index: u32) -> u32 {
		self.length.saturating_sub(index.saturating_mul(CHUNK_BYTES)).min(CHUNK_BYTES)
	}

	/// Price of a chunk. What was held for all of them was checked to be a balance.
	pub fn price_of(&self, index: u32) -> Balance {
		self.price_per_byte.saturating_mul(self.chunk_length(index).into())
	}

	/// What is held for chunks that have not come.
	pub fn unspent(&self) -> Balance {
		let come = self.next.saturating_mul(CHUNK_BYTES);
		self.price_per_byte.saturating_mul(self.length.saturating_sub(come).into())
	}

	/// Whether every chunk has come.
	pub fn is_answered(&self) -> bool {
		self.next >= self.chunks()
	}

	/// The demand after its next chunk has come; the one after that has until `due`.
	pub fn advanced(self, due: u32) -> Self {
		Self { next: self.next.saturating_add(1), due, ..self }
	}

	/// Whether bytes are those of a chunk of the item.
	pub fn proves(&self, index: u32, bytes: &[u8], path: &[H256]) -> bool {
		if bytes.is_empty() || u32::try_from(bytes.len()) != Ok(self.chunk_length(index)) {
			return false;
		}
		let Some(tree) = assay_trace::blob_tree(self.length.into()) else { return false };
		if usize::try_from(tree.path_length(index)) != Ok(path.len()) {
			return false;
		}
		let mut segment = bytes.to_vec();
		segment.resize(CHUNK_BYTES as usize, 0);
		let path: alloc::vec::Vec<[u8; 32]> = path.iter().map(|hash| hash.0).collect();
		tree.root_of(index, merkle::leaf(&segment), &path)
			.is_ok_and(|root| merkle::sized(self.length.into(), &root) == self.digest.0)
	}

	/// Whether the item has another length than its job says, as a sized digest shows.
	pub fn is_of_length(&self, length: u64, root: &H256) -> bool {
		length != u64::from(self.length) && merkle::sized(length, &root.0) == self.digest.0
	}
}
