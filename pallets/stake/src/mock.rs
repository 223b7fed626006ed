//! A chain with balances and two kinds of stake, which must not see each other's bonds.

use crate as pallet_stake;
use frame_support::{
	derive_impl, parameter_types,
	traits::{fungible::Balanced, ConstU128, ConstU32, Hooks, OnUnbalanced},
};
use frame_system::{mocking::MockBlockU32, EnsureRoot};
use sp_runtime::BuildStorage;

pub(crate) type AccountId = u64;
pub(crate) type Balance = u128;

/// Existential deposit.
pub(crate) const ED: Balance = 10;
/// Smallest bond.
pub(crate) const MIN_BOND: Balance = 100;
/// Blocks from unbonding to withdrawal.
pub(crate) const UNBONDING: u32 = 20;
/// Chunks that fit a queue.
pub(crate) const MAX_CHUNKS: u32 = 4;
/// What each of the endowed accounts starts with.
pub(crate) const ENDOWMENT: Balance = 10_000;
/// Gets what slashes leave.
pub(crate) const SINK: AccountId = 99;
/// Endowed accounts.
pub(crate) const ALICE: AccountId = 1;
pub(crate) const BOB: AccountId = 2;
pub(crate) const CHARLIE: AccountId = 3;
/// An account that does not exist.
pub(crate) const NOBODY: AccountId = 77;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(2)]
	pub type Stake = pallet_stake<Instance1>;
	#[runtime::pallet_index(3)]
	pub type OtherStake = pallet_stake<Instance2>;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = MockBlockU32<Test>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<ED>;
	type AccountStore = System;
}

/// Pays what slashes leave into one account.
#[derive(Debug)]
pub struct ToSink;

impl OnUnbalanced<pallet_balances::CreditOf<Test, ()>> for ToSink {
	fn on_nonzero_unbalanced(credit: pallet_balances::CreditOf<Test, ()>) {
		Balances::resolve(&SINK, credit).expect("the sink is endowed");
	}
}

parameter_types! {
	pub static UnbondingBlocks: u32 = UNBONDING;
}

type Instance1 = frame_support::instances::Instance1;
type Instance2 = frame_support::instances::Instance2;

impl pallet_stake::Config<Instance1> for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = ToSink;
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = UnbondingBlocks;
	type MaxUnbondingChunks = ConstU32<MAX_CHUNKS>;
	type MinBond = ConstU128<MIN_BOND>;
	type WeightInfo = ();
}

impl pallet_stake::Config<Instance2> for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Slash = ToSink;
	type ForceOrigin = EnsureRoot<AccountId>;
	type UnbondingBlocks = UnbondingBlocks;
	type MaxUnbondingChunks = ConstU32<MAX_CHUNKS>;
	type MinBond = ConstU128<MIN_BOND>;
	type WeightInfo = pallet_stake::weights::SubstrateWeight<Test>;
}

/// Run `test` in block 1 between the integrity tests and a check of every invariant.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("the default genesis builds");
	pallet_balances::GenesisConfig::<Test> {
		balances: [ALICE, BOB, CHARLIE, SINK].map(|who| (who, ENDOWMENT)).to_vec(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.expect("the endowments build");

	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		System::set_block_number(1);
		Stake::integrity_test();
		OtherStake::integrity_test();
		test();
		check_invariants();
	});
}

/// Every invariant of both instances.
pub(crate) fn check_invariants() {
	Stake::do_try_state().expect("invariants hold");
	OtherStake::do_try_state().expect("invariants hold");
}

/// Go on by some blocks, with no events left over.
pub(crate) fn advance(blocks: u32) {
	System::set_block_number(System::block_number() + blocks);
	System::reset_events();
}

/// The events of the pallet under test since the last reset.
pub(crate) fn events() -> Vec<crate::Event<Test, Instance1>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Stake(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// What is on hold of an account for the instance under test.
pub(crate) fn held(who: AccountId) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::balance_on_hold(&RuntimeHoldReason::Stake(pallet_stake::HoldReason::Bonded), &who)
}
