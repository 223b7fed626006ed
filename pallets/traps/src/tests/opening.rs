//! Who may open which leaf, and when.

use super::*;
use pallet_jobs::types::SlotState;

#[test]
fn the_slot_claims_what_is_right_from_then_on() {
	build_and_execute(|| {
		let traps = post(&[(0, right()), (1, right()), (2, right())]);
		let (job, slots) = sprung(0, &traps[0], &[right()]);
		let price = price_of(job);
		assert_ok!(open(job, traps[0].clone()));
		let SlotState::Revealed { claim, units } = state_of(slots[0]) else { unreachable!() };
		assert_eq!(
			(claim, units),
			(right(), pallet_jobs::Jobs::<Test>::get(job).unwrap().units_max)
		);
		let jackpot = price * Balance::from(JACKPOT_FACTOR);
		let (slot, provider, period, index) = (slots[0], provider(), 0, 0);
		assert_eq!(events(), vec![Event::Opened { job, slot, provider, period, index, jackpot }]);
		assert!(Traps::root(0).unwrap().is_open(0));
		assert_eq!(Traps::root(0).unwrap().opened(), 1);
		assert_eq!(Traps::licence(account(1)).unwrap().opened_of(0), 1);
		assert!(pallet_jobs::Pallet::<Test>::opposed(job).is_none());

		let (treasury, auditor) = (wealth(&Treasury::get()), wealth(&auditors()[0]));
		// What is promised is promised, whatever becomes of the most.
		JackpotMax::set(1);
		settle(job);
		assert_eq!(wealth(&auditors()[0]), auditor + price + jackpot);
		assert_eq!(wealth(&Treasury::get()), treasury + price / 100 - jackpot);
		JackpotMax::set(UNIT);
	});
}

#[test]
fn a_jackpot_has_a_most() {
	build_and_execute(|| {
		JackpotMax::set(UNIT / 1_000);
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		assert_ok!(open(job, traps[0].clone()));
		assert_eq!(pallet_jobs::Jackpots::<Test>::get(job), Some(UNIT / 1_000));
		JackpotMax::set(UNIT);
	});
}

#[test]
fn a_treasury_pays_what_it_has_above_its_existential_deposit() {
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[right()]);
		assert_ok!(open(job, traps[0].clone()));
		let (treasury, keep) = (Treasury::get(), 1_000_000_000);
		let spend = wealth(&treasury) - keep - 77;
		assert_ok!(Balances::transfer_keep_alive(signed(treasury.clone()), stranger(), spend));
		let (auditor, price) = (wealth(&auditors()[0]), price_of(job));
		settle(job);
		// Its share of the price has come before.
		assert_eq!(wealth(&auditors()[0]), auditor + price + 77 + price / 100);
		assert_eq!(wealth(&treasury), keep);
	});
}

/// Assert that the pool refuses an opening, and that a dispatch without the pool fails.
fn assert_refused(call: RuntimeCall, refusal: InvalidTransaction, error: impl Into<DispatchError>) {
	let pool = dispatch_authorized(call.clone());
	assert_eq!(pool, Err(TransactionValidityError::Invalid(refusal)));
	assert_noop!(dispatch_unchecked(call), error.into());
}

#[test]
fn fails_where_the_leaf_is_not_what_it_has_to_be() {
	build_and_execute(|| {
		let traps = post(&[(0, right()), (1, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		let trap = traps[0].clone();
		let not_under = |trap: Trap| {
			let error = Error::<Test>::NotUnderRoot;
			assert_refused(open_call(job, trap), custom(Error::NotUnderRoot), error);
		};
		not_under(traps[1].clone());
		not_under(Trap { index: 1, ..trap.clone() });
		not_under(Trap { index: 2, ..trap.clone() });
		not_under(Trap { salt: [0; 32], ..trap.clone() });
		not_under(Trap { path: Default::default(), ..trap.clone() });
		not_under(Trap { claim: assay_program::Claim::Invalid { code: 1 }, ..trap.clone() });
		let unknown = open_call(job, Trap { period: 1, ..trap.clone() });
		assert_refused(unknown, InvalidTransaction::Stale, Error::<Test>::RootUnknown);

		assert_ok!(open(job, trap.clone()));
		let stale = InvalidTransaction::Stale;
		assert_refused(open_call(job, trap), stale, Error::<Test>::AlreadyOpen);
	});
}

#[test]
fn fails_where_the_job_is_not_younger_than_the_root() {
	build_and_execute(|| {
		let (traps, root) = traps_of(&[(0, right())]);
		assert_ok!(Traps::license(RawOrigin::Root.into(), provider(), 1));
		assert_ok!(Traps::post(RawOrigin::Root.into(), root, 1));
		// In the same block, but submitted after it: nobody can tell.
		let (job, _) = sprung(0, &traps[0], &[]);
		let refusal = custom(Error::RootTooYoung);
		assert_refused(open_call(job, traps[0].clone()), refusal, Error::<Test>::RootTooYoung);
	});
}

#[test]
fn fails_without_licence_and_beyond_its_allowance() {
	build_and_execute(|| {
		let traps = post(&[(0, right()), (1, right())]);
		let jobs = [0, 1].map(|nonce| sprung(nonce, &traps[nonce as usize], &[]).0);
		let calls = [0, 1].map(|n| open_call(jobs[n], traps[n].clone()));
		assert_ok!(Traps::license(RawOrigin::Root.into(), provider(), 1));
		frame_support::hypothetically!({
			assert_ok!(Traps::revoke(RawOrigin::Root.into(), provider()));
			let refusal = custom(Error::NotLicensed);
			assert_refused(calls[1].clone(), refusal, Error::<Test>::NotLicensed);
		});
		roll_to_window_of(jobs[1]);
		let spent = || {
			let refusal = custom(Error::AllowanceSpent);
			assert_refused(calls[1].clone(), refusal, Error::<Test>::AllowanceSpent);
		};
		crate::Licences::<Test>::mutate(provider(), |licence| {
			*licence = licence.take().unwrap().with_one_more(0, &[0]);
		});
		crate::Roots::<Test>::mutate(0, |root| *root = root.take().map(|root| root.with_open(0)));
		spent();
		assert_ok!(Traps::license(RawOrigin::Root.into(), provider(), 2));
		assert_ok!(dispatch_authorized(calls[1].clone()).unwrap());
		assert_eq!(Traps::licence(provider()).unwrap().opened_of(0), 2);
	});
}

/// The window of the job that came last is open.
fn roll_to_window_of(job: JobDigest) {
	let record = pallet_jobs::Jobs::<Test>::get(job).unwrap();
	assert!(record.takes_traps(pallet_jobs::Pallet::<Test>::now()));
}

/// Without it a licensee in league with the treasury could lie to whoever relies on it, and amend
/// its claim where an audit comes.
#[test]
fn fails_without_the_consent_of_the_tenant() {
	use sp_core::Pair;
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		let statement =
			assay_primitives::trap_consent(&genesis(), &traps[0].leaf(&genesis(), &job));
		let of_another = sp_core::sr25519::Pair::from_seed(&[77; 32]).sign(&statement);
		let of_something_else = tenant_pair().sign(&statement[1..]);
		for consent in [of_another, of_something_else] {
			let trap = Trap { consent: consent.into(), ..traps[0].clone() };
			let pool = dispatch_authorized(open_call(job, trap));
			assert_eq!(pool, Err(InvalidTransaction::BadProof.into()));
		}
		assert_ok!(open(job, traps[0].clone()));
	});
}

#[test]
fn fails_unless_the_worker_of_the_slot_has_signed() {
	use sp_core::Pair;
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		let call = open_call_by(&worker_of(&auditors()[0]), job, traps[0].clone());
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::BadProof.into()));
		let signature = worker_of(&provider()).sign(b"anything");
		let signed = Traps::open(signed(provider()), job, Box::new(traps[0].clone()), signature);
		assert_noop!(signed, DispatchError::BadOrigin);
	});
}

#[test]
fn fails_before_and_after_the_blocks_for_traps() {
	build_and_execute(|| {
		let traps = post(&[(0, right()), (1, right())]);
		let job = digest_of(0);
		let stale = InvalidTransaction::Stale;
		let unknown = pallet_jobs::Error::<Test>::JobUnknown;
		assert_refused(open_call(job, traps[0].clone()), stale, unknown);
		let slot = submit(0);
		let closed = || pallet_jobs::Error::<Test>::TrapsClosed;
		assert_refused(open_call(job, traps[0].clone()), stale, closed());
		assert!(matches!(state_of(slot), SlotState::Assigned { .. }));

		let (job, _) = sprung(1, &traps[1], &[]);
		roll_by(TIMING.trap_blocks - 1);
		frame_support::hypothetically!({
			assert_ok!(open(job, traps[1].clone()));
		});
		roll_by(1);
		assert_refused(open_call(job, traps[1].clone()), stale, closed());
	});
}

#[test]
fn a_root_that_is_forgotten_opens_nothing() {
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		crate::Roots::<Test>::remove(0);
		crate::Periods::<Test>::kill();
		let (call, stale) = (open_call(job, traps[0].clone()), InvalidTransaction::Stale);
		assert_refused(call, stale, Error::<Test>::RootUnknown);
	});
}

#[test]
fn the_pool_keeps_one_opening_of_a_job_and_spreads_it() {
	use frame_support::traits::Authorize;
	build_and_execute(|| {
		let traps = post(&[(0, right())]);
		let (job, _) = sprung(0, &traps[0], &[]);
		let source = sp_runtime::transaction_validity::TransactionSource::External;
		let (valid, _) =
			open_call(job, traps[0].clone()).authorize(source).expect("authorised").unwrap();
		assert!(valid.propagate && valid.longevity > 0 && valid.priority > 1 << 60);
		assert_eq!(valid.provides.len(), 1);
	});
}
