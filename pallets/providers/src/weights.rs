//! Weights for tests and as a first orientation. A runtime uses weights that were measured on its
//! own hardware.

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::ParityDbWeight, Weight},
};

/// What each call of the pallet costs.
pub trait WeightInfo {
	/// Weight of `register` with `d` devices.
	fn register(d: u32) -> Weight;
	/// Weight of `update` to `d` devices.
	fn update(d: u32) -> Weight;
	/// Weight of `rotate_worker`.
	fn rotate_worker() -> Weight;
	/// Weight of `drain`.
	fn drain() -> Weight;
	/// Weight of `resume`.
	fn resume() -> Weight;
	/// Weight of `leave`.
	fn leave() -> Weight;
	/// Weight of `heartbeat`, once it is authorised.
	fn heartbeat() -> Weight;
	/// Weight of authorising `heartbeat`.
	fn authorize_heartbeat() -> Weight;
}

/// Counted by hand from the storage that each call touches; a signature check is sixty microseconds.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

/// Proof bytes of a profile: devices, endpoint and ticket.
const PROFILE_BYTES: u64 = 4_096;

fn counted(compute_micros: u64, db: Weight) -> Weight {
	Weight::from_parts(compute_micros.saturating_mul(1_000_000), PROFILE_BYTES.saturating_mul(2))
		.saturating_add(db)
}

fn by_devices(weight: Weight, d: u32) -> Weight {
	weight.saturating_add(Weight::from_parts(500_000, 0).saturating_mul(d.into()))
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	// Standing with its counter, owner, profile, bond, genesis hash, account and holds.
	fn register(d: u32) -> Weight {
		by_devices(counted(120, T::DbWeight::get().reads_writes(8, 6)), d)
	}
	// Profile, account and holds.
	fn update(d: u32) -> Weight {
		by_devices(counted(40, T::DbWeight::get().reads_writes(3, 3)), d)
	}
	// Standing, two owners, genesis hash.
	fn rotate_worker() -> Weight {
		counted(90, T::DbWeight::get().reads_writes(3, 3))
	}
	// Standing.
	fn drain() -> Weight {
		counted(15, T::DbWeight::get().reads_writes(1, 1))
	}
	// Standing.
	fn resume() -> Weight {
		counted(15, T::DbWeight::get().reads_writes(1, 1))
	}
	// Standing with its counter, owner, profile, record, account and holds.
	fn leave() -> Weight {
		counted(50, T::DbWeight::get().reads_writes(7, 7))
	}
	// Standing.
	fn heartbeat() -> Weight {
		counted(15, T::DbWeight::get().reads_writes(1, 1))
	}
	// Standing and genesis hash.
	fn authorize_heartbeat() -> Weight {
		counted(70, T::DbWeight::get().reads_writes(2, 0))
	}
}

impl WeightInfo for () {
	fn register(d: u32) -> Weight {
		by_devices(counted(120, ParityDbWeight::get().reads_writes(8, 6)), d)
	}
	fn update(d: u32) -> Weight {
		by_devices(counted(40, ParityDbWeight::get().reads_writes(3, 3)), d)
	}
	fn rotate_worker() -> Weight {
		counted(90, ParityDbWeight::get().reads_writes(3, 3))
	}
	fn drain() -> Weight {
		counted(15, ParityDbWeight::get().reads_writes(1, 1))
	}
	fn resume() -> Weight {
		counted(15, ParityDbWeight::get().reads_writes(1, 1))
	}
	fn leave() -> Weight {
		counted(50, ParityDbWeight::get().reads_writes(7, 7))
	}
	fn heartbeat() -> Weight {
		counted(15, ParityDbWeight::get().reads_writes(1, 1))
	}
	fn authorize_heartbeat() -> Weight {
		counted(70, ParityDbWeight::get().reads_writes(2, 0))
	}
}
