//! `open_lease`.

use super::*;
use frame_support::assert_noop;
use sp_runtime::{DispatchError, TokenError};

fn open(escrow: Balance, duration: u32, limit: Balance) -> sp_runtime::DispatchResult {
	Leases::open_lease(RuntimeOrigin::signed(TENANT), OFFER, escrow, duration, limit, None)
}

#[test]
fn holds_the_escrow_and_copies_the_terms() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		System::set_block_number(5);
		assert_ok!(open_lease(TENANT));
		assert_eq!(
			last_event(),
			Event::LeaseOpened {
				lease: LEASE,
				offer: OFFER,
				tenant: TENANT,
				provider: PROVIDER,
				model: MODEL,
				price_per_unit: PRICE,
				rate_units_per_block: RATE,
				escrow: ESCROW,
				expires_at: 105,
				reservation: None,
			}
		);
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW);
		assert_eq!(free(TENANT), ENDOWMENT - ESCROW);
		let lease = lease();
		assert_eq!((lease.tenant, lease.provider, lease.model), (TENANT, PROVIDER, MODEL));
		assert_eq!((lease.escrow.free(), lease.escrow.reserved()), (ESCROW, 0));
		assert_eq!((lease.opened_at, lease.expires_at), (5, 105));
		assert_eq!(lease.bucket.level_units, 10 * RATE, "the bucket starts full");
		assert_eq!((lease.open_jobs, lease.state), (0, LeaseState::Open));
		assert_eq!(Neighbours::engaged(PROVIDER), 1);
		assert_eq!(Counts::<Test>::get(PROVIDER), ProviderCounts { offers: 1, leases: 1 });
	});
}

#[test]
fn a_provider_may_lease_from_itself() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_ok!(open_lease(PROVIDER));
		assert_eq!(held(HoldReason::Escrow, PROVIDER), ESCROW);
		assert_eq!(held(HoldReason::OfferDeposit, PROVIDER), OFFER_DEPOSIT);
	});
}

#[test]
fn fails_without_the_offer() {
	build_and_execute(|| {
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::OfferNotFound);
	});
}

#[test]
fn boundary_of_the_duration() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(open(ESCROW, 0, PRICE), Error::<Test>::DurationZero);
		assert_noop!(open(ESCROW, DURATION + 1, PRICE), Error::<Test>::DurationTooLong);
		System::set_block_number(u32::MAX - DURATION + 1);
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::DurationTooLong);
		System::set_block_number(u32::MAX - DURATION);
		assert_ok!(open(ESCROW, DURATION, PRICE));
	});
}

#[test]
fn boundary_of_the_price_limit() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(open(ESCROW, DURATION, PRICE - 1), Error::<Test>::PriceAboveLimit);
		assert_ok!(open(ESCROW, DURATION, PRICE));
	});
}

#[test]
fn boundary_of_the_escrow() {
	build_and_execute(|| {
		let create = |min_escrow| {
			let terms = OfferTerms { min_escrow, ..TERMS };
			Leases::create_offer(RuntimeOrigin::signed(PROVIDER), MODEL, terms)
		};
		// The chain's minimum counts where the offer's is lower, and the offer's where it is
		// higher.
		assert_ok!(create(0));
		assert_noop!(open(MIN_ESCROW - 1, DURATION, PRICE), Error::<Test>::EscrowTooLow);
		assert_ok!(open(MIN_ESCROW, DURATION, PRICE));
		assert_ok!(Leases::update_offer(
			RuntimeOrigin::signed(PROVIDER),
			OFFER,
			OfferTerms { min_escrow: MIN_ESCROW + 1, ..TERMS }
		));
		assert_noop!(open(MIN_ESCROW, DURATION, PRICE), Error::<Test>::EscrowTooLow);
		assert_ok!(open(MIN_ESCROW + 1, DURATION, PRICE));
	});
}

#[test]
fn fails_without_funds() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		let most = ENDOWMENT - EXISTENTIAL_DEPOSIT;
		assert_noop!(open(most + 1, DURATION, PRICE), TokenError::FundsUnavailable);
		assert_eq!(Neighbours::engaged(PROVIDER), 0);
		assert_ok!(open(most, DURATION, PRICE));
	});
}

#[test]
fn fails_when_the_provider_may_not_take_work() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		Neighbours::set_ready(PROVIDER, false);
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::ProviderNotReady);
	});
}

#[test]
fn fails_when_the_model_changed_since() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		Neighbours::set_model(MODEL, PRICE + 1, false);
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::PriceBelowRoyalty);
		Neighbours::set_model(MODEL, ROYALTY, true);
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::ModelRetired);
		Neighbours::remove_model(MODEL);
		assert_noop!(open(ESCROW, DURATION, PRICE), Error::<Test>::ModelNotFound);
	});
}

#[test]
fn boundary_of_leases_per_provider() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		for _ in 0..4 {
			assert_ok!(open_lease(TENANT));
		}
		assert_noop!(open_lease(OTHER_TENANT), Error::<Test>::TooManyLeases);
		assert_eq!(Neighbours::engaged(PROVIDER), 4);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(PROVIDER), LEASE));
		assert_ok!(open_lease(OTHER_TENANT));
		assert_eq!(Neighbours::engaged(PROVIDER), 4);
	});
}

#[test]
fn fails_when_no_id_is_left() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		NextLeaseId::<Test>::put(LeaseId(u64::MAX));
		assert_noop!(open_lease(TENANT), Error::<Test>::IdsExhausted);
	});
}

#[test]
fn fails_unless_signed() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(
			Leases::open_lease(RuntimeOrigin::root(), OFFER, ESCROW, DURATION, PRICE, None),
			DispatchError::BadOrigin
		);
	});
}

fn open_reserving(rate: u64, escrow: Balance, price_limit: Balance) -> sp_runtime::DispatchResult {
	let request = ReservationRequest { rate_units_per_block: rate, price_limit };
	let origin = RuntimeOrigin::signed(TENANT);
	Leases::open_lease(origin, OFFER, escrow, DURATION, PRICE, Some(request))
}

#[test]
fn reserves_a_part_of_the_rate_and_sets_the_fee_aside() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		System::set_block_number(5);
		assert_ok!(reserve_rate(TENANT, 10));
		let reservation = RateReservation {
			offer: OFFER,
			rate_units_per_block: 10,
			price_per_block: RATE_PRICE / 2,
			paid_until: 5,
		};
		assert!(matches!(
			last_event(),
			Event::LeaseOpened { escrow: ESCROW, reservation: Some(it), .. } if it == reservation
		));
		let lease = lease();
		assert_eq!(lease.reservation, Some(reservation));
		assert_eq!(lease.escrow.set_aside(), OVERDRAFT_FEE);
		assert_eq!(lease.escrow.free(), ESCROW - OVERDRAFT_FEE);
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW);
		assert_eq!(lease.bucket.level_units, 10 * RATE, "the bucket is that of every lease");
		assert_eq!(reserved_rate(), 10);
	});
}

#[test]
fn a_lease_that_reserves_nothing_sets_nothing_aside() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		assert_ok!(open_lease(TENANT));
		assert_eq!((lease().reservation, lease().escrow.set_aside()), (None, 0));
		assert_eq!(reserved_rate(), 0);
	});
}

#[test]
fn boundary_of_the_reserved_rate() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		assert_noop!(reserve_rate(TENANT, 0), Error::<Test>::RateZero);
		assert_noop!(reserve_rate(TENANT, RATE + 1), Error::<Test>::ReservedRateTooHigh);
		assert_ok!(reserve_rate(TENANT, RATE));
		assert_eq!(lease().reservation.unwrap().price_per_block, RATE_PRICE);
	});
}

#[test]
fn boundary_of_the_capacity() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		assert_ok!(reserve_rate(TENANT, RATE));
		assert_ok!(reserve_rate(OTHER_TENANT, RATE));
		assert_noop!(reserve_rate(TENANT, 11), Error::<Test>::CapacityExceeded);
		assert_ok!(reserve_rate(TENANT, 10));
		assert_eq!(reserved_rate(), CAPACITY);
		assert_noop!(reserve_rate(TENANT, 1), Error::<Test>::CapacityExceeded);
		assert_ok!(open_lease(TENANT));
	});
}

#[test]
fn boundary_of_the_price_limit_of_a_rate() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		// 30 for 20 units is 10.5 for 7, rounded up.
		assert_noop!(open_reserving(7, ESCROW, 10), Error::<Test>::PriceAboveLimit);
		assert_ok!(open_reserving(7, ESCROW, 11));
		assert_eq!(lease().reservation.unwrap().price_per_block, 11);
	});
}

#[test]
fn boundary_of_the_escrow_with_a_reserved_rate() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		let least = MIN_ESCROW + OVERDRAFT_FEE;
		assert_noop!(open_reserving(5, least - 1, RATE_PRICE), Error::<Test>::EscrowTooLow);
		assert_ok!(open_reserving(5, least, RATE_PRICE));
		assert_eq!(lease().escrow.free(), MIN_ESCROW);
	});
}

#[test]
fn fails_where_no_rate_is_for_sale() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(reserve_rate(TENANT, 1), Error::<Test>::ReservationNotOffered);
	});
}

#[test]
fn fails_without_funds_and_takes_no_capacity() {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		let most = ENDOWMENT - EXISTENTIAL_DEPOSIT;
		assert_noop!(open_reserving(5, most + 1, RATE_PRICE), TokenError::FundsUnavailable);
		assert_eq!(reserved_rate(), 0);
	});
}
