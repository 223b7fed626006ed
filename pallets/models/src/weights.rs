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
	/// Weight of `register` with a program of `l` bytes.
	fn register(l: u32) -> Weight;
	/// Weight of `register_existing`.
	fn register_existing() -> Weight;
	/// Weight of `set_terms`.
	fn set_terms() -> Weight;
	/// Weight of `transfer_ownership`.
	fn transfer_ownership() -> Weight;
	/// Weight of `retire`, the program going too.
	fn retire() -> Weight;
}

/// Time that no read or write takes, generously, in picoseconds.
const CALL_TIME: u64 = 60_000_000;
/// Time to hash, decode, validate and store one byte of a program, generously, in picoseconds.
const BYTE_TIME: u64 = 200_000;
/// Trie nodes that prove one storage item, in bytes.
const ITEM_PROOF: u64 = 4_000;

fn weight(database: Weight, items: u64) -> Weight {
	Weight::from_parts(CALL_TIME, ITEM_PROOF.saturating_mul(items)).saturating_add(database)
}

fn bytes(l: u32) -> Weight {
	Weight::from_parts(BYTE_TIME.saturating_mul(l.into()), 0)
}

/// Weights with the database of a runtime.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	// Program, next id, account, holds; written: program, bytes, model, next id, account, holds.
	fn register(l: u32) -> Weight {
		weight(T::DbWeight::get().reads_writes(4, 6), 6).saturating_add(bytes(l))
	}
	// As `register`, without the bytes.
	fn register_existing() -> Weight {
		weight(T::DbWeight::get().reads_writes(4, 5), 5)
	}
	// Model.
	fn set_terms() -> Weight {
		weight(T::DbWeight::get().reads_writes(1, 1), 1)
	}
	// Model.
	fn transfer_ownership() -> Weight {
		weight(T::DbWeight::get().reads_writes(1, 1), 1)
	}
	// Model, program, bytes, and accounts and holds of two depositors.
	fn retire() -> Weight {
		weight(T::DbWeight::get().reads_writes(6, 7), 7)
	}
}

impl WeightInfo for () {
	fn register(l: u32) -> Weight {
		weight(RocksDbWeight::get().reads_writes(4, 6), 6).saturating_add(bytes(l))
	}
	fn register_existing() -> Weight {
		weight(RocksDbWeight::get().reads_writes(4, 5), 5)
	}
	fn set_terms() -> Weight {
		weight(RocksDbWeight::get().reads_writes(1, 1), 1)
	}
	fn transfer_ownership() -> Weight {
		weight(RocksDbWeight::get().reads_writes(1, 1), 1)
	}
	fn retire() -> Weight {
		weight(RocksDbWeight::get().reads_writes(6, 7), 7)
	}
}
