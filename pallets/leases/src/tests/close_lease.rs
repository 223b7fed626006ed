//! `close_lease` and `expire_lease`.

use super::*;
use assay_primitives::CloseReason;
use frame_support::{assert_noop, dispatch::Pays};
use sp_runtime::DispatchError;

fn close(who: AccountId) -> sp_runtime::DispatchResult {
	Leases::close_lease(RuntimeOrigin::signed(who), LEASE)
}

fn expire() -> frame_support::dispatch::DispatchResultWithPostInfo {
	Leases::expire_lease(RuntimeOrigin::signed(STRANGER), LEASE)
}

fn closed(reason: CloseReason, refunded: Balance) -> Event<Test> {
	Event::LeaseClosed { lease: LEASE, tenant: TENANT, provider: PROVIDER, reason, refunded }
}

/// Whether the jobs pallet may begin a job.
fn takes_jobs() -> sp_runtime::DispatchResult {
	<Leases as assay_primitives::Leases<_, _>>::open_lease(LEASE).map(|_| ())
}

fn assert_gone() {
	assert!(!crate::Leases::<Test>::contains_key(LEASE));
	assert_eq!(held(HoldReason::Escrow, TENANT), 0);
	assert_eq!(Neighbours::engaged(PROVIDER), 0);
	assert_eq!(Counts::<Test>::get(PROVIDER).leases, 0);
	assert!(Leases::tenants_of(&PROVIDER).is_empty());
}

#[test]
fn refunds_at_once_without_open_jobs() {
	for (who, reason) in [(TENANT, CloseReason::Tenant), (PROVIDER, CloseReason::Provider)] {
		with_lease(|| {
			assert_ok!(close(who));
			assert_eq!(last_event(), closed(reason, ESCROW));
			assert_eq!(free(TENANT), ENDOWMENT);
			assert_gone();
			assert_noop!(close(who), Error::<Test>::LeaseNotFound);
		});
	}
}

#[test]
fn who_is_both_closes_as_tenant() {
	build_and_execute(|| {
		assert_ok!(create_offer(PROVIDER));
		assert_ok!(open_lease(PROVIDER));
		assert_ok!(close(PROVIDER));
		assert!(matches!(
			last_event(),
			Event::LeaseClosed { reason: CloseReason::Tenant, refunded: ESCROW, .. }
		));
	});
}

#[test]
fn waits_for_open_jobs() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		assert_ok!(reserve(2, 200, 1));
		assert_ok!(close(PROVIDER));
		assert_eq!(
			last_event(),
			Event::LeaseClosing { lease: LEASE, reason: CloseReason::Provider, open_jobs: 2 }
		);
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW, "nothing is refunded yet");
		assert_noop!(reserve(3, 1, 1), Error::<Test>::LeaseClosing);
		assert_noop!(takes_jobs(), Error::<Test>::LeaseClosing);
		assert_noop!(close(TENANT), Error::<Test>::LeaseClosing);
		assert_eq!(Leases::tenants_of(&PROVIDER), vec![TENANT], "outputs may still be fetched");

		assert_eq!(settle(1, 300, vec![pay(PROVIDER, 100, PaymentKind::Provider)]), 100);
		assert_eq!(lease().state, LeaseState::Closing(CloseReason::Provider));
		assert_eq!(Neighbours::engaged(PROVIDER), 1);
		assert_eq!(settle(2, 200, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Provider, ESCROW - 100));
		assert_eq!(free(TENANT), ENDOWMENT - 100);
		assert_gone();
	});
}

#[test]
fn fails_for_strangers() {
	with_lease(|| {
		assert_noop!(close(STRANGER), Error::<Test>::NotParty);
		assert_noop!(Leases::close_lease(RuntimeOrigin::root(), LEASE), DispatchError::BadOrigin);
		assert_noop!(Leases::expire_lease(RuntimeOrigin::none(), LEASE), DispatchError::BadOrigin);
	});
}

#[test]
fn boundary_of_the_last_block() {
	with_lease(|| {
		System::set_block_number(1 + DURATION);
		assert_ok!(reserve(1, 300, 1));
		assert_eq!(settle(1, 300, vec![]), 0);
		assert_noop!(expire(), Error::<Test>::LeaseNotExpired);

		System::set_block_number(2 + DURATION);
		assert_noop!(reserve(2, 300, 1), Error::<Test>::LeaseExpired);
		assert_noop!(takes_jobs(), Error::<Test>::LeaseExpired);
		assert_eq!(expire().unwrap().pays_fee, Pays::No, "tidying up costs nothing");
		assert_eq!(last_event(), closed(CloseReason::Expired, ESCROW));
		assert_gone();
		assert_noop!(expire(), Error::<Test>::LeaseNotFound);
	});
}

#[test]
fn expiry_waits_for_open_jobs() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		System::set_block_number(2 + DURATION);
		assert_ok!(expire());
		assert_eq!(
			last_event(),
			Event::LeaseClosing { lease: LEASE, reason: CloseReason::Expired, open_jobs: 1 }
		);
		assert_noop!(expire(), Error::<Test>::LeaseClosing);
		assert_eq!(settle(1, 300, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Expired, ESCROW));
		assert_gone();
	});
}

#[test]
fn the_last_job_of_an_expired_lease_ends_it() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		assert_ok!(reserve(2, 300, 1));
		System::set_block_number(2 + DURATION);
		assert_eq!(settle(1, 300, vec![]), 0);
		assert!(crate::Leases::<Test>::contains_key(LEASE));
		assert_eq!(settle(2, 300, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Expired, ESCROW));
		assert_gone();
	});
}

#[test]
fn an_expired_lease_may_be_closed_by_its_parties() {
	with_lease(|| {
		System::set_block_number(2 + DURATION);
		assert_ok!(close(TENANT));
		assert_eq!(last_event(), closed(CloseReason::Tenant, ESCROW));
		assert_gone();
	});
}
