//! Weights of `crate::authorities`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: AMD EPYC
//! - date: 2026-11-25
//! - values tried of each component: 12
//! - runs with each value: 8, and for 1 s

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Measured times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> crate::authorities::WeightInfo for WeightInfo<T> {
	// `Authorities.Authorities`: r 0, w 1.
	// `Session.CurrentIndex`: r 1, w 0.
	// `Session.NextKeys`: r 100, w 0.
	// `n` was tried from 1 to 100.
	fn set_authorities(n: u32) -> Weight {
		// The fastest run took 10_956 ns.
		Weight::from_parts(10_514_264, 0)
			// Standard error: 2_494 ps.
			.saturating_add(Weight::from_parts(2_611_022, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
	}
}
