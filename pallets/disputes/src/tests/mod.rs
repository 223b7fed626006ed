//! Tests, by what they are about.

mod answer;
mod challenge;
mod timeout;
mod verdict;
