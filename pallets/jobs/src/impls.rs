//! Reads: what runtime APIs and view functions answer.

use crate::{types::SlotState, *};
use alloc::vec::Vec;
use assay_primitives::{
	apis::{JobPhase, JobView, SlotStateView, SlotView},
	AccountId, JobDigest, SlotId,
};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// An open job, with deadlines as block numbers.
	pub fn job_view(digest: JobDigest) -> Option<JobView> {
		let job = Jobs::<T>::get(digest)?;
		let clock = JobClock::<T>::get();
		let phase = match job.phase {
			Phase::Claiming => JobPhase::Claiming,
			Phase::Revealing { closed_at, .. } => JobPhase::Revealing { closed_at },
			Phase::Window { closes, .. } => JobPhase::Window { closes_at: clock.block_of(closes) },
		};
		let slots = job
			.slots
			.iter()
			.filter_map(|id| Slots::<T>::get(id).map(|slot| Self::slot_view(*id, slot, &clock)))
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
		})
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
		SlotView { id, party: slot.party, worker: slot.worker, state, disputes: slot.disputes }
	}

	/// Open slots of a provider, at most as many as it may have.
	pub fn duties_of(provider: &AccountId) -> Vec<SlotId> {
		Duties::<T>::iter_key_prefix(provider).take(T::MaxOpenSlots::get() as usize).collect()
	}

	/// The lowest nonce that a tenant's next job may state.
	pub fn nonce_after(tenant: &AccountId) -> u64 {
		TenantNonces::<T>::get(tenant).map_or(0, |last| last.saturating_add(1))
	}

	/// Whether jobs are paused, and what their clock shows.
	pub fn clock_view() -> (bool, u32) {
		(JobClock::<T>::get().paused_since.is_some(), Self::now())
	}
}
