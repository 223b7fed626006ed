//! What other pallets ask of this one.

use crate::{
	ledger::Ledger, BalanceOf, BucketError, Config, Error, Event, LeaseState, Leases, OfferTerms,
	Offers, Pallet, ProviderLeases, ProviderOffers, Reservations,
};
use alloc::{collections::BTreeSet, vec::Vec};
use assay_primitives::{
	CloseReason, JobDigest, JobTerms, LeaseId, LeaseInfo, ModelId, Models, Payment,
};
use frame_support::{
	defensive, ensure,
	traits::{DefensiveSaturating, Get},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	DispatchError, DispatchResult,
};

impl<T: Config> assay_primitives::Leases<T::AccountId, BalanceOf<T>> for Pallet<T> {
	fn open_lease(id: LeaseId) -> Result<LeaseInfo<T::AccountId, BalanceOf<T>>, DispatchError> {
		let lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		Self::ensure_takes_jobs(&lease)?;
		Ok(LeaseInfo {
			free: lease.free(Self::now()),
			tenant: lease.tenant,
			provider: lease.provider,
			model: lease.model,
			price_per_unit: lease.price_per_unit,
			royalty_per_unit: lease.royalty_per_unit,
			risk_factor_max: lease.risk_factor_max,
		})
	}

	fn reserve(id: LeaseId, job: JobDigest, amount: BalanceOf<T>, units: u64) -> DispatchResult {
		let mut lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		Self::ensure_takes_jobs(&lease)?;
		ensure!(lease.open_jobs < T::MaxOpenJobsPerLease::get(), Error::<T>::TooManyOpenJobs);
		ensure!(!Reservations::<T>::contains_key(id, job), Error::<T>::JobReserved);
		let burst_blocks = T::RateBurstBlocks::get();
		lease.bucket = lease
			.bucket
			.take(lease.rate_units_per_block, burst_blocks, Self::now(), units)
			.map_err(|error| match error {
				BucketError::Later => Error::<T>::RateExceeded,
				BucketError::Never => Error::<T>::UnitsAboveBurst,
			})?;

		// What is due is paid first; what is left must do for the job.
		ensure!(amount <= lease.free(Self::now()), Error::<T>::FreeEscrowTooLow);

		Self::charge(id, &mut lease);
		Ledger::<T>::reserve(id, &mut lease, job, amount)?;
		lease.open_jobs = lease.open_jobs.defensive_saturating_add(1);
		Leases::<T>::insert(id, lease);
		Ok(())
	}

	fn reserved(id: LeaseId, job: JobDigest) -> BalanceOf<T> {
		Reservations::<T>::get(id, job).unwrap_or_else(Zero::zero)
	}

	fn settle(
		id: LeaseId,
		job: JobDigest,
		reserved: BalanceOf<T>,
		payments: Vec<Payment<T::AccountId, BalanceOf<T>>>,
	) -> BalanceOf<T> {
		// A reservation keeps its lease, and a job its reservation.
		let Some(mut lease) = Leases::<T>::get(id) else {
			defensive!("a job outlived its lease");
			return Zero::zero();
		};
		if !Reservations::<T>::contains_key(id, job) {
			defensive!("a job without a reservation was settled");
			return Zero::zero();
		}
		if Self::charge(id, &mut lease) {
			let (reason, open_jobs) = (CloseReason::Overdrawn, lease.open_jobs);
			lease.state = LeaseState::Closing(reason);
			Self::deposit_event(Event::LeaseClosing { lease: id, reason, open_jobs });
		}
		let Some(paid) = Ledger::<T>::settle(id, &mut lease, job, reserved, payments) else {
			Leases::<T>::insert(id, lease);
			return Zero::zero();
		};
		lease.open_jobs = lease.open_jobs.defensive_saturating_sub(1);
		Self::settle_write(id, lease);
		paid
	}

	fn would_offer(
		provider: &T::AccountId,
		model: ModelId,
		terms: &JobTerms<BalanceOf<T>>,
	) -> bool {
		let Some(info) = T::Models::model(model) else { return false };
		// Bounded by `MaxOffersPerProvider`.
		ProviderOffers::<T>::iter_key_prefix(provider)
			.filter_map(Offers::<T>::get)
			.filter(|offer| offer.model == model)
			.filter(|offer| {
				let OfferTerms { price_per_unit, risk_factor_max, .. } = offer.terms;
				let asked = price_per_unit.saturating_sub(info.royalty_per_unit);
				let risk_max = terms.price_max.saturating_mul(risk_factor_max.into());
				asked <= terms.earned_per_unit && terms.value_at_risk <= risk_max
			})
			// All are looked at, wherever the one is that suits: so much was measured.
			.count() > 0
	}

	fn tenants_of(provider: &T::AccountId) -> Vec<T::AccountId> {
		// Bounded by `MaxLeasesPerProvider`. A lease that is closing counts: its tenant has outputs
		// to fetch.
		let tenants: BTreeSet<_> = ProviderLeases::<T>::iter_prefix_values(provider).collect();
		tenants.into_iter().collect()
	}
}
