//! The executor over real HTTP, with real programs.
// Clippy takes only `#[test]` functions for tests, not what they share.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod at_once;
mod binary;
mod blobs;
mod classes;
mod codes;
mod common;
mod control;
mod data;
mod duty;
mod full;
mod jobs;
mod pinned;
mod restart;
mod room;
mod segments;
mod slow;
mod streams;
mod traces;
