//! Parties that do not keep to the rules, for tests. Nothing of it is in what is released.
//!
//! - [`Plan`]: what is lied about and how it is played, as data: `element+silent:3`.
//! - [`Cheat`]: a trace that holds together and is wrong where its plan says so, with an answer to
//!   every question of a game.
//! - [`Adversary`]: a proxy before a real executor that answers by the plan of each job.
//! - [`moves`]: challenges and answers that no worker sends.
//! - [`small`]: a model whose jobs cost nothing and whose traces have everything that a game can be
//!   about.

mod bend;
mod cheat;
pub mod moves;
mod plan;
mod proxy;
pub mod small;

pub use cheat::{play, Cheat, Ending, Task};
pub use plan::{Lie, Manner, Plan};
pub use proxy::Adversary;
