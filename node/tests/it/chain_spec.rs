// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! The chains that can be named.

use assay_node::chain_spec::{development, local_testnet};
use sp_runtime::BuildStorage;

#[test]
fn every_named_chain_builds_and_says_how_to_show_amounts() {
	for spec in [development().unwrap(), local_testnet().unwrap()] {
		assert!(!spec.build_storage().unwrap().top.is_empty());
		assert_eq!(spec.properties().get("tokenSymbol").unwrap(), "ASY");
		assert_eq!(spec.properties().get("tokenDecimals").unwrap(), 12);
		assert_eq!(spec.properties().get("ss58Format").unwrap(), 42);
		assert!(serde_json::from_str::<serde_json::Value>(&spec.as_json(true).unwrap()).unwrap()
			["properties"]
			.is_object());
	}
}
