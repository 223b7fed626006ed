//! `top_up`.

use super::*;
use frame_support::assert_noop;
use sp_runtime::{DispatchError, TokenError};

fn top_up(who: AccountId, amount: Balance) -> sp_runtime::DispatchResult {
	Leases::top_up(RuntimeOrigin::signed(who), LEASE, amount)
}

#[test]
fn holds_more() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		assert_ok!(top_up(TENANT, 50));
		assert_eq!(
			last_event(),
			Event::LeaseToppedUp { lease: LEASE, amount: 50, free: ESCROW - 300 + 50 }
		);
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW + 50);
		assert_eq!(lease().expires_at, 1 + DURATION, "it does not last longer");
	});
}

#[test]
fn fails_for_anyone_but_the_tenant() {
	with_lease(|| {
		assert_noop!(top_up(PROVIDER, 50), Error::<Test>::NotTenant);
		assert_noop!(top_up(STRANGER, 50), Error::<Test>::NotTenant);
		assert_noop!(Leases::top_up(RuntimeOrigin::none(), LEASE, 50), DispatchError::BadOrigin);
	});
}

#[test]
fn fails_without_lease_amount_or_funds() {
	with_lease(|| {
		assert_noop!(
			Leases::top_up(RuntimeOrigin::signed(TENANT), LeaseId(1), 50),
			Error::<Test>::LeaseNotFound
		);
		assert_noop!(top_up(TENANT, 0), Error::<Test>::AmountZero);
		assert_noop!(top_up(TENANT, ENDOWMENT), TokenError::FundsUnavailable);
		assert_noop!(top_up(TENANT, Balance::MAX), Error::<Test>::EscrowTooHigh);
	});
}

#[test]
fn fails_when_the_lease_takes_no_jobs() {
	with_lease(|| {
		System::set_block_number(1 + DURATION);
		assert_ok!(top_up(TENANT, 50));
		System::set_block_number(2 + DURATION);
		assert_noop!(top_up(TENANT, 50), Error::<Test>::LeaseExpired);
	});
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_noop!(top_up(TENANT, 50), Error::<Test>::LeaseClosing);
	});
}
