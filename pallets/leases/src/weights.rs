//! Weights for tests and for runtimes that have none of their own. Structured by hand: reads and
//! writes are counted, times are rounded up. A runtime uses what was measured with its own
//! database.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, Weight},
};

/// Weights of this pallet's calls.
pub trait WeightInfo {
	/// Weight of `create_offer`.
	fn create_offer() -> Weight;
	/// Weight of `update_offer`.
	fn update_offer() -> Weight;
	/// Weight of `close_offer`.
	fn close_offer() -> Weight;
	/// Weight of `open_lease`.
	fn open_lease() -> Weight;
	/// Weight of `top_up`.
	fn top_up() -> Weight;
	/// Weight of `close_lease`, the lease ending at once.
	fn close_lease() -> Weight;
	/// Weight of `expire_lease`, the lease ending at once.
	fn expire_lease() -> Weight;
	/// Weight of `settle_reservation`, the lease being overdrawn and ending at once.
	fn settle_reservation() -> Weight;
}

/// Time that no read or write takes, generously, in picoseconds.
const CALL_TIME: u64 = 60_000_000;
/// Trie nodes that prove one storage item, in bytes.
const ITEM_PROOF: u64 = 4_000;

fn weight(database: Weight, items: u64) -> Weight {
	Weight::from_parts(CALL_TIME, ITEM_PROOF.saturating_mul(items)).saturating_add(database)
}

/// Weights with the database of a runtime.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	// Model and program, provider (2), counts, next id, account, holds; written: record, index,
	// counts, next id, account, holds.
	fn create_offer() -> Weight {
		weight(T::DbWeight::get().reads_writes(8, 6), 10)
	}
	// Offer, model and program.
	fn update_offer() -> Weight {
		weight(T::DbWeight::get().reads_writes(3, 1), 3)
	}
	// Offer, index, counts, account, holds.
	fn close_offer() -> Weight {
		weight(T::DbWeight::get().reads_writes(4, 5), 5)
	}
	// As `create_offer`, with the offer, two indexes and the provider's engagement.
	fn open_lease() -> Weight {
		weight(T::DbWeight::get().reads_writes(10, 9), 13)
	}
	// Lease, account, holds; provider's and treasury's accounts.
	fn top_up() -> Weight {
		weight(T::DbWeight::get().reads_writes(5, 5), 5)
	}
	// Lease, account, holds, two indexes, counts, provider; provider's and treasury's accounts,
	// offer.
	fn close_lease() -> Weight {
		weight(T::DbWeight::get().reads_writes(9, 10), 11)
	}
	fn expire_lease() -> Weight {
		Self::close_lease()
	}
	// As `close_lease`, with the caller's account.
	fn settle_reservation() -> Weight {
		weight(T::DbWeight::get().reads_writes(10, 11), 12)
	}
}

impl WeightInfo for () {
	fn create_offer() -> Weight {
		weight(RocksDbWeight::get().reads_writes(8, 6), 10)
	}
	fn update_offer() -> Weight {
		weight(RocksDbWeight::get().reads_writes(3, 1), 3)
	}
	fn close_offer() -> Weight {
		weight(RocksDbWeight::get().reads_writes(4, 5), 5)
	}
	fn open_lease() -> Weight {
		weight(RocksDbWeight::get().reads_writes(10, 9), 13)
	}
	fn top_up() -> Weight {
		weight(RocksDbWeight::get().reads_writes(5, 5), 5)
	}
	fn close_lease() -> Weight {
		weight(RocksDbWeight::get().reads_writes(9, 10), 11)
	}
	fn expire_lease() -> Weight {
		Self::close_lease()
	}
	fn settle_reservation() -> Weight {
		weight(RocksDbWeight::get().reads_writes(10, 11), 12)
	}
}
