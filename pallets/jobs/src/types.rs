//! Stored types and the pure transitions between their states.

use crate::{demands::Hold, replicas::Replicas};
use alloc::vec::Vec;
use assay_primitives::{
	apis::SlotRole, economics, Balance, Commitment, InputDigest, JobDigest, LapseReason, LeaseId,
	ModelId, OutputDigest, Parameters, ProgramDigest, SlotId, WeightsRoot, WorkerKey,
};
use assay_program::{wire::JobRequest, Claim};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Most bytes of an input that travels with its job.
pub const INLINE_BYTES_MAX: u32 = 16_384;
/// Most replicas of a job.
pub const REPLICAS_MAX: u32 = 7;
/// Most slots a job can have: one to do it, replicas, the others to audit it.
///
/// No cap is to refuse a notice, yet a list needs a bound. Notices of a job are independent draws
/// whose expected number is at most the audit rate, so at most one: the chance of more than 55 is
/// below 10^-73. The notice after those is refused, with `TooManySlots`.
pub const SLOTS_MAX: u32 = 64;
/// An audit rate of one: as many audits as jobs are expected. Rates are in parts per billion.
pub const LAMBDA_ONE: u32 = 1_000_000_000;
/// Slots of a provider that a worker looks at in a block: all that it can be assigned, and as many
/// audits as there will ever be.
pub const DUTIES_MAX: u32 = 8_192;
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
	/// Blocks at the beginning of an audited job's window in which traps are opened, before any
	/// dispute; zero for no traps.
	#[serde(default)]
	pub trap_blocks: u32,
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
			trap_blocks: 20,
		}
	}
}

impl Timing {
	/// `base` and the blocks that `units` take at the lowest rate, rounded up: for the worker.
	pub fn span(&self, base: u32, units: u64) -> u32 {
		let blocks = units.div_ceil(self.min_rate.max(1));
		base.saturating_add(u32::try_from(blocks).unwrap_or(u32::MAX))
	}

	/// Stops a genesis in which a deadline could not be kept. `hashes_known`: blocks of the past
	/// whose hashes the chain knows.
	pub(crate) fn assert_sound(&self, hashes_known: u32) {
		assert!(self.min_rate > 0, "a rate of zero would make every deadline infinite");
		assert!(self.accept > 1, "sessions rotate in blocks without transactions");
		assert!(self.commit_base > 1, "a reveal needs a block after the commitment");
		assert!(self.duty_period > 3, "a heartbeat a period needs some blocks to land");
		let traps = self.trap_blocks;
		assert!(traps == 0 || traps > 3, "the opening of a trap needs some blocks to land");
		let reveal = self.commit_base.saturating_add(self.reveal_grace);
		assert!(reveal < hashes_known, "a reveal names a block whose hash must still be known");
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
	/// Not all slots have committed or closed, or the job is audited and its first commitment is not
	/// marked final. `commit` or the mark leads to `Revealing`; `lapse` of the last slot ends the
	/// job.
	Claiming,
	/// Every slot has committed or closed. `reveal` leads to `Window`; `lapse` ends the job when no
	/// slot has revealed; a notice leads back to `Claiming`.
	Revealing {
		/// The block that closes the commit phase: of an audited job the last one for a notice, if
		/// that lay ahead. See [`Job::revealing`] for what a pause makes of it.
		closed_at: u32,
		/// Clock time until which a reveal is on time.
		reveal_by: u32,
	},
	/// All slots have revealed or closed. `settle` ends the job when the window is over and no
	/// dispute is open.
	Window {
		/// Last clock time of the challenge window.
		closes: u32,
		/// Its length in blocks, for the receipt: without those for traps that come before.
		length: u32,
	},
}

/// How far the audit of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum AuditState {
	/// The job is not audited: its rate is zero.
	Unaudited,
	/// No slot has committed. The first `commit` leads to `Awaiting`.
	Uncommitted,
	/// The first commitment waits to be marked final, however long finality takes.
	Awaiting {
		/// The block of that commitment.
		committed_at: u32,
		/// Its slot.
		slot: SlotId,
	},
	/// The first commitment is final. Notices are taken until the end.
	Marked {
		/// The block of that commitment.
		committed_at: u32,
		/// Its slot.
		slot: SlotId,
		/// Last clock time for a notice.
		until: u32,
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
	/// Price of these.
	pub price_max: Balance,
	/// What a wrong result may cost: the price, or what the tenant declared if that is more.
	pub value_at_risk: Balance,
	/// What each assigned slot has to pledge.
	pub pledge: Balance,
	/// Audit rate, in parts per billion: the number of audits to be expected where all audit stake
	/// is honest.
	pub lambda_ppb: u32,
	/// The most that the audit can cost, on top of the price: what the lease holds for this job is
	/// both.
	pub fee_max: Balance,
	/// How far the audit is.
	pub audit: AuditState,
	/// How far it is.
	pub phase: Phase,
	/// Its slots, in the order they were opened.
	pub slots: BoundedVec<SlotId, ConstU32<SLOTS_MAX>>,
	/// The block of its submission.
	pub submitted_at: u32,
	/// How long demands have held it. All its clock times are of a clock that stands meanwhile.
	pub hold: Hold,
	/// Who does it beside the assigned slot.
	pub replicas: Replicas,
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

impl<AccountId> Job<AccountId> {
	/// What the lease holds for this job. The sum was checked at submission.
	pub fn reserved(&self) -> Balance {
		self.price_max.saturating_mul(self.runs()).saturating_add(self.fee_max)
	}

	/// Price of so many units, never above that of the units reserved.
	pub fn price(&self, units: u64) -> Balance {
		self.price_per_unit.saturating_mul(Balance::from(units)).min(self.price_max)
	}

	/// The job after a slot has committed in a block: the first commitment is what is audited.
	pub fn committed(self, slot: SlotId, block: u32) -> Self {
		match self.audit {
			AuditState::Uncommitted => {
				Self { audit: AuditState::Awaiting { committed_at: block, slot }, ..self }
			},
			_ => self,
		}
	}

	/// The phase once every slot has committed or closed by a block: the commit phase closes at
	/// once, or when notices and candidates are taken no more. `None` while notices have not begun.
	/// The clock is the job's.
	pub fn closing(&self, clock: &Clock, block: u32, timing: &Timing) -> Option<Phase> {
		let now = clock.at(block);
		let closes = match self.audit {
			AuditState::Unaudited => now,
			AuditState::Uncommitted | AuditState::Awaiting { .. } => return None,
			AuditState::Marked { until, .. } => until.max(now),
		};
		let closes = closes.max(self.replicas.until);
		let reveal_by = closes.saturating_add(timing.commit_base);
		Some(Phase::Revealing { closed_at: clock.block_of(closes), reveal_by })
	}

	/// The block that reveals name, and the last clock time for one on time.
	///
	/// A pause moves the end of notices, as that of the draw of replicas, with the clock, so the
	/// block is not before that in which the clock shows this end. Where jobs are paused when the
	/// phase has closed already, that is a later block than the one that closed it; nothing has
	/// happened to the slots between them, so it proves no less about the chain that a reveal is
	/// made for. A demand does to this job what a pause does to all. But reveals are taken while
	/// it lasts, so the block does not move with every block in which the job is held, unless
	/// notices are taken meanwhile.
	pub fn revealing(&self, clock: &Clock, block: u32) -> Option<(u32, u32)> {
		let Phase::Revealing { closed_at, reveal_by } = self.phase else { return None };
		// No demand holds a job while replicas are drawn for it: only pauses have moved that end.
		let closed_at = match self.replicas.until {
			0 => closed_at,
			until => closed_at.max(clock.block_of(until)),
		};
		match self.audit {
			AuditState::Marked { until, .. } => {
				let own = match self.hold.clock(clock, block) {
					own if own.at(block) <= until => own,
					_ => self.hold.clock_before(clock),
				};
				Some((closed_at.max(own.block_of(until)), reveal_by))
			},
			_ => Some((closed_at, reveal_by)),
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

	/// The output that the slot stands for: revealed, and not found to be wrong.
	pub fn output(&self) -> Option<OutputDigest> {
		match self {
			Self::Revealed { claim, .. } => Some(claim.output().into()),
			_ => None,
		}
	}

	/// The claim that was revealed, convicted or not.
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
	/// The worker key that accepted, or that an auditor's notice named: rotation binds new slots
	/// only.
	pub worker: Option<WorkerKey>,
	/// What it was opened for: which stake it pledges, and who pays it.
	pub role: SlotRole,
	/// What it has to pledge.
	pub pledge: Balance,
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
	/// The job had an audit rate, and whoever drew the duty could audit it. Audits that agreed are
	/// counted beside this; that there are none is the rule at low rates.
	#[codec(index = 1)]
	Audited,
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
	/// What was paid in all, the fee of the audit included.
	pub price: Balance,
	/// What the pledge covered: whoever relied on the result for more was not covered.
	pub value_at_risk: Balance,
	/// What the provider stood to lose.
	pub pledge: Balance,
	/// Audit rate, in parts per billion.
	pub lambda_ppb: u32,
	/// Audits whose claim is that of the slot that was paid.
	pub audits: u32,
	/// Replicas whose claim is that as well, and which were paid like it.
	pub replicas: u32,
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
/// staying away), nothing before acceptance, the whole for what was demanded and not delivered.
pub fn lapse_penalty(reason: LapseReason, pledge: Balance, others: bool) -> Balance {
	match (reason, others) {
		(LapseReason::NotAccepted, _) => 0,
		// Whoever could not fetch it relied on it.
		(LapseReason::Withheld, _) | (_, true) => pledge,
		(_, false) => pledge.div_ceil(5),
	}
}

/// What the assigned slot of a job has to pledge: what a wrong result may cost, and what
/// computing it would have cost; of an audited job as much more as makes a wrong result lose, at
/// the chance of detection that its rate gives where no more of the audit stake is honest than
/// [`economics`] assumes. None beyond any balance, and at rates that find next to nothing.
pub fn job_pledge(value_at_risk: Balance, price_max: Balance, lambda_ppb: u32) -> Option<Balance> {
	let least = value_at_risk.checked_add(price_max)?;
	if lambda_ppb == 0 {
		return Some(least);
	}
	let chance = economics::detection(lambda_ppb, economics::HONEST_SHARE_PPB);
	let (margin, recovered) = (economics::MARGIN_PPB, economics::RECOVERED_PPB);
	let pledge = economics::collateral(value_at_risk, price_max, chance, margin, recovered)?;
	Some(pledge.max(least))
}

/// Fee of an audit at this rate of a job of this price, rounded against the tenant. It never
/// exceeds the price, nor the fee of a higher one.
pub fn audit_fee(lambda_ppb: u32, price: Balance) -> Balance {
	// No job has a rate above one, and only such a fee could exceed any balance.
	economics::audit_fee(price, lambda_ppb).unwrap_or(price)
}

/// The first two slots that stand for different outputs: each has revealed and is not guilty. One
/// of the two is wrong.
pub fn opposed<AccountId>(slots: &[(SlotId, Slot<AccountId>)]) -> Option<(SlotId, SlotId)> {
	let mut standing = slots.iter().filter_map(|(id, slot)| Some((*id, slot.state.output()?)));
	let (first, output) = standing.next()?;
	// Where nobody differs from the first, nobody differs from anybody.
	standing.find(|(_, other)| *other != output).map(|(other, _)| (first, other))
}

/// All pairs of slots that stand for different outputs, the lower one of each first.
pub fn rivals<AccountId>(slots: &[(SlotId, Slot<AccountId>)]) -> Vec<[SlotId; 2]> {
	let standing = || slots.iter().filter_map(|(id, slot)| Some((*id, slot.state.output()?)));
	let pairs = standing().flat_map(|(id, output)| {
		let others = standing().filter(move |(other, said)| id < *other && *said != output);
		others.map(move |(other, _)| [id, other])
	});
	pairs.collect()
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

	/// A job of one slot at this rate, in this state of its audit.
	fn job(audit: AuditState) -> Job<[u8; 32]> {
		Job {
			tenant: [1; 32],
			lease: LeaseId(0),
			model: ModelId(0),
			program: Default::default(),
			weights: Default::default(),
			input: Default::default(),
			parameters: Parameters::encoder(1, 1),
			nonce: 0,
			units_max: 7,
			price_per_unit: 10,
			royalty_per_unit: 1,
			price_max: 70,
			value_at_risk: 70,
			pledge: 140,
			lambda_ppb: 1,
			fee_max: 1,
			audit,
			phase: Phase::Claiming,
			slots: BoundedVec::truncate_from(vec![SlotId(4)]),
			submitted_at: 1,
			hold: Hold::default(),
			replicas: Replicas::default(),
		}
	}

	#[test]
	fn the_first_commitment_is_what_is_audited() {
		let first = AuditState::Awaiting { committed_at: 9, slot: SlotId(4) };
		let marked = AuditState::Marked { committed_at: 9, slot: SlotId(4), until: 20 };
		assert_eq!(job(AuditState::Uncommitted).committed(SlotId(4), 9).audit, first);
		for audit in [AuditState::Unaudited, first, marked] {
			assert_eq!(job(audit).committed(SlotId(5), 11).audit, audit);
		}
	}

	#[test]
	fn the_phase_closes_when_nothing_can_follow() {
		let timing = Timing { commit_base: 40, ..Timing::default() };
		let clock = Clock { offset: 100, paused_since: None };
		let closing = |audit| job(audit).closing(&clock, 115, &timing);
		let slot = SlotId(4);
		let at = |closed_at, reveal_by| Some(Phase::Revealing { closed_at, reveal_by });
		assert_eq!(closing(AuditState::Unaudited), at(115, 55));
		assert_eq!(closing(AuditState::Uncommitted), None);
		assert_eq!(closing(AuditState::Awaiting { committed_at: 101, slot }), None);
		for (until, expected) in [(14, at(115, 55)), (15, at(115, 55)), (16, at(116, 56))] {
			let marked = AuditState::Marked { committed_at: 101, slot, until };
			assert_eq!(closing(marked), expected, "until {until}");
		}
	}

	#[test]
	fn the_phase_closes_when_no_candidate_can_follow() {
		let timing = Timing { commit_base: 40, ..Timing::default() };
		let clock = Clock { offset: 100, paused_since: None };
		let replicas = |until| Replicas { wanted: 1, ..Replicas::default() }.begin(110, until);
		let at = |closed_at, reveal_by| Some(Phase::Revealing { closed_at, reveal_by });
		for (until, expected) in [(14, at(115, 55)), (15, at(115, 55)), (19, at(119, 59))] {
			let job = Job { replicas: replicas(until), ..job(AuditState::Unaudited) };
			assert_eq!(job.closing(&clock, 115, &timing), expected, "until {until}");
		}
		let slot = SlotId(4);
		let marked = AuditState::Marked { committed_at: 101, slot, until: 17 };
		let both = Job { replicas: replicas(19), ..job(marked) };
		assert_eq!(both.closing(&clock, 115, &timing), at(119, 59));
		let phase = Phase::Revealing { closed_at: 119, reveal_by: 59 };
		let both = Job { phase, ..both };
		assert_eq!(both.revealing(&clock, 130), Some((119, 59)));
		let later = Clock { offset: 110, ..clock };
		assert_eq!(both.revealing(&later, 130), Some((129, 59)), "a pause moves the draw's end");
	}

	#[test]
	fn a_pause_moves_the_block_that_reveals_name() {
		let revealing = |audit, closed_at, offset| {
			let phase = Phase::Revealing { closed_at, reveal_by: 55 };
			let job = Job { phase, ..job(audit) };
			job.revealing(&Clock { offset, paused_since: None }, 200)
		};
		let marked = AuditState::Marked { committed_at: 1, slot: SlotId(4), until: 15 };
		assert_eq!(revealing(AuditState::Unaudited, 15, 100), Some((15, 55)));
		assert_eq!(revealing(marked, 15, 0), Some((15, 55)));
		assert_eq!(revealing(marked, 20, 0), Some((20, 55)), "an auditor took longer");
		assert_eq!(revealing(marked, 20, 3), Some((20, 55)));
		assert_eq!(revealing(marked, 20, 100), Some((115, 55)));
		assert_eq!(job(marked).revealing(&Clock::default(), 200), None);
	}

	#[test]
	fn a_fee_never_exceeds_what_was_reserved_for_it() {
		let prices = [0u128, 1, 2, 9, 999_999_999, 1_000_000_001, u128::MAX / 3, u128::MAX];
		for lambda in [0, 1, 333_333_333, LAMBDA_ONE - 1, LAMBDA_ONE] {
			for pair in prices.windows(2) {
				let [less, more] = [pair[0], pair[1]].map(|price| audit_fee(lambda, price));
				assert!(less <= more && more <= pair[1], "{lambda} of {pair:?}");
			}
		}
		assert_eq!(audit_fee(1, 1), 1, "rounded against the tenant");
		assert_eq!(audit_fee(LAMBDA_ONE / 2, 7), 4);
		assert_eq!(audit_fee(LAMBDA_ONE, u128::MAX), u128::MAX);
		assert_eq!(audit_fee(0, u128::MAX), 0);
	}

	#[test]
	fn only_standing_claims_oppose_each_other() {
		let (yes, no) = (Claim::Invalid { code: 1 }, Claim::Invalid { code: 2 });
		let stands = |claim| SlotState::Revealed { claim, units: 1 };
		let guilty = |claim| SlotState::Guilty { claim };
		let lapsed = SlotState::Lapsed { reason: LapseReason::NotRevealed };
		let table = [
			(vec![], None),
			(vec![stands(yes)], None),
			(vec![stands(yes), stands(yes), stands(yes)], None),
			(vec![stands(yes), lapsed, stands(no)], Some((0, 2))),
			(vec![guilty(no), stands(yes), stands(yes), stands(no)], Some((1, 3))),
			(vec![stands(yes), guilty(no)], None),
			(vec![guilty(yes), lapsed, stands(no)], None),
		];
		for (states, expected) in table {
			let slot = |state| Slot {
				job: JobDigest::default(),
				party: [1u8; 32],
				worker: None,
				role: SlotRole::Audit,
				pledge: 1,
				state,
				disputes: 0,
			};
			let slots: Vec<_> = (0..).map(SlotId).zip(states.iter().copied().map(slot)).collect();
			let found = opposed(&slots).map(|(a, b)| (a.0, b.0));
			assert_eq!(found, expected, "{states:?}");
			let pairs = rivals(&slots);
			assert_eq!(pairs.first().map(|[a, b]| (a.0, b.0)), expected, "{states:?}");
			assert!(pairs
				.iter()
				.all(|[a, b]| a < b && states[a.0 as usize] != states[b.0 as usize]));
		}
	}

	#[test]
	fn an_audited_job_is_pledged_what_its_rate_asks_for() {
		let at = |lambda| job_pledge(1_000, 1_000, lambda).unwrap();
		// d = 1 - exp(-0.05 * 0.3) = 0.014888: 2,000 * 1.25 * (1 - d) / d / 0.5.
		assert_eq!(at(50_000_000), 330_840);
		assert!(at(20_000_000) > at(50_000_000) && at(50_000_000) > at(1_000_000_000));
		assert!(at(1_000_000_000) > at(0));
		assert_eq!(job_pledge(u128::MAX, 1, 50_000_000), None);
		assert_eq!(job_pledge(1, 1, 1), None, "nobody would find anything");
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
