//! Runtime APIs: what user interfaces, tools and the node read without knowing storage keys.

use crate::{
	AccountId, Balance, BlockNumber, Commitment, DutyKey, InputDigest, JobDigest, LapseReason,
	LeaseId, ModelId, OutputDigest, Parameters, ProgramDigest, SlotId, WeightsRoot, WorkerKey,
};
use alloc::vec::Vec;
use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
#[cfg(feature = "std")]
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// What a slot was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "snake_case"))]
pub enum SlotRole {
	/// To do the job: its claim can be paid the price. Pledges bond.
	#[codec(index = 0)]
	Assigned,
	/// To audit the job, by a notice: paid by the audit pool. Pledges audit stake.
	#[codec(index = 1)]
	Audit,
	/// To do the job as well, drawn among those who hold the model: its claim is paid the price too.
	/// Pledges bond.
	#[codec(index = 2)]
	Replica,
}

impl SlotRole {
	/// Whether its slot does the job: pledges bond, and is paid the price.
	pub fn does_job(&self) -> bool {
		match self {
			Self::Assigned | Self::Replica => true,
			Self::Audit => false,
		}
	}
}

/// How far the audit of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "std", serde(tag = "audit", rename_all = "snake_case"))]
pub enum AuditView {
	/// The job is not audited.
	Unaudited,
	/// No slot has committed yet.
	Uncommitted,
	/// The first commitment waits to be marked final.
	Awaiting {
		/// The slot that committed first.
		slot: SlotId,
		/// The block of its commitment.
		committed_at: BlockNumber,
	},
	/// The first commitment is final.
	Marked {
		/// The slot that committed first.
		slot: SlotId,
		/// The block of its commitment.
		committed_at: BlockNumber,
		/// Last block in which a notice is taken.
		notices_until: BlockNumber,
	},
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "std", serde(tag = "phase", rename_all = "snake_case"))]
pub enum JobPhase {
	/// Slots are assigned, accepted or committed; not all have committed or closed.
	Claiming,
	/// Every slot has committed or closed; reveals may follow when block `closed_at` is final.
	Revealing {
		/// The block that closes the commit phase: of an audited job the last one in which a notice
		/// is taken, so it may lie ahead, and a notice before it leads back to `Claiming`.
		closed_at: BlockNumber,
	},
	/// Revealed; the challenge window runs.
	Window {
		/// Last block of the window.
		closes_at: BlockNumber,
	},
}

/// State of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "std", serde(tag = "state", rename_all = "snake_case"))]
pub enum SlotStateView {
	/// Assigned to its party, to be accepted or committed by a block.
	Assigned {
		/// Whether the party has accepted.
		accepted: bool,
		/// Last block for what is owed next.
		due_at: BlockNumber,
	},
	/// A commitment is posted.
	Committed {
		/// The commitment.
		commitment: Commitment,
	},
	/// The claim is open.
	Revealed {
		/// The claimed output.
		output: OutputDigest,
		/// Steps claimed; zero for an invalid input.
		count: u32,
	},
	/// Ended without a claim.
	Lapsed {
		/// Why.
		reason: LapseReason,
	},
	/// Convicted.
	Guilty,
}

/// A slot, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct SlotView {
	/// Its id.
	pub id: SlotId,
	/// The provider whose duty it is.
	pub party: AccountId,
	/// The worker key that accepted.
	pub worker: Option<WorkerKey>,
	/// Where it stands.
	pub state: SlotStateView,
	/// Games about its claim that are not over.
	pub disputes: u32,
	/// What it was opened for.
	pub role: SlotRole,
	/// What it has to pledge.
	pub pledge: Balance,
}

/// An open job, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct JobView {
	/// Who pays.
	pub tenant: AccountId,
	/// Under which lease.
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
	/// The most that can be charged.
	pub price_max: Balance,
	/// What the tenant declared to be at risk.
	pub value_at_risk: Balance,
	/// How far it is.
	pub phase: JobPhase,
	/// Its slots.
	pub slots: Vec<SlotView>,
	/// Audit rate, in parts per billion; zero where the job is not audited.
	pub lambda_ppb: u32,
	/// The most that its audit can cost, beside the price.
	pub fee_max: Balance,
	/// How far its audit is.
	pub audit: AuditView,
	/// How many more providers the tenant pays to do it.
	pub replicas: u8,
	/// Last block in which a candidate for those is taken, once the assigned slot has committed.
	pub drawn_until: Option<BlockNumber>,
}

/// What is on record of a provider. Numbers fade: each is halved when a half-life ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct RecordView {
	/// Jobs whose claim was paid.
	pub settled: u32,
	/// Slots that it accepted and did not claim.
	pub lapsed: u32,
	/// Convictions, what is left of one counted as one: while there is any it is not trusted.
	pub convictions: u32,
	/// Distinct tenants of the jobs paid in this half-life and the one before, or a few more.
	pub tenants: u32,
	/// What its jobs cost their tenants and nobody gets back.
	pub fees: Balance,
	/// How far it is trusted for all that, in parts per billion.
	pub trust_ppb: u32,
	/// The least audit rate of its audited jobs, in parts per billion.
	pub lambda_min_ppb: u32,
}

/// A provider that audits jobs of a model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct PoolMember {
	/// Who.
	pub provider: AccountId,
	/// Its audit stake that counts in this duty period; zero where its membership does not, or where
	/// it has not shown in the last one that it holds the weights.
	pub stake: Balance,
	/// Its audit stake that will count in the next one, if nothing changes; zero before it has shown
	/// in this one that it holds the weights.
	pub stake_next: Balance,
	/// Whether a duty key of it counts in this duty period.
	pub has_duty_key: bool,
}

/// The providers that audit jobs of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct PoolView {
	/// Some of them, at most 256.
	pub members: Vec<PoolMember>,
	/// Audit stake of all that counts in this duty period.
	pub total: Balance,
	/// What of it belongs to members whose duty key counts: all of it, for nobody else's counts.
	pub total_with_key: Balance,
	/// Audit stake of all who have shown by now that they hold the weights: it will count in the next
	/// duty period.
	pub total_next: Balance,
}

sp_api::decl_runtime_apis! {
	/// Jobs that have not been settled yet. Settled ones live in events and in the receipts root of
	/// their block's header.
	pub trait JobsApi {
		/// An open job.
		fn job(digest: JobDigest) -> Option<JobView>;
		/// Open slots of a provider.
		fn duties(provider: AccountId) -> Vec<SlotId>;
		/// The lowest nonce that a tenant's next job may state.
		fn next_nonce(tenant: AccountId) -> u64;
		/// Whether jobs are paused, and the clock that deadlines count by.
		fn clock() -> (bool, BlockNumber);
	}

	/// Who audits what, and what decides it.
	pub trait AuditsApi {
		/// The providers that audit jobs of a model.
		fn pool(model: ModelId) -> PoolView;
		/// The duty key of a provider that counts in this duty period.
		fn duty_key(provider: AccountId) -> Option<DutyKey>;
		/// The author's randomness of exactly this block, while it is remembered.
		fn randomness(block: BlockNumber) -> Option<H256>;
	}
}
