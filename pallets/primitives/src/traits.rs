//! What pallets ask of each other.

use crate::{
	CostForm, JobDigest, LeafForm, LeaseId, ModelId, Outcome, Outline, PaymentKind, ProgramDigest,
	Record, SlashReason, SlotId, Trap, WeightsRoot, WorkerKey,
};
use alloc::vec::Vec;
use assay_program::{wire::JobRequest, Claim};
use sp_runtime::{DispatchError, DispatchResult};

/// Bonded stake, as those who hold parties to their word see it.
pub trait Stake<AccountId, Balance> {
	/// Active bond: pledged or free, without what is unbonding.
	fn bonded(who: &AccountId) -> Balance;
	/// Active bond that no slot holds.
	fn free(who: &AccountId) -> Balance;
	/// Lock `amount` of free bond to a slot. Pledges add, they are never shared.
	fn pledge(who: &AccountId, slot: SlotId, amount: Balance) -> DispatchResult;
	/// What a slot holds of a bond.
	fn pledged(who: &AccountId, slot: SlotId) -> Balance;
	/// Give what is left of a slot's pledge back to the free bond. Returns it; zero if none.
	fn release(who: &AccountId, slot: SlotId) -> Balance;
	/// Take up to `amount` of a slot's pledge. Up to `compensation.1` of it goes to
	/// `compensation.0`, the rest to the slash sink. Returns what was taken. Never fails: what cannot
	/// be paid out goes to the sink.
	fn slash(
		who: &AccountId,
		slot: SlotId,
		amount: Balance,
		compensation: Option<(&AccountId, Balance)>,
		reason: SlashReason,
	) -> Balance;
}

/// Who may work.
pub trait Providers<AccountId> {
	/// Registered, not draining, and heard of in one of the last two duty periods.
	fn may_take_work(who: &AccountId) -> bool;
	/// The key that acts for a provider now.
	fn worker_key(who: &AccountId) -> Option<WorkerKey>;
	/// The provider that a key acts for now.
	fn provider_of(key: &WorkerKey) -> Option<AccountId>;
	/// A lease or a slot begins to bind the provider: it may not leave before it ends.
	fn engage(who: &AccountId) -> DispatchResult;
	/// The end of what [`Providers::engage`] began.
	fn disengage(who: &AccountId);
	/// Add to a provider's record what became of one of its slots. Never fails.
	fn note(who: &AccountId, outcome: Outcome<'_, AccountId>);
	/// What is on record of a provider, as it counts now; none of an account that is no provider
	/// and was never guilty as one.
	fn record(who: &AccountId) -> Option<Record>;
	/// How far a provider is trusted for its record, in parts per billion.
	fn trust(who: &AccountId) -> u32;
}

/// A registered model, as a lease or a job needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo<AccountId, Balance> {
	/// Digest of its program.
	pub program: ProgramDigest,
	/// Root of its weights.
	pub weights: WeightsRoot,
	/// Who earns the royalty.
	pub owner: AccountId,
	/// Royalty for each compute unit, part of the price.
	pub royalty_per_unit: Balance,
	/// Cost and shape limits of the program.
	pub cost: CostForm,
	/// How large the traces of its jobs are.
	pub leaves: LeafForm,
	/// Length of its weights, in bytes.
	pub weights_bytes: u64,
	/// A retired model takes no new lease and no new job.
	pub retired: bool,
}

/// Registered models.
pub trait Models<AccountId, Balance> {
	/// A model by id.
	fn model(id: ModelId) -> Option<ModelInfo<AccountId, Balance>>;
	/// An open job begins to use a model: its program stays until the job ends.
	fn job_opened(id: ModelId) -> DispatchResult;
	/// The end of what [`Models::job_opened`] began.
	fn job_closed(id: ModelId);
	/// Bytes of a program that an unretired model or an open job uses.
	fn program(digest: &ProgramDigest) -> Option<Vec<u8>>;
}

/// An agreement, as a job needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo<AccountId, Balance> {
	/// Who pays.
	pub tenant: AccountId,
	/// Who computes.
	pub provider: AccountId,
	/// What is run.
	pub model: ModelId,
	/// Price of one compute unit, the model's royalty included.
	pub price_per_unit: Balance,
	/// The model owner's part of it, as it was when the lease was opened.
	pub royalty_per_unit: Balance,
	/// How many times its price a job may put at risk.
	pub risk_factor_max: u32,
	/// Escrow that no job holds, less what is due for a reserved rate.
	pub free: Balance,
}

/// One share of a job's price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment<AccountId, Balance> {
	/// Who gets it.
	pub to: AccountId,
	/// How much.
	pub amount: Balance,
	/// What for.
	pub kind: PaymentKind,
}

/// On which terms a job is done, as far as an offer speaks of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTerms<Balance> {
	/// What a provider earns for a unit, the model's royalty taken off and the protocol's share not.
	pub earned_per_unit: Balance,
	/// Price of the job at most.
	pub price_max: Balance,
	/// What a wrong result may cost.
	pub value_at_risk: Balance,
}

/// Leases and the escrow they hold.
pub trait Leases<AccountId, Balance> {
	/// A lease that takes jobs now: open, not expired, not overdrawn.
	fn open_lease(id: LeaseId) -> Result<LeaseInfo<AccountId, Balance>, DispatchError>;
	/// Move `amount` of the lease's free escrow to a job of `units` units, once a reserved rate is
	/// paid for. Fails where the escrow or the agreed rate does not suffice.
	fn reserve(id: LeaseId, job: JobDigest, amount: Balance, units: u64) -> DispatchResult;
	/// What a job holds of a lease's escrow; zero if nothing.
	fn reserved(id: LeaseId, job: JobDigest) -> Balance;
	/// End a job's reservation: pay each share out of it, return the rest to the lease. A share that
	/// cannot be paid goes to the treasury. Never fails. Returns what was paid in all for the job.
	fn settle(
		id: LeaseId,
		job: JobDigest,
		reserved: Balance,
		payments: Vec<Payment<AccountId, Balance>>,
	) -> Balance;
	/// Whether a standing offer of a provider for a model says that it would do a job on these terms.
	fn would_offer(provider: &AccountId, model: ModelId, terms: &JobTerms<Balance>) -> bool;
	/// Tenants with an open lease at this provider: who may use its data listener.
	fn tenants_of(provider: &AccountId) -> Vec<AccountId>;
}

/// A revealed claim, with all that a dispute about it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimInfo<AccountId, Balance> {
	/// Who claims.
	pub party: AccountId,
	/// The key that acts for it in this slot.
	pub worker: WorkerKey,
	/// What is claimed.
	pub claim: Claim,
	/// The job, as its digest covers it.
	pub request: JobRequest,
	/// Sizes of the job's trace.
	pub outline: Outline,
	/// Compute units of the job at most.
	pub units: u64,
	/// Price of these.
	pub price: Balance,
	/// What the slot still has pledged.
	pub pledge: Balance,
}

/// Claims that wait for their settlement, as those who dispute them see them.
pub trait Claims<AccountId, Balance> {
	/// The clock that deadlines count by. It stands still while jobs are paused.
	fn now() -> u32;
	/// The block in which the clock shows a time, if it is not stopped before.
	fn block_of(time: u32) -> u32;
	/// Whether jobs are paused: no move is taken and no deadline passes.
	fn is_paused() -> bool;
	/// Blocks in which any party must manage so many compute units.
	fn span(units: u64) -> u32;
	/// The claim of a slot that has revealed, convicted or not.
	fn claim(slot: SlotId) -> Option<ClaimInfo<AccountId, Balance>>;
	/// Some revealed claims whose challenge window is open, at most `count` jobs being looked at.
	fn disputable(count: usize) -> Vec<SlotId>;
	/// Jobs of the open slots that are bound to a key and whose inputs are not on chain.
	fn stored_jobs(worker: &WorkerKey) -> Vec<JobDigest>;
	/// The input of a claim's job, where it travelled with it.
	fn inline_input(slot: &SlotId) -> Option<Vec<u8>>;
	/// A dispute about a claim begins: its job is not settled before it ends. Gives an id of its own
	/// to the other party's claim. Fails where the challenge window is not open.
	fn open_dispute(slot: SlotId) -> Result<SlotId, DispatchError>;
	/// Whether a dispute about a claim can be opened now.
	fn ensure_disputable(slot: SlotId) -> DispatchResult;
	/// A dispute between two claims of one job begins, a dispute about each of them: both ends are
	/// the caller's to tell. Gives an id of its own to it. Fails where the claims do not differ, one
	/// of them is convicted, or not all claims of the job are open; never since a window is over.
	fn open_opposition(slots: [SlotId; 2]) -> Result<SlotId, DispatchError>;
	/// Whether a dispute between two claims can be opened now.
	fn ensure_opposable(slots: [SlotId; 2]) -> DispatchResult;
	/// Pairs of claims between which a dispute can be opened, and one of which is bound to this key.
	/// The lower slot of each comes first.
	fn opposed(worker: &WorkerKey) -> Vec<[SlotId; 2]>;
	/// Pairs of claims between which a dispute can be opened, whoever's they are, at most `count`
	/// jobs being looked at. The lower slot of each comes first.
	fn rivals(count: usize) -> Vec<[SlotId; 2]>;
	/// The party of a slot is guilty: its pledge goes to the slash sink, but for `kept`, which stays
	/// pledged until the last dispute about the claim is over. Returns the whole pledge; zero if the
	/// party was guilty before.
	fn convict(slot: SlotId, kept: Balance) -> Balance;
	/// Pay who won against a convicted party, up to `amount`, out of what it still has pledged.
	/// Returns what was taken for it.
	fn reward(slot: SlotId, winner: &AccountId, amount: Balance) -> Balance;
	/// The end of what [`Claims::open_dispute`] or, for one of both claims,
	/// [`Claims::open_opposition`] began. With the last one what a convicted party still has
	/// pledged goes to the slash sink, and a job whose claims have all fallen ends and is
	/// refunded.
	fn close_dispute(slot: SlotId);
}

/// What jobs ask of audits.
pub trait Audits<AccountId, Balance> {
	/// Smallest audit rate of a job that is to be audited, whoever does it, in parts per billion.
	fn lambda_min() -> u32;
	/// Whether enough others than `party`, with enough audit stake in all, hold the weights of a model
	/// now, and one of them has enough for the pledge of an audit: see [`Audits::pledge`].
	fn is_auditable(model: ModelId, party: &AccountId, pledge: Balance) -> bool;
	/// How many others than `party` hold the weights of a model now: who could be drawn to do a job
	/// as well.
	fn holders(model: ModelId, party: &AccountId) -> u32;
	/// Blocks after a commitment until which those who would do the job as well say so.
	fn draw_blocks() -> u32;
	/// What an auditor of a job of this price has to pledge of its audit stake.
	fn pledge(price_max: Balance) -> Balance;
	/// Where the audit fees of jobs go, and what audits are paid from. An account that exists.
	fn pool() -> AccountId;
	/// Pay for the claim of an auditor out of the pool, as far as it reaches. Never fails. Returns
	/// what was paid.
	fn pay(auditor: &AccountId, amount: Balance) -> Balance;
}

/// A job that may be audited, from its first commitment until the last notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedJob<AccountId> {
	/// What is run.
	pub model: ModelId,
	/// The slot that committed first: its claim is audited.
	pub slot: SlotId,
	/// Whose slot that is. No party of the job audits it.
	pub party: AccountId,
	/// The key that acts for it.
	pub worker: WorkerKey,
	/// Block of its submission: a duty key that is younger could have been chosen for it.
	pub submitted_at: u32,
	/// Block of the first commitment. What is drawn in the blocks after it decides who audits.
	pub committed_at: u32,
	/// The duty period of that block: what counted in it decides who audits.
	pub period: u32,
	/// Audit rate, in parts per billion.
	pub lambda_ppb: u32,
	/// Clock time until which notices are taken; none before the commitment is marked final.
	pub notices_until: Option<u32>,
}

/// A job that more providers are drawn for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicatedJob {
	/// What is run.
	pub model: ModelId,
	/// Block of its assigned slot's commitment. What is drawn in the blocks after it decides.
	pub committed_at: u32,
	/// The duty period of that block: what counted in it decides.
	pub period: u32,
}

/// Jobs, as those who audit them see them.
pub trait AuditedJobs<AccountId> {
	/// The clock that deadlines count by. It stands still while jobs are paused.
	fn now() -> u32;
	/// The number of the present duty period.
	fn period() -> u32;
	/// The number of the duty period of a block.
	fn period_of(block: u32) -> u32;
	/// A job between its first commitment and the end of its notices; none while jobs are paused.
	fn audited(job: JobDigest) -> Option<AuditedJob<AccountId>>;
	/// Some jobs of which [`AuditedJobs::audited`] knows, beginning with those after `from` in the
	/// order of digests; at most `count` jobs are looked at, all of which await or awaited an audit.
	fn auditable(from: JobDigest, count: usize) -> Vec<JobDigest>;
	/// The first commitment of a job is final: notices are taken from now on for so many blocks.
	/// Returns the clock time of their end.
	fn mark_final(job: JobDigest, notice_blocks: u32) -> Result<u32, DispatchError>;
	/// A notice opens a slot of an auditor, bound to its worker key and pledged. Fails where the
	/// auditor is a party already, or its audit stake does not cover the pledge.
	fn open_audit(
		job: JobDigest,
		auditor: AccountId,
		worker: WorkerKey,
	) -> Result<SlotId, DispatchError>;
	/// A job that takes candidates now; none while jobs are paused.
	fn replicated(job: JobDigest) -> Option<ReplicatedJob>;
	/// Some jobs of which [`AuditedJobs::replicated`] knows; as [`AuditedJobs::auditable`].
	fn drawing(from: JobDigest, count: usize) -> Vec<JobDigest>;
	/// Whether a provider can do these jobs in time beside all that it has to commit to, as far as the
	/// chain can say: for workers.
	fn has_room_for(jobs: &[JobDigest], provider: &AccountId) -> bool;
	/// A candidate takes a slot of a job, bound to its worker key and pledged; where all are taken,
	/// that of who has the highest ticket. Fails where its own is no lower, it is a party already,
	/// has no standing offer under which it would do such a job, or cannot pledge.
	fn open_replica(
		job: JobDigest,
		provider: AccountId,
		worker: WorkerKey,
		ticket: u128,
	) -> Result<SlotId, DispatchError>;
}

/// A job whose trap can be opened now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapJob<AccountId, Balance> {
	/// Who pays for it, and has to have agreed.
	pub tenant: AccountId,
	/// The slot whose claim is replaced.
	pub slot: SlotId,
	/// Whose slot that is.
	pub party: AccountId,
	/// The key that acts for it.
	pub worker: WorkerKey,
	/// Price of the job at most.
	pub price_max: Balance,
	/// Block of its submission: no younger root makes it a trap.
	pub submitted_at: u32,
}

/// Jobs, as those who open traps see them.
pub trait TrapJobs<AccountId, Balance> {
	/// The number of the present duty period.
	fn period() -> u32;
	/// The job, where the claim of its assigned slot can be replaced by this one now.
	fn trap_job(
		job: JobDigest,
		claim: &Claim,
	) -> Result<TrapJob<AccountId, Balance>, DispatchError>;
	/// Jobs with a slot that is bound to this key, in which traps can be opened now.
	fn trap_jobs(worker: &WorkerKey) -> Vec<JobDigest>;
	/// Replace the claim of a job's assigned slot, once; its units are counted anew. Auditors that
	/// claim the same earn the jackpot together when the job is paid. Returns the slot.
	fn amend(job: JobDigest, claim: Claim, jackpot: Balance) -> Result<SlotId, DispatchError>;
}

/// What jobs ask of traps.
pub trait Traps<AccountId, Balance> {
	/// Whether a trap of a job could be opened, as far as that can be said before it is due.
	fn may_open(
		job: &JobDigest,
		tenant: &AccountId,
		party: &AccountId,
		submitted_at: u32,
		trap: &Trap,
	) -> bool;
	/// Pay an auditor that was not caught by a trap, out of the treasury and as far as that reaches.
	/// Never fails. Returns what was paid.
	fn pay_jackpot(auditor: &AccountId, amount: Balance) -> Balance;
}

/// No traps.
impl<AccountId, Balance: Default> Traps<AccountId, Balance> for () {
	fn may_open(_: &JobDigest, _: &AccountId, _: &AccountId, _: u32, _: &Trap) -> bool {
		false
	}

	fn pay_jackpot(_: &AccountId, _: Balance) -> Balance {
		Balance::default()
	}
}
