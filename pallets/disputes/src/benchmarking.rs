//! Benchmarks of every call and authorisation, each on its longest path: the largest program, the
//! widest node, the second answer of a pair, and at the end of a game a verdict that takes two
//! pledges and repays as many winners from each as there can be.
//!
//! Answers are about a mean over positions in the dearest program that there is, whose openings are
//! the dearest ones: no operator takes more. `referee`, which weighs no call, measures each.

use super::{
	types::{Winner, LOST_PER_CHALLENGE, WINNERS_MAX},
	*,
};
use alloc::vec;
use assay_primitives::{
	challenge_statement, move_statement, AccountId, Balance, Claims, Parameters, SlotId,
	WeightsRoot, WorkerKey, WorkerSignature,
};
use assay_program::{wire::JobRequest, Claim, Program};
use assay_trace::{
	testing::{Case, Last, CASES},
	Answer, Layout, Question, Side, Turn,
};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::traits::Authorize;
use frame_system::RawOrigin;
use sp_runtime::{transaction_validity::TransactionSource, RuntimeAppPublic};

const CLAIM: Claim = Claim::Output { count: 1, data: [3; 32] };
const OTHER_CLAIM: Claim = Claim::Output { count: 1, data: [4; 32] };

/// A game and what it is about.
struct Set {
	game: SlotId,
	case: Case,
}

impl Set {
	/// A game between two slots of a job, the last block of which has so many positions.
	fn new<T: Config>(positions: u32) -> Result<Self, BenchmarkError> {
		let case = Case::pooled(positions);
		let slots = opposed::<T>(&case);
		Pallet::<T>::do_oppose(slots)?;
		for (slot, first) in slots.into_iter().zip([0, WINNERS_MAX]) {
			await_winners::<T>(slot, first)?;
		}
		let game = Disputes::<T>::iter_keys().next().ok_or(BenchmarkError::Stop("no game"))?;
		Ok(Self { game, case })
	}

	fn layout(&self) -> Result<Layout<'_>, BenchmarkError> {
		layout_of(&self.case)
	}

	/// Play until the game asks for this kind of thing and, where both are asked, one has answered;
	/// the call of the other.
	fn until<T: Config>(
		&self,
		is_asked: impl Fn(&Question) -> bool,
	) -> Result<Call<T>, BenchmarkError> {
		let layout = self.layout()?;
		let duel = self.case.duel(&layout);
		loop {
			let question = Pallet::<T>::game_view(self.game)
				.ok_or(BenchmarkError::Stop("the game is over"))?
				.question;
			let [first, second] = Side::BOTH.map(|side| duel.answer(&layout, side, &question));
			let is_last = matches!(question, Question::Openings { .. });
			if !is_last {
				Pallet::<T>::do_answer(self.game, Side::Claimant, &question, &first)?;
			}
			if is_asked(&question) {
				return self.call(question, second);
			}
			Pallet::<T>::do_answer(self.game, Side::Challenger, &question, &second)?;
		}
	}

	fn call<T: Config>(
		&self,
		question: Question,
		answer: Answer,
	) -> Result<Call<T>, BenchmarkError> {
		let dispute = Disputes::<T>::get(self.game).ok_or(BenchmarkError::Stop("no game"))?;
		let game = Games::<T>::get(self.game).ok_or(BenchmarkError::Stop("no game"))?;
		let (genesis, side) = (Pallet::<T>::genesis(), Side::Challenger);
		let board = Pallet::<T>::board(self.game, &dispute, &game);
		let statement = move_statement(&genesis, &board, &side, &question, &answer);
		let signature = dispute
			.challenger
			.worker
			.sign(&statement)
			.ok_or(BenchmarkError::Stop("the keystore does not sign"))?;
		Ok(Call::answer { game: self.game, side, question, answer, signature })
	}
}

fn layout_of(case: &Case) -> Result<Layout<'_>, BenchmarkError> {
	Layout::new(&case.program, &case.parameters).map_err(|_| BenchmarkError::Stop("no layout"))
}

/// Two claims of one job.
fn opposed<T: Config>(case: &Case) -> [SlotId; 2] {
	let (weights, claims) = (WeightsRoot::from([7; 32]), [CLAIM, OTHER_CLAIM]);
	let (program, shape) = (case.program.clone(), case.parameters.clone());
	let [slot, other] = T::BenchmarkHelper::opposed(program, weights, shape, claims);
	types::ascending(slot, other)
}

/// Let a slot's pledge, when it is taken, have to repay as many winners as it may.
fn await_winners<T: Config>(slot: SlotId, first: u32) -> Result<(), BenchmarkError> {
	let pledge = T::Claims::claim(slot).ok_or(BenchmarkError::Stop("no claim"))?.pledge;
	let mut conviction = Conviction::new(pledge);
	for number in first..first.saturating_add(WINNERS_MAX) {
		// Something is left for the rest of the first one's reward, and for the treasury.
		let cost = types::pot(pledge).div_euclid(Balance::from(WINNERS_MAX).saturating_add(1));
		let account = T::BenchmarkHelper::funded(number);
		conviction.note(Winner { game: SlotId(number.into()), account, cost });
	}
	Convictions::<T>::insert(slot, conviction);
	Ok(())
}

/// What benchmarks need of neighbouring pallets.
pub trait BenchmarkHelper {
	/// A claim in its challenge window, of a job of this program in this shape; the worker key of its
	/// party is in the keystore. The job ends when the claim falls.
	fn claimed(program: Program, weights: WeightsRoot, shape: Parameters, claim: Claim) -> SlotId;
	/// The same with a claim of another party beside it, whose worker key is in the keystore, too.
	fn opposed(
		program: Program,
		weights: WeightsRoot,
		shape: Parameters,
		claims: [Claim; 2],
	) -> [SlotId; 2];
	/// A funded provider whose worker key is in the keystore.
	fn challenger() -> (AccountId, WorkerKey);
	/// An account that exists, another one for each number.
	fn funded(number: u32) -> AccountId;
}

/// A node that is as wide as any, at the top, where bodies are made of it; with one answer in.
fn children<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let set = Set::new::<T>(32)?;
	let view = Pallet::<T>::game_view(set.game).ok_or(BenchmarkError::Stop("no game"))?;
	let Question::Children { level, position } = view.question else {
		return Err(BenchmarkError::Stop("another question"));
	};
	let width = set.layout()?.tree().children(level, position) as usize;
	let first = Answer::Children(vec![[1; 32]; width]);
	Pallet::<T>::do_answer(set.game, Side::Claimant, &view.question, &first)?;
	let mut second = vec![[1; 32]; width];
	if let Some(last) = second.last_mut() {
		*last = [2; 32];
	}
	set.call(view.question, Answer::Children(second))
}

fn bytes<T: Config>() -> Result<Call<T>, BenchmarkError> {
	Set::new::<T>(32)?.until(|question| matches!(question, Question::Leaf { .. }))
}

/// The verdict, over so many positions: both claims fall, and the job with them.
fn openings<T: Config>(positions: u32) -> Result<Call<T>, BenchmarkError> {
	let set = Set::new::<T>(positions)?;
	set.until(|question| matches!(question, Question::Openings { .. }))
}

fn sign_challenge<T: Config>(
	slot: SlotId,
	challenger: &AccountId,
	worker: &WorkerKey,
) -> Result<WorkerSignature, BenchmarkError> {
	let output = OTHER_CLAIM.output().into();
	let info = T::Claims::claim(slot).ok_or(BenchmarkError::Stop("no claim"))?;
	let (genesis, job) = (Pallet::<T>::genesis(), info.request.digest().into());
	let max = Balance::MAX;
	let statement = challenge_statement(&genesis, &job, slot, challenger, &output, max);
	worker.sign(&statement).ok_or(BenchmarkError::Stop("the keystore does not sign"))
}

fn challenge_call<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let Case { program, parameters, .. } = Case::pooled(32);
	let weights = WeightsRoot::from([7; 32]);
	let slot = T::BenchmarkHelper::claimed(program, weights, parameters, CLAIM);
	let (challenger, worker) = T::BenchmarkHelper::challenger();
	let signature = sign_challenge::<T>(slot, &challenger, &worker)?;
	// Of claims that are no more.
	for number in 0..LOST_PER_CHALLENGE {
		Pallet::<T>::keep_lost(SlotId(u64::MAX.saturating_sub(number.into())), &challenger);
	}
	let bond_max = Balance::MAX;
	Ok(Call::challenge { slot, claim: OTHER_CLAIM, challenger, worker, bond_max, signature })
}

/// A game in which both sides are silent and the time is over.
fn overdue<T: Config>() -> Result<SlotId, BenchmarkError> {
	let set = Set::new::<T>(32)?;
	Disputes::<T>::mutate(set.game, |dispute| {
		if let Some(dispute) = dispute {
			dispute.due = T::Claims::now().saturating_sub(1);
		}
	});
	Ok(set.game)
}

fn authorize<T: Config>(call: &Call<T>) -> Result<(), BenchmarkError> {
	call.authorize(TransactionSource::InBlock)
		.ok_or(BenchmarkError::Stop("no authorisation for this call"))?
		.map_err(|_| BenchmarkError::Stop("the call is refused"))?;
	Ok(())
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn challenge() -> Result<(), BenchmarkError> {
		let Call::challenge { slot, claim, challenger, worker, bond_max, signature } =
			challenge_call::<T>()?
		else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot, claim, challenger, worker, bond_max, signature);

		assert_eq!(OpenGames::<T>::get(), 1);
		Ok(())
	}

	#[benchmark]
	fn answer_children() -> Result<(), BenchmarkError> {
		let Call::answer { game, side, question, answer, signature } = children::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		answer(RawOrigin::Authorized, game, side, question, answer, signature);

		assert!(Games::<T>::get(game).is_some_and(|game| game.question() != question));
		Ok(())
	}

	#[benchmark]
	fn answer_bytes() -> Result<(), BenchmarkError> {
		let Call::answer { game, side, question, answer, signature } = bytes::<T>()? else {
			return Err(BenchmarkError::Stop("another call"));
		};

		#[extrinsic_call]
		answer(RawOrigin::Authorized, game, side, question, answer, signature);

		assert!(Games::<T>::get(game).is_some_and(|game| game.question() != question));
		Ok(())
	}

	#[benchmark]
	fn answer_openings(n: Linear<2, 33>) -> Result<(), BenchmarkError> {
		let Call::answer { game, side, question, answer, signature } =
			openings::<T>(n.saturating_sub(1))?
		else {
			return Err(BenchmarkError::Stop("another call"));
		};
		assert!(matches!(&answer, Answer::Openings(open) if open.len() == n as usize));

		#[extrinsic_call]
		answer(RawOrigin::Authorized, game, side, question, answer, signature);

		assert_eq!(OpenGames::<T>::get(), 0);
		Ok(())
	}

	#[benchmark]
	fn timeout() -> Result<(), BenchmarkError> {
		let game = overdue::<T>()?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, game);

		assert_eq!(OpenGames::<T>::get(), 0);
		Ok(())
	}

	#[benchmark]
	fn oppose() -> Result<(), BenchmarkError> {
		let [slot, other] = opposed::<T>(&Case::pooled(32));

		#[extrinsic_call]
		_(RawOrigin::Authorized, slot, other);

		assert_eq!(OpenGames::<T>::get(), 1);
		Ok(())
	}

	#[benchmark]
	fn authorize_challenge() -> Result<(), BenchmarkError> {
		let call = challenge_call::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_answer_children() -> Result<(), BenchmarkError> {
		let call = children::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_answer_bytes() -> Result<(), BenchmarkError> {
		let call = bytes::<T>()?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_answer_openings(n: Linear<2, 33>) -> Result<(), BenchmarkError> {
		let call = openings::<T>(n.saturating_sub(1))?;

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	#[benchmark]
	fn authorize_timeout() -> Result<(), BenchmarkError> {
		let call = Call::<T>::timeout { game: overdue::<T>()? };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}

	/// What the referee takes of a call, for each operator at its largest.
	#[benchmark(extra)]
	fn referee(o: Linear<0, { CASES - 1 }>) -> Result<(), BenchmarkError> {
		let case = Case::new(o);
		let layout = layout_of(&case)?;
		let Last { game, side, question, answer, input, weights } = case.last(&layout);
		let program = case.program.encode();
		let request = JobRequest {
			genesis: [0; 32],
			program: [0; 32],
			weights,
			input,
			parameters: case.parameters.clone(),
			tenant: [0; 32],
			nonce: 0,
		};
		let turn;

		#[block]
		{
			turn = Pallet::<T>::judge(&request, &program, &game, side, &question, &answer);
		}

		assert!(matches!(turn, Ok(Turn::Over(_) | Turn::Next(_))));
		Ok(())
	}

	#[benchmark]
	fn authorize_oppose() -> Result<(), BenchmarkError> {
		let [slot, other] = opposed::<T>(&Case::pooled(32));
		let call = Call::<T>::oppose { slot, other };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}
}
