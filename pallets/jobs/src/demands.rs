//! What demands ask of jobs, and do to them.
//!
//! A demand holds its job: the job's own clock stands still from the block of the demand until the
//! answer is complete, or until it is too late and the slot that owed it lapses. All clock times
//! that are stored in a job and its slots are times of that clock, so none has to be moved when it
//! goes on. Meanwhile nothing of the job lapses or settles and no dispute about it begins, but
//! marks, notices, commitments and reveals are taken: none of these comes too late, none is
//! kept back.
//!
//! ```text
//!  block       100  101  102  103  ...  110  111
//!  chain clock 100  101  102  103       110  111      no pause
//!  job clock   100  101  101  101       101  102      demanded in 101, answered in 110
//! ```
//!
//! What is due already stays due: no demand begins about a slot that may lapse, or a job that may
//! settle, so a demand puts off nothing but what is still to come. The output of an audited job is
//! demanded only once no trap of it can be opened any more: until then it may become another.

use crate::{
	types::{opposed, SlotState},
	*,
};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, AccountId, Item, JobDigest, LapseReason, Models, Outline, Owed, OwedItems,
	SlotId, WantedInput, WorkerKey, DEMAND_BYTES_MAX,
};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{defensive, ensure};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult};

/// How long demands have held a job, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Hold {
	/// Blocks of the chain's clock for which all former demands have held it.
	held: u32,
	/// What the chain's clock showed when the demand began that is open.
	since: Option<u32>,
	/// Whether the input was ever demanded.
	input: bool,
	/// Whether the output was.
	output: bool,
	/// Whether a demand has shown that nobody else can compute the job.
	barred: bool,
}

impl Hold {
	/// Whether a demand is open.
	pub fn is_open(&self) -> bool {
		self.since.is_some()
	}

	/// What the chain's clock showed when the demand began that is open.
	pub fn since(&self) -> Option<u32> {
		self.since
	}

	/// Whether anything was ever demanded.
	pub fn was_demanded(&self) -> bool {
		self.input || self.output
	}

	/// Whether a demand has shown that nobody else can compute the job: its input was kept back, or
	/// is of another length than the job says. No auditor comes any more.
	pub fn is_barred(&self) -> bool {
		self.barred
	}

	/// Whether this item was.
	pub fn has(&self, item: Item) -> bool {
		match item {
			Item::Input => self.input,
			Item::Output => self.output,
		}
	}

	/// The hold after a demand for an item began.
	pub fn begin(self, item: Item, now: u32) -> Self {
		let hold = Self { since: Some(self.since.unwrap_or(now)), ..self };
		match item {
			Item::Input => Self { input: true, ..hold },
			Item::Output => Self { output: true, ..hold },
		}
	}

	/// The hold after the demand that is open has ended.
	pub fn end(self, now: u32) -> Self {
		Self { held: self.held.saturating_add(self.lasted(now)), since: None, ..self }
	}

	/// The hold after what was delivered, or withheld, is no more what the job is paid for.
	pub(crate) fn forget_output(self) -> Self {
		Self { output: false, ..self }
	}

	/// Blocks for which the demand that is open has held the job.
	fn lasted(&self, now: u32) -> u32 {
		self.since.map_or(0, |since| now.saturating_sub(since))
	}

	/// The job's own clock, as it goes on if the demand ends in this block.
	pub fn clock(&self, chain: &Clock, block: u32) -> Clock {
		let lasted = self.lasted(chain.at(block));
		let before = self.clock_before(chain);
		Clock { offset: before.offset.saturating_add(lasted), ..before }
	}

	/// The job's own clock without the demand that is open.
	pub fn clock_before(&self, chain: &Clock) -> Clock {
		Clock { offset: chain.offset.saturating_add(self.held), ..*chain }
	}
}

impl<T: Config> OwedItems<AccountId> for Pallet<T> {
	fn now() -> u32 {
		Self::now()
	}

	fn block_of(time: u32) -> u32 {
		JobClock::<T>::get().block_of(time)
	}

	fn is_paused() -> bool {
		JobClock::<T>::get().paused_since.is_some()
	}

	fn owed(digest: JobDigest, item: Item) -> Result<Owed<AccountId>, DispatchError> {
		Ok(Self::check_owed(digest, item)?.1)
	}

	fn hold(digest: JobDigest, item: Item) -> DispatchResult {
		let (mut job, _) = Self::check_owed(digest, item)?;
		job.hold = job.hold.begin(item, Self::now());
		Jobs::<T>::insert(digest, job);
		Ok(())
	}

	fn resume(digest: JobDigest) {
		Jobs::<T>::mutate(digest, |job| match job {
			Some(job) => job.hold = job.hold.end(Self::now()),
			None => {
				defensive!("a demand outlived its job");
			},
		});
	}

	fn bar(digest: JobDigest) -> u32 {
		let Some(job) = Jobs::<T>::get(digest) else {
			defensive!("a demand outlived its job");
			return 0;
		};
		let job = Self::bar_audits(job);
		Self::advance(digest, job, LapseReason::NotAccepted)
	}

	fn withhold(digest: JobDigest, slot_id: SlotId) -> u32 {
		let (job, slot) = (Jobs::<T>::get(digest), Slots::<T>::get(slot_id));
		let Some((job, slot)) = job.zip(slot) else {
			defensive!("a demand outlived its job");
			return 0;
		};
		let job = Self::bar_audits(job);
		// What its trap promised was for whoever contradicts a claim that is gone now.
		Jackpots::<T>::remove(digest);
		let now = Self::now_of(&job);
		let job = match Self::has_heir(&job, slot_id) {
			true => job.owing_anew(now.saturating_add(Self::timing().commit_base)),
			false => job,
		};
		Self::lapse_slot(slot_id, slot, job, LapseReason::Withheld)
	}

	fn stored_as(slot_id: SlotId, item: Item) -> Option<H256> {
		let slot = Slots::<T>::get(slot_id)?;
		match item {
			Item::Input => Jobs::<T>::get(slot.job).map(|job| job.input.0),
			Item::Output => slot.state.output().map(|output| output.0),
		}
	}

	fn wanted_inputs(worker: &WorkerKey) -> Vec<WantedInput> {
		WorkerDuties::<T>::iter_key_prefix(worker)
			.filter_map(|slot_id| Some((slot_id, Slots::<T>::get(slot_id)?)))
			.filter(|(_, slot)| slot.role == SlotRole::Audit && slot.state.awaits_commitment())
			.filter(|(_, slot)| !InlineInputs::<T>::contains_key(slot.job))
			.filter_map(|(slot_id, slot)| {
				let job = Jobs::<T>::get(slot.job)?;
				let length = T::Models::model(job.model)?.cost.input_length(&job.parameters);
				let length = u32::try_from(length).ok()?;
				Some(WantedInput { job: slot.job, slot: slot_id, digest: job.input.0, length })
			})
			.collect()
	}

	fn duties(worker: &WorkerKey) -> Vec<JobDigest> {
		let slots = WorkerDuties::<T>::iter_key_prefix(worker).filter_map(Slots::<T>::get);
		slots.filter(|slot| slot.role.does_job()).map(|slot| slot.job).collect()
	}

	fn held() -> Vec<JobDigest> {
		Jobs::<T>::iter().filter(|(_, job)| job.hold.is_open()).map(|(digest, _)| digest).collect()
	}
}

impl<T: Config> Pallet<T> {
	/// A job's own clock, as it goes on if a demand about it ends in this block.
	pub(crate) fn clock_of(job: &Job<AccountId>) -> Clock {
		job.hold.clock(&JobClock::<T>::get(), Self::block())
	}

	/// What a job's own clock shows now.
	pub(crate) fn now_of(job: &Job<AccountId>) -> u32 {
		Self::clock_of(job).at(Self::block())
	}

	/// What the chain's clock shows when a job's own clock shows a time, if a demand about it ends in
	/// this block.
	pub(crate) fn chain_time(job: &Job<AccountId>, time: u32) -> u32 {
		time.saturating_add(Self::now().saturating_sub(Self::now_of(job)))
	}

	/// A job, and what a demand for an item of it would be about.
	fn check_owed(
		digest: JobDigest,
		item: Item,
	) -> Result<(Job<AccountId>, Owed<AccountId>), Error<T>> {
		Self::ensure_running()?;
		let job = Jobs::<T>::get(digest).ok_or(Error::<T>::JobUnknown)?;
		ensure!(!job.hold.is_open(), Error::<T>::Held);
		ensure!(!job.hold.has(item), Error::<T>::AlreadyDemanded);
		let is_stored = !InlineInputs::<T>::contains_key(digest);
		ensure!(item == Item::Output || is_stored, Error::<T>::NotOwed);
		ensure!(!Self::is_end_due(&job), Error::<T>::NotOwed);
		let slots = Self::slots_of(&job);
		ensure!(slots.iter().all(|(_, slot)| slot.disputes == 0), Error::<T>::Disputed);
		// Of two outputs one is wrong, and of a hidden one nobody knows: who wants the one that is paid
		// for waits until it is known.
		let is_settled = item == Item::Input || job.replicas.wanted == 0 || {
			matches!(job.phase, Phase::Window { .. }) && opposed(&slots).is_none()
		};
		ensure!(is_settled, Error::<T>::NotOwed);
		let found = slots.into_iter().filter(|(_, slot)| slot.role.does_job()).find_map(
			|(slot_id, slot)| {
				let (blob, length) = Self::owed_blob(&job, &slot.state, item)?;
				Some((slot_id, slot, blob, length))
			},
		);
		let (slot_id, slot, blob, length) = found.ok_or(Error::<T>::NotOwed)?;
		let awaits_traps = job.awaits_traps(Self::now_of(&job), &Self::timing());
		ensure!(item == Item::Input || !awaits_traps, Error::<T>::TrapsComeFirst);
		ensure!(
			(1..=u64::from(DEMAND_BYTES_MAX)).contains(&length),
			Error::<T>::LengthNotDemandable
		);
		let owed = Owed {
			slot: slot_id,
			provider: slot.party,
			worker: slot.worker.ok_or(Error::<T>::WorkerKeyMissing)?,
			digest: blob,
			length: u32::try_from(length).map_err(|_| Error::<T>::LengthNotDemandable)?,
		};
		Ok((job, owed))
	}

	/// Ends the demand about a job which nobody else can compute, as it has shown. Auditors that have
	/// not committed are free of their duty, without a penalty and a mark on their record.
	fn bar_audits(mut job: Job<AccountId>) -> Job<AccountId> {
		job.hold = Hold { barred: true, ..job.hold.end(Self::now()) };
		let has_others = job.slots.len() > 1;
		for (slot_id, slot) in Self::slots_of(&job) {
			if slot.role == SlotRole::Audit && slot.state.awaits_commitment() {
				Self::close_slot(slot_id, slot, has_others, LapseReason::NotAccepted);
			}
		}
		job
	}

	/// Whether silent slots of a job may lapse, or the job may settle.
	fn is_end_due(job: &Job<AccountId>) -> bool {
		let last = match job.phase {
			Phase::Claiming => return false,
			Phase::Revealing { reveal_by, .. } => {
				reveal_by.saturating_add(Self::timing().reveal_grace)
			},
			Phase::Window { closes, .. } => job.owes_until(closes),
		};
		Self::now_of(job) > last
	}

	/// Blob digest and length of what a slot in a state owes.
	fn owed_blob(job: &Job<AccountId>, state: &SlotState, item: Item) -> Option<(H256, u64)> {
		let model = T::Models::model(job.model)?;
		match (item, state) {
			(Item::Input, SlotState::Committed { .. } | SlotState::Revealed { .. }) => {
				Some((job.input.0, model.cost.input_length(&job.parameters)))
			},
			(Item::Output, SlotState::Revealed { claim: Claim::Output { count, data }, .. }) => {
				let outline = Outline::of(&model.leaves, &model.cost, &job.parameters).ok()?;
				Some((H256(*data), outline.output_length(*count)))
			},
			_ => None,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_hold_stops_one_clock() {
		let chain = Clock { offset: 50, paused_since: None };
		let free = Hold::default();
		assert_eq!(free.clock(&chain, 160), chain);
		let held = free.begin(Item::Input, chain.at(160));
		assert_eq!(held.since(), Some(110));
		for block in [160, 161, 200] {
			assert_eq!(held.clock(&chain, block).at(block), 110);
			assert_eq!(held.clock(&chain, block).block_of(111), block + 1);
			assert_eq!(held.clock_before(&chain).block_of(111), 161);
		}
		let over = held.end(chain.at(200));
		assert!(!over.is_open() && over.has(Item::Input) && !over.has(Item::Output));
		assert_eq!(over.clock(&chain, 200).at(200), 110);
		assert_eq!(over.clock(&chain, 207).at(207), 117);
		let again = over.begin(Item::Output, chain.at(207));
		assert_eq!(again.clock(&chain, 300).at(300), 117);
	}

	#[test]
	fn a_pause_within_a_hold_counts_once() {
		let chain = Clock::default();
		let held = Hold::default().begin(Item::Input, chain.at(10));
		let paused = chain.set_paused(true, 15);
		assert_eq!(held.clock(&paused, 40).at(40), 10);
		let resumed = paused.set_paused(false, 40);
		assert_eq!(held.clock(&resumed, 45).at(45), 10);
		let over = held.end(resumed.at(45));
		assert_eq!(over.clock(&resumed, 46).at(46), 11);
		let paused = resumed.set_paused(true, 50);
		assert_eq!(over.clock(&paused, 90).at(90), 15);
		assert_eq!(held.clock(&paused, 90).at(90), 10, "a hold that goes on in a pause");
	}
}
