//! Function tables.

#[cfg(target_arch = "x86_64")]
use crate::isa::InstructionSet;
use crate::isa::Processor;
use assay_program::TableBase;
use assay_reference::element;

/// Bits of a packed entry that hold the step to the next one.
const STEP_BITS: u32 = 12;
/// Widest interval of a packed table: a step times a rest stays far inside int32.
const PACKED_SHIFT: u8 = 18;

/// The table of a [`Table`](assay_program::Operator::Table) operator.
#[derive(Clone, Debug)]
pub(crate) struct FunctionTable {
	entries: Vec<i32>,
	shift: u8,
	base: TableBase,
	/// Entry and step to the next entry in one word each, where all of them fit.
	packed: Option<Vec<i32>>,
}

impl FunctionTable {
	pub(crate) fn new(entries: Vec<i32>, shift: u8, base: TableBase) -> Self {
		let packed = pack(&entries, shift);
		Self { entries, shift, base, packed }
	}

	/// `Table` for any number of elements.
	pub(crate) fn apply(&self, processor: Processor, values: &[i32], out: &mut [i32]) {
		assert_eq!(values.len(), out.len(), "an element for each element");
		let Some(packed) = &self.packed else {
			for (out, value) in out.iter_mut().zip(values) {
				*out = element::table(*value, &self.entries, self.shift, self.base);
			}
			return;
		};
		let lookup = Lookup {
			packed,
			middle: ((packed.len() as i32 - 1) / 2) << self.shift,
			shift: self.shift.into(),
			relu: self.base == TableBase::Relu,
		};
		match processor.set() {
			#[cfg(target_arch = "x86_64")]
			InstructionSet::Avx512 | InstructionSet::Avx512Vnni => {
				// SAFETY: a `Processor` exists for instruction sets only that are there.
				unsafe { apply_avx512(lookup, values, out) }
			},
			_ => {
				for (out, value) in out.iter_mut().zip(values) {
					*out = lookup.one(*value);
				}
			},
		}
	}
}

/// Packs a table whose arithmetic stays within int32.
fn pack(entries: &[i32], shift: u8) -> Option<Vec<i32>> {
	let intervals = i64::try_from(entries.len().checked_sub(1)?).ok()?;
	if shift > PACKED_SHIFT || intervals << shift > i64::from(i32::MAX) {
		return None;
	}
	let steps = entries.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0]));
	// No step follows the last entry: the rest is 0 there.
	let steps = steps.chain([0]);
	let fits = |value: i64, bits: u32| (-(1_i64 << (bits - 1))..1 << (bits - 1)).contains(&value);
	let words = entries.iter().zip(steps).map(|(entry, step)| {
		let held = fits((*entry).into(), 32 - STEP_BITS) && fits(step, STEP_BITS);
		held.then_some((entry << STEP_BITS) | (step as i32 & ((1 << STEP_BITS) - 1)))
	});
	words.collect()
}

/// A packed table, ready to read.
#[derive(Clone, Copy, Debug)]
struct Lookup<'a> {
	packed: &'a [i32],
	/// Distance from either end to 0.
	middle: i32,
	shift: u32,
	relu: bool,
}

impl Lookup<'_> {
	/// One element. Entries are below 2^19, steps below 2^11, rests below 2^18.
	#[inline]
	fn one(&self, value: i32) -> i32 {
		let offset = value.clamp(-self.middle, self.middle).wrapping_add(self.middle);
		let word = self.packed[(offset >> self.shift) as usize];
		let rest = offset & ((1 << self.shift) - 1);
		let step = (word << (32 - STEP_BITS)) >> (32 - STEP_BITS);
		let half = (1 << self.shift) >> 1;
		let term = step.wrapping_mul(rest).wrapping_add(half) >> self.shift;
		let start = if self.relu { value.max(0) } else { 0 };
		start.saturating_add((word >> STEP_BITS).wrapping_add(term))
	}
}

/// [`Lookup::one`], sixteen elements at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn apply_avx512(lookup: Lookup<'_>, values: &[i32], out: &mut [i32]) {
	use core::arch::x86_64::*;

	// An offset is at most twice the middle, so an index at most the last entry's.
	let intervals = (lookup.middle >> lookup.shift) as usize * 2;
	assert!(intervals < lookup.packed.len() && values.len() == out.len());
	let zero = _mm512_setzero_si512();
	let middle = _mm512_set1_epi32(lookup.middle);
	let below = _mm512_sub_epi32(zero, middle);
	let shift = _mm_cvtsi32_si128(lookup.shift as i32);
	let rests = _mm512_set1_epi32((1 << lookup.shift) - 1);
	let half = _mm512_set1_epi32((1 << lookup.shift) >> 1);
	let top = _mm512_set1_epi32(i32::MAX);
	let relu = if lookup.relu { top } else { zero };
	let (values, value_rest) = values.as_chunks::<16>();
	let (out, out_rest) = out.as_chunks_mut::<16>();
	for (out, values) in out.iter_mut().zip(values) {
		// SAFETY: sixteen elements are read, by an unaligned load.
		let value = unsafe { _mm512_loadu_si512(values.as_ptr().cast()) };
		let clamped = _mm512_max_epi32(_mm512_min_epi32(value, middle), below);
		let offset = _mm512_add_epi32(clamped, middle);
		let index = _mm512_sra_epi32(offset, shift);
		// SAFETY: indices are within `0..=intervals`, and the table is longer (asserted above).
		let word = unsafe { _mm512_i32gather_epi32::<4>(index, lookup.packed.as_ptr()) };
		let rest = _mm512_and_si512(offset, rests);
		let step =
			_mm512_srai_epi32::<{ 32 - STEP_BITS }>(_mm512_slli_epi32::<{ 32 - STEP_BITS }>(word));
		let term = _mm512_sra_epi32(_mm512_add_epi32(_mm512_mullo_epi32(step, rest), half), shift);
		let entry = _mm512_add_epi32(_mm512_srai_epi32::<STEP_BITS>(word), term);
		// The base is not negative, so only a positive entry can carry the sum too far.
		let room = _mm512_sub_epi32(top, _mm512_max_epi32(entry, zero));
		let base = _mm512_and_si512(_mm512_max_epi32(value, zero), relu);
		let sum = _mm512_add_epi32(_mm512_min_epi32(base, room), entry);
		// SAFETY: sixteen elements are written, by an unaligned store.
		unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) };
	}
	for (out, value) in out_rest.iter_mut().zip(value_rest) {
		*out = lookup.one(*value);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn check(entries: Vec<i32>, shift: u8, base: TableBase, values: &[i32]) {
		let table = FunctionTable::new(entries.clone(), shift, base);
		let expected: Vec<i32> =
			values.iter().map(|value| element::table(*value, &entries, shift, base)).collect();
		for processor in Processor::all() {
			let mut out = vec![0; values.len()];
			table.apply(processor, values, &mut out);
			assert_eq!(out, expected, "{}", processor.set());
		}
	}

	fn values() -> impl Strategy<Value = Vec<i32>> {
		let value = prop_oneof![Just(i32::MIN), Just(i32::MAX), any::<i32>(), -70_000..70_000_i32];
		prop::collection::vec(value, 0..70)
	}

	proptest! {
		#[test]
		fn small_and_hostile_tables_equal_the_reference(
			small in prop::collection::vec(-500_000..500_000_i32, 2..40),
			hostile in prop::collection::vec(any::<i32>(), 2..40),
			flat in prop::collection::vec(-1_000..1_000_i32, 2..40),
			shift in 1_u8..=24,
			relu in any::<bool>(),
			values in values(),
		) {
			let base = if relu { TableBase::Relu } else { TableBase::Zero };
			for mut entries in [small, hostile, flat] {
				// An even number of intervals, so an odd number of entries, 3 or more.
				entries.push(7);
				if entries.len() % 2 == 0 {
					entries.pop();
					entries.resize(entries.len().max(3) | 1, -7);
				}
				check(entries, shift, base, &values);
			}
		}
	}

	#[test]
	fn a_table_like_that_of_gelu_is_packed() {
		let entries: Vec<i32> = (-2_048..=2_048_i32).map(|i| -10_000 + i.abs() * 4).collect();
		let table = FunctionTable::new(entries.clone(), 8, TableBase::Relu);
		assert!(table.packed.is_some());
		let values: Vec<i32> = (-600_000..600_000).step_by(37).collect();
		check(entries, 8, TableBase::Relu, &values);
	}
}
