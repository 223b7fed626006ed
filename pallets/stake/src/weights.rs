//! Weights for tests and as a first orientation. A runtime uses weights that were measured on its
//! own hardware.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::ParityDbWeight, Weight},
};

/// What each call of the pallet costs.
pub trait WeightInfo {
	/// Weight of `bond`.
	fn bond() -> Weight;
	/// Weight of `unbond` with a queue that is full but for one.
	fn unbond() -> Weight;
	/// Weight of `rebond` of a full queue.
	fn rebond() -> Weight;
	/// Weight of `withdraw` of a full queue.
	fn withdraw() -> Weight;
	/// Weight of `force_slash` through a full queue.
	fn force_slash() -> Weight;
}

/// Counted by hand from the storage that each call touches; one record is at most a kilobyte.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

fn counted(compute_micros: u64, db: Weight) -> Weight {
	Weight::from_parts(compute_micros.saturating_mul(1_000_000), 8_192).saturating_add(db)
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	// Ledger, its counter, the account and its holds.
	fn bond() -> Weight {
		counted(40, T::DbWeight::get().reads_writes(4, 4))
	}
	// Ledger.
	fn unbond() -> Weight {
		counted(20, T::DbWeight::get().reads_writes(1, 1))
	}
	// Ledger.
	fn rebond() -> Weight {
		counted(20, T::DbWeight::get().reads_writes(1, 1))
	}
	// Ledger, its counter, the account and its holds.
	fn withdraw() -> Weight {
		counted(40, T::DbWeight::get().reads_writes(4, 4))
	}
	// As `withdraw`, and the account of the sink.
	fn force_slash() -> Weight {
		counted(60, T::DbWeight::get().reads_writes(5, 5))
	}
}

impl WeightInfo for () {
	fn bond() -> Weight {
		counted(40, ParityDbWeight::get().reads_writes(4, 4))
	}
	fn unbond() -> Weight {
		counted(20, ParityDbWeight::get().reads_writes(1, 1))
	}
	fn rebond() -> Weight {
		counted(20, ParityDbWeight::get().reads_writes(1, 1))
	}
	fn withdraw() -> Weight {
		counted(40, ParityDbWeight::get().reads_writes(4, 4))
	}
	fn force_slash() -> Weight {
		counted(60, ParityDbWeight::get().reads_writes(5, 5))
	}
}
