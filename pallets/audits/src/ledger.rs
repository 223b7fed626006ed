//! The only door to auditors, pools and the money that audits are paid from: what changes together
//! is written together.

use crate::{
	types::{following, Auditor, Share, Total},
	*,
};
use alloc::collections::BTreeSet;
use assay_primitives::{AccountId, AuditedJobs, Balance, ModelId};
use frame_support::{
	defensive,
	traits::{
		fungible::{Inspect, Mutate},
		tokens::{Fortitude, Preservation},
		Get,
	},
};
use sp_runtime::traits::{AccountIdConversion, Zero};

/// What is recorded of an auditor.
pub(crate) type AuditorOf<T> = Auditor<<T as Config>::MaxPools>;

impl<T: Config> Pallet<T> {
	/// The present duty period.
	pub(crate) fn period() -> u32 {
		T::Jobs::period()
	}

	pub(crate) fn auditor_of(who: &AccountId) -> AuditorOf<T> {
		Auditors::<T>::get(who).unwrap_or_default()
	}

	/// Write what becomes of an auditor, and what follows for its pools.
	pub(crate) fn store_auditor(
		who: &AccountId,
		old: &AuditorOf<T>,
		new: AuditorOf<T>,
	) -> Result<(), Error<T>> {
		let now = Self::period();
		let models = |auditor: &AuditorOf<T>| {
			auditor.pools.iter().map(|membership| membership.model).collect::<BTreeSet<_>>()
		};
		let (before, after) = (models(old), models(&new));
		let next = following(now);
		let totals = before
			.union(&after)
			.map(|model| (*model, old.share(*model, next), new.share(*model, next)))
			.filter(|(_, was, will)| was != will)
			.map(|(model, was, will)| Some((model, Self::total_after(model, who, &was, &will)?)))
			.collect::<Option<alloc::vec::Vec<_>>>()
			.ok_or(Error::<T>::StakeOverflow)?;
		for (model, total) in totals {
			Self::store_total(model, total);
		}
		for model in before.difference(&after) {
			Members::<T>::remove(model, who);
		}
		for model in after.difference(&before) {
			Members::<T>::insert(model, who, ());
		}
		match new.is_empty(now) {
			true => Auditors::<T>::remove(who),
			false => Auditors::<T>::insert(who, new),
		}
		Ok(())
	}

	/// What a pool will have in the next period when a member changes; none where that is more than
	/// a balance can hold.
	fn total_after(model: ModelId, who: &AccountId, was: &Share, will: &Share) -> Option<Total> {
		let total = Pools::<T>::get(model).next(Self::period());
		// INV-1: a member's share is a part of the total.
		if total.sum.checked_sub(was).is_none() {
			defensive!("a member has more than its pool");
		}
		total.after_change(who, was, will)
	}

	fn store_total(model: ModelId, total: Total) {
		let now = Self::period();
		Pools::<T>::mutate_exists(model, |pool| {
			let mut renewed = pool.take().unwrap_or_default();
			renewed.set_next(now, total);
			// Duties of the last period may still be asked for.
			let is_empty = (now.saturating_sub(1)..=following(now))
				.all(|period| renewed.at(period).sum == Share::default());
			*pool = (!is_empty).then_some(renewed);
		});
	}

	/// What others than a provider have in a pool in a period, this one or the last one: all of it,
	/// and the most of one of them.
	pub(crate) fn share_of_others(
		model: ModelId,
		party: &AccountId,
		period: u32,
	) -> (Share, Balance) {
		let own = Self::auditor_of(party).share(model, period);
		let total = Pools::<T>::get(model).at(period);
		let others = total.sum.checked_sub(&own).unwrap_or_else(|| {
			defensive!("a member has more than its pool");
			Share::default()
		});
		(others, total.largest_but(party))
	}

	/// The account that audits are paid from.
	pub(crate) fn money_account() -> AccountId {
		T::PalletId::get().into_account_truncating()
	}

	/// Let the account exist, so that the smallest fee can be paid into it.
	pub(crate) fn endow_pool() {
		let account = Self::money_account();
		let min = T::Currency::minimum_balance();
		if T::Currency::total_balance(&account) < min
			&& T::Currency::mint_into(&account, min).is_err()
		{
			defensive!("the audit pool could not be endowed");
		}
	}

	/// Pay out of the pool what it reaches for. Returns what was paid.
	pub(crate) fn pay_out(auditor: &AccountId, asked: Balance) -> Balance {
		let account = Self::money_account();
		let (keep, polite) = (Preservation::Preserve, Fortitude::Polite);
		let amount = asked.min(T::Currency::reducible_balance(&account, keep, polite));
		// A payee that cannot be paid, for it has no account and the amount is too small for one,
		// gets nothing: the pool keeps it.
		if amount.is_zero() || T::Currency::transfer(&account, auditor, amount, keep).is_err() {
			return 0;
		}
		amount
	}
}
