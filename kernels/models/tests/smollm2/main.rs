//! The import of SmolLM2, on the published file that `scripts/setup` fetches.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]

mod common;
mod import;
mod loading;
mod memory;
mod quality;
mod tokenizer;
