//! Settlements.

use super::*;

fn paid(to: AccountId, amount: Balance, kind: PaymentKind) -> Event<Test> {
	Event::Paid { lease: LEASE, job: job(1), to, amount, kind }
}

fn redirected(to: AccountId, amount: Balance, kind: PaymentKind) -> Event<Test> {
	Event::PaymentRedirected { lease: LEASE, job: job(1), to, amount, kind }
}

#[test]
fn pays_every_share_and_returns_the_rest() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		let payments = vec![
			pay(PROVIDER, 200, PaymentKind::Provider),
			pay(MODEL_OWNER, 60, PaymentKind::Royalty),
			pay(AUDIT_POOL, 0, PaymentKind::AuditPool),
			pay(TREASURY, 40, PaymentKind::Treasury),
		];
		assert_eq!(settle(1, 500, payments), 300);
		assert!(has_event(paid(PROVIDER, 200, PaymentKind::Provider)));
		assert!(has_event(paid(MODEL_OWNER, 60, PaymentKind::Royalty)));
		assert!(!has_event(paid(AUDIT_POOL, 0, PaymentKind::AuditPool)), "nothing is no payment");
		assert!(has_event(paid(TREASURY, 40, PaymentKind::Treasury)));

		assert_eq!(free(PROVIDER), ENDOWMENT - OFFER_DEPOSIT + 200);
		assert_eq!(free(MODEL_OWNER), ENDOWMENT + 60);
		assert_eq!(free(TREASURY), ENDOWMENT + 40);
		let lease = lease();
		assert_eq!((lease.escrow.free(), lease.escrow.reserved()), (ESCROW - 300, 0));
		assert_eq!((lease.open_jobs, lease.state), (0, LeaseState::Open));
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW - 300);
		assert!(!Reservations::<Test>::contains_key(LEASE, job(1)));
		assert_ok!(reserve(1, ESCROW - 300, 1));
	});
}

#[test]
fn pays_the_whole_escrow_of_a_lease() {
	with_lease(|| {
		assert_ok!(reserve(1, ESCROW, 1));
		assert_eq!(settle(1, ESCROW, vec![pay(PROVIDER, ESCROW, PaymentKind::Provider)]), ESCROW);
		assert_eq!(lease().escrow.total(), 0);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_eq!(free(TENANT), ENDOWMENT - ESCROW);
	});
}

#[test]
fn settles_in_any_order_what_each_job_holds() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		assert_ok!(reserve(2, 400, 1));
		assert_eq!(settle(2, 400, vec![pay(PROVIDER, 400, PaymentKind::Provider)]), 400);
		assert_eq!(lease().escrow.reserved(), 500);
		assert_eq!(settle(1, 500, vec![]), 0);
		assert_eq!(lease().escrow.free(), 600);
	});
}

#[test]
fn a_share_may_go_to_the_tenant_itself() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		assert_eq!(settle(1, 500, vec![pay(TENANT, 70, PaymentKind::Royalty)]), 70);
		assert_eq!(free(TENANT), ENDOWMENT - ESCROW + 70);
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW - 70);
	});
}

#[test]
fn boundary_of_the_existential_deposit() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		let dust = EXISTENTIAL_DEPOSIT - 1;
		let payments = vec![
			pay(NOBODY, dust, PaymentKind::Royalty),
			pay(NOBODY + 1, EXISTENTIAL_DEPOSIT, PaymentKind::Royalty),
		];
		assert_eq!(settle(1, 500, payments), dust + EXISTENTIAL_DEPOSIT);
		assert!(has_event(redirected(NOBODY, dust, PaymentKind::Royalty)));
		assert!(has_event(paid(NOBODY + 1, EXISTENTIAL_DEPOSIT, PaymentKind::Royalty)));
		assert_eq!(free(TREASURY), ENDOWMENT + dust);
		assert_eq!(free(NOBODY), 0);
		assert_eq!(free(NOBODY + 1), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn keeps_a_share_that_nobody_can_receive() {
	with_lease(|| {
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), TREASURY, 0));
		assert_ok!(reserve(1, 500, 1));
		let dust = EXISTENTIAL_DEPOSIT - 1;
		let payments = vec![
			pay(NOBODY, dust, PaymentKind::Royalty),
			pay(PROVIDER, 100, PaymentKind::Provider),
		];
		assert_eq!(settle(1, 500, payments), 100);
		assert!(has_event(Event::PaymentKept {
			lease: LEASE,
			job: job(1),
			to: NOBODY,
			amount: dust,
			kind: PaymentKind::Royalty,
		}));
		assert_eq!(lease().escrow.free(), ESCROW - 100);
	});
}

#[test]
fn a_freeze_of_the_tenant_keeps_nothing_back() {
	with_lease(|| {
		use frame_support::traits::{LockableCurrency, WithdrawReasons};
		Balances::set_lock(*b"elsewher", &TENANT, ENDOWMENT, WithdrawReasons::all());
		assert_ok!(reserve(1, 500, 1));
		assert_eq!(settle(1, 500, vec![pay(PROVIDER, 500, PaymentKind::Provider)]), 500);
	});
}

// A caller that breaks the rules panics where debug assertions are on, and does no harm where they
// are off.

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "payments of a job exceed"))]
fn never_pays_more_than_was_reserved() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		let payments = vec![
			pay(PROVIDER, 400, PaymentKind::Provider),
			pay(MODEL_OWNER, 400, PaymentKind::Royalty),
		];
		assert_eq!(settle(1, 500, payments), 500);
		assert_eq!(free(MODEL_OWNER), ENDOWMENT + 100);
	});
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "another reservation"))]
fn the_record_decides_what_was_reserved() {
	with_lease(|| {
		assert_ok!(reserve(1, 500, 1));
		assert_eq!(settle(1, 600, vec![pay(PROVIDER, 400, PaymentKind::Provider)]), 400);
		assert_eq!(lease().escrow.free(), ESCROW - 400);
	});
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "without a reservation"))]
fn a_job_without_reservation_is_paid_nothing() {
	with_lease(|| {
		assert_eq!(settle(1, 600, vec![pay(PROVIDER, 400, PaymentKind::Provider)]), 0);
		assert_eq!(lease().escrow.free(), ESCROW);
	});
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "outlived its lease"))]
fn a_job_without_lease_is_paid_nothing() {
	build_and_execute(|| {
		assert_eq!(settle(1, 600, vec![pay(PROVIDER, 400, PaymentKind::Provider)]), 0);
	});
}
