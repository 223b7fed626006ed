//! What every operator means, exactly: the truth that all backends equal.
//!
//! Formulas are written at [`assay_program::Operator`]; here they are code, without floats, panics
//! or anything that wraps. [`element`] has one pure function per output element or step of a
//! reduction, which is what a referee recomputes; [`run()`] goes over whole programs with them.
//! Speed is somebody else's task.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)]

extern crate alloc;

pub mod arithmetic;
#[cfg(feature = "std")]
mod backend;
pub mod element;
mod evaluate;
pub mod golden;
mod run;
pub mod sample;

#[cfg(feature = "std")]
pub use backend::ReferenceBackend;
pub use run::{run, stream, trace, trace_while, HostError};
