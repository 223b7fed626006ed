//! The operators that reduce: one block of the reduction, and the step from partial to element.

use super::{cell::Cell, Partial};
use crate::{source::Reader, RefereeError};
use assay_program::{shifts, Mask, Operator, TensorId};
use assay_reference::element;
use core::ops::Range;

/// A partial that counts nothing.
pub(super) fn plain(value: i64) -> Partial {
	Partial { value, count: 0 }
}

/// A length as a divisor.
fn divisor(length: u64) -> i64 {
	i64::try_from(length).unwrap_or(i64::MAX)
}

/// Sum of products; a referee does not rely on bounds that validation proved.
fn products(left: &[i32], right: &[i32]) -> i64 {
	left.iter().zip(right).fold(0i64, |sum, (left, right)| {
		sum.saturating_add(i64::from(*left).saturating_mul(i64::from(*right)))
	})
}

impl Cell<'_, '_> {
	/// The partial of a block.
	pub(super) fn fold(&self, reader: &mut Reader<'_, '_>, block: Range<u64>) -> Option<Partial> {
		match self.operator {
			Operator::RowMax { value, groups } => self.fold_row_max(reader, *value, *groups, block),
			Operator::Linear { .. } => self.fold_linear(reader, block),
			Operator::Scores { .. } => self.fold_scores(reader, block),
			Operator::SoftmaxMax { scores, mask } => {
				self.fold_softmax_max(reader, *scores, *mask, block)
			},
			Operator::SoftmaxSum { exponentials } => {
				let run = reader.run(self.step, *exponentials, self.element(), block)?;
				Some(plain(run.iter().fold(0, |sum, x| element::softmax_sum_fold(sum, *x))))
			},
			Operator::Context { .. } => self.fold_context(reader, block),
			Operator::Mean { value } => {
				let run = reader.run(self.step, *value, self.row, block)?;
				Some(plain(run.iter().fold(0, |sum, x| element::mean_fold(sum, *x))))
			},
			Operator::Deviation { value, mean, .. } => {
				let run = reader.run(self.step, *value, self.row, block);
				let mean = reader.element(self.step, *mean, self.row, 0);
				let (run, mean) = (run?, mean?);
				let fold = |sum, x: &i32| element::deviation_fold(sum, *x, mean);
				Some(plain(run.iter().fold(0, fold)))
			},
			Operator::L2Norm { value } => {
				let run = reader.run(self.step, *value, self.row, block)?;
				Some(plain(run.iter().fold(0, |sum, x| element::l2_norm_fold(sum, *x))))
			},
			Operator::RootMeanSquare { value, shift, .. } => {
				let run = reader.run(self.step, *value, self.row, block)?;
				let fold =
					|sum, x: &i32| element::root_mean_square_fold(sum, *x, u32::from(*shift));
				Some(plain(run.iter().fold(0, fold)))
			},
			Operator::MeanPool { value, ids } => self.fold_mean_pool(reader, *value, *ids, block),
			Operator::ArgMax { value } => self.fold_arg_max(reader, *value, block),
			Operator::Tally { weights, cut, by } => {
				self.fold_tally(reader, *weights, *cut, *by, block)
			},
			// Their one block is the whole window.
			Operator::Convolution { .. } => self.fold_convolution(reader),
			Operator::Depthwise { .. } => self.fold_depthwise(reader),
			_ => None,
		}
	}

	/// Number of the element in its tensor, which numbers the rows of what it is reduced from.
	fn element(&self) -> u64 {
		self.flat().unwrap_or(u64::MAX)
	}

	fn fold_row_max(
		&self,
		reader: &mut Reader<'_, '_>,
		value: TensorId,
		groups: u32,
		block: Range<u64>,
	) -> Option<Partial> {
		let start = self.column.checked_mul(self.width(value)?.checked_div(groups.into())?)?;
		let columns = start.checked_add(block.start)?..start.checked_add(block.end)?;
		let run = reader.run(self.step, value, self.row, columns)?;
		Some(plain(run.iter().fold(0, |max, x| element::row_max_fold(max, *x))))
	}

	fn fold_linear(&self, reader: &mut Reader<'_, '_>, block: Range<u64>) -> Option<Partial> {
		let Operator::Linear { input, weights, .. } = self.operator else { return None };
		let start = self.column.checked_mul(self.width(*input)?)?;
		let columns = start.checked_add(block.start)?..start.checked_add(block.end)?;
		let run = reader.run(self.step, *input, self.row, block);
		let row = reader.weights(*weights, columns);
		Some(plain(products(&run?, &row?)))
	}

	fn fold_scores(&self, reader: &mut Reader<'_, '_>, block: Range<u64>) -> Option<Partial> {
		let Operator::Scores { query, query_max, key, key_max, .. } = self.operator else {
			return None;
		};
		let heads = self.width(*query_max)?;
		let at = self.query(self.row, heads)?;
		let depth = self.width(*query)?.checked_div(heads)?;
		let key_head = self.shared_head(at.head, heads, self.width(*key_max)?)?;
		let columns = |head: u64| -> Option<Range<u64>> {
			let start = head.checked_mul(depth)?;
			Some(start.checked_add(block.start)?..start.checked_add(block.end)?)
		};
		let row = at.entry.checked_mul(self.sequence())?.checked_add(at.position)?;
		let left = reader.run(self.step, *query, row, columns(at.head)?);
		let (step, row) = self.held(at.entry, self.column)?;
		let right = reader.run(step, *key, row, columns(key_head)?);
		Some(plain(products(&left?, &right?)))
	}

	fn fold_softmax_max(
		&self,
		reader: &mut Reader<'_, '_>,
		scores: TensorId,
		mask: Mask,
		block: Range<u64>,
	) -> Option<Partial> {
		let run = reader.run(self.step, scores, self.element(), block.clone());
		let valid = self.valid(reader, scores, self.element(), mask, block);
		let (run, valid) = (run?, valid?);
		let max = run.iter().zip(valid).fold(element::SOFTMAX_MAX_ZERO, |max, (score, valid)| {
			element::softmax_max_fold(max, *score, valid)
		});
		Some(plain(max.into()))
	}

	fn fold_context(&self, reader: &mut Reader<'_, '_>, block: Range<u64>) -> Option<Partial> {
		let Operator::Context { weight, value, groups, .. } = self.operator else { return None };
		let heads = self.size(*weight, 1)?;
		let depth = self.width(*value)?.checked_div((*groups).into())?;
		let (entry, position) = self.place(self.row)?;
		let (head, inside) = (self.column.checked_div(depth)?, self.column.checked_rem(depth)?);
		let value_head = self.shared_head(head, heads, (*groups).into())?;
		let column = value_head.checked_mul(depth)?.checked_add(inside)?;
		let row = self.attention_row(entry, heads, head, position)?;
		let weights = reader.run(self.step, *weight, row, block.clone());
		let mut values = Some(alloc::vec::Vec::new());
		for other in block {
			let (step, row) = self.held(entry, other)?;
			let next = reader.element(step, *value, row, column);
			values = values.zip(next).map(|(mut values, next)| {
				values.push(next);
				values
			});
		}
		Some(plain(products(&weights?, &values?)))
	}

	fn fold_mean_pool(
		&self,
		reader: &mut Reader<'_, '_>,
		value: TensorId,
		ids: TensorId,
		block: Range<u64>,
	) -> Option<Partial> {
		let entry = self.row;
		let ids = reader.run(self.step, ids, entry, block.clone());
		let first = entry.checked_mul(self.sequence())?;
		let mut values = Some(alloc::vec::Vec::new());
		for position in block {
			let next = reader.element(self.step, value, first.checked_add(position)?, self.column);
			values = values.zip(next).map(|(mut values, next)| {
				values.push(next);
				values
			});
		}
		let (ids, values) = (ids?, values?);
		let valid = ids.iter().zip(&values).filter(|(id, _)| **id >= 0);
		Some(valid.fold(Partial::default(), |partial, (_, value)| Partial {
			value: element::mean_fold(partial.value, *value),
			count: partial.count.saturating_add(1),
		}))
	}

	/// The element that a partial of everything gives. Reads what it needs before it looks at the
	/// partial.
	pub(super) fn finish(
		&self,
		reader: &mut Reader<'_, '_>,
		partial: Option<Partial>,
	) -> Option<i32> {
		match self.operator {
			Operator::Linear { .. } => self.finish_linear(reader, partial),
			Operator::Scores { .. } => self.finish_scores(reader, partial),
			Operator::Context { .. } => self.finish_context(reader, partial),
			Operator::Convolution { rescale, .. } | Operator::Depthwise { rescale, .. } => {
				self.finish_convolution(reader, rescale, partial)
			},
			_ => self.finish_alone(reader, partial?),
		}
	}

	/// The operators whose last step needs nothing but the partial.
	fn finish_alone(&self, reader: &mut Reader<'_, '_>, partial: Partial) -> Option<i32> {
		let Partial { value: sum, count } = partial;
		Some(match self.operator {
			Operator::RowMax { .. } => element::row_max_finish(sum),
			Operator::SoftmaxMax { .. } => return word(reader, sum),
			Operator::SoftmaxSum { .. } => element::softmax_sum_finish(sum),
			Operator::Mean { value } => element::mean_finish(sum, divisor(self.width(*value)?)),
			Operator::MeanPool { .. } => element::mean_finish(sum, count),
			Operator::Deviation { value, epsilon, fraction, .. } => {
				let guard = fraction.checked_sub(self.fraction(*value)?)?;
				let width = divisor(self.width(*value)?);
				element::deviation_finish(sum, width, *epsilon, guard.into())
			},
			Operator::L2Norm { .. } => element::l2_norm_finish(sum),
			Operator::RootMeanSquare { value, shift, epsilon, fraction } => {
				let exact = self.fraction(*value)?.checked_sub(*shift)?;
				let guard = fraction.checked_sub(exact)?;
				let width = divisor(self.width(*value)?);
				element::deviation_finish(sum, width, *epsilon, guard.into())
			},
			Operator::ArgMax { .. } => return word(reader, count),
			Operator::Tally { .. } => element::tally_finish(sum),
			_ => return None,
		})
	}

	fn finish_linear(&self, reader: &mut Reader<'_, '_>, partial: Option<Partial>) -> Option<i32> {
		let Operator::Linear { input, max, scales, bias, shift, fraction, .. } = self.operator
		else {
			return None;
		};
		let bits = self.bits(*input)?;
		let shifts = shifts::linear(bits, self.fraction(*max)?, *shift, *fraction)?;
		let max = reader.element(self.step, *max, self.row, 0);
		let scale = reader.weight(*scales, self.column);
		let bias = match bias {
			Some(bias) => reader.weight(*bias, self.column),
			None => Some(0),
		};
		let sum = word(reader, partial?.value)?;
		Some(element::linear_finish(sum, scale?, bias?, element::factor(max?, bits), shifts))
	}

	fn finish_scores(&self, reader: &mut Reader<'_, '_>, partial: Option<Partial>) -> Option<i32> {
		let Operator::Scores { query, query_max, key, key_max, shift, fraction } = self.operator
		else {
			return None;
		};
		let bits = (self.bits(*query)?, self.bits(*key)?);
		let fractions = (self.fraction(*query_max)?, self.fraction(*key_max)?);
		let shifts = shifts::scores(bits, fractions, *shift, *fraction)?;
		let heads = self.width(*query_max)?;
		let at = self.query(self.row, heads)?;
		let key_head = self.shared_head(at.head, heads, self.width(*key_max)?)?;
		let row = at.entry.checked_mul(self.sequence())?.checked_add(at.position)?;
		let left = reader.element(self.step, *query_max, row, at.head);
		let (step, row) = self.held(at.entry, self.column)?;
		let right = reader.element(step, *key_max, row, key_head);
		let sum = word(reader, partial?.value)?;
		let (left, right) = (element::factor(left?, bits.0), element::factor(right?, bits.1));
		Some(element::scores_finish(sum, left, right, shifts))
	}

	fn finish_context(&self, reader: &mut Reader<'_, '_>, partial: Option<Partial>) -> Option<i32> {
		let Operator::Context { weight, weight_max, value, groups, shift, fraction } =
			self.operator
		else {
			return None;
		};
		let bits = (self.bits(*weight)?, self.bits(*value)?);
		let shifts = shifts::context(bits, self.fraction(*weight_max)?, *shift, *fraction)?;
		let heads = self.size(*weight, 1)?;
		let depth = self.width(*value)?.checked_div((*groups).into())?;
		let (entry, position) = self.place(self.row)?;
		let row = self.attention_row(entry, heads, self.column.checked_div(depth)?, position)?;
		let max = reader.element(self.step, *weight_max, row, 0);
		let sum = partial?.value;
		let factor = element::context_factor(max?, bits.0, bits.1);
		Some(element::context_finish(sum, factor, shifts))
	}
}

/// A sum that validation proved to fit int32. One that does not was never disclosed by anybody
/// honest.
pub(super) fn word(reader: &mut Reader<'_, '_>, sum: i64) -> Option<i32> {
	match i32::try_from(sum) {
		Ok(sum) => Some(sum),
		Err(_) => reader.fail(RefereeError::Partials),
	}
}
