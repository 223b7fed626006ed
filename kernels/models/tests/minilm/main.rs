//! The import of MiniLM, on the published files that `scripts/setup` fetches.

mod common;
mod import;
mod quality;
mod tokenizer;
