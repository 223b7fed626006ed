use super::*;
use frame_support::traits::fungible::Mutate;

#[test]
fn holds_the_price_and_the_job() {
	build_and_execute(|| {
		let (job, _) = job_of(10_000);
		assert_ok!(Demands::demand(signed(demander()), job, Item::Input));
		let prepaid = 10_000 * PRICE_PER_BYTE;
		assert_eq!(held(&demander()), prepaid);
		assert_eq!(Balances::free_balance(demander()), ENDOWMENT - prepaid);
		assert!(MockJobs::get(job).unwrap().is_held);
		assert_eq!(
			events(),
			vec![Event::Demanded {
				job,
				item: Item::Input,
				slot: SLOT,
				provider: provider(),
				demander: demander(),
				length: 10_000,
				chunks: 3,
				prepaid,
				due_at: 1 + CHUNK_BLOCKS,
			}]
		);
	});
}

#[test]
fn fails_where_nothing_is_owed_or_a_demand_is_open() {
	build_and_execute(|| {
		let (job, blob) = job_of(100);
		let demand = |who, item| Demands::demand(signed(who), job, item);
		assert_noop!(demand(demander(), Item::Output), "not owed");
		assert_noop!(
			Demands::demand(signed(demander()), JobDigest::default(), Item::Input),
			"no such job"
		);
		assert_ok!(demand(demander(), Item::Input));
		for item in [Item::Input, Item::Output] {
			assert_noop!(demand(stranger(), item), Error::<Test>::DemandOpen);
		}
		assert_ok!(deliver(job, &blob, 0).unwrap());
		assert_noop!(demand(stranger(), Item::Input), "demanded before");
	});
}

#[test]
fn fails_where_the_price_cannot_be_held() {
	build_and_execute(|| {
		let (job, _) = job_of(4_097);
		let price = 4_097 * PRICE_PER_BYTE;
		Balances::set_balance(&stranger(), EXISTENTIAL_DEPOSIT + price - 1);
		assert_noop!(
			Demands::demand(signed(stranger()), job, Item::Input),
			Error::<Test>::CannotPrepay
		);
		Balances::set_balance(&stranger(), EXISTENTIAL_DEPOSIT + price);
		assert_ok!(Demands::demand(signed(stranger()), job, Item::Input));
	});
}

#[test]
fn fails_in_a_pause() {
	build_and_execute(|| {
		let (job, _) = job_of(1);
		Paused::set(&true);
		assert_noop!(Demands::demand(signed(demander()), job, Item::Input), Error::<Test>::Paused);
	});
}

#[test]
fn a_worker_demands_for_its_provider() {
	build_and_execute(|| {
		register_provider(&demander());
		let (job, _) = job_of(1_000);
		let call = demand_for_call(job, Item::Input, &demander());
		let valid = validity_of(&call);
		assert!(valid.propagate && valid.provides.len() == 1 && valid.requires.is_empty());
		assert_ok!(dispatch_authorized(call.clone()).unwrap());
		assert_eq!(held(&demander()), 1_000 * PRICE_PER_BYTE);
		assert_eq!(dispatch_authorized(call), Err(InvalidTransaction::Stale.into()));
	});
}

#[test]
fn a_demand_by_no_worker_or_with_another_signature_is_refused() {
	build_and_execute(|| {
		let (job, _) = job_of(1_000);
		// Nobody's key.
		let call = demand_for_call(job, Item::Input, &stranger());
		let refusal = InvalidTransaction::Custom(4);
		assert_eq!(dispatch_authorized(call.clone()), Err(refusal.into()));
		assert_noop!(dispatch_unchecked(call), Error::<Test>::NotAProvider);
		// A signature over something else.
		register_provider(&demander());
		let RuntimeCall::Demands(Call::demand_for { worker, .. }) =
			demand_for_call(job, Item::Input, &demander())
		else {
			unreachable!()
		};
		let RuntimeCall::Demands(Call::demand_for { signature, .. }) =
			demand_for_call(job, Item::Output, &demander())
		else {
			unreachable!()
		};
		let call = Call::demand_for { job, item: Item::Input, worker, signature };
		assert_eq!(dispatch_authorized(call.into()), Err(InvalidTransaction::BadProof.into()));
	});
}
