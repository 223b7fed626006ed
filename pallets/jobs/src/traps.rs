//! What traps ask of jobs, and do to them: the claim of a job's assigned slot is replaced by one
//! that was shown beforehand.
//!
//! ```text
//!    last reveal          trap_blocks            length
//!  -------------> Window |-- traps --|-- challenges, oppositions --| settle
//!                          amend                                  closes
//! ```
//!
//! The window of an audited job is longer by [`Timing::trap_blocks`]: in its first blocks traps are
//! opened and no dispute is, afterwards disputes are and no trap. So a claim that is disputed is
//! never replaced, and challengers have the same blocks as without traps. What follows is as it
//! always is: a claim that differs from the new one is opposed, and computation decides.
//!
//! A timeline on a development chain (five blocks for traps, window base 10) for a job whose units
//! take a block: the last reveal lands in block 20, a trap may be opened until block 24, disputes
//! from block 25 until block 36, and `settle` may land in 37. The test
//! `the_timeline_of_the_trap_docs_is_true` walks it.

use crate::{
	calls::JobSlots,
	types::{AuditState, SlotState},
	*,
};
use alloc::{collections::BTreeSet, vec::Vec};
use assay_primitives::{
	apis::SlotRole, offchain::armed_trap, wrong_claim, AccountId, Anchor, AuditedJobs, Balance,
	JobDigest, Models, OutputDigest, SlotId, TrapJob, TrapJobs, Traps, WorkerKey,
};
use frame_support::ensure;
use sp_core::H256;
use sp_runtime::DispatchError;

/// A job, the slot whose claim can be replaced, and that slot's id.
type Amendable = (Job<AccountId>, SlotId, Slot<AccountId>);

impl<AccountId> Job<AccountId> {
	/// The window of the job if it begins now: longer by the blocks for traps, where it is audited.
	pub(crate) fn window(&self, now: u32, timing: &Timing) -> Phase {
		let traps = if self.lambda_ppb > 0 { timing.trap_blocks } else { 0 };
		let length = timing.span(timing.window_base, self.units_max);
		Phase::Window { closes: now.saturating_add(traps).saturating_add(length), length }
	}

	/// Whether a trap may be opened now or later: until then the output may still become another.
	pub(crate) fn awaits_traps(&self, now: u32, timing: &Timing) -> bool {
		let is_trapped = self.lambda_ppb > 0 && timing.trap_blocks > 0;
		is_trapped && (!matches!(self.phase, Phase::Window { .. }) || self.takes_traps(now))
	}

	/// Whether traps can be opened now, and so no dispute.
	pub fn takes_traps(&self, now: u32) -> bool {
		// The length is what disputes have: what the window is longer is for traps.
		match self.phase {
			Phase::Window { closes, length } => now < closes.saturating_sub(length),
			Phase::Claiming | Phase::Revealing { .. } => false,
		}
	}
}

impl<T: Config> TrapJobs<AccountId, Balance> for Pallet<T> {
	fn period() -> u32 {
		<Self as AuditedJobs<AccountId>>::period()
	}

	fn trap_job(
		digest: JobDigest,
		claim: &Claim,
	) -> Result<TrapJob<AccountId, Balance>, DispatchError> {
		let (job, slot_id, slot) = Self::check_amend(digest, claim)?;
		let worker = slot.worker.ok_or(Error::<T>::WorkerKeyMissing)?;
		Ok(TrapJob {
			tenant: job.tenant,
			slot: slot_id,
			party: slot.party,
			worker,
			price_max: job.price_max,
			submitted_at: job.submitted_at,
		})
	}

	fn trap_jobs(worker: &WorkerKey) -> Vec<JobDigest> {
		let takes_traps = |job: Job<AccountId>| job.takes_traps(Self::now_of(&job));
		WorkerDuties::<T>::iter_key_prefix(worker)
			.filter_map(Slots::<T>::get)
			.filter(|slot| slot.role == SlotRole::Assigned)
			.map(|slot| slot.job)
			.filter(|digest| Jobs::<T>::get(digest).is_some_and(takes_traps))
			.collect::<BTreeSet<_>>()
			.into_iter()
			.collect()
	}

	fn amend(digest: JobDigest, claim: Claim, jackpot: Balance) -> Result<SlotId, DispatchError> {
		let (job, slot_id, mut slot) = Self::check_amend(digest, &claim)?;
		let model = T::Models::model(job.model).ok_or(Error::<T>::ModelUnknown)?;
		let (output, count) = (claim.output().into(), claim.count());
		let units = model.cost.units(&job.parameters, count).min(job.units_max);
		slot.state = SlotState::Revealed { claim, units };
		Slots::<T>::insert(slot_id, slot);
		Jackpots::<T>::insert(digest, jackpot);
		Self::deposit_event(Event::TrapOpened {
			slot: slot_id,
			job: digest,
			output,
			count,
			jackpot,
		});
		Ok(slot_id)
	}
}

impl<T: Config> Pallet<T> {
	/// The slot of a job whose claim can be replaced by this one now.
	fn check_amend(digest: JobDigest, claim: &Claim) -> Result<Amendable, Error<T>> {
		Self::ensure_running()?;
		let job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		ensure!(job.takes_traps(Self::now_of(&job)), Error::<T>::TrapsClosed);
		ensure!(!Jackpots::<T>::contains_key(digest), Error::<T>::TrapIsOpen);
		// A trap tests auditors. Replicas have their own pledge on what they say.
		ensure!(job.replicas.wanted == 0, Error::<T>::TrapsClosed);
		// What is audited is the assigned slot.
		let AuditState::Marked { slot: slot_id, .. } = job.audit else {
			return Err(Error::<T>::TrapsClosed);
		};
		let slot = Slots::<T>::get(slot_id).ok_or(Error::<T>::SlotUnknown)?;
		let SlotState::Revealed { claim: present, .. } = slot.state else {
			return Err(Error::<T>::TrapsClosed);
		};
		// No dispute opens before traps are closed.
		ensure!(slot.disputes == 0, Error::<T>::TrapsClosed);
		ensure!(job.may_claim(claim), Error::<T>::CountOutOfRange);
		ensure!(present.output() != claim.output(), Error::<T>::NothingToAmend);
		Ok((job, slot_id, slot))
	}

	/// Pay the jackpot of a job whose trap was opened, in equal parts to the auditors that claim what
	/// the job is paid for: who fills a job with auditors of its own wins no more by it.
	pub(crate) fn pay_jackpot(digest: JobDigest, slots: &JobSlots, output: OutputDigest) {
		let Some(jackpot) = Jackpots::<T>::get(digest) else { return };
		let agrees = |(_, slot): &&(SlotId, Slot<AccountId>)| {
			slot.role == SlotRole::Audit && slot.state.output() == Some(output)
		};
		let winners: Vec<_> = slots.iter().filter(agrees).collect();
		let share = jackpot.checked_div(winners.len() as Balance).unwrap_or_default();
		for (slot, Slot { party: auditor, .. }) in winners {
			let amount = T::Traps::pay_jackpot(auditor, share);
			let (slot, auditor) = (*slot, auditor.clone());
			Self::deposit_event(Event::JackpotPaid { slot, job: digest, auditor, amount });
		}
	}

	// --- off chain ---

	/// What a worker commits to whose executor has this result: something wrong where this node is
	/// armed with a trap for the job that it will be able to open.
	pub(crate) fn claim_to_commit(
		job: &Job<AccountId>,
		slot: &Slot<AccountId>,
		right: Claim,
	) -> Claim {
		// Without an audit there are no blocks for traps, and of a job with replicas none is opened.
		let is_audited = slot.role == SlotRole::Assigned && job.lambda_ppb > 0;
		if !is_audited || job.replicas.wanted > 0 || Self::timing().trap_blocks == 0 {
			return right;
		}
		let Some(trap) = armed_trap(&slot.job) else { return right };
		if trap.claim != right {
			log::error!(
				target: "worker::jobs",
				"the trap of job {:?} says otherwise than the executor: it is left alone",
				slot.job.0,
			);
			return right;
		}
		match T::Traps::may_open(&slot.job, &job.tenant, &slot.party, job.submitted_at, &trap) {
			true => wrong_claim(&right, &trap.salt),
			false => right,
		}
	}

	/// What a worker has committed to whose executor has this result: only one of both can be opened,
	/// whatever has become of the trap since.
	pub(crate) fn claim_to_reveal(
		slot_id: SlotId,
		slot: &Slot<AccountId>,
		right: Claim,
		salt: &H256,
		anchor: &Anchor,
	) -> Claim {
		let Some(trap) = armed_trap(&slot.job) else { return right };
		let wrong = wrong_claim(&right, &trap.salt);
		match Self::check_reveal(slot_id, &wrong, salt, anchor) {
			Ok(_) => wrong,
			Err(_) => right,
		}
	}
}
