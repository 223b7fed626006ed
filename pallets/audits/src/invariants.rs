//! What must hold after every block and every call, one function for each numbered invariant.

use crate::{
	types::{following, RATE_PARTS},
	*,
};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::{AccountId, ModelId};
use frame_support::{
	ensure,
	traits::{fungible::Inspect, Get},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// All invariants; see the crate documentation.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_totals_are_sums()?;
		Self::inv_2_memberships_match()?;
		Self::inv_3_the_ring_is_in_order()?;
		Self::inv_4_nothing_is_of_later()?;
		Self::inv_5_the_pool_can_be_paid()?;
		Self::inv_6_the_floor_is_a_rate()?;
		Self::inv_7_the_largest_are_known()
	}

	fn inv_1_totals_are_sums() -> Result<(), TryRuntimeError> {
		let now = Self::period();
		for period in [now, following(now)] {
			let mut sums = BTreeMap::<ModelId, Share>::new();
			for auditor in Auditors::<T>::iter_values() {
				for membership in &auditor.pools {
					let sum = sums.entry(membership.model).or_default();
					*sum = sum
						.checked_add(&auditor.share(membership.model, period))
						.ok_or("INV-1: stakes of a pool are more than a balance can hold")?;
				}
			}
			for (model, total) in Pools::<T>::iter() {
				let sum = sums.remove(&model).unwrap_or_default();
				ensure!(total.at(period).sum == sum, "INV-1: a total is not the sum of the shares");
			}
			let is_nothing = |share: &Share| *share == Share::default();
			ensure!(sums.values().all(is_nothing), "INV-1: a pool with stake has no total");
		}
		Ok(())
	}

	fn inv_2_memberships_match() -> Result<(), TryRuntimeError> {
		let mut listed = BTreeSet::<(ModelId, AccountId)>::new();
		for (who, auditor) in Auditors::<T>::iter() {
			for membership in &auditor.pools {
				ensure!(
					listed.insert((membership.model, who.clone())),
					"INV-2: an auditor is a member of one pool twice"
				);
			}
		}
		let members: BTreeSet<_> = Members::<T>::iter_keys().collect();
		ensure!(members == listed, "INV-2: a pool has other members than say so");
		Ok(())
	}

	fn inv_3_the_ring_is_in_order() -> Result<(), TryRuntimeError> {
		for (place, draw) in Ring::<T>::iter() {
			ensure!(place < T::RingSize::get(), "INV-3: a place beyond the ring");
			ensure!(Self::place(draw.number) == Some(place), "INV-3: an entry in another's place");
			ensure!(draw.number < Self::block(), "INV-3: randomness of a block to come");
		}
		Ok(())
	}

	fn inv_4_nothing_is_of_later() -> Result<(), TryRuntimeError> {
		let next = following(Self::period());
		for auditor in Auditors::<T>::iter_values() {
			let begins = [auditor.key.begins(), auditor.stake.begins()];
			let of_pools = auditor.pools.iter().map(|membership| membership.counts.begins());
			ensure!(
				begins.into_iter().chain(of_pools).all(|period| period <= next),
				"INV-4: something counts from a period after the next one on"
			);
			for period in [Self::period(), next] {
				let set_at = auditor.key.at(period).map_or(0, |known| known.set_at);
				ensure!(set_at <= Self::block(), "INV-4: a key of a block to come");
			}
		}
		let shown = Auditors::<T>::iter_values()
			.flat_map(|auditor| auditor.pools.into_iter().map(|pool| pool.shown.begins()));
		let totals = Pools::<T>::iter_values().map(|total| total.begins()).chain(shown);
		ensure!(
			totals.max().is_none_or(|period| period <= next),
			"INV-4: a total or a showing is of a period after the next one"
		);
		let drawn = PeriodDraw::<T>::get().map_or(0, |(period, _)| period);
		ensure!(drawn <= Self::period(), "INV-4: randomness of a period to come");
		Ok(())
	}

	fn inv_5_the_pool_can_be_paid() -> Result<(), TryRuntimeError> {
		let balance = T::Currency::total_balance(&Self::money_account());
		ensure!(balance >= T::Currency::minimum_balance(), "INV-5: the pool has no account");
		Ok(())
	}
	fn inv_6_the_floor_is_a_rate() -> Result<(), TryRuntimeError> {
		let floor = LambdaFloor::<T>::get().unwrap_or_default();
		ensure!(floor <= RATE_PARTS, "INV-6: the floor of audit rates is above one");
		Ok(())
	}
	fn inv_7_the_largest_are_known() -> Result<(), TryRuntimeError> {
		let now = Self::period();
		for (who, auditor) in Auditors::<T>::iter() {
			for membership in &auditor.pools {
				let pool = Pools::<T>::get(membership.model);
				for period in [now, following(now)] {
					let share = auditor.share(membership.model, period);
					let total = pool.at(period);
					let stated = match &total.largest {
						Some((top, most)) if *top == who => *most,
						_ => total.second,
					};
					ensure!(share.stake <= stated, "INV-7: a member has more than the largest");
				}
			}
		}
		for pool in Pools::<T>::iter_values() {
			for total in [pool.at(now), pool.next(now)] {
				let most = total.largest.map_or(0, |(_, most)| most);
				ensure!(total.second <= most, "INV-7: the second is larger than the largest");
			}
		}
		Ok(())
	}
}
