//! A dispute between two claims of one job, as a pure state machine: what it asks, what it takes
//! for an answer, and who is guilty. Bonds, clocks and signatures are for whoever keeps it.
//!
//! ```text
//! one claim is invalid: Offence, until the deadline
//!
//! else: Children (the body itself)
//!        ├─ bodies differ: Children ... Leaf ─┬───────────── Openings
//!        │                                    └─ Partials ── Openings
//!        └─ bodies are equal ─┬─ counts differ: Counts
//!                             └─ OutputChildren ... OutputSegment ── OutputOpening
//! ```
//!
//! A question is to *both* parties (children, leaves, segments, partials), who answer in any order
//! and each once, or to *either* of them (openings, an offence). A wrong answer is refused and
//! changes nothing: a party may try again until the deadline, and who could not answer by then is
//! guilty by [`Game::timeout`]. An honest party always can. So nobody is convicted for a move that
//! somebody else may have made in his name, only for silence or for a disclosure of his own.

mod bounded;
mod descent;
mod verdict;

use crate::{
	input::{self, Offence},
	Answer, GameError, Layout, Outline, Partial, Position, Question, Refusal, FAN_OUT,
};
use assay_program::{
	limits::{MAX_SEQUENCE, MAX_WIDTH, POSITION_BLOCK, ROW_BLOCK},
	Claim, Hash, InvalidCode, SEGMENT,
};
use bounded::AtMost;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most questions of a game: three levels, a leaf, its partials, one opening; or the body, three
/// levels of the output, a segment, one opening.
pub const QUESTIONS_MAX: u32 = 6;
/// Most answers that a game takes, but for those to [`Question::Offence`]: all its questions but
/// the last are to both parties. Each party shows one offence at most.
pub const MOVES_MAX: u32 = 11;
/// Most partials of one element: blocks of the longest row, or of the longest context.
pub const PARTIALS_MAX: u32 = 256;

const _: () = assert!(MAX_WIDTH as u64 <= ROW_BLOCK * PARTIALS_MAX as u64);
const _: () = assert!(MAX_SEQUENCE as u64 <= POSITION_BLOCK * PARTIALS_MAX as u64);

/// A party of a game.
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
pub enum Side {
	/// Whose claim is attacked.
	#[codec(index = 0)]
	Claimant,
	/// Who holds another one.
	#[codec(index = 1)]
	Challenger,
}

impl Side {
	/// Both, in the order of claims and verdicts.
	pub const BOTH: [Self; 2] = [Self::Claimant, Self::Challenger];

	/// This party's of a pair.
	pub fn of<T>(self, [claimant, challenger]: &[T; 2]) -> &T {
		match self {
			Self::Claimant => claimant,
			Self::Challenger => challenger,
		}
	}

	/// A pair of this party's thing and the other's.
	fn pair<T>(self, own: T, other: T) -> [T; 2] {
		match self {
			Self::Claimant => [own, other],
			Self::Challenger => [other, own],
		}
	}
}

/// What both parties agree on.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
	/// The layout of the job.
	pub layout: &'a Layout<'a>,
	/// The job's input digest.
	pub input: Hash,
	/// The model's weights digest.
	pub weights: Hash,
}

/// What an answer makes of a game.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Turn {
	/// The question stays, and so does its deadline: the other party has to answer too, or may.
	Waits(Game),
	/// There is a new question, with a new deadline.
	Next(Game),
	/// The game has ended: who is guilty.
	Over([bool; 2]),
}

/// A game between two moves.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Game {
	claims: [Claim; 2],
	outline: Outline,
	/// Both bodies, once both are disclosed.
	bodies: Option<[Hash; 2]>,
	asked: Asked,
	/// What the first of both parties answered, until the second does.
	first: Option<(Side, Disclosed)>,
}

/// A question with what its answers are compared with.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
enum Asked {
	/// With the first offence that was shown, and who has shown one.
	#[codec(index = 0)]
	Offence(Option<(Offence, InvalidCode)>, [bool; 2]),
	/// A node of the body, or a leaf.
	#[codec(index = 1)]
	Body(Node),
	#[codec(index = 2)]
	Partials(Position, [Element; 2]),
	#[codec(index = 3)]
	Openings(Position, Said),
	#[codec(index = 4)]
	Counts,
	/// A node of the output, or a segment.
	#[codec(index = 5)]
	Output(Node),
	/// An element of the output, as both have it.
	#[codec(index = 6)]
	Copy(u64, [Element; 2]),
}

/// A node that both parties disclose.
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
struct Node {
	level: u32,
	position: u32,
	/// What each disclosed of it. `None` at the top, where each has a root of its own.
	digests: Option<[Hash; 2]>,
}

impl Node {
	fn top(level: u32) -> Self {
		Self { level, position: 0, digests: None }
	}
}

/// The element that a party disclosed; `None` where its leaf is null.
type Element = Option<i32>;

/// What both parties say of a position. All that is left of their leaves or partials.
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
enum Said {
	#[codec(index = 0)]
	Elements([Element; 2]),
	/// Of a block.
	#[codec(index = 1)]
	Partials([Partial; 2]),
}

/// An answer that waits for the other party's.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
enum Disclosed {
	#[codec(index = 0)]
	Children(AtMost<Hash, FAN_OUT>),
	#[codec(index = 1)]
	Bytes(AtMost<u8, { SEGMENT as u32 }>),
	#[codec(index = 2)]
	Partials(AtMost<Partial, PARTIALS_MAX>),
}

impl Game {
	/// A game between the claimant's claim and the challenger's.
	pub fn new(claims: [Claim; 2], outline: Outline) -> Result<Self, GameError> {
		let [left, right] = claims.map(|claim| claim.output());
		if left == right {
			return Err(GameError::SameClaim);
		}
		let asked = match claims {
			[Claim::Output { .. }, Claim::Output { .. }] => {
				Asked::Body(Node::top(outline.tree().levels()))
			},
			_ => Asked::Offence(None, [false; 2]),
		};
		Ok(Self { claims, outline, bodies: None, asked, first: None })
	}

	/// Both claims.
	pub fn claims(&self) -> &[Claim; 2] {
		&self.claims
	}

	/// The digests of both bodies, once both are disclosed.
	pub fn bodies(&self) -> Option<&[Hash; 2]> {
		self.bodies.as_ref()
	}

	/// The first offence of the input that was shown.
	pub fn shown(&self) -> Option<(Offence, InvalidCode)> {
		match self.asked {
			Asked::Offence(shown, _) => shown,
			_ => None,
		}
	}

	/// What the game asks.
	pub fn question(&self) -> Question {
		match self.asked {
			Asked::Offence(..) => Question::Offence,
			Asked::Body(Node { level: 0, position: index, .. }) => Question::Leaf { index },
			Asked::Body(Node { level, position, .. }) => Question::Children { level, position },
			Asked::Partials(position, _) => Question::Partials { position },
			Asked::Openings(position, _) => Question::Openings { position },
			Asked::Counts => Question::Counts { counts: self.claims.map(|claim| claim.count()) },
			Asked::Output(Node { level: 0, position: segment, .. }) => {
				Question::OutputSegment { segment }
			},
			Asked::Output(Node { level, position, .. }) => {
				Question::OutputChildren { level, position }
			},
			Asked::Copy(element, _) => Question::OutputOpening { element },
		}
	}

	/// Whether a party has not answered the question. One to either party both owe.
	pub fn owes(&self, side: Side) -> bool {
		if let Asked::Offence(_, answered) = &self.asked {
			return !side.of(answered);
		}
		self.first.as_ref().is_none_or(|(first, _)| *first != side)
	}

	/// Who is guilty when the deadline of the question passes: who owes an answer, as no honest
	/// party would; where the question is about an offence, whose claim is not what follows from
	/// those shown.
	pub fn timeout(&self) -> [bool; 2] {
		match self.asked {
			Asked::Offence(shown, _) => self.claims.map(|claim| !input::judge(&claim, shown)),
			_ => Side::BOTH.map(|side| self.owes(side)),
		}
	}

	/// A party's answer to a question, which must be the one that the game asks.
	///
	/// An answer of children needs no program: [`Self::play_children`] takes it without a ground.
	pub fn play(
		&self,
		ground: &Ground<'_>,
		side: Side,
		question: &Question,
		answer: &Answer,
	) -> Result<Turn, Refusal> {
		if let Answer::Children(children) = answer {
			return self.play_children(side, question, children);
		}
		self.check_move(side, question)?;
		if ground.layout.outline() != self.outline {
			return Err(Refusal::Ground);
		}
		match (&self.asked, answer) {
			(Asked::Body(node), Answer::Bytes(bytes)) => self.leaf(ground, side, node, bytes),
			(Asked::Output(node), Answer::Bytes(bytes)) => self.segment(ground, side, node, bytes),
			(Asked::Partials(position, said), Answer::Partials(partials, openings)) => {
				let own = *side.of(said);
				self.check_partials(ground, position, own, partials, openings)?;
				self.partials(side, position, partials)
			},
			(Asked::Openings(position, said), Answer::Openings(openings)) => {
				self.openings(ground, position, said, openings)
			},
			(Asked::Counts, Answer::Openings(openings)) => self.counts(ground, openings),
			(Asked::Copy(element, said), Answer::Openings(openings)) => {
				self.copy(ground, *element, said, openings)
			},
			(Asked::Offence(shown, answered), Answer::Offence(offence, openings)) => {
				self.offence(ground, side, (*shown, *answered), (offence, openings))
			},
			_ => Err(Refusal::Kind),
		}
	}

	/// Whether a party may answer this question now.
	fn check_move(&self, side: Side, question: &Question) -> Result<(), Refusal> {
		match (*question == self.question(), self.owes(side)) {
			(false, _) => Err(Refusal::Stale),
			(_, false) => Err(Refusal::Answered),
			_ => Ok(()),
		}
	}

	/// Keeps the first answer of two.
	fn waits(&self, side: Side, disclosed: Disclosed) -> Turn {
		Turn::Waits(Self { first: Some((side, disclosed)), ..self.clone() })
	}

	/// Goes on to another question.
	fn next(&self, asked: Asked) -> Turn {
		Turn::Next(Self { asked, first: None, ..self.clone() })
	}
}

/// For states that no moves lead to. Should one be there all the same, then it is this machine that
/// is wrong, and no party.
const NOBODY: Turn = Turn::Over([false; 2]);
