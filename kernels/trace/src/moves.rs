//! What a game asks and what a party answers: the words that chain, worker and executor share.

use crate::{input::Offence, Need, Opening, Partial, Position};
use alloc::vec::Vec;
use assay_program::Hash;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What a game is waiting for. It follows from the moves before, so a move that names another one
/// is about a position that the game has left.
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
pub enum Question {
	/// A rule that the input breaks, with what shows it. Either party may answer, until the deadline.
	#[codec(index = 0)]
	Offence,
	/// The children of a node of the body. Both parties answer; the first question of a game is
	/// about the body itself.
	#[codec(index = 1)]
	Children {
		/// Level of the node; its children are one below.
		level: u32,
		/// Its place in the level.
		position: u32,
	},
	/// The bytes of a leaf, by both parties.
	#[codec(index = 2)]
	Leaf {
		/// Its number.
		index: u32,
	},
	/// The partials of a reduction by blocks, by both parties, with what its `finish` depends on.
	#[codec(index = 3)]
	Partials {
		/// The element, with [`crate::Part::Finish`].
		position: Position,
	},
	/// All that a position depends on, by either party.
	#[codec(index = 4)]
	Openings {
		/// The element or block.
		position: Position,
	},
	/// The `Stop` rows that two counts depend on, by either party.
	#[codec(index = 5)]
	Counts {
		/// The counts of both claims.
		counts: [u32; 2],
	},
	/// The children of a node over the output's segments, by both parties.
	#[codec(index = 6)]
	OutputChildren {
		/// Level of the node; its children are one below.
		level: u32,
		/// Its place in the level.
		position: u32,
	},
	/// A segment of the output, by both parties.
	#[codec(index = 7)]
	OutputSegment {
		/// Its number.
		segment: u32,
	},
	/// The leaf that an element of the output is copied from, by either party.
	#[codec(index = 8)]
	OutputOpening {
		/// The element.
		element: u64,
	},
}

/// Things opened, each once, in the order of [`Need`].
pub type Openings = Vec<(Need, Opening)>;

/// A party's answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Answer {
	/// To [`Question::Children`] and [`Question::OutputChildren`].
	#[codec(index = 0)]
	Children(Vec<Hash>),
	/// To [`Question::Leaf`], empty where it is null, and [`Question::OutputSegment`], with its fill.
	#[codec(index = 1)]
	Bytes(Vec<u8>),
	/// To [`Question::Partials`].
	#[codec(index = 2)]
	Partials(Vec<Partial>, Openings),
	/// To [`Question::Openings`], [`Question::Counts`] and [`Question::OutputOpening`].
	#[codec(index = 3)]
	Openings(Openings),
	/// To [`Question::Offence`].
	#[codec(index = 4)]
	Offence(Offence, Openings),
}
