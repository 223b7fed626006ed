//! Reading FlatBuffers without trusting a single offset.
//!
//! A buffer is tables that point to each other by offsets. Every read here is checked against the
//! bytes that are there, so a hostile file gives an error and nothing else. A table may be reached
//! several times; callers bound how many they read.

use crate::TfliteError;

/// A table: a position, and where its fields lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
	bytes: &'a [u8],
	start: usize,
	/// Two bytes for each field: its place after `start`, 0 where it is absent.
	fields: &'a [u8],
}

/// Some bytes, if they are all there.
fn slice(bytes: &[u8], start: usize, length: usize) -> Result<&[u8], TfliteError> {
	let end = start.checked_add(length).ok_or(TfliteError::Outside { offset: start })?;
	bytes.get(start..end).ok_or(TfliteError::Outside { offset: start })
}

fn array<const N: usize>(bytes: &[u8], start: usize) -> Result<[u8; N], TfliteError> {
	let found = slice(bytes, start, N)?;
	found.try_into().map_err(|_| TfliteError::Outside { offset: start })
}

/// Follows the unsigned offset that lies at a position.
fn follow(bytes: &[u8], at: usize) -> Result<usize, TfliteError> {
	let offset = u32::from_le_bytes(array(bytes, at)?) as usize;
	at.checked_add(offset).ok_or(TfliteError::Outside { offset: at })
}

impl<'a> Table<'a> {
	/// The root of a buffer that carries an identifier.
	pub(crate) fn root(bytes: &'a [u8], identifier: &[u8; 4]) -> Result<Self, TfliteError> {
		if bytes.get(4..8) != Some(identifier.as_slice()) {
			return Err(TfliteError::Identifier);
		}
		Self::at(bytes, follow(bytes, 0)?)
	}

	fn at(bytes: &'a [u8], start: usize) -> Result<Self, TfliteError> {
		let back = i64::from(i32::from_le_bytes(array(bytes, start)?));
		let vtable = (start as i64)
			.checked_sub(back)
			.and_then(|vtable| usize::try_from(vtable).ok())
			.ok_or(TfliteError::Outside { offset: start })?;
		let length = usize::from(u16::from_le_bytes(array(bytes, vtable)?));
		// Its own length and that of the table come before the fields.
		let fields = slice(bytes, vtable, length)?.get(4..).unwrap_or(&[]);
		Ok(Self { bytes, start, fields })
	}

	/// Where a field lies, if it is there.
	fn place(&self, field: usize) -> Result<Option<usize>, TfliteError> {
		let Some(entry) = self.fields.chunks_exact(2).nth(field) else { return Ok(None) };
		match u16::from_le_bytes(array(entry, 0)?) {
			0 => Ok(None),
			place => Ok(Some(self.start + usize::from(place))),
		}
	}

	/// A byte, 0 where absent.
	pub(crate) fn byte(&self, field: usize) -> Result<u8, TfliteError> {
		match self.place(field)? {
			Some(at) => Ok(array::<1>(self.bytes, at)?[0]),
			None => Ok(0),
		}
	}

	/// An int32.
	pub(crate) fn int(&self, field: usize, absent: i32) -> Result<i32, TfliteError> {
		match self.place(field)? {
			Some(at) => Ok(i32::from_le_bytes(array(self.bytes, at)?)),
			None => Ok(absent),
		}
	}

	/// A table that a field points to.
	pub(crate) fn table(&self, field: usize) -> Result<Option<Table<'a>>, TfliteError> {
		match self.place(field)? {
			Some(at) => Self::at(self.bytes, follow(self.bytes, at)?).map(Some),
			None => Ok(None),
		}
	}

	/// The bytes of a vector of elements of `size` bytes; none where absent.
	pub(crate) fn vector(&self, field: usize, size: usize) -> Result<&'a [u8], TfliteError> {
		Ok(self.vector_at(field, size)?.map_or(&[], |(_, bytes)| bytes))
	}

	fn vector_at(
		&self,
		field: usize,
		size: usize,
	) -> Result<Option<(usize, &'a [u8])>, TfliteError> {
		let Some(at) = self.place(field)? else { return Ok(None) };
		let start = follow(self.bytes, at)?;
		let count = u32::from_le_bytes(array(self.bytes, start)?) as usize;
		let length = count.checked_mul(size).ok_or(TfliteError::Outside { offset: start })?;
		// The length was read at `start`, so four bytes more do not overflow.
		Ok(Some((start + 4, slice(self.bytes, start + 4, length)?)))
	}

	/// A vector of at most `limit` numbers of `N` bytes.
	fn numbers<T, const N: usize>(
		&self,
		field: usize,
		(what, limit): (&'static str, usize),
		read: impl Fn([u8; N]) -> T,
	) -> Result<Vec<T>, TfliteError> {
		let words = self.vector(field, N)?.as_chunks::<N>().0;
		if words.len() > limit {
			return Err(TfliteError::TooMany { what, count: words.len(), limit });
		}
		Ok(words.iter().map(|word| read(*word)).collect())
	}

	/// A vector of at most `limit` int32.
	pub(crate) fn ints(&self, field: usize, limit: usize) -> Result<Vec<i32>, TfliteError> {
		self.numbers(field, ("integers", limit), i32::from_le_bytes)
	}

	/// A vector of at most `limit` float32.
	pub(crate) fn floats(&self, field: usize, limit: usize) -> Result<Vec<f32>, TfliteError> {
		self.numbers(field, ("floats", limit), f32::from_le_bytes)
	}

	/// A vector of at most `limit` int64.
	pub(crate) fn longs(&self, field: usize, limit: usize) -> Result<Vec<i64>, TfliteError> {
		self.numbers(field, ("integers", limit), i64::from_le_bytes)
	}

	/// The tables of a vector, of which there may be `limit`.
	pub(crate) fn tables(
		&self,
		field: usize,
		what: &'static str,
		limit: usize,
	) -> Result<Vec<Table<'a>>, TfliteError> {
		let Some((start, offsets)) = self.vector_at(field, 4)? else { return Ok(Vec::new()) };
		let count = offsets.len() / 4;
		if count > limit {
			return Err(TfliteError::TooMany { what, count, limit });
		}
		(0..count)
			.map(|index| Self::at(self.bytes, follow(self.bytes, start + 4 * index)?))
			.collect()
	}
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test panics to fail")]
mod tests {
	use super::*;

	/// A root with three fields: int32 at 0, a vector of two int32 at 1, none at 2.
	fn buffer() -> Vec<u8> {
		let mut bytes = vec![20, 0, 0, 0];
		bytes.extend(b"TEST");
		// The vtable at 8: its length, the table's length, three fields, and fill.
		for word in [10u16, 12, 4, 8, 0, 0] {
			bytes.extend(word.to_le_bytes());
		}
		// The table at 20: back to its vtable, the int32, the offset of the vector.
		for word in [12i32, -7, 4, 2, 11, 12] {
			bytes.extend(word.to_le_bytes());
		}
		bytes
	}

	#[test]
	fn fields_are_read_where_the_vtable_says() {
		let bytes = buffer();
		let table = Table::root(&bytes, b"TEST").unwrap();
		assert_eq!(table.int(0, 5), Ok(-7));
		assert_eq!(table.ints(1, 2), Ok(vec![11, 12]));
		assert_eq!((table.int(2, 5), table.int(3, 5)), (Ok(5), Ok(5)));
		assert!(table.table(2).unwrap().is_none());
		assert_eq!(table.byte(0), Ok(0xf9));
	}

	#[test]
	fn fails_when_the_identifier_differs() {
		assert_eq!(Table::root(&buffer(), b"TFL3").err(), Some(TfliteError::Identifier));
		assert_eq!(Table::root(b"", b"TFL3").err(), Some(TfliteError::Identifier));
	}

	#[test]
	fn fails_when_an_offset_leaves_the_buffer() {
		// Root, back to the vtable, offset of the vector, its length.
		for at in [0, 20, 28, 32] {
			let mut bytes = buffer();
			bytes[at..at + 4].copy_from_slice(&0x7fff_fff0i32.to_le_bytes());
			let read = Table::root(&bytes, b"TEST").and_then(|table| table.ints(1, 2));
			assert!(matches!(read, Err(TfliteError::Outside { .. })), "{at}: {read:?}");
		}
	}

	#[test]
	fn fails_when_there_are_too_many_tables() {
		let bytes = buffer();
		let table = Table::root(&bytes, b"TEST").unwrap();
		let error = table.tables(1, "things", 1).unwrap_err();
		assert_eq!(error, TfliteError::TooMany { what: "things", count: 2, limit: 1 });
		let error = table.ints(1, 1).unwrap_err();
		assert_eq!(error, TfliteError::TooMany { what: "integers", count: 2, limit: 1 });
	}
}
