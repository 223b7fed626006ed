//! The claim of a job's assigned slot is replaced by one that was shown beforehand. Who may do so,
//! and for which claim, is the business of another pallet.

use super::*;
use assay_primitives::{Claims, TrapJob, TrapJobs};

const JACKPOT: Balance = 7 * UNIT + 1;

fn amend(digest: JobDigest, claim: Claim) -> Result<SlotId, DispatchError> {
	frame_support::storage::with_storage_layer(|| Jobs::amend(digest, claim, JACKPOT))
}

/// A job at the highest rate in its window, whose provider claims something wrong, and the slots of
/// auditors with these claims.
fn sprung<const N: usize>(claims: [Claim; N]) -> (JobDigest, SlotId, [SlotId; N]) {
	let (digest, slot) = submit_audited(0, LAMBDA_ONE);
	assert_ok!(commit_by(&worker(), slot, &WRONG).unwrap());
	roll_to(3);
	assert_ok!(mark(digest));
	let mut auditors = auditors().into_iter();
	let audits = claims.map(|claim| {
		let audit = notice(digest, &auditors.next().unwrap()).unwrap();
		assert_ok!(commit_audit(audit, claim).unwrap());
		audit
	});
	roll_to(10);
	assert_ok!(reveal_by(&worker(), slot, WRONG).unwrap());
	for (audit, claim) in audits.into_iter().zip(claims) {
		assert_ok!(reveal_audit(audit, claim).unwrap());
	}
	(digest, slot, audits)
}

fn roll_past_traps() {
	roll_by(TIMING.trap_blocks);
}

fn wealth(who: &AccountId) -> Balance {
	Balances::total_balance(who)
}

/// What a game between two claims comes to whose party is wrong.
fn convict(slot: SlotId, other: SlotId) -> Balance {
	assert_ok!(Jobs::open_opposition([slot.min(other), slot.max(other)]));
	let pledge = Jobs::convict(slot, 0);
	Jobs::close_dispute(slot);
	Jobs::close_dispute(other);
	pledge
}

fn jackpots() -> Vec<(SlotId, Balance)> {
	let paid = |event| match event {
		Event::JackpotPaid { slot, amount, .. } => Some((slot, amount)),
		_ => None,
	};
	events().into_iter().filter_map(paid).collect()
}

#[test]
fn the_timeline_of_the_trap_docs_is_true() {
	audited(|| {
		jump_to(11);
		let (digest, slot) = submit_audited(0, LAMBDA_ONE);
		assert_eq!(TIMING.span(0, job(digest).units_max), 1, "the units of this job take a block");
		assert_ok!(commit_by(&worker(), slot, &WRONG).unwrap());
		roll_to(13);
		assert_ok!(mark(digest));
		roll_to(20);
		assert_ok!(reveal_by(&worker(), slot, WRONG).unwrap());
		let opened = Event::WindowOpened { job: digest, closes_at: 36 };
		assert_eq!(events().last(), Some(&opened));
		let pending = error(Error::TrapsComeFirst);
		for (block, takes_traps) in [(20, true), (24, true), (25, false), (36, false)] {
			roll_to(block);
			let claim = true_claim();
			frame_support::hypothetically!({
				let refused = (!takes_traps).then_some(error(Error::TrapsClosed));
				assert_eq!(amend(digest, claim).err(), refused, "block {block}");
			});
			frame_support::hypothetically!({
				let refused = takes_traps.then_some(pending);
				assert_eq!(Jobs::open_dispute(slot).err(), refused, "block {block}");
				assert_eq!(Jobs::disputable(10).is_empty(), takes_traps, "block {block}");
			});
		}
		let early = Error::<Test>::NotSettleable;
		assert_noop!(Jobs::settle(signed(stranger()), digest), early);
		roll_to(37);
		assert_noop!(Jobs::open_dispute(slot), error(Error::NotDisputable));
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert_eq!(receipt().window_blocks, 11, "what a challenger had");
	});
}

#[test]
fn a_job_without_audit_has_no_blocks_for_traps() {
	audited(|| {
		let (digest, slot) = submit(0);
		assert_ok!(commit_by(&worker(), slot, &WRONG).unwrap());
		roll_by(2);
		assert_ok!(reveal_by(&worker(), slot, WRONG).unwrap());
		let length = TIMING.span(TIMING.window_base, job(digest).units_max);
		assert_eq!(job(digest).phase, Phase::Window { closes: 3 + length, length });
		assert_noop!(amend(digest, true_claim()), error(Error::TrapsClosed));
		assert_ok!(Jobs::open_dispute(slot));
		Jobs::close_dispute(slot);
	});
}

#[test]
fn the_new_claim_takes_the_place_of_the_old_one() {
	audited(|| {
		let (digest, slot, _) = sprung([true_claim()]);
		let record = job(digest);
		let expected = TrapJob {
			tenant: tenant(),
			slot,
			party: provider(),
			worker: worker_key(),
			price_max: record.price_max,
			submitted_at: 1,
		};
		assert_eq!(Jobs::trap_job(digest, &true_claim()), Ok(expected));
		assert_eq!(Jobs::trap_jobs(&worker_key()), vec![digest]);
		assert_eq!(amend(digest, true_claim()), Ok(slot));
		let units = record.units_max;
		assert_eq!(state(slot), SlotState::Revealed { claim: true_claim(), units });
		let event = Event::TrapOpened {
			slot,
			job: digest,
			output: true_claim().output().into(),
			count: true_claim().count(),
			jackpot: JACKPOT,
		};
		assert_eq!(events().last(), Some(&event));
		assert_eq!(job(digest), record, "its deadlines are as they were");
		assert_eq!(Jobs::opposed(digest), None);
	});
}

#[test]
fn fails_where_no_trap_can_be_opened() {
	audited(|| {
		let (digest, slot, _) = sprung([true_claim()]);
		let count = parameters().max_steps + 1;
		let many = Claim::Output { count, data: [1; 32] };
		assert_noop!(amend(digest, many), error(Error::CountOutOfRange));
		assert_noop!(amend(digest, WRONG), error(Error::NothingToAmend));
		assert_noop!(amend(JobDigest::default(), WRONG), error(Error::JobUnknown));
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), true));
		assert_noop!(amend(digest, true_claim()), error(Error::Paused));
		roll_by(100);
		assert_ok!(Jobs::set_paused(RawOrigin::Root.into(), false));

		assert_eq!(amend(digest, true_claim()), Ok(slot), "a pause takes no block from traps");
		assert_noop!(amend(digest, WRONG), error(Error::TrapIsOpen));
		assert_noop!(amend(digest, true_claim()), error(Error::TrapIsOpen));
	});
	audited(|| {
		let (digest, slot, audit) = noticed(true_claim());
		assert_noop!(amend(digest, WRONG), error(Error::TrapsClosed));
		roll_to(10);
		assert_ok!(reveal(slot).unwrap());
		assert_noop!(amend(digest, WRONG), error(Error::TrapsClosed));
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		roll_past_traps();
		assert_noop!(amend(digest, WRONG), error(Error::TrapsClosed));
		assert!(Jobs::trap_jobs(&worker_key()).is_empty());
	});
	audited(|| {
		let (digest, slot, audit) = noticed(true_claim());
		roll_to(10);
		assert_ok!(reveal_audit(audit, true_claim()).unwrap());
		roll_to(9 + TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert!(job(digest).takes_traps(Jobs::now()));
		assert_noop!(amend(digest, true_claim()), error(Error::TrapsClosed));
	});
}

#[test]
fn no_dispute_is_opened_or_offered_before_traps_are_over() {
	audited(|| {
		let (digest, slot, [audit]) = sprung([true_claim()]);
		let pair = [slot, audit];
		let pending = error(Error::TrapsComeFirst);
		for _ in 0..TIMING.trap_blocks {
			assert_eq!(Jobs::ensure_disputable(slot), Err(pending));
			assert_eq!(Jobs::ensure_opposable(pair), Err(pending));
			assert_noop!(Jobs::open_dispute(slot), pending);
			assert_noop!(Jobs::open_opposition(pair), pending);
			assert_eq!(Jobs::disputable(10), vec![]);
			assert_eq!(<Jobs as Claims<_, _>>::opposed(&worker_key()), Vec::<[SlotId; 2]>::new());
			roll_by(1);
		}
		assert_eq!(Jobs::disputable(10), vec![slot, audit]);
		assert_eq!(<Jobs as Claims<_, _>>::opposed(&worker_key()), vec![pair]);
		assert_ok!(Jobs::ensure_disputable(slot));
		assert!(convict(slot, audit) > 0);
		assert_eq!(Jobs::opposed(digest), None);
	});
}

/// Who pays whom, to the last unit.
#[test]
fn who_was_caught_pays_and_who_was_not_shares_the_jackpot() {
	audited(|| {
		let people = [provider(), tenant(), owner(), Treasury::get(), PlainAudits::pool()];
		let [first, lazy, second, _] = auditors();
		let everybody = people.into_iter().chain([first, lazy, second]).collect::<Vec<_>>();
		let before: Vec<_> = everybody.iter().map(wealth).collect();
		let (digest, slot, audits) = sprung([true_claim(), WRONG, true_claim()]);
		let record = job(digest);
		assert_ok!(amend(digest, true_claim()));
		roll_past_traps();
		let pledge = convict(audits[1], slot);
		assert_eq!(pledge, record.price_max * AUDIT_PLEDGE_FACTOR);
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));

		let (price, fee, half) = (record.price_max, record.fee_max, JACKPOT / 2);
		assert_eq!(fee, price, "at the highest rate");
		let (share, royalty) = (price / 100, ROYALTY_PER_UNIT * Balance::from(record.units_max));
		let expected = [
			(price - share - royalty) as i128,
			-((price + fee + NONCE_FEE) as i128),
			royalty as i128,
			(share + pledge) as i128 - 2 * half as i128,
			fee as i128 - 2 * (price / 2) as i128,
			(price / 2 + half) as i128,
			-(pledge as i128),
			(price / 2 + half) as i128,
		];
		let after = everybody.iter().map(wealth);
		let moved: Vec<_> =
			after.zip(before).map(|(after, before)| after as i128 - before as i128).collect();
		assert_eq!(moved, expected);
		assert_eq!(jackpots(), vec![(audits[0], half), (audits[2], half)]);
		assert_eq!(ProviderStake::free(&provider()), BOND, "the licensee keeps its pledge");
		let receipt = receipt();
		assert_eq!((receipt.slot, receipt.audits), (slot, 2));
		assert_eq!(receipt.output, OutputDigest::from(true_claim().output()));
		assert_eq!(receipt.price, price + fee);
		assert_eq!(crate::Jackpots::<Test>::iter().count(), 0);
	});
}

#[test]
fn an_empty_treasury_pays_no_jackpot_and_hinders_nothing() {
	audited(|| {
		let (digest, _, [audit]) = sprung([true_claim()]);
		assert_ok!(amend(digest, true_claim()));
		let left = <Balances as Inspect<_>>::minimum_balance();
		let all = wealth(&Treasury::get()) - left;
		assert_ok!(Balances::transfer_keep_alive(signed(Treasury::get()), account(77), all));
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		assert_eq!(jackpots(), vec![(audit, 0)]);
		assert_eq!(receipt().audits, 1);
	});
}

#[test]
fn nobody_wins_where_the_new_claim_falls() {
	audited(|| {
		// The provider was right, and says that it was a trap.
		let (digest, slot, audit) = revealed(true_claim());
		assert_ok!(amend(digest, WRONG));
		roll_past_traps();
		let pledge = job(digest).pledge;
		let (free, record) = (lease().free, job(digest));
		assert_eq!(convict(slot, audit), pledge, "it pays for the wrong one");
		let (treasury, before) = (wealth(&Treasury::get()), wealth(&auditors()[0]));
		roll_past_window(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let refund = record.reserved();
		assert_eq!(events().pop(), Some(Event::JobRefuted { job: digest, refund }));
		assert_eq!(lease().free, free + refund);
		assert_eq!(jackpots(), vec![]);
		assert_eq!(wealth(&Treasury::get()), treasury);
		assert_eq!(wealth(&auditors()[0]), before + record.price_max, "the auditor is paid");
		assert_eq!(crate::Jackpots::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_jackpot_without_an_audited_claim_is_found() {
	audited(|| {
		let said = || format!("{:?}", Jobs::do_try_state().unwrap_err());
		let (digest, _, _) = noticed(true_claim());
		frame_support::hypothetically!({
			crate::Jackpots::<Test>::insert(JobDigest::default(), 1);
			assert!(said().contains("INV-12: a jackpot outlived its job"));
		});
		frame_support::hypothetically!({
			crate::Jackpots::<Test>::insert(digest, 1);
			assert!(said().contains("INV-12: a jackpot before the window"));
		});
	});
}
