//! The number of leaves of any job of a program, without the program.

use crate::{
	bounds::{check_opened, Opened},
	layout::ceilings,
	LayoutError, MAX_LEAVES,
};
use assay_program::{limits::MAX_BATCH, Dim, Parameters, Program, TensorInfo, SEGMENT};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Leaves by how they grow along their row: those of rows with a fixed number of segments, and of
/// rows over positions, of 4-byte and of 2-byte elements.
type Columns = [u64; 3];

/// What a chain keeps beside a program so that it can refuse a job whose trace would have more
/// than [`MAX_LEAVES`] leaves, and could never be disputed.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct LeafForm {
	/// Of the first step: constant, per batch, per position.
	first: [Columns; 3],
	/// Of each later step, which has one position: constant, per batch.
	later: [Columns; 2],
}

impl LeafForm {
	/// The form of a program that validates and of which every element can be opened, so that any
	/// job that the form allows can be disputed.
	pub fn of(program: &Program) -> Result<Self, LayoutError> {
		let tensors = program.tensors()?;
		check_opened(program, &tensors, Opened::MOST)?;
		Self::count(&tensors)
	}

	/// The form of a program with these tensors.
	pub(crate) fn count(tensors: &[TensorInfo]) -> Result<Self, LayoutError> {
		let mut form = Self::default();
		let body = tensors.len().saturating_sub(1);
		for (operator, tensor) in (0u32..).zip(tensors.iter().take(body)) {
			let unknown = LayoutError::Dimensions { operator };
			let (last, leading) = tensor.dims.split_last().ok_or(unknown)?;
			let (mut rows, mut batches, mut positions) = (1u64, 0usize, 0usize);
			for dim in leading {
				match dim {
					Dim::Fixed(size) => rows = rows.saturating_mul(u64::from(*size)),
					Dim::Batch => batches = batches.saturating_add(1),
					Dim::Sequence => positions = positions.saturating_add(1),
					Dim::Context => return Err(unknown),
				}
			}
			let size = tensor.kind.element_bytes();
			let (column, segments) = match (last, size) {
				(Dim::Fixed(width), _) => {
					let bytes = u64::from(*width).saturating_mul(size.into());
					(0, bytes.div_ceil(SEGMENT as u64))
				},
				// The largest batch is one segment.
				(Dim::Batch, _) => (0, 1),
				(Dim::Sequence | Dim::Context, 4) => (1, 1),
				(Dim::Sequence | Dim::Context, 2) => (2, 1),
				(Dim::Sequence | Dim::Context, _) => return Err(unknown),
			};
			// In a later step a sequence is one position long.
			let later_column = if *last == Dim::Sequence { 0 } else { column };
			let leaves = rows.saturating_mul(segments);
			add(&mut form.first, batches.saturating_add(positions), column, leaves)
				.ok_or(unknown)?;
			add(&mut form.later, batches, later_column, leaves).ok_or(unknown)?;
		}
		Ok(form)
	}

	/// Leaves of a job, saturating.
	pub fn leaves(&self, parameters: &Parameters) -> u64 {
		let Parameters { batch, sequence, max_steps, .. } = *parameters;
		let (batch, sequence) = (u64::from(batch), u64::from(sequence));
		let steps = u64::from(max_steps.saturating_sub(1));
		let columns = [1, sequence.div_ceil(WORDS), sequence.div_ceil(HALVES)];
		let first = weighted(&self.first, &[1, batch, batch.saturating_mul(sequence)], columns);

		let last = sequence.saturating_add(steps);
		let contexts = |size| ceilings(last, size).saturating_sub(ceilings(sequence, size));
		let columns = [steps, contexts(WORDS), contexts(HALVES)];
		first.saturating_add(weighted(&self.later, &[1, batch], columns))
	}

	/// Whether a job's trace can be disputed.
	pub fn check(&self, parameters: &Parameters) -> Result<(), LayoutError> {
		let leaves = self.leaves(parameters);
		match (1..=u64::from(MAX_LEAVES)).contains(&leaves) {
			true => Ok(()),
			false => Err(LayoutError::Leaves { leaves }),
		}
	}
}

/// Elements of 4 and of 2 bytes in a segment.
const WORDS: u64 = SEGMENT as u64 / 4;
const HALVES: u64 = SEGMENT as u64 / 2;
const _: () = assert!(MAX_BATCH as u64 <= WORDS, "a row over the batch is one segment");

fn add(table: &mut [Columns], row: usize, column: usize, leaves: u64) -> Option<()> {
	let cell = table.get_mut(row)?.get_mut(column)?;
	*cell = cell.saturating_add(leaves);
	Some(())
}

fn weighted(table: &[Columns], rows: &[u64], columns: Columns) -> u64 {
	table.iter().zip(rows).fold(0, |sum, (coefficients, rows)| {
		let row = coefficients.iter().zip(columns).fold(0u64, |sum, (coefficient, column)| {
			sum.saturating_add(coefficient.saturating_mul(column))
		});
		sum.saturating_add(row.saturating_mul(*rows))
	})
}
