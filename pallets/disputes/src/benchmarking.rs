//! Benchmarks of every call and authorisation, each on its longest path: the largest program, the
//! widest node, the second answer of a pair, and at the end of a game a verdict that takes two
//! pledges and repays as many winners from each as there can be.

use super::{
	types::{Winner, LOST_PER_CHALLENGE, WINNERS_MAX},
	*,
};
use alloc::{vec, vec::Vec};
use assay_primitives::{
	challenge_statement, move_statement, AccountId, Balance, Claims, Parameters, SlotId,
	WeightsRoot, WorkerKey, WorkerSignature,
};
use assay_program::{
	limits::MAX_OPERATORS, Claim, EmbedBy, Hash, Limits, Operator, Program, TensorId, WeightId,
	WeightKind, WeightShape, SEMANTICS_DRAFT,
};
use assay_trace::{parents, path, Answer, Layout, Need, Opening, Question, Side, FAN_OUT};
use frame_benchmarking::v2::*;
use frame_support::traits::Authorize;
use frame_system::RawOrigin;
use sp_runtime::{transaction_validity::TransactionSource, RuntimeAppPublic};

/// Elements of a row: one leaf of 4 KiB.
const WIDTH: u32 = 1_024;
const CLAIM: Claim = Claim::Output { count: 1, data: [3; 32] };
const OTHER_CLAIM: Claim = Claim::Output { count: 1, data: [4; 32] };

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

/// The largest program whose first operators are `MeanPool` and what it pools.
fn program(batch: u32, sequence: u32) -> Program {
	let weights = vec![
		WeightShape { kind: WeightKind::Int8, dims: vec![8, WIDTH] },
		WeightShape { kind: WeightKind::Int32, dims: vec![8] },
	];
	let mut operators = vec![
		Operator::Tokens { vocabulary: 8 },
		Operator::Embed {
			ids: TensorId(0),
			table: WeightId(0),
			scales: WeightId(1),
			by: EmbedBy::Token,
			fraction: 12,
		},
		Operator::MeanPool { value: TensorId(1), ids: TensorId(0) },
	];
	let mut last = TensorId(2);
	while operators.len().saturating_add(2) < MAX_OPERATORS {
		operators.push(Operator::Add { left: last, right: TensorId(2) });
		last = TensorId(last.0.saturating_add(1));
	}
	let stop = TensorId(last.0.saturating_add(1));
	operators.push(Operator::Stop { next: None, ends: vec![] });
	operators.push(Operator::Emit { value: last, stop });
	let limits = Limits::encoder(batch, sequence);
	Program { semantics: SEMANTICS_DRAFT, limits, weights, operators }
}

/// A trace that nobody computed: leaves of the right lengths, and the hashes above them.
struct Trace {
	leaves: Vec<Vec<u8>>,
	/// From the leaves' hashes up to the root's children.
	levels: Vec<Vec<Hash>>,
}

impl Trace {
	/// All zeros but for the pooled row, whose first element is `value`.
	fn new(layout: &Layout<'_>, value: i32) -> Result<Self, BenchmarkError> {
		let count = layout.tree().leaves();
		let pooled = layout.first_leaf(0, 2);
		let mut leaves = Vec::new();
		for index in 0..count {
			let leaf = layout.leaf(index).ok_or(BenchmarkError::Stop("no such leaf"))?;
			let mut bytes = vec![0; leaf.bytes() as usize];
			if Some(index) == pooled {
				bytes.splice(..4, value.to_le_bytes());
			}
			leaves.push(bytes);
		}
		let hashes: Vec<Hash> =
			leaves.iter().map(|bytes| assay_program::merkle::leaf(bytes)).collect();
		let mut levels = vec![hashes];
		while let Some(top) = levels.last().filter(|top| top.len() > FAN_OUT as usize) {
			let above = parents(top);
			levels.push(above);
		}
		Ok(Self { leaves, levels })
	}

	fn open(&self, index: u32) -> Option<Opening> {
		let bytes = self.leaves.get(index as usize)?.clone();
		let (mut siblings, mut place) = (Vec::new(), index);
		for nodes in &self.levels {
			let chunk = place.div_euclid(FAN_OUT);
			let nodes = nodes.chunks(FAN_OUT as usize).nth(chunk as usize)?;
			siblings.extend(path(nodes, place.rem_euclid(FAN_OUT)));
			place = chunk;
		}
		Some(Opening { bytes, path: siblings })
	}

	fn says(&self, layout: &Layout<'_>, question: &Question) -> Option<Answer> {
		Some(match question {
			Question::Children { level, position } => {
				let nodes = self.levels.get(level.checked_sub(1)? as usize)?;
				let children = nodes.chunks(FAN_OUT as usize).nth(*position as usize)?;
				Answer::Children(children.to_vec())
			},
			Question::Leaf { index } => Answer::Bytes(self.leaves.get(*index as usize)?.clone()),
			Question::Openings { position } => {
				let needs = layout.needs(position, &()).ok()?;
				let open = needs.into_iter().map(|need| match need {
					Need::Leaf(index) => Some((need, self.open(index)?)),
					_ => None,
				});
				Answer::Openings(open.collect::<Option<_>>()?)
			},
			_ => return None,
		})
	}
}

/// A game and what its parties say.
struct Set {
	game: SlotId,
	program: Program,
	shape: Parameters,
}

impl Set {
	/// A game between two slots of a job of the largest program with `sequence` positions.
	fn new<T: Config>(batch: u32, sequence: u32) -> Result<Self, BenchmarkError> {
		let program = program(batch, sequence);
		let shape = Parameters::encoder(batch, sequence);
		let slots = opposed::<T>(program.clone(), shape.clone());
		Pallet::<T>::do_oppose(slots)?;
		for (slot, first) in slots.into_iter().zip([0, WINNERS_MAX]) {
			await_winners::<T>(slot, first)?;
		}
		let game = Disputes::<T>::iter_keys().next().ok_or(BenchmarkError::Stop("no game"))?;
		Ok(Self { game, program, shape })
	}

	fn layout(&self) -> Result<Layout<'_>, BenchmarkError> {
		Layout::new(&self.program, &self.shape).map_err(|_| BenchmarkError::Stop("no layout"))
	}

	/// Play until the game asks for this kind of thing and, where both are asked, one has answered;
	/// the call of the other.
	fn until<T: Config>(
		&self,
		is_asked: impl Fn(&Question) -> bool,
	) -> Result<Call<T>, BenchmarkError> {
		let layout = self.layout()?;
		// Both first elements are wrong.
		let traces = [Trace::new(&layout, 5)?, Trace::new(&layout, 7)?];
		loop {
			let question = Pallet::<T>::game_view(self.game)
				.ok_or(BenchmarkError::Stop("the game is over"))?
				.question;
			let [first, second] = traces.each_ref().map(|trace| trace.says(&layout, &question));
			let (first, second) =
				first.zip(second).ok_or(BenchmarkError::Stop("no answer to a question"))?;
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

/// Two claims of one job.
fn opposed<T: Config>(program: Program, shape: Parameters) -> [SlotId; 2] {
	let (weights, claims) = (WeightsRoot::from([7; 32]), [CLAIM, OTHER_CLAIM]);
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

/// The widest node that a program can have at the top, with one answer in.
fn children<T: Config>() -> Result<Call<T>, BenchmarkError> {
	let set = Set::new::<T>(24, 2_048)?;
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
	Set::new::<T>(1, 32)?.until(|question| matches!(question, Question::Leaf { .. }))
}

/// The verdict, over so many positions: both claims fall, and the job with them.
fn openings<T: Config>(positions: u32) -> Result<Call<T>, BenchmarkError> {
	let set = Set::new::<T>(1, positions.max(1))?;
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
	let shape = Parameters::encoder(1, 32);
	let weights = WeightsRoot::from([7; 32]);
	let slot = T::BenchmarkHelper::claimed(program(1, 32), weights, shape, CLAIM);
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
	let set = Set::new::<T>(1, 32)?;
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
		let [slot, other] = opposed::<T>(program(1, 32), Parameters::encoder(1, 32));

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

	#[benchmark]
	fn authorize_oppose() -> Result<(), BenchmarkError> {
		let [slot, other] = opposed::<T>(program(1, 32), Parameters::encoder(1, 32));
		let call = Call::<T>::oppose { slot, other };

		#[block]
		{
			authorize(&call)?;
		}

		Ok(())
	}
}
