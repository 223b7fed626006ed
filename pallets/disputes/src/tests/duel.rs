//! One game between somebody honest and an adversary that computes, says and times whatever it
//! likes, or between two of these.

use super::arena::{Player, Seen};
use crate::{mock::*, EndReason, Verdict};
use assay_primitives::{move_statement, BlockNumber, SlotId};
use assay_reference::sample::Generator;
use assay_trace::{testing::tamper, Answer, Layout, Question, Side};
use frame_support::assert_ok;
use sp_core::Pair;
use sp_runtime::transaction_validity::TransactionValidityError;

/// How a party plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
	/// It answers every question by its deadline.
	Honest,
	/// It defends what it claims.
	Straight,
	/// It answers nothing from its so many-th question on.
	Silent(u32),
	/// It sends whatever it likes: answers with changes, old ones, those of others.
	Wild,
}

impl Manner {
	pub(super) fn draw(generator: &mut Generator) -> Self {
		match generator.below(6) {
			0 | 1 => Self::Straight,
			2 => Self::Silent(generator.below(6)),
			_ => Self::Wild,
		}
	}

	fn name(&self) -> &'static str {
		match self {
			Self::Honest => "honest",
			Self::Straight => "straight",
			Self::Silent(_) => "silent",
			Self::Wild => "wild",
		}
	}
}

/// A side of a game.
pub(super) struct Seat<'a> {
	pub(super) player: &'a Player<'a>,
	manner: Manner,
	questions: u32,
	past: Vec<(Question, Answer)>,
}

impl<'a> Seat<'a> {
	pub(super) fn new(player: &'a Player<'a>, generator: &mut Generator) -> Self {
		let manner = if player.honest { Manner::Honest } else { Manner::draw(generator) };
		Self { player, manner, questions: 0, past: Vec::new() }
	}
}

/// When a party answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
	/// So many blocks after the question.
	After(BlockNumber),
	/// When it is too late.
	Late,
	Never,
}

/// What happens while a question waits.
#[derive(Clone, Copy, Debug)]
enum Act {
	Answer(Side),
	/// Somebody would end the game before its time.
	Timeout,
	/// The chain's jobs stand still for so many blocks.
	Pause(BlockNumber),
}

/// A game that goes on.
pub(super) struct Duel<'a, 'g> {
	pub(super) game: SlotId,
	pub(super) layout: &'a Layout<'a>,
	pub(super) seats: [Seat<'a>; 2],
	pub(super) generator: &'g mut Generator,
	pub(super) seen: &'g mut Seen,
}

fn name(question: &Question) -> &'static str {
	match question {
		Question::Offence => "offence",
		Question::Children { .. } => "children",
		Question::Leaf { .. } => "leaf",
		Question::Partials { .. } => "partials",
		Question::Openings { .. } => "openings",
		Question::Counts { .. } => "counts",
		Question::OutputChildren { .. } => "output children",
		Question::OutputSegment { .. } => "output segment",
		Question::OutputOpening { .. } => "output opening",
	}
}

/// The call with which a side answers a question, signed with the key of whom it is said to be of.
fn call_of(
	game: SlotId,
	(side, signer): (Side, Side),
	question: Question,
	answer: Answer,
) -> RuntimeCall {
	let view = Disputes::game_view(game).unwrap();
	let pair = worker_of(&view.dispute.party(signer).account);
	let board = Disputes::board(game, &view.dispute, &crate::Games::<Test>::get(game).unwrap());
	let statement = move_statement(&Jobs::genesis(), &board, &side, &question, &answer);
	crate::Call::answer { game, side, question, answer, signature: pair.sign(&statement) }.into()
}

fn other(side: Side) -> Side {
	match side {
		Side::Claimant => Side::Challenger,
		Side::Challenger => Side::Claimant,
	}
}

fn send(call: RuntimeCall) -> Result<(), TransactionValidityError> {
	dispatch_authorized(call).map(|dispatched| assert_eq!(dispatched, Ok(())))
}

fn go_to(block: BlockNumber) {
	if block > System::block_number() {
		jump_to(block);
	}
}

impl Duel<'_, '_> {
	/// Plays the game to its end.
	pub(super) fn play(mut self) -> End {
		for seat in &self.seats {
			self.seen.note(format!("manner: {}", seat.manner.name()));
		}
		loop {
			let question = Disputes::game_view(self.game).unwrap().question;
			if let Some(end) = self.ask(question) {
				let by = if end.reason == EndReason::TimedOut { "silence" } else { "referee" };
				self.seen.note(format!("verdict: {:?} by {by}", end.verdict));
				self.seen.note(format!("end: {} by {by}", name(&question)));
				return end;
			}
		}
	}

	fn moment(&mut self, side: Side, span: BlockNumber) -> Moment {
		let later = self.generator.below(span);
		let manner = side.of(&self.seats).manner;
		let (moment, what) = match (self.generator.below(30), manner) {
			(0, Manner::Straight | Manner::Wild) => (Moment::Never, "never"),
			(1, Manner::Straight | Manner::Wild) => (Moment::Late, "late"),
			(2..=10, _) => (Moment::After(span), "at the deadline"),
			(11..=20, _) => (Moment::After(later), "later"),
			_ => (Moment::After(0), "at once"),
		};
		let who = if manner == Manner::Honest { "honest" } else { "adversary" };
		self.seen.note(format!("{who}: {what}"));
		moment
	}

	/// What will happen until the deadline, in order, with blocks from the question on; and who will
	/// be late.
	fn plan(&mut self, span: BlockNumber, owes: [bool; 2]) -> (Vec<(BlockNumber, Act)>, Vec<Side>) {
		let (mut acts, mut late) = (Vec::new(), Vec::new());
		let mut sides = Side::BOTH;
		if self.generator.below(2) == 0 {
			sides.reverse();
		}
		for side in sides.into_iter().filter(|side| *side.of(&owes)) {
			match self.moment(side, span) {
				Moment::After(blocks) => acts.push((blocks, Act::Answer(side))),
				Moment::Late => late.push(side),
				Moment::Never => {},
			}
		}
		if self.generator.below(4) == 0 {
			let at = [0, span, self.generator.below(span)][self.generator.below(3) as usize];
			acts.push((at, Act::Timeout));
		}
		if self.generator.below(12) == 0 {
			let length = 1 + self.generator.below(2 * span);
			acts.insert(0, (self.generator.below(span + 1), Act::Pause(length)));
		}
		acts.sort_by_key(|(at, _)| *at);
		(acts, late)
	}

	fn is_asked(&self, question: &Question) -> bool {
		Disputes::game_view(self.game).is_some_and(|view| view.question == *question)
	}

	/// Lets the parties answer a question; the end, where the game ends with it.
	fn ask(&mut self, question: Question) -> Option<End> {
		let view = Disputes::game_view(self.game).unwrap();
		let start = System::block_number();
		let (acts, late) = self.plan(view.due_at - start, view.owes);
		let mut paused = 0;
		for (at, act) in acts {
			go_to(start + at + paused);
			match act {
				Act::Answer(side) => self.move_of(side, &question),
				Act::Timeout => self.end_too_early(),
				Act::Pause(blocks) => {
					self.pause(blocks, &question);
					paused += blocks;
				},
			}
			if !self.is_asked(&question) {
				return self.over();
			}
		}
		let due = Disputes::game_view(self.game).unwrap().due_at;
		assert_eq!(due, view.due_at + paused, "clocks stand still while jobs are paused");
		jump_to(due + 1);
		for side in late {
			self.move_too_late(side, &question);
		}
		self.end();
		self.over()
	}

	fn over(&self) -> Option<End> {
		match Disputes::game_view(self.game) {
			Some(_) => None,
			None => Some(closed().expect("the game ended in this block")),
		}
	}

	fn answer(&mut self, side: Side, question: &Question) -> Option<Answer> {
		side.of(&self.seats).player.answer(self.layout, question, self.generator)
	}

	fn move_of(&mut self, side: Side, question: &Question) {
		let (answer, number) = (self.answer(side, question), side as usize);
		self.seats[number].questions += 1;
		let is_silent = |from| self.seats[number].questions > from;
		match self.seats[number].manner {
			Manner::Silent(from) if is_silent(from) => return,
			Manner::Wild => {
				// Of a body that is another one nothing can be shown: such games are short.
				let is_first = self.seats[number].questions == 1 && self.generator.below(3) > 0;
				let moves = if is_first { 0 } else { self.generator.below(6) };
				for _ in 0..moves {
					self.wild_move(side, question, answer.as_ref());
					if !self.is_asked(question) {
						return;
					}
				}
				if self.generator.below(8) == 0 {
					return;
				}
			},
			_ => {},
		}
		let Some(answer) = answer else { return };
		// Somebody wild may have answered already.
		let owes = Disputes::game_view(self.game).unwrap().owes;
		if !side.of(&owes) {
			return;
		}
		let sent = send(call_of(self.game, (side, side), *question, answer.clone()));
		let is_honest = self.seats[number].manner == Manner::Honest;
		// The first offence may have been shown by the other one.
		let is_shown = *question == Question::Offence;
		assert!(sent.is_ok() || !is_honest || is_shown, "honest without answer: {question:?}");
		if sent.is_ok() {
			self.seats[number].past.push((*question, answer));
		}
	}

	/// Sends something else than what would be the answer.
	fn wild_move(&mut self, side: Side, question: &Question, answer: Option<&Answer>) {
		let seat = &self.seats[side as usize];
		let past = match seat.past.len() {
			0 => None,
			some => Some(seat.past[self.generator.below(some as u32) as usize].clone()),
		};
		let party = seat.player.party();
		let (call, what) = match (self.generator.below(8), answer, past, party) {
			(0, _, Some((old, answer)), _) => {
				(call_of(self.game, (side, side), old, answer), "an old answer".to_string())
			},
			(1, _, Some((_, answer)), _) => {
				let call = call_of(self.game, (side, side), *question, answer);
				(call, "an old answer to a new question".to_string())
			},
			(2, Some(answer), Some((old, _)), _) => {
				let call = call_of(self.game, (side, side), old, answer.clone());
				(call, "an answer to an old question".to_string())
			},
			(3, Some(answer), ..) => {
				let call = call_of(self.game, (other(side), side), *question, answer.clone());
				assert!(send(call).is_err(), "the signature is the other's");
				self.seen.note("refused: in the other's name");
				return;
			},
			(4, Some(_), ..) => {
				let bytes = Answer::Bytes(vec![0; self.generator.below(5_000) as usize]);
				let call = call_of(self.game, (side, side), *question, bytes);
				(call, "any bytes".to_string())
			},
			(_, Some(answer), _, Some(party)) => {
				let Some((other, what)) = tamper(party, self.layout, answer, self.generator) else {
					return;
				};
				(call_of(self.game, (side, side), *question, other), what)
			},
			_ => return,
		};
		let sent = send(call);
		self.seen.note(format!("{}: {what}", if sent.is_ok() { "taken" } else { "refused" }));
	}

	fn move_too_late(&mut self, side: Side, question: &Question) {
		if let Some(answer) = self.answer(side, question) {
			let call = call_of(self.game, (side, side), *question, answer);
			assert!(dispatch_authorized(call.clone()).is_err(), "the deadline has passed");
			let refused = crate::Error::<Test>::DeadlinePassed;
			assert_eq!(dispatch_unchecked(call), Err(refused.into()));
			self.seen.note("refused: too late");
		}
	}

	fn end_too_early(&mut self) {
		let game = self.game;
		let refused = Err(crate::Error::<Test>::NotDue.into());
		assert_eq!(Disputes::timeout(signed(tenant()), game), refused);
		assert!(dispatch_authorized(crate::Call::timeout { game }.into()).is_err());
		self.seen.note("refused: an end before the deadline");
	}

	/// Ends the game when the time is over, for a fee or without.
	fn end(&mut self) {
		let game = self.game;
		if self.generator.below(2) == 0 {
			assert_ok!(Disputes::timeout(signed(tenant()), game));
		} else {
			let call = crate::Call::timeout { game };
			assert_ok!(dispatch_authorized(call.into()).unwrap());
		}
	}

	/// Pauses jobs: nobody can answer, nobody's time runs.
	fn pause(&mut self, blocks: BlockNumber, question: &Question) {
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), true));
		let owes = Disputes::game_view(self.game).unwrap().owes;
		for side in Side::BOTH.into_iter().filter(|side| *side.of(&owes)) {
			if let Some(answer) = self.answer(side, question) {
				let call = call_of(self.game, (side, side), *question, answer);
				assert!(dispatch_authorized(call.clone()).is_err());
				let refused = crate::Error::<Test>::Paused;
				assert_eq!(dispatch_unchecked(call), Err(refused.into()));
			}
		}
		jump_to(System::block_number() + blocks);
		let refused = Err(crate::Error::<Test>::Paused.into());
		assert_eq!(Disputes::timeout(signed(tenant()), self.game), refused);
		assert_ok!(Jobs::set_paused(frame_system::RawOrigin::Root.into(), false));
		self.seen.note("a pause");
	}
}

/// The verdict where one side is honest; none where neither is.
pub(super) fn expected(honest: [bool; 2]) -> Option<Verdict> {
	match honest {
		[true, false] => Some(Verdict::ChallengerGuilty),
		[false, true] => Some(Verdict::ClaimantGuilty),
		_ => None,
	}
}
