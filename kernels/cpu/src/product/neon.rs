//! The inner loop for AArch64.

use super::{TileLoop, TileSums, PANEL, TILE_COLUMNS};
use core::arch::aarch64::*;

/// The loop for `rows` by one panel.
pub(super) fn tile_loop(rows: usize) -> TileLoop {
	match rows {
		1 => tile::<1>,
		2 => tile::<2>,
		3 => tile::<3>,
		4 => tile::<4>,
		_ => unreachable!("a tile has one to four rows"),
	}
}

/// # Safety
/// The processor has NEON. `left` holds `R` rows of at least `2 * pairs` values `stride` apart;
/// `right` holds `pairs * PANEL * 2` values; `R` is at most `TILE_ROWS`.
#[target_feature(enable = "neon")]
unsafe fn tile<const R: usize>(
	left: *const i16,
	stride: usize,
	right: *const i16,
	_panel: usize,
	pairs: usize,
	sums: &mut TileSums,
) {
	let mut totals = [[vdupq_n_s32(0); 4]; R];
	// SAFETY: by the caller's promise every load lies within `left` and `right`.
	unsafe {
		let mut left = left;
		let mut right = right;
		for _ in 0..pairs {
			// Eight columns each: the even steps in `.0`, the odd ones in `.1`.
			let low = vld2q_s16(right);
			let high = vld2q_s16(right.add(PANEL));
			for (r, totals) in totals.iter_mut().enumerate() {
				let row = left.add(r.wrapping_mul(stride));
				let (even, odd) = (row.read(), row.add(1).read());
				for (half, columns) in [low, high].into_iter().enumerate() {
					let first = &mut totals[half * 2];
					*first = vmlal_n_s16(*first, vget_low_s16(columns.0), even);
					*first = vmlal_n_s16(*first, vget_low_s16(columns.1), odd);
					let second = &mut totals[half * 2 + 1];
					*second = vmlal_high_n_s16(*second, columns.0, even);
					*second = vmlal_high_n_s16(*second, columns.1, odd);
				}
			}
			left = left.add(2);
			right = right.add(PANEL * 2);
		}
	}
	for (r, totals) in totals.iter().enumerate() {
		for (quarter, total) in totals.iter().enumerate() {
			let at = r * TILE_COLUMNS + quarter * 4;
			let target = &mut sums[at..at + 4];
			// SAFETY: `target` is four sums long.
			unsafe { vst1q_s32(target.as_mut_ptr(), *total) };
		}
	}
}
