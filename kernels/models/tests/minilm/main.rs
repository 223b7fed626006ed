//! The import of MiniLM, on the published files that `scripts/setup` fetches.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]

mod common;
mod import;
mod quality;
mod tokenizer;
