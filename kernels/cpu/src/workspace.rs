//! What a run holds: the rows of its inputs, the tensors between steps, and reused memory.

use crate::product::PackedColumns;
use assay_program::{Dim, Parameters, Sampling, TensorInfo};
use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The inputs of a step, or a part of its batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
	/// Number of the step.
	pub(crate) step: u32,
	/// Number of the first input in the job's batch.
	pub(crate) first: usize,
	/// Positions of each input in this step, padding included.
	pub(crate) sequence: usize,
	/// Positions of each input in earlier steps.
	pub(crate) past: usize,
	/// Where the rows of each input begin, and after the last one the number of all rows.
	pub(crate) starts: Vec<usize>,
	/// Number of positions of each input that are no padding.
	pub(crate) valid: Vec<usize>,
	/// Token id of each row.
	pub(crate) ids: Vec<i32>,
	/// Position in its input of each row.
	pub(crate) positions: Vec<u32>,
	/// Token id of the last position of each input.
	pub(crate) last_ids: Vec<i32>,
	/// That position.
	pub(crate) last_positions: Vec<u32>,
	/// How tokens are drawn, where they are.
	pub(crate) sampling: Option<Sampling>,
}

impl Layout {
	/// Lays out checked inputs of an encoder, with or without rows for padding.
	pub(crate) fn of_encoder(ids: &[i32], parameters: &Parameters, skips_padding: bool) -> Self {
		let sequence = parameters.sequence as usize;
		let mut layout = Self { sequence, starts: vec![0], ..Self::default() };
		layout.sampling.clone_from(&parameters.sampling);
		for ids in ids.chunks_exact(sequence.max(1)) {
			let valid = ids.iter().filter(|id| **id >= 0).count();
			layout.add(ids, valid, if skips_padding { valid } else { sequence });
		}
		layout
	}

	/// Lays out the ids of a decoder's step again: every row is there, whatever its id.
	pub(crate) fn relay(&mut self, ids: &[i32], sequence: usize, past: usize) {
		(self.sequence, self.past) = (sequence, past);
		self.starts.clear();
		self.starts.push(0);
		self.valid.clear();
		self.ids.clear();
		self.positions.clear();
		self.last_ids.clear();
		self.last_positions.clear();
		for ids in ids.chunks_exact(sequence.max(1)) {
			self.add(ids, sequence, sequence);
		}
	}

	fn add(&mut self, ids: &[i32], valid: usize, rows: usize) {
		self.ids.extend(&ids[..rows]);
		self.positions.extend((self.past..self.past + rows).map(|position| position as u32));
		self.last_ids.push(ids.last().copied().unwrap_or(-1));
		self.last_positions.push((self.past + ids.len().saturating_sub(1)) as u32);
		self.valid.push(valid);
		self.starts.push(self.ids.len());
	}

	/// Number of inputs.
	pub(crate) fn batch(&self) -> usize {
		self.valid.len()
	}

	/// The rows of input `entry`.
	pub(crate) fn rows_of(&self, entry: usize) -> core::ops::Range<usize> {
		self.starts[entry]..self.starts[entry + 1]
	}

	/// The product of dimensions; a row for each position that is laid out.
	pub(crate) fn count(&self, dims: &[Dim]) -> usize {
		match dims {
			[Dim::Batch, Dim::Sequence, rest @ ..] => self.ids.len() * self.count(rest),
			[first, rest @ ..] => self.size(*first) * self.count(rest),
			[] => 1,
		}
	}

	/// The product of dimensions, positions of padding included.
	pub(crate) fn elements(&self, dims: &[Dim]) -> usize {
		dims.iter().map(|dim| self.size(*dim)).product()
	}

	/// One dimension.
	pub(crate) fn size(&self, dim: Dim) -> usize {
		match dim {
			Dim::Fixed(size) => size as usize,
			Dim::Batch => self.batch(),
			Dim::Sequence => self.sequence,
			Dim::Context => self.past + self.sequence,
		}
	}
}

/// Elements of a tensor between steps.
#[derive(Debug, Default)]
pub(crate) enum Store {
	/// Not made yet, or not needed any more.
	#[default]
	Empty,
	/// Fixed point.
	Words(Block<i32>),
	/// Quantised.
	Halves(Block<i16>),
}

impl Store {
	/// Fixed-point elements; none where there are others.
	pub(crate) fn words(&self) -> &[i32] {
		match self {
			Self::Words(words) => words,
			_ => &[],
		}
	}

	/// Quantised elements; none where there are others.
	pub(crate) fn halves(&self) -> &[i16] {
		match self {
			Self::Halves(halves) => halves,
			_ => &[],
		}
	}
}

/// Memory for some elements, of any value until they are written.
#[derive(Debug, Default)]
pub(crate) struct Block<T> {
	/// At least `length` elements: a block that was larger before keeps its memory.
	elements: Vec<T>,
	length: usize,
}

impl<T> Deref for Block<T> {
	type Target = [T];

	fn deref(&self) -> &[T] {
		&self.elements[..self.length]
	}
}

impl<T> DerefMut for Block<T> {
	fn deref_mut(&mut self) -> &mut [T] {
		&mut self.elements[..self.length]
	}
}

/// Blocks of one type for reuse.
#[derive(Debug, Default)]
pub(crate) struct Spare<T>(Vec<Vec<T>>);

/// Most bytes of blocks of a type that wait for reuse.
const IDLE_BYTES: usize = 32 << 20;
/// A block is lent in place of one of half its length, and of any length up to this.
const SMALL_BLOCK: usize = 4096;

impl<T: Copy + Default> Spare<T> {
	/// A block of `length` elements of any value: the smallest that is long enough, else the
	/// longest of the shorter ones, made longer.
	///
	/// One that is far too long is not lent, or else a run could hold much more than its tensors.
	pub(crate) fn take(&mut self, length: usize) -> Block<T> {
		let fitting = length..=length.saturating_mul(2).max(SMALL_BLOCK);
		let lengths = || self.0.iter().map(Vec::len).enumerate();
		let smallest = lengths().filter(|(_, spare)| fitting.contains(spare)).min_by_key(|s| s.1);
		let shorter = || lengths().filter(|(_, spare)| *spare < length).max_by_key(|s| s.1);
		let found = smallest.or_else(shorter).map(|(number, _)| number);
		let mut elements = found.map(|number| self.0.swap_remove(number)).unwrap_or_default();
		if elements.is_empty() {
			elements = vec![T::default(); length];
		} else if elements.len() < length {
			elements.reserve_exact(length - elements.len());
			elements.resize(length, T::default());
		}
		Block { elements, length }
	}

	/// Keeps a block for later, if it is not too much.
	pub(crate) fn give(&mut self, block: Block<T>) {
		let idle: usize = self.0.iter().map(Vec::len).sum();
		let bytes = idle.saturating_add(block.elements.len()).saturating_mul(size_of::<T>());
		if !block.elements.is_empty() && bytes <= IDLE_BYTES {
			self.0.push(block.elements);
		}
	}
}

/// The tensors of one run.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
	/// By number.
	pub(crate) tensors: Vec<Store>,
	words: Spare<i32>,
	halves: Spare<i16>,
	/// Keys and values of some heads of some inputs.
	pub(crate) heads: Vec<Head>,
}

/// Keys and values of a head, packed for the two products of attention.
#[derive(Debug, Default)]
pub(crate) struct Head {
	pub(crate) keys: PackedColumns,
	pub(crate) values: PackedColumns,
	pub(crate) key_factors: Vec<i64>,
	pub(crate) narrow_key_factors: Vec<i32>,
	pub(crate) largest_key_factor: i64,
	pub(crate) value_max: Vec<i32>,
}

impl Head {
	/// Begins with no keys, and memory for `capacity` of them.
	pub(crate) fn begin(&mut self, depth: usize, value_depth: usize, capacity: usize) {
		self.keys.begin_rows(depth, capacity);
		self.values.begin_transposed(value_depth, capacity);
		self.key_factors.clear();
		self.narrow_key_factors.clear();
		self.largest_key_factor = 0;
		self.value_max.clear();
	}

	/// Adds the scales of some keys.
	pub(crate) fn add_key_factors(&mut self, factors: impl Iterator<Item = i64>) {
		for factor in factors {
			// Where one is too large, there are none for that key and all later ones.
			let narrow = i32::try_from(factor).ok();
			if self.narrow_key_factors.len() == self.key_factors.len() {
				self.narrow_key_factors.extend(narrow);
			}
			self.key_factors.push(factor);
			self.largest_key_factor = self.largest_key_factor.max(factor);
		}
	}

	/// Bytes that it takes for a number of keys.
	pub(crate) fn bytes_of(keys: usize, depth: usize, value_depth: usize) -> usize {
		let columns = PackedColumns::bytes_of(keys, depth)
			.saturating_add(PackedColumns::bytes_of(value_depth, keys));
		// Beside each key a factor in two widths and a maximum.
		let each = size_of::<i64>() + 2 * size_of::<i32>();
		columns.saturating_add(keys.saturating_mul(each)).saturating_add(size_of::<Self>())
	}
}

impl Workspace {
	/// Readies it for a program of `count` tensors.
	pub(crate) fn reset(&mut self, count: usize) {
		for tensor in 0..self.tensors.len() {
			self.release(tensor);
		}
		self.tensors.resize_with(count, Store::default);
	}

	/// Memory for a tensor of `length` elements.
	pub(crate) fn make(&mut self, info: &TensorInfo, length: usize) -> Store {
		match info.kind.element_bytes() {
			2 => Store::Halves(self.halves.take(length)),
			_ => Store::Words(self.words.take(length)),
		}
	}

	/// Takes the memory of a tensor back.
	pub(crate) fn release(&mut self, tensor: usize) {
		if let Some(store) = self.tensors.get_mut(tensor).map(core::mem::take) {
			self.give(store);
		}
	}

	/// Keeps memory for later.
	pub(crate) fn give(&mut self, store: Store) {
		match store {
			Store::Words(words) => self.words.give(words),
			Store::Halves(halves) => self.halves.give(halves),
			Store::Empty => {},
		}
	}

	/// A tensor.
	pub(crate) fn tensor(&self, number: usize) -> &Store {
		self.tensors.get(number).unwrap_or(&Store::Empty)
	}
}

/// What one thread needs while it takes rows through a step.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
	pub(crate) words: Spare<i32>,
	pub(crate) halves: Spare<i16>,
	pub(crate) panels: PackedColumns,
	pub(crate) factors: Vec<i64>,
	pub(crate) sums: Vec<i64>,
}

/// A bounded store of things for reuse between threads and runs.
#[derive(Debug)]
pub(crate) struct Pool<T> {
	kept: Mutex<Vec<T>>,
	bound: usize,
}

impl<T: Default> Pool<T> {
	/// Keeps at most `bound` things.
	pub(crate) fn new(bound: usize) -> Self {
		Self { kept: Mutex::new(Vec::new()), bound }
	}

	/// Lends one while `with` runs.
	///
	/// It is not bound to a thread, because any thread may ask for a run. One that a panic leaves
	/// half used is not kept.
	pub(crate) fn lend<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
		let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		let mut lent = kept().pop().unwrap_or_default();
		let result = with(&mut lent);
		let mut kept = kept();
		if kept.len() < self.bound {
			kept.push(lent);
		}
		result
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn blocks_are_used_again_where_they_fit() {
		let mut spare = Spare::<i32>::default();
		let block = spare.take(100_000);
		let address = block.as_ptr();
		spare.give(block);
		let block = spare.take(60_000);
		assert_eq!((block.as_ptr(), block.len()), (address, 60_000));
		spare.give(block);
		// The longest shorter one is made longer.
		let block = spare.take(150_000);
		assert_eq!(block.len(), 150_000);
		assert!(spare.0.is_empty());
	}

	#[test]
	fn a_small_tensor_does_not_hold_a_large_block() {
		let mut spare = Spare::<i32>::default();
		let large = spare.take(1 << 20);
		spare.give(large);
		let small = spare.take(10);
		assert!(small.elements.len() <= SMALL_BLOCK, "{}", small.elements.len());
	}

	#[test]
	fn what_waits_for_reuse_is_bounded() {
		let mut spare = Spare::<i32>::default();
		let blocks: Vec<_> = (0..10).map(|_| spare.take(1 << 21)).collect();
		blocks.into_iter().for_each(|block| spare.give(block));
		let idle: usize = spare.0.iter().map(Vec::len).sum();
		assert_eq!(idle * size_of::<i32>(), IDLE_BYTES);
	}
}
