//! What jobs put on record of their parties, and the least audit rate that follows.

use super::*;
use assay_primitives::{
	apis::RecordView,
	economics::{LAMBDA_DEFAULT_PPB, PPB},
	AccountId, Claims, Outcome, Providers as _,
};

fn view(who: &AccountId) -> RecordView {
	Jobs::provider_record(who.clone()).expect("a provider has a record")
}

/// A job of the provider whose window has just passed.
fn due(nonce: u64) -> (assay_primitives::JobDigest, SlotId) {
	let (job, slot) = submit(nonce);
	assert_ok!(commit(slot).unwrap());
	roll_by(2);
	assert_ok!(reveal(slot).unwrap());
	let phase = crate::Jobs::<Test>::get(job).unwrap().phase;
	let Phase::Window { closes, .. } = phase else { panic!("the window is not open") };
	roll_to(closes + 1);
	(job, slot)
}

#[test]
fn a_paid_job_counts_with_what_nobody_gets_back() {
	build_and_execute(|| {
		let (digest, _) = due(0);
		assert_eq!((view(&provider()).settled, view(&provider()).fees), (0, NONCE_FEE));
		let price = crate::Jobs::<Test>::get(digest).unwrap().price_max;
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let fees = NONCE_FEE + price / 100;
		let one = view(&provider());
		assert_eq!((one.settled, one.tenants, one.fees), (1, 1, fees));
		// The same tenant is no other, and its nonce fee is burnt once.
		let (digest, _) = due(1);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let two = view(&provider());
		assert_eq!((two.settled, two.tenants, two.fees), (2, 1, fees + price / 100));
		assert_eq!((two.lapsed, two.convictions), (0, 0));
		// Half of the tenants that full trust takes, and less than half of the fees.
		let trust = u32::try_from(two.fees * u128::from(PPB) / UNIT).unwrap();
		assert!(trust > 0 && trust < PPB / 2);
		assert_eq!(two.trust_ppb, trust);
		assert_eq!(Jobs::provider_record(stranger()), None);
	});
}

#[test]
fn only_what_was_accepted_lapses_on_record() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		roll_by(11);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert_eq!(view(&provider()).lapsed, 0, "a tenant could send what nobody can do");
		let (_, slot) = submit(1);
		assert_ok!(accept(slot).unwrap());
		roll_by(30);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert_eq!(view(&provider()).lapsed, 1);
	});
}

#[test]
fn a_conviction_is_on_record_once_and_costs_all_trust() {
	build_and_execute(|| {
		be_trusted();
		assert_eq!(view(&provider()).lambda_min_ppb, LAMBDA_MIN);
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		assert_ok!(Jobs::open_dispute(slot).map(|_| ()));
		for _ in 0..2 {
			Jobs::convict(slot, 0);
			assert_eq!(view(&provider()).convictions, 1);
		}
		Jobs::close_dispute(slot);
		let guilty = view(&provider());
		assert_eq!((guilty.trust_ppb, guilty.lambda_min_ppb), (0, LAMBDA_DEFAULT_PPB));
	});
}

/// Everything that full trust takes.
pub(crate) fn be_trusted() {
	for n in 100..110 {
		Providers::note(&provider(), Outcome::Settled { tenant: &account(n), fee: UNIT });
	}
	assert_eq!(Providers::trust(&provider()), PPB);
}

#[test]
fn the_least_rate_falls_from_the_default_to_the_floor() {
	build_and_execute(|| {
		assert_eq!(Jobs::lambda_min_for(&provider()), LAMBDA_DEFAULT_PPB, "without a record");
		assert_eq!(Jobs::lambda_min_for(&stranger()), LAMBDA_DEFAULT_PPB, "nobody knows it");
		for n in 100..110 {
			let outcome = Outcome::Settled { tenant: &account(n), fee: UNIT / 20 };
			Providers::note(&provider(), outcome);
		}
		let half = view(&provider());
		assert_eq!((half.trust_ppb, half.lambda_min_ppb), (PPB / 2, 35_000_000));
		be_trusted();
		assert_eq!(Jobs::lambda_min_for(&provider()), LAMBDA_MIN);
	});
}
