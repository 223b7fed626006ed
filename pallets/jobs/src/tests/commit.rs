use super::*;
use crate::types::SlotState;
use assay_primitives::worker::WorkerPair;
use sp_core::Pair;

#[test]
fn accepts_pledges_and_closes_the_phase_in_one_call() {
	build_and_execute(|| {
		let (digest, slot) = submit(0);
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		assert_ok!(commit(slot).unwrap());
		assert_eq!(ProviderStake::pledged(&provider(), slot), job.pledge);
		assert_eq!(
			crate::Jobs::<Test>::get(digest).unwrap().phase,
			Phase::Revealing { closed_at: 1, reveal_by: 21 }
		);
		let names: Vec<_> = events().into_iter().skip(1).collect();
		assert!(matches!(names[0], Event::SlotAccepted { .. }));
		assert!(matches!(names[1], Event::SlotCommitted { .. }));
		assert_eq!(names[2], Event::CommitPhaseClosed { job: digest, reveal_by: 21 });
	});
}

#[test]
fn acceptance_ahead_gives_time_for_the_units() {
	build_and_execute(|| {
		let (digest, slot) = submit(0);
		roll_by(10);
		assert_ok!(accept(slot).unwrap());
		let job = crate::Jobs::<Test>::get(digest).unwrap();
		let due = 11 + TIMING.span(TIMING.commit_base, job.units_max);
		assert_eq!(
			crate::Slots::<Test>::get(slot).unwrap().state,
			SlotState::Assigned { accepted: true, due }
		);
		assert_refused(
			accept_call(slot, &worker()),
			InvalidTransaction::Stale,
			Error::AlreadyAccepted,
		);
		roll_to(due);
		assert_ok!(commit(slot).unwrap());
	});
}

#[test]
fn a_second_commitment_is_stale() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		let other = commitment_of(&job, slot, &Claim::Invalid { code: 1 });
		assert_refused(
			commit_call(slot, other, &worker()),
			InvalidTransaction::Stale,
			Error::AlreadyCommitted,
		);
	});
}

#[test]
fn late_commitments_are_refused_whether_or_not_anybody_lapsed_the_slot() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		roll_to(12);
		let commitment = commitment_of(&job, slot, &true_claim());
		let call = commit_call(slot, commitment, &worker());
		assert_refused(call.clone(), InvalidTransaction::Stale, Error::DeadlinePassed);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert_refused(call, InvalidTransaction::Stale, Error::SlotUnknown);
	});
}

#[test]
fn fails_with_another_key_or_for_another_slot() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		let (_, other_slot) = submit(1);
		let commitment = commitment_of(&job, slot, &true_claim());
		let forged = commit_call(slot, commitment, &WorkerPair::from_seed(&[8; 32]));
		assert_eq!(dispatch_authorized(forged), Err(InvalidTransaction::BadProof.into()));
		let RuntimeCall::Jobs(Call::commit { signature, .. }) =
			commit_call(slot, commitment, &worker())
		else {
			unreachable!()
		};
		let moved = Call::commit { slot: other_slot, commitment, signature };
		assert_eq!(dispatch_authorized(moved.into()), Err(InvalidTransaction::BadProof.into()));
	});
}

#[test]
fn rotation_binds_new_slots_only() {
	build_and_execute(|| {
		let (job, slot) = submit(0);
		assert_ok!(accept(slot).unwrap());
		let (_, fresh_slot) = submit(1);
		let new = WorkerPair::from_seed(&[11; 32]);
		let statement = assay_primitives::worker_statement(&Jobs::genesis(), &provider());
		assert_ok!(Providers::rotate_worker(
			signed(provider()),
			new.public(),
			new.sign(&statement)
		));
		let commitment = commitment_of(&job, slot, &true_claim());
		assert_eq!(
			dispatch_authorized(commit_call(slot, commitment, &new)),
			Err(InvalidTransaction::BadProof.into())
		);
		assert_ok!(dispatch_authorized(commit_call(slot, commitment, &worker())).unwrap());
		assert_eq!(
			dispatch_authorized(accept_call(fresh_slot, &worker())),
			Err(InvalidTransaction::BadProof.into())
		);
		assert_ok!(dispatch_authorized(accept_call(fresh_slot, &new)).unwrap());
	});
}

#[test]
fn fails_when_the_bond_went_elsewhere() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(ProviderStake::unbond(signed(provider()), BOND));
		assert_refused(accept_call(slot, &worker()), custom(Error::BondTooLow), Error::BondTooLow);
	});
}

#[test]
fn pledged_bond_cannot_be_unbonded() {
	build_and_execute(|| {
		let (_, slot) = submit(0);
		assert_ok!(commit(slot).unwrap());
		assert_noop!(
			ProviderStake::unbond(signed(provider()), BOND),
			pallet_stake::Error::<Test, pallet_stake::Instance1>::FreeBondTooLow
		);
	});
}
