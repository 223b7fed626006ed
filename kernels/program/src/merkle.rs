//! The Merkle law. H is blake2-256 and every hash begins with one byte that says what it is of:
//!
//! | thing | hash |
//! |---|---|
//! | leaf | `H(0x00 ++ bytes)` |
//! | node | `H(0x01 ++ left ++ right)`; an odd last node moves up unchanged |
//! | root of nothing | `H(0x02)` |
//! | sized thing | `H(0x03 ++ length as u64 LE ++ root)` |
//! | invalid result | `H(0x04 ++ code as u32 LE)` |
//!
//! A blob is cut into segments of 4096 bytes, the last one filled with zeros; its digest is the
//! sized digest over the root of its segments.

use crate::{limits::SEGMENT, Hash};
use alloc::vec::Vec;
use blake2b_simd::{
	many::{hash_many, HashManyJob},
	Params, State,
};

fn state() -> State {
	Params::new().hash_length(32).to_state()
}

fn finish(state: &State) -> Hash {
	let mut hash = [0u8; 32];
	for (to, from) in hash.iter_mut().zip(state.finalize().as_bytes()) {
		*to = *from;
	}
	hash
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Hash {
	let mut state = state();
	state.update(&[tag]);
	for part in parts {
		state.update(part);
	}
	finish(&state)
}

/// Plain blake2-256.
pub fn blake2_256(bytes: &[u8]) -> Hash {
	let mut state = state();
	state.update(bytes);
	finish(&state)
}

/// Digest of a leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
	tagged(0, &[bytes])
}

/// Digest of an inner node.
pub fn node(left: &Hash, right: &Hash) -> Hash {
	tagged(1, &[left, right])
}

/// Digests of leaves, several at once where the processor can.
pub fn leaves(leaves: &[&[u8]]) -> Vec<Hash> {
	tagged_many(0, leaves.iter().map(|bytes| [*bytes, &[]]))
}

/// [`root`] over digests that are all there, several at once where the processor can.
pub fn root_of(mut nodes: Vec<Hash>) -> Hash {
	while nodes.len() > 1 {
		let (pairs, odd) = nodes.as_chunks();
		let parts = pairs.iter().map(|[left, right]: &[Hash; 2]| [&left[..], &right[..]]);
		let mut above = tagged_many(1, parts);
		above.extend_from_slice(odd);
		nodes = above;
	}
	nodes.pop().unwrap_or_else(|| tagged(2, &[]))
}

fn tagged_many<'a>(tag: u8, things: impl Iterator<Item = [&'a [u8]; 2]>) -> Vec<Hash> {
	let (mut bytes, mut ends) = (Vec::new(), Vec::new());
	for [left, right] in things {
		bytes.push(tag);
		bytes.extend_from_slice(left);
		bytes.extend_from_slice(right);
		ends.push(bytes.len());
	}
	let mut params = Params::new();
	params.hash_length(32);
	let mut start = 0;
	let job = |end: &usize| {
		let input = bytes.get(start..*end).unwrap_or(&[]);
		start = *end;
		HashManyJob::new(&params, input)
	};
	let mut jobs: Vec<HashManyJob<'_>> = ends.iter().map(job).collect();
	hash_many(&mut jobs);
	let hash = |job: &HashManyJob<'_>| {
		let mut hash = [0u8; 32];
		hash.iter_mut().zip(job.to_hash().as_bytes()).for_each(|(to, from)| *to = *from);
		hash
	};
	jobs.iter().map(hash).collect()
}

/// Root over leaf digests, in constant memory. The root of nothing is `H(0x02)`.
pub fn root(leaves: impl Iterator<Item = Hash>) -> Hash {
	let mut accumulator = RootHasher::default();
	leaves.for_each(|leaf| accumulator.push(leaf));
	accumulator.finish()
}

/// Digest of a thing with a length.
pub fn sized(length: u64, root: &Hash) -> Hash {
	tagged(3, &[&length.to_le_bytes(), root])
}

/// Digest of the result that says its input broke the rules.
pub fn invalid(code: u32) -> Hash {
	tagged(4, &[&code.to_le_bytes()])
}

/// Digest of a blob: weights, input, output.
pub fn blob(bytes: &[u8]) -> Hash {
	let mut hasher = BlobHasher::new();
	hasher.update(bytes);
	hasher.finish()
}

/// Completed subtrees, tallest first; no two have the same height.
#[derive(Clone, Debug, Default)]
struct RootHasher {
	subtrees: Vec<(u32, Hash)>,
}

impl RootHasher {
	fn push(&mut self, leaf: Hash) {
		let mut height = 0u32;
		let mut hash = leaf;
		while let Some((top, left)) = self.subtrees.last() {
			if *top != height {
				break;
			}
			hash = node(left, &hash);
			height = height.saturating_add(1);
			self.subtrees.pop();
		}
		self.subtrees.push((height, hash));
	}

	fn finish(mut self) -> Hash {
		let Some((_, mut hash)) = self.subtrees.pop() else { return tagged(2, &[]) };
		// The odd last node has moved up to where the next taller subtree waits for it.
		while let Some((_, left)) = self.subtrees.pop() {
			hash = node(&left, &hash);
		}
		hash
	}
}

/// [`blob`] for bytes that come in pieces.
#[derive(Clone, Debug)]
pub struct BlobHasher {
	subtrees: RootHasher,
	segment: State,
	filled: usize,
	length: u64,
}

impl BlobHasher {
	/// Begins a blob.
	pub fn new() -> Self {
		Self { subtrees: RootHasher::default(), segment: new_leaf(), filled: 0, length: 0 }
	}

	/// Takes the next bytes.
	pub fn update(&mut self, mut bytes: &[u8]) {
		self.length = self.length.saturating_add(bytes.len() as u64);
		while !bytes.is_empty() {
			let room = SEGMENT.saturating_sub(self.filled);
			let (now, later) = bytes.split_at(room.min(bytes.len()));
			self.segment.update(now);
			self.filled = self.filled.saturating_add(now.len());
			bytes = later;
			if self.filled == SEGMENT {
				self.close_segment();
			}
		}
	}

	/// The digest of everything taken.
	pub fn finish(mut self) -> Hash {
		if self.filled > 0 {
			let zeros = [0u8; SEGMENT];
			let missing = SEGMENT.saturating_sub(self.filled);
			self.segment.update(zeros.get(..missing).unwrap_or(&[]));
			self.close_segment();
		}
		sized(self.length, &self.subtrees.finish())
	}

	fn close_segment(&mut self) {
		self.subtrees.push(finish(&self.segment));
		self.segment = new_leaf();
		self.filled = 0;
	}
}

impl Default for BlobHasher {
	fn default() -> Self {
		Self::new()
	}
}

fn new_leaf() -> State {
	let mut state = state();
	state.update(&[0]);
	state
}
