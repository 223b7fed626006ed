//! Bodies of the calls. What a call needs is checked by a `check_*` function that the authorisation
//! of the call shares, then everything is written.

use crate::{
	types::{
		audit_fee, job_pledge, lapse_penalty, late_penalty, opposed, Assurance, AuditState,
		SlotState, LAMBDA_ONE,
	},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, AccountId, Anchor, Audits, Balance, Commitment, InputDigest, JobDigest,
	LapseReason, LeaseId, LeaseInfo, Leases, ModelInfo, Models, OutputDigest, Parameters,
	Providers, SlashReason, SlotId, Stake, WorkerKey, DEMAND_BYTES_MAX,
};
use assay_program::merkle;
use frame_support::{
	pallet_prelude::*,
	traits::{
		fungible::Mutate,
		tokens::{Fortitude, Precision, Preservation},
	},
};
use frame_system::pallet_prelude::*;
use sp_core::H256;
use sp_runtime::SaturatedConversion;

/// A submission that was checked, as it will be written.
struct Submission {
	digest: JobDigest,
	job: Job<AccountId>,
	slot: SlotId,
	slot_next: SlotId,
	provider: AccountId,
	inline: Option<InlineInput>,
}

/// How sure a tenant wants to be of a result.
pub(crate) struct Stakes {
	/// What a wrong one may cost it.
	pub(crate) value_at_risk: Balance,
	/// Audit rate, in parts per billion.
	pub(crate) lambda_ppb: u32,
	/// How many more providers are to do the job.
	pub(crate) replicas: u8,
}

/// What a job costs at most, and what it puts at risk.
struct Terms {
	units_max: u64,
	price_max: Balance,
	value_at_risk: Balance,
	pledge: Balance,
	lambda_ppb: u32,
	fee_max: Balance,
	replicas: Replicas,
}

/// A slot and its job, as loaded and checked.
pub(crate) type Checked = (Slot<AccountId>, Job<AccountId>);
/// The slots of a job, in the order they were opened.
pub(crate) type JobSlots = Vec<(SlotId, Slot<AccountId>)>;

impl<T: Config> Pallet<T> {
	/// The spans of protocol time of this chain.
	pub fn timing() -> Timing {
		TimingParameters::<T>::get()
	}

	/// What the clock of jobs shows now.
	pub fn now() -> u32 {
		JobClock::<T>::get().at(Self::block())
	}

	/// The genesis hash, part of every statement.
	pub fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(0u32))
	}

	pub(crate) fn block() -> u32 {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	pub(crate) fn ensure_signed_or_authorized(origin: OriginFor<T>) -> DispatchResult {
		match frame_system::ensure_signed(origin.clone()) {
			Ok(_) => Ok(()),
			Err(_) => frame_system::ensure_authorized(origin).map_err(Into::into),
		}
	}

	pub(crate) fn ensure_running() -> Result<(), Error<T>> {
		ensure!(JobClock::<T>::get().paused_since.is_none(), Error::<T>::Paused);
		Ok(())
	}

	// --- submit ---

	pub(crate) fn do_submit_job(
		tenant: AccountId,
		lease: LeaseId,
		nonce: u64,
		input: JobInput,
		parameters: Parameters,
		stakes: Stakes,
	) -> DispatchResult {
		Self::ensure_running()?;
		let submission = Self::check_submit_job(tenant, lease, nonce, input, parameters, stakes)?;
		let Submission { digest, job, slot, slot_next, provider, inline } = submission;

		if TenantNonces::<T>::get(&job.tenant).is_none() {
			T::Currency::burn_from(
				&job.tenant,
				T::NonceFee::get(),
				Preservation::Preserve,
				Precision::Exact,
				Fortitude::Polite,
			)?;
			Self::note_burnt(&provider);
		}
		T::Leases::reserve(job.lease, digest, job.reserved(), job.units_max)?;
		T::Models::job_opened(job.model)?;
		TenantNonces::<T>::insert(&job.tenant, nonce);
		NextSlot::<T>::put(slot_next);
		if let Some(bytes) = inline {
			InlineInputs::<T>::insert(digest, bytes);
		}
		let due = Self::now().saturating_add(Self::timing().accept);
		let record = Slot {
			job: digest,
			party: provider.clone(),
			worker: None,
			role: SlotRole::Assigned,
			pledge: job.pledge,
			state: SlotState::Assigned { accepted: false, due },
			disputes: 0,
		};
		Self::open_slot(slot, record)?;
		Self::deposit_event(Event::JobSubmitted {
			job: digest,
			lease: job.lease,
			tenant: job.tenant.clone(),
			provider,
			slot,
			price_max: job.price_max,
			value_at_risk: job.value_at_risk,
			accept_by: JobClock::<T>::get().block_of(due),
			lambda_ppb: job.lambda_ppb,
			fee_max: job.fee_max,
			replicas: job.replicas.wanted,
		});
		Jobs::<T>::insert(digest, job);
		Ok(())
	}

	fn check_submit_job(
		tenant: AccountId,
		lease_id: LeaseId,
		nonce: u64,
		input: JobInput,
		parameters: Parameters,
		stakes: Stakes,
	) -> Result<Submission, DispatchError> {
		let lease = T::Leases::open_lease(lease_id)?;
		ensure!(lease.tenant == tenant, Error::<T>::NotTheTenant);
		let nonce_last = TenantNonces::<T>::get(&tenant);
		ensure!(nonce_last.is_none_or(|last| nonce > last), Error::<T>::NonceTooLow);
		let model = T::Models::model(lease.model).ok_or(Error::<T>::ModelUnknown)?;
		ensure!(!model.retired, Error::<T>::ModelRetired);
		let (input, inline) = Self::submit_job_input(&model, input, &parameters)?;
		let units_max = model.cost.units(&parameters, parameters.max_steps);
		let lambda_ppb = Self::submit_job_lambda(&lease, &model, &parameters, stakes.lambda_ppb)?;
		ensure!(T::Providers::may_take_work(&lease.provider), Error::<T>::ProviderUnavailable);
		let open = OpenSlots::<T>::get(&lease.provider);
		ensure!(open < T::MaxOpenSlots::get(), Error::<T>::TooManyOpenSlots);

		let replicas = Self::submit_job_replicas(
			stakes.replicas,
			lease.model,
			&lease.provider,
			inline.is_some(),
			model.cost.output_length(&parameters),
		)?;
		let stakes = Stakes { lambda_ppb, ..stakes };
		let terms = Self::submit_job_terms(&lease, units_max, stakes, replicas)?;
		ensure!(T::Stake::free(&lease.provider) >= terms.pledge, Error::<T>::BondTooLow);
		let slot = NextSlot::<T>::get();
		let slot_next = slot.next().ok_or(Error::<T>::SlotIdsSpent)?;
		let is_audited = lambda_ppb > 0;
		let job = Job {
			tenant,
			lease: lease_id,
			model: lease.model,
			program: model.program,
			weights: model.weights,
			input,
			parameters,
			nonce,
			units_max: terms.units_max,
			price_per_unit: lease.price_per_unit,
			royalty_per_unit: lease.royalty_per_unit,
			price_max: terms.price_max,
			value_at_risk: terms.value_at_risk,
			pledge: terms.pledge,
			lambda_ppb: terms.lambda_ppb,
			fee_max: terms.fee_max,
			audit: if is_audited { AuditState::Uncommitted } else { AuditState::Unaudited },
			phase: Phase::Claiming,
			slots: BoundedVec::truncate_from(alloc::vec![slot]),
			submitted_at: Self::block(),
			hold: Hold::default(),
			replicas: terms.replicas,
		};
		let digest: JobDigest = job.request(&Self::genesis()).digest().into();
		ensure!(!Jobs::<T>::contains_key(digest), Error::<T>::JobExists);
		Ok(Submission { digest, job, slot, slot_next, provider: lease.provider, inline })
	}

	/// The audit rate that a job will have: the one asked for, or zero where nobody could audit it.
	fn submit_job_lambda(
		lease: &LeaseInfo<AccountId, Balance>,
		model: &ModelInfo<AccountId, Balance>,
		parameters: &Parameters,
		lambda_ppb: u32,
	) -> Result<u32, Error<T>> {
		if lambda_ppb == 0 {
			return Ok(0);
		}
		ensure!(lambda_ppb >= Self::lambda_min_for(&lease.provider), Error::<T>::LambdaTooLow);
		ensure!(lambda_ppb <= LAMBDA_ONE, Error::<T>::LambdaTooHigh);
		// What auditors cannot fetch they demand: of what no demand reaches nobody could be sure.
		let items = [model.cost.input_length(parameters), model.cost.output_length(parameters)];
		ensure!(
			items.into_iter().all(|length| length <= u64::from(DEMAND_BYTES_MAX)),
			Error::<T>::TooLargeToAudit
		);
		// A price beyond any balance is refused with the terms.
		let units_max = model.cost.units(parameters, parameters.max_steps);
		let price_max = lease.price_per_unit.saturating_mul(Balance::from(units_max));
		let pledge = T::Audits::pledge(price_max);
		let is_auditable = T::Audits::is_auditable(lease.model, &lease.provider, pledge);
		Ok(if is_auditable { lambda_ppb } else { 0 })
	}

	fn submit_job_terms(
		lease: &LeaseInfo<AccountId, Balance>,
		units_max: u64,
		Stakes { value_at_risk: value_declared, lambda_ppb, .. }: Stakes,
		replicas: Replicas,
	) -> Result<Terms, Error<T>> {
		let price_max = lease
			.price_per_unit
			.checked_mul(Balance::from(units_max))
			.ok_or(Error::<T>::PriceOverflow)?;
		let value_at_risk = value_declared.max(price_max);
		let value_max = price_max.saturating_mul(Balance::from(lease.risk_factor_max));
		ensure!(value_at_risk <= value_max, Error::<T>::ValueAtRiskTooHigh);
		let pledge = Self::pledge_of(value_at_risk, price_max, lambda_ppb)
			.ok_or(Error::<T>::PriceOverflow)?;
		let fee_max = audit_fee(lambda_ppb, price_max);
		// All that is held of the lease's escrow.
		let runs = Balance::from(replicas.wanted).saturating_add(1);
		let held = price_max.checked_mul(runs).and_then(|prices| prices.checked_add(fee_max));
		ensure!(held.is_some(), Error::<T>::PriceOverflow);
		Ok(Terms { units_max, price_max, value_at_risk, pledge, lambda_ppb, fee_max, replicas })
	}

	/// What the assigned slot of a job pledges; none beyond any balance.
	pub(crate) fn pledge_of(
		value_at_risk: Balance,
		price_max: Balance,
		lambda_ppb: u32,
	) -> Option<Balance> {
		let least = if lambda_ppb == 0 { 0 } else { T::AuditedPledgeMin::get() };
		job_pledge(value_at_risk, price_max, lambda_ppb).map(|pledge| pledge.max(least))
	}

	/// The digest of the input and, where it travels with the job, its bytes.
	fn submit_job_input(
		model: &ModelInfo<AccountId, Balance>,
		input: JobInput,
		parameters: &Parameters,
	) -> Result<(InputDigest, Option<InlineInput>), Error<T>> {
		model.cost.check(parameters).map_err(|_| Error::<T>::ShapeRefused)?;
		model.leaves.check(parameters).map_err(|_| Error::<T>::TraceTooLarge)?;
		match input {
			JobInput::Stored(digest) => Ok((digest, None)),
			JobInput::Inline(bytes) => {
				ensure!(
					bytes.len() as u64 == model.cost.input_length(parameters),
					Error::<T>::InputLengthWrong
				);
				Ok((merkle::blob(&bytes).into(), Some(bytes)))
			},
		}
	}

	// --- accept ---

	pub(crate) fn check_accept(slot_id: SlotId) -> Result<(Checked, WorkerKey), Error<T>> {
		let (slot, job) = Self::load(slot_id)?;
		match slot.state {
			SlotState::Assigned { accepted: true, .. } => return Err(Error::<T>::AlreadyAccepted),
			SlotState::Assigned { accepted: false, due } => {
				ensure!(Self::now_of(&job) <= due, Error::<T>::DeadlinePassed)
			},
			SlotState::Committed { .. } | SlotState::Revealed { .. } => {
				return Err(Error::<T>::AlreadyAccepted)
			},
			SlotState::Lapsed { .. } | SlotState::Guilty { .. } => {
				return Err(Error::<T>::SlotClosed)
			},
		}
		ensure!(Self::free_stake(&slot) >= slot.pledge, Error::<T>::BondTooLow);
		let worker = T::Providers::worker_key(&slot.party).ok_or(Error::<T>::WorkerKeyMissing)?;
		Ok(((slot, job), worker))
	}

	pub(crate) fn do_accept(slot_id: SlotId) -> DispatchResult {
		let ((mut slot, job), worker) = Self::check_accept(slot_id)?;
		Self::accept_slot(slot_id, &mut slot, &job, worker)?;
		Slots::<T>::insert(slot_id, slot);
		Ok(())
	}

	/// Pledge, bind the worker key, start the time for the commitment.
	fn accept_slot(
		slot_id: SlotId,
		slot: &mut Slot<AccountId>,
		job: &Job<AccountId>,
		worker: WorkerKey,
	) -> DispatchResult {
		Self::pledge_slot(slot_id, slot)?;
		let timing = Self::timing();
		let due = Self::now_of(job).saturating_add(timing.span(timing.commit_base, job.units_max));
		slot.worker = Some(worker.clone());
		WorkerDuties::<T>::insert(&worker, slot_id, ());
		slot.state = SlotState::Assigned { accepted: true, due };
		Self::deposit_event(Event::SlotAccepted {
			slot: slot_id,
			job: slot.job,
			worker,
			pledge: slot.pledge,
			commit_by: Self::clock_of(job).block_of(due),
		});
		Ok(())
	}

	// --- commit ---

	pub(crate) fn check_commit(slot_id: SlotId) -> Result<(Checked, WorkerKey), Error<T>> {
		let (slot, job) = Self::load(slot_id)?;
		let is_drawing = job.replicas.is_drawing(Self::now_of(&job));
		ensure!(slot.role != SlotRole::Replica || !is_drawing, Error::<T>::DrawOpen);
		let worker = match (&slot.state, &slot.worker) {
			(SlotState::Assigned { accepted: true, due }, Some(worker)) => {
				ensure!(Self::now_of(&job) <= *due, Error::<T>::DeadlinePassed);
				worker.clone()
			},
			(SlotState::Assigned { .. }, _) => return Self::check_accept(slot_id),
			(SlotState::Committed { .. } | SlotState::Revealed { .. }, _) => {
				return Err(Error::<T>::AlreadyCommitted)
			},
			(SlotState::Lapsed { .. } | SlotState::Guilty { .. }, _) => {
				return Err(Error::<T>::SlotClosed)
			},
		};
		Ok(((slot, job), worker))
	}

	/// Returns the number of the job's slots, as all that go over these do.
	pub(crate) fn do_commit(slot_id: SlotId, commitment: Commitment) -> Result<u32, DispatchError> {
		let ((mut slot, job), worker) = Self::check_commit(slot_id)?;
		if slot.worker.is_none() {
			Self::accept_slot(slot_id, &mut slot, &job, worker)?;
		}
		slot.state = SlotState::Committed { commitment };
		let (digest, role) = (slot.job, slot.role);
		Slots::<T>::insert(slot_id, slot);
		Self::deposit_event(Event::SlotCommitted { slot: slot_id, job: digest, commitment });
		let mut job = job.committed(slot_id, Self::block());
		if role == SlotRole::Assigned {
			let until = Self::now_of(&job).saturating_add(T::Audits::draw_blocks());
			job.replicas = job.replicas.begin(Self::block(), until);
		}
		Ok(Self::advance(digest, job, LapseReason::NotAccepted))
	}

	// --- reveal ---

	/// Whether a reveal may land now, and what it costs in penalty.
	pub(crate) fn check_reveal(
		slot_id: SlotId,
		claim: &Claim,
		salt: &H256,
		anchor: &Anchor,
	) -> Result<(Checked, WorkerKey, bool), Error<T>> {
		let (slot, job) = Self::load(slot_id)?;
		let commitment = match slot.state {
			SlotState::Committed { commitment } => commitment,
			SlotState::Assigned { .. } => return Err(Error::<T>::NotCommitted),
			SlotState::Revealed { .. } => return Err(Error::<T>::AlreadyRevealed),
			SlotState::Lapsed { .. } | SlotState::Guilty { .. } => {
				return Err(Error::<T>::SlotClosed)
			},
		};
		let (closed_at, reveal_by) = job
			.revealing(&JobClock::<T>::get(), Self::block())
			.ok_or(Error::<T>::CommitPhaseOpen)?;
		// Until then a notice may open another slot.
		ensure!(Self::block() >= closed_at, Error::<T>::CommitPhaseOpen);
		let now = Self::now_of(&job);
		let late = now > reveal_by;
		let last = reveal_by.saturating_add(Self::timing().reveal_grace);
		ensure!(now <= last, Error::<T>::DeadlinePassed);
		ensure!(anchor.number == closed_at, Error::<T>::AnchorWrong);
		// A hash that is no longer known lies deeper than any fork: after a long pause. That of the
		// present block is not known yet, and nothing can name it.
		let known = Self::anchor_hash(closed_at).ok_or(Error::<T>::AnchorWrong)?;
		ensure!(known == anchor.hash || known == H256::zero(), Error::<T>::AnchorWrong);
		ensure!(job.may_claim(claim), Error::<T>::CountOutOfRange);
		let worker = slot.worker.clone().ok_or(Error::<T>::WorkerKeyMissing)?;
		let output: OutputDigest = claim.output().into();
		let expected = assay_primitives::commitment(
			&Self::genesis(),
			&slot.job,
			slot_id,
			&worker,
			salt,
			&output,
		);
		ensure!(expected == commitment, Error::<T>::CommitmentMismatch);
		Ok(((slot, job), worker, late))
	}

	/// Hash of a block of the past by which a reveal shows on which chain it was made: zero for one
	/// so old that the chain has forgotten it.
	pub(crate) fn anchor_hash(number: u32) -> Option<H256> {
		let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(number));
		let kept: u32 = T::BlockHashCount::get().saturated_into();
		let forgotten = Self::block().saturating_sub(number) >= kept;
		(hash != H256::zero() || forgotten).then_some(hash)
	}

	pub(crate) fn do_reveal(
		slot_id: SlotId,
		claim: Claim,
		salt: H256,
		anchor: Anchor,
	) -> Result<u32, DispatchError> {
		let ((mut slot, job), _, late) = Self::check_reveal(slot_id, &claim, &salt, &anchor)?;
		let model = T::Models::model(job.model).ok_or(Error::<T>::ModelUnknown)?;
		let penalty = if late {
			let amount = late_penalty(slot.pledge);
			Self::slash_slot(slot_id, &slot, amount, None, SlashReason::RevealedLate)
		} else {
			0
		};
		let (output, count) = (claim.output().into(), claim.count());
		let units = model.cost.units(&job.parameters, count).min(job.units_max);
		slot.state = SlotState::Revealed { claim, units };
		let digest = slot.job;
		Slots::<T>::insert(slot_id, slot);
		Self::deposit_event(Event::SlotRevealed {
			slot: slot_id,
			job: digest,
			output,
			count,
			penalty,
		});
		Ok(Self::advance(digest, job, LapseReason::NotRevealed))
	}

	// --- lapse ---

	/// Why a slot lapses now.
	pub(crate) fn check_lapse(slot_id: SlotId) -> Result<(Checked, LapseReason), Error<T>> {
		Self::ensure_running()?;
		let (slot, job) = Self::load(slot_id)?;
		ensure!(!job.hold.is_open(), Error::<T>::Held);
		let now = Self::now_of(&job);
		let (due, reason) = match (slot.state, job.phase) {
			(SlotState::Assigned { accepted: false, due }, _) => (due, LapseReason::NotAccepted),
			(SlotState::Assigned { accepted: true, due }, _) => (due, LapseReason::NotCommitted),
			(SlotState::Committed { .. }, Phase::Revealing { reveal_by, .. }) => {
				let last = reveal_by.saturating_add(Self::timing().reveal_grace);
				(last, LapseReason::NotRevealed)
			},
			(SlotState::Committed { .. }, _) => return Err(Error::<T>::NotDue),
			_ => return Err(Error::<T>::SlotClosed),
		};
		ensure!(now > due, Error::<T>::NotDue);
		Ok(((slot, job), reason))
	}

	pub(crate) fn do_lapse(slot_id: SlotId) -> Result<u32, DispatchError> {
		let ((slot, job), reason) = Self::check_lapse(slot_id)?;
		Ok(Self::lapse_slot(slot_id, slot, job, reason))
	}

	/// End a slot that has no claim, or may not keep it. Returns the number of the job's slots.
	pub(crate) fn lapse_slot(
		slot_id: SlotId,
		slot: Slot<AccountId>,
		job: Job<AccountId>,
		reason: LapseReason,
	) -> u32 {
		let digest = slot.job;
		Self::close_slot(slot_id, slot, job.slots.len() > 1, reason);
		Self::advance(digest, job, reason)
	}

	/// The same, for a caller that moves the job on by itself.
	pub(crate) fn close_slot(
		slot_id: SlotId,
		mut slot: Slot<AccountId>,
		has_others: bool,
		reason: LapseReason,
	) {
		let why = match reason {
			LapseReason::NotAccepted => None,
			LapseReason::NotCommitted => Some(SlashReason::NotCommitted),
			LapseReason::NotRevealed => Some(SlashReason::NotRevealed),
			LapseReason::Withheld => Some(SlashReason::Withheld),
		};
		let amount = lapse_penalty(reason, slot.pledge, has_others);
		let penalty = why.map_or(0, |why| Self::slash_slot(slot_id, &slot, amount, None, why));
		Self::release_slot(slot_id, &slot);
		Self::note_lapsed(&slot.party, reason);
		slot.state = SlotState::Lapsed { reason };
		let digest = slot.job;
		Slots::<T>::insert(slot_id, slot);
		Self::deposit_event(Event::SlotLapsed { slot: slot_id, job: digest, reason, penalty });
	}

	/// Move a job on as far as the states of its slots allow, and store it. Returns the number of
	/// its slots.
	pub(crate) fn advance(digest: JobDigest, mut job: Job<AccountId>, reason: LapseReason) -> u32 {
		let count = Self::slot_count(&job);
		let states: Vec<SlotState> =
			job.slots.iter().filter_map(Slots::<T>::get).map(|slot| slot.state).collect();
		if states.iter().all(SlotState::is_closed) {
			let refund = Self::refund(digest, &job);
			Self::deposit_event(Event::JobExpired { job: digest, reason, refund });
			return count;
		}
		let (now, timing, clock) = (Self::now_of(&job), Self::timing(), Self::clock_of(&job));
		if job.phase == Phase::Claiming && !states.iter().any(SlotState::awaits_commitment) {
			let closing = job.closing(&clock, Self::block(), &timing);
			if let Some(phase @ Phase::Revealing { reveal_by, .. }) = closing {
				job.phase = phase;
				Self::deposit_event(Event::CommitPhaseClosed {
					job: digest,
					reveal_by: clock.block_of(reveal_by),
				});
			}
		}
		let revealing = matches!(job.phase, Phase::Revealing { .. });
		if revealing && !states.iter().any(SlotState::awaits_reveal) {
			job.phase = job.window(now, &timing);
			if let Phase::Window { closes, .. } = job.phase {
				let closes_at = clock.block_of(closes);
				Self::deposit_event(Event::WindowOpened { job: digest, closes_at });
			}
		}
		Self::list_audit(digest, &job);
		Jobs::<T>::insert(digest, job);
		count
	}

	/// Give price and fee back to the lease and remove the job.
	pub(crate) fn refund(digest: JobDigest, job: &Job<AccountId>) -> Balance {
		let paid = T::Leases::settle(job.lease, digest, job.reserved(), Vec::new());
		Self::remove(digest, job);
		job.reserved().saturating_sub(paid)
	}

	// --- settle ---

	/// A job whose end is due, and its slots.
	pub(crate) fn check_settle(digest: JobDigest) -> Result<(Job<AccountId>, JobSlots), Error<T>> {
		Self::ensure_running()?;
		let job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		let Phase::Window { closes, .. } = job.phase else {
			return Err(Error::<T>::NotSettleable);
		};
		ensure!(!job.hold.is_open(), Error::<T>::Held);
		ensure!(Self::now_of(&job) > job.owes_until(closes), Error::<T>::NotSettleable);
		ensure!(
			BlockReceipts::<T>::decode_len().unwrap_or(0) < types::RECEIPTS_MAX as usize,
			Error::<T>::ReceiptsFull
		);
		let slots = Self::slots_of(&job);
		ensure!(slots.iter().all(|(_, slot)| slot.disputes == 0), Error::<T>::Disputed);
		// One of the two is wrong, whether or not anybody has begun a game about it.
		ensure!(opposed(&slots).is_none(), Error::<T>::Disputed);
		let stands = |slot: &Slot<AccountId>| matches!(slot.state, SlotState::Revealed { .. });
		ensure!(slots.iter().any(|(_, slot)| stands(slot)), Error::<T>::NotSettleable);
		Ok((job, slots))
	}

	pub(crate) fn do_settle(digest: JobDigest) -> Result<u32, DispatchError> {
		let (job, slots) = Self::check_settle(digest)?;
		// The price is for who was to do the job, never for an auditor.
		match &Self::paid_slots(&job, &slots)[..] {
			[] => Self::settle_unpaid(digest, &job, &slots),
			[first, replicas @ ..] => Self::settle_paid(digest, &job, first, replicas, &slots)?,
		}
		Ok(Self::slot_count(&job))
	}

	/// Pay a claim, those who claim the same and those who audited it, write the receipt.
	fn settle_paid(
		digest: JobDigest,
		job: &Job<AccountId>,
		(slot_id, slot): &(SlotId, Slot<AccountId>),
		replicas: &[&(SlotId, Slot<AccountId>)],
		slots: &JobSlots,
	) -> DispatchResult {
		let (SlotState::Revealed { claim, units }, Phase::Window { length, .. }) =
			(slot.state, job.phase)
		else {
			return Err(Error::<T>::NotSettleable.into());
		};
		let model = T::Models::model(job.model).ok_or(Error::<T>::ModelUnknown)?;
		let worker = slot.worker.clone().ok_or(Error::<T>::WorkerKeyMissing)?;
		let others = replicas.iter().map(|(_, slot)| &slot.party);
		let providers: Vec<_> = core::iter::once(&slot.party).chain(others).collect();
		let shares = Self::shares(job, &providers, &model.owner, units);
		for provider in providers {
			Self::note_settled(provider, &job.tenant, Self::protocol_fee(job, units));
		}
		let price_paid = T::Leases::settle(job.lease, digest, job.reserved(), shares);
		let output = claim.output().into();
		// After the job has paid its fee into the pool that audits are paid from.
		let audits = Self::pay_auditors(digest, job, slots, Some(output));
		Self::pay_jackpot(digest, slots, output);
		// Where a demand has barred auditors the audit that was paid for is none.
		let is_audited = job.lambda_ppb > 0 && (audits > 0 || !job.hold.is_barred());
		let receipt = Receipt {
			job: digest,
			tenant: job.tenant.clone(),
			provider: slot.party.clone(),
			slot: *slot_id,
			worker,
			model: job.model,
			program: job.program,
			weights: job.weights,
			input: job.input,
			output,
			count: claim.count(),
			units,
			price: price_paid,
			value_at_risk: job.value_at_risk,
			pledge: slot.pledge,
			lambda_ppb: job.lambda_ppb,
			audits,
			// A job has far fewer slots than a counter holds.
			replicas: u32::try_from(replicas.len()).unwrap_or(u32::MAX),
			window_blocks: length,
			assurance: if is_audited { Assurance::Audited } else { Assurance::Unaudited },
			submitted_at: job.submitted_at,
			settled_at: Self::block(),
		};
		Self::remove(digest, job);
		let leaf_index = Self::push_receipt(&receipt)?;
		Self::deposit_event(Event::JobSettled { job: digest, leaf_index, receipt });
		Ok(())
	}

	/// End a job of which only auditors have a claim left: they are paid for it, and the tenant gets
	/// everything back.
	fn settle_unpaid(digest: JobDigest, job: &Job<AccountId>, slots: &JobSlots) {
		Self::pay_auditors(digest, job, slots, None);
		let refund = Self::refund(digest, job);
		let assigned = || slots.iter().map(|(_, slot)| slot).filter(|slot| slot.role.does_job());
		let event = if assigned().any(|slot| matches!(slot.state, SlotState::Guilty { .. })) {
			Event::JobRefuted { job: digest, refund }
		} else {
			let mut reasons = assigned().filter_map(|slot| match slot.state {
				SlotState::Lapsed { reason } => Some(reason),
				_ => None,
			});
			let reason = reasons.next_back().unwrap_or(LapseReason::NotRevealed);
			Event::JobExpired { job: digest, reason, refund }
		};
		Self::deposit_event(event);
	}

	// --- pause ---

	pub(crate) fn do_set_paused(paused: bool) {
		JobClock::<T>::mutate(|clock| *clock = clock.set_paused(paused, Self::block()));
		Self::deposit_event(Event::PausedSet { paused });
	}

	// --- storage of slots and jobs ---

	/// A slot and its job, while jobs run.
	fn load(slot_id: SlotId) -> Result<Checked, Error<T>> {
		Self::ensure_running()?;
		let slot = Slots::<T>::get(slot_id).ok_or(Error::<T>::SlotUnknown)?;
		let job = Jobs::<T>::get(slot.job).ok_or(Error::<T>::JobUnknown)?;
		Ok((slot, job))
	}

	/// The slots of a job, in the order they were opened.
	pub(crate) fn slots_of(job: &Job<AccountId>) -> JobSlots {
		job.slots.iter().filter_map(|id| Slots::<T>::get(id).map(|slot| (*id, slot))).collect()
	}

	fn slot_count(job: &Job<AccountId>) -> u32 {
		u32::try_from(job.slots.len()).unwrap_or(types::SLOTS_MAX)
	}

	/// Store a new slot among its party's duties, and bind the party to it.
	pub(crate) fn open_slot(slot_id: SlotId, slot: Slot<AccountId>) -> DispatchResult {
		T::Providers::engage(&slot.party)?;
		Duties::<T>::insert(&slot.party, slot_id, ());
		// An audit counts for nothing there: neither does a notice have to wait for a place, nor
		// does it cost its provider a job.
		if slot.role.does_job() {
			OpenSlots::<T>::mutate(&slot.party, |open| *open = open.saturating_add(1));
		}
		Slots::<T>::insert(slot_id, slot);
		Ok(())
	}

	/// Remove a job and all its slots; give back what is still pledged.
	fn remove(digest: JobDigest, job: &Job<AccountId>) {
		for slot_id in &job.slots {
			Self::remove_slot(*slot_id);
		}
		T::Models::job_closed(job.model);
		InlineInputs::<T>::remove(digest);
		AwaitingAudit::<T>::remove(digest);
		Jackpots::<T>::remove(digest);
		Jobs::<T>::remove(digest);
	}

	/// Remove a slot that nothing names any more; give back what is still pledged.
	pub(crate) fn remove_slot(slot_id: SlotId) {
		let Some(slot) = Slots::<T>::take(slot_id) else { return };
		Self::release_slot(slot_id, &slot);
		Duties::<T>::remove(&slot.party, slot_id);
		if let Some(worker) = &slot.worker {
			WorkerDuties::<T>::remove(worker, slot_id);
		}
		if slot.role.does_job() {
			OpenSlots::<T>::mutate_exists(&slot.party, |open| {
				*open = open.map(|open| open.saturating_sub(1)).filter(|open| *open > 0);
			});
		}
		T::Providers::disengage(&slot.party);
	}

	// --- receipts ---

	/// Keep a receipt for the root of this block, and a searchable copy where the node keeps one.
	fn push_receipt(receipt: &Receipt<AccountId>) -> Result<u32, Error<T>> {
		let bytes = receipt.encode();
		let index = BlockReceipts::<T>::try_mutate(|leaves| {
			let index = leaves.len();
			leaves.try_push(H256(merkle::leaf(&bytes))).map(|_| index)
		})
		.map_err(|_| Error::<T>::ReceiptsFull)?;
		sp_io::offchain_index::set(&Self::receipt_key(&receipt.job), &bytes);
		Ok(u32::try_from(index).unwrap_or(types::RECEIPTS_MAX))
	}

	/// Where nodes with off-chain indexing keep the receipt of a job.
	pub fn receipt_key(job: &JobDigest) -> Vec<u8> {
		(b"assay/receipt/", job).encode()
	}

	/// Write the root of this block's receipts into its header.
	pub(crate) fn seal_receipts() {
		let leaves = BlockReceipts::<T>::take();
		if leaves.is_empty() {
			return;
		}
		let root = H256(merkle::root(leaves.into_iter().map(|leaf| leaf.0)));
		frame_system::Pallet::<T>::deposit_log(sp_runtime::DigestItem::Consensus(
			RECEIPTS_ENGINE_ID,
			(RECEIPTS_VERSION, root).encode(),
		));
	}
}
