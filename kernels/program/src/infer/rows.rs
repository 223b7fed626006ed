//! What a decoder does to rows besides what an encoder does.

use super::{
	check_fraction, check_guard, check_rows, ensure, fixed, fixed_width, parts, pointwise,
	positions, reduction, shifts, with_width, Inferred, Scope, E, ONE,
};
use crate::{
	limits,
	tensor::{Dim, TensorId, WeightId},
	Operator, WeightKind,
};

pub(super) fn infer(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	match operator {
		Operator::RootMeanSquare { value, shift, fraction, .. } => {
			root_mean_square(*value, *shift, *fraction, scope)
		},
		Operator::RmsNormalise { value, rms, gain, fraction } => {
			rms_normalise(*value, *rms, *gain, *fraction, scope)
		},
		Operator::Rotate { value, heads, cosine, sine } => {
			rotate(*value, *heads, [*cosine, *sine], scope)
		},
		Operator::Multiply { left, right, fraction } => multiply(*left, *right, *fraction, scope),
		Operator::Last { value } => last(*value, scope),
		_ => Err(E::Kind),
	}
}

fn root_mean_square(
	value: TensorId,
	shift: u8,
	fraction: u8,
	scope: &Scope,
) -> Result<Inferred, E> {
	let value = scope.fixed(value)?;
	ensure(fixed_width(value.0)? <= limits::MAX_SQUARES_WIDTH, E::Overflow)?;
	check_guard(value.1.checked_sub(shift).ok_or(E::Shift)?, fraction)?;
	reduction(scope, value.0, fixed(with_width(value.0, Dim::Fixed(1)), fraction))
}

fn rms_normalise(
	value: TensorId,
	rms: TensorId,
	gain: WeightId,
	fraction: u8,
	scope: &Scope,
) -> Result<Inferred, E> {
	let (value, rms) = (scope.fixed(value)?, scope.fixed(rms)?);
	check_rows(value.0, rms.0)?;
	ensure(value.1 == rms.1, E::Fraction)?;
	check_fraction(fraction)?;
	shifts::rms_normalise(fraction).ok_or(E::Shift)?;
	scope.vector(gain, fixed_width(value.0)?)?;
	pointwise(scope, fixed(value.0.to_vec(), fraction), ONE.saturating_mul(3))
}

fn rotate(
	value: TensorId,
	heads: u32,
	tables: [WeightId; 2],
	scope: &Scope,
) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	let width = positions(dims)?;
	parts(dims, heads)?;
	let depth = width.checked_div(heads).ok_or(E::Shape)?;
	ensure(depth.checked_rem(2) == Some(0), E::Shape)?;
	for table in tables {
		let (rows, columns) = scope.matrix(table, WeightKind::Int32)?;
		ensure(Some(columns) == depth.checked_div(2), E::Shape)?;
		ensure(rows >= scope.program.limits.max_sequence, E::Rows)?;
	}
	pointwise(scope, fixed(dims.to_vec(), fraction), ONE.saturating_mul(4))
}

fn multiply(left: TensorId, right: TensorId, fraction: u8, scope: &Scope) -> Result<Inferred, E> {
	let (left, right) = (scope.fixed(left)?, scope.fixed(right)?);
	ensure(left.0 == right.0, E::Shape)?;
	check_fraction(fraction)?;
	shifts::multiply((left.1, right.1), fraction).ok_or(E::Shift)?;
	pointwise(scope, fixed(left.0.to_vec(), fraction), ONE.saturating_mul(2))
}

fn last(value: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	let width = positions(dims)?;
	pointwise(scope, fixed([Dim::Batch, Dim::Fixed(width)].into(), fraction), ONE)
}
