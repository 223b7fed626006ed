//! Stored types, and the sums that follow from them.

use assay_primitives::{Balance, JobDigest, SlotId, WorkerKey};
use assay_trace::{Openings, Question, Side};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::PalletError;
use scale_info::TypeInfo;
use sp_runtime::{Perbill, Permill};

/// Games beside which every move has its full time; each further so many give it a block more.
pub const GAMES_PER_BLOCK: u32 = 8;
/// Re-running a job for its trace may cost so many times its price.
pub const TRACE_COST_FACTOR: Balance = 3;
/// Most ids that one answer of a view function lists.
pub const VIEW_ENTRIES_MAX: usize = 256;
/// Most openings that any question can need: a row for each position of a block, and what belongs
/// to them.
pub const OPENINGS_MAX: u32 = 40;
/// Most blocks that runs of a party's games add to the time of one answer: a day.
pub const RUN_BLOCKS_MAX: u32 = 28_800;
/// Games open on the chain that double the bond.
const GAMES_PER_DOUBLING: u32 = 64;

/// Who plays, and by which key.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Party<AccountId> {
	/// Whose funds are at stake.
	pub account: AccountId,
	/// The key that signs its moves.
	pub worker: WorkerKey,
}

/// What is on record of a game beside the game itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Dispute<AccountId> {
	/// The claim that is disputed.
	pub slot: SlotId,
	/// Its job.
	pub job: JobDigest,
	/// Who claims.
	pub claimant: Party<AccountId>,
	/// Who claims otherwise.
	pub challenger: Party<AccountId>,
	/// What is held of the challenger.
	pub bond: Balance,
	/// What the challenger spends if it wins.
	pub cost: Balance,
	/// Blocks that any party may take to run the job again, for each move.
	pub run_blocks: u32,
	/// Clock time until which the present question can be answered.
	pub due: u32,
	/// The block of the challenge.
	pub opened_at: u32,
}

impl<AccountId> Dispute<AccountId> {
	/// The worker keys that play, each once.
	pub fn workers(&self) -> impl Iterator<Item = &WorkerKey> {
		let other = (self.claimant.worker != self.challenger.worker).then_some(&self.challenger);
		core::iter::once(&self.claimant).chain(other).map(|party| &party.worker)
	}

	/// Who plays a side.
	pub fn party(&self, side: Side) -> &Party<AccountId> {
		match side {
			Side::Claimant => &self.claimant,
			Side::Challenger => &self.challenger,
		}
	}
}

/// How a game ended.
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
pub enum Verdict {
	/// The claim is wrong: its party is convicted, the challenger has its bond back and a reward.
	#[codec(index = 0)]
	ClaimantGuilty,
	/// The challenger's claim is wrong: its bond is lost.
	#[codec(index = 1)]
	ChallengerGuilty,
	/// Both are wrong.
	#[codec(index = 2)]
	BothGuilty,
	/// Neither could be shown to be wrong. No sequence of moves leads here.
	#[codec(index = 3)]
	NobodyGuilty,
}

impl Verdict {
	/// Of who is guilty: claimant, challenger.
	pub fn of(guilty: [bool; 2]) -> Self {
		match guilty {
			[true, false] => Self::ClaimantGuilty,
			[false, true] => Self::ChallengerGuilty,
			[true, true] => Self::BothGuilty,
			[false, false] => Self::NobodyGuilty,
		}
	}
}

/// What brought a game to its end.
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
pub enum EndReason {
	/// The runtime computed what is right.
	#[codec(index = 0)]
	Refereed,
	/// Somebody did not answer in time.
	#[codec(index = 1)]
	TimedOut,
}

/// A game, as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct GameView<AccountId> {
	/// What is on record of it.
	pub dispute: Dispute<AccountId>,
	/// What is asked.
	pub question: Question,
	/// Whether claimant and challenger still owe an answer.
	pub owes: [bool; 2],
	/// Last block for it.
	pub due_at: u32,
}

/// Why an answer is refused, coarsely enough for an error of a call. The worker logs the whole
/// reason before it sends anything.
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
	PalletError,
)]
pub enum AnswerFault {
	/// It is not the kind of answer that the question asks for.
	#[codec(index = 0)]
	Kind,
	/// A disclosure has a wrong number or length, or does not hash to its parent.
	#[codec(index = 1)]
	Disclosure,
	/// Something that was to be opened is missing, wrong, in a wrong place or not asked for.
	#[codec(index = 2)]
	Opening,
	/// The partials do not make the party's own element.
	#[codec(index = 3)]
	Partials,
	/// The input breaks no rule there, or an earlier offence was shown.
	#[codec(index = 4)]
	Offence,
	/// The rules allow no such answer here.
	#[codec(index = 5)]
	Other,
}

/// What weighs on a bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BondTerms {
	/// Price of the job at most.
	pub price: Balance,
	/// What the disputed claim has pledged.
	pub pledge: Balance,
	/// Blocks that a game may last.
	pub blocks: u32,
	/// Bytes and weight of the dearest game.
	pub game_cost: Balance,
	/// Rent of locked funds for each block.
	pub rent: Perbill,
	/// Open games about the same claim.
	pub games_on_claim: u32,
	/// Open games in all.
	pub games_open: u32,
}

impl BondTerms {
	/// What a winner has to be repaid: another run with traces, its moves, the rent of what was
	/// locked. Half of a bond.
	pub fn cost(&self) -> Option<Balance> {
		let rent = self.rent.mul_ceil(self.pledge).checked_mul(self.blocks.into())?;
		let trace = self.price.checked_mul(TRACE_COST_FACTOR)?;
		trace.checked_add(self.game_cost)?.checked_add(rent)
	}

	/// `2 * cost * (1 + games on the claim) * (1 + open games / 64)`: whoever floods a claim or the
	/// chain pays ever more for it, while no number of games refuses one more.
	pub fn bond(&self) -> Option<Balance> {
		let on_claim = Balance::from(self.games_on_claim).checked_add(1)?;
		let crowd = self.games_open.checked_div(GAMES_PER_DOUBLING)?.checked_add(1)?;
		self.cost()?.checked_mul(2)?.checked_mul(on_claim)?.checked_mul(crowd.into())
	}
}

/// Openings of an answer, as weights count them: none is longer than a segment and its path.
pub fn count(openings: &Openings) -> u32 {
	u32::try_from(openings.len()).unwrap_or(u32::MAX)
}

/// What a challenger earns of a pledge that its game took: what it spent or a share of the
/// pledge, but never more than half, so that nobody gains by convicting a claim of its own.
pub fn reward(share: Permill, pledge: Balance, cost: Balance) -> Balance {
	share.mul_floor(pledge).max(cost).min(pledge.div_euclid(2))
}

/// Blocks to answer a question. Each game that the busier party plays may need a run of its own,
/// and a party may have one machine: `run_blocks` is the sum over all of them, of which a day
/// counts at most.
pub fn move_span(base: u32, run_blocks: u32, games_open: u32) -> u32 {
	let crowd = games_open.checked_div(GAMES_PER_BLOCK).unwrap_or(0);
	base.saturating_add(run_blocks.min(RUN_BLOCKS_MAX)).saturating_add(crowd)
}

#[cfg(test)]
mod tests {
	use super::*;

	const TERMS: BondTerms = BondTerms {
		price: 1_000,
		pledge: 1_000_000_000,
		blocks: 100,
		game_cost: 500,
		rent: Perbill::from_parts(10),
		games_on_claim: 0,
		games_open: 0,
	};

	#[test]
	fn a_bond_is_twice_what_the_winner_spends() {
		// 3 * 1000 for the trace, 500 for the moves, 10 a block for the locked pledge.
		assert_eq!(TERMS.cost(), Some(3_000 + 500 + 1_000));
		assert_eq!(TERMS.bond(), Some(9_000));
	}

	#[test]
	fn a_bond_grows_with_the_games_that_are_open() {
		assert_eq!(BondTerms { games_on_claim: 3, ..TERMS }.bond(), Some(4 * 9_000));
		assert_eq!(BondTerms { games_open: 63, ..TERMS }.bond(), Some(9_000));
		assert_eq!(BondTerms { games_open: 64, ..TERMS }.bond(), Some(2 * 9_000));
		assert_eq!(BondTerms { price: Balance::MAX, ..TERMS }.bond(), None);
	}

	#[test]
	fn a_reward_covers_the_cost_but_never_more_than_half_of_the_pledge() {
		let share = Permill::from_percent(20);
		for pledge in [0, 1, 4, 5, 1_000_000_007] {
			assert_eq!(reward(share, pledge, 0), pledge / 5);
			assert_eq!(reward(share, pledge, pledge / 3), (pledge / 5).max(pledge / 3));
			assert_eq!(reward(share, pledge, Balance::MAX), pledge / 2);
		}
	}

	#[test]
	fn many_games_give_every_move_more_time() {
		assert_eq!(move_span(32, 0, 0), 32);
		assert_eq!(move_span(32, 5, 16), 39);
		assert_eq!(move_span(32, u32::MAX, 1), 32 + RUN_BLOCKS_MAX);
	}
}
