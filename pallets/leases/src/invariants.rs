//! What is always so. The numbers are those of the crate documentation.

use crate::{
	ledger::Ledger, BalanceOf, Config, Counts, HoldReason, LeaseState, Leases, NextLeaseId,
	NextOfferId, Offers, Pallet, ProviderCounts, ProviderLeases, ProviderOffers, Reservations,
	TenantLeases,
};
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::Get};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Check every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_escrow_is_held()?;
		Self::inv_2_deposits_are_held()?;
		Self::inv_3_reservations_add_up()?;
		Self::inv_4_indexes_match()?;
		Self::inv_5_counts_match()?;
		Self::inv_6_ids_are_below_the_next()?;
		Self::inv_7_closing_leases_have_jobs()?;
		Self::inv_8_terms_run_something()?;
		Self::inv_9_reserved_rates_fit_capacities()?;
		Self::inv_10_reserving_leases_are_open()
	}

	/// Every account holds for `reason` what `records` say, and nothing where they say nothing.
	fn ensure_held(
		reason: impl Fn() -> HoldReason,
		records: BTreeMap<T::AccountId, BalanceOf<T>>,
		message: &'static str,
	) -> Result<(), TryRuntimeError> {
		for who in frame_system::Account::<T>::iter_keys() {
			let recorded = records.get(&who).copied().unwrap_or_else(Zero::zero);
			ensure!(Ledger::<T>::held(reason(), &who) == recorded, message);
		}
		// An account that was reaped holds nothing.
		for (who, recorded) in records {
			ensure!(Ledger::<T>::held(reason(), &who) == recorded, message);
		}
		Ok(())
	}

	fn inv_1_escrow_is_held() -> Result<(), TryRuntimeError> {
		let mut records = BTreeMap::<_, BalanceOf<T>>::new();
		for lease in Leases::<T>::iter_values() {
			let sum = records.entry(lease.tenant.clone()).or_insert_with(Zero::zero);
			*sum = sum.saturating_add(lease.escrow.total());
		}
		Self::ensure_held(
			|| HoldReason::Escrow,
			records,
			"INV-1: escrow held of an account is the sum of its leases",
		)
	}

	fn inv_2_deposits_are_held() -> Result<(), TryRuntimeError> {
		let mut records = BTreeMap::<_, BalanceOf<T>>::new();
		for offer in Offers::<T>::iter_values() {
			let sum = records.entry(offer.provider.clone()).or_insert_with(Zero::zero);
			*sum = sum.saturating_add(offer.deposit);
		}
		Self::ensure_held(
			|| HoldReason::OfferDeposit,
			records,
			"INV-2: deposits held of an account are the sum of its offers",
		)
	}

	fn inv_3_reservations_add_up() -> Result<(), TryRuntimeError> {
		for (id, lease) in Leases::<T>::iter() {
			let mut sum = BalanceOf::<T>::zero();
			let mut jobs = 0u32;
			for amount in Reservations::<T>::iter_prefix_values(id) {
				sum = sum.saturating_add(amount);
				jobs = jobs.saturating_add(1);
			}
			ensure!(
				lease.escrow.reserved() == sum,
				"INV-3: the reserved part of a lease is the sum of its reservations"
			);
			ensure!(
				lease.open_jobs == jobs,
				"INV-3: the open jobs of a lease are its reservations"
			);
			ensure!(
				jobs <= T::MaxOpenJobsPerLease::get(),
				"INV-3: a lease has no more open jobs than one may have"
			);
		}
		for (id, _, _) in Reservations::<T>::iter() {
			ensure!(Leases::<T>::contains_key(id), "INV-3: a reservation belongs to a lease");
		}
		Ok(())
	}

	fn inv_4_indexes_match() -> Result<(), TryRuntimeError> {
		for (id, offer) in Offers::<T>::iter() {
			ensure!(
				ProviderOffers::<T>::contains_key(&offer.provider, id),
				"INV-4: an offer is in its provider's index"
			);
		}
		for (id, lease) in Leases::<T>::iter() {
			ensure!(
				ProviderLeases::<T>::get(&lease.provider, id).as_ref() == Some(&lease.tenant),
				"INV-4: a lease is in its provider's index, with its tenant"
			);
			ensure!(
				TenantLeases::<T>::contains_key(&lease.tenant, id),
				"INV-4: a lease is in its tenant's index"
			);
		}
		ensure!(
			ProviderOffers::<T>::iter().count() == Offers::<T>::iter().count(),
			"INV-4: the index of offers names nothing else"
		);
		let leases = Leases::<T>::iter().count();
		ensure!(
			ProviderLeases::<T>::iter().count() == leases,
			"INV-4: the index of leases by provider names nothing else"
		);
		ensure!(
			TenantLeases::<T>::iter().count() == leases,
			"INV-4: the index of leases by tenant names nothing else"
		);
		Ok(())
	}

	fn inv_5_counts_match() -> Result<(), TryRuntimeError> {
		let mut records = BTreeMap::<T::AccountId, ProviderCounts>::new();
		for offer in Offers::<T>::iter_values() {
			let counts = records.entry(offer.provider).or_default();
			counts.offers = counts.offers.saturating_add(1);
		}
		for lease in Leases::<T>::iter_values() {
			let counts = records.entry(lease.provider).or_default();
			counts.leases = counts.leases.saturating_add(1);
		}
		let stored: BTreeMap<_, _> = Counts::<T>::iter().collect();
		ensure!(stored == records, "INV-5: counts are those of offers and leases");
		for counts in stored.values() {
			ensure!(
				counts.offers <= T::MaxOffersPerProvider::get(),
				"INV-5: no provider has more offers than one may have"
			);
			ensure!(
				counts.leases <= T::MaxLeasesPerProvider::get(),
				"INV-5: no provider has more leases than one may have"
			);
		}
		Ok(())
	}

	fn inv_6_ids_are_below_the_next() -> Result<(), TryRuntimeError> {
		let next_offer = NextOfferId::<T>::get();
		ensure!(
			Offers::<T>::iter_keys().all(|id| id < next_offer),
			"INV-6: ids of offers are below the next"
		);
		let next_lease = NextLeaseId::<T>::get();
		ensure!(
			Leases::<T>::iter_keys().all(|id| id < next_lease),
			"INV-6: ids of leases are below the next"
		);
		Ok(())
	}

	fn inv_7_closing_leases_have_jobs() -> Result<(), TryRuntimeError> {
		ensure!(
			Leases::<T>::iter_values()
				.all(|lease| lease.state == LeaseState::Open || lease.open_jobs > 0),
			"INV-7: a closing lease has open jobs"
		);
		Ok(())
	}

	fn inv_8_terms_run_something() -> Result<(), TryRuntimeError> {
		for terms in Offers::<T>::iter_values().map(|offer| offer.terms) {
			ensure!(!terms.price_per_unit.is_zero(), "INV-8: an offer has a price");
			ensure!(terms.rate_units_per_block > 0, "INV-8: an offer has a rate");
			ensure!(terms.duration_blocks_max > 0, "INV-8: an offer has a duration");
			ensure!(terms.risk_factor_max > 0, "INV-8: an offer takes the risk of a job's price");
			ensure!(
				terms.reservation.is_none_or(|it| {
					!it.price_per_block.is_zero() && it.capacity_units_per_block > 0
				}),
				"INV-8: a reserved rate has a price, and there is some"
			);
		}
		for lease in Leases::<T>::iter_values() {
			ensure!(
				!lease.price_per_unit.is_zero() && lease.royalty_per_unit <= lease.price_per_unit,
				"INV-8: the price of a lease covers its royalty"
			);
			ensure!(lease.risk_factor_max > 0, "INV-8: a lease takes the risk of a job's price");
		}
		Ok(())
	}

	fn inv_9_reserved_rates_fit_capacities() -> Result<(), TryRuntimeError> {
		let mut sums = BTreeMap::<_, u64>::new();
		for reservation in Leases::<T>::iter_values().filter_map(|lease| lease.reservation) {
			let sum = sums.entry(reservation.offer).or_default();
			*sum = sum.saturating_add(reservation.rate_units_per_block);
		}
		for (id, offer) in Offers::<T>::iter() {
			let sum = sums.get(&id).copied().unwrap_or_default();
			ensure!(
				offer.reserved_units_per_block == sum,
				"INV-9: what is reserved of an offer is the sum over its leases"
			);
			ensure!(
				sum <= offer.terms.capacity_units_per_block(),
				"INV-9: no more is reserved of an offer than its capacity"
			);
		}
		Ok(())
	}

	fn inv_10_reserving_leases_are_open() -> Result<(), TryRuntimeError> {
		let now = Self::now();
		for lease in Leases::<T>::iter_values() {
			let Some(reservation) = lease.reservation else { continue };
			ensure!(
				lease.state == LeaseState::Open,
				"INV-10: a lease that is closing reserves no rate"
			);
			ensure!(
				reservation.paid_until >= lease.opened_at
					&& reservation.paid_until <= lease.expires_at.min(now),
				"INV-10: a reserved rate is paid for in the blocks of its lease that have passed"
			);
			ensure!(
				reservation.rate_units_per_block > 0
					&& reservation.rate_units_per_block <= lease.rate_units_per_block,
				"INV-10: a reserved rate is a part of the rate"
			);
			ensure!(!reservation.price_per_block.is_zero(), "INV-10: a reserved rate has a price");
		}
		Ok(())
	}
}
