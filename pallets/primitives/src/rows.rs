//! How a provider shows that it holds a model's weights: by a segment of them that nobody chooses,
//! and its path to their root.
//!
//! Weights are cut into segments of 4 KiB as every blob is, and the path is that of an opening in a
//! dispute: see [`assay_program::merkle`] and [`assay_trace::Tree`].

use crate::{ModelId, WeightsRoot};
use alloc::vec::Vec;
use assay_program::{limits::MAX_WEIGHTS_BYTES, merkle, Hash, SEGMENT};
use assay_trace::blob_tree;
use codec::Encode;
use frame_support::{traits::ConstU32, BoundedVec};
use sp_core::H256;

/// Most hashes on the path of a segment: binary levels above the segments of the longest weights.
pub const SEGMENT_PATH_MAX: u32 = (MAX_WEIGHTS_BYTES / SEGMENT as u64).ilog2();
const _: () = assert!(MAX_WEIGHTS_BYTES == (SEGMENT as u64) << SEGMENT_PATH_MAX);

/// The bytes of a segment: always 4,096, the last one of a blob filled up with zeros.
pub type SegmentBytes = BoundedVec<u8, ConstU32<{ SEGMENT as u32 }>>;
/// Siblings on the way from a segment to the root of all, lowest first.
pub type SegmentPath = BoundedVec<H256, ConstU32<SEGMENT_PATH_MAX>>;

/// The number of the segment that a provider has to show of a model; none where a model has no
/// weights.
///
/// `randomness` is what the author of the first block of the duty period drew. That author can
/// refuse to make the block and so draw its own segment once more; whoever holds the weights gains
/// nothing by it, and who does not holds no other segment either.
pub fn segment_to_show(
	randomness: &H256,
	provider: &impl Encode,
	model: ModelId,
	weights_bytes: u64,
) -> Option<u32> {
	let segments = blob_tree(weights_bytes)?.leaves();
	let hash = sp_io::hashing::blake2_256(&("assay/show/1", randomness, provider, model).encode());
	let number = hash.iter().take(8).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte));
	u32::try_from(number.checked_rem(segments.into())?).ok()
}

/// Whether bytes are this segment of the weights with this root.
pub fn is_segment(
	weights: &WeightsRoot,
	weights_bytes: u64,
	segment: u32,
	bytes: &[u8],
	path: &[H256],
) -> bool {
	let Some(tree) = blob_tree(weights_bytes).filter(|_| bytes.len() == SEGMENT) else {
		return false;
	};
	let path: Vec<Hash> = path.iter().map(|hash| hash.0).collect();
	let root = tree.root_of(segment, merkle::leaf(bytes), &path);
	root.is_ok_and(|root| merkle::sized(weights_bytes, &root) == *weights.as_ref())
}

/// Bytes and a path that are this segment of some weights, with the root of these: for benchmarks,
/// which cannot hold weights of gigabytes.
#[cfg(any(test, feature = "runtime-benchmarks"))]
pub fn forged_segment(
	weights_bytes: u64,
	segment: u32,
) -> (WeightsRoot, SegmentBytes, SegmentPath) {
	let bytes = alloc::vec![7; SEGMENT];
	let Some(tree) = blob_tree(weights_bytes) else { return Default::default() };
	let path: Vec<Hash> = (0..tree.path_length(segment)).map(|n| [n as u8; 32]).collect();
	let root = tree.root_of(segment, merkle::leaf(&bytes), &path).unwrap_or_default();
	let path = path.into_iter().map(H256).collect();
	(
		merkle::sized(weights_bytes, &root).into(),
		BoundedVec::truncate_from(bytes),
		BoundedVec::truncate_from(path),
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn blob(bytes: usize) -> Vec<u8> {
		(0..bytes).map(|index| (index / 7) as u8).collect()
	}

	/// A segment of a blob and its path.
	fn opened(blob: &[u8], segment: u32) -> (Vec<u8>, Vec<H256>) {
		let segments: Vec<Vec<u8>> = blob
			.chunks(SEGMENT)
			.map(|chunk| [chunk, &vec![0; SEGMENT - chunk.len()][..]].concat())
			.collect();
		let leaves: Vec<Hash> = segments.iter().map(|bytes| merkle::leaf(bytes)).collect();
		let path = assay_trace::path(&leaves, segment).into_iter().map(H256).collect();
		(segments[segment as usize].clone(), path)
	}

	#[test]
	fn a_segment_to_show_is_one_of_the_weights() {
		let show = |seed: u8, provider: u8, model, bytes| {
			segment_to_show(&H256([seed; 32]), &[provider; 32], ModelId(model), bytes)
		};
		assert_eq!(show(1, 2, 3, 0), None, "there is nothing to show");
		assert_eq!(show(1, 2, 3, 1), Some(0));
		let segments = 1000;
		let bytes = segments * SEGMENT as u64;
		let base = show(1, 2, 3, bytes).unwrap();
		assert!(u64::from(base) < segments);
		for other in [show(9, 2, 3, bytes), show(1, 9, 3, bytes), show(1, 2, 9, bytes)] {
			assert_ne!(other, Some(base), "of another period, provider or model");
		}
		// Each segment has its turn.
		let few: alloc::collections::BTreeSet<_> =
			(0..100).filter_map(|seed| show(seed, 2, 3, 5 * SEGMENT as u64)).collect();
		assert_eq!(few, (0..5).collect());
	}

	#[test]
	fn the_longest_path_fits() {
		for segment in [0, 1, (1 << SEGMENT_PATH_MAX) - 1] {
			let (root, bytes, path) = forged_segment(MAX_WEIGHTS_BYTES, segment);
			assert_eq!(path.len(), SEGMENT_PATH_MAX as usize);
			assert!(is_segment(&root, MAX_WEIGHTS_BYTES, segment, &bytes, &path));
		}
	}

	proptest! {
		#[test]
		fn what_is_no_segment_is_refused(
			bytes in 1usize..9 * SEGMENT,
			at in any::<proptest::sample::Index>(),
			flip in any::<proptest::sample::Index>(),
		) {
			let blob = blob(bytes);
			let (root, length) = (WeightsRoot::from(merkle::blob(&blob)), bytes as u64);
			let segments = blob_tree(length).unwrap().leaves();
			let segment = at.index(segments as usize) as u32;
			let (right, path) = opened(&blob, segment);
			prop_assert!(is_segment(&root, length, segment, &right, &path));

			let mut wrong = right.clone();
			wrong[flip.index(SEGMENT)] ^= 1;
			prop_assert!(!is_segment(&root, length, segment, &wrong, &path));
			prop_assert!(!is_segment(&root, length, segment, &right[1..], &path));
			prop_assert!(!is_segment(&root, length + 1, segment, &right, &path));
			prop_assert!(!is_segment(&WeightsRoot::from([3; 32]), length, segment, &right, &path));
			let longer = [&path[..], &[H256::zero()]].concat();
			prop_assert!(!is_segment(&root, length, segment, &right, &longer));
			for (place, _) in path.iter().enumerate() {
				let mut other = path.clone();
				other[place].0[0] ^= 1;
				prop_assert!(!is_segment(&root, length, segment, &right, &other));
			}
			for other in (0..segments + 2).filter(|other| *other != segment) {
				let same = opened(&blob, other.min(segments - 1)).0 == right;
				prop_assert!(same || !is_segment(&root, length, other, &right, &path));
			}
		}
	}
}
