//! What audits ask of jobs, and do to them.
//!
//! ```text
//!              first commit          mark_final                    until              reveal
//!  Uncommitted ------------> Awaiting ---------> Marked ------------------------------------>
//!   |---------------- Claiming -------------------|--- Revealing, closing block ahead ---|
//!                                                 |  open_audit   all have committed    ^
//!                                                 +-------------> Claiming -------------+
//! ```
//!
//! From the first commitment on a job waits until that is marked final: nobody, whoever makes the
//! blocks, knows before who will audit it. From the mark on notices are taken, each of which
//! opens a slot. The commit phase closes with the last block for a notice, or with the last
//! commitment if that comes later. Reveals name that block, so none can be made while a notice
//! may still come.
//!
//! A worked timeline on a development chain (commit base 20, window base 10, grace 20) with six
//! blocks for notices and a job whose units take a block: committed in block 102; the authors of
//! blocks 103 to 106 decide who audits; block 106 is final in 108 and the mark lands in 109, so
//! notices are taken until block 115. Without one, reveals follow that block, on time until 135.
//! A notice in block 112 has to commit until 133; it does so in 113, and nothing else changes; it
//! does so in 124, and the phase closes there, with reveals on time until 144. The test
//! `the_timeline_of_the_audit_docs_is_true` walks it.

use crate::{
	types::{opposed, AuditState, SlotState, SLOTS_MAX},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, AccountId, AuditedJob, AuditedJobs, Audits, JobDigest, LapseReason,
	ReplicatedJob, SlotId, WorkerKey,
};
use frame_support::ensure;
use sp_runtime::DispatchError;

impl<T: Config> AuditedJobs<AccountId> for Pallet<T> {
	fn now() -> u32 {
		Self::now()
	}

	fn period() -> u32 {
		Self::period_of(Self::block())
	}

	fn period_of(block: u32) -> u32 {
		Self::period_of(block)
	}

	fn audited(digest: JobDigest) -> Option<AuditedJob<AccountId>> {
		Self::ensure_running().ok()?;
		Self::audited_job(Jobs::<T>::get(digest)?)
	}

	fn auditable(from: JobDigest, count: usize) -> Vec<JobDigest> {
		if Self::ensure_running().is_err() {
			return Vec::new();
		}
		Self::some_awaiting(from, count, |digest| {
			Jobs::<T>::get(digest).and_then(Self::audited_job).is_some()
		})
	}

	fn replicated(digest: JobDigest) -> Option<ReplicatedJob> {
		Self::replicated_job(digest)
	}

	fn drawing(from: JobDigest, count: usize) -> Vec<JobDigest> {
		Self::some_awaiting(from, count, |digest| Self::replicated_job(*digest).is_some())
	}

	fn has_room_for(jobs: &[JobDigest], provider: &AccountId) -> bool {
		Self::has_room_for(jobs, provider)
	}

	fn open_replica(
		digest: JobDigest,
		provider: AccountId,
		worker: WorkerKey,
		ticket: u128,
	) -> Result<SlotId, DispatchError> {
		Self::do_open_replica(digest, provider, worker, ticket)
	}

	fn mark_final(digest: JobDigest, notice_blocks: u32) -> Result<u32, DispatchError> {
		Self::ensure_running()?;
		let mut job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		let AuditState::Awaiting { committed_at, slot } = job.audit else {
			return Err(Error::<T>::NoMarkAwaited.into());
		};
		let until = Self::now_of(&job).saturating_add(notice_blocks);
		job.audit = AuditState::Marked { committed_at, slot, until };
		let notices_until = Self::clock_of(&job).block_of(until);
		let chain_time = Self::chain_time(&job, until);
		Self::deposit_event(Event::NoticesOpened { job: digest, notices_until });
		Self::advance(digest, job, LapseReason::NotAccepted);
		Ok(chain_time)
	}

	fn open_audit(
		digest: JobDigest,
		auditor: AccountId,
		worker: WorkerKey,
	) -> Result<SlotId, DispatchError> {
		let mut job = Self::check_open_audit(digest, &auditor)?;
		let timing = Self::timing();
		let due = Self::now_of(&job).saturating_add(timing.span(timing.commit_base, job.units_max));
		let slot = Slot {
			job: digest,
			party: auditor.clone(),
			worker: Some(worker.clone()),
			role: SlotRole::Audit,
			pledge: T::Audits::pledge(job.price_max),
			state: SlotState::Assigned { accepted: true, due },
			disputes: 0,
		};
		ensure!(Self::free_stake(&slot) >= slot.pledge, Error::<T>::AuditStakeTooLow);

		let pledge = slot.pledge;
		let slot_id = Self::open_pledged(&mut job, &worker, slot)?;
		let commit_by = Self::clock_of(&job).block_of(due);
		Jobs::<T>::insert(digest, job);
		Self::deposit_event(Event::AuditOpened {
			slot: slot_id,
			job: digest,
			auditor,
			worker,
			pledge,
			commit_by,
		});
		Ok(slot_id)
	}
}

impl<T: Config> Pallet<T> {
	/// The first two claims of a job that contradict each other, neither of which is convicted. The
	/// job does not settle before a game has decided between them.
	pub fn opposed(digest: JobDigest) -> Option<(SlotId, SlotId)> {
		opposed(&Self::slots_of(&Jobs::<T>::get(digest)?))
	}

	/// Some of the jobs that workers look at, of which something is so; at most `count` are looked at.
	fn some_awaiting(
		from: JobDigest,
		count: usize,
		is_so: impl Fn(&JobDigest) -> bool,
	) -> Vec<JobDigest> {
		let first = AwaitingAudit::<T>::hashed_key_for(from);
		let mut found: Vec<_> = AwaitingAudit::<T>::iter_keys_from(first)
			.chain(AwaitingAudit::<T>::iter_keys())
			.take(count)
			.filter(is_so)
			.collect();
		found.sort();
		found.dedup();
		found
	}

	/// Whether a job awaits its mark, notices or candidates.
	pub(crate) fn is_awaiting(job: &Job<AccountId>) -> bool {
		let now = Self::now_of(job);
		let awaits_audit = match job.audit {
			AuditState::Unaudited | AuditState::Uncommitted => false,
			AuditState::Awaiting { .. } => true,
			AuditState::Marked { until, .. } => now <= until && !job.hold.is_barred(),
		};
		awaits_audit || job.replicas.is_drawing(now)
	}

	/// List a job among those that workers look at for as long as it awaits something of them.
	pub(crate) fn list_audit(digest: JobDigest, job: &Job<AccountId>) {
		// What has none of both was never listed.
		if job.audit == AuditState::Unaudited && job.replicas.wanted == 0 {
			return;
		}
		match Self::is_awaiting(job) {
			true => AwaitingAudit::<T>::insert(digest, ()),
			false => AwaitingAudit::<T>::remove(digest),
		}
	}

	/// The duty period of a block.
	pub(crate) fn period_of(block: u32) -> u32 {
		// No chain starts with a duty period of zero blocks.
		block.checked_div(Self::timing().duty_period).unwrap_or_default()
	}

	/// A job between its first commitment and the end of its notices.
	fn audited_job(job: Job<AccountId>) -> Option<AuditedJob<AccountId>> {
		let (committed_at, slot, notices_until) = match job.audit {
			AuditState::Unaudited | AuditState::Uncommitted => return None,
			AuditState::Awaiting { committed_at, slot } => (committed_at, slot, None),
			AuditState::Marked { committed_at, slot, until } => (committed_at, slot, Some(until)),
		};
		let is_over = |until| job.hold.is_barred() || Self::now_of(&job) > until;
		if notices_until.is_some_and(is_over) {
			return None;
		}
		let notices_until = notices_until.map(|until| Self::chain_time(&job, until));
		let Slot { party, worker, .. } = Slots::<T>::get(slot)?;
		Some(AuditedJob {
			model: job.model,
			slot,
			party,
			worker: worker?,
			submitted_at: job.submitted_at,
			committed_at,
			period: Self::period_of(committed_at),
			lambda_ppb: job.lambda_ppb,
			notices_until,
		})
	}

	/// Open the next slot of a job for a party that has asked for it, an auditor or a replica: it is
	/// pledged and bound to its worker key at once, and the job awaits its commitment.
	pub(crate) fn open_pledged(
		job: &mut Job<AccountId>,
		worker: &WorkerKey,
		slot: Slot<AccountId>,
	) -> Result<SlotId, DispatchError> {
		let slot_id = NextSlot::<T>::get();
		let next = slot_id.next().ok_or(Error::<T>::SlotIdsSpent)?;
		job.slots.try_push(slot_id).map_err(|_| Error::<T>::TooManySlots)?;
		Self::pledge_slot(slot_id, &slot)?;
		NextSlot::<T>::put(next);
		WorkerDuties::<T>::insert(worker, slot_id, ());
		Self::open_slot(slot_id, slot)?;
		job.phase = Phase::Claiming;
		Ok(slot_id)
	}

	/// The job, where a notice of this auditor opens a slot now.
	fn check_open_audit(
		digest: JobDigest,
		auditor: &AccountId,
	) -> Result<Job<AccountId>, Error<T>> {
		Self::ensure_running()?;
		let job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		let AuditState::Marked { until, .. } = job.audit else {
			return Err(Error::<T>::NoticesClosed);
		};
		ensure!(!job.hold.is_barred(), Error::<T>::NoticesClosed);
		ensure!(Self::now_of(&job) <= until, Error::<T>::NoticesClosed);
		let mut parties = job.slots.iter().filter_map(Slots::<T>::get).map(|slot| slot.party);
		ensure!(parties.all(|party| party != *auditor), Error::<T>::AlreadyAParty);
		ensure!(job.slots.len() < SLOTS_MAX as usize, Error::<T>::TooManySlots);
		Ok(job)
	}
}
