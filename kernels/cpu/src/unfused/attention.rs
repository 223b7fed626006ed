//! The operators of attention, each over its whole tensor.
//!
//! Scores, weights and what lies between them are `[B, heads, S, T]`: rows by input, head and
//! query, of an element for each position. The two products go by heads of keys, packed as in the
//! fused attention: those of an encoder for one input at a time, those of a decoder for the run.

use crate::{
	plan::Compiler,
	product::{product_of_columns, Rows, TILE_COLUMNS},
	rows::Place,
	vector::{self, ScoresFinish},
	workspace::{Head, Layout, Scratch, Workspace},
};
use assay_program::{
	limits::PRODUCT_BLOCK, quantised_limit, shifts, Dim, Mask, Operator, TensorId, TensorInfo,
};
use assay_reference::element;

/// Rows of a head that go through a product together.
const BLOCK: usize = 32;
/// Elements that a thread takes at once of what goes element by element.
const ELEMENTS_AT_ONCE: usize = 1 << 14;
/// Elements or products that are worth more than one thread.
const SHARED: usize = 1 << 16;

/// An operator of attention, or a softmax over any rows.
#[derive(Debug)]
pub(crate) enum Piece {
	Scores(Scores),
	Softmax(Softmax),
	Weight(Weight),
	Context(Context),
}

/// What an operator runs on.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
	pub(crate) place: Place<'a>,
	pub(crate) layout: &'a Layout,
	pub(crate) workspace: &'a Workspace,
}

impl<'a> Scene<'a> {
	fn words(&self, tensor: usize) -> &'a [i32] {
		self.workspace.tensor(tensor).words()
	}

	fn halves(&self, tensor: usize) -> &'a [i16] {
		self.workspace.tensor(tensor).halves()
	}

	/// Positions of all steps so far.
	fn context(&self) -> usize {
		self.layout.past + self.layout.sequence
	}

	/// Calls `run` with each item and its number, side by side where `work` is worth it.
	fn each<T: Send>(
		&self,
		items: Vec<T>,
		work: usize,
		run: impl Fn(usize, T, &mut Scratch) + Sync,
	) {
		let Place { threads, team, scratch, .. } = self.place;
		if threads > 1 && items.len() > 1 && work >= SHARED {
			team.for_each(items, |number, item| {
				scratch.lend(|scratch| run(number, item, scratch));
			});
		} else {
			scratch.lend(|scratch| {
				items.into_iter().enumerate().for_each(|(number, item)| run(number, item, scratch));
			});
		}
	}

	/// Makes rows of `width` elements from rows of `read` elements, each by its number.
	fn by_rows(
		&self,
		width: usize,
		read: usize,
		out: &mut [i32],
		run: impl Fn(usize, &mut [i32]) + Sync,
	) {
		let work = out.len() / width * read;
		let at_once = (ELEMENTS_AT_ONCE / read).max(1);
		let parts: Vec<&mut [i32]> = out.chunks_mut(at_once * width).collect();
		self.each(parts, work, |part, rows, _| {
			for (number, row) in rows.chunks_mut(width).enumerate() {
				run(part * at_once + number, row);
			}
		});
	}
}

fn index(id: TensorId) -> usize {
	usize::from(id.0)
}

/// Rows of some width.
fn row<T>(rows: &[T], number: usize, width: usize) -> &[T] {
	&rows[number * width..(number + 1) * width]
}

/// The second dimension of what has a head for each.
fn heads_of(info: &TensorInfo) -> Option<usize> {
	match info.dims[..] {
		[Dim::Batch, Dim::Fixed(heads), Dim::Sequence, Dim::Context] => Some(heads as usize),
		_ => None,
	}
}

impl Piece {
	/// The operator, ready to run; `None` where it is another one.
	pub(crate) fn new(compiler: &Compiler<'_>, operator: &Operator) -> Option<Self> {
		Some(match operator {
			Operator::Scores { .. } => Self::Scores(Scores::new(compiler, operator)?),
			Operator::ContextWeight { .. } => Self::Weight(Weight::new(compiler, operator)?),
			Operator::Context { .. } => Self::Context(Context::new(compiler, operator)?),
			_ => Self::Softmax(Softmax::new(compiler, operator)?),
		})
	}

	/// Heads of keys or values, and what one of each input holds: elements of keys and of values.
	fn holds(&self) -> Option<(usize, usize, usize)> {
		match self {
			Self::Scores(scores) => Some((scores.groups, scores.depth, 0)),
			Self::Weight(weight) => Some((weight.groups, 0, 0)),
			Self::Context(context) => Some((context.groups, 0, context.depth)),
			Self::Softmax(_) => None,
		}
	}

	/// Bytes that a decoder holds for some inputs and positions of each.
	pub(crate) fn held_bytes(&self, batch: u64, capacity: usize) -> u64 {
		self.holds().map_or(0, |(groups, depth, value_depth)| {
			let each = Head::bytes_of(capacity, depth, value_depth) as u64;
			each.saturating_mul(batch).saturating_mul(groups as u64)
		})
	}

	/// What a decoder holds before its first step.
	pub(crate) fn empty(&self, batch: usize, capacity: usize) -> Vec<Head> {
		let Some((groups, depth, value_depth)) = self.holds() else { return Vec::new() };
		let head = || {
			let mut head = Head::default();
			head.begin(depth, value_depth, capacity);
			head
		};
		(0..batch * groups).map(|_| head()).collect()
	}

	/// Makes the tensor; `maybe_held` is what the operator has met in earlier steps of a decoder.
	pub(crate) fn run(&self, scene: Scene<'_>, maybe_held: Option<&mut [Head]>, out: &mut [i32]) {
		let Some((groups, depth, value_depth)) = self.holds() else {
			if let Self::Softmax(softmax) = self {
				softmax.run(scene, out);
			}
			return;
		};
		let context = scene.context();
		let each = out.len() / scene.layout.batch();
		let (mut own, mut maybe_held) = (Vec::new(), maybe_held);
		for (entry, out) in out.chunks_exact_mut(each).enumerate() {
			let heads: &mut [Head] = match &mut maybe_held {
				Some(held) => &mut held[entry * groups..(entry + 1) * groups],
				None => {
					own.resize_with(groups, Head::default);
					own.iter_mut().for_each(|head| head.begin(depth, value_depth, context));
					&mut own
				},
			};
			let of_step = scene.layout.sequence * groups * depth.max(value_depth);
			scene.each(heads.iter_mut().collect(), of_step, |group, head, _| match self {
				Self::Scores(scores) => scores.pack(scene, entry, group, head),
				Self::Weight(weight) => weight.pack(scene, entry, group, head),
				Self::Context(context) => context.pack(scene, entry, group, head),
				Self::Softmax(_) => {},
			});
			match self {
				Self::Scores(scores) => scores.run(scene, entry, heads, out),
				Self::Weight(weight) => weight.run(scene, entry, heads, out),
				Self::Context(context) => context.run(scene, entry, heads, out),
				Self::Softmax(_) => {},
			}
		}
	}
}

/// `Scores`.
#[derive(Debug)]
pub(crate) struct Scores {
	query: usize,
	query_max: usize,
	key: usize,
	key_max: usize,
	/// Heads of queries.
	heads: usize,
	/// Heads of keys.
	groups: usize,
	/// Elements of a head.
	depth: usize,
	bits: (u8, u8),
	shifts: (u32, u32),
}

impl Scores {
	fn new(compiler: &Compiler<'_>, operator: &Operator) -> Option<Self> {
		let Operator::Scores { query, query_max, key, key_max, shift, fraction } = operator else {
			return None;
		};
		let bits = (compiler.bits(*query)?, compiler.bits(*key)?);
		let fractions = (compiler.fraction(*query_max)?, compiler.fraction(*key_max)?);
		let heads = compiler.fixed_width(*query_max)?;
		Some(Self {
			query: index(*query),
			query_max: index(*query_max),
			key: index(*key),
			key_max: index(*key_max),
			heads,
			groups: compiler.fixed_width(*key_max)?,
			depth: compiler.fixed_width(*query)?.checked_div(heads)?,
			bits,
			shifts: shifts::scores(bits, fractions, *shift, *fraction)?,
		})
	}

	/// Adds the step's keys of one head of one input.
	fn pack(&self, scene: Scene<'_>, entry: usize, group: usize, head: &mut Head) {
		let count = scene.layout.sequence;
		let (first, width) = (entry * count, self.groups * self.depth);
		let keys = &scene.halves(self.key)[first * width + group * self.depth..];
		head.keys.append_rows(keys, width, count);
		let maxima = &scene.words(self.key_max)[first * self.groups..];
		let maxima = maxima.iter().skip(group).step_by(self.groups).take(count);
		head.add_key_factors(maxima.map(|max| element::factor(*max, self.bits.1)));
	}

	/// The scores of one input. Where there is one position, all heads of queries that look at the
	/// same keys go together, else some positions of a head do.
	fn run(&self, scene: Scene<'_>, entry: usize, packed: &[Head], out: &mut [i32]) {
		let (sequence, context) = (scene.layout.sequence, scene.context());
		let each = self.heads / self.groups;
		let work = out.len() * self.depth;
		let mut parts = Vec::new();
		if sequence == 1 {
			let groups = out.chunks_mut(each * context).enumerate();
			parts.extend(groups.map(|(group, out)| (group * each, 0, out)));
		} else {
			for (head, out) in out.chunks_mut(sequence * context).enumerate() {
				let blocks = out.chunks_mut(BLOCK * context).enumerate();
				parts.extend(blocks.map(|(number, out)| (head, number * BLOCK, out)));
			}
		}
		scene.each(parts, work, |_, (head, first, out), scratch| {
			let at = (entry * sequence + first) * self.heads + head;
			// From one row of the product to the next.
			let step = if sequence == 1 { 1 } else { self.heads };
			self.product(scene, (at, step), &packed[head / each], out, scratch);
		});
	}

	/// Rows of scores of parts of the query's rows, the first of them part `at`.
	fn product(
		&self,
		scene: Scene<'_>,
		(at, step): (usize, usize),
		packed: &Head,
		out: &mut [i32],
		scratch: &mut Scratch,
	) {
		let (processor, depth, keys) = (scene.place.processor, self.depth, scene.context());
		let rows = out.len() / keys;
		let source = &scene.halves(self.query)[at * depth..];
		// A step of an odd depth's last pair needs a value after each row.
		let longer = (!depth.is_multiple_of(2)).then(|| {
			let mut longer = scratch.halves.take(rows * (depth + 1));
			for (to, from) in longer.chunks_mut(depth + 1).zip(source.chunks(step * depth)) {
				to[..depth].copy_from_slice(&from[..depth]);
			}
			longer
		});
		let left = match &longer {
			Some(longer) => Rows::new(longer, depth + 1, rows),
			None => Rows::new(source, step * depth, rows),
		};
		let maxima = scene.words(self.query_max)[at..].iter().step_by(step).take(rows);
		let mut factors = core::mem::take(&mut scratch.factors);
		factors.clear();
		factors.extend(maxima.map(|max| element::factor(*max, self.bits.0)));
		let finish = ScoresFinish {
			query_factors: &factors,
			key_factors: &packed.key_factors,
			narrow_key_factors: &packed.narrow_key_factors,
			largest_key_factor: packed.largest_key_factor,
			products: depth as i64 * quantised_limit(self.bits.0) * quantised_limit(self.bits.1),
			shifts: self.shifts,
		};
		product_of_columns(processor, left, packed.keys.first(keys), |place, sums| {
			let out = &mut out[place.row * keys + place.column..];
			vector::finish_scores(processor, sums, place, finish, keys, out);
		});
		scratch.factors = factors;
		if let Some(longer) = longer {
			scratch.halves.give(longer);
		}
	}
}

/// A part of a softmax.
#[derive(Debug)]
pub(crate) struct Softmax {
	/// What it reads rows of.
	rows: usize,
	/// The number of each row that it reads, if it does.
	numbers: usize,
	/// Elements of a row.
	width: Dim,
	what: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
	Max(Mask),
	Exp(Mask),
	Sum,
	Normalise,
}

impl Softmax {
	fn new(compiler: &Compiler<'_>, operator: &Operator) -> Option<Self> {
		let (rows, numbers, what) = match operator {
			Operator::SoftmaxMax { scores, mask } => (*scores, *scores, Part::Max(*mask)),
			Operator::SoftmaxExp { scores, max, mask } => (*scores, *max, Part::Exp(*mask)),
			Operator::SoftmaxSum { exponentials } => (*exponentials, *exponentials, Part::Sum),
			Operator::SoftmaxNormalise { exponentials, sum } => {
				(*exponentials, *sum, Part::Normalise)
			},
			_ => return None,
		};
		let width = compiler.tensor(rows)?.width()?;
		Some(Self { rows: index(rows), numbers: index(numbers), width, what })
	}

	fn run(&self, scene: Scene<'_>, out: &mut [i32]) {
		let (processor, layout) = (scene.place.processor, scene.layout);
		let width = layout.size(self.width);
		let (rows, numbers) = (scene.words(self.rows), scene.words(self.numbers));
		let per_entry = rows.len() / width / layout.batch();
		// Elements that a mask leaves are the first ones of a row.
		let left = |mask: Mask, number: usize| match mask {
			Mask::None => width,
			Mask::Padding { .. } => layout.valid[number / per_entry].min(width),
			Mask::Causal => (layout.past + number % layout.sequence + 1).min(width),
		};
		let row = |number: usize| row(rows, number, width);
		match self.what {
			Part::Max(mask) => scene.by_rows(1, width, out, |number, out| {
				out[0] = vector::largest(processor, &row(number)[..left(mask, number)]);
			}),
			Part::Exp(mask) => scene.by_rows(width, width, out, |number, out| {
				let left = left(mask, number);
				let (out, masked) = out.split_at_mut(left);
				vector::exponentials_below(processor, &row(number)[..left], numbers[number], out);
				masked.fill(0);
			}),
			Part::Sum => scene.by_rows(1, width, out, |number, out| {
				out[0] = element::softmax_sum_finish(vector::sum(processor, row(number)));
			}),
			Part::Normalise => scene.by_rows(width, width, out, |number, out| {
				vector::probabilities(processor, row(number), numbers[number], out);
			}),
		}
	}
}

/// `ContextWeight`.
#[derive(Debug)]
pub(crate) struct Weight {
	probabilities: usize,
	value_max: usize,
	heads: usize,
	/// Heads of values.
	groups: usize,
	shift: u32,
}

impl Weight {
	fn new(compiler: &Compiler<'_>, operator: &Operator) -> Option<Self> {
		let Operator::ContextWeight { probabilities, value_max, fraction } = operator else {
			return None;
		};
		Some(Self {
			probabilities: index(*probabilities),
			value_max: index(*value_max),
			heads: heads_of(compiler.tensor(*probabilities)?)?,
			groups: compiler.fixed_width(*value_max)?,
			shift: shifts::context_weight(compiler.fraction(*value_max)?, *fraction)?,
		})
	}

	/// Adds the step's maxima of one head of one input.
	fn pack(&self, scene: Scene<'_>, entry: usize, group: usize, head: &mut Head) {
		let count = scene.layout.sequence;
		let maxima = &scene.words(self.value_max)[entry * count * self.groups..];
		head.value_max.extend(maxima.iter().skip(group).step_by(self.groups).take(count));
	}

	fn run(&self, scene: Scene<'_>, entry: usize, packed: &[Head], out: &mut [i32]) {
		let (processor, sequence, width) =
			(scene.place.processor, scene.layout.sequence, scene.context());
		let rows = scene.words(self.probabilities);
		let (first, each) = (entry * self.heads * sequence, self.heads / self.groups);
		scene.by_rows(width, width, out, |number, out| {
			let maxima = &packed[number / sequence / each].value_max;
			let row = row(rows, first + number, width);
			vector::multiply(processor, row, maxima, self.shift, out);
		});
	}
}

/// `Context`.
#[derive(Debug)]
pub(crate) struct Context {
	weight: usize,
	weight_max: usize,
	value: usize,
	heads: usize,
	/// Heads of values.
	groups: usize,
	/// Elements of a head.
	depth: usize,
	bits: (u8, u8),
	shifts: (u32, u32),
}

impl Context {
	fn new(compiler: &Compiler<'_>, operator: &Operator) -> Option<Self> {
		let Operator::Context { weight, weight_max, value, groups, shift, fraction } = operator
		else {
			return None;
		};
		let bits = (compiler.bits(*weight)?, compiler.bits(*value)?);
		let groups = *groups as usize;
		Some(Self {
			weight: index(*weight),
			weight_max: index(*weight_max),
			value: index(*value),
			heads: heads_of(compiler.tensor(*weight)?)?,
			groups,
			depth: compiler.fixed_width(*value)?.checked_div(groups)?,
			bits,
			shifts: shifts::context(bits, compiler.fraction(*weight_max)?, *shift, *fraction)?,
		})
	}

	/// Adds the step's values of one head of one input.
	fn pack(&self, scene: Scene<'_>, entry: usize, group: usize, head: &mut Head) {
		let (count, width) = (scene.layout.sequence, self.groups * self.depth);
		let values = &scene.halves(self.value)[entry * count * width + group * self.depth..];
		head.values.append_transposed(values, width, count);
	}

	/// The contexts of one input, in parts as [`Scores::run`] has them.
	fn run(&self, scene: Scene<'_>, entry: usize, packed: &[Head], out: &mut [i32]) {
		let (sequence, context) = (scene.layout.sequence, scene.context());
		let (each, width) = (self.heads / self.groups, self.heads * self.depth);
		let work = out.len() * context;
		if sequence == 1 {
			let parts = out.chunks_mut(each * self.depth).collect();
			scene.each(parts, work, |group, out: &mut [i32], scratch| {
				let first = entry * self.heads + group * each;
				self.product(scene, (first, each), &packed[group], (out, self.depth), scratch);
			});
			return;
		}
		let parts = out.chunks_mut(BLOCK * width).collect();
		scene.each(parts, work, |block, out: &mut [i32], scratch| {
			let rows = out.len() / width;
			for head in 0..self.heads {
				let first = (entry * self.heads + head) * sequence + block * BLOCK;
				let out = &mut out[head * self.depth..];
				self.product(scene, (first, rows), &packed[head / each], (out, width), scratch);
			}
		});
	}

	/// Contexts of `rows` rows of weights from row `first`; rows of `out` are `stride` apart.
	fn product(
		&self,
		scene: Scene<'_>,
		(first, rows): (usize, usize),
		packed: &Head,
		(out, stride): (&mut [i32], usize),
		scratch: &mut Scratch,
	) {
		let (processor, depth, keys) = (scene.place.processor, self.depth, scene.context());
		let source = &scene.halves(self.weight)[first * keys..(first + rows) * keys];
		// The step after an odd number of keys has a value that is any.
		let longer = (!keys.is_multiple_of(2)).then(|| {
			let mut longer = scratch.halves.take(rows * (keys + 1));
			for (to, from) in longer.chunks_mut(keys + 1).zip(source.chunks(keys)) {
				to[..keys].copy_from_slice(from);
				to[keys] = 0;
			}
			longer
		});
		let (weights, width) = match &longer {
			Some(longer) => (&longer[..], keys + 1),
			None => (source, keys),
		};
		let mut sums = core::mem::take(&mut scratch.sums);
		sums.resize(rows * depth, 0);
		// Validation proved that a block of positions fits int32, and all of them together int64.
		for start in (0..keys).step_by(PRODUCT_BLOCK) {
			let steps = start..(start + PRODUCT_BLOCK).min(keys);
			let left = Rows::new(&weights[start..], width, rows);
			product_of_columns(processor, left, packed.values.steps(steps), |place, tile| {
				for row in 0..place.rows {
					let from = &tile[row * TILE_COLUMNS..row * TILE_COLUMNS + place.columns];
					let at = (place.row + row) * depth + place.column;
					let sums = &mut sums[at..at + place.columns];
					vector::add_block(processor, from, start == 0, sums);
				}
			});
		}
		let maxima = &scene.words(self.weight_max)[first..first + rows];
		for ((sums, max), out) in sums.chunks_exact(depth).zip(maxima).zip(out.chunks_mut(stride)) {
			let factor = element::context_factor(*max, self.bits.0, self.bits.1);
			vector::finish_context(processor, sums, factor, self.shifts, &mut out[..depth]);
		}
		scratch.sums = sums;
		if let Some(longer) = longer {
			scratch.halves.give(longer);
		}
	}
}
