//! Putting a program and its weights blob together.

use crate::{quantise::Rows, ImportError};
use assay_program::{
	quantised_limit, Limits, Operator, Program, TensorId, WeightId, WeightKind, WeightShape,
	SEGMENT, SEMANTICS_DRAFT,
};

/// Bits of activations wherever a product takes them.
pub(crate) const BITS: u8 = 12;
/// Fraction bits of values between operators, unless stated otherwise.
pub(crate) const FRACTION: u8 = 16;

/// A program in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
	operators: Vec<Operator>,
	shapes: Vec<WeightShape>,
	blob: Vec<u8>,
}

/// A quantised tensor with the maxima it was quantised against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantised {
	pub(crate) values: TensorId,
	pub(crate) max: TensorId,
}

impl Builder {
	/// Appends an operator.
	pub(crate) fn push(&mut self, operator: Operator) -> TensorId {
		let id = TensorId(self.operators.len() as u16);
		self.operators.push(operator);
		id
	}

	/// Appends a vector of int32 to the weights.
	pub(crate) fn int32(&mut self, values: &[i32]) -> WeightId {
		let bytes = values.iter().flat_map(|value| value.to_le_bytes());
		self.weight(WeightKind::Int32, vec![values.len() as u32], bytes)
	}

	/// Appends a matrix of int32 to the weights.
	pub(crate) fn int32_rows(&mut self, values: &[i32], columns: usize) -> WeightId {
		let bytes = values.iter().flat_map(|value| value.to_le_bytes());
		let rows = values.len() / columns.max(1);
		self.weight(WeightKind::Int32, vec![rows as u32, columns as u32], bytes)
	}

	/// Appends int8 of these dimensions to the weights.
	pub(crate) fn int8(&mut self, dims: Vec<u32>, values: &[i8]) -> WeightId {
		self.weight(WeightKind::Int8, dims, values.iter().map(|value| *value as u8))
	}

	/// Bytes of the weights so far.
	pub(crate) fn weights_length(&self) -> usize {
		self.blob.len()
	}

	/// Appends a matrix of int8 and its multipliers to the weights.
	pub(crate) fn rows(&mut self, rows: &Rows) -> (WeightId, WeightId) {
		let dims = vec![rows.rows as u32, rows.columns as u32];
		let table = self.int8(dims, &rows.values);
		(table, self.int32(&rows.multipliers))
	}

	fn weight(
		&mut self,
		kind: WeightKind,
		dims: Vec<u32>,
		bytes: impl Iterator<Item = u8>,
	) -> WeightId {
		let id = WeightId(self.shapes.len() as u16);
		self.shapes.push(WeightShape { kind, dims });
		self.blob.resize(self.blob.len().next_multiple_of(SEGMENT), 0);
		self.blob.extend(bytes);
		id
	}

	/// Maxima of `groups` parts of each row, and the rows quantised against them.
	pub(crate) fn quantise(&mut self, value: TensorId, groups: u32) -> Quantised {
		let max = self.push(Operator::RowMax { value, groups });
		let values = self.push(Operator::Quantise { value, max, bits: BITS });
		Quantised { values, max }
	}

	/// A product with weights of its own, plus a bias of [`FRACTION`] bits.
	pub(crate) fn linear(&mut self, input: Quantised, rows: &Rows, bias: &[i32]) -> TensorId {
		let (weights, scales) = self.rows(rows);
		let bias = Some(self.int32(bias));
		self.push(Operator::Linear {
			input: input.values,
			max: input.max,
			weights,
			scales,
			bias,
			shift: first_shift(rows),
			fraction: FRACTION,
		})
	}

	/// A product with rows that are among the weights already, under `ids`, without a bias.
	pub(crate) fn product(
		&mut self,
		input: Quantised,
		rows: &Rows,
		(weights, scales): (WeightId, WeightId),
		fraction: u8,
	) -> TensorId {
		self.push(Operator::Linear {
			input: input.values,
			max: input.max,
			weights,
			scales,
			bias: None,
			shift: first_shift(rows),
			fraction,
		})
	}

	/// Sum of two tensors.
	pub(crate) fn add(&mut self, left: TensorId, right: TensorId) -> TensorId {
		self.push(Operator::Add { left, right })
	}

	/// The program and its weights.
	pub(crate) fn finish(self, limits: Limits) -> Result<(Program, Vec<u8>), ImportError> {
		let program = Program {
			semantics: SEMANTICS_DRAFT,
			limits,
			weights: self.shapes,
			operators: self.operators,
		};
		program.validate()?;
		Ok((program, self.blob))
	}
}

/// The smallest first shift of a linear operator that no input can saturate.
fn first_shift(rows: &Rows) -> u8 {
	let limit = quantised_limit(BITS) as u128;
	let largest = rows
		.values
		.chunks_exact(rows.columns)
		.zip(&rows.multipliers)
		.map(|(row, multiplier)| {
			let sum: u128 = row.iter().map(|value| u128::from(value.unsigned_abs())).sum();
			limit * u128::from(multiplier.unsigned_abs()) * sum
		})
		.max()
		.unwrap_or(0);
	(1..40).find(|shift| largest < 1 << (31 + shift)).unwrap_or(40)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn first_shift_is_the_smallest_that_cannot_saturate() {
		let rows = |multiplier| Rows {
			rows: 1,
			columns: 2,
			values: vec![127, -127],
			multipliers: vec![multiplier],
		};
		// 2047 * 254 * 4129 = 2146855802 < 2^31, one more multiplier step goes past it.
		assert_eq!(first_shift(&rows(1)), 1);
		let bound = |multiplier: i64, shift: u8| 2047 * 254 * multiplier < 1 << (31 + shift);
		for multiplier in [1, 4129, 8260, 8261, 1 << 20, i32::MAX] {
			let shift = first_shift(&rows(multiplier));
			assert!(bound(multiplier.into(), shift));
			assert!(shift == 1 || !bound(multiplier.into(), shift - 1));
		}
	}

	#[test]
	fn weights_begin_at_segments() {
		let mut builder = Builder::default();
		builder.int32(&[1, 2, 3]);
		builder.int32(&[4]);
		assert_eq!(builder.blob.len(), SEGMENT + 4);
		assert_eq!(builder.blob[SEGMENT], 4);
	}
}
