//! The choice of tokens, row by row over a vocabulary.

use crate::{isa::Processor, rows::Choice, vector, workspace::Layout};
use assay_program::{
	limits::{ALL_OF_THE_MASS, DRAW_BLOCK, HIGH_BINS},
	CutBy, TallyBy,
};
use assay_reference::element;

/// Rows of operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
	pub(crate) processor: Processor,
	pub(crate) layout: &'a Layout,
	/// Number of the first row in the layout.
	pub(crate) first: usize,
	/// Elements of a row of each operand.
	pub(crate) widths: [usize; 2],
	/// One or two operands; token ids are none.
	pub(crate) operands: [&'a [i32]; 2],
}

impl<'a> Rows<'a> {
	/// Makes the rows of `out`.
	pub(crate) fn apply(&self, choice: Choice, out: &mut [i32]) {
		let rows = self.operands[0].len() / self.widths[0].max(1);
		let width = (out.len() / rows.max(1)).max(1);
		for (number, out) in out.chunks_exact_mut(width).enumerate() {
			self.apply_row(choice, number, out);
		}
	}

	/// A row of an operand.
	fn row(&self, operand: usize, number: usize) -> &'a [i32] {
		let width = self.widths[operand];
		self.operands[operand].get(number * width..(number + 1) * width).unwrap_or_default()
	}

	fn apply_row(&self, choice: Choice, number: usize, out: &mut [i32]) {
		let processor = self.processor;
		let (row, other) = (self.row(0, number), self.row(1, number));
		let sampling = self.layout.sampling.as_ref();
		match choice {
			Choice::ArgMax => out[0] = arg_max(processor, row),
			Choice::Temper => {
				let neutral = element::NEUTRAL_TEMPERATURE;
				let temperature = sampling.map_or(neutral, |sampling| sampling.temperature_q16);
				vector::temper_row(processor, row, other[0], temperature, out);
			},
			Choice::SoftmaxMax => out[0] = vector::largest(processor, row),
			Choice::SoftmaxExp => vector::exponentials_below(processor, row, other[0], out),
			Choice::SoftmaxSum => out[0] = element::softmax_sum_finish(vector::sum(processor, row)),
			Choice::Tally(by) => {
				let maybe_high = (out.len() < HIGH_BINS as usize).then(|| other[0]);
				tally(row, maybe_high, by, out);
			},
			Choice::Cut(by) => {
				let need = match by {
					CutBy::TopK => {
						element::top_k_need(sampling.map_or(0, |sampling| sampling.top_k))
					},
					CutBy::TopP => {
						let all = ALL_OF_THE_MASS;
						let top_p = sampling.map_or(all, |sampling| sampling.top_p_q16);
						element::top_p_need(row, top_p)
					},
				};
				out.copy_from_slice(&element::cut(row, need));
			},
			Choice::Threshold => out[0] = element::threshold(other, row[0], row[1]),
			Choice::Keep => vector::keep_row(processor, row, other[0], out),
			Choice::BlockSum(shift) => {
				for (out, block) in out.iter_mut().zip(row.chunks(DRAW_BLOCK as usize)) {
					let sum = vector::sum_of_short(processor, block, shift.into());
					*out = element::block_sum_finish(sum);
				}
			},
			Choice::Draw => {
				let key = element::sample_key(&self.layout.sampling);
				let row_in_job = (self.layout.first + self.first + number) as u32;
				let random = element::random_number(&key, self.layout.step, row_in_job);
				out.copy_from_slice(&element::draw(row, random));
			},
			Choice::Pick(shift) => {
				let block = row.chunks(DRAW_BLOCK as usize).nth(other[0].max(0) as usize);
				out[0] = element::pick(block.unwrap_or_default(), other[0], other[1], shift);
			},
			Choice::Choose => {
				let id = self.layout.last_ids[self.first + number];
				out[0] = element::choose(id, row[0]);
			},
		}
	}
}

/// `ArgMax` of a row.
fn arg_max(processor: Processor, row: &[i32]) -> i32 {
	let largest = vector::largest(processor, row);
	row.iter().position(|value| *value == largest).unwrap_or(0) as i32
}

/// `Tally` of a row.
fn tally(row: &[i32], maybe_high: Option<i32>, by: TallyBy, out: &mut [i32]) {
	let mut sums = [0_i64; HIGH_BINS as usize];
	for weight in row.iter().filter(|weight| **weight != 0) {
		if let Some(bin) = element::tally_bin(*weight, maybe_high) {
			if let Some(sum) = sums.get_mut(bin) {
				*sum = element::tally_fold(*sum, *weight, by);
			}
		}
	}
	for (out, sum) in out.iter_mut().zip(sums) {
		*out = element::tally_finish(sum);
	}
}
