//! The game about an input: at least one claim says that it broke the rules.
//!
//! Such a claim has no body. The party shows an [`Offence`]; the referee says which rule is broken
//! there. An input of a wrong length is `Shape` whatever it holds. Else the first offence in order
//! of positions counts, so of two the one with the lower index is right, and a party that says
//! `Output` is right where nobody shows one. What is right of a claim is decided by [`judge`]. Of
//! samples any are right, so an input of them breaks a rule by its length alone.

use crate::{source::Reader, Layout, RefereeError, Source};
use assay_program::{merkle, Claim, Hash, InvalidCode, Operator};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Where an input breaks the rules.
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
pub enum Offence {
	/// It has another length. The input digest is the sized digest of these two.
	#[codec(index = 0)]
	Length {
		/// Its length.
		length: u64,
		/// The root of its segments.
		root: Hash,
	},
	/// At this token, counted through the rows.
	#[codec(index = 1)]
	Token(u64),
}

impl Layout<'_> {
	/// Which rule an input breaks at an offence; `None` where it breaks none there. For a token
	/// the input's segments with it and the one before it must be open.
	pub fn judge_offence(
		&self,
		offence: &Offence,
		digest: &Hash,
		open: &dyn Source,
	) -> Result<Option<InvalidCode>, RefereeError> {
		match offence {
			Offence::Length { length, root } => {
				let is_input = merkle::sized(*length, root) == *digest;
				Ok((is_input && *length != self.input_length()).then_some(InvalidCode::Shape))
			},
			Offence::Token(index) => self.judge_token(*index, &mut Reader::new(self, open)),
		}
	}

	/// The segments of the input that an offence depends on.
	pub fn offence_needs(&self, offence: &Offence) -> alloc::vec::Vec<crate::Need> {
		let mut reader = Reader::new(self, &());
		if let Offence::Token(index) = offence {
			// Nothing is open, so this lists and gives no verdict.
			let _ = self.judge_token(*index, &mut reader);
		}
		reader.finish().0
	}

	fn judge_token(
		&self,
		index: u64,
		reader: &mut Reader<'_, '_>,
	) -> Result<Option<InvalidCode>, RefereeError> {
		let Some(Operator::Tokens { vocabulary }) = self.operator(0) else {
			return Err(RefereeError::Position);
		};
		let position = index.checked_rem(self.parameters().sequence.into());
		if index >= self.elements(0, 0) {
			return Err(RefereeError::Position);
		}
		let pads = !self.is_decoder();
		let id = reader.input(index);
		// The first of a row may not be padding, and what follows padding may not be a token.
		let before = match (position, index.checked_sub(1)) {
			(Some(0), _) | (_, None) => Some(0),
			(_, Some(before)) => reader.input(before),
		};
		let (Some(id), Some(before)) = (id, before) else {
			return Err(reader.fault().unwrap_or(RefereeError::Position));
		};
		Ok(match u32::try_from(id) {
			Ok(id) if id >= *vocabulary => Some(InvalidCode::Token),
			Ok(_) => (before == -1).then_some(InvalidCode::Padding),
			Err(_) if id != -1 => Some(InvalidCode::Token),
			Err(_) => (position == Some(0) || !pads).then_some(InvalidCode::Padding),
		})
	}

	/// Whether the program runs in steps.
	pub fn is_decoder(&self) -> bool {
		let stop = self.operators().checked_sub(1).and_then(|stop| self.operator(stop));
		matches!(stop, Some(Operator::Stop { next: Some(_), .. }))
	}
}

/// Whether a claim says of the input what is true, given the first offence that anybody showed, as
/// [`first`] of all, with the rule it breaks.
pub fn judge(claim: &Claim, shown: Option<(Offence, InvalidCode)>) -> bool {
	match (claim, shown) {
		(Claim::Output { .. }, None) => true,
		(Claim::Invalid { code }, Some((_, broken))) => *code == broken.code(),
		_ => false,
	}
}

/// The offence that counts of two.
pub fn first(
	left: Option<(Offence, InvalidCode)>,
	right: Option<(Offence, InvalidCode)>,
) -> Option<(Offence, InvalidCode)> {
	match (left, right) {
		(Some((Offence::Token(one), _)), Some((Offence::Token(other), _))) if one > other => right,
		(Some((Offence::Token(_), _)), Some((Offence::Length { .. }, _))) | (None, _) => right,
		_ => left,
	}
}
