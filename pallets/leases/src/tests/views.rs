//! View functions and the list of tenants.

use super::*;

#[test]
fn views_show_what_is_stored() {
	with_lease(|| {
		assert_ok!(open_lease(OTHER_TENANT));
		assert_ok!(reserve(1, 300, 5));
		System::set_block_number(3);

		let view = Leases::lease(LEASE).unwrap();
		assert_eq!((view.free, view.reserved, view.open_jobs), (ESCROW - 300, 300, 1));
		assert_eq!(view.units_available, 10 * RATE, "two blocks have filled what was taken");
		assert_eq!((view.opened_at, view.expires_at, view.takes_jobs), (1, 1 + DURATION, true));
		assert_eq!(view.state, LeaseState::Open);

		assert_eq!(Leases::leases_of_tenant(TENANT), vec![(LEASE, view)]);
		let mut ids: Vec<_> =
			Leases::leases_of_provider(PROVIDER).into_iter().map(|(id, _)| id).collect();
		ids.sort();
		assert_eq!(ids, vec![LEASE, LeaseId(1)]);
		assert_eq!(Leases::reservations_of_lease(LEASE), vec![(job(1), 300)]);
		let offer = Leases::offer(OFFER).unwrap();
		assert_eq!(Leases::offers_of_provider(PROVIDER), vec![(OFFER, offer)]);

		System::set_block_number(2 + DURATION);
		assert!(!Leases::lease(LEASE).unwrap().takes_jobs);
		assert_eq!(Leases::lease(LeaseId(7)), None);
		assert_eq!(Leases::offer(OfferId(7)), None);
	});
}

#[test]
fn views_show_what_is_due() {
	with_reserving_lease(|| {
		System::set_block_number(11);
		let view = Leases::lease(LEASE).unwrap();
		assert_eq!((view.free, view.due, view.set_aside), (ESCROW - 150 - 20, 150, 20));
		assert_eq!(
			view.reservation.map(|it| (it.rate_units_per_block, it.paid_until)),
			Some((10, 1))
		);
		assert!(view.takes_jobs && !view.is_overdrawn);
		assert_eq!(Leases::offer(OFFER).unwrap().reserved_units_per_block, 10);
		// What is shown is what a touch leaves.
		let origin = RuntimeOrigin::signed(STRANGER);
		assert_ok!(Leases::settle_reservation(origin, LEASE));
		let after = Leases::lease(LEASE).unwrap();
		assert_eq!((after.free, after.due), (view.free, 0));

		System::set_block_number(100);
		let view = Leases::lease(LEASE).unwrap();
		assert_eq!((view.free, view.due), (0, ESCROW - 150 - 20));
		assert!(!view.takes_jobs && view.is_overdrawn);
	});
}

#[test]
fn a_tenant_of_two_leases_is_named_once() {
	with_lease(|| {
		assert_ok!(open_lease(TENANT));
		assert_ok!(open_lease(OTHER_TENANT));
		assert_eq!(Leases::tenants_of(&PROVIDER), vec![TENANT, OTHER_TENANT]);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_eq!(Leases::tenants_of(&PROVIDER), vec![TENANT, OTHER_TENANT]);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LeaseId(1)));
		assert_eq!(Leases::tenants_of(&PROVIDER), vec![OTHER_TENANT]);
		assert!(Leases::tenants_of(&OTHER_PROVIDER).is_empty());
	});
}
