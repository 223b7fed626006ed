//! The import of MiniLM, on the published files that `scripts/setup` fetches.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
mod import;
mod quality;
mod tokenizer;
