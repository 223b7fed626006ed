//! # Disputes pallet
//!
//! Decides by computation which of two claims about a job is wrong.
//!
//! ## Pallet API
//!
//! See [`pallet::Call`] for what can be submitted, [`pallet::Config`] for what a runtime provides.
//!
//! ## Overview
//!
//! While the challenge window of a job is open, anyone may say that its claim is wrong, by
//! putting another claim beside it and a bond under it. From then on the two parties play a game:
//! step by step both disclose what they computed, always the part in which they first differ,
//! until one number is left that each computed otherwise. The runtime computes that number
//! itself. Whoever had it wrong is guilty: a claimant loses its pledge, a challenger its bond.
//! Nobody votes, and a party that is right wins alone against any number of others. Whoever stops
//! answering loses too. Where two parties of one job have claimed different results themselves,
//! nobody has to challenge: there is a game between them.
//!
//! ## Terminology
//!
//! - **Game**: a dispute between the claim of one slot and another claim, a challenger's or that of
//!   another slot of the same job, the *rival*. Its id is a slot id, which no slot has.
//! - **Claimant**: the party of the disputed slot; **challenger**: the one that says otherwise. Of
//!   two slots the lower one is the claimant's.
//! - **Purse**: what a side has at stake: a bond, or its slot's pledge.
//! - **Question**: what a game waits for; it follows from the moves before.
//! - **Answer**: a party's move. A wrong answer is refused and changes nothing; who can give no
//!   right one in time is guilty.
//! - **Clock**: that of the jobs pallet, which stands still while jobs are paused.
//!
//! ## Life of a game
//!
//! ```text
//!  challenge,
//!  oppose              answer (both parties, or either)             answer, timeout
//! -----------> Children (body) -> ... -> Leaf -> [Partials] -> Openings --> over
//!                  |  bodies are equal
//!                  +-> [Counts] -> OutputChildren -> ... -> OutputSegment
//!                                       -> OutputOpening ----------------> over
//! -----------> Offence (a claim says that the input is invalid) ---------> over
//! ```
//!
//! | transition | by | effect |
//! |---|---|---|
//! | `challenge` | anyone, with a worker key | holds the bond; the job waits for the game |
//! | `oppose` | anyone, where two claims of a job differ | the job waits for the game |
//! | `answer` | the worker key of a side | the next question, or the verdict |
//! | `timeout` | anyone, after the deadline | who owes an answer is guilty |
//!
//! ## Outcomes
//!
//! | verdict | claimant | challenger |
//! |---|---|---|
//! | `ClaimantGuilty` | its pledge is taken | bond back; repaid from half of the pledge |
//! | `ChallengerGuilty` | repaid by half of the bond | the bond is lost |
//! | `BothGuilty` | its pledge is taken | the bond is lost |
//!
//! A rival in the challenger's place fares as a claimant does: it loses its pledge, or is repaid
//! from half of the other's. What nobody earns of pledge and bond goes to the treasury. A job
//! whose claims have all fallen is refunded; a challenger's claim never becomes its result, a
//! rival's may.
//!
//! ## Invariants
//!
//! - INV-1: what is held of an account is the sum of the bonds of its open games.
//! - INV-2: every record has its game and every game its record; both parties' worker keys list it,
//!   and nothing else.
//! - INV-3: open games are counted: in all, for each challenger and for each claim, and their
//!   blocks for each worker key; each is the one challenge of its challenger of its claim, or the
//!   one game between its two slots, of which the lower one is the claimant's. What else is on
//!   record of challenges is what waits to be forgotten.
//! - INV-4: the job and the claims of an open game exist.
//!
//! ## Low level / Design
//!
//! 1. *The game itself is not here.* [`assay_trace::Game`] is a pure state machine that knows no
//!    bond, no clock and no signature; this pallet adds these.
//! 2. *Deadlines are facts of block number*: a late answer is refused whether or not anybody has
//!    called `timeout`; no hook walks over games.
//! 3. *Moves are free and bounded.* Each carries a signature of a party and answers the present
//!    question, so there are at most as many as the game is deep, and the bond covers the dearest
//!    game. Cheap checks come first, then the signature, then the hashes: only a party can make a
//!    node hash.
//! 4. *No bound refuses a challenge*: bonds grow with the games that are open, and a limit counts
//!    for each challenger alone. One account disputes one claim once. A game between two slots has
//!    no bond and no limit: a job has few slots.
//! 5. *Whoever was right is repaid*, when all games about the claim are over, in the order of games
//!    and while half of the pledge lasts: nobody overtakes another by a quicker game. The first has
//!    a reward, too. Who challenges first is not decided here: a liar that challenges itself at
//!    once, or an author that copies a challenge, can be the first, and gets back less than half of
//!    what it loses. Of more than eight that were right those of the lowest games are repaid, so
//!    that what one verdict has to pay is bounded; the others have their bonds back.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

extern crate alloc;

mod authorize;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod impls;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod ledger;
mod offchain;
pub mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::{AnswerFault, Conviction, Dispute, EndReason, GameView, Party, Purse, Verdict};
pub use weights::WeightInfo;

/// The pallet.
// What the macros expand to has `expect` in places that we cannot reach.
#[allow(missing_debug_implementations, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use assay_primitives::{
		AccountId, Balance, JobDigest, OutputDigest, SlotId, WorkerKey, WorkerSignature,
	};
	use assay_program::Claim;
	use assay_trace::{Answer, Game, Question, Side};
	use frame_support::{pallet_prelude::*, traits::fungible};
	use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
	use sp_core::H256;
	use sp_runtime::{Perbill, Permill};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What a runtime provides. Requires `frame_system::AuthorizeCall` among its extensions.
	#[pallet::config]
	pub trait Config:
		CreateAuthorizedTransaction<Call<Self>>
		+ frame_system::Config<AccountId = AccountId, Hash = H256>
	{
		/// Hold reasons of the runtime.
		type RuntimeHoldReason: From<HoldReason>;
		/// What bonds are held in.
		type Currency: fungible::MutateHold<
			AccountId,
			Balance = Balance,
			Reason = Self::RuntimeHoldReason,
		>;
		/// Claims that can be disputed.
		type Claims: assay_primitives::Claims<AccountId, Balance>;
		/// Programs that the referee computes by.
		type Models: assay_primitives::Models<AccountId, Balance>;
		/// Whose worker keys may challenge free of charge.
		type Providers: assay_primitives::Providers<AccountId>;
		/// Where lost bonds go.
		#[pallet::constant]
		type Treasury: Get<AccountId>;
		/// Blocks to answer a question, beside those to run the job again.
		#[pallet::constant]
		type MoveBlocks: Get<u32>;
		/// Most games that a challenger may have open.
		#[pallet::constant]
		type MaxGamesPerChallenger: Get<u32>;
		/// Bytes and weight of the dearest game, as a price.
		#[pallet::constant]
		type GameCost: Get<Balance>;
		/// Rent of a pledge that a game keeps locked, for each block.
		#[pallet::constant]
		type PledgeRent: Get<Perbill>;
		/// What a challenger earns of a pledge that its game takes.
		#[pallet::constant]
		type Reward: Get<Permill>;
		/// Measured weights.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of neighbouring pallets.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper;
	}

	/// What this pallet holds funds for.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Bond of a challenge.
		#[codec(index = 0)]
		ChallengeBond,
	}

	/// What is on record of each open game.
	// Slot ids are counted by the chain: a fast hasher will do, here and below.
	#[pallet::storage]
	pub type Disputes<T: Config> = StorageMap<_, Twox64Concat, SlotId, Dispute<AccountId>>;

	/// Each open game, as far as it has come.
	#[pallet::storage]
	pub type Games<T: Config> = StorageMap<_, Twox64Concat, SlotId, Game>;

	/// Games by the worker keys that play them: how a worker finds what it owes.
	// Many keys can be tried before one is named, so the hasher is a safe one.
	#[pallet::storage]
	pub type WorkerGames<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, WorkerKey, Twox64Concat, SlotId, ()>;

	/// Open games of each challenger.
	#[pallet::storage]
	pub type ChallengerGames<T: Config> =
		StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

	/// Open games about each claim.
	#[pallet::storage]
	pub type ClaimGames<T: Config> = StorageMap<_, Twox64Concat, SlotId, u32, ValueQuery>;

	/// Who has challenged which claim: open games, and those that the challenger lost for as long as
	/// the claim can be challenged. One is enough, since who lost would lose again; and a challenge
	/// that was lost can be carried again by anybody, at the price of another bond.
	#[pallet::storage]
	pub type Challenges<T: Config> =
		StorageDoubleMap<_, Twox64Concat, SlotId, Blake2_128Concat, AccountId, ()>;

	/// Challenges that were lost, in the order of their ends: each is forgotten once its claim cannot
	/// be challenged any more, which is then what refuses it.
	// Numbers are counted by the chain.
	#[pallet::storage]
	pub type LostChallenges<T: Config> = StorageMap<_, Twox64Concat, u64, (SlotId, AccountId)>;

	/// Numbers of the first lost challenge that is on record, and of the next one.
	#[pallet::storage]
	pub type LostRange<T: Config> = StorageValue<_, (u64, u64), ValueQuery>;

	/// Games between two claims of one job, by the lower and the higher slot. One is enough for each
	/// pair: one of both is convicted by it.
	#[pallet::storage]
	pub type Oppositions<T: Config> =
		StorageDoubleMap<_, Twox64Concat, SlotId, Twox64Concat, SlotId, SlotId>;

	/// Convicted claims about which games are open: who is to be paid when the last one is over.
	#[pallet::storage]
	pub type Convictions<T: Config> = StorageMap<_, Twox64Concat, SlotId, Conviction<AccountId>>;

	/// Blocks that runs for all open games of a worker key may take, one after the other.
	#[pallet::storage]
	pub type KeyBlocks<T: Config> = StorageMap<_, Blake2_128Concat, WorkerKey, u32, ValueQuery>;

	/// Open games in all.
	#[pallet::storage]
	pub type OpenGames<T: Config> = StorageValue<_, u32, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A claim was challenged, or found beside another one of its job: a game begins.
		#[codec(index = 0)]
		GameOpened {
			/// The game: an id of its own.
			game: SlotId,
			/// The claim that is disputed.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Who challenges.
			challenger: AccountId,
			/// What the challenger claims instead.
			output: OutputDigest,
			/// What is held of it; nothing where the claim is one of the job's.
			bond: Balance,
			/// The first question.
			question: Question,
			/// Last block for an answer.
			due_at: u32,
			/// The slot whose claim that is, where it is one of the job's: its pledge is at stake.
			rival: Option<SlotId>,
		},
		/// A party answered; the other one still owes.
		#[codec(index = 1)]
		Answered {
			/// The game.
			game: SlotId,
			/// Who.
			side: Side,
			/// To what.
			question: Question,
		},
		/// The answers lead to the next question.
		#[codec(index = 2)]
		Asked {
			/// The game.
			game: SlotId,
			/// The question.
			question: Question,
			/// Last block for an answer.
			due_at: u32,
		},
		/// A game is over.
		#[codec(index = 3)]
		GameClosed {
			/// The game.
			game: SlotId,
			/// The claim that was disputed.
			slot: SlotId,
			/// Its job.
			job: JobDigest,
			/// Who is guilty.
			verdict: Verdict,
			/// What decided it.
			reason: EndReason,
			/// What was taken of the claimant's pledge.
			slashed: Balance,
			/// What was taken of the challenger's bond, or of its pledge.
			forfeited: Balance,
		},
		/// A part of a lost bond or pledge repaid the party that won.
		#[codec(index = 4)]
		WinnerRepaid {
			/// The game.
			game: SlotId,
			/// Who got it.
			beneficiary: AccountId,
			/// How much.
			amount: Balance,
		},
		/// The first that was right earned more of the pledge that it brought down than it spent.
		#[codec(index = 5)]
		WinnerRewarded {
			/// The claim.
			slot: SlotId,
			/// Who got it.
			beneficiary: AccountId,
			/// How much.
			amount: Balance,
		},
	}

	/// What is not so. Append only: wallets know errors by their place.
	#[pallet::error]
	pub enum Error<T> {
		/// Jobs are paused, and games with them; try again when they are resumed.
		Paused,
		/// No slot with a revealed claim has this id.
		ClaimUnknown,
		/// The claim is the one that it is to dispute.
		SameClaim,
		/// No run of the job can have this count of steps.
		CountOutOfRange,
		/// The challenger has as many open games as it may have.
		TooManyGames,
		/// The bond of this challenge is more than a balance can hold.
		BondOverflow,
		/// The challenger is not the one who signed, nor the provider whose worker key signed.
		NotTheChallenger,
		/// The signature is not one of this worker key over this statement.
		BadSignature,
		/// No open game has this id.
		GameUnknown,
		/// The game asks something else by now.
		Stale,
		/// This side has answered, or is not asked.
		NotAsked,
		/// The deadline has passed.
		DeadlinePassed,
		/// The deadline has not passed.
		NotDue,
		/// The program of the job is not stored, or has no trace. No sequence of calls leads here.
		ProgramMissing,
		/// The answer is not a right one to this question.
		AnswerWrong(AnswerFault),
		/// The challenger disputes this claim already, or lost a game about it.
		AlreadyChallenged,
		/// The bond of this challenge is more than the challenger has, or than it allowed.
		BondTooHigh,
		/// There is a game between these two claims.
		AlreadyOpposed,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::run_worker(now);
		}

		fn integrity_test() {
			assert!(T::MoveBlocks::get() > 2, "blocks that rotate a session carry no answer");
			assert!(T::MaxGamesPerChallenger::get() > 0, "nobody could challenge");
			assert!(
				T::Reward::get() < Permill::from_percent(50),
				"who convicts a confederate must lose more than is won"
			);
			let most = types::OPENINGS_MAX;
			let dearest = T::WeightInfo::answer_openings(most)
				.saturating_add(T::WeightInfo::authorize_answer_openings(most));
			let tenth = T::BlockWeights::get().max_block.ref_time().div_euclid(10);
			assert!(
				dearest.ref_time() <= tenth,
				"the dearest answer must not take more than a tenth of a block"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Say that a claim is wrong, by claiming otherwise.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the challenger; or authorised, free of charge, where the worker key is that of
		/// the challenger as a provider.
		///
		/// ## Details
		///
		/// Holds a bond of the challenger: twice what a winner has to be repaid, more where games are
		/// open already. The job waits for the game. The worker key plays it: its node needs an
		/// executor that has the model's weights and the job's input.
		///
		/// ## Parameters
		///
		/// - `slot`: whose claim is wrong.
		/// - `claim`: what is right: count and digest of the output, or the code of an invalid input.
		/// - `challenger`: whose bond.
		/// - `worker`: the key that signs the challenger's moves.
		/// - `bond_max`: the challenge is refused where its bond would be more.
		/// - `signature`: of that key over the challenge statement.
		///
		/// ## Errors
		///
		/// `ClaimUnknown`, `SameClaim`, `CountOutOfRange`, `TooManyGames`, `AlreadyChallenged`,
		/// `BondTooHigh`, `NotTheChallenger`, `BadSignature`; `NotDisputable` of the jobs pallet
		/// where the window is over; `FundsUnavailable` where the bond cannot be held.
		///
		/// ## Events
		///
		/// `GameOpened`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::challenge())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_challenge())]
		#[pallet::authorize(Self::authorize_challenge)]
		pub fn challenge(
			origin: OriginFor<T>,
			slot: SlotId,
			claim: Claim,
			challenger: AccountId,
			worker: WorkerKey,
			#[pallet::compact] bond_max: Balance,
			signature: WorkerSignature,
		) -> DispatchResult {
			match ensure_signed(origin.clone()) {
				Ok(who) => ensure!(who == challenger, Error::<T>::NotTheChallenger),
				Err(_) => {
					frame_system::ensure_authorized(origin)?;
					Self::ensure_works_for(&worker, &challenger)?;
				},
			}
			let party = Party { account: challenger, worker };
			Self::do_challenge(slot, claim, party, bond_max, &signature)
		}

		/// Answer the question of a game.
		///
		/// ## Dispatch Origin
		///
		/// Authorised: signed inside by the side's worker key; anybody may carry it. No fee.
		///
		/// ## Parameters
		///
		/// - `game`: the game.
		/// - `side`: for whom.
		/// - `question`: what is answered: only the present question is.
		/// - `answer`: the answer.
		/// - `signature`: of the side's worker key over the move statement.
		///
		/// ## Errors
		///
		/// `GameUnknown`, `Stale`, `NotAsked`, `DeadlinePassed`, `AnswerWrong`.
		///
		/// ## Events
		///
		/// `Answered`, or `Asked`, or `GameClosed`.
		#[pallet::call_index(1)]
		#[pallet::weight((Pallet::<T>::weight_of_answer(answer), DispatchClass::Operational))]
		#[pallet::weight_of_authorize(Pallet::<T>::weight_of_authorize_answer(answer))]
		#[pallet::authorize(Self::authorize_answer)]
		pub fn answer(
			origin: OriginFor<T>,
			game: SlotId,
			side: Side,
			question: Question,
			answer: Answer,
			signature: WorkerSignature,
		) -> DispatchResult {
			frame_system::ensure_authorized(origin)?;
			let _ = signature;
			Self::do_answer(game, side, &question, &answer)
		}

		/// End a game in which somebody did not answer in time.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Parameters
		///
		/// - `game`: the game.
		///
		/// ## Errors
		///
		/// `GameUnknown`, `NotDue`.
		///
		/// ## Events
		///
		/// `GameClosed`.
		#[pallet::call_index(2)]
		#[pallet::weight((T::WeightInfo::timeout(), DispatchClass::Operational))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_timeout())]
		#[pallet::authorize(Self::authorize_timeout)]
		pub fn timeout(origin: OriginFor<T>, game: SlotId) -> DispatchResult {
			if ensure_signed(origin.clone()).is_err() {
				frame_system::ensure_authorized(origin)?;
			}
			Self::do_timeout(game)
		}

		/// Open the game between two claims of one job that differ. Whoever loses it is convicted, and
		/// a job does not settle while two of its claims differ, so there is one for each pair.
		///
		/// ## Dispatch Origin
		///
		/// Anyone: signed, or authorised without signature and fee, since it does only what is due.
		///
		/// ## Details
		///
		/// The lower slot is the claimant's side. Each side stakes its slot's pledge, and nothing else
		/// is held. It may come after the challenge window, since it would be missed for ever.
		///
		/// ## Parameters
		///
		/// - `slot`, `other`: the slots, in either order.
		///
		/// ## Errors
		///
		/// `AlreadyOpposed`; `SlotUnknown` of the jobs pallet, or `NotDisputable` where the claims do
		/// not differ, are not of one job or are not all open, or where one of them is convicted.
		///
		/// ## Events
		///
		/// `GameOpened`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::oppose())]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_oppose())]
		#[pallet::authorize(Self::authorize_oppose)]
		pub fn oppose(origin: OriginFor<T>, slot: SlotId, other: SlotId) -> DispatchResult {
			if ensure_signed(origin.clone()).is_err() {
				frame_system::ensure_authorized(origin)?;
			}
			Self::do_oppose(types::ascending(slot, other))
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// An open game.
		pub fn game(game: SlotId) -> Option<GameView<AccountId>> {
			Self::game_view(game)
		}

		/// Open games that a worker key plays, at most 256.
		pub fn games_of(worker: WorkerKey) -> alloc::vec::Vec<SlotId> {
			WorkerGames::<T>::iter_key_prefix(worker).take(types::VIEW_ENTRIES_MAX).collect()
		}

		/// What a challenge of a slot's claim costs in bond now; none where there is no such claim.
		pub fn challenge_bond(slot: SlotId) -> Option<Balance> {
			Self::bond_for(slot)
		}
	}
}
