//! What is recorded of auditors and pools, and every way in which it may change. No storage here:
//! transitions work on values, so they are tested without a chain.

use assay_primitives::{AccountId, Balance, DutyKey, ModelId};
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	traits::Get, BoundedVec, CloneNoBound, DebugNoBound, DefaultNoBound, EqNoBound,
	PartialEqNoBound,
};
use scale_info::TypeInfo;
use sp_core::{H256, U256};

/// Blocks among which the draws of a commitment are looked for, the next one first.
pub const DRAW_BLOCKS: u32 = 16;
/// Blocks in which a mark that is due gets onto the chain: it may have to be sent again.
pub const MARK_SLACK_BLOCKS: u32 = 16;
/// Most members that a view of a pool lists.
pub const VIEW_ENTRIES_MAX: usize = 256;
/// Parts of an audit rate that make one.
pub const RATE_PARTS: u32 = 1_000_000_000;
/// Bits after the point of a [`ticket`]'s logarithm.
const LOG_BITS: u32 = 32;
/// A threshold below which every number lies: 2^64.
pub const ALWAYS: u128 = 1 << 64;

/// A value that changes at the beginning of a duty period: until then the one before counts.
///
/// The period before this one can be asked for, this one and later ones, so three values are enough
/// however often it changes: what counts now was decided before the period began. Duties of a job
/// are those of the period of its commitment, also when notices reach into the next: else whoever
/// has drawn could leave, and let others draw once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Counted<V> {
	/// First duty period in which `after` counts.
	period: u32,
	/// First duty period in which `before` counts.
	since: u32,
	earlier: V,
	before: V,
	after: V,
}

impl<V: Clone + PartialEq> Counted<V> {
	/// A value that counts in every period.
	pub fn always(value: V) -> Self {
		Self { period: 0, since: 0, earlier: value.clone(), before: value.clone(), after: value }
	}

	/// What counts in a period: the last one, the present one or a later one.
	pub fn at(&self, period: u32) -> &V {
		if period >= self.period {
			&self.after
		} else if period >= self.since {
			&self.before
		} else {
			&self.earlier
		}
	}

	/// First period in which the later of the two values counts.
	#[cfg(any(feature = "std", feature = "try-runtime"))]
	pub(crate) fn begins(&self) -> u32 {
		self.period
	}

	/// What will count in the period after this one.
	pub fn next(&self, now: u32) -> &V {
		self.at(following(now))
	}

	/// Let a value count from the next period on. A value that would count then anyway changes
	/// nothing.
	pub fn set_next(&mut self, now: u32, value: V) {
		if *self.next(now) == value {
			return;
		}
		if self.period != following(now) {
			*self = Self {
				period: following(now),
				since: now,
				earlier: self.at(now.saturating_sub(1)).clone(),
				before: self.at(now).clone(),
				after: value.clone(),
			};
		}
		self.after = value;
	}
}

/// A value that counts in one duty period and has to be told anew for each: where nothing was told
/// for a period it is nothing. As of a [`Counted`] one can ask for the period before this one, for
/// this one and for the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Renewed<V> {
	/// The duty period in which `after` counts.
	period: u32,
	/// What counts in the period before the one before that.
	earlier: V,
	/// What counts in the period before that.
	before: V,
	after: V,
}

impl<V: Clone + Default> Renewed<V> {
	/// What counts in a period.
	pub fn at(&self, period: u32) -> V {
		match self.period.checked_sub(period) {
			Some(0) => self.after.clone(),
			Some(1) => self.before.clone(),
			Some(2) => self.earlier.clone(),
			_ => V::default(),
		}
	}

	/// The last period for which something was told.
	#[cfg(any(feature = "std", feature = "try-runtime"))]
	pub(crate) fn begins(&self) -> u32 {
		self.period
	}

	/// What counts in the last period, in this one and in the next.
	#[cfg(feature = "runtime-benchmarks")]
	pub(crate) fn around(now: u32, value: V) -> Self {
		let (earlier, before) = (value.clone(), value.clone());
		Self { period: following(now), earlier, before, after: value }
	}

	/// What will count in the period after this one.
	pub fn next(&self, now: u32) -> V {
		self.at(following(now))
	}

	/// Tell what counts in the next period, over what was told before.
	pub fn set_next(&mut self, now: u32, value: V) {
		let earlier = now.checked_sub(1).map_or_else(V::default, |last| self.at(last));
		*self = Self { period: following(now), earlier, before: self.at(now), after: value };
	}
}

/// `-log2((number + 1) / 2^64)`, with 32 bits after the point, rounded up: from 0 to 2^38.
///
/// The whole bits by counting, each bit after the point by a squaring: of a number between one and
/// two the first bit of its logarithm says whether its square reaches two.
fn minus_log2(number: u64) -> u64 {
	// From one to 2^64.
	let value = u128::from(number).saturating_add(1);
	let whole = value.ilog2();
	// Between one and two, with 63 bits after the point.
	let mut rest = value.checked_shl(127u32.saturating_sub(whole)).unwrap_or_default() >> 64;
	let mut log = u64::from(whole);
	for _ in 0..LOG_BITS {
		rest = rest.saturating_mul(rest) >> 63;
		let bit = rest >> 64;
		rest >>= bit;
		log = (log << 1) | u64::from(bit == 1);
	}
	(64u64 << LOG_BITS).saturating_sub(log)
}

/// The ticket of a candidate for a replica: the lower the likelier it is drawn.
///
/// With `-ln(u) / stake` of independent uniform `u` each has the lowest ticket with a chance that
/// is its share of the stake, and so on among the rest: Efraimidis and Spirakis, Weighted random
/// sampling with a reservoir, 2006. A stake that is split has the same chance of each place, and
/// may have several. The logarithm's base is the same for all, so it does not matter. Stakes are
/// below 2^80; none at all never wins.
pub fn ticket(number: u64, stake: Balance) -> u128 {
	let scaled = u128::from(minus_log2(number)) << 80;
	scaled.checked_div(stake).unwrap_or(u128::MAX)
}

/// The period after this one.
pub(crate) fn following(period: u32) -> u32 {
	// There are never so many periods.
	period.saturating_add(1)
}

/// A duty key, and since when it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct KnownKey {
	/// The key.
	pub key: DutyKey,
	/// The block in which it was registered. It decides nothing about jobs whose commitment is
	/// older: else one could try keys until one has the duty.
	pub set_at: u32,
}

/// What a provider brings into a pool, or a pool has of all its members: of those alone who have a
/// duty key and have shown in the period before that they hold the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Share {
	/// Audit stake.
	pub stake: Balance,
	/// Providers with any.
	pub holders: u32,
}

impl Share {
	/// This and another one; none where that is more than a balance can hold.
	pub fn checked_add(&self, other: &Self) -> Option<Self> {
		Some(Self {
			stake: self.stake.checked_add(other.stake)?,
			holders: self.holders.checked_add(other.holders)?,
		})
	}

	/// This without another one; none where that is more.
	pub fn checked_sub(&self, other: &Self) -> Option<Self> {
		Some(Self {
			stake: self.stake.checked_sub(other.stake)?,
			holders: self.holders.checked_sub(other.holders)?,
		})
	}
}

/// What a pool has in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Total {
	/// The sum of what its members bring.
	pub sum: Share,
	/// Who brings most, and how much.
	///
	/// It only rises until the period begins: a member that shrinks after it has shown is overstated
	/// for one period, since what the others bring is not looked through again. The sum is exact.
	pub largest: Option<(AccountId, Balance)>,
	/// The most that anybody else brings.
	pub second: Balance,
}

impl Total {
	/// What it is after a member has changed; none where that is more than a balance can hold, or
	/// where the member had more than all.
	pub fn after_change(self, who: &AccountId, old: &Share, new: &Share) -> Option<Self> {
		let sum = self.sum.checked_sub(old)?.checked_add(new)?;
		Some(Self { sum, ..self }.raised(who, new.stake))
	}

	fn raised(self, who: &AccountId, stake: Balance) -> Self {
		match self.largest {
			_ if stake == 0 => self,
			Some((top, most)) if top == *who => {
				Self { largest: Some((top, most.max(stake))), ..self }
			},
			Some((_, most)) if stake <= most => Self { second: self.second.max(stake), ..self },
			other => {
				let second = other.map_or(0, |(_, most)| most);
				Self { largest: Some((who.clone(), stake)), second, ..self }
			},
		}
	}

	/// The most that a member brings, this one left out.
	pub fn largest_but(&self, party: &AccountId) -> Balance {
		match &self.largest {
			Some((top, most)) if top != party => *most,
			Some(_) => self.second,
			None => 0,
		}
	}
}

/// Membership in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Membership {
	/// Whose jobs are audited.
	pub model: ModelId,
	/// Whether it is one.
	pub counts: Counted<bool>,
	/// Whether the provider has shown that it holds the weights, told for the period after that in
	/// which it did.
	pub shown: Renewed<bool>,
}

impl Membership {
	/// One that begins with the next period.
	fn new(model: ModelId, now: u32) -> Self {
		let mut counts = Counted::always(false);
		counts.set_next(now, true);
		Self { model, counts, shown: Renewed::default() }
	}
}

/// What is recorded of a provider that audits.
#[derive(
	CloneNoBound,
	DebugNoBound,
	DefaultNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	TypeInfo,
	MaxEncodedLen,
)]
#[codec(mel_bound())]
#[scale_info(skip_type_params(MaxPools))]
pub struct Auditor<MaxPools: Get<u32>> {
	/// Its duty key.
	pub key: Counted<Option<KnownKey>>,
	/// Its audit stake, as last told.
	pub stake: Counted<Balance>,
	/// Its pools, those that it is about to leave among them.
	pub pools: BoundedVec<Membership, MaxPools>,
}

/// Why a pool cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinRefusal {
	IsMember,
	TooMany,
}

impl<MaxPools: Get<u32>> Auditor<MaxPools> {
	fn membership(&self, model: ModelId) -> Option<&Membership> {
		self.pools.iter().find(|membership| membership.model == model)
	}

	/// Whether it is a member of a pool in a period.
	pub fn is_member(&self, model: ModelId, period: u32) -> bool {
		self.membership(model).is_some_and(|membership| *membership.counts.at(period))
	}

	/// Whether it has shown, in the period before this one, that it holds the weights of a pool.
	pub fn has_shown(&self, model: ModelId, period: u32) -> bool {
		self.membership(model).is_some_and(|membership| membership.shown.at(period))
	}

	/// What it brings into a pool in a period: nothing if it is no member then, has no duty key, or
	/// has not shown in the period before that it holds the weights.
	pub fn share(&self, model: ModelId, period: u32) -> Share {
		let counts = self.is_member(model, period)
			&& self.has_shown(model, period)
			&& self.key.at(period).is_some();
		match *self.stake.at(period) {
			stake if counts && stake > 0 => Share { stake, holders: 1 },
			_ => Share::default(),
		}
	}

	/// It has shown that it holds the weights of a pool: that counts in the next period.
	pub(crate) fn show(&mut self, model: ModelId, now: u32) {
		for membership in self.pools.iter_mut().filter(|entry| entry.model == model) {
			membership.shown.set_next(now, true);
		}
	}

	/// Become a member of a pool from the next period on.
	pub(crate) fn join(&mut self, model: ModelId, now: u32) -> Result<(), JoinRefusal> {
		if self.is_member(model, following(now)) {
			return Err(JoinRefusal::IsMember);
		}
		self.prune(now);
		if let Some(membership) = self.pools.iter_mut().find(|entry| entry.model == model) {
			membership.counts.set_next(now, true);
			return Ok(());
		}
		self.pools.try_push(Membership::new(model, now)).map_err(|_| JoinRefusal::TooMany)
	}

	/// Be no member of a pool from the next period on; whether it was one.
	pub(crate) fn leave(&mut self, model: ModelId, now: u32) -> bool {
		if !self.is_member(model, following(now)) {
			return false;
		}
		for membership in self.pools.iter_mut().filter(|entry| entry.model == model) {
			membership.counts.set_next(now, false);
		}
		self.prune(now);
		true
	}

	/// Count what is bonded from the next period on.
	pub(crate) fn tell_stake(&mut self, bonded: Balance, now: u32) {
		self.stake.set_next(now, bonded);
		self.prune(now);
	}

	/// Count nothing from the next period on: it is a provider no more.
	pub(crate) fn retire(&mut self, now: u32) {
		self.key.set_next(now, None);
		self.stake.set_next(now, 0);
		for membership in self.pools.iter_mut() {
			membership.counts.set_next(now, false);
		}
		self.prune(now);
	}

	/// Forget pools in which it counts neither now nor later.
	fn prune(&mut self, now: u32) {
		self.pools.retain(|entry| *entry.counts.at(now) || *entry.counts.next(now));
	}

	/// Whether nothing of it counts now or later.
	pub(crate) fn is_empty(&self, now: u32) -> bool {
		let has_key = self.key.at(now).is_some() || self.key.next(now).is_some();
		self.pools.is_empty() && !has_key
	}
}

/// A block's randomness, in its place in the ring; or that of a job, and the last block it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Draw {
	/// The block whose author drew it.
	pub number: u32,
	/// What was drawn.
	pub randomness: H256,
}

/// What the ring knows of the randomness that decides about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
	/// Here it is.
	Found(Draw),
	/// A block to come draws it.
	Pending,
	/// The ring has forgotten it, or there never was any.
	Gone,
}

/// The number below which an auditor has the duty, of 2^64: the audit rate, times its share of the
/// stake, one at most; rounded down.
///
/// `total` is the stake of all who may audit the job: that of its party is not part of it.
pub fn threshold(lambda_ppb: u32, stake: Balance, total: Balance) -> u128 {
	// lambda * stake is below 2^160 and its product with 2^64 below 2^224: nothing overflows.
	let dividend = U256::from(lambda_ppb).checked_mul(U256::from(stake));
	let divisor = U256::from(RATE_PARTS).checked_mul(U256::from(total));
	let Some((dividend, divisor)) = dividend.zip(divisor) else { return 0 };
	if divisor.is_zero() {
		return 0;
	}
	if dividend >= divisor {
		return ALWAYS;
	}
	let scaled = dividend.checked_mul(U256::from(ALWAYS));
	scaled.and_then(|scaled| scaled.checked_div(divisor)).map_or(0, |quotient| quotient.low_u128())
}

/// Whether a number means a duty.
pub fn is_duty(number: u64, threshold: u128) -> bool {
	u128::from(number) < threshold
}

/// What an auditor has to pledge for a job: so many times its price, and not less than the minimum.
pub fn pledge(price_max: Balance, factor: u32, min: Balance) -> Balance {
	// What is more than a balance can hold nobody can pledge: such a job has no auditor.
	price_max.saturating_mul(factor.into()).max(min)
}

#[cfg(test)]
mod tests {
	use super::*;
	use frame_support::traits::ConstU32;
	use proptest::prelude::*;

	type Auditor = super::Auditor<ConstU32<2>>;
	const RATE: u32 = RATE_PARTS;

	#[test]
	fn a_value_counts_from_the_next_period() {
		let mut value = Counted::always(1);
		value.set_next(5, 2);
		assert_eq!([5, 6, 7].map(|period| *value.at(period)), [1, 2, 2]);
		// Again in the same period: what counts now stays.
		value.set_next(5, 3);
		assert_eq!([5, 6, 7].map(|period| *value.at(period)), [1, 3, 3]);
		value.set_next(6, 4);
		assert_eq!([6, 7].map(|period| *value.at(period)), [3, 4]);
		// Long after.
		value.set_next(90, 5);
		assert_eq!([90, 91].map(|period| *value.at(period)), [4, 5]);
	}

	#[test]
	fn the_same_value_changes_nothing() {
		let mut value = Counted::always(1);
		value.set_next(5, 1);
		assert_eq!(value, Counted::always(1));
		value.set_next(5, 2);
		let before = value;
		value.set_next(5, 2);
		assert_eq!(value, before);
	}

	proptest! {
		/// Against a table of what counts in every period.
		#[test]
		fn two_values_are_enough(changes in prop::collection::vec((0u32..3, 0u8..4), 1..40)) {
			let (mut value, mut now) = (Counted::always(0u8), 0u32);
			let mut table = [0u8; 200];
			for (passed, set) in changes {
				now += passed;
				value.set_next(now, set);
				table[now as usize + 1..].fill(set);
				for period in now..now + 4 {
					prop_assert_eq!(*value.at(period), table[period as usize]);
				}
			}
		}
	}

	#[test]
	fn an_auditor_shares_what_counts() {
		let (mut auditor, model) = (Auditor::default(), ModelId(1));
		auditor.tell_stake(10, 4);
		assert_eq!(auditor.join(model, 4), Ok(()));
		assert_eq!(auditor.share(model, 4), Share::default());
		auditor.show(model, 4);
		assert_eq!(auditor.share(model, 5), Share::default(), "there is no duty key");
		let key = KnownKey { key: DutyKey::from_raw([1; 32]), set_at: 0 };
		auditor.key.set_next(5, Some(key));
		assert_eq!(auditor.share(model, 6), Share::default(), "nothing was shown");
		auditor.show(model, 5);
		let all = Share { stake: 10, holders: 1 };
		assert_eq!(auditor.share(model, 5), Share::default());
		assert_eq!(auditor.share(model, 6), all);
		assert_eq!(auditor.share(model, 7), Share::default(), "it is shown in each period");
		auditor.show(model, 6);
		assert!(auditor.leave(model, 6));
		assert!(!auditor.leave(model, 6));
		assert_eq!(auditor.share(model, 6), all);
		assert_eq!(auditor.share(model, 7), Share::default());
	}

	#[test]
	fn pools_that_are_left_make_room_when_they_count_no_more() {
		let mut auditor = Auditor::default();
		assert_eq!(auditor.join(ModelId(1), 0), Ok(()));
		assert_eq!(auditor.join(ModelId(1), 0), Err(JoinRefusal::IsMember));
		assert_eq!(auditor.join(ModelId(2), 0), Ok(()));
		assert_eq!(auditor.join(ModelId(3), 0), Err(JoinRefusal::TooMany));
		// What never counted is gone at once.
		assert!(auditor.leave(ModelId(1), 0));
		assert_eq!(auditor.pools.len(), 1);
		assert_eq!(auditor.join(ModelId(1), 0), Ok(()));
		// What counts stays until the period ends.
		assert!(auditor.leave(ModelId(1), 1));
		assert_eq!(auditor.join(ModelId(3), 1), Err(JoinRefusal::TooMany));
		assert_eq!(auditor.join(ModelId(3), 2), Ok(()));
		assert_eq!(auditor.pools.len(), 2);
	}

	#[test]
	fn who_changes_its_mind_is_a_member_without_a_break() {
		let mut auditor = Auditor::default();
		assert_eq!(auditor.join(ModelId(1), 0), Ok(()));
		assert!(auditor.leave(ModelId(1), 1));
		assert_eq!(auditor.join(ModelId(1), 1), Ok(()));
		assert!((1..4).all(|period| auditor.is_member(ModelId(1), period)));
	}

	#[test]
	fn who_retires_counts_until_the_period_ends() {
		let mut auditor = Auditor::default();
		auditor.key.set_next(0, Some(KnownKey { key: DutyKey::from_raw([1; 32]), set_at: 0 }));
		auditor.tell_stake(7, 0);
		assert_eq!(auditor.join(ModelId(1), 0), Ok(()));
		auditor.show(ModelId(1), 0);
		auditor.show(ModelId(1), 1);
		auditor.retire(1);
		assert_eq!(auditor.share(ModelId(1), 1), Share { stake: 7, holders: 1 });
		assert_eq!(auditor.share(ModelId(1), 2), Share::default());
		assert!(!auditor.is_empty(1));
		auditor.retire(2);
		assert!(auditor.is_empty(2));
	}

	#[test]
	fn shares_never_wrap() {
		let (one, most) = (Share { stake: 1, holders: 0 }, Share { stake: u128::MAX, holders: 3 });
		assert_eq!(most.checked_add(&one), None);
		assert_eq!(one.checked_sub(&most), None);
		assert_eq!(most.checked_sub(&one), Some(Share { stake: u128::MAX - 1, holders: 3 }));
	}

	#[test]
	fn what_is_renewed_counts_in_its_own_period() {
		let mut value = Renewed::default();
		assert_eq!([0, 1, 2].map(|period| value.at(period)), [0, 0, 0]);
		value.set_next(0, 1);
		assert_eq!([0, 1, 2].map(|period| value.at(period)), [0, 1, 0]);
		value.set_next(4, 2);
		value.set_next(4, 3);
		assert_eq!([3, 4, 5, 6].map(|period| value.at(period)), [0, 0, 3, 0]);
		value.set_next(5, 4);
		value.set_next(6, 5);
		assert_eq!([4, 5, 6, 7, 8].map(|period| value.at(period)), [0, 3, 4, 5, 0]);
		value.set_next(7, 6);
		assert_eq!([6, 7, 8, 9].map(|period| value.at(period)), [4, 5, 6, 0]);
	}

	proptest! {
		/// Against a table of what was told for every period.
		#[test]
		fn three_periods_are_enough(changes in prop::collection::vec((0u32..4, 0u8..4), 1..40)) {
			let (mut value, mut now) = (Renewed::default(), 1u32);
			let mut table = [0u8; 200];
			for (passed, set) in changes {
				now += passed;
				value.set_next(now, set);
				table[now as usize + 1] = set;
				for period in now - 1..now + 4 {
					prop_assert_eq!(value.at(period), table[period as usize]);
				}
			}
		}

		/// Whoever is left out, nobody else brings more than is said; with rising shares it is exact.
		#[test]
		fn the_largest_of_others_is_known(
			changes in prop::collection::vec((0u8..4, 0u128..9), 1..40),
		) {
			let account = |n: u8| AccountId::new([n; 32]);
			let (mut total, mut risen) = (Total::default(), Total::default());
			let (mut shares, mut most) = ([0u128; 4], [0u128; 4]);
			let share = |stake| Share { stake, holders: u32::from(stake > 0) };
			for (n, stake) in changes {
				let (at, who) = (usize::from(n), account(n));
				let old = share(shares[at]);
				total = total.after_change(&who, &old, &share(stake)).unwrap();
				shares[at] = stake;
				if stake > most[at] {
					risen = risen.after_change(&who, &share(most[at]), &share(stake)).unwrap();
					most[at] = stake;
				}
				let sum = shares.iter().fold(Share::default(), |sum, stake| {
					sum.checked_add(&share(*stake)).unwrap()
				});
				prop_assert_eq!(total.sum, sum);
				for party in 0..5u8 {
					let others = |of: [u128; 4]| {
						(0..4).filter(|n| *n != party).map(|n| of[usize::from(n)]).max().unwrap()
					};
					prop_assert!(total.largest_but(&account(party)) >= others(shares));
					prop_assert_eq!(risen.largest_but(&account(party)), others(most));
				}
			}
		}
	}

	#[test]
	fn thresholds_are_exact() {
		assert_eq!(threshold(RATE, 1, 1), ALWAYS);
		assert_eq!(threshold(RATE, 1, 2), 1 << 63);
		assert_eq!(threshold(RATE / 2, 1, 2), 1 << 62);
		assert_eq!(threshold(RATE, 1, 3), 0x5555_5555_5555_5555);
		assert_eq!(threshold(RATE, 2, 3), 0xaaaa_aaaa_aaaa_aaaa);
		assert_eq!(threshold(1, 1, 1), (1 << 64) / 1_000_000_000);
		// Almost one is not one.
		assert_eq!(threshold(RATE - 1, 1, 1), ALWAYS * 999_999_999 / 1_000_000_000);
		assert_eq!(threshold(RATE, u128::MAX - 1, u128::MAX), ALWAYS - 1);
		assert_eq!(threshold(RATE, u128::MAX, u128::MAX), ALWAYS);
		assert_eq!(threshold(1, u128::MAX, u128::MAX), (1 << 64) / 1_000_000_000);
	}

	#[test]
	fn nothing_is_never_a_duty_and_all_is_always_one() {
		for nothing in [threshold(0, 5, 5), threshold(RATE, 0, 5), threshold(RATE, 5, 0)] {
			assert_eq!(nothing, 0);
			assert!(!is_duty(0, nothing));
		}
		for all in [threshold(RATE, 9, 5), threshold(u32::MAX, 1, 1)] {
			assert!(is_duty(u64::MAX, all));
		}
		assert!(is_duty(41, 42) && !is_duty(42, 42));
	}

	proptest! {
		#[test]
		fn thresholds_are_monotone(
			lambda in 0..=RATE,
			stake in 0..=u128::MAX,
			total in 1..=u128::MAX,
			more in 0..=u128::MAX,
		) {
			let base = threshold(lambda, stake, total);
			prop_assert!(base <= ALWAYS);
			prop_assert!(threshold(lambda.saturating_add(1), stake, total) >= base);
			prop_assert!(threshold(lambda, stake.saturating_add(more), total) >= base);
			prop_assert!(threshold(lambda, stake, total.saturating_add(more)) <= base);
		}

		/// Splitting a stake never raises its duties, and lowers them by less than one of 2^64.
		#[test]
		fn a_stake_cannot_gain_by_being_split(
			lambda in 0..=RATE,
			one in 0..=u128::MAX / 2,
			other in 0..=u128::MAX / 2,
		) {
			let total = one + other;
			let split = threshold(lambda, one, total) + threshold(lambda, other, total);
			let whole = threshold(lambda, total, total);
			prop_assert!(split <= whole && whole <= split + 1 || total == 0);
		}
	}

	#[test]
	fn logarithms_are_exact_to_the_last_bit_but_one() {
		assert_eq!(minus_log2(u64::MAX), 0);
		assert_eq!(minus_log2(0), 64 << LOG_BITS);
		for bits in 0..64u32 {
			assert_eq!(minus_log2((1u64 << bits) - 1), (64 - u64::from(bits)) << LOG_BITS);
		}
		for number in [1u64, 2, 5, 99, 12_345_678, u64::MAX / 3, u64::MAX / 7 * 5] {
			let float = 64.0 - (number as f64 + 1.0).log2();
			let fixed = minus_log2(number) as f64 / (1u64 << LOG_BITS) as f64;
			assert!((float - fixed).abs() < 1e-9, "{number}: {float} and {fixed}");
		}
	}

	proptest! {
		#[test]
		fn tickets_fall_with_number_and_stake(
			number in 0..u64::MAX,
			more in 0..u64::MAX,
			stake in 1..1u128 << 80,
			added in 0..1u128 << 80,
		) {
			let base = ticket(number, stake);
			prop_assert!(ticket(number.saturating_add(more), stake) <= base);
			prop_assert!(ticket(number, stake + added) <= base);
			prop_assert!(base < ticket(number, 0));
		}
	}

	/// The lowest ticket is drawn in proportion to stake, and a stake that is split no more often; all
	/// of several places fall to it with the product of its shares of what is left.
	#[test]
	fn stake_decides_who_is_drawn() {
		let draw = |stakes: &[u128], seed: u32| {
			let numbered = stakes.iter().enumerate().map(|(n, stake)| {
				let hash = sp_io::hashing::twox_64(&(seed, n as u32).encode());
				(ticket(u64::from_le_bytes(hash), *stake), n)
			});
			numbered.min().unwrap().1
		};
		const DRAWS: u32 = 20_000;
		let shares = |stakes: &[u128]| {
			let mut won = vec![0u32; stakes.len()];
			(0..DRAWS).for_each(|seed| won[draw(stakes, seed)] += 1);
			won.into_iter().map(|won| f64::from(won) / f64::from(DRAWS)).collect::<Vec<_>>()
		};
		let unit = 1_000_000_000_000u128;
		// Four standard deviations of the rarest are 0.9 of a hundred, those of a half 1.4.
		let whole = shares(&[unit, 3 * unit, 6 * unit]);
		for (share, expected) in whole.iter().zip([0.1, 0.3, 0.6]) {
			assert!((share - expected).abs() < 0.015, "{whole:?}");
		}
		let split = shares(&[unit, 3 * unit, 2 * unit, 2 * unit, 2 * unit]);
		assert!((split[2..].iter().sum::<f64>() - 0.6).abs() < 0.015, "{split:?}");
		// Two places among ten equal stakes, five of them in one hand: 5/10 * 4/9.
		let both = (0..DRAWS)
			.filter(|seed| {
				let mut tickets: Vec<_> = (0..10u32)
					.map(|n| {
						let hash = sp_io::hashing::twox_64(&(seed, n).encode());
						(ticket(u64::from_le_bytes(hash), unit), n)
					})
					.collect();
				tickets.sort();
				tickets[..2].iter().all(|(_, n)| *n < 5)
			})
			.count();
		let both = both as f64 / f64::from(DRAWS);
		assert!((both - 2.0 / 9.0).abs() < 0.013, "{both}");
	}

	#[test]
	fn pledges_follow_the_price() {
		assert_eq!(pledge(10, 3, 5), 30);
		assert_eq!(pledge(1, 3, 5), 5);
		assert_eq!(pledge(u128::MAX, 3, 5), u128::MAX);
	}
}
