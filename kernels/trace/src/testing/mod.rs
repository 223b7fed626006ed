//! Parties for tests of games: whole traces in memory, honest or with changes, the cheats that a
//! party may try, and what it may send instead of an answer; and, for benchmarks too, the largest
//! things that a referee can be asked.
//!
//! Behind the feature `testing`, for tests and benchmarks alone: what is here panics where a
//! program or an input is not valid, and keeps in memory what a `Tracer` makes anew.

#[cfg(feature = "std")]
mod cheat;
#[cfg(feature = "std")]
mod full;
mod largest;
mod last;
#[cfg(feature = "std")]
mod party;
pub mod programs;
mod sparse;
#[cfg(feature = "std")]
mod tamper;

#[cfg(feature = "std")]
pub use cheat::{cheat, Cheat};
#[cfg(feature = "std")]
pub use full::{segments, Full, Job};
pub use largest::{Case, CASES};
pub use last::{blocks, Duel, Last};
#[cfg(feature = "std")]
pub use party::Party;
#[cfg(feature = "std")]
pub use tamper::tamper;
