//! Every inner loop against sums written out.

use super::*;
use proptest::prelude::*;

fn plain(rows: &[Vec<i16>], weights: &[Vec<i8>]) -> Vec<i32> {
	rows.iter()
		.flat_map(|row| {
			weights.iter().map(move |column| {
				row.iter().zip(column).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
			})
		})
		.collect()
}

fn padded(rows: &[Vec<i16>], depth: usize) -> Vec<i16> {
	let stride = pairs_of(depth) * 2;
	let mut values = vec![0; rows.len() * stride];
	for (target, row) in values.chunks_exact_mut(stride).zip(rows) {
		target[..depth].copy_from_slice(row);
	}
	values
}

fn matrices() -> impl Strategy<Value = (Vec<Vec<i16>>, Vec<Vec<i8>>)> {
	(1_usize..40, 1_usize..70, 1_usize..80).prop_flat_map(|(rows, columns, depth)| {
		let value = prop_oneof![Just(-2047_i16), Just(2047), -2047_i16..=2047];
		let weight = prop_oneof![Just(-128_i8), Just(127), any::<i8>()];
		(
			prop::collection::vec(prop::collection::vec(value, depth), rows),
			prop::collection::vec(prop::collection::vec(weight, depth), columns),
		)
	})
}

proptest! {
	#[test]
	fn every_instruction_set_gives_the_plain_sums((rows, weights) in matrices()) {
		let depth = rows[0].len();
		let expected = plain(&rows, &weights);
		let values = padded(&rows, depth);
		let stride = pairs_of(depth) * 2;
		let bytes: Vec<u8> = weights.iter().flatten().map(|w| w.to_ne_bytes()[0]).collect();
		let packed = Weights::new(bytes.into(), weights.len(), depth).unwrap();
		for processor in Processor::all() {
			let mut sums = vec![0; expected.len()];
			let left = Rows::new(&values, stride, rows.len());
			product_into(processor, left, &packed, &mut PackedColumns::default(), &mut sums);
			prop_assert_eq!(&sums, &expected, "{}", processor.set());
		}
	}

	#[test]
	fn both_layouts_of_columns_give_the_plain_sums(
		(rows, weights) in matrices(),
		parts in any::<(prop::sample::Index, prop::sample::Index)>(),
	) {
		let depth = rows[0].len();
		let expected = plain(&rows, &weights);
		let values = padded(&rows, depth);
		let stride = pairs_of(depth) * 2;
		let count = weights.len();
		let by_row: Vec<i16> = weights.iter().flatten().map(|w| i16::from(*w)).collect();
		let by_step: Vec<i16> = (0..depth)
			.flat_map(|step| weights.iter().map(move |column| i16::from(column[step])))
			.collect();
		let mut columns = PackedColumns::default();
		for transposed in [false, true] {
			// Twice, so that what an earlier use left behind is seen not to matter, and in parts.
			columns.begin_rows(depth, count);
			columns.append_rows(&vec![-1; depth * count], depth, count);
			let panels = if transposed {
				columns.begin_transposed(count, depth + 5);
				let (first, rest) = by_step.split_at(parts.0.index(depth + 1) * count);
				columns.append_transposed(first, count, first.len() / count);
				columns.append_transposed(rest, count, rest.len() / count);
				columns.steps(0..depth)
			} else {
				columns.begin_rows(depth, count + 5);
				let (first, rest) = by_row.split_at(parts.1.index(count + 1) * depth);
				columns.append_rows(first, depth, first.len() / depth);
				columns.append_rows(rest, depth, rest.len() / depth);
				columns.first(count)
			};
			for processor in Processor::all() {
				let mut sums = vec![0; expected.len()];
				let left = Rows::new(&values, stride, rows.len());
				product_of_columns(processor, left, panels, |place, tile| {
					for row in 0..place.rows {
						for column in 0..place.columns {
							sums[(place.row + row) * count + place.column + column] =
								tile[row * TILE_COLUMNS + column];
						}
					}
				});
				prop_assert_eq!(&sums, &expected, "{} {}", processor.set(), transposed);
			}
		}
	}
}

#[test]
fn the_longest_admitted_depth_does_not_overflow() {
	let depth = 8_196;
	let rows = vec![vec![2_047_i16; depth], vec![-2_047; depth]];
	let weights = vec![vec![-128_i8; depth]; 17];
	let bytes: Vec<u8> = weights.iter().flatten().map(|w| w.to_ne_bytes()[0]).collect();
	let packed = Weights::new(bytes.into(), weights.len(), depth).unwrap();
	let values = padded(&rows, depth);
	let expected = plain(&rows, &weights);
	for processor in Processor::all() {
		let mut sums = vec![0; expected.len()];
		let left = Rows::new(&values, depth, rows.len());
		product_into(processor, left, &packed, &mut PackedColumns::default(), &mut sums);
		assert_eq!(sums, expected, "{}", processor.set());
	}
}
