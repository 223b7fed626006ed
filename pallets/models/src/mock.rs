//! A runtime of this pallet and balances.

use crate as pallet_models;
use assay_program::{
	EmbedBy, Limits, Operator, Program, TensorId, WeightId, WeightKind, WeightShape,
	SEMANTICS_DRAFT,
};
use codec::Encode;
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU128, Contains, Hooks},
};
use sp_runtime::{traits::IdentityLookup, BuildStorage};

pub(crate) type AccountId = u64;
pub(crate) type Balance = u128;

pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;
pub(crate) const MODEL_DEPOSIT: Balance = 100;
pub(crate) const PROGRAM_DEPOSIT_BASE: Balance = 50;
pub(crate) const PROGRAM_DEPOSIT_PER_BYTE: Balance = 3;
pub(crate) const ENDOWMENT: Balance = 1_000_000;

pub(crate) const OWNER: AccountId = 1;
pub(crate) const OTHER_OWNER: AccountId = 2;
pub(crate) const STRANGER: AccountId = 3;

#[frame_support::runtime]
mod test_runtime {
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
	pub type Models = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
}

parameter_types! {
	/// Whether the draft is accepted; a test may switch it off.
	pub storage DraftAccepted: bool = true;
}

/// The draft, while it is accepted.
#[derive(Debug)]
pub struct Accepted;

impl Contains<u32> for Accepted {
	fn contains(semantics: &u32) -> bool {
		DraftAccepted::get() && *semantics == SEMANTICS_DRAFT
	}
}

impl pallet_models::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type AcceptedSemantics = Accepted;
	type ModelDeposit = ConstU128<MODEL_DEPOSIT>;
	type ProgramDepositBase = ConstU128<PROGRAM_DEPOSIT_BASE>;
	type ProgramDepositPerByte = ConstU128<PROGRAM_DEPOSIT_PER_BYTE>;
	type WeightInfo = ();
}

/// A program that looks its tokens up in a table of `vocabulary` rows and emits what it finds.
pub(crate) fn program(vocabulary: u32) -> Program {
	Program {
		semantics: SEMANTICS_DRAFT,
		limits: Limits::encoder(4, 16),
		weights: vec![
			WeightShape { kind: WeightKind::Int8, dims: vec![vocabulary, 8] },
			WeightShape { kind: WeightKind::Int32, dims: vec![vocabulary] },
		],
		operators: vec![
			Operator::Tokens { vocabulary },
			Operator::Embed {
				ids: TensorId(0),
				table: WeightId(0),
				scales: WeightId(1),
				by: EmbedBy::Token,
				fraction: 12,
			},
			Operator::Stop { next: None, ends: vec![] },
			Operator::Emit { value: TensorId(1), stop: TensorId(2) },
		],
	}
}

pub(crate) fn program_bytes(vocabulary: u32) -> Vec<u8> {
	program(vocabulary).encode()
}

/// Externalities in block 1 with funded accounts.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	pallet_balances::GenesisConfig::<Test> {
		balances: [OWNER, OTHER_OWNER, STRANGER].map(|who| (who, ENDOWMENT)).into(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Runs a test between the integrity test and the invariants.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		<Models as Hooks<u32>>::integrity_test();
		test();
		Models::do_try_state().unwrap();
	});
}
