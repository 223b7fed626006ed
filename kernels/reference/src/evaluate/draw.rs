//! How a decoder chooses tokens.

use super::{row, Machine};
use crate::element;
use alloc::{vec, vec::Vec};
use assay_program::{
	limits::{ALL_OF_THE_MASS, DRAW_BLOCK, HIGH_BINS, LOW_BINS},
	CutBy, TallyBy, TensorId,
};

impl<'a> Machine<'a> {
	/// Rows `[B, N]`.
	fn rows(&self, id: TensorId) -> Option<core::slice::ChunksExact<'a, i32>> {
		Some(self.fixed(id)?.chunks_exact(self.width(id)?))
	}

	pub(super) fn arg_max(&self, value: TensorId) -> Option<Vec<i32>> {
		let largest = |row: &[i32]| {
			let first = element::ARG_MAX_ZERO;
			(0..).zip(row).fold(first, |best, (index, x)| element::arg_max_fold(best, *x, index)).1
		};
		Some(self.rows(value)?.map(largest).collect())
	}

	pub(super) fn temper(&self, value: TensorId, max: TensorId) -> Option<Vec<i32>> {
		let temperature = match &self.parameters.sampling {
			Some(sampling) => sampling.temperature_q16,
			None => element::NEUTRAL_TEMPERATURE,
		};
		let mut out = Vec::with_capacity(self.fixed(value)?.len());
		for (row, max) in self.rows(value)?.zip(self.fixed(max)?) {
			out.extend(row.iter().map(|x| element::temper(*x, *max, temperature)));
		}
		Some(out)
	}

	pub(super) fn tally(
		&self,
		weights: TensorId,
		maybe_cut: Option<TensorId>,
		by: TallyBy,
	) -> Option<Vec<i32>> {
		let bins = if maybe_cut.is_some() { LOW_BINS } else { HIGH_BINS };
		let mut cuts = match maybe_cut {
			Some(cut) => Some(self.rows(cut)?),
			None => None,
		};
		let mut out = Vec::new();
		for row in self.rows(weights)? {
			let high = match &mut cuts {
				Some(cuts) => Some(*cuts.next()?.first()?),
				None => None,
			};
			let mut sums = vec![0i64; usize::try_from(bins).ok()?];
			for weight in row {
				let bin = element::tally_bin(*weight, high).and_then(|bin| sums.get_mut(bin));
				if let Some(sum) = bin {
					*sum = element::tally_fold(*sum, *weight, by);
				}
			}
			out.extend(sums.iter().map(|sum| element::tally_finish(*sum)));
		}
		Some(out)
	}

	pub(super) fn cut(&self, tally: TensorId, by: CutBy) -> Option<Vec<i32>> {
		let sampling = self.parameters.sampling.as_ref();
		let need = |bins: &[i32]| match by {
			CutBy::TopK => element::top_k_need(sampling.map_or(0, |sampling| sampling.top_k)),
			CutBy::TopP => {
				let top_p = sampling.map_or(ALL_OF_THE_MASS, |sampling| sampling.top_p_q16);
				element::top_p_need(bins, top_p)
			},
		};
		Some(self.rows(tally)?.flat_map(|bins| element::cut(bins, need(bins))).collect())
	}

	pub(super) fn threshold(&self, cut: TensorId, tally: TensorId) -> Option<Vec<i32>> {
		let rows = self.rows(cut)?.zip(self.rows(tally)?);
		rows.map(|(cut, bins)| Some(element::threshold(bins, *cut.first()?, *cut.get(1)?)))
			.collect()
	}

	pub(super) fn keep(&self, weights: TensorId, threshold: TensorId) -> Option<Vec<i32>> {
		let mut out = Vec::with_capacity(self.fixed(weights)?.len());
		for (row, threshold) in self.rows(weights)?.zip(self.fixed(threshold)?) {
			out.extend(row.iter().map(|weight| element::keep(*weight, *threshold)));
		}
		Some(out)
	}

	pub(super) fn block_sum(&self, weights: TensorId, shift: u8) -> Option<Vec<i32>> {
		let block = usize::try_from(DRAW_BLOCK).ok()?;
		let sum = |block: &[i32]| {
			let sum = block.iter().fold(0, |sum, x| element::block_sum_fold(sum, *x, shift));
			element::block_sum_finish(sum)
		};
		Some(self.rows(weights)?.flat_map(|row| row.chunks(block).map(sum)).collect())
	}

	pub(super) fn draw(&self, sums: TensorId) -> Option<Vec<i32>> {
		let rows = (0..).zip(self.rows(sums)?);
		Some(
			rows.flat_map(|(entry, sums)| {
				element::draw(sums, element::random_number(self.sample_key, self.step, entry))
			})
			.collect(),
		)
	}

	pub(super) fn pick(&self, weights: TensorId, draw: TensorId, shift: u8) -> Option<Vec<i32>> {
		let block = usize::try_from(DRAW_BLOCK).ok()?;
		let rows = self.rows(weights)?.zip(self.rows(draw)?);
		rows.map(|(row, draw)| {
			let (number, place) = (*draw.first()?, *draw.get(1)?);
			let weights = row.chunks(block).nth(usize::try_from(number).ok()?)?;
			Some(element::pick(weights, number, place, shift))
		})
		.collect()
	}

	pub(super) fn choose(
		&self,
		ids: TensorId,
		greedy: TensorId,
		sampled: TensorId,
	) -> Option<Vec<i32>> {
		let samples = self.parameters.sampling.is_some();
		let chosen = if samples { self.fixed(sampled)? } else { self.fixed(greedy)? };
		let ids = self.fixed(ids)?;
		let last = self.sequence().checked_sub(1)?;
		let rows = chosen.iter().enumerate();
		rows.map(|(entry, token)| {
			let ids = row(ids, entry, self.sequence())?;
			Some(element::choose(*ids.get(last)?, *token))
		})
		.collect()
	}
}
