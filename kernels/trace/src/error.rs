//! Why a layout, a disclosure or an opening is refused, and why the referee cannot judge.

use crate::{Need, MAX_LEAVES, OPENED_BYTES_MAX, OPENINGS_MAX};
use assay_program::{ProgramError, ShapeError};
use core::fmt;

/// Why a program has no trace for some parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
	/// The program does not pass validation.
	Program(ProgramError),
	/// The parameters are outside the program's limits.
	Shape(ShapeError),
	/// The trace would have none or more than [`MAX_LEAVES`] leaves.
	Leaves {
		/// How many it would have.
		leaves: u64,
	},
	/// An element of an operator depends on more than an answer can open.
	Opened {
		/// Its number.
		operator: u32,
		/// How many bytes that may be.
		bytes: u64,
	},
	/// An element of an operator depends on more things than an answer can open.
	Openings {
		/// Its number.
		operator: u32,
		/// How many things that may be.
		openings: u64,
	},
	/// A tensor has a dimension where semantics 1 knows none: the context may only be the last, and
	/// rows of int8 have one length.
	Dimensions {
		/// Number of the operator that makes it.
		operator: u32,
	},
}

/// Why something that a party disclosed or opened is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisclosureError {
	/// There is no such node in the tree.
	NoSuchNode {
		/// Its level.
		level: u32,
		/// Its place in the level.
		position: u32,
	},
	/// The node has another number of children.
	Children {
		/// How many it has.
		expected: u32,
		/// How many were disclosed.
		actual: u32,
	},
	/// The children do not hash to their parent.
	Parent,
	/// The leaf has another length.
	LeafLength {
		/// Its length in bytes, unless it is null.
		expected: u32,
		/// Bytes that were disclosed.
		actual: u32,
	},
	/// The bytes do not hash to the leaf.
	LeafHash,
	/// An element is outside what its kind may hold.
	Element {
		/// Its place in the leaf.
		at: u32,
	},
	/// The opening has another number of hashes than the leaf's path.
	PathLength {
		/// Hashes on the path.
		expected: u32,
		/// Hashes that came.
		actual: u32,
	},
	/// The opening does not lead to the root.
	Root,
	/// Not as many partials as the reduction has blocks.
	Partials {
		/// Blocks of the reduction.
		expected: u32,
		/// Partials that were disclosed.
		actual: u32,
	},
	/// The first of the output's tokens after its end, or the fill of its last segment, is not zero.
	Fill,
	/// The count is zero or above the parameters' most steps.
	Count,
}

/// Why the referee has no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefereeError {
	/// The program has no such operator, step, element or block, or the position asks for the
	/// whole of an element that is judged by blocks.
	Position,
	/// Bytes that the position depends on were not opened.
	Missing(Need),
	/// Opened bytes have another length than the leaf or segment.
	Length(Need),
	/// An operand is null in a step that is not: neither party is honest.
	Null(Need),
	/// A value selects something outside the program: a token outside an embedding table. Neither
	/// party is honest.
	OutOfRange,
	/// Partials do not combine within int64, or one is not of the reduction's form: the party that
	/// disclosed them is guilty.
	Partials,
}

/// Why two claims make no game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GameError {
	/// Both have the same output digest, so there is nothing to decide.
	SameClaim,
}

/// Why a move is refused. It leaves the game as it is: who can make no other by the deadline loses
/// by [`crate::Game::timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
	/// It answers a question that the game does not ask, or no longer.
	Stale,
	/// The answer is not one to a question of this kind.
	Kind,
	/// The party has answered this question.
	Answered,
	/// The layout is not that of this game.
	Ground,
	/// More is disclosed than any program has.
	Long,
	/// What is disclosed is not what the party's claim or an earlier disclosure says.
	Disclosure(DisclosureError),
	/// Openings are not in ascending order, each once.
	Order,
	/// Something that the question depends on is not opened.
	Missing(Need),
	/// Something is opened that the question does not depend on.
	Surplus(Need),
	/// An opening leads to neither party's body, or not to the digest of input or weights.
	Opening(Need, DisclosureError),
	/// What was opened or disclosed gives no verdict.
	Referee(RefereeError),
	/// The partials do not make the element that the party disclosed.
	Element,
	/// The input breaks no rule there.
	NoOffence,
	/// The same or an earlier offence was shown before.
	Beaten,
}

impl fmt::Display for LayoutError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Program(error) => write!(f, "the program is not valid: {error}"),
			Self::Shape(error) => write!(f, "the parameters do not fit: {error}"),
			Self::Leaves { leaves } => write!(
				f,
				"the trace has {leaves} leaves where 1 to {MAX_LEAVES} are allowed: take a smaller \
				 batch, a shorter sequence or fewer steps"
			),
			Self::Opened { operator, bytes } => write!(
				f,
				"an element of operator {operator} may depend on {bytes} bytes, of which an answer \
				 opens at most {OPENED_BYTES_MAX}"
			),
			Self::Openings { operator, openings } => write!(
				f,
				"an element of operator {operator} may depend on {openings} leaves and segments, of \
				 which an answer opens at most {OPENINGS_MAX}"
			),
			Self::Dimensions { operator } => {
				write!(f, "operator {operator} makes a tensor whose rows a trace cannot number")
			},
		}
	}
}

impl fmt::Display for DisclosureError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::NoSuchNode { level, position } => {
				write!(f, "the tree has no node {position} at level {level}")
			},
			Self::Children { expected, actual } => {
				write!(f, "{actual} children were disclosed, the node has {expected}")
			},
			Self::Parent => f.write_str("the children do not hash to their parent"),
			Self::LeafLength { expected, actual } => {
				write!(f, "the leaf has {actual} bytes, it must have {expected} or be null")
			},
			Self::LeafHash => f.write_str("the bytes do not hash to the leaf"),
			Self::Element { at } => write!(f, "element {at} of the leaf is out of range"),
			Self::PathLength { expected, actual } => {
				write!(f, "the opening has {actual} hashes, the path has {expected}")
			},
			Self::Root => f.write_str("the opening does not lead to the root"),
			Self::Partials { expected, actual } => {
				write!(f, "{actual} partials were disclosed, the reduction has {expected} blocks")
			},
			Self::Fill => f.write_str("the bytes after the end of the output are not zero"),
			Self::Count => f.write_str("the count is zero or above the most steps"),
		}
	}
}

impl fmt::Display for RefereeError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Position => f.write_str("the program has nothing at this position"),
			Self::Missing(need) => write!(f, "{need} was not opened"),
			Self::Length(need) => write!(f, "{need} was opened with a wrong length"),
			Self::Null(need) => write!(f, "{need} is null in a step that is not"),
			Self::OutOfRange => f.write_str("an operand selects what the program does not have"),
			Self::Partials => f.write_str("the partials do not combine"),
		}
	}
}

impl fmt::Display for GameError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::SameClaim => f.write_str("both claims have the same output digest"),
		}
	}
}

impl fmt::Display for Refusal {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Stale => f.write_str("the game asks another question"),
			Self::Kind => f.write_str("the question wants another kind of answer"),
			Self::Answered => f.write_str("the party has answered this question"),
			Self::Ground => f.write_str("the layout is of another job"),
			Self::Long => f.write_str("more is disclosed than any program has"),
			Self::Disclosure(error) => error.fmt(f),
			Self::Order => f.write_str("openings must ascend, each once"),
			Self::Missing(need) => write!(f, "{need} is not opened"),
			Self::Surplus(need) => write!(f, "nothing depends on {need}"),
			Self::Opening(need, error) => write!(f, "the opening of {need} is wrong: {error}"),
			Self::Referee(error) => error.fmt(f),
			Self::Element => f.write_str("the partials do not make the element disclosed"),
			Self::NoOffence => f.write_str("the input breaks no rule there"),
			Self::Beaten => f.write_str("the same or an earlier offence was shown before"),
		}
	}
}

impl core::error::Error for GameError {}
impl core::error::Error for Refusal {}
impl core::error::Error for LayoutError {}
impl core::error::Error for DisclosureError {}
impl core::error::Error for RefereeError {}

impl From<ProgramError> for LayoutError {
	fn from(error: ProgramError) -> Self {
		Self::Program(error)
	}
}

impl From<DisclosureError> for Refusal {
	fn from(error: DisclosureError) -> Self {
		Self::Disclosure(error)
	}
}

impl From<RefereeError> for Refusal {
	fn from(error: RefereeError) -> Self {
		Self::Referee(error)
	}
}

impl From<ShapeError> for LayoutError {
	fn from(error: ShapeError) -> Self {
		Self::Shape(error)
	}
}
