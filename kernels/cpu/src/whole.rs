//! Operators that no stage takes, over whole tensors by the reference's element functions.

use crate::{
	isa::Processor,
	plan::Plan,
	vector,
	workspace::{Layout, Store, Workspace},
};
use assay_program::{shifts, Kind, Mask, Operator, TensorId};
use assay_reference::element;

/// A plan's tensors in the middle of a run.
pub(crate) struct Whole<'a> {
	pub(crate) processor: Processor,
	pub(crate) plan: &'a Plan,
	pub(crate) layout: &'a Layout,
	pub(crate) workspace: &'a Workspace,
}

impl<'a> Whole<'a> {
	/// Runs operator `number` into `out`. `None` where operands do not fit, which validation
	/// excludes.
	pub(crate) fn run(&self, number: usize, out: &mut [i32]) -> Option<()> {
		match self.plan.program.operators.get(number)? {
			Operator::Scores { query, query_max, key, key_max, shift, fraction } => {
				let bits = (self.bits(*query)?, self.bits(*key)?);
				let fractions = (self.fraction(*query_max)?, self.fraction(*key_max)?);
				let shifts = shifts::scores(bits, fractions, *shift, *fraction)?;
				let queries = self.heads(*query, *query_max, bits.0)?;
				let keys = self.heads(*key, *key_max, bits.1)?;
				self.scores(&queries, &keys, shifts, out);
			},
			Operator::SoftmaxMax { scores, mask } => {
				self.softmax_max(*scores, *mask != Mask::None, out);
			},
			Operator::SoftmaxExp { scores, max, mask } => {
				self.softmax_exp(*scores, *max, *mask != Mask::None, out);
			},
			Operator::SoftmaxSum { exponentials } => {
				for (out, (_, row)) in out.iter_mut().zip(self.pairs(*exponentials)) {
					let sum = row.iter().fold(0, |sum, x| element::softmax_sum_fold(sum, *x));
					*out = element::softmax_sum_finish(sum);
				}
			},
			Operator::SoftmaxNormalise { exponentials, sum } => {
				let rows = self.pairs(*exponentials).zip(self.words(*sum));
				for (out, ((_, row), sum)) in self.rows_out(out).zip(rows) {
					for (out, exponential) in out.iter_mut().zip(row) {
						*out = element::softmax_normalise(*exponential, *sum);
					}
				}
			},
			Operator::ContextWeight { probabilities, value_max, fraction } => {
				let shift = shifts::context_weight(self.fraction(*value_max)?, *fraction)?;
				self.context_weight(*probabilities, *value_max, shift, out)?;
			},
			Operator::Context { weight, weight_max, value, shift, fraction, .. } => {
				let bits = (self.bits(*weight)?, self.bits(*value)?);
				let shifts = shifts::context(bits, self.fraction(*weight_max)?, *shift, *fraction)?;
				self.context((*weight, *weight_max), *value, bits, shifts, out)?;
			},
			Operator::MeanPool { value, .. } => self.mean_pool(*value, out),
			_ => return None,
		}
		Some(())
	}

	fn store(&self, id: TensorId) -> &'a Store {
		self.workspace.tensor(usize::from(id.0))
	}

	fn words(&self, id: TensorId) -> &'a [i32] {
		self.store(id).words()
	}

	fn fraction(&self, id: TensorId) -> Option<u8> {
		self.plan.tensors.get(usize::from(id.0))?.kind.fraction()
	}

	fn bits(&self, id: TensorId) -> Option<u8> {
		match self.plan.tensors.get(usize::from(id.0))?.kind {
			Kind::Quantised { bits } => Some(bits),
			_ => None,
		}
	}

	/// Elements of one row.
	fn width(&self, id: TensorId) -> Option<usize> {
		let dim = self.plan.tensors.get(usize::from(id.0))?.width()?;
		Some(self.layout.size(dim))
	}

	/// Rows of `[B, heads, S, S]`, each with its input.
	fn pairs(&self, id: TensorId) -> impl Iterator<Item = (usize, &'a [i32])> {
		let words = self.words(id);
		let per_input = words.len() / self.layout.sequence / self.layout.batch();
		let rows = words.chunks_exact(self.layout.sequence).enumerate();
		rows.map(move |(number, row)| (number / per_input, row))
	}

	/// Rows of an output `[B, heads, S, S]`.
	fn rows_out<'b>(&self, out: &'b mut [i32]) -> impl Iterator<Item = &'b mut [i32]> {
		out.chunks_exact_mut(self.layout.sequence)
	}

	/// Number of key positions that count for an input.
	fn keys(&self, entry: usize, masked: bool) -> usize {
		if masked {
			self.layout.valid[entry]
		} else {
			self.layout.sequence
		}
	}

	/// Quantised rows by head.
	fn heads(&self, values: TensorId, max: TensorId, bits: u8) -> Option<Heads<'a>> {
		let heads = self.width(max)?;
		Some(Heads {
			values: self.store(values).halves(),
			factors: self.words(max).iter().map(|max| element::factor(*max, bits)).collect(),
			heads,
			depth: self.width(values)?.checked_div(heads)?,
		})
	}

	fn scores(&self, queries: &Heads<'_>, keys: &Heads<'_>, shifts: (u32, u32), out: &mut [i32]) {
		let sequence = self.layout.sequence;
		for (number, out) in self.rows_out(out).enumerate() {
			let (part, position) = (number / sequence, number % sequence);
			let (entry, head) = (part / queries.heads, part % queries.heads);
			let (query, query_factor) = queries.part(entry * sequence + position, head);
			for (position, out) in out.iter_mut().enumerate() {
				let (key, key_factor) = keys.part(entry * sequence + position, head);
				// Validation proved that the sum fits.
				let products = query.iter().zip(key).fold(0_i32, |sum, (a, b)| {
					sum.wrapping_add(i32::from(*a).wrapping_mul(i32::from(*b)))
				});
				*out = element::scores_finish(products, query_factor, key_factor, shifts);
			}
		}
	}

	fn softmax_max(&self, scores: TensorId, masked: bool, out: &mut [i32]) {
		for (out, (entry, row)) in out.iter_mut().zip(self.pairs(scores)) {
			let valid = row[..self.keys(entry, masked)].iter();
			*out = valid.fold(element::SOFTMAX_MAX_ZERO, |max, score| {
				element::softmax_max_fold(max, *score, true)
			});
		}
	}

	fn softmax_exp(&self, scores: TensorId, max: TensorId, masked: bool, out: &mut [i32]) {
		let rows = self.pairs(scores).zip(self.words(max));
		for (out, ((entry, row), max)) in self.rows_out(out).zip(rows) {
			let keys = self.keys(entry, masked);
			for (position, (out, score)) in out.iter_mut().zip(row).enumerate() {
				*out = element::softmax_exp(*score, *max, position < keys);
			}
		}
	}

	fn context_weight(
		&self,
		probabilities: TensorId,
		value_max: TensorId,
		shift: u32,
		out: &mut [i32],
	) -> Option<()> {
		let heads = self.width(value_max)?;
		let (maxima, sequence) = (self.words(value_max), self.layout.sequence);
		let rows = self.pairs(probabilities).enumerate();
		for (out, (number, (entry, row))) in self.rows_out(out).zip(rows) {
			let head = number / sequence % heads;
			let maxima = maxima[entry * sequence * heads..].iter().skip(head).step_by(heads);
			for ((out, probability), max) in out.iter_mut().zip(row).zip(maxima) {
				*out = element::context_weight(*probability, *max, shift);
			}
		}
		Some(())
	}

	fn context(
		&self,
		(weight, weight_max): (TensorId, TensorId),
		value: TensorId,
		bits: (u8, u8),
		shifts: (u32, u32),
		out: &mut [i32],
	) -> Option<()> {
		let (sequence, width) = (self.layout.sequence, self.width(value)?);
		let maxima = self.words(weight_max);
		let heads = maxima.len() / sequence / self.layout.batch();
		let depth = width.checked_div(heads)?;
		let (weights, values) = (self.store(weight).halves(), self.store(value).halves());
		let mut sums = vec![0_i32; depth];
		for (number, (weights, max)) in weights.chunks_exact(sequence).zip(maxima).enumerate() {
			let (part, position) = (number / sequence, number % sequence);
			let (entry, head) = (part / heads, part % heads);
			let factor = element::context_factor(*max, bits.0, bits.1);
			sums.fill(0);
			for (other, weight) in weights.iter().enumerate() {
				let at = (entry * sequence + other) * width + head * depth;
				for (sum, value) in sums.iter_mut().zip(&values[at..at + depth]) {
					// Validation proved that the sum fits.
					*sum = sum.wrapping_add(i32::from(*weight).wrapping_mul(i32::from(*value)));
				}
			}
			let at = (entry * sequence + position) * width + head * depth;
			for (out, sum) in out[at..at + depth].iter_mut().zip(&sums) {
				*out = element::context_finish((*sum).into(), factor, shifts);
			}
		}
		Some(())
	}

	fn mean_pool(&self, value: TensorId, out: &mut [i32]) {
		let values = self.words(value);
		let width = out.len() / self.layout.batch();
		let mut sums = vec![0_i64; width];
		for (entry, out) in out.chunks_exact_mut(width).enumerate() {
			let valid = self.layout.valid[entry];
			let first = self.layout.rows_of(entry).start;
			sums.fill(0);
			for row in values[first * width..(first + valid) * width].chunks_exact(width) {
				vector::add_to_sums(self.processor, row, &mut sums);
			}
			for (out, sum) in out.iter_mut().zip(&sums) {
				*out = element::mean_finish(*sum, (valid as i64).max(1));
			}
		}
	}
}

/// Quantised rows, in as many parts as there are heads.
struct Heads<'a> {
	values: &'a [i16],
	factors: Vec<i64>,
	heads: usize,
	depth: usize,
}

impl Heads<'_> {
	/// A head of a row and its factor.
	fn part(&self, row: usize, head: usize) -> (&[i16], i64) {
		let at = row * self.heads + head;
		(&self.values[at * self.depth..(at + 1) * self.depth], self.factors[at])
	}
}
