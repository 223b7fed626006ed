use super::*;

#[test]
fn opens_the_window() {
	build_and_execute(|| {
		let (digest, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(3);
		assert_ok!(reveal(slot).unwrap());
		let output = true_claim().output().into();
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		let length = TIMING.span(TIMING.window_base, job.units_max);
		assert_eq!(job.phase, Phase::Window { closes: 4 + length, length });
		assert_eq!(
			events(),
			vec![
				Event::SlotRevealed { slot, job: digest, output, count: 1, penalty: 0 },
				Event::WindowOpened { job: digest, closes_at: 4 + length },
			]
		);
		assert_refused(
			reveal_call(
				slot,
				true_claim(),
				SALT,
				Anchor { number: 1, hash: hash_of(1) },
				&worker(),
			),
			InvalidTransaction::Stale,
			Error::AlreadyRevealed,
		);
	});
}

#[test]
fn fails_when_it_does_not_match_the_commitment() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		let anchor = anchor_of(slot);
		let Claim::Output { count, data } = true_claim() else { unreachable!() };
		let mut flipped = data;
		flipped[31] ^= 1;
		for (claim, salt) in [
			(Claim::Output { count, data: flipped }, SALT),
			(Claim::Invalid { code: 1 }, SALT),
			(true_claim(), H256([10; 32])),
		] {
			assert_refused(
				reveal_call(slot, claim, salt, anchor, &worker()),
				custom(Error::CommitmentMismatch),
				Error::CommitmentMismatch,
			);
		}
		for count in [0, 2, u32::MAX] {
			assert_refused(
				reveal_call(slot, Claim::Output { count, data }, SALT, anchor, &worker()),
				custom(Error::CountOutOfRange),
				Error::CountOutOfRange,
			);
		}
	});
}

#[test]
fn fails_when_it_names_a_block_of_another_fork() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		for anchor in [
			Anchor { number: 1, hash: hash_of(2) },
			Anchor { number: 2, hash: hash_of(2) },
			Anchor { number: 0, hash: Jobs::genesis() },
			Anchor { number: u32::MAX, hash: H256::zero() },
		] {
			assert_refused(
				reveal_call(slot, true_claim(), SALT, anchor, &worker()),
				custom(Error::AnchorWrong),
				Error::AnchorWrong,
			);
		}
	});
}

#[test]
fn a_copied_reveal_cannot_be_moved_to_another_fork() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		// Signed on a fork where block 1 has another hash, then given this fork's anchor.
		let there = Anchor { number: 1, hash: H256([77; 32]) };
		let RuntimeCall::Jobs(Call::reveal { slot, claim, salt, signature, .. }) =
			reveal_call(slot, true_claim(), SALT, there, &worker())
		else {
			unreachable!()
		};
		let moved = Call::reveal { slot, claim, salt, anchor: anchor_of(slot), signature };
		assert_eq!(dispatch_authorized(moved.into()), Err(InvalidTransaction::BadProof.into()));
	});
}

#[test]
fn fails_before_the_commitment() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		let anchor = Anchor { number: 0, hash: Jobs::genesis() };
		assert_refused(
			reveal_call(slot, true_claim(), SALT, anchor, &worker()),
			custom(Error::NotCommitted),
			Error::NotCommitted,
		);
	});
}

#[test]
fn late_costs_a_tenth_and_after_the_grace_it_is_refused() {
	build_and_execute(|| {
		let (digest, slot) = submit(0);
		let pledge = crate::Jobs::<Test>::get(digest).unwrap().pledge;
		assert_ok!(commit(slot).unwrap());
		roll_to(21);
		frame_support::hypothetically!({
			assert_ok!(reveal(slot).unwrap());
			assert_eq!(ProviderStake::pledged(&provider(), slot), pledge, "the last block on time");
		});
		roll_to(22);
		let treasury = Balances::free_balance(Treasury::get());
		frame_support::hypothetically!({
			assert_ok!(reveal(slot).unwrap());
			let penalty = types::late_penalty(pledge);
			assert_eq!(ProviderStake::pledged(&provider(), slot), pledge - penalty);
			assert_eq!(Balances::free_balance(Treasury::get()), treasury + penalty);
			assert!(matches!(events()[0], Event::SlotRevealed { penalty: p, .. } if p == penalty));
			try_state();
		});
		roll_to(42);
		let anchor = anchor_of(slot);
		let call = reveal_call(slot, true_claim(), SALT, anchor, &worker());
		assert_refused(call, InvalidTransaction::Stale, Error::DeadlinePassed);
	});
}

#[test]
fn anybody_may_carry_it_but_only_as_it_was_signed() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		roll_by(2);
		let other = assay_primitives::worker::WorkerPair::from(
			<sp_core::sr25519::Pair as sp_core::Pair>::from_seed(&[5; 32]),
		);
		assert_eq!(
			dispatch_authorized(reveal_call(slot, true_claim(), SALT, anchor_of(slot), &other)),
			Err(InvalidTransaction::BadProof.into())
		);
		assert_ok!(reveal(slot).unwrap());
	});
}
