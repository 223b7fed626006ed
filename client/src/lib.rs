//! Client library for Assay.
//!
//! - [`Chain`]: a connection to a node; [`Follower`]: its blocks, one after the other.
//! - [`stake`], [`provider`], [`audit`], [`model`], [`lease`], [`job`]: one noun each, the calls
//!   and reads of its pallet.
//! - [`Deadline`]: until when a job is waited for.
//! - [`Executor`]: a provider's own daemon (control listener); [`DataClient`]: what a tenant may
//!   ask of a provider's endpoint.
//! - [`embed`]: sentences in, vectors out, with receipts. [`chat`]: messages in, tokens out as they
//!   are made, with receipts.

pub mod account;
pub mod amount;
pub mod audit;
mod branch;
pub mod chain;
pub mod chat;
pub mod data;
pub mod deadline;
pub mod demand;
pub mod embed;
pub mod encode;
pub mod error;
mod events;
pub mod executor;
mod http;
pub mod job;
pub mod lease;
pub mod model;
pub mod provider;
pub mod stake;
mod tenancy;
pub mod transfer;
pub mod trap;
mod upload;
pub mod value;

pub use account::Account;
pub use chain::{Chain, Follower};
pub use data::DataClient;
pub use deadline::Deadline;
pub use error::{Error, Evidence, Kind, Result};
pub use executor::Executor;
