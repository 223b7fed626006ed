//! The trace of a run of semantics 1: how it is laid out, disclosed and opened, and the referee
//! of one element.
//!
//! Everything that a program computes can be disputed down to a single number, which anybody can
//! recompute from a few rows. This crate says which number, which rows and what is right. It knows
//! no chain, no deadline and no bond: a pallet calls it with bytes, an executor fills it with them.
//!
//! # Layout
//!
//! Shape is law: where an element lies follows from program and parameters, never from a value.
//!
//! - The *body* holds what every operator but `Emit` makes, for all `max_steps` steps, step by
//!   step, operator by operator, row by row. A row is the last dimension of a tensor. It is cut
//!   into segments of 4096 bytes: 1024 int32, 2048 int16 or 4096 int8 elements. A *leaf* is one
//!   segment, as long as what is left of its row, little-endian, without fill.
//! - The first step has `sequence` positions, every later one a single position after all before
//!   it; a row over the context grows with the steps.
//! - After the step whose `Stop` is 1 all leaves are *null*: their bytes are empty, which no other
//!   leaf's are. The `Stop` row of the step before says whether a step is null.
//! - The body's digest is the Merkle root over its leaves by [`assay_program::merkle`], at most
//!   2^24 of them ([`MAX_LEAVES`]). Three levels of at most 256 children each lead to a leaf, fewer
//!   where there are fewer leaves ([`Tree`]).
//! - The *trace root* is `node(body, output digest)`. The output digest stands for `Emit`, which
//!   copies element by element what earlier leaves hold.
//!
//! ## Example
//!
//! A decoder with `batch = 1`, `sequence = 1500`, `max_steps = 3` and four operators of which three
//! are in the body: `Tokens [B, S]`, some operator's `[B, 2, S, T]` of int32, and `Stop [1]`.
//!
//! | step | operator | rows | bytes of a row | leaves of a row | first leaf |
//! |---|---|---|---|---|---|
//! | 0 | `Tokens` | 1 | 6000 | 2 (4096 + 1904 bytes) | 0 |
//! | 0 | scores | 2 * 1500 | 6000 | 2 | 2 |
//! | 0 | `Stop` | 1 | 4 | 1 | 6002 |
//! | 1 | `Tokens` | 1 | 4 | 1 | 6003 |
//! | 1 | scores | 2 | 6004 | 2 | 6004 |
//! | 1 | `Stop` | 1 | 4 | 1 | 6008 |
//! | 2 | `Tokens` | 1 | 4 | 1 | 6009 |
//! | 2 | scores | 2 | 6008 | 2 | 6010 |
//! | 2 | `Stop` | 1 | 4 | 1 | 6014 |
//!
//! 6015 leaves, two levels: the root has 24 children, the last of which has 127. Leaf 2501 belongs
//! to step 0, operator 1, row `(2501 - 2) / 2 = 1249`, segment 1: the last 476 scores of head 0,
//! query position 1249. Its opening has 13 hashes. If the stop row of step 0 is 1, leaves 6003 to
//! 6014 are null.
//!
//! # A game
//!
//! Two claims of one job with different output digests are a [`Game`]: it says what it asks
//! ([`Game::question`]), takes answers of both parties ([`Game::play`]) and ends with who is guilty
//! ([`Turn::Over`]). It is a value between two moves, small enough to be stored; whoever stores it
//! adds signatures, bonds and deadlines.
//!
//! | question | to | what decides what comes next |
//! |---|---|---|
//! | `Offence` | either | a claim says that the input breaks a rule: [`input`] |
//! | `Children` | both | the [`first_difference`]; at the top, whether the bodies are equal |
//! | `Leaf` | both | [`Layout::difference`]: the first element, or which of them is null |
//! | `Partials` | both | the first that differs; each party's must give its own element |
//! | `Openings` | either | [`Layout::judge`] says what is true; who disagrees is guilty |
//! | `Counts` | either | bodies are equal, counts are not: [`Layout::judge_count`] |
//! | `OutputChildren`, `OutputSegment` | both | as `Children` and `Leaf`, down the [`output`] |
//! | `OutputOpening` | either | [`Layout::judge_output`]: what `Emit` copies |
//!
//! - A body is the root that a party's first children make: nothing said before tells what it is.
//!   A party that picks it late gains nothing, for it differs from the other's, and then some leaf
//!   of it does first, or it does not, and then the outputs are not both what `Emit` makes of it.
//! - An answer that is malformed or wrong is refused ([`Refusal`]) and changes nothing. Who makes
//!   no right one by the deadline is guilty ([`Game::timeout`]): of a question to both parties who
//!   has not answered, of one to either both, since an honest party can open whatever is asked for.
//! - An answer brings all openings that [`Layout::needs`] lists, where a value selects what else is
//!   read that too, in ascending order, and nothing besides: bytes are paid for. A leaf may be
//!   opened against the body of either party.
//! - There are [`QUESTIONS_MAX`] questions and [`MOVES_MAX`] answers at most, and no answer is
//!   longer than [`ANSWER_BYTES_MAX`]: a program that could need one has no layout, as
//!   [`check_refereeable`] says.
//! - Children, of body and output, depend on the [`Outline`] of the job alone, which a chain makes
//!   without the program: [`Game::play_children`]. All other answers need the [`Ground`].
//!
//! An honest party is never guilty, and who is not is: outputs differ, so bodies or what is copied
//! from them do, so something differs first, and there all that it depends on is common ground.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)]

extern crate alloc;

mod bounds;
mod disclosure;
mod error;
mod form;
mod game;
pub mod input;
mod layout;
mod moves;
mod outline;
pub mod output;
mod referee;
mod source;
#[cfg(feature = "testing")]
#[allow(
	clippy::arithmetic_side_effects,
	clippy::indexing_slicing,
	clippy::unwrap_used,
	reason = "tests panic to fail"
)]
pub mod testing;
#[cfg(feature = "std")]
mod tracer;
mod tree;

pub use bounds::{
	check_refereeable, opened, opened_bytes, Opened, ANSWER_BYTES_MAX, OPENED_BYTES_MAX,
	OPENINGS_MAX,
};
pub use disclosure::{blob_tree, trace_root, Opening, Roots, NULL};
pub use error::{DisclosureError, GameError, LayoutError, RefereeError, Refusal};
pub use form::LeafForm;
pub use game::{Game, Ground, Side, Turn, MOVES_MAX, PARTIALS_MAX, QUESTIONS_MAX};
pub use layout::{Layout, Leaf};
pub use moves::{Answer, Openings, Question};
pub use outline::Outline;
pub use referee::{Part, Partial, Position, Truth};
pub use source::{Need, Source};
#[cfg(feature = "std")]
pub use tracer::{
	offence, BlobTree, ReferenceSteps, Steps, Tracer, TracerError, Upper, Visit, Work,
};
pub use tree::{first_difference, parents, path, Tree, FAN_OUT, LEVEL_HEIGHT};

/// Most leaves of one trace: three levels of 256 children.
pub const MAX_LEAVES: u32 = 1 << 24;
