//! Reads: what runtime APIs and view functions answer.

use crate::*;
use assay_primitives::{AccountId, Claims, SlotId};
use assay_trace::Side;

impl<T: Config> Pallet<T> {
	/// An open game, with its deadline as a block number.
	pub fn game_view(id: SlotId) -> Option<GameView<AccountId>> {
		let dispute = Disputes::<T>::get(id)?;
		let game = Games::<T>::get(id)?;
		Some(GameView {
			question: game.question(),
			owes: [Side::Claimant, Side::Challenger].map(|side| game.owes(side)),
			due_at: T::Claims::block_of(dispute.due),
			dispute,
		})
	}
}
