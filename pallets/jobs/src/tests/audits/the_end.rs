//! Who is paid what when an audited job ends, and when it does not.

use super::*;
use crate::WeightInfo;
use frame_support::{dispatch::GetDispatchInfo, traits::Authorize};
use sp_runtime::{traits::Dispatchable, transaction_validity::TransactionSource};

#[test]
fn pays_provider_pool_and_auditor() {
	audited(|| {
		let before = [provider(), auditors()[0].clone(), tenant()].map(|who| {
			let total = Balances::total_balance(&who);
			(who, total)
		});
		let (pool_before, fee_burnt) = (pool(), NONCE_FEE);
		let (digest, slot, audit) = revealed(true_claim());
		let record = job(digest);
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));

		let [earned, audit_pay, cost] =
			before.map(|(who, total)| Balances::total_balance(&who).abs_diff(total));
		let (price, fee) = (record.price_max, record.fee_max);
		assert_eq!(cost, price + fee + fee_burnt);
		let royalty = ROYALTY_PER_UNIT * u128::from(record.units_max);
		assert_eq!(earned, price - price / 100 - royalty, "the provider gets what it asked for");
		assert_eq!(audit_pay, price, "an audit is the same work");
		assert_eq!(pool(), pool_before + fee - price);
		let paid = Event::AuditPaid {
			slot: audit,
			job: digest,
			auditor: auditors()[0].clone(),
			amount: price,
		};
		assert!(events().contains(&paid));
		let receipt = receipt();
		assert_eq!((receipt.slot, receipt.price), (slot, price + fee));
		assert_eq!((receipt.lambda_ppb, receipt.audits), (HALF, 1));
		assert_eq!(receipt.assurance, Assurance::Audited);
		assert_eq!(receipt.pledge, record.pledge);
		assert_eq!(AuditStake::free(&auditors()[0]), BOND, "everything is released");
		assert_eq!(ProviderStake::free(&provider()), BOND);
		assert!(Jobs::duties_of(&auditors()[0]).is_empty());
		assert_ok!(Providers::leave(signed(auditors()[0].clone())));
	});
}

/// The units of the sample are one at most: let its job have more.
fn enlarge(digest: JobDigest, slot: SlotId, units_max: u64) {
	let record = job(digest);
	Leases::settle(LeaseId(0), digest, record.reserved(), Vec::new());
	let price_max = record.price_per_unit * Balance::from(units_max);
	let record = crate::Job {
		units_max,
		price_max,
		value_at_risk: price_max,
		pledge: job_pledge(price_max, price_max, record.lambda_ppb).unwrap(),
		fee_max: audit_fee(record.lambda_ppb, price_max),
		..record
	};
	assert_ok!(Leases::reserve(LeaseId(0), digest, record.reserved(), units_max));
	crate::Slots::<Test>::mutate(slot, |slot| slot.as_mut().unwrap().pledge = record.pledge);
	crate::Jobs::<Test>::insert(digest, record);
	try_state();
}

#[test]
fn charges_the_rate_of_the_price_that_is_paid() {
	audited(|| {
		let (free, pool_before) = (lease().free, pool());
		let (digest, slot) = submit_audited(0, HALF + 1);
		enlarge(digest, slot, 10);
		assert_ok!(commit_by(&worker(), slot, &WRONG).unwrap());
		roll_to(3);
		assert_ok!(mark(digest));
		roll_to(10);
		assert_ok!(reveal_by(&worker(), slot, WRONG).unwrap());
		assert!(job(digest).fee_max > audit_fee(HALF + 1, PRICE_PER_UNIT));
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		// An invalid input costs one unit; of half a part too many a whole one is charged.
		let fee = PRICE_PER_UNIT / 2 + PRICE_PER_UNIT / 1_000_000_000;
		assert_eq!(lease().free, free - PRICE_PER_UNIT - fee);
		assert_eq!(pool(), pool_before + fee);
	});
}

#[test]
fn pays_auditors_no_more_than_the_pool_has() {
	audited(|| {
		let keep = <Balances as Inspect<_>>::minimum_balance();
		let spare = pool() - keep;
		let (digest, _, _) = revealed(true_claim());
		let fee = job(digest).fee_max;
		let to = account(77);
		assert_ok!(Balances::transfer_keep_alive(signed(PlainAudits::pool()), to, spare));
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert!(events()
			.iter()
			.any(|event| matches!(event, Event::AuditPaid { amount, .. } if *amount == fee)));
		assert_eq!((pool(), receipt().audits), (keep, 1));
	});
}

#[test]
fn a_late_auditor_loses_a_tenth_and_is_paid() {
	audited(|| {
		let (digest, slot, audit) = noticed(true_claim());
		let [auditor, ..] = auditors();
		roll_to(10);
		assert_ok!(reveal(slot).unwrap());
		roll_to(9 + TIMING.commit_base + 1);
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		let pledge = job(digest).price_max * AUDIT_PLEDGE_FACTOR;
		let penalty = types::late_penalty(pledge);
		assert_eq!(AuditStake::pledged(&auditor, audit), pledge - penalty);
		assert_eq!(ProviderStake::bonded(&auditor), BOND);
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert_eq!(AuditStake::free(&auditor), BOND - penalty);
		assert_eq!(receipt().audits, 1);
	});
}

#[test]
fn a_silent_provider_is_not_paid_but_its_auditor_is() {
	audited(|| {
		let free = lease().free;
		let (digest, slot, audit) = noticed(true_claim());
		let record = job(digest);
		roll_to(10);
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		roll_to(9 + TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert_eq!(ProviderStake::bonded(&provider()), BOND - record.pledge, "all of it");
		assert!(matches!(job(digest).phase, Phase::Window { .. }));
		try_state();

		let earned = Balances::total_balance(&auditors()[0]);
		roll_past_window(digest);
		assert_ok!(dispatch_authorized(Call::settle { job: digest }.into()).unwrap());
		let refund = record.price_max + record.fee_max;
		let paid = Event::AuditPaid {
			slot: audit,
			job: digest,
			auditor: auditors()[0].clone(),
			amount: record.price_max,
		};
		let reason = LapseReason::NotRevealed;
		assert_eq!(events(), vec![paid, Event::JobExpired { job: digest, reason, refund }]);
		assert_eq!(Balances::total_balance(&auditors()[0]), earned + record.price_max);
		assert_eq!(lease().free, free);
		assert!(crate::Jobs::<Test>::get(digest).is_none());
	});
}

#[test]
fn a_refuted_job_pays_its_auditors_when_their_window_is_over() {
	audited(|| {
		let free = lease().free;
		let (digest, slot) = submit_audited(0, LAMBDA_ONE);
		assert_ok!(commit_by(&worker(), slot, &WRONG).unwrap());
		roll_to(3);
		assert_ok!(mark(digest));
		let audit = notice(digest, &auditors()[0]).unwrap();
		assert_ok!(commit_audit(audit, true_claim()).unwrap());
		roll_to(10);
		assert_ok!(reveal_by(&worker(), slot, WRONG).unwrap());
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		assert_eq!(Jobs::opposed(digest), Some((slot, audit)));
		roll_by(TIMING.trap_blocks);
		let game = Jobs::open_dispute(slot);
		assert_ok!(game);
		assert_eq!(Jobs::convict(slot, 0), job(digest).pledge);
		Jobs::close_dispute(slot);
		assert_eq!(Jobs::opposed(digest), None);
		try_state();

		let settle: RuntimeCall = Call::settle { job: digest }.into();
		let early = InvalidTransaction::Future;
		assert_refused(settle.clone(), early, Error::NotSettleable);
		let earned = Balances::total_balance(&auditors()[0]);
		let record = job(digest);
		roll_past_window(digest);
		assert_ok!(dispatch_authorized(settle).unwrap());
		let refund = record.reserved();
		assert_eq!(events().pop(), Some(Event::JobRefuted { job: digest, refund }));
		assert_eq!(Balances::total_balance(&auditors()[0]), earned + record.price_max);
		assert_eq!(lease().free, free);
	});
}

#[test]
fn waits_while_two_claims_contradict_each_other() {
	audited(|| {
		let [auditor, ..] = auditors();
		let (digest, slot, audit) = revealed(WRONG);
		assert_eq!(Jobs::opposed(digest), Some((slot, audit)));
		assert_eq!(Jobs::opposed(JobDigest::default()), None);
		roll_past_window(digest);
		let settle: RuntimeCall = Call::settle { job: digest }.into();
		assert_refused(settle.clone(), InvalidTransaction::Future, Error::Disputed);
		roll_by(100);
		assert_refused(settle.clone(), InvalidTransaction::Future, Error::Disputed);

		// What a game between the two comes to.
		let earned = Balances::total_balance(&auditor);
		let pledge = job(digest).price_max * AUDIT_PLEDGE_FACTOR;
		assert_eq!(Jobs::claim(audit).unwrap().pledge, pledge);
		assert_eq!(Jobs::convict(audit, 0), pledge);
		assert_eq!(AuditStake::bonded(&auditor), BOND - pledge);
		assert_eq!(ProviderStake::bonded(&auditor), BOND);
		assert_ok!(dispatch_authorized(settle).unwrap());
		assert_eq!(Balances::total_balance(&auditor), earned - pledge, "no pay for the guilty");
		let receipt = receipt();
		assert_eq!((receipt.audits, receipt.slot), (0, slot));
		assert_eq!(receipt.output, OutputDigest::from(true_claim().output()));
	});
}

#[test]
fn a_convicted_auditor_pays_the_winner_out_of_its_audit_stake() {
	audited(|| {
		let (_, _, audit) = revealed(WRONG);
		roll_by(TIMING.trap_blocks);
		assert_ok!(Jobs::open_dispute(audit));
		let reward = 5 * UNIT / 1_000;
		let pledge = Jobs::convict(audit, reward);
		assert!(pledge > reward);
		assert_eq!(AuditStake::pledged(&auditors()[0], audit), reward);
		let before = Balances::total_balance(&stranger());
		assert_eq!(Jobs::reward(audit, &stranger(), reward), reward);
		Jobs::close_dispute(audit);
		assert_eq!(Balances::total_balance(&stranger()), before + reward);
		assert_eq!(AuditStake::bonded(&auditors()[0]), BOND - pledge);
	});
}

#[test]
fn of_a_job_whose_slots_all_fell_silent_is_a_refund() {
	audited(|| {
		let free = lease().free;
		let (digest, slot, audit) = noticed(true_claim());
		let pool_before = pool();
		roll_to(9 + TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), audit));
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert!(matches!(events().pop(), Some(Event::JobExpired { .. })));
		assert!(crate::Jobs::<Test>::get(digest).is_none());
		assert_eq!((lease().free, pool()), (free, pool_before), "silence earns nothing");
	});
}

#[test]
fn is_charged_for_the_slots_that_there_are() {
	audited(|| {
		let (digest, _, _) = revealed(true_claim());
		roll_past_window(digest);
		let call: RuntimeCall = Call::settle { job: digest }.into();
		let most = <() as WeightInfo>::settle(SLOTS_MAX);
		assert_eq!(call.get_dispatch_info().call_weight, most);
		let authorized = call.authorize(TransactionSource::External).unwrap();
		let unspent = <() as WeightInfo>::authorize_settle(SLOTS_MAX)
			- <() as WeightInfo>::authorize_settle(2);
		assert_eq!(authorized.unwrap().1, unspent);
		let origin = frame_system::Origin::<Test>::Authorized.into();
		let spent = call.dispatch(origin).unwrap().actual_weight;
		assert_eq!(spent, Some(<() as WeightInfo>::settle(2)));
	});
}
