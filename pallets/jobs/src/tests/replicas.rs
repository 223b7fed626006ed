//! Jobs that more providers are drawn to do. How tickets come about is the business of another
//! pallet.

use super::*;
use crate::types::{late_penalty, AuditState, SlotState, LAMBDA_ONE, REPLICAS_MAX};
use assay_primitives::{
	apis::SlotRole, AccountId, AuditedJobs, Balance, Claims, Item, JobDigest, ModelId, OwedItems,
	TrapJobs, WorkerKey,
};
use frame_support::traits::fungible::Inspect;
use frame_system::RawOrigin;
use sp_core::Pair;
use sp_runtime::{DispatchError, DispatchResult};

const WRONG: Claim = Claim::Invalid { code: 2 };

/// A candidacy of somebody for the job of a slot: who is drawn has a slot, and who makes room has
/// none any more.
pub(super) fn candidate_any(of: SlotId, who: AccountId, ticket: u8) {
	let digest = crate::Slots::<Test>::get(of).map(|slot| slot.job).unwrap_or_default();
	let Some(key) = Providers::worker_of(who.clone()) else { return };
	let drawing = Jobs::replicated(digest).is_some();
	let before = crate::Jobs::<Test>::get(digest);
	let open = || Jobs::open_replica(digest, who, key, ticket.into());
	let Ok(slot) = frame_support::storage::with_storage_layer(open) else { return };
	assert!(drawing, "only of a job that takes candidates");
	let (before, after) = (before.unwrap().replicas, job(digest).replicas);
	assert!(after.drawn.iter().any(|(id, _)| *id == slot));
	for (gone, other) in before.drawn.iter().filter(|entry| !after.drawn.contains(entry)) {
		assert!(*other > ticket.into(), "only a higher ticket makes room");
		assert!(crate::Slots::<Test>::get(gone).is_none());
	}
}

/// Providers with audit stake, three of which offer the model at the tenant's price.
fn replicated(test: impl FnOnce()) {
	build_and_execute(|| {
		enlist_auditors();
		for who in auditors().into_iter().take(3) {
			assert_ok!(create_offer(who, ModelId(0)));
		}
		test();
	});
}

fn job(digest: JobDigest) -> crate::Job<AccountId> {
	crate::Jobs::<Test>::get(digest).expect("the job is open")
}

fn state(slot: SlotId) -> SlotState {
	crate::Slots::<Test>::get(slot).expect("the slot is open").state
}

fn candidate(digest: JobDigest, who: &AccountId, ticket: u128) -> Result<SlotId, DispatchError> {
	let worker = WorkerKey::from(audit_worker(who).public());
	let open = || Jobs::open_replica(digest, who.clone(), worker, ticket);
	frame_support::storage::with_storage_layer(open)
}

fn commit_replica(slot: SlotId, claim: &Claim) -> Result<DispatchResult, TransactionValidityError> {
	let party = crate::Slots::<Test>::get(slot).unwrap().party;
	commit_by(&audit_worker(&party), slot, claim)
}

fn reveal_replica(slot: SlotId, claim: Claim) -> Result<DispatchResult, TransactionValidityError> {
	let party = crate::Slots::<Test>::get(slot).unwrap().party;
	reveal_by(&audit_worker(&party), slot, claim)
}

fn error<V>(error: Error<Test>) -> Result<V, DispatchError> {
	Err(error.into())
}

/// A job with two replicas, all three claims of which are open: each of both as told.
fn revealed(claims: [Claim; 2]) -> (JobDigest, [SlotId; 3]) {
	let (digest, slot) = submit_replicated(0, 0, 2);
	assert_ok!(commit(slot).unwrap());
	roll_to(6);
	let [first, second] = [0, 1].map(|n| candidate(digest, &auditors()[n], n as u128).unwrap());
	roll_to(1 + DRAW_BLOCKS + 1);
	assert_ok!(commit_replica(first, &claims[0]).unwrap());
	assert_ok!(commit_replica(second, &claims[1]).unwrap());
	roll_by(2);
	assert_ok!(reveal(slot).unwrap());
	assert_ok!(reveal_replica(first, claims[0]).unwrap());
	assert_ok!(reveal_replica(second, claims[1]).unwrap());
	(digest, [slot, first, second])
}

fn roll_past(digest: JobDigest) {
	let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
	roll_to(closes + 1);
}

#[test]
fn the_timeline_of_the_replica_docs_is_true() {
	replicated(|| {
		jump_to(100);
		beat();
		for who in auditors() {
			let _ = beat_by(who.clone(), &audit_worker(&who));
		}
		let (digest, slot) = submit_replicated(0, 0, 1);
		roll_to(102);
		assert!(Jobs::replicated(digest).is_none(), "who will do it as well is not drawn yet");
		assert_ok!(commit(slot).unwrap());
		assert_eq!(Jobs::replicated(digest).unwrap().committed_at, 102);
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 116, reveal_by: 136 });
		frame_support::hypothetically!({
			roll_to(116);
			assert!(reveal(slot).is_err(), "a candidate may still come");
			roll_to(117);
			assert_eq!(reveal(slot), Ok(Ok(())));
		});
		roll_to(107);
		let replica = candidate(digest, &auditors()[0], 7).unwrap();
		assert_eq!(job(digest).phase, Phase::Claiming);
		roll_to(116);
		let too_early = commit_replica(replica, &true_claim());
		assert_eq!(too_early, Err(InvalidTransaction::Future.into()));
		frame_support::hypothetically!({
			assert_ok!(candidate(digest, &auditors()[1], 6));
		});
		roll_to(117);
		assert_eq!(candidate(digest, &auditors()[1], 6), error(Error::DrawClosed));
		frame_support::hypothetically!({
			roll_to(137);
			assert_ok!(commit_replica(replica, &true_claim()).unwrap());
			roll_to(138);
			assert_eq!(reveal(slot), Ok(Ok(())));
		});
		frame_support::hypothetically!({
			roll_to(138);
			assert!(commit_replica(replica, &true_claim()).is_err());
		});
		roll_to(118);
		assert_ok!(commit_replica(replica, &true_claim()).unwrap());
		assert_eq!(job(digest).phase, Phase::Revealing { closed_at: 118, reveal_by: 138 });
	});
}

#[test]
fn each_run_is_reserved_and_paid_to_the_last_unit() {
	replicated(|| {
		let parties = [provider(), auditors()[0].clone(), auditors()[1].clone()];
		let totals = || {
			let others = [tenant(), owner(), Treasury::get()];
			parties.iter().chain(&others).map(Balances::total_balance).collect::<Vec<_>>()
		};
		let (before, free) = (totals(), lease().free);
		let (digest, [slot, ..]) = revealed([true_claim(), true_claim()]);
		let record = job(digest);
		let price = record.price_max;
		assert_eq!(free - lease().free, 3 * price, "held of the lease");
		roll_past(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.replicas, receipt.price), (slot, 2, 3 * price));
		assert_eq!(receipt.provider, provider());
		let (royalty, fee) = (ROYALTY_PER_UNIT * Balance::from(record.units_max), price / 100);
		let earned = price - royalty - fee;
		let changes = [earned, earned, earned, 0, 3 * royalty, 3 * fee];
		for (n, (was, is)) in before.iter().zip(totals()).enumerate() {
			match n {
				3 => assert_eq!(is, was - 3 * price - NONCE_FEE, "the tenant"),
				_ => assert_eq!(is, was + changes[n], "party {n}"),
			}
		}
		for who in &parties {
			assert_eq!(ProviderStake::free(who), BOND);
			assert_eq!(crate::OpenSlots::<Test>::get(who), 0);
			assert_eq!(Jobs::record_view(who).unwrap().settled, 1, "each has settled a job");
		}
		assert!(crate::Slots::<Test>::iter().next().is_none());
		assert!(crate::AwaitingAudit::<Test>::iter().next().is_none());
	});
}

#[test]
fn where_fewer_come_fewer_are_paid() {
	replicated(|| {
		let (digest, slot) = submit_replicated(0, 0, 3);
		let (free, price) = (lease().free, job(digest).price_max);
		assert_ok!(commit(slot).unwrap());
		roll_to(6);
		let replica = candidate(digest, &auditors()[2], 9).unwrap();
		roll_to(1 + DRAW_BLOCKS + 1);
		assert_ok!(commit_replica(replica, &true_claim()).unwrap());
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		assert_ok!(reveal_replica(replica, true_claim()).unwrap());
		roll_past(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.replicas, receipt.price), (1, 2 * price));
		assert_eq!(lease().free, free + 2 * price);
	});
}

#[test]
fn a_lower_ticket_takes_the_place_and_nothing_is_left_of_the_other() {
	replicated(|| {
		let [one, two, three, unwilling] = auditors();
		let (digest, slot) = submit_replicated(0, 0, 2);
		assert_eq!(candidate(digest, &one, 50), error(Error::DrawClosed));
		assert_ok!(commit(slot).unwrap());
		roll_to(6);
		let first = candidate(digest, &one, 50).unwrap();
		let second = candidate(digest, &two, 60).unwrap();
		let pledge = job(digest).pledge;
		assert_eq!(ProviderStake::pledged(&two, second), pledge);
		assert_eq!(crate::OpenSlots::<Test>::get(&two), 1);
		assert_eq!(candidate(digest, &three, 60), error(Error::NotDrawn));
		assert_eq!(candidate(digest, &one, 1), error(Error::AlreadyAParty));
		assert_eq!(candidate(digest, &provider(), 1), error(Error::AlreadyAParty));
		assert_eq!(candidate(digest, &unwilling, 1), error(Error::NoSuchOffer));
		System::reset_events();
		let third = candidate(digest, &three, 59).unwrap();
		assert_eq!(job(digest).slots.to_vec(), vec![slot, first, third]);
		let due = 1 + DRAW_BLOCKS + TIMING.span(TIMING.commit_base, job(digest).units_max);
		let event = Event::ReplicaDrawn {
			slot: third,
			job: digest,
			provider: three.clone(),
			worker: WorkerKey::from(audit_worker(&three).public()),
			pledge,
			instead: Some(second),
			commit_by: due,
		};
		assert_eq!(events(), vec![event]);
		assert!(crate::Slots::<Test>::get(second).is_none());
		assert_eq!((ProviderStake::free(&two), ProviderStake::free(&three)), (BOND, BOND - pledge));
		assert_eq!(crate::OpenSlots::<Test>::get(&two), 0);
		assert!(Jobs::duties_of(&two).is_empty());
		assert_eq!(state(third), SlotState::Assigned { accepted: true, due });
		let view = Jobs::job_view(digest).unwrap();
		assert_eq!((view.replicas, view.drawn_until), (2, Some(1 + DRAW_BLOCKS)));
		let roles: Vec<_> = view.slots.iter().map(|slot| slot.role).collect();
		assert_eq!(roles, vec![SlotRole::Assigned, SlotRole::Replica, SlotRole::Replica]);
	});
}

#[test]
fn an_offer_on_other_terms_is_no_consent() {
	replicated(|| {
		let who = auditors()[3].clone();
		let offer = |terms| Leases::create_offer(signed(who.clone()), ModelId(0), terms);
		let value = 2 * RISK_FACTOR / 3;
		let slot = crate::NextSlot::<Test>::get();
		let (lease, at_risk) = (LeaseId(0), Balance::from(value) * PRICE_PER_UNIT);
		let origin = signed(tenant());
		assert_ok!(Jobs::submit_job(origin, lease, 0, inline_input(), parameters(), at_risk, 0, 1));
		let digest = crate::Slots::<Test>::get(slot).unwrap().job;
		let units = job(digest).units_max;
		assert_ok!(commit(slot).unwrap());
		assert_ok!(offer(pallet_leases::OfferTerms {
			price_per_unit: PRICE_PER_UNIT + 1,
			..TERMS
		}));
		assert_eq!(candidate(digest, &who, 1), error(Error::NoSuchOffer), "dearer");
		let factor = u32::try_from((u64::from(value) - 1) / units).unwrap();
		assert_ok!(offer(pallet_leases::OfferTerms { risk_factor_max: factor, ..TERMS }));
		assert_eq!(candidate(digest, &who, 1), error(Error::NoSuchOffer), "more at risk");
		assert_ok!(offer(pallet_leases::OfferTerms { risk_factor_max: factor + 1, ..TERMS }));
		assert_ok!(candidate(digest, &who, 1));
	});
}

#[test]
fn who_has_too_much_to_do_is_told() {
	replicated(|| {
		let who = auditors()[0].clone();
		let (digest, slot) = submit_replicated(0, 0, 1);
		assert_ok!(commit(slot).unwrap());
		assert!(Jobs::has_room_for(&[digest], &who));
		// What it can do in the time that the smallest has on top of its own, and a unit more.
		let (other, other_slot) = submit_replicated(1, 0, 1);
		assert_ok!(commit(other_slot).unwrap());
		assert_ok!(candidate(other, &who, 1));
		for (units, has_room) in [(0, true), (1, false)] {
			crate::Jobs::<Test>::mutate(other, |job| {
				let job = job.as_mut().unwrap();
				job.units_max = TIMING.min_rate * u64::from(TIMING.commit_base) + units;
			});
			assert_eq!(Jobs::has_room_for(&[digest], &who), has_room);
			assert_eq!(Jobs::has_room_for(&[digest, other], &who), has_room);
		}
		let price = job(digest);
		crate::Jobs::<Test>::mutate(other, |job| {
			job.as_mut().unwrap().units_max = price.units_max;
		});
	});
}

#[test]
fn a_replica_that_differs_is_opposed_and_who_is_right_is_paid() {
	replicated(|| {
		let (digest, [slot, first, second]) = revealed([true_claim(), WRONG]);
		roll_past(digest);
		assert_noop!(Jobs::settle(signed(stranger()), digest), Error::<Test>::Disputed);
		let pairs = <Jobs as Claims<_, _>>::rivals(8);
		assert_eq!(pairs, vec![[slot, second], [first, second]]);
		let pledge = job(digest).pledge;
		assert_ok!(Jobs::open_opposition([slot, second]));
		assert_eq!(<Jobs as Claims<_, _>>::convict(second, 0), pledge);
		for id in [slot, second] {
			<Jobs as Claims<AccountId, Balance>>::close_dispute(id);
		}
		assert_eq!(ProviderStake::bonded(&auditors()[1]), BOND - pledge);
		roll_by(TIMING.commit_base + 1);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.replicas), (slot, 1));
	});
}

#[test]
fn where_the_assigned_slot_falls_a_replica_is_paid() {
	replicated(|| {
		let (digest, [slot, first, second]) = revealed([true_claim(), true_claim()]);
		for other in [first, second] {
			// As if both had shown that the first is wrong.
			let mut said = crate::Slots::<Test>::get(slot).unwrap();
			said.state = SlotState::Revealed { claim: WRONG, units: 1 };
			if other == first {
				crate::Slots::<Test>::insert(slot, said);
			}
		}
		assert_ok!(Jobs::open_opposition([slot, first]));
		<Jobs as Claims<AccountId, Balance>>::convict(slot, 0);
		for id in [slot, first] {
			<Jobs as Claims<AccountId, Balance>>::close_dispute(id);
		}
		roll_by(TIMING.commit_base + 1);
		let price = job(digest).price_max;
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.replicas, receipt.price), (first, 1, 2 * price));
		assert_eq!(receipt.provider, auditors()[0]);
	});
}

#[test]
fn who_was_drawn_and_is_silent_loses_its_pledge() {
	replicated(|| {
		let (digest, slot) = submit_replicated(0, 0, 1);
		assert_ok!(commit(slot).unwrap());
		roll_to(6);
		let replica = candidate(digest, &auditors()[0], 1).unwrap();
		let (pledge, SlotState::Assigned { due, .. }) = (job(digest).pledge, state(replica)) else {
			panic!("not assigned")
		};
		roll_to(due + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), replica));
		assert_eq!(ProviderStake::bonded(&auditors()[0]), BOND - pledge);
		roll_by(2);
		assert_ok!(reveal(slot).unwrap());
		roll_past(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.replicas), (slot, 0));
		assert!(late_penalty(pledge) < pledge);
	});
}

#[test]
fn without_a_commitment_nobody_is_drawn_and_the_tenant_is_refunded() {
	replicated(|| {
		let free = lease().free;
		let (digest, slot) = submit_replicated(0, LAMBDA_ONE, 1);
		assert!(lease().free < free);
		roll_to(2 + TIMING.accept);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		assert!(crate::Jobs::<Test>::get(digest).is_none());
		assert_eq!(lease().free, free);
	});
}

#[test]
fn where_the_assigned_slot_is_silent_a_replica_is_paid() {
	replicated(|| {
		let (digest, slot) = submit_replicated(0, LAMBDA_ONE, 1);
		assert_ok!(commit(slot).unwrap());
		let committed_at = System::block_number();
		roll_to(6);
		let replica = candidate(digest, &auditors()[0], 1).unwrap();
		assert_eq!(job(digest).audit, AuditState::Awaiting { committed_at, slot });
		assert_ok!(Jobs::mark_final(digest, 6));
		roll_to(1 + DRAW_BLOCKS + 1);
		assert_ok!(commit_replica(replica, &true_claim()).unwrap());
		roll_by(2);
		assert_ok!(reveal_replica(replica, true_claim()).unwrap());
		roll_by(TIMING.commit_base + TIMING.reveal_grace + 1);
		assert_ok!(Jobs::lapse(signed(stranger()), slot));
		roll_past(digest);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.provider), (replica, auditors()[0].clone()));
	});
}

#[test]
fn what_cannot_be_replicated_is_refused() {
	replicated(|| {
		let submit = |input, replicas| {
			let origin = RawOrigin::Signed(tenant()).into();
			Jobs::submit_job(origin, LeaseId(0), 1, input, parameters(), 0, 0, replicas)
		};
		let most = u8::try_from(REPLICAS_MAX).unwrap();
		assert_noop!(submit(inline_input(), most + 1), Error::<Test>::TooManyReplicas);
		assert_noop!(submit(inline_input(), 5), Error::<Test>::TooFewHolders);
		let stored = JobInput::Stored([1; 32].into());
		assert_noop!(submit(stored, 1), Error::<Test>::InputNotInline);
		assert_ok!(submit(inline_input(), 4));
		let (digest, _) = submit(inline_input(), 0)
			.map_or_else(|_| submit_replicated(2, 0, 0), |()| unreachable!("the nonce is used"));
		assert_eq!(candidate(digest, &auditors()[0], 1), error(Error::DrawClosed));
		assert_eq!(candidate(JobDigest::default(), &auditors()[0], 1), error(Error::JobUnknown));
	});
}

#[test]
fn a_job_with_replicas_is_no_trap() {
	replicated(|| {
		let (digest, slot) = submit_replicated(0, LAMBDA_ONE, 1);
		assert_ok!(commit(slot).unwrap());
		roll_to(3);
		assert_ok!(Jobs::mark_final(digest, 6));
		roll_to(1 + DRAW_BLOCKS + 1);
		assert_ok!(reveal(slot).unwrap());
		assert!(job(digest).takes_traps(Jobs::now()));
		assert_eq!(Jobs::amend(digest, WRONG, UNIT), error(Error::TrapsClosed));
	});
}

#[test]
fn a_pause_stops_the_draw_and_reveals_wait_for_its_end() {
	replicated(|| {
		let (digest, slot) = submit_replicated(0, 0, 1);
		assert_ok!(commit(slot).unwrap());
		roll_to(6);
		Jobs::set_paused(RawOrigin::Root.into(), true).unwrap();
		assert!(Jobs::replicated(digest).is_none());
		assert_eq!(candidate(digest, &auditors()[0], 1), error(Error::Paused));
		roll_to(40);
		Jobs::set_paused(RawOrigin::Root.into(), false).unwrap();
		assert!(Jobs::replicated(digest).is_some());
		let end = 1 + DRAW_BLOCKS + 34;
		roll_to(end - 1);
		assert!(reveal(slot).is_err());
		let replica = candidate(digest, &auditors()[0], 1).unwrap();
		roll_to(end);
		assert_eq!(commit_replica(replica, &true_claim()), Err(InvalidTransaction::Future.into()));
		roll_to(end + 1);
		assert_ok!(commit_replica(replica, &true_claim()).unwrap());
		roll_by(2);
		assert_ok!(reveal_replica(replica, true_claim()).unwrap());
		assert_ok!(reveal(slot).unwrap());
	});
}

#[test]
fn the_output_of_who_is_paid_can_be_demanded_whoever_has_fallen() {
	replicated(|| {
		let (digest, [slot, first, second]) = revealed([true_claim(), true_claim()]);
		let owed = || <Jobs as OwedItems<AccountId>>::owed(digest, Item::Output);
		let demand = || <Jobs as OwedItems<AccountId>>::hold(digest, Item::Output);
		assert_eq!(owed().unwrap().slot, slot);
		// In the last block of the window: there is time for the next one all the same.
		let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
		roll_to(closes);
		assert_ok!(demand());
		<Jobs as OwedItems<AccountId>>::withhold(digest, slot);
		assert_eq!(job(digest).replicas.owed_until, closes + TIMING.commit_base);
		roll_to(closes + 1);
		assert_noop!(Jobs::settle(signed(stranger()), digest), Error::<Test>::NotSettleable);
		assert_eq!(Jobs::open_dispute(second), Err(Error::<Test>::NotDisputable.into()));
		roll_by(1);
		assert_eq!(owed().unwrap().slot, first);
		assert_ok!(demand());
		<Jobs as OwedItems<AccountId>>::withhold(digest, first);
		assert_eq!(owed().unwrap().slot, second);
		assert_ok!(demand());
		<Jobs as OwedItems<AccountId>>::resume(digest);
		assert_eq!(owed(), error(Error::AlreadyDemanded));
		roll_by(TIMING.commit_base + 1);
		assert_ok!(Jobs::settle(signed(stranger()), digest));
		let Some(Event::JobSettled { receipt, .. }) = events().pop() else { panic!("no receipt") };
		assert_eq!((receipt.slot, receipt.replicas), (second, 0));
	});
}

#[test]
fn an_output_is_demanded_once_nobody_contradicts_it() {
	replicated(|| {
		let (digest, [slot, first, wrong]) = revealed([true_claim(), WRONG]);
		let owed = || <Jobs as OwedItems<AccountId>>::owed(digest, Item::Output);
		assert_eq!(owed(), error(Error::NotOwed));
		let Phase::Window { closes, .. } = job(digest).phase else { panic!("no window") };
		assert_ok!(Jobs::open_opposition([slot, wrong]));
		assert_ok!(Jobs::open_opposition([first, wrong]));
		// The games outlive the window, and one of them the other.
		roll_to(closes + 30);
		<Jobs as Claims<AccountId, Balance>>::convict(wrong, 0);
		for (id, other) in [(slot, wrong), (first, wrong)] {
			for id in [id, other] {
				<Jobs as Claims<AccountId, Balance>>::close_dispute(id);
			}
			if id == slot {
				assert!(owed().is_err(), "one game goes on");
				roll_by(TIMING.commit_base + 30);
			}
		}
		assert_noop!(Jobs::settle(signed(stranger()), digest), Error::<Test>::NotSettleable);
		assert_eq!(owed().unwrap().slot, slot);
	});
}
