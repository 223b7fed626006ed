//! `create_offer` and `close_offer`.

use super::*;
use assay_primitives::ModelId;
use frame_support::assert_noop;
use sp_runtime::{DispatchError, TokenError};

fn create(model: ModelId, price: Balance, rate: u64, duration: u32) -> sp_runtime::DispatchResult {
	let terms = OfferTerms {
		price_per_unit: price,
		rate_units_per_block: rate,
		duration_blocks_max: duration,
		..TERMS
	};
	Leases::create_offer(RuntimeOrigin::signed(PROVIDER), model, terms)
}

#[test]
fn holds_the_deposit_and_writes_the_offer() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_eq!(
			last_event(),
			Event::OfferCreated { offer: OFFER, provider: PROVIDER, model: MODEL, terms: TERMS }
		);
		assert_eq!(held(HoldReason::OfferDeposit, PROVIDER), OFFER_DEPOSIT);
		assert_eq!(free(PROVIDER), ENDOWMENT - OFFER_DEPOSIT);
		let offer = Offers::<Test>::get(OFFER).unwrap();
		assert_eq!((offer.provider, offer.model, offer.deposit), (PROVIDER, MODEL, OFFER_DEPOSIT));
		assert_eq!(Counts::<Test>::get(PROVIDER).offers, 1);

		assert_ok!(create_offer(OTHER_PROVIDER));
		assert_eq!(Offers::<Test>::get(OfferId(1)).unwrap().provider, OTHER_PROVIDER);
	});
}

#[test]
fn a_price_equal_to_the_royalty_covers_it() {
	build_and_execute(|| {
		assert_noop!(create(MODEL, ROYALTY - 1, RATE, DURATION), Error::<Test>::PriceBelowRoyalty);
		assert_ok!(create(MODEL, ROYALTY, RATE, DURATION));
	});
}

#[test]
fn fails_with_terms_that_run_nothing() {
	build_and_execute(|| {
		assert_noop!(create(MODEL, PRICE, 0, DURATION), Error::<Test>::RateZero);
		assert_noop!(create(MODEL, PRICE, RATE, 0), Error::<Test>::DurationZero);
		Neighbours::set_model(MODEL, 0, false);
		assert_noop!(create(MODEL, 0, RATE, DURATION), Error::<Test>::PriceZero);
		let terms = OfferTerms { risk_factor_max: 0, ..TERMS };
		let origin = RuntimeOrigin::signed(PROVIDER);
		assert_noop!(Leases::create_offer(origin, MODEL, terms), Error::<Test>::RiskFactorZero);
		for (price_per_block, capacity_units_per_block, error) in
			[(0, 50, Error::<Test>::ReservationPriceZero), (30, 0, Error::<Test>::CapacityZero)]
		{
			let reservation = Some(ReservationTerms { price_per_block, capacity_units_per_block });
			let terms = OfferTerms { reservation, ..TERMS };
			let origin = RuntimeOrigin::signed(PROVIDER);
			assert_noop!(Leases::create_offer(origin, MODEL, terms), error);
		}
	});
}

#[test]
fn fails_when_the_model_cannot_be_offered() {
	build_and_execute(|| {
		assert_noop!(create(OTHER_MODEL, PRICE, RATE, DURATION), Error::<Test>::ModelNotFound);
		Neighbours::set_model(OTHER_MODEL, ROYALTY, true);
		assert_noop!(create(OTHER_MODEL, PRICE, RATE, DURATION), Error::<Test>::ModelRetired);
	});
}

#[test]
fn fails_when_the_provider_may_not_take_work() {
	build_and_execute(|| {
		assert_noop!(create_offer(STRANGER), Error::<Test>::ProviderNotReady);
		Neighbours::set_ready(PROVIDER, false);
		assert_noop!(create_offer(PROVIDER), Error::<Test>::ProviderNotReady);
	});
}

#[test]
fn fails_without_funds_for_the_deposit() {
	build_and_execute(|| {
		// The existential deposit stays free.
		let poor = OFFER_DEPOSIT + EXISTENTIAL_DEPOSIT - 1;
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), PROVIDER, poor));
		assert_noop!(create_offer(PROVIDER), TokenError::FundsUnavailable);
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), PROVIDER, poor + 1));
		assert_ok!(create_offer(PROVIDER));
	});
}

#[test]
fn boundary_of_offers_per_provider() {
	build_and_execute(|| {
		for _ in 0..3 {
			assert_ok!(create_offer(PROVIDER));
		}
		assert_noop!(create_offer(PROVIDER), Error::<Test>::TooManyOffers);
		// The bound is each provider's own, and a closed offer makes room.
		assert_ok!(create_offer(OTHER_PROVIDER));
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OfferId(1)));
		assert_ok!(create_offer(PROVIDER));
		assert!(Offers::<Test>::contains_key(OfferId(4)), "ids are not used again");
	});
}

#[test]
fn fails_when_no_id_is_left() {
	build_and_execute(|| {
		NextOfferId::<Test>::put(OfferId(u64::MAX));
		assert_noop!(create_offer(PROVIDER), Error::<Test>::IdsExhausted);
	});
}

#[test]
fn fails_unless_signed() {
	build_and_execute(|| {
		assert_noop!(
			Leases::create_offer(RuntimeOrigin::root(), MODEL, TERMS),
			DispatchError::BadOrigin
		);
		assert_noop!(Leases::close_offer(RuntimeOrigin::none(), OFFER), DispatchError::BadOrigin);
	});
}

#[test]
fn closing_gives_the_deposit_back() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
		assert_eq!(last_event(), Event::OfferClosed { offer: OFFER, provider: PROVIDER });
		assert_eq!(held(HoldReason::OfferDeposit, PROVIDER), 0);
		assert_eq!(free(PROVIDER), ENDOWMENT);
		assert!(!Counts::<Test>::contains_key(PROVIDER), "no entry where nothing is counted");
		assert_noop!(
			Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER),
			Error::<Test>::OfferNotFound
		);
	});
}

#[test]
fn a_provider_that_may_not_work_can_still_close() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		Neighbours::set_ready(PROVIDER, false);
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
	});
}

#[test]
fn only_its_provider_closes_an_offer() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_noop!(
			Leases::close_offer(RuntimeOrigin::signed(OTHER_PROVIDER), OFFER),
			Error::<Test>::NotProvider
		);
	});
}

#[test]
fn closing_an_offer_leaves_its_leases_alone() {
	with_lease(|| {
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
		assert_ok!(reserve(1, 100, 1));
		assert_noop!(open_lease(OTHER_TENANT), Error::<Test>::OfferNotFound);
	});
}
