//! Matrix products of int16 rows by int8 or int16 columns into int32 sums.
//!
//! The right-hand side is held in *panels*: sixteen columns side by side, and within a panel two
//! steps of the depth beside each other, which is what the dot-product instructions want.
//!
//! Weights are used as they are stored, row-major int8, mostly in a mapped file: there is no second
//! copy of them, and nothing to prepare. For many rows a few panels at a time are transposed and
//! widened, and stay in the cache for all rows. For a few rows, where the time goes into reading
//! weights, each weight is widened as it is loaded, and read once.
//!
//! A *tile* is the block of sums that one call of an inner loop keeps in registers.

mod few;
mod portable;
mod widen;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::isa::{InstructionSet, Processor};
use assay_program::Bytes;
use core::ops::Range;

/// Columns of a panel.
pub const PANEL: usize = 16;
/// Most rows of a tile, whatever the instruction set.
pub(crate) const TILE_ROWS: usize = 8;
/// Most panels of a tile, whatever the instruction set.
pub(crate) const TILE_PANELS: usize = 3;
/// Most rows for which weights are not put into panels.
pub(crate) const FEW_ROWS: usize = 16;
/// Columns of a tile's buffer.
pub(crate) const TILE_COLUMNS: usize = PANEL * TILE_PANELS;

/// The sums of one tile, row after row.
pub(crate) type TileSums = [i32; TILE_ROWS * TILE_COLUMNS];

/// How many steps of depth a panel holds for `depth`, counted in pairs.
pub(crate) const fn pairs_of(depth: usize) -> usize {
	depth.div_ceil(2)
}

/// Int8 weights as they are stored: row-major `[columns, depth]`, two's-complement bytes. A row of
/// them is a column of the product.
#[derive(Clone, Debug)]
pub struct Weights {
	columns: usize,
	depth: usize,
	bytes: Bytes,
}

impl Weights {
	/// Weights of these dimensions; `None` where there are fewer bytes.
	pub fn new(bytes: Bytes, columns: usize, depth: usize) -> Option<Self> {
		let length = columns.checked_mul(depth)?;
		(bytes.len() >= length).then_some(Self { columns, depth, bytes })
	}

	/// Number of columns, which is the number of rows of the weights as stored.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// Length of each dot product.
	pub fn depth(&self) -> usize {
		self.depth
	}

	/// The weights of some columns, one after the other.
	fn of(&self, columns: Range<usize>) -> &[u8] {
		&self.bytes[columns.start * self.depth..columns.end * self.depth]
	}
}

/// Int16 columns in panels: weights widened, or activations.
///
/// Columns or steps can be added up to the capacity given before. What was not written yet is of
/// any value: of a column that is not there the sums are left out, and a step that is not there
/// meets a zero in the row.
#[derive(Clone, Debug, Default)]
pub struct PackedColumns {
	columns: usize,
	steps: usize,
	/// Values from one panel to the next.
	stride: usize,
	values: Vec<i16>,
}

impl PackedColumns {
	/// Begins with no columns, of `depth` values each, and memory for `capacity` of them.
	pub(crate) fn begin_rows(&mut self, depth: usize, capacity: usize) {
		let stride = pairs_of(depth) * PANEL * 2;
		self.begin(0, depth, stride, capacity.div_ceil(PANEL) * stride);
	}

	/// Begins with `columns` columns of no values, and memory for `capacity` values of each.
	pub(crate) fn begin_transposed(&mut self, columns: usize, capacity: usize) {
		let stride = pairs_of(capacity) * PANEL * 2;
		self.begin(columns, 0, stride, columns.div_ceil(PANEL) * stride);
	}

	fn begin(&mut self, columns: usize, steps: usize, stride: usize, length: usize) {
		if self.values.len() < length {
			// Not resized: memory that is zero from the start takes no time before it is used.
			self.values = vec![0; length];
		}
		(self.columns, self.steps, self.stride) = (columns, steps, stride);
	}

	/// Adds `count` columns; column `c` of them lies at `c * stride` of `source`.
	///
	/// This is the layout of keys: the product of queries by these columns gives scores.
	pub(crate) fn append_rows(&mut self, source: &[i16], stride: usize, count: usize) {
		for (number, column) in (self.columns..self.columns + count).enumerate() {
			let row = &source[number * stride..number * stride + self.steps];
			let panel = &mut self.values[(column / PANEL) * self.stride..];
			let lane = (column % PANEL) * 2;
			for (pair, steps) in row.chunks(2).enumerate() {
				let at = pair * PANEL * 2 + lane;
				panel[at] = steps[0];
				panel[at + 1] = steps.get(1).copied().unwrap_or(0);
			}
		}
		self.columns += count;
	}

	/// Adds `count` values to each column; value `d` of column `c` lies at `d * stride + c`.
	///
	/// This is the layout of values: the product of probabilities by these columns gives contexts.
	pub(crate) fn append_transposed(&mut self, source: &[i16], stride: usize, count: usize) {
		let (mut source, mut count) = (source, count);
		if count > 0 && !self.steps.is_multiple_of(2) {
			// The second half of a pair.
			self.append_step(&source[..self.columns]);
			source = source.get(stride..).unwrap_or_default();
			count -= 1;
		}
		for pair in 0..count / 2 {
			let even = &source[pair * 2 * stride..pair * 2 * stride + self.columns];
			let odd = &source[(pair * 2 + 1) * stride..(pair * 2 + 1) * stride + self.columns];
			let pair = self.steps / 2;
			for (number, (evens, odds)) in even.chunks(PANEL).zip(odd.chunks(PANEL)).enumerate() {
				let at = number * self.stride + pair * PANEL * 2;
				let lanes = self.values[at..at + evens.len() * 2].chunks_exact_mut(2);
				for ((lane, a), b) in lanes.zip(evens).zip(odds) {
					lane[0] = *a;
					lane[1] = *b;
				}
			}
			self.steps += 2;
		}
		if !count.is_multiple_of(2) {
			self.append_step(&source[(count - 1) * stride..(count - 1) * stride + self.columns]);
		}
	}

	/// Adds a value to each column.
	fn append_step(&mut self, row: &[i16]) {
		let (pair, odd) = (self.steps / 2, self.steps % 2);
		for (number, values) in row.chunks(PANEL).enumerate() {
			let at = number * self.stride + pair * PANEL * 2;
			let lanes = self.values[at..at + values.len() * 2].chunks_exact_mut(2);
			for (lane, value) in lanes.zip(values) {
				lane[odd] = *value;
			}
		}
		self.steps += 1;
	}

	/// Bytes that columns of this depth take in panels.
	pub(crate) fn bytes_of(columns: usize, depth: usize) -> usize {
		let values = columns.next_multiple_of(PANEL).saturating_mul(pairs_of(depth) * 2);
		values.saturating_mul(size_of::<i16>())
	}

	/// The first `columns` columns.
	pub(crate) fn first(&self, columns: usize) -> Panels<'_> {
		assert!(columns <= self.columns, "columns that are there");
		let (values, pairs, stride) = (&self.values[..], pairs_of(self.steps), self.stride);
		Panels { values, columns, pairs, stride }
	}

	/// Some steps of all columns; they begin at an even one.
	pub(crate) fn steps(&self, steps: Range<usize>) -> Panels<'_> {
		assert!(steps.start.is_multiple_of(2) && steps.end <= self.steps, "steps that are there");
		let values = &self.values[steps.start * PANEL..];
		Panels { values, columns: self.columns, pairs: pairs_of(steps.len()), stride: self.stride }
	}

	/// Transposes and widens some columns of `weights`.
	fn widen(&mut self, processor: Processor, weights: &Weights, columns: Range<usize>) {
		let (depth, stride) = (weights.depth, pairs_of(weights.depth) * PANEL * 2);
		let length = columns.len().div_ceil(PANEL) * stride;
		if self.values.len() < length {
			self.values.resize(length, 0);
		}
		(self.columns, self.steps, self.stride) = (columns.len(), depth, stride);
		let panels = weights.of(columns).chunks(PANEL * depth);
		for (source, target) in panels.zip(self.values.chunks_exact_mut(stride)) {
			widen::panel(processor, source, depth, target);
		}
	}
}

/// Columns to multiply by, in panels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<'a> {
	values: &'a [i16],
	columns: usize,
	/// Steps of the depth, in pairs.
	pairs: usize,
	/// Values from one panel to the next.
	stride: usize,
}

impl Panels<'_> {
	/// Whether all values of each panel are there.
	fn are_whole(&self) -> bool {
		let Some(last) = self.columns.div_ceil(PANEL).checked_sub(1) else { return true };
		last * self.stride + self.pairs * PANEL * 2 <= self.values.len()
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

/// Calls `sink` with the sums of every tile of `rows` by `columns`, of which the first is number
/// `first` of the whole product.
fn product_of_panels(
	processor: Processor,
	rows: Rows<'_>,
	columns: Panels<'_>,
	first: usize,
	sink: &mut impl FnMut(Place, &TileSums),
) {
	let set = processor.set();
	let (tile_rows, tile_panels) = tile_shape(set);
	let Panels { values, columns: all, pairs, stride } = columns;
	assert!(columns.are_whole(), "panels shorter than the depth");
	assert!(rows.hold(pairs * 2), "rows shorter than the depth");
	let mut sums: TileSums = [0; TILE_ROWS * TILE_COLUMNS];
	let panels = all.div_ceil(PANEL);
	for first_panel in (0..panels).step_by(tile_panels) {
		let count = tile_panels.min(panels - first_panel);
		let width = (count * PANEL).min(all - first_panel * PANEL);
		let column = first + first_panel * PANEL;
		let right = &values[first_panel * stride..];
		for row in (0..rows.rows).step_by(tile_rows) {
			let height = tile_rows.min(rows.rows - row);
			let left = &rows.values[row * rows.stride..];
			let inner = tile_loop(set, height, count);
			// SAFETY: the processor has the instruction set. `left` holds `height` rows of
			// `2 * pairs` values, `stride` apart, because all of `rows` do (asserted above); `right`
			// holds `count` panels of `pairs * PANEL * 2` values, because all of `columns` do; the
			// loop reads no more than that. It writes `height` rows of `count * PANEL` sums, at most
			// `TILE_ROWS` rows, each `TILE_COLUMNS` after the one before.
			unsafe {
				inner(left.as_ptr(), rows.stride, right.as_ptr(), stride, pairs, &mut sums);
			}
			sink(Place { row, rows: height, column, columns: width }, &sums);
		}
	}
}

/// The product of `rows` by `columns`, tile by tile into `sink`.
pub(crate) fn product_of_columns(
	processor: Processor,
	rows: Rows<'_>,
	columns: Panels<'_>,
	mut sink: impl FnMut(Place, &TileSums),
) {
	product_of_panels(processor, rows, columns, 0, &mut sink);
}

/// The product of `rows` by some columns of `weights`, tile by tile into `sink`, which is told the
/// columns' numbers in the whole product; `scratch` holds widened panels.
pub(crate) fn product_of_weights(
	processor: Processor,
	rows: Rows<'_>,
	weights: &Weights,
	columns: Range<usize>,
	scratch: &mut PackedColumns,
	mut sink: impl FnMut(Place, &TileSums),
) {
	if rows.rows <= FEW_ROWS {
		few::product(processor, rows, weights, columns, &mut sink);
		return;
	}
	let (_, tile_panels) = tile_shape(processor.set());
	let at_once = tile_panels * PANEL;
	for first in columns.clone().step_by(at_once) {
		let some = first..(first + at_once).min(columns.end);
		let count = some.len();
		scratch.widen(processor, weights, some);
		product_of_panels(processor, rows, scratch.first(count), first, &mut sink);
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
	weights: &Weights,
	scratch: &mut PackedColumns,
	sums: &mut [i32],
) {
	let columns = weights.columns;
	assert_eq!(sums.len(), rows.rows * columns);
	product_of_weights(processor, rows, weights, 0..columns, scratch, |place, tile| {
		for row in 0..place.rows {
			let at = (place.row + row) * columns + place.column;
			sums[at..at + place.columns]
				.copy_from_slice(&tile[row * TILE_COLUMNS..row * TILE_COLUMNS + place.columns]);
		}
	});
}

#[cfg(test)]
mod tests;
