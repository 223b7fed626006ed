//! Balances, fees and the treasury.

use frame_support::{
	parameter_types,
	traits::{
		fungible::Credit,
		tokens::imbalance::{OnUnbalanced, ResolveTo},
		ConstU128, ConstU32, ConstU8, VariantCountOf,
	},
	weights::ConstantMultiplier,
	PalletId,
};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use sp_runtime::{
	traits::{AccountIdConversion, Bounded},
	FixedPointNumber, Perquintill,
};

use crate::{
	AccountId, Authorship, Balance, Balances, Runtime, RuntimeEvent, RuntimeFreezeReason,
	RuntimeHoldReason, System, EXISTENTIAL_DEPOSIT, MICRO_ASY,
};

parameter_types! {
	/// Names the treasury's account.
	pub const TreasuryPalletId: PalletId = PalletId(*b"asytrsry");
	/// Holds what belongs to everyone; nobody has its key. Root spends it until there is governance.
	pub TreasuryAccount: AccountId = TreasuryPalletId::get().into_account_truncating();

	/// Fees rise while blocks are fuller than this and fall while they are emptier.
	pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
	/// How fast: at most about a third in a day.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
	/// The floor: even on an idle chain spam has a price.
	pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_rational(1, 10);
	/// There is no ceiling.
	pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_balances::Config for Runtime {
	type AccountStore = System;
	type Balance = Balance;
	type DoneSlashHandler = ();
	type DustRemoval = ResolveTo<TreasuryAccount, Balances>;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<50>;
	type ReserveIdentifier = [u8; 8];
	type RuntimeEvent = RuntimeEvent;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
}

/// Fees go to the treasury, tips to the block's author.
#[derive(Debug)]
pub struct DealWithFees;

impl OnUnbalanced<Credit<AccountId, Balances>> for DealWithFees {
	fn on_unbalanceds(mut credits: impl Iterator<Item = Credit<AccountId, Balances>>) {
		let Some(fee) = credits.next() else { return };
		ResolveTo::<TreasuryAccount, Balances>::on_unbalanced(fee);

		let Some(tip) = credits.next() else { return };
		let unpaid = match Authorship::author() {
			Some(author) => {
				<Balances as frame_support::traits::fungible::Balanced<_>>::resolve(&author, tip)
					.err()
			},
			None => Some(tip),
		};
		if let Some(tip) = unpaid {
			ResolveTo::<TreasuryAccount, Balances>::on_unbalanced(tip);
		}
	}
}

impl pallet_transaction_payment::Config for Runtime {
	type FeeMultiplierUpdate = TargetedFeeAdjustment<
		Self,
		TargetBlockFullness,
		AdjustmentVariable,
		MinimumMultiplier,
		MaximumMultiplier,
	>;
	// A byte of a block costs a millionth of an ASY: 16 KiB of input about 0.016.
	type LengthToFee = ConstantMultiplier<Balance, ConstU128<MICRO_ASY>>;
	type OnChargeTransaction = FungibleAdapter<Balances, DealWithFees>;
	type OperationalFeeMultiplier = ConstU8<5>;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
	// A second of a block costs ten ASY.
	type WeightToFee = ConstantMultiplier<Balance, ConstU128<10>>;
}
