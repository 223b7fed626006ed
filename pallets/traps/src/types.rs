//! Stored types and what is computed from them alone.

use assay_primitives::{Balance, TRAPS_MAX};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_core::H256;

/// Most roots that are kept: the next one takes the place of the oldest. With duty periods of 100
/// blocks that is five hours, more than a job takes that is not disputed.
pub const ROOTS_MAX: u32 = 64;

/// One bit for each leaf of a root.
pub type Bits = BoundedVec<u8, ConstU32<{ TRAPS_MAX / 8 }>>;

/// The traps of a duty period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Root {
	/// Merkle root over the leaves.
	pub root: H256,
	/// How many these are.
	pub count: u32,
	/// The block in which it was posted: only a job that is younger can be one of its traps.
	pub posted_at: u32,
	/// Which leaves were opened.
	opened: Bits,
}

impl Root {
	/// A root of which nothing is opened; none where it has no leaves, or more than it may.
	pub fn new(root: H256, count: u32, posted_at: u32) -> Option<Self> {
		if !(1..=TRAPS_MAX).contains(&count) {
			return None;
		}
		let bytes = usize::try_from(count.div_ceil(8)).ok()?;
		let opened = alloc::vec![0; bytes].try_into().ok()?;
		Some(Self { root, count, posted_at, opened })
	}

	/// Whether a leaf was opened. Where there is no such leaf it was not.
	pub fn is_open(&self, index: u32) -> bool {
		let (byte, bit) = place(index);
		self.opened.get(byte).is_some_and(|bits| bits & bit != 0)
	}

	/// The root once a leaf is opened.
	pub fn with_open(mut self, index: u32) -> Self {
		let (byte, bit) = place(index);
		if let Some(bits) = self.opened.get_mut(byte).filter(|_| index < self.count) {
			*bits |= bit;
		}
		self
	}

	/// How many leaves were opened.
	pub fn opened(&self) -> u32 {
		self.opened.iter().fold(0, |sum, bits| sum.saturating_add(bits.count_ones()))
	}

	/// Whether there is a bit for each leaf and none is set beyond.
	pub fn is_sound(&self) -> bool {
		let bytes = self.opened.len();
		let bits = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(8);
		let beyond = (self.count..bits).any(|index| self.is_open(index));
		(1..=TRAPS_MAX).contains(&self.count)
			&& usize::try_from(self.count.div_ceil(8)) == Ok(bytes)
			&& !beyond
	}
}

/// The byte in which the bit of a leaf lies, and that bit.
fn place(index: u32) -> (usize, u8) {
	let bit = 1u8.checked_shl(index & 7).unwrap_or_default();
	(usize::try_from(index >> 3).unwrap_or(usize::MAX), bit)
}

/// That a provider may open traps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Licence {
	/// Most traps that it opens of each root.
	pub allowance: u32,
	/// How many it has opened, by the period of the root. Roots that are not kept any more may be
	/// among them until the next opening.
	pub opened: BoundedVec<(u32, u32), ConstU32<ROOTS_MAX>>,
}

impl Licence {
	/// How many traps of the root of a period were opened.
	pub fn opened_of(&self, period: u32) -> u32 {
		self.opened.iter().find(|(of, _)| *of == period).map_or(0, |(_, count)| *count)
	}

	/// The licence after one more was opened; `kept` are the periods whose roots are kept, this one
	/// among them. None where the allowance is spent.
	pub fn with_one_more(mut self, period: u32, kept: &[u32]) -> Option<Self> {
		let count = self.opened_of(period);
		if count >= self.allowance {
			return None;
		}
		self.opened.retain(|(of, _)| *of != period && kept.contains(of));
		self.opened.try_push((period, count.saturating_add(1))).ok()?;
		Some(self)
	}
}

/// What a trap promises to those who saw through it: so many times the price of its job, and never
/// more than a most.
pub fn jackpot(price_max: Balance, factor: u32, most: Balance) -> Balance {
	// Beyond any balance it is the most.
	price_max.saturating_mul(Balance::from(factor)).min(most)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_root_has_leaves_and_not_too_many() {
		for (count, is_root) in
			[(0, false), (1, true), (TRAPS_MAX, true), (TRAPS_MAX + 1, false), (u32::MAX, false)]
		{
			assert_eq!(Root::new(H256::zero(), count, 1).is_some(), is_root, "{count}");
		}
	}

	#[test]
	fn each_leaf_has_a_bit_of_its_own() {
		for count in [1, 7, 8, 9, 100, TRAPS_MAX] {
			let mut root = Root::new(H256::zero(), count, 1).unwrap();
			for index in 0..count {
				assert!(!root.is_open(index));
				root = root.with_open(index);
				assert!(root.is_open(index) && root.is_sound());
				assert_eq!(root.opened(), index + 1);
			}
			assert_eq!(root.clone().with_open(count), root);
			assert_eq!(root.clone().with_open(u32::MAX), root);
			assert!(!root.is_open(count) && !root.is_open(u32::MAX));
		}
	}

	#[test]
	fn an_allowance_counts_for_each_root() {
		let licence = Licence { allowance: 2, ..Default::default() };
		let once = licence.with_one_more(5, &[4, 5]).unwrap();
		let twice = once.with_one_more(5, &[4, 5]).unwrap();
		assert_eq!((twice.opened_of(5), twice.opened_of(4)), (2, 0));
		assert_eq!(twice.clone().with_one_more(5, &[4, 5]), None);
		let other = twice.with_one_more(4, &[4, 5]).unwrap();
		assert_eq!((other.opened_of(5), other.opened_of(4)), (2, 1));
		let later = other.with_one_more(9, &[5, 9]).unwrap();
		assert_eq!(later.opened[..], [(5, 2), (9, 1)], "what is not kept is forgotten");
	}

	#[test]
	fn a_licence_holds_as_many_periods_as_roots_are_kept() {
		let kept: Vec<u32> = (0..ROOTS_MAX).collect();
		let mut licence = Licence { allowance: 1, ..Default::default() };
		for period in &kept {
			licence = licence.with_one_more(*period, &kept).unwrap();
		}
		assert_eq!(licence.opened.len() as u32, ROOTS_MAX);
		let kept: Vec<u32> = (1..=ROOTS_MAX).collect();
		assert!(licence.with_one_more(ROOTS_MAX, &kept).is_some());
	}

	#[test]
	fn a_jackpot_follows_the_price_up_to_its_most() {
		assert_eq!(jackpot(3, 25, 1_000), 75);
		assert_eq!(jackpot(41, 25, 1_000), 1_000);
		assert_eq!(jackpot(Balance::MAX, 25, 1_000), 1_000);
		assert_eq!(jackpot(0, 25, 1_000), 0);
	}
}
