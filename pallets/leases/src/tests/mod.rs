//! Tests by call, and a story from end to end.

mod close_lease;
mod create_offer;
mod invariants;
mod open_lease;
mod reserve;
mod settle;
mod settle_reservation;
mod story;
mod top_up;
mod update_offer;
mod views;

use crate::{
	mock::{Leases, *},
	*,
};
use assay_primitives::{JobDigest, LeaseId, Leases as _, OfferId, Payment, PaymentKind};
use frame_support::{
	assert_ok,
	traits::fungible::{Inspect, InspectHold},
};

pub(crate) const OFFER: OfferId = OfferId(0);
pub(crate) const LEASE: LeaseId = LeaseId(0);
pub(crate) const PRICE: Balance = 7;
pub(crate) const RATE: u64 = 20;
pub(crate) const DURATION: u32 = 100;
pub(crate) const ESCROW: Balance = 1_000;
pub(crate) const TERMS: OfferTerms<Balance> = OfferTerms {
	price_per_unit: PRICE,
	rate_units_per_block: RATE,
	duration_blocks_max: DURATION,
	min_escrow: MIN_ESCROW,
	risk_factor_max: 3,
	reservation: None,
};
/// Planck per block for all of [`RATE`].
pub(crate) const RATE_PRICE: Balance = 30;
pub(crate) const CAPACITY: u64 = 50;
pub(crate) const RESERVABLE: OfferTerms<Balance> = OfferTerms {
	reservation: Some(ReservationTerms {
		price_per_block: RATE_PRICE,
		capacity_units_per_block: CAPACITY,
	}),
	..TERMS
};

pub(crate) fn create_offer(provider: AccountId) -> frame_support::dispatch::DispatchResult {
	Leases::create_offer(RuntimeOrigin::signed(provider), MODEL, TERMS)
}

pub(crate) fn open_lease(tenant: AccountId) -> frame_support::dispatch::DispatchResult {
	Leases::open_lease(RuntimeOrigin::signed(tenant), OFFER, ESCROW, DURATION, PRICE, None)
}

/// A lease that reserves a rate, whatever that costs.
pub(crate) fn reserve_rate(
	tenant: AccountId,
	rate_units_per_block: u64,
) -> frame_support::dispatch::DispatchResult {
	let request = ReservationRequest { rate_units_per_block, price_limit: RATE_PRICE };
	let origin = RuntimeOrigin::signed(tenant);
	Leases::open_lease(origin, OFFER, ESCROW, DURATION, PRICE, Some(request))
}

pub(crate) fn offer_reservable() -> frame_support::dispatch::DispatchResult {
	Leases::create_offer(RuntimeOrigin::signed(PROVIDER), MODEL, RESERVABLE)
}

/// As [`with_lease`], with half of the rate reserved, at 15 a block.
pub(crate) fn with_reserving_lease(test: impl FnOnce()) {
	build_and_execute(|| {
		assert_ok!(offer_reservable());
		assert_ok!(reserve_rate(TENANT, RATE / 2));
		test();
	});
}

/// Units per block that leases have reserved of [`OFFER`].
pub(crate) fn reserved_rate() -> u64 {
	Offers::<Test>::get(OFFER).unwrap().reserved_units_per_block
}

/// A lease of `TENANT` at `PROVIDER`, opened in block 1.
pub(crate) fn with_lease(test: impl FnOnce()) {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_ok!(open_lease(TENANT));
		test();
	});
}

pub(crate) fn job(number: u8) -> JobDigest {
	JobDigest::from([number; 32])
}

pub(crate) fn reserve(number: u8, amount: Balance, units: u64) -> sp_runtime::DispatchResult {
	<Leases as assay_primitives::Leases<_, _>>::reserve(LEASE, job(number), amount, units)
}

pub(crate) fn settle(
	number: u8,
	reserved: Balance,
	payments: Vec<Payment<AccountId, Balance>>,
) -> Balance {
	<Leases as assay_primitives::Leases<_, _>>::settle(LEASE, job(number), reserved, payments)
}

pub(crate) fn pay(
	to: AccountId,
	amount: Balance,
	kind: PaymentKind,
) -> Payment<AccountId, Balance> {
	Payment { to, amount, kind }
}

pub(crate) fn free(who: AccountId) -> Balance {
	<Balances as Inspect<_>>::balance(&who)
}

pub(crate) fn held(reason: HoldReason, who: AccountId) -> Balance {
	<Balances as InspectHold<_>>::balance_on_hold(&reason.into(), &who)
}

pub(crate) fn lease() -> LeaseOf<Test> {
	crate::Leases::<Test>::get(LEASE).unwrap()
}

pub(crate) fn last_event() -> Event<Test> {
	match System::events().pop().map(|record| record.event) {
		Some(RuntimeEvent::Leases(event)) => event,
		other => panic!("the last event is {other:?}"),
	}
}

/// Whether the pallet deposited an event in this block.
pub(crate) fn has_event(event: Event<Test>) -> bool {
	System::events().iter().any(|record| record.event == RuntimeEvent::Leases(event.clone()))
}
