// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! Tests of the node's library, in one binary: linking a node takes long, compiling it twice
//! longer.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::result_large_err)]

mod chain_spec;
mod epochs;
mod executor;
mod worker;
