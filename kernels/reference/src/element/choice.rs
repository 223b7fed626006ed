//! How a decoder chooses tokens.

use crate::arithmetic::{round_div, round_shift_or_none, saturate, scale_up};
use assay_program::{
	limits::{ALL_OF_THE_MASS, DRAW_BLOCK, LOW_BINS, SAMPLING_FRACTION},
	merkle::blake2_256,
	Hash, Sampling, TallyBy,
};

/// The temperature of a job that samples nothing: 1.
pub const NEUTRAL_TEMPERATURE: u32 = 1 << SAMPLING_FRACTION;

/// `ArgMax`, zero of the fold: an element and its index.
pub const ARG_MAX_ZERO: (i32, i32) = (i32::MIN, 0);

/// `ArgMax`, fold. Elements come in the order of their indices.
#[inline]
pub fn arg_max_fold(best: (i32, i32), value: i32, index: i32) -> (i32, i32) {
	if value > best.0 {
		(value, index)
	} else {
		best
	}
}

/// `Temper`.
#[inline]
pub fn temper(value: i32, max: i32, temperature: u32) -> i32 {
	let distance = i64::from(value).saturating_sub(max.into());
	saturate(round_div(scale_up(distance, SAMPLING_FRACTION.into()), temperature.into()))
}

/// `Tally`: the bin that a weight is in, if any. `high` is the high digit that is looked at, where
/// the bins are over low digits.
#[inline]
pub fn tally_bin(weight: i32, high: Option<i32>) -> Option<usize> {
	let own = weight >> 8;
	match high {
		_ if weight == 0 => None,
		None => usize::try_from(own).ok(),
		Some(high) if high == own => usize::try_from(weight & 255).ok(),
		Some(_) => None,
	}
}

/// A weight without its last bits.
#[inline]
fn shortened(weight: i32, shift: u8) -> i64 {
	round_shift_or_none(weight.into(), shift.into())
}

/// `Tally`, fold for a weight of the bin; zero is 0.
#[inline]
pub fn tally_fold(partial: i64, weight: i32, by: TallyBy) -> i64 {
	partial.saturating_add(match by {
		TallyBy::Count => 1,
		TallyBy::Mass { shift } => shortened(weight, shift),
	})
}

/// `Tally`, finish.
#[inline]
pub fn tally_finish(partial: i64) -> i32 {
	saturate(partial)
}

/// What `Cut` by top-k needs.
#[inline]
pub fn top_k_need(top_k: u32) -> i64 {
	top_k.into()
}

/// What `Cut` by top-p needs, of bins of mass.
#[inline]
pub fn top_p_need(bins: &[i32], top_p: u32) -> i64 {
	let total = bins.iter().fold(0i64, |sum, bin| sum.saturating_add((*bin).into()));
	round_div(total.saturating_mul(top_p.into()), ALL_OF_THE_MASS.into()).max(1)
}

/// From the last bin down, the first where the running sum reaches `need`, and the sum before it.
fn reach(bins: &[i32], need: i64) -> Option<(i32, i64)> {
	let mut above = 0i64;
	for (number, bin) in bins.iter().enumerate().rev() {
		let sum = above.saturating_add((*bin).into());
		if sum >= need {
			return Some((i32::try_from(number).ok()?, above));
		}
		above = sum;
	}
	None
}

/// `Cut`.
#[inline]
pub fn cut(bins: &[i32], need: i64) -> [i32; 2] {
	match reach(bins, need) {
		Some((bin, above)) if need > 0 => [bin, saturate(need.saturating_sub(above))],
		_ => [0, i32::MAX],
	}
}

/// `Threshold`.
#[inline]
pub fn threshold(bins: &[i32], high: i32, need: i32) -> i32 {
	let low = reach(bins, need.into()).map_or(0, |(bin, _)| bin);
	let least = i64::from(high).saturating_mul(LOW_BINS.into());
	saturate(least.saturating_add(low.into()))
}

/// `Keep`.
#[inline]
pub fn keep(weight: i32, threshold: i32) -> i32 {
	if weight >= threshold {
		weight
	} else {
		0
	}
}

/// `BlockSum`, fold; zero is 0.
#[inline]
pub fn block_sum_fold(partial: i64, weight: i32, shift: u8) -> i64 {
	partial.saturating_add(shortened(weight, shift))
}

/// `BlockSum`, finish.
#[inline]
pub fn block_sum_finish(partial: i64) -> i32 {
	saturate(partial)
}

/// `Draw`: the hash of the seed, by which all numbers of a job are made.
#[inline]
pub fn sample_key(sampling: &Option<Sampling>) -> Hash {
	const DOMAIN: &[u8; 14] = b"assay/sample/1";
	let mut keyed = [0; 46];
	let seed = sampling.as_ref().map_or([0; 32], |sampling| sampling.seed);
	let parts = DOMAIN.iter().chain(&seed);
	keyed.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
	blake2_256(&keyed)
}

/// `Draw`: the random number of a row in a step.
#[inline]
pub fn random_number(key: &Hash, step: u32, row: u32) -> u64 {
	let mut numbered = [0; 40];
	let (step, row) = (step.to_le_bytes(), row.to_le_bytes());
	let parts = key.iter().chain(&step).chain(&row);
	numbered.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
	let [a, b, c, d, e, f, g, h, ..] = blake2_256(&numbered);
	u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The first of some numbers whose running sum exceeds `place`, and the sum before it.
fn exceed(numbers: impl Iterator<Item = i64>, place: i64) -> Option<(i32, i64)> {
	let mut before = 0i64;
	for (index, number) in (0i32..).zip(numbers) {
		let sum = before.saturating_add(number);
		if sum > place {
			return Some((index, before));
		}
		before = sum;
	}
	None
}

/// `Draw`: the block in which a random number lies, and its place there.
#[inline]
pub fn draw(sums: &[i32], random: u64) -> [i32; 2] {
	let total = sums.iter().fold(0i64, |total, sum| total.saturating_add((*sum).into()));
	let product = u128::from(random).saturating_mul(u128::from(total.max(0).unsigned_abs()));
	let place = i64::try_from(product >> 64).unwrap_or(i64::MAX);
	match exceed(sums.iter().map(|sum| i64::from(*sum)), place) {
		Some((block, before)) => [block, saturate(place.saturating_sub(before))],
		None => [0, 0],
	}
}

/// `Pick`, of the weights of block `block`.
#[inline]
pub fn pick(weights: &[i32], block: i32, place: i32, shift: u8) -> i32 {
	let inside = exceed(weights.iter().map(|weight| shortened(*weight, shift)), place.into());
	let first = i64::from(block).saturating_mul(DRAW_BLOCK.into());
	saturate(first.saturating_add(inside.map_or(0, |(index, _)| index).into()))
}

/// `Choose`, of the id of the last position and the token for it.
#[inline]
pub fn choose(id: i32, token: i32) -> i32 {
	if id < 0 {
		-1
	} else {
		token
	}
}

/// Whether a row that chose `token` has ended.
#[inline]
pub fn ends(token: i32, ends: &[u32]) -> bool {
	u32::try_from(token).map_or(true, |token| ends.contains(&token))
}

/// The id that the next step begins with where a row chose `token`: `Tokens` after the first step.
#[inline]
pub fn next_id(token: i32, ends_of_row: &[u32]) -> i32 {
	if ends(token, ends_of_row) {
		-1
	} else {
		token
	}
}
