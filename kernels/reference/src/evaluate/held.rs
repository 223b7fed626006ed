//! Rows of keys, values and their maxima, of every step so far.

use super::Data;
use alloc::vec::Vec;
use core::iter::repeat_with;

/// The rows of one tensor, for each input of the batch.
#[derive(Clone, Debug)]
pub(crate) enum Held {
	/// Maxima.
	Int32(Vec<Vec<i32>>),
	/// Quantised rows.
	Int16(Vec<Vec<i16>>),
}

impl Held {
	/// Nothing, for a tensor such as `data`.
	pub(crate) fn new(data: &Data, batch: usize) -> Option<Self> {
		match data {
			Data::Int32(_) => Some(Self::Int32(repeat_with(Vec::new).take(batch).collect())),
			Data::Int16(_) => Some(Self::Int16(repeat_with(Vec::new).take(batch).collect())),
			// No operator reads earlier rows of these.
			Data::Int8(_) => None,
		}
	}

	/// Adds the rows of a step.
	pub(crate) fn append(&mut self, data: &Data) -> Option<()> {
		match (self, data) {
			(Self::Int32(entries), Data::Int32(data)) => append(entries, data),
			(Self::Int16(entries), Data::Int16(data)) => append(entries, data),
			_ => None,
		}
	}
}

fn append<T: Copy>(entries: &mut [Vec<T>], data: &[T]) -> Option<()> {
	let each = data.len().checked_div(entries.len())?.max(1);
	for (entry, rows) in entries.iter_mut().zip(data.chunks_exact(each)) {
		entry.extend_from_slice(rows);
	}
	Some(())
}
