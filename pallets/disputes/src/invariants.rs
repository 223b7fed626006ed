//! What must hold after every block and every call, one function for each numbered invariant.

use crate::{ledger::Ledger, *};
use alloc::collections::{BTreeMap, BTreeSet};
use assay_primitives::{AccountId, Balance, Claims, SlotId, WorkerKey};
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// All invariants; see the crate documentation.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::inv_1_bonds_are_held()?;
		Self::inv_2_records_match()?;
		Self::inv_3_games_are_counted()?;
		Self::inv_3_pairs_play_once()?;
		Self::inv_3_challenges_are_kept()?;
		Self::inv_4_claims_exist()
	}

	fn inv_1_bonds_are_held() -> Result<(), TryRuntimeError> {
		let mut bonds = BTreeMap::<AccountId, Balance>::new();
		for dispute in Disputes::<T>::iter_values() {
			let bond = dispute.bond();
			let sum = bonds.entry(dispute.challenger.account).or_default();
			*sum = sum.saturating_add(bond);
		}
		for who in frame_system::Account::<T>::iter_keys() {
			let bond = bonds.remove(&who).unwrap_or_default();
			ensure!(Ledger::<T>::held(&who) == bond, "INV-1: a bond is not what is held");
		}
		ensure!(bonds.is_empty(), "INV-1: a bond of an account that is gone");
		Ok(())
	}

	fn inv_2_records_match() -> Result<(), TryRuntimeError> {
		let mut listed = BTreeSet::<(WorkerKey, SlotId)>::new();
		for (id, dispute) in Disputes::<T>::iter() {
			ensure!(Games::<T>::contains_key(id), "INV-2: a record without a game");
			listed.insert((dispute.claimant.worker, id));
			listed.insert((dispute.challenger.worker, id));
		}
		ensure!(
			Games::<T>::iter_keys().count() == Disputes::<T>::iter_keys().count(),
			"INV-2: a game without a record"
		);
		let keys: BTreeSet<_> = WorkerGames::<T>::iter_keys().collect();
		ensure!(keys == listed, "INV-2: worker keys list other games than theirs");
		Ok(())
	}

	fn inv_3_games_are_counted() -> Result<(), TryRuntimeError> {
		let (mut challengers, mut claims) = (BTreeMap::new(), BTreeMap::new());
		let mut keys = BTreeMap::<WorkerKey, u32>::new();
		let mut open = 0u32;
		for dispute in Disputes::<T>::iter_values() {
			open = open.saturating_add(1);
			for worker in dispute.workers() {
				let blocks = keys.entry(worker.clone()).or_default();
				*blocks = blocks.saturating_add(dispute.run_blocks);
			}
			for slot in dispute.slots() {
				let count: &mut u32 = claims.entry(slot).or_default();
				*count = count.saturating_add(1);
			}
			if dispute.rival().is_some() {
				continue;
			}
			let count: &mut u32 = challengers.entry(dispute.challenger.account).or_default();
			*count = count.saturating_add(1);
		}
		ensure!(OpenGames::<T>::get() == open, "INV-3: open games are miscounted");
		keys.retain(|_, blocks| *blocks > 0);
		let counted: BTreeMap<_, _> = KeyBlocks::<T>::iter().filter(|(_, n)| *n > 0).collect();
		ensure!(counted == keys, "INV-3: blocks of a worker key are miscounted");
		for (slot, conviction) in Convictions::<T>::iter() {
			ensure!(claims.contains_key(&slot), "INV-3: a winner waits though no game is open");
			let is_sorted = conviction.winners.is_sorted_by(|one, next| one.game < next.game);
			ensure!(is_sorted, "INV-3: winners wait in another order than that of their games");
		}
		let counted: BTreeMap<_, _> = ChallengerGames::<T>::iter().collect();
		ensure!(counted == challengers, "INV-3: games of a challenger are miscounted");
		let counted: BTreeMap<_, _> = ClaimGames::<T>::iter().collect();
		ensure!(counted == claims, "INV-3: games about a claim are miscounted");
		Ok(())
	}

	fn inv_3_pairs_play_once() -> Result<(), TryRuntimeError> {
		let mut pairs = BTreeSet::new();
		for (id, dispute) in Disputes::<T>::iter() {
			let Some(rival) = dispute.rival() else { continue };
			ensure!(dispute.slot < rival, "INV-3: the higher slot is the claimant's");
			pairs.insert((dispute.slot, rival, id));
		}
		let listed: BTreeSet<_> = Oppositions::<T>::iter().collect();
		ensure!(listed == pairs, "INV-3: other games between slots are listed than there are");
		Ok(())
	}

	fn inv_3_challenges_are_kept() -> Result<(), TryRuntimeError> {
		let mut pairs = BTreeSet::new();
		for dispute in Disputes::<T>::iter_values().filter(|dispute| dispute.rival().is_none()) {
			let is_new = pairs.insert((dispute.slot, dispute.challenger.account));
			ensure!(is_new, "INV-3: an account disputes a claim twice");
		}
		let (first, next) = LostRange::<T>::get();
		for number in first..next {
			let lost =
				LostChallenges::<T>::get(number).ok_or("INV-3: a lost challenge is missing")?;
			ensure!(pairs.insert(lost), "INV-3: a challenge is open or lost, and once");
		}
		let count = LostChallenges::<T>::iter_keys().count() as u64;
		ensure!(count == next.saturating_sub(first), "INV-3: a lost challenge out of range");
		let kept: BTreeSet<_> = Challenges::<T>::iter_keys().collect();
		ensure!(kept == pairs, "INV-3: other challenges are on record than open and lost ones");
		Ok(())
	}

	fn inv_4_claims_exist() -> Result<(), TryRuntimeError> {
		for (id, dispute) in Disputes::<T>::iter() {
			let game = Games::<T>::get(id).ok_or("INV-4: a record without a game")?;
			for (slot, claim) in dispute.slots().zip(game.claims()) {
				let info = T::Claims::claim(slot).ok_or("INV-4: a game about no claim")?;
				ensure!(
					dispute.job.as_ref() == &info.request.digest(),
					"INV-4: a game about another job than its claim"
				);
				ensure!(*claim == info.claim, "INV-4: a game about another claim than its slot's");
			}
		}
		Ok(())
	}
}
