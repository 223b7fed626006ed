//! Attention as one step.

use crate::{
	plan::{Compiler, Plan},
	product::{product_of_columns, Rows},
	rows::{rows_at_once, Place},
	vector::{self, ScoresFinish},
	workspace::{self, Head, Layout, Scratch, Store, Workspace},
};
use assay_program::{quantised_limit, shifts, Mask, Operator, TensorId};
use assay_reference::element;
use core::ops::Range;
use rayon::prelude::*;

/// Query rows that go through all of attention together.
const BLOCK: usize = 16;

/// Bytes of packed keys and values at a time. A single head may take more, but never more than the
/// tensors it is packed from.
const PACKED_BYTES: usize = 32 << 20;

/// A chain from `Scores` to `Context` whose middle nobody else reads.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
	query: usize,
	query_max: usize,
	key: usize,
	key_max: usize,
	value: usize,
	value_max: usize,
	/// The tensor it makes.
	pub(crate) out: usize,
	/// Whether keys at padding are left out.
	pub(crate) masked: bool,
	heads: usize,
	/// Elements of a head of queries and keys.
	depth: usize,
	/// Elements of a head of values.
	value_depth: usize,
	bits: Bits,
	score_shifts: (u32, u32),
	weight_shift: u32,
	context_shift: u32,
}

/// Bits of what is quantised.
#[derive(Clone, Copy, Debug)]
struct Bits {
	query: u8,
	key: u8,
	weight: u8,
	value: u8,
}

fn index(id: TensorId) -> usize {
	usize::from(id.0)
}

/// The probabilities that the softmax of `scores` makes, whether it leaves padding out, and the
/// operators of the softmax, if nobody else reads what is between.
fn find_softmax(compiler: &Compiler<'_>, scores: usize) -> Option<(usize, bool, Vec<usize>)> {
	let operators = &compiler.program.operators;
	let [maximum, exponential] = *compiler.readers(scores) else { return None };
	let Operator::SoftmaxMax { mask: max_mask, .. } = operators.get(maximum)? else { return None };
	let Operator::SoftmaxExp { scores: value, max, mask } = operators.get(exponential)? else {
		return None;
	};
	let [sum, normalise] = *compiler.readers(exponential) else { return None };
	let Operator::SoftmaxSum { .. } = operators.get(sum)? else { return None };
	let Operator::SoftmaxNormalise { exponentials, sum: divisor } = operators.get(normalise)?
	else {
		return None;
	};
	let joined = max_mask == mask
		&& index(*value) == scores
		&& index(*max) == maximum
		&& index(*exponentials) == exponential
		&& index(*divisor) == sum
		&& compiler.readers(maximum) == [exponential]
		&& compiler.readers(sum) == [normalise];
	joined.then(|| (normalise, *mask != Mask::None, vec![maximum, exponential, sum, normalise]))
}

impl Attention {
	/// The chain that begins at operator `scores`, if there is one, and the operators in it.
	pub(crate) fn find(compiler: &Compiler<'_>, scores: usize) -> Option<(Self, Vec<usize>)> {
		let operators = &compiler.program.operators;
		let Operator::Scores { query, query_max, key, key_max, shift, fraction } =
			operators.get(scores)?
		else {
			return None;
		};
		let bits = (compiler.bits(*query)?, compiler.bits(*key)?);
		let fractions = (compiler.fraction(*query_max)?, compiler.fraction(*key_max)?);
		let score_shifts = shifts::scores(bits, fractions, *shift, *fraction)?;
		let (probabilities, masked, mut chain) = find_softmax(compiler, scores)?;

		let [weigh] = *compiler.readers(probabilities) else { return None };
		let Operator::ContextWeight { value_max, fraction, .. } = operators.get(weigh)? else {
			return None;
		};
		let weight_shift = shifts::context_weight(compiler.fraction(*value_max)?, *fraction)?;
		let [row_max, quantise] = *compiler.readers(weigh) else { return None };
		let Operator::RowMax { groups: 1, .. } = operators.get(row_max)? else { return None };
		let Operator::Quantise { value, max, .. } = operators.get(quantise)? else { return None };
		let [context] = *compiler.readers(quantise) else { return None };
		let Operator::Context { weight, weight_max, value: values, shift, fraction, .. } =
			operators.get(context)?
		else {
			return None;
		};
		let joined = index(*value) == weigh
			&& index(*max) == row_max
			&& index(*weight) == quantise
			&& index(*weight_max) == row_max
			&& compiler.readers(row_max) == [quantise, context];
		if !joined {
			return None;
		}
		let (weight_bits, value_bits) = (compiler.bits(*weight)?, compiler.bits(*values)?);
		let weight_fraction = compiler.fraction(*weight_max)?;
		let bits_of_context = (weight_bits, value_bits);
		let (_, context_shift) =
			shifts::context(bits_of_context, weight_fraction, *shift, *fraction)?;
		let heads = compiler.fixed_width(*query_max)?;
		chain.extend([scores, weigh, row_max, quantise, context]);
		let attention = Self {
			query: index(*query),
			query_max: index(*query_max),
			key: index(*key),
			key_max: index(*key_max),
			value: index(*values),
			value_max: index(*value_max),
			out: context,
			masked,
			heads,
			depth: compiler.fixed_width(*query)?.checked_div(heads)?,
			value_depth: compiler.fixed_width(*values)?.checked_div(heads)?,
			bits: Bits { query: bits.0, key: bits.1, weight: weight_bits, value: value_bits },
			score_shifts,
			weight_shift,
			context_shift,
		};
		Some((attention, chain))
	}

	/// The tensors it reads and makes.
	pub(crate) fn tensors(&self) -> [usize; 7] {
		let Self { query, query_max, key, key_max, value, value_max, out, .. } = *self;
		[query, query_max, key, key_max, value, value_max, out]
	}

	/// Runs it for all inputs.
	pub(crate) fn run(
		&self,
		plan: &Plan,
		place: Place<'_>,
		layout: &Layout,
		workspace: &mut Workspace,
	) {
		let info = &plan.tensors[self.out];
		let mut out = workspace.make(info, layout.count(&info.dims));
		let mut heads = core::mem::take(&mut workspace.heads);
		if let Store::Words(words) = &mut out {
			for group in self.groups(layout) {
				self.run_group(place, layout, workspace, &group, &mut heads, words);
			}
		}
		workspace.heads = heads;
		workspace.tensors[self.out] = out;
	}

	/// Cuts inputs and heads into groups that are packed together.
	fn groups(&self, layout: &Layout) -> Vec<Group> {
		let keys = (0..layout.batch()).map(|entry| self.keys(layout, entry)).max().unwrap_or(0);
		let each = Head::bytes_of(keys, self.depth, self.value_depth);
		let at_once = (PACKED_BYTES / each.max(1)).max(1);
		let (batch, heads_at_once) = (layout.batch(), at_once.min(self.heads));
		let entries_at_once = (at_once / self.heads).max(1);
		let mut groups = Vec::new();
		for first in (0..batch).step_by(entries_at_once) {
			let entries = first..(first + entries_at_once).min(batch);
			for head in (0..self.heads).step_by(heads_at_once) {
				let heads = head..(head + heads_at_once).min(self.heads);
				groups.push(Group { entries: entries.clone(), heads });
			}
		}
		groups
	}

	/// Runs it for a group.
	fn run_group(
		&self,
		place: Place<'_>,
		layout: &Layout,
		workspace: &Workspace,
		group: &Group,
		heads: &mut Vec<Head>,
		out: &mut [i32],
	) {
		let at_once = group.heads.len();
		heads.resize_with(group.entries.len() * at_once, Head::default);
		let pack = |(number, head): (usize, &mut Head)| {
			let entry = group.entries.start + number / at_once;
			self.pack(layout, workspace, entry, group.heads.start + number % at_once, head);
		};
		if place.threads > 1 {
			heads.par_iter_mut().enumerate().for_each(pack);
		} else {
			heads.iter_mut().enumerate().for_each(pack);
		}
		let blocks = self.blocks(layout, place.threads, group, heads, out);
		let run = |mut block: Block<'_>| {
			place.scratch.lend(|scratch| self.run_block(place, workspace, &mut block, scratch));
		};
		if place.threads > 1 {
			blocks.into_par_iter().for_each(run);
		} else {
			blocks.into_iter().for_each(run);
		}
	}

	/// Number of keys that a query of an input looks at.
	fn keys(&self, layout: &Layout, entry: usize) -> usize {
		if self.masked {
			layout.valid[entry]
		} else {
			layout.rows_of(entry).len()
		}
	}

	/// Packs keys and values of one head of one input.
	fn pack(
		&self,
		layout: &Layout,
		workspace: &Workspace,
		entry: usize,
		number: usize,
		head: &mut Head,
	) {
		let first = layout.rows_of(entry).start;
		let count = self.keys(layout, entry);
		let key_width = self.heads * self.depth;
		let keys = &workspace.tensor(self.key).halves()[first * key_width + number * self.depth..];
		head.keys.pack_rows(keys, key_width, count, self.depth);
		let value_width = self.heads * self.value_depth;
		let values = &workspace.tensor(self.value).halves()
			[first * value_width + number * self.value_depth..];
		head.values.pack_transposed(values, value_width, self.value_depth, count);
		let of_head = |tensor: usize| {
			let maxima = &workspace.tensor(tensor).words()[first * self.heads..];
			maxima.iter().skip(number).step_by(self.heads).take(count)
		};
		head.key_factors.clear();
		let factor = |max: &i32| element::factor(*max, self.bits.key);
		head.key_factors.extend(of_head(self.key_max).map(factor));
		head.largest_key_factor = head.key_factors.iter().copied().max().unwrap_or(0);
		head.narrow_key_factors.clear();
		let narrow = head.key_factors.iter().map_while(|factor| i32::try_from(*factor).ok());
		head.narrow_key_factors.extend(narrow);
		if head.narrow_key_factors.len() < count {
			head.largest_key_factor = head.key_factors.iter().copied().max().unwrap_or(0);
			head.narrow_key_factors.clear();
		}
		head.value_max.clear();
		head.value_max.extend(of_head(self.value_max));
	}

	/// Cuts a group's part of the output into parts, each of one input.
	fn blocks<'a>(
		&self,
		layout: &Layout,
		threads: usize,
		group: &Group,
		heads: &'a [Head],
		out: &'a mut [i32],
	) -> Vec<Block<'a>> {
		let width = self.heads * self.value_depth;
		let at_once = rows_at_once(layout.ids.len(), threads);
		let mut blocks = Vec::new();
		let mut rest = &mut out[layout.rows_of(group.entries.start).start * width..];
		for (number, entry) in group.entries.clone().enumerate() {
			let rows = layout.rows_of(entry);
			let (mine, others) = rest.split_at_mut(rows.len() * width);
			rest = others;
			let heads = &heads[number * group.heads.len()..(number + 1) * group.heads.len()];
			let keys = self.keys(layout, entry);
			for (number, out) in mine.chunks_mut(at_once * width).enumerate() {
				let first = rows.start + number * at_once;
				let (rows, first_head) = (out.len() / width, group.heads.start);
				blocks.push(Block { first, rows, keys, first_head, heads, out });
			}
		}
		blocks
	}

	fn run_block(
		&self,
		place: Place<'_>,
		workspace: &Workspace,
		block: &mut Block<'_>,
		scratch: &mut Scratch,
	) {
		let stride = block.keys.next_multiple_of(2);
		let mut memory = Memory {
			scores: scratch.words.take(BLOCK * stride),
			weights: scratch.halves.take(BLOCK * stride),
			queries: scratch.halves.take(BLOCK * (self.depth + 1)),
			factors: core::mem::take(&mut scratch.factors),
			stride,
		};
		// The step after an odd number of keys is multiplied by the columns' zero.
		for head in 0..block.heads.len() {
			for first in (0..block.rows).step_by(BLOCK) {
				let rows = BLOCK.min(block.rows - first);
				self.run_rows(place, workspace, block, head, first, rows, &mut memory);
			}
		}
		scratch.words.give(memory.scores);
		scratch.halves.give(memory.weights);
		scratch.halves.give(memory.queries);
		scratch.factors = memory.factors;
	}

	/// A few queries of one of the block's heads, from scores to contexts.
	#[allow(clippy::too_many_arguments, reason = "the inside of one loop")]
	fn run_rows(
		&self,
		place: Place<'_>,
		workspace: &Workspace,
		block: &mut Block<'_>,
		head: usize,
		first: usize,
		rows: usize,
		memory: &mut Memory,
	) {
		let processor = place.processor;
		let Memory { scores, weights, queries, factors, stride } = memory;
		let packed = &block.heads[head];
		let head = block.first_head + head;
		let row = block.first + first;

		let width = self.heads * self.depth;
		let source = &workspace.tensor(self.query).halves()[row * width + head * self.depth..];
		let left = if self.depth.is_multiple_of(2) {
			Rows::new(source, width, rows)
		} else {
			for (to, from) in queries.chunks_exact_mut(self.depth + 1).zip(source.chunks(width)) {
				to[..self.depth].copy_from_slice(&from[..self.depth]);
			}
			Rows::new(queries, self.depth + 1, rows)
		};
		let maxima = workspace.tensor(self.query_max).words()[row * self.heads..].iter();
		let maxima = maxima.skip(head).step_by(self.heads).take(rows);
		factors.clear();
		factors.extend(maxima.map(|max| element::factor(*max, self.bits.query)));
		let finish = ScoresFinish {
			query_factors: factors,
			key_factors: &packed.key_factors,
			narrow_key_factors: &packed.narrow_key_factors,
			largest_key_factor: packed.largest_key_factor,
			products: self.depth as i64
				* quantised_limit(self.bits.query)
				* quantised_limit(self.bits.key),
			shifts: self.score_shifts,
		};
		product_of_columns(processor, left, &packed.keys, |place, sums| {
			let out = &mut scores[place.row * *stride + place.column..];
			vector::finish_scores(processor, sums, place, finish, *stride, out);
		});

		factors.clear();
		let limit = quantised_limit(self.bits.weight) as f64;
		let both = scores.chunks_exact_mut(*stride).zip(weights.chunks_exact_mut(*stride));
		for (scores, weights) in both.take(rows) {
			let (scores, weights) = (&mut scores[..block.keys], &mut weights[..block.keys]);
			let sum = vector::exponentials(processor, scores);
			let max = vector::context_weights(
				processor,
				scores,
				sum,
				&packed.value_max,
				self.weight_shift,
			);
			vector::quantise_own(processor, scores, block.keys, &[max], limit, weights);
			factors.push(element::context_factor(max, self.bits.weight, self.bits.value));
		}

		let width = self.heads * self.value_depth;
		let out = &mut block.out[first * width + head * self.value_depth..];
		let left = Rows::new(weights, *stride, rows);
		product_of_columns(processor, left, &packed.values, |place, sums| {
			let out = &mut out[place.row * width + place.column..];
			vector::finish_context(processor, sums, place, factors, self.context_shift, width, out);
		});
	}
}

/// Inputs and heads whose keys and values are packed at the same time.
struct Group {
	entries: Range<usize>,
	heads: Range<usize>,
}

/// Queries of one input that one thread works on.
struct Block<'a> {
	/// The row of the first of them.
	first: usize,
	rows: usize,
	/// Keys they look at.
	keys: usize,
	/// Number of the first of `heads`.
	first_head: usize,
	heads: &'a [Head],
	out: &'a mut [i32],
}

/// Memory for a few queries.
struct Memory {
	scores: workspace::Block<i32>,
	weights: workspace::Block<i16>,
	queries: workspace::Block<i16>,
	factors: Vec<i64>,
	/// Keys, and one more where their number is odd.
	stride: usize,
}
