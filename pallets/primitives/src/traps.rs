//! Traps: known answers that test auditors. What a root covers, what is signed for a trap, and what
//! a provider claims that springs one.
//!
//! A trap is the right, shown beforehand, to amend one's claim: the right claim lies under a root
//! that is older than the job. Its tenant has agreed, by a signature over the leaf, so nobody
//! else's job can be one.

use crate::{JobDigest, OutputDigest, SlotId};
use alloc::vec::Vec;
use assay_program::{traps, Claim, Hash};
use assay_trace::Tree;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::MultiSignature;

pub use assay_program::traps::TRAPS_MAX;

/// Most hashes in the path of a leaf: binary levels above so many.
pub const TRAP_PATH_MAX: u32 = 10;

/// What leads from a leaf to its root.
pub type TrapPath = BoundedVec<H256, ConstU32<TRAP_PATH_MAX>>;

/// All that opens a trap, but for the signature of the worker that does.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct Trap {
	/// The duty period in which the root was posted.
	pub period: u32,
	/// The leaf's place under it.
	pub index: u32,
	/// What makes the leaf unguessable.
	pub salt: [u8; 32],
	/// The right claim.
	pub claim: Claim,
	/// From the leaf to the root.
	pub path: TrapPath,
	/// The tenant's signature over [`trap_consent`].
	pub consent: MultiSignature,
}

impl Trap {
	/// The leaf of the trap of a job.
	pub fn leaf(&self, genesis: &H256, job: &JobDigest) -> Hash {
		trap_leaf(genesis, job, &self.salt, &self.claim)
	}

	/// Whether the trap of a job lies under a root over so many leaves.
	pub fn is_under(&self, genesis: &H256, job: &JobDigest, root: &H256, count: u32) -> bool {
		let Ok(tree) = Tree::new(count.into()) else { return false };
		let path: Vec<Hash> = self.path.iter().map(|hash| hash.0).collect();
		tree.root_of(self.index, self.leaf(genesis, job), &path) == Ok(root.0)
	}
}

/// The leaf of a trap.
pub fn trap_leaf(genesis: &H256, job: &JobDigest, salt: &[u8; 32], claim: &Claim) -> Hash {
	traps::leaf(&genesis.0, &job.0 .0, salt, claim)
}

/// The tenant's consent.
pub fn trap_consent(genesis: &H256, leaf: &Hash) -> Vec<u8> {
	traps::consent(&genesis.0, leaf)
}

/// The opening: this worker replaces the claim of its slot by another one.
pub fn trap_statement(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	output: &OutputDigest,
) -> Vec<u8> {
	("assay/trap-open/1", genesis, job, slot, output).encode()
}

/// The wrong claim that springs a trap: a pure function, so that a worker that has lost everything
/// but the trap reveals what it has committed to. Never the right one, and like it in all that can
/// be seen without computing.
pub fn wrong_claim(right: &Claim, salt: &[u8; 32]) -> Claim {
	let data = sp_io::hashing::blake2_256(&("assay/trap-wrong/1", salt, right).encode());
	match right {
		Claim::Output { count, .. } => Claim::Output { count: *count, data },
		// Every job may have one step.
		Claim::Invalid { .. } => Claim::Output { count: 1, data },
	}
}

/// The traps of a duty period: their root, and what opens each of them once its tenant has signed.
#[cfg(feature = "std")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapPlan {
	/// What is to be posted.
	pub root: H256,
	/// Over so many leaves.
	pub count: u32,
	/// For each job, in the order given: the leaf, and its path to the root.
	pub leaves: Vec<(Hash, TrapPath)>,
}

/// Root and paths of the traps of these jobs: digest, right claim and salt of each. None where
/// there is none, where there are more than [`TRAPS_MAX`], and where a job comes twice.
#[cfg(feature = "std")]
pub fn plan_traps(genesis: &H256, traps: &[(JobDigest, Claim, [u8; 32])]) -> Option<TrapPlan> {
	let count = u32::try_from(traps.len()).ok().filter(|count| (1..=TRAPS_MAX).contains(count))?;
	let jobs: alloc::collections::BTreeSet<_> = traps.iter().map(|(job, ..)| job).collect();
	if jobs.len() != traps.len() {
		return None;
	}
	let hashes: Vec<Hash> =
		traps.iter().map(|(job, claim, salt)| trap_leaf(genesis, job, salt, claim)).collect();
	let leaves = (0u32..)
		.zip(&hashes)
		.map(|(index, leaf)| {
			let path: Vec<H256> = assay_trace::path(&hashes, index).into_iter().map(H256).collect();
			Some((*leaf, path.try_into().ok()?))
		})
		.collect::<Option<_>>()?;
	Some(TrapPlan { root: H256(assay_program::merkle::root_of(hashes)), count, leaves })
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const GENESIS: H256 = H256([7; 32]);

	fn consent() -> MultiSignature {
		MultiSignature::Sr25519(sp_core::sr25519::Signature::from_raw([0; 64]))
	}

	fn planned(count: u32) -> (Vec<(JobDigest, Claim, [u8; 32])>, TrapPlan) {
		let traps: Vec<_> = (0..count)
			.map(|n| {
				let hash = |kind: &str| sp_io::hashing::blake2_256(&(kind, n).encode());
				let claim = Claim::Output { count: n + 1, data: hash("data") };
				(hash("job").into(), claim, hash("salt"))
			})
			.collect();
		let plan = plan_traps(&GENESIS, &traps).unwrap();
		(traps, plan)
	}

	fn opened(traps: &[(JobDigest, Claim, [u8; 32])], plan: &TrapPlan, index: u32) -> Trap {
		let (_, claim, salt) = traps[index as usize];
		let path = plan.leaves[index as usize].1.clone();
		Trap { period: 1, index, salt, claim, path, consent: consent() }
	}

	#[test]
	fn every_leaf_of_a_plan_is_under_its_root_and_nowhere_else() {
		for count in [1, 2, 3, 5, 8, 13, 100, TRAPS_MAX - 1, TRAPS_MAX] {
			let (traps, plan) = planned(count);
			for index in (0..count).step_by(1 + count as usize / 20).chain([count - 1]) {
				let trap = opened(&traps, &plan, index);
				let (job, ..) = traps[index as usize];
				let is_under = |trap: &Trap| trap.is_under(&GENESIS, &job, &plan.root, count);
				assert!(is_under(&trap), "{index} of {count}");
				assert_eq!(plan.leaves[index as usize].0, trap.leaf(&GENESIS, &job));
				assert!(!trap.is_under(&H256([8; 32]), &job, &plan.root, count));
				assert!(!trap.is_under(&GENESIS, &[9; 32].into(), &plan.root, count));
				assert!(!is_under(&Trap { index: count, ..trap.clone() }));
				assert!(!is_under(&Trap { salt: [0; 32], ..trap.clone() }));
				let claim = wrong_claim(&trap.claim, &trap.salt);
				assert!(!is_under(&Trap { claim, ..trap.clone() }));
				if count > 1 {
					let index = (index + 1) % count;
					assert!(!is_under(&Trap { index, ..trap.clone() }));
					assert!(!is_under(&Trap { path: Default::default(), ..trap }));
				}
			}
		}
	}

	#[test]
	fn there_is_no_plan_of_nothing_of_too_many_or_of_one_job_twice() {
		let claim = Claim::Invalid { code: 1 };
		let trap = |n: u32| (sp_io::hashing::blake2_256(&n.encode()).into(), claim, [1; 32]);
		assert_eq!(plan_traps(&GENESIS, &[]), None);
		let many: Vec<_> = (0..=TRAPS_MAX).map(trap).collect();
		assert_eq!(plan_traps(&GENESIS, &many), None);
		assert!(plan_traps(&GENESIS, &many[1..]).is_some());
		assert_eq!(plan_traps(&GENESIS, &[trap(1), trap(2), trap(1)]), None);
	}

	#[test]
	fn a_trap_is_as_long_as_its_bound_at_most() {
		let (traps, plan) = planned(TRAPS_MAX);
		let trap = opened(&traps, &plan, 0);
		assert_eq!(trap.path.len() as u32, TRAP_PATH_MAX);
		assert!(trap.encoded_size() <= Trap::max_encoded_len());
	}

	proptest! {
		#[test]
		fn a_wrong_claim_is_always_wrong_and_always_the_same(
			count in 1u32..100,
			data: [u8; 32],
			code: u32,
			salt: [u8; 32],
		) {
			for right in [Claim::Output { count, data }, Claim::Invalid { code }] {
				let wrong = wrong_claim(&right, &salt);
				prop_assert_ne!(wrong.output(), right.output());
				prop_assert_eq!(wrong, wrong_claim(&right, &salt));
				prop_assert_eq!(wrong.count(), right.count().max(1));
			}
		}
	}
}
