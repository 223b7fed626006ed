//! What a submission with an audit rate reserves, and when it is refused.

use super::*;

fn submit_at(lambda_ppb: u32) -> DispatchResult {
	let (origin, input) = (signed(tenant()), inline_input());
	Jobs::submit_job(origin, LeaseId(0), 0, input, parameters(), 0, lambda_ppb, 0)
}

#[test]
fn reserves_the_fee_on_top_of_the_price() {
	audited(|| {
		let free = lease().free;
		let (digest, _) = submit_audited(0, HALF);
		let job = job(digest);
		assert_eq!((job.lambda_ppb, job.audit), (HALF, AuditState::Uncommitted));
		assert_eq!(job.fee_max, job.price_max / 2);
		assert_eq!(lease().free, free - job.price_max - job.fee_max);
		let Some(Event::JobSubmitted { lambda_ppb, fee_max, .. }) = events().pop() else {
			panic!("no event")
		};
		assert_eq!((lambda_ppb, fee_max), (HALF, job.fee_max));
	});
}

#[test]
fn without_a_rate_nothing_is_different() {
	audited(|| {
		let (digest, slot) = submit_audited(0, 0);
		let record = job(digest);
		assert_eq!((record.fee_max, record.audit), (0, AuditState::Unaudited));
		assert_ok!(commit(slot).unwrap());
		let reveal_by = 1 + TIMING.commit_base;
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 1, reveal_by });
	});
}

#[test]
fn runs_without_audit_and_fee_where_nobody_could_audit() {
	build_and_execute(|| {
		let free = lease().free;
		let unaudited = |digest| {
			let record = job(digest);
			assert_eq!((record.lambda_ppb, record.fee_max), (0, 0));
			assert_eq!(record.audit, AuditState::Unaudited);
			let event = events().pop();
			assert!(matches!(event, Some(Event::JobSubmitted { lambda_ppb: 0, .. })));
		};
		let (digest, slot) = submit_audited(0, LAMBDA_ONE);
		unaudited(digest);
		assert_eq!(lease().free, free - job(digest).price_max);
		// Audit stake of who does the job counts for nothing.
		assert_ok!(AuditStake::bond(signed(provider()), BOND));
		unaudited(submit_audited(1, LAMBDA_ONE).0);

		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert_eq!(receipt().assurance, Assurance::Unaudited);
	});
}

#[test]
fn boundaries_of_the_rate() {
	use assay_primitives::economics::LAMBDA_DEFAULT_PPB;
	audited(|| {
		assert_noop!(submit_at(1), Error::<Test>::LambdaTooLow);
		assert_noop!(submit_at(LAMBDA_DEFAULT_PPB - 1), Error::<Test>::LambdaTooLow);
		assert_noop!(submit_at(LAMBDA_ONE + 1), Error::<Test>::LambdaTooHigh);
		assert_noop!(submit_at(u32::MAX), Error::<Test>::LambdaTooHigh);
		for lambda in [LAMBDA_DEFAULT_PPB, LAMBDA_ONE] {
			frame_support::hypothetically!({
				assert_ok!(submit_at(lambda));
			});
		}
	});
}

#[test]
fn a_provider_with_a_record_is_audited_at_less_and_pledges_more() {
	audited(|| {
		super::super::record::be_trusted();
		assert_noop!(submit_at(LAMBDA_MIN - 1), Error::<Test>::LambdaTooLow);
		let pledge = |lambda| {
			frame_support::hypothetically!({
				let (digest, _) = submit_audited(0, lambda);
				job(digest).pledge
			})
		};
		let [least, default] = [LAMBDA_MIN, 50_000_000].map(pledge);
		assert!(least > 2 * default, "{least} {default}");
	});
}

#[test]
fn takes_an_input_that_auditors_have_to_fetch() {
	audited(|| {
		let submit_stored = |lambda_ppb| {
			let input = JobInput::Stored([5; 32].into());
			let origin = signed(tenant());
			Jobs::submit_job(origin, LeaseId(0), 0, input, parameters(), 0, lambda_ppb, 0)
		};
		frame_support::hypothetically!({
			assert_ok!(submit_stored(0));
		});
		assert_ok!(submit_stored(LAMBDA_ONE));
	});
}

#[test]
fn fails_when_the_escrow_covers_the_price_but_not_the_fee() {
	audited(|| {
		let record = job(submit_audited(7, HALF).0);
		let left = record.price_max + record.fee_max - 1;
		let other = JobDigest::default();
		assert_ok!(Leases::reserve(LeaseId(0), other, lease().free - left, 1));
		let submit_at = |lambda_ppb| {
			let (origin, input) = (signed(tenant()), inline_input());
			Jobs::submit_job(origin, LeaseId(0), 8, input, parameters(), 0, lambda_ppb, 0)
		};
		assert_noop!(submit_at(HALF), pallet_leases::Error::<Test>::FreeEscrowTooLow);
		frame_support::hypothetically!({
			assert_ok!(submit_at(0));
		});
		let reserved = Leases::reserved(LeaseId(0), other);
		Leases::settle(LeaseId(0), other, reserved, Vec::new());
	});
}
