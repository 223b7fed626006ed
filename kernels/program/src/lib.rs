//! Integer programs: operators, shapes, cost, Merkle law and wire types, without an SDK crate.
//!
//! A [`Program`] is a list of [`Operator`]s in the order they run. Operator `i` makes tensor `i`;
//! operands are numbers of earlier tensors ([`TensorId`]) and of tensors of the weights blob
//! ([`WeightId`]). Shapes are inferred, never stated: they depend on batch, sequence and past
//! alone. What every operator means is written at its variant of [`Operator`]; `assay-reference` is
//! that meaning in code, and nothing else defines a result.
//!
//! # Two rounding rules
//!
//! `round_shift(x, s) = (x + 2^(s-1)) >> s`, arithmetic, `s >= 1`; and
//! `round_div(n, d) = floor((2n + d) / (2d))`, floor division, `d > 0`. There are no others but
//! in two operators that must equal published int8 kernels, see [`Operator::Convolution`].
//!
//! # Values
//!
//! | [`Kind`] | stored as | meaning |
//! |---|---|---|
//! | `Tokens` | int32 | token id, or -1 for padding |
//! | `Fixed` | int32 | `x / 2^fraction`, saturating |
//! | `Quantised` | int16 | `x * A / Q`, `A` the row maximum, `Q` 127 or 2047 |
//! | `Affine` | int8 | distance from a zero point, times a scale that only the importer knows |
//!
//! Weights are int8 tensors, whose rows have an int32 multiplier `m` (`scale = m / 2^30`), or
//! int32 tensors (multipliers, biases, gains, function tables). Negative multipliers count as 0.
//! Blobs are little-endian, row-major, tensors in program order, each but the last one filled with
//! zeros to a multiple of 4096 bytes. Fill bytes are never read.
//!
//! # Steps
//!
//! A program whose [`Operator::Stop`] names the tokens it goes on with is a *decoder*. Its step 0
//! runs the prompt: `S = sequence` positions, none before them. Step `t >= 1` runs the one token
//! that step `t - 1` chose, at position `sequence + t - 1`. Steps end at the first whose `Stop` is
//! 1, and the output is what the steps emitted, one after the other: element `i` is token `i` of
//! the text of a batch of one. An encoder has one step. Keys, values and their maxima are *held*:
//! quantised once, in the step that makes them, and read by every later one. There is no operator
//! for a cache.
//!
//! # How a layer of an encoder is written
//!
//! ```text
//! x [B,S,K] -> RowMax(1) -> Quantise(12) -> Linear (query, key, value)
//! query, key, value -> RowMax(heads) -> Quantise(12)
//! Scores -> SoftmaxMax -> SoftmaxExp -> SoftmaxSum -> SoftmaxNormalise
//!        -> ContextWeight -> RowMax(1) -> Quantise(12) -> Context
//!        -> RowMax(1) -> Quantise(12) -> Linear -> Add x -> Mean, Deviation, Normalise
//! ```
//!
//! # How a decoder is written
//!
//! ```text
//! x -> RootMeanSquare, RmsNormalise -> RowMax(1) -> Quantise(12) -> Linear (query, key, value)
//! query, key -> Rotate -> RowMax(heads) -> Quantise(12);  value -> RowMax(heads) -> Quantise(12)
//! Scores -> ... -> Context, with causal masks -> RowMax(1) -> Quantise(12) -> Linear -> Add x
//!        -> RootMeanSquare, RmsNormalise -> RowMax(1) -> Quantise(12) -> Linear (gate, up)
//! Multiply(Table(gate), up) -> RowMax(1) -> Quantise(12) -> Linear -> Add
//!
//! Last -> RootMeanSquare, RmsNormalise -> RowMax(1) -> Quantise(12) -> Linear: logits [B,V]
//! logits -> ArgMax (greedy)
//! logits -> SoftmaxMax, Temper -> SoftmaxMax, SoftmaxExp without a mask: weights
//! weights -> Tally, Cut(TopK), Tally(cut), Threshold -> Keep
//!         -> Tally, Cut(TopP), Tally(cut), Threshold -> Keep -> BlockSum -> Draw -> Pick (sampled)
//! Choose(greedy, sampled) -> Stop, Emit
//! ```
//!
//! No reduction feeds another inside one operator, so that a referee can recompute any element
//! from rows that are there to be opened. Backends fuse as they like; the bytes are the same.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

extern crate alloc;

#[cfg(feature = "std")]
mod backend;
mod cost;
mod error;
#[cfg(feature = "serde")]
mod hexadecimal;
mod infer;
pub mod limits;
pub mod merkle;
mod operator;
mod outcome;
mod parameters;
mod program;
mod tensor;
pub mod traps;
pub mod wire;

#[cfg(feature = "std")]
pub use backend::{Backend, BackendError, Model};
#[cfg(feature = "std")]
pub use bytes::Bytes;
pub use cost::{CostForm, DRAW_MACS, MACS_PER_UNIT, OPERATOR_MACS};
pub use error::{OperatorError, ProgramError, ShapeError};
pub use infer::shifts;
pub use limits::{MAX_PROGRAM_BYTES, SEGMENT};
pub use operator::{CutBy, EmbedBy, Mask, Operator, Rescale, TableBase, TallyBy};
pub use outcome::{Claim, InvalidCode, Outcome};
pub use parameters::{Parameters, Sampling};
pub use program::{program_digest, Limits, Program, WeightKind, WeightShape, SEMANTICS_DRAFT};
pub use tensor::{
	quantised_limit, Coefficients, Dim, Kind, StepShape, TensorId, TensorInfo, WeightId,
};

/// 32 bytes of blake2-256. Chain crates wrap it in types of their own.
pub type Hash = [u8; 32];
