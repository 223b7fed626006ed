//! What a trap for auditors is to those who plan it, as to the chain that opens it: its leaf under
//! the root that was posted beforehand, and what its tenant signs.

use crate::{merkle, Claim, Hash};
use alloc::vec::Vec;
use codec::Encode;

/// Most leaves under a root.
pub const TRAPS_MAX: u32 = 1_024;

/// The leaf of the trap of a job: SCALE of domain, genesis, job digest, salt and right claim.
pub fn leaf(genesis: &Hash, job: &Hash, salt: &[u8; 32], claim: &Claim) -> Hash {
	merkle::leaf(&("assay/trap/1", genesis, job, salt, claim).encode())
}

/// What the tenant signs: its job may be a trap. Nobody amends the claim of a job whose tenant
/// relies on it.
pub fn consent(genesis: &Hash, leaf: &Hash) -> Vec<u8> {
	("assay/trap-consent/1", genesis, leaf).encode()
}
