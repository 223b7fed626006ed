//! Reservations, and the rate.

use super::*;
use assay_primitives::LeaseInfo;
use frame_support::assert_noop;

#[test]
fn moves_free_escrow_to_the_job() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 5));
		let lease = lease();
		assert_eq!((lease.escrow.free(), lease.escrow.reserved()), (ESCROW - 300, 300));
		assert_eq!(lease.open_jobs, 1);
		assert_eq!(Reservations::<Test>::get(LEASE, job(1)), Some(300));
		assert_eq!(held(HoldReason::Escrow, TENANT), ESCROW, "funds have not moved");
		assert_eq!(
			<Leases as assay_primitives::Leases<_, _>>::open_lease(LEASE),
			Ok(LeaseInfo {
				tenant: TENANT,
				provider: PROVIDER,
				model: MODEL,
				price_per_unit: PRICE,
				royalty_per_unit: ROYALTY,
				risk_factor_max: TERMS.risk_factor_max,
				free: ESCROW - 300,
			})
		);
	});
}

#[test]
fn boundary_of_the_free_escrow() {
	with_lease(|| {
		assert_ok!(reserve(1, 300, 1));
		assert_noop!(reserve(2, ESCROW - 299, 1), Error::<Test>::FreeEscrowTooLow);
		assert_ok!(reserve(2, ESCROW - 300, 1));
		assert_eq!(lease().escrow.free(), 0);
		assert_ok!(reserve(3, 0, 1));
	});
}

#[test]
fn fails_without_the_lease_and_twice_for_one_job() {
	with_lease(|| {
		assert_noop!(
			<Leases as assay_primitives::Leases<_, _>>::reserve(LeaseId(9), job(1), 1, 1),
			Error::<Test>::LeaseNotFound
		);
		assert_ok!(reserve(1, 300, 1));
		assert_noop!(reserve(1, 300, 1), Error::<Test>::JobReserved);
	});
}

#[test]
fn boundary_of_open_jobs() {
	with_lease(|| {
		for number in 0..3 {
			assert_ok!(reserve(number, 1, 1));
		}
		assert_noop!(reserve(3, 1, 1), Error::<Test>::TooManyOpenJobs);
		settle(0, 1, vec![]);
		assert_ok!(reserve(3, 1, 1));
	});
}

#[test]
fn the_rate_allows_a_burst_and_then_fills_again() {
	with_lease(|| {
		let burst = 10 * RATE;
		assert_noop!(reserve(1, 1, burst + 1), Error::<Test>::UnitsAboveBurst);
		assert_ok!(reserve(1, 1, burst));
		assert_noop!(reserve(2, 1, 1), Error::<Test>::RateExceeded);

		System::set_block_number(2);
		assert_noop!(reserve(2, 1, RATE + 1), Error::<Test>::RateExceeded);
		assert_ok!(reserve(2, 1, RATE));
		assert_noop!(reserve(3, 1, 1), Error::<Test>::RateExceeded);

		System::set_block_number(50);
		assert_noop!(reserve(3, 1, burst + 1), Error::<Test>::UnitsAboveBurst);
		assert_ok!(reserve(3, 1, burst));
	});
}

#[test]
fn a_failed_reservation_spends_no_rate() {
	with_lease(|| {
		assert_noop!(reserve(1, ESCROW + 1, 10 * RATE), Error::<Test>::FreeEscrowTooLow);
		assert_ok!(reserve(1, ESCROW, 10 * RATE));
	});
}

#[test]
fn a_bucket_never_overflows() {
	let full = Bucket::full(u64::MAX, 10, 1u32);
	assert_eq!(full.level_units, u64::MAX);
	let taken = full.take(u64::MAX, 10, 1, u64::MAX).unwrap();
	assert_eq!(taken, Bucket { level_units: 0, touched_at: 1 });
	assert_eq!(taken.take(u64::MAX, 10, 1, 1), Err(BucketError::Later));
	assert_eq!(taken.level(u64::MAX, 10, u32::MAX), u64::MAX);
	// A clock that stands still or, on another fork, is behind, fills nothing.
	assert_eq!(taken.level(5, 10, 0), 0);
	assert_eq!(full.take(5, 10, 1, 51), Err(BucketError::Never));
	assert_eq!(full.level(5, 10, 1), 50, "a lower rate cuts what is there");
}
