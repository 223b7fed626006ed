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

#[test]
fn a_reserved_rate_from_promise_to_overdraft() {
	build_and_execute(|| {
		// The provider asks 30 a block for its whole rate of 20 units, and can serve 50 in all.
		assert_ok!(offer_reservable());
		assert_eq!(free(PROVIDER), 999_900);

		// In block 1 the tenant reserves 10 units a block, at 15, and puts 1,000 into the lease: 20
		// are set aside for whoever finds it overdrawn.
		assert_ok!(reserve_rate(TENANT, 10));
		assert_eq!((free(TENANT), held(HoldReason::Escrow, TENANT)), (999_000, 1_000));
		assert_eq!((lease().escrow.free(), lease().escrow.set_aside()), (980, 20));
		assert_eq!(reserved_rate(), 10);

		// In block 21 a job of at most 50 units begins. First 20 blocks are paid for: 300, of which
		// the protocol gets a tenth. Then 350 are reserved.
		System::set_block_number(21);
		assert_ok!(reserve(1, 350, 50));
		assert_eq!((free(PROVIDER), free(TREASURY)), (1_000_170, 1_000_030));
		assert_eq!((lease().escrow.free(), lease().escrow.reserved()), (330, 350));

		// Anybody may have the rate paid for meanwhile: 5 blocks are 75, a tenth of it rounded down.
		System::set_block_number(26);
		assert_ok!(Leases::settle_reservation(RuntimeOrigin::signed(OTHER_TENANT), LEASE));
		assert_eq!((free(PROVIDER), free(TREASURY)), (1_000_238, 1_000_037));
		assert_eq!(free(OTHER_TENANT), 1_000_000);
		assert_eq!(lease().escrow.free(), 255);

		// 17 blocks more would be 255, and the 18th is not covered. The job runs on, and keeps what
		// it holds; a stranger gets what was set aside, the provider what was free.
		System::set_block_number(44);
		assert_ok!(Leases::settle_reservation(RuntimeOrigin::signed(STRANGER), LEASE));
		let closing =
			Event::LeaseClosing { lease: LEASE, reason: CloseReason::Overdrawn, open_jobs: 1 };
		assert_eq!(last_event(), closing);
		assert_eq!((free(PROVIDER), free(TREASURY)), (1_000_468, 1_000_062));
		assert_eq!((free(STRANGER), held(HoldReason::Escrow, TENANT)), (1_000_020, 350));
		assert_eq!(reserved_rate(), 0);

		// The job needed 40 units; its end ends the lease.
		let shares = vec![
			pay(PROVIDER, 172, PaymentKind::Provider),
			pay(MODEL_OWNER, 80, PaymentKind::Royalty),
			pay(TREASURY, 28, PaymentKind::Treasury),
		];
		assert_eq!(settle(1, 350, shares), 280);
		assert_eq!(
			last_event(),
			Event::LeaseClosed {
				lease: LEASE,
				tenant: TENANT,
				provider: PROVIDER,
				reason: CloseReason::Overdrawn,
				refunded: 70,
			}
		);
		assert_eq!((free(TENANT), held(HoldReason::Escrow, TENANT)), (999_070, 0));
		assert_eq!(
			(free(PROVIDER), free(MODEL_OWNER), free(TREASURY)),
			(1_000_640, 1_000_080, 1_000_090)
		);
		assert_eq!(Neighbours::engaged(PROVIDER), 0);
	});
}
