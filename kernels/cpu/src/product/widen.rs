//! Weights into panels: transposed, and widened to int16.

use super::PANEL;
#[cfg(target_arch = "x86_64")]
use crate::isa::InstructionSet;
use crate::isa::Processor;

/// Fills a panel from the weights of up to sixteen columns, `depth` bytes each. Lanes of columns
/// that are not there stay as they are.
pub(super) fn panel(processor: Processor, source: &[u8], depth: usize, target: &mut [i16]) {
	let done = match processor.set() {
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx512 | InstructionSet::Avx512Vnni if source.len() == PANEL * depth => {
			// SAFETY: the processor has AVX-512 F and BW, and AVX2.
			unsafe { x86::panel_avx512(source, depth, target) }
		},
		#[cfg(target_arch = "x86_64")]
		InstructionSet::Avx2 | InstructionSet::AvxVnni if source.len() == PANEL * depth => {
			// SAFETY: the processor has AVX2.
			unsafe { x86::panel_avx2(source, depth, target) }
		},
		_ => 0,
	};
	for (lane, column) in source.chunks_exact(depth).enumerate() {
		let pairs = column[done..].chunks(2);
		let lanes = target[done * PANEL..].chunks_exact_mut(PANEL * 2);
		for (steps, lanes) in pairs.zip(lanes) {
			let step = |number: usize| steps.get(number).map_or(0, |byte| i16::from(*byte as i8));
			(lanes[lane * 2], lanes[lane * 2 + 1]) = (step(0), step(1));
		}
	}
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use super::PANEL;
	use core::arch::x86_64::*;

	/// Steps that are transposed at once: sixteen pairs.
	const STEPS: usize = 32;

	/// Transposes sixteen rows of sixteen pairs of bytes.
	#[inline]
	#[target_feature(enable = "avx2")]
	fn transpose(rows: [__m256i; 16]) -> [__m256i; 16] {
		let mut halves = [[_mm256_setzero_si256(); 8]; 2];
		// Within each 128-bit lane eight rows by eight pairs.
		for (half, rows) in halves.iter_mut().zip([&rows[..8], &rows[8..]]) {
			let low = |a: usize| _mm256_unpacklo_epi16(rows[a], rows[a + 1]);
			let high = |a: usize| _mm256_unpackhi_epi16(rows[a], rows[a + 1]);
			let twos = [low(0), low(2), low(4), low(6), high(0), high(2), high(4), high(6)];
			let low = |a: usize| _mm256_unpacklo_epi32(twos[a], twos[a + 1]);
			let high = |a: usize| _mm256_unpackhi_epi32(twos[a], twos[a + 1]);
			// Pairs 0 and 1 of rows 0 to 3, then of rows 4 to 7; pairs 2 and 3, and so on.
			let fours = [low(0), low(2), high(0), high(2), low(4), low(6), high(4), high(6)];
			for (number, eights) in half.chunks_exact_mut(2).enumerate() {
				let (a, b) = (fours[number * 2], fours[number * 2 + 1]);
				eights[0] = _mm256_unpacklo_epi64(a, b);
				eights[1] = _mm256_unpackhi_epi64(a, b);
			}
		}
		let mut columns = [_mm256_setzero_si256(); 16];
		for number in 0..8 {
			let (a, b) = (halves[0][number], halves[1][number]);
			columns[number] = _mm256_permute2x128_si256::<0x20>(a, b);
			columns[number + 8] = _mm256_permute2x128_si256::<0x31>(a, b);
		}
		columns
	}

	/// Declares the loop over a panel's steps; it gives the number of steps done.
	macro_rules! panel {
		($name:ident, $features:literal, $store:expr) => {
			#[target_feature(enable = $features)]
			pub(super) fn $name(source: &[u8], depth: usize, target: &mut [i16]) -> usize {
				let whole = depth / STEPS * STEPS;
				assert!(source.len() == PANEL * depth && target.len() >= whole * PANEL);
				for first in (0..whole).step_by(STEPS) {
					let mut rows = [_mm256_setzero_si256(); 16];
					for (number, row) in rows.iter_mut().enumerate() {
						let from = &source[number * depth + first..number * depth + first + STEPS];
						// SAFETY: 32 bytes are read, by an unaligned load.
						*row = unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
					}
					let targets =
						target[first * PANEL..(first + STEPS) * PANEL].chunks_exact_mut(PANEL * 2);
					for (target, bytes) in targets.zip(transpose(rows)) {
						// SAFETY: 32 values are written, by unaligned stores.
						unsafe { $store(target.as_mut_ptr(), bytes) };
					}
				}
				whole
			}
		};
	}

	panel!(panel_avx512, "avx2,avx512f,avx512bw", |target: *mut i16, bytes| {
		_mm512_storeu_si512(target.cast(), _mm512_cvtepi8_epi16(bytes));
	});
	panel!(panel_avx2, "avx2", |target: *mut i16, bytes| {
		let halves = [_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes)];
		for (number, half) in halves.into_iter().enumerate() {
			_mm256_storeu_si256(target.add(number * 16).cast(), _mm256_cvtepi8_epi16(half));
		}
	});
}
