// SPDX-License-Identifier: GPL-3.0-or-later WITH Classpath-exception-2.0

//! What the node keeps for its off-chain workers.

use assay_node::worker::{ensure_worker_key, node_secret, prove_worker_key, SECRET_FILE};
use assay_primitives::{worker_statement, AccountId, WORKER_KEY_TYPE};
use sp_core::{sr25519, Pair, H256};
use sp_keystore::testing::MemoryKeystore;
use sp_keystore::KeystorePtr;
use std::{fs, sync::Arc};

#[test]
fn the_secret_is_made_once_and_is_private() {
	let folder = tempfile::tempdir().unwrap();
	let folder = folder.path().join("chain");
	let secret = node_secret(&folder).unwrap();
	assert_eq!(node_secret(&folder).unwrap(), secret);
	assert_ne!(secret, [0; 32]);
	#[cfg(unix)]
	{
		use std::os::unix::fs::PermissionsExt;
		let mode = fs::metadata(folder.join(SECRET_FILE)).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
	}
	// Half a secret is an error, never a new secret: committed slots depend on the old one.
	fs::write(folder.join(SECRET_FILE), b"short").unwrap();
	assert!(node_secret(&folder).is_err());
}

#[test]
fn a_worker_key_is_made_once_and_proves_itself_to_its_owner_only() {
	let keystore: KeystorePtr = Arc::new(MemoryKeystore::new());
	ensure_worker_key(&keystore).unwrap();
	ensure_worker_key(&keystore).unwrap();
	let keys = keystore.sr25519_public_keys(WORKER_KEY_TYPE);
	assert_eq!(keys.len(), 1);

	let (owner, other) = (AccountId::new([1; 32]), AccountId::new([2; 32]));
	let genesis = H256::repeat_byte(3);
	let proof = prove_worker_key(&keystore, &keys[0], &genesis, &owner).unwrap().unwrap();
	let holds =
		|genesis, owner| sr25519::Pair::verify(&proof, worker_statement(genesis, owner), &keys[0]);
	assert!(holds(&genesis, &owner));
	assert!(!holds(&genesis, &other));
	assert!(!holds(&H256::repeat_byte(4), &owner));
}
