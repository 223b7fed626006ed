//! Networks that are int8 throughout.

use super::{flat, row, Machine};
use crate::element::{self, Rescaling};
use alloc::vec::Vec;
use assay_program::{Operator, Rescale, TensorId, WeightId};

fn rescaling(rescale: &Rescale) -> Rescaling {
	Rescaling { shift: rescale.shift.into(), zero: rescale.zero, least: rescale.least }
}

fn signed(bytes: &[u8]) -> impl Iterator<Item = i8> + '_ {
	bytes.iter().map(|byte| i8::from_le_bytes([*byte]))
}

impl Machine<'_> {
	fn affine(&self, id: TensorId) -> Option<&[i8]> {
		match self.value(id)? {
			super::Data::Int8(data) => Some(data),
			_ => None,
		}
	}

	/// Dimension `number` of a tensor of weights.
	fn weight_dim(&self, id: WeightId, number: usize) -> Option<usize> {
		let dims = &self.program.weights.get(usize::from(id.0))?.dims;
		usize::try_from(*dims.get(number)?).ok()
	}

	/// For each position the rows of its window that are there, with the first one's tap: before
	/// the first position every element is the zero point, which adds nothing.
	fn windows<'b>(
		&self,
		value: &'b [i8],
		width: usize,
		taps: usize,
	) -> impl Iterator<Item = Option<(&'b [i8], usize)>> {
		let sequence = self.sequence();
		let places = (0..self.batch()).flat_map(move |entry| {
			(0..sequence).map(move |place| (flat(entry, sequence, place), place))
		});
		places.map(move |(at, place)| {
			let rows = place.saturating_add(1).min(taps);
			let end = at.checked_add(1)?.checked_mul(width)?;
			let start = end.checked_sub(rows.checked_mul(width)?)?;
			Some((value.get(start..end)?, taps.checked_sub(rows)?))
		})
	}

	pub(super) fn convolution(&self, operator: &Operator) -> Option<Vec<i8>> {
		let Operator::Convolution { value, zero, weights, rescale } = operator else { return None };
		let (value, width) = (self.affine(*value)?, self.width(*value)?);
		let (taps, weights) = (self.weight_dim(*weights, 1)?, self.bytes(*weights)?);
		let (scales, bias) = (self.integers(rescale.scales)?, self.integers(rescale.bias)?);
		let (rescaling, columns) = (rescaling(rescale), taps.checked_mul(width)?);
		let mut out = Vec::new();
		for window in self.windows(value, width, taps) {
			let (window, first) = window?;
			let skipped = first.checked_mul(width)?;
			for (number, (scale, bias)) in scales.iter().zip(bias.iter()).enumerate() {
				let weights = signed(row(weights, number, columns)?).skip(skipped);
				let sum = window.iter().zip(weights).fold(0, |sum, (value, weight)| {
					element::convolution_fold(sum, *value, *zero, weight)
				});
				out.push(element::convolution_finish(sum, scale, bias, &rescaling));
			}
		}
		Some(out)
	}

	pub(super) fn depthwise(&self, operator: &Operator) -> Option<Vec<i8>> {
		let Operator::Depthwise { value, zero, weights, rescale } = operator else { return None };
		let (value, width) = (self.affine(*value)?, self.width(*value)?);
		let (taps, weights) = (self.weight_dim(*weights, 0)?, self.bytes(*weights)?);
		let (scales, bias) = (self.integers(rescale.scales)?, self.integers(rescale.bias)?);
		let rescaling = rescaling(rescale);
		let mut out = Vec::with_capacity(value.len());
		for window in self.windows(value, width, taps) {
			let (window, first) = window?;
			let weights = weights.get(first.checked_mul(width)?..)?;
			for (channel, (scale, bias)) in scales.iter().zip(bias.iter()).enumerate() {
				let values = window.iter().skip(channel).step_by(width);
				let weights = signed(weights).skip(channel).step_by(width);
				let sum = values.zip(weights).fold(0, |sum, (value, weight)| {
					element::convolution_fold(sum, *value, *zero, weight)
				});
				out.push(element::convolution_finish(sum, scale, bias, &rescaling));
			}
		}
		Some(out)
	}

	pub(super) fn lookup(&self, value: TensorId, table: WeightId) -> Option<Vec<i32>> {
		let table = self.integers(table)?;
		let value = self.affine(value)?.iter();
		value.map(|value| table.get(element::lookup_index(*value))).collect()
	}
}
