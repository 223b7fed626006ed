//! Challenges, answers, commitments and reveals by hand: what no worker would send, in the form
//! that any node's RPC takes.

use assay_program::{Claim, Hash};
use assay_trace::{Answer, Game, Question, Side};
use codec::{Compact, Decode, Encode};

/// The version byte of a general extrinsic, which nobody signs as a whole: kind 1, format 5.
const GENERAL: u8 = 0x45;
/// The first set of extensions.
const EXTENSIONS: u8 = 0;

/// A pallet's and a call's number.
pub type CallIndex = [u8; 2];

/// What a move is about, and who is entitled to it.
#[derive(Clone, Debug)]
pub struct Seat {
	/// The chain.
	pub genesis: Hash,
	/// The game.
	pub id: u64,
	/// The claim that is disputed.
	pub slot: u64,
	/// Its job.
	pub job: Hash,
	/// Whose move.
	pub side: Side,
}

/// An extrinsic that its call authorises. The number tells two with the same call apart.
pub fn general(call: &[u8], number: u32) -> Vec<u8> {
	// Of the extensions only these have bytes: an immortal era, the number, no tip, no hash of the
	// metadata.
	let extensions = (0u8, Compact(number), Compact(0u128), 0u8).encode();
	let body = [&[GENERAL, EXTENSIONS][..], &extensions, call].concat();
	body.encode()
}

impl Seat {
	/// What a party signs of a move.
	pub fn statement(&self, game: &Game, question: &Question, answer: &Answer) -> Vec<u8> {
		let outputs = game.claims().map(|claim| claim.output());
		let board = (self.id, self.slot, self.job, outputs);
		("assay/move/1", self.genesis, board, self.side, question, answer).encode()
	}

	/// The call of a move.
	pub fn call(
		&self,
		index: CallIndex,
		question: &Question,
		answer: &Answer,
		signature: &[u8; 64],
	) -> Vec<u8> {
		(index, self.id, self.side, question, answer, signature).encode()
	}
}

/// What a worker key signs of a commitment, whosever bytes that has.
pub fn commit_statement(genesis: &Hash, job: &Hash, slot: u64, commitment: &Hash) -> Vec<u8> {
	("assay/commitment/1", genesis, job, slot, commitment).encode()
}

/// A reveal as it travels: which slot's, and what it opens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reveal {
	/// Whose claim.
	pub slot: u64,
	/// The claim.
	pub claim: Claim,
	/// The salt of its commitment.
	pub salt: Hash,
	/// Number and hash of the block that it rests on.
	pub anchor: (u32, Hash),
	/// Of the slot's worker key.
	pub signature: [u8; 64],
}

impl Reveal {
	/// What a worker key signs of it.
	pub fn statement(&self, genesis: &Hash, job: &Hash) -> Vec<u8> {
		("assay/claim/1", genesis, job, self.slot, self.claim.output(), self.anchor).encode()
	}
}

/// What a worker key signs of a challenge.
pub fn challenge_statement(
	genesis: &Hash,
	job: &Hash,
	slot: u64,
	challenger: &Hash,
	claim: &Claim,
	bond_max: u128,
) -> Vec<u8> {
	("assay/challenge/1", genesis, job, slot, challenger, claim.output(), bond_max).encode()
}
