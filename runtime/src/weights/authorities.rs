//! Weights of the authorities pallet, counted by hand: a read of each named account's session keys,
//! one write of the list, and an ample allowance for sorting and encoding.

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Weights in terms of the runtime's database.
#[derive(Debug)]
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> crate::authorities::WeightInfo for SubstrateWeight<T> {
	fn set_authorities(count: u32) -> Weight {
		Weight::from_parts(10_000_000, 1_000)
			.saturating_add(Weight::from_parts(1_000_000, 200).saturating_mul(count.into()))
			.saturating_add(T::DbWeight::get().reads_writes(count.into(), 1))
	}
}
