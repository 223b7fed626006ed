//! Networks that are int8 throughout.

use super::{
	check_fraction, check_sum, ensure, fixed, pointwise, positions, run, with_products, Inferred,
	Scope, E, ONE,
};
use crate::{
	limits,
	tensor::{Dim, Kind, TensorId, TensorInfo, WeightId},
	Operator, Rescale, WeightKind,
};

/// Largest distance of an int8 element from a zero point.
const MAX_DISTANCE: i64 = 255;

pub(super) fn infer(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	match operator {
		Operator::Samples { width } => samples(*width, scope),
		Operator::Convolution { value, weights, rescale, .. } => {
			convolution(*value, *weights, rescale, scope)
		},
		Operator::Depthwise { value, weights, rescale, .. } => {
			depthwise(*value, *weights, rescale, scope)
		},
		Operator::Lookup { value, table, fraction } => lookup(*value, *table, *fraction, scope),
		_ => Err(E::Kind),
	}
}

fn affine(width: u32) -> TensorInfo {
	let dims = [Dim::Batch, Dim::Sequence, Dim::Fixed(width)].into();
	TensorInfo { kind: Kind::Affine, dims }
}

/// The tensor of an int8 operand.
fn operand<'a>(id: TensorId, scope: &Scope<'a>) -> Result<&'a TensorInfo, E> {
	let tensor = scope.tensor(id)?;
	ensure(tensor.kind == Kind::Affine, E::Kind)?;
	Ok(tensor)
}

fn samples(width: u32, scope: &Scope) -> Result<Inferred, E> {
	ensure(scope.tensors.is_empty(), E::Frame)?;
	pointwise(scope, affine(width), ONE)
}

/// Checks that every sum of `terms` products is one block and fits int32, and what rescales it.
fn check_layer(terms: u64, channels: u32, rescale: &Rescale, scope: &Scope) -> Result<(), E> {
	ensure(terms <= limits::ROW_BLOCK, E::TooLarge)?;
	check_sum(terms, MAX_DISTANCE, 128, 0)?;
	scope.vector(rescale.scales, channels)?;
	scope.vector(rescale.bias, channels)?;
	ensure((1..=limits::MAX_SHIFT).contains(&rescale.shift.into()), E::Shift)
}

fn convolution(
	value: TensorId,
	weights: WeightId,
	rescale: &Rescale,
	scope: &Scope,
) -> Result<Inferred, E> {
	let width = positions(&operand(value, scope)?.dims)?;
	let [rows, taps, columns] = *scope.weight(weights, WeightKind::Int8)? else {
		return Err(E::Shape);
	};
	ensure(columns == width, E::Shape)?;
	let terms = u64::from(taps).saturating_mul(columns.into());
	check_layer(terms, rows, rescale, scope)?;
	let opening = run(terms, 1).saturating_mul(2).saturating_add(ONE.saturating_mul(2));
	with_products(scope, affine(rows), terms, opening)
}

fn depthwise(
	value: TensorId,
	weights: WeightId,
	rescale: &Rescale,
	scope: &Scope,
) -> Result<Inferred, E> {
	let width = positions(&operand(value, scope)?.dims)?;
	let (taps, columns) = scope.matrix(weights, WeightKind::Int8)?;
	ensure(columns == width, E::Shape)?;
	let taps = u64::from(taps);
	check_layer(taps, columns, rescale, scope)?;
	// A channel's elements are a row apart: each in a segment of its own, or all close together.
	let spread = run(taps.saturating_mul(columns.into()), 1).min(taps.saturating_mul(ONE));
	let opening = spread.saturating_mul(2).saturating_add(ONE.saturating_mul(2));
	with_products(scope, affine(columns), taps, opening)
}

fn lookup(value: TensorId, table: WeightId, fraction: u8, scope: &Scope) -> Result<Inferred, E> {
	let value = operand(value, scope)?;
	scope.vector(table, 256)?;
	check_fraction(fraction)?;
	pointwise(scope, fixed(value.dims.clone(), fraction), ONE.saturating_mul(2))
}
