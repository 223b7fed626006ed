//! The operators that do not reduce: one element from a few others.

use super::cell::{Cell, Query};
use crate::{source::Reader, RefereeError};
use alloc::{vec, vec::Vec};
use assay_program::{shifts, EmbedBy, Mask, Operator, TensorId, WeightId};
use assay_reference::element;
use core::ops::Range;

impl Cell<'_, '_> {
	/// Number of the element in its tensor.
	pub(super) fn flat(&self) -> Option<u64> {
		self.row.checked_mul(self.own_width()?)?.checked_add(self.column)
	}

	/// Row of an attention tensor.
	pub(super) fn attention_row(
		&self,
		entry: u64,
		heads: u64,
		head: u64,
		position: u64,
	) -> Option<u64> {
		let part = entry.checked_mul(heads)?.checked_add(head)?;
		part.checked_mul(self.sequence())?.checked_add(position)
	}

	/// The head of keys or values that a query head reads, where there are fewer of them.
	pub(super) fn shared_head(&self, head: u64, heads: u64, shared: u64) -> Option<u64> {
		head.checked_div(heads.checked_div(shared)?)
	}

	/// Which positions of a block of a row of scores the mask leaves.
	pub(super) fn valid(
		&self,
		reader: &mut Reader<'_, '_>,
		scores: TensorId,
		row: u64,
		mask: Mask,
		block: Range<u64>,
	) -> Option<Vec<bool>> {
		let length = usize::try_from(block.end.checked_sub(block.start)?).ok()?;
		match mask {
			Mask::None => Some(vec![true; length]),
			Mask::Padding { ids } => {
				let Query { entry, .. } = self.query(row, self.size(scores, 1)?)?;
				let ids = reader.run(self.step, ids, entry, block)?;
				Some(ids.iter().map(|id| *id >= 0).collect())
			},
			Mask::Causal => {
				let Query { position, .. } = self.query(row, self.size(scores, 1)?)?;
				let own = u64::from(self.shape.past).checked_add(position)?;
				Some(block.map(|position| position <= own).collect())
			},
		}
	}

	/// The value of an element that is no reduction.
	pub(super) fn single(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		match self.operator {
			Operator::Tokens { .. } => self.token(reader),
			Operator::Embed { .. } => self.embed(reader),
			Operator::Add { left, right } => {
				let (left, right) = self.pair(reader, *left, *right)?;
				Some(element::add(left, right))
			},
			Operator::Quantise { value, max, bits } => {
				let part = self.width(*value)?.checked_div(self.width(*max)?)?;
				let group = self.column.checked_div(part)?;
				let value = self.same(reader, *value);
				let max = reader.element(self.step, *max, self.row, group);
				Some(element::quantise(value?, max?, *bits).into())
			},
			Operator::SoftmaxExp { scores, max, mask } => {
				let score = self.same(reader, *scores);
				let max = self.numbered(reader, *max, self.row);
				let column = self.column..self.column.checked_add(1)?;
				let valid = self.valid(reader, *scores, self.row, *mask, column);
				let valid = valid.and_then(|valid| valid.first().copied());
				Some(element::softmax_exp(score?, max?, valid?))
			},
			Operator::SoftmaxNormalise { exponentials, sum } => {
				let value = self.same(reader, *exponentials);
				let sum = self.numbered(reader, *sum, self.row);
				Some(element::softmax_normalise(value?, sum?))
			},
			Operator::ContextWeight { .. } => self.context_weight(reader),
			Operator::Normalise { .. } => self.normalise(reader),
			Operator::Table { .. } => self.table(reader),
			Operator::L2Normalise { value, norm, fraction } => {
				let value = self.same(reader, *value);
				let norm = reader.element(self.step, *norm, self.row, 0);
				Some(element::l2_normalise(value?, norm?, *fraction))
			},
			Operator::RmsNormalise { value, rms, gain, fraction } => {
				let shift = shifts::rms_normalise(*fraction)?;
				let value = self.same(reader, *value);
				let rms = reader.element(self.step, *rms, self.row, 0);
				let gain = reader.weight(*gain, self.column);
				Some(element::rms_normalise(value?, rms?, gain?, shift))
			},
			Operator::Rotate { .. } => self.rotate(reader),
			Operator::Multiply { left, right, fraction } => {
				let fractions = (self.fraction(*left)?, self.fraction(*right)?);
				let shift = shifts::multiply(fractions, *fraction)?;
				let (left, right) = self.pair(reader, *left, *right)?;
				Some(element::multiply(left, right, shift))
			},
			Operator::Last { value } => {
				let last = self.sequence().checked_sub(1)?;
				let row = self.row.checked_mul(self.sequence())?.checked_add(last)?;
				reader.element(self.step, *value, row, self.column)
			},
			Operator::Samples { .. } => reader.sample(self.flat()?),
			Operator::Lookup { value, table, .. } => self.lookup(reader, *value, *table),
			_ => self.chosen(reader),
		}
	}

	/// The element of another tensor of the same dimensions.
	pub(super) fn same(&self, reader: &mut Reader<'_, '_>, tensor: TensorId) -> Option<i32> {
		reader.element(self.step, tensor, self.row, self.column)
	}

	/// Element `index` of a tensor, counted through its rows.
	pub(super) fn numbered(
		&self,
		reader: &mut Reader<'_, '_>,
		tensor: TensorId,
		index: u64,
	) -> Option<i32> {
		let width = self.width(tensor)?;
		let (row, column) = (index.checked_div(width)?, index.checked_rem(width)?);
		reader.element(self.step, tensor, row, column)
	}

	fn pair(
		&self,
		reader: &mut Reader<'_, '_>,
		left: TensorId,
		right: TensorId,
	) -> Option<(i32, i32)> {
		let (left, right) = (self.same(reader, left), self.same(reader, right));
		left.zip(right)
	}

	fn token(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Some(before) = self.step.checked_sub(1) else { return reader.input(self.flat()?) };
		let stop = self.layout.operators().checked_sub(1)?;
		let Some(Operator::Stop { next: Some(next), ends }) = self.layout.operator(stop) else {
			return reader.fail(RefereeError::Position);
		};
		// A row that has ended stays ended.
		let id = reader.element(before, *next, 0, self.row)?;
		Some(element::next_id(id, ends))
	}

	fn embed(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Operator::Embed { ids, table, scales, by, fraction } = self.operator else {
			return None;
		};
		let shift = shifts::embed(*fraction)?;
		let (entry, position) = self.place(self.row)?;
		let id = reader.element(self.step, *ids, entry, position)?;
		let Ok(token) = u64::try_from(id) else { return Some(0) };
		let row = match by {
			EmbedBy::Token => token,
			EmbedBy::Position => u64::from(self.shape.past).checked_add(position)?,
		};
		let width = self.own_width()?;
		let index = row.checked_mul(width)?.checked_add(self.column)?;
		let entry = reader.weight(*table, index);
		let scale = reader.weight(*scales, row);
		Some(element::embed(i8::try_from(entry?).ok()?, scale?, shift))
	}

	fn context_weight(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Operator::ContextWeight { probabilities, value_max, fraction } = self.operator else {
			return None;
		};
		let shift = shifts::context_weight(self.fraction(*value_max)?, *fraction)?;
		let heads = self.size(*probabilities, 1)?;
		let at = self.query(self.row, heads)?;
		let value_head = self.shared_head(at.head, heads, self.width(*value_max)?)?;
		let (step, row) = self.held(at.entry, self.column)?;
		let probability = self.same(reader, *probabilities);
		let max = reader.element(step, *value_max, row, value_head);
		Some(element::context_weight(probability?, max?, shift))
	}

	fn normalise(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Operator::Normalise { value, mean, deviation, gain, bias, fraction } = self.operator
		else {
			return None;
		};
		let guard = self.fraction(*deviation)?.checked_sub(self.fraction(*value)?)?;
		let shift = shifts::normalise(*fraction)?;
		let value = self.same(reader, *value);
		let mean = reader.element(self.step, *mean, self.row, 0);
		let deviation = reader.element(self.step, *deviation, self.row, 0);
		let gain = reader.weight(*gain, self.column);
		let bias = reader.weight(*bias, self.column);
		let (mean, deviation) = (mean?, deviation?);
		let normal = element::Normal { mean, deviation, guard: guard.into(), shift };
		Some(element::normalise(value?, &normal, gain?, bias?))
	}

	fn table(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Operator::Table { value, table, shift, base, .. } = self.operator else { return None };
		let value = self.same(reader, *value)?;
		let length = self.weight_length(*table)?;
		// The function says itself which entries it looks at.
		let reader = core::cell::RefCell::new(reader);
		let missing = core::cell::Cell::new(false);
		let entry = |index: usize| {
			let entry = reader.borrow_mut().weight(*table, index as u64);
			missing.set(missing.get() || entry.is_none());
			entry
		};
		let result = element::table_by(value, length, entry, *shift, *base);
		(!missing.get()).then_some(result)
	}

	fn rotate(&self, reader: &mut Reader<'_, '_>) -> Option<i32> {
		let Operator::Rotate { value, heads, cosine, sine } = self.operator else { return None };
		let depth = self.own_width()?.checked_div((*heads).into())?;
		let half = depth.checked_div(2)?;
		let inside = self.column.checked_rem(depth)?;
		let (_, position) = self.place(self.row)?;
		let position = u64::from(self.shape.past).checked_add(position)?;
		let angle = position.checked_mul(half)?.checked_add(inside.checked_rem(half)?)?;
		let is_first = inside < half;
		let partner = match is_first {
			true => self.column.checked_add(half)?,
			false => self.column.checked_sub(half)?,
		};
		let own = self.same(reader, *value);
		let partner = reader.element(self.step, *value, self.row, partner);
		let cosine = reader.weight(*cosine, angle);
		let sine = reader.weight(*sine, angle);
		let (own, partner, cosine, sine) = (own?, partner?, cosine?, sine?);
		Some(match is_first {
			true => element::rotate_low(own, partner, cosine, sine),
			false => element::rotate_high(partner, own, cosine, sine),
		})
	}

	/// Elements of a row of the operator's own tensor.
	pub(super) fn own_width(&self) -> Option<u64> {
		Some(self.layout.rows(self.step, self.number)?.width)
	}

	fn weight_length(&self, id: WeightId) -> Option<usize> {
		let dims = self.weight_dims(id)?.iter();
		usize::try_from(dims.fold(1u64, |all, dim| all.saturating_mul((*dim).into()))).ok()
	}
}
