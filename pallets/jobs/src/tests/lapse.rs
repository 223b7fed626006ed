use super::*;
use assay_primitives::Balance;

/// Submit, and what the lease, the bond and the treasury have before.
fn before() -> (assay_primitives::JobDigest, SlotId, Balance, Balance, Balance) {
	let free = lease().free;
	let (job, slot) = submit(0);
	(job, slot, free, ProviderStake::bonded(&provider()), Balances::free_balance(Treasury::get()))
}

#[test]
fn without_acceptance_costs_nothing_and_refunds() {
	build_and_execute(|| {
		let (job, slot, free, bond, treasury) = before();
		let price = crate::Jobs::<Test>::get(job).unwrap().price_max;
		roll_to(11);
		assert_noop!(Jobs::lapse(signed(stranger()), slot), Error::<Test>::NotDue);
		roll_to(12);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		let reason = LapseReason::NotAccepted;
		assert_eq!(
			events(),
			vec![
				Event::SlotLapsed { slot, job, reason, penalty: 0 },
				Event::JobExpired { job, reason, refund: price },
			]
		);
		assert_eq!(lease().free, free);
		assert_eq!(ProviderStake::bonded(&provider()), bond);
		assert_eq!(Balances::free_balance(Treasury::get()), treasury);
		assert!(crate::Jobs::<Test>::iter().next().is_none());
		assert!(crate::InlineInputs::<Test>::iter().next().is_none());
		assert_noop!(Jobs::lapse(signed(stranger()), slot), Error::<Test>::SlotUnknown);
	});
}

#[test]
fn without_commitment_costs_a_fifth() {
	build_and_execute(|| {
		let (digest, slot, free, bond, treasury) = before();
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		assert_ok!(accept(slot).unwrap());
		let due = 1 + TIMING.span(TIMING.commit_base, job.units_max);
		roll_to(due + 1);
		// Free of charge, by anyone's hand.
		assert_ok!(dispatch_authorized(Call::lapse { slot }.into()).unwrap());
		let penalty = job.pledge / 5;
		assert_eq!(ProviderStake::bonded(&provider()), bond - penalty);
		assert_eq!(ProviderStake::free(&provider()), bond - penalty);
		assert_eq!(Balances::free_balance(Treasury::get()), treasury + penalty);
		assert_eq!(lease().free, free);
	});
}

#[test]
fn without_reveal_costs_a_fifth_after_the_grace() {
	build_and_execute(|| {
		let (digest, slot, free, bond, treasury) = before();
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		assert_ok!(commit(slot).unwrap());
		roll_to(41);
		assert_noop!(Jobs::lapse(signed(stranger()), slot), Error::<Test>::NotDue);
		roll_to(42);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		let penalty = job.pledge / 5;
		assert_eq!(ProviderStake::bonded(&provider()), bond - penalty);
		assert_eq!(Balances::free_balance(Treasury::get()), treasury + penalty);
		assert_eq!(lease().free, free);
	});
}

#[test]
fn nothing_lapses_that_is_not_due() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		let lapse: RuntimeCall = Call::lapse { slot }.into();
		assert_refused(lapse.clone(), InvalidTransaction::Future, Error::NotDue);
		assert_ok!(commit(slot).unwrap());
		assert_refused(lapse.clone(), InvalidTransaction::Future, Error::NotDue);
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		assert_refused(lapse, InvalidTransaction::Stale, Error::SlotClosed);
		assert!(crate::Jobs::<Test>::contains_key(job));
	});
}
