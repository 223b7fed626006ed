//! Tests by call, and a story from end to end.

mod close_lease;
mod create_offer;
mod invariants;
mod open_lease;
mod reserve;
mod settle;
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
};

pub(crate) fn create_offer(provider: AccountId) -> frame_support::dispatch::DispatchResult {
	Leases::create_offer(RuntimeOrigin::signed(provider), MODEL, TERMS)
}

pub(crate) fn open_lease(tenant: AccountId) -> frame_support::dispatch::DispatchResult {
	Leases::open_lease(RuntimeOrigin::signed(tenant), OFFER, ESCROW, DURATION, PRICE)
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
