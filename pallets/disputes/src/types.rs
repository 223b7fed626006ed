//! Stored types, and the sums that follow from them.

use assay_primitives::{Balance, JobDigest, SlotId, WorkerKey};
use assay_trace::{Answer, Question, Side};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec, PalletError};
use scale_info::TypeInfo;
use sp_runtime::{Perbill, Permill};

/// Games beside which every move has its full time; each further so many give it a block more.
pub const GAMES_PER_BLOCK: u32 = 8;
/// Re-running a job for its trace may cost so many times its price.
pub const TRACE_COST_FACTOR: Balance = 3;
/// Most ids that one answer of a view function lists.
pub const VIEW_ENTRIES_MAX: usize = 256;
/// Most openings that any question can need: no program is registered that could need more.
pub const OPENINGS_MAX: u32 = assay_trace::OPENINGS_MAX;
/// Most blocks that runs of a party's games add to the time of one answer: a day.
pub const RUN_BLOCKS_MAX: u32 = 28_800;
/// Most winners of games about one claim that its pledge repays.
pub const WINNERS_MAX: u32 = 8;
/// Lost challenges that a new one can make forgotten.
pub const LOST_PER_CHALLENGE: u32 = 2;
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

/// What a side has at stake, and the winner is repaid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub enum Purse {
	/// A bond, held for this game alone: a challenger's.
	#[codec(index = 0)]
	Bond(Balance),
	/// What a slot of the job has pledged, whatever else is disputed of it.
	#[codec(index = 1)]
	Pledge(SlotId),
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
	/// What the challenger has at stake. The claimant has its slot's pledge.
	pub purse: Purse,
	/// What a party spends that wins.
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

	/// What a side has at stake.
	pub fn purse(&self, side: Side) -> Purse {
		match side {
			Side::Claimant => Purse::Pledge(self.slot),
			Side::Challenger => self.purse,
		}
	}

	/// The slots whose pledges are at stake.
	pub fn slots(&self) -> impl Iterator<Item = SlotId> {
		core::iter::once(self.slot).chain(self.rival())
	}

	/// The slot whose claim the challenger's is, where it is one of the job's.
	pub fn rival(&self) -> Option<SlotId> {
		match self.purse {
			Purse::Bond(_) => None,
			Purse::Pledge(slot) => Some(slot),
		}
	}

	/// What is held of the challenger for this game.
	pub fn bond(&self) -> Balance {
		match self.purse {
			Purse::Bond(bond) => bond,
			Purse::Pledge(_) => 0,
		}
	}
}

/// Who won a game about a claim, and alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Winner<AccountId> {
	/// The game.
	pub game: SlotId,
	/// Who.
	pub account: AccountId,
	/// What that cost it.
	pub cost: Balance,
}

/// What is to be paid from a pledge that a game took, when all games about the claim are over: only
/// then it is known who came first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Conviction<AccountId> {
	/// The pledge.
	pub pledge: Balance,
	/// Who won the lowest games, in the order of these.
	pub winners: BoundedVec<Winner<AccountId>, ConstU32<WINNERS_MAX>>,
}

/// What one winner gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share<'a, AccountId> {
	/// Who, and for which game.
	pub winner: &'a Winner<AccountId>,
	/// Of what it spent.
	pub repaid: Balance,
	/// Beyond that.
	pub reward: Balance,
}

impl<AccountId> Conviction<AccountId> {
	/// Nobody is to be paid yet.
	pub fn new(pledge: Balance) -> Self {
		Self { pledge, winners: BoundedVec::new() }
	}

	/// Notes a winner in its place. Of too many the highest game goes: what one verdict has to pay is
	/// bounded.
	pub fn note(&mut self, winner: Winner<AccountId>) {
		let place = self.winners.partition_point(|other| other.game < winner.game);
		let _ = self.winners.force_insert_keep_left(place, winner);
	}

	/// Each winner's cost in the order of games while the pot lasts; then the first has what `share`
	/// of the pledge is more than its cost, if there is as much.
	pub fn shares(&self, share: Permill) -> impl Iterator<Item = Share<'_, AccountId>> {
		let pot = pot(self.pledge);
		let costs = self.winners.iter().map(|winner| winner.cost);
		let spent = costs.fold(0, Balance::saturating_add).min(pot);
		let promised = share.mul_floor(self.pledge);
		let mut left = pot;
		self.winners.iter().enumerate().map(move |(place, winner)| {
			let repaid = winner.cost.min(left);
			left = left.saturating_sub(repaid);
			let beyond = promised.saturating_sub(repaid).min(pot.saturating_sub(spent));
			Share { winner, repaid, reward: if place == 0 { beyond } else { 0 } }
		})
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

/// Two slots, the lower first: that is the claimant's in a game between them.
pub fn ascending(slot: SlotId, other: SlotId) -> [SlotId; 2] {
	[slot.min(other), slot.max(other)]
}

/// Openings of an answer, as weights count them: none is longer than a segment and its path.
pub fn openings(answer: &Answer) -> u32 {
	match answer {
		Answer::Children(_) | Answer::Bytes(_) => 0,
		Answer::Partials(_, openings)
		| Answer::Openings(openings)
		| Answer::Offence(_, openings) => u32::try_from(openings.len()).unwrap_or(u32::MAX),
	}
}

/// What winners can get of a pledge: never more than half, so that nobody gains by convicting a
/// claim of its own.
pub fn pot(pledge: Balance) -> Balance {
	pledge.div_euclid(2)
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
		for pledge in [0, 1, 4, 5, 1_000_000_007] {
			let earned = |cost| shares(pledge, &[(1, cost)]).iter().sum::<Balance>();
			assert_eq!(earned(0), pledge / 5);
			assert_eq!(earned(pledge / 3), (pledge / 5).max(pledge / 3));
			assert_eq!(earned(Balance::MAX), pledge / 2);
		}
	}

	/// What the winners of these games get, in the order of the games.
	fn shares(pledge: Balance, games: &[(u64, Balance)]) -> Vec<Balance> {
		let mut conviction = Conviction::new(pledge);
		for (game, cost) in games {
			conviction.note(Winner { game: SlotId(*game), account: (), cost: *cost });
		}
		let shares = conviction.shares(Permill::from_percent(20));
		shares.map(|share| share.repaid + share.reward).collect()
	}

	#[test]
	fn winners_are_repaid_in_the_order_of_games_while_the_pot_lasts() {
		// The verdicts came in another order. The pot is 500, the first is promised 200.
		assert_eq!(shares(1_000, &[(7, 60), (3, 50), (5, 40)]), [200, 40, 60]);
		assert_eq!(shares(1_000, &[(3, 150), (5, 150), (7, 150)]), [200, 150, 150]);
		assert_eq!(shares(1_000, &[(3, 150), (5, 170), (7, 170)]), [160, 170, 170]);
		assert_eq!(shares(1_000, &[(3, 300), (5, 150), (7, 150)]), [300, 150, 50]);
		assert_eq!(shares(1_000, &[(3, 900), (5, 150)]), [500, 0]);
	}

	#[test]
	fn of_too_many_winners_the_lowest_games_count() {
		let games: Vec<_> = (0..20).rev().map(|game| (game, 1)).collect();
		let paid = shares(1_000, &games);
		assert_eq!(paid, [200, 1, 1, 1, 1, 1, 1, 1]);
		let mut conviction = Conviction::new(0);
		for game in 0..20 {
			conviction.note(Winner { game: SlotId(game), account: (), cost: 1 });
		}
		assert!(conviction.winners.iter().zip(0..).all(|(winner, game)| winner.game.0 == game));
		assert_eq!(conviction.winners.len(), WINNERS_MAX as usize);
	}

	#[test]
	fn many_games_give_every_move_more_time() {
		assert_eq!(move_span(32, 0, 0), 32);
		assert_eq!(move_span(32, 5, 16), 39);
		assert_eq!(move_span(32, u32::MAX, 1), 32 + RUN_BLOCKS_MAX);
	}
}
