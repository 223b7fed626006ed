//! The operators that choose a decoder's tokens.

use super::{cell::Cell, Partial};
use crate::{source::Reader, RefereeError};
use assay_program::{
	limits::{ALL_OF_THE_MASS, DRAW_BLOCK},
	CutBy, Operator, Sampling, TallyBy, TensorId,
};
use assay_reference::element;
use core::ops::Range;

impl<'l> Cell<'_, 'l> {
	fn sampling(&self) -> Option<&'l Sampling> {
		self.layout.parameters().sampling.as_ref()
	}

	/// All of a row.
	fn whole_row(
		&self,
		reader: &mut Reader<'_, '_>,
		tensor: TensorId,
		row: u64,
	) -> Option<alloc::vec::Vec<i32>> {
		reader.run(self.step, tensor, row, 0..self.width(tensor)?)
	}

	pub(super) fn fold_arg_max(
		&self,
		reader: &mut Reader<'_, '_>,
		value: TensorId,
		block: Range<u64>,
	) -> Option<Partial> {
		let first = i32::try_from(block.start).ok()?;
		let run = reader.run(self.step, value, self.column, block)?;
		let (value, index) = (first..)
			.zip(run)
			.fold(element::ARG_MAX_ZERO, |best, (at, x)| element::arg_max_fold(best, x, at));
		Some(Partial { value: value.into(), count: index.into() })
	}

	pub(super) fn fold_tally(
		&self,
		reader: &mut Reader<'_, '_>,
		weights: TensorId,
		cut: Option<TensorId>,
		by: TallyBy,
		block: Range<u64>,
	) -> Option<Partial> {
		let run = reader.run(self.step, weights, self.row, block);
		let high = cut.map(|cut| reader.element(self.step, cut, self.row, 0));
		let (run, high) = match (run, high) {
			(Some(run), None) => (run, None),
			(Some(run), Some(Some(high))) => (run, Some(high)),
			_ => return None,
		};
		let own = usize::try_from(self.column).ok();
		let inside = run.iter().filter(|weight| element::tally_bin(**weight, high) == own);
		let value = inside.fold(0, |sum, weight| element::tally_fold(sum, *weight, by));
		Some(Partial { value, count: 0 })
	}

	/// The operators that choose, and `Stop`.
	pub(super) fn chosen(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let column = usize::try_from(self.column).ok()?;
		match self.operator {
			Operator::Temper { value, max } => {
				let neutral = element::NEUTRAL_TEMPERATURE;
				let by = self.sampling().map_or(neutral, |sampling| sampling.temperature_q16);
				let value = self.same(reader, *value);
				let max = self.numbered(reader, *max, self.row);
				Some(element::temper(value?, max?, by))
			},
			Operator::Cut { tally, by } => {
				let bins = self.whole_row(reader, *tally, self.row)?;
				element::cut(&bins, self.cut_need(&bins, *by)).get(column).copied()
			},
			Operator::Threshold { cut, tally } => {
				let cut = self.whole_row(reader, *cut, self.row);
				let bins = self.whole_row(reader, *tally, self.row);
				match cut?.as_slice() {
					[high, need] => Some(element::threshold(&bins?, *high, *need)),
					_ => reader.fail(RefereeError::Position),
				}
			},
			Operator::Keep { weights, threshold } => {
				let weight = self.same(reader, *weights);
				let threshold = reader.element(self.step, *threshold, self.row, 0);
				Some(element::keep(weight?, threshold?))
			},
			Operator::BlockSum { weights, shift } => {
				let run = reader.run(
					self.step,
					*weights,
					self.row,
					self.draw_block(*weights, self.column)?,
				)?;
				let fold = |sum, x: &i32| element::block_sum_fold(sum, *x, *shift);
				Some(element::block_sum_finish(run.iter().fold(0, fold)))
			},
			Operator::Draw { sums } => {
				let sums = self.whole_row(reader, *sums, self.row)?;
				let key = element::sample_key(&self.layout.parameters().sampling);
				let row = u32::try_from(self.row).ok()?;
				let random = element::random_number(&key, self.step, row);
				element::draw(&sums, random).get(column).copied()
			},
			Operator::Pick { weights, draw, shift } => self.pick(reader, *weights, *draw, *shift),
			Operator::Choose { ids, greedy, sampled } => {
				let token = if self.sampling().is_some() { *sampled } else { *greedy };
				let last = self.sequence().checked_sub(1)?;
				let id = reader.element(self.step, *ids, self.column, last);
				let token = reader.element(self.step, token, 0, self.column);
				Some(element::choose(id?, token?))
			},
			Operator::Stop { next, ends } => self.stop(reader, *next, ends),
			_ => reader.fail(RefereeError::Position),
		}
	}

	fn cut_need(&self, bins: &[i32], by: CutBy) -> i64 {
		match by {
			CutBy::TopK => {
				element::top_k_need(self.sampling().map_or(0, |sampling| sampling.top_k))
			},
			CutBy::TopP => {
				let all = ALL_OF_THE_MASS;
				let top_p = self.sampling().map_or(all, |sampling| sampling.top_p_q16);
				element::top_p_need(bins, top_p)
			},
		}
	}

	/// The columns of a block that is summed when a token is drawn.
	fn draw_block(&self, weights: TensorId, block: u64) -> Option<Range<u64>> {
		let start = block.checked_mul(DRAW_BLOCK.into())?;
		let end = start.checked_add(DRAW_BLOCK.into())?.min(self.width(weights)?);
		(start < end).then_some(start..end)
	}

	/// Output tokens `[B]`: one row, in which the column is the batch entry.
	fn pick(
		&self,
		reader: &mut Reader<'_, '_>,
		weights: TensorId,
		draw: TensorId,
		shift: u8,
	) -> Option<i32> {
		let draw = self.whole_row(reader, draw, self.column)?;
		let [block, place] = draw.as_slice() else {
			return reader.fail(RefereeError::Position);
		};
		let columns = u64::try_from(*block).ok().and_then(|at| self.draw_block(weights, at));
		let Some(columns) = columns else { return reader.fail(RefereeError::OutOfRange) };
		let run = reader.run(self.step, weights, self.column, columns)?;
		Some(element::pick(&run, *block, *place, shift))
	}

	fn stop(
		&self,
		reader: &mut Reader<'_, '_>,
		next: Option<TensorId>,
		ends: &[u32],
	) -> Option<i32> {
		let Some(next) = next else { return Some(1) };
		let tokens = self.whole_row(reader, next, 0)?;
		let is_last = self.step.saturating_add(1) >= self.layout.parameters().max_steps;
		let all_ended = tokens.iter().all(|token| element::ends(*token, ends));
		Some(i32::from(is_last || all_ended))
	}
}
