//! Stored types and the pure transitions between their states.

use assay_primitives::{
	Balance, Commitment, InputDigest, JobDigest, LapseReason, LeaseId, ModelId, OutputDigest,
	Parameters, ProgramDigest, SlotId, WeightsRoot, WorkerKey,
};
use assay_program::{wire::JobRequest, Claim};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Most bytes of an input that travels with its job.
pub const INLINE_BYTES_MAX: u32 = 16_384;
/// Most slots a job can have. One today; replicas, audits and challenges are further slots.
pub const SLOTS_MAX: u32 = 16;
/// Most settlements a block can carry: the next is refused and stays due.
pub const RECEIPTS_MAX: u32 = 256;

/// An input that travels with its job.
pub type InlineInput = BoundedVec<u8, ConstU32<INLINE_BYTES_MAX>>;

/// The spans of protocol time of a chain, fixed at genesis.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	TypeInfo,
	MaxEncodedLen,
	Serialize,
	Deserialize,
)]
pub struct Timing {
	/// Blocks of a duty period.
	pub duty_period: u32,
	/// Blocks to accept a slot.
	pub accept: u32,
	/// Blocks to commit, beside the time for the units; also the blocks to reveal.
	pub commit_base: u32,
	/// Blocks of the challenge window, beside the time for the units.
	pub window_base: u32,
	/// Blocks in which a late reveal is still taken.
	pub reveal_grace: u32,
	/// Compute units that any party must manage in a block.
	pub min_rate: u64,
}

impl Default for Timing {
	fn default() -> Self {
		Self {
			duty_period: 100,
			accept: 20,
			commit_base: 40,
			window_base: 100,
			reveal_grace: 100,
			min_rate: 100,
		}
	}
}

impl Timing {
	/// `base` and the blocks that `units` take at the lowest rate, rounded up: for the worker.
	pub fn span(&self, base: u32, units: u64) -> u32 {
		let blocks = units.div_ceil(self.min_rate.max(1));
		base.saturating_add(u32::try_from(blocks).unwrap_or(u32::MAX))
	}
}

/// The clock that deadlines count by: block numbers less the blocks that jobs were paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Clock {
	/// Blocks spent paused, in all former pauses.
	pub offset: u32,
	/// The block in which the present pause began.
	pub paused_since: Option<u32>,
}

impl Clock {
	/// What the clock shows in a block.
	pub fn at(&self, block: u32) -> u32 {
		self.paused_since.unwrap_or(block).saturating_sub(self.offset)
	}

	/// The block in which an unpaused clock shows `time`.
	pub fn block_of(&self, time: u32) -> u32 {
		time.saturating_add(self.offset)
	}

	/// The clock after a pause began or ended in `block`.
	pub fn set_paused(self, paused: bool, block: u32) -> Self {
		match (self.paused_since, paused) {
			(None, true) => Self { paused_since: Some(block), ..self },
			(Some(since), false) => Self {
				offset: self.offset.saturating_add(block.saturating_sub(since)),
				paused_since: None,
			},
			_ => self,
		}
	}
}

/// What a job is to be run on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum JobInput {
	/// The bytes of the input blob, at most 16 KiB.
	#[codec(index = 0)]
	Inline(InlineInput),
	/// The digest of a blob that the tenant has put to the provider's data listener.
	#[codec(index = 1)]
	Stored(InputDigest),
}

impl JobInput {
	/// Bytes that travel with the call.
	pub fn inline_length(&self) -> u32 {
		match self {
			Self::Inline(bytes) => u32::try_from(bytes.len()).unwrap_or(INLINE_BYTES_MAX),
			Self::Stored(_) => 0,
		}
	}
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum Phase {
	/// Not all slots have committed or closed. `commit` leads to `Revealing`; `lapse` of the last
	/// slot ends the job.
	Claiming,
	/// The commit phase closed in a block. `reveal` leads to `Window`; `lapse` ends the job when no
	/// slot has revealed.
	Revealing {
		/// The block that closed the commit phase; reveals name it.
		closed_at: u32,
		/// Clock time until which a reveal is on time.
		reveal_by: u32,
	},
	/// All slots have revealed or closed. `settle` ends the job when the window is over and no
	/// dispute is open.
	Window {
		/// Last clock time of the challenge window.
		closes: u32,
		/// Its length in blocks, for the receipt.
		length: u32,
	},
}

/// One run of a model on one input under a lease.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Job<AccountId> {
	/// Who pays.
	pub tenant: AccountId,
	/// Under which agreement.
	pub lease: LeaseId,
	/// What is run.
	pub model: ModelId,
	/// Its program.
	pub program: ProgramDigest,
	/// Its weights.
	pub weights: WeightsRoot,
	/// On what.
	pub input: InputDigest,
	/// In which shape.
	pub parameters: Parameters,
	/// The tenant's nonce.
	pub nonce: u64,
	/// Compute units reserved.
	pub units_max: u64,
	/// Price of a unit.
	pub price_per_unit: Balance,
	/// The model owner's part of it.
	pub royalty_per_unit: Balance,
	/// What the lease holds for this job.
	pub price_max: Balance,
	/// What a wrong result may cost: the price, or what the tenant declared if that is more.
	pub value_at_risk: Balance,
	/// What each slot has to pledge.
	pub pledge: Balance,
	/// How far it is.
	pub phase: Phase,
	/// Its slots, in the order they were opened.
	pub slots: BoundedVec<SlotId, ConstU32<SLOTS_MAX>>,
	/// The block of its submission.
	pub submitted_at: u32,
}

impl<AccountId: Clone + Into<[u8; 32]>> Job<AccountId> {
	/// The job as its executor is given it, and as its digest covers it.
	pub fn request(&self, genesis: &H256) -> JobRequest {
		JobRequest {
			genesis: genesis.0,
			program: self.program.into(),
			weights: self.weights.into(),
			input: self.input.into(),
			parameters: self.parameters.clone(),
			tenant: self.tenant.clone().into(),
			nonce: self.nonce,
		}
	}

	/// Whether a result of this job can look like this.
	pub fn may_claim(&self, claim: &Claim) -> bool {
		match claim {
			Claim::Output { count, .. } => (1..=self.parameters.max_steps).contains(count),
			Claim::Invalid { .. } => true,
		}
	}
}

/// State of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum SlotState {
	/// Assigned. `accept` or `commit` by the worker; `lapse` by anyone after `due`.
	Assigned {
		/// Whether the worker has accepted, and pledged.
		accepted: bool,
		/// Clock time by which it must accept, or commit once it has accepted.
		due: u32,
	},
	/// A commitment is posted. `reveal` by anyone who has it signed; `lapse` after the grace.
	Committed {
		/// The commitment.
		commitment: Commitment,
	},
	/// The claim is open; it settles with its job.
	Revealed {
		/// What is claimed.
		claim: Claim,
		/// Units it costs.
		units: u64,
	},
	/// Ended without a claim.
	Lapsed {
		/// Why.
		reason: LapseReason,
	},
	/// Convicted by the referee. Other disputes about the claim may still be open.
	Guilty {
		/// What was claimed.
		claim: Claim,
	},
}

impl SlotState {
	/// Whether the slot can still get a commitment.
	pub fn awaits_commitment(&self) -> bool {
		matches!(self, Self::Assigned { .. })
	}

	/// Whether the slot can still get a reveal.
	pub fn awaits_reveal(&self) -> bool {
		matches!(self, Self::Assigned { .. } | Self::Committed { .. })
	}

	/// Whether the slot holds a pledge.
	pub fn is_pledged(&self) -> bool {
		match self {
			Self::Assigned { accepted, .. } => *accepted,
			Self::Committed { .. } | Self::Revealed { .. } => true,
			Self::Lapsed { .. } | Self::Guilty { .. } => false,
		}
	}

	/// Whether the slot can no longer be paid.
	pub fn is_closed(&self) -> bool {
		matches!(self, Self::Lapsed { .. } | Self::Guilty { .. })
	}

	/// The claim that was revealed.
	pub fn claim(&self) -> Option<Claim> {
		match self {
			Self::Revealed { claim, .. } | Self::Guilty { claim } => Some(*claim),
			Self::Assigned { .. } | Self::Committed { .. } | Self::Lapsed { .. } => None,
		}
	}
}

/// One party's duty to claim the result of a job.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Slot<AccountId> {
	/// The job.
	pub job: JobDigest,
	/// The provider whose duty it is.
	pub party: AccountId,
	/// The worker key that accepted: rotation binds new slots only.
	pub worker: Option<WorkerKey>,
	/// Where it stands.
	pub state: SlotState,
	/// Disputes about its claim that are open.
	pub disputes: u32,
}

/// How much was done to find a wrong result before it was paid.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub enum Assurance {
	/// No audit could take place: the pledge and the challenge window were all.
	#[codec(index = 0)]
	Unaudited,
}

/// The final record of a settled job: an event, and a leaf of its block's receipts root.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Receipt<AccountId> {
	/// The job.
	pub job: JobDigest,
	/// Who paid.
	pub tenant: AccountId,
	/// Who computed.
	pub provider: AccountId,
	/// The slot that was paid.
	pub slot: SlotId,
	/// The key that claimed.
	pub worker: WorkerKey,
	/// The model.
	pub model: ModelId,
	/// Its program.
	pub program: ProgramDigest,
	/// Its weights.
	pub weights: WeightsRoot,
	/// The input.
	pub input: InputDigest,
	/// The result.
	pub output: OutputDigest,
	/// Steps computed.
	pub count: u32,
	/// Units paid for.
	pub units: u64,
	/// What was paid in all.
	pub price: Balance,
	/// What the pledge covered: whoever relied on the result for more was not covered.
	pub value_at_risk: Balance,
	/// What the provider stood to lose.
	pub pledge: Balance,
	/// Audit rate, in parts per billion.
	pub lambda_ppb: u32,
	/// Audits that committed.
	pub audits: u32,
	/// Blocks of the challenge window.
	pub window_blocks: u32,
	/// What all this amounts to.
	pub assurance: Assurance,
	/// The block of the submission.
	pub submitted_at: u32,
	/// The block of the settlement.
	pub settled_at: u32,
}

/// Penalty of a late reveal: a tenth of the pledge, rounded against the party.
pub fn late_penalty(pledge: Balance) -> Balance {
	pledge.div_ceil(10)
}

/// Penalty of a slot left without claim: the whole pledge where others rely on the claim, a fifth
/// of it elsewhere (a power cut must not ruin an honest provider; being late must stay cheaper than
/// staying away), nothing before acceptance.
pub fn lapse_penalty(reason: LapseReason, pledge: Balance, others: bool) -> Balance {
	match (reason, others) {
		(LapseReason::NotAccepted, _) => 0,
		(_, true) => pledge,
		(_, false) => pledge.div_ceil(5),
	}
}

/// What a slot of a job without audits has to pledge: what a wrong result may cost, and what
/// computing it would have cost.
pub fn unaudited_pledge(value_at_risk: Balance, price_max: Balance) -> Option<Balance> {
	value_at_risk.checked_add(price_max)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn pause_stops_the_clock() {
		let clock = Clock::default();
		assert_eq!(clock.at(10), 10);
		let paused = clock.set_paused(true, 10);
		assert_eq!(paused.at(25), 10);
		assert_eq!(paused.set_paused(true, 20), paused, "a second pause changes nothing");
		let resumed = paused.set_paused(false, 25);
		assert_eq!(resumed.at(25), 10);
		assert_eq!(resumed.at(30), 15);
		assert_eq!(resumed.block_of(15), 30);
	}

	#[test]
	fn span_rounds_up_and_saturates() {
		let timing = Timing { min_rate: 100, ..Timing::default() };
		assert_eq!(timing.span(40, 0), 40);
		assert_eq!(timing.span(40, 1), 41);
		assert_eq!(timing.span(40, 100), 41);
		assert_eq!(timing.span(40, 101), 42);
		assert_eq!(timing.span(40, u64::MAX), u32::MAX);
	}

	#[test]
	fn penalties_order() {
		for pledge in [1u128, 9, 10, 11, 1_000_000_007] {
			let late = late_penalty(pledge);
			let silent = lapse_penalty(LapseReason::NotRevealed, pledge, false);
			let watched = lapse_penalty(LapseReason::NotRevealed, pledge, true);
			assert!(0 < late && late <= silent && silent <= watched && watched == pledge);
			assert_eq!(lapse_penalty(LapseReason::NotAccepted, pledge, true), 0);
		}
	}
}
