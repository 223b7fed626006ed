// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! # The Assay node
//!
//! Runs the chain (BABE makes blocks, GRANDPA finalises them) and, beside it, what a provider
//! needs: off-chain workers on every node, the settings they read, and an executor inside the
//! process where that is wanted.
//!
//! | module | what |
//! |---|---|
//! | [`cli`], [`command`] | flags and subcommands |
//! | [`chain_spec`] | chains that can be named, made from the runtime's presets |
//! | [`service`] | puts the node together |
//! | [`worker`] | what the node does for its off-chain workers |
//! | [`executor`] | which executor they use, and starting one |
//! | [`rpc`] | the JSON-RPC methods, ours among them |

// The SDK's error types are that large, and most of what is here returns them.
#![allow(clippy::result_large_err)]

pub mod chain_spec;
pub mod cli;
pub mod command;
pub mod executor;
pub mod metrics;
pub mod rpc;
pub mod service;
pub mod worker;
