//! The inner loops for x86-64.

use super::{few::DotLoop, TileLoop, TileSums, PANEL, TILE_COLUMNS};
use core::arch::{asm, x86_64::*};

/// Bytes of a cache line.
const LINE: usize = 64;
/// How far ahead weights are fetched.
const AHEAD: usize = 8192;

/// Declares the loops of dot products along weights for one width of register: `$step` weights
/// are loaded and widened at a time, and as many values.
macro_rules! dots {
	(
		$features:literal, $step:literal, $accumulate:expr,
		zero: $zero:expr, weights: $weights:expr, values: $values:expr, sum: $sum:expr $(,)?
	) => {
		/// The loop for up to four rows by four columns, or by one.
		pub(in super::super) fn dot_loop(rows: usize, one: bool) -> DotLoop {
			match (rows, one) {
				(1, false) => dots::<1, 4>,
				(2, false) => dots::<2, 4>,
				(3, false) => dots::<3, 4>,
				(4, false) => dots::<4, 4>,
				(1, true) => dots::<1, 1>,
				(2, true) => dots::<2, 1>,
				(3, true) => dots::<3, 1>,
				(4, true) => dots::<4, 1>,
				_ => unreachable!("a tile has one to four rows"),
			}
		}

		/// # Safety
		/// The processor has the features. `left` holds `R` rows of `depth` values `stride` apart,
		/// `right` `C` times `depth` weights.
		#[target_feature(enable = $features)]
		unsafe fn dots<const R: usize, const C: usize>(
			left: *const i16,
			stride: usize,
			right: *const i8,
			depth: usize,
			sums: &mut [i32],
		) {
			let mut totals = [[$zero; C]; R];
			macro_rules! step {
				($at:expr) => {
					let mut columns = [$zero; C];
					for (c, column) in columns.iter_mut().enumerate() {
						*column = $weights(right.add(c.wrapping_mul(depth)).add($at));
					}
					for (r, totals) in totals.iter_mut().enumerate() {
						let values = $values(left.add(r.wrapping_mul(stride)).add($at));
						for (total, column) in totals.iter_mut().zip(columns) {
							*total = $accumulate(*total, values, column);
						}
					}
				};
			}
			let (lines, whole) = (depth - depth % LINE, depth - depth % $step);
			// SAFETY: by the caller's promise every load lies within `left` and `right`. What comes
			// some way after is fetched for later tiles; an address beyond the weights does no harm.
			unsafe {
				let mut at = 0;
				let mut ahead = right.wrapping_add(AHEAD);
				while at < lines {
					// Each line once, in the order of memory: more would cost more than it gains.
					for c in 0..C {
						_mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(c * LINE).cast());
					}
					ahead = ahead.wrapping_add(C * LINE);
					step!(at);
					step!(at.wrapping_add($step));
					if LINE > 2 * $step {
						step!(at.wrapping_add(2 * $step));
						step!(at.wrapping_add(3 * $step));
					}
					at = at.wrapping_add(LINE);
				}
				while at < whole {
					step!(at);
					at = at.wrapping_add($step);
				}
				for (r, totals) in totals.iter().enumerate() {
					for (c, total) in totals.iter().enumerate() {
						let values = left.add(r.wrapping_mul(stride));
						let weights = right.add(c.wrapping_mul(depth));
						let rest = (whole..depth).fold(0_i32, |sum, at| {
							let product = i32::from(values.add(at).read())
								.wrapping_mul(i32::from(weights.add(at).read()));
							sum.wrapping_add(product)
						});
						sums[r * TILE_COLUMNS + c] = rest.wrapping_add($sum(*total));
					}
				}
			}
		}
	};
}

/// Sum of eight lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_256(lanes: __m256i) -> i32 {
	let four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
	let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
	_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

/// Tiles of up to 8 rows by 3 panels, a panel being one 512-bit register of sums.
macro_rules! tiles_512 {
	($module:ident, $features:literal, $accumulate:expr) => {
		pub(super) mod $module {
			use super::*;

			dots!(
				$features, 32, $accumulate,
				zero: _mm512_setzero_si512(),
				weights: |from: *const i8| _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast())),
				values: |from: *const i16| _mm512_loadu_si512(from.cast()),
				sum: |total| _mm512_reduce_add_epi32(total),
			);

			/// The loop for `rows` by `panels`.
			pub(in super::super) fn tile_loop(rows: usize, panels: usize) -> TileLoop {
				match panels {
					1 => of_rows::<1>(rows),
					2 => of_rows::<2>(rows),
					3 => of_rows::<3>(rows),
					_ => unreachable!("a tile has at most three panels"),
				}
			}

			fn of_rows<const P: usize>(rows: usize) -> TileLoop {
				match rows {
					1 => tile::<1, P>,
					2 => tile::<2, P>,
					3 => tile::<3, P>,
					4 => tile::<4, P>,
					5 => tile::<5, P>,
					6 => tile::<6, P>,
					7 => tile::<7, P>,
					8 => tile::<8, P>,
					_ => unreachable!("a tile has one to eight rows"),
				}
			}

			/// # Safety
			/// The processor has the features. `left` holds `R` rows of at least `2 * pairs` values
			/// `stride` apart; `right` holds `P` panels of `pairs * PANEL * 2` values, `panel`
			/// apart; `R` is at most `TILE_ROWS` and `P` at most `TILE_PANELS`.
			#[target_feature(enable = $features)]
			unsafe fn tile<const R: usize, const P: usize>(
				left: *const i16,
				stride: usize,
				right: *const i16,
				panel: usize,
				pairs: usize,
				sums: &mut TileSums,
			) {
				let mut totals = [[_mm512_setzero_si512(); P]; R];
				// SAFETY: by the caller's promise every load lies within `left` and `right`.
				unsafe {
					let mut left = left;
					let mut right = right;
					for _ in 0..pairs {
						let mut columns = [_mm512_setzero_si512(); P];
						for (p, column) in columns.iter_mut().enumerate() {
							*column = _mm512_loadu_si512(right.add(p.wrapping_mul(panel)).cast());
						}
						for (r, totals) in totals.iter_mut().enumerate() {
							let row = left.add(r.wrapping_mul(stride)).cast::<i32>();
							let steps = _mm512_set1_epi32(row.read_unaligned());
							for (total, column) in totals.iter_mut().zip(columns) {
								*total = $accumulate(*total, steps, column);
							}
						}
						left = left.add(2);
						right = right.add(PANEL * 2);
					}
				}
				for (r, totals) in totals.iter().enumerate() {
					for (p, total) in totals.iter().enumerate() {
						let at = r * TILE_COLUMNS + p * PANEL;
						let target = &mut sums[at..at + PANEL];
						// SAFETY: `target` is sixteen sums long; the store is an unaligned one.
						unsafe { _mm512_storeu_si512(target.as_mut_ptr().cast(), *total) };
					}
				}
			}
		}
	};
}

tiles_512!(avx512_vnni, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", dot_512);
tiles_512!(avx512, "avx512f,avx512bw,avx512dq,avx512vl", multiply_add_512);

/// `total + a . b` in pairs.
///
/// As assembly, because LLVM takes the intrinsic apart into a product and a sum in unrolled loops,
/// which halves the speed.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn dot_512(total: __m512i, a: __m512i, b: __m512i) -> __m512i {
	let mut total = total;
	// SAFETY: one instruction of the enabled features, on registers only.
	unsafe {
		asm!(
			"vpdpwssd {total}, {a}, {b}",
			total = inout(zmm_reg) total,
			a = in(zmm_reg) a,
			b = in(zmm_reg) b,
			options(pure, nomem, nostack, preserves_flags)
		);
	}
	total
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn multiply_add_512(total: __m512i, a: __m512i, b: __m512i) -> __m512i {
	_mm512_add_epi32(total, _mm512_madd_epi16(a, b))
}

/// Tiles of up to 6 rows by 1 panel, a panel being two 256-bit registers of sums.
macro_rules! tiles_256 {
	($module:ident, $features:literal, $accumulate:expr) => {
		pub(super) mod $module {
			use super::*;

			dots!(
				$features, 16, $accumulate,
				zero: _mm256_setzero_si256(),
				weights: |from: *const i8| _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())),
				values: |from: *const i16| _mm256_loadu_si256(from.cast()),
				sum: |total| sum_256(total),
			);

			/// The loop for `rows` by one panel.
			pub(in super::super) fn tile_loop(rows: usize) -> TileLoop {
				match rows {
					1 => tile::<1>,
					2 => tile::<2>,
					3 => tile::<3>,
					4 => tile::<4>,
					5 => tile::<5>,
					6 => tile::<6>,
					_ => unreachable!("a tile has one to six rows"),
				}
			}

			/// # Safety
			/// The processor has the features. `left` holds `R` rows of at least `2 * pairs` values
			/// `stride` apart; `right` holds `pairs * PANEL * 2` values; `R` is at most `TILE_ROWS`.
			#[target_feature(enable = $features)]
			unsafe fn tile<const R: usize>(
				left: *const i16,
				stride: usize,
				right: *const i16,
				_panel: usize,
				pairs: usize,
				sums: &mut TileSums,
			) {
				let mut totals = [[_mm256_setzero_si256(); 2]; R];
				// SAFETY: by the caller's promise every load lies within `left` and `right`.
				unsafe {
					let mut left = left;
					let mut right = right;
					for _ in 0..pairs {
						let columns = [
							_mm256_loadu_si256(right.cast()),
							_mm256_loadu_si256(right.add(PANEL).cast()),
						];
						for (r, totals) in totals.iter_mut().enumerate() {
							let row = left.add(r.wrapping_mul(stride)).cast::<i32>();
							let steps = _mm256_set1_epi32(row.read_unaligned());
							for (total, column) in totals.iter_mut().zip(columns) {
								*total = $accumulate(*total, steps, column);
							}
						}
						left = left.add(2);
						right = right.add(PANEL * 2);
					}
				}
				for (r, totals) in totals.iter().enumerate() {
					for (half, total) in totals.iter().enumerate() {
						let at = r * TILE_COLUMNS + half * (PANEL / 2);
						let target = &mut sums[at..at + PANEL / 2];
						// SAFETY: `target` is eight sums long; the store is an unaligned one.
						unsafe { _mm256_storeu_si256(target.as_mut_ptr().cast(), *total) };
					}
				}
			}
		}
	};
}

tiles_256!(avx_vnni, "avx2,avxvnni", dot_256);
tiles_256!(avx2, "avx2", multiply_add_256);

/// `total + a . b` in pairs; as assembly for the reason of [`dot_512`].
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn dot_256(total: __m256i, a: __m256i, b: __m256i) -> __m256i {
	let mut total = total;
	// SAFETY: one instruction of the enabled features, on registers only.
	unsafe {
		asm!(
			"{{vex}} vpdpwssd {total}, {a}, {b}",
			total = inout(ymm_reg) total,
			a = in(ymm_reg) a,
			b = in(ymm_reg) b,
			options(pure, nomem, nostack, preserves_flags)
		);
	}
	total
}

#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add_256(total: __m256i, a: __m256i, b: __m256i) -> __m256i {
	_mm256_add_epi32(total, _mm256_madd_epi16(a, b))
}
