//! The digests of the segments of a weights blob, kept in a file beside it: they say where it is
//! damaged, which the digest of the whole cannot.

use assay_program::{merkle, Hash, SEGMENT};
use std::fmt;

/// Bytes of a length in the file.
const LENGTH_BYTES: usize = 8;

/// The segments of a blob and its length: what its digest is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segments {
	leaves: Vec<Hash>,
	length: u64,
}

impl Segments {
	/// Those of a whole blob. `tell` hears after each segment how many bytes are done.
	pub(super) fn of(blob: &[u8], mut tell: impl FnMut(u64)) -> Self {
		let mut hasher = SegmentsHasher::default();
		for segment in blob.chunks(SEGMENT) {
			hasher.update(segment);
			tell(hasher.segments.length);
		}
		hasher.finish()
	}

	/// The digest of the blob.
	pub(super) fn digest(&self) -> Hash {
		merkle::sized(self.length, &merkle::root(self.leaves.iter().copied()))
	}

	/// The siblings on the way from a segment to the root of all, lowest first, where they lead from
	/// the digest of that segment to that of the blob. Whatever else is wrong with the list shows in
	/// that, so the tree is hashed once.
	pub(super) fn path(&self, segment: u64, leaf: Hash, digest: &Hash) -> Option<Vec<Hash>> {
		let segment = u32::try_from(segment).ok()?;
		let path = assay_trace::path(&self.leaves, segment);
		let root = assay_trace::blob_tree(self.length)?.root_of(segment, leaf, &path).ok()?;
		(merkle::sized(self.length, &root) == *digest).then_some(path)
	}

	/// The number of the first segment that another blob has otherwise, or only one of the two has.
	pub(super) fn first_difference(&self, other: &Self) -> Option<u64> {
		let pairs = self.leaves.iter().zip(&other.leaves);
		let same = pairs.take_while(|(left, right)| left == right).count();
		let is_end = same == self.leaves.len() && same == other.leaves.len();
		match (is_end, self.length == other.length) {
			(true, true) => None,
			// Zeros at the end that are there or not: both fill the same segment.
			(true, false) => Some(same.saturating_sub(1) as u64),
			(false, _) => Some(same as u64),
		}
	}

	/// The content of the file.
	pub(super) fn encode(&self) -> Vec<u8> {
		[&self.length.to_le_bytes()[..], self.leaves.as_flattened()].concat()
	}

	/// Reads the content of the file, if it is that of the blob with this digest.
	pub(super) fn decode(bytes: &[u8], digest: &Hash) -> Option<Self> {
		Self::decode_unchecked(bytes).filter(|segments| segments.digest() == *digest)
	}

	/// Reads the content of the file, of whatever blob it is.
	pub(super) fn decode_unchecked(bytes: &[u8]) -> Option<Self> {
		let (length, leaves) = bytes.split_at_checked(LENGTH_BYTES)?;
		let (leaves, rest) = leaves.as_chunks::<{ size_of::<Hash>() }>();
		let length = u64::from_le_bytes(length.try_into().ok()?);
		rest.is_empty().then(|| Self { leaves: leaves.to_vec(), length })
	}
}

/// [`Segments`] of a blob that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct SegmentsHasher {
	segments: Segments,
	/// The beginning of the next segment.
	begun: Vec<u8>,
}

impl SegmentsHasher {
	/// Takes the next bytes.
	pub(super) fn update(&mut self, mut bytes: &[u8]) {
		self.segments.length = self.segments.length.saturating_add(bytes.len() as u64);
		while !bytes.is_empty() {
			let room = SEGMENT.saturating_sub(self.begun.len());
			let (now, later) = bytes.split_at(room.min(bytes.len()));
			bytes = later;
			if now.len() == SEGMENT {
				self.segments.leaves.push(merkle::leaf(now));
				continue;
			}
			self.begun.extend_from_slice(now);
			if self.begun.len() == SEGMENT {
				self.close();
			}
		}
	}

	fn close(&mut self) {
		self.begun.resize(SEGMENT, 0);
		self.segments.leaves.push(merkle::leaf(&self.begun));
		self.begun.clear();
	}

	/// The segments of everything taken.
	pub(super) fn finish(mut self) -> Segments {
		if !self.begun.is_empty() {
			self.close();
		}
		self.segments
	}
}

/// Where a blob is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
	/// The number of the first damaged segment, where that is known.
	pub(crate) segment: Option<u64>,
}

impl fmt::Display for Damage {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Some(segment) = self.segment else {
			return f.write_str("damaged, and so is the list of its segments");
		};
		let first = segment.saturating_mul(SEGMENT as u64);
		let last = first.saturating_add(SEGMENT as u64 - 1);
		write!(f, "damaged in segment {segment}, bytes {first} to {last}")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn blob(bytes: usize) -> Vec<u8> {
		(0..bytes).map(|index| (index / 7) as u8).collect()
	}

	fn of(blob: &[u8]) -> Segments {
		Segments::of(blob, |_| {})
	}

	#[test]
	fn the_digest_is_that_of_the_merkle_law_however_the_bytes_come() {
		for bytes in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 5 * SEGMENT + 17] {
			let blob = blob(bytes);
			assert_eq!(of(&blob).digest(), merkle::blob(&blob), "{bytes} bytes");
			for piece in [1, 1000, SEGMENT, 2 * SEGMENT + 3] {
				let mut hasher = SegmentsHasher::default();
				blob.chunks(piece).for_each(|piece| hasher.update(piece));
				assert_eq!(hasher.finish(), of(&blob), "{bytes} bytes in pieces of {piece}");
			}
		}
	}

	#[test]
	fn every_damage_has_its_segment() {
		let whole = blob(3 * SEGMENT + 100);
		for at in [0, 1, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 5, 3 * SEGMENT, 3 * SEGMENT + 99] {
			let mut damaged = whole.clone();
			damaged[at] ^= 1;
			let found = of(&whole).first_difference(&of(&damaged));
			assert_eq!(found, Some((at / SEGMENT) as u64), "byte {at}");
		}
		for length in [0, 1, SEGMENT, 2 * SEGMENT, 3 * SEGMENT + 99] {
			let found = of(&whole).first_difference(&of(&whole[..length]));
			assert_eq!(found, Some((length / SEGMENT) as u64), "cut off at {length}");
		}
		let longer = [&whole[..], &[0]].concat();
		assert_eq!(of(&whole).first_difference(&of(&longer)), Some(3));
		assert_eq!(of(&whole).first_difference(&of(&whole)), None);
	}

	#[test]
	fn a_damaged_list_is_none() {
		let segments = of(&blob(2 * SEGMENT + 1));
		let digest = segments.digest();
		let file = segments.encode();
		assert_eq!(Segments::decode(&file, &digest), Some(segments));
		for at in 0..file.len() {
			let mut damaged = file.clone();
			damaged[at] ^= 1;
			assert_eq!(Segments::decode(&damaged, &digest), None, "byte {at}");
		}
		for length in 0..file.len() {
			assert_eq!(Segments::decode(&file[..length], &digest), None, "{length} bytes");
		}
	}

	#[test]
	fn a_path_is_right_or_none() {
		let whole = blob(4 * SEGMENT + 1);
		let (segments, digest) = (of(&whole), of(&whole).digest());
		let leaf = segments.leaves[2];
		let path = segments.path(2, leaf, &digest).unwrap();
		assert_eq!(path, assay_trace::path(&segments.leaves, 2));
		for segment in [1, 3, 5, 1 << 32] {
			assert_eq!(segments.path(segment, leaf, &digest), None, "segment {segment}");
		}
		assert_eq!(segments.path(2, [1; 32], &digest), None);
		let file = segments.encode();
		for at in 0..file.len() {
			let mut damaged = file.clone();
			damaged[at] ^= 1;
			let damaged = Segments::decode_unchecked(&damaged).unwrap();
			// The one that is not looked at is made of the bytes themselves.
			let own = LENGTH_BYTES + 2 * size_of::<Hash>();
			let is_own = (own..own + size_of::<Hash>()).contains(&at);
			let found = damaged.path(2, leaf, &digest);
			assert_eq!(found, is_own.then(|| path.clone()), "byte {at}");
		}
		for length in 0..file.len() {
			let cut = Segments::decode_unchecked(&file[..length]);
			let found = cut.and_then(|segments| segments.path(2, leaf, &digest));
			assert_eq!(found, None, "{length} bytes");
		}
	}
}
