//! Weights of `pallet_leases`, measured by `cargo xtask weights`, which overwrites this file.
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
		// The fastest run took 91_486 ns.
		Weight::from_parts(96_793_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 6))
	}
	// `Leases.Offers`: r 1, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	fn update_offer() -> Weight {
		// The fastest run took 23_135 ns.
		Weight::from_parts(28_191_000, 0).saturating_add(T::DbWeight::get().reads_writes(3, 1))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderOffers`: r 0, w 1.
	// `System.Account`: r 1, w 1.
	fn close_offer() -> Weight {
		// The fastest run took 67_080 ns.
		Weight::from_parts(74_911_000, 0).saturating_add(T::DbWeight::get().reads_writes(4, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Jobs.TimingParameters`: r 1, w 0.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 0, w 1.
	// `Leases.NextLeaseId`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Models.Models`: r 1, w 0.
	// `Models.Programs`: r 1, w 0.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 1, w 1.
	fn open_lease() -> Weight {
		// The fastest run took 104_505 ns.
		Weight::from_parts(115_361_000, 0).saturating_add(T::DbWeight::get().reads_writes(9, 9))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `System.Account`: r 3, w 3.
	fn top_up() -> Weight {
		// The fastest run took 170_203 ns.
		Weight::from_parts(178_675_000, 0).saturating_add(T::DbWeight::get().reads_writes(5, 5))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 3, w 3.
	fn close_lease() -> Weight {
		// The fastest run took 182_551 ns.
		Weight::from_parts(194_899_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 10))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 3, w 3.
	fn expire_lease() -> Weight {
		// The fastest run took 183_232 ns.
		Weight::from_parts(192_766_000, 0).saturating_add(T::DbWeight::get().reads_writes(8, 10))
	}
	// `Balances.Holds`: r 1, w 1.
	// `Leases.Counts`: r 1, w 1.
	// `Leases.Leases`: r 1, w 1.
	// `Leases.Offers`: r 1, w 1.
	// `Leases.ProviderLeases`: r 0, w 1.
	// `Leases.TenantLeases`: r 0, w 1.
	// `Providers.Standings`: r 1, w 1.
	// `System.Account`: r 4, w 4.
	fn settle_reservation() -> Weight {
		// The fastest run took 214_579 ns.
		Weight::from_parts(222_620_000, 0).saturating_add(T::DbWeight::get().reads_writes(9, 11))
	}
}
