//! Chance, reproducible from a seed.

use assay_primitives::economics::PPB;
use rand_pcg::{
	rand_core::{Rng, SeedableRng},
	Pcg64,
};

/// A chance, as the threshold below which a uniform 64-bit number falls: how a VRF output decides.
#[derive(Clone, Copy, Debug)]
pub struct Threshold(u128);

impl Threshold {
	/// Of a chance in parts per billion, rounded up.
	pub fn of(chance_ppb: u32) -> Self {
		Self((u128::from(chance_ppb) << 64).div_ceil(PPB.into()))
	}
}

/// A stream of random numbers.
#[derive(Debug)]
pub struct Dice(Pcg64);

impl Dice {
	/// The stream of a seed and a name for what it is used for.
	pub fn new(seed: u64, stream: u64) -> Self {
		let mut bytes = [0; 32];
		bytes[..8].copy_from_slice(&seed.to_le_bytes());
		bytes[8..16].copy_from_slice(&stream.to_le_bytes());
		let mut random = Pcg64::from_seed(bytes);
		// Neighbouring seeds differ in few bits of the state: let them part.
		for _ in 0..16 {
			random.next_u64();
		}
		Self(random)
	}

	/// Whether something of this chance happens.
	pub fn happens(&mut self, chance: Threshold) -> bool {
		u128::from(self.0.next_u64()) < chance.0
	}

	/// How many of so many independent things of this chance happen.
	pub fn count(&mut self, of: u32, chance: Threshold) -> u32 {
		(0..of).map(|_| u32::from(self.happens(chance))).sum()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn certain_and_impossible_things() {
		let mut dice = Dice::new(1, 1);
		assert_eq!(dice.count(10_000, Threshold::of(PPB)), 10_000);
		assert_eq!(dice.count(10_000, Threshold::of(0)), 0);
	}

	#[test]
	fn a_chance_is_met() {
		let mut dice = Dice::new(1, 1);
		let found = dice.count(1_000_000, Threshold::of(PPB / 20));
		// Five standard deviations of 218.
		assert!((48_900..51_100).contains(&found), "{found}");
	}

	#[test]
	fn streams_repeat_and_differ() {
		let numbers = |seed, stream| {
			let mut dice = Dice::new(seed, stream);
			(0..64).map(|_| dice.happens(Threshold::of(PPB / 2))).collect::<Vec<_>>()
		};
		assert_eq!(numbers(7, 1), numbers(7, 1));
		assert_ne!(numbers(7, 1), numbers(7, 2));
		assert_ne!(numbers(7, 1), numbers(8, 1));
	}
}
