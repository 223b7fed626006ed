//! Tests by call, then random sequences of all of them.

mod bond;
mod force_slash;
mod invariants;
mod ledger;
mod pallet;
mod pledge;
mod rebond;
mod slash;
mod unbond;
mod withdraw;

pub(crate) use crate::{mock::*, BondView, Chunk, Event};
pub(crate) use assay_primitives::{SlashReason, SlotId, Stake as _};
pub(crate) use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};

/// Errors of the instance under test.
pub(crate) type Error = crate::Error<Test, frame_support::instances::Instance1>;

/// The bond of an account that must have one.
pub(crate) fn bond_of(who: AccountId) -> BondView<Balance, u32> {
	Stake::bond_of(who).expect("the account is bonded")
}

/// Bond without looking.
pub(crate) fn bond(who: AccountId, amount: Balance) {
	assert_ok!(Stake::bond(RuntimeOrigin::signed(who), amount));
	System::reset_events();
}

/// Unbond without looking.
pub(crate) fn unbond(who: AccountId, amount: Balance) {
	assert_ok!(Stake::unbond(RuntimeOrigin::signed(who), amount));
	System::reset_events();
}

/// Pledge without looking.
pub(crate) fn pledge(who: AccountId, slot: u64, amount: Balance) {
	assert_ok!(Stake::pledge(&who, SlotId(slot), amount));
	System::reset_events();
}
