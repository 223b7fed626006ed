//! Operators as launches: which kernel, how many blocks, which arguments.

use crate::{
	plan::{int, unknown, weight_pitch, Geometry, Layout, Plan, Scope},
	source::{Kernel, Products},
};
use assay_program::{
	limits::{DRAW_BLOCK, MAX_ENDS},
	shifts, BackendError, CutBy, EmbedBy, Kind, Mask, Operator, Rescale, TableBase, TallyBy,
	TensorId, WeightId,
};

/// Threads of a block that does elements.
const ELEMENT_THREADS: u32 = 256;
/// Rows at least this long get a block each, shorter ones a warp each.
const LONG_ROW: i32 = 512;
/// Most rows that are multiplied without tiles.
const FEW_ROWS: i32 = 8;

/// A launch before its buffers are known.
#[derive(Clone, Debug)]
pub(crate) struct Call {
	/// The tensor it makes; that of its operator also where it only keeps or moves it.
	pub(crate) number: usize,
	pub(crate) kernel: Kernel,
	pub(crate) blocks: [u32; 2],
	pub(crate) threads: [u32; 2],
	pub(crate) operands: Vec<Operand>,
}

/// An argument before its buffer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
	/// A tensor of this step.
	Tensor(usize),
	/// The rows of a tensor of all steps so far.
	Held(usize),
	/// A tensor of the weights blob.
	Weight(usize),
	/// What the step is at.
	State,
	/// A number.
	Int(i32),
}

use Operand::{Int, State};

fn tensor(id: TensorId) -> Operand {
	Operand::Tensor(id.0.into())
}

fn weight(id: WeightId) -> Operand {
	Operand::Weight(id.0.into())
}

fn flag(holds: bool) -> Operand {
	Int(holds.into())
}

/// A shift that validation has checked.
fn shift(shift: Option<u32>) -> Result<Operand, BackendError> {
	let shift = shift.ok_or_else(|| BackendError::Unsupported("a shift out of range".into()))?;
	Ok(Int(int(shift.into())?))
}

/// Where a program becomes launches.
pub(crate) struct Lowering<'a> {
	pub(crate) plan: &'a Plan,
	pub(crate) geometry: &'a Geometry,
	pub(crate) products: Products,
	pub(crate) scope: Scope,
}

/// An attention product's sizes.
struct Heads {
	heads: i32,
	groups: i32,
	depth: i32,
}

impl Lowering<'_> {
	fn layout(&self, id: TensorId) -> Result<Layout, BackendError> {
		self.plan.layout(id.0.into(), self.geometry)
	}

	fn sequence(&self) -> Result<Operand, BackendError> {
		Ok(Int(int(self.geometry.sequence.into())?))
	}

	fn capacity(&self) -> Result<Operand, BackendError> {
		Ok(Int(int(self.geometry.capacity.into())?))
	}

	fn kind(&self, id: TensorId) -> Result<Kind, BackendError> {
		let info = self.plan.tensors.get(usize::from(id.0));
		info.map(|info| info.kind).ok_or_else(|| unknown(id.0.into()))
	}

	fn fraction(&self, id: TensorId) -> Result<u8, BackendError> {
		self.kind(id)?.fraction().ok_or_else(|| unknown(id.0.into()))
	}

	fn bits(&self, id: TensorId) -> Result<u8, BackendError> {
		match self.kind(id)? {
			Kind::Quantised { bits } => Ok(bits),
			_ => Err(unknown(id.0.into())),
		}
	}

	/// A tensor whose rows of all steps are read: in an encoder they are those of the step.
	fn held(&self, id: TensorId) -> Operand {
		if self.plan.held.get(usize::from(id.0)) == Some(&true) {
			Operand::Held(id.0.into())
		} else {
			tensor(id)
		}
	}

	fn dims(&self, id: WeightId) -> Result<(&[u32], i32), BackendError> {
		let shape = self.plan.program.weights.get(usize::from(id.0));
		let shape = shape.ok_or_else(|| BackendError::Unsupported("a missing weight".into()))?;
		Ok((&shape.dims, int(weight_pitch(shape))?))
	}

	fn call(&self, number: usize, kernel: Kernel, grid: Grid, operands: Vec<Operand>) -> Call {
		Call { number, kernel, blocks: grid.blocks, threads: grid.threads, operands }
	}

	/// A kernel with a thread for each of `count` elements.
	fn elements(
		&self,
		number: usize,
		kernel: Kernel,
		count: i32,
		operands: Vec<Operand>,
	) -> Result<Option<Call>, BackendError> {
		let blocks = count.unsigned_abs().div_ceil(ELEMENT_THREADS);
		let grid = Grid { blocks: [blocks, 1], threads: [ELEMENT_THREADS, 1] };
		Ok(Some(self.call(number, kernel, grid, operands)))
	}

	/// A kernel that reduces along rows.
	fn rows(
		&self,
		number: usize,
		kernel: Kernel,
		(rows, width): (i32, i32),
		operands: Vec<Operand>,
	) -> Result<Option<Call>, BackendError> {
		let threads = if width >= LONG_ROW { [256, 1] } else { [32, 8] };
		let blocks = rows.unsigned_abs().div_ceil(threads[1]);
		Ok(Some(self.call(number, kernel, Grid { blocks: [blocks, 1], threads }, operands)))
	}

	/// A kernel with a block for each row of the batch.
	fn batch(
		&self,
		number: usize,
		kernel: Kernel,
		operands: Vec<Operand>,
	) -> Result<Option<Call>, BackendError> {
		let grid = Grid { blocks: [self.geometry.batch, 1], threads: [ELEMENT_THREADS, 1] };
		Ok(Some(self.call(number, kernel, grid, operands)))
	}

	/// The launch of operator `number`; none for input and output.
	pub(crate) fn operator(&self, number: usize) -> Result<Option<Call>, BackendError> {
		let operator = self.plan.program.operators.get(number).ok_or_else(|| unknown(number))?;
		match operator {
			Operator::Tokens { .. } | Operator::Samples { .. } | Operator::Emit { .. } => Ok(None),
			Operator::Stop { next: None, .. } => Ok(None),
			Operator::Stop { next: Some(next), .. } => self.stop(number, *next),
			Operator::Embed { .. } => self.embed(number, operator),
			Operator::Linear { .. } => self.linear(number, operator),
			Operator::Scores { .. }
			| Operator::ContextWeight { .. }
			| Operator::Context { .. }
			| Operator::SoftmaxMax { .. }
			| Operator::SoftmaxExp { .. }
			| Operator::SoftmaxSum { .. }
			| Operator::SoftmaxNormalise { .. } => self.attention(number, operator),
			Operator::RowMax { .. }
			| Operator::Mean { .. }
			| Operator::Deviation { .. }
			| Operator::L2Norm { .. }
			| Operator::RootMeanSquare { .. }
			| Operator::ArgMax { .. }
			| Operator::MeanPool { .. } => self.reduction(number, operator),
			Operator::Tally { .. }
			| Operator::Cut { .. }
			| Operator::Threshold { .. }
			| Operator::Keep { .. }
			| Operator::BlockSum { .. }
			| Operator::Draw { .. }
			| Operator::Pick { .. }
			| Operator::Choose { .. }
			| Operator::Temper { .. } => self.choice(number, operator),
			Operator::Convolution { .. } | Operator::Depthwise { .. } | Operator::Lookup { .. } => {
				self.network(number, operator)
			},
			_ => self.pointwise(number, operator),
		}
	}

	fn embed(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let Operator::Embed { ids, table, scales, by, fraction } = operator else {
			return Err(unknown(number));
		};
		let out = self.plan.layout(number, self.geometry)?;
		let (_, pitch) = self.dims(*table)?;
		let operands = vec![
			Operand::Tensor(number),
			tensor(*ids),
			weight(*table),
			weight(*scales),
			State,
			Int(out.count),
			Int(out.width),
			Int(pitch),
			self.sequence()?,
			flag(*by == EmbedBy::Position),
			shift(shifts::embed(*fraction))?,
		];
		self.elements(number, Kernel::Embed, out.count, operands)
	}

	fn linear(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let Operator::Linear { input, max, weights, scales, bias, shift: first, fraction } =
			operator
		else {
			return Err(unknown(number));
		};
		let (from, out) = (self.layout(*input)?, self.plan.layout(number, self.geometry)?);
		let bits = self.bits(*input)?;
		let shifts = shifts::linear(bits, self.fraction(*max)?, *first, *fraction);
		let (kernel, grid) = self.linear_kernel(out.rows, out.width, bits);
		let operands = vec![
			Operand::Tensor(number),
			tensor(*input),
			tensor(*max),
			weight(*weights),
			weight(*scales),
			weight(bias.unwrap_or(*scales)),
			Int(out.rows),
			Int(from.width),
			Int(out.width),
			Int(self.dims(*weights)?.1),
			Int(bits.into()),
			shift(shifts.map(|(first, _)| first))?,
			shift(shifts.map(|(_, second)| second))?,
			flag(bias.is_some()),
		];
		Ok(Some(self.call(number, kernel, grid, operands)))
	}

	fn linear_kernel(&self, rows: i32, outputs: i32, bits: u8) -> (Kernel, Grid) {
		let (rows_u, outputs_u) = (rows.unsigned_abs(), outputs.unsigned_abs());
		let tiles = |rows: u32, columns: u32, threads| Grid {
			blocks: [rows_u.div_ceil(rows), outputs_u.div_ceil(columns)],
			threads,
		};
		let eight = bits == 8;
		match self.products {
			Products::Plain => (Kernel::LinearPlain, tiles(16, 16, [16, 16])),
			_ if rows <= FEW_ROWS => {
				let blocks = [outputs_u.div_ceil(8), 1];
				(Kernel::LinearFew, Grid { blocks, threads: [32, 8] })
			},
			Products::Dot if eight => (Kernel::LinearDot8, tiles(64, 64, [16, 16])),
			Products::Dot => (Kernel::LinearDot, tiles(64, 64, [16, 16])),
			Products::Tensor if eight => (Kernel::LinearMma8, tiles(64, 64, [128, 1])),
			Products::Tensor => (Kernel::LinearMma, tiles(64, 64, [128, 1])),
		}
	}

	/// Kernel and grid of a product of heads, `columns` of which each head makes.
	fn head_kernel(&self, kernels: [Kernel; 3], heads: i32, columns: i32) -> (Kernel, Grid) {
		let [plain, dot, tensor] = kernels;
		let (kernel, size, threads) = match self.products {
			Products::Plain => (plain, (16, 16), [16, 16]),
			Products::Dot => (dot, (64, 64), [16, 16]),
			Products::Tensor => (tensor, (64, 32), [128, 1]),
		};
		let tiles = columns.unsigned_abs().div_ceil(size.1);
		let heads = self.geometry.batch.saturating_mul(heads.unsigned_abs());
		let blocks = [heads.saturating_mul(tiles), self.geometry.sequence.div_ceil(size.0)];
		(kernel, Grid { blocks, threads })
	}

	fn attention(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		match operator {
			Operator::Scores { .. } => self.scores(number, operator),
			Operator::Context { .. } => self.context(number, operator),
			Operator::ContextWeight { probabilities, value_max, fraction } => {
				let (out, groups) = (self.layout(*probabilities)?, self.layout(*value_max)?.width);
				let operands = vec![
					Operand::Tensor(number),
					tensor(*probabilities),
					self.held(*value_max),
					State,
					Int(out.count),
					Int(out.pitch),
					Int(out.width),
					Int(self.heads(*probabilities)?),
					Int(groups),
					self.sequence()?,
					shift(shifts::context_weight(self.fraction(*value_max)?, *fraction))?,
				];
				self.elements(number, Kernel::ContextWeight, out.count, operands)
			},
			Operator::SoftmaxMax { scores, mask } => {
				let from = self.layout(*scores)?;
				let mut operands = vec![Operand::Tensor(number), tensor(*scores), masked(*mask)];
				operands.extend([State, Int(from.rows), Int(from.pitch), Int(from.width)]);
				operands.extend(self.mask(*scores, *mask)?);
				self.rows(number, Kernel::SoftmaxMax, (from.rows, from.pitch), operands)
			},
			Operator::SoftmaxExp { scores, max, mask } => {
				let out = self.layout(*scores)?;
				let mut operands =
					vec![Operand::Tensor(number), tensor(*scores), tensor(*max), masked(*mask)];
				operands.extend([State, Int(out.count), Int(out.pitch), Int(out.width)]);
				operands.extend(self.mask(*scores, *mask)?);
				self.elements(number, Kernel::SoftmaxExp, out.count, operands)
			},
			Operator::SoftmaxSum { exponentials } => {
				let from = self.layout(*exponentials)?;
				let operands = vec![
					Operand::Tensor(number),
					tensor(*exponentials),
					State,
					Int(from.rows),
					Int(from.pitch),
					Int(from.width),
				];
				self.rows(number, Kernel::SoftmaxSum, (from.rows, from.pitch), operands)
			},
			Operator::SoftmaxNormalise { exponentials, sum } => {
				let operands = [tensor(*exponentials), tensor(*sum)];
				self.shaped(number, Kernel::SoftmaxNormalise, *exponentials, &operands, &[])
			},
			_ => Err(unknown(number)),
		}
	}

	/// Heads of `[B, heads, S, T]`; 1 for other rows.
	fn heads(&self, id: TensorId) -> Result<i32, BackendError> {
		let dims = self.plan.tensors.get(usize::from(id.0)).map(|info| &*info.dims);
		match dims {
			Some([_, assay_program::Dim::Fixed(heads), _, _]) => int((*heads).into()),
			_ => Ok(1),
		}
	}

	/// The last arguments of a masked kernel: which mask, heads, positions of the step.
	fn mask(&self, scores: TensorId, mask: Mask) -> Result<[Operand; 3], BackendError> {
		let code = match mask {
			Mask::None => 0,
			Mask::Padding { .. } => 1,
			Mask::Causal => 2,
		};
		Ok([Int(code), Int(self.heads(scores)?), self.sequence()?])
	}

	fn scores(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let Operator::Scores { query, query_max, key, key_max, shift: first, fraction } = operator
		else {
			return Err(unknown(number));
		};
		let heads = self.layout(*query_max)?.width;
		let groups = self.layout(*key_max)?.width;
		let depth = self.layout(*query)?.width / heads.max(1);
		let bits = (self.bits(*query)?, self.bits(*key)?);
		let fractions = (self.fraction(*query_max)?, self.fraction(*key_max)?);
		let shifts = shifts::scores(bits, fractions, *first, *fraction);
		let kernels = [Kernel::ScoresPlain, Kernel::ScoresDot, Kernel::ScoresMma];
		let columns = int(self.geometry.capacity.into())?;
		let (kernel, grid) = self.head_kernel(kernels, heads, columns);
		let mut operands = vec![
			Operand::Tensor(number),
			tensor(*query),
			tensor(*query_max),
			self.held(*key),
			self.held(*key_max),
		];
		operands.extend(self.head_operands(Heads { heads, groups, depth }, bits, shifts)?);
		Ok(Some(self.call(number, kernel, grid, operands)))
	}

	fn context(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let Operator::Context { weight, weight_max, value, groups, shift: first, fraction } =
			operator
		else {
			return Err(unknown(number));
		};
		let (heads, groups) = (self.heads(*weight)?, int((*groups).into())?);
		let depth = self.layout(*value)?.width / groups.max(1);
		let bits = (self.bits(*weight)?, self.bits(*value)?);
		let shifts = shifts::context(bits, self.fraction(*weight_max)?, *first, *fraction);
		let kernels = [Kernel::ContextPlain, Kernel::ContextDot, Kernel::ContextMma];
		let (kernel, grid) = self.head_kernel(kernels, heads, depth);
		let mut operands =
			vec![Operand::Tensor(number), tensor(*weight), tensor(*weight_max), self.held(*value)];
		operands.extend(self.head_operands(Heads { heads, groups, depth }, bits, shifts)?);
		Ok(Some(self.call(number, kernel, grid, operands)))
	}

	/// What scores and contexts take alike, after their tensors.
	fn head_operands(
		&self,
		sizes: Heads,
		bits: (u8, u8),
		shifts: Option<(u32, u32)>,
	) -> Result<[Operand; 10], BackendError> {
		Ok([
			State,
			self.sequence()?,
			self.capacity()?,
			Int(sizes.heads),
			Int(sizes.groups),
			Int(sizes.depth),
			Int(bits.0.into()),
			Int(bits.1.into()),
			shift(shifts.map(|(first, _)| first))?,
			shift(shifts.map(|(_, second)| second))?,
		])
	}

	fn reduction(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let out = Operand::Tensor(number);
		match operator {
			Operator::RowMax { value, groups } => {
				let parts = self.parts(*value, *groups)?;
				let mut operands = vec![out, tensor(*value)];
				operands.extend([State, Int(parts.rows), Int(parts.pitch), Int(parts.width)]);
				self.rows(number, Kernel::RowMax, (parts.rows, parts.pitch), operands)
			},
			Operator::Mean { value } => self.row_kernel(number, Kernel::Mean, *value, &[], &[]),
			Operator::L2Norm { value } => self.row_kernel(number, Kernel::L2Norm, *value, &[], &[]),
			Operator::ArgMax { value } => self.row_kernel(number, Kernel::ArgMax, *value, &[], &[]),
			Operator::Deviation { value, mean, epsilon, fraction } => {
				let guard = i32::from(*fraction) - i32::from(self.fraction(*value)?);
				let rest = [Int(epsilon.cast_signed()), Int(guard)];
				self.row_kernel(number, Kernel::Deviation, *value, &[tensor(*mean)], &rest)
			},
			Operator::RootMeanSquare { value, shift, epsilon, fraction } => {
				let kept = i32::from(self.fraction(*value)?) - i32::from(*shift);
				let guard = i32::from(*fraction) - kept;
				let rest = [Int((*shift).into()), Int(epsilon.cast_signed()), Int(guard)];
				self.row_kernel(number, Kernel::RootMeanSquare, *value, &[], &rest)
			},
			Operator::MeanPool { value, ids } => {
				let to = self.plan.layout(number, self.geometry)?;
				let operands = vec![
					out,
					tensor(*value),
					tensor(*ids),
					State,
					Int(to.count),
					Int(to.width),
					self.sequence()?,
				];
				self.elements(number, Kernel::MeanPool, to.count, operands)
			},
			_ => Err(unknown(number)),
		}
	}

	/// Rows divided into parts.
	fn parts(&self, value: TensorId, groups: u32) -> Result<Layout, BackendError> {
		let from = self.layout(value)?;
		let rows = int(u64::from(from.rows.unsigned_abs()).saturating_mul(groups.into()))?;
		let groups = int(groups.into())?.max(1);
		Ok(Layout { rows, pitch: from.pitch / groups, width: from.width / groups, ..from })
	}

	/// Whether operator `number` is a maximum that the next operator quantises against. Both are
	/// one launch then, but in a trace, which shows the maximum first.
	pub(crate) fn is_quantised_next(&self, number: usize) -> bool {
		let operators = self.plan.program.operators.get(number..);
		let Some([Operator::RowMax { value, .. }, next, ..]) = operators else { return false };
		let Operator::Quantise { value: same, max, .. } = next else { return false };
		self.scope != Scope::All && value == same && usize::from(max.0) == number
	}

	/// The launch that makes maxima and the rows quantised against them.
	pub(crate) fn quantise_rows(&self, max: usize) -> Result<Option<Call>, BackendError> {
		let operators = self.plan.program.operators.get(max..);
		let Some([Operator::RowMax { value, groups }, Operator::Quantise { bits, .. }, ..]) =
			operators
		else {
			return Err(unknown(max));
		};
		let (number, parts) = (max.saturating_add(1), self.parts(*value, *groups)?);
		let mut operands =
			vec![Operand::Tensor(number), Operand::Tensor(max), tensor(*value), State];
		operands.extend([Int(parts.rows), Int(parts.pitch), Int(parts.width), Int((*bits).into())]);
		self.rows(number, Kernel::QuantiseRows, (parts.rows, parts.pitch), operands)
	}

	/// A reduction of rows of a fixed width: output, operand, others, state, rows, width, the rest.
	fn row_kernel(
		&self,
		number: usize,
		kernel: Kernel,
		value: TensorId,
		others: &[Operand],
		rest: &[Operand],
	) -> Result<Option<Call>, BackendError> {
		let from = self.layout(value)?;
		let mut operands = vec![Operand::Tensor(number), tensor(value)];
		operands.extend(others);
		operands.extend([State, Int(from.rows), Int(from.width)]);
		operands.extend(rest);
		self.rows(number, kernel, (from.rows, from.width), operands)
	}

	/// A kernel over elements of any shape: output, operands, state, count, pitch, width, the rest.
	fn shaped(
		&self,
		number: usize,
		kernel: Kernel,
		shape: TensorId,
		operands: &[Operand],
		rest: &[Operand],
	) -> Result<Option<Call>, BackendError> {
		let out = self.layout(shape)?;
		let mut all = vec![Operand::Tensor(number)];
		all.extend(operands);
		all.extend([State, Int(out.count), Int(out.pitch), Int(out.width)]);
		all.extend(rest);
		self.elements(number, kernel, out.count, all)
	}

	/// The same for rows of a fixed width, which is their pitch.
	fn plain_rows(
		&self,
		number: usize,
		kernel: Kernel,
		operands: &[Operand],
		rest: &[Operand],
	) -> Result<Option<Call>, BackendError> {
		let out = self.plan.layout(number, self.geometry)?;
		let mut all = vec![Operand::Tensor(number)];
		all.extend(operands);
		all.extend([State, Int(out.count), Int(out.width)]);
		all.extend(rest);
		self.elements(number, kernel, out.count, all)
	}

	fn pointwise(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		match operator {
			Operator::Add { left, right } => {
				self.shaped(number, Kernel::Add, *left, &[tensor(*left), tensor(*right)], &[])
			},
			Operator::Multiply { left, right, fraction } => {
				let fractions = (self.fraction(*left)?, self.fraction(*right)?);
				let rest = [shift(shifts::multiply(fractions, *fraction))?];
				let operands = [tensor(*left), tensor(*right)];
				self.shaped(number, Kernel::Multiply, *left, &operands, &rest)
			},
			Operator::Quantise { value, max, bits } => {
				let part = self.layout(*value)?.pitch / self.layout(*max)?.pitch.max(1);
				let rest = [Int(part), Int((*bits).into())];
				let operands = [tensor(*value), tensor(*max)];
				self.shaped(number, Kernel::Quantise, *value, &operands, &rest)
			},
			Operator::Table { value, table, shift, base, .. } => {
				let entries = self.dims(*table)?.0.first().copied().unwrap_or(1);
				let intervals = int(entries.saturating_sub(1).into())?;
				let relu = flag(*base == TableBase::Relu);
				let rest = [Int(intervals), Int((*shift).into()), relu];
				let operands = [tensor(*value), weight(*table)];
				self.shaped(number, Kernel::Table, *value, &operands, &rest)
			},
			Operator::L2Normalise { value, norm, fraction } => {
				let rest = [Int((*fraction).into())];
				let operands = [tensor(*value), tensor(*norm)];
				self.shaped(number, Kernel::L2Normalise, *value, &operands, &rest)
			},
			Operator::Normalise { value, mean, deviation, gain, bias, fraction } => {
				let guard =
					i32::from(self.fraction(*deviation)?) - i32::from(self.fraction(*value)?);
				let operands = [
					tensor(*value),
					tensor(*mean),
					tensor(*deviation),
					weight(*gain),
					weight(*bias),
				];
				let rest = [Int(guard), shift(shifts::normalise(*fraction))?];
				self.plain_rows(number, Kernel::Normalise, &operands, &rest)
			},
			Operator::RmsNormalise { value, rms, gain, fraction } => {
				let operands = [tensor(*value), tensor(*rms), weight(*gain)];
				let rest = [shift(shifts::rms_normalise(*fraction))?];
				self.plain_rows(number, Kernel::RmsNormalise, &operands, &rest)
			},
			Operator::Rotate { value, heads, cosine, sine } => {
				let depth = self.layout(*value)?.width / int((*heads).into())?.max(1);
				let operands = [tensor(*value), weight(*cosine), weight(*sine)];
				let rest = [self.sequence()?, Int(depth)];
				self.plain_rows(number, Kernel::Rotate, &operands, &rest)
			},
			Operator::Last { value } => {
				self.plain_rows(number, Kernel::Last, &[tensor(*value)], &[self.sequence()?])
			},
			other => Err(BackendError::Unsupported(format!("operator {}", other.name()))),
		}
	}

	fn choice(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let out = Operand::Tensor(number);
		match operator {
			Operator::Temper { value, max } => {
				let operands = [tensor(*value), tensor(*max)];
				self.plain_rows(number, Kernel::Temper, &operands, &[])
			},
			Operator::Keep { weights, threshold } => {
				let operands = [tensor(*weights), tensor(*threshold)];
				self.plain_rows(number, Kernel::Keep, &operands, &[])
			},
			Operator::Tally { weights, cut, by } => {
				let width = Int(self.layout(*weights)?.width);
				let (mass, shift) = match by {
					TallyBy::Count => (false, 0),
					TallyBy::Mass { shift } => (true, (*shift).into()),
				};
				let cutting = cut.map_or(tensor(*weights), tensor);
				let rest = [width, flag(cut.is_some()), flag(mass), Int(shift)];
				let mut operands = vec![out, tensor(*weights), cutting];
				operands.extend(rest);
				self.batch(number, Kernel::Tally, operands)
			},
			Operator::Cut { tally, by } => {
				let operands = vec![out, tensor(*tally), State, flag(*by == CutBy::TopP)];
				self.batch(number, Kernel::Cut, operands)
			},
			Operator::Threshold { cut, tally } => {
				self.batch(number, Kernel::Threshold, vec![out, tensor(*cut), tensor(*tally)])
			},
			Operator::BlockSum { weights, shift } => {
				let (to, from) = (self.plan.layout(number, self.geometry)?, self.layout(*weights)?);
				let rest = [Int(to.count), Int(from.width), Int(to.width), Int((*shift).into())];
				let mut operands = vec![out, tensor(*weights)];
				operands.extend(rest);
				let width = int(DRAW_BLOCK.into())?;
				self.rows(number, Kernel::BlockSum, (to.count, width), operands)
			},
			Operator::Draw { sums } => {
				let blocks = Int(self.layout(*sums)?.width);
				self.batch(number, Kernel::Draw, vec![out, tensor(*sums), State, blocks])
			},
			Operator::Pick { weights, draw, shift } => {
				let width = Int(self.layout(*weights)?.width);
				let operands =
					vec![out, tensor(*weights), tensor(*draw), width, Int((*shift).into())];
				self.batch(number, Kernel::Pick, operands)
			},
			Operator::Choose { ids, greedy, sampled } => {
				// Where nothing is sampled, `sampled` was not computed and is not read.
				let skipped = self.scope == Scope::Output { sampled: false };
				let sampled = if skipped { tensor(*greedy) } else { tensor(*sampled) };
				let count = int(self.geometry.batch.into())?;
				let operands = vec![
					out,
					tensor(*ids),
					tensor(*greedy),
					sampled,
					State,
					Int(count),
					self.sequence()?,
				];
				self.elements(number, Kernel::Choose, count, operands)
			},
			_ => Err(unknown(number)),
		}
	}

	/// Operators of networks that are int8 throughout.
	fn network(&self, number: usize, operator: &Operator) -> Result<Option<Call>, BackendError> {
		let out = self.plan.layout(number, self.geometry)?;
		let (place, size) = (Operand::Tensor(number), Int(out.count));
		match operator {
			Operator::Convolution { value, zero, weights, rescale } => {
				let (dims, _) = self.dims(*weights)?;
				let taps = int(dims.get(1).copied().unwrap_or(1).into())?;
				let terms = taps.saturating_mul(self.layout(*value)?.width);
				let mut operands = vec![place, tensor(*value), weight(*weights)];
				operands.extend([weight(rescale.scales), weight(rescale.bias), size]);
				operands.extend([Int(out.width), Int(taps)]);
				operands.extend(self.filter((*value, *zero), *weights, rescale)?);
				self.rows(number, Kernel::Convolution, (out.count, terms), operands)
			},
			Operator::Depthwise { value, zero, weights, rescale } => {
				let (dims, _) = self.dims(*weights)?;
				let taps = int(dims.first().copied().unwrap_or(1).into())?;
				let mut operands = vec![place, tensor(*value), weight(*weights)];
				operands.extend([weight(rescale.scales), weight(rescale.bias), size, Int(taps)]);
				operands.extend(self.filter((*value, *zero), *weights, rescale)?);
				self.elements(number, Kernel::Depthwise, out.count, operands)
			},
			Operator::Lookup { value, table, .. } => {
				let operands = vec![place, tensor(*value), weight(*table), size];
				self.elements(number, Kernel::Lookup, out.count, operands)
			},
			_ => Err(unknown(number)),
		}
	}

	/// The last arguments of a filter: widths of operand and weights, positions of the step, the
	/// operand's zero, what sums become.
	fn filter(
		&self,
		(value, zero): (TensorId, i8),
		weights: WeightId,
		rescale: &Rescale,
	) -> Result<[Operand; 7], BackendError> {
		Ok([
			Int(self.layout(value)?.width),
			Int(self.dims(weights)?.1),
			self.sequence()?,
			Int(zero.into()),
			Int(rescale.shift.into()),
			Int(rescale.zero.into()),
			Int(rescale.least.into()),
		])
	}

	fn stop(&self, number: usize, next: TensorId) -> Result<Option<Call>, BackendError> {
		let operands = self.ended(Operand::Tensor(number), tensor(next))?;
		Ok(Some(self.call(number, Kernel::Stop, SINGLE, operands)))
	}

	/// What `stop` and `advance` take alike: output, tokens, state, rows, ends.
	fn ended(&self, out: Operand, next: Operand) -> Result<Vec<Operand>, BackendError> {
		let ends = self.plan.program.ends();
		let mut operands = vec![out, next, State, Int(int(self.geometry.batch.into())?)];
		operands.push(Int(int(ends.len() as u64)?));
		for place in 0..MAX_ENDS {
			operands.push(Int(int(ends.get(place).copied().unwrap_or(0).into())?));
		}
		Ok(operands)
	}

	/// Puts the rows of a held tensor behind those of earlier steps.
	pub(crate) fn append(&self, number: usize) -> Result<Call, BackendError> {
		let from = self.plan.layout(number, self.geometry)?;
		let kernel =
			if self.plan.is_quantised(number) { Kernel::Append16 } else { Kernel::Append32 };
		let operands = vec![
			Operand::Held(number),
			Operand::Tensor(number),
			State,
			Int(from.count),
			Int(from.width),
			self.sequence()?,
			self.capacity()?,
		];
		self.elements(number, kernel, from.count, operands)?.ok_or_else(|| unknown(number))
	}

	/// Makes the next step's input, in a decoder.
	pub(crate) fn advance(&self) -> Result<Option<Call>, BackendError> {
		let Some(next) = self.plan.next else { return Ok(None) };
		let mut operands = self.ended(Operand::Tensor(0), Operand::Tensor(next))?;
		operands.push(self.sequence()?);
		Ok(Some(self.call(next, Kernel::Advance, SINGLE, operands)))
	}
}

/// The ids of a mask; another pointer where it has none, which is not read.
fn masked(mask: Mask) -> Operand {
	match mask {
		Mask::Padding { ids } => tensor(ids),
		Mask::None | Mask::Causal => State,
	}
}

/// Blocks and threads of a launch.
#[derive(Clone, Copy)]
struct Grid {
	blocks: [u32; 2],
	threads: [u32; 2],
}

/// One block.
const SINGLE: Grid = Grid { blocks: [1, 1], threads: [ELEMENT_THREADS, 1] };
