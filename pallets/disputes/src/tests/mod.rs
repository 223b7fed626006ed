//! Tests, by what they are about.

mod answer;
mod arena;
mod challenge;
mod crowd;
mod duel;
mod oppose;
mod random;
mod scenarios;
mod timeout;
mod verdict;
mod worker;
