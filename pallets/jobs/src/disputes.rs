//! What disputes ask of jobs, and do to them.

use crate::{
	types::{opposed, rivals, SlotState},
	*,
};
use alloc::{collections::BTreeSet, vec::Vec};
use assay_primitives::{
	AccountId, Balance, ClaimInfo, Claims, Item, JobDigest, Models, Outline, SlashReason, SlotId,
	WorkerKey,
};
use codec::Encode;
use frame_support::{defensive, ensure, traits::DefensiveSaturating};
use sp_runtime::{DispatchError, DispatchResult};

impl<T: Config> Claims<AccountId, Balance> for Pallet<T> {
	fn now() -> u32 {
		Self::now()
	}

	fn block_of(time: u32) -> u32 {
		JobClock::<T>::get().block_of(time)
	}

	fn is_paused() -> bool {
		JobClock::<T>::get().paused_since.is_some()
	}

	fn span(units: u64) -> u32 {
		Self::timing().span(0, units)
	}

	fn claim(slot_id: SlotId) -> Option<ClaimInfo<AccountId, Balance>> {
		let slot = Slots::<T>::get(slot_id)?;
		let job = Jobs::<T>::get(slot.job)?;
		let model = T::Models::model(job.model)?;
		// Submission has refused what would have none.
		let outline = Outline::of(&model.leaves, &model.cost, &job.parameters).ok()?;
		Some(ClaimInfo {
			claim: slot.state.claim()?,
			pledge: Self::pledged(slot_id, &slot),
			worker: slot.worker?,
			request: job.request(&Self::genesis()),
			outline,
			units: job.units_max,
			price: job.price_max,
			party: slot.party,
		})
	}

	fn disputable(count: usize) -> Vec<SlotId> {
		Self::some_jobs(count)
			.filter(|job| {
				let now = Self::now_of(job);
				let is_open = matches!(job.phase, Phase::Window { closes, .. } if now <= closes);
				is_open && !job.takes_traps(now)
			})
			.flat_map(|job| job.slots)
			.filter(|id| {
				Slots::<T>::get(id)
					.is_some_and(|slot| matches!(slot.state, SlotState::Revealed { .. }))
			})
			.collect::<BTreeSet<_>>()
			.into_iter()
			.collect()
	}

	fn stored_jobs(worker: &WorkerKey) -> Vec<JobDigest> {
		WorkerDuties::<T>::iter_key_prefix(worker)
			.filter_map(Slots::<T>::get)
			.map(|slot| slot.job)
			.filter(|job| !InlineInputs::<T>::contains_key(job))
			.collect()
	}

	fn inline_input(slot_id: &SlotId) -> Option<Vec<u8>> {
		let slot = Slots::<T>::get(slot_id)?;
		InlineInputs::<T>::get(slot.job).map(Into::into)
	}

	fn ensure_disputable(slot_id: SlotId) -> DispatchResult {
		Self::disputable_slot(slot_id)?;
		Ok(())
	}

	fn open_dispute(slot_id: SlotId) -> Result<SlotId, DispatchError> {
		let slot = Self::disputable_slot(slot_id)?;
		Self::count_dispute(slot_id, slot)?;
		Ok(Self::take_id()?)
	}

	fn ensure_opposable(slots: [SlotId; 2]) -> DispatchResult {
		Self::opposed_slots(slots)?;
		Ok(())
	}

	fn open_opposition(slots: [SlotId; 2]) -> Result<SlotId, DispatchError> {
		let [slot, other] = Self::opposed_slots(slots)?;
		let [slot_id, other_id] = slots;
		Self::count_dispute(slot_id, slot)?;
		Self::count_dispute(other_id, other)?;
		Ok(Self::take_id()?)
	}

	fn opposed(worker: &WorkerKey) -> Vec<[SlotId; 2]> {
		let rivals = |own: SlotId| {
			let slot = Slots::<T>::get(own);
			let job = slot.and_then(|slot| Jobs::<T>::get(slot.job));
			let slots = job.map(|job| job.slots).unwrap_or_default();
			slots.into_iter().map(move |id| [own.min(id), own.max(id)])
		};
		WorkerDuties::<T>::iter_key_prefix(worker)
			.flat_map(rivals)
			.filter(|slots| Self::opposed_slots(*slots).is_ok())
			.collect::<BTreeSet<_>>()
			.into_iter()
			.collect()
	}

	fn rivals(count: usize) -> Vec<[SlotId; 2]> {
		let pairs: BTreeSet<_> = Self::some_jobs(count)
			.filter(|job| matches!(job.phase, Phase::Window { .. }) && job.slots.len() > 1)
			.flat_map(|job| rivals(&Self::slots_of(&job)))
			.collect();
		pairs.into_iter().collect()
	}

	fn convict(slot_id: SlotId, kept: Balance) -> Balance {
		let Some(mut slot) = Slots::<T>::get(slot_id) else {
			defensive!("a dispute outlived its slot");
			return 0;
		};
		let SlotState::Revealed { claim, .. } = slot.state else { return 0 };
		let pledged = Self::pledged(slot_id, &slot);
		let amount = pledged.saturating_sub(kept);
		Self::slash_slot(slot_id, &slot, amount, None, SlashReason::Guilty);
		slot.state = SlotState::Guilty { claim };
		let (job, party) = (slot.job, slot.party.clone());
		Self::note_guilty(&party);
		let does_job = slot.role.does_job();
		Slots::<T>::insert(slot_id, slot);
		if does_job {
			// What was delivered, if it was, is not what is paid for.
			Jobs::<T>::mutate_extant(job, |job| job.hold = job.hold.forget_output());
		}
		Self::deposit_event(Event::SlotConvicted { slot: slot_id, job, party, slashed: pledged });
		pledged
	}

	fn reward(slot_id: SlotId, winner: &AccountId, amount: Balance) -> Balance {
		let Some(slot) = Slots::<T>::get(slot_id) else {
			defensive!("a dispute outlived its slot");
			return 0;
		};
		let SlotState::Guilty { .. } = slot.state else { return 0 };
		let compensation = Some((winner, amount));
		Self::slash_slot(slot_id, &slot, amount, compensation, SlashReason::Guilty)
	}

	fn close_dispute(slot_id: SlotId) {
		let Some(mut slot) = Slots::<T>::get(slot_id) else {
			defensive!("a dispute outlived its slot");
			return;
		};
		slot.disputes = slot.disputes.defensive_saturating_sub(1);
		let is_over = slot.disputes == 0;
		let is_guilty = matches!(slot.state, SlotState::Guilty { .. });
		Slots::<T>::insert(slot_id, &slot);
		if is_over && is_guilty {
			let left = Self::pledged(slot_id, &slot);
			Self::slash_slot(slot_id, &slot, left, None, SlashReason::Guilty);
		}
		Self::owe_after_games(slot.job);
		Self::refute_if_fallen(slot.job);
	}
}

impl<T: Config> Pallet<T> {
	/// At most so many open jobs, some of them twice. Where there are more, each block begins
	/// elsewhere: no digest is found to sort last for ever.
	fn some_jobs(count: usize) -> impl Iterator<Item = Job<AccountId>> {
		let start = sp_io::hashing::blake2_256(&Self::block().encode()).into();
		let first = Jobs::<T>::hashed_key_for(JobDigest(start));
		Jobs::<T>::iter_from(first).chain(Jobs::<T>::iter()).take(count).map(|(_, job)| job)
	}

	/// A slot whose claim can be disputed now.
	fn disputable_slot(slot_id: SlotId) -> Result<Slot<AccountId>, Error<T>> {
		let slot = Slots::<T>::get(slot_id).ok_or(Error::<T>::SlotUnknown)?;
		let job = Jobs::<T>::get(slot.job).ok_or(Error::<T>::JobUnknown)?;
		let Phase::Window { closes, .. } = job.phase else {
			return Err(Error::<T>::NotDisputable);
		};
		ensure!(!job.hold.is_open(), Error::<T>::Held);
		let now = Self::now_of(&job);
		ensure!(now <= closes, Error::<T>::NotDisputable);
		ensure!(!job.takes_traps(now), Error::<T>::TrapsComeFirst);
		ensure!(matches!(slot.state, SlotState::Revealed { .. }), Error::<T>::NotDisputable);
		Ok(slot)
	}

	/// Two slots whose claims stand and say different things about one job, all of whose claims are
	/// open. The window may be over: such a job does not settle before one of them has fallen.
	fn opposed_slots(slots: [SlotId; 2]) -> Result<[Slot<AccountId>; 2], Error<T>> {
		let [slot, other] = slots.map(Slots::<T>::get);
		let (slot, other) = slot.zip(other).ok_or(Error::<T>::SlotUnknown)?;
		let job = Jobs::<T>::get(slot.job).ok_or(Error::<T>::JobUnknown)?;
		ensure!(!job.hold.is_open(), Error::<T>::Held);
		let is_one_job = slot.job == other.job && matches!(job.phase, Phase::Window { .. });
		let differ = match (slot.state, other.state) {
			(SlotState::Revealed { claim, .. }, SlotState::Revealed { claim: other, .. }) => {
				claim.output() != other.output()
			},
			_ => false,
		};
		ensure!(is_one_job && differ, Error::<T>::NotDisputable);
		ensure!(!job.takes_traps(Self::now_of(&job)), Error::<T>::TrapsComeFirst);
		Ok([slot, other])
	}

	fn count_dispute(slot_id: SlotId, mut slot: Slot<AccountId>) -> Result<(), Error<T>> {
		slot.disputes = slot.disputes.checked_add(1).ok_or(Error::<T>::NotDisputable)?;
		Slots::<T>::insert(slot_id, slot);
		Ok(())
	}

	/// An id that nothing else will have.
	fn take_id() -> Result<SlotId, Error<T>> {
		let id = NextSlot::<T>::get();
		NextSlot::<T>::put(id.next().ok_or(Error::<T>::SlotIdsSpent)?);
		Ok(id)
	}

	/// Once nobody disputes about a job with replicas any more: give the tenant time to demand the
	/// output that is paid for, which it could not meanwhile.
	fn owe_after_games(digest: JobDigest) {
		let Some(job) = Jobs::<T>::get(digest).filter(|job| job.replicas.wanted > 0) else {
			return;
		};
		let slots = Self::slots_of(&job);
		let is_over = slots.iter().all(|(_, slot)| slot.disputes == 0) && opposed(&slots).is_none();
		if is_over && !Self::paid_slots(&job, &slots).is_empty() && !job.hold.has(Item::Output) {
			let until = Self::now_of(&job).saturating_add(Self::timing().commit_base);
			Jobs::<T>::insert(digest, job.owing_anew(until));
		}
	}

	/// End a job that has no claim left, once nobody disputes any more.
	fn refute_if_fallen(digest: JobDigest) {
		let Some(job) = Jobs::<T>::get(digest) else { return };
		let mut slots = job.slots.iter().filter_map(Slots::<T>::get);
		if slots.all(|slot| slot.state.is_closed() && slot.disputes == 0) {
			let refund = Self::refund(digest, &job);
			Self::deposit_event(Event::JobRefuted { job: digest, refund });
		}
	}
}
