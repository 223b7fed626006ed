//! Bodies of the calls. What a call needs is checked by a `check_*` function that the authorisation
//! of the call shares, then everything is written.

use crate::{
	ledger::AuditorOf,
	types::{
		following, is_duty, threshold, ticket, Draw, Drawn, JoinRefusal, KnownKey, DRAW_BLOCKS,
		RATE_PARTS,
	},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	duty_key_statement, duty_randomness, is_segment, segment_to_show, AccountId, Anchor,
	AuditedJob, AuditedJobs, DutyInput, DutyKey, DutyKeyProof, DutyOutput, JobDigest, ModelId,
	Models, Providers, Stake, WeightsRoot, WorkerKey, DUTY_BLOCKS,
};
use codec::Encode;
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use sp_core::H256;
use sp_runtime::SaturatedConversion;

/// A provider that may audit a job, and what decides whether it has to.
pub(crate) struct Candidate {
	pub(crate) auditor: AccountId,
	/// Its duty key of this period.
	pub(crate) key: DutyKey,
	/// What its duty is drawn from.
	pub(crate) input: DutyInput,
	/// The number below which it has the duty.
	pub(crate) threshold: u128,
}

/// A provider that would do a job as well.
pub(crate) struct Volunteer {
	pub(crate) provider: AccountId,
	/// The lowest ones are drawn.
	pub(crate) ticket: u128,
}

/// What a provider has to show in this duty period to count in the next one.
pub(crate) struct DueShow {
	pub(crate) provider: AccountId,
	/// The present duty period.
	pub(crate) period: u32,
	/// The segment of the weights.
	pub(crate) segment: u32,
	/// The root of these.
	pub(crate) weights: WeightsRoot,
	/// Their length.
	pub(crate) weights_bytes: u64,
}

impl<T: Config> Pallet<T> {
	/// Hash of the first block: it tells chains apart, and the system pallet keeps it for ever.
	pub(crate) fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(0u32))
	}

	pub(crate) fn block() -> u32 {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Hash of a block of the past that the chain remembers.
	pub(crate) fn past_hash(number: u32) -> Option<H256> {
		if number >= Self::block() {
			return None;
		}
		let hash = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(number));
		(hash != H256::zero()).then_some(hash)
	}

	// --- duty keys and pools ---

	pub(crate) fn do_set_duty_key(
		who: AccountId,
		key: DutyKey,
		proof: &DutyKeyProof,
	) -> DispatchResult {
		ensure!(T::Providers::worker_key(&who).is_some(), Error::<T>::NotAProvider);
		// The neutral point: the one key whose output nobody has to compute.
		ensure!(key != DutyKey::from_raw([0; 32]), Error::<T>::DutyKeyInvalid);
		let statement = duty_key_statement(&Self::genesis(), &who);
		let is_proven = sp_io::crypto::sr25519_verify(proof, &statement, &key);
		ensure!(is_proven, Error::<T>::DutyKeyProofInvalid);

		let now = Self::period();
		let old = Self::auditor_of(&who);
		let mut new = old.clone();
		new.key.set_next(now, Some(KnownKey { key, set_at: Self::block() }));
		Self::store_auditor(&who, &old, new)?;
		let period = following(now);
		Self::deposit_event(Event::DutyKeySet { provider: who, key, period });
		Ok(())
	}

	pub(crate) fn do_join(who: AccountId, model: ModelId) -> DispatchResult {
		ensure!(T::Providers::worker_key(&who).is_some(), Error::<T>::NotAProvider);
		let info = T::Models::model(model).ok_or(Error::<T>::ModelUnknown)?;
		ensure!(!info.retired, Error::<T>::ModelRetired);
		let now = Self::period();
		let old = Self::auditor_of(&who);
		let mut new = old.clone();
		new.join(model, now).map_err(|refusal| match refusal {
			JoinRefusal::IsMember => Error::<T>::AlreadyMember,
			JoinRefusal::TooMany => Error::<T>::TooManyPools,
		})?;

		new.tell_stake(T::AuditStake::bonded(&who), now);
		Self::store_auditor(&who, &old, new)?;
		let period = following(now);
		Self::deposit_event(Event::Joined { provider: who, model, period });
		Ok(())
	}

	pub(crate) fn do_leave(who: AccountId, model: ModelId) -> DispatchResult {
		let now = Self::period();
		let old = Self::auditor_of(&who);
		let mut new = old.clone();
		ensure!(new.leave(model, now), Error::<T>::NotAMember);

		Self::store_auditor(&who, &old, new)?;
		let period = following(now);
		Self::deposit_event(Event::Left { provider: who, model, period });
		Ok(())
	}

	/// What is recorded of a provider, and what a refresh makes of it.
	pub(crate) fn check_refresh(who: &AccountId) -> Result<(AuditorOf<T>, AuditorOf<T>), Error<T>> {
		let old = Auditors::<T>::get(who).ok_or(Error::<T>::NothingToRefresh)?;
		let now = Self::period();
		let mut new = old.clone();
		match T::Providers::worker_key(who) {
			None => new.retire(now),
			// Where it has no pool its stake counts nowhere.
			Some(_) if old.pools.is_empty() => (),
			Some(_) => new.tell_stake(T::AuditStake::bonded(who), now),
		}
		// A record of a provider that is gone goes too, once nothing of it counts.
		let changes = new != old || new.is_empty(now);
		ensure!(changes, Error::<T>::NothingToRefresh);
		Ok((old, new))
	}

	pub(crate) fn do_refresh(who: AccountId) -> DispatchResult {
		let (old, new) = Self::check_refresh(&who)?;
		let now = Self::period();
		let stake = *new.stake.next(now);
		Self::store_auditor(&who, &old, new)?;
		let period = following(now);
		Self::deposit_event(Event::Refreshed { provider: who, stake, period });
		Ok(())
	}

	// --- randomness ---

	/// While a block begins: write down what the author of the block before it drew.
	pub(crate) fn remember_randomness(now: u32) {
		let Some(number) = now.checked_sub(1) else { return };
		if let Some(randomness) = T::AuthorRandomness::author_vrf() {
			Self::remember(number, randomness);
			Self::remember_of_period(T::Jobs::period_of(number), randomness);
		}
	}

	/// Write down what the first author in a duty period drew who drew anything.
	pub(crate) fn remember_of_period(period: u32, randomness: H256) {
		if PeriodDraw::<T>::get().is_none_or(|(known, _)| known != period) {
			PeriodDraw::<T>::put((period, randomness));
		}
	}

	/// What decides which segments are to be shown in a duty period, once it is known.
	pub(crate) fn draw_of_period(period: u32) -> Option<H256> {
		PeriodDraw::<T>::get().and_then(|(known, drawn)| (known == period).then_some(drawn))
	}

	/// Write down what the author of a block drew, over what is older by a ring.
	pub(crate) fn remember(number: u32, randomness: H256) {
		if let Some(place) = Self::place(number) {
			Ring::<T>::insert(place, Draw { number, randomness });
		}
	}

	/// Place of a block in the ring.
	pub(crate) fn place(number: u32) -> Option<u32> {
		number.checked_rem(T::RingSize::get())
	}

	/// The author's randomness of exactly this block, while it is remembered.
	pub(crate) fn randomness_at(number: u32) -> Option<H256> {
		let draw = Ring::<T>::get(Self::place(number)?)?;
		(draw.number == number).then_some(draw.randomness)
	}

	/// The randomness that decides about a job, of the first blocks after its commitment that have
	/// any. The same for whoever asks, and whenever.
	pub(crate) fn draw_for(committed_at: u32) -> Drawn {
		let (now, first) = (Self::block(), committed_at.saturating_add(1));
		// From then on a place may hold the randomness of a later block.
		if now > first.saturating_add(T::RingSize::get()) {
			return Drawn::Gone;
		}
		let mut drawn = Vec::new();
		for number in first..first.saturating_add(DRAW_BLOCKS) {
			// It is written down when the block after it begins.
			if number >= now {
				return Drawn::Pending;
			}
			drawn.extend(Self::randomness_at(number));
			if drawn.len() == DUTY_BLOCKS as usize {
				return Drawn::Found(Draw { number, randomness: duty_randomness(&drawn) });
			}
		}
		Drawn::Gone
	}

	// --- weights ---

	/// What the provider of this worker key has to show of a model in this period, if it has not.
	pub(crate) fn check_due_show(model: ModelId, worker: &WorkerKey) -> Result<DueShow, Error<T>> {
		let provider = T::Providers::provider_of(worker).ok_or(Error::<T>::NotAProvider)?;
		let (period, record) = (Self::period(), Self::auditor_of(&provider));
		let next = following(period);
		// Who will be a member when it counts.
		ensure!(record.is_member(model, next), Error::<T>::NotAMember);
		ensure!(record.key.at(next).is_some(), Error::<T>::NoDutyKey);
		ensure!(!record.has_shown(model, next), Error::<T>::AlreadyShown);
		let drawn = Self::draw_of_period(period).ok_or(Error::<T>::PeriodDrawPending)?;
		let info = T::Models::model(model).ok_or(Error::<T>::ModelUnknown)?;
		let (weights, weights_bytes) = (info.weights, info.weights_bytes);
		let segment = segment_to_show(&drawn, &provider, model, weights_bytes)
			.ok_or(Error::<T>::NothingToShow)?;
		Ok(DueShow { provider, period, segment, weights, weights_bytes })
	}

	/// As [`Self::check_due_show`], and that it is this.
	pub(crate) fn check_show(
		model: ModelId,
		bytes: &[u8],
		path: &[H256],
		worker: &WorkerKey,
	) -> Result<DueShow, Error<T>> {
		let due = Self::check_due_show(model, worker)?;
		ensure!(
			is_segment(&due.weights, due.weights_bytes, due.segment, bytes, path),
			Error::<T>::SegmentWrong
		);
		Ok(due)
	}

	pub(crate) fn do_show(
		model: ModelId,
		bytes: &[u8],
		path: &[H256],
		worker: &WorkerKey,
	) -> DispatchResult {
		let DueShow { provider, period, segment, .. } =
			Self::check_show(model, bytes, path, worker)?;
		let old = Self::auditor_of(&provider);
		let mut new = old.clone();
		new.show(model, period);
		Self::store_auditor(&provider, &old, new)?;
		let period = following(period);
		Self::deposit_event(Event::WeightsShown { provider, model, segment, period });
		Ok(())
	}

	// --- final mark ---

	/// The lowest block that a mark of a commitment may rest on: the last whose author decides.
	pub(crate) fn lowest_anchor(committed_at: u32) -> Result<u32, Error<T>> {
		match Self::draw_for(committed_at) {
			Drawn::Found(draw) => Ok(draw.number),
			Drawn::Pending => Err(Error::<T>::RandomnessPending),
			// Nobody can be drawn: the job must not be stuck for all that.
			Drawn::Gone => Ok(committed_at.saturating_add(1)),
		}
	}

	/// Whether the party of a job itself may mark it.
	pub(crate) fn party_may_mark(committed_at: u32) -> bool {
		Self::block() >= committed_at.saturating_add(T::MarkDelay::get())
	}

	/// Whose word a mark is.
	pub(crate) fn check_mark_final(
		job: JobDigest,
		anchor: &Anchor,
		worker: &WorkerKey,
	) -> Result<AccountId, Error<T>> {
		let audited = T::Jobs::audited(job).ok_or(Error::<T>::JobUnknown)?;
		ensure!(audited.notices_until.is_none(), Error::<T>::AlreadyMarked);
		let lowest = Self::lowest_anchor(audited.committed_at)?;
		ensure!(anchor.number >= lowest, Error::<T>::AnchorWrong);
		ensure!(Self::past_hash(anchor.number) == Some(anchor.hash), Error::<T>::AnchorWrong);
		let provider = T::Providers::provider_of(worker).ok_or(Error::<T>::NotAProvider)?;
		let is_party = Self::is_party(&audited, &provider, worker);
		ensure!(
			!is_party || Self::party_may_mark(audited.committed_at),
			Error::<T>::PartyMarksLater
		);
		Ok(provider)
	}

	pub(crate) fn do_mark_final(
		job: JobDigest,
		anchor: Anchor,
		worker: &WorkerKey,
	) -> DispatchResult {
		let provider = Self::check_mark_final(job, &anchor, worker)?;
		let notices_until = T::Jobs::mark_final(job, T::NoticeBlocks::get())?;
		Self::deposit_event(Event::MarkedFinal { job, anchor, provider, notices_until });
		Ok(())
	}

	/// Whether a key speaks for the party of a job: because it acts for that account, or because it
	/// acts in its slot.
	fn is_party(audited: &AuditedJob<AccountId>, provider: &AccountId, worker: &WorkerKey) -> bool {
		*provider == audited.party || *worker == audited.worker
	}

	// --- notice ---

	/// Who may audit a job by this worker key, and what decides whether it has to.
	pub(crate) fn check_candidate(
		job: JobDigest,
		worker: &WorkerKey,
	) -> Result<Candidate, Error<T>> {
		let audited = T::Jobs::audited(job).ok_or(Error::<T>::JobUnknown)?;
		let until = audited.notices_until.ok_or(Error::<T>::NotMarked)?;
		ensure!(T::Jobs::now() <= until, Error::<T>::NoticesOver);
		let auditor = T::Providers::provider_of(worker).ok_or(Error::<T>::NotAProvider)?;
		ensure!(!Self::is_party(&audited, &auditor, worker), Error::<T>::OwnJob);
		// Of the commitment's period, not of this one: nothing that is done after the draw counts.
		let (period, record) = (audited.period, Self::auditor_of(&auditor));
		ensure!(record.is_member(audited.model, period), Error::<T>::NotAMember);
		let known = record.key.at(period).ok_or(Error::<T>::NoDutyKey)?;
		ensure!(known.set_at < audited.submitted_at, Error::<T>::DutyKeyTooNew);
		let draw = match Self::draw_for(audited.committed_at) {
			Drawn::Found(draw) => draw,
			Drawn::Pending => return Err(Error::<T>::RandomnessPending),
			Drawn::Gone => return Err(Error::<T>::RandomnessGone),
		};
		ensure!(record.has_shown(audited.model, period), Error::<T>::NotShown);

		// Stake that is gone must not find anything: neither by what counted nor by what is bonded.
		let counted = record.share(audited.model, period).stake;
		let stake = counted.min(T::AuditStake::bonded(&auditor));
		let (others, _) = Self::share_of_others(audited.model, &audited.party, period);
		let input = DutyInput {
			genesis: Self::genesis(),
			job,
			slot: audited.slot,
			worker: audited.worker,
			randomness: draw.randomness,
		};
		let threshold = threshold(audited.lambda_ppb, stake, others.stake);
		Ok(Candidate { auditor, key: known.key, input, threshold })
	}

	/// As [`Self::check_candidate`], and that it has to.
	pub(crate) fn check_notice(
		job: JobDigest,
		worker: &WorkerKey,
		output: &DutyOutput,
	) -> Result<Candidate, Error<T>> {
		let candidate = Self::check_candidate(job, worker)?;
		ensure!(is_duty(output.number(), candidate.threshold), Error::<T>::NoDuty);
		Ok(candidate)
	}

	pub(crate) fn do_notice(
		job: JobDigest,
		worker: WorkerKey,
		output: DutyOutput,
	) -> DispatchResult {
		// State may have changed since the call was authorised; the proof has not.
		let Candidate { auditor, input, .. } = Self::check_notice(job, &worker, &output)?;
		let slot = T::Jobs::open_audit(job, auditor.clone(), worker)?;
		let audited_slot = input.slot;
		Self::deposit_event(Event::NoticeTaken { job, audited_slot, slot, auditor, output });
		Ok(())
	}

	// --- replicas ---

	/// Who may do a job as well by this worker key, and its ticket.
	pub(crate) fn check_replicate(
		job: JobDigest,
		worker: &WorkerKey,
	) -> Result<Volunteer, Error<T>> {
		let replicated = T::Jobs::replicated(job).ok_or(Error::<T>::JobUnknown)?;
		let provider = T::Providers::provider_of(worker).ok_or(Error::<T>::NotAProvider)?;
		// Of the commitment's period: nothing that is done after the draw counts.
		let (model, period) = (replicated.model, replicated.period);
		let record = Self::auditor_of(&provider);
		ensure!(record.is_member(model, period), Error::<T>::NotAMember);
		ensure!(record.has_shown(model, period), Error::<T>::NotShown);
		let draw = match Self::draw_for(replicated.committed_at) {
			Drawn::Found(draw) => draw,
			Drawn::Pending => return Err(Error::<T>::RandomnessPending),
			Drawn::Gone => return Err(Error::<T>::RandomnessGone),
		};
		let counted = record.share(model, period).stake;
		let stake = counted.min(T::AuditStake::bonded(&provider));
		ensure!(stake > 0, Error::<T>::NothingAtStake);
		let statement = ("assay/replica-ticket/1", draw.randomness, job, &provider).encode();
		let [a, b, c, d, e, f, g, h, ..] = sp_io::hashing::blake2_256(&statement);
		let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
		Ok(Volunteer { provider, ticket: ticket(number, stake) })
	}

	pub(crate) fn do_replicate(job: JobDigest, worker: WorkerKey) -> DispatchResult {
		// State may have changed since the call was authorised.
		let Volunteer { provider, ticket } = Self::check_replicate(job, &worker)?;
		T::Jobs::open_replica(job, provider, worker, ticket)?;
		Ok(())
	}

	// --- the floor of audit rates ---

	/// Smallest audit rate of a job that is to be audited.
	pub(crate) fn lambda_floor() -> u32 {
		// An upgrade may have raised what is possible at least.
		LambdaFloor::<T>::get().unwrap_or_default().max(T::LambdaMin::get())
	}

	pub(crate) fn do_set_lambda_floor(lambda_ppb: u32) -> DispatchResult {
		let range = T::LambdaMin::get()..=RATE_PARTS;
		ensure!(range.contains(&lambda_ppb), Error::<T>::LambdaFloorOutOfRange);
		let old_ppb = Self::lambda_floor();
		LambdaFloor::<T>::put(lambda_ppb);
		Self::deposit_event(Event::LambdaFloorSet { old_ppb, new_ppb: lambda_ppb });
		Ok(())
	}
}
