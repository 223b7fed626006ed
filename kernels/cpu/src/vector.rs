//! Row arithmetic, compiled once for every instruction set.
//!
//! The bodies are plain loops that the compiler turns into vector code for each instruction set,
//! so that they cannot differ. Integers here never wrap: each `wrapping_` operation is one whose
//! bounds are proved beside it, written so because checked arithmetic would keep the loops scalar.
//!
//! Quotients are taken in float64 where that is proved to give the exact integer, see
//! [`quantise_parts`].

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use crate::isa::InstructionSet;
use crate::{
	isa::Processor,
	product::{Place, TileSums, TILE_COLUMNS},
};
use core::ops::Range;

/// Declares functions that take a [`Processor`] and run the body compiled for it.
macro_rules! vectorised {
	($(
		$(#[$meta:meta])*
		fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
	)*) => {$(
		$(#[$meta])*
		pub(crate) fn $name(processor: Processor, $($argument: $type),*) $(-> $result)? {
			#[inline(always)]
			fn body($($argument: $type),*) $(-> $result)? $body

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
			fn wide($($argument: $type),*) $(-> $result)? {
				body($($argument),*)
			}

			#[cfg(target_arch = "x86_64")]
			#[target_feature(enable = "avx2")]
			fn narrow($($argument: $type),*) $(-> $result)? {
				body($($argument),*)
			}

			match processor.set() {
				#[cfg(target_arch = "x86_64")]
				InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
					// SAFETY: a `Processor` exists for instruction sets only that are there.
					unsafe { wide($($argument),*) }
				},
				#[cfg(target_arch = "x86_64")]
				InstructionSet::Avx2 | InstructionSet::AvxVnni => {
					// SAFETY: as above.
					unsafe { narrow($($argument),*) }
				},
				_ => body($($argument),*),
			}
		}
	)*};
}

/// `(value + 2^(shift-1)) >> shift` for `|value| < 2^62 + 2^61` and `shift` of 1 to 62, and the
/// value itself for a shift of 0.
#[inline(always)]
fn round_shift(value: i64, half: i64, shift: u32) -> i64 {
	value.wrapping_add(half) >> shift
}

/// `2^(shift-1)`, or 0.
#[inline(always)]
fn half_of(shift: u32) -> i64 {
	(1_i64 << shift) >> 1
}

/// Into int32, the nearest value.
#[inline(always)]
fn saturate(value: i64) -> i32 {
	value.clamp(i32::MIN as i64, i32::MAX as i64) as i32
}

/// Added to a float64 below 2^51, leaves the nearest integer in the low bits of its mantissa.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// The nearest int32 of a float64 within int32, ties to even.
#[inline(always)]
fn nearest(value: f64) -> i32 {
	(value + TO_INTEGER).to_bits() as i32
}

/// What pushes an exact half up, and nothing else; see [`quantise_parts`].
const HALF_UP: f64 = 1.0 / (1_u64 << 34) as f64;

/// A divisor of a whole row.
#[derive(Clone, Copy)]
struct Divisor {
	divisor: f64,
	reciprocal: f64,
}

impl Divisor {
	/// A divisor below 1 counts as 1.
	#[inline(always)]
	fn new(divisor: i32) -> Self {
		let divisor = f64::from(divisor.max(1));
		Self { divisor, reciprocal: 1.0 / divisor }
	}

	/// `sat(round_div(dividend, divisor))`, the dividend an integer of at most 2^51.
	///
	/// It is exact in float64. The rounded product with the reciprocal is within 1 of the quotient,
	/// the rest that it leaves is exact, and tells whether the integer that `round_div` asks for is
	/// the next one above or below. Where the quotient passes int32 nothing of this matters.
	#[inline(always)]
	fn divide(self, dividend: f64) -> i32 {
		const TOP: f64 = i32::MAX as f64;
		const BOTTOM: f64 = i32::MIN as f64;
		let quotient = (dividend * self.reciprocal + TO_INTEGER) - TO_INTEGER;
		let twice_rest = (dividend - quotient * self.divisor) * 2.0;
		let up = if twice_rest >= self.divisor { 1.0 } else { 0.0 };
		let down = if twice_rest < -self.divisor { 1.0 } else { 0.0 };
		let quotient = quotient + up - down;
		let quotient = if quotient > TOP { TOP } else { quotient };
		let quotient = if quotient < BOTTOM { BOTTOM } else { quotient };
		nearest(quotient)
	}
}

/// How a row of sums becomes a row of a linear operator's output.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "the plain loops ask nothing"))]
pub(crate) struct LinearFinish<'a> {
	/// Multipliers of all columns, none negative.
	pub scales: &'a [i32],
	/// Bias of all columns.
	pub bias: &'a [i32],
	/// Both shifts.
	pub shifts: (u32, u32),
	/// When nothing saturates.
	pub rescale: Rescale,
}

/// What is known of a value that is rescaled twice, before its row is.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "the plain loops ask nothing"))]
pub(crate) struct Rescale {
	/// The value after the first shift is at most this; `None` where that may pass int32, or a
	/// shift is too long for [`x86`].
	maybe_middle: Option<i64>,
	/// The second shift.
	shift: u32,
	/// What is added in the end is at most this.
	bias: i64,
}

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "the plain loops ask nothing"))]
impl Rescale {
	/// For products of magnitude `product` or less.
	pub(crate) fn new(product: i64, bias: i64, (first, second): (u32, u32)) -> Self {
		let middle = product.saturating_add(half_of(first)) >> first;
		let fits = middle <= i64::from(i32::MAX) && first <= 32 && second <= 32;
		Self { maybe_middle: fits.then_some(middle), shift: second, bias }
	}

	/// The factor of a row as int32, where nothing saturates with it.
	fn fixed_factor(&self, factor: i64) -> Option<i32> {
		let narrow = i32::try_from(factor).ok()?;
		let product = self.maybe_middle?.saturating_mul(factor);
		let value = product.saturating_add(half_of(self.shift)) >> self.shift;
		(value.saturating_add(self.bias) <= i64::from(i32::MAX)).then_some(narrow)
	}

	/// The factor of a query as int32, where nothing saturates with it for any key.
	fn of_scores(finish: &ScoresFinish<'_>, factor: i64) -> Option<i32> {
		let narrow = i32::try_from(factor).ok()?;
		let product = finish.products.saturating_mul(factor);
		let rescale = Self::new(product, 0, finish.shifts);
		rescale.fixed_factor(finish.largest_key_factor).map(|_| narrow)
	}
}

/// How a tile of sums becomes scores.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "the plain loops ask nothing"))]
pub(crate) struct ScoresFinish<'a> {
	/// Scale of each query row.
	pub query_factors: &'a [i64],
	/// Scale of each key.
	pub key_factors: &'a [i64],
	/// The same, where all of them fit int32; empty where not.
	pub narrow_key_factors: &'a [i32],
	/// The largest of them.
	pub largest_key_factor: i64,
	/// Sums of products are at most this.
	pub products: i64,
	/// Both shifts.
	pub shifts: (u32, u32),
}

/// How a row is normalised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormalRow<'a> {
	/// Its mean.
	pub mean: i32,
	/// Its deviation.
	pub deviation: i32,
	/// Fraction bits by which the distance is raised: 20 and the deviation's guard bits.
	pub raise: u32,
	/// Shift after the gain.
	pub shift: u32,
	/// Gain of all columns.
	pub gain: &'a [i32],
	/// Bias of all columns.
	pub bias: &'a [i32],
}

/// Tile sums of one row.
#[inline(always)]
fn tile_row(sums: &TileSums, row: usize, columns: usize) -> &[i32] {
	&sums[row * TILE_COLUMNS..row * TILE_COLUMNS + columns]
}

/// `clamp25(value - mean)`: the clamp is far inside int32, so the saturation before it is lost.
#[inline(always)]
fn distance(value: i32, mean: i32) -> i32 {
	const LIMIT: i32 = (1 << 25) - 1;
	value.saturating_sub(mean).clamp(-LIMIT, LIMIT)
}

vectorised! {
	/// `Embed` for one row.
	fn embed_row(entries: &[u8], scale: i32, shift: u32, out: &mut [i32]) {
		let (scale, half) = (i64::from(scale.max(0)), half_of(shift));
		for (out, entry) in out.iter_mut().zip(entries) {
			// 2^7 * 2^31.
			let product = i64::from(*entry as i8).wrapping_mul(scale);
			*out = saturate(round_shift(product, half, shift));
		}
	}

	/// `Add`.
	fn add(left: &[i32], right: &[i32], out: &mut [i32]) {
		for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
			*out = left.saturating_add(*right);
		}
	}

	/// `RowMax` of parts of `part` values each.
	fn max_parts(values: &[i32], part: usize, out: &mut [i32]) {
		for (out, values) in out.iter_mut().zip(values.chunks_exact(part)) {
			let max = values.iter().fold(1_u32, |max, value| max.max(value.unsigned_abs()));
			*out = max.min(i32::MAX as u32) as i32;
		}
	}

	/// `Quantise` of parts of `part` values each; `limit` is `Q`.
	///
	/// The quotient `x * Q / A` is a multiple of `1 / A`, so its distance from the next half above
	/// is 0 or at least `1 / 2A >= 2^-32`. Below `Q + 1 <= 2^11` the float64 product is off by less
	/// than 2^-40. With 2^-34 added, halves are rounded up and nothing below a half is; results
	/// beyond `Q` are clamped as the operator asks, whatever their error.
	fn quantise_parts(values: &[i32], part: usize, maxima: &[i32], limit: f64, out: &mut [i16]) {
		let parts = values.chunks_exact(part).zip(out.chunks_exact_mut(part));
		for ((values, out), max) in parts.zip(maxima) {
			let ratio = limit / f64::from((*max).max(1));
			for (out, value) in out.iter_mut().zip(values) {
				let scaled = f64::from(*value) * ratio + HALF_UP;
				let scaled = if scaled > limit { limit } else { scaled };
				let scaled = if scaled < -limit { -limit } else { scaled };
				*out = nearest(scaled) as i16;
			}
		}
	}

	/// `Context`, fold: adds the sums of a block of positions, of which the first begins anew.
	fn add_block(block: &[i32], first: bool, sums: &mut [i64]) {
		if first {
			for (sum, value) in sums.iter_mut().zip(block) {
				*sum = i64::from(*value);
			}
		} else {
			// Below 2^13 positions of products below 2^22.
			for (sum, value) in sums.iter_mut().zip(block) {
				*sum = sum.wrapping_add(i64::from(*value));
			}
		}
	}

	/// `Context`, finish, for a row of one head.
	///
	/// The middle is int32 and a factor below 2^31 + 2^21.
	fn finish_context(
		sums: &[i64],
		factor: i64,
		shifts: (u32, u32),
		out: &mut [i32],
	) {
		let (first, second) = shifts;
		let (first_half, half) = (half_of(first), half_of(second));
		for (out, sum) in out.iter_mut().zip(sums) {
			let middle = saturate(round_shift(*sum, first_half, first));
			let value = i64::from(middle).wrapping_mul(factor);
			*out = saturate(round_shift(value, half, second));
		}
	}

	/// The largest of a row, or -2^31.
	fn largest(row: &[i32]) -> i32 {
		row.iter().fold(i32::MIN, |max, value| max.max(*value))
	}

	/// `SoftmaxExp` for one row without a mask.
	fn exponentials_below(row: &[i32], max: i32, out: &mut [i32]) {
		for (out, score) in out.iter_mut().zip(row) {
			*out = exponential(max.saturating_sub(*score).max(0) as u32);
		}
	}

	/// `Keep` for one row.
	fn keep_row(row: &[i32], threshold: i32, out: &mut [i32]) {
		for (out, weight) in out.iter_mut().zip(row) {
			*out = if *weight >= threshold { *weight } else { 0 };
		}
	}

	/// Sum of at most 2^17 values without their last bits.
	fn sum_of_short(values: &[i32], shift: u32) -> i64 {
		let half = half_of(shift);
		values.iter().fold(0_i64, |sum, value| {
			sum.wrapping_add(round_shift(i64::from(*value), half, shift))
		})
	}

	/// Sum of the squares of a row of at most 8192 values without their last bits: below 2^63.
	fn sum_of_short_squares(values: &[i32], shift: u32) -> i64 {
		const LIMIT: i64 = (1 << 25) - 1;
		let half = half_of(shift);
		values.iter().fold(0_i64, |sum, value| {
			let short = round_shift(i64::from(*value), half, shift).clamp(-LIMIT, LIMIT);
			sum.wrapping_add(short.wrapping_mul(short))
		})
	}

	/// `RmsNormalise` for one row.
	fn rms_normalise_row(values: &[i32], rms: i32, gain: &[i32], shift: u32, out: &mut [i32]) {
		let (divisor, half) = (Divisor::new(rms), half_of(shift));
		for ((out, value), gain) in out.iter_mut().zip(values).zip(gain) {
			// 2^31 * 2^20.
			let ratio = divisor.divide(f64::from(*value) * (1_u32 << 20) as f64);
			let gained = i64::from(ratio).wrapping_mul(i64::from(*gain));
			*out = saturate(round_shift(gained, half, shift));
		}
	}

	/// `Temper` for one row.
	fn temper_row(values: &[i32], max: i32, temperature: u32, out: &mut [i32]) {
		let (divisor, max) = (Divisor::new(temperature as i32), f64::from(max));
		for (out, value) in out.iter_mut().zip(values) {
			// 2^32 * 2^16.
			*out = divisor.divide((f64::from(*value) - max) * (1_u32 << 16) as f64);
		}
	}

	/// `Rotate` for one row; table entries are at most 2^14.
	fn rotate_row(values: &[i32], turn: (&[i32], &[i32]), out: &mut [i32]) {
		let (cosine, sine) = turn;
		let half = cosine.len();
		let heads = values.chunks_exact(half * 2).zip(out.chunks_exact_mut(half * 2));
		for (values, out) in heads {
			let (low, high) = values.split_at(half);
			let (low_out, high_out) = out.split_at_mut(half);
			let turns = cosine.iter().zip(sine);
			let out = low_out.iter_mut().zip(high_out);
			for (((low, high), (cosine, sine)), (low_out, high_out)) in
				low.iter().zip(high).zip(turns).zip(out)
			{
				let (low, high) = (i64::from(*low), i64::from(*high));
				let (cosine, sine) = (i64::from(*cosine), i64::from(*sine));
				let turned = low.wrapping_mul(cosine).wrapping_sub(high.wrapping_mul(sine));
				*low_out = saturate(round_shift(turned, 1 << 13, 14));
				let turned = high.wrapping_mul(cosine).wrapping_add(low.wrapping_mul(sine));
				*high_out = saturate(round_shift(turned, 1 << 13, 14));
			}
		}
	}

	/// `Multiply`: products of int32.
	fn multiply(left: &[i32], right: &[i32], shift: u32, out: &mut [i32]) {
		let half = half_of(shift);
		for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
			let product = i64::from(*left).wrapping_mul(i64::from(*right));
			*out = saturate(round_shift(product, half, shift));
		}
	}

	/// `SoftmaxMax`, `SoftmaxExp` and `SoftmaxSum` for one row without padding, in place; the sum.
	///
	/// A sum of 8192 exponentials of at most 65556 is below 2^30.
	fn exponentials(row: &mut [i32]) -> i32 {
		let max = row.iter().fold(i32::MIN, |max, score| max.max(*score));
		let mut sum = 0_i32;
		for score in row.iter_mut() {
			*score = exponential(max.wrapping_sub(*score) as u32);
			sum = sum.wrapping_add(*score);
		}
		sum
	}

	/// `SoftmaxNormalise` and `ContextWeight` for one row, in place, and its `RowMax`. Elements of
	/// `row` are exponentials, at most 65556.
	///
	/// The quotient is exact for the reason given at [`quantise_parts`]: below 2^15 it is off by
	/// less than 2^-36.
	fn context_weights(row: &mut [i32], sum: i32, value_max: &[i32], shift: u32) -> i32 {
		const LIMIT: f64 = 32_767.0;
		let ratio = 32_768.0 / f64::from(sum.max(1));
		let half = half_of(shift);
		let mut largest = 1_u32;
		for (value, max) in row.iter_mut().zip(value_max) {
			let scaled = f64::from(*value) * ratio + HALF_UP;
			let probability = nearest(if scaled > LIMIT { LIMIT } else { scaled });
			// 2^15 * 2^31.
			let product = i64::from(probability).wrapping_mul(i64::from(*max));
			*value = saturate(round_shift(product, half, shift));
			largest = largest.max(value.unsigned_abs());
		}
		largest.min(i32::MAX as u32) as i32
	}

	/// `SoftmaxNormalise` for one row; exact for the reason given at [`context_weights`].
	fn probabilities(row: &[i32], sum: i32, out: &mut [i32]) {
		const LIMIT: f64 = 32_767.0;
		let ratio = 32_768.0 / f64::from(sum.max(1));
		for (out, exponential) in out.iter_mut().zip(row) {
			let scaled = f64::from((*exponential).clamp(0, 1 << 17)) * ratio + HALF_UP;
			*out = nearest(if scaled > LIMIT { LIMIT } else { scaled });
		}
	}

	/// Sum of a row of at most 2^17 values.
	fn sum(values: &[i32]) -> i64 {
		values.iter().fold(0_i64, |sum, value| sum.wrapping_add(i64::from(*value)))
	}

	/// Adds a row to sums of at most 8192 rows.
	fn add_to_sums(values: &[i32], sums: &mut [i64]) {
		for (sum, value) in sums.iter_mut().zip(values) {
			*sum = sum.wrapping_add(i64::from(*value));
		}
	}

	/// Sum of the squares of distances from `mean` of a row of at most 8192 values: below 2^63.
	fn sum_of_squares(values: &[i32], mean: i32) -> i64 {
		values.iter().fold(0_i64, |sum, value| {
			let distance = i64::from(distance(*value, mean));
			sum.wrapping_add(distance.wrapping_mul(distance))
		})
	}

	/// `Normalise` for one row.
	fn normalise_row(values: &[i32], row: NormalRow<'_>, out: &mut [i32]) {
		let divisor = Divisor::new(row.deviation);
		let raise = (1_u64 << row.raise) as f64;
		let half = half_of(row.shift);
		let columns = row.gain.iter().zip(row.bias);
		for ((out, value), (gain, bias)) in out.iter_mut().zip(values).zip(columns) {
			let quotient = divisor.divide(f64::from(distance(*value, row.mean)) * raise);
			// Both factors are int32.
			let gained = i64::from(quotient).wrapping_mul(i64::from(*gain));
			let value = round_shift(gained, half, row.shift);
			*out = saturate(value.wrapping_add(i64::from(*bias)));
		}
	}
}

/// `Linear`, finish, for one tile; `out` begins at the tile's first row and column, `factors` at
/// its first row.
pub(crate) fn finish_linear(
	processor: Processor,
	sums: &TileSums,
	place: Place,
	finish: LinearFinish<'_>,
	factors: &[i64],
	stride: usize,
	out: &mut [i32],
) {
	match processor.set() {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
			// SAFETY: a `Processor` exists for instruction sets only that are there.
			unsafe { x86::wide::finish_linear(sums, place, finish, factors, stride, out) }
		},
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 | InstructionSet::AvxVnni => {
			// SAFETY: as above.
			unsafe { x86::narrow::finish_linear(sums, place, finish, factors, stride, out) }
		},
		_ => {
			let columns = place.column..place.column + place.columns;
			let (scales, bias) = (&finish.scales[columns.clone()], &finish.bias[columns]);
			for (row, factor) in factors[..place.rows].iter().enumerate() {
				let sums = tile_row(sums, row, place.columns);
				let out = &mut out[row * stride..row * stride + place.columns];
				linear_row(sums, scales, bias, *factor, finish.shifts, out);
			}
		},
	}
}

/// `Linear`, finish, for a row of a tile, whatever the operands.
///
/// Sums and scales are below 2^31, the middle is, and a factor is below 2^31 + 2^21: no product
/// with its half passes 2^62 + 2^61 + 2^53, nor does a bias take it to 2^63.
#[inline(always)]
fn linear_row(
	sums: &[i32],
	scales: &[i32],
	bias: &[i32],
	factor: i64,
	(first, second): (u32, u32),
	out: &mut [i32],
) {
	let (first_half, second_half) = (half_of(first), half_of(second));
	for (((out, sum), scale), bias) in out.iter_mut().zip(sums).zip(scales).zip(bias) {
		let scaled = i64::from(*sum).wrapping_mul(i64::from(*scale));
		let middle = saturate(round_shift(scaled, first_half, first));
		let value = i64::from(middle).wrapping_mul(factor);
		let value = round_shift(value, second_half, second);
		*out = saturate(value.wrapping_add(i64::from(*bias)));
	}
}

/// `Scores`, finish, for one tile; `out` begins at the tile's first row and column.
pub(crate) fn finish_scores(
	processor: Processor,
	sums: &TileSums,
	place: Place,
	finish: ScoresFinish<'_>,
	stride: usize,
	out: &mut [i32],
) {
	match processor.set() {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
			// SAFETY: a `Processor` exists for instruction sets only that are there.
			unsafe { x86::wide::finish_scores(sums, place, finish, stride, out) }
		},
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 | InstructionSet::AvxVnni => {
			// SAFETY: as above.
			unsafe { x86::narrow::finish_scores(sums, place, finish, stride, out) }
		},
		_ => {
			let columns = place.column..place.column + place.columns;
			for row in 0..place.rows {
				let factor = finish.query_factors[place.row + row];
				let sums = tile_row(sums, row, place.columns);
				let out = &mut out[row * stride..row * stride + place.columns];
				scores_row(sums, factor, columns.clone(), &finish, out);
			}
		},
	}
}

/// `Scores`, finish, for a row of a tile, whatever the operands. Bounds are those of
/// [`linear_row`].
#[inline(always)]
fn scores_row(
	sums: &[i32],
	factor: i64,
	columns: Range<usize>,
	finish: &ScoresFinish<'_>,
	out: &mut [i32],
) {
	let (first, second) = finish.shifts;
	let (first_half, second_half) = (half_of(first), half_of(second));
	for ((out, sum), right) in out.iter_mut().zip(sums).zip(&finish.key_factors[columns]) {
		let scaled = i64::from(*sum).wrapping_mul(factor);
		let middle = saturate(round_shift(scaled, first_half, first));
		let value = i64::from(middle).wrapping_mul(*right);
		*out = saturate(round_shift(value, second_half, second));
	}
}

/// [`quantise_parts`] against maxima of the same parts.
pub(crate) fn quantise_own(
	processor: Processor,
	values: &[i32],
	part: usize,
	maxima: &[i32],
	limit: f64,
	out: &mut [i16],
) {
	match processor.set() {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
			// SAFETY: a `Processor` exists for instruction sets only that are there.
			unsafe { x86::quantise_own(values, part, maxima, limit, out) }
		},
		_ => quantise_parts(processor, values, part, maxima, limit, out),
	}
}

/// `SoftmaxExp` of what a score is below the maximum.
///
/// From 24 halvings on the rounding leaves 0 of any mantissa, so the distance is cut there, which
/// keeps all of this within 32 bits. The mantissa's square is `(65536 + b)^2` with `|b| < 2^15`.
/// The number of halvings is exact: the float32 quotient is off by less than 2^-17, and half a unit
/// away from where it would matter, which is 1/90852.
#[inline(always)]
fn exponential(below: u32) -> i32 {
	const LN2: i32 = 45_426;
	const TO_INTEGER: f32 = 12_582_912.0;
	let below = below.min(24 * LN2 as u32) as i32;
	let quotient = (below as f32 + 0.5) * (1.0 / LN2 as f32) - 0.5;
	let halvings = ((quotient + TO_INTEGER).to_bits() & 31) as i32;
	let rest = below.wrapping_sub(halvings.wrapping_mul(LN2));
	let base = (88_670 - 65_536_i32).wrapping_sub(rest);
	let square = (base.wrapping_mul(base).wrapping_add(1 << 15) >> 16)
		.wrapping_add(base.wrapping_mul(2))
		.wrapping_add(65_536) as u32;
	// At most 119968 * 23495 + 2^15 < 2^32.
	let value = (square.wrapping_mul(23_495).wrapping_add(1 << 15) >> 16).wrapping_add(22_546);
	let halvings = halvings as u32;
	let half = 1_u32.wrapping_shl(halvings) >> 1;
	(value.wrapping_add(half)).wrapping_shr(halvings) as i32
}

#[cfg(test)]
mod tests;
