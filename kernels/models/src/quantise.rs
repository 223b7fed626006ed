//! Floats to integers: int8 rows with a multiplier each, and fixed point.
//!
//! Everything here is plain IEEE arithmetic in one order, so the same file gives the same integers
//! on every machine.

use crate::{
	checkpoint::{Matrix, Vector},
	ImportError,
};
use assay_program::limits::SCALE_FRACTION;

/// Largest magnitude of a weight. -128 is never used, so that the format is symmetric.
const WEIGHT_LIMIT: f64 = 127.0;

/// An int8 matrix, row-major, with one multiplier per row: the value is `w * m / 2^30`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
	pub(crate) rows: usize,
	pub(crate) columns: usize,
	pub(crate) values: Vec<i8>,
	pub(crate) multipliers: Vec<i32>,
}

/// How the multiplier of a row is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
	/// The largest magnitude becomes 127.
	Full,
	/// The range with the least squared error, the largest values possibly cut.
	LeastError,
}

/// Quantises each row.
pub(crate) fn rows(matrix: &Matrix, range: Range) -> Result<Rows, ImportError> {
	let mut out = Rows {
		rows: matrix.rows,
		columns: matrix.columns,
		values: Vec::with_capacity(matrix.values.len()),
		multipliers: Vec::with_capacity(matrix.rows),
	};
	for row in matrix.iter() {
		let multiplier = match range {
			Range::Full => full_range(row),
			Range::LeastError => least_error(row),
		};
		let too_large = || ImportError::TooLarge { name: matrix.name.clone() };
		out.multipliers.push(i32::try_from(multiplier).map_err(|_| too_large())?);
		out.values.extend(row.iter().map(|value| quantised(*value, multiplier) as i8));
	}
	Ok(out)
}

/// What int8 rows leave of a matrix: `matrix - value(rows)`.
pub(crate) fn residual(matrix: &Matrix, rows: &Rows) -> Matrix {
	let quantised = rows.values.chunks_exact(rows.columns).zip(&rows.multipliers);
	let values = matrix
		.iter()
		.zip(quantised)
		.flat_map(|(row, (quantised, multiplier))| {
			let scale = scale(i64::from(*multiplier));
			row.iter()
				.zip(quantised)
				.map(move |(value, q)| (f64::from(*value) - f64::from(*q) * scale) as f32)
		})
		.collect();
	Matrix { values, ..matrix.clone() }
}

/// Fixed point with the fraction bits given.
pub(crate) fn fixed(vector: &Vector, fraction: u8) -> Result<Vec<i32>, ImportError> {
	vector
		.values
		.iter()
		.map(|value| fixed_value(f64::from(*value), fraction))
		.collect::<Option<_>>()
		.ok_or_else(|| ImportError::TooLarge { name: vector.name.clone() })
}

/// One value in fixed point, none where it does not fit.
pub(crate) fn fixed_value(value: f64, fraction: u8) -> Option<i32> {
	let scaled = (value * (1u64 << fraction) as f64).round();
	let fits = scaled >= f64::from(i32::MIN) && scaled <= f64::from(i32::MAX);
	fits.then_some(scaled as i32)
}

fn scale(multiplier: i64) -> f64 {
	multiplier as f64 / (1u64 << SCALE_FRACTION) as f64
}

fn quantised(value: f32, multiplier: i64) -> f64 {
	(f64::from(value) / scale(multiplier)).round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)
}

fn multiplier(magnitude: f64) -> i64 {
	(magnitude / WEIGHT_LIMIT * (1u64 << SCALE_FRACTION) as f64).round().max(1.0) as i64
}

fn magnitude(row: &[f32]) -> f64 {
	row.iter().fold(0.0, |most, value| f64::max(most, f64::from(value.abs())))
}

fn full_range(row: &[f32]) -> i64 {
	multiplier(magnitude(row))
}

fn least_error(row: &[f32]) -> i64 {
	let most = magnitude(row);
	let error = |multiplier: i64| -> f64 {
		let scale = scale(multiplier);
		row.iter()
			.map(|value| (quantised(*value, multiplier) * scale - f64::from(*value)).powi(2))
			.sum()
	};
	// From the full range down to half of it; the first of equals stays.
	let mut best = (f64::INFINITY, 0);
	for percent in (50..=100).rev() {
		let candidate = multiplier(most * f64::from(percent) / 100.0);
		let error = error(candidate);
		if error < best.0 {
			best = (error, candidate);
		}
	}
	best.1
}
