//! One element with its surroundings, and where its operands are.

use super::Partial;
use crate::{layout::Rows, Layout};
use assay_program::{
	limits::{POSITION_BLOCK, ROW_BLOCK},
	Kind, Operator, StepShape, TensorId, WeightId,
};
use core::ops::Range;

/// One element of an operator's tensor in a step.
#[derive(Clone, Copy)]
pub(super) struct Cell<'c, 'l> {
	pub(super) layout: &'c Layout<'l>,
	pub(super) step: u32,
	pub(super) shape: StepShape,
	pub(super) number: u32,
	pub(super) operator: &'l Operator,
	/// The row it is in, and its place there.
	pub(super) row: u64,
	pub(super) column: u64,
}

/// A position of attention: batch entry, head, query position within the step.
#[derive(Clone, Copy)]
pub(super) struct Query {
	pub(super) entry: u64,
	pub(super) head: u64,
	pub(super) position: u64,
}

impl<'c, 'l> Cell<'c, 'l> {
	pub(super) fn new(
		layout: &'c Layout<'l>,
		step: u32,
		operator: u32,
		element: u64,
	) -> Option<Self> {
		let Rows { width, .. } = layout.rows(step, operator)?;
		Some(Self {
			layout,
			step,
			shape: layout.shape(step)?,
			number: operator,
			operator: (operator < layout.operators()).then(|| layout.operator(operator))??,
			row: element.checked_div(width)?,
			column: element.checked_rem(width)?,
		})
	}

	/// Size of a dimension of a tensor in this step.
	pub(super) fn size(&self, tensor: TensorId, dim: usize) -> Option<u64> {
		let dim = self.layout.tensor(tensor.0.into())?.dims.get(dim)?;
		Some(dim.size(self.shape).into())
	}

	/// The last dimension of a tensor in this step.
	pub(super) fn width(&self, tensor: TensorId) -> Option<u64> {
		Some(self.layout.rows(self.step, tensor.0.into())?.width)
	}

	pub(super) fn fraction(&self, tensor: TensorId) -> Option<u8> {
		self.layout.tensor(tensor.0.into())?.kind.fraction()
	}

	pub(super) fn bits(&self, tensor: TensorId) -> Option<u8> {
		match self.layout.tensor(tensor.0.into())?.kind {
			Kind::Quantised { bits } => Some(bits),
			_ => None,
		}
	}

	/// The dimensions of a tensor of weights.
	pub(super) fn weight_dims(&self, id: WeightId) -> Option<&'l [u32]> {
		Some(&self.layout.program().weights.get(usize::from(id.0))?.dims)
	}

	pub(super) fn sequence(&self) -> u64 {
		self.shape.sequence.into()
	}

	/// Batch entry and position of a row of `[B, S, K]`.
	pub(super) fn place(&self, row: u64) -> Option<(u64, u64)> {
		Some((row.checked_div(self.sequence())?, row.checked_rem(self.sequence())?))
	}

	/// Row `row` of an attention tensor `[B, heads, S, T]`.
	pub(super) fn query(&self, row: u64, heads: u64) -> Option<Query> {
		let (part, position) = self.place(row)?;
		Some(Query { entry: part.checked_div(heads)?, head: part.checked_rem(heads)?, position })
	}

	/// Step and row where a held tensor keeps position `position` of a batch entry.
	pub(super) fn held(&self, entry: u64, position: u64) -> Option<(u32, u64)> {
		let prompt = u64::from(self.layout.parameters().sequence);
		match position.checked_sub(prompt) {
			None => Some((0, entry.checked_mul(prompt)?.checked_add(position)?)),
			Some(later) => Some((u32::try_from(later.checked_add(1)?).ok()?, entry)),
		}
	}

	/// Length of the element's reduction and of its blocks, where it reduces.
	pub(super) fn reduction(&self) -> Option<(u64, u64)> {
		let row = |tensor: &TensorId| Some((self.width(*tensor)?, ROW_BLOCK));
		match self.operator {
			Operator::RowMax { value, groups } => {
				Some((self.width(*value)?.checked_div((*groups).into())?, ROW_BLOCK))
			},
			Operator::Scores { query, query_max, .. } => {
				Some((self.width(*query)?.checked_div(self.width(*query_max)?)?, ROW_BLOCK))
			},
			Operator::Linear { input: row_of, .. }
			| Operator::SoftmaxMax { scores: row_of, .. }
			| Operator::SoftmaxSum { exponentials: row_of }
			| Operator::Mean { value: row_of }
			| Operator::Deviation { value: row_of, .. }
			| Operator::L2Norm { value: row_of }
			| Operator::RootMeanSquare { value: row_of, .. }
			| Operator::ArgMax { value: row_of }
			| Operator::Tally { weights: row_of, .. } => row(row_of),
			Operator::Context { .. } => Some((self.shape.context().into(), POSITION_BLOCK)),
			Operator::MeanPool { .. } => Some((self.sequence(), POSITION_BLOCK)),
			// Validation proved that these have one block.
			Operator::Convolution { weights, .. } => {
				let [_, taps, columns] = *self.weight_dims(*weights)? else { return None };
				Some((u64::from(taps).checked_mul(columns.into())?, ROW_BLOCK))
			},
			Operator::Depthwise { weights, .. } => {
				Some((u64::from(*self.weight_dims(*weights)?.first()?), ROW_BLOCK))
			},
			_ => None,
		}
	}

	/// Blocks of the reduction, 1 where there is none.
	pub(super) fn blocks(&self) -> u32 {
		let blocks = self.reduction().map_or(1, |(length, block)| length.div_ceil(block).max(1));
		u32::try_from(blocks).unwrap_or(u32::MAX)
	}

	/// What block `block` is over.
	pub(super) fn block(&self, block: u32) -> Option<Range<u64>> {
		let (length, size) = self.reduction()?;
		let start = u64::from(block).checked_mul(size)?;
		Some(start..start.checked_add(size)?.min(length))
	}

	/// Folds partials together; `None` where they are not of this reduction's form or their sum
	/// leaves int64.
	pub(super) fn combine(&self, partials: &[Partial]) -> Option<Partial> {
		let (first, rest) = partials.split_first()?;
		let counted = matches!(self.operator, Operator::MeanPool { .. } | Operator::ArgMax { .. });
		if !counted && partials.iter().any(|partial| partial.count != 0) {
			return None;
		}
		rest.iter().try_fold(*first, |folded, next| match self.operator {
			Operator::RowMax { .. } | Operator::SoftmaxMax { .. } => {
				Some(Partial { value: folded.value.max(next.value), count: 0 })
			},
			// The lowest index of the largest.
			Operator::ArgMax { .. } if next.value > folded.value => Some(*next),
			Operator::ArgMax { .. } => Some(folded),
			_ => Some(Partial {
				value: folded.value.checked_add(next.value)?,
				count: folded.count.checked_add(next.count)?,
			}),
		})
	}
}
