//! Reads: what runtime APIs and view functions answer; and what a runtime's constants must be like.

use crate::{
	types::{AuditState, SlotState, DUTIES_MAX, INLINE_BYTES_MAX, RECEIPTS_MAX, SLOTS_MAX},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::{AuditView, JobPhase, JobView, SlotStateView, SlotView},
	AccountId, Audits, JobDigest, SlotId,
};
use frame_support::{dispatch::DispatchClass, traits::Get};

impl<T: Config> Pallet<T> {
	/// An open job, with deadlines as block numbers.
	pub fn job_view(digest: JobDigest) -> Option<JobView> {
		let job = Jobs::<T>::get(digest)?;
		let clock = Self::clock_of(&job);
		let phase = match job.phase {
			Phase::Claiming => JobPhase::Claiming,
			Phase::Revealing { closed_at, .. } => JobPhase::Revealing {
				closed_at: job
					.revealing(&JobClock::<T>::get(), Self::block())
					.map_or(closed_at, |(closed_at, _)| closed_at),
			},
			Phase::Window { closes, .. } => {
				JobPhase::Window { closes_at: clock.block_of(job.owes_until(closes)) }
			},
		};
		let slots = Self::slots_of(&job)
			.into_iter()
			.map(|(id, slot)| Self::slot_view(id, slot, &clock))
			.collect();
		Some(JobView {
			tenant: job.tenant,
			lease: job.lease,
			model: job.model,
			program: job.program,
			weights: job.weights,
			input: job.input,
			parameters: job.parameters,
			price_max: job.price_max,
			value_at_risk: job.value_at_risk,
			phase,
			slots,
			lambda_ppb: job.lambda_ppb,
			fee_max: job.fee_max,
			audit: Self::audit_view(job.audit, &clock),
			replicas: job.replicas.wanted,
			drawn_until: job.replicas.committed_at.map(|_| clock.block_of(job.replicas.until)),
		})
	}

	fn audit_view(audit: AuditState, clock: &Clock) -> AuditView {
		match audit {
			AuditState::Unaudited => AuditView::Unaudited,
			AuditState::Uncommitted => AuditView::Uncommitted,
			AuditState::Awaiting { committed_at, slot } => {
				AuditView::Awaiting { slot, committed_at }
			},
			AuditState::Marked { committed_at, slot, until } => {
				AuditView::Marked { slot, committed_at, notices_until: clock.block_of(until) }
			},
		}
	}

	fn slot_view(id: SlotId, slot: Slot<AccountId>, clock: &Clock) -> SlotView {
		let state = match slot.state {
			SlotState::Assigned { accepted, due } => {
				SlotStateView::Assigned { accepted, due_at: clock.block_of(due) }
			},
			SlotState::Committed { commitment } => SlotStateView::Committed { commitment },
			SlotState::Revealed { claim, .. } => {
				SlotStateView::Revealed { output: claim.output().into(), count: claim.count() }
			},
			SlotState::Lapsed { reason } => SlotStateView::Lapsed { reason },
			SlotState::Guilty { .. } => SlotStateView::Guilty,
		};
		SlotView {
			id,
			party: slot.party,
			worker: slot.worker,
			state,
			disputes: slot.disputes,
			role: slot.role,
			pledge: slot.pledge,
		}
	}

	/// Open slots of a provider, its audits among them.
	pub fn duties_of(provider: &AccountId) -> Vec<SlotId> {
		Duties::<T>::iter_key_prefix(provider).take(DUTIES_MAX as usize).collect()
	}

	/// The lowest nonce that a tenant's next job may state.
	pub fn nonce_after(tenant: &AccountId) -> u64 {
		TenantNonces::<T>::get(tenant).map_or(0, |last| last.saturating_add(1))
	}

	/// Whether jobs are paused, and what their clock shows.
	pub fn clock_view() -> (bool, u32) {
		(JobClock::<T>::get().paused_since.is_some(), Self::now())
	}

	/// The relations between constants that `integrity_test` asserts.
	pub(crate) fn assert_constants() {
		assert!(
			types::job_pledge(1, 1, <T::Audits as Audits<_, _>>::lambda_min()).is_some(),
			"the lowest audit rate must find enough for a pledge to deter"
		);
		assert!(T::MaxOpenSlots::get() > 0, "a provider without slots can do nothing");
		assert!(
			T::MaxOpenSlots::get() <= DUTIES_MAX / 2,
			"a worker walks its provider's duties every block, half of them audits"
		);
		let weights = T::BlockWeights::get();
		let receipts = T::WeightInfo::on_finalize_receipts(RECEIPTS_MAX);
		assert!(
			weights.base_block.saturating_add(receipts).all_lt(weights.max_block),
			"a block of nothing but receipts must leave room for a call"
		);
		let longest = weights.get(DispatchClass::Normal).max_extrinsic;
		let longest = longest.unwrap_or(weights.max_block);
		assert!(
			T::WeightInfo::submit_job(INLINE_BYTES_MAX).all_lt(longest),
			"a job with the longest inline input must fit into a block"
		);
		let settle = T::WeightInfo::settle(SLOTS_MAX)
			.saturating_add(T::WeightInfo::authorize_settle(SLOTS_MAX));
		for end in [settle, T::WeightInfo::lapse(SLOTS_MAX)] {
			assert!(end.all_lt(longest), "the end of a job with all its slots must fit in a block");
		}
	}
}
