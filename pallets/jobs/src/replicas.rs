//! Replicas: more providers that do a job, drawn after it was submitted, never chosen.
//!
//! ```text
//!  submit_job          commit                  until              all have committed
//! -----------> Claiming ------> |-- candidates --|-- replicas compute, and commit --> Revealing
//!                assigned slot
//! ```
//!
//! A tenant that asks for replicas holds the price of as many more runs, and pays those that stand
//! for the same claim as the slot that is paid. The draw begins with the commitment of the assigned
//! slot: like an audit it must not be known to who could still choose what to claim. Who holds the
//! model's weights and has a standing offer for it under which it would do such a job itself, may
//! be a candidate: its *ticket* follows from what authors of the blocks after the commitment draw,
//! and from its audit stake. The lowest tickets win: a candidate takes a slot at once, and makes
//! room where a lower ticket comes. No replica commits before all candidates had their time, so
//! none has worked for nothing. From then on its slot is like the assigned one: what it says is
//! hidden until all have committed, and two claims that differ are a game.
//!
//! Input travels with the job, and its output can be demanded: neither who was drawn nor the tenant
//! must depend on a provider that keeps something back. Where fewer candidates come than were asked
//! for, or none, the job has fewer replicas, and its receipt says how many were paid.
//!
//! What replicas are worth: with the share `s` of the counted stake in one hand, split among
//! accounts, all `k` of them are that hand's with a chance of about `s^k`. An account is drawn
//! once at most, so a large stake in one account is drawn less often than its share of the
//! places. Who has too much to do already is no candidate, so whoever keeps all others busy is
//! drawn more often. A job with replicas is no trap, auditors can see that, and who was drawn to
//! do a job is not drawn to audit it.
//!
//! A timeline on a development chain (commit base 20, 14 blocks for the draw) for a job whose units
//! take a block: submitted in block 100, the assigned slot commits in block 102; the authors of
//! blocks 103 to 106 decide, and candidates are taken until block 116. Without a candidate reveals
//! follow that block. A replica commits from block 117 on, until block 137; it does so in 118, and
//! reveals follow that block. The test `the_timeline_of_the_replica_docs_is_true` walks it.

use crate::{
	types::{SlotState, REPLICAS_MAX, SLOTS_MAX},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, AccountId, Audits, Balance, JobDigest, JobTerms, Leases, ModelId, Providers,
	ReplicatedJob, SlotId, WorkerKey, DEMAND_BYTES_MAX,
};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	ensure,
	traits::{ConstU32, Get},
	BoundedVec,
};
use scale_info::TypeInfo;
use sp_runtime::DispatchError;

/// Who does a job beside its assigned slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Replicas {
	/// How many the tenant pays for.
	pub wanted: u8,
	/// The block of the assigned slot's commitment. What is drawn in the blocks after it decides.
	pub committed_at: Option<u32>,
	/// Last clock time for a candidate; zero before that commitment, and where none is wanted.
	pub until: u32,
	/// Clock time until which the output can be demanded of who is paid in place of another, or once
	/// a game has ended, though the window may be over; zero where that has not happened.
	pub owed_until: u32,
	/// The slots that were taken, in the order they were, each with its ticket.
	pub drawn: BoundedVec<(SlotId, u128), ConstU32<REPLICAS_MAX>>,
}

impl Replicas {
	/// So many, to be drawn later.
	fn of(wanted: u8) -> Self {
		Self { wanted, ..Self::default() }
	}

	/// The draw after the assigned slot has committed in a block.
	pub(crate) fn begin(self, block: u32, until: u32) -> Self {
		match self.committed_at {
			None if self.wanted > 0 => Self { committed_at: Some(block), until, ..self },
			_ => self,
		}
	}

	/// Whether candidates are taken at a clock time.
	pub fn is_drawing(&self, now: u32) -> bool {
		self.committed_at.is_some() && now <= self.until
	}

	/// Where a ticket finds a slot: in place of which one, if not beside all. None where all are
	/// taken by lower tickets, or by the same.
	fn place(&self, ticket: u128) -> Option<Option<SlotId>> {
		if self.drawn.len() < usize::from(self.wanted) {
			return Some(None);
		}
		// Of equal tickets the one that came last makes room.
		let (worst, highest) = self.drawn.iter().max_by_key(|(id, ticket)| (*ticket, *id))?;
		(ticket < *highest).then_some(Some(*worst))
	}

	/// The draw after a candidate has taken a slot, in place of another or beside all.
	fn taken(mut self, slot: SlotId, ticket: u128, instead: Option<SlotId>) -> Option<Self> {
		self.drawn.retain(|(id, _)| Some(*id) != instead);
		self.drawn.try_push((slot, ticket)).ok()?;
		Some(self)
	}
}

/// A candidate that can take a slot: the job, and whose slot it takes, if not one beside all.
type Candidacy = (Job<AccountId>, Option<SlotId>);

impl<T: Config> Pallet<T> {
	/// The replicas of a job that is submitted now under a lease of `provider`.
	pub(crate) fn submit_job_replicas(
		wanted: u8,
		model: ModelId,
		provider: &AccountId,
		is_inline: bool,
		output_bytes: u64,
	) -> Result<Replicas, Error<T>> {
		if wanted > 0 {
			ensure!(u32::from(wanted) <= REPLICAS_MAX, Error::<T>::TooManyReplicas);
			ensure!(is_inline, Error::<T>::InputNotInline);
			// A tenant has no lease with a replica: what it cannot demand it may never get.
			ensure!(output_bytes <= DEMAND_BYTES_MAX.into(), Error::<T>::TooLargeToReplicate);
			let holders = T::Audits::holders(model, provider);
			ensure!(holders >= u32::from(wanted), Error::<T>::TooFewHolders);
		}
		Ok(Replicas::of(wanted))
	}

	/// A job that takes candidates now.
	pub(crate) fn replicated_job(digest: JobDigest) -> Option<ReplicatedJob> {
		Self::ensure_running().ok()?;
		let job = Jobs::<T>::get(digest)?;
		let committed_at = job.replicas.committed_at?;
		job.replicas.is_drawing(Self::now_of(&job)).then(|| ReplicatedJob {
			model: job.model,
			committed_at,
			period: Self::period_of(committed_at),
		})
	}

	/// Whether a provider can keep its word if it does these jobs beside all that it has to
	/// commit to, at the lowest rate and in whatever order: all but the smallest take no longer
	/// than the time that each job has on top of its own units. For workers: silence costs a
	/// replica its pledge.
	pub(crate) fn has_room_for(digests: &[JobDigest], provider: &AccountId) -> bool {
		let awaiting = |slot: &Slot<AccountId>| {
			slot.state.awaits_commitment()
				&& slot.state.is_pledged()
				&& !digests.contains(&slot.job)
		};
		let duties = Self::duties_of(provider).into_iter().filter_map(Slots::<T>::get);
		let units: Vec<u64> = duties
			.filter(awaiting)
			.map(|slot| slot.job)
			.chain(digests.iter().copied())
			.filter_map(Jobs::<T>::get)
			.map(|job| job.units_max)
			.collect();
		let total = units.iter().fold(0u64, |sum, units| sum.saturating_add(*units));
		let least = units.into_iter().min().unwrap_or_default();
		let timing = Self::timing();
		timing.span(0, total.saturating_sub(least)) <= timing.commit_base
	}

	/// The job, where this candidate takes a slot of it now, and whose.
	fn check_open_replica(
		digest: JobDigest,
		provider: &AccountId,
		ticket: u128,
	) -> Result<Candidacy, Error<T>> {
		Self::ensure_running()?;
		let job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		ensure!(job.replicas.is_drawing(Self::now_of(&job)), Error::<T>::DrawClosed);
		let instead = job.replicas.place(ticket).ok_or(Error::<T>::NotDrawn)?;
		let mut parties = job.slots.iter().filter_map(Slots::<T>::get).map(|slot| slot.party);
		ensure!(parties.all(|party| party != *provider), Error::<T>::AlreadyAParty);
		let has_room = instead.is_some() || job.slots.len() < SLOTS_MAX as usize;
		ensure!(has_room, Error::<T>::TooManySlots);
		ensure!(T::Providers::may_take_work(provider), Error::<T>::ProviderUnavailable);
		let open = OpenSlots::<T>::get(provider);
		ensure!(open < T::MaxOpenSlots::get(), Error::<T>::TooManyOpenSlots);
		let terms = JobTerms {
			earned_per_unit: job.price_per_unit.saturating_sub(job.royalty_per_unit),
			price_max: job.price_max,
			value_at_risk: job.value_at_risk,
		};
		ensure!(T::Leases::would_offer(provider, job.model, &terms), Error::<T>::NoSuchOffer);
		Ok((job, instead))
	}

	/// A candidate takes a slot of a job; see [`assay_primitives::AuditedJobs::open_replica`].
	pub(crate) fn do_open_replica(
		digest: JobDigest,
		provider: AccountId,
		worker: WorkerKey,
		ticket: u128,
	) -> Result<SlotId, DispatchError> {
		let (mut job, instead) = Self::check_open_replica(digest, &provider, ticket)?;
		let slot_id = NextSlot::<T>::get();
		let timing = Self::timing();
		let due = job.replicas.until.saturating_add(timing.span(timing.commit_base, job.units_max));
		let slot = Slot {
			job: digest,
			party: provider.clone(),
			worker: Some(worker.clone()),
			role: SlotRole::Replica,
			pledge: job.pledge,
			state: SlotState::Assigned { accepted: true, due },
			disputes: 0,
		};
		ensure!(Self::free_stake(&slot) >= slot.pledge, Error::<T>::BondTooLow);
		job.replicas =
			job.replicas.taken(slot_id, ticket, instead).ok_or(Error::<T>::TooManyReplicas)?;

		if let Some(other) = instead {
			job.slots.retain(|id| *id != other);
			Self::remove_slot(other);
		}
		let pledge = slot.pledge;
		let slot_id = Self::open_pledged(&mut job, &worker, slot)?;
		let commit_by = Self::clock_of(&job).block_of(due);
		Jobs::<T>::insert(digest, job);
		Self::deposit_event(Event::ReplicaDrawn {
			slot: slot_id,
			job: digest,
			provider,
			worker,
			pledge,
			instead,
			commit_by,
		});
		Ok(slot_id)
	}

	/// Whether another slot that does a job stands for its claim.
	pub(crate) fn has_heir(job: &Job<AccountId>, fallen: SlotId) -> bool {
		Self::paid_slots(job, &Self::slots_of(job)).iter().any(|(id, _)| *id != fallen)
	}

	/// The slots of a job that are paid its price: all that do it and stand, as many as was reserved
	/// for, of which the first is what its receipt is about. No two of them contradict each other when
	/// the job is settled.
	pub(crate) fn paid_slots<'a>(
		job: &Job<AccountId>,
		slots: &'a [(SlotId, Slot<AccountId>)],
	) -> Vec<&'a (SlotId, Slot<AccountId>)> {
		let stands = |slot: &Slot<AccountId>| {
			slot.role.does_job() && matches!(slot.state, SlotState::Revealed { .. })
		};
		let most = usize::from(job.replicas.wanted).saturating_add(1);
		slots.iter().filter(|(_, slot)| stands(slot)).take(most).collect()
	}
}

impl<AccountId> Job<AccountId> {
	/// How many runs of the job its tenant has to pay at most.
	pub fn runs(&self) -> Balance {
		Balance::from(self.replicas.wanted).saturating_add(1)
	}

	/// The job after another output than before may be paid for: what was demanded counts no more, and
	/// until a clock time this one can be demanded.
	pub(crate) fn owing_anew(mut self, until: u32) -> Self {
		self.hold = self.hold.forget_output();
		self.replicas.owed_until = self.replicas.owed_until.max(until);
		self
	}

	/// Last clock time before the job can settle: of its window, or until which the output can be
	/// demanded that is paid for.
	pub(crate) fn owes_until(&self, closes: u32) -> u32 {
		closes.max(self.replicas.owed_until)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_lowest_tickets_win() {
		let mut draw = Replicas::of(2).begin(1, 9);
		let mut place = |id, ticket| match draw.place(ticket) {
			Some(instead) => {
				draw = draw.clone().taken(SlotId(id), ticket, instead).unwrap();
				Some(instead.map(|slot| slot.0))
			},
			None => None,
		};
		assert_eq!(place(1, 50), Some(None));
		assert_eq!(place(2, 70), Some(None));
		assert_eq!(place(3, 70), None, "no lower than the highest");
		assert_eq!(place(4, 60), Some(Some(2)));
		assert_eq!(place(5, 90), None);
		assert_eq!(place(6, 0), Some(Some(4)));
		assert_eq!(place(7, 0), Some(Some(1)));
		assert_eq!(place(8, 0), None);
		assert_eq!(draw.drawn.to_vec(), vec![(SlotId(6), 0), (SlotId(7), 0)]);
	}

	#[test]
	fn whoever_comes_when_the_lowest_remain() {
		// Whatever the order of candidates: those with the two lowest tickets remain.
		let tickets = [8u128, 3, 9, 1, 7, 2];
		for shift in 0..tickets.len() {
			let mut draw = Replicas::of(2).begin(1, 9);
			for n in 0..tickets.len() {
				let ticket = tickets[(n + shift) % tickets.len()];
				if let Some(instead) = draw.place(ticket) {
					draw = draw.taken(SlotId(ticket as u64), ticket, instead).unwrap();
				}
			}
			let mut left: Vec<_> = draw.drawn.iter().map(|(_, ticket)| *ticket).collect();
			left.sort();
			assert_eq!(left, vec![1, 2]);
		}
	}

	#[test]
	fn nothing_is_drawn_where_nothing_is_wanted() {
		let none = Replicas::default();
		assert!(!none.is_drawing(0));
		assert_eq!(none.place(0), None);
		assert_eq!(none.clone().begin(1, 5), none);
		assert!(!Replicas::of(1).is_drawing(0), "nobody has committed");
		let one = Replicas::of(1).begin(1, 5);
		assert!(one.is_drawing(5) && !one.is_drawing(6));
	}
}
