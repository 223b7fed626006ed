//! What a worker key signs. Every statement opens with its own domain string and the genesis hash,
//! and names its slot, so none can be taken for another, on this chain or on another one.

use crate::{Commitment, DutyOutput, JobDigest, ModelId, OutputDigest, SlotId};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;

/// Proof of possession: this worker key agrees to act for `owner` on this chain.
pub fn worker_statement(genesis: &H256, owner: &impl Encode) -> Vec<u8> {
	("assay/worker/1", genesis, owner).encode()
}

/// A sign of life in a duty period.
pub fn heartbeat_statement(genesis: &H256, owner: &impl Encode, period: u32) -> Vec<u8> {
	("assay/heartbeat/1", genesis, owner, period).encode()
}

/// Acceptance of a slot.
pub fn accept_statement(genesis: &H256, job: &JobDigest, slot: SlotId) -> Vec<u8> {
	("assay/accept/1", genesis, job, slot).encode()
}

/// Posting of a commitment.
pub fn commit_statement(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	commitment: &Commitment,
) -> Vec<u8> {
	("assay/commitment/1", genesis, job, slot, commitment).encode()
}

/// A finalised block that a reveal rests on. Signed with the claim: a reveal copied from the pool
/// cannot be moved to another fork.
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
pub struct Anchor {
	/// Height of the block that closed the commit phase.
	pub number: u32,
	/// Its hash.
	pub hash: H256,
}

/// The attested result: this worker claims this output for this slot of this job.
pub fn claim_statement(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	output: &OutputDigest,
	anchor: &Anchor,
) -> Vec<u8> {
	("assay/claim/1", genesis, job, slot, output, anchor).encode()
}

/// Proof of possession: this duty key decides the audit duties of `owner` on this chain.
pub fn duty_key_statement(genesis: &H256, owner: &impl Encode) -> Vec<u8> {
	("assay/duty-key/1", genesis, owner).encode()
}

/// The final mark: the first commitment of a job is below a block that is final.
pub fn final_statement(genesis: &H256, job: &JobDigest, anchor: &Anchor) -> Vec<u8> {
	("assay/final/1", genesis, job, anchor).encode()
}

/// A notice: this worker will audit the claim of this slot, as its VRF says that it must.
pub fn notice_statement(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	output: &DutyOutput,
) -> Vec<u8> {
	("assay/notice/1", genesis, job, slot, output).encode()
}

/// A candidacy: this worker will do a job as well, if the draw falls on its provider.
pub fn replica_statement(genesis: &H256, job: &JobDigest) -> Vec<u8> {
	("assay/replica/1", genesis, job).encode()
}

/// A showing: in this duty period this worker's provider holds the weights of a model, of which it
/// opens this segment.
pub fn show_statement(genesis: &H256, model: ModelId, period: u32, segment: u32) -> Vec<u8> {
	("assay/showing/1", genesis, model, period, segment).encode()
}

/// A challenge: this worker will play for the claim that the claim of a slot of this job is
/// wrong, for a bond of this at most.
pub fn challenge_statement(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	challenger: &impl Encode,
	output: &OutputDigest,
	bond_max: u128,
) -> Vec<u8> {
	("assay/challenge/1", genesis, job, slot, challenger, output, bond_max).encode()
}

/// What a move is about. Ids are given anew on every fork: with job and outputs beside them a move
/// signed for one game cannot be taken for one in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
pub struct Board {
	/// The game.
	pub game: SlotId,
	/// The claim that is disputed.
	pub slot: SlotId,
	/// Its job.
	pub job: JobDigest,
	/// What claimant and challenger claim.
	pub outputs: [OutputDigest; 2],
}

/// A move: this worker gives for a side this answer to this question of a game.
pub fn move_statement(
	genesis: &H256,
	board: &Board,
	side: &impl Encode,
	question: &impl Encode,
	answer: &impl Encode,
) -> Vec<u8> {
	("assay/move/1", genesis, board, side, question, answer).encode()
}

/// The commitment to an output. The worker key is inside, so a copied one cannot be revealed.
pub fn commitment(
	genesis: &H256,
	job: &JobDigest,
	slot: SlotId,
	worker: &impl Encode,
	salt: &H256,
	output: &OutputDigest,
) -> Commitment {
	let statement = ("assay/commit/1", genesis, job, slot, worker, salt, output).encode();
	Commitment(H256(sp_io::hashing::blake2_256(&statement)))
}

/// The salt of a slot's commitment: derived, never drawn anew, so a worker that lost everything but
/// its node's secret can still reveal.
pub fn salt(secret: &[u8; 32], job: &JobDigest, slot: SlotId) -> H256 {
	H256(sp_io::hashing::blake2_256(&("assay/salt/1", secret, job, slot).encode()))
}
