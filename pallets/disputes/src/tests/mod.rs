//! Tests, by what they are about.

mod answer;
mod challenge;
mod oppose;
mod random;
mod timeout;
mod verdict;
mod worker;
