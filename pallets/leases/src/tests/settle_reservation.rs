//! What a reserved rate costs, whoever has it paid: `settle_reservation` and every other touch.

use super::*;
use assay_primitives::CloseReason;
use frame_support::{assert_noop, dispatch::Pays};
use sp_runtime::DispatchError;

/// Planck per block of the lease that [`with_reserving_lease`] opens.
const PER_BLOCK: Balance = RATE_PRICE / 2;
/// What that lease has free at first.
const FREE: Balance = ESCROW - OVERDRAFT_FEE;
/// Most blocks that this pays for.
const BLOCKS: u32 = (FREE / PER_BLOCK) as u32;

fn settle_rate() -> frame_support::dispatch::DispatchResultWithPostInfo {
	Leases::settle_reservation(RuntimeOrigin::signed(STRANGER), LEASE)
}

/// Move to the block in which so many blocks are due, if none were paid since the lease opened.
fn pass(blocks: u32) {
	System::set_block_number(1 + blocks);
}

fn paid(to: AccountId, amount: Balance, kind: PaymentKind, paid_until: u32) -> Event<Test> {
	Event::ReservationPaid { lease: LEASE, to, amount, kind, paid_until }
}

fn ended(reason: CloseReason) -> Event<Test> {
	Event::ReservationEnded { lease: LEASE, offer: OFFER, rate_units_per_block: 10, reason }
}

fn closed(reason: CloseReason, refunded: Balance) -> Event<Test> {
	Event::LeaseClosed { lease: LEASE, tenant: TENANT, provider: PROVIDER, reason, refunded }
}

fn assert_gone() {
	assert!(!crate::Leases::<Test>::contains_key(LEASE));
	assert_eq!(held(HoldReason::Escrow, TENANT), 0);
	assert_eq!(Neighbours::engaged(PROVIDER), 0);
	assert_eq!(reserved_rate(), 0);
}

#[test]
fn pays_for_the_blocks_that_have_passed() {
	with_reserving_lease(|| {
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);
		pass(10);
		let provider = free(PROVIDER);
		assert_eq!(settle_rate().unwrap().pays_fee, Pays::Yes, "nothing was overdrawn");
		assert!(has_event(paid(PROVIDER, 135, PaymentKind::Provider, 11)));
		assert!(has_event(paid(TREASURY, 15, PaymentKind::Treasury, 11)));
		assert_eq!((free(PROVIDER), free(TREASURY)), (provider + 135, ENDOWMENT + 15));
		assert_eq!(free(STRANGER), ENDOWMENT);
		assert_eq!((lease().escrow.free(), lease().escrow.set_aside()), (FREE - 150, 20));
		assert_eq!(lease().reservation.unwrap().paid_until, 11);
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);

		// The protocol's share is rounded down.
		pass(11);
		assert_ok!(settle_rate());
		assert!(has_event(paid(PROVIDER, 14, PaymentKind::Provider, 12)));
		assert!(has_event(paid(TREASURY, 1, PaymentKind::Treasury, 12)));
		assert_eq!(reserved_rate(), 10);
	});
}

#[test]
fn fails_without_lease_or_reservation_or_signature() {
	with_lease(|| {
		pass(10);
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);
		assert_noop!(
			Leases::settle_reservation(RuntimeOrigin::signed(STRANGER), LeaseId(1)),
			Error::<Test>::LeaseNotFound
		);
		assert_noop!(
			Leases::settle_reservation(RuntimeOrigin::root(), LEASE),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn every_touch_pays_first() {
	with_reserving_lease(|| {
		pass(2);
		assert_ok!(reserve(1, 300, 1));
		assert_eq!(lease().escrow.free(), FREE - 2 * PER_BLOCK - 300);
		assert_eq!(lease().reservation.unwrap().paid_until, 3);

		pass(3);
		assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 50));
		let left = FREE - 3 * PER_BLOCK - 300 + 50;
		assert_eq!(last_event(), Event::LeaseToppedUp { lease: LEASE, amount: 50, free: left });

		pass(5);
		assert_eq!(settle(1, 300, vec![pay(PROVIDER, 100, PaymentKind::Provider)]), 100);
		assert_eq!(lease().escrow.free(), FREE - 5 * PER_BLOCK - 100 + 50);

		pass(9);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(PROVIDER), LEASE));
		assert!(has_event(ended(CloseReason::Provider)));
		let refunded = ESCROW - 9 * PER_BLOCK - 100 + 50;
		assert_eq!(last_event(), closed(CloseReason::Provider, refunded));
		assert_gone();
	});
}

#[test]
fn a_job_may_have_what_is_left_after_what_is_due() {
	with_reserving_lease(|| {
		pass(4);
		let left = FREE - 4 * PER_BLOCK;
		let info = <Leases as assay_primitives::Leases<_, _>>::open_lease(LEASE).unwrap();
		assert_eq!(info.free, left);
		assert_noop!(reserve(1, left + 1, 1), Error::<Test>::FreeEscrowTooLow);
		assert_ok!(reserve(1, left, 1));
		assert_eq!(lease().escrow.free(), 0);
		assert_eq!(lease().escrow.total(), left + OVERDRAFT_FEE);
	});
}

#[test]
fn no_block_after_the_last_is_paid_for() {
	with_reserving_lease(|| {
		assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 1_000));
		pass(DURATION + 50);
		assert_ok!(settle_rate());
		assert!(has_event(ended(CloseReason::Expired)));
		let left = FREE + 1_000 - Balance::from(DURATION) * PER_BLOCK;
		assert_eq!((lease().escrow.free(), lease().reservation), (left, None));
		assert_eq!(reserved_rate(), 0);
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);

		assert_ok!(Leases::expire_lease(RuntimeOrigin::signed(STRANGER), LEASE));
		assert_eq!(last_event(), closed(CloseReason::Expired, left + OVERDRAFT_FEE));
		assert_gone();
	});
}

#[test]
fn a_closing_lease_pays_for_no_further_block() {
	with_reserving_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		pass(4);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert!(has_event(ended(CloseReason::Tenant)));
		assert_eq!(reserved_rate(), 0);
		pass(40);
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);
		assert_eq!(settle(1, 300, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Tenant, ESCROW - 4 * PER_BLOCK));
		assert_gone();
	});
}

#[test]
fn boundary_of_an_overdrawn_lease() {
	with_reserving_lease(|| {
		// 65 blocks are paid for, and 5 planck of the 66th.
		pass(BLOCKS);
		let view = Leases::lease(LEASE).unwrap();
		assert_eq!((view.due, view.free, view.is_overdrawn), (975, 5, false));
		assert_ok!(settle_rate());
		assert_eq!(lease().state, LeaseState::Open);

		pass(BLOCKS + 1);
		let view = Leases::lease(LEASE).unwrap();
		assert_eq!((view.due, view.free, view.is_overdrawn), (5, 0, true));
		assert_eq!(settle_rate().unwrap().pays_fee, Pays::No);
		assert!(has_event(Event::OverdraftFeePaid {
			lease: LEASE,
			to: STRANGER,
			amount: OVERDRAFT_FEE
		}));
		assert!(has_event(paid(PROVIDER, 5, PaymentKind::Provider, BLOCKS + 2)));
		assert!(has_event(ended(CloseReason::Overdrawn)));
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 0));
		assert_eq!((free(STRANGER), free(TENANT)), (ENDOWMENT + 20, ENDOWMENT - ESCROW));
		assert_gone();
		assert_noop!(settle_rate(), Error::<Test>::LeaseNotFound);
	});
}

#[test]
fn an_escrow_that_covers_the_last_block_exactly_is_not_overdrawn() {
	with_reserving_lease(|| {
		assert_ok!(Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 10));
		pass(BLOCKS + 1);
		assert_ok!(settle_rate());
		assert_eq!((lease().escrow.free(), lease().state), (0, LeaseState::Open));
		pass(BLOCKS + 2);
		assert_ok!(settle_rate());
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 0));
		assert_eq!(free(STRANGER), ENDOWMENT + OVERDRAFT_FEE, "nothing else was there to pay");
	});
}

#[test]
fn open_jobs_keep_their_part_of_an_overdrawn_lease() {
	with_reserving_lease(|| {
		assert_ok!(reserve(1, 600, 1));
		assert_ok!(reserve(2, 300, 1));
		pass(6);
		assert_ok!(settle_rate());
		assert_eq!(
			last_event(),
			Event::LeaseClosing { lease: LEASE, reason: CloseReason::Overdrawn, open_jobs: 2 }
		);
		let escrow = lease().escrow;
		assert_eq!((escrow.free(), escrow.reserved(), escrow.set_aside()), (0, 900, 0));
		assert_eq!(reserved_rate(), 0, "others may reserve it now");
		assert_noop!(settle_rate(), Error::<Test>::NothingDue);
		assert_noop!(reserve(3, 0, 1), Error::<Test>::LeaseClosing);

		// What comes back from the first job is the tenant's: nothing is owed any more.
		pass(20);
		assert_eq!(settle(1, 600, vec![pay(PROVIDER, 500, PaymentKind::Provider)]), 500);
		assert_eq!(lease().escrow.free(), 100);
		assert_eq!(settle(2, 300, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 400));
		assert_gone();
	});
}

#[test]
fn an_overdrawn_lease_takes_neither_jobs_nor_funds() {
	with_reserving_lease(|| {
		pass(BLOCKS + 1);
		assert_noop!(reserve(1, 0, 1), Error::<Test>::LeaseOverdrawn);
		assert_noop!(
			Leases::top_up(RuntimeOrigin::signed(TENANT), LEASE, 500),
			Error::<Test>::LeaseOverdrawn
		);
		assert_noop!(
			<Leases as assay_primitives::Leases<_, _>>::open_lease(LEASE),
			Error::<Test>::LeaseOverdrawn
		);
		assert!(!Leases::lease(LEASE).unwrap().takes_jobs);
	});
}

#[test]
fn the_end_of_a_job_may_find_its_lease_overdrawn() {
	with_reserving_lease(|| {
		assert_ok!(reserve(1, 600, 1));
		assert_ok!(reserve(2, 300, 1));
		pass(6);
		assert_eq!(settle(1, 600, vec![pay(PROVIDER, 200, PaymentKind::Provider)]), 200);
		assert!(has_event(Event::LeaseClosing {
			lease: LEASE,
			reason: CloseReason::Overdrawn,
			open_jobs: 2
		}));
		assert!(has_event(ended(CloseReason::Overdrawn)));
		assert_eq!(lease().state, LeaseState::Closing(CloseReason::Overdrawn));
		// 80 were free and are paid; 400 came back after that.
		assert_eq!(lease().escrow.free(), 400);
		assert_eq!(settle(2, 300, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 700 + OVERDRAFT_FEE));
		assert_gone();
	});
}

#[test]
fn the_last_job_of_an_overdrawn_lease_ends_it() {
	with_reserving_lease(|| {
		assert_ok!(reserve(1, 900, 1));
		pass(6);
		assert_eq!(settle(1, 900, vec![]), 0);
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 900 + OVERDRAFT_FEE));
		assert_gone();
	});
}

#[test]
fn whoever_closes_an_overdrawn_lease_it_ends_as_overdrawn() {
	for who in [TENANT, PROVIDER] {
		with_reserving_lease(|| {
			pass(BLOCKS + 1);
			assert_ok!(Leases::close_lease(RuntimeOrigin::signed(who), LEASE));
			assert_eq!(last_event(), closed(CloseReason::Overdrawn, OVERDRAFT_FEE));
			assert_gone();
		});
	}
	with_reserving_lease(|| {
		pass(DURATION + 1);
		assert_ok!(Leases::expire_lease(RuntimeOrigin::signed(STRANGER), LEASE));
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, OVERDRAFT_FEE));
		assert_gone();
	});
}

#[test]
fn the_tenant_may_settle_its_own_lease() {
	with_reserving_lease(|| {
		pass(BLOCKS + 1);
		assert_ok!(Leases::settle_reservation(RuntimeOrigin::signed(TENANT), LEASE));
		assert_eq!(free(TENANT), ENDOWMENT - FREE);
		assert_gone();
	});
}

#[test]
fn capacity_comes_back_when_a_lease_ends() {
	with_reserving_lease(|| {
		assert_ok!(reserve_rate(OTHER_TENANT, RATE));
		assert_ok!(reserve_rate(OTHER_TENANT, RATE));
		assert_eq!(reserved_rate(), CAPACITY);
		assert_noop!(reserve_rate(TENANT, 10), Error::<Test>::CapacityExceeded);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_ok!(reserve_rate(TENANT, 10));
	});
}

#[test]
fn a_lease_outlives_its_offer() {
	with_reserving_lease(|| {
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
		pass(10);
		assert_ok!(settle_rate());
		assert_eq!(lease().escrow.free(), FREE - 150);
		assert_ok!(Leases::close_lease(RuntimeOrigin::signed(TENANT), LEASE));
		assert_eq!(last_event(), closed(CloseReason::Tenant, ESCROW - 150));
	});
}

#[test]
fn a_share_that_the_provider_cannot_receive_goes_to_the_treasury_or_stays() {
	with_reserving_lease(|| {
		assert_ok!(Leases::close_offer(RuntimeOrigin::signed(PROVIDER), OFFER));
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), PROVIDER, 0));
		// One block: 14 for the provider is above the existential deposit; a cheaper rate's is not.
		crate::Leases::<Test>::mutate(LEASE, |lease| {
			lease.as_mut().unwrap().reservation.as_mut().unwrap().price_per_block = 9
		});
		pass(1);
		assert_ok!(settle_rate());
		assert!(has_event(paid(TREASURY, 9, PaymentKind::Provider, 2)));
		assert_eq!(free(TREASURY), ENDOWMENT + 9);

		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), TREASURY, 0));
		pass(2);
		let before = lease().escrow.free();
		assert_ok!(settle_rate());
		assert_eq!(lease().escrow.free(), before, "nobody could receive it");
		assert_eq!(lease().reservation.unwrap().paid_until, 3, "and it is not owed any more");
	});
}

#[test]
fn a_freeze_of_the_tenant_keeps_nothing_back() {
	with_reserving_lease(|| {
		use frame_support::traits::{LockableCurrency, WithdrawReasons};
		Balances::set_lock(*b"elsewher", &TENANT, ENDOWMENT, WithdrawReasons::all());
		pass(BLOCKS + 1);
		assert_ok!(settle_rate());
		assert_eq!(last_event(), closed(CloseReason::Overdrawn, 0));
	});
}

#[test]
fn a_part_of_a_rate_costs_its_part_of_the_price() {
	let terms = |price_per_block| ReservationTerms { price_per_block, capacity_units_per_block: 1 };
	assert_eq!(terms(30u128).price_of(20, 20), Some(30));
	assert_eq!(terms(30u128).price_of(7, 20), Some(11), "rounded up");
	assert_eq!(terms(1u128).price_of(1, u64::MAX), Some(1), "never nothing");
	assert_eq!(terms(30u128).price_of(21, 20), None);
	assert_eq!(terms(30u128).price_of(0, 0), None);
	let most = terms(u128::MAX);
	assert_eq!(most.price_of(u64::MAX, u64::MAX), Some(u128::MAX));
	assert_eq!(most.price_of(1, 2), Some(u128::MAX / 2 + 1));
}

#[test]
fn what_no_balance_holds_is_overdrawn() {
	with_reserving_lease(|| {
		let mut lease = lease();
		lease.reservation.as_mut().unwrap().price_per_block = Balance::MAX;
		let due = lease.rate_due(3).unwrap();
		assert_eq!((due.payable, due.until, due.blocks, due.is_overdrawn), (FREE, 3, 2, true));
		assert_eq!((lease.free(3), lease.free(1)), (0, FREE));
		// On a fork with fewer blocks nothing is due, and nothing that is paid comes back.
		lease.reservation.as_mut().unwrap().paid_until = 9;
		let due = lease.rate_due(3).unwrap();
		assert_eq!((due.payable, due.until, due.blocks, due.is_overdrawn), (0, 9, 0, false));
	});
}
