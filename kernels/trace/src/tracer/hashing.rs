//! The hashes of a whole trace, as it is made.

use super::{visit_leaves, Work};
use crate::{Layout, Tree, FAN_OUT, NULL};
use assay_program::{merkle, Hash};
use std::{iter::repeat_n, sync::OnceLock};

/// Leaves that are hashed together: at most 256 KiB, which stay in a processor's own cache.
const PIECE: usize = 64;

/// Does pieces of work, see [`super::Steps::side_by_side`].
pub(super) type SideBySide<'s> = &'s dyn Fn(usize, Work<'_>);

/// Hashes leaves in order, 256 to a node. Those of large tensors are hashed where they lie, side
/// by side; those of small ones wait, and are hashed together.
pub(super) struct Chunks<'s> {
	side_by_side: SideBySide<'s>,
	/// Bytes of the leaves that wait, and where each ends.
	bytes: Vec<u8>,
	ends: Vec<usize>,
	/// Hashes of leaves that no node is over yet.
	hashes: Vec<Hash>,
	done: Vec<Hash>,
	leaves: u32,
}

impl<'s> Chunks<'s> {
	pub(super) fn new(side_by_side: SideBySide<'s>) -> Self {
		let (bytes, ends, hashes, done) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
		Self { side_by_side, bytes, ends, hashes, done, leaves: 0 }
	}

	pub(super) fn tensor(
		&mut self,
		layout: &Layout<'_>,
		step: u32,
		operator: usize,
		bytes: &[u8],
	) -> Result<(), String> {
		let (mut leaves, mut rest, mut is_in_order) = (Vec::new(), bytes, true);
		let before = self.leaves;
		visit_leaves(layout, step, operator, bytes, |index, leaf| {
			// Leaves of a tensor follow each other, so all are in order if the first is.
			is_in_order = is_in_order && (index == before || !leaves.is_empty());
			let (leaf, others) = rest.split_at(leaf.len().min(rest.len()));
			rest = others;
			leaves.push(leaf);
			is_in_order
		})?;
		if !is_in_order {
			return Err(format!("operator {operator} of step {step} was shown out of order"));
		}
		self.leaves = before.saturating_add(u32::try_from(leaves.len()).unwrap_or(u32::MAX));
		if leaves.len() >= PIECE {
			self.hash_waiting();
			self.hash(&leaves);
		} else {
			leaves.into_iter().for_each(|leaf| self.wait(leaf));
		}
		Ok(())
	}

	fn wait(&mut self, leaf: &[u8]) {
		self.bytes.extend_from_slice(leaf);
		self.ends.push(self.bytes.len());
		if self.ends.len() >= FAN_OUT as usize {
			self.hash_waiting();
		}
	}

	fn hash_waiting(&mut self) {
		let (mut bytes, ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
		let starts = std::iter::once(&0).chain(&ends);
		let leaf = |(start, end): (&usize, &usize)| bytes.get(*start..*end).unwrap_or(NULL);
		let leaves: Vec<&[u8]> = starts.zip(&ends).map(leaf).collect();
		self.hash(&leaves);
		bytes.clear();
		self.bytes = bytes;
	}

	fn hash(&mut self, leaves: &[&[u8]]) {
		let pieces: Vec<_> = leaves.chunks(PIECE).collect();
		let hashes = self.map(&pieces, |piece| merkle::leaves(piece));
		self.hashes.extend(hashes.into_iter().flatten());
		self.close();
	}

	/// Puts nodes over the hashes that are there.
	fn close(&mut self) {
		let (whole, rest) = self.hashes.as_chunks::<{ FAN_OUT as usize }>();
		let nodes = self.map(whole, |hashes| merkle::root_of(hashes.to_vec()));
		self.hashes = rest.to_vec();
		self.done.extend(nodes);
	}

	/// What `make` makes of each item, in their order.
	fn map<T: Sync, R: Send + Sync>(&self, items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
		if let [item] = items {
			return vec![make(item)];
		}
		let made: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
		(self.side_by_side)(items.len(), &|number| {
			if let (Some(item), Some(made)) = (items.get(number), made.get(number)) {
				// Each number comes once, and if not, it makes the same.
				let _ = made.set(make(item));
			}
		});
		made.into_iter()
			.zip(items)
			.map(|(made, item)| made.into_inner().unwrap_or_else(|| make(item)))
			.collect()
	}

	/// Fills up with null leaves.
	pub(super) fn finish(mut self, tree: Tree) -> Vec<Hash> {
		self.hash_waiting();
		let null = merkle::leaf(NULL);
		let nulls = merkle::root_of(vec![null; FAN_OUT as usize]);
		let mut left = tree.leaves().saturating_sub(self.leaves) as usize;
		let open = (FAN_OUT as usize).saturating_sub(self.hashes.len());
		if !self.hashes.is_empty() {
			let more = left.min(open);
			self.hashes.extend(repeat_n(null, more));
			left = left.saturating_sub(more);
			self.close();
		}
		self.done.extend(repeat_n(nulls, left.div_euclid(FAN_OUT as usize)));
		self.hashes.extend(repeat_n(null, left.rem_euclid(FAN_OUT as usize)));
		if !self.hashes.is_empty() {
			self.done.push(merkle::root_of(self.hashes));
		}
		self.done
	}
}
