//! Matrix products of int16 rows by int8 or int16 columns into int32 sums.
//!
//! The right-hand side is held in *panels*: sixteen columns side by side, and within a panel two
//! steps of the depth beside each other, which is what the dot-product instructions want. A panel
//! of weights stays int8 in memory and is widened, a few panels at a time, when it is used; the
//! widened copy stays in the cache for all the rows.
//!
//! A *tile* is the block of sums that one call of an inner loop keeps in registers.

mod portable;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::isa::{InstructionSet, Processor};
use core::ops::Range;

/// Columns of a panel.
pub const PANEL: usize = 16;
/// Most rows of a tile, whatever the instruction set.
pub(crate) const TILE_ROWS: usize = 8;
/// Most panels of a tile, whatever the instruction set.
pub(crate) const TILE_PANELS: usize = 3;
/// Columns of a tile's buffer.
pub(crate) const TILE_COLUMNS: usize = PANEL * TILE_PANELS;

/// The sums of one tile, row after row.
pub(crate) type TileSums = [i32; TILE_ROWS * TILE_COLUMNS];

/// How many steps of depth a panel holds for `depth`, counted in pairs.
pub(crate) const fn pairs_of(depth: usize) -> usize {
	depth.div_ceil(2)
}

/// Int8 weights `[columns, depth]` in panels.
#[derive(Clone, Debug)]
pub struct PackedWeights {
	columns: usize,
	depth: usize,
	bytes: Vec<i8>,
}

impl PackedWeights {
	/// Packs `weights`, row-major `[columns, depth]`, two's-complement bytes.
	///
	/// Bytes that `weights` lacks count as zero, so that no length can make this fail.
	pub fn new(weights: &[u8], columns: usize, depth: usize) -> Self {
		let pairs = pairs_of(depth);
		let mut bytes = vec![0_i8; Self::bytes_of(columns, depth)];
		for (column, row) in weights.chunks_exact(depth.max(1)).take(columns).enumerate() {
			let panel = (column / PANEL) * pairs * PANEL * 2;
			let lane = (column % PANEL) * 2;
			for (step, weight) in row.iter().enumerate() {
				let at = panel + (step / 2) * PANEL * 2 + lane + step % 2;
				bytes[at] = i8::from_ne_bytes([*weight]);
			}
		}
		Self { columns, depth, bytes }
	}

	/// Bytes that weights of these dimensions take in panels.
	pub(crate) fn bytes_of(columns: usize, depth: usize) -> usize {
		columns.next_multiple_of(PANEL).saturating_mul(pairs_of(depth).saturating_mul(2))
	}

	/// Number of columns, which is the number of rows of the weights as stored.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// Length of each dot product.
	pub fn depth(&self) -> usize {
		self.depth
	}
}

/// Int16 columns in panels: weights widened, or activations.
#[derive(Clone, Debug, Default)]
pub struct PackedColumns {
	columns: usize,
	pairs: usize,
	values: Vec<i16>,
}

impl PackedColumns {
	/// Packs `count` columns of `depth` values; column `c` lies at `c * stride` of `source`.
	///
	/// This is the layout of keys: the product of queries by these columns gives scores.
	pub(crate) fn pack_rows(&mut self, source: &[i16], stride: usize, count: usize, depth: usize) {
		self.reset(count, depth);
		let pairs = self.pairs;
		for column in 0..count {
			let row = &source[column * stride..column * stride + depth];
			let panel = &mut self.values[(column / PANEL) * pairs * PANEL * 2..];
			let lane = (column % PANEL) * 2;
			for (pair, steps) in row.chunks(2).enumerate() {
				let at = pair * PANEL * 2 + lane;
				panel[at] = steps[0];
				panel[at + 1] = steps.get(1).copied().unwrap_or(0);
			}
		}
	}

	/// Packs `count` columns of `depth` values; step `d` of column `c` lies at `d * stride + c`.
	///
	/// This is the layout of values: the product of probabilities by these columns gives contexts.
	pub(crate) fn pack_transposed(
		&mut self,
		source: &[i16],
		stride: usize,
		count: usize,
		depth: usize,
	) {
		self.reset(count, depth);
		let pairs = self.pairs;
		for pair in 0..pairs {
			let even = &source[pair * 2 * stride..pair * 2 * stride + count];
			let maybe_odd = (pair * 2 + 1 < depth)
				.then(|| &source[(pair * 2 + 1) * stride..(pair * 2 + 1) * stride + count]);
			for first in (0..count).step_by(PANEL) {
				let at = (first / PANEL) * pairs * PANEL * 2 + pair * PANEL * 2;
				let width = PANEL.min(count - first);
				let lanes = &mut self.values[at..at + width * 2];
				let evens = &even[first..first + width];
				match maybe_odd {
					Some(odd) => {
						let odds = &odd[first..first + width];
						for ((lane, a), b) in lanes.chunks_exact_mut(2).zip(evens).zip(odds) {
							lane[0] = *a;
							lane[1] = *b;
						}
					},
					None => {
						for (lane, a) in lanes.chunks_exact_mut(2).zip(evens) {
							lane[0] = *a;
							lane[1] = 0;
						}
					},
				}
			}
		}
	}

	/// Bytes that columns of this depth take in panels.
	pub(crate) fn bytes_of(columns: usize, depth: usize) -> usize {
		let values = columns.next_multiple_of(PANEL).saturating_mul(pairs_of(depth) * 2);
		values.saturating_mul(size_of::<i16>())
	}

	/// Makes room; the padding columns of the last panel and the odd last step read zero.
	fn reset(&mut self, columns: usize, depth: usize) {
		self.columns = columns;
		self.pairs = pairs_of(depth);
		let length = columns.div_ceil(PANEL) * self.pairs * PANEL * 2;
		if self.values.len() != length || !columns.is_multiple_of(PANEL) {
			self.values.clear();
			self.values.resize(length, 0);
		}
	}

	/// Widens panels `first..first + count` of `weights`.
	fn widen(&mut self, processor: Processor, weights: &PackedWeights, first: usize, count: usize) {
		let pairs = pairs_of(weights.depth);
		let panel = pairs * PANEL * 2;
		self.columns = count * PANEL;
		self.pairs = pairs;
		self.values.resize(count * panel, 0);
		let source = &weights.bytes[first * panel..(first + count) * panel];
		widen_bytes(processor, source, &mut self.values);
	}
}

/// Sign-extends bytes.
fn widen_bytes(processor: Processor, source: &[i8], target: &mut [i16]) {
	assert_eq!(source.len(), target.len(), "as many words as bytes");
	match processor.set() {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
			// SAFETY: the processor has AVX-512 F and BW.
			unsafe { x86::widen_avx512(source, target) }
		},
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 | InstructionSet::AvxVnni => {
			// SAFETY: the processor has AVX2.
			unsafe { x86::widen_avx2(source, target) }
		},
		_ => {
			for (word, byte) in target.iter_mut().zip(source) {
				*word = i16::from(*byte);
			}
		},
	}
}

/// Rows of int16 activations. For an odd depth a value follows each row, whatever it is: the
/// columns hold zeros there.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
	values: &'a [i16],
	stride: usize,
	rows: usize,
}

impl<'a> Rows<'a> {
	/// `rows` rows, `stride` values apart.
	pub fn new(values: &'a [i16], stride: usize, rows: usize) -> Self {
		Self { values, stride, rows }
	}

	/// Whether all `width` values of each row are there.
	fn hold(&self, width: usize) -> bool {
		let Some(last) = self.rows.checked_sub(1) else { return true };
		let end = last.checked_mul(self.stride).and_then(|start| start.checked_add(width));
		end.is_some_and(|end| end <= self.values.len())
	}
}

/// Where a tile of sums lies in the product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
	pub row: usize,
	pub rows: usize,
	pub column: usize,
	pub columns: usize,
}

/// A tile's inner loop: rows, their stride, panels, the panels' stride, pairs, where sums go.
type TileLoop = unsafe fn(*const i16, usize, *const i16, usize, usize, &mut TileSums);

/// The largest tile of an instruction set: rows and panels.
fn tile_shape(set: InstructionSet) -> (usize, usize) {
	match set {
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni => (8, 3),
		InstructionSet::Avx2 | InstructionSet::AvxVnni => (6, 1),
		InstructionSet::Neon => (4, 1),
		InstructionSet::Portable => (4, 1),
	}
}

/// The inner loop for a tile of `rows` by `panels`, both within [`tile_shape`].
fn tile_loop(set: InstructionSet, rows: usize, panels: usize) -> TileLoop {
	match set {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512Vnni => x86::avx512_vnni::tile_loop(rows, panels),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 => x86::avx512::tile_loop(rows, panels),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::AvxVnni => x86::avx_vnni::tile_loop(rows),
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 => x86::avx2::tile_loop(rows),
		#[cfg(target_arch = "aarch64")]
		InstructionSet::Neon => neon::tile_loop(rows),
		_ => portable::tile_loop(rows, panels),
	}
}

/// Calls `sink` with the sums of every tile of `rows` by `columns`. The first of the columns is
/// number `span.start` of the whole product, which ends at `span.end`.
fn product_of_panels(
	processor: Processor,
	rows: Rows<'_>,
	columns: &PackedColumns,
	span: Range<usize>,
	sink: &mut impl FnMut(Place, &TileSums),
) {
	let set = processor.set();
	let (tile_rows, tile_panels) = tile_shape(set);
	let panel = columns.pairs * PANEL * 2;
	let panels = columns.columns.div_ceil(PANEL);
	assert!(columns.values.len() >= panels * panel, "panels shorter than the depth");
	assert!(rows.hold(columns.pairs * 2), "rows shorter than the depth");
	let mut sums: TileSums = [0; TILE_ROWS * TILE_COLUMNS];
	for first_panel in (0..panels).step_by(tile_panels) {
		let count = tile_panels.min(panels - first_panel);
		let column = span.start + first_panel * PANEL;
		let width = (count * PANEL).min(span.end - column);
		let right = &columns.values[first_panel * panel..(first_panel + count) * panel];
		for row in (0..rows.rows).step_by(tile_rows) {
			let height = tile_rows.min(rows.rows - row);
			let left = &rows.values[row * rows.stride..];
			let inner = tile_loop(set, height, count);
			// SAFETY: the processor has the instruction set. `left` holds `height` rows of
			// `2 * pairs` values, `stride` apart, because all of `rows` do (asserted above); `right`
			// holds `count` panels of `pairs * PANEL * 2` values; the loop reads no more than that.
			// It writes `height` rows of `count * PANEL` sums, at most `TILE_ROWS` rows, each
			// `TILE_COLUMNS` after the one before.
			unsafe {
				inner(left.as_ptr(), rows.stride, right.as_ptr(), panel, columns.pairs, &mut sums);
			}
			sink(Place { row, rows: height, column, columns: width }, &sums);
		}
	}
}

/// The product of `rows` by `columns`, tile by tile into `sink`.
pub(crate) fn product_of_columns(
	processor: Processor,
	rows: Rows<'_>,
	columns: &PackedColumns,
	mut sink: impl FnMut(Place, &TileSums),
) {
	product_of_panels(processor, rows, columns, 0..columns.columns, &mut sink);
}

/// The product of `rows` by `weights`, tile by tile into `sink`; `scratch` holds widened panels.
pub(crate) fn product_of_weights(
	processor: Processor,
	rows: Rows<'_>,
	weights: &PackedWeights,
	scratch: &mut PackedColumns,
	mut sink: impl FnMut(Place, &TileSums),
) {
	let panels = weights.columns.div_ceil(PANEL);
	let (_, tile_panels) = tile_shape(processor.set());
	for first in (0..panels).step_by(tile_panels) {
		let count = tile_panels.min(panels - first);
		scratch.widen(processor, weights, first, count);
		let span = first * PANEL..weights.columns;
		product_of_panels(processor, rows, scratch, span, &mut sink);
	}
}

/// The whole product as a matrix of sums, for tests and for the product's benchmark.
///
/// # Panics
/// When a row is shorter than the depth rounded up to even, or when `sums` is not `rows * columns`
/// long.
pub fn product_into(
	processor: Processor,
	rows: Rows<'_>,
	weights: &PackedWeights,
	scratch: &mut PackedColumns,
	sums: &mut [i32],
) {
	let columns = weights.columns;
	assert_eq!(sums.len(), rows.rows * columns);
	product_of_weights(processor, rows, weights, scratch, |place, tile| {
		for row in 0..place.rows {
			let at = (place.row + row) * columns + place.column;
			sums[at..at + place.columns]
				.copy_from_slice(&tile[row * TILE_COLUMNS..row * TILE_COLUMNS + place.columns]);
		}
	});
}

#[cfg(test)]
mod tests;
