//! The inner loop in plain Rust.

use super::{TileLoop, TileSums, PANEL, TILE_COLUMNS};

/// The loop for `rows` by `panels`.
pub(super) fn tile_loop(rows: usize, panels: usize) -> TileLoop {
	assert!((1..=4).contains(&rows) && panels == 1, "a tile of {rows} by {panels}");
	match rows {
		1 => tile::<1>,
		2 => tile::<2>,
		3 => tile::<3>,
		_ => tile::<4>,
	}
}

/// # Safety
/// `left` holds `R` rows of at least `2 * pairs` values `stride` apart; `right` holds
/// `pairs * PANEL * 2` values.
unsafe fn tile<const R: usize>(
	left: *const i16,
	stride: usize,
	right: *const i16,
	_panel: usize,
	pairs: usize,
	sums: &mut TileSums,
) {
	let mut totals = [[0_i32; PANEL]; R];
	// SAFETY: the caller's promise on `right`.
	let right = unsafe { core::slice::from_raw_parts(right, pairs * PANEL * 2) };
	for (row, totals) in totals.iter_mut().enumerate() {
		// SAFETY: the caller's promise on `left`.
		let left = unsafe { core::slice::from_raw_parts(left.add(row * stride), pairs * 2) };
		for (steps, lanes) in left.chunks_exact(2).zip(right.chunks_exact(PANEL * 2)) {
			let (a, b) = (i32::from(steps[0]), i32::from(steps[1]));
			for (total, lane) in totals.iter_mut().zip(lanes.chunks_exact(2)) {
				// Operands are at most 2^15 in size, so a pair's sum is at most 2^31; the sums over
				// the depth are bounded when a program is validated.
				let pair = a
					.wrapping_mul(i32::from(lane[0]))
					.wrapping_add(b.wrapping_mul(i32::from(lane[1])));
				*total = total.wrapping_add(pair);
			}
		}
	}
	for (row, totals) in totals.iter().enumerate() {
		sums[row * TILE_COLUMNS..row * TILE_COLUMNS + PANEL].copy_from_slice(totals);
	}
}
