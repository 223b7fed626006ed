//! Networks that are int8 throughout.

use super::{
	cell::Cell,
	fold::{plain, word},
	Partial,
};
use crate::source::{joined, Reader};
use alloc::vec::Vec;
use assay_program::{Operator, Rescale, TensorId, WeightId};
use assay_reference::element;
use core::ops::Range;

/// What of a filter's window is there: before the first position every element is the zero point,
/// which adds nothing and is not read.
struct Window {
	/// Rows of the operand.
	rows: Range<u64>,
	/// The tap of the first of them.
	tap: u64,
}

/// Sum of products of distances from a zero point. Elements and weights are of one byte.
fn distances(values: &[i32], zero: i8, weights: &[i32]) -> Option<Partial> {
	let mut pairs = values.iter().zip(weights);
	let sum = pairs.try_fold(0, |sum, (value, weight)| {
		let (value, weight) = (i8::try_from(*value).ok()?, i8::try_from(*weight).ok()?);
		Some(element::convolution_fold(sum, value, zero, weight))
	})?;
	Some(plain(sum.into()))
}

impl Cell<'_, '_> {
	/// The window of so many taps that ends at the element's position.
	fn window(&self, taps: u64) -> Option<Window> {
		let (_, position) = self.place(self.row)?;
		let length = position.checked_add(1)?.min(taps);
		let end = self.row.checked_add(1)?;
		Some(Window { rows: end.checked_sub(length)?..end, tap: taps.checked_sub(length)? })
	}

	/// The sum of products of a window with all channels of its rows.
	pub(super) fn fold_convolution(&self, reader: &mut Reader<'_, '_>) -> Option<Partial> {
		let Operator::Convolution { value, zero, weights, .. } = self.operator else { return None };
		let [_, taps, columns] = *self.weight_dims(*weights)? else { return None };
		let (taps, columns) = (u64::from(taps), u64::from(columns));
		let window = self.window(taps)?;
		let mut values = Some(Vec::new());
		for row in window.rows {
			values = joined(values, reader.run(self.step, *value, row, 0..columns));
		}
		let filter = self.column.checked_mul(taps)?;
		let start = filter.checked_add(window.tap)?.checked_mul(columns)?;
		let end = filter.checked_add(taps)?.checked_mul(columns)?;
		let weights = reader.weights(*weights, start..end);
		distances(&values?, *zero, &weights?)
	}

	/// The same of one channel.
	pub(super) fn fold_depthwise(&self, reader: &mut Reader<'_, '_>) -> Option<Partial> {
		let Operator::Depthwise { value, zero, weights, .. } = self.operator else { return None };
		let [taps, columns] = *self.weight_dims(*weights)? else { return None };
		let Window { rows, tap } = self.window(taps.into())?;
		let (mut values, mut column) = (Some(Vec::new()), Some(Vec::new()));
		let own = self.column..self.column.checked_add(1)?;
		for (row, tap) in rows.zip(tap..) {
			let at = tap.checked_mul(columns.into())?;
			let weight = at.checked_add(own.start)?..at.checked_add(own.end)?;
			values = joined(values, reader.run(self.step, *value, row, own.clone()));
			column = joined(column, reader.weights(*weights, weight));
		}
		distances(&values?, *zero, &column?)
	}

	/// From the sum to a byte.
	pub(super) fn finish_convolution(
		&self,
		reader: &mut Reader<'_, '_>,
		rescale: &Rescale,
		partial: Option<Partial>,
	) -> Option<i32> {
		let Rescale { scales, bias, shift, zero, least } = *rescale;
		let scale = reader.weight(scales, self.column);
		let bias = reader.weight(bias, self.column);
		let sum = word(reader, partial?.value)?;
		let rescaling = element::Rescaling { shift: shift.into(), zero, least };
		Some(element::convolution_finish(sum, scale?, bias?, &rescaling).into())
	}

	/// A function of a byte, which selects the entry.
	pub(super) fn lookup(
		&self,
		reader: &mut Reader<'_, '_>,
		value: TensorId,
		table: WeightId,
	) -> Option<i32> {
		let value = i8::try_from(self.same(reader, value)?).ok()?;
		reader.weight(table, u64::try_from(element::lookup_index(value)).ok()?)
	}
}
