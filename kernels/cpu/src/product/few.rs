//! Products of a few rows: dot products along the weights as they are stored.

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Place, Rows, TileSums, Weights, TILE_COLUMNS};
use crate::isa::{InstructionSet, Processor};
use core::ops::Range;

/// Rows of a tile, at most.
const ROWS: usize = 4;
/// Columns of a tile, or one.
const COLUMNS: usize = 4;

/// A tile's inner loop: rows, their stride, weights of adjacent columns, depth, where sums go: a
/// row of sums `TILE_COLUMNS` after the one before.
pub(super) type DotLoop = unsafe fn(*const i16, usize, *const i8, usize, &mut [i32]);

/// The loop for up to `ROWS` rows by `COLUMNS` columns, or by one.
fn dot_loop(set: InstructionSet, rows: usize, one: bool) -> DotLoop {
	match set {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512Vnni => x86::avx512_vnni::dot_loop(rows, one),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 => x86::avx512::dot_loop(rows, one),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::AvxVnni => x86::avx_vnni::dot_loop(rows, one),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 => x86::avx2::dot_loop(rows, one),
		_ => match (rows, one) {
			(1, false) => plain::<1, COLUMNS>,
			(2, false) => plain::<2, COLUMNS>,
			(3, false) => plain::<3, COLUMNS>,
			(_, false) => plain::<4, COLUMNS>,
			(1, true) => plain::<1, 1>,
			(2, true) => plain::<2, 1>,
			(3, true) => plain::<3, 1>,
			(_, true) => plain::<4, 1>,
		},
	}
}

/// # Safety
/// `left` holds `R` rows of `depth` values `stride` apart, `right` `C` times `depth` weights.
unsafe fn plain<const R: usize, const C: usize>(
	left: *const i16,
	stride: usize,
	right: *const i8,
	depth: usize,
	sums: &mut [i32],
) {
	for row in 0..R {
		// SAFETY: by the caller's promise.
		let values = unsafe { core::slice::from_raw_parts(left.add(row * stride), depth) };
		for column in 0..C {
			// SAFETY: by the caller's promise.
			let weights = unsafe { core::slice::from_raw_parts(right.add(column * depth), depth) };
			let products = values.iter().zip(weights);
			// Sums over the depth are bounded when a program is validated.
			sums[row * TILE_COLUMNS + column] = products.fold(0_i32, |sum, (value, weight)| {
				sum.wrapping_add(i32::from(*value).wrapping_mul(i32::from(*weight)))
			});
		}
	}
}

/// The product of `rows` by some columns of `weights`, tile by tile into `sink`.
pub(super) fn product(
	processor: Processor,
	rows: Rows<'_>,
	weights: &Weights,
	columns: Range<usize>,
	sink: &mut impl FnMut(Place, &TileSums),
) {
	let (set, depth) = (processor.set(), weights.depth);
	assert!(rows.hold(depth), "rows shorter than the depth");
	let mut sums: TileSums = [0; super::TILE_ROWS * TILE_COLUMNS];
	for first in columns.clone().step_by(TILE_COLUMNS) {
		let some = first..(first + TILE_COLUMNS).min(columns.end);
		let bytes = weights.of(some.clone());
		for row in (0..rows.rows).step_by(ROWS) {
			let height = ROWS.min(rows.rows - row);
			let left = rows.values[row * rows.stride..].as_ptr();
			let mut column = 0;
			while column < some.len() {
				let one = some.len() - column < COLUMNS;
				let inner = dot_loop(set, height, one);
				let right = bytes[column * depth..].as_ptr().cast();
				// SAFETY: the processor has the instruction set. `left` holds `height` rows of
				// `depth` values, because all of `rows` do (asserted above); `right` holds `depth`
				// weights for one column, or for four where there are four left. Sums go to rows and
				// columns of the tile, checked.
				unsafe { inner(left, rows.stride, right, depth, &mut sums[column..]) };
				column += if one { 1 } else { COLUMNS };
			}
			sink(Place { row, rows: height, column: first, columns: some.len() }, &sums);
		}
	}
}
