//! Attention, and softmax over any rows.

use super::{
	check_fraction, check_sum, ensure, fixed, leading, limbs, maxima, parts, pointwise, positions,
	reduction, run, shifts, with_products, Inferred, Polynomial, Scope, E, ONE,
};
use crate::{
	limits,
	tensor::{quantised_limit, Dim, TensorId},
	Mask, Operator,
};

pub(super) fn infer(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	match operator {
		Operator::Scores { .. } => scores(operator, scope),
		Operator::SoftmaxMax { scores, mask } => softmax_max(*scores, *mask, scope),
		Operator::SoftmaxExp { scores, max, mask } => softmax_exp(*scores, *max, *mask, scope),
		Operator::SoftmaxSum { exponentials } => softmax_sum(*exponentials, scope),
		Operator::SoftmaxNormalise { exponentials, sum } => {
			softmax_normalise(*exponentials, *sum, scope)
		},
		Operator::ContextWeight { probabilities, value_max, fraction } => {
			context_weight(*probabilities, *value_max, *fraction, scope)
		},
		Operator::Context { .. } => context(operator, scope),
		_ => Err(E::Kind),
	}
}

/// `[B, heads, S, T]`.
fn attention(dims: &[Dim]) -> Result<u32, E> {
	match dims {
		[Dim::Batch, Dim::Fixed(heads), Dim::Sequence, Dim::Context] => Ok(*heads),
		_ => Err(E::Shape),
	}
}

/// Checks that each of `groups` key or value heads serves as many of `heads`.
fn check_groups(heads: u32, groups: u32) -> Result<(), E> {
	ensure(heads.checked_rem(groups) == Some(0), E::Shape)
}

/// Checks that rows of scores may have this mask.
fn check_mask(dims: &[Dim], mask: Mask, scope: &Scope) -> Result<(), E> {
	let is_attention = attention(dims).is_ok();
	let is_decoder = scope.program.is_decoder();
	match mask {
		Mask::None => {
			ensure(dims.len() >= 2, E::Shape)?;
			ensure(!(is_attention && is_decoder), E::Decoder)
		},
		Mask::Padding { ids } => {
			ensure(!is_decoder, E::Decoder)?;
			ensure(is_attention, E::Shape)?;
			scope.ids(ids).map(|_| ())
		},
		Mask::Causal => ensure(is_attention, E::Shape),
	}
}

fn scores(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Scores { query, query_max, key, key_max, shift, fraction } = operator else {
		return Err(E::Kind);
	};
	let (query, query_max) = (scope.quantised(*query)?, scope.fixed(*query_max)?);
	let (key, key_max) = (scope.quantised(*key)?, scope.fixed(*key_max)?);
	let (heads, key_heads) = (maxima(query.0, query_max.0)?, maxima(key.0, key_max.0)?);
	check_groups(heads, key_heads)?;
	let depth = positions(query.0)?.checked_div(heads).ok_or(E::Shape)?;
	ensure(positions(key.0)?.checked_div(key_heads) == Some(depth), E::Shape)?;
	let depth = u64::from(depth);
	check_fraction(*fraction)?;
	check_sum(depth, quantised_limit(query.1), quantised_limit(key.1), 0)?;
	let fractions = (query_max.1, key_max.1);
	shifts::scores((query.1, key.1), fractions, *shift, *fraction).ok_or(E::Shift)?;
	let products = depth.saturating_mul(limbs(query.1)).saturating_mul(limbs(key.1));
	let dims = [Dim::Batch, Dim::Fixed(heads), Dim::Sequence, Dim::Context].into();
	let opening = run(depth, 2).saturating_add(ONE).saturating_mul(2);
	with_products(scope, fixed(dims, *fraction), products, opening)
}

fn softmax_max(scores: TensorId, mask: Mask, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(scores)?;
	check_mask(dims, mask, scope)?;
	ensure(fraction == limits::EXP_FRACTION, E::Fraction)?;
	let mut inferred = reduction(scope, dims, fixed(leading(dims).to_vec(), fraction))?;
	// A block of scores and the ids of the same positions.
	inferred.opening_bytes = inferred.opening_bytes.saturating_mul(2);
	Ok(inferred)
}

fn softmax_exp(scores: TensorId, max: TensorId, mask: Mask, scope: &Scope) -> Result<Inferred, E> {
	let (scores, max) = (scope.fixed(scores)?, scope.fixed(max)?);
	check_mask(scores.0, mask, scope)?;
	ensure(leading(scores.0) == max.0, E::Shape)?;
	let fractions = scores.1 == limits::EXP_FRACTION && max.1 == limits::EXP_FRACTION;
	ensure(fractions, E::Fraction)?;
	pointwise(scope, fixed(scores.0.to_vec(), scores.1), ONE.saturating_mul(3))
}

fn softmax_sum(exponentials: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(exponentials)?;
	ensure(dims.len() >= 2, E::Shape)?;
	ensure(fraction == limits::EXP_FRACTION, E::Fraction)?;
	reduction(scope, dims, fixed(leading(dims).to_vec(), fraction))
}

fn softmax_normalise(exponentials: TensorId, sum: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (exponentials, sum) = (scope.fixed(exponentials)?, scope.fixed(sum)?);
	attention(exponentials.0)?;
	ensure(leading(exponentials.0) == sum.0, E::Shape)?;
	let fractions = exponentials.1 == limits::EXP_FRACTION && sum.1 == limits::EXP_FRACTION;
	ensure(fractions, E::Fraction)?;
	let out = fixed(exponentials.0.to_vec(), limits::PROBABILITY_FRACTION);
	pointwise(scope, out, ONE.saturating_mul(2))
}

fn context_weight(
	probabilities: TensorId,
	value_max: TensorId,
	fraction: u8,
	scope: &Scope,
) -> Result<Inferred, E> {
	let (probabilities, value_max) = (scope.fixed(probabilities)?, scope.fixed(value_max)?);
	check_groups(attention(probabilities.0)?, positions(value_max.0)?)?;
	ensure(probabilities.1 == limits::PROBABILITY_FRACTION, E::Fraction)?;
	check_fraction(fraction)?;
	shifts::context_weight(value_max.1, fraction).ok_or(E::Shift)?;
	pointwise(scope, fixed(probabilities.0.to_vec(), fraction), ONE.saturating_mul(2))
}

fn context(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Context { weight, weight_max, value, groups, shift, fraction } = operator else {
		return Err(E::Kind);
	};
	let (weight, weight_max) = (scope.quantised(*weight)?, scope.fixed(*weight_max)?);
	let value = scope.quantised(*value)?;
	let heads = attention(weight.0)?;
	ensure(maxima(weight.0, weight_max.0)? == 1, E::Shape)?;
	check_groups(heads, *groups)?;
	parts(value.0, *groups)?;
	let depth = positions(value.0)?.checked_div(*groups).ok_or(E::Shape)?;
	let width = depth.checked_mul(heads).ok_or(E::TooLarge)?;
	check_fraction(*fraction)?;
	let longest = u64::from(scope.program.limits.max_sequence);
	check_sum(longest, quantised_limit(weight.1), quantised_limit(value.1), *shift)?;
	shifts::context((weight.1, value.1), weight_max.1, *shift, *fraction).ok_or(E::Shift)?;

	// One output element costs a product per position: `[B, S, T]` elements, times the width.
	let products = Polynomial::of(&[Dim::Batch, Dim::Sequence, Dim::Context])?
		.times(u64::from(width).saturating_mul(limbs(weight.1)).saturating_mul(limbs(value.1)));
	let dims = [Dim::Batch, Dim::Sequence, Dim::Fixed(width)].into();
	let tensor = fixed(dims, *fraction);
	let macs = Polynomial::of(&tensor.dims)?.times(scope.price).plus(products);
	let block = longest.min(limits::POSITION_BLOCK);
	let opening_bytes = block.saturating_mul(ONE).saturating_add(run(block, 2)).saturating_add(ONE);
	Ok(Inferred { tensor, macs, opening_bytes })
}
