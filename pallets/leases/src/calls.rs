//! Bodies of the calls.

use crate::{
	ledger::Ledger, BalanceOf, Bucket, Config, Counts, Error, Event, Lease, LeaseOf, LeaseState,
	Leases, NextLeaseId, NextOfferId, Offer, OfferOf, OfferTermsOf, Offers, Pallet, ProviderLeases,
	ProviderOffers, RateReservation, RateReservationOf, ReservationRequestOf, TenantLeases,
};
use assay_primitives::{CloseReason, LeaseId, ModelId, Models, OfferId, Providers};
use frame_support::{
	defensive,
	dispatch::{DispatchResultWithPostInfo, Pays},
	ensure,
	traits::{DefensiveSaturating, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{CheckedAdd, Saturating, Zero},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumberFor<T> {
		frame_system::Pallet::<T>::block_number()
	}

	pub(crate) fn do_create_offer(
		provider: T::AccountId,
		model: ModelId,
		terms: OfferTermsOf<T>,
	) -> DispatchResult {
		Self::ensure_terms(model, &terms)?;
		ensure!(T::Providers::may_take_work(&provider), Error::<T>::ProviderNotReady);
		let counts = Counts::<T>::get(&provider);
		ensure!(counts.offers < T::MaxOffersPerProvider::get(), Error::<T>::TooManyOffers);
		let id = NextOfferId::<T>::get();
		let next_id = id.next().ok_or(Error::<T>::IdsExhausted)?;

		let deposit = Ledger::<T>::hold_deposit(&provider)?;
		NextOfferId::<T>::put(next_id);
		ProviderOffers::<T>::insert(&provider, id, ());
		Counts::<T>::mutate(&provider, |counts| {
			counts.offers = counts.offers.defensive_saturating_add(1)
		});
		Self::deposit_event(Event::OfferCreated {
			offer: id,
			provider: provider.clone(),
			model,
			terms,
		});
		let reserved_units_per_block = 0;
		Offers::<T>::insert(
			id,
			Offer { provider, model, terms, deposit, reserved_units_per_block },
		);
		Ok(())
	}

	pub(crate) fn do_update_offer(
		who: T::AccountId,
		id: OfferId,
		terms: OfferTermsOf<T>,
	) -> DispatchResult {
		let offer = Self::offer_by(&who, id)?;
		Self::ensure_terms(offer.model, &terms)?;
		ensure!(
			offer.reserved_units_per_block <= terms.capacity_units_per_block(),
			Error::<T>::CapacityBelowReserved
		);

		Self::deposit_event(Event::OfferUpdated { offer: id, terms });
		Offers::<T>::insert(id, Offer { terms, ..offer });
		Ok(())
	}

	pub(crate) fn do_close_offer(who: T::AccountId, id: OfferId) -> DispatchResult {
		let offer = Self::offer_by(&who, id)?;

		Ledger::<T>::release_deposit(&offer.provider, offer.deposit)?;
		Offers::<T>::remove(id);
		ProviderOffers::<T>::remove(&offer.provider, id);
		Self::uncount(&offer.provider, |counts| {
			counts.offers = counts.offers.defensive_saturating_sub(1)
		});
		Self::deposit_event(Event::OfferClosed { offer: id, provider: offer.provider });
		Ok(())
	}

	pub(crate) fn do_open_lease(
		tenant: T::AccountId,
		offer_id: OfferId,
		amount: BalanceOf<T>,
		duration_blocks: u32,
		price_limit: BalanceOf<T>,
		maybe_reservation: Option<ReservationRequestOf<T>>,
	) -> DispatchResult {
		let offer = Offers::<T>::get(offer_id).ok_or(Error::<T>::OfferNotFound)?;
		let terms = offer.terms;
		let opened_at = Self::now();
		let expires_at = Self::expiry(&terms, opened_at, duration_blocks)?;
		ensure!(terms.price_per_unit <= price_limit, Error::<T>::PriceAboveLimit);
		let reservation = maybe_reservation
			.map(|request| Self::reservation_of(&offer, offer_id, opened_at, request))
			.transpose()?;
		let Offer { provider, model, .. } = offer;
		let set_aside = reservation.map_or_else(Zero::zero, |_| T::OverdraftFee::get());
		let min_escrow = terms.min_escrow.max(T::MinEscrow::get()).saturating_add(set_aside);
		ensure!(amount >= min_escrow, Error::<T>::EscrowTooLow);
		ensure!(T::Providers::may_take_work(&provider), Error::<T>::ProviderNotReady);
		let royalty_per_unit = Self::royalty_covered_by(model, terms.price_per_unit)?;
		let counts = Counts::<T>::get(&provider);
		ensure!(counts.leases < T::MaxLeasesPerProvider::get(), Error::<T>::TooManyLeases);
		let id = NextLeaseId::<T>::get();
		let next_id = id.next().ok_or(Error::<T>::IdsExhausted)?;

		let escrow = Ledger::<T>::hold_escrow(&tenant, amount, set_aside)?;
		T::Providers::engage(&provider)?;
		NextLeaseId::<T>::put(next_id);
		let rate_units_per_block = terms.rate_units_per_block;
		let lease = Lease {
			tenant,
			provider,
			model,
			price_per_unit: terms.price_per_unit,
			royalty_per_unit,
			risk_factor_max: terms.risk_factor_max,
			rate_units_per_block,
			reservation,
			bucket: Bucket::full(rate_units_per_block, T::RateBurstBlocks::get(), opened_at),
			opened_at,
			expires_at,
			escrow,
			open_jobs: 0,
			state: LeaseState::Open,
		};
		Self::open_lease_write(id, offer_id, lease);
		Ok(())
	}

	/// Last block of a lease that is opened now.
	fn expiry(
		terms: &OfferTermsOf<T>,
		opened_at: BlockNumberFor<T>,
		duration_blocks: u32,
	) -> Result<BlockNumberFor<T>, Error<T>> {
		ensure!(duration_blocks > 0, Error::<T>::DurationZero);
		ensure!(duration_blocks <= terms.duration_blocks_max, Error::<T>::DurationTooLong);
		opened_at.checked_add(&duration_blocks.into()).ok_or(Error::<T>::DurationTooLong)
	}

	/// What a lease that is opened now reserves of an offer's capacity.
	fn reservation_of(
		offer: &OfferOf<T>,
		id: OfferId,
		opened_at: BlockNumberFor<T>,
		request: ReservationRequestOf<T>,
	) -> Result<RateReservationOf<T>, Error<T>> {
		let rate_units_per_block = request.rate_units_per_block;
		let terms = offer.terms.reservation.ok_or(Error::<T>::ReservationNotOffered)?;
		ensure!(rate_units_per_block > 0, Error::<T>::RateZero);
		let price_per_block = terms
			.price_of(rate_units_per_block, offer.terms.rate_units_per_block)
			.ok_or(Error::<T>::ReservedRateTooHigh)?;
		ensure!(price_per_block <= request.price_limit, Error::<T>::PriceAboveLimit);
		let reserved_units_per_block =
			offer.reserved_units_per_block.checked_add(rate_units_per_block);
		ensure!(
			reserved_units_per_block.is_some_and(|sum| sum <= terms.capacity_units_per_block),
			Error::<T>::CapacityExceeded
		);
		let paid_until = opened_at;
		Ok(RateReservation { offer: id, rate_units_per_block, price_per_block, paid_until })
	}

	/// Record, indexes, counts and event of a new lease.
	fn open_lease_write(id: LeaseId, offer: OfferId, lease: LeaseOf<T>) {
		if let Some(reservation) = lease.reservation {
			Offers::<T>::mutate_extant(offer, |offer| {
				offer.reserved_units_per_block = offer
					.reserved_units_per_block
					.defensive_saturating_add(reservation.rate_units_per_block)
			});
		}
		ProviderLeases::<T>::insert(&lease.provider, id, &lease.tenant);
		TenantLeases::<T>::insert(&lease.tenant, id, ());
		Counts::<T>::mutate(&lease.provider, |counts| {
			counts.leases = counts.leases.defensive_saturating_add(1)
		});
		Self::deposit_event(Event::LeaseOpened {
			lease: id,
			offer,
			tenant: lease.tenant.clone(),
			provider: lease.provider.clone(),
			model: lease.model,
			price_per_unit: lease.price_per_unit,
			rate_units_per_block: lease.rate_units_per_block,
			escrow: lease.escrow.total(),
			expires_at: lease.expires_at,
			reservation: lease.reservation,
		});
		Leases::<T>::insert(id, lease);
	}

	pub(crate) fn do_top_up(
		who: T::AccountId,
		id: LeaseId,
		amount: BalanceOf<T>,
	) -> DispatchResult {
		let mut lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		ensure!(lease.tenant == who, Error::<T>::NotTenant);
		ensure!(!amount.is_zero(), Error::<T>::AmountZero);
		Self::ensure_takes_jobs(&lease)?;

		Ledger::<T>::top_up(&mut lease, amount)?;
		// Not overdrawn before, it is not now: the new funds pay for nothing that is past.
		Self::charge(id, &mut lease);
		let free = lease.escrow.free();
		Leases::<T>::insert(id, lease);
		Self::deposit_event(Event::LeaseToppedUp { lease: id, amount, free });
		Ok(())
	}

	pub(crate) fn do_close_lease(who: T::AccountId, id: LeaseId) -> DispatchResult {
		let lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		// Where one account is both, it acts as the tenant.
		let reason = if lease.tenant == who {
			CloseReason::Tenant
		} else if lease.provider == who {
			CloseReason::Provider
		} else {
			return Err(Error::<T>::NotParty.into());
		};
		Self::close(id, lease, reason)
	}

	pub(crate) fn do_expire_lease(id: LeaseId) -> DispatchResult {
		let lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		ensure!(lease.is_expired(Self::now()), Error::<T>::LeaseNotExpired);
		Self::close(id, lease, CloseReason::Expired)
	}

	pub(crate) fn do_settle_reservation(
		who: T::AccountId,
		id: LeaseId,
	) -> DispatchResultWithPostInfo {
		let mut lease = Leases::<T>::get(id).ok_or(Error::<T>::LeaseNotFound)?;
		let due = lease.rate_due(Self::now()).filter(|due| due.blocks > 0);
		let due = due.ok_or(Error::<T>::NothingDue)?;

		if !due.is_overdrawn {
			Self::charge(id, &mut lease);
			Leases::<T>::insert(id, lease);
			return Ok(Pays::Yes.into());
		}
		Ledger::<T>::pay_overdraft_fee(id, &mut lease, &who);
		Self::close(id, lease, CloseReason::Overdrawn)?;
		Ok(Pays::No.into())
	}

	/// End a lease, or have its last open job end it. One that is overdrawn ends for that reason,
	/// whoever finds it so.
	fn close(id: LeaseId, mut lease: LeaseOf<T>, reason: CloseReason) -> DispatchResult {
		let open_jobs = lease.open_jobs;
		ensure!(open_jobs == 0 || lease.state == LeaseState::Open, Error::<T>::LeaseClosing);

		let is_overdrawn = Self::charge(id, &mut lease);
		let reason = if is_overdrawn { CloseReason::Overdrawn } else { reason };
		Self::end_reservation(id, &mut lease, reason);
		if open_jobs == 0 {
			return Self::finish(id, lease, reason);
		}
		lease.state = LeaseState::Closing(reason);
		Leases::<T>::insert(id, lease);
		Self::deposit_event(Event::LeaseClosing { lease: id, reason, open_jobs });
		Ok(())
	}

	/// Pay what is due for a reserved rate, and end the reservation where the lease takes no job any
	/// more: it is overdrawn, or its last block has passed. Returns whether it is overdrawn; it
	/// must end then.
	pub(crate) fn charge(id: LeaseId, lease: &mut LeaseOf<T>) -> bool {
		let now = Self::now();
		let Some(due) = lease.rate_due(now) else { return false };
		Ledger::<T>::pay_rate(id, lease, due);
		if due.is_overdrawn {
			Self::end_reservation(id, lease, CloseReason::Overdrawn);
		} else if lease.is_expired(now) {
			Self::end_reservation(id, lease, CloseReason::Expired);
		}
		due.is_overdrawn
	}

	/// Give a reserved rate back to the capacity of its offer, if that still stands.
	fn end_reservation(id: LeaseId, lease: &mut LeaseOf<T>, reason: CloseReason) {
		let Some(reservation) = lease.reservation.take() else { return };
		let RateReservation { offer, rate_units_per_block, .. } = reservation;
		Offers::<T>::mutate_extant(offer, |offer| {
			offer.reserved_units_per_block =
				offer.reserved_units_per_block.defensive_saturating_sub(rate_units_per_block)
		});
		Self::deposit_event(Event::ReservationEnded {
			lease: id,
			offer,
			rate_units_per_block,
			reason,
		});
	}

	/// Refund and remove a lease without open jobs, and let its provider go. It reserves no rate any
	/// more.
	fn finish(id: LeaseId, mut lease: LeaseOf<T>, reason: CloseReason) -> DispatchResult {
		let refunded = Ledger::<T>::refund(&mut lease)?;
		Leases::<T>::remove(id);
		ProviderLeases::<T>::remove(&lease.provider, id);
		TenantLeases::<T>::remove(&lease.tenant, id);
		Self::uncount(&lease.provider, |counts| {
			counts.leases = counts.leases.defensive_saturating_sub(1)
		});
		T::Providers::disengage(&lease.provider);
		Self::deposit_event(Event::LeaseClosed {
			lease: id,
			tenant: lease.tenant,
			provider: lease.provider,
			reason,
			refunded,
		});
		Ok(())
	}

	/// Write a lease back after one of its jobs ended, or end it too if that was the last.
	pub(crate) fn settle_write(id: LeaseId, mut lease: LeaseOf<T>) {
		if let (0, Some(reason)) = (lease.open_jobs, lease.ends(Self::now())) {
			lease.state = LeaseState::Closing(reason);
			if Self::finish(id, lease.clone(), reason).is_ok() {
				return;
			}
			// A release to an account that has funds on hold cannot fail. If it does, the lease
			// stays as it is and `close_lease` may try again.
			defensive!("a lease could not be refunded");
		}
		Leases::<T>::insert(id, lease);
	}

	/// An offer of `who`.
	fn offer_by(who: &T::AccountId, id: OfferId) -> Result<OfferOf<T>, Error<T>> {
		let offer = Offers::<T>::get(id).ok_or(Error::<T>::OfferNotFound)?;
		ensure!(offer.provider == *who, Error::<T>::NotProvider);
		Ok(offer)
	}

	fn ensure_terms(model: ModelId, terms: &OfferTermsOf<T>) -> Result<(), Error<T>> {
		ensure!(terms.rate_units_per_block > 0, Error::<T>::RateZero);
		ensure!(terms.duration_blocks_max > 0, Error::<T>::DurationZero);
		// A job without a price would be accepted without a bond.
		ensure!(!terms.price_per_unit.is_zero(), Error::<T>::PriceZero);
		ensure!(terms.risk_factor_max > 0, Error::<T>::RiskFactorZero);
		if let Some(reservation) = &terms.reservation {
			ensure!(!reservation.price_per_block.is_zero(), Error::<T>::ReservationPriceZero);
			ensure!(reservation.capacity_units_per_block > 0, Error::<T>::CapacityZero);
		}
		Self::royalty_covered_by(model, terms.price_per_unit).map(|_| ())
	}

	/// The royalty of a model that may be leased at this price.
	fn royalty_covered_by(
		model: ModelId,
		price_per_unit: BalanceOf<T>,
	) -> Result<BalanceOf<T>, Error<T>> {
		let model = T::Models::model(model).ok_or(Error::<T>::ModelNotFound)?;
		ensure!(!model.retired, Error::<T>::ModelRetired);
		ensure!(price_per_unit >= model.royalty_per_unit, Error::<T>::PriceBelowRoyalty);
		Ok(model.royalty_per_unit)
	}

	pub(crate) fn ensure_takes_jobs(lease: &LeaseOf<T>) -> Result<(), Error<T>> {
		ensure!(lease.state == LeaseState::Open, Error::<T>::LeaseClosing);
		ensure!(!lease.is_expired(Self::now()), Error::<T>::LeaseExpired);
		ensure!(!lease.is_overdrawn(Self::now()), Error::<T>::LeaseOverdrawn);
		Ok(())
	}

	/// Lower a count of a provider, and forget the provider with its last one.
	fn uncount(provider: &T::AccountId, lower: impl FnOnce(&mut crate::ProviderCounts)) {
		let mut counts = Counts::<T>::get(provider);
		lower(&mut counts);
		if counts == Default::default() {
			Counts::<T>::remove(provider);
		} else {
			Counts::<T>::insert(provider, counts);
		}
	}
}
