//! What a decoder does to rows besides what an encoder does.

use super::{count, flat, row, Machine};
use crate::element;
use alloc::vec::Vec;
use assay_program::{shifts, Operator, TensorId};

impl Machine<'_> {
	pub(super) fn root_mean_square(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::RootMeanSquare { value, shift, epsilon, fraction } = operator else {
			return None;
		};
		let kept = self.fraction(*value)?.checked_sub(*shift)?;
		let guard = u32::from(fraction.checked_sub(kept)?);
		let (shift, width) = (u32::from(*shift), self.width(*value)?);
		let root = |row: &[i32]| {
			let squares =
				row.iter().fold(0, |sum, x| element::root_mean_square_fold(sum, *x, shift));
			element::deviation_finish(squares, count(width), *epsilon, guard)
		};
		Some(self.fixed(*value)?.chunks_exact(width).map(root).collect())
	}

	pub(super) fn rms_normalise(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::RmsNormalise { value, rms, gain, fraction } = operator else { return None };
		let (shift, gain) = (shifts::rms_normalise(*fraction)?, self.integers(*gain)?);
		let (width, value) = (self.width(*value)?, self.fixed(*value)?);
		let mut out = Vec::with_capacity(value.len());
		for (row, rms) in value.chunks_exact(width).zip(self.fixed(*rms)?) {
			let columns = row.iter().zip(gain.iter());
			out.extend(columns.map(|(x, gain)| element::rms_normalise(*x, *rms, gain, shift)));
		}
		Some(out)
	}

	pub(super) fn rotate(&self, operator: &Operator) -> Option<Vec<i32>> {
		let Operator::Rotate { value, heads, cosine, sine } = operator else { return None };
		let (cosine, sine) = (self.integers(*cosine)?, self.integers(*sine)?);
		let heads = usize::try_from(*heads).ok()?;
		let half = self.width(*value)?.checked_div(heads)?.checked_div(2)?;
		let value = self.fixed(*value)?;
		let mut out = Vec::with_capacity(value.len());
		let depth = half.checked_mul(2)?.max(1);
		for (number, head) in value.chunks_exact(depth).enumerate() {
			let place = number.checked_div(heads)?.checked_rem(self.sequence())?;
			let first = flat(self.past().saturating_add(place), half, 0);
			let turn = |d: usize, other: fn(i32, i32, i32, i32) -> i32| {
				let at = first.saturating_add(d);
				let pair = (*head.get(d)?, *head.get(d.saturating_add(half))?);
				Some(other(pair.0, pair.1, cosine.get(at)?, sine.get(at)?))
			};
			for d in 0..half {
				out.push(turn(d, element::rotate_low)?);
			}
			for d in 0..half {
				out.push(turn(d, element::rotate_high)?);
			}
		}
		Some(out)
	}

	pub(super) fn multiply(
		&self,
		left: TensorId,
		right: TensorId,
		fraction: u8,
	) -> Option<Vec<i32>> {
		let shift = shifts::multiply((self.fraction(left)?, self.fraction(right)?), fraction)?;
		let pairs = self.fixed(left)?.iter().zip(self.fixed(right)?);
		Some(pairs.map(|(left, right)| element::multiply(*left, *right, shift)).collect())
	}

	pub(super) fn last(&self, value: TensorId) -> Option<Vec<i32>> {
		let (width, value) = (self.width(value)?, self.fixed(value)?);
		let mut out = Vec::with_capacity(self.batch().saturating_mul(width));
		for entry in 0..self.batch() {
			let place = self.sequence().checked_sub(1)?;
			out.extend_from_slice(row(value, flat(entry, self.sequence(), place), width)?);
		}
		Some(out)
	}
}
