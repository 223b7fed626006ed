//! Each operator over whole tensors, by the functions of [`crate::element`].
//!
//! Loops are plain. Every function gives `None` where an operand is missing or of another kind or
//! size, which cannot happen to a program that passed validation.

mod attention;
mod convolution;
mod draw;
mod held;
mod rows;

pub(crate) use held::Held;

use crate::{arithmetic::saturate, element};
use alloc::{vec, vec::Vec};
use assay_program::{
	shifts, EmbedBy, Hash, Kind, Operator, Parameters, Program, StepShape, TensorId, TensorInfo,
	WeightId,
};

/// Elements of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
	/// Token ids and fixed point.
	Int32(Vec<i32>),
	/// Quantised rows.
	Int16(Vec<i16>),
	/// What is int8 throughout.
	Int8(Vec<i8>),
}

/// A program in the middle of a step.
pub(crate) struct Machine<'a> {
	pub(crate) program: &'a Program,
	pub(crate) weights: &'a [u8],
	pub(crate) tensors: &'a [TensorInfo],
	pub(crate) parameters: &'a Parameters,
	/// What the numbers of draws are hashed with.
	pub(crate) sample_key: &'a Hash,
	/// Number of the step.
	pub(crate) step: u32,
	/// What the step's operators made so far.
	pub(crate) values: &'a [Option<Data>],
	/// What all steps made so far of the tensors that are held.
	pub(crate) held: &'a [Option<Held>],
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
	/// What an operator makes.
	pub(crate) fn evaluate(&self, operator: &Operator) -> Option<Data> {
		let fixed = match operator {
			// The input is there before the first operator runs.
			Operator::Tokens { .. } | Operator::Samples { .. } => return None,
			Operator::Convolution { .. } => return self.convolution(operator).map(Data::Int8),
			Operator::Depthwise { .. } => return self.depthwise(operator).map(Data::Int8),
			Operator::Quantise { value, max, bits } => {
				return self.quantise(*value, *max, *bits).map(Data::Int16)
			},
			Operator::Embed { .. } => self.embed(operator),
			Operator::Add { left, right } => self.add(*left, *right),
			Operator::RowMax { value, groups } => self.row_max(*value, *groups),
			Operator::Linear { .. } => self.linear(operator),
			Operator::Scores { .. } => self.scores(operator),
			Operator::SoftmaxMax { scores, mask } => self.softmax_max(*scores, *mask),
			Operator::SoftmaxExp { scores, max, mask } => self.softmax_exp(*scores, *max, *mask),
			Operator::SoftmaxSum { exponentials } => self.softmax_sum(*exponentials),
			Operator::SoftmaxNormalise { exponentials, sum } => {
				self.softmax_normalise(*exponentials, *sum)
			},
			Operator::ContextWeight { probabilities, value_max, fraction } => {
				self.context_weight(*probabilities, *value_max, *fraction)
			},
			Operator::Context { .. } => self.context_of(operator),
			Operator::Mean { value } => self.mean(*value),
			Operator::Deviation { .. } => self.deviation(operator),
			Operator::Normalise { .. } => self.normalise(operator),
			Operator::Table { .. } => self.table(operator),
			Operator::MeanPool { value, ids } => self.mean_pool(*value, *ids),
			Operator::L2Norm { value } => self.l2_norm(*value),
			Operator::L2Normalise { value, norm, fraction } => {
				self.l2_normalise(*value, *norm, *fraction)
			},
			Operator::Stop { next, ends } => self.stop(*next, ends),
			Operator::Emit { value, .. } => self.fixed(*value).map(|value| value.to_vec()),
			Operator::RootMeanSquare { .. } => self.root_mean_square(operator),
			Operator::RmsNormalise { .. } => self.rms_normalise(operator),
			Operator::Rotate { .. } => self.rotate(operator),
			Operator::Multiply { left, right, fraction } => self.multiply(*left, *right, *fraction),
			Operator::Last { value } => self.last(*value),
			Operator::ArgMax { value } => self.arg_max(*value),
			Operator::Temper { value, max } => self.temper(*value, *max),
			Operator::Tally { weights, cut, by } => self.tally(*weights, *cut, *by),
			Operator::Cut { tally, by } => self.cut(*tally, *by),
			Operator::Threshold { cut, tally } => self.threshold(*cut, *tally),
			Operator::Keep { weights, threshold } => self.keep(*weights, *threshold),
			Operator::BlockSum { weights, shift } => self.block_sum(*weights, *shift),
			Operator::Draw { sums } => self.draw(*sums),
			Operator::Pick { weights, draw, shift } => self.pick(*weights, *draw, *shift),
			Operator::Choose { ids, greedy, sampled } => self.choose(*ids, *greedy, *sampled),
			Operator::Lookup { value, table, .. } => self.lookup(*value, *table),
		};
		fixed.map(Data::Int32)
	}

	/// The sizes of the step.
	fn shape(&self) -> StepShape {
		StepShape::of(self.parameters, self.step)
	}

	fn batch(&self) -> usize {
		self.shape().batch as usize
	}

	/// Positions of the step.
	fn sequence(&self) -> usize {
		self.shape().sequence as usize
	}

	/// Positions of earlier steps.
	fn past(&self) -> usize {
		self.shape().past as usize
	}

	/// Positions of the step and all earlier ones.
	fn context(&self) -> usize {
		self.shape().context() as usize
	}

	fn value(&self, id: TensorId) -> Option<&'a Data> {
		self.values.get(usize::from(id.0))?.as_ref()
	}

	fn fixed(&self, id: TensorId) -> Option<&'a [i32]> {
		match self.value(id)? {
			Data::Int32(data) => Some(data),
			Data::Int16(_) | Data::Int8(_) => None,
		}
	}

	fn quantised(&self, id: TensorId) -> Option<&'a [i16]> {
		match self.value(id)? {
			Data::Int16(data) => Some(data),
			Data::Int32(_) | Data::Int8(_) => None,
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
		let dim = self.tensors.get(usize::from(id.0))?.width()?;
		let width = usize::try_from(dim.size(self.shape())).ok()?;
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
				EmbedBy::Position => {
					self.past().saturating_add(place.checked_rem(self.sequence())?)
				},
			};
			let scale = scales.get(index)?;
			let entries = row(table, index, width)?.iter().map(|byte| i8::from_le_bytes([*byte]));
			out.extend(entries.map(|entry| element::embed(entry, scale, shift)));
		}
		Some(out)
	}

	fn stop(&self, next: Option<TensorId>, ends: &[u32]) -> Option<Vec<i32>> {
		let Some(next) = next else { return Some(vec![1]) };
		let last_step = self.step.saturating_add(1) >= self.parameters.max_steps;
		let ended = self.fixed(next)?.iter().all(|token| element::ends(*token, ends));
		Some(vec![i32::from(last_step || ended)])
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
		let factors: Vec<i64> = max.iter().map(|max| element::factor(*max, bits)).collect();
		let width = scales.0.len();
		let mut out = vec![0; factors.len().saturating_mul(width)];
		let mut wide = Vec::with_capacity(columns);
		// Each row of weights meets all rows of the input while it is at hand, widened once.
		let rows = weights.chunks_exact(columns).zip(scales.iter()).enumerate();
		for (number, (weights, scale)) in rows {
			wide.clear();
			wide.extend(weights.iter().map(|byte| i16::from(i8::from_le_bytes([*byte]))));
			let bias = bias.map_or(Some(0), |bias| bias.get(number))?;
			let inputs = input.chunks_exact(columns).zip(&factors).enumerate();
			for (place, (row, factor)) in inputs {
				let products = dot(row, &wide);
				let made = element::linear_finish(products, scale, bias, *factor, shifts);
				*out.get_mut(flat(place, width, number))? = made;
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
		let mut out = Vec::with_capacity(self.batch().saturating_mul(width));
		for (entry, ids) in ids.chunks_exact(self.sequence()).enumerate() {
			let mut sums = vec![0i64; width];
			let mut valid = 0i64;
			for (place, _) in ids.iter().enumerate().filter(|(_, id)| **id >= 0) {
				valid = valid.saturating_add(1);
				let row = row(value, flat(entry, self.sequence(), place), width)?;
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
		Data::Int8(data) => data.iter().flat_map(|value| value.to_le_bytes()).collect(),
	}
}

/// An input that was checked: token ids, or samples.
pub(crate) fn from_bytes(program: &Program, bytes: &[u8]) -> Data {
	if let Some(Operator::Samples { .. }) = program.operators.first() {
		return Data::Int8(bytes.iter().map(|byte| i8::from_le_bytes([*byte])).collect());
	}
	let words = bytes.chunks_exact(4);
	let ids = words.map(|word| word.try_into().map_or(saturate(-1), i32::from_le_bytes));
	Data::Int32(ids.collect())
}
