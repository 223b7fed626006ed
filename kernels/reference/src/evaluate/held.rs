//! Rows of keys, values and their maxima, of every step so far.

use super::Data;
use alloc::vec::Vec;
use assay_program::Parameters;
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
	/// No rows yet, and room for those of the whole job, where `data` are the rows of its first
	/// step.
	pub(crate) fn new(data: &Data, parameters: &Parameters) -> Option<Self> {
		match data {
			Data::Int32(data) => Some(Self::Int32(room(data.len(), parameters))),
			Data::Int16(data) => Some(Self::Int16(room(data.len(), parameters))),
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

/// An empty list for each input, of which the first step fills `elements` together.
fn room<T>(elements: usize, parameters: &Parameters) -> Vec<Vec<T>> {
	let Parameters { batch, sequence, max_steps, .. } = parameters;
	let rows = (*batch as usize).saturating_mul(*sequence as usize);
	let width = elements.checked_div(rows).unwrap_or(0);
	// The last token chosen is never an input.
	let positions = sequence.saturating_add(max_steps.saturating_sub(1)) as usize;
	let list = || Vec::with_capacity(width.saturating_mul(positions));
	repeat_with(list).take(*batch as usize).collect()
}

fn append<T: Copy>(entries: &mut [Vec<T>], data: &[T]) -> Option<()> {
	let each = data.len().checked_div(entries.len())?.max(1);
	for (entry, rows) in entries.iter_mut().zip(data.chunks_exact(each)) {
		entry.extend_from_slice(rows);
	}
	Some(())
}
