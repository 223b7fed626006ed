//! `update_offer`.

use super::*;
use frame_support::assert_noop;
use sp_runtime::DispatchError;

fn update(
	who: AccountId,
	price: Balance,
	rate: u64,
	duration: u32,
	min_escrow: Balance,
) -> sp_runtime::DispatchResult {
	Leases::update_offer(
		RuntimeOrigin::signed(who),
		OFFER,
		terms(price, rate, duration, min_escrow),
	)
}

fn terms(price: Balance, rate: u64, duration: u32, min_escrow: Balance) -> OfferTerms<Balance> {
	OfferTerms {
		price_per_unit: price,
		rate_units_per_block: rate,
		duration_blocks_max: duration,
		min_escrow,
		risk_factor_max: 5,
		reservation: None,
	}
}

#[test]
fn changes_the_terms_of_later_leases_only() {
	with_lease(|| {
		let before = lease();
		assert_ok!(update(PROVIDER, 9, 30, 200, 80));
		assert_eq!(
			last_event(),
			Event::OfferUpdated { offer: OFFER, terms: terms(9, 30, 200, 80) }
		);
		assert_eq!(lease(), before, "an open lease keeps its terms");

		let origin = RuntimeOrigin::signed(OTHER_TENANT);
		assert_ok!(Leases::open_lease(origin, OFFER, 80, 200, 9, None));
		let later = crate::Leases::<Test>::get(LeaseId(1)).unwrap();
		assert_eq!((later.price_per_unit, later.rate_units_per_block), (9, 30));
		assert_eq!((later.expires_at, later.risk_factor_max), (201, 5));
	});
}

#[test]
fn the_deposit_stays_what_was_held() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_ok!(update(PROVIDER, 9, 30, 200, 80));
		assert_eq!(Offers::<Test>::get(OFFER).unwrap().deposit, OFFER_DEPOSIT);
	});
}

#[test]
fn fails_for_anyone_but_its_provider() {
	build_and_execute(|| {
		assert_noop!(update(PROVIDER, 9, 30, 200, 80), Error::<Test>::OfferNotFound);
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(update(OTHER_PROVIDER, 9, 30, 200, 80), Error::<Test>::NotProvider);
		assert_noop!(
			Leases::update_offer(RuntimeOrigin::root(), OFFER, terms(9, 30, 200, 80)),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn fails_with_terms_that_do_not_hold() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(update(PROVIDER, 9, 0, 200, 80), Error::<Test>::RateZero);
		assert_noop!(update(PROVIDER, 9, 30, 0, 80), Error::<Test>::DurationZero);
		assert_noop!(update(PROVIDER, 1, 30, 200, 80), Error::<Test>::PriceBelowRoyalty);
		Neighbours::set_model(MODEL, ROYALTY, true);
		assert_noop!(update(PROVIDER, 9, 30, 200, 80), Error::<Test>::ModelRetired);
		Neighbours::remove_model(MODEL);
		assert_noop!(update(PROVIDER, 9, 30, 200, 80), Error::<Test>::ModelNotFound);
	});
}

fn update_reservation(maybe_terms: Option<(Balance, u64)>) -> sp_runtime::DispatchResult {
	let reservation = maybe_terms.map(|(price_per_block, capacity_units_per_block)| {
		ReservationTerms { price_per_block, capacity_units_per_block }
	});
	let terms = OfferTerms { reservation, ..RESERVABLE };
	Leases::update_offer(RuntimeOrigin::signed(PROVIDER), OFFER, terms)
}

#[test]
fn boundary_of_what_is_reserved() {
	with_reserving_lease(|| {
		assert_noop!(update_reservation(Some((1, 9))), Error::<Test>::CapacityBelowReserved);
		assert_noop!(update_reservation(None), Error::<Test>::CapacityBelowReserved);
		let before = lease();
		assert_ok!(update_reservation(Some((100, 10))));
		assert_eq!(lease(), before, "an open lease pays what it paid");
		assert_noop!(reserve_rate(TENANT, 1), Error::<Test>::CapacityExceeded);
		assert_eq!(reserved_rate(), 10);

		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_ok!(update_reservation(None));
	});
}

#[test]
fn fails_with_reservations_that_sell_nothing() {
	with_reserving_lease(|| {
		assert_noop!(update_reservation(Some((0, 50))), Error::<Test>::ReservationPriceZero);
		assert_noop!(update_reservation(Some((30, 0))), Error::<Test>::CapacityZero);
	});
}
