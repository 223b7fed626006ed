use super::*;
use assay_primitives::JobDigest;
use codec::{Decode, Encode};
use frame_support::traits::fungible::Inspect;

/// A job whose window has just passed.
fn due(nonce: u64) -> (JobDigest, SlotId) {
	let (job, slot) = submit(nonce);
	assert_ok!(commit(slot).unwrap());
	roll_by(2);
	assert_ok!(reveal(slot).unwrap());
	let Phase::Window { closes, .. } = crate::Jobs::<Test>::get(job).unwrap().phase else {
		unreachable!()
	};
	roll_to(closes + 1);
	(job, slot)
}

#[test]
fn pays_everyone_to_the_last_unit() {
	build_and_execute(|| {
		let escrow = Balances::total_balance(&tenant());
		let (earned, royalty, fee) = (
			Balances::total_balance(&provider()),
			Balances::total_balance(&owner()),
			Balances::total_balance(&Treasury::get()),
		);
		let (digest, slot) = due(0);
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		assert_ok!(Jobs::settle(signed(stranger()), digest));

		let price = job.price_max;
		let royalty_due = ROYALTY_PER_UNIT * u128::from(job.units_max);
		let fee_due = price / 100;
		assert_eq!(Balances::total_balance(&tenant()), escrow - price - NONCE_FEE);
		assert_eq!(Balances::total_balance(&owner()), royalty + royalty_due);
		assert_eq!(Balances::total_balance(&Treasury::get()), fee + fee_due);
		assert_eq!(Balances::total_balance(&provider()), earned + price - royalty_due - fee_due);
		assert_eq!(ProviderStake::free(&provider()), BOND);
		assert!(crate::Slots::<Test>::get(slot).is_none());
		assert!(Jobs::duties_of(&provider()).is_empty());

		let Some(Event::JobSettled { job: settled, leaf_index: 0, receipt }) = events().pop()
		else {
			panic!("no receipt")
		};
		assert_eq!(settled, digest);
		assert_eq!(receipt.price, price);
		assert_eq!(receipt.output, true_claim().output().into());
		assert_eq!(receipt.assurance, Assurance::Unaudited);
		assert_eq!((receipt.submitted_at, receipt.settled_at), (1, System::block_number()));
	});
}

#[test]
fn an_invalid_input_is_a_result_at_the_lowest_price() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		let claim = Claim::Invalid { code: 2 };
		let commitment = commitment_of(&job, slot, &claim);
		assert_ok!(dispatch_authorized(commit_call(slot, commitment, &worker())).unwrap());
		roll_by(2);
		let call = reveal_call(slot, claim, SALT, anchor_of(slot), &worker());
		assert_ok!(dispatch_authorized(call).unwrap());
		roll_by(20);
		assert_ok!(dispatch_authorized(Call::settle { job }.into()).unwrap());
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.count, receipt.units), (0, 1));
		assert_eq!(receipt.price, PRICE_PER_UNIT);
		assert_eq!(receipt.output, assay_program::merkle::invalid(2).into());
	});
}

#[test]
fn fails_before_the_window_is_over() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		let settle: RuntimeCall = Call::settle { job }.into();
		assert_refused(settle.clone(), InvalidTransaction::Future, Error::NotSettleable);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		let Phase::Window { closes, .. } = crate::Jobs::<Test>::get(job).unwrap().phase else {
			unreachable!()
		};
		roll_to(closes);
		assert_refused(settle.clone(), InvalidTransaction::Future, Error::NotSettleable);
		roll_by(1);
		assert_ok!(dispatch_authorized(settle.clone()).unwrap());
		assert_refused(settle, InvalidTransaction::Stale, Error::JobUnknown);
	});
}

#[test]
fn receipts_root_is_in_the_header() {
	build_and_execute(|| {
		let (first, first_slot) = submit(0);
		let (second, second_slot) = submit(1);
		for slot in [first_slot, second_slot] {
			assert_ok!(commit(slot).unwrap());
		}
		roll_by(2);
		for slot in [first_slot, second_slot] {
			assert_ok!(reveal(slot).unwrap());
		}
		roll_by(20);
		for job in [first, second] {
			assert_ok!(Jobs::settle(signed(stranger()), job));
		}
		let leaves: Vec<_> = events()
			.into_iter()
			.filter_map(|event| match event {
				Event::JobSettled { receipt, leaf_index, .. } => Some((leaf_index, receipt)),
				_ => None,
			})
			.collect();
		assert_eq!(leaves.iter().map(|(index, _)| *index).collect::<Vec<_>>(), vec![0, 1]);
		let expected = assay_program::merkle::root(leaves.iter().map(|(_, r)| leaf_of(r)));

		Jobs::seal_receipts();
		let digest = System::digest();
		let sealed: Vec<_> = digest
			.logs
			.iter()
			.filter_map(|log| log.as_consensus())
			.filter(|(engine, _)| *engine == RECEIPTS_ENGINE_ID)
			.map(|(_, payload)| <(u8, H256)>::decode(&mut &payload[..]).unwrap())
			.collect();
		assert_eq!(sealed, vec![(1, H256(expected))]);
		assert_eq!((1u8, H256(expected)).encode()[0], RECEIPTS_VERSION);
		assert!(crate::BlockReceipts::<Test>::get().is_empty());
	});
}

#[test]
fn a_full_block_leaves_the_next_settlement_due() {
	build_and_execute(|| {
		let (job, _) = due(0);
		let full = vec![H256::zero(); types::RECEIPTS_MAX as usize];
		crate::BlockReceipts::<Test>::put(frame_support::BoundedVec::truncate_from(full));
		assert_refused(
			Call::settle { job }.into(),
			InvalidTransaction::ExhaustsResources,
			Error::ReceiptsFull,
		);
		crate::BlockReceipts::<Test>::kill();
		assert_ok!(Jobs::settle(signed(stranger()), job));
	});
}

#[test]
fn settles_after_the_lease_was_closed_and_the_model_retired() {
	build_and_execute(|| {
		let (job, _) = due(0);
		assert_ok!(Leases::close_lease(signed(tenant()), LeaseId(0)));
		assert_ok!(Models::retire(signed(owner()), assay_primitives::ModelId(0)));
		assert_ok!(Providers::drain(signed(provider())));
		assert_ok!(Jobs::settle(signed(stranger()), job));
		assert_ok!(Providers::leave(signed(provider())));
	});
}
