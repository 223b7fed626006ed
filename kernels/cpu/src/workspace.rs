//! What a run holds: the rows of its inputs, the tensors between steps, and reused memory.

use crate::product::PackedColumns;
use assay_program::{Dim, TensorInfo};
use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The inputs of a run, or a part of its batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
	/// Positions of each input by the parameters, padding included.
	pub(crate) sequence: usize,
	/// Where the rows of each input begin, and after the last one the number of all rows.
	pub(crate) starts: Vec<usize>,
	/// Number of positions of each input that are no padding.
	pub(crate) valid: Vec<usize>,
	/// Token id of each row.
	pub(crate) ids: Vec<i32>,
	/// Position in its input of each row.
	pub(crate) positions: Vec<u32>,
}

impl Layout {
	/// Lays out checked inputs, little-endian ids, with or without rows for padding.
	pub(crate) fn new(inputs: &[u8], sequence: usize, skips_padding: bool) -> Self {
		let mut layout = Self { sequence, starts: vec![0], ..Self::default() };
		let (words, _) = inputs.as_chunks::<4>();
		for input in words.chunks_exact(sequence.max(1)) {
			let ids = input.iter().map(|word| i32::from_le_bytes(*word));
			let valid = ids.clone().filter(|id| *id >= 0).count();
			let rows = if skips_padding { valid } else { sequence };
			layout.ids.extend(ids.take(rows));
			layout.positions.extend((0..rows).map(|position| position as u32));
			layout.valid.push(valid);
			layout.starts.push(layout.ids.len());
		}
		layout
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

	/// One dimension.
	pub(crate) fn size(&self, dim: Dim) -> usize {
		match dim {
			Dim::Fixed(size) => size as usize,
			Dim::Batch => self.batch(),
			Dim::Sequence => self.sequence,
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

impl<T: Copy + Default> Spare<T> {
	/// A block of `length` elements of any value: the smallest that is long enough, else the
	/// longest one, made longer.
	pub(crate) fn take(&mut self, length: usize) -> Block<T> {
		let fits = |vector: &&mut Vec<T>| vector.len() >= length;
		let spare = match self.0.iter_mut().filter(fits).min_by_key(|vector| vector.len()) {
			Some(smallest) => Some(smallest),
			None => self.0.iter_mut().max_by_key(|vector| vector.len()),
		};
		let mut elements = spare.map(core::mem::take).unwrap_or_default();
		self.0.retain(|vector| !vector.is_empty());
		if elements.len() < length {
			elements.resize(length, T::default());
		}
		Block { elements, length }
	}

	/// Keeps a block for later.
	pub(crate) fn give(&mut self, block: Block<T>) {
		self.0.push(block.elements);
	}
}

/// The tensors of one run.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
	/// By number.
	pub(crate) tensors: Vec<Store>,
	words: Spare<i32>,
	halves: Spare<i16>,
	/// Keys and values of each head of each input.
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
		match self.tensors.get_mut(tensor).map(core::mem::take) {
			Some(Store::Words(words)) => self.words.give(words),
			Some(Store::Halves(halves)) => self.halves.give(halves),
			Some(Store::Empty) | None => {},
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
	/// It is not bound to the thread, because a thread that waits for others may take up another
	/// part of the work in between. One that a panic leaves half used is not kept.
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
