//! How a decoder chooses tokens.

use super::{
	ensure, fixed, pointwise, reduction, run, single, Inferred, Polynomial, Scope, E, ONE,
};
use crate::{
	limits,
	tensor::{Dim, Kind, TensorId, TensorInfo},
	CutBy, Mask, Operator, TallyBy, DRAW_MACS,
};
use alloc::vec::Vec;

pub(super) fn infer(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	match operator {
		Operator::ArgMax { value } => arg_max(*value, scope),
		Operator::Temper { value, max } => temper(*value, *max, scope),
		Operator::Tally { weights, cut, by } => tally(*weights, *cut, *by, scope),
		Operator::Cut { tally, by } => cut(*tally, *by, scope),
		Operator::Threshold { cut, tally } => threshold(*cut, *tally, scope),
		Operator::Keep { weights, threshold } => keep(*weights, *threshold, scope),
		Operator::BlockSum { weights, shift } => block_sum(*weights, *shift, scope),
		Operator::Draw { sums } => draw(*sums, scope),
		Operator::Pick { weights, draw, shift } => pick(*weights, *draw, *shift, scope),
		Operator::Choose { ids, greedy, sampled } => choose(*ids, *greedy, *sampled, scope),
		_ => Err(E::Kind),
	}
}

fn row_of(width: u32) -> Vec<Dim> {
	[Dim::Batch, Dim::Fixed(width)].into()
}

fn tokens(vocabulary: u32) -> TensorInfo {
	TensorInfo { kind: Kind::Tokens { vocabulary }, dims: [Dim::Batch].into() }
}

/// Width of weights `[B, V]`, each within `0..=65556`, as only two operators make them.
fn weights_of(id: TensorId, scope: &Scope) -> Result<u32, E> {
	let (dims, _) = scope.fixed(id)?;
	let made = matches!(scope.maker(id)?, Operator::SoftmaxExp { .. } | Operator::Keep { .. });
	ensure(made, E::Kind)?;
	single(dims)
}

/// Fraction bits of a sum of weights that lost `shift` bits each, if no sum leaves int32.
fn sum_fraction(width: u32, shift: u8) -> Result<u8, E> {
	ensure(shift <= limits::MAX_WEIGHT_SHIFT, E::Shift)?;
	super::check_sum(width.into(), limits::MAX_EXPONENTIAL, 1, shift)?;
	limits::EXP_FRACTION.checked_sub(shift).ok_or(E::Shift)
}

fn arg_max(value: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, _) = scope.fixed(value)?;
	let vocabulary = single(dims)?;
	reduction(scope, dims, tokens(vocabulary))
}

fn temper(value: TensorId, max: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	single(dims)?;
	ensure(fraction == limits::EXP_FRACTION, E::Fraction)?;
	// Rows `[B, V]` have no other mask.
	let own = Operator::SoftmaxMax { scores: value, mask: Mask::None };
	ensure(*scope.maker(max)? == own, E::Kind)?;
	pointwise(scope, fixed(dims.to_vec(), fraction), ONE.saturating_mul(2))
}

fn tally(
	weights: TensorId,
	maybe_cut: Option<TensorId>,
	by: TallyBy,
	scope: &Scope,
) -> Result<Inferred, E> {
	let width = weights_of(weights, scope)?;
	let fraction = match by {
		TallyBy::Count => 0,
		TallyBy::Mass { shift } => sum_fraction(width, shift)?,
	};
	let bins = match maybe_cut {
		None => limits::HIGH_BINS,
		Some(cut) => {
			ensure(matches!(scope.maker(cut)?, Operator::Cut { .. }), E::Kind)?;
			limits::LOW_BINS
		},
	};
	let mut inferred = reduction(scope, &row_of(width), fixed(row_of(bins), fraction))?;
	inferred.macs = inferred.macs.plus(Polynomial::of(&row_of(bins))?);
	Ok(inferred)
}

fn cut(tally: TensorId, by: CutBy, scope: &Scope) -> Result<Inferred, E> {
	let fits = match scope.maker(tally)? {
		Operator::Tally { cut: None, by: TallyBy::Count, .. } => by == CutBy::TopK,
		Operator::Tally { cut: None, by: TallyBy::Mass { .. }, .. } => by == CutBy::TopP,
		_ => false,
	};
	ensure(fits, E::Kind)?;
	reduction(scope, &row_of(limits::HIGH_BINS), fixed(row_of(2), 0))
}

fn threshold(cut: TensorId, tally: TensorId, scope: &Scope) -> Result<Inferred, E> {
	// The tally's own check is that its cut is one.
	let Operator::Tally { cut: Some(own), .. } = scope.maker(tally)? else { return Err(E::Kind) };
	ensure(*own == cut, E::Kind)?;
	let out = fixed(row_of(1), limits::EXP_FRACTION);
	reduction(scope, &row_of(limits::LOW_BINS), out)
}

fn keep(weights: TensorId, threshold: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let width = weights_of(weights, scope)?;
	ensure(matches!(scope.maker(threshold)?, Operator::Threshold { .. }), E::Kind)?;
	let out = fixed(row_of(width), limits::EXP_FRACTION);
	pointwise(scope, out, ONE.saturating_mul(2))
}

fn block_sum(weights: TensorId, shift: u8, scope: &Scope) -> Result<Inferred, E> {
	let width = weights_of(weights, scope)?;
	let fraction = sum_fraction(width, shift)?;
	let blocks = width.div_ceil(limits::DRAW_BLOCK);
	reduction(scope, &row_of(width), fixed(row_of(blocks), fraction))
}

fn draw(sums: TensorId, scope: &Scope) -> Result<Inferred, E> {
	ensure(matches!(scope.maker(sums)?, Operator::BlockSum { .. }), E::Kind)?;
	let (dims, _) = scope.fixed(sums)?;
	// The number drawn is one of its step and row, not of the operator.
	let earlier = scope.program.operators.iter().take(scope.tensors.len());
	let drawn = earlier.filter(|operator| matches!(operator, Operator::Draw { .. })).count();
	ensure(drawn == 0, E::Draws)?;
	let mut inferred = reduction(scope, dims, fixed(row_of(2), 0))?;
	inferred.macs = inferred.macs.plus(Polynomial::of(&[Dim::Batch])?.times(DRAW_MACS));
	Ok(inferred)
}

fn pick(weights: TensorId, draw: TensorId, shift: u8, scope: &Scope) -> Result<Inferred, E> {
	let width = weights_of(weights, scope)?;
	// So the block drawn is one of these weights, and the place in it a place in their sum.
	let Operator::Draw { sums } = scope.maker(draw)? else { return Err(E::Kind) };
	let summed = Operator::BlockSum { weights, shift };
	ensure(*scope.maker(*sums)? == summed, E::Kind)?;
	let opening_bytes = run(limits::DRAW_BLOCK.into(), 4).saturating_add(ONE);
	let macs = Polynomial::of(&[Dim::Batch])?.times(scope.price);
	Ok(Inferred { tensor: tokens(width), macs, opening_bytes })
}

fn choose(
	ids: TensorId,
	greedy: TensorId,
	sampled: TensorId,
	scope: &Scope,
) -> Result<Inferred, E> {
	scope.ids(ids)?;
	let vocabulary = scope.token(greedy)?;
	ensure(scope.token(sampled)? == vocabulary, E::Shape)?;
	pointwise(scope, tokens(vocabulary), ONE.saturating_mul(3))
}
