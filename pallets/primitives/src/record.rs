//! What became of a provider's work, and how far it is trusted for that: pure functions that the
//! providers pallet stores the results of.
//!
//! A record fades by halves, so that what counts is what a provider does lately. It can be bought:
//! a provider may lease from itself under as many names as it likes. So it counts only what such a
//! wash trade loses for good: the protocol's share of each price and the fees that its tenants had
//! burnt, never the price, which comes back. Full trust costs [`TrustTerms::fees_full`] at least,
//! and half of that again in every half-life; accounts for the tenants come on top. And all
//! that it buys is that tenants may choose a lower audit rate, down to the floor that holds for
//! everybody: as the rate falls the pledge rises, so a wrong result loses as before.

use crate::Balance;
use codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::Perbill;

/// What a conviction adds to [`Record::guilty`]: it is halved to nothing in the fifth half-life
/// after it, so at least four whole ones pass.
pub const CONVICTION: u32 = 16;

/// What became of a slot, or what was paid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a, AccountId> {
	/// Its claim was paid.
	Settled {
		/// Who paid.
		tenant: &'a AccountId,
		/// What of it nobody gets back.
		fee: Balance,
	},
	/// It was accepted, and ended without a claim.
	Lapsed,
	/// Its claim was wrong.
	Guilty,
	/// A tenant had a fee burnt for a job of the provider.
	Burnt(Balance),
}

/// What became of a provider's work, each number halved as often as a half-life has ended since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Record {
	/// Jobs whose claim was paid.
	pub settled: u32,
	/// Accepted slots without a claim.
	pub lapsed: u32,
	/// Convictions, [`CONVICTION`] for each.
	pub guilty: u32,
	/// Bits of the tenants that paid in this half-life, and in the one before it.
	pub tenants: [u128; 2],
	/// What these jobs cost and nobody gets back, in planck.
	pub fees: Balance,
	/// The duty period in which it was changed last.
	pub period: u32,
}

/// What full trust takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustTerms {
	/// Fees, in planck. Above zero.
	pub fees_full: Balance,
	/// Distinct tenants. Above zero.
	pub tenants_full: u32,
}

impl Record {
	/// Whether nothing is on record.
	pub fn is_empty(&self) -> bool {
		Self { period: 0, ..*self } == Self::default()
	}

	/// The record in a duty period, of which each so many make a half-life: all ends of half-lives
	/// that lie between count, however often one looks.
	pub fn at(self, period: u32, half_life: u32) -> Self {
		let number = |period: u32| period.checked_div(half_life).unwrap_or_default();
		let halvings = number(period).saturating_sub(number(self.period));
		// A period that is behind the record is a chain that went back.
		Self { period: period.max(self.period), ..self.decayed(halvings) }
	}

	/// The record after so many half-lives. It never grows, and the order of decays does not
	/// matter.
	pub fn decayed(self, halvings: u32) -> Self {
		let half = |count: u32| count.checked_shr(halvings).unwrap_or_default();
		let [now, before] = self.tenants;
		let tenants = match halvings {
			0 => [now, before],
			1 => [0, now],
			_ => [0, 0],
		};
		Self {
			settled: half(self.settled),
			lapsed: half(self.lapsed),
			guilty: half(self.guilty),
			tenants,
			fees: self.fees.checked_shr(halvings).unwrap_or_default(),
			period: self.period,
		}
	}

	/// The record with one outcome more. Every number stops at its end.
	pub fn with<AccountId: Encode>(
		mut self,
		provider: &AccountId,
		outcome: &Outcome<'_, AccountId>,
	) -> Self {
		match outcome {
			Outcome::Settled { tenant, fee } => {
				self.settled = self.settled.saturating_add(1);
				self.fees = self.fees.saturating_add(*fee);
				let [now, _] = &mut self.tenants;
				*now |= tenant_bit(provider, *tenant);
			},
			Outcome::Lapsed => self.lapsed = self.lapsed.saturating_add(1),
			Outcome::Guilty => self.guilty = self.guilty.saturating_add(CONVICTION),
			Outcome::Burnt(fee) => self.fees = self.fees.saturating_add(*fee),
		}
		self
	}

	/// What stays when its provider leaves: guilt, so that it cannot be shed by leaving. The rest
	/// would only speak for whoever comes back.
	pub fn guilt(&self) -> Self {
		Self { guilty: self.guilty, period: self.period, ..Self::default() }
	}

	/// Distinct tenants that paid in this half-life and the one before: at least so many, since two
	/// may share a bit. Choosing accounts by their bits gains nothing, as each sets one at most.
	pub fn tenant_count(&self) -> u32 {
		let [now, before] = self.tenants;
		(now | before).count_ones()
	}

	/// Convictions, what is left of one counted as one.
	pub fn convictions(&self) -> u32 {
		self.guilty.div_ceil(CONVICTION)
	}

	/// How far the provider is trusted, in parts per billion: not at all while anything is left of
	/// a conviction; else as far as both fees and tenants reach, less the share of what it accepted
	/// and did not claim. Rounded down.
	pub fn trust(&self, terms: &TrustTerms) -> u32 {
		if self.guilty > 0 {
			return 0;
		}
		let fees = Perbill::from_rational(self.fees, terms.fees_full);
		let tenants = Perbill::from_rational(self.tenant_count(), terms.tenants_full);
		let (settled, lapsed) = (u64::from(self.settled), u64::from(self.lapsed));
		let kept = Perbill::from_rational(settled, settled.saturating_add(lapsed));
		kept.mul_floor(fees.min(tenants).deconstruct())
	}
}

/// The bit of a tenant among those of a provider. It depends on both, so that nobody has an
/// account whose bit is free, or taken, at every provider.
pub fn tenant_bit<AccountId: Encode>(provider: &AccountId, tenant: &AccountId) -> u128 {
	let hash = ("assay/tenant/1", provider, tenant).using_encoded(sp_io::hashing::blake2_256);
	let [first, ..] = hash;
	1u128.checked_shl(u32::from(first) & 127).unwrap_or_default()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const TERMS: TrustTerms = TrustTerms { fees_full: 1_000, tenants_full: 16 };

	/// A record of so many tenants.
	fn of(settled: u32, lapsed: u32, tenants: u32, fees: Balance) -> Record {
		Record { settled, lapsed, tenants: [(1 << tenants) - 1, 0], fees, ..Record::default() }
	}

	#[test]
	fn trust_is_limited_by_fees_and_by_tenants() {
		assert_eq!(of(100, 0, 16, 1_000).trust(&TERMS), 1_000_000_000);
		assert_eq!(of(100, 0, 100, 9_000).trust(&TERMS), 1_000_000_000, "never above one");
		assert_eq!(of(100, 0, 16, 250).trust(&TERMS), 250_000_000);
		assert_eq!(of(100, 0, 4, 1_000).trust(&TERMS), 250_000_000);
		assert_eq!(of(100, 0, 0, 1_000).trust(&TERMS), 0);
		assert_eq!(Record::default().trust(&TERMS), 0, "an empty record earns nothing");
	}

	#[test]
	fn lapses_cost_trust() {
		assert_eq!(of(3, 1, 16, 1_000).trust(&TERMS), 750_000_000);
		assert_eq!(of(0, 1, 16, 1_000).trust(&TERMS), 0);
	}

	#[test]
	fn a_conviction_costs_all_trust_for_four_half_lives() {
		let best = of(u32::MAX, 0, 100, Balance::MAX);
		let guilty = best.with(&1u64, &Outcome::Guilty);
		for halvings in 0..=4 {
			assert_eq!(guilty.decayed(halvings).trust(&TERMS), 0);
			assert_eq!(guilty.decayed(halvings).convictions(), 1);
		}
		let later = guilty.decayed(5);
		assert_eq!(later.convictions(), 0);
		assert_eq!(later.trust(&TERMS), 0, "its tenants are long ago, too");
		assert!(later.with(&1u64, &Outcome::Settled { tenant: &2, fee: 1 }).trust(&TERMS) > 0);
		assert_eq!(guilty.guilt(), Record { guilty: CONVICTION, ..Record::default() });
	}

	#[test]
	fn half_lives_end_where_the_period_says() {
		let record = Record { period: 7, ..of(9, 4, 3, 5) };
		assert_eq!(record.at(9, 10), Record { period: 9, ..record });
		let next = Record { settled: 4, lapsed: 2, tenants: [0, 7], fees: 2, ..record };
		assert_eq!(record.at(10, 10), Record { period: 10, ..next });
		assert_eq!(record.at(19, 10), Record { period: 19, ..next });
		assert_eq!(record.at(20, 10).tenant_count(), 0);
		assert!(record.at(u32::MAX, 1).is_empty());
		assert_eq!(record.at(3, 10), record, "nothing comes back");
	}

	#[test]
	fn a_tenant_has_one_bit_and_another_one_elsewhere() {
		let bits = |provider: u64| (0..64u64).map(move |tenant| tenant_bit(&provider, &tenant));
		assert!(bits(1).all(|bit| bit.count_ones() == 1));
		let differ = bits(1).zip(bits(2)).filter(|(one, other)| one != other).count();
		assert!(differ > 48, "{differ} of 64");
		let set = bits(1).fold(0, |set, bit| set | bit).count_ones();
		assert!((40..=64).contains(&set), "{set} bits of 64 tenants");
	}

	fn any_record() -> impl Strategy<Value = Record> {
		let numbers = (any::<u32>(), any::<u32>(), 0..CONVICTION * 4);
		(numbers, any::<[u128; 2]>(), any::<Balance>(), any::<u32>()).prop_map(
			|((settled, lapsed, guilty), tenants, fees, period)| Record {
				settled,
				lapsed,
				guilty,
				tenants,
				fees,
				period,
			},
		)
	}

	proptest! {
		#[test]
		fn decays_in_any_order_are_the_same(record in any_record(), a in 0..70u32, b in 0..70u32) {
			prop_assert_eq!(record.decayed(a).decayed(b), record.decayed(b).decayed(a));
			prop_assert_eq!(record.decayed(a).decayed(b), record.decayed(a + b));
		}

		#[test]
		fn looking_between_changes_nothing(
			record in any_record(),
			half_life in 1..50u32,
			steps in prop::collection::vec(0..100u32, 0..8),
		) {
			let mut stepped = record;
			for step in &steps {
				stepped = stepped.at(stepped.period.saturating_add(*step), half_life);
			}
			prop_assert_eq!(stepped, record.at(stepped.period, half_life));
		}

		#[test]
		fn a_decay_never_grows(record in any_record(), halvings in 0..200u32) {
			let later = record.decayed(halvings);
			prop_assert!(later.settled <= record.settled && later.lapsed <= record.lapsed);
			prop_assert!(later.guilty <= record.guilty && later.fees <= record.fees);
			prop_assert!(later.tenant_count() <= record.tenant_count());
			prop_assert!(halvings < 128 || later.is_empty());
		}

		#[test]
		fn only_fees_and_tenants_raise_trust(record in any_record(), other: u64, fee: u32) {
			let trust = |record: Record| record.trust(&TERMS);
			let noted = |outcome: Outcome<'_, u64>| trust(record.with(&1, &outcome));
			let paid = noted(Outcome::Settled { tenant: &other, fee: fee.into() });
			let (before, burnt) = (trust(record), noted(Outcome::Burnt(fee.into())));
			prop_assert!(paid >= before && burnt >= before);
			prop_assert!(noted(Outcome::Lapsed) <= before);
			prop_assert_eq!(noted(Outcome::Guilty), 0);
			// A wash trade without a fee buys nothing that fees limit.
			let free = record.with(&1, &Outcome::Settled { tenant: &other, fee: 0 });
			let limit = Perbill::from_rational(record.fees, TERMS.fees_full).deconstruct();
			prop_assert!(trust(free) <= limit);
		}
	}
}
