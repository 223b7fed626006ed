//! Weights of `pallet_leases`, measured by `cargo xtask weights`, which overwrites this file.
//!
//! - processor: AMD EPYC
//! - date: 2026-11-24
//! - values tried of each component: 16
//! - runs with each value: 10, and for 2 s

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
		// The fastest run took 86_899 ns.
		Weight::from_parts(90_805_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 6))
	}
	// `Leases.Offers`: r 1, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	fn update_offer() -> Weight {
		// The fastest run took 20_901 ns.
		Weight::from_parts(22_824_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderOffers`: r 0, w 1.
	// `System.Account`: r 1, w 1.
	fn close_offer() -> Weight {
		// The fastest run took 65_638 ns.
		Weight::from_parts(68_652_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
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
		// The fastest run took 97_004 ns.
		Weight::from_parts(101_942_000, 0).saturating_add(T::DbWeight::get().reads_writes(9, 8))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn top_up() -> Weight {
		// The fastest run took 66_589 ns.
		Weight::from_parts(70_855_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn close_lease() -> Weight {
		// The fastest run took 71_866 ns.
		Weight::from_parts(75_291_000, 0).saturating_add(T::DbWeight::get().reads_writes(5, 7))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn expire_lease() -> Weight {
		// The fastest run took 72_568 ns.
		Weight::from_parts(75_693_000, 0).saturating_add(T::DbWeight::get().reads_writes(5, 7))
	}
}
