//! What must hold after every block and every call, one function for each numbered invariant.

use crate::{
	types::{AuditState, SlotState},
	*,
};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::{apis::SlotRole, AccountId, Balance, LapseReason, Leases, SlotId, Stake};
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// All invariants; see the crate documentation.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_slots_belong()?;
		Self::check_duties()?;
		Self::check_pledges()?;
		Self::check_phases()?;
		Self::check_amounts()?;
		Self::check_ids()?;
		Self::check_receipts()?;
		Self::check_disputes()?;
		Self::check_audits()?;
		Self::check_awaiting()?;
		Self::check_holds()?;
		Self::check_jackpots()?;
		Self::check_replicas()
	}

	/// INV-1: every job's slots exist and name it; every slot belongs to exactly one job.
	fn check_slots_belong() -> Result<(), TryRuntimeError> {
		let mut listed = BTreeSet::<SlotId>::new();
		for (digest, job) in Jobs::<T>::iter() {
			ensure!(!job.slots.is_empty(), "INV-1: a job has no slot");
			for slot_id in &job.slots {
				let slot = Slots::<T>::get(slot_id).ok_or("INV-1: a job names a missing slot")?;
				ensure!(slot.job == digest, "INV-1: a slot names another job");
				ensure!(listed.insert(*slot_id), "INV-1: a slot is listed twice");
			}
		}
		ensure!(Slots::<T>::iter().count() == listed.len(), "INV-1: a slot belongs to no job");
		for digest in InlineInputs::<T>::iter_keys() {
			ensure!(Jobs::<T>::contains_key(digest), "INV-1: an input belongs to no job");
		}
		Ok(())
	}

	/// INV-2: the duties of a provider are exactly its slots, and those that do a job are counted.
	fn check_duties() -> Result<(), TryRuntimeError> {
		let mut open = BTreeMap::<AccountId, u32>::new();
		for (slot_id, slot) in Slots::<T>::iter() {
			ensure!(
				Duties::<T>::contains_key(&slot.party, slot_id),
				"INV-2: a slot is missing among its party's duties"
			);
			if slot.role.does_job() {
				let count = open.entry(slot.party).or_default();
				*count = count.saturating_add(1);
			}
		}
		ensure!(
			Duties::<T>::iter().count() == Slots::<T>::iter().count(),
			"INV-2: a duty has no slot"
		);
		for (worker, slot_id, ()) in WorkerDuties::<T>::iter() {
			let bound = Slots::<T>::get(slot_id).and_then(|slot| slot.worker);
			ensure!(bound == Some(worker), "INV-2: a slot is not bound to its worker key");
		}
		let bound = Slots::<T>::iter_values().filter(|slot| slot.worker.is_some()).count();
		ensure!(WorkerDuties::<T>::iter().count() == bound, "INV-2: a bound slot is not listed");
		let counted: BTreeMap<AccountId, u32> = OpenSlots::<T>::iter().collect();
		ensure!(counted == open, "INV-2: open slots are miscounted");
		Ok(())
	}

	/// INV-3: what a slot has pledged is what its stake holds for it, and no other slot holds any.
	fn check_pledges() -> Result<(), TryRuntimeError> {
		for (slot_id, slot) in Slots::<T>::iter() {
			let held = Self::pledged(slot_id, &slot);
			if slot.state.is_pledged() {
				// A late reveal has cost a part of it.
				ensure!(held > 0 && held <= slot.pledge, "INV-3: a pledge is not held");
				ensure!(slot.worker.is_some(), "INV-3: a pledged slot has no worker key");
			} else if !matches!(slot.state, SlotState::Guilty { .. }) {
				ensure!(held == 0, "INV-3: a slot without pledge holds some");
			}
		}
		Self::check_stake::<T::Stake>(true)?;
		Self::check_stake::<T::AuditStake>(false)
	}

	/// What a stake holds for slots is what those that do a job, or those that do not, have pledged.
	fn check_stake<S: Stake<AccountId, Balance>>(does_job: bool) -> Result<(), TryRuntimeError> {
		let mut sums = BTreeMap::<AccountId, Balance>::new();
		for (slot_id, slot) in
			Slots::<T>::iter().filter(|(_, slot)| slot.role.does_job() == does_job)
		{
			let held = Self::pledged(slot_id, &slot);
			let sum = sums.entry(slot.party).or_default();
			*sum = sum.saturating_add(held);
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let pledged = S::bonded(&who).saturating_sub(S::free(&who));
			ensure!(
				pledged == sums.remove(&who).unwrap_or_default(),
				"INV-3: bond is pledged to a slot that is gone"
			);
		}
		ensure!(sums.values().all(|sum| *sum == 0), "INV-3: a pledge without an account");
		Ok(())
	}

	/// INV-4: a job's phase follows from the states of its slots.
	fn check_phases() -> Result<(), TryRuntimeError> {
		for (_, job) in Jobs::<T>::iter() {
			let states = || job.slots.iter().filter_map(Slots::<T>::get).map(|slot| slot.state);
			let awaiting = states().any(|state| state.awaits_commitment());
			let claiming = awaiting || matches!(job.audit, AuditState::Awaiting { .. });
			let revealing = states().any(|state| state.awaits_reveal());
			let expected = match job.phase {
				Phase::Claiming => claiming,
				Phase::Revealing { .. } => !claiming && revealing,
				Phase::Window { .. } => !claiming && !revealing,
			};
			ensure!(expected, "INV-4: a job is in another phase than its slots");
			let disputed =
				job.slots.iter().filter_map(Slots::<T>::get).any(|slot| slot.disputes > 0);
			ensure!(
				disputed || !states().all(|state| state.is_closed()),
				"INV-4: a job outlived its last slot"
			);
		}
		Ok(())
	}

	/// INV-5: price, fee and pledge of a job follow from its units, its audit rate and its value at
	/// risk; its lease holds price and fee for it.
	fn check_amounts() -> Result<(), TryRuntimeError> {
		for (digest, job) in Jobs::<T>::iter() {
			ensure!(
				T::Leases::reserved(job.lease, digest) == job.reserved(),
				"INV-5: a lease does not hold the price of its job"
			);
			ensure!(
				types::audit_fee(job.lambda_ppb, job.price_max) == job.fee_max,
				"INV-5: a fee is not price times rate"
			);
			let price = job.price_per_unit.checked_mul(Balance::from(job.units_max));
			ensure!(price == Some(job.price_max), "INV-5: a price is not units times rate");
			ensure!(job.value_at_risk >= job.price_max, "INV-5: the value at risk is too low");
			ensure!(
				Self::pledge_of(job.value_at_risk, job.price_max, job.lambda_ppb)
					== Some(job.pledge),
				"INV-5: a pledge does not cover its job"
			);
			ensure!(
				TenantNonces::<T>::get(&job.tenant).is_some_and(|last| job.nonce <= last),
				"INV-5: a job's nonce is above its tenant's last one"
			);
		}
		Ok(())
	}

	/// INV-6: slot ids in use lie below the next id.
	fn check_ids() -> Result<(), TryRuntimeError> {
		let next = NextSlot::<T>::get();
		ensure!(Slots::<T>::iter_keys().all(|id| id < next), "INV-6: a slot id lies ahead");
		Ok(())
	}

	/// INV-7: receipts wait for the end of a block only, and never more than it can carry.
	fn check_receipts() -> Result<(), TryRuntimeError> {
		let waiting = BlockReceipts::<T>::decode_len().unwrap_or(0);
		ensure!(waiting <= types::RECEIPTS_MAX as usize, "INV-7: too many receipts");
		Ok(())
	}

	/// INV-8: a dispute is about a revealed claim only; a convicted slot has a pledge only while
	/// others dispute its claim.
	fn check_disputes() -> Result<(), TryRuntimeError> {
		for (id, slot) in Slots::<T>::iter() {
			let is_claim = slot.state.claim().is_some();
			ensure!(slot.disputes == 0 || is_claim, "INV-8: a dispute about no claim");
			let guilty = matches!(slot.state, SlotState::Guilty { .. });
			ensure!(
				!guilty || slot.disputes > 0 || Self::pledged(id, &slot) == 0,
				"INV-8: a convicted slot has a pledge"
			);
		}
		Ok(())
	}

	/// INV-9: only a job with an audit rate has an audit; that names a slot which has committed, as
	/// soon as one has; audit slots exist from the mark on, none of a party of another slot.
	fn check_audits() -> Result<(), TryRuntimeError> {
		for job in Jobs::<T>::iter_values() {
			let slots = Self::slots_of(&job);
			let is_audited = job.audit != AuditState::Unaudited;
			ensure!(is_audited == (job.lambda_ppb > 0), "INV-9: an audit without a rate");
			let named = match job.audit {
				AuditState::Unaudited | AuditState::Uncommitted => None,
				AuditState::Awaiting { slot, .. } | AuditState::Marked { slot, .. } => Some(slot),
			};
			let first = slots.iter().find(|(_, slot)| has_committed(&slot.state));
			ensure!(
				!is_audited || named.is_some() == first.is_some(),
				"INV-9: a commitment is not what is audited"
			);
			ensure!(
				named.is_none_or(|id| slots.iter().any(|(other, slot)| *other == id
					&& slot.role == SlotRole::Assigned
					&& has_committed(&slot.state))),
				"INV-9: what is audited has not committed"
			);
			let is_marked = matches!(job.audit, AuditState::Marked { .. });
			for (id, slot) in &slots {
				match slot.role {
					SlotRole::Assigned | SlotRole::Replica => {
						ensure!(slot.pledge == job.pledge, "INV-9: who does a job pledges less");
					},
					SlotRole::Audit => {
						ensure!(is_marked, "INV-9: an audit slot before the mark");
						let party = &slot.party;
						ensure!(
							slots.iter().all(|(other, slot)| other == id || slot.party != *party),
							"INV-9: a party audits itself"
						);
					},
				}
			}
		}
		Ok(())
	}

	/// INV-10: every job that awaits its mark, notices or candidates is listed; what is listed has
	/// awaited them.
	fn check_awaiting() -> Result<(), TryRuntimeError> {
		for (digest, job) in Jobs::<T>::iter() {
			let is_listed = AwaitingAudit::<T>::contains_key(digest);
			let has_audit = !matches!(job.audit, AuditState::Unaudited | AuditState::Uncommitted);
			let may = has_audit || job.replicas.wanted > 0;
			let must = Self::is_awaiting(&job);
			ensure!(is_listed || !must, "INV-10: a job awaits others and is not listed");
			ensure!(may || !is_listed, "INV-10: a job is listed that awaits nobody");
		}
		ensure!(
			AwaitingAudit::<T>::iter_keys().all(Jobs::<T>::contains_key),
			"INV-10: a job is listed that is gone"
		);
		Ok(())
	}
}

impl<T: Config> Pallet<T> {
	/// INV-11: a job is held only for an item that was demanded, by a slot that has committed and
	/// stands, while nobody disputes about it; and no clock time of a hold lies ahead.
	fn check_holds() -> Result<(), TryRuntimeError> {
		for job in Jobs::<T>::iter_values() {
			let Some(since) = job.hold.since() else { continue };
			ensure!(since <= Self::now(), "INV-11: a hold begins in the future");
			ensure!(job.hold.was_demanded(), "INV-11: a job is held for nothing");
			let slots = Self::slots_of(&job);
			ensure!(
				slots.iter().any(|(_, slot)| slot.role.does_job()
					&& has_committed(&slot.state)
					&& !slot.state.is_closed()),
				"INV-11: nobody owes what a job is held for"
			);
			ensure!(
				slots.iter().all(|(_, slot)| slot.disputes == 0),
				"INV-11: a job is held and disputed"
			);
		}
		Ok(())
	}

	/// INV-13: what a job has drawn are its replica slots, no more than it wants, none before its
	/// assigned slot has committed; none of them commits while candidates are taken, and no two slots
	/// that do it have one party.
	fn check_replicas() -> Result<(), TryRuntimeError> {
		for job in Jobs::<T>::iter_values() {
			let slots = Self::slots_of(&job);
			let replicas: BTreeSet<_> = slots
				.iter()
				.filter(|(_, slot)| slot.role == SlotRole::Replica)
				.map(|(id, _)| *id)
				.collect();
			let drawn: BTreeSet<_> = job.replicas.drawn.iter().map(|(id, _)| *id).collect();
			ensure!(drawn == replicas, "INV-13: what was drawn is not what is there");
			ensure!(drawn.len() == job.replicas.drawn.len(), "INV-13: a slot is drawn twice");
			ensure!(
				drawn.len() <= usize::from(job.replicas.wanted),
				"INV-13: more replicas than were asked for"
			);
			let is_drawing = job.replicas.is_drawing(Self::now_of(&job));
			let has_begun = job.replicas.committed_at.is_some();
			ensure!(has_begun || replicas.is_empty(), "INV-13: drawn before the commitment");
			ensure!(has_begun == (job.replicas.until > 0), "INV-13: a draw without an end");
			for (_, slot) in slots.iter().filter(|(_, slot)| slot.role == SlotRole::Replica) {
				ensure!(
					!is_drawing || slot.state.awaits_commitment(),
					"INV-13: a replica has gone ahead of the draw"
				);
			}
			let parties: BTreeSet<_> = slots
				.iter()
				.filter(|(_, slot)| slot.role.does_job())
				.map(|(_, slot)| &slot.party)
				.collect();
			let doing = slots.iter().filter(|(_, slot)| slot.role.does_job()).count();
			ensure!(parties.len() == doing, "INV-13: a party does a job twice");
		}
		Ok(())
	}

	/// INV-12: only of a job with an audit rate, in its window, whose audited slot has revealed is a
	/// jackpot recorded.
	fn check_jackpots() -> Result<(), TryRuntimeError> {
		for digest in Jackpots::<T>::iter_keys() {
			let job = Jobs::<T>::get(digest).ok_or("INV-12: a jackpot outlived its job")?;
			ensure!(
				matches!(job.phase, Phase::Window { .. }),
				"INV-12: a jackpot before the window"
			);
			let AuditState::Marked { slot, .. } = job.audit else {
				return Err("INV-12: a jackpot without an audit".into());
			};
			let claim = Slots::<T>::get(slot).and_then(|slot| slot.state.claim());
			ensure!(claim.is_some(), "INV-12: a jackpot without a claim");
		}
		Ok(())
	}
}

/// Whether a slot has committed at some time.
fn has_committed(state: &SlotState) -> bool {
	match state {
		SlotState::Assigned { .. } => false,
		SlotState::Committed { .. } | SlotState::Revealed { .. } | SlotState::Guilty { .. } => true,
		SlotState::Lapsed { reason } => {
			matches!(reason, LapseReason::NotRevealed | LapseReason::Withheld)
		},
	}
}
