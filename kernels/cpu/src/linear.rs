//! Products of rows by weights, and what is done to their sums.

use crate::{
	plan::Compiler,
	product::{product_of_weights, PackedColumns, Rows, Weights, FEW_ROWS, TILE_COLUMNS},
	rows::Place,
	vector::{self, LinearFinish, Rescale},
	workspace::Scratch,
};
use assay_program::{quantised_limit, shifts, Operator};
use assay_reference::element;
use core::ops::Range;
use std::sync::Arc;

/// Weights that are worth more than one thread for a few rows.
const SHARED_WEIGHTS: usize = 1 << 16;

/// The weights of a linear operator.
#[derive(Debug)]
pub(crate) struct Linear {
	weights: Weights,
	scales: Arc<[i32]>,
	bias: Arc<[i32]>,
	bits: u8,
	shifts: (u32, u32),
	rescale: Rescale,
}

impl Linear {
	/// The operator with its weights ready; `None` where it is another one.
	pub(crate) fn new(compiler: &mut Compiler<'_>, operator: &Operator) -> Option<Self> {
		let Operator::Linear { input, max, weights, scales, bias, shift, fraction } = operator
		else {
			return None;
		};
		let bits = compiler.bits(*input)?;
		let shifts = shifts::linear(bits, compiler.fraction(*max)?, *shift, *fraction)?;
		let scales = compiler.multipliers(*scales);
		let bias = match bias {
			Some(bias) => compiler.integers(*bias),
			None => compiler.zeros(scales.len()),
		};
		let matrix = compiler.matrix(*weights)?;
		let product = largest_product(compiler.bytes(*weights), matrix.depth(), &scales, bits);
		let largest_bias = bias.iter().map(|bias| bias.unsigned_abs()).max().unwrap_or(0);
		let rescale = Rescale::new(product, largest_bias.into(), shifts);
		Some(Self { weights: matrix, scales, bias, bits, shifts, rescale })
	}

	/// Makes a row of `out` for each of `maxima`.
	pub(crate) fn apply(
		&self,
		place: Place<'_>,
		input: &[i16],
		maxima: &[i32],
		out: &mut [i32],
		scratch: &mut Scratch,
	) {
		let (processor, count) = (place.processor, maxima.len());
		let (columns, depth) = (self.weights.columns(), self.weights.depth());
		let mut factors = core::mem::take(&mut scratch.factors);
		factors.clear();
		factors.extend(maxima.iter().map(|max| element::factor(*max, self.bits)));
		let finish = LinearFinish {
			scales: &self.scales,
			bias: &self.bias,
			shifts: self.shifts,
			rescale: self.rescale,
		};
		// A step of an odd depth's last pair needs a value after the last row.
		let longer = (depth % 2 == 1).then(|| {
			let mut longer = scratch.halves.take(input.len() + 1);
			longer[..input.len()].copy_from_slice(input);
			longer
		});
		let rows = Rows::new(longer.as_deref().unwrap_or(input), depth, count);
		let multiply = |some: Range<usize>, panels: &mut PackedColumns, out: &mut [i32]| {
			let (first, stride) = (some.start, some.len());
			product_of_weights(processor, rows, &self.weights, some, panels, |tile, sums| {
				let out = &mut out[tile.row * stride + tile.column - first..];
				let factors = &factors[tile.row..];
				vector::finish_linear(processor, sums, tile, finish, factors, stride, out);
			});
		};
		let each = columns.div_ceil(place.threads).next_multiple_of(TILE_COLUMNS);
		if count > FEW_ROWS || each >= columns || columns * depth < SHARED_WEIGHTS {
			multiply(0..columns, &mut scratch.panels, out);
		} else {
			// Each thread makes the rows of some columns side by side.
			let mut beside = scratch.words.take(out.len());
			let parts = beside.chunks_mut(each * count).collect();
			place.team.for_each(parts, |number, beside| {
				let some = number * each..((number + 1) * each).min(columns);
				multiply(some, &mut PackedColumns::default(), beside);
			});
			for (number, beside) in beside.chunks(each * count).enumerate() {
				let width = beside.len() / count;
				let rows = out.chunks_exact_mut(columns).zip(beside.chunks_exact(width));
				for (out, beside) in rows {
					out[number * each..number * each + width].copy_from_slice(beside);
				}
			}
			scratch.words.give(beside);
		}
		if let Some(longer) = longer {
			scratch.halves.give(longer);
		}
		scratch.factors = factors;
	}
}

/// The largest magnitude of a sum of products times its multiplier, for any quantised row. Sums are
/// below 2^31, as validation proved, and multipliers are int32.
fn largest_product(weights: &[u8], depth: usize, scales: &[i32], bits: u8) -> i64 {
	let rows = weights.chunks_exact(depth.max(1)).zip(scales);
	let products = rows.map(|(row, scale)| {
		let sum: i64 = row.iter().map(|byte| i64::from((*byte as i8).unsigned_abs())).sum();
		sum.saturating_mul(quantised_limit(bits)).saturating_mul(i64::from(*scale))
	});
	products.max().unwrap_or(0)
}
