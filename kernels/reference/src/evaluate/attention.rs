//! Attention over all steps so far, and softmax over any rows.

use super::{dot, flat, row, Data, Held, Machine};
use crate::element;
use alloc::{vec, vec::Vec};
use assay_program::{limits::PRODUCT_BLOCK, shifts, Mask, Operator, TensorId};

/// A row of a softmax.
struct Scores<'a> {
	row: &'a [i32],
	/// The input of the batch that it is of.
	entry: usize,
	/// The position of its query in the step, where there is one.
	query: usize,
}

impl<'a> Machine<'a> {
	/// The rows of one input that all steps made so far.
	fn so_far<T>(
		&self,
		id: TensorId,
		entry: usize,
		of_step: impl Fn(&'a Data) -> Option<&'a [T]>,
		of_all: impl Fn(&'a Held) -> Option<&'a [Vec<T>]>,
	) -> Option<&'a [T]> {
		match self.held.get(usize::from(id.0)).and_then(Option::as_ref) {
			Some(held) => of_all(held)?.get(entry).map(Vec::as_slice),
			// An encoder's only step.
			None => {
				let data = of_step(self.value(id)?)?;
				row(data, entry, data.len().checked_div(self.batch())?)
			},
		}
	}

	fn quantised_so_far(&self, id: TensorId, entry: usize) -> Option<&'a [i16]> {
		let of_step = |data: &'a Data| match data {
			Data::Int16(data) => Some(data.as_slice()),
			Data::Int32(_) | Data::Int8(_) => None,
		};
		let of_all = |held: &'a Held| match held {
			Held::Int16(entries) => Some(entries.as_slice()),
			Held::Int32(_) => None,
		};
		self.so_far(id, entry, of_step, of_all)
	}

	fn fixed_so_far(&self, id: TensorId, entry: usize) -> Option<&'a [i32]> {
		let of_step = |data: &'a Data| match data {
			Data::Int32(data) => Some(data.as_slice()),
			Data::Int16(_) | Data::Int8(_) => None,
		};
		let of_all = |held: &'a Held| match held {
			Held::Int32(entries) => Some(entries.as_slice()),
			Held::Int16(_) => None,
		};
		self.so_far(id, entry, of_step, of_all)
	}

	pub(super) fn scores(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Scores { query, query_max, key, key_max, shift, fraction } = operator else {
			return None;
		};
		let bits = (self.bits(*query)?, self.bits(*key)?);
		let fractions = (self.fraction(*query_max)?, self.fraction(*key_max)?);
		let shifts = shifts::scores(bits, fractions, *shift, *fraction)?;
		let (heads, key_heads) = (self.width(*query_max)?, self.width(*key_max)?);
		let depth = self.width(*query)?.checked_div(heads)?;
		let each = heads.checked_div(key_heads)?;
		let (queries, query_max) = (self.quantised(*query)?, self.fixed(*query_max)?);
		let mut out = Vec::new();
		for entry in 0..self.batch() {
			let keys = self.quantised_so_far(*key, entry)?;
			let key_factors: Vec<i64> = self
				.fixed_so_far(*key_max, entry)?
				.iter()
				.map(|max| element::factor(*max, bits.1))
				.collect();
			for head in 0..heads {
				let key_head = head.checked_div(each)?;
				for place in 0..self.sequence() {
					// A head of a position is one part of a row, for elements and maxima alike.
					let at = flat(flat(entry, self.sequence(), place), heads, head);
					let query = row(queries, at, depth)?;
					let query_factor = element::factor(*query_max.get(at)?, bits.0);
					for other in 0..self.context() {
						let at = flat(other, key_heads, key_head);
						let products = dot(query, row(keys, at, depth)?);
						let key_factor = *key_factors.get(at)?;
						out.push(element::scores_finish(
							products,
							query_factor,
							key_factor,
							shifts,
						));
					}
				}
			}
		}
		Some(out)
	}

	/// Rows along the last dimension. Those of attention are numbered by input, head and query.
	fn softmax_rows(&self, id: TensorId) -> Option<impl Iterator<Item = Scores<'a>>> {
		let (width, data) = (self.width(id)?, self.fixed(id)?);
		let sequence = self.sequence().max(1);
		let rows_per_entry = data.len().checked_div(width)?.checked_div(self.batch())?.max(1);
		let rows = data.chunks_exact(width).enumerate();
		Some(rows.map(move |(number, row)| Scores {
			row,
			entry: number.div_euclid(rows_per_entry),
			query: number.rem_euclid(sequence),
		}))
	}

	/// Whether a mask leaves an element of a row.
	fn is_valid(&self, mask: Mask, scores: &Scores<'_>, position: usize) -> Option<bool> {
		match mask {
			Mask::None => Some(true),
			Mask::Padding { ids } => {
				Some(*self.fixed(ids)?.get(flat(scores.entry, self.sequence(), position))? >= 0)
			},
			Mask::Causal => Some(position <= self.past().saturating_add(scores.query)),
		}
	}

	pub(super) fn softmax_max(&self, scores: TensorId, mask: Mask) -> Option<Vec<i32>> {
		let largest = |scores: Scores<'_>| {
			let mut elements = scores.row.iter().enumerate();
			elements.try_fold(element::SOFTMAX_MAX_ZERO, |max, (place, score)| {
				let valid = self.is_valid(mask, &scores, place)?;
				Some(element::softmax_max_fold(max, *score, valid))
			})
		};
		self.softmax_rows(scores)?.map(largest).collect()
	}

	pub(super) fn softmax_exp(
		&self,
		scores: TensorId,
		max: TensorId,
		mask: Mask,
	) -> Option<Vec<i32>> {
		let mut out = Vec::with_capacity(self.fixed(scores)?.len());
		for (scores, max) in self.softmax_rows(scores)?.zip(self.fixed(max)?) {
			for (place, score) in scores.row.iter().enumerate() {
				let valid = self.is_valid(mask, &scores, place)?;
				out.push(element::softmax_exp(*score, *max, valid));
			}
		}
		Some(out)
	}

	pub(super) fn softmax_sum(&self, exponentials: TensorId) -> Option<Vec<i32>> {
		let sum = |row: &[i32]| row.iter().fold(0, |sum, x| element::softmax_sum_fold(sum, *x));
		let rows = self.softmax_rows(exponentials)?;
		Some(rows.map(|scores| element::softmax_sum_finish(sum(scores.row))).collect())
	}

	pub(super) fn softmax_normalise(
		&self,
		exponentials: TensorId,
		sum: TensorId,
	) -> Option<Vec<i32>> {
		let mut out = Vec::with_capacity(self.fixed(exponentials)?.len());
		for (scores, sum) in self.softmax_rows(exponentials)?.zip(self.fixed(sum)?) {
			out.extend(scores.row.iter().map(|value| element::softmax_normalise(*value, *sum)));
		}
		Some(out)
	}

	pub(super) fn context_weight(
		&self,
		probabilities: TensorId,
		value_max: TensorId,
		fraction: u8,
	) -> Option<Vec<i32>> {
		let shift = shifts::context_weight(self.fraction(value_max)?, fraction)?;
		let value_heads = self.width(value_max)?;
		let probabilities = self.fixed(probabilities)?;
		let mut rows = probabilities.chunks_exact(self.context().max(1));
		let heads = rows.len().checked_div(self.batch())?.checked_div(self.sequence())?;
		let each = heads.checked_div(value_heads)?;
		let mut out = Vec::with_capacity(probabilities.len());
		for entry in 0..self.batch() {
			let maxima = self.fixed_so_far(value_max, entry)?;
			for head in 0..heads {
				let value_head = head.checked_div(each)?;
				for row in rows.by_ref().take(self.sequence()) {
					for (place, probability) in row.iter().enumerate() {
						let max = *maxima.get(flat(place, value_heads, value_head))?;
						out.push(element::context_weight(*probability, max, shift));
					}
				}
			}
		}
		Some(out)
	}

	pub(super) fn context_of(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Context { weight, weight_max, value, groups, shift, fraction } = operator
		else {
			return None;
		};
		let bits = (self.bits(*weight)?, self.bits(*value)?);
		let shifts = shifts::context(bits, self.fraction(*weight_max)?, *shift, *fraction)?;
		let value_heads = usize::try_from(*groups).ok()?;
		let depth = self.width(*value)?.checked_div(value_heads)?;
		let (weight, max) = (self.quantised(*weight)?, self.fixed(*weight_max)?);
		let heads = max.len().checked_div(self.batch())?.checked_div(self.sequence())?;
		let each = heads.checked_div(value_heads)?;
		let mut out = Vec::new();
		for entry in 0..self.batch() {
			let values = self.quantised_so_far(*value, entry)?;
			for place in 0..self.sequence() {
				for head in 0..heads {
					let number = flat(flat(entry, heads, head), self.sequence(), place);
					let factor = element::context_factor(*max.get(number)?, bits.0, bits.1);
					let weights = row(weight, number, self.context())?;
					let head = values_of_head(values, value_heads, head.checked_div(each)?, depth);
					let sums = weighted_sum(weights, head, depth);
					out.extend(sums.map(|sum| element::context_finish(sum, factor, shifts)));
				}
			}
		}
		Some(out)
	}
}

/// The part of each position's values that belongs to a head.
fn values_of_head(
	values: &[i16],
	heads: usize,
	head: usize,
	depth: usize,
) -> impl Iterator<Item = &[i16]> {
	values.chunks_exact(depth.max(1)).skip(head).step_by(heads.max(1))
}

/// Sum of rows of values, each times its weight: in int32 as far as that cannot overflow, and the
/// parts in int64.
fn weighted_sum<'b>(
	weights: &[i16],
	mut values: impl Iterator<Item = &'b [i16]>,
	depth: usize,
) -> impl Iterator<Item = i64> {
	let mut sums = vec![0i64; depth];
	let mut part = vec![0i32; depth];
	for weights in weights.chunks(PRODUCT_BLOCK) {
		part.fill(0);
		for (weight, values) in weights.iter().zip(values.by_ref()) {
			for (sum, value) in part.iter_mut().zip(values) {
				let product = i32::from(*weight).wrapping_mul(i32::from(*value));
				*sum = sum.wrapping_add(product);
			}
		}
		for (sum, part) in sums.iter_mut().zip(&part) {
			*sum = sum.saturating_add((*part).into());
		}
	}
	sums.into_iter()
}
