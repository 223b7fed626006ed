//! Stages of operators that go row by row.

use crate::{
	choice,
	isa::Processor,
	linear::Linear,
	plan::{operands, Compiler, Plan},
	product::FEW_ROWS,
	table::FunctionTable,
	team::Team,
	vector::{self, NormalRow},
	workspace::{Block, Layout, Pool, Scratch, Store, Workspace},
};
use assay_program::{
	limits::NORMAL_FRACTION, quantised_limit, shifts, CutBy, Dim, EmbedBy, Kind, Mask, Operator,
	TallyBy, TensorId, WeightId,
};
use assay_reference::element;
use std::sync::Arc;

/// Rows that a thread takes at once, where there are enough: they and what is made of them stay in
/// its cache, and widening a panel of weights pays.
const ROWS_AT_ONCE: usize = 128;
/// The same, at least.
const ROWS_AT_LEAST: usize = 8;
/// Most buffers of all parts of a stage together, so that a stage of many operators over many
/// short rows does not take more memory for their list than for the rows.
const BUFFERS: usize = 1 << 20;

/// Operators in their order, over rows of the same leading dimensions.
#[derive(Debug)]
pub(crate) struct RowStage {
	leading: Vec<Dim>,
	pub(crate) operands: Vec<Operand>,
	operators: Vec<RowOperator>,
}

/// A tensor in a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
	/// Its number in the program.
	pub(crate) tensor: usize,
	width: Dim,
	role: Role,
	quantised: bool,
	/// Whether it has a row for every position where the stage has one for each last position.
	gathered: bool,
}

/// Where a tensor comes from and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
	/// An earlier step made it.
	Input,
	/// The stage makes it and a later step reads it.
	Output,
	/// It begins and ends in the stage.
	Local,
}

/// An operator in a stage. Operands are numbers in the stage's list.
#[derive(Debug)]
struct RowOperator {
	kernel: RowKernel,
	reads: Vec<usize>,
	target: usize,
	/// Local operands that are not read after it.
	releases: Vec<usize>,
}

/// What an operator does, with its weights ready.
#[derive(Debug)]
enum RowKernel {
	Embed {
		table: WeightId,
		scales: Arc<[i32]>,
		by: EmbedBy,
		shift: u32,
	},
	Add,
	RowMax {
		groups: usize,
	},
	/// `own` tells that the maxima are those of the same parts.
	Quantise {
		limit: i64,
		own: bool,
	},
	Linear(Linear),
	Mean,
	Deviation {
		epsilon: u32,
		guard: u32,
	},
	Normalise {
		gain: Arc<[i32]>,
		bias: Arc<[i32]>,
		raise: u32,
		shift: u32,
	},
	Table(Arc<FunctionTable>),
	L2Norm,
	L2Normalise {
		fraction: u8,
	},
	RootMeanSquare {
		shift: u32,
		epsilon: u32,
		guard: u32,
	},
	RmsNormalise {
		gain: Arc<[i32]>,
		shift: u32,
	},
	Rotate {
		heads: usize,
		cosine: Arc<[i32]>,
		sine: Arc<[i32]>,
	},
	Multiply {
		shift: u32,
	},
	/// `Last`: its stage has one row for each input.
	Copy,
	Choice(Choice),
}

/// An operator that chooses tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
	ArgMax,
	Temper,
	SoftmaxMax,
	SoftmaxExp,
	SoftmaxSum,
	Tally(TallyBy),
	Cut(CutBy),
	Threshold,
	Keep,
	BlockSum(u8),
	Draw,
	Pick(u8),
	Choose,
}

/// Whether each row of the output depends on the same rows of the operands only.
pub(crate) fn is_row_operator(operator: &Operator) -> bool {
	matches!(
		operator,
		Operator::Embed { .. }
			| Operator::Add { .. }
			| Operator::RowMax { .. }
			| Operator::Quantise { .. }
			| Operator::Linear { .. }
			| Operator::Mean { .. }
			| Operator::Deviation { .. }
			| Operator::Normalise { .. }
			| Operator::Table { .. }
			| Operator::L2Norm { .. }
			| Operator::L2Normalise { .. }
			| Operator::RootMeanSquare { .. }
			| Operator::RmsNormalise { .. }
			| Operator::Rotate { .. }
			| Operator::Multiply { .. }
			| Operator::Last { .. }
	)
}

/// Whether it is one of the row operators that only decoders have in stages.
pub(crate) fn is_choice(operator: &Operator) -> bool {
	choice(operator).is_some()
}

/// What an operator does where it chooses tokens, or is a softmax that encoders have in attention
/// only.
fn choice(operator: &Operator) -> Option<Choice> {
	Some(match operator {
		Operator::ArgMax { .. } => Choice::ArgMax,
		Operator::Temper { .. } => Choice::Temper,
		Operator::SoftmaxMax { mask: Mask::None, .. } => Choice::SoftmaxMax,
		Operator::SoftmaxExp { mask: Mask::None, .. } => Choice::SoftmaxExp,
		Operator::SoftmaxSum { .. } => Choice::SoftmaxSum,
		Operator::Tally { by, .. } => Choice::Tally(*by),
		Operator::Cut { by, .. } => Choice::Cut(*by),
		Operator::Threshold { .. } => Choice::Threshold,
		Operator::Keep { .. } => Choice::Keep,
		Operator::BlockSum { shift, .. } => Choice::BlockSum(*shift),
		Operator::Draw { .. } => Choice::Draw,
		Operator::Pick { shift, .. } => Choice::Pick(*shift),
		Operator::Choose { .. } => Choice::Choose,
		_ => return None,
	})
}

/// The dimensions of the rows that a tensor is made in, and their width. Where an operator of a
/// decoder leaves one number of each row, `[B]`, these are rows of one element.
pub(crate) fn shape(compiler: &Compiler<'_>, tensor: usize) -> Option<(Vec<Dim>, Dim)> {
	let dims = &compiler.tensors.get(tensor)?.dims;
	let (leading, width) = match &dims[..] {
		[Dim::Batch] => (&dims[..], Dim::Fixed(1)),
		_ => dims.split_last().map(|(width, leading)| (leading, *width))?,
	};
	match leading {
		[Dim::Batch, Dim::Sequence] if compiler.is_last(tensor) => Some((vec![Dim::Batch], width)),
		_ => Some((leading.to_vec(), width)),
	}
}

/// Collects operators until a stage ends.
#[derive(Debug, Default)]
pub(crate) struct Builder {
	leading: Vec<Dim>,
	numbers: Vec<usize>,
	kernels: Vec<RowKernel>,
}

impl Builder {
	/// Adds operator `number`; gives the stage before it, where that ends. `None` where operands
	/// do not fit, which validation excludes.
	pub(crate) fn add(
		&mut self,
		compiler: &mut Compiler<'_>,
		number: usize,
	) -> Option<Option<RowStage>> {
		let (leading, _) = shape(compiler, number)?;
		let maybe_ended = if self.leading == leading { None } else { self.finish(compiler) };
		self.leading = leading;
		let kernel = kernel(compiler, compiler.program.operators.get(number)?)?;
		self.numbers.push(number);
		self.kernels.push(kernel);
		Some(maybe_ended)
	}

	/// The stage of the operators so far, if any.
	pub(crate) fn finish(&mut self, compiler: &Compiler<'_>) -> Option<RowStage> {
		let Self { leading, numbers, kernels } = core::mem::take(self);
		if numbers.is_empty() {
			return None;
		}
		let mut stage = RowStage { leading, operands: Vec::new(), operators: Vec::new() };
		for (number, kernel) in numbers.iter().zip(kernels) {
			let operator = compiler.program.operators.get(*number)?;
			let reads = match operator {
				// Token ids are part of the layout, and not of the operands.
				Operator::Embed { .. } => Vec::new(),
				_ => operands(operator, compiler.samples)
					.into_iter()
					.filter(|id| id.0 > 0)
					.map(|id| stage.operand(compiler, usize::from(id.0), Role::Input))
					.collect::<Option<_>>()?,
			};
			let within = compiler.readers(*number).iter().all(|reader| numbers.contains(reader));
			let role = if within { Role::Local } else { Role::Output };
			let target = stage.operand(compiler, *number, role)?;
			stage.operators.push(RowOperator { kernel, reads, target, releases: Vec::new() });
		}
		stage.release_locals();
		Some(stage)
	}
}

impl RowStage {
	/// The tensors it reads from other steps or makes for them.
	pub(crate) fn shared(&self) -> impl Iterator<Item = usize> + '_ {
		let shared = self.operands.iter().filter(|operand| operand.role != Role::Local);
		shared.map(|operand| operand.tensor)
	}

	/// The number of a tensor in the list, added with `role` where it is new.
	fn operand(&mut self, compiler: &Compiler<'_>, tensor: usize, role: Role) -> Option<usize> {
		if let Some(known) = self.operands.iter().position(|operand| operand.tensor == tensor) {
			return Some(known);
		}
		let info = compiler.tensors.get(tensor)?;
		let quantised = matches!(info.kind, Kind::Quantised { .. });
		let (_, width) = shape(compiler, tensor)?;
		let gathered =
			role == Role::Input && self.leading == [Dim::Batch] && compiler.is_by_position(tensor);
		self.operands.push(Operand { tensor, width, role, quantised, gathered });
		Some(self.operands.len() - 1)
	}

	/// Notes with each operator which local operands end there.
	fn release_locals(&mut self) {
		for (number, operand) in self.operands.iter().enumerate() {
			if operand.role != Role::Local {
				continue;
			}
			let uses = |operator: &RowOperator| {
				operator.target == number || operator.reads.contains(&number)
			};
			if let Some(last) = self.operators.iter_mut().rev().find(|operator| uses(operator)) {
				last.releases.push(number);
			}
		}
	}
}

/// An operator with its weights ready.
fn kernel(compiler: &mut Compiler<'_>, operator: &Operator) -> Option<RowKernel> {
	Some(match operator {
		Operator::Embed { table, scales, by, fraction, .. } => RowKernel::Embed {
			table: *table,
			scales: compiler.integers(*scales),
			by: *by,
			shift: shifts::embed(*fraction)?,
		},
		Operator::Add { .. } => RowKernel::Add,
		Operator::RowMax { groups, .. } => RowKernel::RowMax { groups: *groups as usize },
		Operator::Quantise { value, max, bits } => {
			let maximum = compiler.program.operators.get(usize::from(max.0));
			let own = matches!(maximum, Some(Operator::RowMax { value: of, .. }) if of == value);
			RowKernel::Quantise { limit: quantised_limit(*bits), own }
		},
		Operator::Linear { .. } => RowKernel::Linear(Linear::new(compiler, operator)?),
		Operator::Mean { .. } => RowKernel::Mean,
		Operator::Deviation { value, epsilon, fraction, .. } => {
			RowKernel::Deviation { epsilon: *epsilon, guard: guard(compiler, *value, *fraction)? }
		},
		Operator::Normalise { value, deviation, gain, bias, fraction, .. } => {
			let guard = guard(compiler, *value, compiler.fraction(*deviation)?)?;
			RowKernel::Normalise {
				gain: compiler.integers(*gain),
				bias: compiler.integers(*bias),
				raise: u32::from(NORMAL_FRACTION) + guard,
				shift: shifts::normalise(*fraction)?,
			}
		},
		Operator::Table { table, shift, base, .. } => {
			RowKernel::Table(compiler.table(*table, *shift, *base))
		},
		Operator::L2Norm { .. } => RowKernel::L2Norm,
		Operator::L2Normalise { fraction, .. } => RowKernel::L2Normalise { fraction: *fraction },
		_ => return decoder_kernel(compiler, operator),
	})
}

/// [`kernel`] of what only decoders have.
fn decoder_kernel(compiler: &mut Compiler<'_>, operator: &Operator) -> Option<RowKernel> {
	Some(match operator {
		Operator::RootMeanSquare { value, shift, epsilon, fraction } => {
			let own = compiler.fraction(*value)?.checked_sub(*shift)?;
			let guard = fraction.checked_sub(own)?.into();
			RowKernel::RootMeanSquare { shift: (*shift).into(), epsilon: *epsilon, guard }
		},
		Operator::RmsNormalise { gain, fraction, .. } => RowKernel::RmsNormalise {
			gain: compiler.integers(*gain),
			shift: shifts::rms_normalise(*fraction)?,
		},
		Operator::Rotate { heads, cosine, sine, .. } => RowKernel::Rotate {
			heads: *heads as usize,
			cosine: compiler.rotation(*cosine),
			sine: compiler.rotation(*sine),
		},
		Operator::Multiply { left, right, fraction } => {
			let fractions = (compiler.fraction(*left)?, compiler.fraction(*right)?);
			RowKernel::Multiply { shift: shifts::multiply(fractions, *fraction)? }
		},
		Operator::Last { .. } => RowKernel::Copy,
		_ => RowKernel::Choice(choice(operator)?),
	})
}

/// Fraction bits that a deviation has more than the value.
fn guard(compiler: &Compiler<'_>, value: TensorId, deviation: u8) -> Option<u32> {
	deviation.checked_sub(compiler.fraction(value)?).map(u32::from)
}

/// The rows of an operand that one thread works on.
#[derive(Debug, Default)]
enum Buffer<'a> {
	#[default]
	Empty,
	Words(&'a [i32]),
	WordsOut(&'a mut [i32]),
	WordsOwned(Block<i32>),
	Halves(&'a [i16]),
	HalvesOut(&'a mut [i16]),
	HalvesOwned(Block<i16>),
}

impl Buffer<'_> {
	fn words(&self) -> &[i32] {
		match self {
			Self::Words(words) => words,
			Self::WordsOut(words) => words,
			Self::WordsOwned(words) => words,
			_ => &[],
		}
	}

	fn words_mut(&mut self) -> &mut [i32] {
		match self {
			Self::WordsOut(words) => words,
			Self::WordsOwned(words) => words,
			_ => &mut [],
		}
	}

	fn halves(&self) -> &[i16] {
		match self {
			Self::Halves(halves) => halves,
			Self::HalvesOut(halves) => halves,
			Self::HalvesOwned(halves) => halves,
			_ => &[],
		}
	}

	fn halves_mut(&mut self) -> &mut [i16] {
		match self {
			Self::HalvesOut(halves) => halves,
			Self::HalvesOwned(halves) => halves,
			_ => &mut [],
		}
	}
}

/// Where a stage runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
	pub(crate) processor: Processor,
	/// Threads to use: all of `team`, or this one alone.
	pub(crate) threads: usize,
	pub(crate) team: &'a Team,
	pub(crate) scratch: &'a Pool<Scratch>,
}

/// How many rows a thread takes at once.
pub(crate) fn rows_at_once(rows: usize, threads: usize) -> usize {
	let share = rows.div_ceil(threads.max(1)).next_multiple_of(ROWS_AT_LEAST);
	share.clamp(ROWS_AT_LEAST, ROWS_AT_ONCE)
}

impl RowStage {
	/// Runs all operators over all rows.
	pub(crate) fn run(
		&self,
		plan: &Plan,
		place: Place<'_>,
		layout: &Layout,
		workspace: &mut Workspace,
	) {
		let rows = layout.count(&self.leading);
		let most_parts = (BUFFERS / self.operands.len().max(1)).max(1);
		// Of a few rows threads share the columns of products.
		let shared = if rows <= FEW_ROWS { rows } else { rows_at_once(rows, place.threads) };
		let at_once = shared.max(rows.div_ceil(most_parts));
		let gathered = self.gather(plan, layout, workspace);
		let mut outputs: Vec<(usize, Store)> = Vec::new();
		for (number, operand) in self.operands.iter().enumerate() {
			if operand.role == Role::Output {
				let info = &plan.tensors[operand.tensor];
				outputs.push((number, workspace.make(info, rows * layout.size(operand.width))));
			}
		}
		let parts = self.parts(layout, workspace, &gathered, &mut outputs, rows, at_once);
		let run = |number: usize, buffers: Vec<Buffer<'_>>| {
			let first = number * at_once;
			let (rows, last) = (at_once.min(rows - first), self.leading == [Dim::Batch]);
			let part = Part { first, rows, last, place, plan, layout };
			place.scratch.lend(|scratch| self.run_part(&part, buffers, scratch));
		};
		if parts.len() > 1 && place.threads > 1 {
			place.team.for_each(parts, run);
		} else {
			parts.into_iter().enumerate().for_each(|(number, part)| run(number, part));
		}
		for (number, store) in outputs {
			workspace.tensors[self.operands[number].tensor] = store;
		}
		for (_, store) in gathered {
			workspace.give(store);
		}
	}

	/// The last positions' rows of inputs that have one for every position.
	fn gather(
		&self,
		plan: &Plan,
		layout: &Layout,
		workspace: &mut Workspace,
	) -> Vec<(usize, Store)> {
		let mut gathered = Vec::new();
		// With one position each they are the rows already.
		let operands = self.operands.iter().enumerate().filter(|_| layout.sequence > 1);
		for (number, operand) in operands.filter(|(_, operand)| operand.gathered) {
			let width = layout.size(operand.width);
			let info = &plan.tensors[operand.tensor];
			let mut store = workspace.make(info, layout.batch() * width);
			let last_rows = layout.starts[1..].iter().map(|end| (end - 1) * width..end * width);
			match (workspace.tensor(operand.tensor), &mut store) {
				(Store::Words(from), Store::Words(to)) => {
					for (to, rows) in to.chunks_exact_mut(width).zip(last_rows) {
						to.copy_from_slice(&from[rows]);
					}
				},
				(Store::Halves(from), Store::Halves(to)) => {
					for (to, rows) in to.chunks_exact_mut(width).zip(last_rows) {
						to.copy_from_slice(&from[rows]);
					}
				},
				_ => {},
			}
			gathered.push((number, store));
		}
		gathered
	}

	/// The inputs and outputs cut into parts of `at_once` rows.
	fn parts<'a>(
		&self,
		layout: &Layout,
		workspace: &'a Workspace,
		gathered: &'a [(usize, Store)],
		outputs: &'a mut [(usize, Store)],
		rows: usize,
		at_once: usize,
	) -> Vec<Vec<Buffer<'a>>> {
		let empty = || self.operands.iter().map(|_| Buffer::Empty).collect();
		let mut parts: Vec<Vec<Buffer<'a>>> =
			(0..rows.div_ceil(at_once)).map(|_| empty()).collect();
		for (number, operand) in self.operands.iter().enumerate() {
			let length = at_once * layout.size(operand.width);
			if operand.role != Role::Input {
				continue;
			}
			let own = gathered.iter().find(|(gathered, _)| *gathered == number);
			match own.map_or_else(|| workspace.tensor(operand.tensor), |(_, store)| store) {
				Store::Words(words) => {
					for (part, words) in parts.iter_mut().zip(words.chunks(length)) {
						part[number] = Buffer::Words(words);
					}
				},
				Store::Halves(halves) => {
					for (part, halves) in parts.iter_mut().zip(halves.chunks(length)) {
						part[number] = Buffer::Halves(halves);
					}
				},
				Store::Empty => {},
			}
		}
		for (number, store) in outputs {
			let length = at_once * layout.size(self.operands[*number].width);
			match store {
				Store::Words(words) => {
					for (part, words) in parts.iter_mut().zip(words.chunks_mut(length)) {
						part[*number] = Buffer::WordsOut(words);
					}
				},
				Store::Halves(halves) => {
					for (part, halves) in parts.iter_mut().zip(halves.chunks_mut(length)) {
						part[*number] = Buffer::HalvesOut(halves);
					}
				},
				Store::Empty => {},
			}
		}
		parts
	}

	/// Runs all operators over a part of the rows.
	fn run_part(&self, part: &Part<'_>, mut buffers: Vec<Buffer<'_>>, scratch: &mut Scratch) {
		for operator in &self.operators {
			let operand = self.operands[operator.target];
			let mut target = core::mem::take(&mut buffers[operator.target]);
			if operand.role == Role::Local {
				let length = part.rows * part.layout.size(operand.width);
				target = if operand.quantised {
					Buffer::HalvesOwned(scratch.halves.take(length))
				} else {
					Buffer::WordsOwned(scratch.words.take(length))
				};
			}
			let reads = Reads { stage: self, operator, buffers: &buffers };
			part.apply(&operator.kernel, reads, operand, &mut target, scratch);
			buffers[operator.target] = target;
			for ended in &operator.releases {
				match core::mem::take(&mut buffers[*ended]) {
					Buffer::WordsOwned(words) => scratch.words.give(words),
					Buffer::HalvesOwned(halves) => scratch.halves.give(halves),
					_ => {},
				}
			}
		}
	}
}

/// What an operator reads.
#[derive(Clone, Copy)]
struct Reads<'a> {
	stage: &'a RowStage,
	operator: &'a RowOperator,
	buffers: &'a [Buffer<'a>],
}

impl<'a> Reads<'a> {
	fn buffer(&self, number: usize) -> &'a Buffer<'a> {
		&self.buffers[self.operator.reads[number]]
	}

	fn words(&self, number: usize) -> &'a [i32] {
		self.buffer(number).words()
	}

	fn width(&self, number: usize, layout: &Layout) -> usize {
		layout.size(self.stage.operands[self.operator.reads[number]].width)
	}

	fn maybe_words(&self, number: usize) -> &'a [i32] {
		self.operator.reads.get(number).map_or(&[], |operand| self.buffers[*operand].words())
	}

	fn maybe_width(&self, number: usize, layout: &Layout) -> usize {
		let operand = self.operator.reads.get(number);
		operand.map_or(1, |operand| layout.size(self.stage.operands[*operand].width))
	}
}

/// Adjacent rows that one thread takes through a stage.
struct Part<'a> {
	/// The first of them.
	first: usize,
	rows: usize,
	/// Whether rows are those of last positions.
	last: bool,
	place: Place<'a>,
	plan: &'a Plan,
	layout: &'a Layout,
}

impl Part<'_> {
	fn apply(
		&self,
		kernel: &RowKernel,
		reads: Reads<'_>,
		operand: Operand,
		target: &mut Buffer<'_>,
		scratch: &mut Scratch,
	) {
		let processor = self.place.processor;
		let width = layout_width(self.layout, operand);
		match kernel {
			RowKernel::Embed { table, scales, by, shift } => {
				let table = self.plan.weight_bytes(*table);
				self.embed(table, scales, *by, *shift, target.words_mut());
			},
			RowKernel::Add => {
				vector::add(processor, reads.words(0), reads.words(1), target.words_mut());
			},
			RowKernel::RowMax { groups } => {
				let part = reads.width(0, self.layout) / groups;
				vector::max_parts(processor, reads.words(0), part, target.words_mut());
			},
			RowKernel::Quantise { limit, own } => {
				let part = width / reads.width(1, self.layout);
				let (values, maxima) = (reads.words(0), reads.words(1));
				let out = target.halves_mut();
				let quantise = if *own { vector::quantise_own } else { vector::quantise_parts };
				quantise(processor, values, part, maxima, *limit as f64, out);
			},
			RowKernel::Linear(linear) => {
				let (input, maxima) = (reads.buffer(0).halves(), reads.words(1));
				linear.apply(self.place, input, maxima, target.words_mut(), scratch);
			},
			RowKernel::Table(table) => table.apply(processor, reads.words(0), target.words_mut()),
			RowKernel::Multiply { shift } => {
				let (left, right) = (reads.words(0), reads.words(1));
				vector::multiply(processor, left, right, *shift, target.words_mut());
			},
			RowKernel::Copy => match target {
				Buffer::WordsOut(_) | Buffer::WordsOwned(_) => {
					target.words_mut().copy_from_slice(reads.words(0));
				},
				_ => target.halves_mut().copy_from_slice(reads.buffer(0).halves()),
			},
			RowKernel::Rotate { heads, cosine, sine } => {
				self.rotate(*heads, (cosine, sine), reads.words(0), target.words_mut());
			},
			RowKernel::Choice(choice) => {
				let row = choice::Rows {
					processor,
					layout: self.layout,
					first: self.first,
					widths: [0, 1].map(|number| reads.maybe_width(number, self.layout)),
					operands: [0, 1].map(|number| reads.maybe_words(number)),
				};
				row.apply(*choice, target.words_mut());
			},
			_ => self.apply_by_row(kernel, reads, target.words_mut()),
		}
	}

	/// Operators that are applied to one row after the other.
	fn apply_by_row(&self, kernel: &RowKernel, reads: Reads<'_>, out: &mut [i32]) {
		let processor = self.place.processor;
		let width = reads.width(0, self.layout);
		let count = width as i64;
		let rows = reads.words(0).chunks_exact(width);
		match kernel {
			RowKernel::Mean => {
				for (out, row) in out.iter_mut().zip(rows) {
					*out = element::mean_finish(vector::sum(processor, row), count);
				}
			},
			RowKernel::Deviation { epsilon, guard } => {
				for ((out, row), mean) in out.iter_mut().zip(rows).zip(reads.words(1)) {
					let squares = vector::sum_of_squares(processor, row, *mean);
					*out = element::deviation_finish(squares, count, *epsilon, *guard);
				}
			},
			RowKernel::Normalise { gain, bias, raise, shift } => {
				let statistics = reads.words(1).iter().zip(reads.words(2));
				let both = out.chunks_exact_mut(width).zip(rows);
				for ((out, row), (mean, deviation)) in both.zip(statistics) {
					let (mean, deviation, raise, shift) = (*mean, *deviation, *raise, *shift);
					let normal = NormalRow { mean, deviation, raise, shift, gain, bias };
					vector::normalise_row(processor, row, normal, out);
				}
			},
			RowKernel::L2Norm => {
				for (out, row) in out.iter_mut().zip(rows) {
					// A distance from 0 is clamped as the norm's elements are.
					*out = element::l2_norm_finish(vector::sum_of_squares(processor, row, 0));
				}
			},
			RowKernel::L2Normalise { fraction } => {
				let both = out.chunks_exact_mut(width).zip(rows);
				for ((out, row), norm) in both.zip(reads.words(1)) {
					for (out, value) in out.iter_mut().zip(row) {
						*out = element::l2_normalise(*value, *norm, *fraction);
					}
				}
			},
			RowKernel::RootMeanSquare { shift, epsilon, guard } => {
				for (out, row) in out.iter_mut().zip(rows) {
					let squares = vector::sum_of_short_squares(processor, row, *shift);
					*out = element::deviation_finish(squares, count, *epsilon, *guard);
				}
			},
			RowKernel::RmsNormalise { gain, shift } => {
				let both = out.chunks_exact_mut(width).zip(rows);
				for ((out, row), rms) in both.zip(reads.words(1)) {
					vector::rms_normalise_row(processor, row, *rms, gain, *shift, out);
				}
			},
			_ => {},
		}
	}

	/// Token ids and positions of the rows.
	fn places(&self) -> impl Iterator<Item = (&i32, &u32)> {
		let rows = self.first..self.first + self.rows;
		let (ids, positions) = if self.last {
			(&self.layout.last_ids, &self.layout.last_positions)
		} else {
			(&self.layout.ids, &self.layout.positions)
		};
		ids[rows.clone()].iter().zip(&positions[rows])
	}

	fn rotate(
		&self,
		heads: usize,
		(cosine, sine): (&[i32], &[i32]),
		values: &[i32],
		out: &mut [i32],
	) {
		let width = values.len() / self.rows;
		let head = width / heads;
		let rows = values.chunks_exact(width).zip(out.chunks_exact_mut(width));
		for ((values, out), (_, position)) in rows.zip(self.places()) {
			let at = *position as usize * (head / 2);
			let turn = (&cosine[at..at + head / 2], &sine[at..at + head / 2]);
			vector::rotate_row(self.place.processor, values, turn, out);
		}
	}

	fn embed(&self, table: &[u8], scales: &[i32], by: EmbedBy, shift: u32, out: &mut [i32]) {
		let width = out.len() / self.rows;
		for (out, (id, position)) in out.chunks_exact_mut(width).zip(self.places()) {
			// Validation of program and input has each token and position in the table.
			let Ok(token) = usize::try_from(*id) else {
				out.fill(0);
				continue;
			};
			let index = match by {
				EmbedBy::Token => token,
				EmbedBy::Position => *position as usize,
			};
			let entries = &table[index * width..(index + 1) * width];
			vector::embed_row(self.place.processor, entries, scales[index], shift, out);
		}
	}
}

fn layout_width(layout: &Layout, operand: Operand) -> usize {
	layout.size(operand.width)
}
