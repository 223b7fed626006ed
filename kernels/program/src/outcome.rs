//! What a run ends in, and its digest.

use crate::{merkle, Hash};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// The result of a program on an input. The stored output blob is its SCALE encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Outcome {
	/// The program ran.
	#[codec(index = 0)]
	Output {
		/// Steps that were run; an encoder runs one.
		count: u32,
		/// Little-endian bytes of the output tensors of the steps, in order.
		data: Vec<u8>,
	},
	/// The input breaks the program's rules.
	#[codec(index = 1)]
	Invalid(InvalidCode),
}

impl Outcome {
	/// The digest that is committed, revealed and claimed.
	pub fn digest(&self) -> Hash {
		self.claim().output()
	}

	/// What is said of it when it is revealed.
	pub fn claim(&self) -> Claim {
		match self {
			Self::Output { count, data } => {
				Claim::Output { count: *count, data: merkle::blob(data) }
			},
			Self::Invalid(code) => Claim::Invalid { code: code.code() },
		}
	}

	/// Steps that were run, none for an invalid input.
	pub fn count(&self) -> u32 {
		match self {
			Self::Output { count, .. } => *count,
			Self::Invalid(_) => 0,
		}
	}
}

/// An outcome without its bytes: what a reveal states, and enough to rebuild the output digest. The
/// count is checked against the digest, so nobody is paid for steps outside it.
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
pub enum Claim {
	/// The program ran.
	#[codec(index = 0)]
	Output {
		/// Steps that were run.
		count: u32,
		/// Blob digest of the output's bytes.
		#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
		data: Hash,
	},
	/// The input breaks the program's rules.
	#[codec(index = 1)]
	Invalid {
		/// Number of the rule, see [`InvalidCode`].
		code: u32,
	},
}

impl Claim {
	/// The output digest.
	pub fn output(&self) -> Hash {
		match self {
			Self::Output { count, data } => merkle::node(&merkle::leaf(&count.to_le_bytes()), data),
			Self::Invalid { code } => merkle::invalid(*code),
		}
	}

	/// Steps claimed, none for an invalid input.
	pub fn count(&self) -> u32 {
		match self {
			Self::Output { count, .. } => *count,
			Self::Invalid { .. } => 0,
		}
	}
}

/// Why an input breaks the rules. When it does in several ways, the first in this order of checks
/// counts: shape, then elements in row-major order.
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum InvalidCode {
	/// The parameters are outside the program's limits, or the input has another length than they
	/// say.
	#[codec(index = 1)]
	Shape,
	/// A token id is neither in the vocabulary nor the padding id -1.
	#[codec(index = 2)]
	Token,
	/// A row begins with padding, or has a token after padding. In a decoder: there is padding.
	#[codec(index = 3)]
	Padding,
}

impl InvalidCode {
	/// The number under the digest.
	pub fn code(self) -> u32 {
		match self {
			Self::Shape => 1,
			Self::Token => 2,
			Self::Padding => 3,
		}
	}
}

impl core::fmt::Display for InvalidCode {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str(match self {
			Self::Shape => "the input does not have the shape of its parameters",
			Self::Token => "a token id is outside the vocabulary",
			Self::Padding => {
				"a row is empty, has a token after padding, or padding where none may be"
			},
		})
	}
}
