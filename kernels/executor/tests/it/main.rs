//! The executor over real HTTP, with real programs.

mod binary;
mod blobs;
mod codes;
mod common;
mod control;
mod data;
mod jobs;
mod restart;
mod slow;
