//! Kind, dimensions and price of what each operator makes, and whether its operands fit.

mod attention;
mod convolution;
mod draw;
mod rows;
pub mod shifts;

use crate::{
	limits,
	tensor::{quantised_limit, Dim, Kind, Polynomial, StepShape, TensorId, TensorInfo, WeightId},
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
	let limits = scope.program.limits;
	dim.size(StepShape::first(limits.max_batch, limits.max_sequence)).into()
}

/// Price of a multiply-accumulate with a quantised operand: the int8 products it takes.
fn limbs(bits: u8) -> u64 {
	u64::from(bits).div_ceil(8)
}

/// Whether `count` products of two magnitudes can leave int32 once `shift` bits are dropped.
fn check_sum(count: u64, left: i64, right: i64, shift: u8) -> Result<(), E> {
	let largest = u128::from(count)
		.saturating_mul(left.unsigned_abs().into())
		.saturating_mul(right.unsigned_abs().into());
	let bits = 31u32.saturating_add(shift.into());
	ensure(1u128.checked_shl(bits).is_none_or(|limit| largest < limit), E::Overflow)
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

	/// The vocabulary of the input `[B, S]`.
	fn ids(&self, id: TensorId) -> Result<u32, E> {
		self.tokens(id, &[Dim::Batch, Dim::Sequence])
	}

	/// The vocabulary of one token for each input of a batch.
	fn token(&self, id: TensorId) -> Result<u32, E> {
		self.tokens(id, &[Dim::Batch])
	}

	fn tokens(&self, id: TensorId, dims: &[Dim]) -> Result<u32, E> {
		let tensor = self.tensor(id)?;
		let Kind::Tokens { vocabulary } = tensor.kind else { return Err(E::Kind) };
		ensure(tensor.dims == dims, E::Shape)?;
		Ok(vocabulary)
	}

	/// The operator that makes an earlier tensor.
	fn maker(&self, id: TensorId) -> Result<&'a Operator, E> {
		self.tensor(id)?;
		self.program.operators.get(usize::from(id.0)).ok_or(E::UnknownTensor)
	}

	fn weight(&self, id: WeightId, kind: WeightKind) -> Result<&'a [u32], E> {
		let shape = self.program.weights.get(usize::from(id.0)).ok_or(E::UnknownWeight)?;
		ensure(shape.kind == kind, E::Kind)?;
		Ok(&shape.dims)
	}

	fn matrix(&self, id: WeightId, kind: WeightKind) -> Result<(u32, u32), E> {
		match self.weight(id, kind)? {
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

/// `[B, V]` with a fixed `V`.
fn single(dims: &[Dim]) -> Result<u32, E> {
	match dims {
		[Dim::Batch, Dim::Fixed(width)] => Ok(*width),
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
		Operator::Scores { .. }
		| Operator::SoftmaxMax { .. }
		| Operator::SoftmaxExp { .. }
		| Operator::SoftmaxSum { .. }
		| Operator::SoftmaxNormalise { .. }
		| Operator::ContextWeight { .. }
		| Operator::Context { .. } => attention::infer(operator, scope),
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
		Operator::Stop { next, ends } => stop(*next, ends, scope),
		Operator::Emit { value, stop } => emit(*value, *stop, scope),
		Operator::RootMeanSquare { .. }
		| Operator::RmsNormalise { .. }
		| Operator::Rotate { .. }
		| Operator::Multiply { .. }
		| Operator::Last { .. } => rows::infer(operator, scope),
		Operator::ArgMax { .. }
		| Operator::Temper { .. }
		| Operator::Tally { .. }
		| Operator::Cut { .. }
		| Operator::Threshold { .. }
		| Operator::Keep { .. }
		| Operator::BlockSum { .. }
		| Operator::Draw { .. }
		| Operator::Pick { .. }
		| Operator::Choose { .. } => draw::infer(operator, scope),
		Operator::Samples { .. }
		| Operator::Convolution { .. }
		| Operator::Depthwise { .. }
		| Operator::Lookup { .. } => convolution::infer(operator, scope),
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
	let (rows, width) = scope.matrix(*table, WeightKind::Int8)?;
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

/// Checks that rows divide into `groups` equal parts. A batch is no row: its inputs never mix.
fn parts(dims: &[Dim], groups: u32) -> Result<(), E> {
	let divides = match dims.last() {
		Some(Dim::Fixed(width)) => width.checked_rem(groups) == Some(0),
		Some(Dim::Sequence | Dim::Context) => groups == 1,
		Some(Dim::Batch) | None => false,
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
	let (rows, columns) = scope.matrix(*weights, WeightKind::Int8)?;
	ensure(input.0.last() == Some(&Dim::Fixed(columns)), E::Shape)?;
	ensure(maxima(input.0, max.0)? == 1, E::Shape)?;
	scope.vector(*scales, rows)?;
	if let Some(bias) = bias {
		scope.vector(*bias, rows)?;
	}
	check_fraction(*fraction)?;
	check_sum(columns.into(), quantised_limit(input.1), 128, 0)?;
	shifts::linear(input.1, max.1, *shift, *fraction).ok_or(E::Shift)?;
	let products = u64::from(columns).saturating_mul(limbs(input.1));
	let block = u64::from(columns).min(limits::ROW_BLOCK);
	let opening = run(block, 2).saturating_add(run(block, 1)).saturating_add(ONE.saturating_mul(3));
	with_products(scope, fixed(with_width(input.0, Dim::Fixed(rows)), *fraction), products, opening)
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
	ensure(!scope.program.is_decoder(), E::Decoder)?;
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

fn stop(next: Option<TensorId>, ends: &[u32], scope: &Scope) -> Result<Inferred, E> {
	// A decoder goes on with tokens, so its input is tokens.
	let vocabulary = match (scope.program.operators.first(), next) {
		(Some(Operator::Tokens { vocabulary }), _) => *vocabulary,
		(Some(Operator::Samples { .. }), None) => 0,
		_ => return Err(E::Frame),
	};
	match next {
		// What is chosen is the next step's input. Only `Choose` keeps a row ended.
		Some(next) => {
			let vocabulary_of_next = scope.token(next)?;
			ensure(matches!(scope.maker(next)?, Operator::Choose { .. }), E::Next)?;
			ensure(vocabulary_of_next <= vocabulary, E::Rows)?;
		},
		None => ensure(ends.is_empty(), E::Ends)?,
	}
	let known = ends.iter().all(|end| *end < vocabulary);
	ensure(known && ends.len() <= limits::MAX_ENDS, E::Ends)?;
	let opening = if next.is_some() { width_of(Dim::Batch, scope) } else { 0 };
	pointwise(scope, fixed([Dim::Fixed(1)].into(), 0), opening.div_ceil(1_024).saturating_mul(ONE))
}

fn emit(value: TensorId, stop: TensorId, scope: &Scope) -> Result<Inferred, E> {
	let tensor = scope.tensor(value)?;
	let Some(Operator::Stop { next, .. }) = scope.program.operators.get(usize::from(stop.0)) else {
		return Err(E::Frame);
	};
	ensure(scope.tensors.len() == usize::from(stop.0).saturating_add(1), E::Frame)?;
	ensure(next.is_none_or(|next| next == value), E::Frame)?;
	match tensor.kind {
		Kind::Fixed { .. } => {},
		// The input is no result.
		Kind::Tokens { .. } => scope.token(value).map(|_| ())?,
		Kind::Quantised { .. } | Kind::Affine => return Err(E::Kind),
	}
	// An output has a part for each input of a batch; `Stop` itself has none, and is no result.
	ensure(value != stop && tensor.dims.first() == Some(&Dim::Batch), E::Shape)?;
	pointwise(scope, tensor.clone(), ONE.saturating_mul(2))
}
