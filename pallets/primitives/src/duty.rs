//! The VRF by which an auditor learns, before anybody else does, whether it has to audit a job.
//!
//! Chain and executor build the same transcript: label `assay/duty/1`, then the items of a
//! [`DutyInput`] by name, in their order, each as its SCALE bytes. The chain verifies by `sp_core`,
//! so the executor signs as `sp_core` does.

use crate::{DutyOutput, JobDigest, SlotId, WorkerKey};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{
	crypto::VrfPublic,
	sr25519::{
		self,
		vrf::{VrfPreOutput, VrfProof, VrfSignature, VrfTranscript},
	},
	H256,
};

/// Label of the transcript.
const LABEL: &[u8] = b"assay/duty/1";

/// Public half of a duty key.
pub type DutyKey = sr25519::Public;
/// A duty key's signature over its owner: proof of possession.
pub type DutyKeyProof = sr25519::Signature;

/// What a duty is drawn from. An executor is asked with its SCALE encoding, 136 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DutyInput {
	/// Hash of the chain's first block.
	pub genesis: H256,
	/// The job.
	pub job: JobDigest,
	/// The slot whose claim is audited.
	pub slot: SlotId,
	/// The worker key of that slot.
	pub worker: WorkerKey,
	/// What the authors of the blocks after the commitment drew: see [`duty_randomness`].
	pub randomness: H256,
}

/// Blocks after a commitment whose authors together decide who audits.
///
/// An author knows what it will draw in its slot long before, so one block would be its own
/// choice. Of several the last author alone knows the result before the others do, and can do one
/// thing about it: make no block, and let another author be the last. Each such refusal is one
/// more throw for who pays for it with a block: `k` of them raise a chance `p` to `1 - (1 - p)^(k
/// + 1)`, at most `k + 1` times `p`.
pub const DUTY_BLOCKS: u32 = 4;

/// What duties are drawn from: a hash over what the authors of the blocks after a commitment
/// drew, in the order of the blocks.
pub fn duty_randomness(drawn: &[H256]) -> H256 {
	H256(sp_io::hashing::blake2_256(&("assay/draw/1", drawn).encode()))
}

/// A VRF's proof, 64 bytes: two scalars of schnorrkel.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct DutyProof(pub [u8; 64]);

/// What a duty key makes of a [`DutyInput`]: 96 bytes, as an executor answers.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Duty {
	/// What decides. For one key and one input there is one, and nobody else can compute it.
	pub output: DutyOutput,
	/// That it is the one.
	pub proof: DutyProof,
}

impl DutyInput {
	/// The transcript that is signed.
	pub fn transcript(&self) -> VrfTranscript {
		VrfTranscript::new(
			LABEL,
			&[
				(b"genesis", &self.genesis.encode()),
				(b"job", &self.job.encode()),
				(b"slot", &self.slot.encode()),
				(b"worker", &self.worker.encode()),
				(b"randomness", &self.randomness.encode()),
			],
		)
	}

	/// Whether this is what the key makes of the input.
	pub fn verify(&self, key: &DutyKey, duty: &Duty) -> bool {
		let output = VrfPreOutput::decode(&mut &duty.output.as_ref()[..]);
		let proof = VrfProof::decode(&mut &duty.proof.0[..]);
		let Ok((pre_output, proof)) = output.and_then(|output| Ok((output, proof?))) else {
			return false;
		};
		let signature = VrfSignature { pre_output, proof };
		key.vrf_verify(&self.transcript().into_sign_data(), &signature)
	}

	/// What a key that is at hand makes of the input.
	#[cfg(feature = "std")]
	pub fn sign(&self, pair: &sr25519::Pair) -> Duty {
		use sp_core::crypto::VrfSecret;
		let signature = pair.vrf_sign(&self.transcript().into_sign_data());
		let mut proof = [0; 64];
		let bytes = signature.proof.encode();
		proof.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
		let mut output = [0; 32];
		let bytes = signature.pre_output.encode();
		output.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
		Duty { output: output.into(), proof: DutyProof(proof) }
	}
}

impl Duty {
	/// The number that a threshold is compared with: the first 8 bytes, little endian, of the hash
	/// of the output. Uniform for a key that was chosen before the randomness was known.
	pub fn number(&self) -> u64 {
		self.output.number()
	}
}

impl DutyOutput {
	/// See [`Duty::number`].
	pub fn number(&self) -> u64 {
		let hash = sp_io::hashing::blake2_256(self.as_ref());
		hash.iter().take(8).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::Pair;

	fn input() -> DutyInput {
		DutyInput {
			genesis: H256([1; 32]),
			job: [2; 32].into(),
			slot: SlotId(3),
			worker: sr25519::Public::from_raw([4; 32]).into(),
			randomness: H256([5; 32]),
		}
	}

	fn pair() -> sr25519::Pair {
		sr25519::Pair::from_seed(&[6; 32])
	}

	#[test]
	fn the_encodings_have_the_lengths_that_the_executor_knows() {
		let duty = input().sign(&pair());
		assert_eq!((input().encoded_size(), duty.encoded_size()), (136, 96));
		let items = ([1u8; 32], [2u8; 32], 3u64, [4u8; 32], [5u8; 32]);
		assert_eq!(input().encode(), items.encode());
		assert_eq!(Duty::decode(&mut &duty.encode()[..]), Ok(duty));
	}

	#[test]
	fn a_duty_holds_for_its_key_and_its_input_alone() {
		let (right, key) = (input(), pair().public());
		let duty = right.sign(&pair());
		assert!(right.verify(&key, &duty));
		assert!(!right.verify(&sr25519::Pair::from_seed(&[7; 32]).public(), &duty));
		let changes: [fn(&mut DutyInput); 5] = [
			|input| input.genesis = H256([9; 32]),
			|input| input.job = [9; 32].into(),
			|input| input.slot = SlotId(9),
			|input| input.worker = sr25519::Public::from_raw([9; 32]).into(),
			|input| input.randomness = H256([9; 32]),
		];
		for change in changes {
			let mut other = right.clone();
			change(&mut other);
			assert!(!other.verify(&key, &duty));
			assert_ne!(other.sign(&pair()).output, duty.output);
		}
	}

	#[test]
	fn one_key_has_one_output() {
		let (one, other) = (input().sign(&pair()), input().sign(&pair()));
		assert_eq!(one.output, other.output);
		// Proofs are randomised, and no output but the right one has any.
		for byte in [0, 31] {
			let mut output: [u8; 32] = one.output.into();
			output[byte] ^= 1;
			let forged = Duty { output: output.into(), proof: one.proof };
			assert!(!input().verify(&pair().public(), &forged));
		}
	}

	#[test]
	fn bytes_that_are_no_proof_are_refused() {
		let duty = input().sign(&pair());
		for proof in [[0; 64], [255; 64]] {
			let forged = Duty { output: duty.output, proof: DutyProof(proof) };
			assert!(!input().verify(&pair().public(), &forged));
		}
	}

	#[test]
	fn every_author_and_their_order_decide() {
		let drawn: Vec<_> = (1..=4).map(|n| H256([n; 32])).collect();
		let all = duty_randomness(&drawn);
		for n in 0..4 {
			let mut other = drawn.clone();
			other[n] = H256([9; 32]);
			assert_ne!(duty_randomness(&other), all, "author {n}");
		}
		let swapped = [drawn[1], drawn[0], drawn[2], drawn[3]];
		assert_ne!(duty_randomness(&swapped), all);
		assert_ne!(duty_randomness(&drawn[..3]), all);
	}

	/// An executor must make the same of the same.
	#[test]
	fn the_output_of_a_known_key_is_known() {
		let duty = input().sign(&pair());
		let known = "0xf2412b37d44ef14eb7ba3d74edb5c614819e769fd89f93ca5e2d9b679540cc3c";
		assert_eq!(format!("{:?}", duty.output.0), known);
		let hash = sp_io::hashing::blake2_256(duty.output.as_ref());
		assert_eq!(duty.number().to_le_bytes(), hash[..8]);
	}
}
