//! Integer programs: operators, shapes, cost, Merkle law and wire types, without an SDK crate.
//!
//! A [`Program`] is a list of [`Operator`]s in the order they run. Operator `i` makes tensor `i`;
//! operands are numbers of earlier tensors ([`TensorId`]) and of tensors of the weights blob
//! ([`WeightId`]). Shapes are inferred, never stated: they depend on batch and sequence alone.
//! What every operator means is written at its variant of [`Operator`]; `assay-reference` is that
//! meaning in code, and nothing else defines a result.
//!
//! # Two rounding rules
//!
//! `round_shift(x, s) = (x + 2^(s-1)) >> s`, arithmetic, `s >= 1`; and
//! `round_div(n, d) = floor((2n + d) / (2d))`, floor division, `d > 0`. There are no others.
//!
//! # Values
//!
//! | [`Kind`] | stored as | meaning |
//! |---|---|---|
//! | `Tokens` | int32 | token id, or -1 for padding |
//! | `Fixed` | int32 | `x / 2^fraction`, saturating |
//! | `Quantised` | int16 | `x * A / Q`, `A` the row maximum, `Q` 127 or 2047 |
//!
//! Weights are int8 tensors, whose rows have an int32 multiplier `m` (`scale = m / 2^30`), or
//! int32 tensors (multipliers, biases, gains, function tables). Negative multipliers count as 0.
//! Blobs are little-endian, row-major, tensors in program order, each but the last one filled with
//! zeros to a multiple of 4096 bytes. Fill bytes are never read.
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
pub mod wire;

#[cfg(feature = "std")]
pub use backend::{Backend, BackendError, Model};
pub use cost::{CostForm, MACS_PER_UNIT};
pub use error::{OperatorError, ProgramError, ShapeError};
pub use infer::shifts;
pub use limits::{MAX_PROGRAM_BYTES, SEGMENT};
pub use operator::{EmbedBy, Operator, TableBase};
pub use outcome::{Claim, InvalidCode, Outcome};
pub use parameters::{Parameters, Sampling};
pub use program::{program_digest, Limits, Program, WeightKind, WeightShape, SEMANTICS_DRAFT};
pub use tensor::{quantised_limit, Coefficients, Dim, Kind, TensorId, TensorInfo, WeightId};

/// 32 bytes of blake2-256. Chain crates wrap it in types of their own.
pub type Hash = [u8; 32];
