//! Freivalds' check of a whole product of matrices.
//!
//! No game uses it: games open one row and decide exactly. It is here because it was asked whether
//! it could serve as a second check, with what it would promise; `kernels/README.md` says why not.
//!
//! Sums `C` of `m` rows `A` by `n` rows of weights `W`, all of `K` elements, are right where
//! `A * (W^T * r) = C * r` for `r = (1, x, x^2, ...)` modulo a prime, which takes `mK + nK + mn`
//! products in place of `mnK`. Where one sum is wrong by what the prime does not divide, both sides
//! differ by a polynomial of degree `n - 1` at most, which at most `n - 1` of all `x` are roots of:
//! a wrong product passes with a probability of at most `(n - 1) / prime`, below 2^-44 for
//! [`PRIME`] and the widest operators. So `x` must come from randomness that nobody knew when the
//! sums were disclosed.

use assay_program::{merkle, Hash};
use codec::Encode;

/// 2^61 - 1. No two sums that differ are the same modulo it, for they are int32.
pub const PRIME: u64 = (1 << 61) - 1;

/// What the challenge is hashed with.
const DOMAIN: &str = "assay/freivalds/1";

/// A product and what is claimed of it.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
	/// `A`, `[m, K]`.
	pub rows: &'a [i16],
	/// `W`, `[n, K]`.
	pub weights: &'a [i8],
	/// `C`, `[m, n]`.
	pub sums: &'a [i32],
	/// `K`.
	pub depth: usize,
}

/// The challenge for a disclosure: `randomness` must be younger than that.
pub fn challenge(randomness: &Hash, disclosure: &Hash) -> u64 {
	let hash = merkle::blake2_256(&(DOMAIN, randomness, disclosure).encode());
	let (words, _) = hash.as_chunks::<16>();
	let number = words.first().map_or(0, |word| u128::from_le_bytes(*word));
	u64::try_from(number.checked_rem(PRIME.into()).unwrap_or(0)).unwrap_or(0)
}

/// Whether a product passes with a challenge, modulo a prime below 2^62: [`PRIME`], or a small one
/// whose misses can be counted. `None` where the sizes do not fit each other.
pub fn freivalds(product: &Product<'_>, challenge: u64, prime: u64) -> Option<bool> {
	let Product { rows, weights, sums, depth } = *product;
	if prime < 2 || depth == 0 {
		return None;
	}
	let count = weights.len().checked_div(depth)?;
	let is_whole = |length: usize, width: usize| length.checked_rem(width) == Some(0);
	let height = rows.len().checked_div(depth)?;
	let fits = is_whole(rows.len(), depth) && is_whole(weights.len(), depth) && count > 0;
	if !fits || height.checked_mul(count) != Some(sums.len()) {
		return None;
	}
	let field = Field(prime);
	let combined = field.combine(weights, depth, challenge)?;
	let mut both = rows.chunks_exact(depth).zip(sums.chunks_exact(count));
	both.try_fold(true, |passes, (row, sums)| {
		let left = row.iter().zip(&combined).try_fold(0, |sum, (element, combined)| {
			field.add(sum, field.times(field.of((*element).into())?, *combined)?)
		})?;
		// By Horner, from the last sum to the first.
		let right = sums.iter().rev().try_fold(0, |sum, claimed| {
			field.add(field.times(sum, challenge)?, field.of((*claimed).into())?)
		})?;
		Some(passes && left == right)
	})
}

/// Numbers below a prime.
#[derive(Clone, Copy)]
struct Field(u64);

impl Field {
	/// A number of either sign.
	fn of(self, number: i64) -> Option<u64> {
		u64::try_from(i128::from(number).checked_rem_euclid(self.0.into())?).ok()
	}

	fn add(self, left: u64, right: u64) -> Option<u64> {
		left.checked_add(right)?.checked_rem(self.0)
	}

	fn times(self, left: u64, right: u64) -> Option<u64> {
		let product = u128::from(left).checked_mul(right.into())?;
		u64::try_from(product.checked_rem(self.0.into())?).ok()
	}

	/// `W^T * r`: the rows of weights, each times a power of the challenge.
	fn combine(self, weights: &[i8], depth: usize, challenge: u64) -> Option<alloc::vec::Vec<u64>> {
		let mut combined = alloc::vec![0; depth];
		for row in weights.chunks_exact(depth).rev() {
			for (sum, weight) in combined.iter_mut().zip(row) {
				*sum = self.add(self.times(*sum, challenge)?, self.of((*weight).into())?)?;
			}
		}
		Some(combined)
	}
}
