//! Row arithmetic for x86-64 where it takes most of the time, written out.
//!
//! A product of int32 needs 64 bits, and so does what is added before a shift. Even and odd lanes
//! are therefore multiplied apart, each pair of lanes being one of 64 bits; the multiplication
//! reads the low half of each, so that nothing has to be widened or narrowed in between. It is
//! taken only where bounds known before the loop show that no step saturates.

use super::{linear_row, scores_row, tile_row, LinearFinish, Rescale, ScoresFinish};
use crate::product::{Place, TileSums, PANEL};
use core::arch::x86_64::*;

/// The finishing functions for one width of register.
macro_rules! finishing {
	(
		$module:ident, $features:literal, $vector:ty, $lanes:literal,
		load: $load:expr, store: $store:expr, repeat: $repeat:expr, repeat_long: $repeat_long:expr,
		add: $add:expr, add_long: $add_long:expr, multiply: $multiply:expr,
		odd: $odd:expr, shift: $shift:expr, raise: $raise:expr, join: $join:expr $(,)?
	) => {
		pub(super) mod $module {
			use super::*;

			/// Rescales and rounds twice, and adds: for each lane the low 32 bits of
			/// `round_shift(round_shift(sum * first) * second) + bias`.
			#[inline]
			#[target_feature(enable = $features)]
			fn rescale(
				sums: $vector,
				first: [$vector; 2],
				second: [$vector; 2],
				bias: $vector,
				rescale: &Constants,
			) -> $vector {
				let middle =
					|product| $shift($add_long(product, rescale.first_half), rescale.first_shift);
				let even = middle($multiply(sums, first[0]));
				let odd = middle($multiply($odd(sums), first[1]));
				let even = $add_long($multiply(even, second[0]), rescale.second_half);
				let odd = $add_long($multiply(odd, second[1]), rescale.second_half);
				let even = $shift(even, rescale.second_shift);
				// Moves bit `second_shift` to bit 32, where the odd lane begins.
				let odd = $raise(odd, rescale.second_raise);
				$add($join(even, odd), bias)
			}

			struct Constants {
				first_half: $vector,
				first_shift: __m128i,
				second_half: $vector,
				second_shift: __m128i,
				second_raise: __m128i,
			}

			#[inline]
			#[target_feature(enable = $features)]
			fn constants((first, second): (u32, u32)) -> Constants {
				Constants {
					first_half: $repeat_long(1 << (first - 1)),
					first_shift: _mm_cvtsi32_si128(first as i32),
					second_half: $repeat_long(1 << (second - 1)),
					second_shift: _mm_cvtsi32_si128(second as i32),
					second_raise: _mm_cvtsi32_si128(32 - second as i32),
				}
			}

			/// One of the two multipliers is the same for a whole row, the other is not.
			#[inline]
			#[target_feature(enable = $features)]
			fn row(
				sums: &[i32],
				factor: i32,
				factors: &[i32],
				factor_is_first: bool,
				maybe_bias: Option<&[i32]>,
				shifts: (u32, u32),
				out: &mut [i32],
			) {
				let width = sums.len();
				assert!(factors.len() == width && out.len() == width && width % $lanes == 0);
				assert!(maybe_bias.is_none_or(|bias| bias.len() == width));
				let constants = constants(shifts);
				let repeated = $repeat(factor);
				for at in (0..width).step_by($lanes) {
					// SAFETY: `at + $lanes` is at most the length of each slice, asserted above, and
					// the load is an unaligned one.
					let sums = unsafe { $load(sums.as_ptr().add(at)) };
					// SAFETY: as above.
					let factors = unsafe { $load(factors.as_ptr().add(at)) };
					let bias = match maybe_bias {
						// SAFETY: as above.
						Some(bias) => unsafe { $load(bias.as_ptr().add(at)) },
						None => $repeat(0),
					};
					let own = [factors, $odd(factors)];
					let common = [repeated, repeated];
					let value = if factor_is_first {
						rescale(sums, common, own, bias, &constants)
					} else {
						rescale(sums, own, common, bias, &constants)
					};
					// SAFETY: as above, and the store is an unaligned one.
					unsafe { $store(out.as_mut_ptr().add(at), value) };
				}
			}

			/// `Linear`, finish, for one tile.
			#[target_feature(enable = $features)]
			pub(in super::super) fn finish_linear(
				sums: &TileSums,
				place: Place,
				finish: LinearFinish<'_>,
				factors: &[i64],
				stride: usize,
				out: &mut [i32],
			) {
				let columns = place.column..place.column + place.columns;
				let (scales, bias) = (&finish.scales[columns.clone()], &finish.bias[columns]);
				for number in 0..place.rows {
					let factor = factors[number];
					let sums = tile_row(sums, number, place.columns);
					let out = &mut out[number * stride..number * stride + place.columns];
					match finish.rescale.fixed_factor(factor) {
						Some(factor) if place.columns % PANEL == 0 => {
							row(sums, factor, scales, false, Some(bias), finish.shifts, out);
						},
						_ => linear_row(sums, scales, bias, factor, finish.shifts, out),
					}
				}
			}

			/// `Scores`, finish, for one tile.
			#[target_feature(enable = $features)]
			pub(in super::super) fn finish_scores(
				sums: &TileSums,
				place: Place,
				finish: ScoresFinish<'_>,
				stride: usize,
				out: &mut [i32],
			) {
				let columns = place.column..place.column + place.columns;
				let maybe_narrow = finish.narrow_key_factors.get(columns.clone());
				for number in 0..place.rows {
					let factor = finish.query_factors[place.row + number];
					let sums = tile_row(sums, number, place.columns);
					let out = &mut out[number * stride..number * stride + place.columns];
					let maybe_factor = Rescale::of_scores(&finish, factor);
					match (maybe_factor, maybe_narrow) {
						(Some(factor), Some(narrow)) if place.columns % PANEL == 0 => {
							row(sums, factor, narrow, true, None, finish.shifts, out);
						},
						_ => scores_row(sums, factor, columns.clone(), &finish, out),
					}
				}
			}
		}
	};
}

finishing!(
	wide, "avx512f,avx512bw,avx512dq,avx512vl", __m512i, 16,
	load: |from: *const i32| _mm512_loadu_si512(from.cast()),
	store: |to: *mut i32, value| _mm512_storeu_si512(to.cast(), value),
	repeat: |value| _mm512_set1_epi32(value),
	repeat_long: |value| _mm512_set1_epi64(value),
	add: |a, b| _mm512_add_epi32(a, b),
	add_long: |a, b| _mm512_add_epi64(a, b),
	multiply: |a, b| _mm512_mul_epi32(a, b),
	odd: |a| _mm512_srli_epi64::<32>(a),
	shift: |a, count| _mm512_srl_epi64(a, count),
	raise: |a, count| _mm512_sll_epi64(a, count),
	join: |even, odd| _mm512_mask_blend_epi32(0xAAAA, even, odd),
);

finishing!(
	narrow, "avx2", __m256i, 8,
	load: |from: *const i32| _mm256_loadu_si256(from.cast()),
	store: |to: *mut i32, value| _mm256_storeu_si256(to.cast(), value),
	repeat: |value| _mm256_set1_epi32(value),
	repeat_long: |value| _mm256_set1_epi64x(value),
	add: |a, b| _mm256_add_epi32(a, b),
	add_long: |a, b| _mm256_add_epi64(a, b),
	multiply: |a, b| _mm256_mul_epi32(a, b),
	odd: |a| _mm256_srli_epi64::<32>(a),
	shift: |a, count| _mm256_srl_epi64(a, count),
	raise: |a, count| _mm256_sll_epi64(a, count),
	join: |even, odd| _mm256_blend_epi32::<0xAA>(even, odd),
);

/// `Quantise` of rows against their own maxima, where nothing has to be clamped.
///
/// One rounding less than in [`super::quantise_parts`], and the same proof.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn quantise_own(
	values: &[i32],
	part: usize,
	maxima: &[i32],
	limit: f64,
	out: &mut [i16],
) {
	let half_up = _mm512_set1_pd(super::HALF_UP);
	let parts = values.chunks_exact(part).zip(out.chunks_exact_mut(part));
	for ((values, out), max) in parts.zip(maxima) {
		let ratio = limit / f64::from((*max).max(1));
		let ratios = _mm512_set1_pd(ratio);
		let (values, values_rest) = values.as_chunks::<16>();
		let (out, out_rest) = out.as_chunks_mut::<16>();
		let scaled = |values: __m256i| {
			_mm512_cvtpd_epi32(_mm512_fmadd_pd(_mm512_cvtepi32_pd(values), ratios, half_up))
		};
		for (out, values) in out.iter_mut().zip(values) {
			let (low, high) = values.split_at(8);
			// SAFETY: each half is eight values long; the loads are unaligned ones.
			let (low, high) = unsafe {
				(_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast()))
			};
			let low = _mm512_castsi256_si512(scaled(low));
			let both = _mm512_inserti64x4::<1>(low, scaled(high));
			// SAFETY: `out` is sixteen values long; the store is an unaligned one.
			unsafe {
				_mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(both));
			}
		}
		for (out, value) in out_rest.iter_mut().zip(values_rest) {
			*out = super::nearest(f64::from(*value).mul_add(ratio, super::HALF_UP)) as i16;
		}
	}
}
