//! The import of the wake-word networks, on the published files that `scripts/setup` fetches.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]

mod common;
mod dispute;
mod equality;
mod import;
mod recompute;
