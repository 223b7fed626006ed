//! The test ladder of `numerics.md`: one kernel source, many compilers.
//!
//! | rung | what it proves |
//! |---|---|
//! | [`nvrtc`] | every kernel compiles for every architecture, and to PTX |
//! | [`shim`] | source and backend, under a sanitizer, in both thread orders |
//! | [`opencl`] | PoCL agrees; Oclgrind finds no race, nothing uninitialised |
//! | [`real`] | the imported models, on shim and PoCL |
//! | [`broken`] | a kernel that is wrong is found: the test of the tests |
//!
//! A tool that is missing is a failure, not a skip: `scripts/setup` installs all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod broken;
mod checks;
mod gpu_check;
mod kept;
mod memory;
mod nvrtc;
mod opencl;
mod products;
mod real;
mod shim;
