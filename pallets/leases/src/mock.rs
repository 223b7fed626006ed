//! A runtime of this pallet, balances, and neighbours that do as a test tells them. The neighbours
//! keep what they are told in storage, so that it is rolled back with everything else.

use crate as pallet_leases;
use assay_primitives::{CostForm, ModelId, ModelInfo, ProgramDigest, WeightsRoot, WorkerKey};
use frame_support::{
	derive_impl, parameter_types, storage_alias,
	traits::{ConstU128, ConstU32, Hooks},
	Twox64Concat,
};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult, Permill};

pub(crate) type AccountId = u64;
pub(crate) type Balance = u128;

pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;
pub(crate) const OFFER_DEPOSIT: Balance = 100;
pub(crate) const MIN_ESCROW: Balance = 50;
pub(crate) const OVERDRAFT_FEE: Balance = 20;
pub(crate) const ENDOWMENT: Balance = 1_000_000;

pub(crate) const PROVIDER: AccountId = 1;
pub(crate) const OTHER_PROVIDER: AccountId = 2;
pub(crate) const TENANT: AccountId = 3;
pub(crate) const OTHER_TENANT: AccountId = 4;
pub(crate) const MODEL_OWNER: AccountId = 5;
pub(crate) const AUDIT_POOL: AccountId = 6;
pub(crate) const STRANGER: AccountId = 7;
pub(crate) const TREASURY: AccountId = 99;
/// Has no account.
pub(crate) const NOBODY: AccountId = 1_000;

pub(crate) const MODEL: ModelId = ModelId(0);
pub(crate) const OTHER_MODEL: ModelId = ModelId(1);
pub(crate) const ROYALTY: Balance = 2;

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
	pub type Leases = crate;
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
	pub const Treasury: AccountId = TREASURY;
	pub const ProtocolFee: Permill = Permill::from_percent(10);
}

/// What the mocked neighbours remember.
#[derive(Debug)]
pub struct Neighbours;

#[storage_alias]
type Ready = StorageMap<Neighbours, Twox64Concat, AccountId, ()>;
#[storage_alias]
type Engaged =
	StorageMap<Neighbours, Twox64Concat, AccountId, u32, frame_support::pallet_prelude::ValueQuery>;
#[storage_alias]
type ModelTerms = StorageMap<Neighbours, Twox64Concat, ModelId, (Balance, bool)>;

impl Neighbours {
	pub(crate) fn set_ready(who: AccountId, ready: bool) {
		if ready {
			Ready::insert(who, ());
		} else {
			Ready::remove(who);
		}
	}

	pub(crate) fn engaged(who: AccountId) -> u32 {
		Engaged::get(who)
	}

	pub(crate) fn set_model(id: ModelId, royalty_per_unit: Balance, retired: bool) {
		ModelTerms::insert(id, (royalty_per_unit, retired));
	}

	pub(crate) fn remove_model(id: ModelId) {
		ModelTerms::remove(id);
	}
}

impl assay_primitives::Providers<AccountId> for Neighbours {
	fn may_take_work(who: &AccountId) -> bool {
		Ready::contains_key(who)
	}
	fn worker_key(_: &AccountId) -> Option<WorkerKey> {
		None
	}
	fn provider_of(_: &WorkerKey) -> Option<AccountId> {
		None
	}
	fn engage(who: &AccountId) -> DispatchResult {
		Engaged::try_mutate(who, |engaged| {
			*engaged = engaged.checked_add(1).ok_or(DispatchError::Other("too much"))?;
			Ok(())
		})
	}
	fn disengage(who: &AccountId) {
		Engaged::mutate(who, |engaged| {
			*engaged = engaged.checked_sub(1).expect("disengaged as often as engaged")
		});
	}
	fn note(_: &AccountId, _: assay_primitives::Outcome<'_, AccountId>) {}
	fn record(_: &AccountId) -> Option<assay_primitives::Record> {
		None
	}
	fn trust(_: &AccountId) -> u32 {
		0
	}
}

impl assay_primitives::Models<AccountId, Balance> for Neighbours {
	fn model(id: ModelId) -> Option<ModelInfo<AccountId, Balance>> {
		let (royalty_per_unit, retired) = ModelTerms::get(id)?;
		Some(ModelInfo {
			program: ProgramDigest::default(),
			weights: WeightsRoot::default(),
			owner: MODEL_OWNER,
			royalty_per_unit,
			leaves: Default::default(),
			weights_bytes: 0,
			cost: CostForm {
				semantics: assay_program::SEMANTICS_DRAFT,
				max_batch: 1,
				max_sequence: 1,
				max_steps: 1,
				sampling: false,
				macs: [0; 4],
				input_bytes: [0; 4],
				output_bytes: [0; 4],
			},
			retired,
		})
	}
	fn job_opened(_: ModelId) -> DispatchResult {
		Ok(())
	}
	fn job_closed(_: ModelId) {}

	fn program(_: &ProgramDigest) -> Option<Vec<u8>> {
		None
	}
}

impl pallet_leases::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Providers = Neighbours;
	type Models = Neighbours;
	type Treasury = Treasury;
	type ProtocolFee = ProtocolFee;
	type MaxOffersPerProvider = ConstU32<3>;
	type MaxLeasesPerProvider = ConstU32<4>;
	type MaxOpenJobsPerLease = ConstU32<3>;
	type MinEscrow = ConstU128<MIN_ESCROW>;
	type OfferDeposit = ConstU128<OFFER_DEPOSIT>;
	type OverdraftFee = ConstU128<OVERDRAFT_FEE>;
	type RateBurstBlocks = ConstU32<10>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Neighbours;
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_leases::BenchmarkHelper<AccountId> for Neighbours {
	fn provider() -> AccountId {
		Self::set_ready(PROVIDER, true);
		let _ = Balances::force_set_balance(RuntimeOrigin::root(), PROVIDER, Balance::MAX / 4);
		PROVIDER
	}
	fn model() -> ModelId {
		Self::set_model(MODEL, 1, false);
		MODEL
	}
}

/// Externalities in block 1: funded accounts, two providers that may work, one model.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let funded = [
		PROVIDER,
		OTHER_PROVIDER,
		TENANT,
		OTHER_TENANT,
		MODEL_OWNER,
		AUDIT_POOL,
		STRANGER,
		TREASURY,
	];
	let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	pallet_balances::GenesisConfig::<Test> {
		balances: funded.iter().map(|who| (*who, ENDOWMENT)).collect(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		System::set_block_number(1);
		Neighbours::set_ready(PROVIDER, true);
		Neighbours::set_ready(OTHER_PROVIDER, true);
		Neighbours::set_model(MODEL, ROYALTY, false);
	});
	ext
}

/// Runs a test between the integrity test and the invariants.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		<Leases as Hooks<u32>>::integrity_test();
		test();
		Leases::do_try_state().unwrap();
	});
}
