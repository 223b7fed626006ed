//! The worker key: the sr25519 key, of type `gpuw` in a node's keystore, that a provider acts by.

use sp_application_crypto::{app_crypto, sr25519, KeyTypeId};

/// Key type of worker keys in a keystore.
pub const WORKER_KEY_TYPE: KeyTypeId = KeyTypeId(*b"gpuw");

mod app {
	use super::*;
	app_crypto!(sr25519, WORKER_KEY_TYPE);
}

/// Public half of a worker key.
pub type WorkerKey = app::Public;
/// What a worker key signs with.
pub type WorkerSignature = app::Signature;
#[cfg(feature = "std")]
/// Both halves of a worker key.
pub type WorkerPair = app::Pair;
