//! Candidates for replicas: who may be one, and that the draw decides.

use crate::{mock::*, types::ticket, Error};
use assay_primitives::{AccountId, JobDigest, Stake as _, DUTY_BLOCKS};
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{transaction_validity::InvalidTransaction, DispatchError};

/// Three members of the pool whose stake counts.
fn with_members(test: impl FnOnce()) {
	build_and_execute(|| {
		for (n, stake) in [(0, 30), (1, 10), (2, 20)] {
			make_auditor(&auditor(n), stake * UNIT);
		}
		next_period();
		next_period();
		test();
	});
}

fn drawn(job: JobDigest) -> Vec<(AccountId, u128)> {
	MockDraws::get(job).unwrap().2
}

/// The ticket that the rules give a member, computed once more here.
fn ticket_of(job: JobDigest, who: &AccountId, committed_at: u32, stake: u128) -> u128 {
	let said = ("assay/replica-ticket/1", drawn_after(committed_at), job, who).encode();
	let hash = sp_io::hashing::blake2_256(&said);
	ticket(u64::from_le_bytes(hash[..8].try_into().unwrap()), stake)
}

#[test]
fn the_lowest_ticket_is_drawn_whoever_comes_first() {
	with_members(|| {
		let committed_at = System::block_number();
		let job = draw_job(0, MODEL, 1, vec![]);
		roll_by(DRAWN);
		let mut all: Vec<_> = [(0, 30), (1, 10), (2, 20)]
			.map(|(n, stake)| (ticket_of(job, &auditor(n), committed_at, stake * UNIT), auditor(n)))
			.into();
		all.sort();
		all.reverse();
		for (ticket, who) in &all {
			assert_ok!(dispatch_authorized(replicate_call(job, who)).unwrap());
			assert_eq!(
				drawn(job),
				vec![(who.clone(), *ticket)],
				"each is lower than the one before"
			);
		}
		// Not let in: it would fail, free of charge, for ever.
		let call = replicate_call(job, &all[0].1);
		let refusal = dispatch_authorized(call.clone()).unwrap_err();
		assert_eq!(refusal, InvalidTransaction::Custom(crate::authorize::REFUSED_BY_JOBS).into());
		assert_noop!(dispatch_unchecked(call), DispatchError::from("not drawn"));
	});
}

#[test]
fn nothing_is_drawn_before_its_blocks_have_come_or_after_the_end() {
	with_members(|| {
		let job = draw_job(0, MODEL, 1, vec![]);
		let call = || replicate_call(job, &auditor(0));
		roll_by(DUTY_BLOCKS);
		let refusal = dispatch_authorized(call()).unwrap_err();
		assert_eq!(refusal, InvalidTransaction::Future.into());
		assert_noop!(dispatch_unchecked(call()), Error::<Test>::RandomnessPending);
		roll_by(NOTICE_BLOCKS);
		frame_support::hypothetically!({
			assert_ok!(dispatch_authorized(call()).unwrap());
		});
		roll_by(1);
		let refusal = dispatch_authorized(call()).unwrap_err();
		assert_eq!(refusal, InvalidTransaction::Stale.into());
		assert_noop!(dispatch_unchecked(call()), Error::<Test>::JobUnknown);
	});
}

#[test]
fn only_who_held_the_weights_when_it_was_committed() {
	with_members(|| {
		let outsider = account(30);
		register_provider(&outsider);
		let late = auditor(4);
		let job = draw_job(0, MODEL, 3, vec![]);
		let others = draw_job(1, MODELS[1], 3, vec![]);
		make_auditor(&late, 1_000 * UNIT);
		roll_by(DRAWN);
		let refused = |job, who: &AccountId, error: Error<Test>| {
			let call = replicate_call(job, who);
			assert!(dispatch_authorized(call.clone()).is_err());
			assert_noop!(dispatch_unchecked(call), error);
		};
		refused(job, &outsider, Error::NotAMember);
		refused(job, &late, Error::NotAMember);
		refused(job, &owner(), Error::NotAProvider);
		refused(others, &auditor(0), Error::NotAMember);
		// A stake that is gone draws nothing.
		assert_ok!(AuditStake::unbond(signed(auditor(1)), 10 * UNIT));
		refused(job, &auditor(1), Error::NothingAtStake);
		assert_eq!(AuditStake::bonded(&auditor(1)), 0);
		// The key of another provider speaks for that one alone.
		let RuntimeCall::Audits(crate::Call::replicate { job, signature, .. }) =
			replicate_call(job, &auditor(0))
		else {
			unreachable!()
		};
		let forged = crate::Call::replicate { job, worker: key_of(&auditor(2)), signature };
		let refusal = dispatch_authorized(forged.into()).unwrap_err();
		assert_eq!(refusal, InvalidTransaction::BadProof.into());
	});
}
