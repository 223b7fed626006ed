// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! `assay-node`: see [`assay_node`].

#[allow(clippy::result_large_err)] // The SDK's error type is that large.
fn main() -> sc_cli::Result<()> {
	assay_node::command::run()
}
