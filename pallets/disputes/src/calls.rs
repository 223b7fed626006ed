//! Bodies of the calls. What a call needs is checked by a `check_*` function that the authorisation
//! of the call shares, then everything is written.

use crate::{
	ledger::Ledger,
	types::{move_span, BondTerms, Purse, LOST_PER_CHALLENGE},
	*,
};
use assay_primitives::{
	challenge_statement, AccountId, Balance, Board, ClaimInfo, Claims, Models, Providers, SlotId,
	WorkerKey, WorkerSignature,
};
use assay_program::{wire::JobRequest, Claim, Program};
use assay_trace::{Answer, Game, Ground, Layout, Question, Refusal, Side, Turn, QUESTIONS_MAX};
use frame_support::{defensive, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use sp_core::H256;
use sp_runtime::{traits::SaturatedConversion, RuntimeAppPublic};

/// A challenge that was checked.
pub(crate) struct Challenge {
	info: ClaimInfo<AccountId, Balance>,
	game: Game,
	bond: Balance,
	cost: Balance,
}

/// Two claims of a job between which there is to be a game: that of the lower slot is attacked.
pub(crate) struct Opposition {
	infos: [ClaimInfo<AccountId, Balance>; 2],
	game: Game,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::from(0u32))
	}

	fn ensure_running() -> Result<(), Error<T>> {
		ensure!(!T::Claims::is_paused(), Error::<T>::Paused);
		Ok(())
	}

	pub(crate) fn ensure_works_for(worker: &WorkerKey, who: &AccountId) -> Result<(), Error<T>> {
		let owner = T::Providers::provider_of(worker);
		ensure!(owner.as_ref() == Some(who), Error::<T>::NotTheChallenger);
		Ok(())
	}

	// --- challenge ---

	/// What weighs on the bond of a challenge of this claim now.
	fn bond_terms(slot: SlotId, info: &ClaimInfo<AccountId, Balance>) -> BondTerms {
		let move_blocks = T::MoveBlocks::get().saturating_add(T::Claims::span(info.units));
		BondTerms {
			price: info.price,
			pledge: info.pledge,
			blocks: move_blocks.saturating_mul(QUESTIONS_MAX),
			game_cost: T::GameCost::get(),
			rent: T::PledgeRent::get(),
			games_on_claim: ClaimGames::<T>::get(slot),
			games_open: OpenGames::<T>::get(),
		}
	}

	/// The bond of a challenge of a slot's claim now.
	pub fn bond_for(slot: SlotId) -> Option<Balance> {
		Self::bond_terms(slot, &T::Claims::claim(slot)?).bond()
	}

	pub(crate) fn check_challenge(
		slot: SlotId,
		claim: &Claim,
		challenger: &AccountId,
		bond_max: Balance,
	) -> Result<Challenge, DispatchError> {
		Self::ensure_running()?;
		let info = T::Claims::claim(slot).ok_or(Error::<T>::ClaimUnknown)?;
		T::Claims::ensure_disputable(slot)?;
		let is_new = !Challenges::<T>::contains_key(slot, challenger);
		ensure!(is_new, Error::<T>::AlreadyChallenged);
		if let Claim::Output { count, .. } = claim {
			let counts = 1..=info.request.parameters.max_steps;
			ensure!(counts.contains(count), Error::<T>::CountOutOfRange);
		}
		let game =
			Game::new([info.claim, *claim], info.outline).map_err(|_| Error::<T>::SameClaim)?;
		ensure!(
			ChallengerGames::<T>::get(challenger) < T::MaxGamesPerChallenger::get(),
			Error::<T>::TooManyGames
		);
		let terms = Self::bond_terms(slot, &info);
		let (bond, cost) = terms.bond().zip(terms.cost()).ok_or(Error::<T>::BondOverflow)?;
		let is_payable = bond <= bond_max && Ledger::<T>::can_hold(challenger, bond);
		ensure!(is_payable, Error::<T>::BondTooHigh);
		Ok(Challenge { info, game, bond, cost })
	}

	pub(crate) fn ensure_challenge_signed(
		challenge: &Challenge,
		slot: SlotId,
		party: &Party<AccountId>,
		bond_max: Balance,
		signature: &WorkerSignature,
	) -> Result<(), Error<T>> {
		let Challenge { info, game, .. } = challenge;
		let job = info.request.digest().into();
		let output = Side::Challenger.of(game.claims()).output().into();
		let who = &party.account;
		let statement = challenge_statement(&Self::genesis(), &job, slot, who, &output, bond_max);
		ensure!(party.worker.verify(&statement, signature), Error::<T>::BadSignature);
		Ok(())
	}

	pub(crate) fn do_challenge(
		slot: SlotId,
		claim: Claim,
		party: Party<AccountId>,
		bond_max: Balance,
		signature: &WorkerSignature,
	) -> DispatchResult {
		let challenge = Self::check_challenge(slot, &claim, &party.account, bond_max)?;
		Self::ensure_challenge_signed(&challenge, slot, &party, bond_max, signature)?;
		let Challenge { info, game, bond, cost } = challenge;
		let id = T::Claims::open_dispute(slot)?;
		Ledger::<T>::hold(&party.account, bond)?;
		Self::forget_lost();
		let dispute = Self::record(slot, &info, party, Purse::Bond(bond), cost);
		Self::open(id, dispute, game);
		Ok(())
	}

	// --- oppose ---

	/// Whether a game between two claims is due, that of the lower slot first.
	pub(crate) fn check_oppose(slots: [SlotId; 2]) -> Result<Opposition, DispatchError> {
		Self::ensure_running()?;
		let [lower, higher] = slots;
		let is_new = !Oppositions::<T>::contains_key(lower, higher);
		ensure!(is_new, Error::<T>::AlreadyOpposed);
		T::Claims::ensure_opposable(slots)?;
		let claimant = T::Claims::claim(lower).ok_or(Error::<T>::ClaimUnknown)?;
		let challenger = T::Claims::claim(higher).ok_or(Error::<T>::ClaimUnknown)?;
		let game = Game::new([claimant.claim, challenger.claim], claimant.outline)
			.map_err(|_| Error::<T>::SameClaim)?;
		Ok(Opposition { infos: [claimant, challenger], game })
	}

	pub(crate) fn do_oppose(slots: [SlotId; 2]) -> DispatchResult {
		let Opposition { infos: [mut info, rival], game } = Self::check_oppose(slots)?;
		let [slot, rival_slot] = slots;
		// Either may win; a late reveal may have cost a part of one pledge.
		info.pledge = info.pledge.max(rival.pledge);
		// A job waits for this game: no sum may refuse it, and none is paid that is not in a pledge.
		let cost = Self::bond_terms(slot, &info).cost().unwrap_or(Balance::MAX);
		let id = T::Claims::open_opposition(slots)?;
		let party = Party { account: rival.party, worker: rival.worker };
		let dispute = Self::record(slot, &info, party, Purse::Pledge(rival_slot), cost);
		Self::open(id, dispute, game);
		Ok(())
	}

	// --- a new game ---

	/// What is on record of a new game about a slot's claim.
	fn record(
		slot: SlotId,
		info: &ClaimInfo<AccountId, Balance>,
		challenger: Party<AccountId>,
		purse: Purse,
		cost: Balance,
	) -> Dispute<AccountId> {
		Dispute {
			slot,
			job: info.request.digest().into(),
			claimant: Party { account: info.party.clone(), worker: info.worker.clone() },
			challenger,
			purse,
			cost,
			run_blocks: T::Claims::span(info.units),
			due: 0,
			opened_at: frame_system::Pallet::<T>::block_number().saturated_into(),
		}
	}

	fn open(id: SlotId, mut dispute: Dispute<AccountId>, game: Game) {
		let run_blocks = dispute.run_blocks;
		// The new game counts among those that its parties play.
		for worker in dispute.workers() {
			KeyBlocks::<T>::mutate(worker, |blocks| *blocks = blocks.saturating_add(run_blocks));
		}
		dispute.due = Self::due_of_next(&dispute);
		Self::deposit_event(Event::GameOpened {
			game: id,
			slot: dispute.slot,
			job: dispute.job,
			challenger: dispute.challenger.account.clone(),
			output: Side::Challenger.of(game.claims()).output().into(),
			bond: dispute.bond(),
			question: game.question(),
			due_at: T::Claims::block_of(dispute.due),
			rival: dispute.rival(),
		});
		Self::insert(id, dispute, game);
	}

	/// Clock time until which a question that is asked now can be answered.
	fn due_of_next(dispute: &Dispute<AccountId>) -> u32 {
		let blocks = |party: &Party<AccountId>| KeyBlocks::<T>::get(&party.worker);
		let busier = blocks(&dispute.claimant).max(blocks(&dispute.challenger));
		let span = move_span(T::MoveBlocks::get(), busier, OpenGames::<T>::get());
		T::Claims::now().saturating_add(span)
	}

	// --- answer ---

	/// What a move of a game is signed with.
	pub(crate) fn board(id: SlotId, dispute: &Dispute<AccountId>, game: &Game) -> Board {
		let outputs = game.claims().map(|claim| claim.output().into());
		Board { game: id, slot: dispute.slot, job: dispute.job, outputs }
	}

	/// What of an answer can be checked without looking into it.
	pub(crate) fn check_turn(
		id: SlotId,
		side: Side,
		question: &Question,
	) -> Result<(Dispute<AccountId>, Game), Error<T>> {
		Self::ensure_running()?;
		let dispute = Disputes::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		let game = Games::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		ensure!(game.question() == *question, Error::<T>::Stale);
		ensure!(game.owes(side), Error::<T>::NotAsked);
		ensure!(T::Claims::now() <= dispute.due, Error::<T>::DeadlinePassed);
		Ok((dispute, game))
	}

	/// What an answer leads to.
	pub(crate) fn play(
		dispute: &Dispute<AccountId>,
		game: &Game,
		side: Side,
		question: &Question,
		answer: &Answer,
	) -> Result<Turn, Error<T>> {
		// Most moves are of hashes alone, and need no program: it would cost more than they do.
		if let Answer::Children(children) = answer {
			return game.play_children(side, question, children).map_err(Self::refused);
		}
		let info = T::Claims::claim(dispute.slot).ok_or(Error::<T>::ClaimUnknown)?;
		let program = info.request.program.into();
		let bytes = T::Models::program(&program).ok_or(Error::<T>::ProgramMissing)?;
		Self::judge(&info.request, &bytes, game, side, question, answer)
	}

	/// What an answer that is not of children leads to: all that a call does that looks into the
	/// program of a job.
	pub(crate) fn judge(
		request: &JobRequest,
		program: &[u8],
		game: &Game,
		side: Side,
		question: &Question,
		answer: &Answer,
	) -> Result<Turn, Error<T>> {
		let program = Program::decode_validated(program).map_err(|_| Error::<T>::ProgramMissing)?;
		let JobRequest { input, weights, parameters, .. } = request;
		let layout = Layout::new(&program, parameters).map_err(|_| Error::<T>::ProgramMissing)?;
		let ground = Ground { layout: &layout, input: *input, weights: *weights };
		game.play(&ground, side, question, answer).map_err(Self::refused)
	}

	fn refused(refusal: Refusal) -> Error<T> {
		Error::<T>::AnswerWrong(refusal.into())
	}

	pub(crate) fn do_answer(
		id: SlotId,
		side: Side,
		question: &Question,
		answer: &Answer,
	) -> DispatchResult {
		let (mut dispute, game) = Self::check_turn(id, side, question)?;
		match Self::play(&dispute, &game, side, question, answer)? {
			Turn::Waits(game) => {
				Self::deposit_event(Event::Answered { game: id, side, question: *question });
				Games::<T>::insert(id, game);
			},
			Turn::Next(game) => {
				dispute.due = Self::due_of_next(&dispute);
				Self::deposit_event(Event::Asked {
					game: id,
					question: game.question(),
					due_at: T::Claims::block_of(dispute.due),
				});
				Disputes::<T>::insert(id, dispute);
				Games::<T>::insert(id, game);
			},
			Turn::Over(guilty) => Self::conclude(id, dispute, guilty, EndReason::Refereed),
		}
		Ok(())
	}

	// --- timeout ---

	pub(crate) fn check_timeout(id: SlotId) -> Result<(Dispute<AccountId>, Game), Error<T>> {
		Self::ensure_running()?;
		let dispute = Disputes::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		let game = Games::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		ensure!(T::Claims::now() > dispute.due, Error::<T>::NotDue);
		Ok((dispute, game))
	}

	pub(crate) fn do_timeout(id: SlotId) -> DispatchResult {
		let (dispute, game) = Self::check_timeout(id)?;
		Self::conclude(id, dispute, game.timeout(), EndReason::TimedOut);
		Ok(())
	}

	/// Take from the guilty, give to who was right, forget the game.
	fn conclude(id: SlotId, dispute: Dispute<AccountId>, guilty: [bool; 2], reason: EndReason) {
		let winner = match guilty {
			[true, false] => Some(Side::Challenger),
			[false, true] => Some(Side::Claimant),
			[true, true] => None,
			[false, false] => {
				defensive!("a game ended without a verdict");
				None
			},
		};
		// The record goes first: what follows may end the job.
		Self::remove(id, &dispute);
		let [slashed, forfeited] = Side::BOTH.map(|side| match side.of(&guilty) {
			true => Self::take(id, &dispute, side, winner),
			false => Self::give_back(&dispute, side),
		});
		Self::deposit_event(Event::GameClosed {
			game: id,
			slot: dispute.slot,
			job: dispute.job,
			verdict: Verdict::of(guilty),
			reason,
			slashed,
			forfeited,
		});
		// Both are convicted, where both are, before either can end the job.
		dispute.slots().for_each(Self::close_claim);
	}

	// --- records ---

	fn insert(id: SlotId, dispute: Dispute<AccountId>, game: Game) {
		for party in [&dispute.claimant, &dispute.challenger] {
			WorkerGames::<T>::insert(&party.worker, id, ());
		}
		let challenger = &dispute.challenger.account;
		match dispute.purse {
			Purse::Bond(_) => {
				Challenges::<T>::insert(dispute.slot, challenger, ());
				ChallengerGames::<T>::mutate(challenger, Self::increase);
			},
			Purse::Pledge(rival) => Oppositions::<T>::insert(dispute.slot, rival, id),
		}
		dispute.slots().for_each(|slot| ClaimGames::<T>::mutate(slot, Self::increase));
		OpenGames::<T>::mutate(Self::increase);
		Games::<T>::insert(id, game);
		Disputes::<T>::insert(id, dispute);
	}

	fn remove(id: SlotId, dispute: &Dispute<AccountId>) {
		for party in [&dispute.claimant, &dispute.challenger] {
			WorkerGames::<T>::remove(&party.worker, id);
		}
		for worker in dispute.workers() {
			KeyBlocks::<T>::mutate_exists(worker, |blocks| {
				let left = blocks.map(|blocks| blocks.saturating_sub(dispute.run_blocks));
				*blocks = left.filter(|blocks| *blocks > 0);
			});
		}
		let challenger = &dispute.challenger.account;
		match dispute.purse {
			Purse::Bond(_) => {
				Challenges::<T>::remove(dispute.slot, challenger);
				ChallengerGames::<T>::mutate_exists(challenger, Self::decrease);
			},
			Purse::Pledge(rival) => Oppositions::<T>::remove(dispute.slot, rival),
		}
		dispute.slots().for_each(|slot| ClaimGames::<T>::mutate_exists(slot, Self::decrease));
		OpenGames::<T>::mutate_exists(Self::decrease);
		Games::<T>::remove(id);
		Disputes::<T>::remove(id);
	}

	/// Keep the pair of a lost challenge on record.
	pub(crate) fn keep_lost(slot: SlotId, challenger: &AccountId) {
		let (first, next) = LostRange::<T>::get();
		Challenges::<T>::insert(slot, challenger, ());
		LostChallenges::<T>::insert(next, (slot, challenger));
		LostRange::<T>::put((first, next.saturating_add(1)));
	}

	/// Forget the oldest lost challenges, where their claims cannot be challenged any more. Each new
	/// challenge does so with more of them than it can add, so they do not pile up.
	fn forget_lost() {
		let (mut first, next) = LostRange::<T>::get();
		for _ in 0..LOST_PER_CHALLENGE {
			let Some((slot, challenger)) = LostChallenges::<T>::get(first) else { break };
			if T::Claims::ensure_disputable(slot).is_ok() {
				break;
			}
			Challenges::<T>::remove(slot, challenger);
			LostChallenges::<T>::remove(first);
			first = first.saturating_add(1);
		}
		LostRange::<T>::put((first, next));
	}

	fn increase(count: &mut u32) {
		*count = count.saturating_add(1);
	}

	fn decrease(count: &mut Option<u32>) {
		*count = count.map(|count| count.saturating_sub(1)).filter(|count| *count > 0);
	}
}
