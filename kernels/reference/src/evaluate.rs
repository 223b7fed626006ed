//! Each operator over whole tensors, by the functions of [`crate::element`].
//!
//! Loops are plain. Every function gives `None` where an operand is missing or of another kind or
//! size, which cannot happen to a program that passed validation.

use crate::{arithmetic::saturate, element};
use alloc::{vec, vec::Vec};
use assay_program::{shifts, EmbedBy, Kind, Operator, Program, TensorId, TensorInfo, WeightId};

/// Elements of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
	/// Token ids and fixed point.
	Int32(Vec<i32>),
	/// Quantised rows.
	Int16(Vec<i16>),
}

/// A program in the middle of a run.
pub(crate) struct Machine<'a> {
	pub(crate) program: &'a Program,
	pub(crate) weights: &'a [u8],
	pub(crate) tensors: &'a [TensorInfo],
	pub(crate) values: &'a [Option<Data>],
	pub(crate) batch: usize,
	pub(crate) sequence: usize,
}

/// `outer * size + inner`.
fn flat(outer: usize, size: usize, inner: usize) -> usize {
	outer.saturating_mul(size).saturating_add(inner)
}

/// Row `index` of rows of `width`.
fn row<T>(data: &[T], index: usize, width: usize) -> Option<&[T]> {
	let start = index.checked_mul(width)?;
	data.get(start..start.checked_add(width)?)
}

/// Sum of products that validation proved to fit int32, whatever the rows hold.
#[inline]
fn products(left: impl Iterator<Item = i32>, right: impl Iterator<Item = i32>) -> i32 {
	left.zip(right).fold(0i32, |sum, (left, right)| sum.wrapping_add(left.wrapping_mul(right)))
}

fn dot_weights(quantised: &[i16], weights: &[u8]) -> i32 {
	let weights = weights.iter().map(|byte| i32::from(i8::from_le_bytes([*byte])));
	products(quantised.iter().map(|value| i32::from(*value)), weights)
}

fn dot(left: &[i16], right: &[i16]) -> i32 {
	let right = right.iter().map(|value| i32::from(*value));
	products(left.iter().map(|value| i32::from(*value)), right)
}

/// int32 weights, read in place: an operator may use a few entries of a long tensor, and what it
/// does not use is not in its price.
#[derive(Clone, Copy)]
struct Integers<'a>(&'a [[u8; 4]]);

impl Integers<'_> {
	fn get(&self, index: usize) -> Option<i32> {
		self.0.get(index).map(|word| i32::from_le_bytes(*word))
	}

	fn iter(&self) -> impl Iterator<Item = i32> + '_ {
		self.0.iter().map(|word| i32::from_le_bytes(*word))
	}
}

/// A length as a divisor.
fn count(length: usize) -> i64 {
	i64::try_from(length).unwrap_or(i64::MAX)
}

impl<'a> Machine<'a> {
	/// What operator `number` makes.
	pub(crate) fn evaluate(&self, operator: &Operator) -> Option<Data> {
		let fixed = match operator {
			// The input is there before the first operator runs.
			Operator::Tokens { .. } => return None,
			Operator::Quantise { value, max, bits } => {
				return self.quantise(*value, *max, *bits).map(Data::Int16)
			},
			Operator::Embed { .. } => self.embed(operator),
			Operator::Add { left, right } => self.add(*left, *right),
			Operator::RowMax { value, groups } => self.row_max(*value, *groups),
			Operator::Linear { .. } => self.linear(operator),
			Operator::Scores { .. } => self.scores(operator),
			Operator::SoftmaxMax { scores, ids } => self.softmax_max(*scores, *ids),
			Operator::SoftmaxExp { scores, max, ids } => self.softmax_exp(*scores, *max, *ids),
			Operator::SoftmaxSum { exponentials } => self.softmax_sum(*exponentials),
			Operator::SoftmaxNormalise { exponentials, sum } => {
				self.softmax_normalise(*exponentials, *sum)
			},
			Operator::ContextWeight { probabilities, value_max, fraction } => {
				self.context_weight(*probabilities, *value_max, *fraction)
			},
			Operator::Context { .. } => self.context(operator),
			Operator::Mean { value } => self.mean(*value),
			Operator::Deviation { .. } => self.deviation(operator),
			Operator::Normalise { .. } => self.normalise(operator),
			Operator::Table { .. } => self.table(operator),
			Operator::MeanPool { value, ids } => self.mean_pool(*value, *ids),
			Operator::L2Norm { value } => self.l2_norm(*value),
			Operator::L2Normalise { value, norm, fraction } => {
				self.l2_normalise(*value, *norm, *fraction)
			},
			Operator::Stop => Some(vec![1]),
			Operator::Emit { value, .. } => self.fixed(*value).map(|value| value.to_vec()),
		};
		fixed.map(Data::Int32)
	}

	fn value(&self, id: TensorId) -> Option<&'a Data> {
		self.values.get(usize::from(id.0))?.as_ref()
	}

	fn fixed(&self, id: TensorId) -> Option<&'a [i32]> {
		match self.value(id)? {
			Data::Int32(data) => Some(data),
			Data::Int16(_) => None,
		}
	}

	fn quantised(&self, id: TensorId) -> Option<&'a [i16]> {
		match self.value(id)? {
			Data::Int16(data) => Some(data),
			Data::Int32(_) => None,
		}
	}

	fn kind(&self, id: TensorId) -> Option<Kind> {
		Some(self.tensors.get(usize::from(id.0))?.kind)
	}

	fn fraction(&self, id: TensorId) -> Option<u8> {
		self.kind(id)?.fraction()
	}

	fn bits(&self, id: TensorId) -> Option<u8> {
		match self.kind(id)? {
			Kind::Quantised { bits } => Some(bits),
			_ => None,
		}
	}

	/// The last dimension.
	fn width(&self, id: TensorId) -> Option<usize> {
		let (batch, sequence) =
			(u32::try_from(self.batch).ok()?, u32::try_from(self.sequence).ok()?);
		let dim = self.tensors.get(usize::from(id.0))?.width()?;
		let width = usize::try_from(dim.size(batch, sequence)).ok()?;
		(width > 0).then_some(width)
	}

	fn bytes(&self, id: WeightId) -> Option<&'a [u8]> {
		let range = self.program.weight_range(id)?;
		self.weights.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
	}

	fn integers(&self, id: WeightId) -> Option<Integers<'a>> {
		Some(Integers(self.bytes(id)?.as_chunks().0))
	}

	/// Length of a row of an int8 matrix.
	fn columns(&self, id: WeightId) -> Option<usize> {
		let dims = &self.program.weights.get(usize::from(id.0))?.dims;
		usize::try_from(*dims.last()?).ok()
	}

	/// Whether position `j` of batch entry `entry` is no padding.
	fn valid(ids: Option<&[i32]>, row: usize, position: usize, sequence: usize) -> Option<bool> {
		let Some(ids) = ids else { return Some(true) };
		Some(*ids.get(flat(row, sequence, position))? >= 0)
	}

	fn maybe_ids(&self, ids: Option<TensorId>) -> Option<Option<&'a [i32]>> {
		match ids {
			Some(ids) => self.fixed(ids).map(Some),
			None => Some(None),
		}
	}

	fn embed(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Embed { ids, table, scales, by, fraction } = operator else { return None };
		let (ids, scales) = (self.fixed(*ids)?, self.integers(*scales)?);
		let (width, table) = (self.columns(*table)?, self.bytes(*table)?);
		let shift = shifts::embed(*fraction)?;
		let mut out = Vec::with_capacity(ids.len().saturating_mul(width));
		for (place, id) in ids.iter().enumerate() {
			let Ok(token) = usize::try_from(*id) else {
				out.extend(core::iter::repeat_n(0, width));
				continue;
			};
			let index = match by {
				EmbedBy::Token => token,
				EmbedBy::Position => place.checked_rem(self.sequence)?,
			};
			let scale = scales.get(index)?;
			let entries = row(table, index, width)?.iter().map(|byte| i8::from_le_bytes([*byte]));
			out.extend(entries.map(|entry| element::embed(entry, scale, shift)));
		}
		Some(out)
	}

	fn add(&self, left: TensorId, right: TensorId) -> Option<Vec<i32>> {
		let (left, right) = (self.fixed(left)?, self.fixed(right)?);
		Some(left.iter().zip(right).map(|(left, right)| element::add(*left, *right)).collect())
	}

	fn row_max(&self, value: TensorId, groups: u32) -> Option<Vec<i32>> {
		let part = self.width(value)?.checked_div(usize::try_from(groups).ok()?)?;
		let parts = self.fixed(value)?.chunks_exact(part.max(1));
		let largest = |part: &[i32]| part.iter().fold(0, |max, x| element::row_max_fold(max, *x));
		Some(parts.map(|part| element::row_max_finish(largest(part))).collect())
	}

	fn quantise(&self, value: TensorId, max: TensorId, bits: u8) -> Option<Vec<i16>> {
		let part = self.width(value)?.checked_div(self.width(max)?)?;
		let (value, max) = (self.fixed(value)?, self.fixed(max)?);
		let mut out = Vec::with_capacity(value.len());
		for (part, max) in value.chunks_exact(part.max(1)).zip(max) {
			out.extend(part.iter().map(|value| element::quantise(*value, *max, bits)));
		}
		Some(out)
	}

	fn linear(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Linear { input, max, weights, scales, bias, shift, fraction } = operator
		else {
			return None;
		};
		let bits = self.bits(*input)?;
		let shifts = shifts::linear(bits, self.fraction(*max)?, *shift, *fraction)?;
		let (columns, weights) = (self.columns(*weights)?, self.bytes(*weights)?);
		let scales = self.integers(*scales)?;
		let bias = match bias {
			Some(bias) => Some(self.integers(*bias)?),
			None => None,
		};
		let (input, max) = (self.quantised(*input)?, self.fixed(*max)?);
		let mut out = Vec::with_capacity(max.len().saturating_mul(scales.0.len()));
		for (row, max) in input.chunks_exact(columns).zip(max) {
			let factor = element::factor(*max, bits);
			let rows = weights.chunks_exact(columns).zip(scales.iter()).enumerate();
			for (number, (weights, scale)) in rows {
				let products = dot_weights(row, weights);
				let bias = bias.map_or(Some(0), |bias| bias.get(number))?;
				out.push(element::linear_finish(products, scale, bias, factor, shifts));
			}
		}
		Some(out)
	}

	fn scores(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Scores { query, query_max, key, key_max, shift, fraction } = operator else {
			return None;
		};
		let bits = (self.bits(*query)?, self.bits(*key)?);
		let fractions = (self.fraction(*query_max)?, self.fraction(*key_max)?);
		let shifts = shifts::scores(bits, fractions, *shift, *fraction)?;
		let heads = self.width(*query_max)?;
		let depth = self.width(*query)?.checked_div(heads)?;
		let (query, key) = (self.quantised(*query)?, self.quantised(*key)?);
		let factors = |max: &[i32], bits| -> Vec<i64> {
			max.iter().map(|max| element::factor(*max, bits)).collect()
		};
		let query_factors = factors(self.fixed(*query_max)?, bits.0);
		let key_factors = factors(self.fixed(*key_max)?, bits.1);
		let mut out = Vec::new();
		for entry in 0..self.batch {
			for head in 0..heads {
				// A head of a position is one part of a row, for elements and maxima alike.
				let part = |position| flat(flat(entry, self.sequence, position), heads, head);
				for at in (0..self.sequence).map(part) {
					let (left, left_factor) = (row(query, at, depth)?, *query_factors.get(at)?);
					for at in (0..self.sequence).map(part) {
						let products = dot(left, row(key, at, depth)?);
						let right_factor = *key_factors.get(at)?;
						out.push(element::scores_finish(
							products,
							left_factor,
							right_factor,
							shifts,
						));
					}
				}
			}
		}
		Some(out)
	}

	/// Rows of `[B, heads, S, S]`, each with its batch entry.
	fn attention_rows<'b>(
		&self,
		data: &'b [i32],
	) -> Option<impl Iterator<Item = (usize, &'b [i32])>> {
		let rows = data.len().checked_div(self.sequence)?;
		let rows_per_entry = rows.checked_div(self.batch)?.max(1);
		let rows = data.chunks_exact(self.sequence).enumerate();
		Some(rows.map(move |(number, row)| (number.div_euclid(rows_per_entry), row)))
	}

	fn softmax_max(&self, scores: TensorId, ids: Option<TensorId>) -> Option<Vec<i32>> {
		let ids = self.maybe_ids(ids)?;
		let rows = self.attention_rows(self.fixed(scores)?)?;
		rows.map(|(entry, row)| {
			row.iter().enumerate().try_fold(element::SOFTMAX_MAX_ZERO, |max, (place, score)| {
				let valid = Self::valid(ids, entry, place, self.sequence)?;
				Some(element::softmax_max_fold(max, *score, valid))
			})
		})
		.collect()
	}

	fn softmax_exp(
		&self,
		scores: TensorId,
		max: TensorId,
		ids: Option<TensorId>,
	) -> Option<Vec<i32>> {
		let (ids, scores) = (self.maybe_ids(ids)?, self.fixed(scores)?);
		let mut out = Vec::with_capacity(scores.len());
		for ((entry, row), max) in self.attention_rows(scores)?.zip(self.fixed(max)?) {
			for (place, score) in row.iter().enumerate() {
				let valid = Self::valid(ids, entry, place, self.sequence)?;
				out.push(element::softmax_exp(*score, *max, valid));
			}
		}
		Some(out)
	}

	fn softmax_sum(&self, exponentials: TensorId) -> Option<Vec<i32>> {
		let rows = self.attention_rows(self.fixed(exponentials)?)?;
		let sum = |row: &[i32]| row.iter().fold(0, |sum, x| element::softmax_sum_fold(sum, *x));
		Some(rows.map(|(_, row)| element::softmax_sum_finish(sum(row))).collect())
	}

	fn softmax_normalise(&self, exponentials: TensorId, sum: TensorId) -> Option<Vec<i32>> {
		let exponentials = self.fixed(exponentials)?;
		let mut out = Vec::with_capacity(exponentials.len());
		for ((_, row), sum) in self.attention_rows(exponentials)?.zip(self.fixed(sum)?) {
			out.extend(row.iter().map(|value| element::softmax_normalise(*value, *sum)));
		}
		Some(out)
	}

	fn context_weight(
		&self,
		probabilities: TensorId,
		value_max: TensorId,
		fraction: u8,
	) -> Option<Vec<i32>> {
		let shift = shifts::context_weight(self.fraction(value_max)?, fraction)?;
		let heads = self.width(value_max)?;
		let (probabilities, max) = (self.fixed(probabilities)?, self.fixed(value_max)?);
		let mut out = Vec::with_capacity(probabilities.len());
		for (number, row) in probabilities.chunks_exact(self.sequence).enumerate() {
			// Rows are numbered by batch entry, head, query position.
			let part = number.checked_div(self.sequence)?;
			let (entry, head) = (part.checked_div(heads)?, part.checked_rem(heads)?);
			for (place, probability) in row.iter().enumerate() {
				let max = *max.get(flat(flat(entry, self.sequence, place), heads, head))?;
				out.push(element::context_weight(*probability, max, shift));
			}
		}
		Some(out)
	}

	fn context(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Context { weight, weight_max, value, fraction } = operator else {
			return None;
		};
		let bits = (self.bits(*weight)?, self.bits(*value)?);
		let shift = shifts::context(bits, self.fraction(*weight_max)?, *fraction)?;
		let (width, value) = (self.width(*value)?, self.quantised(*value)?);
		let (weight, max) = (self.quantised(*weight)?, self.fixed(*weight_max)?);
		let positions = self.batch.checked_mul(self.sequence)?;
		let heads = max.len().checked_div(positions)?;
		let depth = width.checked_div(heads)?;
		let mut out = Vec::with_capacity(value.len());
		for entry in 0..self.batch {
			for place in 0..self.sequence {
				for head in 0..heads {
					let number = flat(flat(entry, heads, head), self.sequence, place);
					let factor = element::context_factor(*max.get(number)?, bits.0, bits.1);
					let mut sums = vec![0i32; depth];
					for (other, weight) in row(weight, number, self.sequence)?.iter().enumerate() {
						let at = flat(flat(entry, self.sequence, other), heads, head);
						for (sum, value) in sums.iter_mut().zip(row(value, at, depth)?) {
							// Validation proved that the sum fits.
							let product = i32::from(*weight).wrapping_mul(i32::from(*value));
							*sum = sum.wrapping_add(product);
						}
					}
					let finish = |sum: &i32| element::context_finish(*sum, factor, shift);
					out.extend(sums.iter().map(finish));
				}
			}
		}
		Some(out)
	}

	fn mean(&self, value: TensorId) -> Option<Vec<i32>> {
		let width = self.width(value)?;
		let sum = |row: &[i32]| row.iter().fold(0, |sum, x| element::mean_fold(sum, *x));
		let rows = self.fixed(value)?.chunks_exact(width);
		Some(rows.map(|row| element::mean_finish(sum(row), count(width))).collect())
	}

	fn deviation(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Deviation { value, mean, epsilon, fraction } = operator else { return None };
		let guard = u32::from(fraction.checked_sub(self.fraction(*value)?)?);
		let width = self.width(*value)?;
		let rows = self.fixed(*value)?.chunks_exact(width).zip(self.fixed(*mean)?);
		let deviation = |(row, mean): (&[i32], &i32)| {
			let squares = row.iter().fold(0, |sum, x| element::deviation_fold(sum, *x, *mean));
			element::deviation_finish(squares, count(width), *epsilon, guard)
		};
		Some(rows.map(deviation).collect())
	}

	fn normalise(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Normalise { value, mean, deviation, gain, bias, fraction } = operator else {
			return None;
		};
		let guard = self.fraction(*deviation)?.checked_sub(self.fraction(*value)?)?;
		let shift = shifts::normalise(*fraction)?;
		let (gain, bias) = (self.integers(*gain)?, self.integers(*bias)?);
		let (width, value) = (self.width(*value)?, self.fixed(*value)?);
		let rows = self.fixed(*mean)?.iter().zip(self.fixed(*deviation)?);
		let mut out = Vec::with_capacity(value.len());
		for (row, (mean, deviation)) in value.chunks_exact(width).zip(rows) {
			let normal =
				element::Normal { mean: *mean, deviation: *deviation, guard: guard.into(), shift };
			let columns = row.iter().zip(gain.iter().zip(bias.iter()));
			out.extend(
				columns
					.map(|(value, (gain, bias))| element::normalise(*value, &normal, gain, bias)),
			);
		}
		Some(out)
	}

	fn table(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Table { value, table, shift, base, .. } = operator else { return None };
		let entries = self.integers(*table)?;
		let (length, entry) = (entries.0.len(), |index| entries.get(index));
		let value = self.fixed(*value)?.iter();
		Some(value.map(|value| element::table_by(*value, length, entry, *shift, *base)).collect())
	}

	fn mean_pool(&self, value: TensorId, ids: TensorId) -> Option<Vec<i32>> {
		let (width, value) = (self.width(value)?, self.fixed(value)?);
		let ids = self.fixed(ids)?;
		let mut out = Vec::with_capacity(self.batch.saturating_mul(width));
		for (entry, ids) in ids.chunks_exact(self.sequence).enumerate() {
			let mut sums = vec![0i64; width];
			let mut valid = 0i64;
			for (place, _) in ids.iter().enumerate().filter(|(_, id)| **id >= 0) {
				valid = valid.saturating_add(1);
				let row = row(value, flat(entry, self.sequence, place), width)?;
				for (sum, value) in sums.iter_mut().zip(row) {
					*sum = element::mean_fold(*sum, *value);
				}
			}
			out.extend(sums.iter().map(|sum| element::mean_finish(*sum, valid)));
		}
		Some(out)
	}

	fn l2_norm(&self, value: TensorId) -> Option<Vec<i32>> {
		let width = self.width(value)?;
		let squares = |row: &[i32]| row.iter().fold(0, |sum, x| element::l2_norm_fold(sum, *x));
		let rows = self.fixed(value)?.chunks_exact(width);
		Some(rows.map(|row| element::l2_norm_finish(squares(row))).collect())
	}

	fn l2_normalise(&self, value: TensorId, norm: TensorId, fraction: u8) -> Option<Vec<i32>> {
		let (width, value) = (self.width(value)?, self.fixed(value)?);
		let mut out = Vec::with_capacity(value.len());
		for (row, norm) in value.chunks_exact(width).zip(self.fixed(norm)?) {
			out.extend(row.iter().map(|value| element::l2_normalise(*value, *norm, fraction)));
		}
		Some(out)
	}
}

/// Little-endian bytes of a tensor.
pub(crate) fn to_bytes(data: &Data) -> Vec<u8> {
	match data {
		Data::Int32(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),
		Data::Int16(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),
	}
}

/// Token ids of an input that was checked.
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<i32> {
	let words = bytes.chunks_exact(4);
	words.map(|word| word.try_into().map_or(saturate(-1), i32::from_le_bytes)).collect()
}
