//! Weights of `pallet_leases`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: Intel(R) Xeon(R) Processor
//! - date: 2026-11-22
//! - values tried of each component: 20
//! - runs with each value: 5, and for 2 s

use core::marker::PhantomData;

use frame_support::{traits::Get, weights::Weight};

/// Measured times, and reads and writes at the cost of a runtime's database.
#[derive(Debug)]
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_leases::WeightInfo for WeightInfo<T> {
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.NextOfferId`: r 1, w 1.
	// `Leases.Offers`: r 0, w 1.
	// `Leases.ProviderOffers`: r 0, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Standings`: r 1, w 0.
	// `System.Account`: r 1, w 1.
	fn create_offer() -> Weight {
		// The fastest run took 186_002 ns.
		Weight::from_parts(248_843_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 6))
	}
	// `Leases.Offers`: r 1, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	fn update_offer() -> Weight {
		// The fastest run took 52_216 ns.
		Weight::from_parts(71_240_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderOffers`: r 0, w 1.
	// `System.Account`: r 1, w 1.
	fn close_offer() -> Weight {
		// The fastest run took 135_699 ns.
		Weight::from_parts(179_213_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 0, w 1.
	// `Leases.NextLeaseId`: r 1, w 1.
	// `Leases.Offers`: r 1, w 0.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn open_lease() -> Weight {
		// The fastest run took 240_809 ns.
		Weight::from_parts(261_726_000, 0).saturating_add(T::DbWeight::get().reads_writes(9, 8))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn top_up() -> Weight {
		// The fastest run took 90_746 ns.
		Weight::from_parts(172_555_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn close_lease() -> Weight {
		// The fastest run took 98_327 ns.
		Weight::from_parts(113_447_000, 0).saturating_add(T::DbWeight::get().reads_writes(5, 7))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn expire_lease() -> Weight {
		// The fastest run took 96_300 ns.
		Weight::from_parts(116_141_000, 0).saturating_add(T::DbWeight::get().reads_writes(5, 7))
	}
}
