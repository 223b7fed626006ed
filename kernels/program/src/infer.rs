//! Kind, dimensions and price of what each operator makes, and whether its operands fit.

use crate::{
	limits,
	tensor::{quantised_limit, Dim, Kind, Polynomial, TensorId, TensorInfo, WeightId},
	EmbedBy, Operator, OperatorError, Program, TableBase, WeightKind,
};
use alloc::vec::Vec;
use OperatorError as E;

/// What validation learns of one operator.
#[derive(Clone, Debug)]
pub(crate) struct Inferred {
	/// What it makes.
	pub(crate) tensor: TensorInfo,
	/// What it costs, in multiply-accumulates.
	pub(crate) macs: Polynomial,
	/// Most bytes the referee opens for an element or a block.
	pub(crate) opening_bytes: u64,
}

/// An operator's surroundings.
pub(crate) struct Scope<'a> {
	/// The program.
	pub(crate) program: &'a Program,
	/// What earlier operators make.
	pub(crate) tensors: &'a [TensorInfo],
	/// The operator's own price, see [`Operator::PRICES`].
	pub(crate) price: u64,
}

/// Bytes opened for one element: the segment it is in.
const ONE: u64 = limits::SEGMENT as u64;

/// Bytes opened for adjacent elements: a run may begin anywhere in a segment.
fn run(elements: u64, element_bytes: u64) -> u64 {
	elements.saturating_mul(element_bytes).div_ceil(ONE).saturating_add(1).saturating_mul(ONE)
}

fn width_of(dim: Dim, scope: &Scope) -> u64 {
	dim.size(scope.program.limits.max_batch, scope.program.limits.max_sequence).into()
}

/// Price of a multiply-accumulate with a quantised operand: the int8 products it takes.
fn limbs(bits: u8) -> u64 {
	u64::from(bits).div_ceil(8)
}

/// Whether `count` products of two magnitudes can leave int32.
fn check_sum(count: u64, left: i64, right: i64) -> Result<(), E> {
	let largest = u128::from(count)
		.saturating_mul(left.unsigned_abs().into())
		.saturating_mul(right.unsigned_abs().into());
	if largest < 1 << 31 {
		Ok(())
	} else {
		Err(E::Overflow)
	}
}

fn check_fraction(fraction: u8) -> Result<(), E> {
	if fraction <= limits::MAX_FRACTION {
		Ok(())
	} else {
		Err(E::Fraction)
	}
}

fn ensure(holds: bool, error: E) -> Result<(), E> {
	if holds {
		Ok(())
	} else {
		Err(error)
	}
}

/// The shift counts of the operators that rescale, in one place for validation and backends.
pub mod shifts {
	use crate::limits::{MAX_SHIFT, PROBABILITY_FRACTION, SCALE_FRACTION};

	fn total(add: &[u8], subtract: &[u8]) -> Option<u32> {
		let sum = |terms: &[u8]| terms.iter().map(|term| u32::from(*term)).sum::<u32>();
		let shift = sum(add).checked_sub(sum(subtract))?;
		(1..=MAX_SHIFT).contains(&shift).then_some(shift)
	}

	/// The shift of [`Operator::Embed`](crate::Operator::Embed): `30 - f`.
	pub fn embed(fraction: u8) -> Option<u32> {
		total(&[SCALE_FRACTION], &[fraction])
	}

	/// Both shifts of [`Operator::Linear`](crate::Operator::Linear).
	pub fn linear(bits: u8, max_fraction: u8, shift: u8, fraction: u8) -> Option<(u32, u32)> {
		let second = total(&[SCALE_FRACTION, max_fraction, bits], &[1, fraction, shift])?;
		Some((total(&[shift], &[])?, second))
	}

	/// Both shifts of [`Operator::Scores`](crate::Operator::Scores).
	pub fn scores(
		bits: (u8, u8),
		max_fractions: (u8, u8),
		shift: u8,
		fraction: u8,
	) -> Option<(u32, u32)> {
		let second =
			total(&[bits.0, bits.1, max_fractions.0, max_fractions.1], &[2, fraction, shift])?;
		Some((total(&[shift], &[])?, second))
	}

	/// The shift of [`Operator::ContextWeight`](crate::Operator::ContextWeight).
	pub fn context_weight(max_fraction: u8, fraction: u8) -> Option<u32> {
		total(&[PROBABILITY_FRACTION, max_fraction], &[fraction])
	}

	/// The shift of [`Operator::Context`](crate::Operator::Context).
	pub fn context(bits: (u8, u8), max_fraction: u8, fraction: u8) -> Option<u32> {
		total(&[bits.0, bits.1, max_fraction], &[2, fraction])
	}

	/// The second shift of [`Operator::Normalise`](crate::Operator::Normalise): `36 - f`.
	pub fn normalise(fraction: u8) -> Option<u32> {
		total(&[crate::limits::NORMAL_FRACTION, crate::limits::GAIN_FRACTION], &[fraction])
	}
}

type Fixed<'a> = (&'a [Dim], u8);

impl<'a> Scope<'a> {
	fn tensor(&self, id: TensorId) -> Result<&'a TensorInfo, E> {
		self.tensors.get(usize::from(id.0)).ok_or(E::UnknownTensor)
	}

	fn fixed(&self, id: TensorId) -> Result<Fixed<'a>, E> {
		let tensor = self.tensor(id)?;
		match tensor.kind {
			Kind::Fixed { fraction } => Ok((&tensor.dims, fraction)),
			_ => Err(E::Kind),
		}
	}

	fn quantised(&self, id: TensorId) -> Result<(&'a [Dim], u8), E> {
		let tensor = self.tensor(id)?;
		match tensor.kind {
			Kind::Quantised { bits } => Ok((&tensor.dims, bits)),
			_ => Err(E::Kind),
		}
	}

	fn ids(&self, id: TensorId) -> Result<u32, E> {
		match self.tensor(id)?.kind {
			Kind::Tokens { vocabulary } => Ok(vocabulary),
			_ => Err(E::Kind),
		}
	}

	fn weight(&self, id: WeightId, kind: WeightKind) -> Result<&'a [u32], E> {
		let shape = self.program.weights.get(usize::from(id.0)).ok_or(E::UnknownWeight)?;
		ensure(shape.kind == kind, E::Kind)?;
		Ok(&shape.dims)
	}

	fn matrix(&self, id: WeightId) -> Result<(u32, u32), E> {
		match self.weight(id, WeightKind::Int8)? {
			[rows, columns] => Ok((*rows, *columns)),
			_ => Err(E::Shape),
		}
	}

	fn vector(&self, id: WeightId, length: u32) -> Result<(), E> {
		ensure(self.weight(id, WeightKind::Int32)? == [length], E::Shape)
	}
}

fn fixed(dims: Vec<Dim>, fraction: u8) -> TensorInfo {
	TensorInfo { kind: Kind::Fixed { fraction }, dims }
}

/// The dimensions with another last one.
fn with_width(dims: &[Dim], width: Dim) -> Vec<Dim> {
	let mut dims = dims.to_vec();
	if let Some(last) = dims.last_mut() {
		*last = width;
	}
	dims
}

fn leading(dims: &[Dim]) -> &[Dim] {
	dims.split_last().map_or(&[], |(_, leading)| leading)
}

/// The operator's price per element of the output.
fn pointwise(scope: &Scope, tensor: TensorInfo, opening_bytes: u64) -> Result<Inferred, E> {
	with_products(scope, tensor, 0, opening_bytes)
}

/// The operator's price per element of the output, and that many int8 products.
fn with_products(
	scope: &Scope,
	tensor: TensorInfo,
	products: u64,
	opening_bytes: u64,
) -> Result<Inferred, E> {
	let macs = Polynomial::of(&tensor.dims)?.times(products.saturating_add(scope.price));
	Ok(Inferred { tensor, macs, opening_bytes })
}

/// The operator's price per element of the operand that is reduced along its rows.
fn reduction(scope: &Scope, operand: &[Dim], tensor: TensorInfo) -> Result<Inferred, E> {
	let width = operand.last().map_or(1, |dim| width_of(*dim, scope));
	let macs = Polynomial::of(operand)?.times(scope.price);
	let opening_bytes = run(width.min(limits::ROW_BLOCK), 4).saturating_add(run(1, 4));
	Ok(Inferred { tensor, macs, opening_bytes })
}

/// `[B, S, K]` with a fixed `K`.
fn positions(dims: &[Dim]) -> Result<u32, E> {
	match dims {
		[Dim::Batch, Dim::Sequence, Dim::Fixed(width)] => Ok(*width),
		_ => Err(E::Shape),
	}
}

/// `[B, heads, S, S]`.
fn attention(dims: &[Dim]) -> Result<u32, E> {
	match dims {
		[Dim::Batch, Dim::Fixed(heads), Dim::Sequence, Dim::Sequence] => Ok(*heads),
		_ => Err(E::Shape),
	}
}

pub(crate) fn infer(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let inferred = match operator {
		Operator::Tokens { vocabulary } => tokens(*vocabulary, scope),
		Operator::Embed { .. } => embed(operator, scope),
		Operator::Add { left, right } => add(*left, *right, scope),
		Operator::RowMax { value, groups } => row_max(*value, *groups, scope),
		Operator::Quantise { value, max, bits } => quantise(*value, *max, *bits, scope),
		Operator::Linear { .. } => linear(operator, scope),
		Operator::Scores { .. } => scores(operator, scope),
		Operator::SoftmaxMax { scores, ids } => softmax_max(*scores, *ids, scope),
		Operator::SoftmaxExp { scores, max, ids } => softmax_exp(*scores, *max, *ids, scope),
		Operator::SoftmaxSum { exponentials } => softmax_sum(*exponentials, scope),
		Operator::SoftmaxNormalise { exponentials, sum } => {
			softmax_normalise(*exponentials, *sum, scope)
		},
		Operator::ContextWeight { probabilities, value_max, fraction } => {
			context_weight(*probabilities, *value_max, *fraction, scope)
		},
		Operator::Context { .. } => context(operator, scope),
		Operator::Mean { value } => mean(*value, scope),
		Operator::Deviation { value, mean, fraction, .. } => {
			deviation(*value, *mean, *fraction, scope)
		},
		Operator::Normalise { .. } => normalise(operator, scope),
		Operator::Table { .. } => table(operator, scope),
		Operator::MeanPool { value, ids } => mean_pool(*value, *ids, scope),
		Operator::L2Norm { value } => l2_norm(*value, scope),
		Operator::L2Normalise { value, norm, fraction } => {
			l2_normalise(*value, *norm, *fraction, scope)
		},
		Operator::Stop => pointwise(scope, fixed([Dim::Fixed(1)].into(), 0), 0),
		Operator::Emit { value, stop } => emit(*value, *stop, scope),
	}?;
	inferred.tensor.check()?;
	if let Kind::Fixed { fraction } = inferred.tensor.kind {
		check_fraction(fraction)?;
	}
	ensure(inferred.opening_bytes <= limits::MAX_OPENING_BYTES, E::Opening)?;
	Ok(inferred)
}

fn tokens(vocabulary: u32, scope: &Scope) -> Result<Inferred, E> {
	ensure(scope.tensors.is_empty(), E::Frame)?;
	ensure((1..=limits::MAX_VOCABULARY).contains(&vocabulary), E::TooLarge)?;
	let dims = [Dim::Batch, Dim::Sequence].into();
	pointwise(scope, TensorInfo { kind: Kind::Tokens { vocabulary }, dims }, ONE)
}

fn embed(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Embed { ids, table, scales, by, fraction } = operator else {
		return Err(E::Kind);
	};
	let vocabulary = scope.ids(*ids)?;
	let (rows, width) = scope.matrix(*table)?;
	scope.vector(*scales, rows)?;
	let needed = match by {
		EmbedBy::Token => vocabulary,
		EmbedBy::Position => scope.program.limits.max_sequence,
	};
	ensure(rows >= needed, E::Rows)?;
	check_fraction(*fraction)?;
	shifts::embed(*fraction).ok_or(E::Fraction)?;
	let dims = [Dim::Batch, Dim::Sequence, Dim::Fixed(width)].into();
	pointwise(scope, fixed(dims, *fraction), ONE.saturating_mul(3))
}

fn add(left: TensorId, right: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (left, right) = (scope.fixed(left)?, scope.fixed(right)?);
	ensure(left.0 == right.0, E::Shape)?;
	ensure(left.1 == right.1, E::Fraction)?;
	pointwise(scope, fixed(left.0.to_vec(), left.1), ONE.saturating_mul(2))
}

fn row_max(value: TensorId, groups: u32, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	parts(dims, groups)?;
	let out = fixed(with_width(dims, Dim::Fixed(groups)), fraction);
	reduction(scope, dims, out)
}

/// Checks that rows divide into `groups` equal parts.
fn parts(dims: &[Dim], groups: u32) -> Result<(), E> {
	let divides = match dims.last() {
		Some(Dim::Fixed(width)) => width.checked_rem(groups) == Some(0),
		Some(_) => groups == 1,
		None => false,
	};
	ensure(divides, E::Shape)
}

/// Checks that `max` holds one maximum for each part of each row, and gives the number of parts.
fn maxima(dims: &[Dim], max: &[Dim]) -> Result<u32, E> {
	ensure(leading(dims) == leading(max) && dims.len() == max.len(), E::Shape)?;
	match max.last() {
		Some(Dim::Fixed(groups)) => parts(dims, *groups).map(|()| *groups),
		_ => Err(E::Shape),
	}
}

fn quantise(value: TensorId, max: TensorId, bits: u8, scope: &Scope) -> Result<Inferred, E> {
	let (value, max) = (scope.fixed(value)?, scope.fixed(max)?);
	maxima(value.0, max.0)?;
	ensure(value.1 == max.1, E::Fraction)?;
	ensure(bits == 8 || bits == 12, E::Bits)?;
	let tensor = TensorInfo { kind: Kind::Quantised { bits }, dims: value.0.to_vec() };
	pointwise(scope, tensor, ONE.saturating_mul(2))
}

fn linear(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Linear { input, max, weights, scales, bias, shift, fraction } = operator else {
		return Err(E::Kind);
	};
	let (input, max) = (scope.quantised(*input)?, scope.fixed(*max)?);
	let (rows, columns) = scope.matrix(*weights)?;
	ensure(input.0.last() == Some(&Dim::Fixed(columns)), E::Shape)?;
	ensure(maxima(input.0, max.0)? == 1, E::Shape)?;
	scope.vector(*scales, rows)?;
	if let Some(bias) = bias {
		scope.vector(*bias, rows)?;
	}
	check_fraction(*fraction)?;
	check_sum(columns.into(), quantised_limit(input.1), 128)?;
	shifts::linear(input.1, max.1, *shift, *fraction).ok_or(E::Shift)?;
	let products = u64::from(columns).saturating_mul(limbs(input.1));
	let block = u64::from(columns).min(limits::ROW_BLOCK);
	let opening = run(block, 2).saturating_add(run(block, 1)).saturating_add(ONE.saturating_mul(3));
	with_products(scope, fixed(with_width(input.0, Dim::Fixed(rows)), *fraction), products, opening)
}

fn scores(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Scores { query, query_max, key, key_max, shift, fraction } = operator else {
		return Err(E::Kind);
	};
	let (query, query_max) = (scope.quantised(*query)?, scope.fixed(*query_max)?);
	let (key, key_max) = (scope.quantised(*key)?, scope.fixed(*key_max)?);
	ensure(query.0 == key.0 && query_max.0 == key_max.0, E::Shape)?;
	let width = positions(query.0)?;
	let heads = maxima(query.0, query_max.0)?;
	let depth = u64::from(width.checked_div(heads).ok_or(E::Shape)?);
	check_fraction(*fraction)?;
	check_sum(depth, quantised_limit(query.1), quantised_limit(key.1))?;
	let fractions = (query_max.1, key_max.1);
	shifts::scores((query.1, key.1), fractions, *shift, *fraction).ok_or(E::Shift)?;
	let products = depth.saturating_mul(limbs(query.1)).saturating_mul(limbs(key.1));
	let dims = [Dim::Batch, Dim::Fixed(heads), Dim::Sequence, Dim::Sequence].into();
	let opening = run(depth, 2).saturating_add(ONE).saturating_mul(2);
	with_products(scope, fixed(dims, *fraction), products, opening)
}

fn softmax_max(scores: TensorId, ids: Option<TensorId>, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(scores)?;
	let heads = attention(dims)?;
	ensure(fraction == limits::EXP_FRACTION, E::Fraction)?;
	if let Some(ids) = ids {
		scope.ids(ids)?;
	}
	let out = [Dim::Batch, Dim::Fixed(heads), Dim::Sequence].into();
	let mut inferred = reduction(scope, dims, fixed(out, fraction))?;
	// A block of scores and the ids of the same positions.
	inferred.opening_bytes = inferred.opening_bytes.saturating_mul(2);
	Ok(inferred)
}

fn softmax_exp(
	scores: TensorId,
	max: TensorId,
	ids: Option<TensorId>,
	scope: &Scope,
) -> Result<Inferred, E> {
	let (scores, max) = (scope.fixed(scores)?, scope.fixed(max)?);
	attention(scores.0)?;
	ensure(leading(scores.0) == max.0, E::Shape)?;
	let fractions = scores.1 == limits::EXP_FRACTION && max.1 == limits::EXP_FRACTION;
	ensure(fractions, E::Fraction)?;
	if let Some(ids) = ids {
		scope.ids(ids)?;
	}
	pointwise(scope, fixed(scores.0.to_vec(), scores.1), ONE.saturating_mul(3))
}

fn softmax_sum(exponentials: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(exponentials)?;
	attention(dims)?;
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
	let heads = attention(probabilities.0)?;
	ensure(positions(value_max.0)? == heads, E::Shape)?;
	ensure(probabilities.1 == limits::PROBABILITY_FRACTION, E::Fraction)?;
	check_fraction(fraction)?;
	shifts::context_weight(value_max.1, fraction).ok_or(E::Shift)?;
	pointwise(scope, fixed(probabilities.0.to_vec(), fraction), ONE.saturating_mul(2))
}

fn context(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Context { weight, weight_max, value, fraction } = operator else {
		return Err(E::Kind);
	};
	let (weight, weight_max) = (scope.quantised(*weight)?, scope.fixed(*weight_max)?);
	let value = scope.quantised(*value)?;
	let heads = attention(weight.0)?;
	ensure(maxima(weight.0, weight_max.0)? == 1, E::Shape)?;
	let width = positions(value.0)?;
	parts(value.0, heads)?;
	check_fraction(*fraction)?;
	let longest = u64::from(scope.program.limits.max_sequence);
	check_sum(longest, quantised_limit(weight.1), quantised_limit(value.1))?;
	shifts::context((weight.1, value.1), weight_max.1, *fraction).ok_or(E::Shift)?;

	// One output element costs a product per position: `[B, S, S]` elements, times the width.
	let products = Polynomial::of(&[Dim::Batch, Dim::Sequence, Dim::Sequence])?
		.times(u64::from(width).saturating_mul(limbs(weight.1)).saturating_mul(limbs(value.1)));
	let tensor = fixed(value.0.to_vec(), *fraction);
	let macs = Polynomial::of(&tensor.dims)?.times(scope.price).plus(products);
	let block = longest.min(limits::POSITION_BLOCK);
	let opening_bytes = block.saturating_mul(ONE).saturating_add(run(block, 2)).saturating_add(ONE);
	Ok(Inferred { tensor, macs, opening_bytes })
}

fn mean(value: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	fixed_width(dims)?;
	reduction(scope, dims, fixed(with_width(dims, Dim::Fixed(1)), fraction))
}

fn fixed_width(dims: &[Dim]) -> Result<u32, E> {
	match dims.last() {
		Some(Dim::Fixed(width)) => Ok(*width),
		_ => Err(E::Shape),
	}
}

/// Checks that a tensor holds one element for each row of another.
fn check_rows(rows: &[Dim], single: &[Dim]) -> Result<(), E> {
	ensure(maxima(rows, single)? == 1, E::Shape)
}

fn deviation(value: TensorId, mean: TensorId, fraction: u8, scope: &Scope) -> Result<Inferred, E> {
	let (value, mean) = (scope.fixed(value)?, scope.fixed(mean)?);
	check_rows(value.0, mean.0)?;
	ensure(fixed_width(value.0)? <= limits::MAX_SQUARES_WIDTH, E::Overflow)?;
	ensure(value.1 == mean.1, E::Fraction)?;
	check_guard(value.1, fraction)?;
	reduction(scope, value.0, fixed(with_width(value.0, Dim::Fixed(1)), fraction))
}

/// Checks the fraction bits of a deviation against those of what it is the deviation of.
fn check_guard(value: u8, deviation: u8) -> Result<(), E> {
	let guard = deviation.checked_sub(value).ok_or(E::Fraction)?;
	ensure(guard <= limits::MAX_DEVIATION_GUARD, E::Fraction)
}

fn normalise(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Normalise { value, mean, deviation, gain, bias, fraction } = operator else {
		return Err(E::Kind);
	};
	let (value, mean, deviation) =
		(scope.fixed(*value)?, scope.fixed(*mean)?, scope.fixed(*deviation)?);
	check_rows(value.0, mean.0)?;
	check_rows(value.0, deviation.0)?;
	ensure(value.1 == mean.1, E::Fraction)?;
	check_guard(value.1, deviation.1)?;
	check_fraction(*fraction)?;
	shifts::normalise(*fraction).ok_or(E::Shift)?;
	let width = fixed_width(value.0)?;
	scope.vector(*gain, width)?;
	scope.vector(*bias, width)?;
	pointwise(scope, fixed(value.0.to_vec(), *fraction), ONE.saturating_mul(5))
}

fn table(operator: &Operator, scope: &Scope) -> Result<Inferred, E> {
	let Operator::Table { value, table, shift, base, fraction } = operator else {
		return Err(E::Kind);
	};
	let (dims, value_fraction) = scope.fixed(*value)?;
	let entries = match scope.weight(*table, WeightKind::Int32)? {
		[entries] => *entries,
		_ => return Err(E::Shape),
	};
	let intervals = entries.checked_sub(1).ok_or(E::Table)?;
	let even = intervals.checked_rem(2) == Some(0);
	ensure(even && (2..=limits::MAX_TABLE_INTERVALS).contains(&intervals), E::Table)?;
	ensure((1..=24).contains(shift), E::Shift)?;
	ensure(*base == TableBase::Zero || value_fraction == *fraction, E::Fraction)?;
	pointwise(scope, fixed(dims.to_vec(), *fraction), ONE.saturating_mul(3))
}

fn mean_pool(value: TensorId, ids: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	scope.ids(ids)?;
	let width = positions(dims)?;
	let mut inferred =
		reduction(scope, dims, fixed([Dim::Batch, Dim::Fixed(width)].into(), fraction))?;
	inferred.opening_bytes =
		limits::POSITION_BLOCK.saturating_mul(ONE).saturating_add(run(limits::POSITION_BLOCK, 4));
	Ok(inferred)
}

fn l2_norm(value: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	ensure(fixed_width(dims)? <= limits::MAX_SQUARES_WIDTH, E::Overflow)?;
	reduction(scope, dims, fixed(with_width(dims, Dim::Fixed(1)), fraction))
}

fn l2_normalise(
	value: TensorId,
	norm: TensorId,
	fraction: u8,
	scope: &Scope,
) -> Result<Inferred, E> {
	let (value, norm) = (scope.fixed(value)?, scope.fixed(norm)?);
	check_rows(value.0, norm.0)?;
	ensure(value.1 == norm.1, E::Fraction)?;
	check_fraction(fraction)?;
	pointwise(scope, fixed(value.0.to_vec(), fraction), ONE.saturating_mul(2))
}

fn emit(value: TensorId, stop: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let (dims, fraction) = scope.fixed(value)?;
	let stops = scope.program.operators.get(usize::from(stop.0)) == Some(&Operator::Stop);
	ensure(stops && scope.tensors.len() == usize::from(stop.0).saturating_add(1), E::Frame)?;
	// An output has a part for each input of a batch; `Stop` itself has none, and is no result.
	ensure(value != stop && dims.first() == Some(&Dim::Batch), E::Shape)?;
	pointwise(scope, fixed(dims.to_vec(), fraction), ONE.saturating_mul(2))
}
