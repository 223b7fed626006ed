//! Authorisation of what workers send: cheap checks on state first, then the signature, then the
//! hashes of an answer, so that only a party can make a node hash.

use crate::*;
use assay_primitives::{move_statement, AccountId, Balance, SlotId, WorkerKey, WorkerSignature};
use assay_program::Claim;
use assay_trace::{Answer, Question, Refusal, Side};
use codec::Encode;
use frame_support::{pallet_prelude::*, traits::PalletError};
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityWithRefund, ValidTransaction,
	},
	RuntimeAppPublic,
};

/// Blocks for which an authorised transaction is worth keeping.
const LONGEVITY_BLOCKS: u64 = 16;
/// Above what other workers send: a game is lost where a move comes late.
const PRIORITY: u64 = 1 << 61;
/// Below what other workers send.
const CHALLENGE_PRIORITY: u64 = 1 << 59;

/// What a move is called in the pool.
#[derive(Encode)]
enum Duty {
	Challenge(SlotId, AccountId),
	Answer(SlotId, Side, Question),
	Timeout(SlotId),
	Oppose(SlotId, SlotId),
}

impl From<Refusal> for AnswerFault {
	fn from(refusal: Refusal) -> Self {
		match refusal {
			Refusal::Kind => Self::Kind,
			Refusal::Disclosure(_) | Refusal::Long => Self::Disclosure,
			Refusal::Order
			| Refusal::Missing(_)
			| Refusal::Surplus(_)
			| Refusal::Opening(..)
			| Refusal::Referee(_) => Self::Opening,
			Refusal::Element => Self::Partials,
			Refusal::NoOffence | Refusal::Beaten => Self::Offence,
			_ => Self::Other,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn authorize_challenge(
		_source: TransactionSource,
		slot: &SlotId,
		claim: &Claim,
		challenger: &AccountId,
		worker: &WorkerKey,
		bond_max: &Balance,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_works_for(worker, challenger).map_err(Self::refusal)?;
		let party = Party { account: challenger.clone(), worker: worker.clone() };
		// Errors of neighbours mean that the window is not open.
		let challenge = Self::check_challenge(*slot, claim, challenger, *bond_max)
			.map_err(|_| InvalidTransaction::Stale)?;
		Self::ensure_challenge_signed(&challenge, *slot, &party, *bond_max, signature)
			.map_err(Self::refusal)?;
		// It has a whole window: nobody's deadline has to make room for it.
		Self::valid(Duty::Challenge(*slot, challenger.clone()), CHALLENGE_PRIORITY)
	}

	pub(crate) fn authorize_oppose(
		_source: TransactionSource,
		slot: &SlotId,
		other: &SlotId,
	) -> TransactionValidityWithRefund {
		let slots @ [lower, higher] = types::ascending(*slot, *other);
		Self::check_oppose(slots).map_err(|_| InvalidTransaction::Stale)?;
		// Its job waits for it: nobody's deadline has to make room for it.
		Self::valid(Duty::Oppose(lower, higher), CHALLENGE_PRIORITY)
	}

	pub(crate) fn authorize_answer(
		_source: TransactionSource,
		game_id: &SlotId,
		side: &Side,
		question: &Question,
		answer: &Answer,
		signature: &WorkerSignature,
	) -> TransactionValidityWithRefund {
		// Nobody makes a node hash megabytes by a signature that is wrong.
		if answer.encoded_size() as u64 > assay_trace::ANSWER_BYTES_MAX {
			return Err(InvalidTransaction::ExhaustsResources.into());
		}
		// Weights are known up to so many.
		if types::openings(answer) > types::OPENINGS_MAX {
			return Err(InvalidTransaction::ExhaustsResources.into());
		}
		let (dispute, game) = Self::check_turn(*game_id, *side, question).map_err(Self::refusal)?;
		let board = Self::board(*game_id, &dispute, &game);
		let statement = move_statement(&Self::genesis(), &board, side, question, answer);
		if !dispute.party(*side).worker.verify(&statement, signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		Self::play(&dispute, &game, *side, question, answer).map_err(Self::refusal)?;
		Self::valid(Duty::Answer(*game_id, *side, *question), PRIORITY)
	}

	pub(crate) fn authorize_timeout(
		_source: TransactionSource,
		game_id: &SlotId,
	) -> TransactionValidityWithRefund {
		Self::check_timeout(*game_id).map_err(Self::refusal)?;
		Self::valid(Duty::Timeout(*game_id), PRIORITY)
	}

	/// Weight of the dispatch of an answer.
	pub(crate) fn weight_of_answer(answer: &Answer) -> Weight {
		match answer {
			Answer::Children(_) => T::WeightInfo::answer_children(),
			Answer::Bytes(_) => T::WeightInfo::answer_bytes(),
			Answer::Partials(..) | Answer::Openings(_) | Answer::Offence(..) => {
				T::WeightInfo::answer_openings(types::openings(answer))
			},
		}
	}

	/// Weight of the authorisation of an answer.
	pub(crate) fn weight_of_authorize_answer(answer: &Answer) -> Weight {
		match answer {
			Answer::Children(_) => T::WeightInfo::authorize_answer_children(),
			Answer::Bytes(_) => T::WeightInfo::authorize_answer_bytes(),
			Answer::Partials(..) | Answer::Openings(_) | Answer::Offence(..) => {
				T::WeightInfo::authorize_answer_openings(types::openings(answer))
			},
		}
	}

	fn valid(duty: Duty, priority: u64) -> TransactionValidityWithRefund {
		ValidTransaction::with_tag_prefix("AssayDisputes")
			.priority(priority)
			.and_provides(duty)
			.longevity(LONGEVITY_BLOCKS)
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	/// What the pool is told: stale when the game has moved on or the time is over, future when it is
	/// not due yet, and otherwise the index of the pallet's error.
	fn refusal(error: Error<T>) -> TransactionValidityError {
		match error {
			Error::GameUnknown
			| Error::ClaimUnknown
			| Error::Stale
			| Error::NotAsked
			| Error::DeadlinePassed => InvalidTransaction::Stale.into(),
			Error::NotDue | Error::Paused => InvalidTransaction::Future.into(),
			Error::BadSignature => InvalidTransaction::BadProof.into(),
			other => {
				let index = other.encode().first().copied().unwrap_or(u8::MAX);
				InvalidTransaction::Custom(index).into()
			},
		}
	}
}

// The refusal's number is the variant's index: it must be the first byte of the encoding.
const _: () = assert!(<Error<()> as ErrorSize>::SIZE == 2);

trait ErrorSize {
	const SIZE: usize;
}

impl<T> ErrorSize for Error<T> {
	const SIZE: usize = <Error<T> as PalletError>::MAX_ENCODED_SIZE;
}
