//! Row arithmetic against the reference's element functions.

use super::*;
use assay_reference::element;
use proptest::prelude::*;

/// Values around every bound, and in between.
fn value() -> impl Strategy<Value = i32> {
	prop_oneof![
		Just(i32::MIN),
		Just(i32::MIN + 1),
		Just(i32::MAX),
		Just(0),
		Just((1 << 25) - 1),
		Just(-(1 << 25)),
		any::<i32>(),
		-2_000_000..2_000_000_i32,
		-300..300_i32,
	]
}

fn row(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<i32>> {
	prop::collection::vec(value(), length)
}

fn parts() -> impl Strategy<Value = (usize, Vec<i32>)> {
	(1_usize..40, 1_usize..4)
		.prop_flat_map(|(part, count)| row(part * count).prop_map(move |values| (part, values)))
}

#[test]
fn exponentials_of_all_distances_equal_the_reference() {
	let far = [1_090_223, 1_090_224, 1_090_225, 2_000_000, i32::MAX as u32, u32::MAX];
	for below in (0..=1_095_000).chain(far) {
		let score = i32::MAX.wrapping_sub(below as i32);
		assert_eq!(exponential(below), element::softmax_exp(score, i32::MAX, true), "{below}");
	}
}

#[test]
fn quotients_next_to_a_half_are_rounded_as_the_reference_does() {
	let limits = [(8, 127_i64), (12, 2_047)];
	let maxima = [1, 2, 3, 127, 2_046, 2_047, 2_048, 65_537, (1 << 30) - 1, i32::MAX - 1, i32::MAX];
	for ((bits, limit), max) in limits.into_iter().flat_map(|l| maxima.map(|m| (l, m))) {
		for step in 0..limit {
			// Around x = (step + 1/2) * A / Q.
			let middle = ((2 * step + 1) * i64::from(max)) / (2 * limit);
			let near = [middle - 1, middle, middle + 1];
			let values: Vec<i32> = near.into_iter().flat_map(|x| [x as i32, -x as i32]).collect();
			let expected: Vec<i16> =
				values.iter().map(|x| element::quantise(*x, max, bits)).collect();
			for processor in Processor::all() {
				let mut out = vec![0; values.len()];
				quantise_parts(processor, &values, values.len(), &[max], limit as f64, &mut out);
				assert_eq!(out, expected, "{values:?} / {max}");
				// In whole registers too; all of these are within the maximum.
				let many = values.repeat(8);
				let mut out = vec![0; many.len()];
				quantise_own(processor, &many, many.len(), &[max], limit as f64, &mut out);
				assert_eq!(out, expected.repeat(8), "{values:?} / {max}");
			}
		}
	}
}

proptest! {
	#[test]
	fn maxima_and_quantised_parts_equal_the_reference(
		(part, values) in parts(),
		foreign in row(4),
		twelve in any::<bool>(),
	) {
		let (bits, limit) = if twelve { (12, 2_047.0) } else { (8, 127.0) };
		let count = values.len() / part;
		for processor in Processor::all() {
			let mut maxima = vec![0; count];
			max_parts(processor, &values, part, &mut maxima);
			for (max, values) in maxima.iter().zip(values.chunks(part)) {
				let fold = values.iter().fold(0, |max, x| element::row_max_fold(max, *x));
				prop_assert_eq!(*max, element::row_max_finish(fold));
			}
			// Also against maxima that are none.
			for maxima in [&maxima, &foreign] {
				let mut out = vec![0; values.len()];
				quantise_parts(processor, &values, part, maxima, limit, &mut out);
				if maxima != &foreign {
					let mut own = vec![0; values.len()];
					quantise_own(processor, &values, part, maxima, limit, &mut own);
					prop_assert_eq!(&own, &out);
				}
				for (place, quantised) in out.iter().enumerate() {
					let expected = element::quantise(values[place], maxima[place / part], bits);
					prop_assert_eq!(*quantised, expected);
				}
			}
		}
	}

	#[test]
	fn sums_and_rows_equal_the_reference(
		values in row(1..60),
		other in row(60),
		mean in value(),
		scale in value(),
		shift in 4_u32..=30,
	) {
		let length = values.len();
		let entries: Vec<u8> = other[..length].iter().map(|x| *x as u8).collect();
		for processor in Processor::all() {
			let whole: i64 = values.iter().map(|x| i64::from(*x)).sum();
			prop_assert_eq!(sum(processor, &values), whole);
			let squares = values.iter().fold(0, |a, x| element::deviation_fold(a, *x, mean));
			prop_assert_eq!(sum_of_squares(processor, &values, mean), squares);
			let mut out = vec![0; length];
			add(processor, &values, &other[..length], &mut out);
			let expected: Vec<i32> =
				values.iter().zip(&other).map(|(a, b)| element::add(*a, *b)).collect();
			prop_assert_eq!(&out, &expected);
			embed_row(processor, &entries, scale, shift, &mut out);
			let expected: Vec<i32> =
				entries.iter().map(|x| element::embed(*x as i8, scale, shift)).collect();
			prop_assert_eq!(&out, &expected);
		}
	}

	#[test]
	fn normalised_rows_equal_the_reference(
		values in row(1..60),
		gain in row(60),
		bias in row(60),
		mean in value(),
		deviation in value(),
		guard in 0_u32..=6,
		shift in 10_u32..=36,
	) {
		let normal = element::Normal { mean, deviation, guard, shift };
		let expected: Vec<i32> = values
			.iter()
			.zip(gain.iter().zip(&bias))
			.map(|(x, (gain, bias))| element::normalise(*x, &normal, *gain, *bias))
			.collect();
		let length = values.len();
		let row = NormalRow {
			mean,
			deviation,
			raise: 20 + guard,
			shift,
			gain: &gain[..length],
			bias: &bias[..length],
		};
		for processor in Processor::all() {
			let mut out = vec![0; length];
			normalise_row(processor, &values, row, &mut out);
			prop_assert_eq!(&out, &expected);
		}
	}

	#[test]
	fn finished_tiles_equal_the_reference(
		sums in row(crate::product::TILE_ROWS * TILE_COLUMNS),
		(rows, columns) in
			(1..=crate::product::TILE_ROWS, prop_oneof![Just(TILE_COLUMNS), 1..=TILE_COLUMNS]),
		scales in row(TILE_COLUMNS + 3),
		bias in row(TILE_COLUMNS + 3),
		maxima in row(TILE_COLUMNS + 3),
		(first, second) in (1_u32..=62, 1_u32..=62),
		// Takes bits off all operands, so that both kinds of loop are met.
		(tame, lower) in (any::<bool>(), 1_u32..14),
		twelve in any::<bool>(),
	) {
		let less = |values: Vec<i32>| -> Vec<i32> {
			values.into_iter().map(|value| if tame { value >> lower } else { value }).collect()
		};
		let (sums, scales, bias, maxima) = (less(sums), less(scales), less(bias), less(maxima));
		let (first, second) =
			if tame { (first % 14 + 18, second % 14 + 18) } else { (first, second) };
		let bits = if twelve { 12 } else { 8 };
		let sums: &TileSums = sums.as_slice().try_into().unwrap();
		let (row, column) = (2, 3);
		let place = Place { row, rows, column, columns };
		let factors: Vec<i64> = maxima.iter().map(|max| element::factor(*max, bits)).collect();
		let shifts = (first, second);
		let positive: Vec<i32> = scales.iter().map(|scale| (*scale).max(0)).collect();
		let narrow: Option<Vec<i32>> =
			factors.iter().map(|factor| i32::try_from(*factor).ok()).collect();
		let sum_at = |r: usize, c: usize| sums[r * TILE_COLUMNS + c];
		for processor in Processor::all() {
			let mut out = vec![0; rows * columns];
			let bound = |values: &[i32]| {
				values.iter().map(|value| i64::from(value.unsigned_abs())).max().unwrap()
			};
			let product = bound(sums) * bound(&positive);
			let rescale = Rescale::new(product, bound(&bias), shifts);
			let finish = LinearFinish { scales: &positive, bias: &bias, shifts, rescale };
			finish_linear(processor, sums, place, finish, &factors[row..], columns, &mut out);
			for (at, value) in out.iter().enumerate() {
				let (r, c) = (at / columns, at % columns);
				let expected = element::linear_finish(
					sum_at(r, c), scales[column + c], bias[column + c], factors[row + r], shifts,
				);
				prop_assert_eq!(*value, expected);
			}
			let finish = ScoresFinish {
				query_factors: &factors,
				key_factors: &factors,
				narrow_key_factors: narrow.as_deref().unwrap_or_default(),
				largest_key_factor: factors.iter().copied().max().unwrap(),
				products: bound(sums),
				shifts,
			};
			finish_scores(processor, sums, place, finish, columns, &mut out);
			for (at, value) in out.iter().enumerate() {
				let (r, c) = (at / columns, at % columns);
				let (query, key) = (factors[row + r], factors[column + c]);
				prop_assert_eq!(*value, element::scores_finish(sum_at(r, c), query, key, shifts));
			}
		}
	}

	#[test]
	fn contexts_equal_the_reference(
		blocks in prop::collection::vec(row(40), 1..5),
		max in value(),
		(twelve, shift, second) in (any::<bool>(), 0_u32..=20, 1_u32..=62),
	) {
		let factor = element::context_factor(max, if twelve { 12 } else { 8 }, 12);
		let sum = |at: usize| blocks.iter().map(|block| i64::from(block[at])).sum::<i64>();
		let expected: Vec<i32> = (0..40)
			.map(|at| element::context_finish(sum(at), factor, (shift, second)))
			.collect();
		for processor in Processor::all() {
			let (mut sums, mut out) = (vec![7; 40], vec![0; 40]);
			for (number, block) in blocks.iter().enumerate() {
				add_block(processor, block, number == 0, &mut sums);
			}
			finish_context(processor, &sums, factor, (shift, second), &mut out);
			prop_assert_eq!(&out, &expected);
		}
	}

	#[test]
	fn what_decoders_do_to_rows_equals_the_reference(
		(values, others, gain) in (1_usize..70)
			.prop_flat_map(|length| (row(length), row(length), row(length))),
		(divisor, temperature) in (value(), 1_u32..=100 << 16),
		(shift, long) in (0_u32..=16, 1_u32..=62),
	) {
		let length = values.len();
		let map = |f: &dyn Fn(usize) -> i32| -> Vec<i32> { (0..length).map(f).collect() };
		let normal = map(&|i| element::rms_normalise(values[i], divisor, gain[i], long));
		let product = map(&|i| element::multiply(values[i], others[i], long));
		let tempered = map(&|i| element::temper(values[i], divisor, temperature));
		let exps = map(&|i| element::softmax_exp(values[i], divisor, true));
		let kept = map(&|i| element::keep(values[i], divisor));
		let squares = values
			.iter()
			.fold(0, |a, x| element::root_mean_square_fold(a, *x, shift));
		let short = values.iter().fold(0, |a, x| element::block_sum_fold(a, *x, shift as u8));
		for processor in Processor::all() {
			let mut out = vec![0; length];
			rms_normalise_row(processor, &values, divisor, &gain, long, &mut out);
			prop_assert_eq!(&out, &normal);
			multiply(processor, &values, &others, long, &mut out);
			prop_assert_eq!(&out, &product);
			temper_row(processor, &values, divisor, temperature, &mut out);
			prop_assert_eq!(&out, &tempered);
			exponentials_below(processor, &values, divisor, &mut out);
			prop_assert_eq!(&out, &exps);
			keep_row(processor, &values, divisor, &mut out);
			prop_assert_eq!(&out, &kept);
			prop_assert_eq!(sum_of_short_squares(processor, &values, shift), squares);
			prop_assert_eq!(sum_of_short(processor, &values, shift), short);
			prop_assert_eq!(Some(&largest(processor, &values)), values.iter().max());
		}
	}

	#[test]
	fn turned_rows_equal_the_reference(
		(half, values) in (1_usize..40, 1_usize..4)
			.prop_flat_map(|(half, heads)| (Just(half), row(half * 2 * heads))),
		(cosine, sine) in (row(40), row(40)),
	) {
		let clamped =
			|table: &[i32]| -> Vec<i32> { table.iter().map(|x| (*x).clamp(-16_384, 16_384)).collect() };
		let turn = (&clamped(&cosine)[..half], &clamped(&sine)[..half]);
		for processor in Processor::all() {
			let mut out = vec![0; values.len()];
			rotate_row(processor, &values, turn, &mut out);
			for (at, out) in out.iter().enumerate() {
				let (first, d) = (at / (2 * half) * (2 * half), at % (2 * half));
				let (low, high) = (values[first + d % half], values[first + d % half + half]);
				let (c, s) = (cosine[d % half], sine[d % half]);
				let expected = if d < half {
					element::rotate_low(low, high, c, s)
				} else {
					element::rotate_high(low, high, c, s)
				};
				prop_assert_eq!(*out, expected);
			}
		}
	}

	#[test]
	fn probabilities_equal_the_reference(
		scores in row(1..60),
		near in prop::collection::vec(-900_000..0_i32, 1..60),
		maxima in row(60),
		shift in 1_u32..=41,
	) {
		for scores in [scores, near] {
			let max = scores.iter().copied().max().unwrap();
			let exps: Vec<i32> =
				scores.iter().map(|x| element::softmax_exp(*x, max, true)).collect();
			let total = exps.iter().fold(0, |a, x| element::softmax_sum_fold(a, *x));
			let total = element::softmax_sum_finish(total);
			let weights: Vec<i32> = exps
				.iter()
				.zip(&maxima)
				.map(|(e, max)| {
					element::context_weight(element::softmax_normalise(*e, total), *max, shift)
				})
				.collect();
			let fold = weights.iter().fold(0, |a, x| element::row_max_fold(a, *x));
			for processor in Processor::all() {
				let mut values = scores.clone();
				prop_assert_eq!(exponentials(processor, &mut values), total);
				prop_assert_eq!(&values, &exps);
				let largest = context_weights(processor, &mut values, total, &maxima, shift);
				prop_assert_eq!(largest, element::row_max_finish(fold));
				prop_assert_eq!(&values, &weights);
			}
		}
	}
}

#[test]
fn every_probability_of_awkward_sums_equals_the_reference() {
	let sums = [1, 2, 65_536, 65_556, 65_557, 131_071, 536_870_911, i32::MAX - 1, i32::MAX];
	let exps: Vec<i32> = (0..=65_556).collect();
	let ones = vec![1 << 15; exps.len()];
	for sum in sums {
		let expected: Vec<i32> = exps.iter().map(|e| element::softmax_normalise(*e, sum)).collect();
		for processor in Processor::all() {
			let mut values = exps.clone();
			// A maximum of 2^15 and a shift of 15 leave the probability.
			context_weights(processor, &mut values, sum, &ones, 15);
			assert_eq!(values, expected, "{sum}");
		}
	}
}
