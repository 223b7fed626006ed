//! What a position depends on, and reading it from what was opened.

use crate::{Layout, RefereeError};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use assay_program::{TensorId, WeightId, SEGMENT};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::{fmt, ops::Range};
use scale_info::TypeInfo;

/// Something to open.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	MaxEncodedLen,
)]
pub enum Need {
	/// A leaf of the trace's body, against either party's root.
	#[codec(index = 0)]
	Leaf(u32),
	/// A segment of the input, against the job's input digest.
	#[codec(index = 1)]
	Input(u32),
	/// A segment of the weights, against the model's weights digest.
	#[codec(index = 2)]
	Weights(u32),
}

impl fmt::Display for Need {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Leaf(index) => write!(f, "leaf {index}"),
			Self::Input(segment) => write!(f, "input segment {segment}"),
			Self::Weights(segment) => write!(f, "weights segment {segment}"),
		}
	}
}

/// Bytes that were opened and checked against their roots.
pub trait Source {
	/// The bytes of a leaf, empty where it is null, or all 4096 of a segment.
	fn bytes(&self, need: Need) -> Option<&[u8]>;
}

/// Nothing is opened yet.
impl Source for () {
	fn bytes(&self, _: Need) -> Option<&[u8]> {
		None
	}
}

impl Source for BTreeMap<Need, Vec<u8>> {
	fn bytes(&self, need: Need) -> Option<&[u8]> {
		self.get(&need).map(Vec::as_slice)
	}
}

/// Reads elements and keeps a list of what it was asked for. A read gives `None` where something
/// is missing, and lists it all the same: so one piece of code says what an element depends on and
/// what it is.
pub(crate) struct Reader<'a, 'l> {
	pub(crate) layout: &'a Layout<'l>,
	source: &'a dyn Source,
	needs: BTreeSet<Need>,
	/// Where tensors lie in the weights blob that were read before: to find one is to walk over all
	/// before it, and a filter reads one for each position that it sees.
	ranges: BTreeMap<WeightId, Range<u64>>,
	fault: Option<RefereeError>,
}

impl<'a, 'l> Reader<'a, 'l> {
	pub(crate) fn new(layout: &'a Layout<'l>, source: &'a dyn Source) -> Self {
		Self { layout, source, needs: BTreeSet::new(), ranges: BTreeMap::new(), fault: None }
	}

	/// All that was read, and the first thing that was wrong.
	pub(crate) fn finish(self) -> (Vec<Need>, Option<RefereeError>) {
		(self.needs.into_iter().collect(), self.fault)
	}

	/// The first thing that was wrong.
	pub(crate) fn fault(&self) -> Option<RefereeError> {
		self.fault
	}

	/// Notes the first fault; anything goes wrong only once.
	pub(crate) fn fail<T>(&mut self, fault: RefereeError) -> Option<T> {
		self.fault.get_or_insert(fault);
		None
	}

	/// Lists a need, and gives its bytes.
	fn need(&mut self, need: Need) -> Option<&'a [u8]> {
		self.needs.insert(need);
		match self.source.bytes(need) {
			Some(bytes) => Some(bytes),
			None => self.fail(RefereeError::Missing(need)),
		}
	}

	/// Whether a step is null: the one before it stopped, or is null itself.
	pub(crate) fn is_null(&mut self, step: u32) -> Option<bool> {
		if step == 0 {
			return Some(false);
		}
		let Some(index) = self.layout.stop_leaf(step) else {
			return self.fail(RefereeError::Position);
		};
		match self.need(Need::Leaf(index))? {
			[] => Some(true),
			[a, b, c, d] => Some(i32::from_le_bytes([*a, *b, *c, *d]) != 0),
			_ => self.fail(RefereeError::Length(Need::Leaf(index))),
		}
	}

	/// Adjacent elements of one row.
	pub(crate) fn run(
		&mut self,
		step: u32,
		tensor: TensorId,
		row: u64,
		columns: Range<u64>,
	) -> Option<Vec<i32>> {
		let operator = u32::from(tensor.0);
		let mut out = Some(Vec::new());
		let mut column = columns.start;
		while column < columns.end {
			let Some((index, place)) = self.layout.locate(step, operator, row, column) else {
				return self.fail(RefereeError::Position);
			};
			let Some(leaf) = self.layout.leaf(index) else {
				return self.fail(RefereeError::Position);
			};
			let left = u64::from(leaf.elements.saturating_sub(place));
			let count = columns.end.saturating_sub(column).min(left);
			let part = self.leaf_part(Need::Leaf(index), leaf.bytes(), leaf.element_bytes, {
				place as usize..(place as usize).saturating_add(count as usize)
			});
			out = joined(out, part);
			column = column.saturating_add(count.max(1));
		}
		out
	}

	/// Elements of one leaf.
	fn leaf_part(
		&mut self,
		need: Need,
		length: u32,
		element_bytes: u32,
		places: Range<usize>,
	) -> Option<Vec<i32>> {
		let bytes = self.need(need)?;
		if bytes.is_empty() {
			return self.fail(RefereeError::Null(need));
		}
		if bytes.len() != length as usize {
			return self.fail(RefereeError::Length(need));
		}
		elements(bytes, element_bytes as usize, places)
	}

	/// One element of a row.
	pub(crate) fn element(
		&mut self,
		step: u32,
		tensor: TensorId,
		row: u64,
		column: u64,
	) -> Option<i32> {
		let run = self.run(step, tensor, row, column..column.saturating_add(1))?;
		run.first().copied()
	}

	/// Adjacent elements of a tensor of the weights blob, numbered in row-major order.
	pub(crate) fn weights(&mut self, id: WeightId, elements: Range<u64>) -> Option<Vec<i32>> {
		let shape = self.layout.program().weights.get(usize::from(id.0));
		let tensor = shape.zip(self.range_of(id));
		let Some((shape, range)) = tensor else { return self.fail(RefereeError::Position) };
		let size = match shape.kind {
			assay_program::WeightKind::Int8 => 1u64,
			assay_program::WeightKind::Int32 => 4,
		};
		let start = range.start.saturating_add(elements.start.saturating_mul(size));
		let end = range.start.saturating_add(elements.end.saturating_mul(size));
		if end > range.end {
			return self.fail(RefereeError::OutOfRange);
		}
		self.blob(Need::Weights, size, start..end)
	}

	/// Where a tensor lies in the weights blob.
	fn range_of(&mut self, id: WeightId) -> Option<Range<u64>> {
		if let Some(range) = self.ranges.get(&id) {
			return Some(range.clone());
		}
		let range = self.layout.program().weight_range(id)?;
		self.ranges.insert(id, range.clone());
		Some(range)
	}

	/// One element of a tensor of the weights blob.
	pub(crate) fn weight(&mut self, id: WeightId, index: u64) -> Option<i32> {
		self.weights(id, index..index.saturating_add(1))?.first().copied()
	}

	/// One token of the input.
	pub(crate) fn input(&mut self, index: u64) -> Option<i32> {
		let start = index.saturating_mul(4);
		self.blob(Need::Input, 4, start..start.saturating_add(4))?.first().copied()
	}

	/// One sample of the input.
	pub(crate) fn sample(&mut self, index: u64) -> Option<i32> {
		self.blob(Need::Input, 1, index..index.saturating_add(1))?.first().copied()
	}

	/// Adjacent elements of a blob, by its segments.
	fn blob(
		&mut self,
		need: impl Fn(u32) -> Need,
		size: u64,
		bytes: Range<u64>,
	) -> Option<Vec<i32>> {
		let segment = SEGMENT as u64;
		let mut out = Some(Vec::new());
		let mut at = bytes.start;
		while at < bytes.end {
			let (number, offset) = (at.div_euclid(segment), at.rem_euclid(segment));
			let count = bytes.end.saturating_sub(at).min(segment.saturating_sub(offset));
			let Ok(number) = u32::try_from(number) else {
				return self.fail(RefereeError::Position);
			};
			let places =
				offset.checked_div(size)?..offset.saturating_add(count).checked_div(size)?;
			let part = match self.need(need(number)) {
				Some(bytes) if bytes.len() == SEGMENT => {
					elements(bytes, size as usize, places.start as usize..places.end as usize)
				},
				Some(_) => self.fail(RefereeError::Length(need(number))),
				None => None,
			};
			out = joined(out, part);
			at = at.saturating_add(count.max(1));
		}
		out
	}
}

/// Adds what was read to what was read before; nothing where either is missing.
pub(crate) fn joined(all: Option<Vec<i32>>, part: Option<Vec<i32>>) -> Option<Vec<i32>> {
	let (mut all, part) = (all?, part?);
	all.extend(part);
	Some(all)
}

/// Little-endian elements of 1, 2 or 4 bytes, signed.
pub(crate) fn elements(bytes: &[u8], size: usize, places: Range<usize>) -> Option<Vec<i32>> {
	let bytes = bytes.get(places.start.checked_mul(size)?..places.end.checked_mul(size)?)?;
	let value = |chunk: &[u8]| match chunk {
		[a] => i32::from(i8::from_le_bytes([*a])),
		[a, b] => i32::from(i16::from_le_bytes([*a, *b])),
		[a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]),
		_ => 0,
	};
	Some(bytes.chunks_exact(size.max(1)).map(value).collect())
}
