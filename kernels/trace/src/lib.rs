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
//!   into segments of 4096 bytes: 1024 int32 or 2048 int16 elements. A *leaf* is one segment, as
//!   long as what is left of its row, little-endian, without fill.
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
//! 1. Both claims are outputs, or the game is about the input ([`input`]). Both parties disclose
//!    their bodies; with the output digest they must make the trace root. Where the bodies are
//!    equal, the game is about `Emit` ([`output`]).
//! 2. Level by level both disclose the children of the node ([`Tree::check_children`]) and the game
//!    goes on at the [`first_difference`].
//! 3. At a leaf both disclose its bytes ([`Layout::check_leaf`]); [`Layout::difference`] finds the
//!    [`Position`].
//! 4. [`Layout::needs`] lists what it depends on; either party opens it, and
//!    [`Layout::check_opening`] compares with the roots. Where a value selects what is read, ask
//!    again for the rest.
//! 5. Where the position's part is [`Part::Finish`], both disclose a [`Partial`] per block.
//!    [`Layout::judge_partials`] must give the party's own element. The first partial that differs
//!    is the new position, [`Part::Block`], with needs of its own.
//! 6. [`Layout::judge`] says what is true, [`Layout::agrees`] who said so.
//!
//! Whoever fails a check at his own disclosure, or disagrees with the truth, is guilty.
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
#[cfg(feature = "std")]
mod tracer;
mod tree;

pub use bounds::{check_refereeable, opened_bytes, ANSWER_BYTES_MAX, OPENED_BYTES_MAX};
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
pub use tracer::{offence, BlobTree, ReferenceSteps, Steps, Tracer, TracerError, Upper, Visit};
pub use tree::{first_difference, parents, path, Tree, FAN_OUT, LEVEL_HEIGHT};

/// Most leaves of one trace: three levels of 256 children.
pub const MAX_LEAVES: u32 = 1 << 24;
