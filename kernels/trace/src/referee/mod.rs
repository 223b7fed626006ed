//! What one element depends on, and what it is.
//!
//! Every operator has one function here that reads its operands and computes by
//! [`assay_reference::element`]. The same function gives the list of needs when it is run on
//! nothing, so that list and verdict cannot disagree. All reads come before the first look at a
//! value, but for the four operators in which a value selects what is read: `Embed` (the token
//! its table row), `Table` and `Lookup` (the argument its entries) and `Pick` (the draw its block).

mod cell;
mod convolution;
mod fold;
mod sampling;
mod single;

use crate::{
	source::{Reader, Source},
	DisclosureError, Layout, Need, RefereeError,
};
use alloc::vec::Vec;
use assay_program::Kind;
use cell::Cell;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// One element of a trace, or a part of it.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Position {
	/// Number of the step.
	pub step: u32,
	/// Number of the operator; never that of `Emit`, see [`crate::output`].
	pub operator: u32,
	/// Number of the element in the operator's tensor of that step.
	pub element: u64,
	/// Which part of it.
	pub part: Part,
}

/// What of an element is judged at once.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub enum Part {
	/// All of it. Only where its reduction, if any, has one block.
	#[codec(index = 0)]
	Whole,
	/// The step from partials to the element. Only where there are several blocks.
	#[codec(index = 1)]
	Finish,
	/// The partial of one block. Only where there are several.
	#[codec(index = 2)]
	Block(u32),
	/// No value, only whether the step it is in is null.
	#[codec(index = 3)]
	Null,
}

/// The state of a reduction after a block.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub struct Partial {
	/// The sum or the maximum.
	pub value: i64,
	/// Valid positions for `MeanPool`, the index for `ArgMax`, else 0.
	pub count: i64,
}

/// What is true at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
	/// The step is after the end: its leaves are null.
	Null,
	/// The step is not.
	Live,
	/// The element has this value.
	Element(i32),
	/// The block has this partial.
	Partial(Partial),
}

impl<'a> Layout<'a> {
	/// Blocks of the reduction that makes an element; 1 where there is none.
	pub fn blocks(&self, step: u32, operator: u32) -> u32 {
		Cell::new(self, step, operator, 0).map_or(1, |cell| cell.blocks())
	}

	/// The part to begin with for an element of an operator.
	pub fn first_part(&self, step: u32, operator: u32) -> Part {
		match self.blocks(step, operator) {
			0 | 1 => Part::Whole,
			_ => Part::Finish,
		}
	}

	/// What a position depends on, in ascending order, each once. Where a value selects what is
	/// read, only so much as can be known from what is open: ask again once the list is. It is
	/// whole when all of it is open.
	pub fn needs(&self, position: &Position, open: &dyn Source) -> Result<Vec<Need>, RefereeError> {
		let cell = self.cell(position)?;
		let mut reader = Reader::new(self, open);
		// Partials are no matter of the needs; any do.
		let truth = cell.judge(position.part, &mut reader, Some(Partial::default()));
		let (list, fault) = reader.finish();
		match (truth, fault) {
			(_, Some(RefereeError::Missing(_))) | (Some(_), _) => Ok(list),
			(None, fault) => Err(fault.unwrap_or(RefereeError::Position)),
		}
	}

	/// The truth at a position whose part is `Whole` or a block.
	pub fn judge(&self, position: &Position, open: &dyn Source) -> Result<Truth, RefereeError> {
		if position.part == Part::Finish {
			return Err(RefereeError::Position);
		}
		self.verdict(position, open, None)
	}

	/// The truth of a party's element, given that its partials are.
	pub fn judge_partials(
		&self,
		position: &Position,
		partials: &[Partial],
		open: &dyn Source,
	) -> Result<Truth, RefereeError> {
		if position.part != Part::Finish {
			return Err(RefereeError::Position);
		}
		let cell = self.cell(position)?;
		let folded = cell.combine(partials).ok_or(RefereeError::Partials)?;
		self.verdict(position, open, Some(folded))
	}

	/// Whether so many partials are as many as the reduction has blocks.
	pub fn check_partials(
		&self,
		position: &Position,
		partials: &[Partial],
	) -> Result<(), DisclosureError> {
		let expected = self.blocks(position.step, position.operator);
		match usize::try_from(expected) == Ok(partials.len()) {
			true => Ok(()),
			false => Err(DisclosureError::Partials {
				expected,
				actual: crate::tree::length(partials.len()),
			}),
		}
	}

	fn cell<'c>(&'c self, position: &Position) -> Result<Cell<'c, 'a>, RefereeError> {
		let Position { step, operator, element, part } = *position;
		let cell = Cell::new(self, step, operator, element).ok_or(RefereeError::Position)?;
		let blocks = cell.blocks();
		let fits = match part {
			Part::Whole => blocks == 1,
			Part::Finish => blocks > 1,
			Part::Block(block) => blocks > 1 && block < blocks,
			Part::Null => true,
		};
		match fits && element < self.elements(step, operator) {
			true => Ok(cell),
			false => Err(RefereeError::Position),
		}
	}

	fn verdict(
		&self,
		position: &Position,
		open: &dyn Source,
		folded: Option<Partial>,
	) -> Result<Truth, RefereeError> {
		let cell = self.cell(position)?;
		let mut reader = Reader::new(self, open);
		let truth = cell.judge(position.part, &mut reader, folded);
		let (_, fault) = reader.finish();
		match (truth, fault) {
			(Some(truth), None) => Ok(truth),
			(_, Some(fault)) => Err(fault),
			(None, None) => Err(RefereeError::Position),
		}
	}

	/// Whether all elements of a leaf are within what its kind may hold.
	pub(crate) fn check_range(
		&self,
		operator: u32,
		elements: &[i32],
	) -> Result<(), DisclosureError> {
		let Some(tensor) = self.tensor(operator) else { return Ok(()) };
		let within = |value: i32| match tensor.kind {
			Kind::Fixed { .. } => true,
			Kind::Affine => i8::try_from(value).is_ok(),
			Kind::Quantised { bits } => {
				i64::from(value.unsigned_abs()) <= assay_program::quantised_limit(bits)
			},
			Kind::Tokens { vocabulary } => {
				value == -1 || u32::try_from(value).is_ok_and(|value| value < vocabulary)
			},
		};
		match (0u32..).zip(elements).find(|(_, value)| !within(**value)) {
			Some((at, _)) => Err(DisclosureError::Element { at }),
			None => Ok(()),
		}
	}
}

impl Cell<'_, '_> {
	/// Runs the part's function on what the reader has.
	fn judge(
		&self,
		part: Part,
		reader: &mut Reader<'_, '_>,
		folded: Option<Partial>,
	) -> Option<Truth> {
		let null = reader.is_null(self.step);
		if null == Some(true) {
			return Some(Truth::Null);
		}
		let truth = match part {
			Part::Null => Some(Truth::Live),
			Part::Block(block) => self.fold(reader, self.block(block)?).map(Truth::Partial),
			Part::Finish => self.finish(reader, folded).map(Truth::Element),
			Part::Whole if self.reduction().is_some() => {
				let partial = self.fold(reader, self.block(0)?);
				self.finish(reader, partial).map(Truth::Element)
			},
			Part::Whole => self.single(reader).map(Truth::Element),
		};
		null.and(truth)
	}
}
