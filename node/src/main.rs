// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! `assay-node`: see [`assay_node`].

fn main() -> sc_cli::Result<()> {
	assay_node::command::run()
}
