//! What games move: the only door to the bonds that this pallet holds, and to the pledges that
//! parties of a job have at stake.

use crate::{
	types::{pot, Conviction, Purse, Winner},
	ClaimGames, Config, Convictions, Dispute, Event, HoldReason, Pallet,
};
use assay_primitives::{AccountId, Balance, Claims, SlotId};
use assay_trace::Side;
use core::marker::PhantomData;
use frame_support::{
	defensive,
	storage::with_storage_layer,
	traits::{
		fungible::{InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	/// Take what a guilty side has at stake, for who won against it in the first place. Returns what
	/// was taken: nothing of a pledge that another game took before.
	pub(crate) fn take(
		id: SlotId,
		dispute: &Dispute<AccountId>,
		side: Side,
		winner: Option<Side>,
	) -> Balance {
		let loser = &dispute.party(side).account;
		let winner = winner.map(|side| &dispute.party(side).account);
		match dispute.purse(side) {
			Purse::Bond(bond) => {
				Self::keep_lost(dispute.slot, loser);
				Ledger::<T>::forfeit(id, loser, bond, winner);
				bond
			},
			Purse::Pledge(slot) => {
				let cost = dispute.cost;
				let winner = winner.map(|who| Winner { game: id, account: who.clone(), cost });
				Self::convict(slot, winner)
			},
		}
	}

	/// Give back what a side had at stake in a game that it did not lose. Nothing was taken.
	pub(crate) fn give_back(dispute: &Dispute<AccountId>, side: Side) -> Balance {
		// A pledge stays with its slot until the job ends.
		if let Purse::Bond(bond) = dispute.purse(side) {
			Ledger::<T>::release(&dispute.party(side).account, bond);
		}
		0
	}

	/// Convict the party of a slot, and note who is to be paid for it.
	fn convict(slot: SlotId, winner: Option<Winner<AccountId>>) -> Balance {
		let pledge = T::Claims::claim(slot).map_or(0, |info| info.pledge);
		let taken = T::Claims::convict(slot, pot(pledge));
		Convictions::<T>::mutate(slot, |conviction| {
			let conviction = conviction.get_or_insert_with(|| Conviction::new(taken));
			if let Some(winner) = winner {
				conviction.note(winner);
			}
		});
		taken
	}

	/// One game about a claim is over. With the last one the winners are paid.
	pub(crate) fn close_claim(slot: SlotId) {
		if ClaimGames::<T>::get(slot) == 0 {
			if let Some(conviction) = Convictions::<T>::take(slot) {
				Self::pay_winners(slot, &conviction);
			}
		}
		T::Claims::close_dispute(slot);
	}

	fn pay_winners(slot: SlotId, conviction: &Conviction<AccountId>) {
		for share in conviction.shares(T::Reward::get()) {
			let Winner { game, account: beneficiary, .. } = share.winner.clone();
			let pay = |amount| T::Claims::reward(slot, &beneficiary, amount);
			let (amount, reward) = (pay(share.repaid), pay(share.reward));
			if amount > 0 {
				let beneficiary = beneficiary.clone();
				Self::deposit_event(Event::WinnerRepaid { game, beneficiary, amount });
			}
			if reward > 0 {
				Self::deposit_event(Event::WinnerRewarded { slot, beneficiary, amount: reward });
			}
		}
	}
}

/// Movements of bonds.
pub(crate) struct Ledger<T>(PhantomData<T>);

impl<T: Config> Ledger<T> {
	fn reason() -> T::RuntimeHoldReason {
		HoldReason::ChallengeBond.into()
	}

	/// Whether a bond could be held now.
	pub(crate) fn can_hold(challenger: &AccountId, bond: Balance) -> bool {
		T::Currency::can_hold(&Self::reason(), challenger, bond)
	}

	/// Hold the bond of a challenge.
	pub(crate) fn hold(challenger: &AccountId, bond: Balance) -> DispatchResult {
		T::Currency::hold(&Self::reason(), challenger, bond)
	}

	/// Give a bond back.
	pub(crate) fn release(challenger: &AccountId, bond: Balance) {
		let released = T::Currency::release(&Self::reason(), challenger, bond, Precision::Exact);
		if released.is_err() {
			defensive!("a bond is not held");
		}
	}

	/// Take a lost bond: half of it repays the winner, if there is one that can be paid; the rest is
	/// the treasury's. Never fails.
	pub(crate) fn forfeit(
		game: SlotId,
		challenger: &AccountId,
		bond: Balance,
		winner: Option<&AccountId>,
	) {
		let mut left = bond;
		if let Some(winner) = winner {
			let repaid = bond.div_euclid(2);
			if Self::transfer(challenger, winner, repaid).is_ok() {
				left = left.saturating_sub(repaid);
				let beneficiary = winner.clone();
				Pallet::<T>::deposit_event(Event::WinnerRepaid {
					game,
					beneficiary,
					amount: repaid,
				});
			}
		}
		let treasury = T::Treasury::get();
		if Self::transfer(challenger, &treasury, left).is_err() {
			// The treasury is endowed at genesis and can always be paid. Were it not, a lost bond
			// must not come back.
			defensive!("the treasury could not be paid");
			let reason = Self::reason();
			let burnt = T::Currency::burn_held(
				&reason,
				challenger,
				left,
				Precision::BestEffort,
				Fortitude::Force,
			);
			if burnt.is_err() {
				defensive!("a lost bond is not held");
			}
		}
	}

	/// Move held funds to another account's free balance, all or nothing. Forced: a freeze elsewhere
	/// must not keep back what a game has lost.
	fn transfer(from: &AccountId, to: &AccountId, amount: Balance) -> DispatchResult {
		with_storage_layer(|| {
			T::Currency::transfer_on_hold(
				&Self::reason(),
				from,
				to,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)
			.map(|_| ())
		})
	}

	/// What is held of an account.
	#[cfg(any(feature = "try-runtime", feature = "std", test))]
	pub(crate) fn held(who: &AccountId) -> Balance {
		T::Currency::balance_on_hold(&Self::reason(), who)
	}
}
