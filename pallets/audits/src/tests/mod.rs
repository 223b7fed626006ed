//! Tests, by what they are about.

mod distribution;
mod mark_final;
mod money;
mod notice;
mod pools;
mod random;
mod replicas;
mod show;
mod worker;
