//! A list that is bounded where it is made and where it is decoded, for state that a chain keeps.

use crate::Refusal;
use alloc::vec::Vec;
use codec::{
	decode_vec_with_len, Compact, CompactLen, Decode, DecodeWithMemTracking, Encode, Error, Input,
	MaxEncodedLen,
};
use scale_info::{Type, TypeInfo};

/// At most so many things; encodes as a list of them does.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub(super) struct AtMost<T, const MOST: u32>(Vec<T>);

impl<T: Clone, const MOST: u32> AtMost<T, MOST> {
	/// Copies things, if they are not too many.
	pub(super) fn of(things: &[T]) -> Result<Self, Refusal> {
		match u32::try_from(things.len()) {
			Ok(length) if length <= MOST => Ok(Self(things.to_vec())),
			_ => Err(Refusal::Long),
		}
	}

	pub(super) fn as_slice(&self) -> &[T] {
		&self.0
	}
}

impl<T: Decode, const MOST: u32> Decode for AtMost<T, MOST> {
	fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
		let Compact(length) = Compact::<u32>::decode(input)?;
		if length > MOST {
			return Err("more things than the list may have".into());
		}
		decode_vec_with_len(input, length as usize).map(Self)
	}
}

impl<T: DecodeWithMemTracking, const MOST: u32> DecodeWithMemTracking for AtMost<T, MOST> {}

impl<T: MaxEncodedLen, const MOST: u32> MaxEncodedLen for AtMost<T, MOST> {
	fn max_encoded_len() -> usize {
		let things = T::max_encoded_len().saturating_mul(MOST as usize);
		Compact::<u32>::compact_len(&MOST).saturating_add(things)
	}
}

impl<T: TypeInfo + 'static, const MOST: u32> TypeInfo for AtMost<T, MOST> {
	type Identity = Vec<T>;

	fn type_info() -> Type {
		Vec::<T>::type_info()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_too_long_is_neither_made_nor_decoded() {
		type Three = AtMost<u16, 3>;
		let three = Three::of(&[1, 2, 3]).unwrap();
		assert_eq!(three.encode(), vec![1u16, 2, 3].encode());
		assert_eq!(three.encoded_size(), Three::max_encoded_len());
		assert_eq!(Three::decode(&mut &three.encode()[..]), Ok(three));
		assert_eq!(Three::of(&[0; 4]), Err(Refusal::Long));
		assert!(Three::decode(&mut &vec![0u16; 4].encode()[..]).is_err());
	}
}
