//! What a tenant chooses for one job.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Shape and mode of one job. An input that does not have this shape is
/// [`InvalidCode::Shape`](crate::InvalidCode::Shape).
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Parameters {
	/// Inputs that are computed together.
	pub batch: u32,
	/// Positions of each input: padding included for an encoder, the prompt for a decoder.
	pub sequence: u32,
	/// Most steps; an encoder takes one, a decoder one for each token that it makes.
	pub max_steps: u32,
	/// How tokens are drawn, where the program draws any.
	pub sampling: Option<Sampling>,
}

impl Parameters {
	/// Parameters of an encoder: one step, nothing drawn.
	pub fn encoder(batch: u32, sequence: u32) -> Self {
		Self { batch, sequence, max_steps: 1, sampling: None }
	}
}

/// How tokens are drawn.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sampling {
	/// Temperature with 16 fraction bits, above 0 and at most 100.
	pub temperature_q16: u32,
	/// Draw among this many of the likeliest tokens; among all of them for 0. Tokens as likely as
	/// the last one are not left out.
	pub top_k: u32,
	/// Draw among the likeliest tokens that have this probability together, 16 fraction bits,
	/// above 0 and at most 1.
	pub top_p_q16: u32,
	/// Key of the counter-based generator.
	#[cfg_attr(feature = "serde", serde(with = "crate::hexadecimal"))]
	pub seed: [u8; 32],
}
