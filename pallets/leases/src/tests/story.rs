//! One lease from its offer to the last refund, every balance stated.

use super::*;
use assay_primitives::CloseReason;

#[test]
fn a_lease_from_offer_to_refund() {
	build_and_execute(|| {
		// The provider asks for 7 a unit, 2 of them for the model's owner.
		assert_ok!(create_offer(PROVIDER));
		assert_eq!(free(PROVIDER), 999_900);

		// The tenant puts 1,000 into a lease.
		assert_ok!(open_lease(TENANT));
		assert_eq!((free(TENANT), held(HoldReason::Escrow, TENANT)), (999_000, 1_000));

		// A job of at most 50 units begins: 350 are reserved.
		assert_ok!(reserve(1, 350, 50));
		assert_eq!((lease().escrow.free(), lease().escrow.reserved()), (650, 350));

		// It needed 40 units. 280 are due: 80 to the owner, 14 to the treasury, the rest earned.
		let shares = vec![
			pay(PROVIDER, 186, PaymentKind::Provider),
			pay(MODEL_OWNER, 80, PaymentKind::Royalty),
			pay(TREASURY, 14, PaymentKind::Treasury),
		];
		assert_eq!(settle(1, 350, shares), 280);
		assert_eq!((lease().escrow.free(), lease().escrow.reserved()), (720, 0));
		assert_eq!(
			(free(PROVIDER), free(MODEL_OWNER), free(TREASURY)),
			(1_000_086, 1_000_080, 1_000_014)
		);

		// The tenant adds 80 and begins another job. The provider wants to leave and closes.
		assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 80));
		assert_ok!(reserve(2, 700, 100));
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(PROVIDER), LEASE));
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
		assert_eq!(free(PROVIDER), 1_000_186);

		// The job was never computed. Its end ends the lease, and all that is left goes back.
		assert_eq!(settle(2, 700, vec![]), 0);
		assert_eq!(
			last_event(),
			Event::LeaseClosed {
				lease: LEASE,
				tenant: TENANT,
				provider: PROVIDER,
				reason: CloseReason::Provider,
				refunded: 800,
			}
		);
		assert_eq!((free(TENANT), held(HoldReason::Escrow, TENANT)), (999_720, 0));
		assert_eq!(Neighbours::engaged(PROVIDER), 0);
	});
}
