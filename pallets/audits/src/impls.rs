//! What the jobs pallet asks, and what runtime APIs and view functions answer.

use crate::{
	types::{following, pledge, VIEW_ENTRIES_MAX},
	*,
};
use assay_primitives::{
	apis::{PoolMember, PoolView},
	AccountId, Audits, Balance, DutyKey, ModelId, DUTY_BLOCKS,
};
use frame_support::traits::Get;

impl<T: Config> Audits<AccountId, Balance> for Pallet<T> {
	fn lambda_min() -> u32 {
		Self::lambda_floor()
	}

	fn is_auditable(model: ModelId, party: &AccountId, pledge: Balance) -> bool {
		let (others, largest) = Self::share_of_others(model, party, Self::period());
		others.holders >= T::MinHolders::get()
			&& others.stake >= T::MinHeldStake::get()
			&& largest >= pledge
	}

	fn holders(model: ModelId, party: &AccountId) -> u32 {
		Self::share_of_others(model, party, Self::period()).0.holders
	}

	fn draw_blocks() -> u32 {
		DUTY_BLOCKS.saturating_add(T::NoticeBlocks::get())
	}

	fn pledge(price_max: Balance) -> Balance {
		pledge(price_max, T::AuditPledgeFactor::get(), T::AuditPledgeMin::get())
	}

	fn pool() -> AccountId {
		Self::money_account()
	}

	fn pay(auditor: &AccountId, amount: Balance) -> Balance {
		let paid = Self::pay_out(auditor, amount);
		Self::deposit_event(Event::AuditPaid { auditor: auditor.clone(), asked: amount, paid });
		paid
	}
}

impl<T: Config> Pallet<T> {
	/// The providers that audit jobs of a model, at most 256 of them.
	pub fn pool_view(model: ModelId) -> PoolView {
		let now = Self::period();
		let total = Pools::<T>::get(model);
		let members = Members::<T>::iter_key_prefix(model)
			.take(VIEW_ENTRIES_MAX)
			.map(|provider| {
				let auditor = Self::auditor_of(&provider);
				PoolMember {
					stake: auditor.share(model, now).stake,
					stake_next: auditor.share(model, following(now)).stake,
					has_duty_key: auditor.key.at(now).is_some(),
					provider,
				}
			})
			.collect();
		PoolView {
			members,
			total: total.at(now).sum.stake,
			total_with_key: total.at(now).sum.stake,
			total_next: total.next(now).sum.stake,
		}
	}

	/// The duty key of a provider that counts in this duty period.
	pub fn duty_key_of(provider: &AccountId) -> Option<DutyKey> {
		Self::auditor_of(provider).key.at(Self::period()).map(|known| known.key)
	}
}
