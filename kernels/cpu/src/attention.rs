//! Attention as one step.
//!
//! Keys and values are packed once, for the two products of attention: those of an encoder for the
//! step, those of a decoder for the whole run, in a [`Cache`] that each step adds its rows to.
//! Scores are made for a few queries at a time, and only with the positions that their mask leaves.

use crate::{
	plan::{Compiler, Plan},
	product::{product_of_columns, Rows, TILE_COLUMNS},
	rows::{rows_at_once, Place},
	vector::{self, ScoresFinish},
	workspace::{self, Head, Layout, Scratch, Store, Workspace},
};
use assay_program::{limits::PRODUCT_BLOCK, quantised_limit, shifts, Mask, Operator, TensorId};
use assay_reference::element;
use core::ops::Range;

/// Rows of scores that go through all of attention together.
const BLOCK: usize = 16;
/// The same where several heads read one head of keys.
const GROUPED_BLOCK: usize = 24;

/// Keys from which the heads of a single position are worth more than one thread.
const MANY_KEYS: usize = 256;

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
	/// Which keys a query looks at.
	mask: Keys,
	/// Whether contexts are made for the last position only.
	last: bool,
	/// Whether there are queries for the last position only.
	last_queries: bool,
	/// Heads of queries.
	heads: usize,
	/// Heads of keys and values.
	groups: usize,
	/// Elements of a head of queries and keys.
	depth: usize,
	/// Elements of a head of values.
	value_depth: usize,
	bits: Bits,
	score_shifts: (u32, u32),
	weight_shift: u32,
	context_shifts: (u32, u32),
}

/// Which keys a query looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
	/// All of them.
	All,
	/// Those that are no padding.
	Valid,
	/// Those up to its own position.
	Causal,
}

/// Bits of what is quantised.
#[derive(Clone, Copy, Debug)]
struct Bits {
	query: u8,
	key: u8,
	weight: u8,
	value: u8,
}

/// Keys and values of one attention of all positions so far, for some inputs.
#[derive(Debug, Default)]
pub(crate) struct Cache {
	/// By input, then by head of keys.
	heads: Vec<Head>,
	/// Heads of keys.
	groups: usize,
}

impl Cache {
	/// The heads of some inputs.
	pub(crate) fn of(&mut self, entries: Range<usize>) -> &mut [Head] {
		&mut self.heads[entries.start * self.groups..entries.end * self.groups]
	}
}

fn index(id: TensorId) -> usize {
	usize::from(id.0)
}

/// The probabilities that the softmax of `scores` makes, its mask, and the operators of the
/// softmax, if nobody else reads what is between.
fn find_softmax(compiler: &Compiler<'_>, scores: usize) -> Option<(usize, Mask, Vec<usize>)> {
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
	joined.then(|| (normalise, *mask, vec![maximum, exponential, sum, normalise]))
}

/// The operators from probabilities to contexts, if they are one chain that nobody else reads.
fn find_context(compiler: &Compiler<'_>, probabilities: usize) -> Option<[usize; 4]> {
	let operators = &compiler.program.operators;
	let [weigh] = *compiler.readers(probabilities) else { return None };
	let [row_max, quantise] = *compiler.readers(weigh) else { return None };
	let Operator::RowMax { groups: 1, .. } = operators.get(row_max)? else { return None };
	let Operator::Quantise { value, max, .. } = operators.get(quantise)? else { return None };
	let [context] = *compiler.readers(quantise) else { return None };
	let Operator::Context { weight, weight_max, .. } = operators.get(context)? else {
		return None;
	};
	let joined = index(*value) == weigh
		&& index(*max) == row_max
		&& index(*weight) == quantise
		&& index(*weight_max) == row_max
		&& compiler.readers(row_max) == [quantise, context];
	joined.then_some([weigh, row_max, quantise, context])
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
		let (probabilities, mask, mut chain) = find_softmax(compiler, scores)?;

		let [weigh, row_max, quantise, context] = find_context(compiler, probabilities)?;
		let Operator::ContextWeight { value_max, fraction, .. } = operators.get(weigh)? else {
			return None;
		};
		let weight_shift = shifts::context_weight(compiler.fraction(*value_max)?, *fraction)?;
		let Operator::Context { weight, weight_max, value: values, groups, shift, fraction } =
			operators.get(context)?
		else {
			return None;
		};
		let (weight_bits, value_bits) = (compiler.bits(*weight)?, compiler.bits(*values)?);
		let weight_fraction = compiler.fraction(*weight_max)?;
		let context_bits = (weight_bits, value_bits);
		let context_shifts = shifts::context(context_bits, weight_fraction, *shift, *fraction)?;
		let (heads, groups) = (compiler.fixed_width(*query_max)?, *groups as usize);
		if compiler.fixed_width(*key_max)? != groups || compiler.fixed_width(*value_max)? != groups
		{
			// Other heads of keys than of values: no importer makes that.
			return None;
		}
		let last_queries = compiler.is_last(index(*query));
		if compiler.is_last(index(*query_max)) != last_queries {
			return None;
		}
		chain.extend([scores, weigh, row_max, quantise, context]);
		let attention = Self {
			query: index(*query),
			query_max: index(*query_max),
			key: index(*key),
			key_max: index(*key_max),
			value: index(*values),
			value_max: index(*value_max),
			out: context,
			mask: match mask {
				Mask::None => Keys::All,
				Mask::Padding { .. } => Keys::Valid,
				Mask::Causal => Keys::Causal,
			},
			last: compiler.is_last(context),
			last_queries,
			heads,
			groups,
			depth: compiler.fixed_width(*query)?.checked_div(heads)?,
			value_depth: compiler.fixed_width(*values)?.checked_div(groups)?,
			bits: Bits { query: bits.0, key: bits.1, weight: weight_bits, value: value_bits },
			score_shifts,
			weight_shift,
			context_shifts,
		};
		Some((attention, chain))
	}

	/// Whether what it makes depends on no padding.
	pub(crate) fn skips_padding(&self) -> bool {
		// A key at padding comes after all queries that are none.
		matches!(self.mask, Keys::Valid | Keys::Causal)
	}

	/// Whether a query looks at its own position and earlier ones.
	pub(crate) fn is_causal(&self) -> bool {
		self.mask == Keys::Causal
	}

	/// An empty cache for `entries` inputs and `capacity` positions of each.
	pub(crate) fn cache(&self, entries: usize, capacity: usize) -> Cache {
		let head = || {
			let mut head = Head::default();
			head.begin(self.depth, self.value_depth, capacity);
			head
		};
		let heads = (0..entries * self.groups).map(|_| head()).collect();
		Cache { heads, groups: self.groups }
	}

	/// Bytes that a cache for `entries` inputs takes when it is full.
	pub(crate) fn cache_bytes(&self, entries: u64, capacity: usize) -> u64 {
		let each = Head::bytes_of(capacity, self.depth, self.value_depth) as u64;
		each.saturating_mul(entries).saturating_mul(self.groups as u64)
	}

	/// The tensors it reads and makes.
	pub(crate) fn tensors(&self) -> [usize; 7] {
		let Self { query, query_max, key, key_max, value, value_max, out, .. } = *self;
		[query, query_max, key, key_max, value, value_max, out]
	}

	/// Runs it for all inputs; `maybe_cache` holds what earlier steps of a decoder left.
	pub(crate) fn run(
		&self,
		plan: &Plan,
		place: Place<'_>,
		layout: &Layout,
		workspace: &mut Workspace,
		maybe_cache: Option<&mut [Head]>,
	) {
		let info = &plan.tensors[self.out];
		// Of an encoder this is a row for each position, of which some may be padding.
		let rows = if self.last { layout.batch() } else { layout.ids.len() };
		let mut out = workspace.make(info, rows * self.heads * self.value_depth);
		if let Store::Words(words) = &mut out {
			match maybe_cache {
				Some(heads) => {
					let group = Group { entries: 0..layout.batch(), heads: 0..self.groups };
					self.run_group(place, layout, workspace, &group, heads, words);
				},
				None => {
					let mut heads = core::mem::take(&mut workspace.heads);
					for group in self.groups(layout) {
						let count = group.entries.len() * group.heads.len();
						heads.resize_with(heads.len().max(count), Head::default);
						let heads = &mut heads[..count];
						for (number, head) in heads.iter_mut().enumerate() {
							let entry = group.entries.start + number / group.heads.len();
							let keys = self.keys(layout, entry);
							head.begin(self.depth, self.value_depth, keys);
						}
						self.run_group(place, layout, workspace, &group, heads, words);
					}
					workspace.heads = heads;
				},
			}
		}
		workspace.tensors[self.out] = out;
	}

	/// Cuts inputs and heads into groups that are packed together.
	fn groups(&self, layout: &Layout) -> Vec<Group> {
		let keys = (0..layout.batch()).map(|entry| self.keys(layout, entry)).max().unwrap_or(0);
		let each = Head::bytes_of(keys, self.depth, self.value_depth);
		let at_once = (PACKED_BYTES / each.max(1)).max(1);
		let (batch, heads_at_once) = (layout.batch(), at_once.min(self.groups));
		let entries_at_once = (at_once / self.groups).max(1);
		let mut groups = Vec::new();
		for first in (0..batch).step_by(entries_at_once) {
			let entries = first..(first + entries_at_once).min(batch);
			for head in (0..self.groups).step_by(heads_at_once) {
				let heads = head..(head + heads_at_once).min(self.groups);
				groups.push(Group { entries: entries.clone(), heads });
			}
		}
		groups
	}

	/// Runs it for a group, after adding the step's keys and values to `heads`.
	fn run_group(
		&self,
		place: Place<'_>,
		layout: &Layout,
		workspace: &Workspace,
		group: &Group,
		heads: &mut [Head],
		out: &mut [i32],
	) {
		let at_once = group.heads.len();
		let pack = |number: usize, head: &mut Head| {
			let entry = group.entries.start + number / at_once;
			self.pack(layout, workspace, entry, group.heads.start + number % at_once, head);
		};
		let many = layout.ids.len() >= BLOCK;
		if place.threads > 1 && many {
			place.team.for_each(heads.iter_mut().collect(), pack);
		} else {
			heads.iter_mut().enumerate().for_each(|(number, head)| pack(number, head));
		}
		let blocks = self.blocks(layout, place.threads, group, heads, out);
		let run = |mut block: Block<'_>| {
			place.scratch.lend(|scratch| self.run_block(place, workspace, &mut block, scratch));
		};
		if place.threads > 1 && blocks.len() > 1 {
			place.team.for_each(blocks, |_, block| run(block));
		} else {
			blocks.into_iter().for_each(run);
		}
	}

	/// Number of keys of the step that queries of an input look at, the last of them at least.
	fn keys(&self, layout: &Layout, entry: usize) -> usize {
		match self.mask {
			Keys::Valid => layout.valid[entry],
			Keys::All | Keys::Causal => layout.rows_of(entry).len(),
		}
	}

	/// Adds the step's keys and values of one head of one input.
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
		let key_width = self.groups * self.depth;
		let keys = &workspace.tensor(self.key).halves()[first * key_width + number * self.depth..];
		head.keys.append_rows(keys, key_width, count);
		let value_width = self.groups * self.value_depth;
		let values = &workspace.tensor(self.value).halves()
			[first * value_width + number * self.value_depth..];
		head.values.append_transposed(values, value_width, count);
		let of_head = |tensor: usize| {
			let maxima = &workspace.tensor(tensor).words()[first * self.groups..];
			maxima.iter().skip(number).step_by(self.groups).take(count)
		};
		head.add_key_factors(of_head(self.key_max).map(|max| element::factor(*max, self.bits.key)));
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
		let queries = |entry: usize| {
			let all = layout.rows_of(entry);
			if self.last {
				(entry..entry + 1, all.len() - 1)
			} else {
				(all, 0)
			}
		};
		let width = self.heads * self.value_depth;
		let at_once = rows_at_once(layout.ids.len(), threads);
		let mut blocks = Vec::new();
		let mut rest = &mut out[queries(group.entries.start).0.start * width..];
		for (number, entry) in group.entries.clone().enumerate() {
			let (rows, skipped) = queries(entry);
			let (mine, others) = rest.split_at_mut(rows.len() * width);
			rest = others;
			let heads = &heads[number * group.heads.len()..(number + 1) * group.heads.len()];
			let keys = heads.first().map_or(0, |head| head.value_max.len());
			let position = layout.past + skipped;
			// Queries of all positions may be there though contexts are for the last one only.
			let first = if self.last && !self.last_queries {
				layout.rows_of(entry).start + skipped
			} else {
				rows.start
			};
			let each = width / self.groups;
			if rows.len() == 1 && threads > 1 && keys >= MANY_KEYS {
				// The heads of a single position lie side by side.
				let mine = &mut mine[group.heads.start * each..group.heads.end * each];
				for (number, out) in mine.chunks_mut(each).enumerate() {
					let (first_head, heads) = (group.heads.start + number, &heads[number..=number]);
					let (width, column) = (each, 0);
					blocks.push(Block {
						first,
						position,
						keys,
						first_head,
						heads,
						out,
						width,
						column,
					});
				}
				continue;
			}
			let (first_head, column) = (group.heads.start, group.heads.start * each);
			for (number, out) in mine.chunks_mut(at_once * width).enumerate() {
				let (first, position) = (first + number * at_once, position + number * at_once);
				blocks.push(Block { first, position, keys, first_head, heads, out, width, column });
			}
		}
		blocks
	}

	/// Query heads that look at the same head of keys.
	fn group_size(&self) -> usize {
		self.heads / self.groups
	}

	fn run_block(
		&self,
		place: Place<'_>,
		workspace: &Workspace,
		block: &mut Block<'_>,
		scratch: &mut Scratch,
	) {
		let positions_at_once = match self.group_size() {
			1 => BLOCK,
			each => (GROUPED_BLOCK / each).max(1),
		};
		let positions = block.positions();
		let rows = positions_at_once.min(positions) * self.group_size();
		let stride = block.keys.next_multiple_of(2);
		let mut memory = Memory {
			scores: scratch.words.take(rows * stride),
			weights: scratch.halves.take(rows * stride),
			queries: scratch.halves.take(rows * (self.depth + 1)),
			factors: core::mem::take(&mut scratch.factors),
			sums: core::mem::take(&mut scratch.sums),
			stride,
		};
		for head in 0..block.heads.len() {
			for first in (0..positions).step_by(positions_at_once) {
				let count = positions_at_once.min(positions - first);
				let mut tile = Tile { block: &mut *block, head, first, count };
				self.run_tile(place, workspace, &mut tile, &mut memory);
			}
		}
		scratch.words.give(memory.scores);
		scratch.halves.give(memory.weights);
		scratch.halves.give(memory.queries);
		scratch.factors = memory.factors;
		scratch.sums = memory.sums;
	}

	/// A few positions of one of the block's heads of keys, from scores to contexts.
	fn run_tile(
		&self,
		place: Place<'_>,
		workspace: &Workspace,
		tile: &mut Tile<'_, '_>,
		memory: &mut Memory,
	) {
		let keys = self.keys_of(tile, tile.count - 1);
		self.score(place, workspace, tile, keys, memory);
		self.weigh(place, tile, keys, memory);
		let processor = place.processor;
		let Memory { weights, factors, sums, stride, .. } = memory;
		let values = &tile.block.heads[tile.head].values;
		let (each, depth) = (self.group_size(), self.value_depth);
		let rows = tile.count * each;
		sums.resize(rows * depth, 0);
		// Validation proved that a block of positions fits int32, and all of them together int64.
		for first in (0..keys).step_by(PRODUCT_BLOCK) {
			let steps = first..(first + PRODUCT_BLOCK).min(keys);
			let left = Rows::new(&weights[first..], *stride, rows);
			product_of_columns(processor, left, values.steps(steps), |place, tile| {
				for row in 0..place.rows {
					let from = &tile[row * TILE_COLUMNS..row * TILE_COLUMNS + place.columns];
					let at = (place.row + row) * depth + place.column;
					let sums = &mut sums[at..at + place.columns];
					vector::add_block(processor, from, first == 0, sums);
				}
			});
		}
		let block = &mut *tile.block;
		for (row, (sums, factor)) in sums.chunks_exact(depth).zip(factors).enumerate() {
			let (position, head) = (tile.first + row / each, tile.head * each + row % each);
			let at = position * block.width + block.column + head * depth;
			let out = &mut block.out[at..at + depth];
			vector::finish_context(processor, sums, *factor, self.context_shifts, out);
		}
	}

	/// Number of keys that position `number` of a tile looks at.
	fn keys_of(&self, tile: &Tile<'_, '_>, number: usize) -> usize {
		match self.mask {
			Keys::All | Keys::Valid => tile.block.keys,
			Keys::Causal => (tile.block.position + tile.first + number + 1).min(tile.block.keys),
		}
	}

	/// Scores of a tile with the first `keys` keys: row after row by position, then by head.
	fn score(
		&self,
		place: Place<'_>,
		workspace: &Workspace,
		tile: &Tile<'_, '_>,
		keys: usize,
		memory: &mut Memory,
	) {
		let processor = place.processor;
		let Memory { scores, queries, factors, stride, .. } = memory;
		let (each, depth) = (self.group_size(), self.depth);
		let packed = &tile.block.heads[tile.head];
		let first_head = (tile.block.first_head + tile.head) * each;
		let (row, width) = (tile.block.first + tile.first, self.heads * depth);
		let source = &workspace.tensor(self.query).halves()[row * width + first_head * depth..];
		let left = if depth.is_multiple_of(2) && each == 1 {
			Rows::new(source, width, tile.count)
		} else if depth.is_multiple_of(2) && tile.count == 1 {
			Rows::new(source, depth, each)
		} else {
			let longer = depth.next_multiple_of(2);
			let rows = queries.chunks_exact_mut(longer * each).take(tile.count);
			for (to, from) in rows.zip(source.chunks(width)) {
				for (to, from) in to.chunks_exact_mut(longer).zip(from.chunks(depth)) {
					to[..depth].copy_from_slice(from);
				}
			}
			Rows::new(queries, longer, tile.count * each)
		};
		let maxima = &workspace.tensor(self.query_max).words()[row * self.heads..];
		factors.clear();
		for maxima in maxima.chunks_exact(self.heads).take(tile.count) {
			let maxima = maxima[first_head..first_head + each].iter();
			factors.extend(maxima.map(|max| element::factor(*max, self.bits.query)));
		}
		let finish = ScoresFinish {
			query_factors: factors,
			key_factors: &packed.key_factors,
			narrow_key_factors: &packed.narrow_key_factors,
			largest_key_factor: packed.largest_key_factor,
			products: depth as i64
				* quantised_limit(self.bits.query)
				* quantised_limit(self.bits.key),
			shifts: self.score_shifts,
		};
		product_of_columns(processor, left, packed.keys.first(keys), |place, sums| {
			let out = &mut scores[place.row * *stride + place.column..];
			vector::finish_scores(processor, sums, place, finish, *stride, out);
		});
	}

	/// Weights of a tile from its scores, zero from each position's last key to the tile's, and
	/// their factors.
	fn weigh(&self, place: Place<'_>, tile: &Tile<'_, '_>, keys: usize, memory: &mut Memory) {
		let processor = place.processor;
		let Memory { scores, weights, factors, stride, .. } = memory;
		let value_max = &tile.block.heads[tile.head].value_max;
		let limit = quantised_limit(self.bits.weight) as f64;
		let even = keys.next_multiple_of(2);
		factors.clear();
		let both = scores.chunks_exact_mut(*stride).zip(weights.chunks_exact_mut(*stride));
		let rows = tile.count * self.group_size();
		for (row, (scores, weights)) in both.take(rows).enumerate() {
			let own = self.keys_of(tile, row / self.group_size());
			// The step after an odd number of keys has a value that is any.
			weights[own..even].fill(0);
			let (scores, weights) = (&mut scores[..own], &mut weights[..own]);
			let sum = vector::exponentials(processor, scores);
			let value_max = &value_max[..own];
			let max = vector::context_weights(processor, scores, sum, value_max, self.weight_shift);
			vector::quantise_own(processor, scores, own, &[max], limit, weights);
			factors.push(element::context_factor(max, self.bits.weight, self.bits.value));
		}
	}
}

/// Inputs and heads of keys whose keys and values are there at the same time.
struct Group {
	entries: Range<usize>,
	heads: Range<usize>,
}

/// Queries of one input that one thread works on.
struct Block<'a> {
	/// The row of the first of them.
	first: usize,
	/// Its position in the context.
	position: usize,
	/// Keys that are there.
	keys: usize,
	/// Number of the first of `heads`.
	first_head: usize,
	heads: &'a [Head],
	/// Contexts: rows of `width`, in which those of the first head begin at `column`.
	out: &'a mut [i32],
	width: usize,
	column: usize,
}

impl Block<'_> {
	/// Number of its positions.
	fn positions(&self) -> usize {
		self.out.len() / self.width.max(1)
	}
}

/// A few positions of one of a block's heads of keys, with all heads of queries that read it.
struct Tile<'a, 'b> {
	block: &'a mut Block<'b>,
	head: usize,
	/// The first of its positions, in the block.
	first: usize,
	count: usize,
}

/// Memory for a few queries.
struct Memory {
	scores: workspace::Block<i32>,
	weights: workspace::Block<i16>,
	queries: workspace::Block<i16>,
	factors: Vec<i64>,
	sums: Vec<i64>,
	/// Keys, and one more where their number is odd.
	stride: usize,
}
