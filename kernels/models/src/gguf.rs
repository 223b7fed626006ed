//! Reading a GGUF file of version 3: metadata, and tensors as floats.
//!
//! Only what one architecture needs, dequantising included. Every length is checked against the
//! bytes there are before anything is read or allocated.

use crate::checkpoint::{self, Matrix, Vector};
use crate::ImportError;
use std::collections::BTreeMap;

const MAGIC: &[u8; 4] = b"GGUF";
const VERSION: u32 = 3;
/// Most pairs of metadata of a file.
pub const MAX_PAIRS: u64 = 1024;
/// Most tensors of a file.
pub const MAX_TENSORS: u64 = 4096;
/// Most elements of a list in the metadata.
pub const MAX_LIST: u64 = 1 << 20;
/// Most bytes of a text in the metadata.
pub const MAX_TEXT: u64 = 1 << 16;
const MAX_RANK: u32 = 4;
const ALIGNMENT: usize = 32;
/// Elements of a block of every quantised type.
const BLOCK: usize = 32;

/// Why bytes are not a GGUF file that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
	/// The file begins with other bytes than a GGUF file.
	#[error("the file does not begin with the four bytes GGUF")]
	Magic,
	/// The file has a version that is not read here.
	#[error("the file has GGUF version {actual}, version {VERSION} is read")]
	Version {
		/// The version found.
		actual: u32,
	},
	/// The file ends too early.
	#[error("the file is truncated: {what} needs {needed} bytes at {at}, the file has {length}")]
	Truncated {
		/// What was being read.
		what: String,
		/// Where it begins.
		at: usize,
		/// Its length.
		needed: u64,
		/// Length of the file.
		length: usize,
	},
	/// The file goes on after its last tensor.
	#[error("the file has {length} bytes, its last tensor ends at {end}")]
	Trailing {
		/// Where the last tensor ends.
		end: usize,
		/// Length of the file.
		length: usize,
	},
	/// There is more of something than any model of use has.
	#[error("{what}: {actual}, at most {limit} are read")]
	TooMany {
		/// What there is too much of.
		what: String,
		/// How much there is.
		actual: u64,
		/// How much is read.
		limit: u64,
	},
	/// A text is not UTF-8.
	#[error("{what} is not valid UTF-8")]
	Text {
		/// Which text.
		what: String,
	},
	/// Two pairs or two tensors have one name.
	#[error("`{name}` stands there twice")]
	Twice {
		/// The name.
		name: String,
	},
	/// A value of the metadata has a type that GGUF does not know.
	#[error("the value of `{key}` has the unknown type {kind}")]
	ValueType {
		/// Its key.
		key: String,
		/// The type found.
		kind: u32,
	},
	/// A tensor has an element type that is not read here.
	#[error("tensor `{name}` has the type {kind}; F32 (0), Q4_1 (3) and Q8_0 (8) are read")]
	TensorType {
		/// Its name.
		name: String,
		/// The type found.
		kind: u32,
	},
	/// A tensor has dimensions that no tensor can have.
	#[error(
		"tensor `{name}` has the dimensions {dims:?}: none may be 0, and rows hold whole blocks"
	)]
	Dimensions {
		/// Its name.
		name: String,
		/// What the file says, innermost first.
		dims: Vec<u64>,
	},
	/// A tensor does not begin at a multiple of the alignment.
	#[error("tensor `{name}` begins at {offset}, which is no multiple of {ALIGNMENT}")]
	Alignment {
		/// Its name.
		name: String,
		/// Where it begins.
		offset: u64,
	},
}

/// A value of the metadata. Numbers of one class have one form, whatever their width.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
	Unsigned(u64),
	Signed(i64),
	Float(f64),
	Bool(bool),
	Text(&'a str),
	List(Vec<Value<'a>>),
}

/// How the elements of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ElementType {
	/// Single floats.
	F32,
	/// Blocks of 32: scale and least value as half floats, then codes of four bits.
	Q4_1,
	/// Blocks of 32: a scale as half float, then int8.
	Q8_0,
}

impl ElementType {
	fn from_code(code: u32) -> Option<Self> {
		match code {
			0 => Some(Self::F32),
			3 => Some(Self::Q4_1),
			8 => Some(Self::Q8_0),
			_ => None,
		}
	}

	/// Elements and bytes of the unit that is stored as one.
	fn unit(self) -> (usize, usize) {
		match self {
			Self::F32 => (1, 4),
			Self::Q4_1 => (BLOCK, 4 + BLOCK / 2),
			Self::Q8_0 => (BLOCK, 2 + BLOCK),
		}
	}
}

/// A tensor of the file.
#[derive(Clone, Debug)]
struct Tensor<'a> {
	/// Outermost first.
	dims: Vec<usize>,
	kind: ElementType,
	bytes: &'a [u8],
}

/// A file that was read: its metadata and where its tensors are.
#[derive(Clone, Debug)]
pub(crate) struct Gguf<'a> {
	metadata: BTreeMap<&'a str, Value<'a>>,
	tensors: BTreeMap<&'a str, Tensor<'a>>,
}

impl<'a> Gguf<'a> {
	/// Reads the header and checks that it describes the rest of the file.
	pub(crate) fn parse(file: &'a [u8]) -> Result<Self, GgufError> {
		let mut reader = Reader { file, at: 0 };
		if reader.take("the magic", 4).ok() != Some(MAGIC) {
			return Err(GgufError::Magic);
		}
		let version = reader.u32("the version")?;
		if version != VERSION {
			return Err(GgufError::Version { actual: version });
		}
		let tensors = bounded("tensors", reader.u64("the number of tensors")?, MAX_TENSORS)?;
		let pairs = bounded("pairs of metadata", reader.u64("the number of pairs")?, MAX_PAIRS)?;
		let mut metadata = BTreeMap::new();
		for _ in 0..pairs {
			let key = reader.text("a key")?;
			let kind = reader.u32(key)?;
			let value = reader.value(key, kind)?;
			if metadata.insert(key, value).is_some() {
				return Err(GgufError::Twice { name: key.into() });
			}
		}
		let infos = (0..tensors).map(|_| reader.info()).collect::<Result<Vec<_>, _>>()?;
		let tensors = place(file, reader.at.next_multiple_of(ALIGNMENT), infos)?;
		Ok(Self { metadata, tensors })
	}

	fn expect<T>(
		&self,
		key: &str,
		expected: &'static str,
		read: impl Fn(&Value<'a>) -> Option<T>,
	) -> Result<T, ImportError> {
		let value = self
			.metadata
			.get(key)
			.ok_or_else(|| ImportError::MissingMetadata { key: key.into() })?;
		read(value).ok_or_else(|| ImportError::Metadata {
			key: key.into(),
			expected: expected.into(),
			actual: abridged(value),
		})
	}

	/// A text of the metadata.
	pub(crate) fn text(&self, key: &str) -> Result<&'a str, ImportError> {
		self.expect(key, "a text", |value| match value {
			Value::Text(text) => Some(*text),
			_ => None,
		})
	}

	/// A number of the metadata that is not negative.
	pub(crate) fn number(&self, key: &str) -> Result<u64, ImportError> {
		self.expect(key, "a number", whole)
	}

	/// A float of the metadata.
	pub(crate) fn float(&self, key: &str) -> Result<f64, ImportError> {
		self.expect(key, "a float", |value| match value {
			Value::Float(float) => Some(*float),
			_ => None,
		})
	}

	/// A list of texts of the metadata.
	pub(crate) fn texts(&self, key: &str) -> Result<Vec<&'a str>, ImportError> {
		self.expect(key, "a list of texts", |value| match value {
			Value::List(list) => list
				.iter()
				.map(|value| match value {
					Value::Text(text) => Some(*text),
					_ => None,
				})
				.collect(),
			_ => None,
		})
	}

	/// A list of numbers of the metadata, none negative.
	pub(crate) fn numbers(&self, key: &str) -> Result<Vec<u64>, ImportError> {
		self.expect(key, "a list of numbers", |value| match value {
			Value::List(list) => list.iter().map(whole).collect(),
			_ => None,
		})
	}

	/// A matrix of the dimensions given, as floats.
	pub(crate) fn matrix(
		&self,
		name: &str,
		rows: usize,
		columns: usize,
	) -> Result<Matrix, ImportError> {
		let values = self.floats(name, &[rows, columns])?;
		Ok(Matrix { name: name.into(), rows, columns, values })
	}

	/// A vector of the length given, as floats.
	pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vector, ImportError> {
		Ok(Vector { name: name.into(), values: self.floats(name, &[length])? })
	}

	/// Names of all tensors.
	pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
		self.tensors.keys().copied()
	}

	fn floats(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, ImportError> {
		let tensor = self
			.tensors
			.get(name)
			.ok_or_else(|| ImportError::MissingTensor { name: name.into() })?;
		checkpoint::check_dimensions(name, dims, &tensor.dims)?;
		checkpoint::check_finite(name, tensor.floats())
	}
}

impl Tensor<'_> {
	fn floats(&self) -> Vec<f32> {
		let units = self.bytes.chunks_exact(self.kind.unit().1);
		match self.kind {
			ElementType::F32 => {
				let floats = self.bytes.as_chunks::<4>().0;
				floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
			},
			ElementType::Q4_1 => units.flat_map(q4_1).collect(),
			ElementType::Q8_0 => units.flat_map(q8_0).collect(),
		}
	}
}

/// A block of codes of four bits: the low halves of the bytes come first.
fn q4_1(block: &[u8]) -> Vec<f32> {
	let (scale, least) = (half_at(block, 0), half_at(block, 2));
	let codes = block.get(4..).unwrap_or_default();
	let low = codes.iter().map(|byte| byte & 15);
	let high = codes.iter().map(|byte| byte >> 4);
	low.chain(high).map(|code| f32::from(code) * scale + least).collect()
}

/// A block of int8.
fn q8_0(block: &[u8]) -> Vec<f32> {
	let scale = half_at(block, 0);
	let codes = block.get(2..).unwrap_or_default();
	codes.iter().map(|byte| f32::from(*byte as i8) * scale).collect()
}

fn half_at(block: &[u8], at: usize) -> f32 {
	match block.get(at..at + 2) {
		Some(&[low, high]) => half(u16::from_le_bytes([low, high])),
		_ => 0.0,
	}
}

/// The float that a half float is: every one is a float exactly.
fn half(bits: u16) -> f32 {
	let fraction = u32::from(bits & 0x3ff);
	let exponent = u32::from(bits >> 10 & 0x1f);
	let magnitude = match exponent {
		// 2^-24 is the smallest half float.
		0 => fraction as f32 / (1u32 << 24) as f32,
		0x1f => f32::from_bits(0x7f80_0000 | fraction << 13),
		_ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
	};
	if bits >> 15 == 1 {
		-magnitude
	} else {
		magnitude
	}
}

/// What the file says about a tensor.
struct Info<'a> {
	name: &'a str,
	/// Innermost first, as in the file.
	dims: Vec<u64>,
	kind: ElementType,
	offset: u64,
}

impl Info<'_> {
	/// Length in bytes, none if no tensor has these dimensions.
	fn length(&self) -> Option<u64> {
		let (elements, bytes) = self.kind.unit();
		let innermost = *self.dims.first()?;
		if self.dims.contains(&0) || !innermost.is_multiple_of(elements as u64) {
			return None;
		}
		let count = self.dims.iter().try_fold(1u64, |count, dim| count.checked_mul(*dim))?;
		(count / elements as u64).checked_mul(bytes as u64)
	}
}

/// Finds the tensors in the data, which begins at `data` and ends with the last of them.
fn place<'a>(
	file: &'a [u8],
	data: usize,
	infos: Vec<Info<'a>>,
) -> Result<BTreeMap<&'a str, Tensor<'a>>, GgufError> {
	let mut end = data;
	let mut tensors = BTreeMap::new();
	for info in infos {
		let dimensions =
			|| GgufError::Dimensions { name: info.name.into(), dims: info.dims.clone() };
		let needed = info.length().ok_or_else(dimensions)?;
		if !info.offset.is_multiple_of(ALIGNMENT as u64) {
			return Err(GgufError::Alignment { name: info.name.into(), offset: info.offset });
		}
		let at = data.saturating_add(usize::try_from(info.offset).unwrap_or(usize::MAX));
		let mut reader = Reader { file, at };
		let bytes = reader.take(info.name, needed)?;
		end = end.max(reader.at);
		let dims = info.dims.iter().rev().map(|dim| *dim as usize).collect();
		let tensor = Tensor { dims, kind: info.kind, bytes };
		if tensors.insert(info.name, tensor).is_some() {
			return Err(GgufError::Twice { name: info.name.into() });
		}
	}
	// Writers may or may not pad the last tensor.
	if file.len() > end.next_multiple_of(ALIGNMENT) {
		return Err(GgufError::Trailing { end, length: file.len() });
	}
	Ok(tensors)
}

/// A place in the file, which never passes its end.
struct Reader<'a> {
	file: &'a [u8],
	at: usize,
}

impl<'a> Reader<'a> {
	fn take(&mut self, what: &str, needed: u64) -> Result<&'a [u8], GgufError> {
		let rest = self.file.get(self.at..).unwrap_or_default();
		match usize::try_from(needed).ok().and_then(|length| rest.get(..length)) {
			Some(bytes) => {
				self.at += bytes.len();
				Ok(bytes)
			},
			None => Err(GgufError::Truncated {
				what: what.into(),
				at: self.at,
				needed,
				length: self.file.len(),
			}),
		}
	}

	fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
		let mut bytes = [0; N];
		bytes.copy_from_slice(self.take(what, N as u64)?);
		Ok(bytes)
	}

	fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
		Ok(u32::from_le_bytes(self.array(what)?))
	}

	fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
		Ok(u64::from_le_bytes(self.array(what)?))
	}

	fn text(&mut self, what: &str) -> Result<&'a str, GgufError> {
		let length = bounded(what, self.u64(what)?, MAX_TEXT)?;
		let bytes = self.take(what, length)?;
		std::str::from_utf8(bytes).map_err(|_| GgufError::Text { what: what.into() })
	}

	fn value(&mut self, key: &str, kind: u32) -> Result<Value<'a>, GgufError> {
		// Lists of lists are in no file of use, so nothing here recurses deeper than once.
		const LIST: u32 = 9;
		if kind != LIST {
			return self.scalar(key, kind);
		}
		let kind = self.u32(key)?;
		let length = bounded(key, self.u64(key)?, MAX_LIST)?;
		(0..length).map(|_| self.scalar(key, kind)).collect::<Result<_, _>>().map(Value::List)
	}

	fn scalar(&mut self, key: &str, kind: u32) -> Result<Value<'a>, GgufError> {
		Ok(match kind {
			0 => Value::Unsigned(u8::from_le_bytes(self.array(key)?).into()),
			1 => Value::Signed(i8::from_le_bytes(self.array(key)?).into()),
			2 => Value::Unsigned(u16::from_le_bytes(self.array(key)?).into()),
			3 => Value::Signed(i16::from_le_bytes(self.array(key)?).into()),
			4 => Value::Unsigned(self.u32(key)?.into()),
			5 => Value::Signed(i32::from_le_bytes(self.array(key)?).into()),
			6 => Value::Float(f32::from_le_bytes(self.array(key)?).into()),
			7 => Value::Bool(self.array::<1>(key)? != [0]),
			8 => Value::Text(self.text(key)?),
			10 => Value::Unsigned(self.u64(key)?),
			11 => Value::Signed(i64::from_le_bytes(self.array(key)?)),
			12 => Value::Float(f64::from_le_bytes(self.array(key)?)),
			kind => return Err(GgufError::ValueType { key: key.into(), kind }),
		})
	}

	fn info(&mut self) -> Result<Info<'a>, GgufError> {
		let name = self.text("the name of a tensor")?;
		let rank = self.u32(name)?;
		bounded(&format!("dimensions of tensor `{name}`"), rank.into(), MAX_RANK.into())?;
		let dims = (0..rank).map(|_| self.u64(name)).collect::<Result<_, _>>()?;
		let kind = self.u32(name)?;
		let kind = ElementType::from_code(kind)
			.ok_or_else(|| GgufError::TensorType { name: name.into(), kind })?;
		Ok(Info { name, dims, kind, offset: self.u64(name)? })
	}
}

fn bounded(what: &str, actual: u64, limit: u64) -> Result<u64, GgufError> {
	if actual > limit {
		return Err(GgufError::TooMany { what: what.into(), actual, limit });
	}
	Ok(actual)
}

fn whole(value: &Value<'_>) -> Option<u64> {
	match value {
		Value::Unsigned(number) => Some(*number),
		Value::Signed(number) => u64::try_from(*number).ok(),
		_ => None,
	}
}

/// A value for an error message, cut where it is long.
fn abridged(value: &Value<'_>) -> String {
	match value {
		Value::List(list) => format!("a list of {} values", list.len()),
		other => format!("{other:?}").chars().take(80).collect(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn half_floats_are_exact() {
		for (bits, value) in [
			(0x0000, 0.0),
			(0x0001, 2f32.powi(-24)),
			(0x03ff, 1023.0 * 2f32.powi(-24)),
			(0x0400, 2f32.powi(-14)),
			(0x3c00, 1.0),
			(0x3555, 1365.0 / 4096.0),
			(0x7bff, 65504.0),
			(0xc000, -2.0),
			(0x7c00, f32::INFINITY),
			(0xfc00, f32::NEG_INFINITY),
		] {
			assert_eq!(half(bits), value, "{bits:#x}");
		}
		assert!(half(0x7e00).is_nan());
		// All of one sign rise, so none is left out or mistaken.
		assert!((0..0x7c00).all(|bits| half(bits) < half(bits + 1)));
	}

	#[test]
	fn blocks_of_four_bits_hold_low_halves_first() {
		let mut block = vec![0x00, 0x40, 0x00, 0xbc];
		block.extend((0..16).map(|index| index | (15 - index) << 4));
		let values = q4_1(&block);
		let expected: Vec<f32> =
			(0..16).chain((0..16).rev()).map(|code| code as f32 * 2.0 - 1.0).collect();
		assert_eq!(values, expected);
	}

	#[test]
	fn blocks_of_int8_are_signed() {
		let mut block = vec![0x00, 0x38];
		block.extend((0..32).map(|index| (index * 8 - 128) as i8 as u8));
		let expected: Vec<f32> = (0..32).map(|index| (index * 8 - 128) as f32 * 0.5).collect();
		assert_eq!(q8_0(&block), expected);
	}

	/// A file with one pair and one tensor of 32 elements.
	fn small() -> Vec<u8> {
		let mut file = b"GGUF".to_vec();
		file.extend(3u32.to_le_bytes());
		file.extend(1u64.to_le_bytes());
		file.extend(1u64.to_le_bytes());
		file.extend(1u64.to_le_bytes());
		file.extend(b"k");
		file.extend(4u32.to_le_bytes());
		file.extend(7u32.to_le_bytes());
		file.extend(1u64.to_le_bytes());
		file.extend(b"t");
		file.extend(1u32.to_le_bytes());
		file.extend(32u64.to_le_bytes());
		file.extend(8u32.to_le_bytes());
		file.extend(0u64.to_le_bytes());
		file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
		file.extend([0x00, 0x3c]);
		file.extend(0u8..32);
		file
	}

	#[test]
	fn small_file_is_read() {
		let file = small();
		let gguf = Gguf::parse(&file).unwrap();
		assert_eq!(gguf.number("k").unwrap(), 7);
		let expected: Vec<f32> = (0u8..32).map(f32::from).collect();
		assert_eq!(gguf.vector("t", 32).unwrap().values, expected);
		assert!(matches!(gguf.number("other"), Err(ImportError::MissingMetadata { .. })));
		assert!(matches!(gguf.text("k"), Err(ImportError::Metadata { .. })));
		assert!(matches!(gguf.vector("t", 31), Err(ImportError::Dimensions { .. })));
		assert!(matches!(gguf.vector("u", 31), Err(ImportError::MissingTensor { .. })));
	}

	#[test]
	fn every_beginning_of_a_file_is_refused() {
		let file = small();
		for length in 0..file.len() {
			let error = Gguf::parse(&file[..length]).unwrap_err();
			let truncated = matches!(error, GgufError::Truncated { .. });
			assert!(truncated || length < 4 && error == GgufError::Magic, "{length}: {error}");
		}
		let mut longer = file.clone();
		longer.resize(file.len().next_multiple_of(ALIGNMENT), 0);
		assert!(Gguf::parse(&longer).is_ok());
		longer.push(0);
		assert!(matches!(Gguf::parse(&longer), Err(GgufError::Trailing { .. })));
	}

	#[test]
	fn absurd_fields_are_refused() {
		// Offset of a field, what is written there, and whether the error is the right one.
		type Right = fn(&GgufError) -> bool;
		let cases: [(usize, &[u8], Right); 10] = [
			(0, b"GGML", |error| matches!(error, GgufError::Magic)),
			(4, &[2], |error| matches!(error, GgufError::Version { actual: 2 })),
			(8, &[0xff; 8], |error| matches!(error, GgufError::TooMany { .. })),
			(16, &[0xff; 8], |error| matches!(error, GgufError::TooMany { .. })),
			(24, &[0xff; 8], |error| matches!(error, GgufError::TooMany { .. })),
			(32, &[0xff], |error| matches!(error, GgufError::Text { .. })),
			(33, &[13], |error| matches!(error, GgufError::ValueType { kind: 13, .. })),
			(54, &[31], |error| matches!(error, GgufError::Dimensions { .. })),
			(62, &[12], |error| matches!(error, GgufError::TensorType { kind: 12, .. })),
			(66, &[1], |error| matches!(error, GgufError::Alignment { offset: 1, .. })),
		];
		for (at, bytes, right) in cases {
			let mut file = small();
			file[at..at + bytes.len()].copy_from_slice(bytes);
			let error = Gguf::parse(&file).unwrap_err();
			assert!(right(&error), "at {at}: {error}");
		}
	}

	#[test]
	fn dimensions_that_overflow_are_refused() {
		let mut file = small();
		file[54..62].copy_from_slice(&(1u64 << 63).to_le_bytes());
		assert!(matches!(Gguf::parse(&file), Err(GgufError::Truncated { .. })));
		file[54..62].copy_from_slice(&0u64.to_le_bytes());
		assert!(matches!(Gguf::parse(&file), Err(GgufError::Dimensions { .. })));
	}
}
