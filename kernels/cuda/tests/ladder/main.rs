//! The test ladder of `numerics.md`: one kernel source, many compilers.
//!
//! | rung | what it proves |
//! |---|---|
//! | [`nvrtc`] | every kernel compiles for every architecture, and to PTX |
//! | [`shim`] | the logic of source and backend, on a processor, under the undefined-behaviour sanitizer, both thread orders, fast products emulated at their instructions |
//! | [`opencl`] | a second compiler and runtime agree (PoCL); no data races, no uninitialised reads (Oclgrind) |
//! | [`broken`] | a kernel that is wrong is found: the test of the tests |
//!
//! A tool that is missing is a failure, not a skip: `scripts/setup` installs all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod broken;
mod checks;
mod memory;
mod nvrtc;
mod opencl;
mod shim;
